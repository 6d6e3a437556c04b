//! Reading members of answers that may be missing or of a wrong type, and making clues of them.

use super::locate::{AnswerMember, MemberSpan, line_of, line_starts};
use super::says::CodeMeaning;
use crate::diagnose::clue::{Clue, CluePlace, ClueRole, ClueSubject, Layer, MOST_TEXT, Strength};
use crate::diagnose::facts::{NameRelation, RunFacts, SaidOutcome};
use crate::diagnose::result::{MissingEvidence, RunOutcome};
use crate::logs::FileKind;
use crate::parity::dates;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The class of a code that the catalogue does not know: a wrapper, which is never a cause.
pub(super) const UNKNOWN_CODE: &str = "UNKNOWN_CODE";

/// Whom and when a clue is about, and which layer says it.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub layer: Layer,
    pub at: Option<Timestamp>,
    pub subject: ClueSubject,
    pub slots: BTreeMap<String, String>,
}

impl About {
    pub fn new(layer: Layer, at: Option<Timestamp>) -> About {
        About { layer, at, subject: ClueSubject::default(), slots: BTreeMap::new() }
    }

    /// Names a slot, if there is a value for it.
    pub fn slot(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
            self.slots.insert(name.to_owned(), value);
        }
    }
}

/// Reads one answer into the facts of a run.
pub(super) struct AnswerReader<'c> {
    says: &'c dyn CodeMeaning,
    pub file: &'c str,
    text: Option<&'c str>,
    starts: Vec<usize>,
    pub facts: RunFacts,
    event: u64,
}

impl<'c> AnswerReader<'c> {
    /// Begins an answer; its first message has the number `event`.
    pub fn new(says: &'c dyn CodeMeaning, file: &'c str, text: Option<&'c str>, event: u64) -> AnswerReader<'c> {
        let starts = text.map(line_starts).unwrap_or_default();
        AnswerReader { says, file, text, starts, facts: RunFacts::default(), event }
    }

    /// A text; a number where an id is one. Empty ones are none.
    pub fn text(&mut self, member: AnswerMember<'_>) -> Option<String> {
        match member.value {
            Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null => None,
            _ => self.is_wrong(member, "text"),
        }
    }

    /// A whole number from 0 that fits 32 bits.
    pub fn number(&mut self, member: AnswerMember<'_>) -> Option<u32> {
        match member.value {
            Value::Null => None,
            // Airflow says -1 for a task that is not mapped.
            Value::Number(number) => number.as_i64().and_then(|n| u32::try_from(n).ok()),
            Value::String(text) => text.trim().parse().ok(),
            _ => self.is_wrong(member, "a number"),
        }
    }

    /// A time; see [`dates::time`].
    pub fn time(&mut self, member: AnswerMember<'_>) -> Option<Timestamp> {
        match member.value {
            Value::Null => None,
            Value::Number(_) => dates::time(member.value),
            Value::String(text) if text.trim().is_empty() => None,
            _ => dates::time(member.value).or_else(|| self.is_wrong(member, "a time")),
        }
    }

    /// An object; what is none has no members.
    pub fn object<'a>(&mut self, member: AnswerMember<'a>) -> AnswerMember<'a> {
        if !member.value.is_object() && !member.is_absent() {
            self.is_wrong::<()>(member, "an object");
        }
        member
    }

    /// The objects of a list.
    pub fn list<'a>(&mut self, member: AnswerMember<'a>) -> Vec<AnswerMember<'a>> {
        if !member.value.is_array() && !member.is_absent() {
            self.is_wrong::<()>(member, "a list");
        }
        let (objects, others): (Vec<_>, Vec<_>) = member.items().partition(|item| item.value.is_object());
        for other in others {
            if !other.is_absent() {
                self.is_wrong::<()>(other, "a list of objects");
            }
        }
        objects
    }

    fn is_wrong<T>(&mut self, member: AnswerMember<'_>, expected: &str) -> Option<T> {
        let found = match member.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        let CluePlace { file, line } = self.place(member);
        let at = line.map(|line| format!(":{line}")).unwrap_or_default();
        self.missing(format!("{file}{at}: {}", member.name), format!("it is {found}; expected {expected}"));
        None
    }

    /// Says what could not be read.
    pub fn missing(&mut self, what: String, why: String) {
        self.facts.missing.push(MissingEvidence { what, why, remedy: None });
    }

    /// Says that a file is a page, and that there are more. Who asks for answers asks for the next page himself.
    pub fn is_page(&mut self, next: AnswerMember<'_>) {
        if self.text.is_none() {
            return;
        }
        if next.value.as_str().is_some_and(|next| !next.is_empty()) || next.value.is_object() {
            self.missing(self.file.to_owned(), "it is one page, and more follow".to_owned());
        }
    }

    pub fn role(&self, class: &str) -> Option<ClueRole> {
        self.says.role(class)
    }

    /// What follows is about another message than what was said before: its number.
    pub fn next_event(&mut self) -> u64 {
        self.event += 1;
        self.event
    }

    /// Adds a clue.
    pub fn clue(
        &mut self,
        (class, role): (&str, ClueRole),
        strength: Strength,
        member: AnswerMember<'_>,
        said: &str,
        about: &About,
    ) {
        let clue = Clue {
            class: Arc::from(class),
            role,
            strength,
            layer: about.layer,
            at: about.at,
            place: self.place(member),
            text: self.quote(member, said),
            slots: about.slots.clone(),
            subject: about.subject.clone(),
            event: self.event,
            depth: 0,
            count: 1,
            frame: None,
        };
        self.facts.clues.push(clue);
    }

    /// Adds a clue of a class that an answer's shape says, with the role that the catalogue gives it.
    pub fn class(&mut self, class: &str, otherwise: ClueRole, member: AnswerMember<'_>, said: &str, about: &About) {
        let role = self.says.role(class).unwrap_or(otherwise);
        self.clue((class, role), Strength::Service, member, said, about);
    }

    /// Adds a clue of a code, if the catalogue knows it there. `member` is quoted.
    pub fn code(&mut self, place: &str, code: &str, member: AnswerMember<'_>, said: &str, about: &About) -> bool {
        let Some((class, role)) = self.says.code(place, code) else { return false };
        let mut about = about.clone();
        about.slot("code", Some(code.to_owned()));
        self.clue((&class, role), Strength::Service, member, said, &about);
        true
    }

    /// Adds a clue that says nothing but that there is a code which the catalogue does not know.
    pub fn unknown_code(&mut self, code: &str, member: AnswerMember<'_>, said: &str, about: &About) {
        let mut about = about.clone();
        about.slot("code", Some(code.to_owned()));
        self.clue((UNKNOWN_CODE, ClueRole::Wrapper), Strength::Service, member, said, &about);
    }

    /// Adds what the catalogue finds in a message. Returns whether it found anything.
    pub fn message(&mut self, member: AnswerMember<'_>, about: &About) -> bool {
        let from = self.facts.clues.len();
        let event = self.event;
        let any = self.scanned(member, FileKind::Answer, about);
        let text = member.value.as_str().unwrap_or_default();
        let mut quoted = false;
        for code in quoted_codes(text) {
            let Some((class, role)) = self.says.code("databricks.cluster", code) else { continue };
            let known = self.facts.clues.get(from..).is_some_and(|new| new.iter().any(|clue| clue.class == class));
            if !known {
                let mut about = about.clone();
                about.slot("code", Some(code.to_owned()));
                let last = std::mem::replace(&mut self.event, event);
                self.clue((&class, role), Strength::Service, member, text, &about);
                self.event = last;
            }
            quoted = true;
        }
        any || quoted
    }

    /// Adds what the catalogue finds in what a program printed.
    pub fn output(&mut self, member: AnswerMember<'_>, about: &About) -> bool {
        self.scanned(member, FileKind::DriverStdout, about)
    }

    fn scanned(&mut self, member: AnswerMember<'_>, kind: FileKind, about: &About) -> bool {
        let Some(text) = self.text(member) else { return false };
        let found = self.says.scan(self.file, kind, &without_escapes(&text));
        let place = self.place(member);
        let raw = self.raw(member).map(str::to_owned);
        // The first message of a text is that of its code.
        let first = found.clues.iter().map(|clue| clue.event).min().unwrap_or_default();
        let mut last = self.event;
        let mut any = false;
        for mut clue in found.clues {
            // A message is no log: that a word of an ending stands in it ends nothing.
            if kind == FileKind::Answer && matches!(clue.role, ClueRole::Progress | ClueRole::End | ClueRole::Ok) {
                continue;
            }
            any = true;
            clue.event = (clue.event - first).saturating_add(self.event).min(u64::MAX / 2);
            last = last.max(clue.event);
            clue.layer = about.layer;
            clue.at = clue.at.or(about.at);
            clue.place = place.clone();
            if let Some(raw) = &raw {
                clue.text = within(raw, &clue.text);
            }
            complete(&mut clue.subject, &about.subject);
            for (name, value) in &about.slots {
                clue.slots.entry(name.clone()).or_insert_with(|| value.clone());
            }
            self.facts.clues.push(clue);
        }
        self.facts.relations.extend(found.relations);
        self.event = last;
        any
    }

    /// Says how a run ended.
    pub fn outcome(&mut self, outcome: RunOutcome, member: AnswerMember<'_>, said: &str) {
        let (place, text) = (self.place(member), self.quote(member, said));
        self.facts.outcomes.push(SaidOutcome { outcome, place, text });
    }

    /// Says that names are of one node.
    pub fn same_host(&mut self, names: &[Option<String>]) {
        let mut names = names.iter().flatten();
        if let Some(first) = names.next() {
            let others = names.filter(|name| *name != first);
            self.facts.relations.extend(others.map(|other| NameRelation::SameHost(first.clone(), other.clone())));
        }
    }

    pub fn place(&self, member: AnswerMember<'_>) -> CluePlace {
        let line = member.span.map(|span| line_of(&self.starts, span.from));
        CluePlace { file: self.file.to_owned(), line }
    }

    /// The member as it stands in its first line; where the answer has no text, `said`.
    fn quote(&self, member: AnswerMember<'_>, said: &str) -> String {
        let raw = self.raw(member).and_then(|raw| raw.lines().next());
        shortened(raw.unwrap_or(said)).to_owned()
    }

    fn raw<'a>(&'a self, member: AnswerMember<'_>) -> Option<&'a str> {
        let MemberSpan { from, to, .. } = member.span?;
        self.text?.get(*from..*to)
    }
}

/// Why a cluster ended, as messages of Databricks quote it: `is in unexpected state Terminated:
/// INIT_SCRIPT_FAILURE(CLIENT_ERROR)`, `Reason: AWS_AUTHORIZATION_FAILURE (CLOUD_FAILURE)`.
fn quoted_codes(text: &str) -> impl Iterator<Item = &str> {
    const KINDS: [&str; 3] = ["(CLIENT_ERROR)", "(CLOUD_FAILURE)", "(SERVICE_FAULT)"];
    let ends = KINDS.iter().flat_map(move |kind| text.match_indices(kind).map(|(at, _)| at));
    ends.filter_map(|at| {
        let before = text.get(..at)?.trim_end();
        let of_code = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let start = before.trim_end_matches(of_code).len();
        before.get(start..).filter(|code| code.len() > 4)
    })
}

/// The text of a clue as it stands in the raw text of its member: readable where nothing in it is escaped.
fn within(raw: &str, text: &str) -> String {
    let text = text.trim_end();
    if !text.is_empty() && raw.contains(text) {
        return shortened(text).to_owned();
    }
    let escaped = Value::from(text).to_string();
    let escaped = escaped.trim_start_matches('"');
    let escaped = escaped.strip_suffix('"').unwrap_or(escaped);
    let found = !escaped.is_empty() && raw.contains(escaped);
    shortened(if found { escaped } else { raw.lines().next().unwrap_or_default() }).to_owned()
}

fn shortened(text: &str) -> &str {
    let end = (0..=MOST_TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

/// Fills in what a message does not say itself of whom it is about.
fn complete(subject: &mut ClueSubject, known: &ClueSubject) {
    let fields = [
        (&mut subject.application, &known.application),
        (&mut subject.container, &known.container),
        (&mut subject.executor, &known.executor),
        (&mut subject.host, &known.host),
    ];
    for (field, known) in fields {
        if field.is_none() {
            known.clone_into(field);
        }
    }
    // The service knows them: a message may number something else, the tasks of a stage and their attempts.
    subject.attempt = known.attempt.or(subject.attempt);
    subject.task = known.task.clone().or(subject.task.take());
}

/// A text without the colours of terminals: Databricks keeps IPython's.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        plain.push_str(rest.strip_prefix('m').unwrap_or(part));
    }
    plain
}
