//! Which line changes, and how.

use super::{World, job};

const SPOT: [&str; 4] = ["node_type_id: m5.xlarge", "aws_attributes:", "  # cheap", "  availability: SPOT   # for now"];

#[test]
fn spot_falls_back_and_the_driver_is_on_demand() {
    let (what, patch) = World::of(&job(&SPOT), "SPOT_RECLAIM").change();
    assert_eq!(
        what,
        "manifests/etl.yaml:19 DatabricksJob/etl: job_clusters[main].new_cluster.aws_attributes.availability SPOT → \
         SPOT_WITH_FALLBACK, job_clusters[main].new_cluster.aws_attributes.first_on_demand 1"
    );
    assert_eq!(
        patch,
        "-          availability: SPOT   # for now\n\
         +          availability: SPOT_WITH_FALLBACK   # for now\n\
         +          first_on_demand: 1\n"
    );
}

#[test]
fn what_is_right_already_stays() {
    let lines = ["node_type_id: m5.xlarge", "aws_attributes: {availability: SPOT_WITH_FALLBACK, first_on_demand: 0}"];
    let (_, patch) = World::of(&job(&lines), "SPOT_RECLAIM").change();
    assert_eq!(
        patch,
        "-        aws_attributes: {availability: SPOT_WITH_FALLBACK, first_on_demand: 0}\n\
         +        aws_attributes: {availability: SPOT_WITH_FALLBACK, first_on_demand: 1}\n"
    );
    let lines = ["node_type_id: m5.xlarge", "aws_attributes: {availability: SPOT, first_on_demand: 3}"];
    let (_, patch) = World::of(&job(&lines), "SPOT_RECLAIM").change();
    assert!(patch.ends_with("{availability: SPOT_WITH_FALLBACK, first_on_demand: 3}\n"), "{patch}");
    let lines = ["node_type_id: m5.xlarge", "aws_attributes: {availability: SPOT_WITH_FALLBACK, first_on_demand: 1}"];
    let said = World::of(&job(&lines), "SPOT_RECLAIM").said();
    assert!(said.contains("manifests/etl.yaml:17") && said.contains("falls back already"), "{said}");
    // No spot machine of the manifest's: nothing is sure.
    assert_eq!(World::of(&job(&["node_type_id: m5.xlarge"]), "SPOT_RECLAIM").said(), "");
}

#[test]
fn line_ends_and_what_stands_behind_them_are_kept() {
    let text = job(&SPOT).replace('\n', "\r\n");
    let (patches, _) = World::of(&text, "SPOT_RECLAIM").remedies();
    let new = &patches[0].text;
    assert_eq!(new.matches("\r\n").count(), new.matches('\n').count());
    assert!(
        new.contains("          availability: SPOT_WITH_FALLBACK   # for now\r\n          first_on_demand: 1\r\n"),
        "{new}"
    );
    assert_eq!(patches[0].before, text);
}

#[test]
fn a_patch_of_the_target_is_changed_where_it_stands() {
    let patch = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: etl}\nspec:\n  job_clusters:\n    - job_cluster_key: \
                 main\n      new_cluster:\n        # prod is cheap\n        aws_attributes: {availability: SPOT}\n";
    let world = World::of(&job(&["node_type_id: m5.xlarge"]), "SPOT_RECLAIM").file("patches/prod.yaml", patch);
    let (what, lines) = world.change();
    assert!(what.starts_with("patches/prod.yaml:9 "), "{what}");
    assert!(
        lines.ends_with("+        aws_attributes: {availability: SPOT_WITH_FALLBACK, first_on_demand: 1}\n"),
        "{lines}"
    );
}

#[test]
fn what_is_written_by_a_variable_or_an_anchor_is_said_and_not_patched() {
    let lines = ["node_type_id: m5.xlarge", "aws_attributes: {availability: \"${var.market}\"}"];
    let said = World::of(&job(&lines), "SPOT_RECLAIM").said();
    assert!(said.contains("not proposed as a patch"), "{said}");
    assert!(said.contains("plumb.yaml:") || said.contains("manifests/etl.yaml:17"), "{said}");
    let lines = ["node_type_id: m5.xlarge", "aws_attributes: &aws {availability: SPOT}"];
    let said = World::of(&job(&lines), "SPOT_RECLAIM").said();
    assert!(said.contains("manifests/etl.yaml:17") && said.contains("anchor"), "{said}");
}

#[test]
fn the_cluster_of_the_task_that_failed_is_the_one() {
    let text = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: etl}
spec:
  tasks:
    - task_key: a
      notebook_task: {notebook_path: /a}
      new_cluster: {spark_version: 15.4.x-scala2.12, node_type_id: m5.xlarge, num_workers: 1, aws_attributes: {availability: SPOT}}
    - task_key: b
      for_each_task:
        inputs: '[1]'
        task:
          task_key: c
          notebook_task: {notebook_path: /b}
          new_cluster: {spark_version: 15.4.x-scala2.12, node_type_id: m5.xlarge, num_workers: 1, aws_attributes: {availability: SPOT}}
";
    let (what, _) = World::of(text, "SPOT_RECLAIM").task("a").change();
    assert!(what.starts_with("manifests/etl.yaml:8 "), "{what}");
    let (what, _) = World::of(text, "SPOT_RECLAIM").task("b").change();
    assert!(what.starts_with("manifests/etl.yaml:15 "), "{what}");
    let said = World::of(text, "SPOT_RECLAIM").said();
    assert!(
        said.contains("task a (manifests/etl.yaml:8)") && said.contains("task b (manifests/etl.yaml:15)"),
        "{said}"
    );
    // A task that the job does not have names none of them.
    assert!(World::of(text, "SPOT_RECLAIM").task("7").said().contains("task a"));
}

const SHARED: &str = "\
---
apiVersion: plumb/v1
kind: DatabricksClusterPolicy
metadata: {name: jobs}
spec:
  name: jobs
  definition:
    aws_attributes.availability: {type: fixed, value: SPOT}  # finance asked
    aws_attributes.first_on_demand: {type: fixed, value: 1}
    spark_conf.spark.sql.ansi.enabled: {type: regex, pattern: 'true'}
---
apiVersion: plumb/v1
kind: DatabricksInstancePool
metadata: {name: workers}
spec:
  instance_pool_name: workers
  node_type_id: m5.xlarge
  aws_attributes: {availability: SPOT}
---
apiVersion: plumb/v1
kind: DatabricksCluster
metadata: {name: shared}
spec:
  spark_version: 15.4.x-scala2.12
  node_type_id: m5.xlarge
  num_workers: 1
  aws_attributes: {availability: SPOT}
";

#[test]
fn what_a_policy_fixes_is_changed_in_the_policy() {
    let lines = ["node_type_id: m5.xlarge", "policy_id: \"${resources.DatabricksClusterPolicy.jobs}\""];
    let text = job(&lines) + SHARED;
    let (what, patch) = World::of(&text, "SPOT_RECLAIM").change();
    assert!(
        what.contains("DatabricksClusterPolicy/jobs: definition[\"aws_attributes.availability\"].value SPOT →"),
        "{what}"
    );
    assert!(
        patch.contains("+    aws_attributes.availability: {type: fixed, value: SPOT_WITH_FALLBACK}  # finance asked\n")
    );
    // A rule that may forbid it: said.
    let said = World::of(&text, "ANSI").said();
    assert!(said.contains("DatabricksClusterPolicy/jobs has a rule of spark_conf.spark.sql.ansi.enabled"), "{said}");
}

#[test]
fn a_pool_keeps_its_market_and_its_machines() {
    let text = job(&["instance_pool_id: \"${resources.DatabricksInstancePool.workers}\""]) + SHARED;
    let said = World::of(&text, "SPOT_RECLAIM").said();
    assert!(said.contains("DatabricksInstancePool/workers (manifests/etl.yaml:34)"), "{said}");
    let said = World::of(&text, "EXEC_OOM_CONTAINER").said();
    assert!(said.contains("for example r5.xlarge"), "{said}");
}

#[test]
fn an_all_purpose_cluster_is_changed_in_its_own_manifest() {
    let text = job(&[]).replace(
        "job_cluster_key: main\n      notebook",
        "existing_cluster_id: \"${resources.DatabricksCluster.shared}\"\n      notebook",
    );
    let (what, _) =
        World::of(&(text.split("  job_clusters").next().unwrap().to_owned() + SHARED), "SPOT_RECLAIM").change();
    assert!(what.contains("DatabricksCluster/shared: aws_attributes.availability SPOT → SPOT_WITH_FALLBACK"), "{what}");
}

/// Classes of which one member of the cluster changes: `(class, slot, line that shows it, members, the lines that come)`.
type Row = (&'static str, (&'static str, &'static str), &'static str, &'static [&'static str], &'static str);

const M5: &str = "node_type_id: m5.xlarge";
const ROWS: &[Row] = &[
    ("CAPACITY", ("", ""), "", &[M5, "aws_attributes: {zone_id: us-east-1a}"], "node_type_id: m-fleet.xlarge"),
    ("CAPACITY", ("", ""), "", &[M5, "aws_attributes: {zone_id: auto}"], "node_type_id: m-fleet.xlarge"),
    ("EXEC_OOM_CONTAINER", ("", ""), "Container killed by YARN", &[M5], "node_type_id: r5.xlarge"),
    (
        "EXEC_HEAP_OOM",
        ("", ""),
        "java.lang.OutOfMemoryError: Java heap space",
        &["node_type_id: r5.xlarge"],
        "node_type_id: r5.2xlarge",
    ),
    (
        "EXEC_HEAP_OOM",
        ("", ""),
        "SparkOutOfMemoryError: Unable to acquire 65536 bytes of memory, got 0",
        &[M5, "spark_conf: {spark.sql.shuffle.partitions: \"400\"}"],
        "spark_conf: {spark.sql.shuffle.partitions: \"800\"}",
    ),
    (
        "EXEC_OOM_CONTAINER",
        ("", ""),
        "UnsafeExternalSorter: spilled",
        &[M5],
        "spark_conf:\n+          spark.sql.shuffle.partitions: \"400\"",
    ),
    ("DRIVER_OOM", ("", ""), "", &[M5], "driver_node_type_id: r5.xlarge"),
    ("DRIVER_OOM", ("", ""), "", &[M5, "driver_node_type_id: r5.xlarge"], "driver_node_type_id: r5.2xlarge"),
    (
        "MAX_RESULT",
        ("used", "4.1 GiB"),
        "",
        &[M5, "spark_conf: {spark.driver.maxResultSize: 4g}"],
        "spark_conf: {spark.driver.maxResultSize: 8g}",
    ),
    (
        "BROADCAST",
        ("what", "300 secs"),
        "",
        &[M5],
        "spark_conf:\n+          spark.sql.autoBroadcastJoinThreshold: \"-1\"",
    ),
    ("KRYO_BUFFER", ("required", "9"), "", &[M5], "spark_conf:\n+          spark.kryoserializer.buffer.max: 128m"),
    (
        "KRYO_BUFFER",
        ("required", "300000000"),
        "",
        &[M5, "spark_conf: {spark.kryoserializer.buffer.max: 256m}"],
        "spark_conf: {spark.kryoserializer.buffer.max: 1024m}",
    ),
    ("ANSI", ("", ""), "", &[M5], "spark_conf:\n+          spark.sql.ansi.enabled: \"false\""),
    (
        "DATETIME_UPGRADE",
        ("", ""),
        "set spark.sql.legacy.timeParserPolicy to LEGACY",
        &[M5],
        "spark_conf:\n+          spark.sql.legacy.timeParserPolicy: LEGACY",
    ),
    (
        "DATETIME_UPGRADE",
        ("", ""),
        "you can set spark.sql.parquet.int96RebaseModeInRead to 'LEGACY'",
        &[M5],
        "spark_conf:\n+          spark.sql.parquet.int96RebaseModeInRead: LEGACY",
    ),
    (
        "UC_PERMISSION",
        ("", ""),
        "[REQUIRES_SINGLE_PART_NAMESPACE] spark_catalog",
        &[M5, "data_security_mode: NONE"],
        "data_security_mode: SINGLE_USER",
    ),
];

#[test]
fn each_class_changes_the_member_that_helps() {
    for (class, (slot, value), line, members, comes) in ROWS {
        let world = World::of(&job(members), class).with(slot, value).shown(line);
        let (_, patch) = world.change();
        let wanted = format!("+        {comes}");
        assert!(patch.contains(&wanted), "{class}: {patch}");
    }
}

#[test]
fn where_none_is_sure_nothing_changes() {
    const FIXED: &str = "spark_conf: {spark.executor.memory: 8g}";
    let rows: &[Row] = &[
        ("EXEC_HEAP_OOM", ("", ""), "unable to create native thread", &[M5], "Threads"),
        (
            "EXEC_HEAP_OOM",
            ("", ""),
            "Java heap space",
            &[M5, FIXED],
            "spark.executor.memory is fixed at manifests/etl.yaml:17",
        ),
        ("EXEC_HEAP_OOM", ("", ""), "Java heap space", &["node_type_id: p3.2xlarge"], ""),
        ("EXEC_HEAP_OOM", ("", ""), "spill", &[M5, "spark_conf: {spark.sql.shuffle.partitions: auto}"], ""),
        ("CAPACITY", ("", ""), "", &["node_type_id: m-fleet.xlarge", "aws_attributes: {zone_id: auto}"], ""),
        ("MAX_RESULT", ("used", "40 GiB"), "", &[M5, "spark_conf: {spark.driver.maxResultSize: 4g}"], ""),
        ("MAX_RESULT", ("", ""), "", &[M5], ""),
        ("KRYO_BUFFER", ("required", "9"), "", &[M5, "spark_conf: {spark.kryoserializer.buffer.max: 2047m}"], ""),
        ("BROADCAST", ("", ""), "", &[M5, "spark_conf: {spark.sql.autoBroadcastJoinThreshold: \"-1\"}"], "hint"),
        ("ANSI", ("", ""), "", &[M5, "spark_conf: {spark.sql.ansi.enabled: \"false\"}"], ""),
        ("DATETIME_UPGRADE", ("", ""), "You may get a different result", &[M5], ""),
        // Live, any zone counts as `auto`: no plan would change it.
        (
            "SUBNET_FULL",
            ("", ""),
            "",
            &[M5],
            "no plan would change job_clusters[main].new_cluster.aws_attributes.zone_id",
        ),
        ("USER_CODE", ("", ""), "", &[M5], ""),
        ("PATH_MISSING", ("path", "s3://a/b"), "", &[M5], ""),
        ("CORRUPT_FILE", ("", ""), "", &[M5], ""),
    ];
    for (class, (slot, value), line, members, says) in rows {
        let said = World::of(&job(members), class).with(slot, value).shown(line).said();
        assert!(said.contains(says) && says.is_empty() == said.is_empty(), "{class}: {said}");
    }
}

#[test]
fn a_single_node_is_its_driver() {
    let text = job(&[M5]).replace("num_workers: 8", "num_workers: 0");
    for class in ["DRIVER_OOM", "EXEC_HEAP_OOM"] {
        let (_, patch) = World::of(&text, class).change();
        assert!(patch.contains("+        node_type_id: r5.xlarge"), "{class}: {patch}");
    }
}
