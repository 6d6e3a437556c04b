//! The folder that Airflow reads its DAG files from.
//!
//! Only files that begin with plumb's mark are ever overwritten or removed. A file is written beside itself and renamed,
//! so that Airflow never sees half of it.

use crate::call::{Answer, Call, Fault, Method, Sending, Service};
use crate::kinds::airflow::python;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The longest file that is looked into: DAG files are text that people can read.
const LONGEST: u64 = 4 * 1024 * 1024;
/// The deepest folder that is looked into.
const DEEPEST: usize = 16;

/// A folder of DAG files.
#[derive(Clone, Debug)]
pub struct DagFiles {
    folder: Option<PathBuf>,
}

impl DagFiles {
    /// The files of a folder. It has to exist: Airflow would not see one that plumb makes up.
    pub fn folder(folder: impl Into<PathBuf>) -> Self {
        DagFiles { folder: Some(folder.into()) }
    }

    /// What a target without a folder of DAG files has: none, and no place to write one to.
    pub fn none() -> Self {
        DagFiles { folder: None }
    }

    fn carry_out(&self, call: &Call) -> Result<Value, Fault> {
        let Some(folder) = &self.folder else {
            return match (call.method, call.path.as_str()) {
                (Method::Get, "/dags") => Ok(json!({ "files": [], "dag_id": asked_for(call) })),
                _ => Err(not_sent(call, "the target has no folder of DAG files: add `airflow.dags` to it")),
            };
        };
        let root = fs::canonicalize(folder).map_err(|e| not_sent(call, &format!("{}: {e}", folder.display())))?;
        if !root.is_dir() {
            return Err(not_sent(call, &format!("{} is no folder", folder.display())));
        }
        match (call.method, call.path.as_str()) {
            (Method::Get, "/dags") => list(&root, asked_for(call)).map_err(|e| not_sent(call, &e)),
            (method, path) => {
                let name =
                    path.strip_prefix("/dags/").ok_or_else(|| refused(call, 404, "NOT_FOUND", "no such path"))?;
                let file = inside(&root, name).map_err(|why| refused(call, 400, "OUTSIDE", &why))?;
                match method {
                    Method::Put => put(call, &file, name),
                    Method::Delete => delete(call, &file, name),
                    _ => Err(refused(call, 405, "METHOD_NOT_ALLOWED", "only PUT and DELETE")),
                }
            }
        }
    }
}

impl Service for DagFiles {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        let (files, call) = (self.clone(), call.clone());
        Box::pin(async move {
            let line = call.line();
            // Folders are often network drives: nothing else shall wait for them.
            let done = tokio::task::spawn_blocking(move || files.carry_out(&call)).await;
            let body = done.map_err(|e| Fault::Lost { line, why: e.to_string() })??;
            Ok(Answer { status: 200, body, request_id: None })
        })
    }
}

/// The id of the one DAG whose files are asked for.
fn asked_for(call: &Call) -> Option<&str> {
    call.query.iter().find(|(name, _)| name == "dag_id").map(|(_, id)| id.as_str())
}

fn not_sent(call: &Call, why: &str) -> Fault {
    Fault::NotSent { line: call.line(), why: why.to_owned() }
}

fn refused(call: &Call, status: u16, code: &str, message: &str) -> Fault {
    Fault::Refused {
        line: call.line(),
        status,
        code: code.to_owned(),
        message: message.to_owned(),
        request_id: None,
        retry_after: None,
    }
}

/// The place of a file inside the folder. No part of the name may lead out of it, nor may a link on the way.
fn inside(root: &Path, name: &str) -> Result<PathBuf, String> {
    let plain = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']) && !part.ends_with([' ', '.'])
    };
    if !name.split('/').all(plain) || !name.ends_with(".py") {
        return Err(format!("`{name}` is no name of a file inside the folder"));
    }
    let file = root.join(name);
    let parent = file.parent().unwrap_or(root);
    match fs::canonicalize(parent) {
        Ok(real) if real.starts_with(root) => {}
        Ok(_) => return Err(format!("`{name}` leads out of the folder")),
        Err(e) => return Err(format!("{}: {e}", parent.display())),
    }
    match fs::symlink_metadata(&file) {
        Ok(meta) if meta.file_type().is_symlink() => {
            Err(format!("`{name}` is a link: what it points to is not plumb's"))
        }
        Ok(meta) if !meta.is_file() => Err(format!("`{name}` is no file")),
        _ => Ok(file),
    }
}

/// A file's text; `None` when there is none, or it is none.
fn text_of(file: &Path) -> std::io::Result<Option<String>> {
    let opened = match fs::File::open(file) {
        Ok(opened) => opened,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut bytes = Vec::new();
    opened.take(LONGEST + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= LONGEST).then(|| String::from_utf8(bytes).ok()).flatten())
}

/// plumb's files, and of the others those that speak of an id of theirs.
fn list(root: &Path, asked: Option<&str>) -> Result<Value, String> {
    let mut files: Vec<(String, String)> = Vec::new();
    walk(root, root, 0, &mut files)?;
    files.sort();
    let id_of = |text: &str| python::data_of(text).and_then(|d| d.get("dag_id")?.as_str().map(str::to_owned));
    let mut ids: BTreeSet<String> = asked.map(str::to_owned).into_iter().collect();
    if asked.is_none() {
        ids.extend(
            files.iter().filter(|(_, text)| python::mark_of(text).is_some()).filter_map(|(_, text)| id_of(text)),
        );
    }
    let speaks =
        |text: &str| ids.iter().any(|id| text.contains(&format!("\"{id}\"")) || text.contains(&format!("'{id}'")));
    let listed: Vec<Value> = files
        .iter()
        .filter_map(|(path, text)| {
            let mine = python::mark_of(text).is_some();
            let named = asked.is_some_and(|id| *path == python::file_name(id));
            let wanted = if asked.is_some() { named || speaks(text) } else { mine || speaks(text) };
            wanted.then(|| json!({ "path": path, "text": text, "mine": mine }))
        })
        .collect();
    Ok(json!({ "files": listed, "dag_id": asked }))
}

fn walk(root: &Path, folder: &Path, depth: usize, files: &mut Vec<(String, String)>) -> Result<(), String> {
    let failed = |path: &Path, e: std::io::Error| format!("{}: {e}", path.display());
    for entry in fs::read_dir(folder).map_err(|e| failed(folder, e))? {
        let entry = entry.map_err(|e| failed(folder, e))?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(|e| failed(&path, e))?;
        if name.starts_with('.') || name == "__pycache__" {
            continue;
        }
        if kind.is_dir() {
            if depth < DEEPEST {
                walk(root, &path, depth + 1, files)?;
            }
        } else if kind.is_file()
            && name.ends_with(".py")
            && let Some(text) = text_of(&path).map_err(|e| failed(&path, e))?
        {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            let parts: Vec<String> =
                relative.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
            files.push((parts.join("/"), text));
        }
    }
    Ok(())
}

/// Refuses to touch a file that is not plumb's.
fn check_owner(call: &Call, file: &Path, name: &str) -> Result<Option<String>, Fault> {
    let there = fs::symlink_metadata(file).is_ok();
    let text = text_of(file).map_err(|e| not_sent(call, &format!("{name}: {e}")))?;
    match &text {
        Some(text) if python::mark_of(text).is_some() => {}
        None if !there => {}
        _ => {
            return Err(refused(
                call,
                409,
                "NOT_PLUMBS",
                &format!("{name} does not begin with plumb's mark, and is left alone"),
            ));
        }
    }
    Ok(text)
}

fn put(call: &Call, file: &Path, name: &str) -> Result<Value, Fault> {
    let body = call.body.as_ref();
    let text = body.and_then(|b| b.get("text")?.as_str()).ok_or_else(|| refused(call, 400, "BAD_BODY", "no `text`"))?;
    let answer = json!({ "path": name, "dag_id": body.and_then(|b| b.get("dag_id")) });
    // A file that is as wanted keeps its time, so that Airflow does not parse it again.
    if check_owner(call, file, name)?.as_deref() == Some(text) {
        return Ok(answer);
    }
    let failed = |what: &str, e: &std::io::Error| not_sent(call, &format!("{what}: {e}"));
    let folder = file.parent().unwrap_or(Path::new("."));
    // Hidden, and not called .py: Airflow does not read it.
    let beside = folder.join(format!(".plumb-{}-{}.tmp", std::process::id(), name.rsplit('/').next().unwrap_or(name)));
    let written = (|| {
        let mut new = fs::File::create(&beside)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&beside, file)
    })();
    if let Err(e) = written {
        let _ = fs::remove_file(&beside);
        return Err(failed(name, &e));
    }
    // The renaming itself is to outlive a crash, where folders can be synced.
    let _ = fs::File::open(folder).and_then(|f| f.sync_all());
    Ok(answer)
}

fn delete(call: &Call, file: &Path, name: &str) -> Result<Value, Fault> {
    if check_owner(call, file, name)?.is_none() {
        return Err(refused(call, 404, "NOT_FOUND", &format!("{name} is not there")));
    }
    fs::remove_file(file).map_err(|e| not_sent(call, &format!("{name}: {e}")))?;
    Ok(Value::Null)
}
