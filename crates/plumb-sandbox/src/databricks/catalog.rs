//! Node types, Spark versions and availability zones that clusters may name: a selection, with true figures.

use serde_json::{Value, json};

/// Name, memory in MB, cores, category, whether it has local disks.
const NODES: [(&str, i64, f64, &str, bool); 12] = [
    ("m5.large", 8_192, 2.0, "General Purpose", false),
    ("m5d.large", 8_192, 2.0, "General Purpose", true),
    ("m5d.xlarge", 16_384, 4.0, "General Purpose", true),
    ("m5d.2xlarge", 32_768, 8.0, "General Purpose", true),
    ("i3.xlarge", 31_232, 4.0, "Storage Optimized", true),
    ("i3.2xlarge", 62_464, 8.0, "Storage Optimized", true),
    ("r6id.xlarge", 32_768, 4.0, "Memory Optimized", true),
    ("r6id.2xlarge", 65_536, 8.0, "Memory Optimized", true),
    ("r6id.4xlarge", 131_072, 16.0, "Memory Optimized", true),
    ("r6id.8xlarge", 262_144, 32.0, "Memory Optimized", true),
    ("c6id.2xlarge", 16_384, 8.0, "Compute Optimized", true),
    ("c6id.4xlarge", 32_768, 16.0, "Compute Optimized", true),
];

/// Answers `clusters/list-node-types`.
pub fn node_types() -> Value {
    let one = |(id, memory_mb, cores, category, local): &(&str, i64, f64, &str, bool)| {
        json!({
            "node_type_id": id,
            "instance_type_id": id,
            "memory_mb": memory_mb,
            "num_cores": cores,
            "num_gpus": 0,
            "description": id,
            "category": category,
            "is_deprecated": false,
            "is_hidden": false,
            "is_graviton": false,
            "support_cluster_tags": true,
            "support_ebs_volumes": true,
            "support_port_forwarding": true,
            "photon_driver_capable": true,
            "photon_worker_capable": true,
            "is_io_cache_enabled": local,
            "display_order": 0,
            "node_instance_type": { "instance_type_id": id, "local_disks": i64::from(*local), "local_disk_size_gb": if *local { 100 } else { 0 } },
            "node_info": { "available_core_quota": 1000, "total_core_quota": 1000 },
        })
    };
    json!({ "node_types": NODES.iter().map(one).collect::<Vec<_>>() })
}

/// Key and name of the runtimes that are supported, and of older ones that still start.
const RUNTIMES: [(&str, &str); 8] = [
    ("17.3.x-scala2.13", "17.3 LTS (includes Apache Spark 4.0.0, Scala 2.13)"),
    ("16.4.x-scala2.13", "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.13)"),
    ("16.4.x-scala2.12", "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)"),
    ("15.4.x-scala2.12", "15.4 LTS (includes Apache Spark 3.5.0, Scala 2.12)"),
    ("14.3.x-scala2.12", "14.3 LTS (includes Apache Spark 3.5.0, Scala 2.12)"),
    ("13.3.x-scala2.12", "13.3 LTS (includes Apache Spark 3.4.1, Scala 2.12)"),
    ("12.2.x-scala2.12", "12.2 LTS (includes Apache Spark 3.3.2, Scala 2.12)"),
    ("11.3.x-scala2.12", "11.3 LTS (includes Apache Spark 3.3.0, Scala 2.12)"),
];

/// Answers `clusters/spark-versions`.
pub fn spark_versions() -> Value {
    json!({ "versions": RUNTIMES.iter().map(|(key, name)| json!({ "key": key, "name": name })).collect::<Vec<_>>() })
}

/// Answers `clusters/list-zones`.
pub fn zones() -> Value {
    json!({ "zones": ["us-east-1a", "us-east-1b", "us-east-1c"], "default_zone": "us-east-1c" })
}
