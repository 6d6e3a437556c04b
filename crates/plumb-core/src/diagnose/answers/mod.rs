//! What the JSON answers of services say: recognised by their content, whether they were asked for or lie in a folder.

use super::catalogue::Catalogue;
use super::facts::RunFacts;
use serde_json::Value;

/// Which call answers so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnswerKind {
    /// EMR: `DescribeCluster`, and so on.
    DescribeCluster,
    DescribeStep,
    ListSteps,
    ListInstances,
    ListBootstrapActions,
    /// EMR Serverless: `GetJobRun`.
    GetJobRun,
    /// Databricks: `GET /api/2.2/jobs/runs/get`.
    Run,
    /// `GET /api/2.2/jobs/runs/get-output`.
    RunOutput,
    /// `POST /api/2.1/clusters/events`.
    ClusterEvents,
    /// `GET /api/2.1/clusters/get`.
    Cluster,
    /// `GET /api/2.0/libraries/cluster-status`.
    LibraryStatus,
    /// Airflow: a run, its task instances, the tries of one, import errors, the event log.
    DagRun,
    TaskInstances,
    ImportErrors,
    /// CloudTrail: `LookupEvents`.
    LookupEvents,
}

/// Which call answers so, by the members that it has. `None`: something else.
pub fn recognised(_answer: &Value) -> Option<AnswerKind> {
    None
}

/// What an answer says of the run: its outcome, clues with [`Strength::Service`](super::clue::Strength) or those that the
/// catalogue finds in its texts, names that belong together.
///
/// `file` is where it stands; `text` is its text where it is a file with lines: clues then have the line of the member that
/// says it.
pub fn read(_catalogue: &Catalogue, _kind: AnswerKind, _answer: &Value, _file: &str, _text: Option<&str>) -> RunFacts {
    RunFacts::default()
}
