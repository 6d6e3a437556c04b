//! When a DAG's next run is due, and for which time: as Airflow's own timetables have it. Pure; the time is passed in.

use super::dag_spec::{DagSpec, DataInterval};
use crate::kinds::{StartClock, StartRule, StartTimes};
use croner::{
    Cron,
    parser::{CronParser, Seconds},
};
use jiff::{SignedDuration, Timestamp, Zoned, civil, tz::TimeZone};

/// A run that is due by the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// When it starts, at the earliest.
    pub at: Zoned,
    /// The time that it is for.
    pub start: Zoned,
    pub end: Zoned,
}

impl Due {
    /// The run in words: `2024-06-02 04:00, for 2024-05-02 04:00 to 2024-06-02 04:00 (ds 2024-05-02)`.
    ///
    /// `ds` is of the start in UTC, which is how Airflow has it.
    pub fn words(&self) -> String {
        let minute = |t: &Zoned| t.strftime("%Y-%m-%d %H:%M").to_string();
        let ds = self.start.timestamp().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string();
        let zone = self.at.time_zone().iana_name().unwrap_or("UTC");
        if self.start == self.end {
            return format!("{} {zone} (ds {ds})", minute(&self.at));
        }
        format!("{} {zone}, for {} to {} (ds {ds})", minute(&self.at), minute(&self.start), minute(&self.end))
    }
}

/// Reads a cron expression the way that Airflow does: five fields, or a preset.
pub fn parse(expression: &str) -> Result<Cron, String> {
    let expression = match expression {
        // croniter's presets in Airflow (airflow/timetables/_cron.py, cron_presets).
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@quarterly" => "0 0 1 */3 *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        other => other,
    };
    let fields: Vec<&str> = expression.split_whitespace().collect();
    if fields.len() != 5 {
        return Err(format!("it has {} fields", fields.len()));
    }
    // croniter, which Airflow reads it with, has neither.
    if expression.contains('?') || fields[2].to_uppercase().contains('W') {
        return Err("Airflow knows neither `?` nor `W`".to_owned());
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).sloppy_ranges(true).build();
    parser.parse(expression).map_err(|e| e.to_string())
}

/// Reads `2024-05-01` or `2024-05-01T04:00` as a time of a zone.
pub fn moment(text: &str, zone: &TimeZone) -> Option<Zoned> {
    let long_enough = text.len() >= 10;
    let time = match text.parse::<civil::Date>().ok().filter(|_| text.len() == 10) {
        Some(date) => date.at(0, 0, 0, 0),
        None => text.parse::<civil::DateTime>().ok().filter(|_| long_enough)?,
    };
    zone.to_zoned(time).ok()
}

/// The zone of a schedule.
pub fn zone(spec: &DagSpec) -> Option<TimeZone> {
    TimeZone::get(spec.timezone()).ok()
}

/// The run that comes first when the DAG is switched on at `now` and has had no runs before. `None`: there is none by
/// the clock.
///
/// Without `catchup` that is the run of the last tick that passed, if it is not before the start (Airflow,
/// `_skip_to_latest` of the interval timetables, `_align_to_prev` of the trigger timetables): it starts at once.
pub fn first(spec: &DagSpec, now: Timestamp) -> Option<Due> {
    let zone = zone(spec)?;
    let cron = parse(spec.cron()?).ok()?;
    let now = now.to_zoned(zone.clone());
    let begin = moment(spec.start_date.as_deref()?, &zone)?;
    let aligned = cron.find_next_occurrence(&begin, true).ok()?;
    let start = if spec.catchup == Some(true) {
        aligned
    } else {
        let last = cron.find_previous_occurrence(&now, true).ok();
        let latest = match spec.data_interval() {
            DataInterval::Tick => last,
            DataInterval::Previous => last.and_then(|last| cron.find_previous_occurrence(&last, false).ok()),
        };
        latest.filter(|latest| *latest > aligned).unwrap_or(aligned)
    };
    let due = of(spec, &cron, start)?;
    let end = spec.end_date.as_deref().and_then(|end| moment(end, &zone));
    end.is_none_or(|end| due.start <= end).then_some(due)
}

/// The next run that is due after `now`.
pub fn next(spec: &DagSpec, now: Timestamp) -> Option<Due> {
    let cron = parse(spec.cron()?).ok()?;
    let mut due = first(spec, now)?;
    if due.at.timestamp() <= now {
        let now = now.to_zoned(due.at.time_zone().clone());
        let start = match spec.data_interval() {
            DataInterval::Tick => cron.find_next_occurrence(&now, false).ok()?,
            DataInterval::Previous => cron.find_previous_occurrence(&now, true).ok()?,
        };
        due = of(spec, &cron, start)?;
    }
    let end = spec.end_date.as_deref().and_then(|end| moment(end, &zone(spec)?));
    end.is_none_or(|end| due.start <= end).then_some(due)
}

/// What starts runs of the DAG.
pub fn starts(spec: &DagSpec) -> Option<StartRule> {
    let is_paused = spec.paused == Some(true);
    if spec.is_external() {
        let when = StartTimes::Unknown("the code that defines the DAG has its schedule".to_owned());
        return Some(StartRule { says: "defined by others".to_owned(), is_paused, when });
    }
    let schedule = spec.schedule.as_ref()?;
    let Some(cron) = schedule.cron.as_deref() else {
        let assets = schedule.assets.as_deref().unwrap_or_default().join(", ");
        return Some(StartRule::timeless(format!("updates of {assets}"), is_paused));
    };
    let when = match (cron, parse(cron), zone(spec)) {
        ("@once", ..) => return Some(StartRule::timeless("once, as soon as it is on", is_paused)),
        ("@continuous", ..) => {
            let says = "continuous: a run begins when the one before has ended";
            return Some(StartRule::timeless(says, is_paused));
        }
        (_, Ok(_), Some(zone)) => {
            let times = (spec.timezone(), &spec.start_date, &spec.end_date, schedule.data_interval, spec.catchup);
            let (key, spec) = (format!("{cron} {times:?}"), spec.clone());
            StartTimes::Clock(StartClock::new(zone, key, move |after| next(&spec, after).map(|due| due.at)))
        }
        (_, Err(why), _) => StartTimes::Unknown(format!("the expression cannot be read: {why}")),
        (_, _, None) => StartTimes::Unknown(format!("`{}` is no time zone that is known here", spec.timezone())),
    };
    Some(StartRule { says: cron.to_owned(), is_paused, when })
}

/// How many runs are due at `now` if each tick since the start is made up for; counted up to `most`.
pub fn missed(spec: &DagSpec, now: Timestamp, most: usize) -> usize {
    let (Some(first), Some(cron)) = (first(spec, now), spec.cron().and_then(|c| parse(c).ok())) else { return 0 };
    let now = now.to_zoned(first.at.time_zone().clone());
    if first.at > now {
        return 0;
    }
    let mut count = 1;
    let mut at = first.at;
    while count < most {
        match cron.find_next_occurrence(&at, false) {
            Ok(next) if next <= now => (at, count) = (next, count + 1),
            _ => break,
        }
    }
    count
}

/// The shorter of the steps of a schedule before and after an instant.
pub fn shortest_step(spec: &DagSpec, at: Timestamp) -> Option<SignedDuration> {
    let cron = parse(spec.cron()?).ok()?;
    let at = at.to_zoned(zone(spec)?);
    let here = cron.find_next_occurrence(&at, true).ok()?;
    let step = |later: &Zoned, sooner: &Zoned| later.timestamp().duration_since(sooner.timestamp());
    let after = step(&cron.find_next_occurrence(&here, false).ok()?, &here);
    let before = cron.find_previous_occurrence(&here, false).ok().map(|last| step(&here, &last));
    Some(before.map_or(after, |before| before.min(after)))
}

fn of(spec: &DagSpec, cron: &Cron, start: Zoned) -> Option<Due> {
    let end = match spec.data_interval() {
        DataInterval::Tick => start.clone(),
        DataInterval::Previous => cron.find_next_occurrence(&start, false).ok()?,
    };
    Some(Due { at: end.clone(), start, end })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn spec(schedule: Value, start: &str, catchup: bool) -> DagSpec {
        serde_json::from_value(json!({"schedule": schedule, "start_date": start, "catchup": catchup})).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const MONTHLY: &str = "0 4 2 * *";

    #[test]
    fn a_monthly_run_is_for_the_month_before() {
        let spec = spec(json!({"cron": MONTHLY, "timezone": "Europe/London"}), "2024-05-01", false);
        let due = first(&spec, at("2024-05-10T00:00:00Z")).unwrap();
        assert_eq!(
            due.words(),
            "2024-06-02 04:00 Europe/London, for 2024-05-02 04:00 to 2024-06-02 04:00 (ds 2024-05-02)"
        );
    }

    #[test]
    fn by_the_tick_it_is_for_the_day_itself() {
        let spec =
            spec(json!({"cron": MONTHLY, "timezone": "Europe/London", "data_interval": "tick"}), "2024-05-01", false);
        assert_eq!(
            next(&spec, at("2024-05-10T00:00:00Z")).unwrap().words(),
            "2024-06-02 04:00 Europe/London (ds 2024-06-02)"
        );
        // The tick of 2 May has passed: switched on now, Airflow runs it at once.
        assert_eq!(
            first(&spec, at("2024-05-10T00:00:00Z")).unwrap().words(),
            "2024-05-02 04:00 Europe/London (ds 2024-05-02)"
        );
    }

    #[test]
    fn a_tick_that_was_missed_is_the_last_one_only_unless_all_are_made_up_for() {
        let now = at("2024-09-10T00:00:00Z");
        let last = spec(json!({"cron": MONTHLY}), "2024-05-01", false);
        assert_eq!(
            first(&last, now).unwrap().words(),
            "2024-09-02 04:00 UTC, for 2024-08-02 04:00 to 2024-09-02 04:00 (ds 2024-08-02)"
        );
        assert_eq!(
            next(&last, now).unwrap().words(),
            "2024-10-02 04:00 UTC, for 2024-09-02 04:00 to 2024-10-02 04:00 (ds 2024-09-02)"
        );
        let all = spec(json!({"cron": MONTHLY}), "2024-05-01", true);
        assert_eq!(first(&all, now).unwrap().start.strftime("%Y-%m-%d").to_string(), "2024-05-02");
        assert_eq!(missed(&all, now, 100), 4);
        assert_eq!(missed(&all, now, 3), 3);
        assert_eq!(missed(&all, at("2024-06-01T00:00:00Z"), 100), 0);
    }

    #[test]
    fn the_clock_change_moves_no_tick() {
        let spec = spec(json!({"cron": "0 4 * * *", "timezone": "Europe/London"}), "2024-03-01", false);
        let due = first(&spec, at("2024-03-31T12:00:00Z")).unwrap();
        assert_eq!(due.at.timestamp(), at("2024-03-31T03:00:00Z"));
        assert_eq!(due.start.timestamp(), at("2024-03-30T04:00:00Z"));
    }

    #[test]
    fn nothing_is_due_after_the_end() {
        let mut spec = spec(json!({"cron": "@daily"}), "2024-05-01", false);
        spec.end_date = Some("2024-05-03".into());
        assert!(first(&spec, at("2024-05-02T12:00:00Z")).is_some());
        assert_eq!(first(&spec, at("2024-06-02T12:00:00Z")), None);
    }

    #[test]
    fn what_airflow_cannot_read_is_no_cron() {
        for bad in ["", "* * * *", "0 0 4 * * *", "61 * * * *", "0 0 ? * *", "0 0 15W * *", "@fortnightly"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for good in ["0 4 2 * *", "*/15 9-17 * * MON-FRI", "0 0 * * 7", "0 0 L * *", "@quarterly", "0 0 * * wed"] {
            assert!(parse(good).is_ok(), "{good}: {:?}", parse(good));
        }
    }

    #[test]
    fn ds_is_the_day_of_the_start_in_utc() {
        for (zone, cron, interval, now, words) in [
            // Half past midnight in London is the day before in summer, and the same day in winter.
            (
                "Europe/London",
                "30 0 2 * *",
                "tick",
                "2024-06-10T00:00:00Z",
                "2024-07-02 00:30 Europe/London (ds 2024-07-01)",
            ),
            (
                "Europe/London",
                "30 0 2 * *",
                "tick",
                "2024-12-10T00:00:00Z",
                "2025-01-02 00:30 Europe/London (ds 2025-01-02)",
            ),
            (
                "Europe/London",
                "30 1 2 * *",
                "tick",
                "2024-06-10T00:00:00Z",
                "2024-07-02 01:30 Europe/London (ds 2024-07-02)",
            ),
            // Which may be another month: the one that the run is for.
            (
                "Europe/London",
                "0 0 1 * *",
                "tick",
                "2024-06-10T00:00:00Z",
                "2024-07-01 00:00 Europe/London (ds 2024-06-30)",
            ),
            (
                "Europe/London",
                "0 0 1 * *",
                "previous",
                "2024-06-10T00:00:00Z",
                "2024-07-01 00:00 Europe/London, for 2024-06-01 00:00 to 2024-07-01 00:00 (ds 2024-05-31)",
            ),
            (
                "America/New_York",
                "0 22 1 * *",
                "tick",
                "2024-06-10T00:00:00Z",
                "2024-07-01 22:00 America/New_York (ds 2024-07-02)",
            ),
            (
                "America/New_York",
                "0 19 31 12 *",
                "tick",
                "2024-06-10T00:00:00Z",
                "2024-12-31 19:00 America/New_York (ds 2025-01-01)",
            ),
            ("Asia/Tokyo", "0 8 1 * *", "tick", "2024-06-10T00:00:00Z", "2024-07-01 08:00 Asia/Tokyo (ds 2024-06-30)"),
            ("UTC", "0 0 1 * *", "tick", "2024-06-10T00:00:00Z", "2024-07-01 00:00 UTC (ds 2024-07-01)"),
        ] {
            let spec = spec(json!({"cron": cron, "timezone": zone, "data_interval": interval}), "2024-01-01", false);
            assert_eq!(next(&spec, at(now)).unwrap().words(), words, "{cron} {zone}");
        }
        // A date is midnight where the schedule is.
        let zone = |name: &str| TimeZone::get(name).unwrap();
        for (text, name, wanted) in [
            ("2024-06-01", "Europe/London", Some("2024-05-31T23:00:00Z")),
            ("2024-01-01", "Europe/London", Some("2024-01-01T00:00:00Z")),
            ("2024-06-01T04:30", "America/New_York", Some("2024-06-01T08:30:00Z")),
            ("2024-6-1", "UTC", None),
            // ISO 8601 has shorter forms, which Airflow reads otherwise or not at all.
            ("20240601", "UTC", None),
            ("2024-06", "UTC", None),
            ("soon", "UTC", None),
        ] {
            assert_eq!(moment(text, &zone(name)).map(|t| t.timestamp()), wanted.map(at), "{text} {name}");
        }
    }

    #[test]
    fn the_first_and_the_last_run_are_those_of_the_manifest() {
        let monthly = |interval: &str, start: &str, catchup: bool| {
            spec(json!({"cron": MONTHLY, "data_interval": interval}), start, catchup)
        };
        // Never before the start, however long ago the last tick was; the tick of the start itself counts.
        for (start, catchup, now, wanted) in [
            ("2024-05-01", false, "2024-01-10T00:00:00Z", "2024-05-02T04:00:00Z"),
            ("2024-05-02", false, "2024-05-02T05:00:00Z", "2024-05-02T04:00:00Z"),
            ("2024-05-02T04:00", false, "2024-05-01T00:00:00Z", "2024-05-02T04:00:00Z"),
            ("2024-05-02T04:01", false, "2024-05-01T00:00:00Z", "2024-06-02T04:00:00Z"),
            ("2024-01-01", false, "2024-05-10T00:00:00Z", "2024-05-02T04:00:00Z"),
            ("2024-01-01", true, "2024-05-10T00:00:00Z", "2024-01-02T04:00:00Z"),
            // A tick that is now is reached.
            ("2024-01-01", false, "2024-05-02T04:00:00Z", "2024-05-02T04:00:00Z"),
            ("2024-01-01", false, "2024-05-02T03:59:59Z", "2024-04-02T04:00:00Z"),
        ] {
            let due = first(&monthly("tick", start, catchup), at(now)).unwrap();
            assert_eq!(due.at.timestamp(), at(wanted), "{start} {catchup} {now}");
        }
        // What is due now is not the next one.
        for (interval, now, wanted) in [
            ("tick", "2024-05-02T04:00:00Z", "2024-06-02T04:00:00Z"),
            ("tick", "2024-05-02T03:59:59Z", "2024-05-02T04:00:00Z"),
            ("previous", "2024-05-02T04:00:00Z", "2024-06-02T04:00:00Z"),
            ("previous", "2024-05-02T03:59:59Z", "2024-05-02T04:00:00Z"),
        ] {
            let due = next(&monthly(interval, "2024-01-01", false), at(now)).unwrap();
            assert_eq!(due.at.timestamp(), at(wanted), "{interval} {now}");
        }
        // The end is the last time that a run may be for, and itself one.
        for (end, wanted) in
            [("2024-06-02T04:00", true), ("2024-06-02T03:59", false), ("2024-06-02", false), ("2024-06-03", true)]
        {
            let mut spec = monthly("tick", "2024-06-01", true);
            spec.end_date = Some(end.into());
            assert_eq!(first(&spec, at("2024-06-01T00:00:00Z")).is_some(), wanted, "{end}");
            assert_eq!(next(&spec, at("2024-06-01T00:00:00Z")).is_some(), wanted, "{end}");
        }
    }
}
