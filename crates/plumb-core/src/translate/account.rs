//! What became of each value of the input: none is lost without a word.

use super::answers::{TeamAnswer, TeamQuestion};
use super::paths::KnownPaths;
use super::runtime::RuntimeChange;
use crate::detect::masked;
use serde_json::Value;
use std::collections::BTreeMap;

/// A value of the input, and where it stands there: `Steps[2].Config.Args[0]`.
#[derive(Clone, Debug)]
pub struct At<'a> {
    pub field: String,
    pub value: &'a Value,
}

impl<'a> At<'a> {
    /// The whole input.
    pub fn root(value: &'a Value) -> Self {
        At { field: String::new(), value }
    }

    /// A member of an object.
    pub fn get(&self, key: &str) -> Option<At<'a>> {
        self.value.get(key).map(|value| At { field: member(&self.field, key), value })
    }

    /// A member of a member of an object: `a.b`.
    pub fn path(&self, path: &str) -> Option<At<'a>> {
        path.split('.').try_fold(self.clone(), |at, key| at.get(key))
    }

    /// The elements of a list; nothing for anything else.
    pub fn items(&self) -> Vec<At<'a>> {
        let items = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().enumerate().map(|(i, value)| At { field: format!("{}[{i}]", self.field), value }).collect()
    }

    /// The members of an object, in the order of their keys; nothing for anything else.
    pub fn members(&self) -> Vec<(&'a str, At<'a>)> {
        let mut members: Vec<_> = self
            .value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), At { field: member(&self.field, key), value }))
            .collect();
        members.sort_by_key(|(key, _)| *key);
        members
    }

    /// The elements of a member that is a list.
    pub fn list(&self, key: &str) -> Vec<At<'a>> {
        self.get(key).map(|at| at.items()).unwrap_or_default()
    }

    /// The text, or a number or truth value as text.
    pub fn text(&self) -> Option<String> {
        match self.value {
            Value::String(s) => Some(s.clone()),
            Value::Number(n) => Some(n.to_string()),
            Value::Bool(b) => Some(b.to_string()),
            _ => None,
        }
    }

    /// A member as text, unless it is empty.
    pub fn text_of(&self, key: &str) -> Option<String> {
        self.get(key)?.text().filter(|s| !s.is_empty())
    }

    /// A whole number, also one that is written as text.
    pub fn int(&self) -> Option<i64> {
        match self.value {
            // Amazon's services write whole numbers as floats here and there; the cast cannot leave the range of i64.
            #[allow(clippy::cast_possible_truncation)]
            Value::Number(n) => n.as_i64().or_else(|| n.as_f64().map(|f| f as i64)),
            Value::String(s) => s.trim().parse().ok(),
            _ => None,
        }
    }

    /// A member as a whole number.
    pub fn int_of(&self, key: &str) -> Option<i64> {
        self.get(key)?.int()
    }

    /// Every scalar at or below this value. An empty list or object says nothing.
    pub fn leaves(&self) -> Vec<String> {
        match self.value {
            Value::Array(_) => self.items().iter().flat_map(At::leaves).collect(),
            Value::Object(_) => self.members().iter().flat_map(|(_, at)| at.leaves()).collect(),
            _ => vec![self.field.clone()],
        }
    }
}

fn member(of: &str, key: &str) -> String {
    let is_plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    match (of.is_empty(), is_plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{of}.{key}"),
        (_, false) => format!("{of}[{}]", Value::from(key)),
    }
}

/// What became of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It went into a manifest: the place there, as `tasks[load].libraries`; `*` stands for each.
    Translated { to: String },
    /// It has no place on the other side.
    Dropped { why: String },
    /// A person decides: the index in [`super::Translation::decisions`].
    Decision(usize),
}

/// The fate of every scalar of the input, by its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub fates: BTreeMap<String, Fate>,
    /// Of values that consist of several words (options of the Java machine, packages): the words that were left out,
    /// each with its reason. What became of the rest is the value's own fate.
    pub left_out: BTreeMap<String, Vec<DroppedWord>>,
    /// What the old DAG says and has no place on the other side: the member, and why.
    pub of_dag: BTreeMap<String, String>,
}

/// A word of a value that has no place on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedWord {
    pub word: String,
    pub why: String,
}

impl Account {
    /// Records what became of everything at or below a value that nothing was said about yet.
    pub fn put(&mut self, at: &At<'_>, fate: &Fate) {
        for leaf in at.leaves() {
            self.fates.entry(leaf).or_insert_with(|| fate.clone());
        }
    }

    /// How many values were translated, were dropped, and wait for a decision.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |is: fn(&Fate) -> bool| self.fates.values().filter(|f| is(f)).count();
        (
            count(|f| matches!(f, Fate::Translated { .. })),
            count(|f| matches!(f, Fate::Dropped { .. })),
            count(|f| matches!(f, Fate::Decision(_))),
        )
    }
}

/// What a person has to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranslationDecision {
    /// Where its cause stands in EMR's answers.
    pub field: String,
    /// What is to be decided, in a line.
    pub what: String,
    /// Why plumb does not.
    pub why: String,
    /// What there is to choose from.
    pub options: Vec<String>,
    /// What the manifests do until then.
    pub default: String,
    /// The manifest, by its address, and the place in its spec that it is about. The place may be absent there: then the
    /// nearest one around it is meant.
    pub document: String,
    pub place: String,
}

/// What is written down while translating.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub account: Account,
    pub decisions: Vec<TranslationDecision>,
    /// What plumb.yaml could answer for all pipelines and does not.
    pub team: BTreeMap<TeamAnswer, TeamQuestion>,
    /// The runtimes that take the place of releases.
    pub runtimes: Vec<RuntimeChange>,
    /// The address of the document that is being made.
    pub document: String,
    /// Paths that only EMR has.
    pub paths: KnownPaths,
}

/// A question, in the words of [`TranslationDecision`].
pub(super) struct Ask<'q> {
    pub what: String,
    pub why: &'q str,
    pub options: &'q [&'q str],
    pub default: &'q str,
    pub place: String,
}

impl Book {
    /// The value went into the manifest.
    pub fn translated(&mut self, at: &At<'_>, to: impl Into<String>) {
        self.account.put(at, &Fate::Translated { to: to.into() });
    }

    /// The value has no place on the other side.
    pub fn dropped(&mut self, at: &At<'_>, why: impl Into<String>) {
        self.account.put(at, &Fate::Dropped { why: why.into() });
    }

    /// One word of the value has no place on the other side; the value's own fate is told apart.
    pub fn leave_out(&mut self, at: &At<'_>, word: &str, why: impl Into<String>) {
        self.left_out(&at.field, DroppedWord { word: masked(word), why: why.into() });
    }

    fn left_out(&mut self, field: &str, gone: DroppedWord) {
        let words = self.account.left_out.entry(field.to_owned()).or_default();
        if !words.contains(&gone) {
            words.push(gone);
        }
    }

    /// A part of a value was accounted for as a value of its own: what became of it is told as of a word of the whole. The
    /// whole value's own fate stays.
    pub fn part_of(&mut self, part: &str, whole: &At<'_>, word: &str) {
        for gone in self.account.left_out.remove(part).unwrap_or_default() {
            self.left_out(&whole.field, gone);
        }
        if let Some(Fate::Dropped { why }) = self.account.fates.remove(part) {
            self.leave_out(whole, word, why);
        }
        for decision in self.decisions.iter_mut().filter(|decision| decision.field == part) {
            decision.field.clone_from(&whole.field);
        }
    }

    /// The old DAG says something that has no place on the other side.
    pub fn dropped_of_dag(&mut self, member: &str, why: &str) {
        self.account.of_dag.insert(format!("dag.{member}"), why.to_owned());
    }

    /// The same for a member, where it is there.
    pub fn drop_of(&mut self, at: &At<'_>, key: &str, why: &str) {
        if let Some(at) = at.path(key) {
            self.dropped(&at, why);
        }
    }

    /// A person decides.
    pub fn ask(&mut self, at: &At<'_>, ask: Ask<'_>) {
        let index = self.note(at, ask);
        self.account.put(at, &Fate::Decision(index));
    }

    /// A person decides, once for all values that give rise to the same question: later ones share its fate.
    pub fn ask_once(&mut self, at: &At<'_>, ask: Ask<'_>) {
        let index = self.note_once(at, ask);
        self.account.put(at, &Fate::Decision(index));
    }

    /// The same for a question that values only gave rise to: their own fates are told apart.
    pub fn note_once(&mut self, at: &At<'_>, ask: Ask<'_>) -> usize {
        let same = |d: &TranslationDecision| d.what == ask.what && d.document == self.document;
        self.decisions.iter().position(same).unwrap_or_else(|| self.note(at, ask))
    }

    /// A person decides something that this value only gave rise to: its own fate is told apart. What was asked before is
    /// not asked again: the first question stands for all values that give rise to it.
    pub fn note(&mut self, at: &At<'_>, ask: Ask<'_>) -> usize {
        if let Some(before) = self.decisions.iter().position(|d| d.what == ask.what) {
            return before;
        }
        self.decisions.push(TranslationDecision {
            field: at.field.clone(),
            what: ask.what,
            why: ask.why.to_owned(),
            options: ask.options.iter().map(|o| (*o).to_owned()).collect(),
            default: ask.default.to_owned(),
            document: self.document.clone(),
            place: ask.place,
        });
        self.decisions.len() - 1
    }

    /// A team decides once, for all of its pipelines; the value's own fate is told apart.
    pub fn ask_team(&mut self, question: TeamQuestion) {
        match self.team.get_mut(&question.answer) {
            Some(before) => before.add(question),
            None => {
                self.team.insert(question.answer, question);
            }
        }
    }

    /// Takes questions back that have become moot; the values that gave rise to them are dropped for a reason.
    pub fn withdraw(&mut self, is_moot: impl Fn(&TranslationDecision) -> bool, why: &str) {
        let kept: Vec<bool> = self.decisions.iter().map(|d| !is_moot(d)).collect();
        let index = |old: usize| kept.iter().take(old).filter(|kept| **kept).count();
        for fate in self.account.fates.values_mut() {
            if let Fate::Decision(old) = *fate {
                *fate = if kept.get(old) == Some(&true) {
                    Fate::Decision(index(old))
                } else {
                    Fate::Dropped { why: why.to_owned() }
                };
            }
        }
        let mut kept = kept.iter();
        self.decisions.retain(|_| kept.next() == Some(&true));
    }

    /// A later value has taken the place of a translated one.
    pub fn overridden(&mut self, field: &str) {
        if let Some(fate @ Fate::Translated { .. }) = self.account.fates.get_mut(field) {
            *fate = Fate::Dropped { why: "a later setting overrides it".into() };
        }
    }

    /// A translated value turns out to have no place after all.
    pub fn withdrawn(&mut self, field: &str, why: &str) {
        if let Some(fate @ Fate::Translated { .. }) = self.account.fates.get_mut(field) {
            *fate = Fate::Dropped { why: why.to_owned() };
        }
    }

    /// Corrects where translated values at or below a field are, once the manifests are known: `None` is nowhere.
    pub fn moved(&mut self, below: &str, to: impl Fn(&str) -> Option<String>, why: &str) {
        for (field, fate) in &mut self.account.fates {
            if let Fate::Translated { to: place } = fate
                && field.starts_with(below)
            {
                match to(place) {
                    Some(new) => *place = new,
                    None => *fate = Fate::Dropped { why: why.to_owned() },
                }
            }
        }
    }

    /// Whatever nothing was said about becomes a decision: a field that EMR has and plumb does not know.
    pub fn rest(&mut self, root: &At<'_>) {
        let unknown: Vec<At<'_>> = unknown(root, &self.account);
        for at in unknown {
            let what = format!("`{}` is not known to plumb", at.field);
            self.ask(
                &at,
                Ask {
                    what,
                    why: "nothing says what it means for the new job",
                    options: &["leave it out", "add by hand what it asks for"],
                    default: "left out",
                    place: String::new(),
                },
            );
        }
    }
}

/// The highest values of which nothing below was spoken of.
fn unknown<'a>(at: &At<'a>, account: &Account) -> Vec<At<'a>> {
    let leaves = at.leaves();
    let open = leaves.iter().filter(|leaf| !account.fates.contains_key(*leaf)).count();
    if open == 0 {
        return Vec::new();
    }
    if open == leaves.len() && !at.field.is_empty() {
        return vec![at.clone()];
    }
    let mut below: Vec<At<'a>> = at.items();
    below.extend(at.members().into_iter().map(|(_, at)| at));
    below.iter().flat_map(|at| unknown(at, account)).collect()
}
