//! Reading live: listings through services into [`Live`].
//!
//! Cost grows with pages, not with objects. Only what the listings leave out is read singly, and only of objects that
//! this project owns. A page that fails fails the whole reading: a partial one is never mistaken for absence.

pub mod billing;
pub mod cost;
pub mod dags;
pub mod failure;
pub mod inventory;
pub mod prices;
mod teardown;
pub mod under_way;
pub mod waves;

use crate::services::{self, Services};
use plumb_core::kinds::{Details, Kind, Unreadable, Whose};
use plumb_core::manifest::Desired;
use plumb_core::plan::{Action, Live, LiveObject, Plan, Selection};
use plumb_model::address::Address;
use plumb_model::call::{ServiceError, System};
use plumb_model::read::{Pages, Read};
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// Told how the reading goes on.
pub trait ReadWatch: Send + Sync {
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
    let mut live = list(services, kinds, watch, &mut |_, fault| Err(fault)).await?;
    complete(services, kinds, desired, selection, &mut live).await?;
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
    let mut live = list(services, kinds, watch, &mut tolerate).await?;
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

/// Decides on a listing that failed: to do without it, or not.
type Tolerate<'a> = &'a mut (dyn FnMut(&'static dyn Kind, ServiceError) -> Result<(), ServiceError> + Send);

/// Reads the listings of the kinds. What of them cannot be read is kept as such: it is not absent.
async fn list(
    services: &Services,
    kinds: &[&'static dyn Kind],
    watch: &dyn ReadWatch,
    tolerate: Tolerate<'_>,
) -> Result<Live, ServiceError> {
    let mut live = Live::default();
    let mut listings = JoinSet::new();
    for kind in kinds.iter().copied() {
        for (index, read) in kind.list().into_iter().enumerate() {
            let service = services.for_system(read.call.system)?;
            listings.spawn(async move { (kind, index, services::read(&*service, &read).await) });
        }
    }
    let mut pages: BTreeMap<&'static str, BTreeMap<usize, Pages>> = BTreeMap::new();
    while let Some(done) = listings.join_next().await {
        let (kind, index, read) = joined(done)?;
        match read {
            Ok(read) => {
                pages.entry(kind.name()).or_default().insert(index, read);
            }
            Err(fault) => tolerate(kind, fault)?,
        }
    }
    for kind in kinds {
        let listed: Vec<Pages> = pages.remove(kind.name()).unwrap_or_default().into_values().collect();
        let (mut found, mut unreadable) = (Vec::new(), Vec::new());
        for seen in kind.observe(&listed) {
            match seen {
                Ok(seen) => found.push(LiveObject::of(*kind, seen)),
                Err(why) => unreadable.push(why),
            }
        }
        // Listings are in no promised order; a plan is to be the same for the same workspace.
        found.sort_by(|a, b| a.seen.id.cmp(&b.seen.id));
        watch.listed(*kind, found.len() + unreadable.len());
        live.kinds.insert(kind.name(), found);
        unreadable.into_iter().for_each(|one| live.cannot_read(*kind, one));
    }
    live.sort_unreadable();
    Ok(live)
}

/// Reads what the listings left out of this project's own objects.
async fn complete(
    services: &Services,
    kinds: &[&'static dyn Kind],
    desired: &Desired,
    selection: &Selection,
    live: &mut Live,
) -> Result<(), ServiceError> {
    let wanted = by_id(desired, selection, live);
    let mut work = Vec::new();
    for kind in kinds {
        for (index, found) in live.of(kind.name()).iter().enumerate() {
            let Some(spec) = wanted.get(&(kind.name(), found.seen.id.clone())) else { continue };
            work.push((*kind, index, kind.details(&found.seen, *spec)));
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
    for (kind, index, reads) in work {
        let place = |read: &Read| places.get(&(read.call.system, read.call.line()));
        let details: Vec<Details> = reads.iter().filter_map(|read| answers.get(*place(read)?)).cloned().collect();
        let Some(found) = live.kinds.get_mut(kind.name()).and_then(|list| list.get_mut(index)) else { continue };
        let spec = wanted.get(&(kind.name(), found.seen.id.clone())).copied().flatten();
        complete_one(kind, found, spec, &details, me.as_deref());
    }
    Ok(())
}

/// Completes an object. What could not be read is noted on it.
fn complete_one(kind: &dyn Kind, found: &mut LiveObject, spec: Option<&Value>, details: &[Details], me: Option<&str>) {
    if let (Some(me), Value::Object(facts)) = (me, object(&mut found.seen.facts)) {
        facts.insert("me".into(), Value::from(me));
    }
    let unread = kind.complete(&mut found.seen, spec, details).err();
    found.seen.unread = unread;
    // The mark is already off the spec; what completes it may bring it back with the rest of a description or tags.
    kind.mark().take(&mut found.seen.spec);
    kind.mark().take_release(&mut found.seen.spec);
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

/// The manifest's spec of each live object that is this project's: by mark, by a former name, by `adopt`. `None` for an
/// orphan, which no manifest speaks of any more.
fn by_id<'a>(
    desired: &'a Desired,
    selection: &Selection,
    live: &Live,
) -> BTreeMap<(&'static str, String), Option<&'a Value>> {
    let mut wanted = BTreeMap::new();
    let target = desired.mark_target();
    for kind in plumb_core::kinds::objects() {
        for (address, found) in live.owned(kind.name(), &desired.project.name, &target) {
            let resource = desired.resources.iter().find(|r| {
                r.address == address || r.address.kind == address.kind && r.previous_names.contains(&address.name)
            });
            if resource.map_or_else(|| selection.is_whole(), |r| selection.has(r)) {
                for f in found {
                    wanted.insert((kind.name(), f.seen.id.clone()), resource.map(|r| &*r.spec));
                }
            }
        }
    }
    for resource in desired.resources.iter().filter(|r| selection.has(r)) {
        if let Some(id) = &resource.adopt {
            wanted.insert((resource.kind.name(), id.clone()), Some(&*resource.spec));
        }
    }
    wanted
}

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

/// Reads one whole object again. `None`: it is gone. What cannot be read is a fault.
pub async fn read_again(
    services: &Services,
    kind: &dyn Kind,
    id: &str,
    wanted: Option<&Value>,
    facts: &Value,
) -> Result<Option<LiveObject>, ServiceError> {
    match read_one(services, kind, id, wanted, facts).await? {
        None => Ok(None),
        Some(Err(unreadable)) => Err(unexpected(id, &unreadable.to_string())),
        Some(Ok(found)) => match &found.seen.unread {
            Some(why) => Err(unexpected(id, why)),
            None => Ok(Some(found)),
        },
    }
}

/// The same; what cannot be read is told apart from a service that fails.
async fn read_one(
    services: &Services,
    kind: &dyn Kind,
    id: &str,
    wanted: Option<&Value>,
    facts: &Value,
) -> Result<Option<Result<LiveObject, Unreadable>>, ServiceError> {
    let mut pages = Vec::new();
    for read in kind.read_one(id) {
        match services::read(&*services.for_system(read.call.system)?, &read).await {
            Ok(page) => pages.push(page),
            Err(fault) if fault.is_gone() => return Ok(None),
            Err(fault) => return Err(fault),
        }
    }
    let mut found = match kind.observe_one(&pages) {
        Ok(seen) => LiveObject::of(kind, seen),
        Err(unreadable) => return Ok(Some(Err(unreadable))),
    };
    // The same way as for a plan: a field that was read in two ways would have changed at every look.
    let reads = kind.details(&found.seen, wanted);
    let details = read_all(services, reads).await?;
    complete_one(kind, &mut found, wanted, &details, facts.get("me").and_then(Value::as_str));
    Ok(Some(Ok(found)))
}

fn unexpected(id: &str, why: &str) -> ServiceError {
    ServiceError::Refused {
        line: format!("reading {id}"),
        status: 200,
        code: "UNEXPECTED_ANSWER".to_owned(),
        message: why.to_owned(),
        request_id: None,
        retry_after: None,
        doubt: None,
    }
}

/// The objects of one kind that carry a mark, by a fresh listing: how a create whose answer was lost is looked up. An
/// object that cannot be read may be the one: then nothing is known, and that is a fault.
pub async fn find_marked(
    services: &Services,
    kind: &'static dyn Kind,
    owner: &plumb_core::kinds::Owner,
) -> Result<Vec<LiveObject>, ServiceError> {
    let mut listed = Vec::new();
    for read in kind.list() {
        listed.push(services::read(&*services.for_system(read.call.system)?, &read).await?);
    }
    let (mut found, mut maybe) = (Vec::new(), None);
    for seen in kind.observe(&listed) {
        match seen.map(|seen| LiveObject::of(kind, seen)) {
            Ok(one) => {
                if one.mark.as_ref().is_some_and(|mark| mark.owner == *owner) {
                    found.push(one);
                }
            }
            Err(other) => match &other.whose {
                Whose::Marked(mark) if mark.owner == *owner => return Err(may_be(owner, &other)),
                Whose::Unknown => maybe = Some(other),
                Whose::Marked(_) | Whose::Nobody => {}
            },
        }
    }
    match maybe {
        Some(other) if found.is_empty() => Err(may_be(owner, &other)),
        _ => Ok(found),
    }
}

fn may_be(owner: &plumb_core::kinds::Owner, other: &Unreadable) -> ServiceError {
    unexpected(&owner.address.to_string(), &format!("whether it is there cannot be told, for this may be it: {other}"))
}

/// An object that was completed for its manifest to be written, and what of it the manifest will not say.
pub struct Finished {
    pub found: LiveObject,
    /// Members that could not be read, and why.
    pub limits: Vec<(String, String)>,
}

/// Completes one listed object as if its manifest were `wanted`. What one endpoint refuses limits what is known of the
/// object, and no more: only when the rest of it cannot be read either is `unread` set on it.
pub async fn finish(
    services: &Services,
    kind: &dyn Kind,
    found: &LiveObject,
    wanted: &Value,
) -> Result<Finished, ServiceError> {
    let reads = kind.details(&found.seen, Some(wanted));
    let answers = read_all(services, reads.clone()).await?;
    let known: BTreeMap<String, Details> = reads.iter().map(|read| read.call.line()).zip(answers).collect();
    let complete = |wanted: &Value| {
        let mut found = found.clone();
        let reads = kind.details(&found.seen, Some(wanted));
        let details: Vec<Details> = reads.iter().filter_map(|read| known.get(&read.call.line())).cloned().collect();
        // Nobody's right is set aside as plumb's own: the manifest is to have them all.
        complete_one(kind, &mut found, Some(wanted), &details, Some(""));
        found
    };
    let (mut limits, mut readable) = (Vec::new(), wanted.clone());
    let without = complete(&serde_json::json!({})).seen.unread.is_none();
    for (member, value) in wanted.as_object().into_iter().flatten().filter(|_| without) {
        if let Some(why) = complete(&serde_json::json!({ (member): value })).seen.unread {
            limits.push((member.clone(), why));
            if let Value::Object(readable) = &mut readable {
                readable.remove(member);
            }
        }
    }
    let found = complete(&readable);
    // What is read of every object whatever its manifest says.
    if found.seen.unread.is_none() {
        for (line, why) in known.iter().filter_map(|(line, answer)| Some((line, answer.as_ref().err()?))) {
            if limits.iter().all(|(_, other)| !other.contains(why.as_str())) {
                limits.push((line.clone(), why.clone()));
            }
        }
    }
    Ok(Finished { found, limits })
}

/// The live objects that are this address's: by the mark, or for a manifest about an object of others, by its name.
pub fn of<'a>(live: &'a Live, desired: &Desired, address: &Address) -> Vec<&'a LiveObject> {
    let external = desired.resources.iter().find(|r| r.address == *address && r.kind.is_external(&r.spec));
    let Some(resource) = external else { return carrying(live, desired, address) };
    live.of(&address.kind).iter().filter(|f| f.is_called_as(resource.kind, &resource.spec)).collect()
}

/// What is live and could not be read, and carries this address's mark, or is what its manifest takes over, or has the name
/// of the object of others that its manifest is about.
pub fn unread<'a>(live: &'a Live, desired: &Desired, address: &Address) -> Vec<&'a Unreadable> {
    let resource = desired.resources.iter().find(|r| r.address == *address);
    let name =
        |r: &plumb_core::manifest::Resource| r.spec.get(r.kind.title()).and_then(Value::as_str).map(str::to_owned);
    let external = resource.filter(|r| r.kind.is_external(&r.spec)).and_then(name);
    let adopted = resource.and_then(|r| r.adopt.as_deref());
    let is_its = |one: &&Unreadable| match &one.whose {
        Whose::Marked(mark) => {
            let owner = &mark.owner;
            owner.address == *address && owner.project == desired.project.name && owner.target == desired.mark_target()
        }
        _ => adopted.is_some() && one.id.as_deref() == adopted || external.is_some() && one.title == external,
    };
    live.unreadable(&address.kind).iter().filter(is_its).collect()
}

/// The live objects that carry this address's mark, whatever the manifests say.
pub fn carrying<'a>(live: &'a Live, desired: &Desired, address: &Address) -> Vec<&'a LiveObject> {
    live.owned(&address.kind, &desired.project.name, &desired.mark_target()).remove(address).unwrap_or_default()
}

/// Carries out reads, several at the same time, and answers in the given order. What a service refuses to show is an
/// answer; anything else that fails fails them all.
async fn read_all(services: &Services, reads: Vec<Read>) -> Result<Vec<Details>, ServiceError> {
    read_each(services, reads, &is_refused).await
}

/// The same, where it is said which failures are answers.
async fn read_each(
    services: &Services,
    reads: Vec<Read>,
    is_answer: &(dyn Fn(&ServiceError) -> bool + Sync),
) -> Result<Vec<Details>, ServiceError> {
    let mut answers: Vec<Option<Details>> = Vec::new();
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
        answers[index] = Some(match pages {
            Ok(pages) => Ok(pages),
            Err(fault) if is_answer(&fault) => Err(refusal(fault)),
            Err(fault) => return Err(fault),
        });
    }
    Ok(answers.into_iter().flatten().collect())
}

fn joined<T>(done: Result<T, tokio::task::JoinError>) -> Result<T, ServiceError> {
    done.map_err(|e| ServiceError::NotSent { line: "reading".into(), why: format!("the reader ended early: {e}") })
}

#[cfg(test)]
mod tests;
