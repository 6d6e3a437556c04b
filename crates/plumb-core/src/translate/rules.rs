//! The rules for Spark properties: which are kept, which mean nothing on Databricks, which a person has to look at.

use super::conf::env_is_kept;
use super::sizing::own_property;
use plumb_model::text::glob;

/// What becomes of a property.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PropertyVerdict {
    Drop(&'static str),
    Keep,
    /// Left out until a person has looked at it.
    Without(&'static str),
    Retries,
    Env(String),
    Sizing,
    Jars,
    Packages,
    Repositories,
    Exclusions,
    /// It says which catalog the tables are in.
    Catalog,
    /// Tables of a format that the runtimes have no catalog or extension for: asked about once.
    Tables(&'static str),
    /// Options of the Java machine, of which some are EMR's.
    Java,
    DeployMode,
}

pub(super) const SIZED: &str = "Databricks sets it from the machine type: one executor a worker";

/// What a rule says of a property that it names.
enum RuleVerdict {
    Always(PropertyVerdict),
    /// The value decides; `None` leaves it to the rules that follow.
    ByValue(fn(&str) -> Option<PropertyVerdict>),
}

const fn drop_it(why: &'static str) -> RuleVerdict {
    RuleVerdict::Always(PropertyVerdict::Drop(why))
}

const fn without(why: &'static str) -> RuleVerdict {
    RuleVerdict::Always(PropertyVerdict::Without(why))
}

const KEEP: RuleVerdict = RuleVerdict::Always(PropertyVerdict::Keep);

/// The rules for properties, each with its reason. The first that matches counts; `*` stands for any characters.
static RULES: &[(&[&str], RuleVerdict)] = &[
    (&["spark.submit.deployMode"], RuleVerdict::Always(PropertyVerdict::DeployMode)),
    (&["spark.yarn.maxAppAttempts"], RuleVerdict::Always(PropertyVerdict::Retries)),
    (&["spark.yarn.queue"], RuleVerdict::ByValue(queue)),
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
    (&["spark.jars.repositories"], RuleVerdict::Always(PropertyVerdict::Repositories)),
    (&["spark.jars.excludes"], RuleVerdict::Always(PropertyVerdict::Exclusions)),
    (
        &["spark.files", "spark.submit.pyFiles", "spark.archives", "spark.yarn.dist.files", "spark.yarn.dist.archives"],
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
    (&["spark.delta.logStore.*"], RuleVerdict::ByValue(log_store)),
    (&["spark.scheduler.allocation.file"], without("a file of fair pools: it has to be where the driver finds it")),
    (&["spark.sql.catalogImplementation", "spark.sql.warehouse.dir"], RuleVerdict::Always(PropertyVerdict::Catalog)),
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
    (&["spark.metrics.conf"], without("a file on EMR's nodes; the sinks in it can be properties of their own")),
    (
        &[
            "spark.kubernetes.*",
            "spark.mesos.*",
            "spark.home",
            "spark.driver.host",
            "spark.driver.port",
            "spark.driver.bindAddress",
        ],
        drop_it("of the cluster manager, which Databricks runs itself"),
    ),
    (&["spark.app.name"], drop_it("the task is named after the step")),
    (
        &["spark.extraListeners", "spark.plugins", "spark.sql.queryExecutionListeners"],
        without("Spark loads it as it starts, before libraries are there: only an init script brings its JAR in time"),
    ),
    (
        &["spark.driver.userClassPathFirst", "spark.executor.userClassPathFirst"],
        without("libraries of the application before those of Spark: the runtime has other ones that they may break"),
    ),
    (
        &["spark.authenticate*", "spark.ssl.*", "spark.network.crypto.*", "spark.io.encryption.*"],
        without("how nodes talk to each other is a setting of the workspace, and of the cluster's disks"),
    ),
    (
        &["spark.hadoop.fs.s3.*", "spark.hadoop.fs.s3n.*", "spark.hadoop.fs.s3bfs.*"],
        drop_it("EMRFS: Databricks reads S3 itself, with the rights of an instance profile or an external location"),
    ),
    (
        &["spark.hadoop.fs.s3a.impl", "spark.hadoop.fs.AbstractFileSystem.s3*", "spark.hadoop.fs.defaultFS"],
        drop_it("Databricks reads S3 with a file system of its own, and has no HDFS"),
    ),
    (
        &[
            "spark.hadoop.fs.s3a.aws.credentials.provider",
            "spark.hadoop.fs.s3a.assumed.role.*",
            "spark.hadoop.fs.s3a.endpoint*",
            "spark.hadoop.fs.s3a.server-side-encryption*",
            "spark.hadoop.fs.s3a.bucket.*",
        ],
        without("how S3 is reached is for an instance profile or an external location to say"),
    ),
    (&["*.extraClassPath", "*.extraLibraryPath"], RuleVerdict::ByValue(node_paths)),
    (&["spark.pyspark.*"], drop_it("the runtime decides which Python there is")),
    (
        &[
            "spark.sql.hive.metastore*",
            "spark.hadoop.hive.metastore.*",
            "spark.hive.metastore.*",
            "spark.hadoop.javax.jdo.*",
            "spark.hadoop.aws.glue.*",
            "spark.hadoop.hive.imetastoreclient.*",
        ],
        RuleVerdict::Always(PropertyVerdict::Catalog),
    ),
    (&["spark.sql.extensions", "spark.sql.catalog.*"], RuleVerdict::ByValue(tables)),
    (
        &["spark.sql.extensions"],
        without("Spark loads it as it starts, before libraries are there: only an init script brings its JAR in time"),
    ),
    (&["spark.sql.catalog.*"], RuleVerdict::Always(PropertyVerdict::Tables("Iceberg"))),
    // Spark ignores what it does not know: an application's own, and what an older version had.
    (&["*"], KEEP),
];

/// EMR's committer is left out; any other is a property like others.
fn committer(value: &str) -> Option<PropertyVerdict> {
    let is_emrs = value.starts_with("com.amazon");
    is_emrs.then_some(PropertyVerdict::Drop("EMR's own committer: Databricks has one of its own"))
}

/// YARN's own queue limits nothing.
fn queue(value: &str) -> Option<PropertyVerdict> {
    Some(if ["default", "root.default"].contains(&value) {
        PropertyVerdict::Drop("YARN's own queue: there is no YARN")
    } else {
        PropertyVerdict::Without("a YARN queue: a cluster policy or a pool can limit what a team uses")
    })
}

/// Classes with which open-source Delta writes its log to S3.
fn log_store(value: &str) -> Option<PropertyVerdict> {
    Some(if value.contains("Dynamo") {
        PropertyVerdict::Without(
            "clusters that write one table take turns by a table of DynamoDB, of which Databricks knows nothing: only one \
             side may write it",
        )
    } else {
        PropertyVerdict::Drop("the runtimes have their own way to write Delta's log to S3, and not these classes")
    })
}

/// Catalogs and extensions of the table formats that are known.
fn tables(value: &str) -> Option<PropertyVerdict> {
    let classes: Vec<&str> = value.split(',').map(str::trim).filter(|class| !class.is_empty()).collect();
    let is_delta = |class: &&str| class.starts_with("io.delta.") || class.starts_with("org.apache.spark.sql.delta.");
    let has = |word: &str| classes.iter().any(|class| class.to_ascii_lowercase().contains(word));
    if !classes.is_empty() && classes.iter().all(is_delta) {
        return Some(PropertyVerdict::Drop("Delta is a part of every runtime, and set up there"));
    }
    if has("org.apache.iceberg") {
        return Some(PropertyVerdict::Tables("Iceberg"));
    }
    has("org.apache.spark.sql.hudi").then_some(PropertyVerdict::Tables("Hudi"))
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

/// What becomes of a property: a variable of the environment, one of EMR Serverless, or what the first of [`RULES`] says that
/// matches.
pub(super) fn verdict(key: &str, value: &str) -> PropertyVerdict {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        is("spark.myapp.x", "x", |v| *v == PropertyVerdict::Keep);
        is("spark.scheduler.mode", "FAIR", |v| *v == PropertyVerdict::Keep);
        is("spark.sql.warehouse.dir", "s3://a/", |v| *v == PropertyVerdict::Catalog);
        is("spark.hadoop.hive.metastore.uris", "thrift://a", |v| *v == PropertyVerdict::Catalog);
        is("spark.hadoop.hive.exec.dynamic.partition.mode", "nonstrict", |v| *v == PropertyVerdict::Keep);
        is("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension", |v| {
            matches!(v, PropertyVerdict::Drop(_))
        });
        is("spark.delta.logStore.class", "org.apache.spark.sql.delta.storage.S3SingleDriverLogStore", |v| {
            matches!(v, PropertyVerdict::Drop(_))
        });
        is("spark.delta.logStore.s3.impl", "io.delta.storage.S3DynamoDBLogStore", |v| {
            matches!(v, PropertyVerdict::Without(_))
        });
        is("spark.sql.extensions", "com.acme.Rules", |v| matches!(v, PropertyVerdict::Without(_)));
        is("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog", |v| {
            *v == PropertyVerdict::Tables("Iceberg")
        });
        is("spark.yarn.queue", "default", |v| matches!(v, PropertyVerdict::Drop(_)));
        is("spark.emr-serverless.driver.disk", "20G", |v| matches!(v, PropertyVerdict::Drop(_)));
    }
}
