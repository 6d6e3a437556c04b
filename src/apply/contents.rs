//! Looking into what is about to be deleted: what came in since the plan is not destroyed.

use super::{Ended, Shared};
use crate::observe;
use plumb_core::kinds::{Contents, Kind};
use plumb_core::plan::{Action, Change, LiveObject, contents};

/// Compares what is in the object of a delete or a replacement with what the plan knew of it. `None`: go on. The error says why
/// that cannot be told; nothing was sent then.
pub(super) async fn still_as_known(
    shared: &Shared,
    change: &Change,
    kind: &'static dyn Kind,
    found: &LiveObject,
) -> Result<Option<Ended>, String> {
    if !matches!(change.action, Action::Delete | Action::Replace) {
        return Ok(None);
    }
    let (things, is_more) = match observe::contents_of(&shared.services, kind, &found.seen.whole()).await {
        Contents::Unasked => return Ok(None),
        Contents::Unknown(why) => {
            let (noun, id) = (kind.noun(), &found.seen.id);
            return Err(format!("what is in {noun} {id} cannot be told, so that it was not deleted: {why}"));
        }
        Contents::Known { things, is_more } => (things, is_more),
    };
    let before = shared.contents.get(&change.address).unwrap_or(&Contents::Unasked);
    let is_forced = found.mark.as_ref().is_some_and(|mark| mark.force_destroy);
    let differences = contents::appeared(before, (&things, is_more), &shared.deleted, is_forced);
    Ok((!differences.is_empty()).then_some(Ended::Stale { differences, sent: Vec::new() }))
}
