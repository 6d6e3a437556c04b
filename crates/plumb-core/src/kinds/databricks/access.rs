//! Who may do what with an object: `permissions`.
//!
//! Each kind has its own levels (Terraform provider permissions: allowed levels). The list, once declared, is the whole
//! list of direct grants: the permissions API replaces it at once. Inherited grants are not part of it.

use super::undeclared::is_absent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One grant. Exactly one of the three names is set.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent, rename = "Grant_{Level}")]
pub struct Grant<Level> {
    /// The user, by e-mail address.
    #[schemars(extend("x-plumb" = {"fold_case": true, "why": "Terraform provider permissions: user names are lower-cased (issues 5183, 5757)"}))]
    pub user_name: Option<String>,
    /// The group, by display name.
    pub group_name: Option<String>,
    /// The service principal, by application id.
    #[schemars(extend("x-plumb" = {"fold_case": true, "why": "Terraform provider permissions: service principal names are lower-cased (issues 5183, 5757)"}))]
    pub service_principal_name: Option<String>,
    /// What the one named may do.
    pub permission_level: Level,
}

/// What may be done with a job. Exactly one grant of a job is `IS_OWNER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobLevel {
    CanManage,
    CanManageRun,
    CanView,
    IsOwner,
}

/// What may be done with a pipeline. Exactly one grant of a pipeline is `IS_OWNER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PipelineLevel {
    CanManage,
    CanRun,
    CanView,
    IsOwner,
}

/// What may be done with a SQL warehouse. Exactly one grant of a warehouse is `IS_OWNER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WarehouseLevel {
    CanManage,
    CanMonitor,
    CanUse,
    CanView,
    IsOwner,
}

/// The levels of objects that somebody owns.
pub trait OwnedLevel: PartialEq {
    /// What the owner has.
    const OWNER: Self;
    /// What those have who may do as much as the owner.
    const MANAGER: Self;
}

impl OwnedLevel for JobLevel {
    const OWNER: Self = JobLevel::IsOwner;
    const MANAGER: Self = JobLevel::CanManage;
}

impl OwnedLevel for PipelineLevel {
    const OWNER: Self = PipelineLevel::IsOwner;
    const MANAGER: Self = PipelineLevel::CanManage;
}

impl OwnedLevel for WarehouseLevel {
    const OWNER: Self = WarehouseLevel::IsOwner;
    const MANAGER: Self = WarehouseLevel::CanManage;
}

/// What may be done with a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClusterLevel {
    CanAttachTo,
    CanManage,
    CanRestart,
}

/// What may be done with a cluster policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PolicyLevel {
    CanUse,
}

/// What may be done with an instance pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PoolLevel {
    CanAttachTo,
    CanManage,
}
