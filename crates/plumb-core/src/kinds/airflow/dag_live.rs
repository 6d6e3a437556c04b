//! What is live of DAGs: the file, and what Airflow made of it.

use super::dag::AirflowDag;
use super::python::{self, Condition, HEADER};
use crate::kinds::{Observed, Unreadable, reading};
use plumb_model::read::Pages;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The live DAGs, out of the files, Airflow's list of DAGs (stale ones included) and its import errors.
///
/// A file of plumb's is a DAG whether or not Airflow knows it. A DAG that Airflow knows and no file of plumb's defines is
/// somebody else's, unless its file is one that plumb wrote and somebody removed: then there is nothing live, and the
/// manifest makes it again.
///
/// A row of Airflow's that cannot be read says nothing of its DAG; one that does not even say which DAG it is of may be of
/// any that has no other.
pub fn observe(listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
    let mut found = Vec::new();
    let rows = |index: usize, member: &str, found: &mut Vec<_>| -> Vec<&Value> {
        let mut rows = Vec::new();
        for page in listed.get(index).into_iter().flatten() {
            match reading::list(page, member) {
                Ok(list) => rows.extend(list),
                Err(why) => found.push(Err(Unreadable::unknown(format!("a page of the list of {member}"), why))),
            }
        }
        rows
    };
    let (files, listed_dags, errors) =
        (rows(0, "files", &mut found), rows(1, "dags", &mut found), rows(2, "import_errors", &mut found));
    let mut dags: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut nameless = false;
    for dag in listed_dags {
        match text(dag, "dag_id").filter(|id| !id.is_empty()) {
            Some(id) => {
                dags.insert(id, dag);
            }
            None => {
                nameless = true;
                found.push(Err(Unreadable::of(&AirflowDag, None, None, "Airflow's row of it has no dag_id")));
            }
        }
    }
    let files = each_file_once(files);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut mine: Vec<(String, &Value)> = Vec::new();
    for file in &files {
        match (text(file, "path"), text(file, "text"), file.get("mine").and_then(Value::as_bool)) {
            (Some(_), Some(_), Some(true)) => {
                let id = dag_id(file);
                *counts.entry(id.clone()).or_default() += 1;
                mine.push((id, file));
            }
            (Some(_), Some(_), Some(false)) => {}
            (path, ..) => found.push(Err(unreadable_file(path))),
        }
    }
    for (id, file) in &mine {
        let others: Vec<&str> =
            files.iter().filter(|f| f["mine"] == false && defines(f, id)).filter_map(|f| text(f, "path")).collect();
        let dag = dags.get(id.as_str()).copied();
        let why = match dag {
            Some(dag) => check(dag).err(),
            None if nameless => Some("a row of Airflow's that may be its own has no dag_id".to_owned()),
            None => None,
        };
        let mut seen = of_file(id, file, dag, &errors, &others);
        if counts.get(id).is_some_and(|n| *n > 1) {
            // One id in two files: each is named by its file, so that a message can tell them apart.
            seen.id = format!("{id} in {}", text(file, "path").unwrap_or_default());
        }
        found.push(match why {
            Some(why) => Err(Unreadable::of(&AirflowDag, Some(&seen.id), Some(&seen.spec), why)),
            None => Ok(seen),
        });
    }
    for (id, _) in &mine {
        dags.remove(id.as_str());
    }
    found.extend(dags.into_iter().filter(|(_, dag)| !file_was_removed(dag)).map(|(id, dag)| {
        let spec = json!({ "dag_id": id });
        let whose = check(dag)
            .and_then(|()| fileloc(dag).map(drop).ok_or("Airflow does not say which file defines it".to_owned()));
        whose.map(|()| of_others(dag)).map_err(|why| Unreadable::of(&AirflowDag, Some(id), Some(&spec), why))
    }));
    found
}

/// A file that is no text, or too long. plumb's own are called after their DAG, so it is of no other.
fn unreadable_file(path: Option<&str>) -> Unreadable {
    let Some(path) = path else {
        return Unreadable::of(&AirflowDag, None, None, "a DAG file has no name");
    };
    let id = path.trim_end_matches(".py");
    let why = "the file is no text, or longer than a DAG file is";
    let known = Unreadable::of(&AirflowDag, Some(id), Some(&json!({ "dag_id": id })), why);
    Unreadable { what: format!("DAG file {path}"), ..known }
}

/// Each file once, as it was read last: one that is on two pages of a listing is still one.
fn each_file_once(files: Vec<&Value>) -> Vec<&Value> {
    let last: BTreeMap<&str, usize> =
        files.iter().enumerate().filter_map(|(i, file)| Some((text(file, "path")?, i))).collect();
    let is_last = |(i, file): &(usize, &Value)| text(file, "path").is_none_or(|path| last.get(path) == Some(i));
    files.into_iter().enumerate().filter(is_last).map(|(_, file)| file).collect()
}

/// Whether what is looked at of Airflow's row of a DAG can be read.
fn check(dag: &Value) -> Result<(), String> {
    if !dag["is_paused"].is_boolean() {
        return Err("Airflow does not say whether it is paused".to_owned());
    }
    reading::flag(dag, "is_stale")?;
    reading::flag(dag, "is_active")?;
    for tag in reading::list(dag, "tags")? {
        if !tag.is_string() && text(tag, "name").is_none() {
            return Err("one of its tags has no name".to_owned());
        }
    }
    Ok(())
}

/// The file that Airflow has the DAG from.
fn fileloc(dag: &Value) -> Option<&str> {
    text(dag, "relative_fileloc").or_else(|| text(dag, "fileloc"))
}

fn text<'v>(value: &'v Value, member: &str) -> Option<&'v str> {
    value.get(member)?.as_str()
}

/// The id that a file of plumb's defines.
fn dag_id(file: &Value) -> String {
    let of_data =
        text(file, "text").and_then(python::data_of).and_then(|data| text(&data, "dag_id").map(str::to_owned));
    of_data.unwrap_or_else(|| {
        let path = text(file, "path").unwrap_or_default();
        path.rsplit('/').next().unwrap_or(path).trim_end_matches(".py").to_owned()
    })
}

/// Whether somebody else's file speaks of a DAG of that id.
fn defines(file: &Value, id: &str) -> bool {
    text(file, "text").is_some_and(|t| [format!("\"{id}\""), format!("'{id}'")].iter().any(|quoted| t.contains(quoted)))
}

/// Whether Airflow has not seen the DAG's file lately.
pub fn is_stale(dag: &Value) -> bool {
    dag["is_stale"] == true || dag["is_active"] == false
}

/// The tags of a DAG, without plumb's own.
fn tags(dag: &Value) -> Vec<&str> {
    let rows = dag["tags"].as_array().into_iter().flatten();
    rows.filter_map(|t| t.as_str().or_else(|| text(t, "name"))).filter(|t| *t != "plumb").collect()
}

fn file_was_removed(dag: &Value) -> bool {
    let tagged = dag["tags"].as_array().into_iter().flatten().any(|t| t == "plumb" || t["name"] == "plumb");
    let id = text(dag, "dag_id").unwrap_or_default();
    tagged && base_name(dag).is_some_and(|name| name == python::file_name(id))
}

fn base_name(dag: &Value) -> Option<&str> {
    fileloc(dag)?.rsplit(['/', '\\']).next()
}

/// Whether an import error is about a file. Airflow 3 names it relative to its bundle, Airflow 2 by its whole path.
pub fn is_about(error: &Value, path: &str) -> bool {
    text(error, "filename").is_some_and(|name| name == path || name.ends_with(&format!("/{path}")))
}

/// An import error in a line: what Python said, and in which line of the file.
pub fn in_short(error: &Value, path: &str) -> (String, Option<usize>) {
    let trace = text(error, "stack_trace").or_else(|| text(error, "stacktrace")).unwrap_or_default();
    let what = trace.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("no reason given").trim().to_owned();
    let line = trace
        .lines()
        .filter(|l| l.trim_start().starts_with("File \"") && l.contains(&format!("{path}\"")))
        .filter_map(|l| l.split("line ").nth(1)?.split([',', ' ']).next()?.trim().parse().ok())
        .next_back();
    (what, line)
}

fn of_file(id: &str, file: &Value, dag: Option<&Value>, errors: &[&Value], others: &[&str]) -> Observed {
    let (path, source) = (text(file, "path").unwrap_or_default(), text(file, "text").unwrap_or_default());
    let mut spec = python::data_of(source).unwrap_or_else(|| json!({}));
    spec["dag_id"] = json!(id);
    let error = errors.iter().find(|e| is_about(e, path));
    let mut wrong = Vec::new();
    if let Some(error) = error {
        let (what, line) = in_short(error, path);
        let line = line.map_or_else(String::new, |line| format!(", line {line}"));
        wrong.push(format!("cannot be imported by Airflow: {what}{line}"));
    }
    let condition = python::condition(source);
    match condition {
        Condition::Intact => {}
        Condition::Old => wrong.push("written by an older plumb".to_owned()),
        Condition::Edited => wrong.push("changed by hand".to_owned()),
        Condition::Leaving => wrong.push("being deleted".to_owned()),
    }
    match dag {
        // That Airflow lets go of it is what is waited for.
        _ if condition == Condition::Leaving => {}
        None => wrong.push("not known to Airflow".to_owned()),
        Some(dag) if error.is_none() && is_stale(dag) => wrong.push("no longer seen by Airflow".to_owned()),
        Some(dag) => {
            if let Some(name) = base_name(dag).filter(|name| path.rsplit('/').next() != Some(*name)) {
                wrong.push(format!("defined by {name} as well"));
            }
        }
    }
    for other in others {
        let line = format!("defined by {} as well", other.rsplit('/').next().unwrap_or(other));
        if !wrong.contains(&line) {
            wrong.push(line);
        }
    }
    // A file that is in order has the tags that it says; what else Airflow has comes from elsewhere.
    if let Some(dag) = dag.filter(|_| wrong.is_empty()) {
        spec["tags"] = json!(tags(dag));
    }
    spec["source"] = if wrong.is_empty() { json!("plumb") } else { json!(wrong.join("; ")) };
    // A DAG that Airflow does not know yet will begin paused.
    spec["paused"] = dag.and_then(|d| d.get("is_paused")).cloned().unwrap_or(json!(true));
    if let Some(mark) = python::mark_of(source) {
        spec[HEADER] = json!(mark);
    }
    let mut facts = facts_of(dag);
    facts["file"] = json!(path);
    facts["others"] = json!(others);
    facts[HEADER] = json!(python::mark_of(source));
    Observed { id: id.to_owned(), state: Some(state(&spec)), spec, facts, ..Observed::default() }
}

/// A DAG that other people's code defines.
fn of_others(dag: &Value) -> Observed {
    let id = text(dag, "dag_id").unwrap_or_default();
    let spec = json!({ "dag_id": id, "source": "external", "paused": dag["is_paused"], "tags": tags(dag) });
    let mut facts = facts_of(Some(dag));
    facts["fileloc"] = json!(fileloc(dag));
    Observed { id: id.to_owned(), state: Some(state(&spec)), spec, facts, ..Observed::default() }
}

fn state(spec: &Value) -> String {
    match (text(spec, "source"), &spec["paused"]) {
        (Some("plumb" | "external"), Value::Bool(true)) => "paused".to_owned(),
        (Some("plumb" | "external"), _) => "active".to_owned(),
        (source, _) => source.unwrap_or_default().to_owned(),
    }
}

/// What the calls and the plan's words need of Airflow's row.
fn facts_of(dag: Option<&Value>) -> Value {
    let Some(dag) = dag else { return json!({ "known": false }) };
    // Airflow 2 has other names for the same (recorded answers of 2.11.2 and 3.3.2).
    let first =
        |names: [&str; 2]| names.iter().find_map(|n| dag.get(n).filter(|v| v.is_string())).cloned().unwrap_or_default();
    json!({
        "known": true,
        "stale": is_stale(dag),
        "run_after": first(["next_dagrun_run_after", "next_dagrun_create_after"]),
        "start": first(["next_dagrun_data_interval_start", "next_dagrun_logical_date"]),
        "end": first(["next_dagrun_data_interval_end", "next_dagrun_run_after"]),
    })
}
