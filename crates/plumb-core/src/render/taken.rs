//! Secrets taken out of what is imported: each gets a variable of the environment, which stands in its place.

use crate::detect::{self, JsonStep};
use plumb_model::schema::{Field, Path, Rules, Segment, Shape};
use plumb_model::yaml;
use serde_json::Value;
use std::collections::BTreeMap;

/// A secret that an import took out of a value, for a person to set, or to put back if it is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Where it stood: `tasks[load].spark_python_task.parameters[1]`.
    pub place: String,
    /// What it is called there, `--password`; empty when it has the form of a secret.
    pub name: String,
    /// The variable that stands in its place.
    pub env: String,
}

/// Names of variables, each for one secret.
pub(super) struct Names<'a> {
    manifest: &'a str,
    /// By name; `None` for a secret that the service does not show.
    secrets: BTreeMap<String, Option<String>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(manifest: &'a str) -> Names<'a> {
        Names { manifest, secrets: BTreeMap::new() }
    }

    /// The name for a secret that is called so: the same for the same secret, and another one for each other.
    pub(super) fn name(&mut self, called: &str, secret: Option<&str>) -> String {
        let upper = |text: &str| -> String {
            let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
            text.trim_matches(|c: char| !c.is_ascii_alphanumeric()).chars().map(plain).collect()
        };
        let (manifest, called) = (upper(self.manifest), upper(called));
        let called = if called.is_empty() { "SECRET".to_owned() } else { called };
        let base = if manifest.ends_with(&called) { manifest } else { format!("{manifest}_{called}") };
        // The shell takes no name that begins with a digit.
        let base = if base.starts_with(|c: char| c.is_ascii_digit()) { format!("_{base}") } else { base };
        let mut number = 1;
        loop {
            let name = if number == 1 { base.clone() } else { format!("{base}_{number}") };
            match self.secrets.get(&name) {
                None => {
                    self.secrets.insert(name.clone(), secret.map(str::to_owned));
                    return name;
                }
                Some(Some(other)) if Some(other.as_str()) == secret => return name,
                Some(_) => number += 1,
            }
        }
    }

    /// Every name.
    pub(super) fn all(self) -> Vec<String> {
        self.secrets.into_keys().collect()
    }
}

/// What stands for something else in values that are on their way into YAML: a word that they do not have in them.
pub(super) struct Marks {
    open: String,
}

impl Marks {
    pub(super) fn unlike(value: &Value) -> Marks {
        let text = value.to_string();
        let mut number = 0;
        loop {
            let open = format!("zq{number}zq");
            if !text.contains(&open) {
                return Marks { open };
            }
            number += 1;
        }
    }

    fn around(&self, name: &str) -> String {
        format!("{}{name}.{}", self.open, self.open)
    }

    /// The text with references in the place of the marks.
    pub(super) fn as_references(&self, text: &str) -> String {
        text.replace(&format!(".{}", self.open), "}").replace(&self.open, "${env.")
    }

    /// Whether a value has a mark in it.
    pub(super) fn are_in(&self, value: &Value) -> bool {
        value.to_string().contains(&self.open)
    }
}

/// The value of an import with a mark in the place of each secret.
pub(super) fn take(rules: &Rules, value: &Value, marks: &Marks, names: &mut Names<'_>) -> (Value, Vec<Taken>) {
    let hits = detect::find("", value);
    let mut taken = Vec::new();
    let mut places = hits.iter().map(|hit| (place(rules, value, &hit.way), hit.spot.name.clone())).collect::<Vec<_>>();
    let replaced = detect::replaced("", value, &mut |found| {
        // Handed out from the end on, as they are replaced.
        let (place, name) = places.pop().unwrap_or_default();
        let env = names.name(found.name, Some(found.secret));
        let mark = marks.around(&env);
        taken.push(Taken { place, name, env });
        mark
    });
    taken.reverse();
    (replaced, taken)
}

/// A way as plans show it.
fn place(rules: &Rules, value: &Value, way: &[JsonStep]) -> String {
    let (mut path, mut at, mut field) = (Path::default(), value, Some(&rules.root));
    for step in way {
        let below = match step {
            JsonStep::Key(key) => at.get(key),
            JsonStep::Index(index) => at.get(index),
        };
        let Some(below) = below else { break };
        let (segment, inner): (Segment, Option<&Field>) = match (step, field.map(|f| (&f.shape, &f.rule.key))) {
            (JsonStep::Key(key), Some((Shape::Object(object), _))) => {
                (Segment::Key(key.clone()), rules.of(*object).members.get(key))
            }
            (JsonStep::Key(key), Some((Shape::Map(entry), _))) => (Segment::Key(key.clone()), Some(entry)),
            (JsonStep::Key(key), _) => (Segment::Key(key.clone()), None),
            (JsonStep::Index(index), Some((Shape::List(item), key))) => {
                let named = key.as_ref().and_then(|by| by.of(below));
                (named.map_or(Segment::Index(*index), Segment::Item), Some(item))
            }
            (JsonStep::Index(index), _) => (Segment::Index(*index), None),
        };
        path = path.with(segment);
        (at, field) = (below, inner);
    }
    path.to_string()
}

/// The YAML of a value, in which nothing is hidden: what does not show is written out.
pub(super) fn yaml(value: &serde_yaml::Value) -> Result<String, serde_yaml::Error> {
    let mut hidden = Vec::new();
    collect(value, &mut hidden);
    if hidden.is_empty() {
        return serde_yaml::to_string(value);
    }
    let marks = Marks::unlike(&Value::from(serde_yaml::to_string(value)?));
    let mark = |number: usize| format!("{}{number}.{}", marks.open, marks.open);
    let marked = replaced(value, &|text| hidden.iter().position(|h| h == text).map(mark));
    let mut text = serde_yaml::to_string(&marked)?;
    for (number, plain) in hidden.iter().enumerate() {
        text = text.replace(&mark(number), &yaml::quoted(plain));
    }
    Ok(text)
}

fn collect(value: &serde_yaml::Value, hidden: &mut Vec<String>) {
    match value {
        serde_yaml::Value::String(text) if yaml::hides(text) && !hidden.contains(text) => hidden.push(text.clone()),
        serde_yaml::Value::Sequence(items) => items.iter().for_each(|item| collect(item, hidden)),
        serde_yaml::Value::Mapping(map) => map.iter().for_each(|(key, value)| {
            collect(key, hidden);
            collect(value, hidden);
        }),
        _ => {}
    }
}

fn replaced(value: &serde_yaml::Value, with: &dyn Fn(&str) -> Option<String>) -> serde_yaml::Value {
    match value {
        serde_yaml::Value::String(text) => with(text).unwrap_or_else(|| text.clone()).into(),
        serde_yaml::Value::Sequence(items) => items.iter().map(|item| replaced(item, with)).collect::<Vec<_>>().into(),
        serde_yaml::Value::Mapping(map) => {
            serde_yaml::Value::Mapping(map.iter().map(|(k, v)| (replaced(k, with), replaced(v, with))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_secret_has_a_name_of_its_own() {
        let mut names = Names::new("bau-etl");
        let given = [
            names.name("--db-password", Some("a")),
            names.name("--db-password", Some("b")),
            names.name("db.password", Some("a")),
            names.name("token", None),
            names.name("token", None),
            names.name("etl", Some("c")),
            names.name("", Some("d")),
        ];
        assert_eq!(
            given,
            [
                "BAU_ETL_DB_PASSWORD",
                "BAU_ETL_DB_PASSWORD_2",
                "BAU_ETL_DB_PASSWORD",
                "BAU_ETL_TOKEN",
                "BAU_ETL_TOKEN_2",
                "BAU_ETL",
                "BAU_ETL_SECRET"
            ]
        );
        assert_eq!(Names::new("7-days").name("x", None), "_7_DAYS_X");
    }

    #[test]
    fn secrets_become_marks_and_marks_references() {
        let rules = crate::kinds::find("DatabricksJob").unwrap().rules();
        let spec = json!({
            "name": "zq0zq ${env.STOLEN}",
            "tasks": [{"task_key": "load", "spark_python_task": {"python_file": "/a.py",
                "parameters": ["--password", "s3cr3t!", "--s3-key", "raw/x.csv", "--url", "jdbc:a://u:pw@h/x?password=b&y=1"]}}],
            "parameters": [{"name": "api_token", "default": "t"}],
        });
        let (marks, mut names) = (Marks::unlike(&spec), Names::new("j"));
        let (value, taken) = take(rules, &spec, &marks, &mut names);
        let text = value.to_string();
        assert!(!text.contains("s3cr3t!") && text.contains("raw/x.csv") && marks.are_in(&value), "{text}");
        let reference = |at: &str| marks.as_references(value.pointer(at).unwrap().as_str().unwrap());
        assert_eq!(reference("/tasks/0/spark_python_task/parameters/1"), "${env.J_PASSWORD_2}");
        assert_eq!(
            reference("/tasks/0/spark_python_task/parameters/5"),
            "jdbc:a://u:${env.J_SECRET}@h/x?password=${env.J_PASSWORD}&y=1"
        );
        assert_eq!(reference("/parameters/0/default"), "${env.J_API_TOKEN}");
        // What was live is no reference of plumb's, whatever it looks like.
        assert_eq!(reference("/name"), "zq0zq ${env.STOLEN}");
        let told: Vec<(&str, &str)> = taken.iter().map(|t| (t.place.as_str(), t.name.as_str())).collect();
        assert_eq!(
            told,
            [
                ("parameters[api_token].default", "api_token"),
                ("tasks[load].spark_python_task.parameters[1]", "--password"),
                ("tasks[load].spark_python_task.parameters[5]", ""),
                ("tasks[load].spark_python_task.parameters[5]", "password"),
            ]
        );
    }

    #[test]
    fn nothing_is_hidden_in_yaml() {
        let value = serde_yaml::to_value(json!({"a\u{202e}": ["x\u{200b}y", "plain"], "b": "two\nlines"})).unwrap();
        let text = yaml(&value).unwrap();
        assert_eq!(text, "\"a\\u202e\":\n- \"x\\u200by\"\n- plain\nb: |-\n  two\n  lines\n");
        assert_eq!(serde_yaml::from_str::<serde_yaml::Value>(&text).unwrap(), value);
    }
}
