//! What the schema of a DAG cannot say: names that have to be there, circles, cron, time zones, durations, either-ors.

use super::dag_failure;
use super::dag_runs;
use super::dag_spec::{DagSchedule, DagSpec, DagTask, Defaults, RunParams};
use crate::kinds::Findings;
use crate::kinds::circle::circle;
use jiff::tz::TimeZone;
use plumb_model::text::seconds;
use plumb_model::yaml::is_deferred;
use plumb_model::yaml::nearest;
use std::collections::BTreeSet;

/// Airflow's limit on ids (airflow/utils/helpers.py, validate_key) and tags (airflow/models/dag.py, TAG_MAX_LEN).
const LONGEST_ID: usize = 250;
const LONGEST_TAG: usize = 100;
const DURATION: &str = "expected a duration: `45s`, `10m`, `6h`, `1d` or `1h30m`";
const CRON: &str = "Airflow has five fields: minute, hour, day of month, month, day of week; or `@daily` and the like";

/// Checks a DAG.
pub fn check(spec: &DagSpec, findings: &mut Findings) {
    if spec.is_external() {
        return external(spec, findings);
    }
    if let Some(id) = &spec.dag_id {
        key(id, "dag_id", findings);
    }
    for (i, tag) in spec.tags.iter().flatten().enumerate() {
        let at = format!("tags[{i}]");
        match tag.chars().count() {
            0 => findings.at(at, "an empty tag", "write something, or leave it out"),
            n if n > LONGEST_TAG => {
                findings.at(at, format!("a tag of {n} characters"), format!("{LONGEST_TAG} at most"))
            }
            _ if tag == "plumb" => findings.at(at, "the tag `plumb` is plumb's own", "every DAG of plumb's gets it"),
            _ => {}
        }
    }
    // Airflow opens such a text as a file (airflow/models/dag.py, get_doc_md).
    if spec.doc.as_ref().is_some_and(|doc| doc.ends_with(".md")) {
        findings.at(
            "doc",
            "Airflow takes a text that ends in `.md` for the name of a file",
            "end it with a line break",
        );
    }
    schedule(spec, findings);
    for (path, text) in [("dagrun_timeout", &spec.dagrun_timeout), ("deadline", &spec.deadline)] {
        duration(text.as_deref(), path, findings);
    }
    if spec.deadline_callback.is_some() && spec.deadline.is_none() && findings.is_whole("deadline") {
        findings.at("deadline_callback", "there is no deadline to be missed", "add `deadline`, or remove this");
    }
    if let Some(callback) = &spec.deadline_callback
        && !is_import_path(&callback.path)
    {
        findings.at("deadline_callback.path", "this is no import path", "expected `package.module.function`");
    }
    for (path, value) in [("max_active_runs", spec.max_active_runs), ("max_active_tasks", spec.max_active_tasks)] {
        at_least(value, 1, path, findings);
    }
    if let Some(defaults) = &spec.defaults {
        let Defaults { retries, retry_delay, max_retry_delay, timeout, pool, poll, .. } = defaults;
        at_least(*retries, 0, "defaults.retries", findings);
        if let Some(pool) = pool {
            key(pool, "defaults.pool", findings);
        }
        for (member, text) in
            [("retry_delay", retry_delay), ("max_retry_delay", max_retry_delay), ("timeout", timeout), ("poll", poll)]
        {
            duration(text.as_deref(), &format!("defaults.{member}"), findings);
        }
    }
    tasks(spec.tasks.as_deref().unwrap_or_default(), findings);
    dag_failure::check(spec, findings);
}

/// Of a DAG that others write, plumb sets whether it is paused, and looks at the tags.
fn external(spec: &DagSpec, findings: &mut Findings) {
    let theirs = [
        ("display_name", spec.display_name.is_some()),
        ("description", spec.description.is_some()),
        ("doc", spec.doc.is_some()),
        ("owner", spec.owner.is_some()),
        ("schedule", spec.schedule.is_some()),
        ("start_date", spec.start_date.is_some()),
        ("end_date", spec.end_date.is_some()),
        ("catchup", spec.catchup.is_some()),
        ("max_active_runs", spec.max_active_runs.is_some()),
        ("max_active_tasks", spec.max_active_tasks.is_some()),
        ("dagrun_timeout", spec.dagrun_timeout.is_some()),
        ("deadline", spec.deadline.is_some()),
        ("deadline_callback", spec.deadline_callback.is_some()),
        ("onFailure", spec.on_failure.is_some()),
        ("notify", spec.notify.is_some()),
        ("params", spec.params.is_some()),
        ("defaults", spec.defaults.is_some()),
        ("tasks", spec.tasks.is_some()),
    ];
    for (member, _) in theirs.iter().filter(|(_, on)| *on) {
        findings.at(
            *member,
            format!("`{member}` of a DAG that others write is theirs"),
            "with `source: external` plumb only sets `paused`",
        );
    }
    if let Some(id) = spec.dag_id.as_ref().filter(|id| id.is_empty() || id.contains(['/', '\\', '?', '#', '%'])) {
        findings.at("dag_id", format!("`{id}` cannot be the id of a DAG"), "expected the id that Airflow shows");
    }
}

fn key(id: &str, path: &str, findings: &mut Findings) {
    if id.contains("${") {
        return;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let label = match id {
        "" => "a name is needed here".to_owned(),
        _ if id.len() > LONGEST_ID => format!("{LONGEST_ID} characters at most"),
        _ if !id.chars().all(plain) => "only letters, digits, `_`, `-` and `.` may stand in it".to_owned(),
        _ if id.starts_with('.') => "it begins with a dot, as hidden files do".to_owned(),
        _ => return,
    };
    findings.at(path, format!("`{}` cannot be an id", id.chars().take(80).collect::<String>()), label);
}

/// Whether a text is what Python would import a function by.
pub fn is_import_path(path: &str) -> bool {
    let word = |w: &str| {
        w.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !w.starts_with(|c: char| c.is_ascii_digit())
            && !w.is_empty()
    };
    path.contains('.') && path.split('.').all(word)
}

fn at_least(value: Option<i64>, least: i64, path: &str, findings: &mut Findings) {
    if let Some(value) = value.filter(|v| *v < least || *v > i64::from(i32::MAX)) {
        findings.at(path, format!("{value} is out of bounds"), format!("expected {least} or more"));
    }
}

fn duration(text: Option<&str>, path: &str, findings: &mut Findings) {
    if let Some(text) = text.filter(|t| seconds(t).is_none()) {
        findings.at(path, format!("`{text}` is no duration"), DURATION);
    }
}

fn schedule(spec: &DagSpec, findings: &mut Findings) {
    if let Some(schedule) = &spec.schedule {
        let DagSchedule { cron, timezone, data_interval, assets, when } = schedule;
        match (cron, assets) {
            (Some(_), Some(_)) => findings.at(
                "schedule.assets",
                "a schedule goes by the clock or by assets",
                "remove one of `cron` and `assets`",
            ),
            (None, None) => findings.at("schedule", "a schedule needs `cron` or `assets`", "or leave `schedule` out"),
            (None, Some(list)) if list.is_empty() => {
                findings.at("schedule.assets", "there is no asset to wait for", "name one, or leave `schedule` out");
            }
            _ => {}
        }
        let by_clock = [("data_interval", data_interval.is_some())];
        for (member, _) in by_clock.iter().filter(|(_, on)| *on && assets.is_some()) {
            findings.at(
                format!("schedule.{member}"),
                "a run that assets start has no time that it is for",
                "remove it",
            );
        }
        if when.is_some() && assets.is_none() && findings.is_whole("schedule.assets") {
            findings.at("schedule.when", "there are no assets to wait for", "remove `when`");
        }
        for (i, uri) in assets.iter().flatten().enumerate() {
            asset(uri, &format!("schedule.assets[{i}]"), findings);
        }
        if let Some(zone) = timezone.as_deref().filter(|z| TimeZone::get(z).is_err()) {
            let known = jiff::tz::db().available().map(|n| n.to_string()).collect::<Vec<_>>();
            let near = nearest(zone, known.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`?"));
            findings.at(
                "schedule.timezone",
                format!("there is no time zone `{zone}`"),
                near.unwrap_or_else(|| "expected a name of the IANA database: `Europe/London`".into()),
            );
        }
        match cron.as_deref() {
            None => {}
            Some("@once") => {}
            // airflow/timetables/simple.py: ContinuousTimetable allows one run at a time.
            Some("@continuous") if spec.max_active_runs == Some(1) || !findings.is_whole("max_active_runs") => {}
            Some("@continuous") => {
                findings.at("schedule.cron", "`@continuous` needs one run at a time", "add `max_active_runs: 1`");
            }
            Some(expression) => match dag_runs::parse(expression) {
                Err(e) => findings.at("schedule.cron", format!("`{expression}` cannot be read: {e}"), CRON),
                Ok(_) if spec.start_date.is_none() && findings.is_whole("start_date") => findings.at(
                    "schedule.cron",
                    "a schedule by the clock needs a beginning",
                    "add `start_date`: the first run is for the time from the first tick after it",
                ),
                Ok(_) => {}
            },
        }
    }
    for (path, text) in [("start_date", &spec.start_date), ("end_date", &spec.end_date)] {
        if let Some(text) = text.as_deref().filter(|t| dag_runs::moment(t, &TimeZone::UTC).is_none()) {
            let label = "expected `2024-05-01` or `2024-05-01T04:00`, in the schedule's time zone";
            findings.at(path, format!("`{text}` is no day"), label);
        }
    }
}

fn asset(uri: &str, path: &str, findings: &mut Findings) {
    // airflow/sdk/definitions/asset: neither empty nor long, ASCII, and not of the scheme that Airflow keeps for itself.
    let label = match uri {
        "" => "a URI is needed here: `s3://bucket/key`",
        _ if uri.trim() != uri || !uri.is_ascii() => "only ASCII may stand in it, without blanks around it",
        _ if uri.len() > 1500 => "1500 characters at most",
        _ if uri.to_lowercase().starts_with("airflow:") => "the scheme `airflow` is Airflow's own",
        _ => return,
    };
    findings.at(path, "this cannot be an asset's URI", label);
}

fn tasks(tasks: &[DagTask], findings: &mut Findings) {
    if tasks.is_empty() {
        findings.at(
            "tasks",
            "a DAG without tasks does nothing",
            "add one: `{id: load, run: \"${resources.DatabricksJob.load}\"}`",
        );
    }
    let ids: Vec<&str> = tasks.iter().map(|t| t.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    // One that could not be read may be the one that is looked for.
    let is_all = findings.is_whole("tasks") && !ids.iter().any(|id| is_deferred(id));
    for (i, task) in tasks.iter().enumerate() {
        let at = |member: &str| format!("tasks[{i}].{member}");
        key(&task.id, &at("id"), findings);
        if !is_deferred(&task.id) && !seen.insert(task.id.as_str()) {
            findings.at(at("id"), format!("`{}` is there twice", task.id), "each needs an id of its own");
        }
        match (&task.run, &task.job) {
            (None, None) => findings.at(
                format!("tasks[{i}]"),
                format!("task `{}` runs nothing", task.id),
                "name a job's id in `run`, or its name in `job`",
            ),
            (Some(_), Some(_)) => findings.at(at("job"), "a task runs one job", "remove one of `run` and `job`"),
            (Some(run), None) if !run.contains("${") && !is_number(run) => {
                findings.at(
                    at("run"),
                    format!("`{run}` is no id of a job"),
                    "an id is a number; a name stands in `job`",
                );
            }
            _ => {}
        }
        for (j, before) in task.after.iter().flatten().enumerate() {
            if is_all && !ids.contains(&before.as_str()) {
                let label = match nearest(before, ids.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "expected one of {}",
                        ids.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")
                    ),
                };
                findings.at(format!("tasks[{i}].after[{j}]"), format!("no task is called `{before}`"), label);
            }
        }
        for (member, text) in [
            ("retry_delay", &task.retry_delay),
            ("max_retry_delay", &task.max_retry_delay),
            ("timeout", &task.timeout),
            ("poll", &task.poll),
        ] {
            duration(text.as_deref(), &at(member), findings);
        }
        if let Some(pool) = &task.pool {
            key(pool, &at("pool"), findings);
        }
        at_least(task.retries, 0, &at("retries"), findings);
        at_least(task.pool_slots, 1, &at("pool_slots"), findings);
        for (j, uri) in task.outlets.iter().flatten().enumerate() {
            asset(uri, &format!("tasks[{i}].outlets[{j}]"), findings);
        }
        if let Some(params) = &task.params {
            run_params(params, &at("params"), findings);
        }
    }
    let waits = tasks.iter().map(|task| (task.id.as_str(), task.after.iter().flatten().map(String::as_str).collect()));
    if let Some(circle) = circle(waits) {
        let i = ids.iter().position(|id| *id == circle[0]).unwrap_or_default();
        findings.at(
            format!("tasks[{i}].after"),
            format!("the tasks wait for each other: {}", circle.join(" → ")),
            "take one of these out",
        );
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit())
}

fn run_params(params: &RunParams, at: &str, findings: &mut Findings) {
    let RunParams {
        job_parameters,
        notebook_params,
        python_params,
        python_named_params,
        jar_params,
        spark_submit_params,
        dbt_commands,
    } = params;
    let maps = [
        ("job_parameters", job_parameters),
        ("notebook_params", notebook_params),
        ("python_named_params", python_named_params),
    ];
    let lists = [
        ("python_params", python_params),
        ("jar_params", jar_params),
        ("spark_submit_params", spark_submit_params),
        ("dbt_commands", dbt_commands),
    ];
    if job_parameters.is_some() {
        let others = maps[1..].iter().filter(|(_, m)| m.is_some()).map(|(name, _)| *name);
        for other in others.chain(lists.iter().filter(|(_, l)| l.is_some()).map(|(name, _)| *name)) {
            // Jobs API 2.2, run-now.
            let label = "`job_parameters` reach every task of the job: write it there";
            findings.at(format!("{at}.{other}"), format!("`{other}` cannot stand beside `job_parameters`"), label);
        }
    }
    // Such a text would be read from a file (Databricks provider, template_ext).
    let is_file = |text: &str| text.ends_with(".json-tpl");
    let message = "Airflow takes a text that ends in `.json-tpl` for the name of a file";
    for (name, map) in maps {
        for (key, _) in map.iter().flat_map(|m| &m.0).filter(|(_, v)| is_file(v)) {
            findings.at(format!("{at}.{name}[\"{key}\"]"), message, "end it with something else");
        }
    }
    for (name, list) in lists {
        for (i, _) in list.iter().flatten().enumerate().filter(|(_, v)| is_file(v)) {
            findings.at(format!("{at}.{name}[{i}]"), message, "end it with something else");
        }
    }
}
