//! What a cutover asks of DAGs: the call that pauses one, the parameters that its tasks give, the period that it runs next.

use super::dag::{AirflowDag, pause, put_of};
use super::dag_runs::{self, Due};
use super::dag_spec::DagSpec;
use crate::kinds::cutover::{CutoverKind, NextRun, NextTick, ShadowSetting, StartedJob, WaveRuns};
use crate::kinds::{Observed, Unsupported, reading};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plumb_model::call::{Call, System};
use plumb_model::read::{Pages, Read};
use plumb_model::text::percent_encoded;
use plumb_model::yaml::Tree;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

impl CutoverKind for AirflowDag {
    fn paused_until_cutover(&self) -> (&'static str, Tree) {
        ("paused", Tree::Bool(true))
    }

    fn with_paused(&self, spec: &mut Value, paused: bool) {
        spec["paused"] = json!(paused);
    }

    fn set_paused(&self, id: &str, paused: bool) -> Call {
        pause(id, paused)
    }

    fn settings(&self, spec: &Value, jobs: &[StartedJob], shadow: &BTreeMap<String, String>) -> Vec<ShadowSetting> {
        let mut settings = Vec::new();
        for task in spec["tasks"].as_array().into_iter().flatten() {
            let (Some(id), Some(job)) = (task["id"].as_str(), started(task, jobs)) else { continue };
            for (parameter, value) in shadow.iter().filter(|(name, _)| job.parameters.contains(name)) {
                let real = task.pointer("/params/job_parameters").and_then(|given| given.get(parameter)).cloned();
                let shadow = Value::from(value.as_str());
                if real.as_ref() != Some(&shadow) {
                    let path = format!("tasks[{id}].params.job_parameters.{parameter}");
                    let (task, parameter) = (id.to_owned(), parameter.clone());
                    settings.push(ShadowSetting { path, task, parameter, shadow, real });
                }
            }
        }
        settings
    }

    fn setting(&self, spec: &Value, setting: &ShadowSetting) -> Option<Value> {
        let mut tasks = spec["tasks"].as_array()?.iter();
        let task = tasks.find(|task| task["id"] == setting.task.as_str())?;
        task.pointer("/params/job_parameters")?.get(&setting.parameter).filter(|value| !value.is_null()).cloned()
    }

    fn with_setting(&self, spec: &mut Value, setting: &ShadowSetting, value: Option<&Value>) {
        let Some(tasks) = spec.get_mut("tasks").and_then(Value::as_array_mut) else { return };
        let Some(task) = tasks.iter_mut().find(|task| task["id"] == setting.task.as_str()) else { return };
        let Some(task) = task.as_object_mut() else { return };
        let Some(params) = member(task, "params") else { return };
        let Some(given) = member(params, "job_parameters") else { return };
        match value {
            Some(value) => drop(given.insert(setting.parameter.clone(), value.clone())),
            None => drop(given.remove(&setting.parameter)),
        }
        // What says nothing is left out, as the manifest would.
        if given.is_empty() {
            params.remove("job_parameters");
        }
        if params.is_empty() {
            task.remove("params");
        }
    }

    fn rewrite(&self, live: &Observed, body: &Value) -> Result<Call, Unsupported> {
        let mut body = body.clone();
        if let Some(body) = body.as_object_mut() {
            // What reading fills in does not stand in the file: it is to be the very one that an apply writes.
            body.retain(|name, value| match name.as_str() {
                "source" => value != "plumb",
                "tags" => value.as_array().is_none_or(|tags| !tags.is_empty()),
                _ => true,
            });
        }
        put_of(live, &body)
    }

    fn under_way(&self, id: &str) -> Call {
        runs(id).query("state", "running").query("state", "queued")
    }

    fn wave_runs(&self, id: &str, since: Timestamp) -> Vec<Read> {
        let all = |call| Read::offsets(call, "dag_runs", "dag_run_id");
        vec![all(self.under_way(id)), all(runs(id).query("start_date_gte", since.to_string()))]
    }

    fn runs_seen(&self, pages: &[Pages], since: Timestamp) -> Result<WaveRuns, String> {
        let mut seen = WaveRuns::default();
        for (index, pages) in pages.iter().enumerate() {
            for page in pages {
                for run in reading::list(page, "dag_runs")? {
                    let id = run["dag_run_id"].as_str().unwrap_or("a run without an id").to_owned();
                    let is_late = match run["start_date"].as_str().map(str::parse::<Timestamp>) {
                        // It waits for its turn.
                        None => true,
                        Some(Ok(started)) => started >= since,
                        Some(Err(_)) => return Err(format!("when {id} began is no time")),
                    };
                    if index == 0 {
                        seen.under_way.push(id.clone());
                    }
                    if is_late && run["run_type"] == "scheduled" && !seen.scheduled.contains(&id) {
                        seen.scheduled.push(id);
                    }
                }
            }
        }
        Ok(seen)
    }

    fn broken(&self, seen: &Observed) -> Option<String> {
        if seen.facts["known"] != true {
            return Some("Airflow does not know it yet".to_owned());
        }
        if seen.facts["stale"] == true {
            return Some("Airflow no longer sees its file".to_owned());
        }
        match seen.spec["source"].as_str() {
            None | Some("plumb" | "external") => None,
            Some(wrong) => Some(format!("it is {wrong}")),
        }
    }

    fn next_run_of(&self, seen: &Observed) -> NextRun {
        if let Some(why) = self.broken(seen) {
            return NextRun::Unknown(why);
        }
        let time = |name: &str| seen.facts[name].as_str().map(str::parse::<Timestamp>);
        match (time("run_after"), time("start"), time("end")) {
            (None, ..) => NextRun::Never,
            (Some(Ok(at)), Some(Ok(start)), Some(Ok(end))) => NextRun::Tick(NextTick { at, start, end }),
            (Some(Ok(_)), ..) => NextRun::Unknown("Airflow does not say which period it runs next".to_owned()),
            (Some(Err(_)), ..) => NextRun::Unknown("when Airflow runs it next is no time".to_owned()),
        }
    }

    fn first_run_after(&self, spec: &Value, after: Timestamp) -> NextRun {
        let spec = typed(spec);
        if spec.cron().is_none() {
            return NextRun::Never;
        }
        match dag_runs::next(&spec, after) {
            Some(due) => NextRun::Tick(tick(&due)),
            None if spec.cron().is_some_and(|cron| dag_runs::parse(cron).is_err()) => {
                NextRun::Unknown("its schedule has no ticks that are known before they come".to_owned())
            }
            None => NextRun::Never,
        }
    }

    fn step(&self, spec: &Value, at: Timestamp) -> Option<SignedDuration> {
        dag_runs::shortest_step(&typed(spec), at)
    }

    fn starting_with(&self, spec: &Value, start: Timestamp) -> Option<String> {
        let zone = dag_runs::zone(&typed(spec))?;
        Some(format!("start_date: {}", start.to_zoned(zone).strftime("%Y-%m-%dT%H:%M")))
    }

    fn may_start_at_once(&self, spec: &Value) -> Result<(), String> {
        match typed(spec).catch_up_now {
            Some(true) => Ok(()),
            _ => Err("write `catchUpNow: true` if it is meant".to_owned()),
        }
    }

    fn zone(&self, spec: &Value) -> Option<TimeZone> {
        let spec = typed(spec);
        spec.schedule.as_ref().and_then(|_| dag_runs::zone(&spec))
    }
}

fn runs(id: &str) -> Call {
    Call::get(System::Airflow, format!("/api/v2/dags/{}/dagRuns", percent_encoded(id)))
}

fn typed(spec: &Value) -> DagSpec {
    serde_json::from_value(spec.clone()).unwrap_or_default()
}

fn tick(due: &Due) -> NextTick {
    NextTick { at: due.at.timestamp(), start: due.start.timestamp(), end: due.end.timestamp() }
}

/// The job that a task starts, by its reference or by its name.
fn started<'j>(task: &Value, jobs: &'j [StartedJob]) -> Option<&'j StartedJob> {
    let is_run = |job: &&StartedJob| {
        let reference = format!("${{resources.{}.{}}}", job.address.kind, job.address.name);
        task["run"] == reference.as_str() || task["job"] == job.title.as_str()
    };
    jobs.iter().find(is_run)
}

/// A member that is a map; made where it is missing.
fn member<'m>(map: &'m mut Map<String, Value>, name: &str) -> Option<&'m mut Map<String, Value>> {
    let member = map.entry(name).or_insert(Value::Null);
    if member.is_null() {
        *member = json!({});
    }
    member.as_object_mut()
}
