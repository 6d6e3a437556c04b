//! What is there before anybody makes anything: the catalogs `main`, `samples` and `system` with their schemas, an
//! `information_schema` in every catalog, and the storage credential `default`.
//!
//! They are kept in the state only once somebody changes them. Their members are those of a real answer: owners, types and
//! comments of `samples`, `system` and `information_schema` as `databricks unity-catalog schemas list` printed them in 2026.

use super::{super::DatabricksState, objects::Sort};
use crate::store::Store;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The metastore of the workspace.
pub const METASTORE_ID: &str = "5a7db0c5-0000-4000-8000-000000000001";
/// Its name.
pub const METASTORE: &str = "metastore_sandbox";
/// Where managed volumes are, whose schema and catalog have no place of their own.
pub const ROOT: &str = "s3://metastore-sandbox/5a7db0c5-0000-4000-8000-000000000001";
/// The schema of the platform that every catalog has.
pub const INFORMATION: &str = "information_schema";

/// Who owns what is the platform's.
const SYSTEM: &str = "System user";
/// When it was made.
const BEGINNING: i64 = 1_700_000_000_000;

const CATALOGS: [&str; 3] = ["main", "samples", "system"];
const SCHEMAS: [&str; 8] = [
    "main.default",
    "samples.nyctaxi",
    "samples.tpch",
    "system.access",
    "system.billing",
    "system.compute",
    "system.lakeflow",
    "system.query",
];

/// Answers `metastore_summary`.
pub fn metastore(store: &Store) -> Value {
    json!({
        "metastore_id": METASTORE_ID, "name": METASTORE, "cloud": "aws", "region": "us-east-1", "owner": SYSTEM,
        "global_metastore_id": format!("aws:us-east-1:{METASTORE_ID}"), "created_at": BEGINNING, "updated_at": BEGINNING,
        "privilege_model_version": "1.0", "storage_root": ROOT, "delta_sharing_scope": "INTERNAL",
        "external_access_enabled": false, "workspace_id": store.settings.workspace_id,
    })
}

/// Whether a catalog is the platform's own, in which nobody makes anything.
pub fn is_read_only(catalog: &str) -> bool {
    ["samples", "system"].contains(&catalog)
}

/// The platform's object of that name, unless somebody deleted it.
pub fn object(state: &DatabricksState, sort: Sort, full: &str) -> Option<Value> {
    if state.platform_deleted.contains(&format!("{} {full}", sort.name())) {
        return None;
    }
    match sort {
        Sort::Catalog if CATALOGS.contains(&full) => Some(catalog(full)),
        Sort::Schema => {
            let (above, name) = full.split_once('.')?;
            let kept = state.catalogs.get(above).cloned();
            let above = kept.or_else(|| object(state, Sort::Catalog, above))?;
            (name == INFORMATION || SCHEMAS.contains(&full)).then(|| schema(&above, full, name))
        }
        Sort::Credential if full == "default" => Some(credential()),
        _ => None,
    }
}

/// All of the platform's objects of a sort.
pub fn all(state: &DatabricksState, sort: Sort) -> BTreeMap<String, Value> {
    let names: Vec<String> = match sort {
        Sort::Catalog => CATALOGS.map(str::to_owned).to_vec(),
        Sort::Schema => {
            let catalogs = CATALOGS.into_iter().chain(state.catalogs.keys().map(String::as_str));
            let own = catalogs.map(|catalog| format!("{catalog}.{INFORMATION}"));
            own.chain(SCHEMAS.map(str::to_owned)).collect()
        }
        Sort::Credential => vec!["default".to_owned()],
        _ => Vec::new(),
    };
    names.into_iter().filter_map(|full| object(state, sort, &full).map(|shown| (full, shown))).collect()
}

fn catalog(name: &str) -> Value {
    let mut shown = json!({
        "name": name, "full_name": name, "owner": SYSTEM, "metastore_id": METASTORE_ID, "catalog_type": "SYSTEM_CATALOG",
        "created_at": BEGINNING, "created_by": SYSTEM, "updated_at": BEGINNING, "updated_by": SYSTEM,
        "isolation_mode": "OPEN", "accessible_in_current_workspace": true, "browse_only": false, "id": id(name),
        "provisioning_info": { "state": "ACTIVE" }, "securable_type": "CATALOG", "securable_kind": "CATALOG_SYSTEM",
        "comment": match name {
            "main" => "Main catalog (auto-created)",
            "samples" => "Sample datasets (auto-created)",
            _ => "System catalog (auto-created)",
        },
    });
    if name == "main"
        && let Some(map) = shown.as_object_mut()
    {
        map.remove("provisioning_info");
        map.insert("catalog_type".to_owned(), json!("MANAGED_CATALOG"));
        map.insert("securable_kind".to_owned(), json!("CATALOG_STANDARD"));
        optimized(map, None);
    }
    shown
}

fn schema(above: &Value, full: &str, name: &str) -> Value {
    let mut shown = json!({
        "name": name, "catalog_name": above["name"], "full_name": full, "owner": SYSTEM, "metastore_id": METASTORE_ID,
        "created_at": BEGINNING, "created_by": SYSTEM, "updated_at": BEGINNING, "updated_by": SYSTEM,
        "catalog_type": above["catalog_type"], "schema_id": id(full), "browse_only": false, "securable_type": "SCHEMA",
        "securable_kind": "SCHEMA_SYSTEM",
    });
    match (name, shown.as_object_mut()) {
        (INFORMATION, _) => shown["comment"] = json!("Information schema (auto-created)"),
        ("default", Some(map)) => {
            map.insert("comment".to_owned(), json!("Default schema (auto-created)"));
            map.insert("securable_kind".to_owned(), json!("SCHEMA_STANDARD"));
            optimized(map, Some(above));
        }
        _ => {}
    }
    shown
}

fn credential() -> Value {
    json!({
        "name": "default", "full_name": "default", "id": id("default"), "owner": SYSTEM, "metastore_id": METASTORE_ID,
        "aws_iam_role": {
            "role_arn": "arn:aws:iam::123456789012:role/unity-catalog", "external_id": id("external id"),
            "unity_catalog_iam_arn": UNITY_CATALOG_ROLE,
        },
        "created_at": BEGINNING, "created_by": SYSTEM, "updated_at": BEGINNING, "updated_by": SYSTEM,
        "isolation_mode": "ISOLATION_MODE_OPEN", "read_only": false, "used_for_managed_storage": false,
    })
}

/// The role of Databricks that takes on those of storage credentials (Terraform provider, `aws_unity_catalog_assume_role_policy`).
pub const UNITY_CATALOG_ROLE: &str = "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-14S5ZJVKOTYTL";

/// Fills in whether predictive optimization is on: the object's own answer, or that of what is above it.
pub fn optimized(object: &mut Map<String, Value>, above: Option<&Value>) {
    let own = object.get("enable_predictive_optimization").and_then(Value::as_str).unwrap_or("INHERIT").to_owned();
    let inherited = above.map(|above| &above["enable_predictive_optimization"]).and_then(Value::as_str);
    let effective = match (own.as_str(), inherited) {
        ("INHERIT", None | Some("INHERIT")) => {
            json!({ "value": "ENABLE", "inherited_from_type": "METASTORE", "inherited_from_name": METASTORE })
        }
        ("INHERIT", Some(value)) => {
            let name = above.map_or(Value::Null, |above| above["name"].clone());
            json!({ "value": value, "inherited_from_type": "CATALOG", "inherited_from_name": name })
        }
        (value, _) => json!({ "value": value }),
    };
    // The members with the feature's older name come as well, in a real answer.
    for (flag, effective_flag) in [
        ("enable_predictive_optimization", "effective_predictive_optimization_flag"),
        ("enable_auto_maintenance", "effective_auto_maintenance_flag"),
    ] {
        object.insert(flag.to_owned(), json!(own));
        object.insert(effective_flag.to_owned(), effective.clone());
    }
}

/// An id that is always the same.
fn id(of: &str) -> String {
    let sum = of.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let (a, b) = (Store::scrambled(sum), Store::scrambled(!sum));
    format!("{}-{}-4{}-8{}-{}", &a[..8], &a[8..12], &a[13..], &b[1..4], &b[4..])
}
