//! Objects: listings, reading, and what a precondition holds.

use super::{GcsBucket, GcsRefused, GcsResult, GcsStored, sent, time, with_ids};
use crate::answer::span;
use crate::request::Request;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A page has at most so many objects and prefixes.
const MOST: usize = 1000;

/// What a precondition is refused with.
pub(super) const NOT_MET: &str = "At least one of the pre-conditions you specified did not hold.";

/// The value of a parameter.
pub(super) fn param<'r>(request: &'r Request, wanted: &str) -> Option<&'r str> {
    request.query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
}

fn invalid(name: &str, value: &str) -> GcsRefused {
    GcsRefused(400, "invalid", format!("Invalid value '{value}' for parameter {name}"))
}

pub(super) fn missing(bucket: &str, object: &str) -> GcsRefused {
    GcsRefused(404, "notFound", format!("No such object: {bucket}/{object}"))
}

/// Holds a request to its preconditions. Without an object, the generation is 0.
pub(super) fn preconditions(found: Option<&GcsStored>, request: &Request) -> Result<(), GcsRefused> {
    let (generation, metageneration) = found.map_or((0, 0), |found| (found.generation, 1));
    for (name, is) in [
        ("ifGenerationMatch", generation),
        ("ifGenerationNotMatch", generation),
        ("ifMetagenerationMatch", metageneration),
        ("ifMetagenerationNotMatch", metageneration),
    ] {
        let Some(text) = param(request, name) else { continue };
        let wanted: i64 = text.parse().map_err(|_| invalid(name, text))?;
        let unwanted = name.ends_with("NotMatch");
        if (wanted == is) == unwanted {
            // "If it matches, the request fails with a 304": of reads.
            let status = if unwanted && request.method == "GET" { 304 } else { 412 };
            return Err(GcsRefused(status, "conditionNotMet", NOT_MET.to_owned()));
        }
    }
    Ok(())
}

/// An object's metadata.
pub(super) fn shown(bucket: &str, name: &str, object: &GcsStored) -> Value {
    let GcsStored { size, crc32c, content_type, generation, created, .. } = object;
    json!({ "kind": "storage#object", "id": format!("{bucket}/{name}/{generation}"), "name": name, "bucket": bucket,
        "generation": generation.to_string(), "metageneration": "1", "contentType": content_type,
        "storageClass": "STANDARD", "size": size.to_string(), "crc32c": crc32c, "etag": format!("C{generation}"),
        "timeCreated": time(*created), "updated": time(*created) })
}

/// `objects.get`: the metadata, or with `alt=media` the content.
pub(super) fn get(bucket: &GcsBucket, bucket_name: &str, name: &str, request: &Request) -> GcsResult {
    let found = bucket.objects.get(name);
    if found.is_some() {
        preconditions(found, request)?;
    }
    let object = found.ok_or_else(|| missing(bucket_name, name))?;
    if param(request, "generation").is_some_and(|wanted| wanted != object.generation.to_string()) {
        return Err(missing(bucket_name, name));
    }
    if param(request, "alt") != Some("media") {
        return Ok(sent(200, shown(bucket_name, name, object), request));
    }
    let mut headers = vec![
        ("x-goog-generation", object.generation.to_string()),
        ("x-goog-metageneration", "1".to_owned()),
        ("x-goog-hash", format!("crc32c={}", object.crc32c)),
        ("x-goog-stored-content-length", object.size.to_string()),
        ("x-goog-stored-content-encoding", "identity".to_owned()),
        ("x-goog-storage-class", "STANDARD".to_owned()),
        ("accept-ranges", "bytes".to_owned()),
        ("etag", format!("C{}", object.generation)),
    ];
    let bytes = object.bytes();
    let Some((from, to)) = request.raw.header("range").and_then(|range| span(range, bytes.len())) else {
        return Ok(with_ids(200, &object.content_type, headers, bytes, &request.id));
    };
    if from >= bytes.len() {
        return Err(GcsRefused(416, "requestedRangeNotSatisfiable", "Request range not satisfiable".to_owned()));
    }
    headers.push(("content-range", format!("bytes {from}-{}/{}", to - 1, bytes.len())));
    Ok(with_ids(206, &object.content_type, headers, bytes[from..to].to_vec(), &request.id))
}

/// `objects.list`.
pub(super) fn list(bucket: &GcsBucket, bucket_name: &str, request: &Request) -> GcsResult {
    let (prefix, delimiter) = (param(request, "prefix").unwrap_or(""), param(request, "delimiter").unwrap_or(""));
    let most = match param(request, "maxResults") {
        None => MOST,
        Some(text) => text.parse::<usize>().map_err(|_| invalid("maxResults", text))?.clamp(1, MOST),
    };
    // A page begins behind what the last one ended with.
    let after = match param(request, "pageToken") {
        None => String::new(),
        Some(token) => {
            let bytes = URL_SAFE_NO_PAD.decode(token).ok();
            bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| invalid("pageToken", token))?
        }
    };
    let (mut items, mut prefixes): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut last, mut more) = (String::new(), false);
    let named = bucket.objects.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
    for (name, object) in named {
        let inner = &name[prefix.len()..];
        let folded = (!delimiter.is_empty()).then(|| inner.find(delimiter)).flatten();
        let row = folded.map_or(name.as_str(), |at| &name[..prefix.len() + at + delimiter.len()]);
        if row <= after.as_str() || prefixes.last().is_some_and(|known| known == row) {
            continue;
        }
        if items.len() + prefixes.len() == most {
            more = true;
            break;
        }
        row.clone_into(&mut last);
        if folded.is_some() {
            prefixes.push(row.to_owned());
        } else {
            items.push(shown(bucket_name, name, object));
        }
    }
    let mut body = json!({ "kind": "storage#objects" });
    if more {
        body["nextPageToken"] = json!(URL_SAFE_NO_PAD.encode(last));
    }
    // Empty lists are left out.
    if !prefixes.is_empty() {
        body["prefixes"] = json!(prefixes);
    }
    if !items.is_empty() {
        body["items"] = json!(items);
    }
    Ok(sent(200, body, request))
}
