//! A month that fails on both sides: diagnosed, changed at a line of the manifest, planned and applied.

use super::super::project;
use super::super::stage::{Stage, must};
use super::facts::{actions, marked_job, nothing_refused, only_field};
use super::{TARGET, emr};
use crate::ui::Failure;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The pipeline whose month fails: on EMR EC2 took its spot machines back as well.
const PIPELINE: &str = "bau-churn";
const MANIFEST: &str = "manifests/bau-churn/job.yaml";
/// The task that failed, and with it the first of the cluster's two.
const TASK: &str = "prepare-training-set";
const FALLBACK: &str = "availability: SPOT_WITH_FALLBACK";
const SPOT: &str = "availability: SPOT";
/// What both sides failed of.
const CLASS: &str = "SPOT_RECLAIM";

pub(super) async fn diagnose(stage: &Stage<'_>) -> Result<(), Failure> {
    let translated = stage.read(MANIFEST)?;
    stage.write(MANIFEST, &project::edited(&translated, FALLBACK, SPOT)?)?;
    stage.commit("Ben Okafor", "Score churn on spot machines alone")?;
    stage.apply_quietly().await?;
    let name = marked_job(stage, PIPELINE).await?["settings"]["name"].clone();
    let ago = |minutes| (Timestamp::now() - SignedDuration::from_mins(minutes)).to_string();
    let run = json!({ "job": name, "started": ago(240), "ended": ago(190), "outcome": { "scenario": "spot-lost", "task": TASK } });
    stage.post("/_sandbox/seed", &json!({ "runs": [run] })).await?;
    let before = emr::clusters(stage).await?;

    let (old, new) = (format!("EmrCluster/legacy-{PIPELINE}"), format!("DatabricksJob/{PIPELINE}"));
    stage.plumb(&["diagnose", &old, TARGET[0], TARGET[1]]).await?.exits(0)?;
    let lines = evidence(&diagnosis(stage, &old).await?)?;
    stage.proven(&format!("EMR only says that a step failed; {lines} lines of its answers and logs say why"))?;

    let found = diagnosis(stage, &new).await?;
    evidence(&found)?;
    let change = found["change"][0].clone();
    must(change["file"] == MANIFEST && found["change"].as_array().is_some_and(|all| all.len() == 1), || {
        format!("the change is {}", found["change"])
    })?;
    stage.plumb(&["diagnose", &new, TARGET[0], TARGET[1], "--patch"]).await?.exits(0)?;
    stage.proven("the new job failed of the same cause: moving it to Databricks did not end it")?;
    must(stage.read(MANIFEST)? == translated, || format!("it wrote:\n{}", change["patch"]))?;
    stage.proven(&format!("--patch changed line {} of {MANIFEST} and no other, comments and all", change["line"]))?;
    must(emr::clusters(stage).await? == before, || "a cluster changed".into())?;
    stage.commit("Ben Okafor", "Let churn fall back to machines on demand")?;

    stage.plumb(&["plan", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let plan = stage.plan("plan").await?;
    nothing_refused(&plan)?;
    must(actions(&plan) == [(new.as_str(), "update")], || format!("the plan is {:?}", actions(&plan)))?;
    let field = only_field(&plan["changes"][0])?;
    let path = field["path"].as_str().unwrap_or_default();
    must(path.ends_with("aws_attributes.availability"), || format!("the plan changes {path}"))?;
    stage.proven("the plan changes that one field: diagnosing and --patch change nothing live")?;
    stage.apply_quietly().await?;
    let plan = stage.plan("plan").await?;
    must(actions(&plan).is_empty(), || format!("the plan is {:?}", actions(&plan)))?;
    stage.proven("it is applied, and the next month falls back to machines on demand")
}

async fn diagnosis(stage: &Stage<'_>, of: &str) -> Result<Value, Failure> {
    let ran = stage.quietly(&["diagnose", of, TARGET[0], TARGET[1], "--output", "json"]).await?;
    ran.exits(0)?;
    serde_json::from_str(&ran.out).map_err(|e| Failure::error(format!("`plumb diagnose` printed no JSON: {e}")))
}

/// How many lines show the cause, if it is the one that it should be, and no guess.
fn evidence(found: &Value) -> Result<usize, Failure> {
    let cause = &found["cause"];
    let lines = cause["evidence"].as_array().map_or(0, Vec::len);
    let is_shown = cause["class"] == CLASS && cause["confidence"] != "possible" && lines > 1;
    must(is_shown, || format!("the cause is {cause}"))?;
    Ok(lines)
}
