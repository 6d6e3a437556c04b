//! How much work a plan is: it grows with the objects, whatever has to be done to them.

use super::plan_world::{POOL, World, pool, pool_spec};
use super::worked::{Work, counted};
use crate::kinds;
use serde_json::json;

const MANY: usize = 300;

fn pools() -> String {
    (0..MANY).map(|index| pool(&format!("pool-{index}"), "")).collect()
}

/// All of them as they were applied, each kept as text.
fn applied() -> World {
    let mut world = World::of(pools());
    let desired = world.desired();
    let kind = kinds::find(POOL).unwrap();
    for resource in &desired.resources {
        let hash = super::normal::identity(kind.rules(), &resource.spec);
        let mark = super::plan_world::mark(&format!("bau/prod/{}", resource.address), &hash);
        world = world.with(POOL, &format!("id-{}", resource.address.name), resource.spec.to_value(), Some(mark));
    }
    world.live.kinds.values_mut().flatten().for_each(|found| found.seen.pack(kind));
    world
}

#[test]
fn a_manifest_is_hashed_once_and_a_live_object_unpacked_once() {
    let world = applied();
    let desired = world.desired();
    let (decision, hashes) = counted(Work::Identity, || world.decision(&desired));
    assert_eq!((decision.plan.unchanged, decision.plan.changes.len(), hashes), (MANY, 0, MANY));
    let (_, unpacked) = counted(Work::Unpacked, || world.decision(&desired));
    // Pools supply values to those that name them, which is told before anything is decided.
    assert_eq!(unpacked, 2 * MANY);
    let creates = World::of(pools());
    let (decision, hashes) = counted(Work::Identity, || creates.decision(&desired));
    assert_eq!((decision.plan.changes.len(), hashes), (MANY, MANY));
    // Its manifests gone, and changed.
    let mut gone = applied();
    gone.manifests = String::new();
    let without = gone.desired();
    let (decision, unpacked) = counted(Work::Unpacked, || gone.decision(&without));
    assert_eq!(decision.plan.changes.len(), MANY);
    assert!(unpacked <= 4 * MANY, "{unpacked}");
    let mut changed = applied();
    changed.manifests = changed.manifests.replace("\"max_capacity\":10", "\"max_capacity\":11");
    let desired = changed.desired();
    let (decision, hashes) = counted(Work::Identity, || changed.decision(&desired));
    assert_eq!((decision.plan.changes.len(), hashes), (MANY, MANY));
}

#[test]
fn what_belongs_to_a_manifest_is_looked_up_and_not_searched_for() {
    let mut all = Vec::new();
    let named = |metadata: &dyn Fn(usize) -> String| -> String {
        (0..MANY).map(|index| pool(&format!("pool-{index}"), &metadata(index))).collect()
    };
    all.push(("new ones beside others", World::of(pools()), "create"));
    all.push(("adopted ones", World::of(named(&|index| format!(", adopt: x-{index}"))), "adopt"));
    all.push(("renamed ones", World::of(named(&|index| format!(", previousNames: [old-{index}]"))), "create"));
    for (what, mut world, action) in all {
        for index in 0..MANY {
            world = world.with(POOL, &format!("x-{index}"), pool_spec(&format!("other {index}")), None);
        }
        let desired = world.desired();
        let (decision, lookups) = counted(Work::Lookup, || world.decision(&desired));
        assert_eq!(decision.plan.changes.len(), MANY, "{what}");
        assert!(decision.plan.changes.iter().all(|c| json!(c.action) == action), "{what}");
        assert!(lookups <= 6 * MANY, "{what}: {lookups} lookups for {MANY} manifests");
    }
}
