//! Pipelines that are written down: requests as boto3 sends them, Terraform's state or plan, CloudFormation's templates.
//!
//! Pure: a text goes in. Each form is brought into the words of RunJobFlow, and from there into those of EMR's answers
//! ([`request`]). Nothing is lost on the way: what a form has and a request does not stays under its own name.

mod cloudformation;
mod terraform;

use super::input::hidden;
use super::{pattern, request};
use crate::detect;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is written in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WrittenFile {
    /// What the file is, in a few words: `Terraform's state`.
    pub form: &'static str,
    /// By name.
    pub pipelines: Vec<WrittenPipeline>,
    /// What has to do with EMR and is not among them, each with the reason.
    pub left: Vec<String>,
}

/// A pipeline in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenPipeline {
    /// What its clusters, its application or its runs are called; dates and serials apart.
    pub name: String,
    /// The names as they are written.
    pub names: Vec<String>,
    /// The input of a translation, without secrets; of several requests the last one.
    pub input: Value,
    /// The requests before it, the last first.
    pub earlier: Vec<Value>,
    /// The id of the application of EMR Serverless, where it is one. It may not be known: a template has none.
    pub application: Option<String>,
}

/// What a form comes to: a request each, in the order of the file.
#[derive(Debug, Default)]
struct WrittenRequests {
    clusters: Vec<Value>,
    /// An application each, with its runs, the newest first.
    applications: Vec<(Value, Vec<Value>)>,
    /// Inputs that are in EMR's own words already.
    answers: Vec<Value>,
    left: Vec<String>,
}

/// Reads a file. An error says what was expected.
pub fn read(text: &str) -> Result<WrittenFile, String> {
    let value = value(text)?;
    let (form, found) = if value.get("Resources").is_some_and(Value::is_object) {
        ("a CloudFormation template", cloudformation::read(&value)?)
    } else if terraform::is_terraform(&value) {
        ("Terraform's state or plan", terraform::read(&value)?)
    } else {
        ("requests of EMR's API", requests(&value)?)
    };
    Ok(WrittenFile { form, pipelines: pipelines(&found), left: found.left })
}

/// JSON, or YAML as templates are written in.
fn value(text: &str) -> Result<Value, String> {
    use plumb_model::yaml::{FileId, Limits, Problems, parse};
    let json = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(e) => e,
    };
    let mut problems = Problems::default();
    let documents = parse(text, FileId(0), &Limits::default(), &mut problems);
    match documents.as_slice() {
        [one] if problems.is_empty() && matches!(one.to_json(), Value::Object(_) | Value::Array(_)) => {
            Ok(one.to_json())
        }
        _ if text.trim_start().starts_with(['{', '[']) => Err(format!("it is not valid JSON: {json}")),
        _ => Err("it is neither JSON nor one document of plain YAML (tags as `!Ref` are not read: \
                  `aws cloudformation get-template --template-stage Processed` gives JSON)"
            .to_owned()),
    }
}

/// One request, or a list of them.
fn requests(value: &Value) -> Result<WrittenRequests, String> {
    let mut found = WrittenRequests::default();
    let all = match value {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut runs: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (index, one) in all.iter().enumerate() {
        let has = |member: &str| one.get(member).is_some_and(|value| !value.is_null());
        if has("Cluster") {
            found.answers.push(hidden(one));
        } else if has("jobDriver") {
            let id = one["applicationId"].as_str().unwrap_or_default().to_owned();
            runs.entry(id).or_default().push(request::start_job_run(one));
        } else if has("Instances") || has("ReleaseLabel") || has("Steps") {
            found.clusters.push(one.clone());
        } else {
            return Err(format!(
                "element {index} is no request that plumb knows: expected the members of RunJobFlow (`Name`, `Instances`, \
                 `Steps` …), of StartJobRun (`applicationId`, `jobDriver` …) or of DescribeCluster's answer (`Cluster`)"
            ));
        }
    }
    for (id, mut runs) in runs {
        runs.reverse();
        let application = if id.is_empty() { json!({}) } else { json!({ "applicationId": id }) };
        found.applications.push((application, runs));
    }
    Ok(found)
}

fn pipelines(found: &WrittenRequests) -> Vec<WrittenPipeline> {
    let name_of = |value: &Value, member: &str| detect::masked(value[member].as_str().unwrap_or_default());
    let mut inputs: Vec<(String, Value)> = found
        .clusters
        .iter()
        .map(|one| {
            let mut request = one.clone();
            // It says region and account; a request has none.
            let arn = request.as_object_mut().and_then(|members| members.remove("ClusterArn"));
            let mut input = request::run_job_flow(&request);
            if let Some(arn) = arn {
                input["Cluster"]["ClusterArn"] = arn;
            }
            (name_of(one, "Name"), input)
        })
        .collect();
    inputs.extend(found.answers.iter().map(|one| (name_of(&one["Cluster"], "Name"), one.clone())));
    let grouped = pattern::group(inputs.iter().map(|(name, _)| name.as_str()));
    let mut by: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for (name, input) in inputs {
        let group = grouped.get(&name).cloned().unwrap_or_else(|| name.clone());
        by.entry(group).or_default().push((name, input));
    }
    let mut all: Vec<WrittenPipeline> = by
        .into_iter()
        .filter_map(|(name, inputs)| {
            let title = if name.is_empty() { "emr".to_owned() } else { name };
            let names = inputs.iter().map(|(name, _)| name.clone()).collect();
            let mut inputs = inputs.into_iter().rev().map(|(_, input)| request::named(input, &title));
            let input = inputs.next()?;
            Some(WrittenPipeline { names, input, earlier: inputs.collect(), application: None, name: title })
        })
        .collect();
    for (application, runs) in &found.applications {
        let id = application["applicationId"].as_str().map(str::to_owned);
        let name = match name_of(application, "name") {
            empty if empty.is_empty() => id.clone().unwrap_or_else(|| "emr-serverless".to_owned()),
            name => name,
        };
        all.push(WrittenPipeline {
            names: vec![name.clone()],
            name,
            input: request::serverless(application, runs),
            earlier: Vec::new(),
            application: Some(id.unwrap_or_default()),
        });
    }
    all
}

/// Gives the clusters of a file a region and an account, where it does not say them: logs and instance profiles need them.
pub fn located(input: &mut Value, region: Option<&str>, account: Option<&str>) {
    if input["Cluster"].is_object()
        && input["Cluster"].get("ClusterArn").is_none()
        && let (Some(region), Some(account)) = (region, account)
    {
        input["Cluster"]["ClusterArn"] = json!(format!("arn:aws:elasticmapreduce:{region}:{account}:cluster/written"));
    }
}

/// Whether a value says nothing: what is not set.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{TranslationOptions, supported, translate};

    /// The texts of all scalars.
    fn scalars(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.values().for_each(|one| scalars(one, out)),
            Value::Array(items) => items.iter().for_each(|one| scalars(one, out)),
            Value::Null => {}
            Value::String(text) => out.push(text.clone()),
            other => out.push(other.to_string()),
        }
    }

    /// What of a value is in no input, in EMR's words or its own.
    fn lost(written: &Value, file: &WrittenFile) -> Vec<String> {
        let (mut all, mut there) = (Vec::new(), Vec::new());
        scalars(written, &mut all);
        for pipeline in &file.pipelines {
            scalars(&pipeline.input, &mut there);
            pipeline.earlier.iter().for_each(|input| scalars(input, &mut there));
            there.extend(pipeline.names.clone());
        }
        let there = there.join("\n") + &file.left.join("\n");
        all.retain(|text| !text.is_empty() && !there.contains(text.as_str()));
        all
    }

    fn accounted(file: &WrittenFile) {
        for pipeline in &file.pipelines {
            let options = TranslationOptions::new(supported(jiff::civil::date(2026, 11, 22)));
            let translation = translate(&pipeline.input, &options);
            assert!(crate::import::unaccounted(&pipeline.input, &translation) == 0, "{}", pipeline.name);
        }
    }

    #[test]
    fn requests_of_one_name_are_runs_of_one_pipeline() {
        let one = |month: &str| {
            json!({ "Name": format!("sales-{month}"), "ReleaseLabel": "emr-7.1.0", "Instances": { "InstanceCount": 3 },
                "Steps": [{ "Name": "load", "HadoopJarStep": { "Jar": "command-runner.jar",
                    "Args": ["spark-submit", "s3://a/b.py", "--month", month, "--password", "hunter22"] } }] })
        };
        let file = read(&json!([one("2026-09"), one("2026-10"), { "Name": "risk", "Steps": [] }]).to_string()).unwrap();
        let names: Vec<(&str, usize)> = file.pipelines.iter().map(|p| (p.name.as_str(), p.earlier.len())).collect();
        assert_eq!(names, [("risk", 0), ("sales", 1)]);
        assert_eq!(file.pipelines[1].input["Steps"][0]["Config"]["Args"][3], "2026-10");
        assert_eq!(file.pipelines[1].earlier[0]["Steps"][0]["Config"]["Args"][3], "2026-09");
        assert!(!format!("{file:?}").contains("hunter22"));
        accounted(&file);
        let run = json!({ "applicationId": "00f", "executionRoleArn": "arn:r", "name": "load",
            "jobDriver": { "sparkSubmit": { "entryPoint": "s3://a/b.py" } } });
        let file = read(&run.to_string()).unwrap();
        assert_eq!(file.pipelines[0].application.as_deref(), Some("00f"));
        assert_eq!(lost(&run, &file), [""; 0]);
        accounted(&file);
    }

    #[test]
    fn what_is_none_is_refused_with_what_was_expected() {
        for (text, wanted) in [
            ("{", "not valid JSON"),
            ("[{\"a\": 1}]", "element 0 is no request"),
            ("a: !Ref b\n", "--template-stage Processed"),
            ("just words", "neither JSON nor"),
            ("{\"Resources\": {\"a\": {\"Type\": \"AWS::S3::Bucket\"}}}", "nothing of EMR"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(wanted), "{text}: {said}");
        }
    }

    #[test]
    fn a_terraform_state_loses_nothing() {
        let mut cluster = json!({
            "name": "sales-monthly", "release_label": "emr-6.15.0", "applications": ["Spark", "Hive"], "log_uri": "s3://logs/emr/",
            "service_role": "EMR_Service", "autoscaling_role": "EMR_Scale", "termination_protection": true,
            "keep_job_flow_alive_when_no_steps": false, "step_concurrency_level": 2, "ebs_root_volume_size": 64,
            "visible_to_all_users": true, "scale_down_behavior": "TERMINATE_AT_TASK_COMPLETION", "custom_ami_id": "ami-1",
            "security_configuration": "tls", "unhealthy_node_replacement": true, "os_release_label": "2.0.1",
            "additional_info": "{\"a\":1}", "log_encryption_kms_key_id": "k-1", "something_new": "asked about",
        });
        let more = json!({
            "tags": { "team": "bi" }, "tags_all": { "team": "bi", "managed": "terraform" },
            "auto_termination_policy": [{ "idle_timeout": 3600 }],
            "ec2_attributes": [{ "subnet_id": "subnet-1", "instance_profile": "EMR_EC2", "key_name": "key",
                "emr_managed_master_security_group": "sg-1", "emr_managed_slave_security_group": "sg-2",
                "additional_master_security_groups": "sg-3,sg-4", "service_access_security_group": "sg-5" }],
            "kerberos_attributes": [{ "realm": "R", "kdc_admin_password": "(secret)" }],
            "master_instance_group": [{ "instance_type": "m5.xlarge", "instance_count": 1, "name": "m" }],
            "core_instance_group": [{ "instance_type": "r5.2xlarge", "instance_count": 4, "bid_price": "0.3",
                "ebs_config": [{ "size": 200, "type": "gp3", "volumes_per_instance": 2, "iops": 4000, "throughput": 250 }],
                "autoscaling_policy": "{\"Constraints\":{\"MinCapacity\":2,\"MaxCapacity\":9}}" }],
            "configurations_json": "[{\"Classification\":\"spark-defaults\",\"Properties\":{\"spark.x\":\"17\"}}]",
            "bootstrap_action": [{ "name": "libs", "path": "s3://a/boot.sh", "args": ["-x"] }],
            "placement_group_config": [{ "instance_role": "MASTER", "placement_strategy": "SPREAD" }],
            "step": [{ "name": "load", "action_on_failure": "CONTINUE", "hadoop_jar_step": [{ "jar": "command-runner.jar",
                "main_class": "", "args": ["spark-submit", "s3://a/load.py"], "properties": { "p": "q" } }] }],
            "id": "j-1", "arn": "arn:aws:elasticmapreduce:eu-west-1:1:cluster/j-1", "cluster_state": "WAITING",
        });
        cluster.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut written = cluster.clone();
        // What it says of staying alive is told by its contrary.
        for computed in ["id", "arn", "cluster_state", "tags", "keep_job_flow_alive_when_no_steps"] {
            written.as_object_mut().unwrap().remove(computed);
        }
        for json in ["configurations_json", "additional_info"] {
            written[json] = serde_json::from_str(cluster[json].as_str().unwrap()).unwrap();
        }
        written["core_instance_group"][0]["autoscaling_policy"] = json!([2, 9]);
        written["ec2_attributes"][0]["additional_master_security_groups"] = json!(["sg-3", "sg-4"]);
        let task = json!({ "cluster_id": "j-1", "name": "more", "instance_type": "c5.xlarge", "instance_count": 5, "ebs_optimized": true });
        let policy = json!({ "cluster_id": "j-1", "compute_limits": [{ "unit_type": "Instances",
            "minimum_capacity_units": 3, "maximum_capacity_units": 12, "maximum_ondemand_capacity_units": 6 }] });
        let resources = json!([
            { "type": "aws_emr_cluster", "address": "aws_emr_cluster.x", "values": cluster },
            { "type": "aws_s3_bucket", "address": "b", "values": {} },
        ]);
        let below = json!([{ "type": "aws_emr_instance_group", "address": "g", "values": task },
            { "type": "aws_emr_managed_scaling_policy", "address": "p", "values": policy },
            { "type": "aws_emr_studio", "address": "aws_emr_studio.s", "values": {} }]);
        let state = json!({ "format_version": "1.0", "values": { "root_module": { "resources": resources,
            "child_modules": [{ "resources": below }] } } });
        let file = read(&state.to_string()).unwrap();
        assert_eq!(file.pipelines.len(), 1);
        for value in [&written, &json!({ "g": "more", "n": 5, "t": "c5.xlarge" }), &json!([3, 12, 6])] {
            assert_eq!(lost(value, &file), [""; 0]);
        }
        assert_eq!(file.left, ["aws_emr_studio.s: it is no cluster and no application"]);
        let input = &file.pipelines[0].input;
        for (pointer, wanted) in [
            ("/InstanceGroups/1/InstanceGroupType", json!("CORE")),
            ("/InstanceGroups/2/InstanceGroupType", json!("TASK")),
            ("/InstanceGroups/1/Market", json!("SPOT")),
            ("/Cluster/Ec2InstanceAttributes/IamInstanceProfile", json!("EMR_EC2")),
            ("/Cluster/Configurations/0/Properties/spark.x", json!("17")),
            ("/ManagedScalingPolicy/ComputeLimits/MaximumOnDemandCapacityUnits", json!(6)),
            ("/AutoTerminationPolicy/IdleTimeout", json!(3600)),
            ("/Steps/0/Config/Properties/p", json!("q")),
            ("/something_new", json!("asked about")),
        ] {
            assert_eq!(input.pointer(pointer), Some(&wanted), "{pointer}: {input:#}");
        }
        accounted(&file);
        // A raw state file, and a plan, say the same.
        let raw = json!({ "version": 4, "terraform_version": "1.9", "resources": [
            { "mode": "managed", "type": "aws_emr_cluster", "name": "x", "instances": [{ "attributes": cluster }] },
            { "mode": "managed", "type": "aws_emr_instance_group", "name": "g", "instances": [{ "attributes": task }] },
            { "mode": "managed", "type": "aws_emr_managed_scaling_policy", "name": "p", "instances": [{ "attributes": policy }] } ] });
        assert_eq!(read(&raw.to_string()).unwrap().pipelines, file.pipelines);
        let plan = json!({ "format_version": "1.2", "planned_values": state["values"] });
        assert_eq!(read(&plan.to_string()).unwrap().pipelines, file.pipelines);
    }

    #[test]
    fn a_template_loses_nothing_and_knows_its_parameters() {
        let template = json!({
            "Parameters": { "Month": { "Type": "String", "Default": "2026-10" }, "Bucket": { "Type": "String" } },
            "Resources": {
                "Cluster": { "Type": "AWS::EMR::Cluster", "Properties": {
                    "Name": { "Fn::Sub": "sales-${Month}" }, "ReleaseLabel": "emr-7.1.0", "JobFlowRole": { "Ref": "Profile" },
                    "Instances": { "MasterInstanceGroup": { "InstanceType": "m5.xlarge", "InstanceCount": 1 },
                        "CoreInstanceFleet": { "TargetSpotCapacity": 7, "InstanceTypeConfigs": [{ "InstanceType": "r5.xlarge", "WeightedCapacity": 2 }] },
                        "TaskInstanceGroups": [{ "InstanceType": "c5.xlarge", "InstanceCount": 3, "BidPrice": "0.1" }],
                        "KeepJobFlowAliveWhenNoSteps": true, "Ec2SubnetId": "subnet-1" },
                    "Configurations": [{ "Classification": "spark-env", "Configurations": [
                        { "Classification": "export", "ConfigurationProperties": { "A": "b" } }] }],
                    "ManagedScalingPolicy": { "ComputeLimits": { "MinimumCapacityUnits": 2, "MaximumCapacityUnits": 11, "UnitType": "Instances" } },
                    "Tags": [{ "Key": "team", "Value": "bi" }] } },
                "Load": { "Type": "AWS::EMR::Step", "Properties": { "Name": "load", "ActionOnFailure": "CONTINUE",
                    "JobFlowId": { "Ref": "Cluster" }, "HadoopJarStep": { "Jar": "command-runner.jar",
                        "Args": ["spark-submit", { "Fn::Join": ["/", ["s3://code", "a.py"]] }, "--month", { "Ref": "Month" },
                            "--out", { "Fn::Sub": "s3://${Bucket}/x" }],
                        "StepProperties": [{ "Key": "p", "Value": "q" }] } } },
                "More": { "Type": "AWS::EMR::InstanceGroupConfig", "Properties": { "JobFlowId": { "Ref": "Cluster" },
                    "InstanceRole": "TASK", "InstanceType": "i3.xlarge", "InstanceCount": 9 } },
                "Studio": { "Type": "AWS::EMR::Studio", "Properties": {} },
            }
        });
        let file = read(&template.to_string()).unwrap();
        let [pipeline] = file.pipelines.as_slice() else { panic!("{file:?}") };
        assert_eq!((pipeline.name.as_str(), pipeline.names[0].as_str()), ("sales", "sales-2026-10"));
        for (pointer, wanted) in [
            ("/InstanceGroups/0/InstanceGroupType", json!("MASTER")),
            ("/InstanceGroups/1/InstanceGroupType", json!("TASK")),
            ("/InstanceGroups/2/RequestedInstanceCount", json!(9)),
            ("/InstanceFleets/0/TargetSpotCapacity", json!(7)),
            ("/Cluster/Configurations/0/Configurations/0/Properties/A", json!("b")),
            ("/ManagedScalingPolicy/ComputeLimits/MaximumCapacityUnits", json!(11)),
            ("/Steps/0/Config/Args/1", json!("s3://code/a.py")),
            ("/Steps/0/Config/Args/3", json!("2026-10")),
            ("/Steps/0/Config/Args/5", json!("s3://${Bucket}/x")),
            ("/Steps/0/Config/Properties/p", json!("q")),
            ("/Cluster/Ec2InstanceAttributes/IamInstanceProfile/Ref", json!("Profile")),
        ] {
            assert_eq!(pipeline.input.pointer(pointer), Some(&wanted), "{pointer}: {:#}", pipeline.input);
        }
        assert_eq!(file.left, ["Studio: AWS::EMR::Studio is no cluster and no application"]);
        accounted(&file);
    }
}
