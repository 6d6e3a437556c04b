//! What starts runs of an object by itself: clocks, which can be asked for their next times, and what has no time.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// One thing that starts runs of an object, by its manifest's spec.
pub struct StartRule {
    /// It in a few words: `0 0 4 2 * ?`, `new files in s3://acme/in`.
    pub says: String,
    /// Whether it is paused.
    pub is_paused: bool,
    pub when: StartTimes,
}

/// When something starts runs.
pub enum StartTimes {
    /// A clock does.
    Clock(StartClock),
    /// No time tells: it waits for data, for other runs, or for the end of its own.
    NoTime,
    /// It cannot be told; why.
    Unknown(String),
}

/// A clock that starts runs.
pub struct StartClock {
    /// The zone of its expression.
    pub zone: TimeZone,
    /// What its times depend on: two clocks of one key start runs at the same times.
    pub key: String,
    next: Box<dyn Fn(Timestamp) -> Option<Zoned>>,
}

/// An object that is looked up by its name when runs need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp {
    /// The member of the spec that names it: `job`.
    pub by: &'static str,
    pub kind: &'static str,
    /// What people call it: [`super::Kind::title`].
    pub title: String,
}

impl StartClock {
    /// A clock that gives the first start after an instant.
    pub fn new(zone: TimeZone, key: String, next: impl Fn(Timestamp) -> Option<Zoned> + 'static) -> StartClock {
        StartClock { zone, key, next: Box::new(next) }
    }

    /// When it starts a run next, after an instant.
    pub fn next(&self, after: Timestamp) -> Option<Zoned> {
        (self.next)(after)
    }
}

impl StartRule {
    /// A rule that no time tells of.
    pub fn timeless(says: impl Into<String>, is_paused: bool) -> StartRule {
        StartRule { says: says.into(), is_paused, when: StartTimes::NoTime }
    }
}
