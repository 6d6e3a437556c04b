//! Who is told about runs. Shared by jobs and tasks.
//!
//! An undeclared live recipient counts as drift: writes replace all settings, and who is paged is behaviour.

use super::undeclared::is_absent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whom to send e-mails, by event. Lists of addresses.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct EmailNotifications {
    /// Whether skipped runs alert nobody. Deprecated by the service: `notification_settings` has replaced it.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.JobEmailNotifications: an optional flag"}))]
    pub no_alert_for_skipped_runs: Option<bool>,
    /// A run takes longer than the `RUN_DURATION_SECONDS` rule of `health` allows.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every recipient is told, in any order"}))]
    pub on_duration_warning_threshold_exceeded: Option<Vec<String>>,
    /// A run failed.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every recipient is told, in any order"}))]
    pub on_failure: Option<Vec<String>>,
    /// The maintenance of a continuous job is done.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every recipient is told, in any order"}))]
    pub on_maintenance_complete: Option<Vec<String>>,
    /// The maintenance of a continuous job begins.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every recipient is told, in any order"}))]
    pub on_maintenance_start: Option<Vec<String>>,
    /// A run begins.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every recipient is told, in any order"}))]
    pub on_start: Option<Vec<String>>,
    /// A streaming backlog grows beyond what a rule of `health` allows.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every recipient is told, in any order"}))]
    pub on_streaming_backlog_exceeded: Option<Vec<String>>,
    /// A run succeeded.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every recipient is told, in any order"}))]
    pub on_success: Option<Vec<String>>,
}

/// Which notification destinations to call, by event: 3 at most each.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct WebhookNotifications {
    /// A run takes longer than the `RUN_DURATION_SECONDS` rule of `health` allows.
    #[schemars(extend("x-plumb" = {"key": "id", "why": "databricks/cli bundle rules: webhooks are keyed by id (PR 6060)"}))]
    pub on_duration_warning_threshold_exceeded: Option<Vec<Webhook>>,
    /// A run failed.
    #[schemars(extend("x-plumb" = {"key": "id", "why": "databricks/cli bundle rules: webhooks are keyed by id (PR 6060)"}))]
    pub on_failure: Option<Vec<Webhook>>,
    /// The maintenance of a continuous job is done.
    #[schemars(extend("x-plumb" = {"key": "id", "why": "databricks/cli bundle rules: webhooks are keyed by id (PR 6060)"}))]
    pub on_maintenance_complete: Option<Vec<Webhook>>,
    /// The maintenance of a continuous job begins.
    #[schemars(extend("x-plumb" = {"key": "id", "why": "databricks/cli bundle rules: webhooks are keyed by id (PR 6060)"}))]
    pub on_maintenance_start: Option<Vec<Webhook>>,
    /// A run begins.
    #[schemars(extend("x-plumb" = {"key": "id", "why": "databricks/cli bundle rules: webhooks are keyed by id (PR 6060)"}))]
    pub on_start: Option<Vec<Webhook>>,
    /// A streaming backlog grows beyond what a rule of `health` allows.
    #[schemars(extend("x-plumb" = {"key": "id", "why": "databricks/cli bundle rules: webhooks are keyed by id (PR 6060)"}))]
    pub on_streaming_backlog_exceeded: Option<Vec<Webhook>>,
    /// A run succeeded.
    #[schemars(extend("x-plumb" = {"key": "id", "why": "databricks/cli bundle rules: webhooks are keyed by id (PR 6060)"}))]
    pub on_success: Option<Vec<Webhook>>,
}

/// A notification destination.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Webhook {
    /// The destination's id.
    pub id: String,
}

/// When recipients of a job's `on_failure` are left alone.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct JobNotificationSettings {
    /// Whether cancelled runs alert nobody.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.JobNotificationSettings: an optional flag"}))]
    pub no_alert_for_canceled_runs: Option<bool>,
    /// Whether skipped runs alert nobody.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.JobNotificationSettings: an optional flag"}))]
    pub no_alert_for_skipped_runs: Option<bool>,
}

/// When recipients of a task's notifications are left alone.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TaskNotificationSettings {
    /// Whether retries tell nobody that they start, and only the last one that it failed.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.TaskNotificationSettings: an optional flag"}))]
    pub alert_on_last_attempt: Option<bool>,
    /// Whether cancelled runs alert nobody.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.TaskNotificationSettings: an optional flag"}))]
    pub no_alert_for_canceled_runs: Option<bool>,
    /// Whether skipped runs alert nobody.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.TaskNotificationSettings: an optional flag"}))]
    pub no_alert_for_skipped_runs: Option<bool>,
}

/// What counts as unhealthy.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct HealthRules {
    /// The rules. Breaking one notifies; it stops nothing.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each rule is judged by itself"}))]
    pub rules: Option<Vec<HealthRule>>,
}

/// A bound on a metric.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct HealthRule {
    /// What is measured.
    pub metric: HealthMetric,
    /// How it is compared.
    pub op: HealthOperator,
    /// The bound, in the metric's unit.
    pub value: i64,
}

/// What is measured of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HealthMetric {
    /// How long the run has taken.
    RunDurationSeconds,
    /// Bytes that wait to be read, over all streams.
    StreamingBacklogBytes,
    /// Files that wait to be read, over all streams.
    StreamingBacklogFiles,
    /// Records that wait to be read, over all streams.
    StreamingBacklogRecords,
    /// How far the slowest stream is behind.
    StreamingBacklogSeconds,
}

/// How a metric is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HealthOperator {
    GreaterThan,
}
