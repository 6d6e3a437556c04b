//! Tests of the field rules: that they compile, say why, fit their fields, and mean what the services do.

use super::{
    cluster::ClusterSpec, job::JobSpec, pipeline::PipelineSpec, policy::PolicySpec, pool::InstancePoolSpec,
    warehouse::WarehouseSpec,
};
use plumb_model::schema::{Field, KeyBy, Rule, Rules, Secret, Shape, Unset, compile};
use schemars::schema_for;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn roots() -> [(&'static str, Value); 6] {
    [
        ("job", schema_for!(JobSpec).to_value()),
        ("cluster", schema_for!(ClusterSpec).to_value()),
        ("policy", schema_for!(PolicySpec).to_value()),
        ("pool", schema_for!(InstancePoolSpec).to_value()),
        ("pipeline", schema_for!(PipelineSpec).to_value()),
        ("warehouse", schema_for!(WarehouseSpec).to_value()),
    ]
}

fn rules_of(kind: &str) -> Rules {
    let (_, schema) = roots().into_iter().find(|(name, _)| *name == kind).unwrap();
    compile(&schema)
}

/// Every field of a kind, each type once, with a path at which it stands.
fn fields(rules: &Rules) -> Vec<(String, &Field)> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    let mut open = vec![(String::new(), &rules.root)];
    while let Some((path, field)) = open.pop() {
        match &field.shape {
            Shape::Object(index) if seen.insert(*index) => {
                let members = rules.of(*index).members.iter();
                open.extend(members.map(|(name, f)| (format!("{path}.{name}"), f)));
            }
            Shape::Map(inner) => open.push((format!("{path}{{}}"), inner)),
            Shape::List(inner) => open.push((format!("{path}[]"), inner)),
            Shape::Object(_) | Shape::Leaf => {}
        }
        found.push((path, field));
    }
    found
}

/// The rule at a path: names of members, `[]` for a list's element, `{}` for a map's entry.
fn rule<'a>(rules: &'a Rules, path: &str) -> &'a Rule {
    let mut here = &rules.root;
    for step in path.split('.') {
        here = match (&here.shape, step) {
            (Shape::List(inner), "[]") | (Shape::Map(inner), "{}") => inner,
            (Shape::Object(index), name) => {
                rules.of(*index).members.get(name).unwrap_or_else(|| panic!("{path}: no {name}"))
            }
            _ => panic!("{path}: nothing at {step}"),
        };
    }
    &here.rule
}

#[test]
fn every_rule_says_why() {
    for (kind, schema) in roots() {
        let rules = compile(&schema);
        let fields = fields(&rules);
        assert!(fields.len() > 15, "{kind}: only {} fields", fields.len());
        let silent: Vec<&String> = fields
            .iter()
            .filter(|(_, field)| field.rule != Rule::default() && field.rule.why.trim().is_empty())
            .map(|(path, _)| path)
            .collect();
        assert!(silent.is_empty(), "{kind}: {silent:?}");
    }
}

#[test]
fn no_rule_says_two_things_about_leaving_out() {
    for (kind, schema) in roots() {
        for (path, field) in fields(&compile(&schema)) {
            let Rule { default, unset, server, write_only, key, set, .. } = &field.rule;
            let said = [default.is_some(), unset.is_some(), *server];
            assert!(said.iter().filter(|s| **s).count() < 2, "{kind}{path}");
            assert!(!*write_only || !*server, "{kind}{path}");
            assert!(key.is_none() || !*set, "{kind}{path}");
            if key.is_some() || *set {
                assert!(matches!(field.shape, Shape::List(_)), "{kind}{path} is no list");
            }
        }
    }
}

#[test]
fn keys_are_members_of_the_elements() {
    for (kind, schema) in roots() {
        let rules = compile(&schema);
        for (path, field) in fields(&rules) {
            let names = match &field.rule.key {
                None => continue,
                Some(KeyBy::One(name)) => vec![name.clone()],
                Some(KeyBy::FirstOf(names)) => names.clone(),
            };
            let Shape::List(element) = &field.shape else { panic!("{kind}{path}") };
            let Shape::Object(index) = element.shape else { panic!("{kind}{path}: elements have no members") };
            for name in names {
                assert!(rules.of(index).members.contains_key(&name), "{kind}{path}: no {name}");
            }
        }
    }
}

#[test]
fn values_in_rules_fit_their_fields() {
    let mut judged = 0;
    for (kind, schema) in roots() {
        let mut open = vec![&schema];
        while let Some(here) = open.pop() {
            open.extend(here["$defs"].as_object().into_iter().flatten().map(|(_, s)| s));
            for (name, member) in here["properties"].as_object().into_iter().flatten() {
                let rule = &member["x-plumb"];
                let names = rule["alias"].as_array().into_iter().flatten().flat_map(|names| names.as_array().unwrap());
                let values: Vec<&Value> = rule.get("default").into_iter().chain(names).collect();
                if values.is_empty() {
                    continue;
                }
                let mut alone = member.clone();
                alone["$defs"] = schema["$defs"].clone();
                let fits = jsonschema::draft202012::new(&alone).unwrap();
                for value in values {
                    assert!(fits.is_valid(value), "{kind}: {name} cannot be {value}");
                    judged += 1;
                }
            }
        }
    }
    assert!(judged > 40, "only {judged} values were found");
}

#[test]
fn every_rule_about_the_service_fits_its_field() {
    let mut judged = 0;
    for (kind, schema) in roots() {
        let rules = compile(&schema);
        let known: BTreeSet<&String> = rules.types().iter().flat_map(|of| of.members.keys()).collect();
        for (path, field) in fields(&rules) {
            let Rule { unset, filled, filled_when, chosen, refused_when, sticky, strict, .. } = &field.rule;
            let says = chosen.is_some() || !filled_when.is_empty() || *sticky || *strict;
            assert!(
                *unset == Some(Unset::Server) || !says,
                "{kind}{path}: the service sets only what is `unset: server`"
            );
            assert!(filled.is_none() || *unset == Some(Unset::Server), "{kind}{path}");
            assert!(chosen.is_none() || !*strict, "{kind}{path}: what may be chosen is no difference");
            if *unset == Some(Unset::Members) {
                assert!(matches!(field.shape, Shape::Object(_)), "{kind}{path} has no members");
            }
            // A whole object with members of its own is told apart by them, unless the service may have set it as a whole.
            if *unset == Some(Unset::Server) && matches!(field.shape, Shape::Object(_)) {
                assert!(chosen.is_some(), "{kind}{path}: let its members say it");
            }
            for when in filled_when.iter().chain(refused_when) {
                let names = [&when.same_as, &when.with, &when.without, &when.changed].into_iter().flatten();
                let names = names.chain(when.unless.iter().map(|(name, _)| name));
                for name in names {
                    assert!(known.contains(name), "{kind}{path}: nothing is called {name}");
                    judged += 1;
                }
            }
        }
    }
    assert!(judged > 40, "only {judged} conditions were found");
}

#[test]
fn either_ors_of_a_task_leave_nothing_behind() {
    let job = rules_of("job");
    for member in
        ["notebook_task", "spark_jar_task", "existing_cluster_id", "job_cluster_key", "new_cluster", "libraries"]
    {
        assert_eq!(rule(&job, &format!("tasks.[].{member}")).unset, Some(Unset::Absent), "{member}");
    }
    for member in ["schedule", "trigger", "triggers", "continuous", "git_source", "health", "tasks", "permissions"] {
        let expected = if member == "permissions" { Unset::Server } else { Unset::Absent };
        assert_eq!(rule(&job, member).unset, Some(expected), "{member}");
    }
    assert_eq!(rule(&job, "tasks.[].spark_python_task.parameters").unset, Some(Unset::Absent));
    assert_eq!(rule(&job, "tasks.[].notebook_task.base_parameters.{}").unset, Some(Unset::Absent));
    assert_eq!(rule(&job, "run_as.user_name").unset, Some(Unset::Absent));
}

#[test]
fn what_only_describes_is_never_acted_on_undeclared() {
    for (kind, path) in [
        ("job", "description"),
        ("job", "tags"),
        ("job", "tasks.[].description"),
        ("cluster", "custom_tags"),
        ("pool", "custom_tags"),
        ("policy", "description"),
    ] {
        let rules = rules_of(kind);
        let rule = rule(&rules, path);
        assert!(rule.unset.is_none() && rule.default.is_none() && !rule.why.is_empty(), "{kind} {path}");
    }
}

#[test]
fn what_the_service_fills_in_is_no_difference() {
    let job = rules_of("job");
    assert_eq!(rule(&job, "queue").default, Some(json!({"enabled": true})));
    assert_eq!(rule(&job, "timeout_seconds").default, Some(json!(0)));
    assert_eq!(rule(&job, "max_concurrent_runs").default, Some(json!(1)));
    assert_eq!(rule(&job, "tasks.[].run_if").default, Some(json!("ALL_SUCCESS")));
    assert_eq!(rule(&job, "schedule.pause_status").default, Some(json!("UNPAUSED")));
    assert_eq!(rule(&job, "tasks.[].notebook_task.source").unset, Some(Unset::Server));
    assert_eq!(rule(&job, "run_as").unset, Some(Unset::Server));
    // One statement about a cluster holds wherever a cluster stands.
    let cluster = rules_of("cluster");
    let places = ["job_clusters.[].new_cluster.", "tasks.[].new_cluster.", "tasks.[].for_each_task.task.new_cluster."];
    for member in ["node_type_id", "aws_attributes", "aws_attributes.zone_id", "data_security_mode", "spark_conf.{}"] {
        for place in places {
            assert_eq!(rule(&job, &format!("{place}{member}")), rule(&cluster, member), "{place}{member}");
        }
    }
    assert_eq!(rule(&cluster, "aws_attributes.zone_id").any_if, [json!("auto")]);
    assert_eq!(rule(&cluster, "data_security_mode").alias.len(), 2);
    assert_eq!(rule(&cluster, "custom_tags").ignore_keys, ["ResourceClass"]);
    assert_eq!(rule(&job, "format").any_if.len(), 2, "whatever is written, jobs/get says MULTI_TASK");
    assert!(rule(&cluster, "spark_conf").ignore_keys.contains(&"spark.databricks.delta.preview.enabled".to_owned()));
}

#[test]
fn a_policy_may_supply_what_a_cluster_leaves_out() {
    for (kind, path) in [("cluster", ""), ("job", "job_clusters.[].new_cluster")] {
        let rules = rules_of(kind);
        let mut here = &rules.root;
        for step in path.split('.').filter(|s| !s.is_empty()) {
            here = match &here.shape {
                Shape::List(inner) => inner,
                Shape::Object(index) => &rules.of(*index).members[step],
                _ => panic!("nothing at {step}"),
            };
        }
        let Shape::Object(index) = here.shape else { panic!("a cluster has members") };
        assert_eq!(rules.of(index).rule.policy.as_deref(), Some("policy_id"), "{kind}");
    }
}

#[test]
fn credentials_are_never_shown() {
    let cluster = rules_of("cluster");
    let password = rule(&cluster, "docker_image.basic_auth.password");
    assert!(password.secret == Some(Secret::Value) && password.write_only);
    let key = rule(&cluster, "azure_attributes.log_analytics_info.log_analytics_primary_key");
    assert_eq!(key.secret, Some(Secret::Value));
    for member in ["spark_conf", "spark_env_vars"] {
        assert_eq!(rule(&cluster, member).secret, Some(Secret::ByName), "{member}");
    }
    let pool = rules_of("pool");
    assert_eq!(rule(&pool, "preloaded_docker_images.[].basic_auth.password").secret, Some(Secret::Value));
}

#[test]
fn a_pool_is_replaced_only_for_what_cannot_be_edited() {
    let pool = rules_of("pool");
    let Shape::Object(root) = pool.root.shape else { panic!("a pool has members") };
    let kept = pool.of(root).members.iter().filter(|(_, f)| !f.rule.replace).map(|(name, _)| name.as_str());
    let kept: Vec<&str> = kept.filter(|name| !pool.is_mode(name)).collect();
    // instance_pools/edit takes these, and node_type_id, which it does not change.
    assert_eq!(
        kept,
        [
            "custom_tags",
            "idle_instance_autotermination_minutes",
            "instance_pool_name",
            "max_capacity",
            "min_idle_instances",
            "permissions",
            "remote_disk_throughput",
            "total_initial_remote_disk_size",
        ]
    );
}

#[test]
fn grants_are_found_by_their_principal() {
    for kind in ["job", "cluster", "policy", "pool"] {
        let rules = rules_of(kind);
        let permissions = rule(&rules, "permissions");
        let principals = ["user_name", "group_name", "service_principal_name"].map(str::to_owned).to_vec();
        assert_eq!(permissions.key, Some(KeyBy::FirstOf(principals)), "{kind}");
        assert_eq!(permissions.unset, Some(Unset::Server), "{kind}");
        assert!(rule(&rules, "permissions.[].user_name").fold_case, "{kind}");
        assert!(!rule(&rules, "permissions.[].group_name").fold_case, "{kind}");
    }
}
