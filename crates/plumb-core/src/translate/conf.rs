//! Spark properties and variables of the environment: what becomes of each, and what they ask of cluster and task.

use super::account::{Ask, At, Book, TranslationDecision};
use super::java::{self, JavaVerdict};
use super::parts::CLUSTER;
use super::pins::DriverZone;
use super::rules::{PropertyVerdict, SIZED, verdict};
use super::runtime::Runtime;
use super::sizing::ServerlessSizing;
use super::{catalog, library};
use crate::detect::{holds_secret, is_taken, masked, masked_value};
use crate::manifest::Answers;
use plumb_model::address::slug;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What Spark properties and spark-submit options ask of a cluster and of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wants {
    pub conf: BTreeMap<String, String>,
    pub env: BTreeMap<String, String>,
    pub libraries: Vec<Value>,
    /// JARs and packages of properties and options: those of a task take the place of those of all tasks.
    pub jars: Option<Vec<Value>>,
    pub packages: Option<Vec<Value>>,
    /// Where packages come from, and what is not to come with them; with the field that said so.
    pub repositories: Option<(String, Vec<String>)>,
    pub exclusions: Option<(String, Vec<String>)>,
    pub zone: DriverZone,
    pub max_retries: Option<i64>,
    pub sizing: Sizing,
    /// Whether the driver ran on a worker, not on the master.
    pub cluster_mode: bool,
    /// The field that each property and variable was set by.
    pub set_by: BTreeMap<String, String>,
}

impl Wants {
    /// Takes the place of a part of a value as the place of the whole.
    pub fn part_of(&mut self, part: &str, whole: &str) {
        let listed = self.repositories.iter_mut().chain(&mut self.exclusions).map(|(field, _)| field);
        for field in self.set_by.values_mut().chain(listed).filter(|field| *field == part) {
            whole.clone_into(field);
        }
    }

    /// Sets what a field sets; one that set it before has had no effect.
    fn set(&mut self, book: &mut Book, at: &At<'_>, place: String, value: &str) {
        let map = if place.contains(".spark_env_vars.") { &mut self.env } else { &mut self.conf };
        let name =
            place.rsplit_once(if place.contains(".spark_env_vars.") { ".spark_env_vars." } else { ".spark_conf." });
        let Some((_, name)) = name else { return };
        map.insert(name.to_owned(), value.to_owned());
        book.translated(at, place.clone());
        self.replaces(book, at, place);
    }

    /// Tells which settings for all tasks have no effect: every task has one of its own.
    pub fn hidden(&self, book: &mut Book, tasks: &[&Wants]) {
        if tasks.is_empty() {
            return;
        }
        for (what, field) in &self.set_by {
            if tasks.iter().all(|task| task.set_by.contains_key(what)) {
                book.overridden(field);
            }
        }
    }

    /// Remembers which field set something; one that set it before has had no effect.
    pub fn replaces(&mut self, book: &mut Book, at: &At<'_>, what: String) {
        if let Some(before) = self.set_by.insert(what, at.field.clone()).filter(|before| *before != at.field) {
            book.overridden(&before);
        }
    }
}

/// What executors and the driver were to have. Hints only: Databricks runs one executor a worker.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sizing {
    pub executors: Option<i64>,
    pub cores: Option<i64>,
    pub total_cores: Option<i64>,
    /// In MiB.
    pub executor_memory: Option<i64>,
    pub driver_memory: Option<i64>,
    /// What only EMR Serverless sizes its workers by.
    pub serverless: ServerlessSizing,
}

/// Takes a property in. `place` is the new cluster, as `job_clusters[main].new_cluster`.
pub(super) fn property(
    book: &mut Book,
    at: &At<'_>,
    key: &str,
    value: &str,
    place: &TargetPaths<'_>,
    wants: &mut Wants,
) {
    if !key.starts_with("spark.") {
        return book.dropped(at, "Spark ignores properties whose names do not start with `spark.`");
    }
    wants.sizing.serverless.take(key, value);
    let verdict = verdict(key, value);
    match key {
        "spark.yarn.appMasterEnv.TZ" => wants.zone.on_worker = Some(value.to_owned()),
        // The driver of EMR Serverless is a worker by itself.
        "spark.emr-serverless.driverEnv.TZ" => {
            wants.zone.on_worker = Some(value.to_owned());
            wants.zone.on_master = Some(value.to_owned());
        }
        _ => {}
    }
    let conf = format!("{}.spark_conf", place.cluster);
    // These look at each of their words.
    let looks_itself = matches!(
        verdict,
        PropertyVerdict::Drop(_)
            | PropertyVerdict::Catalog
            | PropertyVerdict::Java
            | PropertyVerdict::Repositories
            | PropertyVerdict::Exclusions
    );
    if !looks_itself && is_taken(key, value) {
        let reference = place.secret(key);
        wants.conf.insert(key.to_owned(), reference);
        return secret(book, at, &format!("the Spark property `{key}`"), conf);
    }
    match verdict {
        PropertyVerdict::Drop(why) => book.dropped(at, why),
        PropertyVerdict::Keep => keep(book, at, key, value, conf, wants),
        PropertyVerdict::Without(why) => {
            let what = format!("what takes the place of the Spark property `{}`", masked(&format!("{key}={value}")));
            book.ask_once(
                at,
                Ask { what, why, options: &["nothing", "set its successor"], default: "left out", place: conf },
            );
        }
        PropertyVerdict::Catalog => catalog::setting(book, at, key, place, wants),
        PropertyVerdict::Tables(format) => tables(book, at, format, &[(key.to_owned(), value.to_owned())], place),
        PropertyVerdict::Repositories => {
            wants.repositories = Some((at.field.clone(), listed(value)));
            wants.replaces(book, at, key.to_owned());
            book.translated(at, format!("{}.libraries", place.task));
        }
        PropertyVerdict::Exclusions => {
            wants.exclusions = Some((at.field.clone(), listed(value)));
            wants.replaces(book, at, key.to_owned());
            book.translated(at, format!("{}.libraries", place.task));
        }
        PropertyVerdict::Retries => match value.trim().parse::<i64>() {
            Ok(attempts) => {
                wants.max_retries = Some((attempts.clamp(1, 100)) - 1);
                book.translated(at, format!("{}.max_retries", place.task));
            }
            Err(_) => book.dropped(at, "not a number of attempts"),
        },
        PropertyVerdict::Env(name) => variable(book, at, &name, value, place, wants),
        PropertyVerdict::Sizing => sizing(book, at, key, value, wants),
        PropertyVerdict::Jars => library::jars(book, at, value, place, wants),
        PropertyVerdict::Packages => library::packages(book, at, value, &[], &[], place, wants),
        PropertyVerdict::Java => java_options(book, at, key, value, place, wants),
        PropertyVerdict::DeployMode => {
            wants.cluster_mode = value == "cluster";
            book.dropped(at, "the driver has a node of its own");
        }
    }
}

fn keep(book: &mut Book, at: &At<'_>, key: &str, value: &str, conf: String, wants: &mut Wants) {
    wants.set(book, at, format!("{conf}.{key}"), value);
}

fn secret(book: &mut Book, at: &At<'_>, what: &str, place: String) {
    book.ask(
        at,
        Ask {
            what: format!("where the credential in {what} is kept"),
            why: "credentials do not belong into manifests",
            options: &[
                "put it into the secret scope that is named",
                "use an instance profile or Unity Catalog instead",
            ],
            default: "refers to a secret scope, which has to be made",
            place,
        },
    );
}

/// What the environment of EMR's nodes needs, and Databricks' do not.
pub(super) fn env_is_kept(name: &str) -> bool {
    let dropped = ["JAVA_HOME", "SPARK_", "HADOOP_", "YARN_", "HIVE_", "PYSPARK_", "LD_LIBRARY_PATH", "PATH"];
    !dropped.iter().any(|d| if d.ends_with('_') { name.starts_with(d) } else { name == *d })
}

/// Takes an environment variable in.
pub(super) fn variable(
    book: &mut Book,
    at: &At<'_>,
    name: &str,
    value: &str,
    place: &TargetPaths<'_>,
    wants: &mut Wants,
) {
    let env = format!("{}.spark_env_vars", place.cluster);
    if !env_is_kept(name) {
        return book.dropped(at, "the runtime decides which Python, Java and Spark there is");
    }
    if is_taken(name, value) {
        let reference = place.secret(name);
        wants.env.insert(name.to_owned(), reference);
        return secret(book, at, &format!("the variable `{name}`"), env);
    }
    // EMR writes them into a shell script: quotes around them are the script's.
    let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    wants.set(book, at, format!("{env}.{name}"), bare);
}

/// The elements of a list that commas separate.
pub(super) fn listed(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect()
}

/// Asks how tables of a format are read; the settings for that format share the question, which lists them.
pub(super) fn tables(
    book: &mut Book,
    at: &At<'_>,
    format: &str,
    settings: &[(String, String)],
    place: &TargetPaths<'_>,
) {
    let start = format!("how {format}'s tables are read and written without these settings: ");
    let is_same = |decision: &&mut TranslationDecision| decision.what.starts_with(&start);
    let before = book.decisions.iter_mut().find(is_same);
    let mut what = before.as_ref().map_or(start.clone(), |decision| decision.what.clone());
    for (key, value) in settings {
        let shown = format!("`{}={}`", masked(key), masked_value(key, value));
        if !what.contains(&shown) {
            let comma = if what == start { "" } else { ", " };
            what.push_str(&format!("{comma}{shown}"));
        }
    }
    if let Some(before) = before {
        before.what.clone_from(&what);
    }
    let ask = Ask {
        what,
        why: "the runtimes have no catalog or extension of it, and one that is brought along clashes with Unity Catalog",
        options: &[
            "convert the tables to Delta",
            "tables of Unity Catalog",
            "add its package and its properties again",
        ],
        default: "left out: its settings are not on the cluster",
        place: format!("{}.spark_conf", place.cluster),
    };
    book.ask_once(at, ask);
}

/// Options of the Java machine: those that the runtime's Java takes, and that do not only fit EMR.
fn java_options(book: &mut Book, at: &At<'_>, key: &str, value: &str, place: &TargetPaths<'_>, wants: &mut Wants) {
    let version = java::version(place.runtime);
    // `-XX:OnOutOfMemoryError='kill -9 %p'` is one option of several words.
    let words = super::words::split(value, false).unwrap_or_else(|_| vec![value.to_owned()]);
    let to = format!("{}.spark_conf.{}", place.cluster, key.replace("defaultJavaOptions", "extraJavaOptions"));
    let mut left = Vec::new();
    for (word, verdict) in words.iter().zip(java::judged(&words, version)) {
        let (name, inside) = word.split_once('=').unwrap_or((word, ""));
        if is_taken(name.trim_start_matches("-D"), inside) || holds_secret(word) {
            let ask = Ask {
                what: format!("how the application gets the credential in `{}`", masked(name)),
                why: "credentials do not belong into manifests, and options of the Java machine are seen by all who see the cluster",
                options: &[
                    "read it in the code: `dbutils.secrets.get`",
                    "an instance profile or Unity Catalog instead",
                ],
                default: "left out",
                place: to.clone(),
            };
            book.leave_out(at, &format!("{name}=(secret)"), "a credential: it is asked about");
            book.note_once(at, ask);
            continue;
        }
        match verdict {
            JavaVerdict::Keep => left.push(word.as_str()),
            JavaVerdict::Drop(why) => book.leave_out(at, word, why),
            JavaVerdict::Ask(why) => {
                let ask = Ask {
                    what: format!("what takes the place of `{}`, an option of the Java machine", masked(word)),
                    why,
                    options: &["nothing", "a file in a volume or the workspace", "an init script"],
                    default: "left out",
                    place: to.clone(),
                };
                if left.is_empty() && words.len() == 1 {
                    book.ask_once(at, ask);
                } else {
                    book.leave_out(at, word, format!("left out, and asked about: {why}"));
                    book.note_once(at, ask);
                }
            }
        }
    }
    if left.is_empty() {
        return book.dropped(at, "no option of the Java machine is left: each is listed with its reason");
    }
    wants.conf.insert(key.to_owned(), java::joined(left));
    book.translated(at, to);
    wants.replaces(book, at, format!("{}.spark_conf.{key}", place.cluster));
}

fn sizing(book: &mut Book, at: &At<'_>, key: &str, value: &str, wants: &mut Wants) {
    let number = value.trim().parse::<i64>().ok().filter(|n| *n > 0);
    let sizing = &mut wants.sizing;
    match key {
        "spark.executor.instances" => sizing.executors = number,
        "spark.executor.cores" => sizing.cores = number,
        "spark.cores.max" => sizing.total_cores = number,
        "spark.executor.memory" => sizing.executor_memory = mebibytes(value),
        _ => sizing.driver_memory = mebibytes(value),
    }
    book.dropped(at, SIZED);
}

/// Spark's sizes in MiB: `4g`, `512m`, a bare number is MiB.
pub(super) fn mebibytes(text: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: i64 = text[..digits].parse().ok()?;
    match text[digits..].trim_end_matches('b') {
        "" | "m" => Some(number),
        "k" => Some(number / 1024),
        "g" => number.checked_mul(1024),
        "t" => number.checked_mul(1024 * 1024),
        _ => None,
    }
}

/// Where what is being translated goes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct TargetPaths<'a> {
    /// The new cluster: `job_clusters[*].new_cluster`.
    pub cluster: &'a str,
    /// The task: `tasks[load]`.
    pub task: &'a str,
    /// The secret scope that stands in the place of credentials.
    pub scope: &'a str,
    /// The runtime that was chosen: its Java and its Scala decide what may come along.
    pub runtime: Option<&'a Runtime>,
    /// What plumb.yaml answers for all pipelines.
    pub answers: &'a Answers,
}

impl<'a> TargetPaths<'a> {
    /// Those of all tasks of a job, before there is one.
    pub fn of_job(scope: &'a str, runtime: Option<&'a Runtime>, answers: &'a Answers) -> Self {
        TargetPaths { cluster: CLUSTER, task: "tasks[*]", scope, runtime, answers }
    }
}

impl TargetPaths<'_> {
    /// A reference to a secret of that name.
    pub fn secret(&self, name: &str) -> String {
        let key = slug(name.trim_start_matches('-')).unwrap_or_else(|| "secret".into());
        format!("{{{{secrets/{}/{key}}}}}", self.scope)
    }
}

/// A map as a JSON object.
pub(super) fn object(map: &BTreeMap<String, String>) -> Value {
    json!(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_spark_reads_them() {
        let sizes = [("4g", 4096), ("512m", 512), ("1024", 1024), ("2T", 2 * 1024 * 1024), ("2048k", 2), ("1gb", 1024)];
        for (text, size) in sizes {
            assert_eq!(mebibytes(text), Some(size), "{text}");
        }
        assert_eq!(mebibytes("a lot"), None);
        assert_eq!(mebibytes("9999999999999999g"), None);
    }
}
