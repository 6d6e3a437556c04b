//! Request bodies: what each may hold, and the words for what it may not, which differ between the two APIs.

use super::{
    ApiVersion,
    pyjson::repr,
    replies::{bad, misfit, unprocessable},
};
use crate::{answer::Answer, request::Request};
use serde_json::{Map, Value, json};

/// What a member may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    Text,
    /// A whole number of at least this.
    Whole(i64),
    Flag,
    Object,
    /// A time with its zone.
    Time,
    /// Anything, `null` included; REST v1 takes a text only.
    Anything,
}

/// A member of a body.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub name: &'static str,
    pub kind: Type,
    pub required: bool,
    pub nullable: bool,
    /// Whether REST v1 shows it but refuses to have it set.
    pub read_only: bool,
}

/// A member that has to be there.
pub const fn required(name: &'static str, kind: Type) -> Member {
    Member { name, kind, required: true, nullable: false, read_only: false }
}

/// A member that may be absent or `null`.
pub const fn optional(name: &'static str, kind: Type) -> Member {
    Member { name, kind, required: false, nullable: true, read_only: false }
}

/// A member that REST v1 refuses to have set, and REST v2 does not know.
pub const fn read_only(name: &'static str) -> Member {
    Member { name, kind: Type::Anything, required: false, nullable: true, read_only: true }
}

/// The members of a body that fits. Under REST v2 they come as the types they are coerced to.
pub fn read(api: ApiVersion, request: &Request, members: &[Member]) -> Result<Map<String, Value>, Answer> {
    match api {
        ApiVersion::V2 => read_v2(&request.body, members, &["body"]),
        ApiVersion::V1 => read_v1(&request.body, members, true),
    }
}

/// The members of a REST v1 body whose required members may be absent, as in a PATCH.
pub fn read_partial_v1(request: &Request, members: &[Member]) -> Result<Map<String, Value>, Answer> {
    read_v1(&request.body, members, false)
}

/// The members of a REST v2 body, or of one entity of a bulk request.
pub fn read_v2(body: &Value, members: &[Member], at: &[&str]) -> Result<Map<String, Value>, Answer> {
    let Value::Object(given) = body else {
        let item = match body {
            Value::Null => misfit("missing", at, "Field required", body, Value::Null),
            _ => {
                let message = "Input should be a valid dictionary or object to extract fields from";
                misfit("model_attributes_type", at, message, body, Value::Null)
            }
        };
        return Err(unprocessable(vec![item]));
    };
    let (mut read, mut wrong) = (Map::new(), Vec::new());
    let place = |name| [at, &[name]].concat();
    for member in members.iter().filter(|m| !m.read_only) {
        match given.get(member.name) {
            None if member.required => {
                wrong.push(misfit("missing", &place(member.name), "Field required", body, Value::Null));
            }
            None => {}
            Some(Value::Null) if member.nullable => {
                read.insert(member.name.to_owned(), Value::Null);
            }
            Some(value) => match coerce(member.kind, value) {
                Ok(value) => {
                    read.insert(member.name.to_owned(), value);
                }
                Err((kind, message, context)) => {
                    wrong.push(misfit(kind, &place(member.name), &message, value, context));
                }
            },
        }
    }
    for (name, value) in given {
        if !members.iter().any(|m| m.name == name && !m.read_only) {
            let message = "Extra inputs are not permitted";
            wrong.push(misfit("extra_forbidden", &place(name), message, value, Value::Null));
        }
    }
    if wrong.is_empty() { Ok(read) } else { Err(unprocessable(wrong)) }
}

type Misfit = (&'static str, String, Value);

/// REST v2 is lax in the way of its validator: `"false"` is a flag, `"5"` a number.
fn coerce(kind: Type, value: &Value) -> Result<Value, Misfit> {
    let no = |kind, message: &str| Err((kind, message.to_owned(), Value::Null));
    match kind {
        Type::Anything => Ok(value.clone()),
        Type::Text if value.is_string() => Ok(value.clone()),
        Type::Text => no("string_type", "Input should be a valid string"),
        Type::Object if value.is_object() => Ok(value.clone()),
        Type::Object => no("dict_type", "Input should be a valid dictionary"),
        Type::Flag => match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::Number(n) if n.as_f64() == Some(0.0) => Ok(json!(false)),
            Value::Number(n) if n.as_f64() == Some(1.0) => Ok(json!(true)),
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "1" | "true" | "t" | "yes" | "y" | "on" => Ok(json!(true)),
                "0" | "false" | "f" | "no" | "n" | "off" => Ok(json!(false)),
                _ => no("bool_parsing", "Input should be a valid boolean, unable to interpret input"),
            },
            Value::Number(_) => no("bool_parsing", "Input should be a valid boolean, unable to interpret input"),
            _ => no("bool_type", "Input should be a valid boolean"),
        },
        Type::Whole(least) => {
            let number = match value {
                Value::Number(n) => n.as_i64().or_else(|| whole(n.as_f64()?)),
                Value::String(text) => match text.trim().parse::<i64>() {
                    Ok(number) => Some(number),
                    Err(_) => {
                        let message = "Input should be a valid integer, unable to parse string as an integer";
                        return no("int_parsing", message);
                    }
                },
                _ => return no("int_type", "Input should be a valid integer"),
            };
            match number {
                None => no("int_from_float", "Input should be a valid integer, got a number with a fractional part"),
                Some(number) if number < least => {
                    let message = format!("Input should be greater than or equal to {least}");
                    Err(("greater_than_equal", message, json!({ "ge": least })))
                }
                Some(number) => Ok(json!(number)),
            }
        }
        Type::Time => match value.as_str() {
            Some(text) if text.parse::<jiff::Timestamp>().is_ok() => Ok(value.clone()),
            Some(text) if text.parse::<jiff::civil::DateTime>().is_ok() => {
                no("timezone_aware", "Input should have timezone info")
            }
            Some(_) => no("datetime_from_date_parsing", "Input should be a valid datetime or date, invalid character"),
            None => no("datetime_type", "Input should be a valid datetime"),
        },
    }
}

fn whole(number: f64) -> Option<i64> {
    // Beyond 2^53 a float is no exact number anyway.
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

/// REST v1 takes JSON types as they are, and says no to the first misfit only.
fn read_v1(body: &Value, members: &[Member], whole: bool) -> Result<Map<String, Value>, Answer> {
    let given = match body {
        Value::Object(given) => given,
        Value::Null => return Err(bad("Request body must not be empty")),
        other => return Err(bad(format!("{} is not of type 'object'", repr(other)))),
    };
    for member in members.iter().filter(|m| m.required && whole) {
        if !given.contains_key(member.name) {
            return Err(bad(format!("{{'{}': ['Missing data for required field.']}}", member.name)));
        }
    }
    for (name, value) in given {
        let Some(member) = members.iter().find(|m| m.name == name) else {
            return Err(bad(format!("{{'{name}': ['Unknown field.']}}")));
        };
        if member.read_only {
            return Err(bad(format!("Property is read-only - '{name}'")));
        }
        let kind = match member.kind {
            Type::Text | Type::Anything | Type::Time if !value.is_string() => "string",
            Type::Whole(_) if !value.is_i64() => "integer",
            Type::Flag if !value.is_boolean() => "boolean",
            Type::Object if !value.is_object() => "object",
            _ => continue,
        };
        if !(member.nullable && value.is_null()) {
            return Err(bad(format!("{} is not of type '{kind}' - '{name}'", repr(value))));
        }
    }
    Ok(given.clone())
}

/// The members that `update_mask` names: REST v2 repeats the parameter, REST v1 separates by commas.
pub fn masked(request: &Request) -> Option<Vec<String>> {
    let names: Vec<String> = request
        .query
        .iter()
        .filter(|(name, _)| name == "update_mask")
        .flat_map(|(_, value)| value.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>())
        .filter(|name| !name.is_empty())
        .collect();
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Content;

    const POOL: [Member; 3] =
        [required("name", Type::Text), required("slots", Type::Whole(-1)), optional("description", Type::Text)];

    fn said(api: ApiVersion, body: Value) -> Value {
        let request = Request::internal("POST", "/x", "", body);
        match read(api, &request, &POOL) {
            Ok(members) => members.into(),
            Err(Answer { content: Content::Json(body) | Content::Problem(body), .. }) => body["detail"].clone(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn v2_coerces_and_tells_everything_that_does_not_fit() {
        assert_eq!(said(ApiVersion::V2, json!({ "name": "a", "slots": "5" })), json!({ "name": "a", "slots": 5 }));
        let wrong = said(ApiVersion::V2, json!({ "slots": -5, "odd": 1, "description": null }));
        let kinds: Vec<&str> = wrong.as_array().unwrap().iter().map(|w| w["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["missing", "greater_than_equal", "extra_forbidden"]);
        assert_eq!(wrong[1]["msg"], "Input should be greater than or equal to -1");
        assert_eq!(said(ApiVersion::V2, Value::Null)[0]["type"], "missing");
    }

    #[test]
    fn v1_is_strict_and_tells_the_first() {
        assert_eq!(
            said(ApiVersion::V1, json!({ "name": "a", "slots": "5" })),
            "'5' is not of type 'integer' - 'slots'"
        );
        assert_eq!(said(ApiVersion::V1, json!({ "name": "a" })), "{'slots': ['Missing data for required field.']}");
        assert_eq!(said(ApiVersion::V1, json!({ "name": "a", "slots": 1, "odd": 1 })), "{'odd': ['Unknown field.']}");
    }
}
