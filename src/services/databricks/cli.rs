//! Tokens out of command-line tools that people have signed in with.
//!
//! Facts: databricks-sdk-go, `config/cli_token_source.go` and `config/auth_azure_cli.go`.

use super::oauth::{AZURE_DATABRICKS, DatabricksToken};
use jiff::Timestamp;
use serde_json::Value;
use std::{io, process::Stdio, time::Duration};

/// How long a tool may take. It may have to renew its own token over the network.
const PATIENCE: Duration = Duration::from_secs(60);

/// A token out of the Databricks CLI.
pub(super) async fn databricks(program: &str, profile: Option<&str>, host: &str) -> Result<DatabricksToken, String> {
    let mut args = vec!["auth", "token"];
    let login = match profile {
        Some(profile) => {
            args.extend(["--profile", profile]);
            format!("databricks auth login --profile {profile}")
        }
        None => {
            args.extend(["--host", host]);
            format!("databricks auth login --host {host}")
        }
    };
    let answer = run(program, &args).await.map_err(|failed| match failed {
        CliFailure::Missing => format!(
            "the Databricks CLI (`{program}`) is not installed; install version 0.207 or newer and run `{login}`, or set \
             DATABRICKS_TOKEN"
        ),
        CliFailure::Said(why) => format!("{why}; sign in with `{login}` (the Databricks CLI must be 0.207 or newer)"),
    })?;
    let expires = answer["expiry"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    token(&answer["access_token"], expires)
}

/// A token out of the Azure CLI.
pub(super) async fn azure(program: &str, tenant: Option<&str>) -> Result<DatabricksToken, String> {
    let mut args = vec!["account", "get-access-token", "--resource", AZURE_DATABRICKS, "--output", "json"];
    if let Some(tenant) = tenant {
        args.extend(["--tenant", tenant]);
    }
    let answer = run(program, &args).await.map_err(|failed| match failed {
        CliFailure::Missing => format!("the Azure CLI (`{program}`) is not installed"),
        CliFailure::Said(why) => format!("{why}; sign in with `az login`"),
    })?;
    // Newer versions have a time in seconds beside the local time that older ones have.
    let expires = match &answer["expires_on"] {
        Value::Number(seconds) => seconds.as_i64(),
        Value::String(seconds) => seconds.parse().ok(),
        _ => None,
    };
    token(&answer["accessToken"], expires.and_then(|seconds| Timestamp::from_second(seconds).ok()))
}

fn token(token: &Value, expires: Option<Timestamp>) -> Result<DatabricksToken, String> {
    let token = token.as_str().filter(|t| !t.is_empty()).ok_or("its answer has no token")?;
    let lasts = expires.map(|time| Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO));
    Ok(DatabricksToken::bearer(token, lasts))
}

enum CliFailure {
    Missing,
    Said(String),
}

async fn run(program: &str, args: &[&str]) -> Result<Value, CliFailure> {
    let output = tokio::process::Command::new(program).args(args).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = match tokio::time::timeout(PATIENCE, output).await {
        Err(_) => return Err(CliFailure::Said(format!("`{program}` gave no token for {} s", PATIENCE.as_secs()))),
        Ok(Err(e)) if e.kind() == io::ErrorKind::NotFound => return Err(CliFailure::Missing),
        Ok(Err(e)) => return Err(CliFailure::Said(format!("cannot run `{program}`: {e}"))),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect();
        return Err(CliFailure::Said(if said.is_empty() { format!("`{program}`: {}", output.status) } else { said }));
    }
    // What it printed is not shown: it is a token, or half of one.
    serde_json::from_slice(&output.stdout).map_err(|_| CliFailure::Said(format!("`{program}` did not answer in JSON")))
}
