//! A folder of the workspace: the Workspace API, and the endpoint by which databricks/cli writes files
//! (libs/filer/workspace_files_client.go). It takes raw bytes, 500 MB of them (databricks/cli, pull requests 879 and 1795), where
//! `workspace/import` takes 10 MB of base64; and it makes a notebook of what is one by its name and its first line, and leaves its extension off.

use super::{StoredEntry, StoredSort, odd};
use plumb_core::code::{CodeForm, CodeReader, NotebookFormat, bare_path};
use plumb_model::call::{Call, Method, Service, ServiceError, System};
use plumb_model::text::percent_encoded;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn post(verb: &str, body: Value) -> Call {
    Call::set(System::Databricks, Method::Post, format!("/api/2.0/workspace/{verb}"), body)
}

pub(super) async fn list(service: &dyn Service, path: &str) -> Result<Option<Vec<StoredEntry>>, ServiceError> {
    let call = Call::get(System::Databricks, "/api/2.0/workspace/list").query("path", path);
    let body = service.send(&call).await?.body;
    // An empty folder is answered by an object without the list.
    let objects = match body.get("objects") {
        _ if !body.is_object() => return Err(odd(&call, "the answer is no object, so it is no listing")),
        None | Some(Value::Null) => return Ok(Some(Vec::new())),
        Some(Value::Array(objects)) => objects,
        Some(_) => return Err(odd(&call, "`objects` is no list")),
    };
    let mut entries = Vec::new();
    for object in objects {
        let at = object["path"].as_str().ok_or_else(|| odd(&call, "an object has no path"))?;
        // What is no folder is listed as itself.
        if bare_path(at) == bare_path(path) {
            return Ok(None);
        }
        let sort = object["object_type"].as_str().map(|sort| match sort {
            "DIRECTORY" => StoredSort::Folder,
            "NOTEBOOK" => StoredSort::Notebook,
            "FILE" => StoredSort::File,
            _ => StoredSort::Other,
        });
        entries.push(StoredEntry {
            name: at.rsplit('/').next().unwrap_or_default().to_owned(),
            sort,
            bytes: object["size"].as_u64().filter(|_| sort == Some(StoredSort::File)),
            modified: object["modified_at"].as_i64(),
        });
    }
    Ok(Some(entries))
}

pub(super) fn make_folder(path: &str) -> Call {
    post("mkdirs", json!({ "path": path }))
}

pub(super) fn write(path: &str) -> Call {
    let file = percent_encoded(path.trim_start_matches('/'));
    let path = format!("/api/2.0/workspace-files/import-file/{file}");
    let call = Call::get(System::Databricks, path).query("overwrite", "true");
    Call { method: Method::Post, ..call }
}

/// Larger files than 10 MB were refused in 2025, with `direct_download` too (databricks/cli, issue 3691), and are said to be given
/// since (bundle/deploy/filer.go): [`too_large_to_read`](super::too_large_to_read) tells the refusal.
pub(super) fn read(path: &str, form: CodeForm) -> Call {
    let format = match form {
        CodeForm::Notebook(NotebookFormat::Jupyter) => "JUPYTER",
        CodeForm::Notebook(_) => "SOURCE",
        CodeForm::File | CodeForm::Archive => "AUTO",
    };
    Call::get(System::Databricks, "/api/2.0/workspace/export")
        .query("path", path)
        .query("format", format)
        .query("direct_download", "true")
}

pub(super) fn delete(path: &str) -> Call {
    post("delete", json!({ "path": path, "recursive": true })).gone_is_done()
}

/// Everybody manages what is shared, and everybody what he made (learn.microsoft.com: "Share workspace objects using folders").
/// Elsewhere it takes CAN_READ on the folder, which holds below it, and no right on those above (docs.databricks.com: "Access
/// control lists"). PATCH adds it and leaves the others theirs, where PUT would replace them (Permissions API; databricks/cli,
/// libs/testserver/permissions.go).
pub(super) async fn grant(
    service: &dyn Service,
    path: &str,
    readers: &BTreeSet<CodeReader>,
) -> Result<(), ServiceError> {
    if bare_path(path).starts_with("/Shared/") {
        return Ok(());
    }
    // Who wrote the folder manages it, and must not end up as its reader.
    let me = crate::services::me(service).await?;
    let entries: Vec<Value> = readers.iter().filter(|reader| super::name_of(reader) != me).map(entry).collect();
    if entries.is_empty() {
        return Ok(());
    }
    let look = Call::get(System::Databricks, "/api/2.0/workspace/get-status").query("path", path);
    let id = match &service.send(&look).await?.body["object_id"] {
        Value::Number(id) => id.to_string(),
        Value::String(id) if !id.is_empty() => id.clone(),
        _ => return Err(odd(&look, "the answer has no `object_id`")),
    };
    let at = format!("/api/2.0/permissions/directories/{}", percent_encoded(&id));
    let body = json!({ "access_control_list": entries });
    service.send(&Call::set(System::Databricks, Method::Patch, at, body)).await.map(drop)
}

fn entry(reader: &CodeReader) -> Value {
    match reader {
        CodeReader::User(name) => json!({ "user_name": name, "permission_level": "CAN_READ" }),
        CodeReader::ServicePrincipal(id) => json!({ "service_principal_name": id, "permission_level": "CAN_READ" }),
    }
}
