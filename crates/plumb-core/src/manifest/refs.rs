//! `${resources.KIND.NAME}` and `${resources.KIND.NAME.FIELD}`: checked, and filled in where the manifest knows the value.

use super::expand::{height, text_of, weight};
use super::template::{Piece, Reference, pieces};
use super::{Address, walk};
use crate::kinds::Kind;
use plumb_model::yaml::{Entry, Files, Guesser, MOST_DEPTH, Node, Packed, Problems, Span, Tree, nearest};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How deep fields may refer to each other.
const MOST_STEPS: usize = 32;
/// How much filling in may add, in values of about 32 bytes.
const MOST_ADDED: usize = 1_000_000;

/// A manifest whose references are to be resolved.
pub(super) struct Referrer<'a> {
    pub address: &'a Address,
    pub kind: &'static dyn Kind,
    pub spec: &'a Packed,
}

/// A spec with its references resolved, the resources whose ids it needs, and those of which it has a name that means the object:
/// a volume's path, a schema's full name.
pub(super) struct Resolved {
    pub spec: Packed,
    pub ids: Vec<(Address, Span)>,
    pub derived: BTreeSet<Address>,
}

/// Resolves the references of every manifest. `known` are addresses of manifests that could not be read: they have been
/// reported, so that references to them are fine.
pub(super) fn resolve(
    targets: &[Referrer<'_>],
    known: &BTreeSet<Address>,
    kinds: &[&'static dyn Kind],
    files: &Files,
    problems: &mut Problems,
) -> Vec<Resolved> {
    let index = targets.iter().enumerate().map(|(i, t)| (t.address, i)).collect();
    let mut resolver = Resolver {
        targets,
        index,
        known,
        kinds,
        files,
        unpacked: BTreeMap::new(),
        running: Vec::new(),
        ids: Vec::new(),
        derived: BTreeSet::new(),
        added: 0,
        guesser: Guesser::default(),
        problems,
    };
    let resolved: Vec<Resolved> = targets
        .iter()
        .enumerate()
        .map(|(i, target)| {
            if !target.spec.may_have("${resources.") {
                return Resolved { spec: target.spec.clone(), ids: Vec::new(), derived: BTreeSet::new() };
            }
            resolver.ids.clear();
            resolver.derived.clear();
            let spec = Packed::of(&resolver.node(&target.spec.node(), i, 0));
            Resolved { spec, ids: std::mem::take(&mut resolver.ids), derived: std::mem::take(&mut resolver.derived) }
        })
        .collect();
    circles(targets, &resolved, resolver.problems);
    resolved
}

struct Resolver<'a, 'p> {
    targets: &'a [Referrer<'a>],
    index: BTreeMap<&'a Address, usize>,
    known: &'a BTreeSet<Address>,
    kinds: &'a [&'static dyn Kind],
    files: &'a Files,
    /// The specs whose fields were referred to, so that each is unpacked once.
    unpacked: BTreeMap<usize, Rc<Node>>,
    /// The fields that are being resolved, outermost first.
    running: Vec<(usize, String)>,
    ids: Vec<(Address, Span)>,
    /// The resources that were referred to by their names.
    derived: BTreeSet<Address>,
    added: usize,
    guesser: Guesser,
    problems: &'p mut Problems,
}

/// What a reference stands for.
enum Meaning {
    /// The id of a resource, which is known when it exists.
    Id(Address),
    Value(Node),
    /// Something that was reported.
    Nothing,
}

impl Resolver<'_, '_> {
    fn node(&mut self, node: &Node, owner: usize, depth: usize) -> Node {
        let tree = match &node.tree {
            Tree::Str(text) if text.contains("${resources.") => return self.text(text, node.span, owner, depth),
            Tree::Seq(items) => Tree::Seq(items.iter().map(|n| self.node(n, owner, depth + 1)).collect()),
            Tree::Map(entries) => Tree::Map(
                entries
                    .iter()
                    .map(|e| Entry {
                        key: e.key.clone(),
                        key_span: e.key_span,
                        value: self.node(&e.value, owner, depth + 1),
                    })
                    .collect(),
            ),
            other => other.clone(),
        };
        Node { span: node.span, tree }
    }

    fn text(&mut self, text: &str, span: Span, owner: usize, depth: usize) -> Node {
        let Ok(pieces) = parts(text) else { return Node { span, tree: Tree::Str(text.to_owned()) } };
        if let [Piece::Reference(reference)] = pieces.as_slice() {
            return match self.reference(reference, span, owner) {
                Meaning::Id(address) => Node { span, tree: Tree::Str(token(&address)) },
                Meaning::Value(node) if depth + height(&node) > MOST_DEPTH => {
                    let message = format!("nested more than {MOST_DEPTH} levels deep");
                    self.problems.at(span, message, "too deep with this filled in");
                    Node { span, tree: Tree::Null }
                }
                Meaning::Value(node) => Node { span, tree: node.tree },
                Meaning::Nothing => Node { span, tree: Tree::Str(text.to_owned()) },
            };
        }
        let mut out = String::new();
        for piece in &pieces {
            match piece {
                Piece::Reference(reference) => {
                    match self.reference(reference, self.files.part(span, reference.whole), owner) {
                        Meaning::Id(address) => out.push_str(&token(&address)),
                        Meaning::Value(node) => match text_of(&node, self.files) {
                            Some(text) => out.push_str(&text),
                            None => {
                                let label = "only a string, a number or a boolean can stand inside a longer string";
                                self.problems.at(span, format!("`${{{}}}` is not one value", reference.text), label);
                            }
                        },
                        Meaning::Nothing => out.push_str(reference.whole),
                    }
                }
                Piece::Text(text) => out.push_str(text),
                Piece::Escaped(_) => {}
            }
            if !self.afford(out.len() / 32, span) {
                return Node { span, tree: Tree::Null };
            }
        }
        Node { span, tree: Tree::Str(out) }
    }

    fn reference(&mut self, reference: &Reference<'_>, span: Span, owner: usize) -> Meaning {
        let [_, kind, name, field @ ..] = reference.parts.as_slice() else { return Meaning::Nothing };
        let Some(&target) = self.index.get(&Address { kind: (*kind).to_owned(), name: (*name).to_owned() }) else {
            self.dangling(kind, name, span);
            return Meaning::Nothing;
        };
        match field {
            [] | ["id"] if target == owner => {
                let label = "its id is only known once it exists";
                self.problems.at(span, format!("{} refers to itself", self.targets[owner].address), label);
                Meaning::Nothing
            }
            [] | ["id"] => {
                let address = self.targets[target].address.clone();
                self.ids.push((address.clone(), span));
                Meaning::Id(address)
            }
            [field, ..] => self.field(target, field, span).map_or(Meaning::Nothing, Meaning::Value),
        }
    }

    /// The value that a manifest gives to a field of its own.
    fn field(&mut self, target: usize, field: &str, span: Span) -> Option<Node> {
        let at = &self.targets[target];
        let rules = at.kind.rules();
        let shown = |i: usize, field: &str| format!("{}.{field}", self.targets[i].address);
        if let Some(from) = self.running.iter().position(|(i, f)| *i == target && f == field) {
            let circle: Vec<String> = self.running[from..].iter().map(|(i, f)| shown(*i, f)).collect();
            let message =
                format!("fields refer to each other in a circle: {} → {}", circle.join(" → "), shown(target, field));
            self.problems.at(span, message, "closes the circle");
            return None;
        }
        if self.running.len() >= MOST_STEPS {
            let message = format!("fields refer to each other in more than {MOST_STEPS} steps");
            self.problems.at(span, message, "too far from here on");
            return None;
        }
        let path = match walk::split(field) {
            Ok(path) => path,
            Err(why) => {
                self.problems.at(span, format!("`{field}` is not the path of a field"), why);
                return None;
            }
        };
        let spec = self.unpacked.entry(target).or_insert_with(|| Rc::new(at.spec.node())).clone();
        let set = walk::find(&spec, rules, &path);
        // What the manifest sets counts, where a field and an attribute have one name.
        let derived = || {
            let (_, text) = at.kind.derived(&spec).into_iter().find(|(name, _)| *name == field)?;
            Some(Node { span: spec.span, tree: Tree::Str(text) })
        };
        let derived = if set.is_none() { derived() } else { None };
        // So does its name, where others know it by that. What either follows from in its turn is its own affair.
        let is_name = || set.is_some() && !at.kind.is_always_read() && field == at.kind.title();
        if self.running.is_empty() && (derived.is_some() || is_name()) {
            self.derived.insert(at.address.clone());
        }
        let Some(node) = set.or(derived.as_ref()) else {
            let attributes = || at.kind.attributes().iter().map(|(name, _)| *name);
            let label = match walk::exists(rules, &path) {
                _ if attributes().any(|name| name == field) => {
                    "the manifest does not set what it follows from".to_owned()
                }
                Ok(()) => "the manifest does not set it".to_owned(),
                Err((what, label)) => match nearest(field, attributes().chain(["id"])) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if label.starts_with("did you mean") => label,
                    None => what,
                },
            };
            let problem = self.problems.at(span, format!("{} has no `{field}`", at.address), label);
            let more: String = attributes().map(|name| format!(", `{name}`")).collect();
            problem.help(match more.as_str() {
                "" => "only what a manifest sets can be referred to, and `id`".to_owned(),
                more => format!("only what a manifest sets can be referred to, and `id`{more}"),
            });
            return None;
        };
        if !self.afford(weight(node), span) {
            return None;
        }
        self.running.push((target, field.to_owned()));
        // `target` owns what it says about itself, so an id of its own in there is still a reference to itself.
        let value = self.node(node, target, 0);
        self.running.pop();
        Some(value)
    }

    fn dangling(&mut self, kind: &str, name: &str, span: Span) {
        if self.known.contains(&Address { kind: kind.to_owned(), name: name.to_owned() }) {
            return;
        }
        let kinds = self.kinds.iter().map(|k| k.name());
        if !kinds.clone().any(|k| k == kind) {
            let label = match nearest(kind, kinds) {
                Some(near) => format!("did you mean `${{resources.{near}.{name}}}`?"),
                None => "not a kind that plumb knows".to_owned(),
            };
            self.problems.at(span, format!("unknown kind `{kind}`"), label);
            return;
        }
        let names = self.targets.iter().map(|t| t.address).chain(self.known).filter(|a| a.kind == kind);
        let label = match self.guesser.nearest(name, names.map(|a| a.name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "no manifest has this name".to_owned(),
        };
        self.problems.at(span, format!("there is no {kind} `{name}`"), label);
    }

    fn afford(&mut self, added: usize, span: Span) -> bool {
        let before = self.added;
        self.added = self.added.saturating_add(added);
        if self.added > MOST_ADDED && before <= MOST_ADDED {
            self.problems.at(span, "references to fields fill in too much", "too much from here on");
        }
        self.added <= MOST_ADDED
    }
}

/// How the id of a resource stands in a spec.
fn token(address: &Address) -> String {
    format!("${{resources.{}.{}}}", address.kind, address.name)
}

/// The pieces of a string whose other references have been filled in: whatever else looks like one is text.
fn parts(text: &str) -> Result<Vec<Piece<'_>>, ()> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${resources.") {
        let length = rest[at..].find('}').ok_or(())? + 1;
        if at > 0 {
            out.push(Piece::Text(&rest[..at]));
        }
        out.extend(pieces(&rest[at..at + length]).map_err(|_| ())?);
        rest = &rest[at + length..];
    }
    if !rest.is_empty() {
        out.push(Piece::Text(rest));
    }
    Ok(out)
}

/// Reports every circle of resources that need each other's ids.
fn circles(targets: &[Referrer<'_>], resolved: &[Resolved], problems: &mut Problems) {
    let index: BTreeMap<&Address, usize> = targets.iter().enumerate().map(|(i, t)| (t.address, i)).collect();
    let needs: Vec<Vec<(usize, Span)>> =
        resolved.iter().map(|r| r.ids.iter().filter_map(|(a, span)| Some((*index.get(a)?, *span))).collect()).collect();
    let mut needed_by = vec![Vec::new(); targets.len()];
    let mut open = vec![0usize; targets.len()];
    for (i, list) in needs.iter().enumerate() {
        open[i] = list.len();
        for (other, _) in list {
            needed_by[*other].push(i);
        }
    }
    // Whatever needs nothing that is left is no part of a circle.
    let mut left = vec![true; targets.len()];
    let mut free: Vec<usize> = (0..targets.len()).filter(|i| open[*i] == 0).collect();
    let mut next = 0;
    loop {
        while let Some(i) = free.pop() {
            left[i] = false;
            for &other in &needed_by[i] {
                open[other] = open[other].saturating_sub(1);
                if open[other] == 0 && left[other] {
                    free.push(other);
                }
            }
        }
        while next < targets.len() && !left[next] {
            next += 1;
        }
        if next == targets.len() {
            return;
        }
        // From what is left every step leads to something else that is left, and so around.
        let mut place = BTreeMap::new();
        let mut way: Vec<(usize, Span)> = Vec::new();
        let mut here = next;
        let from = loop {
            if let Some(&from) = place.get(&here) {
                break from;
            }
            let Some(&(other, span)) = needs[here].iter().find(|(other, _)| left[*other]) else { return };
            place.insert(here, way.len());
            way.push((here, span));
            here = other;
        };
        let circle = &way[from..];
        let names: Vec<String> = circle.iter().map(|(i, _)| targets[*i].address.to_string()).collect();
        let message = format!("resources need each other in a circle: {} → {}", names.join(" → "), names[0]);
        problems.at(circle[0].1, message, "one of these references has to go");
        // Freed, so that other circles are found and what merely needs this one is not called a part of it.
        free.extend(circle.iter().map(|(i, _)| *i));
    }
}
