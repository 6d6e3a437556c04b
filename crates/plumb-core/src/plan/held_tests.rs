//! What an adoption that disrupts holds, and what goes on beside it.

use super::held::hold_back;
use super::plan_world::{World, address, manifest, pool};
use super::{Action, Guard, Plan};
use plumb_model::address::Address;
use serde_json::{Value, json};

const CLUSTER: &str = "DatabricksCluster";

fn cluster(adopt: &str, workers: u32) -> String {
    manifest(CLUSTER, "c", adopt, &spec(workers))
}

fn spec(workers: u32) -> Value {
    json!({"cluster_name": "c", "spark_version": "15.4.x-scala2.12", "node_type_id": "i3.xlarge", "num_workers": workers})
}

/// A workspace with a cluster in this state, which the manifest takes over.
fn world(state: &str, manifests: &str) -> World {
    let mut world = World::of(manifests).with(CLUSTER, "c-1", spec(2), None);
    for found in world.live.kinds.get_mut(CLUSTER).unwrap() {
        let mut seen = found.seen.whole();
        seen.state = Some(state.to_owned());
        found.seen = seen.into();
    }
    world
}

fn held(plan: &Plan) -> Vec<(Option<Guard>, String)> {
    plan.blocked.iter().map(|b| (b.guard, b.address.as_ref().map_or(String::new(), Address::to_string))).collect()
}

#[test]
fn an_adoption_that_would_restart_a_running_cluster_waits() {
    let adopts = cluster(", adopt: {prod: c-1}", 2) + &pool("a", "");
    let waits = vec![(Some(Guard::Restart), "DatabricksCluster/c".to_owned())];
    for (state, wanted) in [
        ("RUNNING", waits.clone()),
        ("PENDING", waits.clone()),
        ("RESIZING", waits),
        ("TERMINATED", Vec::new()),
        ("TERMINATING", Vec::new()),
    ] {
        let mut plan = world(state, &adopts).plan();
        assert_eq!(held(&plan), wanted, "{state}");
        let digest = plan.digest.clone();
        // What else is planned is made; that this is refused stays in the plan.
        assert_eq!(hold_back(&mut plan).len(), wanted.len(), "{state}");
        assert_eq!((held(&plan), &plan.digest), (wanted.clone(), &digest));
        let left: Vec<Action> = plan.changes.iter().map(|change| change.action).collect();
        assert_eq!(left, if wanted.is_empty() { vec![Action::Adopt, Action::Create] } else { vec![Action::Create] });
    }
}

#[test]
fn what_is_owned_already_is_restarted_without_being_asked_for() {
    let mut world =
        World::of(cluster("", 2)).applied(CLUSTER, "c", "c-1", json!({"spark_version": "14.3.x-scala2.12"}));
    for found in world.live.kinds.get_mut(CLUSTER).unwrap() {
        let mut seen = found.seen.whole();
        seen.state = Some("RUNNING".to_owned());
        found.seen = seen.into();
    }
    let plan = world.plan();
    assert_eq!(
        (plan.changes[0].action, &plan.changes[0].impacts[..]),
        (Action::Update, &["restarts the cluster".into()][..])
    );
    assert_eq!(held(&plan), []);
}

#[test]
fn what_uses_a_cluster_that_waits_does_not_wait_and_what_takes_away_does() {
    let job = |name: &str| {
        let task = json!({"task_key": "t", "existing_cluster_id": "${resources.DatabricksCluster.c}",
            "notebook_task": {"notebook_path": "/a"}});
        manifest("DatabricksJob", name, "", &json!({"name": name, "tasks": [task]}))
    };
    let manifests = cluster(", adopt: c-1", 2) + &job("uses");
    // A pool without a manifest, that the running cluster was on: it is kept until the cluster is off it.
    let mut world = world("RUNNING", &manifests).with_pool("p-1", "gone", "bau/prod/DatabricksInstancePool/gone");
    for found in world.live.kinds.get_mut(CLUSTER).unwrap() {
        let mut seen = found.seen.whole();
        seen.spec["instance_pool_id"] = json!("p-1");
        seen.spec.as_object_mut().unwrap().remove("node_type_id");
        found.seen = seen.into();
    }
    let mut plan = world.plan();
    let waits = |address: Address| (Some(Guard::Restart), address.to_string());
    let of_cluster = Address { kind: CLUSTER.into(), name: "c".into() };
    assert_eq!(held(&plan), [waits(of_cluster), waits(address("gone"))], "{:#?}", plan.blocked);
    hold_back(&mut plan);
    let left: Vec<(String, usize)> =
        plan.changes.iter().map(|change| (change.address.to_string(), change.depends_on.len())).collect();
    assert_eq!(left, [("DatabricksJob/uses".to_owned(), 0)]);
}
