//! Things that specs name without their ids: secret scopes, secrets, schemas and volumes.
//!
//! Who names a thing that a manifest of the project makes comes after it, and goes before it.

use serde_json::Value;
use std::collections::HashMap;
use std::fmt;

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThingKind {
    /// `lake`.
    SecretScope,
    /// `lake/password`.
    Secret,
    /// `main`.
    Catalog,
    /// `main.sales`.
    Schema,
    /// `main.sales.landing`.
    Volume,
    /// A location by its name.
    ExternalLocation,
    /// What a location covers, and what is kept there: `s3://bucket/folder`.
    Storage,
    /// A storage credential by its name.
    Credential,
}

/// A thing that is known by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamedThing {
    pub kind: ThingKind,
    pub name: String,
}

impl NamedThing {
    /// A thing of that name.
    pub fn new(kind: ThingKind, name: impl Into<String>) -> NamedThing {
        NamedThing { kind, name: name.into() }
    }

    /// The same thing as everybody writes it: names of Unity Catalog are kept in lower case, and those of scopes and secrets are
    /// the same in either (Databricks' documentation, "Names" of the SQL language, "Secret management"). A storage's path is not.
    pub fn key(&self) -> NamedThing {
        let name = match self.kind {
            ThingKind::Storage => self.name.trim_end_matches('/').to_owned(),
            _ => self.name.to_lowercase(),
        };
        NamedThing { kind: self.kind, name }
    }

    /// The things that it is in, the nearest first: who needs it needs them.
    pub fn around(&self) -> Vec<NamedThing> {
        match self.kind {
            ThingKind::Secret => {
                let scope = self.name.rsplit_once('/').map(|(scope, _)| scope);
                scope.map(|scope| NamedThing::new(ThingKind::SecretScope, scope)).into_iter().collect()
            }
            ThingKind::Volume => {
                let schema = self.name.rsplit_once('.').map(|(schema, _)| schema);
                schema.map(|schema| NamedThing::new(ThingKind::Schema, schema)).into_iter().collect()
            }
            // A location covers all that is below it: of two, the nearer one counts.
            ThingKind::Storage => {
                let path = self.name.trim_end_matches('/');
                let parents = path.rmatch_indices('/').map(|(at, _)| &path[..at]);
                let parents = parents.take_while(|parent| !parent.ends_with([':', '/'])).take(MOST_FOLDERS);
                parents.map(|parent| NamedThing::new(ThingKind::Storage, parent)).collect()
            }
            ThingKind::Schema => {
                let catalog = self.name.split_once('.').map(|(catalog, _)| catalog);
                catalog.map(|catalog| NamedThing::new(ThingKind::Catalog, catalog)).into_iter().collect()
            }
            ThingKind::SecretScope | ThingKind::Catalog | ThingKind::ExternalLocation | ThingKind::Credential => {
                Vec::new()
            }
        }
    }
}

/// How many folders above a path are looked at for the location that covers it.
const MOST_FOLDERS: usize = 32;

impl fmt::Display for NamedThing {
    /// In words: `volume main.sales.landing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = match self.kind {
            ThingKind::SecretScope => "secret scope",
            ThingKind::Secret => "secret",
            ThingKind::Catalog => "catalog",
            ThingKind::Schema => "schema",
            ThingKind::Volume => "volume",
            ThingKind::ExternalLocation => "external location",
            ThingKind::Storage => "storage",
            ThingKind::Credential => "storage credential",
        };
        write!(f, "{noun} {}", self.name)
    }
}

/// What stands before the name of a secret in a setting that Databricks fills in: `{{secrets/SCOPE/KEY}}` (Databricks'
/// documentation, "Use a secret in a Spark configuration property"; without blanks, which would be a part of the name).
const SECRET: &str = "{{secrets/";
/// What stands before the names of a volume in a path: `/Volumes/CATALOG/SCHEMA/VOLUME/FOLDER` (the same, "What are Unity
/// Catalog volumes?"; Spark writes `dbfs:/Volumes/…` too).
const VOLUMES: &str = "/Volumes/";
/// The beginnings of texts that may name something.
pub const SIGNS: [&str; 2] = [SECRET, VOLUMES];
/// The longest name of a secret, of its scope, or of a part of a volume's (the same limits at both: 128 and 255).
const MOST_NAME: usize = 255;

/// The secrets and volumes that a text names, each with the part of the text that does. What a template leaves open
/// (`/Volumes/{{job.parameters.catalog}}/…`) names nothing. Each byte is looked at a few times, however the text is.
pub fn named_things(text: &str) -> Vec<(NamedThing, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(SECRET).map(|at| from + at) {
        from = at + SECRET.len();
        let Some(length) = name_of_secret(&text[from..]) else { continue };
        let name = &text[from..from + length];
        from += length + 2;
        found.push((NamedThing::new(ThingKind::Secret, name), &text[at..from]));
    }
    from = 0;
    while let Some(at) = text[from..].find(VOLUMES).map(|at| from + at) {
        from = at + VOLUMES.len();
        if !begins_path(&text[..at]) {
            continue;
        }
        let Some((name, length)) = name_of_volume(&text[from..]) else { continue };
        from += length;
        found.push((NamedThing::new(ThingKind::Volume, name), &text[at..from]));
    }
    found
}

/// How long the name `SCOPE/KEY` is that ends at the next `}}`. A scope may be called by a reference to its id.
fn name_of_secret(text: &str) -> Option<usize> {
    let near = |wanted: char| text.char_indices().take(MOST_NAME).find(|(_, c)| *c == wanted);
    let open = if text.starts_with("${resources.") { near('}')?.0 + 1 } else { 0 };
    let is_end = |c: char| matches!(c, '{' | '}' | '"' | '\'') || c.is_whitespace() || c.is_control();
    let length = open + text[open..].char_indices().take(2 * MOST_NAME).find(|(_, c)| is_end(*c))?.0;
    let (scope, key) = text[..length].rsplit_once('/')?;
    (text[length..].starts_with("}}") && !scope.is_empty() && !key.is_empty()).then_some(length)
}

/// Whether a path may begin behind a text: not in the middle of another one.
fn begins_path(before: &str) -> bool {
    // `file:///Volumes` and `dbfs:///Volumes` begin at their last slash.
    let scheme = before.strip_suffix("//").filter(|rest| rest.ends_with("dbfs:") || rest.ends_with("file:"));
    let last = scheme.unwrap_or(before).chars().next_back();
    last.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '}' | '*' | '~' | '%' | '\\')))
}

/// The name `CATALOG.SCHEMA.VOLUME` at the beginning of a text, and how long it is there.
fn name_of_volume(text: &str) -> Option<(String, usize)> {
    let mut parts = [""; 3];
    let mut from = 0;
    for (index, part) in parts.iter_mut().enumerate() {
        let rest = &text[from..];
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let length =
            rest.char_indices().find(|(at, c)| *at > MOST_NAME || !is_name(*c)).map_or(rest.len(), |(at, _)| at);
        *part = &rest[..length];
        from += length;
        if part.is_empty() || !ends_name(&rest[length..], index == 2) {
            return None;
        }
        from += usize::from(index < 2);
    }
    Some((parts.join("."), from))
}

/// Whether a name ends before a text. What may be a part of it, or of a pattern, says that it is another name.
fn ends_name(after: &str, is_last: bool) -> bool {
    let mut after = after.chars();
    match after.next() {
        Some('/') => true,
        _ if !is_last => false,
        None => true,
        // The end of a sentence, and no file.
        Some('.') => after.next().is_none_or(char::is_whitespace),
        Some(c) => c.is_whitespace() || "'\"`,;:)]}>&|\\".contains(c),
    }
}

/// Hands on the things that the texts of a value name.
pub fn named_in(value: &Value, hear: &mut dyn FnMut(NamedThing)) {
    match value {
        Value::String(text) => named_things(text).into_iter().for_each(|(thing, _)| hear(thing)),
        Value::Array(items) => items.iter().for_each(|item| named_in(item, hear)),
        Value::Object(map) => map.values().for_each(|item| named_in(item, hear)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Things, each with what provides it.
#[derive(Clone, Debug)]
pub struct ThingIndex<T>(HashMap<NamedThing, (NamedThing, T)>);

impl<T> Default for ThingIndex<T> {
    fn default() -> Self {
        ThingIndex(HashMap::new())
    }
}

impl<T> ThingIndex<T> {
    /// Adds a thing; of several of one name the first counts.
    pub fn add(&mut self, thing: NamedThing, by: T) {
        self.0.entry(thing.key()).or_insert((thing, by));
    }

    /// What provides the very thing.
    pub fn get(&self, thing: &NamedThing) -> Option<&T> {
        self.0.get(&thing.key()).map(|(_, by)| by)
    }

    /// What provides the thing, and what it is in, the nearest first.
    pub fn around(&self, thing: &NamedThing) -> Vec<&T> {
        let all = std::iter::once(thing).cloned().chain(thing.around());
        all.filter_map(|one| self.get(&one)).collect()
    }

    /// The things as they were added, in no order.
    pub fn things(&self) -> impl Iterator<Item = &NamedThing> {
        self.0.values().map(|(thing, _)| thing)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        named_things(text).into_iter().map(|(thing, at)| format!("{thing} at {at}")).collect()
    }

    #[test]
    fn secrets_and_volumes_are_found_wherever_they_stand() {
        for (text, wanted) in [
            ("{{secrets/lake/password}}", vec!["secret lake/password at {{secrets/lake/password}}"]),
            (
                "a={{secrets/lake/a}},b={{secrets/lake/b.c-d@e}}",
                vec!["secret lake/a at {{secrets/lake/a}}", "secret lake/b.c-d@e at {{secrets/lake/b.c-d@e}}"],
            ),
            // A scope may have a slash in its name, a key has none.
            ("{{secrets/team/lake/a}}", vec!["secret team/lake/a at {{secrets/team/lake/a}}"]),
            (
                "{{secrets/${resources.DatabricksSecretScope.lake}/a}}",
                vec![
                    "secret ${resources.DatabricksSecretScope.lake}/a at {{secrets/${resources.DatabricksSecretScope.lake}/a}}",
                ],
            ),
            ("/Volumes/main/sales/landing", vec!["volume main.sales.landing at /Volumes/main/sales/landing"]),
            (
                "/Volumes/main/sales/landing/2024/a.csv",
                vec!["volume main.sales.landing at /Volumes/main/sales/landing"],
            ),
            ("dbfs:/Volumes/main/sales/landing", vec!["volume main.sales.landing at /Volumes/main/sales/landing"]),
            ("dbfs:///Volumes/main/sales/landing/x", vec!["volume main.sales.landing at /Volumes/main/sales/landing"]),
            (
                "--in=/Volumes/a/b/c --out /Volumes/a/b/d.",
                vec!["volume a.b.c at /Volumes/a/b/c", "volume a.b.d at /Volumes/a/b/d"],
            ),
            (r#"{"path": "/Volumes/a/b/c"}"#, vec!["volume a.b.c at /Volumes/a/b/c"]),
            ("/Volumes/größe/b-1/c_2", vec!["volume größe.b-1.c_2 at /Volumes/größe/b-1/c_2"]),
        ] {
            assert_eq!(named(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_whole_name_names_nothing() {
        for text in [
            "{{secrets/lake}}",
            "{{secrets/lake/}}",
            "{{secrets//a}}",
            "{{secrets/lake/a}",
            "{{secrets/lake/a b}}",
            "{{ secrets/lake/a }}",
            "{{secrets/{{secrets/lake",
            "/Volumes/main/sales",
            "/Volumes/main/sales/",
            "/Volumes//sales/landing",
            "/Volumes/main/sales/land*",
            "/Volumes/main/sales/${v}",
            "/Volumes/{{job.parameters.catalog}}/sales/landing",
            "/Volumes/main/sales/landing.csv",
            "/Volumes/main/sales/landing{{x}}",
            "s3://bucket/Volumes/main/sales/landing",
            "/Workspace/Volumes/main/sales/landing",
            "${workspace.root}/Volumes/main/sales/landing",
            "https://host//Volumes/main/sales/landing",
        ] {
            assert_eq!(named(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(named(&format!("/Volumes/a/b/{}", "c".repeat(300))), Vec::<String>::new());
    }

    #[test]
    fn what_is_in_something_says_so() {
        let around =
            |kind, name: &str| NamedThing::new(kind, name).around().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(around(ThingKind::Volume, "main.sales.landing"), ["schema main.sales"]);
        assert_eq!(around(ThingKind::Secret, "team/lake/a"), ["secret scope team/lake"]);
        assert_eq!(around(ThingKind::Storage, "s3://b/x/y/"), ["storage s3://b/x", "storage s3://b"]);
        assert_eq!(around(ThingKind::Schema, "main.sales"), ["catalog main"]);
        assert_eq!(around(ThingKind::Catalog, "main"), Vec::<String>::new());
        let key = |kind, name: &str| NamedThing::new(kind, name).key().name;
        assert_eq!(key(ThingKind::Volume, "Main.Sales.Landing"), "main.sales.landing");
        assert_eq!(key(ThingKind::Storage, "s3://Bucket/X/"), "s3://Bucket/X");
    }

    #[test]
    fn a_text_of_beginnings_alone_is_read_in_no_time() {
        for sign in SIGNS.iter().chain(&["/Volumes/a", "{{secrets/${resources.", "/Volumes/a/b/c/Volumes/a/b"]) {
            // A megabyte: were each beginning read to the end of the text, this would take minutes.
            assert!(named_things(&sign.repeat(1_000_000 / sign.len())).len() <= 1_000_000);
        }
    }
}
