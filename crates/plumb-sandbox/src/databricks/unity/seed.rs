//! Seeding Unity Catalog: objects as their creating calls take them, and what no call makes.

use super::{
    body,
    objects::{self, Sort},
    tables,
};
use crate::{
    databricks::{identity, route, text},
    request::Request,
    store::Store,
};
use serde_json::{Map, Value, json};

/// The lists of a seed, in the order in which they are added: what others are in comes first.
pub const LISTS: [(&str, Sort); 8] = [
    ("catalogs", Sort::Catalog),
    ("storage_credentials", Sort::Credential),
    ("external_locations", Sort::Location),
    ("schemas", Sort::Schema),
    ("volumes", Sort::Volume),
    ("tables", Sort::Table),
    ("functions", Sort::Function),
    ("registered_models", Sort::Model),
];

/// Adds one object, and answers its full name. It may be the full name alone: `"main.sales.orders"`. Of a table, a function and a
/// model every member is kept as it is given; all may have an `owner` and `grants`, a list of `principal` and `privileges`.
pub fn add(store: &mut Store, sort: Sort, object: &Value) -> Result<Value, String> {
    let refused = |e: crate::errors::ApiError| e.body["message"].as_str().unwrap_or("refused").to_owned();
    let mut members = match object {
        Value::String(full) => named(sort, full)?,
        Value::Object(members) => members.clone(),
        _ => return Err("it must be an object, or a full name".to_owned()),
    };
    let (owner, grants) = (members.remove("owner"), members.remove("grants"));
    let user = members.remove("created_by").and_then(|by| by.as_str().map(str::to_owned));
    let user = user.unwrap_or_else(|| identity::SOMEONE.to_owned());
    let path = match sort {
        Sort::Catalog => "catalogs",
        Sort::Schema => "schemas",
        Sort::Volume => "volumes",
        Sort::Location => "external-locations",
        Sort::Credential => "storage-credentials",
        Sort::Table | Sort::Function | Sort::Model => "",
    };
    let answer = if path.is_empty() {
        let known = ["catalog_name", "schema_name", "name"].map(|name| (name, "text"));
        let request = Request::internal("POST", "/", &user, Value::Object(members.clone()));
        let read = body(store, &request, &known).map_err(refused)?;
        let of = |name: &str| read.get(name).and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let full = format!("{}.{}", of("catalog_name"), of("schema_name"));
        let schema = objects::get(store, Sort::Schema, &full).map_err(refused)?;
        if of("name").is_empty() || of("name").contains('.') {
            return Err("it has no name".to_owned());
        }
        tables::insert(store, &request, sort, &schema, &of("name"), members)
    } else {
        let path = format!("/api/2.1/unity-catalog/{path}");
        route(store, &Request::internal("POST", &path, &user, Value::Object(members))).map_err(refused)?
    };
    let full = text(&answer, "full_name").unwrap_or_default().to_owned();
    if let (Some(owner), Some(object)) = (owner, sort.kept_mut(&mut store.databricks).get_mut(&full)) {
        object["owner"] = owner;
    }
    let changes: Vec<Value> = grants
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|one| json!({ "principal": one["principal"], "add": one["privileges"] }))
        .collect();
    if !changes.is_empty() {
        let path = format!("/api/2.1/unity-catalog/permissions/{}/{full}", sort.name());
        let request = Request::internal("PATCH", &path, &user, json!({ "changes": changes }));
        route(store, &request).map_err(refused)?;
    }
    Ok(json!(full))
}

/// What a full name alone says.
fn named(sort: Sort, full: &str) -> Result<Map<String, Value>, String> {
    let parts: Vec<&str> = full.split('.').collect();
    let members = match (sort, parts.as_slice()) {
        (Sort::Catalog, [name]) => json!({ "name": name }),
        (Sort::Schema, [catalog, name]) => json!({ "catalog_name": catalog, "name": name }),
        (Sort::Volume, [catalog, schema, name]) => {
            json!({ "catalog_name": catalog, "schema_name": schema, "name": name, "volume_type": "MANAGED" })
        }
        (Sort::Credential, [name]) => {
            json!({ "name": name, "aws_iam_role": { "role_arn": format!("arn:aws:iam::123456789012:role/{name}") } })
        }
        (Sort::Location, [name]) => {
            json!({ "name": name, "url": format!("s3://{name}"), "credential_name": "default" })
        }
        (Sort::Table | Sort::Function | Sort::Model, [catalog, schema, name]) => {
            json!({ "catalog_name": catalog, "schema_name": schema, "name": name })
        }
        _ => return Err(format!("\"{full}\" is no full name of a {}", sort.name())),
    };
    Ok(members.as_object().cloned().unwrap_or_default())
}
