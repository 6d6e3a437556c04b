//! Which manifests are written beside one of the same object in another target: they are better one.

use plumb_core::kinds::Kind;
use plumb_core::manifest::{Adopt, Desired};
use plumb_core::plan::LiveObject;
use plumb_core::render::value::visible;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// An object and the file that its manifest goes to.
pub type Imported<'a> = (&'static dyn Kind, &'a LiveObject, PathBuf);

/// What to do about each manifest that takes an object of the same kind and name over in other targets.
pub fn of(desired: &Desired, imported: &[Imported<'_>]) -> Vec<String> {
    let target = &desired.target.name;
    let by_title: BTreeMap<(&str, &str), &Imported<'_>> =
        imported.iter().map(|one| ((one.0.name(), one.1.seen.title(one.0)), one)).collect();
    let elsewhere = desired.resources.iter().filter_map(|resource| match &resource.adopts {
        Some(Adopt::ByTarget(ids)) if !ids.contains_key(target) => Some((resource, ids)),
        _ => None,
    });
    let told = elsewhere.filter_map(|(resource, ids)| {
        let title = resource.title()?;
        let (kind, found, file) = by_title.get(&(resource.kind.name(), title))?;
        let others: Vec<&str> = ids.keys().map(String::as_str).collect();
        Some(format!(
            "{} takes the {} \"{}\" over in {}, and would make another in {target}: to have one manifest for all, add \
             `{target}: \"{}\"` to its `metadata.adopt`, what differs to a patch of the target, and delete {}",
            resource.address,
            kind.noun(),
            visible(title),
            others.join(" and "),
            visible(&found.seen.id),
            file.display()
        ))
    });
    told.collect()
}
