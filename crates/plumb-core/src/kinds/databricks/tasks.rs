//! Tasks of a job.

use super::{
    ai_functions::AiFunctionTask,
    ai_tasks::{AiRuntimeTask, GenAiComputeTask, TaskCompute},
    compute::NewCluster,
    libraries::Library,
    notifications::{EmailNotifications, HealthRules, TaskNotificationSettings, WebhookNotifications},
    report_tasks::{AlertTask, DashboardTask, PowerBiTask, SqlTask},
    task_types::{
        CleanRoomsNotebookTask, ConditionTask, DbtCloudTask, DbtPlatformTask, DbtTask, NotebookTask, PipelineTask,
        PythonOperatorTask, PythonWheelTask, RunJobTask, SparkJarTask, SparkPythonTask, SparkSubmitTask,
    },
    undeclared::is_absent,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A task: exactly one of the members that end in `_task`, and where, when and after what it runs.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct JobTask {
    /// What other tasks call it: 100 characters at most.
    pub task_key: String,
    /// Applies an AI function to documents or rows.
    pub ai_function_task: Option<AiFunctionTask>,
    /// Trains or runs a model on serverless GPUs.
    pub ai_runtime_task: Option<AiRuntimeTask>,
    /// Evaluates an alert.
    pub alert_task: Option<AlertTask>,
    /// Runs a notebook of a clean room.
    pub clean_rooms_notebook_task: Option<CleanRoomsNotebookTask>,
    /// What serverless compute the task needs.
    pub compute: Option<TaskCompute>,
    /// Compares two values; tasks that depend on it choose by the outcome.
    pub condition_task: Option<ConditionTask>,
    /// Refreshes a dashboard and mails snapshots of it.
    pub dashboard_task: Option<DashboardTask>,
    /// Runs a job of dbt Cloud. Deprecated by the service: `dbt_platform_task` has replaced it.
    pub dbt_cloud_task: Option<DbtCloudTask>,
    /// Runs a job of the dbt platform.
    pub dbt_platform_task: Option<DbtPlatformTask>,
    /// Runs dbt.
    pub dbt_task: Option<DbtTask>,
    /// The tasks that have to end first.
    #[schemars(extend("x-plumb" = {"key": "task_key", "why": "databricks/cli testserver: the service sorts them by task_key (PR 4990)"}))]
    pub depends_on: Option<Vec<Dependency>>,
    /// What the task is for.
    #[schemars(extend("x-plumb" = {"why": "it describes; a live description that nobody declared does no harm"}))]
    pub description: Option<String>,
    /// Whether the service's own retries and memory tuning of serverless tasks are off.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.Task: an optional flag"}))]
    pub disable_auto_optimization: Option<bool>,
    /// Whether the task is left out of runs.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.Task: an optional flag"}))]
    pub disabled: Option<bool>,
    /// Whom to send e-mails about the task.
    pub email_notifications: Option<EmailNotifications>,
    /// The job's environment that the task runs in, on serverless compute.
    pub environment_key: Option<String>,
    /// The job's set of environment variables that the task gets.
    pub environment_variables_key: Option<String>,
    /// The all-purpose cluster that the task runs on, by id.
    pub existing_cluster_id: Option<String>,
    /// Runs a task once for each element of a list.
    pub for_each_task: Option<ForEachTask>,
    /// Runs a script on GPUs. Deprecated by the service: `ai_runtime_task` has replaced it.
    pub gen_ai_compute_task: Option<GenAiComputeTask>,
    /// What counts as an unhealthy run of the task.
    pub health: Option<HealthRules>,
    /// The job's cluster that the task runs on.
    pub job_cluster_key: Option<String>,
    /// Libraries that the task's cluster gets first.
    #[schemars(extend("x-plumb" = {"set": true, "why": "Terraform provider clusters: libraries are a set"}))]
    pub libraries: Option<Vec<Library>>,
    /// How often a failed task is tried again; -1 is without end.
    #[schemars(extend("x-plumb" = {"default": 0, "why": "databricks-sdk-java jobs.Task: 0 is never, and so is unset"}))]
    pub max_retries: Option<i64>,
    /// Milliseconds from the start of a failed try to the next.
    #[schemars(extend("x-plumb" = {"default": 0, "why": "databricks-sdk-java jobs.Task: unset is at once"}))]
    pub min_retry_interval_millis: Option<i64>,
    /// A cluster for this task alone.
    pub new_cluster: Option<NewCluster>,
    /// Runs a notebook.
    pub notebook_task: Option<NotebookTask>,
    /// When recipients of notifications are left alone.
    pub notification_settings: Option<TaskNotificationSettings>,
    /// Updates a pipeline.
    pub pipeline_task: Option<PipelineTask>,
    /// Publishes tables to Power BI.
    pub power_bi_task: Option<PowerBiTask>,
    /// Runs a function or an operator of Python.
    pub python_operator_task: Option<PythonOperatorTask>,
    /// Runs a Python wheel.
    pub python_wheel_task: Option<PythonWheelTask>,
    /// Whether a task that took too long is tried again.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": [false], "why": "Terraform provider jobs: computed; databricks-sdk-py jobs.Task: not retried on timeout by default"}))]
    pub retry_on_timeout: Option<bool>,
    /// When the task runs, by how those ended that it depends on.
    #[schemars(extend("x-plumb" = {"default": "ALL_SUCCESS", "why": "databricks/cli testserver: ALL_SUCCESS is filled in; Terraform provider jobs: suppressed"}))]
    pub run_if: Option<RunIf>,
    /// Runs another job.
    pub run_job_task: Option<RunJobTask>,
    /// Runs a class of a JAR.
    pub spark_jar_task: Option<SparkJarTask>,
    /// Runs a Python file.
    pub spark_python_task: Option<SparkPythonTask>,
    /// Runs spark-submit.
    pub spark_submit_task: Option<SparkSubmitTask>,
    /// Runs SQL: a query, a file, an alert or a dashboard.
    pub sql_task: Option<SqlTask>,
    /// Seconds after which the task is stopped; 0 is never.
    #[schemars(extend("x-plumb" = {"default": 0, "why": "databricks/cli testserver: always present, 0 unless set"}))]
    pub timeout_seconds: Option<i64>,
    /// Which notification destinations to call about the task.
    pub webhook_notifications: Option<WebhookNotifications>,
}

/// A task that has to end first.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Dependency {
    /// The task.
    pub task_key: String,
    /// Of a condition task: the outcome that lets this task run, `"true"` or `"false"`.
    pub outcome: Option<String>,
}

/// A task that is run once for each element of a list.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct ForEachTask {
    /// The elements: a JSON list as text, or a reference to a task value or a parameter.
    pub inputs: String,
    /// The task.
    pub task: Box<JobTask>,
    /// How many may run at the same time.
    pub concurrency: Option<i64>,
}

/// When a task runs, by how those ended that it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunIf {
    /// All have ended, however.
    AllDone,
    /// All failed.
    AllFailed,
    /// All succeeded.
    AllSuccess,
    /// One or more failed.
    AtLeastOneFailed,
    /// One or more succeeded.
    AtLeastOneSuccess,
    /// None failed, and not all were skipped.
    NoneFailed,
}
