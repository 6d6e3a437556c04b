//! Translations from EMR: manifests with what is to be decided at its line, and a report of everything.

use super::counted;
use super::manifest::order;
use super::markdown::code;
use super::value::{is_hidden, push_escape, visible};
use crate::translate::{
    Fate, Minor, RecoveredValue, RuntimeChange, TranslatedManifest, Translation, TranslationDecision, find,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Writes a manifest of a translation. `schema` is the path of the schema from the file. What a person has to decide
/// stands as a comment, `# DECISION:`, above the line that it is about.
pub fn translated(translation: &Translation, document: &TranslatedManifest, schema: &str) -> String {
    let address = document.address.to_string();
    let mut comments: BTreeMap<String, Vec<&TranslationDecision>> = BTreeMap::new();
    for decision in translation.decisions.iter().filter(|d| d.document == address) {
        comments.entry(find(&document.spec, &decision.place).0).or_default().push(decision);
    }
    let mut writer = ReportWriter { out: String::new(), comments };
    let line = |out: &mut String, text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line(&mut writer.out, &format!("# yaml-language-server: $schema={schema}"));
    line(&mut writer.out, &format!("# Translated from {}.", visible(&translation.source)));
    line(&mut writer.out, &format!("apiVersion: {}", crate::manifest::API_VERSION));
    line(&mut writer.out, &format!("kind: {}", document.address.kind));
    line(&mut writer.out, &format!("metadata:\n  name: {}", text(&document.address.name)));
    writer.comments("", 0);
    writer.out.push_str("spec:");
    writer.value(&document.spec, "", 1);
    writer.out
}

/// The lines of the comment that asks people to decide.
pub fn question(decision: &TranslationDecision) -> Vec<String> {
    let TranslationDecision { field, what, why, default, .. } = decision;
    let mut lines = vec![
        format!("# DECISION: {}", visible(what)),
        format!("#   why: {}; until then: {}", visible(why), visible(default)),
    ];
    if !field.is_empty() {
        lines.push(format!("#   EMR: {}", visible(field)));
    }
    lines
}

struct ReportWriter<'t> {
    out: String,
    /// By the JSON pointer of the value that they stand above.
    comments: BTreeMap<String, Vec<&'t TranslationDecision>>,
}

impl ReportWriter<'_> {
    fn comments(&mut self, pointer: &str, depth: usize) {
        let indent = "  ".repeat(depth);
        for decision in self.comments.remove(pointer).unwrap_or_default() {
            for line in question(decision) {
                self.out.push_str(&format!("{indent}{line}\n"));
            }
        }
    }

    /// What follows a key's colon, to the end of the line or of the block.
    fn value(&mut self, value: &Value, pointer: &str, depth: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                self.out.push('\n');
                self.members(map, pointer, depth);
            }
            Value::Array(items) if !items.is_empty() => {
                self.out.push('\n');
                for (i, item) in items.iter().enumerate() {
                    let pointer = format!("{pointer}/{i}");
                    self.comments(&pointer, depth);
                    self.out.push_str(&"  ".repeat(depth));
                    self.out.push('-');
                    match item {
                        Value::Object(map) if !map.is_empty() => {
                            // The first member follows the dash, unless a comment has to stand above it.
                            let start = self.out.len();
                            self.out.push('\n');
                            self.members(map, &pointer, depth + 1);
                            let rest = self.out.split_off(start);
                            if rest.trim_start().starts_with('#') {
                                self.out.push_str(&rest)
                            } else {
                                self.out.push(' ');
                                self.out.push_str(rest.trim_start());
                            }
                        }
                        item => self.value(item, &pointer, depth + 1),
                    }
                }
            }
            Value::Object(_) => self.out.push_str(" {}\n"),
            Value::Array(_) => self.out.push_str(" []\n"),
            Value::String(s) => self.out.push_str(&format!(" {}\n", text(s))),
            other => self.out.push_str(&format!(" {other}\n")),
        }
    }

    fn members(&mut self, map: &serde_json::Map<String, Value>, pointer: &str, depth: usize) {
        let mut members: Vec<(&String, &Value)> = map.iter().collect();
        members.sort_by_key(|(key, value)| order(key, value.is_object() || value.is_array()));
        for (key, value) in members {
            let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            self.comments(&pointer, depth);
            self.out.push_str(&format!("{}{}:", "  ".repeat(depth), text(key)));
            self.value(value, &pointer, depth + 1);
        }
    }
}

/// A text as YAML: bare where it can only be read as that text, else in double quotes with JSON's escapes.
pub(super) fn text(text: &str) -> String {
    let inside =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '$' | '=' | '+' | '(' | ')');
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(inside)
        && !words.contains(&text.to_ascii_lowercase().as_str());
    // `s3://bucket`: a colon that no blank follows.
    let address = text.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty()
            && scheme.chars().all(|c| c.is_ascii_alphanumeric())
            && rest.chars().all(inside)
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
    });
    if is_plain || address {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // YAML joins no surrogates: a character beyond the first plane has one escape of its own.
            c if is_hidden(c) && u32::from(c) > 0xffff => out.push_str(&format!("\\U{:08x}", u32::from(c))),
            c if is_hidden(c) => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What is known of a translation when its manifests were there before, and people have worked on them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Since {
    /// Sentences about how it was made.
    pub notes: Vec<String>,
    /// The decisions that were taken, by their index.
    pub answered: BTreeSet<usize>,
    /// Values that people have otherwise than they would be generated: the place, theirs, and what EMR says now.
    pub kept: Vec<(String, Option<Value>, Option<Value>)>,
}

/// Writes the report of a translation, as Markdown: what a person has to decide, and what became of every value.
pub fn translation(translation: &Translation) -> String {
    report(translation, &Since::default())
}

/// The same for manifests that were there before.
pub fn report(translation: &Translation, since: &Since) -> String {
    let (moved, dropped, open) = translation.account.counts();
    let mut out = format!("# {}\n\n", plain(&format!("Translation of {}", translation.source)));
    out.push_str(&format!(
        "{}, {}. Of {} that EMR told, {moved} went into manifests, {dropped} were dropped, and {open} wait for a decision.\n",
        counted(translation.documents.len(), "manifest", "manifests"),
        counted(translation.decisions.len(), "decision", "decisions"),
        counted(moved + dropped + open, "value", "values"),
    ));
    for note in &since.notes {
        out.push_str(&format!("\n{}\n", plain(note)));
    }
    out.push_str("\n## Manifests\n\n");
    for document in &translation.documents {
        out.push_str(&format!("- {}\n", code(&document.address.to_string())));
    }
    if translation.documents.is_empty() {
        out.push_str("None.\n");
    }
    if !translation.runtimes.is_empty() {
        out.push_str("\n## Runtimes\n\n");
        for RuntimeChange { release, from, runtime, to } in &translation.runtimes {
            let spark = |(major, minor): &Minor| format!("Spark {major}.{minor}");
            out.push_str(&format!("- {}, {}: {}, {}\n", code(release), spark(from), code(runtime), spark(to)));
        }
    }
    let shown = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), |v| code(&v.to_string()));
    if !since.kept.is_empty() {
        out.push_str("\n## Kept\n\nWhat people have otherwise than EMR says.\n\n");
        for (place, theirs, made) in &since.kept {
            out.push_str(&format!("- {}: {}; EMR says {}\n", code(place), shown(theirs), shown(made)));
        }
    }
    if !translation.recovered.is_empty() {
        out.push_str("\n## Dates and serials\n\nWhat changes from run to run is a parameter of the job.\n\n");
        for RecoveredValue { parameter, was, meaning, proven, .. } in &translation.recovered {
            let proof = proven.map_or("asked".to_owned(), |runs| format!("proven by {}", counted(runs, "run", "runs")));
            out.push_str(&format!("- {}: {}, {}; {proof}\n", code(parameter), code(was), plain(meaning)));
        }
    }
    out.push_str("\n## Decisions\n");
    for (i, decision) in translation.decisions.iter().enumerate().filter(|(i, _)| !since.answered.contains(i)) {
        let TranslationDecision { field, what, why, options, default, document, place } = decision;
        out.push_str(&format!("\n### Decision {}\n\n{}\n\n", i + 1, code(what)));
        out.push_str(&format!("- why: {}\n", plain(why)));
        let options: Vec<String> = options.iter().map(|o| plain(o)).collect();
        out.push_str(&format!("- options: {}\n", options.join("; ")));
        out.push_str(&format!("- until then: {}\n", plain(default)));
        let place = if place.is_empty() { document.clone() } else { format!("{document} {place}") };
        out.push_str(&format!("- in: {}\n", code(&place)));
        if !field.is_empty() {
            out.push_str(&format!("- EMR: {}\n", code(field)));
        }
    }
    if !since.answered.is_empty() {
        out.push_str("\n## Taken\n\n");
        for decision in since.answered.iter().filter_map(|i| translation.decisions.get(*i)) {
            out.push_str(&format!("- {}, in {}\n", code(&decision.what), code(&decision.document)));
        }
    }
    let mut whys: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (field, fate) in &translation.account.fates {
        match fate {
            Fate::Dropped { why } => whys.entry(why).or_default().push(code(field)),
            Fate::Translated { to } => places.entry(to).or_default().push(field),
            Fate::Decision(_) => {}
        }
    }
    for (field, words) in &translation.account.left_out {
        for gone in words {
            whys.entry(&gone.why).or_default().push(format!("{} of {}", code(&gone.word), code(field)));
        }
    }
    for (member, why) in &translation.account.of_dag {
        whys.entry(why).or_default().push(code(member));
    }
    let list = |fields: &[&str]| fields.iter().map(|f| code(f)).collect::<Vec<_>>().join(", ");
    out.push_str("\n## Dropped\n\n");
    for (why, fields) in whys {
        out.push_str(&format!("- {}: {}\n", plain(why), fields.join(", ")));
    }
    out.push_str("\n## Translated\n\n");
    for (place, fields) in places {
        out.push_str(&format!("- {}: {}\n", code(place), list(&fields)));
    }
    out
}

/// A sentence in which nothing is Markdown, HTML, a mention or a link.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in visible(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.replace("http", "&#104;ttp").replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_back_as_they_were() {
        let all = [
            "plain",
            "a b",
            "true",
            "No",
            "1.5",
            "",
            "x: y",
            "# c",
            "s3://b/k_1.jar",
            "s3://b/a b",
            "- a",
            "{{ ds }}",
            "a\"b\\c",
            "line\nbreak\ttab",
            "\u{1b}[0m",
            "\u{202e}x",
            "\u{e0041}",
            "é🦀",
            "${x}",
            "0x1f",
            "1e3",
            "2026-10-01",
            "~",
            "*a",
            "null",
            "=",
        ];
        for one in all {
            let read: serde_yaml::Value = serde_yaml::from_str(&format!("k: {}", text(one))).unwrap();
            assert_eq!(read["k"].as_str(), Some(one), "{}", text(one));
        }
    }

    #[test]
    fn nothing_of_outside_is_markdown() {
        assert_eq!(plain("<b> @x [a](http://b)"), "&lt;b&gt; &#64;x \\[a\\](&#104;ttp://b)");
    }
}
