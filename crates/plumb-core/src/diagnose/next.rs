//! What to read next: rings from small to large, and no further than the verdict needs.

use super::facts::RunFacts;
use super::result::Diagnosis;

/// A ring of reading. Each is read whole before it is decided whether another is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ring {
    /// What services say: states, reasons, outputs, events.
    Answers,
    /// The step's own logs; the driver of every attempt.
    Driver,
    /// Executors that the driver names as lost or failed.
    Executors,
    /// The daemons, kernel and init scripts of the nodes of these.
    Nodes,
    /// Everything below the prefix.
    Everything,
}

/// What a ring is about, by the names that the clues so far gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub ring: Option<Ring>,
    pub applications: Vec<String>,
    pub containers: Vec<String>,
    pub executors: Vec<String>,
    pub hosts: Vec<String>,
}

/// What to read after `read`, or nothing if it is clear: the cause is no symptom, and nothing that could explain it is unread.
pub fn wanted(_facts: &RunFacts, _so_far: &Diagnosis, _read: Ring) -> Option<Wanted> {
    None
}
