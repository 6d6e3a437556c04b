//! Law 4: a field that nobody declared is never a reason to act, unless a rule says that it is one; and then it heals.
//!
//! Which is which is read off the compiled rules, so that a new field is covered on the day it is added.

use crate::fixtures::{self, Fixture};
use crate::world::{self, World};
use plumb_core::kinds::{self, Kind};
use plumb_core::manifest::Desired;
use plumb_core::plan::normal::of_field;
use plumb_model::schema::{Field, KeyBy, Path, Rules, Segment, Shape, Unset};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of a live value that no manifest declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing: the service may do as it likes.
    Silent,
    /// It is left alone, and the plan mentions it.
    Noted,
    /// It is taken away.
    Healed,
}

fn fate(field: &Field) -> Fate {
    let rule = &field.rule;
    if rule.server || rule.unset == Some(Unset::Server) {
        Fate::Silent
    } else if rule.default.is_some() || rule.unset == Some(Unset::Absent) {
        Fate::Healed
    } else {
        Fate::Noted
    }
}

/// A member that no service has today.
const FUTURE: &str = "member_of_the_future";
/// The name of an undeclared entry, and the value of most.
pub const UNDECLARED: &str = "undeclared";

/// Sets undeclared values on a live object.
struct Meddler<'a> {
    rules: &'a Rules,
    fates: &'a [Fate],
    /// Where it did, and what is to become of it.
    done: Vec<(Path, Fate)>,
}

impl Meddler<'_> {
    fn object(&mut self, object: usize, path: &Path, declared: &Map<String, Value>, live: &mut Map<String, Value>) {
        live.insert(FUTURE.into(), json!({ "a": [1] }));
        for (name, member) in &self.rules.of(object).members {
            // A cluster that scales by itself shows a number of workers that is nobody's wish. So only one of the two.
            let is_sized = declared.get("num_workers").is_some_and(|n| *n != json!(0));
            let no_size =
                name == "num_workers" && declared.contains_key("autoscale") || name == "autoscale" && !is_sized;
            // Whoever a job runs as is a user or a service principal: the service shows one name.
            if path.to_string() == "run_as" {
                continue;
            }
            // A password that plumb did not set cannot be told from none on Airflow 2, and is left alone.
            if path.to_string() == "" && name == "password" {
                continue;
            }
            if member.rule.write_only || no_size {
                continue;
            }
            // Whether the service or somebody set it is a matter of the value, and of another law (`server_filled`).
            if member.rule.unset == Some(Unset::Server) && !member.rule.apart && !member.rule.keep_empty {
                continue;
            }
            // Another object would take its place, and none does while the live one has settings that plumb does not know.
            if member.rule.replace_to_clear || member.rule.replace && fate(member) == Fate::Healed {
                continue;
            }
            let declared = declared.get(name).filter(|v| of_field(self.rules, member, v).is_some());
            let here = path.key(name);
            match declared {
                Some(declared) => {
                    if let Some(live) = live.get_mut(name) {
                        self.below(member, &here, declared, live);
                    }
                }
                None => {
                    let is_live = live.get(name).is_some_and(|v| of_field(self.rules, member, v).is_some());
                    if !is_live {
                        self.set(member, &here, live, name);
                    }
                }
            }
        }
    }

    /// Sets a value where nothing is declared.
    fn set(&mut self, field: &Field, path: &Path, live: &mut Map<String, Value>, name: &str) {
        let fate = fate(field);
        match (&field.shape, fate) {
            // A map or a type without a rule of its own: its entries and members have theirs.
            (Shape::Object(_) | Shape::Map(_), Fate::Noted) => {
                let mut inner = json!({});
                self.below(field, path, &json!({}), &mut inner);
                if inner != json!({}) {
                    live.insert(name.to_owned(), inner);
                }
            }
            _ if self.fates.contains(&fate) => {
                live.insert(name.to_owned(), sample(self.rules, field, 0));
                self.done.push((path.clone(), fate));
            }
            _ => {}
        }
    }

    fn below(&mut self, field: &Field, path: &Path, declared: &Value, live: &mut Value) {
        match (&field.shape, declared, live) {
            (Shape::Object(object), Value::Object(declared), Value::Object(live)) => {
                self.object(*object, path, declared, live);
            }
            (Shape::Map(entry), Value::Object(declared), Value::Object(live)) => {
                for (key, value) in declared {
                    if let Some(live) = live.get_mut(key) {
                        self.below(entry, &path.key(key), value, live);
                    }
                }
                self.set(entry, &path.key(UNDECLARED), live, UNDECLARED);
            }
            (Shape::List(item), Value::Array(declared), Value::Array(live)) => {
                let Some(by) = &field.rule.key else { return };
                for element in declared {
                    let Some(key) = by.of(element) else { continue };
                    if let Some(live) = live.iter_mut().find(|e| by.of(e).as_deref() == Some(&key)) {
                        self.below(item, &path.with(Segment::Item(key)), element, live);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A value that no default equals.
fn sample(rules: &Rules, field: &Field, depth: usize) -> Value {
    match (&field.shape, &field.rule.default) {
        (_, Some(Value::Bool(default))) => json!(!default),
        (_, Some(Value::Number(_))) => json!(4711),
        (Shape::Leaf, _) if field.integer => json!(4711),
        (Shape::Leaf, _) => json!(UNDECLARED),
        (Shape::Map(entry), _) => json!({ UNDECLARED: sample(rules, entry, depth + 1) }),
        (Shape::List(item), _) => {
            let mut element = sample(rules, item, depth + 1);
            let key = match &field.rule.key {
                Some(KeyBy::One(key)) => Some(key),
                Some(KeyBy::FirstOf(keys)) => keys.first(),
                None => None,
            };
            if let Some(key) = key {
                element[key] = json!(UNDECLARED);
            }
            json!([element])
        }
        // Types refer to themselves: two levels say enough.
        (Shape::Object(object), _) => rules
            .of(*object)
            .members
            .iter()
            .filter(|(_, m)| depth < 2 && !m.rule.server)
            .map(|(name, member)| (name.clone(), sample(rules, member, depth + 1)))
            .collect(),
    }
}

/// Sets undeclared values on every object of the project; answers where.
async fn meddle(world: &World, desired: &Desired, fates: &[Fate]) -> BTreeMap<String, Vec<(Path, Fate)>> {
    let mut state = world.state().await;
    let mut done = BTreeMap::new();
    for kind in kinds::objects() {
        for (_, live) in world::objects(&mut state, *kind) {
            let Some(mark) = kind.mark().take(&mut live.clone()) else { continue };
            let resource = desired.resources.iter().find(|r| r.address == mark.owner.address).unwrap();
            let rules = kind.rules();
            let mut meddler = Meddler { rules, fates, done: Vec::new() };
            texts_to_maps(*kind, live);
            // The mark is not declared either, and has to stay.
            let (mut declared, member) = (resource.spec.to_value(), kind.mark().member());
            if let kinds::MarkPlace::LastLine(_) = kind.mark() {
                let marked = live[member].as_str().unwrap_or_default().to_owned();
                let is_declared = declared[member].as_str().is_some_and(|d| !d.is_empty());
                if !is_declared && fates.contains(&Fate::Noted) {
                    live[member] = json!(format!("{UNDECLARED}\n{marked}"));
                    meddler.done.push((Path::default().key(member), Fate::Noted));
                }
                declared[member] = json!(marked);
            }
            meddler.below(&rules.root, &Path::default(), &declared, live);
            maps_to_texts(*kind, live);
            done.insert(resource.address.to_string(), meddler.done);
        }
    }
    world.put_state(&state).await;
    done
}

/// What is text on the wire: a policy's definition, what else a connection says.
const TEXTS: [(&str, &str); 3] = [
    ("DatabricksClusterPolicy", "definition"),
    ("DatabricksClusterPolicy", "policy_family_definition_overrides"),
    ("AirflowConnection", "extra"),
];

/// Makes maps of what is text on the wire.
pub fn texts_to_maps(kind: &dyn Kind, live: &mut Value) {
    for (_, member) in TEXTS.into_iter().filter(|(name, _)| *name == kind.name()) {
        if let Some(map) = live.get(member).and_then(Value::as_str).and_then(|t| serde_json::from_str(t).ok()) {
            live[member] = map;
        }
    }
}

/// And texts of the maps.
pub fn maps_to_texts(kind: &dyn Kind, live: &mut Value) {
    for (_, member) in TEXTS.into_iter().filter(|(name, _)| *name == kind.name()) {
        if live.get(member).is_some_and(Value::is_object) {
            live[member] = json!(live[member].to_string());
        }
    }
}

/// Leaves values that nobody declared and no rule speaks of on every object.
pub async fn leave_traces(world: &World, desired: &Desired) {
    meddle(world, desired, &[Fate::Silent, Fate::Noted]).await;
}

/// Sets values that a rule forbids on every object: the next apply takes them away.
pub async fn drift(world: &World, desired: &Desired) {
    meddle(world, desired, &[Fate::Healed]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_rule_speaks_of_is_left_alone() {
    world::each(of_fields().map(|f| (f.name(), left_alone(f)))).await;
}

/// The fixtures without those of DAGs, which have no fields on the server: all that can be added is an edit of plumb's
/// file, and heals (`tests/peers/airflow_dag/converge.rs`).
fn of_fields() -> impl Iterator<Item = Fixture> {
    fixtures::all().into_iter().filter(|f| f.kind.name() != "AirflowDag")
}

async fn left_alone(fixture: Fixture) {
    let (world, what) = (fixture.world().await, fixture.name());
    let desired = world::load(&fixture.files());
    world.settle(&desired, &what).await;
    let done = meddle(&world, &desired, &[Fate::Silent, Fate::Noted]).await;
    assert_eq!(done.len(), desired.resources.len(), "{what}: not every object was meddled with");
    let plan = world.plan(&desired).await.1.plan;
    assert!(plan.is_empty(), "{what}: something is to be done\n{}", world::text(&plan));
    for (address, places) in done {
        let notes: Vec<&str> = plan
            .notes
            .iter()
            .filter(|n| n.address.as_ref().is_some_and(|a| a.to_string() == address))
            .filter_map(|n| n.message.split_once("left alone: "))
            .flat_map(|(_, paths)| paths.split(", "))
            .collect();
        let noted: BTreeSet<String> =
            places.iter().filter(|(_, fate)| *fate == Fate::Noted).map(|(path, _)| path.to_string()).collect();
        let notes: BTreeSet<String> = notes.into_iter().map(str::to_owned).collect();
        assert_eq!(notes, noted, "{what}: what the plan notes of {address}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rule_forbids_is_drift_and_heals() {
    // Beside what it has to have, a variable has a description, which no rule speaks of.
    world::each(of_fields().filter(|f| f.kind.name() != "AirflowVariable").map(|f| (f.name(), heals(f)))).await;
}

async fn heals(fixture: Fixture) {
    let (world, what) = (fixture.world().await, fixture.name());
    world.settings(json!({ "keeps_unknown": true })).await;
    let desired = world::load(&fixture.files());
    world.settle(&desired, &what).await;
    let done = meddle(&world, &desired, &[Fate::Healed]).await;
    let places: usize = done.values().map(Vec::len).sum();
    assert!(places > 0 || fixture.case.starts_with("everything"), "{what}: nothing was meddled with");
    let plan = world.plan(&desired).await.1.plan;
    for (address, places) in done {
        let fields: BTreeSet<String> = plan
            .changes
            .iter()
            .filter(|c| c.address.to_string() == address)
            .flat_map(|c| c.fields.iter().map(|f| f.path.clone()))
            .collect();
        let missed: Vec<String> =
            places.iter().map(|(path, _)| path.to_string()).filter(|path| !is_seen(&fields, path)).collect();
        let plan = world::text(&plan);
        assert!(missed.is_empty(), "{what}: no drift of {address} was seen at {missed:?}\n{plan}");
    }
    world.settle(&desired, &what).await;
    world.assert_settled(&desired, &what).await;
}

/// Whether a plan has a field, or fields of it: where a policy supplies a part, the rest is told apart by member.
fn is_seen(fields: &BTreeSet<String>, path: &str) -> bool {
    let below = |f: &String| f.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    fields.iter().any(below)
}
