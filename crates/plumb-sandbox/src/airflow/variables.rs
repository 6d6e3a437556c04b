//! Airflow variables: texts by key. Airflow 3 masks those whose key sounds like a secret, Airflow 2 shows them all.

use super::{
    ApiVersion, Variable,
    body::{Member, Type, masked, optional, read, required},
    listing::{Listing, fits, page},
    masking::{MASK, hides, mask},
    pyjson::Json,
    replies::{AirflowResult, bad, detail, ok, problem},
    view::with_newer,
};
use crate::{answer::Answer, request::Request, store::Store};
use serde_json::{Map, Value, json};

pub(super) const MEMBERS: [Member; 3] =
    [required("key", Type::Text), required("value", Type::Anything), optional("description", Type::Text)];

const LISTING: Listing = Listing {
    name: "variables",
    filters: &["variable_key_pattern", "variable_key_prefix_pattern"],
    orders: &["key", "id", "value", "description"],
};

/// Answers `variables…`. A key may hold slashes, so everything that is left of the path is one.
pub fn handle(store: &mut Store, api: ApiVersion, request: &Request, rest: &[&str]) -> Option<AirflowResult> {
    let key = rest.join("/");
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => {
            let fits = |v: &&Variable| fits(request, "variable_key_pattern", &v.key);
            let rows = store.airflow.variables.iter().filter(fits).map(|v| show(api, v)).collect();
            page(api, request, &LISTING, rows)
        }
        ("POST", []) => create(store, api, request),
        ("GET", _) => find(store, api, &key).and_then(|at| ok(show(api, &store.airflow.variables[at]))),
        ("PATCH", [_, ..]) => patch(store, api, request, &key),
        ("DELETE", [_, ..]) => match (find(store, api, &key), api) {
            (Ok(at), _) => {
                store.airflow.variables.remove(at);
                Ok(Answer::empty(204))
            }
            (Err(_), ApiVersion::V1) => Err(problem(404, "Variable not found", Value::Null)),
            (Err(missing), ApiVersion::V2) => Err(missing),
        },
        _ => return None,
    })
}

fn find(store: &Store, api: ApiVersion, key: &str) -> Result<usize, Answer> {
    store.airflow.variables.iter().position(|v| v.key == key).ok_or_else(|| match api {
        ApiVersion::V2 => detail(404, format!("The Variable with key: `{key}` was not found")),
        ApiVersion::V1 => problem(404, "Variable not found", json!("Variable does not exist")),
    })
}

fn show(api: ApiVersion, variable: &Variable) -> Value {
    let Variable { key, value, description, newer } = variable;
    let shown = match api {
        ApiVersion::V1 => json!({ "key": key, "value": value, "description": description }),
        ApiVersion::V2 => {
            // A text that happens to be JSON is read, masked and written again.
            let value = match Json::read(value) {
                Some(read) => mask(&read, Some(key)).line(),
                None if hides(key) => MASK.to_owned(),
                None => value.clone(),
            };
            json!({ "key": key, "value": value, "description": description, "is_encrypted": true, "team_name": null })
        }
    };
    with_newer(shown, newer)
}

/// What a mask of Airflow 2 may name: the columns of its table, of which one has another name than the member (Airflow 2.11,
/// `variable_endpoint.py` and `update_mask.py`).
const COLUMNS: [&str; 2] = ["val", "description"];

/// The text that is stored: a value that is no text becomes JSON.
pub(super) fn stored(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => Json::from(other).lines(),
    }
}

fn create(store: &mut Store, api: ApiVersion, request: &Request) -> AirflowResult {
    let members = read(api, request, &MEMBERS)?;
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let new = Variable {
        key: text("key").unwrap_or_default(),
        value: stored(&members["value"]),
        description: text("description"),
        newer: Map::new(),
    };
    let known = store.airflow.variables.iter().position(|v| v.key == new.key);
    match (api, known) {
        (ApiVersion::V2, Some(_)) => Err(detail(409, format!("The Variable with key: `{}` already exists", new.key))),
        (ApiVersion::V2, None) => {
            let shown = show(api, &new);
            store.airflow.variables.push(new);
            Ok(Answer::json(201, shown))
        }
        (ApiVersion::V1, known) => {
            // Airflow 2 overwrites, the description too, and echoes the members that were sent.
            let mut shown = json!({ "key": new.key, "value": new.value });
            if let Some(description) = &new.description {
                shown["description"] = json!(description);
            }
            match known {
                Some(at) => store.airflow.variables[at] = new,
                None => store.airflow.variables.push(new),
            }
            ok(shown)
        }
    }
}

fn patch(store: &mut Store, api: ApiVersion, request: &Request, key: &str) -> AirflowResult {
    let members = read(api, request, &MEMBERS)?;
    if members.get("key").is_some_and(|given| given != key) {
        return Err(match api {
            ApiVersion::V2 => detail(400, "Invalid body, key from request body doesn't match uri parameter"),
            ApiVersion::V1 => {
                problem(400, "Invalid post body", json!("key from request body doesn't match uri parameter"))
            }
        });
    }
    let at = find(store, api, key)?;
    let mask = masked(request);
    if let (ApiVersion::V1, Some(mask)) = (api, &mask)
        && let Some(odd) = mask.iter().find(|name| !COLUMNS.contains(&name.as_str()))
    {
        return Err(bad(format!("'{odd}' is unknown or cannot be updated.")));
    }
    let wanted = |name: &str| mask.as_ref().is_none_or(|mask| mask.iter().any(|m| m == name));
    let variable = &mut store.airflow.variables[at];
    if wanted(if api == ApiVersion::V1 { "val" } else { "value" }) {
        variable.value = stored(&members["value"]);
    }
    // Airflow 2 writes the whole row: without a mask an absent description is cleared.
    if wanted("description") && (members.contains_key("description") || (api == ApiVersion::V1 && mask.is_none())) {
        variable.description = members.get("description").and_then(Value::as_str).map(str::to_owned);
    }
    ok(show(api, variable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Clock;

    fn patched(api: ApiVersion, mask: &str) -> (u16, Value) {
        let mut store = Store::new(Clock::Fixed(0));
        let old =
            Variable { key: "k".into(), value: "old".into(), description: Some("said".into()), newer: Map::new() };
        store.airflow.variables.push(old);
        let body = json!({ "key": "k", "value": "new", "description": "told" });
        let mut request = Request::internal("PATCH", "/x", "", body);
        request.query.extend(mask.split('&').filter(|m| !m.is_empty()).map(|m| ("update_mask".into(), m.into())));
        let answer = patch(&mut store, api, &request, "k").unwrap_or_else(|refused| refused);
        let now = &store.airflow.variables[0];
        (answer.status, json!([now.value, now.description]))
    }

    #[test]
    fn an_update_changes_what_its_mask_names_by_the_names_of_its_api() {
        for (api, mask, wanted) in [
            (ApiVersion::V2, "value", (200, json!(["new", "said"]))),
            (ApiVersion::V2, "value&description", (200, json!(["new", "told"]))),
            // Airflow 2 means the columns of its table, and knows no `value`.
            (ApiVersion::V1, "val", (200, json!(["new", "said"]))),
            (ApiVersion::V1, "val,description", (200, json!(["new", "told"]))),
            (ApiVersion::V1, "description", (200, json!(["old", "told"]))),
            (ApiVersion::V1, "value", (400, json!(["old", "said"]))),
            (ApiVersion::V1, "", (200, json!(["new", "told"]))),
        ] {
            assert_eq!(patched(api, mask), wanted, "{api:?} {mask}");
        }
    }
}
