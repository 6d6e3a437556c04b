//! HTTP answers: the status and the body in the form that the real service sends.

use super::errors::{ApiError, Handled};
use super::{System, databricks, request::Request};
use axum::body::{Body, Bytes};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// No body at all.
    Nothing,
    Json(Value),
    /// JSON under the media type that Airflow 2 gives its errors.
    Problem(Value),
    Html(String),
    Plain(String),
    /// A download, and when the file was changed (milliseconds since 1970).
    File {
        bytes: Vec<u8>,
        modified: i64,
        /// Of a part: which one, as `Content-Range` has it.
        part: Option<String>,
    },
    /// As AWS sends it: under the media type of the protocol, the name of an error in a header of its own.
    Amazon {
        media: &'static str,
        error: Option<String>,
        text: String,
    },
    /// As S3 and Google Cloud Storage send it, with headers of its own.
    Object {
        media: Cow<'static, str>,
        headers: Vec<(&'static str, String)>,
        bytes: Vec<u8>,
    },
}

impl Content {
    /// The name of an error of AWS.
    pub fn error(&self) -> Option<&str> {
        match self {
            Content::Amazon { error, .. } => error.as_deref(),
            _ => None,
        }
    }

    /// The headers that only this answer has; with them it has its own ids as well.
    pub fn headers(&self) -> Option<&[(&'static str, String)]> {
        match self {
            Content::Object { headers, .. } => Some(headers),
            _ => None,
        }
    }

    /// Which part of a file it is.
    pub fn part(&self) -> Option<String> {
        match self {
            Content::File { part, .. } => part.clone(),
            _ => None,
        }
    }

    /// When a download was changed, as `Last-Modified` has it (RFC 9110, section 5.6.7).
    pub fn modified(&self) -> Option<String> {
        let Content::File { modified, .. } = self else { return None };
        let at = jiff::Timestamp::from_millisecond(*modified).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
        Some(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
    }
}

/// What a `Range` asks of so many bytes: from, and to without that one. What cannot be read is passed over (RFC 9110,
/// section 14.2), and so are several ranges, which S3 does not support.
pub fn span(range: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    if from.is_empty() {
        let last: usize = to.parse().ok()?;
        return Some(if last == 0 { (length, length) } else { (length.saturating_sub(last), length) });
    }
    let from: usize = from.parse().ok()?;
    let to = if to.is_empty() { length } else { to.parse::<usize>().ok().filter(|to| *to >= from)?.saturating_add(1) };
    Some((from, to.min(length)))
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub content: Content,
    /// Seconds, sent as `Retry-After`.
    pub retry_after: Option<u64>,
}

impl Answer {
    /// An answer in JSON; `null` is a body as well.
    pub fn json(status: u16, body: Value) -> Self {
        Answer { status, content: Content::Json(body), retry_after: None }
    }

    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Answer { status, content: Content::Nothing, retry_after: None }
    }

    /// Whether the request had its effect.
    pub fn is_ok(&self) -> bool {
        self.status < 400
    }

    /// The media type and the bytes.
    pub fn encode(self) -> (Option<Cow<'static, str>>, Body) {
        let (kind, bytes) = match self.content {
            Content::Nothing => return (None, Body::empty()),
            Content::Json(body) => ("application/json", Bytes::from(body.to_string())),
            Content::Problem(body) => ("application/problem+json", Bytes::from(body.to_string())),
            Content::Html(text) => ("text/html", Bytes::from(text)),
            Content::Plain(text) => ("text/plain; charset=utf-8", Bytes::from(text)),
            Content::File { bytes, .. } => ("application/octet-stream", Bytes::from(bytes)),
            Content::Amazon { media, text, .. } => (media, Bytes::from(text)),
            Content::Object { media, bytes, .. } => return (Some(media), Body::from(bytes)),
        };
        (Some(Cow::Borrowed(kind)), Body::from(bytes))
    }
}

impl From<Handled> for Answer {
    fn from(handled: Handled) -> Self {
        match handled {
            Ok(body) => databricks::reply::answer(body),
            Err(error) => error.into(),
        }
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        // A fault may want an answer that is no JSON at all.
        let content = match error.body {
            Value::String(text) => Content::Html(text),
            body => Content::Json(body),
        };
        Answer { status: error.status, content, retry_after: error.retry_after }
    }
}

/// What a fault answers that only names a status.
pub fn made_up(system: System, request: &Request, status: u16) -> Answer {
    let path = &request.path;
    match system {
        System::Airflow => super::airflow::replies::made_up(path, status),
        System::Emr => super::emr::replies::made_up(path, status, &request.id),
        System::Gcs => super::gcs::made_up(request, status),
        System::Databricks => {
            let code = match status {
                429 => "REQUEST_LIMIT_EXCEEDED",
                503 => "TEMPORARILY_UNAVAILABLE",
                _ => "INTERNAL_ERROR",
            };
            let message = format!("A fault of the sandbox: {status}");
            Answer::json(status, json!({ "error_code": code, "message": message }))
        }
    }
}
