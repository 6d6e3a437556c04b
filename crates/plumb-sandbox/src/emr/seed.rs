//! Seeding an AWS account: adds EMR clusters, security configurations and EMR Serverless applications of the past.

use super::cluster::{EmrCluster, EmrClusterState, Reason, StepState};
use super::{REGION, instances, launch, life, replies::AwsResult, security, serverless};
use crate::{
    answer::{Answer, Content},
    failure::{self, ClusterScenario, StepScenario},
    store::Store,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The `emr` member of a seed. The word `monthly` alone stands for `{"monthly": true}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EmrSeed {
    /// Where all of it is; [`REGION`] when absent.
    region: Option<String>,
    /// Whether the ready-made account is wanted as well.
    monthly: bool,
    clusters: Vec<ClusterSeed>,
    security_configurations: Vec<SecuritySeed>,
    applications: Vec<ApplicationSeed>,
}

/// A cluster. Times are as `2026-10-01T04:00:00Z`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClusterSeed {
    /// The request that began it (RunJobFlow).
    run: Value,
    /// Its state; WAITING when absent.
    #[serde(default)]
    state: Option<EmrClusterState>,
    /// `StateChangeReason`.
    #[serde(default)]
    reason: Value,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    ready: Option<String>,
    #[serde(default)]
    ended: Option<String>,
    /// How its steps went, in the order of the request.
    #[serde(default)]
    steps: Vec<StepSeed>,
    /// Why it did not start, in place of a reason.
    #[serde(default)]
    scenario: Option<ClusterScenario>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StepSeed {
    /// COMPLETED when absent.
    state: Option<StepState>,
    started: Option<String>,
    ended: Option<String>,
    /// `FailureDetails`.
    failure: Option<Value>,
    /// How long a running step takes.
    seconds: Option<i64>,
    /// Why it failed, in place of a state and `failure`.
    scenario: Option<StepScenario>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecuritySeed {
    name: String,
    /// What it says, as JSON.
    configuration: Value,
    #[serde(default)]
    created: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplicationSeed {
    /// The request that began it (CreateApplication).
    create: Value,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    runs: Vec<JobRunSeed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobRunSeed {
    /// The request that began it (StartJobRun).
    start: Value,
    /// SUCCESS when absent.
    #[serde(default)]
    state: Option<String>,
    /// `stateDetails`.
    #[serde(default)]
    details: String,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    ended: Option<String>,
}

/// Adds a seed's objects, and answers their ids by their names.
pub fn add(store: &mut Store, seed: &Value) -> Result<Value, String> {
    let word = (seed == "monthly").then(|| json!({ "monthly": true }));
    let mut seed = read(word.as_ref().unwrap_or(seed))?;
    if seed.monthly {
        let ready_made = read(&super::monthly::seed(store.now()))?;
        seed.clusters.extend(ready_made.clusters);
        seed.security_configurations.extend(ready_made.security_configurations);
        seed.applications.extend(ready_made.applications);
    }
    let region = seed.region.unwrap_or_else(|| REGION.to_owned());
    let mut ids = json!({ "region": region, "clusters": {}, "applications": {} });
    for (at, one) in seed.security_configurations.into_iter().enumerate() {
        let place = |why: String| format!("emr.security_configurations[{at}]: {why}");
        let asked = json!({ "Name": one.name, "SecurityConfiguration": one.configuration.to_string() });
        said(security::create(store, &region, &asked)).map_err(place)?;
        let created = time(one.created.as_deref()).map_err(place)?;
        if let (Some(known), Some(created)) = (store.emr.region(&region).security.get_mut(&one.name), created) {
            known.created = created;
        }
    }
    for (at, one) in seed.clusters.into_iter().enumerate() {
        let cluster = cluster(store, &region, &one).map_err(|why| format!("emr.clusters[{at}]: {why}"))?;
        ids["clusters"][cluster.name()] = json!(cluster.id);
        store.emr.region(&region).clusters.insert(cluster.id.clone(), cluster);
    }
    failure::emr::deliver(store);
    for (at, one) in seed.applications.into_iter().enumerate() {
        let (name, id) = application(store, &region, &one).map_err(|why| format!("emr.applications[{at}]: {why}"))?;
        ids["applications"][name] = json!(id);
    }
    Ok(ids)
}

fn read(seed: &Value) -> Result<EmrSeed, String> {
    serde_json::from_value(seed.clone()).map_err(|e| format!("emr: {e}"))
}

fn said(replied: AwsResult) -> Result<Value, String> {
    replied.map_err(refusal)
}

/// A refusal in words.
pub(crate) fn refusal(answer: Answer) -> String {
    let Content::Amazon { text, .. } = answer.content else { return "refused".to_owned() };
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    body["message"].as_str().or(body["Message"].as_str()).unwrap_or(&text).to_owned()
}

fn time(text: Option<&str>) -> Result<Option<i64>, String> {
    let read = |text: &str| text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
    text.map(read).transpose().map_err(|e| format!("a time is expected as 2026-10-01T04:00:00Z: {e}"))
}

fn cluster(store: &mut Store, region: &str, seed: &ClusterSeed) -> Result<EmrCluster, String> {
    let mut cluster = launch::launched(store, region, &seed.run).map_err(refusal)?;
    let now = store.now();
    let created = time(seed.created.as_deref())?.unwrap_or(now);
    let ready = time(seed.ready.as_deref())?.unwrap_or(created);
    let ended = time(seed.ended.as_deref())?;
    cluster.phase = seed.state.unwrap_or(EmrClusterState::Waiting);
    if cluster.phase.has_ended() != ended.is_some() {
        return Err(format!("`ended` belongs to an ended cluster, and the state is {}", cluster.phase.name()));
    }
    if seed.steps.len() > cluster.steps.len() {
        return Err(format!("`steps` describes {} steps, `run` requests {}", seed.steps.len(), cluster.steps.len()));
    }
    (cluster.created, cluster.since, cluster.idle_from) = (created, created, now);
    if !matches!(cluster.phase, EmrClusterState::Starting) {
        instances::provision(&mut cluster, created);
    }
    if !matches!(cluster.phase, EmrClusterState::Starting | EmrClusterState::Bootstrapping) {
        cluster.ready = Some(ready);
        instances::ready(&mut cluster, ready);
    }
    let mut last = ready;
    for (place, step) in cluster.steps.iter_mut().enumerate() {
        step.created = created;
        let untold = StepSeed::default();
        let told = seed.steps.get(place).unwrap_or(&untold);
        let ended_by = told.scenario.map(|scenario| match scenario {
            StepScenario::Cancelled => StepState::Cancelled,
            _ => StepState::Failed,
        });
        step.phase = told.state.or(ended_by).unwrap_or(StepState::Completed);
        step.started = time(told.started.as_deref())?;
        step.ended = time(told.ended.as_deref())?;
        let has_run = told.scenario.is_some() || !matches!(step.phase, StepState::Pending | StepState::Cancelled);
        if has_run && step.started.is_none() {
            step.started = Some(last);
        }
        if has_run && !step.phase.is_active() && step.ended.is_none() {
            step.ended = step.started;
        }
        last = step.ended.unwrap_or(last);
        step.failure = told.failure.clone();
        step.seconds = told.seconds;
    }
    for (place, told) in seed.steps.iter().enumerate() {
        if let (Some(scenario), Some(ended)) = (told.scenario, cluster.steps[place].ended) {
            failure::emr::end_step(&mut cluster, place, scenario, ended);
        }
    }
    run_or_wait(&mut cluster, now);
    let text = |name: &str| seed.reason[name].as_str().map(str::to_owned);
    cluster.reason = Reason { code: text("Code"), message: text("Message") };
    cluster.errors = seed.reason["ErrorDetails"].as_array().cloned().unwrap_or_default();
    if let Some(scenario) = seed.scenario {
        cluster.reason = failure::emr::fail_to_start(&mut cluster, scenario);
    }
    if let Some(ended) = ended {
        cluster.ended = Some(ended);
        instances::end(&mut cluster, ended);
    }
    Ok(cluster)
}

/// A cluster runs while a step of it does, and waits otherwise, whatever state a seed gives it among these two.
fn run_or_wait(cluster: &mut EmrCluster, now: i64) {
    if !matches!(cluster.phase, EmrClusterState::Running | EmrClusterState::Waiting) {
        return;
    }
    let is = |phase: StepState| cluster.steps.iter().any(|step| step.phase == phase);
    if is(StepState::Running) || is(StepState::CancelPending) {
        cluster.phase = EmrClusterState::Running;
    } else if is(StepState::Pending) {
        // A step that waits begins where nothing runs.
        life::settle(cluster, now);
    } else {
        cluster.phase = EmrClusterState::Waiting;
    }
}

fn application(store: &mut Store, region: &str, seed: &ApplicationSeed) -> Result<(String, String), String> {
    let mut one = serverless::made(store, region, &seed.create).map_err(refusal)?;
    let now = store.now();
    one.created = time(seed.created.as_deref())?.unwrap_or(now);
    one.state = seed.state.clone().unwrap_or_else(|| "STARTED".to_owned());
    (one.updated, one.since) = (one.created, now);
    for (at, told) in seed.runs.iter().enumerate() {
        let mut run =
            serverless::run_made(store, &one, &told.start).map_err(|a| format!("runs[{at}]: {}", refusal(a)))?;
        run.created = time(told.created.as_deref())?.unwrap_or(now);
        run.state = told.state.clone().unwrap_or_else(|| "SUCCESS".to_owned());
        run.details.clone_from(&told.details);
        run.started = Some(run.created);
        run.ended = time(told.ended.as_deref())?.or(run.has_ended().then_some(run.created));
        run.updated = run.ended.unwrap_or(run.created);
        run.since = run.updated;
        one.runs.insert(run.id.clone(), run);
    }
    let name = one.asked.get("name").and_then(Value::as_str).unwrap_or(&one.id).to_owned();
    let id = one.id.clone();
    store.emr.region(region).applications.insert(id.clone(), one);
    Ok((name, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Clock;

    #[test]
    fn a_cluster_runs_while_a_step_of_it_does_and_waits_otherwise() {
        let mut store = Store::new(Clock::Fixed(1_790_000_000_000));
        let step =
            json!({ "Name": "s", "HadoopJarStep": { "Jar": "command-runner.jar" }, "ActionOnFailure": "CONTINUE" });
        let run = json!({ "Name": "c", "ReleaseLabel": "emr-7.1.0", "JobFlowRole": "EMR_EC2_DefaultRole", "ServiceRole": "EMR_DefaultRole",
            "Steps": [step, step], "Instances": {
            "KeepJobFlowAliveWhenNoSteps": true, "InstanceGroups": [
            { "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 }] } });
        let mut seeded = |state: Option<&str>, steps: [&str; 2]| {
            let steps: Vec<Value> = steps.iter().map(|state| json!({ "state": state })).collect();
            let mut one = json!({ "run": run, "steps": steps });
            if let Some(state) = state {
                one["state"] = json!(state);
            }
            let cluster = cluster(&mut store, REGION, &serde_json::from_value(one).unwrap()).unwrap();
            (cluster.phase.name(), cluster.steps.iter().map(|step| step.phase.name()).collect::<Vec<_>>())
        };
        for state in [None, Some("RUNNING"), Some("WAITING")] {
            assert_eq!(seeded(state, ["COMPLETED", "FAILED"]).0, "WAITING", "{state:?}");
            assert_eq!(seeded(state, ["COMPLETED", "RUNNING"]).0, "RUNNING", "{state:?}");
            // One that waits begins where there is room.
            assert_eq!(seeded(state, ["COMPLETED", "PENDING"]), ("RUNNING", vec!["COMPLETED", "RUNNING"]), "{state:?}");
            assert_eq!(seeded(state, ["RUNNING", "PENDING"]), ("RUNNING", vec!["RUNNING", "PENDING"]), "{state:?}");
        }
    }
}
