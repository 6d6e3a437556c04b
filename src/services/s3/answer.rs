//! What S3 answers: pages of a listing, and refusals with what can be done about them. Pure.
//!
//! Facts: Amazon S3 API reference, `ListObjectsV2` and "Error responses"; how keys are encoded in a listing as botocore
//! reads it (`handlers.py`, `decode_list_object_v2`: a `+` is a space).

use crate::services::aws::is_region;
use crate::services::databricks::errors::{header, meaning, retry_after};
use crate::services::failed::LONGEST_MESSAGE;
use jiff::Timestamp;
use plumb_model::call::Doubt;
use plumb_model::text::shortened;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use std::time::Duration;

/// A page of a listing. What every answer has is not optional here: another answer must not pass for an empty page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct S3Listing {
    pub is_truncated: bool,
    pub next_continuation_token: Option<String>,
    pub name: String,
    encoding_type: Option<String>,
    #[serde(default)]
    pub contents: Vec<S3Object>,
}

/// An object of a listing.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct S3Object {
    #[serde(rename = "Key")]
    pub key: String,
    /// In bytes.
    #[serde(rename = "Size")]
    pub size: u64,
    #[serde(rename = "ETag")]
    pub etag: String,
}

/// Reads a page.
pub(crate) fn page(body: &[u8]) -> Result<S3Listing, String> {
    let text = std::str::from_utf8(body).map_err(|e| e.to_string())?;
    let mut page: S3Listing = quick_xml::de::from_str(text).map_err(|e| e.to_string())?;
    if page.encoding_type.as_deref() == Some("url") {
        for entry in &mut page.contents {
            entry.key = decoded(&entry.key).ok_or_else(|| format!("the key `{}` is not UTF-8", entry.key))?;
        }
    }
    Ok(page)
}

/// A key as it was before it was encoded for a listing.
fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct S3Error {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// The region that the bucket is in, where the answer says so.
    pub region: Option<String>,
    pub request_id: Option<String>,
    pub retry_after: Option<Duration>,
    /// Why it may have been done although it was refused.
    pub doubt: Option<Doubt>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct S3ErrorBody {
    code: String,
    #[serde(default)]
    message: String,
    region: Option<String>,
}

/// Reads a refusal. Of the body only code and message are kept: S3 also quotes the request, key id included.
pub(crate) fn refusal(status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> S3Error {
    let said = std::str::from_utf8(body).ok().and_then(|text| quick_xml::de::from_str::<S3ErrorBody>(text).ok());
    let own = said.is_some();
    let said = said.unwrap_or_else(|| {
        let meaning = meaning(status, body);
        S3ErrorBody { code: meaning.code, message: meaning.message, region: None }
    });
    let region = header(headers, "x-amz-bucket-region").map(str::to_owned).or(said.region);
    S3Error {
        status,
        code: said.code,
        message: shortened(&said.message, LONGEST_MESSAGE),
        region: region.filter(|region| is_region(region)),
        request_id: header(headers, "x-amz-request-id").map(str::to_owned),
        retry_after: header(headers, "retry-after").and_then(|value| retry_after(value, now)),
        doubt: Doubt::about(status, own),
    }
}

impl S3Error {
    /// Whether there is no such object. A 404 of anything else (a bucket, a proxy) says nothing about objects.
    pub(crate) fn is_missing(&self) -> bool {
        self.status == 404 && self.code == "NoSuchKey"
    }

    /// Whether the object is not what the condition asked for, or somebody is changing it at this moment.
    pub(crate) fn is_changed(&self) -> bool {
        self.status == 412 || self.code == "ConditionalRequestConflict" || self.is_missing()
    }

    /// Whether the store knows no conditions.
    pub(crate) fn is_unable(&self) -> bool {
        self.status == 501 || self.code == "NotImplemented"
    }

    /// Whether the credentials have had their time.
    pub(crate) fn is_expired(&self) -> bool {
        matches!(self.code.as_str(), "ExpiredToken" | "TokenRefreshRequired")
    }

    /// Whether the bucket is somewhere else.
    pub(crate) fn is_elsewhere(&self) -> bool {
        (300..400).contains(&self.status)
            || matches!(self.code.as_str(), "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException")
    }

    /// The same refusal, of a bucket that may not be elsewhere: nobody follows it there.
    pub(super) fn of_another_region(self, bucket: &str, why: &str) -> Self {
        let place = self.region.as_deref().map_or("in another region".to_owned(), |region| format!("in {region}"));
        let message = format!("the bucket `{bucket}` is {place}, and {why}");
        S3Error { status: 400, code: "BucketInAnotherRegion".to_owned(), message, region: None, ..self }
    }

    /// What can be done about it; `action` is the permission that the request needs, `on` what it is needed for, `named_in`
    /// where the bucket is named.
    pub(super) fn remedy(&self, bucket: &str, action: &str, on: &str, named_in: &str) -> Option<String> {
        Some(match self.code.as_str() {
            "NoSuchBucket" => format!("there is no bucket `{bucket}`: make it, or fix {named_in}"),
            "AccessDenied" | "AllAccessDisabled" => format!("it takes the permission {action} on {on}"),
            "InvalidAccessKeyId" => {
                "S3 knows no such access key: was it deleted, or is it of another store?".to_owned()
            }
            "SignatureDoesNotMatch" => "the secret access key does not fit the access key".to_owned(),
            "InvalidToken" => "the session token is not one of this access key".to_owned(),
            "RequestTimeTooSkewed" => "this machine's clock is wrong: set it".to_owned(),
            _ if self.is_expired() => "sign in to AWS again, for example with `aws sso login`".to_owned(),
            _ if self.is_elsewhere() => match &self.region {
                Some(region) => format!("the bucket `{bucket}` is in {region}: set AWS_REGION={region}"),
                None => format!("set AWS_REGION to the region of the bucket `{bucket}`"),
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>dags%2F</Prefix><KeyCount>2</KeyCount>
<MaxKeys>2</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>1ueG=/+&amp;</NextContinuationToken>
<Contents><Key>dags/a+b%2Bc.py</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;0cc1&quot;</ETag><Size>3</Size><StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key>dags/gr%C3%BC%C3%9Fe.py</Key><ETag>&quot;1&quot;</ETag><Size>0</Size></Contents></ListBucketResult>"#;

    #[test]
    fn a_page_is_read_whole_or_not_at_all() {
        let read = page(LISTING.as_bytes()).unwrap();
        assert_eq!((read.is_truncated, read.next_continuation_token.as_deref()), (true, Some("1ueG=/+&")));
        let keys: Vec<(&str, u64, &str)> =
            read.contents.iter().map(|e| (e.key.as_str(), e.size, e.etag.as_str())).collect();
        assert_eq!(keys, [("dags/a b+c.py", 3, "\"0cc1\""), ("dags/grüße.py", 0, "\"1\"")]);
        let empty =
            page(b"<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>").unwrap();
        assert!(empty.contents.is_empty() && !empty.is_truncated);
        for other in [
            "",
            "{}",
            "<html><body>Sign in</body></html>",
            "<Error><Code>SlowDown</Code></Error>",
            "<ListBucketResult><Name>b</Name></ListBucketResult>",
            &LISTING[..LISTING.len() / 2],
            &LISTING.replace("%C3%9F", "%C3"),
            &LISTING.replace("<Size>3</Size>", ""),
        ] {
            assert!(page(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let refused = |status: u16, code: &str, more: &str| {
            let body = format!(
                "<Error><Code>{code}</Code><Message>No.</Message><AWSAccessKeyId>AKIA1</AWSAccessKeyId>{more}</Error>"
            );
            refusal(status, &HeaderMap::new(), body.as_bytes(), Timestamp::UNIX_EPOCH)
        };
        for (status, code, more, says) in [
            (404, "NoSuchBucket", "", "no bucket `b`: make it, or fix `path`"),
            (403, "AccessDenied", "", "the permission s3:GetObject on arn"),
            (403, "SignatureDoesNotMatch", "", "does not fit"),
            (400, "ExpiredToken", "", "aws sso login"),
            (403, "RequestTimeTooSkewed", "", "clock"),
            (301, "PermanentRedirect", "", "the region of the bucket `b`"),
            (400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>", "set AWS_REGION=eu-west-1"),
            (400, "AuthorizationHeaderMalformed", "<Region>evil.example/</Region>", "the region of the bucket `b`"),
        ] {
            let refusal = refused(status, code, more);
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), (code, "No."));
            assert!(refusal.remedy("b", "s3:GetObject", "arn", "`path`").unwrap().contains(says), "{refusal:?}");
        }
        assert!(refused(404, "NoSuchKey", "").is_missing() && !refused(404, "NoSuchBucket", "").is_missing());
        // What a proxy says of a path that it does not know is no word of S3 about an object.
        let page = refusal(404, &HeaderMap::new(), b"<html><title>404 Not Found</title></html>", Timestamp::UNIX_EPOCH);
        assert!(!page.is_missing() && !page.message.is_empty(), "{page:?}");
    }

    #[test]
    fn a_bucket_that_may_not_be_elsewhere_is_not_followed_there() {
        let headers = HeaderMap::from_iter([("x-amz-bucket-region".parse().unwrap(), "eu-west-1".parse().unwrap())]);
        let moved = refusal(301, &headers, b"<Error><Code>PermanentRedirect</Code></Error>", Timestamp::now());
        assert!(moved.is_elsewhere());
        let refused = moved.of_another_region("acme-dags", "MWAA reads its own region");
        assert_eq!(refused.message, "the bucket `acme-dags` is in eu-west-1, and MWAA reads its own region");
        assert_eq!((refused.is_elsewhere(), refused.region), (false, None));
    }
}
