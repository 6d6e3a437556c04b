//! Where the manifests say what the cluster of a run is like.

use super::RemedyCase;
use super::edit::Setting;
use crate::kinds::Kind;
use crate::kinds::databricks::cluster::DatabricksCluster;
use crate::kinds::databricks::own_clusters::own_clusters;
use crate::kinds::databricks::policy::DatabricksClusterPolicy;
use crate::kinds::databricks::pool::DatabricksInstancePool;
use crate::manifest::{Desired, Resource};
use plumb_model::schema::{Path, Segment, find};
use serde_json::Value;

/// A cluster that tasks of a job run on: a job cluster, one of a task alone, or an all-purpose cluster of the manifests.
pub(super) struct ClusterSite<'a> {
    /// Whose spec has it.
    pub resource: &'a Resource,
    /// Where it stands there; empty for an all-purpose cluster.
    pub at: Path,
    /// What to call it in a sentence.
    pub name: String,
    spec: &'a Value,
    /// The manifest of its pool.
    pub pool: Option<&'a Resource>,
    /// The manifest of its policy.
    pub policy: Option<&'a Resource>,
}

impl<'a> ClusterSite<'a> {
    /// What the cluster says of a member, or what a policy of the manifests says for it.
    pub fn value(&self, members: &[&str]) -> Option<&'a Value> {
        let own = members.iter().try_fold(self.spec, |value, member| value.get(member));
        own.filter(|value| !value.is_null()).or_else(|| self.fixed(members))
    }

    pub fn text(&self, members: &[&str]) -> Option<&'a str> {
        self.value(members).and_then(Value::as_str)
    }

    pub fn number(&self, members: &[&str]) -> Option<i64> {
        self.value(members).and_then(Value::as_i64)
    }

    /// A Spark property.
    pub fn conf(&self, key: &str) -> Option<&'a str> {
        self.text(&["spark_conf", key])
    }

    /// Whether machines come from a pool: its types and their market are the pool's.
    pub fn is_pooled(&self) -> bool {
        self.value(&["instance_pool_id"]).is_some()
    }

    /// The workers' machine type, the pool's if there is one in the manifests.
    pub fn node_type(&self) -> Option<&'a str> {
        match self.pool {
            Some(pool) => pool.spec.get("node_type_id")?.as_str(),
            None => self.text(&["node_type_id"]),
        }
    }

    /// The rule that its policy has of a member.
    fn rule(&self, members: &[&str]) -> Option<&'a Value> {
        let definition = self.policy?.spec.get("definition")?;
        definition.get(members.join("."))
    }

    /// The only value that its policy allows.
    fn fixed(&self, members: &[&str]) -> Option<&'a Value> {
        self.rule(members).filter(|rule| rule["type"] == "fixed")?.get("value")
    }

    /// Where a member stands in the spec.
    pub fn path(&self, members: &[&str]) -> Path {
        members.iter().fold(self.at.clone(), |path, member| path.key(member))
    }

    /// The settings that give a member this value: of the cluster, and of the policy that fixes it. An error says why there are
    /// none.
    pub fn settings(&self, members: &[&str], value: Value) -> Result<Vec<Setting<'a>>, String> {
        let own = Setting { resource: self.resource, path: self.path(members), value: value.clone() };
        let Some((rule, policy)) = self.rule(members).zip(self.policy) else { return Ok(vec![own]) };
        let name = members.join(".");
        let allowed = |values: &Value| values.as_array().is_some_and(|values| values.contains(&value));
        match rule["type"].as_str() {
            Some("fixed") => {
                let path = Path::default().key("definition").key(&name).key("value");
                // A number or a flag of a policy may be written as text.
                let value =
                    if rule["value"].is_string() && !value.is_string() { value.to_string().into() } else { value };
                let mut settings = vec![Setting { resource: policy, path, value }];
                let is_written = find(self.resource.kind.rules(), &self.resource.spec, &own.path).is_some();
                settings.extend(is_written.then_some(own));
                Ok(settings)
            }
            Some("unlimited") => Ok(vec![own]),
            Some("allowlist") if allowed(&rule["values"]) => Ok(vec![own]),
            Some("blocklist") if !allowed(&rule["values"]) => Ok(vec![own]),
            Some(kind) => Err(format!("{} has a rule of {name} ({kind}) that may forbid it", policy.address)),
            None => Ok(vec![own]),
        }
    }
}

/// The clusters that a task of a job runs on; without a task that the job has, those of all tasks, each once.
pub(super) fn sites<'a>(desired: &'a Desired, job: &'a Resource, task: Option<&str>) -> Vec<ClusterSite<'a>> {
    let tasks = job.spec.get("tasks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_it = |one: &&Value| task.is_some() && one["task_key"].as_str() == task;
    let failed: Vec<&Value> = tasks.iter().filter(is_it).collect();
    let meant: Vec<&Value> = if failed.is_empty() { tasks.iter().collect() } else { failed };
    let mut sites: Vec<ClusterSite<'a>> = Vec::new();
    for task in meant {
        let Some(key) = task["task_key"].as_str() else { continue };
        let at = Path::default().key("tasks").with(Segment::Item(key.to_owned()));
        let of = format!("the cluster of task {key}");
        let inner = task.pointer("/for_each_task/task");
        let inside = at.key("for_each_task").key("task");
        for (task, at) in [(Some(task), at), (inner, inside)] {
            let Some(site) = task.and_then(|task| of_task(desired, job, task, &at, &of)) else { continue };
            if !sites.iter().any(|s| s.resource.address == site.resource.address && s.at == site.at) {
                sites.push(site);
            }
        }
    }
    sites
}

/// Every cluster that a job starts for itself.
pub(super) fn job_clusters<'a>(desired: &'a Desired, job: &'a Resource) -> Vec<ClusterSite<'a>> {
    own_clusters(&job.spec).into_iter().map(|(at, spec)| site(desired, job, at, String::new(), spec)).collect()
}

fn site<'a>(desired: &'a Desired, resource: &'a Resource, at: Path, name: String, spec: &'a Value) -> ClusterSite<'a> {
    let pool = referred(desired, spec.get("instance_pool_id"), DatabricksInstancePool::NAME);
    let policy = referred(desired, spec.get("policy_id"), DatabricksClusterPolicy::NAME);
    ClusterSite { resource, at, name, spec, pool, policy }
}

fn of_task<'a>(
    desired: &'a Desired,
    job: &'a Resource,
    task: &'a Value,
    at: &Path,
    of: &str,
) -> Option<ClusterSite<'a>> {
    if let Some(spec) = task.get("new_cluster").filter(|spec| spec.is_object()) {
        return Some(site(desired, job, at.key("new_cluster"), of.to_owned(), spec));
    }
    if let Some(key) = task["job_cluster_key"].as_str() {
        let clusters = job.spec.get("job_clusters")?.as_array()?;
        let spec = clusters.iter().find(|cluster| cluster["job_cluster_key"] == key)?.get("new_cluster")?;
        let at = Path::default().key("job_clusters").with(Segment::Item(key.to_owned())).key("new_cluster");
        return spec.is_object().then(|| site(desired, job, at, format!("job cluster {key}"), spec));
    }
    let shared = referred(desired, task.get("existing_cluster_id"), DatabricksCluster.name())?;
    Some(site(desired, shared, Path::default(), shared.address.to_string(), &shared.spec))
}

/// The manifest that `${resources.KIND.NAME}` means.
pub(super) fn referred<'a>(desired: &'a Desired, value: Option<&Value>, kind: &str) -> Option<&'a Resource> {
    let text = value?.as_str()?;
    let name = text.strip_prefix("${resources.")?.strip_suffix('}')?.strip_prefix(kind)?.strip_prefix('.')?;
    desired.resources.iter().find(|r| r.address.kind == kind && r.address.name == name)
}

impl<'a> RemedyCase<'a> {
    /// The one cluster that something holds for; an error names those that it may be, or says that it is none.
    pub(super) fn only(&self, holds: impl Fn(&ClusterSite<'a>) -> bool) -> Result<&ClusterSite<'a>, Vec<String>> {
        let found: Vec<&ClusterSite<'a>> = self.sites.iter().filter(|site| holds(site)).collect();
        match found.as_slice() {
            [one] => Ok(one),
            many => Err(many.iter().map(|s| format!("{} ({})", s.name, self.place(s.resource, &s.at))).collect()),
        }
    }
}
