//! Secrets API 2.0: secret scopes, secrets and their access control lists.
//!
//! Codes are those of the Secrets API reference (databricks-sdk-py 0.162.0, `service/workspace.py`); words are the service's
//! where a source is named, the others are unverified. Names of scopes are the same in large and small letters (Databricks'
//! documentation, "Secret scopes"); whether keys are is not documented, so here they are not.

use super::{set, text};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A scope with all that is in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Scope {
    /// `DATABRICKS` or `AZURE_KEYVAULT`.
    pub backend_type: String,
    pub keyvault: Option<Value>,
    pub secrets: BTreeMap<String, Secret>,
    /// The permission of each principal: `READ`, `WRITE` or `MANAGE`.
    pub acls: BTreeMap<String, String>,
}

/// A secret. Emulated ones are no secrets: they stand in the state file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secret {
    /// Base64.
    pub value: String,
    pub updated: i64,
}

/// A workspace may have 1,000 scopes, and a scope 1,000 secrets of 128 KB (Secrets API reference).
const MOST: usize = 1000;
const LARGEST: usize = 128 << 10;

/// Answers `secrets/…`.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    Some(match (request.method.as_str(), rest) {
        ("POST", ["scopes", "create"]) => create(store, request),
        ("POST", ["scopes", "delete"]) => delete_scope(store, request),
        ("GET", ["scopes", "list"]) => Ok(scopes(store)),
        ("POST", ["put"]) => put(store, request),
        ("POST", ["delete"]) => delete(store, request),
        ("GET", ["get"]) => get(store, request),
        ("GET", ["list"]) => list(store, request),
        ("POST", ["acls", "put"]) => put_acl(store, request),
        ("POST", ["acls", "delete"]) => delete_acl(store, request),
        ("GET", ["acls", "get"]) => get_acl(store, request),
        ("GET", ["acls", "list"]) => scope(store, request, "MANAGE").map(|s| {
            let items = s.acls.iter().map(|(name, level)| json!({ "principal": name, "permission": level }));
            super::paging::listing("items", items.collect()).into()
        }),
        _ => return None,
    })
}

/// The scope that a request names, for somebody who has a permission on it.
///
/// Workspace admins have them all. The words of a refusal: paiqo/Databricks-VSCode#43.
fn scope<'a>(store: &'a mut Store, request: &Request, needed: &str) -> Result<&'a mut Scope, ApiError> {
    let name = request.required("scope")?;
    // Terraform provider, secrets/; that of one that exists (databricks/databricks-cli#340) has the exclamation mark, too.
    let missing = || ApiError::missing(format!("Scope {name} does not exist!"));
    let name = kept_name(store, &name).ok_or_else(missing)?;
    if !store.settings.caller_is_admin {
        let rank = |level: &str| LEVELS.iter().position(|known| *known == level);
        let callers = principals_of(store, &request.user);
        let acls = store.databricks.secrets.get(&name).map(|scope| &scope.acls).into_iter().flatten();
        let held = acls.filter(|(principal, _)| callers.contains(principal)).filter_map(|(_, level)| rank(level)).max();
        if held < rank(needed) {
            let words = format!("does not have {needed} permission on scope {name} to perform this action.");
            return Err(ApiError::denied(format!("{} {words}", request.user)));
        }
    }
    store.databricks.secrets.get_mut(&name).ok_or_else(missing)
}

/// From the least to the most.
const LEVELS: [&str; 3] = ["READ", "WRITE", "MANAGE"];

/// The name by which a scope is kept.
fn kept_name(store: &Store, name: &str) -> Option<String> {
    store.databricks.secrets.keys().find(|kept| kept.eq_ignore_ascii_case(name)).cloned()
}

/// The names under which an ACL may mean somebody: his own, those of his groups, and `users`.
fn principals_of(store: &Store, user: &str) -> Vec<String> {
    let all = |kind: &str| store.databricks.principals.get(kind).into_iter().flatten().map(|(_, one)| one);
    let is_user = |one: &&Value| one["userName"] == user || one["applicationId"] == user;
    let ids: Vec<&Value> = all("Users").chain(all("ServicePrincipals")).filter(is_user).map(|one| &one["id"]).collect();
    let is_in = |group: &&Value| {
        let members = group["members"].as_array();
        members.into_iter().flatten().any(|member| ids.contains(&&member["value"]))
    };
    let groups = all("Groups").filter(is_in).filter_map(|group| text(group, "displayName").map(str::to_owned));
    [user.to_owned(), "users".to_owned()].into_iter().chain(groups).collect()
}

fn check_name(name: &str, what: &str) -> Result<(), ApiError> {
    // "Alphanumeric characters, dashes, underscores, `@`, and periods, and may not exceed 128 characters" (Databricks'
    // documentation, "Secret scopes"); the Terraform provider lets a slash through as well (secrets/resource_secret_scope.go).
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.len() <= 128 && name.chars().all(fits) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Invalid {what} '{name}': at most 128 letters, digits, dashes, underscores and periods are allowed."
    )))
}

fn create(store: &mut Store, request: &Request) -> Handled {
    let name = request.required("scope")?;
    check_name(&name, "scope name")?;
    if kept_name(store, &name).is_some() {
        return Err(ApiError::exists(format!("Scope {name} already exists!")));
    }
    if store.databricks.secrets.len() == MOST {
        return Err(ApiError::new(400, "RESOURCE_LIMIT_EXCEEDED", "A workspace may have at most 1000 scopes."));
    }
    let backend = request.param("scope_backend_type").unwrap_or_else(|| "DATABRICKS".to_owned());
    let keyvault = set(&request.body, "backend_azure_keyvault").cloned();
    if backend == "AZURE_KEYVAULT" && keyvault.is_none() {
        return Err(ApiError::invalid("Scope with Azure KeyVault must have backend_azure_keyvault."));
    }
    let manager = match text(&request.body, "initial_manage_principal") {
        None => request.user.clone(),
        Some("users") => "users".to_owned(),
        Some(_) => return Err(ApiError::invalid("The only supported initial_manage_principal is 'users'.")),
    };
    let acls = BTreeMap::from([(manager, "MANAGE".to_owned())]);
    let scope = Scope { backend_type: backend, keyvault, secrets: BTreeMap::new(), acls };
    store.databricks.secrets.insert(name, scope);
    Ok(json!({}))
}

fn delete_scope(store: &mut Store, request: &Request) -> Handled {
    scope(store, request, "MANAGE")?;
    if let Some(name) = kept_name(store, &request.required("scope")?) {
        store.databricks.secrets.remove(&name);
    }
    Ok(json!({}))
}

fn scopes(store: &Store) -> Value {
    let shown = store.databricks.secrets.iter().map(|(name, scope)| {
        let mut shown = json!({ "name": name, "backend_type": scope.backend_type });
        if let Some(keyvault) = &scope.keyvault {
            shown["keyvault_metadata"] = keyvault.clone();
        }
        shown
    });
    super::paging::listing("scopes", shown.collect()).into()
}

fn put(store: &mut Store, request: &Request) -> Handled {
    let key = request.required("key")?;
    check_name(&key, "key")?;
    let body = &request.body;
    let value = match (body.get("string_value").and_then(Value::as_str), set(body, "bytes_value")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::new(
                400,
                "MALFORMED_REQUEST",
                "Only one of string_value and bytes_value may be set.",
            ));
        }
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(bytes)) => STANDARD
            .decode(bytes.as_str().unwrap_or_default())
            .map_err(|_| ApiError::invalid("bytes_value is not valid base64."))?,
        (None, None) => return Err(ApiError::invalid("One of string_value and bytes_value must be set.")),
    };
    if value.len() > LARGEST {
        return Err(ApiError::invalid("The value exceeds the limit of 128 KB."));
    }
    let updated = store.now();
    let scope = scope(store, request, "WRITE")?;
    if scope.backend_type == "AZURE_KEYVAULT" {
        return Err(ApiError::new(400, "BAD_REQUEST", "Cannot write secrets to Azure KeyVault-backed scope."));
    }
    if scope.secrets.len() == MOST && !scope.secrets.contains_key(&key) {
        return Err(ApiError::new(400, "RESOURCE_LIMIT_EXCEEDED", "A scope may have at most 1000 secrets."));
    }
    scope.secrets.insert(key, Secret { value: STANDARD.encode(value), updated });
    Ok(json!({}))
}

fn missing_secret(scope: &str, key: &str) -> ApiError {
    ApiError::missing(format!("Secret does not exist with scope: {scope} and key: {key}"))
}

fn delete(store: &mut Store, request: &Request) -> Handled {
    let (name, key) = (request.required("scope")?, request.required("key")?);
    let removed = scope(store, request, "WRITE")?.secrets.remove(&key);
    removed.map(|_| json!({})).ok_or_else(|| missing_secret(&name, &key))
}

// Outside of a cluster the service refuses it (Secrets API reference: "can only be called from the DBUtils interface");
// whether callers from outside get their own secrets is the workspace's business, and the SDKs' dbutils count on it.
fn get(store: &mut Store, request: &Request) -> Handled {
    let (name, key) = (request.required("scope")?, request.required("key")?);
    let secret = scope(store, request, "READ")?.secrets.get(&key).ok_or_else(|| missing_secret(&name, &key))?;
    Ok(json!({ "key": key, "value": secret.value }))
}

fn list(store: &mut Store, request: &Request) -> Handled {
    let scope = scope(store, request, "READ")?;
    let shown = |(key, secret): (&String, &Secret)| json!({ "key": key, "last_updated_timestamp": secret.updated });
    Ok(super::paging::listing("secrets", scope.secrets.iter().map(shown).collect()).into())
}

// Another permission for a principal replaces the one before: the SDK's text has a `RESOURCE_ALREADY_EXISTS` as well, but
// also "creates or overwrites", and databricks/cli counts on the latter.
fn put_acl(store: &mut Store, request: &Request) -> Handled {
    let (principal, permission) = (request.required("principal")?, request.required("permission")?);
    if !LEVELS.contains(&permission.as_str()) {
        return Err(ApiError::invalid(format!("Invalid permission '{permission}': it must be READ, WRITE or MANAGE.")));
    }
    scope(store, request, "MANAGE")?.acls.insert(principal, permission);
    Ok(json!({}))
}

fn missing_acl(request: &Request) -> ApiError {
    let name = |member| request.param(member).unwrap_or_default();
    ApiError::missing(format!("No ACL of {} on scope {}.", name("principal"), name("scope")))
}

fn delete_acl(store: &mut Store, request: &Request) -> Handled {
    let principal = request.required("principal")?;
    let removed = scope(store, request, "MANAGE")?.acls.remove(&principal);
    removed.map(|_| json!({})).ok_or_else(|| missing_acl(request))
}

fn get_acl(store: &mut Store, request: &Request) -> Handled {
    let principal = request.required("principal")?;
    let found = scope(store, request, "MANAGE")?.acls.get(&principal);
    let level = found.ok_or_else(|| missing_acl(request))?;
    Ok(json!({ "principal": principal, "permission": level }))
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use super::*;
    use crate::store::Clock;

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/2.0/secrets/{path}"), "me@example.com", body))
    }

    fn code(answer: Handled) -> String {
        answer.unwrap_err().body["error_code"].as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_scope_holds_secrets_and_says_who_may_read_them() {
        let mut store = Store::new(Clock::Fixed(5));
        assert_eq!(ask(&mut store, "GET", "scopes/list", Value::Null).unwrap(), json!({}));
        ask(&mut store, "POST", "scopes/create", json!({ "scope": "s" })).unwrap();
        assert_eq!(code(ask(&mut store, "POST", "scopes/create", json!({ "scope": "s" }))), "RESOURCE_ALREADY_EXISTS");
        let seen = ask(&mut store, "GET", "scopes/list", Value::Null).unwrap();
        assert_eq!(seen, json!({ "scopes": [{ "name": "s", "backend_type": "DATABRICKS" }] }));
        ask(&mut store, "POST", "put", json!({ "scope": "s", "key": "k", "string_value": "hush" })).unwrap();
        let seen = ask(&mut store, "GET", "get?scope=s&key=k", Value::Null).unwrap();
        assert_eq!(seen, json!({ "key": "k", "value": STANDARD.encode("hush") }));
        ask(&mut store, "POST", "put", json!({ "scope": "s", "key": "b", "bytes_value": "AP8=" })).unwrap();
        assert_eq!(ask(&mut store, "GET", "get?scope=s&key=b", Value::Null).unwrap()["value"], "AP8=");
        let seen = ask(&mut store, "GET", "list?scope=s", Value::Null).unwrap();
        assert_eq!(seen["secrets"][1], json!({ "key": "k", "last_updated_timestamp": 5 }), "no value: {seen}");
        let acl = json!({ "scope": "s", "principal": "data", "permission": "READ" });
        ask(&mut store, "POST", "acls/put", acl).unwrap();
        let seen = ask(&mut store, "GET", "acls/list?scope=s", Value::Null).unwrap();
        assert_eq!(seen["items"][1], json!({ "principal": "me@example.com", "permission": "MANAGE" }));
        let seen = ask(&mut store, "GET", "acls/get?scope=s&principal=data", Value::Null).unwrap();
        assert_eq!(seen["permission"], "READ");
        ask(&mut store, "POST", "acls/delete", json!({ "scope": "s", "principal": "data" })).unwrap();
        ask(&mut store, "POST", "delete", json!({ "scope": "s", "key": "k" })).unwrap();
        for path in ["acls/get?scope=s&principal=data", "get?scope=s&key=k", "list?scope=other"] {
            assert_eq!(code(ask(&mut store, "GET", path, Value::Null)), "RESOURCE_DOES_NOT_EXIST", "{path}");
        }
        ask(&mut store, "POST", "scopes/delete", json!({ "scope": "s" })).unwrap();
        assert_eq!(code(ask(&mut store, "POST", "scopes/delete", json!({ "scope": "s" }))), "RESOURCE_DOES_NOT_EXIST");
    }

    #[test]
    fn a_scope_is_the_same_in_large_and_small_letters_and_takes_its_secrets_with_it() {
        let mut store = Store::new(Clock::Fixed(5));
        ask(&mut store, "POST", "scopes/create", json!({ "scope": "Lake" })).unwrap();
        assert_eq!(
            code(ask(&mut store, "POST", "scopes/create", json!({ "scope": "lake" }))),
            "RESOURCE_ALREADY_EXISTS"
        );
        ask(&mut store, "POST", "put", json!({ "scope": "LAKE", "key": "k", "string_value": "a" })).unwrap();
        store.advance(1);
        ask(&mut store, "POST", "put", json!({ "scope": "lake", "key": "k", "string_value": "b" })).unwrap();
        let seen = ask(&mut store, "GET", "list?scope=lake", Value::Null).unwrap();
        assert_eq!(seen, json!({ "secrets": [{ "key": "k", "last_updated_timestamp": 1005 }] }));
        ask(&mut store, "POST", "scopes/delete", json!({ "scope": "lakE" })).unwrap();
        ask(&mut store, "POST", "scopes/create", json!({ "scope": "lake" })).unwrap();
        assert_eq!(ask(&mut store, "GET", "list?scope=lake", Value::Null).unwrap(), json!({}));
    }

    #[test]
    fn who_is_no_admin_needs_a_permission() {
        let mut store = Store::new(Clock::Fixed(0));
        let as_user = |store: &mut Store, user: &str, method: &str, path: &str, body: Value| {
            route(store, &Request::internal(method, &format!("/api/2.0/secrets/{path}"), user, body))
        };
        ask(&mut store, "POST", "scopes/create", json!({ "scope": "s" })).unwrap();
        store.settings.caller_is_admin = false;
        let put = json!({ "scope": "s", "key": "k", "string_value": "v" });
        ask(&mut store, "POST", "put", put.clone()).unwrap();
        let error = as_user(&mut store, "ann@example.com", "GET", "list?scope=s", Value::Null).unwrap_err();
        let words = "ann@example.com does not have READ permission on scope s to perform this action.";
        assert_eq!((error.status, &error.body["message"]), (403, &json!(words)));
        let seen = as_user(&mut store, "ann@example.com", "GET", "scopes/list", Value::Null).unwrap();
        assert_eq!(seen["scopes"][0]["name"], "s", "names are no secret");
        let group = json!({ "displayName": "data", "members": [{ "value": "7" }] });
        store.databricks.principals.entry("Groups".into()).or_default().insert("1".into(), group);
        let ann = json!({ "id": "7", "userName": "ann@example.com" });
        store.databricks.principals.entry("Users".into()).or_default().insert("7".into(), ann);
        ask(&mut store, "POST", "acls/put", json!({ "scope": "s", "principal": "data", "permission": "READ" }))
            .unwrap();
        as_user(&mut store, "ann@example.com", "GET", "list?scope=s", Value::Null).unwrap();
        for (method, path, body) in [
            ("POST", "put", put.clone()),
            ("POST", "delete", json!({ "scope": "s", "key": "k" })),
            ("GET", "acls/list?scope=s", Value::Null),
            ("POST", "scopes/delete", json!({ "scope": "s" })),
        ] {
            let error = as_user(&mut store, "ann@example.com", method, path, body).unwrap_err();
            assert_eq!(error.body["error_code"], "PERMISSION_DENIED", "{path}");
        }
        ask(&mut store, "POST", "acls/put", json!({ "scope": "s", "principal": "users", "permission": "WRITE" }))
            .unwrap();
        as_user(&mut store, "bob@example.com", "POST", "put", put).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut store = Store::new(Clock::Fixed(0));
        assert_eq!(
            code(ask(&mut store, "POST", "scopes/create", json!({ "scope": "a/b" }))),
            "INVALID_PARAMETER_VALUE"
        );
        ask(&mut store, "POST", "scopes/create", json!({ "scope": "s", "initial_manage_principal": "users" })).unwrap();
        assert_eq!(store.databricks.secrets["s"].acls["users"], "MANAGE");
        let both = json!({ "scope": "s", "key": "k", "string_value": "a", "bytes_value": "YQ==" });
        assert_eq!(code(ask(&mut store, "POST", "put", both)), "MALFORMED_REQUEST");
        for body in [
            json!({ "scope": "s", "key": "k" }),
            json!({ "scope": "s", "key": "k", "string_value": "x".repeat(LARGEST + 1) }),
            json!({ "scope": "s", "key": "k", "bytes_value": "%" }),
            json!({ "scope": "s", "key": "a b/c", "string_value": "a" }),
        ] {
            assert_eq!(code(ask(&mut store, "POST", "put", body)), "INVALID_PARAMETER_VALUE");
        }
        for n in 0..MOST {
            let key = format!("k{n}");
            ask(&mut store, "POST", "put", json!({ "scope": "s", "key": key, "string_value": "v" })).unwrap();
        }
        let more = json!({ "scope": "s", "key": "more", "string_value": "v" });
        assert_eq!(code(ask(&mut store, "POST", "put", more)), "RESOURCE_LIMIT_EXCEEDED");
        ask(&mut store, "POST", "put", json!({ "scope": "s", "key": "k0", "string_value": "w" })).unwrap();
        let acl = json!({ "scope": "s", "principal": "p", "permission": "OWN" });
        assert_eq!(code(ask(&mut store, "POST", "acls/put", acl)), "INVALID_PARAMETER_VALUE");
    }
}
