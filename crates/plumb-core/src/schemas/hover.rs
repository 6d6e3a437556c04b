//! What an editor shows when the pointer rests on a field: the field's own text.
//!
//! Editors show one text: that of the innermost schema that fits the value (yaml-language-server, `yamlHover.ts`: the first that
//! matched, and what is inside matches first). A type's text would win over the field's, and a value's over both. So only fields
//! have texts here. Those of values go where editors list them (`enumDescriptions`), those of types into a comment.

use super::write::places;
use serde_json::{Map, Value, json};

/// Words that lead to the same value as the schema they stand in.
const CASES: [&str; 3] = ["anyOf", "oneOf", "allOf"];

/// Leaves one text on the way to each value of a document.
pub(super) fn texts_at_fields(document: &mut Value) {
    enumerations(document);
    let definitions = document.get("$defs").cloned().unwrap_or(Value::Null);
    fields(document, &definitions);
    let named = document.get_mut("$defs").and_then(Value::as_object_mut);
    for definition in named.into_iter().flat_map(|all| all.values_mut()).filter_map(Value::as_object_mut) {
        if let Some(text) = definition.remove("description") {
            definition.insert("$comment".to_owned(), text);
            silence(definition);
        }
    }
}

/// Makes a list of constants one `enum`, its texts beside it.
fn enumerations(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    for inner in places(members) {
        enumerations(inner);
    }
    let Some(Value::Array(cases)) = members.get("oneOf") else { return };
    let mut values = Vec::new();
    let mut texts = Vec::new();
    for case in cases {
        let several = case.get("enum").and_then(Value::as_array).into_iter().flatten();
        let all: Vec<&Value> = several.chain(case.get("const")).collect();
        if all.is_empty() {
            return;
        }
        texts.extend(all.iter().map(|_| case.get("description").cloned().unwrap_or_else(|| json!(""))));
        values.extend(all.into_iter().cloned());
    }
    let types = cases.first().and_then(|case| case.get("type")).cloned();
    members.remove("oneOf");
    members.extend(types.map(|types| ("type".to_owned(), types)));
    members.insert("enum".to_owned(), Value::Array(values));
    members.insert("enumDescriptions".to_owned(), Value::Array(texts));
}

/// Gives each field without a text that of its type, and takes the texts out of its cases.
fn fields(schema: &mut Value, definitions: &Value) {
    let Some(members) = schema.as_object_mut() else { return };
    for (word, inner) in members.iter_mut() {
        match (word.as_str(), inner) {
            ("properties" | "patternProperties", Value::Object(named)) => {
                named.values_mut().for_each(|field| of_field(field, definitions));
            }
            ("items" | "additionalProperties", field) => of_field(field, definitions),
            _ => {}
        }
    }
    for inner in places(members) {
        fields(inner, definitions);
    }
}

fn of_field(field: &mut Value, definitions: &Value) {
    let Some(members) = field.as_object_mut() else { return };
    if !members.contains_key("description")
        && let Some(text) = text_of_type(members, definitions)
    {
        members.insert("description".to_owned(), text);
    }
    if members.contains_key("description") {
        silence(members);
    }
}

/// The text of the first type that may stand there.
fn text_of_type(schema: &Map<String, Value>, definitions: &Value) -> Option<Value> {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
    // What stands for a value that is known later says nothing of the field.
    let target = target.filter(|name| *name != super::write::REFERENCE).and_then(|name| definitions.get(name));
    let own = target.and_then(|definition| definition.get("description")).cloned();
    own.or_else(|| {
        let cases = CASES.iter().filter_map(|word| schema.get(*word)?.as_array()).flatten();
        cases.filter_map(Value::as_object).find_map(|case| text_of_type(case, definitions))
    })
}

/// Takes the texts out of the cases of a schema.
fn silence(members: &mut Map<String, Value>) {
    for word in CASES {
        let cases = members.get_mut(word).and_then(Value::as_array_mut).into_iter().flatten();
        for case in cases.filter_map(Value::as_object_mut) {
            case.remove("description");
            silence(case);
        }
    }
}
