//! Volumes as objects. Their files are those of the Files API, [`crate::databricks::volumes`].

use super::{
    body,
    catalogs::forget_empty,
    listing, locations, needed,
    objects::{self, Sort},
    schemas, something, valid_name,
};
use crate::{
    databricks::{paging, text},
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Value, json};

/// The members of `CreateVolumeRequestContent`.
const CREATE: [(&str, &str); 6] = [
    ("catalog_name", "text"),
    ("comment", "text"),
    ("name", "text"),
    ("schema_name", "text"),
    ("storage_location", "text"),
    ("volume_type", "text"),
];

/// Those of `UpdateVolumeRequestContent`.
const UPDATE: [(&str, &str); 3] = [("comment", "text"), ("new_name", "text"), ("owner", "text")];

/// Answers `volumes` and `volumes/FULL_NAME`.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => list(store, request),
        ("POST", []) => create(store, request),
        ("GET", [full]) => objects::get(store, Sort::Volume, full),
        ("PATCH", [full]) => update(store, request, &full.to_lowercase()),
        ("DELETE", [full]) => {
            let full = full.to_lowercase();
            objects::get(store, Sort::Volume, &full).map(|_| remove(store, &full)).map(|()| json!({}))
        }
        _ => return None,
    })
}

fn list(store: &mut Store, request: &Request) -> Handled {
    let schema = schemas::listed(store, request)?;
    let kept = &store.databricks.volume_objects;
    let all = objects::inside(store, Sort::Volume, &schema).into_iter();
    let all = all.filter_map(|full| kept.get(&full).cloned().map(|shown| (full, shown))).collect();
    listing(store, request, "volumes", all, true)
}

fn create(store: &mut Store, request: &Request) -> Handled {
    const CALL: &str = "CreateVolume";
    let mut volume = body(store, request, &CREATE)?;
    let name = valid_name(&needed(&volume, CALL, "name")?, CALL, "VolumeInfo")?;
    let schema = schemas::writable_schema(store, &volume, CALL, "CREATE VOLUME")?;
    // A type that there is not is answered like none (Terraform provider, resource_volume.go).
    let is_external = match volume.get("volume_type").and_then(Value::as_str) {
        Some("EXTERNAL") => true,
        Some("MANAGED") => false,
        _ => return Err(ApiError::invalid(format!("{CALL} Missing required field: volume_type"))),
    };
    let full = format!("{}.{name}", text(&schema, "full_name").unwrap_or_default());
    if objects::find(store, Sort::Volume, &full).is_some() {
        return Err(Sort::Volume.exists(&name));
    }
    let id = objects::uuid(store);
    let location = if is_external {
        let url = locations::plain(&needed(&volume, CALL, "storage_location")?);
        locations::covered(store, &url)?;
        locations::free(store, &url, CALL)?;
        url
    } else if volume.contains_key("storage_location") {
        // The words: databricks/cli testserver, volumes.go.
        return Err(ApiError::invalid(format!("{CALL} storage_location can not be provided.")));
    } else {
        let above = objects::get(store, Sort::Catalog, text(&schema, "catalog_name").unwrap_or_default())?;
        let root = text(&schema, "storage_location").or_else(|| text(&above, "storage_location"));
        format!("{}/volumes/{id}", root.unwrap_or(super::platform::ROOT))
    };
    objects::made(store, request, &mut volume);
    let own = json!({
        "name": name, "catalog_name": schema["catalog_name"], "schema_name": schema["name"], "full_name": full,
        "volume_id": id, "storage_location": location,
    });
    volume.extend(own.as_object().cloned().unwrap_or_default());
    forget_empty(&mut volume);
    let shown = Value::Object(volume);
    store.databricks.volume_objects.insert(full.clone(), shown.clone());
    paging::created(store, "volumes", &full);
    Ok(shown)
}

fn update(store: &mut Store, request: &Request, full: &str) -> Handled {
    const CALL: &str = "UpdateVolume";
    let mut volume = objects::get(store, Sort::Volume, full)?.as_object().cloned().unwrap_or_default();
    let mut members = body(store, request, &UPDATE)?;
    something(&members, CALL)?;
    let new_name = members.remove("new_name").as_ref().and_then(Value::as_str).map(str::to_owned);
    let new_name = new_name.map(|name| valid_name(&name, CALL, "VolumeInfo")).transpose()?;
    let schema = full.rsplit_once('.').map_or("", |(schema, _)| schema);
    let to = new_name.as_ref().map(|name| format!("{schema}.{name}")).filter(|to| to != full);
    if let (Some(name), Some(to)) = (&new_name, &to)
        && objects::find(store, Sort::Volume, to).is_some()
    {
        return Err(Sort::Volume.exists(name));
    }
    let comment = members.get("comment").cloned();
    volume.extend(members);
    forget_empty(&mut volume);
    if let Some(comment) = comment {
        // A comment that was taken away is shown as an empty one (databricks/cli testserver of 2026-09, volumes.go).
        volume.insert("comment".to_owned(), comment);
    }
    objects::changed(store, request, &mut volume);
    if let (Some(name), Some(to)) = (new_name, to) {
        volume.insert("name".to_owned(), json!(name));
        volume.insert("full_name".to_owned(), json!(to));
        objects::rename(&mut store.databricks, Sort::Volume, full, &to);
        let now = store.now();
        moved(store, full, &to, now);
        store.databricks.volume_objects.insert(to, volume.clone().into());
    } else {
        store.databricks.volume_objects.insert(full.to_owned(), volume.clone().into());
    }
    Ok(volume.into())
}

/// Takes a volume away. The files of a managed one go with it, those of an external one stay where they are: a volume that is
/// made there again has them.
pub fn remove(store: &mut Store, full: &str) {
    let volume = store.databricks.volume_objects.get(full);
    if volume.is_some_and(|volume| volume["volume_type"] == "MANAGED") {
        let mut gone = folder(full);
        let files = &mut store.databricks.volumes;
        files.remove(&gone);
        // Nor do the folders stay in which no other volume has files.
        while let Some((above, _)) = gone.rsplit_once('/').filter(|(above, _)| !above.is_empty()) {
            if !files.inside(above).is_empty() {
                break;
            }
            files.remove(above);
            gone = above.to_owned();
        }
    }
    objects::remove(store, Sort::Volume, full);
}

/// The folder of a volume or of a schema in the Files API.
fn folder(full: &str) -> String {
    format!("/Volumes/{}", full.replace('.', "/"))
}

/// Takes the files of a volume or schema to its new name.
pub fn moved(store: &mut Store, from: &str, to: &str, now: i64) {
    let (from, to) = (folder(from), folder(to));
    if store.databricks.volumes.get(&from).is_some() {
        // Nothing can be in the way: files are only where volumes are, and the new name was free.
        let _ = store.databricks.volumes.rename(&from, &to, now);
    }
}
