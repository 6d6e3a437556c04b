//! How large a job of EMR Serverless is: its workers are sized by cores, memory and disks, a cluster by machines.

use super::TranslationOptions;
use super::account::{Ask, At, Book};
use super::conf::{Wants, mebibytes};
use super::nodes::{self, Node, node};
use super::parts::CLUSTER;
use super::rules::{PropertyVerdict, of_environment};
use super::shape::{ClusterCapacity, Size};
use serde_json::{Map, json};

/// What Spark properties say of workers that no cluster is sized by.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ServerlessSizing {
    /// `spark.dynamicAllocation.maxExecutors`
    pub most: Option<i64>,
    /// `spark.dynamicAllocation.minExecutors`
    pub least: Option<i64>,
    /// `spark.dynamicAllocation.enabled`, which is true unless it is set.
    pub is_fixed: bool,
    pub driver_cores: Option<i64>,
    /// In GiB.
    pub disk: Option<i64>,
    /// What a worker has beside its memory, as a share of it in percent.
    pub overhead: Option<i64>,
}

impl ServerlessSizing {
    /// Takes in what a property says of sizes.
    pub fn take(&mut self, key: &str, value: &str) {
        let number = || value.trim().parse::<i64>().ok().filter(|n| *n > 0);
        match key {
            "spark.dynamicAllocation.maxExecutors" => self.most = number(),
            "spark.dynamicAllocation.minExecutors" => self.least = number(),
            "spark.dynamicAllocation.enabled" => self.is_fixed = value.trim() == "false",
            "spark.driver.cores" => self.driver_cores = number(),
            // The driver's disk and the executors' are those of one type of machine.
            "spark.emr-serverless.executor.disk" | "spark.emr-serverless.driver.disk" => {
                self.disk = self.disk.max(gibibytes(value));
            }
            "spark.emr-serverless.memoryOverheadFactor" | "spark.executor.memoryOverheadFactor" => {
                let factor = value.trim().parse::<f64>().ok().filter(|f| (0.0..=10.0).contains(f));
                #[allow(clippy::cast_possible_truncation)]
                let percent = factor.map(|f| (f * 100.0).ceil() as i64);
                self.overhead = percent.or(self.overhead);
            }
            _ => {}
        }
    }

    /// The same, where it says nothing with what stands before it.
    fn over(&self, base: &ServerlessSizing) -> ServerlessSizing {
        ServerlessSizing {
            most: self.most.or(base.most),
            least: self.least.or(base.least),
            is_fixed: self.is_fixed || base.is_fixed,
            driver_cores: self.driver_cores.or(base.driver_cores),
            disk: self.disk.or(base.disk),
            overhead: self.overhead.or(base.overhead),
        }
    }
}

/// `200G`, `200 GB`, `1T`: as EMR Serverless writes disks and memory.
fn gibibytes(text: &str) -> Option<i64> {
    mebibytes(&text.replace(' ', "")).map(|size| size / 1024)
}

/// What becomes of `spark.emr-serverless.…`, by what stands behind that prefix.
///
/// Source: EMR Serverless user guide, "Spark job properties".
pub(super) fn own_property(name: &str) -> PropertyVerdict {
    if let Some(variable) = name.strip_prefix("driverEnv.").or_else(|| name.strip_prefix("executorEnv.")) {
        return of_environment(variable);
    }
    match name {
        "driver.disk" | "executor.disk" => {
            PropertyVerdict::Drop("the disks of the machine type are as large, or EBS volumes are added")
        }
        "driver.disk.type" | "executor.disk.type" => {
            PropertyVerdict::Drop("EMR Serverless' own kinds of disks: the machines have SSDs")
        }
        "allocation.batch.size" => {
            PropertyVerdict::Drop("how EMR Serverless asks for workers: Databricks starts all of a cluster's at once")
        }
        "memoryOverheadFactor" => PropertyVerdict::Drop("Databricks sets it; the machine type is chosen by it"),
        name if name.starts_with("lakeformation.") => {
            PropertyVerdict::Without("Lake Formation decided what may be read: on Databricks Unity Catalog does")
        }
        _ => PropertyVerdict::Drop("EMR Serverless' own: Databricks has no such setting"),
    }
}

/// What an application says of the workers of all its runs.
#[derive(Clone, Debug, Default)]
pub(super) struct ApplicationSizing {
    /// Cores and memory (MiB) of the executors that are kept warm.
    pub warm: Option<(i64, i64)>,
    /// How many of them.
    pub warm_count: Option<i64>,
    /// The most cores that all runs together use.
    pub most_cores: Option<i64>,
    pub is_arm: bool,
}

impl ApplicationSizing {
    /// Takes `initialCapacity`, `maximumCapacity` and `architecture` of an application in.
    pub fn of(book: &mut Book, application: &At<'_>) -> Self {
        let cores = |at: &At<'_>| at.text_of("cpu")?.split_whitespace().next()?.parse::<i64>().ok();
        let mut sizing = ApplicationSizing::default();
        if let Some(capacity) = application.get("initialCapacity") {
            let executor = capacity.members().into_iter().find(|(kind, _)| kind.eq_ignore_ascii_case("executor"));
            if let Some((_, at)) = executor {
                sizing.warm_count = at.int_of("workerCount").map(|n| n.clamp(0, 100_000));
                sizing.warm = at.get("workerConfiguration").and_then(|worker| {
                    let memory = mebibytes(&worker.text_of("memory")?.replace(' ', ""))?;
                    Some((cores(&worker)?, memory))
                });
            }
            book.dropped(
                &capacity,
                "workers that are kept warm: their size is that of runs that name none; a pool (`--pool`) keeps machines warm",
            );
        }
        if let Some(capacity) = application.get("maximumCapacity") {
            sizing.most_cores = cores(&capacity);
            book.dropped(
                &capacity,
                "a limit for all runs together: it bounds the workers of a run that has no bound of its own",
            );
        }
        if let Some(architecture) = application.get("architecture") {
            sizing.is_arm = architecture.text().as_deref() == Some("ARM64");
            book.dropped(&architecture, "the machine type has processors of the same kind");
        }
        sizing
    }
}

/// The most that EMR Serverless gives a run that sets nothing: executors of 4 cores and 14 GB, of which 3 to begin with
/// (user guide, "Spark job properties").
const CORES: i64 = 4;
const EXECUTORS: i64 = 3;

/// Machines for a run: as many cores as its executors had, of a type that has their memory.
pub(super) fn sized<'a>(
    book: &mut Book,
    at: &At<'_>,
    called: &str,
    wants: &Wants,
    base: &Wants,
    application: &ApplicationSizing,
    options: &TranslationOptions,
) -> ClusterCapacity<'a> {
    let (own, base) = (&wants.sizing, &base.sizing);
    let serverless = own.serverless.over(&base.serverless);
    let named = own.cores.or(base.cores);
    let cores = named.or(application.warm.map(|(cores, _)| cores)).unwrap_or(CORES).clamp(1, 1000);
    let memory = own.executor_memory.or(base.executor_memory);
    // A warm worker's memory has the overhead in it.
    let with_overhead = |memory: i64| memory.saturating_mul(100 + serverless.overhead.unwrap_or(10)) / 100;
    let needs = memory.map(with_overhead).or(application.warm.map(|(_, memory)| memory).filter(|_| named.is_none()));
    let usual = nodes::usual();
    let offered = options.node_types.as_ref().unwrap_or(&usual);
    let fitting = |cores: i64, needs: Option<i64>| machine(cores, needs, application.is_arm, offered, options);
    let worker = fitting(cores, needs);
    let each = node(&worker).map_or(CORES, |n| n.cores);
    let workers = |executors: i64| {
        let total = executors.clamp(1, 100_000).saturating_mul(cores);
        total / each + i64::from(total % each > 0)
    };
    let figures = Figures {
        total: own.total_cores.or(base.total_cores),
        first: own.executors.or(base.executors),
        serverless: &serverless,
        application,
        each,
    };
    let size = match figures.size(&workers) {
        Ok(size) => size,
        Err(count) => {
            let ask = Ask {
                what: format!("how many workers `{called}` has at most: {count} of `{worker}` are set"),
                why: "EMR Serverless adds executors while there is work, and nothing bounds them",
                options: &["this size", "autoscale, after a run has shown what it needs"],
                default: "as many cores as it began with",
                place: format!("{CLUSTER}.num_workers"),
            };
            book.note(at, ask);
            Size::Fixed(count)
        }
    };
    // What a machine of that many cores leaves to Spark is less than an executor had.
    let lacks = |needs: i64| node(&worker).is_some_and(|n| n.memory * 7 / 10 / n.cores * cores < needs);
    if let Some(needs) = needs.filter(|needs| lacks(*needs)) {
        let ask = Ask {
            what: format!("whether `{worker}` has the memory of `{called}`: {needs} MiB for {cores} cores"),
            why: "of the machine types to choose from none has more memory for as many cores",
            options: &["a type with more memory a core", "leave it: try it in the parallel run"],
            default: "the type that comes nearest",
            place: format!("{CLUSTER}.node_type_id"),
        };
        book.note(at, ask);
    }
    let driver = (own.driver_memory.or(base.driver_memory), serverless.driver_cores);
    let driver = match driver {
        (None, None) => None,
        (memory, cores) => Some(fitting(cores.unwrap_or(CORES), memory.map(with_overhead))),
    };
    let mut aws = Map::new();
    // The machines' own disks have 150 GB and more; EBS volumes take their place where a worker had more than 100.
    if let Some(disk) = serverless.disk.filter(|disk| *disk > 100) {
        aws.insert("ebs_volume_type".into(), json!("GENERAL_PURPOSE_SSD"));
        aws.insert("ebs_volume_count".into(), json!(1));
        aws.insert("ebs_volume_size".into(), json!(disk.min(4096)));
    }
    ClusterCapacity {
        driver: driver.filter(|driver| *driver != worker),
        master: None,
        size,
        elastic_disk: aws.is_empty() && !node(&worker).is_some_and(|n| n.disks),
        aws,
        // It has been held against what the executors had.
        is_given: false,
        node: worker,
    }
}

/// A machine for one executor: the usual type where it has the memory, else the nearest that has. Databricks gives Spark about
/// seven tenths of a machine.
fn machine(cores: i64, needs: Option<i64>, arm: bool, offered: &[String], options: &TranslationOptions) -> String {
    let like = if arm { "m6gd.xlarge" } else { options.node_type.as_str() };
    let Some(usual) = node(like) else { return options.node_type.clone() };
    let cores_wanted = cores.max(usual.cores);
    let memory = match needs {
        Some(needs) => (needs.saturating_mul(10) / 7).saturating_mul(cores_wanted) / cores,
        None => usual.memory / usual.cores * cores_wanted,
    };
    // No more memory a core than the usual type has is no reason for another class.
    let memory = memory.max(usual.memory / usual.cores * cores_wanted);
    let wanted = Node { cores: cores_wanted, memory, disks: true };
    nodes::fitting(wanted, like, offered).unwrap_or_else(|| like.to_owned())
}

/// What is said of how many executors there are.
struct Figures<'f> {
    /// Cores of all executors together.
    total: Option<i64>,
    /// Executors to begin with.
    first: Option<i64>,
    serverless: &'f ServerlessSizing,
    application: &'f ApplicationSizing,
    /// Cores of a worker.
    each: i64,
}

impl Figures<'_> {
    /// How many workers; of how many it begins with where nothing bounds them. `workers` are those of so many executors.
    fn size(&self, workers: &dyn Fn(i64) -> i64) -> Result<Size, i64> {
        let each = self.each.max(1);
        if let Some(total) = self.total.map(|n| n.clamp(1, 10_000_000)) {
            return Ok(Size::Fixed(total / each + i64::from(total % each > 0)));
        }
        if self.serverless.is_fixed {
            return Ok(Size::Fixed(workers(self.first.unwrap_or(EXECUTORS))));
        }
        let bound = self.application.most_cores.map(|cores| (cores / each).max(1));
        let most = match (self.serverless.most.map(workers), bound) {
            (Some(most), Some(bound)) => Some(most.min(bound)),
            (most, bound) => most.or(bound),
        };
        let least = workers(self.serverless.least.unwrap_or(1));
        match most {
            Some(most) if least >= most => Ok(Size::Fixed(most)),
            Some(most) => Ok(Size::Between(least, most)),
            None => {
                let warm = self.application.warm_count.filter(|n| *n > 0);
                Err(workers(self.first.or(warm).unwrap_or(EXECUTORS)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_have_the_cores_and_the_memory_of_an_executor() {
        let options = TranslationOptions::new(Vec::new());
        let usual = nodes::usual();
        let of = |cores: i64, needs: Option<i64>, arm: bool| machine(cores, needs, arm, &usual, &options);
        for (cores, gib, arm, wanted) in [
            (4, None, false, "m5d.xlarge"),
            (2, None, false, "m5d.xlarge"),
            (8, None, false, "m5d.2xlarge"),
            (4, Some(8), false, "m5d.xlarge"),
            (4, Some(16), false, "r5d.xlarge"),
            (1, Some(2), false, "m5d.xlarge"),
            (16, Some(60), false, "r5d.4xlarge"),
            (4, None, true, "m6gd.xlarge"),
        ] {
            assert_eq!(of(cores, gib.map(|n| n * 1024), arm), wanted, "{cores} {gib:?} {arm}");
        }
    }

    #[test]
    fn each_property_of_emr_serverless_has_its_own_fate() {
        let dropped = |name: &str| matches!(own_property(name), PropertyVerdict::Drop(_));
        for name in
            ["driver.disk", "executor.disk.type", "allocation.batch.size", "memoryOverheadFactor", "something.new"]
        {
            assert!(dropped(name), "{name}");
        }
        assert_eq!(own_property("driverEnv.STAGE"), PropertyVerdict::Env("STAGE".into()));
        assert_eq!(own_property("executorEnv.STAGE"), PropertyVerdict::Env("STAGE".into()));
        assert!(dropped("driverEnv.JAVA_HOME"));
        assert!(matches!(own_property("lakeformation.enabled"), PropertyVerdict::Without(_)));
        let mut sizing = ServerlessSizing::default();
        for (key, value) in [
            ("spark.emr-serverless.executor.disk", "200g"),
            ("spark.emr-serverless.driver.disk", "20G"),
            ("spark.emr-serverless.memoryOverheadFactor", "0.25"),
            ("spark.dynamicAllocation.maxExecutors", "9"),
        ] {
            sizing.take(key, value);
        }
        assert_eq!((sizing.disk, sizing.overhead, sizing.most), (Some(200), Some(25), Some(9)));
    }
}
