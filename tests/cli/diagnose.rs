//! `plumb diagnose` against runs of the sandbox that failed for a known reason, and against logs alone.

use super::world::{TOKEN, World, job};
use serde_json::{Value, json};

/// What a usual failure may cost.
const MOST_REQUESTS: u64 = 40;
const MOST_BYTES: u64 = 20_000_000;

/// The job that fails, with the settings of its cluster.
fn audience() -> Value {
    json!({ "name": "audience", "tasks": [
        { "task_key": "load", "job_cluster_key": "main", "notebook_task": { "notebook_path": "/Shared/load" } },
        { "task_key": "score", "depends_on": [{ "task_key": "load" }], "job_cluster_key": "main",
          "notebook_task": { "notebook_path": "/Shared/score" }, "libraries": [{ "pypi": { "package": "acme==2.0.0" } }] }],
        "job_clusters": [{ "job_cluster_key": "main", "new_cluster": { "spark_version": "16.4.x-scala2.12", "num_workers": 4,
            "node_type_id": "r6id.2xlarge",
            "cluster_log_conf": { "s3": { "destination": "s3://logs/dbx", "region": "eu-central-1" } },
            "init_scripts": [{ "workspace": { "destination": "/Shared/init.sh" } }] } }] })
}

/// A time of day some days ago: clusters are forgotten after a month.
fn ago(days: i64, time: &str) -> String {
    let day = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
    format!("{}T{time}Z", &day.to_string()[..10])
}

fn run_of(job: &str, day: u32, outcome: &Value) -> Value {
    let days = 12 - i64::from(day);
    json!({ "job": job, "started": ago(days, "04:00:00"), "ended": ago(days, "06:40:00"), "outcome": outcome, "given": { "job_parameters": { "month": format!("2024-{day:02}") } } })
}

/// A world with a workspace and an EMR that forgets nothing.
fn world() -> World {
    let world = World::with_emr(&Value::Null);
    world.write("manifests/other.yaml", &job("other", ""));
    world.sandbox.post("/_sandbox/settings", json!({ "emr": { "forget_days": 100_000 } }));
    world
}

/// The ids of the runs that failed so.
fn failed_runs(world: &World, scenarios: &[&str]) -> Vec<u64> {
    let runs: Vec<Value> =
        scenarios.iter().map(|s| run_of("audience", 2, &json!({ "scenario": s, "task": "score" }))).collect();
    let seeded = world.sandbox.post("/_sandbox/seed", json!({ "jobs": [audience()], "runs": runs }));
    seeded["runs"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
}

#[track_caller]
fn cheap(diagnosis: &Value) {
    let read = &diagnosis["read"];
    assert!(read["requests"].as_u64().unwrap() <= MOST_REQUESTS, "{read}");
    assert!(read["bytes"].as_u64().unwrap() <= MOST_BYTES, "{read}");
}

#[test]
fn runs_of_databricks_name_their_cause_in_few_requests() {
    let world = world();
    let expected = [
        ("spot-lost", "SPOT_RECLAIM"),
        ("init-script", "INIT_SCRIPT"),
        ("library", "LIB_INSTALL"),
        ("capacity", "CAPACITY"),
        ("uc-permission", "UC_PERMISSION"),
        ("user-code", "USER_CODE"),
        ("timeout", "TIMEOUT"),
        ("run-limit", "RUN_LIMIT"),
    ];
    let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    let mut wrong: Vec<String> = Vec::new();
    for ((scenario, class), id) in expected.iter().zip(failed_runs(&world, &names)) {
        let ran = world.plumb(&format!("diagnose {id} --output json"));
        let diagnosis = ran.json();
        assert_eq!(diagnosis["outcome"], "failed", "{scenario}: {diagnosis:#}");
        cheap(&diagnosis);
        ran.never_says(TOKEN);
        if diagnosis["cause"]["class"] != *class {
            wrong.push(format!("{scenario}: {diagnosis:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_may_not_be_read_is_listed_with_what_it_takes() {
    let world = world();
    let id = failed_runs(&world, &["spot-lost"])[0];
    let denied = json!({ "s3": { "denied": [{ "action": "s3:GetObject", "path": "logs/*" }] } });
    world.sandbox.post("/_sandbox/settings", denied);
    let diagnosis = world.plumb(&format!("diagnose {id} --all --output json")).json();
    let missing = diagnosis["missing"].to_string();
    assert!(missing.contains("s3:GetObject on arn:aws:s3:::logs/dbx/"), "{missing}");
    world.sandbox.fault(json!({ "path": "/api/2.1/clusters/events", "status": 403, "times": 1 }));
    let diagnosis = world.plumb(&format!("diagnose {id} --output json")).json();
    assert!(diagnosis["missing"].to_string().contains("CAN_VIEW on the job"), "{diagnosis:#}");
}

#[test]
fn an_address_says_which_run_and_has_to_be_of_the_target() {
    let world = world();
    let id = failed_runs(&world, &["user-code"])[0];
    let host = &world.sandbox.url;
    for address in [format!("{host}/#job/1/run/{id}"), format!("{host}/jobs/1/runs/{id}?o=1")] {
        world.plumb_with(&["diagnose", &address]).code(0).says("USER_CODE");
    }
    let other = format!("https://other.cloud.databricks.com/jobs/1/runs/{id}");
    world.plumb_with(&["diagnose", &other]).code(1).says("is of the workspace other.cloud.databricks.com");
    world.plumb("diagnose 1").code(1).says("run 1 cannot be read").says("hint: is it of this target");
}

const MANIFEST: &str = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: etl}
spec:
  name: etl
  parameters: [{name: month, default: none}]
  tasks:
    - task_key: main
      notebook_task: {notebook_path: /Shared/etl}
      new_cluster: {spark_version: 16.4.x-scala2.12, node_type_id: r6id.2xlarge, num_workers: 2}
";

#[test]
fn a_manifest_means_its_newest_failed_run() {
    let world = world();
    world.commit_file("manifests/etl.yaml", MANIFEST, "Add etl");
    world.commit_file("manifests/never.yaml", &job("never", ""), "Add never");
    world.plumb("apply --yes").code(0);
    world.plumb("diagnose DatabricksJob/never").code(1).says("it has no runs");
    let name = world.sandbox.get("/api/2.2/jobs/list?limit=100")["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["settings"]["name"].as_str().unwrap().to_owned())
        .find(|name| name.contains("etl"))
        .unwrap();
    let runs = [
        run_of(&name, 1, &json!({ "scenario": "capacity" })),
        run_of(&name, 2, &json!({ "scenario": "user-code" })),
        run_of(&name, 3, &json!({})),
    ];
    world.sandbox.post("/_sandbox/seed", json!({ "runs": runs }));
    let class =
        |command: &str| world.plumb(&format!("diagnose {command} --output json")).json()["cause"]["class"].clone();
    assert_eq!(class("DatabricksJob/etl"), "USER_CODE");
    assert_eq!(class("DatabricksJob/etl --run 2"), "CAPACITY");
    assert_eq!(class("DatabricksJob/etl --period 2024-01"), "CAPACITY");
    let green = world.plumb("diagnose DatabricksJob/etl --period 2024-03 --output json").code(0).json();
    assert_eq!((&green["outcome"], &green["cause"]), (&json!("succeeded"), &Value::Null));
    assert_eq!((&green["name"], &green["period"]), (&json!("DatabricksJob/etl"), &json!("2024-03")));
    world.plumb("diagnose DatabricksJob/etl --run 3").code(1).says("2 of its runs failed, and --run 3 was asked for");
    world.plumb("diagnose DatabricksJob/etl --period 2024-09").code(1).says("none of its 3 runs is for 2024-09");
    // The last run is green.
    world.plumb("diagnose").code(0).says("the last run of every job and DAG is green");
    world.sandbox.post("/_sandbox/seed", json!({ "runs": [run_of(&name, 4, &json!({ "scenario": "user-code" }))] }));
    let ran = world.plumb("diagnose").code(0);
    assert_eq!(ran.out.lines().take_while(|line| !line.is_empty()).count(), 1, "{}", ran.out);
    ran.says("DatabricksJob/etl").says("USER_CODE");
    let list = world.plumb("diagnose --output json").json();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["period"]), (1, &json!("2024-04")), "{list:#}");
}

/// A cluster of EMR whose second step failed so.
fn cluster(scenario: &str, name: &str) -> Value {
    let step = |name: &str| {
        json!({ "Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": { "Jar": "command-runner.jar", "Args": [
            "spark-submit", "--deploy-mode", "cluster", "s3://acme-artifacts/jobs/score.py", "--month", "2024-05"] } })
    };
    json!({
        "run": { "Name": name, "ReleaseLabel": "emr-6.15.0", "LogUri": "s3://logs/team/", "JobFlowRole": "r", "ServiceRole": "s",
            "Applications": [{ "Name": "Spark" }],
            "Instances": { "KeepJobFlowAliveWhenNoSteps": true, "InstanceGroups": [
                { "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 },
                { "InstanceRole": "CORE", "InstanceType": "r5.2xlarge", "InstanceCount": 2 },
                { "InstanceRole": "TASK", "InstanceType": "r5.2xlarge", "InstanceCount": 2, "Market": "SPOT" }] },
            "Steps": [step("first"), step("second")] },
        "created": "2024-05-20T04:00:00Z", "ready": "2024-05-20T04:10:00Z", "steps": [
            { "started": "2024-05-20T04:10:00Z", "ended": "2024-05-20T05:00:00Z" },
            { "scenario": scenario, "started": "2024-05-20T05:00:00Z", "ended": "2024-05-20T06:40:00Z" }],
    })
}

fn emr_manifest(name: &str) -> String {
    format!(
        "apiVersion: plumb/v1\nkind: EmrCluster\nmetadata: {{name: {name}}}\nspec:\n  match: {{name: {name}}}\n  desired: keep\n"
    )
}

#[test]
fn steps_of_emr_name_their_cause_in_few_requests() {
    let world = world();
    let mut wrong: Vec<String> = Vec::new();
    for (scenario, class) in [
        ("spot-reclaim", "SPOT_RECLAIM"),
        ("container-memory", "EXEC_OOM_CONTAINER"),
        ("driver-traceback", "USER_CODE"),
        ("kms-denied", "KMS"),
        ("input-missing", "PATH_MISSING"),
    ] {
        world.sandbox.post("/_sandbox/seed", json!({ "emr": { "clusters": [cluster(scenario, scenario)] } }));
        world.write(&format!("manifests/{scenario}.yaml"), &emr_manifest(scenario));
        let diagnosis = world.plumb(&format!("diagnose EmrCluster/{scenario} --output json")).json();
        assert_eq!(diagnosis["outcome"], "failed", "{scenario}: {diagnosis:#}");
        cheap(&diagnosis);
        if diagnosis["cause"]["class"] != class {
            wrong.push(format!("{scenario}: {diagnosis:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The logs alone, below a prefix, say as much of what they can know.
    let diagnosis = world.plumb("diagnose s3://logs/team/ --output json").json();
    assert!(diagnosis["read"]["files"].as_u64().unwrap() > 10, "{diagnosis:#}");
    world.plumb("diagnose s3://nothing-of-it/x/").code(1).says("no bucket `nothing-of-it`");
}

const LOG: &str = "\
24/05/02 04:12:05 INFO SparkContext: Running Spark version 3.5.0
24/05/02 04:51:09 ERROR ApplicationMaster: User class threw exception: org.apache.spark.sql.AnalysisException: [PATH_NOT_FOUND] Path does not exist: s3://acme-lake/raw/month=2024-05/.
24/05/02 04:51:09 INFO ApplicationMaster: Final app status: FAILED, exitCode: 15, (reason: User class threw exception)
";

#[test]
fn logs_alone_need_no_project_and_no_network() {
    let mut world = World::new();
    world.write("manifests/broken.yaml", "no: manifest");
    world.write("logs/driver.log", LOG);
    world.env("DATABRICKS_HOST", None);
    world.env("DATABRICKS_TOKEN", None);
    for what in ["logs", "logs/driver.log"] {
        let diagnosis = world.plumb(&format!("diagnose {what} --output json")).code(0).json();
        assert_eq!(diagnosis["cause"]["class"], "PATH_MISSING", "{diagnosis:#}");
        assert_eq!((&diagnosis["system"], &diagnosis["format"]), (&json!("logs"), &json!("plumb.diagnosis/v1")));
        assert_eq!(diagnosis["read"]["requests"], 0);
    }
    let both = world.plumb("diagnose logs/driver.log logs --output json").json();
    assert_eq!(both.as_array().unwrap().len(), 2);
    for form in ["text", "markdown", "html"] {
        world.plumb(&format!("diagnose logs --output {form}")).code(0).says("PATH_MISSING");
    }
    world.write("empty/.keep", "");
    world.plumb("diagnose empty").code(1).says("holds no file");
    world.plumb("diagnose -").code(1).says("standard input brought nothing");
    assert!(world.sandbox.requests().is_empty());
}

#[test]
fn what_cannot_be_asked_is_a_usage_error() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl-daily", ""), "Add etl");
    world.write("logs/driver.log", LOG);
    world.plumb("diagnose etl-dialy").code(64).says("did you mean `DatabricksJob/etl-daily`?").says("j-ID/s-ID");
    world.plumb("diagnose DatabricksJob/etl-dialy").code(64).says("did you mean `DatabricksJob/etl-daily`?");
    world.plumb("diagnose logs/none.log").code(64).says("no file or folder");
    world.plumb("diagnose logs --run 2").code(64).says("--run chooses a run of a manifest or a DAG");
    world.plumb("diagnose 1 --period 2024-05").code(64).says("--period chooses a run");
    world.plumb("diagnose logs --patch").code(64).says("--patch writes the change of one manifest, and none is named");
    world.plumb("diagnose logs --most 2x").code(64).says("a number and `MB`");
    world.plumb("diagnose logs --log-zone Mars").code(64).says("no time zone");
    world.plumb("diagnose logs --run 0").code(64);
}

#[test]
fn a_project_has_signatures_of_its_own() {
    let world = World::new();
    world.write("logs/driver.log", "24/05/02 04:51:09 ERROR Main: acme: ledger of month 2024-05 is still open\n");
    world.plumb("diagnose logs").code(2).says("not known").never_says("--all");
    world.write(
        "signatures/acme.yaml",
        "- class: ACME_LEDGER_OPEN\n  role: cause\n  says: the month is not closed\n  title: \"the ledger of {month} is open\"\n  words: ledger open\n  when:\n    - re: 'acme: ledger of month (?P<month>\\S+) is still open'\n      strength: typed\n      seen: ['acme: ledger of month 2024-05 is still open']\n      not: ['acme: ledger of month 2024-05 is closed']\n      source: acme's own program\n",
    );
    let diagnosis = world.plumb("diagnose logs --output json").json();
    assert_eq!(diagnosis["cause"]["class"], "ACME_LEDGER_OPEN", "{diagnosis:#}");
    world.write("signatures/acme.yaml", "- class: 7\n");
    world.plumb("diagnose logs").code(1).says("signatures/acme.yaml");
}

#[test]
fn a_red_dag_leads_to_the_run_that_it_started() {
    let seed = || {
        let run = |scenario: &str| {
            json!({ "run_id": format!("scheduled__{scenario}"), "logical_date": ago(5, "04:00:00"),
                "end_date": ago(5, "09:00:00"), "scenario": { "scenario": scenario, "job": "audience", "run": "spot-lost" } })
        };
        let dag = |id: &str, operator: &str, scenario: &str| {
            json!({ "dag_id": id, "runs": [run(scenario)], "tasks": [
                { "task_id": "begin", "operator": "EmptyOperator", "downstream": ["work"] },
                { "task_id": "work", "operator": operator, "downstream": ["end"], "retries": 1 },
                { "task_id": "end", "operator": "EmptyOperator" }] })
        };
        json!({ "jobs": [audience()], "airflow": { "dags": [
            dag("monthly", "DatabricksRunNowOperator", "databricks-run"),
            dag("lost", "DatabricksRunNowOperator", "zombie"),
            dag("waiting", "S3KeySensor", "sensor-timeout"),
        ] } })
    };
    for version in [3, 2] {
        let world = World::with_airflow(&Value::Null);
        world.write("manifests/other.yaml", &job("other", ""));
        world.sandbox.post("/_sandbox/settings", json!({ "airflow": { "version": version } }));
        world.sandbox.post("/_sandbox/seed", seed());
        let diagnosis = world.plumb("diagnose airflow:monthly/scheduled__databricks-run --output json").json();
        // The run that the task started is told from its log, and read.
        assert!(
            ["SPOT_RECLAIM", "FETCH_FAILED"].contains(&diagnosis["cause"]["class"].as_str().unwrap()),
            "{diagnosis:#}"
        );
        assert_eq!(diagnosis["read"]["events"], 10, "{version}: {diagnosis:#}");
        assert_eq!((&diagnosis["name"], &diagnosis["system"]), (&json!("monthly"), &json!("airflow")));
        cheap(&diagnosis);
        let newest = world.plumb("diagnose airflow:monthly --output json").json();
        assert_eq!(newest["cause"], diagnosis["cause"]);
        let url = world.sandbox.airflow.clone().unwrap();
        let grid = format!("{url}/dags/monthly/grid?dag_run_id=scheduled__databricks-run&task_id=work");
        world.plumb_with(&["diagnose", &grid]).code(0).says("monthly failed");
        let other = "https://airflow.example/dags/monthly/runs/scheduled__databricks-run";
        world.plumb_with(&["diagnose", other]).code(1).says("is of the Airflow https://airflow.example");
        let lost = world.plumb("diagnose airflow:lost --output json").json();
        assert_eq!(lost["cause"]["class"], "AIRFLOW_ZOMBIE", "{version}: {lost:#}");
        let waiting = world.plumb("diagnose airflow:waiting --output json").json();
        assert_eq!(waiting["cause"]["class"], "AIRFLOW_SENSOR", "{version}: {waiting:#}");
    }
}
