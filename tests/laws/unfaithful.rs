//! Law 10: in front of a server that drops answers, answers 500, 502 and 503 after the write, leaves members out, adds
//! unknown ones, sends nulls, spells defaults out and lists late, nothing is lost, nothing is made twice, and whatever
//! plumb says of a change is true: done is done, "nothing of it was done" is nothing, and the rest is said to be not known.

use crate::fixtures::{self, Fixture};
use crate::unfaithful_proxy::{Proxy, Tricks};
use crate::world::{self, Files, World};
use plumb::apply::{self, UnwatchedApply};
use plumb::observe;
use plumb::services::Services;
use plumb_core::kinds::{self, Kind};
use plumb_core::manifest::Desired;
use plumb_core::plan::outcome::{ApplyOutcome, Ended};
use plumb_core::plan::{Action, Decision, Live, Plan};
use plumb_core::render::{self, outcome};
use plumb_model::address::Address;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, atomic::AtomicBool};
use std::time::Duration;

/// What is asked at most of one apply: a hundred objects, each read and written a few times, and looked up.
const MOST_REQUESTS: usize = 20_000;
/// How many applies it may take until everything is as wanted.
const ROUNDS: usize = 60;

/// Fixtures without DAGs, whose files no server stands in front of.
fn chosen() -> Vec<Fixture> {
    fixtures::compatible(fixtures::all()).into_iter().filter(|f| f.kind.name() != "AirflowDag").collect()
}

fn files(change: impl Fn(&Fixture, &mut Value)) -> Files {
    let mut files = Files::new();
    for fixture in chosen() {
        let mut documents = fixture.documents();
        change(&fixture, &mut documents[0]);
        files.insert(format!("{}.yaml", fixture.name()), fixtures::yaml(&documents));
    }
    files
}

/// Something that each kind can be changed in.
fn changed(fixture: &Fixture, document: &mut Value) {
    let spec = &mut document["spec"];
    match fixture.kind.mark() {
        kinds::MarkPlace::Tags(member) => spec[member]["changed"] = json!("yes"),
        kinds::MarkPlace::TagPairs(member, list) => spec[member][list] = json!([{ "key": "changed", "value": "yes" }]),
        kinds::MarkPlace::LastLine(member) => spec[member] = json!("changed"),
        kinds::MarkPlace::Words(_) => {
            spec["secrets"] = json!([{ "key": "changed", "string_value": "${env.CHANGED}" }]);
        }
        _ => spec["description"] = json!("changed"),
    }
}

/// A world, the unfaithful server in front of it, and the services behind that.
struct Front {
    world: World,
    proxy: Proxy,
    services: Services,
}

impl Front {
    async fn new(seed: u64) -> Front {
        let world = World::new().await;
        let proxy = Proxy::new(seed);
        let mut urls = world.urls();
        for url in urls.iter_mut().flatten() {
            *url = proxy.before(url).await;
        }
        let services = world.at(urls);
        Front { world, proxy, services }
    }

    /// Plans by answers that all arrive, so that every round has something to do, and applies in front of the unfaithful
    /// server. Their shape is that which the apply sees: of a member that was not there before, a change would be stale.
    async fn round(&self, desired: &Desired, tricks: Tricks, what: &str) -> Plan {
        self.proxy.tricks(Tricks { writes: 0, reads: 0, ..tricks });
        let (live, decision) = self.world.plan_through(&self.services, desired).await.unwrap();
        let plan = decision.plan.clone();
        assert!(world::blocked(&plan).is_empty(), "{what}: blocked\n{}", world::text(&plan));
        let before = self.world.state().await;
        self.proxy.log();
        self.proxy.tricks(tricks);
        let outcome = self.apply(desired, &live, decision).await;
        self.proxy.tricks(Tricks::default());
        self.arrive().await;
        self.hold_to_account(desired, &plan, &outcome, before, what).await;
        plan
    }

    async fn apply(&self, desired: &Desired, live: &Live, decision: Decision) -> ApplyOutcome {
        let options = apply::ApplyOptions {
            outage: Duration::from_millis(200),
            patience: Duration::from_secs(2),
            width: 4,
            ..world::options()
        };
        let stop = Arc::new(AtomicBool::new(false));
        apply::apply(&self.services, desired, live, decision, options, &UnwatchedApply, stop).await
    }

    /// Lists show everything from now on.
    async fn arrive(&self) {
        let mut state = self.world.state().await;
        state["databricks"]["unlisted"] = json!({});
        self.world.put_state(&state).await;
    }

    /// Holds what was said of every change against what is live, and against what reached the service.
    async fn hold_to_account(&self, desired: &Desired, plan: &Plan, outcome: &ApplyOutcome, before: Value, what: &str) {
        let log = self.proxy.log();
        assert!(log.len() < MOST_REQUESTS, "{what}: {} requests", log.len());
        for (mark, count) in self.world.marks().await {
            assert_eq!(count, 1, "{what}: {mark} was made {count} times");
        }
        let open: BTreeSet<Address> =
            self.world.plan(desired).await.1.plan.changes.into_iter().map(|c| c.address).collect();
        let (before, after) = (by_address(before), by_address(self.world.state().await));
        let lines: BTreeMap<String, String> = outcome::lines(outcome)
            .into_iter()
            .filter_map(|said| said.text.split_once(": ").map(|(address, text)| (address.to_owned(), text.to_owned())))
            .collect();
        let carried =
            |line: &String| log.iter().any(|p| p.write && p.line == *line && p.status.is_some_and(|s| s < 300));
        for change in &plan.changes {
            let address = change.address.to_string();
            let said = lines.get(&address).map_or("", String::as_str);
            let what = format!("{what}, {:?} of {address}, said: {said}", change.action);
            let untouched = before.get(&address) == after.get(&address);
            match &outcome.changes[&change.address] {
                Ended::Done { left, unverified: None, .. } if change.action == Action::Delete => {
                    assert!(left.is_empty() && !after.contains_key(&address), "{what}: done, and still there");
                }
                Ended::Done { left, unverified, .. } => {
                    assert!(left.is_empty(), "{what}");
                    assert!(after.contains_key(&address), "{what}: done, and not there");
                    assert!(!open.contains(&change.address), "{what}: done, and not as wanted");
                    let is_said = said.contains("could not be verified");
                    assert_eq!(unverified.is_some(), is_said, "{what}");
                }
                Ended::Failed { sent, .. } if sent.is_empty() => {
                    assert!(said.contains("(nothing of it was done)"), "{what}");
                    assert!(untouched, "{what}: something of it was done");
                }
                Ended::Failed { sent, .. } => {
                    assert!(said.contains("(done so far: "), "{what}");
                    assert!(sent.iter().all(carried), "{what}: not all of it was carried out: {sent:?}");
                }
                Ended::Unknown { sent, .. } => {
                    assert!(said.contains("whether it was done is not known"), "{what}");
                    assert!(sent.iter().all(carried), "{what}: not all of it was carried out: {sent:?}");
                    assert!(log.iter().any(|p| p.write && !p.faithful), "{what}: every write was answered");
                }
                Ended::Stale { .. } | Ended::Skipped { .. } | Ended::NotStarted => {
                    assert!(said.contains("not started") || said.contains("nothing was sent"), "{what}");
                    assert!(untouched, "{what}: something was done");
                }
            }
        }
    }

    /// Applies until everything is as wanted, and fails unless it ever is.
    async fn converge(&self, desired: &Desired, tricks: Tricks, what: &str) {
        for round in 0..ROUNDS {
            let late = if round == 0 { 2 } else { 0 };
            self.world.settings(json!({ "list_delay_reads": late })).await;
            if self.round(desired, tricks, &format!("{what}, round {round}")).await.changes.is_empty() {
                break;
            }
        }
        self.world.assert_settled(desired, what).await;
        self.world.assert_one_of_each(desired, what).await;
    }
}

/// The live objects of the project, by the address in their mark: their ids and specs.
fn by_address(mut state: Value) -> BTreeMap<String, Vec<(String, Value)>> {
    let mut found: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for kind in kinds::objects() {
        for (id, spec) in world::objects(&mut state, *kind) {
            let mut all = spec.clone();
            // What goes on by itself, whoever asks.
            if let (Value::Object(all), "DatabricksSqlWarehouse") = (&mut all, kind.name()) {
                ["state", "num_clusters", "num_active_sessions", "health"]
                    .iter()
                    .for_each(|own| drop(all.remove(*own)));
            }
            if let Some(mark) = kind.mark().take(spec) {
                found.entry(mark.owner.address.to_string()).or_default().push((id, all));
            }
        }
    }
    found
}

/// What is done to answers, the calls aside: each switched on by itself, and all together.
fn shapes() -> Vec<(&'static str, Tricks)> {
    let none = Tricks::default();
    vec![
        ("leaves out", Tricks { leaves_out: true, ..none }),
        ("nulls", Tricks { nulls: true, ..none }),
        ("unknown members", Tricks { unknown: true, ..none }),
        ("defaults", Tricks { defaults: true, ..none }),
        ("all", Tricks { leaves_out: true, unknown: true, defaults: true, ..none }),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_said_untruly_by_an_apply() {
    world::each((0..3).map(|seed| (format!("seed {seed}"), life(seed)))).await;
}

/// Makes everything, changes everything and removes everything, in front of a server that loses 40 % of the writes.
async fn life(seed: u64) {
    let tricks = Tricks { writes: 40, reads: 15, ..Tricks::default() };
    let front = Front::new(seed).await;
    for (what, files) in [("create", files(|_, _| {})), ("update", files(changed)), ("delete", Files::new())] {
        front.converge(&world::load(&files), tricks, &format!("seed {seed}, {what}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_answers_look_like_changes_nothing() {
    world::each(shapes().into_iter().map(|(name, tricks)| (name.to_owned(), shaped(name, tricks)))).await;
}

/// Applies, looks for drift and imports, in front of a server whose answers are complete in another shape.
async fn shaped(name: &str, tricks: Tricks) {
    let front = Front::new(1).await;
    let desired = world::load(&files(|_, _| {}));
    let writes = Tricks { writes: 20, ..tricks };
    front.converge(&desired, writes, name).await;
    front.proxy.tricks(tricks);
    drifts_not(&front, &desired, name).await;
    imports_alike(&front, &desired, name).await;
}

/// What is as wanted has not drifted, and what one person changed has, and nothing else.
async fn drifts_not(front: &Front, desired: &Desired, what: &str) {
    let (_, decision) = front.world.plan_through(&front.services, desired).await.unwrap();
    assert!(decision.plan.is_empty(), "{what}: drift where there is none\n{}", world::text(&decision.plan));
    let mut state = front.world.state().await;
    let job = kinds::find("DatabricksJob").unwrap();
    let mut objects = world::objects(&mut state, job);
    let (id, spec) = objects.first_mut().unwrap();
    spec["max_concurrent_runs"] = json!(17);
    let id = id.clone();
    front.world.put_state(&state).await;
    let (_, decision) = front.world.plan_through(&front.services, desired).await.unwrap();
    let ids: Vec<Option<&str>> = decision.plan.changes.iter().map(|c| c.id.as_deref()).collect();
    assert_eq!(ids, [Some(id.as_str())], "{what}\n{}", world::text(&decision.plan));
    front.world.settle(desired, what).await;
}

/// An import writes what a faithful server's answers would have it write.
async fn imports_alike(front: &Front, desired: &Desired, what: &str) {
    let truth = import(&front.world, &front.world.services(), desired).await.unwrap();
    let seen = import(&front.world, &front.services, desired).await.unwrap();
    for (name, text) in &truth {
        assert_eq!(seen.get(name), Some(text), "{what}: the import of {name}");
    }
    assert_eq!(seen.len(), truth.len(), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reading_that_fails_is_said_to_fail_and_never_makes_a_change() {
    let front = Front::new(7).await;
    let desired = world::load(&files(|_, _| {}));
    front.converge(&desired, Tricks::default(), "peace").await;
    let truth = import(&front.world, &front.world.services(), &desired).await.unwrap();
    front.proxy.tricks(Tricks { reads: 4, ..Tricks::default() });
    front.proxy.log();
    let (mut read, mut failed) = (0, 0);
    for _ in 0..12 {
        match front.world.plan_through(&front.services, &desired).await {
            Ok((_, decision)) => {
                read += 1;
                assert!(decision.plan.is_empty(), "{}", world::text(&decision.plan));
            }
            Err(why) => {
                failed += 1;
                assert!(why.contains("50") || why.contains("sent, but no answer came"), "{why}");
            }
        }
        match import(&front.world, &front.services, &desired).await {
            Ok(seen) => assert_eq!(seen, truth),
            Err(_) => failed += 1,
        }
    }
    assert!(read > 0 && failed > 0, "{read} readings, {failed} failed: there is nothing to tell apart");
    assert!(front.proxy.log().iter().all(|passed| !passed.write || passed.line.contains("/auth/")));
}

/// What `plumb import --all` would write of the objects of Databricks, by their ids.
async fn import(world: &World, services: &Services, desired: &Desired) -> Result<BTreeMap<String, String>, String> {
    let live = world.observe(services, desired).await?;
    let of_databricks = |kind: &&&'static dyn Kind| kind.system() == plumb_model::call::System::Databricks;
    let mut texts = BTreeMap::new();
    for kind in kinds::objects().iter().filter(of_databricks) {
        for found in live.of(kind.name()) {
            let wanted = json!({ "libraries": [{}] });
            let whole = observe::finish(services, *kind, found, &wanted).await.map_err(|e| e.to_string())?;
            // What one endpoint did not answer limits what is known: such a reading is none.
            if let Some(why) = whole.found.seen.unread.clone().or_else(|| Some(whole.limits.first()?.1.clone())) {
                return Err(why);
            }
            let manifest = render::manifest(
                *kind,
                "imported",
                &whole.found.seen.whole(),
                ("plumb.json", world::TARGET),
                &BTreeMap::new(),
                &[],
            );
            texts.insert(format!("{} {}", kind.name(), found.seen.id), manifest.map_err(|e| e.to_string())?.text);
        }
    }
    Ok(texts)
}
