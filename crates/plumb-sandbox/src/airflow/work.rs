//! What tasks do, where the sandbox plays it: they start runs of jobs and clusters, wait for them, and end as those do.
//!
//! A task is tried once, and begins when all tasks that it waits for have ended well (or ended at all, with
//! `trigger_rule: all_done`). One that starts nothing takes no time. Of a paused DAG no task begins, and no run of it ends:
//! the scheduler does not look at them.

use super::definition::{StartedCluster, Starts, Task};
use super::evidence::{LogLine, PlayedTask, PlayedTry};
use super::jinja::{self, TemplateContext};
use super::runs::DagRun;
use crate::databricks::{self, runs};
use crate::emr::{REGION, cluster::EmrClusterState, cluster::StepState, launch};
use crate::failure::airflow as failing;
use crate::request::Request;
use crate::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a task started and waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnderWay {
    /// When the task began. Milliseconds since 1970.
    pub started: i64,
    pub what: StartedThing,
    /// What the task has logged of its repairs, a line each that it began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<LogLine>,
}

/// Something that runs outside of Airflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartedThing {
    /// The id of a run of a job.
    JobRun(i64),
    /// A cluster.
    Cluster { region: String, id: String },
}

/// How something that was started ended.
struct Ending {
    at: i64,
    is_well: bool,
}

/// Lets the tasks of all runs that are played do what is due now. A run whose story is told goes another way.
pub fn go_on(store: &mut Store) {
    let settings = &store.settings.airflow;
    let (ends, scripts) = (settings.runs.clone(), settings.scenarios.clone());
    let played = |store: &Store, run: &DagRun| {
        let is_told = ends.contains_key(&run.dag_id) || scripts.contains_key(&run.dag_id) || run.script.is_some();
        let dag = store.airflow.dags.get(&run.dag_id).filter(|dag| dag.definition.does_something());
        let goes = run.played || (run.started.is_none() && !is_told);
        run.ended.is_none() && goes && dag.is_some()
    };
    for at in 0..store.airflow.runs.len() {
        if played(store, &store.airflow.runs[at]) {
            // Each round ends or begins at least one task, so there are no more rounds than that.
            while one_round(store, at) {}
        }
    }
}

fn one_round(store: &mut Store, at: usize) -> bool {
    let now = store.now();
    let run = store.airflow.runs[at].clone();
    let Some(dag) = store.airflow.dags.get(&run.dag_id).cloned() else { return false };
    let tasks = &dag.definition.tasks;
    if run.started.is_none() {
        if dag.is_paused {
            return false;
        }
        let run = &mut store.airflow.runs[at];
        (run.started, run.state, run.played) = (Some(now), "running".to_owned(), true);
        return true;
    }
    for task in tasks {
        if let Some(waits) = run.under_way.get(&task.task_id) {
            let Some(ending) = ended(store, &waits.what) else { continue };
            let mut waits = waits.clone();
            let is_repaired = !ending.is_well && repaired(store, task, &mut waits, ending.at);
            if is_repaired {
                store.airflow.runs[at].under_way.insert(task.task_id.clone(), waits);
                return true;
            }
            let waits = &waits;
            let played = finished(store, &run, task, waits, &ending);
            let run = &mut store.airflow.runs[at];
            run.under_way.remove(&task.task_id);
            run.tasks.insert(task.task_id.clone(), played);
            return true;
        }
        if dag.is_paused || run.tasks.contains_key(&task.task_id) {
            continue;
        }
        let before: Vec<&str> = before(tasks, task);
        if before.iter().any(|id| !run.tasks.contains_key(*id)) {
            continue;
        }
        let failed = before.iter().any(|id| run.tasks.get(*id).is_some_and(|one| !is_well(one)));
        if failed && task.trigger_rule.as_deref() != Some("all_done") {
            let never = PlayedTask { state: Some("upstream_failed".to_owned()), ..PlayedTask::default() };
            store.airflow.runs[at].tasks.insert(task.task_id.clone(), never);
            return true;
        }
        begin(store, at, &run, task, now);
        return true;
    }
    if !dag.is_paused && tasks.iter().all(|task| run.tasks.contains_key(&task.task_id)) {
        let last = |task: &&Task| task.downstream.is_empty();
        let is_well = tasks.iter().filter(last).all(|task| run.tasks.get(&task.task_id).is_some_and(is_well));
        let run = &mut store.airflow.runs[at];
        let last = run.tasks.values().filter_map(|task| task.tries.last()).map(|one| one.ended).max();
        run.ended = Some(last.unwrap_or(now));
        run.state = if is_well { "success" } else { "failed" }.to_owned();
    }
    false
}

fn before<'t>(tasks: &'t [Task], task: &Task) -> Vec<&'t str> {
    let waits = |one: &&Task| one.downstream.contains(&task.task_id);
    tasks.iter().filter(waits).map(|one| one.task_id.as_str()).collect()
}

fn is_well(task: &PlayedTask) -> bool {
    task.tries.last().is_some_and(|one| one.state == "success")
}

/// Begins a task: what it starts is under way, or it ended at once.
fn begin(store: &mut Store, at: usize, run: &DagRun, task: &Task, now: i64) {
    let started = task.starts.as_ref().map(|starts| start(store, run, starts));
    let id = task.task_id.clone();
    let run = &mut store.airflow.runs[at];
    match started {
        Some(Ok(what)) => {
            run.under_way.insert(id, UnderWay { started: now, what, repairs: Vec::new() });
        }
        Some(Err(why)) => {
            run.tasks.insert(id, tried("failed", (now, now), vec![said(now, &why)], Vec::new()));
        }
        None => {
            run.tasks.insert(id, tried("success", (now, now), Vec::new(), Vec::new()));
        }
    }
}

fn tried(state: &str, (started, ended): (i64, i64), log: Vec<LogLine>, xcom: Vec<(String, Value)>) -> PlayedTask {
    let hostname = failing::HOST.to_owned();
    let one = PlayedTry { number: 1, state: state.to_owned(), started, ended, hostname, log };
    PlayedTask { state: None, tries: vec![one], xcom }
}

/// What a task says when what it starts is refused.
fn said(at: i64, why: &str) -> LogLine {
    LogLine {
        at,
        level: "ERROR".to_owned(),
        place: "taskinstance.py:3313".to_owned(),
        logger: "airflow.task".to_owned(),
        event: "Task failed with exception".to_owned(),
        more: vec![format!("airflow.exceptions.AirflowException: {why}")],
    }
}

fn start(store: &mut Store, run: &DagRun, starts: &Starts) -> Result<StartedThing, String> {
    let context = TemplateContext::of(run);
    match starts {
        Starts::Job(body) => {
            let body = jinja::filled(body, &context)?;
            job(store, body).map(StartedThing::JobRun)
        }
        Starts::Cluster(of) => {
            let request = jinja::filled(&of.run, &context)?;
            cluster(store, of, &request)
        }
    }
}

/// Who starts runs for Airflow.
const RUNNER: &str = "airflow@example.com";

fn job(store: &mut Store, mut body: Value) -> Result<i64, String> {
    let which = match (&body["job_id"], &body["job_name"]) {
        (Value::Null, name) => name.clone(),
        // An id is a text in the files of plumb.
        (Value::String(id), _) => id.parse::<i64>().map_or(Value::Null, |id| json!(id)),
        (id, _) => id.clone(),
    };
    let id = runs::job_called(store, &which).ok_or_else(|| format!("Job ID or name {which} was not found"))?;
    if let Some(members) = body.as_object_mut() {
        members.remove("job_name");
        members.insert("job_id".to_owned(), json!(id));
    }
    let asked = Request::internal("POST", "/api/2.2/jobs/run-now", RUNNER, body);
    let answer = databricks::route(store, &asked)
        .map_err(|e| e.body["message"].as_str().unwrap_or("run-now was refused").to_owned())?;
    answer["run_id"].as_i64().ok_or_else(|| "run-now answered no run_id".to_owned())
}

/// Begins a repair of a run that has failed, as the operator of plumb's own files does; answers whether it did.
fn repaired(store: &mut Store, task: &Task, waits: &mut UnderWay, at: i64) -> bool {
    let (Some(wanted), StartedThing::JobRun(id)) = (&task.repairs, &waits.what) else { return false };
    let begun = waits.repairs.iter().filter(|line| line.event.ends_with("has begun")).count() as i64;
    let Some(run) = store.databricks.runs.get(id).filter(|_| begun < wanted.most) else { return false };
    if !matches!(run.result.as_deref(), Some("FAILED" | "SUCCESS_WITH_FAILURES")) {
        return false;
    }
    let mut body = json!({ "run_id": id, "rerun_all_failed_tasks": true, "rerun_dependent_tasks": true });
    if let Some(latest) = run.repairs.id {
        body["latest_repair_id"] = json!(latest);
    }
    if wanted.keeps {
        for (name, value) in run.given.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
    }
    let asked = Request::internal("POST", "/api/2.2/jobs/runs/repair", RUNNER, body);
    let answer = databricks::route(store, &asked);
    let which = format!("plumb | repair {} of {} of run {id}", begun + 1, wanted.most);
    let event = match &answer {
        Ok(_) => format!("{which} has begun"),
        Err(refusal) => format!("{which} was refused: {}", refusal.body["message"].as_str().unwrap_or_default()),
    };
    waits.repairs.push(LogLine {
        at,
        level: "INFO".to_owned(),
        place: "repair.py:1".to_owned(),
        logger: "airflow.task.operators".to_owned(),
        event,
        more: Vec::new(),
    });
    answer.is_ok()
}

fn cluster(store: &mut Store, of: &StartedCluster, request: &Value) -> Result<StartedThing, String> {
    let region = of.region.clone().unwrap_or_else(|| REGION.to_owned());
    let mut made = launch::launched(store, &region, request).map_err(crate::emr::seed::refusal)?;
    for (step, seconds) in made.steps.iter_mut().zip(&of.step_seconds) {
        step.seconds = Some(*seconds);
    }
    let id = made.id.clone();
    store.emr.region(&region).clusters.insert(id.clone(), made);
    Ok(StartedThing::Cluster { region, id })
}

/// How what was started ended, once it has.
fn ended(store: &mut Store, what: &StartedThing) -> Option<Ending> {
    let now = store.now();
    match what {
        StartedThing::JobRun(id) => match store.databricks.runs.get(id) {
            Some(run) if run.life.active() => None,
            Some(run) => {
                Some(Ending { at: run.ended.unwrap_or(now), is_well: run.result.as_deref() == Some("SUCCESS") })
            }
            None => Some(Ending { at: now, is_well: false }),
        },
        StartedThing::Cluster { region, id } => {
            let Some(cluster) = store.emr.region(region).clusters.get(id) else {
                return Some(Ending { at: now, is_well: false });
            };
            let is_over = cluster.phase.has_ended();
            let last = cluster.steps.iter().filter_map(|step| step.ended).max();
            let at = if is_over {
                cluster.ended
            } else {
                // One that is kept alive has done its work when no step of it is left.
                last.filter(|_| cluster.phase == EmrClusterState::Waiting)
            };
            let failed =
                cluster.steps.iter().any(|step| matches!(step.phase, StepState::Failed | StepState::Cancelled));
            let is_well = !failed && cluster.phase != EmrClusterState::TerminatedWithErrors;
            at.map(|at| Ending { at, is_well })
        }
    }
}

/// The story of a task that has ended: its log and what it pushed.
fn finished(store: &mut Store, run: &DagRun, task: &Task, waits: &UnderWay, ending: &Ending) -> PlayedTask {
    let span = (waits.started, ending.at);
    let (log, xcom) = failing::played(store, run, task, &waits.what, span, ending.is_well);
    let log = waits.repairs.iter().cloned().chain(log).collect();
    tried(if ending.is_well { "success" } else { "failed" }, span, log, xcom)
}
