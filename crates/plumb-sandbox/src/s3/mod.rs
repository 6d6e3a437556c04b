//! S3, read only and path-style: `ListBuckets`, `HeadBucket`, `GetBucketLocation`, `ListObjectsV2`, `HeadObject`,
//! `GetObject`. It shares the address of EMR, as behind `AWS_ENDPOINT_URL`: the signature says which service is meant.
//!
//! Shapes are those of botocore's model of S3 and of the S3 API reference; messages are those of its list of error codes.

mod listing;
mod seed;
mod settings;

pub(crate) use seed::{add as seed, gz};
pub use settings::{S3Denial, S3Settings};

use crate::answer::{Answer, Content, span};
use crate::emr::replies::escaped;
use crate::request::{Request, decode, pairs};
use crate::store::Store;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// All buckets of the account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct S3State {
    pub buckets: BTreeMap<String, S3Bucket>,
}

/// A bucket.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct S3Bucket {
    pub region: String,
    pub created: i64,
    pub objects: BTreeMap<String, S3Stored>,
}

/// An object. Its times are milliseconds since 1970.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct S3Stored {
    /// Base64.
    content: String,
    pub size: usize,
    pub etag: String,
    /// When it was written; before that it is not there.
    pub modified: i64,
}

impl S3Stored {
    fn new(bytes: &[u8], modified: i64) -> Self {
        // 32 digits in quotes. It is no MD5 of the content, as that of an object with KMS encryption is none.
        let digest: String = Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        S3Stored { content: STANDARD.encode(bytes), size: bytes.len(), etag: format!("\"{digest}\""), modified }
    }

    /// What it holds.
    pub fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.content).unwrap_or_default()
    }
}

impl S3State {
    /// Writes an object, into a bucket of that region where there is none yet.
    pub fn write(&mut self, bucket: &str, region: &str, key: &str, bytes: &[u8], modified: i64) {
        let fresh = || S3Bucket { region: region.to_owned(), created: modified, ..S3Bucket::default() };
        let bucket = self.buckets.entry(bucket.to_owned()).or_insert_with(fresh);
        bucket.objects.insert(key.to_owned(), S3Stored::new(bytes, modified));
    }
}

/// The bucket and the key of `s3://bucket/key`.
pub(crate) fn of_uri(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.split_once("://").filter(|(scheme, _)| matches!(*scheme, "s3" | "s3a" | "s3n"))?.1;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then_some((bucket, key))
}

/// A refusal: a status, a code and a message.
struct Refusal(u16, &'static str, String);

type S3Result = Result<Answer, Refusal>;

/// Answers one request whose signature is right.
pub(crate) fn handle(store: &mut Store, request: &Request) -> Answer {
    let answered = answered(store, request);
    answered.unwrap_or_else(|Refusal(status, code, message)| {
        refused(status, code, &message, request.path.trim_start_matches("/s3"), &request.id)
    })
}

fn answered(store: &Store, request: &Request) -> S3Result {
    let path = request.raw.path.trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let (bucket, key) = (decode(bucket), decode(key));
    let query = pairs(&request.raw.query);
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        let message = "The specified method is not allowed against this resource.";
        return Err(Refusal(405, "MethodNotAllowed", message.to_owned()));
    }
    if bucket.is_empty() {
        return Ok(listing::buckets(store, &request.id));
    }
    let has = |name: &str| query.iter().any(|(known, _)| known == name);
    if key.is_empty() {
        let found = known(store, &bucket)?;
        if request.method == "HEAD" {
            allowed(store, "s3:ListBucket", &bucket, "")?;
            let region = ("x-amz-bucket-region", found.region.clone());
            return Ok(sent(200, "application/xml", vec![region], Vec::new(), &request.id));
        }
        if has("location") {
            return Ok(listing::location(&found.region, &request.id));
        }
        if !query.iter().any(|(name, value)| name == "list-type" && value == "2") {
            return Err(not_implemented());
        }
        allowed(store, "s3:ListBucket", &bucket, "")?;
        return listing::objects(found, &bucket, &query, store.now(), &request.id);
    }
    if ["acl", "tagging", "attributes", "torrent", "uploadId", "versionId"].into_iter().any(has) {
        return Err(not_implemented());
    }
    object(store, request, &bucket, &key)
}

fn not_implemented() -> Refusal {
    let message = "A header you provided implies functionality that is not implemented";
    Refusal(501, "NotImplemented", message.to_owned())
}

fn known<'s>(store: &'s Store, bucket: &str) -> Result<&'s S3Bucket, Refusal> {
    let missing = || Refusal(404, "NoSuchBucket", "The specified bucket does not exist".to_owned());
    store.s3.buckets.get(bucket).ok_or_else(missing)
}

/// Refuses what the settings deny. The message is that of an identity without a policy for the action.
fn allowed(store: &Store, action: &str, bucket: &str, key: &str) -> Result<(), Refusal> {
    let denials = &store.settings.s3.denied;
    let Some(denial) = denials.iter().find(|denial| denial.strikes(action, bucket, key)) else { return Ok(()) };
    let account = &store.emr.account;
    let action = &denial.action;
    let resource = match (&denial.kms_key, key) {
        (Some(arn), _) => arn.clone(),
        (None, "") => format!("\"arn:aws:s3:::{bucket}\""),
        (None, key) => format!("\"arn:aws:s3:::{bucket}/{key}\""),
    };
    let message = format!(
        "User: arn:aws:iam::{account}:user/{} is not authorized to perform: {action} on resource: {resource} because no \
         identity-based policy allows the {action} action",
        crate::emr::KEY
    );
    Err(Refusal(403, "AccessDenied", message))
}

fn object(store: &Store, request: &Request, bucket: &str, key: &str) -> S3Result {
    let found = known(store, bucket)?;
    allowed(store, "s3:GetObject", bucket, key)?;
    let object = found.objects.get(key).filter(|object| object.modified <= store.now());
    let Some(object) = object else {
        // Whether a key exists is told to those alone who may list the bucket (S3 API reference, GetObject).
        allowed(store, "s3:ListBucket", bucket, "")?;
        return Err(Refusal(404, "NoSuchKey", "The specified key does not exist.".to_owned()));
    };
    allowed(store, "kms:Decrypt", bucket, key)?;
    let header = |name: &str| request.raw.header(name);
    let same =
        |wanted: &str| wanted == "*" || wanted.split(',').any(|one| one.trim().trim_start_matches("W/") == object.etag);
    if header("if-match").is_some_and(|wanted| !same(wanted)) {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(Refusal(412, "PreconditionFailed", message.to_owned()));
    }
    let mut headers = vec![
        ("etag", object.etag.clone()),
        ("last-modified", http_time(object.modified)),
        ("accept-ranges", "bytes".to_owned()),
    ];
    if header("if-none-match").is_some_and(same) {
        return Ok(sent(304, "binary/octet-stream", headers, Vec::new(), &request.id));
    }
    let bytes = object.bytes();
    let Some((from, to)) = header("range").and_then(|range| span(range, bytes.len())) else {
        return Ok(sent(200, "binary/octet-stream", headers, bytes, &request.id));
    };
    if from >= bytes.len() {
        return Err(Refusal(416, "InvalidRange", "The requested range is not satisfiable".to_owned()));
    }
    headers.push(("content-range", format!("bytes {from}-{}/{}", to - 1, bytes.len())));
    Ok(sent(206, "binary/octet-stream", headers, bytes[from..to].to_vec(), &request.id))
}

fn http_time(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// An answer with the ids that S3 gives every answer.
fn sent(
    status: u16,
    media: &'static str,
    mut headers: Vec<(&'static str, String)>,
    bytes: Vec<u8>,
    request_id: &str,
) -> Answer {
    headers.push(("x-amz-request-id", short_id(request_id)));
    headers.push(("x-amz-id-2", host_id(request_id)));
    Answer { status, content: Content::Object { media: media.into(), headers, bytes }, retry_after: None }
}

/// S3's request ids are sixteen capital letters and digits.
fn short_id(request_id: &str) -> String {
    request_id.chars().filter(char::is_ascii_alphanumeric).take(16).collect::<String>().to_ascii_uppercase()
}

fn host_id(request_id: &str) -> String {
    STANDARD.encode(Sha256::digest(request_id.as_bytes()))
}

/// An error in S3's XML.
pub(crate) fn refused(status: u16, code: &str, message: &str, resource: &str, request_id: &str) -> Answer {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message><Resource>{}</Resource>\
         <RequestId>{}</RequestId><HostId>{}</HostId></Error>",
        escaped(code),
        escaped(message),
        escaped(resource),
        short_id(request_id),
        host_id(request_id)
    );
    sent(status, "application/xml", Vec::new(), text.into_bytes(), request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        for (range, expected) in [
            ("bytes=0-3", Some((0, 4))),
            ("bytes=4-", Some((4, 10))),
            ("bytes=-3", Some((7, 10))),
            ("bytes=-30", Some((0, 10))),
            ("bytes=8-99", Some((8, 10))),
            ("bytes=20-", Some((20, 10))),
            ("bytes=-0", Some((10, 10))),
            ("bytes=5-2", None),
            ("lines=1-2", None),
            ("bytes=1-2,4-5", None),
        ] {
            assert_eq!(span(range, 10), expected, "{range}");
        }
    }

    #[test]
    fn addresses_of_s3_are_a_bucket_and_a_key() {
        assert_eq!(of_uri("s3://b/a/c.gz"), Some(("b", "a/c.gz")));
        assert_eq!(of_uri("s3a://b"), Some(("b", "")));
        assert_eq!((of_uri("dbfs:/b"), of_uri("hdfs://b/c"), of_uri("s3:///c")), (None, None, None));
    }
}
