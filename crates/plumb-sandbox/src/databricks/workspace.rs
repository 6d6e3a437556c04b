//! Workspace files and folders, API 2.0.

use super::{
    DatabricksState,
    notebooks::{self, Archived, Language},
    paging, permissions, reply,
};
use crate::{
    errors::{ApiError, Handled},
    request::{Request, decode},
    store::Store,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A file, a notebook or a folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    pub object_id: u64,
    /// `DIRECTORY`, `NOTEBOOK` or `FILE`.
    pub object_type: String,
    pub language: Option<String>,
    /// Base64.
    pub content: String,
    pub created_at: i64,
    pub modified_at: i64,
    /// Of a notebook, the format that it came in: `SOURCE` or `JUPYTER`.
    #[serde(default)]
    pub format: Option<String>,
}

impl Node {
    /// What is in it.
    pub fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.content).unwrap_or_default()
    }

    /// The language and the format of a notebook.
    pub fn notebook(&self) -> Option<(&'static Language, &str)> {
        let language = self.language.as_deref().and_then(Language::named)?;
        Some((language, self.format.as_deref().unwrap_or("SOURCE")))
    }
}

/// Answers `workspace/VERB`.
pub fn handle(store: &mut Store, request: &Request, verb: &str) -> Option<Handled> {
    Some(match (request.method.as_str(), verb) {
        ("POST", "import") => import(store, request),
        ("GET", "export") => export(store, request),
        ("POST", "mkdirs") => path(request).and_then(|path| mkdirs(store, request, &path)),
        ("GET", "list") => list(store, request),
        ("GET", "get-status") => status(store, request),
        ("POST", "delete") => delete(store, request),
        _ => return None,
    })
}

/// The path that was given, as answers show it: one slash where there are several, none at the end. `/Workspace`, another
/// name for the root, stays.
fn given(path: &str) -> Result<String, ApiError> {
    if !path.starts_with('/') {
        return Err(ApiError::invalid(format!("Path ({path}) doesn't start with '/'")));
    }
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    Ok(format!("/{}", segments.join("/")))
}

/// The same path without `/Workspace`, by which the emulator keeps it.
fn inner(given: &str) -> String {
    match given.strip_prefix("/Workspace") {
        Some("") => "/".to_owned(),
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => given.to_owned(),
    }
}

fn path(request: &Request) -> Result<String, ApiError> {
    given(&request.required("path")?).map(|path| inner(&path))
}

/// Folders that are always there.
fn is_root(path: &str) -> bool {
    ["/", "/Users", "/Shared", "/Repos"].contains(&path)
        || (path.starts_with("/Users/") && path.matches('/').count() == 2)
}

fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

/// A folder that is always there. Its id comes of its path: permissions name folders by their ids.
fn root(path: &str) -> Node {
    let sum = path.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(131).wrapping_add(u64::from(byte)));
    let object_id = if path == "/" { 0 } else { 2_000_000_000_000 + sum % 1_000_000_000_000 };
    Node {
        object_id,
        object_type: "DIRECTORY".to_owned(),
        language: None,
        content: String::new(),
        created_at: 0,
        modified_at: 0,
        format: None,
    }
}

/// The homes of users who have something in them, and that of whoever asks.
fn homes(state: &DatabricksState, user: &str) -> BTreeSet<String> {
    let home = |path: &String| {
        let rest = path.strip_prefix("/Users/")?;
        Some(format!("/Users/{}", rest.split('/').next().unwrap_or(rest)))
    };
    let mut homes: BTreeSet<String> = state.workspace.keys().filter_map(home).collect();
    if !user.is_empty() {
        homes.insert(format!("/Users/{user}"));
    }
    homes
}

fn find(store: &Store, path: &str) -> Result<Node, ApiError> {
    if let Some(node) = store.databricks.workspace.get(path) {
        return Ok(node.clone());
    }
    if is_root(path) {
        return Ok(root(path));
    }
    Err(ApiError::missing(format!("Path ({path}) doesn't exist.")))
}

/// The path and the type of the object of that id.
pub fn by_id(state: &DatabricksState, user: &str, id: &str) -> Option<(String, String)> {
    let id: u64 = id.parse().ok()?;
    if let Some((path, node)) = state.workspace.iter().find(|(_, node)| node.object_id == id) {
        return Some((path.clone(), node.object_type.clone()));
    }
    let roots = ["/", "/Users", "/Shared", "/Repos"].map(str::to_owned);
    let path = roots.into_iter().chain(homes(state, user)).find(|path| root(path).object_id == id)?;
    Some((path, "DIRECTORY".to_owned()))
}

/// The folders above a path, the nearest first: path and id.
pub fn above(state: &DatabricksState, path: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut at = path;
    while at != "/" {
        at = parent(at);
        let id = state.workspace.get(at).map_or_else(|| root(at).object_id, |node| node.object_id);
        found.push((at.to_owned(), id));
    }
    found
}

/// Refuses who may not write there: in another user's home, unless an admin or allowed to edit it.
fn may_write(store: &Store, request: &Request, path: &str) -> Result<(), ApiError> {
    let mine = format!("/Users/{}", request.user);
    let is_foreign_home = path.starts_with("/Users/") && path != mine && !path.starts_with(&format!("{mine}/"));
    if !is_foreign_home
        || store.settings.caller_is_admin
        || permissions::may_edit(&store.databricks, path, &request.user)
    {
        return Ok(());
    }
    Err(ApiError::denied(format!("{} does not have Edit permissions on {path}.", request.user)))
}

fn shown(path: &str, node: &Node) -> Value {
    let mut shown = json!({
        "path": path, "object_type": node.object_type, "object_id": node.object_id, "resource_id": node.object_id.to_string(),
    });
    if node.object_type != "DIRECTORY" {
        shown["created_at"] = json!(node.created_at);
        shown["modified_at"] = json!(node.modified_at);
    }
    match &node.language {
        Some(language) => shown["language"] = json!(language),
        None if node.object_type == "FILE" => shown["size"] = json!(node.bytes().len()),
        None => {}
    }
    shown
}

fn status(store: &Store, request: &Request) -> Handled {
    let shown_path = given(&request.required("path")?)?;
    let node = find(store, &inner(&shown_path))?;
    let mut answer = shown(&shown_path, &node);
    // No SDK knows the parameter; databricks/cli asks so whether a notebook is an `.ipynb` (libs/filer).
    if let Some((_, format)) = node.notebook().filter(|_| request.flag("return_export_info")) {
        answer["repos_export_format"] = json!(format);
    }
    Ok(answer)
}

/// `workspace/import` takes 10 MB, and so does a notebook have at most (Workspace API reference). `workspace/export` gives 10 MB,
/// with `direct_download` too (databricks/cli, issue 3691). Newer workspaces are said to give more (its bundle/deploy/filer.go).
const LARGEST: usize = 10 << 20;

/// The words are those of an import and of an export alike (terraform-provider-databricks, issue 4077; databricks/cli, issue
/// 3691).
fn too_large(bytes: usize, most: usize) -> ApiError {
    let message = format!("File size imported is ({bytes} bytes), exceeded max size ({most} bytes)");
    ApiError::new(400, "BAD_REQUEST", message)
}

/// What is in the way of a new object.
enum Blocked {
    NoParent,
    Folder,
    Notebook,
    File,
}

/// Something to be written: a notebook where it has a language.
struct Upload {
    path: String,
    language: Option<&'static Language>,
    format: &'static str,
    bytes: Vec<u8>,
}

impl Upload {
    /// A file by itself, which is a notebook when its name and first line say so.
    fn recognised(path: String, bytes: Vec<u8>) -> Upload {
        match notebooks::recognise(&path, &bytes) {
            Some((language, format, path)) => Upload { path, language: Some(language), format, bytes },
            None => Upload { path, language: None, format: "RAW", bytes },
        }
    }
}

fn put(store: &mut Store, upload: Upload, overwrite: bool) -> Result<u64, Blocked> {
    let Upload { path, language, format, bytes } = upload;
    let folder = store.databricks.workspace.get(parent(&path)).is_some_and(|n| n.object_type == "DIRECTORY");
    if !folder && !is_root(parent(&path)) {
        return Err(Blocked::NoParent);
    }
    let before = store.databricks.workspace.get(&path).cloned();
    match before.as_ref().map(|node| node.object_type.as_str()) {
        Some("DIRECTORY") => return Err(Blocked::Folder),
        Some("NOTEBOOK") if !overwrite => return Err(Blocked::Notebook),
        Some(_) if !overwrite => return Err(Blocked::File),
        None if is_root(&path) => return Err(Blocked::Folder),
        _ => {}
    }
    let now = store.now();
    let (object_id, created_at) = match &before {
        Some(node) => (node.object_id, node.created_at),
        None => (3_000_000_000_000 + store.serial(), now),
    };
    let node = Node {
        object_id,
        object_type: if language.is_some() { "NOTEBOOK" } else { "FILE" }.to_owned(),
        language: language.map(|l| l.name.to_owned()),
        content: STANDARD.encode(bytes),
        created_at,
        modified_at: now,
        format: language.map(|_| format.to_owned()),
    };
    store.databricks.workspace.insert(path, node);
    Ok(object_id)
}

fn import(store: &mut Store, request: &Request) -> Handled {
    let shown_path = given(&request.required("path")?)?;
    let path = inner(&shown_path);
    let format = request.param("format").unwrap_or_else(|| "SOURCE".to_owned());
    let content = request.param("content").unwrap_or_default();
    let bytes = STANDARD.decode(&content).map_err(|_| ApiError::invalid("content is not valid base64."))?;
    if bytes.len() > LARGEST {
        return Err(ApiError::new(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", "The content exceeds the limit of 10 MB."));
    }
    let notebook = |path, bytes, language, format| Upload { path, language: Some(language), format, bytes };
    let upload = match format.as_str() {
        "SOURCE" => {
            let name = request
                .param("language")
                .ok_or_else(|| ApiError::invalid("The language is required when the format is SOURCE."))?;
            let language =
                Language::named(&name).ok_or_else(|| ApiError::invalid(format!("Unknown language: {name}")))?;
            notebook(path, bytes, language, "SOURCE")
        }
        "JUPYTER" => {
            notebooks::check_jupyter(&bytes)?;
            let language = notebooks::jupyter_language(&bytes);
            notebook(path, bytes, language, "JUPYTER")
        }
        // A notebook tells itself by its first line; its extension is then left off (Workspace API reference).
        "AUTO" => Upload::recognised(path, bytes),
        "RAW" => Upload { path, language: None, format: "RAW", bytes },
        "DBC" | "HTML" | "R_MARKDOWN" => {
            return Err(ApiError::invalid(format!(
                "The sandbox cannot read {format}: import the notebook as SOURCE or JUPYTER."
            )));
        }
        other => return Err(ApiError::invalid(format!("Unknown import format: {other}"))),
    };
    may_write(store, request, &upload.path)?;
    match put(store, upload, request.flag("overwrite")) {
        Ok(object_id) => Ok(json!({ "object_id": object_id })),
        Err(Blocked::NoParent) => {
            Err(ApiError::missing(format!("The parent folder ({}) does not exist.", parent(&shown_path))))
        }
        Err(_) => Err(ApiError::exists(format!("Path ({shown_path}) already exists."))),
    }
}

/// Answers `workspace-files/import-file/PATH?overwrite=…`, which `databricks bundle deploy` and `sync` write files with:
/// no SDK knows it. The answers are those that databricks/cli tells apart (libs/filer/workspace_files_client.go).
pub fn import_file(store: &mut Store, request: &Request) -> Option<Handled> {
    // One encoded segment (`Workspace%2FUsers%2F…`) or plain segments: what is decoded first could not be told apart from
    // a `%` of a name.
    let encoded = request.raw.path.split_once("/import-file/").map(|(_, rest)| rest)?;
    let path = decode(encoded);
    Some(write_file(store, request, &format!("/{}", path.trim_start_matches('/'))))
}

fn write_file(store: &mut Store, request: &Request, path: &str) -> Handled {
    let shown_path = given(path)?;
    let bytes = request.raw.body.to_vec();
    let size = bytes.len();
    let upload = Upload::recognised(inner(&shown_path), bytes);
    if upload.language.is_some() && size > LARGEST {
        return Err(ApiError::new(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", "The content exceeds the limit of 10 MB."));
    }
    may_write(store, request, &upload.path)?;
    match put(store, upload, request.flag("overwrite")) {
        Ok(_) => reply::empty(200),
        Err(Blocked::NoParent) => {
            Err(ApiError::missing(format!("The parent folder ({}) does not exist.", parent(&shown_path))))
        }
        Err(Blocked::File) => {
            Err(ApiError::new(409, "RESOURCE_ALREADY_EXISTS", format!("Path ({shown_path}) already exists.")))
        }
        // Without an error code; the message ends so in every wording that was seen (libs/filer). That a folder of the
        // name is answered in the same way is unverified.
        Err(Blocked::Notebook | Blocked::Folder) => {
            let message = format!("Path ({shown_path}) already exists.");
            Err(ApiError { status: 400, body: json!({ "error_code": "", "message": message }), retry_after: None })
        }
    }
}

fn export(store: &Store, request: &Request) -> Handled {
    let path = path(request)?;
    let node = find(store, &path)?;
    let format = request.param("format").unwrap_or_else(|| "SOURCE".to_owned());
    let (bytes, file_type) = match (format.as_str(), node.notebook()) {
        ("DBC", _) => (archive(store, &path, &node)?, "dbc"),
        _ if node.object_type == "DIRECTORY" => {
            return Err(ApiError::invalid("A folder can only be exported as DBC."));
        }
        // A file is what it is.
        ("SOURCE" | "AUTO" | "RAW" | "JUPYTER" | "HTML", None) => (node.bytes(), ""),
        ("AUTO", Some((_, "JUPYTER"))) => (node.bytes(), "ipynb"),
        ("SOURCE" | "AUTO", Some((language, own))) => {
            (notebooks::source(&node.bytes(), language, own), language.extension)
        }
        ("JUPYTER", Some((language, own))) => (notebooks::jupyter(&node.bytes(), language, own, last(&path)), "ipynb"),
        ("HTML", Some((language, own))) => (notebooks::html(&node.bytes(), language, own, last(&path)), "html"),
        (other, _) => {
            return Err(ApiError::invalid(format!("The sandbox cannot export {}: {other}", node.object_type)));
        }
    };
    if bytes.len() > LARGEST {
        return Err(too_large(bytes.len(), LARGEST));
    }
    if request.flag("direct_download") {
        return Ok(reply::bytes(&bytes, node.modified_at));
    }
    Ok(json!({ "content": STANDARD.encode(bytes), "file_type": file_type }))
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A notebook, or all those below a folder.
fn archive(store: &Store, path: &str, node: &Node) -> Result<Vec<u8>, ApiError> {
    let name = last(path);
    let mut found: Vec<(String, &Node)> = vec![(name.to_owned(), node)];
    if node.object_type == "DIRECTORY" {
        let below = format!("{}/", path.trim_end_matches('/'));
        let inside = store.databricks.workspace.range(below.clone()..).take_while(|(p, _)| p.starts_with(&below));
        found = inside.map(|(p, n)| (format!("{name}/{}", &p[below.len()..]), n)).collect();
    } else if node.notebook().is_none() {
        return Err(ApiError::invalid("Only notebooks and folders can be exported as DBC."));
    }
    let contents: Vec<_> = found.iter().map(|(path, node)| (path, node, node.bytes())).collect();
    let archived = contents.iter().filter_map(|(path, node, content)| {
        let (language, format) = node.notebook()?;
        Some(Archived { path: path.trim_start_matches('/').to_owned(), content, language, format })
    });
    Ok(notebooks::dbc(&archived.collect::<Vec<_>>()))
}

/// The code of a notebook as HTML, as runs/export shows it.
pub fn notebook_view(store: &Store, path: &str) -> Option<String> {
    let path = inner(&given(path).ok()?);
    let node = store.databricks.workspace.get(&path)?;
    let (language, format) = node.notebook()?;
    String::from_utf8(notebooks::html(&node.bytes(), language, format, last(&path))).ok()
}

fn mkdirs(store: &mut Store, request: &Request, path: &str) -> Handled {
    let mut missing = Vec::new();
    let mut at = path;
    while !is_root(at) {
        match store.databricks.workspace.get(at) {
            Some(node) if node.object_type == "DIRECTORY" => break,
            Some(_) => return Err(ApiError::exists(format!("Path ({at}) already exists and is no folder."))),
            None => missing.push(at.to_owned()),
        }
        at = parent(at);
    }
    if !missing.is_empty() {
        may_write(store, request, path)?;
    }
    for path in missing {
        let object_id = 3_000_000_000_000 + store.serial();
        let now = store.now();
        let node = Node { object_id, created_at: now, modified_at: now, ..root(&path) };
        store.databricks.workspace.insert(path, node);
    }
    Ok(json!({}))
}

fn list(store: &Store, request: &Request) -> Handled {
    let shown_path = given(&request.required("path")?)?;
    let path = inner(&shown_path);
    let node = find(store, &path)?;
    if node.object_type != "DIRECTORY" {
        return Ok(json!({ "objects": [shown(&shown_path, &node)] }));
    }
    let state = &store.databricks;
    let inside = |p: &str| p != path && parent(p) == path;
    let mut found: Vec<(&str, Node)> =
        state.workspace.iter().filter(|(p, _)| inside(p)).map(|(p, n)| (p.as_str(), n.clone())).collect();
    let homes = homes(state, &request.user);
    let always = ["/Users", "/Shared", "/Repos"].into_iter().chain(homes.iter().map(String::as_str));
    found.extend(always.filter(|p| inside(p) && !state.workspace.contains_key(*p)).map(|p| (p, root(p))));
    // Paths keep the `/Workspace` that was asked with, as get-status does and databricks/cli's testserver. Unverified.
    let prefix = if shown_path == path { "" } else { "/Workspace" };
    let objects = found.iter().map(|(p, n)| shown(&format!("{prefix}{p}"), n)).collect();
    Ok(paging::listing("objects", objects).into())
}

fn delete(store: &mut Store, request: &Request) -> Handled {
    let path = path(request)?;
    find(store, &path)?;
    if is_root(&path) {
        return Err(ApiError::denied(format!("Path ({path}) cannot be deleted.")));
    }
    let below = format!("{path}/");
    let full = store.databricks.workspace.keys().any(|p| p.starts_with(&below));
    if full && !request.flag("recursive") {
        return Err(ApiError::new(400, "DIRECTORY_NOT_EMPTY", format!("Folder ({path}) is not empty")));
    }
    let state = &mut store.databricks;
    let gone = |p: &str| p == path || p.starts_with(&below);
    for (_, node) in state.workspace.iter().filter(|(p, _)| gone(p)) {
        state.permissions.remove(&permissions::of_node(&node.object_type, node.object_id));
    }
    state.workspace.retain(|p, _| !gone(p));
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use super::*;
    use crate::store::Clock;

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/2.0/workspace/{path}"), "me@example.com", body))
    }

    #[test]
    fn a_large_file_is_taken_and_not_given_back() {
        let mut store = Store::new(Clock::Fixed(0));
        let mut send = |name: &str, bytes: Vec<u8>| {
            let path = format!("/api/2.0/workspace-files/import-file/Shared%2F{name}");
            let mut request = Request::internal("POST", &path, "me@example.com", Value::Null);
            request.raw.path = path;
            request.raw.body = bytes.into();
            import_file(&mut store, &request).unwrap()
        };
        send("a.jar", vec![b'a'; LARGEST]).unwrap();
        send("b.jar", vec![b'a'; LARGEST + 1]).unwrap();
        let mut notebook = b"# Databricks notebook source\n".to_vec();
        notebook.resize(LARGEST + 1, b' ');
        assert_eq!(send("n.py", notebook).unwrap_err().body["error_code"], "MAX_NOTEBOOK_SIZE_EXCEEDED");
        for direct in ["", "&direct_download=true"] {
            ask(&mut store, "GET", &format!("export?path=/Shared/a.jar&format=AUTO{direct}"), Value::Null).unwrap();
            let path = format!("export?path=/Shared/b.jar&format=AUTO{direct}");
            let error = ask(&mut store, "GET", &path, Value::Null).unwrap_err();
            let said = "File size imported is (10485761 bytes), exceeded max size (10485760 bytes)";
            assert_eq!((error.status, error.body["message"].as_str()), (400, Some(said)));
        }
        let listed = ask(&mut store, "GET", "list?path=/Shared", Value::Null).unwrap();
        assert_eq!(listed["objects"][1]["size"], LARGEST + 1);
    }

    #[test]
    fn a_file_is_not_overwritten_unless_asked() {
        let mut store = Store::new(Clock::Fixed(0));
        let file = |overwrite: bool| json!({ "path": "/Users/me@example.com/.plumb/lease.json", "format": "RAW", "content": "e30=", "overwrite": overwrite });
        assert_eq!(ask(&mut store, "POST", "import", file(false)).unwrap_err().status, 404, "no parent folder yet");
        ask(&mut store, "POST", "mkdirs", json!({ "path": "/Users/me@example.com/.plumb" })).unwrap();
        ask(&mut store, "POST", "import", file(false)).unwrap();
        let error = ask(&mut store, "POST", "import", file(false)).unwrap_err();
        assert_eq!(error.body["error_code"], "RESOURCE_ALREADY_EXISTS");
        ask(&mut store, "POST", "import", file(true)).unwrap();
        let seen = ask(&mut store, "GET", "export?path=/Workspace/Users/me@example.com/.plumb/lease.json", Value::Null)
            .unwrap();
        assert_eq!(seen["content"], "e30=");
        let listed = ask(&mut store, "GET", "list?path=/Users/me@example.com/.plumb", Value::Null).unwrap();
        assert_eq!((&listed["objects"][0]["object_type"], &listed["objects"][0]["size"]), (&json!("FILE"), &json!(2)));
        let folder = json!({ "path": "/Users/me@example.com/.plumb" });
        assert_eq!(
            ask(&mut store, "POST", "delete", folder.clone()).unwrap_err().body["error_code"],
            "DIRECTORY_NOT_EMPTY"
        );
        let mut all = folder;
        all["recursive"] = json!(true);
        ask(&mut store, "POST", "delete", all).unwrap();
        assert_eq!(
            ask(&mut store, "GET", "get-status?path=/Users/me@example.com/.plumb", Value::Null).unwrap_err().status,
            404
        );
    }
}
