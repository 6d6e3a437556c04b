//! Schemas.

use super::{
    body,
    catalogs::{denied, forget_empty, writable},
    listing, locations, needed,
    objects::{self, Sort},
    platform, something, valid_name, volumes,
};
use crate::{
    databricks::{paging, text},
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Map, Value, json};

/// The members of `CreateSchema`.
const CREATE: [(&str, &str); 6] = [
    ("catalog_name", "text"),
    ("comment", "text"),
    ("custom_max_retention_hours", "number"),
    ("name", "text"),
    ("properties", "text{}"),
    ("storage_root", "text"),
];

/// Those of `UpdateSchema`.
const UPDATE: [(&str, &str); 6] = [
    ("comment", "text"),
    ("custom_max_retention_hours", "number"),
    ("enable_predictive_optimization", "text"),
    ("new_name", "text"),
    ("owner", "text"),
    ("properties", "text{}"),
];

/// Answers `schemas` and `schemas/FULL_NAME`.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => list(store, request),
        ("POST", []) => create(store, request),
        ("GET", [full]) => objects::get(store, Sort::Schema, full),
        ("PATCH", [full]) => update(store, request, &full.to_lowercase()),
        ("DELETE", [full]) => delete(store, request, &full.to_lowercase()),
        _ => return None,
    })
}

fn list(store: &mut Store, request: &Request) -> Handled {
    let catalog = request.required("catalog_name")?.to_lowercase();
    objects::get(store, Sort::Catalog, &catalog)?;
    let prefix = format!("{catalog}.");
    let all = objects::all(store, Sort::Schema).into_iter().filter(|(full, _)| full.starts_with(&prefix)).collect();
    listing(store, request, "schemas", all, false)
}

fn create(store: &mut Store, request: &Request) -> Handled {
    const CALL: &str = "CreateSchema";
    let members = body(store, request, &CREATE)?;
    let name = valid_name(&needed(&members, CALL, "name")?, CALL, "SchemaInfo")?;
    let catalog = writable(store, &members, CALL, "CREATE SCHEMA")?;
    let full = format!("{}.{name}", catalog["name"].as_str().unwrap_or_default());
    if objects::find(store, Sort::Schema, &full).is_some() {
        return Err(Sort::Schema.exists(&name));
    }
    locations::root(store, &mut members.clone(), "schemas", "")?;
    let shown = insert(store, request, &catalog, &name, members);
    paging::created(store, "schemas", &full);
    Ok(shown)
}

/// Keeps a new schema, with all that the service fills in. `storage_location` is one of those that have a root of their own
/// (a real answer has none without).
pub fn insert(
    store: &mut Store,
    request: &Request,
    catalog: &Value,
    name: &str,
    mut schema: Map<String, Value>,
) -> Value {
    let id = objects::uuid(store);
    // It was looked at before.
    let _ = locations::root(store, &mut schema, "schemas", &id);
    objects::made(store, request, &mut schema);
    let full = format!("{}.{name}", catalog["name"].as_str().unwrap_or_default());
    let own = json!({
        "name": name, "catalog_name": catalog["name"], "full_name": full, "catalog_type": catalog["catalog_type"],
        "schema_id": id, "browse_only": false, "securable_type": "SCHEMA", "securable_kind": "SCHEMA_STANDARD",
    });
    schema.extend(own.as_object().cloned().unwrap_or_default());
    platform::optimized(&mut schema, Some(catalog));
    forget_empty(&mut schema);
    let shown = Value::Object(schema);
    store.databricks.schemas.insert(full, shown.clone());
    shown
}

fn update(store: &mut Store, request: &Request, full: &str) -> Handled {
    const CALL: &str = "UpdateSchema";
    let mut schema = objects::get(store, Sort::Schema, full)?.as_object().cloned().unwrap_or_default();
    let mut members = body(store, request, &UPDATE)?;
    something(&members, CALL)?;
    let (catalog, name) = full.split_once('.').unwrap_or_default();
    if platform::is_read_only(catalog) || name == platform::INFORMATION {
        return Err(denied("MANAGE", Sort::Schema, full));
    }
    if let Some(value) = members.get("enable_predictive_optimization").and_then(Value::as_str)
        && !["DISABLE", "ENABLE", "INHERIT"].contains(&value)
    {
        return Err(ApiError::invalid(format!("{CALL} Invalid value for enable_predictive_optimization: {value}")));
    }
    let new_name = members.remove("new_name").as_ref().and_then(Value::as_str).map(str::to_owned);
    let new_name = new_name.map(|name| valid_name(&name, CALL, "SchemaInfo")).transpose()?.filter(|new| new != name);
    if let Some(new) = &new_name
        && objects::find(store, Sort::Schema, &format!("{catalog}.{new}")).is_some()
    {
        return Err(Sort::Schema.exists(new));
    }
    // An empty map says nothing: it takes no property away.
    schema.extend(members.into_iter().filter(|(_, value)| !value.as_object().is_some_and(Map::is_empty)));
    let above = objects::get(store, Sort::Catalog, catalog)?;
    platform::optimized(&mut schema, Some(&above));
    forget_empty(&mut schema);
    objects::changed(store, request, &mut schema);
    store.databricks.schemas.insert(full.to_owned(), schema.clone().into());
    match new_name {
        Some(new) => Ok(renamed(store, full, catalog, &new)),
        None => Ok(schema.into()),
    }
}

/// Gives a schema another name; all that is in it goes with it.
fn renamed(store: &mut Store, full: &str, catalog: &str, new: &str) -> Value {
    let to = format!("{catalog}.{new}");
    let now = store.now();
    for sort in [Sort::Volume, Sort::Table, Sort::Function, Sort::Model] {
        for inner in objects::inside(store, sort, full) {
            let name = inner.rsplit('.').next().unwrap_or_default().to_owned();
            let target = format!("{to}.{name}");
            objects::rename(&mut store.databricks, sort, &inner, &target);
            if let Some(object) = sort.kept_mut(&mut store.databricks).get_mut(&target) {
                object["schema_name"] = json!(new);
                object["full_name"] = json!(target);
            }
        }
    }
    objects::rename(&mut store.databricks, Sort::Schema, full, &to);
    // The old name of one of the platform's is free.
    if platform::object(&store.databricks, Sort::Schema, full).is_some() {
        store.databricks.platform_deleted.insert(format!("schema {full}"));
    }
    volumes::moved(store, full, &to, now);
    let Some(schema) = store.databricks.schemas.get_mut(&to) else { return json!({}) };
    schema["name"] = json!(new);
    schema["full_name"] = json!(to);
    schema.clone()
}

fn delete(store: &mut Store, request: &Request, full: &str) -> Handled {
    objects::get(store, Sort::Schema, full)?;
    let (catalog, name) = full.split_once('.').unwrap_or_default();
    if platform::is_read_only(catalog) || name == platform::INFORMATION {
        return Err(denied("MANAGE", Sort::Schema, full));
    }
    let count = |sort: Sort| objects::inside(store, sort, full).len();
    // Models are counted as functions (Terraform provider#4046).
    let (tables, functions) = (count(Sort::Table), count(Sort::Function) + count(Sort::Model));
    let volumes = count(Sort::Volume);
    if tables + functions + volumes > 0 && !request.flag("force") {
        // The words: Terraform provider#2906 and #3659. The code is of the list that all APIs share (SDK, `ErrorCode`).
        return Err(ApiError::new(
            400,
            "SCHEMA_NOT_EMPTY",
            format!(
                "Schema '{full}' is not empty. The schema has {tables} tables(s), {functions} functions(s), {volumes} volumes(s)"
            ),
        ));
    }
    remove(store, full);
    Ok(json!({}))
}

/// Takes a schema away with all that is in it.
pub fn remove(store: &mut Store, full: &str) {
    for volume in objects::inside(store, Sort::Volume, full) {
        volumes::remove(store, &volume);
    }
    for sort in [Sort::Table, Sort::Function, Sort::Model] {
        for inner in objects::inside(store, sort, full) {
            objects::remove(store, sort, &inner);
        }
    }
    objects::remove(store, Sort::Schema, full);
}

/// The schema in which something is to be made.
pub fn writable_schema(
    store: &Store,
    members: &Map<String, Value>,
    call: &str,
    privilege: &str,
) -> Result<Value, ApiError> {
    let catalog = writable(store, members, call, privilege)?;
    let name = needed(members, call, "schema_name")?.to_lowercase();
    let full = format!("{}.{name}", catalog["name"].as_str().unwrap_or_default());
    let schema = objects::get(store, Sort::Schema, &full)?;
    if name == platform::INFORMATION { Err(denied(privilege, Sort::Schema, &full)) } else { Ok(schema) }
}

/// The full name of a schema that a listing asks for, which has to be there.
pub fn listed(store: &Store, request: &Request) -> Result<String, ApiError> {
    let catalog = request.required("catalog_name")?;
    let full = format!("{catalog}.{}", request.required("schema_name")?).to_lowercase();
    objects::get(store, Sort::Catalog, &catalog)?;
    let schema = objects::get(store, Sort::Schema, &full)?;
    Ok(text(&schema, "full_name").unwrap_or(&full).to_owned())
}
