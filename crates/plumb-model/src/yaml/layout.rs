//! How a YAML text is laid out: where every value begins and ends, in bytes, and in which style it is written.
//!
//! Only for editing a text: what it means is what [`super::parse`] says.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// A value, where it stands, and how it is written.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub start: usize,
    /// Behind the last byte of the value itself; comments behind it are not part of it.
    pub end: usize,
    pub shape: LayoutShape,
    /// It has an anchor or a tag, or is an alias: what is written here counts elsewhere, too, or the other way around.
    pub shared: bool,
}

#[derive(Clone, Debug)]
pub(super) enum LayoutShape {
    Scalar,
    Map { flow: bool, entries: Vec<LayoutEntry> },
    Seq { flow: bool, items: Vec<Layout> },
}

#[derive(Clone, Debug)]
pub(super) struct LayoutEntry {
    pub key: String,
    pub start: usize,
    pub key_end: usize,
    pub value: Layout,
}

/// The documents of a text that is valid YAML; `None` for one that is not.
pub(super) fn layouts(text: &str) -> Option<Vec<Layout>> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let skipped = text.len() - body.len();
    let bytes: Vec<usize> = body.char_indices().map(|(at, _)| at).chain([body.len()]).collect();
    let byte = |index: usize| skipped + bytes[index.min(bytes.len() - 1)];
    let mut done = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(body) {
        let (event, span) = event.ok()?;
        let (start, end) = (byte(span.start.index()), byte(span.end.index()));
        let node = match event {
            Event::Scalar(_, style, anchor, tag) => {
                // Of a quoted text the parser tells an end behind comments, too.
                let end = quoted_end(text, start, style).unwrap_or(end);
                let end = start + text[start..end.max(start)].trim_end().len();
                // Some positions of a block scalar are those of its text, without its sign.
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let start = if block { sign(text, start) } else { start };
                Layout { start, end, shape: LayoutShape::Scalar, shared: anchor != 0 || tag.is_some() }
            }
            Event::Alias(_) => Layout { start, end, shape: LayoutShape::Scalar, shared: true },
            Event::SequenceStart(anchor, tag) => {
                let flow = text[start..].starts_with('[');
                let shape = LayoutShape::Seq { flow, items: Vec::new() };
                open.push(Open {
                    layout: Layout { start, end, shape, shared: anchor != 0 || tag.is_some() },
                    key: None,
                });
                continue;
            }
            Event::MappingStart(anchor, tag) => {
                let flow = text[start..].starts_with('{');
                let shape = LayoutShape::Map { flow, entries: Vec::new() };
                open.push(Open {
                    layout: Layout { start, end, shape, shared: anchor != 0 || tag.is_some() },
                    key: None,
                });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let mut layout = open.pop()?.layout;
                // A block ends where its last value does; the parser only notices later, behind comments.
                layout.end = match &layout.shape {
                    LayoutShape::Seq { flow: true, .. } | LayoutShape::Map { flow: true, .. } => end,
                    LayoutShape::Seq { items, .. } => items.last().map_or(layout.start, |i| i.end),
                    LayoutShape::Map { entries, .. } => entries.last().map_or(layout.start, |e| e.value.end),
                    LayoutShape::Scalar => end,
                };
                layout
            }
            _ => continue,
        };
        let Some(parent) = open.last_mut() else {
            done.push(node);
            continue;
        };
        match (&mut parent.layout.shape, parent.key.take()) {
            (LayoutShape::Seq { items, .. }, _) => items.push(node),
            (LayoutShape::Map { entries, .. }, Some((key, start, key_end))) => {
                // An empty value is reported somewhere behind its key.
                let value = if node.start == node.end { Layout { start: key_end, end: key_end, ..node } } else { node };
                entries.push(LayoutEntry { key, start, key_end, value });
            }
            (LayoutShape::Map { .. }, None) => {
                let written = text.get(node.start..node.end)?;
                let key = written.trim_matches(['"', '\'']).to_owned();
                parent.key = Some((key, node.start, node.end));
            }
            (LayoutShape::Scalar, _) => return None,
        }
    }
    Some(done)
}

struct Open {
    layout: Layout,
    /// A key whose value comes next: its text, where it begins and ends.
    key: Option<(String, usize, usize)>,
}

/// Behind the closing quote of a text that begins with one there.
pub(super) fn quoted_end(text: &str, start: usize, style: ScalarStyle) -> Option<usize> {
    let quote = match style {
        ScalarStyle::SingleQuoted => b'\'',
        ScalarStyle::DoubleQuoted => b'"',
        _ => return None,
    };
    let bytes = text.as_bytes();
    if bytes.get(start) != Some(&quote) {
        return None;
    }
    let mut at = start + 1;
    loop {
        match (*bytes.get(at)?, quote) {
            (b'\\', b'"') => at += 2,
            // Two of them are one in the text.
            (b'\'', b'\'') if bytes.get(at + 1) == Some(&quote) => at += 2,
            (byte, _) if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Where the sign (`|`, `>`) of a block scalar stands that the parser places at or behind it.
fn sign(text: &str, start: usize) -> usize {
    if text[start..].starts_with(['|', '>']) {
        return start;
    }
    text[..start].rfind(['|', '>']).unwrap_or(start)
}
