//! Specs as a project of ten thousand manifests keeps them.

use plumb_model::yaml::Packed;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

/// A spec: a [`Value`], which is made of its packed bytes when somebody looks at it. A value takes ten times as many bytes,
/// and most manifests are as they were, so that nobody looks for long.
pub struct KeptSpec {
    /// `None` when the value was given, and is there.
    packed: Option<Packed>,
    value: OnceLock<Value>,
}

impl KeptSpec {
    /// The spec that is packed there.
    pub fn new(packed: Packed) -> KeptSpec {
        KeptSpec { packed: Some(packed), value: OnceLock::new() }
    }

    /// The value for as long as it is needed, and not kept: for those who look at every resource.
    pub fn read(&self) -> Cow<'_, Value> {
        match (self.value.get(), &self.packed) {
            (Some(value), _) => Cow::Borrowed(value),
            (None, Some(packed)) => Cow::Owned(packed.to_json()),
            (None, None) => Cow::Owned(Value::Null),
        }
    }

    /// The value, to be changed.
    pub fn to_value(&self) -> Value {
        self.read().into_owned()
    }

    /// Whether it was given as a value: it may differ from what is written.
    pub(super) fn is_given(&self) -> bool {
        self.packed.is_none()
    }

    /// Whether the value is kept, because somebody has looked at it.
    pub fn is_unpacked(&self) -> bool {
        self.value.get().is_some()
    }
}

impl Deref for KeptSpec {
    type Target = Value;

    /// The value, which is kept from then on.
    fn deref(&self) -> &Value {
        self.value.get_or_init(|| self.packed.as_ref().map_or(Value::Null, Packed::to_json))
    }
}

impl From<Value> for KeptSpec {
    fn from(value: Value) -> KeptSpec {
        KeptSpec { packed: None, value: value.into() }
    }
}

impl Clone for KeptSpec {
    /// The bytes are shared; a value that is made of them is made again.
    fn clone(&self) -> KeptSpec {
        match &self.packed {
            Some(packed) => KeptSpec::new(packed.clone()),
            None => self.read().into_owned().into(),
        }
    }
}

impl PartialEq<Value> for KeptSpec {
    fn eq(&self, other: &Value) -> bool {
        *self.read() == *other
    }
}

impl fmt::Debug for KeptSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}
