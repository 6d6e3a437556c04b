//! A Databricks workspace: jobs, pipelines, clusters, policies, pools, permissions, files, secrets, principals, SQL
//! statements, Unity Catalog.

pub(crate) mod archive;
mod catalog;
mod cluster_rules;
pub(crate) mod clusters;
pub(crate) mod code;
mod compliance;
mod dbfs;
pub(crate) mod defaults;
mod fields;
pub(crate) mod identity;
mod job_limits;
mod jobs;
pub(crate) mod libraries;
mod notebooks;
mod paging;
mod permissions;
mod pipelines;
mod placed;
mod policies;
mod pools;
mod repair;
pub(crate) mod reply;
mod run_view;
pub(crate) mod runs;
mod scim;
mod secrets;
pub(crate) mod seed;
mod single_task;
pub(crate) mod statement_script;
mod statements;
mod tree;
mod unity;
mod volumes;
mod warehouses;
mod workspace;

use super::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// All the objects of one workspace.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DatabricksState {
    pub jobs: placed::Placed<i64, jobs::Job>,
    pub deleted_jobs: BTreeSet<i64>,
    pub runs: placed::Placed<i64, runs::Run>,
    pub clusters: placed::Placed<String, clusters::DatabricksCluster>,
    pub policies: BTreeMap<String, Value>,
    pub instance_pools: BTreeMap<String, Value>,
    /// Direct grants by object, `/jobs/1`.
    pub permissions: BTreeMap<String, Vec<permissions::Grant>>,
    pub workspace: BTreeMap<String, workspace::Node>,
    pub secrets: BTreeMap<String, secrets::Scope>,
    /// Users, groups and service principals, by kind and id.
    pub principals: BTreeMap<String, BTreeMap<String, Value>>,
    pub warehouses: BTreeMap<String, Value>,
    /// When each warehouse came into its state, or was last used.
    pub warehouse_since: BTreeMap<String, i64>,
    pub statements: BTreeMap<String, statements::SqlStatement>,
    /// As a get shows them, without their updates.
    pub pipelines: BTreeMap<String, Value>,
    /// The updates of each pipeline, the oldest first.
    pub pipeline_updates: BTreeMap<String, Vec<pipelines::updates::PipelineUpdate>>,
    pub dbfs: tree::Tree,
    /// Files of DBFS that are being written, by handle.
    pub streams: BTreeMap<i64, dbfs::Stream>,
    /// What is below `/Volumes`.
    pub volumes: tree::Tree,
    /// Objects of Unity Catalog that somebody made or changed, by full name, as they are answered.
    pub catalogs: BTreeMap<String, Value>,
    pub schemas: BTreeMap<String, Value>,
    /// Volumes as objects; their files are in `volumes`.
    pub volume_objects: BTreeMap<String, Value>,
    pub tables: BTreeMap<String, Value>,
    pub functions: BTreeMap<String, Value>,
    pub registered_models: BTreeMap<String, Value>,
    pub external_locations: BTreeMap<String, Value>,
    pub storage_credentials: BTreeMap<String, Value>,
    /// Those of the platform's objects that somebody deleted: `schema main.default`.
    pub platform_deleted: BTreeSet<String>,
    pub grants: unity::grants::Grants,
    /// Grants that reads still show as they were.
    pub late_grants: BTreeMap<String, unity::grants::LateGrants>,
    /// New objects that listings still leave out.
    pub unlisted: BTreeMap<String, paging::Unlisted>,
}

/// Answers one request to the workspace: who asks first, then what is asked.
pub(crate) fn handle(store: &mut Store, request: &mut Request, required_token: Option<&str>) -> Handled {
    if let Some(answer) = identity::without_token(store, request) {
        return answer;
    }
    if statements::is_link(&request.path) && request.method == "GET" {
        return statements::by_link(store, request);
    }
    request.user = identity::authenticate(store, request, required_token)?;
    route(store, request)
}

/// Whether such a request is seen as it came: its body is a file, whatever its media type says, or its headers decide.
pub(crate) fn takes_bytes(method: &str, path: &str) -> bool {
    let import = method == "POST" && path.starts_with("/api/2.0/workspace-files/import-file/");
    import || path.starts_with("/api/2.0/fs/") || statements::is_link(path)
}

/// Answers one request of a known user.
pub fn route(store: &mut Store, request: &Request) -> Handled {
    let segments = request.segments();
    // What these answer depends on no run and no cluster, of which there may be many; the next request that does moves them on.
    if !matches!(segments.as_slice(), ["api", _, "jobs", "create" | "get" | "list"] | ["api", _, "permissions", ..]) {
        clusters::tick(store);
        runs::tick(store);
        warehouses::tick(store);
        pipelines::updates::tick(store);
    }
    if (request.method.as_str(), segments.as_slice()) == ("POST", &["telemetry-ext"]) {
        // What databricks/cli sends after each command. Its testserver's answer; nothing is kept.
        return Ok(json!({ "errors": [], "numProtoSuccess": 1 }));
    }
    let Some(("api", rest)) = segments.split_first().map(|(first, rest)| (*first, rest)) else {
        return Err(ApiError::endpoint(&request.method, &request.path));
    };
    let (version, rest) = rest.split_first().map_or(("", rest), |(v, r)| (*v, r));
    let answer = match (version, rest) {
        ("2.0" | "2.1" | "2.2", ["jobs", "runs", verb]) => runs::handle(store, request, version, verb),
        ("2.0" | "2.1" | "2.2", ["jobs", "run-now"]) => Some(runs::run_now(store, request)),
        ("2.0" | "2.1" | "2.2", ["jobs", verb]) => jobs::handle(store, request, version, verb),
        ("2.0" | "2.1", ["clusters", verb]) => clusters::handle(store, request, version, verb),
        ("2.0", ["libraries", verb]) => libraries::handle(store, request, verb),
        ("2.0", ["policies", kind @ ("jobs" | "clusters"), verb]) if verb.ends_with("-compliance") => {
            compliance::handle(store, request, kind, verb)
        }
        ("2.0", ["policies", "clusters", verb]) => policies::handle(store, request, verb),
        ("2.0", ["policy-families"]) => policies::families(request, None),
        ("2.0", ["policy-families", id]) => policies::families(request, Some(id)),
        ("2.0", ["instance-pools", verb]) => pools::handle(store, request, verb),
        ("2.0", ["permissions", "sql", "warehouses", id]) => permissions::handle(store, request, "sql/warehouses", id),
        ("2.0", ["permissions", "sql", "warehouses", id, "permissionLevels"]) => {
            permissions::levels(store, request, "sql/warehouses", id)
        }
        ("2.0", ["permissions", kind, id]) => permissions::handle(store, request, kind, id),
        ("2.0", ["permissions", kind, id, "permissionLevels"]) => permissions::levels(store, request, kind, id),
        ("2.0", ["workspace", verb]) => workspace::handle(store, request, verb),
        ("2.0", ["workspace-files", "import-file", ..]) if request.method == "POST" => {
            workspace::import_file(store, request)
        }
        ("2.0", ["fs", kind @ ("files" | "directories"), ..]) => volumes::handle(store, request, kind),
        ("2.1", ["unity-catalog", rest @ ..]) => unity::handle(store, request, rest),
        ("2.0", ["dbfs", verb]) => dbfs::handle(store, request, verb),
        ("2.0", ["secrets", rest @ ..]) => secrets::handle(store, request, rest),
        ("2.0", ["pipelines", rest @ ..]) => pipelines::handle(store, request, rest),
        ("2.0", ["sql", "warehouses", rest @ ..]) => warehouses::handle(store, request, rest),
        ("2.0", ["sql", "statements", rest @ ..]) => statements::handle(store, request, rest),
        ("2.0", ["preview", "scim", "v2", "Me"]) if request.method == "GET" => Some(identity::me(store, request)),
        ("2.0", ["preview", "scim", "v2", rest @ ..]) => scim::handle(store, request, rest),
        _ => None,
    };
    answer.unwrap_or_else(|| Err(ApiError::endpoint(&request.method, &request.path)))
}

/// A member that is set: neither absent nor null.
pub(crate) fn set<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|v| !v.is_null())
}

/// A member that is a text and not empty.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|s| !s.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Clock;
    use proptest::prelude::*;
    use serde_json::json;

    const CALLS: &[(&str, &str)] = &[
        ("POST", "/api/2.2/jobs/create"),
        ("POST", "/api/2.2/jobs/reset"),
        ("POST", "/api/2.2/jobs/update"),
        ("POST", "/api/2.2/jobs/delete"),
        ("POST", "/api/2.2/jobs/run-now"),
        ("POST", "/api/2.2/jobs/runs/submit"),
        ("POST", "/api/2.2/jobs/runs/cancel"),
        ("POST", "/api/2.2/jobs/runs/cancel-all"),
        ("GET", "/api/2.2/jobs/list"),
        ("GET", "/api/2.2/jobs/get"),
        ("GET", "/api/2.2/jobs/runs/get"),
        ("GET", "/api/2.2/jobs/runs/list"),
        ("GET", "/api/2.2/jobs/runs/get-output"),
        ("POST", "/api/2.1/clusters/create"),
        ("POST", "/api/2.1/clusters/edit"),
        ("POST", "/api/2.1/clusters/update"),
        ("POST", "/api/2.1/clusters/resize"),
        ("POST", "/api/2.1/clusters/events"),
        ("GET", "/api/2.1/clusters/get"),
        ("GET", "/api/2.1/clusters/list"),
        ("POST", "/api/2.0/libraries/install"),
        ("GET", "/api/2.0/libraries/cluster-status"),
        ("POST", "/api/2.0/policies/clusters/create"),
        ("POST", "/api/2.0/policies/clusters/edit"),
        ("GET", "/api/2.0/policies/clusters/list"),
        ("POST", "/api/2.0/instance-pools/create"),
        ("POST", "/api/2.0/instance-pools/edit"),
        ("GET", "/api/2.0/instance-pools/list"),
        ("PUT", "/api/2.0/permissions/jobs/1"),
        ("PATCH", "/api/2.0/permissions/clusters/c"),
        ("POST", "/api/2.0/workspace/import"),
        ("POST", "/api/2.0/workspace/mkdirs"),
        ("POST", "/api/2.0/workspace/delete"),
        ("GET", "/api/2.0/workspace/list"),
        ("POST", "/api/2.0/sql/warehouses"),
        ("POST", "/api/2.0/sql/warehouses/w/edit"),
        ("POST", "/api/2.0/sql/warehouses/w/stop"),
        ("GET", "/api/2.0/sql/warehouses"),
        ("POST", "/api/2.0/pipelines"),
        ("PUT", "/api/2.0/pipelines/p"),
        ("GET", "/api/2.0/pipelines"),
        ("GET", "/api/2.0/pipelines/p"),
        ("POST", "/api/2.0/pipelines/p/updates"),
        ("GET", "/api/2.0/pipelines/p/updates"),
        ("POST", "/api/2.0/pipelines/p/stop"),
        ("GET", "/api/2.0/pipelines/p/events"),
        ("PUT", "/api/2.0/permissions/sql/warehouses/w"),
        ("PATCH", "/api/2.0/permissions/pipelines/p"),
        ("POST", "/api/2.0/secrets/scopes/create"),
        ("POST", "/api/2.0/secrets/put"),
        ("POST", "/api/2.0/secrets/acls/put"),
        ("GET", "/api/2.0/secrets/list"),
        ("POST", "/api/2.0/sql/statements"),
        ("GET", "/api/2.0/sql/statements/s"),
        ("GET", "/api/2.0/sql/statements/s/result/chunks/a"),
        ("POST", "/api/2.1/unity-catalog/catalogs"),
        ("PATCH", "/api/2.1/unity-catalog/catalogs/n"),
        ("DELETE", "/api/2.1/unity-catalog/catalogs/n"),
        ("GET", "/api/2.1/unity-catalog/schemas"),
        ("POST", "/api/2.1/unity-catalog/schemas"),
        ("PATCH", "/api/2.1/unity-catalog/schemas/main.n"),
        ("PATCH", "/api/2.1/unity-catalog/schemas/main.default"),
        ("DELETE", "/api/2.1/unity-catalog/schemas/main.default"),
        ("DELETE", "/api/2.1/unity-catalog/schemas/."),
        ("GET", "/api/2.1/unity-catalog/volumes"),
        ("POST", "/api/2.1/unity-catalog/volumes"),
        ("PATCH", "/api/2.1/unity-catalog/volumes/main.default.n"),
        ("PATCH", "/api/2.1/unity-catalog/volumes/.."),
        ("DELETE", "/api/2.1/unity-catalog/volumes/main.default.n"),
        ("GET", "/api/2.1/unity-catalog/tables"),
        ("POST", "/api/2.1/unity-catalog/tables"),
        ("GET", "/api/2.1/unity-catalog/models"),
        ("GET", "/api/2.1/unity-catalog/external-locations"),
        ("POST", "/api/2.1/unity-catalog/external-locations"),
        ("PATCH", "/api/2.1/unity-catalog/external-locations/n"),
        ("DELETE", "/api/2.1/unity-catalog/external-locations/n"),
        ("POST", "/api/2.1/unity-catalog/storage-credentials"),
        ("DELETE", "/api/2.1/unity-catalog/storage-credentials/default"),
        ("PATCH", "/api/2.1/unity-catalog/permissions/schema/main.default"),
        ("GET", "/api/2.1/unity-catalog/permissions/schema/main.default"),
        ("PATCH", "/api/2.1/unity-catalog/permissions/external_location/n"),
        ("GET", "/api/2.1/unity-catalog/effective-permissions/volume/main.default.n"),
    ];

    /// Members that handlers look at, so that nonsense reaches deep into them.
    const NAMES: &[&str] = &[
        "job_id",
        "run_id",
        "new_settings",
        "fields_to_remove",
        "tasks",
        "task_key",
        "depends_on",
        "for_each_task",
        "task",
        "new_cluster",
        "job_clusters",
        "job_cluster_key",
        "parameters",
        "name",
        "schedule",
        "trigger",
        "table_update",
        "queue",
        "enabled",
        "run_as",
        "policy_id",
        "apply_policy_default_values",
        "max_concurrent_runs",
        "git_source",
        "cluster_id",
        "spark_version",
        "node_type_id",
        "num_workers",
        "autoscale",
        "min_workers",
        "aws_attributes",
        "gcp_attributes",
        "azure_attributes",
        "docker_image",
        "basic_auth",
        "instance_pool_id",
        "instance_pool_name",
        "update_mask",
        "cluster",
        "libraries",
        "pypi",
        "definition",
        "policy_family_id",
        "access_control_list",
        "user_name",
        "permission_level",
        "path",
        "content",
        "format",
        "overwrite",
        "limit",
        "page_token",
        "offset",
        "expand_tasks",
        "preloaded_docker_images",
        "webhook_notifications",
        "on_failure",
        "idempotency_token",
        "notebook_task",
        "statement",
        "warehouse_id",
        "wait_timeout",
        "disposition",
        "catalog_name",
        "schema_name",
        "new_name",
        "comment",
        "properties",
        "volume_type",
        "storage_location",
        "storage_root",
        "url",
        "credential_name",
        "file_event_queue",
        "managed_sqs",
        "max_results",
        "changes",
        "principal",
        "add",
        "remove",
        "aws_iam_role",
        "force",
        "tags",
        "custom_tags",
        "channel",
        "auto_stop_mins",
        "cluster_size",
        "min_num_clusters",
        "page_size",
        "clusters",
        "label",
        "notebook",
        "storage",
        "catalog",
        "continuous",
        "ingestion_definition",
        "event_log",
        "expected_last_modified",
        "filter",
        "order_by",
        "full_refresh",
        "pipeline_task",
        "pipeline_id",
        "scope",
        "key",
        "string_value",
        "permission",
    ];

    fn nonsense() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(|b| json!(b)),
            any::<i64>().prop_map(|n| json!(n)),
            Just(json!(1)),
            prop::sample::select(vec![
                "c",
                "p",
                "/a/b",
                "",
                "a",
                "%",
                "IS_OWNER",
                "RAW",
                "cluster.x",
                "{}",
                "==",
                "main",
                "default",
                "s3://b/a",
                "EXTERNAL",
                "MANAGED",
                "SELECT",
                "CREATE_TABLE",
                "n",
            ])
            .prop_map(|s| json!(s)),
        ];
        let object = |inner: BoxedStrategy<Value>| {
            prop::collection::vec((prop::sample::select(NAMES), inner), 0..8).prop_map(|pairs| {
                pairs.into_iter().map(|(n, v)| (n.to_owned(), v)).collect::<serde_json::Map<_, _>>().into()
            })
        };
        leaf.prop_recursive(4, 48, 8, move |inner| {
            prop_oneof![2 => object(inner.clone().boxed()), 1 => prop::collection::vec(inner, 0..3).prop_map(Value::Array)]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nonsense_is_answered_and_leaves_a_state_that_can_be_saved(
            calls in prop::collection::vec((prop::sample::select(CALLS), nonsense()), 1..12),
        ) {
            let mut store = Store::new(Clock::Fixed(0));
            let seed = json!({
                "jobs": [{ "job_id": 1, "tasks": [{ "task_key": "a" }] }],
                "clusters": [{ "cluster_id": "c", "spark_version": "s", "node_type_id": "n" }],
                "policies": [{ "policy_id": "p", "name": "p" }],
                "instance_pools": [{ "instance_pool_id": "p", "instance_pool_name": "p", "node_type_id": "c" }],
                "warehouses": [{ "id": "w", "name": "w" }],
                "pipelines": [{ "pipeline_id": "p", "name": "p", "libraries": [{ "jar": "/a.jar" }] }],
            });
            super::seed::add(&mut store, &seed).unwrap();
            for ((method, path), mut body) in calls {
                // Usual values, so that the request is not turned away at the door.
                if let Some(map) = body.as_object_mut() {
                    let usual = json!({
                        "job_id": 1, "cluster_id": "c", "policy_id": "p", "instance_pool_id": "p", "name": "n",
                        "instance_pool_name": "q", "node_type_id": "c", "spark_version": "s", "path": "/Shared/a",
                        "format": "RAW", "update_mask": "aws_attributes.zone_id,autoscale", "catalog_name": "main",
                        "schema_name": "default", "volume_type": "MANAGED", "url": "s3://b/n", "credential_name": "default",
                        "scope": "s", "key": "k",
                        "libraries": [{ "jar": "/a.jar" }], "string_value": "v", "principal": "g", "permission": "READ",
                    });
                    for (name, value) in usual.as_object().unwrap() {
                        map.entry(name).or_insert_with(|| value.clone());
                    }
                }
                let answer = route(&mut store, &Request::internal(method, path, "me@example.com", body));
                if let Err(error) = answer {
                    prop_assert!((400..500).contains(&error.status), "{error:?}");
                }
            }
            let dump = store.dump();
            let mut again = Store::new(Clock::Fixed(0));
            again.restore(dump.clone()).unwrap();
            prop_assert_eq!(again.dump(), dump);
        }
    }
}
