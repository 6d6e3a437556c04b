//! Laws 1 to 4 over thousands of random valid specs. A failing one is made as small as possible, and printed.

use crate::fixtures::yaml;
use crate::shuffle::{self, Shuffled};
use crate::specs;
use crate::world::{self, Files, World};
use plumb_core::kinds;
use plumb_core::manifest::Desired;
use plumb_core::plan::Plan;
use plumb_core::plan::outcome::Ended;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Specs that break a law: the numbers of those that look guilty, and what went wrong.
struct Broken {
    guilty: Vec<usize>,
    why: String,
}

/// What is in one page: pages of Airflow follow each other by a row that both have, so their order does mean something.
const OF_AIRFLOW: usize = 90;

#[tokio::test]
async fn random_jobs_obey() {
    run("DatabricksJob", 14, 100).await;
}

#[tokio::test]
async fn random_clusters_obey() {
    run("DatabricksCluster", 6, 100).await;
}

#[tokio::test]
async fn random_pipelines_obey() {
    run("DatabricksPipeline", 4, 50).await;
}

#[tokio::test]
async fn random_warehouses_obey() {
    run("DatabricksSqlWarehouse", 3, 100).await;
}

#[tokio::test]
async fn random_connections_obey() {
    run("AirflowConnection", 2, OF_AIRFLOW).await;
}

#[tokio::test]
async fn random_variables_obey() {
    run("AirflowVariable", 2, OF_AIRFLOW).await;
}

#[tokio::test]
async fn random_pools_obey() {
    run("AirflowPool", 1, OF_AIRFLOW).await;
}

#[tokio::test]
async fn random_dags_obey() {
    // Each is a file that Airflow has to read.
    run("AirflowDag", 2, 25).await;
}

#[allow(clippy::print_stdout)] // how many there were: `cargo test` shows it on request
async fn run(kind: &'static str, batches: usize, size: usize) {
    // The same specs in every run: a failure can be looked at again. Another seed makes others.
    let seed: u64 = std::env::var("LAWS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let strategy = specs::of(kinds::find(kind).unwrap());
    let world = World::of(kinds::find(kind).unwrap().system()).await;
    for batch in 0..batches {
        let mut bytes = [0u8; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&(batch as u64).to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut trees: Vec<_> = (0..size).map(|_| strategy.new_tree(&mut runner).unwrap()).collect();
        let documents: Vec<Value> = trees.iter().enumerate().map(|(i, t)| document(kind, i, t.current())).collect();
        let Err(broken) = obeys(&world, &documents, batch as u64).await else { continue };
        let Some(guilty) = culprit(&world, &documents, &broken).await else {
            panic!("batch {batch}: only together these specs break a law: {}\n{}", broken.why, yaml(&documents));
        };
        let (small, why) = shrink(&world, kind, guilty, &mut *trees[guilty]).await;
        panic!("batch {batch}: a spec breaks a law: {why}\n\n{}", yaml(&[small]));
    }
    #[allow(clippy::print_stdout)] // how many there were is a result
    {
        println!("{} specs of {kind}", batches * size);
    }
}

fn document(kind: &str, i: usize, mut spec: Value) -> Value {
    let title = kinds::find(kind).unwrap().title();
    let text = spec[title].as_str().unwrap_or_default();
    // No two live objects may have one name. One job or cluster in a batch may have none.
    let name = match kind {
        "DatabricksJob" => (i > 0).then(|| format!("job {i} {text}")),
        "DatabricksCluster" => (i > 0).then(|| format!("cluster {i} {text}")),
        "AirflowVariable" | "AirflowPool" => Some(format!("v{text} {i}")),
        _ => Some(format!("c{i}.of-them_all")),
    };
    if let Some(name) = name {
        spec[title] = json!(name);
    }
    escape(&mut spec);
    json!({ "apiVersion": "plumb/v1", "kind": kind, "metadata": { "name": format!("r{i}") }, "spec": spec })
}

/// `${` is plumb's own in a manifest.
fn escape(value: &mut Value) {
    match value {
        Value::String(s) if s == specs::SECRET => *s = "${env.SECRET}".to_owned(),
        Value::String(s) => *s = s.replace("${", "$${"),
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Object(map) => map.values_mut().for_each(escape),
        _ => {}
    }
}

/// The first that breaks a law alone.
async fn culprit(world: &World, documents: &[Value], broken: &Broken) -> Option<usize> {
    let all = broken.guilty.iter().copied().chain(0..documents.len());
    for i in all {
        if obeys(world, &documents[i..=i], 1).await.is_err() {
            return Some(i);
        }
    }
    None
}

async fn shrink(world: &World, kind: &str, i: usize, tree: &mut dyn ValueTree<Value = Value>) -> (Value, String) {
    let mut best = (document(kind, i, tree.current()), String::new());
    for _ in 0..600 {
        let candidate = document(kind, i, tree.current());
        let more = match obeys(world, std::slice::from_ref(&candidate), 1).await {
            Err(broken) => {
                best = (candidate, broken.why);
                tree.simplify()
            }
            Ok(()) => tree.complicate(),
        };
        if !more {
            break;
        }
    }
    best
}

/// Laws 1 to 3 over some documents in an empty workspace.
async fn obeys(world: &World, documents: &[Value], seed: u64) -> Result<(), Broken> {
    let whole = |why: String| Broken { guilty: Vec::new(), why };
    world.reset().await;
    world.settings(json!({ "check_references": false })).await;
    let files = Files::from([("all.yaml".to_owned(), yaml(documents))]);
    let desired =
        world::try_load(&files).map_err(|why| whole(format!("it is not valid, so the generator is wrong\n{why}")))?;
    same_bytes(world, &files, &desired, seed).await.map_err(whole)?;

    let (plan, outcome) = world.apply(&desired).await;
    if plan.counts().create != documents.len() {
        return Err(whole(format!("not everything is to be created\n{}", world::text(&plan))));
    }
    let mut wrong = BTreeMap::new();
    for (address, ended) in &outcome.changes {
        if !matches!(ended, Ended::Done { left, .. } if left.is_empty()) {
            wrong.insert(address.name.clone(), format!("{address} ended as {ended:#?}"));
        }
    }
    guilty(documents, wrong)?;

    let again = world::try_load(&files).map_err(whole)?;
    left(world, documents, &again).await?;
    same_bytes(world, &files, &again, seed).await.map_err(whole)?;
    crate::undeclared::leave_traces(world, &again).await;
    left(world, documents, &again).await
}

/// Fails with what is still to be done.
async fn left(world: &World, documents: &[Value], desired: &Desired) -> Result<(), Broken> {
    let plan = world.plan(desired).await.1.plan;
    let mut wrong = BTreeMap::new();
    for change in &plan.changes {
        let text = format!("{} is still to be changed: {:#?}", change.address, change.fields);
        wrong.insert(change.address.name.clone(), text);
    }
    guilty(documents, wrong)
}

fn guilty(documents: &[Value], wrong: BTreeMap<String, String>) -> Result<(), Broken> {
    let names: BTreeSet<&str> = wrong.keys().map(String::as_str).collect();
    let guilty: Vec<usize> = documents
        .iter()
        .enumerate()
        .filter(|(_, d)| d["metadata"]["name"].as_str().is_some_and(|n| names.contains(n)))
        .map(|(i, _)| i)
        .collect();
    match wrong.into_values().next() {
        Some(why) => Err(Broken { guilty, why }),
        None => Ok(()),
    }
}

/// Laws 2 and 3: the plan is the same again, and the same for mixed manifests and listings.
async fn same_bytes(world: &World, files: &Files, desired: &Desired, seed: u64) -> Result<(), String> {
    let first = shown(world.plan(desired).await.1.plan);
    if first != shown(world.plan(desired).await.1.plan) {
        return Err("two plans of the same input differ".into());
    }
    let mixed = world::try_load(&shuffle::files(files, seed))?;
    let services = world.through(Arc::new(Shuffled::new(world.direct(), seed)));
    let again = shown(world.plan_through(&services, &mixed).await?.1.plan);
    let differs = |(a, b): &(&str, &str)| a != b;
    match first.lines().zip(again.lines()).find(differs) {
        Some((a, b)) => Err(format!("mixing the order changes the plan\n- {a}\n+ {b}")),
        None if first.len() != again.len() => Err("mixing the order changes the plan".into()),
        None => Ok(()),
    }
}

fn shown(plan: Plan) -> String {
    crate::plans::shown(plan)
}
