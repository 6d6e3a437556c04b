//! Changing one value of a YAML text, and leaving everything else of it as it is: comments, order, quotes, spaces.

use super::hidden::is_hidden;
use super::layout::{Layout, LayoutEntry, LayoutShape, layouts};
use super::scalar::{Scalar, resolve};
use serde_json::Value;

/// One step to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Key(String),
    /// An element of a list, from 0; the one behind the last is a new one.
    Index(usize),
}

/// Sets the value at a path of a document, and makes what is missing on the way. An error says why it cannot be.
pub fn set(text: &str, document: usize, path: &[Step], value: &Value) -> Result<String, String> {
    change(text, document, path, Some(value))
}

/// Removes the value at a path of a document, its key or its place in the list included.
pub fn remove(text: &str, document: usize, path: &[Step]) -> Result<String, String> {
    change(text, document, path, None)
}

fn change(text: &str, document: usize, path: &[Step], value: Option<&Value>) -> Result<String, String> {
    let documents = layouts(text).ok_or("the file is not valid YAML")?;
    let root = documents.get(document).ok_or("the document is not there")?;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let editor = Editor { text, newline };
    let (from, to, put) = editor.at(root, path, value, 0)?;
    let mut out = text.to_owned();
    out.replace_range(from..to, &put);
    Ok(out)
}

/// What is replaced by what.
type Change = (usize, usize, String);

struct Editor<'t> {
    text: &'t str,
    newline: &'static str,
}

const SHARED: &str = "it is written with an anchor, an alias or a tag";

impl Editor<'_> {
    fn at(&self, here: &Layout, path: &[Step], value: Option<&Value>, indent: usize) -> Result<Change, String> {
        if here.shared {
            return Err(SHARED.into());
        }
        match (&here.shape, path) {
            (LayoutShape::Map { flow, entries }, [Step::Key(key), rest @ ..]) => {
                if entries.iter().any(|e| e.key == "<<") {
                    return Err("the mapping merges another one by `<<`".into());
                }
                match entries.iter().position(|e| e.key == *key) {
                    Some(at) => self.entry(here, *flow, entries, at, rest, value),
                    None => {
                        let value = value.ok_or("it is not written in the file")?;
                        self.insert(here, *flow, entries, key, &nested(rest, value)?, indent)
                    }
                }
            }
            (LayoutShape::Seq { flow, items }, [Step::Index(index), rest @ ..]) => match items.get(*index) {
                Some(_) => self.item(here, *flow, items, *index, rest, value),
                None => {
                    let value = value.ok_or("it is not written in the file")?;
                    self.append(here, *flow, items, &nested(rest, value)?)
                }
            },
            _ => Err("the file is written otherwise there".into()),
        }
    }

    fn entry(
        &self,
        map: &Layout,
        flow: bool,
        entries: &[LayoutEntry],
        at: usize,
        rest: &[Step],
        value: Option<&Value>,
    ) -> Result<Change, String> {
        let entry = &entries[at];
        if !rest.is_empty() {
            // What is null or empty gives way to what is to be in it.
            let is_empty = match &entry.value.shape {
                LayoutShape::Scalar => true,
                LayoutShape::Map { entries, .. } => entries.is_empty(),
                LayoutShape::Seq { items, .. } => items.is_empty(),
            };
            return match value {
                Some(value) if is_empty && !entry.value.shared => self.put(entry, flow, &nested(rest, value)?),
                _ => self.at(&entry.value, rest, value, self.column(entry.start)),
            };
        }
        if entry.value.shared {
            return Err(SHARED.into());
        }
        match value {
            Some(value) => self.put(entry, flow, value),
            None if flow => Ok(self.cut_flow(&spans(entries), at)),
            None if entries.len() == 1 => Ok((map.start, map.end, "{}".into())).map(|change| self.beside(change)),
            None => Ok(self.cut_lines(entry.start, entry.value.end, entries.get(at + 1).map(|e| e.start))),
        }
    }

    /// Puts a value behind a key.
    fn put(&self, entry: &LayoutEntry, flow: bool, value: &Value) -> Result<Change, String> {
        let colon = self.text[entry.key_end..].find(':').ok_or("the key has no colon")? + entry.key_end + 1;
        let end = entry.value.end.max(colon);
        if flow || !is_block(value) {
            let scalar = matches!(entry.value.shape, LayoutShape::Scalar) && entry.value.start < entry.value.end;
            let start = if scalar && !self.text[entry.value.start..].starts_with(['|', '>']) {
                entry.value.start
            } else {
                colon
            };
            let space = if start == colon { " " } else { "" };
            return Ok((start, end, format!("{space}{}", inline(value))));
        }
        let lines = self.block(value, self.column(entry.start) + 2);
        Ok((colon, end, format!("{}{lines}", self.newline)))
    }

    fn insert(
        &self,
        map: &Layout,
        flow: bool,
        entries: &[LayoutEntry],
        key: &str,
        value: &Value,
        indent: usize,
    ) -> Result<Change, String> {
        let key = scalar(&Value::from(key));
        let Some(last) = entries.last() else {
            // `{}`: what was nothing becomes a block where there is room for one.
            let line_end = self.line_end(map.end);
            if self.text[map.end..line_end].trim().is_empty() && self.text[..map.start].ends_with(": ") {
                let lines = self.pair(&key, value, indent + 2);
                return Ok((map.start - 1, map.end, format!("{}{lines}", self.newline)));
            }
            return Ok((map.start, map.end, format!("{{{key}: {}}}", inline(value))));
        };
        if flow {
            return Ok((last.value.end, last.value.end, format!(", {key}: {}", inline(value))));
        }
        let at = self.line_end(last.value.end);
        Ok((at, at, format!("{}{}", self.newline, self.pair(&key, value, self.column(entries[0].start)))))
    }

    fn item(
        &self,
        list: &Layout,
        flow: bool,
        items: &[Layout],
        index: usize,
        rest: &[Step],
        value: Option<&Value>,
    ) -> Result<Change, String> {
        let item = &items[index];
        if !rest.is_empty() {
            return self.at(item, rest, value, self.column(item.start));
        }
        if item.shared {
            return Err(SHARED.into());
        }
        match value {
            Some(value) if flow || !is_block(value) => Ok((item.start, item.end, inline(value))),
            Some(value) => {
                let lines = self.block(value, self.column(item.start));
                Ok((item.start, item.end, lines.trim_start().to_owned()))
            }
            None if flow => {
                let spans: Vec<(usize, usize)> = items.iter().map(|i| (i.start, i.end)).collect();
                Ok(self.cut_flow(&spans, index))
            }
            None if items.len() == 1 => Ok(self.beside((self.dash(item), list.end, "[]".into()))),
            None => {
                let dash = self.dash(item);
                let next = items.get(index + 1).map(|i| self.dash(i));
                Ok(self.cut_lines(dash, item.end, next))
            }
        }
    }

    fn append(&self, list: &Layout, flow: bool, items: &[Layout], value: &Value) -> Result<Change, String> {
        let Some(last) = items.last() else { return Ok((list.start, list.end, format!("[{}]", inline(value)))) };
        if flow {
            return Ok((last.end, last.end, format!(", {}", inline(value))));
        }
        let at = self.line_end(last.end);
        let lines = self.block(&Value::Array(vec![value.clone()]), self.column(self.dash(last)));
        Ok((at, at, format!("{}{lines}", self.newline)))
    }

    /// A block that is replaced by something short stands beside its key again.
    fn beside(&self, (from, to, put): Change) -> Change {
        let before = self.text[..from].trim_end();
        if before.ends_with(':') && !self.text[before.len()..from].contains('#') {
            (before.len(), to, format!(" {put}"))
        } else {
            (from, to, put)
        }
    }

    /// Cuts an element of a flow collection and the comma that divides it from its neighbour.
    fn cut_flow(&self, spans: &[(usize, usize)], at: usize) -> Change {
        let (start, end) = spans[at];
        match (spans.get(at + 1), at.checked_sub(1)) {
            (Some((next, _)), _) => (start, *next, String::new()),
            (None, Some(before)) => (spans[before].1, end, String::new()),
            (None, None) => (start, end, String::new()),
        }
    }

    /// Cuts whole lines; where something stands before it on its line (`- key: …`), what comes next moves up.
    fn cut_lines(&self, start: usize, end: usize, next: Option<usize>) -> Change {
        let line = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        match next {
            Some(next) if !self.text[line..start].trim().is_empty() => (start, next, String::new()),
            _ => {
                let behind = self.line_end(end);
                match self.text[behind..].find('\n') {
                    Some(at) => (line, behind + at + 1, String::new()),
                    // The last line of a text that does not end with one.
                    None => (line.saturating_sub(self.newline.len()), behind, String::new()),
                }
            }
        }
    }

    /// Where the dash of an element stands: the last one before it, which the parser does not count as a part of the list
    /// when the list is not indented.
    fn dash(&self, item: &Layout) -> usize {
        self.text[..item.start].rfind('-').unwrap_or(item.start)
    }

    fn column(&self, at: usize) -> usize {
        self.text[..at].chars().rev().take_while(|c| *c != '\n').count()
    }

    fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |length| at + length);
        if self.text[..end].ends_with('\r') { end - 1 } else { end }
    }

    /// A key and its value, on lines of their own.
    fn pair(&self, key: &str, value: &Value, indent: usize) -> String {
        let space = " ".repeat(indent);
        if is_block(value) {
            format!("{space}{key}:{}{}", self.newline, self.block(value, indent + 2))
        } else {
            format!("{space}{key}: {}", inline(value))
        }
    }

    /// A mapping or a list that is not empty, on lines of its own.
    fn block(&self, value: &Value, indent: usize) -> String {
        let space = " ".repeat(indent);
        let lines: Vec<String> = match value {
            Value::Object(map) => {
                map.iter().map(|(k, v)| self.pair(&scalar(&Value::from(k.as_str())), v, indent)).collect()
            }
            Value::Array(items) => items
                .iter()
                .map(|item| {
                    if is_block(item) {
                        format!("{space}- {}", self.block(item, indent + 2).trim_start())
                    } else {
                        format!("{space}- {}", inline(item))
                    }
                })
                .collect(),
            other => vec![format!("{space}{}", inline(other))],
        };
        lines.join(self.newline)
    }
}

fn spans(entries: &[LayoutEntry]) -> Vec<(usize, usize)> {
    entries.iter().map(|e| (e.start, e.value.end)).collect()
}

/// A value inside of what leads to it.
fn nested(path: &[Step], value: &Value) -> Result<Value, String> {
    match path {
        [] => Ok(value.clone()),
        [Step::Key(key), rest @ ..] => Ok(serde_json::json!({ key: nested(rest, value)? })),
        [Step::Index(0), rest @ ..] => Ok(Value::Array(vec![nested(rest, value)?])),
        [Step::Index(_), ..] => Err("the list is not written in the file".into()),
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let pair = |(k, v): (&String, &Value)| format!("{}: {}", scalar(&Value::from(k.as_str())), inline(v));
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => scalar(other),
    }
}

/// A scalar, in quotes where it would mean something else without.
fn scalar(value: &Value) -> String {
    let Value::String(text) = value else { return value.to_string() };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./@$+".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.'));
    // What other readers of YAML take for a truth value or a number stays a text for them too.
    let odd = ["yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str())
        || (text.bytes().any(|b| b.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_hexdigit() || b".:_-+xo".contains(&b)));
    if begins && text.chars().all(plain) && !odd && resolve(text) == Scalar::Str {
        return text.clone();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            c if c.is_alphanumeric() && !is_hidden(c) => out.push(c),
            c if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
