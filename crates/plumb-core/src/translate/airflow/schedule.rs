//! The old DAG: when it runs, for which time, and how it takes failures.

use super::super::context::OldDag;
use super::{AirflowReading, TaskRole, fields, literal, role};
use crate::kinds::airflow::dag_runs;
use crate::kinds::airflow::dag_spec::DataInterval;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

/// What Airflow says of a DAG. `order` are its tasks.
pub(super) fn old_dag(reading: &AirflowReading, dag_id: &str, order: &[&Value]) -> OldDag {
    let (listed, details) = (&reading.listed, &reading.details);
    let either = |name: &str| if details[name].is_null() { &listed[name] } else { &details[name] };
    let defaults = &details["default_args"];
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let assets = assets(either("asset_expression"));
    // v1 words a schedule that is none as `None`, and one of datasets as `Dataset`.
    let schedule = text(either("timetable_summary"))
        .filter(|s| s != "None" && s != "Never, external triggers only" && assets.is_empty());
    let data_interval = interval(reading);
    let timezone = schedule.as_deref().and_then(|cron| zone(reading, cron));
    let task =
        order.iter().find(|task| matches!(role(task), TaskRole::Cluster | TaskRole::Serverless | TaskRole::Steps));
    let of_task = |name: &str| task.map_or(&Value::Null, |task| &task[name]);
    let owners = [&listed["owners"], &details["owners"]];
    let owner = owners.iter().find_map(|owners| text(&owners[0])).or_else(|| text(of_task("owner")));
    let email = match &defaults["email"] {
        Value::Null => reading.source.as_deref().and_then(email).unwrap_or_default(),
        said => addresses(said),
    };
    let has_email = !email.is_empty();
    let whole = |value: &Value| value.as_f64().filter(|n| *n >= 0.0 && *n < 1e9).map(|n| n as u64);
    let flag = |name: &str| defaults[name].as_bool().or_else(|| has_email.then_some(true));
    OldDag {
        dag_id: dag_id.to_owned(),
        start_date: goes_on(reading, schedule.as_deref(), timezone.as_deref(), data_interval)
            .map(|at| at.to_string())
            .or_else(|| text(either("start_date"))),
        schedule,
        timezone,
        catchup: details["catchup"].as_bool(),
        max_active_runs: either("max_active_runs").as_u64().and_then(|n| u32::try_from(n).ok()),
        description: text(either("description")),
        tags: listed_tags(either("tags")),
        // Airflow's own default names nobody.
        owner: owner.filter(|owner| owner != "airflow"),
        retries: whole(of_task("retries")).and_then(|n| u32::try_from(n).ok()),
        retry_delay_seconds: seconds(of_task("retry_delay")),
        email_on_failure: flag("email_on_failure"),
        email_on_retry: flag("email_on_retry"),
        email,
        data_interval,
        assets,
        source: reading.source.clone(),
        ..OldDag::default()
    }
}

fn listed_tags(tags: &Value) -> Vec<String> {
    let names = tags.as_array().into_iter().flatten().filter_map(|tag| tag["name"].as_str());
    // v1 lists them in another order with every parse.
    names.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The URIs of `{"all": [{"asset": {"uri": …}}]}`. One that is a choice between assets is not among them.
fn assets(expression: &Value) -> Vec<String> {
    let all = expression["all"].as_array().into_iter().flatten();
    let uris: Option<Vec<String>> = all.map(|one| Some(one["asset"]["uri"].as_str()?.to_owned())).collect();
    uris.unwrap_or_default()
}

/// A span as seconds: `{"__type": "TimeDelta", …}`, or `PT10M` as v1's answers are read.
fn seconds(span: &Value) -> Option<u64> {
    if let Some(text) = span.as_str() {
        let span: Span = text.parse().ok()?;
        return u64::try_from(
            i64::from(span.get_days()) * 86_400
                + i64::from(span.get_hours()) * 3600
                + span.get_minutes() * 60
                + span.get_seconds(),
        )
        .ok();
    }
    let part = |name: &str| span[name].as_i64();
    u64::try_from(part("days")? * 86_400 + part("seconds")?).ok()
}

fn addresses(said: &Value) -> Vec<String> {
    let text = |text: &str| -> Vec<String> {
        let all = text.split([',', ';']).map(str::trim).filter(|one| one.contains('@'));
        all.map(str::to_owned).collect()
    };
    match said {
        Value::String(one) => text(one),
        Value::Array(all) => all.iter().filter_map(Value::as_str).flat_map(text).collect(),
        _ => Vec::new(),
    }
}

/// The addresses that a file gives as `email`, which v1 does not tell: where they are written out, and only once.
fn email(source: &str) -> Option<Vec<String>> {
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for (at, _) in source.match_indices("email") {
        let before = source[..at].chars().next_back();
        let rest = source[at + "email".len()..].trim_start_matches(['\'', '"']).trim_start();
        let Some(rest) = rest.strip_prefix([':', '=']) else { continue };
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') || rest.starts_with('=') {
            continue;
        }
        found.insert(addresses(&literal::prefix(rest)?));
    }
    let mut found = found.into_iter();
    found.next().filter(|all| !all.is_empty() && found.next().is_none())
}

/// The runs that the schedule started, the newest first.
fn planned(reading: &AirflowReading) -> impl Iterator<Item = &Value> {
    reading.runs.iter().map(|run| &run.run).filter(|run| run["run_type"] == "scheduled")
}

/// Whether a run is for its tick or for the time before it: what Airflow has done shows it, whatever its version's default.
fn interval(reading: &AirflowReading) -> Option<DataInterval> {
    let run = planned(reading).next();
    let of = |value: &Value, start: &str, end: &str| fields::time(value, start).zip(fields::time(value, end));
    let run = run.and_then(|run| of(run, "data_interval_start", "data_interval_end"));
    let next = |dag: &Value| of(dag, "next_dagrun_data_interval_start", "next_dagrun_data_interval_end");
    let (start, end) = run.or_else(|| next(&reading.details)).or_else(|| next(&reading.listed))?;
    Some(if start == end { DataInterval::Tick } else { DataInterval::Previous })
}

/// The ticks that Airflow has shown.
fn ticks(reading: &AirflowReading) -> Vec<Timestamp> {
    let mut ticks: Vec<Timestamp> = planned(reading).filter_map(|run| fields::time(run, "data_interval_end")).collect();
    let next = [&reading.details, &reading.listed];
    ticks.extend(next.iter().find_map(|dag| fields::time(dag, "next_dagrun_data_interval_end")));
    ticks
}

/// The zone of a schedule. Airflow's answers always say UTC: it is one that the file names, or UTC, in which all ticks fit.
fn zone(reading: &AirflowReading, cron: &str) -> Option<String> {
    let cron = dag_runs::parse(cron).ok()?;
    let ticks = ticks(reading);
    let fits = |zone: &TimeZone| {
        ticks.iter().all(|tick| {
            cron.find_next_occurrence(&tick.to_zoned(zone.clone()), true).is_ok_and(|at| at.timestamp() == *tick)
        })
    };
    let named: BTreeSet<String> = reading.source.as_deref().map(zones).unwrap_or_default();
    let mut fitting = named.iter().filter(|name| TimeZone::get(name).is_ok_and(|zone| fits(&zone)));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) if !ticks.is_empty() => return Some(one.clone()),
        (None, _) => {}
        _ => return None,
    }
    // A winter's ticks in London look like UTC: without the file, it takes those of summer and winter to tell.
    let month = |tick: &Timestamp| tick.to_zoned(TimeZone::UTC).month();
    let (winter, summer) =
        (ticks.iter().any(|t| matches!(month(t), 11 | 12 | 1 | 2)), ticks.iter().any(|t| matches!(month(t), 5..=8)));
    let is_proven = (reading.source.is_some() && named.is_empty()) || (winter && summer);
    (is_proven && fits(&TimeZone::UTC)).then(|| "UTC".to_owned())
}

/// The names of time zones that stand in a file as texts.
fn zones(source: &str) -> BTreeSet<String> {
    let quoted = source.split(['\'', '"']);
    let is_zone = |text: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
        text.contains('/') && text.len() < 40 && text.chars().all(plain) && TimeZone::get(text).is_ok()
    };
    quoted.filter(is_zone).map(str::to_owned).collect()
}

/// The start of the first run that the old DAG has not had: with it as the start date, the new one goes on there.
fn goes_on(
    reading: &AirflowReading,
    schedule: Option<&str>,
    zone: Option<&str>,
    interval: Option<DataInterval>,
) -> Option<Timestamp> {
    let next =
        [&reading.details, &reading.listed].iter().find_map(|dag| fields::time(dag, "next_dagrun_data_interval_start"));
    let Some(last) = planned(reading).next() else { return next };
    let (start, end) = (fields::time(last, "data_interval_start")?, fields::time(last, "data_interval_end")?);
    // While as many runs go on as may, Airflow 2 names the last of them as the next.
    if let Some(next) = next.filter(|next| *next > start) {
        return Some(next);
    }
    if interval == Some(DataInterval::Previous) {
        return Some(end);
    }
    let cron = dag_runs::parse(schedule?).ok()?;
    let at = start.to_zoned(TimeZone::get(zone.unwrap_or("UTC")).ok()?);
    cron.find_next_occurrence(&at, false).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::super::AirflowRun;
    use super::*;
    use serde_json::json;

    fn reading(ticks: &[&str], source: Option<&str>) -> AirflowReading {
        let run = |tick: &&str| AirflowRun {
            run: json!({ "run_type": "scheduled", "data_interval_start": tick, "data_interval_end": tick }),
            ..AirflowRun::default()
        };
        AirflowReading {
            details: json!({ "timetable_summary": "0 3 2 * *" }),
            runs: ticks.iter().map(run).collect(),
            source: source.map(str::to_owned),
            ..AirflowReading::default()
        }
    }

    fn zone_of(ticks: &[&str], source: Option<&str>) -> Option<String> {
        zone(&reading(ticks, source), "0 3 2 * *")
    }

    #[test]
    fn the_zone_is_one_in_which_every_tick_fits() {
        let berlin = Some("pendulum.datetime(2026, 1, 1, tz=\"Europe/Berlin\") # s3://a/b");
        let both = ["2026-11-02T02:00:00Z", "2026-08-02T01:00:00Z"];
        assert_eq!(zone_of(&both, berlin).as_deref(), Some("Europe/Berlin"));
        // Summer would be an hour off.
        assert_eq!(zone_of(&["2026-11-02T03:00:00Z", "2026-08-02T02:00:00Z"], berlin), None);
        assert_eq!(zone_of(&["2026-11-02T02:00:00Z", "2026-08-02T02:00:00Z"], berlin), None, "one fits, one does not");
        assert_eq!(zone_of(&both, None), None, "no file, and not UTC");
        assert_eq!(zone_of(&["2026-11-02T03:00:00Z"], Some("schedule='0 3 2 * *'")).as_deref(), Some("UTC"));
        // London in winter.
        assert_eq!(zone_of(&["2026-11-02T03:00:00Z"], None), None);
        let year = ["2026-11-02T03:00:00Z", "2026-08-02T03:00:00Z"];
        assert_eq!(zone_of(&year, None).as_deref(), Some("UTC"));
        let two = Some("tz='Europe/Berlin' or 'Europe/Paris'");
        assert_eq!(zone_of(&both, two), None, "either may be it");
    }

    #[test]
    fn the_new_dag_goes_on_after_the_last_run() {
        let mut reading = reading(&["2026-11-02T02:00:00Z"], None);
        let on = |r: &AirflowReading, interval| {
            goes_on(r, Some("0 3 2 * *"), Some("Europe/Berlin"), Some(interval)).map(|at| at.to_string())
        };
        reading.details["next_dagrun_data_interval_start"] = json!("2026-12-02T02:00:00Z");
        assert_eq!(on(&reading, DataInterval::Tick).as_deref(), Some("2026-12-02T02:00:00Z"));
        // A run is under way, and Airflow 2 says its own start.
        reading.details["next_dagrun_data_interval_start"] = json!("2026-11-02T02:00:00Z");
        assert_eq!(on(&reading, DataInterval::Tick).as_deref(), Some("2026-12-02T02:00:00Z"));
        reading.runs[0].run["data_interval_start"] = json!("2026-10-02T01:00:00Z");
        reading.details["next_dagrun_data_interval_start"] = json!("2026-10-02T01:00:00Z");
        assert_eq!(on(&reading, DataInterval::Previous).as_deref(), Some("2026-11-02T02:00:00Z"));
    }

    #[test]
    fn what_a_run_is_for_shows_in_runs() {
        let mut reading = reading(&["2026-11-02T02:00:00Z"], None);
        assert_eq!(interval(&reading), Some(DataInterval::Tick));
        reading.runs[0].run["data_interval_start"] = json!("2026-10-02T01:00:00Z");
        assert_eq!(interval(&reading), Some(DataInterval::Previous));
        reading.runs.clear();
        assert_eq!(interval(&reading), None);
    }

    #[test]
    fn addresses_are_those_of_the_defaults_or_of_the_file() {
        let of = |source: &str| email(source);
        let both = Some(vec!["a@x.org".to_owned(), "b@x.org".to_owned()]);
        assert_eq!(of("default_args={'email': ['a@x.org', 'b@x.org'], 'email_on_failure': True}"), both);
        assert_eq!(of("DAG(email=\"a@x.org, b@x.org\")"), both);
        assert_eq!(of("email=ALERTS"), None);
        assert_eq!(of("EmailOperator(email_to='a@x.org'); my_email = 'b@x.org'"), None);
        assert_eq!(of("'email': 'a@x.org', 'email': 'b@x.org'"), None, "which of the two?");
        assert_eq!(addresses(&json!(["a@x.org", 3, "no"])), ["a@x.org"]);
    }

    #[test]
    fn spans_of_both_apis_are_seconds() {
        assert_eq!(
            seconds(&json!({ "__type": "TimeDelta", "days": 1, "seconds": 600, "microseconds": 0 })),
            Some(87_000)
        );
        assert_eq!(seconds(&json!("PT10M")), Some(600));
        assert_eq!(seconds(&json!("P1DT1H1S")), Some(90_001));
        assert_eq!(seconds(&Value::Null), None);
    }
}
