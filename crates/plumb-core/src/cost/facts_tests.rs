use super::*;
use serde_json::json;

fn text(value: &Value) -> String {
    value.to_string()
}

fn file() -> Value {
    json!({"format": RUNS_FORMAT, "target": "prod", "migration": "audience", "period": "2026-09", "runs": [
        {"side": "new", "system": "databricks", "id": "2", "name": "b", "trigger": "replay", "outcome": "running"},
        {"side": "old", "system": "emr", "id": "j-1", "name": "a", "trigger": "scheduled", "outcome": "succeeded",
            "started": "2026-10-02T04:00:00Z", "ended": "2026-10-02T06:00:00Z",
            "nodes": [{"type": "m5.xlarge", "market": "on-demand", "seconds": {"low": 60, "high": 90}, "why": "launch"}]}]})
}

fn with(pointer: &str, value: Value) -> Value {
    let mut file = file();
    *file.pointer_mut(pointer).unwrap() = value;
    file
}

#[test]
fn a_file_reads_as_it_was_written_in_one_order() {
    let mut kept = read_kept_runs(&text(&file())).unwrap();
    kept.sort();
    assert_eq!(kept.runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["j-1", "2"], "old first");
    let written = kept.text().unwrap();
    assert_eq!(read_kept_runs(&written), Ok(kept.clone()));
    assert_eq!(read_kept_runs(&written).unwrap().text().unwrap(), written);
    assert_eq!(
        (kept.file_name(), kept.file_name_of_target()),
        ("audience-2026-09.json".into(), "audience-2026-09-prod.json".into())
    );
    let odd = KeptRuns::new("a/b", "../x", "2026-09");
    assert_eq!(odd.file_name_of_target(), ".._x-2026-09-a_b.json");
}

#[test]
fn what_is_no_file_of_facts_is_told_with_its_place() {
    let mut unknown = file();
    unknown["runs"][0]["colour"] = json!("s3cr3t");
    let mut twice = file();
    twice["runs"][1] = twice["runs"][0].clone();
    for (file, why) in [
        ("{".to_owned(), "it is no JSON: it ends too early, at line 1"),
        (text(&json!({})), "it has no `format`: `plumb.runs/v1`"),
        (text(&with("/format", json!("plumb.parity/v1"))), "its `format` is not `plumb.runs/v1`"),
        (text(&unknown), "unknown member `colour`, line 1, column"),
        (text(&with("/period", json!(""))), "its `period` is empty"),
        (text(&with("/runs/1/id", json!(""))), "a run has no `id`"),
        (text(&with("/runs/1/ended", json!("2026-10-02T03:00:00Z"))), "run j-1 ends before it starts"),
        (text(&with("/runs/1/nodes/0/seconds/high", json!(59))), "run j-1 has node-seconds whose `low` is above"),
        (text(&twice), "run 2 is in it twice"),
    ] {
        let said = read_kept_runs(&file).unwrap_err();
        assert!(said.starts_with(why), "{said} for {why}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
    let mut missing = file();
    missing["runs"][0].as_object_mut().unwrap().remove("side");
    assert!(read_kept_runs(&text(&missing)).unwrap_err().contains("`side` is missing"));
}

#[test]
fn of_two_files_about_the_same_neither_counts_and_both_are_named() {
    let other = with("/target", json!("dev"));
    let all = [("b.json", file()), ("a.json", file()), ("c.json", other), ("d.json", json!({}))];
    let files = KeptFiles::read(all.map(|(path, file)| (path.to_owned(), Ok(text(&file)))));
    assert_eq!(files.files.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["c.json"]);
    let said = files.notes().join("\n");
    for part in [
        "a.json does not count: the runs of audience for 2026-09 in target prod are in b.json too",
        "in a.json too",
        "d.json",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(files.runs().len(), 1);
}

#[test]
fn a_run_is_settled_once_there_is_nothing_more_to_learn() {
    let run = read_kept_runs(&text(&file())).unwrap().runs.remove(1);
    assert!(run.is_settled());
    for change in [
        (|run: &mut KeptRun| run.outcome = RunResult::Running) as fn(&mut KeptRun),
        |run| run.outcome = RunResult::Unknown,
        |run| run.ended = None,
        |run| run.unknown.push(format!("{STILL_UP}: until now")),
        |run| run.unknown.push(format!("{NOT_READ}: its steps")),
    ] {
        let mut open = run.clone();
        change(&mut open);
        assert!(!open.is_settled(), "{open:?}");
    }
    let mut old = run;
    old.unknown.push("its nodes: EMR forgets them".into());
    assert!(old.is_settled(), "what is forgotten does not come back");
}
