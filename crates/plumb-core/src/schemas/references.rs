//! Schemas of one project, in which editors offer what a `${…}` can name: a schema of everybody cannot know that.

use super::write::{REFERENCE, places, takes_any_text};
use serde_json::{Map, Value, json};

/// Lets editors offer these references at every value of a document's spec.
///
/// They stand in `defaultSnippets` and not in `examples` or an `enum`: those are shown at every hover too.
pub(super) fn offer(document: &mut Value, references: &[String]) {
    let Some(definitions) = document.get_mut("$defs").and_then(Value::as_object_mut) else { return };
    let Some(reference) = definitions.get_mut(REFERENCE).and_then(Value::as_object_mut) else { return };
    let snippets = references.iter().map(|text| json!({"label": text, "body": escaped(text)})).collect();
    reference.insert("defaultSnippets".to_owned(), Value::Array(snippets));
    for (_, definition) in definitions.iter_mut().filter(|(name, _)| *name != REFERENCE) {
        widen(definition);
    }
    if let Some(spec) = document.pointer_mut("/properties/spec") {
        widen(spec);
    }
}

/// Names the references beside each plain string: elsewhere they are among the cases.
fn widen(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    if !takes_any_text(members) {
        places(members).into_iter().for_each(widen);
        return;
    }
    let mut outer = Map::new();
    for word in ["description", "title", "default", "deprecated"] {
        outer.extend(members.remove_entry(word));
    }
    let by_reference = json!({"$ref": format!("#/$defs/{REFERENCE}")});
    outer.insert("anyOf".to_owned(), json!([std::mem::take(members), by_reference]));
    *members = outer;
}

/// A text as the body of a snippet, where `$` and `}` mean something.
fn escaped(text: &str) -> String {
    text.replace('$', "\\$").replace('}', "\\}")
}
