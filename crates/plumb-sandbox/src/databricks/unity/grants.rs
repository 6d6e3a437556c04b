//! Grants: `permissions`, `effective-permissions`, and the newer `privilege-assignments` of both, which are the same in pages.
//!
//! Members are those of databricks-sdk-py 0.162.0 (`catalog.GrantsAPI`). What is granted on a catalog or a schema holds below it.
//! Owners are not listed. `ALL_PRIVILEGES` stays an entry of its own.

use super::{
    listing_of,
    objects::{self, Sort},
};
use crate::{
    databricks::text,
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// By the object, `volume main.ops.plumb`, and by whom: the privileges.
pub type Grants = BTreeMap<String, Held>;

/// The privileges on one object, by whom.
type Held = BTreeMap<String, BTreeSet<String>>;

/// Grants of one object that reads show as they were.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LateGrants {
    /// For how many reads more.
    pub reads: u64,
    pub shown: Held,
}

/// What those that hold privileges have in common: what may be granted on them, and what their securable kind is called.
///
/// Sources: the Terraform provider's docs/resources/grants.md; databricks/cli#4008 for models and materialized views on schemas;
/// the privileges reference of the documentation.
fn privileges(sort: Sort) -> (&'static [&'static str], &'static str) {
    match sort {
        Sort::Catalog => (&CATALOG, "CATALOG/CATALOG_STANDARD"),
        Sort::Schema => (&CATALOG[3..], "SCHEMA/SCHEMA_STANDARD"),
        Sort::Volume => (&["ALL_PRIVILEGES", "APPLY_TAG", "MANAGE", "READ_VOLUME", "WRITE_VOLUME"], "VOLUME"),
        Sort::Table => (&["ALL_PRIVILEGES", "APPLY_TAG", "MANAGE", "MODIFY", "REFRESH", "SELECT"], "TABLE"),
        Sort::Function | Sort::Model => (&["ALL_PRIVILEGES", "APPLY_TAG", "EXECUTE", "MANAGE"], "FUNCTION"),
        Sort::Location => (
            &[
                "ALL_PRIVILEGES",
                "BROWSE",
                "CREATE_EXTERNAL_TABLE",
                "CREATE_EXTERNAL_VOLUME",
                "CREATE_FOREIGN_SECURABLE",
                "CREATE_MANAGED_STORAGE",
                "EXTERNAL_USE_LOCATION",
                "MANAGE",
                "READ_FILES",
                "WRITE_FILES",
            ],
            "EXTERNAL_LOCATION/EXTERNAL_LOCATION_STANDARD",
        ),
        Sort::Credential => (
            &[
                "ALL_PRIVILEGES",
                "CREATE_EXTERNAL_LOCATION",
                "CREATE_EXTERNAL_TABLE",
                "MANAGE",
                "READ_FILES",
                "WRITE_FILES",
            ],
            "STORAGE_CREDENTIAL",
        ),
    }
}

/// Those of a catalog; the first three are of no schema.
const CATALOG: [&str; 24] = [
    "CREATE_CONNECTION",
    "CREATE_SCHEMA",
    "USE_CATALOG",
    "ALL_PRIVILEGES",
    "APPLY_TAG",
    "BROWSE",
    "CREATE_FEATURE",
    "CREATE_FUNCTION",
    "CREATE_MATERIALIZED_VIEW",
    "CREATE_MODEL",
    "CREATE_MODEL_VERSION",
    "CREATE_TABLE",
    "CREATE_VIEW",
    "CREATE_VOLUME",
    "EXECUTE",
    "EXTERNAL_USE_SCHEMA",
    "MANAGE",
    "MODIFY",
    "READ_FEATURE",
    "READ_VOLUME",
    "REFRESH",
    "SELECT",
    "USE_SCHEMA",
    "WRITE_VOLUME",
];

/// Answers `unity-catalog/WHAT/KIND/NAME`.
pub fn handle(store: &mut Store, request: &Request, what: &str, kind: &str, name: &str) -> Option<Handled> {
    // The type is written in small letters (databricks/cli, grants.go; Terraform provider, permissions.go), and in capitals by older
    // clients.
    let kind = kind.to_ascii_lowercase();
    let sort = Sort::ALL.into_iter().find(|sort| sort.name() == kind)?;
    let (is_effective, is_paged) = match what {
        "permissions" => (false, false),
        "effective-permissions" => (true, false),
        "privilege-assignments" => (false, true),
        "effective-privilege-assignments" => (true, true),
        _ => return None,
    };
    let is_change = match request.method.as_str() {
        "GET" => false,
        "PATCH" if what == "permissions" => true,
        _ => return None,
    };
    // Who grants on a model says that it is a function (Terraform provider, permissions.go, `Mappings`).
    let is_model = sort == Sort::Function && objects::find(store, Sort::Model, name).is_some();
    let sort = if is_model { Sort::Model } else { sort };
    let full = name.to_lowercase();
    if full.split('.').count() != sort.depth() {
        return Some(Err(ApiError::invalid(format!("'{name}' is not a valid name of a {kind}."))));
    }
    if !objects::may_be(store, sort, &full) {
        return Some(Err(sort.missing(name)));
    }
    Some(if is_change {
        change(store, request, sort, &full)
    } else {
        shown(store, request, sort, &full, is_effective, is_paged)
    })
}

fn key(sort: Sort, full: &str) -> String {
    format!("{} {full}", sort.name())
}

/// A privilege as it is kept: spaces become underscores (Terraform provider, permissions.go), and two names of the first model
/// are those of today (Terraform provider#1658).
fn normal(sort: Sort, privilege: &str) -> String {
    let name = privilege.trim().replace(' ', "_").to_ascii_uppercase();
    match (name.as_str(), sort) {
        ("USAGE", Sort::Catalog) => "USE_CATALOG".to_owned(),
        ("USAGE", Sort::Schema) => "USE_SCHEMA".to_owned(),
        ("CREATE", Sort::Catalog) => "CREATE_SCHEMA".to_owned(),
        _ => name,
    }
}

fn change(store: &mut Store, request: &Request, sort: Sort, full: &str) -> Handled {
    let changes = request.body["changes"].as_array().cloned().unwrap_or_default();
    let key = key(sort, full);
    let before = store.databricks.grants.get(&key).cloned().unwrap_or_default();
    let mut held = before.clone();
    let (known, kind) = privileges(sort);
    for one in &changes {
        let who = text(one, "principal").ok_or_else(|| ApiError::invalid("A change has no principal."))?;
        let who = principal(store, request, who)?;
        let named = |member: &str| {
            let all = one[member].as_array().into_iter().flatten();
            all.filter_map(Value::as_str).map(|privilege| normal(sort, privilege)).collect::<Vec<_>>()
        };
        let (add, remove) = (named("add"), named("remove"));
        if let Some(odd) = add.iter().chain(&remove).find(|privilege| !known.contains(&privilege.as_str())) {
            // The words of real answers; which kind a volume, table, function or credential is called is unverified.
            return Err(ApiError::invalid(format!("Privilege {odd} is not applicable to this entity [{kind}].")));
        }
        if add.iter().any(|privilege| remove.contains(privilege)) {
            // databricks/cli testserver, grants.go.
            return Err(ApiError::invalid(format!("Duplicate privileges to add and delete for principal {who}.")));
        }
        let own = held.entry(who).or_default();
        for privilege in remove {
            // Who loses all privileges has none left (databricks/cli testserver, grants.go).
            own.retain(|held| *held != privilege && privilege != "ALL_PRIVILEGES");
        }
        own.extend(add);
    }
    held.retain(|_, privileges| !privileges.is_empty());
    if store.settings.grants_delay_reads > 0 && held != before {
        let late = store.databricks.late_grants.entry(key.clone());
        let late = late.or_insert_with(|| LateGrants { reads: 0, shown: before });
        late.reads = store.settings.grants_delay_reads;
    }
    let entry = |(who, all): (&String, &BTreeSet<String>)| (who.clone(), all.iter().map(|one| json!(one)).collect());
    let answer = assignments(held.iter().map(entry).collect());
    if held.is_empty() {
        store.databricks.grants.remove(&key);
    } else {
        store.databricks.grants.insert(key, held);
    }
    if request.body["omit_permissions_in_response"] == true { Ok(json!({})) } else { answer_of(answer) }
}

/// A principal as the service names it. User names are in small letters (Terraform provider#3654), the names of groups are not
/// (#3705).
///
/// Once users, groups or service principals were made, only they may be granted something, the caller, and `account users`.
/// Before that anybody may: most tests and demos grant to names that nobody made. Groups of the workspace alone are none
/// (#5413, #4680): of those the sandbox knows `admins` and `users`.
fn principal(store: &Store, request: &Request, who: &str) -> Result<String, ApiError> {
    let name = if who.contains('@') { who.to_lowercase() } else { who.to_owned() };
    // The words: Terraform provider#2237. The code is of the list that all APIs share (SDK, `ErrorCode`).
    let missing =
        || ApiError::new(404, "PRINCIPAL_DOES_NOT_EXIST", format!("Could not find principal with name {who}"));
    if ["admins", "users"].contains(&who) {
        return Err(missing());
    }
    let made = &store.databricks.principals;
    if made.values().all(BTreeMap::is_empty) || name == "account users" || name == request.user.to_lowercase() {
        return Ok(name);
    }
    let is_called = [("Users", "userName"), ("Groups", "displayName"), ("ServicePrincipals", "applicationId")]
        .into_iter()
        .filter_map(|(path, member)| made.get(path).map(|all| (all, member)))
        .any(|(all, member)| {
            let mut names = all.values().filter_map(|one| one[member].as_str());
            names.any(|known| if member == "userName" { known.eq_ignore_ascii_case(&name) } else { known == name })
        });
    if is_called { Ok(name) } else { Err(missing()) }
}

/// An object with its grants, as reads show them.
fn held(store: &Store, sort: Sort, full: &str) -> Held {
    let key = key(sort, full);
    let state = &store.databricks;
    let late = state.late_grants.get(&key).filter(|late| late.reads > 0).map(|late| &late.shown);
    late.or_else(|| state.grants.get(&key)).cloned().unwrap_or_default()
}

fn shown(store: &mut Store, request: &Request, sort: Sort, full: &str, is_effective: bool, is_paged: bool) -> Handled {
    let asked = request.param("principal");
    let asked = asked.map(|who| if who.contains('@') { who.to_lowercase() } else { who });
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let parts: Vec<&str> = full.split('.').collect();
    let above = [Sort::Catalog, Sort::Schema].into_iter().filter(|above| above.depth() < sort.depth()).rev();
    for one in std::iter::once(sort).chain(above.filter(|_| is_effective)) {
        let full = parts[..one.depth()].join(".");
        for (who, privileges) in held(store, one, &full) {
            if asked.as_ref().is_some_and(|asked| *asked != who) {
                continue;
            }
            found.entry(who).or_default().extend(privileges.iter().map(|privilege| match (is_effective, one == sort) {
                (false, _) => json!(privilege),
                (true, true) => json!({ "privilege": privilege }),
                (true, false) => json!({
                    "privilege": privilege, "inherited_from_type": one.name().to_ascii_uppercase(), "inherited_from_name": full,
                }),
            }));
        }
    }
    let answer = listing_of(store, request, found, is_paged)?;
    if request.param("page_token").is_none_or(|token| token.is_empty()) {
        let late = &mut store.databricks.late_grants;
        if let Some(entry) = late.get_mut(&key(sort, full)) {
            entry.reads = entry.reads.saturating_sub(1);
        }
        late.retain(|_, entry| entry.reads > 0);
    }
    Ok(answer)
}

/// The entries of an answer.
pub fn assignments(found: BTreeMap<String, Vec<Value>>) -> Vec<Value> {
    found.into_iter().map(|(who, privileges)| json!({ "principal": who, "privileges": privileges })).collect()
}

fn answer_of(assignments: Vec<Value>) -> Handled {
    // An empty list is left out, as elsewhere: a real answer is `{}` (Terraform provider#3261).
    Ok(if assignments.is_empty() { json!({}) } else { json!({ "privilege_assignments": assignments }) })
}

#[cfg(test)]
mod tests {
    use super::super::super::route;
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
