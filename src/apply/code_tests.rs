//! Uploads, retirements and prunings against a workspace and a volume in memory.

#![allow(clippy::unwrap_used)]

use super::super::{ApplyOptions, UnwatchedApply, apply};
use crate::plan_world::World;
use crate::services::code_store::fake::{FakeWorkspace, Mishap};
use crate::services::code_store::sample::SampleCode;
use crate::services::fake::{lost, not_sent, refused};
use plumb_core::code::{CODE, CodeAct, CodeFolder, CodeReader, CodeStep, CodeTree};
use plumb_core::plan::outcome::Ended;
use plumb_core::plan::{Action, Change};
use plumb_model::address::Address;
use plumb_model::call::{Call, Method, ServiceError};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const VOLUME: &str = "/Volumes/main/ops/plumb";
const PLACES: [Option<&str>; 3] = [None, Some("/Workspace/Users/ada/code"), Some(VOLUME)];

/// A place for code, and what is in the repository.
struct CodeStage {
    workspace: Arc<FakeWorkspace>,
    root: Option<&'static str>,
    code: SampleCode,
    readers: BTreeSet<CodeReader>,
}

impl CodeStage {
    fn at(root: Option<&'static str>) -> CodeStage {
        let (workspace, code, readers) = (FakeWorkspace::new(), SampleCode::usual(), BTreeSet::new());
        let held = json!({ "privilege_assignments": [{ "principal": "bo", "privileges": [{ "privilege": "ALL_PRIVILEGES" }] }] });
        workspace.others.lock().unwrap().insert("effective-permissions", held);
        CodeStage { workspace, root, code, readers }
    }

    fn folder(&self) -> CodeFolder {
        self.code.code(self.root).folder
    }

    fn tree(&self) -> CodeTree {
        // A volume keeps no notebooks.
        let mut code = self.code.clone();
        code.0.retain(|path, _| !(self.root == Some(VOLUME) && path.starts_with("nb/")));
        code.tree()
    }

    /// Where a file is, as the fake keeps it.
    fn path(&self, rest: &str) -> String {
        self.folder().file(&self.tree().hash, rest).trim_start_matches("/Workspace").to_owned()
    }

    fn files(&self) -> Vec<String> {
        let root = format!("{}/", self.folder().path().trim_start_matches("/Workspace"));
        let hash = self.tree().hash;
        let short = |path: String| path.trim_start_matches(&root).replace(&hash, "HASH");
        self.workspace.files().into_iter().map(short).collect()
    }

    /// All that is there when the tree is whole.
    fn whole(&self) -> Vec<String> {
        let marker = CodeFolder::marker(&self.readers);
        let tree = self.tree();
        let stored = tree.files.iter().map(|(path, file)| file.form.stored(path).to_owned());
        let mut files: Vec<String> = stored.chain([marker]).map(|path| format!("HASH/{path}")).collect();
        files.sort();
        files
    }

    async fn carry(&self, does: CodeAct) -> Ended {
        let world = World::of("");
        let mut desired = world.desired();
        desired.code = self.code.code(self.root);
        let mut decision = world.decision(&desired);
        let address = Address { kind: CODE.to_owned(), name: self.tree().hash[..12].to_owned() };
        let action = match &does {
            CodeAct::Upload { .. } => Action::Upload,
            CodeAct::Retire { .. } => Action::Retire,
            CodeAct::Prune => Action::Prune,
        };
        let code = Some(Box::new(CodeStep { hash: self.tree().hash, does }));
        decision.plan.changes = vec![Change { code, ..Change::new(address.clone(), action) }];
        let options =
            ApplyOptions { outage: Duration::ZERO, code: Some(Arc::new(self.code.clone())), ..ApplyOptions::default() };
        let (services, stop) = (self.workspace.services(), Arc::new(AtomicBool::new(false)));
        let outcome = apply(&services, &desired, &world.live, decision, options, &UnwatchedApply, stop).await;
        outcome.changes[&address].clone()
    }

    async fn upload(&self) -> Ended {
        let (tree, readers) = (Arc::new(self.tree()), self.readers.clone());
        self.carry(CodeAct::Upload { tree, readers }).await
    }

    async fn upload_all(&self) {
        let ended = self.upload().await;
        assert!(ended.is_done(), "{:?}: {ended:?}", self.root);
        self.workspace.take_asked();
    }

    /// The writes since the last time, each by its method and the file that it names.
    fn writes(&self) -> Vec<String> {
        let writes = self.workspace.take_asked();
        writes.into_iter().filter(|line| !line.starts_with("GET ")).collect()
    }
}

fn why(ended: &Ended) -> String {
    match ended {
        Ended::Failed { why, .. } | Ended::Unknown { why, .. } => why.clone(),
        other => panic!("it did not fail: {other:?}"),
    }
}

#[tokio::test]
async fn a_tree_is_written_whole_and_its_marker_last() {
    for root in PLACES {
        let stage = CodeStage::at(root);
        stage.upload_all().await;
        assert_eq!(stage.files(), stage.whole(), "{root:?}");
        let nodes = stage.workspace.nodes.lock().unwrap();
        let marker = nodes[&stage.path(&CodeFolder::marker(&stage.readers))].clone();
        for path in stage.tree().files.values().map(|file| stage.path(file.form.stored(&file.place))) {
            assert!(nodes[&path].modified < marker.modified, "{path}");
        }
        let index: serde_json::Value = serde_json::from_slice(&marker.bytes).unwrap();
        assert_eq!((&index["format"], &index["hash"]), (&json!("plumb.code/v1"), &json!(stage.tree().hash)));
        assert_eq!(index["files"]["src/lib.py"]["bytes"], 6);
    }
}

#[tokio::test]
async fn a_whole_tree_is_not_written_again() {
    for root in PLACES {
        let stage = CodeStage::at(root);
        stage.upload_all().await;
        assert!(stage.upload().await.is_done());
        let writes = stage.writes();
        assert_eq!(writes.len(), 1, "only the marker: {writes:#?}");
        assert!(writes[0].contains(".plumb-"), "{writes:#?}");
    }
}

#[tokio::test]
async fn only_what_is_damaged_is_written_and_what_is_foreign_goes() {
    for root in PLACES {
        let stage = CodeStage::at(root);
        stage.upload_all().await;
        stage.workspace.nodes.lock().unwrap().remove(&stage.path("src/lib.py"));
        stage.workspace.put(&stage.path("src/load.py"), "FILE", "import los\n");
        stage.workspace.put(&stage.path("src/json.py"), "FILE", "raise\n");
        stage.workspace.put(&stage.path("json"), "DIRECTORY", "");
        stage.workspace.put(&stage.path("json/__init__.py"), "FILE", "raise\n");
        stage.workspace.put(&stage.path("src/__pycache__"), "DIRECTORY", "");
        assert!(stage.upload().await.is_done());
        assert_eq!(stage.files(), stage.whole(), "{root:?}");
        let writes = stage.writes();
        let named = |name: &str| writes.iter().filter(|line| line.contains(name)).count();
        assert_eq!((named("app.whl"), named("report")), (0, 0), "{writes:#?}");
        let nodes = stage.workspace.nodes.lock().unwrap();
        assert_eq!(nodes[&stage.path("src/load.py")].bytes, "import lib\n");
        assert!(nodes.contains_key(&stage.path("src/__pycache__")), "a run may be reading it");
        assert!(!nodes.contains_key(&stage.path("json")), "{root:?}");
    }
}

#[tokio::test]
async fn what_has_no_marker_is_read_before_it_is_believed() {
    for root in PLACES {
        let stage = CodeStage::at(root);
        stage.upload_all().await;
        let marker = stage.path(&CodeFolder::marker(&stage.readers));
        stage.workspace.nodes.lock().unwrap().remove(&marker);
        // Of the same size, and older than anything that could tell.
        stage.workspace.put(&stage.path("src/lib.py"), "FILE", "z = 4\n");
        assert!(stage.upload().await.is_done());
        let asked = stage.writes();
        let written: Vec<&String> =
            asked.iter().filter(|line| line.contains("lib.py") || line.contains("load.py")).collect();
        assert_eq!(written.len(), 1, "{asked:#?}");
        assert_eq!(stage.workspace.nodes.lock().unwrap()[&stage.path("src/lib.py")].bytes, "z = 3\n");
        assert_eq!(stage.files(), stage.whole());
    }
}

#[tokio::test]
async fn a_folder_or_a_notebook_in_the_way_makes_room() {
    let stage = CodeStage::at(None);
    stage.upload_all().await;
    {
        let mut nodes = stage.workspace.nodes.lock().unwrap();
        nodes.remove(&stage.path("src/lib.py"));
        nodes.remove(&stage.path("nb/report"));
    }
    stage.workspace.put(&stage.path("src/lib.py"), "DIRECTORY", "");
    stage.workspace.put(&stage.path("src/lib.py/x"), "FILE", "");
    stage.workspace.put(&stage.path("nb/report"), "FILE", "");
    assert!(stage.upload().await.is_done());
    assert_eq!(stage.files(), stage.whole());
    assert_eq!(stage.workspace.nodes.lock().unwrap()[&stage.path("nb/report")].sort, "NOTEBOOK");
}

#[tokio::test]
async fn a_file_that_changed_since_the_plan_is_not_uploaded() {
    let mut stage = CodeStage::at(None);
    let tree = Arc::new(stage.tree());
    stage.code.0.insert("src/lib.py".into(), b"z = 5\n".to_vec());
    let ended = stage.carry(CodeAct::Upload { tree, readers: BTreeSet::new() }).await;
    let Ended::Stale { differences, sent } = ended else { panic!("{ended:?}") };
    assert_eq!(differences, ["src/lib.py is no longer what was planned"]);
    assert!(sent.last().unwrap().starts_with("wrote "), "what was written is said: {sent:?}");
    assert!(!stage.workspace.files().iter().any(|path| path.contains("/.plumb-")), "{:?}", stage.workspace.files());
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    for root in PLACES {
        let stage = CodeStage::at(root);
        // The service accepts the file and keeps another.
        let workspace = Arc::downgrade(&stage.workspace);
        let victim = stage.path("src/load.py");
        stage.workspace.goes_wrong(move |call, _| {
            if call.method == Method::Get && call.line().contains("load.py") && !call.path.ends_with("list") {
                workspace.upgrade().unwrap().put(&victim, "FILE", "import los\n");
            }
            None
        });
        let ended = stage.upload().await;
        assert!(why(&ended).contains("load.py was written and accepted"), "{ended:?}");
        assert!(!stage.workspace.files().iter().any(|path| path.contains("/.plumb-")));
    }
}

/// The refusal to give a file back that has so many bytes.
fn too_large(bytes: usize) -> ServiceError {
    let mut fault = refused(400, "BAD_REQUEST");
    if let ServiceError::Refused { message, .. } = &mut fault {
        *message = format!("File size imported is ({bytes} bytes), exceeded max size (10485760 bytes)");
    }
    fault
}

#[tokio::test]
async fn what_is_too_large_to_be_read_back_is_told_by_its_size() {
    let is_read = |call: &Call| call.path.ends_with("export") && call.line().contains("app.whl");
    let size = SampleCode::usual().0["dist/app.whl"].len();
    let stage = CodeStage::at(None);
    stage.workspace.goes_wrong(move |call, _| is_read(call).then(|| Mishap::Before(too_large(size))));
    let ended = stage.upload().await;
    let Ended::Done { unverified: Some(said), .. } = &ended else { panic!("{ended:?}") };
    assert!(said.contains("dist/app.whl was accepted, and cannot be read back"), "{said}");
    assert_eq!(stage.files(), stage.whole());
    // What has no marker is not believed, and written anew.
    let marker = stage.path(&CodeFolder::marker(&stage.readers));
    stage.workspace.nodes.lock().unwrap().remove(&marker);
    stage.writes();
    assert!(stage.upload().await.is_done());
    assert!(stage.writes().iter().any(|line| line.contains("app.whl")));
    // Of another size it is something else, and without an answer to the write nothing is known of it.
    let stage = CodeStage::at(None);
    stage.workspace.goes_wrong(move |call, _| is_read(call).then(|| Mishap::Before(too_large(size + 1))));
    let ended = stage.upload().await;
    assert!(why(&ended).contains("app.whl was written and accepted, and what can be read there is something else"));
    let stage = CodeStage::at(None);
    stage.workspace.goes_wrong(move |call, _| {
        let is_write = call.path.contains("import-file") && call.line().contains("app.whl");
        let write = is_write.then(|| Mishap::After(lost()));
        write.or(is_read(call).then(|| Mishap::Before(too_large(size))))
    });
    let ended = stage.upload().await;
    assert!(matches!(ended, Ended::Unknown { .. }), "{ended:?}");
    assert!(!stage.workspace.files().iter().any(|path| path.contains("/.plumb-")));
}

#[tokio::test]
async fn a_notebook_that_comes_back_with_another_end_is_the_same() {
    let stage = CodeStage::at(None);
    let workspace = Arc::downgrade(&stage.workspace);
    let victim = stage.path("nb/report");
    stage.workspace.goes_wrong(move |call, _| {
        if call.path.ends_with("export") && call.line().contains("report") {
            let text = "# Databricks notebook source\r\nx = 1\r\n\r\n# COMMAND ----------\r\n\r\ny = 2";
            workspace.upgrade().unwrap().put(&victim, "NOTEBOOK", text);
        }
        None
    });
    let ended = stage.upload().await;
    assert!(ended.is_done(), "{ended:?}");
}

#[tokio::test]
async fn an_answer_that_is_lost_after_a_write_is_no_failure() {
    for root in PLACES {
        for fault in [lost(), refused(500, "INTERNAL_ERROR"), refused(503, "")] {
            let stage = CodeStage::at(root);
            stage.workspace.goes_wrong(move |call, _| {
                let is_write =
                    call.path.contains("import-file") || (call.method == Method::Put && call.path.contains("/files/"));
                is_write.then(|| Mishap::After(fault.clone()))
            });
            let ended = stage.upload().await;
            assert!(ended.is_done(), "{ended:?}");
            assert_eq!(stage.files(), stage.whole());
        }
    }
}

#[tokio::test]
async fn whatever_call_fails_the_next_upload_ends_whole() {
    for root in PLACES {
        let mut calm = CodeStage::at(root);
        calm.readers.insert(CodeReader::User("bo".into()));
        calm.upload_all().await;
        let calls = {
            calm.workspace.goes_wrong(|_, _| None);
            CodeStage { workspace: FakeWorkspace::new(), ..calm }
        };
        calls.upload().await;
        let count = calls.workspace.take_asked().len();
        for number in 0..count {
            for fault in [not_sent(), refused(500, ""), refused(403, "PERMISSION_DENIED")] {
                for is_after in [false, true] {
                    let mut stage = CodeStage::at(root);
                    stage.readers.insert(CodeReader::User("bo".into()));
                    let fault = fault.clone();
                    stage.workspace.goes_wrong(move |_, n| {
                        let mishap = if is_after { Mishap::After } else { Mishap::Before };
                        (n == number).then(|| mishap(fault.clone()))
                    });
                    let first = stage.upload().await;
                    let has_marker = stage.files().iter().any(|path| path.contains("/.plumb-"));
                    assert!(!has_marker || stage.files() == stage.whole(), "call {number}: {:?}", stage.files());
                    stage.workspace.goes_wrong(|_, _| None);
                    let second = stage.upload().await;
                    assert!(second.is_done(), "call {number}: {first:?}, then {second:?}");
                    assert_eq!(stage.files(), stage.whole());
                }
            }
        }
    }
}

#[tokio::test]
async fn readers_are_granted_before_the_marker_says_so() {
    for (root, wanted) in [
        (None, None),
        (Some("/Workspace/Users/ada/code"), Some("PATCH /api/2.0/permissions/directories/7")),
        (Some(VOLUME), Some("PATCH /api/2.1/unity-catalog/permissions/volume/main.ops.plumb")),
    ] {
        let mut stage = CodeStage::at(root);
        stage.workspace.others.lock().unwrap().clear();
        stage.readers.extend([CodeReader::User("bo".into()), CodeReader::ServicePrincipal("0-1".into())]);
        let ended = stage.upload().await;
        assert!(ended.is_done(), "{ended:?}");
        let writes = stage.writes();
        let granted = writes.iter().position(|line| line.starts_with("PATCH"));
        assert_eq!(granted.map(|at| writes[at].as_str()), wanted, "{writes:#?}");
        assert!(granted.is_none_or(|at| at + 2 == writes.len()), "only the marker comes after it: {writes:#?}");
        let Ended::Done { unverified, .. } = ended else { unreachable!() };
        let said = unverified.unwrap_or_default();
        assert_eq!(said.contains("bo may lack USE_CATALOG on the catalog main"), root == Some(VOLUME), "{said}");
    }
}

#[tokio::test]
async fn whoever_applies_is_not_made_a_reader_and_who_can_read_a_volume_is_not_granted_it() {
    for root in PLACES {
        let mut stage = CodeStage::at(root);
        let name = if root == Some(VOLUME) { "bo" } else { "ada" };
        stage.readers.insert(CodeReader::User(name.into()));
        assert!(stage.upload().await.is_done());
        assert!(!stage.writes().iter().any(|line| line.starts_with("PATCH")), "{root:?}");
    }
}

#[tokio::test]
async fn a_missing_right_is_told_with_who_and_where() {
    for (root, wanted) in [
        (None, "ada needs CAN EDIT on /Workspace/Shared/.plumb/bau/prod/code"),
        (Some(VOLUME), "ada needs WRITE VOLUME on the volume main.ops.plumb"),
    ] {
        let stage = CodeStage::at(root);
        stage.workspace.goes_wrong(|call: &Call, _| {
            let is_write = call.method != Method::Get;
            is_write.then(|| Mishap::Before(refused(403, "PERMISSION_DENIED")))
        });
        let ended = stage.upload().await;
        assert!(matches!(ended, Ended::Failed { .. }) && why(&ended).contains(wanted), "{ended:?}");
    }
}

#[tokio::test]
async fn a_tree_that_comes_back_into_use_loses_its_note_first() {
    for root in PLACES {
        let stage = CodeStage::at(root);
        stage.upload_all().await;
        let day = jiff::civil::date(2026, 11, 1);
        assert!(stage.carry(CodeAct::Retire { day }).await.is_done());
        assert!(stage.files().contains(&"HASH.unused-2026-11-01".to_owned()), "{:?}", stage.files());
        stage.workspace.take_asked();
        assert!(stage.upload().await.is_done());
        let writes = stage.writes();
        assert_eq!(stage.files(), stage.whole());
        assert_eq!(writes.len(), 2, "the note and the marker: {writes:#?}");
    }
}

fn notes(stage: &CodeStage) {
    let note = stage.folder().unused(&stage.tree().hash, jiff::civil::date(2026, 10, 1));
    stage.workspace.put(&note, "FILE", "");
}

#[tokio::test]
async fn a_pruned_tree_goes_with_its_notes_and_its_marker_first() {
    for root in PLACES {
        let stage = CodeStage::at(root);
        stage.upload_all().await;
        notes(&stage);
        let ended = stage.carry(CodeAct::Prune).await;
        assert!(ended.is_done(), "{ended:?}");
        assert!(stage.writes()[0].contains("/.plumb-"), "the marker goes first, by itself");
        assert_eq!(stage.files(), Vec::<String>::new(), "{root:?}");
        assert!(!stage.workspace.nodes.lock().unwrap().keys().any(|path| path.contains(&stage.tree().hash)));
        // Once more: gone is done.
        assert!(stage.carry(CodeAct::Prune).await.is_done());
    }
}

#[tokio::test]
async fn whatever_call_of_a_pruning_fails_nothing_half_is_taken_for_whole() {
    for root in PLACES {
        let stage = CodeStage::at(root);
        stage.upload_all().await;
        notes(&stage);
        stage.carry(CodeAct::Prune).await;
        let count = stage.workspace.take_asked().len();
        for number in 0..count {
            let stage = CodeStage::at(root);
            stage.upload_all().await;
            notes(&stage);
            stage.workspace.goes_wrong(move |_, n| (n == number).then(|| Mishap::Before(refused(500, ""))));
            let ended = stage.carry(CodeAct::Prune).await;
            assert!(!ended.is_done(), "call {number}");
            let mut all = stage.whole();
            all.push("HASH.unused-2026-10-01".into());
            all.sort();
            let has_marker = stage.files().iter().any(|path| path.contains("/.plumb-"));
            assert!(!has_marker || stage.files() == all, "call {number}: {:?}", stage.files());
            stage.workspace.goes_wrong(|_, _| None);
            assert!(stage.carry(CodeAct::Prune).await.is_done(), "call {number}");
            assert_eq!(stage.files(), Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn what_is_used_again_is_not_pruned() {
    let hash = CodeStage::at(None).tree().hash;
    let path = CodeStage::at(None).folder().file(&hash, "src/load.py");
    let task = json!({ "task_key": "a", "spark_python_task": { "python_file": path } });
    let jobs = json!({ "jobs": [{ "job_id": 1, "settings": { "name": "x", "tasks": [task] } }] });
    let runs = json!({ "runs": [{ "run_id": 1, "tasks": [task] }] });
    let cases = [
        ("its note is gone", None, None, false),
        ("a live object names it", Some(("jobs/list", jobs)), None, true),
        ("an active run names it", None, Some(("runs/list", runs)), true),
    ];
    for (what, jobs, runs, is_noted) in cases {
        let stage = CodeStage::at(None);
        stage.upload_all().await;
        if is_noted {
            notes(&stage);
        }
        stage.workspace.others.lock().unwrap().extend(jobs.into_iter().chain(runs));
        let ended = stage.carry(CodeAct::Prune).await;
        let Ended::Stale { differences, .. } = &ended else { panic!("{what}: {ended:?}") };
        assert_eq!(differences.len(), 1);
        assert!(stage.writes().is_empty(), "{what}");
    }
    // What cannot be read may name it.
    for failing in ["jobs/list", "runs/list", "clusters/list"] {
        let stage = CodeStage::at(None);
        stage.upload_all().await;
        notes(&stage);
        let fails = move |call: &Call, _| call.path.ends_with(failing).then(|| Mishap::Before(refused(403, "X")));
        stage.workspace.goes_wrong(fails);
        let ended = stage.carry(CodeAct::Prune).await;
        assert!(why(&ended).contains("nothing was deleted"), "{failing}: {ended:?}");
        assert!(stage.writes().is_empty(), "{failing}");
    }
}

#[tokio::test]
async fn an_upload_without_the_files_at_hand_says_so() {
    let told: Mutex<Vec<String>> = Mutex::default();
    let mut stage = CodeStage::at(None);
    let tree = Arc::new(stage.tree());
    stage.code.0.remove("src/lib.py");
    let ended = stage.carry(CodeAct::Upload { tree, readers: BTreeSet::new() }).await;
    told.lock().unwrap().push(why(&ended));
    assert!(told.lock().unwrap()[0].contains("src/lib.py: it cannot be read: there is no src/lib.py"), "{ended:?}");
}
