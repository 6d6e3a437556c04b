//! The real Airflow, from PyPI, on this machine: the emulated one answers as it does, and plumb works with it.
//!
//! `PLUMB_SKIP_AIRFLOW2=1` leaves Airflow 2 out.

mod emr;
mod life;
mod logs;
mod project;
mod repair;
mod same;
mod server;
mod wave;

use plumb_sandbox::{SandboxOptions, airflow};
use same::{Exceptions, Side, play};
use server::Airflow;
use tokio::sync::Mutex;

/// Two servers at the same time would be too slow on a small machine.
static ONE: Mutex<()> = Mutex::const_new(());

/// A DAG that needs no provider, with a bit of everything that the API shows.
const MONTHLY: &str = r#"# Every month.
from datetime import timedelta

import pendulum
from airflow import DAG

with DAG(
    dag_id="monthly",
    description="Monthly sales",
    schedule="0 3 1 * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=4,
    dagrun_timeout=timedelta(hours=6),
    default_args={"owner": "data-eng", "retries": 2, "retry_delay": timedelta(seconds=5)},
    tags=["plumb", "monthly", "team:sales"],
    doc_md="By **hand**.",
    params={"month": "2026-10"},
) as dag:
    pass
"#;

const PLAIN: &str = r#"from datetime import datetime, timezone

from airflow import DAG

with DAG("plain", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    pass
"#;

const INTERVAL: &str = r#"import pendulum
from airflow import DAG
from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator
from airflow.timetables.interval import CronDataIntervalTimetable

with DAG(
    "interval",
    schedule=CronDataIntervalTimetable("0 4 2 * *", timezone="Europe/London"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/London"),
    catchup=False,
    tags=["plumb"],
):
    load = DatabricksRunNowOperator(task_id="load", job_name="load", retries=2)
    mart = DatabricksRunNowOperator(task_id="mart", job_name="mart", trigger_rule="all_done")
    load >> mart
"#;

/// What an operator's class says of itself is not in the file that uses it.
const OPERATORS: Exceptions = &[
    ("/tasks", &["template_fields", "ui_color", "ui_fgcolor", "extra_links", "params", "retry_exponential_backoff"]),
    // Whoever runs the test.
    ("/taskInstances", &["unixname"]),
];

fn write(sides: [&Side; 2], name: &str, text: &str) {
    for side in sides {
        std::fs::write(side.dags.join(name), text).unwrap();
    }
}

async fn compare(major: u8, parts: Option<&str>, script: &str, exceptions: Exceptions) {
    let _one = ONE.lock().await;
    // The second of two tests finds a provider installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Airflow::start(major, parts);
    let folder = tempfile::tempdir().unwrap();
    let options = airflow::AirflowOptions {
        version: major,
        dags: Some(folder.path().to_owned()),
        ..airflow::AirflowOptions::default()
    };
    let running =
        plumb_sandbox::start(SandboxOptions { airflow: Some(options), ..SandboxOptions::default() }).await.unwrap();
    let real = Side::new("real", &server.url, &server.user, &server.password, server.dags.clone(), major).await;
    let url = running.airflow_url().unwrap();
    let ours = Side::new("ours", &url, &server.user, &server.password, folder.path().to_owned(), major).await;
    let sides = [&real, &ours];
    let mut differences = play(script, "objects", &real, &ours, exceptions).await;

    for (name, text) in [("monthly.py", MONTHLY), ("plain.py", PLAIN), ("interval.py", INTERVAL)] {
        write(sides, name, text);
    }
    for side in sides {
        side.until("dags", "three DAGs are parsed", |dags| dags["total_entries"] == 3).await;
    }
    differences.extend(play(script, "dags", &real, &ours, exceptions).await);

    write(sides, "plain.py", &format!("{PLAIN}\nimport nosuchmodule\n"));
    for side in sides {
        side.until("importErrors", "the broken file is noticed", |errors| errors["total_entries"] == 1).await;
        side.until("dags", "its DAG is stale", |dags| dags["total_entries"] == 2).await;
    }
    differences.extend(play(script, "broken", &real, &ours, exceptions).await);

    for side in sides {
        std::fs::remove_file(side.dags.join("plain.py")).unwrap();
        side.until("importErrors", "the error is gone with the file", |errors| errors["total_entries"] == 0).await;
    }
    differences.extend(play(script, "gone", &real, &ours, exceptions).await);
    running.stop().await.unwrap();
    assert!(differences.is_empty(), "Airflow {major}, {} differences:\n{}", differences.len(), differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_emulated_airflow_3_answers_as_the_real_one() {
    let parts = Some("api-server dag-processor");
    compare(3, parts, include_str!("v2.txt"), OPERATORS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_emulated_airflow_2_answers_as_the_real_one() {
    if without_airflow_2() {
        return;
    }
    compare(2, None, include_str!("v1.txt"), OPERATORS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn schedules_live_on_airflow_3() {
    let _one = ONE.lock().await;
    life::play(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn schedules_live_on_airflow_2() {
    if without_airflow_2() {
        return;
    }
    let _one = ONE.lock().await;
    life::play(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logs_of_airflow_3_are_read_to_the_line_that_says_why() {
    let _turn = ONE.lock().await;
    logs::play(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logs_of_airflow_2_are_read_to_the_line_that_says_why() {
    if without_airflow_2() {
        return;
    }
    let _turn = ONE.lock().await;
    logs::play(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_that_fail_are_repaired_and_failures_told_on_airflow_3() {
    let _turn = ONE.lock().await;
    repair::play(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_that_fail_are_repaired_and_failures_told_on_airflow_2() {
    if without_airflow_2() {
        return;
    }
    let _turn = ONE.lock().await;
    repair::play(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wave_is_cut_over_and_taken_back_on_airflow_3() {
    let _turn = ONE.lock().await;
    wave::play(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wave_is_cut_over_and_taken_back_on_airflow_2() {
    if without_airflow_2() {
        return;
    }
    let _turn = ONE.lock().await;
    wave::play(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pipelines_are_taken_from_airflow_3() {
    let _turn = ONE.lock().await;
    emr::play(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pipelines_are_taken_from_airflow_2() {
    if without_airflow_2() {
        return;
    }
    let _turn = ONE.lock().await;
    emr::play(2).await;
}

fn without_airflow_2() -> bool {
    std::env::var("PLUMB_SKIP_AIRFLOW2").is_ok_and(|skip| skip == "1")
}
