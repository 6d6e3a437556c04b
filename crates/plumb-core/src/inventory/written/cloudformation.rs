//! CloudFormation's templates: `AWS::EMR::Cluster` and what belongs to one, `AWS::EMRServerless::Application`.
//!
//! Properties are those of AWS's resource specification. Of its functions `Ref` to a parameter with a default, `Fn::Sub` and
//! `Fn::Join` are carried out where all that they need is in the template; any other stays as it is, and is asked about.

use super::WrittenRequests;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Members of `Instances` of a cluster, each with the role of its machines.
const GROUPS: [(&str, &str); 3] =
    [("MasterInstanceGroup", "MASTER"), ("CoreInstanceGroup", "CORE"), ("TaskInstanceGroups", "TASK")];
const FLEETS: [(&str, &str); 3] =
    [("MasterInstanceFleet", "MASTER"), ("CoreInstanceFleet", "CORE"), ("TaskInstanceFleets", "TASK")];

pub(super) fn read(template: &Value) -> Result<WrittenRequests, String> {
    let parameters: BTreeMap<&str, &Value> = template["Parameters"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, parameter)| Some((name.as_str(), parameter.get("Default")?)))
        .collect();
    let resources: Vec<(&String, &str, Value)> = template["Resources"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, resource)| {
            let kind = resource["Type"].as_str().unwrap_or_default();
            (name, kind, resolved(&resource["Properties"], &parameters))
        })
        .filter(|(_, kind, _)| kind.starts_with("AWS::EMR::") || kind.starts_with("AWS::EMRServerless::"))
        .collect();
    if resources.is_empty() {
        return Err("there is nothing of EMR among its resources (`AWS::EMR::Cluster` …)".to_owned());
    }
    let mut found = WrittenRequests::default();
    let clusters: Vec<&String> =
        resources.iter().filter(|(_, kind, _)| *kind == "AWS::EMR::Cluster").map(|(name, ..)| *name).collect();
    let of = |properties: &Value| -> Option<&String> {
        let id = properties.get("JobFlowId").or_else(|| properties.get("ClusterId"))?;
        let name = id.get("Ref").and_then(Value::as_str)?;
        clusters.iter().find(|cluster| cluster.as_str() == name).copied()
    };
    for (name, kind, properties) in &resources {
        match *kind {
            "AWS::EMR::Cluster" => {
                let parts = resources.iter().filter(|(_, _, properties)| of(properties) == Some(*name));
                found.clusters.push(cluster(properties.clone(), parts.map(|(_, kind, p)| (*kind, p.clone()))));
            }
            "AWS::EMRServerless::Application" => found.applications.push((application(properties), Vec::new())),
            "AWS::EMR::Step" | "AWS::EMR::InstanceGroupConfig" | "AWS::EMR::InstanceFleetConfig" => {
                if of(properties).is_none() {
                    found.left.push(format!("{name}: {kind} of a cluster that is not in the template"));
                }
            }
            other => found.left.push(format!("{name}: {other} is no cluster and no application")),
        }
    }
    Ok(found)
}

/// The value with what the template itself can answer.
fn resolved(value: &Value, parameters: &BTreeMap<&str, &Value>) -> Value {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        Value::Array(items) => items.iter().map(|item| resolved(item, parameters)).collect(),
        Value::Object(map) => {
            let only = if map.len() == 1 { map.iter().next() } else { None };
            match only.map(|(name, inner)| (name.as_str(), inner)) {
                Some(("Ref", Value::String(name))) => {
                    parameters.get(name.as_str()).map_or_else(|| value.clone(), |default| (*default).clone())
                }
                Some(("Fn::Sub", Value::String(template))) => Value::String(substituted(template, parameters)),
                Some(("Fn::Join", Value::Array(parts))) => {
                    let (separator, list) =
                        (parts.first().and_then(Value::as_str), parts.get(1).and_then(Value::as_array));
                    let (Some(separator), Some(list)) = (separator, list) else { return value.clone() };
                    let all: Option<Vec<String>> = list.iter().map(|part| text(&resolved(part, parameters))).collect();
                    all.map_or_else(|| value.clone(), |all| Value::String(all.join(separator)))
                }
                _ => {
                    Value::Object(map.iter().map(|(name, inner)| (name.clone(), resolved(inner, parameters))).collect())
                }
            }
        }
        other => other.clone(),
    }
}

/// A text with the parameters that have defaults; what has none stays.
fn substituted(template: &str, parameters: &BTreeMap<&str, &Value>) -> String {
    let mut out = template.to_owned();
    for (name, default) in parameters {
        let text = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        out = out.replace(&format!("${{{name}}}"), &text);
    }
    out
}

/// A cluster in the words of RunJobFlow. `parts` are the steps, groups and fleets that stand by themselves.
fn cluster<'r>(mut properties: Value, parts: impl Iterator<Item = (&'r str, Value)>) -> Value {
    let (mut groups, mut fleets, mut steps): (Vec<Value>, Vec<Value>, Vec<Value>) = Default::default();
    if let Some(instances) = properties.get_mut("Instances").and_then(Value::as_object_mut) {
        let mut take = |members: [(&str, &str); 3], role: &str, list: &mut Vec<Value>| {
            for (member, value) in members {
                let machines = match instances.remove(member) {
                    Some(Value::Array(all)) => all,
                    Some(one) => vec![one],
                    None => continue,
                };
                list.extend(machines.into_iter().map(|one| machine(one, role, value)));
            }
        };
        take(GROUPS, "InstanceRole", &mut groups);
        take(FLEETS, "InstanceFleetType", &mut fleets);
    }
    if let Some(Value::Array(own)) = properties.get_mut("Steps").map(Value::take) {
        steps.extend(own.into_iter().map(step));
    }
    for (kind, mut part) in parts {
        if let Some(part) = part.as_object_mut() {
            part.remove("JobFlowId");
            part.remove("ClusterId");
        }
        match kind {
            "AWS::EMR::Step" => steps.push(step(part)),
            "AWS::EMR::InstanceGroupConfig" => groups.push(machine(part, "InstanceRole", "TASK")),
            _ => fleets.push(machine(part, "InstanceFleetType", "TASK")),
        }
    }
    for (member, list) in [("InstanceGroups", groups), ("InstanceFleets", fleets)] {
        if !list.is_empty() {
            if !properties["Instances"].is_object() {
                properties["Instances"] = json!({});
            }
            properties["Instances"][member] = Value::from(list);
        }
    }
    if let Some(members) = properties.as_object_mut() {
        members.remove("Steps");
    }
    if !steps.is_empty() {
        properties["Steps"] = Value::from(steps);
    }
    configured(&mut properties);
    properties
}

/// Machines with their role, and their market, which a template says by the price alone.
fn machine(mut one: Value, member: &str, role: &str) -> Value {
    if let Some(members) = one.as_object_mut() {
        members.entry(member).or_insert_with(|| json!(role));
        if member == "InstanceRole" && !members.contains_key("Market") {
            let market = if members.contains_key("BidPrice") { "SPOT" } else { "ON_DEMAND" };
            members.insert("Market".into(), json!(market));
        }
    }
    one
}

fn step(mut step: Value) -> Value {
    if let Some(jar) = step.get_mut("HadoopJarStep").and_then(Value::as_object_mut)
        && let Some(properties) = jar.remove("StepProperties")
    {
        jar.insert("Properties".into(), properties);
    }
    step
}

/// Configurations have `ConfigurationProperties` where requests have `Properties`, at any depth.
fn configured(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(configured),
        Value::Object(map) => {
            if map.contains_key("Classification")
                && let Some(properties) = map.remove("ConfigurationProperties")
            {
                map.insert("Properties".into(), properties);
            }
            map.values_mut().for_each(configured);
        }
        _ => {}
    }
}

/// An application of EMR Serverless in the words of GetApplication.
fn application(properties: &Value) -> Value {
    let mut made = Map::new();
    for (name, value) in properties.as_object().into_iter().flatten() {
        let value = match (name.as_str(), value) {
            ("Tags", Value::Array(pairs)) => {
                let tags =
                    pairs.iter().filter_map(|pair| Some((pair["Key"].as_str()?.to_owned(), pair["Value"].clone())));
                Value::Object(tags.collect())
            }
            ("MaximumCapacity", Value::Object(limits)) => {
                Value::Object(limits.iter().map(|(name, value)| (small(name), value.clone())).collect())
            }
            (_, value) => value.clone(),
        };
        made.insert(small(name), value);
    }
    Value::Object(made)
}

/// `ReleaseLabel` is `releaseLabel`.
fn small(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}
