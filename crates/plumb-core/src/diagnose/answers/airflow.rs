//! What Airflow says, 2 and 3: of runs, task instances and their tries, import errors, and who did what. Shapes: its OpenAPI
//! documents, and answers of both.

use super::Beside;
use super::locate::AnswerMember;
use super::reader::{About, AnswerReader};
use crate::diagnose::clue::{ClueRole, Layer, Strength};
use crate::diagnose::facts::RunSubject;
use crate::diagnose::result::RunOutcome;
use crate::parity::dates::{period_between, period_in, period_of};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The class of a task that failed, whatever it was.
const TASK_FAILED: &str = "AIRFLOW_TASK_FAILED";

/// A run, or the newest of a list.
pub(super) fn dag_run(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>) {
    let listed = answer.get("dag_runs");
    let run = if listed.is_absent() {
        answer
    } else {
        let runs = reader.list(listed);
        let when = |run: &AnswerMember<'_>| {
            let times = ["start_date", "queued_at", "run_after", "logical_date", "execution_date"];
            times.iter().find_map(|name| crate::parity::dates::time(run.get(name).value))
        };
        let Some(newest) = runs.into_iter().max_by_key(when) else { return };
        newest
    };
    let state = reader.text(run.get("state")).unwrap_or_default();
    let dag = reader.text(run.get("dag_id")).unwrap_or_default();
    let id = reader.text(run.get("dag_run_id"));
    let conf = reader.object(run.get("conf"));
    let conf = conf.members().filter_map(|member| member.value.as_str().map(|value| (member.name, value)));
    let (from, to) = (reader.time(run.get("data_interval_start")), reader.time(run.get("data_interval_end")));
    let by_interval = from.zip(to).and_then(|(from, to)| period_between(from, to));
    let is_scheduled = matches!(run.get("run_type").value.as_str(), Some("scheduled" | "backfill"));
    let logical = is_scheduled.then(|| reader.time(run.first_of(&["logical_date", "execution_date"]))).flatten();
    let by_date = logical.map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string());
    reader.facts.read.runs = 1;
    reader.facts.subject = RunSubject {
        run: Some(format!("{dag}/{}", id.as_deref().unwrap_or_default())).filter(|_| id.is_some()),
        period: period_of(conf).or(by_interval).or_else(|| id.as_deref().and_then(period_in)).or(by_date),
        name: dag,
        system: "airflow".to_owned(),
        started: reader.time(run.get("start_date")),
        ended: reader.time(run.get("end_date")),
    };
    let outcome = match state.as_str() {
        "success" => RunOutcome::Succeeded,
        "failed" => RunOutcome::Failed,
        "queued" | "running" => RunOutcome::Running,
        _ => return,
    };
    reader.outcome(outcome, run.get("state"), &state);
}

/// Task instances of a run, one of them, or the tries of one. Of a task, the last try counts.
pub(super) fn task_instances(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>) {
    let listed = if answer.value.is_array() { answer } else { answer.get("task_instances") };
    let instances = if listed.is_absent() { vec![answer] } else { reader.list(listed) };
    let mut last: BTreeMap<String, (u32, AnswerMember<'_>)> = BTreeMap::new();
    let mut earlier = Vec::new();
    for instance in instances {
        let task = task(reader, instance);
        let number = reader.number(instance.get("try_number")).unwrap_or_default();
        match last.get(&task) {
            Some((other, _)) if *other > number => earlier.push((task, number, instance)),
            _ => {
                if let Some((other, before)) = last.insert(task.clone(), (number, instance)) {
                    earlier.push((task, other, before));
                }
            }
        }
    }
    reader.facts.read.tasks = last.len() as u64;
    let mut outcomes: BTreeMap<RunOutcome, AnswerMember<'_>> = BTreeMap::new();
    for (task, (number, instance)) in &last {
        let state = reader.text(instance.get("state")).unwrap_or_default();
        let outcome = match state.as_str() {
            "success" => RunOutcome::Succeeded,
            "failed" | "upstream_failed" | "shutdown" => RunOutcome::Failed,
            // Left out, by a branch or by hand: says nothing of the run.
            "skipped" | "removed" => RunOutcome::Unknown,
            // Not begun yet, waiting, or about to be tried again.
            _ => RunOutcome::Running,
        };
        outcomes.entry(outcome).or_insert(instance.get("state"));
        if matches!(state.as_str(), "failed" | "upstream_failed" | "shutdown" | "up_for_retry") {
            say_try(reader, *instance, task, *number, &state);
        }
    }
    for (task, number, instance) in earlier {
        let state = reader.text(instance.get("state")).unwrap_or_default();
        let now = last.get(&task).and_then(|(_, last)| last.get("state").value.as_str());
        if now != Some("success") && matches!(state.as_str(), "failed" | "up_for_retry") {
            say_try(reader, instance, &task, number, &state);
        }
    }
    if reader.facts.subject.name.is_empty()
        && let Some((_, instance)) = last.values().next()
    {
        let dag = reader.text(instance.get("dag_id")).unwrap_or_default();
        let run = reader.text(instance.first_of(&["dag_run_id", "run_id"]));
        let is_one = last.len() == 1;
        reader.facts.subject = RunSubject {
            run: run.as_deref().map(|run| format!("{dag}/{run}")),
            period: run.as_deref().and_then(period_in),
            name: dag,
            system: "airflow".to_owned(),
            started: if is_one { reader.time(instance.get("start_date")) } else { None },
            ended: if is_one { reader.time(instance.get("end_date")) } else { None },
        };
    }
    // A run goes on until its last task is done, and has failed if one of them has.
    for outcome in [RunOutcome::Running, RunOutcome::Failed, RunOutcome::Succeeded] {
        if let Some(state) = outcomes.get(&outcome) {
            let said = state.value.as_str().unwrap_or_default().to_owned();
            reader.outcome(outcome, *state, &said);
            break;
        }
    }
}

/// `DAG/RUN/TASK`, as logs call it.
fn task(reader: &mut AnswerReader<'_>, instance: AnswerMember<'_>) -> String {
    let parts = [instance.get("dag_id"), instance.first_of(&["dag_run_id", "run_id"]), instance.get("task_id")];
    let mut task = parts.map(|part| reader.text(part).unwrap_or_default()).join("/");
    if let Some(index) = reader.number(instance.get("map_index")) {
        task = format!("{task}[{index}]");
    }
    task.trim_matches('/').to_owned()
}

fn say_try(reader: &mut AnswerReader<'_>, instance: AnswerMember<'_>, task: &str, number: u32, state: &str) {
    let mut about = About::new(Layer::Airflow, reader.time(instance.get("end_date")));
    about.subject.task = Some(task.to_owned());
    about.subject.attempt = (number > 0).then_some(number);
    for (slot, name) in [("pool", "pool"), ("operator", "operator"), ("state", "state")] {
        let value = reader.text(instance.get(name));
        about.slot(slot, value);
    }
    reader.next_event();
    let said = format!("{task}: {state}");
    reader.clue((TASK_FAILED, ClueRole::Wrapper), Strength::Service, instance.get("state"), &said, &about);
    reader.next_event();
}

/// Import errors. Of the file of another DAG they are no cause.
pub(super) fn import_errors(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>, beside: &Beside) {
    let listed = if answer.value.is_array() { answer } else { answer.get("import_errors") };
    for error in reader.list(listed) {
        let path = reader.text(error.get("filename"));
        let stem = path.as_deref().and_then(|path| path.rsplit('/').next()).and_then(|name| name.split('.').next());
        let is_other = |stem: &str| !beside.dags.iter().any(|dag| dag.contains(stem) || stem.contains(dag.as_str()));
        if !beside.dags.is_empty() && stem.is_some_and(is_other) {
            continue;
        }
        let mut about = About::new(Layer::Airflow, reader.time(error.get("timestamp")));
        about.slot("path", path.clone());
        reader.next_event();
        let said = format!("{}: import error", path.unwrap_or_default());
        reader.class("AIRFLOW_IMPORT", ClueRole::Cause, error.get("filename"), &said, &about);
        reader.message(error.get("stack_trace"), &about);
    }
    reader.next_event();
}

/// The event log: who marked, cleared or paused. Airflow's own changes of states have no `extra`.
pub(super) fn event_logs(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>, beside: &Beside) {
    let listed = if answer.value.is_array() { answer } else { answer.get("event_logs") };
    let events = reader.list(listed);
    reader.facts.read.events = events.len() as u64;
    for event in events {
        let is_other = |known: &BTreeSet<String>, name| {
            let said = event.get(name).value.as_str();
            !known.is_empty() && said.is_some_and(|said| !known.contains(said))
        };
        if is_other(&beside.dags, "dag_id") || is_other(&beside.dag_runs, "run_id") {
            continue;
        }
        let name = reader.text(event.get("event")).unwrap_or_default();
        // `api.patch_task_instance` of 2.x is `patch_task_instance` of 3.x.
        let verb = name.rsplit('.').next().unwrap_or_default();
        let extra = match event.get("extra").value {
            Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
            other => other.clone(),
        };
        if !extra.is_object() {
            continue;
        }
        let says = |names: &[&str]| names.iter().find_map(|name| extra.get(name).and_then(Value::as_str));
        let new = says(&["new_state", "state"]);
        let is_preview = extra.get("dry_run").is_some_and(|dry| *dry == true || dry == "true")
            || (verb.starts_with("dagrun_") && says(&["confirmed"]) == Some("false"));
        let role = match verb {
            _ if is_preview => continue,
            "failed" | "dagrun_failed" => ClueRole::Cause,
            "patch_task_instance"
            | "patch_task_instance_dry_run"
            | "patch_dag_run"
            | "update_dag_run_state"
            | "post_set_task_instances_state"
                if new == Some("failed") =>
            {
                ClueRole::Cause
            }
            // These explain earlier tries or why nothing starts, and no failure.
            "clear" | "dagrun_clear" | "clear_dag_run" | "post_clear_task_instances" | "paused" | "patch_dag" => {
                ClueRole::Wrapper
            }
            _ => continue,
        };
        let mut about = About::new(Layer::Airflow, reader.time(event.get("when")));
        let parts = [event.get("dag_id"), event.get("run_id"), event.get("task_id")];
        let parts = parts.map(|part| reader.text(part));
        if let [Some(dag), Some(run), Some(task)] = &parts {
            about.subject.task = Some(format!("{dag}/{run}/{task}"));
        }
        let principal = reader.text(event.get("owner"));
        about.slot("principal", principal.clone());
        about.slot("action", Some(name.clone()));
        reader.next_event();
        let said = format!("{}: {name}", principal.unwrap_or_default());
        reader.clue(("USER_STOP", role), Strength::Service, event.get("event"), &said, &about);
    }
    reader.next_event();
}
