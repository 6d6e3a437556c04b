//! A DAG as its Python file defines it: tasks, schedule, parameters, owners.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a file says of one DAG; what it leaves out has Airflow's defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Definition {
    pub dag_id: String,
    pub dag_display_name: Option<String>,
    pub description: Option<String>,
    pub doc_md: Option<String>,
    pub schedule: Schedule,
    /// ISO 8601 with an offset.
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    /// Airflow 3 does not catch up unless told, Airflow 2 does.
    pub catchup: Option<bool>,
    pub tags: Vec<String>,
    pub owners: Vec<String>,
    pub max_active_runs: i64,
    pub max_active_tasks: i64,
    pub dagrun_timeout_seconds: Option<i64>,
    pub is_paused_upon_creation: Option<bool>,
    pub render_template_as_native_obj: bool,
    pub params: Map<String, Value>,
    pub default_args: Map<String, Value>,
    pub tasks: Vec<Task>,
}

impl Default for Definition {
    fn default() -> Self {
        Definition {
            dag_id: String::new(),
            dag_display_name: None,
            description: None,
            doc_md: None,
            schedule: Schedule::default(),
            start_date: None,
            end_date: None,
            catchup: None,
            tags: Vec::new(),
            owners: Vec::new(),
            max_active_runs: 16,
            max_active_tasks: 16,
            dagrun_timeout_seconds: None,
            is_paused_upon_creation: None,
            render_template_as_native_obj: false,
            params: Map::new(),
            default_args: Map::new(),
            tasks: Vec::new(),
        }
    }
}

/// Milliseconds since 1970 of a time with an offset.
fn ms(text: Option<&String>) -> Option<i64> {
    text?.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond())
}

impl Definition {
    /// When its first run may be.
    pub fn start(&self) -> Option<i64> {
        ms(self.start_date.as_ref())
    }

    /// When its last run may be.
    pub fn end(&self) -> Option<i64> {
        ms(self.end_date.as_ref())
    }

    /// Whether a task of it starts something.
    pub fn does_something(&self) -> bool {
        self.tasks.iter().any(|task| task.starts.is_some())
    }

    /// Who owns the tasks; `airflow` where no owner is named.
    pub fn owners(&self) -> Vec<String> {
        let mut owners: Vec<String> =
            if self.owners.is_empty() { vec!["airflow".to_owned()] } else { self.owners.clone() };
        owners.sort();
        owners.dedup();
        owners
    }
}

/// When a DAG runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Five fields, a preset such as `@monthly`, or `@once`.
    pub cron: Option<String>,
    /// The zone of the cron, of the start date's zone when absent.
    pub timezone: Option<String>,
    /// Whether a run stands for the time between two ticks (a data interval) rather than for the tick itself. When
    /// absent, Airflow 2 takes an interval and Airflow 3 the tick.
    pub interval: Option<bool>,
    pub every_seconds: Option<i64>,
    /// Assets (datasets) whose updates start a run.
    pub assets: Vec<String>,
}

/// One task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Task {
    pub task_id: String,
    /// The class, `DatabricksRunNowOperator`.
    pub operator: String,
    pub module: String,
    pub downstream: Vec<String>,
    pub owner: Option<String>,
    pub pool: Option<String>,
    pub retries: Option<i64>,
    pub retry_delay_seconds: Option<i64>,
    pub execution_timeout_seconds: Option<i64>,
    pub trigger_rule: Option<String>,
    pub deferrable: bool,
    /// The template fields of an operator of EMR, as its file has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Map<String, Value>>,
    /// What it starts, and waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<Starts>,
    /// How a run of a job that failed is repaired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repairs: Option<TaskRepairs>,
}

/// How the operator of plumb's own files repairs a run that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRepairs {
    /// How often in one try.
    pub most: i64,
    /// Whether with the parameters of the run.
    pub keeps: bool,
}

/// What a task starts, where the sandbox plays what tasks do ([`super::settings::AirflowSettings::plays`]). Texts in it are
/// templates ([`super::jinja`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Starts {
    /// A run of a job of the workspace: what run-now is asked, the job by `job_id` or by `job_name`.
    Job(Value),
    /// A cluster of EMR with its steps.
    Cluster(StartedCluster),
}

/// A cluster that a task starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StartedCluster {
    /// Where; `eu-central-1` when absent.
    pub region: Option<String>,
    /// The request (RunJobFlow).
    pub run: Value,
    /// How long its steps take, in their order; those that are not named take what the settings say.
    pub step_seconds: Vec<i64>,
}
