//! What earlier manifests were: for telling who changed what, and for hiding what was a secret in one of them.
//!
//! Where a manifest says `${env.NAME}` no more, the secret is still what is live. Its value may not be known, since the
//! environment has it no longer, but its place is.

use super::secrets::holds;
use crate::code::CodeTree;
use crate::detect;
use plumb_model::address::Address;
use plumb_model::schema::{self, Field, Path, Rules, Segment, Shape};
use plumb_model::secrets::Vault;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an earlier commit had under an address.
#[derive(Clone, Debug, PartialEq)]
pub enum Baseline {
    /// The spec there.
    Spec(Value),
    /// There was no such manifest.
    Nothing,
}

/// What is known of earlier manifests, by address. It explains differences and decides none.
#[derive(Clone, Debug, Default)]
pub struct Baselines {
    specs: BTreeMap<Address, Baseline>,
    /// What the manifests since the one that explains said of what is written by calls of its own.
    since: BTreeMap<Address, Vec<Value>>,
    /// Manifests in which a secret may have stood that is live: more than one, if there is a base beside the mark.
    hiding: BTreeMap<Address, Vec<Value>>,
    /// The secrets that earlier manifests could use.
    known: Vault,
    /// The code that earlier manifests named, by the hashes of its trees.
    trees: BTreeMap<String, CodeTree>,
}

impl Baselines {
    /// Nothing is known.
    pub fn new() -> Baselines {
        Baselines::default()
    }

    /// Whether nothing is known that explains or hides anything.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
            && self.since.is_empty()
            && self.hiding.is_empty()
            && self.known.is_empty()
            && self.trees.is_empty()
    }

    /// What explains the differences of a resource.
    pub fn get(&self, address: &Address) -> Option<&Baseline> {
        self.specs.get(address)
    }

    /// Sets what explains the differences of a resource.
    pub fn insert(&mut self, address: Address, base: Baseline) {
        self.specs.insert(address, base);
    }

    /// What the manifests since the one that explains said of what is written by calls of its own, each in one spec with
    /// nothing else. `None` where the history does not tell.
    pub fn since(&self, address: &Address) -> Option<&[Value]> {
        self.since.get(address).map(Vec::as_slice)
    }

    /// Sets that.
    pub fn set_since(&mut self, address: Address, specs: Vec<Value>) {
        self.since.insert(address, specs);
    }

    /// Adds a manifest whose secrets are hidden in what is live of a resource, whether it explains anything or not.
    pub fn hide(&mut self, address: &Address, spec: &Value) {
        let known = self.hiding.entry(address.clone()).or_default();
        if holds(spec) && !known.contains(spec) {
            known.push(spec.clone());
        }
    }

    /// Adds the secrets that the manifests of an earlier commit could use.
    pub fn learn(&mut self, vault: &Vault) {
        if self.known.is_empty() {
            self.known = vault.rekeyed(&self.known);
        }
        self.known.absorb(vault);
    }

    /// Adds what is to be hidden by what else is known; what explains stays.
    pub fn hide_like(&mut self, other: &Baselines) {
        other.hiding.iter().for_each(|(address, specs)| specs.iter().for_each(|spec| self.hide(address, spec)));
        self.learn(&other.known);
        self.learn_code(other.trees.values());
    }

    /// Adds the code that the manifests of an earlier commit named.
    pub fn learn_code<'t>(&mut self, trees: impl IntoIterator<Item = &'t CodeTree>) {
        for tree in trees {
            self.trees.entry(tree.hash.clone()).or_insert_with(|| tree.clone());
        }
    }

    /// The earlier code of a hash.
    pub fn tree(&self, hash: &str) -> Option<&CodeTree> {
        self.trees.get(hash)
    }

    /// All earlier code that is known.
    pub fn trees(&self) -> impl Iterator<Item = &CodeTree> {
        self.trees.values()
    }

    /// What hides secrets in what is live of a resource. `vault` names them.
    pub(super) fn secrets(&self, address: &Address, vault: &Arc<Vault>) -> Earlier {
        Earlier { specs: self.hiding.get(address).cloned().unwrap_or_default(), vault: vault.clone() }
    }

    /// Every earlier secret, under the names that a vault gives them.
    pub(super) fn named_by(&self, vault: &Vault) -> Arc<Vault> {
        Arc::new(vault.rekeyed(&self.known))
    }

    /// What hides secrets in what is live of a resource, for showing it without a plan.
    pub fn hiding(&self, address: &Address, vault: &Vault) -> Earlier {
        self.secrets(address, &self.named_by(vault))
    }
}

impl Extend<(Address, Baseline)> for Baselines {
    fn extend<I: IntoIterator<Item = (Address, Baseline)>>(&mut self, bases: I) {
        self.specs.extend(bases);
    }
}

impl FromIterator<(Address, Baseline)> for Baselines {
    fn from_iter<I: IntoIterator<Item = (Address, Baseline)>>(bases: I) -> Baselines {
        Baselines { specs: bases.into_iter().collect(), ..Baselines::default() }
    }
}

/// The secrets that earlier manifests of one resource had: their places, and their values as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    specs: Vec<Value>,
    vault: Arc<Vault>,
}

impl Earlier {
    /// The same, with the secrets of one manifest more.
    pub fn and(mut self, spec: &Value) -> Earlier {
        if holds(spec) {
            self.specs.push(spec.clone());
        }
        self
    }

    /// Hides what is or was a secret in a live value that stands at a path of the spec; whether there was any.
    ///
    /// What has the form of a secret is hidden too: of a manifest that git does not have nobody knows the places.
    pub fn hide(&self, rules: &Rules, path: &Path, live: &mut Value) -> bool {
        let before = live.clone();
        *live = self.vault.seal_known(live);
        for spec in &self.specs {
            self.below(rules, &rules.root, spec, &path.0, live);
        }
        let name = match path.0.last() {
            Some(Segment::Key(key)) => key.as_str(),
            _ => "",
        };
        *live = detect::replaced(name, live, &mut |found| self.vault.token(found.secret));
        *live != before
    }

    /// The value without the earlier secrets that are known.
    pub fn known(&self, value: &Value) -> Value {
        self.vault.seal_known(value)
    }

    /// Follows a path to where a value stands, as far as the manifest goes.
    fn below(&self, rules: &Rules, field: &Field, was: &Value, path: &[Segment], live: &mut Value) {
        let Some((segment, rest)) = path.split_first() else { return self.at(rules, field, was, live) };
        match (&field.shape, segment, was) {
            (Shape::Object(object), Segment::Key(key), Value::Object(map)) => {
                if let (Some(member), Some(was)) = (rules.of(*object).members.get(key), map.get(key)) {
                    self.below(rules, member, was, rest, live);
                }
            }
            (Shape::Map(entry), Segment::Key(key), Value::Object(map)) => {
                if let Some(was) = map.get(key) {
                    self.below(rules, entry, was, rest, live);
                }
            }
            (Shape::List(item), segment, Value::Array(items)) => {
                for was in like(field, items, segment) {
                    self.below(rules, item, was, rest, live);
                }
            }
            // The manifest had something else there than what is live.
            (_, _, was) if holds(was) => self.whole(live),
            _ => {}
        }
    }

    /// Hides the parts of a live value where a manifest had secrets.
    fn at(&self, rules: &Rules, field: &Field, was: &Value, live: &mut Value) {
        if !holds(was) {
            return;
        }
        match (&field.shape, was, &mut *live) {
            (Shape::Object(object), Value::Object(was), Value::Object(lives)) => {
                let members = &rules.of(*object).members;
                for (key, live) in lives {
                    if let (Some(member), Some(was)) = (members.get(key), was.get(key)) {
                        self.at(rules, member, was, live);
                    }
                }
            }
            (Shape::Map(entry), Value::Object(was), Value::Object(lives)) => {
                for (key, live) in lives {
                    if let Some(was) = was.get(key) {
                        self.at(rules, entry, was, live);
                    }
                }
            }
            (Shape::List(item), Value::Array(was), Value::Array(lives)) => {
                for live in lives {
                    let name = match &field.rule.key {
                        Some(by) => by.of(live).unwrap_or_default(),
                        None => schema::label(live),
                    };
                    for was in like(field, was, &Segment::Item(name)) {
                        self.at(rules, item, was, live);
                    }
                }
            }
            (Shape::Leaf, Value::Object(was), Value::Object(lives)) => {
                for (key, live) in lives {
                    if let Some(was) = was.get(key) {
                        self.at(rules, field, was, live);
                    }
                }
            }
            _ => self.whole(live),
        }
    }

    fn whole(&self, live: &mut Value) {
        *live = whole(&self.vault, live);
    }
}

/// The elements of a list of which a live one may be: the one of its key or, where that one moved, was renamed or has no
/// key, each that had a secret. One that stood there just so is no secret.
fn like<'v>(field: &Field, items: &'v [Value], segment: &Segment) -> Vec<&'v Value> {
    let is_it = |item: &&Value| match (segment, &field.rule.key) {
        (Segment::Item(name), Some(by)) => by.of(item).as_ref() == Some(name),
        (Segment::Item(name), None) => schema::label(item) == *name,
        _ => false,
    };
    match items.iter().find(is_it) {
        Some(item) => vec![item],
        None => items.iter().filter(|item| holds(item)).collect(),
    }
}

/// The token for a whole value. What is one already, or is not there, stays; and so does a switch, which is no secret.
pub(super) fn whole(vault: &Vault, live: &Value) -> Value {
    match live {
        Value::Null | Value::Bool(_) => live.clone(),
        Value::String(text) if text.is_empty() || Vault::is_token(text) => live.clone(),
        Value::String(text) => vault.token(&vault.reveal(text)).into(),
        other => vault.token(&other.to_string()).into(),
    }
}

#[cfg(test)]
#[path = "earlier_tests.rs"]
mod tests;
