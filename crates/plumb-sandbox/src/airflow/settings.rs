//! Settings of the emulated Airflow, for tests and demos: its version, and how long parsing and runs take.

use crate::failure::DagScript;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The settings, read and merged through `/_sandbox/settings` under `airflow`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AirflowSettings {
    /// 3 serves REST v2 only, 2 serves REST v1 only, as the real ones do.
    pub version: u8,
    /// Which release it says it is: `3.0.6`. `null`: the one that it was recorded from. What it does is the same.
    pub release: Option<String>,
    /// Seconds until a new, changed or deleted file is noticed. `null`: the second look at the DAGs notices it, the
    /// first one still shows what was there before.
    pub parse_seconds: Option<i64>,
    /// Seconds that a run is queued and then running. `null`: every look at the runs moves them one state on.
    pub run_seconds: Option<i64>,
    /// How the runs of one DAG end, by its id: `success` when absent, or `failed`.
    pub runs: BTreeMap<String, String>,
    /// Packages that are not installed, as when a provider was forgotten: `airflow.providers.databricks`.
    pub missing: Vec<String>,
    /// Seconds that a token lives.
    pub token_seconds: i64,
    /// How the runs of one DAG fail, by its id: with tries, logs, and what they started.
    pub scenarios: BTreeMap<String, DagScript>,
    /// How many lines of a task's log one answer has.
    pub log_lines: usize,
    /// Whether tasks start what they name: runs of jobs in the workspace, clusters of EMR. A task then takes as long as
    /// what it started, and ends as that does.
    pub plays: bool,
}

impl Default for AirflowSettings {
    fn default() -> Self {
        // A token of Airflow 3 lives a day (`[api_auth] jwt_expiration_time`).
        AirflowSettings {
            version: 3,
            release: None,
            parse_seconds: None,
            run_seconds: None,
            runs: BTreeMap::new(),
            missing: Vec::new(),
            token_seconds: 86_400,
            scenarios: BTreeMap::new(),
            log_lines: 1000,
            plays: false,
        }
    }
}
