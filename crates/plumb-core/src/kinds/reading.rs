//! Reading what a service answered: what is there, what is not, and what cannot be told.
//!
//! Services written in Go leave empty lists out (`omitempty`), others write `null`: both say that there is nothing. A
//! member of the wrong type says nothing at all. What of an object could not be read is kept as [`Unreadable`], with
//! whatever could: an object that is dropped would be taken for absent, and made a second time.

use super::{Kind, Mark, MarkPlace, Observed};
use plumb_model::read::Pages;
use serde_json::Value;
use std::{collections::HashMap, fmt};

/// What a read of an object's details gave: its pages, or why the service refuses to show them.
pub type Details = Result<Pages, String>;

/// Whose a live object is that could not be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Whose {
    /// Its mark could be read.
    Marked(Box<Mark>),
    /// The place of the mark could be read, and there is none.
    Nobody,
    /// It cannot be told. It may be anybody's.
    #[default]
    Unknown,
}

/// A live object that could not be understood, and what of it could.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unreadable {
    /// In words, for messages: `cluster policy p-1 "small"`.
    pub what: String,
    /// Why it could not be read: "its definition is no JSON".
    pub why: String,
    pub id: Option<String>,
    /// What people call it; empty when it has no name, `None` when that cannot be told.
    pub title: Option<String>,
    pub whose: Whose,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl std::error::Error for Unreadable {}

impl Unreadable {
    /// Something of which nothing is known: it may be any object of its kind.
    pub fn unknown(what: impl Into<String>, why: impl Into<String>) -> Self {
        Unreadable { what: what.into(), why: why.into(), ..Unreadable::default() }
    }

    /// An object of a kind. `spec` is the part of the answer that has its name and its mark.
    pub fn of(kind: &dyn Kind, id: Option<&str>, spec: Option<&Value>, why: impl Into<String>) -> Self {
        // An object that lost all its members may have lost its mark and its name with them.
        let spec = spec.filter(|spec| spec.as_object().is_some_and(|map| !map.is_empty()));
        let title = match spec.map(|spec| spec.get(kind.title()).unwrap_or(&Value::Null)) {
            Some(Value::String(title)) => Some(title.clone()),
            Some(Value::Null) if id.is_some() => Some(String::new()),
            _ => None,
        };
        let whose = match spec.map(|spec| (kind.mark().is_legible(spec), kind.mark().take(&mut spec.clone()))) {
            Some((_, Some(mark))) => Whose::Marked(Box::new(mark)),
            Some((true, None)) if id.is_some() => Whose::Nobody,
            _ => Whose::Unknown,
        };
        Unreadable {
            what: named(kind.noun(), id, title.as_deref()),
            why: why.into(),
            id: id.map(str::to_owned),
            title,
            whose,
        }
    }
}

/// `job 12 "etl"`, as far as it is known.
fn named(noun: &str, id: Option<&str>, title: Option<&str>) -> String {
    let id = id.map_or_else(String::new, |id| format!(" {id}"));
    // What Airflow knows by its name has no other id.
    let title =
        title.filter(|t| !t.is_empty() && id.trim_start() != *t).map_or_else(String::new, |t| format!(" \"{t}\""));
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
    if id.is_empty() && title.is_empty() { format!("{article} {noun}") } else { format!("{noun}{id}{title}") }
}

impl MarkPlace {
    /// Whether the place of the mark can be read, be there one or none.
    pub fn is_legible(self, spec: &Value) -> bool {
        let place = spec.get(self.member());
        match (self, place) {
            (_, None | Some(Value::Null)) => spec.is_object(),
            (MarkPlace::Tags(_), Some(Value::Object(tags))) => {
                super::mark::TAGS.iter().all(|tag| tags.get(*tag).is_none_or(|value| value.is_string()))
            }
            (MarkPlace::TagPairs(_, list), Some(Value::Object(tags))) => match tags.get(list) {
                None | Some(Value::Null) => true,
                Some(Value::Array(pairs)) => pairs.iter().all(|pair| {
                    let is_mark = pair["key"].as_str().is_none_or(|key| super::mark::TAGS.contains(&key));
                    pair["key"].is_string() && (!is_mark || pair["value"].is_string())
                }),
                Some(_) => false,
            },
            (MarkPlace::LastLine(_) | MarkPlace::Line(_) | MarkPlace::Words(_), Some(place)) => place.is_string(),
            (MarkPlace::Nowhere, _) => true,
            (MarkPlace::Tags(_) | MarkPlace::TagPairs(..), Some(_)) => false,
        }
    }
}

/// An object as its kind saw it, unless what everything else depends on cannot be read: its mark and its name.
pub(super) fn legible(kind: &dyn Kind, seen: Observed) -> Result<Observed, Unreadable> {
    let refuse = |why: String| Err(Unreadable::of(kind, Some(&seen.id), Some(&seen.spec), why));
    if !kind.mark().is_legible(&seen.spec) {
        return refuse(format!("its `{}`, where its mark would be, cannot be read", kind.mark().member()));
    }
    match seen.spec.get(kind.title()) {
        None | Some(Value::Null | Value::String(_)) => Ok(seen),
        Some(_) => refuse(format!("its `{}` is no text", kind.title())),
    }
}

/// Each object once, as it was read last: pages of a listing may overlap when objects come and go meanwhile, and one that
/// is on two of them is still one. What could not be read stays beside what could.
pub(super) fn each_once(listed: Vec<Result<Observed, Unreadable>>) -> Vec<Result<Observed, Unreadable>> {
    let mut all = EachOnce::default();
    for one in listed {
        let id = one.as_ref().ok().map(|seen| seen.id.clone());
        all.add(id.as_deref(), one);
    }
    all.into_all()
}

/// The objects of a listing, each once, as it was read last.
pub struct EachOnce<T> {
    places: HashMap<String, usize>,
    found: Vec<Result<T, Unreadable>>,
}

impl<T> Default for EachOnce<T> {
    fn default() -> Self {
        EachOnce { places: HashMap::new(), found: Vec::new() }
    }
}

impl<T> EachOnce<T> {
    /// Adds an object by its id, where it could be read.
    pub fn add(&mut self, id: Option<&str>, one: Result<T, Unreadable>) {
        let id = id.filter(|id| !id.is_empty());
        match id.and_then(|id| self.places.get(id)) {
            Some(place) => self.found[*place] = one,
            None => {
                self.places.extend(id.map(|id| (id.to_owned(), self.found.len())));
                self.found.push(one);
            }
        }
    }

    /// All of them, in the order in which each was met first.
    pub fn into_all(self) -> Vec<Result<T, Unreadable>> {
        self.found
    }
}

/// What stands under a member of an answer, if it is a list: absent and `null` are an empty one. Otherwise why not.
pub fn list<'v>(answer: &'v Value, member: &str) -> Result<&'v [Value], String> {
    match answer.get(member) {
        None | Some(Value::Null) if answer.is_object() => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        _ => Err(format!("`{member}` is no list")),
    }
}

/// A text of an answer: absent and `null` are none. Otherwise why not.
pub fn text<'v>(answer: &'v Value, member: &str) -> Result<Option<&'v str>, String> {
    match answer.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("its `{member}` is no text")),
    }
}

/// A flag of an answer: absent and `null` are off. Otherwise why not.
pub fn flag(answer: &Value, member: &str) -> Result<bool, String> {
    match answer.get(member) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(on)) => Ok(*on),
        Some(_) => Err(format!("its `{member}` is neither true nor false")),
    }
}

/// The objects of a listing of pages, whose rows stand under `member`. A page whose rows cannot be read may hold any.
pub fn rows(
    kind: &dyn Kind,
    listed: &[Pages],
    member: &str,
    mut seen: impl FnMut(&Value) -> Option<Result<Observed, Unreadable>>,
) -> Vec<Result<Observed, Unreadable>> {
    let mut found = Vec::new();
    for page in listed.iter().flatten() {
        match list(page, member) {
            Ok(rows) => found.extend(rows.iter().filter_map(&mut seen)),
            Err(why) => found.push(Err(Unreadable::unknown(format!("a page of the list of {}s", kind.noun()), why))),
        }
    }
    found
}

/// The pages of the next of an object's details. `what` they are of, for messages: "the permissions".
pub fn next<'d>(details: &mut impl Iterator<Item = &'d Details>, what: &str) -> Result<&'d Pages, String> {
    match details.next() {
        Some(Ok(pages)) => Ok(pages),
        Some(Err(why)) => Err(format!("{what} cannot be read: {why}")),
        None => Err(format!("{what} were not read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_on_two_pages_is_one_and_the_later_reading_holds() {
        let seen = |id: &str, n: i64| Ok(Observed { id: id.into(), spec: json!({ "n": n }), ..Observed::default() });
        let broken = || Err(Unreadable { id: Some("a".into()), ..Unreadable::default() });
        let listed = vec![seen("a", 1), seen("b", 2), broken(), seen("a", 3), broken(), seen("", 4), seen("", 5)];
        let found = each_once(listed);
        let brief: Vec<String> = found
            .iter()
            .map(|one| one.as_ref().map_or("unreadable".into(), |seen| format!("{} {}", seen.id, seen.spec["n"])))
            .collect();
        // What cannot be read blocks what waits for it, however often it is listed.
        assert_eq!(brief, ["a 3", "b 2", "unreadable", "unreadable", " 4", " 5"]);
    }
}
