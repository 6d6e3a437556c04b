//! A folder of a volume: the Files API, and the grants of Unity Catalog (databricks-sdk-py, `files` and `grants`).

use super::{Granted, StoredEntry, StoredSort, WIDTH, each, encoded, gone_is_done, name_of, odd};
use crate::services;
use plumb_core::code::CodeReader;
use plumb_model::call::{Call, Method, Service, ServiceError, System};
use plumb_model::read::Read;
use plumb_model::text::percent_encoded;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

fn folder(method: Method, path: &str) -> Call {
    let at = format!("/api/2.0/fs/directories{}", encoded(path));
    Call { method, ..Call::get(System::Databricks, at) }
}

fn file(method: Method, path: &str) -> Call {
    Call { method, ..Call::get(System::Databricks, format!("/api/2.0/fs/files{}", encoded(path))) }
}

pub(super) async fn list(service: &dyn Service, path: &str) -> Result<Option<Vec<StoredEntry>>, ServiceError> {
    let call = folder(Method::Get, path);
    let mut entries = Vec::new();
    for page in services::read(service, &Read::tokens(call.clone())).await? {
        let contents = match page.get("contents") {
            None | Some(Value::Null) => continue,
            Some(Value::Array(contents)) => contents,
            Some(_) => return Err(odd(&call, "`contents` is no list")),
        };
        for one in contents {
            let at = one["path"].as_str().or(one["name"].as_str());
            let at = at.ok_or_else(|| odd(&call, "an entry has no path"))?.trim_end_matches('/');
            let sort = one["is_directory"].as_bool();
            let sort = sort.map(|is_folder| if is_folder { StoredSort::Folder } else { StoredSort::File });
            entries.push(StoredEntry {
                name: at.rsplit('/').next().unwrap_or_default().to_owned(),
                sort,
                bytes: one["file_size"].as_u64().filter(|_| sort == Some(StoredSort::File)),
                // Folders have none that says anything.
                modified: one["last_modified"].as_i64().filter(|_| sort != Some(StoredSort::Folder)),
            });
        }
    }
    Ok(Some(entries))
}

pub(super) fn make_folder(path: &str) -> Call {
    folder(Method::Put, path)
}

pub(super) fn write(path: &str) -> Call {
    file(Method::Put, path).query("overwrite", "true")
}

pub(super) fn read(path: &str) -> Call {
    file(Method::Get, path)
}

pub(super) fn delete_file(path: &str) -> Call {
    file(Method::Delete, path).gone_is_done()
}

/// Folders are deleted when they are empty. One that has no object of its own in the store goes with the last of its files
/// (databricks/cli, libs/filer/files_client.go): what is gone is done.
pub(super) async fn delete_folder(service: &Arc<dyn Service>, path: &str) -> Result<(), ServiceError> {
    let (mut open, mut folders, mut files) = (vec![path.to_owned()], Vec::new(), Vec::new());
    while let Some(at) = open.pop() {
        let entries = match list(&**service, &at).await {
            Err(fault) if fault.is_gone() => None,
            listed => listed?,
        };
        for entry in entries.into_iter().flatten() {
            let below = format!("{at}/{}", entry.name);
            if entry.sort == Some(StoredSort::Folder) { open.push(below) } else { files.push(below) }
        }
        folders.push(at);
    }
    let delete = |path: String| {
        let service = service.clone();
        async move { gone_is_done(service.send(&delete_file(&path)).await.map(drop)) }
    };
    each(files, WIDTH, delete).await?;
    // A folder was found after the one that it is in.
    for path in folders.iter().rev() {
        gone_is_done(service.send(&folder(Method::Delete, path).gone_is_done()).await.map(drop))?;
    }
    Ok(())
}

/// Catalog, schema and volume of a path.
fn names(path: &str) -> Vec<&str> {
    path.trim_start_matches("/Volumes/").split('/').take(3).collect()
}

pub(super) async fn grant(
    service: &dyn Service,
    path: &str,
    readers: &BTreeSet<CodeReader>,
) -> Result<Granted, ServiceError> {
    let names = names(path);
    let volume = names.join(".");
    // Granting takes more rights than writing: it is left out where it is known to be needless.
    let mut lacking = Vec::new();
    for reader in readers {
        let held = privileges(service, "volume", &volume, name_of(reader)).await;
        if !held.is_ok_and(|held| has(&held, "READ_VOLUME")) {
            lacking.push(name_of(reader));
        }
    }
    if !lacking.is_empty() {
        let changes: Vec<Value> =
            lacking.iter().map(|name| json!({ "principal": name, "add": ["READ_VOLUME"] })).collect();
        let at = format!("/api/2.1/unity-catalog/permissions/volume/{}", percent_encoded(&volume));
        let call = Call::set(System::Databricks, Method::Patch, at, json!({ "changes": changes }));
        service.send(&call).await?;
    }
    let mut open = Vec::new();
    for name in lacking {
        let schema = names.iter().take(2).copied().collect::<Vec<_>>().join(".");
        let above =
            [("catalog", names.first().copied().unwrap_or_default(), "USE_CATALOG"), ("schema", &schema, "USE_SCHEMA")];
        for (sort, full, needed) in above {
            match privileges(service, sort, full, name).await {
                Ok(held) if has(&held, needed) => {}
                // Owners are not listed, so it is not certain.
                Ok(_) => {
                    open.push(format!("{name} may lack {needed} on the {sort} {full}, and then cannot read the code"))
                }
                Err(fault) => {
                    open.push(format!("whether {name} has {needed} on the {sort} {full} cannot be read: {fault}"))
                }
            }
        }
    }
    Ok((!open.is_empty()).then(|| open.join("; ")))
}

fn has(held: &BTreeSet<String>, needed: &str) -> bool {
    held.contains(needed) || held.contains("ALL_PRIVILEGES")
}

/// What somebody may do, by grants to them and to their groups, there and above.
async fn privileges(
    service: &dyn Service,
    sort: &str,
    full: &str,
    who: &str,
) -> Result<BTreeSet<String>, ServiceError> {
    let at = format!("/api/2.1/unity-catalog/effective-permissions/{sort}/{}", percent_encoded(full));
    let read = Read::tokens(Call::get(System::Databricks, at).query("principal", who));
    let pages = services::read(service, &read).await?;
    let assigned = pages.iter().filter_map(|page| page["privilege_assignments"].as_array()).flatten();
    let held = assigned.filter_map(|one| one["privileges"].as_array()).flatten();
    Ok(held.filter_map(|one| one["privilege"].as_str()).map(str::to_owned).collect())
}
