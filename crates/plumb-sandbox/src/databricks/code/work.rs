//! What the process of one task is to do.

use super::super::{notebooks, runs::Run, set, text};
use super::{CodeEnd, NOT_RUN, arguments::Known, copied};
use crate::store::Store;
use serde_json::{Value, json};
use std::time::Duration;

/// The process of one task: its files, and what `code_runner/run.py` is told. Paths in `spec` are below the folder of the
/// copy: `code/…` is a copy of `root`, `wheels/…` are wheels.
#[derive(Debug)]
pub(crate) struct CodeWork {
    pub run_id: i64,
    pub task_run_id: i64,
    pub root: String,
    pub files: Vec<(String, Vec<u8>)>,
    /// The folder that the process works in.
    pub folder: String,
    pub spec: Value,
    /// How long the task may take by its own settings.
    pub time: Option<Duration>,
}

/// What a task is to do; or how it ends where there is nothing to be run, or it cannot be.
pub(super) fn prepare(store: &Store, run: &Run, at: usize) -> Result<CodeWork, Box<CodeEnd>> {
    let task = &run.settings["tasks"][at];
    let known = Known { run, at, workspace_id: store.settings.workspace_id, workspace_url: &store.workspace };
    let kind = ["spark_python_task", "notebook_task", "python_wheel_task"]
        .into_iter()
        .find_map(|name| Some((name, set(task, name)?)));
    let Some((name, own)) = kind else { return Err(not_run()) };
    let from_git = match text(own, "source") {
        Some(source) => source == "GIT",
        None => set(&run.settings, "git_source").is_some(),
    };
    if from_git && name != "python_wheel_task" {
        return Err(not_run());
    }
    let mut work = CodeWork {
        run_id: run.run_id,
        task_run_id: run.task_run_ids[at],
        root: String::new(),
        files: Vec::new(),
        folder: String::new(),
        spec: json!({}),
        time: [task, &run.settings].into_iter().filter_map(time).min(),
    };
    let (wheels, notes) = libraries(store, run, task, &mut work).map_err(|why| CodeEnd::unable(&why))?;
    match name {
        "spark_python_task" => python_file(store, &known, own, &mut work)?,
        "notebook_task" => notebook(store, &known, own, &mut work)?,
        _ => wheel(&known, own, &wheels, &mut work)?,
    }
    let mut path = work.spec["path"].as_array().cloned().unwrap_or_default();
    path.extend(wheels.into_iter().map(Value::String));
    work.spec["path"] = json!(path);
    work.spec["notes"] = json!(notes);
    Ok(work)
}

/// A task that is simulated, as it is without `--run-code`.
fn not_run() -> Box<CodeEnd> {
    Box::new(CodeEnd { logs: Some(NOT_RUN.to_owned()), ..CodeEnd::plain("SUCCESS", "") })
}

fn time(of: &Value) -> Option<Duration> {
    let seconds = of.get("timeout_seconds").and_then(Value::as_u64).filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds))
}

/// Copies the files around the code, and works in its folder.
fn bring(store: &Store, path: &str, work: &mut CodeWork) -> Result<String, Box<CodeEnd>> {
    let (copied, relative) = copied::around(store, path).map_err(|why| CodeEnd::unable(&why))?;
    work.root = copied.root;
    work.files.extend(copied.files.into_iter().map(|(name, bytes)| (format!("code/{name}"), bytes)));
    let file = format!("code/{relative}");
    work.folder = file.rsplit_once('/').map_or("code", |(folder, _)| folder).to_owned();
    Ok(file)
}

fn python_file(store: &Store, known: &Known<'_>, own: &Value, work: &mut CodeWork) -> Result<(), Box<CodeEnd>> {
    let path = known.fill(text(own, "python_file").unwrap_or_default());
    if !path.starts_with('/') && !path.starts_with("dbfs:/") {
        return Err(not_run());
    }
    if copied::file(store, &path).is_none() {
        return Err(CodeEnd::unable(&format!("Cannot read the python file {path}: it does not exist")));
    }
    let file = bring(store, &path, work)?;
    work.spec = json!({
        "kind": "file", "name": file, "file": file, "path": [work.folder],
        "arguments": known.list(own, "python_params"),
    });
    Ok(())
}

fn notebook(store: &Store, known: &Known<'_>, own: &Value, work: &mut CodeWork) -> Result<(), Box<CodeEnd>> {
    let path = known.fill(text(own, "notebook_path").unwrap_or_default());
    let bare = path.strip_prefix("/Workspace/").map_or_else(|| path.clone(), |rest| format!("/{rest}"));
    let Some(node) = store.databricks.workspace.get(&bare) else {
        return Err(CodeEnd::unable(&format!("Unable to access the notebook \"{path}\": it does not exist")));
    };
    let Some((language, format)) = node.notebook() else {
        return Err(CodeEnd::unable(&format!("{path} is no notebook, but a {}", node.object_type)));
    };
    if language.name != "PYTHON" {
        return Err(not_run());
    }
    let cells = notebooks::cells(&node.bytes(), language, format);
    let file = bring(store, &bare, work)?;
    work.spec = json!({
        "kind": "notebook", "name": file, "cells": cells, "path": [work.folder], "arguments": [],
        "widgets": known.named(own.get("base_parameters"), "notebook_params"),
    });
    Ok(())
}

fn wheel(known: &Known<'_>, own: &Value, wheels: &[String], work: &mut CodeWork) -> Result<(), Box<CodeEnd>> {
    let (package, point) =
        (text(own, "package_name").unwrap_or_default(), text(own, "entry_point").unwrap_or_default());
    if wheels.is_empty() {
        let why = format!("No wheel of the task is in the sandbox: {package} cannot be run");
        return Err(CodeEnd::unable(&why));
    }
    let named = set(own, "named_parameters").or_else(|| known.run.given.get("python_named_params"));
    let arguments: Vec<String> = match named {
        // Page of the vendor's documentation on Python wheel tasks: `--name=value`.
        Some(_) => known
            .named(own.get("named_parameters"), "python_named_params")
            .iter()
            .map(|(name, value)| format!("--{name}={}", value.as_str().unwrap_or_default()))
            .collect(),
        None => known.list(own, "python_params"),
    };
    work.folder = "home".to_owned();
    work.spec = json!({
        "kind": "wheel", "name": package, "package": package, "entry_point": point, "path": [], "arguments": arguments,
    });
    Ok(())
}

/// The wheels of a task, as paths of the copy, and what has to be said of libraries that are not there for the code.
fn libraries(
    store: &Store,
    run: &Run,
    task: &Value,
    work: &mut CodeWork,
) -> Result<(Vec<String>, Vec<String>), String> {
    let (mut wheels, mut notes) = (Vec::new(), Vec::new());
    let mut named: Vec<String> = Vec::new();
    for library in task.get("libraries").and_then(Value::as_array).into_iter().flatten() {
        match text(library, "whl") {
            Some(path) => named.push(path.to_owned()),
            None => notes.push(format!("this library was not installed: {library}")),
        }
    }
    if let Some(key) = text(task, "environment_key") {
        let all = run.settings.get("environments").and_then(Value::as_array).into_iter().flatten();
        let own = all.filter(|e| text(e, "environment_key") == Some(key));
        let lists = own.filter_map(|e| e.pointer("/spec/dependencies")?.as_array());
        for dependency in lists.flatten().filter_map(Value::as_str) {
            if dependency.ends_with(".whl") && dependency.contains('/') {
                named.push(dependency.to_owned());
            } else {
                notes.push(format!("this library was not installed: {dependency}"));
            }
        }
    }
    for path in named {
        let name = path.rsplit('/').next().unwrap_or_default();
        let Some(bytes) = copied::file(store, &path) else {
            return Err(format!("Library installation failed: {path} does not exist"));
        };
        if !name.ends_with("-none-any.whl") || name.contains(['\\', '\0']) {
            return Err(format!("{path} is no pure Python wheel (…-none-any.whl): the sandbox cannot run it"));
        }
        let place = format!("wheels/{}/{name}", wheels.len());
        work.files.push((place.clone(), bytes));
        wheels.push(place);
    }
    Ok((wheels, notes))
}
