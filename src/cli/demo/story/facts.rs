//! What steps check facts with.

use super::super::stage::{Stage, must};
use crate::ui::Failure;
use serde_json::Value;

/// The settings of a job without the mark, which names the commit of the last apply.
pub(super) fn without_mark(settings: &Value) -> Value {
    let mut settings = settings.clone();
    if let Some(tags) = settings["tags"].as_object_mut() {
        tags.remove("plumb_rev");
    }
    settings
}

/// Address and action of each change.
pub(super) fn actions(plan: &Value) -> Vec<(&str, &str)> {
    plan["changes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| (c["address"].as_str().unwrap_or_default(), c["action"].as_str().unwrap_or_default()))
        .collect()
}

pub(super) fn only_field(change: &Value) -> Result<&Value, Failure> {
    match change["fields"].as_array().map(Vec::as_slice) {
        Some([one]) => Ok(one),
        _ => Err(Failure::error(format!("not one field but {}", change["fields"]))),
    }
}

pub(super) fn nothing_refused(plan: &Value) -> Result<(), Failure> {
    must(plan["blocked"].as_array().is_some_and(Vec::is_empty), || format!("refused: {}", plan["blocked"]))
}

pub(super) fn nothing_planned(plan: &Value, unchanged: u64) -> Result<(), Failure> {
    nothing_refused(plan)?;
    must(plan["changes"].as_array().is_some_and(Vec::is_empty), || format!("the plan is {:?}", actions(plan)))?;
    must(plan["unchanged"] == unchanged, || format!("{} resources are up to date", plan["unchanged"]))
}

/// Every job that is live.
pub(super) async fn jobs(stage: &Stage<'_>) -> Result<Vec<Value>, Failure> {
    let list = stage.ask("/api/2.2/jobs/list?expand_tasks=true&limit=100").await?;
    Ok(list["jobs"].as_array().cloned().unwrap_or_default())
}

/// The one job that carries the mark of a manifest.
pub(super) async fn marked_job(stage: &Stage<'_>, name: &str) -> Result<Value, Failure> {
    owned(stage, "/api/2.2/jobs/list?expand_tasks=true&limit=100", "jobs", &format!("DatabricksJob/{name}")).await
}

/// The one object of a listing that carries the mark of an address: in its tags, or at the end of its description.
pub(super) async fn owned(stage: &Stage<'_>, path: &str, list: &str, address: &str) -> Result<Value, Failure> {
    let mark = format!("bau-insights/demo/{address}");
    let listing = stage.ask(path).await?;
    let carries = |object: &&Value| {
        [&object["settings"]["tags"]["plumb"], &object["custom_tags"]["plumb"]].into_iter().any(|tag| *tag == mark)
            || object["description"].as_str().is_some_and(|text| text.contains(&format!("[plumb {mark} ")))
    };
    let found: Vec<&Value> = listing[list].as_array().into_iter().flatten().filter(carries).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        _ => Err(Failure::error(format!("{} live objects carry the mark {mark}, not one", found.len()))),
    }
}
