//! The real boto3 as a client.

use plumb_sandbox::SandboxOptions;
use serde_json::json;
use std::path::Path;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn understands_every_answer_and_names_every_error() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (seed, emr) = (Some(json!({ "emr": "monthly" })), Some(plumb_sandbox::emr::EmrOptions::default()));
    let running = plumb_sandbox::start(SandboxOptions { seed, emr, ..SandboxOptions::default() }).await.unwrap();
    let url = running.emr_url().unwrap();
    let output = tokio::task::spawn_blocking(move || {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
        let requirements = folder.join("requirements-moto.txt");
        let setup = Command::new("sh").arg(folder.join("setup.sh")).arg(requirements).output().unwrap();
        assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
        let python = String::from_utf8(setup.stdout).unwrap();
        let mut command = Command::new(python.trim());
        command.arg(folder.join("test_boto3.py")).env("EMR_URL", url);
        // No profile, region or endpoint of whoever runs the tests.
        for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
            command.env(name, "none");
        }
        for name in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"] {
            command.env_remove(name);
        }
        command.output().unwrap()
    });
    let output = output.await.unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", said(&output.stdout), said(&output.stderr));
}
