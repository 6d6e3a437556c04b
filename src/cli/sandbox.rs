//! `plumb sandbox`.

use super::time::time;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, ValueEnum};
use plumb_sandbox::{airflow, code_runner::CodeOptions, emr, gcs};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Run the embedded emulator of Databricks, and of Airflow, EMR and Google Cloud Storage
///
/// Servers on this machine that behave as a workspace, an Airflow and an AWS account's EMR do, defaults, paging and errors
/// included. It prints one line of JSON with their addresses and runs until it is interrupted. Any token signs in to the
/// workspace, any name and password to Airflow. Requests to EMR are signed with the access key `plumb` and the secret
/// `sandbox`. Any bearer token signs in to Google Cloud Storage.
///
/// With --run-code the Python of job runs is run: files, notebooks and pure Python wheels of the workspace and of volumes, by
/// this machine's Python. The code runs as you, without a container: it can read and change what you can. It gets an empty
/// environment, a copy of its files, and limits of time and memory. Every other task is simulated, as all are without the
/// flag, and its output says so.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb sandbox --listen 127.0.0.1:8080
  plumb sandbox --seed workspace.json --state sandbox.json --latency 50ms
  plumb sandbox --airflow --dags ./dags
  plumb sandbox --airflow 2 --mwaa prod
  plumb sandbox --emr monthly
  plumb sandbox --airflow --gcs --dags gs://my-bucket/dags
  plumb sandbox --run-code --code-time 5m --python .venv/bin/python
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
    /// Folder that Airflow reads its DAG files from, or a bucket of the emulator (gs://BUCKET/PREFIX, as Composer has it)
    #[arg(long, value_name = "DIR", requires = "airflow")]
    dags: Option<PathBuf>,
    /// Emulate EMR, EMR Serverless, STS and S3 (read only) too, at an address of their own (AWS_ENDPOINT_URL)
    #[arg(long, value_name = "ACCOUNT", num_args = 0..=1, default_missing_value = "empty")]
    emr: Option<SandboxAccount>,
    /// Put Amazon MWAA in front of Airflow, with an environment of this name and an API at an address of its own
    /// (AWS_ENDPOINT_URL_MWAA)
    #[arg(long, value_name = "NAME", requires = "airflow")]
    mwaa: Option<String>,
    /// Emulate Google Cloud Storage too, at an address of its own (STORAGE_EMULATOR_HOST)
    #[arg(long)]
    gcs: bool,
    /// Objects to begin with: {"jobs": […], "runs": […], "clusters": […], "policies": […], "instance_pools": […],
    /// "warehouses": […], "pipelines": […], "airflow": {"dags": […], "connections": […], "variables": […], "pools": […]}, "emr":
    /// {"clusters": […], "security_configurations": […], "applications": […]}, "s3": {"buckets": {…}}, "gcs": {"buckets": {…}}}
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
    /// Run the Python of job runs, as the user who started this command and without a container
    // Whoever reaches the port may have any code run.
    #[arg(long, conflicts_with = "allow_remote")]
    run_code: bool,
    /// How long the code of a task may run: 90s, 10m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time, requires = "run_code")]
    code_time: Duration,
    /// How much memory each process of a task may have, in megabytes
    #[arg(long, value_name = "MB", default_value = "2048", value_parser = clap::value_parser!(u64).range(64..=1_048_576), requires = "run_code")]
    code_memory: u64,
    /// The Python that runs it, 3.8 or later: python3 of the PATH unless one is named
    #[arg(long, value_name = "FILE", requires = "run_code")]
    python: Option<PathBuf>,
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
    if !args.gcs && args.dags.as_ref().is_some_and(|dags| dags.starts_with("gs:")) {
        return Err(Failure::usage("--dags is a bucket, and there is none without --gcs"));
    }
    let run_code = match args.run_code {
        false => None,
        true => Some(CodeOptions {
            python: CodeOptions::python(args.python.as_deref()).map_err(|e| Failure::error(e.to_string()))?,
            time: args.code_time,
            memory_mb: args.code_memory,
        }),
    };
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
        mwaa: args.mwaa.map(|name| airflow::MwaaOptions { name }),
        gcs: args.gcs.then(|| gcs::GcsOptions { listen: SocketAddr::new(args.listen.ip(), 0) }),
        run_code,
        ..plumb_sandbox::SandboxOptions::default()
    };
    let running = plumb_sandbox::start(options).await.map_err(|e| Failure::error(e.to_string()))?;
    if args.run_code {
        ui.warn(
            "the code of jobs runs as you, without a container, for whoever can reach this port: other users of this machine too",
        );
    }
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
