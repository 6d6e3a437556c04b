//! Taking what is live into the manifests: edits of their text that leave comments and layout as they are.
//!
//! Nothing is believed: after each resource the manifests are read and decided on again, and an edit that did not do away
//! with the drift of its resource is taken back.

use crate::kinds::entries;
use crate::manifest::{Author, Desired, Resource, document_of};
use crate::plan::secrets::holds;
use crate::plan::{Action, Change, ChangeOrigin, Decision, Earlier, FieldChange, Op};
use plumb_model::address::Address;
use plumb_model::schema::{self, Path, Segment};
use plumb_model::yaml::Node;
use plumb_model::yaml::edit::{self, Step};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Texts by their path, the project file and the manifests.
pub type Texts = BTreeMap<String, Vec<u8>>;

/// Decides by other texts, against what was live: the manifests, and the plan.
pub type Decide<'a> = &'a dyn Fn(&Texts) -> Result<(Desired, Decision), String>;

/// What became of a field that drifted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DriftedField {
    pub address: Address,
    pub path: String,
    /// Why the manifest was left as it is there.
    pub why: String,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenBack {
    /// The files that change, with their new texts.
    pub texts: BTreeMap<String, String>,
    /// How many fields of which resources are in them.
    pub fields: BTreeMap<Address, usize>,
    pub kept: Vec<DriftedField>,
}

/// A manifest that changed is held against everything that is live, so what nobody declared shows up then, and what is
/// taken in may bring up more. More rounds than this are a circle.
const ROUNDS: usize = 4;

/// Writes what drifted into the manifests. `ids` are the ids of live objects, to write references instead.
pub fn write(texts: &Texts, ids: &BTreeMap<String, Address>, decide: Decide<'_>) -> Result<WrittenBack, String> {
    let mut written = WrittenBack::default();
    let mut texts = texts.clone();
    let (_, first) = decide(&texts)?;
    for change in &first.plan.changes {
        let drifted = change.fields.iter().any(|f| f.origin == Some(ChangeOrigin::Drift));
        if !matches!(change.action, Action::Update | Action::Replace) || !drifted {
            continue;
        }
        let mut one = One { ids, address: &change.address, kept: Vec::new(), fields: 0 };
        let drift = change.fields.iter().filter(|f| f.origin == Some(ChangeOrigin::Drift));
        let paths: Vec<String> = drift.map(|f| f.path.clone()).collect();
        let after = one.parts(texts.clone(), change, &paths, decide);
        for (path, bytes) in after {
            if texts.get(&path) != Some(&bytes) {
                let text = String::from_utf8(bytes.clone()).map_err(|_| format!("{path} is no UTF-8"))?;
                written.texts.insert(path.clone(), text);
                texts.insert(path, bytes);
            }
        }
        if one.fields > 0 {
            written.fields.insert(change.address.clone(), one.fields);
        }
        written.kept.append(&mut one.kept);
    }
    written.kept.sort();
    written.kept.dedup();
    Ok(written)
}

struct One<'a> {
    ids: &'a BTreeMap<String, Address>,
    address: &'a Address,
    kept: Vec<DriftedField>,
    fields: usize,
}

impl One<'_> {
    /// Takes in what can be: all of these fields at once, or else each half of them by itself. The rest is named.
    fn parts(&mut self, texts: Texts, change: &Change, paths: &[String], decide: Decide<'_>) -> Texts {
        let (kept, fields) = (self.kept.clone(), self.fields);
        let why = match self.resource(&texts, change, paths, decide) {
            Ok(after) => return after,
            Err(why) => why,
        };
        (self.kept, self.fields) = (kept, fields);
        match paths {
            [] => texts,
            [path] => {
                self.kept.push(DriftedField { address: self.address.clone(), path: path.clone(), why });
                texts
            }
            _ => {
                let (first, second) = paths.split_at(paths.len() / 2);
                let texts = self.parts(texts, change, first, decide);
                self.parts(texts, change, second, decide)
            }
        }
    }

    /// The texts with the drift of some of a resource's fields in them; an error when what was written does not do away
    /// with it.
    fn resource(
        &mut self,
        texts: &Texts,
        change: &Change,
        paths: &[String],
        decide: Decide<'_>,
    ) -> Result<Texts, String> {
        // What the manifests ask for and nobody has applied yet stays a difference.
        let stays = |f: &&FieldChange| f.origin != Some(ChangeOrigin::Drift) || !paths.contains(&f.path);
        let mut left: BTreeSet<String> = change.fields.iter().filter(stays).map(|f| f.path.clone()).collect();
        let mut texts = texts.clone();
        for _ in 0..ROUNDS {
            let (desired, decision) = decide(&texts)?;
            let fields: Vec<FieldChange> = decision
                .plan
                .changes
                .iter()
                .filter(|c| c.address == *self.address)
                .flat_map(|c| c.fields.iter().filter(|f| f.note.is_none() && !left.contains(&f.path)).cloned())
                .collect();
            if fields.is_empty() {
                return Ok(texts);
            }
            let resource = desired.resources.iter().find(|r| r.address == *self.address);
            let resource = resource.ok_or("its manifest cannot be found any more")?;
            let wanted = decision.wanted.get(self.address).ok_or("it is not live")?;
            let live = wanted.live.as_ref().ok_or("it is not live")?.value();
            for field in &fields {
                match self.field(&texts, &desired, resource, (&live, &wanted.earlier), field) {
                    Ok((file, text)) => {
                        texts.insert(file, text.into_bytes());
                        self.fields += 1;
                    }
                    Err(why) => {
                        left.insert(field.path.clone());
                        let (address, path) = (self.address.clone(), field.path.clone());
                        self.kept.push(DriftedField { address, path, why });
                    }
                }
            }
        }
        Err("what was written did not do away with the drift; the file is as it was".into())
    }

    fn field(
        &self,
        texts: &Texts,
        desired: &Desired,
        resource: &Resource,
        (live, earlier): (&Value, &Earlier),
        field: &FieldChange,
    ) -> Result<(String, String), String> {
        let rules = resource.kind.rules();
        let path = resource.path(&field.path).ok_or("it has no place in the spec")?;
        let there = schema::find(rules, live, &path).cloned().or_else(|| match field.op {
            Op::Change => field.from.clone(),
            _ => None,
        });
        if there.as_ref().is_some_and(holds) || schema::find(rules, &resource.spec, &path).is_some_and(holds) {
            return Err("it is a secret".into());
        }
        if let Some(there) = &there
            && earlier.hide(rules, &path, &mut there.clone())
        {
            return Err("it is a secret, or looks like one: write `${env.NAME}`".into());
        }
        let names_tree = |value: &Value| !desired.code.folder.named_in(&value.to_string()).is_empty();
        if resource.place(&path).by == Author::Code || there.as_ref().is_some_and(names_tree) {
            return Err("it names code of the repository: an apply puts the right path there".into());
        }
        let home = &desired.files.get(resource.span.file).path;
        let found = resource.locate(&path);
        let other = &desired.files.get(found.file).path;
        if other != home {
            return Err(format!("it is set in {other}"));
        }
        let bytes = texts.get(home).ok_or_else(|| format!("{home} cannot be read"))?;
        let text = std::str::from_utf8(bytes).map_err(|_| format!("{home} is no UTF-8"))?;
        let (document, node) = document_of(text, self.address).ok_or("its manifest cannot be found in the file")?;
        let spec = node.get("spec").ok_or("the manifest has no spec")?;
        let steps = steps(resource, spec, &path, there.is_some())?;
        let value = there.map(|value| self.value(path.0.last(), value));
        let edited = match value {
            Some(value) => edit::set(text, document, &steps, &value)?,
            None => edit::remove(text, document, &steps)?,
        };
        Ok((home.clone(), edited))
    }

    /// A live value as a manifest says it: other resources by reference, `${` as what it is.
    fn value(&self, last: Option<&Segment>, value: Value) -> Value {
        let names_id = matches!(last, Some(Segment::Key(key)) if key.ends_with("_id"));
        let id = match &value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        if let Some(address) = self.ids.get(&id).filter(|a| names_id && *a != self.address) {
            return Value::from(format!("${{resources.{}.{}}}", address.kind, address.name));
        }
        match value {
            Value::String(text) => Value::from(text.replace("${", "$${")),
            Value::Array(items) => items.into_iter().map(|item| self.value(None, item)).collect(),
            Value::Object(map) => {
                let entry = |(key, value): (String, Value)| {
                    let value = self.value(Some(&Segment::Key(key.clone())), value);
                    (key, value)
                };
                Value::Object(map.into_iter().map(entry).collect())
            }
            other => other,
        }
    }
}

/// The steps to a place in the document as it is written. What stands there by a reference is not to be edited: it is
/// said somewhere else.
pub(crate) fn steps(resource: &Resource, spec: &Node, path: &Path, sets: bool) -> Result<Vec<Step>, String> {
    let mut steps = vec![Step::Key("spec".into())];
    let mut here = Some(spec);
    let mut so_far = Path::default();
    for segment in &path.0 {
        if let Some(entries) = here.and_then(|node| entries_of(resource, node, &so_far)) {
            steps.push(Step::Key(entries::ENTRIES.into()));
            here = Some(entries);
        }
        let step = match (segment, here) {
            (Segment::Key(key), _) => Step::Key(key.clone()),
            (Segment::Index(index), _) => Step::Index(*index),
            (Segment::Item(key), Some(list)) => {
                let found = resource.element(list, &so_far, key);
                match found {
                    Some(index) => Step::Index(index),
                    None if sets => Step::Index(list.items().len()),
                    None => return Err(format!("`{key}` is not written in the file")),
                }
            }
            (Segment::Item(_), None) => Step::Index(0),
        };
        here = here.and_then(|node| match &step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.items().get(*index),
        });
        if let Some(text) = here.and_then(Node::as_str)
            && text.replace("$${", "").contains("${")
        {
            return Err(format!("it is written as {text}"));
        }
        steps.push(step);
        so_far = so_far.with(segment.clone());
    }
    if here.is_some_and(refers) {
        return Err("a part of it is written as a reference".into());
    }
    if sets && here.is_some_and(|node| entries_of(resource, node, path).is_some()) {
        steps.push(Step::Key(entries::ENTRIES.into()));
    }
    Ok(steps)
}

/// The list of a member that is written with its mode beside it.
fn entries_of<'n>(resource: &Resource, node: &'n Node, path: &Path) -> Option<&'n Node> {
    let [Segment::Key(member)] = path.0.as_slice() else { return None };
    let is_moded = resource.kind.rules().moded().contains(member);
    node.get(entries::ENTRIES).filter(|_| is_moded)
}

/// Whether a value holds references.
fn refers(node: &Node) -> bool {
    node.as_str().is_some_and(|text| text.replace("$${", "").contains("${"))
        || node.items().iter().any(refers)
        || node.entries().iter().any(|e| refers(&e.value))
}
