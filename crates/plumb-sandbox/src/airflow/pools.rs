//! Airflow pools of task slots: create, read, change, delete, as REST v1 and v2 do it.

use super::{
    ApiVersion, Pool,
    body::{Member, Type, masked, optional, read, read_partial_v1, required},
    listing::{Listing, fits, page},
    pyjson::repr,
    replies::{AirflowResult, bad, detail, ok, problem, unique, unprocessable},
    view::with_newer,
};
use crate::{answer::Answer, request::Request, store::Store};
use serde_json::{Map, Value, json};

/// The pool that is always there.
pub const DEFAULT: &str = "default_pool";

const FLAG: Member = Member { nullable: false, ..optional("include_deferred", Type::Flag) };

pub(super) const MEMBERS: [Member; 4] =
    [required("name", Type::Text), required("slots", Type::Whole(-1)), optional("description", Type::Text), FLAG];

/// In a PATCH, v2 calls the name `pool`.
const PATCHED: [Member; 4] = [
    optional("pool", Type::Text),
    optional("slots", Type::Whole(-1)),
    optional("description", Type::Text),
    optional("include_deferred", Type::Flag),
];

const LISTING: Listing = Listing {
    name: "pools",
    filters: &["pool_name_pattern", "pool_name_prefix_pattern"],
    orders: &["name", "id", "slots", "description", "include_deferred"],
};

/// Answers `pools…`.
pub fn handle(store: &mut Store, api: ApiVersion, request: &Request, rest: &[&str]) -> Option<AirflowResult> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => {
            let fits = |p: &&Pool| fits(request, "pool_name_pattern", &p.name);
            let rows = store.airflow.pools.iter().filter(fits).map(|p| show(api, p)).collect();
            page(api, request, &LISTING, rows)
        }
        ("POST", []) => create(store, api, request),
        ("GET", [name]) => find(store, api, name).and_then(|at| ok(show(api, &store.airflow.pools[at]))),
        ("PATCH", [name]) => patch(store, api, request, name),
        ("DELETE", [DEFAULT]) => Err(match api {
            ApiVersion::V2 => detail(400, "Default Pool can't be deleted"),
            ApiVersion::V1 => bad("Default Pool can't be deleted"),
        }),
        ("DELETE", [name]) => find(store, api, name).map(|at| {
            store.airflow.pools.remove(at);
            Answer::empty(204)
        }),
        _ => return None,
    })
}

fn find(store: &Store, api: ApiVersion, name: &str) -> Result<usize, Answer> {
    store.airflow.pools.iter().position(|p| p.name == name).ok_or_else(|| match api {
        ApiVersion::V2 => detail(404, format!("The Pool with name: `{name}` was not found")),
        ApiVersion::V1 => problem(404, "Not Found", json!(format!("Pool with name:'{name}' not found"))),
    })
}

fn show(api: ApiVersion, pool: &Pool) -> Value {
    let mut shown = json!({
        "name": pool.name,
        "slots": pool.slots,
        "description": pool.description,
        "include_deferred": pool.include_deferred,
        "occupied_slots": 0,
        "running_slots": 0,
        "queued_slots": 0,
        "scheduled_slots": 0,
        "open_slots": pool.slots,
        "deferred_slots": 0,
    });
    if api == ApiVersion::V2 {
        shown["team_name"] = Value::Null;
    }
    with_newer(shown, &pool.newer)
}

/// The pool that the members of a body describe.
pub(super) fn made(members: &Map<String, Value>) -> Pool {
    Pool {
        name: members["name"].as_str().unwrap_or_default().to_owned(),
        slots: members["slots"].as_i64().unwrap_or_default(),
        description: members.get("description").and_then(Value::as_str).map(str::to_owned),
        include_deferred: members.get("include_deferred").and_then(Value::as_bool).unwrap_or_default(),
        newer: Map::new(),
    }
}

fn create(store: &mut Store, api: ApiVersion, request: &Request) -> AirflowResult {
    if let (ApiVersion::V1, Value::Object(given)) = (api, &request.body) {
        let missing: Vec<Value> =
            ["name", "slots"].into_iter().filter(|name| !given.contains_key(*name)).map(|name| json!(name)).collect();
        if !missing.is_empty() {
            return Err(bad(format!("Missing required property(ies): {}", repr(&json!(missing)))));
        }
    }
    let pool = made(&read(api, request, &MEMBERS)?);
    if store.airflow.pools.iter().any(|p| p.name == pool.name) {
        return Err(match api {
            ApiVersion::V2 => unique(store.serial()),
            ApiVersion::V1 => problem(409, "Conflict", json!(format!("Pool: {} already exists", pool.name))),
        });
    }
    let shown = show(api, &pool);
    store.airflow.pools.push(pool);
    Ok(Answer::json(if api == ApiVersion::V2 { 201 } else { 200 }, shown))
}

fn patch(store: &mut Store, api: ApiVersion, request: &Request, name: &str) -> AirflowResult {
    let mask = masked(request);
    let members = match api {
        ApiVersion::V2 => read(api, request, &PATCHED)?,
        ApiVersion::V1 => read_partial_v1(request, &MEMBERS)?,
    };
    let named = members.get(if api == ApiVersion::V2 { "pool" } else { "name" });
    if api == ApiVersion::V2 && named.and_then(Value::as_str).is_some_and(|given| given != name) {
        return Err(detail(400, "Invalid body, pool name from request body doesn't match uri parameter"));
    }
    let at = find(store, api, name)?;
    let wanted = |member: &str| mask.as_ref().is_none_or(|mask| mask.iter().any(|m| m == member));
    if name == DEFAULT {
        let odd = match &mask {
            Some(mask) => mask.iter().any(|m| !["slots", "include_deferred"].contains(&m.as_str())),
            None => members.keys().any(|m| !["slots", "include_deferred", "pool", "name"].contains(&m.as_str())),
        };
        if odd {
            let words = match api {
                ApiVersion::V2 => "Only slots and included_deferred can be modified on Default Pool",
                ApiVersion::V1 => "Default Pool's name can't be modified",
            };
            return Err(if api == ApiVersion::V2 { detail(400, words) } else { bad(words) });
        }
    } else if api == ApiVersion::V2 {
        // The whole pool is validated again, with a mask or without, and under the old name of the member.
        let missing: Vec<Value> = ["pool", "slots", "include_deferred"]
            .into_iter()
            .filter(|m| members.get(*m).is_none_or(Value::is_null))
            .map(|m| {
                json!({
                    "type": "missing", "loc": [m], "msg": "Field required", "input": request.body,
                    "url": "https://errors.pydantic.dev/2.14/v/missing",
                })
            })
            .collect();
        if !missing.is_empty() {
            return Err(unprocessable(missing));
        }
    }
    let pool = &mut store.airflow.pools[at];
    if let Some(slots) = members.get("slots").and_then(Value::as_i64).filter(|_| wanted("slots")) {
        pool.slots = slots;
    }
    if let Some(on) = members.get("include_deferred").and_then(Value::as_bool).filter(|_| wanted("include_deferred")) {
        pool.include_deferred = on;
    }
    if let Some(text) = members.get("description").filter(|_| wanted("description")) {
        pool.description = text.as_str().map(str::to_owned);
    }
    if let Some(new) = members.get("name").and_then(Value::as_str).filter(|_| api == ApiVersion::V1 && wanted("name")) {
        pool.name = new.to_owned();
    }
    ok(show(api, pool))
}
