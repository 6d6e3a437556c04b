//! An account with six monthly pipelines as they are met, in a region of its own.

use super::moto::moto;
use serde_json::{Value, json};

/// What stands in arguments and configurations and must never be seen.
pub const SECRETS: [&str; 4] = ["hunter22-arg", "hunter22-conf", "hunter22-url", "AKIAIOSFODNN7EXAMPLE"];

/// 2026-08-01T04:00:00Z, and the firsts of the two months after it.
const MONTHS: [(&str, i64); 3] = [("2026-08", 1_785_556_800), ("2026-09", 1_788_235_200), ("2026-10", 1_790_827_200)];

/// What shall happen to coming requests.
pub fn trouble(trouble: Value) {
    let mut ask = json!({ "do": "trouble", "method": "POST" });
    ask.as_object_mut().unwrap().extend(trouble.as_object().unwrap().clone());
    moto().act(&ask);
}

/// An operation of EMR in a region, as `Trouble` in `serve.py` tells requests apart.
pub fn operation(region: &str, name: &str) -> String {
    format!("{region}/elasticmapreduce {name}")
}

/// moto does not have all of EMR. What it lacks is answered as AWS does where there is none.
pub fn fill_gaps(region: &str) {
    for (name, answer) in [
        ("GetManagedScalingPolicy", json!({})),
        ("GetAutoTerminationPolicy", json!({})),
        ("ListSecurityConfigurations", json!({ "SecurityConfigurations": [] })),
    ] {
        trouble(json!({ "in": operation(region, name), "keep": true, "status": 200, "body": answer.to_string() }));
    }
}

/// Runs a cluster; see `serve.py`.
pub fn cluster(region: &str, name: &str, rest: &Value, told: Value) -> String {
    let mut args = json!({
        "Name": name, "ReleaseLabel": "emr-6.15.0", "JobFlowRole": "EMR_EC2_DefaultRole", "ServiceRole": "EMR_DefaultRole",
        "Instances": { "InstanceGroups": [{ "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 }] },
    });
    args.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let mut ask = json!({ "do": "cluster", "region": region, "args": args });
    ask.as_object_mut().unwrap().extend(told.as_object().unwrap().clone());
    moto().act(&ask).as_str().unwrap().to_owned()
}

/// A small cluster that ran and ended.
pub fn small(region: &str, name: &str, created: i64) -> String {
    cluster(region, name, &json!({}), json!({ "state": "TERMINATED", "created": created, "ended": created + 600 }))
}

fn spark(name: &str, fail: &str, args: &[&str]) -> Value {
    let args: Vec<&str> =
        ["spark-submit", "--deploy-mode", "cluster"].into_iter().chain(args.iter().copied()).collect();
    json!({ "Name": name, "ActionOnFailure": fail, "HadoopJarStep": { "Jar": "command-runner.jar", "Args": args } })
}

fn groups(core: &str, count: u32, task: Option<(&str, u32)>) -> Value {
    let volumes = json!([{ "VolumeSpecification": { "VolumeType": "gp3", "SizeInGB": 200 }, "VolumesPerInstance": 2 }]);
    let mut groups = vec![
        json!({ "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 }),
        json!({ "InstanceRole": "CORE", "InstanceType": core, "InstanceCount": count,
                "EbsConfiguration": { "EbsBlockDeviceConfigs": volumes } }),
    ];
    if let Some((kind, count)) = task {
        groups.push(json!({ "InstanceRole": "TASK", "InstanceType": kind, "InstanceCount": count, "Market": "SPOT",
                            "BidPrice": "0.30" }));
    }
    Value::Array(groups)
}

/// A pipeline: its name, what RunJobFlow is given for a month, and how the steps of the months ended.
struct Monthly {
    name: &'static str,
    args: fn(&str) -> Value,
    protected: bool,
    /// Minutes that each step takes.
    minutes: &'static [i64],
}

const PIPELINES: [Monthly; 5] = [
    Monthly { name: "monthly-sales-etl", args: sales, protected: false, minutes: &[42, 75] },
    Monthly { name: "monthly-finance-close", args: finance, protected: true, minutes: &[90, 12] },
    Monthly { name: "monthly-marketing", args: marketing, protected: false, minutes: &[33] },
    Monthly { name: "monthly-risk", args: risk, protected: false, minutes: &[120] },
    Monthly { name: "monthly-reporting", args: reporting, protected: false, minutes: &[15, 8] },
];

fn sales(month: &str) -> Value {
    let output = format!("s3://acme-lake/mart/sales/{month}/");
    json!({
        "Steps": [
            spark("load-raw", "CONTINUE", &["--class", "com.acme.sales.Load", "--conf", "spark.executor.memory=8g",
                "s3://acme-jars/sales/sales-etl-2.4.1.jar", "--input", &format!("s3://acme-lake/raw/sales/{month}/")]),
            spark("build-mart", "TERMINATE_CLUSTER", &["--class", "com.acme.sales.Mart", "--num-executors", "24",
                "s3://acme-jars/sales/sales-etl-2.4.1.jar", "--output", &output, "--password", "hunter22-arg"]),
        ],
        "Instances": { "InstanceGroups": groups("r5.2xlarge", 4, Some(("r5.2xlarge", 8))) },
    })
}

fn finance(month: &str) -> Value {
    let to = format!("s3://acme-lake/gl/{month}/");
    json!({
        "ReleaseLabel": "emr-6.9.0",
        "Steps": [
            spark("close-books", "CANCEL_AND_WAIT", &["--py-files", "s3://acme-jars/finance/lib.zip",
                "s3://acme-jars/finance/close_books.py", month]),
            { "Name": "export-gl", "ActionOnFailure": "CONTINUE", "HadoopJarStep": { "Jar": "command-runner.jar",
              "Args": ["s3-dist-cp", "--src", "hdfs:///gl", "--dest", to] } },
        ],
        "Instances": { "InstanceGroups": groups("m5.4xlarge", 6, None), "TerminationProtected": true },
    })
}

fn marketing(month: &str) -> Value {
    json!({
        "ReleaseLabel": "emr-7.1.0",
        "SecurityConfiguration": "encrypted",
        "Steps": [spark("attribution", "CONTINUE", &["s3://acme-jars/mkt/attribution.py", month,
            "jdbc:postgresql://etl:hunter22-url@db.acme.example/mkt?ssl=true"])],
        "Tags": [{ "Key": "team", "Value": "<img src=x onerror=alert(1)>" }, { "Key": "note", "Value": "a\u{1b}[31mred" }],
    })
}

fn risk(month: &str) -> Value {
    let release = if month == "2026-08" { "emr-5.36.0" } else { "emr-5.36.1" };
    json!({ "ReleaseLabel": release, "Steps": [spark("var", "CONTINUE", &["s3://acme-jars/risk/var.py"])] })
}

fn reporting(_: &str) -> Value {
    json!({
        "Steps": [
            { "Name": "hive report", "ActionOnFailure": "CONTINUE", "HadoopJarStep": { "Jar": "command-runner.jar",
              "Args": ["hive-script", "--run-hive-script", "--args", "-f", "s3://acme-jars/rep/report.q", "-d",
                       "OUTPUT=s3://acme-lake/reports/"] } },
            { "Name": "publish", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {
              "Jar": "s3://eu-central-1.elasticmapreduce/libs/script-runner/script-runner.jar",
              "Args": ["s3://acme-jars/rep/publish.sh", "key AKIAIOSFODNN7EXAMPLE"] } },
        ],
    })
}

fn common(name: &str) -> Value {
    json!({
        "LogUri": format!("s3://acme-emr-logs/{name}/"),
        "Applications": [{ "Name": "Spark" }, { "Name": "Hive" }],
        "Tags": [{ "Key": "team", "Value": name.split('-').nth(1).unwrap() }, { "Key": "cost-center", "Value": "4711" }],
        "BootstrapActions": [{ "Name": "install-libs", "ScriptBootstrapAction":
            { "Path": "s3://acme-jars/bootstrap/install-libs.sh", "Args": ["prod", "a b"] } }],
        "Configurations": [
            { "Classification": "spark-defaults", "Properties": { "spark.executor.memory": "18g",
              "spark.eventLog.dir": "s3://acme-emr-logs/events/", "spark.hadoop.fs.s3a.secret.key": "hunter22-conf" } },
            { "Classification": "spark-env", "Properties": {}, "Configurations": [
              { "Classification": "export", "Properties": { "PYSPARK_PYTHON": "/usr/bin/python3" } }] },
            { "Classification": "spark-hive-site", "Properties": { "hive.metastore.client.factory.class":
              "com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory" } },
        ],
    })
}

/// Seeds a region; the ids of its clusters with the names that stand for them.
pub fn account(region: &str) -> Vec<(String, String)> {
    fill_gaps(region);
    call(
        "emr",
        region,
        "create_security_configuration",
        json!({ "Name": "encrypted",
        "SecurityConfiguration": json!({ "EncryptionConfiguration": { "EnableInTransitEncryption": true } }).to_string() }),
    );
    let mut ids = Vec::new();
    for monthly in &PIPELINES {
        for (number, (month, created)) in MONTHS.into_iter().enumerate() {
            let name = format!("{}-{month}", monthly.name);
            let mut args = common(monthly.name);
            args.as_object_mut().unwrap().extend((monthly.args)(month).as_object().unwrap().clone());
            let mut at = created + 420;
            let mut steps = Vec::new();
            for minutes in monthly.minutes {
                let end = at + (minutes + 5 * number as i64) * 60;
                steps.push(json!({ "state": "COMPLETED", "started": at, "ended": end }));
                at = end + 10;
            }
            let mut told = json!({ "state": "TERMINATED", "created": created, "ended": at + 60, "hours": 96 + 8 * number,
                "said": { "StateChangeReason": { "Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed" } } });
            if name == "monthly-sales-etl-2026-09" {
                steps[1]["state"] = json!("FAILED");
                steps[1]["said"] = json!({ "FailureDetails": { "Reason": "Unknown Error.",
                    "Message": "Exit code 1: cannot connect with password=hunter22-arg",
                    "LogFile": "s3://acme-emr-logs/monthly-sales-etl/j-X/steps/s-X/stderr.gz" } });
                told["state"] = json!("TERMINATED_WITH_ERRORS");
                told["said"] = json!({ "StateChangeReason": { "Code": "STEP_FAILURE",
                    "Message": "Shut down as step failed" } });
            }
            if monthly.protected && number == 2 {
                told["state"] = json!("WAITING");
                told["said"] =
                    json!({ "StateChangeReason": { "Message": "Cluster ready after last step completed." } });
                told.as_object_mut().unwrap().remove("ended");
            }
            told["steps"] = json!(steps);
            ids.push((cluster(region, &name, &args, told), format!("j-{name}")));
        }
    }
    let args =
        json!({ "Instances": { "InstanceGroups": groups("r5.xlarge", 2, None), "KeepJobFlowAliveWhenNoSteps": true } });
    let told = json!({ "state": "WAITING", "created": MONTHS[0].1, "hours": 4096 });
    ids.push((cluster(region, "adhoc-analytics", &args, told), "j-adhoc-analytics".to_owned()));
    let app = call(
        "emr-serverless",
        region,
        "create_application",
        json!({ "name": "monthly-forecast", "releaseLabel": "emr-7.1.0", "type": "SPARK", "tags": { "team": "bi" } }),
    );
    ids.push((app["applicationId"].as_str().unwrap().to_owned(), "APPLICATION".to_owned()));
    call(
        "emr-serverless",
        region,
        "start_job_run",
        json!({ "applicationId": app["applicationId"],
        "name": "forecast-2026-10", "executionRoleArn": "arn:aws:iam::123456789012:role/job",
        "jobDriver": { "sparkSubmit": { "entryPoint": "s3://acme-jars/forecast/main.py",
            "entryPointArguments": ["--output", "s3://acme-lake/forecast/2026-10/", "--token", "hunter22-arg"],
            "sparkSubmitParameters": "--conf spark.executor.cores=4 --py-files s3://acme-jars/forecast/lib.zip" } } }),
    );
    ids
}

fn call(service: &str, region: &str, operation: &str, args: Value) -> Value {
    moto().act(&json!({ "do": "call", "service": service, "region": region, "operation": operation, "args": args }))
}
