//! How the changes of a plan ended, as data.

use plumb_model::address::Address;
use plumb_model::call::Method;
use std::collections::BTreeMap;
use std::time::Duration;

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
    Stale { differences: Vec<String>, sent: Vec<String> },
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
pub struct ApplyOutcome {
    pub changes: BTreeMap<Address, Ended>,
}

impl ApplyOutcome {
    /// How many changes ended so.
    pub fn count(&self, what: impl Fn(&Ended) -> bool) -> usize {
        self.changes.values().filter(|e| what(e)).count()
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentEnd {
    /// It was answered with success.
    Done,
    /// The service refused it in its own words: it did nothing.
    Refused,
    /// It did not leave this machine.
    NotSent,
    /// It was sent, and whether it was done is not known. So it is with what is under way.
    Unknown,
}

/// A request that changes something. What is repeated on the way, because a service is busy, is one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub method: Method,
    /// With its query, without the host. Fit to be shown.
    pub path: String,
    pub end: SentEnd,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// From sending it to its answer, pauses between repetitions included.
    pub took: Duration,
}

/// What a change has sent, and how long it took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeRecord {
    /// In order. Reads are left out.
    pub sent: Vec<Sent>,
    /// From its beginning to its end; `None` while it has none.
    pub took: Option<Duration>,
}

/// What the changes of an apply have sent.
pub type ChangeRecords = BTreeMap<Address, ChangeRecord>;
