//! What is done to a wave, by where it stands and what holds.

use super::Standing;

/// What is done to a wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaveStep {
    Nothing,
    /// What is missing until it is cut over.
    CutOver,
    /// What is missing until it is as it was.
    Rollback,
}

/// Whether somebody took a cutover back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    Free,
    Held,
    Unknown,
}

/// What a wave's step depends on. Nothing else decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepFacts {
    pub standing: Standing,
    /// Whether its day has come.
    pub reached: bool,
    pub hold: HoldState,
    /// Whether every gate holds.
    pub every_gate: bool,
    /// Whether every gate holds that a cutover which was begun does not itself touch.
    pub steady_gates: bool,
    /// Whether the next tick of every old DAG is far enough off, and none of their runs is under way.
    pub old_rests: bool,
    /// Whether the clock has started a run of a new DAG since the day; `None` when that is not known.
    pub new_ran: Option<bool>,
}

/// The table of decisions. Never back by itself once a new DAG has run: its period would be run twice.
pub fn step(facts: &StepFacts) -> WaveStep {
    let StepFacts { standing, reached, hold, every_gate, steady_gates, old_rests, new_ran } = *facts;
    if !reached {
        return WaveStep::Nothing;
    }
    match (standing, hold) {
        (Standing::Unknown, _) => WaveStep::Nothing,
        (Standing::Old, HoldState::Free) if every_gate => WaveStep::CutOver,
        (Standing::Old, _) => WaveStep::Nothing,
        (Standing::New | Standing::Between, HoldState::Held) => WaveStep::Rollback,
        (Standing::New, _) => WaveStep::Nothing,
        (Standing::Between, hold) => match new_ran {
            None => WaveStep::Nothing,
            Some(true) if hold == HoldState::Free => WaveStep::CutOver,
            // Whether it is held cannot be told, and neither way is safe.
            Some(true) => WaveStep::Nothing,
            Some(false) if hold == HoldState::Free && steady_gates && old_rests => WaveStep::CutOver,
            Some(false) => WaveStep::Rollback,
        },
    }
}
