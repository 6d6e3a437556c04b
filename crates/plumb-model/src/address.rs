//! How a resource of a project is named.

use std::fmt;

/// The longest name of a project, a target or a resource: the mark holds all three, and tag values are short.
pub const LONGEST_NAME: usize = 63;

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

impl Address {
    /// Whether it is that address, or that of one of the things that a manifest of that address is about:
    /// `EmrCluster/legacy/j-1` is of `EmrCluster/legacy`.
    pub fn is_of(&self, manifest: &Address) -> bool {
        let below = self.name.strip_prefix(&manifest.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.kind == manifest.kind && below
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

/// A name for a manifest, out of what people call its object: `[bau] Audience / cleanse` is `bau-audience-cleanse`.
/// `None` when nothing of it can stand in a name.
pub fn slug(title: &str) -> Option<String> {
    let words: Vec<String> = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let name: String = words.join("-").chars().take(LONGEST_NAME).collect();
    let name = name.trim_end_matches('-').to_owned();
    (!name.is_empty()).then_some(name)
}
