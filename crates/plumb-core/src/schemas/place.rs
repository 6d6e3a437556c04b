//! A place of a generated schema: what may stand there, what it says of itself, and its members.

use super::write::one_line;
use plumb_model::schema::Rule;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Words for the types of JSON Schema inside of longer words: "list of strings".
const ANY: &str = "any value";

/// A place of a schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct SchemaPlace<'s> {
    /// The schema that references are relative to.
    root: &'s Value,
    here: &'s Value,
}

/// A member of a mapping, and whether it has to be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct SchemaMember<'s> {
    pub place: SchemaPlace<'s>,
    pub required: bool,
}

/// One of the values that may stand at a place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AllowedValue {
    pub value: Value,
    /// What it means, where it has a text of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl<'s> SchemaPlace<'s> {
    /// The whole schema.
    pub(super) fn of(root: &'s Value) -> Self {
        SchemaPlace { root, here: root }
    }

    fn at(self, here: &'s Value) -> Self {
        SchemaPlace { here, ..self }
    }

    /// The schemas without references and alternatives that say what may stand here. Null stands for what is absent, and is none.
    fn forms(self) -> Vec<SchemaPlace<'s>> {
        let mut forms = Vec::new();
        if let Some(target) = self.target() {
            forms.extend(target.forms());
        }
        let mut has_cases = false;
        for word in ["anyOf", "oneOf", "allOf"] {
            for case in self.here.get(word).and_then(Value::as_array).into_iter().flatten() {
                has_cases = true;
                forms.extend(self.at(case).forms());
            }
        }
        let is_plain = !has_cases && self.here.get("$ref").is_none();
        if (is_plain && self.here.get("type").is_none_or(|t| t != "null")) || self.here.get("properties").is_some() {
            forms.push(self);
        }
        forms
    }

    /// The definition that the place refers to.
    fn target(self) -> Option<SchemaPlace<'s>> {
        let name = self.here.get("$ref")?.as_str()?;
        self.root.pointer(name.trim_start_matches('#')).map(|target| self.at(target))
    }

    /// The members of the mapping that may stand here, in the order of their names.
    pub(super) fn members(self) -> BTreeMap<&'s str, SchemaMember<'s>> {
        let mut members = BTreeMap::new();
        for form in self.forms() {
            let required = form.here.get("required").and_then(Value::as_array);
            for (name, here) in form.here.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let required = required.is_some_and(|list| list.iter().any(|one| one == name));
                members.entry(name.as_str()).or_insert(SchemaMember { place: self.at(here), required });
            }
        }
        members
    }

    /// What the elements of the list are that may stand here.
    pub(super) fn element(self) -> Option<SchemaPlace<'s>> {
        self.forms().into_iter().find_map(|form| form.here.get("items").map(|items| self.at(items)))
    }

    /// What the entries of the map are that may stand here.
    pub(super) fn entry(self) -> Option<SchemaPlace<'s>> {
        let of =
            |form: SchemaPlace<'s>| form.here.get("additionalProperties").filter(|entry| **entry != Value::Bool(false));
        self.forms().into_iter().find_map(of).map(|entry| self.at(entry))
    }

    /// The place, or what the elements of its list are, however deep.
    pub(super) fn inside(self) -> SchemaPlace<'s> {
        match self.element() {
            Some(element) if self.members().is_empty() => element.inside(),
            _ => self,
        }
    }

    /// Which mapping with known members stands here: places with the same one have the same fields.
    pub(super) fn mapping(self) -> Option<*const Value> {
        let is_mapping = |form: &SchemaPlace<'s>| form.here.get("properties").is_some();
        self.forms().into_iter().find(is_mapping).map(|form| std::ptr::from_ref(form.here))
    }

    /// Its text: its own, or that of the type that stands here. Paragraphs are divided by an empty line.
    pub(super) fn text(self) -> String {
        let own = self.here.get("description").and_then(Value::as_str).map(one_line);
        own.or_else(|| self.target().map(SchemaPlace::text)).unwrap_or_else(|| {
            let texts = |word: &str| {
                let cases = self.here.get(word).and_then(Value::as_array).into_iter().flatten();
                cases.filter(|case| case.get("$ref").is_some()).map(|case| self.at(case).text()).next()
            };
            texts("anyOf").or_else(|| texts("allOf")).unwrap_or_default()
        })
    }

    /// The rule of the field, and those of the types that stand here.
    pub(super) fn rules(self) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        let own = std::iter::once(self).chain(self.target()).chain(self.forms());
        for rule in own.filter_map(|place| place.here.get("x-plumb")) {
            // Malformed rules are found when the kinds' rules are compiled.
            let rule = serde_json::from_value(rule.clone()).unwrap_or_default();
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        rules
    }

    /// What it means that the field is absent, where that is a value.
    pub(super) fn default(self) -> Option<Value> {
        let rule = self.rules().into_iter().find_map(|rule| rule.default);
        let said =
            || self.here.get("default").filter(|value| !value.is_null() && !value.is_array() && !value.is_object());
        rule.or_else(|| said().cloned())
    }

    /// The values that may stand here, where they are counted.
    pub(super) fn values(self) -> Vec<AllowedValue> {
        let mut values: Vec<AllowedValue> = Vec::new();
        for form in self.forms() {
            let list = form.here.get("enum").and_then(Value::as_array).into_iter().flatten();
            let all = list.chain(form.here.get("const")).filter(|value| !value.is_null());
            // The text of a value is its own where the value stands alone.
            let own = form.here.get("const").and(form.here.get("description")).and_then(Value::as_str).map(one_line);
            values.extend(all.map(|value| AllowedValue { value: value.clone(), description: own.clone() }));
        }
        values
    }

    /// What may stand here, in words: "list of strings".
    pub(super) fn types(self) -> String {
        let words: Vec<String> = self.type_words(false);
        words.join(" or ")
    }

    fn type_words(self, many: bool) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for form in self.forms() {
            for word in form.form_words(many) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
        }
        // Whatever stands beside it, anything may.
        let any = form_word(ANY, many);
        if words.is_empty() || words.contains(&any) { vec![any] } else { words }
    }

    fn form_words(self, many: bool) -> Vec<String> {
        if self.here.get("properties").is_some() {
            return vec![form_word("object", many)];
        }
        if let Some(items) = self.here.get("items") {
            let of = self.at(items).type_words(true).join(" or ");
            return vec![format!("{} of {of}", form_word("list", many))];
        }
        match self.here.get("additionalProperties") {
            Some(entry) if *entry != Value::Bool(false) => {
                let of = self.at(entry).type_words(true).join(" or ");
                return vec![format!("{} of {of}", form_word("map", many))];
            }
            _ => {}
        }
        let named = |value: &Value| value.as_str().map(str::to_owned);
        let types: Vec<String> = match self.here.get("type") {
            Some(Value::Array(types)) => types.iter().filter_map(named).collect(),
            Some(one) => named(one).into_iter().collect(),
            None => self.values().iter().filter_map(|one| type_of(&one.value)).map(str::to_owned).collect(),
        };
        let known = |name: &String| match name.as_str() {
            "null" => None,
            "array" => Some(form_word("list", many)),
            name => Some(form_word(name, many)),
        };
        if types.is_empty() { vec![form_word(ANY, many)] } else { types.iter().filter_map(known).collect() }
    }
}

fn type_of(value: &Value) -> Option<&'static str> {
    match value {
        Value::Bool(_) => Some("boolean"),
        Value::Number(_) => Some("number"),
        Value::String(_) => Some("string"),
        _ => None,
    }
}

fn form_word(word: &str, many: bool) -> String {
    if many { format!("{word}s") } else { word.to_owned() }
}
