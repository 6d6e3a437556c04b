//! The logs of a real Airflow, as `plumb diagnose` reads them: page by page, to the line that says why.

use super::project::Project;
use serde_json::{Value, json};

/// How much the task says before it fails: more than one page of any Airflow.
const LINES: u64 = 6_000;

/// Two tasks that fail: by themselves, the one after much noise, the other with a callback that plumb writes.
const LOUD: &str = r#"import logging

import pendulum
from airflow import DAG
try:
    from airflow.providers.standard.operators.python import PythonOperator
except ImportError:
    from airflow.operators.python import PythonOperator


def score():
    log = logging.getLogger("airflow.task")
    for number in range(6000):
        log.info("line %d of many: it's \"all\" going well \\ so far", number)
    raise FileNotFoundError("the ledger of 2024-05 is not there")


with DAG("loud", schedule=None, start_date=pendulum.datetime(2024, 1, 1), is_paused_upon_creation=False):
    PythonOperator(task_id="score", python_callable=score)
"#;

const SCHEDULED: &str = "\
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: told}
spec:
  onFailure: diagnose
  start_date: 2024-05-01
  tasks:
    - {id: load, job: no such job, connection: none_of_that_name}
";

/// Plays it on one major version.
pub async fn play(major: u8) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let project = Project::begin(major).await;
    std::fs::write(project.airflow.dags.join("loud.py"), LOUD).unwrap();
    project.write("manifests/told.yaml", SCHEDULED);
    project.settle().await;
    project.person.until("dags/loud", "the DAG is parsed", |dag| dag["is_paused"] == false).await;
    for dag in ["loud", "told"] {
        let run = json!({ "dag_run_id": "by-hand", "logical_date": "2024-06-15T00:00:00Z" });
        project.ask("POST", &format!("dags/{dag}/dagRuns"), run).await;
    }
    project.run_is("loud", "by-hand", "failed").await;

    // Read to its end: the line is behind all the others, and stands there.
    let diagnosis = json_of(&project.plumb("diagnose airflow:loud/by-hand --output json").await.text);
    assert_eq!(diagnosis["outcome"], "failed", "{diagnosis:#}");
    // The reading is held here, not the verdict.
    let lists = [&diagnosis["cause"]["evidence"], &diagnosis["look_at"]];
    let evidence: Vec<&Value> = lists.into_iter().filter_map(Value::as_array).flatten().collect();
    let told = |e: &&&Value| e["text"].as_str().is_some_and(|text| text.contains("the ledger of 2024-05 is not there"));
    let line = evidence.iter().find(told).unwrap_or_else(|| panic!("{diagnosis:#}"));
    assert_eq!(line["file"], "dag_id=loud/run_id=by-hand/task_id=score/attempt=1.log", "{line}");
    assert!(line["line"].as_u64().is_some_and(|number| number > LINES), "{line}");

    // A task, a try, and the newest of the DAG are the same question here.
    for what in ["airflow:loud/by-hand/score", "airflow:loud/by-hand/score/1", "airflow:loud"] {
        let again = json_of(&project.plumb(&format!("diagnose {what} --output json")).await.text);
        assert_eq!((&again["cause"], &again["look_at"]), (&diagnosis["cause"], &diagnosis["look_at"]), "{what}");
    }
    let months = json_of(&project.plumb("diagnose --since 90d --output json").await.text);
    assert_eq!(months["format"], "plumb.months/v1", "{months:#}");

    // The callback of a file that plumb wrote is called, with the log of the task, and the task fails as it would have.
    project.run_is("told", "by-hand", "failed").await;
    let log = project.logs("told", "by-hand").await;
    assert!(log.contains("plumb | "), "{log}");
    assert!(log.contains("none_of_that_name"), "{log}");
}

fn json_of(text: &str) -> Value {
    let from = text.find("\n{").unwrap_or_else(|| panic!("{text}"));
    // What is said on the other stream stands behind it.
    let mut values = serde_json::Deserializer::from_str(&text[from..]).into_iter::<Value>();
    values.next().unwrap().unwrap()
}
