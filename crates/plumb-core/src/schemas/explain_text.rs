//! What a kind or a field is, for a terminal.

use super::explain::{Explained, FieldDoc, FieldLine, PROJECT, first_sentence};
use super::rule_words::plain;
use crate::render::value::wrapped;

/// How wide the column of names gets, and that of types: what is longer moves the rest of its line.
const NAMES: usize = 28;
const TYPES: usize = 24;
/// The narrowest terminal that lines are broken for.
const NARROWEST: usize = 40;
/// The narrowest column of texts: where less is left beside the others, a text stands below them.
const TEXTS: usize = 20;
/// How far a text is indented that stands below.
const BELOW: usize = 6;

/// The list of kinds, a line each, `width` columns wide.
pub fn kinds_text(kinds: &[Explained], width: usize) -> String {
    let width = width.max(NARROWEST);
    let name = kinds.iter().map(|one| one.kind.len()).max().unwrap_or_default();
    let mut text = String::new();
    for one in kinds {
        text.push_str(&column(&format!("{:name$}", one.kind), name + 2, &one.summary(), width));
    }
    text.push_str(&format!("\n`plumb explain KIND` shows its fields; {PROJECT} is plumb.yaml.\n"));
    text
}

/// One field, or a kind as a whole, `width` columns wide; with the sources of its rules where they are asked for.
pub fn field_text(doc: &FieldDoc, width: usize, with_sources: bool) -> String {
    let width = width.max(NARROWEST);
    let mut text = format!("KIND:      {}\n", doc.kind);
    if !doc.path.is_empty() {
        text.push_str(&format!("FIELD:     {}\n", doc.path));
        if let Some(map) = &doc.any_entry_of {
            text.push_str(&format!("           `{map}` is a map: `*` stands for any of its keys\n"));
        }
        text.push_str(&format!("TYPE:      {}{}\n", doc.types, if doc.required { ", required" } else { "" }));
        if let Some(default) = &doc.default {
            text.push_str(&format!("DEFAULT:   {}\n", plain(default)));
        }
    }
    if !doc.description.is_empty() {
        text.push_str("\nDESCRIPTION:\n");
        for (i, paragraph) in doc.description.split("\n\n").enumerate() {
            text.push_str(if i == 0 { "" } else { "\n" });
            text.push_str(&indented(paragraph, 2, width));
        }
    }
    if !doc.values.is_empty() {
        text.push_str("\nVALUES:\n");
        let name = doc.values.iter().map(|one| plain(&one.value).len()).max().unwrap_or_default().min(NAMES);
        for one in &doc.values {
            let about = one.description.as_deref().unwrap_or_default();
            text.push_str(&column(&format!("  {}", plain(&one.value)), 2 + name + 2, about, width));
        }
    }
    if !doc.rules.is_empty() {
        text.push_str("\nRULES:\n");
        for rule in &doc.rules {
            for sentence in &rule.says {
                text.push_str(&column("  -", 4, sentence, width));
            }
            if with_sources && !rule.why.is_empty() {
                text.push_str(&indented(&format!("source: {}", rule.why), 4, width));
            }
        }
    }
    if !doc.fields.is_empty() {
        text.push_str("\nFIELDS:\n");
        let is_tree = doc.fields.iter().any(|field| !field.fields.is_empty() || field.recursive);
        if is_tree {
            tree(&doc.fields, 2, width, &mut text);
        } else {
            table(&doc.fields, width, &mut text);
        }
    }
    if !doc.attributes.is_empty() {
        text.push_str(&format!("\nREFERENCES: ${{resources.{}.NAME.ATTRIBUTE}}\n", doc.kind));
        let longest = doc.attributes.iter().map(|one| one.name.len()).max().unwrap_or_default();
        for one in &doc.attributes {
            text.push_str(&column(&format!("  {}", one.name), 2 + longest + 2, one.description, width));
        }
    }
    if doc.path.is_empty() {
        let kind = doc.kind;
        let more = format!("`plumb explain {kind}.FIELD` says more; `{kind}.metadata` is what stands around it.");
        text.push_str(&format!("\n{}", indented(&more, 0, width)));
    }
    text
}

fn table(fields: &[FieldLine], width: usize, text: &mut String) {
    let longest = |of: &dyn Fn(&FieldLine) -> usize, most: usize| {
        fields.iter().map(of).filter(|length| *length <= most).max().unwrap_or_default()
    };
    let name = longest(&|field| field.name.len(), NAMES);
    let types = longest(&|field| type_of(field).len(), TYPES);
    for field in fields {
        let about = first_sentence(&field.description);
        let head = format!("  {:name$}  {:types$}", field.name, type_of(field));
        text.push_str(&column(&head, 2 + name + 2 + types + 2, &about, width));
    }
}

fn tree(fields: &[FieldLine], indent: usize, width: usize, text: &mut String) {
    for field in fields {
        let more = if field.recursive { " (as above)" } else { "" };
        let head = format!("{:indent$}{}", "", field.name);
        text.push_str(&column(&head, head.len() + 2, &format!("<{}>{more}", type_of(field)), width));
        tree(&field.fields, indent + 2, width, text);
    }
}

fn type_of(field: &FieldLine) -> String {
    format!("{}{}", field.types, if field.required { ", required" } else { "" })
}

/// A text in the column that begins at `at`, behind a head; below it where the head or the terminal leaves no room.
fn column(head: &str, at: usize, body: &str, width: usize) -> String {
    let (at, head) = if at + TEXTS > width { (BELOW, head.trim_end()) } else { (at, head) };
    let head_columns = head.chars().count();
    let has_room = head_columns < at;
    let mut out = match has_room {
        true => String::new(),
        false if head_columns <= width => format!("{}\n", head.trim_end()),
        false => indented(&head.split_whitespace().collect::<Vec<_>>().join(" "), 2, width),
    };
    if body.is_empty() && !has_room {
        return out;
    }
    for (i, line) in wrapped(body, width.saturating_sub(at)).iter().enumerate() {
        let before = if i == 0 && has_room { head } else { "" };
        out.push_str(&format!("{}\n", format!("{before:at$}{line}").trim_end()));
    }
    out
}

fn indented(paragraph: &str, indent: usize, width: usize) -> String {
    let lines = wrapped(paragraph, width.saturating_sub(indent));
    lines.iter().map(|line| format!("{:indent$}{line}\n", "")).collect()
}
