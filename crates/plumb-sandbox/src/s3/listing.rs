//! Listings of S3: buckets, where a bucket is, and pages of objects (ListObjectsV2).

use super::{Refusal, S3Bucket, S3Result, sent};
use crate::answer::Answer;
use crate::emr::replies::escaped;
use crate::store::Store;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use plumb_model::text::percent_encoded;
use std::fmt::Write;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// A page has at most so many keys and prefixes.
const MOST: usize = 1000;

fn time(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    format!("{at:.3}")
}

fn xml(text: String, request_id: &str) -> Answer {
    sent(200, "application/xml", Vec::new(), text.into_bytes(), request_id)
}

/// `ListBuckets`.
pub fn buckets(store: &Store, request_id: &str) -> Answer {
    let account = &store.emr.account;
    let mut rows = String::new();
    for (name, bucket) in &store.s3.buckets {
        let at = time(bucket.created);
        let _ = write!(rows, "<Bucket><Name>{}</Name><CreationDate>{at}</CreationDate></Bucket>", escaped(name));
    }
    let text = format!(
        "{HEAD}<ListAllMyBucketsResult xmlns=\"{NAMESPACE}\"><Owner><ID>{account}</ID></Owner><Buckets>{rows}</Buckets>\
         </ListAllMyBucketsResult>"
    );
    xml(text, request_id)
}

/// `GetBucketLocation`, which has no name for the region us-east-1.
pub fn location(region: &str, request_id: &str) -> Answer {
    let region = if region == "us-east-1" { "" } else { region };
    xml(format!("{HEAD}<LocationConstraint xmlns=\"{NAMESPACE}\">{}</LocationConstraint>", escaped(region)), request_id)
}

/// A row of a page: an object's key, or a prefix that stands for all that begin so.
enum Row<'b> {
    Object(&'b str),
    Prefix(String),
}

impl Row<'_> {
    fn name(&self) -> &str {
        match self {
            Row::Object(key) => key,
            Row::Prefix(prefix) => prefix,
        }
    }
}

/// `ListObjectsV2`.
pub fn objects(bucket: &S3Bucket, name: &str, query: &[(String, String)], now: i64, request_id: &str) -> S3Result {
    let param = |wanted: &str| query.iter().find(|(known, _)| known == wanted).map(|(_, value)| value.as_str());
    let (prefix, delimiter) = (param("prefix").unwrap_or_default(), param("delimiter").unwrap_or_default());
    let invalid = |message: &str| Refusal(400, "InvalidArgument", message.to_owned());
    let asked: usize = match param("max-keys") {
        None | Some("") => MOST,
        Some(text) => text.parse().map_err(|_| invalid("Provided max-keys not an integer or within integer range"))?,
    };
    let most = asked.min(MOST);
    let in_url = match param("encoding-type") {
        None | Some("") => false,
        Some("url") => true,
        Some(_) => return Err(invalid("Invalid Encoding Method specified in Request")),
    };
    let start_after = param("start-after").unwrap_or_default();
    // Where a page begins: behind what the last one ended with. A token wins over `start-after`.
    let after = match param("continuation-token") {
        None => start_after.to_owned(),
        Some(token) => URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| invalid("The continuation token provided is incorrect"))?,
    };
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut truncated = false;
    let keys = bucket.objects.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
    for (key, _) in keys.filter(|(_, object)| object.modified <= now) {
        let inner = &key[prefix.len()..];
        let folded = (!delimiter.is_empty()).then(|| inner.find(delimiter)).flatten();
        let row = match folded {
            Some(at) => Row::Prefix(key[..prefix.len() + at + delimiter.len()].to_owned()),
            None => Row::Object(key),
        };
        let is_known = matches!((&row, rows.last()), (Row::Prefix(new), Some(Row::Prefix(last))) if new == last);
        if row.name() <= after.as_str() || is_known {
            continue;
        }
        if rows.len() == most {
            truncated = most > 0;
            break;
        }
        rows.push(row);
    }
    let shown = |text: &str| if in_url { encoded(text) } else { escaped(text) };
    let mut text = format!("{HEAD}<ListBucketResult xmlns=\"{NAMESPACE}\"><Name>{}</Name>", escaped(name));
    let _ = write!(text, "<Prefix>{}</Prefix>", shown(prefix));
    if !start_after.is_empty() {
        let _ = write!(text, "<StartAfter>{}</StartAfter>", shown(start_after));
    }
    if let Some(token) = param("continuation-token") {
        let _ = write!(text, "<ContinuationToken>{}</ContinuationToken>", escaped(token));
    }
    if let Some(last) = rows.last().filter(|_| truncated) {
        let token = URL_SAFE_NO_PAD.encode(last.name());
        let _ = write!(text, "<NextContinuationToken>{token}</NextContinuationToken>");
    }
    let _ = write!(text, "<KeyCount>{}</KeyCount><MaxKeys>{most}</MaxKeys>", rows.len());
    if !delimiter.is_empty() {
        let _ = write!(text, "<Delimiter>{}</Delimiter>", shown(delimiter));
    }
    if in_url {
        text.push_str("<EncodingType>url</EncodingType>");
    }
    let _ = write!(text, "<IsTruncated>{truncated}</IsTruncated>");
    for row in &rows {
        let Row::Object(key) = row else { continue };
        let Some(object) = bucket.objects.get(*key) else { continue };
        let _ = write!(
            text,
            "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size>\
             <StorageClass>STANDARD</StorageClass></Contents>",
            shown(key),
            time(object.modified),
            escaped(&object.etag),
            object.size
        );
    }
    for row in &rows {
        if let Row::Prefix(prefix) = row {
            let _ = write!(text, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", shown(prefix));
        }
    }
    text.push_str("</ListBucketResult>");
    Ok(xml(text, request_id))
}

/// A key under `encoding-type=url`, which leaves slashes as they are.
fn encoded(text: &str) -> String {
    text.split('/').map(percent_encoded).collect::<Vec<_>>().join("/")
}
