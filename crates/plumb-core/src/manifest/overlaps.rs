//! Storage that two manifests claim: the service lets no external location be within another one, nor at the same address
//! ("overlaps with an existing external location", a real answer that databrickslabs/ucx looks for).

use super::Resource;
use crate::kinds::ThingKind;
use plumb_model::yaml::{Node, Problems, Span, Tree, is_deferred};

/// Reports addresses of storage that are within one another.
pub(super) fn storages(resources: &[Resource], problems: &mut Problems) {
    let mut all: Vec<(String, &Resource)> = Vec::new();
    // Only kinds that are not always read make what others know by names.
    for resource in resources.iter().filter(|resource| !resource.kind.is_always_read()) {
        let things = resource.kind.provides(&resource.spec.read()).into_iter();
        let urls = things.filter(|thing| thing.kind == ThingKind::Storage && !is_deferred(&thing.name));
        // With a slash at the end, whatever is below an address comes after it in the order of texts.
        all.extend(urls.map(|thing| (format!("{}/", thing.name.trim_end_matches('/')), resource)));
    }
    all.sort_by(|one, other| (&one.0, &one.1.address).cmp(&(&other.0, &other.1.address)));
    let mut around: Option<&(String, &Resource)> = None;
    for here in &all {
        match around {
            Some((url, first)) if here.0.starts_with(url.as_str()) => {
                let which = if here.0 == *url { "is the same as" } else { "is within" };
                let message = format!("the address of {} {which} that of {}", here.1.address, first.address);
                problems
                    .at(place(here.1, &here.0), message, "Unity Catalog lets no location be within another one")
                    .related(place(first, url), format!("the address of {}", first.address));
            }
            _ => around = Some(here),
        }
    }
}

/// Where a manifest has its address.
fn place(resource: &Resource, url: &str) -> Span {
    fn find(node: &Node, url: &str) -> Option<Span> {
        match &node.tree {
            Tree::Str(text) if text.trim_end_matches('/') == url.trim_end_matches('/') => Some(node.span),
            Tree::Map(entries) => entries.iter().find_map(|entry| find(&entry.value, url)),
            Tree::Seq(items) => items.iter().find_map(|item| find(item, url)),
            _ => None,
        }
    }
    find(&resource.node(), url).unwrap_or(resource.span)
}
