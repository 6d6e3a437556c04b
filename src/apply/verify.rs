//! Looking what came of changes: whether all is as wanted once every call was accepted.
//!
//! A change is looked at by reading its object again, or many are by pages of their kind's listing, whichever takes fewer
//! requests. A row of a listing can only say that an object is as wanted. Whatever else it says, or does not say, may be late
//! or left out, so that the object itself is read before anything is said of it.

use super::change::{comparison, lines, live_form, read_again};
use super::{ApplyWatch, Ended, Shared, Verification, broke};
use crate::{observe, services};
use plumb_core::kinds::Kind;
use plumb_core::manifest::KeptSpec;
use plumb_core::plan::compare::Undeclared;
use plumb_core::plan::outcome::ApplyOutcome;
use plumb_core::plan::{Action, Change, Live, LiveObject, references};
use plumb_model::call::ServiceError;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// A change whose calls were all accepted, and that is yet to be looked at.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// Of the plan's changes.
    pub index: usize,
    pub id: String,
    pub took: Duration,
}

impl Written {
    /// How it ends when nobody looks at it any more.
    pub fn unseen(&self) -> Ended {
        let why = "the apply ended before it was looked at".to_owned();
        Ended::Done { id: Some(self.id.clone()), left: Vec::new(), unverified: Some(why) }
    }
}

/// Why it is not known whether something is as wanted.
struct Unverified {
    why: String,
    /// The service was not reached: it would not have told of anything else either.
    is_away: bool,
}

impl From<String> for Unverified {
    fn from(why: String) -> Self {
        Unverified { why, is_away: false }
    }
}

impl From<ServiceError> for Unverified {
    fn from(fault: ServiceError) -> Self {
        // A 500 or a 404 of one object may be about that one alone.
        let is_away = match &fault {
            ServiceError::NotSent { .. } | ServiceError::Lost { .. } => true,
            ServiceError::Refused { status, .. } => matches!(*status, 429 | 502 | 503 | 504),
        };
        Unverified { why: fault.to_string(), is_away }
    }
}

/// The kinds whose changes are looked at by pages, and how many pages their listings are expected to have.
pub(super) fn by_pages(changes: &[Change], live: &Live, how: Verification) -> BTreeMap<&'static str, usize> {
    let mut written: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
    for change in changes {
        let Some(kind) = plumb_core::kinds::find(&change.address.kind) else { continue };
        let (all, made) = written.entry(kind.name()).or_default();
        *all += usize::from(!matches!(change.action, Action::Delete | Action::Release | Action::Terminate));
        *made += usize::from(change.action == Action::Create);
    }
    let pages = written.into_iter().filter_map(|(name, (all, made))| {
        let rows = plumb_core::kinds::find(name)?.rows_a_page()?;
        let objects = live.of(name).len() + live.unreadable(name).len() + made;
        let pages = objects.div_ceil(rows).max(1);
        let is_worth_it = match how {
            Verification::Fewest => pages < all,
            Verification::Singly => false,
            Verification::Pages => all > 0,
        };
        is_worth_it.then_some((name, pages))
    });
    pages.collect()
}

/// Looks at everything that was written, by pages and singly, and notes how each change has ended.
pub(super) async fn all(
    shared: &Arc<Shared>,
    written: Vec<Written>,
    watch: &dyn ApplyWatch,
    outcome: &mut ApplyOutcome,
) {
    let changes = &shared.decision.plan.changes;
    let mut notes = Notes { changes, watch, outcome };
    for kind in plumb_core::kinds::objects() {
        let is_its = |one: &&Written| changes[one.index].address.kind == kind.name();
        let its: Vec<Written> = written.iter().filter(is_its).cloned().collect();
        if !its.is_empty() {
            together(shared, *kind, its, &mut notes).await;
        }
    }
}

/// Looks at everything that was written of a kind.
async fn together(shared: &Arc<Shared>, kind: &'static dyn Kind, written: Vec<Written>, notes: &mut Notes<'_>) {
    // One is read before anybody wonders what takes so long.
    if written.len() > 1 {
        notes.watch.verifying(kind, written.len());
    }
    let (asked, open) = (shared.clone(), written.clone());
    let looked = tokio::spawn(async move { listed(&asked, kind, open).await }).await;
    // What broke has said nothing of anything: each is read by itself.
    let looked = looked.unwrap_or_else(|_| Listed { open: written.clone(), fault: None });
    let open: HashSet<usize> = looked.open.iter().map(|one| one.index).collect();
    for one in written.iter().filter(|one| !open.contains(&one.index)) {
        notes.ended(one, Ended::Done { id: Some(one.id.clone()), left: Vec::new(), unverified: None });
    }
    singly(shared, kind, looked, notes).await;
}

/// Where it is noted how changes ended.
struct Notes<'a> {
    changes: &'a [Change],
    watch: &'a dyn ApplyWatch,
    outcome: &'a mut ApplyOutcome,
}

impl Notes<'_> {
    fn ended(&mut self, one: &Written, ended: Ended) {
        let change = &self.changes[one.index];
        self.watch.ended(change, &ended, one.took);
        self.outcome.changes.insert(change.address.clone(), ended);
    }
}

/// What pages said.
struct Listed {
    /// What they did not show to be as wanted, in the order in which it was given.
    open: Vec<Written>,
    /// Why they could not be read to the end.
    fault: Option<ServiceError>,
}

/// Looks at the rows of the kind's listing until every object was seen as wanted, and again after a while where lists lag:
/// as long as that takes fewer requests than reading each object.
async fn listed(shared: &Shared, kind: &'static dyn Kind, mut open: Vec<Written>) -> Listed {
    let mut expected = shared.pages.get(kind.name()).copied().unwrap_or(usize::MAX);
    let is_forced = shared.options.verify == Verification::Pages;
    let mut pauses = shared.options.grace.iter().skip(1);
    while is_forced || expected < open.len() {
        let look = match one_look(shared, kind, &mut open, is_forced).await {
            Ok(pages) => pages,
            Err(fault) => return Listed { open, fault: Some(fault) },
        };
        // A second look has to be a bargain: it may show no more than the first.
        expected = look.saturating_mul(4);
        match pauses.next() {
            Some(pause) if !open.is_empty() && expected < open.len() => tokio::time::sleep(*pause).await,
            _ => break,
        }
    }
    Listed { open, fault: None }
}

/// Takes out what the pages of one listing show as wanted, and says how many there were.
async fn one_look(
    shared: &Shared,
    kind: &'static dyn Kind,
    open: &mut Vec<Written>,
    is_forced: bool,
) -> Result<usize, ServiceError> {
    let Some(list) = kind.list().into_iter().next() else { return Ok(0) };
    let service = shared.services.for_system(list.call.system)?;
    let mut reader = services::PageReader::new(&*service, &list);
    // By id: the place of the change in the plan, and whether the object was seen as wanted.
    let mut asked: HashMap<String, (usize, bool)> =
        open.iter().map(|one| (one.id.clone(), (one.index, false))).collect();
    let mut left = asked.len();
    let came = loop {
        // More pages than objects are no bargain, whatever was expected.
        if left == 0 || !is_forced && reader.pages() >= open.len() {
            break Ok(());
        }
        let page = match reader.next().await {
            Ok(Some(page)) => page,
            Ok(None) => break Ok(()),
            Err(fault) => break Err(fault),
        };
        for row in kind.observe(&[vec![page]]) {
            let id = match &row {
                Ok(seen) => Some(seen.id.clone()),
                Err(unreadable) => unreadable.id.clone(),
            };
            let Some((id, (index, was_so))) =
                id.and_then(|id| asked.get_key_value(&id)).map(|(id, at)| (id.clone(), *at))
            else {
                continue;
            };
            let change = &shared.decision.plan.changes[index];
            let found = row.ok().and_then(|seen| {
                let spec = shared.specs.get(&change.address).map(KeptSpec::read);
                observe::whole_row(kind, seen, spec.as_deref())
            });
            let is_so =
                found.is_some_and(|found| left_of(shared, change, kind, &id, &found).is_ok_and(|left| left.is_empty()));
            // A row that comes twice holds as it came last: the object changed meanwhile.
            asked.insert(id, (index, is_so));
            left = left + usize::from(was_so) - usize::from(is_so);
        }
    };
    open.retain(|one| asked.get(&one.id).is_none_or(|(_, is_so)| !is_so));
    came.map(|()| reader.pages())
}

/// Reads each object by itself, several at the same time.
async fn singly(shared: &Arc<Shared>, kind: &'static dyn Kind, looked: Listed, notes: &mut Notes<'_>) {
    let mut waiting = looked.open.into_iter();
    let mut running: JoinSet<(Ended, bool)> = JoinSet::new();
    let mut begun: HashMap<tokio::task::Id, Written> = HashMap::new();
    loop {
        while running.len() < shared.options.width
            && let Some(one) = waiting.next()
        {
            let (shared, id, index) = (shared.clone(), one.id.clone(), one.index);
            let run = async move { alone(&shared, &shared.decision.plan.changes[index], kind, id).await };
            begun.insert(running.spawn(run).id(), one);
        }
        let (id, ended) = match running.join_next_with_id().await {
            None => break,
            Some(Ok((id, ended))) => (id, Ok(ended)),
            Some(Err(e)) => (e.id(), Err(e)),
        };
        let Some(one) = begun.remove(&id) else { continue };
        let (ended, is_away) = ended.unwrap_or_else(|e| (not_verified(&one.id, shared.shown(&broke(e))), false));
        notes.ended(&one, ended);
        // Neither its list nor an object can be read: each of the others would be waited for as long.
        if let (true, Some(fault)) = (is_away, &looked.fault) {
            let why = shared.shown(&format!("the list of {}s cannot be read: {fault}", kind.noun()));
            waiting.by_ref().for_each(|one| notes.ended(&one, not_verified(&one.id, why.clone())));
        }
    }
}

fn not_verified(id: &str, why: String) -> Ended {
    Ended::Done { id: Some(id.to_owned()), left: Vec::new(), unverified: Some(why) }
}

/// Looks at one change by reading its object again. Also says whether the service was away.
pub(super) async fn alone(shared: &Shared, change: &Change, kind: &dyn Kind, id: String) -> (Ended, bool) {
    match left_in_the_end(shared, change, kind, &id).await {
        Ok(left) => (Ended::Done { id: Some(id), left, unverified: None }, false),
        Err(not_known) => {
            shared.unread().insert(change.address.clone());
            (not_verified(&id, shared.shown(&not_known.why)), not_known.is_away)
        }
    }
}

/// The same as [`left`], once lists have had the time to show what is new: which clusters are pinned only a list says.
async fn left_in_the_end(
    shared: &Shared,
    change: &Change,
    kind: &dyn Kind,
    id: &str,
) -> Result<Vec<String>, Unverified> {
    let mut lines = left(shared, change, kind, id).await?;
    if matches!(change.action, Action::Create | Action::Replace) {
        for pause in shared.options.grace.iter().skip(1) {
            if lines.is_empty() {
                break;
            }
            tokio::time::sleep(*pause).await;
            lines = left(shared, change, kind, id).await?;
        }
    }
    Ok(lines)
}

/// What is not as wanted although every call was accepted. A failing read is no failure of the change, and no proof that
/// all is well: it is said.
async fn left(shared: &Shared, change: &Change, kind: &dyn Kind, id: &str) -> Result<Vec<String>, Unverified> {
    let found =
        read_again(shared, change, kind, id).await?.ok_or_else(|| format!("{} {id} is not found", kind.noun()))?;
    // What depends on this one is compared by what it supplies from now on.
    if let Some(supplied) = kind.supplies(&found.seen.whole()) {
        shared.supplied().insert(id.to_owned(), supplied);
    }
    left_of(shared, change, kind, id, &found).map_err(Unverified::from)
}

/// What of an object that was read is not as wanted.
fn left_of(
    shared: &Shared,
    change: &Change,
    kind: &dyn Kind,
    id: &str,
    found: &LiveObject,
) -> Result<Vec<String>, String> {
    let Some(wanted) = shared.wanted(&change.address) else { return Ok(Vec::new()) };
    let missing = |address: String| format!("the id of {address} is not known");
    let spec = references::fill_late(&wanted.spec.value(), &shared.ids(), Some(id)).map_err(missing)?;
    let (live, unknown) = live_form(shared, kind, change, found);
    let comparison = comparison(shared, kind, &spec, &live, &wanted.ignored, Undeclared::Keep);
    // A policy that could not be read may supply just what differs.
    if !comparison.differences.is_empty()
        && let Some(unread) = change.depends_on.iter().find(|a| shared.unread().contains(a))
    {
        return Err(format!("what {unread} supplies is not known"));
    }
    let mut left = lines(kind, &spec, &wanted.earlier, &comparison, ("wanted", "is"));
    left.extend(wanted.unknown.left(&unknown));
    Ok(left)
}
