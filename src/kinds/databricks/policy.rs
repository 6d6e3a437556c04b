//! Databricks cluster policies.

use super::{
    access::{Grant, PolicyLevel},
    libraries::Library,
    policy_rule::PolicyRule,
    undeclared::{Entries, is_absent},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cluster policy: what the policies API 2.0 takes to create one, and `permissions`.
///
/// `definition` and `policy_family_definition_overrides` are maps here, and JSON text in the API.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PolicySpec {
    /// The rules, by the path of the attribute that they are about: `spark_version`, `autoscale.max_workers`,
    /// `init_scripts.0.s3.destination`. Excludes `policy_family_id`.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "Terraform provider policies: computed, a policy family supplies it"}))]
    pub definition: Option<Entries<PolicyRule>>,
    /// What the policy is for.
    #[schemars(extend("x-plumb" = {"why": "it describes; a live description that nobody declared does no harm"}))]
    pub description: Option<String>,
    /// Libraries that clusters with this policy get: 500 at most.
    #[schemars(extend("x-plumb" = {"set": true, "why": "Terraform provider clusters: libraries are a set"}))]
    pub libraries: Option<Vec<Library>>,
    /// How many clusters with this policy each user may have. Unset: any number.
    #[schemars(extend("x-plumb" = {"default": 0, "why": "Terraform provider policies: 0 is no limit and is not sent"}))]
    pub max_clusters_per_user: Option<i64>,
    /// The policy's name, which no other policy may have: 1 to 100 characters.
    pub name: Option<String>,
    /// Rules over those of the policy family.
    pub policy_family_definition_overrides: Option<Entries<PolicyRule>>,
    /// The policy family that supplies the rules. Excludes `definition`.
    pub policy_family_id: Option<String>,

    /// Who may use the policy. Unset: plumb leaves the permissions alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": ["user_name", "group_name", "service_principal_name"],
        "why": "permissions are a separate object, read only where a manifest sets them; databricks/cli bundle rules: keyed by principal",
    }))]
    pub permissions: Option<Vec<Grant<PolicyLevel>>>,
}
