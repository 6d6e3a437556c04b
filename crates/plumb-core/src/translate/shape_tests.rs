//! How many machines of which market, table by table.

#![allow(clippy::unwrap_used)]

use crate::translate::{TranslationOptions, supported, translate};
use serde_json::{Value, json};

/// The new cluster of what EMR says.
fn cluster(parts: Value) -> Value {
    let mut input = json!({"Cluster": {"Name": "n", "ReleaseLabel": "emr-7.1.0"},
        "Steps": [{"Name": "s", "Config": {"Jar": "command-runner.jar", "Args": ["spark-submit", "s3://b/a.py"]}}]});
    input.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
    let translation = translate(&input, &TranslationOptions::new(supported(jiff::civil::date(2026, 11, 22))));
    let job = translation.documents.iter().find(|d| d.address.kind == "DatabricksJob").unwrap();
    job.spec.pointer("/job_clusters/0/new_cluster").unwrap_or_else(|| panic!("{}", job.spec)).clone()
}

fn fleet(role: &str, on_demand: i64, spot: i64, action: &str) -> Value {
    json!({"InstanceFleetType": role, "TargetOnDemandCapacity": on_demand, "TargetSpotCapacity": spot,
        "InstanceTypeSpecifications": [{"InstanceType": "m5d.xlarge", "WeightedCapacity": 1}],
        "LaunchSpecifications": {"SpotSpecification": {"TimeoutAction": action}}})
}

fn group(role: &str, count: i64, market: &str) -> Value {
    json!({"InstanceGroupType": role, "InstanceType": "m5d.xlarge", "RequestedInstanceCount": count, "Market": market})
}

#[test]
fn spot_machines_fall_back_only_where_all_of_them_did() {
    const SWITCH: &str = "SWITCH_TO_ON_DEMAND";
    const END: &str = "TERMINATE_CLUSTER";
    for (core, task, availability, first) in [
        (fleet("CORE", 1, 2, SWITCH), fleet("TASK", 0, 2, SWITCH), "SPOT_WITH_FALLBACK", 2),
        (fleet("CORE", 1, 2, SWITCH), fleet("TASK", 0, 2, END), "SPOT", 2),
        (fleet("CORE", 1, 2, END), fleet("TASK", 0, 2, SWITCH), "SPOT", 2),
        (fleet("CORE", 1, 2, END), fleet("TASK", 0, 2, END), "SPOT", 2),
        // A fleet without spot machines has nothing to say about them.
        (fleet("CORE", 3, 0, END), fleet("TASK", 0, 2, SWITCH), "SPOT_WITH_FALLBACK", 4),
        (fleet("CORE", 3, 0, SWITCH), fleet("TASK", 2, 2, END), "SPOT", 6),
    ] {
        let aws = cluster(json!({"InstanceFleets": [core, task]}))["aws_attributes"].clone();
        // The driver is the first machine, and never a spot instance.
        assert_eq!(
            (&aws["availability"], &aws["first_on_demand"]),
            (&json!(availability), &json!(first)),
            "{core} {task}"
        );
    }
    for (core, task, availability) in [
        ("ON_DEMAND", "ON_DEMAND", "ON_DEMAND"),
        ("ON_DEMAND", "SPOT", "SPOT_WITH_FALLBACK"),
        ("SPOT", "SPOT", "SPOT_WITH_FALLBACK"),
    ] {
        let made = cluster(
            json!({"InstanceGroups": [group("MASTER", 1, "SPOT"), group("CORE", 2, core), group("TASK", 1, task)]}),
        );
        assert_eq!(made["aws_attributes"]["availability"], availability, "{core} {task}");
        assert_eq!(made["num_workers"], 3);
    }
}

#[test]
fn bounds_become_whole_workers_and_none_is_lost() {
    let scaled = |unit: &str, least: i64, most: i64| {
        cluster(json!({"InstanceGroups": [group("CORE", 2, "ON_DEMAND")],
            "ManagedScalingPolicy": {"ComputeLimits": {"UnitType": unit, "MinimumCapacityUnits": least, "MaximumCapacityUnits": most}}}))
    };
    let between = |least: i64, most: i64| json!({"min_workers": least, "max_workers": most});
    for (unit, least, most, wanted) in [
        ("Instances", 2, 5, between(2, 5)),
        // A machine of four cores: a part of one is one.
        ("VCPU", 8, 20, between(2, 5)),
        ("VCPU", 9, 17, between(3, 5)),
        ("VCPU", 1, 5, between(1, 2)),
        ("Instances", 0, 5, between(1, 5)),
    ] {
        assert_eq!(scaled(unit, least, most)["autoscale"], wanted, "{unit} {least} {most}");
    }
    assert_eq!(scaled("Instances", 3, 3)["num_workers"], 3);
    let policy = |least: i64, most: i64| {
        let mut group = group("TASK", 1, "ON_DEMAND");
        group["AutoScalingPolicy"] = json!({"Constraints": {"MinCapacity": least, "MaxCapacity": most}, "Rules": []});
        group
    };
    // What scales and what does not: both have workers.
    let both = cluster(json!({"InstanceGroups": [group("CORE", 2, "ON_DEMAND"), policy(1, 4)]}));
    assert_eq!(both["autoscale"], between(3, 6));
}

#[test]
fn spot_and_bounds_come_from_the_request_and_not_from_what_runs() {
    let limits = |unit: &str, most: i64, on_demand: i64, core: i64| {
        json!({"ComputeLimits": {"UnitType": unit, "MinimumCapacityUnits": 2, "MaximumCapacityUnits": most,
            "MaximumOnDemandCapacityUnits": on_demand, "MaximumCoreCapacityUnits": core}})
    };
    let running = |mut part: Value, count: i64| {
        for key in ["RunningInstanceCount", "ProvisionedSpotCapacity", "ProvisionedOnDemandCapacity"] {
            part[key] = json!(count);
        }
        part
    };
    for count in [0, 7] {
        // Managed scaling has brought the spot machines to none: they come back with the load.
        let core = running(group("CORE", 2, "ON_DEMAND"), count);
        let task = running(group("TASK", 0, "SPOT"), count);
        let made = |policy: &Value| cluster(json!({"InstanceGroups": [core, task], "ManagedScalingPolicy": policy}));
        let aws = made(&limits("Instances", 12, 3, 4))["aws_attributes"].clone();
        assert_eq!((&aws["availability"], &aws["first_on_demand"]), (&json!("SPOT_WITH_FALLBACK"), &json!(4)));
        // No bound for machines on demand: that of the core machines is one, as all others are spot machines.
        assert_eq!(made(&limits("Instances", 12, 12, 4))["aws_attributes"]["first_on_demand"], 5);
        let fleets = json!([
            running(fleet("CORE", 8, 0, "SWITCH_TO_ON_DEMAND"), count),
            running(fleet("TASK", 0, 0, "TERMINATE_CLUSTER"), count)
        ]);
        let made = |policy: Value| cluster(json!({"InstanceFleets": fleets, "ManagedScalingPolicy": policy}));
        let aws = made(limits("InstanceFleetUnits", 12, 3, 4))["aws_attributes"].clone();
        assert_eq!((&aws["availability"], &aws["first_on_demand"]), (&json!("SPOT"), &json!(4)));
        assert_eq!(
            made(limits("InstanceFleetUnits", 12, 12, 12))["aws_attributes"],
            json!({"availability": "ON_DEMAND"})
        );
    }
    // Groups without spot machines get no further than their bound.
    let bound = cluster(
        json!({"InstanceGroups": [group("CORE", 2, "ON_DEMAND")], "ManagedScalingPolicy": limits("VCPU", 80, 42, 16)}),
    );
    assert_eq!(bound["autoscale"], json!({"min_workers": 1, "max_workers": 10}));
    assert_eq!(bound["aws_attributes"], json!({"availability": "ON_DEMAND"}));
}

#[test]
fn other_workers_count_by_their_cores() {
    let of = |count: i64, node: &str| {
        let mut group = group("TASK", count, "ON_DEMAND");
        group["InstanceType"] = json!(node);
        group
    };
    let workers = |count: i64, node: &str| {
        let made = cluster(json!({"InstanceGroups": [group("CORE", 4, "ON_DEMAND"), of(count, node)]}));
        (made["node_type_id"].clone(), made["num_workers"].clone())
    };
    assert_eq!(workers(1, "m5d.2xlarge"), (json!("m5d.xlarge"), json!(6)));
    assert_eq!(workers(3, "m5d.large"), (json!("m5d.xlarge"), json!(6)));
    // As many cores as the core machines have: those of the larger part.
    assert_eq!(workers(4, "m5d.2xlarge"), (json!("m5d.2xlarge"), json!(6)));
}
