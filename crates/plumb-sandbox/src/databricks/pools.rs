//! Instance pools, API 2.0.

use super::{clusters, defaults, fields, job_limits, paging, permissions, set, text};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Value, json};

/// The members that edit changes; it leaves every other as it was (databricks/cli testserver, instance pools).
const EDITABLE: [&str; 8] = [
    "instance_pool_name",
    "node_type_id",
    "min_idle_instances",
    "max_capacity",
    "idle_instance_autotermination_minutes",
    "custom_tags",
    "remote_disk_throughput",
    "total_initial_remote_disk_size",
];

/// Answers `instance-pools/VERB`.
pub fn handle(store: &mut Store, request: &Request, verb: &str) -> Option<Handled> {
    Some(match (request.method.as_str(), verb) {
        ("POST", "create") => create(store, request),
        ("POST", "edit") => edit(store, request),
        ("GET", "get") => request.required("instance_pool_id").and_then(|id| find(store, &id).map(shown)),
        ("GET", "list") => Ok(list(store)),
        ("POST", "delete") => delete(store, request),
        _ => return None,
    })
}

fn find<'a>(store: &'a Store, id: &str) -> Result<&'a Value, ApiError> {
    let missing = || ApiError::missing(format!("Can't find an instance pool with id: {id}."));
    store.databricks.instance_pools.get(id).ok_or_else(missing)
}

fn check(store: &Store, pool: &Value, own: Option<&str>) -> Result<(), ApiError> {
    let name = text(pool, "instance_pool_name").unwrap_or_default();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(ApiError::invalid("instance_pool_name must have between 1 and 100 characters."));
    }
    if store
        .databricks
        .instance_pools
        .iter()
        .any(|(id, p)| Some(id.as_str()) != own && text(p, "instance_pool_name") == Some(name))
    {
        return Err(ApiError::invalid(format!("An instance pool with the name '{name}' already exists.")));
    }
    if text(pool, "node_type_id").is_none() {
        return Err(ApiError::invalid("Missing required field: node_type_id"));
    }
    let number = |name: &str| set(pool, name).and_then(Value::as_i64);
    if number("idle_instance_autotermination_minutes").is_some_and(|n| !(0..=10_000).contains(&n)) {
        return Err(ApiError::invalid("idle_instance_autotermination_minutes must be between 0 and 10000."));
    }
    if let (Some(least), Some(most)) = (number("min_idle_instances"), number("max_capacity"))
        && least > most
    {
        return Err(ApiError::invalid("min_idle_instances must not be larger than max_capacity."));
    }
    if set(pool, "preloaded_spark_versions").and_then(Value::as_array).is_some_and(|v| v.len() > 1) {
        return Err(ApiError::invalid("At most one preloaded Spark version can be specified."));
    }
    job_limits::cluster_size(pool).map_or(Ok(()), |problem| Err(ApiError::invalid(problem)))
}

fn create(store: &mut Store, request: &Request) -> Handled {
    let mut pool = Value::Object(request.object()?);
    defaults::drop_nulls(&mut pool);
    fields::read(&mut pool, "Pool", store.settings.keeps_unknown)?;
    check(store, &pool, None)?;
    let serial = store.serial();
    let now = store.now();
    let id = format!("{}-pool-{}", clusters::stamp(now), &Store::scrambled(serial)[..8]);
    // Defaults: Terraform provider, pools/resource_instance_pool.go; databricks/cli resources.yml.
    if set(&pool, "enable_elastic_disk").is_none() {
        pool["enable_elastic_disk"] = json!(true);
    }
    if set(&pool, "idle_instance_autotermination_minutes").is_none() {
        pool["idle_instance_autotermination_minutes"] = json!(60);
    }
    if set(&pool, "azure_attributes").is_some() {
        default(&mut pool["azure_attributes"], "availability", json!("ON_DEMAND_AZURE"));
    } else if set(&pool, "gcp_attributes").is_some() {
        default(&mut pool["gcp_attributes"], "gcp_availability", json!("ON_DEMAND_GCP"));
    } else {
        default(&mut pool["aws_attributes"], "availability", json!("SPOT"));
        default(&mut pool["aws_attributes"], "spot_bid_price_percent", json!(100));
        // "auto" comes back as the zone that was chosen (Terraform provider, pools/).
        let zone = text(&pool["aws_attributes"], "zone_id").unwrap_or("auto");
        if zone == "auto" {
            pool["aws_attributes"]["zone_id"] = json!("us-east-1c");
        }
    }
    pool["instance_pool_id"] = json!(id);
    pool["state"] = json!("ACTIVE");
    pool["default_tags"] = json!({
        "Vendor": "Databricks",
        "DatabricksInstancePoolCreatorId": "1234567890123456",
        "DatabricksInstancePoolId": id,
    });
    pool["created_by"] = json!(request.user);
    pool["created_at"] = json!(now);
    permissions::created(store, &format!("/instance-pools/{id}"), &request.user, None)?;
    store.databricks.instance_pools.insert(id.clone(), pool);
    paging::created(store, "instance_pools", &id);
    Ok(json!({ "instance_pool_id": id }))
}

fn default(object: &mut Value, name: &str, value: Value) {
    if object.is_null() {
        *object = json!({});
    }
    if set(object, name).is_none() {
        object[name] = value;
    }
}

fn edit(store: &mut Store, request: &Request) -> Handled {
    let id = request.required("instance_pool_id")?;
    let mut pool = find(store, &id)?.clone();
    let mut new = Value::Object(defaults::only(&request.object()?, &EDITABLE));
    defaults::drop_nulls(&mut new);
    fields::read(&mut new, "Pool", store.settings.keeps_unknown)?;
    let node = text(&new, "node_type_id").unwrap_or_default();
    if Some(node) != text(&pool, "node_type_id") {
        // Edit wants it and cannot change it (Terraform provider, pools/resource_instance_pool.go).
        return Err(ApiError::invalid(format!("node_type_id of an instance pool cannot be changed to '{node}'.")));
    }
    for name in EDITABLE {
        match set(&new, name) {
            Some(value) => pool[name] = value.clone(),
            None => {
                if let Some(map) = pool.as_object_mut() {
                    map.remove(name);
                }
            }
        }
    }
    check(store, &pool, Some(&id))?;
    default(&mut pool, "idle_instance_autotermination_minutes", json!(60));
    store.databricks.instance_pools.insert(id, pool);
    Ok(json!({}))
}

fn shown(pool: &Value) -> Value {
    let mut shown = pool.clone();
    let idle = set(pool, "min_idle_instances").and_then(Value::as_i64).unwrap_or(0);
    shown["stats"] = json!({ "used_count": 0, "idle_count": idle, "pending_used_count": 0, "pending_idle_count": 0 });
    shown["status"] = json!({});
    for image in shown.get_mut("preloaded_docker_images").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(auth) = image.get_mut("basic_auth").and_then(Value::as_object_mut) {
            auth.remove("password");
        }
    }
    if let Some(map) = shown.as_object_mut() {
        map.remove("created_by");
        map.remove("created_at");
    }
    shown
}

fn list(store: &mut Store) -> Value {
    let hidden = paging::unlisted(store, "instance_pools", true);
    let pools = store.databricks.instance_pools.iter().filter(|(id, _)| !hidden.contains(id));
    paging::listing("instance_pools", pools.map(|(_, pool)| shown(pool)).collect()).into()
}

fn delete(store: &mut Store, request: &Request) -> Handled {
    let id = request.required("instance_pool_id")?;
    find(store, &id)?;
    store.databricks.instance_pools.remove(&id);
    store.databricks.permissions.remove(&format!("/instance-pools/{id}"));
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use crate::{
        errors::Handled,
        request::Request,
        store::{Clock, Store},
    };
    use serde_json::{Value, json};

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/2.0/instance-pools/{path}"), "me", body))
    }

    #[test]
    fn edit_changes_only_what_it_may() {
        let mut store = Store::new(Clock::Fixed(0));
        let body = json!({
            "instance_pool_name": "p", "node_type_id": "i3.xlarge", "max_capacity": 10, "custom_tags": { "a": "b" },
            "preloaded_spark_versions": ["s"],
        });
        let id = ask(&mut store, "POST", "create", body.clone()).unwrap()["instance_pool_id"].clone();
        assert!(
            ask(&mut store, "POST", "create", body).unwrap_err().body["message"]
                .as_str()
                .unwrap()
                .contains("already exists")
        );
        let change = json!({
            "instance_pool_id": id, "instance_pool_name": "q", "node_type_id": "i3.xlarge", "preloaded_spark_versions": ["t"],
        });
        ask(&mut store, "POST", "edit", change.clone()).unwrap();
        let seen =
            ask(&mut store, "GET", &format!("get?instance_pool_id={}", id.as_str().unwrap()), Value::Null).unwrap();
        assert_eq!((&seen["instance_pool_name"], &seen["preloaded_spark_versions"]), (&json!("q"), &json!(["s"])));
        assert!(seen.get("max_capacity").is_none() && seen.get("custom_tags").is_none());
        assert_eq!(
            (&seen["enable_elastic_disk"], &seen["aws_attributes"]["availability"]),
            (&json!(true), &json!("SPOT"))
        );
        let mut other = change;
        other["node_type_id"] = json!("i3.2xlarge");
        assert!(ask(&mut store, "POST", "edit", other).is_err());
    }
}
