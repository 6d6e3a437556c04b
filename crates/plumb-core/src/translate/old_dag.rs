//! What comes along from the DAG that starts a pipeline on EMR: its schedule and all that stands around it.

use super::account::{Ask, At, Book};
use super::context::OldDag;
use crate::kinds::airflow::dag_runs;
use crate::kinds::airflow::dag_spec::DataInterval;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// Airflow's limit (airflow/models/dag.py, TAG_MAX_LEN).
const LONGEST_TAG: usize = 100;

/// Adds to the new DAG what the old one says, and asks about what of it cannot be taken over.
pub(super) fn take(book: &mut Book, root: &At<'_>, spec: &mut Value, old: &OldDag, name: &str) {
    // Both are in Airflow until the old one goes.
    if name.replace('-', "_") == old.dag_id {
        spec["dag_id"] = json!(format!("{}_databricks", old.dag_id));
    }
    let zone = schedule(book, root, spec, old);
    if let Some(start) = old.start_date.as_deref().and_then(|at| local(at, zone.as_deref().unwrap_or("UTC"))) {
        spec["start_date"] = json!(start);
    }
    if let Some(catchup) = old.catchup {
        if spec.get("schedule").is_some() {
            spec["catchup"] = json!(catchup);
        } else {
            book.dropped_of_dag("catchup", "without a schedule there is nothing to catch up");
        }
    }
    if old.email_on_retry.is_some() {
        let why = "the job writes when a run of it fails, and knows nothing of retries in Airflow";
        book.dropped_of_dag("email_on_retry", why);
    }
    if let Some(most) = old.max_active_runs.filter(|most| *most > 0) {
        spec["max_active_runs"] = json!(most);
    }
    for (member, text) in [("description", &old.description), ("owner", &old.owner)] {
        if let Some(text) = text.as_ref().filter(|text| !text.is_empty()) {
            spec[member] = json!(text);
        }
    }
    let fits = |tag: &&String| !tag.is_empty() && tag.chars().count() <= LONGEST_TAG && tag.as_str() != "plumb";
    let mut tags: Vec<&str> = old.tags.iter().filter(fits).map(String::as_str).collect();
    tags.retain(|tag| *tag != "migrated-from-emr");
    tags.push("migrated-from-emr");
    spec["tags"] = json!(tags);
    let mut defaults = json!({});
    if let Some(retries) = old.retries.filter(|retries| *retries > 0) {
        defaults["retries"] = json!(retries);
        if let Some(seconds) = old.retry_delay_seconds {
            defaults["retry_delay"] = json!(duration(seconds));
        }
    }
    if defaults != json!({}) {
        spec["defaults"] = defaults;
    }
    // Tasks are not in it yet: all of it is other people's text.
    super::escape(spec);
    if !old.others.is_empty() {
        let ask = Ask {
            what: format!(
                "what takes the place of the tasks {} of the old DAG `{}`",
                old.others.join(", "),
                old.dag_id
            ),
            why: "only what runs on EMR is translated; these run in Airflow, or on something else",
            options: &[
                "a DAG of your own that runs them, and the new one by its asset or at its time",
                "they checked or announced what the job now does or says by itself: nothing",
            ],
            default: "nothing runs in their place",
            place: "tasks".to_owned(),
        };
        book.note(root, ask);
    }
}

/// The schedule, and the zone that times are in.
fn schedule(book: &mut Book, root: &At<'_>, spec: &mut Value, old: &OldDag) -> Option<String> {
    let mut note = |what: String, why: &str, options: &[&str], default: &str, place: &str| {
        book.note(root, Ask { what, why, options, default, place: place.to_owned() });
    };
    if !old.assets.is_empty() {
        spec["schedule"] = json!({ "assets": old.assets });
        return None;
    }
    let cron = old.schedule.as_deref()?;
    let is_known = ["@once", "@continuous"].contains(&cron) || dag_runs::parse(cron).is_ok();
    if !is_known {
        note(
            format!("when the DAG runs: the old one has `{cron}`"),
            "that is no cron expression, and what the timetable behind it does stands in its code only",
            &["a `schedule` with the `cron` that comes nearest", "nothing: people start it"],
            "no schedule",
            "",
        );
        return None;
    }
    let mut schedule = json!({ "cron": cron });
    if let Some(zone) = &old.timezone {
        schedule["timezone"] = json!(zone);
    } else if !cron.starts_with("@on") && !cron.starts_with("@co") {
        note(
            format!("in which time zone `{cron}` of the old DAG is"),
            "Airflow does not say it, and neither the ticks that it showed nor the DAG's file leave only one",
            &["UTC", "the zone in its file, or `[core] default_timezone` of Airflow: `schedule.timezone`"],
            "UTC",
            "schedule",
        );
    }
    match old.data_interval {
        Some(DataInterval::Tick) => schedule["data_interval"] = json!("tick"),
        Some(DataInterval::Previous) => schedule["data_interval"] = json!("previous"),
        None => note(
            "which time a run is for, and so what `ds` is".into(),
            "a cron is for the time before its tick on Airflow 2 and for the tick itself on Airflow 3, and the old DAG has \
             had no run on its schedule that would show it",
            &["`data_interval: previous`", "`data_interval: tick`"],
            "the time before its tick",
            "schedule",
        ),
    }
    spec["schedule"] = schedule;
    old.timezone.clone()
}

/// What of the old DAG the job itself says: whom to write to when it fails.
pub(super) fn notify(job: &mut Value, old: &OldDag) {
    if old.email_on_failure != Some(false) && !old.email.is_empty() {
        job["email_notifications"] = json!({ "on_failure": old.email });
    }
}

/// Questions about fields that Airflow does not show whole: one each.
pub(super) fn unreadable(book: &mut Book, root: &At<'_>, old: &OldDag) {
    for said in &old.unreadable {
        let why = "Airflow does not show it whole, and nothing else says it";
        let (place, why) = said.split_once(": ").unwrap_or((said, why));
        let ask = Ask {
            what: format!("what {place} of the old DAG says"),
            why,
            options: &[
                "import again after a run with a greater `[core] max_templated_field_length`, or with `--cluster` from EMR",
                "add it here by hand, from the DAG's file",
            ],
            default: "as if it said nothing",
            place: String::new(),
        };
        book.note(root, ask);
    }
}

/// A time as a manifest of a schedule in a zone has it: a day, or a day and a minute.
fn local(at: &str, zone: &str) -> Option<String> {
    let at = at.parse::<Timestamp>().ok()?.to_zoned(TimeZone::get(zone).ok()?);
    let format = if (at.hour(), at.minute()) == (0, 0) { "%Y-%m-%d" } else { "%Y-%m-%dT%H:%M" };
    Some(at.strftime(format).to_string())
}

/// Seconds as manifests have spans: `1h30m`.
fn duration(seconds: u64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(old: &OldDag) -> (Value, Vec<String>) {
        let (mut book, input, mut spec) = (Book::default(), json!({}), json!({ "tasks": [] }));
        take(&mut book, &At::root(&input), &mut spec, old, "sales-new");
        (spec, book.decisions.iter().map(|d| d.what.clone()).collect())
    }

    fn monthly() -> OldDag {
        OldDag {
            dag_id: "sales".into(),
            schedule: Some("0 3 2 * *".into()),
            timezone: Some("Europe/Berlin".into()),
            data_interval: Some(DataInterval::Previous),
            start_date: Some("2026-12-02T02:00:00Z".into()),
            ..OldDag::default()
        }
    }

    #[test]
    fn what_is_known_is_not_asked() {
        let old = OldDag {
            catchup: Some(false),
            max_active_runs: Some(2),
            description: Some("Sales of ${env}".into()),
            tags: vec!["bi".into(), "plumb".into(), String::new()],
            owner: Some("bi".into()),
            retries: Some(2),
            retry_delay_seconds: Some(5400),
            ..monthly()
        };
        let (spec, asked) = taken(&old);
        assert_eq!(asked, [""; 0]);
        assert_eq!(
            spec,
            json!({ "tasks": [], "catchup": false, "max_active_runs": 2, "description": "Sales of $${env}", "owner": "bi",
                "schedule": { "cron": "0 3 2 * *", "timezone": "Europe/Berlin", "data_interval": "previous" },
                "start_date": "2026-12-02T03:00", "tags": ["bi", "migrated-from-emr"],
                "defaults": { "retries": 2, "retry_delay": "1h30m" } })
        );
    }

    #[test]
    fn what_is_not_known_is_asked_once_and_not_invented() {
        let (spec, asked) = taken(&OldDag { timezone: None, data_interval: None, ..monthly() });
        assert_eq!(spec["schedule"], json!({ "cron": "0 3 2 * *" }));
        assert!(asked.len() == 2 && asked[0].contains("time zone") && asked[1].contains("`ds`"), "{asked:?}");
        let (spec, asked) = taken(&OldDag { schedule: Some("1 day, 0:00:00".into()), ..monthly() });
        assert!(
            spec.get("schedule").is_none() && asked.len() == 1 && asked[0].contains("`1 day, 0:00:00`"),
            "{asked:?}"
        );
        let (spec, asked) = taken(&OldDag { schedule: None, ..monthly() });
        assert!(spec.get("schedule").is_none() && asked.is_empty(), "people start it, as they did");
        let (spec, asked) = taken(&OldDag { assets: vec!["s3://a/b".into()], schedule: None, ..monthly() });
        assert!(spec["schedule"] == json!({ "assets": ["s3://a/b"] }) && asked.is_empty());
        let (_, asked) = taken(&OldDag { others: vec!["`check` (PythonOperator)".into()], ..monthly() });
        assert!(asked.len() == 1 && asked[0].contains("`check` (PythonOperator)"), "{asked:?}");
    }

    #[test]
    fn two_dags_never_have_one_id() {
        let (mut book, input, mut spec) = (Book::default(), json!({}), json!({}));
        let old = OldDag { dag_id: "sales_new".into(), ..monthly() };
        take(&mut book, &At::root(&input), &mut spec, &old, "sales-new");
        assert_eq!(spec["dag_id"], "sales_new_databricks");
        assert!(taken(&monthly()).0.get("dag_id").is_none());
    }

    #[test]
    fn failures_are_told_as_before() {
        let mut job = json!({});
        notify(&mut job, &OldDag { email: vec!["a@x.org".into()], email_on_failure: Some(false), ..monthly() });
        assert_eq!(job, json!({}));
        notify(&mut job, &OldDag { email: vec!["a@x.org".into()], ..monthly() });
        assert_eq!(job["email_notifications"], json!({ "on_failure": ["a@x.org"] }));
    }
}
