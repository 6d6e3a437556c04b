//! The gate `noGap`: the new DAGs go on with the very period that the old would have run next.

use super::gates::minute;
use super::standing::WaveState;
use crate::kinds::cutover::{NextRun, NextTick};
use jiff::Timestamp;

/// Whether no period is skipped and none run twice, of one migration.
///
/// What is compared is the beginning of the periods, which is what runs are told. Two schedules need not have the same minute:
/// what is less than half a step apart is the same period.
pub fn no_gap(
    old: &[&WaveState<'_>],
    new: &[&WaveState<'_>],
    begins: Option<Timestamp>,
    now: Timestamp,
) -> (bool, String) {
    let (last, first) = match (ticks(old), ticks(new)) {
        (Ok(last), Ok(first)) => (last, first),
        (Err(why), _) | (_, Err(why)) => return (false, why),
    };
    let day = begins.filter(|day| *day > now);
    if let (Some(day), Some((state, tick))) = (day, last.iter().find(|(_, t)| day.is_some_and(|day| t.at < day))) {
        let then = new.iter().find_map(|new| match new.object.kind.first_run_after(&new.object.resource.spec, day) {
            NextRun::Tick(tick) => new.object.kind.starting_with(&new.object.resource.spec, tick.start),
            NextRun::Never | NextRun::Unknown(_) => None,
        });
        let then =
            then.map_or_else(String::new, |start| format!("; the first tick after that day is met by `{start}`"));
        let says = format!(
            "told on the day: {} runs {} before it, for the period from {}{then}",
            state.address(),
            minute(tick.at),
            minute(tick.start)
        );
        return (false, says);
    }
    for (state, tick) in &first {
        for (before, next) in &last {
            if !is_same(state, tick, next) {
                return (false, mismatch(state, tick, before, next));
            }
        }
    }
    if let Some((before, next)) = last.first().filter(|_| first.is_empty()) {
        let period = minute(next.start);
        let says =
            format!("{} runs the period from {period} next, and the clock starts none of the new", before.address());
        return (false, says);
    }
    let due = first.iter().filter(|(_, tick)| tick.at <= now);
    for (state, tick) in due {
        if let Err(remedy) = state.object.kind.may_start_at_once(&state.object.resource.spec) {
            let says = format!(
                "{} starts a run at once, because its tick of {} has passed: {remedy}",
                state.address(),
                minute(tick.at)
            );
            return (false, says);
        }
    }
    match (last.first(), first.first()) {
        (_, None) => (true, "the clock starts neither the old nor the new".to_owned()),
        (None, Some((state, tick))) => (
            true,
            format!(
                "the clock starts nothing of the old; {} begins with the period from {}",
                state.address(),
                minute(tick.start)
            ),
        ),
        (Some((before, _)), Some((state, tick))) => (
            true,
            format!(
                "{} goes on with the period from {}, which {} would have run next",
                state.address(),
                minute(tick.start),
                before.address()
            ),
        ),
    }
}

type Ticks<'s> = Vec<(&'s WaveState<'s>, NextTick)>;

/// The next run of each DAG that the clock starts.
fn ticks<'s>(states: &[&'s WaveState<'s>]) -> Result<Ticks<'s>, String> {
    let mut ticks = Vec::new();
    for state in states {
        let unknown = |why: &str| format!("which period {} runs next is not known: {why}", state.address());
        match &state.live {
            Err(why) => return Err(unknown(why)),
            Ok(live) => match state.object.kind.next_run_of(live) {
                NextRun::Unknown(why) => return Err(unknown(&why)),
                NextRun::Never => {}
                NextRun::Tick(tick) => ticks.push((*state, tick)),
            },
        }
    }
    Ok(ticks)
}

/// Whether two runs are for the same period.
fn is_same(state: &WaveState<'_>, new: &NextTick, old: &NextTick) -> bool {
    let apart = new.start.duration_since(old.start).abs();
    let spec = &state.object.resource.spec;
    match state.object.kind.step(spec, new.start) {
        Some(step) => apart.checked_mul(2).is_some_and(|twice| twice < step),
        None => apart.is_zero(),
    }
}

fn mismatch(state: &WaveState<'_>, new: &NextTick, before: &WaveState<'_>, old: &NextTick) -> String {
    let (new_one, old_one) = (state.address(), before.address());
    let (first, next) = (minute(new.start), minute(old.start));
    let what = if new.start < old.start {
        format!(
            "{new_one} would begin with the period from {first}, before that from {next}, which {old_one} runs next: what lies between would be run twice"
        )
    } else {
        format!(
            "{new_one} would begin with the period from {first}, and {old_one} would have run that from {next}: it would be skipped"
        )
    };
    let start = state.object.kind.starting_with(&state.object.resource.spec, old.start);
    match start.filter(|_| !state.object.resource.kind.is_external(&state.object.resource.spec)) {
        Some(start) => format!("{what}; `{start}` begins with just that"),
        None => what,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cutover::wave::{WaveObject, waves};
    use crate::kinds::airflow::dag_runs;
    use crate::kinds::airflow::dag_spec::DagSpec;
    use crate::kinds::{self, Observed};
    use crate::manifest::{self, Desired, InMemory, Request, Resource};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn desired() -> Desired {
        let job = "{name: a, tasks: [{task_key: t, notebook_task: {notebook_path: /x}}]}";
        let texts = [
            ("EmrCluster", "a", "{match: {name: a}, desired: keep}"),
            ("DatabricksJob", "a", job),
            ("AirflowDag", "old", "{source: external, dag_id: old}"),
            ("AirflowDag", "new", "{tasks: [{id: t, run: \"${resources.DatabricksJob.a}\"}]}"),
            (
                "Migration",
                "a",
                "{from: {emr: [EmrCluster/a], dags: [AirflowDag/old]}, to: {jobs: [DatabricksJob/a], dags: [AirflowDag/new]}}",
            ),
        ];
        let documents: String = texts
            .iter()
            .map(|(kind, name, spec)| {
                format!("---\napiVersion: plumb/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
            })
            .collect();
        let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: bau}\nspec: {targets: {prod: {}}}\n";
        let files = BTreeMap::from([
            (manifest::PROJECT_FILE.to_owned(), project.as_bytes().to_vec()),
            ("manifests/all.yaml".to_owned(), documents.into_bytes()),
        ]);
        let request =
            Request { target: Some("prod".into()), variables: Default::default(), env: &|_| None, user: None };
        manifest::load(&InMemory(files), &request, kinds::all()).unwrap_or_else(|f| panic!("{:#?}", f.problems))
    }

    /// A DAG as Airflow shows it, whose next run is this.
    fn live(next: Option<&NextTick>) -> Observed {
        let facts = next.map_or_else(
            || json!({"known": true}),
            |tick| {
                json!({"known": true, "run_after": tick.at.to_string(), "start": tick.start.to_string(), "end": tick.end.to_string()})
            },
        );
        Observed { id: "x".into(), spec: json!({"paused": true}), facts, ..Observed::default() }
    }

    fn tick(due: &dag_runs::Due) -> NextTick {
        NextTick { at: due.at.timestamp(), start: due.start.timestamp(), end: due.end.timestamp() }
    }

    fn spec(cron: &str, zone: &str, interval: &str, start: &str) -> Value {
        json!({"schedule": {"cron": cron, "timezone": zone, "data_interval": interval}, "start_date": start,
               "catchup": false, "catchUpNow": true})
    }

    /// Every run of a schedule for two years.
    fn all(spec: &Value) -> Vec<NextTick> {
        let spec: DagSpec = serde_json::from_value(spec.clone()).unwrap();
        let mut now: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        let end: Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
        let mut ticks = Vec::new();
        while let Some(due) = dag_runs::next(&spec, now).filter(|due| due.at.timestamp() < end) {
            now = due.at.timestamp();
            ticks.push(tick(&due));
        }
        ticks
    }

    fn says(
        desired: &Desired,
        spec: &Value,
        old: Option<&NextTick>,
        new: Option<&NextTick>,
        now: Timestamp,
    ) -> (bool, String) {
        let waves = waves(desired);
        let (before, after) = (waves[0].old().next().unwrap(), waves[0].new_ones().next().unwrap());
        let resource = Resource { spec: spec.clone().into(), ..after.resource.clone() };
        let after = WaveObject { resource: &resource, kind: after.kind, settings: Vec::new() };
        let (old, new) = (live(old), live(new));
        let state = |object, is_new, live| WaveState { object, is_new, live: Ok(live) };
        no_gap(&[&state(before, false, &old)], &[&state(&after, true, &new)], None, now)
    }

    #[test]
    fn over_two_years_no_period_is_skipped_or_run_twice() {
        let desired = desired();
        let (mut good, mut bad) = (0, 0);
        for (zone, old_cron, new_cron) in [
            ("Europe/London", "0 4 2 * *", "0 4 2 * *"),
            ("Europe/London", "0 4 2 * *", "30 5 2 * *"),
            // Hours that the clock skips and has twice.
            ("Europe/London", "30 1 * * *", "30 1 * * *"),
            ("America/New_York", "30 2 * * *", "0 3 * * *"),
            ("America/New_York", "0 3 * * 1", "0 3 * * 1"),
            ("UTC", "0 6 * * MON-FRI", "0 7 * * MON-FRI"),
        ] {
            for interval in ["previous", "tick"] {
                let old = all(&spec(old_cron, zone, interval, "2023-01-01"));
                let new = all(&spec(new_cron, zone, interval, "2023-01-01"));
                assert_eq!(old.len(), new.len(), "{zone} {old_cron}");
                // Every ninth tick or so, and at least a day in each month.
                let every = (old.len() / 40).max(1);
                for (at, next) in old.iter().enumerate().skip(2).step_by(every).filter(|(at, _)| at + 2 < old.len()) {
                    let last = &old[at - 1];
                    // In the middle between two ticks of the old.
                    let half = next.at.duration_since(last.at) / 2;
                    let now = last.at + half;
                    for start in [new[at].start, new[at - 2].start, new[at + 1].start] {
                        let zoned = start.to_zoned(jiff::tz::TimeZone::get(zone).unwrap());
                        let spec = spec(new_cron, zone, interval, &zoned.strftime("%Y-%m-%dT%H:%M").to_string());
                        let typed: DagSpec = serde_json::from_value(spec.clone()).unwrap();
                        let first = tick(&dag_runs::first(&typed, now).unwrap());
                        let begins = new.iter().position(|tick| *tick == first).unwrap();
                        let (holds, why) = says(&desired, &spec, Some(next), Some(&first), now);
                        // The old ran all before `at`, and the new runs all from `begins` on.
                        assert_eq!(holds, begins == at, "{zone} {old_cron} {interval} {now} {why}");
                        if holds {
                            good += 1;
                            continue;
                        }
                        bad += 1;
                        // And what it proposes is right.
                        let (_, proposed) = why.split_once("start_date: ").unwrap();
                        let mut spec = spec;
                        spec["start_date"] = json!(proposed[..16]);
                        let typed: DagSpec = serde_json::from_value(spec.clone()).unwrap();
                        let first = tick(&dag_runs::first(&typed, now).unwrap());
                        let is_shifted = old_cron != new_cron;
                        let (holds, why) = says(&desired, &spec, Some(next), Some(&first), now);
                        assert!(
                            holds || is_shifted && zone == "America/New_York",
                            "{zone} {old_cron} {interval} {now} {why}"
                        );
                    }
                }
            }
        }
        assert!(good > 300 && bad > 300, "{good} {bad}");
    }

    #[test]
    fn what_the_clock_does_not_start_has_no_gap_unless_only_the_old_has() {
        let desired = desired();
        let now: Timestamp = "2024-06-15T12:00:00Z".parse().unwrap();
        let tick = |start: &str, at: &str| NextTick {
            at: at.parse().unwrap(),
            start: start.parse().unwrap(),
            end: at.parse().unwrap(),
        };
        let june = tick("2024-06-02T04:00:00Z", "2024-07-02T04:00:00Z");
        let monthly = spec("0 4 2 * *", "UTC", "previous", "2024-06-02T04:00");
        assert!(says(&desired, &monthly, None, None, now).0);
        assert!(says(&desired, &monthly, None, Some(&june), now).0);
        assert!(!says(&desired, &monthly, Some(&june), None, now).0);
        // A tick that has passed starts a run at once, and the manifest has to mean it.
        let passed = tick("2024-05-02T04:00:00Z", "2024-06-02T04:00:00Z");
        assert!(says(&desired, &monthly, Some(&passed), Some(&passed), now).0);
        let mut unmeant = monthly.clone();
        unmeant["catchUpNow"] = json!(null);
        let (holds, why) = says(&desired, &unmeant, Some(&passed), Some(&passed), now);
        assert!(!holds && why.contains("catchUpNow: true"), "{why}");
    }
}
