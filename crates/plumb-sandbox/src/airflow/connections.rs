//! Airflow connections: passwords and secrets in `extra` are written but never read back.

use super::{
    ApiVersion,
    body::{Member, Type, masked, optional, read, read_partial_v1, read_v2, required},
    listing::{Listing, fits, page},
    masking::{MASK, mask, unmask},
    pyjson::Json,
    replies::{AirflowResult, bad, detail, misfit, ok, problem, unique, unprocessable},
    view::with_newer,
};
use crate::{answer::Answer, request::Request, store::Store};
use serde_json::{Map, Value, json};

pub(super) const MEMBERS: [Member; 9] = [
    required("connection_id", Type::Text),
    required("conn_type", Type::Text),
    optional("description", Type::Text),
    optional("host", Type::Text),
    optional("login", Type::Text),
    optional("schema", Type::Text),
    optional("port", Type::Whole(i64::MIN)),
    optional("password", Type::Text),
    optional("extra", Type::Text),
];

const LISTING: Listing = Listing {
    name: "connections",
    filters: &["connection_id_pattern", "connection_id_prefix_pattern"],
    orders: &["connection_id", "conn_type", "description", "host", "port", "id"],
};

/// Answers `connections…`.
pub fn handle(store: &mut Store, api: ApiVersion, request: &Request, rest: &[&str]) -> Option<AirflowResult> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => {
            let fits = |c: &&Map<String, Value>| fits(request, "connection_id_pattern", id_of(c));
            let rows = store.airflow.connections.iter().filter(fits).map(|c| show(api, c, true)).collect();
            page(api, request, &LISTING, rows)
        }
        ("POST", []) => create(store, api, request),
        ("GET", [id]) => find(store, api, id).and_then(|at| ok(show(api, &store.airflow.connections[at], false))),
        ("PATCH", [id]) => patch(store, api, request, id),
        ("DELETE", [id]) => find(store, api, id).map(|at| {
            store.airflow.connections.remove(at);
            Answer::empty(204)
        }),
        ("POST", ["test"]) => ok(json!({ "status": true, "message": "Connection successfully tested" })),
        _ => return None,
    })
}

fn id_of(connection: &Map<String, Value>) -> &str {
    connection.get("connection_id").and_then(Value::as_str).unwrap_or_default()
}

fn find(store: &Store, api: ApiVersion, id: &str) -> Result<usize, Answer> {
    store.airflow.connections.iter().position(|c| id_of(c) == id).ok_or_else(|| {
        let words = format!("The Connection with connection_id: `{id}` was not found");
        match api {
            ApiVersion::V2 => detail(404, words),
            ApiVersion::V1 => problem(404, "Connection not found", json!(words)),
        }
    })
}

/// A connection as it is read: v1 has no password at all, and no `extra` in lists.
fn show(api: ApiVersion, connection: &Map<String, Value>, listed: bool) -> Value {
    let get = |name: &str| connection.get(name).cloned().unwrap_or_default();
    let mut shown = json!({
        "connection_id": get("connection_id"),
        "conn_type": get("conn_type"),
        "description": get("description"),
        "host": get("host"),
        "login": get("login"),
        "schema": get("schema"),
        "port": get("port"),
    });
    // An empty extra is shown as it is stored.
    let extra = match connection.get("extra").and_then(Value::as_str) {
        Some(text) => Json::read(text).map_or_else(|| json!(text), |extra| json!(mask(&extra, None).line())),
        None => Value::Null,
    };
    match api {
        ApiVersion::V2 => {
            shown["password"] = if get("password").is_null() { Value::Null } else { json!(MASK) };
            shown["extra"] = extra;
            shown["team_name"] = Value::Null;
        }
        ApiVersion::V1 if !listed => shown["extra"] = extra,
        ApiVersion::V1 => {}
    }
    let is_newer = |name: &String| !MEMBERS.iter().any(|member| member.name == name);
    with_newer(shown, connection.iter().filter(|(name, _)| is_newer(name)))
}

fn check(api: ApiVersion, members: &Map<String, Value>, at: &[&str]) -> Result<(), Answer> {
    if let Some(id) = members.get("connection_id").and_then(Value::as_str) {
        let pattern = "^[\\w.-]+$";
        if api == ApiVersion::V2 && (id.is_empty() || !id.chars().all(|c| c.is_alphanumeric() || "_.-".contains(c))) {
            let message = format!("String should match pattern '{pattern}'");
            let place = [at, &["connection_id"]].concat();
            let context = json!({ "pattern": pattern });
            return Err(unprocessable(vec![misfit("string_pattern_mismatch", &place, &message, &json!(id), context)]));
        }
    }
    if api == ApiVersion::V1 && members.get("password").is_some_and(Value::is_null) {
        return Err(bad("None is not of type 'string' - 'password'"));
    }
    let Some(extra) = members.get("extra").and_then(Value::as_str).filter(|e| !e.is_empty()) else { return Ok(()) };
    match Json::read(extra) {
        Some(Json::Object(_)) => Ok(()),
        read if api == ApiVersion::V2 => {
            let what = match read {
                None => ", but encountered non-JSON in `extra` field",
                Some(_) => "",
            };
            let message =
                format!("Value error, The `extra` field must be a valid JSON object (e.g., {{'key': 'value'}}){what}");
            let place = [at, &["extra"]].concat();
            Err(unprocessable(vec![misfit("value_error", &place, &message, &json!(extra), json!({ "error": {} }))]))
        }
        _ => Ok(()),
    }
}

/// What is stored of the members that were sent.
fn stored(members: Map<String, Value>) -> Map<String, Value> {
    let mut connection = Map::new();
    for member in &MEMBERS {
        let value = members.get(member.name).cloned().unwrap_or_default();
        connection.insert(member.name.to_owned(), settled(member.name, value));
    }
    connection
}

/// An empty extra becomes an empty object, an empty password none.
fn settled(name: &str, value: Value) -> Value {
    match (name, value.as_str()) {
        ("extra", Some("")) => json!("{}"),
        ("password", Some("")) => Value::Null,
        _ => value,
    }
}

fn create(store: &mut Store, api: ApiVersion, request: &Request) -> AirflowResult {
    let members = read(api, request, &MEMBERS)?;
    check(api, &members, &["body"])?;
    let id = id_of(&members).to_owned();
    if store.airflow.connections.iter().any(|c| id_of(c) == id) {
        return Err(match api {
            ApiVersion::V2 => unique(store.serial()),
            ApiVersion::V1 => problem(409, "Conflict", json!(format!("Connection already exist. ID: {id}"))),
        });
    }
    let connection = stored(members);
    let shown = show(api, &connection, false);
    store.airflow.connections.push(connection);
    Ok(Answer::json(if api == ApiVersion::V2 { 201 } else { 200 }, shown))
}

fn patch(store: &mut Store, api: ApiVersion, request: &Request, id: &str) -> AirflowResult {
    let members = match api {
        ApiVersion::V2 => read(api, request, &MEMBERS)?,
        ApiVersion::V1 => read_partial_v1(request, &MEMBERS)?,
    };
    check(api, &members, &["body"])?;
    if members.get("connection_id").is_some_and(|given| given != id) {
        return Err(match api {
            ApiVersion::V2 => detail(400, "The connection_id in the request body does not match the URL parameter"),
            ApiVersion::V1 => bad("The connection_id cannot be updated."),
        });
    }
    let at = find(store, api, id)?;
    let mask = masked(request);
    if let (ApiVersion::V1, Some(mask)) = (api, &mask)
        && let Some(odd) = mask.iter().find(|name| !MEMBERS.iter().any(|m| m.name == name.as_str()))
    {
        return Err(bad(format!("'{odd}' is unknown or cannot be updated.")));
    }
    let connection = &mut store.airflow.connections[at];
    for (name, value) in members {
        if name != "connection_id" && mask.as_ref().is_none_or(|mask| mask.contains(&name)) {
            update(api, connection, &name, value);
        }
    }
    ok(show(api, connection, false))
}

/// Sets one member. Airflow 3 puts secrets back where the mask is written, and never clears a password; Airflow 2
/// stores the mask.
pub(super) fn update(api: ApiVersion, connection: &mut Map<String, Value>, name: &str, value: Value) {
    let old = connection.get(name).cloned().unwrap_or_default();
    let value = match (api, name, value.as_str()) {
        (ApiVersion::V2, "password", None | Some("" | MASK)) if !old.is_null() => old,
        (ApiVersion::V2, "extra", Some(new)) => match (Json::read(new), old.as_str().and_then(Json::read)) {
            (Some(new), Some(old)) => json!(unmask(&new, &old, None).line()),
            _ => value,
        },
        _ => value,
    };
    connection.insert(name.to_owned(), settled(name, value));
}

/// Creates, updates or deletes one connection of a bulk request; `Err` holds what is wrong with the entity.
pub(super) fn entity(entity: &Value) -> Result<Map<String, Value>, Answer> {
    let members = read_v2(entity, &MEMBERS, &["body"])?;
    check(ApiVersion::V2, &members, &["body"])?;
    Ok(stored(members))
}
