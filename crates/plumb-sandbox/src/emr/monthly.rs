//! A ready-made account: a data team's six monthly pipelines, as they are met, with what they ran in the two months
//! before, and an EMR Serverless application. Times are relative to now; the months in names are those before this one.

use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;
/// From one run of a monthly pipeline to the next.
const MONTH: i64 = 30 * 24 * HOUR;

/// The seed, in the shape of [`super::seed`].
pub fn seed(now: i64) -> Value {
    let mut clusters = Vec::new();
    // What ran in the months before: three runs of one pipeline are what a duration can be told from.
    for back in [2, 1] {
        clusters.push(audience(now, back));
        clusters.push(churn(now, back));
    }
    clusters.extend([audience(now, 0), insights(now), churn(now, 0), revenue(now), attribution(now), export(now)]);
    json!({
        "security_configurations": [{
            "name": "data-platform-encrypted",
            "created": at(now - 400 * 24 * HOUR),
            "configuration": { "EncryptionConfiguration": {
                "EnableInTransitEncryption": false, "EnableAtRestEncryption": true,
                "AtRestEncryptionConfiguration": {
                    "S3EncryptionConfiguration": { "EncryptionMode": "SSE-KMS",
                        "AwsKmsKey": "arn:aws:kms:eu-central-1:123456789012:key/7c1a8f52-3f0e-4f62-9f3e-2f1a5d0c9b11" },
                    "LocalDiskEncryptionConfiguration": { "EncryptionKeyProviderType": "AwsKms", "EnableEbsEncryption": true,
                        "AwsKmsKey": "arn:aws:kms:eu-central-1:123456789012:key/7c1a8f52-3f0e-4f62-9f3e-2f1a5d0c9b11" },
                },
            } },
        }],
        "clusters": clusters,
        "applications": [serverless(now)],
    })
}

/// What a DAG starts each month for one of the pipelines: the request, in which the month is a template, and how many
/// seconds its steps take. `bau-insights` is not among them: its cluster waits, and is started by people.
pub fn pipeline(name: &str) -> Option<(Value, Vec<i64>)> {
    // A month that no other text of a request looks like.
    const THEN: i64 = 40_000_000_000;
    let told = match name {
        "bau-audience" => audience(THEN, 0),
        // Its latest month failed, the ones before did not.
        "bau-churn" => churn(THEN + MONTH, 1),
        "bau-revenue" => revenue(THEN),
        "bau-attribution" => attribution(THEN),
        "bau-export" => export(THEN),
        _ => return None,
    };
    let text = told["run"].to_string().replace(&month(THEN, 0), MONTH_TEMPLATE);
    let ms = |step: &Value, name: &str| step[name].as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    let seconds = |step: &Value| {
        let took = ms(step, "ended").zip(ms(step, "started")).map(|(end, start)| (end - start) / 1000);
        took.or(step["seconds"].as_i64()).unwrap_or(600)
    };
    let steps = told["steps"].as_array().map(|steps| steps.iter().map(seconds).collect());
    Some((serde_json::from_str(&text).ok()?, steps.unwrap_or_default()))
}

/// The month that a run is for: its data interval begins in it.
const MONTH_TEMPLATE: &str = "{{ ds[:7] }}";

/// The pipelines that a DAG starts, and when: the DAG's id and the cron, in Berlin.
pub const SCHEDULES: [(&str, &str, &str); 5] = [
    ("bau-audience", "legacy_audience", "0 3 2 * *"),
    ("bau-churn", "legacy_churn", "30 1 2 * *"),
    ("bau-revenue", "legacy_revenue", "0 5 3 * *"),
    ("bau-attribution", "legacy_attribution", "0 2 4 * *"),
    ("bau-export", "legacy_export", "0 6 5 * *"),
];

/// A time as seeds have it.
fn at(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

/// The month whose data is worked on: the one before this, or further back.
fn month(now: i64, back: i64) -> String {
    let today = Timestamp::from_millisecond(now).unwrap_or_default().to_zoned(TimeZone::UTC).date();
    let month = today.first_of_month().checked_sub(Span::new().months(back + 1)).unwrap_or(today);
    month.strftime("%Y-%m").to_string()
}

fn tags(pipeline: &str, team: &str, owner: &str, cost_centre: &str) -> Value {
    let pairs = [
        ("team", team),
        ("owner", owner),
        ("cost-centre", cost_centre),
        ("pipeline", pipeline),
        ("environment", "production"),
        ("for-use-with-amazon-emr-managed-policies", "true"),
    ];
    pairs.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// A step that the command runner runs.
fn step(name: &str, on_failure: &str, args: &[&str]) -> Value {
    json!({ "Name": name, "ActionOnFailure": on_failure,
        "HadoopJarStep": { "Jar": "command-runner.jar", "Args": args } })
}

/// A Spark application in cluster mode.
fn spark(name: &str, on_failure: &str, args: &[&str]) -> Value {
    let args: Vec<&str> = ["spark-submit", "--deploy-mode", "cluster"].iter().chain(args).copied().collect();
    step(name, on_failure, &args)
}

fn ebs(gigabytes: i64, volumes: i64) -> Value {
    json!({ "EbsOptimized": true, "EbsBlockDeviceConfigs": [
        { "VolumeSpecification": { "VolumeType": "gp3", "SizeInGB": gigabytes, "Iops": 3000, "Throughput": 125 },
          "VolumesPerInstance": volumes }] })
}

fn group(role: &str, kind: &str, count: i64, market: &str, ebs: Value) -> Value {
    let name = match role {
        "MASTER" => "Primary",
        "CORE" => "Core",
        _ => "Task",
    };
    json!({ "Name": name, "InstanceRole": role, "Market": market, "InstanceType": kind, "InstanceCount": count,
        "EbsConfiguration": ebs })
}

/// Spark's settings, an exported environment inside of another classification, and the Glue catalog.
fn configurations(memory: &str, partitions: &str) -> Value {
    json!([
        { "Classification": "spark", "Properties": { "maximizeResourceAllocation": "false" } },
        { "Classification": "spark-defaults", "Properties": {
            "spark.executor.memory": memory, "spark.executor.cores": "4", "spark.sql.adaptive.enabled": "true",
            "spark.sql.shuffle.partitions": partitions, "spark.dynamicAllocation.enabled": "true",
            "spark.yarn.maxAppAttempts": "1" } },
        { "Classification": "spark-env", "Properties": {}, "Configurations": [
            { "Classification": "export", "Properties": { "PYSPARK_PYTHON": "/usr/bin/python3", "TZ": "UTC" } }] },
        { "Classification": "spark-hive-site", "Properties": { "hive.metastore.client.factory.class":
            "com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory" } },
    ])
}

fn applications(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "Name": name })).collect()
}

fn bootstrap(name: &str, script: &str, args: &[&str]) -> Value {
    json!({ "Name": name, "ScriptBootstrapAction": { "Path": format!("s3://acme-data-platform/bootstrap/{script}"), "Args": args } })
}

/// A request with what all of the team's clusters have.
fn request(name: &str, pipeline: &str, release: &str, rest: Value) -> Value {
    let mut request = json!({
        "Name": name, "ReleaseLabel": release, "LogUri": format!("s3://acme-emr-logs/{pipeline}/"),
        "JobFlowRole": "EMR_EC2_DefaultRole", "ServiceRole": "EMR_DefaultRole", "VisibleToAllUsers": true,
        "ScaleDownBehavior": "TERMINATE_AT_TASK_COMPLETION", "EbsRootVolumeSize": 64,
    });
    for (member, value) in rest.as_object().into_iter().flatten() {
        request[member] = value.clone();
    }
    request
}

fn network() -> [(&'static str, Value); 4] {
    [
        ("Ec2KeyName", json!("data-platform")),
        ("Ec2SubnetId", json!("subnet-0a41c7e2d95b8f360")),
        ("EmrManagedMasterSecurityGroup", json!("sg-0d3f7a9b1c2e45f60")),
        ("EmrManagedSlaveSecurityGroup", json!("sg-0e8b2c4d6f1a37590")),
    ]
}

fn instances(mut of: Value) -> Value {
    for (name, value) in network() {
        of[name] = value;
    }
    of
}

/// Steps that ran one after the other, from `from` on, each so many minutes.
fn ran(from: i64, minutes: &[i64]) -> Vec<Value> {
    let mut start = from;
    minutes
        .iter()
        .map(|minutes| {
            let end = start + minutes * MINUTE;
            let told = json!({ "state": "COMPLETED", "started": at(start), "ended": at(end) });
            start = end + 15_000;
            told
        })
        .collect()
}

/// A transient cluster of instance groups with spot task instances; it ends with its last step.
fn audience(now: i64, back: i64) -> Value {
    let data = month(now, back);
    let created = now - 19 * HOUR - back * MONTH;
    let ready = created + 6 * MINUTE;
    let (events, features, segments) = (
        format!("s3://acme-lake/raw/events/month={data}/"),
        format!("s3://acme-lake/curated/audience/features/month={data}/"),
        format!("s3://acme-lake/marts/audience/segments/month={data}/"),
    );
    let run = request(
        &format!("bau-audience-{data}"),
        "bau-audience",
        "emr-6.15.0",
        json!({
            "Applications": applications(&["Spark", "Hadoop", "Hive"]),
            "Tags": tags("bau-audience", "audience", "audience-data@acme.example", "4711"),
            "SecurityConfiguration": "data-platform-encrypted",
            "Configurations": configurations("18g", "1200"),
            "BootstrapActions": [bootstrap("install-python-libs", "install-python-libs.sh", &["pyarrow==12.0.1", "pandas==1.5.3"])],
            "ManagedScalingPolicy": { "ComputeLimits": { "UnitType": "Instances", "MinimumCapacityUnits": 4,
                "MaximumCapacityUnits": 16, "MaximumOnDemandCapacityUnits": 6, "MaximumCoreCapacityUnits": 4 } },
            "Instances": instances(json!({
                "InstanceGroups": [group("MASTER", "m5.xlarge", 1, "ON_DEMAND", ebs(64, 1)),
                    group("CORE", "r5.2xlarge", 4, "ON_DEMAND", ebs(200, 2)), group("TASK", "r5.2xlarge", 8, "SPOT", ebs(200, 2))],
                "KeepJobFlowAliveWhenNoSteps": false, "TerminationProtected": false })),
            "Steps": [
                spark("build-features", "TERMINATE_CLUSTER", &["--conf", "spark.sql.sources.partitionOverwriteMode=dynamic",
                    "--py-files", "s3://acme-artifacts/audience/audience-4.2.0-py3.9.egg", "s3://acme-artifacts/audience/build_features.py",
                    "--input", &events, "--output", &features, "--month", &data]),
                spark("score-segments", "TERMINATE_CLUSTER", &["--conf", "spark.executor.memoryOverhead=4g",
                    "--py-files", "s3://acme-artifacts/audience/audience-4.2.0-py3.9.egg", "s3://acme-artifacts/audience/score_segments.py",
                    "--features", &features, "--model", "s3://acme-models/audience/current/", "--output", &segments, "--month", &data]),
                step("publish-segments", "CONTINUE", &["s3-dist-cp", "--src", &segments,
                    "--dest", &format!("s3://acme-exchange/audience/{data}/"), "--srcPattern", ".*\\.parquet"]),
            ],
        }),
    );
    let minutes = [58 + 3 * back, 96 + 5 * back, 11];
    let ended = ready + (minutes.iter().sum::<i64>() + 4) * MINUTE;
    json!({ "run": run, "state": "TERMINATED", "created": at(created), "ready": at(ready), "ended": at(ended),
        "reason": { "Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed" }, "steps": ran(ready, &minutes) })
}

/// A protected cluster that waits all month for what analysts send it.
fn insights(now: i64) -> Value {
    let data = month(now, 0);
    let created = now - 16 * 24 * HOUR;
    let ready = created + 7 * MINUTE;
    let mart = format!("s3://acme-lake/marts/insights/month={data}/");
    let run = request(
        &format!("bau-insights-{data}"),
        "bau-insights",
        "emr-6.9.0",
        json!({
            "Applications": applications(&["Spark", "Hadoop", "Hive", "Livy", "JupyterEnterpriseGateway"]),
            "Tags": tags("bau-insights", "insights", "insights@acme.example", "4712"),
            "SecurityConfiguration": "data-platform-encrypted",
            "Configurations": configurations("12g", "400"),
            "BootstrapActions": [bootstrap("install-python-libs", "install-python-libs.sh", &["pyarrow==9.0.0"]),
                bootstrap("install-agent", "install-agent.sh", &["--environment", "production"])],
            "Instances": instances(json!({
                "InstanceGroups": [group("MASTER", "m5.2xlarge", 1, "ON_DEMAND", ebs(128, 1)),
                    group("CORE", "r5.4xlarge", 3, "ON_DEMAND", ebs(500, 2))],
                "KeepJobFlowAliveWhenNoSteps": true, "TerminationProtected": true })),
            "Steps": [
                step("setup-hadoop-debugging", "CONTINUE", &["state-pusher-script"]),
                step("load-dimensions", "CANCEL_AND_WAIT", &["hive-script", "--run-hive-script", "--args", "-f",
                    "s3://acme-artifacts/insights/load_dimensions.q", "-d", &format!("MONTH={data}"),
                    "-d", "OUTPUT=s3://acme-lake/curated/insights/dimensions/"]),
                spark("build-insights", "CANCEL_AND_WAIT", &["--class", "com.acme.insights.Build", "--conf", "spark.sql.shuffle.partitions=800",
                    "--jars", "s3://acme-artifacts/insights/json-path-2.6.0.jar", "s3://acme-artifacts/insights/insights-2.11.3.jar",
                    "--month", &data, "--output", &mart]),
            ],
        }),
    );
    json!({ "run": run, "state": "WAITING", "created": at(created), "ready": at(ready),
        "reason": { "Message": "Cluster ready after last step completed." }, "steps": ran(ready, &[1, 34, 171]) })
}

/// Instance fleets on spot with on-demand instances to fall back to. This month a step failed.
fn churn(now: i64, back: i64) -> Value {
    let data = month(now, back);
    let created = now - 22 * HOUR - back * MONTH;
    let ready = created + 9 * MINUTE;
    let kind = |kind: &str, weight: i64| {
        json!({ "InstanceType": kind, "WeightedCapacity": weight, "BidPriceAsPercentageOfOnDemandPrice": 100.0,
            "EbsConfiguration": ebs(150, weight / 4) })
    };
    let launch = json!({ "SpotSpecification": { "TimeoutDurationMinutes": 20, "TimeoutAction": "SWITCH_TO_ON_DEMAND",
        "AllocationStrategy": "price-capacity-optimized" }, "OnDemandSpecification": { "AllocationStrategy": "lowest-price" } });
    let run = request(
        &format!("bau-churn-{data}"),
        "bau-churn",
        "emr-7.1.0",
        json!({
            "Applications": applications(&["Spark", "Hadoop"]),
            "Tags": tags("bau-churn", "crm", "crm-science@acme.example", "4713"),
            "Configurations": configurations("20g", "2000"),
            "BootstrapActions": [bootstrap("install-python-libs", "install-python-libs.sh", &["lightgbm==4.3.0", "shap==0.45.0"])],
            "Instances": instances(json!({
                "InstanceFleets": [
                    { "Name": "Primary", "InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1,
                      "InstanceTypeConfigs": [{ "InstanceType": "m6g.xlarge", "EbsConfiguration": ebs(64, 1) }] },
                    { "Name": "Core", "InstanceFleetType": "CORE", "TargetOnDemandCapacity": 8, "TargetSpotCapacity": 24,
                      "InstanceTypeConfigs": [kind("r6g.2xlarge", 8), kind("r6g.4xlarge", 16), kind("r5.2xlarge", 8)],
                      "LaunchSpecifications": launch },
                    { "Name": "Task", "InstanceFleetType": "TASK", "TargetSpotCapacity": 32,
                      "InstanceTypeConfigs": [kind("r6g.2xlarge", 8), kind("r5.4xlarge", 16)], "LaunchSpecifications": launch }],
                "KeepJobFlowAliveWhenNoSteps": false, "TerminationProtected": false })),
            "Steps": [
                spark("prepare-training-set", "TERMINATE_CLUSTER", &["--conf", "spark.sql.adaptive.skewJoin.enabled=true",
                    "--py-files", "s3://acme-artifacts/churn/churn-1.9.2-py3-none-any.whl", "s3://acme-artifacts/churn/prepare.py",
                    "--customers", "s3://acme-lake/curated/crm/customers/", "--usage", &format!("s3://acme-lake/raw/usage/month={data}/"),
                    "--output", &format!("s3://acme-lake/curated/churn/training/month={data}/")]),
                spark("train-and-score", "TERMINATE_CLUSTER", &["--conf", "spark.executor.memoryOverhead=6g",
                    "--py-files", "s3://acme-artifacts/churn/churn-1.9.2-py3-none-any.whl", "s3://acme-artifacts/churn/train.py",
                    "--input", &format!("s3://acme-lake/curated/churn/training/month={data}/"),
                    "--output", &format!("s3://acme-lake/marts/churn/scores/month={data}/"), "--seed", "20260101"]),
                spark("report-drift", "CONTINUE", &["s3://acme-artifacts/churn/report_drift.py", "--month", &data]),
            ],
        }),
    );
    let mut steps = ran(ready, &[47 + 2 * back, 118 + 6 * back, 9]);
    let mut ended = ready + (47 + 118 + 9 + 8 * back + 4) * MINUTE;
    let (mut state, mut reason) =
        ("TERMINATED", json!({ "Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed" }));
    if back == 0 {
        let failed = ready + 47 * MINUTE + 15_000;
        ended = failed + 76 * MINUTE;
        (state, reason) =
            ("TERMINATED_WITH_ERRORS", json!({ "Code": "STEP_FAILURE", "Message": "Shut down as step failed" }));
        // EC2 took spot nodes back while it ran.
        steps[1] = json!({ "scenario": "spot-reclaim", "started": at(failed), "ended": at(failed + 73 * MINUTE) });
        steps[2] = json!({ "state": "CANCELLED" });
    }
    json!({ "run": run, "state": state, "created": at(created), "ready": at(ready), "ended": at(ended), "reason": reason,
        "steps": steps })
}

/// An old release whose step is running.
fn revenue(now: i64) -> Value {
    let data = month(now, 0);
    let created = now - 2 * HOUR;
    let ready = created + 8 * MINUTE;
    let first = ready + 41 * MINUTE;
    let run = request(
        &format!("bau-revenue-{data}"),
        "bau-revenue",
        "emr-5.36.1",
        json!({
            "Applications": applications(&["Spark", "Hadoop", "Hive", "Tez"]),
            "Tags": tags("bau-revenue", "finance", "finance-data@acme.example", "4720"),
            "Configurations": configurations("9g", "600"),
            "AutoScalingRole": "EMR_AutoScaling_DefaultRole",
            "Instances": instances(json!({
                "InstanceGroups": [group("MASTER", "m4.xlarge", 1, "ON_DEMAND", ebs(32, 1)), group("CORE", "m4.4xlarge", 6, "ON_DEMAND", ebs(250, 1))],
                "KeepJobFlowAliveWhenNoSteps": false, "TerminationProtected": false })),
            "Steps": [
                step("stage-ledger", "TERMINATE_CLUSTER", &["s3-dist-cp", "--src", &format!("s3://acme-lake/raw/ledger/month={data}/"),
                    "--dest", "hdfs:///staging/ledger/", "--groupBy", ".*(ledger).*", "--targetSize", "256"]),
                spark("close-revenue", "TERMINATE_CLUSTER", &["--class", "com.acme.finance.CloseRevenue", "--conf", "spark.executor.instances=20",
                    "s3://acme-artifacts/finance/revenue-assembly-1.4.0.jar", "--ledger", "hdfs:///staging/ledger/",
                    "--output", &format!("s3://acme-lake/marts/revenue/month={data}/"), "--closing-date", &format!("{data}-28")]),
                spark("reconcile", "CONTINUE", &["--class", "com.acme.finance.Reconcile", "s3://acme-artifacts/finance/revenue-assembly-1.4.0.jar",
                    "--month", &data]),
            ],
        }),
    );
    let mut steps = ran(ready, &[41]);
    steps.push(json!({ "state": "RUNNING", "started": at(first + 15_000), "seconds": 3 * 3600 }));
    steps.push(json!({ "state": "PENDING", "seconds": 15 * 60 }));
    json!({ "run": run, "state": "RUNNING", "created": at(created), "ready": at(ready), "reason": { "Message": "Running step" },
        "steps": steps })
}

/// Fleets that managed scaling sizes, kept alive until it has been idle for some hours.
fn attribution(now: i64) -> Value {
    let data = month(now, 0);
    let created = now - 5 * HOUR;
    let ready = created + 8 * MINUTE;
    let run = request(
        &format!("bau-attribution-{data}"),
        "bau-attribution",
        "emr-7.8.0",
        json!({
            "Applications": applications(&["Spark", "Hadoop", "Hive"]),
            "Tags": tags("bau-attribution", "marketing", "marketing-data@acme.example", "4730"),
            "SecurityConfiguration": "data-platform-encrypted",
            "Configurations": configurations("16g", "1000"),
            "ManagedScalingPolicy": { "ComputeLimits": { "UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 8,
                "MaximumCapacityUnits": 64, "MaximumOnDemandCapacityUnits": 8, "MaximumCoreCapacityUnits": 16 } },
            "AutoTerminationPolicy": { "IdleTimeout": 14_400 },
            "StepConcurrencyLevel": 2,
            "Instances": instances(json!({
                "InstanceFleets": [
                    { "Name": "Primary", "InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1,
                      "InstanceTypeConfigs": [{ "InstanceType": "m5.xlarge" }] },
                    { "Name": "Core", "InstanceFleetType": "CORE", "TargetOnDemandCapacity": 8,
                      "InstanceTypeConfigs": [{ "InstanceType": "r5.2xlarge", "WeightedCapacity": 8, "EbsConfiguration": ebs(200, 2) }] },
                    { "Name": "Task", "InstanceFleetType": "TASK", "TargetSpotCapacity": 8,
                      "InstanceTypeConfigs": [{ "InstanceType": "r5.2xlarge", "WeightedCapacity": 8, "BidPriceAsPercentageOfOnDemandPrice": 80.0 },
                          { "InstanceType": "r5a.2xlarge", "WeightedCapacity": 8, "BidPriceAsPercentageOfOnDemandPrice": 80.0 }],
                      "LaunchSpecifications": { "SpotSpecification": { "TimeoutDurationMinutes": 15, "TimeoutAction": "SWITCH_TO_ON_DEMAND" } } }],
                "KeepJobFlowAliveWhenNoSteps": true, "TerminationProtected": false })),
            "Steps": [
                spark("sessionise", "CONTINUE", &["--py-files", "s3://acme-artifacts/attribution/deps.zip",
                    "s3://acme-artifacts/attribution/sessionise.py", "--input", &format!("s3://acme-lake/raw/clicks/month={data}/"),
                    "--output", &format!("s3://acme-lake/curated/attribution/sessions/month={data}/")]),
                spark("attribute", "CONTINUE", &["--py-files", "s3://acme-artifacts/attribution/deps.zip",
                    "s3://acme-artifacts/attribution/attribute.py", "--sessions", &format!("s3://acme-lake/curated/attribution/sessions/month={data}/"),
                    "--output", &format!("s3://acme-lake/marts/attribution/month={data}/"), "--model", "shapley"]),
            ],
        }),
    );
    json!({ "run": run, "state": "WAITING", "created": at(created), "ready": at(ready),
        "reason": { "Message": "Cluster ready after last step completed." }, "steps": ran(ready, &[63, 88]) })
}

/// Exports to partners, with Hive and s3-dist-cp alone.
fn export(now: i64) -> Value {
    let data = month(now, 0);
    let created = now - 30 * HOUR;
    let ready = created + 5 * MINUTE;
    let minutes = [26, 8, 4];
    let mut notify = step("notify-partners", "CONTINUE", &["s3://acme-artifacts/export/notify.sh", &data]);
    notify["HadoopJarStep"]["Jar"] = json!("s3://eu-central-1.elasticmapreduce/libs/script-runner/script-runner.jar");
    let run = request(
        &format!("bau-export-{data}"),
        "bau-export",
        "emr-6.5.0",
        json!({
            "Applications": applications(&["Hadoop", "Hive", "Tez"]),
            "Tags": tags("bau-export", "partners", "partner-data@acme.example", "4740"),
            "Configurations": [{ "Classification": "hive-site", "Properties": {
                "hive.execution.engine": "tez", "hive.metastore.client.factory.class":
                    "com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory" } }],
            "Instances": instances(json!({
                "InstanceGroups": [group("MASTER", "m5.xlarge", 1, "ON_DEMAND", ebs(64, 1)), group("CORE", "m5.2xlarge", 2, "SPOT", ebs(100, 1))],
                "KeepJobFlowAliveWhenNoSteps": false, "TerminationProtected": false })),
            "Steps": [
                step("export-partners", "TERMINATE_CLUSTER", &["hive-script", "--run-hive-script", "--args", "-f",
                    "s3://acme-artifacts/export/export_partners.q", "-d", &format!("MONTH={data}"), "-d", "OUTPUT=hdfs:///export/"]),
                step("copy-to-exchange", "TERMINATE_CLUSTER", &["s3-dist-cp", "--src", "hdfs:///export/",
                    "--dest", &format!("s3://acme-exchange/partners/{data}/"), "--outputCodec", "gz"]),
                notify,
            ],
        }),
    );
    json!({ "run": run, "state": "TERMINATED", "created": at(created), "ready": at(ready),
        "ended": at(ready + (minutes.iter().sum::<i64>() + 3) * MINUTE),
        "reason": { "Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed" }, "steps": ran(ready, &minutes) })
}

/// A forecast on EMR Serverless, three months of it, one of which failed.
fn serverless(now: i64) -> Value {
    let run = |back: i64, minutes: i64, state: &str, details: &str| {
        let (data, created) = (month(now, back), now - 40 * HOUR - back * MONTH);
        json!({
            "state": state, "details": details, "created": at(created), "ended": at(created + minutes * MINUTE),
            "start": { "name": format!("bau-forecast-{data}"), "executionRoleArn": "arn:aws:iam::123456789012:role/emr-serverless-forecast",
                "executionTimeoutMinutes": 720, "tags": { "pipeline": "bau-forecast" },
                "jobDriver": { "sparkSubmit": { "entryPoint": "s3://acme-artifacts/forecast/main.py",
                    "entryPointArguments": ["--history", "s3://acme-lake/marts/revenue/", "--output",
                        format!("s3://acme-lake/marts/forecast/month={data}/"), "--month", data],
                    "sparkSubmitParameters": "--conf spark.executor.cores=4 --conf spark.executor.memory=14g \
                        --py-files s3://acme-artifacts/forecast/forecast-0.8.1.zip" } },
                "configurationOverrides": { "monitoringConfiguration": { "s3MonitoringConfiguration": {
                    "logUri": "s3://acme-emr-logs/bau-forecast/" } } } },
        })
    };
    let mut again = run(0, 44, "SUCCESS", "");
    again["created"] = json!(at(now - 38 * HOUR));
    again["ended"] = json!(at(now - 38 * HOUR + 44 * MINUTE));
    json!({
        "create": { "name": "bau-forecast", "releaseLabel": "emr-7.1.0", "type": "SPARK", "architecture": "ARM64",
            "maximumCapacity": { "cpu": "200 vCPU", "memory": "800 GB", "disk": "2000 GB" },
            "networkConfiguration": { "subnetIds": ["subnet-0a41c7e2d95b8f360"], "securityGroupIds": ["sg-0e8b2c4d6f1a37590"] },
            "tags": { "team": "finance", "owner": "finance-data@acme.example", "cost-centre": "4720", "pipeline": "bau-forecast" } },
        "state": "STOPPED", "created": at(now - 210 * 24 * HOUR),
        "runs": [run(1, 38, "SUCCESS", ""),
            run(0, 12, "FAILED", "Job failed, please check complete logs in configured logging destination. ExitCode: 1. Last few \
                exceptions: java.lang.OutOfMemoryError: Java heap space"),
            again],
    })
}
