//! The mark: what plumb owns is written on the live object itself, in the call that creates it.
//!
//! Two tags, `plumb` = `PROJECT/TARGET/KIND/NAME` and `plumb_rev` = `COMMIT12-HASH8`; `plumb_protect` = `true` is added
//! to what must not be deleted, `plumb_force_destroy` = `true` to what may be deleted with all that it holds. Kinds without
//! tags keep the same in the last line of their description:
//! `[plumb PROJECT/TARGET/KIND/NAME COMMIT12-HASH8 protect force_destroy]`.

use plumb_model::address::Address;
use serde_json::{Value, json};
use std::fmt;

const TAG: &str = "plumb";
const TAG_REV: &str = "plumb_rev";
const TAG_PROTECT: &str = "plumb_protect";
const TAG_FORCE_DESTROY: &str = "plumb_force_destroy";
/// The words that a mark of one line ends with.
const PROTECT: &str = "protect";
const FORCE_DESTROY: &str = "force_destroy";
/// How the words begin that a release leaves.
const RELEASED: &str = "released ";
/// What `plumb release` leaves on an object that its manifest names by `adopt`: whose it was. Otherwise the next apply
/// would take it over again.
pub const TAG_RELEASED: &str = "plumb_released";
/// The tags that a mark is made of, and what one leaves.
pub(crate) const TAGS: [&str; 5] = [TAG, TAG_REV, TAG_PROTECT, TAG_FORCE_DESTROY, TAG_RELEASED];

/// Where a kind keeps the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkPlace {
    /// As entries of a map of strings: `tags`, `custom_tags`.
    Tags(&'static str),
    /// As elements `{key, value}` of a list in an object: `tags.custom_tags` is the list `custom_tags` of `tags`.
    TagPairs(&'static str, &'static str),
    /// In the last line of a text: `description`.
    LastLine(&'static str),
    /// As the whole of a text that is no part of the spec: the first line of a file.
    Line(&'static str),
    /// The same, where a release may leave its word as well: the keys of a secret scope.
    Words(&'static str),
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
    /// Whether the object may be deleted although it holds what the delete destroys.
    pub force_destroy: bool,
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
    /// Reads a mark of one line: [`Mark::words`].
    pub fn parse(text: &str) -> Option<Mark> {
        let mut words = text.split(' ');
        let owner = Owner::parse(words.next()?)?;
        let rev = words.next().and_then(Rev::parse);
        let rest: Vec<&str> = words.collect();
        Some(Mark { owner, rev, protect: rest.contains(&PROTECT), force_destroy: rest.contains(&FORCE_DESTROY) })
    }

    /// The mark in one line: `PROJECT/TARGET/KIND/NAME COMMIT12-HASH8 protect force_destroy`.
    pub fn words(&self) -> String {
        let mut words = self.owner.to_string();
        if let Some(rev) = &self.rev {
            words.push_str(&format!(" {rev}"));
        }
        for (is_on, word) in [(self.protect, PROTECT), (self.force_destroy, FORCE_DESTROY)] {
            if is_on {
                words.push(' ');
                words.push_str(word);
            }
        }
        words
    }

    /// The mark as tags.
    fn tags(&self) -> Vec<(&'static str, String)> {
        let mut tags = vec![(TAG, self.owner.to_string())];
        tags.extend(self.rev.as_ref().map(|rev| (TAG_REV, rev.to_string())));
        let flags = [(self.protect, TAG_PROTECT), (self.force_destroy, TAG_FORCE_DESTROY)];
        tags.extend(flags.into_iter().filter(|(is_on, _)| *is_on).map(|(_, tag)| (tag, "true".to_owned())));
        tags
    }

    /// Takes the mark out of tags, once there is an owner among them.
    fn of_tags(tags: &mut SpecTags<'_>) -> Option<Mark> {
        let owner = Owner::parse(&tags.get(TAG)?)?;
        tags.remove(TAG);
        let rev = tags.remove(TAG_REV).and_then(|text| Rev::parse(&text));
        let mut flag = |tag: &str| tags.remove(tag).is_some_and(|text| text == "true");
        Some(Mark { owner, rev, protect: flag(TAG_PROTECT), force_destroy: flag(TAG_FORCE_DESTROY) })
    }
}

impl MarkPlace {
    /// The top-level member that holds the mark; empty where there is none.
    pub fn member(self) -> &'static str {
        match self {
            MarkPlace::Nowhere => "",
            MarkPlace::Tags(member)
            | MarkPlace::TagPairs(member, _)
            | MarkPlace::LastLine(member)
            | MarkPlace::Line(member)
            | MarkPlace::Words(member) => member,
        }
    }

    /// Takes the mark off a spec and returns it. A text that only looks like one stays.
    pub fn take(self, spec: &mut Value) -> Option<Mark> {
        match self {
            MarkPlace::Tags(_) | MarkPlace::TagPairs(..) => {
                let mut tags = SpecTags::of(self, spec)?;
                Mark::of_tags(&mut tags)
            }
            MarkPlace::LastLine(member) => {
                let text = spec.get(member)?.as_str()?;
                let (rest, line) = text.rsplit_once('\n').unwrap_or(("", text));
                let mark = Mark::parse(line.strip_prefix("[plumb ")?.strip_suffix(']')?)?;
                spec[member] = json!(rest);
                Some(mark)
            }
            MarkPlace::Line(member) | MarkPlace::Words(member) => {
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
            MarkPlace::Tags(_) | MarkPlace::TagPairs(..) => {
                let mut tags = SpecTags::of(self, spec)?;
                let owner = Owner::parse(&tags.get(TAG_RELEASED)?)?;
                tags.remove(TAG_RELEASED);
                Some(owner)
            }
            MarkPlace::LastLine(member) => {
                let text = spec.get(member)?.as_str()?;
                let (rest, line) = text.rsplit_once('\n').unwrap_or(("", text));
                let owner = Owner::parse(line.strip_prefix("[plumb ")?.strip_prefix(RELEASED)?.strip_suffix(']')?)?;
                spec[member] = json!(rest);
                Some(owner)
            }
            MarkPlace::Words(member) => {
                let owner = Owner::parse(spec.get(member)?.as_str()?.strip_prefix(RELEASED)?)?;
                spec.as_object_mut()?.remove(member);
                Some(owner)
            }
            MarkPlace::Line(_) | MarkPlace::Nowhere => None,
        }
    }

    /// Writes on a spec whose it was until it was released. A file's first line takes none: a file without a mark is
    /// somebody else's, and never adopted.
    pub fn put_release(self, spec: &mut Value, owner: &Owner) {
        match self {
            MarkPlace::Tags(_) | MarkPlace::TagPairs(..) => self.put_tag(spec, TAG_RELEASED, owner.to_string()),
            MarkPlace::LastLine(member) => put_line(spec, member, &format!("{RELEASED}{owner}")),
            MarkPlace::Words(member) => spec[member] = json!(format!("{RELEASED}{owner}")),
            MarkPlace::Line(_) | MarkPlace::Nowhere => {}
        }
    }

    /// Writes the mark on a spec.
    pub fn put(self, spec: &mut Value, mark: &Mark) {
        match self {
            MarkPlace::Tags(_) | MarkPlace::TagPairs(..) => {
                mark.tags().into_iter().for_each(|(tag, text)| self.put_tag(spec, tag, text));
            }
            MarkPlace::LastLine(member) => put_line(spec, member, &mark.words()),
            MarkPlace::Line(member) | MarkPlace::Words(member) => spec[member] = json!(mark.words()),
            MarkPlace::Nowhere => {}
        }
    }

    /// Sets a tag of a spec that may have none yet.
    fn put_tag(self, spec: &mut Value, tag: &str, text: String) {
        if let MarkPlace::Tags(member) = self {
            if !spec[member].is_object() {
                spec[member] = json!({});
            }
            spec[member][tag] = json!(text);
        } else if let MarkPlace::TagPairs(member, list) = self {
            if !spec[member].is_object() {
                spec[member] = json!({});
            }
            let list = &mut spec[member][list];
            if !list.is_array() {
                *list = json!([]);
            }
            if let Some(pairs) = list.as_array_mut() {
                pairs.retain(|pair| pair["key"] != tag);
                pairs.push(json!({ "key": tag, "value": text }));
            }
        }
    }
}

/// The tags of a spec, as a map or as pairs.
enum SpecTags<'s> {
    Map(&'s mut serde_json::Map<String, Value>),
    Pairs(&'s mut Vec<Value>),
}

impl<'s> SpecTags<'s> {
    /// Those of a spec that has any.
    fn of(place: MarkPlace, spec: &'s mut Value) -> Option<SpecTags<'s>> {
        match place {
            MarkPlace::Tags(member) => spec.get_mut(member)?.as_object_mut().map(SpecTags::Map),
            MarkPlace::TagPairs(member, list) => {
                spec.get_mut(member)?.get_mut(list)?.as_array_mut().map(SpecTags::Pairs)
            }
            MarkPlace::LastLine(_) | MarkPlace::Line(_) | MarkPlace::Words(_) | MarkPlace::Nowhere => None,
        }
    }

    fn get(&self, tag: &str) -> Option<String> {
        let value = match self {
            SpecTags::Map(map) => map.get(tag)?,
            SpecTags::Pairs(pairs) => pairs.iter().find(|pair| pair["key"] == tag)?.get("value")?,
        };
        value.as_str().map(str::to_owned)
    }

    fn remove(&mut self, tag: &str) -> Option<String> {
        let text = self.get(tag);
        match self {
            SpecTags::Map(map) => drop(map.remove(tag)),
            SpecTags::Pairs(pairs) => pairs.retain(|pair| pair["key"] != tag),
        }
        text
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
            force_destroy: protect,
        }
    }

    fn specs() -> [Value; 2] {
        let pairs = json!({ "all": [{ "key": "a", "value": "b" }] });
        [
            json!({ "tags": { "a": "b" }, "pairs": pairs, "description": "two\nlines" }),
            json!({ "tags": {}, "pairs": { "all": [] }, "description": "" }),
        ]
    }

    #[test]
    fn each_flag_of_a_mark_is_told_apart() {
        for (protect, force_destroy) in [(false, false), (true, false), (false, true), (true, true)] {
            let wanted = Mark { force_destroy, ..mark(protect) };
            assert_eq!(Mark::parse(&wanted.words()), Some(wanted.clone()));
            let mut spec = json!({});
            MarkPlace::Tags("tags").put(&mut spec, &wanted);
            assert_eq!(MarkPlace::Tags("tags").take(&mut spec), Some(wanted));
        }
    }

    #[test]
    fn a_mark_that_was_put_is_taken_off_without_a_trace() {
        let places = [
            MarkPlace::Tags("tags"),
            MarkPlace::TagPairs("pairs", "all"),
            MarkPlace::LastLine("description"),
            MarkPlace::Line("header"),
            MarkPlace::Words("mark"),
        ];
        for place in places {
            for protect in [false, true] {
                for before in specs() {
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
        for place in [
            MarkPlace::Tags("tags"),
            MarkPlace::TagPairs("pairs", "all"),
            MarkPlace::LastLine("description"),
            MarkPlace::Words("mark"),
        ] {
            for before in specs() {
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
