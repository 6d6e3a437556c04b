//! What an error answer of GitHub means. Pure.
//!
//! `{"message": …, "errors": [{"resource", "field", "code", "message"}], "documentation_url": …}` (docs.github.com, "Troubleshooting
//! the REST API"). A limit on requests is answered with 403 or 429 alike.

use crate::services::databricks::errors::{header, is_html, meaning, retry_after};
use jiff::Timestamp;
use plumb_model::call::{Doubt, ServiceError};
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::time::Duration;

/// How long to wait at a secondary limit that does not say how long (docs.github.com, "Rate limits for the REST API").
const UNSAID: Duration = Duration::from_secs(60);

/// Reads an answer that is no success. A limit on requests gets status 429, whichever it came with: nothing was done, and
/// it passes.
pub(super) fn refused(line: String, status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> ServiceError {
    let own = serde_json::from_slice::<Value>(body).is_ok_and(|body| body["message"].is_string());
    let message = if (300..400).contains(&status) {
        let to = header(headers, "location").unwrap_or("another address");
        format!("it redirects to {to}, which is not followed; was the repository renamed?")
    } else {
        message(status, body)
    };
    let limit = limit(status, headers, &message, now);
    let code = match limit {
        Some(_) => "RATE_LIMITED".to_owned(),
        None => reqwest::StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("UNKNOWN")
            .to_ascii_uppercase()
            .replace(' ', "_"),
    };
    ServiceError::Refused {
        line,
        status: if limit.is_some() { 429 } else { status },
        code,
        message,
        request_id: header(headers, "x-github-request-id").map(str::to_owned),
        retry_after: limit.or_else(|| header(headers, "retry-after").and_then(|value| retry_after(value, now))),
        doubt: Doubt::about(if limit.is_some() { 429 } else { status }, own),
    }
}

/// How long a limit on requests asks to wait; `None` when it is no such limit.
fn limit(status: u16, headers: &HeaderMap, message: &str, now: Timestamp) -> Option<Duration> {
    if !matches!(status, 403 | 429) {
        return None;
    }
    let asked = header(headers, "retry-after").and_then(|value| retry_after(value, now));
    let used_up = header(headers, "x-ratelimit-remaining") == Some("0");
    let reset = || {
        let at = header(headers, "x-ratelimit-reset")?.parse().ok()?;
        let at = Timestamp::from_second(at).ok()?;
        Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
    };
    let secondary = message.contains("secondary rate limit") || message.contains("abuse detection");
    match (asked, used_up) {
        (Some(asked), _) => Some(asked),
        (None, true) => Some(reset().unwrap_or(UNSAID)),
        (None, false) if status == 429 || secondary => Some(UNSAID),
        (None, false) => None,
    }
}

fn message(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let members = match serde_json::from_str(&text) {
        Ok(Value::Object(members)) if !is_html(&text) => members,
        _ => return meaning(status, body).message,
    };
    let mut said = members.get("message").and_then(Value::as_str).unwrap_or("the answer gives no reason").to_owned();
    for problem in members.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| problem.get(name).and_then(Value::as_str);
        let words = match (problem.as_str(), part("message")) {
            (Some(text), _) | (None, Some(text)) => text.to_owned(),
            (None, None) => ["resource", "field", "code"].into_iter().filter_map(part).collect::<Vec<_>>().join(" "),
        };
        said.push_str(&format!("; {words}"));
    }
    said
}

/// Where the next page is, by the `Link` header: its query. `None` on the last page.
///
/// Pages are counted or found by a cursor, as the endpoint has it, so the query is taken as it is; the host and the path are not.
pub(super) fn next_page(headers: &HeaderMap) -> Option<Vec<(String, String)>> {
    let links = header(headers, "link")?;
    let next = links.split(',').find_map(|link| {
        let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        rest.split(';').any(|part| part.trim() == "rel=\"next\"").then_some(address)
    })?;
    let url = reqwest::Url::parse(next).ok()?;
    Some(url.query_pairs().into_owned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn fault(status: u16, pairs: &[(&str, &str)], body: &str) -> (u16, Option<u64>, String) {
        let now = "2026-05-01T10:00:00Z".parse().unwrap();
        match refused("GET /x".into(), status, &headers(pairs), body.as_bytes(), now) {
            ServiceError::Refused { status, retry_after, message, .. } => {
                (status, retry_after.map(|d| d.as_secs()), message)
            }
            other => unreachable!("{other}"),
        }
    }

    #[test]
    fn limits_are_told_from_missing_permissions() {
        let secondary = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}"#;
        let forbidden = r#"{"message":"Resource not accessible by integration"}"#;
        let limit = |status, pairs: &[(&str, &str)], body| {
            let (status, wait, _) = fault(status, pairs, body);
            (status, wait)
        };
        assert_eq!(limit(403, &[("retry-after", "7")], secondary), (429, Some(7)));
        assert_eq!(limit(403, &[], secondary), (429, Some(60)));
        assert_eq!(limit(429, &[], "{}"), (429, Some(60)));
        let reset = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1777629610")];
        assert_eq!(limit(403, &reset, r#"{"message":"API rate limit exceeded"}"#), (429, Some(10)));
        assert_eq!(limit(403, &[("x-ratelimit-remaining", "59")], forbidden), (403, None));
    }

    #[test]
    fn every_error_of_an_answer_is_said() {
        let body = r#"{"message":"Validation Failed","errors":[{"resource":"IssueComment","code":"unprocessable",
            "field":"data","message":"Body is too long (maximum is 65536 characters)"},{"resource":"Issue","field":"title",
            "code":"missing_field"},"plain"]}"#;
        let (status, _, message) = fault(422, &[], body);
        let all = "Validation Failed; Body is too long (maximum is 65536 characters); Issue title missing_field; plain";
        assert_eq!((status, message.as_str()), (422, all));
        assert_eq!(fault(502, &[], "<html><title>Unicorn!</title></html>").2, "Unicorn!");
        assert!(fault(301, &[("location", "https://x/")], "").2.contains("redirects to https://x/"));
    }

    #[test]
    fn the_next_page_is_found_by_its_name() {
        let link = r#"<https://evil.example/x?page=1>; rel="prev", <https://api.github.com/x?per_page=100&after=a%3D>; rel="next""#;
        let query = next_page(&headers(&[("link", link)])).unwrap();
        assert_eq!(query, [("per_page".into(), "100".into()), ("after".into(), "a=".into())]);
        assert_eq!(next_page(&headers(&[("link", r#"<https://x/?page=1>; rel="last""#)])), None);
        assert_eq!(next_page(&headers(&[])), None);
    }
}
