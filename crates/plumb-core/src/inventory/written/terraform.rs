//! Terraform's `show -json` of a state or plan, and raw state files: the AWS provider's EMR resources.
//!
//! Attributes are those of the provider's schema (`aws_emr_cluster` and what belongs to one, `aws_emrserverless_application`).

use super::super::request::put;
use super::{WrittenRequests, is_unset};
use serde_json::{Map, Value, json};

/// Attributes of a cluster, each with the member of RunJobFlow that it is.
const CLUSTER: [(&str, &str); 18] = [
    ("name", "Name"),
    ("release_label", "ReleaseLabel"),
    ("log_uri", "LogUri"),
    ("log_encryption_kms_key_id", "LogEncryptionKmsKeyId"),
    ("service_role", "ServiceRole"),
    ("autoscaling_role", "AutoScalingRole"),
    ("scale_down_behavior", "ScaleDownBehavior"),
    ("custom_ami_id", "CustomAmiId"),
    ("ebs_root_volume_size", "EbsRootVolumeSize"),
    ("security_configuration", "SecurityConfiguration"),
    ("step_concurrency_level", "StepConcurrencyLevel"),
    ("visible_to_all_users", "VisibleToAllUsers"),
    ("os_release_label", "OSReleaseLabel"),
    ("additional_info", "AdditionalInfo"),
    ("keep_job_flow_alive_when_no_steps", "Instances.KeepJobFlowAliveWhenNoSteps"),
    ("termination_protection", "Instances.TerminationProtected"),
    ("unhealthy_node_replacement", "Instances.UnhealthyNodeReplacement"),
    ("placement_group_config", "PlacementGroupConfigs"),
];

/// Attributes of `ec2_attributes`, each with the member of RunJobFlow that it is.
const EC2: [(&str, &str); 9] = [
    ("instance_profile", "JobFlowRole"),
    ("key_name", "Instances.Ec2KeyName"),
    ("subnet_id", "Instances.Ec2SubnetId"),
    ("subnet_ids", "Instances.Ec2SubnetIds"),
    ("emr_managed_master_security_group", "Instances.EmrManagedMasterSecurityGroup"),
    ("emr_managed_slave_security_group", "Instances.EmrManagedSlaveSecurityGroup"),
    ("service_access_security_group", "Instances.ServiceAccessSecurityGroup"),
    ("additional_master_security_groups", "Instances.AdditionalMasterSecurityGroups"),
    ("additional_slave_security_groups", "Instances.AdditionalSlaveSecurityGroups"),
];

/// What the provider computes: of this one object, and not written by anybody.
const COMPUTED: [&str; 8] = [
    "id",
    "arn",
    "cluster_state",
    "master_public_dns",
    "region",
    "list_steps_states",
    "status",
    "running_instance_count",
];

/// Whether a value is Terraform's.
pub(super) fn is_terraform(value: &Value) -> bool {
    ["values", "planned_values"].iter().any(|member| value[*member].get("root_module").is_some())
        || value["resources"].as_array().is_some_and(|all| value.get("version").is_some() && !all.is_empty())
}

/// A resource: its address, its type, its attributes.
type TerraformResource<'v> = (String, &'v str, &'v Value);

pub(super) fn read(value: &Value) -> Result<WrittenRequests, String> {
    let mut all: Vec<TerraformResource<'_>> = Vec::new();
    for member in ["planned_values", "values"] {
        if all.is_empty() {
            module(&value[member]["root_module"], &mut all);
        }
    }
    for resource in value["resources"].as_array().into_iter().flatten() {
        let (kind, name) =
            (resource["type"].as_str().unwrap_or_default(), resource["name"].as_str().unwrap_or_default());
        for instance in resource["instances"].as_array().into_iter().flatten() {
            all.push((format!("{kind}.{name}"), kind, &instance["attributes"]));
        }
    }
    let emr: Vec<&TerraformResource<'_>> = all.iter().filter(|(_, kind, _)| kind.starts_with("aws_emr")).collect();
    if emr.is_empty() {
        return Err("there is nothing of EMR among its resources (`aws_emr_…`, `aws_emrserverless_…`)".to_owned());
    }
    let mut found = WrittenRequests::default();
    for (address, kind, attributes) in &emr {
        match *kind {
            "aws_emr_cluster" => {
                let id = attributes["id"].as_str();
                let of_it = |wanted: &str| -> Vec<&Value> {
                    let is_its = |a: &&Value| id.is_some() && a["cluster_id"].as_str() == id;
                    emr.iter().filter(|(_, kind, _)| *kind == wanted).map(|(_, _, a)| *a).filter(is_its).collect()
                };
                let more = [
                    of_it("aws_emr_instance_group"),
                    of_it("aws_emr_instance_fleet"),
                    of_it("aws_emr_managed_scaling_policy"),
                ];
                found.clusters.push(cluster(attributes, &more));
            }
            "aws_emrserverless_application" => {
                found.applications.push((application(attributes), Vec::new()));
            }
            "aws_emr_instance_group" | "aws_emr_instance_fleet" | "aws_emr_managed_scaling_policy" => {
                let clusters = emr.iter().filter(|(_, kind, _)| *kind == "aws_emr_cluster");
                let mut ids = clusters.filter_map(|(_, _, attributes)| attributes["id"].as_str());
                let its = attributes["cluster_id"].as_str();
                if its.is_none() || !ids.any(|id| Some(id) == its) {
                    found.left.push(format!("{address}: its cluster is not in the file, or not known before an apply"));
                }
            }
            _ => found.left.push(format!("{address}: it is no cluster and no application")),
        }
    }
    Ok(found)
}

fn module<'v>(module: &'v Value, all: &mut Vec<TerraformResource<'v>>) {
    for resource in module["resources"].as_array().into_iter().flatten() {
        let kind = resource["type"].as_str().unwrap_or_default();
        let address = resource["address"].as_str().unwrap_or(kind).to_owned();
        if resource["mode"].as_str() != Some("data") {
            all.push((address, kind, &resource["values"]));
        }
    }
    for child in module["child_modules"].as_array().into_iter().flatten() {
        self::module(child, all);
    }
}

/// What is set and not computed.
fn set(attributes: &Value) -> Map<String, Value> {
    let members = attributes.as_object().into_iter().flatten();
    let is_set = |(name, value): &(&String, &Value)| !is_unset(value) && !COMPUTED.contains(&name.as_str());
    members.filter(is_set).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A block that occurs once is a list of one.
fn block(rest: &mut Map<String, Value>, name: &str) -> Option<Map<String, Value>> {
    let one = rest.get(name)?.as_array().filter(|list| list.len() == 1)?.first().map(set)?;
    rest.remove(name);
    Some(one)
}

fn blocks(rest: &mut Map<String, Value>, name: &str) -> Vec<Map<String, Value>> {
    match rest.get(name) {
        Some(Value::Array(list)) => {
            let all = list.iter().map(set).collect();
            rest.remove(name);
            all
        }
        _ => Vec::new(),
    }
}

/// JSON in a text, where it is some.
fn json_of(value: Value) -> Value {
    let parsed = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    parsed.unwrap_or(value)
}

/// The request that a cluster comes to. `more` are its groups, fleets and scaling policies that stand by themselves.
fn cluster(attributes: &Value, more: &[Vec<&Value>; 3]) -> Value {
    let mut rest = set(attributes);
    let mut request = json!({});
    let mut instances = json!({});
    for (attribute, member) in CLUSTER {
        if let Some(value) = rest.remove(attribute) {
            put(&mut request, member, if attribute == "placement_group_config" { pascal(&value) } else { value });
        }
    }
    if let Some(mut ec2) = block(&mut rest, "ec2_attributes") {
        for (attribute, member) in EC2 {
            let Some(value) = ec2.remove(attribute) else { continue };
            // Further groups are one text with commas.
            let value = match (&value, attribute.starts_with("additional_")) {
                (Value::String(text), true) => text.split(',').map(str::trim).collect(),
                _ => value,
            };
            put(&mut request, member, value);
        }
        keep(&mut rest, "ec2_attributes", ec2);
    }
    if let Some(applications) = rest.remove("applications") {
        let named = applications.as_array().into_iter().flatten().map(|name| json!({ "Name": name }));
        request["Applications"] = named.collect();
    }
    for (attribute, member) in [("configurations_json", "Configurations"), ("configurations", "Configurations")] {
        if let Some(value) = rest.remove(attribute) {
            match json_of(value) {
                // A file or an address, which is not read.
                Value::String(place) => rest.insert(attribute.to_owned(), Value::String(place)),
                parsed => request.as_object_mut().and_then(|request| request.insert(member.to_owned(), parsed)),
            };
        }
    }
    // Those of the provider's own settings are among all of them.
    let tags = rest.remove("tags_all").or_else(|| rest.get("tags").cloned());
    rest.remove("tags");
    let tags = tags.as_ref().and_then(Value::as_object).into_iter().flatten();
    let tags: Vec<Value> = tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    if !tags.is_empty() {
        request["Tags"] = Value::from(tags);
    }
    if let Some(kerberos) = block(&mut rest, "kerberos_attributes") {
        request["KerberosAttributes"] = pascal(&Value::Object(kerberos));
    }
    if let Some(policy) = block(&mut rest, "auto_termination_policy") {
        request["AutoTerminationPolicy"] = pascal(&Value::Object(policy));
    }
    let actions: Vec<Value> = blocks(&mut rest, "bootstrap_action")
        .into_iter()
        .map(|mut action| {
            let name = action.remove("name");
            json!({ "Name": name, "ScriptBootstrapAction": pascal(&Value::Object(action)) })
        })
        .collect();
    if !actions.is_empty() {
        request["BootstrapActions"] = Value::from(actions);
    }
    let steps: Vec<Value> = blocks(&mut rest, "step").into_iter().map(step).collect();
    if !steps.is_empty() {
        request["Steps"] = Value::from(steps);
    }
    let (mut groups, mut fleets): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for (attribute, role) in [("master_instance_group", "MASTER"), ("core_instance_group", "CORE")] {
        groups.extend(block(&mut rest, attribute).map(|one| group(one, role)));
    }
    for (attribute, role) in [("master_instance_fleet", "MASTER"), ("core_instance_fleet", "CORE")] {
        fleets.extend(block(&mut rest, attribute).map(|one| fleet(one, role)));
    }
    groups.extend(more[0].iter().map(|one| group(set(one), "TASK")));
    fleets.extend(more[1].iter().map(|one| fleet(set(one), "TASK")));
    for (member, list) in [("InstanceGroups", groups), ("InstanceFleets", fleets)] {
        if !list.is_empty() {
            instances[member] = Value::from(list);
        }
    }
    if let Some(mut policy) = more[2].first().map(|one| set(one)) {
        policy.remove("cluster_id");
        if let Some(limits) = block(&mut policy, "compute_limits") {
            let mut limits = pascal(&Value::Object(limits));
            if let Some(value) = limits.as_object_mut().and_then(|l| l.remove("MaximumOndemandCapacityUnits")) {
                limits["MaximumOnDemandCapacityUnits"] = value;
            }
            request["ManagedScalingPolicy"] = json!({ "ComputeLimits": limits });
        }
        for (name, value) in policy {
            put(&mut request, &format!("ManagedScalingPolicy.{name}"), value);
        }
    }
    for (member, value) in instances.as_object().into_iter().flatten() {
        put(&mut request, &format!("Instances.{member}"), value.clone());
    }
    if let Some(arn) = attributes["arn"].as_str() {
        request["ClusterArn"] = json!(arn);
    }
    // What is not known stays under its own name, and is asked about.
    if let Some(request) = request.as_object_mut() {
        request.extend(rest);
    }
    request
}

fn step(mut step: Map<String, Value>) -> Value {
    let jar = block(&mut step, "hadoop_jar_step").map(|mut jar| {
        let properties = jar.remove("properties");
        let mut made = pascal(&Value::Object(jar));
        let pairs = properties.as_ref().and_then(Value::as_object).into_iter().flatten();
        let pairs: Vec<Value> = pairs.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        if !pairs.is_empty() {
            made["Properties"] = Value::from(pairs);
        }
        made
    });
    let mut made = pascal(&Value::Object(step));
    if let Some(jar) = jar {
        made["HadoopJarStep"] = jar;
    }
    made
}

fn group(mut one: Map<String, Value>, role: &str) -> Value {
    one.remove("cluster_id");
    let (volumes, optimized) = (blocks(&mut one, "ebs_config"), one.remove("ebs_optimized"));
    let policy = one.remove("autoscaling_policy").map(json_of);
    let configurations = one.remove("configurations_json").map(json_of);
    let market = if one.contains_key("bid_price") { "SPOT" } else { "ON_DEMAND" };
    let mut made = pascal(&Value::Object(one));
    made["InstanceRole"] = json!(role);
    made["Market"] = json!(market);
    if !volumes.is_empty() || optimized.is_some() {
        made["EbsConfiguration"] = ebs(volumes, optimized);
    }
    if let Some(policy) = policy {
        made["AutoScalingPolicy"] = policy;
    }
    if let Some(configurations) = configurations {
        made["Configurations"] = configurations;
    }
    made
}

fn fleet(mut one: Map<String, Value>, role: &str) -> Value {
    one.remove("cluster_id");
    for computed in ["provisioned_on_demand_capacity", "provisioned_spot_capacity"] {
        one.remove(computed);
    }
    let types: Vec<Value> = blocks(&mut one, "instance_type_configs")
        .into_iter()
        .map(|mut kind| {
            let volumes = blocks(&mut kind, "ebs_config");
            let mut made = pascal(&Value::Object(kind));
            if !volumes.is_empty() {
                made["EbsConfiguration"] = ebs(volumes, None);
            }
            // The names of properties are nobody's to change.
            made
        })
        .collect();
    let launch = block(&mut one, "launch_specifications").map(|mut launch| {
        let mut made = json!({});
        for (attribute, member) in
            [("on_demand_specification", "OnDemandSpecification"), ("spot_specification", "SpotSpecification")]
        {
            if let Some(one) = block(&mut launch, attribute) {
                made[member] = pascal(&Value::Object(one));
            }
        }
        for (name, value) in launch {
            made[name] = value;
        }
        made
    });
    let mut made = pascal(&Value::Object(one));
    made["InstanceFleetType"] = json!(role);
    if !types.is_empty() {
        made["InstanceTypeConfigs"] = Value::from(types);
    }
    if let Some(launch) = launch {
        made["LaunchSpecifications"] = launch;
    }
    made
}

fn ebs(volumes: Vec<Map<String, Value>>, optimized: Option<Value>) -> Value {
    let device = |mut one: Map<String, Value>| {
        let mut volume = json!({});
        for (attribute, member) in
            [("type", "VolumeType"), ("size", "SizeInGB"), ("iops", "Iops"), ("throughput", "Throughput")]
        {
            if let Some(value) = one.remove(attribute) {
                volume[member] = value;
            }
        }
        let mut made = pascal(&Value::Object(one));
        made["VolumeSpecification"] = volume;
        made
    };
    let mut made = json!({});
    if !volumes.is_empty() {
        made["EbsBlockDeviceConfigs"] = volumes.into_iter().map(device).collect();
    }
    if let Some(optimized) = optimized {
        made["EbsOptimized"] = optimized;
    }
    made
}

/// An application of EMR Serverless in the words of GetApplication.
fn application(attributes: &Value) -> Value {
    let mut rest = set(attributes);
    let mut made = json!({});
    if let Some(id) = attributes["id"].as_str() {
        made["applicationId"] = json!(id);
    }
    let tags = rest.remove("tags_all").or_else(|| rest.get("tags").cloned());
    rest.remove("tags");
    if let Some(tags) = tags {
        made["tags"] = tags;
    }
    if let Some(limits) = block(&mut rest, "maximum_capacity") {
        made["maximumCapacity"] = Value::Object(limits);
    }
    for (name, value) in rest {
        made[camel(&name)] = value;
    }
    made
}

fn keep(rest: &mut Map<String, Value>, name: &str, left: Map<String, Value>) {
    if !left.is_empty() {
        rest.insert(name.to_owned(), Value::Object(left));
    }
}

/// `instance_count` is `InstanceCount`, in all objects below, but for the names of properties and tags.
fn pascal(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(pascal).collect(),
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(_, value)| !is_unset(value))
                .map(|(name, value)| {
                    let inner = if name == "properties" { value.clone() } else { pascal(value) };
                    (capital(&camel(name)), inner)
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

/// `release_label` is `releaseLabel`.
fn camel(name: &str) -> String {
    let mut parts = name.split('_').filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |made, part| made + &capital(part))
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}
