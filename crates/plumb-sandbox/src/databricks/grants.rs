//! Grants of Unity Catalog, API 2.1: `permissions` and `effective-permissions` of catalogs, schemas and volumes.
//!
//! Members are those of databricks-sdk-py (`catalog.GrantsAPI`). The objects are not emulated: one is there when it is named, and
//! whoever asks owns it. What is granted on a catalog or a schema holds below it.

use super::text;
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// By the object, `volume main.ops.plumb`, and by whom: the privileges.
pub type Grants = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The kinds of objects, by how many names each has.
const KINDS: [&str; 3] = ["catalog", "schema", "volume"];

/// Answers `unity-catalog/WHAT/KIND/NAME`; `WHAT` is `permissions` or `effective-permissions`.
pub fn handle(store: &mut Store, request: &Request, what: &str, kind: &str, name: &str) -> Option<Handled> {
    // The type is written in small letters, and in capitals by older clients.
    let kind = kind.to_ascii_lowercase();
    let names = name.split('.').count();
    let depth = KINDS.iter().position(|known| *known == kind)?;
    if names != depth + 1 {
        return Some(Err(ApiError::invalid(format!("'{name}' is not a valid name of a {kind}."))));
    }
    Some(match (request.method.as_str(), what) {
        ("GET", "permissions") => Ok(shown(store, request, &kind, name, false)),
        ("GET", "effective-permissions") => Ok(shown(store, request, &kind, name, true)),
        ("PATCH", "permissions") => change(store, request, &kind, name),
        _ => return None,
    })
}

fn change(store: &mut Store, request: &Request, kind: &str, name: &str) -> Handled {
    let changes = request.body["changes"].as_array().cloned().unwrap_or_default();
    let held = store.databricks.grants.entry(format!("{kind} {name}")).or_default();
    for one in &changes {
        let who = text(one, "principal").ok_or_else(|| ApiError::invalid("A change has no principal."))?;
        let privileges = |member: &str| {
            let all = one[member].as_array().into_iter().flatten();
            all.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let own = held.entry(who.to_owned()).or_default();
        own.extend(privileges("add"));
        privileges("remove").iter().for_each(|gone| {
            own.remove(gone);
        });
    }
    held.retain(|_, privileges| !privileges.is_empty());
    Ok(shown(store, request, kind, name, false))
}

fn shown(store: &Store, request: &Request, kind: &str, name: &str, effective: bool) -> Value {
    let asked = request.param("principal");
    let mut found: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let parts: Vec<&str> = name.split('.').collect();
    for (depth, above) in KINDS.iter().enumerate().take(parts.len()).rev() {
        let is_own = *above == kind;
        if !is_own && !effective {
            continue;
        }
        let full = parts[..=depth].join(".");
        let held = store.databricks.grants.get(&format!("{above} {full}"));
        for (who, privilege) in held.into_iter().flatten().flat_map(|(who, all)| all.iter().map(move |one| (who, one)))
        {
            if asked.as_ref().is_some_and(|asked| asked != who) {
                continue;
            }
            found.entry(who).or_default().push(match (effective, is_own) {
                (false, _) => json!(privilege),
                (true, true) => json!({ "privilege": privilege }),
                (true, false) => json!({
                    "privilege": privilege, "inherited_from_type": above.to_ascii_uppercase(), "inherited_from_name": full,
                }),
            });
        }
    }
    let assignments: Vec<Value> =
        found.into_iter().map(|(who, privileges)| json!({ "principal": who, "privileges": privileges })).collect();
    // An empty list is left out, as elsewhere.
    if assignments.is_empty() { json!({}) } else { json!({ "privilege_assignments": assignments }) }
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use super::*;
    use crate::store::Clock;

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        let path = format!("/api/2.1/unity-catalog/{path}");
        route(store, &Request::internal(method, &path, "me@example.com", body))
    }

    #[test]
    fn what_is_granted_above_holds_below() {
        let mut store = Store::new(Clock::Fixed(0));
        assert_eq!(ask(&mut store, "GET", "permissions/volume/a.b.c", Value::Null).unwrap(), json!({}));
        let add = |who: &str, what: &[&str]| json!({ "changes": [{ "principal": who, "add": what }] });
        let answer = ask(&mut store, "PATCH", "permissions/VOLUME/a.b.c", add("bo", &["READ_VOLUME"])).unwrap();
        let own = json!({ "privilege_assignments": [{ "principal": "bo", "privileges": ["READ_VOLUME"] }] });
        assert_eq!(answer, own);
        ask(&mut store, "PATCH", "permissions/catalog/a", add("bo", &["USE_CATALOG"])).unwrap();
        ask(&mut store, "PATCH", "permissions/schema/a.b", add("ann", &["USE_SCHEMA"])).unwrap();
        assert_eq!(ask(&mut store, "GET", "permissions/volume/a.b.c", Value::Null).unwrap(), own);
        let seen = ask(&mut store, "GET", "effective-permissions/volume/a.b.c?principal=bo", Value::Null).unwrap();
        let above = json!({ "privilege": "USE_CATALOG", "inherited_from_type": "CATALOG", "inherited_from_name": "a" });
        let all = json!([{ "principal": "bo", "privileges": [{ "privilege": "READ_VOLUME" }, above] }]);
        assert_eq!(seen["privilege_assignments"], all);
        let gone = json!({ "changes": [{ "principal": "bo", "remove": ["READ_VOLUME"] }] });
        assert_eq!(ask(&mut store, "PATCH", "permissions/volume/a.b.c", gone).unwrap(), json!({}));
        assert_eq!(ask(&mut store, "GET", "permissions/volume/a.b", Value::Null).unwrap_err().status, 400);
        assert_eq!(ask(&mut store, "GET", "permissions/share/a", Value::Null).unwrap_err().status, 404);
        assert_eq!(
            ask(&mut store, "PATCH", "permissions/catalog/a", json!({ "changes": [{}] })).unwrap_err().status,
            400
        );
    }
}
