//! The calls of both places, and what listings say.

#![allow(clippy::unwrap_used)]

use super::fake::{FakeWorkspace, Mishap};
use super::*;
use plumb_core::code::NotebookFormat;
use serde_json::json;

fn store(workspace: &Arc<FakeWorkspace>, root: Option<&str>) -> (CodeStore, CodeFolder) {
    let folder = CodeFolder::new(root, "bau", "prod");
    (CodeStore::new(workspace.clone(), &folder), folder)
}

#[tokio::test]
async fn names_are_encoded_and_said_as_they_are() {
    for (root, line) in [
        (
            None,
            "POST /api/2.0/workspace-files/import-file/Workspace%2FShared%2F.plumb%2Fbau%2Fprod%2Fcode%2Fa%20%25%23%3F%C3%A9.py?overwrite=true",
        ),
        (
            Some("/Volumes/main/ops/x"),
            "PUT /api/2.0/fs/files/Volumes/main/ops/x/.plumb/bau/prod/code/a%20%25%23%3F%C3%A9.py?overwrite=true",
        ),
    ] {
        let workspace = FakeWorkspace::new();
        let (store, folder) = store(&workspace, root);
        store.make_folder(folder.path()).await.unwrap();
        let path = format!("{}/a %#?é.py", folder.path());
        store.write(&path, &Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(workspace.asked.lock().unwrap()[1], line);
        let listed = store.list(folder.path()).await.unwrap().unwrap();
        assert_eq!(listed.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["a %#?é.py"]);
        let mut read = Vec::new();
        store.read(&path, CodeForm::File, &mut read).await.unwrap();
        assert_eq!(read, b"x");
        store.delete(&path).await.unwrap();
        store.delete(&path).await.unwrap();
        assert_eq!(store.list(folder.path()).await.unwrap(), Some(Vec::new()));
        assert_eq!(store.list(&path).await.unwrap(), None, "no folder");
    }
}

#[tokio::test]
async fn what_is_no_listing_is_none() {
    type Edit = fn(&mut serde_json::Value);
    let edits: [(&str, Edit, Option<usize>); 6] = [
        ("null", |page| *page = json!(null), None),
        ("a list", |page| *page = json!([]), None),
        ("no list", |page| *page = json!({ "objects": 1, "contents": 1 }), None),
        ("no path", |page| *page = json!({ "objects": [{}], "contents": [{}] }), None),
        ("null for none", |page| *page = json!({ "objects": null, "contents": null }), Some(0)),
        (
            "only a path",
            |page| *page = json!({ "objects": [{ "path": "/a/b" }], "contents": [{ "path": "/a/b" }] }),
            Some(1),
        ),
    ];
    for root in [None, Some("/Volumes/main/ops/x")] {
        for (what, edit, wanted) in &edits {
            let workspace = FakeWorkspace::new();
            let (store, folder) = store(&workspace, root);
            store.make_folder(folder.path()).await.unwrap();
            let edit = *edit;
            workspace.goes_wrong(move |_, _| Some(Mishap::Answer(edit)));
            let listed = store.list(folder.path()).await;
            assert_eq!(listed.ok().map(|entries| entries.unwrap().len()), *wanted, "{what}, {root:?}");
        }
    }
}

#[test]
fn cells_are_what_a_notebook_is() {
    let python = CodeForm::Notebook(NotebookFormat::Python);
    let text = |text: &str| text.as_bytes().to_vec();
    let one = text("# Databricks notebook source\nx = 1\n\n# COMMAND ----------\n\ny = 2\n");
    assert!(is_same(&one, &text("# Databricks notebook source\r\nx = 1\r\n# COMMAND ----------\r\ny = 2"), python));
    assert!(!is_same(&one, &text("# Databricks notebook source\nx = 1\n\n# COMMAND ----------\n\ny = 3\n"), python));
    assert!(!is_same(&one, &text("# Databricks notebook source\nx = 1\n\ny = 2\n"), python));
    let jupyter = CodeForm::Notebook(NotebookFormat::Jupyter);
    let cells = |cells: serde_json::Value| json!({ "cells": cells, "nbformat": 4 }).to_string().into_bytes();
    let one = cells(json!([{ "cell_type": "code", "source": ["x = 1\n", "y = 2"], "metadata": {} }]));
    assert!(is_same(&one, &cells(json!([{ "cell_type": "code", "source": "x = 1\ny = 2\n" }])), jupyter));
    assert!(!is_same(&one, &cells(json!([{ "cell_type": "markdown", "source": "x = 1\ny = 2" }])), jupyter));
    assert!(!is_same(&one, &cells(json!([])), jupyter) && !is_same(&one, b"", jupyter));
    assert!(!is_same(b"x\n", b"x", CodeForm::File));
}

#[tokio::test]
async fn after_a_fault_none_is_begun_and_what_runs_is_waited_for() {
    let done = Arc::new(std::sync::Mutex::new(Vec::new()));
    let work = |number: u64| {
        let done = done.clone();
        async move {
            tokio::time::sleep(std::time::Duration::from_millis(number)).await;
            done.lock().unwrap().push(number);
            if number == 1 { Err("it broke") } else { Ok(number) }
        }
    };
    assert_eq!(each(vec![1, 30, 5, 6], 2, work).await, Err("it broke"));
    assert_eq!(*done.lock().unwrap(), [1, 30]);
    assert_eq!(
        each(vec![3, 2], 2, work).await.map(|mut all| {
            all.sort_unstable();
            all
        }),
        Ok(vec![2, 3])
    );
}
