//! Reading live: listings through services into [`Live`].
//!
//! Cost grows with pages, not with objects. Only what the listings leave out is read singly, and only of objects that
//! this project owns. A page that fails fails the whole reading: a partial one is never mistaken for absence.

mod activity;
mod again;
pub mod billing;
pub mod code;
mod contents;
pub mod cost;
pub mod dags;
pub mod deadlines;
pub mod failure;
mod index;
pub mod inventory;
mod listing;
mod nested;
mod own;
pub mod prices;
mod scopes;
mod teardown;
pub mod under_way;
pub mod waves;

pub use activity::activity;
pub use again::{Finished, find_marked, finish, read_again, whole_row};
pub use contents::{contents, contents_of};
pub use index::LiveIndex;
pub use scopes::Scopes;

use crate::services::{self, Services};
use listing::list;
use own::{OpenDetails, OwnManifests};
use plumb_core::kinds::{self, Details, Kind, Unreadable};
use plumb_core::manifest::Desired;
use plumb_core::plan::{Live, LiveObject, Selection};
use plumb_model::address::Address;
use plumb_model::call::{ServiceError, System};
use plumb_model::read::{Pages, Read};
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// Told how the reading goes on.
pub trait ReadWatch: Send + Sync {
    /// A page of a listing was taken in: so many objects.
    fn page(&self, _kind: &dyn Kind, _objects: usize) {}
    /// A kind was listed: so many objects.
    fn listed(&self, _kind: &dyn Kind, _objects: usize) {}
}

/// A watcher that takes no notice.
pub struct UnwatchedRead;
impl ReadWatch for UnwatchedRead {}

/// How many objects are read singly at the same time, at most. The services' own pacing comes on top.
const WIDTH: usize = 16;

/// Reads every object of the kinds, completing those that the manifests or their marks make this project's.
pub async fn observe(
    services: &Services,
    kinds: &[&'static dyn Kind],
    desired: &Desired,
    selection: &Selection,
    watch: &dyn ReadWatch,
) -> Result<Live, ServiceError> {
    let wanted = OwnManifests::new(desired, selection);
    let mut open = OpenDetails::new();
    let mut of_page = |kind: &'static dyn Kind, found: &mut LiveObject| {
        let Some(resource) = wanted.of(kind, found) else { return };
        let spec = resource.map(|resource| resource.spec.read());
        if found.seen.edit(|seen| kind.details(seen, spec.as_deref()).is_empty()) {
            complete_one(kind, found, spec.as_deref(), &[], None);
            if let Some(ids) = open.get_mut(kind.name()) {
                ids.remove(&found.seen.id);
            }
        } else {
            open.entry(kind.name()).or_default().insert(found.seen.id.clone(), resource);
        }
    };
    let scopes = Scopes::of(desired);
    let mut live = list(services, kinds, &scopes, watch, &mut |_, fault| Err(fault), &mut of_page).await?;
    complete(services, open, &mut live).await?;
    teardown::complete(services, kinds, desired, selection, &mut live).await?;
    live.sort_unreadable();
    Ok(live)
}

/// Reads what the manifests of teardowns match, where only its listing is known.
pub async fn old(
    services: &Services,
    kinds: &[&'static dyn Kind],
    desired: &Desired,
    selection: &Selection,
    live: &mut Live,
) -> Result<(), ServiceError> {
    teardown::old(services, kinds, desired, selection, live).await?;
    live.sort_unreadable();
    Ok(())
}

/// The kinds that a service refuses to list, and why.
pub type RefusedKinds = Vec<(&'static dyn Kind, ServiceError)>;

/// Reads what the listings of the kinds show. Kinds that a service refuses to list are left out and answered: for those who
/// can do with a part, and say so.
pub async fn listed(
    services: &Services,
    kinds: &[&'static dyn Kind],
    scopes: &Scopes,
    watch: &dyn ReadWatch,
) -> Result<(Live, RefusedKinds), ServiceError> {
    let mut refused: RefusedKinds = Vec::new();
    let mut tolerate = |kind: &'static dyn Kind, fault: ServiceError| {
        if !is_refused(&fault) {
            return Err(fault);
        }
        if refused.iter().all(|(other, _)| other.name() != kind.name()) {
            refused.push((kind, fault));
        }
        Ok(())
    };
    let mut live = list(services, kinds, scopes, watch, &mut tolerate, &mut |_, _| {}).await?;
    for (kind, _) in &refused {
        live.kinds.remove(kind.name());
        live.unreadable.remove(kind.name());
    }
    refused.sort_by_key(|(kind, _)| kind.name());
    Ok((live, refused))
}

/// Whether a service will not answer a read however often it is asked: it does not have it, this caller may not see it, or
/// what it answers makes no sense.
pub fn is_refused(fault: &ServiceError) -> bool {
    match fault {
        ServiceError::Refused { status: 403 | 404 | 405 | 501, .. } => true,
        // AWS refuses with 400 (botocore's service models), Databricks what is not there or switched off.
        ServiceError::Refused { code, .. } => {
            code.starts_with("AccessDenied")
                || ["UNEXPECTED_ANSWER", "PERMISSION_DENIED", "FEATURE_DISABLED", "INVALID_PARAMETER_VALUE"]
                    .contains(&code.as_str())
        }
        ServiceError::NotSent { .. } | ServiceError::Lost { .. } => false,
    }
}

/// A refusal in words, without the request's id: a plan says the same as long as the service does.
fn refusal(fault: ServiceError) -> String {
    match fault {
        ServiceError::Refused { line, status, code, message, retry_after, doubt, .. } => {
            ServiceError::Refused { line, status, code, message, request_id: None, retry_after, doubt }.to_string()
        }
        other => other.to_string(),
    }
}

/// Reads what the listings left out of this project's own objects. `wanted` are those of which they left something out.
async fn complete(services: &Services, wanted: OpenDetails<'_>, live: &mut Live) -> Result<(), ServiceError> {
    let mut work = Vec::new();
    for (kind, ids) in &wanted {
        for (index, found) in live.of(kind).iter().enumerate() {
            let (Some(resource), Some(kind)) = (ids.get(&found.seen.id), kinds::find(kind)) else { continue };
            let spec = resource.map(|resource| resource.spec.read());
            work.push((kind, index, *resource, kind.details(&found.seen.whole(), spec.as_deref())));
        }
    }
    // Some reads say something about every object (which clusters are pinned): each is sent once.
    let mut places = BTreeMap::new();
    let mut unique: Vec<Read> = Vec::new();
    for read in work.iter().flat_map(|(.., reads)| reads) {
        places.entry((read.call.system, read.call.line())).or_insert_with(|| {
            unique.push(read.clone());
            unique.len() - 1
        });
    }
    let me = me(services, &unique).await?;
    let answers = read_all(services, unique).await?;
    for (kind, index, resource, reads) in work {
        let place = |read: &Read| places.get(&(read.call.system, read.call.line()));
        let details: Vec<Details> = reads.iter().filter_map(|read| answers.get(*place(read)?)).cloned().collect();
        let Some(found) = live.kinds.get_mut(kind.name()).and_then(|list| list.get_mut(index)) else { continue };
        let spec = resource.map(|resource| resource.spec.read());
        complete_one(kind, found, spec.as_deref(), &details, me.as_deref());
        found.seen.pack(kind);
    }
    Ok(())
}

/// Completes an object. What could not be read is noted on it.
fn complete_one(kind: &dyn Kind, found: &mut LiveObject, spec: Option<&Value>, details: &[Details], me: Option<&str>) {
    found.seen.edit(|seen| {
        if let (Some(me), Value::Object(facts)) = (me, object(&mut seen.facts)) {
            facts.insert("me".into(), Value::from(me));
        }
        seen.unread = kind.complete(seen, spec, details).err();
        // The mark is already off the spec; what completes it may bring it back with the rest of a description or tags.
        kind.mark().take(&mut seen.spec);
        kind.mark().take_release(&mut seen.spec);
    });
}

fn object(value: &mut Value) -> &mut Value {
    if !value.is_object() {
        *value = serde_json::json!({});
    }
    value
}

/// The principal that plumb works as: some lists say "me" without naming it. `None` when nothing asks, or when the service
/// does not say.
async fn me(services: &Services, reads: &[Read]) -> Result<Option<String>, ServiceError> {
    if reads.iter().all(|read| read.call.system != System::Databricks) {
        return Ok(None);
    }
    match services::me(&*services.for_system(System::Databricks)?).await {
        Ok(me) => Ok(Some(me)),
        Err(fault) if is_refused(&fault) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The live objects that are this address's: by the mark, or for a manifest about an object of others, by its name.
pub fn of<'a>(live: &'a Live, desired: &Desired, address: &Address) -> Vec<&'a LiveObject> {
    let external = desired.resources.iter().find(|r| r.address == *address && r.is_external());
    let Some(resource) = external else { return carrying(live, desired, address) };
    live.of(&address.kind).iter().filter(|f| f.is_called_as(resource.kind, &resource.spec)).collect()
}

/// What is live and could not be read, and carries this address's mark, or is what its manifest takes over, or has the name
/// of the object of others that its manifest is about. Who asks for many addresses makes a [`LiveIndex`].
pub fn unread<'a>(live: &'a Live, desired: &'a Desired, address: &Address) -> Vec<&'a Unreadable> {
    LiveIndex::of(live, desired).unread(address)
}

/// The live objects that carry this address's mark, whatever the manifests say.
pub fn carrying<'a>(live: &'a Live, desired: &Desired, address: &Address) -> Vec<&'a LiveObject> {
    let (project, target) = (&desired.project.name, desired.mark_target());
    let is_its = |found: &&LiveObject| {
        let owner = found.mark.as_ref().map(|mark| &mark.owner);
        owner.is_some_and(|o| o.address == *address && o.project == *project && o.target == target)
    };
    live.of(&address.kind).iter().filter(is_its).collect()
}

/// The live objects that carry this project's marks, by address: for those who look at every one.
pub fn carriers<'a>(live: &'a Live, desired: &Desired) -> BTreeMap<Address, Vec<&'a LiveObject>> {
    let target = desired.mark_target();
    live.kinds.keys().flat_map(|kind| live.owned(kind, &desired.project.name, &target)).collect()
}

/// Carries out reads, several at the same time, and answers in the given order. What a service refuses to show is an
/// answer; anything else that fails fails them all.
async fn read_all(services: &Services, reads: Vec<Read>) -> Result<Vec<Details>, ServiceError> {
    read_each(services, reads, &|pages| match pages {
        Ok(pages) => Ok(Ok(pages)),
        Err(fault) if is_refused(&fault) => Ok(Err(refusal(fault))),
        Err(fault) => Err(fault),
    })
    .await
}

/// The same, where it is said what an answer is: of what is none, the first one fails them all.
async fn read_each<T>(
    services: &Services,
    reads: Vec<Read>,
    answer: &(dyn Fn(Result<Pages, ServiceError>) -> Result<T, ServiceError> + Sync),
) -> Result<Vec<T>, ServiceError> {
    let mut answers: Vec<Option<T>> = Vec::new();
    answers.resize_with(reads.len(), || None);
    let mut running = JoinSet::new();
    let mut left = reads.into_iter().enumerate();
    loop {
        while running.len() < WIDTH
            && let Some((index, read)) = left.next()
        {
            let service = services.for_system(read.call.system)?;
            running.spawn(async move { (index, services::read(&*service, &read).await) });
        }
        let Some(done) = running.join_next().await else { break };
        let (index, pages) = joined(done)?;
        answers[index] = Some(answer(pages)?);
    }
    Ok(answers.into_iter().flatten().collect())
}

fn joined<T>(done: Result<T, tokio::task::JoinError>) -> Result<T, ServiceError> {
    done.map_err(|e| ServiceError::NotSent { line: "reading".into(), why: format!("the reader ended early: {e}") })
}

#[cfg(test)]
mod tests;
