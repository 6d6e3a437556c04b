//! The comments of a YAML text: what begins with `#` outside of every value.

use super::layout::quoted_end;
use saphyr_parser::{Event, Parser, ScalarStyle};

/// A comment, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The byte of its `#`.
    pub start: usize,
    /// Behind its last byte, without the end of the line.
    pub end: usize,
    /// Which document it belongs to, of those that [`super::parse`] reads; `None` where there is none. It is the one in which
    /// it stands, of a comment before the first one the first; where nothing else stands, the next one, or the last.
    pub document: Option<usize>,
}

/// The comments of a text, in their order; `None` for a text that is not valid YAML.
///
/// A `#` in a block scalar or in quotes is text, and so is one that no blank stands before.
pub fn comments(text: &str) -> Option<Vec<Comment>> {
    let layout = CommentLayout::of(text)?;
    let mut out = Vec::new();
    let mut inside = layout.texts.iter().peekable();
    let mut at = 0;
    while let Some(found) = text[at..].find('#') {
        let start = at + found;
        while inside.next_if(|(_, end)| *end <= start).is_some() {}
        let is_text = inside.peek().is_some_and(|(from, _)| *from <= start);
        let is_apart =
            text[..start].chars().next_back().is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{feff}'));
        if is_text || !is_apart {
            at = start + 1;
            continue;
        }
        let end = text[start..].find(['\n', '\r']).map_or(text.len(), |length| start + length);
        out.push(Comment { start, end, document: layout.document(start) });
        at = end;
    }
    Some(out)
}

/// What decides whether a `#` begins a comment, and whose.
struct CommentLayout {
    /// Where block scalars and quoted texts begin and end.
    texts: Vec<(usize, usize)>,
    /// Where each document begins, and whether anything is in it.
    documents: Vec<(usize, bool)>,
}

impl CommentLayout {
    fn of(text: &str) -> Option<CommentLayout> {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let skipped = text.len() - body.len();
        let bytes: Vec<usize> = body.char_indices().map(|(at, _)| at).chain([body.len()]).collect();
        let byte = |index: usize| skipped + bytes[index.min(bytes.len() - 1)];
        let mut layout = CommentLayout { texts: Vec::new(), documents: Vec::new() };
        for event in Parser::new_from_str(body) {
            let (event, span) = event.ok()?;
            let (start, end) = (byte(span.start.index()), byte(span.end.index()));
            match &event {
                Event::DocumentStart(_) => layout.documents.push((start, false)),
                // Of a text without one no `#` has to be told apart.
                Event::Scalar(value, style, anchor, tag) if value.contains('#') => {
                    let has_properties = *anchor != 0 || tag.is_some();
                    let value = if has_properties { behind_properties(text, start) } else { start };
                    let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                    layout.texts.extend(match (is_block, has_properties) {
                        // The parser places it at its first line, unless something stands before its sign.
                        (true, false) => Some((start, end)),
                        (true, true) => text[value..].find(['\n', '\r']).map(|head| (value + head, end)),
                        (false, _) => quoted_end(text, value, *style).map(|end| (value, end)),
                    });
                }
                _ => {}
            }
            let is_something = match event {
                Event::Scalar(text, style, anchor, _) => style != ScalarStyle::Plain || anchor != 0 || !text.is_empty(),
                Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..) => true,
                _ => false,
            };
            if let Some((_, is_full)) = layout.documents.last_mut().filter(|_| is_something) {
                *is_full = true;
            }
        }
        Some(layout)
    }

    /// The document of a place, among those in which something is.
    fn document(&self, at: usize) -> Option<usize> {
        let here = self.documents.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        let before = self.documents.iter().take(here).filter(|(_, is_full)| *is_full).count();
        let all = self.documents.iter().filter(|(_, is_full)| *is_full).count();
        // What follows an empty document has the number that it would have.
        (all > 0).then(|| before.min(all - 1))
    }
}

/// Where a value begins that stands behind an anchor or a tag.
fn behind_properties(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let next = rest.trim_start();
        at += rest.len() - next.len();
        let ends: &[char] = match next.chars().next() {
            Some('#') => &['\n', '\r'],
            Some('&' | '!') => &[' ', '\t', '\n', '\r'],
            _ => return at,
        };
        at += next.find(ends).unwrap_or(next.len());
    }
}

#[cfg(test)]
#[path = "comments_tests.rs"]
mod tests;
