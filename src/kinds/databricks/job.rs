//! Databricks jobs.

use super::{
    access::{Grant, JobLevel},
    git::GitSource,
    job_parts::{
        Deployment, EditMode, Environment, EnvironmentVariables, Format, JobCluster, Parameter, PerformanceTarget,
        Queue, RunAs,
    },
    notifications::{EmailNotifications, HealthRules, JobNotificationSettings, WebhookNotifications},
    tasks::Task,
    triggers::{AnyTrigger, Continuous, Schedule, Trigger},
    undeclared::is_absent,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A job: the settings of the Jobs API 2.2, and `permissions`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct JobSpec {
    /// The budget policy that serverless usage is booked on, by id.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "a workspace may have a default budget policy (databricks-sdk-java jobs.Job: effective_budget_policy_id)"}))]
    pub budget_policy_id: Option<String>,
    /// Keeps one run going at all times. Excludes `schedule`, `trigger` and `triggers`.
    pub continuous: Option<Continuous>,
    /// Which deployment tool made the job. Leave it to that tool.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli writes it for bundles; it describes the tool, not the job"}))]
    pub deployment: Option<Deployment>,
    /// What the job is for: 27700 characters at most.
    #[schemars(extend("x-plumb" = {"why": "it describes; a live description that nobody declared does no harm"}))]
    pub description: Option<String>,
    /// The duration that runs should keep to.
    pub duration_target: Option<String>,
    /// Whether the workspace's pages let people edit the job.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli sets UI_LOCKED for bundles; unlocking a job to pause it is a normal emergency (issue 3600)"}))]
    pub edit_mode: Option<EditMode>,
    /// Whom to send e-mails about runs.
    pub email_notifications: Option<EmailNotifications>,
    /// Named sets of environment variables that tasks can refer to: 10 at most.
    #[schemars(extend("x-plumb" = {"key": "environment_variables_key", "why": "databricks-sdk-java jobs.JobEnvironmentVariables: tasks refer to it by this key"}))]
    pub environment_variables: Option<Vec<EnvironmentVariables>>,
    /// Named environments for serverless tasks.
    #[schemars(extend("x-plumb" = {"key": "environment_key", "why": "databricks/cli bundle rules: environments are keyed by environment_key"}))]
    pub environments: Option<Vec<Environment>>,
    /// Always `MULTI_TASK` in Jobs API 2.1 and later.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: backend default; Terraform provider jobs: computed"}))]
    pub format: Option<Format>,
    /// The git repository that tasks with `source: GIT` take their code from.
    pub git_source: Option<GitSource>,
    /// What counts as an unhealthy run.
    pub health: Option<HealthRules>,
    /// Clusters that several tasks share, each started for the run.
    #[schemars(extend("x-plumb" = {"key": "job_cluster_key", "why": "databricks/cli bundle rules: job clusters are keyed by job_cluster_key (Terraform provider issue 3560)"}))]
    pub job_clusters: Option<Vec<JobCluster>>,
    /// How many runs may go on at the same time: 1000 at most; with 0 every run is skipped.
    #[schemars(extend("x-plumb" = {"default": 1, "why": "Terraform provider jobs: the default"}))]
    pub max_concurrent_runs: Option<i64>,
    /// The job's name: 4096 bytes at most. Names need not be unique.
    #[schemars(extend("x-plumb" = {"default": "Untitled", "why": "Terraform provider jobs: the default"}))]
    pub name: Option<String>,
    /// When recipients of `on_failure` are left alone.
    pub notification_settings: Option<JobNotificationSettings>,
    /// Parameters of the whole job, which tasks can refer to.
    #[schemars(extend("x-plumb" = {"key": "name", "why": "databricks/cli bundle rules: parameters are keyed by name"}))]
    pub parameters: Option<Vec<Parameter>>,
    /// Whether serverless tasks are to start fast or to cost little.
    pub performance_target: Option<PerformanceTarget>,
    /// Whether runs wait when they cannot start at once.
    #[schemars(extend("x-plumb" = {"default": {"enabled": true}, "why": "Terraform provider jobs: since API 2.2 an unset queue is an enabled one"}))]
    pub queue: Option<Queue>,
    /// Whose rights runs have. Unset: the creator's.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: backend default; jobs/reset without it keeps the previous one (issue 4873)"}))]
    pub run_as: Option<RunAs>,
    /// Starts runs by the clock. Excludes `continuous`, `trigger` and `triggers`.
    pub schedule: Option<Schedule>,
    /// Tags of the job, which job clusters get too: 25 at most, of which plumb needs 2.
    #[schemars(extend("x-plumb" = {"why": "tags describe; finance tools add their own"}))]
    pub tags: Option<BTreeMap<String, String>>,
    /// What runs: 1000 tasks at most.
    #[schemars(extend("x-plumb" = {"key": "task_key", "why": "databricks/cli bundle rules: tasks are keyed by task_key; Terraform provider issues 3126, 4011: lists by position never settle"}))]
    pub tasks: Option<Vec<Task>>,
    /// Seconds after which a run is stopped; 0 is never.
    #[schemars(extend("x-plumb" = {"default": 0, "why": "databricks/cli testserver: always present, 0 unless set"}))]
    pub timeout_seconds: Option<i64>,
    /// Starts runs when files, data or a time have come. Excludes `continuous`, `schedule` and `triggers`.
    pub trigger: Option<Trigger>,
    /// Starts runs by several triggers. Excludes `continuous`, `schedule` and `trigger`.
    pub triggers: Option<Vec<AnyTrigger>>,
    /// Which notification destinations to call about runs.
    pub webhook_notifications: Option<WebhookNotifications>,

    /// Who may do what with the job. Unset: plumb leaves the permissions alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": ["user_name", "group_name", "service_principal_name"],
        "why": "permissions are a separate object, read only where a manifest sets them; databricks/cli bundle rules: keyed by principal",
    }))]
    pub permissions: Option<Vec<Grant<JobLevel>>>,
}
