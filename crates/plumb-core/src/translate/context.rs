//! What is known around a pipeline beside its newest run.

use super::EmrSource;
use crate::inventory::FailedRead;
use crate::kinds::airflow::dag_spec::DataInterval;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// All that a pipeline is translated from.
#[derive(Clone, Debug)]
pub struct PipelineSource {
    /// The newest run: EMR's answers as one JSON object, without secrets ([`crate::inventory::input`]).
    pub input: Value,
    /// What is on EMR.
    pub old: EmrSource,
    /// What could not be read of it.
    pub unread: Vec<FailedRead>,
    /// When the newest run was.
    pub run: RunTime,
    /// Earlier runs in the same form, the newest first. What differs between runs proves which parts vary.
    pub earlier: Vec<EarlierRun>,
    /// The DAG that starts it, where it is known.
    pub dag: Option<OldDag>,
    /// The places that other migrated pipelines write, each with the name of that pipeline's manifests.
    pub written_by_others: Vec<(String, String)>,
}

impl PipelineSource {
    /// A pipeline of which nothing but its newest run is known.
    pub fn of(input: Value, old: EmrSource) -> Self {
        PipelineSource {
            input,
            old,
            unread: Vec::new(),
            run: RunTime::default(),
            earlier: Vec::new(),
            dag: None,
            written_by_others: Vec::new(),
        }
    }
}

/// When a run was, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunTime {
    /// When the cluster or the step was made.
    pub created: Option<Timestamp>,
    /// The logical date of the DAG's run.
    pub logical: Option<Timestamp>,
    /// The data interval of the DAG's run.
    pub interval: Option<(Timestamp, Timestamp)>,
}

/// An earlier run of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlierRun {
    pub run: RunTime,
    /// As [`PipelineSource::input`].
    pub input: Value,
}

/// The DAG that starts a pipeline on EMR: what of it comes along into the new one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OldDag {
    pub dag_id: String,
    /// As Airflow was given it: `0 3 2 * *`, `@monthly`; `None` is never. Something that is neither is asked about.
    pub schedule: Option<String>,
    /// The zone of the schedule, where it is known: Airflow's details always say UTC.
    pub timezone: Option<String>,
    /// As Airflow says it: `2024-01-01T00:00:00Z`.
    pub start_date: Option<String>,
    pub catchup: Option<bool>,
    pub max_active_runs: Option<u32>,
    pub description: Option<String>,
    pub tags: Vec<String>,
    pub owner: Option<String>,
    pub retries: Option<u32>,
    pub retry_delay_seconds: Option<u64>,
    pub email: Vec<String>,
    pub email_on_failure: Option<bool>,
    pub email_on_retry: Option<bool>,
    /// Which time a run is for.
    pub data_interval: Option<DataInterval>,
    /// URIs of the assets whose update starts a run, where nothing else does.
    pub assets: Vec<String>,
    /// Fields of tasks that could not be read whole, each with why: "`create.job_flow_overrides`: Airflow cut it".
    pub unreadable: Vec<String>,
    /// Tasks that have nothing to do with EMR, or with a part of it that plumb does not translate: "`check` (PythonOperator)".
    pub others: Vec<String>,
    /// How many pipelines it starts.
    pub pipelines: usize,
    /// The manifest of the DAG itself, where one has it already: `AirflowDag/legacy-sales`.
    pub known_as: Option<String>,
    /// The text of its file, where it may be read.
    pub source: Option<String>,
}

/// A shell script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// Its text.
    Text(String),
    /// Why it could not be read.
    Unread(String),
}
