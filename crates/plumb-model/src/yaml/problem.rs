//! Mistakes in manifests, and the places they point at.

use std::ops::Range;
use std::sync::OnceLock;

/// Names a file of a [`Files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A byte range of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub file: FileId,
    pub start: usize,
    pub end: usize,
}

/// A text that was read, under the path that messages use (relative to the project, with forward slashes).
#[derive(Clone, Debug)]
pub struct File {
    pub path: String,
    pub text: String,
    /// Where lines start, once somebody has asked: every resource and every problem wants its line.
    starts: OnceLock<Box<[usize]>>,
}

impl File {
    fn starts(&self) -> &[usize] {
        self.starts
            .get_or_init(|| std::iter::once(0).chain(self.text.match_indices('\n').map(|(i, _)| i + 1)).collect())
    }

    /// Whether somebody has asked for a line of it.
    pub fn was_asked_for_lines(&self) -> bool {
        self.starts.get().is_some()
    }

    /// The number of the line that holds a byte, from 1, and the line's range without its end.
    pub fn line(&self, byte: usize) -> (usize, Range<usize>) {
        let starts = self.starts();
        let number = starts.partition_point(|start| *start <= byte).max(1);
        let start = starts[number - 1];
        let end = starts.get(number).map_or(self.text.len(), |next| next - 1);
        (number, start..start + self.text[start..end].trim_end_matches('\r').len())
    }
}

/// Every text that was read, so that a [`Span`] can be turned back into a line.
#[derive(Clone, Debug, Default)]
pub struct Files {
    list: Vec<File>,
}

impl Files {
    /// Adds a text and names it.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> FileId {
        let (mut path, mut text): (String, String) = (path.into(), text.into());
        // Kept until the end, as many as there are.
        path.shrink_to_fit();
        text.shrink_to_fit();
        self.list.push(File { path, text, starts: OnceLock::new() });
        FileId(self.list.len() as u32 - 1)
    }

    /// What the next text that is added will be named.
    pub fn next(&self) -> FileId {
        FileId(self.list.len() as u32)
    }

    /// Every file, in the order in which they were read.
    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..self.list.len() as u32).map(FileId)
    }

    /// The file of that id.
    pub fn get(&self, id: FileId) -> &File {
        &self.list[id.0 as usize]
    }

    /// The place of a piece of text inside a place, where it stands there as it is; else the whole place.
    pub fn part(&self, span: Span, text: &str) -> Span {
        // What is longer than a screen is searched for nobody.
        let found = if span.end.saturating_sub(span.start) > 4_000 {
            None
        } else {
            self.get(span.file).text.get(span.start..span.end).and_then(|whole| whole.find(text))
        };
        found.map_or(span, |at| Span { start: span.start + at, end: span.start + at + text.len(), ..span })
    }

    /// Line and column (in characters) of the span's start, both from 1.
    pub fn position(&self, span: Span) -> (usize, usize) {
        let file = self.get(span.file);
        let start = span.start.min(file.text.len());
        let (line, range) = file.line(start);
        let before = &file.text[range.start..start];
        let column = if before.is_ascii() { before.len() } else { before.chars().count() };
        (line, column + 1)
    }
}

/// One mistake: where it is, what it is, how to fix it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// `None` when it has no place in a file (a missing file, a limit on the whole project).
    pub span: Option<Span>,
    /// What is wrong, in one line.
    pub message: String,
    /// What stands beside the underlined text: usually what was expected, or the nearest valid name.
    pub label: String,
    /// How to fix it, when the label does not say.
    pub help: Option<String>,
    /// A second place that explains the first: "first set here".
    pub related: Option<(Span, String)>,
    /// Whether what stands at its place is a secret, and is not to be shown.
    pub secret: bool,
    /// Whether it is the command line that is wrong, and not a file.
    pub usage: bool,
}

/// All mistakes found so far. Reading goes on after each one, so that a person sees them all at once.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    /// Records a mistake at a place.
    pub fn at(&mut self, span: Span, message: impl Into<String>, label: impl Into<String>) -> &mut Problem {
        self.push(Problem { span: Some(span), ..Problem::new(message.into(), label.into()) })
    }

    /// Records a mistake that has no place in a file.
    pub fn whole(&mut self, message: impl Into<String>) -> &mut Problem {
        self.push(Problem::new(message.into(), String::new()))
    }

    /// Records a mistake.
    pub fn push(&mut self, problem: Problem) -> &mut Problem {
        self.list.push(problem);
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// Records what was found elsewhere, behind what was found here.
    pub fn append(&mut self, more: Problems) {
        self.list.extend(more.list);
    }

    /// Whether there is a mistake at that place among the first `before`, or later one with the same words. Looks at
    /// the latest few only.
    pub(super) fn complained(&self, span: Span, message: &str, before: usize) -> bool {
        let skip = self.list.len().saturating_sub(250);
        self.list
            .iter()
            .enumerate()
            .skip(skip)
            .any(|(i, p)| p.span == Some(span) && (i < before || p.message == message))
    }

    /// Those behind the first `before`, to be said better by who knows more.
    pub fn since(&mut self, before: usize) -> &mut [Problem] {
        self.list.get_mut(before..).unwrap_or_default()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// In the order of files and places, without repetitions.
    pub fn sorted(mut self) -> Vec<Problem> {
        self.list.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
        self.list.dedup_by(|a, b| a.span == b.span && a.message == b.message);
        self.list
    }
}

impl Problem {
    /// A mistake without a place.
    pub fn new(message: String, label: String) -> Problem {
        Problem { span: None, message, label, help: None, related: None, secret: false, usage: false }
    }

    /// Says that it is the command line that is wrong.
    pub fn usage(&mut self) -> &mut Self {
        self.usage = true;
        self
    }

    /// Says that what stands at its place is a secret.
    pub fn secret(&mut self) -> &mut Self {
        self.secret = true;
        self
    }

    /// Adds how to fix it.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a second place that explains the first.
    pub fn related(&mut self, span: Span, label: impl Into<String>) -> &mut Self {
        self.related = Some((span, label.into()));
        self
    }
}
