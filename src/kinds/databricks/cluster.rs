//! Databricks all-purpose clusters.

use super::{
    access::{ClusterLevel, Grant},
    compute::{
        Autoscale, AwsAttributes, AzureAttributes, ClusterForm, DataSecurityMode, DependencyMode, GcpAttributes,
        NodeTypeFlexibility, RuntimeEngine, WorkloadType, cluster,
    },
    libraries::Library,
    storage::{DockerImage, InitScript, LogDestination},
    undeclared::{Settings, is_absent},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

cluster! {
    /// An all-purpose cluster: what the Clusters API 2.1 takes to create one, and `libraries`, `permissions`, `pinned`
    /// and `state`.
    pub struct ClusterSpec {
        /// The runtime: `15.4.x-scala2.12`.
        pub spark_version: String,
        /// The cluster's name. Names need not be unique.
        #[schemars(extend("x-plumb" = {"why": "a live name that nobody declared does no harm"}))]
        pub cluster_name: Option<String>,
        /// A cluster whose libraries are taken over once, when this one is created.
        #[schemars(extend("x-plumb" = {"write_only": true, "why": "only clusters/create takes it, and nothing returns it"}))]
        pub clone_from: Option<CloneFrom>,

        /// Libraries that the cluster has. Unset: plumb leaves them alone.
        #[schemars(extend("x-plumb" = {"unset": "server", "set": true, "why": "Terraform provider clusters: a set; those installed elsewhere are ignored when none are declared"}))]
        pub libraries: Option<Vec<Library>>,
        /// Whether the cluster is kept in the list for ever: 100 clusters of a workspace at most. Unset: plumb leaves
        /// it alone.
        #[schemars(extend("x-plumb" = {"unset": "server", "why": "Terraform provider clusters: pinning is apart from the cluster's settings"}))]
        pub pinned: Option<bool>,
        /// Whether the cluster is to be running. Unset or `any`: plumb leaves it alone.
        #[schemars(extend("x-plumb" = {"unset": "server", "any_if": ["any"], "why": "clusters start and stop by themselves"}))]
        pub state: Option<WantedState>,
        /// Who may do what with the cluster. Unset: plumb leaves the permissions alone.
        #[schemars(extend("x-plumb" = {
            "unset": "server",
            "key": ["user_name", "group_name", "service_principal_name"],
            "why": "permissions are a separate object, read only where a manifest sets them; databricks/cli bundle rules: keyed by principal",
        }))]
        pub permissions: Option<Vec<Grant<ClusterLevel>>>,
    }
}

/// The cluster that libraries are taken over from.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CloneFrom {
    /// Its id.
    pub source_cluster_id: String,
}

/// Whether a cluster is to be running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WantedState {
    /// Either is fine.
    #[default]
    Any,
    /// Started when it is not running.
    Running,
    /// Stopped when it is running.
    Terminated,
}
