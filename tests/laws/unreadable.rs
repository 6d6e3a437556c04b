//! Law: whatever makes a live object unreadable, nothing is written to it, it is not deleted, and no second one is made; and
//! the plan says so by name.

use crate::edited::{self, edited};
use crate::fixtures::{self, Fixture};
use crate::world::{self, Files, World};
use plumb_core::kinds::{Kind, MarkPlace};
use plumb_core::manifest::Desired;
use plumb_core::plan::outcome::Ended;
use plumb_core::plan::{Action, Plan};
use plumb_model::address::Address;
use plumb_model::call::{Answer, Call, Method, Sending, Service, ServiceError};
use plumb_model::schema::Shape;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A way to break an object: a JSON pointer into it, and what stands there instead.
#[derive(Clone, Debug)]
struct Break {
    at: String,
    with: Value,
}

/// What is of no use where a text has to be, and so on.
fn wrong_texts() -> Vec<Value> {
    vec![json!(5), json!({"a": 1})]
}

/// Every way to break an object of this kind that looks like `row`.
fn breaks(kind: &dyn Kind, row: &Value) -> Vec<Break> {
    let mut breaks = Vec::new();
    let mut at = |at: &str, with: Vec<Value>| {
        if at.is_empty() || row.pointer(at).is_some() {
            breaks.extend(with.into_iter().map(|with| Break { at: at.to_owned(), with }));
        }
    };
    at("", vec![json!(null), json!(5), json!("x"), json!(["x"]), json!({})]);
    let id = format!("/{}", edited::place(kind).1);
    let mut wrong_ids = vec![json!(["x"]), json!(true), json!("")];
    // What is called by its names in turn needs no whole one.
    if kind.title() != "full_name" {
        wrong_ids.push(json!(null));
    }
    at(&id, wrong_ids);
    let spec = edited::spec_at(kind);
    if !spec.is_empty() {
        at(spec, vec![json!(null), json!(5), json!("x"), json!(["x"]), json!({})]);
    }
    let title = format!("{spec}/{}", kind.title());
    if title != id {
        at(&title, wrong_texts());
    }
    let mark = format!("{spec}/{}", kind.mark().member());
    match kind.mark() {
        MarkPlace::Tags(_) => {
            at(&mark, vec![json!(5), json!("x"), json!(["x"])]);
            at(&format!("{mark}/plumb"), wrong_texts());
        }
        MarkPlace::TagPairs(_, list) => {
            let list = format!("{mark}/{list}");
            at(&mark, vec![json!(5), json!("x"), json!(["x"])]);
            at(&list, vec![json!(5), json!("x"), json!({"a": 1}), json!([5]), json!([{ "key": "plumb", "value": 5 }])]);
        }
        MarkPlace::LastLine(_) => at(&mark, wrong_texts()),
        _ => {}
    }
    let own: &[(&str, Vec<Value>)] = &match kind.name() {
        "DatabricksJob" => vec![("/run_as_user_name", wrong_texts()), ("/has_more", vec![json!("x"), json!(5)])],
        "DatabricksCluster" => vec![("/state", wrong_texts()), ("/cluster_source", wrong_texts())],
        "DatabricksInstancePool" | "DatabricksSqlWarehouse" => vec![("/state", wrong_texts())],
        "DatabricksPipeline" => {
            vec![("/state", wrong_texts()), ("/run_as_user_name", wrong_texts()), ("/spec/clusters", wrong_texts())]
        }
        "DatabricksClusterPolicy" => {
            let mut broken = wrong_texts();
            broken.extend([json!("{"), json!("5"), json!("[]"), json!("{\"a\": 5}")]);
            let flags = vec![json!("x"), json!(5)];
            vec![
                ("/definition", broken.clone()),
                ("/policy_family_definition_overrides", broken),
                ("/is_default", flags),
            ]
        }
        "AirflowConnection" => vec![("/extra", wrong_texts()), ("/password", wrong_texts())],
        "AirflowVariable" => vec![("/value", wrong_texts())],
        "AirflowDag" => vec![
            ("/is_paused", vec![json!(null), json!("x"), json!(5)]),
            ("/is_stale", vec![json!("x"), json!(5)]),
            ("/tags", vec![json!("x"), json!([5])]),
        ],
        _ => Vec::new(),
    };
    own.iter().for_each(|(place, with)| at(place, with.clone()));
    // Every list and map of the spec.
    let rules = kind.rules();
    if let Shape::Object(root) = &rules.root.shape
        && kind.loose() != ["*"]
    {
        let loose = |name: &String| kind.loose().contains(&name.as_str());
        for (name, field) in rules.of(*root).members.iter().filter(|(name, _)| !loose(name)) {
            let place = format!("{spec}/{name}");
            match (&field.shape, row.pointer(&place)) {
                (Shape::List(_), Some(Value::Array(_))) => at(&place, vec![json!({"a": 1})]),
                (Shape::Map(_) | Shape::Object(_), Some(Value::Object(_))) => {
                    at(&place, vec![json!(["x"])]);
                }
                _ => {}
            }
        }
    }
    breaks
}

/// The services, with one object broken in every answer that has it.
fn broken(world: &World, kind: &'static dyn Kind, id: &str, what: &Break) -> plumb::services::Services {
    let (id, what) = (id.to_owned(), what.clone());
    edited(world, move |call, body| {
        edited::objects(kind, call, body, |row| {
            // A reading may say less than another.
            if edited::is(kind, row, &id)
                && let Some(place) = row.pointer_mut(&what.at)
            {
                *place = what.with.clone();
            }
        });
        Ok(())
    })
}

/// A fixture that is live, and the object that it is about.
struct Case {
    world: World,
    desired: Desired,
    kind: &'static dyn Kind,
    address: Address,
    id: String,
    /// The object in the answer of its listing.
    row: Value,
}

impl Case {
    async fn new(fixture: &Fixture) -> Case {
        let (world, desired) = (fixture.world().await, world::load(&fixture.files()));
        world.settle(&desired, &fixture.name()).await;
        let address = Address { kind: fixture.kind.name().into(), name: fixture.case.clone() };
        let live = world.observe(&world.services(), &desired).await.unwrap();
        let is_it = |f: &&plumb_core::plan::LiveObject| f.mark.as_ref().is_some_and(|m| m.owner.address == address);
        let id = live.of(fixture.kind.name()).iter().find(is_it).unwrap().seen.id.clone();
        let mut row = None;
        // Where the listing takes two stages, the second one shows what a reading of one object shows.
        let reads = if fixture.kind.nested().is_some() { fixture.kind.read_one(&id) } else { fixture.kind.list() };
        for read in reads {
            let pages = plumb::services::read(&*world.direct(), &read).await.unwrap();
            for mut page in pages {
                edited::objects(fixture.kind, &read.call, &mut page, |found| {
                    if edited::is(fixture.kind, found, &id) {
                        row = Some(found.clone());
                    }
                });
            }
        }
        let row = row.unwrap_or_else(|| panic!("{}: it is in no listing", fixture.name()));
        Case { world, desired, kind: fixture.kind, address, id, row }
    }

    async fn plan(&self, desired: &Desired, what: &Break) -> Plan {
        let services = broken(&self.world, self.kind, &self.id, what);
        self.world.plan_through(&services, desired).await.unwrap().1.plan
    }

    /// Fails if the plan does anything to the object, or makes it a second time.
    fn assert_untouched(&self, plan: &Plan, what: &str) {
        let is_it = |c: &&plumb_core::plan::Change| {
            c.id.as_deref() == Some(&self.id) || c.address == self.address || c.action == Action::Create
        };
        let touched = plan.changes.iter().find(is_it);
        assert!(touched.is_none(), "{what}: {touched:#?}\n{}", world::text(plan));
    }

    /// Fails unless the plan names what it does not do.
    fn assert_said(&self, plan: &Plan, what: &str) {
        let blocked = |b: &&plumb_core::plan::Blocked| b.address.as_ref() == Some(&self.address);
        let said = plan.blocked.iter().find(blocked).map(|b| b.reason.clone());
        let said = said.unwrap_or_else(|| panic!("{what}: the plan does not name it\n{}", world::text(plan)));
        assert!(said.contains("read"), "{what}: {said}");
        assert!(!plan.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_not_touched_and_not_made_again() {
    world::each(fixtures::all().into_iter().map(|f| (f.name(), untouched(f)))).await;
}

async fn untouched(fixture: Fixture) {
    let case = Case::new(&fixture).await;
    let ways = breaks(case.kind, &case.row);
    assert!(ways.len() >= 9, "{}: only {ways:?}", fixture.name());
    // A continuous pipeline comes to run as it is looked at.
    let mut before = case.world.state().await;
    for _ in 0..10 {
        case.world.plan(&case.desired).await;
        let now = case.world.state().await;
        if std::mem::replace(&mut before, now) == before {
            break;
        }
    }
    for way in &ways {
        let what = format!("{} with {:?} at `{}`", fixture.name(), way.with.to_string(), way.at);
        let plan = case.plan(&case.desired, way).await;
        assert!(plan.changes.is_empty(), "{what}: something would be done\n{}", world::text(&plan));
        case.assert_said(&plan, &what);
        // Its manifest is gone: it would be deleted if it could be read.
        let plan = case.plan(&world::load(&Files::new()), way).await;
        case.assert_untouched(&plan, &format!("{what}, without a manifest"));
        let said = world::text(&plan);
        // Wherever its line is broken.
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("could not be read"), "{what}, without a manifest:\n{said}");
    }
    assert_eq!(case.world.state().await, before, "{}: something was written", fixture.name());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_neither_adopted_nor_made_beside_itself() {
    // Whose DAG a file is says its first line: there is none without a mark.
    let objects = fixtures::all().into_iter().filter(|f| f.kind.name() != "AirflowDag");
    world::each(objects.map(|f| (f.name(), unmarked(f)))).await;
}

async fn unmarked(fixture: Fixture) {
    let mut case = Case::new(&fixture).await;
    let mut state = case.world.state().await;
    for (id, spec) in world::objects(&mut state, case.kind) {
        if id == case.id {
            case.kind.mark().take(spec).unwrap();
        }
    }
    case.world.put_state(&state).await;
    let mut documents = fixture.documents();
    documents[0]["metadata"]["adopt"] = json!(case.id);
    let adopting = world::load(&Files::from([("adopting.yaml".to_owned(), fixtures::yaml(&documents))]));
    let spec = case.row.pointer_mut(edited::spec_at(case.kind)).unwrap();
    case.kind.mark().take(spec);
    for way in breaks(case.kind, &case.row) {
        let what = format!("{} with {:?} at `{}`", fixture.name(), way.with.to_string(), way.at);
        let plan = case.plan(&adopting, &way).await;
        case.assert_untouched(&plan, &format!("{what}, to be adopted"));
        case.assert_said(&plan, &format!("{what}, to be adopted"));
        let plan = case.plan(&case.desired, &way).await;
        let named = adopting.resources.iter().find(|r| r.address == case.address).unwrap();
        // A cluster without a name is like no other: one that is known to be nobody's is not it.
        if named.spec.get(case.kind.title()).is_some() {
            case.assert_untouched(&plan, &format!("{what}, and nobody's"));
        }
    }
}

/// Ways for the answer to a detail to be of no use.
fn bad_details() -> Vec<(&'static str, Option<Value>, u16)> {
    vec![
        ("null", Some(Value::Null), 0),
        ("a list", Some(json!([])), 0),
        ("a text", Some(json!("x")), 0),
        (
            "a list that is none",
            Some(json!({"access_control_list": 5, "library_statuses": 5, "clusters": 5, "settings": 5,
                "privilege_assignments": 5})),
            0,
        ),
        (
            "an entry that is none",
            Some(json!({"access_control_list": [5], "library_statuses": [5], "clusters": [5], "settings": {},
                "privilege_assignments": [5]})),
            0,
        ),
        (
            "an entry of nobody",
            Some(json!({"access_control_list": [{"all_permissions": [{"permission_level": "CAN_VIEW"}]}],
                "library_statuses": [{"status": "INSTALLED"}], "clusters": [{}],
                "privilege_assignments": [{"principal": "ann", "privileges": "SELECT"}]})),
            0,
        ),
        ("403", None, 403),
        ("501", None, 501),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_whose_details_cannot_be_read_is_not_touched() {
    let databricks = fixtures::all().into_iter().filter(|f| f.kind.name().starts_with("Databricks"));
    world::each(databricks.map(|f| (f.name(), details(f)))).await;
}

async fn details(fixture: Fixture) {
    let case = Case::new(&fixture).await;
    for (name, body, status) in bad_details() {
        let what = format!("{}: {name}", fixture.name());
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let services = edited(&case.world, move |call, answer| {
            if !edited::is_detail(call) {
                return Ok(());
            }
            // Whether it is pinned matters to few.
            let is_pinned = call.query.iter().any(|(name, _)| name == "filter_by.is_pinned");
            counted.fetch_add(usize::from(!is_pinned), Ordering::Relaxed);
            match &body {
                // The ACLs of scopes stand under another name.
                Some(body) if call.path.ends_with("/secrets/acls/list") => {
                    let list = body.get("access_control_list").cloned().unwrap_or(json!("none"));
                    *answer = json!({ "items": list });
                }
                Some(body) => *answer = body.clone(),
                None => return Err(edited::refusal(call, status)),
            }
            Ok(())
        });
        let plan = case.world.plan_through(&services, &case.desired).await.unwrap().1.plan;
        assert!(plan.changes.is_empty(), "{what}: something would be done\n{}", world::text(&plan));
        if asked.load(Ordering::Relaxed) > 0 {
            assert!(!plan.blocked.is_empty(), "{what}: nothing is said\n{}", world::text(&plan));
        }
        // A cluster is unpinned before it is deleted, if it is pinned.
        let plan = case.world.plan_through(&services, &world::load(&Files::new())).await.unwrap().1.plan;
        if case.kind.name() == "DatabricksCluster" {
            case.assert_untouched(&plan, &format!("{what}, without a manifest"));
        }
    }
}

/// A workspace that does not answer creates, and whose listings show what was made last as nothing.
struct Speechless {
    inner: Arc<dyn Service>,
    kind: &'static dyn Kind,
    creates: AtomicUsize,
    broken: Value,
    lost: AtomicBool,
}

impl Service for Speechless {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let mut answer = self.inner.send(call).await?;
            if call.creates.is_some() && call.system == self.kind.system() {
                self.creates.fetch_add(1, Ordering::Relaxed);
                self.lost.store(true, Ordering::Relaxed);
                return Err(ServiceError::Lost { line: call.line(), why: "the test lost it".into() });
            }
            if call.method == Method::Get && self.lost.load(Ordering::Relaxed) {
                edited::objects(self.kind, call, &mut answer.body, |row| *row = self.broken.clone());
            }
            Ok(Answer { ..answer })
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_create_is_not_sent_again_while_something_cannot_be_read() {
    let minimal = fixtures::all().into_iter().filter(|f| f.case == "minimal" && f.kind.name() != "AirflowDag");
    world::each(minimal.map(|f| (f.name(), lost(f)))).await;
}

async fn lost(fixture: Fixture) {
    for broken in [json!(null), json!(5), json!({})] {
        let (world, desired) = (fixture.world().await, world::load(&fixture.files()));
        let (live, decision) = world.plan(&desired).await;
        let speechless = Arc::new(Speechless {
            inner: world.direct(),
            kind: fixture.kind,
            creates: AtomicUsize::new(0),
            broken: broken.clone(),
            lost: AtomicBool::new(false),
        });
        let outcome = world.carry_out(&world.through(speechless.clone()), &desired, &live, decision).await;
        let unknown = outcome.changes.values().filter(|e| matches!(e, Ended::Unknown { .. })).count();
        assert_eq!(unknown, 1, "{} with {broken}: {outcome:#?}", fixture.name());
        assert_eq!(speechless.creates.load(Ordering::Relaxed), 1, "{} with {broken}: sent again", fixture.name());
        if let MarkPlace::Words(_) = fixture.kind.mark() {
            // It is marked by a call of its own, which was not sent any more: the next apply does.
            world.settle(&desired, "the next apply marks it").await;
        }
        assert_eq!(world.marks().await.len(), 1, "{}: one is live", fixture.name());
        world.assert_settled(&desired, "the next plan finds it").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dag_file_that_is_no_text_is_not_taken_for_missing() {
    let fixture = fixtures::all().into_iter().find(|f| f.name() == "AirflowDag/minimal").unwrap();
    let case = Case::new(&fixture).await;
    let name = case.world.files().into_iter().next().unwrap();
    let bytes = [0xff, 0xfe, 0x00];
    std::fs::write(case.world.file(&name), bytes).unwrap();
    let plan = case.world.plan(&case.desired).await.1.plan;
    assert!(plan.changes.is_empty(), "{}", world::text(&plan));
    case.assert_said(&plan, "no text");
    // One that is called like no DAG of the project stands in nobody's way.
    std::fs::remove_file(case.world.file(&name)).unwrap();
    std::fs::write(case.world.file("somebody_elses.py"), bytes).unwrap();
    let plan = case.world.plan(&case.desired).await.1.plan;
    assert!(world::blocked(&plan).is_empty(), "{}", world::text(&plan));
    assert!(!plan.changes.is_empty(), "it is made again");
}
