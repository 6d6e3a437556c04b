//! Reading live: listings through services into [`Live`].
//!
//! Cost grows with pages, not with objects. Only what the listings leave out is read singly, and only of objects that
//! this project owns. A page that fails fails the whole reading: a partial one is never mistaken for absence.

mod teardown;

use crate::call::{Fault, System};
use crate::kinds::{AnyKind, Pages, Read, Seen};
use crate::manifest::{Address, Desired};
use crate::plan::{Action, Found, Live, Plan, Selection};
use crate::services::{self, Services};
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// Told how the reading goes on.
pub trait Watch: Send + Sync {
    /// A kind was listed: so many objects.
    fn listed(&self, _kind: &dyn AnyKind, _objects: usize) {}
    /// So many objects are to be read singly.
    fn details(&self, _objects: usize) {}
}

/// A watcher that takes no notice.
pub struct Unwatched;
impl Watch for Unwatched {}

/// How many objects are read singly at the same time, at most. The services' own pacing comes on top.
const WIDTH: usize = 16;

/// Reads every object of the kinds, completing those that the manifests or their marks make this project's.
pub async fn observe(
    services: &Services,
    kinds: &[&'static dyn AnyKind],
    desired: &Desired,
    selection: &Selection,
    watch: &dyn Watch,
) -> Result<Live, Fault> {
    let mut live = Live::default();
    let mut listings = JoinSet::new();
    for kind in kinds {
        for (index, read) in kind.list().into_iter().enumerate() {
            let service = services.for_system(read.call.system)?;
            let name = kind.name();
            listings.spawn(async move { (name, index, services::read(&*service, &read).await) });
        }
    }
    let mut pages: BTreeMap<&'static str, BTreeMap<usize, Pages>> = BTreeMap::new();
    while let Some(done) = listings.join_next().await {
        let (name, index, read) = joined(done)?;
        pages.entry(name).or_default().insert(index, read?);
    }
    for kind in kinds {
        let listed: Vec<Pages> = pages.remove(kind.name()).unwrap_or_default().into_values().collect();
        let mut found = Vec::new();
        for seen in kind.observe(&listed) {
            match seen {
                Ok(mut seen) => {
                    let mark = kind.mark().take(&mut seen.spec);
                    found.push(Found { seen, mark });
                }
                Err(unreadable) => live.unreadable.push(unreadable.to_string()),
            }
        }
        // Listings are in no promised order; a plan is to be the same for the same workspace.
        found.sort_by(|a, b| a.seen.id.cmp(&b.seen.id));
        watch.listed(*kind, found.len());
        live.kinds.insert(kind.name(), found);
    }
    complete(services, kinds, desired, selection, &mut live, watch).await?;
    teardown::complete(services, kinds, desired, selection, &mut live, watch).await?;
    Ok(live)
}

/// Reads what the listings left out of this project's own objects.
async fn complete(
    services: &Services,
    kinds: &[&'static dyn AnyKind],
    desired: &Desired,
    selection: &Selection,
    live: &mut Live,
    watch: &dyn Watch,
) -> Result<(), Fault> {
    let wanted = by_id(desired, selection, live);
    let mut work = Vec::new();
    for kind in kinds {
        for (index, found) in live.of(kind.name()).iter().enumerate() {
            let Some(spec) = wanted.get(&(kind.name(), found.seen.id.clone())) else { continue };
            let reads = kind.details(&found.seen, *spec);
            if !reads.is_empty() {
                work.push((*kind, index, reads));
            }
        }
    }
    if work.is_empty() {
        return Ok(());
    }
    watch.details(work.len());
    // Some reads say something about every object (which clusters are pinned): each is sent once.
    let mut places = BTreeMap::new();
    let mut unique: Vec<Vec<Read>> = Vec::new();
    for read in work.iter().flat_map(|(.., reads)| reads) {
        places.entry((read.call.system, read.call.line())).or_insert_with(|| {
            unique.push(vec![read.clone()]);
            unique.len() - 1
        });
    }
    let me = me(services, &unique).await?;
    let answers = read_all(services, unique).await?;
    for (kind, index, reads) in work {
        let place = |read: &Read| places.get(&(read.call.system, read.call.line()));
        let pages: Vec<Pages> = reads.iter().filter_map(|read| answers.get(*place(read)?)?.first()).cloned().collect();
        let Some(found) = live.kinds.get_mut(kind.name()).and_then(|list| list.get_mut(index)) else { continue };
        let spec = wanted.get(&(kind.name(), found.seen.id.clone())).copied().flatten();
        absorb(kind, found, spec, &pages, me.as_deref(), &mut live.unreadable);
    }
    Ok(())
}

fn absorb(
    kind: &dyn AnyKind,
    found: &mut Found,
    spec: Option<&Value>,
    pages: &[Pages],
    me: Option<&str>,
    unreadable: &mut Vec<String>,
) {
    if let (Some(me), Value::Object(facts)) = (me, object(&mut found.seen.facts)) {
        facts.insert("me".into(), Value::from(me));
    }
    // The mark is already off the spec; what is absorbed may bring it back with the rest of a description or tags.
    if let Err(e) = kind.absorb(&mut found.seen, spec, pages) {
        unreadable.push(e.to_string());
    }
    kind.mark().take(&mut found.seen.spec);
}

fn object(value: &mut Value) -> &mut Value {
    if !value.is_object() {
        *value = serde_json::json!({});
    }
    value
}

/// The principal that plumb works as: some lists say "me" without naming it.
async fn me(services: &Services, jobs: &[Vec<Read>]) -> Result<Option<String>, Fault> {
    if jobs.iter().flatten().any(|read| read.call.system == System::Databricks) {
        let service = services.for_system(System::Databricks)?;
        return services::me(&*service).await.map(Some);
    }
    Ok(None)
}

/// The manifest's spec of each live object that is this project's: by mark, by a former name, by `adopt`. `None` for an
/// orphan, which no manifest speaks of any more.
fn by_id<'a>(
    desired: &'a Desired,
    selection: &Selection,
    live: &Live,
) -> BTreeMap<(&'static str, String), Option<&'a Value>> {
    let mut wanted = BTreeMap::new();
    let target = desired.mark_target();
    for kind in crate::kinds::objects() {
        for (address, found) in live.owned(kind.name(), &desired.project.name, &target) {
            let resource = desired.resources.iter().find(|r| {
                r.address == address || r.address.kind == address.kind && r.previous_names.contains(&address.name)
            });
            if resource.map_or_else(|| selection.is_whole(), |r| selection.has(r)) {
                for f in found {
                    wanted.insert((kind.name(), f.seen.id.clone()), resource.map(|r| &r.spec));
                }
            }
        }
    }
    for resource in desired.resources.iter().filter(|r| selection.has(r)) {
        if let Some(id) = &resource.adopt {
            wanted.insert((resource.kind.name(), id.clone()), Some(&resource.spec));
        }
    }
    wanted
}

/// Reads what is running on the objects that a plan changes, and writes it on the live objects.
pub async fn activity(services: &Services, live: &mut Live, plan: &Plan) -> Result<bool, Fault> {
    let mut work = Vec::new();
    for change in plan.changes.iter().filter(|c| !matches!(c.action, Action::Create)) {
        let (Some(kind), Some(id)) = (crate::kinds::find(&change.address.kind), &change.id) else { continue };
        let Some(index) = live.of(kind.name()).iter().position(|f| f.seen.id == *id) else { continue };
        if let Some(read) = kind.activity(&live.of(kind.name())[index].seen) {
            work.push((kind, index, read));
        }
    }
    let jobs = work.iter().map(|(.., read)| vec![read.clone()]).collect();
    let mut any = false;
    for ((kind, index, _), pages) in work.iter().zip(read_all(services, jobs).await?) {
        let runs = pages.first().map_or(0, |p| kind.active_runs(p));
        if let Some(found) = live.kinds.get_mut(kind.name()).and_then(|list| list.get_mut(*index)) {
            found.seen.active_runs = runs;
            any |= runs > 0;
        }
    }
    Ok(any)
}

/// Reads one object afresh, complete. `None`: it is gone.
pub async fn reread(
    services: &Services,
    kind: &dyn AnyKind,
    id: &str,
    wanted: Option<&Value>,
    facts: &Value,
) -> Result<Option<Found>, Fault> {
    let mut pages = Vec::new();
    for read in kind.reread(id) {
        match services::read(&*services.for_system(read.call.system)?, &read).await {
            Ok(page) => pages.push(page),
            Err(fault) if fault.is_gone() => return Ok(None),
            Err(fault) => return Err(fault),
        }
    }
    let unreadable = |e: crate::kinds::Unreadable| Fault::Lost { line: format!("reading {id}"), why: e.to_string() };
    let mut seen: Seen = kind.reobserve(&pages).map_err(unreadable)?;
    let mark = kind.mark().take(&mut seen.spec);
    let mut found = Found { seen, mark };
    let reads = kind.details(&found.seen, wanted);
    if !reads.is_empty() {
        let pages = read_each(services, reads).await?;
        let mut problems = Vec::new();
        absorb(kind, &mut found, wanted, &pages, facts.get("me").and_then(Value::as_str), &mut problems);
        if let Some(why) = problems.pop() {
            return Err(Fault::Lost { line: format!("reading {id}"), why });
        }
    }
    Ok(Some(found))
}

/// The objects of one kind that carry a mark, by a fresh listing: how a create whose answer was lost is looked up.
pub async fn find_marked(
    services: &Services,
    kind: &'static dyn AnyKind,
    owner: &crate::kinds::Owner,
) -> Result<Vec<Found>, Fault> {
    let listed = read_each(services, kind.list()).await?;
    let mut found = Vec::new();
    for mut seen in kind.observe(&listed).into_iter().flatten() {
        if let Some(mark) = kind.mark().take(&mut seen.spec)
            && mark.owner == *owner
        {
            found.push(Found { seen, mark: Some(mark) });
        }
    }
    Ok(found)
}

/// Completes one listed object as if its manifest were `wanted`.
pub async fn finish(
    services: &Services,
    kind: &dyn AnyKind,
    found: &Found,
    wanted: &Value,
) -> Result<Result<Found, String>, Fault> {
    let mut found = found.clone();
    let reads = kind.details(&found.seen, Some(wanted));
    let mut problems = Vec::new();
    if !reads.is_empty() {
        let pages = read_each(services, reads).await?;
        absorb(kind, &mut found, Some(wanted), &pages, None, &mut problems);
    }
    Ok(problems.pop().map_or(Ok(found), Err))
}

/// The live objects that are this address's: by the mark, or for a manifest about an object of others, by its name.
pub fn of<'a>(live: &'a Live, desired: &Desired, address: &Address) -> Vec<&'a Found> {
    let borrowed = desired.resources.iter().find(|r| r.address == *address && r.kind.is_borrowed(&r.spec));
    let Some(resource) = borrowed else { return carrying(live, desired, address) };
    live.of(&address.kind).iter().filter(|f| f.is_called_as(resource.kind, &resource.spec)).collect()
}

/// The live objects that carry this address's mark, whatever the manifests say.
pub fn carrying<'a>(live: &'a Live, desired: &Desired, address: &Address) -> Vec<&'a Found> {
    live.owned(&address.kind, &desired.project.name, &desired.mark_target()).remove(address).unwrap_or_default()
}

async fn read_each(services: &Services, reads: Vec<Read>) -> Result<Vec<Pages>, Fault> {
    let mut all = Vec::with_capacity(reads.len());
    for read in &reads {
        all.push(services::read(&*services.for_system(read.call.system)?, read).await?);
    }
    Ok(all)
}

/// Carries out reads, several at the same time, and returns their pages in the given order.
async fn read_all(services: &Services, work: Vec<Vec<Read>>) -> Result<Vec<Vec<Pages>>, Fault> {
    let mut answers: Vec<Option<Vec<Pages>>> = Vec::new();
    answers.resize_with(work.len(), || None);
    let mut running = JoinSet::new();
    let mut left = work.into_iter().enumerate();
    loop {
        while running.len() < WIDTH
            && let Some((index, reads)) = left.next()
        {
            let services = services.clone();
            running.spawn(async move { (index, read_each(&services, reads).await) });
        }
        match running.join_next().await {
            None => break,
            Some(done) => {
                let (index, pages) = joined(done)?;
                answers[index] = Some(pages?);
            }
        }
    }
    Ok(answers.into_iter().flatten().collect())
}

fn joined<T>(done: Result<T, tokio::task::JoinError>) -> Result<T, Fault> {
    done.map_err(|e| Fault::NotSent { line: "reading".into(), why: format!("the reader ended early: {e}") })
}
