//! Storage credentials: list, get, create and delete. One is there from the start, `default`, so that a location has something
//! to name.

use super::{
    body,
    catalogs::forget_empty,
    listing, needed,
    objects::{self, Sort},
    platform, valid_name,
};
use crate::{
    databricks::paging,
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Value, json};

/// What a credential may be; it has exactly one of them.
const MEANS: [&str; 5] = [
    "aws_iam_role",
    "azure_managed_identity",
    "azure_service_principal",
    "cloudflare_api_token",
    "databricks_gcp_service_account",
];

/// The members of `CreateStorageCredential`.
const CREATE: [(&str, &str); 9] = [
    ("aws_iam_role", "object"),
    ("azure_managed_identity", "object"),
    ("azure_service_principal", "object"),
    ("cloudflare_api_token", "object"),
    ("comment", "text"),
    ("databricks_gcp_service_account", "object"),
    ("name", "text"),
    ("read_only", "bool"),
    ("skip_validation", "bool"),
];

/// Answers `storage-credentials` and `storage-credentials/NAME`.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => {
            let all = objects::all(store, Sort::Credential).into_iter().collect();
            listing(store, request, "storage_credentials", all, false)
        }
        ("POST", []) => create(store, request),
        ("GET", [name]) => objects::get(store, Sort::Credential, name),
        ("DELETE", [name]) => delete(store, request, &name.to_lowercase()),
        _ => return None,
    })
}

fn create(store: &mut Store, request: &Request) -> Handled {
    const CALL: &str = "CreateStorageCredential";
    let mut credential = body(store, request, &CREATE)?;
    credential.remove("skip_validation");
    let name = valid_name(&needed(&credential, CALL, "name")?, CALL, "StorageCredentialInfo")?;
    if objects::find(store, Sort::Credential, &name).is_some() {
        return Err(Sort::Credential.exists(&name));
    }
    if MEANS.iter().filter(|means| credential.contains_key(**means)).count() != 1 {
        return Err(ApiError::invalid(format!("{CALL} exactly one of {} must be given.", MEANS.join(", "))));
    }
    let id = objects::uuid(store);
    if let Some(role) = credential.get_mut("aws_iam_role").filter(|role| role.is_object()) {
        role["external_id"] = json!(id);
        role["unity_catalog_iam_arn"] = json!(platform::UNITY_CATALOG_ROLE);
    }
    // Secrets are not read back.
    for (means, secret) in [("azure_service_principal", "client_secret"), ("cloudflare_api_token", "secret_access_key")]
    {
        if let Some(map) = credential.get_mut(means).and_then(Value::as_object_mut) {
            map.remove(secret);
        }
    }
    objects::made(store, request, &mut credential);
    let own = json!({
        "name": name, "full_name": name, "id": id, "isolation_mode": "ISOLATION_MODE_OPEN", "used_for_managed_storage": false,
        "read_only": credential.get("read_only").and_then(Value::as_bool).unwrap_or(false),
    });
    credential.extend(own.as_object().cloned().unwrap_or_default());
    forget_empty(&mut credential);
    let shown = Value::Object(credential);
    store.databricks.storage_credentials.insert(name.clone(), shown.clone());
    paging::created(store, "storage_credentials", &name);
    Ok(shown)
}

fn delete(store: &mut Store, request: &Request, name: &str) -> Handled {
    objects::get(store, Sort::Credential, name)?;
    let locations = store.databricks.external_locations.values().filter(|one| one["credential_name"] == name).count();
    if locations > 0 && !request.flag("force") {
        // The words: Terraform provider#4000. The code is unverified.
        return Err(ApiError::state(format!(
            "Storage credential '{name}' has 0 directly dependent external table(s) and {locations} dependent storage \
             location(s). You may use force option to delete it but the managed storage data using this storage credential \
             cannot be purged by Unity Catalog anymore."
        )));
    }
    objects::remove(store, Sort::Credential, name);
    Ok(json!({}))
}
