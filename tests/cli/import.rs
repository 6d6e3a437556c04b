//! Taking over what is there: import, adopt, and an empty plan.

use crate::shows;
use crate::world::{PROJECT, World};
use serde_json::{Value, json};

fn workspace() -> Value {
    json!({
        "policies": [{"name": "Small clusters", "definition": {
            "autotermination_minutes": {"type": "fixed", "value": 30},
            "custom_tags.team": {"type": "fixed", "value": "data"},
        }}],
        "instance_pools": [{"instance_pool_name": "Workers", "node_type_id": "r6id.xlarge", "max_capacity": 10,
            "instance_pool_id": "0101-000000-pool-aaaaaaaa"}],
        "clusters": [{"cluster_name": "Analysts", "spark_version": "15.4.x-scala2.12", "node_type_id": "r6id.xlarge",
            "num_workers": 2, "autotermination_minutes": 30, "state": "TERMINATED",
            "libraries": [{"pypi": {"package": "polars==1.0"}}]}],
        "jobs": [
            {"name": "[bau] Nightly / load", "max_concurrent_runs": 3, "tags": {"team": "data"}, "tasks": [
                {"task_key": "load", "notebook_task": {"notebook_path": "/Shared/load"}, "new_cluster": {
                    "spark_version": "15.4.x-scala2.12", "num_workers": 1,
                    "instance_pool_id": "0101-000000-pool-aaaaaaaa"}},
                {"task_key": "check", "depends_on": [{"task_key": "load"}],
                    "notebook_task": {"notebook_path": "/Shared/check"}, "new_cluster": {
                    "spark_version": "15.4.x-scala2.12", "num_workers": 1, "node_type_id": "r6id.xlarge"}}]},
            {"name": "etl", "tasks": [{"task_key": "main", "notebook_task": {"notebook_path": "/Shared/etl"},
                "existing_cluster_id": "0101-000000-abcdefgh"}]},
        ],
    })
}

#[test]
fn everything_is_imported_and_taken_over_without_a_change() {
    let world = World::seeded(&workspace());
    world.commit("Begin");
    shows!(world.plumb("import --all"), @"
    manifests/clusters/analysts.yaml
    manifests/policies/small-clusters.yaml
    manifests/pools/workers.yaml
    manifests/jobs/bau-nightly-load.yaml
    manifests/jobs/etl.yaml
    --- stderr
    read 7 objects with 13 requests in <time>
    Not imported, for it is the platform's own: schema main.default (a catalog is made with it).
    Not imported, for it is the platform's own: schema main.information_schema (every catalog has one, of views that describe it).
    5 manifests written. `plumb plan` shows them as adopted.
    --- exit 0
    ");
    assert_eq!(world.sandbox.writes(), [""; 0]);
    insta::assert_snapshot!(world.scrub(&world.read("manifests/jobs/bau-nightly-load.yaml")), @"
    # yaml-language-server: $schema=../../schemas/plumb.json
    apiVersion: plumb/v1
    kind: DatabricksJob
    metadata:
      name: bau-nightly-load
      adopt:
        dev: '<job [bau] Nightly / load>'
    spec:
      name: '[bau] Nightly / load'
      max_concurrent_runs: 3
      tags:
        team: data
      tasks:
      - task_key: load
        new_cluster:
          spark_version: 15.4.x-scala2.12
          data_security_mode: SINGLE_USER
          instance_pool_id: ${resources.DatabricksInstancePool.workers}
          num_workers: 1
        notebook_task:
          notebook_path: /Shared/load
      - task_key: check
        depends_on:
        - task_key: load
        new_cluster:
          spark_version: 15.4.x-scala2.12
          data_security_mode: SINGLE_USER
          node_type_id: r6id.xlarge
          num_workers: 1
          aws_attributes:
            availability: SPOT_WITH_FALLBACK
            zone_id: us-east-1c
        notebook_task:
          notebook_path: /Shared/check
    ");
    insta::assert_snapshot!(world.scrub(&world.read("manifests/clusters/analysts.yaml")), @"
    # yaml-language-server: $schema=../../schemas/plumb.json
    apiVersion: plumb/v1
    kind: DatabricksCluster
    metadata:
      name: analysts
      adopt:
        dev: <cluster Analysts>
    spec:
      cluster_name: Analysts
      spark_version: 15.4.x-scala2.12
      autotermination_minutes: 30
      node_type_id: r6id.xlarge
      num_workers: 2
      aws_attributes:
        availability: SPOT_WITH_FALLBACK
        zone_id: us-east-1c
      libraries:
      - pypi:
          package: polars==1.0
    ");
    insta::assert_snapshot!(world.scrub(&world.read("manifests/policies/small-clusters.yaml")), @"
    # yaml-language-server: $schema=../../schemas/plumb.json
    apiVersion: plumb/v1
    kind: DatabricksClusterPolicy
    metadata:
      name: small-clusters
      adopt:
        dev: <policy Small clusters>
    spec:
      name: Small clusters
      definition:
        autotermination_minutes:
          type: fixed
          value: 30
        custom_tags.team:
          type: fixed
          value: data
    ");
    insta::assert_snapshot!(world.scrub(&world.read("manifests/pools/workers.yaml")), @"
    # yaml-language-server: $schema=../../schemas/plumb.json
    apiVersion: plumb/v1
    kind: DatabricksInstancePool
    metadata:
      name: workers
      adopt:
        dev: <pool Workers>
    spec:
      instance_pool_name: Workers
      enable_elastic_disk: true
      max_capacity: 10
      node_type_id: r6id.xlarge
      aws_attributes:
        availability: SPOT
        zone_id: us-east-1c
    ");
    world.commit("Import everything");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Import everything>

      <= take over an existing object

      # DatabricksCluster/analysts will take over the existing object (id <cluster Analysts>)
      # manifests/clusters/analysts.yaml:2
      <= DatabricksCluster/analysts "Analysts" (id <cluster Analysts>)

      # DatabricksClusterPolicy/small-clusters will take over the existing object (id <policy Small clusters>)
      # manifests/policies/small-clusters.yaml:2
      <= DatabricksClusterPolicy/small-clusters "Small clusters" (id <policy Small clusters>)

      # DatabricksInstancePool/workers will take over the existing object (id <pool Workers>)
      # manifests/pools/workers.yaml:2
      <= DatabricksInstancePool/workers "Workers" (id <pool Workers>)

      # DatabricksJob/bau-nightly-load will take over the existing object (id <job [bau] Nightly / load>)
      # manifests/jobs/bau-nightly-load.yaml:2
      # after DatabricksInstancePool/workers
      <= DatabricksJob/bau-nightly-load "[bau] Nightly / load" (id <job [bau] Nightly / load>)

      # DatabricksJob/etl will take over the existing object (id <job etl>)
      # manifests/jobs/etl.yaml:2
      <= DatabricksJob/etl "etl" (id <job etl>)

    Plan: 0 to create, 0 to update, 5 to adopt, 0 to delete. 0 unchanged.
    An apply changes nothing but the marks.
    Digest: <digest>
    --- stderr
    read 5 objects with 8 requests in <time>
    --- exit 0
    "#);
    // A second time, before any apply.
    shows!(world.plumb("import --all"), @"
    --- stderr
    read 7 objects with 13 requests in <time>
    Not imported, for it is the platform's own: schema main.default (a catalog is made with it).
    Not imported, for it is the platform's own: schema main.information_schema (every catalog has one, of views that describe it).
    Nothing to import: all 5 objects have a manifest here already.
    --- exit 0
    ");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
    shows!(world.plumb("import --all"), @"
    --- stderr
    read 7 objects with 13 requests in <time>
    Not imported, for it is the platform's own: schema main.default (a catalog is made with it).
    Not imported, for it is the platform's own: schema main.information_schema (every catalog has one, of views that describe it).
    Nothing to import: all 5 objects have a manifest here already.
    --- exit 0
    ");
    // Those of one kind alone, and those that others own.
    world.plumb("import pool --all").says("the one object has a manifest here already");
    world.edit("plumb.yaml", "metadata: {name: demo}", "metadata: {name: other}");
    world.remove("manifests/jobs/etl.yaml");
    world.plumb("import --all").code(0).says("4 objects have a manifest here already, and 1 belongs to a project.");
    for folder in ["clusters", "jobs", "policies", "pools"] {
        std::fs::remove_dir_all(world.dir().join("manifests").join(folder)).unwrap();
    }
    shows!(world.plumb("import --all"), @"
    --- stderr
    read 7 objects with 13 requests in <time>
    Not imported, for it is the platform's own: schema main.default (a catalog is made with it).
    Not imported, for it is the platform's own: schema main.information_schema (every catalog has one, of views that describe it).
    Nothing to import: all 5 objects belong to projects.
    --- exit 0
    ");
}

#[test]
fn one_object_of_each_kind_is_imported_by_its_id() {
    let world = World::seeded(&workspace());
    world.commit("Begin");
    let job = world.sandbox.job("etl")["job_id"].to_string();
    shows!(world.plumb(&format!("import job {job}")), @"
    manifests/jobs/etl.yaml
    --- stderr
    read 5 objects with 4 requests in <time>
    1 manifest written. `plumb plan` shows it as adopted.
    --- exit 0
    ");
    // Twice would be two claims to one job.
    shows!(world.plumb(&format!("import job {job}")), @"
    --- stderr
    read 5 objects with 4 requests in <time>
    error: job <job etl> has a manifest already: DatabricksJob/etl (manifests/jobs/etl.yaml:2); nothing was written
    --- exit 1
    ");
    std::fs::rename(world.dir().join("manifests/jobs"), world.dir().join("jobs")).unwrap();
    std::fs::create_dir_all(world.dir().join("manifests/jobs")).unwrap();
    world.write("manifests/jobs/etl.yaml", "");
    shows!(world.plumb(&format!("import DatabricksJob {job}")), @"
    --- stderr
    read 5 objects with 4 requests in <time>
    error: manifests/jobs/etl.yaml is there already; nothing was written
    hint: move it away, or choose another folder with --out
    --- exit 1
    ");
    assert_eq!(world.read("manifests/jobs/etl.yaml"), "");
    std::fs::remove_dir_all(world.dir().join("manifests/jobs")).unwrap();
    std::fs::rename(world.dir().join("jobs"), world.dir().join("manifests/jobs")).unwrap();
    let cluster = world.sandbox.cluster("Analysts")["cluster_id"].as_str().unwrap().to_owned();
    world.plumb(&format!("import cluster {cluster}")).code(0);
    let policies = world.sandbox.get("/api/2.0/policies/clusters/list");
    let policy = policies.pointer("/policies/0/policy_id").unwrap().as_str().unwrap().to_owned();
    world.plumb(&format!("import policy {policy}")).code(0);
    world.plumb("import pool 0101-000000-pool-aaaaaaaa --permissions").code(0);
    let plan = world.plumb("plan --output json").code(0).json();
    let changes = plan["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 4, "{plan:#}");
    for change in changes {
        assert_eq!((&change["action"], &change["fields"]), (&json!("adopt"), &json!([])), "{change:#}");
    }
    // What this project made has a manifest, too.
    world.plumb("apply --yes").code(0);
    world.edit("manifests/jobs/etl.yaml", &format!("  adopt:\n    dev: '{job}'\n"), "");
    world.plumb(&format!("import job {job}")).code(1).says("has a manifest already");
}

#[test]
fn what_cannot_be_imported_is_said() {
    let world = World::seeded(&workspace());
    world.commit("Begin");
    shows!(world.plumb("import job 1"), @"
    --- stderr
    read 5 objects with 4 requests in <time>
    error: no job has the id 1
    hint: nothing was written
    --- exit 1
    ");
    shows!(world.plumb("import dashboard 1"), @"
    --- stderr
    error: no kind is called `dashboard`
    hint: there are: AirflowConnection (Airflow connection), AirflowDag (DAG), AirflowPool (Airflow pool), AirflowVariable (Airflow variable), DatabricksCluster (cluster), DatabricksClusterPolicy (cluster policy), DatabricksExternalLocation (external location), DatabricksInstancePool (instance pool), DatabricksJob (job), DatabricksPipeline (pipeline), DatabricksSchema (schema), DatabricksSecretScope (secret scope), DatabricksSqlWarehouse (SQL warehouse), DatabricksVolume (volume)
    --- exit 64
    ");
    shows!(world.plumb("import"), @"
    --- stderr
    error: nothing is named that could be imported
    hint: one object: `plumb import job 123456789`
    hint: everything that no project owns: `plumb import --all`
    hint: the pipelines of EMR: `plumb import emr`
    --- exit 64
    ");
    assert_eq!(world.plumb("import --target dev").code(64).err, world.plumb("import").err);
    shows!(world.plumb("import job"), @"
    --- stderr
    error: which job? No id is given
    hint: one object: `plumb import job ID`
    hint: everything that no project owns: `plumb import --all`
    hint: the pipelines of EMR: `plumb import emr`
    --- exit 64
    ");
    world.plumb("import DatabricksJobs 1").code(64).says("hint: did you mean `DatabricksJob`?");
    assert_eq!(std::fs::read_dir(world.dir().join("manifests")).unwrap().count(), 0);
}

#[test]
fn init_writes_workflows_and_overwrites_none() {
    let world = World::new();
    world.remove("plumb.yaml");
    world.write(".github/workflows/drift.yml", "name: ours\n");
    world
        .plumb("init --name demo --ci github")
        .code(0)
        .says("plumb.yaml\n.github/actions/plumb/action.yml\n.github/workflows/build.yml\n.github/workflows/plan.yml\n")
        .says(".github/workflows/cost.yml\n")
        .says(".github/workflows/drift.yml is there and differs; it stays as it is")
        .says("PLUMB_TARGET    prod: without it CI sees the sandbox alone\n     PLUMB_VERSION ");
    assert_eq!(world.read(".github/workflows/drift.yml"), "name: ours\n");
    // Those that plumb's own repository runs, but for the one that builds plumb.
    let own =
        |path: &str| std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    for name in ["plan", "apply", "diagnose", "parity", "cost", "board"] {
        let path = format!(".github/workflows/{name}.yml");
        assert_eq!(world.read(&path), own(&path));
    }
    assert!(!world.read(".github/workflows/build.yml").contains("cargo"));
    // Into a project that is there already, and again.
    world.commit("Begin");
    world.remove(".github/workflows/cost.yml");
    world
        .plumb("init --ci github")
        .code(0)
        .says(".github/workflows/cost.yml\n")
        .says("plan.yml is there\n")
        .never_says("plan.yml is there and");
    world.plumb("init --ci github").code(0).never_says("Next:");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    world.plumb("init --ci github --name other").code(64).says("has a name already");
    // They would not run in a folder.
    world.write("inner/plumb.yaml", &world.read("plumb.yaml"));
    world.plumb("-C inner init --ci github").code(1).says("plumb.yaml is in a folder of it");
    assert!(!world.dir().join("inner/.github").exists());
}

#[test]
fn a_new_project_begins_with_init() {
    let world = World::new();
    world.remove("plumb.yaml");
    world.plumb("plan").code(1).says("plumb init");
    shows!(world.plumb("init --name demo"), @"
    schemas/
    manifests/example.yaml.txt
    .gitignore
    plumb.yaml
    --- stderr
    Next:
      1. databricks auth login --profile prod  # unless ~/.databrickscfg has it
      2. plumb import --all --target prod      # manifests of what is there
      3. plumb plan --target prod              # changes nothing, and says so
    Or the example, without an account:
         mv manifests/example.yaml.txt manifests/hello.yaml
         plumb plan
    --- exit 0
    ");
    insta::assert_snapshot!(world.read("plumb.yaml"), @r#"
    # yaml-language-server: $schema=schemas/plumb.json
    apiVersion: plumb/v1
    kind: Project
    metadata:
      name: demo
    spec:
      manifests: [manifests]
      targets:
        sandbox:
          sandbox: true             # the embedded emulator: no account needed
          default: true
        prod:
          databricks: {profile: prod}
      guards: {maxDeletes: 3, maxChangePercent: 30}
    "#);
    world.commit("Begin");
    world.plumb("validate").code(0);
    shows!(world.plumb("plan"), @"
    Plan of demo for target sandbox, manifests at <Begin>

    No changes. The workspace equals the manifests.
    0 resources up to date.
    Digest: <digest>
    --- stderr
    read 0 objects with 10 requests in <time>
    --- exit 0
    ");
    shows!(world.plumb("init"), @"
    --- stderr
    error: ./plumb.yaml is there already; nothing was written
    --- exit 1
    ");
    // The state of the emulator is no difference of the repository.
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.sandbox.requests(), [""; 0]);
    world.write("plumb.yaml", PROJECT);
    world.plumb("plan --detailed-exitcode").code(0);
}

/// An account with a monthly pipeline of which these months ran, each on the second day of the next.
fn monthly(months: &[(&str, &str)]) -> World {
    let cluster = |(month, created): &(&str, &str)| {
        let args =
            ["spark-submit", "s3://code/load.py", "--month", month, "--output", &format!("s3://lake/out/{month}/")];
        // AWS forgets clusters that ended two months ago: these wait.
        json!({"created": format!("{created}T04:00:00Z"),
            "run": {"Name": format!("sales-{month}"), "ReleaseLabel": "emr-7.1.0", "JobFlowRole": "R", "ServiceRole": "S",
                "Instances": {"KeepJobFlowAliveWhenNoSteps": true, "InstanceGroups": [{"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}]},
                "Steps": [{"Name": format!("load {month}"), "ActionOnFailure": "TERMINATE_CLUSTER",
                    "HadoopJarStep": {"Jar": "command-runner.jar", "Args": args}}]}})
    };
    World::with_emr(&json!({"emr": {"clusters": months.iter().map(cluster).collect::<Vec<_>>()}}))
}

#[test]
fn dates_of_emr_become_parameters_that_the_next_months_import_leaves_alone() {
    let months = [("2026-08", "2026-09-02"), ("2026-09", "2026-10-02"), ("2026-10", "2026-11-02")];
    let world = monthly(&months[..2]);
    world.plumb("import emr").code(0);
    let job = world.read("manifests/sales/job.yaml");
    assert!(job.contains("- \"{{job.parameters.month}}\"\n") && !job.contains("2026-"), "{job}");
    assert!(job.contains("{{job.parameters.output}}/out/{{job.parameters.month}}/"), "{job}");
    assert!(job.contains("default: \"{{job.start_time.year}}-{{job.start_time.month}}\""), "{job}");
    let dag = world.read("manifests/sales/dag.yaml");
    assert!(dag.contains("month: \"{{ data_interval_end.subtract(months=1).strftime('%Y-%m') }}\""), "{dag}");
    assert!(world.read("manifests/sales/migration.yaml").contains("parameter: month"));
    let report = world.read("manifests/sales/translation.md");
    assert!(report.contains("told by comparing it with j-") && report.contains("proven by 2 runs"), "{report}");
    world.plumb("validate").code(0);

    let later = monthly(&months);
    for file in ["job.yaml", "dag.yaml", "legacy.yaml", "migration.yaml", "translation.md", "translation.json"] {
        let path = format!("manifests/sales/{file}");
        later.write(&path, &world.read(&path));
    }
    later.write("plumb.yaml", &world.read("plumb.yaml"));
    let mut ran = later.plumb("import emr").code(0);
    for file in ["job", "dag", "legacy", "migration"] {
        ran = ran.says(&format!("unchanged manifests/sales/{file}.yaml"));
    }
}

#[test]
fn scripts_are_read_where_that_is_wanted() {
    let run = "#!/bin/bash\nset -e\npip3 install boto3==1.34.0\nspark-submit s3://acme-code/load.py --env \"$1\" --password hunter2\n";
    let step = |name: &str, script: &str| {
        json!({ "Name": name, "ActionOnFailure": "TERMINATE_CLUSTER", "HadoopJarStep": {
            "Jar": "s3://eu-central-1.elasticmapreduce/libs/script-runner/script-runner.jar",
            "Args": [format!("s3://acme-code/{script}"), "prod"] } })
    };
    let cluster = json!({ "created": "2024-05-02T04:00:00Z", "run": {
        "Name": "nightly", "ReleaseLabel": "emr-7.1.0", "JobFlowRole": "R", "ServiceRole": "S",
        "Applications": [{ "Name": "Spark" }], "Steps": [step("load", "run.sh"), step("gone", "gone.sh")],
        "Instances": { "KeepJobFlowAliveWhenNoSteps": true,
            "InstanceGroups": [{ "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 }] } } });
    let seed = json!({ "emr": { "clusters": [cluster] }, "s3": { "buckets": { "acme-code": { "run.sh": run } } } });
    let world = World::with_emr(&seed);
    world.commit("Begin");
    // Nobody has read them: both are tasks that fail.
    world.plumb("import emr").code(0);
    let unread = world.read("manifests/nightly/job.yaml");
    assert_eq!(unread.matches("-needs-a-person\"").count(), 2, "{unread}");
    world
        .plumb("import emr --read-scripts")
        .code(0)
        .says("s3://acme-code/gone.sh could not be read")
        .says("read 1 of 2 scripts");
    let job = world.read("manifests/nightly/job.yaml");
    for line in [
        "python_file: \"s3://acme-code/load.py\"",
        "- prod",
        "package: \"boto3==1.34.0\"",
        "/Workspace/plumb/untranslated/gone-needs-a-person",
        "the script could not be read",
    ] {
        assert!(job.contains(line), "{line} is not in\n{job}");
    }
    for file in ["job.yaml", "translation.md", "translation.json"] {
        assert!(!world.read(&format!("manifests/nightly/{file}")).contains("hunter2"), "{file}");
    }
    // Given once, it counts for this pipeline in every later import.
    world.plumb("import emr").code(0).says("read 1 of 2 scripts");
    assert_eq!(world.read("manifests/nightly/job.yaml"), job);
    world.plumb("validate").code(0);
}
