//! What a plan has to know of waves beside what listings show.

use crate::kinds::cutover::WaveRuns;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// What was read for the waves of a target, from the day of each on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaveFacts {
    /// The runs of their DAGs, by the DAG's live id; the error says why they could not be read. Without an entry they were not
    /// read, and are not known.
    pub runs: BTreeMap<String, Result<WaveRuns, String>>,
    /// The day (UTC) of the commit that brought the `cutover` of a migration, by its address, where git can tell.
    pub committed: BTreeMap<String, Date>,
    /// The wave that somebody cuts over by hand: `plumb migrate cutover 1`.
    pub by_hand: Option<String>,
}
