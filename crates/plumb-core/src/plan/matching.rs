//! Which live object belongs to a manifest. It is told by the mark alone: a name is no proof.

use super::context::PlanContext;
use super::live::LiveObject;
use super::{Blocked, foreign, unreadable};
use crate::kinds::{Kind, Mark, Owner};
use crate::manifest::Resource;
use plumb_model::address::Address;
use serde_json::Value;

/// How a manifest and a live object belong together.
pub(super) enum ObjectMatch<'a> {
    None,
    Owned(&'a LiveObject, &'a Mark),
    Adopted(&'a LiveObject),
    Moved(&'a LiveObject, &'a Mark),
    /// An object of others, known by its name.
    External(&'a LiveObject),
    /// What `adopt` names, and `plumb release` let go.
    Released(&'a LiveObject),
}

impl<'a> ObjectMatch<'a> {
    /// The live object, whatever its part in it.
    pub fn object(&self) -> Option<&'a LiveObject> {
        match self {
            ObjectMatch::None => None,
            ObjectMatch::Owned(found, _) | ObjectMatch::Moved(found, _) => Some(found),
            ObjectMatch::Adopted(found) | ObjectMatch::External(found) | ObjectMatch::Released(found) => Some(found),
        }
    }
}

/// Why it cannot be told which live object belongs to a manifest, or may not be told.
pub(super) struct Unmatched {
    pub blocked: Box<Blocked>,
    /// Whether it waits for something to become readable.
    pub is_unread: bool,
    /// The former address by which it lays claim to an object all the same.
    pub claims: Option<Address>,
    /// The object of this project without a manifest whose live name it has.
    pub has_name_of: Option<Address>,
}

impl Unmatched {
    /// The same, refused in other words.
    fn map(self, words: impl FnOnce(Blocked) -> Blocked) -> Unmatched {
        Unmatched { blocked: Box::new(words(*self.blocked)), ..self }
    }
}

impl From<Blocked> for Unmatched {
    fn from(blocked: Blocked) -> Unmatched {
        Unmatched { blocked: Box::new(blocked), is_unread: false, claims: None, has_name_of: None }
    }
}

/// Finds the live object of a manifest. Never picks one of several.
pub(super) fn find<'a>(context: &PlanContext<'a>, resource: &Resource) -> Result<ObjectMatch<'a>, Unmatched> {
    let (kind, address) = (resource.kind, &resource.address);
    let refuse = |reason: String, remedy: String| Unmatched::from(Blocked::new(address, reason).with_remedy(remedy));
    if resource.is_external() {
        return external(context, resource);
    }
    unreadable::own_is_unread(context, resource)?;
    let owned = &context.owned[kind.name()];
    let single = |address: &Address| match owned.get(address).map(Vec::as_slice) {
        Some([one]) => Ok(one.mark.as_ref().map(|mark| (*one, mark))),
        None | Some([]) => Ok(None),
        Some(several) => Err(refuse(clones(kind, address, several), CLONES_REMEDY.to_owned())),
    };
    if let Some((found, mark)) = single(address)? {
        return match &resource.adopt {
            Some(id) if *id != found.seen.id && context.lookup.id(kind.name(), id).is_some() => Err(refuse(
                format!("`adopt` names {} {id}, but {} already carries its mark", kind.noun(), found.seen.id),
                format!("remove `adopt`, or `plumb release {address}` first"),
            )),
            _ => Ok(ObjectMatch::Owned(found, mark)),
        };
    }
    for previous in &resource.previous_names {
        let previous = Address { kind: address.kind.clone(), name: previous.clone() };
        if context.declares(&previous) {
            continue;
        }
        if let Some((found, mark)) = single(&previous)? {
            return Ok(ObjectMatch::Moved(found, mark));
        }
    }
    if let Some(id) = &resource.adopt {
        return match context.lookup.id(kind.name(), id) {
            Some(found) if is_released(context, resource, found) => Ok(ObjectMatch::Released(found)),
            Some(found) => foreign::not_taken(resource, found)
                .map_or(Ok(ObjectMatch::Adopted(found)), |blocked| Err(blocked.into())),
            None => {
                unreadable::adopts_unread(context, resource)?;
                Err(refuse(
                    format!("`adopt` names {} {id}, which is not live", kind.noun()),
                    "remove `adopt` to create a new one".to_owned(),
                ))
            }
        };
    }
    let title = resource.spec.get(kind.title()).and_then(Value::as_str).unwrap_or_default();
    match context.lookup.called_as(kind, &resource.spec).first().copied() {
        None => unreadable::may_be_unread(context, resource).map(|()| ObjectMatch::None),
        // What an apply made and did not get to mark. It is marked now, as one that is taken over.
        Some(found) if found.is_blank(kind) => Ok(ObjectMatch::Adopted(found)),
        Some(found) => {
            Err(name_is_taken(context, resource, found, title).map(|blocked| foreign::with_tool(kind, found, blocked)))
        }
    }
}

/// Whether an object was this manifest's until it was released.
fn is_released(context: &PlanContext<'_>, resource: &Resource, found: &LiveObject) -> bool {
    let desired = context.input.desired;
    let is_mine = |owner: &Owner| {
        owner.project == desired.project.name
            && owner.target == desired.mark_target()
            && owner.address == resource.address
    };
    found.mark.is_none() && found.released.as_ref().is_some_and(is_mine)
}

/// Finds an object of others by its name.
fn external<'a>(context: &PlanContext<'a>, resource: &Resource) -> Result<ObjectMatch<'a>, Unmatched> {
    let kind = resource.kind;
    let title = resource.spec.get(kind.title()).and_then(Value::as_str).unwrap_or_default();
    let refuse =
        |reason: String, remedy: &str| Unmatched::from(Blocked::new(&resource.address, reason).with_remedy(remedy));
    match context.lookup.called_as(kind, &resource.spec).first().copied() {
        None => {
            unreadable::may_be_unread(context, resource)?;
            Err(refuse(
                format!("no {} is called \"{title}\", and its manifest says that others make it", kind.noun()),
                "fix the name, or wait until it is there",
            ))
        }
        Some(found) => match &found.mark {
            None => Ok(ObjectMatch::External(found)),
            Some(mark) => Err(refuse(
                format!("the manifest says that others make {} \"{title}\", but it is {}", kind.noun(), mark.owner),
                "manage it there only, or release it first: `plumb release ADDRESS`",
            )),
        },
    }
}

fn name_is_taken(context: &PlanContext<'_>, resource: &Resource, found: &LiveObject, title: &str) -> Unmatched {
    let (one, id) = (resource.kind.one(), &found.seen.id);
    let desired = context.input.desired;
    let owner = found.mark.as_ref().map(|m| &m.owner);
    let mine = owner.filter(|o| o.project == desired.project.name && o.target == desired.mark_target());
    let mut has_name_of = None;
    let (reason, remedy) = match (&found.mark, mine.map(|o| &o.address)) {
        (_, Some(address)) if context.declares(address) => (
            format!("{one} named \"{title}\" is live already (id {id}); it is {address}"),
            "give one of the two another name".to_owned(),
        ),
        (_, Some(address)) => {
            has_name_of = Some(address.clone());
            (
                format!("{one} named \"{title}\" is live already (id {id}); it is {address}, whose manifest is gone"),
                format!("if the manifest was renamed, add `metadata.previousNames: [{}]`", address.name),
            )
        }
        (Some(mark), None) => (
            format!("{one} named \"{title}\" is live already (id {id}) and belongs to {}", mark.owner),
            format!("to take it over, add `metadata.adopt: \"{id}\"`"),
        ),
        (None, None) => (
            format!("{one} named \"{title}\" is live already (id {id}) and carries no mark"),
            format!("to take it over, add `metadata.adopt: \"{id}\"`"),
        ),
    };
    Unmatched { has_name_of, ..Blocked::new(&resource.address, reason).with_remedy(remedy).into() }
}

/// What to do about several objects with one mark.
pub(super) const CLONES_REMEDY: &str =
    "delete the copy, or take the `plumb` mark off it (a job that is cloned in the UI keeps its tags)";

/// That several objects carry one mark, with their ids.
pub(super) fn clones(kind: &dyn Kind, address: &Address, several: &[&LiveObject]) -> String {
    let ids: Vec<&str> = several.iter().map(|f| f.seen.id.as_str()).collect();
    format!("{} {}s carry the mark of {address}: {}", several.len(), kind.noun(), ids.join(" and "))
}
