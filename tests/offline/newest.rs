//! `tests/peers/newest`, which tries newer versions of what the tests compare with: its pure part, and its workflow.

use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn lists_versions_and_issues_are_read_compared_and_told() {
    let mut command = Command::new("python3");
    let done = command.arg(root().join("tests/peers/test_newest.py")).env_remove("PYTHONPATH").output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("\nOK"), "{said}");
}

#[test]
fn the_workflow_runs_it_once_a_week_and_the_job_that_tells_runs_no_package() {
    let text = std::fs::read_to_string(root().join(".github/workflows/newest.yml")).unwrap();
    let workflow: Value = serde_yaml::from_str(&text).unwrap();
    let cron: Vec<&str> = workflow["on"]["schedule"][0]["cron"].as_str().unwrap().split(' ').collect();
    assert!(cron.len() == 5 && cron[2..4] == ["*", "*"] && cron[4].parse::<u8>().is_ok(), "{cron:?}");
    assert_eq!(workflow["permissions"], serde_json::json!({}));
    let (attempt, tell) = (&workflow["jobs"]["try"], &workflow["jobs"]["tell"]);
    assert_eq!(attempt["permissions"], serde_json::json!({"contents": "read"}));
    assert_eq!(tell["permissions"], serde_json::json!({"contents": "read", "issues": "write"}));
    let runs = |job: &Value| -> Vec<String> {
        let steps = job["steps"].as_array().unwrap().iter().filter_map(|step| step["run"].as_str());
        steps.map(str::to_owned).collect()
    };
    assert_eq!(runs(tell), [r#"tests/peers/newest --issue "$RUNNER_TEMP/newest/newest.json""#]);
    let tries = runs(attempt);
    assert!(
        tries.iter().any(|run| run.starts_with("tests/peers/newest --write --test --out newest.json")),
        "{tries:?}"
    );
    // Its options are ones that it has.
    let help = Command::new("python3").arg(root().join("tests/peers/newest")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for option in ["--write", "--test", "--out FILE", "--issue FILE", "--only LISTS", "--check"] {
        assert!(help.contains(option), "{option}: {help}");
    }
}
