//! Answers that are not JSON with status 200: the bytes of a download, no body, another status.
//!
//! A handler answers a [`Value`] like all others; `answer` turns a marked value into bytes, no body, or another status.

use crate::{
    answer::{Answer, Content},
    errors::Handled,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// No service has a member of this name.
const MARK: &str = "\u{0}reply";

/// A download: its bytes, and when the file was changed (milliseconds since 1970).
pub fn bytes(bytes: &[u8], modified: i64) -> Value {
    json!({ MARK: 200, "content": STANDARD.encode(bytes), "modified": modified })
}

/// A part of a file: the first of its bytes, and how many there are of all.
pub fn part(bytes: &[u8], from: usize, all: usize, modified: i64) -> Value {
    let part = format!("bytes {from}-{}/{all}", from + bytes.len().saturating_sub(1));
    json!({ MARK: 206, "content": STANDARD.encode(bytes), "modified": modified, "part": part })
}

/// A status without a body.
pub fn empty(status: u16) -> Handled {
    Ok(json!({ MARK: status }))
}

/// JSON with another status than 200.
pub fn json(status: u16, body: Value) -> Value {
    json!({ MARK: status, "body": body })
}

/// The answer that a handler's value stands for.
pub fn answer(value: Value) -> Answer {
    let Some(status) = value.get(MARK).and_then(Value::as_u64).and_then(|s| u16::try_from(s).ok()) else {
        return Answer::json(200, value);
    };
    if let Some(content) = value["content"].as_str() {
        let bytes = STANDARD.decode(content).unwrap_or_default();
        let modified = value["modified"].as_i64().unwrap_or_default();
        let content = Content::File { bytes, modified, part: value["part"].as_str().map(str::to_owned) };
        return Answer { status, content, retry_after: None };
    }
    match value.get("body") {
        Some(body) => Answer::json(status, body.clone()),
        None => Answer::empty(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_values_become_what_they_stand_for() {
        assert_eq!(answer(json!({ "a": 1 })), Answer::json(200, json!({ "a": 1 })));
        assert_eq!(answer(empty(204).unwrap()), Answer::empty(204));
        assert_eq!(answer(json(201, json!({ "id": "1" }))), Answer::json(201, json!({ "id": "1" })));
        let file = answer(bytes(b"\x00\xff", 1_714_600_000_000));
        assert_eq!(file.content.modified().as_deref(), Some("Wed, 01 May 2024 21:46:40 GMT"));
        assert!(matches!(file.content, Content::File { bytes, .. } if bytes == b"\x00\xff"));
    }
}
