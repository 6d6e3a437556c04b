//! Clusters as a person would write them: without what follows from the rest.

use serde_json::{Map, Value};

/// Takes out of every cluster inside a spec what the service fills in from its other members: all machine settings when
/// there is a pool, the driver's when they are the workers'.
pub fn without_filled(spec: &Value) -> Value {
    match spec {
        Value::Object(map) => {
            let mut map: Map<String, Value> = map.iter().map(|(k, v)| (k.clone(), without_filled(v))).collect();
            let same = |a: &str, b: &str| map.get(a).is_some() && map.get(a) == map.get(b);
            let mut filled = Vec::new();
            if same("driver_instance_pool_id", "instance_pool_id") {
                filled.push("driver_instance_pool_id");
            }
            if same("driver_node_type_id", "node_type_id") {
                filled.push("driver_node_type_id");
            }
            if map.get("instance_pool_id").is_some_and(Value::is_string) && map.contains_key("spark_version") {
                // Terraform provider, clusters: with a pool these are the pool's.
                filled.extend(["node_type_id", "driver_node_type_id", "enable_elastic_disk"]);
                if let Some(Value::Object(aws)) = map.get_mut("aws_attributes") {
                    aws.retain(|k, _| k == "instance_profile_arn");
                }
            }
            map.retain(|k, _| !filled.contains(&k.as_str()));
            Value::Object(map)
        }
        Value::Array(items) => items.iter().map(without_filled).collect(),
        other => other.clone(),
    }
}
