//! Merging a target's patches over the manifests of the same address.

use super::walk::{element, key_names, key_of, member};
use plumb_model::schema::{Field, KeyBy, Rules};
use plumb_model::yaml::{Entry, Node, Problems, Tree};
use std::collections::BTreeMap;

/// Merges a patch over a spec: RFC 7396, except that lists whose elements have a key are merged element by element.
/// What the patch brings keeps its place in the patch's file.
pub(super) fn merge(base: Node, patch: Node, rules: &Rules, problems: &mut Problems) -> Node {
    Merger { rules: Some(rules), problems }.value(base, patch, Some(&rules.root))
}

/// Merges where no rules are known: metadata.
pub(super) fn merge_plain(base: Node, patch: Node, problems: &mut Problems) -> Node {
    Merger { rules: None, problems }.value(base, patch, None)
}

struct Merger<'a> {
    rules: Option<&'a Rules>,
    problems: &'a mut Problems,
}

impl Merger<'_> {
    fn value(&mut self, base: Node, patch: Node, field: Option<&Field>) -> Node {
        let is_keyed = field.is_some_and(|f| f.rule.key.is_some());
        match (base.tree, patch.tree) {
            (Tree::Map(entries), Tree::Map(changes)) => {
                Node { span: base.span, tree: Tree::Map(self.members(entries, changes, field)) }
            }
            (Tree::Seq(items), Tree::Seq(changes)) => {
                let tree = match field.and_then(|f| f.rule.key.as_ref()) {
                    Some(key) => self.elements(items, changes, key, field.and_then(element)),
                    None => changes,
                };
                Node { span: if is_keyed { base.span } else { patch.span }, tree: Tree::Seq(tree) }
            }
            (_, tree) => without_nulls(Node { span: patch.span, tree }),
        }
    }

    fn elements(&mut self, mut items: Vec<Node>, changes: Vec<Node>, key: &KeyBy, inner: Option<&Field>) -> Vec<Node> {
        let mut places: BTreeMap<String, usize> =
            items.iter().enumerate().rev().filter_map(|(i, item)| Some((key_of(key, item)?, i))).collect();
        for change in changes {
            let Some(name) = key_of(key, &change) else {
                let label = format!("it needs {}, which says over which element", key_names(key));
                self.problems.at(change.span, "this element cannot be merged", label);
                continue;
            };
            match places.get(&name) {
                Some(&i) => {
                    let old = std::mem::replace(&mut items[i], Node { span: change.span, tree: Tree::Null });
                    items[i] = self.value(old, change, inner);
                }
                None => {
                    places.insert(name, items.len());
                    items.push(without_nulls(change));
                }
            }
        }
        items
    }

    fn members(&mut self, entries: Vec<Entry>, changes: Vec<Entry>, field: Option<&Field>) -> Vec<Entry> {
        let places: BTreeMap<String, usize> = entries.iter().enumerate().map(|(i, e)| (e.key.clone(), i)).collect();
        let mut entries: Vec<Option<Entry>> = entries.into_iter().map(Some).collect();
        for change in changes {
            let old = places.get(&change.key).copied();
            match (old, &change.value.tree) {
                (Some(i), Tree::Null) => entries[i] = None,
                (None, Tree::Null) => {}
                (Some(i), _) => {
                    let inner = self.rules.zip(field).and_then(|(rules, f)| member(rules, f, &change.key));
                    entries[i] =
                        entries[i].take().map(|old| Entry { value: self.value(old.value, change.value, inner), ..old });
                }
                (None, _) => entries.push(Some(Entry { value: without_nulls(change.value), ..change })),
            }
        }
        entries.into_iter().flatten().collect()
    }
}

/// What a patch adds, without the nulls by which it would delete.
fn without_nulls(node: Node) -> Node {
    match node.tree {
        Tree::Map(entries) => {
            let kept = entries
                .into_iter()
                .filter(|e| e.value.tree != Tree::Null)
                .map(|e| Entry { value: without_nulls(e.value), ..e })
                .collect();
            Node { span: node.span, tree: Tree::Map(kept) }
        }
        tree => Node { span: node.span, tree },
    }
}
