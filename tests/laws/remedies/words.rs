//! What is said where nothing is to be patched: limits, rights, places.

use super::{World, diagnosis, job};
use plumb_core::diagnose::remedy::{GreenRuns, rights};

const M5: &str = "node_type_id: m5.xlarge";

fn limited(longest: Option<i64>) -> World {
    let text = job(&[M5]).replace("  name: etl\n", "  name: etl\n  timeout_seconds: 7200 # two hours\n");
    let mut world = World::of(&text, "TIMEOUT");
    world.green = longest.map(|longest| GreenRuns { count: 9, longest });
    world
}

#[test]
fn a_limit_is_raised_only_where_good_runs_come_near_it() {
    let (what, patch) = limited(Some(5_760)).change();
    assert_eq!(what, "manifests/etl.yaml:7 DatabricksJob/etl: timeout_seconds 7200 → 10860");
    assert_eq!(patch, "-  timeout_seconds: 7200 # two hours\n+  timeout_seconds: 10860 # two hours\n");
    let said = limited(Some(5_759)).said();
    assert!(said.starts_with("It was stuck, not slow: the longest of 9 green runs took 5759 s"), "{said}");
    assert!(said.contains("manifests/etl.yaml:7"), "{said}");
    assert!(limited(None).said().contains("is not known"));
    assert!(limited(Some(0)).said().contains("stuck"));
    // A task's own limit is the one that its run was over.
    let mut world = limited(Some(7_000)).task("load");
    let text = world.files["manifests/etl.yaml"]
        .replace("      notebook_task", "      timeout_seconds: 60\n      notebook_task");
    world.files.insert("manifests/etl.yaml".into(), text);
    assert!(world.change().0.contains("tasks[load].timeout_seconds 60 → "), "{:?}", world.change());
}

#[test]
fn runs_queue_where_they_do_not() {
    let text = job(&[M5]).replace("  name: etl\n", "  name: etl\n  queue: {enabled: false}\n");
    let (_, patch) = World::of(&text, "RUN_LIMIT").change();
    assert_eq!(patch, "-  queue: {enabled: false}\n+  queue: {enabled: true}\n");
    assert_eq!(World::of(&job(&[M5]), "RUN_LIMIT").said(), "");
    let text = job(&[M5]).replace("  name: etl\n", "  name: etl\n  max_concurrent_runs: 0\n");
    assert!(World::of(&text, "RUN_LIMIT").said().contains("manifests/etl.yaml:7"));
}

#[test]
fn a_quota_is_told_with_its_code_and_the_sum_that_is_needed() {
    let other = "---\napiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: other}\nspec:\n  tasks:\n    - {task_key: t, \
                 notebook_task: {notebook_path: /x}, new_cluster: {spark_version: 15.4.x-scala2.12, node_type_id: r5.2xlarge, \
                 driver_node_type_id: r5.xlarge, autoscale: {min_workers: 1, max_workers: 10}}}\n    - {task_key: u, \
                 notebook_task: {notebook_path: /x}, new_cluster: {spark_version: 15.4.x-scala2.12, node_type_id: p3.2xlarge, \
                 num_workers: 1}}\n";
    let text = job(&[M5, "aws_attributes: {availability: ON_DEMAND}"]) + other;
    let said = World::of(&text, "VCPU_LIMIT").with("limit", "64").said();
    // 9 x 4; and 10 x 8 + 4 more.
    assert!(said.contains("DatabricksJob/etl take at most 36 vCPUs"), "{said}");
    assert!(said.contains("together 120, without 1 whose machines are not known; the limit is 64"), "{said}");
    assert!(said.ends_with("--quota-code L-1216C47A --desired-value 120"), "{said}");
    let spot = World::of(&text, "QUOTA").shown("MaxSpotInstanceCountExceeded").said();
    assert!(spot.contains("L-34B43A08") && !spot.contains("L-1216C47A"), "{spot}");
    assert_eq!(World::of(&text, "QUOTA").shown("VolumeLimitExceeded").said(), "");
}

const ROLE: &str = "arn:aws:sts::123456789012:assumed-role/jobs/i-0feed";

#[test]
fn a_statement_allows_what_the_message_says_and_no_more() {
    let world = World::of(&job(&[M5]), "S3_403")
        .with("principal", ROLE)
        .with("action", "s3:GetObject")
        .with("resource", "arn:aws:s3:::acme-raw/2026/10/a.parquet\"");
    let (_, advice) = world.remedies();
    let snippet: serde_json::Value = serde_json::from_str(advice[0].snippet.as_deref().unwrap()).unwrap();
    assert_eq!(
        snippet,
        serde_json::json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-raw/2026/10/a.parquet"})
    );
    assert!(advice[0].text.contains("arn:aws:iam::123456789012:role/jobs"), "{}", advice[0].text);
    // It takes no manifest.
    assert_eq!(rights(&diagnosis(world.cause.clone())), advice);
    // A path of S3 and a call have a right as well.
    let said = World::of(&job(&[M5]), "S3_403").with("action", "PutObject").with("path", "s3a://acme-out/x/y").said();
    assert!(said.contains("\"s3:PutObject\"") && said.contains("\"arn:aws:s3:::acme-out/x/y\""), "{said}");
    let said = World::of(&job(&[M5]), "S3_403").with("action", "ListObjectsV2").with("path", "s3://acme-out/x/").said();
    assert!(said.contains("\"arn:aws:s3:::acme-out\""), "{said}");
    // What is not said is not allowed.
    for (slot, value) in [
        ("action", "s3:*"),
        ("action", "*"),
        ("resource", "*"),
        ("resource", "arn:aws:s3:::acme-*"),
        ("action", "Frobnicate"),
    ] {
        let world =
            World::of(&job(&[M5]), "S3_403").with("action", "s3:GetObject").with("resource", "arn:aws:s3:::a/b");
        assert_eq!(world.with(slot, value).said(), "", "{slot} {value}");
    }
    assert_eq!(World::of(&job(&[M5]), "S3_403").with("path", "s3://acme/x").said(), "");
    let key = "arn:aws:kms:eu-west-1:123456789012:key/0123";
    let said = World::of(&job(&[M5]), "KMS")
        .with("principal", ROLE)
        .with("action", "kms:Decrypt")
        .with("resource", key)
        .said();
    assert!(said.contains(key) && said.contains("kms:Decrypt") && !said.contains('*'), "{said}");
}

#[test]
fn a_grant_is_sql_whatever_the_names_are() {
    let of = |principal: &str, resource: &str| {
        World::of(&job(&[M5]), "UC_PERMISSION")
            .with("principal", principal)
            .with("action", "USE SCHEMA")
            .with("kind", "Schema")
            .with("resource", resource)
            .said()
    };
    assert!(of("a@acme.com", "main.raw").ends_with("GRANT USE SCHEMA ON SCHEMA `main`.`raw` TO `a@acme.com`;"));
    assert!(
        of("x`; DROP", "main.a`b").ends_with("ON SCHEMA `main`.`a``b` TO `x``; DROP`;"),
        "{}",
        of("x`; DROP", "main.a`b")
    );
    // The manifest may say who runs it.
    let text = job(&[M5]).replace("  name: etl\n", "  name: etl\n  run_as: {user_name: etl@acme.com}\n");
    let world =
        World::of(&text, "UC_PERMISSION").with("action", "SELECT").with("kind", "TABLE").with("resource", "a.b.c");
    assert!(world.said().ends_with("GRANT SELECT ON TABLE `a`.`b`.`c` TO `etl@acme.com`;"));
    // Rights of a workspace are no grants, and an action is words.
    for (action, kind) in [("CAN_MANAGE; DROP", "Schema"), ("CAN MANAGE", "cluster"), ("", "TABLE")] {
        let world =
            World::of(&job(&[M5]), "UC_PERMISSION").with("action", action).with("kind", kind).with("resource", "x");
        assert_eq!(world.said(), "", "{action}");
    }
}

#[test]
fn a_secret_takes_a_right_on_its_scope() {
    let said = World::of(&job(&[M5]), "SECRETS").with("scope", "bau").with("key", "db").said();
    assert!(said.ends_with("databricks secrets put-acl bau PRINCIPAL READ"), "{said}");
    assert_eq!(World::of(&job(&[M5]), "SECRETS").with("scope", "$(reboot)").with("key", "db").said(), "");
}

#[test]
fn libraries_and_scripts_are_named_with_their_line() {
    let lines = [M5, "init_scripts:", "  - s3: {destination: \"s3://acme/init/setup.sh\", region: eu-west-1}"];
    let libraries = "      libraries:\n        - pypi: {package: acme-lib==9.9}\n        - jar: s3://acme/etl-1.2.jar\n      notebook_task";
    let text = job(&lines).replace("      notebook_task", libraries);
    let of = |class: &str, slot: &str, value: &str| World::of(&text, class).task("load").with(slot, value).said();
    assert_eq!(
        of("LIB_INSTALL", "package", "acme-lib==9.9"),
        "The library acme-lib==9.9 stands at manifests/etl.yaml:11."
    );
    assert_eq!(of("LIB_INSTALL", "package", "acme-lib>=1"), "The library acme-lib stands at manifests/etl.yaml:11.");
    assert!(of("INIT_SCRIPT", "script", "s3://acme/init/setup.sh").ends_with("manifests/etl.yaml:21."));
    assert!(
        of("INIT_SCRIPT", "what", "exit 1").contains("job cluster main stand at manifests/etl.yaml:21"),
        "{}",
        of("INIT_SCRIPT", "what", "1")
    );
    let said = of("PY_MODULE", "package", "pyarrow.fs");
    assert!(said.contains("named pyarrow") && said.contains("task load (manifests/etl.yaml:"), "{said}");
    let said = of("CLASS_NOT_FOUND", "class", "com.amazon.ws.emr.hadoop.fs.EmrFileSystem");
    assert!(said.contains("EMR only"), "{said}");
    assert_eq!(
        of("RESOURCE_MISSING", "resource", "/Workspace/load"),
        "What is missing, /Workspace/load stands at manifests/etl.yaml:13."
    );
}

#[test]
fn a_dag_leads_to_the_job_that_it_starts() {
    let lines = [M5, "aws_attributes: {availability: SPOT}"];
    let dag = "---\napiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {name: monthly}\nspec:\n  tasks:\n    - \
               {id: load, run: \"${resources.DatabricksJob.etl}\"}\n";
    let mut world = World::of(&(job(&lines) + dag), "SPOT_RECLAIM");
    world.address = "AirflowDag/monthly".into();
    assert!(world.change().0.contains("DatabricksJob/etl"));
    // EMR makes its clusters otherwise: nothing of a manifest.
    world.address = "EmrCluster/old".into();
    assert_eq!(world.said(), "");
}
