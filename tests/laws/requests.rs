//! What a plan costs: pages, not objects.

use crate::world::{self, Files, PROJECT, TARGET, World};
use plumb::observe;
use plumb_core::kinds::{self, Kind};
use plumb_core::manifest::Desired;
use plumb_core::plan::Selection;
use plumb_model::call::System;
use serde_json::{Value, json};

const JOBS: usize = 1000;
/// Every so many declares permissions.
const EVERY: usize = 10;

fn manifests() -> String {
    let documents: Vec<String> = (0..JOBS)
        .map(|i| {
            let permissions = if i % EVERY == 0 {
                "\n  permissions: [{group_name: analysts, permission_level: CAN_VIEW}]"
            } else {
                ""
            };
            format!(
                "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: j{i}}}\nspec:\n  name: job {i}\n  tasks: \
                 [{{task_key: only, notebook_task: {{notebook_path: /n}}}}]{permissions}\n"
            )
        })
        .collect();
    documents.join("---\n")
}

/// A workspace in which all of them are live: one is applied, and the others are copies of it.
async fn workspace() -> (World, Desired) {
    let world = World::new().await;
    let text = manifests();
    let first = text.split("---\n").next().unwrap().to_owned();
    world.settle(&world::load(&Files::from([("one.yaml".to_owned(), first)])), "the first job").await;
    let mut state = world.state().await;
    let (id, job) = state["databricks"]["jobs"].as_object().unwrap().iter().next().unwrap();
    let (id, job) = (id.parse::<usize>().unwrap(), job.clone());
    let grants = state["databricks"]["permissions"][format!("/jobs/{id}")].clone();
    for i in 1..JOBS {
        let mut copy = job.clone();
        copy["job_id"] = json!(id + i);
        copy["settings"]["name"] = json!(format!("job {i}"));
        copy["settings"]["tags"] = json!({ "plumb": format!("{PROJECT}/{TARGET}/DatabricksJob/j{i}") });
        state["databricks"]["jobs"][(id + i).to_string()] = copy;
        state["databricks"]["permissions"][format!("/jobs/{}", id + i)] = grants.clone();
    }
    world.put_state(&state).await;
    (world, world::load(&Files::from([("all.yaml".to_owned(), text)])))
}

/// Plans, and answers the log of what it asked.
async fn plan(world: &World, desired: &Desired, kinds: &[&'static dyn Kind]) -> Vec<Value> {
    world.forget_requests().await;
    let services = world.services();
    let live =
        observe::observe(&services, kinds, desired, &Selection::default(), &observe::UnwatchedRead).await.unwrap();
    let log = world.requests().await;
    let plan = world::decision(desired, &live).plan;
    assert!(plan.is_empty(), "{}", world::text(&plan));
    assert_eq!(plan.unchanged, JOBS);
    log
}

fn count(log: &[Value], matches: impl Fn(&str) -> bool) -> usize {
    log.iter().filter(|r| matches(r["path"].as_str().unwrap())).count()
}

#[tokio::test]
async fn a_plan_of_a_thousand_jobs_asks_for_pages() {
    let (world, desired) = workspace().await;
    let job = kinds::find("DatabricksJob").unwrap();

    let log = plan(&world, &desired, &[job]).await;
    assert_eq!(count(&log, |path| path == "/api/2.2/jobs/list"), JOBS / 100, "pages of 100");
    assert_eq!(count(&log, |path| path.ends_with("/list")), 10, "at most 12 listings");
    assert_eq!(
        count(&log, |path| path.starts_with("/api/2.0/permissions/jobs/")),
        JOBS / EVERY,
        "one a job that declares"
    );
    assert_eq!(count(&log, |path| path.ends_with("/jobs/get")), 0, "no get an object");
    assert_eq!(log.len(), 10 + JOBS / EVERY + 1, "and one question more: who am I");

    // What is read only where a manifest has it asks for nothing here.
    let kinds: Vec<_> = world::kinds_of(System::Databricks).into_iter().filter(|kind| kind.is_always_read()).collect();
    let log = plan(&world, &desired, &kinds).await;
    let listings = count(&log, |path| path.ends_with("/list"));
    assert_eq!(listings, 10 + kinds.len() - 1, "one listing more for each other kind");
    assert_eq!(log.len(), listings + JOBS / EVERY + 1);
}

#[tokio::test]
async fn a_plan_of_many_variables_asks_for_pages() {
    const VARIABLES: usize = 250;
    let manifest = |i| {
        format!(
            "apiVersion: plumb/v1\nkind: AirflowVariable\nmetadata: {{name: v{i}}}\nspec: {{key: key{i}, value: x}}\n"
        )
    };
    let files =
        |count| Files::from([("all.yaml".to_owned(), (0..count).map(manifest).collect::<Vec<_>>().join("---\n"))]);
    let world = World::of(System::Airflow).await;
    world.settle(&world::load(&files(1)), "the first variable").await;
    let mut state = world.state().await;
    let rows = state["airflow"]["variables"].as_array_mut().unwrap();
    for i in 1..VARIABLES {
        let text = rows[0].to_string().replace("key0", &format!("key{i}"));
        rows.push(serde_json::from_str(&text.replace("/v0 ", &format!("/v{i} "))).unwrap());
    }
    world.put_state(&state).await;
    world.forget_requests().await;
    let (_, decision) = world.plan(&world::load(&files(VARIABLES))).await;
    assert_eq!((decision.plan.is_empty(), decision.plan.unchanged), (true, VARIABLES));
    let log = world.requests().await;
    assert_eq!(count(&log, |path| path == "/api/v2/variables"), 3, "pages of 100");
    assert_eq!(log.len(), 3 + 4, "and one each for connections, pools, DAGs and import errors");
}

/// As many jobs as pages are worth it for, each with this timeout.
fn two_hundred(timeout: u32) -> Desired {
    let document = |i| {
        format!(
            "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: j{i}}}\nspec:\n  name: job {i}\n  timeout_seconds: \
             {timeout}\n  tasks: [{{task_key: only, notebook_task: {{notebook_path: /n}}}}]\n"
        )
    };
    let text = (0..200).map(document).collect::<Vec<_>>().join("---\n");
    world::load(&Files::from([("all.yaml".to_owned(), text)]))
}

#[tokio::test]
async fn an_apply_of_many_jobs_asks_for_the_look_before_each_write_the_write_and_pages() {
    let world = World::of(System::Databricks).await;
    let desired = two_hundred(1);
    let (live, decision) = world.plan(&desired).await;
    world.forget_requests().await;
    world::assert_done(&world.carry_out(&world.services(), &desired, &live, decision).await, "creates");
    let log = world.requests().await;
    assert_eq!(count(&log, |path| path == "/api/2.2/jobs/list"), 2, "pages of 100");
    assert_eq!(log.len(), 200 + 2, "a create each, and pages to look what came of them");

    let desired = two_hundred(2);
    world.forget_requests().await;
    let (mut live, decision) = world.plan(&desired).await;
    observe::activity(&world.services(), &mut live, &decision.plan).await;
    world::assert_done(&world.carry_out(&world.services(), &desired, &live, decision).await, "changes");
    let log = world.requests().await;
    assert_eq!(count(&log, |path| path == "/api/2.2/jobs/runs/list"), 1, "what runs, of all jobs at once");
    assert_eq!(count(&log, |path| path == "/api/2.2/jobs/get"), 200, "the look before each write, and no other");
    assert_eq!(count(&log, |path| path == "/api/2.2/jobs/reset"), 200);
    assert_eq!(
        count(&log, |path| path == "/api/2.2/jobs/list"),
        2 + 2,
        "the plan's pages, and those to look what came"
    );
    assert!(log.len() <= 2 * 200 + 40, "{} requests", log.len());
}
