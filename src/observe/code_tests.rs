//! What is told of trees, by what listings show.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::plan_world::World;
use crate::services::code_store::fake::{FakeWorkspace, Mishap};
use crate::services::code_store::sample::SampleCode;
use crate::services::fake::{foreign, lost, not_found, refused};
use jiff::civil::date;
use plumb_core::code::CodeReader;
use plumb_core::kinds::Observed;
use plumb_core::plan::LiveObject;
use serde_json::json;
use std::sync::Arc;

const TODAY: Date = date(2026, 12, 1);
const PLACES: [Option<&str>; 2] = [None, Some("/Volumes/main/ops/plumb")];

fn sample() -> SampleCode {
    let mut code = SampleCode::usual();
    code.0.retain(|path, _| !path.starts_with("nb/"));
    code
}

fn desired(code: &SampleCode, root: Option<&str>) -> Desired {
    Desired { code: code.code(root), ..World::of("").desired() }
}

/// Writes a whole tree as an upload would, and its marker last.
async fn write(workspace: &Arc<FakeWorkspace>, code: &SampleCode, root: Option<&str>) {
    let (folder, tree) = (code.code(root).folder, code.tree());
    let store = CodeStore::new(workspace.clone(), &folder);
    for at in folders(&tree) {
        store.make_folder(format!("{}/{at}", folder.tree(&tree.hash)).trim_end_matches('/')).await.unwrap();
    }
    for (path, bytes) in &code.0 {
        store.write(&folder.file(&tree.hash, path), &bytes.clone().into()).await.unwrap();
    }
    let marker = folder.file(&tree.hash, &CodeFolder::marker(&BTreeSet::new()));
    store.write(&marker, &index_text(&tree).into()).await.unwrap();
    workspace.take_asked();
}

async fn stocked(workspace: &Arc<FakeWorkspace>, desired: &Desired) -> CodeStock {
    stock(&workspace.services(), desired, &Live::default(), TODAY).await
}

fn state<'s>(stock: &'s CodeStock, code: &SampleCode) -> &'s TreeState {
    stock.trees[&code.tree().hash].state.as_ref().unwrap()
}

#[tokio::test]
async fn a_whole_tree_takes_one_listing_for_each_of_its_folders() {
    for root in PLACES {
        let files: Vec<(String, String)> =
            (0..500).map(|n| (format!("src/part{}/f{n}.py", n % 4), format!("x = {n}\n"))).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let (workspace, code) = (FakeWorkspace::new(), SampleCode::of(&files));
        write(&workspace, &code, root).await;
        let stock = stocked(&workspace, &desired(&code, root)).await;
        assert_eq!(stock.unread, None);
        assert!(state(&stock, &code).is_whole(&BTreeSet::new()), "{:?}", state(&stock, &code));
        let asked = workspace.take_asked();
        // The folder, the tree, `src`, and the four below it.
        assert_eq!(asked.len(), 1 + 6, "{asked:#?}");
        assert!(
            asked
                .iter()
                .all(|line| line.starts_with("GET ") && (line.contains("/list?") || line.contains("/directories/")))
        );
    }
}

#[tokio::test]
async fn nothing_is_asked_where_there_can_be_no_code() {
    let workspace = FakeWorkspace::new();
    let folder = CodeFolder::new(None, "bau", "prod");
    let mut desired = World::of("").desired();
    desired.code.folder = folder.clone();
    assert_eq!(stocked(&workspace, &desired).await, CodeStock::default());
    assert_eq!(workspace.take_asked(), Vec::<String>::new());
    desired.project.code.keep = Some("3d".into());
    stocked(&workspace, &desired).await;
    assert_eq!(workspace.take_asked().len(), 1);
    desired.project.code.keep = None;
    let named = folder.file(&"a".repeat(32), "x.py");
    let spec = json!({ "name": "x", "tasks": [{ "task_key": "a", "x": [named.trim_start_matches("/Workspace")] }] });
    let kind = plumb_core::kinds::find("DatabricksJob").unwrap();
    let found = LiveObject::of(kind, Observed { id: "1".into(), spec, ..Observed::default() });
    let mut live = Live::default();
    live.kinds.entry(kind.name()).or_default().push(found);
    stock(&workspace.services(), &desired, &live, TODAY).await;
    assert_eq!(workspace.take_asked().len(), 1, "a live object names it");
}

#[tokio::test]
async fn what_is_not_as_it_was_is_told() {
    for root in PLACES {
        let (workspace, code) = (FakeWorkspace::new(), sample());
        write(&workspace, &code, root).await;
        let folder = code.code(root).folder;
        let path = |rest: &str| folder.file(&code.tree().hash, rest).trim_start_matches("/Workspace").to_owned();
        workspace.nodes.lock().unwrap().remove(&path("dist/app.whl"));
        workspace.put(&path("src/lib.py"), "FILE", "z = 4\n");
        workspace.put(&path("src/load.py"), "FILE", "longer than before\n");
        workspace.put(&path("src/json.py"), "FILE", "");
        workspace.put(&path("os"), "DIRECTORY", "");
        workspace.put(&path("os/deep.py"), "FILE", "");
        let stock = stocked(&workspace, &desired(&code, root)).await;
        let state = state(&stock, &code);
        let set = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(state.missing, set(&["dist/app.whl", "src/load.py"]), "{root:?}");
        assert_eq!(state.changed, set(&["src/lib.py"]), "{root:?}");
        assert_eq!(state.foreign, set(&["src/json.py", "os"]), "{root:?}");
        assert!(!state.is_whole(&BTreeSet::new()));
    }
}

#[tokio::test]
async fn what_python_keeps_for_itself_is_not_looked_at() {
    for root in PLACES {
        let (workspace, code) = (FakeWorkspace::new(), sample());
        write(&workspace, &code, root).await;
        let folder = code.code(root).folder;
        let path = |rest: &str| folder.file(&code.tree().hash, rest).trim_start_matches("/Workspace").to_owned();
        for (at, sort) in [
            ("__pycache__", "DIRECTORY"),
            ("src/__pycache__", "DIRECTORY"),
            ("src/__pycache__/load.cpython-311.pyc", "FILE"),
        ] {
            workspace.put(&path(at), sort, "made by a run");
        }
        let stock = stocked(&workspace, &desired(&code, root)).await;
        assert!(state(&stock, &code).is_whole(&BTreeSet::new()), "{root:?}: {:?}", state(&stock, &code));
        // A file of the name is none of Python's, nor is what stands elsewhere.
        workspace.nodes.lock().unwrap().remove(&path("__pycache__"));
        workspace.put(&path("__pycache__"), "FILE", "");
        workspace.put(&path("src/load.pyc"), "FILE", "");
        let stock = stocked(&workspace, &desired(&code, root)).await;
        let wanted = BTreeSet::from(["__pycache__".to_owned(), "src/load.pyc".to_owned()]);
        assert_eq!(state(&stock, &code).foreign, wanted, "{root:?}");
    }
}

#[tokio::test]
async fn a_file_where_a_notebook_belongs_is_missing() {
    let (workspace, code) = (FakeWorkspace::new(), SampleCode::usual());
    write(&workspace, &code, None).await;
    let folder = code.code(None).folder;
    let stock = stocked(&workspace, &desired(&code, None)).await;
    assert!(state(&stock, &code).is_whole(&BTreeSet::new()), "{stock:?}");
    let reader = BTreeSet::from([CodeReader::User("bo".into())]);
    assert!(!state(&stock, &code).is_whole(&reader), "it has no marker for that reader");
    let path = folder.file(&code.tree().hash, "nb/report");
    workspace.put(&path, "FILE", "");
    let stock = stocked(&workspace, &desired(&code, None)).await;
    assert_eq!(state(&stock, &code).missing, BTreeSet::from(["nb/report.py".to_owned()]));
    assert!(state(&stock, &code).foreign.is_empty());
}

#[tokio::test]
async fn what_a_listing_does_not_say_is_no_difference() {
    for root in PLACES {
        let (workspace, code) = (FakeWorkspace::new(), sample());
        write(&workspace, &code, root).await;
        workspace.goes_wrong(|_, _| {
            Some(Mishap::Answer(|page| {
                for member in ["objects", "contents"] {
                    for one in page[member].as_array_mut().into_iter().flatten() {
                        let path = one["path"].clone();
                        *one = json!({ "path": path, "modified_at": null, "last_modified": null, "size": null, "file_size": null });
                    }
                }
            }))
        });
        let stock = stocked(&workspace, &desired(&code, root)).await;
        assert!(state(&stock, &code).is_whole(&BTreeSet::new()), "{root:?}: {:?}", state(&stock, &code));
    }
}

#[tokio::test]
async fn what_is_refused_or_not_answered_is_not_absent() {
    for root in PLACES {
        let (workspace, code) = (FakeWorkspace::new(), sample());
        write(&workspace, &code, root).await;
        for (fault, is_unread) in [
            (not_found(), false),
            (foreign(404), true),
            (refused(403, "PERMISSION_DENIED"), true),
            (refused(500, ""), true),
            (lost(), true),
        ] {
            let (of_all, of_tree) = (fault.clone(), fault);
            workspace.goes_wrong(move |_, n| (n == 0).then(|| Mishap::Before(of_all.clone())));
            let stock = stocked(&workspace, &desired(&code, root)).await;
            assert_eq!((stock.unread.is_some(), stock.trees.len()), (is_unread, 0), "{of_tree}");
            workspace.goes_wrong(move |_, n| (n == 2).then(|| Mishap::Before(of_tree.clone())));
            let stock = stocked(&workspace, &desired(&code, root)).await;
            let state = state(&stock, &code);
            assert_eq!(state.unread.is_some(), is_unread, "{state:?}");
            assert!(is_unread || !state.missing.is_empty());
        }
    }
}

#[tokio::test]
async fn notes_say_since_when_and_runs_are_asked_only_when_a_tree_could_go() {
    let (workspace, code) = (FakeWorkspace::new(), sample());
    write(&workspace, &code, None).await;
    let (folder, hash) = (code.code(None).folder, code.tree().hash);
    let mut unnamed = desired(&code, None);
    unnamed.code.trees.clear();
    unnamed.project.code.keep = Some("30d".into());
    assert_eq!(stocked(&workspace, &unnamed).await.trees[&hash], StoredTree::default());
    for (day, is_asked) in [(date(2026, 11, 2), false), (date(2026, 11, 1), true)] {
        workspace.nodes.lock().unwrap().retain(|path, _| !path.contains(".unused-"));
        workspace.put(&folder.unused(&hash, date(2026, 1, 1)), "FILE", "");
        workspace.put(&folder.unused(&hash, day), "FILE", "");
        workspace.put(&folder.unused(&"b".repeat(32), day), "FILE", "");
        workspace.take_asked();
        let stock = stocked(&workspace, &unnamed).await;
        // A note that a pruning left behind is to go, too.
        assert_eq!(stock.trees[&"b".repeat(32)].unused_since, Some(day));
        assert_eq!(stock.trees[&hash].unused_since, Some(day));
        assert_eq!(stock.runs.is_some(), is_asked);
        assert_eq!(workspace.take_asked().iter().any(|line| line.contains("runs/list")), is_asked);
    }
    let path = folder.file(&hash, "src/load.py");
    let named = json!({ "runs": [{ "run_id": 1, "tasks": [{ "spark_python_task": { "python_file": path } }] }] });
    workspace.others.lock().unwrap().insert("runs/list", named);
    assert_eq!(stocked(&workspace, &unnamed).await.runs, Some(Ok(BTreeSet::from([hash.clone()]))));
    // A listing shows a part of a run with many tasks.
    let part = json!({ "runs": [{ "run_id": 1, "has_more": true, "tasks": [] }] });
    let rest = json!({ "run_id": 1, "tasks": [{ "spark_python_task": { "python_file": path } }] });
    workspace.others.lock().unwrap().extend([("runs/list", part), ("runs/get", rest)]);
    assert_eq!(stocked(&workspace, &unnamed).await.runs, Some(Ok(BTreeSet::from([hash.clone()]))));
    workspace.goes_wrong(|call, _| call.path.ends_with("runs/list").then(|| Mishap::Before(refused(500, ""))));
    assert!(matches!(stocked(&workspace, &unnamed).await.runs, Some(Err(_))));
    // A manifest names it again.
    workspace.nodes.lock().unwrap().retain(|path, _| !path.contains(&"b".repeat(32)));
    assert_eq!(stocked(&workspace, &desired(&code, None)).await.runs, None);
}

#[tokio::test]
async fn the_index_says_what_was_in_a_tree() {
    for root in PLACES {
        let (workspace, code) = (FakeWorkspace::new(), sample());
        let (folder, tree) = (code.code(root).folder, code.tree());
        let gone = index(&workspace.services(), &folder, &tree.hash).await;
        assert_eq!(gone, Err("it is not there, or not whole".to_owned()));
        write(&workspace, &code, root).await;
        let files = index(&workspace.services(), &folder, &tree.hash).await.unwrap();
        assert_eq!(files.len(), tree.files.len());
        assert_eq!(files["src/lib.py"], CodeSummary { hash: tree.files["src/lib.py"].hash.clone(), bytes: 6 });
        let marker = folder.file(&tree.hash, &CodeFolder::marker(&BTreeSet::new()));
        let marker = marker.trim_start_matches("/Workspace");
        for text in [
            "",
            "{}",
            "{\"format\":\"plumb.code/v2\",\"files\":{}}",
            "{\"format\":\"plumb.code/v1\",\"files\":{\"a\":1}}",
        ] {
            workspace.put(marker, "FILE", text);
            assert!(index(&workspace.services(), &folder, &tree.hash).await.is_err(), "{text}");
        }
    }
}
