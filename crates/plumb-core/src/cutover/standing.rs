//! Where a wave stands: read off its DAGs as they are live, and nothing else.

use super::Standing;
use super::wave::{WaveObject, WaveSide};
use crate::kinds::Observed;

/// A DAG of a wave, and what is live of it.
pub struct WaveState<'w> {
    pub object: &'w WaveObject<'w>,
    pub is_new: bool,
    /// The error says why it is not known.
    pub live: Result<&'w Observed, String>,
}

impl WaveState<'_> {
    /// The address of its manifest.
    pub fn address(&self) -> String {
        self.object.resource.address.to_string()
    }

    /// Whether it is paused; `None` when that is not known.
    pub fn is_paused(&self) -> Option<bool> {
        self.object.kind.is_paused(&self.live.as_ref().ok()?.spec)
    }

    /// Whether the parameters of a new DAG are those of a side.
    fn has(&self, side: WaveSide) -> bool {
        self.live.as_ref().is_ok_and(|live| self.object.is_on(&live.spec, side))
    }
}

/// What is not known of a wave's DAGs, a DAG each.
pub fn unknown(states: &[WaveState<'_>]) -> Vec<String> {
    let why = |state: &WaveState<'_>| match &state.live {
        Err(why) => Some(format!("{}: {why}", state.address())),
        Ok(_) if state.is_paused().is_none() => Some(format!("{}: whether it is paused is not known", state.address())),
        Ok(_) => None,
    };
    states.iter().filter_map(why).collect()
}

/// Where a wave stands. Before its day the old DAGs are nobody's business: `reached` says whether it has come.
pub fn standing(states: &[WaveState<'_>], reached: bool) -> Standing {
    if !unknown(states).is_empty() {
        return Standing::Unknown;
    }
    let (new, old): (Vec<_>, Vec<_>) = states.iter().partition(|state| state.is_new);
    let all_paused = |states: &[&WaveState<'_>], paused: bool| states.iter().all(|s| s.is_paused() == Some(paused));
    let is_before = all_paused(&new, true) && new.iter().all(|state| state.has(WaveSide::Before));
    let is_after = all_paused(&new, false) && new.iter().all(|state| state.has(WaveSide::After));
    if is_before && (!reached || all_paused(&old, false)) {
        Standing::Old
    } else if is_after && all_paused(&old, true) {
        Standing::New
    } else {
        Standing::Between
    }
}
