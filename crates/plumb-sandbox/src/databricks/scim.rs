//! Users, groups and service principals: SCIM 2.0, as `preview/scim/v2` of a workspace has it.
//!
//! Shapes: RFC 7643 and 7644, and the Terraform provider's scim/. The caller, `admins` and `users` are there from the
//! beginning.

use super::{identity, reply, set, text};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Value, json};

/// A kind of principal.
struct ScimResource {
    /// As in the path.
    path: &'static str,
    /// What tells one from another.
    name: &'static str,
    schema: &'static str,
    noun: &'static str,
}

const RESOURCES: [ScimResource; 3] = [
    ScimResource {
        path: "Users",
        name: "userName",
        schema: "urn:ietf:params:scim:schemas:core:2.0:User",
        noun: "username",
    },
    ScimResource {
        path: "Groups",
        name: "displayName",
        schema: "urn:ietf:params:scim:schemas:core:2.0:Group",
        noun: "name",
    },
    ScimResource {
        path: "ServicePrincipals",
        name: "applicationId",
        schema: "urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal",
        noun: "application ID",
    },
];

impl ScimResource {
    /// In the words of a refusal: `Group with name x`.
    fn called(&self, value: &str) -> String {
        let kind = match self.path {
            "Users" => "User",
            "Groups" => "Group",
            _ => "Service principal",
        };
        format!("{kind} with {} {value}", self.noun)
    }
}

/// Answers `preview/scim/v2/KIND` and `preview/scim/v2/KIND/ID`.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    let (path, rest) = rest.split_first()?;
    let kind = RESOURCES.iter().find(|k| k.path == *path)?;
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => list(store, request, kind),
        ("POST", []) => create(store, request, kind),
        ("GET", [id]) => find(store, request, kind, id).map(|one| part(&one, request)),
        ("PUT", [id]) => replace(store, request, kind, id),
        ("PATCH", [id]) => patch(store, request, kind, id),
        ("DELETE", [id]) => delete(store, request, kind, id),
        _ => return None,
    })
}

// An error of SCIM (RFC 7644, 3.12). Texts of existing ones: Terraform provider, scim/resource_*.go.
fn error(status: u16, kind: Option<&str>, detail: String) -> ApiError {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": detail, "status": status.to_string(),
    });
    if let Some(kind) = kind {
        body["scimType"] = json!(kind);
    }
    ApiError { status, body, retry_after: None }
}

/// All of a kind: those of the beginning, and those that were made.
fn all(store: &Store, request: &Request, kind: &ScimResource) -> Vec<Value> {
    let made = store.databricks.principals.get(kind.path).into_iter().flatten();
    let mut found: Vec<Value> = made.map(|(_, one)| one.clone()).collect();
    let has = |found: &[Value], id: &str| found.iter().any(|one| one["id"] == id);
    let first = match kind.path {
        "Users" if request.user.contains('@') => {
            let mut me = identity::me(store, request).unwrap_or_default();
            if let Some(me) = me.as_object_mut() {
                me.remove("groups");
            }
            vec![me]
        }
        "Groups" => [("admins", identity::ADMINS), ("users", identity::USERS)]
            .into_iter()
            .map(|(name, id)| json!({ "schemas": [kind.schema], "id": id, "displayName": name }))
            .collect(),
        _ => Vec::new(),
    };
    for one in first.into_iter().rev() {
        let id = one["id"].as_str().unwrap_or_default();
        if !has(&found, id) {
            found.insert(0, one);
        }
    }
    if kind.path != "Groups" {
        for one in &mut found {
            let id = one["id"].as_str().unwrap_or_default().to_owned();
            let groups = groups_of(store, &id);
            if !groups.is_empty() {
                one["groups"] = groups.into();
            }
        }
    }
    found
}

/// The groups that list a principal as a member.
fn groups_of(store: &Store, id: &str) -> Vec<Value> {
    let groups = store.databricks.principals.get("Groups").into_iter().flatten();
    let has = |group: &Value| group["members"].as_array().is_some_and(|m| m.iter().any(|m| m["value"] == id));
    groups
        .filter(|(_, group)| has(group))
        .map(|(id, group)| {
            json!({ "display": group["displayName"], "value": id, "type": "direct", "$ref": format!("Groups/{id}") })
        })
        .collect()
}

fn find(store: &Store, request: &Request, kind: &ScimResource, id: &str) -> Result<Value, ApiError> {
    let missing = || error(404, None, format!("{} not found.", kind.called(id)));
    all(store, request, kind).into_iter().find(|one| one["id"] == id).ok_or_else(missing)
}

/// The attributes that `attributes` names, `id` and `schemas` always.
fn part(one: &Value, request: &Request) -> Value {
    let names = |parameter: &str| -> Vec<String> {
        let given = request.param(parameter).unwrap_or_default();
        given.split(',').map(|n| n.split('.').next().unwrap_or(n).trim().to_owned()).filter(|n| !n.is_empty()).collect()
    };
    let (wanted, left_out) = (names("attributes"), names("excludedAttributes"));
    let keep = |name: &str| {
        ["id", "schemas"].contains(&name)
            || ((wanted.is_empty() || wanted.iter().any(|w| w.eq_ignore_ascii_case(name)))
                && !left_out.iter().any(|l| l.eq_ignore_ascii_case(name)))
    };
    one.as_object().into_iter().flatten().filter(|(name, _)| keep(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}

/// A filter of one comparison or of several with `and` or `or`: `displayName eq "x"` (RFC 7644, 3.4.2.2).
fn fits(one: &Value, filter: &str) -> Result<bool, ApiError> {
    let lower = filter.to_ascii_lowercase();
    for (word, all) in [(" or ", false), (" and ", true)] {
        if let Some(at) = lower.find(word) {
            let (left, right) = (fits(one, &filter[..at])?, fits(one, &filter[at + word.len()..])?);
            return Ok(if all { left && right } else { left || right });
        }
    }
    let odd = || error(400, Some("invalidFilter"), format!("Given filter operator is not supported: {filter}"));
    let mut words = filter.trim().trim_matches(['(', ')']).splitn(3, ' ');
    let (Some(name), Some(operator)) = (words.next(), words.next()) else { return Err(odd()) };
    let wanted = words.next().unwrap_or_default().trim().trim_matches(['"', '\'']).to_lowercase();
    let member = one.as_object().and_then(|map| map.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)));
    let actual = member.map(|(_, v)| v.as_str().map_or_else(|| v.to_string(), str::to_owned).to_lowercase());
    let actual = actual.as_deref();
    Ok(match operator.to_ascii_lowercase().as_str() {
        "eq" => actual == Some(wanted.as_str()),
        "ne" => actual != Some(wanted.as_str()),
        "co" => actual.is_some_and(|a| a.contains(&wanted)),
        "sw" => actual.is_some_and(|a| a.starts_with(&wanted)),
        "pr" => actual.is_some(),
        _ => return Err(odd()),
    })
}

fn list(store: &Store, request: &Request, kind: &ScimResource) -> Handled {
    let filter = request.param("filter").filter(|f| !f.trim().is_empty());
    let mut found = Vec::new();
    for one in all(store, request, kind) {
        if filter.as_ref().map_or(Ok(true), |filter| fits(&one, filter))? {
            found.push(part(&one, request));
        }
    }
    // Counted from 1 (RFC 7644, 3.4.2.4).
    let start = usize::try_from(request.number("startIndex")?.unwrap_or(1)).unwrap_or(1).max(1);
    let count = request.number("count")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    let total = found.len();
    let page: Vec<Value> = found.into_iter().skip(start - 1).take(count).collect();
    Ok(json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": page.len(),
        "Resources": page,
    }))
}

fn create(store: &mut Store, request: &Request, kind: &ScimResource) -> Handled {
    let mut one = Value::Object(request.object()?);
    let id = (7_000_000_000_000_000 + store.serial()).to_string();
    if kind.path == "ServicePrincipals" && text(&one, "applicationId").is_none() {
        let (a, b) = (Store::scrambled(store.serial()), Store::scrambled(store.serial()));
        one["applicationId"] = json!(format!("{}-{}-4{}-8{}-{}", &a[..8], &a[8..12], &a[13..], &b[1..4], &b[4..]));
    }
    let name = text(&one, kind.name)
        .map(str::to_owned)
        .ok_or_else(|| error(400, Some("invalidValue"), format!("{} is required.", kind.name)))?;
    if all(store, request, kind).iter().any(|o| text(o, kind.name).is_some_and(|n| n.eq_ignore_ascii_case(&name))) {
        return Err(error(409, Some("uniqueness"), format!("{} already exists.", kind.called(&name))));
    }
    one["id"] = json!(id);
    one["schemas"] = json!([kind.schema]);
    if kind.path != "Groups" {
        if set(&one, "active").is_none() {
            one["active"] = json!(true);
        }
        if kind.path == "Users" {
            // The name is the address; it comes back in lower case (Terraform provider, scim/resource_user.go).
            one["userName"] = json!(name.to_lowercase());
            one["emails"] = json!([{ "type": "work", "value": name.to_lowercase(), "primary": true }]);
        }
        if text(&one, "displayName").is_none() {
            one["displayName"] = json!(name.split('@').next());
        }
    } else {
        show_members(store, request, &mut one);
    }
    drop_empty(&mut one);
    keep(store, kind, &id, one.clone());
    Ok(reply::json(201, one))
}

/// Takes out elements without a value: the Terraform provider says "no entitlements" by one empty element
/// (scim/scim.go), and reads none back.
fn drop_empty(one: &mut Value) {
    let Some(map) = one.as_object_mut() else { return };
    let is_empty =
        |element: &Value| element.is_object() && text(element, "value").is_none() && set(element, "$ref").is_none();
    map.retain(|_, value| {
        let Some(list) = value.as_array_mut().filter(|list| list.iter().any(is_empty)) else { return true };
        list.retain(|element| !is_empty(element));
        !list.is_empty()
    });
}

fn keep(store: &mut Store, kind: &ScimResource, id: &str, one: Value) {
    let of_kind = store.databricks.principals.entry(kind.path.to_owned()).or_default();
    of_kind.insert(id.to_owned(), one);
}

/// Writes into each member of a group what it is called.
fn show_members(store: &Store, request: &Request, group: &mut Value) {
    let known: Vec<(Value, Value, &str)> = RESOURCES
        .iter()
        .flat_map(|kind| {
            let one = |o: Value| (o["id"].clone(), o.get("displayName").cloned().unwrap_or_default(), kind.path);
            all(store, request, kind).into_iter().map(one).collect::<Vec<_>>()
        })
        .collect();
    for member in group.get_mut("members").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some((id, name, path)) = known.iter().find(|(id, ..)| *id == member["value"]) {
            member["display"] = name.clone();
            member["$ref"] = json!(format!("{path}/{}", id.as_str().unwrap_or_default()));
        }
    }
}

fn replace(store: &mut Store, request: &Request, kind: &ScimResource, id: &str) -> Handled {
    let before = find(store, request, kind, id)?;
    let mut one = Value::Object(request.object()?);
    one["id"] = json!(id);
    one["schemas"] = json!([kind.schema]);
    for fixed in [kind.name, "applicationId", "emails"] {
        if set(&one, fixed).is_none()
            && let Some(value) = set(&before, fixed)
        {
            one[fixed] = value.clone();
        }
    }
    if kind.path == "Groups" {
        show_members(store, request, &mut one);
    }
    drop_empty(&mut one);
    keep(store, kind, id, one.clone());
    Ok(one)
}

fn patch(store: &mut Store, request: &Request, kind: &ScimResource, id: &str) -> Handled {
    let mut one = find(store, request, kind, id)?;
    let operations = request.body.get("Operations").and_then(Value::as_array).cloned().unwrap_or_default();
    for operation in &operations {
        let path = text(operation, "path").unwrap_or_default();
        let value = operation.get("value").cloned().unwrap_or_default();
        match operation["op"].as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
            "add" => change(&mut one, path, value, true),
            "replace" => change(&mut one, path, value, false),
            "remove" => remove(&mut one, path, &value),
            other => return Err(error(400, Some("invalidSyntax"), format!("Unknown operation: {other}"))),
        }
    }
    if kind.path == "Groups" {
        show_members(store, request, &mut one);
    } else if let Some(map) = one.as_object_mut() {
        // They are the groups' members, and not written here.
        map.remove("groups");
    }
    drop_empty(&mut one);
    keep(store, kind, id, one);
    // Nothing comes back (Terraform provider, scim/groups.go, reads none).
    reply::empty(204)
}

/// Sets an attribute, or adds to one that is a list; without a path the value names the attributes.
fn change(one: &mut Value, path: &str, value: Value, add: bool) {
    if path.is_empty() {
        for (name, inner) in value.as_object().cloned().unwrap_or_default() {
            change(one, &name, inner, add);
        }
        return;
    }
    let Value::Array(new) = value else {
        one[path] = value;
        return;
    };
    if !add || !one[path].is_array() {
        one[path] = json!([]);
    }
    let Some(list) = one[path].as_array_mut() else { return };
    for element in new {
        if !list.iter().any(|known| known["value"] == element["value"]) {
            list.push(element);
        }
    }
}

/// Removes an attribute, or what a filter selects of one: `members[value eq "1"]`.
fn remove(one: &mut Value, path: &str, value: &Value) {
    let (name, filter) = path.split_once('[').map_or((path, None), |(n, f)| (n, Some(f.trim_end_matches(']'))));
    let listed: Vec<Value> = value.as_array().into_iter().flatten().map(|v| v["value"].clone()).collect();
    let Some(list) = one.get_mut(name).and_then(Value::as_array_mut).filter(|_| filter.is_some() || !listed.is_empty())
    else {
        if let Some(map) = one.as_object_mut() {
            map.remove(name);
        }
        return;
    };
    list.retain(|element| match filter {
        Some(filter) => !fits(element, filter).unwrap_or(false),
        None => !listed.contains(&element["value"]),
    });
}

fn delete(store: &mut Store, request: &Request, kind: &ScimResource, id: &str) -> Handled {
    find(store, request, kind, id)?;
    let of_kind = store.databricks.principals.get_mut(kind.path);
    if of_kind.and_then(|all| all.remove(id)).is_none() {
        return Err(error(403, None, format!("{} cannot be deleted.", kind.called(id))));
    }
    for group in store.databricks.principals.get_mut("Groups").into_iter().flatten().map(|(_, group)| group) {
        if let Some(members) = group.get_mut("members").and_then(Value::as_array_mut) {
            members.retain(|member| member["value"] != id);
        }
    }
    reply::empty(204)
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use super::*;
    use crate::{
        answer::{Answer, Content},
        store::Clock,
    };

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = Request::internal(method, &format!("/api/2.0/preview/scim/v2/{path}"), "me@example.com", body);
        let Answer { status, content, .. } = route(store, &request).into();
        match content {
            Content::Json(body) => (status, body),
            _ => (status, Value::Null),
        }
    }

    fn names(answer: &Value, name: &str) -> Vec<String> {
        let all = answer["Resources"].as_array().unwrap();
        all.iter().map(|one| one[name].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn groups_have_members_that_come_and_go() {
        let mut store = Store::new(Clock::Fixed(0));
        let (status, user) = ask(&mut store, "POST", "Users", json!({ "userName": "Ann@example.com" }));
        assert_eq!((status, &user["userName"], &user["active"]), (201, &json!("ann@example.com"), &json!(true)));
        let (status, group) = ask(&mut store, "POST", "Groups", json!({ "displayName": "data", "entitlements": [{}] }));
        assert_eq!(status, 201);
        assert!(group.get("entitlements").is_none(), "an empty element is none: {group}");
        let (status, again) = ask(&mut store, "POST", "Groups", json!({ "displayName": "Data" }));
        assert_eq!((status, &again["detail"]), (409, &json!("Group with name Data already exists.")));
        let path = format!("Groups/{}", group["id"].as_str().unwrap());
        let operation = |op: &str, path: &str, value: Value| json!({ "schemas": [], "Operations": [{ "op": op, "path": path, "value": value }] });
        let add = operation("add", "members", json!([{ "value": user["id"] }]));
        assert_eq!(ask(&mut store, "PATCH", &path, add.clone()).0, 204);
        ask(&mut store, "PATCH", &path, add);
        let (_, seen) = ask(&mut store, "GET", &path, Value::Null);
        assert_eq!(seen["members"].as_array().unwrap().len(), 1, "nobody is a member twice: {seen}");
        assert_eq!(seen["members"][0]["display"], "Ann");
        let user_path = format!("Users/{}", user["id"].as_str().unwrap());
        assert_eq!(ask(&mut store, "GET", &user_path, Value::Null).1["groups"][0]["display"], "data");
        let filter = format!("members[value eq \"{}\"]", user["id"].as_str().unwrap());
        ask(&mut store, "PATCH", &path, operation("remove", &filter, Value::Null));
        assert_eq!(ask(&mut store, "GET", &path, Value::Null).1["members"], json!([]));
        ask(&mut store, "PATCH", &path, operation("add", "members", json!([{ "value": user["id"] }])));
        assert_eq!(ask(&mut store, "DELETE", &user_path, Value::Null).0, 204);
        assert_eq!(ask(&mut store, "GET", &user_path, Value::Null).0, 404);
        assert_eq!(ask(&mut store, "GET", &path, Value::Null).1["members"], json!([]), "a member that is gone is none");
    }

    #[test]
    fn listings_are_filtered_cut_and_paged() {
        let mut store = Store::new(Clock::Fixed(0));
        for name in ["b", "c"] {
            ask(&mut store, "POST", "Groups", json!({ "displayName": name, "entitlements": [{ "value": "x" }] }));
        }
        let (_, all) = ask(&mut store, "GET", "Groups", Value::Null);
        assert_eq!(names(&all, "displayName"), ["admins", "users", "b", "c"]);
        let (_, page) = ask(&mut store, "GET", "Groups?startIndex=2&count=2&attributes=displayName", Value::Null);
        assert_eq!((names(&page, "displayName"), &page["totalResults"]), (vec!["users".into(), "b".into()], &json!(4)));
        assert!(page["Resources"][1].get("entitlements").is_none());
        let (_, one) = ask(&mut store, "GET", "Groups?filter=displayName%20eq%20%22C%22", Value::Null);
        assert_eq!(names(&one, "displayName"), ["c"]);
        let (_, two) = ask(&mut store, "GET", "Groups?filter=displayName+eq+'b'+or+displayName+sw+'ad'", Value::Null);
        assert_eq!(names(&two, "displayName"), ["admins", "b"]);
        assert_eq!(ask(&mut store, "GET", "Groups?filter=displayName+is+'b'", Value::Null).0, 400);
        let (_, me) = ask(&mut store, "GET", "Users", Value::Null);
        assert_eq!(names(&me, "userName"), ["me@example.com"]);
        assert_eq!(ask(&mut store, "DELETE", "Groups/100000000000001", Value::Null).0, 403, "admins stay");
        assert_eq!(ask(&mut store, "GET", "Devices", Value::Null).0, 404);
    }

    #[test]
    fn a_service_principal_has_an_application_id() {
        let mut store = Store::new(Clock::Fixed(0));
        let (_, made) = ask(&mut store, "POST", "ServicePrincipals", json!({ "displayName": "ci" }));
        assert_eq!(made["applicationId"].as_str().unwrap().len(), 36, "{made}");
        let again = json!({ "displayName": "other", "applicationId": made["applicationId"] });
        assert_eq!(ask(&mut store, "POST", "ServicePrincipals", again).0, 409);
        let path = format!("ServicePrincipals/{}", made["id"].as_str().unwrap());
        let (_, seen) = ask(&mut store, "PUT", &path, json!({ "displayName": "cd", "active": false }));
        assert_eq!((&seen["displayName"], &seen["applicationId"]), (&json!("cd"), &made["applicationId"]));
    }
}
