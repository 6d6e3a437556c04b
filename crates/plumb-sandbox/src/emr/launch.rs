//! RunJobFlow: validates the request and makes the cluster.

use super::cluster::{EmrCluster, EmrClusterState, Reason};
use super::instances::{Fleet, Group, MOST};
use super::replies::{AwsResult, validation};
use super::{check, clusters, policies, releases, steps};
use crate::{answer::Answer, store::Store};
use serde_json::{Value, json};

pub fn run_job_flow(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let cluster = launched(store, region, body)?;
    let answer = json!({ "JobFlowId": cluster.id, "ClusterArn": cluster.arn });
    store.emr.region(region).clusters.insert(cluster.id.clone(), cluster);
    Ok(answer)
}

/// The cluster of a request, starting now. Nothing is changed but the sequence that ids come from.
pub fn launched(store: &mut Store, region: &str, body: &Value) -> Result<EmrCluster, Answer> {
    let name = check::text(body, "Name")?;
    if name.is_empty() || name.chars().count() > 256 || name.contains(['<', '>', '$', '|', '`']) {
        return Err(validation("Cluster name may not contain the characters '<', '>', '$', '|' or '`' (backtick)."));
    }
    release(body)?;
    let instances = &body["Instances"];
    check::object(body, "Instances")?;
    for (name, at) in [("JobFlowRole", "InstanceProfile"), ("ServiceRole", "ServiceRole")] {
        if check::maybe_text(body, name)?.is_none_or(str::is_empty) {
            return Err(validation(format!("{at} is required for creating cluster.")));
        }
    }
    let concurrency = check::maybe_number(body, "StepConcurrencyLevel")?.unwrap_or(1);
    if !(1..=256).contains(&concurrency) {
        return Err(validation("The step concurrency level must be between 1 and 256."));
    }
    let asked_steps = check::maybe_list(body, "Steps")?.unwrap_or_default();
    steps::fit(asked_steps, concurrency, 0)?;
    bootstrap(body)?;
    configurations(&body["Configurations"], "configurations")?;
    let tags = clusters::tags(check::maybe_list(body, "Tags")?.unwrap_or_default())?;
    if let Some(name) = check::maybe_text(body, "SecurityConfiguration")?
        && !store.emr.region(region).security.contains_key(name)
    {
        // Recorded: hashicorp/terraform#13620.
        return Err(validation(format!("Security configuration with name '{name}' does not exist.")));
    }
    let (groups, fleets) = (groups(instances)?, fleets(instances)?);
    if !groups.is_empty() && !fleets.is_empty() {
        return Err(validation("Instance fleets and instance groups are mutually exclusive."));
    }
    if groups.is_empty() && fleets.is_empty() {
        return Err(validation("At least one master instance must be requested."));
    }
    let version = releases::version(body["ReleaseLabel"].as_str().unwrap_or_default()).unwrap_or_default();
    let policy = |name: &str| body.get(name).filter(|policy| !policy.is_null()).cloned();
    let (scaling, idle) = (policy("ManagedScalingPolicy"), policy("AutoTerminationPolicy"));
    if let Some(policy) = &scaling {
        policies::scaling_fits(policy, !fleets.is_empty(), version)?;
    }
    if let Some(policy) = &idle {
        policies::idle_fits(policy, version)?;
    }
    let now = store.now();
    let id = super::id("j-", store.serial(), 13);
    let mut asked = body.clone();
    if let Some(members) = asked.as_object_mut() {
        for apart in ["Steps", "Tags", "ManagedScalingPolicy", "AutoTerminationPolicy"] {
            members.remove(apart);
        }
        if let Some(instances) = members.get_mut("Instances").and_then(Value::as_object_mut) {
            instances.remove("InstanceGroups");
            instances.remove("InstanceFleets");
        }
    }
    let mut cluster = EmrCluster {
        arn: store.emr.arn("elasticmapreduce", region, &format!("cluster/{id}")),
        id,
        asked,
        phase: EmrClusterState::Starting,
        since: now,
        created: now,
        ready: None,
        ended: None,
        reason: Reason::default(),
        errors: Vec::new(),
        ending: None,
        keep_alive: check::maybe_flag(instances, "Instances.KeepJobFlowAliveWhenNoSteps")?.unwrap_or(false),
        protected: check::maybe_flag(instances, "Instances.TerminationProtected")?.unwrap_or(false),
        replacement: check::maybe_flag(instances, "Instances.UnhealthyNodeReplacement")?.unwrap_or(version >= (7, 0)),
        // The default is true (RunJobFlow, `VisibleToAllUsers`).
        visible: check::maybe_flag(body, "VisibleToAllUsers")?.unwrap_or(true),
        concurrency,
        extended_support: check::maybe_flag(body, "ExtendedSupport")?,
        steps: Vec::new(),
        groups,
        fleets,
        tags,
        scaling,
        idle,
        idle_from: now,
        made: 0,
        scenario: None,
        told: false,
    };
    let mut groups = std::mem::take(&mut cluster.groups);
    groups.iter_mut().for_each(|group| group.id = cluster.part("ig-", 13));
    let mut fleets = std::mem::take(&mut cluster.fleets);
    fleets.iter_mut().for_each(|fleet| fleet.id = cluster.part("if-", 13));
    (cluster.groups, cluster.fleets) = (groups, fleets);
    let role = check::maybe_text(body, "StepExecutionRoleArn")?;
    steps::push(&mut cluster, asked_steps, role, now);
    Ok(cluster)
}

fn release(body: &Value) -> Result<(), Answer> {
    let (label, ami) = (check::maybe_text(body, "ReleaseLabel")?, check::maybe_text(body, "AmiVersion")?);
    match (label, ami) {
        // Recorded by moto's authors.
        (Some(label), Some(ami)) => Err(validation(format!(
            "Only one AMI version and release label may be specified. Provided AMI: {ami}, release label: {label}."
        ))),
        (Some(label), None) if releases::is_known(label) => Ok(()),
        (Some(label), None) => Err(validation(format!("The supplied release label is invalid: {label}."))),
        (None, Some(_)) => Err(validation("Clusters of AMI versions 2 and 3 cannot be created any more.")),
        (None, None) => Err(validation("A release label must be specified.")),
    }
}

fn bootstrap(body: &Value) -> Result<(), Answer> {
    let actions = check::maybe_list(body, "BootstrapActions")?.unwrap_or_default();
    if actions.len() > 16 {
        return Err(validation("A maximum of 16 bootstrap actions may be specified."));
    }
    for (place, action) in actions.iter().enumerate() {
        let at = |name: &str| format!("bootstrapActions.{}.member.{name}", place + 1);
        check::text(action, &at("Name"))?;
        check::object(action, &at("ScriptBootstrapAction"))?;
        check::text(&action["ScriptBootstrapAction"], &at("ScriptBootstrapAction.Path"))?;
        check::texts(&action["ScriptBootstrapAction"], &at("ScriptBootstrapAction.Args"))?;
    }
    Ok(())
}

/// Configurations hold configurations; each has a classification, and its properties are texts.
fn configurations(list: &Value, at: &str) -> Result<(), Answer> {
    for one in list.as_array().into_iter().flatten() {
        if one["Classification"].as_str().is_none_or(str::is_empty) {
            return Err(validation(format!("A configuration at '{at}' has no classification.")));
        }
        let properties = one["Properties"].as_object().into_iter().flatten();
        if let Some((name, _)) = properties.into_iter().find(|(_, value)| !value.is_string()) {
            return Err(validation(format!("The property '{name}' at '{at}' is no text.")));
        }
        configurations(&one["Configurations"], at)?;
    }
    Ok(())
}

const ROLES: [&str; 3] = ["MASTER", "CORE", "TASK"];

fn groups(instances: &Value) -> Result<Vec<Group>, Answer> {
    let asked = match check::maybe_list(instances, "Instances.InstanceGroups")? {
        Some(groups) => groups.to_vec(),
        None => uniform(instances)?,
    };
    let mut groups = Vec::new();
    for (place, asked) in asked.into_iter().enumerate() {
        let at = |name: &str| format!("instances.instanceGroups.{}.member.{name}", place + 1);
        check::one_of(check::text(&asked, &at("InstanceRole"))?, &at("InstanceRole"), &ROLES)?;
        check::text(&asked, &at("InstanceType"))?;
        if let Some(market) = check::maybe_text(&asked, &at("Market"))? {
            check::one_of(market, &at("Market"), &["ON_DEMAND", "SPOT"])?;
        }
        let requested = check::number(&asked, &at("InstanceCount"))?;
        let least = i64::from(asked["InstanceRole"] != "TASK");
        if !(least..=MOST).contains(&requested) {
            return Err(validation(format!("The instance count {requested} of an instance group is not valid.")));
        }
        configurations(&asked["Configurations"], &at("configurations"))?;
        groups.push(Group { id: String::new(), asked, requested, resizing: None, members: Vec::new() });
    }
    let of = |role: &str| groups.iter().filter(|group| group.role() == role).count();
    if !groups.is_empty() && (of("MASTER") != 1 || of("CORE") > 1) {
        return Err(validation("Exactly one master instance group and at most one core instance group are needed."));
    }
    Ok(groups)
}

/// The short form: `MasterInstanceType`, `SlaveInstanceType`, `InstanceCount`.
fn uniform(instances: &Value) -> Result<Vec<Value>, Answer> {
    let Some(master) = check::maybe_text(instances, "Instances.MasterInstanceType")? else { return Ok(Vec::new()) };
    let count = check::maybe_number(instances, "Instances.InstanceCount")?.unwrap_or(1);
    let worker = check::maybe_text(instances, "Instances.SlaveInstanceType")?.unwrap_or(master);
    let group = |name: &str, role: &str, kind: &str, count: i64| json!({ "Name": name, "InstanceRole": role, "Market": "ON_DEMAND", "InstanceType": kind, "InstanceCount": count });
    let mut groups = vec![group("Master Instance Group", "MASTER", master, 1)];
    if count > 1 {
        groups.push(group("Core Instance Group", "CORE", worker, count - 1));
    }
    Ok(groups)
}

fn fleets(instances: &Value) -> Result<Vec<Fleet>, Answer> {
    let mut fleets = Vec::new();
    let asked = check::maybe_list(instances, "Instances.InstanceFleets")?.unwrap_or_default().to_vec();
    for (place, asked) in asked.into_iter().enumerate() {
        let at = |name: &str| format!("instances.instanceFleets.{}.member.{name}", place + 1);
        check::one_of(check::text(&asked, &at("InstanceFleetType"))?, &at("InstanceFleetType"), &ROLES)?;
        let on_demand = check::maybe_number(&asked, &at("TargetOnDemandCapacity"))?.unwrap_or(0);
        let spot = check::maybe_number(&asked, &at("TargetSpotCapacity"))?.unwrap_or(0);
        let both = on_demand.saturating_add(spot);
        let is_task = asked["InstanceFleetType"] == "TASK";
        if on_demand < 0 || spot < 0 || both > MOST || (both == 0 && !is_task) {
            return Err(validation("The target capacities of an instance fleet are not valid."));
        }
        if asked["InstanceFleetType"] == "MASTER" && both != 1 {
            return Err(validation("The target capacity of the master instance fleet must be 1."));
        }
        let types = check::maybe_list(&asked, &at("InstanceTypeConfigs"))?.unwrap_or_default();
        // Five, or thirty with an allocation strategy (EMR management guide, "Configure instance fleets").
        if types.is_empty() || types.len() > 30 {
            return Err(validation("An instance fleet must have between 1 and 30 instance types."));
        }
        for kind in types {
            check::text(kind, &at("InstanceTypeConfigs.InstanceType"))?;
            if check::maybe_number(kind, &at("InstanceTypeConfigs.WeightedCapacity"))?.is_some_and(|w| w < 1) {
                return Err(validation("The weighted capacity of an instance type must be at least 1."));
            }
            configurations(&kind["Configurations"], &at("configurations"))?;
        }
        spot_specification(
            &asked["LaunchSpecifications"]["SpotSpecification"],
            &at("LaunchSpecifications.SpotSpecification"),
        )?;
        fleets.push(Fleet {
            id: String::new(),
            asked,
            on_demand,
            spot,
            resizing: None,
            switched: false,
            members: Vec::new(),
        });
    }
    let of = |role: &str| fleets.iter().filter(|fleet| fleet.role() == role).count();
    if !fleets.is_empty() && (of("MASTER") != 1 || of("CORE") > 1 || of("TASK") > 1) {
        return Err(validation(
            "A cluster has one master instance fleet, and at most one core and one task instance fleet.",
        ));
    }
    Ok(fleets)
}

fn spot_specification(spot: &Value, at: &str) -> Result<(), Answer> {
    if spot.is_null() {
        return Ok(());
    }
    // "The minimum value is 5 and the maximum value is 1440" (SpotProvisioningSpecification).
    let minutes = check::number(spot, &format!("{at}.TimeoutDurationMinutes"))?;
    if !(5..=1440).contains(&minutes) {
        return Err(validation("The provisioning timeout of spot instances must be between 5 and 1440 minutes."));
    }
    let action = format!("{at}.TimeoutAction");
    check::one_of(check::text(spot, &action)?, &action, &["SWITCH_TO_ON_DEMAND", "TERMINATE_CLUSTER"])
}
