//! The emulated Amazon MWAA and the real boto3, which also says whether our own requests to it are signed and written as
//! Amazon's client would.

use plumb_sandbox::airflow::{AirflowOptions, MwaaOptions};
use plumb_sandbox::{Running, SandboxOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

async fn start(version: u8) -> Running {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let airflow = Some(AirflowOptions { version, ..AirflowOptions::default() });
    let mwaa = Some(MwaaOptions { name: "prod".to_owned() });
    plumb_sandbox::start(SandboxOptions { airflow, mwaa, ..SandboxOptions::default() }).await.unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// A Python with boto3, and no profile, region or endpoint of whoever runs the tests.
fn python(script: &str) -> Command {
    let setup = Command::new("sh").arg(folder().join("setup.sh")).arg(folder().join("requirements-moto.txt")).output();
    let setup = setup.unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let mut command = Command::new(String::from_utf8(setup.stdout).unwrap().trim());
    command.arg(folder().join(script));
    for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        command.env(name, "none");
    }
    for name in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"] {
        command.env_remove(name);
    }
    command
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_understands_every_answer_and_names_every_error() {
    for version in [3, 2] {
        let running = start(version).await;
        let url = running.mwaa_url().unwrap();
        let output = tokio::task::spawn_blocking(move || {
            python("test_mwaa.py").env("MWAA_URL", url).env("AIRFLOW_MAJOR", version.to_string()).output().unwrap()
        });
        let output = output.await.unwrap();
        assert!(output.status.success(), "Airflow {version}: {}\n{}", said(&output.stdout), said(&output.stderr));
    }
}

const PROJECT: &str = "\
apiVersion: plumb/v1
kind: Project
metadata: {name: demo}
spec:
  kinds: [AirflowPool]
  targets:
    dev: {default: true, airflow: {mwaa: prod}}
";

const POOL: &str = "\
apiVersion: plumb/v1
kind: AirflowPool
metadata: {name: small}
spec: {name: small, slots: 2}
";

/// Applies a pool and plans again, with botocore in between; answers what it saw.
fn applied(url: &str) -> Vec<String> {
    let (key, secret, token) = ("AKIAEXAMPLE", "a+secret/of=slashes", "a/session+token==");
    let keys = [("KEY", key), ("SECRET", secret), ("TOKEN", token), ("MWAA_URL", url)];
    let mut verifier = python("mwaa/verify.py");
    let mut verifier = verifier.envs(keys).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(verifier.stdout.take().unwrap()).lines().map(Result::unwrap);
    let between = lines.next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    std::fs::write(folder.path().join("plumb.yaml"), PROJECT).unwrap();
    std::fs::write(folder.path().join("manifests/small.yaml"), POOL).unwrap();
    for (arguments, says) in [("apply --yes", "created AirflowPool/small"), ("plan", "No changes.")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
        command.env_clear().env("HOME", folder.path()).env("AWS_ENDPOINT_URL_MWAA", &between).envs([
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_SESSION_TOKEN", token),
            ("AWS_REGION", "eu-central-1"),
        ]);
        let done = command.current_dir(folder.path()).args(arguments.split(' ')).output().unwrap();
        let shown = said(&done.stdout) + &said(&done.stderr);
        assert!(done.status.success() && shown.contains(says), "{arguments}: {shown}");
        assert!(!shown.contains(secret) && !shown.contains(token), "{shown}");
    }
    // It ends with its stdin.
    drop(verifier.stdin.take());
    let seen = lines.collect();
    verifier.wait().unwrap();
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_send_is_signed_and_written_as_botocore_does() {
    for (version, access) in [(3, "PUBLIC_ONLY"), (3, "PRIVATE_ONLY"), (2, "PRIVATE_ONLY")] {
        let running = start(version).await;
        let url = running.mwaa_url().unwrap();
        let settings = serde_json::json!({ "mwaa": { "access": access } });
        let request = reqwest::Client::new().patch(format!("{url}/_sandbox/settings")).json(&settings);
        assert!(request.send().await.unwrap().status().is_success());
        let seen = tokio::task::spawn_blocking(move || applied(&url)).await.unwrap();
        let count = |line: &str| seen.iter().filter(|seen| *seen == line).count();
        assert_eq!(count("get_environment eu-central-1"), 2, "{seen:?}");
        let (logins, relayed) = (count("create_web_login_token eu-central-1"), count("invoke_rest_api eu-central-1"));
        let is_public = access == "PUBLIC_ONLY";
        assert_eq!((logins, relayed > 4), if is_public { (2, false) } else { (0, true) }, "{seen:?}");
        assert!(seen.iter().all(|line| !line.starts_with("SignatureDoesNotMatch")), "{seen:?}");
    }
}
