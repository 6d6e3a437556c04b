//! `plumb sandbox`.

use super::time::time;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, ValueEnum};
use plumb_sandbox::{airflow, emr};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Run the embedded emulator of Databricks, and of Airflow and EMR
///
/// Servers on this machine that behave as a workspace, an Airflow and an AWS account's EMR do, defaults, paging and errors
/// included. It prints one line of JSON with their addresses and runs until it is interrupted. Any token signs in to the
/// workspace, any name and password to Airflow. Requests to EMR are signed with the access key `plumb` and the secret
/// `sandbox`.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb sandbox --listen 127.0.0.1:8080
  plumb sandbox --seed workspace.json --state sandbox.json --latency 50ms
  plumb sandbox --airflow --dags ./dags
  plumb sandbox --emr monthly
  curl $URL/_sandbox/settings -d '{\"runs\": {\"etl\": {\"scenario\": \"spot-lost\"}}}'
  curl $URL/_sandbox/faults -d '{\"path\": \"/api/2.2/jobs/create\", \"status\": 503}'
  curl $URL/_sandbox/requests")]
pub struct SandboxArgs {
    /// Address to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Emulate Airflow too, of this major version (3, or 2), at an address of its own
    #[arg(long, value_name = "MAJOR", num_args = 0..=1, default_missing_value = "3", value_parser = clap::value_parser!(u8).range(2..=3))]
    airflow: Option<u8>,
    /// Folder that Airflow reads its DAG files from
    #[arg(long, value_name = "DIR", requires = "airflow")]
    dags: Option<PathBuf>,
    /// Emulate EMR, EMR Serverless, STS and S3 (read only) too, at an address of their own (AWS_ENDPOINT_URL)
    #[arg(long, value_name = "ACCOUNT", num_args = 0..=1, default_missing_value = "empty")]
    emr: Option<SandboxAccount>,
    /// Objects to begin with: {"jobs": […], "runs": […], "clusters": […], "policies": […], "instance_pools": […],
    /// "warehouses": […], "airflow": {"dags": […], "connections": […], "variables": […], "pools": […]}, "emr":
    /// {"clusters": […], "security_configurations": […], "applications": […]}, "s3": {"buckets": {…}}}
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// File to keep the objects in between two runs
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Time to wait before each answer: 50ms, 1s
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = time)]
    latency: Duration,
    /// Listen to other machines too: anybody who reaches the port may do anything
    #[arg(long)]
    allow_remote: bool,
}

/// What the emulated AWS account has to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SandboxAccount {
    /// Nothing
    Empty,
    /// Six monthly pipelines of a data team
    Monthly,
}

/// Runs the emulator.
pub async fn run(args: SandboxArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let seed = match &args.seed {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| Failure::error(format!("{}: {e}", path.display())))?;
            let seed = serde_json::from_str(&text).map_err(|e| Failure::error(format!("{}: {e}", path.display())))?;
            Some(seed)
        }
    };
    let seed = with_account(seed, args.emr)?;
    let options = plumb_sandbox::SandboxOptions {
        listen: args.listen,
        seed,
        latency: args.latency,
        state: args.state,
        allow_remote: args.allow_remote,
        airflow: args.airflow.map(|version| airflow::AirflowOptions {
            version,
            dags: args.dags,
            // Beside the workspace, on a port of its own.
            listen: SocketAddr::new(args.listen.ip(), 0),
            ..airflow::AirflowOptions::default()
        }),
        emr: args
            .emr
            .map(|_| emr::EmrOptions { listen: SocketAddr::new(args.listen.ip(), 0), ..emr::EmrOptions::default() }),
        ..plumb_sandbox::SandboxOptions::default()
    };
    let running = plumb_sandbox::start(options).await.map_err(|e| Failure::error(e.to_string()))?;
    ui.data(&format!("{}\n", running.addresses()))?;
    ended().await;
    running.stop().await.map_err(Failure::error)?;
    Ok(ExitCode::Ok)
}

/// The seed with the chosen account.
fn with_account(seed: Option<Value>, account: Option<SandboxAccount>) -> Result<Option<Value>, Failure> {
    if account != Some(SandboxAccount::Monthly) {
        return Ok(seed);
    }
    let mut seed = seed.unwrap_or_else(|| json!({}));
    if seed.get("emr").is_some() {
        return Err(Failure::usage(
            "the seed has an `emr`, and --emr monthly would be another one: leave one of them out",
        ));
    }
    // What is no object is refused where seeds are read.
    if let Some(members) = seed.as_object_mut() {
        members.insert("emr".to_owned(), json!("monthly"));
    }
    Ok(Some(seed))
}

/// Waits for the signal to end.
async fn ended() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
