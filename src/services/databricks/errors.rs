//! What an error answer means. Pure.
//!
//! Facts: databricks-sdk-go, `apierr/errors.go` (the forms of bodies) and `apierr/error_mapping.go` (codes and statuses).

use jiff::Timestamp;
use plumb_model::call::{Doubt, ServiceError};
use plumb_model::text::shortened;
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;
use std::time::Duration;

/// A longer message is cut: some gateways answer with a whole page.
const LONGEST_MESSAGE: usize = 2000;

/// What an error's body says.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// The error code, or the status text.
    pub code: String,
    pub message: String,
    /// The id of the request, where the body has it.
    pub request_id: Option<String>,
    /// Whether Databricks wrote it: with an error code, or in one of its older forms. A text, a page or a lone `message`
    /// may be of whatever stands in front of it.
    pub own: bool,
}

/// Reads an answer that is no success.
pub fn refused(line: String, status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> ServiceError {
    let mut meaning = if (300..400).contains(&status) { redirect(headers) } else { meaning(status, body) };
    if status == 401 || is_bad_token(status, &meaning.message) {
        meaning.message.push_str(" (the service does not accept these credentials)");
    }
    ServiceError::Refused {
        line,
        status: meant_status(status, &meaning.code),
        code: meaning.code,
        message: shortened(&meaning.message, LONGEST_MESSAGE),
        request_id: request_id(headers).or(meaning.request_id),
        retry_after: header(headers, "retry-after").and_then(|value| retry_after(value, now)),
        doubt: Doubt::about(status, meaning.own),
    }
}

/// A personal token that is not valid is answered with 403 rather than 401.
pub fn is_bad_token(status: u16, message: &str) -> bool {
    status == 403 && message.contains("Invalid access token")
}

/// The status that goes with the code: older endpoints answer 400 whatever is wrong.
fn meant_status(status: u16, code: &str) -> u16 {
    match code {
        "RESOURCE_DOES_NOT_EXIST" if status == 400 => 404,
        "REQUEST_LIMIT_EXCEEDED" | "TOO_MANY_REQUESTS" if (400..500).contains(&status) => 429,
        _ => status,
    }
}

/// The service's id of a request.
pub fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-request-id", "x-databricks-request-id"].iter().find_map(|name| header(headers, name)).map(str::to_owned)
}

/// The value of a header, if it is text.
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}

/// How long to wait: a number of seconds, or a date (RFC 9110, 10.2.3).
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let then = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok()?;
    Some(Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// What a body says that came with this status.
pub fn meaning(status: u16, body: &[u8]) -> Meaning {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let said = |code: String, message: String| Meaning { code, message, request_id: None, own: false };
    if text.is_empty() {
        return said(status_code(status), "the answer has no text".to_owned());
    }
    if let Ok(Value::Object(members)) = serde_json::from_str(text) {
        return of_json(status, &members, text);
    }
    if let Some((code, message)) = text.split_once(": ")
        && !code.is_empty()
        && code.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    {
        return Meaning { own: true, ..said(code.to_owned(), message.to_owned()) };
    }
    if is_html(text) {
        return said(status_code(status), of_html(text));
    }
    said(status_code(status), text.to_owned())
}

fn of_json(status: u16, members: &serde_json::Map<String, Value>, text: &str) -> Meaning {
    let part = |name: &str| members.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
    // Some services write the HTTP status as a number where the code should be.
    let code = part("error_code").map_or_else(|| status_code(status), str::to_owned);
    let request_id = members
        .get("details")
        .and_then(Value::as_array)
        .and_then(|details| details.iter().find_map(|detail| detail.get("request_id")?.as_str()).map(str::to_owned));
    let own = matches!(members.get("error_code"), Some(Value::String(_) | Value::Number(_)))
        || members.get("error").is_some_and(Value::is_string)
        || part("detail").is_some();
    let said = |code: String, message: String| Meaning { code, message, request_id, own };
    match members.get("error") {
        // OAuth (RFC 6749, 5.2), Microsoft Entra.
        Some(Value::String(error)) if part("error_description").is_some() => {
            return said(error.clone(), part("error_description").unwrap_or_default().to_owned());
        }
        // API 1.2.
        Some(Value::String(error)) if !error.is_empty() => return said(code, error.clone()),
        // Azure's resource manager.
        Some(Value::Object(error)) => {
            let part = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
            return said(part("code").unwrap_or(code), part("message").unwrap_or_else(|| text.to_owned()));
        }
        _ => {}
    }
    if let Some(message) = part("message") {
        return said(code, message.to_owned());
    }
    // SCIM (RFC 7644, 3.12). `status` is a text there, and may be a number from others.
    if let Some(detail) = part("detail") {
        let detail = if detail == "null" { "internal error of the SCIM API" } else { detail };
        let status = match members.get("status") {
            Some(Value::String(status)) => status.clone(),
            Some(Value::Number(status)) => status.to_string(),
            _ => status.to_string(),
        };
        let message = [part("scimType").unwrap_or_default(), detail].join(" ").trim().to_owned();
        return said(format!("SCIM_{status}"), message);
    }
    said(code, text.to_owned())
}

/// Whether a text is a web page.
pub fn is_html(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(15).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype html")
        || start.starts_with("<html")
        || start.starts_with("<head")
        || start.starts_with("<body")
}

/// What a page says: legacy APIs put the error into `<pre>`, gateways into the title.
fn of_html(text: &str) -> String {
    let inner = |tag: &str| {
        let lower = text.to_ascii_lowercase();
        let start = lower.find(&format!("<{tag}"))?;
        let start = start + lower[start..].find('>')? + 1;
        let end = start + lower[start..].find(&format!("</{tag}>"))?;
        let inner = unescaped(&without_tags(&text[start..end]));
        (!inner.is_empty()).then_some(inner)
    };
    ["pre", "title", "h1"]
        .iter()
        .find_map(|tag| inner(tag))
        .unwrap_or_else(|| unescaped(&without_tags(text)))
        .trim_matches([' ', '.'])
        .to_owned()
}

fn without_tags(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                out.push(' ');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unescaped(text: &str) -> String {
    // `&amp;` last, or `&amp;lt;` would be unescaped twice.
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// A redirect leads to a login page, or to nothing that an API client can use.
fn redirect(headers: &HeaderMap) -> Meaning {
    let to = header(headers, "location").unwrap_or("an unnamed place");
    // The query may hold anything, tokens included.
    let place = to.split(['?', '#']).next().unwrap_or(to);
    let message = if to.contains("private-link-validation-error") {
        "this workspace is only reachable through its private link: run plumb inside that network".to_owned()
    } else {
        format!("it redirects to {place}: is this the address of a workspace?")
    };
    Meaning { code: "REDIRECT".to_owned(), message, request_id: None, own: false }
}

/// `Bad Gateway` as `BAD_GATEWAY`.
fn status_code(status: u16) -> String {
    let text = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("UNKNOWN");
    text.to_ascii_uppercase().replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &str) -> (String, String) {
        let Meaning { code, message, .. } = meaning(status, body.as_bytes());
        (code, message)
    }

    #[test]
    fn every_form_of_body() {
        for (status, body, code, message) in [
            (
                400,
                r#"{"error_code":"INVALID_STATE","message":"Cluster 1 is busy"}"#,
                "INVALID_STATE",
                "Cluster 1 is busy",
            ),
            (403, r#"{"error_code":403,"message":"Invalid access token."}"#, "FORBIDDEN", "Invalid access token."),
            (404, r#"{"message":"Job 1 does not exist."}"#, "NOT_FOUND", "Job 1 does not exist."),
            (500, r#"{"error":"IllegalArgument: no"}"#, "INTERNAL_SERVER_ERROR", "IllegalArgument: no"),
            (401, r#"{"error":"invalid_client","error_description":"who?"}"#, "invalid_client", "who?"),
            (404, r#"{"error":{"code":"ResourceNotFound","message":"gone"}}"#, "ResourceNotFound", "gone"),
            (404, r#"{"detail":"no user","status":"404","scimType":"noTarget"}"#, "SCIM_404", "noTarget no user"),
            (500, r#"{"detail":"null","status":500}"#, "SCIM_500", "internal error of the SCIM API"),
            (403, "PERMISSION_DENIED: not yours", "PERMISSION_DENIED", "not yours"),
            (502, "upstream: gone", "BAD_GATEWAY", "upstream: gone"),
            (418, "", "I'M_A_TEAPOT", "the answer has no text"),
            (404, "<html><body><pre> Org &lt;1&gt; is gone. </pre></body></html>", "NOT_FOUND", "Org <1> is gone"),
            (502, "<!DOCTYPE html>\n<TITLE>502 Bad Gateway</TITLE><p>nginx", "BAD_GATEWAY", "502 Bad Gateway"),
            (500, "<html><p>It\n broke</p>", "INTERNAL_SERVER_ERROR", "It broke"),
            (400, r#"{"odd":1}"#, "BAD_REQUEST", r#"{"odd":1}"#),
            (400, "[1]", "BAD_REQUEST", "[1]"),
        ] {
            assert_eq!(said(status, body), (code.to_owned(), message.to_owned()), "{body}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_survived() {
        assert_eq!(meaning(500, &[0xff, 0xfe]).message, "\u{fffd}\u{fffd}");
        assert_eq!(said(500, "<html><pre>İ</pre>").1, "İ");
    }

    fn fault(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> ServiceError {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (reqwest::header::HeaderName::from_static(name), reqwest::header::HeaderValue::from_static(value))
            })
            .collect();
        let now = "2024-05-01T10:00:00Z".parse().unwrap();
        refused("GET /x".to_owned(), status, &headers, body.as_bytes(), now)
    }

    #[test]
    fn request_ids_are_found() {
        let id = |fault: ServiceError| match fault {
            ServiceError::Refused { request_id, .. } => request_id,
            _ => None,
        };
        assert_eq!(id(fault(500, &[("x-request-id", "a")], "")), Some("a".to_owned()));
        assert_eq!(id(fault(500, &[("x-databricks-request-id", "b")], "")), Some("b".to_owned()));
        let body = r#"{"message":"m","details":[{"@type":"…ErrorInfo"},{"@type":"…RequestInfo","request_id":"c"}]}"#;
        assert_eq!(id(fault(500, &[], body)), Some("c".to_owned()));
        assert_eq!(id(fault(500, &[], "")), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2024-05-01T10:00:00Z".parse().unwrap();
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 01 May 2024 10:00:30 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Wed, 01 May 2024 09:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-1", now), None);
    }

    #[test]
    fn codes_that_mean_another_status_get_it() {
        let status = |fault: ServiceError| match fault {
            ServiceError::Refused { status, .. } => status,
            _ => 0,
        };
        let missing = fault(400, &[], r#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"m"}"#);
        assert!(missing.is_gone());
        assert_eq!(status(fault(400, &[], r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"m"}"#)), 429);
        assert_eq!(status(fault(400, &[], r#"{"error_code":"INVALID_STATE","message":"m"}"#)), 400);
    }

    #[test]
    fn what_databricks_wrote_is_told_from_what_stands_in_front_of_it() {
        for (status, body, own) in [
            (400, r#"{"error_code":"INVALID_STATE","message":"m"}"#, true),
            (403, r#"{"error_code":403,"message":"m"}"#, true),
            (404, r#"{"detail":"no user","status":"404"}"#, true),
            (400, r#"{"error":"IllegalArgument: no"}"#, true),
            (403, "PERMISSION_DENIED: not yours", true),
            (403, r#"{"message":"Forbidden"}"#, false),
            (404, "default backend - 404", false),
            (404, "<html><pre>gone</pre></html>", false),
            (400, "", false),
            (400, "[1]", false),
            // These say the same whoever writes them.
            (401, "", true),
            (429, "slow down", true),
        ] {
            assert_eq!(!fault(status, &[], body).may_have_happened(), own, "{status} {body}");
        }
        assert!(!fault(404, &[], "default backend - 404").is_gone());
        assert!(fault(404, &[], r#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"m"}"#).is_gone());
    }

    #[test]
    fn redirects_show_no_query() {
        let text = fault(302, &[("location", "https://login.example/x?token=hunter22")], "").to_string();
        assert!(text.contains("https://login.example/x:") && !text.contains("hunter22"), "{text}");
        let text = fault(302, &[("location", "/login.html?error=private-link-validation-error:1")], "").to_string();
        assert!(text.contains("private link"), "{text}");
    }

    #[test]
    fn long_messages_are_cut() {
        let body = "é".repeat(LONGEST_MESSAGE * 2);
        let ServiceError::Refused { message, .. } = fault(500, &[], &body) else { unreachable!() };
        assert_eq!(message.chars().count(), LONGEST_MESSAGE + 1);
    }
}
