//! What jobs stand on, asked for by Databricks' own SDK: warehouses, pipelines, secret scopes.

use super::Fixture;
use std::path::Path;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn databricks_own_sdk_does_the_rounds_of_what_jobs_stand_on() {
    let fixture = Fixture::plain().await;
    let (url, peers) = (fixture.running.url(), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers"));
    let ran = tokio::task::spawn_blocking(move || {
        let setup = Command::new("sh").arg(peers.join("setup.sh")).output().unwrap();
        assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
        let python = String::from_utf8(setup.stdout).unwrap();
        let mut command = Command::new(python.trim());
        command.arg(peers.join("test_stands_on.py")).env("SANDBOX_URL", url);
        command.env_remove("DATABRICKS_HOST").env_remove("DATABRICKS_TOKEN").env("DATABRICKS_CONFIG_FILE", "none");
        command.output().unwrap()
    });
    let ran = ran.await.unwrap();
    let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(ran.status.success(), "{said}");
}
