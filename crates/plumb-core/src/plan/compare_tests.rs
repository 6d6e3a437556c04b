//! What is a difference and what is none, rule by rule, on the kinds that have them.

#![allow(clippy::unwrap_used)]

use super::super::normal::normal;
use super::*;
use serde_json::json;

/// What differs (`+` only wanted, `~` otherwise, `-` only live) and what stays (`=`), with what is told of neither (`?`).
fn compared(kind: &str, want: &Value, live: &Value, ignored: &[&str], undeclared: Undeclared) -> Vec<String> {
    let rules = crate::kinds::find(kind).unwrap().rules();
    let policy = |node: &str| Supplied::from([("node_type_id".to_owned(), json!(node))]);
    let supplied = BTreeMap::from([
        ("old".to_owned(), policy("of-old")),
        ("new".to_owned(), policy("of-new")),
        ("conf".to_owned(), Supplied::from([("spark_conf.a".to_owned(), json!("1"))])),
    ]);
    let ignored: Vec<Pattern> = ignored.iter().map(|text| Pattern::parse(text)).collect();
    let context = Context { supplied: &supplied, ignored: &ignored, undeclared };
    let found = compare(rules, &normal(rules, want), &normal(rules, live), &context);
    let sign = |d: &Difference| match d.op {
        Op::Add => '+',
        Op::Change => '~',
        Op::Remove => '-',
    };
    let replaces = |d: &Difference| if d.replaces { " (replaces)" } else { "" };
    let differences = found.differences.iter().map(|d| format!("{}{}{}", sign(d), d.path, replaces(d)));
    let kept = found.kept.iter().map(|k| format!("={}", k.path));
    let unseen = found.unseen.iter().map(|path| format!("?{path}"));
    differences.chain(kept).chain(unseen).collect()
}

const JOB: &str = "DatabricksJob";
const CLUSTER: &str = "DatabricksCluster";
const POOL: &str = "DatabricksInstancePool";

fn task(key: &str, more: Value) -> Value {
    let mut task = json!({"task_key": key, "notebook_task": {"notebook_path": "/n"}});
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    task
}

#[test]
fn lists_are_compared_as_their_rules_say() {
    let tasks =
        |keys: &[&str]| json!({"name": "j", "tasks": keys.iter().map(|k| task(k, json!({}))).collect::<Vec<_>>()});
    let arguments = |list: &[&str]| json!({"name": "j", "tasks": [{"task_key": "a", "spark_python_task": {"python_file": "/f", "parameters": list}}]});
    let versions = |list: &[&str]| json!({"cluster_name": "c", "ssh_public_keys": list});
    let parameters = "~tasks[a].spark_python_task.parameters";
    for (kind, want, live, wanted) in [
        // By key: in any order, and each element by itself.
        (JOB, tasks(&["a", "b"]), tasks(&["b", "a"]), &[][..]),
        (JOB, tasks(&["a", "b"]), tasks(&["a"]), &["+tasks[b]"]),
        (JOB, tasks(&["a"]), tasks(&["a", "b"]), &["-tasks[b]"]),
        (JOB, tasks(&["a", "c"]), tasks(&["a", "b"]), &["-tasks[b]", "+tasks[c]"]),
        // In order, as a whole.
        (JOB, arguments(&["x", "y"]), arguments(&["x", "y"]), &[]),
        (JOB, arguments(&["x", "y"]), arguments(&["y", "x"]), &[parameters]),
        (JOB, arguments(&["x"]), arguments(&["x", "y"]), &[parameters]),
        (JOB, arguments(&["x", "x"]), arguments(&["x"]), &[parameters]),
        // Nothing is nothing.
        (CLUSTER, versions(&[]), json!({"cluster_name": "c"}), &[]),
    ] {
        assert_eq!(compared(kind, &want, &live, &[], Undeclared::Keep), wanted, "{want} {live}");
    }
}

#[test]
fn what_others_may_change_stays_wherever_it_stands() {
    let (a, b) = (task("a", json!({})), task("b", json!({"timeout_seconds": 5})));
    let both = json!({"name": "j", "tasks": [a, b]});
    let slow = json!({"name": "j", "tasks": [a, task("b", json!({"timeout_seconds": 9}))]});
    let one = json!({"name": "j", "tasks": [a]});
    let tagged = |tags: Value| json!({"name": "j", "tags": tags});
    for (want, live, ignored, wanted) in [
        (&one, &both, "tasks[b]", &["=tasks[b]"][..]),
        (&one, &both, "tasks[*]", &["=tasks[b]"]),
        (&one, &both, "tasks[a]", &["-tasks[b]"]),
        (&both, &one, "tasks[b]", &["=tasks[b]"]),
        (&both, &slow, "tasks[b]", &["=tasks[b]"]),
        (&both, &slow, "tasks[b].timeout_seconds", &["=tasks[b].timeout_seconds"]),
        (&both, &slow, "spec.tasks[*].timeout_seconds", &["=tasks[b].timeout_seconds"]),
        (&both, &slow, "tasks", &["=tasks"]),
        (&both, &slow, "tasks[a].timeout_seconds", &["~tasks[b].timeout_seconds"]),
        (&both, &slow, "tasks[b].timeout", &["~tasks[b].timeout_seconds"]),
        (&both, &both, "tasks[b]", &[]),
        (&tagged(json!({"x": "1"})), &tagged(json!({"x": "2", "y": "3"})), "tags", &["=tags"]),
        (&tagged(json!({"x": "1"})), &tagged(json!({"x": "2"})), "tags[\"x\"]", &["=tags.x"]),
        (&tagged(json!({"x.y": "1"})), &tagged(json!({"x.y": "2"})), "tags[\"x.y\"]", &["=tags[\"x.y\"]"]),
        (&tagged(json!({"x": "1"})), &tagged(json!({"x": "2"})), "tags.y", &["~tags.x"]),
    ] {
        assert_eq!(compared(JOB, want, live, &[ignored], Undeclared::Remove), wanted, "{ignored}: {want} {live}");
    }
}

#[test]
fn what_a_policy_supplies_is_that_of_the_policy_that_is_wanted() {
    let cluster = |policy: &str, more: Value| {
        let mut spec = json!({"cluster_name": "c", "spark_version": "15.4.x-scala2.12", "policy_id": policy});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let node = |node: &str| json!({"node_type_id": node});
    for (want, live, undeclared, wanted) in [
        (cluster("old", json!({})), cluster("old", node("of-old")), Undeclared::Remove, &[][..]),
        (cluster("old", json!({})), cluster("old", node("of-new")), Undeclared::Remove, &["-node_type_id"]),
        // The new policy says something else: what the old one supplied is a person's now, and goes.
        (
            cluster("new", json!({})),
            cluster("old", node("of-old")),
            Undeclared::Remove,
            &["-node_type_id", "~policy_id"],
        ),
        (cluster("new", json!({})), cluster("old", node("of-new")), Undeclared::Remove, &["~policy_id"]),
        // What the manifest sets is compared, whoever supplies it.
        (cluster("old", node("x")), cluster("old", node("of-old")), Undeclared::Keep, &["~node_type_id"]),
        // A part of a map: the rest of it is not the policy's.
        (cluster("conf", json!({})), cluster("conf", json!({"spark_conf": {"a": "1"}})), Undeclared::Remove, &[]),
        (
            cluster("conf", json!({})),
            cluster("conf", json!({"spark_conf": {"a": "1", "b": "2"}})),
            Undeclared::Remove,
            &["-spark_conf.b"],
        ),
        (
            cluster("conf", json!({})),
            cluster("conf", json!({"spark_conf": {"a": "2"}})),
            Undeclared::Remove,
            &["-spark_conf.a"],
        ),
    ] {
        assert_eq!(compared(CLUSTER, &want, &live, &[], undeclared), wanted, "{want} {live}");
    }
}

#[test]
fn each_rule_about_one_value_holds() {
    let aws = |attributes: Value| json!({"instance_pool_name": "p", "node_type_id": "a", "aws_attributes": attributes});
    let zone = |zone: &str| json!({"cluster_name": "c", "spark_version": "x", "aws_attributes": {"zone_id": zone}});
    let tags = |tags: Value| json!({"cluster_name": "c", "spark_version": "x", "custom_tags": tags});
    let mode = |mode: &str| json!({"cluster_name": "c", "spark_version": "x", "data_security_mode": mode});
    let job = |more: Value| {
        let mut job = json!({"name": "j"});
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        job
    };
    let updated =
        |condition: &str| job(json!({"trigger": {"table_update": {"table_names": ["a.b.c"], "condition": condition}}}));
    let spot = "~aws_attributes.spot_bid_price_percent (replaces)";
    for (what, kind, want, live, wanted) in [
        // The whole object around it cannot be changed in place, and neither can what is in it.
        (
            "below what replaces",
            POOL,
            aws(json!({"spot_bid_price_percent": 90})),
            aws(json!({"spot_bid_price_percent": 80})),
            &[spot][..],
        ),
        ("any zone will do", CLUSTER, zone("auto"), zone("eu-west-1a"), &[]),
        ("this zone", CLUSTER, zone("eu-west-1b"), zone("eu-west-1a"), &["~aws_attributes.zone_id"]),
        (
            "a tag that the service adds",
            CLUSTER,
            tags(json!({"a": "1"})),
            tags(json!({"a": "1", "ResourceClass": "SingleNode"})),
            &[],
        ),
        (
            "the same tag, declared",
            CLUSTER,
            tags(json!({"ResourceClass": "x"})),
            tags(json!({"ResourceClass": "SingleNode"})),
            &["~custom_tags.ResourceClass"],
        ),
        ("two names of one value", CLUSTER, mode("DATA_SECURITY_MODE_DEDICATED"), mode("SINGLE_USER"), &[]),
        ("the default", JOB, job(json!({})), job(json!({"max_concurrent_runs": 1, "timeout_seconds": 0})), &[]),
        ("not the default", JOB, job(json!({})), job(json!({"max_concurrent_runs": 2})), &["~max_concurrent_runs"]),
        (
            "the default that is not live",
            JOB,
            job(json!({"max_concurrent_runs": 1})),
            job(json!({"max_concurrent_runs": 2})),
            &["~max_concurrent_runs"],
        ),
        (
            "what must not be there",
            JOB,
            job(json!({})),
            job(json!({"schedule": {"quartz_cron_expression": "0 0 4 * * ?", "timezone_id": "UTC"}})),
            &["-schedule"],
        ),
        (
            "what the service never shows",
            JOB,
            updated("ALL_UPDATED"),
            job(json!({"trigger": {"table_update": {"table_names": ["a.b.c"]}}})),
            &["?trigger.table_update.condition"],
        ),
        ("a number by its value", JOB, job(json!({"timeout_seconds": 60})), job(json!({"timeout_seconds": 60.0})), &[]),
        (
            "a user by any case",
            JOB,
            job(json!({"permissions": [{"user_name": "Ann@x.org", "permission_level": "CAN_VIEW"}]})),
            job(json!({"permissions": [{"user_name": "ann@x.org", "permission_level": "CAN_VIEW"}]})),
            &[],
        ),
        (
            "an empty list of grants is one",
            JOB,
            job(json!({"permissions": []})),
            job(json!({"permissions": [{"user_name": "ann@x.org", "permission_level": "CAN_VIEW"}]})),
            &["-permissions[ann@x.org]"],
        ),
        (
            "grants that nobody declared",
            JOB,
            job(json!({})),
            job(json!({"permissions": [{"user_name": "ann@x.org", "permission_level": "CAN_VIEW"}]})),
            &[],
        ),
    ] {
        assert_eq!(compared(kind, &want, &live, &[], Undeclared::Keep), wanted, "{what}");
    }
}

#[test]
fn what_is_undeclared_stays_goes_or_is_none_of_its_business() {
    let want = json!({"name": "j", "tags": {"a": "1"}});
    let live = json!({"name": "j", "tags": {"a": "1", "b": "2"}, "description": "by hand", "max_concurrent_runs": 3});
    for (undeclared, wanted) in [
        (Undeclared::Keep, &["~max_concurrent_runs", "=description", "=tags.b"][..]),
        (Undeclared::Remove, &["-description", "~max_concurrent_runs", "-tags.b"]),
        (Undeclared::External, &[]),
    ] {
        assert_eq!(compared(JOB, &want, &live, &[], undeclared), wanted, "{undeclared:?}");
    }
    // What the manifest has is compared in any case.
    let other = json!({"name": "k", "tags": {"a": "2"}});
    for undeclared in [Undeclared::Keep, Undeclared::Remove, Undeclared::External] {
        assert_eq!(compared(JOB, &want, &other, &[], undeclared), ["~name", "~tags.a"], "{undeclared:?}");
    }
}

#[test]
fn a_mask_hides_a_value_and_nothing_beside_it() {
    let masked = json!(Vault::UNKNOWN);
    for (want, live, alike) in [
        (json!("x"), masked.clone(), true),
        (json!(3), masked.clone(), true),
        (json!({"a": 1}), masked.clone(), true),
        // Nothing is not what is masked.
        (Value::Null, masked.clone(), false),
        (json!({"a": "x"}), json!({"a": masked}), true),
        (json!({"a": "x"}), json!({"a": masked, "b": 1}), false),
        (json!({"a": "x", "b": 1}), json!({"a": masked}), false),
        (json!({"a": "x", "b": 1}), json!({"a": masked, "b": 2}), false),
        (json!({"a": "x"}), json!({"b": masked}), false),
        (json!(["x", 1]), json!([masked, 1]), true),
        (json!(["x", 1]), json!([masked]), false),
        (json!(["x"]), json!([masked, 1]), false),
        (json!([1, "x"]), json!([2, masked]), false),
        (json!(1), json!(1.0), true),
        (json!(1), json!("1"), false),
        // A mask in the manifest is a text like any other.
        (masked.clone(), json!("x"), false),
    ] {
        assert_eq!(masked_alike(&want, &live), alike, "{want} {live}");
    }
}
