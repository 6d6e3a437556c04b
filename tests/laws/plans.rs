//! Laws 1 to 3: apply, then plan is empty; the same input gives the same bytes; order means nothing.

use crate::fixtures::{self, Fixture};
use crate::shuffle::{self, Shuffled};
use crate::world::{self, Files, World};
use plumb_core::kinds::{self, Kind};
use plumb_core::plan::Plan;
use plumb_model::call::System;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_apply_there_is_nothing_to_do() {
    let alone = fixtures::all().into_iter().map(|f| (f.name(), Some(f.kind.system()), f.files()));
    let cases = alone.chain([("all fixtures together".to_owned(), None, fixtures::together())]);
    world::each(cases.map(|(name, system, files)| {
        let what = name.clone();
        (name, async move {
            let world = match system {
                Some(system) => World::of(system).await,
                None => World::new().await,
            };
            settles(Arc::new(world), files, what).await;
        })
    }))
    .await;
}

/// Law 1: apply, then plan is empty, also to somebody who reads everything anew; and a second apply writes nothing.
async fn settles(world: Arc<World>, files: Files, what: String) {
    let desired = world::load(&files);
    let plan = world.settle(&desired, &what).await;
    assert_eq!(plan.counts().create, desired.resources.len(), "{what}: not everything was created");
    world.assert_settled(&desired, &what).await;
    world.forget_requests().await;
    world.settle(&world::load(&files), &what).await;
    world.assert_settled(&world::load(&files), &what).await;
    assert_eq!(world.writes().await, 0, "{what}: a second apply wrote something");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_from_a_fixture_to_its_neighbours_settles() {
    let kinds = kinds::objects().iter().map(|kind| fixtures::of(*kind));
    let pairs: Vec<(Fixture, Fixture)> = kinds.flat_map(|fixtures| neighbours(&fixtures)).collect();
    world::each(pairs.into_iter().map(|(before, after)| {
        let what = format!("{} to {}", before.name(), after.case);
        (what.clone(), async move { updates(before.world().await, before, after, what).await })
    }))
    .await;
}

async fn updates(world: World, before: Fixture, after: Fixture, what: String) {
    world.settle(&world::load(&before.renamed("same")), &what).await;
    let desired = world::load(&after.renamed("same"));
    world.settle(&desired, &what).await;
    world.assert_settled(&desired, &what).await;
    world.assert_one_of_each(&desired, &what).await;
}

/// What an Airflow 2 can have: it makes a pool without a limit, and cannot list its pools any more.
fn of_airflow_2() -> Vec<Fixture> {
    let airflow = fixtures::all().into_iter().filter(|f| f.kind.system() == System::Airflow);
    airflow.filter(|f| f.name() != "AirflowPool/unlimited").collect()
}

/// All that an Airflow 2 can have, in one project.
pub fn together_of_airflow_2() -> Files {
    fixtures::compatible(of_airflow_2()).iter().flat_map(Fixture::files).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn airflow_2_settles_too_and_a_delete_leaves_nothing() {
    let together = together_of_airflow_2();
    let alone = of_airflow_2().into_iter().map(|fixture| (fixture.name(), fixture.files()));
    let cases = alone.chain([("all fixtures together".to_owned(), together)]);
    world::each(cases.map(|(name, files)| {
        let what = name.clone();
        (name, async move {
            let world = Arc::new(World::airflow_2().await);
            settles(world.clone(), files, what.clone()).await;
            let nothing = world::load(&Files::new());
            world.settle(&nothing, &what).await;
            world.assert_settled(&nothing, &what).await;
            world.assert_one_of_each(&nothing, &what).await;
            assert!(world.files().is_empty(), "{what}: {:?} is left", world.files());
        })
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn airflow_2_settles_after_an_update_from_a_fixture_to_its_neighbours() {
    let kinds = world::kinds_of(System::Airflow).into_iter();
    let of = |kind: &dyn Kind| of_airflow_2().into_iter().filter(|f| f.kind.name() == kind.name()).collect();
    let pairs = kinds.flat_map(|kind| neighbours(&of(kind) as &Vec<Fixture>));
    world::each(pairs.map(|(before, after)| {
        let what = format!("{} to {}", before.name(), after.case);
        (what.clone(), async move { updates(World::airflow_2().await, before, after, what).await })
    }))
    .await;
}

/// Each fixture and the next, and back again.
pub fn neighbours(fixtures: &[Fixture]) -> Vec<(Fixture, Fixture)> {
    let next = fixtures.iter().cycle().skip(1);
    fixtures.iter().zip(next).flat_map(|(a, b)| [(a.clone(), b.clone()), (b.clone(), a.clone())]).collect()
}

#[tokio::test]
async fn the_same_input_gives_the_same_bytes() {
    let world = World::new().await;
    for stage in stages(&world).await {
        world.put_state(&stage.state).await;
        let first = bytes(&world, &stage.files).await;
        for _ in 0..3 {
            assert_eq!(bytes(&world, &stage.files).await, first, "{}", stage.name);
        }
    }
}

async fn bytes(world: &World, files: &Files) -> String {
    world::every_form(&world.plan(&world::load(files)).await.1.plan)
}

/// A workspace and manifests that it is planned for.
struct Stage {
    name: &'static str,
    state: serde_json::Value,
    files: Files,
}

/// Plans of creates, of updates and replaces, of deletes, and of nothing.
async fn stages(world: &World) -> Vec<Stage> {
    let empty = world.state().await;
    let all = fixtures::together();
    world.settle(&world::load(&all), "all fixtures").await;
    let full = world.state().await;
    vec![
        Stage { name: "creates", state: empty, files: all.clone() },
        Stage { name: "updates", state: full.clone(), files: rotated() },
        Stage { name: "deletes", state: full.clone(), files: Files::new() },
        Stage { name: "nothing", state: full, files: all },
    ]
}

/// Every fixture under the name of its neighbour, so that everything changes.
fn rotated() -> Files {
    let mut files = Files::new();
    for kind in kinds::objects() {
        let fixtures = fixtures::compatible(fixtures::of(*kind));
        for (fixture, other) in fixtures.iter().zip(fixtures.iter().cycle().skip(1)) {
            let text = fixture.renamed(&other.case).into_values().collect::<String>();
            files.insert(format!("{}-{}.yaml", kind.name(), fixture.case), text);
        }
    }
    files
}

#[tokio::test]
async fn order_means_nothing() {
    let world = World::new().await;
    for stage in stages(&world).await {
        world.put_state(&stage.state).await;
        let first = shown(world.plan(&world::load(&stage.files)).await.1.plan);
        for seed in 1..=3 {
            let desired = world::load(&shuffle::files(&stage.files, seed));
            let services = world.through(Arc::new(Shuffled::new(world.direct(), seed)));
            let (_, decision) = world.plan_through(&services, &desired).await.unwrap();
            let again = shown(decision.plan);
            assert!(first == again, "{}, seed {seed}:\n{}", stage.name, difference(&first, &again));
        }
    }
}

/// The plan without what follows the manifests: the places of lines, the order of a change's fields, and with it the numbers by
/// which secrets are told apart.
pub fn shown(mut plan: Plan) -> String {
    for change in &mut plan.changes {
        change.source = None;
        change.fields.sort_by(|a, b| a.path.cmp(&b.path));
        change.fields.iter_mut().for_each(|f| f.source = None);
    }
    let shown = world::every_form(&plan);
    (1..20).fold(shown, |shown, number| shown.replace(&format!("(secret #{number})"), "(secret)"))
}

fn difference(a: &str, b: &str) -> String {
    a.lines().zip(b.lines()).filter(|(a, b)| a != b).take(5).map(|(a, b)| format!("- {a}\n+ {b}\n")).collect()
}
