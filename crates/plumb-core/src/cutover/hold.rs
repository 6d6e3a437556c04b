//! Holds: what a rollback leaves beside the lease, so that the next apply does not cut the wave over again.
//!
//! A hold binds one cutover date of one wave: a new date in git lifts it, so git stays in charge and nothing has to be
//! cleaned up.

use serde::{Deserialize, Serialize};

/// What the files are called, so that a reader can refuse those it does not know.
pub const HOLD_FORMAT: &str = "plumb.hold/v1";

/// That a wave was rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Hold {
    /// `plumb.hold/v1`.
    pub format: String,
    /// The wave's name.
    pub wave: String,
    /// The `cutover` that it binds: `2026-11-02`.
    pub cutover: String,
    /// Who rolled it back.
    pub by: String,
    /// When, in UTC: `2026-11-02T05:00:00Z`.
    pub at: String,
    pub reason: String,
    /// The members, by their addresses, as they were.
    pub members: Vec<String>,
}

/// The holds of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    pub holds: Vec<Hold>,
    /// Why it is not known whether there are any: they could not be read, or there is no workspace to keep them in.
    pub unread: Option<String>,
}

impl Holds {
    /// The one that binds a wave's cutover.
    pub fn of(&self, wave: &str, cutover: &str) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.wave == wave && hold.cutover == cutover)
    }
}
