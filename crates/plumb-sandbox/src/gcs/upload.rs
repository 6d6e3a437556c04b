//! `objects.insert`: the content alone, or with its metadata in one body.

use super::objects::{param, preconditions, shown};
use super::{GcsRefused, GcsResult, crc32c, enter, known, sent};
use crate::request::{Request, find};
use crate::store::Store;
use serde_json::{Value, json};

/// Writes an object.
pub(super) fn insert(store: &mut Store, bucket: &str, request: &Request) -> GcsResult {
    let bad = |message: &str| GcsRefused(400, "badRequest", message.to_owned());
    let kind = request.raw.header("content-type").unwrap_or("application/octet-stream");
    let body = &request.raw.body[..];
    let (metadata, media, bytes) = match param(request, "uploadType") {
        Some("media") => (json!({}), kind, body),
        Some("multipart") => parts(kind, body).ok_or_else(|| bad("Malformed multipart body."))?,
        Some("resumable") => {
            return Err(GcsRefused(501, "notImplemented", "The sandbox has no resumable uploads".to_owned()));
        }
        _ => return Err(bad("Bad Request")),
    };
    let name = param(request, "name").or_else(|| metadata["name"].as_str()).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| GcsRefused(400, "required", "Required".to_owned()))?.to_owned();
    enter(store, request, "storage.objects.create", bucket, &name)?;
    let found = known(store, bucket)?.objects.get(&name);
    // Writing over an object takes it away (IAM permissions for JSON methods, `objects.insert`).
    if found.is_some() {
        enter(store, request, "storage.objects.delete", bucket, &name)?;
    }
    preconditions(found, request)?;
    if metadata["crc32c"].as_str().is_some_and(|sum| sum != crc32c(bytes)) {
        return Err(GcsRefused(400, "invalid", "Provided CRC32C doesn't match calculated CRC32C.".to_owned()));
    }
    let media = metadata["contentType"].as_str().unwrap_or(media).to_owned();
    let now = store.now();
    let stored = store.gcs.write(bucket, &name, bytes, &media, now);
    Ok(sent(200, shown(bucket, &name, &stored), request))
}

/// The metadata, and the media type and bytes of the content, of a body of two parts (RFC 2387).
fn parts<'b>(kind: &str, body: &'b [u8]) -> Option<(Value, &'b str, &'b [u8])> {
    let boundary = kind.strip_prefix("multipart/related")?.split("boundary=").nth(1)?;
    let boundary = boundary.split(';').next()?.trim().trim_matches(['"', '\'']);
    let mark = format!("--{boundary}").into_bytes();
    let first = &body[find(body, &mark)? + mark.len()..];
    let line = [b"\r\n", &mark[..]].concat();
    let second = find(first, &line)?;
    let content = &first[second + line.len()..];
    let (first, content) = (&first[..second], &content[..find(content, &line)?]);
    let (_, metadata) = head(first)?;
    let (media, bytes) = head(content)?;
    Some((serde_json::from_slice(metadata).ok()?, media, bytes))
}

/// The media type that the head of a part names, and what follows.
fn head(part: &[u8]) -> Option<(&str, &[u8])> {
    let end = find(part, b"\r\n\r\n")?;
    let lines = std::str::from_utf8(&part[..end]).ok()?.lines();
    let mut media = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.trim());
    Some((media.next().unwrap_or("application/octet-stream"), &part[end + 4..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_two_parts_is_taken_apart() {
        let body = b"--==1==\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{\"name\": \"a\"}\r\n--==1==\r\nContent-Type: \
                     text/plain\r\n\r\nx\r\n--==1\r\ny\r\n--==1==--";
        let kind = "multipart/related; boundary=\"==1==\"";
        let (metadata, media, bytes) = parts(kind, body).unwrap();
        assert_eq!((metadata["name"].as_str(), media, bytes), (Some("a"), "text/plain", &b"x\r\n--==1\r\ny"[..]));
        assert!(parts("text/plain", body).is_none() && parts(kind, &body[..60]).is_none());
    }
}
