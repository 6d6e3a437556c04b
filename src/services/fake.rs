//! A service in memory, for tests: what it answers is a function of what it is asked.

#![allow(clippy::unwrap_used)]

use super::{Requests, Services};
use plumb_model::call::{Answer, Call, Doubt, Method, Sending, Service, ServiceError, System};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What is answered to a call: a body, or why there is none.
pub type FakeAnswer = Result<Value, ServiceError>;

/// A service that answers as a test says, and remembers what it was asked.
pub struct Fake {
    answer: Box<dyn Fn(&Call) -> FakeAnswer + Send + Sync>,
    asked: Mutex<Vec<Call>>,
}

impl Fake {
    pub fn new(answer: impl Fn(&Call) -> FakeAnswer + Send + Sync + 'static) -> Arc<Fake> {
        Arc::new(Fake { answer: Box::new(answer), asked: Mutex::default() })
    }

    /// Services of which this is the Databricks workspace.
    pub fn services(self: &Arc<Fake>) -> Services {
        Services::default().with(System::Databricks, self.clone(), Requests::default())
    }

    /// Every call, in order.
    pub fn asked(&self) -> Vec<Call> {
        self.asked.lock().unwrap().clone()
    }

    /// The calls that are no reads, each as its line.
    pub fn written(&self) -> Vec<String> {
        self.asked().iter().filter(|call| call.method != Method::Get).map(Call::line).collect()
    }
}

impl Service for Fake {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        self.asked.lock().unwrap().push(call.clone());
        let said = (self.answer)(call);
        Box::pin(async move { said.map(|body| Answer { status: 200, body, request_id: None }) })
    }
}

/// A refusal in the service's own words.
pub fn refused(status: u16, code: &str) -> ServiceError {
    ServiceError::Refused {
        line: "the call".into(),
        status,
        code: code.into(),
        message: String::new(),
        request_id: None,
        retry_after: None,
        doubt: None,
    }
}

/// The same by something that stands in front of it.
pub fn foreign(status: u16) -> ServiceError {
    let ServiceError::Refused { line, code, message, .. } = refused(status, "") else { panic!("it is a refusal") };
    ServiceError::Refused {
        line,
        status,
        code,
        message,
        request_id: None,
        retry_after: None,
        doubt: Some(Doubt::Foreign),
    }
}

/// No answer came.
pub fn lost() -> ServiceError {
    ServiceError::Lost { line: "the call".into(), why: "connection reset".into() }
}

/// It was never sent.
pub fn not_sent() -> ServiceError {
    ServiceError::NotSent { line: "the call".into(), why: "connection refused".into() }
}

/// What a service answers to what it does not have.
pub fn not_found() -> ServiceError {
    refused(404, "RESOURCE_DOES_NOT_EXIST")
}

/// A page without rows.
pub fn nothing() -> FakeAnswer {
    Ok(json!({}))
}
