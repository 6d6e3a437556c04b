//! Filling in `${var.…}`, `${target.name}`, `${project.name}` and `${env.…}`.
//!
//! `${resources.…}` stays, for when every manifest has been read. What is filled in is bounded: variables that refer to
//! each other can say a great deal in a few lines.

use super::Vault;
use super::template::{Piece, Reference, pieces};
use plumb_model::yaml::{Entry, Files, Guesser, MOST_DEPTH, Node, Problems, Scalar, Span, Tree, nearest, resolve};
use std::collections::{BTreeMap, BTreeSet};

/// How much filling in may add, in values of about 32 bytes.
const MOST_ADDED: usize = 1_000_000;
/// How deep variables may refer to each other.
const MOST_STEPS: usize = 32;

/// Where a variable's value comes from.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Given(Node),
    /// Declared without a default, and the target does not set it.
    Unset,
}

enum VariableState {
    Running,
    Done(Option<Node>),
}

/// Fills in references.
pub(super) struct Expander<'a> {
    pub files: &'a Files,
    pub project: &'a str,
    pub target: &'a str,
    pub variables: &'a BTreeMap<String, Value>,
    /// The environment variables that manifests may use.
    pub allowed: BTreeSet<&'a str>,
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Whether a secret that is not set is left open, instead of being a mistake.
    pub earlier: bool,
    /// The places of values whose beginning is a variable's, where that is a path of the repository: it is relative to plumb.yaml.
    pub paths_of_variables: BTreeSet<Span>,
    states: BTreeMap<String, VariableState>,
    /// The variables whose values are being filled in, outermost first.
    running: Vec<String>,
    missing_env: BTreeSet<String>,
    added: usize,
    guesser: Guesser,
}

impl<'a> Expander<'a> {
    pub(super) fn new(
        files: &'a Files,
        names: (&'a str, &'a str),
        variables: &'a BTreeMap<String, Value>,
        allowed: &'a [String],
        env: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        Expander {
            files,
            project: names.0,
            target: names.1,
            variables,
            allowed: allowed.iter().map(String::as_str).collect(),
            env,
            earlier: false,
            paths_of_variables: BTreeSet::new(),
            states: BTreeMap::new(),
            running: Vec::new(),
            missing_env: BTreeSet::new(),
            added: 0,
            guesser: Guesser::default(),
        }
    }

    /// Whether more was to be filled in than is allowed; that has been reported, and what was filled in is not whole.
    pub(super) fn is_exhausted(&self) -> bool {
        self.added > MOST_ADDED
    }

    /// The node with every reference filled in that can be.
    pub(super) fn node(&mut self, node: Node, depth: usize, vault: &mut Vault, problems: &mut Problems) -> Node {
        let span = node.span;
        let tree = match node.tree {
            Tree::Str(text) if text.contains("${") => return self.text(text, span, depth, vault, problems),
            Tree::Seq(items) => {
                Tree::Seq(items.into_iter().map(|n| self.node(n, depth + 1, vault, problems)).collect())
            }
            Tree::Map(entries) => Tree::Map(
                entries
                    .into_iter()
                    .map(|e| Entry { value: self.node(e.value, depth + 1, vault, problems), ..e })
                    .collect(),
            ),
            other => other,
        };
        Node { span, tree }
    }

    fn text(&mut self, text: String, span: Span, depth: usize, vault: &mut Vault, problems: &mut Problems) -> Node {
        let pieces = match pieces(&text) {
            Ok(pieces) => pieces,
            Err(mistake) => {
                problems.at(span, mistake.message, mistake.label).help("write `$${` for a literal `${`");
                return Node { span, tree: Tree::Str(text) };
            }
        };
        if let [Piece::Reference(reference)] = pieces.as_slice() {
            let value = self.reference(reference, span, vault, problems);
            self.note_path(&pieces, span, value.as_ref().and_then(Node::as_str));
            let tree = value.map_or_else(|| Tree::Str(text), |node| node.tree);
            let node = Node { span, tree };
            if depth + height(&node) > MOST_DEPTH {
                problems.at(span, format!("nested more than {MOST_DEPTH} levels deep"), "too deep with this filled in");
                return Node { span, tree: Tree::Null };
            }
            return node;
        }
        let mut out = String::new();
        let mut looks_like_reference = false;
        let mut failed = false;
        for piece in &pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                // Put back as it was written would make it a reference to whoever fills in ids.
                Piece::Escaped(start) => {
                    looks_like_reference |=
                        ["resources.", "secret.", "env.", "id}"].iter().any(|s| text[*start..].starts_with(s));
                    out.push_str("${");
                }
                Piece::Reference(reference) => {
                    let place = self.files.part(span, reference.whole);
                    let Some(node) = self.reference(reference, place, vault, problems) else {
                        failed = true;
                        continue;
                    };
                    match text_of(&node, self.files) {
                        Some(text) => out.push_str(&text),
                        None => {
                            let label = "only a string, a number or a boolean can stand inside a longer string";
                            problems.at(place, format!("`${{{}}}` is not one value", reference.text), label);
                        }
                    }
                    if !self.afford(out.len() / 32, span, problems) {
                        return Node { span, tree: Tree::Null };
                    }
                }
            }
        }
        if failed {
            // As it was written, so that nobody complains of what is left of it.
            return Node { span, tree: Tree::Str(text) };
        }
        let waits_for_id =
            pieces.iter().any(|p| matches!(p, Piece::Reference(r) if r.parts.first() == Some(&"resources")));
        if looks_like_reference && waits_for_id {
            let message = "a literal `${resources.` cannot stand in one string with a reference";
            problems.at(span, message, "write them in two values");
        } else if !waits_for_id && out.contains(Vault::UNKNOWN) {
            // A text with a part that nobody knows is not known.
            out = Vault::UNKNOWN.to_owned();
        } else if !waits_for_id && (looks_like_reference || out.contains("${secret.")) && !Vault::is_token(&out) {
            // The whole string is the secret then: it is what the service returns, and what has to be hidden.
            out = vault.seal(&vault.reveal(&out));
        }
        self.note_path(&pieces, span, Some(&out));
        Node { span, tree: Tree::Str(out) }
    }

    /// Notes that a value's path begins in a variable.
    fn note_path(&mut self, pieces: &[Piece<'_>], span: Span, text: Option<&str>) {
        let is_variable = matches!(pieces.first(), Some(Piece::Reference(r)) if r.parts.first() == Some(&"var"));
        if is_variable && text.is_some_and(|text| text.contains("./")) {
            self.paths_of_variables.insert(span);
        }
    }

    /// What a reference stands for; `None` when that has been reported, or is not known yet.
    fn reference(&mut self, r: &Reference<'_>, span: Span, vault: &mut Vault, problems: &mut Problems) -> Option<Node> {
        let string = |text: &str| Some(Node { span, tree: Tree::Str(text.to_owned()) });
        match r.parts.as_slice() {
            ["var", name] => self.variable(name, span, vault, problems),
            ["target", "name"] => string(self.target),
            ["project", "name"] => string(self.project),
            ["env", name] => self.environment(name, span, vault, problems),
            ["resources", _, _, ..] => string(&format!("${{{}}}", r.text)),
            [space, ..] => {
                let spaces = ["var.NAME", "target.name", "project.name", "resources.KIND.NAME", "env.NAME"];
                let near = nearest(space, ["var", "vars", "variables", "target", "project", "resources", "env"]);
                let label = match near {
                    Some("vars" | "variables" | "var") => "write `${var.NAME}`".to_owned(),
                    Some("target") => "write `${target.name}`".to_owned(),
                    Some("project") => "write `${project.name}`".to_owned(),
                    Some("resources") => "write `${resources.KIND.NAME}`".to_owned(),
                    Some("env") => "write `${env.NAME}`".to_owned(),
                    _ => format!("expected one of {}", spaces.map(|s| format!("`{s}`")).join(", ")),
                };
                let message = format!("unknown reference `${{{}}}`", r.text);
                problems.at(span, message, label).help("write `$${` for a literal `${`");
                None
            }
            [] => None,
        }
    }

    fn variable(&mut self, name: &str, span: Span, vault: &mut Vault, problems: &mut Problems) -> Option<Node> {
        match self.states.get(name) {
            Some(VariableState::Done(node)) => {
                let node = node.clone()?;
                return self.afford(weight(&node), span, problems).then_some(node);
            }
            Some(VariableState::Running) => {
                let from = self.running.iter().position(|n| n == name).unwrap_or(0);
                let circle: Vec<&str> = self.running[from..].iter().map(String::as_str).chain([name]).collect();
                problems.at(
                    span,
                    format!("variables refer to each other in a circle: {}", circle.join(" → ")),
                    "closes the circle",
                );
                return None;
            }
            None => {}
        }
        let node = match self.variables.get(name) {
            Some(Value::Given(node)) => node.clone(),
            Some(Value::Unset) => {
                let label = format!("target `{}` does not set it, and it has no default", self.target);
                let problem = problems.at(span, format!("the variable `{name}` has no value"), label);
                problem.help(format!("set it under spec.targets.{}.variables, or with --var {name}=…", self.target));
                return None;
            }
            None => {
                let label = match self.guesser.nearest(name, self.variables.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "not declared under spec.variables of plumb.yaml".to_owned(),
                };
                problems.at(span, format!("there is no variable `{name}`"), label);
                return None;
            }
        };
        if self.running.len() >= MOST_STEPS {
            problems.at(
                span,
                format!("variables refer to each other in more than {MOST_STEPS} steps"),
                "too far from here on",
            );
            return None;
        }
        self.states.insert(name.to_owned(), VariableState::Running);
        self.running.push(name.to_owned());
        let before = problems.len();
        let node = self.node(node, 0, vault, problems);
        self.running.pop();
        let node = (problems.len() == before).then_some(node);
        self.states.insert(name.to_owned(), VariableState::Done(node.clone()));
        node.filter(|n| self.afford(weight(n), span, problems))
    }

    fn environment(&mut self, name: &str, span: Span, vault: &mut Vault, problems: &mut Problems) -> Option<Node> {
        if !self.allowed.contains(name) {
            let label = match self.guesser.nearest(name, self.allowed.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "not listed under spec.env of plumb.yaml".to_owned(),
            };
            let problem = problems.at(span, format!("manifests may not use the environment variable `{name}`"), label);
            problem.help("only names listed under spec.env of plumb.yaml may be used");
            return None;
        }
        let Some(text) = (self.env)(name) else {
            if self.earlier {
                return Some(Node { span, tree: Tree::Str(Vault::UNKNOWN.to_owned()) });
            }
            // Once is enough: it is the environment that has to change, not each of the manifests.
            if self.missing_env.insert(name.to_owned()) {
                let label = "its value is needed here";
                problems.at(span, format!("the environment variable `{name}` is not set"), label);
            }
            return None;
        };
        Some(Node { span, tree: Tree::Str(vault.seal_everywhere(&text)) })
    }

    fn afford(&mut self, added: usize, span: Span, problems: &mut Problems) -> bool {
        let before = self.added;
        self.added = self.added.saturating_add(added);
        if self.added > MOST_ADDED && before <= MOST_ADDED {
            let problem = problems.at(span, "variables fill in too much", "too much from here on");
            problem.help("values that are made of other variables many times over grow very large");
        }
        self.added <= MOST_ADDED
    }
}

/// How deep a value is nested: 0 for a scalar.
pub(super) fn height(node: &Node) -> usize {
    match &node.tree {
        Tree::Seq(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Tree::Map(entries) => 1 + entries.iter().map(|e| height(&e.value)).max().unwrap_or(0),
        _ => 0,
    }
}

/// How much memory a value takes, in values of about 32 bytes.
pub(super) fn weight(node: &Node) -> usize {
    match &node.tree {
        Tree::Seq(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Tree::Map(entries) => 1 + entries.iter().map(|e| 1 + e.key.len() / 32 + weight(&e.value)).sum::<usize>(),
        Tree::Str(s) => 1 + s.len() / 32,
        _ => 1,
    }
}

/// The text of a scalar as it was written: `1.10` stays `1.10`.
pub(super) fn text_of(node: &Node, files: &Files) -> Option<String> {
    let written = || {
        let text = files.get(node.span.file).text.get(node.span.start..node.span.end)?;
        let same = match (resolve(text), &node.tree) {
            (Scalar::Int(a), Tree::Int(b)) => a == *b,
            (Scalar::Float(a), Tree::Float(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        };
        same.then(|| text.to_owned())
    };
    match &node.tree {
        Tree::Str(s) => Some(s.clone()),
        Tree::Bool(b) => Some(b.to_string()),
        Tree::Int(i) => Some(written().unwrap_or_else(|| i.to_string())),
        Tree::Float(f) => Some(written().unwrap_or_else(|| f.to_string())),
        Tree::Null | Tree::Seq(_) | Tree::Map(_) => None,
    }
}
