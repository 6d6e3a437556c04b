//! What the library that finds credentials may touch: the environment as it was handed in, files, plumb's HTTP client, and
//! the helper programs that a profile names.

use super::Env;
use crate::services::http::{self as web, Broken, ClientError};
use bytes::Bytes;
use plumb_model::text::is_loopback;
use reqsign_core::{CommandExecute, CommandOutput, Context, Error, FileRead, HttpSend, Result};
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The variables that the library asks for all at once.
const NAMES: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_REGION",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
];

/// How long the metadata service of an instance may take. On a machine that is none, nothing answers there at all (the
/// AWS CLI waits as long).
const NEAR: Duration = Duration::from_secs(1);

/// How long a helper program may take: some wait for somebody to touch a key.
const HELPER: Duration = Duration::from_secs(60);

pub(super) fn context(env: Env) -> std::result::Result<Context, ClientError> {
    let web = Web { near: web::client(true)?, far: web::client(false)? };
    Ok(Context::new()
        .with_env(AwsEnvironment(env))
        .with_file_read(AwsFiles)
        .with_http_send(web)
        .with_command_execute(Helper))
}

struct AwsEnvironment(Env);

impl fmt::Debug for AwsEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

impl reqsign_core::Env for AwsEnvironment {
    fn var(&self, key: &str) -> Option<String> {
        (self.0)(key)
    }

    fn vars(&self) -> HashMap<String, String> {
        NAMES.iter().filter_map(|name| Some(((*name).to_owned(), (self.0)(name)?))).collect()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        super::profile::home(&self.0).map(PathBuf::from)
    }
}

#[derive(Debug)]
struct AwsFiles;

impl FileRead for AwsFiles {
    async fn file_read(&self, path: &str) -> Result<Vec<u8>> {
        let path = path.to_owned();
        let read = tokio::task::spawn_blocking(move || {
            std::fs::read(&path).map_err(|e| Error::config_invalid(format!("{path}: {e}")))
        });
        read.await.map_err(|e| Error::unexpected(e.to_string()))?
    }
}

#[derive(Debug)]
struct Web {
    /// For addresses on this machine and of its metadata service, which no proxy reaches.
    near: reqwest::Client,
    far: reqwest::Client,
}

/// Whether an address means this machine, or the link that only its host answers on (169.254.169.254, 169.254.170.2,
/// fd00:ec2::254).
fn is_near(host: &str) -> bool {
    host.starts_with("169.254.") || host.starts_with("[fd00:ec2:") || is_loopback(host)
}

impl HttpSend for Web {
    async fn http_send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let plain = request.uri().scheme_str() != Some("https");
        let near = is_near(&host) && plain;
        if plain && !near {
            return Err(Error::unexpected(format!("{host}: credentials would cross the network in the clear")));
        }
        // What was sent and what came back hold credentials: an error says where, and no more.
        let failed = |broken: Broken| Error::unexpected(format!("{host}: {}", broken.why));
        let mut request = reqwest::Request::try_from(request).map_err(|e| failed(Broken::of(e)))?;
        if near {
            *request.timeout_mut() = Some(NEAR);
        }
        let client = if near { &self.near } else { &self.far };
        let response = client.execute(request).await.map_err(|e| failed(Broken::of(e)))?;
        let mut answer = http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            answer = answer.header(name, value);
        }
        let body = web::body(response).await.map_err(failed)?;
        answer.body(Bytes::from(body)).map_err(|e| Error::unexpected(e.to_string()))
    }
}

#[derive(Debug)]
struct Helper;

impl CommandExecute for Helper {
    async fn command_execute<'a>(&'a self, program: &'a str, args: &'a [&'a str]) -> Result<CommandOutput> {
        let failed = |why: String| Error::config_invalid(format!("the credential_process {program}: {why}"));
        let mut command = tokio::process::Command::new(program);
        command.args(args).stdin(std::process::Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(HELPER, command.output())
            .await
            .map_err(|_| failed(format!("no answer for {} s", HELPER.as_secs())))?
            .map_err(|e| failed(e.to_string()))?;
        let status = output.status.code().unwrap_or(-1);
        Ok(CommandOutput { status, stdout: output.stdout, stderr: output.stderr })
    }
}
