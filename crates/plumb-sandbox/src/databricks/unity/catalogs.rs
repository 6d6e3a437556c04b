//! Catalogs: list, get, create and delete.

use super::{
    body, listing, locations, needed,
    objects::{self, Sort},
    platform, schemas, something, valid_name,
};
use crate::{
    databricks::paging,
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Map, Value, json};

/// The members of `CreateCatalog`, but for those of shared and foreign catalogs.
const CREATE: [(&str, &str); 7] = [
    ("comment", "text"),
    ("custom_max_retention_hours", "number"),
    ("managed_encryption_settings", "object"),
    ("name", "text"),
    ("options", "text{}"),
    ("properties", "text{}"),
    ("storage_root", "text"),
];

/// Those of `UpdateCatalog`, but for another name.
const UPDATE: [(&str, &str); 8] = [
    ("comment", "text"),
    ("custom_max_retention_hours", "number"),
    ("enable_predictive_optimization", "text"),
    ("isolation_mode", "text"),
    ("managed_encryption_settings", "object"),
    ("options", "text{}"),
    ("owner", "text"),
    ("properties", "text{}"),
];

/// Answers `catalogs` and `catalogs/NAME`.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => {
            let all = objects::all(store, Sort::Catalog).into_iter().collect();
            listing(store, request, "catalogs", all, false)
        }
        ("POST", []) => create(store, request),
        ("GET", [name]) => objects::get(store, Sort::Catalog, name),
        ("PATCH", [name]) => update(store, request, &name.to_lowercase()),
        ("DELETE", [name]) => delete(store, request, &name.to_lowercase()),
        _ => return None,
    })
}

fn create(store: &mut Store, request: &Request) -> Handled {
    const CALL: &str = "CreateCatalog";
    let mut catalog = body(store, request, &CREATE)?;
    // A name that is not given is an empty one here (databricks/cli testserver, catalogs.go).
    let name = catalog.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = valid_name(&name, CALL, "CatalogInfo")?;
    if objects::find(store, Sort::Catalog, &name).is_some() {
        return Err(Sort::Catalog.exists(&name));
    }
    let id = objects::uuid(store);
    locations::root(store, &mut catalog, "catalogs", &id)?;
    objects::made(store, request, &mut catalog);
    let own = json!({
        "name": name, "full_name": name, "id": id, "catalog_type": "MANAGED_CATALOG", "isolation_mode": "OPEN",
        "accessible_in_current_workspace": true, "browse_only": false, "securable_type": "CATALOG",
        "securable_kind": "CATALOG_STANDARD",
    });
    catalog.extend(own.as_object().cloned().unwrap_or_default());
    platform::optimized(&mut catalog, None);
    forget_empty(&mut catalog);
    let shown = Value::Object(catalog);
    store.databricks.catalogs.insert(name.clone(), shown.clone());
    store.databricks.platform_deleted.remove(&format!("schema {name}.default"));
    // A new catalog has a schema `default` (Terraform provider, resource_catalog.go, which deletes it at once).
    schemas::insert(store, request, &shown, "default", Map::new());
    paging::created(store, "catalogs", &name);
    Ok(shown)
}

fn update(store: &mut Store, request: &Request, name: &str) -> Handled {
    const CALL: &str = "UpdateCatalog";
    let mut catalog = objects::get(store, Sort::Catalog, name)?.as_object().cloned().unwrap_or_default();
    let members = body(store, request, &UPDATE)?;
    something(&members, CALL)?;
    if platform::is_read_only(name) {
        return Err(denied("MANAGE", Sort::Catalog, name));
    }
    catalog.extend(members.into_iter().filter(|(_, value)| !value.as_object().is_some_and(Map::is_empty)));
    platform::optimized(&mut catalog, None);
    forget_empty(&mut catalog);
    objects::changed(store, request, &mut catalog);
    store.databricks.catalogs.insert(name.to_owned(), catalog.clone().into());
    Ok(catalog.into())
}

fn delete(store: &mut Store, request: &Request, name: &str) -> Handled {
    objects::get(store, Sort::Catalog, name)?;
    if platform::is_read_only(name) {
        return Err(denied("MANAGE", Sort::Catalog, name));
    }
    let prefix = format!("{name}.");
    let all = objects::all(store, Sort::Schema).into_keys();
    let own: Vec<String> =
        all.filter(|full| full.starts_with(&prefix) && !full.ends_with(platform::INFORMATION)).collect();
    if !own.is_empty() && !request.flag("force") {
        // The code is of the list that all APIs share (SDK, `ErrorCode`). The words are unverified.
        let message = format!("Catalog '{name}' is not empty. The catalog has {} schema(s)", own.len());
        return Err(ApiError::new(400, "CATALOG_NOT_EMPTY", message));
    }
    for schema in own {
        schemas::remove(store, &schema);
    }
    objects::remove(store, Sort::Catalog, name);
    Ok(json!({}))
}

/// Texts that are empty and maps without entries are not shown.
pub fn forget_empty(object: &mut Map<String, Value>) {
    object.retain(|_, value| match value {
        Value::String(text) => !text.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        other => !other.is_null(),
    });
}

/// 403: nobody changes what is the platform's. In the words that other refusals of Unity Catalog have.
pub fn denied(privilege: &str, sort: Sort, full: &str) -> ApiError {
    let noun = match sort {
        Sort::Catalog => "Catalog",
        _ => "Schema",
    };
    ApiError::denied(format!("User does not have {privilege} on {noun} '{full}'."))
}

/// The catalog in which something is to be made.
pub fn writable(store: &Store, request: &Map<String, Value>, call: &str, privilege: &str) -> Result<Value, ApiError> {
    let name = needed(request, call, "catalog_name")?.to_lowercase();
    let catalog = objects::get(store, Sort::Catalog, &name)?;
    if platform::is_read_only(&name) { Err(denied(privilege, Sort::Catalog, &name)) } else { Ok(catalog) }
}
