//! Settings of the sandbox, for tests and demos: how long things take, how runs end, how late lists are.

use super::{airflow, databricks::statement_script::ScriptedStatement, emr, failure::RunScenario, gcs, s3};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The settings, read and merged through `/_sandbox/settings`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxSettings {
    /// Seconds until a cluster reaches the state it is on its way to. `null`: it is there at the next get.
    pub cluster_seconds: Option<i64>,
    /// Seconds that a run is pending. `null`, together with `run_seconds`: every get of the run moves it one state on.
    pub run_pending_seconds: Option<i64>,
    /// Seconds that a run is running.
    pub run_seconds: Option<i64>,
    /// How the runs of one job go, by the job's id or name.
    pub runs: BTreeMap<String, RunOutcome>,
    /// How many listings leave a newly created object out.
    pub list_delay_reads: u64,
    /// For how many seconds listings leave a newly created object out.
    pub list_delay_seconds: i64,
    /// Seconds that an OAuth token lives.
    pub token_seconds: i64,
    /// Whether `expires_in` is a text rather than a number.
    pub token_seconds_as_text: bool,
    /// The status for a token that is expired or revoked: 401 as the SDKs expect, or 403 as some deployments answer.
    pub refused_token_status: u16,
    /// Whether callers are workspace admins. To others a missing job is 403, not 404.
    pub caller_is_admin: bool,
    /// Whether a policy or pool that an object names has to exist.
    pub check_references: bool,
    /// Whether the workspace has the feature of several triggers for one job; without it they are 404.
    pub several_triggers: bool,
    /// Libraries that the workspace puts on every cluster.
    pub libraries_for_all_clusters: Vec<serde_json::Value>,
    /// Whether the workspace is newer than this emulator: it keeps members that are not known here, until a write leaves
    /// them out, as a real one does with its own.
    pub keeps_unknown: bool,
    /// How many objects of Unity Catalog a page of a listing has at most.
    pub catalog_page_size: u64,
    /// Whether the first page of such a listing is empty, and names a next one.
    pub empty_first_page: bool,
    /// How many reads show an object's grants as they were before a change.
    pub grants_delay_reads: u64,
    /// Whether a volume of a schema that nobody made is there when it is named, and a schema of such a catalog.
    pub volumes_by_name: bool,
    /// Addresses, with `*`, that no storage credential can read: an external location there is refused unless it skips validation.
    pub unreadable_urls: Vec<String>,
    /// What SQL statements answer; the first rule that fits does.
    pub statements: Vec<ScriptedStatement>,
    /// Whether a warehouse starts when it is needed. `false`: it is on its way for ever, and so are its statements.
    pub warehouses_start: bool,
    /// Seconds that a warehouse is starting or stopping. `null`: a look at it moves it on, and none stops by itself.
    pub warehouse_seconds: Option<i64>,
    /// Seconds that an update of a pipeline is in each state. `null`: a look at it moves it one state on.
    pub pipeline_seconds: Option<i64>,
    /// How the updates of one pipeline end, by the pipeline's id or name.
    pub pipelines: BTreeMap<String, UpdateOutcome>,
    /// The workspace's id, as in `x-databricks-org-id`.
    pub workspace_id: u64,
    /// Those of the emulated Airflow.
    pub airflow: airflow::AirflowSettings,
    /// Those of the emulated MWAA.
    pub mwaa: airflow::MwaaSettings,
    /// Those of the emulated EMR.
    pub emr: emr::EmrSettings,
    /// Those of the emulated S3.
    pub s3: s3::S3Settings,
    /// Those of the emulated Google Cloud Storage.
    pub gcs: gcs::GcsSettings,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        SandboxSettings {
            cluster_seconds: None,
            run_pending_seconds: None,
            run_seconds: None,
            runs: BTreeMap::new(),
            list_delay_reads: 0,
            list_delay_seconds: 0,
            token_seconds: 3600,
            token_seconds_as_text: false,
            refused_token_status: 401,
            caller_is_admin: true,
            check_references: true,
            several_triggers: true,
            libraries_for_all_clusters: Vec::new(),
            keeps_unknown: false,
            catalog_page_size: 20,
            empty_first_page: false,
            grants_delay_reads: 0,
            volumes_by_name: true,
            unreadable_urls: Vec::new(),
            statements: Vec::new(),
            warehouses_start: true,
            warehouse_seconds: None,
            pipeline_seconds: None,
            pipelines: BTreeMap::new(),
            workspace_id: 7_474_001_122_334_455,
            airflow: airflow::AirflowSettings::default(),
            mwaa: airflow::MwaaSettings::default(),
            emr: emr::EmrSettings::default(),
            s3: s3::S3Settings::default(),
            gcs: gcs::GcsSettings::default(),
        }
    }
}

/// How the updates of one pipeline end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpdateOutcome {
    /// Whether they fail, once they run.
    pub fails: bool,
    /// What the event of the failure says.
    pub message: Option<String>,
}

/// How the runs of one job go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunOutcome {
    /// `SUCCESS` when absent; `FAILED`, `TIMEDOUT`, `CANCELED`, or `INTERNAL_ERROR`.
    pub result: Option<String>,
    /// The task that fails; the last one when absent.
    pub task: Option<String>,
    /// The error's message.
    pub error: Option<String>,
    /// The error's stack trace.
    pub error_trace: Option<String>,
    /// What the notebook returned.
    pub output: Option<String>,
    /// How long they run; `run_seconds` when absent.
    pub seconds: Option<i64>,
    /// How many runs and repairs of the job end so, from its first run on; later ones succeed. All of them when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<usize>,
    /// Why they fail, in place of `result` and errors: it leaves states, events, outputs and logs that fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<RunScenario>,
}
