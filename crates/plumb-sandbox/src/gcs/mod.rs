//! Google Cloud Storage: the JSON API of buckets and objects, with generations and preconditions.
//!
//! `buckets.list`, `buckets.insert`, `buckets.get`; `objects.list`, `objects.get` (also `alt=media`), `objects.insert`
//! (`uploadType=media` and `multipart`), `objects.delete`. Shapes and words are those of the JSON API reference and of its
//! pages "Request preconditions" and "HTTP status and error codes for JSON".

mod fields;
mod objects;
mod seed;
mod settings;
mod tokens;
mod upload;

pub(crate) use seed::add as seed;
pub use settings::{GcsDenial, GcsOptions, GcsSettings};
pub(crate) use tokens::GcsTokens;

use crate::answer::{Answer, Content};
use crate::request::{Request, decode};
use crate::store::Store;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// All buckets of the project.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct GcsState {
    pub buckets: BTreeMap<String, GcsBucket>,
    /// The last generation that was given to anything.
    last: i64,
}

/// A bucket.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct GcsBucket {
    /// Milliseconds since 1970.
    pub created: i64,
    pub objects: BTreeMap<String, GcsStored>,
}

/// An object: its live generation. No other is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct GcsStored {
    /// Base64.
    content: String,
    size: usize,
    crc32c: String,
    content_type: String,
    generation: i64,
    /// Milliseconds since 1970.
    created: i64,
}

impl GcsStored {
    /// What it holds.
    fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.content).unwrap_or_default()
    }
}

impl GcsState {
    /// Writes an object. Generations only ever grow; they look like microseconds since 1970.
    fn write(&mut self, bucket: &str, name: &str, bytes: &[u8], content_type: &str, now: i64) -> GcsStored {
        let generation = now.saturating_mul(1000).max(self.last + 1);
        self.last = generation;
        let stored = GcsStored {
            content: STANDARD.encode(bytes),
            size: bytes.len(),
            crc32c: crc32c(bytes),
            content_type: content_type.to_owned(),
            generation,
            created: now,
        };
        let fresh = || GcsBucket { created: now, ..GcsBucket::default() };
        let bucket = self.buckets.entry(bucket.to_owned()).or_insert_with(fresh);
        bucket.objects.insert(name.to_owned(), stored.clone());
        stored
    }
}

/// The checksum that every object has: CRC-32C (RFC 4960, appendix B), the greatest byte first, in base64.
fn crc32c(bytes: &[u8]) -> String {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0x82F6_3B78 & (sum & 1).wrapping_neg());
        }
    }
    STANDARD.encode((!sum).to_be_bytes())
}

/// The Python files below `gs://BUCKET/PREFIX` that seem to define DAGs, by their paths there, as an Airflow reads them whose
/// folder is a bucket; `None` for any other place.
pub(crate) fn dag_texts(store: &Store, place: &str) -> Option<BTreeMap<String, String>> {
    let rest = place.strip_prefix("gs://")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let objects = store.gcs.buckets.get(bucket).into_iter().flat_map(|bucket| &bucket.objects);
    let texts = objects.filter_map(|(name, object)| {
        let name = name.strip_prefix(&prefix).filter(|name| name.ends_with(".py"))?;
        let text = String::from_utf8(object.bytes()).ok()?;
        crate::airflow::files::seems_to_define_dags(&text).then(|| (name.to_owned(), text))
    });
    Some(texts.collect())
}

/// Where Composer's Airflow has its bucket ("Data stored in Cloud Storage").
pub(crate) const MOUNTED: &str = "/home/airflow/gcs/dags";

/// A refusal: a status, Google's word for the reason, and a message.
pub(crate) struct GcsRefused(u16, &'static str, String);

type GcsResult = Result<Answer, GcsRefused>;

/// Answers one request.
pub(crate) fn handle(store: &mut Store, request: &Request) -> Answer {
    if let Some(answer) = tokens::unsigned(store, request) {
        return answer;
    }
    answered(store, request).unwrap_or_else(|GcsRefused(status, reason, message)| {
        refused(status, reason, &message, &request.id, is_media(request))
    })
}

fn is_media(request: &Request) -> bool {
    request.query.iter().any(|(name, value)| name == "alt" && value == "media")
}

fn answered(store: &mut Store, request: &Request) -> GcsResult {
    // A slash in an object's name is encoded, so that the parts are told apart before they are decoded.
    let path = request.raw.path.trim_start_matches('/');
    let (service, rest) = ["upload/storage/v1/b", "download/storage/v1/b", "storage/v1/b"]
        .into_iter()
        .find_map(|service| Some((service, path.strip_prefix(service)?)))
        .ok_or_else(no_such_path)?;
    let parts: Vec<String> = rest.split('/').filter(|part| !part.is_empty()).map(decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match (request.method.as_str(), service, &parts[..]) {
        ("GET", "storage/v1/b", []) => buckets(store, request),
        ("POST", "storage/v1/b", []) => insert_bucket(store, request),
        ("GET", "storage/v1/b", [bucket]) => {
            enter(store, request, "storage.buckets.get", bucket, "")?;
            known(store, bucket).map(|found| sent(200, shown_bucket(bucket, found), request))
        }
        ("GET", "storage/v1/b", [bucket, "o"]) => {
            enter(store, request, "storage.objects.list", bucket, "")?;
            let found = known(store, bucket)?;
            objects::list(found, bucket, request)
        }
        ("GET", "storage/v1/b" | "download/storage/v1/b", [bucket, "o", object]) => {
            enter(store, request, "storage.objects.get", bucket, object)?;
            objects::get(known(store, bucket)?, bucket, object, request)
        }
        ("POST", "upload/storage/v1/b", [bucket, "o"]) => upload::insert(store, bucket, request),
        ("DELETE", "storage/v1/b", [bucket, "o", object]) => {
            enter(store, request, "storage.objects.delete", bucket, object)?;
            let found = known(store, bucket)?.objects.get(*object);
            objects::preconditions(found, request)?;
            if found.is_none() {
                return Err(objects::missing(bucket, object));
            }
            if let Some(bucket) = store.gcs.buckets.get_mut(*bucket) {
                bucket.objects.remove(*object);
            }
            Ok(with_ids(204, "text/html; charset=UTF-8", Vec::new(), Vec::new(), &request.id))
        }
        _ => Err(no_such_path()),
    }
}

fn no_such_path() -> GcsRefused {
    GcsRefused(404, "notFound", "Not Found".to_owned())
}

fn known<'s>(store: &'s Store, bucket: &str) -> Result<&'s GcsBucket, GcsRefused> {
    let missing = || GcsRefused(404, "notFound", "The specified bucket does not exist.".to_owned());
    store.gcs.buckets.get(bucket).ok_or_else(missing)
}

/// Lets somebody in, and refuses what the settings deny.
fn enter(store: &Store, request: &Request, permission: &str, bucket: &str, object: &str) -> Result<(), GcsRefused> {
    tokens::admitted(store, request, permission)?;
    let denials = &store.settings.gcs.denied;
    if !denials.iter().any(|denial| denial.strikes(permission, bucket, object)) {
        return Ok(());
    }
    let what = if object.is_empty() { "bucket" } else { "object" };
    let message = format!(
        "caller@sandbox.iam.gserviceaccount.com does not have {permission} access to the Google Cloud Storage {what}. \
         Permission '{permission}' denied on resource (or it may not exist)."
    );
    Err(GcsRefused(403, "forbidden", message))
}

fn buckets(store: &Store, request: &Request) -> GcsResult {
    enter(store, request, "storage.buckets.list", "", "")?;
    let items: Vec<Value> = store.gcs.buckets.iter().map(|(name, bucket)| shown_bucket(name, bucket)).collect();
    let mut body = json!({ "kind": "storage#buckets" });
    if !items.is_empty() {
        body["items"] = json!(items);
    }
    Ok(sent(200, body, request))
}

fn insert_bucket(store: &mut Store, request: &Request) -> GcsResult {
    enter(store, request, "storage.buckets.create", "", "")?;
    let body: Value = serde_json::from_slice(&request.raw.body).unwrap_or_default();
    let name = body["name"].as_str().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| GcsRefused(400, "required", "Required".to_owned()))?;
    if store.gcs.buckets.contains_key(name) {
        let message = "Your previous request to create the named bucket succeeded and you already own it.";
        return Err(GcsRefused(409, "conflict", message.to_owned()));
    }
    let bucket = GcsBucket { created: store.now(), ..GcsBucket::default() };
    let shown = shown_bucket(name, &bucket);
    store.gcs.buckets.insert(name.to_owned(), bucket);
    Ok(sent(200, shown, request))
}

fn shown_bucket(name: &str, bucket: &GcsBucket) -> Value {
    json!({ "kind": "storage#bucket", "id": name, "name": name, "metageneration": "1", "location": "EUROPE-WEST1",
        "storageClass": "STANDARD", "timeCreated": time(bucket.created), "updated": time(bucket.created) })
}

fn time(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    format!("{at:.3}")
}

/// A JSON answer, of which only the `fields` are sent that were asked for.
fn sent(status: u16, body: Value, request: &Request) -> Answer {
    let fields = request.query.iter().find(|(name, _)| name == "fields").map(|(_, fields)| fields.as_str());
    match fields.map_or(Ok(body.clone()), |fields| fields::picked(&body, fields)) {
        Ok(body) => {
            with_ids(status, "application/json; charset=UTF-8", Vec::new(), body.to_string().into_bytes(), &request.id)
        }
        Err(why) => refused(400, "invalidParameter", &why, &request.id, false),
    }
}

/// An answer with the id that Google gives every answer.
fn with_ids(
    status: u16,
    media: &str,
    mut headers: Vec<(&'static str, String)>,
    bytes: Vec<u8>,
    request_id: &str,
) -> Answer {
    headers.push(("x-guploader-uploadid", request_id.to_owned()));
    Answer { status, content: Content::Object { media: media.to_owned().into(), headers, bytes }, retry_after: None }
}

/// An error in JSON; as plain text where the content of an object was asked for.
pub(crate) fn refused(status: u16, reason: &str, message: &str, request_id: &str, media: bool) -> Answer {
    if media && status == 404 {
        return with_ids(status, "text/html; charset=UTF-8", Vec::new(), message.as_bytes().to_vec(), request_id);
    }
    if status == 304 {
        return with_ids(status, "text/html; charset=UTF-8", Vec::new(), Vec::new(), request_id);
    }
    let mut error = json!({ "message": message, "domain": "global", "reason": reason });
    let location = match reason {
        "conditionNotMet" => Some("If-Match"),
        "required" | "authError" if status == 401 => Some("Authorization"),
        _ => None,
    };
    if let Some(location) = location {
        error["locationType"] = json!("header");
        error["location"] = json!(location);
    }
    let body = json!({ "error": { "code": status, "message": message, "errors": [error] } });
    let media = "application/json; charset=UTF-8";
    with_ids(status, media, Vec::new(), body.to_string().into_bytes(), request_id)
}

/// What a fault answers that only names a status ("HTTP status and error codes for JSON").
pub(crate) fn made_up(request: &Request, status: u16) -> Answer {
    let (reason, message) = match status {
        401 => ("authError", "Invalid Credentials"),
        403 => ("forbidden", "Forbidden"),
        408 => ("uploadBrokenConnection", "Request Timeout"),
        412 => ("conditionNotMet", objects::NOT_MET),
        429 => ("rateLimitExceeded", "The object exceeded the rate limit for object mutation operations."),
        500 | 502 | 503 | 504 => ("backendError", "We encountered an internal error. Please try again."),
        _ => ("invalid", "A fault of the sandbox"),
    };
    refused(status, reason, message, &request.id, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(crc32c(&[0; 32]), STANDARD.encode(0x8A91_36AA_u32.to_be_bytes()));
        assert_eq!(crc32c(b"one"), "KpSy6Q==", "as fake-gcs-server has it");
    }

    #[test]
    fn generations_only_grow() {
        let mut state = GcsState::default();
        let mut write = |now| state.write("b", "a", b"x", "text/plain", now).generation;
        let all = [write(1_000), write(1_000), write(999), write(2_000)];
        assert_eq!(all, [1_000_000, 1_000_001, 1_000_002, 2_000_000]);
    }
}
