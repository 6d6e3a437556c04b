//! Months that pass on the sandbox's clock: what runs, when, and for which period.

use crate::play;
use crate::request::Request;
use crate::store::{Clock, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn day(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().strftime("%Y-%m-%d").to_string()
}

/// A workspace, an Airflow and an account at noon of the first of November, with an old DAG that starts a cluster each month
/// and a new one, which is paused, that runs a job of the same month.
fn world(major: u8) -> Store {
    let mut store = Store::new(Clock::Fixed(ms("2026-11-01T12:00:00Z")));
    store.settings.airflow.version = major;
    store.settings.airflow.plays = true;
    (store.settings.run_pending_seconds, store.settings.run_seconds) = (Some(300), Some(3 * 3600));
    (store.settings.emr.cluster_seconds, store.settings.emr.step_seconds) = (Some(240), Some(600));
    let dag = |id: &str, task: Value, paused: bool| {
        json!({ "dag_id": id, "is_paused": paused, "catchup": false, "max_active_runs": 1,
            "start_date": "2026-01-01T00:00:00+01:00",
            "schedule": { "cron": "0 3 2 * *", "timezone": "Europe/Berlin", "interval": true }, "tasks": [task] })
    };
    let new = json!({ "task_id": "run", "operator": "DatabricksRunNowOperator", "starts": { "job": {
        "job_name": "audience", "job_parameters": { "month": "{{ ds[:7] }}", "output": "s3://shadow/audience" } } } });
    let seed = json!({
        "jobs": [{ "name": "audience", "parameters": [{ "name": "month", "default": "" }, { "name": "output", "default": "s3://real" }],
            "tasks": [{ "task_key": "build", "notebook_task": { "notebook_path": "/a" }, "existing_cluster_id": "c" }] }],
        "emr": "monthly",
        "airflow": { "monthly": true, "dags": [dag("audience", new, true)] },
    });
    store.settings.check_references = false;
    crate::control::seed(&mut store, &seed).unwrap();
    store
}

fn airflow(store: &mut Store, method: &str, path: &str, body: Value) -> Value {
    let access = crate::airflow::Access { token: Some("t".to_owned()), ..Default::default() };
    let path = format!("/api/v{}/{path}", store.settings.airflow.version - 1);
    let mut request = Request::internal(method, &path, "", body);
    request.authorization = Some("Bearer t".to_owned());
    let answer = crate::airflow::handle(store, &access, &mut request, false);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let crate::answer::Content::Json(body) = answer.content else { panic!("no JSON") };
    body
}

fn until(store: &mut Store, ms: i64) {
    let seconds = (ms - store.now()) / 1000;
    play::advance(store, seconds);
}

fn pause(store: &mut Store, dag: &str, paused: bool) {
    airflow(store, "PATCH", &format!("dags/{dag}"), json!({ "is_paused": paused }));
}

/// How often each month was worked on: by clusters of a name, and by runs of the job.
fn by_month(store: &Store) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    // Clusters are forgotten after two months, what Airflow knows of them is not.
    for run in &store.airflow.runs {
        let month = day(run.logical.unwrap())[..7].to_owned();
        let side = if run.dag_id == "legacy_audience" { &mut old } else { &mut new };
        if ["legacy_audience", "audience"].contains(&run.dag_id.as_str()) {
            *side.entry(month).or_default() += 1;
        }
    }
    (old, new)
}

#[test]
fn an_old_dag_starts_its_cluster_each_month_and_a_new_one_its_job() {
    for major in [2, 3] {
        let mut store = world(major);
        pause(&mut store, "audience", false);
        play::advance(&mut store, 3 * 86_400);
        let clusters = &store.emr.region("eu-central-1").clusters;
        let named: Vec<_> = clusters
            .values()
            .filter(|c| c.name() == "bau-audience-2026-10" && c.created > ms("2026-11-02T00:00:00Z"))
            .collect();
        let [cluster] = named.as_slice() else { panic!("{} clusters", named.len()) };
        assert_eq!(cluster.created, ms("2026-11-02T02:00:00Z"), "03:00 in Berlin");
        assert_eq!(cluster.ready, Some(ms("2026-11-02T02:08:00Z")));
        let step = |at: usize| cluster.steps[at].started.unwrap();
        assert_eq!((step(0), step(1) - step(0)), (ms("2026-11-02T02:08:00Z"), 58 * 60_000), "58 minutes, as ever");
        assert!(cluster.steps[0].asked["HadoopJarStep"]["Args"].as_array().unwrap().contains(&json!("2026-10")));
        assert_eq!(cluster.ended, Some(ms("2026-11-02T02:08:00Z") + (58 + 96 + 11) * 60_000 + 240_000));
        let members: Vec<_> = cluster.groups.iter().flat_map(|g| &g.members).collect();
        assert!(members.iter().all(|m| m.ready.is_some() && m.ended == cluster.ended));
        let month =
            |run: &crate::databricks::runs::Run| run.given["job_parameters"]["month"].as_str().unwrap().to_owned();
        let runs: Vec<_> = store.databricks.runs.values().collect();
        assert_eq!(runs.iter().map(|run| month(run)).collect::<Vec<_>>(), ["2026-10"]);
        let last = runs[0];
        assert_eq!((last.created, last.started), (ms("2026-11-02T02:00:00Z"), Some(ms("2026-11-02T02:05:00Z"))));
        assert_eq!(last.ended, Some(ms("2026-11-02T05:05:00Z")));
        assert_eq!(last.given["job_parameters"]["output"], "s3://shadow/audience");
        let rows = airflow(&mut store, "GET", "dags/audience/dagRuns", Value::Null)["dag_runs"].clone();
        let ended = if major == 3 { "2026-11-02T05:05:00Z" } else { "2026-11-02T05:05:00+00:00" };
        assert_eq!((&rows[0]["state"], &rows[0]["end_date"]), (&json!("success"), &json!(ended)));
    }
}

/// Two years, with summer times in between. A wave is cut over by hand: each month is worked on once by one side and never
/// by none, and the old side starts nothing after it.
#[test]
fn over_two_years_no_month_is_skipped_or_doubled_by_a_cutover_in_the_middle() {
    for (major, cutover, first) in [(3, "2027-07-10T10:00:00Z", "2027-07"), (2, "2027-04-02T12:00:00Z", "2027-04")] {
        let mut store = world(major);
        until(&mut store, ms(cutover));
        pause(&mut store, "legacy_audience", true);
        // Without a start in this month, switching it on would run last month's at once, which the old one ran.
        let dag = store.airflow.dags.get_mut("audience").unwrap();
        dag.definition.start_date = Some(format!("{first}-01T00:00:00+02:00"));
        pause(&mut store, "audience", false);
        until(&mut store, ms("2028-11-01T12:00:00Z"));
        let (old, new) = by_month(&store);
        let mut month: jiff::civil::Date = "2026-10-01".parse().unwrap();
        for _ in 0..24 {
            let name = month.strftime("%Y-%m").to_string();
            let times = (old.get(&name).copied().unwrap_or(0), new.get(&name).copied().unwrap_or(0));
            let wanted = if name.as_str() < first { (1, 0) } else { (0, 1) };
            assert_eq!(times, wanted, "{major} {name}: {old:?} {new:?}");
            month = month.checked_add(jiff::Span::new().months(1)).unwrap();
        }
        assert_eq!(old.values().sum::<usize>() + new.values().sum::<usize>(), 24, "and no other month");
        let mut runs = store.airflow.runs.iter().filter(|run| run.dag_id.ends_with("audience"));
        assert!(runs.all(|run| run.state == "success"));
        let given: Vec<_> =
            store.databricks.runs.values().map(|r| r.given["job_parameters"]["month"].clone()).collect();
        assert_eq!(given, new.keys().map(|month| json!(month)).collect::<Vec<_>>());
    }
}

/// The same months pass in one leap, in days and in odd steps.
#[test]
fn it_does_not_matter_in_how_many_steps_the_clock_is_moved() {
    let told = |steps: &[i64]| {
        let mut store = world(3);
        pause(&mut store, "audience", false);
        let end = store.now() + 200 * 86_400_000;
        let mut turn = steps.iter().cycle();
        while store.now() < end {
            let to = (store.now() + turn.next().unwrap() * 1000).min(end);
            until(&mut store, to);
        }
        let runs: Vec<_> = store
            .airflow
            .runs
            .iter()
            .map(|r| (r.dag_id.clone(), r.logical, r.started, r.ended, r.state.clone()))
            .collect();
        let jobs: Vec<_> =
            store.databricks.runs.values().map(|r| (r.created, r.started, r.ended, r.given.clone())).collect();
        let clusters = store.emr.region("eu-central-1").clusters.values();
        let mut clusters: Vec<_> = clusters.map(|c| (c.created, c.name().to_owned(), c.ready, c.ended)).collect();
        clusters.sort();
        (runs, jobs, clusters)
    };
    let leap = told(&[200 * 86_400]);
    assert!(leap.0.len() > 30 && leap.1.len() == 7, "{} {}", leap.0.len(), leap.1.len());
    for steps in [&[86_400][..], &[3_600, 7 * 86_400, 61, 40 * 86_400]] {
        assert_eq!(told(steps), leap);
    }
}

#[test]
fn what_a_task_started_fails_and_so_do_the_task_and_the_run_and_what_waits_never_begins() {
    let mut store = world(3);
    let after = json!({ "task_id": "after", "operator": "EmptyOperator" });
    let dag = store.airflow.dags.get_mut("audience").unwrap();
    dag.definition.tasks.push(serde_json::from_value(after).unwrap());
    dag.definition.tasks[0].downstream = vec!["after".to_owned()];
    store
        .settings
        .runs
        .insert("audience".to_owned(), serde_json::from_value(json!({ "scenario": "spot-lost" })).unwrap());
    pause(&mut store, "audience", false);
    until(&mut store, ms("2026-11-02T08:00:00Z"));
    let run = &store.airflow.runs.iter().find(|run| run.dag_id == "audience").unwrap();
    assert_eq!(run.state, "failed");
    assert_eq!(run.tasks["after"].state.as_deref(), Some("upstream_failed"));
    let one = &run.tasks["run"].tries[0];
    assert_eq!((one.state.as_str(), one.ended - one.started), ("failed", 3 * 3_600_000 + 300_000));
    assert!(one.log.iter().any(|line| line.more.iter().any(|more| more.contains("failed with terminal state"))));
    assert!(run.tasks["run"].xcom.iter().any(|(key, _)| key == "run_id"));
}

/// A paused DAG begins nothing, and what its tasks wait for goes on.
#[test]
fn a_run_of_a_paused_dag_stays_where_it_is() {
    let mut store = world(3);
    until(&mut store, ms("2026-11-02T03:00:00Z"));
    pause(&mut store, "legacy_audience", true);
    play::advance(&mut store, 86_400);
    let run = store.airflow.runs.iter().find(|run| run.dag_id == "legacy_audience").unwrap();
    assert_eq!((run.state.as_str(), run.ended), ("running", None));
    assert_eq!(run.tasks["run"].tries[0].state, "success");
    pause(&mut store, "legacy_audience", false);
    let run = store.airflow.runs.iter().find(|run| run.dag_id == "legacy_audience").unwrap();
    assert_eq!(run.state, "success");
}

/// Names and members are those of 2.11.2 and 3.x (`action_logging`).
#[test]
fn the_audit_log_says_who_paused_a_dag_and_when() {
    for (major, event, extra) in
        [(2, "api.patch_dag", r#"{"is_paused":true}"#), (3, "patch_dag", r#"{"is_paused":true,"method":"PATCH"}"#)]
    {
        let mut store = world(major);
        pause(&mut store, "legacy_audience", true);
        play::advance(&mut store, 3600);
        pause(&mut store, "audience", false);
        pause(&mut store, "legacy_audience", false);
        let mut ask =
            |query: &str| airflow(&mut store, "GET", &format!("eventLogs?{query}"), Value::Null)["event_logs"].clone();
        let rows = ask("dag_id=legacy_audience");
        let row = &rows[0];
        assert_eq!((&row["event"], &row["extra"], &row["owner"]), (&json!(event), &json!(extra), &json!("token")));
        let when = if major == 3 { "2026-11-01T12:00:00Z" } else { "2026-11-01T12:00:00+00:00" };
        assert_eq!((&row["when"], rows.as_array().unwrap().len()), (&json!(when), 2));
        assert!(row.get("dttm").is_none() && row["task_id"].is_null());
        let latest = ask(&format!("included_events={event}&order_by=-when&limit=1&dag_id=legacy_audience"));
        assert!(latest[0]["extra"].as_str().unwrap().contains("\"is_paused\":false"));
        assert_eq!(ask(&format!("excluded_events={event}&dag_id=legacy_audience")), json!([]));
        assert_eq!(ask("after=2026-11-01T12:30:00Z&dag_id=audience&event=patch_dags"), json!([]));
        assert_eq!(ask("before=2026-11-01T12:30:00Z&dag_id=legacy_audience").as_array().unwrap().len(), 1);
    }
}

/// A world whose new DAG repairs its runs, of which so many fail at first.
fn repairing(repairs: Value, times: usize) -> Store {
    let mut store = world(3);
    let failed = json!({ "result": "FAILED", "error": "dry", "times": times });
    store.settings.runs.insert("audience".to_owned(), serde_json::from_value(failed).unwrap());
    let dag = store.airflow.dags.get_mut("audience").unwrap();
    dag.definition.tasks[0].repairs = serde_json::from_value(repairs).unwrap();
    pause(&mut store, "audience", false);
    play::advance(&mut store, 3 * 86_400);
    store
}

#[test]
fn a_task_repairs_the_run_of_its_job() {
    let store = repairing(json!({ "most": 2, "keeps": true }), 2);
    let runs: Vec<_> = store.databricks.runs.values().collect();
    let [run] = runs.as_slice() else { panic!("{} runs", runs.len()) };
    assert_eq!((run.result.as_deref(), run.repairs.past.len()), (Some("SUCCESS"), 2));
    assert_eq!(run.given["job_parameters"]["month"], "2026-10", "with the parameters of the run");
    let of_dag = store.airflow.runs.iter().find(|run| run.dag_id == "audience" && run.ended.is_some()).unwrap();
    assert_eq!(of_dag.state, "success");
    let said: Vec<&str> = of_dag.tasks["run"].tries[0].log.iter().map(|line| line.event.as_str()).collect();
    let repairs: Vec<&&str> = said.iter().filter(|line| line.starts_with("plumb | repair")).collect();
    assert_eq!(repairs.len(), 2, "{said:?}");
    assert!(repairs[1].ends_with("has begun") && repairs[1].contains("repair 2 of 2"), "{said:?}");
    assert_eq!(of_dag.tasks["run"].tries[0].ended, run.ended.unwrap());

    let store = repairing(json!({ "most": 1, "keeps": false }), 2);
    let run = store.databricks.runs.values().next().unwrap();
    assert_eq!((run.result.as_deref(), run.repairs.past.len()), (Some("FAILED"), 1));
    assert_eq!(run.given, json!({}), "the service takes none over");
    assert!(store.airflow.runs.iter().any(|run| run.dag_id == "audience" && run.state == "failed"));
}
