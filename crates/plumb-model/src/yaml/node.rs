//! A YAML value with its place.

use super::Span;
use serde_json::Value;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub span: Span,
    pub tree: Tree,
}

/// What a node holds: YAML 1.2 core schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Seq(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a mapping, with the key's own place.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

impl Node {
    /// The entry of a mapping.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.tree {
            Tree::Map(entries) => entries.iter().find(|e| e.key == key),
            _ => None,
        }
    }

    /// The value of a mapping's entry.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.value)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.tree {
            Tree::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The elements of a sequence; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.tree {
            Tree::Seq(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.tree {
            Tree::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The same value without places. A float that JSON cannot hold (`.nan`, `.inf`) becomes its YAML text.
    pub fn to_json(&self) -> Value {
        self.tree.to_json()
    }
}

impl Tree {
    /// See [`Node::to_json`].
    pub(super) fn to_json(&self) -> Value {
        match self {
            Tree::Null => Value::Null,
            Tree::Bool(b) => Value::Bool(*b),
            Tree::Int(i) => Value::from(*i),
            Tree::Float(f) => {
                serde_json::Number::from_f64(*f).map_or_else(|| Value::from(f.to_string()), Value::Number)
            }
            Tree::Str(s) => Value::from(s.as_str()),
            Tree::Seq(items) => items.iter().map(Node::to_json).collect(),
            Tree::Map(entries) => Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect()),
        }
    }
}

impl Node {
    /// The value of a mapping's entry, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.tree {
            Tree::Map(entries) => entries.iter_mut().find(|e| e.key == key).map(|e| &mut e.value),
            _ => None,
        }
    }

    /// Takes the value of a mapping's entry out of it: [`Node::get`], without a copy.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let Tree::Map(entries) = &mut self.tree else { return None };
        let at = entries.iter().position(|e| e.key == key)?;
        Some(entries.remove(at).value)
    }

    /// The node at a path in the reader's notation (`tasks[0].depends_on[1].task_key`, a key with dots in it as
    /// `definition["spark_conf.spark.speculation"]`), or its nearest ancestor.
    pub fn at(&self, path: &str) -> &Node {
        self.way(path).0.into_iter().fold(self, |here, position| match &here.tree {
            Tree::Seq(items) => &items[position],
            Tree::Map(entries) => &entries[position].value,
            _ => here,
        })
    }

    /// The way to it: the position in each list or mapping, and the step that could not be taken.
    pub(super) fn way<'p>(&self, path: &'p str) -> (Vec<usize>, Option<&'p str>) {
        let mut here = self;
        let mut way = Vec::new();
        let mut rest = path;
        while !rest.is_empty() {
            let (segment, behind) = if let Some(quoted) = rest.strip_prefix("[\"") {
                quoted.split_once("\"]").unwrap_or((quoted, ""))
            } else if let Some(index) = rest.strip_prefix('[') {
                index.split_once(']').unwrap_or((index, ""))
            } else {
                let plain = rest.strip_prefix('.').unwrap_or(rest);
                plain.split_at(plain.find(['.', '[']).unwrap_or(plain.len()))
            };
            rest = behind;
            let position = match &here.tree {
                Tree::Seq(items) => segment.parse::<usize>().ok().filter(|i| *i < items.len()),
                Tree::Map(entries) => entries.iter().position(|e| e.key == segment),
                _ => None,
            };
            let Some(position) = position else { return (way, Some(segment)) };
            way.push(position);
            here = match &here.tree {
                Tree::Seq(items) => &items[position],
                Tree::Map(entries) => &entries[position].value,
                _ => here,
            };
        }
        (way, None)
    }
}
