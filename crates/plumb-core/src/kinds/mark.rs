//! The mark: what plumb owns is written on the live object itself, in the call that creates it.
//!
//! Two tags, `plumb` = `PROJECT/TARGET/KIND/NAME` and `plumb_rev` = `COMMIT12-HASH8`; `plumb_protect` = `true` is added
//! to what must not be deleted. Kinds without tags keep the same in the last line of their description:
//! `[plumb PROJECT/TARGET/KIND/NAME COMMIT12-HASH8 protect]`.

use plumb_model::address::Address;
use serde_json::{Value, json};
use std::fmt;

const TAG: &str = "plumb";
const TAG_REV: &str = "plumb_rev";
const TAG_PROTECT: &str = "plumb_protect";
/// What `plumb release` leaves on an object that its manifest names by `adopt`: whose it was. Otherwise the next apply
/// would take it over again.
pub const TAG_RELEASED: &str = "plumb_released";
/// The tags that a mark is made of, and what one leaves.
pub(super) const TAGS: [&str; 4] = [TAG, TAG_REV, TAG_PROTECT, TAG_RELEASED];

/// Where a kind keeps the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkPlace {
    /// As entries of a map of strings: `tags`, `custom_tags`.
    Tags(&'static str),
    /// In the last line of a text: `description`.
    LastLine(&'static str),
    /// As the whole of a text that is no part of the spec: the first line of a file.
    Line(&'static str),
    /// There is no place for one.
    Nowhere,
}

/// What a live object says about who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub owner: Owner,
    pub rev: Option<Rev>,
    /// Whether the object must not be deleted, even when its manifest is gone.
    pub protect: bool,
}

/// Whose an object is: `PROJECT/TARGET/KIND/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    pub project: String,
    pub target: String,
    pub address: Address,
}

/// What an object was last made to be: `COMMIT12-HASH8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rev {
    /// The first 12 characters of the commit that the manifest was read at; zeros when there was none.
    pub commit: String,
    /// The first 8 characters of the hash of the spec's normal form.
    pub hash: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.project, self.target, self.address)
    }
}

impl fmt::Display for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.commit, self.hash)
    }
}

impl Owner {
    fn parse(text: &str) -> Option<Owner> {
        let mut parts = text.splitn(4, '/').map(str::to_owned);
        let (project, target, kind, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let whole = [&project, &target, &kind, &name].iter().all(|p| !p.is_empty());
        whole.then_some(Owner { project, target, address: Address { kind, name } })
    }
}

impl Rev {
    /// The commit in a mark that was made without one.
    pub const NO_COMMIT: &str = "000000000000";
    /// What people are told instead.
    pub const UNCOMMITTED: &str = "uncommitted";

    fn parse(text: &str) -> Option<Rev> {
        let (commit, hash) = text.split_once('-')?;
        Some(Rev { commit: commit.to_owned(), hash: hash.to_owned() })
    }
}

impl Mark {
    fn parse(text: &str) -> Option<Mark> {
        let mut words = text.split(' ');
        let owner = Owner::parse(words.next()?)?;
        let rev = words.next().and_then(Rev::parse);
        let protect = words.next() == Some("protect");
        Some(Mark { owner, rev, protect })
    }

    fn words(&self) -> String {
        let rev = self.rev.as_ref().map_or_else(String::new, |rev| format!(" {rev}"));
        let protect = if self.protect { " protect" } else { "" };
        format!("{}{rev}{protect}", self.owner)
    }
}

impl MarkPlace {
    /// The top-level member that holds the mark; empty where there is none.
    pub fn member(self) -> &'static str {
        match self {
            MarkPlace::Nowhere => "",
            MarkPlace::Tags(member) | MarkPlace::LastLine(member) | MarkPlace::Line(member) => member,
        }
    }

    /// Takes the mark off a spec and returns it. A text that only looks like one stays.
    pub fn take(self, spec: &mut Value) -> Option<Mark> {
        match self {
            MarkPlace::Tags(member) => {
                let tags = spec.get_mut(member)?.as_object_mut()?;
                let owner = Owner::parse(tags.get(TAG)?.as_str()?)?;
                tags.remove(TAG);
                let rev = tags.remove(TAG_REV).and_then(|v| Rev::parse(v.as_str()?));
                let protect = tags.remove(TAG_PROTECT).is_some_and(|v| v == "true");
                Some(Mark { owner, rev, protect })
            }
            MarkPlace::LastLine(member) => {
                let text = spec.get(member)?.as_str()?;
                let (rest, line) = text.rsplit_once('\n').unwrap_or(("", text));
                let mark = Mark::parse(line.strip_prefix("[plumb ")?.strip_suffix(']')?)?;
                spec[member] = json!(rest);
                Some(mark)
            }
            MarkPlace::Line(member) => {
                let mark = Mark::parse(spec.get(member)?.as_str()?)?;
                spec.as_object_mut()?.remove(member);
                Some(mark)
            }
            MarkPlace::Nowhere => None,
        }
    }

    /// Takes off a spec what a release left there.
    pub fn take_release(self, spec: &mut Value) -> Option<Owner> {
        match self {
            MarkPlace::Tags(member) => {
                let tags = spec.get_mut(member)?.as_object_mut()?;
                let owner = Owner::parse(tags.get(TAG_RELEASED)?.as_str()?)?;
                tags.remove(TAG_RELEASED);
                Some(owner)
            }
            MarkPlace::LastLine(member) => {
                let text = spec.get(member)?.as_str()?;
                let (rest, line) = text.rsplit_once('\n').unwrap_or(("", text));
                let owner = Owner::parse(line.strip_prefix("[plumb released ")?.strip_suffix(']')?)?;
                spec[member] = json!(rest);
                Some(owner)
            }
            MarkPlace::Line(_) | MarkPlace::Nowhere => None,
        }
    }

    /// Writes on a spec whose it was until it was released. A file's first line takes none: a file without a mark is
    /// somebody else's, and never adopted.
    pub fn put_release(self, spec: &mut Value, owner: &Owner) {
        match self {
            MarkPlace::Tags(member) => {
                if !spec[member].is_object() {
                    spec[member] = json!({});
                }
                spec[member][TAG_RELEASED] = json!(owner.to_string());
            }
            MarkPlace::LastLine(member) => put_line(spec, member, &format!("released {owner}")),
            MarkPlace::Line(_) | MarkPlace::Nowhere => {}
        }
    }

    /// Writes the mark on a spec.
    pub fn put(self, spec: &mut Value, mark: &Mark) {
        match self {
            MarkPlace::Tags(member) => {
                if !spec[member].is_object() {
                    spec[member] = json!({});
                }
                spec[member][TAG] = json!(mark.owner.to_string());
                if let Some(rev) = &mark.rev {
                    spec[member][TAG_REV] = json!(rev.to_string());
                }
                if mark.protect {
                    spec[member][TAG_PROTECT] = json!("true");
                }
            }
            MarkPlace::LastLine(member) => put_line(spec, member, &mark.words()),
            MarkPlace::Line(member) => spec[member] = json!(mark.words()),
            MarkPlace::Nowhere => {}
        }
    }
}

fn put_line(spec: &mut Value, member: &str, words: &str) {
    let mut text = spec[member].as_str().unwrap_or_default().to_owned();
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("[plumb {words}]"));
    spec[member] = json!(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(protect: bool) -> Mark {
        let address = Address { kind: "DatabricksJob".into(), name: "etl".into() };
        Mark {
            owner: Owner { project: "bau".into(), target: "prod".into(), address },
            rev: Some(Rev { commit: "0123456789ab".into(), hash: "deadbeef".into() }),
            protect,
        }
    }

    #[test]
    fn a_mark_that_was_put_is_taken_off_without_a_trace() {
        for place in [MarkPlace::Tags("tags"), MarkPlace::LastLine("description"), MarkPlace::Line("header")] {
            for protect in [false, true] {
                for before in
                    [json!({"tags": {"a": "b"}, "description": "two\nlines"}), json!({"tags": {}, "description": ""})]
                {
                    let mut spec = before.clone();
                    place.put(&mut spec, &mark(protect));
                    assert_ne!(spec, before);
                    assert_eq!(place.take(&mut spec), Some(mark(protect)));
                    assert_eq!(spec, before);
                }
            }
        }
    }

    #[test]
    fn what_a_release_left_is_taken_off_without_a_trace_and_is_no_mark() {
        for place in [MarkPlace::Tags("tags"), MarkPlace::LastLine("description")] {
            for before in
                [json!({"tags": {"a": "b"}, "description": "two\nlines"}), json!({"tags": {}, "description": ""})]
            {
                let owner = mark(false).owner;
                let mut spec = before.clone();
                place.put_release(&mut spec, &owner);
                assert_ne!(spec, before);
                assert_eq!(place.take(&mut spec), None);
                assert_eq!(place.take_release(&mut spec), Some(owner));
                assert_eq!(spec, before);
                assert_eq!(place.take_release(&mut spec), None);
                place.put(&mut spec, &mark(false));
                assert_eq!(place.take_release(&mut spec), None, "a mark is no release");
            }
        }
    }

    #[test]
    fn what_only_looks_like_a_mark_is_none() {
        for text in ["[plumb ]", "[plumb a/b/c]", "[plumb a/b/c/]", "plumb a/b/c/d", "[plumb a/b/c/d x-y] more"] {
            let mut spec = json!({"description": text});
            assert_eq!(MarkPlace::LastLine("description").take(&mut spec), None, "{text}");
            assert_eq!(spec, json!({"description": text}));
        }
    }
}
