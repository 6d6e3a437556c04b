//! A workspace and its volumes in memory, for tests: files and folders, and a hook by which answers go wrong.

#![allow(clippy::unwrap_used)]

use crate::services::fake::not_found;
use crate::services::{Requests, Services};
use bytes::Bytes;
use plumb_model::call::{Answer, ByteSink, Call, Method, Sending, Service, ServiceError, System};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What goes wrong with a call.
pub enum Mishap {
    /// It fails before anything is done.
    Before(ServiceError),
    /// It is done, and its answer is this.
    After(ServiceError),
    /// Its answer is changed.
    Answer(fn(&mut Value)),
}

/// A file, a notebook or a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeNode {
    /// `DIRECTORY`, `NOTEBOOK` or `FILE`.
    pub sort: &'static str,
    pub bytes: Bytes,
    pub modified: i64,
}

type Hook = dyn Fn(&Call, usize) -> Option<Mishap> + Send + Sync;

/// The workspace. Paths are kept without `/Workspace`.
pub struct FakeWorkspace {
    pub nodes: Mutex<BTreeMap<String, FakeNode>>,
    pub asked: Mutex<Vec<String>>,
    /// The pages of other calls, by what their path ends with.
    pub others: Mutex<BTreeMap<&'static str, Value>>,
    hook: Mutex<Box<Hook>>,
    clock: Mutex<i64>,
}

impl FakeWorkspace {
    pub fn new() -> Arc<FakeWorkspace> {
        Arc::new(FakeWorkspace {
            nodes: Mutex::default(),
            asked: Mutex::default(),
            others: Mutex::default(),
            hook: Mutex::new(Box::new(|_, _| None)),
            clock: Mutex::new(1000),
        })
    }

    /// What goes wrong from now on; the number is that of the call since then.
    pub fn goes_wrong(&self, hook: impl Fn(&Call, usize) -> Option<Mishap> + Send + Sync + 'static) {
        *self.hook.lock().unwrap() = Box::new(hook);
        self.asked.lock().unwrap().clear();
    }

    pub fn services(self: &Arc<FakeWorkspace>) -> Services {
        Services::default().with(System::Databricks, self.clone(), Requests::default())
    }

    /// The lines of what was asked since the last time, in order.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// The paths that are there, without folders.
    pub fn files(&self) -> Vec<String> {
        let nodes = self.nodes.lock().unwrap();
        nodes.iter().filter(|(_, node)| node.sort != "DIRECTORY").map(|(path, _)| path.clone()).collect()
    }

    /// Puts a file there as somebody else would.
    pub fn put(&self, path: &str, sort: &'static str, bytes: &str) {
        let modified = self.tick();
        let node = FakeNode { sort, bytes: Bytes::copy_from_slice(bytes.as_bytes()), modified };
        self.nodes.lock().unwrap().insert(inner(path), node);
    }

    fn tick(&self) -> i64 {
        let mut clock = self.clock.lock().unwrap();
        *clock += 10;
        *clock
    }

    fn go(&self, call: &Call, body: Option<&Bytes>) -> Result<(Value, Bytes), ServiceError> {
        let number = self.asked.lock().unwrap().len();
        self.asked.lock().unwrap().push(call.line());
        let mishap = (self.hook.lock().unwrap())(call, number);
        match mishap {
            Some(Mishap::Before(fault)) => Err(fault),
            Some(Mishap::After(fault)) => self.answer(call, body).and(Err(fault)),
            Some(Mishap::Answer(edit)) => self.answer(call, body).map(|(mut value, bytes)| {
                edit(&mut value);
                (value, bytes)
            }),
            None => self.answer(call, body),
        }
    }

    fn answer(&self, call: &Call, body: Option<&Bytes>) -> Result<(Value, Bytes), ServiceError> {
        let asked = |name: &str| call.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let named = call.body.as_ref().and_then(|body| body["path"].as_str()).map(str::to_owned);
        let path = inner(&named.or_else(|| asked("path")).unwrap_or_default());
        if let Some((_, value)) = self.others.lock().unwrap().iter().find(|(end, _)| call.path.contains(**end)) {
            return Ok((value.clone(), Bytes::new()));
        }
        if let Some(file) = call.path.strip_prefix("/api/2.0/workspace-files/import-file/") {
            return self.import(&inner(&format!("/{}", decoded(file))), body.unwrap());
        }
        if let Some(path) = call.path.strip_prefix("/api/2.0/fs/files") {
            return self.file(call.method, &decoded(path), body);
        }
        if let Some(path) = call.path.strip_prefix("/api/2.0/fs/directories") {
            return self.folder(call.method, &decoded(path));
        }
        match call.path.trim_start_matches("/api/2.0/workspace/").rsplit("scim/v2/").next().unwrap() {
            "list" => {
                let objects: Vec<Value> = self.inside(&path)?.iter().map(|(at, node)| shown(at, node)).collect();
                Ok((if objects.is_empty() { json!({}) } else { json!({ "objects": objects }) }, Bytes::new()))
            }
            "mkdirs" => self.folder(Method::Put, &path),
            "delete" => {
                self.node(&path)?;
                self.nodes.lock().unwrap().retain(|at, _| at != &path && !at.starts_with(&format!("{path}/")));
                done()
            }
            "export" => Ok((Value::Null, self.node(&path)?.bytes)),
            "get-status" => Ok((json!({ "path": path, "object_id": 7 }), Bytes::new())),
            "Me" => Ok((json!({ "userName": "ada" }), Bytes::new())),
            _ => done(),
        }
    }

    fn node(&self, path: &str) -> Result<FakeNode, ServiceError> {
        self.nodes.lock().unwrap().get(path).cloned().ok_or_else(not_found)
    }

    fn inside(&self, path: &str) -> Result<Vec<(String, FakeNode)>, ServiceError> {
        if self.node(path)?.sort != "DIRECTORY" {
            return Ok(vec![(path.to_owned(), self.node(path)?)]);
        }
        let nodes = self.nodes.lock().unwrap();
        let is_inside = |at: &str| at.rsplit_once('/').is_some_and(|(above, _)| above == path);
        Ok(nodes.iter().filter(|(at, _)| is_inside(at)).map(|(at, node)| (at.clone(), node.clone())).collect())
    }

    fn import(&self, path: &str, bytes: &Bytes) -> Result<(Value, Bytes), ServiceError> {
        self.inside(path.rsplit_once('/').unwrap().0)?;
        let is_notebook = bytes.starts_with(b"# Databricks notebook source");
        let (path, sort) = match path.strip_suffix(".py") {
            Some(name) if is_notebook => (name, "NOTEBOOK"),
            _ => (path, "FILE"),
        };
        let node = FakeNode { sort, bytes: bytes.clone(), modified: self.tick() };
        self.nodes.lock().unwrap().insert(path.to_owned(), node);
        done()
    }

    fn file(&self, method: Method, path: &str, body: Option<&Bytes>) -> Result<(Value, Bytes), ServiceError> {
        match method {
            Method::Put => {
                let node = FakeNode { sort: "FILE", bytes: body.unwrap().clone(), modified: self.tick() };
                self.nodes.lock().unwrap().insert(path.to_owned(), node);
                done()
            }
            Method::Delete => self.nodes.lock().unwrap().remove(path).ok_or_else(not_found).and_then(|_| done()),
            _ => Ok((Value::Null, self.node(path)?.bytes)),
        }
    }

    fn folder(&self, method: Method, path: &str) -> Result<(Value, Bytes), ServiceError> {
        match method {
            Method::Put => {
                let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
                for end in ends {
                    let node = FakeNode { sort: "DIRECTORY", bytes: Bytes::new(), modified: 0 };
                    self.nodes.lock().unwrap().entry(path[..end].to_owned()).or_insert(node);
                }
                done()
            }
            Method::Delete => {
                if !self.inside(path)?.is_empty() {
                    return Err(crate::services::fake::refused(400, "FILES_API_DIRECTORY_IS_NOT_EMPTY"));
                }
                self.nodes.lock().unwrap().remove(path);
                done()
            }
            _ => {
                if self.node(path)?.sort != "DIRECTORY" {
                    return Err(not_found());
                }
                let contents: Vec<Value> = self.inside(path)?.iter().map(|(at, node)| listed(at, node)).collect();
                Ok((json!({ "contents": contents }), Bytes::new()))
            }
        }
    }
}

fn done() -> Result<(Value, Bytes), ServiceError> {
    Ok((json!({}), Bytes::new()))
}

fn inner(path: &str) -> String {
    path.strip_prefix("/Workspace").unwrap_or(path).to_owned()
}

fn decoded(text: &str) -> String {
    let url = reqwest::Url::parse(&format!("http://x/?a={text}")).unwrap();
    url.query_pairs().next().unwrap().1.into_owned()
}

fn shown(path: &str, node: &FakeNode) -> Value {
    let mut shown = json!({ "path": path, "object_type": node.sort, "object_id": 7 });
    if node.sort != "DIRECTORY" {
        shown["modified_at"] = json!(node.modified);
    }
    if node.sort == "FILE" {
        shown["size"] = json!(node.bytes.len());
    }
    shown
}

fn listed(path: &str, node: &FakeNode) -> Value {
    let is_folder = node.sort == "DIRECTORY";
    let mut listed = json!({ "path": path, "is_directory": is_folder, "last_modified": node.modified });
    if !is_folder {
        listed["file_size"] = json!(node.bytes.len());
    }
    listed
}

impl Service for FakeWorkspace {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move { self.go(call, None).map(|(body, _)| Answer { status: 200, body, request_id: None }) })
    }

    fn send_bytes<'a>(&'a self, call: &'a Call, body: &'a Bytes) -> Sending<'a> {
        Box::pin(
            async move { self.go(call, Some(body)).map(|(body, _)| Answer { status: 200, body, request_id: None }) },
        )
    }

    fn receive<'a>(&'a self, call: &'a Call, sink: &'a mut dyn ByteSink) -> Sending<'a> {
        Box::pin(async move {
            let (_, bytes) = self.go(call, None)?;
            sink.begin();
            sink.take(&bytes);
            Ok(Answer { status: 200, body: Value::Null, request_id: None })
        })
    }
}
