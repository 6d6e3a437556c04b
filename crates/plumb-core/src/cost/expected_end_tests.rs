use super::*;
use crate::plan::plan_world::{World, manifest};
use serde_json::json;

const HOUR: u64 = 3600;

fn at(text: &str) -> Timestamp {
    format!("2026-11-02T{text}:00Z").parse().unwrap()
}

/// A run that was due at 04:00, was queued ten minutes later, and ended so many minutes after it was due.
fn run(is_scheduled: bool, minutes: i64) -> EndedRun {
    let ended = at("04:00") + SignedDuration::from_mins(minutes);
    EndedRun { is_scheduled, queued: Some(at("04:10")), due: Some(at("04:00")), ended }
}

fn world(deadline: &str) -> World {
    let dag = json!({"deadline": deadline, "schedule": {"cron": "0 4 2 * *"}, "start_date": "2024-01-01", "tasks": [
        {"id": "cleanse", "job": "cleanse"}, {"id": "aggregate", "run": "${resources.DatabricksJob.new}", "after": ["cleanse"]}]});
    World::of(
        manifest("AirflowDag", "monthly", "", &dag) + &manifest("DatabricksJob", "new", "", &json!({"name": "agg"})),
    )
}

fn of(
    world: &World,
    from: DeadlineStart,
    ended: Option<Result<Vec<EndedRun>, String>>,
    kept: &[KeptRuns],
) -> DeadlineOutlook {
    let desired = world.desired();
    let dag = desired.resources.iter().find(|one| one.address.kind == "AirflowDag").unwrap();
    outlook((&desired, dag), from, ended.as_ref(), kept, at("12:00")).unwrap()
}

fn kept(name: &str, took: u64) -> KeptRuns {
    let ended = at("04:00") + SignedDuration::from_secs(took as i64);
    let run = json!({"side": "new", "system": "databricks", "id": "1", "name": name, "trigger": "scheduled",
        "outcome": "succeeded", "tick": "2026-11-02T04:00:00Z", "started": "2026-11-02T04:00:00Z", "ended": ended.to_string()});
    let all =
        json!({"format": "plumb.runs/v1", "target": "prod", "migration": "m", "period": "2026-10", "runs": [run]});
    serde_json::from_value(all).unwrap()
}

#[test]
fn runs_count_from_what_the_deadline_counts_from() {
    let world = world("6h");
    let runs = || Some(Ok(vec![run(true, 220), run(true, 130), run(false, 250), run(true, 400)]));
    let queued = of(&world, DeadlineStart::Queued, runs(), &[]);
    assert_eq!(
        queued.says(),
        "deadline 6h after it is queued; expected end 3:30 (2:00 … 6:30, 4 runs); 3 of 4 in time"
    );
    assert_eq!((queued.is_missed, queued.warns()), (false, None));
    // An SLA is of scheduled runs, from their tick on.
    let sla = of(&world, DeadlineStart::DataIntervalEnd, runs(), &[]);
    assert_eq!(
        sla.says(),
        "deadline 6h after its data interval ends; expected end 3:40 (2:10 … 6:40, 3 runs); 2 of 3 in time"
    );
    let one = of(&world, DeadlineStart::Queued, Some(Ok(vec![run(true, 370)])), &[]);
    assert_eq!(one.says(), "deadline 6h after it is queued; expected end 6:00 (1 run); 1 of 1 in time");
    assert!(!one.is_missed, "exactly at the deadline is in time");
    let many = of(&world, DeadlineStart::Queued, Some(Ok((0..20).map(|i| run(true, 130 + i)).collect())), &[]);
    assert!(many.says().contains("(2:00 … 2:19, p95 2:18, 20 runs)"), "{}", many.says());
}

#[test]
fn an_expected_end_after_the_deadline_is_warned_of() {
    let late =
        of(&world("3h"), DeadlineStart::Queued, Some(Ok(vec![run(true, 130), run(true, 240), run(true, 250)])), &[]);
    assert!(late.is_missed);
    assert_eq!(
        late.warns().unwrap(),
        "its runs are expected to miss the deadline: they end 3:50 after it is queued, and the deadline is 3h; allow more, or \
         make them faster"
    );
}

#[test]
fn where_it_has_no_run_the_kept_runs_of_its_jobs_tell() {
    let world = world("2h");
    let all = [kept("cleanse", HOUR), kept("cleanse", 2 * HOUR), kept("agg", HOUR / 2)];
    let told = of(&world, DeadlineStart::Queued, Some(Ok(Vec::new())), &all);
    assert_eq!(
        told.says(),
        "deadline 2h after it is queued; expected end 1:30 to 2:30 (kept runs of its jobs; no run of its own yet)"
    );
    assert!(!told.is_missed, "it may be in time");
    let late = of(&self::world("1h"), DeadlineStart::Queued, None, &all);
    assert!(late.warns().unwrap().contains("they end 1:30 at the earliest after it is queued"), "{late:?}");
    // Of a task that was never seen nothing is guessed.
    let part = of(&world, DeadlineStart::Queued, None, &all[..2]);
    assert_eq!(part.says(), "deadline 2h after it is queued; expected end not known: no finished run yet");
    let refused = of(&world, DeadlineStart::Queued, Some(Err("403".into())), &[]);
    assert_eq!(refused.says(), "deadline 2h after it is queued; expected end not known: 403");
    assert_eq!((refused.is_missed, refused.warns()), (false, None));
}

#[test]
fn runs_are_read_out_of_the_listing() {
    let row = |state: &str, kind: &str, end: Value| {
        json!({"state": state, "run_type": kind, "queued_at": "2026-11-02T04:10:00Z", "run_after": "2026-11-02T04:00:00Z",
               "end_date": end})
    };
    let end = json!("2026-11-02T06:10:00Z");
    let page = json!({"dag_runs": [row("success", "scheduled", end.clone()), row("failed", "scheduled", end.clone()),
        row("success", "manual", end), row("success", "scheduled", Value::Null)]});
    assert_eq!(ended_runs(&page), [run(true, 130), run(false, 130)]);
    assert_eq!(ended_runs(&json!({})), []);
}
