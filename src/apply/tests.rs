//! How a change ends, by what the service says to the look before it, to its call and to the look behind it.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::plan_world::{CLUSTER, POOL, World, address, manifest, mark, pool, pool_spec};
use crate::services::fake::{Fake, FakeAnswer, foreign, lost, not_found, not_sent, nothing, refused};
use plumb_model::call::{Call, ServiceError};
use serde_json::json;
use std::collections::VecDeque;

const OWN: &str = "bau/prod/DatabricksInstancePool/a";
const CREATE: &str = "POST /api/2.0/instance-pools/create";
const EDIT: &str = "POST /api/2.0/instance-pools/edit";
const DELETE: &str = "POST /api/2.0/instance-pools/delete";

fn live_pool(id: &str, owner: &str) -> Value {
    let mut pool = pool_spec("a");
    pool["instance_pool_id"] = json!(id);
    plumb_core::kinds::MarkPlace::Tags("custom_tags").put(&mut pool, &mark(owner, "00000000"));
    pool
}

fn options() -> ApplyOptions {
    let short = Duration::from_millis(1);
    ApplyOptions {
        width: 4,
        patience: short,
        grace: vec![Duration::ZERO, short],
        poll: short,
        outage: short,
        ..ApplyOptions::default()
    }
}

/// Applies what a world asks for to a workspace that answers so: how each change ended, in a word, and what was written.
async fn ends(world: &World, fake: &Arc<Fake>) -> (Vec<String>, Vec<String>) {
    let (desired, stop) = (world.desired(), Arc::new(AtomicBool::new(false)));
    let decision = world.decision(&desired);
    let outcome = apply(&fake.services(), &desired, &world.live, decision, options(), &UnwatchedApply, stop).await;
    let word = |ended: &Ended| match ended {
        Ended::Done { unverified: Some(_), .. } => "unverified",
        Ended::Done { left, .. } if !left.is_empty() => "left",
        Ended::Done { .. } => "done",
        Ended::Failed { .. } => "failed",
        Ended::Unknown { .. } => "unknown",
        Ended::Stale { .. } => "stale",
        Ended::Skipped { .. } => "skipped",
        Ended::NotStarted => "not started",
    };
    let said = outcome.changes.iter().map(|(address, ended)| format!("{} {}", address.name, word(ended)));
    (said.collect(), fake.written())
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_unless_the_look_before_it_shows_what_was_decided_on() {
    let orphan = || World::of("").with_pool("p-1", "a", OWN);
    let changed = || World::of(pool("a", "")).applied(POOL, "a", "p-1", json!({"max_capacity": 99}));
    let as_read = live_pool("p-1", OWN);
    let other = |member: &str, value: Value| {
        let mut pool = as_read.clone();
        pool[member] = value;
        pool
    };
    let rows: Vec<(&str, FakeAnswer, &str, &str)> = vec![
        ("as it was", Ok(as_read.clone()), "done", "done"),
        // Deleting what is gone is done; what is to be changed and is gone is another decision.
        ("gone", Err(not_found()), "done, nothing sent", "stale"),
        ("changed", Ok(other("max_capacity", json!(5))), "stale", "stale"),
        (
            "a field that nobody declared",
            Ok(other("idle_instance_autotermination_minutes", json!(5))),
            "stale",
            "stale",
        ),
        ("a field that plumb does not know", Ok(other("brand_new", json!("on"))), "stale", "stale"),
        ("a proxy's 404", Err(foreign(404)), "failed", "failed"),
        ("no right to see it", Err(refused(403, "PERMISSION_DENIED")), "failed", "failed"),
        ("broken", Err(refused(500, "INTERNAL_ERROR")), "failed", "failed"),
        ("away", Err(refused(503, "TEMPORARILY_UNAVAILABLE")), "failed", "failed"),
        ("no answer", Err(lost()), "failed", "failed"),
        ("not sent", Err(not_sent()), "failed", "failed"),
        ("an empty answer", nothing(), "failed", "failed"),
    ];
    for (what, said, deleted, updated) in rows {
        for (world, call, wanted) in [(orphan(), DELETE, deleted), (changed(), EDIT, updated)] {
            let mut said = said.clone();
            if let (Ok(pool), true) = (&mut said, call == EDIT) {
                // What the manifest wants to change is as the plan read it, too.
                if pool["max_capacity"] == 10 {
                    pool["max_capacity"] = json!(99);
                }
            }
            let is_written = std::sync::atomic::AtomicBool::new(false);
            let fake = Fake::new(move |call: &Call| match call.path.rsplit('/').next() {
                Some("get") if is_written.load(Ordering::Relaxed) => Ok(live_pool("p-1", OWN)),
                Some("get") => said.clone(),
                _ => {
                    is_written.store(true, Ordering::Relaxed);
                    nothing()
                }
            });
            let (ended, written) = ends(&world, &fake).await;
            assert_eq!(ended, [format!("a {}", wanted.split(',').next().unwrap())], "{what}, {call}");
            let sent: &[&str] = if wanted == "done" { &[call] } else { &[] };
            assert_eq!(written, sent, "{what}");
        }
    }
}

/// Creates a pool in a workspace whose create is answered so each time, and which then lists these.
async fn creates(
    answers: Vec<FakeAnswer>,
    made: bool,
    listed: impl Fn() -> FakeAnswer + Send + Sync + 'static,
) -> (String, usize) {
    let (answers, begun) = (Mutex::new(VecDeque::from(answers)), AtomicBool::new(false));
    let fake = Fake::new(move |call: &Call| match call.path.rsplit('/').next() {
        Some("create") => {
            begun.store(true, Ordering::Relaxed);
            let mut answers = answers.lock().unwrap();
            if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
        }
        Some("list") if begun.load(Ordering::Relaxed) => listed(),
        Some("get") if made => Ok(live_pool("p-1", OWN)),
        _ => Err(not_found()),
    });
    let (ended, written) = ends(&World::of(pool("a", "")), &fake).await;
    assert!(written.iter().all(|line| line == CREATE), "{written:?}");
    (ended.join(", "), written.len())
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_twice_and_what_is_not_known_is_not_called_undone() {
    let none = || Ok(json!({"instance_pools": []}));
    let one = || Ok(json!({"instance_pools": [live_pool("p-1", OWN)]}));
    let two = || Ok(json!({"instance_pools": [live_pool("p-1", OWN), live_pool("p-2", OWN)]}));
    let made: FakeAnswer = Ok(json!({"instance_pool_id": "p-1"}));
    type List = fn() -> FakeAnswer;
    let rows: Vec<(&str, Vec<FakeAnswer>, List, &str, usize)> = vec![
        ("answered", vec![made.clone()], none, "a done", 1),
        ("refused", vec![Err(refused(400, "INVALID_PARAMETER_VALUE"))], none, "a failed", 1),
        ("never sent", vec![Err(not_sent())], none, "a failed", 1),
        // It was made, and only the answer was lost.
        ("lost, and found", vec![Err(lost())], one, "a done", 1),
        ("a 503, and found", vec![Err(refused(503, "TEMPORARILY_UNAVAILABLE"))], one, "a done", 1),
        ("a proxy's 404, and found", vec![Err(foreign(404))], one, "a done", 1),
        ("an answer without an id, and found", vec![nothing()], one, "a done", 1),
        // It is not to be seen: it is sent again, some times and no more.
        ("lost, and made the second time", vec![Err(lost()), made.clone()], none, "a done", 2),
        ("lost again and again", vec![Err(lost())], none, "a unknown", 3),
        // A refusal of the second attempt says nothing of the first.
        ("lost, then refused", vec![Err(lost()), Err(refused(400, "X"))], none, "a unknown", 2),
        ("lost, then never sent", vec![Err(lost()), Err(not_sent())], none, "a unknown", 3),
        ("an answer without an id", vec![nothing()], none, "a unknown", 1),
        ("two are found", vec![Err(lost())], two, "a unknown", 1),
        // Who cannot look does not send again.
        ("lost, and no look", vec![Err(lost())], || Err(refused(503, "X")), "a unknown", 1),
        ("lost, and no right to look", vec![Err(lost())], || Err(refused(403, "X")), "a unknown", 1),
        ("lost, and an odd list", vec![Err(lost())], || Ok(json!({"instance_pools": [{}]})), "a unknown", 1),
    ];
    for (what, answers, listed, wanted, times) in rows {
        assert_eq!(creates(answers, true, listed).await, (wanted.to_owned(), times), "{what}");
    }
    // It was made, and cannot be seen.
    assert_eq!(creates(vec![made], false, none).await, ("a unverified".to_owned(), 1));
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_what_was_not_done_is_not_begun() {
    let cluster = json!({"cluster_name": "c", "spark_version": "15.4.x-scala2.12", "num_workers": 1,
        "instance_pool_id": "${resources.DatabricksInstancePool.a}"});
    let world = World::of(pool("a", "") + &pool("z", "") + &manifest(CLUSTER, "c", "", &cluster));
    for (what, said, wanted) in
        [("refused", Err(refused(400, "X")), "a failed"), ("not known", Ok(json!({})), "a unknown")]
    {
        let fake = Fake::new(move |call: &Call| {
            let name = call.body.as_ref().and_then(|body| body["instance_pool_name"].as_str()).unwrap_or_default();
            match (call.path.rsplit('/').next(), name) {
                (Some("create"), "a") => said.clone(),
                (Some("create"), _) => Ok(json!({"instance_pool_id": "p-2", "cluster_id": "c-1"})),
                (Some("list"), _) => Ok(json!({"instance_pools": []})),
                (Some("get"), _) => {
                    let mut pool = live_pool("p-2", &OWN.replace("/a", "/z"));
                    pool["instance_pool_name"] = json!("z");
                    Ok(pool)
                }
                _ => Err(not_found()),
            }
        });
        let (ended, _) = ends(&world, &fake).await;
        assert_eq!(ended, ["c skipped", wanted, "z done"], "{what}");
        let sent: Vec<String> = fake.written().into_iter().filter(|line| line.contains("clusters")).collect();
        assert_eq!(sent, [""; 0], "{what}");
    }
    assert_eq!(address("a").kind, POOL);
}

#[tokio::test(start_paused = true)]
async fn an_apply_that_is_told_to_stop_begins_nothing_more() {
    let world = World::of(pool("a", ""));
    let fake = Fake::new(|_| Err::<Value, ServiceError>(not_found()));
    let (desired, stop) = (world.desired(), Arc::new(AtomicBool::new(true)));
    let decision = world.decision(&desired);
    let outcome = apply(&fake.services(), &desired, &world.live, decision, options(), &UnwatchedApply, stop).await;
    assert_eq!(outcome.count(|ended| *ended == Ended::NotStarted), 1);
    assert_eq!(fake.written(), [""; 0]);
}
