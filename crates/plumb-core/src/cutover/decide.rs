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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_decisions() {
        let holds = [HoldState::Free, HoldState::Held, HoldState::Unknown];
        let standings = [Standing::Old, Standing::Between, Standing::New, Standing::Unknown];
        let mut seen = 0;
        for standing in standings {
            for hold in holds {
                for bits in 0..16_u8 {
                    let [reached, every_gate, steady_gates, old_rests] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
                    for new_ran in [None, Some(false), Some(true)] {
                        let facts = StepFacts { standing, reached, hold, every_gate, steady_gates, old_rests, new_ran };
                        let is = step(&facts);
                        seen += 1;
                        let may_begin = standing == Standing::Old && every_gate && hold == HoldState::Free;
                        let goes_on = standing == Standing::Between
                            && hold == HoldState::Free
                            && (new_ran == Some(true) || new_ran == Some(false) && steady_gates && old_rests);
                        assert_eq!(is == WaveStep::CutOver, reached && (may_begin || goes_on), "{facts:?}");
                        let is_begun = matches!(standing, Standing::Between | Standing::New);
                        let taken_back = is_begun && hold == HoldState::Held;
                        // By itself only where it is known that no new DAG has run.
                        let gives_up = standing == Standing::Between && !goes_on && new_ran == Some(false);
                        assert_eq!(is == WaveStep::Rollback, reached && (taken_back || gives_up), "{facts:?}");
                    }
                }
            }
        }
        assert_eq!(seen, 4 * 3 * 16 * 3);
    }
}
