//! Runs whose code runs (`plumb sandbox --run-code`): which task begins when, and what became of it. All of it is decided
//! here, on the store; [`crate::code_runner`] starts the processes.
//!
//! The words of the service: `run_if` and the results that follow from it are those of the Jobs API reference, a run's own
//! result that of its leaf tasks ("Task execution and run state" of the vendor's documentation on jobs).

mod arguments;
mod copied;
#[cfg(test)]
mod tests;
mod work;

use super::{
    run_view::Attempt,
    runs::{LifeCycleState, Run, TaskEnding},
    text,
};
use crate::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
pub(crate) use work::CodeWork;

/// What became of the tasks of a run, in their order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeRun(pub Vec<CodeStage>);

/// Where a task is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeStage {
    /// For other tasks, or for the run to begin.
    Waiting,
    /// Since this time.
    Begun(i64),
    Ended(Box<CodeEnd>),
}

/// How a task ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CodeEnd {
    /// `SUCCESS`, `FAILED`, …
    pub result: String,
    pub message: String,
    pub started: i64,
    pub ended: i64,
    pub error: Option<String>,
    pub error_trace: Option<String>,
    pub logs: Option<String>,
    /// Whether `logs` are only the last of what it printed.
    pub truncated: bool,
    /// What a notebook ended with.
    pub value: Option<String>,
}

/// What the service says of a task whose code failed.
pub(crate) const FAILED: &str = "Workload failed, see run output for details";
/// What is said of tasks that the sandbox cannot run.
const NOT_RUN: &str =
    "plumb: this task was not run: the sandbox runs Python files, Python notebooks and pure Python wheels";

impl CodeEnd {
    fn plain(result: &str, message: impl Into<String>) -> CodeEnd {
        CodeEnd { result: result.to_owned(), message: message.into(), ..CodeEnd::default() }
    }

    /// A task that could not begin.
    fn unable(why: &str) -> Box<CodeEnd> {
        let error = Some(why.to_owned());
        Box::new(CodeEnd { error_trace: error.clone(), error, ..CodeEnd::plain("FAILED", why) })
    }

    fn is_success(&self) -> bool {
        self.result == "SUCCESS"
    }

    fn is_failure(&self) -> bool {
        matches!(self.result.as_str(), "FAILED" | "TIMEDOUT" | "UPSTREAM_FAILED")
    }

    fn at(mut self: Box<Self>, now: i64) -> Box<Self> {
        (self.started, self.ended) = (now, now);
        self
    }
}

impl CodeRun {
    /// Whether a task has not ended yet.
    pub fn is_open(&self) -> bool {
        self.0.iter().any(|stage| !matches!(stage, CodeStage::Ended(_)))
    }

    /// When the last task ended.
    pub fn ended(&self) -> i64 {
        self.ends().map(|end| end.ended).max().unwrap_or(0)
    }

    fn ends(&self) -> impl Iterator<Item = &CodeEnd> {
        self.0.iter().filter_map(|stage| match stage {
            CodeStage::Ended(end) => Some(end.as_ref()),
            _ => None,
        })
    }

    /// Ends what has not ended.
    pub fn end_all(&mut self, result: &str, message: &str, now: i64) {
        for stage in &mut self.0 {
            let started = match stage {
                CodeStage::Ended(_) => continue,
                CodeStage::Begun(at) => *at,
                CodeStage::Waiting => now,
            };
            let end = CodeEnd { started, ended: now, ..CodeEnd::plain(result, message) };
            *stage = CodeStage::Ended(Box::new(end));
        }
    }

    /// The result of the whole run, and its message: its leaf tasks decide.
    pub fn of_run(&self, tasks: &[Value]) -> (&'static str, String) {
        let needed: BTreeSet<&str> = tasks.iter().flat_map(needs).collect();
        let ends = || tasks.iter().zip(self.ends());
        let is_leaf = |task: &Value| !needed.contains(key(task));
        let bad = |end: &CodeEnd| !matches!(end.result.as_str(), "SUCCESS" | "EXCLUDED");
        let first = ends().find(|(_, end)| matches!(end.result.as_str(), "FAILED" | "TIMEDOUT"));
        let words = first.map(|(task, end)| {
            format!("Task {} failed with message: {}.", key(task), end.message.trim_end_matches('.'))
        });
        let words = words.unwrap_or_default();
        if ends().any(|(task, end)| is_leaf(task) && bad(end)) {
            return ("FAILED", words);
        }
        // What went wrong was made up for by tasks behind it.
        if ends().any(|(_, end)| bad(end)) { ("SUCCESS_WITH_FAILURES", words) } else { ("SUCCESS", String::new()) }
    }
}

/// The key of a task.
fn key(task: &Value) -> &str {
    text(task, "task_key").unwrap_or_default()
}

/// The tasks that a task depends on, by their keys.
fn needs(task: &Value) -> impl Iterator<Item = &str> {
    let on = task.get("depends_on").and_then(Value::as_array).into_iter().flatten();
    on.filter_map(|d| text(d, "task_key"))
}

fn tasks(run: &Run) -> &[Value] {
    run.settings.get("tasks").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Says of a run that has just been made, or begun again, that its code is to run. Where the sandbox does not run code, or
/// its settings say how the run ends, it is simulated.
pub fn begin(store: &mut Store, run_id: i64) {
    let runs_code = store.runs_code;
    let Some(run) = store.databricks.runs.get_mut(&run_id) else { return };
    let told = &run.outcome;
    let is_told = told.result.is_some() || told.scenario.is_some() || told.error.is_some() || told.output.is_some();
    run.code = None;
    if !runs_code || is_told || !run.life.active() {
        return;
    }
    let stage = |at| match run.repairs.kept.get(&at) {
        None => CodeStage::Waiting,
        Some(kept) => CodeStage::Ended(Box::new(CodeEnd {
            started: kept.started.unwrap_or(kept.created),
            ended: kept.ended.unwrap_or(kept.created),
            ..CodeEnd::plain(kept.result.as_deref().unwrap_or("SUCCESS"), kept.message.clone())
        })),
    };
    run.code = Some(CodeRun((0..run.task_run_ids.len()).map(stage).collect()));
}

/// Begins what can begin, and answers the processes that are to be started. Tasks that no process is needed for end here.
pub(crate) fn take(store: &mut Store) -> Vec<CodeWork> {
    let mut begun = Vec::new();
    let waiting = |run: &&Run| {
        matches!(run.life, LifeCycleState::Pending | LifeCycleState::Running)
            && run.code.as_ref().is_some_and(CodeRun::is_open)
    };
    let ids: Vec<i64> = store.databricks.runs.values().filter(waiting).map(|run| run.run_id).collect();
    let now = store.now();
    for run_id in ids {
        // What ends at once lets others begin.
        while let Some((at, end)) = next(&store.databricks.runs[&run_id]) {
            let run = &store.databricks.runs[&run_id];
            let stage = match end.map_or_else(|| work::prepare(store, run, at), |end| Err(Box::new(end))) {
                Ok(work) => {
                    begun.push(work);
                    CodeStage::Begun(now)
                }
                Err(end) => CodeStage::Ended(end.at(now)),
            };
            if let Some(code) = store.databricks.runs.get_mut(&run_id).and_then(|run| run.code.as_mut()) {
                code.0[at] = stage;
            }
        }
    }
    begun
}

/// The next task that is waiting for nothing, and how it ends where it is not to run.
fn next(run: &Run) -> Option<(usize, Option<CodeEnd>)> {
    let code = run.code.as_ref()?;
    let (tasks, waits) = (tasks(run), |at: &usize| matches!(code.0[*at], CodeStage::Waiting));
    (0..code.0.len().min(tasks.len())).filter(waits).find_map(|at| {
        let place = |key: &str| tasks.iter().position(|t| text(t, "task_key") == Some(key));
        let mut before = Vec::new();
        for key in needs(&tasks[at]) {
            match &code.0[place(key)?] {
                CodeStage::Ended(end) => before.push((key, end.as_ref())),
                _ => return None,
            }
        }
        Some((at, kept_from(text(&tasks[at], "run_if").unwrap_or("ALL_SUCCESS"), &before)))
    })
}

/// How a task ends that its condition keeps from running; `None` where it may run.
fn kept_from(run_if: &str, before: &[(&str, &CodeEnd)]) -> Option<CodeEnd> {
    let any = |is: fn(&CodeEnd) -> bool| before.iter().any(|(_, end)| is(end));
    let all = |is: fn(&CodeEnd) -> bool| before.iter().all(|(_, end)| is(end));
    let runs = before.is_empty()
        || match run_if {
            "ALL_DONE" => true,
            "AT_LEAST_ONE_SUCCESS" => any(CodeEnd::is_success),
            "NONE_FAILED" => !any(CodeEnd::is_failure) && any(CodeEnd::is_success),
            "AT_LEAST_ONE_FAILED" => any(CodeEnd::is_failure),
            "ALL_FAILED" => all(CodeEnd::is_failure),
            _ => all(CodeEnd::is_success),
        };
    if runs {
        return None;
    }
    let failed = before.iter().find(|(_, end)| end.is_failure());
    Some(match failed.filter(|_| matches!(run_if, "ALL_SUCCESS" | "NONE_FAILED" | "AT_LEAST_ONE_SUCCESS")) {
        Some((key, _)) => CodeEnd::plain("UPSTREAM_FAILED", format!("Upstream task {key} failed.")),
        None => CodeEnd::plain("EXCLUDED", "The run condition of the task was not met."),
    })
}

/// Whether the run of a task is one whose process is under way.
pub(crate) fn is_under_way(store: &Store, run_id: i64, task_run_id: i64) -> bool {
    let Some(run) = store.databricks.runs.get(&run_id) else { return false };
    let at = run.task_run_ids.iter().position(|id| *id == task_run_id);
    let stage = at.and_then(|at| run.code.as_ref()?.0.get(at));
    run.life.active() && run.life != LifeCycleState::Terminating && matches!(stage, Some(CodeStage::Begun(_)))
}

/// Takes what became of a process. What its run knows already stays: it was cancelled, or is gone.
pub(crate) fn ended(store: &mut Store, run_id: i64, task_run_id: i64, end: CodeEnd) {
    if !is_under_way(store, run_id, task_run_id) {
        return;
    }
    let now = store.now();
    let Some(run) = store.databricks.runs.get_mut(&run_id) else { return };
    let Some(at) = run.task_run_ids.iter().position(|id| *id == task_run_id) else { return };
    if let Some(stage) = run.code.as_mut().and_then(|code| code.0.get_mut(at))
        && let CodeStage::Begun(started) = *stage
    {
        *stage = CodeStage::Ended(Box::new(CodeEnd { started, ended: now.max(started), ..end }));
    }
}

/// Ends what was under way in a state that is loaded: its processes ended with the sandbox that started them.
pub(crate) fn lost(store: &mut Store) {
    let now = store.now();
    for run in store.databricks.runs.values_mut().filter(|run| run.life.active()) {
        if let Some(code) = &mut run.code {
            code.end_all("FAILED", "The sandbox ended while the code ran", now);
        }
    }
}

/// The latest attempt at a task, as its code has it.
pub fn attempt(run: &Run, at: usize, simulated: Attempt) -> Attempt {
    let stage = run.code.as_ref().and_then(|code| code.0.get(at));
    let Some(stage) = stage.filter(|_| !matches!(run.life, LifeCycleState::Queued | LifeCycleState::Pending)) else {
        return simulated;
    };
    match stage {
        CodeStage::Ended(end) => Attempt {
            started: Some(end.started),
            ended: Some(end.ended),
            life: LifeCycleState::Terminated,
            result: Some(end.result.clone()),
            message: end.message.clone(),
            ending: Some(left(end)),
            ..simulated
        },
        CodeStage::Begun(started) => Attempt { started: Some(*started), ..simulated },
        CodeStage::Waiting => Attempt { started: None, ..simulated },
    }
}

/// Whether a task waits for others.
pub fn is_waiting(run: &Run, at: usize) -> Option<bool> {
    Some(matches!(run.code.as_ref()?.0.get(at)?, CodeStage::Waiting))
}

/// What an attempt leaves behind.
fn left(end: &CodeEnd) -> TaskEnding {
    let (code, kind) = match end.result.as_str() {
        "SUCCESS" => ("SUCCESS", "SUCCESS"),
        "CANCELED" => ("USER_CANCELED", "SUCCESS"),
        "EXCLUDED" => ("SKIPPED", "SUCCESS"),
        _ => ("RUN_EXECUTION_ERROR", "CLIENT_ERROR"),
    };
    TaskEnding {
        code: code.to_owned(),
        kind: kind.to_owned(),
        error: end.error.clone(),
        error_trace: end.error_trace.clone(),
        logs: end.logs.clone(),
        truncated: end.truncated,
        value: end.value.clone(),
        ..TaskEnding::default()
    }
}
