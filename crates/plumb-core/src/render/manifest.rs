//! The manifest of an existing object, as a person would write it.

use super::taken::{Marks, Names, Taken, take, yaml};
use super::value::visible;
use crate::kinds::{Kind, Observed};
use crate::plan::normal::{modelled, of_field};
use plumb_model::address::Address;
use plumb_model::schema::{Field, Rules, Scope, Secret, Shape};
use plumb_model::secrets::Vault;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A manifest, and what a person has to see to before it can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub text: String,
    /// Environment variables that stand in the place of secrets: they have to be listed under `spec.env`.
    pub env: Vec<String>,
    /// The secrets among them that were written out, for a person to look at.
    pub taken: Vec<Taken>,
    /// Whether its object is taken over; others go on owning some.
    pub adopts: bool,
}

/// Members that come first, in this order; the others follow by name, scalars before objects and lists.
const FIRST: [&str; 8] = [
    "name",
    "task_key",
    "job_cluster_key",
    "environment_key",
    "cluster_name",
    "instance_pool_name",
    "description",
    "spark_version",
];

/// Writes the manifest under which the object can be taken over without changing it. `schema` is the path of the schema
/// from the file; `target` is the one that the object is of; `known` names the resources whose ids may occur; `unknown` are settings of the object that no spec can
/// say, for a comment.
pub fn manifest(
    kind: &dyn Kind,
    name: &str,
    seen: &Observed,
    (schema, target): (&str, &str),
    known: &BTreeMap<String, Address>,
    unknown: &[String],
) -> Result<Manifest, serde_yaml::Error> {
    let rules = kind.rules();
    // Of what no manifest can say, only the names are written: no secret has to be taken out of it.
    let export = modelled(rules, &rules.root, &kind.export(seen));
    let (marks, mut names) = (Marks::unlike(&export), Names::new(name));
    let (export, taken) = take(rules, &export, &marks, &mut names);
    let mut writer = ManifestWriter { rules, known, me: &seen.id, marks, names, called: None };
    let spec = writer
        .field(&rules.root, "", &export, None)
        .unwrap_or_else(|| serde_yaml::Value::Mapping(serde_yaml::Mapping::new()));
    let mut metadata = serde_yaml::Mapping::new();
    metadata.insert("name".into(), name.into());
    // What stays somebody else's is known by its name, and not taken over.
    let adopts = !kind.is_external(&export);
    if adopts {
        // Of this target alone: another workspace has another object of that id, or none.
        let ids = serde_yaml::Mapping::from_iter([(target.into(), seen.id.as_str().into())]);
        metadata.insert("adopt".into(), serde_yaml::Value::Mapping(ids));
    }
    let mut document = serde_yaml::Mapping::new();
    document.insert("apiVersion".into(), crate::manifest::API_VERSION.into());
    document.insert("kind".into(), kind.name().into());
    document.insert("metadata".into(), serde_yaml::Value::Mapping(metadata));
    document.insert("spec".into(), spec);
    let body = yaml(&serde_yaml::Value::Mapping(document))?;
    let kept = match unknown {
        [] => String::new(),
        names => format!("# Settings that plumb does not know, and keeps: {}\n", visible(&names.join(", "))),
    };
    let text = format!("# yaml-language-server: $schema={schema}\n{kept}{body}");
    Ok(Manifest { text, env: writer.names.all(), taken, adopts })
}

struct ManifestWriter<'a> {
    rules: &'a Rules,
    known: &'a BTreeMap<String, Address>,
    me: &'a str,
    marks: Marks,
    names: Names<'a>,
    /// What the element of a list is called that is written now: a secret in it is named by that.
    called: Option<String>,
}

impl ManifestWriter<'_> {
    /// A value; `around` is the object that it stands in.
    fn field(
        &mut self,
        field: &Field,
        key: &str,
        value: &Value,
        around: Option<&Scope<'_>>,
    ) -> Option<serde_yaml::Value> {
        // What equals absent, and what the service surely fills in by itself, is nobody's wish.
        if field.rule.server || field.rule.is_filled(value, around) || of_field(self.rules, field, value).is_none() {
            // But for what has to be there, if only as `""`.
            return (field.required && !value.is_null()).then(|| self.scalar(key, value));
        }
        match (&field.shape, value) {
            (Shape::Object(object), Value::Object(map)) => {
                let of = self.rules.of(*object);
                let inside = Scope { of, object: Some(map), up: around };
                let called = self.called.take();
                let mut list: Vec<(String, serde_yaml::Value)> = Vec::new();
                for (key, value) in map {
                    let written = of.members.get(key).and_then(|member| {
                        let own = called.as_deref().filter(|_| member.rule.secret == Some(Secret::Value));
                        self.field(member, own.unwrap_or(key), value, Some(&inside))
                    });
                    list.extend(written.map(|w| (key.clone(), w)));
                }
                (!list.is_empty()).then(|| ordered(list))
            }
            (Shape::Map(entry), Value::Object(map)) => Some(self.map(field, entry, map, around)),
            (Shape::List(item), Value::Array(items)) => {
                let list = items.iter().map(|v| {
                    self.called = field.rule.key.as_ref().and_then(|by| by.of(v));
                    self.field(item, key, v, around).unwrap_or_else(|| self.scalar(key, v))
                });
                let list = serde_yaml::Value::Sequence(list.collect());
                self.called = None;
                Some(list)
            }
            (_, value) if field.rule.secret == Some(Secret::Value) && !self.marks.are_in(value) => {
                Some(self.secret(key, value))
            }
            (_, value) if Vault::has_unknown(value) => Some(self.masked(key, value)),
            (_, value) => Some(self.scalar(key, value)),
        }
    }

    fn map(
        &mut self,
        field: &Field,
        entry: &Field,
        map: &Map<String, Value>,
        around: Option<&Scope<'_>>,
    ) -> serde_yaml::Value {
        let mut out = serde_yaml::Mapping::new();
        for (key, value) in map.iter().filter(|(k, _)| !field.rule.ignore_keys.contains(k)) {
            let written = self.field(entry, key, value, around).unwrap_or_else(|| self.scalar(key, value));
            out.insert(key.as_str().into(), written);
        }
        serde_yaml::Value::Mapping(out)
    }

    fn scalar(&self, key: &str, value: &Value) -> serde_yaml::Value {
        let id = match value {
            Value::String(s) => Some(s.clone()),
            Value::Number(n) => Some(n.to_string()),
            _ => None,
        };
        let other = id.filter(|id| key.ends_with("_id") && *id != self.me).and_then(|id| self.known.get(&id));
        match (other, value) {
            (Some(address), _) => format!("${{resources.{}.{}}}", address.kind, address.name).into(),
            // `${` is plumb's; what the service means by it has to pass through.
            (None, Value::String(s)) => self.marks.as_references(&s.replace("${", "$${")).into(),
            (None, other) => serde_yaml::to_value(other).unwrap_or(serde_yaml::Value::Null),
        }
    }

    /// A value of which the service masks a part.
    fn masked(&mut self, key: &str, value: &Value) -> serde_yaml::Value {
        match value {
            Value::String(text) if text == Vault::UNKNOWN => self.secret(key, value),
            Value::Array(items) => items.iter().map(|item| self.masked(key, item)).collect::<Vec<_>>().into(),
            Value::Object(map) => {
                let entry = |(k, v): (&String, &Value)| (k.as_str().into(), self.masked(k, v));
                serde_yaml::Value::Mapping(map.iter().map(entry).collect())
            }
            other => self.scalar(key, other),
        }
    }

    /// A secret is not written into a file that will be committed.
    fn secret(&mut self, key: &str, value: &Value) -> serde_yaml::Value {
        let known = value.as_str().filter(|text| *text != Vault::UNKNOWN);
        format!("${{env.{}}}", self.names.name(key, known)).into()
    }
}

fn ordered(mut list: Vec<(String, serde_yaml::Value)>) -> serde_yaml::Value {
    let is_large = |v: &serde_yaml::Value| v.is_mapping() || v.is_sequence();
    list.sort_by_key(|(key, value)| order(key, is_large(value)));
    serde_yaml::Value::Mapping(list.into_iter().map(|(k, v)| (k.into(), v)).collect())
}

/// What members are sorted by: `is_large` is of those that take more than a line.
pub(super) fn order(key: &str, is_large: bool) -> (usize, bool, String) {
    (FIRST.iter().position(|f| *f == key).unwrap_or(FIRST.len()), is_large, key.to_owned())
}
