//! What all sorts of objects have in common: where they are kept, how they are called in refusals, who made and changed them.

use super::{super::DatabricksState, platform};
use crate::{errors::ApiError, request::Request, store::Store};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A sort of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Catalog,
    Schema,
    Volume,
    Table,
    Function,
    Model,
    Location,
    Credential,
}

impl Sort {
    /// All of them.
    pub const ALL: [Sort; 8] = [
        Sort::Catalog,
        Sort::Schema,
        Sort::Volume,
        Sort::Table,
        Sort::Function,
        Sort::Model,
        Sort::Location,
        Sort::Credential,
    ];

    /// The name that paths of grants have for it.
    pub fn name(self) -> &'static str {
        match self {
            Sort::Catalog => "catalog",
            Sort::Schema => "schema",
            Sort::Volume => "volume",
            Sort::Table => "table",
            Sort::Function => "function",
            Sort::Model => "model",
            Sort::Location => "external_location",
            Sort::Credential => "storage_credential",
        }
    }

    /// The name in refusals: `Schema 'main.x' does not exist.`
    fn noun(self) -> &'static str {
        match self {
            Sort::Catalog => "Catalog",
            Sort::Schema => "Schema",
            Sort::Volume => "Volume",
            Sort::Table => "Table",
            Sort::Function => "Function",
            Sort::Model => "Registered Model",
            Sort::Location => "External Location",
            Sort::Credential => "Storage Credential",
        }
    }

    /// How many names its full name has.
    pub fn depth(self) -> usize {
        match self {
            Sort::Catalog | Sort::Location | Sort::Credential => 1,
            Sort::Schema => 2,
            Sort::Volume | Sort::Table | Sort::Function | Sort::Model => 3,
        }
    }

    /// How error codes begin: those that the service has are listed as `ErrorCode` (SDK, `service/networking.py`); it has none for
    /// volumes, functions and models.
    fn code(self) -> &'static str {
        match self {
            Sort::Catalog => "CATALOG",
            Sort::Schema => "SCHEMA",
            Sort::Table => "TABLE",
            Sort::Location => "EXTERNAL_LOCATION",
            Sort::Credential => "STORAGE_CREDENTIAL",
            Sort::Volume | Sort::Function | Sort::Model => "RESOURCE",
        }
    }

    /// 404 for one that is not there. The words: databricks/cli testserver, `MapGetUC`.
    pub fn missing(self, full: &str) -> ApiError {
        let message = format!("{} '{full}' does not exist.", self.noun());
        ApiError::new(404, &format!("{}_DOES_NOT_EXIST", self.code()), message)
    }

    /// Refuses a name that is taken. The words: databricks/cli#2889. That it is 400 is unverified.
    pub fn exists(self, name: &str) -> ApiError {
        let message = format!("{} '{name}' already exists", self.noun());
        ApiError::new(400, &format!("{}_ALREADY_EXISTS", self.code()), message)
    }

    /// Where the objects that were made are kept.
    pub fn kept(self, state: &DatabricksState) -> &BTreeMap<String, Value> {
        match self {
            Sort::Catalog => &state.catalogs,
            Sort::Schema => &state.schemas,
            Sort::Volume => &state.volume_objects,
            Sort::Table => &state.tables,
            Sort::Function => &state.functions,
            Sort::Model => &state.registered_models,
            Sort::Location => &state.external_locations,
            Sort::Credential => &state.storage_credentials,
        }
    }

    pub fn kept_mut(self, state: &mut DatabricksState) -> &mut BTreeMap<String, Value> {
        match self {
            Sort::Catalog => &mut state.catalogs,
            Sort::Schema => &mut state.schemas,
            Sort::Volume => &mut state.volume_objects,
            Sort::Table => &mut state.tables,
            Sort::Function => &mut state.functions,
            Sort::Model => &mut state.registered_models,
            Sort::Location => &mut state.external_locations,
            Sort::Credential => &mut state.storage_credentials,
        }
    }
}

/// The object of that name: one that was made, or one of the platform's.
pub fn find(store: &Store, sort: Sort, full: &str) -> Option<Value> {
    let full = full.to_lowercase();
    let made = sort.kept(&store.databricks).get(&full).cloned();
    made.or_else(|| platform::object(&store.databricks, sort, &full))
}

/// The same, or why it is not there.
pub fn get(store: &Store, sort: Sort, full: &str) -> Result<Value, ApiError> {
    find(store, sort, full).ok_or_else(|| sort.missing(full))
}

/// All objects of a sort by their full names, the platform's among them.
pub fn all(store: &Store, sort: Sort) -> BTreeMap<String, Value> {
    let mut all = platform::all(&store.databricks, sort);
    all.extend(sort.kept(&store.databricks).clone());
    all
}

/// Whether there may be such an object: it is there, or nothing is known of where it would be. A volume of a schema that nobody
/// made is there when it is named, and so is a schema of a catalog that nobody made, unless the settings say otherwise.
pub fn may_be(store: &Store, sort: Sort, full: &str) -> bool {
    if find(store, sort, full).is_some() {
        return true;
    }
    let above = full.rsplit_once('.').map_or("", |(above, _)| above).to_lowercase();
    let is_known = |sort: Sort| {
        sort.kept(&store.databricks).contains_key(&above) && platform::object(&store.databricks, sort, &above).is_none()
    };
    store.settings.volumes_by_name
        && match sort {
            Sort::Volume => !is_known(Sort::Schema),
            Sort::Schema => !is_known(Sort::Catalog),
            Sort::Catalog => true,
            _ => false,
        }
}

/// Fills in who made an object, when, and where.
pub fn made(store: &Store, request: &Request, object: &mut Map<String, Value>) {
    let own = json!({
        "owner": request.user, "metastore_id": platform::METASTORE_ID, "created_at": store.now(), "created_by": request.user,
        "updated_at": store.now(), "updated_by": request.user,
    });
    object.extend(own.as_object().cloned().unwrap_or_default());
}

/// Says who changed an object, and when.
pub fn changed(store: &Store, request: &Request, object: &mut Map<String, Value>) {
    object.insert("updated_at".to_owned(), json!(store.now()));
    object.insert("updated_by".to_owned(), json!(request.user));
}

/// A new id in the form that Unity Catalog gives.
pub fn uuid(store: &mut Store) -> String {
    let serial = store.serial();
    let (a, b) = (Store::scrambled(serial), Store::scrambled(!serial));
    format!("{}-{}-4{}-8{}-{}", &a[..8], &a[8..12], &a[13..], &b[1..4], &b[4..])
}

/// Takes an object away, with its grants.
pub fn remove(store: &mut Store, sort: Sort, full: &str) {
    let state = &mut store.databricks;
    sort.kept_mut(state).remove(full);
    let key = format!("{} {full}", sort.name());
    state.grants.remove(&key);
    state.late_grants.remove(&key);
    if platform::object(state, sort, full).is_some() {
        state.platform_deleted.insert(key);
    }
}

/// Gives an object another full name; its grants go with it.
pub fn rename(state: &mut DatabricksState, sort: Sort, from: &str, to: &str) {
    if let Some(object) = sort.kept_mut(state).remove(from) {
        sort.kept_mut(state).insert(to.to_owned(), object);
    }
    if let Some(held) = state.grants.remove(&format!("{} {from}", sort.name())) {
        state.grants.insert(format!("{} {to}", sort.name()), held);
    }
    state.late_grants.remove(&format!("{} {from}", sort.name()));
}

/// The full names of what is kept directly in a catalog or schema.
pub fn inside(store: &Store, sort: Sort, above: &str) -> Vec<String> {
    let prefix = format!("{above}.");
    let all = sort.kept(&store.databricks).keys();
    all.filter(|full| full.starts_with(&prefix)).cloned().collect()
}
