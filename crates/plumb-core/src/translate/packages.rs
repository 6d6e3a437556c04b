//! Packages for another Scala or Spark: which the runtime has itself, and which build of the others fits it.

use super::runtime::{Minor, Runtime};
use plumb_model::text::glob;

/// What is known of packages, read on 2026-11-30: `runtime` are those that the runtime has itself (Databricks' release
/// notes, lists of libraries; Spark's migration guides), `built_for` those of which each build is for one Spark, with
/// one that exists (Maven Central; GraphFrames: spark-packages.org).
const PACKAGES: &str = include_str!("data/packages.tsv");

/// What becomes of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PackageVerdict {
    /// It fits as far as its name says.
    Keep,
    /// The runtime has it.
    Drop(String),
    /// It is built for something else. What probably fits, and why.
    Instead { coordinates: String, why: String },
}

/// The Scala that a name ends with: `_2.11` of artifacts, `-s_2.11` of versions. With what stands before it.
fn scala_of(name: &str) -> Option<(&str, &str)> {
    let (before, scala) = name.rsplit_once('_')?;
    let is_scala = ["2.10", "2.11", "2.12", "2.13", "3"].contains(&scala);
    (is_scala && !before.is_empty()).then_some((before, scala))
}

/// The Spark that coordinates say they are built for: `spark3.2`, `spark-3.3`, `spark-runtime-3.3`.
fn spark_of(text: &str) -> Option<Minor> {
    for start in ["spark-runtime-", "spark-", "spark"] {
        for (at, _) in text.match_indices(start) {
            let rest = &text[at + start.len()..];
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let mut numbers = rest[..end].split('.').map(str::parse::<u32>);
            if let (Some(Ok(major @ 1..=9)), Some(Ok(minor))) = (numbers.next(), numbers.next()) {
                return Some((major, minor));
            }
        }
    }
    None
}

/// Whether a row of the table is for that Spark: `-` is any, `4` every minor version of it.
fn is_for(cell: &str, spark: Minor) -> bool {
    cell == "-" || cell == spark.0.to_string() || cell == format!("{}.{}", spark.0, spark.1)
}

struct PackageRow {
    fate: &'static str,
    instead: &'static str,
    why: &'static str,
}

/// The row for a package. An older version of what every runtime has is the runtime's, too.
fn row(name: &str, spark: Minor) -> Option<PackageRow> {
    PACKAGES.lines().skip(1).find_map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [package, fate, of, instead, why] = cells.as_slice() else { return None };
        (glob(package, name) && is_for(of, spark)).then_some(PackageRow { fate, instead, why })
    })
}

/// Judges coordinates as `group:artifact:version`, for a runtime.
pub(super) fn judge(coordinates: &str, runtime: &Runtime) -> PackageVerdict {
    let parts: Vec<&str> = coordinates.split(':').collect();
    let (Some(group), Some(artifact), Some(version)) = (parts.first(), parts.get(1), parts.last()) else {
        return PackageVerdict::Keep;
    };
    let (bare, of_artifact) = scala_of(artifact).map_or((*artifact, None), |(bare, scala)| (bare, Some(scala)));
    let of_version = version.rsplit_once("-s_").map(|(_, scala)| scala);
    let row = row(&format!("{group}:{bare}"), runtime.spark);
    if let Some(row) = row.as_ref().filter(|row| row.fate == "runtime") {
        return PackageVerdict::Drop(row.why.to_owned());
    }
    let scala = of_artifact.or(of_version).filter(|scala| *scala != runtime.scala);
    let spark = spark_of(bare).or_else(|| spark_of(version)).filter(|spark| *spark != runtime.spark);
    let (major, minor) = runtime.spark;
    let why = match (scala, spark) {
        (None, None) => return PackageVerdict::Keep,
        (Some(scala), None) => format!("it is built for Scala {scala}, and the runtime has {}", runtime.scala),
        (None, Some(spark)) => {
            format!("it is built for Spark {}.{}, and the runtime has {major}.{minor}", spark.0, spark.1)
        }
        (Some(scala), Some(spark)) => format!(
            "it is built for Scala {scala} and Spark {}.{}, and the runtime has {} and {major}.{minor}",
            spark.0, spark.1, runtime.scala
        ),
    };
    match row {
        Some(row) => PackageVerdict::Instead {
            coordinates: row.instead.replace("{scala}", &runtime.scala),
            why: format!("{why}; {}", row.why),
        },
        None => {
            let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            if let (Some(_), Some(artifact)) = (of_artifact, parts.get_mut(1)) {
                *artifact = format!("{bare}_{}", runtime.scala);
            }
            if let (Some(of), Some(version)) = (of_version, parts.last_mut()) {
                *version = format!("{}{}", version.trim_end_matches(of), runtime.scala);
            }
            PackageVerdict::Instead {
                coordinates: parts.join(":"),
                why: format!("{why}; a build under these coordinates has to exist"),
            }
        }
    }
}

/// Judges a JAR by its file's name, as Maven's are called: `spark-avro_2.11-2.4.4.jar`. What fits instead of one that
/// is built for another Scala has no coordinates: it has to be built.
pub(super) fn judge_file(address: &str, runtime: &Runtime) -> PackageVerdict {
    let name = address.rsplit('/').next().unwrap_or_default();
    let stem = name.strip_suffix(".jar").unwrap_or(name);
    let version_at = stem.match_indices('-').map(|(at, _)| at).find(|at| {
        stem[at + 1..].starts_with(|c: char| c.is_ascii_digit())
            && !stem[..*at].ends_with("spark-sql-kafka-0")
            && !stem[at + 1..].starts_with("0-10")
    });
    let (artifact, has_version) = version_at.map_or((stem, false), |at| (&stem[..at], true));
    let scala = scala_of(artifact).map(|(_, scala)| scala);
    let bare = scala_of(artifact).map_or(artifact, |(bare, _)| bare);
    let is_own = ["spark-avro", "spark-sql-kafka-0-10", "spark-streaming-kafka-0-10", "delta-core", "delta-spark"]
        .contains(&bare)
        && scala.is_some();
    let is_plain = ["delta-storage", "hadoop-aws", "hadoop-common", "hadoop-client"].contains(&bare);
    let is_sdk = bare == "aws-java-sdk" || bare.starts_with("aws-java-sdk-");
    if has_version && (is_own || is_plain || is_sdk) {
        let group = if is_sdk {
            "com.amazonaws"
        } else if bare.starts_with("delta") {
            "io.delta"
        } else if bare.starts_with("hadoop") {
            "org.apache.hadoop"
        } else {
            "org.apache.spark"
        };
        if let Some(row) = row(&format!("{group}:{bare}"), runtime.spark) {
            return PackageVerdict::Drop(row.why.to_owned());
        }
    }
    // `etl_2.11-1.4.jar`, `etl_2.11.jar`, and `etl-assembly-1.4_2.11.jar`.
    let scala = scala.or_else(|| scala_of(stem).map(|(_, scala)| scala)).filter(|scala| scala.starts_with("2."));
    match scala.filter(|scala| *scala != runtime.scala) {
        Some(scala) => PackageVerdict::Instead {
            coordinates: String::new(),
            why: format!("its name says Scala {scala}, and the runtime has {}", runtime.scala),
        },
        None => PackageVerdict::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime(spark: Minor, scala: &str) -> Runtime {
        Runtime { key: "16.4.x-scala2.12".into(), spark, scala: scala.into(), until: None }
    }

    #[test]
    fn what_the_runtime_has_does_not_come_along() {
        for name in [
            "org.apache.spark:spark-avro_2.11:2.4.4",
            "org.apache.spark:spark-avro_2.12:3.5.2",
            "org.apache.spark:spark-sql-kafka-0-10_2.12:3.3.0",
            "io.delta:delta-core_2.12:2.4.0",
            "io.delta:delta-spark_2.12:3.1.0",
            "org.apache.hadoop:hadoop-aws:3.3.1",
            "com.amazonaws:aws-java-sdk-bundle:1.11.1026",
            "com.databricks:spark-csv_2.11:1.5.0",
        ] {
            assert!(matches!(judge(name, &runtime((3, 5), "2.12")), PackageVerdict::Drop(_)), "{name}");
        }
    }

    #[test]
    fn another_build_is_proposed_and_never_taken_for_granted() {
        let is = |name: &str, want: &str| match judge(name, &runtime((3, 5), "2.12")) {
            PackageVerdict::Instead { coordinates, .. } => assert_eq!(coordinates, want, "{name}"),
            other => panic!("{name}: {other:?}"),
        };
        is("com.acme:rules_2.11:1.4.0", "com.acme:rules_2.12:1.4.0");
        is("com.acme:rules:1.4.0-s_2.11", "com.acme:rules:1.4.0-s_2.12");
        is("com.databricks:spark-xml_2.11:0.9.0", "com.databricks:spark-xml_2.12:0.18.0");
        is("graphframes:graphframes:0.8.2-spark3.2-s_2.12", "graphframes:graphframes:0.8.4-spark3.5-s_2.12");
        is(
            "org.apache.iceberg:iceberg-spark-runtime-3.3_2.12:1.3.0",
            "org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.6.1",
        );
        // Nobody knows of another build: the same coordinates, and the question says for which Spark they are.
        is("com.amazon.deequ:deequ:2.0.4-spark-3.3", "com.amazon.deequ:deequ:2.0.4-spark-3.3");
        let fit = ["mysql:mysql-connector-java:8.0.33", "org.postgresql:postgresql:42.6.0", "com.acme:rules_2.12:1"];
        for name in fit {
            assert_eq!(judge(name, &runtime((3, 5), "2.12")), PackageVerdict::Keep, "{name}");
        }
        assert!(matches!(judge("com.acme:rules_2.12:1", &runtime((4, 0), "2.13")), PackageVerdict::Instead { .. }));
        assert!(matches!(
            judge("com.databricks:spark-xml_2.12:0.18.0", &runtime((4, 0), "2.13")),
            PackageVerdict::Drop(_)
        ));
    }

    #[test]
    fn files_say_it_in_their_names() {
        let judge = |name: &str| judge_file(name, &runtime((3, 5), "2.12"));
        for name in
            ["s3://a/spark-avro_2.11-2.4.4.jar", "s3://a/delta-core_2.12-1.0.0.jar", "s3://a/hadoop-aws-3.2.1.jar"]
        {
            assert!(matches!(judge(name), PackageVerdict::Drop(_)), "{name}");
        }
        assert!(matches!(judge("s3://a/spark-sql-kafka-0-10_2.12-3.1.2.jar"), PackageVerdict::Drop(_)));
        assert!(matches!(judge("s3://a/aws-java-sdk-bundle-1.11.900.jar"), PackageVerdict::Drop(_)));
        for name in ["s3://a/etl_2.11-1.4.jar", "s3://a/etl_2.11.jar", "s3://a/etl-assembly-1.4_2.11.jar"] {
            assert!(matches!(judge(name), PackageVerdict::Instead { .. }), "{name}");
        }
        for name in ["s3://a/etl_2.12-1.4.jar", "s3://a/etl-2.4.1.jar", "s3://a/delta-core-rules.jar", "s3://a/x_3.jar"]
        {
            assert_eq!(judge(name), PackageVerdict::Keep, "{name}");
        }
    }
}
