//! Law 10: two applies interleaved at any call, and a person who edits meanwhile: nothing is silently overwritten.
//!
//! The services know no conditional write. What can be had is a look right before the write, so boundaries remain at
//! which another's change is overwritten: those from the first read of that look to the write. The tests hold it to
//! exactly these.

use crate::edited;
use crate::fixtures;
use crate::world::{self, Files, World};
use plumb_core::kinds::{self, MarkPlace};
use plumb_core::manifest::Desired;
use plumb_core::plan::outcome::{ApplyOutcome, Ended};
use plumb_model::call::{Call, Method, Sending, Service, System};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{Notify, Semaphore};

/// A service that stops before a call until it is let go on.
struct Turnstile {
    inner: Arc<dyn Service>,
    open: Semaphore,
    stopped: Notify,
    passed: AtomicUsize,
    /// How many calls had passed when the first write did.
    before_write: AtomicUsize,
}

impl Turnstile {
    fn new(world: &World, passes: usize) -> Arc<Turnstile> {
        Arc::new(Turnstile {
            inner: world.direct(),
            open: Semaphore::new(passes),
            stopped: Notify::new(),
            passed: AtomicUsize::new(0),
            before_write: AtomicUsize::new(usize::MAX),
        })
    }
}

impl Service for Turnstile {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            if self.open.available_permits() == 0 {
                self.stopped.notify_one();
            }
            self.open.acquire().await.unwrap().forget();
            let passed = self.passed.fetch_add(1, Ordering::SeqCst);
            if call.method != Method::Get {
                self.before_write.fetch_min(passed, Ordering::SeqCst);
            }
            self.inner.send(call).await
        })
    }
}

/// The fixture with a change that one of the rivals wants.
fn changed(fixture: &fixtures::Fixture, by: &str) -> Files {
    let mut documents = fixture.documents();
    match fixture.kind.mark() {
        MarkPlace::Tags(member) => documents[0]["spec"][member]["wanted_by"] = json!(by),
        MarkPlace::TagPairs(member, list) => {
            documents[0]["spec"][member][list] = json!([{ "key": "wanted_by", "value": by }]);
        }
        MarkPlace::LastLine(member) => documents[0]["spec"][member] = json!(format!("wanted by {by}")),
        MarkPlace::Words(_) => {
            let secret = json!({ "key": "wanted_by", "string_value": format!("${{env.WANTED_BY_{}}}", by.to_uppercase().replace(' ', "_")) });
            documents[0]["spec"]["secrets"] = json!([secret]);
        }
        MarkPlace::Line(_) | MarkPlace::Nowhere => {
            documents[0]["spec"]["description"] = json!(format!("wanted by {by}"))
        }
    }
    Files::from([("changed.yaml".to_owned(), fixtures::yaml(&documents))])
}

fn ended<'o>(outcome: &'o ApplyOutcome, fixture: &fixtures::Fixture) -> &'o Ended {
    let found = outcome.changes.iter().find(|(a, _)| a.kind == fixture.kind.name() && a.name == fixture.case);
    found.unwrap_or_else(|| panic!("{} is not among {outcome:?}", fixture.name())).1
}

fn is_stale(ended: &Ended) -> bool {
    matches!(ended, Ended::Stale { .. })
}

/// Both plan; the first makes some calls, the second all of its own, and then the first goes on. Answers also how many
/// calls the first made before its first write.
async fn interleave(
    world: &World,
    first: &Desired,
    second: &Desired,
    calls: usize,
) -> (ApplyOutcome, ApplyOutcome, usize) {
    let (live_1, decision_1) = world.plan(first).await;
    let (live_2, decision_2) = world.plan(second).await;
    let turnstile = Turnstile::new(world, calls);
    let services = world.through(turnstile.clone());
    let run_1 = async {
        let outcome = world.carry_out(&services, first, &live_1, decision_1).await;
        // It may have ended without being stopped.
        turnstile.stopped.notify_one();
        outcome
    };
    let run_2 = async {
        turnstile.stopped.notified().await;
        let outcome = world.carry_out(&world.services(), second, &live_2, decision_2).await;
        turnstile.open.add_permits(1000);
        outcome
    };
    let (outcome_1, outcome_2) = tokio::join!(run_1, run_2);
    (outcome_1, outcome_2, turnstile.before_write.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_applies_the_later_is_refused_as_stale() {
    world::each(usual().map(|fixture| (fixture.name(), two_updates(fixture)))).await;
}

/// One fixture of each kind.
fn usual() -> impl Iterator<Item = fixtures::Fixture> {
    let is_usual = |f: &fixtures::Fixture| match f.kind.name() {
        "AirflowDag" | "AirflowVariable" => f.case == "minimal",
        _ => f.case == "realistic",
    };
    fixtures::all().into_iter().filter(is_usual)
}

async fn two_updates(fixture: fixtures::Fixture) {
    let (world, name) = (fixture.world().await, fixture.name());
    world.settle(&world::load(&fixture.files()), &name).await;
    let state = world.state().await;
    let (first, second) = (world::load(&changed(&fixture, "first")), world::load(&changed(&fixture, "second")));
    let (mut overwritten, mut stale, mut look) = (0, 0, 0);
    for calls in 0..12 {
        world.put_state(&state).await;
        let (one, two, reads) = interleave(&world, &first, &second, calls).await;
        let what = format!("{name}, the second after {calls} calls of the first");
        match (ended(&one, &fixture).is_done(), ended(&two, &fixture).is_done()) {
            (true, true) => {
                assert!(calls > 0 && calls <= reads, "{what}: the second was overwritten");
                (overwritten, look) = (overwritten + 1, reads);
            }
            (true, false) => assert!(is_stale(ended(&two, &fixture)), "{what}: {two:?}"),
            (false, true) => assert!(is_stale(ended(&one, &fixture)), "{what}: {one:?}"),
            (false, false) => panic!("{what}: neither was done\n{one:?}\n{two:?}"),
        }
        stale += usize::from(is_stale(ended(&one, &fixture)) || is_stale(ended(&two, &fixture)));
        // Whatever is live now is what one of them wanted, and the other sees the difference.
        let (settled_1, settled_2) = (is_settled(&world, &first).await, is_settled(&world, &second).await);
        assert!(settled_1 != settled_2, "{what}: first settled: {settled_1}, second settled: {settled_2}");
        let winner = if ended(&one, &fixture).is_done() { settled_1 } else { settled_2 };
        assert!(winner, "{what}: what was done is not live");
    }
    assert_eq!(overwritten, look, "{name}: boundaries between the first read of the look and the write");
    assert!(look <= 4, "{name}: the look takes {look} reads");
    assert!(stale > 2, "{name}: {stale} times stale");
}

async fn is_settled(world: &World, desired: &Desired) -> bool {
    world.plan(desired).await.1.plan.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_changed_meanwhile_is_not_deleted() {
    let cases = fixtures::all().into_iter().filter(|f| f.case == "minimal");
    world::each(cases.map(|fixture| (fixture.name(), delete_and_update(fixture)))).await;
}

async fn delete_and_update(fixture: fixtures::Fixture) {
    let (world, name) = (fixture.world().await, fixture.name());
    world.settle(&world::load(&fixture.files()), &name).await;
    let state = world.state().await;
    let (gone, kept) = (world::load(&Files::new()), world::load(&changed(&fixture, "second")));
    // The delete has looked at nothing yet: the update comes first.
    let (delete, update, _) = interleave(&world, &gone, &kept, 0).await;
    assert!(is_stale(ended(&delete, &fixture)), "{name}: {delete:?}");
    assert!(ended(&update, &fixture).is_done(), "{name}: {update:?}");
    assert!(is_settled(&world, &kept).await, "{name}: the update is not live");
    // The delete is through: there is nothing to update any more.
    world.put_state(&state).await;
    let (delete, update, _) = interleave(&world, &gone, &kept, 1000).await;
    assert!(ended(&delete, &fixture).is_done(), "{name}: {delete:?}");
    assert!(!ended(&update, &fixture).is_done(), "{name}: {update:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_creates_of_one_resource_are_never_settled_in_silence() {
    let cases = fixtures::all().into_iter().filter(|f| f.case == "minimal");
    world::each(cases.map(|fixture| (fixture.name(), two_creates(fixture)))).await;
}

async fn two_creates(fixture: fixtures::Fixture) {
    let (world, name) = (fixture.world().await, fixture.name());
    let desired = world::load(&fixture.files());
    let empty = world.state().await;
    for calls in 0..4 {
        world.put_state(&empty).await;
        let (one, two, _) = interleave(&world, &desired, &desired, calls).await;
        let done = [&one, &two].iter().filter(|o| ended(o, &fixture).is_done()).count();
        assert!(done > 0, "{name}: {one:?} {two:?}");
        let live = world.marks().await.into_values().sum::<usize>();
        let plan = world.plan(&desired).await.1.plan;
        // Without a lock or a name that has to be unique the service takes both; the next plan says so and touches none.
        match live {
            1 => assert!(plan.is_empty(), "{name}: {}", world::text(&plan)),
            2 => {
                assert!(plan.changes.is_empty(), "{name}: {}", world::text(&plan));
                let [blocked] = plan.blocked.as_slice() else { panic!("{name}: {:?}", plan.blocked) };
                assert!(blocked.reason.starts_with("2 ") && blocked.reason.contains(" and "), "{}", blocked.reason);
            }
            n => panic!("{name}: {n} live objects"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_edits_between_plan_and_apply_is_not_overwritten() {
    let world = World::new().await;
    for fixture in usual() {
        let name = fixture.name();
        world.reset().await;
        world.settle(&world::load(&fixture.files()), &name).await;
        let desired = world::load(&changed(&fixture, "the manifest"));
        let (live, decision) = world.plan(&desired).await;
        let by_hand = edited_by_hand(&world, &fixture).await;
        let outcome = world.carry_out(&world.services(), &desired, &live, decision).await;
        let Ended::Stale { differences, .. } = ended(&outcome, &fixture) else { panic!("{name}: {outcome:?}") };
        assert!(differences.iter().any(|d| d.replace('_', " ").contains("by hand")), "{name}: {differences:?}");
        let (_, spec) = world::objects(&mut world.state().await, fixture.kind)
            .into_iter()
            .map(|(id, spec)| (id, spec.clone()))
            .next()
            .unwrap();
        assert_eq!(spec, by_hand, "{name}: what the person did is gone");
        // The next plan shows it, and the next apply decides.
        world.settle(&desired, &name).await;
        world.assert_settled(&desired, &name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_did_that_is_wanted_is_no_reason_to_refuse() {
    world::each(usual().map(|fixture| (fixture.name(), wanted_by_both(fixture)))).await;
}

async fn wanted_by_both(fixture: fixtures::Fixture) {
    let (world, name) = (fixture.world().await, fixture.name());
    world.settle(&world::load(&fixture.files()), &name).await;
    let desired = world::load(&changed(&fixture, "both"));
    let (live, decision) = world.plan(&desired).await;
    world.settle(&desired, &name).await;
    let outcome = world.carry_out(&world.services(), &desired, &live, decision).await;
    world::assert_done(&outcome, &name);
    assert!(is_settled(&world, &desired).await, "{name}");
}

/// Changes the object of a fixture the way that the workspace's pages do; answers what it is then.
async fn edited_by_hand(world: &World, fixture: &fixtures::Fixture) -> Value {
    let mut state = world.state().await;
    if fixture.kind.system() == System::Airflow {
        return edited_in_airflow(world, fixture, &mut state).await;
    }
    let (id, spec) = world::objects(&mut state, fixture.kind).remove(0);
    let mut body = spec.clone();
    let path;
    let (path, body) = match fixture.kind.name() {
        "DatabricksJob" => {
            let settings = json!({ "parameters": [{ "name": "month", "default": "by hand" }] });
            let id: i64 = id.parse().unwrap();
            ("/api/2.2/jobs/update", json!({ "job_id": id, "new_settings": settings }))
        }
        "DatabricksCluster" => {
            body["cluster_id"] = json!(id);
            body["spark_conf"]["edited"] = json!("by hand");
            ("/api/2.1/clusters/edit", body)
        }
        "DatabricksClusterPolicy" => {
            body["definition"] = json!(r#"{"custom_tags.cost_centre":{"type":"fixed","value":"by hand"}}"#);
            ("/api/2.0/policies/clusters/edit", body)
        }
        "DatabricksInstancePool" => {
            body["custom_tags"]["edited"] = json!("by hand");
            ("/api/2.0/instance-pools/edit", body)
        }
        "DatabricksSchema" | "DatabricksVolume" | "DatabricksExternalLocation" => {
            let collection = edited::place(fixture.kind).0.replace('_', "-");
            let path = format!("/api/2.1/unity-catalog/{collection}/{id}");
            let comment = format!("by hand\n{}", spec["comment"].as_str().unwrap_or_default());
            world.person(Call::set(System::Databricks, Method::Patch, path, json!({ "comment": comment }))).await;
            return world::objects(&mut world.state().await, fixture.kind).remove(0).1.clone();
        }
        "DatabricksSqlWarehouse" => {
            body["tags"]["custom_tags"].as_array_mut().unwrap().push(json!({ "key": "edited", "value": "by hand" }));
            path = format!("/api/2.0/sql/warehouses/{id}/edit");
            (path.as_str(), body)
        }
        "DatabricksPipeline" => {
            body["configuration"]["edited"] = json!("by hand");
            path = format!("/api/2.0/pipelines/{id}");
            (path.as_str(), body)
        }
        "DatabricksSecretScope" => {
            ("/api/2.0/secrets/put", json!({ "scope": id, "key": "by_hand", "string_value": "of a person" }))
        }
        other => panic!("say here how a person edits a {other}"),
    };
    if fixture.kind.name() == "DatabricksCluster" {
        // It is on its way up; nobody edits it before it is there.
        let get = Call::get(System::Databricks, "/api/2.1/clusters/get").query("cluster_id", id);
        world.person(get).await;
    }
    let method = if fixture.kind.name() == "DatabricksPipeline" { Method::Put } else { Method::Post };
    world.person(Call::set(System::Databricks, method, path, body)).await;
    let kind = kinds::find(fixture.kind.name()).unwrap();
    world::objects(&mut world.state().await, kind).remove(0).1.clone()
}

/// The same in Airflow, or in its DAG folder.
async fn edited_in_airflow(world: &World, fixture: &fixtures::Fixture, state: &mut Value) -> Value {
    let (id, spec) = world::objects(state, fixture.kind).remove(0);
    let (path, body) = match fixture.kind.name() {
        "AirflowConnection" => {
            ("connections", json!({ "connection_id": id, "conn_type": spec["conn_type"], "host": "by hand" }))
        }
        "AirflowVariable" => ("variables", json!({ "key": id, "value": "by hand" })),
        "AirflowPool" => {
            ("pools", json!({ "description": format!("by hand\n{}", spec["description"].as_str().unwrap()) }))
        }
        "AirflowDag" => {
            let text = spec["text"].as_str().unwrap().replace("catchup=False", "catchup=True");
            std::fs::write(world.file(&format!("{id}.py")), text).unwrap();
            return world::objects(&mut world.state().await, fixture.kind).remove(0).1.clone();
        }
        other => panic!("say here how a person edits a {other}"),
    };
    let mut call = Call::set(System::Airflow, Method::Patch, format!("/api/v2/{path}/{id}"), Value::Null);
    for member in
        body.as_object().unwrap().keys().filter(|m| !["connection_id", "conn_type", "key"].contains(&m.as_str()))
    {
        call = call.query("update_mask", member);
    }
    let mut body = body;
    if path == "pools" {
        body["pool"] = json!(id);
        body["slots"] = spec["slots"].clone();
        body["include_deferred"] = spec["include_deferred"].clone();
    }
    call.body = Some(body);
    world.person(call).await;
    world::objects(&mut world.state().await, fixture.kind).remove(0).1.clone()
}
