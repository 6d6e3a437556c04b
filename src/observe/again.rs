//! Reading again what was read before: one whole object, those with a mark, and an object whose manifest is to be written.

use super::scopes::Scopes;
use super::{complete_one, nested, read_all};
use crate::services::{self, Services};
use plumb_core::kinds::{Details, Kind, Observed, Unreadable, Whose};
use plumb_core::plan::LiveObject;
use plumb_model::call::ServiceError;
use serde_json::Value;
use std::collections::BTreeMap;

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
pub(super) async fn read_one(
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
    let mut found = match kind.observe_one(id, &pages) {
        Ok(seen) => LiveObject::of(kind, seen),
        Err(unreadable) => return Ok(Some(Err(unreadable))),
    };
    // The same way as for a plan: a field that was read in two ways would have changed at every look.
    let reads = kind.details(&found.seen.whole(), wanted);
    let details = read_all(services, reads).await?;
    complete_one(kind, &mut found, wanted, &details, facts.get("me").and_then(Value::as_str));
    Ok(Some(Ok(found)))
}

/// A row of a listing as the whole object that [`read_again`] would show, unless the listing leaves something of it out: then
/// the object has to be read.
pub fn whole_row(kind: &dyn Kind, seen: Observed, wanted: Option<&Value>) -> Option<LiveObject> {
    let mut found = LiveObject::of(kind, seen);
    if !kind.details(&found.seen.whole(), wanted).is_empty() {
        return None;
    }
    complete_one(kind, &mut found, wanted, &[], None);
    (!found.seen.partial && found.seen.unread.is_none()).then_some(found)
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

/// The objects of one kind that carry a mark, by a fresh listing: how a create whose answer was lost is looked up. Where
/// the create has no place for the mark it is the one of that title that nobody has marked. An object that cannot be read may
/// be the one: then nothing is known, and that is a fault.
pub async fn find_marked(
    services: &Services,
    kind: &'static dyn Kind,
    scopes: &Scopes,
    (owner, title): (&plumb_core::kinds::Owner, &str),
) -> Result<Vec<LiveObject>, ServiceError> {
    let mut listed = Vec::new();
    for read in kind.list() {
        listed.push(services::read(&*services.for_system(read.call.system)?, &read).await?);
    }
    let objects = match kind.nested() {
        Some(listing) => nested::list(services, kind, listing, &scopes.get(kind)).await?.objects,
        None => kind.observe(&listed),
    };
    let (mut found, mut maybe) = (Vec::new(), None);
    for seen in objects {
        match seen.map(|seen| LiveObject::of(kind, seen)) {
            Ok(one) => {
                let is_its = one.mark.as_ref().is_some_and(|mark| mark.owner == *owner);
                if is_its || one.seen.title(kind) == title && one.is_blank(kind) {
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
    let reads = kind.details(&found.seen.whole(), Some(wanted));
    let answers = read_all(services, reads.clone()).await?;
    let known: BTreeMap<String, Details> = reads.iter().map(|read| read.call.line()).zip(answers).collect();
    let complete = |wanted: &Value| {
        let mut found = found.clone();
        let reads = kind.details(&found.seen.whole(), Some(wanted));
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
