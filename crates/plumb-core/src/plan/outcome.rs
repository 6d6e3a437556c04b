//! How the changes of a plan ended, as data.

use plumb_model::address::Address;
use std::collections::BTreeMap;

/// How a change ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    Done {
        id: Option<String>,
        /// Fields that are not as wanted although the service accepted them: `path: is X, wanted Y`.
        left: Vec<String>,
        /// Why it could not be read whether it is now as wanted, although every call was accepted.
        unverified: Option<String>,
    },
    /// A call failed, and was not done. `sent` says which calls of the change were carried out.
    Failed { why: String, sent: Vec<String> },
    /// A call was sent, and whether it was done is not known. `sent` says which calls before it were carried out.
    Unknown { why: String, sent: Vec<String> },
    /// The object changed since the plan was made; nothing was sent.
    Stale { differences: Vec<String> },
    /// A change that it depends on was not done, or is not known to be; nothing was sent.
    Skipped { because: Address },
    /// The apply was interrupted before its turn; nothing was sent.
    NotStarted,
}

impl Ended {
    /// Whether what depends on it can be done.
    pub fn is_done(&self) -> bool {
        matches!(self, Ended::Done { .. })
    }
}

/// How every change of a plan ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub changes: BTreeMap<Address, Ended>,
}

impl Outcome {
    /// How many changes ended so.
    pub fn count(&self, what: impl Fn(&Ended) -> bool) -> usize {
        self.changes.values().filter(|e| what(e)).count()
    }
}
