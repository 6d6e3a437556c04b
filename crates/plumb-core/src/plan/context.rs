//! What every decision of a plan looks at. Nothing in it changes while resources are decided.

use super::compare::Supplied;
use super::decide::Input;
use super::earlier::Earlier;
use super::live::LiveObject;
use super::lookup::Lookup;
use super::missing_things::NamedThings;
use super::unreadable::UnreadObjects;
use super::{SourceLine, secrets};
use crate::kinds::{Kind, Mark, Owner, Rev};
use crate::manifest::Resource;
use plumb_model::address::Address;
use plumb_model::secrets::Vault;
use plumb_model::yaml::Span;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The input of a decision, and what is worked out from it once.
pub(super) struct PlanContext<'a> {
    pub input: &'a Input<'a>,
    /// Knows the secrets of every manifest and of every object that one may be about, so values of any two compare.
    pub vault: Vault,
    /// The secrets of earlier manifests: they are hidden, and compared as the text that they are.
    pub earlier: Arc<Vault>,
    pub supplied: BTreeMap<String, Supplied>,
    /// The objects that carry this project's mark, by kind and by the address in the mark.
    pub owned: BTreeMap<&'static str, BTreeMap<Address, Vec<&'a LiveObject>>>,
    /// The manifests and the live objects, by what they are looked up by.
    pub lookup: Lookup<'a>,
    /// What is live and could not be read.
    pub unread: UnreadObjects<'a>,
    /// What others know by names.
    pub things: NamedThings,
    /// The specs of the DAGs of waves, as the side of the cutover has them that each is on.
    pub settled: BTreeMap<Address, Value>,
}

impl<'a> PlanContext<'a> {
    pub fn new(input: &'a Input<'a>) -> Self {
        let (project, target) = (&input.desired.project.name, &input.desired.mark_target());
        let owned: BTreeMap<_, _> =
            input.kinds.iter().map(|k| (k.name(), input.live.owned(k.name(), project, target))).collect();
        let lookup = Lookup::new(input);
        let vault = vault_of(input, &owned, &lookup);
        PlanContext {
            input,
            earlier: input.baselines.named_by(&vault),
            vault,
            supplied: input.live.supplied(),
            owned,
            lookup,
            unread: UnreadObjects::new(input.live, input.kinds, project, target),
            things: NamedThings::of(input),
            settled: BTreeMap::new(),
        }
    }

    /// What a manifest wants, on the side of the cutover that it is on.
    pub fn spec_of<'r>(&'r self, resource: &'r Resource) -> &'r Value {
        self.settled.get(&resource.address).unwrap_or(&resource.spec)
    }

    /// Whether a kind was read.
    pub fn reads(&self, kind: &str) -> bool {
        self.input.kinds.iter().any(|k| k.name() == kind)
    }

    /// Whether a manifest has an address.
    pub fn declares(&self, address: &Address) -> bool {
        self.lookup.resource(address).is_some()
    }

    /// A value with a token in the place of each secret.
    pub fn sealed<'v>(&self, value: &'v Value) -> Cow<'v, Value> {
        if self.vault.is_empty() { Cow::Borrowed(value) } else { Cow::Owned(self.vault.seal_known(value)) }
    }

    /// What of a live object is not shown: what the manifest keeps secret, and what earlier ones did.
    pub fn earlier(&self, resource: &Resource) -> Earlier {
        self.input.baselines.secrets(&resource.address, &self.earlier).and(&resource.spec)
    }

    /// The body with the mark on it. `hash` is that of the spec as it was loaded: what other objects keep secret must not
    /// change it.
    pub fn marked(&self, resource: &Resource, mut body: Value, hash: String) -> Value {
        let rev = Rev { commit: self.input.head.unwrap_or(Rev::NO_COMMIT).chars().take(12).collect(), hash };
        let owner = Owner {
            project: self.input.desired.project.name.clone(),
            target: self.input.desired.mark_target(),
            address: resource.address.clone(),
        };
        let (protect, force_destroy) = (resource.lifecycle.protect, resource.lifecycle.force_destroy);
        resource.kind.mark().put(&mut body, &Mark { owner, rev: Some(rev), protect, force_destroy });
        body
    }

    /// The line of a value.
    pub fn source(&self, span: Span) -> Option<SourceLine> {
        let files = &self.input.desired.files;
        let (file, line) = (files.get(span.file).path.clone(), files.position(span).0);
        Some(SourceLine { file, line, nearest: false, commit: None })
    }

    /// The line that is nearest to where a value would stand.
    pub fn nearest(&self, span: Span) -> Option<SourceLine> {
        Some(SourceLine { nearest: true, ..self.source(span)? })
    }
}

/// A vault that knows every secret that a decision can meet: learnt before anything is compared.
fn vault_of(
    input: &Input<'_>,
    owned: &BTreeMap<&'static str, BTreeMap<Address, Vec<&LiveObject>>>,
    lookup: &Lookup<'_>,
) -> Vault {
    let mut vault = input.desired.vault.clone();
    let resources = &input.desired.resources;
    let adopted: BTreeSet<&str> = resources.iter().filter_map(|r| r.adopt.as_deref()).collect();
    for resource in resources {
        secrets::learn(resource.kind.rules(), &resource.spec.read(), &mut vault);
    }
    for kind in input.kinds {
        let own = owned[kind.name()].values().flatten().copied();
        let taken = input.live.of(kind.name()).iter().filter(|f| adopted.contains(f.seen.id.as_str()));
        own.chain(taken).for_each(|found| learn(*kind, found, &mut vault));
    }
    for resource in resources.iter().filter(|r| r.is_external()) {
        lookup
            .called_as(resource.kind, &resource.spec)
            .iter()
            .for_each(|found| learn(resource.kind, found, &mut vault));
    }
    vault
}

fn learn(kind: &dyn Kind, found: &LiveObject, vault: &mut Vault) {
    if found.seen.has_secrets(kind) {
        secrets::learn(kind.rules(), &found.seen.spec(), vault);
    }
}
