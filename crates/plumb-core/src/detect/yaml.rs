//! Secrets in the texts of manifests: where they stand, and how to show a line without them.

use super::glance::Glance;
use super::names::may_name;
use super::{JsonStep, apart, find, in_text, is_credential, is_secret};
use plumb_model::yaml::{FileId, Files, Limits, Node, Problem, Problems, Span, parse};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A secret in a manifest's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPlace {
    /// What is to be hidden: the secret, or all of the value around it where it is written otherwise than it reads.
    pub span: Span,
    /// Where it stands in its document: `spec.tasks[0].spark_python_task.parameters[1]`.
    pub path: String,
    /// What it is called there; empty when it is known by its form only.
    pub name: String,
    secret: String,
}

/// Every secret that stands in one of these files in plain text, in the order in which they stand. A file with mistakes has
/// them as far as it can be read.
pub fn places(files: &Files, of: impl IntoIterator<Item = FileId>) -> Vec<(FileId, Vec<SecretPlace>)> {
    let mut glance = Glance::default();
    // Reading one costs far more than looking whether there is anything to be found.
    let may_hold = |file: &FileId| {
        let text = files.get(*file).text.as_str();
        glance.may_hold(text) && (may_name(text) || !in_text(text).is_empty())
    };
    of.into_iter().filter(may_hold).map(|file| (file, places_of(files, file))).collect()
}

fn places_of(files: &Files, file: FileId) -> Vec<SecretPlace> {
    let text = &files.get(file).text;
    let mut mistakes = Problems::default();
    let documents = parse(text, file, &Limits::default(), &mut mistakes);
    let mut places: Vec<SecretPlace> = documents.iter().flat_map(|document| of_document(files, document)).collect();
    places.sort_by_key(|place| (place.span.start, place.span.end));
    places
}

fn of_document(files: &Files, document: &Node) -> Vec<SecretPlace> {
    let mut places = Vec::new();
    for hit in find("", &document.to_json()) {
        let mut path = String::new();
        let node = hit.way.iter().try_fold(document, |node, step| match step {
            JsonStep::Key(key) => {
                path.push_str(if path.is_empty() { "" } else { "." });
                path.push_str(key);
                node.get(key)
            }
            JsonStep::Index(index) => {
                path.push_str(&format!("[{index}]"));
                node.items().get(*index)
            }
        });
        let Some(node) = node else { continue };
        let written = || files.get(node.span.file).text.get(node.span.start..node.span.end);
        let secret = match node.as_str() {
            Some(text) => text.get(hit.spot.range.clone()),
            None => written(),
        };
        let secret = secret.unwrap_or_default().to_owned();
        let span = files.part(node.span, &secret);
        places.push(SecretPlace { span, path, name: hit.spot.name, secret });
    }
    places
}

/// What is to be hidden of the files that problems are in.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    places: BTreeMap<FileId, Vec<SecretPlace>>,
    /// Places that are known for a secret's.
    secret: Vec<Span>,
}

/// Reads what is to be hidden when problems are shown under their lines.
pub fn mask(files: &Files, problems: &[Problem]) -> Mask {
    let spans = problems.iter().flat_map(|p| [p.span, p.related.as_ref().map(|(span, _)| *span)]).flatten();
    let read: BTreeSet<FileId> = spans.map(|span| span.file).collect();
    Mask {
        places: places(files, read).into_iter().collect(),
        secret: problems.iter().filter(|p| p.secret).filter_map(|p| p.span).collect(),
    }
}

impl Mask {
    /// What is to be hidden in a line of a file, or in a part of one: byte ranges from its start, in order, none inside
    /// another.
    pub fn of_line(&self, files: &Files, file: FileId, line: Range<usize>) -> Vec<Range<usize>> {
        let text = files.get(file).text.get(line.clone()).unwrap_or_default();
        let mut spots = in_text(text);
        // A file with mistakes cannot be read as a whole; what a line by itself says of a secret counts.
        spots.extend(behind_key(text).map(|range| super::Spot { range, name: String::new() }));
        let known = self.near(file, line.start, line.end).map(|place| place.span);
        for span in known.chain(self.secret.iter().copied().filter(|span| span.file == file)) {
            let (start, end) = (span.start.max(line.start), span.end.min(line.end));
            if start < end {
                spots.push(super::Spot { range: start - line.start..end - line.start, name: String::new() });
            }
        }
        apart(spots).into_iter().map(|spot| spot.range).collect()
    }

    /// The places in a file that a range touches.
    fn near(&self, file: FileId, start: usize, end: usize) -> impl Iterator<Item = &SecretPlace> {
        let all = self.places.get(&file).map_or(&[][..], Vec::as_slice);
        // They stand one behind the other.
        let last = all.partition_point(|place| place.span.start <= end);
        all[..last].iter().rev().take_while(move |place| place.span.end >= start)
    }

    /// The problem with no secret of its place in its words.
    pub fn cleaned(&self, problem: &Problem) -> Problem {
        let mut clean = problem.clone();
        // One that tells of a secret does not quote it.
        let Some(span) = problem.span.filter(|_| !problem.secret) else { return clean };
        for place in self.near(span.file, span.start, span.end) {
            let secret = place.secret.as_str();
            if secret.len() < 3 {
                continue;
            }
            let hidden = |text: &str| text.replace(secret, super::HIDDEN);
            clean.message = hidden(&clean.message);
            clean.label = hidden(&clean.label);
            clean.help = clean.help.as_deref().map(hidden);
        }
        clean
    }
}

/// The value of `key: value`, when the key is a secret's.
fn behind_key(line: &str) -> Option<Range<usize>> {
    let (before, value) = line.split_once(": ")?;
    let key = before.trim_start_matches(|c: char| c.is_whitespace() || c == '-').trim_matches(['"', '\'']);
    let value = value.trim_end();
    let bare = value.trim_matches(['"', '\'']);
    (is_credential(key) && is_secret(key, bare)).then(|| before.len() + 2..before.len() + 2 + value.len())
}
