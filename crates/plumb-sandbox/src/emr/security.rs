//! Security configurations: a name and a text that holds JSON.

use super::replies::{AwsResult, invalid, time};
use super::{check, paged};
use crate::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A security configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    pub text: String,
    pub created: i64,
}

/// Nothing says what AWS does to one that a cluster uses but that it is deleted: a cluster keeps what it began with.
pub fn delete(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let name = check::text(body, "Name")?;
    match store.emr.region(region).security.remove(name) {
        Some(_) => Ok(json!({})),
        None => Err(unknown(name)),
    }
}

// The words are recorded of RunJobFlow (hashicorp/terraform#13620).
fn unknown(name: &str) -> crate::answer::Answer {
    invalid(None, format!("Security configuration with name '{name}' does not exist."))
}

pub fn create(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let (name, text) = (check::text(body, "Name")?, check::text(body, "SecurityConfiguration")?);
    if !serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object()) {
        return Err(invalid(None, "The security configuration is not a valid JSON object."));
    }
    let created = store.now();
    let all = &mut store.emr.region(region).security;
    if all.contains_key(name) {
        return Err(invalid(None, format!("Security configuration with name '{name}' already exists.")));
    }
    all.insert(name.to_owned(), Configuration { text: text.to_owned(), created });
    Ok(json!({ "Name": name, "CreationDateTime": time(created) }))
}

pub fn list(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let all: Vec<Value> = store
        .emr
        .region(region)
        .security
        .iter()
        .map(|(name, one)| json!({ "Name": name, "CreationDateTime": time(one.created) }))
        .collect();
    paged(&all, body, "SecurityConfigurations")
}

pub fn describe(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let name = check::text(body, "Name")?;
    let one = store.emr.region(region).security.get(name).ok_or_else(|| unknown(name))?;
    Ok(json!({ "Name": name, "SecurityConfiguration": one.text, "CreationDateTime": time(one.created) }))
}
