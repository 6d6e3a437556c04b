//! Updates of pipelines: they start, wait for machines, run, end as the settings say, and leave events.

use super::super::{defaults, paging, runs::LifeCycleState, text};
use super::{find, uuid};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    settings::UpdateOutcome,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An update.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PipelineUpdate {
    pub update_id: String,
    pub cause: String,
    pub created_ms: i64,
    /// The states that it came into, and when.
    pub history: Vec<(String, i64)>,
    /// What it was started with.
    pub given: Value,
    /// The pipeline's settings as they were when it began.
    pub config: Value,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl PipelineUpdate {
    fn state(&self) -> &str {
        self.history.last().map_or("CREATED", |(state, _)| state)
    }

    fn is_active(&self) -> bool {
        !["COMPLETED", "CANCELED", "FAILED"].contains(&self.state())
    }

    fn is(&self, flag: &str) -> bool {
        self.given[flag] == true
    }

    /// The state that comes next by itself; of one that has ended, or goes on for ever, none.
    fn next(&self, is_continuous: bool, outcome: &UpdateOutcome) -> Option<&'static str> {
        Some(match self.state() {
            "CREATED" => "WAITING_FOR_RESOURCES",
            "WAITING_FOR_RESOURCES" => "INITIALIZING",
            "INITIALIZING" if self.is("full_refresh") => "RESETTING",
            "INITIALIZING" | "RESETTING" => "SETTING_UP_TABLES",
            // It only checks the code.
            "SETTING_UP_TABLES" if self.is("validate_only") && !outcome.fails => "COMPLETED",
            "SETTING_UP_TABLES" => "RUNNING",
            "RUNNING" if outcome.fails => "FAILED",
            "RUNNING" if !is_continuous => "COMPLETED",
            "STOPPING" => "CANCELED",
            _ => return None,
        })
    }

    /// As `UpdateInfo` of the SDK has it.
    fn shown(&self, pipeline_id: &str) -> Value {
        let mut shown = json!({
            "pipeline_id": pipeline_id, "update_id": self.update_id, "cause": self.cause, "state": self.state(),
            "creation_time": self.created_ms, "full_refresh": self.is("full_refresh"),
            "validate_only": self.is("validate_only"),
        });
        if let (Some(shown), Some(given)) = (shown.as_object_mut(), self.given.as_object()) {
            shown.extend(defaults::only(given, &KEPT));
        }
        shown
    }
}

/// Members of a start that an update shows as they came.
const KEPT: [&str; 5] = [
    "full_refresh_selection",
    "full_refresh_selection_by_path",
    "parameters",
    "refresh_selection",
    "refresh_selection_by_path",
];

/// Answers what is below `pipelines/ID`.
pub fn handle(store: &mut Store, request: &Request, id: &str, rest: &[&str]) -> Option<Handled> {
    let call: fn(&mut Store, &Request, &str) -> Handled = match (request.method.as_str(), rest) {
        ("POST", ["updates"]) => start,
        ("GET", ["updates"]) => list,
        ("GET", ["updates", update]) => return Some(find(store, id).map(|_| ()).and_then(|()| one(store, id, update))),
        ("POST", ["stop"]) => stop,
        ("GET", ["events"]) => events,
        _ => return None,
    };
    Some(find(store, id).map(|_| ()).and_then(|()| call(store, request, id)))
}

fn active<'a>(store: &'a Store, id: &str) -> Option<&'a PipelineUpdate> {
    store.databricks.pipeline_updates.get(id)?.iter().rfind(|update| update.is_active())
}

fn start(store: &mut Store, request: &Request, id: &str) -> Handled {
    if let Some(update) = active(store, id) {
        // The words are unverified.
        let message = format!("An active update {} already exists.", update.update_id);
        return Err(ApiError::new(409, "RESOURCE_CONFLICT", message));
    }
    let mut given = Value::Object(request.object()?);
    defaults::drop_nulls(&mut given);
    let cause = text(&given, "cause").unwrap_or("API_CALL").to_owned();
    let update_id = begin(store, id, &cause, given);
    Ok(json!({ "update_id": update_id }))
}

/// Begins an update; answers its id.
fn begin(store: &mut Store, id: &str, cause: &str, given: Value) -> String {
    let update_id = uuid(store);
    let now = store.now();
    let update = PipelineUpdate {
        update_id: update_id.clone(),
        cause: cause.to_owned(),
        created_ms: now,
        history: vec![("CREATED".to_owned(), now)],
        given,
        config: store.databricks.pipelines.get(id).map_or(Value::Null, |pipeline| pipeline["spec"].clone()),
        error: None,
    };
    store.databricks.pipeline_updates.entry(id.to_owned()).or_default().push(update);
    settle(store, id);
    update_id
}

/// The pipelines that tasks name, and whether all of each is to be refreshed.
fn of_tasks(settings: &Value) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    defaults::each_task(&mut settings.clone(), &mut |task| {
        let task = &task["pipeline_task"];
        found.extend(text(task, "pipeline_id").map(|id| (id.to_owned(), task["full_refresh"] == true)));
    });
    found
}

/// A pipeline that tasks name and that is not there. A workspace without any does not know which there are.
pub fn unknown(store: &Store, settings: &Value) -> Option<String> {
    let known = &store.databricks.pipelines;
    if known.is_empty() || !store.settings.check_references {
        return None;
    }
    of_tasks(settings).into_iter().map(|(id, _)| id).find(|id| !known.contains_key(id))
}

/// Begins an update of each pipeline that a run has a task for, unless one is under way, or the run waits or has ended.
pub fn begin_of_run(store: &mut Store, run_id: i64) {
    let run = store.databricks.runs.get(&run_id).filter(|run| run.life == LifeCycleState::Pending);
    let tasks = run.map(|run| of_tasks(&run.settings)).unwrap_or_default();
    for (id, full_refresh) in tasks {
        if store.databricks.pipelines.contains_key(&id) && active(store, &id).is_none() {
            begin(store, &id, "JOB_TASK", json!({ "full_refresh": full_refresh }));
        }
    }
}

/// Starts an update of a continuous pipeline that has none under way.
pub fn keep_going(store: &mut Store, id: &str) {
    let is_continuous = store.databricks.pipelines.get(id).is_some_and(|one| one["spec"]["continuous"] == true);
    if is_continuous && active(store, id).is_none() {
        begin(store, id, "API_CALL", json!({}));
    }
}

fn stop(store: &mut Store, _: &Request, id: &str) -> Handled {
    let now = store.now();
    let updates = store.databricks.pipeline_updates.get_mut(id);
    if let Some(update) = updates.and_then(|all| all.iter_mut().rfind(|update| update.is_active()))
        && update.state() != "STOPPING"
    {
        update.history.push(("STOPPING".to_owned(), now));
    }
    settle(store, id);
    Ok(json!({}))
}

/// Moves the update that is under way one state on, at a time; answers whether it did.
fn move_on(store: &mut Store, id: &str, at: i64) -> bool {
    let Some(pipeline) = store.databricks.pipelines.get(id) else { return false };
    let is_continuous = pipeline["spec"]["continuous"] == true;
    let outcomes = &store.settings.pipelines;
    let named = outcomes.get(id).or_else(|| outcomes.get(text(pipeline, "name").unwrap_or_default()));
    let outcome = named.cloned().unwrap_or_default();
    let updates = store.databricks.pipeline_updates.get_mut(id);
    let Some(update) = updates.and_then(|all| all.iter_mut().rfind(|update| update.is_active())) else { return false };
    let Some(next) = update.next(is_continuous, &outcome) else { return false };
    if next == "FAILED" {
        update.error = Some(outcome.message.unwrap_or_else(|| "The update failed.".to_owned()));
    }
    update.history.push((next.to_owned(), at));
    settle(store, id);
    true
}

/// A look at a pipeline or an update moves it on, unless the clock does.
pub fn look(store: &mut Store, id: &str) {
    if store.settings.pipeline_seconds.is_none() {
        move_on(store, id, store.now());
    }
}

/// Moves every update to where the clock says it is.
pub fn tick(store: &mut Store) {
    let Some(seconds) = store.settings.pipeline_seconds else { return };
    let now = store.now();
    let ids: Vec<String> = store.databricks.pipeline_updates.keys().cloned().collect();
    for id in ids {
        loop {
            let since = active(store, &id).and_then(|update| update.history.last()).map(|(_, since)| *since);
            let due = since.map(|since| since.saturating_add(seconds.max(0).saturating_mul(1000)));
            // Each state leads to another but once, so that there are no more rounds than states.
            if due.is_none_or(|due| now < due || !move_on(store, &id, due)) {
                break;
            }
        }
    }
}

/// Writes into a pipeline what its latest update makes of it.
fn settle(store: &mut Store, id: &str) {
    let latest = store.databricks.pipeline_updates.get(id).and_then(|all| all.last());
    let Some(update) = latest else { return };
    let state = match update.state() {
        "CREATED" | "QUEUED" | "WAITING_FOR_RESOURCES" => "DEPLOYING",
        "INITIALIZING" | "SETTING_UP_TABLES" => "STARTING",
        same @ ("RESETTING" | "RUNNING" | "STOPPING" | "FAILED") => same,
        _ => "IDLE",
    };
    let health = match update.state() {
        "FAILED" => Some("UNHEALTHY"),
        "COMPLETED" | "RUNNING" => Some("HEALTHY"),
        _ => None,
    };
    let (state, cause) = (json!(state), update.error.clone());
    if let Some(pipeline) = store.databricks.pipelines.get_mut(id).and_then(Value::as_object_mut) {
        pipeline.insert("state".to_owned(), state);
        pipeline.extend(health.map(|health| ("health".to_owned(), json!(health))));
        pipeline.remove("cause");
        pipeline.extend(cause.map(|cause| ("cause".to_owned(), json!(cause))));
    }
}

/// How many updates a pipeline shows; what the service's number is, is not documented.
const LATEST: usize = 5;

/// The latest updates, the newest first.
pub fn latest(store: &Store, id: &str) -> Vec<Value> {
    let all = store.databricks.pipeline_updates.get(id).into_iter().flatten();
    let shown = |update: &PipelineUpdate| {
        let time = time(update.created_ms);
        json!({ "update_id": update.update_id, "state": update.state(), "creation_time": time })
    };
    all.rev().take(LATEST).map(shown).collect()
}

/// As `2025-02-04T04:30:04.315Z` (terraform-provider-databricks#4469).
fn time(ms: i64) -> String {
    let stamp = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    format!("{}.{:03}Z", stamp.strftime("%Y-%m-%dT%H:%M:%S"), stamp.subsec_millisecond().max(0))
}

fn one(store: &mut Store, id: &str, update_id: &str) -> Handled {
    let is_known = |store: &Store| {
        let mut all = store.databricks.pipeline_updates.get(id).into_iter().flatten();
        all.find(|update| update.update_id == update_id).cloned()
    };
    // The words of databricks/cli `libs/testserver/pipelines.go`.
    let missing = || ApiError::missing(format!("The specified update {update_id} was not found."));
    if is_known(store).ok_or_else(missing)?.is_active() {
        look(store, id);
    }
    let update = is_known(store).ok_or_else(missing)?;
    let mut shown = update.shown(id);
    shown["config"] = update.config.clone();
    for member in ["continuous", "development"] {
        if shown["config"].get(member).is_none() && shown["config"].is_object() {
            shown["config"][member] = json!(false);
        }
    }
    Ok(json!({ "update": shown }))
}

fn list(store: &mut Store, request: &Request, id: &str) -> Handled {
    let limit = paging::limit(request, "max_results", 25, 100)?;
    let until = request.param("until_update_id").filter(|until| !until.is_empty());
    let all = store.databricks.pipeline_updates.get(id).map_or(&[][..], Vec::as_slice);
    let from = until.and_then(|until| all.iter().position(|update| update.update_id == until)).unwrap_or(0);
    let rows: Vec<(String, Value)> =
        all.iter().enumerate().skip(from).rev().map(|(at, update)| (format!("{at:09}"), update.shown(id))).collect();
    page(request, "updates", &rows, limit, true)
}

/// A page of rows that have keys.
fn page(request: &Request, name: &str, rows: &[(String, Value)], limit: usize, is_descending: bool) -> Handled {
    let token = request.param("page_token").filter(|token| !token.is_empty());
    let all = rows.iter().map(|(key, row)| (key, row));
    let (rows, next) = paging::keyed_page(all, token.as_deref(), limit, is_descending)?;
    let mut answer = paging::listing(name, rows.into_iter().cloned().collect());
    if let Some(next) = next {
        answer.insert("next_page_token".to_owned(), json!(next));
    }
    Ok(answer.into())
}

/// The events of a pipeline: that an update was made, and each state that it came into. What it did to its tables is not
/// among them, as there are none.
fn events(store: &mut Store, request: &Request, id: &str) -> Handled {
    let limit = paging::limit(request, "max_results", 25, 250)?;
    let is_descending = match request.param("order_by").as_deref().map(str::trim) {
        None | Some("" | "timestamp desc" | "timestamp") => true,
        Some("timestamp asc") => false,
        Some(other) => return Err(ApiError::invalid(format!("Invalid order_by: {other}. It can only be timestamp."))),
    };
    let conditions = request.param("filter").map_or(Ok(Vec::new()), |filter| conditions(&filter))?;
    let pipeline = find(store, id)?;
    let mut rows = Vec::new();
    for update in store.databricks.pipeline_updates.get(id).into_iter().flatten() {
        let short = &update.update_id[..6.min(update.update_id.len())];
        let made = format!("Update {short} started by {}.", update.cause);
        let mut said = vec![("create_update", "INFO", update.created_ms, made)];
        for (state, at) in update.history.iter().skip(1) {
            let level = if state == "FAILED" { "ERROR" } else { "INFO" };
            said.push(("update_progress", level, *at, format!("Update {short} is {state}.")));
        }
        for (kind, level, at, message) in said {
            let number = rows.len();
            let mut event = json!({
                "id": format!("{}-{number}", update.update_id),
                "sequence": { "control_plane_seq_no": number },
                "origin": {
                    "cloud": "AWS", "org_id": store.settings.workspace_id, "pipeline_id": id, "update_id": update.update_id,
                    "pipeline_name": pipeline["name"],
                },
                "timestamp": time(at), "message": message, "level": level, "event_type": kind, "maturity_level": "STABLE",
            });
            if let Some(error) = update.error.as_ref().filter(|_| level == "ERROR") {
                let exception = json!({ "class_name": "org.apache.spark.SparkException", "message": error });
                event["error"] = json!({ "fatal": true, "exceptions": [exception] });
            }
            rows.push((format!("{number:09}"), event));
        }
    }
    rows.retain(|(_, event)| conditions.iter().all(|condition| condition.takes(event)));
    if is_descending {
        rows.reverse();
    }
    page(request, "events", &rows, limit, is_descending)
}

/// A condition on an event: a member, how it is compared, and with what.
struct EventCondition {
    member: &'static str,
    comparison: &'static str,
    values: Vec<String>,
}

/// Reads a filter of events: `level in ('ERROR', 'WARN') AND timestamp > '2021-07-22T06:37:33.083Z'`.
fn conditions(filter: &str) -> Result<Vec<EventCondition>, ApiError> {
    let invalid = || ApiError::invalid(format!("Invalid filter: {filter}"));
    let quoted = |text: &str| {
        let inner = text.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        inner.filter(|inner| !inner.contains('\'')).map(str::to_owned)
    };
    let mut found = Vec::new();
    for part in filter.replace(" and ", " AND ").split(" AND ").map(str::trim).filter(|part| !part.is_empty()) {
        let member = ["level", "id", "timestamp"].into_iter().find(|member| part.starts_with(member));
        let member = member.ok_or_else(invalid)?;
        let rest = part[member.len()..].trim_start();
        if let Some(list) = rest.strip_prefix("in").map(str::trim).filter(|_| member == "level") {
            let list = list.strip_prefix('(').and_then(|list| list.strip_suffix(')')).ok_or_else(invalid)?;
            let values: Option<Vec<String>> = list.split(',').map(quoted).collect();
            found.push(EventCondition { member, comparison: "=", values: values.ok_or_else(invalid)? });
            continue;
        }
        let comparison = [">=", "<=", ">", "<", "="].into_iter().find(|word| rest.starts_with(word));
        let comparison = comparison.filter(|word| *word == "=" || member == "timestamp").ok_or_else(invalid)?;
        let value = quoted(&rest[comparison.len()..]).ok_or_else(invalid)?;
        found.push(EventCondition { member, comparison, values: vec![value] });
    }
    Ok(found)
}

impl EventCondition {
    fn takes(&self, event: &Value) -> bool {
        let seen = text(event, self.member).unwrap_or_default();
        // Times are written alike, so that they compare as texts.
        self.values.iter().any(|value| match self.comparison {
            ">=" => seen >= value.as_str(),
            "<=" => seen <= value.as_str(),
            ">" => seen > value.as_str(),
            "<" => seen < value.as_str(),
            _ => seen == value,
        })
    }
}
