//! Law: an object is read in one way. What a plan reads of it, and what is read of it again before a write, are the same,
//! whatever a server leaves out, fills with `null` or adds.

use crate::edited::{self, edited};
use crate::fixtures::{self, Fixture};
use crate::world::{self, World};
use plumb::observe;
use plumb::services::Services;
use plumb_core::kinds::Kind;
use plumb_core::plan::normal::normal;
use plumb_model::call::{Call, System};
use plumb_model::schema::Shape;
use serde_json::{Value, json};

/// A habit of servers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Habit {
    None,
    /// Leaves out what is empty, as Go does with `omitempty`.
    Omits,
    /// Writes `null` for whatever is not set.
    Nulls,
    /// Has more members than are documented.
    Adds,
    /// Does not show what can only be written, and says less in lists (databricks-sdk-go: jobs.BaseJob has no
    /// `run_as_user_name`, and `run_as` of jobs.JobSettings is write-only).
    Hides,
}

const HABITS: [Habit; 5] = [Habit::None, Habit::Omits, Habit::Nulls, Habit::Adds, Habit::Hides];

impl Habit {
    fn edit(self, kind: &'static dyn Kind, call: &Call, body: &mut Value) {
        match self {
            Habit::None => {}
            // Airflow leaves nothing out: its answers are pydantic's.
            Habit::Omits if call.system == System::Databricks => omit(body),
            Habit::Omits => {}
            Habit::Nulls => edited::objects(kind, call, body, |row| {
                let Shape::Object(root) = &kind.rules().root.shape else { return };
                let Some(Value::Object(spec)) = row.pointer_mut(edited::spec_at(kind)) else { return };
                for name in kind.rules().of(*root).members.keys() {
                    spec.entry(name.clone()).or_insert(Value::Null);
                }
            }),
            Habit::Adds => edited::objects(kind, call, body, |row| {
                row["of_tomorrow"] = json!({"a": [1]});
            }),
            Habit::Hides => {
                let is_list = body.get("jobs").is_some();
                edited::objects(kind, call, body, |row| {
                    if let Some(Value::Object(settings)) = row.get_mut("settings") {
                        settings.remove("run_as");
                    }
                    if let Value::Object(row) = row
                        && is_list
                    {
                        row.remove("run_as_user_name");
                    }
                });
            }
        }
    }

    fn services(self, world: &World, kind: &'static dyn Kind) -> Services {
        edited(world, move |call, body| {
            self.edit(kind, call, body);
            Ok(())
        })
    }
}

/// Takes out every empty list and map, and `null`. An entry of a map of texts stays, empty or not.
fn omit(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(omit);
            map.retain(|_, v| !(v.is_null() || *v == json!([]) || *v == json!({})));
        }
        Value::Array(items) => items.iter_mut().for_each(omit),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_and_the_look_before_a_write_read_the_same() {
    world::each(fixtures::all().into_iter().map(|f| (f.name(), same(f)))).await;
}

async fn same(fixture: Fixture) {
    let (world, desired) = (fixture.world().await, world::load(&fixture.files()));
    world.settle(&desired, &fixture.name()).await;
    for habit in HABITS {
        let services = habit.services(&world, fixture.kind);
        let live = world.observe(&services, &desired).await.unwrap();
        let mut compared = 0;
        for resource in &desired.resources {
            let kind = resource.kind;
            let owned = |f: &&plumb_core::plan::LiveObject| {
                f.mark.as_ref().is_some_and(|m| m.owner.address == resource.address)
            };
            let read = live.of(kind.name()).iter().find(owned).unwrap();
            let what = format!("{habit:?}: {}", resource.address);
            assert_eq!(read.seen.unread, None, "{what}");
            let again =
                observe::read_again(&services, kind, &read.seen.id, Some(&resource.spec), &read.seen.facts()).await;
            let again = again.unwrap_or_else(|e| panic!("{what}: {e}")).unwrap();
            assert_eq!(again.mark, read.mark, "{what}");
            assert_eq!(again.seen.state, read.seen.state, "{what}");
            let rules = kind.rules();
            assert_eq!(normal(rules, &again.seen.spec()), normal(rules, &read.seen.spec()), "{what}");
            compared += 1;
        }
        assert_eq!(compared, desired.resources.len());
        let plan = world::decision(&desired, &live).plan;
        assert!(plan.is_empty(), "{habit:?}: there is something left to do\n{}", world::text(&plan));
    }
}

/// Pages overlap when objects come and go while a listing is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_is_listed_twice_is_one() {
    // A listing in stages goes through the same `Kind::legible`.
    let listed = plumb_core::kinds::objects().iter().filter(|kind| kind.nested().is_none());
    let kinds = listed.map(|kind| (kind.name().to_owned(), listed_twice(*kind)));
    world::each(kinds).await;
}

async fn listed_twice(kind: &'static dyn Kind) {
    let fixture = fixtures::of(kind).into_iter().next().unwrap();
    let (world, desired) = (fixture.world().await, world::load(&fixture.files()));
    world.settle(&desired, &fixture.name()).await;
    let services = world.services();
    let mut listed = Vec::new();
    for read in kind.list() {
        let service = services.for_system(read.call.system).unwrap();
        listed.push(plumb::services::read(&*service, &read).await.unwrap());
    }
    let once = kind.observe(&listed);
    assert!(!once.is_empty());
    let twice: Vec<_> = listed.into_iter().map(|pages| [pages.clone(), pages].concat()).collect();
    assert_eq!(kind.observe(&twice), once);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_server_leaves_out_or_adds_an_apply_does_it_all() {
    // DAGs take a Python each, and have no such answers.
    let kinds = plumb_core::kinds::objects().iter().filter(|kind| kind.name() != "AirflowDag");
    let pairs = kinds.flat_map(|kind| {
        let all = fixtures::of(*kind);
        all.clone().into_iter().zip(all.into_iter().cycle().skip(1)).collect::<Vec<_>>()
    });
    let named = pairs.map(|(a, b)| (format!("{} to {}", a.name(), b.case), applied(a, b)));
    world::each(named).await;
}

async fn applied(from: Fixture, to: Fixture) {
    let (before, after) = (world::load(&from.renamed("same")), world::load(&to.renamed("same")));
    for habit in HABITS {
        let world = from.world().await;
        let what = format!("{habit:?}");
        world.settle(&before, &what).await;
        let services = habit.services(&world, from.kind);
        let (live, decision) = world.plan_through(&services, &after).await.unwrap();
        let blocked = world::blocked(&decision.plan);
        // What would have to be replaced would lose what the server added: that is refused, by name.
        if matches!(habit, Habit::Adds) && !blocked.is_empty() {
            let loses = "would have to be replaced, and would lose settings that plumb does not know";
            assert!(blocked.iter().all(|b| b.reason.contains(loses)), "{what}: {blocked:?}");
            continue;
        }
        assert!(blocked.is_empty(), "{what}: blocked\n{}", world::text(&decision.plan));
        let outcome = world.carry_out(&services, &after, &live, decision).await;
        world::assert_done(&outcome, &what);
        let plan = world.plan_through(&services, &after).await.unwrap().1.plan;
        assert!(plan.is_empty(), "{what}: there is something left to do\n{}", world::text(&plan));
    }
}

#[tokio::test]
async fn a_job_that_is_taken_over_gets_whom_it_runs_as() {
    let world = World::of(System::Databricks).await;
    let create = |body: Value| Call::create(System::Databricks, "/api/2.2/jobs/create", body, "/job_id");
    let id = world.person(create(json!({"name": "etl", "run_as": {"user_name": "ada@example.com"}}))).await;
    let id = id["job_id"].to_string();
    let manifest = |who: &str| {
        let text = format!(
            "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: etl, adopt: '{id}'}}\nspec:\n  name: etl\n  \
             run_as: {{user_name: {who}}}\n"
        );
        world::load(&world::Files::from([("etl.yaml".to_owned(), text)]))
    };
    let job = plumb_core::kinds::find("DatabricksJob").unwrap();
    let services = Habit::Hides.services(&world, job);
    for who in ["grace@example.com", "ada@example.com"] {
        let desired = manifest(who);
        let (live, decision) = world.plan_through(&services, &desired).await.unwrap();
        let fields: Vec<&str> = decision.plan.changes[0].fields.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(fields, ["run_as.user_name"], "{}", world::text(&decision.plan));
        let outcome = world.carry_out(&services, &desired, &live, decision).await;
        world::assert_done(&outcome, who);
        let plan = world.plan_through(&services, &desired).await.unwrap().1.plan;
        assert!(plan.is_empty(), "{who}\n{}", world::text(&plan));
    }
}
