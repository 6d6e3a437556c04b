//! What is running on the objects that a plan changes.
//!
//! It is asked of each object, or the running of all objects is listed, whichever takes fewer requests. How many pages that
//! listing has nobody knows beforehand: as many are read as there are objects to ask about, so that no more than twice the
//! fewest requests are sent.

use super::{read_each, refusal};
use crate::services::{PageReader, Services};
use plumb_core::kinds::Kind;
use plumb_core::plan::{Action, Live, Plan};
use plumb_model::call::ServiceError;
use plumb_model::read::Read;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An object that is asked about: its kind, its place among the live objects of that kind, and how it is asked by itself.
struct AskedObject {
    kind: &'static dyn Kind,
    index: usize,
    read: Read,
}

/// Reads what is running on the objects that a plan changes, and writes it on the live objects. What cannot be read is
/// said to be not known: a plan is of use without it.
pub async fn activity(services: &Services, live: &mut Live, plan: &Plan) {
    let mut singly = Vec::new();
    for (kind, asked) in asked(live, plan) {
        match of_all(services, kind, asked.len()).await {
            Some(counts) => {
                for one in asked {
                    note(live, &one, |id| Ok(counts.get(id).copied().unwrap_or_default()));
                }
            }
            None => singly.extend(asked),
        }
    }
    let reads: Vec<Read> = singly.iter().map(|one| one.read.clone()).collect();
    let answers = match read_each(services, reads, &|pages| Ok(pages.map_err(refusal))).await {
        Ok(answers) => answers,
        Err(fault) => singly.iter().map(|_| Err(fault.to_string())).collect(),
    };
    for (one, pages) in singly.iter().zip(answers) {
        note(live, one, |_| pages.map(|pages| one.kind.active_runs(&pages)));
    }
}

/// What is asked about, by kind, in the order of the plan.
fn asked(live: &Live, plan: &Plan) -> Vec<(&'static dyn Kind, Vec<AskedObject>)> {
    let mut kinds: Vec<(&'static dyn Kind, Vec<AskedObject>)> = Vec::new();
    // The places of the live objects of each of them, by id.
    let mut places: Vec<HashMap<&str, usize>> = Vec::new();
    for change in plan.changes.iter().filter(|c| !matches!(c.action, Action::Create)) {
        let (Some(kind), Some(id)) = (plumb_core::kinds::find(&change.address.kind), &change.id) else { continue };
        let place = kinds.iter().position(|(other, ..)| other.name() == kind.name()).unwrap_or_else(|| {
            // The first of an id counts, and no listing has two.
            let found = live.of(kind.name()).iter().enumerate().rev();
            places.push(found.map(|(index, found)| (found.seen.id.as_str(), index)).collect());
            kinds.push((kind, Vec::new()));
            kinds.len() - 1
        });
        let Some(index) = places[place].get(id.as_str()).copied() else { continue };
        if let Some(read) = kind.activity(&live.of(kind.name())[index].seen.whole()) {
            kinds[place].1.push(AskedObject { kind, index, read });
        }
    }
    kinds.retain(|(_, asked)| !asked.is_empty());
    kinds
}

/// How many runs are active on each object of a kind, by its id; an object that is not in it has none. `None` where that
/// takes more requests than asking about each of so many objects, or cannot be told.
async fn of_all(services: &Services, kind: &'static dyn Kind, objects: usize) -> Option<BTreeMap<String, usize>> {
    let read = kind.activity_of_all().filter(|_| objects > 1)?;
    let service = services.for_system(read.call.system).ok()?;
    let mut reader = PageReader::new(&*service, &read);
    // Pages may overlap when runs begin meanwhile: a run on two of them is one.
    let mut runs: BTreeSet<(String, String)> = BTreeSet::new();
    while !reader.is_over() {
        if reader.pages() >= objects {
            return None;
        }
        let page: Result<_, ServiceError> = reader.next().await;
        runs.extend(kind.runs_of_all(&page.ok()??).ok()?);
    }
    let mut counts = BTreeMap::new();
    for (id, _) in runs {
        *counts.entry(id).or_default() += 1;
    }
    Some(counts)
}

/// Writes on an object how many runs are active on it, or that it is not known.
fn note(live: &mut Live, one: &AskedObject, runs: impl FnOnce(&str) -> Result<usize, String>) {
    let Some(found) = live.kinds.get_mut(one.kind.name()).and_then(|list| list.get_mut(one.index)) else { return };
    match runs(&found.seen.id) {
        Ok(runs) => {
            found.seen.active_runs = runs;
            found.seen.unknown_runs = false;
        }
        Err(why) => {
            found.seen.unknown_runs = true;
            let message = format!("what runs on {} {} cannot be read: {why}", one.kind.noun(), found.seen.id);
            live.notes.push(message);
        }
    }
}
