//! A law about every field that the service may set itself: what is live there survives an apply, or its plan names it;
//! and after the apply there is nothing left to do. Whether somebody set it live, whether the manifest had it and has it no
//! more, or whether its object was imported.
//!
//! Which fields those are is read off the compiled rules, and values that fit them off the schemas.

use crate::fixtures::{self, Fixture, yaml};
use crate::undeclared::{maps_to_texts, texts_to_maps};
use crate::world::{self, Files, World};
use plumb_core::kinds::{self, Kind};
use plumb_core::manifest::{Desired, Resource};
use plumb_core::plan::normal::normal;
use plumb_core::plan::{Live, Plan};
use plumb_core::render;
use plumb_model::address::Address;
use plumb_model::schema::{self, Around, Field, Path, Rules, Scope, Segment, Shape, Unset};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The fixtures of kinds that have such fields. DAGs are files of plumb's own.
fn fixtures() -> impl Iterator<Item = Fixture> {
    fixtures::all().into_iter().filter(|f| f.kind.name() != "AirflowDag")
}

/// Whether the law is about a field. What is written by calls of its own, as a whole or each of its entries, is in no write of
/// the object.
fn is_of_server(field: &Field) -> bool {
    field.rule.unset == Some(Unset::Server) && !field.rule.apart && !field.rule.keep_empty
}

/// Finds the places of such fields in an object, and sets those that nobody has set.
struct Hand<'a> {
    rules: &'a Rules,
    root: &'a Value,
    done: Vec<(Path, Value)>,
}

impl Hand<'_> {
    fn object(
        &mut self,
        object: usize,
        at: &'static Value,
        path: &Path,
        declared: &Map<String, Value>,
        live: &mut Map<String, Value>,
        up: Option<&Scope<'_>>,
    ) {
        let of = self.rules.of(object);
        for (name, member) in &of.members {
            let (here, below) = (path.key(name), child(self.root, at, name));
            let said = declared.get(name).filter(|v| !v.is_null());
            // The emulated Airflow has no teams, so that no row can have one; and what another tool's deployment marks is not
            // taken over before a manifest says so.
            if name == "team_name" || name == "deployment" {
                continue;
            }
            if is_of_server(member) {
                let before = live.clone();
                let scope = Scope { of, object: Some(&before), up };
                let value = said.is_none().then(|| self.by_hand(member, below, &scope)).flatten();
                if let Some(value) = value {
                    live.insert(name.clone(), value.clone());
                    self.done.push((here, value));
                }
                continue;
            }
            // A cluster is in one cloud.
            let is_elsewhere = !member.rule.refused_when.is_empty() && live.get(name).is_none();
            if member.rule.unset == Some(Unset::Members) && said.is_none() && !is_elsewhere {
                live.entry(name.clone()).or_insert_with(|| json!({}));
            }
            let before = live.clone();
            let scope = Scope { of, object: Some(&before), up };
            if let Some(inner) = live.get_mut(name) {
                self.value(member, below, &here, said.unwrap_or(&Value::Null), inner, &scope);
                if inner == &json!({}) && said.is_none() {
                    live.remove(name);
                }
            }
        }
    }

    fn value(
        &mut self,
        field: &Field,
        at: &'static Value,
        path: &Path,
        declared: &Value,
        live: &mut Value,
        up: &Scope<'_>,
    ) {
        let nothing = Map::new();
        match (&field.shape, live) {
            (Shape::Object(object), Value::Object(live))
                if declared.is_object() || field.rule.unset == Some(Unset::Members) =>
            {
                self.object(*object, at, path, declared.as_object().unwrap_or(&nothing), live, Some(up));
            }
            (Shape::List(item), Value::Array(live)) => {
                let (Some(by), Some(declared)) = (&field.rule.key, declared.as_array()) else { return };
                let inner = resolved(self.root, &at["items"]);
                for element in declared {
                    let Some(key) = by.of(element) else { continue };
                    if let Some(live) = live.iter_mut().find(|e| by.of(e).as_deref() == Some(&key)) {
                        self.value(item, inner, &path.with(Segment::Item(key)), element, live, up);
                    }
                }
            }
            _ => {}
        }
    }

    /// A value that the service did not set by itself, or that it may have chosen where it may choose any.
    fn by_hand(&self, field: &Field, at: &'static Value, around: &Scope<'_>) -> Option<Value> {
        let is_free = |value: &Value| {
            !field.rule.is_filled(value, Some(around)) && !field.rule.is_refused(value, Around::live(Some(around)))
        };
        samples(self.root, at, 0).into_iter().find(is_free)
    }
}

/// The schema of a member, references followed.
fn child(root: &Value, at: &'static Value, name: &str) -> &'static Value {
    resolved(root, &at["properties"][name])
}

fn resolved(root: &Value, at: &'static Value) -> &'static Value {
    let root: &'static Value = kinds::all().iter().map(|k| k.schema()).find(|s| std::ptr::eq(*s, root)).unwrap();
    if let Some(name) = at["$ref"].as_str() {
        return resolved(root, root.pointer(name.trim_start_matches('#')).unwrap());
    }
    for several in ["anyOf", "allOf"] {
        if let Some(inner) = at[several].as_array().and_then(|all| all.iter().find(|s| s["type"] != "null")) {
            return resolved(root, inner);
        }
    }
    at
}

/// Values that fit a schema: the likeliest to be somebody's wish first.
fn samples(root: &Value, at: &'static Value, depth: usize) -> Vec<Value> {
    if let Some(cases) = at["oneOf"].as_array() {
        return cases.iter().rev().flat_map(|case| samples(root, resolved(root, case), depth)).collect();
    }
    if let Some(only) = at.get("const") {
        return vec![only.clone()];
    }
    if let Some(values) = at["enum"].as_array() {
        return values.iter().rev().filter(|v| !v.is_null()).cloned().collect();
    }
    if let Some(members) = at["properties"].as_object() {
        let required = at["required"].as_array().cloned().unwrap_or_default();
        let is_needed = |name: &str| depth == 0 || required.iter().any(|r| r == name);
        let one =
            |name: &String| Some((name.clone(), samples(root, child(root, at, name), depth + 1).first()?.clone()));
        return vec![members.keys().filter(|name| is_needed(name)).filter_map(one).collect()];
    }
    let types = at["type"].as_array().cloned().unwrap_or_else(|| vec![at["type"].clone()]);
    match types.iter().find_map(|t| t.as_str().filter(|t| *t != "null")) {
        Some("boolean") => vec![json!(true), json!(false)],
        Some("integer") => vec![json!(7), json!(11)],
        Some("number") => vec![json!(7.5)],
        Some("array") => vec![json!([samples(root, resolved(root, &at["items"]), depth + 1)[0]])],
        Some("object") => match at["additionalProperties"].is_object() {
            true => vec![
                json!({ "spark_version": samples(root, resolved(root, &at["additionalProperties"]), depth + 1)[0] }),
            ],
            false => vec![json!({ "by": "hand" })],
        },
        _ => vec![json!("by-hand")],
    }
}

/// The specs of the project's live objects, by address, in normal form.
fn specs(live: &Live, desired: &Desired) -> BTreeMap<Address, Value> {
    let adopted = |r: &Resource| {
        let found = live.of(&r.address.kind).iter().find(|f| r.adopt.as_ref() == Some(&f.seen.id))?;
        Some((r.address.clone(), normal(r.kind.rules(), &found.seen.spec())))
    };
    let mut specs: BTreeMap<Address, Value> = desired.resources.iter().filter_map(adopted).collect();
    for kind in kinds::objects() {
        for (address, found) in live.owned(kind.name(), &desired.project.name, &desired.mark_target()) {
            specs.insert(address, normal(kind.rules(), &found[0].seen.spec()));
        }
    }
    specs
}

/// Sets what nobody declared on every object of the project; answers what and where.
async fn set_by_hand(world: &World, desired: &Desired) -> BTreeMap<Address, Vec<(Path, Value)>> {
    let mut state = world.state().await;
    let mut done = BTreeMap::new();
    for kind in kinds::objects() {
        for (_, live) in world::objects(&mut state, *kind) {
            let Some(mark) = kind.mark().take(&mut live.clone()) else { continue };
            let resource = desired.resources.iter().find(|r| r.address == mark.owner.address).unwrap();
            texts_to_maps(*kind, live);
            let mut hand = Hand { rules: kind.rules(), root: kind.schema(), done: Vec::new() };
            if let (Shape::Object(root), Value::Object(live), Value::Object(declared)) =
                (&kind.rules().root.shape, &mut *live, &*resource.spec)
            {
                hand.object(*root, kind.schema(), &Path::default(), declared, live, None);
            }
            // What no service would have: a place that is no address, a location with several queues, a key that is not used.
            for (path, value) in &mut hand.done {
                let member = path.to_string();
                *value = match member.as_str() {
                    "storage_root" | "storage_location" => json!("s3://by-hand"),
                    "file_event_queue" => json!({ "provided_sqs": { "queue_url": "by-hand" } }),
                    "encryption_details" => json!({ "sse_encryption_details": { "algorithm": "AWS_SSE_S3" } }),
                    _ => continue,
                };
                live[member.as_str()] = value.clone();
            }
            // A pool's profile is that of its clusters too, which then can have no other.
            let has_clusters = desired.resources.iter().any(|r| r.kind.name() != kind.name());
            if let Some(aws) = live.get_mut("aws_attributes").filter(|_| kind.noun() == "instance pool" && has_clusters)
            {
                hand.done.retain(|(path, _)| path.to_string() != "aws_attributes.instance_profile_arn");
                aws.as_object_mut().unwrap().remove("instance_profile_arn");
            }
            // A notebook of the repository has no place in the workspace: nobody can say that it is there.
            for task in live.get_mut("tasks").and_then(Value::as_array_mut).into_iter().flatten() {
                let is_relative = |path: &Value| path.as_str().is_some_and(|path| !path.starts_with('/'));
                let key = task["task_key"].as_str().unwrap_or_default().to_owned();
                if let Some(notebook) = task.get_mut("notebook_task").filter(|n| is_relative(&n["notebook_path"])) {
                    hand.done.retain(|(path, _)| path.to_string() != format!("tasks[{key}].notebook_task.source"));
                    notebook.as_object_mut().unwrap().remove("source");
                }
            }
            maps_to_texts(*kind, live);
            done.insert(resource.address.clone(), hand.done);
        }
    }
    world.put_state(&state).await;
    done
}

/// Makes the marks those of other manifests, so that nobody can tell what the last one had.
async fn forget_hashes(world: &World) {
    let mut state = world.state().await;
    for kind in kinds::objects() {
        for (_, live) in world::objects(&mut state, *kind) {
            if let Some(mut mark) = kind.mark().take(live) {
                mark.rev.as_mut().unwrap().hash = "00000000".into();
                kind.mark().put(live, &mark);
            }
        }
    }
    world.put_state(&state).await;
}

/// The manifests, each of which asks for one write that changes nothing of the spec.
fn protected(fixture: &Fixture, edit: impl Fn(&mut Value)) -> Files {
    let mut documents = fixture.documents();
    for document in &mut documents {
        document["metadata"]["lifecycle"]["protect"] = json!(true);
        edit(document);
    }
    Files::from([("all.yaml".to_owned(), yaml(&documents))])
}

/// Whether a plan names a place of a resource, in a field or a note, by itself or with what is around it.
fn names(plan: &Plan, address: &Address, path: &Path) -> bool {
    let path = path.to_string();
    let is = |said: &str| {
        path.strip_prefix(said).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            || said.strip_prefix(&path).is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    let fields = plan.changes.iter().filter(|c| c.address == *address).flat_map(|c| &c.fields);
    let mut notes = plan.notes.iter().filter(|n| n.address.as_ref() == Some(address));
    fields.map(|f| f.path.as_str()).any(is)
        || notes.any(|n| n.message.split_once(": ").is_some_and(|(_, list)| list.split(", ").any(is)))
}

/// Applies, and fails for each of these places that neither kept its value nor was named; and unless it settles.
async fn survive_or_named(world: &World, desired: &Desired, places: &BTreeMap<Address, Vec<Path>>, what: &str) -> Plan {
    let (before, _) = world.plan(desired).await;
    let before = specs(&before, desired);
    let plan = world.settle(desired, what).await;
    let (after, _) = world.plan(desired).await;
    let after = specs(&after, desired);
    for (address, paths) in places {
        let rules = kinds::find(&address.kind).unwrap().rules();
        for path in paths {
            let (was, is) = (schema::find(rules, &before[address], path), schema::find(rules, &after[address], path));
            let named = names(&plan, address, path) || is_filled_again(rules, &before[address], path);
            assert!(
                was == is || named,
                "{what}: {address} {path} was {was:?}, is {is:?}, unseen\n{}",
                world::text(&plan)
            );
        }
    }
    world.assert_settled(desired, what).await;
    plan
}

/// Whether a value is what the service surely fills in by itself, and so is nobody's.
fn is_filled_again(rules: &Rules, spec: &Value, path: &Path) -> bool {
    fn step(rules: &Rules, field: &Field, here: &Value, way: &[Segment], around: Option<&Scope<'_>>) -> bool {
        let Some((first, rest)) = way.split_first() else { return field.rule.is_filled(here, around) };
        match (&field.shape, here, first) {
            (Shape::Object(object), Value::Object(map), Segment::Key(key)) => {
                let of = rules.of(*object);
                let scope = Scope { of, object: Some(map), up: around };
                map.get(key).is_some_and(|inner| step(rules, &of.members[key], inner, rest, Some(&scope)))
            }
            (Shape::List(item), Value::Array(items), Segment::Item(key)) => {
                let by = field.rule.key.as_ref().unwrap();
                let found = items.iter().find(|e| by.of(e).as_ref() == Some(key));
                found.is_some_and(|inner| step(rules, item, inner, rest, around))
            }
            _ => false,
        }
    }
    step(rules, &rules.root, spec, &path.0, None)
}

fn paths(done: BTreeMap<Address, Vec<(Path, Value)>>) -> BTreeMap<Address, Vec<Path>> {
    done.into_iter().map(|(a, list)| (a, list.into_iter().map(|(path, _)| path).collect())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_live_survives_every_write_or_is_named() {
    for forgets in [false, true] {
        world::each(fixtures().map(|f| (format!("{}, forgets: {forgets}", f.name()), set_live(f, forgets)))).await;
    }
}

async fn set_live(fixture: Fixture, forgets: bool) {
    let (world, what) = (fixture.world().await, fixture.name());
    world.settings(json!({ "check_references": false })).await;
    let desired = world::load(&fixture.files());
    world.settle(&desired, &what).await;
    let done = set_by_hand(&world, &desired).await;
    if forgets {
        forget_hashes(&world).await;
    } else {
        // While the manifest is the one that was applied, what says whom the nodes are is drift, and all else a note.
        let plan = world.plan(&desired).await.1.plan;
        let is_strict =
            |path: &str| ["instance_profile_arn", "google_service_account"].iter().any(|s| path.ends_with(s));
        for change in &plan.changes {
            assert!(change.fields.iter().any(|f| is_strict(&f.path)), "{what}: drift\n{}", world::text(&plan));
        }
    }
    survive_or_named(&world, &world::load(&protected(&fixture, |_| ())), &paths(done), &what).await;
}

/// Takes each such field out of a declared spec; answers where.
fn take_out(rules: &Rules, field: &Field, path: &Path, value: &mut Value, gone: &mut Vec<Path>) {
    match (&field.shape, value) {
        (Shape::Object(object), Value::Object(map)) => {
            // A cluster has to have machines, a policy rules, and what is external a place.
            let needed = |name: &str| matches!(name, "node_type_id" | "definition" | "storage_location");
            map.retain(|name, value| {
                let Some(member) = rules.of(*object).members.get(name) else { return true };
                let here = path.key(name);
                if is_of_server(member) && !needed(name) {
                    gone.push(here);
                    return false;
                }
                take_out(rules, member, &here, value, gone);
                true
            });
        }
        (Shape::List(item), Value::Array(items)) => {
            let Some(by) = &field.rule.key else { return };
            for element in items {
                if let Some(key) = by.of(element) {
                    take_out(rules, item, &path.with(Segment::Item(key)), element, gone);
                }
            }
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_out_of_the_manifest_survives_or_is_named() {
    world::each(fixtures().map(|f| (f.name(), taken_out(f)))).await;
}

async fn taken_out(fixture: Fixture) {
    let (world, what) = (fixture.world().await, fixture.name());
    world.settings(json!({ "check_references": false })).await;
    world.settle(&world::load(&fixture.files()), &what).await;
    let gone = std::sync::Mutex::new(BTreeMap::new());
    let files = protected(&fixture, |document| {
        let kind = kinds::find(document["kind"].as_str().unwrap()).unwrap();
        let name = document["metadata"]["name"].as_str().unwrap().to_owned();
        let mut paths = Vec::new();
        take_out(kind.rules(), &kind.rules().root, &Path::default(), &mut document["spec"], &mut paths);
        gone.lock().unwrap().insert(Address { kind: kind.name().to_owned(), name }, paths);
    });
    let desired = world::load(&files);
    survive_or_named(&world, &desired, &gone.into_inner().unwrap(), &what).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_imported_stays_as_it_is() {
    world::each(fixtures().map(|f| (f.name(), imported(f)))).await;
}

async fn imported(fixture: Fixture) {
    let (world, what) = (fixture.world().await, fixture.name());
    world.settings(json!({ "check_references": false })).await;
    let desired = world::load(&fixture.files());
    world.settle(&desired, &what).await;
    let done = set_by_hand(&world, &desired).await;
    let mut state = world.state().await;
    for kind in kinds::objects() {
        for (_, live) in world::objects(&mut state, *kind) {
            kind.mark().take(live);
        }
    }
    world.put_state(&state).await;
    let (live, _) = world.plan(&world::load(&Files::new())).await;
    // Their places, by what the import calls the objects.
    let (mut files, mut places) = (Files::new(), BTreeMap::new());
    for kind in kinds::objects() {
        for (i, found) in live.of(kind.name()).iter().enumerate() {
            let name = format!("imported-{i}");
            let title = |spec: &Value| spec[kind.title()].clone();
            let was = desired
                .resources
                .iter()
                .find(|r| r.kind.name() == kind.name() && title(&r.spec) == title(&found.seen.spec()));
            let Some(was) = was else { continue };
            let manifest =
                render::manifest(*kind, &name, &found.seen.whole(), ("schema", world::TARGET), &BTreeMap::new(), &[])
                    .unwrap();
            let address = Address { kind: kind.name().to_owned(), name: name.clone() };
            let paths: Vec<Path> = done[&was.address].iter().map(|(path, _)| path.clone()).collect();
            // What made a job until now is not written, and kept.
            places.insert(address, paths);
            files.insert(format!("{}-{name}.yaml", kind.name()), manifest.text);
        }
    }
    let imported = world::load(&files);
    let (live, decision) = world.plan(&imported).await;
    drop(live);
    for (address, paths) in &places {
        for path in paths {
            let is_field = decision
                .plan
                .changes
                .iter()
                .filter(|c| c.address == *address)
                .any(|c| c.fields.iter().any(|f| f.path == path.to_string()));
            assert!(!is_field, "{what}: an import changes {address} {path}\n{}", world::text(&decision.plan));
        }
    }
    survive_or_named(&world, &imported, &places, &what).await;
}

/// Every such field is met by one of the fixtures above, so that none is left out without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_that_the_service_may_set_is_tried() {
    let mut missed: BTreeSet<String> = BTreeSet::new();
    for kind in kinds::objects().iter().filter(|k| k.name() != "AirflowDag") {
        for of in kind.rules().types() {
            let fields = of.members.iter().filter(|(_, f)| is_of_server(f));
            missed.extend(fields.map(|(name, _)| format!("{} {name}", kind.name())));
        }
    }
    let total = missed.len();
    for fixture in fixtures() {
        let world = fixture.world().await;
        world.settings(json!({ "check_references": false })).await;
        let desired = world::load(&fixture.files());
        world.settle(&desired, &fixture.name()).await;
        let set = paths(set_by_hand(&world, &desired).await);
        let mut declared: Vec<(String, Path)> = Vec::new();
        for mut document in fixture.documents() {
            let kind: &dyn Kind = kinds::find(document["kind"].as_str().unwrap()).unwrap();
            let mut gone = Vec::new();
            take_out(kind.rules(), &kind.rules().root, &Path::default(), &mut document["spec"], &mut gone);
            declared.extend(gone.into_iter().map(|path| (kind.name().to_owned(), path)));
        }
        let set =
            set.into_iter().flat_map(|(address, paths)| paths.into_iter().map(move |p| (address.kind.clone(), p)));
        for (kind, path) in set.chain(declared) {
            if let Some(Segment::Key(name)) = path.0.last() {
                missed.remove(&format!("{kind} {name}"));
            }
        }
    }
    assert!(total > 30, "only {total} fields were found");
    // A cluster without a pool has to have machines, and a policy without a family rules: others say more elsewhere. A job's
    // `job_source` is tried as a whole. An external volume has to have a place, and a managed one's is never declared. The
    // emulated Airflow has no teams.
    assert_eq!(
        missed.into_iter().collect::<Vec<_>>(),
        [
            "AirflowConnection team_name",
            "AirflowPool team_name",
            "AirflowVariable team_name",
            "DatabricksCluster node_type_id",
            "DatabricksClusterPolicy definition",
            "DatabricksJob dirty_state",
            "DatabricksVolume storage_location",
        ],
        "never tried"
    );
}
