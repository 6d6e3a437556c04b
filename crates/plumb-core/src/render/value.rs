//! The one place that turns outside text and JSON values into something fit to be shown.
//!
//! Names, manifests and live objects are written by others. Nothing of theirs may move the cursor, colour the
//! terminal, reverse the reading direction, hide characters or start a command of a CI runner.

use serde_json::Value;
use sha2::{Digest, Sha256};
use unicode_width::UnicodeWidthStr;

/// A scalar longer than this many characters is cut, and its length is said. Below it, a value is shown whole, however
/// narrow the terminal: a reviewer has to see what is changed.
const LONGEST: usize = 1_000;
/// How much of what two long values have in common is shown before they part.
const CONTEXT: usize = 40;

pub use plumb_model::yaml::is_hidden;

/// The text with every hidden character as an escape, on one line.
///
/// `##[` and `##vso[` start a command anywhere in a line of a CI log (GitHub's first command syntax, Azure Pipelines),
/// so their second `#` is escaped too. `::` does so only at the start of a line, where no outside text is ever put.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ if starts_command(text, at) => out.push_str("\\u0023"),
            c if is_hidden(c) => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    out
}

/// Whether the second `#` of a CI runner's command stands at this place.
pub(super) fn starts_command(text: &str, at: usize) -> bool {
    let rest = text.as_bytes().get(at + 1..).unwrap_or_default();
    text[at..].starts_with('#')
        && text[..at].ends_with('#')
        && (rest.starts_with(b"[") || rest.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"vso[")))
}

/// Adds the character as JSON would escape it, so that what is shown can be pasted into a manifest.
pub(super) fn push_escape(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.push_str(&format!("\\u{unit:04x}"));
    }
}

/// A string in quotes, escaped as in JSON (and YAML), with nothing hidden in it.
pub fn quoted(text: &str) -> String {
    // A backslash that was there is doubled, so that it can't be mistaken for one of ours.
    format!("\"{}\"", visible(&text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A member's name: bare where it is plain, else in quotes.
pub fn key(text: &str) -> String {
    let plain = !text.is_empty()
        && text.chars().all(|c| (c.is_alphanumeric() && !is_hidden(c)) || matches!(c, '_' | '-' | '.'));
    if plain { text.to_owned() } else { quoted(text) }
}

/// One line of a longer text, after a bar that keeps it from standing at the start of a line of output. A line with
/// hidden characters, or a very long one, is in quotes; no other line starts with `|"`, so the two can't be mistaken for each other.
pub(super) fn barred(line: &str) -> String {
    match line {
        "" => "|".to_owned(),
        plain if plain.len() <= LONGEST && visible(plain) == plain => format!("| {plain}"),
        other => format!("|{}", quoted_short(other)),
    }
}

/// A value on one line. Strings are quoted; a secret and the id of another resource are not, since they are no text:
/// `(secret #1)`, `(id of DatabricksInstancePool/workers)`.
pub fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => stand_in(text).unwrap_or_else(|| quoted_short(text)),
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(scalar).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let members: Vec<String> = map.iter().map(|(k, v)| format!("{}: {}", key(k), scalar(v))).collect();
            format!("{{{}}}", members.join(", "))
        }
        other => other.to_string(),
    }
}

/// Both values of a change, each on one line. Long strings are shown from shortly before they part, so that a cut never
/// hides the difference.
pub fn pair(from: &Value, to: &Value) -> (String, String) {
    let (Value::String(old), Value::String(new)) = (from, to) else { return (scalar(from), scalar(to)) };
    if stand_in(old).is_some() || stand_in(new).is_some() || old.chars().count().max(new.chars().count()) <= LONGEST {
        return (scalar(from), scalar(to));
    }
    let alike = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).count().saturating_sub(CONTEXT);
    let skipped: usize = old.chars().take(alike).map(char::len_utf8).sum();
    let head = if skipped == 0 { String::new() } else { format!("…({skipped} bytes alike)…") };
    let tail = |text: &str| format!("{head}{}", quoted_short(&text[skipped..]));
    (tail(old), tail(new))
}

/// The string in quotes, cut when it is very long. How many bytes are left out is said outside the quotes, and a hash of
/// all of it: two texts that differ never look alike.
fn quoted_short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => {
            let hash: String = Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("{}…({} more bytes, sha256 {hash})", quoted(&text[..at]), text.len() - at)
        }
        None => quoted(text),
    }
}

/// A name, cut to `limit` characters where only a heading is made of it.
pub(super) fn shortened(name: &str, limit: usize) -> String {
    match name.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…({} more bytes)", &name[..at], name.len() - at),
        None => name.to_owned(),
    }
}

/// The text broken at spaces into lines of at most `width` columns; a longer word stays whole.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    hung("", text, width, 0)
}

/// The same behind what leads the first line; the further ones are indented by so many columns.
///
/// No line begins with a word that starts with `::`: a CI runner would take it for a command, indented or not.
pub fn hung(lead: &str, text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut is_fresh) = (lead.to_owned(), true);
    for word in text.split(' ') {
        if is_fresh {
            is_fresh = word.is_empty();
        } else if word.starts_with("::") || columns(&line) + 1 + columns(word) <= width {
            line.push(' ');
        } else {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            is_fresh = word.is_empty();
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// The text, cut to a width in columns, for what may be cut without harm (remarks, context).
pub fn fitted(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += columns(c.encode_utf8(&mut [0; 4]));
        if used > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// How many columns of a terminal the text takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// What stands for a value that is not known or not shown: a secret's number, another resource's id.
fn stand_in(text: &str) -> Option<String> {
    if let Some(number) = text.strip_prefix("(secret #").and_then(|rest| rest.strip_suffix(')'))
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        return Some(text.to_owned());
    }
    let reference = text.strip_prefix("${").and_then(|t| t.strip_suffix('}'))?;
    // An id that the service wants as a number is still an id.
    let reference = reference.strip_prefix("integer.").unwrap_or(reference).strip_prefix("resources.")?;
    if reference.contains(['{', '}', '$']) {
        return None;
    }
    let (kind, rest) = reference.split_once('.')?;
    let (name, field) = rest.split_once('.').unwrap_or((rest, "id"));
    Some(format!("({} of {}/{})", visible(field), visible(kind), visible(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_are_shown_as_what_they_are() {
        for (value, shown) in [
            (json!("a\nb\u{1b}[31m\"\\"), r#""a\nb\u001b[31m\"\\""#),
            (json!("(secret #12)"), "(secret #12)"),
            (json!("(secret #x)"), "\"(secret #x)\""),
            (json!("${resources.DatabricksInstancePool.x}"), "(id of DatabricksInstancePool/x)"),
            (json!("${integer.resources.DatabricksJob.x}"), "(id of DatabricksJob/x)"),
            (json!("${resources.DatabricksJob.x.name}"), "(name of DatabricksJob/x)"),
            (json!("a-${resources.DatabricksJob.x}"), "\"a-${resources.DatabricksJob.x}\""),
            (json!(8.0), "8.0"),
            (json!(null), "null"),
            (json!([1, "a", {"b c": true}]), r#"[1, "a", {"b c": true}]"#),
            (json!("\u{202e}\u{200b}\u{9b}\u{e0041}"), r#""\u202e\u200b\u009b\udb40\udc41""#),
            (json!("##[error]x ##VSO[task] #[ok]"), r##""#\u0023[error]x #\u0023VSO[task] #[ok]""##),
            (json!("数据 é 🚀 ⚠️"), "\"数据 é 🚀 ⚠️\""),
            (json!("a\u{a0}b\u{3164}\u{2028}"), r#""a\u00a0b\u3164\u2028""#),
        ] {
            assert_eq!(scalar(&value), shown);
        }
    }

    #[test]
    fn keys_are_bare_only_when_nothing_hides_in_them() {
        assert_eq!([key("spark.sql"), key("数据"), key("a b"), key("")], ["spark.sql", "数据", "\"a b\"", "\"\""]);
        // A letter by its category, and yet invisible.
        assert_eq!(key("a\u{3164}"), "\"a\\u3164\"");
    }

    #[test]
    fn a_cut_never_hides_the_difference() {
        let old = format!("{}OLD{}", "é".repeat(5_000), "z".repeat(5_000));
        let new = format!("{}NEW{}", "é".repeat(5_000), "z".repeat(5_000));
        let (from, to) = pair(&json!(old), &json!(new));
        assert!(from.contains("OLDzz") && to.contains("NEWzz"), "{from}\n{to}");
        assert!(from.starts_with("…(9920 bytes alike)…\"é") && from.contains("…(4043 more bytes, sha256 "), "{from}");
    }

    #[test]
    fn long_texts_that_differ_never_look_alike() {
        let long = |end: char| json!([format!("{}{end}", "a".repeat(5_000))]);
        assert_ne!(scalar(&long('x')), scalar(&long('y')));
    }

    #[test]
    fn widths_count_columns() {
        assert_eq!(fitted("数据数据", 5), "数据…");
        assert_eq!(fitted("abc", 3), "abc");
        assert_eq!(fitted("abcd", 3), "ab…");
    }

    #[test]
    fn lines_hang_below_the_first_and_never_begin_with_a_command() {
        assert_eq!(hung("! ", "aa bb cc dd", 8, 2), ["! aa bb", "  cc dd"]);
        assert_eq!(hung("! ", "a-long-word b", 8, 2), ["! a-long-word", "  b"]);
        assert_eq!(hung("  ! ", "", 8, 2), ["  ! "]);
        assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrapped("aa bb ::error::cc", 5), ["aa bb ::error::cc"]);
    }
}
