//! What the rules say about values that the service may set itself: whose they are, and what a write does with them.

use crate::kinds::Kind;
use crate::plan::compare::{Carry, Comparison, Context, KeepReason, Supplied, Undeclared, compare};
use crate::plan::normal::normal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What becomes of a live value, in a word.
fn fate(comparison: &Comparison, path: &str) -> &'static str {
    if let Some(difference) = comparison.differences.iter().find(|d| d.path.to_string() == path) {
        return if difference.lost { "lost" } else { "removed" };
    }
    match comparison.kept.iter().find(|k| k.path.to_string() == path).map(|k| (k.because, k.carry)) {
        None => "the service's",
        Some((KeepReason::Undeclared, Carry::Sent)) => "noted",
        Some((KeepReason::Undeclared, Carry::UntilReplaced)) => "fixed",
        Some((KeepReason::Chosen, Carry::Sent)) => "carried",
        Some((KeepReason::Chosen, Carry::Sticks)) => "sticks",
        Some(other) => panic!("{path}: {other:?}"),
    }
}

fn compared(kind: &str, want: &Value, live: &Value, undeclared: Undeclared) -> Comparison {
    let kind: &dyn Kind = crate::kinds::find(kind).unwrap();
    let policy: Supplied = [("node_type_id".to_owned(), json!("of-policy"))].into();
    let supplied = BTreeMap::from([("known".to_owned(), policy), ("pool".to_owned(), Supplied::new())]);
    let context = Context { supplied: &supplied, ignored: &[], undeclared };
    let mut found = compare(kind.rules(), &normal(kind.rules(), want), &normal(kind.rules(), live), &context);
    found.with_losses(true);
    found
}

/// Each case: the kind, what is wanted, what is live, the place, its fate while the manifest is the one last applied, and
/// once it has changed.
#[test]
fn whose_a_live_value_is() {
    const C: &str = "DatabricksCluster";
    const J: &str = "DatabricksJob";
    const P: &str = "DatabricksInstancePool";
    let none = json!({});
    let cases: &[(&str, Value, Value, &str, &str, &str)] = &[
        (
            C,
            none.clone(),
            json!({"driver_node_type_id": "a", "node_type_id": "a"}),
            "driver_node_type_id",
            "the service's",
            "the service's",
        ),
        (
            C,
            json!({"node_type_id": "b"}),
            json!({"driver_node_type_id": "a", "node_type_id": "a"}),
            "driver_node_type_id",
            "the service's",
            "the service's",
        ),
        (
            C,
            json!({"node_type_id": "a"}),
            json!({"driver_node_type_id": "b", "node_type_id": "a"}),
            "driver_node_type_id",
            "noted",
            "removed",
        ),
        (
            C,
            json!({"instance_pool_id": "pool"}),
            json!({"instance_pool_id": "pool", "node_type_id": "a"}),
            "node_type_id",
            "the service's",
            "the service's",
        ),
        (C, json!({"instance_pool_id": "pool"}), json!({"node_type_id": "a"}), "node_type_id", "lost", "removed"),
        (
            C,
            json!({"instance_pool_id": "pool"}),
            json!({"aws_attributes": {"zone_id": "z"}}),
            "aws_attributes.zone_id",
            "lost",
            "lost",
        ),
        (
            C,
            json!({"instance_pool_id": "pool"}),
            json!({"aws_attributes": {"availability": "SPOT_WITH_FALLBACK"}}),
            "aws_attributes.availability",
            "the service's",
            "the service's",
        ),
        (C, none.clone(), json!({"aws_attributes": {"zone_id": "z"}}), "aws_attributes.zone_id", "carried", "carried"),
        (
            C,
            none.clone(),
            json!({"aws_attributes": {"first_on_demand": 3}}),
            "aws_attributes.first_on_demand",
            "noted",
            "removed",
        ),
        (
            C,
            none.clone(),
            json!({"aws_attributes": {"instance_profile_arn": "p"}}),
            "aws_attributes.instance_profile_arn",
            "removed",
            "removed",
        ),
        // Of a policy that nobody could read, anything may come.
        (
            C,
            json!({"policy_id": "other"}),
            json!({"policy_id": "other", "aws_attributes": {"instance_profile_arn": "p"}}),
            "aws_attributes.instance_profile_arn",
            "carried",
            "carried",
        ),
        (
            C,
            json!({"policy_id": "known"}),
            json!({"policy_id": "known", "node_type_id": "of-policy"}),
            "node_type_id",
            "the service's",
            "the service's",
        ),
        (
            C,
            json!({"policy_id": "known"}),
            json!({"policy_id": "known", "node_type_id": "a"}),
            "node_type_id",
            "lost",
            "removed",
        ),
        (
            C,
            none.clone(),
            json!({"data_security_mode": "DATA_SECURITY_MODE_DEDICATED", "single_user_name": "a"}),
            "single_user_name",
            "carried",
            "carried",
        ),
        (
            C,
            json!({"data_security_mode": "USER_ISOLATION"}),
            json!({"data_security_mode": "SINGLE_USER", "single_user_name": "a"}),
            "single_user_name",
            "lost",
            "lost",
        ),
        (C, none.clone(), json!({"data_security_mode": "USER_ISOLATION"}), "data_security_mode", "noted", "removed"),
        (
            C,
            json!({"azure_attributes": {"first_on_demand": 2}}),
            json!({"aws_attributes": {"first_on_demand": 3}}),
            "aws_attributes.first_on_demand",
            "lost",
            "removed",
        ),
        (C, none.clone(), json!({"enable_elastic_disk": true}), "enable_elastic_disk", "noted", "removed"),
        (
            C,
            none.clone(),
            json!({"enable_elastic_disk": true, "azure_attributes": {"first_on_demand": 1}}),
            "enable_elastic_disk",
            "the service's",
            "the service's",
        ),
        (C, none.clone(), json!({"pinned": true}), "pinned", "the service's", "the service's"),
        (J, none.clone(), json!({"budget_policy_id": "b"}), "budget_policy_id", "noted", "removed"),
        (J, none.clone(), json!({"run_as": {"user_name": "a"}}), "run_as", "sticks", "sticks"),
        (J, none.clone(), json!({"format": "MULTI_TASK"}), "format", "the service's", "the service's"),
        (P, none.clone(), json!({"preloaded_spark_versions": ["a"]}), "preloaded_spark_versions", "noted", "fixed"),
        (
            P,
            json!({"node_type_id": "b"}),
            json!({"node_type_id": "a", "preloaded_spark_versions": ["a"]}),
            "preloaded_spark_versions",
            "noted",
            "lost",
        ),
        (
            P,
            none.clone(),
            json!({"aws_attributes": {"availability": "SPOT"}}),
            "aws_attributes.availability",
            "carried",
            "carried",
        ),
        (P, none, json!({"max_capacity": 3}), "max_capacity", "noted", "removed"),
    ];
    for (kind, want, live, path, unchanged, changed) in cases {
        let fates = [Undeclared::Keep, Undeclared::Remove].map(|mode| fate(&compared(kind, want, live, mode), path));
        assert_eq!(fates, [*unchanged, *changed], "{kind} {path}: wanted {want}, live {live}");
    }
}

/// Where code comes from is filled in by what the job has, and what was filled in once is not carried into another job.
#[test]
fn a_source_is_that_of_the_job_it_stands_in() {
    let task = |source: &str| json!([{"task_key": "a", "notebook_task": {"notebook_path": "/a", "source": source}}]);
    let want = json!({"tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "/a"}}]});
    let git = json!({"git_url": "https://github.com/a/b", "git_provider": "gitHub", "git_branch": "main"});
    let path = "tasks[a].notebook_task.source";
    for (source, has_git, keeps_git, unchanged) in [
        ("GIT", true, true, "the service's"),
        ("GIT", true, false, "the service's"),
        ("WORKSPACE", false, false, "the service's"),
        ("WORKSPACE", true, true, "noted"),
    ] {
        let (mut want, mut live) = (want.clone(), json!({"tasks": task(source)}));
        if has_git {
            live["git_source"] = git.clone();
        }
        if keeps_git {
            want["git_source"] = git.clone();
        }
        let found = compared("DatabricksJob", &want, &live, Undeclared::Keep);
        assert_eq!(fate(&found, path), unchanged, "{source}, git before: {has_git}, git after: {keeps_git}");
    }
}
