//! What an `AirflowDag` manifest says.

use crate::kinds::databricks::undeclared::{Entries, Settings, is_absent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A schedule: when which Databricks jobs run, in what order. plumb writes the DAG file.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
#[schemars(extend("x-plumb" = {
    "read_only": {"header": "plumb's own: the line of the mark, where it could not be read"},
    "why": "the file says more than its data",
}))]
pub struct DagSpec {
    /// The DAG's id: letters, digits, `_`, `-` and `.`. Default: the manifest's name with `_` for `-`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Airflow has no renaming: another id is another DAG, with a history of its own"}))]
    pub dag_id: Option<String>,
    /// Who writes the DAG: `plumb`, or with `external` other people's code, of which plumb only sets `paused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"default": "plumb", "why": "plumb: a manifest with tasks is the usual case"}))]
    pub source: Option<DagSource>,
    /// Whether Airflow starts no runs by itself. Unset: it does; a DAG of others is left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": false, "apart": true, "why": "a manifest of plumb's own DAG has `false` unless it says otherwise, and of a DAG of others nothing; Airflow keeps it beside the DAG's code and sets it by a request of its own (REST API, PATCH dags)"}))]
    pub paused: Option<bool>,
    /// Allows that switching the DAG on starts a run at once, because a tick of its schedule has passed.
    #[serde(rename = "catchUpNow", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"server": true, "why": "it says what an apply may do; Airflow knows nothing of it"}))]
    pub catch_up_now: Option<bool>,
    /// The name that Airflow's pages show instead of the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What the DAG is for, in a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the DAG is for, as Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// Whom the DAG belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Tags to find the DAG by: 100 characters at most. plumb adds the tag `plumb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"set": true, "why": "Airflow keeps tags without an order"}))]
    pub tags: Option<Vec<String>>,
    /// What starts runs. Unset: people do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<DagSchedule>,
    /// The day, or the minute, from which on runs are due, in the schedule's time zone: `2024-05-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    /// The day, or the minute, after which no more runs are due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
    /// Whether every tick that was missed is made up for, instead of the last one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"default": false, "why": "plumb always writes it: Airflow 2 and 3 have different defaults"}))]
    pub catchup: Option<bool>,
    /// How many runs may go on at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_active_runs: Option<i64>,
    /// How many tasks may go on at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_active_tasks: Option<i64>,
    /// How long a run may take before it is failed: `6h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dagrun_timeout: Option<String>,
    /// How long after it was due a run should be done: `6h`. A deadline alert on Airflow 3.1 and later, an SLA on 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// What Airflow 3.1 and later calls when the deadline is missed. Unset: the miss is only recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_callback: Option<Callback>,
    /// What is done when a task has failed for good: `diagnose` writes the cause into the task's log, where `plumb` is
    /// installed on the workers.
    #[serde(rename = "onFailure", skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// Who is told of the diagnosis of a task that has failed for good, beside its log. Needs `onFailure: diagnose`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// Parameters of a run, with their defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"verbatim": true, "why": "Airflow: a parameter whose default is null is a parameter"}))]
    pub params: Option<Entries<Value>>,
    /// What holds for every task that does not say otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defaults: Option<Defaults>,
    /// What runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"key": "id", "why": "Airflow: task ids are unique in a DAG, and their order means nothing"}))]
    pub tasks: Option<Vec<DagTask>>,
}

/// Who writes a DAG's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DagSource {
    /// plumb, from the manifest.
    Plumb,
    /// Somebody else.
    External,
}

/// What is done when a task has failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// `plumb diagnose` is asked why, and its answer written into the task's log.
    Diagnose,
}

/// Who is told of a diagnosis.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Notify {
    /// Addresses that are mailed the diagnosis, as Airflow is set up to mail failures: by `[email] email_backend` and `[smtp]`
    /// on Airflow 2, by the connection `smtp_default` or that backend on 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"set": true, "why": "one mail goes to all of them"}))]
    pub email: Option<Vec<String>>,
    /// Functions and notifiers that are called, one after the other, before the mail is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callbacks: Option<Vec<FailureCallback>>,
}

/// A function or a notifier that is called when a task has failed for good.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct FailureCallback {
    /// Its import path, which workers can import: `company.alerts.page`. A function is called with Airflow's context and the
    /// arguments, a class is made with the arguments and called with the context. The context has the diagnosis as
    /// `plumb_diagnosis`.
    pub path: String,
    /// What it is given beside the context.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"verbatim": true, "why": "they are the function's own; null is a value"}))]
    pub arguments: Option<Entries<Value>>,
}

/// What starts runs: the clock (`cron`) or new data (`assets`).
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DagSchedule {
    /// When: minute, hour, day of month, month, day of week. Or `@once`, `@hourly`, `@daily`, `@weekly`, `@monthly`,
    /// `@quarterly`, `@yearly`, `@continuous`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time zone of `cron`, `start_date` and `end_date`: `Europe/London`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"default": "UTC", "why": "plumb always writes it; Airflow's own default is UTC too unless the server was set up otherwise"}))]
    pub timezone: Option<String>,
    /// Which time a run is for, and so what `ds` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"default": "previous", "why": "plumb writes the timetable out: a plain cron means `previous` on Airflow 2 and `tick` on Airflow 3"}))]
    pub data_interval: Option<DataInterval>,
    /// URIs of assets (datasets on Airflow 2) whose update starts a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"set": true, "why": "`when` speaks of any or all of them"}))]
    pub assets: Option<Vec<String>>,
    /// Whether all of the assets must have been updated, or any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"default": "all", "why": "Airflow: a list of assets waits for all of them"}))]
    pub when: Option<When>,
}

/// Which time a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DataInterval {
    /// The time from the tick before: the run of 2 June is for May, and `ds` is 2 May.
    Previous,
    /// The tick itself: `ds` of the run of 2 June is 2 June.
    Tick,
}

/// How many of the assets must have been updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum When {
    All,
    Any,
}

/// A function that Airflow calls.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Callback {
    /// An awaitable function or a notifier, by its import path, which the triggerer can import.
    pub path: String,
    /// What it is called with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"verbatim": true, "why": "they are the function's own; null is a value"}))]
    pub arguments: Option<Entries<Value>>,
}

/// What holds for every task that does not say otherwise.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Defaults {
    /// The Airflow connection to the Databricks workspace. Airflow's own default is `databricks_default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// How often a task that failed is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<i64>,
    /// The wait before another try: `10m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_delay: Option<String>,
    /// Whether the wait doubles with each try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_exponential_backoff: Option<bool>,
    /// The longest wait before another try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retry_delay: Option<String>,
    /// How long a try may take: `2h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// The pool whose slots tasks take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Whether waiting for the job is left to the triggerer, so that it takes no worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deferrable: Option<bool>,
    /// How often the job's state is read: `30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<String>,
    /// Whether a run that failed is repaired, of every task that waits for its run and does not say otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
}

/// How a run of a job that failed is repaired: what did not succeed runs again, as a part of the same run, before the task
/// counts as failed.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Repair {
    /// How often, within one try of the task: 1 to 10. Each of the `retries` starts a new run, which may be repaired as often.
    #[serde(rename = "maxRepairs")]
    pub max_repairs: i64,
    /// Whether the repaired tasks are given the parameters of the run. Otherwise they get those that the job has by then.
    #[serde(rename = "keepParameters", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"default": true, "why": "the file of the DAG: plumb's operator keeps them unless told otherwise"}))]
    pub keep_parameters: Option<bool>,
}

/// A run of a Databricks job.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DagTask {
    /// The task's id: letters, digits, `_`, `-` and `.`.
    pub id: String,
    /// The id of the job: `"${resources.DatabricksJob.etl}"`. Excludes `job`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The name of the job, which no other job may have: it is looked up when the task runs. Excludes `run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What the run is given. Airflow fills in what stands between `{{` and `}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<RunParams>,
    /// The tasks that have to end before this one starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"set": true, "why": "Airflow: what a task waits for has no order"}))]
    pub after: Option<Vec<String>>,
    /// How the tasks before have to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"default": "all_success", "why": "Airflow: the default of trigger_rule"}))]
    pub trigger_rule: Option<TriggerRule>,
    /// Whether the same task of the run before has to have succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"default": false, "why": "Airflow: the default of depends_on_past"}))]
    pub depends_on_past: Option<bool>,
    /// How often the task is tried again when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<i64>,
    /// The wait before another try: `10m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_delay: Option<String>,
    /// Whether the wait doubles with each try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_exponential_backoff: Option<bool>,
    /// The longest wait before another try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retry_delay: Option<String>,
    /// How long a try may take: `2h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// The pool whose slots the task takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// How many slots of the pool it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"default": 1, "why": "Airflow: the default of pool_slots"}))]
    pub pool_slots: Option<i64>,
    /// Which of several waiting tasks comes first: the one with the greater number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"default": 1, "why": "Airflow: the default of priority_weight"}))]
    pub priority_weight: Option<i64>,
    /// The Airflow connection to the Databricks workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Whether waiting for the job is left to the triggerer, so that it takes no worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deferrable: Option<bool>,
    /// How often the job's state is read: `30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<String>,
    /// Whether a run that failed is repaired instead of run again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
    /// Whether the task waits for the end of the job's run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"default": true, "why": "Databricks provider: the default of wait_for_termination"}))]
    pub wait: Option<bool>,
    /// URIs of assets (datasets on Airflow 2) that the task updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-plumb" = {"set": true, "why": "Airflow: outlets have no order"}))]
    pub outlets: Option<Vec<String>>,
    /// What the task is for, as Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
}

/// What a run of a job is given: the members of the Jobs API's run-now. `job_parameters` excludes all others.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct RunParams {
    /// Values of the job's parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_parameters: Option<Settings>,
    /// Values of notebooks' widgets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notebook_params: Option<Settings>,
    /// Arguments of Python files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python_params: Option<Vec<String>>,
    /// Named arguments of Python wheels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python_named_params: Option<Settings>,
    /// Arguments of JARs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jar_params: Option<Vec<String>>,
    /// Arguments of spark-submit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spark_submit_params: Option<Vec<String>>,
    /// Commands of dbt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dbt_commands: Option<Vec<String>>,
}

/// How the tasks before have to end for a task to start. Airflow 2.9 to 3.3 know these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRule {
    AllSuccess,
    AllFailed,
    AllDone,
    AllSkipped,
    OneSuccess,
    OneFailed,
    OneDone,
    NoneFailed,
    NoneSkipped,
    NoneFailedMinOneSuccess,
    Always,
}

/// The time zone of a schedule that names none.
pub const UTC: &str = "UTC";

impl DagSpec {
    /// Whether other people's code defines the DAG.
    pub fn is_external(&self) -> bool {
        self.source == Some(DagSource::External)
    }

    /// The schedule's cron expression or preset.
    pub fn cron(&self) -> Option<&str> {
        self.schedule.as_ref()?.cron.as_deref()
    }

    /// The schedule's time zone.
    pub fn timezone(&self) -> &str {
        self.schedule.as_ref().and_then(|s| s.timezone.as_deref()).unwrap_or(UTC)
    }

    /// Which time a run is for.
    pub fn data_interval(&self) -> DataInterval {
        self.schedule.as_ref().and_then(|s| s.data_interval).unwrap_or(DataInterval::Previous)
    }
}
