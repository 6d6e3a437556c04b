//! What a kind or a field is, for a terminal.

use super::explain::{Explained, FieldDoc, FieldLine, PROJECT, first_sentence};
use super::rule_words::plain;
use crate::render::value::{fitted, wrapped};

/// How wide the column of names gets, and that of types: what is longer moves the rest of its line.
const NAMES: usize = 28;
const TYPES: usize = 24;
/// The narrowest terminal that lines are broken for.
const NARROWEST: usize = 40;

/// The list of kinds, a line each, `width` columns wide.
pub fn kinds_text(kinds: &[Explained], width: usize) -> String {
    let name = kinds.iter().map(|one| one.kind.len()).max().unwrap_or_default();
    let mut text = String::new();
    for one in kinds {
        text.push_str(&clipped(&format!("{:name$}  {}", one.kind, one.summary()), width));
    }
    text.push_str(&format!("\n`plumb explain KIND` shows its fields; {PROJECT} is plumb.yaml.\n"));
    text
}

/// One field, or a kind as a whole, `width` columns wide.
pub fn field_text(doc: &FieldDoc, width: usize) -> String {
    let width = width.max(NARROWEST);
    let mut text = format!("KIND:      {}\n", doc.kind);
    if !doc.path.is_empty() {
        text.push_str(&format!("FIELD:     {}\n", doc.path));
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
            text.push_str(&hanging(&format!("{:name$}  ", plain(&one.value)), about, width));
        }
    }
    if !doc.rules.is_empty() {
        text.push_str("\nRULES:\n");
        for rule in &doc.rules {
            for sentence in &rule.says {
                text.push_str(&hanging("- ", sentence, width));
            }
            if !rule.why.is_empty() {
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
    if doc.path.is_empty() {
        let kind = doc.kind;
        text.push_str(&format!(
            "\n`plumb explain {kind}.FIELD` says more; `{kind}.metadata` is what stands around it.\n"
        ));
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
        text.push_str(&clipped(&format!("  {:name$}  {:types$}  {about}", field.name, type_of(field)), width));
    }
}

fn tree(fields: &[FieldLine], indent: usize, width: usize, text: &mut String) {
    for field in fields {
        let more = if field.recursive { " (as above)" } else { "" };
        text.push_str(&clipped(&format!("{:indent$}{}  <{}>{more}", "", field.name, type_of(field)), width));
        tree(&field.fields, indent + 2, width, text);
    }
}

fn type_of(field: &FieldLine) -> String {
    format!("{}{}", field.types, if field.required { ", required" } else { "" })
}

/// One line of at most `width` columns.
fn clipped(line: &str, width: usize) -> String {
    format!("{}\n", fitted(line, width.max(NARROWEST)).trim_end())
}

fn indented(paragraph: &str, indent: usize, width: usize) -> String {
    let lines = wrapped(paragraph, width.saturating_sub(indent));
    lines.iter().map(|line| format!("{:indent$}{line}\n", "")).collect()
}

/// A text behind a head: its further lines begin where the first does.
fn hanging(head: &str, body: &str, width: usize) -> String {
    let indent = 2 + head.chars().count();
    let lines = wrapped(body, width.saturating_sub(indent));
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        let whole = if i == 0 { format!("  {head}{line}") } else { format!("{:indent$}{line}", "") };
        out.push_str(&format!("{}\n", whole.trim_end()));
    }
    out
}
