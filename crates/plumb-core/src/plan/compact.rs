//! An observed object that takes little memory while nobody looks at it.
//!
//! A live spec is a tree of maps, and each of its maps takes some 600 bytes however little is in it. As a text it is a
//! tenth of that. A plan of ten thousand objects looks at them one by one, so they are texts but for the one in hand.

use super::worked::{self, Work};
use crate::kinds::managed::Tool;
use crate::kinds::{Contents, Kind, Observed};
use crate::plan::secrets;
use serde_json::Value;
use std::borrow::Cow;

/// JSON may be nested no deeper when it is read; what is deeper than this stays as it is.
const DEEPEST: usize = 100;

/// What was observed of a live object.
#[derive(Clone, Debug, Default)]
pub struct Compact {
    pub id: String,
    /// As [`Observed::state`].
    pub state: Option<String>,
    /// As [`Observed::active_runs`].
    pub active_runs: usize,
    /// As [`Observed::unknown_runs`].
    pub unknown_runs: bool,
    /// As [`Observed::contents`].
    pub contents: Contents,
    /// As [`Observed::partial`].
    pub partial: bool,
    /// As [`Observed::unread`].
    pub unread: Option<String>,
    body: Body,
}

/// A value that takes little memory while nobody looks at it.
#[derive(Clone, Debug, PartialEq)]
pub enum SmallValue {
    /// As JSON, which gives back just what it was made of.
    Text(Box<str>),
    /// Where JSON would not.
    Whole(Value),
}

impl Default for SmallValue {
    fn default() -> Self {
        SmallValue::Whole(Value::Null)
    }
}

impl From<&Value> for SmallValue {
    fn from(value: &Value) -> SmallValue {
        if is_kept(value, DEEPEST) {
            SmallValue::Text(value.to_string().into())
        } else {
            SmallValue::Whole(value.clone())
        }
    }
}

impl SmallValue {
    /// The value.
    pub fn value(&self) -> Cow<'_, Value> {
        match self {
            SmallValue::Text(text) => Cow::Owned(parsed(text)),
            SmallValue::Whole(value) => Cow::Borrowed(value),
        }
    }
}

/// The spec and the facts.
#[derive(Clone, Debug)]
enum Body {
    Whole { spec: Value, facts: Value },
    Packed(Box<Packed>),
}

impl Default for Body {
    fn default() -> Self {
        Body::Whole { spec: Value::Null, facts: Value::Null }
    }
}

/// A spec and facts as JSON, and what is asked of every object of a listing.
#[derive(Clone, Debug)]
struct Packed {
    spec: Box<str>,
    facts: Box<str>,
    title: Box<str>,
    has_secrets: bool,
    tool: Option<Tool>,
}

impl From<Observed> for Compact {
    fn from(seen: Observed) -> Compact {
        let Observed { id, spec, state, active_runs, unknown_runs, contents, partial, facts, unread } = seen;
        Compact { id, state, active_runs, unknown_runs, contents, partial, unread, body: Body::Whole { spec, facts } }
    }
}

impl Compact {
    /// The spec as it is live, without the mark.
    pub fn spec(&self) -> Cow<'_, Value> {
        match &self.body {
            Body::Whole { spec, .. } => Cow::Borrowed(spec),
            Body::Packed(packed) => Cow::Owned(unpacked(&packed.spec)),
        }
    }

    /// The spec as JSON, for looking a text up in it.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match &self.body {
            Body::Whole { spec, .. } => Cow::Owned(spec.to_string()),
            Body::Packed(packed) => Cow::Borrowed(&packed.spec),
        }
    }

    /// Whatever else the kind knows of it.
    pub fn facts(&self) -> Cow<'_, Value> {
        match &self.body {
            Body::Whole { facts, .. } => Cow::Borrowed(facts),
            Body::Packed(packed) => Cow::Owned(parsed(&packed.facts)),
        }
    }

    /// All of it, as its kind observed it.
    pub fn whole(&self) -> Observed {
        Observed {
            id: self.id.clone(),
            spec: self.spec().into_owned(),
            state: self.state.clone(),
            active_runs: self.active_runs,
            unknown_runs: self.unknown_runs,
            contents: self.contents.clone(),
            partial: self.partial,
            facts: self.facts().into_owned(),
            unread: self.unread.clone(),
        }
    }

    /// Changes something of it. It is whole from then on.
    pub fn edit<T>(&mut self, change: impl FnOnce(&mut Observed) -> T) -> T {
        let (spec, facts) = match std::mem::take(&mut self.body) {
            Body::Whole { spec, facts } => (spec, facts),
            Body::Packed(packed) => (unpacked(&packed.spec), parsed(&packed.facts)),
        };
        let Compact { id, state, active_runs, unknown_runs, contents, partial, unread, .. } = std::mem::take(self);
        let mut seen = Observed { id, spec, state, active_runs, unknown_runs, contents, partial, facts, unread };
        let done = change(&mut seen);
        *self = seen.into();
        done
    }

    /// What people call it; empty where it has no name.
    pub fn title(&self, kind: &dyn Kind) -> &str {
        match &self.body {
            Body::Whole { spec, .. } => spec.get(kind.title()).and_then(Value::as_str).unwrap_or_default(),
            Body::Packed(packed) => &packed.title,
        }
    }

    /// The other tool that manages it, where it says so.
    pub fn managed_by(&self, kind: &dyn Kind) -> Option<Tool> {
        match &self.body {
            Body::Whole { .. } => kind.managed_by(&self.whole()),
            Body::Packed(packed) => packed.tool.clone(),
        }
    }

    /// Whether something stands at a place of it that its kind's rules call secret.
    pub(super) fn has_secrets(&self, kind: &dyn Kind) -> bool {
        match &self.body {
            Body::Whole { spec, .. } => secrets::has_places(kind.rules(), spec),
            Body::Packed(packed) => packed.has_secrets,
        }
    }

    /// Keeps it as text, where the text gives back just what it was made of.
    pub fn pack(&mut self, kind: &dyn Kind) {
        let Body::Whole { spec, facts } = &self.body else { return };
        if !(is_kept(spec, DEEPEST) && is_kept(facts, DEEPEST)) {
            return;
        }
        let packed = Packed {
            spec: spec.to_string().into(),
            facts: facts.to_string().into(),
            title: self.title(kind).into(),
            has_secrets: self.has_secrets(kind),
            tool: self.managed_by(kind),
        };
        self.body = Body::Packed(Box::new(packed));
    }
}

/// Whether JSON keeps a value to the last digit: fractions are rounded when they are read.
fn is_kept(value: &Value, depth: usize) -> bool {
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_kept(item, depth - 1)),
        Value::Object(map) => depth > 0 && map.values().all(|item| is_kept(item, depth - 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn unpacked(text: &str) -> Value {
    worked::count(Work::Unpacked);
    parsed(text)
}

/// What was written by `pack` is JSON.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
