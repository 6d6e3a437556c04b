//! Code with its job: an upload, a change or a pruning is killed, or loses an answer, before and after every single call. No
//! job ever points at code that is not whole, and the next apply ends whole, after which there is nothing left to do.

use crate::trouble::{Trouble, Troubled};
use crate::world::{self, Files, World};
use plumb::apply::{self, ApplyOptions, UnwatchedApply};
use plumb::services::Services;
use plumb_core::code::CodeBytes;
use plumb_core::code::CodeReading;
use plumb_core::kinds;
use plumb_core::manifest::{self, Desired, InMemory, ManifestSource, Request};
use plumb_core::plan::outcome::ApplyOutcome;
use plumb_core::plan::{Action, Baselines, Decision, Live};
use plumb_core::render;
use plumb_model::call::{Call, System};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const VOLUME: &str = "/Volumes/main/ops/plumb";
/// The day of the world's clock, and one on which what fell out of use on it may go.
const DAYS: [i64; 2] = [0, 40];

/// A repository.
#[derive(Clone, Debug)]
struct Repository(BTreeMap<String, Vec<u8>>);

impl CodeBytes for Repository {
    fn bytes(&self, place: &str) -> Result<Vec<u8>, String> {
        let source = InMemory(self.0.clone());
        let mut reading: Box<dyn CodeReading + '_> = source.open_code(place)?;
        let mut bytes = Vec::new();
        reading.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    }
}

/// The job and its code, in this version; on a volume without the notebook.
fn repository(root: &str, version: usize) -> Repository {
    let mut tasks = vec![
        json!({ "task_key": "load", "environment_key": "e", "spark_python_task": { "python_file": "../src/load.py" } }),
    ];
    let mut files = Files::from([
        ("src/load.py".to_owned(), "import parts\n".to_owned()),
        ("src/parts.py".to_owned(), format!("x = {version}\n")),
    ]);
    if root != VOLUME {
        tasks.push(json!({ "task_key": "report", "notebook_task": { "notebook_path": "../nb/report.py" } }));
        let text = format!("# Databricks notebook source\nx = {version}\n\n# COMMAND ----------\n\ny = 2\n");
        files.insert("nb/report.py".into(), text);
    }
    let job = json!({
        "apiVersion": "plumb/v1", "kind": "DatabricksJob",
        "metadata": { "name": "load", "code": ["../src"] },
        "spec": {
            "name": "load", "tasks": tasks,
            "environments": [{ "environment_key": "e", "spec": { "environment_version": "3" } }],
        },
    });
    let project = json!({
        "apiVersion": "plumb/v1", "kind": "Project", "metadata": { "name": world::PROJECT },
        "spec": {
            "manifests": ["manifests"],
            "targets": { world::TARGET: { "default": true, "databricks": { "host": "https://x", "code": root } } },
        },
    });
    files.insert("manifests/load.yaml".into(), job.to_string());
    files.insert("plumb.yaml".into(), project.to_string());
    Repository(files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect())
}

fn load(repository: &Repository) -> Desired {
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: Some("laws".into()) };
    manifest::load(&InMemory(repository.0.clone()), &request, kinds::all()).unwrap_or_else(|failure| {
        panic!("{}", render::problems(&failure.files, &failure.problems, render::Style::default()))
    })
}

fn on(day: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_714_521_600 + day * 86_400).unwrap()
}

/// Reads what is live, code included, and decides.
async fn plan(world: &World, desired: &Desired, day: i64) -> (Live, Decision) {
    let services = world.services();
    let mut live = world.observe(&services, desired).await.unwrap();
    let today = on(day).to_zoned(jiff::tz::TimeZone::UTC).date();
    live.code = plumb::observe::code::stock(&services, desired, &live, today).await;
    let decision = world::decision_at(desired, &live, &Baselines::new(), on(day), ("", false));
    (live, decision)
}

async fn carry_out(
    services: &Services,
    repository: &Repository,
    desired: &Desired,
    live: &Live,
    decision: Decision,
) -> ApplyOutcome {
    let options = ApplyOptions { code: Some(Arc::new(repository.clone())), ..world::options() };
    let stop = Arc::new(AtomicBool::new(false));
    apply::apply(services, desired, live, decision, options, &UnwatchedApply, stop).await
}

/// Plans and applies in peace: what was done.
async fn settle(world: &World, repository: &Repository, day: i64, what: &str) -> Vec<Action> {
    let desired = load(repository);
    let (live, decision) = plan(world, &desired, day).await;
    assert!(world::blocked(&decision.plan).is_empty(), "{what}: blocked\n{}", world::text(&decision.plan));
    let actions = decision.plan.changes.iter().map(|change| change.action).collect();
    let outcome = carry_out(&world.services(), repository, &desired, &live, decision).await;
    world::assert_done(&outcome, what);
    actions
}

async fn assert_settled(world: &World, repository: &Repository, day: i64, what: &str) {
    let (_, decision) = plan(world, &load(repository), day).await;
    assert!(decision.plan.is_empty(), "{what}: there is something left to do\n{}", world::text(&decision.plan));
}

/// Fails unless the code is whole that the job names, whichever of these it is.
async fn assert_whole(world: &World, repositories: &[&Repository], what: &str) {
    for repository in repositories {
        let desired = load(repository);
        let (live, _) = plan(world, &desired, 0).await;
        for (hash, tree) in &desired.code.trees {
            let mut specs = live.of("DatabricksJob").iter().map(|found| found.seen.spec().to_string());
            if specs.any(|spec| spec.contains(hash.as_str())) {
                let state = live.code.trees.get(hash).and_then(|tree| tree.state.as_ref());
                let readers = desired.code.readers(&tree.hash);
                assert!(state.is_some_and(|state| state.is_whole(&readers)), "{what}: {hash}: {state:?}");
            }
        }
    }
}

/// Goes through every call of the apply that leads from one version to another, and every way for it to go wrong.
async fn survives(root: &'static str, name: &'static str, before: Option<usize>, after: usize, days: [i64; 2]) {
    let world = Arc::new(World::of(System::Databricks).await);
    let after = repository(root, after);
    let before = before.map(|version| repository(root, version));
    if let Some(before) = &before {
        settle(&world, before, 0, name).await;
    }
    if days[0] != days[1] {
        // What the other version leaves is there, and noted.
        settle(&world, &after, days[0], name).await;
    }
    let state = world.state().await;
    let desired = load(&after);
    let in_trouble = async |trouble: Trouble, n: usize| -> (Option<ApplyOutcome>, Vec<Call>) {
        let (live, decision) = plan(&world, &desired, days[1]).await;
        let troubled = Troubled::new(world.clone(), trouble, n);
        let services = world.through(troubled.clone());
        let outcome = tokio::select! {
            outcome = carry_out(&services, &after, &desired, &live, decision) => Some(outcome),
            () = troubled.was_killed() => None,
        };
        world.control("DELETE", "faults", Value::Null).await;
        let calls = troubled.calls.lock().unwrap().clone();
        (outcome, calls)
    };
    let (outcome, calls) = in_trouble(Trouble::None, usize::MAX).await;
    world::assert_done(&outcome.unwrap(), name);
    let calm = world.state().await;
    assert_settled(&world, &after, days[1], name).await;
    for (n, call) in calls.iter().enumerate() {
        for trouble in Trouble::of(call) {
            let what = format!("{name} at {root}, {trouble:?} at call {n}: {}", call.line());
            world.put_state(&state).await;
            in_trouble(*trouble, n).await;
            let all: Vec<&Repository> = before.iter().chain([&after]).collect();
            assert_whole(&world, &all, &what).await;
            settle(&world, &after, days[1], &what).await;
            assert_settled(&world, &after, days[1], &what).await;
            let now = world.state().await;
            for part in ["workspace", "volumes"] {
                assert_eq!(paths(&now, part), paths(&calm, part), "{what}");
            }
            assert_eq!(now["databricks"]["jobs"].as_object().unwrap().len(), 1, "{what}");
        }
    }
}

/// What the sandbox keeps there, by path.
fn paths(state: &Value, part: &str) -> Vec<String> {
    let kept = &state["databricks"][part];
    let kept = kept.as_object().or_else(|| kept.as_object()?.values().next()?.as_object());
    kept.into_iter().flatten().map(|(path, _)| path.clone()).collect()
}

const ROOTS: [&str; 2] = ["/Workspace/Shared", VOLUME];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_survives() {
    world::each(ROOTS.map(|root| (root.to_owned(), survives(root, "upload", None, 1, [0, 0])))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_code_survives() {
    world::each(ROOTS.map(|root| (root.to_owned(), survives(root, "change", Some(1), 2, [0, 0])))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pruning_survives() {
    world::each(ROOTS.map(|root| (root.to_owned(), survives(root, "pruning", Some(1), 2, DAYS)))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_goes_forward_and_back_and_away() {
    for root in ROOTS {
        let world = World::of(System::Databricks).await;
        let (one, two) = (repository(root, 1), repository(root, 2));
        assert_eq!(settle(&world, &one, 0, "first").await, [Action::Upload, Action::Create]);
        assert_settled(&world, &one, 0, "first").await;
        let mut forward = settle(&world, &two, 0, "forward").await;
        forward.sort_by_key(|action| format!("{action:?}"));
        assert_eq!(forward, [Action::Retire, Action::Update, Action::Upload]);
        assert_settled(&world, &two, 29, "kept").await;
        let back = settle(&world, &one, 29, "back").await;
        assert!(back.contains(&Action::Upload) && back.contains(&Action::Update), "{back:?}");
        assert_settled(&world, &one, 29, "back").await;
        // The second fell out of use on the 29th day.
        assert_settled(&world, &one, 58, "kept").await;
        assert_eq!(settle(&world, &one, 59, "pruned").await, [Action::Prune]);
        assert_settled(&world, &one, 59, "pruned").await;
        assert_whole(&world, &[&one], "pruned").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_did_to_code_is_healed() {
    let world = World::of(System::Databricks).await;
    let one = repository("/Workspace/Shared", 1);
    settle(&world, &one, 0, "first").await;
    let hash = load(&one).code.trees.into_keys().next().unwrap();
    let base = format!("/Workspace/Shared/.plumb/{}/{}/code/{hash}", world::PROJECT, world::TARGET);
    let delete = |path: String, recursive: bool| {
        let body = json!({ "path": path, "recursive": recursive });
        Call::set(System::Databricks, plumb_model::call::Method::Post, "/api/2.0/workspace/delete", body)
    };
    for path in ["src/parts.py", "nb/report", "nb", ""] {
        world.person(delete(format!("{base}/{path}").trim_end_matches('/').to_owned(), true)).await;
        assert_eq!(settle(&world, &one, 0, path).await, [Action::Upload], "{path}");
        assert_settled(&world, &one, 0, path).await;
    }
}
