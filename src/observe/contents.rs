//! What is in the objects that a plan deletes or replaces.
//!
//! Requests grow with such objects and what is in them, and with nothing else: one for each listing of each, for each further page
//! until it has shown [`MOST_THINGS`], and for each folder until there are as many. Of what has more than that, "at least" is said.

use super::{WIDTH, joined, refusal};
use crate::services::{PageReader, Services};
use plumb_core::kinds::{Contents, Details, Kind, Observed};
use plumb_core::plan::{Action, Live, Plan};
use plumb_model::call::ServiceError;
use plumb_model::read::{Pages, Read};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many things of a listing are read.
const MOST_THINGS: usize = 1_000;
/// How many pages of a listing are read: a page may show less than it could, or nothing.
const MOST_PAGES: usize = 50;
/// How many of the things in an object are looked into: folders of a volume.
const MOST_FOLDERS: usize = 100;

/// Reads what is in the objects that a plan deletes or replaces, and writes it on the live objects. What cannot be read is said
/// to be not known. Answers whether anything was asked.
pub async fn contents(services: &Services, live: &mut Live, plan: &Plan) -> bool {
    let places = places(live, plan);
    let turns = Arc::new(Semaphore::new(WIDTH));
    let mut running = JoinSet::new();
    for (kind, index) in places {
        let seen = live.of(kind.name())[index].seen.whole();
        let reads = kind.contents(&seen);
        if reads.is_empty() {
            continue;
        }
        let (services, turns) = (services.clone(), turns.clone());
        running.spawn(async move { (kind, index, of_reads(&services, kind, &seen, reads, &turns).await) });
    }
    let is_asked = !running.is_empty();
    while let Some(done) = running.join_next().await {
        // What broke has told nothing, and an object that was not looked into is not deleted by an apply.
        let Ok((kind, index, contents)) = done else { continue };
        if let Some(found) = live.kinds.get_mut(kind.name()).and_then(|list| list.get_mut(index)) {
            found.seen.contents = contents;
        }
    }
    is_asked
}

/// The live objects that a plan deletes or replaces: each by its kind, and its place among those.
fn places(live: &Live, plan: &Plan) -> Vec<(&'static dyn Kind, usize)> {
    let mut ids: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| matches!(change.action, Action::Delete | Action::Replace)) {
        ids.entry(&change.address.kind).or_default().extend(change.id.as_deref());
    }
    let mut places = Vec::new();
    for (kind, ids) in ids.into_iter().filter_map(|(kind, ids)| Some((plumb_core::kinds::find(kind)?, ids))) {
        let found = live.of(kind.name()).iter().enumerate();
        places.extend(found.filter(|(_, found)| ids.contains(found.seen.id.as_str())).map(|(index, _)| (kind, index)));
    }
    places
}

/// What is in one object now. `Unasked`: a delete destroys nothing but the object.
pub async fn contents_of(services: &Services, kind: &'static dyn Kind, seen: &Observed) -> Contents {
    let reads = kind.contents(seen);
    if reads.is_empty() {
        return Contents::Unasked;
    }
    of_reads(services, kind, seen, reads, &Arc::new(Semaphore::new(WIDTH))).await
}

/// Looks into an object, and into what it holds that holds things itself: level by level, until there is enough to tell of.
async fn of_reads(
    services: &Services,
    kind: &'static dyn Kind,
    seen: &Observed,
    reads: Vec<Read>,
    turns: &Arc<Semaphore>,
) -> Contents {
    let (mut all, mut is_more, mut looked) = (Vec::new(), false, 0);
    let mut level = vec![reads];
    while !level.is_empty() {
        let mut next = Vec::new();
        for answers in side_by_side(services, level, turns).await {
            let things = match answers {
                Ok((answers, goes_on)) => {
                    is_more |= goes_on;
                    kind.contained(seen, &answers)
                }
                Err(fault) => Err(fault.to_string()),
            };
            match things {
                Ok(things) => {
                    next.extend(things.iter().filter_map(|thing| kind.inside(seen, thing)).map(|read| vec![read]));
                    all.extend(things);
                }
                Err(why) => return Contents::Unknown(why),
            }
        }
        let left = if all.len() >= MOST_THINGS { 0 } else { MOST_FOLDERS - looked };
        is_more |= next.len() > left;
        next.truncate(left);
        looked += next.len();
        level = next;
    }
    Contents::of(Ok(all), is_more)
}

/// What reads of one thing gave, and whether there is more than that.
type Answers = Result<(Vec<Details>, bool), ServiceError>;

/// Carries out the reads of several things, and answers in their order.
async fn side_by_side(services: &Services, things: Vec<Vec<Read>>, turns: &Arc<Semaphore>) -> Vec<Answers> {
    let mut all: Vec<Vec<Option<Details>>> = things.iter().map(|reads| vec![None; reads.len()]).collect();
    let mut goes_on = vec![false; things.len()];
    let mut broke: Option<ServiceError> = None;
    let mut running = JoinSet::new();
    for (thing, reads) in things.into_iter().enumerate() {
        for (index, read) in reads.into_iter().enumerate() {
            let (services, turns) = (services.clone(), turns.clone());
            running.spawn(async move {
                let _turn = turns.acquire().await;
                (thing, index, bounded(&services, &read).await)
            });
        }
    }
    while let Some(done) = running.join_next().await {
        match joined(done) {
            Ok((thing, index, answer)) => {
                let answer = answer.map(|(pages, is_more)| {
                    goes_on[thing] |= is_more;
                    pages
                });
                all[thing][index] = Some(answer.map_err(refusal));
            }
            Err(fault) => broke = Some(fault),
        }
    }
    let whole = |answers: Vec<Option<Details>>| -> Option<Vec<Details>> { answers.into_iter().collect() };
    all.into_iter()
        .zip(goes_on)
        .map(|(answers, is_more)| match (whole(answers), &broke) {
            (Some(answers), _) => Ok((answers, is_more)),
            (None, fault) => Err(fault.clone().unwrap_or_else(|| ServiceError::NotSent {
                line: "reading".into(),
                why: "the reader ended early".into(),
            })),
        })
        .collect()
}

/// The pages of a listing until they have shown enough, and whether there may be more.
async fn bounded(services: &Services, read: &Read) -> Result<(Pages, bool), ServiceError> {
    let service = services.for_system(read.call.system)?;
    let mut reader = PageReader::new(&*service, read);
    let (mut pages, mut things) = (Pages::new(), 0);
    while let Some(page) = reader.next().await? {
        things += rows(&page);
        pages.push(page);
        if things >= MOST_THINGS || pages.len() >= MOST_PAGES {
            break;
        }
    }
    Ok((pages, !reader.is_over()))
}

/// How many things a page shows.
fn rows(page: &Value) -> usize {
    page.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_array()).map(Vec::len).sum()
}

#[cfg(test)]
#[path = "contents_tests.rs"]
mod tests;
