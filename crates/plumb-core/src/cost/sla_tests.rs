//! Deliveries by example: what counts as one, what is in time, and what is said of few of them.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::cost::facts::{RUNS_FORMAT, RunSystem};

const SIX_HOURS: SignedDuration = SignedDuration::from_hours(6);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-20T00:00:00Z")
}

/// A run of a job for the tick of a day at 04:00, from so many minutes after it to so many.
fn run(name: &str, tick: &str, trigger: RunTrigger, minutes: (i64, i64), outcome: RunResult) -> KeptRun {
    let tick = at(&format!("{tick}T04:00:00Z"));
    let minute = |minutes: i64| tick + SignedDuration::from_mins(minutes);
    KeptRun {
        side: RunSide::New,
        system: RunSystem::Databricks,
        id: format!("{name}-{}", minutes.0),
        name: name.into(),
        trigger,
        outcome,
        cause: None,
        tick: (trigger == RunTrigger::Scheduled).then_some(tick),
        dag_run: None,
        started: Some(minute(minutes.0)),
        ended: (outcome != RunResult::Running).then(|| minute(minutes.1)),
        stages: Vec::new(),
        nodes: Vec::new(),
        serverless: None,
        databricks: None,
        normalized_instance_hours: None,
        unknown: Vec::new(),
    }
}

fn scheduled(name: &str, tick: &str, minutes: (i64, i64)) -> KeptRun {
    run(name, tick, RunTrigger::Scheduled, minutes, RunResult::Succeeded)
}

fn kept(period: &str, runs: Vec<KeptRun>) -> KeptRuns {
    KeptRuns {
        format: RUNS_FORMAT.into(),
        target: "prod".into(),
        migration: "audience".into(),
        period: period.into(),
        runs,
    }
}

const NEW: SlaSubject<'static> = SlaSubject { target: "prod", migration: "audience", side: RunSide::New };

fn verdict(kept: &[KeptRuns], wanted: u32) -> SlaVerdict {
    on_time(kept, ("prod", "audience"), Some(&("6h".to_owned(), SIX_HOURS)), wanted, now())
}

/// Months that ended so many minutes after their tick.
fn months(ends: &[i64]) -> Vec<KeptRuns> {
    let of = |(index, end): (usize, &i64)| {
        let month = index + 1;
        let tick = format!("2026-{month:02}-02");
        kept(
            &format!("2026-{month:02}"),
            vec![scheduled("cleanse", &tick, (10, 60)), scheduled("aggregate", &tick, (60, *end))],
        )
    };
    ends.iter().enumerate().map(of).collect()
}

#[test]
fn the_last_job_decides_and_the_deadline_itself_is_in_time() {
    let sla = side(&months(&[300, 360, 361]), NEW, Some(SIX_HOURS), now());
    assert_eq!(sla.on_time, Some(OnTimeShare { good: 2, of: 3, at_least_percent: 14 }));
    assert_eq!(sla.on_time.unwrap().says(), "2 of 3 (at least 14 %)");
    // From the first start, and from the tick.
    let took = sla.took.unwrap();
    assert_eq!((took.shortest, took.middle, took.longest), (290 * 60, 350 * 60, 351 * 60));
    assert_eq!(took.says(), "4:50 … 5:51 (all 3)");
    assert_eq!(sla.after_tick.unwrap().longest, 361 * 60);
    assert_eq!((took.next_longer_once_in, took.p95), (4, None));
}

#[test]
fn a_retry_counts_by_its_end_and_a_failure_that_nothing_made_up_for_is_late() {
    let failed = |minutes| run("aggregate", "2026-03-02", RunTrigger::Scheduled, minutes, RunResult::Failed);
    let retried = vec![
        scheduled("cleanse", "2026-03-02", (0, 60)),
        failed((60, 90)),
        scheduled("aggregate", "2026-03-02", (100, 200)),
    ];
    let too_late = vec![failed((60, 90)), scheduled("aggregate", "2026-03-02", (100, 400))];
    // Somebody started it again: it belongs to the tick before it.
    let by_hand =
        vec![failed((60, 90)), run("aggregate", "2026-03-02", RunTrigger::Manual, (100, 200), RunResult::Succeeded)];
    let never = vec![scheduled("cleanse", "2026-03-02", (0, 60)), failed((60, 90))];
    for (runs, expected) in [
        (retried, Punctuality::OnTime),
        (too_late, Punctuality::Late),
        (by_hand, Punctuality::OnTime),
        (never, Punctuality::Late),
    ] {
        let all = deliveries(&[kept("2026-03", runs)], NEW);
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(all[0].punctuality(SIX_HOURS, now()), expected, "{all:?}");
    }
}

#[test]
fn what_is_under_way_is_late_once_it_was_due() {
    let running = run("aggregate", "2026-11-02", RunTrigger::Scheduled, (10, 0), RunResult::Running);
    let all = deliveries(&[kept("2026-11", vec![running])], NEW);
    let due = at("2026-11-02T10:00:00Z");
    assert_eq!(all[0].punctuality(SIX_HOURS, due), Punctuality::Open);
    assert_eq!(all[0].punctuality(SIX_HOURS, due + SignedDuration::from_secs(1)), Punctuality::Late);
    let unknown = run("aggregate", "2026-11-02", RunTrigger::Scheduled, (10, 20), RunResult::Unknown);
    let sla = side(&[kept("2026-11", vec![unknown])], NEW, Some(SIX_HOURS), now());
    assert_eq!((sla.on_time, sla.unknown), (None, 1));
}

#[test]
fn replays_are_counted_apart_from_their_own_start() {
    let mut all = months(&[300]);
    // It ran in November, months after its period.
    all[0].runs.push(run("aggregate", "2026-11-05", RunTrigger::Replay, (0, 200), RunResult::Succeeded));
    let sla = side(&all, NEW, Some(SIX_HOURS), now());
    assert_eq!(sla.on_time, Some(OnTimeShare { good: 1, of: 1, at_least_percent: 5 }));
    assert_eq!(sla.apart, Some(OnTimeShare { good: 1, of: 1, at_least_percent: 5 }));
    assert_eq!((sla.took.unwrap().count, sla.took_apart.unwrap().longest), (1, 200 * 60));
}

#[test]
fn each_tick_of_a_period_is_a_delivery() {
    let runs = vec![scheduled("etl", "2026-03-02", (0, 10)), scheduled("etl", "2026-03-03", (0, 400))];
    let all = deliveries(&[kept("2026-03", runs)], NEW);
    let found: Vec<Punctuality> = all.iter().map(|one| one.punctuality(SIX_HOURS, now())).collect();
    assert_eq!(found, [Punctuality::OnTime, Punctuality::Late]);
}

#[test]
fn the_other_side_another_target_and_another_migration_are_left_alone() {
    let mut all = months(&[300]);
    all[0].runs[0].side = RunSide::Old;
    all[0].runs[1].side = RunSide::Old;
    let other = |change: &dyn Fn(&mut KeptRuns)| {
        let mut one = months(&[300]).remove(0);
        change(&mut one);
        one
    };
    all.push(other(&|one| one.target = "dev".into()));
    all.push(other(&|one| one.migration = "churn".into()));
    assert_eq!(deliveries(&all, NEW), []);
    assert_eq!(deliveries(&all, SlaSubject { side: RunSide::Old, ..NEW }).len(), 1);
}

#[test]
fn the_gate_wants_the_last_ones_one_after_the_other() {
    let held = verdict(&months(&[400, 300, 310, 320]), 3);
    assert_eq!((held.holds, held.says.as_str()), (true, "3 of the last 3 kept runs ended within 6h"));
    let late = verdict(&months(&[300, 400, 310]), 3);
    assert_eq!(
        (late.holds, late.says.as_str()),
        (false, "1 of the last 3 kept runs ended within 6h; 2026-02 was late")
    );
    let few = verdict(&months(&[300, 300]), 3);
    assert_eq!((few.holds, few.says.as_str()), (false, "2 of the last 3 kept runs ended within 6h"));
    let none = verdict(&[], 3);
    assert_eq!(none.says, "0 of the last 3 kept runs ended within 6h; none is kept, `plumb cost --keep` keeps them");
    assert!(!none.holds);
    let no_deadline = on_time(&months(&[1]), ("prod", "audience"), None, 1, now());
    assert!(!no_deadline.holds && no_deadline.says.contains("no DAG of the new pipeline has a `deadline`"));
}

#[test]
fn the_gate_counts_replays_says_so_and_believes_nothing_unknown() {
    let replay = run("aggregate", "2026-11-05", RunTrigger::Replay, (0, 200), RunResult::Succeeded);
    let mut all = months(&[300, 300]);
    all.push(kept("2026-03", vec![replay]));
    let held = verdict(&all, 3);
    assert!(held.holds && held.says.ends_with(", 1 of them replays or started by hand, counted from their start"));
    // One that is under way says nothing yet.
    let open = run("aggregate", "2026-11-20", RunTrigger::Scheduled, (0, 0), RunResult::Running);
    all.push(kept("2026-11", vec![open]));
    assert!(verdict(&all, 3).holds);
    let unknown = run("aggregate", "2026-11-10", RunTrigger::Scheduled, (0, 10), RunResult::Unknown);
    all.push(kept("2026-10", vec![unknown]));
    let refused = verdict(&all, 3);
    assert_eq!(
        (refused.holds, refused.says.as_str()),
        (false, "0 of the last 3 kept runs ended within 6h; of 2026-10 it is not known")
    );
}

#[test]
fn a_middle_is_told_where_there_is_one() {
    let says = |seconds: &[u64]| SeenDurations::of(seconds.iter().copied()).unwrap().says();
    assert_eq!(says(&[3600]), "1:00");
    assert_eq!(says(&[3600, 7200]), "1:00 … 2:00 (all 2)");
    assert_eq!(says(&[60, 120, 180, 240]), "0:01 … 0:04, middle 0:02");
    assert_eq!(clock(61), "0:02", "rounded up");
    assert_eq!(deadline_of(&serde_json::json!({"deadline": "6h"})), Some(("6h".to_owned(), SIX_HOURS)));
}
