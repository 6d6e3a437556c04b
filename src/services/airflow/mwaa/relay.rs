//! Requests that AWS passes on to the web server: `InvokeRestApi`.
//!
//! What AWS itself refuses was not passed on, and so did nothing; its 404 says nothing about a DAG. What Airflow refused comes
//! as `RestApiClientException` or `RestApiServerException` with Airflow's own status and body (botocore's model).

use super::api::{ApiFailure, Operation, fault};
use super::pages::{FEWEST, Page, PagePart, fewer, rows};
use super::{Mwaa, number};
use crate::services::Requests;
use crate::services::airflow::errors;
use crate::services::failed::FailedAttempt;
use crate::services::rate_limiter::RequestOutcome;
use jiff::Timestamp;
use plumb_model::call::{Answer, Call, ServiceError, System};
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often a page in parts is read again because the listing changed.
const READINGS: usize = 4;

/// How long to wait before fewer rows are asked for.
const BREATH: Duration = Duration::from_millis(250);

/// Words of an answer that was too much, whatever its code: the guide says that there is an error, and not which.
const TOO_MUCH: [&str; 6] = ["timed out", "timeout", "too large", "payload", "exceed", "6 mb"];

/// A request that failed, and whether fewer rows may do better.
struct Refused {
    failed: Box<FailedAttempt>,
    too_much: bool,
}

impl Mwaa {
    /// Whether AWS passes requests on at all.
    pub(super) async fn probe(&self) -> Result<(), String> {
        let call = Call::get(System::Airflow, "/api/v2/version");
        let body = body(&call, "/version");
        let mut attempt = 0;
        loop {
            let failed = match self.api.once(Operation::InvokeRestApi, body.clone(), attempt).await {
                Ok(_) => return Ok(()),
                Err(failed) => failed,
            };
            attempt += 1;
            match failed {
                ApiFailure::Refused { refusal, .. } if matches!(refusal.status, 429 | 503) && attempt < 4 => {
                    tokio::time::sleep(Duration::from_millis(500 << attempt)).await;
                }
                // Airflow answered: it is there.
                ApiFailure::Refused { refusal, .. } if refusal.code == "RestApiClientException" => return Ok(()),
                ApiFailure::Refused { refusal, .. } => {
                    let more = if self.environment.private && refusal.status == 403 {
                        "; of a private web server InvokeRestApi is allowed from its VPC alone"
                    } else {
                        ""
                    };
                    return Err(format!("{}{more}", self.api.explained(Operation::InvokeRestApi, &refusal).await));
                }
                ApiFailure::Broken(fault, _) => return Err(fault.to_string()),
            }
        }
    }

    /// Sends a call through AWS. A listing that is too much for it is read in parts.
    pub(in super::super) async fn relay(
        &self,
        call: &Call,
        attempt: u32,
        requests: &Requests,
    ) -> Result<Answer, Box<FailedAttempt>> {
        let Some(wanted) = rows(call) else {
            return self.invoke(call, attempt, requests).await.map_err(|refused| refused.failed);
        };
        let mut most = self.most.load(Ordering::Relaxed).min(wanted);
        'again: for _ in 0..READINGS {
            let mut page = Page::new(call, wanted);
            loop {
                let part = if most < wanted { page.next(call, most) } else { call.clone() };
                let answer = match self.invoke(&part, attempt, requests).await {
                    Ok(answer) => answer,
                    Err(Refused { mut failed, too_much: true }) => {
                        let Some(less) = fewer(most) else {
                            explain_limits(&mut failed.fault);
                            failed.hopeless = true;
                            return Err(failed);
                        };
                        // It may as well be the service that fails for a moment.
                        tokio::time::sleep(BREATH).await;
                        most = less;
                        self.most.fetch_min(less, Ordering::Relaxed);
                        continue;
                    }
                    Err(refused) => return Err(refused.failed),
                };
                if most >= wanted {
                    return Ok(answer);
                }
                let (status, request_id) = (answer.status, answer.request_id.clone());
                match page.take(answer.body) {
                    PagePart::More => {}
                    PagePart::Whole(body) => return Ok(Answer { status, body, request_id }),
                    PagePart::Moved => continue 'again,
                    PagePart::Odd => return Err(lost(call, "a part of the listing has no rows or no `total_entries`")),
                }
            }
        }
        Err(lost(call, "it changed again and again while it was read in parts"))
    }

    /// Has AWS send one request.
    async fn invoke(&self, call: &Call, attempt: u32, requests: &Requests) -> Result<Answer, Refused> {
        let plain = |failed| Refused { failed, too_much: false };
        let path = ["/api/v1", "/api/v2"].iter().find_map(|prefix| call.path.strip_prefix(prefix));
        let Some(path) = path else {
            let why = "InvokeRestApi reaches the REST API of Airflow, and nothing else".to_owned();
            return Err(plain(not_passed_on(call, why)));
        };
        // The parts of a page are requests of their own.
        let pass = self.api.pace.enter(&self.api.call(Operation::InvokeRestApi)).await;
        requests.add_one();
        let sent = self.api.once(Operation::InvokeRestApi, body(call, path), attempt).await;
        pass.leave(if sent.is_ok() { RequestOutcome::Well } else { RequestOutcome::Otherwise });
        let (refusal, answer) = match sent {
            Ok((mut answer, request_id)) => {
                let status = number(&answer["RestApiStatusCode"]).unwrap_or(200);
                let own = answer["RestApiResponse"].take();
                if status < 400 {
                    return Ok(Answer { status, body: read(path, own), request_id });
                }
                return Err(plain(of_airflow(call, status, &own, request_id)));
            }
            Err(ApiFailure::Broken(fault, hopeless)) => {
                let failed = FailedAttempt {
                    fault: named(call, fault),
                    went: RequestOutcome::Otherwise,
                    signed_out: false,
                    hopeless,
                };
                return Err(plain(Box::new(failed)));
            }
            Err(ApiFailure::Refused { refusal, body }) => (refusal, body),
        };
        let words = refusal.message.to_ascii_lowercase();
        let mut too_much = refusal.status == 413 || says_too_much(&words);
        if matches!(refusal.code.as_str(), "RestApiClientException" | "RestApiServerException") {
            let is_server = refusal.code == "RestApiServerException";
            let status = number(&answer["RestApiStatusCode"]).unwrap_or(if is_server { 504 } else { 400 });
            let failed = of_airflow(call, status, &answer["RestApiResponse"], refusal.request_id.clone());
            // An error in Airflow's own words is not about the limits.
            let own = answer["RestApiResponse"].get("detail").is_some();
            let is_cut =
                is_server && (!own || says_too_much(&answer["RestApiResponse"].to_string().to_ascii_lowercase()));
            return Err(Refused { failed, too_much: too_much || is_cut });
        }
        if refusal.is_expired() {
            self.api.aws.forget().await;
            let text = self.api.explained(Operation::InvokeRestApi, &refusal).await;
            let mut failed = not_passed_on(call, text);
            (failed.signed_out, failed.hopeless) = (true, false);
            return Err(plain(failed));
        }
        if refusal.status == 429 || refusal.status >= 500 || refusal.doubt.is_some() {
            // A service that failed may have passed it on.
            too_much |= refusal.status >= 500;
            return Err(Refused { failed: FailedAttempt::refused(fault(call, &refusal), false), too_much });
        }
        let mut text = self.api.explained(Operation::InvokeRestApi, &refusal).await;
        if refusal.code == "ValidationException" && path.len() > LONGEST_PATH {
            text.push_str(&format!(
                "; the path has {} characters, and InvokeRestApi documents {LONGEST_PATH}: reach the web server itself",
                path.len()
            ));
        }
        Err(Refused { failed: not_passed_on(call, text), too_much })
    }
}

/// The longest path (botocore, `RestApiPath`). It is sent all the same where it is longer: Airflow's own sensor sends such ones.
const LONGEST_PATH: usize = 64;

/// Whether a text in small letters is about an answer that was too large or took too long.
fn says_too_much(words: &str) -> bool {
    TOO_MUCH.iter().any(|part| words.contains(part))
}

/// The body of `InvokeRestApi`: the path without `/api/v1` or `/api/v2`, which AWS puts before it by itself.
fn body(call: &Call, path: &str) -> Vec<u8> {
    let mut query = Map::new();
    for (name, value) in &call.query {
        match query.get_mut(name) {
            None => {
                query.insert(name.clone(), json!(value));
            }
            Some(Value::Array(all)) => all.push(json!(value)),
            // A parameter that comes more than once is a list.
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    let mut body = json!({ "Method": call.method.name(), "Path": path });
    if !query.is_empty() {
        body["QueryParameters"] = Value::Object(query);
    }
    if let Some(own) = call.body.as_ref().filter(|own| !own.is_null()) {
        body["Body"] = own.clone();
    }
    body.to_string().into_bytes()
}

/// What Airflow answered. The text of a DAG comes as a text where Airflow 2 was not asked for JSON.
fn read(path: &str, own: Value) -> Value {
    match own {
        Value::String(text) if path.starts_with("/dagSources/") => {
            serde_json::from_str(&text).ok().filter(Value::is_object).unwrap_or_else(|| json!({ "content": text }))
        }
        Value::String(text) if text.is_empty() => Value::Null,
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    }
}

/// What Airflow refused, as if it had been asked directly.
fn of_airflow(call: &Call, status: u16, own: &Value, id: Option<String>) -> Box<FailedAttempt> {
    let text = own.as_str().map_or_else(|| own.to_string(), str::to_owned);
    let text = if own.is_null() { String::new() } else { text };
    let mut fault = errors::refused(call.line(), status, &HeaderMap::new(), text.as_bytes(), Timestamp::now());
    if let ServiceError::Refused { request_id, .. } = &mut fault {
        *request_id = id;
    }
    FailedAttempt::refused(fault, false)
}

/// A call that AWS did not pass on.
fn not_passed_on(call: &Call, why: String) -> Box<FailedAttempt> {
    let fault = ServiceError::NotSent { line: call.line(), why };
    Box::new(FailedAttempt { fault, went: RequestOutcome::Well, signed_out: false, hopeless: true })
}

fn lost(call: &Call, why: &str) -> Box<FailedAttempt> {
    let fault = ServiceError::Lost { line: call.line(), why: why.to_owned() };
    Box::new(FailedAttempt { fault, went: RequestOutcome::Otherwise, signed_out: false, hopeless: true })
}

/// A fault of the transport, under the name of the call that it was for.
fn named(call: &Call, fault: ServiceError) -> ServiceError {
    match fault {
        ServiceError::NotSent { why, .. } => ServiceError::NotSent { line: call.line(), why },
        ServiceError::Lost { why, .. } => ServiceError::Lost { line: call.line(), why },
        other => other,
    }
}

fn explain_limits(fault: &mut ServiceError) {
    if let ServiceError::Refused { message, .. } = fault {
        message.push_str(&format!(
            "; {FEWEST} rows at once were too much too, and InvokeRestApi allows an answer ten seconds and 6 MB"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_model::call::Method;

    #[test]
    fn a_call_is_said_without_the_api_s_version_and_repeated_parameters_are_lists() {
        let set = Call::set(System::Airflow, Method::Patch, "/api/v2/pools/a%2Fb", json!({ "slots": 3 }));
        let set = set.query("update_mask", "slots").query("update_mask", "description").query("x", "1");
        let sent: Value = serde_json::from_slice(&body(&set, "/pools/a%2Fb")).unwrap();
        let query = json!({ "update_mask": ["slots", "description"], "x": "1" });
        let wanted =
            json!({ "Method": "PATCH", "Path": "/pools/a%2Fb", "QueryParameters": query, "Body": { "slots": 3 } });
        assert_eq!(sent, wanted);
        let get: Value = serde_json::from_slice(&body(&Call::get(System::Airflow, "/api/v2/dags"), "/dags")).unwrap();
        assert_eq!(get, json!({ "Method": "GET", "Path": "/dags" }));
    }

    #[test]
    fn what_airflow_refused_means_what_it_means_directly() {
        let call = Call::get(System::Airflow, "/api/v2/pools/x");
        let gone = of_airflow(&call, 404, &json!({ "detail": "The Pool with name: `x` was not found" }), None);
        assert!(gone.fault.is_gone() && gone.fault.to_string().contains("was not found"), "{}", gone.fault);
        let exists = of_airflow(&call, 409, &json!("{\"detail\": \"exists\"}"), None);
        assert!(matches!(exists.fault, ServiceError::Refused { status: 409, doubt: None, .. }), "{}", exists.fault);
        // What is not in Airflow's words says nothing about the pool.
        assert!(!of_airflow(&call, 404, &Value::Null, None).fault.is_gone());
        assert!(!not_passed_on(&call, "404 ResourceNotFoundException".into()).fault.is_gone());
        assert_eq!(read("/dagSources/x", json!("import x")), json!({ "content": "import x" }));
        assert_eq!(read("/dags/x", json!("")), Value::Null);
    }
}
