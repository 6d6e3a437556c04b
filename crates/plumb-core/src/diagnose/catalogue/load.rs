//! Reading the catalogue's files, every mistake at its line.

use super::literals::literals;
use super::matcher::regex_of;
use super::{FAMILIES, FailureClass, FailurePattern, ServiceCode, title};
use crate::diagnose::clue::{ClueRole, Strength};
use crate::diagnose::result::RetryAdvice;
use crate::logs::FileKind;
use plumb_model::yaml::{FileId, Files, Limits, Node, Problem, Problems, nearest, parse, read};
use serde::Deserialize;
use std::sync::Arc;

/// A file of signatures: its name, below the project's folder, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub file: String,
    pub text: String,
}

/// Why a catalogue cannot be used: every mistake, `FILE:LINE: what`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct CatalogueError(pub Vec<String>);

/// The words of `role`.
pub const ROLES: &[(&str, ClueRole)] = &[
    ("cause", ClueRole::Cause),
    ("symptom", ClueRole::Symptom),
    ("wrapper", ClueRole::Wrapper),
    ("progress", ClueRole::Progress),
    ("end", ClueRole::End),
    ("ok", ClueRole::Ok),
    ("ignore", ClueRole::Ignore),
    ("join", ClueRole::Join),
];
const STRENGTHS: &[(&str, Strength)] = &[
    ("exit", Strength::ExitCode),
    ("message", Strength::Message),
    ("typed", Strength::Typed),
    ("service", Strength::Service),
];
const RETRIES: &[(&str, RetryAdvice)] = &[
    ("never", RetryAdvice::Never),
    ("now", RetryAdvice::Now),
    ("backoff", RetryAdvice::Backoff),
    ("bigger", RetryAdvice::Bigger),
];
/// Where a code may stand.
pub const CODE_PLACES: &[&str] = &[
    "databricks.termination",
    "databricks.result",
    "databricks.cluster",
    "databricks.event",
    "emr.cluster",
    "emr.error",
    "emr.instance",
    "emr.step",
];
/// How long before what it explains a cause may come, in seconds, unless a class says otherwise.
const WITHIN: i64 = 120;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassEntry {
    class: String,
    role: Option<String>,
    says: Option<String>,
    title: Option<String>,
    words: Option<String>,
    retry: Option<String>,
    advice: Option<String>,
    #[serde(default)]
    explains: Vec<String>,
    within: Option<i64>,
    #[serde(default)]
    codes: Vec<CodeEntry>,
    #[serde(default)]
    when: Vec<PatternEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeEntry {
    place: String,
    code: String,
    role: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternEntry {
    re: String,
    #[serde(default, rename = "in")]
    only_in: Vec<String>,
    #[serde(default)]
    not_in: Vec<String>,
    role: Option<String>,
    strength: Option<String>,
    #[serde(default)]
    info: bool,
    #[serde(default)]
    seen: Vec<String>,
    #[serde(default)]
    not: Vec<String>,
    source: Option<String>,
}

pub(super) fn classes(project: &[Source]) -> Result<Vec<FailureClass>, CatalogueError> {
    classes_of(FAMILIES, project)
}

/// The classes of a project's files, then ours. A class of the project with the name of one of ours takes its place: what it
/// says wins, what it leaves out stays, and its patterns are tried first.
pub(super) fn classes_of(ours: &[(&str, &str)], project: &[Source]) -> Result<Vec<FailureClass>, CatalogueError> {
    let mut loading = Loading::default();
    for (family, text) in ours {
        loading.file(&format!("{family}.yaml"), family, text, false);
    }
    let own = std::mem::take(&mut loading.classes);
    for source in project {
        let name = source.file.rsplit(['/', '\\']).next().unwrap_or_default();
        let family = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        loading.known = own.iter().map(|read| read.class.clone()).collect();
        loading.file(&source.file, family, &source.text, true);
    }
    let theirs = std::mem::replace(&mut loading.classes, own);
    loading.explained(&theirs);
    let own = std::mem::take(&mut loading.classes);
    loading.end(merged(theirs, own))
}

/// A class, and where what it explains stands: that can only be checked when all are read.
struct ReadClass {
    class: FailureClass,
    explains: Vec<(String, Node)>,
    /// Whether it says its role itself, and does not only add to one of ours.
    has_role: bool,
}

fn merged(theirs: Vec<ReadClass>, mut own: Vec<ReadClass>) -> Vec<FailureClass> {
    let mut all: Vec<FailureClass> = Vec::new();
    for read in theirs {
        let mut class = read.class;
        if let Some(at) = own.iter().position(|other| other.class.name == class.name) {
            let ours = own.remove(at).class;
            fn or(mine: String, ours: String) -> String {
                if mine.is_empty() { ours } else { mine }
            }
            class = FailureClass {
                role: if read.has_role { class.role } else { ours.role },
                family: ours.family,
                // A title of ours has slots of our patterns.
                title: or(class.title, ours.title),
                says: or(class.says, ours.says),
                words: or(class.words, ours.words),
                retry: class.retry.or(ours.retry),
                advice: class.advice.or(ours.advice),
                explains: if class.explains.is_empty() { ours.explains } else { class.explains },
                within: if class.within == WITHIN { ours.within } else { class.within },
                patterns: class.patterns.into_iter().chain(ours.patterns).collect(),
                codes: class.codes.into_iter().chain(ours.codes).collect(),
                name: class.name,
            };
        }
        all.push(class);
    }
    all.extend(own.into_iter().map(|read| read.class));
    all
}

#[derive(Default)]
struct Loading {
    files: Files,
    problems: Problems,
    classes: Vec<ReadClass>,
    /// Ours, while a project's file is read.
    known: Vec<FailureClass>,
}

impl Loading {
    fn file(&mut self, name: &str, family: &str, text: &str, is_project: bool) {
        let id: FileId = self.files.add(name, text);
        let documents = parse(text, id, &Limits::default(), &mut self.problems);
        for document in &documents {
            if document.items().is_empty() {
                self.problems.at(document.span, "a list of classes is expected", "each begins with `- class: NAME`");
            }
            for item in document.items() {
                if let Some(entry) = read::<ClassEntry>(item, &mut self.problems) {
                    self.class(item, family, entry, is_project);
                }
            }
        }
    }

    fn class(&mut self, node: &Node, family: &str, entry: ClassEntry, is_project: bool) {
        let extends = self.known.iter().any(|class| *class.name == *entry.class);
        let is_name = entry.class.starts_with(|c: char| c.is_ascii_uppercase())
            && entry.class.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if !is_name {
            self.wrong(node, "class", format!("`{}` is no name of a class: write it as `DISK_FULL`", entry.class));
        }
        if self.classes.iter().any(|read| *read.class.name == *entry.class) {
            self.wrong(node, "class", format!("`{}` is there twice", entry.class));
        }
        let role = self.word(node, "role", entry.role.as_deref(), "role", ROLES);
        let retry = self.word(node, "retry", entry.retry.as_deref(), "advice on a retry", RETRIES);
        if role.is_none() && entry.role.is_none() && !extends {
            self.wrong(node, "class", format!("`{}` has no `role`", entry.class));
        }
        // What a verdict can show needs its words; marks in a log need none.
        let role_or = role.unwrap_or(ClueRole::Cause);
        let is_shown = matches!(role_or, ClueRole::Cause | ClueRole::Symptom);
        for (member, text, wanted) in
            [("says", &entry.says, true), ("title", &entry.title, is_shown), ("words", &entry.words, is_shown)]
        {
            let is_empty = text.as_ref().is_none_or(|text| text.trim().is_empty());
            if wanted && is_empty && !extends {
                self.wrong(node, "class", format!("`{}` has no `{member}`", entry.class));
            }
        }
        if let Some(Err(why)) = entry.title.as_deref().map(title::check) {
            self.wrong(node, "title", format!("a title that cannot be filled: {why}"));
        }
        let patterns =
            entry.when.into_iter().enumerate().map(|(at, pattern)| self.pattern(node, at, pattern, is_project));
        let patterns: Vec<FailurePattern> = patterns.collect();
        let codes = entry.codes.into_iter().enumerate().map(|(at, code)| self.code(node, at, code)).collect();
        let explains = entry
            .explains
            .iter()
            .enumerate()
            .map(|(at, name)| (name.clone(), node.at(&format!("explains[{at}]")).clone()));
        let explains = explains.collect();
        let class = FailureClass {
            name: Arc::from(entry.class),
            family: family.to_owned(),
            role: role_or,
            says: entry.says.unwrap_or_default(),
            title: entry.title.unwrap_or_default(),
            words: entry.words.unwrap_or_default(),
            retry,
            advice: entry.advice,
            explains: entry.explains,
            within: entry.within.unwrap_or(WITHIN),
            patterns,
            codes,
        };
        self.classes.push(ReadClass { class, explains, has_role: entry.role.is_some() });
    }

    fn pattern(&mut self, class: &Node, at: usize, entry: PatternEntry, is_project: bool) -> FailurePattern {
        let node = class.at(&format!("when[{at}]"));
        let kinds = |loading: &mut Loading, member: &str, names: &[String]| -> Vec<FileKind> {
            let of = |(at, name): (usize, &String)| {
                loading.word(node, &format!("{member}[{at}]"), Some(name), "kind of file", FileKind::NAMES)
            };
            names.iter().enumerate().filter_map(of).collect()
        };
        let only_in = kinds(self, "in", &entry.only_in);
        let not_in = kinds(self, "not_in", &entry.not_in);
        let role = self.word(node, "role", entry.role.as_deref(), "role", ROLES);
        let strength = self.word(node, "strength", entry.strength.as_deref(), "strength", STRENGTHS);
        // Ours are held against their lines by a test; a project's are each time that they are read.
        if is_project || cfg!(test) {
            match literals(&entry.re) {
                Ok(_) => self.lines(node, &entry),
                Err(why) => self.wrong(node, "re", why),
            }
        }
        for (member, is_empty, why) in [
            ("re", entry.seen.is_empty(), "has no `seen`: a line that it matches"),
            ("re", entry.not.is_empty(), "has no `not`: a line like it that it must not match"),
            ("re", entry.source.as_ref().is_none_or(String::is_empty), "has no `source`: what prints such a line"),
        ] {
            if is_empty {
                self.wrong(node, member, format!("the pattern {why}"));
            }
        }
        FailurePattern {
            re: entry.re,
            only_in,
            not_in,
            role,
            strength: strength.unwrap_or(Strength::Message),
            info: entry.info,
            seen: entry.seen,
            not: entry.not,
            source: entry.source.unwrap_or_default(),
        }
    }

    /// Holds a pattern against its own lines.
    fn lines(&mut self, node: &Node, entry: &PatternEntry) {
        let Ok(re) = regex_of(&entry.re) else { return };
        for (member, lines, wanted) in [("seen", &entry.seen, true), ("not", &entry.not, false)] {
            for (at, line) in lines.iter().enumerate() {
                if re.is_match(line.as_bytes()) != wanted {
                    let what =
                        if wanted { "the pattern does not match this line" } else { "the pattern matches this line" };
                    self.wrong(node, &format!("{member}[{at}]"), what);
                }
            }
        }
    }

    fn code(&mut self, class: &Node, at: usize, entry: CodeEntry) -> ServiceCode {
        let node = class.at(&format!("codes[{at}]"));
        if !CODE_PLACES.contains(&entry.place.as_str()) {
            self.wrong(node, "place", unknown("place of codes", &entry.place, CODE_PLACES.iter().copied()));
        }
        let role = self.word(node, "role", entry.role.as_deref(), "role", ROLES);
        ServiceCode { place: entry.place, code: entry.code, role }
    }

    /// What a word means, of those that are known.
    fn word<T: Copy>(
        &mut self,
        node: &Node,
        member: &str,
        word: Option<&str>,
        what: &str,
        known: &[(&str, T)],
    ) -> Option<T> {
        let word = word?;
        let found = known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            self.wrong(node, member, unknown(what, word, known.iter().map(|(name, _)| *name)));
        }
        found
    }

    fn wrong(&mut self, node: &Node, member: &str, what: impl Into<String>) {
        self.problems.at(node.at(member).span, what, "");
    }

    /// Whether each class that is said to be explained is there.
    fn explained(&mut self, theirs: &[ReadClass]) {
        let names: Vec<Arc<str>> = theirs.iter().chain(&self.classes).map(|read| read.class.name.clone()).collect();
        for (name, node) in theirs.iter().chain(&self.classes).flat_map(|read| &read.explains) {
            if !names.iter().any(|known| **known == **name) {
                let what = unknown("class", name, names.iter().map(|name| &**name));
                self.problems.at(node.span, what, "");
            }
        }
    }

    fn end(self, classes: Vec<FailureClass>) -> Result<Vec<FailureClass>, CatalogueError> {
        if self.problems.is_empty() {
            return Ok(classes);
        }
        let files = &self.files;
        let told = |problem: Problem| {
            let place = problem.span.map(|span| format!("{}:{}: ", files.get(span.file).path, files.position(span).0));
            let more = [Some(problem.label), problem.help].into_iter().flatten().filter(|text| !text.is_empty());
            let more: String = more.map(|text| format!("; {text}")).collect();
            format!("{}{}{more}", place.unwrap_or_default(), problem.message)
        };
        Err(CatalogueError(self.problems.sorted().into_iter().map(told).collect()))
    }
}

fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("unknown {what} `{word}`: did you mean `{near}`?"),
        None => format!("unknown {what} `{word}`; known are {}", known.take(20).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
