//! What a plan learns once it is known what would change: it is decided again only where that may make a difference.

use plumb_core::plan::{Decision, Live};

/// Whether reading what is running told anything that a decision without it did not know. `notes`: how many there were before.
pub(super) fn activity_tells(live: &Live, notes: usize) -> bool {
    let runs = live.kinds.values().flatten().any(|found| found.seen.active_runs > 0 || found.seen.unknown_runs);
    runs || live.notes.len() != notes
}

/// The decision by all that is known. The first one is let go before another is made: there is never room for two.
pub(super) fn decided(first: Decision, is_told: bool, again: impl FnOnce() -> Decision) -> Decision {
    if !is_told {
        return first;
    }
    drop(first);
    again()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::plan_world::{POOL, World, pool};

    #[test]
    fn a_plan_is_decided_again_only_where_something_was_learnt() {
        let of_pool = |edit: &dyn Fn(&mut Live)| {
            let mut live = World::of(pool("a", "")).with_pool("p-1", "a", "bau/prod/DatabricksInstancePool/a").live;
            edit(&mut live);
            live
        };
        let first = |live: &mut Live| live.kinds.get_mut(POOL).unwrap().remove(0);
        for (what, told, live) in [
            ("nothing", false, of_pool(&|_| {})),
            ("a note", true, of_pool(&|live| live.notes.push("what runs cannot be read".into()))),
            (
                "a run",
                true,
                of_pool(&|live| {
                    let mut found = first(live);
                    found.seen.active_runs = 1;
                    live.kinds.get_mut(POOL).unwrap().push(found);
                }),
            ),
            (
                "what runs is not known",
                true,
                of_pool(&|live| {
                    let mut found = first(live);
                    found.seen.unknown_runs = true;
                    live.kinds.get_mut(POOL).unwrap().push(found);
                }),
            ),
        ] {
            assert_eq!(activity_tells(&live, 0), told, "{what}");
        }
        let world = World::of(pool("a", ""));
        let decision = || world.decision(&world.desired());
        for (is_told, times) in [(false, 0), (true, 1)] {
            let mut decisions = 0;
            decided(decision(), is_told, || {
                decisions += 1;
                decision()
            });
            assert_eq!(decisions, times);
        }
    }
}
