//! Partial answers: `fields=kind,items(name,size)` ("Partial response").

use serde_json::{Map, Value};

/// The members of a body that were asked for.
pub(super) fn picked(body: &Value, fields: &str) -> Result<Value, String> {
    let mut rest = fields;
    let picked = list(body, &mut rest)?;
    if rest.is_empty() { Ok(picked) } else { Err(format!("Invalid field selection {fields}")) }
}

/// Members parted by commas, up to the end or the bracket that ends them.
fn list(value: &Value, rest: &mut &str) -> Result<Value, String> {
    if let Value::Array(items) = value {
        // Each item is read by the same words.
        let words = *rest;
        let mut picked = Vec::new();
        for item in items {
            *rest = words;
            picked.push(list(item, rest)?);
        }
        if items.is_empty() {
            list(&Value::Null, rest)?;
        }
        return Ok(Value::Array(picked));
    }
    let mut picked = Map::new();
    loop {
        let end = rest.find([',', '(', ')', '/']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return Err(format!("Invalid field selection {rest}"));
        }
        *rest = after;
        let member = value.get(name);
        let inner = match after.chars().next() {
            Some('(') => {
                *rest = &after[1..];
                let inner = list(member.unwrap_or(&Value::Null), rest)?;
                *rest = rest.strip_prefix(')').ok_or("Invalid field selection: no `)`")?;
                inner
            }
            Some('/') => {
                *rest = &after[1..];
                one(member.unwrap_or(&Value::Null), rest)?
            }
            _ => member.cloned().unwrap_or_default(),
        };
        if member.is_some() {
            picked.insert(name.to_owned(), inner);
        }
        match rest.strip_prefix(',') {
            Some(more) => *rest = more,
            None => return Ok(Value::Object(picked)),
        }
    }
}

/// One path: `items/name`.
fn one(value: &Value, rest: &mut &str) -> Result<Value, String> {
    let end = rest.find([',', ')']).unwrap_or(rest.len());
    let (path, after) = rest.split_at(end);
    let mut path = path;
    let picked = list(value, &mut path)?;
    *rest = after;
    Ok(picked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_was_asked_for_is_sent() {
        let body =
            json!({ "kind": "k", "next": "t", "items": [{ "name": "a", "size": "1", "acl": {} }, { "name": "b" }] });
        for (fields, expected) in [
            ("kind", json!({ "kind": "k" })),
            (
                "kind,absent,items(name,size)",
                json!({ "kind": "k", "items": [{ "name": "a", "size": "1" }, { "name": "b" }] }),
            ),
            ("items/name,next", json!({ "items": [{ "name": "a" }, { "name": "b" }], "next": "t" })),
            ("absent(x,y),kind", json!({ "kind": "k" })),
        ] {
            assert_eq!(picked(&body, fields), Ok(expected), "{fields}");
        }
        assert_eq!(picked(&json!({ "items": [] }), "items(name)"), Ok(json!({ "items": [] })));
        for wrong in ["", "items(name", "items)", "kind,,next"] {
            assert!(picked(&body, wrong).is_err(), "{wrong}");
        }
    }
}
