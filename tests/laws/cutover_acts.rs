//! A wave's cutover and its rollback, whatever becomes of any of their calls: the next apply ends all-old or all-new, an old
//! and a new DAG are never on together, and what was is restored.

use crate::trouble::{Trouble, Troubled};
use crate::world::{self, Files, World, options};
use plumb::apply::{self, UnwatchedApply};
use plumb::services::Services;
use plumb_core::cutover::{Hold, Holds, rollback};
use plumb_core::manifest::Desired;
use plumb_core::plan::outcome::{ApplyOutcome, Ended};
use plumb_core::plan::{Action, Baselines, Decision, Live};
use plumb_model::call::{Call, Method, Sending, Service, ServiceError, System};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// A day before the wave's, and a time on it: the sandbox's clock stands at its beginning.
const BEFORE: &str = "2024-04-30T12:00:00Z";
const ON_THE_DAY: &str = "2024-05-01T06:00:00Z";
const DAY: &str = "2024-05-01";

const OLD: [&str; 2] = ["old_own", "old_code"];
const NEW: [&str; 2] = ["new_a", "new_b"];

/// Two pipelines of one wave: the old DAG of one is plumb's own, that of the other is other people's code.
fn manifests(day: &str) -> Files {
    let document = |kind: &str, name: &str, spec: Value| json!({ "apiVersion": "plumb/v1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    let monthly = json!({ "cron": "0 4 2 * *" });
    let job = |name: &str| {
        json!({ "name": name, "parameters": [{ "name": "output", "default": "s3://bau/audience" }],
            "tasks": [{ "task_key": "t", "notebook_task": { "notebook_path": "/Shared/x" } }] })
    };
    let new = |job: &str| {
        json!({ "schedule": monthly, "start_date": "2024-05-01",
            "tasks": [{ "id": "run", "run": format!("${{resources.DatabricksJob.{job}}}") }] })
    };
    let migration = |old: &str, new: &str, job: &str| {
        json!({ "wave": "1", "cutover": day, "shadow": { "parameters": { "output": "s3://shadow/audience" } },
            "from": { "emr": ["EmrCluster/legacy"], "dags": [format!("AirflowDag/{old}")] },
            "to": { "jobs": [format!("DatabricksJob/{job}")], "dags": [format!("AirflowDag/{new}")] } })
    };
    let all = [
        document("EmrCluster", "legacy", json!({ "match": { "name": "bau-*" }, "desired": "keep" })),
        document("DatabricksJob", "job-a", job("a")),
        document("DatabricksJob", "job-b", job("b")),
        document(
            "AirflowDag",
            "old_own",
            json!({ "schedule": monthly, "start_date": "2024-05-01", "tasks": [{ "id": "only", "job": "etl" }] }),
        ),
        document("AirflowDag", "old_code", json!({ "dag_id": "old_code", "source": "external" })),
        document("AirflowDag", "new_a", new("job-a")),
        document("AirflowDag", "new_b", new("job-b")),
        document("Migration", "a", migration("old_own", "new_a", "job-a")),
        document("Migration", "b", migration("old_code", "new_b", "job-b")),
    ];
    let file = |d: &Value| format!("{}-{}.yaml", d["kind"].as_str().unwrap(), d["metadata"]["name"].as_str().unwrap());
    all.iter().map(|d| (file(d), d.to_string())).collect()
}

/// A target with the wave deployed, before its day.
struct Target {
    world: Arc<World>,
    desired: Desired,
}

impl Target {
    async fn new() -> Target {
        let world = Arc::new(World::with_emr().await);
        world
            .control("POST", "seed", json!({ "airflow": { "dags": [{ "dag_id": "old_code", "is_paused": false }] } }))
            .await;
        let target = Target { world, desired: world::load(&manifests(DAY)) };
        for _ in 0..2 {
            let (live, decision) = target.plan(&Holds::default(), BEFORE).await;
            let outcome = target.carry_out(&target.world.services(), &live, decision).await;
            world::assert_done(&outcome, "deploying the wave");
        }
        assert_eq!(target.on().await, ["old_code", "old_own"]);
        target
    }

    async fn plan(&self, holds: &Holds, now: &str) -> (Live, Decision) {
        self.plan_of(&self.desired, holds, now).await
    }

    async fn plan_of(&self, desired: &Desired, holds: &Holds, now: &str) -> (Live, Decision) {
        let (services, now) = (self.world.services(), now.parse().unwrap());
        let mut live = self.world.observe(&services, desired).await.unwrap();
        live.holds = holds.clone();
        plumb::observe::waves::runs(&services, desired, &mut live, now).await.unwrap();
        let decision = world::decision_at(desired, &live, &Baselines::new(), now, ("", false));
        (live, decision)
    }

    async fn carry_out(&self, services: &Services, live: &Live, decision: Decision) -> ApplyOutcome {
        let stop = Arc::new(AtomicBool::new(false));
        apply::apply(services, &self.desired, live, decision, options(), &UnwatchedApply, stop).await
    }

    /// Plans and applies, with nothing in its way. What the wave's change was.
    async fn apply(&self, holds: &Holds, what: &str) -> Option<Action> {
        let (live, decision) = self.plan(holds, ON_THE_DAY).await;
        let action = decision.plan.changes.iter().find(|c| c.address.kind == "Wave").map(|c| c.action);
        assert!(world::blocked(&decision.plan).is_empty(), "{what}\n{}", world::text(&decision.plan));
        let outcome = self.carry_out(&Watched::services(&self.world), &live, decision).await;
        world::assert_done(&outcome, what);
        action
    }

    /// The DAGs that are on.
    async fn on(&self) -> Vec<String> {
        on(&self.world).await
    }

    /// Whether each DAG is paused, and the text of each file without its mark.
    async fn looks(&self) -> BTreeMap<String, String> {
        let state = self.world.state().await;
        let dags = state["airflow"]["dags"].as_object().unwrap().iter();
        let mut looks: BTreeMap<String, String> =
            dags.map(|(id, dag)| (id.clone(), dag["is_paused"].to_string())).collect();
        for (name, file) in state["folder"].as_object().unwrap() {
            let text = file["text"].as_str().unwrap();
            looks.insert(name.clone(), text.split_once('\n').unwrap().1.to_owned());
        }
        looks
    }

    fn held(&self) -> Holds {
        let wave = rollback::dated(&self.desired, "1").unwrap();
        let hold: Hold = rollback::hold(&wave, "ada", ON_THE_DAY.parse().unwrap(), "late").unwrap();
        Holds { holds: vec![hold], unread: None }
    }

    /// Fails unless the wave is all on one side, and there is nothing more to do.
    async fn rests(&self, holds: &Holds, on: [&str; 2], what: &str) {
        let mut wanted = on.map(str::to_owned).to_vec();
        wanted.sort();
        assert_eq!(self.on().await, wanted, "{what}");
        let (_, decision) = self.plan(holds, ON_THE_DAY).await;
        assert!(decision.plan.is_empty(), "{what}: something is left to do\n{}", world::text(&decision.plan));
    }
}

/// Names what is not as it was.
fn same(now: &BTreeMap<String, String>, before: &BTreeMap<String, String>, what: &str) {
    for name in now.keys().chain(before.keys()) {
        assert_eq!(now.get(name), before.get(name), "{what}: {name}");
    }
}

async fn on(world: &World) -> Vec<String> {
    let state = world.state().await;
    let dags = state["airflow"]["dags"].as_object().unwrap().iter();
    dags.filter(|(_, dag)| dag["is_paused"] == false).map(|(id, _)| id.clone()).collect()
}

/// Looks after every write which DAGs are on: never an old and a new one.
struct Watched {
    world: Arc<World>,
    inner: Arc<dyn Service>,
}

impl Watched {
    fn services(world: &Arc<World>) -> Services {
        Watched::around(world, world.direct())
    }

    fn around(world: &Arc<World>, inner: Arc<dyn Service>) -> Services {
        world.through(Arc::new(Watched { world: world.clone(), inner }))
    }
}

impl Service for Watched {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let answer = self.inner.send(call).await;
            if call.method != Method::Get {
                let on = on(&self.world).await;
                let is_on = |ids: [&str; 2]| ids.iter().any(|id| on.iter().any(|other| other == id));
                assert!(!(is_on(OLD) && is_on(NEW)), "after {}: {on:?} are on together", call.line());
            }
            answer
        })
    }
}

/// The calls of a change of the wave, in peace; the world is as before afterwards.
async fn calls_of(target: &Target, holds: &Holds) -> Vec<Call> {
    let state = target.world.state().await;
    let (live, decision) = target.plan(holds, ON_THE_DAY).await;
    let calm = Troubled::new(target.world.clone(), Trouble::None, usize::MAX);
    let services = Watched::around(&target.world, calm.clone());
    world::assert_done(&target.carry_out(&services, &live, decision).await, "in peace");
    let calls = calm.calls.lock().unwrap().clone();
    target.world.put_state(&state).await;
    calls
}

/// Every way of every write, and one of every read: a read that fails ends a change as well.
fn troubles(call: &Call) -> Vec<Trouble> {
    let all = Trouble::of(call).iter().copied();
    if call.method == Method::Get { all.take(1).collect() } else { all.collect() }
}

/// Carries the wave's change out, and the call of that number goes wrong.
async fn in_trouble(target: &Target, holds: &Holds, trouble: Trouble, at: usize) -> Option<ApplyOutcome> {
    let (live, decision) = target.plan(holds, ON_THE_DAY).await;
    let troubled = Troubled::new(target.world.clone(), trouble, at);
    let services = Watched::around(&target.world, troubled.clone());
    let outcome = tokio::select! {
        outcome = target.carry_out(&services, &live, decision) => Some(outcome),
        () = troubled.was_killed() => None,
    };
    target.world.control("DELETE", "faults", Value::Null).await;
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cutover_that_anything_happened_to_goes_on_or_back_and_can_be_taken_back() {
    let target = Target::new().await;
    let (before, free, held) = (target.looks().await, Holds::default(), target.held());
    let state = target.world.state().await;
    let calls = calls_of(&target, &free).await;
    assert!(calls.iter().filter(|call| call.method != Method::Get).count() == 6, "{calls:#?}");
    for (n, call) in calls.iter().enumerate() {
        for trouble in troubles(call) {
            let what = format!("{trouble:?} at call {n}: {}", call.line());
            target.world.put_state(&state).await;
            in_trouble(&target, &free, trouble, n).await;
            let broken = target.world.state().await;
            // Somebody takes it back from there: it is as it was.
            target.apply(&held, &format!("{what}, then a rollback")).await;
            same(&target.looks().await, &before, &format!("{what}, then a rollback"));
            target.rests(&held, OLD, &format!("{what}, then a rollback")).await;
            // Or the next apply goes on: it ends on one side, and the one after that on the new one.
            target.world.put_state(&broken).await;
            target.apply(&free, &format!("{what}, then an apply")).await;
            target.apply(&free, &format!("{what}, then two applies")).await;
            target.rests(&free, NEW, &what).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_that_anything_happened_to_is_finished_by_the_next_apply() {
    let target = Target::new().await;
    let (before, held) = (target.looks().await, target.held());
    assert_eq!(target.apply(&Holds::default(), "cutting over").await, Some(Action::CutOver));
    target.rests(&Holds::default(), NEW, "cut over").await;
    let state = target.world.state().await;
    let calls = calls_of(&target, &held).await;
    assert!(calls.iter().filter(|call| call.method != Method::Get).count() == 6, "{calls:#?}");
    for (n, call) in calls.iter().enumerate() {
        for trouble in troubles(call) {
            let what = format!("{trouble:?} at call {n}: {}", call.line());
            target.world.put_state(&state).await;
            in_trouble(&target, &held, trouble, n).await;
            target.apply(&held, &what).await;
            same(&target.looks().await, &before, &what);
            target.rests(&held, OLD, &what).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_binds_its_day_and_no_other() {
    let target = Target::new().await;
    let held = target.held();
    target.rests(&held, OLD, "held before it was cut over").await;
    let wave = |decision: &Decision| decision.plan.changes.iter().any(|c| c.action == Action::CutOver);
    let (_, decision) = target.plan(&Holds::default(), ON_THE_DAY).await;
    assert!(wave(&decision), "{}", world::text(&decision.plan));
    // Another day of the same wave, of which the hold says nothing.
    let moved = world::load(&manifests("2024-04-29"));
    let (_, decision) = target.plan_of(&moved, &held, ON_THE_DAY).await;
    assert!(wave(&decision), "{}", world::text(&decision.plan));
    // A hold that cannot be read: nothing is cut over, and nothing is taken back.
    let unread = Holds { unread: Some("no right to see it".into()), ..Holds::default() };
    target.rests(&unread, OLD, "whether it is held is not known").await;
}

/// An apply that lost its lease at a call: whoever took it does all of a rollback, and nothing of the apply is sent any more.
struct Overtaken {
    target: Arc<Target>,
    at: usize,
    next: AtomicUsize,
    writes: Mutex<Vec<String>>,
}

impl Service for Overtaken {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            if number == self.at {
                let held = self.target.held();
                self.target.apply(&held, &format!("a rollback before call {number}")).await;
            }
            if number >= self.at && call.method != Method::Get {
                self.writes.lock().unwrap().push(call.line());
                return Err(ServiceError::Refused {
                    line: call.line(),
                    status: 423,
                    code: "LEASE_LOST".into(),
                    message: "the lease is lost".into(),
                    request_id: None,
                    retry_after: None,
                    doubt: None,
                });
            }
            self.target.world.direct().send(call).await
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_that_a_rollback_overtook_mixes_nothing() {
    let target = Arc::new(Target::new().await);
    let (before, free, held) = (target.looks().await, Holds::default(), target.held());
    let state = target.world.state().await;
    let calls = calls_of(&target, &free).await;
    assert!(calls.len() > 20, "{calls:#?}");
    for at in 0..calls.len() {
        let what = format!("overtaken before call {at}");
        target.world.put_state(&state).await;
        let (live, decision) = target.plan(&free, ON_THE_DAY).await;
        let (next, writes) = (AtomicUsize::new(0), Mutex::default());
        let overtaken = Arc::new(Overtaken { target: target.clone(), at, next, writes });
        let outcome = target.carry_out(&target.world.through(overtaken), &live, decision).await;
        let ended = outcome.changes.values().next().unwrap();
        assert!(!matches!(ended, Ended::Done { left, .. } if left.is_empty()), "{what}: {ended:?}");
        same(&target.looks().await, &before, &what);
        target.rests(&held, OLD, &what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_its_day_a_wave_asks_for_nothing() {
    let target = Target::new().await;
    target.world.forget_requests().await;
    target.plan(&Holds::default(), BEFORE).await;
    let before = target.world.requests().await.len();
    target.world.forget_requests().await;
    target.world.observe(&target.world.services(), &target.desired).await.unwrap();
    assert_eq!(before, target.world.requests().await.len(), "more than what is listed was asked before the day");
    target.world.forget_requests().await;
    target.plan(&Holds::default(), ON_THE_DAY).await;
    // Two reads of each DAG, from the day on.
    assert_eq!(target.world.requests().await.len(), before + 2 * 4);
    // And none once it is cut over.
    target.apply(&Holds::default(), "cutting over").await;
    target.world.forget_requests().await;
    target.plan(&Holds::default(), ON_THE_DAY).await;
    assert_eq!(target.world.requests().await.len(), before);
    assert!(target.world.direct().send(&Call::get(System::Airflow, "/api/v2/dags")).await.is_ok());
}
