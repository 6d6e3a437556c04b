//! The next run of a DAG, as the timetables of Airflow 2 and 3 compute it.

use super::definition::{Definition, Schedule};
use croner::{Cron, parser::CronParser};
use jiff::{Timestamp, Zoned, tz::TimeZone};

/// One run to come. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Next {
    pub logical: i64,
    pub start: i64,
    pub end: i64,
    /// When it is created.
    pub run_after: i64,
}

/// The ticks of a schedule.
enum Ticks {
    Cron(Box<Cron>, TimeZone),
    Every(i64, i64),
}

/// The five fields that a preset stands for.
pub fn expanded(cron: &str) -> &str {
    match cron {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@quarterly" => "0 0 1 */3 *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        other => other,
    }
}

/// Reads the five fields of a cron.
pub fn cron(text: &str) -> Option<Cron> {
    CronParser::new().parse(expanded(text)).ok()
}

impl Ticks {
    fn of(schedule: &Schedule, start: Option<i64>) -> Option<Ticks> {
        if let Some(seconds) = schedule.every_seconds.filter(|s| *s > 0) {
            return Some(Ticks::Every(start?, seconds.checked_mul(1000)?));
        }
        let zone = match &schedule.timezone {
            Some(name) => TimeZone::get(name).ok()?,
            None => TimeZone::UTC,
        };
        Some(Ticks::Cron(Box::new(cron(schedule.cron.as_deref()?)?), zone))
    }

    fn at(zone: &TimeZone, ms: i64) -> Option<Zoned> {
        Some(Timestamp::from_millisecond(ms).ok()?.to_zoned(zone.clone()))
    }

    /// The first tick after a time, or at it.
    fn after(&self, ms: i64, at_it: bool) -> Option<i64> {
        match self {
            Ticks::Cron(cron, zone) => {
                let next = cron.find_next_occurrence(&Self::at(zone, ms)?, at_it).ok()?;
                Some(next.timestamp().as_millisecond())
            }
            Ticks::Every(begin, step) => {
                let past = (ms - begin).div_euclid(*step);
                let tick = begin + past * step;
                Some(if tick == ms && at_it { tick } else { tick + step })
            }
        }
    }

    /// The last tick before a time, or at it.
    fn before(&self, ms: i64, at_it: bool) -> Option<i64> {
        match self {
            Ticks::Cron(cron, zone) => {
                let last = cron.find_previous_occurrence(&Self::at(zone, ms)?, at_it).ok()?;
                Some(last.timestamp().as_millisecond())
            }
            Ticks::Every(begin, step) => {
                let past = (ms - begin).div_euclid(*step);
                let tick = begin + past * step;
                Some(if tick == ms && !at_it { tick - step } else { tick })
            }
        }
    }
}

/// The next run. `last` is the end of the latest scheduled run's interval (which is its tick where a run stands for
/// one), `major` the version of Airflow.
pub fn next(definition: &Definition, major: u8, last: Option<i64>, now: i64) -> Option<Next> {
    let start = definition.start();
    let schedule = &definition.schedule;
    if schedule.cron.as_deref() == Some("@once") {
        let at = start.filter(|_| last.is_none())?;
        return Some(Next { logical: at, start: at, end: at, run_after: at });
    }
    let ticks = Ticks::of(schedule, start)?;
    let catchup = definition.catchup.unwrap_or(major == 2);
    let first = match start {
        Some(start) => Some(ticks.after(start, true)?),
        None => None,
    };
    let until = definition.end().unwrap_or(i64::MAX);
    let next = if schedule.interval.unwrap_or(major == 2) {
        // A start that was moved into the future counts for a DAG that has run before, too.
        let mut begin = last.max(first);
        if !catchup {
            // Not earlier than the latest interval that is over.
            let latest = ticks.before(ticks.before(now, true)?, false)?;
            begin = begin.max(Some(latest));
        }
        let begin = begin?;
        let end = ticks.after(begin, false)?;
        Next { logical: begin, start: begin, end, run_after: end }
    } else {
        let following = match last {
            Some(last) => Some(ticks.after(last, false)?),
            None => first,
        };
        let at = if catchup { following? } else { following.max(first).max(Some(ticks.before(now, true)?))? };
        Next { logical: at, start: at, end: at, run_after: at }
    };
    (next.logical <= until).then_some(next)
}

/// How `timetable_summary` and v1's `schedule_interval` show it.
pub fn summary(schedule: &Schedule) -> Option<String> {
    if !schedule.assets.is_empty() {
        return Some("Asset".to_owned());
    }
    if let Some(seconds) = schedule.every_seconds {
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let clock = format!("{}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
        return Some(match days {
            0 => clock,
            1 => format!("1 day, {clock}"),
            days => format!("{days} days, {clock}"),
        });
    }
    schedule.cron.as_deref().map(|cron| expanded(cron).to_owned())
}

/// How `timetable_description` words it.
pub fn description(schedule: &Schedule) -> String {
    if !schedule.assets.is_empty() {
        return "Triggered by assets".to_owned();
    }
    match &schedule.cron {
        Some(text) if text == "@once" => "Once, as soon as possible".to_owned(),
        Some(text) => cron(text).map_or_else(String::new, |cron| worded(&cron, expanded(text))),
        None if schedule.every_seconds.is_some() => String::new(),
        None => "Never, external triggers only".to_owned(),
    }
}

/// Airflow's own words say which of the days.
fn worded(cron: &Cron, text: &str) -> String {
    let words = cron.describe().trim_end_matches('.').to_owned();
    match text.split_whitespace().nth(2).and_then(|day| day.parse::<u8>().ok()) {
        Some(day) => words.replacen(&format!("on day {day}"), &format!("on day {day} of the month"), 1),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    /// 03:00 in Berlin on the first of the month, as recorded from both servers on 2026-11-22.
    fn monthly() -> Definition {
        Definition {
            schedule: Schedule {
                cron: Some("0 3 1 * *".to_owned()),
                timezone: Some("Europe/Berlin".to_owned()),
                ..Schedule::default()
            },
            start_date: Some("2025-12-31T23:00:00Z".to_owned()),
            catchup: Some(false),
            ..Definition::default()
        }
    }

    #[test]
    fn the_first_run_is_the_tick_that_was_missed() {
        let now = ms("2026-11-22T11:00:00Z");
        let three = next(&monthly(), 3, None, now).unwrap();
        assert_eq!((three.logical, three.run_after), (ms("2026-11-01T02:00:00Z"), ms("2026-11-01T02:00:00Z")));
        let two = next(&monthly(), 2, None, now).unwrap();
        // October, which began in summer time.
        assert_eq!((two.logical, two.run_after), (ms("2026-10-01T01:00:00Z"), ms("2026-11-01T02:00:00Z")));
        let then = next(&monthly(), 3, Some(three.end), now).unwrap();
        assert_eq!(then.run_after, ms("2026-12-01T02:00:00Z"));
        assert_eq!(next(&monthly(), 2, Some(two.end), now).unwrap().run_after, ms("2026-12-01T02:00:00Z"));
    }

    #[test]
    fn an_explicit_timetable_is_the_same_on_both() {
        let mut definition = monthly();
        definition.schedule.interval = Some(true);
        let now = ms("2026-11-22T11:00:00Z");
        assert_eq!(next(&definition, 2, None, now), next(&definition, 3, None, now));
    }

    #[test]
    fn catching_up_begins_at_the_start() {
        let mut definition = monthly();
        definition.catchup = Some(true);
        let now = ms("2026-11-22T11:00:00Z");
        assert_eq!(next(&definition, 3, None, now).unwrap().logical, ms("2026-01-01T02:00:00Z"));
        definition.end_date = Some("2025-12-31T23:30:00Z".to_owned());
        assert_eq!(next(&definition, 3, None, now), None);
        definition.schedule = Schedule::default();
        assert_eq!(next(&definition, 3, None, now), None);
    }

    #[test]
    fn a_start_in_the_future_waits() {
        let mut definition = monthly();
        definition.start_date = Some("2027-03-15T00:00:00Z".to_owned());
        let next = next(&definition, 3, None, ms("2026-11-22T11:00:00Z")).unwrap();
        assert_eq!(next.run_after, ms("2027-04-01T01:00:00Z"));
    }

    #[test]
    fn a_start_moved_into_the_future_counts_for_a_dag_that_has_run() {
        let mut definition = monthly();
        definition.start_date = Some("2026-11-01T00:00:00+01:00".to_owned());
        let now = ms("2026-11-22T11:00:00Z");
        for major in [2, 3] {
            let run = next(&definition, major, Some(ms("2026-09-01T01:00:00Z")), now).unwrap();
            // On Airflow 2 October's run would be the next without it: its interval is over.
            assert_eq!(run.run_after, ms(if major == 2 { "2026-12-01T02:00:00Z" } else { "2026-11-01T02:00:00Z" }));
        }
    }

    #[test]
    fn every_so_often_counts_from_the_start() {
        let definition = Definition {
            schedule: Schedule { every_seconds: Some(86_400), ..Schedule::default() },
            start_date: Some("2026-01-01T06:00:00Z".to_owned()),
            catchup: Some(false),
            ..Definition::default()
        };
        let now = ms("2026-11-22T11:00:00Z");
        assert_eq!(next(&definition, 3, None, now).unwrap().run_after, ms("2026-11-22T06:00:00Z"));
        assert_eq!(summary(&definition.schedule).unwrap(), "1 day, 0:00:00");
        assert_eq!(summary(&Schedule { cron: Some("@monthly".into()), ..Schedule::default() }).unwrap(), "0 0 1 * *");
        assert_eq!(description(&monthly().schedule), "At 03:00, on day 1 of the month");
    }
}
