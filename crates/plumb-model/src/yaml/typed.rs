//! Typed values out of a [`Node`], reporting every mistake instead of the first.
//!
//! serde stops at its first error. [`read`] records it at the node where it happened, puts a neutral value of whatever
//! type is wanted in that place, and reads again, until the rest of the document has been seen. Where no neutral value
//! will do, the place around it is given up instead; what can only be wrong because of that is not reported.

use super::gaps::{Gaps, Marks};
use super::{Node, Problems, Span, Tree, nearest};
use crate::text::shortened;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// More mistakes than this in one document are not listed.
const MOST_PROBLEMS: usize = 100;
/// How many characters of a wrong name or value an error shows.
const MOST_SHOWN: usize = 60;

/// Each mistake costs one more reading of the document: in large documents fewer are listed, to end in good time.
const MOST_VISITS: usize = 3_000_000;

/// Reads a `T`, reporting every mistake; `None` when there was one.
///
/// A string that stands for a value which is not known yet (see [`is_deferred`]) is accepted where any scalar is.
pub fn read<T: de::DeserializeOwned>(node: &Node, problems: &mut Problems) -> Option<T> {
    let before = problems.len();
    read_all(node, problems).map(|(value, _)| value).filter(|_| problems.len() == before)
}

/// Reads what can be read of a `T`, reporting every mistake: where there was one, something neutral stands in the value,
/// and the gaps say where. A string that had to be there is [`UNREAD`], an optional member is unset, an element of a list
/// is left out. `None` when nothing is left that could be looked at.
pub fn read_partly<'n, T: de::DeserializeOwned>(node: &'n Node, problems: &mut Problems) -> Option<(T, Gaps<'n>)> {
    read_all(node, problems).map(|(value, marks)| (value, Gaps::of(node, &marks)))
}

fn read_all<T: de::DeserializeOwned>(node: &Node, problems: &mut Problems) -> Option<(T, Marks)> {
    let cx = Cx::default();
    let before = problems.len();
    let mut visits = 0;
    loop {
        cx.visits.replace(0);
        let result = T::deserialize(De { node, cx: &cx });
        visits += cx.visits.take();
        let mut found = cx.found.take();
        let (again, value) = match result {
            Ok(value) => (false, Some(value)),
            Err(error) => (cx.give_up(error, node, &mut found), None),
        };
        for finding in found {
            // What the parser has complained about is not complained about twice.
            if !problems.complained(finding.span, &finding.message, before) {
                problems.at(finding.span, finding.message, finding.label).help = finding.help;
            }
        }
        let listed = problems.len() - before;
        if again && (listed >= MOST_PROBLEMS || visits > MOST_VISITS) {
            problems.at(
                node.span,
                format!("this document has {listed} mistakes or more; the others are not listed"),
                "fix the listed ones first",
            );
            return None;
        }
        if !again {
            return value.map(|value| (value, cx.marks()));
        }
    }
}

/// What stands in the place of a string that could not be read: no name is equal to it, and it counts as not known yet.
pub const UNREAD: &str = "${var.}";

/// Whether a string stands for a value that is only known later: the id of another resource, or a secret. A variable
/// that could not be filled in counts too: that has been reported.
pub fn is_deferred(text: &str) -> bool {
    ["${resources.", "${env.", "${secret.", "${var."].iter().any(|start| text.contains(start))
}

struct Finding {
    span: Span,
    message: String,
    label: String,
    help: Option<String>,
}

/// What serde gets: a mistake, and the node it belongs to once that is known.
#[derive(Debug)]
struct Error {
    place: Option<Place>,
    what: What,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    node: usize,
    span: Span,
    /// A stand-in in it would not do: it has to be given up itself, and that is no new mistake.
    neutral: bool,
}

#[derive(Debug)]
enum What {
    Missing(&'static str),
    Other { message: String, label: String, help: Option<String> },
}

impl Error {
    fn new(message: impl Into<String>, label: impl Into<String>) -> Self {
        Error { place: None, what: What::Other { message: message.into(), label: label.into(), help: None } }
    }

    fn or_at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Missing(field) => write!(f, "missing field `{field}`"),
            What::Other { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        if message.starts_with("data did not match any variant") {
            return Error::new("this fits none of the forms that are accepted here", "of another form");
        }
        Error::new(message, "")
    }

    fn missing_field(field: &'static str) -> Self {
        Error { place: None, what: What::Missing(field) }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        unknown("field", field, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        unknown("value", variant, expected)
    }

    fn invalid_type(found: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        let wanted = plain_words(&wanted.to_string());
        let label = match found {
            de::Unexpected::Signed(i) if wanted == "a string" => format!("write it in quotes: \"{i}\""),
            de::Unexpected::Bool(b) if wanted == "a string" => format!("write it in quotes: \"{b}\""),
            de::Unexpected::Float(_) if wanted == "a string" => "write it in quotes".to_owned(),
            de::Unexpected::Str(s) if wanted == "a list" => match s.len() {
                0..40 => format!("write it as a list: [{s}]"),
                _ => "expected a list".to_owned(),
            },
            _ => format!("expected {wanted}"),
        };
        Error::new(format!("expected {wanted}, found {}", found_words(found)), label)
    }

    fn invalid_value(found: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        let wanted = wanted.to_string();
        let wanted = range(&wanted).unwrap_or_else(|| plain_words(&wanted));
        Error::new(format!("expected {wanted}, found {}", found_words(found)), format!("expected {wanted}"))
    }
}

/// What is said of a name that is not among the known ones.
fn unknown(what: &str, name: &str, known: &[&str]) -> Error {
    let (label, help) = unknown_words(what, name, known);
    let message = format!("unknown {what} `{}`", shortened(name, MOST_SHOWN));
    Error { place: None, what: What::Other { message, label, help } }
}

fn unknown_words(what: &str, name: &str, known: &[&str]) -> (String, Option<String>) {
    let list = || match known {
        [] => "there are none".to_owned(),
        _ => format!("known {what}s: {}", known.join(", ")),
    };
    match nearest(name, known.iter().copied()) {
        Some(near) => (format!("did you mean `{near}`?"), None),
        None if what == "field" => ("not a field of this mapping".to_owned(), Some(list())),
        None => ("not one of the accepted values".to_owned(), Some(list())),
    }
}

fn plain_words(wanted: &str) -> String {
    match wanted {
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => {
            "a whole number"
        }
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" | "sequence" => "a list",
        "a map" | "map" => "a mapping",
        "unit" => "nothing",
        "a borrowed string" | "string" => "a string",
        _ if wanted.starts_with("struct ") || wanted.starts_with("internally tagged enum") => "a mapping",
        _ if wanted.starts_with("tuple ") || wanted.starts_with("a tuple of ") => "a list",
        _ => wanted,
    }
    .to_owned()
}

fn range(wanted: &str) -> Option<String> {
    let (least, most) = match wanted {
        "u8" => (0, i128::from(u8::MAX)),
        "u16" => (0, i128::from(u16::MAX)),
        "u32" => (0, i128::from(u32::MAX)),
        "u64" | "usize" => return Some("a whole number, 0 or more".to_owned()),
        "i8" => (i128::from(i8::MIN), i128::from(i8::MAX)),
        "i16" => (i128::from(i16::MIN), i128::from(i16::MAX)),
        "i32" => (i128::from(i32::MIN), i128::from(i32::MAX)),
        _ => return None,
    };
    Some(format!("a whole number from {least} to {most}"))
}

fn found_words(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Str(s) => format!("the string \"{}\"", shortened(s, MOST_SHOWN).escape_debug()),
        de::Unexpected::Signed(i) => format!("the number {i}"),
        de::Unexpected::Unsigned(i) => format!("the number {i}"),
        de::Unexpected::Float(f) => format!("the number {f:?}"),
        de::Unexpected::Bool(b) => format!("`{b}`"),
        de::Unexpected::Unit | de::Unexpected::Option => "nothing".to_owned(),
        de::Unexpected::Seq => "a list".to_owned(),
        de::Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

/// What earlier readings of the same document have taught. Nodes are known by their address, which cannot change while
/// the tree is borrowed.
#[derive(Default)]
struct Cx {
    /// Nodes that a neutral value stands in for.
    neutral: RefCell<HashSet<usize>>,
    /// Members that a mapping lacks, and for which a neutral value stands in.
    supplied: RefCell<HashMap<usize, Vec<&'static str>>>,
    /// Keys that were reported as unknown.
    unknown: RefCell<HashSet<usize>>,
    found: RefCell<Vec<Finding>>,
    visits: RefCell<usize>,
}

impl Cx {
    fn marks(self) -> Marks {
        Marks {
            given_up: self.neutral.into_inner(),
            unknown: self.unknown.into_inner(),
            lacking: self.supplied.into_inner(),
        }
    }

    /// Records a mistake and prepares the next reading; `false` when there is no use in one.
    fn give_up(&self, error: Error, root: &Node, found: &mut Vec<Finding>) -> bool {
        let place = error.place.unwrap_or(Place { node: address(root), span: root.span, neutral: false });
        match error.what {
            // Nothing neutral would do: the mistake has been reported, so only go one node further out.
            _ if place.neutral => {}
            What::Missing(field) => {
                found.push(Finding {
                    span: place.span,
                    message: format!("missing field `{field}`"),
                    label: format!("`{field}` is required here"),
                    help: None,
                });
                let mut supplied = self.supplied.borrow_mut();
                let fields = supplied.entry(place.node).or_default();
                if !fields.contains(&field) {
                    fields.push(field);
                    return true;
                }
            }
            What::Other { message, label, help } => found.push(Finding { span: place.span, message, label, help }),
        }
        place.node != address(root) && self.neutral.borrow_mut().insert(place.node)
    }

    fn visit(&self) {
        *self.visits.borrow_mut() += 1;
    }
}

pub(super) fn address(node: &Node) -> usize {
    std::ptr::from_ref(node) as usize
}

#[derive(Clone, Copy)]
struct De<'a> {
    node: &'a Node,
    cx: &'a Cx,
}

impl<'a> De<'a> {
    /// Reads below this node, so that a mistake which has no place yet gets this one.
    fn here<R>(self, read: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        self.cx.visit();
        read().map_err(|e| {
            // A mapping that is read by way of serde's own buffer (flattened structs, untagged enums) trips over the
            // stand-ins in it without saying where.
            let neutral =
                matches!(e.what, What::Other { .. }) && self.cx.supplied.borrow().contains_key(&address(self.node));
            e.or_at(Place { node: address(self.node), span: self.node.span, neutral })
        })
    }

    /// Whether the string stands for a scalar of any type.
    fn deferred(self) -> bool {
        matches!(&self.node.tree, Tree::Str(s) if is_deferred(s))
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            if self.deferred() { self.here(|| Neutral.$method(visitor)) } else { self.deserialize_any(visitor) }
        })*
    };
}

impl<'de> Deserializer<'de> for De<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.here(|| match &self.node.tree {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(b) => visitor.visit_bool(*b),
            Tree::Int(i) => visitor.visit_i64(*i),
            Tree::Float(f) => visitor.visit_f64(*f),
            Tree::Str(s) => visitor.visit_borrowed_str(s),
            Tree::Seq(items) => visitor.visit_seq(Items { rest: items.iter(), cx: self.cx }),
            Tree::Map(_) => visitor.visit_map(Entries::new(self, None)),
        })
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    // `fields` is the closed set of keys that the type knows, so every stranger is reported, not only the first, and no
    // type has to say `deny_unknown_fields`.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.node.tree {
            Tree::Map(_) => self.here(|| visitor.visit_map(Entries::new(self, Some(fields)))),
            // serde would take a list for the fields in their order, which nobody means.
            Tree::Seq(_) => self.here(|| Err(de::Error::invalid_type(de::Unexpected::Seq, &visitor))),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.node.tree == Tree::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.deferred() {
            return self.here(|| Neutral.deserialize_enum(name, variants, visitor));
        }
        self.here(|| match &self.node.tree {
            Tree::Str(s) if variants.contains(&s.as_str()) => visitor.visit_enum(s.as_str().into_deserializer()),
            Tree::Str(s) => Err(unknown("value", s, variants)),
            Tree::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(de::value::MapAccessDeserializer::new(Entries::new(self, None)))
            }
            _ => {
                let names = variants.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", ");
                Err(Error::new(format!("expected one of {names}"), "expected one of these names"))
            }
        })
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
    }

    // What is not looked at has no mistakes.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.here(|| visitor.visit_unit())
    }
}

/// Reads a child, or what stands in for it.
fn child<'de, S: DeserializeSeed<'de>>(node: &'de Node, cx: &'de Cx, seed: S) -> Result<S::Value, Error> {
    if cx.neutral.borrow().contains(&address(node)) {
        return seed.deserialize(Neutral).map_err(|mut e| {
            e.place = None;
            e
        });
    }
    let place = Place { node: address(node), span: node.span, neutral: false };
    seed.deserialize(De { node, cx }).map_err(|e| e.or_at(place))
}

struct Items<'a> {
    rest: std::slice::Iter<'a, Node>,
    cx: &'a Cx,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        // A list can do without an element, so nothing has to stand in for one.
        let neutral = self.cx.neutral.borrow();
        let next = self.rest.by_ref().find(|node| !neutral.contains(&address(node)));
        drop(neutral);
        next.map(|node| child(node, self.cx, seed)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The members of a mapping, then those that stand in for missing ones.
struct Entries<'a> {
    de: De<'a>,
    rest: std::slice::Iter<'a, super::Entry>,
    supplied: std::vec::IntoIter<&'static str>,
    fields: Option<&'static [&'static str]>,
    current: Option<&'a Node>,
}

impl<'a> Entries<'a> {
    fn new(de: De<'a>, fields: Option<&'static [&'static str]>) -> Self {
        let supplied = de.cx.supplied.borrow().get(&address(de.node)).cloned().unwrap_or_default();
        Entries { de, rest: de.node.entries().iter(), supplied: supplied.into_iter(), fields, current: None }
    }

    /// An error of a stand-in means that the mapping itself has to be given up.
    fn without_stand_in(&self, mut error: Error) -> Error {
        if error.place.is_none() {
            error.place = Some(Place { node: address(self.de.node), span: self.de.node.span, neutral: true });
        }
        error
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        for entry in self.rest.by_ref() {
            if let Some(fields) = self.fields.filter(|f| !f.contains(&entry.key.as_str())) {
                let cx = self.de.cx;
                let mut found = cx.found.borrow_mut();
                if found.len() < MOST_PROBLEMS && cx.unknown.borrow_mut().insert(address(&entry.value)) {
                    let (label, help) = unknown_words("field", &entry.key, fields);
                    let message = format!("unknown field `{}`", shortened(&entry.key, MOST_SHOWN));
                    found.push(Finding { span: entry.key_span, message, label, help });
                }
                continue;
            }
            self.current = Some(&entry.value);
            let place = Place { node: address(&entry.value), span: entry.key_span, neutral: false };
            return seed.deserialize(Str(&entry.key)).map(Some).map_err(|e| e.or_at(place));
        }
        self.current = None;
        match self.supplied.next() {
            Some(field) => seed.deserialize(Str(field)).map(Some).map_err(|e| self.without_stand_in(e)),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        match self.current.take() {
            Some(node) => child(node, self.de.cx, seed).map_err(|e| self.without_stand_in(e)),
            None => seed.deserialize(Neutral).map_err(|e| self.without_stand_in(e)),
        }
    }
}

/// A key.
struct Str<'a>(&'a str);

impl<'de> Deserializer<'de> for Str<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if variants.contains(&self.0) {
            visitor.visit_enum(self.0.into_deserializer())
        } else {
            Err(unknown("value", self.0, variants))
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A value of whatever type is wanted, for a place whose real value is wrong or not known yet.
struct Neutral;

macro_rules! neutral {
    ($($method:ident => $visit:ident($value:expr),)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> { visitor.$visit($value) })*
    };
}

impl<'de> Deserializer<'de> for Neutral {
    type Error = Error;

    neutral! {
        deserialize_bool => visit_bool(false),
        deserialize_i8 => visit_i64(0), deserialize_i16 => visit_i64(0), deserialize_i32 => visit_i64(0),
        deserialize_i64 => visit_i64(0), deserialize_i128 => visit_i64(0),
        deserialize_u8 => visit_u64(0), deserialize_u16 => visit_u64(0), deserialize_u32 => visit_u64(0),
        deserialize_u64 => visit_u64(0), deserialize_u128 => visit_u64(0),
        deserialize_f32 => visit_f64(0.0), deserialize_f64 => visit_f64(0.0),
        deserialize_char => visit_char(' '),
        deserialize_str => visit_str(UNREAD), deserialize_string => visit_str(UNREAD),
        deserialize_identifier => visit_str(""),
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(de::value::SeqDeserializer::<_, Error>::new(std::iter::empty::<()>()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(de::value::MapDeserializer::<_, Error>::new(std::iter::empty::<((), ())>()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match variants.first() {
            Some(first) => visitor.visit_enum((*first).into_deserializer()),
            None => Err(Error::new("no value is possible here", "")),
        }
    }

    serde::forward_to_deserialize_any! { bytes byte_buf unit unit_struct tuple tuple_struct ignored_any }
}

#[cfg(test)]
#[path = "typed_tests.rs"]
mod tests;
