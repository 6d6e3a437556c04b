//! When a run under way will end: its done tasks as they were, each open one between the shortest and the longest that was
//! seen of it, along the path that takes longest. No mean and no trend: where nothing was seen, nothing is said.

use super::sla::clock;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plumb_model::stats::SeenValues;
use std::collections::BTreeMap;

/// A task of a run under way.
#[derive(Clone, Debug)]
pub struct TaskProgress {
    pub id: String,
    /// The tasks before it.
    pub after: Vec<String>,
    pub phase: TaskPhase,
    /// How many seconds the same task took in earlier runs that ended well, its last try alone.
    pub took: Vec<u64>,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskPhase {
    /// It has not started.
    Waiting,
    Running {
        started: Timestamp,
    },
    Done {
        ended: Timestamp,
    },
}

/// When a run ends, as far as earlier runs tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEndForecast {
    /// It does not end before this.
    pub earliest: Timestamp,
    /// If no task takes longer than it ever did. `None`: one does already, or one was never seen.
    pub latest: Option<Timestamp>,
    /// Tasks that take longer already than they ever did, and by how many seconds: the worst first.
    pub over: Vec<(String, u64)>,
    /// Open tasks of which no earlier run is known.
    pub unseen: Vec<String>,
    /// Of how many earlier runs the least known open task was seen.
    pub seen: usize,
}

/// An earlier run of the same DAG: when each task ended, in seconds after the tick, and whether it made its deadline.
#[derive(Clone, Debug)]
pub struct RunEndSample {
    pub ended_after: BTreeMap<String, u64>,
    pub was_in_time: bool,
}

/// The earliest and the latest end of a task; no latest where it is not known.
type Ends = (Timestamp, Option<Timestamp>);

/// When a run ends that has these tasks; `started` is when it began. `None` of a graph that goes in a circle.
pub fn forecast(tasks: &[TaskProgress], started: Timestamp, now: Timestamp) -> Option<RunEndForecast> {
    let mut ends: BTreeMap<&str, Ends> = BTreeMap::new();
    let mut forecast =
        RunEndForecast { earliest: now, latest: Some(now), over: Vec::new(), unseen: Vec::new(), seen: 0 };
    while ends.len() < tasks.len() {
        let before = ends.len();
        for task in tasks {
            let is_known = |id: &String| ends.contains_key(id.as_str()) || tasks.iter().all(|other| other.id != *id);
            if !ends.contains_key(task.id.as_str()) && task.after.iter().all(is_known) {
                let first = task.after.iter().filter_map(|id| ends.get(id.as_str())).copied();
                let begin = first.fold((started.max(now), Some(started.max(now))), later);
                ends.insert(&task.id, end_of(task, begin, now, &mut forecast));
            }
        }
        if ends.len() == before {
            return None;
        }
    }
    (forecast.earliest, forecast.latest) = ends.into_values().fold((now, Some(now)), later);
    let open = tasks.iter().filter(|task| !matches!(task.phase, TaskPhase::Done { .. }));
    forecast.seen = open.map(|task| task.took.len()).min().unwrap_or(0);
    forecast.over.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    Some(forecast)
}

fn later(one: Ends, other: Ends) -> Ends {
    (one.0.max(other.0), one.1.zip(other.1).map(|(a, b)| a.max(b)))
}

/// When a task ends that can begin at `begin`.
fn end_of(task: &TaskProgress, begin: Ends, now: Timestamp, forecast: &mut RunEndForecast) -> Ends {
    let after = |from: Timestamp, seconds: u64| {
        let seconds = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        from.checked_add(seconds).unwrap_or(Timestamp::MAX)
    };
    let seen = SeenValues::of(task.took.iter().copied());
    match (task.phase, seen) {
        (TaskPhase::Done { ended }, _) => (ended, Some(ended)),
        (TaskPhase::Running { started }, Some(seen)) => {
            let longest = after(started, seen.greatest());
            let over = now.duration_since(longest).as_secs();
            if over > 0 {
                forecast.over.push((task.id.clone(), over.unsigned_abs()));
                return (now, None);
            }
            (after(started, seen.least()).max(now), Some(longest.max(now)))
        }
        (TaskPhase::Waiting, Some(seen)) => {
            (after(begin.0, seen.least()), begin.1.map(|latest| after(latest, seen.greatest())))
        }
        (phase, None) => {
            forecast.unseen.push(task.id.clone());
            (if phase == TaskPhase::Waiting { begin.0 } else { now }, None)
        }
    }
}

/// Of the earlier runs that had no more of these tasks done at this time after their tick, how many made their deadline, and
/// how many there are.
pub fn as_far(earlier: &[RunEndSample], tasks: &[TaskProgress], after_tick: u64) -> (usize, usize) {
    let open = |task: &&TaskProgress| !matches!(task.phase, TaskPhase::Done { .. });
    let is_as_far = |run: &&RunEndSample| {
        let done_then = |task: &TaskProgress| run.ended_after.get(&task.id).is_some_and(|ended| *ended <= after_tick);
        tasks.iter().all(|task| run.ended_after.contains_key(&task.id)) && !tasks.iter().filter(open).any(done_then)
    };
    let alike: Vec<&RunEndSample> = earlier.iter().filter(is_as_far).collect();
    (alike.iter().filter(|run| run.was_in_time).count(), alike.len())
}

impl RunEndForecast {
    /// `ends 07:10 to 08:40, due 10:00`, or `late by 40 min already at aggregate`, in the zone of the schedule.
    pub fn says(&self, due: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
        let today = now.to_zoned(zone.clone()).date();
        let time = |instant: Timestamp| {
            let local = instant.to_zoned(zone.clone());
            let form = if local.date() == today { "%H:%M" } else { "%Y-%m-%d %H:%M" };
            local.strftime(form).to_string()
        };
        let due_at = if now > due { format!("was due {}", time(due)) } else { format!("due {}", time(due)) };
        let ends = match self.latest {
            Some(latest) if latest == self.earliest => format!("ends {}", time(latest)),
            Some(latest) => format!("ends {} to {}", time(self.earliest), time(latest)),
            None => format!("ends {} at the earliest", time(self.earliest)),
        };
        let mut says = match self.over.first() {
            Some((task, seconds)) => {
                format!("late by {} already at `{task}`, which never took as long; {due_at}", span(*seconds))
            }
            None if self.earliest > due => format!("{ends}, {due_at}: too late"),
            None if self.latest.is_some_and(|latest| latest <= due) => format!("{ends}, {due_at}"),
            None => format!("{ends}, {due_at}: not certain to be in time"),
        };
        match (self.unseen.as_slice(), self.seen) {
            ([], 0) => {}
            ([], seen) => says.push_str(&format!("; from {seen} earlier {}", if seen == 1 { "run" } else { "runs" })),
            (unseen, _) => {
                let take = if unseen.len() == 1 { "takes" } else { "take" };
                says.push_str(&format!("; how long {} {take} is not known: no earlier run", unseen.join(", ")));
            }
        }
        says
    }
}

/// `40 min`, `2:05 h`: rounded up.
fn span(seconds: u64) -> String {
    if seconds <= 59 * 60 { format!("{} min", seconds.div_ceil(60)) } else { format!("{} h", clock(seconds)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-02T{text}:00Z").parse().unwrap()
    }

    fn task(id: &str, after: &[&str], phase: TaskPhase, took: &[u64]) -> TaskProgress {
        TaskProgress { id: id.into(), after: after.iter().map(|id| (*id).into()).collect(), phase, took: took.to_vec() }
    }

    /// `a` is done, `b` runs since 05:00, `c` waits for both, `d` for `a` alone.
    fn graph() -> Vec<TaskProgress> {
        vec![
            task("c", &["a", "b"], TaskPhase::Waiting, &[HOUR, 2 * HOUR]),
            task("a", &[], TaskPhase::Done { ended: at("05:00") }, &[9 * HOUR]),
            task("b", &["a"], TaskPhase::Running { started: at("05:00") }, &[2 * HOUR, 3 * HOUR]),
            task("d", &["a"], TaskPhase::Waiting, &[HOUR / 2]),
        ]
    }

    #[test]
    fn the_longest_path_decides_and_what_is_done_stays_as_it_was() {
        let forecast = forecast(&graph(), at("04:00"), at("06:00")).unwrap();
        assert_eq!((forecast.earliest, forecast.latest), (at("08:00"), Some(at("10:00"))));
        let says = |due: &str| forecast.says(at(due), at("06:00"), &TimeZone::UTC);
        assert_eq!(says("10:00"), "ends 08:00 to 10:00, due 10:00; from 1 earlier run");
        assert_eq!(says("09:00"), "ends 08:00 to 10:00, due 09:00: not certain to be in time; from 1 earlier run");
        assert_eq!(says("07:59"), "ends 08:00 to 10:00, due 07:59: too late; from 1 earlier run");
    }

    #[test]
    fn a_task_that_never_took_as_long_is_late_already() {
        let now = at("08:40");
        let forecast = forecast(&graph(), at("04:00"), now).unwrap();
        assert_eq!((forecast.over.clone(), forecast.latest), (vec![("b".to_owned(), 40 * 60)], None));
        assert_eq!(forecast.earliest, at("09:40"), "and `c` has still to run");
        let says = forecast.says(at("10:00"), now, &TimeZone::UTC);
        assert_eq!(says, "late by 40 min already at `b`, which never took as long; due 10:00; from 1 earlier run");
        // Exactly as long as the longest is not longer.
        assert_eq!(super::forecast(&graph(), at("04:00"), at("08:00")).unwrap().over, []);
    }

    #[test]
    fn a_task_that_was_never_seen_leaves_the_end_open() {
        let mut tasks = graph();
        tasks[3].took.clear();
        let forecast = forecast(&tasks, at("04:00"), at("06:00")).unwrap();
        assert_eq!((forecast.latest, forecast.unseen.clone()), (None, vec!["d".to_owned()]));
        let says = forecast.says(at("10:00"), at("06:00"), &TimeZone::UTC);
        let expected = "ends 08:00 at the earliest, due 10:00: not certain to be in time; how long d takes is not known: no \
                        earlier run";
        assert_eq!(says, expected);
    }

    #[test]
    fn wider_spreads_never_narrow_the_end_and_a_circle_has_none() {
        let narrow = forecast(&graph(), at("04:00"), at("06:00")).unwrap();
        for index in 0..4 {
            let mut tasks = graph();
            tasks[index].took.extend([HOUR / 4, 12 * HOUR]);
            let wide = forecast(&tasks, at("04:00"), at("06:00")).unwrap();
            assert!(wide.earliest <= narrow.earliest && wide.latest >= narrow.latest, "{index}: {wide:?}");
        }
        let circle = [task("a", &["b"], TaskPhase::Waiting, &[1]), task("b", &["a"], TaskPhase::Waiting, &[1])];
        assert_eq!(forecast(&circle, at("04:00"), at("06:00")), None);
    }

    #[test]
    fn another_day_is_named() {
        let tasks = [task("a", &[], TaskPhase::Running { started: at("22:00") }, &[4 * HOUR])];
        let forecast = forecast(&tasks, at("22:00"), at("23:00")).unwrap();
        let says = forecast.says(at("23:30"), at("23:00"), &TimeZone::UTC);
        assert_eq!(says, "ends 2026-11-03 02:00, due 23:30: too late; from 1 earlier run");
    }

    #[test]
    fn earlier_runs_that_were_no_further_tell_how_it_went_on() {
        let run = |ends: [u64; 4], was_in_time| RunEndSample {
            ended_after: ["a", "b", "c", "d"].into_iter().map(str::to_owned).zip(ends).collect(),
            was_in_time,
        };
        // Two hours after the tick `a` alone is done.
        let earlier = [
            run([1, 3, 4, 3].map(|h| h * HOUR), true),
            run([3, 5, 7, 4].map(|h| h * HOUR), false),
            run([1, 2, 4, 3].map(|h| h * HOUR), true),
        ];
        assert_eq!(as_far(&earlier, &graph(), 2 * HOUR - 1), (2, 3));
        // The third had `b` done by then.
        assert_eq!(as_far(&earlier, &graph(), 2 * HOUR), (1, 2));
        assert_eq!(as_far(&[], &graph(), HOUR), (0, 0));
    }
}
