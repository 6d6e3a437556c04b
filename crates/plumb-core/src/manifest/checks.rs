//! What can only be checked between manifests, or between a manifest and its kind's rules.

use super::{Address, Adopt, Lifecycle, Removal, Resource, walk};
use crate::kinds::{Kind, Role};
use base64::{Engine, engine::general_purpose::STANDARD};
use plumb_model::schema::{Field, Rules, Shape};
use plumb_model::secrets::Vault;
use plumb_model::yaml::{Node, Problems, Tree, UNREAD, is_deferred, nearest};
use std::collections::{BTreeMap, BTreeSet};

/// Reports two manifests of a kind that would make two objects of one name: people could not tell them apart, and a
/// live object of that name could belong to either. Where names need not be unique, `adopt` tells two apart, in whichever target.
pub(super) fn live_names(resources: &[Resource], problems: &mut Problems) {
    let mut seen: BTreeMap<(&str, &str, Option<&Adopt>), &Resource> = BTreeMap::new();
    for resource in resources {
        let title = resource.kind.title();
        let Some(name) = resource.title().filter(|n| !is_deferred(n)) else { continue };
        let adopt = resource.adopts.as_ref().filter(|_| resource.kind.title_is_free());
        if let Some(first) = seen.insert((resource.kind.name(), name, adopt), resource) {
            let place = |r: &Resource| r.node().get(title).map_or(r.span, |n| n.span);
            let message = format!("two manifests claim the {} \"{}\"", resource.kind.noun(), name.escape_debug());
            problems
                .at(place(resource), message, format!("{} has this `{title}`", resource.address))
                .related(place(first), format!("{} has it too", first.address));
        }
    }
}

/// Reports former names that are in use, or that two manifests have.
pub(super) fn previous_names(resources: &[Resource], problems: &mut Problems) {
    let now: BTreeSet<(&str, &str)> = resources.iter().map(|r| (r.kind.name(), r.address.name.as_str())).collect();
    let mut before: BTreeMap<(&str, &str), &Resource> = BTreeMap::new();
    for resource in resources {
        for name in &resource.previous_names {
            let key = (resource.kind.name(), name.as_str());
            let message = if now.contains(&key) {
                format!("{}/{name} cannot be a former name: a manifest has it now", key.0)
            } else if let Some(first) = before.insert(key, resource).filter(|f| f.address != resource.address) {
                format!("{}/{name} is a former name of {} as well", key.0, first.address)
            } else {
                continue;
            };
            problems.at(resource.span, message, format!("in metadata.previousNames of {}", resource.address));
        }
    }
}

/// Reports addresses that no manifest has, or that are of the wrong kind. `known` are those of manifests that could not be
/// read: they have been reported.
pub(super) fn named(resources: &[Resource], known: &BTreeSet<Address>, problems: &mut Problems) {
    let addresses: BTreeSet<String> =
        resources.iter().map(|r| &r.address).chain(known).map(ToString::to_string).collect();
    // Objects name each other by references, which are resolved elsewhere.
    for resource in resources.iter().filter(|resource| resource.kind.role() != Role::Object) {
        for named in resource.kind.named(&resource.spec.read()) {
            let text = &named.address;
            let span = resource.node().at(&named.path).span;
            match text.split_once('/') {
                Some((kind, _)) if named.kinds.contains(&kind) && addresses.contains(text) => {}
                Some((kind, _)) if named.kinds.contains(&kind) => {
                    let near = nearest(text, addresses.iter().map(String::as_str));
                    let label =
                        near.map_or_else(|| "no manifest has this address".into(), |n| format!("did you mean `{n}`?"));
                    problems.at(span, format!("there is no {}", text.escape_debug()), label);
                }
                _ => {
                    let forms: Vec<String> = named.kinds.iter().map(|kind| format!("{kind}/NAME")).collect();
                    let message = format!("`{}` is no address of what can stand here", text.escape_debug());
                    problems.at(span, message, format!("expected {}", forms.join(" or ")));
                }
            }
        }
    }
}

/// Reports secrets that the service would not take: what is too long, or no base64, once the environment is filled in. None is
/// quoted.
pub(super) fn secrets(resources: &[Resource], vault: &Vault, problems: &mut Problems) {
    let mut limited: BTreeMap<&str, bool> = BTreeMap::new();
    for resource in resources {
        let rules = resource.kind.rules();
        let has_limits = || {
            let mut members = rules.types().iter().flat_map(|of| of.members.values());
            members.any(|field| field.rule.most_bytes.is_some() || field.rule.base64)
        };
        if *limited.entry(resource.kind.name()).or_insert_with(has_limits) {
            secret(rules, &rules.root, &resource.node(), vault, problems);
        }
    }
}

fn secret(rules: &Rules, field: &Field, node: &Node, vault: &Vault, problems: &mut Problems) {
    match (&field.shape, &node.tree) {
        (Shape::Object(object), Tree::Map(entries)) => {
            for entry in entries {
                if let Some(member) = rules.of(*object).members.get(&entry.key) {
                    secret(rules, member, &entry.value, vault, problems);
                }
            }
        }
        (Shape::List(item), Tree::Seq(items)) => {
            items.iter().for_each(|node| secret(rules, item, node, vault, problems));
        }
        (_, Tree::Str(text)) if Vault::is_token(text) => {
            let plain = vault.reveal(text);
            if plain == *text {
                return;
            }
            let bytes =
                if field.rule.base64 { STANDARD.decode(&plain).map(|bytes| bytes.len()) } else { Ok(plain.len()) };
            match (bytes, field.rule.most_bytes) {
                (Err(_), _) => {
                    problems.at(node.span, "the value is no base64", "expected base64 with its padding").secret = true;
                }
                (Ok(bytes), Some(most)) if bytes > most => {
                    let label = format!("the service takes {most} at most");
                    problems.at(node.span, format!("a secret of {bytes} bytes"), label).secret = true;
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// Reports metadata that means nothing for a kind that makes no objects.
pub(super) fn metadata_of_objects(resources: &[Resource], problems: &mut Problems) {
    for resource in resources.iter().filter(|r| r.kind.role() != Role::Object) {
        let mut refuse = |field: &str| {
            let message = format!("`metadata.{field}` means nothing for {}", resource.kind.one());
            problems.at(resource.span, message, format!("in {}", resource.address));
        };
        if resource.adopts.is_some() {
            refuse("adopt");
        }
        if resource.take_from.is_some() {
            refuse("takeFrom");
        }
        if !resource.previous_names.is_empty() {
            refuse("previousNames");
        }
        if !resource.remove.is_empty() {
            refuse("remove");
        }
    }
}

/// Reports references in metadata that are only known later, or never shown.
pub(super) fn nothing_deferred(metadata: &Node, problems: &mut Problems) {
    match &metadata.tree {
        Tree::Str(text) if is_deferred(text) && !text.contains("${var.") => {
            let message = "metadata can hold neither secrets nor references to resources";
            problems.at(metadata.span, message, "has to be known here");
        }
        Tree::Seq(items) => items.iter().for_each(|n| nothing_deferred(n, problems)),
        Tree::Map(entries) => entries.iter().for_each(|e| nothing_deferred(&e.value, problems)),
        _ => {}
    }
}

/// Brings ignored paths into the form that plans use, and reports those that no spec of the kind can have.
pub(super) fn ignored_paths(lifecycle: &mut Lifecycle, kind: &'static dyn Kind, problems: &mut Problems) {
    let rules = kind.rules();
    for ignore in lifecycle.ignore.iter_mut().filter(|ignore| ignore.path != UNREAD) {
        ignore.path = inside_spec(rules, &ignore.path);
        let shown: String = ignore.path.chars().take(120).collect();
        match walk::split(&ignore.path) {
            Err(why) => {
                problems.at(ignore.span, format!("`{shown}` is not a path"), why);
            }
            Ok(path) => {
                if let Err((what, label)) = walk::exists(rules, &path) {
                    problems.at(ignore.span, format!("`{shown}` cannot be ignored: {what}"), label);
                }
            }
        }
    }
}

/// A path without what people write before it, where they see it: in the manifest (`spec.…`) or in the service's answer
/// (`settings.…`).
fn inside_spec(rules: &Rules, path: &str) -> String {
    let mut path = path;
    for lead in ["spec.", "settings."] {
        if let Some(rest) = path.strip_prefix(lead)
            && walk::member(rules, &rules.root, lead.trim_end_matches('.')).is_none()
        {
            path = rest;
        }
    }
    path.to_owned()
}

/// Reads the settings that are to go, and reports those that are not of the sort that only `metadata.remove` can take away.
pub(super) fn removed_paths(
    paths: &[String],
    metadata: &Node,
    kind: &'static dyn Kind,
    problems: &mut Problems,
) -> Vec<Removal> {
    let rules = kind.rules();
    let nodes = metadata.get("remove").map_or(&[][..], Node::items);
    let mut removals = Vec::new();
    for (index, text) in paths.iter().enumerate() {
        let span = nodes.get(index).map_or(metadata.span, |node| node.span);
        let path = inside_spec(rules, text);
        let shown: String = text.chars().take(120).collect();
        match walk::split(&path) {
            Err(why) => {
                problems.at(span, format!("`{shown}` is not a path"), why);
            }
            Ok(written) => match walk::unknown(rules, &written) {
                Err((what, label)) => {
                    problems.at(span, format!("`{shown}` cannot be removed: {what}"), label);
                }
                Ok(()) => removals.push(Removal { path, span }),
            },
        }
    }
    removals
}
