use super::{FailedRun, FailureServices, RunHistory, history};
use crate::observe::failure::{FailureOptions, read_run};
use crate::services::fake::{Fake, FakeAnswer, refused};
use crate::services::{Requests, Services};
use jiff::Timestamp;
use plumb_core::diagnose::Catalogue;
use plumb_core::diagnose::result::RunOutcome;
use plumb_core::kinds;
use plumb_core::manifest::{self, Desired, InMemory, Request};
use plumb_model::call::{Call, System};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const NOW: &str = "2026-11-30T00:00:00Z";

fn desired(manifests: &str) -> Desired {
    let project = json!({"apiVersion": "plumb/v1", "kind": "Project", "metadata": {"name": "p"},
        "spec": {"targets": {"t": {"sandbox": true, "default": true}}}});
    let files = BTreeMap::from([
        ("plumb.yaml".to_owned(), project.to_string().into_bytes()),
        ("manifests/a.yaml".to_owned(), manifests.as_bytes().to_vec()),
    ]);
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    manifest::load(&InMemory(files), &request, kinds::all()).unwrap_or_else(|e| panic!("{:?}", e.problems.len()))
}

const EMR: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: legacy}
spec: {match: {name: legacy-*}, desired: keep}
";
const DAG: &str = "\
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: monthly}
spec: {source: external, dag_id: monthly}
";

fn seconds(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

/// A cluster a day from 1 June on, each with a step; every third failed.
fn emr(days: i64) -> Arc<Fake> {
    let begin = seconds("2026-06-01T00:00:00Z");
    let at = move |day: i64, hour: i64| begin + day * 86_400 + hour * 3_600;
    Fake::new(move |call: &Call| -> FakeAnswer {
        let body = call.body.clone().unwrap_or_default();
        match call.path.rsplit('/').next() {
            Some("ListClusters") => {
                let from = body["Marker"].as_str().map_or(0, |marker| marker.parse::<i64>().unwrap());
                let rows: Vec<Value> = (from..days.min(from + 50))
                    .map(|day| json!({"Id": format!("j-{day}"), "Name": format!("legacy-{day}"), "Status": {"State": "TERMINATED",
                        "Timeline": {"CreationDateTime": at(day, 0), "EndDateTime": at(day, 3)}}}))
                    .collect();
                let marker = (from + 50 < days).then(|| (from + 50).to_string());
                Ok(json!({"Clusters": rows, "Marker": marker}))
            }
            Some("ListSteps") => {
                let id = body["ClusterId"].as_str().unwrap().trim_start_matches("j-").parse::<i64>().unwrap();
                let state = if id % 3 == 0 { "FAILED" } else { "COMPLETED" };
                Ok(
                    json!({"Steps": [{"Id": format!("s-{id}"), "Name": "score", "Config": {"Args": ["--month", "2026-05"]},
                    "Status": {"State": state, "Timeline": {"CreationDateTime": at(id, 0), "StartDateTime": at(id, 1),
                        "EndDateTime": at(id, 2)}}}]}),
                )
            }
            other => panic!("{other:?}"),
        }
    })
}

async fn looked(manifests: &str, system: System, fake: &Arc<Fake>, since: &str) -> RunHistory {
    let services = FailureServices::new(Services::default().with(system, fake.clone(), Requests::default()), None);
    let times = [since.parse().unwrap(), NOW.parse().unwrap()];
    history(&services, &desired(manifests), &Catalogue::builtin().unwrap(), &[], times).await
}

#[tokio::test]
async fn requests_are_linear_in_runs() {
    let mut costs = Vec::new();
    for days in [30, 60, 120] {
        let fake = emr(days);
        let found = looked(EMR, System::Emr, &fake, "2026-01-01T00:00:00Z").await;
        assert_eq!(i64::try_from(found.runs.len()).unwrap(), days);
        assert!(found.unread.is_empty(), "{:?}", found.unread);
        costs.push(fake.asked().len());
    }
    // A page of clusters for each fifty, and the steps of each.
    assert_eq!(costs, [31, 62, 123]);
}

#[tokio::test]
async fn runs_since_a_time_with_what_they_are_and_what_emr_forgot() {
    let fake = emr(30);
    let found = looked(EMR, System::Emr, &fake, "2026-06-21T00:00:00Z").await;
    assert_eq!(found.runs.len(), 10);
    // Of clusters that ended before, the steps are not asked for.
    assert_eq!(fake.asked().len(), 11);
    let failed: Vec<&str> = found
        .runs
        .iter()
        .filter(|run| run.listed.outcome == RunOutcome::Failed)
        .filter_map(|run| run.listed.run.as_deref())
        .collect();
    assert_eq!(failed, ["j-27/s-27", "j-24/s-24", "j-21/s-21"]);
    let one = &found.runs[0].listed;
    assert_eq!(
        (one.name.as_str(), one.system.as_str(), one.period.as_deref()),
        ("EmrCluster/legacy", "emr", Some("2026-05"))
    );
    let missing: Vec<String> = found.missing.iter().map(|m| format!("{}: {}", m.what, m.why)).collect();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].contains("before 1 Oct 2026") && missing[0].contains("two months"), "{missing:?}");
}

#[tokio::test]
async fn pages_of_a_dag_are_read_to_their_end() {
    let fake = Fake::new(|call: &Call| {
        let asked = |name: &str| call.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        assert_eq!(asked("start_date_gte").as_deref(), Some("2026-11-01T00:00:00Z"));
        let from: usize = asked("offset").map_or(0, |offset| offset.parse().unwrap());
        let row = |n: usize| {
            json!({"dag_id": "monthly", "dag_run_id": format!("r{n}"), "state": if n == 3 { "failed" } else { "success" },
            "start_date": "2026-11-02T00:00:00Z", "end_date": "2026-11-02T01:00:00Z"})
        };
        let rows: Vec<Value> = (from..250.min(from + 100)).map(row).collect();
        Ok(json!({"dag_runs": rows, "total_entries": 250}))
    });
    let found = looked(DAG, System::Airflow, &fake, "2026-11-01T00:00:00Z").await;
    assert_eq!((found.runs.len(), fake.asked().len(), found.missing.len()), (250, 3, 0));
    assert_eq!(found.runs.iter().filter(|run| run.listed.outcome == RunOutcome::Failed).count(), 1);
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    let fake = Fake::new(|_: &Call| Err(refused(403, "AccessDenied")));
    let found = looked(&format!("{EMR}---\n{DAG}"), System::Emr, &fake, "2026-11-01T00:00:00Z").await;
    let unread: Vec<&str> = found.unread.iter().map(|missing| missing.what.as_str()).collect();
    assert_eq!(unread, ["runs of AirflowDag/monthly", "runs of EmrCluster/legacy"]);
    assert!(found.unread[0].why.contains("Airflow"), "{:?}", found.unread);
}

/// A callback runs before Airflow notes that the task has failed.
#[tokio::test]
async fn a_task_that_has_failed_whatever_airflow_says_yet() {
    let log = "[2026-10-02T04:00:00.000+0000] {a.py:1} ERROR - the ledger\nTraceback (most recent call \
               last):\n  File \"/dags/a.py\", line 7, in score\nValueError: no ledger\n";
    let fake = Fake::new(move |call: &Call| {
        let task = json!({"task_id": "load", "dag_id": "d", "dag_run_id": "r", "try_number": 1, "state": "running"});
        Ok(match call.path.rsplit('/').next() {
            Some("r") => json!({"dag_id": "d", "dag_run_id": "r", "state": "running"}),
            Some("taskInstances") => json!({"task_instances": [task], "total_entries": 1}),
            Some("1") => json!({"content": log}),
            _ => json!({}),
        })
    });
    let mut outcomes = Vec::new();
    for failed in [false, true] {
        let services =
            FailureServices::new(Services::default().with(System::Airflow, fake.clone(), Requests::default()), None);
        let zone = jiff::tz::TimeZone::UTC;
        let options = FailureOptions { all: false, most: 1 << 20, zone, now: NOW.parse().unwrap(), failed };
        let task = Some("load".to_owned());
        let run = FailedRun::Airflow { dag: "d".into(), run: "r".into(), task, try_number: Some(1) };
        let catalogue = Arc::new(Catalogue::builtin().unwrap());
        let facts = read_run(catalogue.clone(), services, options, run).await.unwrap();
        let told = plumb_core::diagnose::diagnose(&catalogue, &facts);
        outcomes.push((told.outcome, told.cause.is_some()));
    }
    assert_eq!(outcomes, [(RunOutcome::Running, false), (RunOutcome::Failed, true)]);
}
