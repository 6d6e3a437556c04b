//! Additive permissions: whatever others granted is the same before and after, killed or unanswered in between, and what the
//! manifest names is as it says. Order means nothing, and an exact list afterwards shows what it takes away.

use crate::fixtures::{self, yaml};
use crate::trouble::{self, Trouble, Troubled};
use crate::world::{self, Files, World};
use plumb_core::kinds;
use plumb_core::plan::{Action, Plan};
use plumb_model::call::{Call, Method, System};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// The kinds with permissions, how the permissions API calls them, and the levels that may be given.
const KINDS: [(&str, &str, &[&str]); 4] = [
    ("DatabricksJob", "jobs", &["CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE"]),
    ("DatabricksCluster", "clusters", &["CAN_ATTACH_TO", "CAN_RESTART", "CAN_MANAGE"]),
    ("DatabricksClusterPolicy", "cluster-policies", &["CAN_USE"]),
    ("DatabricksInstancePool", "instance-pools", &["CAN_ATTACH_TO", "CAN_MANAGE"]),
];

/// Whom anybody may grant something; names in capitals where the case of letters means nothing.
const PEOPLE: [(&str, &str); 6] = [
    ("user_name", "Ann@Example.com"),
    ("user_name", "bob@example.com"),
    ("group_name", "Analysts"),
    ("group_name", "analysts"),
    ("service_principal_name", "7A5D3B9C-0000-4000-8000-0123456789AB"),
    ("service_principal_name", "11111111-0000-4000-8000-0123456789ab"),
];

type Acl = BTreeMap<(String, String), String>;

fn chance(seed: u64, what: &str, of: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    (seed, what).hash(&mut hasher);
    (hasher.finish() % of as u64) as usize
}

/// Some people, each with a level.
fn some(seed: u64, what: &str, levels: &[&str]) -> Vec<Value> {
    let is_one = |name: &str| chance(seed, &format!("{what} {name}"), 2) == 0;
    let level = |name: &str| levels[chance(seed, &format!("{what} level of {name}"), levels.len())];
    let people = PEOPLE.iter().filter(|(_, name)| is_one(name));
    people.map(|(principal, name)| json!({ *principal: name, "permission_level": level(name) })).collect()
}

fn whom(entry: &Value) -> (String, String) {
    let (principal, name) =
        PEOPLE.iter().find_map(|(principal, _)| Some((*principal, entry[*principal].as_str()?))).unwrap();
    (principal.to_owned(), if principal == "group_name" { name.to_owned() } else { name.to_lowercase() })
}

fn level(entry: &Value) -> String {
    entry["permission_level"].as_str().unwrap().to_owned()
}

/// The manifest of a kind's fixture with these permissions.
fn files(kind: &str, permissions: Value) -> Files {
    let fixtures = fixtures::of(kinds::find(kind).unwrap());
    let mut documents = fixtures.iter().find(|fixture| fixture.case == "additive").unwrap().documents();
    documents[0]["spec"]["permissions"] = permissions;
    Files::from([("one.yaml".to_owned(), yaml(&documents))])
}

fn additive(entries: &[Value]) -> Value {
    json!({ "mode": "additive", "entries": entries })
}

/// The grants of the one object of a state, by whom they are to.
fn acl(state: &Value, path: &str) -> Acl {
    let all = state["databricks"]["permissions"].as_object().unwrap();
    let own = all.iter().find(|(object, _)| object.starts_with(&format!("/{path}/"))).map(|(_, grants)| grants);
    let text = |grant: &Value, member: &str| grant[member].as_str().unwrap().to_owned();
    let grants = own.and_then(Value::as_array).into_iter().flatten();
    grants.map(|grant| ((text(grant, "principal"), text(grant, "name")), text(grant, "level"))).collect()
}

/// Grants something as somebody with a browser does.
async fn grant(world: &World, path: &str, entries: &[Value]) {
    let state = world.state().await;
    let all = state["databricks"]["permissions"].as_object().unwrap();
    let object = all.keys().find(|object| object.starts_with(&format!("/{path}/"))).unwrap();
    let body = json!({ "access_control_list": entries });
    world.person(Call::set(System::Databricks, Method::Patch, format!("/api/2.0/permissions{object}"), body)).await;
}

/// Fails unless everybody has what they had, but for whom the manifest names: they have what it says.
fn assert_added(before: &Acl, after: &Acl, entries: &[Value], what: &str) {
    let mut wanted = before.clone();
    for entry in entries {
        let had = wanted.entry(whom(entry)).or_default();
        // The owner may do everything already.
        if had != "IS_OWNER" {
            *had = level(entry);
        }
    }
    assert_eq!(*after, wanted, "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_granted_is_the_same_before_and_after() {
    world::each(KINDS.iter().map(|(kind, path, levels)| (kind.to_string(), stays(kind, path, levels)))).await;
}

async fn stays(kind: &'static str, path: &'static str, levels: &'static [&'static str]) {
    let world = World::of(System::Databricks).await;
    for seed in 0..24 {
        let what = format!("{kind}, seed {seed}");
        world.reset().await;
        // Somebody has it, made by a manifest in either form.
        let first = some(seed, "first", levels);
        let first_form = if seed % 3 == 0 { json!(first) } else { additive(&first) };
        world.settle(&world::load(&files(kind, first_form)), &what).await;
        grant(&world, path, &some(seed, "others", levels)).await;
        let before = acl(&world.state().await, path);
        let mut entries = some(seed, "wanted", levels);
        let desired = world::load(&files(kind, additive(&entries)));
        let (plan, outcome) = world.apply(&desired).await;
        assert!(world::blocked(&plan).is_empty(), "{what}\n{}", world::text(&plan));
        world::assert_done(&outcome, &what);
        assert_added(&before, &acl(&world.state().await, path), &entries, &what);
        world.assert_settled(&desired, &what).await;
        entries.reverse();
        world
            .assert_settled(&world::load(&files(kind, additive(&entries))), &format!("{what}, the other way round"))
            .await;
        // What is named no more stays, too.
        let after = acl(&world.state().await, path);
        entries.pop();
        let fewer = world::load(&files(kind, additive(&entries)));
        world.assert_settled(&fewer, &format!("{what}, one fewer")).await;
        assert_eq!(acl(&world.state().await, path), after, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_or_unanswered_it_heals_and_takes_nothing_away() {
    world::each(KINDS.iter().map(|(kind, path, levels)| (kind.to_string(), survives(kind, path, levels)))).await;
}

async fn survives(kind: &'static str, path: &'static str, levels: &'static [&'static str]) {
    let world = Arc::new(World::of(System::Databricks).await);
    let entry = |i: usize, level: &str| json!({ PEOPLE[i].0: PEOPLE[i].1, "permission_level": level });
    let most = levels[levels.len() - 1];
    world.settle(&world::load(&files(kind, json!([entry(0, levels[0])]))), kind).await;
    grant(&world, path, &[entry(1, most), entry(2, levels[0])]).await;
    let state = world.state().await;
    let before = acl(&state, path);
    // One level changes, one is new, one was somebody's.
    let entries = [entry(0, most), entry(2, levels[0]), entry(4, most)];
    let desired = world::load(&files(kind, additive(&entries)));
    let calm = Troubled::new(world.clone(), Trouble::None, usize::MAX);
    world::assert_done(&trouble::apply(&world, &desired, calm.clone()).await.unwrap(), kind);
    let calls: Vec<Call> = calm.calls.lock().unwrap().clone();
    assert!(calls.iter().any(|call| call.method == Method::Patch), "{kind}: nothing was granted");
    assert!(calls.iter().all(|call| call.method != Method::Put), "{kind}: a whole list was written");
    for (n, call) in calls.iter().enumerate() {
        for trouble in Trouble::of(call) {
            let what = format!("{kind}, {trouble:?} at call {n}: {}", call.line());
            world.put_state(&state).await;
            trouble::apply(&world, &desired, Troubled::new(world.clone(), *trouble, n)).await;
            world.settle(&desired, &what).await;
            world.assert_settled(&desired, &what).await;
            assert_added(&before, &acl(&world.state().await, path), &entries, &what);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_grant_meanwhile_makes_no_plan_stale() {
    for (kind, path, levels) in KINDS {
        let world = World::of(System::Databricks).await;
        let entry = |i: usize| json!({ PEOPLE[i].0: PEOPLE[i].1, "permission_level": levels[0] });
        world.settle(&world::load(&files(kind, additive(&[]))), kind).await;
        let desired = world::load(&files(kind, additive(&[entry(0)])));
        let (live, decision) = world.plan(&desired).await;
        grant(&world, path, &[entry(1)]).await;
        let before = acl(&world.state().await, path);
        let outcome = world.carry_out(&world.services(), &desired, &live, decision).await;
        world::assert_done(&outcome, kind);
        assert_added(&before, &acl(&world.state().await, path), &[entry(0)], kind);
        // And who is there already is not granted it again.
        grant(&world, path, &[entry(1)]).await;
        let both = world::load(&files(kind, additive(&[entry(0), entry(1)])));
        world.assert_settled(&both, kind).await;
    }
}

/// What a plan shows going.
fn taken_away(plan: &Plan) -> Vec<&str> {
    let fields = plan.changes.iter().flat_map(|change| &change.fields);
    fields.filter(|field| field.to.is_none()).map(|field| field.path.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exact_again_shows_what_it_takes_away_and_additive_again_is_no_change() {
    for (kind, path, levels) in KINDS {
        let world = World::of(System::Databricks).await;
        let entry = |i: usize, level: &str| json!({ PEOPLE[i].0: PEOPLE[i].1, "permission_level": level });
        let (mine, theirs) = (entry(2, levels[0]), entry(1, levels[0]));
        let some = world::load(&files(kind, additive(std::slice::from_ref(&mine))));
        world.settle(&some, kind).await;
        grant(&world, path, std::slice::from_ref(&theirs)).await;
        world.assert_settled(&some, kind).await;
        let all = world::load(&files(kind, json!([mine])));
        let (_, decision) = world.plan(&all).await;
        assert_eq!(taken_away(&decision.plan), ["permissions[bob@example.com]"], "{kind}");
        assert!(
            decision.plan.changes.iter().all(|change| change.action == Action::Update && change.additive.is_empty())
        );
        world.settle(&all, kind).await;
        assert!(!acl(&world.state().await, path).contains_key(&whom(&theirs)), "{kind}");
        world.assert_settled(&some, &format!("{kind}: additive again")).await;
        // One and the same addition is not the same in a list that is all of it.
        let more = [mine.clone(), theirs.clone()];
        let (as_some, as_all) = (files(kind, additive(&more)), files(kind, json!(more)));
        let change = async |files: &Files| world.plan(&world::load(files)).await.1.plan.changes.remove(0);
        let (as_some, as_all) = (change(&as_some).await, change(&as_all).await);
        assert_eq!(
            (&as_some.fields[0].to, &as_some.additive[..]),
            (&as_all.fields[0].to, &["permissions".to_owned()][..])
        );
        assert_ne!(as_some.digest, as_all.digest, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_service_is_told_of_a_mode() {
    let world = World::of(System::Databricks).await;
    for (kind, path, _) in KINDS {
        let additive = fixtures::of(kinds::find(kind).unwrap()).into_iter().find(|f| f.case == "additive").unwrap();
        let desired = world::load(&additive.files());
        world.reset().await;
        let plan = world.settle(&desired, kind).await;
        assert!(world::text(&plan).contains("permissions.mode"), "{kind}: {}", world::text(&plan));
        let mut changed = additive.documents();
        let title = kinds::find(kind).unwrap().title();
        changed[0]["spec"][title] = json!("another name");
        world.settle(&world::load(&Files::from([("one.yaml".to_owned(), yaml(&changed))])), kind).await;
        let sent: Vec<String> = world.requests().await.iter().map(|request| request["body"].to_string()).collect();
        assert!(sent.iter().any(|body| body.contains("another name")), "{kind}: {path}");
        let tells = |body: &String| body.contains("permissions_mode") || body.contains("\"additive\"");
        assert!(!sent.iter().any(tells), "{kind}: {sent:#?}");
    }
}
