//! The files as the real Airflow reads them: parsed by the library from PyPI, of both majors.

use super::cases;
use plumb_core::kinds::airflow::{dag_runs, dag_spec::DagSpec, python};
use plumb_model::text::seconds;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The Python of a virtual environment that has this Airflow; it is made when it is not there yet.
fn python_of(version: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let requirements = folder.join(format!("requirements-airflow{version}.txt"));
    let setup = Command::new("sh").arg(folder.join("setup.sh")).arg(requirements).output().unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    String::from_utf8(setup.stdout).unwrap().trim().to_owned()
}

/// What Airflow makes of the files.
fn parse(version: &str, files: &BTreeMap<String, String>) -> Value {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/parse_dags.py");
    let output =
        Command::new(python_of(version)).arg(script).arg(folder.path()).current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(!folder.path().join("owned").exists(), "a string of a manifest was run");
    let (_, answer) = said.rsplit_once("\n==> ").unwrap_or_else(|| panic!("{said}\n{errors}"));
    serde_json::from_str(answer).unwrap()
}

fn or(value: &Value, default: Value) -> Value {
    if value.is_null() { default } else { value.clone() }
}

fn duration(value: &Value) -> Value {
    value.as_str().map_or(Value::Null, |t| json!(seconds(t).unwrap()))
}

fn sorted(value: &Value) -> Value {
    let mut list: Vec<String> =
        value.as_array().into_iter().flatten().map(|v| v.as_str().unwrap().to_owned()).collect();
    list.sort();
    json!(list)
}

/// What Airflow should make of a spec.
fn expected(spec: &Value, major: u8, got: &Value) -> Value {
    let defaults = &spec["defaults"];
    let has_params = spec.get("params").is_some();
    let tasks: serde_json::Map<String, Value> = spec["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| {
            let id = task["id"].as_str().unwrap();
            let pick =
                |member: &str| if task[member].is_null() { defaults[member].clone() } else { task[member].clone() };
            let params = or(&task["params"], json!({}));
            let forward = !(has_params && params.as_object().unwrap().is_empty());
            let shown = json!({
                "after": sorted(&task["after"]),
                "run": task["run"],
                "job": task["job"],
                "params": params,
                // Older providers pass nothing on.
                "forward": if got["tasks"][id]["forward"].is_null() { Value::Null } else { json!(forward) },
                "connection": or(&pick("connection"), json!("databricks_default")),
                "deferrable": or(&pick("deferrable"), json!(false)),
                "poll": or(&duration(&pick("poll")), json!(30)),
                "wait": or(&task["wait"], json!(true)),
                "token": "{{ macros.uuid.uuid4() }}",
                "owner": or(&spec["owner"], json!("airflow")),
                "retries": or(&pick("retries"), json!(0)),
                "retry_delay": or(&duration(&pick("retry_delay")), json!(300)),
                "retry_exponential_backoff": or(&pick("retry_exponential_backoff"), json!(false)),
                "max_retry_delay": or(&duration(&pick("max_retry_delay")), json!(null)),
                "timeout": duration(&pick("timeout")),
                "pool": or(&pick("pool"), json!("default_pool")),
                "pool_slots": or(&task["pool_slots"], json!(1)),
                "priority_weight": or(&task["priority_weight"], json!(1)),
                "trigger_rule": or(&task["trigger_rule"], json!("all_success")),
                "depends_on_past": or(&task["depends_on_past"], json!(false)),
                "outlets": sorted(&task["outlets"]),
                "doc": task["doc"],
                "repairs": repairs(task, defaults),
                "sla": if major == 2 { duration(&spec["deadline"]) } else { Value::Null },
            });
            (id.to_owned(), shown)
        })
        .collect();
    let mut tags: Vec<String> =
        spec["tags"].as_array().into_iter().flatten().map(|t| t.as_str().unwrap().to_owned()).collect();
    tags.push("plumb".into());
    tags.sort();
    let deadline = match (major, duration(&spec["deadline"])) {
        (3, seconds) if !seconds.is_null() => {
            let callback = &spec["deadline_callback"];
            let path = or(&callback["path"], json!("asyncio.sleep"));
            let kwargs = if callback.is_null() { json!({"delay": 0}) } else { or(&callback["arguments"], json!({})) };
            json!([{ "seconds": seconds, "path": path, "kwargs": kwargs }])
        }
        _ => json!([]),
    };
    let typed: DagSpec = serde_json::from_value(spec.clone()).unwrap();
    let zone = dag_runs::zone(&typed).unwrap();
    let instant = |member: &str| spec[member].as_str().map(|t| dag_runs::moment(t, &zone).unwrap().timestamp());
    // Times are compared as instants.
    let at = |member: &str| got[member].as_str().map(|t| t.parse::<jiff::Timestamp>().unwrap());
    if let Some(start) = instant("start_date") {
        assert_eq!(at("start"), Some(start), "start of {}", spec["dag_id"]);
    }
    assert_eq!(at("end"), instant("end_date"), "end of {}", spec["dag_id"]);
    json!({
        "display_name": or(&spec["display_name"], spec["dag_id"].clone()),
        "description": spec["description"],
        "doc": spec["doc"],
        "tags": tags,
        "params": or(&spec["params"], json!({})),
        "start": got["start"],
        "end": got["end"],
        "catchup": or(&spec["catchup"], json!(false)),
        "paused": true,
        "max_active_runs": or(&spec["max_active_runs"], json!(16)),
        "max_active_tasks": or(&spec["max_active_tasks"], json!(16)),
        "dagrun_timeout": duration(&spec["dagrun_timeout"]),
        "deadline": deadline,
        "tasks": tasks,
        "timetable": timetable(&typed, got),
        "assets": typed.schedule.as_ref().and_then(|s| s.assets.as_ref()).map(|uris| {
            let mut uris = uris.clone();
            uris.sort();
            json!({ "match": spec["schedule"]["when"].as_str().unwrap_or("all"), "uris": uris })
        }),
        "runs": runs(&typed),
    })
}

/// How often runs of a task are repaired, and whether with their parameters.
fn repairs(task: &Value, defaults: &Value) -> Value {
    let repair = if task["repair"].is_null() { &defaults["repair"] } else { &task["repair"] };
    if repair.is_null() || task["wait"] == false {
        return Value::Null;
    }
    json!([repair["maxRepairs"], or(&repair["keepParameters"], json!(true))])
}

fn timetable(spec: &DagSpec, got: &Value) -> Value {
    let by_clock = |name: &str, cron: &str| json!({ "type": name, "cron": cron, "timezone": spec.timezone() });
    match (spec.cron(), spec.data_interval()) {
        (None, _) | (Some("@once" | "@continuous"), _) => got["timetable"].clone(),
        (Some("@monthly"), _) => by_clock("CronDataIntervalTimetable", "0 0 1 * *"),
        (Some(cron), plumb_core::kinds::airflow::dag_spec::DataInterval::Previous) => {
            by_clock("CronDataIntervalTimetable", cron)
        }
        (Some(cron), _) => by_clock("CronTriggerTimetable", cron),
    }
}

/// The first run and the one after, as plumb says them.
fn runs(spec: &DagSpec) -> Value {
    let now: jiff::Timestamp = "2024-09-10T00:00:00Z".parse().unwrap();
    let Some(first) = dag_runs::first(spec, now) else { return Value::Null };
    let next = if spec.catchup == Some(true) {
        dag_runs::first(
            &DagSpec { start_date: Some(first.at.strftime("%Y-%m-%dT%H:%M:01").to_string()), ..spec.clone() },
            now,
        )
    } else {
        dag_runs::next(spec, now)
    };
    let utc = |t: &jiff::Zoned| t.timestamp().to_string();
    let shown = |d: &dag_runs::Due| json!({ "at": utc(&d.at), "start": utc(&d.start), "end": utc(&d.end) });
    let next = next.filter(|_| {
        spec.catchup != Some(true) || spec.data_interval() == plumb_core::kinds::airflow::dag_spec::DataInterval::Tick
    });
    json!([shown(&first), next.as_ref().map(shown)])
}

/// Whether Airflow `version` (`3`, `2`, `2.9`) reads every file as it was meant.
fn check(version: &str) {
    let major = if version == "3" { 3 } else { 2 };
    let cases: BTreeMap<String, Value> = cases::all().iter().map(|(n, t)| (n.clone(), cases::load(t))).collect();
    let files: BTreeMap<String, String> = cases
        .values()
        .map(|spec| (python::file_name(spec["dag_id"].as_str().unwrap()), cases::written(spec)))
        .collect();
    let got = parse(version, &files);
    assert!(got["version"].as_str().unwrap().starts_with(version), "{}", got["version"]);
    assert_eq!(got["errors"], json!({}), "import errors");
    assert_eq!(got["dags"].as_object().unwrap().len(), cases.len(), "DAGs");
    for (name, spec) in &cases {
        let got = &got["dags"][spec["dag_id"].as_str().unwrap()];
        let mut expected = expected(spec, major, got);
        // Which time an asset's or a person's run is for is not the clock's to say.
        if expected["runs"].is_null() {
            expected["runs"] = Value::Null;
        }
        for (member, wanted) in expected.as_object().unwrap() {
            assert_eq!(&got[member], wanted, "Airflow {version}, {name}: {member}");
        }
    }
}

#[test]
fn airflow_3_reads_every_file_as_it_was_meant() {
    check("3");
}

#[test]
fn airflow_2_reads_every_file_as_it_was_meant() {
    if std::env::var_os("PLUMB_SKIP_AIRFLOW2").is_some() {
        return;
    }
    check("2");
}

/// The oldest that the files are written for, with a provider of its time.
#[test]
fn airflow_2_9_reads_every_file_as_it_was_meant() {
    if std::env::var_os("PLUMB_SKIP_AIRFLOW2").is_some() {
        return;
    }
    check("2.9");
}
