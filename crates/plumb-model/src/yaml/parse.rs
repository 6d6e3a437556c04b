//! YAML text to nodes with places: one pass over the parser's events.
//!
//! Anchors, `<<` merges and scalars (YAML 1.2 core schema) are resolved here. Whatever a hostile text holds, time and
//! memory stay in proportion to [`Limits`]: an alias counts as much as what it stands for, every time it is used.

use super::scalar::{self, Scalar};
use super::{Entry, FileId, Node, Problem, Problems, Span, Tree};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Bounds on what one text may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How deep lists and mappings may be nested, aliases included.
    pub depth: usize,
    /// How many values the text's documents may have together, aliases expanded. A long string counts for more than one.
    pub nodes: usize,
}

/// How deep values may be nested, unless said otherwise. Types that hold themselves (`for_each_task.task`) are read by
/// recursion, with several kilobytes of stack a level in an unoptimised build; no real manifest goes half as deep.
pub const MOST_DEPTH: usize = 32;

impl Default for Limits {
    fn default() -> Self {
        Limits { depth: MOST_DEPTH, nodes: 400_000 }
    }
}

/// More mistakes than this in one text are not listed.
const MOST_PROBLEMS: usize = 100;

/// So many keys are compared each with each: that is quicker than sorting them.
const FEW_KEYS: usize = 12;

/// How many bytes of a string count as one value.
const BYTES_A_NODE: usize = 32;

/// Parses every document of a text. Empty documents are left out. After a syntax error the rest of the text is not
/// read, because nothing in it could be trusted.
pub fn parse(text: &str, file: FileId, limits: &Limits, problems: &mut Problems) -> Vec<Node> {
    let mut builder = Builder {
        places: Places::new(text, file),
        limits,
        problems,
        reported: 0,
        documents: Vec::new(),
        stack: Vec::new(),
        anchors: HashMap::new(),
        weight: 0,
    };
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    for event in Parser::new_from_str(body) {
        let went_on = match event {
            Ok((event, span)) => builder.event(event, span),
            Err(e) => {
                builder.syntax(&e);
                false
            }
        };
        if !went_on {
            break;
        }
    }
    builder.documents
}

/// Turns the parser's character positions into byte offsets.
struct Places<'a> {
    text: &'a str,
    file: FileId,
    /// Bytes before the text that the parser sees: a byte order mark.
    skipped: usize,
    /// The byte offset of every 64th character; empty when all characters are one byte long.
    sparse: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(text: &'a str, file: FileId) -> Self {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let sparse =
            if body.is_ascii() { Vec::new() } else { body.char_indices().step_by(64).map(|(byte, _)| byte).collect() };
        Places { text, file, skipped: text.len() - body.len(), sparse }
    }

    fn byte(&self, marker: Marker) -> usize {
        let body = &self.text[self.skipped..];
        let offset = if self.sparse.is_empty() {
            marker.index()
        } else {
            let from = self.sparse.get(marker.index() / 64).copied().unwrap_or(body.len());
            let rest = &body[from..];
            from + rest.char_indices().nth(marker.index() % 64).map_or(rest.len(), |(byte, _)| byte)
        };
        self.skipped + offset.min(body.len())
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        let (start, end) = (self.byte(span.start), self.byte(span.end).max(self.byte(span.start)));
        let text = self.text[start..end].trim_end();
        Span { file: self.file, start, end: start + text.len() }
    }

    /// A collection is pointed at by its first line: its end is often far away.
    fn head(&self, span: saphyr_parser::Span) -> Span {
        let start = self.byte(span.start);
        // No reader needs more than a screen's width, and a long line must not be searched once for every value in it.
        let window = &self.text.as_bytes()[start..(start + 200).min(self.text.len())];
        let mut end = start + window.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(window.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        Span { file: self.file, start, end: start + self.text[start..end].trim_end().len() }
    }
}

/// A collection that has begun and not ended.
struct Frame {
    span: Span,
    anchor: usize,
    /// The weight of everything before it, to know its own at its end.
    before: usize,
    /// The deepest nesting inside it so far.
    height: usize,
    kind: Inside,
}

enum Inside {
    Seq(Vec<Node>),
    Map { entries: Vec<Entry>, merges: Vec<(Span, Node)>, pending: Option<Key> },
}

/// A key whose value comes next.
enum Key {
    Named(String, Span),
    Merge(Span),
    /// A key that was reported; its value is dropped.
    Bad,
}

struct Anchored {
    node: Node,
    weight: usize,
    height: usize,
}

struct Builder<'a, 'p> {
    places: Places<'a>,
    limits: &'p Limits,
    problems: &'p mut Problems,
    reported: usize,
    documents: Vec<Node>,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    weight: usize,
}

impl Builder<'_, '_> {
    /// Takes one event in; `false` when the text cannot be read on.
    fn event(&mut self, event: Event<'_>, at: saphyr_parser::Span) -> bool {
        match event {
            Event::DocumentStart(_) => {
                self.anchors.clear();
                true
            }
            Event::Scalar(text, style, anchor, tag) => self.scalar(text, style, anchor, tag, at),
            Event::Alias(id) => self.alias(id, at),
            Event::SequenceStart(anchor, tag) => self.begin(anchor, tag, at, Inside::Seq(Vec::new())),
            Event::MappingStart(anchor, tag) => {
                self.begin(anchor, tag, at, Inside::Map { entries: Vec::new(), merges: Vec::new(), pending: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => true,
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        at: saphyr_parser::Span,
    ) -> bool {
        let span = self.places.span(at);
        let plain = style == ScalarStyle::Plain;
        if plain && text.is_empty() && anchor == 0 && self.stack.is_empty() {
            return true;
        }
        if self.wants_key() && anchor == 0 {
            // A key is its text: `1.10: x` and `on: x` mean what they look like.
            self.weight += 1 + text.len() / BYTES_A_NODE;
            let key = match &*text {
                "<<" if plain => Key::Merge(span),
                "" if plain => {
                    self.problem(span, "a key is missing before the `:`", "expected a name here");
                    Key::Bad
                }
                _ => Key::Named(text.into_owned(), span),
            };
            self.set_key(key);
            return self.within_limits(span);
        }
        let as_text = !plain || self.tag_says_text(tag, span);
        let length = text.len();
        let tree = if as_text {
            Tree::Str(text.into_owned())
        } else {
            match scalar::resolve(&text) {
                Scalar::Null => Tree::Null,
                Scalar::Bool(b) => Tree::Bool(b),
                Scalar::Int(i) => Tree::Int(i),
                Scalar::Float(f) => Tree::Float(f),
                Scalar::Str => Tree::Str(text.into_owned()),
                Scalar::TooBig => {
                    self.problem(
                        span,
                        "this number is too big to be kept exactly",
                        "write it in quotes if it is an id",
                    );
                    Tree::Str(text.into_owned())
                }
            }
        };
        let before = self.weight;
        self.weight += 1 + length / BYTES_A_NODE;
        self.within_limits(span) && self.finish(Node { span, tree }, anchor, before, 0)
    }

    fn alias(&mut self, id: usize, at: saphyr_parser::Span) -> bool {
        let span = self.places.span(at);
        let Some(anchored) = self.anchors.get(&id) else {
            self.problem(span, "this alias stands inside the very value it refers to", "a value cannot contain itself");
            return false;
        };
        let height = anchored.height.saturating_sub(self.merged_levels(&anchored.node.tree));
        let (weight, whole_height) = (anchored.weight, anchored.height);
        let before = self.weight;
        self.weight += weight;
        if !self.within_limits(span) || !self.within_depth(self.stack.len() + height, span) {
            return false;
        }
        // The place of use is what a person has to edit, so the copy has that place; what is inside keeps its own.
        let Some(tree) = self.anchors.get(&id).map(|a| a.node.tree.clone()) else { return false };
        self.finish(Node { span, tree }, 0, before, whole_height)
    }

    /// How many levels of a value go away because `<<` merges it into the mapping around it.
    fn merged_levels(&self, tree: &Tree) -> usize {
        match self.stack.last() {
            Some(Frame { kind: Inside::Map { pending: Some(Key::Merge(_)), .. }, .. }) => match tree {
                Tree::Seq(_) => 2,
                _ => 1,
            },
            _ => 0,
        }
    }

    fn begin(&mut self, anchor: usize, tag: Option<Cow<'_, Tag>>, at: saphyr_parser::Span, kind: Inside) -> bool {
        let span = self.places.head(at);
        self.tag_says_text(tag, span);
        self.stack.push(Frame { span, anchor, before: self.weight, height: 0, kind });
        self.weight += 1;
        self.within_depth(self.stack.len(), span) && self.within_limits(span)
    }

    fn end(&mut self) -> bool {
        let Some(frame) = self.stack.pop() else { return true };
        let tree = match frame.kind {
            Inside::Seq(items) => Tree::Seq(items),
            Inside::Map { entries, merges, .. } => {
                let mut entries = self.without_duplicates(entries);
                if !merges.is_empty() {
                    self.merge(&mut entries, merges);
                }
                Tree::Map(entries)
            }
        };
        self.finish(Node { span: frame.span, tree }, frame.anchor, frame.before, frame.height + 1)
    }

    /// Puts a whole value where it belongs. `before` is the weight before it, `height` how deep it goes.
    fn finish(&mut self, node: Node, anchor: usize, before: usize, height: usize) -> bool {
        if anchor != 0 {
            let weight = self.weight - before;
            // The copy that aliases are made of takes memory too.
            self.weight += weight;
            if !self.within_limits(node.span) {
                return false;
            }
            self.anchors.insert(anchor, Anchored { node: node.clone(), weight, height });
        }
        let height = height.saturating_sub(self.merged_levels(&node.tree));
        let Some(frame) = self.stack.last_mut() else {
            self.documents.push(node);
            return true;
        };
        frame.height = frame.height.max(height);
        match &mut frame.kind {
            Inside::Seq(items) => items.push(node),
            Inside::Map { entries, merges, pending } => match pending.take() {
                Some(Key::Named(key, key_span)) => entries.push(Entry { key, key_span, value: node }),
                Some(Key::Merge(span)) => merges.push((span, node)),
                Some(Key::Bad) => {}
                None => {
                    let key = match node.tree {
                        Tree::Str(key) => Key::Named(key, node.span),
                        _ => {
                            self.problem(
                                node.span,
                                "a key has to be a name",
                                "expected a string, not a list or mapping",
                            );
                            Key::Bad
                        }
                    };
                    self.set_key(key);
                }
            },
        }
        true
    }

    fn wants_key(&self) -> bool {
        self.stack.last().is_some_and(|f| matches!(f.kind, Inside::Map { pending: None, .. }))
    }

    fn set_key(&mut self, key: Key) {
        if let Some(Frame { kind: Inside::Map { pending, .. }, .. }) = self.stack.last_mut() {
            *pending = Some(key);
        }
    }

    /// Drops later entries of a key that was there before, and reports them. Sorts rather than compares each with each:
    /// a mapping may have a hundred thousand keys.
    fn without_duplicates(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let is_new = |(i, entry): (usize, &Entry)| entries[..i].iter().all(|before| before.key != entry.key);
        if entries.len() <= FEW_KEYS && entries.iter().enumerate().all(is_new) {
            return entries;
        }
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|&a, &b| entries[a].key.cmp(&entries[b].key).then(a.cmp(&b)));
        let mut extra = HashSet::new();
        let mut first: Option<usize> = None;
        for &i in &order {
            match first {
                Some(f) if entries[f].key == entries[i].key => {
                    extra.insert(i);
                    let (span, message) = (entries[i].key_span, format!("duplicate key `{}`", entries[i].key));
                    let related = entries[f].key_span;
                    if let Some(problem) = self.problem(span, message, "set a second time") {
                        problem.related(related, "first set here");
                    }
                }
                _ => first = Some(i),
            }
        }
        if extra.is_empty() {
            return entries;
        }
        entries.into_iter().enumerate().filter(|(i, _)| !extra.contains(i)).map(|(_, e)| e).collect()
    }

    /// Adds what `<<` brings in; the mapping's own keys win, then earlier merges.
    fn merge(&mut self, entries: &mut Vec<Entry>, merges: Vec<(Span, Node)>) {
        let mut seen: HashSet<String> = entries.iter().map(|e| e.key.clone()).collect();
        for (span, node) in merges {
            let maps = match node.tree {
                Tree::Seq(items) => items,
                tree => vec![Node { span: node.span, tree }],
            };
            for map in maps {
                let Tree::Map(more) = map.tree else {
                    self.problem(span, "`<<` needs a mapping or a list of mappings", "nothing to merge here");
                    continue;
                };
                entries.extend(more.into_iter().filter(|e| seen.insert(e.key.clone())));
            }
        }
    }

    /// Whether a tag asks for text. Tags that mean something only to other programs are reported.
    fn tag_says_text(&mut self, tag: Option<Cow<'_, Tag>>, span: Span) -> bool {
        let Some(tag) = tag else { return false };
        if tag.is_yaml_core_schema() {
            match tag.suffix.as_str() {
                "str" => return true,
                "int" | "float" | "bool" | "null" | "map" | "seq" => return false,
                _ => {}
            }
        }
        if tag.handle.is_empty() && tag.suffix == "!" {
            return true;
        }
        let name = if tag.is_yaml_core_schema() {
            format!("!!{}", tag.suffix)
        } else {
            format!("{}{}", tag.handle, tag.suffix)
        };
        self.problem(span, format!("the tag `{name}` means nothing here"), "take the tag away");
        false
    }

    fn within_limits(&mut self, span: Span) -> bool {
        if self.weight <= self.limits.nodes {
            return true;
        }
        let message = format!("this file holds more than {} values", self.limits.nodes);
        if let Some(problem) = self.problem(span, message, "too much from here on") {
            problem.help("an alias counts as much as what it stands for, each time it is used; split the file");
        }
        false
    }

    fn within_depth(&mut self, depth: usize, span: Span) -> bool {
        if depth <= self.limits.depth {
            return true;
        }
        let message = format!("nested more than {} levels deep", self.limits.depth);
        self.problem(span, message, "too deep from here on");
        false
    }

    fn syntax(&mut self, error: &saphyr_parser::ScanError) {
        let start = self.places.byte(*error.marker());
        let span = Span { file: self.places.file, start, end: start };
        if let Some(problem) =
            self.problem(span, format!("not valid YAML: {}", error.info()), "the reader got stuck here")
        {
            problem.help("the rest of this file was not read");
        }
    }

    /// Records a mistake, unless the text has had its share of them.
    fn problem(&mut self, span: Span, message: impl Into<String>, label: impl Into<String>) -> Option<&mut Problem> {
        self.reported += 1;
        match self.reported {
            n if n < MOST_PROBLEMS => Some(self.problems.at(span, message, label)),
            MOST_PROBLEMS => {
                let text = format!("this file has {MOST_PROBLEMS} mistakes or more; the others are not listed");
                self.problems.at(span, text, "the last one listed");
                None
            }
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
