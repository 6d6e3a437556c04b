//! Failures over months: which causes cost how much, and whether they moved along.

/// One run, diagnosed or green.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOfMonths {
    /// The pipeline, by its migration or its manifest.
    pub pipeline: String,
    pub diagnosis: super::result::Diagnosis,
}
