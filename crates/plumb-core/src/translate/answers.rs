//! What is the same for all pipelines: answered once in `spec.answers` of plumb.yaml, and asked once where it is not.

use serde_json::Value;

/// A question that a team answers once, for all of its pipelines: a member of `spec.answers` of plumb.yaml.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TeamAnswer {
    Runtime,
    RunAs,
    Rights,
    NodeTypes,
    Logs,
    TimeZone,
    Spot,
    Catalog,
}

impl TeamAnswer {
    /// The key below `spec.answers`.
    pub fn key(self) -> &'static str {
        match self {
            TeamAnswer::Runtime => "runtime",
            TeamAnswer::RunAs => "runAs",
            TeamAnswer::Rights => "rights",
            TeamAnswer::NodeTypes => "nodeTypes",
            TeamAnswer::Logs => "logs",
            TeamAnswer::TimeZone => "timeZone",
            TeamAnswer::Spot => "spot",
            TeamAnswer::Catalog => "catalog",
        }
    }
}

/// A question of [`TeamAnswer`] that a pipeline gave rise to and plumb.yaml does not answer.
#[derive(Clone, Debug, PartialEq)]
pub struct TeamQuestion {
    pub answer: TeamAnswer,
    /// What is to be decided, in a line; without names or figures of one pipeline.
    pub what: String,
    pub why: String,
    /// What there is to choose from, as values of `spec.answers`, each with what it means.
    pub options: Vec<String>,
    /// What the manifests do until then, in words.
    pub default: String,
    /// The value of `spec.answers` that would say the default, where one does.
    pub value: Option<Value>,
}

impl TeamQuestion {
    /// Adds what another value or pipeline gave rise to: a map of defaults (`nodeTypes`) gets the other's entries, too.
    pub fn add(&mut self, other: TeamQuestion) {
        if let (Some(Value::Object(mine)), Some(Value::Object(theirs))) = (&mut self.value, other.value) {
            for (key, value) in theirs {
                mine.entry(key).or_insert(value);
            }
        }
    }
}
