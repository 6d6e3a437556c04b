//! The catalogue of failures: data, one file a family, compiled in; a project adds `signatures/*.yaml`, which win.

mod literals;
mod load;
mod matcher;
mod title;

use super::clue::{ClueRole, Strength};
use super::result::RetryAdvice;
use crate::logs::FileKind;
use std::sync::Arc;

pub use load::{CODE_PLACES, CatalogueError, ROLES, Source};
#[cfg(test)]
pub(crate) use matcher::TRIED;
pub use matcher::{Matched, Matcher};

/// The families that are compiled in, by the name of their file.
pub const FAMILIES: &[(&str, &str)] = &[
    ("memory", include_str!("data/memory.yaml")),
    ("capacity", include_str!("data/capacity.yaml")),
    ("storage", include_str!("data/storage.yaml")),
    ("versions", include_str!("data/versions.yaml")),
    ("user", include_str!("data/user.yaml")),
    ("sql", include_str!("data/sql.yaml")),
    ("start", include_str!("data/start.yaml")),
    ("airflow", include_str!("data/airflow.yaml")),
    ("people", include_str!("data/people.yaml")),
    ("platform", include_str!("data/platform.yaml")),
    ("symptoms", include_str!("data/symptoms.yaml")),
    ("runs", include_str!("data/runs.yaml")),
];

/// A class of failures.
#[derive(Clone, Debug)]
pub struct FailureClass {
    /// `SPOT_RECLAIM`.
    pub name: Arc<str>,
    /// The file that it is in: `capacity`.
    pub family: String,
    pub role: ClueRole,
    /// One sentence for the docs.
    pub says: String,
    /// A sentence with slots, for a verdict: `{used} of {limit}`. A part in brackets is left out where a slot of it is not known.
    pub title: String,
    /// Two or three words for a chain: `node lost`.
    pub words: String,
    pub retry: Option<RetryAdvice>,
    /// What to do, in a sentence, where no manifest's line is to change.
    pub advice: Option<String>,
    /// Classes that this one explains on the same host, executor or container, if it came before them.
    pub explains: Vec<String>,
    /// How long before, in seconds.
    pub within: i64,
    pub patterns: Vec<FailurePattern>,
    pub codes: Vec<ServiceCode>,
}

/// A way in which a class shows in a line.
#[derive(Clone, Debug)]
pub struct FailurePattern {
    /// A regular expression over bytes, without Unicode. Its named groups are slots.
    pub re: String,
    /// In which kinds of file; empty: any.
    pub only_in: Vec<FileKind>,
    /// In which not.
    pub not_in: Vec<FileKind>,
    /// What it means here, where it is not what the class means.
    pub role: Option<ClueRole>,
    pub strength: Strength,
    /// Whether lines that say INFO or less can say it. Of these, only such patterns are looked for.
    pub info: bool,
    /// Lines that it matches, and lines that it must not match.
    pub seen: Vec<String>,
    pub not: Vec<String>,
    /// Where the wording is from.
    pub source: String,
}

/// A code of a service that says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceCode {
    /// Where it stands: `databricks.termination` (of runs), `databricks.cluster` (termination reasons), `databricks.event`
    /// (cluster events), `databricks.result` (`result_state`), `emr.cluster`, `emr.error`, `emr.instance`, `emr.step`.
    pub place: String,
    /// The code, as it is written there.
    pub code: String,
    pub role: Option<ClueRole>,
}

/// The catalogue, ready to be matched against lines and codes.
pub struct Catalogue {
    classes: Vec<FailureClass>,
    matcher: Matcher,
}

impl Catalogue {
    /// The one that is compiled in.
    ///
    /// # Errors
    /// It is not valid; a test sees to it that it is.
    pub fn builtin() -> Result<Catalogue, CatalogueError> {
        Catalogue::with(&[])
    }

    /// The one that is compiled in, with a project's own files before it: their classes win over ours of the same name, their
    /// patterns are tried first.
    ///
    /// # Errors
    /// A file of the project is not valid; every mistake at its line.
    pub fn with(project: &[Source]) -> Result<Catalogue, CatalogueError> {
        let classes = load::classes(project)?;
        let matcher = Matcher::new(&classes)?;
        Ok(Catalogue { classes, matcher })
    }

    /// One of a text alone, without ours.
    #[cfg(test)]
    pub(crate) fn of_text(text: &str) -> Catalogue {
        let classes = load::classes_of(&[("own", text)], &[]).unwrap();
        let matcher = Matcher::new(&classes).unwrap();
        Catalogue { classes, matcher }
    }

    /// Every class, by family.
    pub fn classes(&self) -> &[FailureClass] {
        &self.classes
    }

    /// A class by its name.
    pub fn class(&self, name: &str) -> Option<&FailureClass> {
        self.classes.iter().find(|class| &*class.name == name)
    }

    /// What a code of a service says: the class and its role. `BOOTSTRAP_FAILURE_WORKER*` is every code that begins so; the
    /// longest beginning says most, and the code itself more.
    pub fn code(&self, place: &str, code: &str) -> Option<(&FailureClass, ClueRole)> {
        let codes = self.classes.iter().flat_map(|class| class.codes.iter().map(move |known| (class, known)));
        let of_place = codes.filter(|(_, known)| known.place == place);
        let exact = of_place.clone().find(|(_, known)| known.code == code);
        let start =
            |known: &ServiceCode| known.code.strip_suffix('*').filter(|start| code.starts_with(start)).map(str::len);
        let begins = || {
            of_place
                .filter_map(|(class, known)| Some((start(known)?, (class, known))))
                .max_by_key(|(length, _)| *length)
        };
        let (class, known) = exact.or_else(|| begins().map(|(_, found)| found))?;
        Some((class, known.role.unwrap_or(class.role)))
    }

    /// What finds patterns in lines.
    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// One of classes that are made by hand, without patterns.
    #[cfg(test)]
    pub(crate) fn of(classes: Vec<FailureClass>) -> Catalogue {
        let matcher = Matcher::new(&[]).unwrap();
        Catalogue { classes, matcher }
    }
}
