//! What EMR is asked for, in the words of what EMR answers: a RunJobFlow or StartJobRun request becomes what DescribeCluster,
//! the listings and GetJobRun would say of it. So a pipeline that is only written down is translated like one that lives.
//!
//! The members are those of botocore's models (`emr/2009-03-31`, `emr-serverless/2021-07-13`). Nothing is lost: what has no
//! counterpart stays under its own name, and the account asks about it.

use super::input::{hidden, undated};
use serde_json::{Map, Value, json};

/// Members of the request that stand in `Cluster`, each with its name there.
const CLUSTER: [(&str, &str); 27] = [
    ("Name", "Name"),
    ("LogUri", "LogUri"),
    ("LogEncryptionKmsKeyId", "LogEncryptionKmsKeyId"),
    ("AmiVersion", "RequestedAmiVersion"),
    ("ReleaseLabel", "ReleaseLabel"),
    ("Applications", "Applications"),
    ("Configurations", "Configurations"),
    ("VisibleToAllUsers", "VisibleToAllUsers"),
    ("JobFlowRole", "Ec2InstanceAttributes.IamInstanceProfile"),
    ("ServiceRole", "ServiceRole"),
    ("Tags", "Tags"),
    ("SecurityConfiguration", "SecurityConfiguration"),
    ("AutoScalingRole", "AutoScalingRole"),
    ("ScaleDownBehavior", "ScaleDownBehavior"),
    ("CustomAmiId", "CustomAmiId"),
    ("EbsRootVolumeSize", "EbsRootVolumeSize"),
    ("EbsRootVolumeIops", "EbsRootVolumeIops"),
    ("EbsRootVolumeThroughput", "EbsRootVolumeThroughput"),
    ("RepoUpgradeOnBoot", "RepoUpgradeOnBoot"),
    ("KerberosAttributes", "KerberosAttributes"),
    ("StepConcurrencyLevel", "StepConcurrencyLevel"),
    ("PlacementGroupConfigs", "PlacementGroups"),
    ("OSReleaseLabel", "OSReleaseLabel"),
    ("ExtendedSupport", "ExtendedSupport"),
    ("MonitoringConfiguration", "MonitoringConfiguration"),
    ("SessionEnabled", "SessionEnabled"),
    ("OutpostArn", "OutpostArn"),
];

/// Members of `Instances` that stand in `Cluster`, each with its name there.
const INSTANCES: [(&str, &str); 10] = [
    ("TerminationProtected", "TerminationProtected"),
    ("UnhealthyNodeReplacement", "UnhealthyNodeReplacement"),
    ("Ec2KeyName", "Ec2InstanceAttributes.Ec2KeyName"),
    ("Ec2SubnetId", "Ec2InstanceAttributes.Ec2SubnetId"),
    ("Ec2SubnetIds", "Ec2InstanceAttributes.RequestedEc2SubnetIds"),
    ("EmrManagedMasterSecurityGroup", "Ec2InstanceAttributes.EmrManagedMasterSecurityGroup"),
    ("EmrManagedSlaveSecurityGroup", "Ec2InstanceAttributes.EmrManagedSlaveSecurityGroup"),
    ("ServiceAccessSecurityGroup", "Ec2InstanceAttributes.ServiceAccessSecurityGroup"),
    ("AdditionalMasterSecurityGroups", "Ec2InstanceAttributes.AdditionalMasterSecurityGroups"),
    ("AdditionalSlaveSecurityGroups", "Ec2InstanceAttributes.AdditionalSlaveSecurityGroups"),
];

/// The input of a translation that a RunJobFlow request comes to, without secrets. `request` has the members of boto3's
/// `run_job_flow`; what is `null` was not asked for.
pub fn run_job_flow(request: &Value) -> Value {
    let Value::Object(members) = request else { return json!({}) };
    let mut rest = without_nulls(members);
    let mut input = Map::new();
    let mut cluster = json!({});
    for (member, to) in CLUSTER {
        if let Some(value) = rest.remove(member) {
            put(&mut cluster, to, value);
        }
    }
    if let Some(Value::Object(instances)) = rest.get("Instances").cloned() {
        rest.remove("Instances");
        let left = self::instances(without_nulls(&instances), &mut cluster, &mut input);
        if !left.is_empty() {
            rest.insert("Instances".into(), Value::Object(left));
        }
    }
    let role = rest.remove("StepExecutionRoleArn");
    match rest.remove("Steps") {
        Some(Value::Array(steps)) => {
            // A translation takes them as the API lists them: the newest first.
            let mut steps: Vec<Value> = steps.iter().rev().map(step).collect();
            match role {
                Some(role) if !steps.is_empty() => {
                    for step in steps.iter_mut().filter(|step| step.get("ExecutionRoleArn").is_none()) {
                        put(step, "ExecutionRoleArn", role.clone());
                    }
                }
                Some(role) => put(&mut cluster, "StepExecutionRoleArn", role),
                None => {}
            }
            input.insert("Steps".into(), Value::from(steps));
        }
        other => {
            input.extend(other.map(|steps| ("Steps".to_owned(), steps)));
            if let Some(role) = role {
                put(&mut cluster, "StepExecutionRoleArn", role);
            }
        }
    }
    match rest.remove("BootstrapActions") {
        Some(Value::Array(actions)) => {
            input.insert("BootstrapActions".into(), actions.iter().map(bootstrap).collect());
        }
        other => input.extend(other.map(|actions| ("BootstrapActions".to_owned(), actions))),
    }
    input.insert("Cluster".into(), cluster);
    // The scaling and termination policies have the names that their answers have; what is left is not known.
    input.extend(rest);
    hidden(&Value::Object(input))
}

/// A step of a RunJobFlow or AddJobFlowSteps request, as ListSteps says it. It may still hold secrets.
pub fn step(request: &Value) -> Value {
    let Value::Object(members) = request else { return request.clone() };
    let mut step = without_nulls(members);
    if let Some(jar) = step.remove("HadoopJarStep") {
        let config = match jar {
            Value::Object(jar) => {
                let mut jar = without_nulls(&jar);
                if let Some(map) = jar.get("Properties").and_then(pairs) {
                    jar.insert("Properties".into(), map);
                }
                Value::Object(jar)
            }
            other => other,
        };
        step.insert("Config".into(), config);
    }
    let logs = step.get("StepMonitoringConfiguration").and_then(|c| c.get("S3MonitoringConfiguration")).cloned();
    if let Some(Value::Object(logs)) = logs
        && logs.keys().all(|key| matches!(key.as_str(), "LogUri" | "EncryptionKeyArn"))
        && step["StepMonitoringConfiguration"].as_object().is_some_and(|c| c.len() == 1)
    {
        step.remove("StepMonitoringConfiguration");
        step.extend(without_nulls(&logs));
    }
    Value::Object(step)
}

/// The input under a name of the pipeline's, which may take the place of one with a date in it; names of steps lose theirs.
///
/// Each step of a request is one that was meant. On a cluster that stays up, steps that differ in figures only would be taken
/// for runs of one step; so the cluster is said to end with its run, as that of the job does.
pub fn named(mut input: Value, name: &str) -> Value {
    put(&mut input, "Cluster.Name", json!(name));
    if input["Cluster"]["AutoTerminate"] == false {
        input["Cluster"]["AutoTerminate"] = json!(true);
    }
    if let Some(Value::Array(steps)) = input.get_mut("Steps").map(Value::take) {
        input["Steps"] = Value::from(undated(steps, "Name"));
    }
    input
}

/// A run of an EMR Serverless job, as GetJobRun says it, out of a StartJobRun request.
pub fn start_job_run(request: &Value) -> Value {
    let Value::Object(members) = request else { return request.clone() };
    let mut run = without_nulls(members);
    if let Some(role) = run.remove("executionRoleArn") {
        run.insert("executionRole".into(), role);
    }
    Value::Object(run)
}

/// The input of a translation for an application of EMR Serverless and what is started on it, without secrets: `application`
/// has the members of a CreateApplication request or of GetApplication, `runs` those of [`start_job_run`], the newest first.
pub fn serverless(application: &Value, runs: &[Value]) -> Value {
    hidden(&json!({ "application": application, "jobRuns": runs }))
}

/// `Instances` of the request: groups and fleets go into the input, most else into the cluster. What is left is not known.
fn instances(mut rest: Map<String, Value>, cluster: &mut Value, input: &mut Map<String, Value>) -> Map<String, Value> {
    for (member, to) in INSTANCES {
        if let Some(value) = rest.remove(member) {
            put(cluster, to, value);
        }
    }
    if let Some(Value::Bool(keep)) = rest.get("KeepJobFlowAliveWhenNoSteps") {
        put(cluster, "AutoTerminate", json!(!keep));
        rest.remove("KeepJobFlowAliveWhenNoSteps");
    }
    if let Some(Value::Object(mut placement)) = rest.remove("Placement") {
        for (member, to) in [
            ("AvailabilityZone", "Ec2InstanceAttributes.Ec2AvailabilityZone"),
            ("AvailabilityZones", "Ec2InstanceAttributes.RequestedEc2AvailabilityZones"),
        ] {
            if let Some(value) = placement.remove(member) {
                put(cluster, to, value);
            }
        }
        if !placement.is_empty() {
            rest.insert("Placement".into(), Value::Object(placement));
        }
    }
    let mut groups: Vec<Value> = Vec::new();
    if rest.get("InstanceGroups").is_some_and(Value::is_array)
        && let Some(Value::Array(listed)) = rest.remove("InstanceGroups")
    {
        let renames = [("InstanceRole", "InstanceGroupType"), ("InstanceCount", "RequestedInstanceCount")];
        groups.extend(listed.iter().map(|group| renamed(group, &renames)));
    }
    groups.extend(uniform(&mut rest));
    if !groups.is_empty() {
        input.insert("InstanceGroups".into(), Value::from(groups));
    }
    if rest.get("InstanceFleets").is_some_and(Value::is_array)
        && let Some(Value::Array(listed)) = rest.remove("InstanceFleets")
    {
        let fleets = listed.iter().map(|fleet| {
            let mut fleet = renamed(fleet, &[("InstanceTypeConfigs", "InstanceTypeSpecifications")]);
            if let Some(Value::Array(types)) = fleet.get_mut("InstanceTypeSpecifications") {
                types.iter_mut().for_each(|one| *one = renamed(one, &[]));
            }
            fleet
        });
        input.insert("InstanceFleets".into(), fleets.collect());
    }
    rest
}

/// The oldest way to ask for machines: two types and how many there are together, one of which is the master.
fn uniform(rest: &mut Map<String, Value>) -> Vec<Value> {
    let (master, slave) = (rest.remove("MasterInstanceType"), rest.remove("SlaveInstanceType"));
    let count = rest.get("InstanceCount").and_then(Value::as_i64);
    if master.is_none() && slave.is_none() {
        return Vec::new();
    }
    if count.is_some() {
        rest.remove("InstanceCount");
    }
    let group = |role: &str, kind: &Value, count: i64| json!({ "InstanceGroupType": role, "InstanceType": kind, "RequestedInstanceCount": count, "Market": "ON_DEMAND" });
    let workers = count.unwrap_or(1).saturating_sub(1).max(0);
    let mut groups: Vec<Value> = master.iter().map(|kind| group("MASTER", kind, 1)).collect();
    // Without a type of their own the workers have the master's.
    if let Some(kind) = slave.as_ref().or(master.as_ref()).filter(|_| workers > 0 || slave.is_some()) {
        groups.push(group("CORE", kind, workers));
    }
    groups
}

fn bootstrap(request: &Value) -> Value {
    let Value::Object(members) = request else { return request.clone() };
    let mut action = without_nulls(members);
    if let Some(Value::Object(script)) = action.get("ScriptBootstrapAction").cloned() {
        action.remove("ScriptBootstrapAction");
        for (member, value) in without_nulls(&script) {
            action.insert(if member == "Path" { "ScriptPath".to_owned() } else { member }, value);
        }
    }
    Value::Object(action)
}

/// A list of pairs as an object, if it can be one without a loss.
fn pairs(list: &Value) -> Option<Value> {
    let list = list.as_array()?;
    let mut map = Map::new();
    for pair in list {
        let (key, value) = (pair.get("Key")?.as_str()?, pair.get("Value")?);
        if pair.as_object().is_none_or(|pair| pair.len() != 2) || map.insert(key.to_owned(), value.clone()).is_some() {
            return None;
        }
    }
    Some(Value::Object(map))
}

/// An object with other names for some members; those that are `null` are left out.
fn renamed(object: &Value, names: &[(&str, &str)]) -> Value {
    let Value::Object(members) = object else { return object.clone() };
    let name = |member: String| {
        let new = names.iter().find(|(old, _)| *old == member).map(|(_, new)| (*new).to_owned());
        new.unwrap_or(member)
    };
    Value::Object(without_nulls(members).into_iter().map(|(member, value)| (name(member), value)).collect())
}

/// boto3 takes no `null`: where a program or a template writes one, it leaves the member out before it sends.
fn without_nulls(members: &Map<String, Value>) -> Map<String, Value> {
    members.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Puts a value at a place of an object: `a.b`.
pub(super) fn put(into: &mut Value, path: &str, value: Value) {
    let mut at = into;
    for part in path.split('.') {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[part];
    }
    *at = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect;
    use crate::translate::{Fate, TranslationOptions, supported, translate};

    /// A request with every member of RunJobFlow (botocore, emr/2009-03-31).
    fn whole() -> Value {
        json!({
            "Name": "sales", "LogUri": "s3://logs/emr/", "LogEncryptionKmsKeyId": "k-1", "AdditionalInfo": "{}",
            "AmiVersion": "3.11.0", "ReleaseLabel": "emr-7.1.0",
            "Instances": {
                "InstanceGroups": [
                    { "Name": "m", "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 },
                    { "Name": "c", "Market": "SPOT", "InstanceRole": "CORE", "BidPrice": "0.2",
                      "InstanceType": "r5.xlarge", "InstanceCount": 4,
                      "Configurations": [{ "Classification": "spark-defaults", "Properties": { "spark.x": "1" } }],
                      "EbsConfiguration": { "EbsOptimized": true, "EbsBlockDeviceConfigs": [{ "VolumesPerInstance": 2,
                          "VolumeSpecification": { "VolumeType": "gp3", "SizeInGB": 200 } }] },
                      "AutoScalingPolicy": { "Constraints": { "MinCapacity": 2, "MaxCapacity": 8 } } },
                ],
                "Ec2KeyName": "key", "Placement": { "AvailabilityZone": "eu-west-1a" },
                "KeepJobFlowAliveWhenNoSteps": true, "TerminationProtected": false, "UnhealthyNodeReplacement": true,
                "HadoopVersion": "2.8", "Ec2SubnetId": "subnet-1", "EmrManagedMasterSecurityGroup": "sg-1",
                "EmrManagedSlaveSecurityGroup": "sg-2", "ServiceAccessSecurityGroup": "sg-3",
                "AdditionalMasterSecurityGroups": ["sg-4"], "AdditionalSlaveSecurityGroups": ["sg-5"],
            },
            "Steps": [
                { "Name": "load", "ActionOnFailure": "CONTINUE", "HadoopJarStep": { "Jar": "command-runner.jar",
                  "Args": ["spark-submit", "s3://a/load.py"], "Properties": [{ "Key": "a", "Value": "b" }] },
                  "StepMonitoringConfiguration": { "S3MonitoringConfiguration": { "LogUri": "s3://logs/load/" } } },
                { "Name": "mart", "HadoopJarStep": { "Jar": "s3://a/mart.jar", "MainClass": "a.Mart", "Args": [] } },
            ],
            "StepExecutionRoleArn": "arn:aws:iam::123456789012:role/steps",
            "BootstrapActions": [{ "Name": "libs", "ScriptBootstrapAction": { "Path": "s3://a/boot.sh", "Args": ["x"] } }],
            "SupportedProducts": ["mapr"], "NewSupportedProducts": [{ "Name": "mapr", "Args": ["y"] }],
            "Applications": [{ "Name": "Spark" }], "Configurations": [], "VisibleToAllUsers": true,
            "JobFlowRole": "EMR_EC2", "ServiceRole": "EMR", "Tags": [{ "Key": "team", "Value": "bi" }],
            "SecurityConfiguration": "tls", "AutoScalingRole": "EMR_AutoScaling",
            "ScaleDownBehavior": "TERMINATE_AT_TASK_COMPLETION", "CustomAmiId": "ami-1", "EbsRootVolumeSize": 20,
            "RepoUpgradeOnBoot": "NONE", "KerberosAttributes": { "Realm": "R", "KdcAdminPassword": "hunter22" },
            "StepConcurrencyLevel": 1,
            "ManagedScalingPolicy": { "ComputeLimits": { "UnitType": "Instances", "MinimumCapacityUnits": 2,
                "MaximumCapacityUnits": 8 } },
            "PlacementGroupConfigs": [{ "InstanceRole": "MASTER", "PlacementStrategy": "SPREAD" }],
            "AutoTerminationPolicy": { "IdleTimeout": 3600 }, "OSReleaseLabel": "2.0.1", "EbsRootVolumeIops": 3000,
            "EbsRootVolumeThroughput": 125, "ExtendedSupport": false,
            "MonitoringConfiguration": { "CloudWatchLogConfiguration": { "Enabled": true } }, "SessionEnabled": false,
        })
    }

    fn scalars(value: &Value) -> Vec<String> {
        match value {
            Value::Array(items) => items.iter().flat_map(scalars).collect(),
            Value::Object(members) => members.values().flat_map(scalars).collect(),
            other => vec![other.to_string()],
        }
    }

    #[test]
    fn a_request_is_said_in_the_words_of_answers() {
        let input = run_job_flow(&whole());
        for (pointer, value) in [
            ("/Cluster/Name", json!("sales")),
            ("/Cluster/RequestedAmiVersion", json!("3.11.0")),
            ("/Cluster/Ec2InstanceAttributes/IamInstanceProfile", json!("EMR_EC2")),
            ("/Cluster/Ec2InstanceAttributes/Ec2AvailabilityZone", json!("eu-west-1a")),
            ("/Cluster/AutoTerminate", json!(false)),
            ("/Cluster/PlacementGroups/0/PlacementStrategy", json!("SPREAD")),
            ("/InstanceGroups/1/InstanceGroupType", json!("CORE")),
            ("/InstanceGroups/1/RequestedInstanceCount", json!(4)),
            // The newest first, as ListSteps has them.
            ("/Steps/1/Config/Args/1", json!("s3://a/load.py")),
            ("/Steps/1/Config/Properties/a", json!("b")),
            ("/Steps/1/LogUri", json!("s3://logs/load/")),
            ("/Steps/0/ExecutionRoleArn", json!("arn:aws:iam::123456789012:role/steps")),
            ("/BootstrapActions/0/ScriptPath", json!("s3://a/boot.sh")),
            ("/BootstrapActions/0/Args/0", json!("x")),
            ("/ManagedScalingPolicy/ComputeLimits/MaximumCapacityUnits", json!(8)),
            ("/AutoTerminationPolicy/IdleTimeout", json!(3600)),
            ("/Instances/HadoopVersion", json!("2.8")),
            ("/AdditionalInfo", json!("{}")),
            ("/Cluster/KerberosAttributes/KdcAdminPassword", json!(detect::HIDDEN)),
        ] {
            assert_eq!(input.pointer(pointer), Some(&value), "{pointer} of {input:#}");
        }
    }

    /// Held against the request itself, and not against what the conversion believes.
    #[test]
    fn no_value_of_a_request_is_lost() {
        let input = run_job_flow(&whole());
        let kept = scalars(&input);
        // The keys of pairs become the names of members; the flag is its opposite; the password is hidden.
        let elsewhere = ["\"a\"", "\"hunter22\""];
        for scalar in scalars(&whole()).iter().filter(|scalar| !elsewhere.contains(&scalar.as_str())) {
            assert!(kept.contains(scalar), "{scalar} is not in {input:#}");
        }
        let translation = translate(&input, &TranslationOptions::new(supported(jiff::civil::date(2026, 11, 22))));
        let asked = |field: &str| matches!(translation.account.fates.get(field), Some(Fate::Decision(_)));
        for unknown in ["AdditionalInfo", "Instances.HadoopVersion", "SupportedProducts[0]"] {
            assert!(asked(unknown), "{unknown} is asked about: {:?}", translation.account.fates.get(unknown));
        }
    }

    #[test]
    fn machines_may_be_asked_for_the_old_way() {
        let groups = |instances: Value| run_job_flow(&json!({ "Instances": instances }))["InstanceGroups"].clone();
        let both =
            groups(json!({ "MasterInstanceType": "m5.xlarge", "SlaveInstanceType": "r5.xlarge", "InstanceCount": 4 }));
        assert_eq!((&both[0]["InstanceType"], &both[1]["InstanceType"]), (&json!("m5.xlarge"), &json!("r5.xlarge")));
        assert_eq!((&both[0]["RequestedInstanceCount"], &both[1]["RequestedInstanceCount"]), (&json!(1), &json!(3)));
        let one = groups(json!({ "MasterInstanceType": "m5.xlarge", "InstanceCount": 1 }));
        assert_eq!(one.as_array().map(Vec::len), Some(1));
        assert_eq!(groups(json!({ "InstanceCount": 3 })), Value::Null);
    }

    #[test]
    fn what_is_no_request_stays_as_it_is() {
        // Text where a list or an object belongs: a template that was not rendered.
        let odd =
            json!({ "Steps": "{{ steps }}", "Instances": "{{ i }}", "BootstrapActions": 3, "New": { "X": null } });
        let input = run_job_flow(&odd);
        assert_eq!(
            input,
            json!({ "Cluster": {}, "Steps": "{{ steps }}", "Instances": "{{ i }}", "BootstrapActions": 3,
            "New": { "X": null } })
        );
        assert_eq!(run_job_flow(&json!("text")), json!({}));
        let twice =
            json!({ "HadoopJarStep": { "Properties": [{ "Key": "a", "Value": "1" }, { "Key": "a", "Value": "2" }] } });
        assert_eq!(step(&twice)["Config"]["Properties"].as_array().map(Vec::len), Some(2), "none of the two is lost");
        let more =
            json!({ "StepMonitoringConfiguration": { "S3MonitoringConfiguration": { "LogUri": "a" }, "New": 1 } });
        assert_eq!(step(&more), more);
    }

    #[test]
    fn fleets_and_runs_of_serverless_too() {
        let fleet = json!({ "Instances": { "InstanceFleets": [{ "InstanceFleetType": "CORE", "TargetSpotCapacity": 4,
            "InstanceTypeConfigs": [{ "InstanceType": "r5.xlarge", "WeightedCapacity": 2, "BidPrice": null }] }] } });
        let fleets = run_job_flow(&fleet)["InstanceFleets"].clone();
        assert_eq!(
            fleets[0]["InstanceTypeSpecifications"],
            json!([{ "InstanceType": "r5.xlarge", "WeightedCapacity": 2 }])
        );
        let run = start_job_run(&json!({ "executionRoleArn": "arn:x", "name": "load", "tags": null }));
        assert_eq!(run, json!({ "executionRole": "arn:x", "name": "load" }));
        let input = serverless(&json!({ "applicationId": "00a" }), &[run]);
        assert_eq!(input["jobRuns"][0]["name"], "load");
    }

    #[test]
    fn names_lose_their_dates() {
        let request =
            json!({ "Name": "sales-2026-10-02", "Steps": [{ "Name": "load 2026-10-02" }, { "Name": "mart" }] });
        let input = named(run_job_flow(&request), "sales");
        assert_eq!(input["Cluster"]["Name"], "sales");
    }
}
