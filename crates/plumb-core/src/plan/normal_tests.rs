//! What means the same has one normal form and one hash, and what does not has another.

#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

fn rules(kind: &str) -> &'static Rules {
    crate::kinds::find(kind).unwrap().rules()
}

fn job(more: Value) -> Value {
    let mut job = json!({"name": "j", "tags": {"a": "1"}, "timeout_seconds": 60,
        "tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "/a"}},
                  {"task_key": "b", "depends_on": [{"task_key": "a"}], "notebook_task": {"notebook_path": "/b"}}]});
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job
}

#[test]
fn the_hash_in_a_mark_is_of_what_is_written_with_the_object_and_of_its_meaning() {
    let hash = |more: Value| identity(rules("DatabricksJob"), &job(more));
    let first = hash(json!({}));
    assert_eq!(first.len(), 8);
    let mut tasks = job(json!({}))["tasks"].clone();
    tasks.as_array_mut().unwrap().reverse();
    for (what, more) in [
        // What has calls of its own may be written and the object not, or the other way round.
        ("permissions", json!({"permissions": [{"user_name": "ann@x.org", "permission_level": "CAN_VIEW"}]})),
        ("no permissions", json!({"permissions": []})),
        ("a default", json!({"max_concurrent_runs": 1})),
        ("null", json!({"description": null})),
        ("an empty text", json!({"description": ""})),
        ("an empty map", json!({"email_notifications": {}})),
        ("an empty list", json!({"parameters": []})),
        ("the order of what has a key", json!({"tasks": tasks})),
        ("8.0", json!({"timeout_seconds": 60.0})),
        ("what the spec does not know", json!({"brand_new": true})),
    ] {
        assert_eq!(hash(more), first, "{what}");
    }
    let others = [
        json!({"name": "k"}),
        json!({"tags": {"a": "2"}}),
        json!({"tags": {"a": ""}}),
        json!({"tags": {}}),
        json!({"timeout_seconds": 61}),
        json!({"max_concurrent_runs": 2}),
        json!({"description": "x"}),
        json!({"tasks": []}),
        json!({"run_as": {"user_name": "ann@x.org"}}),
        json!({"tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "/a"}}]}),
    ];
    let mut hashes: Vec<String> = others.iter().map(|more| hash(more.clone())).collect();
    hashes.push(first);
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), others.len() + 1);
    // The same of a cluster's own: what is pinned, its state, its libraries.
    let cluster = |more: Value| {
        let mut spec = json!({"cluster_name": "c", "spark_version": "x"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        identity(rules("DatabricksCluster"), &spec)
    };
    for apart in [
        json!({"pinned": true}),
        json!({"state": "terminated"}),
        json!({"libraries": [{"pypi": {"package": "x"}}]}),
        json!({"permissions": [{"group_name": "g", "permission_level": "CAN_RESTART"}]}),
    ] {
        assert_eq!(cluster(apart.clone()), cluster(json!({})), "{apart}");
    }
    assert_ne!(cluster(json!({"spark_version": "y"})), cluster(json!({})));
}

#[test]
fn each_sort_of_value_has_one_form() {
    let form = |kind: &str, member: &str, value: Value| {
        normal(rules(kind), &json!({ (member): value })).get(member).cloned().unwrap_or_default()
    };
    const JOB: &str = "DatabricksJob";
    for (kind, member, value, wanted) in [
        (JOB, "timeout_seconds", json!(8.0), json!(8)),
        (JOB, "timeout_seconds", json!(8.5), json!(8.5)),
        (JOB, "timeout_seconds", json!(0), Value::Null),
        (JOB, "name", json!(""), Value::Null),
        // An entry with an empty value is an entry.
        (JOB, "tags", json!({"a": ""}), json!({"a": ""})),
        (JOB, "tags", json!({}), Value::Null),
        (JOB, "permissions", json!([]), json!([])),
        (JOB, "tasks", json!([]), Value::Null),
        (JOB, "queue", json!({"enabled": true}), Value::Null),
        (JOB, "queue", json!({"enabled": false}), json!({"enabled": false})),
        (
            "DatabricksCluster",
            "data_security_mode",
            json!("SINGLE_USER"),
            form("DatabricksCluster", "data_security_mode", json!("DATA_SECURITY_MODE_DEDICATED")),
        ),
        // A text of JSON that says nothing is nothing.
        ("AirflowVariable", "value", json!(" {} "), Value::Null),
        ("AirflowVariable", "value", json!("[]"), Value::Null),
        ("AirflowVariable", "value", json!("{a"), json!("{a")),
    ] {
        assert_eq!(form(kind, member, value.clone()), wanted, "{kind} {member} {value}");
    }
    let grants = |name: &str| form(JOB, "permissions", json!([{"user_name": name, "permission_level": "CAN_VIEW"}]));
    assert_eq!(grants("Ann@X.org"), grants("ann@x.org"));
    let groups = |name: &str| form(JOB, "permissions", json!([{"group_name": name, "permission_level": "CAN_VIEW"}]));
    assert_ne!(groups("Team"), groups("team"));
}

#[test]
fn a_null_is_left_out_of_what_is_sent_but_for_a_users_own() {
    let sent = |kind: &str, spec: &Value| without_nulls(rules(kind), &rules(kind).root, spec);
    let job = json!({"name": "j", "description": null, "tags": {"a": null, "b": "1"}, "tasks": [null, {"task_key": "a", "timeout_seconds": null}]});
    assert_eq!(sent("DatabricksJob", &job), json!({"name": "j", "tags": {"b": "1"}, "tasks": [{"task_key": "a"}]}));
    // A parameter of a DAG whose default is null is a parameter.
    let dag = json!({"dag_id": "d", "params": {"a": null, "b": 1}, "description": null});
    assert_eq!(sent("AirflowDag", &dag), json!({"dag_id": "d", "params": {"a": null, "b": 1}}));
    let variable = json!({"key": "k", "value": {"a": null}, "description": null});
    assert_eq!(sent("AirflowVariable", &variable), json!({"key": "k", "value": {"a": null}}));
}
