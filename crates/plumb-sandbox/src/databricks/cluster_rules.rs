//! Cluster policies applied: the values that a policy's definition sets in a cluster spec, and what violates it.
//!
//! Source: the cluster policy reference (element types and their members), and for the messages the issues
//! databricks/terraform-provider-databricks#403 and databricks/cli#6492.

use serde_json::{Map, Value, json};

/// What kind of cluster the policy is applied to, as its virtual attribute `cluster_type` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterType {
    AllPurpose,
    Job,
}

/// Writes a policy's values into a cluster's spec, then checks it. Fixed values are always written, default values only
/// where the spec asks for them with `apply_policy_default_values`.
pub fn apply(definition: &str, policy_id: &str, spec: &mut Value, cluster_type: ClusterType) -> Result<(), String> {
    // The definition's shape is not checked when the policy is made, only here (databricks/cli#6492).
    let malformed = || {
        format!(
            "Requests for the policy {policy_id} cannot be satisfied due to the malformed policy definition. \
             Please contact your administrator to correct it."
        )
    };
    let rules: Map<String, Value> = serde_json::from_str(definition).map_err(|_| malformed())?;
    let defaults = spec.get("apply_policy_default_values").and_then(Value::as_bool).unwrap_or(false);
    let mut failures = Vec::new();
    for (name, rule) in &rules {
        let Some(kind) = rule.get("type").and_then(Value::as_str) else { return Err(malformed()) };
        if name == "cluster_type" {
            let actual = if cluster_type == ClusterType::Job { "job" } else { "all-purpose" };
            failures.extend(check(name, kind, rule, Some(&json!(actual))));
            continue;
        }
        // A virtual attribute that the sandbox has no figure for.
        if name == "dbus_per_hour" || name.contains(".*.") {
            continue;
        }
        let path = path(name);
        if find(spec, &path).is_none() {
            let value = match kind {
                "fixed" => rule.get("value"),
                "forbidden" => None,
                _ if defaults => rule.get("defaultValue"),
                _ => None,
            };
            if let Some(value) = value {
                put(spec, &path, value.clone());
            }
        }
        failures.extend(check(name, kind, rule, find(spec, &path)));
    }
    if failures.is_empty() { Ok(()) } else { Err(format!("{};", failures.join("; "))) }
}

/// A rule that a spec does not keep: the attribute, what is said about it, and the value that would keep it (`None`:
/// the attribute has to go).
pub struct Violation {
    pub path: String,
    pub message: String,
    pub remedy: Option<Value>,
}

/// What of a spec a policy's definition does not allow as it stands, without writing anything into it.
pub fn violations(definition: &str, spec: &Value, cluster_type: ClusterType) -> Vec<Violation> {
    let rules: Map<String, Value> = serde_json::from_str(definition).unwrap_or_default();
    let mut found = Vec::new();
    for (name, rule) in &rules {
        let kind = rule.get("type").and_then(Value::as_str).unwrap_or_default();
        if ["cluster_type", "dbus_per_hour"].contains(&name.as_str()) || name.contains(".*.") {
            continue;
        }
        let actual = find(spec, &path(name));
        // A fixed value that was not written yet is one that the policy did not have then.
        let unwritten = kind == "fixed" && actual.is_none() && cluster_type == ClusterType::AllPurpose;
        let message = if unwritten { Some(missing(name)) } else { check(name, kind, rule, actual) };
        let Some(message) = message else { continue };
        let first = || rule.get("values").and_then(|values| values.get(0));
        let limit = match (actual.and_then(number_of), rule.get("minValue"), rule.get("maxValue")) {
            (Some(number), Some(least), _) if number_of(least).is_some_and(|least| number < least) => Some(least),
            (_, _, most) => most,
        };
        let remedy = match kind {
            "fixed" => rule.get("value"),
            "forbidden" | "blocklist" => None,
            "range" => rule.get("defaultValue").or(limit),
            _ => rule.get("defaultValue").or_else(first),
        };
        found.push(Violation { path: name.clone(), message, remedy: remedy.cloned() });
    }
    found
}

/// Puts a value at a policy's path, or takes it away.
pub fn set(spec: &mut Value, name: &str, value: Option<Value>) {
    let path = path(name);
    if let Some(value) = value {
        return put(spec, &path, value);
    }
    let Some((last, parents)) = path.split_last() else { return };
    let mut at = spec;
    for segment in parents {
        let Some(next) = at.get_mut(*segment) else { return };
        at = next;
    }
    if let Some(map) = at.as_object_mut() {
        map.remove(*last);
    }
}

/// The value at a policy's path.
pub fn get<'a>(spec: &'a Value, name: &str) -> Option<&'a Value> {
    find(spec, &path(name))
}

fn check(name: &str, kind: &str, rule: &Value, actual: Option<&Value>) -> Option<String> {
    let optional = rule.get("isOptional").and_then(Value::as_bool).unwrap_or(false);
    let Some(actual) = actual else {
        // A limiting element makes its attribute required unless it says otherwise.
        return match kind {
            "allowlist" | "blocklist" | "regex" | "range" | "unlimited" if !optional => Some(missing(name)),
            _ => None,
        };
    };
    let wrong = |what: String| {
        Some(format!("Validation failed for {name}, the value must be {what} (is {})", shown(actual, true)))
    };
    let among = |list: &str| {
        rule.get(list).and_then(Value::as_array).is_some_and(|values| values.iter().any(|v| same(v, actual)))
    };
    match kind {
        "fixed" if !rule.get("value").is_some_and(|v| same(v, actual)) => {
            wrong(shown(rule.get("value").unwrap_or(&Value::Null), false))
        }
        "forbidden" => wrong("absent".to_owned()),
        "allowlist" if !among("values") => wrong(format!("one of {}", list(rule))),
        "blocklist" if among("values") => wrong(format!("none of {}", list(rule))),
        "range" => {
            let number = number(actual)?;
            let least = rule.get("minValue").and_then(number_of);
            let most = rule.get("maxValue").and_then(number_of);
            if least.is_some_and(|least| number < least) {
                wrong(format!("greater than or equal to {}", shown(&rule["minValue"], false)))
            } else if most.is_some_and(|most| number > most) {
                wrong(format!("less than or equal to {}", shown(&rule["maxValue"], false)))
            } else {
                None
            }
        }
        _ => None,
    }
}

fn missing(name: &str) -> String {
    for map in MAPS {
        if let Some(key) = name.strip_prefix(map).and_then(|rest| rest.strip_prefix('.')) {
            return format!("Validation failed for {map}, {key} must be present");
        }
    }
    format!("Validation failed for {name}, the value must be present")
}

fn list(rule: &Value) -> String {
    let values: Vec<String> = rule["values"].as_array().into_iter().flatten().map(|v| shown(v, false)).collect();
    format!("[{}]", values.join(", "))
}

fn shown(value: &Value, quoted: bool) -> String {
    let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if quoted { format!("\"{plain}\"") } else { plain }
}

fn same(a: &Value, b: &Value) -> bool {
    a == b || shown(a, false) == shown(b, false)
}

fn number(value: &Value) -> Option<f64> {
    number_of(value)
}

fn number_of(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str().and_then(|s| s.parse().ok()))
}

/// Attributes whose keys are free and may hold dots: `spark_conf.spark.speculation` has two segments, not three.
const MAPS: [&str; 3] = ["spark_conf", "spark_env_vars", "custom_tags"];

fn path(name: &str) -> Vec<&str> {
    for map in MAPS {
        if let Some(key) = name.strip_prefix(map).and_then(|rest| rest.strip_prefix('.')) {
            return vec![map, key];
        }
    }
    name.split('.').collect()
}

/// The member of `cluster_log_conf` or of an init script that `type` and `path` mean, by the kind of storage.
const STORAGES: [&str; 8] = ["s3", "dbfs", "volumes", "workspace", "abfss", "gcs", "file", "S3"];

fn find<'a>(spec: &'a Value, path: &[&str]) -> Option<&'a Value> {
    if let ["cluster_log_conf", "path"] = path {
        return STORAGES.iter().find_map(|s| spec.get("cluster_log_conf")?.get(s)?.get("destination"));
    }
    let mut at = spec;
    for segment in path {
        at = match segment.parse::<usize>() {
            Ok(index) if at.is_array() => at.get(index)?,
            _ => at.get(segment)?,
        };
    }
    (!at.is_null() && at.as_str() != Some("")).then_some(at)
}

fn put(spec: &mut Value, path: &[&str], value: Value) {
    // `cluster_log_conf.type` names a storage rather than a member: it cannot be put without its path.
    if path.first() == Some(&"cluster_log_conf") && path.get(1).is_some_and(|p| ["type", "path"].contains(p)) {
        return;
    }
    let Some((last, parents)) = path.split_last() else { return };
    let mut at = spec;
    for segment in parents {
        if !at.get(*segment).is_some_and(Value::is_object) {
            let Some(map) = at.as_object_mut() else { return };
            map.insert((*segment).to_owned(), json!({}));
        }
        let Some(next) = at.get_mut(*segment) else { return };
        at = next;
    }
    if let Some(map) = at.as_object_mut() {
        map.insert((*last).to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(definition: Value, spec: Value) -> Result<Value, String> {
        let mut spec = spec;
        apply(&definition.to_string(), "P", &mut spec, ClusterType::AllPurpose).map(|()| spec)
    }

    #[test]
    fn fixed_values_are_written_and_defaults_only_on_request() {
        let definition = json!({
            "custom_tags.team": { "type": "fixed", "value": "bau" },
            "spark_conf.spark.speculation": { "type": "fixed", "value": "true" },
            "autotermination_minutes": { "type": "unlimited", "defaultValue": 30, "isOptional": true },
        });
        let spec = run(definition.clone(), json!({})).unwrap();
        assert_eq!(spec, json!({ "custom_tags": { "team": "bau" }, "spark_conf": { "spark.speculation": "true" } }));
        let spec = run(definition, json!({ "apply_policy_default_values": true })).unwrap();
        assert_eq!(spec["autotermination_minutes"], 30);
    }

    #[test]
    fn every_failure_is_named() {
        let definition = json!({
            "driver_node_type_id": { "type": "fixed", "value": "i3.2xlarge" },
            "custom_tags.owner": { "type": "unlimited" },
            "num_workers": { "type": "range", "maxValue": 4 },
            "spark_version": { "type": "allowlist", "values": ["a", "b"] },
            "docker_image.url": { "type": "forbidden" },
        });
        let spec = json!({
            "driver_node_type_id": "i3.xlarge", "num_workers": 5, "spark_version": "c", "docker_image": { "url": "u" },
        });
        let message = run(definition, spec).unwrap_err();
        for part in [
            "driver_node_type_id, the value must be i3.2xlarge (is \"i3.xlarge\")",
            "custom_tags, owner must be present",
            "num_workers, the value must be less than or equal to 4 (is \"5\")",
            "spark_version, the value must be one of [a, b] (is \"c\")",
            "docker_image.url, the value must be absent",
        ] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }

    #[test]
    fn a_policy_for_jobs_refuses_an_all_purpose_cluster() {
        let definition = json!({ "cluster_type": { "type": "fixed", "value": "job" } });
        assert!(run(definition, json!({})).unwrap_err().contains("must be job (is \"all-purpose\")"));
    }

    #[test]
    fn a_malformed_definition_fails_when_it_is_used() {
        assert!(run(json!([1]), json!({})).unwrap_err().contains("malformed policy definition"));
        assert!(run(json!({ "a": { "value": 1 } }), json!({})).unwrap_err().contains("malformed"));
    }
}
