//! Cluster policies and policy families, API 2.0.

use super::{defaults, fields, paging, permissions, set, text};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Map, Value, json};

/// The families that the sandbox knows: id, name, definition.
const FAMILIES: [(&str, &str, &str); 4] = [
    (
        "job-cluster",
        "Job Compute",
        r#"{"cluster_type":{"type":"fixed","value":"job"},"num_workers":{"type":"unlimited","defaultValue":4,"isOptional":true},"spark_version":{"type":"unlimited","defaultValue":"auto:latest-lts"}}"#,
    ),
    (
        "personal-vm",
        "Personal Compute",
        r#"{"num_workers":{"type":"fixed","value":0,"hidden":true},"data_security_mode":{"type":"fixed","value":"SINGLE_USER","hidden":true},"autotermination_minutes":{"type":"unlimited","defaultValue":4320,"isOptional":true}}"#,
    ),
    (
        "power-user",
        "Power User Compute",
        r#"{"autotermination_minutes":{"type":"unlimited","defaultValue":60,"isOptional":true},"spark_version":{"type":"unlimited","defaultValue":"auto:latest-lts"}}"#,
    ),
    (
        "shared-compute",
        "Shared Compute",
        r#"{"data_security_mode":{"type":"fixed","value":"USER_ISOLATION","hidden":true},"autotermination_minutes":{"type":"unlimited","defaultValue":60,"isOptional":true}}"#,
    ),
];

/// Answers `policies/clusters/VERB`.
pub fn handle(store: &mut Store, request: &Request, verb: &str) -> Option<Handled> {
    Some(match (request.method.as_str(), verb) {
        ("POST", "create") => create(store, request),
        ("POST", "edit") => edit(store, request),
        ("GET", "get") => request.required("policy_id").and_then(|id| find(store, &id).cloned()),
        ("GET", "list") => list(store, request),
        ("POST", "delete") => delete(store, request),
        _ => return None,
    })
}

/// Answers `policy-families` and `policy-families/ID`.
pub fn families(request: &Request, id: Option<&str>) -> Option<Handled> {
    if request.method != "GET" {
        return None;
    }
    let one = |(id, name, definition): &(&str, &str, &str)| json!({ "policy_family_id": id, "name": name, "definition": definition, "description": format!("{name} by the platform") });
    Some(match id {
        None => Ok(json!({ "policy_families": FAMILIES.iter().map(one).collect::<Vec<_>>() })),
        Some(id) => FAMILIES
            .iter()
            .find(|f| f.0 == id)
            .map(one)
            .ok_or_else(|| ApiError::missing(format!("Policy family {id} does not exist."))),
    })
}

fn find<'a>(store: &'a Store, id: &str) -> Result<&'a Value, ApiError> {
    store.databricks.policies.get(id).ok_or_else(|| ApiError::missing(format!("Cluster policy {id} does not exist.")))
}

/// The definition of the policy that a cluster names; `None` when there is no such policy and the settings allow it.
pub fn definition(store: &Store, id: &str) -> Result<Option<String>, ApiError> {
    match store.databricks.policies.get(id) {
        Some(policy) => Ok(Some(text(policy, "definition").unwrap_or("{}").to_owned())),
        None if store.settings.check_references => {
            Err(ApiError::invalid(format!("Cluster policy {id} does not exist.")))
        }
        None => Ok(None),
    }
}

fn prepare(store: &Store, request: &Request, own: Option<&str>) -> Result<Map<String, Value>, ApiError> {
    let mut body = Value::Object(request.object()?);
    defaults::drop_nulls(&mut body);
    fields::read(&mut body, "Policy", store.settings.keeps_unknown)?;
    let mut members = body.as_object().cloned().unwrap_or_default();
    let name = text(&body, "name").unwrap_or_default();
    // Length must be between 1 and 100 characters (Cluster Policies API reference).
    if name.is_empty() || name.chars().count() > 100 {
        return Err(ApiError::invalid("The name of a cluster policy must have between 1 and 100 characters."));
    }
    let taken =
        store.databricks.policies.iter().any(|(id, p)| Some(id.as_str()) != own && text(p, "name") == Some(name));
    if taken {
        return Err(ApiError::invalid(format!("Cluster policy with name '{name}' already exists.")));
    }
    let libraries = set(&body, "libraries").and_then(Value::as_array).map_or(0, Vec::len);
    if libraries > 500 {
        return Err(ApiError::invalid("The maximum number of libraries is 500."));
    }
    // A limit of 0 is no limit, and is not shown (Terraform provider, policies/).
    if body["max_clusters_per_user"] == 0 {
        members.remove("max_clusters_per_user");
    }
    match text(&body, "policy_family_id") {
        Some(_) if text(&body, "definition").is_some() => {
            return Err(ApiError::invalid("Only one of definition and policy_family_id can be specified."));
        }
        Some(family) => {
            let overrides = text(&body, "policy_family_definition_overrides").unwrap_or("{}");
            members.insert("definition".to_owned(), json!(of_family(family, overrides)?));
        }
        None => {
            let definition = text(&body, "definition").unwrap_or("{}");
            // Only that it is JSON is checked here; its shape is checked by the first cluster (databricks/cli#6492).
            if let Err(e) = serde_json::from_str::<Value>(definition) {
                return Err(ApiError::invalid(format!("Invalid JSON in the policy definition: {e}")));
            }
            members.insert("definition".to_owned(), json!(definition));
        }
    }
    Ok(members)
}

fn of_family(id: &str, overrides: &str) -> Result<String, ApiError> {
    let (_, _, definition) = FAMILIES
        .iter()
        .find(|f| f.0 == id)
        .ok_or_else(|| ApiError::invalid(format!("Policy family {id} does not exist.")))?;
    let parse = |text: &str| serde_json::from_str::<Map<String, Value>>(text);
    let mut merged = parse(definition).unwrap_or_default();
    let overrides = parse(overrides)
        .map_err(|e| ApiError::invalid(format!("Invalid JSON in policy_family_definition_overrides: {e}")))?;
    merged.extend(overrides);
    Ok(Value::Object(merged).to_string())
}

fn create(store: &mut Store, request: &Request) -> Handled {
    let mut policy = prepare(store, request, None)?;
    let serial = store.serial();
    let id = Store::scrambled(serial).to_uppercase();
    policy.insert("policy_id".to_owned(), json!(id));
    policy.insert("creator_user_name".to_owned(), json!(request.user));
    policy.insert("created_at_timestamp".to_owned(), json!(store.now()));
    policy.insert("is_default".to_owned(), json!(false));
    permissions::created(store, &format!("/cluster-policies/{id}"), &request.user, None)?;
    store.databricks.policies.insert(id.clone(), policy.into());
    paging::created(store, "policies", &id);
    Ok(json!({ "policy_id": id }))
}

fn edit(store: &mut Store, request: &Request) -> Handled {
    let id = request.required("policy_id")?;
    let before = find(store, &id)?.clone();
    let mut policy = prepare(store, request, Some(&id))?;
    for name in ["policy_id", "creator_user_name", "created_at_timestamp", "is_default"] {
        policy.insert(name.to_owned(), before[name].clone());
    }
    store.databricks.policies.insert(id, policy.into());
    Ok(json!({}))
}

fn list(store: &mut Store, request: &Request) -> Handled {
    let hidden = paging::unlisted(store, "policies", true);
    let mut items: Vec<Value> = store
        .databricks
        .policies
        .iter()
        .filter(|(id, _)| !hidden.contains(id))
        .map(|(_, policy)| policy.clone())
        .collect();
    let by_name = request.param("sort_column").is_some_and(|c| c == "POLICY_NAME");
    items.sort_by_key(|p| (!by_name).then(|| p["created_at_timestamp"].as_i64()));
    if by_name {
        items.sort_by_key(|p| text(p, "name").map(str::to_owned));
    }
    if request.param("sort_order").is_some_and(|o| o == "DESC") {
        items.reverse();
    }
    let count = items.len();
    let mut answer = paging::listing("policies", items);
    answer.insert("total_count".to_owned(), json!(count));
    Ok(answer.into())
}

fn delete(store: &mut Store, request: &Request) -> Handled {
    let id = request.required("policy_id")?;
    find(store, &id)?;
    store.databricks.policies.remove(&id);
    store.databricks.permissions.remove(&format!("/cluster-policies/{id}"));
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use crate::{
        errors::Handled,
        request::Request,
        store::{Clock, Store},
    };
    use serde_json::{Value, json};

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/2.0/policies/clusters/{path}"), "me", body))
    }

    #[test]
    fn names_are_unique_and_definitions_come_back_as_they_were() {
        let mut store = Store::new(Clock::Fixed(0));
        let definition = "{ \"spark_version\":\n {\"type\": \"unlimited\"} }";
        let id =
            ask(&mut store, "POST", "create", json!({ "name": "p", "definition": definition })).unwrap()["policy_id"]
                .clone();
        let error = ask(&mut store, "POST", "create", json!({ "name": "p" })).unwrap_err();
        assert_eq!(error.body["error_code"], "INVALID_PARAMETER_VALUE");
        assert!(error.body["message"].as_str().unwrap().contains("already exists"));
        let path = format!("get?policy_id={}", id.as_str().unwrap());
        assert_eq!(ask(&mut store, "GET", &path, Value::Null).unwrap()["definition"], definition);
        ask(&mut store, "POST", "edit", json!({ "policy_id": id, "name": "p", "max_clusters_per_user": 0 })).unwrap();
        let seen = ask(&mut store, "GET", &path, Value::Null).unwrap();
        assert!(seen.get("max_clusters_per_user").is_none());
        assert_eq!(seen["creator_user_name"], "me");
        ask(&mut store, "POST", "delete", json!({ "policy_id": id })).unwrap();
        assert_eq!(ask(&mut store, "GET", &path, Value::Null).unwrap_err().status, 404);
    }

    #[test]
    fn a_family_gives_the_definition_and_takes_overrides() {
        let mut store = Store::new(Clock::Fixed(0));
        let body = json!({
            "name": "mine", "policy_family_id": "job-cluster",
            "policy_family_definition_overrides": "{\"num_workers\":{\"type\":\"fixed\",\"value\":1}}",
        });
        ask(&mut store, "POST", "create", body).unwrap();
        let seen = ask(&mut store, "GET", "list", Value::Null).unwrap();
        let definition: Value = serde_json::from_str(seen["policies"][0]["definition"].as_str().unwrap()).unwrap();
        assert_eq!(
            (&definition["num_workers"]["value"], &definition["cluster_type"]["value"]),
            (&json!(1), &json!("job"))
        );
    }
}
