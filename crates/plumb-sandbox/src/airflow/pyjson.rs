//! JSON as Python reads and writes it: members keep their order, and what is written is ASCII.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value, json};
use std::fmt;

/// A JSON value whose members keep their order, as in Python's `dict`.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a text as `json.loads` does.
    pub fn read(text: &str) -> Option<Json> {
        serde_json::from_str(text).ok()
    }

    /// One line, as `json.dumps` writes it: a blank after commas and colons.
    pub fn line(&self) -> String {
        match self {
            Json::Null => "null".to_owned(),
            Json::Bool(on) => on.to_string(),
            Json::Number(number) => number.to_string(),
            Json::Text(text) => quoted(text),
            Json::List(list) => format!("[{}]", list.iter().map(Json::line).collect::<Vec<_>>().join(", ")),
            Json::Object(members) => {
                let members: Vec<String> =
                    members.iter().map(|(k, v)| format!("{}: {}", quoted(k), v.line())).collect();
                format!("{{{}}}", members.join(", "))
            }
        }
    }

    /// Several lines, as `json.dumps(…, indent=2)` writes them.
    pub fn lines(&self) -> String {
        self.indented(0)
    }

    fn indented(&self, indent: usize) -> String {
        let pad = " ".repeat(indent + 2);
        let block = |open: char, close: char, items: Vec<String>| {
            let items: Vec<String> = items.into_iter().map(|item| format!("{pad}{item}")).collect();
            format!("{open}\n{}\n{}{close}", items.join(",\n"), " ".repeat(indent))
        };
        match self {
            Json::Object(members) if !members.is_empty() => {
                let one = |(k, v): &(String, Json)| format!("{}: {}", quoted(k), v.indented(indent + 2));
                block('{', '}', members.iter().map(one).collect())
            }
            Json::List(list) if !list.is_empty() => {
                block('[', ']', list.iter().map(|v| v.indented(indent + 2)).collect())
            }
            other => other.line(),
        }
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Json::Null,
            Value::Bool(on) => Json::Bool(*on),
            Value::Number(number) => Json::Number(number.clone()),
            Value::String(text) => Json::Text(text.clone()),
            Value::Array(list) => Json::List(list.iter().map(Json::from).collect()),
            Value::Object(map) => Json::Object(map.iter().map(|(k, v)| (k.clone(), Json::from(v))).collect()),
        }
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in json!(text).to_string().chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
            continue;
        }
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

/// A value as Python prints it: v1's errors quote what they were given.
pub fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => {
            let mut inner = String::new();
            for c in text.chars() {
                match c {
                    '\\' => inner.push_str("\\\\"),
                    '\n' => inner.push_str("\\n"),
                    '\r' => inner.push_str("\\r"),
                    '\t' => inner.push_str("\\t"),
                    c if c.is_ascii_control() => inner.push_str(&format!("\\x{:02x}", u32::from(c))),
                    c => inner.push(c),
                }
            }
            if text.contains('\'') && !text.contains('"') {
                format!("\"{inner}\"")
            } else {
                format!("'{}'", inner.replace('\'', "\\'"))
            }
        }
        Value::Array(list) => format!("[{}]", list.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let members: Vec<String> = map.iter().map(|(k, v)| format!("{}: {}", repr(&json!(k)), repr(v))).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Number(number) => number.to_string(),
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, on: bool) -> Result<Json, E> {
        Ok(Json::Bool(on))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some(known) => known.1 = value,
                None => members.push((name, value)),
            }
        }
        Ok(Json::Object(members))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_python_writes_it() {
        let text = "{\"b\":[1,2.5,null],\"a\":\"\u{fc}\\n\u{1f600}\"}";
        let value = Json::read(text).unwrap();
        assert_eq!(value.line(), r#"{"b": [1, 2.5, null], "a": "\u00fc\n\ud83d\ude00"}"#);
        assert_eq!(Json::read(r#"{"a":[1],"b":{}}"#).unwrap().lines(), "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}");
        assert_eq!(Json::read("not json"), None);
        assert_eq!(repr(&json!({ "a": [true, null, "it's"] })), "{'a': [True, None, \"it's\"]}");
    }
}
