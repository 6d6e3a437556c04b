//! What is live of the old: a cluster, an application or a security configuration, as far as it matters to whoever
//! ends it.

use crate::kinds::{Kind, Mark, MarkPlace, Observed, Unreadable, Whose};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// When it was marked for teardown, an RFC 3339 time, and its id behind a space: EMR allows a cluster ten tags, and what
/// one tag says cannot be torn apart. A clone has the tag, and another id.
pub const TAG_MARKED: &str = "plumb_teardown_marked";
/// Who marked it.
pub const TAG_BY: &str = "plumb_teardown_by";
/// The first day on which it may be ended, as its manifest said then.
pub const TAG_NOT_BEFORE: &str = "plumb_teardown_not_before";

/// Where the mark is.
pub const MARK: MarkPlace = MarkPlace::Tags("tags");

/// Something old that is live.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Old {
    /// `j-…` of a cluster, the id of an application, the name of a security configuration.
    pub id: String,
    pub name: String,
    /// As the service says it: `WAITING`; empty where there are no states.
    pub state: String,
    pub created: Option<Timestamp>,
    pub tags: BTreeMap<String, String>,
    /// Whether its termination protection is on.
    pub protected: bool,
    /// What is going on in it, each in a few words: `step s-1 "aggregate" is RUNNING`.
    pub busy: Vec<String>,
    /// The security configuration that a cluster was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secured_by: Option<String>,
}

/// What the tags of something marked say.
#[derive(Clone, Debug, PartialEq)]
pub struct Marked {
    pub mark: Mark,
    /// When; `None` when the tag is gone or no time.
    pub at: Option<Timestamp>,
    /// The id of what was marked; `None` in marks of earlier versions of plumb.
    pub of: Option<String>,
    pub by: Option<String>,
    pub not_before: Option<Date>,
}

impl Old {
    /// What a reading of one thing noted.
    pub fn of(seen: &Observed) -> Option<Old> {
        serde_json::from_value(seen.facts.clone()).ok()
    }

    /// The mark on it, whoever made it.
    pub fn marked(&self) -> Option<Marked> {
        let mark = MARK.take(&mut json!({ "tags": self.tags }))?;
        let tag = |name: &str| self.tags.get(name);
        let (at, of) = tag(TAG_MARKED).map_or((None, None), |text| marked_tag(text));
        Some(Marked {
            mark,
            at,
            of,
            by: tag(TAG_BY).cloned(),
            not_before: tag(TAG_NOT_BEFORE).and_then(|text| text.parse().ok()),
        })
    }

    /// As a live object of its kind.
    pub fn seen(self) -> Observed {
        let spec = json!({ "name": self.name, "tags": self.tags });
        let state = Some(self.state.clone()).filter(|state| !state.is_empty());
        // A struct of strings, lists and maps always serialises.
        let facts = serde_json::to_value(&self).unwrap_or_default();
        Observed { id: self.id, spec, state, facts, ..Observed::default() }
    }
}

/// The value of [`TAG_MARKED`].
pub fn marked_value(at: Timestamp, id: &str) -> String {
    tag_value(&format!("{} {id}", at.strftime("%Y-%m-%dT%H:%M:%SZ")))
}

/// What the value of [`TAG_MARKED`] says.
fn marked_tag(text: &str) -> (Option<Timestamp>, Option<String>) {
    let (at, of) = text.split_once(' ').map_or((text, None), |(at, id)| (at, Some(id.to_owned())));
    (at.parse().ok(), of)
}

/// A text as the value of a tag: EMR allows letters, digits, spaces and `_ . : / = + - @`, 256 characters of them (EMR
/// management guide, "Tag restrictions").
pub fn tag_value(text: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    text.chars().take(256).map(|c| if allowed(c) { c } else { '_' }).collect()
}

/// The text at a pointer; empty when there is none.
pub fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// One thing of a listing, which says little of it. `id` and `name` are members, `state` is a JSON pointer.
pub fn listed(kind: &dyn Kind, row: &Value, id: &str, name: &str, state: &str) -> Result<Observed, Unreadable> {
    let known = row[id].as_str().filter(|id| !id.is_empty());
    let spec = json!({ "name": row[name] });
    // A listing has no tags: whose it is is told by a reading of its own.
    let refuse = |why: &str| Unreadable { whose: Whose::Unknown, ..Unreadable::of(kind, known, Some(&spec), why) };
    let known = known.ok_or_else(|| refuse("the listing has no id of it"))?;
    let state = match row.pointer(state) {
        None | Some(Value::Null) => None,
        Some(Value::String(state)) => Some(state.clone()),
        Some(_) => return Err(refuse("its state is no text")),
    };
    Ok(Observed { id: known.to_owned(), spec, state, ..Observed::default() })
}

/// The tags that a step sets, and the names of those that it takes off.
pub fn tags_of(body: &Value) -> (BTreeMap<String, String>, Vec<String>) {
    let mut set = BTreeMap::new();
    let mut off = Vec::new();
    for (name, value) in body["tags"].as_object().into_iter().flatten() {
        match value.as_str() {
            Some(value) => {
                set.insert(name.clone(), value.to_owned());
            }
            None => off.push(name.clone()),
        }
    }
    (set, off)
}
