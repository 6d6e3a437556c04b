//! Job runs whose Python code is run (`plumb sandbox --run-code`): which task comes next, what it needs, how it ended.
//! Nothing here starts a process, see [`crate::run_code`].

use super::{
    notebooks::{self, Language},
    run_view::Attempt,
    runs::{LifeCycleState, Run, TaskEnding},
    set, text,
};
use crate::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is known of the code of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CodeRun {
    /// Whether somebody is at it.
    pub is_begun: bool,
    /// When the last task ended.
    pub ended: Option<i64>,
    /// By the places of the tasks.
    pub tasks: BTreeMap<usize, CodeTask>,
}

/// One task whose turn has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodeTask {
    started: i64,
    ended: Option<i64>,
    result: Option<String>,
    message: String,
    #[serde(default)]
    rest: TaskEnding,
}

/// What a task is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A file of the copy.
    File(String),
    /// The cells of a notebook.
    Notebook(Vec<String>),
    /// A function of a wheel.
    Wheel { package: String, entry_point: String, wheels: Vec<String> },
}

/// One task's code, with all that it needs.
#[derive(Clone, Debug)]
pub struct CodeWork {
    pub program: Program,
    /// The copy: paths below its root.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The folder of the code in the copy.
    pub folder: String,
    pub arguments: Vec<String>,
    /// Parameters of a notebook.
    pub named: BTreeMap<String, String>,
}

/// How the code of a task ended.
#[derive(Clone, Debug, Default)]
pub struct CodeEnd {
    pub error: Option<String>,
    pub error_trace: Option<String>,
    /// What a notebook exits with.
    pub value: Option<String>,
    pub logs: String,
    /// Whether there was more output.
    pub is_cut: bool,
    /// Whether it was stopped by the limit of time.
    pub is_late: bool,
}

impl CodeEnd {
    /// It failed for that reason.
    pub fn failed(error: String) -> Self {
        CodeEnd { error_trace: Some(error.clone()), error: Some(error), ..CodeEnd::default() }
    }
}

/// What a failed task's state says, as the service has it.
const FAILED: &str = "Workload failed, see run output for details";

/// A copy of a folder has at most so many files, and so many bytes.
const MOST_FILES: usize = 5_000;
const MOST_BYTES: usize = 200 << 20;

/// Whether a run still waits for its code.
pub fn holds(run: &Run) -> bool {
    run.code.as_ref().is_some_and(|code| code.ended.is_none())
}

/// What a new run has of code. One that the settings decide runs none.
pub fn new(store: &Store, outcome: &crate::settings::RunOutcome) -> Option<CodeRun> {
    (store.runs_code && outcome.result.is_none() && outcome.scenario.is_none()).then(CodeRun::default)
}

/// The runs whose code is to begin now. Each is answered once.
pub fn due(store: &mut Store) -> Vec<i64> {
    let mut due = Vec::new();
    for run in store.databricks.runs.values_mut() {
        let has_begun = matches!(run.life, LifeCycleState::Pending | LifeCycleState::Running);
        if let Some(code) = run.code.as_mut().filter(|code| has_begun && !code.is_begun && code.ended.is_none()) {
            code.is_begun = true;
            due.push(run.run_id);
        }
    }
    due
}

/// Ends what ran when the sandbox ended that ran it: nobody knows how it went.
pub fn forget(store: &mut Store) {
    let now = store.now();
    for run in store.databricks.runs.values_mut().filter(|run| run.life.active() && holds(run)) {
        let is_over = run.life != LifeCycleState::Queued || run.code.as_ref().is_some_and(|code| code.is_begun);
        if is_over || !store.runs_code {
            run.code = None;
            run.outcome.result = Some("INTERNAL_ERROR".to_owned());
            run.outcome.error = Some("The sandbox ended while the code of this run was under way.".to_owned());
            run.started.get_or_insert(now);
        }
    }
}

fn tasks(run: &Run) -> &[Value] {
    run.settings.get("tasks").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The results of the tasks that have ended, by their keys.
fn results(run: &Run, code: &CodeRun) -> BTreeMap<String, String> {
    let of = |(at, task): (usize, &Value)| {
        let kept = run.repairs.kept.get(&at).and_then(|kept| kept.result.clone());
        let result = kept.or_else(|| code.tasks.get(&at)?.result.clone())?;
        Some((text(task, "task_key")?.to_owned(), result))
    };
    tasks(run).iter().enumerate().filter_map(of).collect()
}

/// The next task of a run: its place, its run's id, and what it runs, or how it ended without. `None`: the run is over.
pub fn next(store: &mut Store, run_id: i64) -> Option<(usize, i64, Result<CodeWork, CodeEnd>)> {
    loop {
        let now = store.now();
        let run = store.databricks.runs.get_mut(&run_id).filter(|run| run.life.active())?;
        let mut code = run.code.clone().filter(|code| code.ended.is_none())?;
        let done = results(run, &code);
        let waits = |at: &usize| !code.tasks.contains_key(at) && !run.repairs.kept.contains_key(at);
        let needs = |at: usize| {
            let on = tasks(run)[at].get("depends_on").and_then(Value::as_array).into_iter().flatten();
            on.filter_map(|on| text(on, "task_key")).map(str::to_owned).collect::<Vec<String>>()
        };
        let is_ready = |at: &usize| needs(*at).iter().all(|key| done.contains_key(key));
        let Some(at) = (0..tasks(run).len()).filter(waits).find(is_ready) else {
            code.ended = Some(now);
            run.code = Some(code);
            return None;
        };
        let needed = needs(at);
        let verdict = condition(text(&tasks(run)[at], "run_if"), &needed, &done);
        let mut task =
            CodeTask { started: now, ended: None, result: None, message: String::new(), rest: TaskEnding::default() };
        if let Err((result, message)) = verdict {
            (task.ended, task.result, task.message) = (Some(now), Some(result.to_owned()), message);
            task.rest.code = if result == "EXCLUDED" { "SUCCESS" } else { "RUN_EXECUTION_ERROR" }.to_owned();
            task.rest.kind = if result == "EXCLUDED" { "SUCCESS" } else { "CLIENT_ERROR" }.to_owned();
            code.tasks.insert(at, task);
            run.code = Some(code);
            continue;
        }
        code.tasks.insert(at, task);
        run.code = Some(code);
        run.started.get_or_insert(now);
        run.life = LifeCycleState::Running;
        let task_id = run.task_run_ids[at];
        let run = run.clone();
        return Some((at, task_id, work(store, &run, at)));
    }
}

/// Whether a task runs after those that it needs; else its result and why.
fn condition(
    run_if: Option<&str>,
    needs: &[String],
    done: &BTreeMap<String, String>,
) -> Result<(), (&'static str, String)> {
    let is = |key: &&String, wanted: &[&str]| done.get(*key).is_some_and(|result| wanted.contains(&result.as_str()));
    let bad = needs.iter().find(|key| !is(key, &["SUCCESS", "EXCLUDED"]));
    let any_good = needs.iter().any(|key| is(&key, &["SUCCESS"]));
    let upstream = |key: &String| Err(("UPSTREAM_FAILED", format!("Upstream task {key} failed.")));
    match (run_if.unwrap_or("ALL_SUCCESS"), bad) {
        _ if needs.is_empty() => Ok(()),
        ("ALL_SUCCESS" | "NONE_FAILED", Some(key)) => upstream(key),
        ("AT_LEAST_ONE_SUCCESS", Some(key)) if !any_good => upstream(key),
        ("AT_LEAST_ONE_FAILED", None) => Err(("EXCLUDED", "No task that it depends on failed.".to_owned())),
        ("ALL_FAILED", _) if any_good => Err(("EXCLUDED", "Not all tasks that it depends on failed.".to_owned())),
        _ => Ok(()),
    }
}

/// Whether a task that runs should go on.
pub fn is_wanted(store: &Store, run_id: i64, task_id: i64) -> bool {
    let run = store.databricks.runs.get(&run_id);
    run.is_some_and(|run| run.life == LifeCycleState::Running && run.task_run_ids.contains(&task_id))
}

/// Notes how a task ended, unless the run did before it.
pub fn ended(store: &mut Store, run_id: i64, (at, task_id): (usize, i64), end: CodeEnd) {
    let now = store.now();
    let Some(run) = store.databricks.runs.get_mut(&run_id) else { return };
    if run.task_run_ids.get(at) != Some(&task_id) || run.life != LifeCycleState::Running {
        return;
    }
    let is_notebook = set(&tasks(run)[at], "notebook_task").is_some();
    let Some(task) = run.code.as_mut().and_then(|code| code.tasks.get_mut(&at)) else { return };
    let (result, code, kind) = match &end.error {
        None => ("SUCCESS", "SUCCESS", "SUCCESS"),
        Some(_) if end.is_late => ("TIMEDOUT", "MAX_RUN_DURATION_EXCEEDED", "CLIENT_ERROR"),
        Some(_) => ("FAILED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR"),
    };
    task.ended = Some(now);
    task.result = Some(result.to_owned());
    task.message = match &end.error {
        None => String::new(),
        Some(error) if end.is_late => error.clone(),
        Some(_) => FAILED.to_owned(),
    };
    task.rest = TaskEnding {
        code: code.to_owned(),
        kind: kind.to_owned(),
        error: end.error,
        error_trace: end.error_trace,
        logs: Some(end.logs),
        is_cut: end.is_cut,
        value: is_notebook.then(|| end.value.unwrap_or_default()),
        ..TaskEnding::default()
    };
}

/// The result of a run whose code has ended, and its message.
pub fn result(run: &Run) -> Option<(String, String)> {
    let code = run.code.as_ref()?;
    let results = results(run, code);
    let all = tasks(run).iter().filter_map(|task| {
        let key = text(task, "task_key")?;
        Some((key, results.get(key).map_or("UPSTREAM_FAILED", String::as_str)))
    });
    let failed = all.into_iter().find(|(_, result)| !matches!(*result, "SUCCESS" | "EXCLUDED"));
    Some(match failed {
        None => ("SUCCESS".to_owned(), String::new()),
        Some(_) if tasks(run).len() == 1 => {
            let own =
                code.tasks.values().next().map(|task| (task.result.clone().unwrap_or_default(), task.message.clone()));
            own.unwrap_or(("FAILED".to_owned(), FAILED.to_owned()))
        }
        Some((key, _)) => ("FAILED".to_owned(), format!("Task {key} failed with message: {FAILED}.")),
    })
}

/// A task's attempt, where its turn has come.
pub fn attempt(run: &Run, at: usize, mut attempt: Attempt) -> Attempt {
    let Some(task) = run.code.as_ref().and_then(|code| code.tasks.get(&at)) else { return attempt };
    attempt.started = Some(task.started);
    if task.ended.is_some() {
        attempt.life = LifeCycleState::Terminated;
        attempt.ended = task.ended;
        attempt.result.clone_from(&task.result);
        attempt.message.clone_from(&task.message);
        attempt.ending = Some(task.rest.clone());
    } else if run.life == LifeCycleState::Running {
        attempt.life = LifeCycleState::Running;
    }
    attempt
}

/// A task that is not run, but simulated.
fn simulated(kind: &str) -> CodeEnd {
    CodeEnd {
        logs: format!("plumb: not run: the sandbox runs no {kind}. It is simulated as a success.\n"),
        ..CodeEnd::default()
    }
}

/// What a task runs; or how it ends where nothing is run.
fn work(store: &Store, run: &Run, at: usize) -> Result<CodeWork, CodeEnd> {
    let task = &tasks(run)[at];
    let strings = |value: Option<&Value>| -> Option<Vec<String>> {
        let list = value?.as_array()?.iter().filter_map(Value::as_str);
        Some(list.map(|value| filled(store, run, at, value)).collect())
    };
    let mapped = |value: Option<&Value>| -> BTreeMap<String, String> {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let members = value.and_then(Value::as_object).into_iter().flatten();
        members.map(|(name, value)| (name.clone(), filled(store, run, at, &plain(value)))).collect()
    };
    let given = |name: &str| run.given.get(name);
    if ["spark_python_task", "notebook_task"]
        .iter()
        .any(|kind| set(task, kind).and_then(|own| text(own, "source")) == Some("GIT"))
    {
        return Err(simulated("code of a git source"));
    }
    if let Some(own) = set(task, "spark_python_task") {
        let place = text(own, "python_file").map(|path| filled(store, run, at, path)).unwrap_or_default();
        if place.contains("://") || place.starts_with("dbfs:") {
            return Err(simulated("file that is neither of the workspace nor of a volume"));
        }
        let (root, path) = root_of(&place)?;
        let files = copy(store, &root)?;
        if !files.contains_key(&path) {
            return Err(CodeEnd::failed(format!(
                "Cannot read the python file {place}. Please check driver logs for more details."
            )));
        }
        let arguments = strings(given("python_params")).or_else(|| strings(own.get("parameters"))).unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        return Ok(CodeWork { program: Program::File(path), files, folder, arguments, named: BTreeMap::new() });
    }
    if let Some(own) = set(task, "notebook_task") {
        let place = text(own, "notebook_path").map(|path| filled(store, run, at, path)).unwrap_or_default();
        let node = store.databricks.workspace.get(inner(&place));
        let Some(node) = node.filter(|node| node.object_type == "NOTEBOOK") else {
            return Err(CodeEnd::failed(format!(
                "Unable to access the notebook \"{place}\". Either it does not exist, or the identity used to run this job lacks the required permissions."
            )));
        };
        let python = Language::named("PYTHON").filter(|python| node.language.as_deref() == Some(python.name));
        let Some(python) = python else { return Err(simulated("notebook of another language than Python")) };
        let cells = notebooks::cells(&node.bytes(), python, node.format.as_deref().unwrap_or("SOURCE"));
        let (root, path) = root_of(&place)?;
        let mut named = mapped(own.get("base_parameters"));
        named.extend(mapped(given("notebook_params")));
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let program = Program::Notebook(cells);
        return Ok(CodeWork { program, files: copy(store, &root)?, folder, arguments: Vec::new(), named });
    }
    if let Some(own) = set(task, "python_wheel_task") {
        return wheel(store, task, own, {
            let positional = strings(given("python_params")).or_else(|| strings(own.get("parameters")));
            let mut named = mapped(own.get("named_parameters"));
            named.extend(mapped(given("python_named_params")));
            let named = named.into_iter().map(|(name, value)| format!("--{name}={value}"));
            positional.unwrap_or_default().into_iter().chain(named).collect()
        });
    }
    let kind = task.as_object().and_then(|task| task.keys().find(|name| name.ends_with("_task")).cloned());
    Err(simulated(&kind.unwrap_or_else(|| "task of this kind".to_owned())))
}

fn wheel(store: &Store, task: &Value, own: &Value, arguments: Vec<String>) -> Result<CodeWork, CodeEnd> {
    let libraries = set(task, "libraries").and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut files, mut wheels) = (BTreeMap::new(), Vec::new());
    for place in libraries.iter().filter_map(|library| text(library, "whl")) {
        let name = place.rsplit('/').next().unwrap_or(place).to_owned();
        if !name.ends_with("-none-any.whl") {
            return Err(simulated("wheel that is not pure Python"));
        }
        let Some(bytes) = bytes(store, place) else {
            return Err(CodeEnd::failed(format!("Library installation failed: {place} does not exist.")));
        };
        files.insert(name.clone(), bytes);
        wheels.push(name);
    }
    if wheels.is_empty() {
        return Err(simulated("wheel that is not a library of its task"));
    }
    let of = |name: &str| text(own, name).unwrap_or_default().to_owned();
    let program = Program::Wheel { package: of("package_name"), entry_point: of("entry_point"), wheels };
    Ok(CodeWork { program, files, folder: String::new(), arguments, named: BTreeMap::new() })
}

/// A path without `/Workspace`, by which the emulator keeps it.
fn inner(path: &str) -> &str {
    path.strip_prefix("/Workspace").filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

fn bytes(store: &Store, place: &str) -> Option<Vec<u8>> {
    let place = inner(place);
    if place.starts_with("/Volumes/") {
        return store.databricks.volumes.get(place)?.bytes();
    }
    let node = store.databricks.workspace.get(place).filter(|node| node.object_type == "FILE")?;
    Some(node.bytes())
}

/// The folder to copy, and the path of the code in it: the whole tree where plumb keeps one, else the file's folder.
fn root_of(place: &str) -> Result<(String, String), CodeEnd> {
    let path = inner(place);
    let parts: Vec<&str> = path.split('/').collect();
    // ROOT/.plumb/PROJECT/TARGET/code/HASH/…
    let tree = parts.iter().position(|part| *part == ".plumb").map(|at| at + 5);
    let end = tree.filter(|end| *end < parts.len() && parts[end - 2] == "code").unwrap_or(parts.len() - 1);
    if !path.starts_with('/') || end < 2 {
        return Err(CodeEnd::failed(format!("The sandbox runs no code that is in no folder: {place}")));
    }
    Ok((parts[..end].join("/"), parts[end..].join("/")))
}

/// The files below a folder. Notebooks are left out: nothing imports them by their names.
fn copy(store: &Store, root: &str) -> Result<BTreeMap<String, Vec<u8>>, CodeEnd> {
    let below = format!("{root}/");
    let (mut files, mut total) = (BTreeMap::new(), 0);
    let mut add = |path: &str, bytes: Vec<u8>| {
        let path = &path[below.len()..];
        // Such a path would be written elsewhere.
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) || path.contains(['\0', '\\', ':']) {
            return Ok(());
        }
        total += bytes.len();
        files.insert(path.to_owned(), bytes);
        if files.len() > MOST_FILES || total > MOST_BYTES {
            let most = MOST_BYTES >> 20;
            return Err(CodeEnd::failed(format!(
                "The sandbox does not copy {root}: it has more than {MOST_FILES} files or {most} MB"
            )));
        }
        Ok(())
    };
    if root.starts_with("/Volumes/") {
        for (path, entry) in store.databricks.volumes.below(&below) {
            if let Some(bytes) = entry.bytes() {
                add(path, bytes)?;
            }
        }
    } else {
        let nodes = store.databricks.workspace.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
        for (path, node) in nodes.filter(|(_, node)| node.object_type == "FILE") {
            add(path, node.bytes())?;
        }
    }
    Ok(files)
}

/// A text with the references in it that the sandbox knows; others stay as they are.
fn filled(store: &Store, run: &Run, at: usize, value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, behind)) = after.split_once("}}") else { break };
        out.push_str(before);
        match reference(store, run, at, name.trim()) {
            Some(value) => out.push_str(&value),
            None => out.extend(["{{", name, "}}"]),
        }
        rest = behind;
    }
    out + rest
}

fn reference(store: &Store, run: &Run, at: usize, name: &str) -> Option<String> {
    if let Some(name) = name.strip_prefix("job.parameters.") {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if let Some(value) = run.given.get("job_parameters").and_then(|given| given.get(name)) {
            return Some(plain(value));
        }
        let declared = set(&run.settings, "parameters")?.as_array()?;
        return declared.iter().find(|one| text(one, "name") == Some(name))?.get("default").map(plain);
    }
    Some(match name {
        "job.id" | "job_id" => run.job_id.to_string(),
        "job.run_id" | "parent_run_id" => run.run_id.to_string(),
        "job.name" => run.run_name.clone(),
        "task.name" | "task_key" => text(&tasks(run)[at], "task_key")?.to_owned(),
        "task.run_id" | "run_id" => run.task_run_ids.get(at)?.to_string(),
        "workspace.url" => store.workspace.clone(),
        _ => return None,
    })
}

#[cfg(test)]
#[path = "code_run_tests.rs"]
mod tests;
