//! Answers and errors of Airflow: the error bodies of REST v2 (Airflow 3) and REST v1 (Airflow 2), as recorded from
//! 3.3.2 and 2.11.2.

use super::ApiVersion;
use crate::answer::{Answer, Content};
use serde_json::{Value, json};

/// What a handler returns.
pub type AirflowResult = Result<Answer, Answer>;

/// 200 with a JSON body.
pub fn ok(body: Value) -> AirflowResult {
    Ok(Answer::json(200, body))
}

/// v2: `{"detail": TEXT}`.
pub fn detail(status: u16, text: impl Into<String>) -> Answer {
    Answer::json(status, json!({ "detail": text.into() }))
}

/// v2: 422 with a list of what does not fit.
pub fn unprocessable(items: Vec<Value>) -> Answer {
    Answer::json(422, json!({ "detail": items }))
}

/// v2: one entry of such a list.
pub fn misfit(kind: &str, at: &[&str], message: &str, input: &Value, context: Value) -> Value {
    let mut item = json!({ "type": kind, "loc": at, "msg": message, "input": input });
    if !context.is_null() {
        item["ctx"] = context;
    }
    item
}

/// v2: 409 when the database refuses a second row of one key. It tells neither the table nor the key.
pub fn unique(serial: u64) -> Answer {
    let id = &crate::store::Store::scrambled(serial)[..8];
    Answer::json(
        409,
        json!({ "detail": {
            "reason": "Unique constraint violation",
            "statement": "hidden",
            "orig_error": "hidden",
            "message": format!(
                "Serious error when handling your request. Check logs for more details - you will find it in api \
                 server when you look for ID {id}"
            ),
        }}),
    )
}

/// v1: RFC 7807.
pub fn problem(status: u16, title: &str, detail: Value) -> Answer {
    let anchor = match status {
        400 => "BadRequest",
        401 => "Unauthenticated",
        403 => "PermissionDenied",
        404 => "NotFound",
        409 => "AlreadyExists",
        _ => "Unknown",
    };
    let kind = format!(
        "https://airflow.apache.org/docs/apache-airflow/2.11.2/stable-rest-api-ref.html#section/Errors/{anchor}"
    );
    problem_of(status, title, detail, &kind)
}

fn problem_of(status: u16, title: &str, detail: Value, kind: &str) -> Answer {
    let body = json!({ "detail": detail, "status": status, "title": title, "type": kind });
    Answer { status, content: Content::Problem(body), retry_after: None }
}

/// v1: 400.
pub fn bad(detail: impl Into<String>) -> Answer {
    problem(400, "Bad Request", json!(detail.into()))
}

/// v1: 500 as the web page that people see.
pub fn oops() -> Answer {
    let page = "<!DOCTYPE html>\n<html lang=\"en\">\n  <head>\n    <title>Airflow</title>\n  </head>\n  <body>\n    \
        <h1> Ooops! </h1>\n    <pre>\nSomething bad has happened. For security reasons detailed information about the \
        error is not logged.\n\nAirflow version: 2.11.2\nError! Please contact server admin.</pre>\n  </body>\n</html>\n";
    Answer { status: 500, content: Content::Html(page.to_owned()), retry_after: None }
}

/// A path that is no endpoint, or not with that method.
pub fn endpoint(api: ApiVersion, path: &str, known_path: bool) -> Answer {
    let blank = "about:blank";
    match (api, known_path) {
        (ApiVersion::V2, true) => detail(405, "Method Not Allowed"),
        (ApiVersion::V2, false) if path.starts_with("/api/v1/") => Answer::json(
            404,
            json!({ "error": "/api/v1 has been removed in Airflow 3, please use its upgraded version /api/v2 instead." }),
        ),
        (ApiVersion::V2, false) if path.starts_with("/api/") => {
            Answer::json(404, json!({ "error": "API route not found" }))
        }
        (ApiVersion::V2, false) if path == "/health" => Answer::json(
            404,
            json!({ "error": "Moved in Airflow 3. Please change config to check `/api/v2/monitor/health`" }),
        ),
        (ApiVersion::V2, false) => detail(404, "Not Found"),
        (ApiVersion::V1, true) => {
            problem_of(405, "Method Not Allowed", json!("The method is not allowed for the requested URL."), blank)
        }
        (ApiVersion::V1, false) if path.starts_with("/api/v1/") => {
            let words = "The requested URL was not found on the server. If you entered the URL manually please check \
                your spelling and try again.";
            problem_of(404, "Not Found", json!(words), blank)
        }
        // Outside its API Airflow 2 answers with a page.
        (ApiVersion::V1, false) => Answer {
            status: 404,
            content: Content::Html("<!DOCTYPE html>\n<title>Airflow 404 = lots of circles</title>\n".to_owned()),
            retry_after: None,
        },
    }
}

/// What a fault answers that only names a status. 500 is no JSON: v1 shows a page, v2 plain words.
pub fn made_up(path: &str, status: u16) -> Answer {
    let words = format!("A fault of the sandbox: {status}");
    match status {
        500 if path.starts_with("/api/v1/") => oops(),
        500 => Answer { status, content: Content::Plain("Internal Server Error".to_owned()), retry_after: None },
        // These come from a proxy in front of Airflow.
        502..=504 => Answer { status, content: Content::Html(format!("<html>{words}</html>")), retry_after: None },
        _ if path.starts_with("/api/v1/") => problem(status, "Fault", json!(words)),
        _ => detail(status, words),
    }
}

/// A body that is not JSON.
pub fn malformed(api: ApiVersion) -> Answer {
    match api {
        ApiVersion::V2 => unprocessable(vec![json!({
            "type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error", "input": {},
            "ctx": { "error": "Expecting value" },
        })]),
        ApiVersion::V1 => bad("Request body is not valid JSON"),
    }
}
