//! Seeding S3: adds buckets and the objects in them.

use crate::store::Store;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;

/// The `s3` member of a seed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct S3Seed {
    /// Where the buckets are; the region of what is seeded of EMR when absent.
    region: Option<String>,
    /// By name, the objects by their keys.
    buckets: BTreeMap<String, BTreeMap<String, S3ObjectSeed>>,
}

/// An object: a text, or what it is made of.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum S3ObjectSeed {
    Text(String),
    Made(S3ObjectParts),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct S3ObjectParts {
    text: String,
    /// Bytes, in place of a text.
    base64: Option<String>,
    /// Whether it is packed with gzip.
    gz: bool,
    /// When it is written, as `2026-10-01T04:00:00Z`; now when absent.
    modified: Option<String>,
}

/// The bytes packed with gzip, the same in every run.
pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    // Writing into memory does not fail.
    let _ = packed.write_all(bytes);
    packed.finish().unwrap_or_default()
}

/// Adds a seed's objects, and answers how many each bucket has.
pub fn add(store: &mut Store, seed: &Value) -> Result<Value, String> {
    let seed: S3Seed = serde_json::from_value(seed.clone()).map_err(|e| format!("s3: {e}"))?;
    let region = seed.region.unwrap_or_else(|| crate::emr::REGION.to_owned());
    let now = store.now();
    let mut counts = json!({});
    for (name, objects) in seed.buckets {
        let bucket = store.s3.buckets.entry(name.clone()).or_default();
        if bucket.region.is_empty() {
            (bucket.region, bucket.created) = (region.clone(), now);
        }
        for (key, object) in objects {
            let parts = match object {
                S3ObjectSeed::Text(text) => S3ObjectParts { text, ..S3ObjectParts::default() },
                S3ObjectSeed::Made(parts) => parts,
            };
            let place = |why: String| format!("s3.buckets.{name}: {key}: {why}");
            let bytes = match &parts.base64 {
                Some(text) => STANDARD.decode(text).map_err(|_| place("base64 is not valid".to_owned()))?,
                None => parts.text.into_bytes(),
            };
            let bytes = if parts.gz { gz(&bytes) } else { bytes };
            let modified = parts.modified.as_deref().map(str::parse::<jiff::Timestamp>).transpose();
            let modified = modified.map_err(|e| place(e.to_string()))?.map_or(now, |at| at.as_millisecond());
            store.s3.write(&name, &region, &key, &bytes, modified);
        }
        counts[&name] = json!(store.s3.buckets.get(&name).map_or(0, |bucket| bucket.objects.len()));
    }
    Ok(counts)
}
