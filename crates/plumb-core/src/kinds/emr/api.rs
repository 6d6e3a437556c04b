//! EMR's requests and answers, as all that deals with EMR forms and reads them.

use jiff::Timestamp;
use plumb_model::call::{Call, Method, System};
use serde_json::Value;

/// A request of EMR by its operation's name: `DescribeCluster`.
pub fn operation(name: &str, body: Value) -> Call {
    Call::set(System::Emr, Method::Post, format!("/elasticmapreduce/{name}"), body)
}

/// A time: seconds since 1970 as a number with a fraction (AWS JSON 1.1), or a text (RFC 3339). To the second.
pub fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    match value.pointer(pointer)? {
        // What does not fit a timestamp is none: `as` saturates.
        Value::Number(seconds) => Timestamp::from_second(seconds.as_f64()?.floor() as i64).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
