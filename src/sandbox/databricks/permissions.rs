//! Who may do what with an object.

use super::{State, set, text};
use crate::sandbox::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A direct grant: one level for one principal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// `user_name`, `group_name` or `service_principal_name`.
    pub principal: String,
    pub name: String,
    pub level: String,
}

/// A kind of object that has permissions.
struct Kind {
    /// As in the path and in object ids.
    path: &'static str,
    object_type: &'static str,
    levels: &'static [(&'static str, &'static str)],
    /// What workspace admins have.
    admins: &'static str,
}

// Levels: Terraform provider, permissions/; object types: databricks/cli testserver, permissions.go.
const KINDS: [Kind; 4] = [
    Kind {
        path: "jobs",
        object_type: "job",
        levels: &[
            ("CAN_VIEW", "Can view the job and its runs"),
            ("CAN_MANAGE_RUN", "Can view the job and manage its runs"),
            ("IS_OWNER", "Owns the job: its runs run as the owner"),
            ("CAN_MANAGE", "Can change the job and its permissions"),
        ],
        admins: "CAN_MANAGE",
    },
    Kind {
        path: "clusters",
        object_type: "cluster",
        levels: &[
            ("CAN_ATTACH_TO", "Can attach notebooks to the cluster"),
            ("CAN_RESTART", "Can attach to the cluster, start, restart and terminate it"),
            ("CAN_MANAGE", "Can change the cluster and its permissions"),
        ],
        admins: "CAN_MANAGE",
    },
    Kind {
        path: "instance-pools",
        object_type: "instance-pool",
        levels: &[
            ("CAN_ATTACH_TO", "Can make clusters from the pool"),
            ("CAN_MANAGE", "Can change the pool and its permissions"),
        ],
        admins: "CAN_MANAGE",
    },
    Kind {
        path: "cluster-policies",
        object_type: "cluster-policy",
        levels: &[("CAN_USE", "Can make clusters by the policy")],
        admins: "CAN_USE",
    },
];

fn kind(path: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.path == path)
}

fn exists(state: &State, kind: &Kind, id: &str) -> bool {
    match kind.path {
        "jobs" => id.parse().is_ok_and(|id: i64| state.jobs.contains_key(&id)),
        "clusters" => state.clusters.contains_key(id),
        "instance-pools" => state.instance_pools.contains_key(id),
        _ => state.policies.contains_key(id),
    }
}

fn missing(kind: &Kind, id: &str) -> ApiError {
    match kind.path {
        "jobs" => ApiError::missing(format!("Job {id} does not exist.")),
        // A 400 that means 404 (Terraform provider#1227).
        "clusters" => ApiError::invalid(format!("Cannot access cluster {id}: Cluster {id} does not exist")),
        "instance-pools" => ApiError::missing(format!("Instance pool {id} does not exist.")),
        _ => ApiError::missing(format!("Cluster policy {id} does not exist.")),
    }
}

/// Answers `permissions/KIND/ID`.
pub fn handle(store: &mut Store, request: &Request, path: &str, id: &str) -> Option<Handled> {
    let kind = kind(path)?;
    if !["GET", "PUT", "PATCH"].contains(&request.method.as_str()) {
        return None;
    }
    if !exists(&store.databricks, kind, id) {
        return Some(Err(missing(kind, id)));
    }
    let object = format!("/{path}/{id}");
    let changed = match request.method.as_str() {
        "PUT" => replace(store, kind, &object, request, Vec::new()),
        "PATCH" => {
            let before = store.databricks.permissions.get(&object).cloned().unwrap_or_default();
            replace(store, kind, &object, request, before)
        }
        _ => Ok(()),
    };
    Some(changed.map(|()| shown(store, kind, &object)))
}

/// Answers `permissions/KIND/ID/permissionLevels`.
pub fn levels(store: &Store, request: &Request, path: &str, id: &str) -> Option<Handled> {
    let kind = kind(path).filter(|_| request.method == "GET")?;
    if !exists(&store.databricks, kind, id) {
        return Some(Err(missing(kind, id)));
    }
    let levels: Vec<Value> = kind
        .levels
        .iter()
        .map(|(level, description)| json!({ "permission_level": level, "description": description }))
        .collect();
    Some(Ok(json!({ "permission_levels": levels })))
}

fn read(kind: &Kind, list: &Value) -> Result<Vec<Grant>, ApiError> {
    let mut grants: Vec<Grant> = Vec::new();
    for entry in list.as_array().into_iter().flatten() {
        let principals = ["user_name", "group_name", "service_principal_name"];
        let mut given = principals.into_iter().filter_map(|p| text(entry, p).map(|name| (p, name)));
        let (Some((principal, name)), None) = (given.next(), given.next()) else {
            return Err(ApiError::invalid(
                "Exactly one of user_name, group_name and service_principal_name must be given for each entry of access_control_list.",
            ));
        };
        let level = text(entry, "permission_level").unwrap_or_default();
        if !kind.levels.iter().any(|(known, _)| *known == level) {
            let known: Vec<&str> = kind.levels.iter().map(|(l, _)| *l).collect();
            return Err(ApiError::invalid(format!(
                "Permission level '{level}' is not supported for {}: it must be one of {}.",
                kind.object_type,
                known.join(", ")
            )));
        }
        if level == "IS_OWNER" && principal == "group_name" {
            return Err(ApiError::invalid("Groups can not be owners."));
        }
        // User and service principal names come back in lower case (Terraform provider#5183, #5757).
        let name = if principal == "group_name" { name.to_owned() } else { name.to_lowercase() };
        grants.push(Grant { principal: principal.to_owned(), name, level: level.to_owned() });
    }
    Ok(grants)
}

// One level for each principal, the last one wins: CAN_MANAGE then CAN_VIEW is CAN_VIEW (databricks/cli testserver).
fn last_wins(grants: Vec<Grant>) -> Vec<Grant> {
    let mut kept: Vec<Grant> = Vec::new();
    for grant in grants {
        kept.retain(|g| (&g.principal, &g.name) != (&grant.principal, &grant.name));
        kept.push(grant);
    }
    kept
}

fn replace(
    store: &mut Store,
    kind: &Kind,
    object: &str,
    request: &Request,
    before: Vec<Grant>,
) -> Result<(), ApiError> {
    let list = set(&request.body, "access_control_list").cloned().unwrap_or_else(|| json!([]));
    let mut grants = before;
    grants.extend(read(kind, &list)?);
    let mut grants = last_wins(grants);
    if kind.path == "jobs" && grants.iter().filter(|g| g.level == "IS_OWNER").count() != 1 {
        // databricks/cli testserver, permissions.go.
        return Err(ApiError::invalid("The job must have exactly one owner."));
    }
    // Nobody locks himself out of a cluster or a pool: the caller's own CAN_MANAGE is there again (Terraform provider,
    // permissions/, which drops that entry on read for the same reason).
    if ["clusters", "instance-pools"].contains(&kind.path) {
        let principal = principal_of(&request.user);
        let own = Grant {
            principal: principal.to_owned(),
            name: request.user.to_lowercase(),
            level: "CAN_MANAGE".to_owned(),
        };
        if !grants.iter().any(|g| (&g.principal, &g.name) == (&own.principal, &own.name)) {
            grants.push(own);
        }
    }
    store.databricks.permissions.insert(object.to_owned(), grants);
    Ok(())
}

fn principal_of(user: &str) -> &'static str {
    if user.contains('@') { "user_name" } else { "service_principal_name" }
}

/// Gives a new object its first grants: the creator's, and those that the creating call named.
pub fn created(store: &mut Store, object: &str, user: &str, acl: Option<&Value>) -> Result<(), ApiError> {
    let path = object.trim_start_matches('/').split('/').next().unwrap_or_default();
    let Some(kind) = kind(path) else { return Ok(()) };
    let mut grants = acl.map_or(Ok(Vec::new()), |list| read(kind, list))?;
    let level = if path == "jobs" { "IS_OWNER" } else { "CAN_MANAGE" };
    let owners = grants.iter().filter(|g| g.level == "IS_OWNER").count();
    if owners > 1 {
        return Err(ApiError::invalid("The job must have exactly one owner."));
    }
    let owned = owners == 1;
    if path != "cluster-policies" && !owned {
        let own =
            Grant { principal: principal_of(user).to_owned(), name: user.to_lowercase(), level: level.to_owned() };
        grants.push(own);
    }
    store.databricks.permissions.insert(object.to_owned(), last_wins(grants));
    Ok(())
}

fn shown(store: &Store, kind: &Kind, object: &str) -> Value {
    let grants = store.databricks.permissions.get(object).map_or(&[][..], Vec::as_slice);
    let mut list: Vec<Value> = grants
        .iter()
        .map(|g| {
            let mut entry = json!({
                g.principal.as_str(): g.name,
                "all_permissions": [{ "permission_level": g.level, "inherited": false }],
            });
            if g.principal != "group_name" {
                entry["display_name"] = json!(g.name.split('@').next());
            }
            entry
        })
        .collect();
    // Admins inherit theirs from the root of the kind (databricks/cli testserver; the Terraform provider drops them).
    let inherited = json!({
        "permission_level": kind.admins,
        "inherited": true,
        "inherited_from_object": [format!("/{}/", kind.path)],
    });
    match list.iter_mut().find(|e| e["group_name"] == "admins") {
        Some(entry) => {
            if let Some(all) = entry["all_permissions"].as_array_mut() {
                all.push(inherited);
            }
        }
        None => list.push(json!({ "group_name": "admins", "all_permissions": [inherited] })),
    }
    json!({ "object_id": object, "object_type": kind.object_type, "access_control_list": list })
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use crate::sandbox::{
        errors::Handled,
        request::Request,
        store::{Clock, Store},
    };
    use serde_json::{Value, json};

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, path, "Me@example.com", body))
    }

    fn levels(answer: &Value) -> Vec<(String, String)> {
        let list = answer["access_control_list"].as_array().unwrap();
        let name = |e: &Value| {
            ["user_name", "group_name", "service_principal_name"]
                .iter()
                .find_map(|p| e[*p].as_str())
                .unwrap()
                .to_owned()
        };
        list.iter()
            .map(|e| (name(e), e["all_permissions"][0]["permission_level"].as_str().unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn a_job_has_exactly_one_owner_and_inherits_the_admins() {
        let mut store = Store::new(Clock::Fixed(0));
        let id = ask(&mut store, "POST", "/api/2.2/jobs/create", json!({})).unwrap()["job_id"].clone();
        let path = format!("/api/2.0/permissions/jobs/{id}");
        let seen = ask(&mut store, "GET", &path, Value::Null).unwrap();
        assert_eq!(seen["object_id"], format!("/jobs/{id}"));
        let both =
            [("me@example.com".to_owned(), "IS_OWNER".to_owned()), ("admins".to_owned(), "CAN_MANAGE".to_owned())];
        assert_eq!(levels(&seen), both);
        let acl = json!({ "access_control_list": [{ "group_name": "g", "permission_level": "CAN_VIEW" }] });
        let error = ask(&mut store, "PUT", &path, acl.clone()).unwrap_err();
        assert_eq!(error.body["message"], "The job must have exactly one owner.");
        assert_eq!(levels(&ask(&mut store, "PATCH", &path, acl).unwrap()).len(), 3);
    }

    #[test]
    fn the_last_level_of_a_principal_wins_and_the_caller_stays() {
        let mut store = Store::new(Clock::Fixed(0));
        let pool = json!({ "instance_pool_name": "p", "node_type_id": "i3.xlarge" });
        let id = ask(&mut store, "POST", "/api/2.0/instance-pools/create", pool).unwrap()["instance_pool_id"].clone();
        let path = format!("/api/2.0/permissions/instance-pools/{}", id.as_str().unwrap());
        let acl = json!({ "access_control_list": [
            { "group_name": "g", "permission_level": "CAN_MANAGE" },
            { "group_name": "g", "permission_level": "CAN_ATTACH_TO" },
        ] });
        let seen = levels(&ask(&mut store, "PUT", &path, acl).unwrap());
        assert_eq!(seen[0], ("g".to_owned(), "CAN_ATTACH_TO".to_owned()));
        assert_eq!(seen[1], ("me@example.com".to_owned(), "CAN_MANAGE".to_owned()));
        let acl = json!({ "access_control_list": [{ "group_name": "g", "permission_level": "CAN_RESTART" }] });
        assert!(ask(&mut store, "PUT", &path, acl).is_err());
    }
}
