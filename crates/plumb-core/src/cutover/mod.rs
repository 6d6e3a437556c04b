//! Cutover: a wave's old DAGs are paused, its new ones get their real parameters and are switched on, all members or none.
//!
//! Desired state like any other, by teardown's pattern: gates that are only read, then one change. There is no state file:
//! where a wave stands is which of its DAGs are paused and which parameters they have. Uses kinds, manifests, teardown's
//! gates and kept facts; knows no plan.

pub mod calls;
pub mod closed;
pub mod decide;
pub mod facts;
pub mod gates;
pub mod hold;
mod no_gap;
pub mod rollback;
pub mod standing;
pub mod wave;

pub use decide::{HoldState, StepFacts, WaveStep, step};
pub use facts::WaveFacts;
pub use hold::{Hold, Holds};
pub use no_gap::TOLD_ON_THE_DAY;
pub use wave::{Wave, WaveMember, WaveObject, WaveSide, waves};

use crate::teardown::Gate;
use plumb_model::address::Address;
use plumb_model::call::Call;
use schemars::JsonSchema;
use serde::Serialize;

/// The first part of the address of a wave's change: `Wave/1`. It is no kind: nothing has a manifest of it.
pub const WAVE: &str = "Wave";

/// Where a wave stands, by what is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// The old DAGs run, the new ones are paused and have their shadow.
    Old,
    /// Neither: an apply or a rollback was broken off, or somebody paused or switched on some of them.
    Between,
    /// The old DAGs are paused, the new ones run, without their shadow.
    New,
    /// It could not be read.
    Unknown,
}

/// A wave that is not cut over yet, or not wholly, and what it waits for. For reading only: it is no part of the plan's digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PendingCutover {
    /// `Wave/1`.
    pub address: Address,
    /// The day: `2026-11-02`.
    pub cutover: String,
    /// Its migrations, in order.
    pub members: Vec<Address>,
    pub standing: Standing,
    /// Every gate of every member, in the order in which they are asked.
    pub gates: Vec<WaveGate>,
    /// Names the change that it will be: the wave, its day, its members and what is set of each DAG. By this it is approved
    /// in advance. `k:` before it: keyed with `PLUMB_APPROVAL_KEY`.
    pub digest: String,
    /// What is done next, or has to be.
    pub next: String,
}

/// A gate of a wave, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WaveGate {
    /// `Migration/audience`; none: it is of the whole wave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<Address>,
    #[serde(flatten)]
    pub gate: Gate,
}

/// What a cutover sends, or what goes back, phase by phase: no call of a phase before all of the one before are done.
///
/// What is to rest is paused first, so that at no instant an old and a new DAG of a wave are both on. In the order
/// `pause`, `still`, `switch`, `start`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CutoverCalls {
    /// Pauses what is to rest.
    pub pause: Vec<Call>,
    /// Looks whether one of what was paused has runs that go on: each DAG's id, and the read. One that has: `back`, and
    /// nothing else.
    pub still: Vec<(String, Call)>,
    /// Sets parameters; each waits until Airflow has read the file.
    pub switch: Vec<Call>,
    /// Switches on what is to run.
    pub start: Vec<Call>,
    /// What undoes `pause`: only what it paused that was on.
    pub back: Vec<Call>,
}

impl CutoverCalls {
    /// Every call that is sent if nothing comes between, in order.
    pub fn sent(&self) -> impl Iterator<Item = &Call> {
        self.pause.iter().chain(&self.switch).chain(&self.start)
    }
}
