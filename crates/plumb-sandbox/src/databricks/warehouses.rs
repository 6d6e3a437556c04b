//! SQL warehouses, API 2.0: list, get, create, edit, start, stop and delete. Statements are [`super::statements`].

use super::{defaults, paging, statements, text};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Map, Value, json};

/// Answers `sql/warehouses`, `sql/warehouses/ID` and `sql/warehouses/ID/VERB`.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => {
            let all = store.databricks.warehouses.values().cloned().collect();
            Ok(paging::listing("warehouses", all).into())
        }
        ("POST", []) => create(store, request),
        ("GET", [id]) => find(store, id).cloned(),
        ("DELETE", [id]) => find(store, id).map(|_| ()).map(|()| {
            store.databricks.warehouses.remove(*id);
            statements::warehouse_ended(store, id);
            json!({})
        }),
        ("POST", [id, "edit"]) => edit(store, request, id),
        // Where it is asked to go, it is at once: nothing of the sandbox waits for a warehouse.
        ("POST", [id, "start"]) => go(store, id, "RUNNING"),
        ("POST", [id, "stop"]) => go(store, id, "STOPPED"),
        _ => return None,
    })
}

fn find<'a>(store: &'a Store, id: &str) -> Result<&'a Value, ApiError> {
    let missing = || ApiError::missing(format!("SQL warehouse {id} does not exist"));
    store.databricks.warehouses.get(id).ok_or_else(missing)
}

fn settings(request: &Request) -> Result<Map<String, Value>, ApiError> {
    let mut body = Value::Object(request.object()?);
    defaults::drop_nulls(&mut body);
    if text(&body, "name").is_none_or(|name| name.chars().count() >= 100) {
        return Err(ApiError::invalid("The name of a warehouse must have between 1 and 99 characters."));
    }
    Ok(body.as_object().cloned().unwrap_or_default())
}

fn create(store: &mut Store, request: &Request) -> Handled {
    let mut warehouse = settings(request)?;
    let id = Store::scrambled(store.serial());
    // Defaults of the SQL Warehouses API reference.
    let usual = json!({
        "auto_stop_mins": 120, "cluster_size": "X-Small", "enable_photon": true, "max_num_clusters": 1,
        "min_num_clusters": 1, "spot_instance_policy": "COST_OPTIMIZED", "warehouse_type": "CLASSIC",
        "enable_serverless_compute": false,
    });
    for (name, value) in usual.as_object().into_iter().flatten() {
        warehouse.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let host = request.base.split("://").nth(1).unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    let own = json!({
        "id": id, "creator_name": request.user, "state": "RUNNING", "num_active_sessions": 0, "num_clusters": 1,
        "jdbc_url": format!("jdbc:spark://{host}:443/default;httpPath=/sql/1.0/warehouses/{id};"),
        "odbc_params": { "hostname": host, "path": format!("/sql/1.0/warehouses/{id}"), "port": 443, "protocol": "https" },
    });
    warehouse.extend(own.as_object().cloned().unwrap_or_default());
    store.databricks.warehouses.insert(id.clone(), warehouse.into());
    Ok(json!({ "id": id }))
}

fn edit(store: &mut Store, request: &Request, id: &str) -> Handled {
    find(store, id)?;
    let settings = settings(request)?;
    if let Some(warehouse) = store.databricks.warehouses.get_mut(id).and_then(Value::as_object_mut) {
        warehouse.extend(settings);
    }
    Ok(json!({}))
}

fn go(store: &mut Store, id: &str, state: &str) -> Handled {
    find(store, id)?;
    if let Some(warehouse) = store.databricks.warehouses.get_mut(id) {
        warehouse["state"] = json!(state);
        warehouse["num_clusters"] = json!(if state == "RUNNING" { 1 } else { 0 });
    }
    if state == "STOPPED" {
        statements::warehouse_ended(store, id);
    }
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use super::*;
    use crate::store::Clock;

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/2.0/sql/warehouses{path}"), "me@example.com", body))
    }

    #[test]
    fn a_warehouse_is_listed_changed_stopped_and_deleted() {
        let mut store = Store::new(Clock::Fixed(0));
        assert_eq!(ask(&mut store, "GET", "", Value::Null).unwrap(), json!({}));
        let made = ask(&mut store, "POST", "", json!({ "name": "w", "cluster_size": "Small" })).unwrap();
        let id = made["id"].as_str().unwrap().to_owned();
        let listed = ask(&mut store, "GET", "", Value::Null).unwrap();
        assert_eq!((&listed["warehouses"][0]["name"], &listed["warehouses"][0]["id"]), (&json!("w"), &json!(id)));
        ask(&mut store, "POST", &format!("/{id}/edit"), json!({ "name": "v", "auto_stop_mins": 10 })).unwrap();
        ask(&mut store, "POST", &format!("/{id}/stop"), Value::Null).unwrap();
        let seen = ask(&mut store, "GET", &format!("/{id}"), Value::Null).unwrap();
        assert_eq!(
            (&seen["name"], &seen["auto_stop_mins"], &seen["state"]),
            (&json!("v"), &json!(10), &json!("STOPPED"))
        );
        ask(&mut store, "DELETE", &format!("/{id}"), Value::Null).unwrap();
        assert_eq!(ask(&mut store, "GET", &format!("/{id}"), Value::Null).unwrap_err().status, 404);
        assert_eq!(ask(&mut store, "POST", "", json!({})).unwrap_err().status, 400);
    }
}
