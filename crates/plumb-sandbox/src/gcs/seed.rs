//! Seeding Google Cloud Storage: adds buckets and the objects in them.

use super::GcsBucket;
use crate::store::Store;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The `gcs` member of a seed: by bucket, the texts of objects by their names.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct GcsSeed {
    buckets: BTreeMap<String, BTreeMap<String, String>>,
}

/// Adds a seed's objects, and answers how many each bucket has.
pub fn add(store: &mut Store, seed: &Value) -> Result<Value, String> {
    let seed: GcsSeed = serde_json::from_value(seed.clone()).map_err(|e| format!("gcs: {e}"))?;
    let now = store.now();
    let mut counts = json!({});
    for (bucket, objects) in seed.buckets {
        let fresh = || GcsBucket { created: now, ..GcsBucket::default() };
        store.gcs.buckets.entry(bucket.clone()).or_insert_with(fresh);
        for (name, text) in objects {
            store.gcs.write(&bucket, &name, text.as_bytes(), "text/plain", now);
        }
        counts[&bucket] = json!(store.gcs.buckets.get(&bucket).map_or(0, |bucket| bucket.objects.len()));
    }
    Ok(counts)
}
