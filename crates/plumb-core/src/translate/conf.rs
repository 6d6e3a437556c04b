//! Spark properties: which are kept, which mean nothing on Databricks, which a person has to look at.

use super::account::{Ask, At, Book};
use super::sizing::{ServerlessSizing, own_property};
use crate::detect::is_taken;
use plumb_model::address::slug;
use plumb_model::text::glob;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What Spark properties and spark-submit options ask of a cluster and of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wants {
    pub conf: BTreeMap<String, String>,
    pub env: BTreeMap<String, String>,
    pub libraries: Vec<Value>,
    pub max_retries: Option<i64>,
    pub sizing: Sizing,
    /// Whether the driver ran on a worker, not on the master.
    pub cluster_mode: bool,
    /// The field that each property and variable was set by.
    pub set_by: BTreeMap<String, String>,
}

impl Wants {
    /// Sets what a field sets; one that set it before has had no effect.
    fn set(&mut self, book: &mut Book, at: &At<'_>, place: String, value: &str) {
        let map = if place.contains(".spark_env_vars.") { &mut self.env } else { &mut self.conf };
        let name =
            place.rsplit_once(if place.contains(".spark_env_vars.") { ".spark_env_vars." } else { ".spark_conf." });
        let Some((_, name)) = name else { return };
        map.insert(name.to_owned(), value.to_owned());
        book.translated(at, place.clone());
        if let Some(before) = self.set_by.insert(place, at.field.clone()).filter(|before| *before != at.field) {
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

/// What becomes of a property.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PropertyVerdict {
    Drop(&'static str),
    Keep,
    /// Kept until a person has looked at it.
    Review(&'static str),
    /// Left out until a person has looked at it.
    Without(&'static str),
    Retries,
    Env(String),
    Sizing,
    Jars,
    Packages,
    /// Options of the Java machine, of which some are EMR's.
    Java,
    DeployMode,
}

const SIZED: &str = "Databricks sets it from the machine type: one executor a worker";

/// What a rule says of a property that it names.
enum RuleVerdict {
    Always(PropertyVerdict),
    /// The value decides; `None` leaves it to the rules that follow.
    ByValue(fn(&str) -> Option<PropertyVerdict>),
}

const fn drop_it(why: &'static str) -> RuleVerdict {
    RuleVerdict::Always(PropertyVerdict::Drop(why))
}

const fn review(why: &'static str) -> RuleVerdict {
    RuleVerdict::Always(PropertyVerdict::Review(why))
}

const fn without(why: &'static str) -> RuleVerdict {
    RuleVerdict::Always(PropertyVerdict::Without(why))
}

const KEEP: RuleVerdict = RuleVerdict::Always(PropertyVerdict::Keep);

/// The rules for properties, each with its reason. The first that matches counts; `*` stands for any characters.
static RULES: &[(&[&str], RuleVerdict)] = &[
    (&["spark.submit.deployMode"], RuleVerdict::Always(PropertyVerdict::DeployMode)),
    (&["spark.yarn.maxAppAttempts"], RuleVerdict::Always(PropertyVerdict::Retries)),
    (&["spark.yarn.queue"], without("a YARN queue: a cluster policy or a pool can limit what a team uses")),
    (
        &[
            "spark.executor.instances",
            "spark.executor.cores",
            "spark.executor.memory",
            "spark.driver.memory",
            "spark.cores.max",
        ],
        RuleVerdict::Always(PropertyVerdict::Sizing),
    ),
    (&["spark.driver.maxResultSize"], KEEP),
    (&["spark.jars", "spark.yarn.dist.jars"], RuleVerdict::Always(PropertyVerdict::Jars)),
    (&["spark.jars.packages"], RuleVerdict::Always(PropertyVerdict::Packages)),
    (
        &[
            "spark.files",
            "spark.submit.pyFiles",
            "spark.archives",
            "spark.yarn.dist.files",
            "spark.yarn.dist.archives",
            "spark.jars.repositories",
            "spark.jars.excludes",
        ],
        without("files beside the application: put them into a volume or a library, and change the paths in the code"),
    ),
    (
        &[
            "spark.driver.extraJavaOptions",
            "spark.executor.extraJavaOptions",
            "spark.driver.defaultJavaOptions",
            "spark.executor.defaultJavaOptions",
        ],
        RuleVerdict::Always(PropertyVerdict::Java),
    ),
    (&["spark.local.dir"], drop_it("Databricks sets it, and overrides it with EBS volumes")),
    (&["spark.sql.parquet.output.committer.class"], RuleVerdict::ByValue(committer)),
    (
        &["spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version"],
        drop_it("Databricks' commit protocol takes its place"),
    ),
    (
        &["spark.scheduler.mode", "spark.scheduler.allocation.file"],
        review("fair scheduling inside an application: the file has to be where the driver finds it"),
    ),
    (
        &["spark.sql.catalogImplementation", "spark.sql.warehouse.dir"],
        without("which catalog the tables are in: Unity Catalog, a federated one, or Glue"),
    ),
    (
        &["*emr_internal*", "spark.emr.*", "spark.sql.emr.*", "spark.sql.parquet.fs.optimized.committer.*"],
        drop_it("EMR's own: the Spark of Databricks does not have it"),
    ),
    (
        &[
            "spark.blacklist.decommissioning.*",
            "spark.excludeOnFailure.decommissioning.*",
            "spark.decommissioning.timeout.threshold*",
            "spark.resourceManager.cleanupExpiredHost*",
            "spark.stage.attempt.ignoreOnDecommissionFetchFailure*",
            "spark.files.fetchFailure.unRegisterOutputOnHost*",
        ],
        drop_it("EMR's patch for lost spot instances"),
    ),
    (
        &["spark.master*", "spark.submit.*", "spark.yarn.*", "spark.hadoop.yarn.*"],
        drop_it("there is no YARN, and master and deploy mode cannot be set"),
    ),
    (
        &["spark.dynamicAllocation.*", "spark.shuffle.service.*"],
        drop_it("the cluster's size and autoscaling decide: one executor a worker"),
    ),
    (
        &["spark.executor.memory*", "spark.executor.pyspark.memory*", "spark.driver.memory*", "spark.driver.cores*"],
        drop_it(SIZED),
    ),
    (&["spark.worker.*", "spark.deploy.*"], drop_it("of Spark's own cluster manager, which Databricks runs itself")),
    (
        &["spark.eventLog.*", "spark.history.*", "spark.ui.*"],
        drop_it("Databricks keeps event logs and serves the Spark UI itself"),
    ),
    (&["spark.metrics.*"], review("a metrics sink: Databricks has its own metrics")),
    (
        &["spark.hadoop.fs.s3.*", "spark.hadoop.fs.s3n.*", "spark.hadoop.fs.s3bfs.*"],
        drop_it("EMRFS: Databricks reads S3 itself, with the rights of an instance profile or an external location"),
    ),
    (&["spark.hadoop.fs.s3a.*"], review("refused in standard access mode")),
    (&["*.extraClassPath", "*.extraLibraryPath"], RuleVerdict::ByValue(node_paths)),
    (&["spark.pyspark.*"], drop_it("the runtime decides which Python there is")),
    (
        &["spark.sql.hive.*", "spark.hadoop.hive.*", "spark.hive.*"],
        without("of the Hive metastore: which catalog the tables are in is to be decided"),
    ),
    (
        &["spark.sql.extensions*", "spark.sql.catalog.*"],
        without("catalogs and extensions of Delta, Iceberg and Hudi clash with those that the runtime has"),
    ),
    (
        &[
            "spark.databricks.*",
            "spark.serializer*",
            "spark.kryo*",
            "spark.sql.shuffle.partitions*",
            "spark.default.parallelism*",
            "spark.sql.adaptive.*",
            "spark.sql.autoBroadcastJoinThreshold*",
            "spark.sql.broadcastTimeout*",
            "spark.sql.files.*",
            "spark.sql.sources.*",
            "spark.sql.legacy.*",
            "spark.sql.parquet.*",
            "spark.sql.orc.*",
            "spark.sql.session.timeZone*",
            "spark.sql.ansi.enabled*",
            "spark.sql.storeAssignmentPolicy*",
            "spark.network.timeout*",
            "spark.rpc.*",
            "spark.task.maxFailures*",
            "spark.speculation*",
            "spark.memory.*",
            "spark.sql.streaming.*",
        ],
        KEEP,
    ),
    (&["*"], review("plumb has no rule for it: an application's own property is fine, one of EMR is not")),
];

/// EMR's committer is left out; any other is a property like others.
fn committer(value: &str) -> Option<PropertyVerdict> {
    let is_emrs = value.starts_with("com.amazon");
    is_emrs.then_some(PropertyVerdict::Drop("EMR's own committer: Databricks has one of its own"))
}

/// Paths of EMR's own software are left out; others are somebody's files.
fn node_paths(value: &str) -> Option<PropertyVerdict> {
    let parts: Vec<&str> = value.split(':').filter(|p| !p.is_empty()).collect();
    let ours = ["/usr/lib/", "/usr/share/aws", "/docker", "/etc/h", "/usr/lib64", ":"];
    Some(if parts.iter().all(|part| ours.iter().any(|o| part.starts_with(o))) {
        PropertyVerdict::Drop("EMR's own paths")
    } else {
        PropertyVerdict::Without("a path on EMR's nodes: make the files libraries of the task")
    })
}

/// What becomes of a variable of the environment that a property sets.
pub(super) fn of_environment(name: &str) -> PropertyVerdict {
    if name.starts_with("PYSPARK_") || !env_is_kept(name) {
        PropertyVerdict::Drop("the runtime decides which Python and which Java there is")
    } else {
        PropertyVerdict::Env(name.to_owned())
    }
}

/// What becomes of a property: a variable of the environment, or what the first of [`RULES`] says that matches.
fn verdict(key: &str, value: &str) -> PropertyVerdict {
    if let Some(name) = key.strip_prefix("spark.yarn.appMasterEnv.").or_else(|| key.strip_prefix("spark.executorEnv."))
    {
        return of_environment(name);
    }
    if let Some(own) = key.strip_prefix("spark.emr-serverless.") {
        return own_property(own);
    }
    let matching = RULES.iter().filter(|(names, _)| names.iter().any(|name| glob(name, key)));
    let mut said = matching.filter_map(|(_, says)| match says {
        RuleVerdict::Always(verdict) => Some(verdict.clone()),
        RuleVerdict::ByValue(decide) => decide(value),
    });
    // The last rule is for all that have no other.
    said.next().unwrap_or(PropertyVerdict::Keep)
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
    let conf = format!("{}.spark_conf", place.cluster);
    if !matches!(verdict, PropertyVerdict::Drop(_)) && is_taken(key, value) {
        let reference = place.secret(key);
        wants.conf.insert(key.to_owned(), reference);
        return secret(book, at, &format!("the Spark property `{key}`"), conf);
    }
    match verdict {
        PropertyVerdict::Drop(why) => book.dropped(at, why),
        PropertyVerdict::Keep => keep(book, at, key, value, conf, wants),
        PropertyVerdict::Review(why) => {
            let what = format!("whether the Spark property `{key}` is still wanted");
            book.ask(
                at,
                Ask { what, why, options: &["keep it", "remove it"], default: "kept as it is", place: conf.clone() },
            );
            keep(book, at, key, value, conf, wants);
        }
        PropertyVerdict::Without(why) => {
            let what = format!("what takes the place of the Spark property `{key}`");
            book.ask(
                at,
                Ask { what, why, options: &["nothing", "set its successor"], default: "left out", place: conf },
            );
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
        PropertyVerdict::Jars => {
            for jar in value.split(',').map(str::trim).filter(|j| !j.is_empty()) {
                super::library::jar(book, at, jar, place, wants);
            }
        }
        PropertyVerdict::Packages => super::library::packages(book, at, value, &[], &[], place, wants),
        PropertyVerdict::Java => java(book, at, key, value, conf, wants),
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
fn env_is_kept(name: &str) -> bool {
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

/// Options of the Java machine without those that only fit EMR's.
fn java(book: &mut Book, at: &At<'_>, key: &str, value: &str, conf: String, wants: &mut Wants) {
    let theirs = |word: &str| {
        word.starts_with("-XX:") && (word.contains("GC") || word.contains("CMS") || word.contains("OnOutOfMemoryError"))
            || ["-verbose:gc", "-Xloggc", "-Xms", "-Xmx", "-Xlog:gc"].iter().any(|p| word.starts_with(p))
            || word.contains("/emr/")
            || word.contains("/usr/lib/hadoop")
    };
    // `-XX:OnOutOfMemoryError='kill -9 %p'` is one option of several words.
    let words = super::words::split(value, false).unwrap_or_else(|_| vec![value.to_owned()]);
    let left: Vec<&str> = words.iter().map(String::as_str).filter(|word| !theirs(word)).collect();
    if left.is_empty() {
        return book.dropped(at, "options of the Java machine that fit EMR's only: newer ones refuse some of them");
    }
    let key = key.replace("defaultJavaOptions", "extraJavaOptions");
    let what = format!("whether the options of the Java machine in `{key}` are still wanted");
    book.ask(
        at,
        Ask {
            what,
            why: "runtimes have newer Java machines, which refuse some options",
            options: &["keep them", "remove them"],
            default: "kept, without those for garbage collection, memory and EMR's paths",
            place: conf,
        },
    );
    wants.conf.insert(key, left.join(" "));
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
#[derive(Clone, Debug)]
pub(super) struct TargetPaths<'a> {
    /// The new cluster: `job_clusters[*].new_cluster`.
    pub cluster: &'a str,
    /// The task: `tasks[load]`.
    pub task: &'a str,
    /// The secret scope that stands in the place of credentials.
    pub scope: &'a str,
}

impl TargetPaths<'_> {
    /// A reference to a secret of that name.
    pub fn secret(&self, name: &str) -> String {
        let key = slug(name.trim_start_matches('-')).unwrap_or_else(|| "secret".into());
        format!("{{{{secrets/{}/{key}}}}}", self.scope)
    }
}

/// The properties that keep results equal when Spark's version jumps: for parity, to be lifted afterwards.
///
/// Sources: Spark's migration guides for SQL, 2.4 to 3.0 and 3.5 to 4.0.
pub(super) fn pins(from: (u32, u32), to: (u32, u32), conf: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut pins = vec![("spark.sql.session.timeZone", "UTC")];
    if from.0 < 3 && to.0 >= 3 {
        pins.extend([
            ("spark.sql.legacy.timeParserPolicy", "LEGACY"),
            ("spark.sql.parquet.datetimeRebaseModeInRead", "LEGACY"),
            ("spark.sql.parquet.datetimeRebaseModeInWrite", "LEGACY"),
            ("spark.sql.parquet.int96RebaseModeInRead", "LEGACY"),
            ("spark.sql.parquet.int96RebaseModeInWrite", "LEGACY"),
            ("spark.sql.storeAssignmentPolicy", "LEGACY"),
        ]);
    }
    if from.0 < 4 && to.0 >= 4 {
        pins.push(("spark.sql.ansi.enabled", "false"));
    }
    let missing = pins.into_iter().filter(|(key, _)| !conf.contains_key(*key));
    missing.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
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

    #[test]
    fn the_first_rule_wins() {
        let is =
            |key: &str, value: &str, want: fn(&PropertyVerdict) -> bool| assert!(want(&verdict(key, value)), "{key}");
        is("spark.yarn.maxAppAttempts", "1", |v| *v == PropertyVerdict::Retries);
        is("spark.yarn.am.memory", "1g", |v| matches!(v, PropertyVerdict::Drop(_)));
        is("spark.executor.memoryOverhead", "1g", |v| matches!(v, PropertyVerdict::Drop(_)));
        is("spark.driver.maxResultSize", "2g", |v| *v == PropertyVerdict::Keep);
        is("spark.sql.parquet.output.committer.class", "com.amazon.X", |v| matches!(v, PropertyVerdict::Drop(_)));
        is("spark.sql.parquet.output.committer.class", "org.apache.X", |v| *v == PropertyVerdict::Keep);
        is("spark.driver.extraClassPath", "/usr/lib/hadoop-lzo/lib/*:/usr/share/aws/x", |v| {
            matches!(v, PropertyVerdict::Drop(_))
        });
        is("spark.driver.extraClassPath", "/home/hadoop/x.jar", |v| matches!(v, PropertyVerdict::Without(_)));
        is("spark.executorEnv.REGION", "x", |v| *v == PropertyVerdict::Env("REGION".into()));
        is("spark.myapp.x", "x", |v| matches!(v, PropertyVerdict::Review(_)));
    }
}
