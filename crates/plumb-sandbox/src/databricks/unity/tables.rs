//! Tables, functions and registered models: list, get and delete. Of tables those outside of the workspace can be created, as
//! outside clients may; all others come from a seed ([`super::seed`]).

use super::{
    body,
    catalogs::forget_empty,
    listing, locations, needed,
    objects::{self, Sort},
    platform, schemas, valid_name,
};
use crate::{
    databricks::text,
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Map, Value, json};

/// The members of the call that creates a table.
const CREATE: [(&str, &str); 8] = [
    ("catalog_name", "text"),
    ("columns", "object[]"),
    ("data_source_format", "text"),
    ("name", "text"),
    ("properties", "text{}"),
    ("schema_name", "text"),
    ("storage_location", "text"),
    ("table_type", "text"),
];

/// Answers `tables`, `functions` and `models`, and those with a full name.
pub fn handle(store: &mut Store, request: &Request, sort: Sort, rest: &[&str]) -> Option<Handled> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => list(store, request, sort),
        ("POST", []) if sort == Sort::Table => create(store, request),
        ("GET", [full]) => objects::get(store, sort, full),
        ("GET", [full, "exists"]) if sort == Sort::Table => {
            Ok(json!({ "table_exists": objects::find(store, sort, full).is_some() }))
        }
        ("DELETE", [full]) => {
            let full = full.to_lowercase();
            objects::get(store, sort, &full).map(|_| objects::remove(store, sort, &full)).map(|()| json!({}))
        }
        _ => return None,
    })
}

fn list(store: &mut Store, request: &Request, sort: Sort) -> Handled {
    let member = match sort {
        Sort::Table => "tables",
        Sort::Function => "functions",
        _ => "registered_models",
    };
    // Models may be listed of the whole metastore (SDK, `RegisteredModelsAPI.list`).
    let of_all =
        sort == Sort::Model && request.param("catalog_name").is_none() && request.param("schema_name").is_none();
    let names: Vec<String> = if of_all {
        sort.kept(&store.databricks).keys().cloned().collect()
    } else {
        let schema = schemas::listed(store, request)?;
        objects::inside(store, sort, &schema)
    };
    let kept = sort.kept(&store.databricks);
    let mut all: Vec<(String, Value)> =
        names.into_iter().filter_map(|full| kept.get(&full).cloned().map(|shown| (full, shown))).collect();
    for (flag, members) in [
        ("omit_columns", &["columns"][..]),
        ("omit_properties", &["properties"]),
        ("omit_username", &["owner", "created_by", "updated_by"]),
    ] {
        if sort == Sort::Table && request.flag(flag) {
            let maps = all.iter_mut().filter_map(|(_, shown)| shown.as_object_mut());
            maps.for_each(|map| map.retain(|name, _| !members.contains(&name.as_str())));
        }
    }
    listing(store, request, member, all, sort == Sort::Model)
}

fn create(store: &mut Store, request: &Request) -> Handled {
    const CALL: &str = "CreateTable";
    let mut table = body(store, request, &CREATE)?;
    let name = valid_name(&needed(&table, CALL, "name")?, CALL, "TableInfo")?;
    let schema = schemas::writable_schema(store, &table, CALL, "CREATE TABLE")?;
    // "only table_type EXTERNAL and data_source_format DELTA are supported" (SDK, `TablesAPI.create`).
    for (member, only) in [("table_type", "EXTERNAL"), ("data_source_format", "DELTA")] {
        let given = needed(&table, CALL, member)?;
        if given != only {
            return Err(ApiError::invalid(format!("{CALL} only supports {member} {only}, not {given}.")));
        }
    }
    if objects::find(store, Sort::Table, &format!("{}.{name}", text(&schema, "full_name").unwrap_or_default()))
        .is_some()
    {
        return Err(Sort::Table.exists(&name));
    }
    let url = locations::plain(&needed(&table, CALL, "storage_location")?);
    locations::covered(store, &url)?;
    locations::free(store, &url, CALL)?;
    table.insert("storage_location".to_owned(), json!(url));
    Ok(insert(store, request, Sort::Table, &schema, &name, table))
}

/// Keeps a new table, function or model with what the service fills in; what `object` says of itself stays.
pub fn insert(
    store: &mut Store,
    request: &Request,
    sort: Sort,
    schema: &Value,
    name: &str,
    object: Map<String, Value>,
) -> Value {
    let id = objects::uuid(store);
    let full = format!("{}.{name}", text(schema, "full_name").unwrap_or_default());
    let mut shown = Map::new();
    objects::made(store, request, &mut shown);
    let own = match sort {
        Sort::Table => json!({
            "table_id": id, "table_type": "MANAGED", "data_source_format": "DELTA",
            "storage_location": format!("{}/tables/{id}", platform::ROOT), "securable_type": "TABLE",
        }),
        Sort::Function => json!({ "function_id": id, "routine_body": "SQL", "data_type": "INT" }),
        _ => json!({ "id": id, "storage_location": format!("{}/models/{id}", platform::ROOT) }),
    };
    shown.extend(own.as_object().cloned().unwrap_or_default());
    shown.extend(object);
    let names = json!({
        "name": name, "catalog_name": schema["catalog_name"], "schema_name": schema["name"], "full_name": full,
        "browse_only": false,
    });
    shown.extend(names.as_object().cloned().unwrap_or_default());
    forget_empty(&mut shown);
    sort.kept_mut(&mut store.databricks).insert(full, shown.clone().into());
    shown.into()
}
