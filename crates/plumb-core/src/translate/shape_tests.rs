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
