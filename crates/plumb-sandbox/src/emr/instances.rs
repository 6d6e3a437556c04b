//! What a cluster runs on: instance groups or instance fleets, and the instances in them.

use super::cluster::{EmrCluster, EmrClusterState};
use super::replies::{AwsResult, invalid, time, validation};
use super::settings::EmrSettings;
use super::{check, clusters, paged};
use crate::{answer::Answer, store::Store};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub id: String,
    pub ec2: String,
    pub kind: String,
    pub market: String,
    /// What it counts for in its fleet; 1 in a group.
    pub units: i64,
    pub created: i64,
    #[serde(default)]
    pub ready: Option<i64>,
    #[serde(default)]
    pub ended: Option<i64>,
    /// Why it ended, where that was not the end of its cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Value>,
}

/// An instance group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub id: String,
    /// The group as it was requested (InstanceGroupConfig).
    pub asked: Value,
    pub requested: i64,
    /// Since when it is changing its size.
    #[serde(default)]
    pub resizing: Option<i64>,
    #[serde(default)]
    pub members: Vec<Instance>,
}

/// An instance fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    pub id: String,
    /// The fleet as it was requested (InstanceFleetConfig).
    pub asked: Value,
    pub on_demand: i64,
    pub spot: i64,
    #[serde(default)]
    pub resizing: Option<i64>,
    /// Whether it gave up on spot instances.
    #[serde(default)]
    pub switched: bool,
    #[serde(default)]
    pub members: Vec<Instance>,
}

/// The most instances or units that one group or fleet may have here.
pub const MOST: i64 = 4000;

fn alive(members: &[Instance]) -> impl Iterator<Item = &Instance> {
    members.iter().filter(|member| member.ended.is_none())
}

impl Group {
    /// `MASTER`, `CORE` or `TASK`.
    pub fn role(&self) -> &str {
        self.asked["InstanceRole"].as_str().unwrap_or_default()
    }

    /// The instance type.
    pub fn kind(&self) -> &str {
        self.asked["InstanceType"].as_str().unwrap_or_default()
    }

    fn market(&self) -> &str {
        self.asked["Market"].as_str().unwrap_or("ON_DEMAND")
    }
}

impl Fleet {
    /// `MASTER`, `CORE` or `TASK`.
    pub fn role(&self) -> &str {
        self.asked["InstanceFleetType"].as_str().unwrap_or_default()
    }

    fn types(&self) -> Vec<(String, i64)> {
        let types = self.asked["InstanceTypeConfigs"].as_array().into_iter().flatten();
        let one =
            |t: &Value| Some((t["InstanceType"].as_str()?.to_owned(), t["WeightedCapacity"].as_i64().unwrap_or(1)));
        types.filter_map(one).collect()
    }

    fn provisioned(&self, market: &str) -> i64 {
        alive(&self.members).filter(|member| member.market == market).map(|member| member.units).sum()
    }

    /// The requested units: on demand, spot.
    fn wanted(&self) -> (i64, i64) {
        if self.switched { (self.on_demand + self.spot, 0) } else { (self.on_demand, self.spot) }
    }
}

fn added(cluster: &mut EmrCluster, kind: &str, market: &str, units: i64, at: i64) -> Instance {
    let ready = cluster.ready.map(|ready| ready.max(at));
    let (id, ec2) = (cluster.part("ci-", 14), cluster.ec2());
    Instance {
        id,
        ec2,
        kind: kind.to_owned(),
        market: market.to_owned(),
        units,
        created: at,
        ready,
        ended: None,
        reason: None,
    }
}

/// Starts and ends instances until every group and fleet has its requested size.
pub fn provision(cluster: &mut EmrCluster, at: i64) {
    let mut groups = std::mem::take(&mut cluster.groups);
    for group in &mut groups {
        let (kind, market) = (group.kind().to_owned(), group.market().to_owned());
        let count = i64::try_from(alive(&group.members).count()).unwrap_or(i64::MAX);
        for _ in count..group.requested {
            let member = added(cluster, &kind, &market, 1, at);
            group.members.push(member);
        }
        shrink(&mut group.members, count - group.requested, at, |_| true);
        group.resizing = None;
    }
    cluster.groups = groups;
    let mut fleets = std::mem::take(&mut cluster.fleets);
    for fleet in &mut fleets {
        let types = fleet.types();
        let (on_demand, spot) = fleet.wanted();
        for (market, target) in [("ON_DEMAND", on_demand), ("SPOT", spot)] {
            let mut turn = alive(&fleet.members).filter(|member| member.market == market).count();
            // A weight that does not divide the target overshoots, as EMR does.
            while fleet.provisioned(market) < target {
                // Spot instances are spread over the types, on-demand ones are of the first.
                let place = if market == "SPOT" { turn % types.len().max(1) } else { 0 };
                let Some((kind, units)) = types.get(place) else { break };
                let member = added(cluster, kind, market, (*units).max(1), at);
                fleet.members.push(member);
                turn += 1;
            }
            while let Some(last) = fleet.members.iter_mut().rev().find(|m| m.ended.is_none() && m.market == market) {
                let units = last.units;
                if fleet.provisioned(market) - units < target {
                    break;
                }
                shrink(&mut fleet.members, 1, at, |member| member.market == market);
            }
        }
        fleet.resizing = None;
    }
    cluster.fleets = fleets;
}

/// Ends the newest instances.
fn shrink(members: &mut [Instance], count: i64, at: i64, which: impl Fn(&Instance) -> bool) {
    let count = usize::try_from(count).unwrap_or_default();
    let going = members.iter_mut().rev().filter(|member| member.ended.is_none() && which(member));
    for member in going.take(count) {
        member.ended = Some(at);
    }
}

/// The instances are ready for steps.
pub fn ready(cluster: &mut EmrCluster, at: i64) {
    for member in all_mut(cluster) {
        member.ready = member.ready.or(Some(at));
    }
}

/// The instances are gone.
pub fn end(cluster: &mut EmrCluster, at: i64) {
    for member in all_mut(cluster) {
        member.ended = member.ended.or(Some(at));
    }
}

fn all_mut(cluster: &mut EmrCluster) -> impl Iterator<Item = &mut Instance> {
    let fleets = cluster.fleets.iter_mut().flat_map(|fleet| fleet.members.iter_mut());
    cluster.groups.iter_mut().flat_map(|group| group.members.iter_mut()).chain(fleets)
}

/// Since when a group or fleet of it is changing its size.
pub fn resizing(cluster: &EmrCluster) -> Option<i64> {
    let fleets = cluster.fleets.iter().filter_map(|fleet| fleet.resizing);
    cluster.groups.iter().filter_map(|group| group.resizing).chain(fleets).min()
}

/// Ends a resize.
pub fn resized(cluster: &mut EmrCluster, at: i64) {
    provision(cluster, at);
}

/// How many minutes fleets wait for spot instances that there are none of.
pub fn spot_timeout(cluster: &EmrCluster, settings: &EmrSettings) -> Option<i64> {
    if settings.spot_available {
        return None;
    }
    let waiting = cluster.fleets.iter().filter(|fleet| fleet.spot > 0 && !fleet.switched);
    waiting.filter_map(|fleet| spot(fleet)["TimeoutDurationMinutes"].as_i64()).min()
}

fn spot(fleet: &Fleet) -> &Value {
    &fleet.asked["LaunchSpecifications"]["SpotSpecification"]
}

/// Whether one of the fleets ends the cluster when there are no spot instances.
pub fn spot_ends_it(cluster: &EmrCluster) -> bool {
    cluster.fleets.iter().any(|fleet| fleet.spot > 0 && spot(fleet)["TimeoutAction"] == "TERMINATE_CLUSTER")
}

/// The fleets that waited for spot instances take others.
pub fn switch_to_on_demand(cluster: &mut EmrCluster) {
    for fleet in cluster.fleets.iter_mut().filter(|fleet| fleet.spot > 0) {
        fleet.switched = true;
    }
}

/// What the size in an instance type's name counts for: `large` is a half, `4xlarge` is four.
fn size(kind: &str) -> f64 {
    let size = kind.rsplit('.').next().unwrap_or_default();
    match size {
        "small" => 0.125,
        "medium" => 0.25,
        "large" => 0.5,
        "xlarge" => 1.0,
        "metal" => 24.0,
        _ => size.strip_suffix("xlarge").and_then(|times| times.parse().ok()).unwrap_or(1.0),
    }
}

/// The virtual CPUs of an instance type, by its size: all but a few families have four in `xlarge`.
#[allow(clippy::cast_possible_truncation)]
pub fn cpus(kind: &str) -> i64 {
    (size(kind) * 4.0).ceil() as i64
}

impl EmrCluster {
    /// `NormalizedInstanceHours`: begun hours of every instance, an `m1.small` counting 1 and each doubling of the size
    /// twice as much (`xlarge` is 8).
    #[allow(clippy::cast_possible_truncation)]
    pub fn hours(&self, now: i64) -> i64 {
        let fleets = self.fleets.iter().flat_map(|fleet| &fleet.members);
        let members = self.groups.iter().flat_map(|group| &group.members).chain(fleets);
        let of_one = |member: &Instance| {
            let Some(ready) = member.ready else { return 0 };
            let hours = (member.ended.unwrap_or(now) - ready).max(0).div_euclid(3_600_000) + 1;
            hours * (size(&member.kind) * 8.0).ceil() as i64
        };
        members.map(of_one).sum()
    }
}

/// The status of a group, a fleet or an instance.
fn status(cluster: &EmrCluster, is_resizing: bool, created: i64, ready: Option<i64>, ended: Option<i64>) -> Value {
    let state = match cluster.phase {
        _ if ended.is_some() => "TERMINATED",
        EmrClusterState::Starting => "PROVISIONING",
        EmrClusterState::Bootstrapping => "BOOTSTRAPPING",
        EmrClusterState::Running | EmrClusterState::Waiting if is_resizing => "RESIZING",
        EmrClusterState::Running | EmrClusterState::Waiting => "RUNNING",
        EmrClusterState::Terminating => "TERMINATING",
        EmrClusterState::Terminated | EmrClusterState::TerminatedWithErrors => "TERMINATED",
    };
    let mut timeline = json!({ "CreationDateTime": time(created) });
    for (name, at) in [("ReadyDateTime", ready), ("EndDateTime", ended)] {
        if let Some(at) = at {
            timeline[name] = time(at);
        }
    }
    let reason = if cluster.phase.has_ended() {
        json!({ "Code": "CLUSTER_TERMINATED", "Message": "Job flow terminated" })
    } else {
        json!({ "Message": "" })
    };
    json!({ "State": state, "StateChangeReason": reason, "Timeline": timeline })
}

/// `EbsBlockDevices`: one entry a volume.
fn volumes(asked: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    for config in asked["EbsConfiguration"]["EbsBlockDeviceConfigs"].as_array().into_iter().flatten() {
        for _ in 0..config["VolumesPerInstance"].as_u64().unwrap_or(1).min(25) {
            let letter = char::from(b'b' + u8::try_from(out.len()).unwrap_or_default().min(24));
            out.push(
                json!({ "VolumeSpecification": config["VolumeSpecification"], "Device": format!("/dev/sd{letter}") }),
            );
        }
    }
    out
}

fn shown_group(cluster: &EmrCluster, group: &Group) -> Value {
    let asked = &group.asked;
    let configurations = asked.get("Configurations").cloned().unwrap_or_else(|| json!([]));
    let version = asked["ConfigurationsVersion"].as_i64().unwrap_or(0);
    let mut shown = json!({
        "Id": group.id, "Name": asked["Name"].as_str().unwrap_or_default(), "Market": group.market(),
        "InstanceGroupType": group.role(), "InstanceType": group.kind(),
        "RequestedInstanceCount": group.requested, "RunningInstanceCount": running(cluster, &group.members),
        "Status": status(cluster, group.resizing.is_some(), cluster.created, cluster.ready, cluster.ended),
        "Configurations": configurations, "ConfigurationsVersion": version,
        "LastSuccessfullyAppliedConfigurations": configurations, "LastSuccessfullyAppliedConfigurationsVersion": version,
        "EbsBlockDevices": volumes(asked), "ShrinkPolicy": {},
    });
    if let Some(optimized) = asked["EbsConfiguration"]["EbsOptimized"].as_bool() {
        shown["EbsOptimized"] = json!(optimized);
    }
    for name in ["BidPrice", "CustomAmiId", "ShrinkPolicy"] {
        if let Some(value) = asked.get(name).filter(|value| !value.is_null()) {
            shown[name] = value.clone();
        }
    }
    if let Some(policy) = asked.get("AutoScalingPolicy").filter(|policy| policy.is_object()) {
        shown["AutoScalingPolicy"] = policy.clone();
        shown["AutoScalingPolicy"]["Status"] =
            json!({ "State": "ATTACHED", "StateChangeReason": { "Code": "USER_REQUEST", "Message": "" } });
    }
    shown
}

fn running(cluster: &EmrCluster, members: &[Instance]) -> usize {
    match cluster.phase {
        EmrClusterState::Starting | EmrClusterState::Bootstrapping => 0,
        _ => alive(members).count(),
    }
}

fn shown_fleet(cluster: &EmrCluster, fleet: &Fleet) -> Value {
    let asked = &fleet.asked;
    let types = asked["InstanceTypeConfigs"].as_array().cloned().unwrap_or_default();
    let types: Vec<Value> = types
        .into_iter()
        .map(|mut kind| {
            let (devices, optimized) = (volumes(&kind), kind["EbsConfiguration"]["EbsOptimized"].as_bool());
            if let Some(members) = kind.as_object_mut() {
                members.remove("EbsConfiguration");
                members.insert("EbsBlockDevices".to_owned(), devices.into());
                members.entry("WeightedCapacity").or_insert(json!(1));
                if let Some(optimized) = optimized {
                    members.insert("EbsOptimized".to_owned(), json!(optimized));
                }
            }
            kind
        })
        .collect();
    let mut shown = json!({
        "Id": fleet.id, "Name": asked["Name"].as_str().unwrap_or_default(), "InstanceFleetType": fleet.role(),
        "Status": status(cluster, fleet.resizing.is_some(), cluster.created, cluster.ready, cluster.ended),
        "TargetOnDemandCapacity": fleet.on_demand, "TargetSpotCapacity": fleet.spot,
        "ProvisionedOnDemandCapacity": fleet.provisioned("ON_DEMAND"), "ProvisionedSpotCapacity": fleet.provisioned("SPOT"),
        "InstanceTypeSpecifications": types,
    });
    for name in ["LaunchSpecifications", "ResizeSpecifications", "Context"] {
        if let Some(value) = asked.get(name).filter(|value| !value.is_null()) {
            shown[name] = value.clone();
        }
    }
    shown
}

/// What an operation on groups says of a cluster that has fleets.
// Recorded: turbot/steampipe-plugin-aws#1222.
fn has_fleets(operation: &str) -> Answer {
    let words = format!(
        "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the request uses instance \
         fleets. The {operation} operation does not support clusters that use instance fleets. Use the ListInstanceFleets \
         operation instead."
    );
    invalid(Some("API_DOES_NOT_SUPPORT_INSTANCE_FLEET_CLUSTERS"), words)
}

/// The other way round; its code is not recorded.
fn has_groups(operation: &str) -> Answer {
    let words = format!(
        "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the request uses instance \
         groups. The {operation} operation does not support clusters that use instance groups. Use the ListInstanceGroups \
         operation instead."
    );
    invalid(Some("API_DOES_NOT_SUPPORT_INSTANCE_GROUP_CLUSTERS"), words)
}

pub fn groups(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let cluster = clusters::known(store, region, body)?;
    if cluster.has_fleets() {
        return Err(has_fleets("ListInstanceGroups"));
    }
    let all: Vec<Value> = cluster.groups.iter().map(|group| shown_group(cluster, group)).collect();
    paged(&all, body, "InstanceGroups")
}

pub fn fleets(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let cluster = clusters::known(store, region, body)?;
    if !cluster.has_fleets() {
        return Err(has_groups("ListInstanceFleets"));
    }
    let all: Vec<Value> = cluster.fleets.iter().map(|fleet| shown_fleet(cluster, fleet)).collect();
    paged(&all, body, "InstanceFleets")
}

pub fn list(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let horizon = store.now().saturating_sub(store.settings.emr.instance_days().saturating_mul(86_400_000));
    let is_known = |member: &&Instance| member.ended.is_none_or(|ended| ended > horizon);
    let cluster = clusters::known(store, region, body)?;
    let (group, fleet) = (check::maybe_text(body, "InstanceGroupId")?, check::maybe_text(body, "InstanceFleetId")?);
    let (roles, role) = (check::texts(body, "InstanceGroupTypes")?, check::maybe_text(body, "InstanceFleetType")?);
    let states = check::texts(body, "InstanceStates")?;
    for state in &states {
        let known = ["AWAITING_FULFILLMENT", "PROVISIONING", "BOOTSTRAPPING", "RUNNING", "TERMINATED"];
        check::one_of(state, "InstanceStates", &known)?;
    }
    if cluster.has_fleets() && (group.is_some() || !roles.is_empty()) {
        return Err(has_fleets("ListInstances"));
    }
    if !cluster.has_fleets() && (fleet.is_some() || role.is_some()) {
        return Err(has_groups("ListInstances"));
    }
    let mut all = Vec::new();
    let of_groups = cluster.groups.iter().filter(|g| {
        group.is_none_or(|id| g.id == id) && (roles.is_empty() || roles.iter().any(|role| role == g.role()))
    });
    for group in of_groups {
        let members = group.members.iter().filter(is_known);
        all.extend(members.map(|member| shown(cluster, member, "InstanceGroupId", &group.id)));
    }
    let of_fleets =
        cluster.fleets.iter().filter(|f| fleet.is_none_or(|id| f.id == id) && role.is_none_or(|role| f.role() == role));
    for fleet in of_fleets {
        let members = fleet.members.iter().filter(is_known);
        all.extend(members.map(|member| shown(cluster, member, "InstanceFleetId", &fleet.id)));
    }
    let wanted = |one: &Value| states.is_empty() || states.iter().any(|state| one["Status"]["State"] == **state);
    all.retain(wanted);
    paged(&all, body, "Instances")
}

fn shown(cluster: &EmrCluster, member: &Instance, owner: &str, id: &str) -> Value {
    let (address, host) = address(cluster, member);
    let mut shown = json!({
        "Id": member.id, "Ec2InstanceId": member.ec2, "PublicDnsName": "", "PrivateIpAddress": address,
        "PrivateDnsName": host,
        "Status": status(cluster, false, member.created, member.ready, member.ended),
        "Market": member.market, "InstanceType": member.kind, "EbsVolumes": [],
    });
    shown[owner] = json!(id);
    if let Some(reason) = &member.reason {
        shown["Status"]["StateChangeReason"] = reason.clone();
    }
    // An instance knows no TERMINATING.
    if shown["Status"]["State"] == "TERMINATING" {
        shown["Status"]["State"] = json!("RUNNING");
    }
    shown
}

/// An instance's private address and name.
pub fn address(cluster: &EmrCluster, member: &Instance) -> (String, String) {
    let tail: Vec<u8> = member.ec2.bytes().rev().take(3).collect();
    let address = format!("10.{}.{}.{}", tail[0], tail[1], tail[2]);
    let region = cluster.arn.split(':').nth(3).unwrap_or_default();
    let host = format!("ip-{}.{region}.compute.internal", address.replace('.', "-"));
    (address, host)
}

/// EC2 takes an instance back. Which code EMR gives it is not recorded; its message is.
pub fn reclaim(cluster: &mut EmrCluster, id: &str, at: i64, why: &str) {
    for member in all_mut(cluster).filter(|member| member.id == id) {
        member.ended = Some(at);
        member.reason = Some(json!({ "Code": "INSTANCE_FAILURE", "Message": why }));
    }
}

/// Only clusters that run are changed. Recorded: hashicorp/terraform#22116.
fn changeable(cluster: &EmrCluster) -> Result<(), Answer> {
    match cluster.phase {
        EmrClusterState::Running | EmrClusterState::Waiting => Ok(()),
        _ => Err(validation("An instance group may only be modified when the cluster is running or waiting")),
    }
}

pub fn modify_groups(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let now = store.now();
    let changes = check::maybe_list(body, "InstanceGroups")?.unwrap_or_default().to_vec();
    let ids: Vec<&str> = changes.iter().map(|c| check::text(c, "InstanceGroupId")).collect::<Result<_, _>>()?;
    let named = check::maybe_text(body, "ClusterId")?.map(str::to_owned);
    let all = &mut store.emr.region(region).clusters;
    let holds = |cluster: &EmrCluster| {
        named.as_ref().is_none_or(|id| cluster.id == *id)
            && ids.iter().all(|id| cluster.groups.iter().any(|group| group.id == **id))
    };
    let Some(cluster) = all.values_mut().find(|cluster| holds(cluster)) else {
        return Err(validation(format!("Instance group id '{}' is not valid.", ids.join("', '"))));
    };
    changeable(cluster)?;
    for change in &changes {
        let count = check::maybe_number(change, "InstanceCount")?;
        let id = check::text(change, "InstanceGroupId")?;
        let Some(group) = cluster.groups.iter_mut().find(|group| group.id == id) else { continue };
        if let Some(count) = count {
            let least = i64::from(group.role() == "CORE");
            if group.role() == "MASTER" {
                return Err(validation("A master instance group may not be resized."));
            }
            if !(least..=MOST).contains(&count) {
                return Err(validation(format!(
                    "An instance group of the role {} cannot have {count} instances.",
                    group.role()
                )));
            }
            group.requested = count;
            group.resizing = Some(now);
        }
        if let Some(configurations) = change.get("Configurations").filter(|value| value.is_array()) {
            group.asked["Configurations"] = configurations.clone();
            group.asked["ConfigurationsVersion"] =
                json!(group.asked["ConfigurationsVersion"].as_i64().unwrap_or(0) + 1);
        }
        if let Some(policy) = change.get("ShrinkPolicy").filter(|value| value.is_object()) {
            group.asked["ShrinkPolicy"] = policy.clone();
        }
    }
    Ok(Value::Null)
}

pub fn modify_fleet(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let now = store.now();
    let cluster = clusters::known(store, region, body)?;
    if !cluster.has_fleets() {
        return Err(has_groups("ModifyInstanceFleet"));
    }
    check::object(body, "InstanceFleet")?;
    let change = &body["InstanceFleet"];
    let id = check::text(change, "InstanceFleet.InstanceFleetId")?;
    if !matches!(cluster.phase, EmrClusterState::Running | EmrClusterState::Waiting) {
        return Err(invalid(None, "An instance fleet may only be modified when the cluster is running or waiting."));
    }
    let Some(fleet) = cluster.fleets.iter_mut().find(|fleet| fleet.id == id) else {
        return Err(invalid(None, format!("Instance fleet id '{id}' is not valid.")));
    };
    if fleet.role() == "MASTER" {
        return Err(invalid(None, "The master instance fleet cannot be resized."));
    }
    let on_demand = check::maybe_number(change, "InstanceFleet.TargetOnDemandCapacity")?.unwrap_or(fleet.on_demand);
    let spot = check::maybe_number(change, "InstanceFleet.TargetSpotCapacity")?.unwrap_or(fleet.spot);
    if on_demand < 0 || spot < 0 || on_demand.saturating_add(spot) > MOST {
        return Err(invalid(None, format!("An instance fleet cannot have {on_demand} and {spot} units.")));
    }
    (fleet.on_demand, fleet.spot, fleet.resizing) = (on_demand, spot, Some(now));
    for name in ["ResizeSpecifications", "InstanceTypeConfigs", "Context"] {
        if let Some(value) = change.get(name).filter(|value| !value.is_null()) {
            fleet.asked[name] = value.clone();
        }
    }
    Ok(Value::Null)
}
