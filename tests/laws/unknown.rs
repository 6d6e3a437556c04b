//! The law of unknown settings: what plumb does not know it never removes unseen. Any member at any depth of a live object
//! that its spec does not have survives an adoption, an update, a move and the healing of drift, or the plan blocks and
//! names it, or shows it going with what is around it. Only `metadata.remove` takes one away.

use crate::fixtures::{self, Fixture, yaml};
use crate::plans::neighbours;
use crate::specs;
use crate::undeclared::{self, maps_to_texts, texts_to_maps};
use crate::world::{self, Files, World};
use plumb_core::kinds::airflow::python;
use plumb_core::kinds::{self, Kind, Mark, MarkPlace, UnknownSettings};
use plumb_core::manifest::Desired;
use plumb_core::plan::compare::{Context, Undeclared, compare};
use plumb_core::plan::normal::{normal, of_field, without_nulls};
use plumb_core::plan::outcome::{ApplyOutcome, Ended};
use plumb_core::plan::unknown::{self, Member, Notes};
use plumb_core::plan::{Action, Op, Plan};
use plumb_model::address::Address;
use plumb_model::schema::{Field, Path, Rules, Segment, Shape, label};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A member that no service and no spec has.
const FUTURE: &str = "future_member";

/// What was set of unknown members: each object's, by their places.
type Members = BTreeMap<Address, BTreeMap<Path, Value>>;

/// Goes to every object inside a value, and does something there.
fn each_object(rules: &Rules, field: &Field, path: &Path, value: &mut Value, act: &mut dyn FnMut(&Path, &mut Value)) {
    match &field.shape {
        Shape::Object(object) if value.is_object() => {
            for (name, member) in rules.of(*object).members.iter().filter(|(_, m)| !m.rule.server) {
                if let Some(inner) = value.get_mut(name) {
                    each_object(rules, member, &path.key(name), inner, act);
                }
            }
            act(path, value);
        }
        Shape::Map(entry) if value.is_object() => {
            for (name, inner) in value.as_object_mut().unwrap() {
                each_object(rules, entry, &path.key(name), inner, act);
            }
        }
        Shape::List(item) if value.is_array() => {
            for (index, inner) in value.as_array_mut().unwrap().iter_mut().enumerate() {
                let segment = match &field.rule.key {
                    Some(by) => Segment::Item(by.of(inner).unwrap()),
                    None if field.rule.set => {
                        Segment::Item(label(&of_field(rules, item, inner).unwrap_or_else(|| json!({}))))
                    }
                    None => Segment::Index(index),
                };
                each_object(rules, item, &path.with(segment), inner, act);
            }
        }
        _ => {}
    }
}

/// Does something with each object that carries a mark of the project.
fn each_owned(state: &mut Value, act: &mut dyn FnMut(&'static dyn Kind, Address, &mut Value)) {
    let with_settings = |kind: &&&'static dyn Kind| !["AirflowDag", "DatabricksSecretScope"].contains(&kind.name());
    for kind in kinds::objects().iter().filter(with_settings) {
        for (_, live) in world::objects(state, *kind) {
            let Some(mark) = kind.mark().take(&mut live.clone()) else { continue };
            // What a family defines is the family's, and not in what is live of the policy.
            let family = (kind.name() == "DatabricksClusterPolicy" && live["policy_family_id"].is_string())
                .then(|| live["definition"].take());
            // A mark among pairs is no place of the spec's.
            let pairs = matches!(kind.mark(), MarkPlace::TagPairs(..)).then(|| kind.mark().take(live)).flatten();
            texts_to_maps(*kind, live);
            act(*kind, mark.owner.address, live);
            maps_to_texts(*kind, live);
            if let Some(mark) = pairs {
                kind.mark().put(live, &mark);
            }
            if let Some(definition) = family {
                live["definition"] = definition;
            }
        }
    }
}

/// Sets an unknown member in every object at any depth of everything that is live.
async fn inject(world: &World) -> Members {
    let mut state = world.state().await;
    let mut members = Members::new();
    each_owned(&mut state, &mut |kind, address, live| {
        let mut places = BTreeMap::new();
        each_object(kind.rules(), &kind.rules().root, &Path::default(), live, &mut |path, object| {
            let value = json!({ "at": format!("{address} {path}"), "more": [1, { "a": false }] });
            object[FUTURE] = value.clone();
            places.insert(path.key(FUTURE), value);
        });
        members.insert(address, places);
    });
    world.put_state(&state).await;
    members
}

/// The unknown members that are live.
async fn live(world: &World) -> Members {
    let mut state = world.state().await;
    let mut members = Members::new();
    each_owned(&mut state, &mut |kind, address, live| {
        let mut places = BTreeMap::new();
        each_object(kind.rules(), &kind.rules().root, &Path::default(), live, &mut |path, object| {
            if let Some(value) = object.get(FUTURE) {
                places.insert(path.key(FUTURE), value.clone());
            }
        });
        members.insert(address, places);
    });
    members
}

/// A workspace that is newer than plumb.
async fn newer(fixture: &Fixture) -> World {
    let world = fixture.world().await;
    world.settings(json!({ "keeps_unknown": true })).await;
    world
}

/// The fixtures without those of DAGs, whose live form is a file that plumb itself writes, and of scopes, of which no call
/// writes more than a secret or a right.
fn of_services() -> impl Iterator<Item = Fixture> {
    fixtures::all().into_iter().filter(|f| !["AirflowDag", "DatabricksSecretScope"].contains(&f.kind.name()))
}

/// The project with something more in the metadata of its first manifest.
fn with_metadata(fixture: &Fixture, name: &str, more: &[(&str, Value)]) -> Files {
    let mut documents = fixture.documents();
    documents[0]["metadata"]["name"] = json!(name);
    for (key, value) in more {
        documents[0]["metadata"][*key] = value.clone();
    }
    Files::from([("renamed.yaml".to_owned(), yaml(&documents))])
}

/// A place in any element of its lists, and what was set there.
fn anywhere(path: &Path) -> String {
    let any = |s: &Segment| match s {
        Segment::Key(_) => s.clone(),
        _ => Segment::Item("*".into()),
    };
    Path(path.0.iter().map(any).collect()).to_string()
}

/// A path as it is shown, with the key that a drifted element has, which some fixtures call a secret.
fn with_keys(path: &str) -> String {
    (1..10).fold(path.to_owned(), |path, number| path.replace(&format!("(secret #{number})"), undeclared::UNDECLARED))
}

/// Fails unless each member of an object is still live, or the plan says that it goes or blocks.
fn assert_kept(plan: &Plan, before: &Members, after: &Members, names: &BTreeMap<Address, Address>, what: &str) {
    for (was, members) in before {
        let address = names.get(was).unwrap_or(was);
        if let Some(blocked) = plan.blocked.iter().find(|b| b.address.as_ref() == Some(address)) {
            let unnamed: Vec<String> =
                members.keys().map(Path::to_string).filter(|path| !blocked.reason.contains(path.as_str())).collect();
            let protected = blocked.reason.contains("protected");
            assert!(protected || unnamed.is_empty(), "{what}: {unnamed:?} is not named in: {}", blocked.reason);
            assert_eq!(
                after.get(was).or(after.get(address)),
                Some(members),
                "{what}: {address} is blocked and changed"
            );
            continue;
        }
        let change = plan.changes.iter().find(|c| c.address == *address);
        if change.is_some_and(|c| c.action == Action::Delete) {
            continue;
        }
        let goes = |path: &Path| {
            let is_it = |shown: &str| with_keys(shown) == path.to_string();
            change.is_some_and(|c| c.fields.iter().any(|f| f.op == Op::Remove && is_it(&f.path)))
        };
        let there: BTreeSet<(String, String)> =
            after[address].iter().map(|(path, value)| (anywhere(path), value.to_string())).collect();
        for (path, value) in members {
            let is_there = there.contains(&(anywhere(path), value.to_string()));
            assert!(is_there != goes(path), "{what}: {address}: {path}: live {is_there}\n{}", world::text(plan));
        }
    }
}

/// Plans, applies and holds what became of the unknown members against what the plan says.
async fn converge(world: &World, desired: &Desired, before: &Members, names: &BTreeMap<Address, Address>, what: &str) {
    let (seen, decision) = world.plan(desired).await;
    let plan = decision.plan.clone();
    let outcome = world.carry_out(&world.services(), desired, &seen, decision).await;
    let blocked: BTreeSet<&Address> = plan.blocked.iter().filter_map(|b| b.address.as_ref()).collect();
    if blocked.is_empty() {
        world::assert_done(&outcome, what);
    }
    assert_kept(&plan, before, &live(world).await, names, what);
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Update,
    Adopt,
    Move,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_settings_survive_whatever_becomes_of_the_manifest() {
    let with_settings = |kind: &&&'static dyn Kind| !["AirflowDag", "DatabricksSecretScope"].contains(&kind.name());
    let kinds = kinds::objects().iter().filter(with_settings).map(|kind| fixtures::of(*kind));
    let pairs: Vec<(Fixture, Fixture)> = kinds.flat_map(|fixtures| neighbours(&fixtures)).collect();
    let cases = pairs.iter().enumerate().flat_map(|(i, pair)| {
        let other = if i % 2 == 0 { Way::Adopt } else { Way::Move };
        [Way::Update, other].map(|way| (pair.clone(), way))
    });
    world::each(cases.map(|((before, after), way)| {
        let what = format!("{} to {}, {way:?}", before.name(), after.case);
        (what.clone(), changes(before, after, way, what))
    }))
    .await;
}

async fn changes(before: Fixture, after: Fixture, way: Way, what: String) {
    let world = newer(&before).await;
    world.settle(&world::load(&before.renamed("same")), &what).await;
    let members = inject(&world).await;
    let address = |name: &str| Address { kind: before.kind.name().to_owned(), name: name.to_owned() };
    let (files, name) = match way {
        Way::Update => (after.renamed("same"), "same"),
        Way::Move => (with_metadata(&after, "moved", &[("previousNames", json!(["same"]))]), "moved"),
        Way::Adopt => {
            let id = unmark(&world, before.kind, "same").await;
            (with_metadata(&after, "same", &[("adopt", json!(id))]), "same")
        }
    };
    let names = BTreeMap::from([(address("same"), address(name))]);
    let blocked_before = members.clone();
    if let Way::Adopt = way {
        // A blocked adoption leaves the object without a mark, and so out of what is looked at.
        let (_, decision) = world.plan(&world::load(&files)).await;
        if let Some(blocked) = decision.plan.blocked.iter().find(|b| b.address == Some(address("same"))) {
            for path in members[&address("same")].keys() {
                let protected = blocked.reason.contains("protected");
                assert!(protected || blocked.reason.contains(&path.to_string()), "{what}: {path}: {}", blocked.reason);
            }
            return;
        }
    }
    converge(&world, &world::load(&files), &blocked_before, &names, &what).await;
}

/// Takes the mark off an object, as if nobody had ever applied it. Answers its id.
async fn unmark(world: &World, kind: &dyn Kind, name: &str) -> String {
    let mut state = world.state().await;
    let mut found = None;
    for (id, object) in world::objects(&mut state, kind) {
        let is_it = |mark: Mark| mark.owner.address.name == name && mark.owner.address.kind == kind.name();
        if kind.mark().take(&mut object.clone()).is_some_and(is_it) {
            kind.mark().take(object);
            found = Some(id);
        }
    }
    world.put_state(&state).await;
    found.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_settings_are_noted_and_survive_the_healing_of_drift() {
    world::each(of_services().map(|f| (f.name(), heals(f)))).await;
}

async fn heals(fixture: Fixture) {
    let (world, what) = (newer(&fixture).await, fixture.name());
    let desired = world::load(&fixture.files());
    world.settle(&desired, &what).await;
    let members = inject(&world).await;
    let plan = world.plan(&desired).await.1.plan;
    assert!(plan.is_empty(), "{what}: an unknown setting is a reason to act\n{}", world::text(&plan));
    assert_eq!(plan.unchanged, desired.resources.len());
    assert_noted(&plan, &members, &what);
    undeclared::drift(&world, &desired).await;
    let members = inject(&world).await;
    converge(&world, &desired, &members, &BTreeMap::new(), &what).await;
}

/// Fails unless the plan's notes are those of these members.
fn assert_noted(plan: &Plan, members: &Members, what: &str) {
    let mut notes = Notes::default();
    for (address, places) in members {
        let kept: Vec<Member> = places.iter().map(|(path, value)| Member::new(path.clone(), value)).collect();
        notes.add(address, kinds::find(&address.kind).unwrap(), &kept);
    }
    let sorted = |mut notes: Vec<String>| {
        notes.sort();
        notes
    };
    let line = |note: &plumb_core::plan::Note| format!("{:?} {}", note.address, note.message);
    let expected = sorted(notes.into_notes().iter().map(line).collect());
    let found = plan.notes.iter().filter(|n| n.message.contains("plumb does not know")).map(line).collect();
    assert_eq!(sorted(found), expected, "{what}: what the plan notes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_services_show_by_themselves_is_no_unknown_setting() {
    world::each(["Airflow 3 and a workspace", "Airflow 2"].map(|name| {
        (name.to_owned(), async move {
            let (world, files) = match name {
                "Airflow 2" => (World::airflow_2().await, crate::plans::together_of_airflow_2()),
                _ => (World::new().await, fixtures::together()),
            };
            let desired = world::load(&files);
            world.settle(&desired, name).await;
            let plan = world.plan(&desired).await.1.plan;
            let noise: Vec<&str> =
                plan.notes.iter().map(|n| n.message.as_str()).filter(|m| m.contains("does not know")).collect();
            assert!(noise.is_empty(), "{name}: {noise:?}");
        })
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_metadata_names_goes_and_nothing_else() {
    world::each(of_services().map(|f| (f.name(), removes(f)))).await;
}

async fn removes(fixture: Fixture) {
    let (world, what) = (newer(&fixture).await, fixture.name());
    world.settle(&world::load(&fixture.files()), &what).await;
    let mut members = inject(&world).await;
    let case = fixture.case.as_str();
    let address = Address { kind: fixture.kind.name().to_owned(), name: case.to_owned() };
    let top = Path::default().key(FUTURE);
    let desired = world::load(&with_metadata(&fixture, case, &[("remove", json!([FUTURE, "not_live"]))]));
    let plan = world.plan(&desired).await.1.plan;
    // Airflow's writes and those of pools and warehouses leave alone what they do not name.
    let refused = matches!(fixture.kind.name(), "AirflowConnection" | "AirflowPool" | "AirflowVariable")
        || matches!(fixture.kind.name(), "DatabricksInstancePool" | "DatabricksSqlWarehouse")
        || fixture.kind.unknown_settings() == UnknownSettings::Untouched;
    if refused {
        let blocked = plan.blocked.iter().find(|b| b.address.as_ref() == Some(&address)).expect(&what);
        assert!(blocked.reason.contains(&format!("`metadata.remove` names {FUTURE}")), "{what}: {}", blocked.reason);
        assert!(plan.changes.is_empty(), "{what}\n{}", world::text(&plan));
        return;
    }
    let change = plan.changes.iter().find(|c| c.address == address).expect(&what);
    let fields: Vec<_> = change.fields.iter().map(|f| (f.path.as_str(), f.op, f.from.clone(), f.to.clone())).collect();
    assert_eq!(fields, [(FUTURE, Op::Remove, Some(members[&address][&top].clone()), None)], "{what}");
    assert_eq!((plan.changes.len(), change.action), (1, Action::Update), "{what}");
    world.settle(&desired, &what).await;
    world.assert_settled(&desired, &what).await;
    members.get_mut(&address).unwrap().remove(&top);
    assert_eq!(live(&world).await, members, "{what}");
}

fn fixture(name: &str) -> Fixture {
    fixtures::all().into_iter().find(|f| f.name() == name).unwrap()
}

/// A job that is to change, with an unknown member in every place.
async fn about_to_change(world: &World) -> (Desired, Address) {
    let job = fixture("DatabricksJob/minimal");
    world.settle(&world::load(&job.renamed("same")), "before").await;
    inject(world).await;
    let address = Address { kind: "DatabricksJob".into(), name: "same".into() };
    (world::load(&fixture("DatabricksJob/chain").renamed("same")), address)
}

async fn set_at_the_top(world: &World, value: Value) {
    let mut state = world.state().await;
    each_owned(&mut state, &mut |_, _, live| live[FUTURE] = value.clone());
    world.put_state(&state).await;
}

#[tokio::test]
async fn an_unknown_setting_that_changed_since_the_plan_stops_the_write() {
    for (value, said) in [(json!("other"), "was set to something else"), (Value::Null, "is gone")] {
        let world = newer(&fixture("DatabricksJob/minimal")).await;
        let (desired, address) = about_to_change(&world).await;
        let (seen, decision) = world.plan(&desired).await;
        set_at_the_top(&world, value).await;
        let outcome = world.carry_out(&world.services(), &desired, &seen, decision).await;
        let Ended::Stale { differences, .. } = &outcome.changes[&address] else { panic!("{outcome:?}") };
        assert_eq!(differences, &[format!("{FUTURE}, which plumb does not know, {said}")]);
        let resets = world.requests().await.iter().filter(|r| r["path"] == "/api/2.2/jobs/reset").count();
        assert_eq!(resets, 0);
    }
}

#[tokio::test]
async fn an_unknown_setting_that_the_service_does_not_take_back_is_told() {
    let world = newer(&fixture("DatabricksJob/minimal")).await;
    let (desired, address) = about_to_change(&world).await;
    world.settings(json!({ "keeps_unknown": false })).await;
    let (_, outcome): (Plan, ApplyOutcome) = world.apply(&desired).await;
    let Ended::Done { left, .. } = &outcome.changes[&address] else { panic!("{outcome:?}") };
    assert!(left.contains(&format!("{FUTURE}: plumb does not know it and sent it along, and it is gone")), "{left:?}");
}

/// Settings of a newer Jobs API, at the places where the API did grow: those that were found at first are modelled now.
const OF_JOBS: [(&str, &str, &str); 7] = [
    ("", "booking_of_tomorrow", "\"u-1\""),
    ("", "place_of_tomorrow", "\"/Shared\""),
    ("/schedule", "condition_of_tomorrow", "{\"sql_query_id\": \"q\"}"),
    ("/run_as", "group_of_tomorrow", "\"data\""),
    ("/tasks/0/run_job_task", "params_of_tomorrow", "{\"a\": \"b\"}"),
    ("/tasks/0", "environment_of_tomorrow", "[{\"a\": 1}]"),
    ("/tasks/1/for_each_task/task", "retries_of_tomorrow", "3"),
];

#[tokio::test]
async fn what_a_job_has_that_no_spec_can_say_outlives_an_update() {
    let job = |seconds: u32| {
        let text = format!(
            "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: a}}\nspec:\n  name: a\n  timeout_seconds: {seconds}\n  \
             schedule: {{quartz_cron_expression: \"0 0 4 * * ?\", timezone_id: UTC}}\n  run_as: {{user_name: laws}}\n  tasks:\n  \
             - {{task_key: other, run_job_task: {{job_id: 7}}}}\n  - {{task_key: each, for_each_task: {{inputs: \"[1]\", task: \
             {{task_key: one, run_job_task: {{job_id: 7}}}}}}}}\n"
        );
        world::load(&Files::from([("a.yaml".to_owned(), text)]))
    };
    let world = World::new().await;
    world.settings(json!({ "keeps_unknown": true })).await;
    world.settle(&job(0), "create").await;
    let set = |live: &mut Value| {
        for (place, name, value) in OF_JOBS {
            live.pointer_mut(place).unwrap()[name] = serde_json::from_str(value).unwrap();
        }
        // These say nothing: services show such values of what nobody touched.
        live["an_empty_one"] = json!({ "off": false, "none": [], "zero": 0 });
    };
    let mut state = world.state().await;
    each_owned(&mut state, &mut |_, _, live| set(live));
    world.put_state(&state).await;
    let plan = world.settle(&job(60), "update").await;
    assert_eq!(plan.changes[0].fields.len(), 1, "{}", world::text(&plan));
    let note = "7 settings that plumb does not know are kept: booking_of_tomorrow, place_of_tomorrow, \
                run_as.group_of_tomorrow, schedule.condition_of_tomorrow, \
                tasks[each].for_each_task.task.retries_of_tomorrow, tasks[other].environment_of_tomorrow, \
                tasks[other].run_job_task.params_of_tomorrow";
    let notes: Vec<&str> = plan.notes.iter().map(|n| n.message.as_str()).collect();
    assert_eq!(notes, [note]);
    let mut state = world.state().await;
    each_owned(&mut state, &mut |_, _, live| {
        for (place, name, value) in OF_JOBS {
            let wanted: Value = serde_json::from_str(value).unwrap();
            assert_eq!(live.pointer(place).unwrap()[name], wanted, "{place} {name}");
        }
        assert_eq!(live["timeout_seconds"], 60);
        assert_eq!(live["an_empty_one"], json!({ "off": false, "none": [], "zero": 0 }));
    });
}

#[tokio::test]
async fn a_dag_file_of_a_newer_plumb_is_not_written_over() {
    let dag = fixture("AirflowDag/minimal");
    let world = dag.world().await;
    let desired = world::load(&dag.files());
    world.settle(&desired, "the file").await;
    let name = world.files().into_iter().next().unwrap();
    let text = std::fs::read_to_string(world.file(&name)).unwrap();
    let mut data = python::data_of(&text).unwrap();
    data[FUTURE] = json!("x");
    let (head, rest) = text.split_once("SPEC = ").unwrap();
    let (open, rest) = rest.split_once('{').unwrap();
    let end = rest.find("\n\"\"\"").or_else(|| rest.find("\n'''")).unwrap();
    let newer = format!("{head}SPEC = {open}{}{}", serde_json::to_string_pretty(&data).unwrap(), &rest[end..]);
    std::fs::write(world.file(&name), &newer).unwrap();
    let (seen, decision) = world.plan(&desired).await;
    let blocked = decision
        .plan
        .blocked
        .iter()
        .find(|b| b.guard.is_none())
        .unwrap_or_else(|| panic!("{}", world::text(&decision.plan)));
    assert!(blocked.reason.contains(FUTURE), "{}", blocked.reason);
    world.carry_out(&world.services(), &desired, &seen, decision).await;
    assert_eq!(std::fs::read_to_string(world.file(&name)).unwrap(), newer);
    // It goes when a person says so.
    let desired = world::load(&with_metadata(&dag, "minimal", &[("remove", json!([FUTURE]))]));
    world.settle(&desired, "with `remove`").await;
    world.assert_settled(&desired, "with `remove`").await;
    assert!(!std::fs::read_to_string(world.file(&name)).unwrap().contains(FUTURE));
    assert_eq!(dag.kind.mark(), MarkPlace::Line(python::HEADER));
}

/// The same without a service: what is sent has each unknown member of what is live, or it is told that it goes.
#[test]
fn random_specs_carry_what_they_cannot_say() {
    for (name, pairs) in [("DatabricksJob", 150), ("DatabricksCluster", 300)] {
        let kind = kinds::find(name).unwrap();
        let (rules, strategy) = (kind.rules(), specs::of(kind));
        let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let mut carried = 0;
        for pair in 0..pairs {
            let mut spec = || strategy.new_tree(&mut runner).unwrap().current();
            let mut live = spec();
            let want = if pair % 2 == 0 { live.clone() } else { spec() };
            let mut members = BTreeMap::new();
            each_object(rules, &rules.root, &Path::default(), &mut live, &mut |path, object| {
                let at = json!({ "at": path.to_string(), "anywhere": anywhere(path) });
                object[FUTURE] = at.clone();
                members.insert(path.key(FUTURE), at);
            });
            let supplied = BTreeMap::new();
            let context = Context { supplied: &supplied, ignored: &[], undeclared: Undeclared::Remove };
            let comparison = compare(rules, &normal(rules, &want), &normal(rules, &live), &context);
            let mut body = without_nulls(rules, &rules.root, &want);
            let taken = unknown::carry(rules, &live, &mut body, &comparison.differences, &[], &supplied);
            let taken: BTreeSet<&Path> = taken.iter().map(|m| &m.path).collect();
            let mut sent = BTreeSet::new();
            each_object(rules, &rules.root, &Path::default(), &mut body, &mut |path, object| {
                if let Some(from) = object.get(FUTURE) {
                    assert_eq!(anywhere(path), from["anywhere"], "{name} {pair}: it was sent to another place");
                    sent.insert(from.to_string());
                }
            });
            for (path, value) in &members {
                let (is_sent, goes) = (sent.contains(&value.to_string()), taken.contains(path));
                assert!(is_sent != goes, "{name} {pair}: {path} is sent: {is_sent}, goes: {goes}\n{live:#}\n{want:#}");
            }
            carried += sent.len();
        }
        assert!(carried > pairs, "{name}: only {carried} were carried");
    }
}
