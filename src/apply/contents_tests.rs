//! What the look into an object says just before its delete.

#![allow(clippy::unwrap_used)]

use crate::apply::{ApplyOptions, UnwatchedApply, apply};
use crate::plan_world::{World, mark};
use crate::services::fake::{Fake, FakeAnswer, lost, not_sent, refused};
use plumb_core::kinds::{Contained, Contents, MarkPlace};
use plumb_core::plan::outcome::Ended;
use plumb_model::call::{Call, Method};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SCHEMA: &str = "DatabricksSchema";
const OWN: &str = "bau/prod/DatabricksSchema/sales";
const DELETE: &str = "DELETE /api/2.1/unity-catalog/schemas/main.sales";

fn row() -> Value {
    json!({ "catalog_name": "main", "name": "sales", "full_name": "main.sales" })
}

fn tables(names: &[&str]) -> Vec<Contained> {
    names.iter().map(|name| Contained { noun: "table", kind: None, id: format!("main.sales.{name}") }).collect()
}

/// A schema without a manifest, and what the plan knows to be in it.
fn orphan(contents: Contents, forced: bool) -> World {
    let world = World::of("").with(SCHEMA, "main.sales", row(), Some(mark(OWN, "00000000")));
    let world = world.holding("main.sales", contents);
    if forced { world.forced("main.sales") } else { world }
}

/// Applies it where the tables are these by then: how it ended, and what was sent.
async fn ends(world: &World, now: FakeAnswer, forced: bool) -> (Ended, Vec<String>) {
    let fake = Fake::new(move |call: &Call| match call.path.rsplit('/').next() {
        Some("main.sales") if call.method == Method::Get => {
            let (mut shown, mut mark) = (row(), mark(OWN, "00000000"));
            mark.force_destroy = forced;
            MarkPlace::LastLine("comment").put(&mut shown, &mark);
            Ok(shown)
        }
        Some("tables") => now.clone(),
        _ => Ok(json!({})),
    });
    let desired = world.desired();
    let decision = world.decision(&desired);
    assert_eq!(decision.plan.changes.len(), 1, "{:?}", decision.plan.blocked);
    let short = Duration::from_millis(1);
    let options = ApplyOptions { patience: short, poll: short, outage: short, ..ApplyOptions::default() };
    let outcome =
        apply(&fake.services(), &desired, &world.live, decision, options, &UnwatchedApply, Arc::default()).await;
    (outcome.changes.into_values().next().unwrap(), fake.written())
}

fn shown(names: &[&str]) -> FakeAnswer {
    let rows: Vec<Value> = names.iter().map(|name| json!({ "full_name": format!("main.sales.{name}") })).collect();
    Ok(json!({ "tables": rows }))
}

#[tokio::test(start_paused = true)]
async fn a_delete_is_sent_only_where_nothing_came_in_since_the_plan() {
    let known = |names: &[&str]| Contents::of(Ok(tables(names)), false);
    let forced = format!("{DELETE}?force=true");
    for (what, before, is_forced, now, wanted) in [
        ("empty", known(&[]), false, shown(&[]), Ok(DELETE)),
        // The service's own refusal stays in force where nothing is to go.
        ("empty, and its mark lets data go", known(&[]), true, shown(&[]), Ok(DELETE)),
        ("what the plan knew", known(&["a"]), true, shown(&["a"]), Ok(forced.as_str())),
        (
            "one more",
            known(&["a"]),
            true,
            shown(&["a", "b"]),
            Err("it holds 1 table (main.sales.b), new since the plan"),
        ),
        ("one at last", known(&[]), false, shown(&["b"]), Err("it holds 1 table (main.sales.b), new since the plan")),
        (
            "nobody looked for the plan",
            Contents::Unasked,
            true,
            shown(&["b"]),
            Err("it holds 1 table (main.sales.b), which the plan did not look for"),
        ),
        ("nobody looked for the plan, and it is empty", Contents::Unasked, false, shown(&[]), Ok(DELETE)),
    ] {
        let (ended, written) = ends(&orphan(before, is_forced), now, is_forced).await;
        match wanted {
            Ok(call) => {
                assert!(matches!(ended, Ended::Done { .. }), "{what}: {ended:?}");
                assert_eq!(written, [call], "{what}");
            }
            Err(why) => {
                let stale = Ended::Stale { differences: vec![why.to_owned()], sent: Vec::new() };
                assert_eq!((ended, written), (stale, Vec::new()), "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_deletes_nothing() {
    for fault in [refused(403, "PERMISSION_DENIED"), refused(500, "INTERNAL_ERROR"), lost(), not_sent()] {
        let world = orphan(Contents::of(Ok(tables(&["a"])), false), true);
        let (ended, written) = ends(&world, Err(fault.clone()), true).await;
        let Ended::Failed { why, sent } = ended else { panic!("{fault}: {ended:?}") };
        assert!(why.starts_with("what is in schema main.sales cannot be told, so that it was not deleted: "), "{why}");
        assert_eq!((sent, written), (Vec::new(), Vec::<String>::new()), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_no_longer_lets_data_go_is_seen() {
    let world = orphan(Contents::of(Ok(tables(&["a"])), false), true);
    let (ended, written) = ends(&world, shown(&["a"]), false).await;
    let Ended::Stale { differences, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(differences, ["it holds 1 table (main.sales.a), and its mark does not say that they may go"]);
    assert_eq!(written, [""; 0]);
}
