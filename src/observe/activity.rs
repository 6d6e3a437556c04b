//! What is running on the objects that a plan changes.

use super::read_each;
use crate::services::Services;
use plumb_core::plan::{Action, Live, Plan};
use plumb_model::read::Read;

/// Reads what is running on the objects that a plan changes, and writes it on the live objects. What cannot be read is
/// said to be not known: a plan is of use without it.
pub async fn activity(services: &Services, live: &mut Live, plan: &Plan) {
    let mut work = Vec::new();
    for change in plan.changes.iter().filter(|c| !matches!(c.action, Action::Create)) {
        let (Some(kind), Some(id)) = (plumb_core::kinds::find(&change.address.kind), &change.id) else { continue };
        let Some(index) = live.of(kind.name()).iter().position(|f| f.seen.id == *id) else { continue };
        if let Some(read) = kind.activity(&live.of(kind.name())[index].seen) {
            work.push((kind, index, read));
        }
    }
    let reads: Vec<Read> = work.iter().map(|(.., read)| read.clone()).collect();
    let answers = match read_each(services, reads, &|_| true).await {
        Ok(answers) => answers,
        Err(fault) => work.iter().map(|_| Err(fault.to_string())).collect(),
    };
    for ((kind, index, _), pages) in work.iter().zip(answers) {
        let Some(found) = live.kinds.get_mut(kind.name()).and_then(|list| list.get_mut(*index)) else { continue };
        match pages {
            Ok(pages) => {
                found.seen.active_runs = kind.active_runs(&pages);
                found.seen.unknown_runs = false;
            }
            Err(why) => {
                found.seen.unknown_runs = true;
                let message = format!("what runs on {} {} cannot be read: {why}", kind.noun(), found.seen.id);
                live.notes.push(message);
            }
        }
    }
}
