//! Unity Catalog, API 2.1: catalogs, schemas, volumes, tables, functions, models, external locations, storage credentials and
//! grants.
//!
//! Members are those of databricks-sdk-py 0.162.0 (`service/catalog.py`); what else real answers have is said where it is filled
//! in. Names are kept in small letters, as the service does (databricks/cli testserver, schemas.go and volumes.go; for external
//! locations an answer in databrickslabs/ucx#2270). There are no rights: whoever asks may do everything.

mod catalogs;
mod credentials;
pub mod grants;
mod locations;
mod objects;
mod platform;
mod schemas;
pub mod seed;
mod tables;
#[cfg(test)]
mod tests;
mod volumes;

use super::{fields, paging};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use objects::Sort;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Takes the datasets of a pipeline away: the tables that have its id.
pub fn pipeline_gone(store: &mut Store, id: &str) {
    let is_of_it = |(_, table): &(&String, &Value)| table["pipeline_id"] == id;
    let names: Vec<String> = store.databricks.tables.iter().filter(is_of_it).map(|(full, _)| full.clone()).collect();
    names.iter().for_each(|full| objects::remove(store, Sort::Table, full));
}

/// Answers `unity-catalog/…`.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    match rest {
        ["catalogs", rest @ ..] => catalogs::handle(store, request, rest),
        ["schemas", rest @ ..] => schemas::handle(store, request, rest),
        ["volumes", rest @ ..] => volumes::handle(store, request, rest),
        ["tables", rest @ ..] => tables::handle(store, request, Sort::Table, rest),
        ["functions", rest @ ..] => tables::handle(store, request, Sort::Function, rest),
        ["models", rest @ ..] => tables::handle(store, request, Sort::Model, rest),
        ["external-locations", rest @ ..] => locations::handle(store, request, rest),
        ["storage-credentials", rest @ ..] => credentials::handle(store, request, rest),
        ["metastore_summary"] if request.method == "GET" => Some(Ok(platform::metastore(store))),
        ["current-metastore-assignment"] if request.method == "GET" => Some(Ok(json!({
            "metastore_id": platform::METASTORE_ID, "default_catalog_name": "main",
            "workspace_id": store.settings.workspace_id,
        }))),
        [what, kind, name] => grants::handle(store, request, what, kind, name),
        _ => None,
    }
}

/// Why a path below `/Volumes` is in no volume: its schema was made here, and has no such volume.
///
/// Elsewhere a volume is there when it is named. Most tests and demos keep code or logs in one that nobody made.
pub fn no_volume(store: &Store, path: &str) -> Option<ApiError> {
    let names: Vec<&str> = path.trim_start_matches("/Volumes/").split('/').take(3).collect();
    let full = names.join(".").to_lowercase();
    (names.len() == 3 && !objects::may_be(store, Sort::Volume, &full)).then(|| Sort::Volume.missing(&full))
}

/// Members that only the service says.
const OWN: [&str; 20] = [
    "browse_only",
    "catalog_name",
    "catalog_type",
    "created_at",
    "created_by",
    "credential_id",
    "full_name",
    "id",
    "metastore_id",
    "name",
    "schema_id",
    "schema_name",
    "securable_kind",
    "securable_type",
    "storage_location",
    "storage_root",
    "updated_at",
    "updated_by",
    "volume_id",
    "volume_type",
];

/// What a request's body says: the members that `known` names, each of its type. Others are dropped without a word, unless the
/// workspace is newer than this emulator and keeps them.
fn body(store: &Store, request: &Request, known: &[(&str, &str)]) -> Result<Map<String, Value>, ApiError> {
    let mut members = request.object()?;
    members.retain(|name, value| {
        let is_known = known.iter().any(|(member, _)| member == name);
        !value.is_null() && (is_known || (store.settings.keeps_unknown && !OWN.contains(&name.as_str())))
    });
    for (name, of) in known {
        if let Some(value) = members.get_mut(*name) {
            fields::member(value, of, name)?;
        }
    }
    Ok(members)
}

/// Refuses a change of nothing. An empty map counts as none, so that no call takes the last property away; an empty comment is
/// a comment (databricks/cli testserver of 2026-09, `parseUCUpdate`; its pull request 6792 for a real workspace).
fn something(members: &Map<String, Value>, call: &str) -> Result<(), ApiError> {
    let says = |value: &Value| !value.as_object().is_some_and(Map::is_empty);
    // How to do it is not a change.
    let mut said = members.iter().filter(|(name, _)| !["force", "skip_validation"].contains(&name.as_str()));
    if said.any(|(_, value)| says(value)) {
        return Ok(());
    }
    Err(ApiError::invalid(format!("{call} Nothing to update.")))
}

/// A member that a creating call must have.
fn needed(members: &Map<String, Value>, call: &str, name: &str) -> Result<String, ApiError> {
    // The words: databricks/cli testserver, external_locations.go; Terraform provider, resource_volume.go.
    let missing = || ApiError::invalid(format!("{call} Missing required field: {name}"));
    members.get(name).and_then(Value::as_str).filter(|v| !v.is_empty()).map(str::to_owned).ok_or_else(missing)
}

/// A name that an object may have, in small letters.
fn valid_name(name: &str, call: &str, of: &str) -> Result<String, ApiError> {
    let odd = |c: char| c == ' ' || c == '.' || c == '/' || c.is_control();
    if name.is_empty() || name.contains(odd) || name.chars().count() > 255 {
        // The words of a real answer to CreateCatalog (databricks/cli testserver, catalogs.go).
        return Err(ApiError::invalid(format!(
            "Invalid input: RPC {call} Field managedcatalog.{of}.name: name \"{name}\" is not a valid name. Valid names cannot \
             contain spaces, periods, forward slashes, or control characters."
        )));
    }
    Ok(name.to_lowercase())
}

/// A listing, or a page of it: of `all` in the order of their names, those that the call's `max_results` and token want.
///
/// Without `max_results` schemas come whole, volumes in pages of the workspace's size (SDK, `SchemasAPI.list`, `VolumesAPI.list`).
fn listing(
    store: &mut Store,
    request: &Request,
    member: &str,
    all: Vec<(String, Value)>,
    is_always_paged: bool,
) -> Handled {
    let asked = request.number("max_results")?;
    if asked.is_some_and(|n| n < 0) {
        return Err(ApiError::invalid(format!(
            "Invalid max_results: {}. It must not be negative.",
            asked.unwrap_or(-1)
        )));
    }
    let token = request.param("page_token").filter(|token| !token.is_empty());
    let hidden = paging::unlisted(store, member, token.is_none());
    let mut all: Vec<(String, Value)> = all.into_iter().filter(|(name, _)| !hidden.contains(name)).collect();
    let is_paged = asked.is_some() || token.is_some() || is_always_paged;
    if !is_paged {
        return Ok(paging::listing(member, all.into_iter().map(|(_, shown)| shown).collect()).into());
    }
    let size = page_size(store, asked);
    let after = token.as_deref().map(|token| opened(member, token)).transpose()?;
    if let Some(after) = &after {
        all.retain(|(name, _)| name > after);
    } else if store.settings.empty_first_page && !all.is_empty() {
        // A page may have nothing and name a next one (SDK, `SchemasAPI.list`: "PAGINATION BEHAVIOR").
        return Ok(json!({ "next_page_token": sealed(member, "") }));
    }
    let more = all.len() > size;
    all.truncate(size);
    let next = all.last().filter(|_| more).map(|(name, _)| sealed(member, name));
    let mut answer = paging::listing(member, all.into_iter().map(|(_, shown)| shown).collect());
    if let Some(next) = next {
        answer.insert("next_page_token".to_owned(), json!(next));
    }
    Ok(answer.into())
}

/// How long a page is: what is asked for, at most what the workspace has set.
fn page_size(store: &Store, asked: Option<i64>) -> usize {
    let most = usize::try_from(store.settings.catalog_page_size).unwrap_or(usize::MAX).max(1);
    asked.filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok()).map_or(most, |n| n.min(most))
}

fn sealed(member: &str, after: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{member}:{after}"))
}

fn opened(member: &str, token: &str) -> Result<String, ApiError> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let after = text.as_deref().and_then(|text| text.strip_prefix(member)?.strip_prefix(':')).map(str::to_owned);
    after.ok_or_else(|| ApiError::invalid(format!("Invalid page token: {token}")))
}

/// The grants of an object, or a page of them: pages hold privileges, at least 150, and an entry is never divided (SDK,
/// `GrantsAPI.get` and `GrantsAPI.list`).
fn listing_of(store: &Store, request: &Request, found: BTreeMap<String, Vec<Value>>, is_always_paged: bool) -> Handled {
    const MEMBER: &str = "privilege_assignments";
    let name = if is_always_paged { "page_size" } else { "max_results" };
    let asked = request.number(name)?;
    if asked.is_some_and(|n| n < 0 || (n > 0 && n < 150)) {
        return Err(ApiError::invalid(format!(
            "Invalid {name}: {}. It must be 0, or at least 150.",
            asked.unwrap_or_default()
        )));
    }
    let token = request.param("page_token").filter(|token| !token.is_empty());
    if asked.is_none() && token.is_none() && !is_always_paged {
        return Ok(paging::listing(MEMBER, grants::assignments(found)).into());
    }
    let after = token.as_deref().map(|token| opened(MEMBER, token)).transpose()?;
    if after.is_none() && store.settings.empty_first_page && !found.is_empty() {
        return Ok(json!({ "next_page_token": sealed(MEMBER, "") }));
    }
    let size = page_size(store, asked);
    let (mut taken, mut count, mut next) = (BTreeMap::new(), 0, None);
    for (who, privileges) in found.into_iter().filter(|(who, _)| after.as_ref().is_none_or(|after| who > after)) {
        if count > 0 && count + privileges.len() > size {
            next = taken.keys().next_back().map(|last: &String| sealed(MEMBER, last));
            break;
        }
        count += privileges.len();
        taken.insert(who, privileges);
    }
    let mut answer = paging::listing(MEMBER, grants::assignments(taken));
    if let Some(next) = next {
        answer.insert("next_page_token".to_owned(), json!(next));
    }
    Ok(answer.into())
}
