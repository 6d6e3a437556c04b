//! Job runs of the Jobs API: they start, run, end as the settings say, and queue or are skipped when there are too many.

use super::placed::Created;
use super::{
    cluster_rules, clusters, code, defaults, jobs, paging, pipelines, policies, repair, run_view, set, single_task,
    text,
};
use crate::{
    errors::{ApiError, Handled},
    failure::{RunScenario, databricks as failing},
    request::Request,
    settings::RunOutcome,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Where a run is in its life, in the words of `state.life_cycle_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LifeCycleState {
    Queued,
    Pending,
    Running,
    Terminating,
    Terminated,
    Skipped,
    InternalError,
}

impl LifeCycleState {
    /// Whether the run is still under way. A queued run is.
    pub fn active(self) -> bool {
        matches!(
            self,
            LifeCycleState::Queued | LifeCycleState::Pending | LifeCycleState::Running | LifeCycleState::Terminating
        )
    }
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    pub run_id: i64,
    /// 0 for a run of `runs/submit`.
    pub job_id: i64,
    pub run_name: String,
    pub creator_user_name: String,
    pub run_as_user_name: String,
    pub created: i64,
    pub started: Option<i64>,
    pub ended: Option<i64>,
    pub life: LifeCycleState,
    pub result: Option<String>,
    pub message: String,
    pub outcome: RunOutcome,
    /// The settings as they were when the run began.
    pub settings: Value,
    /// What run-now was given beside the job's id.
    pub given: Value,
    /// Ids of the tasks' own runs, in the order of the tasks.
    pub task_run_ids: Vec<i64>,
    pub idempotency_token: Option<String>,
    /// When it left the queue, or when its latest repair began; else it begins when it is created.
    #[serde(default)]
    pub begins: Option<i64>,
    /// For how long it was queued, in milliseconds.
    #[serde(default)]
    pub queued: i64,
    #[serde(default)]
    pub repairs: repair::Repairs,
    /// How the task that failed ended, where there is a story to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<RunEnding>,
    /// What became of its tasks, where their code runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<code::CodeRun>,
}

impl Created for Run {
    fn created(&self) -> i64 {
        self.created
    }
}

/// How a run failed: the states of the task that failed, and what it leaves behind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunEnding {
    pub task: String,
    pub life: LifeCycleState,
    pub result: String,
    pub message: String,
    pub rest: TaskEnding,
}

/// What a failed attempt at a task leaves behind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskEnding {
    /// `termination_details`.
    pub code: String,
    pub kind: String,
    /// What get-output has.
    pub error: Option<String>,
    pub error_trace: Option<String>,
    pub logs: Option<String>,
    /// Whether `logs` are only the last of what it printed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// What a notebook ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Where it ran, and the id of the context, where one came to be.
    pub cluster_id: Option<String>,
    pub spark_context_id: Option<String>,
}

/// Answers `jobs/runs/VERB`.
pub fn handle(store: &mut Store, request: &Request, version: &str, verb: &str) -> Option<Handled> {
    Some(match (request.method.as_str(), verb) {
        ("GET", "get") => get(store, request, version),
        ("POST", "repair") => repair::repair(store, request),
        ("GET", "export") => repair::export(store, request),
        ("GET", "list") => list(store, request),
        ("GET", "get-output") => output(store, request),
        ("POST", "submit") => submit(store, request),
        ("POST", "cancel") => cancel(store, request),
        ("POST", "cancel-all") => cancel_all(store, request),
        ("POST", "delete") => delete(store, request),
        _ => return None,
    })
}

/// An id for a run, for the run of a task, or for a repair.
pub fn new_id(store: &mut Store) -> i64 {
    810_000_000_000_000 + i64::try_from(store.serial()).unwrap_or(0)
}

/// Finds the run that this token already started (idempotency_token: the same run id comes back).
fn same_token(store: &Store, request: &Request) -> Result<(Option<String>, Option<i64>), ApiError> {
    let Some(token) = text(&request.body, "idempotency_token").map(str::to_owned) else { return Ok((None, None)) };
    if token.len() > 64 {
        return Err(ApiError::invalid("The idempotency_token must have at most 64 characters."));
    }
    let run = store.databricks.runs.values().find(|r| r.idempotency_token.as_deref() == Some(&token));
    let run_id = run.map(|r| r.run_id);
    Ok((Some(token), run_id))
}

/// Answers `jobs/run-now`.
pub fn run_now(store: &mut Store, request: &Request) -> Handled {
    if request.method != "POST" {
        return Err(ApiError::endpoint(&request.method, &request.path));
    }
    let job_id = request.required_number("job_id")?;
    let job = jobs::find(store, job_id)?.clone();
    let (token, known) = same_token(store, request)?;
    if let Some(run_id) = known {
        return Ok(json!({ "run_id": run_id, "number_in_job": run_id }));
    }
    let given = Value::Object(defaults::only(&request.object()?, &PARAMETERS));
    // Run parameters: 10,000 bytes (Jobs API reference).
    if given.to_string().len() > 10_000 {
        return Err(ApiError::invalid("The parameters of the run exceed the limit of 10,000 bytes."));
    }
    let most = set(&job.settings, "max_concurrent_runs").and_then(Value::as_u64).unwrap_or(1);
    let outcome = outcome(store, &job);
    let is_limited = outcome.scenario == Some(RunScenario::RunLimit);
    let full = is_limited || under_way(store, job_id) as u64 >= most;
    let queue = set(&request.body, "queue").or_else(|| set(&job.settings, "queue"));
    let queues = queue.and_then(|q| q.get("enabled")).and_then(Value::as_bool).unwrap_or(false) && !is_limited;
    let run_as = job.run_as_user_name.clone();
    let start = Start { job_id, settings: &job.settings, run_as, outcome, idempotency_token: token, given };
    let run_id = add(store, request, start);
    if let Some(run) = store.databricks.runs.get_mut(&run_id).filter(|_| full) {
        if queues && most > 0 {
            run.life = LifeCycleState::Queued;
            run.message = format!("Queued due to reaching maximum concurrent runs of {most}.");
        } else {
            skip(run);
        }
    }
    pipelines::updates::begin_of_run(store, run_id);
    code::begin(store, run_id);
    Ok(json!({ "run_id": run_id, "number_in_job": run_id }))
}

/// A run that does not start because others of its job are under way.
fn skip(run: &mut Run) {
    run.life = LifeCycleState::Skipped;
    run.ended = Some(run.created);
    run.result = Some("MAXIMUM_CONCURRENT_RUNS_REACHED".to_owned());
    run.message = "Run was skipped because the job reached its maximum number of concurrent runs.".to_owned();
}

/// The job of that id or name.
pub fn job_called(store: &Store, which: &Value) -> Option<i64> {
    let jobs = &store.databricks.jobs;
    let called = |job: &&jobs::Job| which.as_str().is_some_and(|name| text(&job.settings, "name") == Some(name));
    let id = which.as_i64().filter(|id| jobs.contains_key(id));
    id.or_else(|| jobs.values().find(called).map(|job| job.job_id))
}

/// Adds a run of the past, from its beginning to its end; answers its id.
pub fn past(
    store: &mut Store,
    job_id: i64,
    outcome: RunOutcome,
    given: Value,
    (begin, end): (i64, i64),
) -> Result<i64, ApiError> {
    let job = jobs::find(store, job_id)?.clone();
    let request = Request::internal("POST", "/api/2.2/jobs/run-now", &job.creator_user_name, Value::Null);
    let is_limited = outcome.scenario == Some(RunScenario::RunLimit);
    let run_as = job.run_as_user_name.clone();
    let start = Start { job_id, settings: &job.settings, run_as, outcome, idempotency_token: None, given };
    let run_id = add(store, &request, start);
    if let Some(mut run) = store.databricks.runs.remove(&run_id) {
        run.created = begin;
        if is_limited {
            skip(&mut run);
        } else {
            // Its cluster takes some minutes to come, as far as there is time.
            run.started = Some(begin + ((end - begin) / 10).min(240_000));
            finish(&mut run, end);
        }
        store.databricks.runs.insert(run_id, run);
    }
    failing::deliver(store);
    Ok(run_id)
}

/// What run-now and repair take beside the job or the run.
pub const PARAMETERS: [&str; 9] = [
    "job_parameters",
    "notebook_params",
    "python_params",
    "jar_params",
    "spark_submit_params",
    "python_named_params",
    "sql_params",
    "dbt_commands",
    "pipeline_params",
];

/// How a run of that job goes.
pub fn outcome(store: &Store, job: &jobs::Job) -> RunOutcome {
    let runs = &store.settings.runs;
    let name = text(&job.settings, "name").unwrap_or_default();
    let told = runs.get(&job.job_id.to_string()).or_else(|| runs.get(name)).or_else(|| runs.get("*"));
    let told = told.cloned().unwrap_or_default();
    let of_job = store.databricks.runs.values().filter(|run| run.job_id == job.job_id);
    let before = || of_job.map(|run| 1 + run.repairs.past.len()).sum::<usize>();
    if told.times.is_some_and(|times| before() >= times) {
        return RunOutcome { seconds: told.seconds, output: told.output, ..RunOutcome::default() };
    }
    told
}

/// What a run begins with.
struct Start<'a> {
    job_id: i64,
    settings: &'a Value,
    run_as: String,
    outcome: RunOutcome,
    idempotency_token: Option<String>,
    given: Value,
}

fn add(store: &mut Store, request: &Request, start: Start<'_>) -> i64 {
    let Start { job_id, settings, run_as, outcome, idempotency_token, given } = start;
    let run_id = new_id(store);
    let mut settings = settings.clone();
    let broken = resolve_clusters(store, &mut settings);
    defaults::job_on_read(&mut settings);
    let count = settings.get("tasks").and_then(Value::as_array).map_or(0, Vec::len);
    let task_run_ids = (0..count).map(|_| new_id(store)).collect();
    let created = store.now();
    let run = Run {
        run_id,
        job_id,
        run_name: text(&settings, "name").unwrap_or("Untitled").to_owned(),
        creator_user_name: request.user.clone(),
        run_as_user_name: run_as,
        created,
        started: None,
        ended: broken.is_some().then_some(created),
        life: if broken.is_some() { LifeCycleState::InternalError } else { LifeCycleState::Pending },
        result: broken.is_some().then(|| "FAILED".to_owned()),
        message: broken.unwrap_or_default(),
        outcome,
        settings,
        given,
        task_run_ids,
        idempotency_token,
        begins: None,
        queued: 0,
        repairs: repair::Repairs::default(),
        ending: None,
        code: None,
    };
    store.databricks.runs.insert(run_id, run);
    run_id
}

/// Applies policies to the clusters of a run (they take hold when it starts, databricks/cli#2492). What it returns
/// keeps the run from starting.
pub fn resolve_clusters(store: &mut Store, settings: &mut Value) -> Option<String> {
    let mut broken = None;
    defaults::each_new_cluster(settings, &mut |spec| {
        let Some(id) = text(spec, "policy_id").map(str::to_owned) else { return };
        let applied = match policies::definition(store, &id) {
            Ok(Some(definition)) => cluster_rules::apply(&definition, &id, spec, cluster_rules::ClusterType::Job),
            Ok(None) => Ok(()),
            Err(error) => Err(error.body["message"].as_str().unwrap_or_default().to_owned()),
        };
        if let Err(message) = applied {
            broken.get_or_insert(format!("Run failed with error message Cluster validation error: {message}"));
        }
    });
    if let Some(id) = pipelines::updates::unknown(store, settings) {
        broken.get_or_insert(format!("Run failed with error message Pipeline {id} does not exist"));
    }
    let mut existing = Vec::new();
    defaults::each_task(settings, &mut |task| existing.extend(text(task, "existing_cluster_id").map(str::to_owned)));
    for id in existing {
        // A job starts the cluster that it runs on.
        if !clusters::start_for_run(store, &id) && store.settings.check_references {
            broken.get_or_insert(format!("Run failed with error message Cluster {id} does not exist"));
        }
    }
    broken
}

fn submit(store: &mut Store, request: &Request) -> Handled {
    let (token, known) = same_token(store, request)?;
    if let Some(run_id) = known {
        return Ok(json!({ "run_id": run_id }));
    }
    let mut settings = Value::Object(request.object()?);
    settings["name"] = json!(text(&request.body, "run_name").unwrap_or("Untitled"));
    // Every version takes a single task beside the run's own members, as 2.0 does (Airflow's DatabricksSubmitRunOperator
    // sends 2.2 such requests).
    let settings = jobs::prepare(store, settings, "2.0")?;
    let run_as = jobs::run_as(&settings).unwrap_or_else(|| request.user.clone());
    let outcome = store.settings.runs.get(settings["name"].as_str().unwrap_or_default()).cloned().unwrap_or_default();
    let given = json!({});
    let start = Start { job_id: 0, settings: &settings, run_as, outcome, idempotency_token: token, given };
    let run_id = add(store, request, start);
    pipelines::updates::begin_of_run(store, run_id);
    code::begin(store, run_id);
    Ok(json!({ "run_id": run_id }))
}

fn under_way(store: &Store, job_id: i64) -> usize {
    let of_job = store.databricks.runs.values().filter(|r| r.job_id == job_id);
    of_job.filter(|r| r.life.active() && r.life != LifeCycleState::Queued).count()
}

/// Moves every run to where the clock says it is. A run that ends makes room for one that is queued, which then begins at
/// that time, whenever a request reads it.
pub fn tick(store: &mut Store) {
    let (now, settings) = (store.now(), store.settings.clone());
    loop {
        for run in store.databricks.runs.values_mut().filter(|r| r.life.active()) {
            let Some(seconds) = run.outcome.seconds.or(settings.run_seconds) else { continue };
            let pending = settings.run_pending_seconds.unwrap_or(0) * 1000;
            let begun = run.started.unwrap_or(run.begins.unwrap_or(run.created) + pending);
            if run.life == LifeCycleState::Pending && now >= begun {
                run.started = Some(begun);
                run.life = LifeCycleState::Running;
            }
            if run.life == LifeCycleState::Running && now >= begun + seconds * 1000 && !code_is_open(run) {
                finish(run, begun + seconds * 1000);
            }
            if run.life == LifeCycleState::Terminating {
                cancelled(run, now);
            }
        }
        // Each round starts at least one run that was queued, so there are no more rounds than runs.
        if !start_queued(store) {
            break;
        }
    }
    failing::deliver(store);
}

/// When next a run begins or ends by the clock, after a time.
pub fn due(store: &Store, after: i64) -> Option<i64> {
    let settings = &store.settings;
    let active = store.databricks.runs.values().filter(|run| run.life.active());
    let times = active.filter_map(|run| {
        let seconds = run.outcome.seconds.or(settings.run_seconds)?;
        let pending = settings.run_pending_seconds.unwrap_or(0) * 1000;
        let begun = run.started.unwrap_or(run.begins.unwrap_or(run.created) + pending);
        Some([begun, begun + seconds * 1000])
    });
    times.flatten().filter(|at| *at > after).min()
}

/// Starts queued runs where there is room; answers whether it started one. They begin when the room came to be.
fn start_queued(store: &mut Store) -> bool {
    let mut queued: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for run in store.databricks.runs.values().filter(|r| r.life == LifeCycleState::Queued) {
        queued.entry(run.job_id).or_default().push(run.run_id);
    }
    let mut started = false;
    for (job_id, waiting) in queued {
        let job = store.databricks.jobs.get(&job_id);
        let most = job.and_then(|j| j.settings["max_concurrent_runs"].as_u64()).unwrap_or(1);
        let room = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(under_way(store, job_id));
        // The latest ends made the room: with room for one it is the latest of them, with room for two the one before.
        let of_job = store.databricks.runs.values().filter(|r| r.job_id == job_id);
        let mut ends: Vec<i64> = of_job.filter_map(|r| r.ended).collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        let next: Vec<i64> = waiting.into_iter().take(room).collect();
        for (place, run_id) in next.into_iter().enumerate() {
            let end = ends.get(room - 1 - place).copied();
            let Some(run) = store.databricks.runs.get_mut(&run_id) else { continue };
            let begins = end.unwrap_or(run.created).max(run.created);
            run.life = LifeCycleState::Pending;
            run.begins = Some(begins);
            run.queued = begins - run.created;
            run.message.clear();
            started = true;
        }
    }
    started
}

/// Where time is not counted, every get of a run moves it one state on: the first sees RUNNING, the second TERMINATED
/// (databricks/cli testserver). A get of a queued run moves those on that it waits for.
fn step(store: &mut Store, run_id: i64) {
    let Some(run) = store.databricks.runs.get(&run_id) else { return };
    let (life, job_id) = (run.life, run.job_id);
    if life == LifeCycleState::Queued {
        let of_job = store.databricks.runs.values().filter(|r| r.job_id == job_id && r.life != LifeCycleState::Queued);
        let ahead: Vec<i64> = of_job.filter(|r| r.life.active()).map(|r| r.run_id).collect();
        for run_id in ahead {
            advance(store, run_id);
        }
    } else {
        advance(store, run_id);
    }
    failing::deliver(store);
    start_queued(store);
}

fn advance(store: &mut Store, run_id: i64) {
    let (now, counted) = (store.now(), store.settings.run_seconds.is_some());
    let Some(run) = store.databricks.runs.get_mut(&run_id) else { return };
    match run.life {
        LifeCycleState::Terminating => cancelled(run, now),
        _ if counted || run.outcome.seconds.is_some() => {}
        LifeCycleState::Pending => {
            run.started = Some(now);
            run.life = LifeCycleState::Running;
        }
        LifeCycleState::Running if !code_is_open(run) => finish(run, now),
        _ => {}
    }
}

/// Whether code of the run has not ended: the run goes on, whatever the clock says.
fn code_is_open(run: &Run) -> bool {
    run.code.as_ref().is_some_and(code::CodeRun::is_open)
}

fn finish(run: &mut Run, now: i64) {
    run.ended = Some(now);
    if let Some(code) = &run.code {
        let tasks = run.settings.get("tasks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let (result, message) = code.of_run(tasks);
        run.ended = Some(now.max(code.ended()));
        run.life = LifeCycleState::Terminated;
        run.result = Some(result.to_owned());
        run.message = message;
        return;
    }
    if let Some(scenario) = run.outcome.scenario {
        // The rest is told when its evidence is made, in the same request.
        let (life, result) = scenario.of_run();
        (run.life, run.result) = (life, Some(result.to_owned()));
        return;
    }
    let result = run.outcome.result.clone().unwrap_or_else(|| "SUCCESS".to_owned());
    run.message = run.outcome.error.clone().unwrap_or_default();
    if result == "INTERNAL_ERROR" {
        run.life = LifeCycleState::InternalError;
        run.result = Some("FAILED".to_owned());
    } else {
        run.life = LifeCycleState::Terminated;
        // A repair that went well does not make up for what it did not run again.
        let failed = run.repairs.kept.values().any(|a| !matches!(a.result.as_deref(), Some("SUCCESS" | "EXCLUDED")));
        run.result = Some(if failed && result == "SUCCESS" { "FAILED".to_owned() } else { result });
    }
}

fn cancelled(run: &mut Run, now: i64) {
    run.life = LifeCycleState::Terminated;
    run.result = Some("CANCELED".to_owned());
    run.ended = Some(now);
    if let Some(code) = &mut run.code {
        code.end_all("CANCELED", "Run cancelled.", now);
    }
}

/// Ends all runs of a job at once.
pub fn end_all(store: &mut Store, job_id: i64, message: &str) {
    let now = store.now();
    for run in store.databricks.runs.values_mut().filter(|r| r.job_id == job_id && r.life.active()) {
        cancelled(run, now);
        run.message = message.to_owned();
    }
}

/// The run of that id; or the run that has a task run of that id, and that id.
pub fn find(store: &Store, id: i64) -> Result<(i64, Option<i64>), ApiError> {
    if store.databricks.runs.contains_key(&id) {
        return Ok((id, None));
    }
    let has = |run: &&Run| run.task_run_ids.contains(&id) || run.repairs.replaced.iter().any(|a| a.run_id == id);
    let parent = store.databricks.runs.values().find(has);
    parent.map(|run| (run.run_id, Some(id))).ok_or_else(|| ApiError::invalid(format!("Run {id} does not exist.")))
}

fn get(store: &mut Store, request: &Request, version: &str) -> Handled {
    let (run_id, task) = find(store, request.required_number("run_id")?)?;
    let number = paging::page_number(request.param("page_token").as_deref())?;
    if number == 0 {
        step(store, run_id);
    }
    let now = store.now();
    let run = &store.databricks.runs[&run_id];
    if let Some(task) = task {
        return Ok(run_view::of_task(run, task, now, &request.base));
    }
    let mut answer = run_view::whole(run, now, &request.base);
    if request.flag("include_history") {
        answer["repair_history"] = repair::history(run);
    }
    if version == "2.0" {
        single_task::fold_run(&mut answer);
        return Ok(answer);
    }
    if paging::cut_arrays(&mut answer, &["tasks", "job_clusters", "job_parameters"], number) {
        answer["has_more"] = json!(true);
        answer["next_page_token"] = paging::page_token(number + 1);
    }
    Ok(answer)
}

fn list(store: &mut Store, request: &Request) -> Handled {
    // Less than 25; 0 means the most (Jobs API reference).
    let limit = match request.number("limit")? {
        Some(0) => 24,
        _ => paging::limit(request, "limit", 20, 24)?,
    };
    let (active, completed) = (request.flag("active_only"), request.flag("completed_only"));
    if active && completed {
        return Err(ApiError::invalid("Only one of active_only and completed_only can be set to true."));
    }
    let (job_id, kind) = (request.number("job_id")?, request.param("run_type"));
    let (from, to) = (request.number("start_time_from")?, request.number("start_time_to")?);
    let expand = request.flag("expand_tasks");
    let (now, base) = (store.now(), &request.base);
    let token = request.param("page_token");
    let wanted = paging::Wanted { token: token.as_deref(), limit, offset: 0 };
    let page = paging::page(&store.databricks.runs, wanted, |r| {
        job_id.is_none_or(|id| r.job_id == id)
            && (if r.life.active() { !completed } else { !active })
            && from.is_none_or(|t| r.created >= t)
            && to.is_none_or(|t| r.created <= t)
            && kind.as_ref().is_none_or(|k| run_view::run_type(r) == k)
    })?;
    let runs = page.items.into_iter().map(|run| {
        let mut shown = run_view::whole(run, now, base);
        if expand {
            if paging::cut_arrays(&mut shown, &["tasks", "job_clusters"], 0) {
                shown["has_more"] = json!(true);
            }
        } else if let Some(map) = shown.as_object_mut() {
            map.remove("tasks");
            map.remove("job_clusters");
        }
        shown
    });
    let mut answer = paging::listing("runs", runs.collect());
    answer.insert("has_more".to_owned(), json!(page.next.is_some()));
    for (name, token) in [("next_page_token", page.next), ("prev_page_token", page.prev)] {
        if let Some(token) = token {
            answer.insert(name.to_owned(), json!(token));
        }
    }
    Ok(Value::Object(answer))
}

fn output(store: &mut Store, request: &Request) -> Handled {
    let (run_id, task) = find(store, request.required_number("run_id")?)?;
    let now = store.now();
    let run = &store.databricks.runs[&run_id];
    let task = match task {
        Some(task) => task,
        None if run.task_run_ids.len() == 1 => run.task_run_ids[0],
        None => {
            return Err(ApiError::invalid(
                "Retrieving the output of runs with multiple tasks is not supported. \
                 Please retrieve the output of each individual task run instead.",
            ));
        }
    };
    let metadata = run_view::of_task(run, task, now, &request.base);
    let failed = metadata["state"]["result_state"] == "FAILED";
    let mut answer = Map::new();
    if let Some(ending) = run_view::ending(run, task) {
        for (name, part) in [("error", &ending.error), ("error_trace", &ending.error_trace), ("logs", &ending.logs)] {
            if let Some(text) = part {
                answer.insert(name.to_owned(), json!(text));
            }
        }
        if ending.logs.is_some() {
            answer.insert("logs_truncated".to_owned(), json!(ending.truncated));
        }
        if let Some(value) = &ending.value {
            answer.insert("notebook_output".to_owned(), json!({ "result": value, "truncated": false }));
        }
    } else if failed {
        let error = run.outcome.error.as_deref().unwrap_or("Workload failed, see run output for details");
        answer.insert("error".to_owned(), json!(error));
        answer.insert("error_trace".to_owned(), json!(run.outcome.error_trace.as_deref().unwrap_or(error)));
    } else if !run.life.active() {
        let result = run.outcome.output.as_deref().unwrap_or_default();
        if set(&metadata["task"], "notebook_task").is_some() {
            answer.insert("notebook_output".to_owned(), json!({ "result": result, "truncated": false }));
        } else {
            answer.insert("logs".to_owned(), json!(result));
            answer.insert("logs_truncated".to_owned(), json!(false));
        }
    }
    answer.insert("metadata".to_owned(), metadata);
    Ok(Value::Object(answer))
}

fn stop(run: &mut Run, now: i64) {
    match run.life {
        // Nothing has started, so there is nothing to wind down.
        LifeCycleState::Queued | LifeCycleState::Pending => cancelled(run, now),
        LifeCycleState::Running => run.life = LifeCycleState::Terminating,
        _ => return,
    }
    run.message = "Run cancelled.".to_owned();
}

fn cancel(store: &mut Store, request: &Request) -> Handled {
    let (run_id, _) = find(store, request.required_number("run_id")?)?;
    let now = store.now();
    if let Some(run) = store.databricks.runs.get_mut(&run_id) {
        stop(run, now);
    }
    Ok(json!({}))
}

fn cancel_all(store: &mut Store, request: &Request) -> Handled {
    let job_id = request.number("job_id")?;
    let queued = request.flag("all_queued_runs");
    if let Some(id) = job_id {
        jobs::find(store, id)?;
    } else if !queued {
        return Err(ApiError::invalid("Either job_id or all_queued_runs must be specified."));
    }
    let now = store.now();
    for run in store.databricks.runs.values_mut().filter(|r| job_id.is_none_or(|id| r.job_id == id)) {
        if !queued || run.life == LifeCycleState::Queued {
            stop(run, now);
        }
    }
    Ok(json!({}))
}

fn delete(store: &mut Store, request: &Request) -> Handled {
    let (run_id, _) = find(store, request.required_number("run_id")?)?;
    if store.databricks.runs[&run_id].life.active() {
        return Err(ApiError::state(format!("Run {run_id} is still active. Cancel it before deleting it.")));
    }
    store.databricks.runs.remove(&run_id);
    Ok(json!({}))
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
