//! What EMR, EMR Serverless and STS answer, and other services of AWS that speak JSON. Pure.
//!
//! Facts: the code of an error is `__type` in the body or the header `x-amzn-errortype` (AWS JSON protocol), or an element
//! `Code` where IAM answers in front of the service; throttling is in no model of the services, `Rate exceeded` comes as
//! 400 `ThrottlingException` (re:Post, "EMR API throttling"); the codes are those that botocore repeats
//! (`retries/standard.py`, `ThrottledRetryableChecker`).

use super::protocol::EmrApi;
use crate::services::databricks::errors::{header, meaning, retry_after};
use crate::services::failed::LONGEST_MESSAGE;
use jiff::Timestamp;
use plumb_model::call::Doubt;
use plumb_model::text::shortened;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Codes that mean: too many requests.
const THROTTLED: [&str; 14] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];

/// Codes that mean: the service failed, and may not the next time.
const FAILED: [&str; 4] = ["InternalServerException", "InternalServerError", "InternalFailure", "ServiceUnavailable"];

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EmrError {
    /// The status that goes with the code: throttling counts as 429, a service that failed as 503, and what is not there
    /// as 404, whatever it says.
    pub status: u16,
    pub code: String,
    pub message: String,
    pub request_id: Option<String>,
    pub retry_after: Option<Duration>,
    /// Why it may have been done although it was refused.
    pub doubt: Option<Doubt>,
}

/// An error in XML: `<ErrorResponse><Error>…` or `<Response><Errors><Error>…`.
#[derive(Default, Deserialize)]
struct Xml {
    #[serde(rename = "Error", alias = "Errors")]
    error: Option<XmlError>,
}

#[derive(Deserialize)]
struct XmlError {
    #[serde(rename = "Error")]
    inner: Option<Box<XmlError>>,
    #[serde(rename = "Code", default)]
    code: String,
    #[serde(rename = "Message", default)]
    message: String,
}

/// Reads a refusal.
pub(crate) fn refusal(status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> EmrError {
    let (code, message, own) = said(status, headers, body);
    let status = match code.as_str() {
        code if THROTTLED.contains(&code) => 429,
        code if FAILED.contains(&code) => 503,
        "InvalidRequestException" if is_missing(&message) => 404,
        _ => status,
    };
    EmrError {
        status,
        code,
        message: shortened(&message, LONGEST_MESSAGE),
        request_id: request_id(headers),
        retry_after: header(headers, "retry-after").and_then(|value| retry_after(value, now)),
        doubt: Doubt::about(status, own),
    }
}

/// Whether EMR says that what was asked for is not there. It has no code for a security configuration; the words are
/// those of RunJobFlow (recorded: hashicorp/terraform#13620).
fn is_missing(message: &str) -> bool {
    message.contains("(NoSuchCluster)")
        || (message.starts_with("Security configuration with name ") && message.contains(" does not exist"))
}

/// Code and message, and whether AWS wrote them.
fn said(status: u16, headers: &HeaderMap, body: &[u8]) -> (String, String, bool) {
    let plain = meaning(status, body);
    let text = String::from_utf8_lossy(body);
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let part = |names: [&str; 2]| names.iter().find_map(|name| json[*name].as_str()).map(str::to_owned);
    // `com.amazonaws…#ValidationException` and `ValidationException:http://…` are both in use.
    let short = |code: &str| code.rsplit('#').next().unwrap_or(code).split(':').next().unwrap_or(code).to_owned();
    let code = part(["__type", "code"]).or_else(|| header(headers, "x-amzn-errortype").map(str::to_owned));
    if let Some(code) = code.filter(|code| !code.is_empty()) {
        let detail = json["ErrorCode"].as_str().map(|detail| format!(" ({detail})")).unwrap_or_default();
        let message = part(["message", "Message"]).unwrap_or(plain.message);
        return (short(&code), format!("{message}{detail}"), true);
    }
    if let Ok(Xml { error: Some(error) }) = quick_xml::de::from_str(&text) {
        let error = error.inner.map_or_else(|| (error.code, error.message), |inner| (inner.code, inner.message));
        if !error.0.is_empty() {
            return (error.0, error.1, true);
        }
    }
    (plain.code, plain.message, false)
}

/// The service's id of a request.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    header(headers, "x-amzn-requestid").map(str::to_owned)
}

/// Reads a success.
pub(super) fn body(api: EmrApi, body: &[u8]) -> Result<Value, String> {
    match api {
        EmrApi::Identity => caller(body),
        EmrApi::Clusters | EmrApi::Serverless | EmrApi::Prices if body.iter().all(u8::is_ascii_whitespace) => {
            Ok(Value::Null)
        }
        EmrApi::Clusters | EmrApi::Serverless | EmrApi::Prices => {
            serde_json::from_slice(body).map_err(|e| format!("that is not JSON ({e})"))
        }
    }
}

#[derive(Deserialize)]
struct CallerAnswer {
    #[serde(rename = "GetCallerIdentityResult")]
    result: CallerResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CallerResult {
    arn: String,
    account: String,
}

fn caller(body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|e| e.to_string())?;
    let read: CallerAnswer =
        quick_xml::de::from_str(text).map_err(|e| format!("that does not say who we are ({e})"))?;
    Ok(json!({ "Account": read.result.account, "Arn": read.result.arn }))
}

impl EmrError {
    /// Whether the credentials have had their time.
    pub(crate) fn is_expired(&self) -> bool {
        matches!(self.code.as_str(), "ExpiredToken" | "ExpiredTokenException" | "RequestExpired")
    }

    /// What can be done about it; `action` is the permission that the request needs.
    pub(crate) fn remedy(&self, action: &str) -> Option<String> {
        Some(match self.code.as_str() {
            "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
                format!("it takes the permission {action}")
            }
            "InvalidClientTokenId" | "UnrecognizedClientException" => {
                "AWS knows no such credentials: was the access key deleted, or is the session token missing?".to_owned()
            }
            "SignatureDoesNotMatch" | "InvalidSignatureException" => {
                "the secret access key does not fit the access key, or this machine's clock is wrong".to_owned()
            }
            "OptInRequired" | "AuthFailure" => "is the region enabled for this account?".to_owned(),
            _ if self.is_expired() => {
                "the credentials have expired: sign in to AWS again, for example with `aws sso login`".to_owned()
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> EmrError {
        refusal(status, &HeaderMap::new(), body.as_bytes(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn every_form_of_an_error_is_read() {
        let json = r#"{"__type":"com.amazonaws.emr#InvalidRequestException","ErrorCode":"NoSuchCluster","Message":"Cluster id 'j-1' is not valid."}"#;
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>No.</Message></Error></ErrorResponse>";
        let ec2 = "<Response><Errors><Error><Code>AuthFailure</Code><Message>No.</Message></Error></Errors></Response>";
        for (status, body, code, message) in [
            (404, json, "InvalidRequestException", "Cluster id 'j-1' is not valid. (NoSuchCluster)"),
            (403, xml, "InvalidClientTokenId", "No."),
            (403, ec2, "AuthFailure", "No."),
            (403, r#"{"__type":"AccessDeniedException","message":"No."}"#, "AccessDeniedException", "No."),
        ] {
            let refusal = read(if status == 404 { 400 } else { status }, body);
            assert_eq!((refusal.status, refusal.code.as_str(), refusal.message.as_str()), (status, code, message));
        }
        let page = read(500, "<!doctype html><html><title>500 Internal Server Error</title></html>");
        assert_eq!((page.status, page.message.as_str()), (500, "500 Internal Server Error"));
        assert_eq!(read(404, "default backend - 404").doubt, Some(Doubt::Foreign));
        assert_eq!((read(403, xml).doubt, read(400, json).doubt), (None, None));
    }

    #[test]
    fn what_is_not_there_is_known_by_its_words() {
        let status =
            |code: &str, message: &str| read(400, &json!({ "__type": code, "Message": message }).to_string()).status;
        assert_eq!(status("InvalidRequestException", "Security configuration with name 'x' does not exist."), 404);
        assert_eq!(status("InvalidRequestException", "The role does not exist."), 400);
        assert_eq!(status("ValidationException", "Security configuration with name 'x' does not exist."), 400);
    }

    #[test]
    fn throttling_is_known_by_its_code() {
        for code in THROTTLED {
            assert_eq!(read(400, &format!(r#"{{"__type":"{code}","message":"Rate exceeded"}}"#)).status, 429);
        }
        assert_eq!(read(500, r#"{"__type":"InternalServerException","Message":"x"}"#).status, 503);
        assert_eq!(read(400, r#"{"__type":"ValidationException"}"#).status, 400);
    }

    #[test]
    fn who_we_are_is_read_whole_or_not_at_all() {
        let text = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/a</Arn>\
                    <UserId>U</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
        let read = body(EmrApi::Identity, text.as_bytes()).unwrap();
        assert_eq!(read["Account"], "123456789012");
        for other in ["", "{}", "<html></html>", &text.replace("Account", "Count")] {
            assert!(body(EmrApi::Identity, other.as_bytes()).is_err(), "{other}");
        }
    }
}
