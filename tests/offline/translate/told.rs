//! What a report tells of values that have no effect, or whose effect stands in no manifest.

use super::cases::{self, files, translated};
use plumb_core::render;
use plumb_core::translate::{Fate, OldDag, Translation, translate};
use serde_json::{Value, json};

/// What a translation's report says in a section.
fn section(translation: &Translation, name: &str) -> String {
    let report = render::translation(translation);
    let rest = report.split_once(&format!("\n## {name}\n\n")).map_or("", |(_, rest)| rest);
    rest.split("\n## ").next().unwrap_or_default().to_owned()
}

fn serverless(parameters: &str) -> Translation {
    let run = json!({ "name": "r", "jobDriver": { "sparkSubmit": {
        "entryPoint": "s3://a/b.py", "sparkSubmitParameters": parameters } } });
    let input = json!({ "application": { "name": "a", "releaseLabel": "emr-7.1.0" }, "jobRuns": [run] });
    translate(&input, &cases::options())
}

fn steps(level: i64, actions: &[&str]) -> Translation {
    let step = |action: &&str| {
        json!({ "Name": "s", "ActionOnFailure": action, "Config": { "Jar": "command-runner.jar",
            "Args": ["spark-submit", format!("s3://a/{action}.py"), *action] } })
    };
    let steps: Vec<Value> = actions.iter().rev().map(step).collect();
    let cluster = json!({ "Name": "c", "ReleaseLabel": "emr-6.15.0", "StepConcurrencyLevel": level });
    translate(&json!({ "Cluster": cluster, "Steps": steps }), &cases::options())
}

fn why(translation: &Translation, field: &str) -> String {
    match translation.account.fates.get(field) {
        Some(Fate::Dropped { why }) => why.clone(),
        _ => String::new(),
    }
}

#[test]
fn each_release_is_told_with_the_runtime_that_takes_its_place() {
    let told = section(&steps(1, &["CONTINUE"]), "Runtimes");
    assert_eq!(told, "- `emr-6.15.0`, Spark 3.4: `16.4.x-scala2.12`, Spark 3.5\n");
    // Without a job there is none.
    assert_eq!(section(&steps(1, &[]), "Runtimes"), "");
}

#[test]
fn each_option_of_a_value_that_holds_several_is_told_apart() {
    let one = "--conf spark.emr-serverless.driverEnv.STAGE=a --conf spark.executorEnv.STAGE=b \
               --conf spark.executorEnv.PYSPARK_PYTHON=./p --num-executors 3 --conf spark.my=x";
    let translation = serverless(one);
    let field = "jobRuns[0].jobDriver.sparkSubmit.sparkSubmitParameters";
    let words = &translation.account.left_out[field];
    let told: Vec<(&str, &str)> = words.iter().map(|gone| (gone.word.as_str(), gone.why.as_str())).collect();
    assert_eq!(
        told,
        [
            ("--conf spark.emr-serverless.driverEnv.STAGE=a", "a later setting overrides it"),
            ("--conf spark.executorEnv.PYSPARK_PYTHON=./p", "the runtime decides which Python and which Java there is"),
            (
                "--num-executors 3",
                "a hint at the size: the machine type and the number of workers decide, one executor a worker"
            ),
        ]
    );
    assert!(matches!(translation.account.fates.get(field), Some(Fate::Translated { .. })));
    assert!(section(&translation, "Dropped").contains(&format!("`--num-executors 3` of `{field}`")));
    // A question about one of them names the value, and no secret is told.
    let translation = serverless("--archives s3://a/e.gz --conf spark.hadoop.fs.s3.password=hunter2");
    assert!(translation.decisions.iter().any(|d| d.what.contains("s3://a/e.gz") && d.field == field));
    assert!(!render::translation(&translation).contains("hunter2"));
}

#[test]
fn what_follows_a_failure_is_told_where_nothing_follows() {
    let translation = steps(1, &["TERMINATE_CLUSTER", "CONTINUE"]);
    assert_eq!(
        why(&translation, "Steps[0].ActionOnFailure"),
        "nothing comes after the last step: its failure is the run's"
    );
    assert_eq!(why(&translation, "Steps[1].ActionOnFailure"), "");
    let translation = steps(4, &["TERMINATE_CLUSTER", "CONTINUE"]);
    for field in ["Steps[0].ActionOnFailure", "Steps[1].ActionOnFailure"] {
        assert_eq!(why(&translation, field), "all tasks start together: none waits for another");
    }
}

#[test]
fn counts_that_limits_replace_are_told() {
    let groups = |limits: Value| {
        let group = |kind: &str, market: &str, count: i64| {
            json!({ "InstanceGroupType": kind, "InstanceType": "m5d.xlarge", "Market": market,
            "RequestedInstanceCount": count })
        };
        let groups = [group("MASTER", "ON_DEMAND", 1), group("CORE", "ON_DEMAND", 3), group("TASK", "SPOT", 2)];
        let cluster = json!({ "Name": "c", "ReleaseLabel": "emr-6.15.0" });
        let steps = json!([{ "Name": "s", "Config": { "Jar": "command-runner.jar", "Args": ["spark-submit", "s3://a/b.py"] } }]);
        let input = json!({ "Cluster": cluster, "InstanceGroups": groups, "Steps": steps,
            "ManagedScalingPolicy": { "ComputeLimits": limits } });
        translate(&input, &cases::options())
    };
    let limits = json!({ "UnitType": "Instances", "MinimumCapacityUnits": 2, "MaximumCapacityUnits": 9 });
    let translation = groups(limits);
    // As many as were on demand still are; how many spot machines there were says nothing any more.
    let core = "InstanceGroups[1].RequestedInstanceCount";
    let to = "job_clusters[*].new_cluster.aws_attributes.first_on_demand".to_owned();
    assert_eq!(translation.account.fates[core], Fate::Translated { to });
    assert!(why(&translation, "InstanceGroups[2].RequestedInstanceCount").contains("managed scaling's limits count"));
    let bound = json!({ "UnitType": "Instances", "MinimumCapacityUnits": 2, "MaximumCapacityUnits": 9,
        "MaximumOnDemandCapacityUnits": 4 });
    assert!(why(&groups(bound), core).contains("managed scaling's limits count"));
}

#[test]
fn the_question_about_tables_lists_the_settings_that_are_left_out() {
    let args = [
        "spark-submit",
        "--conf",
        "spark.sql.catalog.lake=org.apache.iceberg.spark.SparkCatalog",
        "--conf",
        "spark.sql.catalog.lake.warehouse=s3://a/b/",
        "--conf",
        "spark.sql.catalog.lake.password=hunter2",
        "s3://a/b.py",
    ];
    let translation = translate(&cases::with_steps(&[args.map(str::to_owned).to_vec()]), &cases::options());
    let asked: Vec<&str> =
        translation.decisions.iter().map(|d| d.what.as_str()).filter(|w| w.contains("Iceberg")).collect();
    let [asked] = asked.as_slice() else { panic!("{asked:?}") };
    for setting in [
        "`spark.sql.catalog.lake=org.apache.iceberg.spark.SparkCatalog`",
        "`spark.sql.catalog.lake.warehouse=s3://a/b/`",
    ] {
        assert!(asked.contains(setting), "{asked}");
    }
    assert!(!render::translation(&translation).contains("hunter2"));
}

#[test]
fn whoever_translates_by_hand_is_told_all_of_it() {
    let hive = json!({ "query": "s3://a/q.sql", "parameters": "--hiveconf a=b" });
    let run = json!({ "name": "r", "executionTimeoutMinutes": 60, "jobDriver": { "hive": hive } });
    let input = json!({ "application": { "name": "a", "releaseLabel": "emr-7.1.0" }, "jobRuns": [run] });
    let translation = translate(&input, &cases::options());
    assert!(translation.decisions.iter().any(|d| d.what.contains("hive -f s3://a/q.sql --hiveconf a=b")));
    // What takes its place has the time that a run had.
    assert_eq!(translation.documents[0].spec["tasks"][0]["timeout_seconds"], 3600);
    let actions = translated(&files("clusters")["bootstrap-actions"]).decisions;
    assert!(actions.iter().any(|d| d.what.contains("run-if), with the arguments `instance.isMaster=true echo`")));
    let translation = translated(&files("clusters")["every-step-form"]);
    let why: Vec<&str> = translation.decisions.iter().map(|d| d.why.as_str()).collect();
    assert!(why.iter().any(|why| why.contains("its properties were")), "{why:?}");
}

#[test]
fn what_the_old_dag_says_in_vain_is_told() {
    let mut options = cases::options();
    options.dag = Some(OldDag { catchup: Some(false), email_on_retry: Some(true), ..OldDag::default() });
    let input = cases::with_steps(&[vec!["spark-submit".into(), "s3://a/b.py".into()]]);
    let told = section(&translate(&input, &options), "Dropped");
    assert!(told.contains("- without a schedule there is nothing to catch up: `dag.catchup`\n"), "{told}");
    assert!(told.contains("knows nothing of retries in Airflow: `dag.email_on_retry`"), "{told}");
    options.dag = Some(OldDag { schedule: Some("@daily".into()), catchup: Some(false), ..OldDag::default() });
    assert!(!section(&translate(&input, &options), "Dropped").contains("dag.catchup"));
}

/// A step that fails until a person translates it sets nothing: what all tasks have and the others set anew is overridden.
#[test]
fn a_task_that_fails_hides_no_setting() {
    let property = "spark.sql.shuffle.partitions";
    let step = |args: Value| json!({ "Name": "s", "Config": { "Jar": "command-runner.jar", "Args": args } });
    let own = step(json!(["spark-submit", "--conf", format!("{property}=7"), "s3://a/b.py"]));
    let defaults = json!([{ "Classification": "spark-defaults", "Properties": { property: "100" } }]);
    let cluster = json!({ "Name": "c", "ReleaseLabel": "emr-6.15.0", "Configurations": defaults });
    let input = json!({ "Cluster": cluster, "Steps": [own, step(json!(["hive-script", "x"]))] });
    let translation = translate(&input, &cases::options());
    let field = format!("Cluster.Configurations[0].Properties[\"{property}\"]");
    assert_eq!(why(&translation, &field), "a later setting overrides it");
}
