//! Law 6: kill plumb, or lose an answer, before and after every single call: the next plan and apply converge, with no
//! duplicate, no orphan, and at most one write more.

use crate::fixtures::{self, Fixture};
use crate::trouble::{self, Trouble, Troubled};
use crate::world::{self, Files, World};
use plumb_core::kinds;
use plumb_core::manifest::Desired;
use plumb_model::call::{Call, Method, System};
use serde_json::{Value, json};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_create_survives() {
    each("create", chosen(fixtures::all()).map(|f| (f.clone(), f.name(), Files::new(), f.files()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_delete_survives() {
    each("delete", chosen(fixtures::all()).map(|f| (f.clone(), f.name(), f.files(), Files::new()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_update_and_replace_survives() {
    let kinds = kinds::objects().iter().map(|kind| chosen(fixtures::of(*kind)).collect::<Vec<_>>());
    let pairs: Vec<(Fixture, Fixture)> =
        kinds.flat_map(|f| f.clone().into_iter().zip(f.into_iter().cycle().skip(1)).collect::<Vec<_>>()).collect();
    let name = |a: &Fixture, b: &Fixture| format!("{} to {}", a.name(), b.case);
    each("update", pairs.iter().map(|(a, b)| (a.clone(), name(a, b), a.renamed("same"), b.renamed("same")))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_switch_of_a_dag_survives() {
    let minimal = fixtures::all().into_iter().find(|f| f.name() == "AirflowDag/minimal").unwrap();
    let mut documents = minimal.documents();
    documents[0]["spec"]["paused"] = json!(true);
    documents[0]["spec"]["description"] = json!("paused");
    let (on, off) = (minimal.files(), Files::from([("paused.yaml".to_owned(), fixtures::yaml(&documents))]));
    let cases = [("off", on.clone(), off.clone()), ("on", off, on)];
    each("switch", cases.into_iter().map(|(to, a, b)| (minimal.clone(), to.to_owned(), a, b))).await;
}

/// Of the DAGs only three: each of their changes is a dozen calls, of which most are the same whatever the DAG. They go
/// from one id to another, from running to paused, and from nothing to a run at once.
fn chosen(fixtures: Vec<Fixture>) -> impl Iterator<Item = Fixture> {
    let is_chosen = |f: &Fixture| {
        f.kind.name() != "AirflowDag" || ["continuous", "everything", "minimal"].contains(&f.case.as_str())
    };
    fixtures.into_iter().filter(is_chosen)
}

async fn each(what: &str, cases: impl Iterator<Item = (Fixture, String, Files, Files)>) {
    let cases = cases.map(|(fixture, name, before, after)| {
        let name = format!("{what} of {name}");
        (name.clone(), async move { survives(&fixture, name, before, after).await })
    });
    world::each(cases).await;
}

/// Goes through every call of the apply that leads from some manifests to others, and every way for it to go wrong.
async fn survives(fixture: &Fixture, what: String, before: Files, after: Files) {
    let world = Arc::new(fixture.world().await);
    world.settle(&world::load(&before), &what).await;
    let state = world.state().await;
    let desired = world::load(&after);

    world.forget_requests().await;
    let calm = Troubled::new(world.clone(), Trouble::None, usize::MAX);
    let outcome = trouble::apply(&world, &desired, calm.clone()).await.unwrap();
    world::assert_done(&outcome, &what);
    let writes = world.writes().await;
    let calls: Vec<Call> = calm.calls.lock().unwrap().clone();
    assert!(calls.iter().any(|c| c.method != Method::Get), "{what}: nothing was written");
    // What is done to a DAG is done by calls that may be sent again, and the next apply begins at the first of them. So it does
    // with the secrets of a scope: which of them were written only the mark says, which is written last.
    let begins_anew = ["AirflowDag", "DatabricksSecretScope"].contains(&fixture.kind.name());
    let most = if begins_anew { 2 * writes } else { writes + 1 };

    for (n, call) in calls.iter().enumerate() {
        for trouble in Trouble::of(call) {
            let what = format!("{what}, {trouble:?} at call {n}: {}", call.line());
            world.put_state(&state).await;
            world.forget_requests().await;
            let troubled = Troubled::new(world.clone(), *trouble, n);
            let outcome = trouble::apply(&world, &desired, troubled).await;
            let killed = matches!(trouble, Trouble::KilledBefore | Trouble::KilledAfter);
            assert_eq!(outcome.is_none(), killed, "{what}: plumb was not where it should have been killed");
            converges(&world, &desired, most, &what).await;
        }
    }
}

/// One plan and apply more, and all is as wanted: one object a resource, and nothing else.
async fn converges(world: &World, desired: &Desired, most_writes: usize, what: &str) {
    world.settle(desired, what).await;
    world.assert_settled(desired, what).await;
    world.assert_one_of_each(desired, what).await;
    let mut state = world.state().await;
    let live: usize = kinds::objects().iter().map(|kind| world::objects(&mut state, *kind).len()).sum();
    assert_eq!(live, desired.resources.len(), "{what}: objects are live that nobody wants");
    let requests = world.requests().await;
    // What is refused because a cluster is between two states was no write.
    let writes: Vec<String> = requests
        .iter()
        .filter(|r| r["method"] != "GET" && r["status"] != 400)
        .map(|r| format!("{} {}", r["path"], r["status"]))
        .collect();
    assert!(writes.len() <= most_writes, "{what}: {} writes, {most_writes} at most: {writes:#?}", writes.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_whose_answer_is_lost_is_found_although_listings_are_late() {
    // Airflow lists straight from its database, and a folder what is in it: neither is late.
    let cases = fixtures::all().into_iter().filter(|f| f.kind.system() == System::Databricks);
    let cases = cases.filter(|f| f.case == "minimal" || f.case == "realistic");
    world::each(cases.map(|fixture| (fixture.name(), late(fixture)))).await;
}

async fn late(fixture: Fixture) {
    let world = Arc::new(fixture.world().await);
    let desired = world::load(&fixture.files());
    let empty = world.state().await;
    let calm = Troubled::new(world.clone(), Trouble::None, usize::MAX);
    trouble::apply(&world, &desired, calm.clone()).await.unwrap();
    let calls: Vec<Call> = calm.calls.lock().unwrap().clone();
    for (n, call) in calls.iter().enumerate().filter(|(_, c)| c.creates.is_some()) {
        for trouble in [Trouble::FailsAfter, Trouble::BreaksAfter, Trouble::Truncates] {
            let what = format!("{}, {trouble:?} at {}, listings late", fixture.name(), call.line());
            world.put_state(&empty).await;
            // The apply looks four times; three of these looks come too early.
            world.settings(json!({ "list_delay_reads": 3 })).await;
            let outcome = trouble::apply(&world, &desired, Troubled::new(world.clone(), trouble, n)).await.unwrap();
            world::assert_done(&outcome, &what);
            arrive(&world).await;
            world.assert_settled(&desired, &what).await;
            world.assert_one_of_each(&desired, &what).await;
        }
    }
}

/// Lists until nothing is held back any more.
async fn arrive(world: &World) {
    let mut state = world.state().await;
    state["databricks"]["unlisted"] = json!({});
    state["settings"] = Value::Object(Default::default());
    world.put_state(&state).await;
}
