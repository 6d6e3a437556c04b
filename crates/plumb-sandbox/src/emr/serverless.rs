//! EMR Serverless: applications and their job runs (botocore's model `emr-serverless/2021-07-13`).

use super::replies::{AwsResult, AwsService, conflict, missing, time, unfit};
use super::{Region, id};
use crate::{answer::Answer, request::Request, store::Store};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// An application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Application {
    pub id: String,
    pub arn: String,
    /// The application as it was requested, without its tags.
    pub asked: Map<String, Value>,
    pub state: String,
    /// When this state was entered.
    pub since: i64,
    pub created: i64,
    pub updated: i64,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub runs: BTreeMap<String, JobRun>,
}

/// A job run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRun {
    pub id: String,
    pub arn: String,
    pub asked: Map<String, Value>,
    pub state: String,
    pub details: String,
    pub since: i64,
    pub created: i64,
    pub updated: i64,
    #[serde(default)]
    pub started: Option<i64>,
    #[serde(default)]
    pub ended: Option<i64>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// How long it runs, where it is known better than by the settings.
    #[serde(default)]
    pub seconds: Option<i64>,
}

/// The states of an application.
const STATES: [&str; 7] = ["CREATING", "CREATED", "STARTING", "STARTED", "STOPPING", "STOPPED", "TERMINATED"];
/// The states of a job run.
const RUN_STATES: [&str; 9] =
    ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "SUCCESS", "FAILED", "CANCELLING", "CANCELLED", "QUEUED"];

impl JobRun {
    /// Whether it is over.
    pub fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "SUCCESS" | "FAILED" | "CANCELLED")
    }

    fn name(&self) -> &str {
        self.asked.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    fn enter(&mut self, state: &str, at: i64) {
        state.clone_into(&mut self.state);
        (self.since, self.updated) = (at, at);
        if state == "RUNNING" {
            self.started = Some(at);
        }
        if self.has_ended() {
            self.ended = Some(at);
        }
    }
}

impl Application {
    fn enter(&mut self, state: &str, at: i64) {
        state.clone_into(&mut self.state);
        (self.since, self.updated) = (at, at);
    }

    /// The state that it is on its way to.
    fn next(&self) -> Option<&'static str> {
        match self.state.as_str() {
            "CREATING" => Some("CREATED"),
            "STARTING" => Some("STARTED"),
            "STOPPING" => Some("STOPPED"),
            _ => None,
        }
    }

    fn is_busy(&self) -> bool {
        self.runs.values().any(|run| !run.has_ended())
    }

    fn says(&self, name: &str) -> &Value {
        self.asked.get(name).unwrap_or(&Value::Null)
    }
}

/// Moves applications and runs to where the clock says they are.
pub fn tick(store: &mut Store) {
    let (now, settings) = (store.now(), store.settings.emr.clone());
    let due = |since: i64, seconds: Option<i64>| {
        seconds.map(|s| since.saturating_add(s.saturating_mul(1000))).filter(|due| *due <= now)
    };
    for region in store.emr.regions.values_mut() {
        for application in region.applications.values_mut() {
            if let (Some(next), Some(at)) = (application.next(), due(application.since, settings.cluster_seconds)) {
                application.enter(next, at);
            }
            for run in application.runs.values_mut() {
                let outcome = settings.steps.get(run.name()).cloned();
                let seconds = run.seconds.or_else(|| outcome.as_ref()?.seconds).or(settings.step_seconds);
                // The states before RUNNING take no time of their own.
                while let Some(at) = due(run.since, if run.state == "RUNNING" { seconds } else { seconds.map(|_| 0) }) {
                    if run.has_ended() {
                        break;
                    }
                    advance(run, outcome.as_ref(), at);
                }
            }
            stop_when_idle(application, now);
        }
        let horizon = now.saturating_sub(settings.forget_days.saturating_mul(86_400_000));
        region.applications.retain(|_, one| one.state != "TERMINATED" || one.since > horizon);
    }
}

/// By default an application stops after 15 idle minutes (`autoStopConfiguration`).
fn stop_when_idle(application: &mut Application, now: i64) {
    let stop = application.says("autoStopConfiguration");
    let minutes = stop["idleTimeoutMinutes"].as_i64().unwrap_or(15);
    let last = application.runs.values().filter_map(|run| run.ended).max().unwrap_or(0).max(application.since);
    let at = last.saturating_add(minutes.saturating_mul(60_000));
    if application.state == "STARTED" && stop["enabled"] != false && !application.is_busy() && at <= now {
        application.enter("STOPPED", at);
    }
}

/// Brings a run to its next state.
fn advance(run: &mut JobRun, outcome: Option<&super::settings::StepOutcome>, at: i64) {
    match run.state.as_str() {
        "SUBMITTED" => run.enter("PENDING", at),
        "QUEUED" | "PENDING" => run.enter("SCHEDULED", at),
        "SCHEDULED" => run.enter("RUNNING", at),
        "CANCELLING" => run.enter("CANCELLED", at),
        "RUNNING" => match outcome.filter(|outcome| outcome.fails) {
            Some(outcome) => {
                run.details =
                    outcome.message.clone().unwrap_or_else(|| "Job failed, please check complete logs".to_owned());
                run.enter("FAILED", at);
            }
            None => run.enter("SUCCESS", at),
        },
        _ => {}
    }
}

/// Answers one request.
pub fn handle(store: &mut Store, region: &str, request: &Request) -> AwsResult {
    let rest = request.path.strip_prefix("/emr-serverless").unwrap_or_default().trim_matches('/');
    let segments: Vec<&str> = rest.split('/').collect();
    let body = &request.body;
    match (request.method.as_str(), segments.as_slice()) {
        ("POST", ["applications"]) => create(store, region, body),
        ("GET", ["applications"]) => list(store, region, request),
        ("GET", ["applications", id]) => get(store, region, id),
        ("PATCH", ["applications", id]) => update(store, region, id, body),
        ("DELETE", ["applications", id]) => delete(store, region, id),
        ("POST", ["applications", id, "start"]) => start(store, region, id),
        ("POST", ["applications", id, "stop"]) => stop(store, region, id),
        ("POST", ["applications", id, "jobruns"]) => start_run(store, region, id, body),
        ("GET", ["applications", id, "jobruns"]) => list_runs(store, region, id, request),
        ("GET", ["applications", id, "jobruns", run]) => get_run(store, region, id, run),
        ("DELETE", ["applications", id, "jobruns", run]) => cancel_run(store, region, id, run),
        (method @ ("GET" | "POST" | "DELETE"), ["tags", arn @ ..]) => {
            tags(store, region, method, &arn.join("/"), request)
        }
        _ => Err(AwsService::Serverless.refused(404, "UnknownOperationException", "", &request.id)),
    }
}

fn known<'s>(region: &'s mut Region, id: &str) -> Result<&'s mut Application, Answer> {
    region.applications.get_mut(id).ok_or_else(|| missing(format!("Application {id} does not exist.")))
}

fn text<'v>(body: &'v Value, name: &str) -> Result<&'v str, Answer> {
    body[name]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| unfit(format!("{name} must not be null or empty.")))
}

/// Answers a request with a token that was used before as it was answered then.
fn repeated(region: &Region, body: &Value) -> Result<Option<Value>, Answer> {
    let token = text(body, "clientToken")?;
    match region.tokens.get(token) {
        None => Ok(None),
        Some((asked, answer)) if asked == body => Ok(Some(answer.clone())),
        Some(_) => Err(conflict("A request with this client token and other parameters was made before.")),
    }
}

fn keep(region: &mut Region, body: &Value, answer: &Value) {
    if let Some(token) = body["clientToken"].as_str() {
        region.tokens.insert(token.to_owned(), (body.clone(), answer.clone()));
    }
}

fn pairs(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// An application of a request. It is not kept yet.
pub fn made(store: &mut Store, region: &str, body: &Value) -> Result<Application, Answer> {
    let (label, kind) = (text(body, "releaseLabel")?, text(body, "type")?);
    if !["spark", "hive"].contains(&kind.to_ascii_lowercase().as_str()) {
        return Err(unfit(format!("Application type {kind} is not valid; it must be Spark or Hive.")));
    }
    // EMR Serverless begins with 6.6.0; `emr-spark-` has no such number.
    let early = super::releases::version(label).is_some_and(|version| version < (6, 6));
    if early || !super::releases::is_known(label) {
        return Err(unfit(format!("Release label {label} is not valid.")));
    }
    let mut asked = body.as_object().cloned().unwrap_or_default();
    asked.remove("clientToken");
    let tags = pairs(&asked.remove("tags").unwrap_or_default());
    asked.entry("architecture").or_insert(json!("X86_64"));
    asked.entry("autoStartConfiguration").or_insert(json!({ "enabled": true }));
    asked.entry("autoStopConfiguration").or_insert(json!({ "enabled": true, "idleTimeoutMinutes": 15 }));
    let (now, id) = (store.now(), id("00", store.serial(), 14).to_lowercase());
    let arn = store.emr.arn("emr-serverless", region, &format!("/applications/{id}"));
    let state = "CREATING".to_owned();
    Ok(Application { id, arn, asked, state, since: now, created: now, updated: now, tags, runs: BTreeMap::new() })
}

fn create(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    if let Some(answer) = repeated(store.emr.region(region), body)? {
        return Ok(answer);
    }
    let one = made(store, region, body)?;
    let answer = json!({ "applicationId": one.id, "name": one.says("name"), "arn": one.arn });
    let region = store.emr.region(region);
    region.applications.insert(one.id.clone(), one);
    keep(region, body, &answer);
    Ok(answer)
}

fn shown(one: &Application) -> Value {
    let mut shown = Value::Object(one.asked.clone());
    for (name, value) in [
        ("applicationId", json!(one.id)),
        ("arn", json!(one.arn)),
        ("state", json!(one.state)),
        ("createdAt", time(one.created)),
        ("updatedAt", time(one.updated)),
        ("tags", json!(one.tags)),
    ] {
        shown[name] = value;
    }
    shown
}

fn list(store: &mut Store, region: &str, request: &Request) -> AwsResult {
    let states = asked_states(request, &STATES)?;
    let mut all: Vec<&Application> = store.emr.region(region).applications.values().collect();
    all.retain(|one| states.is_empty() || states.contains(&one.state));
    all.sort_by_key(|one| (std::cmp::Reverse(one.created), one.id.clone()));
    let entry = |one: &Application| {
        json!({ "id": one.id, "name": one.says("name"), "arn": one.arn, "releaseLabel": one.says("releaseLabel"),
            "type": one.says("type"), "state": one.state, "createdAt": time(one.created),
            "updatedAt": time(one.updated), "architecture": one.says("architecture") })
    };
    paged(&all.into_iter().map(entry).collect::<Vec<_>>(), request, "applications")
}

fn asked_states(request: &Request, known: &[&str]) -> Result<Vec<String>, Answer> {
    let states: Vec<String> =
        request.query.iter().filter(|(name, _)| name == "states").map(|(_, v)| v.clone()).collect();
    match states.iter().find(|state| !known.contains(&state.as_str())) {
        Some(state) => Err(unfit(format!("{state} is not a valid state."))),
        None => Ok(states),
    }
}

fn paged(all: &[Value], request: &Request, items: &str) -> AwsResult {
    let of = |name: &str| request.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let size = match of("maxResults") {
        None => 50,
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (1..=50).contains(n))
            .ok_or_else(|| unfit("maxResults must be between 1 and 50."))?,
    };
    let (entries, next) = super::page(all, of("nextToken"), size).map_err(|_| unfit("The next token is not valid."))?;
    let mut answer = json!({ items: entries });
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    Ok(answer)
}

fn get(store: &mut Store, region: &str, id: &str) -> AwsResult {
    let (now, by_look) = (store.now(), store.settings.emr.cluster_seconds.is_none());
    let one = known(store.emr.region(region), id)?;
    let answer = json!({ "application": shown(one) });
    if let (true, Some(next)) = (by_look, one.next()) {
        one.enter(next, now);
    }
    Ok(answer)
}

/// Refuses in any but these states. The words are those of gchq/sleeper#2909.
fn must_be(one: &Application, states: &[&str]) -> Result<(), Answer> {
    if states.contains(&one.state.as_str()) {
        Ok(())
    } else {
        Err(unfit(format!(
            "Application {} must be in one of the following statuses [{}]. Current status: {}",
            one.id,
            states.join(", "),
            one.state
        )))
    }
}

fn update(store: &mut Store, region: &str, id: &str, body: &Value) -> AwsResult {
    text(body, "clientToken")?;
    let now = store.now();
    let one = known(store.emr.region(region), id)?;
    must_be(one, &["CREATED", "STOPPED"])?;
    for (name, value) in body.as_object().into_iter().flatten() {
        if !["clientToken", "name", "type", "tags"].contains(&name.as_str()) {
            one.asked.insert(name.clone(), value.clone());
        }
    }
    one.updated = now;
    Ok(json!({ "application": shown(one) }))
}

fn delete(store: &mut Store, region: &str, id: &str) -> AwsResult {
    let now = store.now();
    let one = known(store.emr.region(region), id)?;
    must_be(one, &["CREATED", "STOPPED"])?;
    one.enter("TERMINATED", now);
    Ok(json!({}))
}

fn start(store: &mut Store, region: &str, id: &str) -> AwsResult {
    let now = store.now();
    let one = known(store.emr.region(region), id)?;
    if !matches!(one.state.as_str(), "STARTING" | "STARTED") {
        must_be(one, &["CREATED", "STOPPED"])?;
        one.enter("STARTING", now);
    }
    Ok(json!({}))
}

fn stop(store: &mut Store, region: &str, id: &str) -> AwsResult {
    let now = store.now();
    let one = known(store.emr.region(region), id)?;
    // "All scheduled and running jobs must be completed or cancelled before stopping an application" (StopApplication).
    if one.is_busy() {
        return Err(unfit(format!("Application {id} has job runs that are not completed or cancelled.")));
    }
    if !matches!(one.state.as_str(), "STOPPING" | "STOPPED") {
        must_be(one, &["STARTING", "STARTED"])?;
        one.enter("STOPPING", now);
    }
    Ok(json!({}))
}

/// A job run of a request. It is not kept yet.
pub fn run_made(store: &mut Store, application: &Application, body: &Value) -> Result<JobRun, Answer> {
    text(body, "executionRoleArn")?;
    let driver = &body["jobDriver"];
    let is_spark = driver["sparkSubmit"].is_object();
    if is_spark == driver["hive"].is_object() {
        return Err(unfit("jobDriver must be one of sparkSubmit and hive."));
    }
    let (of, name) = if is_spark { (&driver["sparkSubmit"], "entryPoint") } else { (&driver["hive"], "query") };
    text(of, name)?;
    let mut asked = body.as_object().cloned().unwrap_or_default();
    asked.remove("clientToken");
    asked.insert("releaseLabel".to_owned(), application.says("releaseLabel").clone());
    let tags = pairs(&asked.remove("tags").unwrap_or_default());
    let (now, id) = (store.now(), id("00", store.serial(), 14).to_lowercase());
    let arn = format!("{}/jobruns/{id}", application.arn);
    let state = "SUBMITTED".to_owned();
    Ok(JobRun {
        id,
        arn,
        asked,
        state,
        details: String::new(),
        since: now,
        created: now,
        updated: now,
        started: None,
        ended: None,
        tags,
        seconds: None,
    })
}

fn start_run(store: &mut Store, region: &str, id: &str, body: &Value) -> AwsResult {
    let now = store.now();
    if let Some(answer) = repeated(store.emr.region(region), body)? {
        return Ok(answer);
    }
    let application = known(store.emr.region(region), id)?.clone();
    // It is started for the run, unless that was switched off.
    if application.says("autoStartConfiguration")["enabled"] != false {
        must_be(&application, &["CREATED", "STARTING", "STARTED", "STOPPED"])?;
    } else {
        must_be(&application, &["STARTED"])?;
    }
    let run = run_made(store, &application, body)?;
    let answer = json!({ "applicationId": id, "jobRunId": run.id, "arn": run.arn });
    let region = store.emr.region(region);
    let one = known(region, id)?;
    if one.state != "STARTED" {
        one.enter("STARTED", now);
    }
    one.runs.insert(run.id.clone(), run);
    keep(region, body, &answer);
    Ok(answer)
}

fn list_runs(store: &mut Store, region: &str, id: &str, request: &Request) -> AwsResult {
    let states = asked_states(request, &RUN_STATES)?;
    let bound = |name: &str| -> Result<Option<i64>, Answer> {
        let text = request.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let read = |text: &str| text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
        text.map(read).transpose().map_err(|e| unfit(format!("{name} is no time: {e}")))
    };
    let (after, before) = (bound("createdAtAfter")?, bound("createdAtBefore")?);
    let account = store.emr.account.clone();
    let application = known(store.emr.region(region), id)?;
    let mut all: Vec<&JobRun> = application.runs.values().collect();
    all.retain(|run| {
        (states.is_empty() || states.contains(&run.state))
            && after.is_none_or(|after| run.created >= after)
            && before.is_none_or(|before| run.created <= before)
    });
    all.sort_by_key(|run| (std::cmp::Reverse(run.created), run.id.clone()));
    let entry = |run: &JobRun| {
        let mut entry = common(application, run, &account);
        entry["id"] = json!(run.id);
        entry["type"] = json!(if run.asked["jobDriver"]["hive"].is_object() { "HIVE" } else { "SPARK" });
        entry
    };
    paged(&all.into_iter().map(entry).collect::<Vec<_>>(), request, "jobRuns")
}

/// What an entry of a listing and a description have in common.
fn common(application: &Application, run: &JobRun, account: &str) -> Value {
    let says = |name: &str| run.asked.get(name).cloned().unwrap_or_default();
    let mut common = json!({
        "applicationId": application.id, "arn": run.arn, "createdBy": format!("arn:aws:iam::{account}:user/{}", super::KEY),
        "createdAt": time(run.created), "updatedAt": time(run.updated), "executionRole": says("executionRoleArn"),
        "state": run.state, "stateDetails": run.details, "releaseLabel": says("releaseLabel"),
        "mode": run.asked.get("mode").cloned().unwrap_or_else(|| json!("BATCH")), "attempt": 1,
        "attemptCreatedAt": time(run.created), "attemptUpdatedAt": time(run.updated),
    });
    if !run.name().is_empty() {
        common["name"] = json!(run.name());
    }
    common
}

fn run<'s>(store: &'s mut Store, region: &str, id: &str, run: &str) -> Result<&'s mut JobRun, Answer> {
    let application = known(store.emr.region(region), id)?;
    application.runs.get_mut(run).ok_or_else(|| missing(format!("Job run {run} does not exist.")))
}

fn get_run(store: &mut Store, region: &str, id: &str, run_id: &str) -> AwsResult {
    let (now, settings, account) = (store.now(), store.settings.emr.clone(), store.emr.account.clone());
    let application = known(store.emr.region(region), id)?.clone();
    let one = run(store, region, id, run_id)?;
    let mut shown = common(&application, one, &account);
    shown["jobRunId"] = json!(one.id);
    shown["tags"] = json!(one.tags);
    for name in ["jobDriver", "configurationOverrides", "executionTimeoutMinutes", "retryPolicy", "executionIamPolicy"]
    {
        if let Some(value) = one.asked.get(name) {
            shown[name] = value.clone();
        }
    }
    if let Some(network) = application.asked.get("networkConfiguration") {
        shown["networkConfiguration"] = network.clone();
    }
    if let Some(started) = one.started {
        shown["startedAt"] = time(started);
        shown["totalExecutionDurationSeconds"] = json!((one.ended.unwrap_or(now) - started).max(0) / 1000);
    }
    if let Some(ended) = one.ended {
        shown["endedAt"] = time(ended);
        if let Some(started) = one.started {
            let (used, billed) = used(started, ended);
            shown["totalResourceUtilization"] = used;
            shown["billedResourceUtilization"] = billed;
        }
    }
    let outcome = settings.steps.get(one.name());
    let counted = one.seconds.or_else(|| outcome?.seconds).or(settings.step_seconds);
    if counted.is_none() && !one.has_ended() {
        advance(one, outcome, now);
    }
    Ok(json!({ "jobRun": shown }))
}

/// What a run used, and what of it is billed: a driver and ten executors of four cores and 16 GB each, a minute at least a worker,
/// storage above the 20 GB a worker that cost nothing.
fn used(started: i64, ended: i64) -> (Value, Value) {
    let of = |millis: i64| {
        // Thousandths of an hour of eleven workers.
        let worked = |units: i64| (11 * units * millis.max(0) / 3600) as f64 / 1000.0;
        json!({ "vCPUHour": worked(4), "memoryGBHour": worked(16), "storageGBHour": worked(20) })
    };
    let mut billed = of((ended - started).max(60_000));
    billed["storageGBHour"] = json!(0.0);
    (of(ended - started), billed)
}

fn cancel_run(store: &mut Store, region: &str, id: &str, run_id: &str) -> AwsResult {
    let now = store.now();
    let one = run(store, region, id, run_id)?;
    if one.has_ended() {
        return Err(unfit(format!("Job run {run_id} is in the state {} and cannot be cancelled.", one.state)));
    }
    one.seconds = None;
    one.enter("CANCELLING", now);
    Ok(json!({ "applicationId": id, "jobRunId": run_id }))
}

fn tags(store: &mut Store, region: &str, method: &str, arn: &str, request: &Request) -> AwsResult {
    let region = store.emr.region(region);
    let mut found = None;
    for application in region.applications.values_mut() {
        if application.arn == arn {
            found = Some(&mut application.tags);
            break;
        }
        if let Some(run) = application.runs.values_mut().find(|run| run.arn == arn) {
            found = Some(&mut run.tags);
            break;
        }
    }
    let tags = found.ok_or_else(|| missing(format!("Resource {arn} does not exist.")))?;
    match method {
        "GET" => return Ok(json!({ "tags": tags })),
        "POST" => {
            let new = pairs(&request.body["tags"]);
            if new.is_empty() {
                return Err(unfit("tags must not be null or empty."));
            }
            tags.extend(new);
        }
        _ => {
            let keys = request.query.iter().filter(|(name, _)| name == "tagKeys").map(|(_, key)| key);
            for key in keys {
                tags.remove(key);
            }
        }
    }
    Ok(json!({}))
}
