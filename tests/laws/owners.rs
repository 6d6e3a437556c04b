//! Laws 7 to 9: a failed step stops only what depends on it; pruning removes all that is owned and nothing else; an
//! import of what is live changes nothing.

use crate::fixtures;
use crate::world::{self, Files, PROJECT, TARGET, World};
use plumb::observe;
use plumb_core::kinds::{self, Kind, MarkPlace};
use plumb_core::manifest::Desired;
use plumb_core::plan::outcome::Ended;
use plumb_core::plan::{Action, LiveObject};
use plumb_core::render;
use plumb_model::address::Address;
use plumb_model::call::{Call, Method, Sending, Service, ServiceError};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A workspace that refuses every write with a word in it.
struct Refusing {
    inner: Arc<dyn Service>,
    word: String,
}

impl Service for Refusing {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
        let refused = call.method != Method::Get && (body.contains(&self.word) || call.path.contains(&self.word));
        Box::pin(async move {
            if refused {
                return Err(ServiceError::Refused {
                    line: call.line(),
                    status: 400,
                    code: "INVALID_PARAMETER_VALUE".into(),
                    message: "refused by the test".into(),
                    request_id: None,
                    retry_after: None,
                    doubt: None,
                });
            }
            self.inner.send(call).await
        })
    }
}

/// The resources that need this one, directly or through others.
fn dependants(desired: &Desired, address: &Address) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![address.clone()];
    while let Some(next) = waiting.pop() {
        for resource in desired.resources.iter().filter(|r| r.references.contains(&next)) {
            if found.insert(resource.address.clone()) {
                waiting.push(resource.address.clone());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_create_stops_only_what_depends_on_it() {
    let desired = world::load(&fixtures::together());
    // Those that others refer to, and a few that none does.
    let addresses: Vec<Address> = desired
        .resources
        .iter()
        .filter(|r| !dependants(&desired, &r.address).is_empty() || r.address.name == "minimal")
        // A scope is made without its mark, which stands in the names of keys: `crashes` has what becomes of it.
        .filter(|r| !matches!(r.kind.mark(), MarkPlace::Words(_)))
        .map(|r| r.address.clone())
        .collect();
    assert!(addresses.len() > 8, "the fixtures refer to each other too rarely");
    world::each(addresses.into_iter().map(|address| (address.to_string(), one_fails(address)))).await;
}

async fn one_fails(address: Address) {
    let system = kinds::find(&address.kind).unwrap().system();
    let world = World::of(system).await;
    let desired = world::load(&fixtures::together_of(system));
    // In the mark, which every create carries.
    let word = format!("{PROJECT}/{TARGET}/{address}");
    let services = world.through(Arc::new(Refusing { inner: world.direct(), word: format!("{word}\"") }));
    let in_text = world.through(Arc::new(Refusing { inner: world.direct(), word: format!("{word} ") }));
    let services = match kinds::find(&address.kind).unwrap().mark() {
        MarkPlace::Tags(_) | MarkPlace::TagPairs(..) => services,
        MarkPlace::LastLine(_) | MarkPlace::Line(_) | MarkPlace::Words(_) | MarkPlace::Nowhere => in_text,
    };
    let (live, decision) = world.plan(&desired).await;
    let outcome = world.carry_out(&services, &desired, &live, decision).await;
    let skipped = dependants(&desired, &address);
    for (other, ended) in &outcome.changes {
        let as_it_should = match ended {
            Ended::Failed { .. } => *other == address,
            Ended::Skipped { because } => skipped.contains(other) && (*because == address || skipped.contains(because)),
            Ended::Done { .. } => *other != address && !skipped.contains(other),
            _ => false,
        };
        assert!(as_it_should, "{address} failed, and {other} ended as {ended:?}");
    }
    world.settle(&desired, "the next apply").await;
    world.assert_settled(&desired, "the next apply").await;
    world.assert_one_of_each(&desired, "the next apply").await;
}

#[tokio::test]
async fn a_failed_delete_keeps_what_it_uses() {
    let world = World::new().await;
    let fixture = fixtures::all().into_iter().find(|f| f.name() == "DatabricksJob/realistic").unwrap();
    let desired = world::load(&fixture.files());
    world.settle(&desired, "before").await;
    let (id, _) = world::objects(&mut world.state().await, fixture.kind).remove(0);
    let nothing = world::load(&Files::new());
    let services = world.through(Arc::new(Refusing { inner: world.direct(), word: id }));
    let (live, decision) = world.plan(&nothing).await;
    let outcome = world.carry_out(&services, &nothing, &live, decision).await;
    assert_eq!(outcome.count(|e| matches!(e, Ended::Failed { .. })), 1, "{outcome:?}");
    assert_eq!(outcome.count(|e| matches!(e, Ended::Skipped { .. })), 2, "{outcome:?}");
    assert_eq!(world.marks().await.len(), 3, "the pool and the policy are still in use");
    world.settle(&nothing, "the next apply").await;
    assert_eq!(world.marks().await, BTreeMap::new());
}

/// The fixtures under other live names.
fn elsewhere(title: &str) -> Files {
    let mut files = Files::new();
    for fixture in fixtures::all().into_iter().filter(|f| ["minimal", "realistic"].contains(&f.case.as_str())) {
        let mut documents = fixture.documents();
        for document in &mut documents {
            let kind = kinds::find(document["kind"].as_str().unwrap()).unwrap();
            let name = document["metadata"]["name"].as_str().unwrap().to_owned();
            // Names of Unity Catalog are made of several members, and storage is of one location alone.
            if !kind.is_always_read() && document["spec"].get("name").is_some() {
                let prefix = title.replace(' ', "-");
                for member in ["name", "schema_name"] {
                    let text = document["spec"][member].as_str().filter(|text| *text != "default");
                    if let Some(new) = text.map(|text| format!("{prefix}-{text}")) {
                        document["spec"][member] = json!(new);
                    }
                }
                if let Some(url) = document["spec"]["url"].as_str() {
                    document["spec"]["url"] = json!(url.replace("://", &format!("://{prefix}-")));
                }
                continue;
            }
            // What is known by its name has no spaces in it.
            let title = if kind.title_is_free() { format!("{title} ") } else { title.replace(' ', "-") };
            document["spec"][kind.title()] = json!(format!("{title}{name}"));
        }
        files.insert(format!("{}.yaml", fixture.name()), fixtures::yaml(&documents));
    }
    files
}

async fn settle_as(world: &World, project: &str, target: &str, files: &Files) {
    let desired = world::load_as(project, target, files, &world::secret).unwrap();
    world.settle(&desired, &format!("{project}/{target}")).await;
}

#[tokio::test]
async fn pruning_removes_all_that_is_owned_and_nothing_else() {
    let world = World::new().await;
    settle_as(&world, "other-project", TARGET, &elsewhere("other project")).await;
    settle_as(&world, PROJECT, "other-target", &elsewhere("other target")).await;
    settle_as(&world, "laws-2", TARGET, &elsewhere("a longer name")).await;
    settle_as(&world, "gone", TARGET, &elsewhere("nobodys")).await;
    let mut state = world.state().await;
    for kind in kinds::objects() {
        for (_, spec) in world::objects(&mut state, *kind) {
            if spec.to_string().contains("gone/") {
                kind.mark().take(spec);
            }
        }
    }
    // A pool's tags are passed on to its clusters, and a job's to its job clusters: the mark there is another kind's.
    let passed_on = json!({ "plumb": format!("{PROJECT}/{TARGET}/DatabricksInstancePool/realistic") });
    let cluster = kinds::find("DatabricksCluster").unwrap();
    let (_, spec) = world::objects(&mut state, cluster).remove(0);
    spec["custom_tags"] = passed_on;
    world.put_state(&state).await;
    let others = theirs(&world).await;

    let desired = world::load(&fixtures::together());
    world.settle(&desired, "all fixtures").await;
    let plan = world.settle(&world::load(&Files::new()), "no manifests").await;
    assert_eq!(plan.counts().delete, desired.resources.len());
    assert_eq!(plan.changes.len(), plan.counts().delete);
    assert_eq!(theirs(&world).await, others, "something else was touched");
}

/// All that is live, without what time and the deletion of other things leave behind.
async fn theirs(world: &World) -> Value {
    let mut state = world.state().await;
    state["databricks"].as_object_mut().unwrap().remove("deleted_jobs");
    let airflow = &state["airflow"];
    let dags: Vec<&String> = airflow["dags"].as_object().unwrap().keys().collect();
    json!({
        "databricks": state["databricks"], "folder": state["folder"], "dags": dags,
        "rows": [airflow["connections"], airflow["variables"], airflow["pools"]],
    })
}

#[tokio::test]
async fn an_import_of_what_is_live_changes_nothing() {
    let world = World::new().await;
    world.settle(&world::load(&fixtures::together()), "all fixtures").await;
    let mut state = world.state().await;
    for kind in kinds::objects() {
        for (_, spec) in world::objects(&mut state, *kind) {
            kind.mark().take(spec).unwrap();
        }
    }
    world.put_state(&state).await;
    let (files, env) = import(&world).await;
    let desired = world::load_with(&files, &|name| env.get(name).cloned().unwrap_or_default()).unwrap();
    let plan = world.plan(&desired).await.1.plan;
    assert!(plan.blocked.is_empty(), "{}", world::text(&plan));
    assert_eq!(plan.changes.len(), desired.resources.len());
    for change in &plan.changes {
        assert_eq!(change.action, Action::Adopt, "{}", change.address);
        // What a scope holds cannot be read, so whoever takes it over writes it.
        let is_secret = |field: &plumb_core::plan::FieldChange| field.path.ends_with("string_value");
        let is_all = change.address.kind == "DatabricksSecretScope" && change.fields.iter().all(is_secret);
        assert!(change.fields.is_empty() || is_all, "{} would change: {:#?}", change.address, change.fields);
    }
    world.settle(&desired, "the import").await;
    world.assert_settled(&desired, "the import").await;
    assert_eq!(world.marks().await.len(), desired.resources.len());
}

/// Writes a manifest for every live object, as `plumb import --all --permissions` does. Answers the secrets too, by the
/// names that the manifests call them.
async fn import(world: &World) -> (Files, BTreeMap<String, String>) {
    let nothing = world::load(&Files::new());
    let (live, _) = world.plan(&nothing).await;
    let mut known = BTreeMap::new();
    let all: Vec<_> =
        kinds::objects().iter().flat_map(|kind| live.of(kind.name()).iter().map(move |f| (*kind, f))).collect();
    let is_peoples = |kind: &dyn Kind, found: &LiveObject| kind.platforms_own(&found.seen.whole()).is_none();
    let all: Vec<_> = all.into_iter().filter(|(kind, found)| is_peoples(*kind, found)).collect();
    for (i, (kind, found)) in all.iter().enumerate() {
        let address = Address { kind: kind.name().to_owned(), name: format!("import-{i}") };
        known.insert(found.seen.id.clone(), address);
    }
    let (mut files, mut env) = (Files::new(), BTreeMap::new());
    for (kind, found) in all {
        let wanted = json!({ "libraries": [{}], "permissions": [{}], "grants": [{}] });
        let whole = observe::finish(&world.services(), kind, found, &wanted).await.unwrap().found;
        let name = &known[&found.seen.id].name;
        let manifest =
            render::manifest(kind, name, &whole.seen.whole(), ("../schemas/plumb.json", TARGET), &known, &[]).unwrap();
        for variable in &manifest.env {
            let value = plain(&kind.export(&whole.seen.whole()), name, variable);
            env.insert(variable.clone(), value.unwrap_or_else(|| panic!("{variable} is in no place of {name}")));
        }
        files.insert(format!("{name}.yaml"), manifest.text);
    }
    (files, env)
}

/// The live value that an import calls by this name.
fn plain(value: &Value, name: &str, variable: &str) -> Option<String> {
    let called = |key: &str| -> String {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        format!("{name}_{key}").chars().map(letter).collect()
    };
    match value {
        // A secret of a scope is called by its key.
        Value::Object(map) if map.get("key").and_then(Value::as_str).is_some_and(|key| called(key) == variable) => {
            map.get("string_value").and_then(Value::as_str).map(str::to_owned)
        }
        Value::Object(map) => map.iter().find_map(|(key, value)| match value {
            Value::String(text) if called(key) == variable => Some(text.clone()),
            other => plain(other, name, variable),
        }),
        Value::Array(items) => items.iter().find_map(|item| plain(item, name, variable)),
        _ => None,
    }
}
