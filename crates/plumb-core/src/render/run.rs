//! A run that somebody started: how it ended, for people and for programs.

use super::counted;
use super::parity::took;
use super::value::visible;
use crate::runs::FollowedRun;
use plumb_model::address::Address;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many tasks that failed are shown.
const MOST_FAILED: usize = 20;

/// Which run it is.
#[derive(Clone, Debug)]
pub struct StartedRun {
    pub address: Address,
    pub job_id: String,
    pub run_id: u64,
    pub url: Option<String>,
}

/// `run 7 of DatabricksJob/load`, and below it where to look at it.
pub fn started_text(run: &StartedRun) -> String {
    let url = run.url.as_ref().map(|url| format!("{}\n", visible(url))).unwrap_or_default();
    format!("run {} of {}\n{url}", run.run_id, visible(&run.address.to_string()))
}

/// What became of it. `said` has the errors of tasks, by their keys, where they were asked for.
pub fn ended_text(run: &StartedRun, end: &FollowedRun, said: &BTreeMap<String, String>) -> String {
    let time = end.seconds().map(|seconds| format!(" after {}", took(seconds))).unwrap_or_default();
    let of = visible(&run.address.to_string());
    let mut text = format!("run {} of {of}: {}{time}\n", run.run_id, visible(&end.standing.word));
    if end.standing.is_bad() && !end.standing.message.is_empty() {
        text.push_str(&format!("  {}\n", visible(&end.standing.message)));
    }
    for task in end.failed().take(MOST_FAILED) {
        text.push_str(&format!("  {}\n", visible(&task.line())));
        if let Some(error) = said.get(&task.key).filter(|error| **error != task.standing.message) {
            text.push_str(&format!("    {}\n", visible(error)));
        }
    }
    let failed = end.failed().count();
    if failed > MOST_FAILED {
        text.push_str(&format!("  and {} more that failed\n", failed - MOST_FAILED));
    }
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for task in &end.tasks {
        *words.entry(task.standing.word.as_str()).or_default() += 1;
    }
    if !end.tasks.is_empty() {
        let each: Vec<String> = words.iter().map(|(word, count)| format!("{count} {}", visible(word))).collect();
        text.push_str(&format!("{}: {}\n", counted(end.tasks.len(), "task", "tasks"), each.join(", ")));
    }
    if let Some(url) = &run.url {
        text.push_str(&format!("{}\n", visible(url)));
    }
    text
}

/// The same for programs: one object, also of a run that goes on or of which nothing more is known.
pub fn run_json(run: &StartedRun, seen: Option<&FollowedRun>, said: &BTreeMap<String, String>) -> String {
    let mut all = json!({"format": "plumb.run/v1", "job": run.address.to_string(), "job_id": run.job_id,
        "run_id": run.run_id, "url": run.url});
    let mut seen = seen.map_or(Value::Null, FollowedRun::value);
    for task in seen["tasks"].as_array_mut().into_iter().flatten() {
        if let Some(error) = task["task_key"].as_str().and_then(|key| said.get(key)) {
            task["error"] = json!(error);
        }
    }
    if let (Value::Object(all), Value::Object(seen)) = (&mut all, seen) {
        all.extend(seen);
    }
    super::shown(&format!("{all:#}\n"))
}
