//! What an error answer of Airflow means. Pure.
//!
//! Airflow 3 answers `{"detail": …}` with a text, a list of what is wrong with the request, or an object; Airflow 2 a
//! problem document (RFC 7807), and sometimes a web page. What Airflow 3 quotes of the request (`input`) is left out: it
//! may be a password.

use crate::services::databricks::errors::{header, is_html, meaning, retry_after};
use crate::services::failed::LONGEST_MESSAGE;
use jiff::Timestamp;
use plumb_model::call::{Doubt, ServiceError};
use plumb_model::text::shortened;
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;

/// Reads an answer that is no success.
pub(super) fn refused(line: String, status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> ServiceError {
    ServiceError::Refused {
        line,
        status,
        code: code(status),
        message: shortened(
            &if (300..400).contains(&status) { redirect(headers) } else { message(status, body) },
            LONGEST_MESSAGE,
        ),
        request_id: header(headers, "x-request-id").map(str::to_owned),
        retry_after: header(headers, "retry-after").and_then(|value| retry_after(value, now)),
        doubt: Doubt::about(status, is_own(body)),
    }
}

/// Whether Airflow wrote it: its errors are objects with a `detail`, or a `title`.
fn is_own(body: &[u8]) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return false };
    ["detail", "title"].iter().any(|member| members.contains_key(*member))
}

/// Whether the server does not take the token: it has expired, or is none.
pub(super) fn is_signed_out(status: u16, message: &str) -> bool {
    // A token that is none is answered with 403, like a missing permission; only the words differ.
    status == 401 || (status == 403 && message.contains("Invalid JWT token"))
}

/// What the body says.
fn message(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    if is_html(&text) {
        let page = meaning(status, body).message;
        // The first sentence: what follows is the same on every page.
        return page.split_once(". ").map_or(page.clone(), |(first, _)| format!("{first} (a web page)"));
    }
    let Ok(Value::Object(members)) = serde_json::from_str(&text) else { return meaning(status, body).message };
    let title = members.get("title").and_then(Value::as_str);
    match members.get("detail") {
        Some(Value::String(detail)) => match title {
            // `Not Found: The Connection with connection_id: …` says no more than the detail alone.
            Some(title) if detail.is_empty() => title.to_owned(),
            // Airflow 2 goes on with the schema that its own answer fails.
            _ => detail.split("\n\nFailed validating").next().unwrap_or(detail).to_owned(),
        },
        Some(Value::Array(problems)) => problems.iter().map(problem).collect::<Vec<_>>().join("; "),
        Some(Value::Object(detail)) => {
            let part = |name: &str| detail.get(name).and_then(Value::as_str);
            let parts: Vec<&str> = ["reason", "message"].into_iter().filter_map(part).collect();
            if parts.is_empty() { "the answer gives no reason".to_owned() } else { parts.join(": ") }
        }
        _ => title.map_or_else(|| meaning(status, body).message, str::to_owned),
    }
}

/// `body.extra: Input should be a valid string`.
fn problem(problem: &Value) -> String {
    let place: Vec<String> = problem["loc"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
        .collect();
    let what = problem["msg"].as_str().unwrap_or("not accepted");
    if place.is_empty() { what.to_owned() } else { format!("{}: {what}", place.join(".")) }
}

/// A redirect leads to a login page.
fn redirect(headers: &HeaderMap) -> String {
    let to = header(headers, "location").unwrap_or("an unnamed place");
    // The query may hold anything, tokens included.
    let place = to.split(['?', '#']).next().unwrap_or(to);
    format!("it redirects to {place}: is this the address of an Airflow web server?")
}

/// `Bad Gateway` as `BAD_GATEWAY`.
fn code(status: u16) -> String {
    let text = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("UNKNOWN");
    text.to_ascii_uppercase().replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_body() {
        for (status, body, expected) in [
            (404, r#"{"detail":"The Pool with name: `unl` was not found"}"#, "The Pool with name: `unl` was not found"),
            (
                422,
                r#"{"detail":[{"type":"missing","loc":["body","connection_id"],"msg":"Field required","input":{"password":"hunter22"}},
                   {"type":"string_type","loc":["body","l",0],"msg":"Input should be a valid string","input":"hunter22"}]}"#,
                "body.connection_id: Field required; body.l.0: Input should be a valid string",
            ),
            (
                409,
                r#"{"detail":{"reason":"Unique constraint violation","statement":"hidden","orig_error":"hidden","message":"Serious error"}}"#,
                "Unique constraint violation: Serious error",
            ),
            (403, r#"{"detail":null,"status":403,"title":"Forbidden","type":"about:blank"}"#, "Forbidden"),
            (
                400,
                r#"{"detail":"'nope' is unknown or cannot be updated.","status":400,"title":"Bad Request"}"#,
                "'nope' is unknown or cannot be updated.",
            ),
            (
                500,
                "<!DOCTYPE html><html><h1> Ooops! </h1><pre>\nSomething bad has happened. For security reasons no.</pre>",
                "Something bad has happened (a web page)",
            ),
            (
                500,
                "{\"detail\":\"inf is not of type 'integer'\\n\\nFailed validating 'type' in schema\",\"status\":500,\"title\":\"x\"}",
                "inf is not of type 'integer'",
            ),
            (500, "<html><title>502 Bad Gateway</title></html>", "502 Bad Gateway"),
            (500, "Internal Server Error", "Internal Server Error"),
            (500, "", "the answer has no text"),
            (400, r#"{"detail":{}}"#, "the answer gives no reason"),
        ] {
            assert_eq!(message(status, body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_token_that_is_none_is_told_from_a_missing_permission() {
        assert!(is_signed_out(401, "Token Expired") && is_signed_out(403, "Invalid JWT token"));
        assert!(!is_signed_out(403, "Forbidden") && !is_signed_out(404, "Invalid JWT token"));
    }
}
