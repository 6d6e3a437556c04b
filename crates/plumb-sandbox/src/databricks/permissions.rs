//! Permissions API 2.0: access control lists of clusters, policies, pools, jobs, pipelines, warehouses and workspace objects.

use super::{DatabricksState, pipelines, set, text, workspace};
use crate::{
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
struct ObjectType {
    /// As in the path and in object ids.
    path: &'static str,
    object_type: &'static str,
    levels: &'static [(&'static str, &'static str)],
    /// What workspace admins have.
    admins: &'static str,
}

// Levels: Terraform provider, permissions/; object types: databricks/cli testserver, permissions.go.
const OBJECT_TYPES: [ObjectType; 9] = [
    ObjectType {
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
    ObjectType {
        path: "clusters",
        object_type: "cluster",
        levels: &[
            ("CAN_ATTACH_TO", "Can attach notebooks to the cluster"),
            ("CAN_RESTART", "Can attach to the cluster, start, restart and terminate it"),
            ("CAN_MANAGE", "Can change the cluster and its permissions"),
        ],
        admins: "CAN_MANAGE",
    },
    ObjectType {
        path: "instance-pools",
        object_type: "instance-pool",
        levels: &[
            ("CAN_ATTACH_TO", "Can make clusters from the pool"),
            ("CAN_MANAGE", "Can change the pool and its permissions"),
        ],
        admins: "CAN_MANAGE",
    },
    ObjectType {
        path: "cluster-policies",
        object_type: "cluster-policy",
        levels: &[("CAN_USE", "Can make clusters by the policy")],
        admins: "CAN_USE",
    },
    ObjectType {
        path: WAREHOUSES,
        object_type: "warehouses",
        levels: &[
            ("CAN_VIEW", "Can view the warehouse"),
            ("CAN_USE", "Can run queries on the warehouse"),
            ("CAN_MONITOR", "Can run queries on the warehouse, and see those of others"),
            ("IS_OWNER", "Owns the warehouse"),
            ("CAN_MANAGE", "Can change the warehouse and its permissions"),
        ],
        admins: "CAN_MANAGE",
    },
    ObjectType {
        path: "pipelines",
        object_type: "pipelines",
        levels: &[
            ("CAN_VIEW", "Can view the pipeline"),
            ("CAN_RUN", "Can view the pipeline, start and stop its updates"),
            ("IS_OWNER", "Owns the pipeline: its updates run as the owner"),
            ("CAN_MANAGE", "Can change the pipeline and its permissions"),
        ],
        admins: "CAN_MANAGE",
    },
    ObjectType { path: DIRECTORIES, object_type: "directory", levels: &OF_FILES, admins: "CAN_MANAGE" },
    ObjectType { path: "notebooks", object_type: "notebook", levels: &OF_FILES, admins: "CAN_MANAGE" },
    ObjectType { path: "files", object_type: "file", levels: &OF_FILES, admins: "CAN_MANAGE" },
];

const DIRECTORIES: &str = "directories";

/// The Terraform provider and databricks/cli ask for this path, the SDK for `warehouses`; object ids have this one
/// (terraform-provider-databricks#4143: only old ones had the other).
const WAREHOUSES: &str = "sql/warehouses";

const OF_FILES: [(&str, &str); 4] = [
    ("CAN_READ", "Can view it"),
    ("CAN_RUN", "Can view it, attach it and run it"),
    ("CAN_EDIT", "Can view, run and edit it"),
    ("CAN_MANAGE", "Can view, run, edit, rename, move and delete it, and change its permissions"),
];

impl ObjectType {
    /// The type that the workspace API gives such objects; `None` for what is no object of the workspace's tree.
    fn node_type(&self) -> Option<&'static str> {
        match self.path {
            DIRECTORIES => Some("DIRECTORY"),
            "notebooks" => Some("NOTEBOOK"),
            "files" => Some("FILE"),
            _ => None,
        }
    }
}

/// The id that permissions have for an object of the workspace's tree.
pub fn of_node(object_type: &str, object_id: u64) -> String {
    let kind = OBJECT_TYPES.iter().find(|k| k.node_type() == Some(object_type));
    format!("/{}/{object_id}", kind.map_or(DIRECTORIES, |k| k.path))
}

/// Whether a user may edit what is at a path, by a grant on it or on a folder above it.
pub fn may_edit(state: &DatabricksState, path: &str, user: &str) -> bool {
    let own = state.workspace.get(path).map(|node| of_node(&node.object_type, node.object_id));
    let above = workspace::above(state, path).into_iter().map(|(_, id)| of_node("DIRECTORY", id));
    own.into_iter().chain(above).filter_map(|object| state.permissions.get(&object)).flatten().any(|grant| {
        grant.principal != "group_name"
            && grant.name.eq_ignore_ascii_case(user)
            && ["CAN_EDIT", "CAN_MANAGE"].contains(&grant.level.as_str())
    })
}

fn kind(path: &str) -> Option<&'static ObjectType> {
    let path = if path == "warehouses" { WAREHOUSES } else { path };
    OBJECT_TYPES.iter().find(|k| k.path == path)
}

fn exists(state: &DatabricksState, kind: &ObjectType, user: &str, id: &str) -> bool {
    if let Some(node_type) = kind.node_type() {
        return workspace::by_id(state, user, id).is_some_and(|(_, found)| found == node_type);
    }
    match kind.path {
        "jobs" => id.parse().is_ok_and(|id: i64| state.jobs.contains_key(&id)),
        "clusters" => state.clusters.contains_key(id),
        "instance-pools" => state.instance_pools.contains_key(id),
        WAREHOUSES => state.warehouses.contains_key(id),
        "pipelines" => state.pipelines.contains_key(id),
        _ => state.policies.contains_key(id),
    }
}

fn missing(kind: &ObjectType, id: &str) -> ApiError {
    match kind.path {
        "jobs" => ApiError::missing(format!("Job {id} does not exist.")),
        // A 400 that means 404 (Terraform provider#1227).
        "clusters" => ApiError::invalid(format!("Cannot access cluster {id}: Cluster {id} does not exist")),
        "instance-pools" => ApiError::missing(format!("Instance pool {id} does not exist.")),
        "pipelines" => pipelines::missing(id),
        // Words are unverified.
        WAREHOUSES => ApiError::missing(format!("SQL warehouse {id} does not exist")),
        _ if kind.node_type().is_some() => ApiError::missing(format!("{} {id} does not exist.", kind.object_type)),
        _ => ApiError::missing(format!("Cluster policy {id} does not exist.")),
    }
}

/// Answers `permissions/KIND/ID`.
pub fn handle(store: &mut Store, request: &Request, path: &str, id: &str) -> Option<Handled> {
    let kind = kind(path)?;
    if !["GET", "PUT", "PATCH"].contains(&request.method.as_str()) {
        return None;
    }
    if !exists(&store.databricks, kind, &request.user, id) {
        return Some(Err(missing(kind, id)));
    }
    let object = format!("/{}/{id}", kind.path);
    let changed = match request.method.as_str() {
        "PUT" => replace(store, kind, &object, request, Vec::new()),
        "PATCH" => {
            let before = store.databricks.permissions.get(&object).cloned().unwrap_or_default();
            replace(store, kind, &object, request, before)
        }
        _ => Ok(()),
    };
    Some(changed.map(|()| shown(store, kind, &request.user, &object)))
}

/// Answers `permissions/KIND/ID/permissionLevels`.
pub fn levels(store: &Store, request: &Request, path: &str, id: &str) -> Option<Handled> {
    let kind = kind(path).filter(|_| request.method == "GET")?;
    if !exists(&store.databricks, kind, &request.user, id) {
        return Some(Err(missing(kind, id)));
    }
    let levels: Vec<Value> = kind
        .levels
        .iter()
        .map(|(level, description)| json!({ "permission_level": level, "description": description }))
        .collect();
    Some(Ok(json!({ "permission_levels": levels })))
}

fn read(kind: &ObjectType, list: &Value) -> Result<Vec<Grant>, ApiError> {
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
    kind: &ObjectType,
    object: &str,
    request: &Request,
    before: Vec<Grant>,
) -> Result<(), ApiError> {
    let list = set(&request.body, "access_control_list").cloned().unwrap_or_else(|| json!([]));
    let mut grants = before;
    grants.extend(read(kind, &list)?);
    let mut grants = last_wins(grants);
    keep_owner(store, kind, object, &mut grants);
    let owners = grants.iter().filter(|g| g.level == "IS_OWNER").count();
    if owners == 0 && kind.path == WAREHOUSES {
        let id = object.rsplit('/').next().unwrap_or_default();
        return Err(ApiError::invalid(format!(
            "PUT requests for warehouse {id} with no existing owner must provide a new owner."
        )));
    }
    if owners != 1
        && let Some(noun) = owned(kind)
    {
        // Of jobs and pipelines: databricks/cli testserver, permissions.go; databricks/cli#4466.
        return Err(ApiError::invalid(format!("The {noun} must have exactly one owner.")));
    }
    // Callers cannot lock themselves out of a cluster or a pool: their own CAN_MANAGE is kept (Terraform provider,
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
    let owner = grants.iter().find(|g| g.level == "IS_OWNER").map(|g| g.name.clone());
    store.databricks.permissions.insert(object.to_owned(), grants);
    if let (Some(id), Some(owner)) = (object.strip_prefix("/pipelines/"), owner) {
        pipelines::owned_by(store, id, &owner);
    }
    Ok(())
}

/// What is owned by somebody, as refusals call it.
fn owned(kind: &ObjectType) -> Option<&'static str> {
    match kind.path {
        "jobs" => Some("job"),
        "pipelines" => Some("pipeline"),
        WAREHOUSES => Some("warehouse"),
        _ => None,
    }
}

/// A warehouse whose new list names no owner keeps the one that it has: only one without an owner is refused then ("PUT
/// requests for warehouse … with no existing owner must provide a new owner", terraform-provider-databricks#2678).
fn keep_owner(store: &Store, kind: &ObjectType, object: &str, grants: &mut Vec<Grant>) {
    if kind.path != WAREHOUSES || grants.iter().any(|grant| grant.level == "IS_OWNER") {
        return;
    }
    let before = store.databricks.permissions.get(object).into_iter().flatten();
    if let Some(owner) = before.into_iter().find(|grant| grant.level == "IS_OWNER").cloned() {
        grants.retain(|grant| (&grant.principal, &grant.name) != (&owner.principal, &owner.name));
        grants.push(owner);
    }
}

fn principal_of(user: &str) -> &'static str {
    if user.contains('@') { "user_name" } else { "service_principal_name" }
}

/// Gives a new object its first grants: the creator's, and those that the creating call named.
pub fn created(store: &mut Store, object: &str, user: &str, acl: Option<&Value>) -> Result<(), ApiError> {
    let path = object.trim_start_matches('/').rsplit_once('/').map_or("", |(path, _)| path);
    let Some(kind) = kind(path) else { return Ok(()) };
    let mut grants = acl.map_or(Ok(Vec::new()), |list| read(kind, list))?;
    let noun = owned(kind);
    let level = if noun.is_some() { "IS_OWNER" } else { "CAN_MANAGE" };
    let owners = grants.iter().filter(|g| g.level == "IS_OWNER").count();
    if owners > 1 {
        return Err(ApiError::invalid(format!("The {} must have exactly one owner.", noun.unwrap_or("object"))));
    }
    if path != "cluster-policies" && owners == 0 {
        let own =
            Grant { principal: principal_of(user).to_owned(), name: user.to_lowercase(), level: level.to_owned() };
        grants.push(own);
    }
    store.databricks.permissions.insert(object.to_owned(), last_wins(grants));
    Ok(())
}

fn shown(store: &Store, kind: &ObjectType, user: &str, object: &str) -> Value {
    let grants = store.databricks.permissions.get(object).map_or(&[][..], Vec::as_slice);
    let mut list: Vec<Value> = Vec::new();
    for grant in grants {
        add(&mut list, grant, json!({ "permission_level": grant.level, "inherited": false }));
    }
    for (grant, from) in inherited(&store.databricks, kind, user, object) {
        let permission = json!({ "permission_level": grant.level, "inherited": true, "inherited_from_object": [from] });
        add(&mut list, &grant, permission);
    }
    json!({ "object_id": object, "object_type": kind.object_type, "access_control_list": list })
}

/// Adds a permission to the entry of its principal: each has one entry, with all that it has.
fn add(list: &mut Vec<Value>, grant: &Grant, permission: Value) {
    let principal = grant.principal.as_str();
    if let Some(entry) = list.iter_mut().find(|e| e[principal] == grant.name.as_str()) {
        if let Some(all) = entry["all_permissions"].as_array_mut() {
            all.push(permission);
        }
        return;
    }
    let mut entry = json!({ principal: grant.name, "all_permissions": [permission] });
    if principal != "group_name" {
        entry["display_name"] = json!(grant.name.split('@').next());
    }
    list.push(entry);
}

/// What an object's principals have by something above it, and what that is.
fn inherited(state: &DatabricksState, kind: &ObjectType, user: &str, object: &str) -> Vec<(Grant, String)> {
    let mut found = Vec::new();
    let node =
        kind.node_type().and_then(|_| object.rsplit('/').next()).and_then(|id| workspace::by_id(state, user, id));
    if let Some((path, _)) = node {
        let mut folders = workspace::above(state, &path);
        if let Some(id) = object.strip_prefix("/directories/").and_then(|id| id.parse().ok()) {
            folders.insert(0, (path, id));
        }
        for (folder, id) in folders {
            let from = of_node("DIRECTORY", id);
            // Everybody manages everything in his own home (databricks/cli testserver, permissions.go).
            let owner = folder.strip_prefix("/Users/").filter(|name| !name.contains('/'));
            if let Some(name) = owner.map(str::to_lowercase) {
                let principal = principal_of(&name).to_owned();
                found.push((Grant { principal, name, level: "CAN_MANAGE".to_owned() }, from.clone()));
            }
            if from != object {
                let grants = state.permissions.get(&from).into_iter().flatten();
                found.extend(grants.map(|grant| (grant.clone(), from.clone())));
            }
        }
    }
    // Admins inherit their grant from the root of the kind (databricks/cli testserver; the Terraform provider drops them).
    let root = if kind.node_type().is_some() { DIRECTORIES } else { kind.path };
    let admins = Grant { principal: "group_name".to_owned(), name: "admins".to_owned(), level: kind.admins.to_owned() };
    found.push((admins, format!("/{root}/")));
    found
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
    fn folders_notebooks_and_files_have_permissions_and_inherit_them() {
        let mut store = Store::new(Clock::Fixed(0));
        let folder = json!({ "path": "/Users/me@example.com/f" });
        ask(&mut store, "POST", "/api/2.0/workspace/mkdirs", folder).unwrap();
        let status = |store: &mut Store, path: &str| {
            let path = format!("/api/2.0/workspace/get-status?path={path}");
            ask(store, "GET", &path, Value::Null).unwrap()["object_id"].clone()
        };
        let id = status(&mut store, "/Users/me@example.com/f");
        let path = format!("/api/2.0/permissions/directories/{id}");
        let acl = json!({ "access_control_list": [{ "group_name": "data", "permission_level": "CAN_RUN" }] });
        let seen = ask(&mut store, "PUT", &path, acl.clone()).unwrap();
        assert_eq!(
            (&seen["object_id"], &seen["object_type"]),
            (&json!(format!("/directories/{id}")), &json!("directory"))
        );
        let level = |name: &str, level: &str| (name.to_owned(), level.to_owned());
        let all = [level("data", "CAN_RUN"), level("me@example.com", "CAN_MANAGE"), level("admins", "CAN_MANAGE")];
        assert_eq!(levels(&seen), all);
        assert_eq!(seen["access_control_list"][1]["all_permissions"][0]["inherited"], true, "by the home");
        let notebook = json!({
            "path": "/Users/me@example.com/f/n", "format": "SOURCE", "language": "SQL", "content": "", "overwrite": true
        });
        ask(&mut store, "POST", "/api/2.0/workspace/import", notebook).unwrap();
        let notebook = status(&mut store, "/Users/me@example.com/f/n");
        let path = format!("/api/2.0/permissions/notebooks/{notebook}");
        let seen = ask(
            &mut store,
            "PATCH",
            &path,
            json!({ "access_control_list": [
            { "group_name": "data", "permission_level": "CAN_EDIT" },
        ] }),
        );
        let seen = seen.unwrap();
        let data = &seen["access_control_list"][0]["all_permissions"];
        assert_eq!((&data[0]["permission_level"], &data[0]["inherited"]), (&json!("CAN_EDIT"), &json!(false)));
        assert_eq!(data[1]["inherited_from_object"], json!([format!("/directories/{id}")]));
        let shown = ask(&mut store, "GET", &format!("{path}/permissionLevels"), Value::Null).unwrap();
        assert_eq!(shown["permission_levels"].as_array().unwrap().len(), 4);
        // Of another type, or gone.
        let wrong = format!("/api/2.0/permissions/files/{notebook}");
        assert_eq!(ask(&mut store, "GET", &wrong, Value::Null).unwrap_err().status, 404);
        let gone = json!({ "path": "/Users/me@example.com/f", "recursive": true });
        ask(&mut store, "POST", "/api/2.0/workspace/delete", gone).unwrap();
        assert_eq!(ask(&mut store, "GET", &path, Value::Null).unwrap_err().status, 404);
        assert!(store.databricks.permissions.is_empty());
        // A home exists without being created.
        let home = format!("/api/2.0/permissions/directories/{}", status(&mut store, "/Users/Me@example.com"));
        assert_eq!(ask(&mut store, "PUT", &home, acl).unwrap()["object_type"], "directory");
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

    #[test]
    fn a_warehouse_keeps_its_owner_and_has_two_paths() {
        let mut store = Store::new(Clock::Fixed(0));
        let made = ask(&mut store, "POST", "/api/2.0/sql/warehouses", json!({ "name": "w" })).unwrap();
        let id = made["id"].as_str().unwrap();
        let paths = ["sql/warehouses", "warehouses"].map(|kind| format!("/api/2.0/permissions/{kind}/{id}"));
        let acl = json!({ "access_control_list": [
            { "group_name": "g", "permission_level": "CAN_VIEW" },
            { "group_name": "g", "permission_level": "CAN_USE" },
        ] });
        let seen = ask(&mut store, "PUT", &paths[0], acl.clone()).unwrap();
        let level = |name: &str, level: &str| (name.to_owned(), level.to_owned());
        let all = [level("g", "CAN_USE"), level("me@example.com", "IS_OWNER"), level("admins", "CAN_MANAGE")];
        assert_eq!(levels(&seen), all);
        assert_eq!(
            (&seen["object_id"], &seen["object_type"]),
            (&json!(format!("/sql/warehouses/{id}")), &json!("warehouses"))
        );
        assert_eq!(ask(&mut store, "GET", &paths[1], Value::Null).unwrap(), seen);
        let lower =
            json!({ "access_control_list": [{ "user_name": "me@example.com", "permission_level": "CAN_USE" }] });
        assert_eq!(levels(&ask(&mut store, "PUT", &paths[1], lower).unwrap())[0], level("me@example.com", "IS_OWNER"));
        let given =
            json!({ "access_control_list": [{ "service_principal_name": "sp", "permission_level": "IS_OWNER" }] });
        assert_eq!(levels(&ask(&mut store, "PUT", &paths[0], given.clone()).unwrap())[0], level("sp", "IS_OWNER"));
        let two = json!({ "access_control_list": [{ "user_name": "a@example.com", "permission_level": "IS_OWNER" }] });
        assert!(ask(&mut store, "PATCH", &paths[0], two).is_err());
        let run = json!({ "access_control_list": [{ "group_name": "g", "permission_level": "CAN_RUN" }] });
        assert!(ask(&mut store, "PUT", &paths[0], run).is_err());
        for path in &paths {
            let shown = ask(&mut store, "GET", &format!("{path}/permissionLevels"), Value::Null).unwrap();
            assert_eq!(shown["permission_levels"].as_array().unwrap().len(), 5);
        }
        // A list that an older state has without an owner has to be given one.
        store.databricks.permissions.insert(format!("/sql/warehouses/{id}"), Vec::new());
        assert!(ask(&mut store, "PUT", &paths[0], acl).is_err());
        ask(&mut store, "PUT", &paths[0], given).unwrap();
        assert_eq!(
            ask(&mut store, "GET", "/api/2.0/permissions/sql/warehouses/none", Value::Null).unwrap_err().status,
            404
        );
    }
}
