//! External locations, and which place of a store belongs to what.

use super::{
    body,
    catalogs::forget_empty,
    listing, needed,
    objects::{self, Sort},
    something, valid_name,
};
use crate::{
    databricks::{paging, text},
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use plumb_model::text::glob;
use serde_json::{Map, Value, json};

/// The members of `CreateExternalLocation`, but for those that only the service says.
const CREATE: [(&str, &str); 10] = [
    ("comment", "text"),
    ("credential_name", "text"),
    ("enable_file_events", "bool"),
    ("encryption_details", "object"),
    ("fallback", "bool"),
    ("file_event_queue", "object"),
    ("name", "text"),
    ("read_only", "bool"),
    ("skip_validation", "bool"),
    ("url", "text"),
];

/// Those of `UpdateExternalLocation`.
const UPDATE: [(&str, &str); 13] = [
    ("comment", "text"),
    ("credential_name", "text"),
    ("enable_file_events", "bool"),
    ("encryption_details", "object"),
    ("fallback", "bool"),
    ("file_event_queue", "object"),
    ("force", "bool"),
    ("isolation_mode", "text"),
    ("new_name", "text"),
    ("owner", "text"),
    ("read_only", "bool"),
    ("skip_validation", "bool"),
    ("url", "text"),
];

/// Answers `external-locations` and `external-locations/NAME`.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => {
            let all = objects::all(store, Sort::Location).into_iter().collect();
            listing(store, request, "external_locations", all, false)
        }
        ("POST", []) => create(store, request),
        ("GET", [name]) => objects::get(store, Sort::Location, name),
        ("PATCH", [name]) => update(store, request, &name.to_lowercase()),
        ("DELETE", [name]) => delete(store, request, &name.to_lowercase()),
        _ => return None,
    })
}

fn create(store: &mut Store, request: &Request) -> Handled {
    const CALL: &str = "CreateExternalLocation";
    let mut location = body(store, request, &CREATE)?;
    let name = valid_name(&needed(&location, CALL, "name")?, CALL, "ExternalLocationInfo")?;
    needed(&location, CALL, "url")?;
    needed(&location, CALL, "credential_name")?;
    if objects::find(store, Sort::Location, &name).is_some() {
        return Err(Sort::Location.exists(&name));
    }
    check(store, &mut location, None, CALL)?;
    let id = objects::uuid(store);
    objects::made(store, request, &mut location);
    // `full_name`, `id` and the two of its sort are of a real answer (databrickslabs/ucx#2270).
    let own = json!({
        "name": name, "full_name": name, "id": id, "isolation_mode": "ISOLATION_MODE_OPEN", "browse_only": false,
        "securable_type": "EXTERNAL_LOCATION", "securable_kind": "EXTERNAL_LOCATION_STANDARD",
    });
    location.extend(own.as_object().cloned().unwrap_or_default());
    filled(&mut location);
    forget_empty(&mut location);
    let shown = Value::Object(location);
    store.databricks.external_locations.insert(name.clone(), shown.clone());
    paging::created(store, "external_locations", &name);
    Ok(shown)
}

fn update(store: &mut Store, request: &Request, name: &str) -> Handled {
    const CALL: &str = "UpdateExternalLocation";
    let mut location = objects::get(store, Sort::Location, name)?.as_object().cloned().unwrap_or_default();
    let mut members = body(store, request, &UPDATE)?;
    something(&members, CALL)?;
    let new_name = members.remove("new_name").as_ref().and_then(Value::as_str).map(str::to_owned);
    let new_name = new_name.map(|new| valid_name(&new, CALL, "ExternalLocationInfo")).transpose()?;
    let new_name = new_name.filter(|new| new != name);
    if let Some(new) = &new_name
        && objects::find(store, Sort::Location, new).is_some()
    {
        return Err(Sort::Location.exists(new));
    }
    let is_forced = members.remove("force").is_some_and(|force| force == true);
    let before = location.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
    location.extend(members);
    check(store, &mut location, Some(name), CALL)?;
    let dependents = Dependents::of(store, &before);
    if location.get("url").and_then(Value::as_str) != Some(before.as_str()) && dependents.any() && !is_forced {
        // The words: Terraform provider#2188. The code is unverified.
        return Err(ApiError::state(
            "External Location has dependent catalogs, schemas, managed or external tables/volumes; use force option to update \
             url anyway",
        ));
    }
    filled(&mut location);
    forget_empty(&mut location);
    objects::changed(store, request, &mut location);
    let key = new_name.as_deref().unwrap_or(name).to_owned();
    if let Some(new) = new_name {
        objects::rename(&mut store.databricks, Sort::Location, name, &new);
        location.insert("name".to_owned(), json!(new));
        location.insert("full_name".to_owned(), json!(new));
    }
    store.databricks.external_locations.insert(key, location.clone().into());
    Ok(location.into())
}

fn delete(store: &mut Store, request: &Request, name: &str) -> Handled {
    let location = objects::get(store, Sort::Location, name)?;
    let dependents = Dependents::of(store, text(&location, "url").unwrap_or_default());
    if dependents.any() && !request.flag("force") {
        // The words: Terraform provider#4746. The code is unverified.
        return Err(ApiError::state(format!(
            "Cannot delete external location (name = {name}) because the location has 0 dependent metastores, {} dependent \
             catalogs, {} dependent schemas, {} dependent managed tables, {} dependent external tables, {} dependent external \
             volumes, {} dependent managed volumes, 0 dependent registered model versions, 0 dependent shares, and 0 dependent \
             shared notebook files. You may use force option to delete it but the managed storage data under this location \
             cannot be purged by Unity Catalog anymore.",
            dependents.catalogs,
            dependents.schemas,
            dependents.managed_tables,
            dependents.external_tables,
            dependents.external_volumes,
            dependents.managed_volumes,
        )));
    }
    objects::remove(store, Sort::Location, name);
    Ok(json!({}))
}

/// Whether a member of `file_event_queue` is one of its kinds of queue (SDK, `FileEventQueue`).
fn is_queue(name: &str) -> bool {
    name.starts_with("managed_") || name.starts_with("provided_")
}

/// Looks at what a location says: its address, its credential, its queue. `own` is its name if it is there already.
fn check(store: &Store, location: &mut Map<String, Value>, own: Option<&str>, call: &str) -> Result<(), ApiError> {
    let url = plain(location.get("url").and_then(Value::as_str).unwrap_or_default());
    if url.split_once("://").is_none_or(|(scheme, place)| scheme.is_empty() || place.is_empty()) {
        return Err(ApiError::invalid(format!(
            "{call} Invalid url: '{url}'. It must be one of a cloud store, as s3://bucket/path."
        )));
    }
    let others = store.databricks.external_locations.iter().filter(|(name, _)| Some(name.as_str()) != own);
    let overlap = |other: &Value| {
        let other = text(other, "url").unwrap_or_default();
        is_inside(&url, other) || is_inside(other, &url)
    };
    if let Some((name, _)) = others.into_iter().find(|(_, other)| overlap(other)) {
        // The words of a real answer, which databrickslabs/ucx looks for, as does its test against Azure.
        return Err(ApiError::invalid(format!(
            "Input path url '{url}' overlaps with an existing external location within '{call}' call. Conflicting location: \
             {name}."
        )));
    }
    location.insert("url".to_owned(), json!(url));
    let credential = location.get("credential_name").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    match objects::find(store, Sort::Credential, &credential) {
        Some(found) => {
            location.insert("credential_id".to_owned(), found["id"].clone());
        }
        None if store.settings.check_references => return Err(Sort::Credential.missing(&credential)),
        None => {}
    }
    location.insert("credential_name".to_owned(), json!(credential));
    let skips = location.remove("skip_validation").is_some_and(|skip| skip == true);
    if !skips && store.settings.unreadable_urls.iter().any(|pattern| glob(pattern, &url)) {
        // The words: Terraform provider#3843. The status is unverified.
        return Err(ApiError::denied(format!(
            "AWS IAM role does not have READ permissions on url {url}. Please contact your account admin to update the storage \
             credential."
        )));
    }
    let queues = location.get("file_event_queue").and_then(Value::as_object);
    let queues = queues.map_or(0, |queue| queue.keys().filter(|name| is_queue(name)).count());
    if queues > 1 {
        return Err(ApiError::invalid(format!("{call} file_event_queue must have exactly one kind of queue.")));
    }
    Ok(())
}

/// What the service fills in. File events are on unless they are switched off, by a queue of the service's own where none is
/// given (SDK, `ExternalLocationInfo`); the `managed_resource_id` of a queue is the service's (Terraform provider,
/// resource_external_location.go).
fn filled(location: &mut Map<String, Value>) {
    for (name, usual) in [("read_only", false), ("fallback", false), ("enable_file_events", true)] {
        location.entry(name).or_insert(json!(usual));
    }
    let is_on = location.get("enable_file_events") == Some(&json!(true));
    location.insert("effective_enable_file_events".to_owned(), json!(is_on));
    let name = location.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(queue) = location.get_mut("file_event_queue").and_then(Value::as_object_mut) {
        for (_, one) in queue.iter_mut().filter(|(name, one)| is_queue(name) && one.is_object()) {
            one["managed_resource_id"] = json!(name);
        }
    }
    let own = json!({ "managed_sqs": { "managed_resource_id": name } });
    let effective = location.get("file_event_queue").filter(|queue| queue.is_object()).cloned().unwrap_or(own);
    if is_on {
        location.insert("effective_file_event_queue".to_owned(), effective);
    } else {
        location.remove("effective_file_event_queue");
    }
}

/// An address as it is kept: without a slash at its end (databricks/cli, resources.yml, `uc_strips_trailing_slash`).
pub fn plain(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

/// Whether an address is another one, or is below it.
fn is_inside(url: &str, above: &str) -> bool {
    url.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && !above.is_empty()
}

/// Refuses an address that is in no external location.
pub fn covered(store: &Store, url: &str) -> Result<(), ApiError> {
    let mut all = store.databricks.external_locations.values();
    if all.any(|location| is_inside(url, text(location, "url").unwrap_or_default())) || !store.settings.check_references
    {
        return Ok(());
    }
    // The words are those of the error class NO_PARENT_EXTERNAL_LOCATION_FOR_PATH; status and code are unverified.
    Err(ApiError::new(
        404,
        "EXTERNAL_LOCATION_DOES_NOT_EXIST",
        format!(
            "No parent external location was found for path '{url}'. Please create an external location on one of the parent \
             paths and then retry the query or command again."
        ),
    ))
}

/// Refuses an address at which a table or volume is, or below or above which one is.
pub fn free(store: &Store, url: &str, call: &str) -> Result<(), ApiError> {
    let tables = store.databricks.tables.iter().chain(&store.databricks.volume_objects);
    let taken: Vec<&str> = tables
        .filter(|(_, one)| {
            let other = text(one, "storage_location").unwrap_or_default();
            is_inside(url, other) || is_inside(other, url)
        })
        .map(|(full, _)| full.as_str())
        .collect();
    if taken.is_empty() {
        return Ok(());
    }
    // The words: elementary-data/elementary#1635, where it is `CreateTable`.
    Err(ApiError::invalid(format!(
        "Input path url '{url}' overlaps with other external tables or volumes within '{call}' call. Conflicting \
         tables/volumes: {}.",
        taken.join(", ")
    )))
}

/// Looks at the `storage_root` of a catalog or schema, if it has one, and fills in where its data will be.
pub fn root(store: &Store, object: &mut Map<String, Value>, sort: &str, id: &str) -> Result<(), ApiError> {
    let Some(root) = object.get("storage_root").and_then(Value::as_str).map(plain).filter(|root| !root.is_empty())
    else {
        return Ok(());
    };
    covered(store, &root)?;
    // As a real answer has it.
    object.insert("storage_location".to_owned(), json!(format!("{root}/__unitystorage/{sort}/{id}")));
    object.insert("storage_root".to_owned(), json!(root));
    Ok(())
}

/// What is in a location, by sort.
#[derive(Debug, Default)]
struct Dependents {
    catalogs: usize,
    schemas: usize,
    managed_tables: usize,
    external_tables: usize,
    external_volumes: usize,
    managed_volumes: usize,
}

impl Dependents {
    fn of(store: &Store, url: &str) -> Dependents {
        let state = &store.databricks;
        let is_there = |one: &&Value, member: &str| is_inside(text(one, member).unwrap_or_default(), url);
        let roots = |all: &std::collections::BTreeMap<String, Value>| {
            all.values().filter(|one| is_there(one, "storage_root")).count()
        };
        let of_type = |all: &std::collections::BTreeMap<String, Value>, member: &str, sort: &str| {
            all.values().filter(|one| is_there(one, "storage_location") && one[member] == sort).count()
        };
        Dependents {
            catalogs: roots(&state.catalogs),
            schemas: roots(&state.schemas),
            managed_tables: of_type(&state.tables, "table_type", "MANAGED"),
            external_tables: of_type(&state.tables, "table_type", "EXTERNAL"),
            external_volumes: of_type(&state.volume_objects, "volume_type", "EXTERNAL"),
            managed_volumes: of_type(&state.volume_objects, "volume_type", "MANAGED"),
        }
    }

    fn any(&self) -> bool {
        self.catalogs
            + self.schemas
            + self.managed_tables
            + self.external_tables
            + self.external_volumes
            + self.managed_volumes
            > 0
    }
}
