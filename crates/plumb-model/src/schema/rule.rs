//! What is known about each place of a spec.

use super::{Values, When};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is known about one place, written as `x-plumb` beside the field's type.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// The list is a map by this member of its elements; order means nothing.
    pub key: Option<KeyBy>,
    /// Order means nothing, elements are compared whole.
    pub set: bool,
    /// Unset equals this value, on both sides: the service's documented default.
    #[serde(deserialize_with = "present")]
    pub default: Option<Value>,
    /// What it means that the manifest does not set it.
    pub unset: Option<Unset>,
    /// An empty list is not absent: it says that there is to be nothing.
    pub keep_empty: bool,
    /// The service sets it whatever the manifest says: never compared.
    pub server: bool,
    /// The service never shows it: compared through the hash in the mark.
    pub write_only: bool,
    /// The service keeps it as a text and shows one that is JSON as it would write it itself: `1.10` as `1.1`. Texts that
    /// say the same JSON are told apart by the hash in the mark.
    pub json_text: bool,
    /// Never printed.
    pub secret: Option<Secret>,
    /// How long a secret text may be, told once the environment is filled in.
    pub most_bytes: Option<usize>,
    /// A secret text is base64, and its length is that of what it stands for.
    pub base64: bool,
    /// On a top-level member: it is written by a call of its own, not with the object, so the hash in the mark, which is
    /// written with the object, leaves it out.
    pub apart: bool,
    /// It cannot be changed in place: the object is replaced.
    pub replace: bool,
    /// The name of a member beside it which, where it is set, says all of this one: the service supplies it then.
    pub superseded_by: Option<String>,
    /// It can be changed in place but not taken away: for that the object is replaced.
    pub replace_to_clear: bool,
    /// It can be changed in place where it is there already; an object that has none is replaced to get one.
    pub replace_to_set: bool,
    /// Values that mean the same: each inner list is one value under several names.
    pub alias: Vec<Vec<Value>>,
    /// Values below are taken as they stand: null is one of them.
    pub verbatim: bool,
    /// When the manifest has one of these, whatever is live is fine (`auto`).
    pub any_if: Vec<Value>,
    /// Letter case means nothing.
    pub fold_case: bool,
    /// On a type: the member that names the cluster policy which may supply the other members.
    pub policy: Option<String>,
    /// On a type: the member that names the instance pool which may supply the other members.
    pub pool: Option<String>,
    /// Of what the service sets itself: values that it surely fills in where nobody set one, `true` for any. They are no
    /// difference, an import leaves them out, and no write carries them: the service fills them in again.
    pub filled: Option<Values>,
    /// The same, where it depends on what stands around the value.
    pub filled_when: Vec<When>,
    /// Values that the service may have chosen, and that cannot be told from a person's: `true` for any. They are no
    /// difference either, but an import writes them, and a write that replaces the object carries them over.
    pub chosen: Option<Values>,
    /// When the service refuses the value beside others. A write then cannot carry it over, and its plan says so.
    pub refused_when: Vec<When>,
    /// A write that leaves the field out leaves it as it is, even one that replaces everything else.
    pub sticky: bool,
    /// A value that the service did not set itself is a difference even while the manifest is the one last applied.
    pub strict: bool,
    /// Map keys that the service adds by itself.
    pub ignore_keys: Vec<String>,
    /// On a type: members that the service shows and nobody can set, each with the source of that. A member that the
    /// type does not have and that is not one of these is a setting that plumb does not know: it is kept.
    pub read_only: BTreeMap<String, String>,
    /// What a path here names: one that begins with `./` or `../` is a file or a folder of the repository.
    pub code: Option<CodeRole>,
    /// What a change of it disrupts, in a few words: "restarts the cluster".
    pub disrupts: Option<String>,
    /// Where the fact comes from. Required of every rule.
    pub why: String,
}

/// The member, or the first present of several, that tells list elements apart.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum KeyBy {
    One(String),
    FirstOf(Vec<String>),
}

/// What it means that a manifest leaves a field out, when there is no default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unset {
    /// The service may set it itself. `filled` and `chosen` say to what; any other live value somebody has set.
    Server,
    /// Each of its members says it for itself.
    Members,
    /// It is not to be there: a live value is a difference.
    Absent,
}

/// What of the repository a path may name. The rule of a list is that of its elements; of an object, of its `destination`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeRole {
    /// A notebook.
    Notebook,
    /// A file that is no notebook.
    File,
    /// A file of SQL that a warehouse runs.
    Query,
    /// A wheel, a jar or an egg. A `*` in its name stands for what one build differs in from the next.
    Library,
    /// A line of a `requirements.txt`: a path, or `-r` and a path.
    Dependency,
    /// A folder, with all that is in it.
    Folder,
    /// A notebook, a file, or a folder with `/**` behind it, for all that is in it.
    Source,
}

/// What of a value is never printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// The whole value.
    Value,
    /// Of a map: entries whose key looks like a credential's (`password`, `token`, `secret`, `…key`), unless the value
    /// is a `{{secrets/…}}` reference.
    ByName,
}

fn present<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(d).map(Some)
}

/// One place of a spec: its rule and what may stand there.
#[derive(Clone, Debug)]
pub struct Field {
    pub rule: Rule,
    pub shape: Shape,
    /// Whether the wire wants a whole number: an id that is filled in later has to become one.
    pub integer: bool,
    /// Whether only a text may stand there.
    pub text: bool,
    /// Where letter case means nothing: the names that may stand there, as the service spells them.
    pub names: Vec<String>,
    /// Whether a manifest has to have it, even when it says nothing (`""`).
    pub required: bool,
}

/// What may stand at a place.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A scalar, or a value that is compared whole.
    Leaf,
    /// An object with known members: an index into the [`Rules`]. Types refer to themselves (`for_each_task.task`),
    /// so members are found by index rather than nested.
    Object(usize),
    /// A map with free keys.
    Map(Box<Field>),
    /// A list.
    List(Box<Field>),
}

/// A type with known members.
#[derive(Clone, Debug, Default)]
pub struct Type {
    /// The rule that stands on the type itself (`policy`).
    pub rule: Rule,
    pub members: BTreeMap<String, Field>,
}

/// The compiled rules of one kind.
#[derive(Clone, Debug)]
pub struct Rules {
    types: Vec<Type>,
    pub root: Field,
    /// The members of the spec that are a list, or a mapping of the list's `mode` and its `entries`.
    moded: Vec<String>,
}

impl Rules {
    /// The members of a type.
    pub fn of(&self, object: usize) -> &Type {
        &self.types[object]
    }

    /// The members of the spec that may be written as a list or as `{mode: …, entries: […]}`. A loaded spec has the list, and
    /// the mode beside it: see [`mode_member`].
    pub fn moded(&self) -> &[String] {
        &self.moded
    }

    /// Whether a member of a loaded spec is the mode of another.
    pub fn is_mode(&self, member: &str) -> bool {
        self.moded.iter().any(|moded| mode_member(moded) == member)
    }

    /// Every type with known members, in the order in which they were met.
    pub fn types(&self) -> &[Type] {
        &self.types
    }

    /// The field at a path, or `None` when the spec has no such place.
    pub fn field(&self, path: &super::Path) -> Option<&Field> {
        path.0.iter().try_fold(&self.root, |field, segment| match (&field.shape, segment) {
            (Shape::Object(object), super::Segment::Key(key)) => self.of(*object).members.get(key),
            (Shape::Map(entry), super::Segment::Key(_)) => Some(&**entry),
            (Shape::List(item), super::Segment::Item(_) | super::Segment::Index(_)) => Some(&**item),
            _ => None,
        })
    }
}

impl KeyBy {
    /// The key of a list element, as text.
    pub fn of(&self, element: &Value) -> Option<String> {
        let text = |member: &String| match element.get(member) {
            Some(Value::String(s)) => Some(s.clone()),
            Some(Value::Number(n)) => Some(n.to_string()),
            _ => None,
        };
        match self {
            KeyBy::One(member) => text(member),
            KeyBy::FirstOf(members) => members.iter().find_map(text),
        }
    }
}

/// Compiles the rules out of a schema that `schemars` generated. Panics on a malformed rule: that is a mistake in the
/// source, and a test compiles every kind's.
pub fn compile(schema: &Value) -> Rules {
    let mut compiler = Compiler { root: schema, types: Vec::new(), named: BTreeMap::new() };
    let root = compiler.field(schema);
    let mut moded = Vec::new();
    if let Shape::Object(object) = root.shape {
        let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        moded.extend(members.filter(|(_, member)| compiler.is_moded(member)).map(|(name, _)| name.clone()));
        let modes = moded.iter().map(|name| (mode_member(name), mode_field()));
        compiler.types[object].members.extend(modes);
    }
    Rules { types: compiler.types, root, moded }
}

/// The member of a loaded spec that has the mode of another: `permissions_mode`. Nobody writes it, and no schema has it.
pub fn mode_member(member: &str) -> String {
    format!("{member}_mode")
}

/// The mode of a list in which what the manifest does not name is left alone. The other one is the list's own, and is not kept.
pub const ADDITIVE: &str = "additive";

/// The field of a mode: nothing that is live has one, so it is never a difference, and no hash in a mark is of it.
fn mode_field() -> Field {
    let why = "it says how far the manifest speaks of the list beside it, and no service has it".to_owned();
    let any_if = vec![Value::from(ADDITIVE)];
    Field {
        rule: Rule { apart: true, unset: Some(Unset::Server), any_if, why, ..Rule::default() },
        shape: Shape::Leaf,
        integer: false,
        text: true,
        names: Vec::new(),
        required: false,
    }
}

struct Compiler<'a> {
    root: &'a Value,
    types: Vec<Type>,
    named: BTreeMap<String, usize>,
}

impl Compiler<'_> {
    fn field(&mut self, schema: &Value) -> Field {
        let rule = rule(schema);
        let names = if rule.fold_case { self.names(schema) } else { Vec::new() };
        Field {
            rule,
            shape: self.shape(schema),
            integer: has_type(schema, "integer"),
            text: has_type(schema, "string"),
            names,
            required: false,
        }
    }

    /// The values of an enumeration.
    fn names(&self, schema: &Value) -> Vec<String> {
        let target = match schema.get("$ref").and_then(Value::as_str) {
            Some(name) => self.root.pointer(name.trim_start_matches('#')).unwrap_or(&Value::Null),
            None => schema,
        };
        let list = target.get("enum").and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }

    /// Whether a list may stand there, and a mapping of its mode and its entries.
    fn is_moded(&self, schema: &Value) -> bool {
        let target = schema.get("$ref").and_then(Value::as_str);
        if let Some(target) = target.and_then(|name| self.root.pointer(name.trim_start_matches('#'))) {
            return self.is_moded(target);
        }
        let cases = schema.get("anyOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let is_form = |case: &Value| {
            let properties = case.get("properties").and_then(Value::as_object);
            properties.is_some_and(|all| all.len() == 2 && all.contains_key("mode") && all.contains_key("entries"))
        };
        let is_both = cases.iter().any(|case| case.get("items").is_some()) && cases.iter().any(is_form);
        is_both || cases.iter().any(|case| self.is_moded(case))
    }

    fn shape(&mut self, schema: &Value) -> Shape {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            if let Some(&index) = self.named.get(name) {
                return Shape::Object(index);
            }
            let root = self.root;
            let target = root.pointer(name.trim_start_matches('#')).unwrap_or(&Value::Null);
            return if target.get("properties").is_some() {
                self.object(target, Some(name))
            } else {
                self.shape(target)
            };
        }
        for any in ["anyOf", "allOf", "oneOf"] {
            // `Option<Struct>` is `anyOf: [{$ref}, {type: null}]`; a string that may hold a reference adds one more.
            if let Some(inner) = schema.get(any).and_then(Value::as_array).and_then(|list| {
                list.iter().find(|s| {
                    ["$ref", "properties", "items", "additionalProperties"].iter().any(|k| s.get(k).is_some())
                })
            }) {
                return self.shape(inner);
            }
        }
        if schema.get("properties").is_some() {
            return self.object(schema, None);
        }
        if let Some(items) = schema.get("items") {
            return Shape::List(Box::new(self.field(items)));
        }
        match schema.get("additionalProperties") {
            Some(inner) if inner.is_object() => Shape::Map(Box::new(self.field(inner))),
            Some(Value::Bool(true)) => Shape::Map(Box::new(Field {
                rule: Rule::default(),
                shape: Shape::Leaf,
                integer: false,
                text: false,
                names: Vec::new(),
                required: false,
            })),
            _ => Shape::Leaf,
        }
    }

    fn object(&mut self, schema: &Value, name: Option<&str>) -> Shape {
        let index = self.types.len();
        self.types.push(Type { rule: rule(schema), members: BTreeMap::new() });
        if let Some(name) = name {
            self.named.insert(name.to_owned(), index);
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_required = |name: &str| required.iter().any(|r| r == name);
        let members = properties
            .into_iter()
            .flatten()
            .map(|(k, s)| (k.clone(), Field { required: is_required(k), ..self.field(s) }))
            .collect();
        self.types[index].members = members;
        Shape::Object(index)
    }
}

fn has_type(schema: &Value, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == wanted,
        Some(Value::Array(names)) => names.iter().any(|n| n == wanted),
        _ => false,
    }
}

fn rule(schema: &Value) -> Rule {
    schema.get("x-plumb").map_or_else(Rule::default, |x| {
        serde_json::from_value(x.clone()).unwrap_or_else(|e| panic!("malformed rule {x}: {e}"))
    })
}
