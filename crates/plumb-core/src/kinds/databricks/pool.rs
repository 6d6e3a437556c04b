//! Databricks instance pools.

use super::{
    access::{Grant, PoolLevel},
    compute::NodeTypeFlexibility,
    pool_parts::{AwsPoolAttributes, AzurePoolAttributes, DiskSpec, GcpPoolAttributes},
    storage::DockerImage,
    undeclared::is_absent,
};
use super::{grants, limits, permissions};
use crate::kinds::entries::{self, EntryList};
use crate::kinds::{
    Details, Findings, Impact, ImpactClass, Kind, MarkPlace, Observed, SpecType, Step, Unreadable, Unsupported, Verb,
    reading,
};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::{Pages, Read};
use plumb_model::schema::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// An instance pool: what the instance pools API 2.0 takes to create one, and `permissions`.
///
/// `instance_pools/edit` takes the name, the capacities, the minutes, the tags and the remote disks; all else is fixed
/// when the pool is made.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
#[schemars(extend("x-plumb" = {
    "read_only": {
        "instance_pool_id": "databricks-sdk-py compute.EditInstancePool: it says which pool is meant",
        "default_tags": "databricks-sdk-py compute.GetInstancePool: in answers, in no request",
        "state": "databricks-sdk-py compute.GetInstancePool: in answers, in no request",
        "stats": "databricks-sdk-py compute.GetInstancePool: in answers, in no request",
        "status": "databricks-sdk-py compute.GetInstancePool: in answers, in no request",
    },
    "why": "an answer says more than a request",
}))]
pub struct InstancePoolSpec {
    /// The pool's name: 1 to 100 characters.
    pub instance_pool_name: String,
    /// The machines' type.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider pools: force_new (edit requires it, and does not change it)"}))]
    pub node_type_id: String,
    /// Settings for pools on AWS.
    #[schemars(extend("x-plumb" = {"unset": "members", "replace": true, "why": "Terraform provider pools: force_new"}))]
    pub aws_attributes: Option<AwsPoolAttributes>,
    /// Settings for pools on Azure.
    #[schemars(extend("x-plumb" = {"unset": "members", "replace": true, "why": "Terraform provider pools: force_new"}))]
    pub azure_attributes: Option<AzurePoolAttributes>,
    /// Tags for the cloud resources: 45 at most, of which the mark needs 3.
    #[schemars(extend("x-plumb" = {"why": "tags describe; finance tools add their own"}))]
    pub custom_tags: Option<BTreeMap<String, String>>,
    /// The disks that each machine gets.
    #[schemars(extend("x-plumb" = {"unset": "members", "replace": true, "why": "databricks/cli bundle rules and Terraform provider pools: recreate"}))]
    pub disk_spec: Option<DiskSpec>,
    /// Whether machines get more disk by themselves when they run short of it.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "replace": true, "why": "databricks/cli bundle rules: backend default; Terraform provider pools: force_new"}))]
    pub enable_elastic_disk: Option<bool>,
    /// Settings for pools on Google Cloud.
    #[schemars(extend("x-plumb" = {"unset": "members", "replace": true, "why": "Terraform provider pools: force_new"}))]
    pub gcp_attributes: Option<GcpPoolAttributes>,
    /// Minutes after which an idle machine beyond `min_idle_instances` is given back: 0 to 10000.
    #[schemars(extend("x-plumb" = {"default": 60, "why": "databricks/cli bundle rules: backend default 60"}))]
    pub idle_instance_autotermination_minutes: Option<i64>,
    /// The most machines, idle ones and used ones together.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks-sdk-java compute.CreateInstancePool: an optional limit, of which no default is told; databricks/cli bundle rules: backend default"}))]
    pub max_capacity: Option<i64>,
    /// How many machines are kept idle at all times.
    #[schemars(extend("x-plumb" = {"default": 0, "why": "databricks-sdk-java compute.CreateInstancePool: an optional number"}))]
    pub min_idle_instances: Option<i64>,
    /// Machine types to fall back to.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "replace": true, "why": "a workspace can switch flexible node types on; databricks/cli bundle rules and Terraform provider pools: recreate; a pool is not replaced for what nobody declared"}))]
    pub node_type_flexibility: Option<NodeTypeFlexibility>,
    /// Container images that machines have loaded already.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules and Terraform provider pools: recreate; a pool is not replaced for what nobody declared"}))]
    pub preloaded_docker_images: Option<Vec<DockerImage>>,
    /// The runtime that machines have loaded already: 1 at most.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules and Terraform provider pools: recreate; a pool is not replaced for what nobody declared"}))]
    pub preloaded_spark_versions: Option<Vec<String>>,
    /// Throughput of remote disks in Mb/s. Google Cloud only.
    pub remote_disk_throughput: Option<i64>,
    /// Size of the remote disks at the start, in GB. Google Cloud only.
    pub total_initial_remote_disk_size: Option<i64>,

    /// Who may do what with the pool; an empty list is nobody else. With `mode: additive` what others granted stays. Unset:
    /// plumb leaves the permissions alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": ["user_name", "group_name", "service_principal_name"],
        "apart": true,
        "keep_empty": true,
        "why": "permissions are a separate object, read only where a manifest sets them; databricks/cli bundle rules: keyed by principal",
    }))]
    pub permissions: Option<EntryList<Grant<PoolLevel>>>,
}

/// An instance pool: Instance Pools API 2.0.
pub struct DatabricksInstancePool;

impl DatabricksInstancePool {
    /// The name in manifests.
    pub const NAME: &'static str = "DatabricksInstancePool";
}

/// What edit takes; everything else can only be set when the pool is made (databricks/cli testserver, instance pools).
const EDITABLE: [&str; 8] = [
    "instance_pool_name",
    "node_type_id",
    "min_idle_instances",
    "max_capacity",
    "idle_instance_autotermination_minutes",
    "custom_tags",
    "remote_disk_throughput",
    "total_initial_remote_disk_size",
];

fn seen(pool: &Value) -> Result<Observed, Unreadable> {
    let id = pool.get("instance_pool_id").and_then(Value::as_str).filter(|id| !id.is_empty());
    let refuse = |why: String| Unreadable::of(&DatabricksInstancePool, id, Some(pool), why);
    let id = id.ok_or_else(|| refuse("it has no instance_pool_id".into()))?;
    let state = reading::text(pool, "state").map_err(refuse)?.map(str::to_owned);
    Ok(Observed { id: id.to_owned(), spec: pool.clone(), state, facts: json!({}), ..Observed::default() })
}

/// Whether the spec has no such place.
fn is_unknown(path: &Path) -> bool {
    DatabricksInstancePool.spec().rules.field(path).is_none()
}

impl Kind for DatabricksInstancePool {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "instance pool"
    }
    fn page(&self) -> Option<&'static str> {
        // databricks/cli, `libs/workspaceurls/urls.go`.
        Some("compute/instance-pools")
    }
    fn title(&self) -> &'static str {
        "instance_pool_name"
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::Tags("custom_tags")
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(check));
        &SPEC
    }

    fn list(&self) -> Vec<Read> {
        vec![Read::single(Call::get(System::Databricks, "/api/2.0/instance-pools/list"))]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        reading::rows(self, listed, "instance_pools", |row| Some(seen(row)))
    }

    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read> {
        permissions::declared(wanted).then(|| permissions::read("instance-pools", &seen.id)).into_iter().collect()
    }

    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        permissions::complete(seen, wanted, &mut details.iter())
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        let get = Call::get(System::Databricks, "/api/2.0/instance-pools/get").query("instance_pool_id", id);
        vec![Read::single(get)]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        seen(pages.iter().flatten().next().unwrap_or(&Value::Null))
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        let body = entries::without(step.body, &["permissions"]);
        let mut calls = Vec::new();
        match step.verb {
            Verb::Create => {
                let path = "/api/2.0/instance-pools/create";
                calls.push(Call::create(System::Databricks, path, body, "/instance_pool_id"));
            }
            Verb::Update if step.changes_beyond(&["permissions"]) => {
                if let Some(unknown) = step.changed.iter().find(|p| is_unknown(p)) {
                    return Err(Unsupported(format!(
                        "`metadata.remove` names {unknown}, and an edit of an instance pool leaves what it does not know as it \
                         is: take it away by hand, or make another pool"
                    )));
                }
                let mut edit = body;
                if let Value::Object(map) = &mut edit {
                    // What plumb does not know may be newer than the list, and go when it is not sent.
                    map.retain(|k, _| EDITABLE.contains(&k.as_str()) || is_unknown(&Path::default().key(k)));
                }
                edit["instance_pool_id"] = json!(step.id());
                calls.push(Call::set(System::Databricks, Method::Post, "/api/2.0/instance-pools/edit", edit));
            }
            Verb::Update => {}
            Verb::Delete => {
                let body = json!({ "instance_pool_id": step.id() });
                let delete = Call::set(System::Databricks, Method::Post, "/api/2.0/instance-pools/delete", body);
                return Ok(vec![delete.gone_is_done()]);
            }
        }
        calls.extend(permissions::calls("instance-pools", step));
        Ok(calls)
    }

    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        match step.verb {
            Verb::Delete => {
                let says = "ends the pool's idle instances; clusters that use it cannot grow any more";
                vec![ImpactClass::BreaksUsers.says(says)]
            }
            _ => Vec::new(),
        }
    }

    /// Clusters have the pool's instance profile (databricks-sdk-py compute.InstancePoolAwsAttributes). All else that they
    /// have of the pool is theirs in no other way.
    fn supplies(&self, seen: &Observed) -> Option<BTreeMap<String, Value>> {
        let profile = seen.spec.pointer("/aws_attributes/instance_profile_arn").filter(|p| p.is_string());
        Some(profile.map(|p| ("aws_attributes.instance_profile_arn".to_owned(), p.clone())).into_iter().collect())
    }
}

/// What the schema cannot say.
fn check(spec: &InstancePoolSpec, findings: &mut Findings) {
    limits::name(&spec.instance_pool_name, 1, 100, "instance_pool_name", findings);
    limits::tags(spec.custom_tags.as_ref(), "custom_tags", limits::CUSTOM_TAGS, findings);
    let idle = "idle_instance_autotermination_minutes";
    limits::number(spec.idle_instance_autotermination_minutes, 0, 10_000, idle, findings);
    if let (Some(least), Some(most)) = (spec.min_idle_instances, spec.max_capacity)
        && least > most
    {
        findings.at("min_idle_instances", format!("{least} is more than max_capacity, {most}"), "");
    }
    if let Some(versions) = spec.preloaded_spark_versions.as_ref().filter(|v| v.len() > 1) {
        findings.at("preloaded_spark_versions", format!("{} versions", versions.len()), "a pool takes one at most");
    }
    grants::each_once(spec.permissions.as_deref().unwrap_or_default(), findings);
}
