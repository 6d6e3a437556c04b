//! Node types, Spark versions and availability zones that clusters may name: whole families, with true figures.

use plumb_model::DATABRICKS_RUNTIMES;
use serde_json::{Value, json};

/// A size of machines.
struct NodeSize {
    name: &'static str,
    cores: i64,
    /// Disks of its own, and the GB of each.
    disks: (i64, i64),
}

const fn size(name: &'static str, cores: i64, disks: (i64, i64)) -> NodeSize {
    NodeSize { name, cores, disks }
}

/// Without disks of their own, the fifth generation: they need EBS volumes.
const FIFTH: [NodeSize; 8] = [
    size("large", 2, (0, 0)),
    size("xlarge", 4, (0, 0)),
    size("2xlarge", 8, (0, 0)),
    size("4xlarge", 16, (0, 0)),
    size("8xlarge", 32, (0, 0)),
    size("12xlarge", 48, (0, 0)),
    size("16xlarge", 64, (0, 0)),
    size("24xlarge", 96, (0, 0)),
];
const FIFTH_WITH_DISKS: [NodeSize; 8] = [
    size("large", 2, (1, 75)),
    size("xlarge", 4, (1, 150)),
    size("2xlarge", 8, (1, 300)),
    size("4xlarge", 16, (2, 300)),
    size("8xlarge", 32, (2, 600)),
    size("12xlarge", 48, (2, 900)),
    size("16xlarge", 64, (4, 600)),
    size("24xlarge", 96, (4, 900)),
];
const SIXTH: [NodeSize; 9] = [
    size("large", 2, (0, 0)),
    size("xlarge", 4, (0, 0)),
    size("2xlarge", 8, (0, 0)),
    size("4xlarge", 16, (0, 0)),
    size("8xlarge", 32, (0, 0)),
    size("12xlarge", 48, (0, 0)),
    size("16xlarge", 64, (0, 0)),
    size("24xlarge", 96, (0, 0)),
    size("32xlarge", 128, (0, 0)),
];
const SIXTH_WITH_DISKS: [NodeSize; 9] = [
    size("large", 2, (1, 118)),
    size("xlarge", 4, (1, 237)),
    size("2xlarge", 8, (1, 474)),
    size("4xlarge", 16, (1, 950)),
    size("8xlarge", 32, (1, 1900)),
    size("12xlarge", 48, (2, 1425)),
    size("16xlarge", 64, (2, 1900)),
    size("24xlarge", 96, (4, 1425)),
    size("32xlarge", 128, (4, 1900)),
];
const C5: [NodeSize; 8] = [
    size("large", 2, (0, 0)),
    size("xlarge", 4, (0, 0)),
    size("2xlarge", 8, (0, 0)),
    size("4xlarge", 16, (0, 0)),
    size("9xlarge", 36, (0, 0)),
    size("12xlarge", 48, (0, 0)),
    size("18xlarge", 72, (0, 0)),
    size("24xlarge", 96, (0, 0)),
];
const C5D: [NodeSize; 8] = [
    size("large", 2, (1, 50)),
    size("xlarge", 4, (1, 100)),
    size("2xlarge", 8, (1, 200)),
    size("4xlarge", 16, (1, 400)),
    size("9xlarge", 36, (1, 900)),
    size("12xlarge", 48, (2, 900)),
    size("18xlarge", 72, (2, 900)),
    size("24xlarge", 96, (4, 900)),
];
const I3: [NodeSize; 6] = [
    size("large", 2, (1, 475)),
    size("xlarge", 4, (1, 950)),
    size("2xlarge", 8, (1, 1900)),
    size("4xlarge", 16, (2, 1900)),
    size("8xlarge", 32, (4, 1900)),
    size("16xlarge", 64, (8, 1900)),
];
const I3EN: [NodeSize; 7] = [
    size("large", 2, (1, 1250)),
    size("xlarge", 4, (1, 2500)),
    size("2xlarge", 8, (2, 2500)),
    size("3xlarge", 12, (1, 7500)),
    size("6xlarge", 24, (2, 7500)),
    size("12xlarge", 48, (4, 7500)),
    size("24xlarge", 96, (8, 7500)),
];

/// A family of machines.
struct NodeFamily {
    name: &'static str,
    category: &'static str,
    /// Memory for each core, in MiB.
    memory: i64,
    sizes: &'static [NodeSize],
}

const GENERAL: &str = "General Purpose";
const MEMORY: &str = "Memory Optimized";
const COMPUTE: &str = "Compute Optimized";
const STORAGE: &str = "Storage Optimized";

const fn family(name: &'static str, category: &'static str, memory: i64, sizes: &'static [NodeSize]) -> NodeFamily {
    NodeFamily { name, category, memory, sizes }
}

/// The families, with the figures of "Amazon EC2 instance types". Those with a `g` are Graviton's.
static FAMILIES: [NodeFamily; 18] = [
    family("m5", GENERAL, 4096, &FIFTH),
    family("m5d", GENERAL, 4096, &FIFTH_WITH_DISKS),
    family("m5a", GENERAL, 4096, &FIFTH),
    family("m6i", GENERAL, 4096, &SIXTH),
    family("m6id", GENERAL, 4096, &SIXTH_WITH_DISKS),
    family("m6g", GENERAL, 4096, &SIXTH),
    family("m6gd", GENERAL, 4096, &SIXTH_WITH_DISKS),
    family("r5", MEMORY, 8192, &FIFTH),
    family("r5d", MEMORY, 8192, &FIFTH_WITH_DISKS),
    family("r6i", MEMORY, 8192, &SIXTH),
    family("r6id", MEMORY, 8192, &SIXTH_WITH_DISKS),
    family("r6g", MEMORY, 8192, &SIXTH),
    family("c5", COMPUTE, 2048, &C5),
    family("c5d", COMPUTE, 2048, &C5D),
    family("c6i", COMPUTE, 2048, &SIXTH),
    family("c6id", COMPUTE, 2048, &SIXTH_WITH_DISKS),
    family("i3", STORAGE, 7808, &I3),
    family("i3en", STORAGE, 8192, &I3EN),
];

/// Answers `clusters/list-node-types`.
pub fn node_types() -> Value {
    let one = |family: &NodeFamily, size: &NodeSize| {
        let id = format!("{}.{}", family.name, size.name);
        let (disks, gigabytes) = size.disks;
        #[allow(clippy::cast_precision_loss)]
        let cores = size.cores as f64;
        json!({
            "node_type_id": id,
            "instance_type_id": id,
            "memory_mb": family.memory * size.cores,
            "num_cores": cores,
            "num_gpus": 0,
            "description": id,
            "category": family.category,
            "is_deprecated": false,
            "is_hidden": false,
            "is_graviton": is_graviton(family.name),
            "support_cluster_tags": true,
            "support_ebs_volumes": true,
            "support_port_forwarding": true,
            "photon_driver_capable": true,
            "photon_worker_capable": true,
            "is_io_cache_enabled": disks > 0,
            "display_order": 0,
            "node_instance_type": { "instance_type_id": id, "local_disks": disks, "local_disk_size_gb": gigabytes },
            "node_info": { "available_core_quota": 1000, "total_core_quota": 1000 },
        })
    };
    // Graviton's second generation ends at 16xlarge.
    let is_made = |family: &NodeFamily, size: &NodeSize| !is_graviton(family.name) || size.cores <= 64;
    let all = FAMILIES.iter().flat_map(|family| family.sizes.iter().map(move |size| (family, size)));
    let types: Vec<Value> = all.filter(|(f, s)| is_made(f, s)).map(|(family, size)| one(family, size)).collect();
    json!({ "node_types": types })
}

fn is_graviton(family: &str) -> bool {
    family.contains('g')
}

/// Answers `clusters/spark-versions`: the runtimes that are supported on the day of the sandbox's clock, the newest first.
pub fn spark_versions(now: i64) -> Value {
    let today = jiff::Timestamp::from_millisecond(now).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date());
    let mut versions: Vec<Value> = DATABRICKS_RUNTIMES
        .lines()
        .skip(1)
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [key, spark, scala, _, _, first, last, ..] = cells.as_slice() else { return None };
            let (first, last) = (first.parse::<jiff::civil::Date>().ok()?, last.parse::<jiff::civil::Date>());
            let is_supported =
                today.as_ref().is_ok_and(|today| *today >= first && last.as_ref().map_or(true, |last| today <= last));
            // What ends at the next long-term runtime is none itself.
            let long_term = if last.is_ok() { " LTS" } else { "" };
            let number = key.split(".x").next()?;
            let name = format!("{number}{long_term} (includes Apache Spark {spark}, Scala {scala})");
            is_supported.then(|| json!({ "key": key, "name": name }))
        })
        .collect();
    versions.reverse();
    json!({ "versions": versions })
}

/// Answers `clusters/list-zones`.
pub fn zones() -> Value {
    json!({ "zones": ["us-east-1a", "us-east-1b", "us-east-1c"], "default_zone": "us-east-1c" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn families_are_whole_and_have_true_figures() {
        let types = node_types();
        let all = types["node_types"].as_array().unwrap();
        let of = |id: &str| {
            let one = all.iter().find(|t| t["node_type_id"] == id).unwrap_or_else(|| panic!("{id}"));
            let disks = &one["node_instance_type"];
            let number = |value: &Value| value.as_f64().unwrap() as i64;
            (
                number(&one["num_cores"]),
                number(&one["memory_mb"]),
                number(&disks["local_disks"]),
                number(&disks["local_disk_size_gb"]),
            )
        };
        assert_eq!(of("m5.xlarge"), (4, 16_384, 0, 0));
        assert_eq!(of("m5d.4xlarge"), (16, 65_536, 2, 300));
        assert_eq!(of("r6id.32xlarge"), (128, 1_048_576, 4, 1900));
        assert_eq!(of("c5.9xlarge"), (36, 73_728, 0, 0));
        assert_eq!(of("i3.2xlarge"), (8, 62_464, 1, 1900));
        assert_eq!(of("i3en.6xlarge"), (24, 196_608, 2, 7500));
        assert_eq!(of("m6gd.16xlarge"), (64, 262_144, 2, 1900));
        let ids: BTreeSet<&str> = all.iter().filter_map(|t| t["node_type_id"].as_str()).collect();
        assert_eq!(ids.len(), all.len());
        assert!(!ids.contains("r6g.24xlarge") && !ids.contains("m6i.medium") && !ids.contains("c5.8xlarge"));
        for family in [
            "m5", "m5d", "m5a", "m6i", "m6id", "m6g", "m6gd", "r5", "r5d", "r6i", "r6id", "r6g", "c5", "c5d", "c6i",
            "c6id", "i3", "i3en",
        ] {
            assert!(ids.iter().filter(|id| id.split('.').next() == Some(family)).count() >= 6, "{family}");
        }
    }

    #[test]
    fn only_runtimes_that_are_supported_on_the_day_are_listed() {
        let on = |day: &str| {
            let now = format!("{day}T12:00:00Z").parse::<jiff::Timestamp>().unwrap().as_millisecond();
            let versions = spark_versions(now);
            let keys = versions["versions"].as_array().unwrap().iter().map(|v| v["key"].as_str().unwrap().to_owned());
            keys.collect::<Vec<_>>()
        };
        assert_eq!(
            on("2026-11-30"),
            [
                "19.x-scala2.13",
                "18.x-scala2.13",
                "17.3.x-scala2.13",
                "16.4.x-scala2.13",
                "16.4.x-scala2.12",
                "15.4.x-scala2.12",
                "14.3.x-scala2.12"
            ]
        );
        // The last day of 14.3 is one of support, the next is not.
        assert!(on("2027-02-01").contains(&"14.3.x-scala2.12".to_owned()));
        assert!(!on("2027-02-02").contains(&"14.3.x-scala2.12".to_owned()));
        assert_eq!(on("2024-03-01").first().map(String::as_str), Some("14.3.x-scala2.12"));
    }
}
