//! REST v2's bulk requests: `PATCH` of a whole collection. It answers 200 even when every action failed; what failed
//! stands in the body.

use super::{
    ApiVersion,
    body::read_v2,
    connections, pools,
    replies::{AirflowResult, misfit, ok, unprocessable},
    variables,
};
use crate::{answer::Content, request::Request, store::Store};
use serde_json::{Map, Value, json};

/// What differs between connections, variables and pools.
struct Table {
    plural: &'static str,
    key: &'static str,
    /// The key's name in messages.
    keys: &'static str,
}

/// Answers a bulk request for `connections`, `variables` or `pools`.
pub fn handle(store: &mut Store, request: &Request, kind: &str) -> AirflowResult {
    let table = match kind {
        "connections" => Table { plural: "connections", key: "connection_id", keys: "connection_ids" },
        "variables" => Table { plural: "variables", key: "key", keys: "keys" },
        _ => Table { plural: "pools", key: "name", keys: "pool names" },
    };
    let Some(actions) = request.body.get("actions").and_then(Value::as_array) else {
        let item = misfit("missing", &["body", "actions"], "Field required", &request.body, Value::Null);
        return Err(unprocessable(vec![item]));
    };
    let mut answer = json!({ "create": null, "update": null, "delete": null });
    for action in actions {
        let name = action["action"].as_str().unwrap_or_default();
        if !["create", "update", "delete"].contains(&name) {
            let message = "Input should be 'create', 'update' or 'delete'";
            let item = misfit("enum", &["body", "actions", "action"], message, &action["action"], Value::Null);
            return Err(unprocessable(vec![item]));
        }
        let entities = action["entities"].as_array().cloned().unwrap_or_default();
        let on_known = action["action_on_existence"].as_str().unwrap_or("fail");
        let on_missing = action["action_on_non_existence"].as_str().unwrap_or("fail");
        let (success, errors) = match name {
            "delete" => delete(store, &table, &entities, on_missing),
            _ => write(store, &table, &entities, name == "create", on_known, on_missing)?,
        };
        answer[name] = json!({ "success": success, "errors": errors });
    }
    ok(answer)
}

type BulkOutcome = (Vec<String>, Vec<Value>);

fn known(store: &Store, table: &Table, key: &str) -> Option<usize> {
    let state = &store.airflow;
    match table.plural {
        "connections" => state.connections.iter().position(|c| c.get("connection_id").is_some_and(|id| id == key)),
        "variables" => state.variables.iter().position(|v| v.key == key),
        _ => state.pools.iter().position(|p| p.name == key),
    }
}

/// One that is missing fails them all, and the message names all, also those that are there.
fn refused(table: &Table, keys: &[String], status: u16) -> BulkOutcome {
    let quoted: Vec<String> = keys.iter().map(|k| format!("'{k}'")).collect();
    let words = if status == 409 { "already exist" } else { "were not found" };
    let plural = table.plural;
    let error = format!("The {plural} with these {}: {{{}}} {words}.", table.keys, quoted.join(", "));
    (Vec::new(), vec![json!({ "error": error, "status_code": status })])
}

fn delete(store: &mut Store, table: &Table, entities: &[Value], on_missing: &str) -> BulkOutcome {
    let keys: Vec<String> = entities.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if on_missing == "fail" && keys.iter().any(|key| known(store, table, key).is_none()) {
        return refused(table, &keys, 404);
    }
    let mut gone = Vec::new();
    for key in keys {
        let Some(at) = known(store, table, &key) else { continue };
        match table.plural {
            "connections" => drop(store.airflow.connections.remove(at)),
            "variables" => drop(store.airflow.variables.remove(at)),
            _ => drop(store.airflow.pools.remove(at)),
        }
        gone.push(key);
    }
    (gone, Vec::new())
}

fn write(
    store: &mut Store,
    table: &Table,
    entities: &[Value],
    create: bool,
    on_known: &str,
    on_missing: &str,
) -> Result<BulkOutcome, crate::answer::Answer> {
    let key_of = |entity: &Value| entity[table.key].as_str().unwrap_or_default().to_owned();
    let keys: Vec<String> = entities.iter().map(key_of).collect();
    let clash = |store: &Store, key: &String| known(store, table, key).is_some() == create;
    if if create { on_known } else { on_missing } == "fail" {
        let failing: Vec<String> = keys.iter().filter(|key| clash(store, key)).cloned().collect();
        if !failing.is_empty() {
            return Ok(refused(table, &failing, if create { 409 } else { 404 }));
        }
    }
    let mut done = Vec::new();
    for (entity, key) in entities.iter().zip(keys) {
        let at = known(store, table, &key);
        match (create, at) {
            (true, Some(_)) if on_known == "skip" => continue,
            (false, None) => continue,
            _ => {}
        }
        match put(store, table, entity, at) {
            Ok(()) => done.push(key),
            // What does not fit is told for each, within the answer.
            Err(wrong) if !create => {
                let Content::Json(body) = wrong.content else { continue };
                return Ok((done, vec![json!({ "error": body["detail"].to_string(), "status_code": wrong.status })]));
            }
            Err(wrong) => return Err(wrong),
        }
    }
    Ok((done, Vec::new()))
}

fn put(store: &mut Store, table: &Table, entity: &Value, at: Option<usize>) -> Result<(), crate::answer::Answer> {
    match table.plural {
        "connections" => {
            let new = connections::entity(entity)?;
            match at {
                None => store.airflow.connections.push(new),
                Some(at) => {
                    let given: Map<String, Value> = entity.as_object().cloned().unwrap_or_default();
                    for (name, value) in given.into_iter().filter(|(name, _)| name != "connection_id") {
                        connections::update(ApiVersion::V2, &mut store.airflow.connections[at], &name, value);
                    }
                }
            }
        }
        "variables" => {
            let members = read_v2(entity, &variables::MEMBERS, &["body"])?;
            let new = super::Variable {
                key: members["key"].as_str().unwrap_or_default().to_owned(),
                value: variables::stored(&members["value"]),
                description: members.get("description").and_then(Value::as_str).map(str::to_owned),
                newer: Map::new(),
            };
            match at {
                None => store.airflow.variables.push(new),
                Some(at) => store.airflow.variables[at] = new,
            }
        }
        _ => {
            let new = pools::made(&read_v2(entity, &pools::MEMBERS, &["body"])?);
            match at {
                None => store.airflow.pools.push(new),
                Some(at) => store.airflow.pools[at] = new,
            }
        }
    }
    Ok(())
}
