//! The calls of a cutover and of the way back, phase by phase: what is to rest first, then parameters, then what is to run.

use super::CutoverCalls;
use super::standing::WaveState;
use super::wave::WaveSide;
use plumb_model::call::Call;

/// Writes a new DAG as it is on one side; the error says why it cannot be written.
pub type Rewrite<'w> = dyn Fn(&WaveState<'_>, WaveSide) -> Result<Call, String> + 'w;

/// What is left to be sent until a wave is all on one side.
///
/// Only what is not there yet: a cutover that was broken off goes on, and a rollback restores just what is missing.
pub fn calls(states: &[WaveState<'_>], side: WaveSide, rewrite: &Rewrite<'_>) -> Result<CutoverCalls, String> {
    let mut calls = CutoverCalls::default();
    let rests = |state: &WaveState<'_>| state.is_new == (side == WaveSide::Before);
    for state in states {
        let Ok(live) = &state.live else { continue };
        let (kind, id) = (state.object.kind, live.id.as_str());
        let is_paused = state.is_paused() == Some(true);
        if rests(state) {
            if !is_paused {
                calls.pause.push(kind.set_paused(id, true));
            }
            // Whatever was paused before too: a run of it may have begun since somebody looked.
            if side == WaveSide::After {
                calls.still.push((id.to_owned(), kind.under_way(id)));
                if !is_paused {
                    calls.back.push(kind.set_paused(id, false));
                }
            }
        } else if is_paused {
            calls.start.push(kind.set_paused(id, false));
        }
        if state.is_new && !state.object.is_on(&live.spec, side) {
            calls.switch.push(rewrite(state, side)?);
        }
    }
    Ok(calls)
}
