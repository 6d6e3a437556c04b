//! What a plan can do to a resource, and what an apply of it sends.

use crate::shows;
use crate::world::{World, job};
use serde_json::{Value, json};

#[test]
fn one_changed_field_of_forty() {
    let world = World::new();
    let mut text = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: wide}
spec:
  name: wide
  description: A job with many fields
  max_concurrent_runs: 2
  timeout_seconds: 7200
  performance_target: STANDARD
  queue: {enabled: false}
  schedule: {quartz_cron_expression: \"0 0 4 * * ?\", timezone_id: Europe/London, pause_status: PAUSED}
  email_notifications: {on_failure: [a@example.com, b@example.com], no_alert_for_skipped_runs: true}
  notification_settings: {no_alert_for_canceled_runs: true}
  tags: {team: data, tier: gold}
  parameters:
    - {name: month, default: 2024-05}
  job_clusters:
    - job_cluster_key: main
      new_cluster:
        spark_version: 15.4.x-scala2.12
        node_type_id: r6id.xlarge
        driver_node_type_id: r6id.xlarge
        autoscale: {min_workers: 1, max_workers: 4}
        data_security_mode: SINGLE_USER
        spark_conf:
          spark.sql.session.timeZone: Europe/London
          spark.speculation: \"true\"
        spark_env_vars: {STAGE: dev}
        custom_tags: {team: data}
        aws_attributes: {availability: ON_DEMAND, first_on_demand: 1, zone_id: auto}
        enable_elastic_disk: true
  tasks:
"
    .to_owned();
    for task in ["extract", "clean", "load"] {
        text.push_str(&format!(
            "    - task_key: {task}
      job_cluster_key: main
      timeout_seconds: 600
      max_retries: 2
      min_retry_interval_millis: 60000
      retry_on_timeout: true
      notebook_task: {{notebook_path: /Shared/{task}, base_parameters: {{month: \"{{{{job.parameters.month}}}}\"}}}}
"
        ));
    }
    world.commit_file("manifests/wide.yaml", &text, "Add wide");
    world.plumb("apply --yes").code(0);
    world.edit("manifests/wide.yaml", "max_workers: 4", "max_workers: 8");
    world.commit("Scale out");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Scale out>

      ~ update in place

      # DatabricksJob/wide will be updated in place
      # manifests/wide.yaml:1
      ~ DatabricksJob/wide "wide" (id <job wide>)
          ~ job_clusters[main].new_cluster.autoscale.max_workers = 4 -> 8
                # manifests/wide.yaml:23, manifest <Scale out> by Ada: Scale out

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    --- exit 0
    "#);
    world.sandbox.requests();
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.2/jobs/reset"]);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn a_manifest_that_is_removed_deletes_the_object() {
    let world = World::new();
    world.write("manifests/keep.yaml", &job("keep", ""));
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add jobs");
    world.plumb("apply --yes").code(0);
    world.remove("manifests/etl.yaml");
    world.commit("Remove etl");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Remove etl>

      - delete

      # DatabricksJob/etl will be deleted
      # (no manifest asks for it any more)
      ! loses run history
      - DatabricksJob/etl "etl" (id <job etl>)

    Plan: 0 to create, 0 to update, 1 to delete. 1 unchanged.
    Digest: <digest>
    --- stderr
    read 2 objects with 5 requests in <time>
    --- exit 0
    "#);
    world.sandbox.requests();
    shows!(world.plumb("apply --yes -q"), @r#"
    Plan of demo for target dev, manifests at <Remove etl>

      - delete

      # DatabricksJob/etl will be deleted
      # (no manifest asks for it any more)
      ! loses run history
      - DatabricksJob/etl "etl" (id <job etl>)

    Plan: 0 to create, 0 to update, 1 to delete. 1 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.2/jobs/delete"]);
    world.plumb("plan --detailed-exitcode").code(0);
    assert!(world.sandbox.has_job("keep") && !world.sandbox.has_job("etl"));
}

#[test]
fn a_rename_is_a_move() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    world.plumb("apply --yes").code(0);
    let before = world.sandbox.job("etl")["job_id"].clone();
    // The file and the address change, the job's name does not.
    let text = world.read("manifests/etl.yaml").replace("metadata:\n  name: etl\n", "metadata:\n  name: load\n");
    world.remove("manifests/etl.yaml");
    world.commit_file("manifests/load.yaml", &text, "Rename etl");
    // Without a word, it is a new resource of the old one's name.
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Rename etl>

    Blocked:
      ! DatabricksJob/etl: no manifest asks for job <job etl> any more, but DatabricksJob/load has
        its name and may be what became of it
        to allow it: say so by `previousNames`; if they are two, apply once without DatabricksJob/load
      ! DatabricksJob/load: a job named "etl" is live already (id <job etl>); it is
        DatabricksJob/etl, whose manifest is gone
        to allow it: if the manifest was renamed, add `metadata.previousNames: [etl]`

    Plan: 0 to create, 0 to update, 0 to delete. 0 unchanged. 2 blocked.
    Digest: <digest>
    --- stderr
    read 1 object with 4 requests in <time>
    --- exit 3
    "#);
    world.sandbox.requests();
    world.plumb("apply --yes -q").code(3);
    assert_eq!(world.sandbox.writes(), [""; 0]);
    world.edit("manifests/load.yaml", "  name: load\n", "  name: load\n  previousNames: [etl]\n");
    world.commit("Say that it was etl");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Say that it was etl>

      > follow a rename

      # DatabricksJob/load was DatabricksJob/etl and keeps its object
      # manifests/load.yaml:1
      > DatabricksJob/load "etl" (id <job etl>)

    Plan: 0 to create, 0 to update, 1 to move, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.job("etl")["job_id"], before);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn what_cannot_be_changed_in_place_is_made_anew() {
    let world = World::new();
    let pool = "\
apiVersion: plumb/v1
kind: DatabricksInstancePool
metadata: {name: workers}
spec: {instance_pool_name: workers, node_type_id: r6id.xlarge, max_capacity: 10}
";
    let etl = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: etl}
spec:
  name: etl
  tasks:
    - task_key: main
      notebook_task: {notebook_path: /Shared/etl}
      new_cluster:
        spark_version: 15.4.x-scala2.12
        instance_pool_id: ${resources.DatabricksInstancePool.workers}
        num_workers: 2
";
    world.write("manifests/pool.yaml", pool);
    world.commit_file("manifests/etl.yaml", etl, "Add a pool and its user");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
    world.edit("manifests/pool.yaml", "r6id.xlarge", "r6id.4xlarge");
    world.commit("Take bigger machines");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Take bigger machines>

      ~ update in place
      -/+ delete, then create again

      # DatabricksInstancePool/workers must be replaced
      # manifests/pool.yaml:1
      ! ends the pool's idle instances; clusters that use it cannot grow any more
      -/+ DatabricksInstancePool/workers "workers" (id <pool workers>)
          ~ node_type_id = "r6id.xlarge" -> "r6id.4xlarge"
                # forces replacement, manifests/pool.yaml:4, manifest <Take bigger machines> by Ada: Take bigger
                # machines

      # DatabricksJob/etl will be updated in place
      # manifests/etl.yaml:1
      # after DatabricksInstancePool/workers
      ~ DatabricksJob/etl "etl" (id <job etl>)
          ~ tasks[main].new_cluster.instance_pool_id =
                # manifests/etl.yaml:11, `${resources.DatabricksInstancePool.workers}` gets another id
          -   "<pool workers>"
          +   (id of DatabricksInstancePool/workers)

    Plan: 0 to create, 1 to update, 1 to replace, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 2 objects with 5 requests in <time>
    --- exit 0
    "#);
    world.sandbox.requests();
    shows!(world.plumb("apply --yes --output json --out plan.json"), @"
    --- stderr
    read 2 objects with 5 requests in <time>
    replacing DatabricksInstancePool/workers
    [1/2] replaced DatabricksInstancePool/workers in <time>
    updating DatabricksJob/etl
    [2/2] updated DatabricksJob/etl in <time>
    Apply: 2 done.
    wrote plan.json
    --- exit 0
    ");
    let expected =
        ["POST /api/2.0/instance-pools/delete", "POST /api/2.0/instance-pools/create", "POST /api/2.2/jobs/reset"];
    assert_eq!(world.sandbox.writes(), expected);
    shows!(world.plumb("plan --detailed-exitcode"), @"
    Plan of demo for target dev, manifests at <Take bigger machines>

    No changes. The workspace equals the manifests.
    2 resources up to date.
    Digest: <digest>
    --- stderr
    read 2 objects with 4 requests in <time>
    --- exit 0
    ");
    let pools = world.sandbox.get("/api/2.0/instance-pools/list");
    let job = world.sandbox.job("etl");
    let used = job.pointer("/settings/tasks/0/new_cluster/instance_pool_id");
    assert_eq!(pools.pointer("/instance_pools/0/instance_pool_id"), used);
}

#[test]
fn a_plan_for_tools() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    world.plumb("apply --yes").code(0);
    world.sandbox.edit_job("etl", json!({"max_concurrent_runs": 7}));
    let plan = world.plumb("plan --output json").code(0).json();
    assert_eq!(plan["format"], "plumb.plan/v1");
    let change = &plan["changes"][0];
    assert_eq!((&change["action"], &change["address"]), (&json!("update"), &json!("DatabricksJob/etl")));
    assert_eq!(change["fields"].as_array().map(Vec::len), Some(1));
    assert_eq!(change["fields"][0]["origin"], "drift");
    assert_eq!(change["calls"], json!(["POST /api/2.2/jobs/reset"]));
    let schema: Value = serde_json::from_str(include_str!("../../schemas/plan.json")).unwrap();
    jsonschema::validate(&schema, &plan).map_err(|e| e.to_string()).unwrap();
    // The same workspace and manifests give the same bytes.
    assert_eq!(world.plumb("plan --output json").out, world.plumb("plan --output json").out);
    shows!(world.plumb("plan --output markdown -q"), @r#"
    ### Plan of `demo` for target `dev`

    **1 to update**

    #### What had already drifted

    <details><summary>~ <code>DatabricksJob/etl</code> will be updated in place: 1 field</summary>

    [live job `<job etl>`](<<host>/jobs/<job etl>?o=7474001122334455>)

    ```diff
    # "etl" (id <job etl>)
    # manifests/etl.yaml:1
    - max_concurrent_runs = 7
    + max_concurrent_runs = 1
    #     manifests/etl.yaml:6, changed live; the service's default
    ```

    </details>

    To apply it: `plumb apply --target dev --approved <digest>`

    Digest `<digest>`, manifests at `<Add etl>`
    --- exit 0
    "#);
    shows!(world.plumb("drift --output junit -q"), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites tests="1" failures="1" errors="0">
      <testsuite name="plumb drift" tests="1" failures="1" errors="0">
        <testcase classname="manifests/etl.yaml" name="drift: DatabricksJob/etl max_concurrent_runs is 7 live; wanted is 1, the service&apos;s default" file="manifests/etl.yaml" line="6">
          <failure type="drift" message="DatabricksJob/etl max_concurrent_runs is 7 live; wanted is 1, the service&apos;s default">manifests/etl.yaml:6: DatabricksJob/etl max_concurrent_runs is 7 live; wanted is 1, the service&apos;s default</failure>
        </testcase>
      </testsuite>
    </testsuites>
    --- exit 2
    "#);
    let sarif = world.plumb("drift --output sarif").code(2).json();
    let place = sarif.pointer("/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri");
    assert_eq!(place, Some(&json!("manifests/etl.yaml")));
    shows!(world.plumb("plan --output json --out plan.json"), @"
    --- stderr
    read 1 object with 5 requests in <time>
    wrote plan.json
    --- exit 0
    ");
    assert!(serde_json::from_str::<Value>(&world.read("plan.json")).is_ok());
    // A text is nothing that an apply could take.
    let hint = "to apply the plan later, write it with `--output json`";
    world.plumb("plan --out p.plan").code(0).says(hint);
    world.plumb("plan --out plan.txt").code(0).never_says(hint);
}

#[test]
fn a_selection_never_prunes_and_a_typing_mistake_is_noticed() {
    let world = World::new();
    let labelled =
        job("etl", "").replace("metadata:\n  name: etl\n", "metadata:\n  name: etl\n  labels: {team: red}\n");
    world.write("manifests/etl.yaml", &labelled);
    world.write("manifests/report.yaml", &job("report", ""));
    world.commit_file("manifests/gone.yaml", &job("gone", ""), "Add jobs");
    world.plumb("apply --yes").code(0);
    world.remove("manifests/gone.yaml");
    world.edit("manifests/etl.yaml", "/Shared/etl", "/Shared/etl2");
    world.edit("manifests/report.yaml", "/Shared/report", "/Shared/report2");
    world.commit("Change both and remove one");
    for select in
        ["--only DatabricksJob/etl", "--only etl", "--only */e*", "-l team=red", "--only DatabricksJob -l team=red"]
    {
        let plan = world.plumb(&format!("plan --output json {select}")).code(0).json();
        let addresses: Vec<&Value> = plan["changes"].as_array().unwrap().iter().map(|c| &c["address"]).collect();
        assert_eq!(addresses, ["DatabricksJob/etl"], "{select}");
    }
    world.plumb("apply --yes --only etl").code(0);
    assert!(world.sandbox.has_job("gone"));
    world.sandbox.requests();
    shows!(world.plumb("plan --only DatabricksJob/raport"), @"
    --- stderr
    error: the selection matches no resource of the manifests
    hint: did you mean `DatabricksJob/report`?
    --- exit 64
    ");
    shows!(world.plumb("plan --only raport"), @"
    --- stderr
    error: the selection matches no resource of the manifests
    hint: did you mean `report`?
    --- exit 64
    ");
    shows!(world.plumb("plan -l team=blue"), @"
    --- stderr
    error: the selection matches no resource of the manifests
    hint: there are: team=red
    --- exit 64
    ");
    assert_eq!(world.sandbox.requests(), [""; 0]);
    let plan = world.plumb("plan --output json").json();
    let actions: Vec<&Value> = plan["changes"].as_array().unwrap().iter().map(|c| &c["action"]).collect();
    assert_eq!(actions, ["delete", "update"]);
}

#[test]
fn variables_come_from_the_project_the_target_and_the_command_line() {
    let world = World::new();
    world.write(
        "plumb.yaml",
        "\
apiVersion: plumb/v1
kind: Project
metadata: {name: demo}
spec:
  variables: {limit: 60}
  targets:
    dev: {default: true, databricks: {}}
    prod: {databricks: {}, variables: {limit: 120}}
",
    );
    world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: ${var.limit}\n"), "Add etl");
    let limit = |arguments: &str| {
        let plan = world.plumb(&format!("plan --output json {arguments}")).code(0).json();
        let fields = plan["changes"][0]["fields"].as_array().unwrap().clone();
        fields.iter().find(|f| f["path"] == "timeout_seconds").unwrap()["to"].clone()
    };
    assert_eq!(limit(""), 60);
    assert_eq!(limit("--target prod"), 120);
    assert_eq!(limit("--target prod --var limit=5"), 5);
    world.sandbox.requests();
    shows!(world.plumb("plan --var limit"), @"
    --- stderr
    error: invalid value 'limit' for '--var <NAME=VALUE>': expected NAME=VALUE

    For more information, try '--help'.
    --- exit 64
    ");
    shows!(world.plumb("plan --var limt=5"), @"
    --- stderr
    error: --var limt: there is no variable `limt`; did you mean `limit`?
    --- exit 64
    ");
    shows!(world.plumb("plan --target prd"), @"
    --- stderr
    error: there is no target `prd`; did you mean `prod`?
    hint: targets: dev, prod
    --- exit 64
    ");
    assert_eq!(world.sandbox.requests(), [""; 0]);
}
