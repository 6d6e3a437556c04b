//! Which live object belongs to a manifest. It is told by the mark alone: a name is no proof.

use super::decide::Decider;
use super::live::Found;
use super::{Blocked, foreign};
use crate::kinds::{Kind, Mark, Owner};
use crate::manifest::Resource;
use plumb_model::address::Address;
use serde_json::Value;

/// How a manifest and a live object belong together.
pub(super) enum Match<'a> {
    None,
    Owned(&'a Found, &'a Mark),
    Adopted(&'a Found),
    Moved(&'a Found, &'a Mark),
    /// An object of others, known by its name.
    External(&'a Found),
    /// What `adopt` names, and `plumb release` let go.
    Released(&'a Found),
}

impl<'a> Decider<'a> {
    /// Finds the live object of a manifest. Never picks one of several.
    pub(super) fn matching(&mut self, resource: &'a Resource) -> Result<Match<'a>, Blocked> {
        let (kind, address) = (resource.kind, &resource.address);
        let refuse = |reason: String, remedy: Option<String>| Blocked {
            guard: None,
            address: Some(address.clone()),
            reason,
            remedy,
        };
        if kind.is_external(&resource.spec) {
            return self.external(resource);
        }
        self.own_is_unread(resource)?;
        let owned = &self.owned[kind.name()];
        let single = |address: &Address| match owned.get(address).map(Vec::as_slice) {
            Some([one]) => Ok(one.mark.as_ref().map(|mark| (*one, mark))),
            None | Some([]) => Ok(None),
            Some(several) => Err(refuse(clones(kind, address, several), Some(CLONES_REMEDY.into()))),
        };
        if let Some((found, mark)) = single(address)? {
            return match &resource.adopt {
                Some(id)
                    if *id != found.seen.id && self.input.live.of(kind.name()).iter().any(|f| f.seen.id == *id) =>
                {
                    Err(refuse(
                        format!("`adopt` names {} {id}, but {} already carries its mark", kind.noun(), found.seen.id),
                        Some(format!("remove `adopt`, or `plumb release {address}` first")),
                    ))
                }
                _ => Ok(Match::Owned(found, mark)),
            };
        }
        for previous in &resource.previous_names {
            let previous = Address { kind: address.kind.clone(), name: previous.clone() };
            if self.input.desired.resources.iter().any(|r| r.address == previous) {
                continue;
            }
            if let Some((found, mark)) = single(&previous)? {
                self.claimed.insert(previous);
                return Ok(Match::Moved(found, mark));
            }
        }
        let live = self.input.live.of(kind.name());
        if let Some(id) = &resource.adopt {
            return match live.iter().find(|f| f.seen.id == *id) {
                Some(found) if self.is_released(resource, found) => Ok(Match::Released(found)),
                Some(found) => foreign::not_taken(resource, found).map_or(Ok(Match::Adopted(found)), Err),
                None => {
                    self.adopts_unread(resource)?;
                    Err(refuse(
                        format!("`adopt` names {} {id}, which is not live", kind.noun()),
                        Some("remove `adopt` to create a new one".into()),
                    ))
                }
            };
        }
        let title = resource.spec.get(kind.title()).and_then(Value::as_str).unwrap_or_default();
        match live.iter().find(|f| f.is_called_as(kind, &resource.spec)) {
            None => self.may_be_unread(resource).map(|()| Match::None),
            Some(found) => Err(foreign::with_tool(kind, found, self.name_is_taken(resource, found, title))),
        }
    }

    /// Whether an object was this manifest's until it was released.
    fn is_released(&self, resource: &Resource, found: &Found) -> bool {
        let desired = self.input.desired;
        let is_mine = |owner: &Owner| {
            owner.project == desired.project.name
                && owner.target == desired.mark_target()
                && owner.address == resource.address
        };
        found.mark.is_none() && found.released.as_ref().is_some_and(is_mine)
    }

    /// Finds an object of others by its name.
    fn external(&mut self, resource: &'a Resource) -> Result<Match<'a>, Blocked> {
        let kind = resource.kind;
        let title = resource.spec.get(kind.title()).and_then(Value::as_str).unwrap_or_default();
        let refuse = |reason: String, remedy: &str| Blocked {
            guard: None,
            address: Some(resource.address.clone()),
            reason,
            remedy: Some(remedy.to_owned()),
        };
        match self.input.live.of(kind.name()).iter().find(|f| f.is_called_as(kind, &resource.spec)) {
            None => {
                self.may_be_unread(resource)?;
                Err(refuse(
                    format!("no {} is called \"{title}\", and its manifest says that others make it", kind.noun()),
                    "mend the name, or wait until it is there",
                ))
            }
            Some(found) => match &found.mark {
                None => Ok(Match::External(found)),
                Some(mark) => Err(refuse(
                    format!("the manifest says that others make {} \"{title}\", but it is {}", kind.noun(), mark.owner),
                    "manage it there only, or release it first: `plumb release ADDRESS`",
                )),
            },
        }
    }

    fn name_is_taken(&mut self, resource: &Resource, found: &Found, title: &str) -> Blocked {
        let (one, id) = (resource.kind.one(), &found.seen.id);
        let desired = self.input.desired;
        let owner = found.mark.as_ref().map(|m| &m.owner);
        let mine = owner.filter(|o| o.project == desired.project.name && o.target == desired.mark_target());
        let (reason, remedy) = match (&found.mark, mine.map(|o| &o.address)) {
            (_, Some(address)) if desired.resources.iter().any(|r| r.address == *address) => (
                format!("{one} named \"{title}\" is live already (id {id}); it is {address}"),
                "give one of the two another name".to_owned(),
            ),
            (_, Some(address)) => {
                self.renamed.insert(address.clone(), resource.address.clone());
                (
                    format!(
                        "{one} named \"{title}\" is live already (id {id}); it is {address}, whose manifest is gone"
                    ),
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
        Blocked { guard: None, address: Some(resource.address.clone()), reason, remedy: Some(remedy) }
    }
}

/// What to do about several objects with one mark.
pub(super) const CLONES_REMEDY: &str =
    "delete the copy, or take the `plumb` mark off it (a job that is cloned in the UI keeps its tags)";

/// That several objects carry one mark, with their ids.
pub(super) fn clones(kind: &dyn Kind, address: &Address, several: &[&Found]) -> String {
    let ids: Vec<&str> = several.iter().map(|f| f.seen.id.as_str()).collect();
    format!("{} {}s carry the mark of {address}: {}", several.len(), kind.noun(), ids.join(" and "))
}
