//! What a step disrupts: a class that an approval is held against, and words for a reader.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What a change disrupts, without how much of it. Who approved a change approved these classes with it: one that is new
/// when it is applied was not approved, one that is gone is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImpactClass {
    /// A cluster is started, and costs money from then on.
    StartsCluster,
    /// A running cluster is restarted; what runs on it ends.
    RestartsCluster,
    /// A running cluster gets another size.
    ResizesCluster,
    /// A running cluster ends.
    EndsCluster,
    /// Libraries go at the next restart.
    RemovesLibraries,
    /// Runs that are going on are cancelled.
    CancelsRuns,
    /// The change waits for runs that are going on.
    WaitsForRuns,
    /// Runs that are going on may go on with the new code.
    ChangesRuns,
    /// The history of runs is lost.
    LosesHistory,
    /// A run is started that its manifest did not mean.
    StartsRun,
    /// A secret that plumb does not have is lost.
    LosesSecret,
    /// What refers to the object fails while it is gone.
    BreaksUsers,
    /// Other objects change with it.
    ReachesOthers,
    /// A protection that people put there is taken off.
    LiftsProtection,
    /// What the service keeps in the object is lost.
    LosesData,
}

/// One impact of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impact {
    /// `None`: worth knowing, and nothing is disrupted by it.
    pub class: Option<ImpactClass>,
    /// In a few words: "cancels 1 active run".
    pub says: String,
}

impl ImpactClass {
    /// An impact of this class.
    pub fn says(self, text: impl Into<String>) -> Impact {
        Impact { class: Some(self), says: text.into() }
    }
}

impl Impact {
    /// Something worth knowing that disrupts nothing.
    pub fn note(text: impl Into<String>) -> Impact {
        Impact { class: None, says: text.into() }
    }

    /// The words and the classes of several.
    pub fn split(impacts: Vec<Impact>) -> (Vec<String>, BTreeSet<ImpactClass>) {
        let classes = impacts.iter().filter_map(|impact| impact.class).collect();
        let mut words: Vec<String> = impacts.into_iter().map(|impact| impact.says).collect();
        words.dedup();
        (words, classes)
    }
}

impl fmt::Display for ImpactClass {
    /// As in JSON: `restarts-cluster`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kinds;
    use crate::kinds::{Observed, Step, Verb};
    use plumb_model::schema::Path;
    use serde_json::json;

    /// That what runs could not be read is no word that nothing does.
    #[test]
    fn runs_that_are_not_known_are_disrupted_as_if_there_were_some() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let changed = [Path::default().key("tasks")];
        for kind in ["DatabricksJob", "DatabricksPipeline", "AirflowDag"] {
            let kind = kinds::find(kind).unwrap();
            for verb in [Verb::Update, Verb::Delete] {
                let of = |seen: &Observed| {
                    Impact::split(kind.impact(&Step {
                        verb,
                        live: Some(seen),
                        body: &json!({}),
                        changed: &changed,
                        now,
                    }))
                };
                let (idle, _) = of(&Observed::default());
                let (_, running) = of(&Observed { active_runs: 1, ..Observed::default() });
                let (words, classes) = of(&Observed { unknown_runs: true, ..Observed::default() });
                assert_eq!(classes, running, "{} {verb:?}", kind.name());
                let says = words.iter().filter(|says| says.contains("whether there are any is not known")).count();
                assert_eq!(says, 1, "{words:?}");
                assert!(idle.iter().all(|says| !says.contains("not known")), "{idle:?}");
            }
        }
    }
}
