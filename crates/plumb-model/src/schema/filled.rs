//! What is known of values that a service sets by itself: whether a live value may be its own, and what cannot be sent
//! together.

use super::{Rule, Type, Unset};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Some values of a field, or any.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Values {
    Any(bool),
    Of(Vec<Value>),
}

impl Values {
    fn has(&self, value: &Value) -> bool {
        match self {
            Values::Any(any) => *any,
            Values::Of(values) => values.contains(value),
        }
    }
}

/// A condition on a value and on what stands around it. All that is said has to hold. Members are those of the nearest
/// object around the value whose type has them: of `notebook_task.source`, `git_source` is the job's.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// The value is this one.
    pub value: Option<Value>,
    /// The value is that of this member.
    pub same_as: Option<String>,
    /// This member is set.
    pub with: Option<String>,
    /// This member is not set.
    pub without: Option<String>,
    /// The write changes this member.
    pub changed: Option<String>,
    /// This member is set, and to none of these values.
    pub unless: Option<(String, Vec<Value>)>,
}

impl When {
    fn holds(&self, value: &Value, around: Around<'_>) -> bool {
        let now = |name: &String| around.written.and_then(|scope| scope.get(name));
        let live = |name: &String| around.live.and_then(|scope| scope.get(name));
        self.value.as_ref().is_none_or(|only| only == value)
            && self.same_as.as_ref().is_none_or(|name| now(name) == Some(value))
            && self.with.as_ref().is_none_or(|name| now(name).is_some())
            && self.without.as_ref().is_none_or(|name| now(name).is_none())
            && self.changed.as_ref().is_none_or(|name| now(name).is_some() && now(name) != live(name))
            && self.unless.as_ref().is_none_or(|(name, values)| {
                // What is not written is carried over, or filled in as before.
                now(name).or_else(|| live(name)).is_some_and(|set| !values.contains(set))
            })
    }
}

/// What stands around a value: in the spec that is written, and live.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'s> {
    pub written: Option<&'s Scope<'s>>,
    pub live: Option<&'s Scope<'s>>,
}

impl<'s> Around<'s> {
    /// Only what is live.
    pub fn live(scope: Option<&'s Scope<'s>>) -> Self {
        Around { written: scope, live: scope }
    }
}

/// An object around a value, and those around it in turn.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'s> {
    pub of: &'s Type,
    /// `None`: this side has no such object.
    pub object: Option<&'s Map<String, Value>>,
    pub up: Option<&'s Scope<'s>>,
}

impl<'s> Scope<'s> {
    /// What the nearest object that can have this member has there; neither null nor `""`, which are absent.
    fn get(&self, name: &str) -> Option<&'s Value> {
        if self.of.members.contains_key(name) {
            return self.object?.get(name).filter(|v| !v.is_null() && v.as_str() != Some(""));
        }
        self.up?.get(name)
    }
}

impl Rule {
    /// Whether the service surely fills in this value where nobody set one.
    pub fn is_filled(&self, value: &Value, live: Option<&Scope<'_>>) -> bool {
        let always = match &self.filled {
            Some(values) => values.has(value),
            // Off is what a switch is that nobody touched.
            None => self.unset == Some(Unset::Server) && *value == Value::Bool(false),
        };
        always || self.filled_when.iter().any(|when| when.holds(value, Around::live(live)))
    }

    /// Whether the service may have set this value by itself, and it cannot be told from a person's.
    pub fn is_chosen(&self, value: &Value) -> bool {
        self.chosen.as_ref().is_some_and(|values| values.has(value))
    }

    /// Whether it is one of the few values that the service may choose.
    pub fn is_usual(&self, value: &Value) -> bool {
        matches!(&self.chosen, Some(Values::Of(values)) if values.contains(value))
    }

    /// Whether the service would refuse this value beside what is written.
    pub fn is_refused(&self, value: &Value, around: Around<'_>) -> bool {
        self.refused_when.iter().any(|when| when.holds(value, around))
    }
}
