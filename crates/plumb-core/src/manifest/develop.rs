//! What is done to a spec before it is typed: the development prefix, and the sealing of secrets.

use super::Vault;
use super::walk::{element, member};
use crate::detect::names_secret;
use plumb_model::schema::{Field, Rules, Secret};
use plumb_model::yaml::{Entry, Node, Tree};

/// Puts `[dev USER] ` before the name that people know an object by.
pub(super) fn prefix(spec: &mut Node, title: &str, user: &str) {
    if let Tree::Map(entries) = &mut spec.tree
        && let Some(entry) = entries.iter_mut().find(|e| e.key == title)
        && let Tree::Str(name) = &mut entry.value.tree
    {
        name.insert_str(0, &format!("[dev {user}] "));
    }
}

/// Writes out a member that the spec leaves out.
pub(super) fn assume(spec: &mut Node, member: &str, value: Tree) {
    let span = spec.span;
    if let Tree::Map(entries) = &mut spec.tree
        && !entries.iter().any(|e| e.key == member)
    {
        entries.push(Entry { key: member.to_owned(), key_span: span, value: Node { span, tree: value } });
    }
}

/// Writes something else in the place of what is assumed of a member.
pub(super) fn assume_instead(spec: &mut Node, member: &str, value: Tree) {
    if let Tree::Map(entries) = &mut spec.tree
        && let Some(entry) = entries.iter_mut().find(|entry| entry.key == member)
    {
        entry.value.tree = value;
    }
}

/// Puts tokens in the place of strings that a rule calls secret.
pub(super) fn seal(spec: &mut Node, rules: &Rules, vault: &mut Vault) {
    seal_at(spec, &rules.root, rules, vault);
}

fn seal_at(node: &mut Node, field: &Field, rules: &Rules, vault: &mut Vault) {
    if field.rule.secret == Some(Secret::Value) {
        return seal_all(node, vault);
    }
    let by_name = field.rule.secret == Some(Secret::ByName);
    match &mut node.tree {
        Tree::Seq(items) => {
            if let Some(inner) = element(field) {
                items.iter_mut().for_each(|item| seal_at(item, inner, rules, vault));
            }
        }
        Tree::Map(entries) => {
            for entry in entries {
                if by_name && names_secret(&entry.key) {
                    seal_all(&mut entry.value, vault);
                } else if let Some(inner) = member(rules, field, &entry.key) {
                    seal_at(&mut entry.value, inner, rules, vault);
                }
            }
        }
        _ => {}
    }
}

fn seal_all(node: &mut Node, vault: &mut Vault) {
    match &mut node.tree {
        Tree::Seq(items) => items.iter_mut().for_each(|item| seal_all(item, vault)),
        Tree::Map(entries) => entries.iter_mut().for_each(|e| seal_all(&mut e.value, vault)),
        // `{{secrets/scope/key}}` is the service's own reference, and no secret itself.
        Tree::Str(text) if text.contains("{{secrets/") || text.contains("${resources.") || Vault::is_token(text) => {}
        Tree::Str(text) if !text.is_empty() => *text = vault.seal(text),
        _ => {}
    }
}
