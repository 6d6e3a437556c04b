//! The texts of a job, each with its place.

use serde_json::Value;
use std::collections::BTreeMap;

/// Members that name an element of a list, as places do.
const KEYS: [&str; 4] = ["task_key", "job_cluster_key", "id", "name"];

/// Members that say nothing of a run: keys, and what Databricks offers.
const SKIPPED: [&str; 15] = [
    "task_key",
    "job_cluster_key",
    "depends_on",
    "run_if",
    "spark_version",
    "node_type_id",
    "driver_node_type_id",
    "zone_id",
    "coordinates",
    "instance_profile_arn",
    "kms_key",
    "data_security_mode",
    "data_security_mode",
    "policy_id",
    "instance_pool_id",
];

/// A text of a job.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// In the notation of decisions.
    pub place: String,
    /// The JSON pointer.
    pub pointer: String,
    pub text: String,
    /// The task that it belongs to.
    pub task: Option<String>,
    /// Whether Databricks resolves references to parameters there.
    pub resolves: bool,
    /// Whether it names code: a figure in it is a version.
    pub code: bool,
    /// The argument before it, where that is a flag.
    before: Option<String>,
    /// How many elements the list has that it stands in.
    list: Option<usize>,
}

impl Leaf {
    /// The list that it stands in, and its flag there.
    fn flagged(&self) -> Option<(String, String)> {
        let (list, _) = self.place.rsplit_once('[').filter(|_| self.list.is_some())?;
        Some((list.to_owned(), self.named()?))
    }

    /// The flag that it is the value of: `--month 2026-10`, `--month=2026-10`.
    fn named(&self) -> Option<String> {
        match self.text.split_once('=') {
            Some((name, _)) if name.starts_with('-') => Some(name.to_owned()),
            _ => self.before.clone(),
        }
    }

    /// Its text; of a property or variable of a cluster with its name, as several may have the same text.
    pub fn shown(&self) -> String {
        let name = [".spark_conf.", ".spark_env_vars.", ".custom_tags."]
            .iter()
            .find_map(|member| self.place.split_once(member))
            .map(|(_, name)| name)
            .or_else(|| self.place.strip_prefix("tags."));
        name.map_or_else(|| self.text.clone(), |name| format!("{name}={}", self.text))
    }

    /// The name of the flag of which a part is the whole value, as the name of a parameter.
    pub fn flag(&self, start: usize, end: usize) -> Option<String> {
        if end != self.text.len() {
            return None;
        }
        let name = match &self.text[..start] {
            "" => self.before.as_deref()?,
            before => before.strip_suffix('=')?,
        };
        let name = name.trim_start_matches("-D").trim_start_matches('-');
        let name = name.rsplit(['.', '/']).next().unwrap_or(name);
        let is_part = |c: char| c.is_ascii_alphanumeric();
        let words: Vec<String> =
            name.split(|c| !is_part(c)).filter(|w| !w.is_empty()).map(str::to_ascii_lowercase).collect();
        let name = words.join("_");
        (name.len() > 2 && name.len() <= 60 && name.starts_with(|c: char| c.is_ascii_alphabetic())).then_some(name)
    }

    /// The words that say what a part of the text is: of its flag, and right before it.
    pub fn about(&self, start: usize) -> String {
        let flag = self.before.clone().unwrap_or_default();
        let mut words = self.text[..start].split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
        format!("{flag} {}", words.next_back().unwrap_or_default()).to_ascii_lowercase()
    }
}

/// The texts of another run of a job.
pub(super) struct Leaves {
    places: BTreeMap<String, Leaf>,
    /// By the list and the flag that they are the value of.
    flags: BTreeMap<(String, String), String>,
}

impl Leaves {
    pub fn of(all: Vec<Leaf>) -> Self {
        let flags = all.iter().rev().filter_map(|leaf| Some((leaf.flagged()?, leaf.place.clone()))).collect();
        Leaves { places: all.into_iter().map(|leaf| (leaf.place.clone(), leaf)).collect(), flags }
    }

    /// The text at the same place. In a list of another length it is behind the same flag.
    pub fn same(&self, leaf: &Leaf) -> Option<&Leaf> {
        match self.places.get(&leaf.place) {
            Some(other) if other.list == leaf.list => Some(other),
            _ => self.places.get(self.flags.get(&leaf.flagged()?)?),
        }
    }
}

/// All texts of a job's spec.
pub(super) fn leaves(spec: &Value) -> Vec<Leaf> {
    let mut out = Vec::new();
    walk(spec, &LeafWay::default(), &mut out);
    out
}

#[derive(Clone, Default)]
struct LeafWay {
    place: String,
    pointer: String,
    task: Option<String>,
}

impl LeafWay {
    fn to(&self, token: &str, place: String) -> LeafWay {
        let token = token.replace('~', "~0").replace('/', "~1");
        LeafWay { place, pointer: format!("{}/{token}", self.pointer), task: self.task.clone() }
    }
}

fn walk(value: &Value, way: &LeafWay, out: &mut Vec<Leaf>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|(key, _)| !SKIPPED.contains(&key.as_str())) {
                // The job's own parameters are what the dates become.
                if way.place.is_empty() && key == "parameters" {
                    continue;
                }
                let place = if way.place.is_empty() { key.clone() } else { format!("{}.{key}", way.place) };
                let way = way.to(key, place);
                match value {
                    Value::String(text) => out.push(leaf(text, &way, None, None)),
                    value => walk(value, &way, out),
                }
            }
        }
        Value::Array(items) => {
            let mut before: Option<String> = None;
            for (index, item) in items.iter().enumerate() {
                let key = KEYS.iter().find_map(|key| item.get(key)?.as_str());
                let number = index.to_string();
                let mut way = way.to(&number, format!("{}[{}]", way.place, key.unwrap_or(&number)));
                if way.place.starts_with("tasks[") && !way.place.contains('.') {
                    way.task = key.map(str::to_owned);
                }
                match item {
                    Value::String(text) => {
                        out.push(leaf(text, &way, before.take(), Some(items.len())));
                        before = Some(text.clone()).filter(|text| text.starts_with('-') && !text.contains('='));
                    }
                    item => walk(item, &way, out),
                }
            }
        }
        _ => {}
    }
}

fn leaf(text: &str, way: &LeafWay, before: Option<String>, list: Option<usize>) -> Leaf {
    let in_task = way.task.is_some();
    let is = |member: &str| way.place.contains(member);
    Leaf {
        place: way.place.clone(),
        pointer: way.pointer.clone(),
        text: text.to_owned(),
        task: way.task.clone(),
        resolves: in_task && (is(".parameters[") || is(".named_parameters.") || is(".base_parameters.")),
        code: is(".libraries") || is(".python_file") || is(".main_class_name") || is(".init_scripts"),
        before,
        list,
    }
}
