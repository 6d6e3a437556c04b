//! Instance groups and fleets, brought into one form.

use super::account::{Ask, At, Book};
use super::{TranslationOptions, nodes, team};
use crate::manifest::SpotAnswer;

/// One role's machines.
#[derive(Clone, Debug)]
pub(super) struct RoleMachines<'a> {
    pub at: At<'a>,
    pub role: NodeRole,
    /// The type to take, and what it stands for.
    pub node: String,
    pub node_at: At<'a>,
    /// The units that one machine counts for.
    pub weight: i64,
    /// How many machines that never are spot instances.
    pub on_demand: i64,
    /// How many that are.
    pub spot: i64,
    /// Whether its machines may be spot instances, also where none is wanted at the moment: automatic scaling sets their
    /// number to what the load needs.
    pub is_spot: bool,
    /// Whether spot instances that are not to be had are replaced by on-demand ones.
    pub fallback: bool,
    /// The most to pay for a spot instance, in percent of the on-demand price.
    pub bid: Option<i64>,
    pub volumes: Vec<Volume>,
    /// Bounds of automatic scaling by CloudWatch rules.
    pub scaling: Option<(i64, i64)>,
}

/// What machines are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeRole {
    Master,
    Core,
    Task,
}

/// An EBS volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Volume {
    pub kind: String,
    pub gigabytes: i64,
    pub iops: Option<i64>,
    pub throughput: Option<i64>,
}

const DRIVER: &str = "a cluster has one driver, which is never a spot instance";
const NEVER: &str = "`answers.spot` of plumb.yaml: workers are never spot machines";
/// More machines than any account may have.
const MOST: i64 = 100_000;
/// Where the machines stand in the manifest.
pub(super) const CLUSTER: &str = "job_clusters[*].new_cluster";

/// The parts that make up the cluster.
///
/// All is taken from what was requested: how many machines run at the moment says how far EMR has got.
pub(super) fn parts<'a>(book: &mut Book, root: &At<'a>, options: &TranslationOptions) -> Vec<RoleMachines<'a>> {
    let spot = options.answers.spot;
    let mut parts: Vec<RoleMachines<'a>> =
        root.list("InstanceGroups").iter().filter_map(|at| group(book, at, spot)).collect();
    parts.extend(root.list("InstanceFleets").iter().filter_map(|at| fleet(book, at, spot)));
    for part in &mut parts {
        let (node, why) = offered(book, &part.node, &part.node_at, options);
        if node != part.node {
            book.dropped(&part.node_at, format!("`{node}` takes its place: {why}"));
            part.node = node;
        }
    }
    parts
}

/// The type that is taken for one of EMR's: that of the answers, itself where it is offered, or else the nearest.
fn offered(book: &mut Book, old: &str, at: &At<'_>, options: &TranslationOptions) -> (String, &'static str) {
    let answered = options.answers.node_types.as_ref().and_then(|types| types.get(old));
    let wanted = answered.map_or(old, String::as_str);
    let list = options.node_types.as_ref();
    if list.map_or(!nodes::is_previous(wanted), |list| list.iter().any(|one| one == wanted)) {
        return (wanted.to_owned(), "`answers.nodeTypes` of plumb.yaml says so");
    }
    let usual = nodes::usual();
    match nodes::nearest(wanted, list.unwrap_or(&usual)) {
        Some(near) => {
            team::node_type(book, old, &near);
            (near, "Databricks does not offer it here, and this is the nearest by cores, memory and disks")
        }
        None => {
            let ask = Ask {
                what: format!("which machine type takes the place of `{wanted}`"),
                why: "Databricks does not offer it here, and plumb does not know what it is made of",
                options: &["a type of the same class and size"],
                default: "left as it is: creating the cluster will be refused",
                place: format!("{CLUSTER}.node_type_id"),
            };
            book.note(at, ask);
            (wanted.to_owned(), "`answers.nodeTypes` of plumb.yaml says so")
        }
    }
}

fn role(at: &At<'_>, key: &str) -> Option<NodeRole> {
    match at.text_of(key)?.as_str() {
        "MASTER" => Some(NodeRole::Master),
        "CORE" => Some(NodeRole::Core),
        "TASK" => Some(NodeRole::Task),
        _ => None,
    }
}

fn history(book: &mut Book, at: &At<'_>) {
    for key in ["Id", "Name", "Status"] {
        book.drop_of(at, key, "what the machines are called, and how they fare at the moment");
    }
    for key in ["RunningInstanceCount", "ProvisionedOnDemandCapacity", "ProvisionedSpotCapacity"] {
        book.drop_of(at, key, "how many there are at the moment: what was requested counts");
    }
    for key in [
        "ConfigurationsVersion",
        "LastSuccessfullyAppliedConfigurations",
        "LastSuccessfullyAppliedConfigurationsVersion",
        "Context",
    ] {
        book.drop_of(at, key, "of a reconfiguration: `Configurations` says what holds");
    }
    for key in ["ShrinkPolicy", "ResizeSpecifications", "EbsOptimized"] {
        book.drop_of(at, key, "Databricks decides how clusters shrink, and all its machines are EBS-optimised");
    }
}

fn group<'a>(book: &mut Book, at: &At<'a>, answer: Option<SpotAnswer>) -> Option<RoleMachines<'a>> {
    let role = role(at, "InstanceGroupType")?;
    let (node_at, node) = (at.get("InstanceType")?, at.text_of("InstanceType")?);
    history(book, at);
    book.drop_of(at, "InstanceGroupType", "says which member the rest goes to");
    let count = at.int_of("RequestedInstanceCount").unwrap_or_default().clamp(0, MOST);
    if role == NodeRole::Master {
        if count > 1 {
            let why =
                "several masters keep a cluster up for long: a job cluster has one driver, and a run is tried again";
            book.drop_of(at, "RequestedInstanceCount", why);
        }
        book.drop_of(at, "RequestedInstanceCount", "a cluster has one driver");
    }
    let was_spot = at.text_of("Market").as_deref() == Some("SPOT");
    let is_spot = was_spot && role != NodeRole::Master && answer != Some(SpotAnswer::Never);
    if role == NodeRole::Master {
        book.drop_of(at, "Market", DRIVER);
    } else if was_spot && !is_spot {
        book.drop_of(at, "Market", NEVER);
    }
    for key in ["RequestedInstanceCount", "Market"] {
        if let Some(at) = at.get(key) {
            book.translated(&at, format!("{CLUSTER}.{}", if key == "Market" { "aws_attributes" } else { "*size" }));
        }
    }
    let scaling = at.get("AutoScalingPolicy").and_then(|policy| {
        let bounds = policy.get("Constraints")?;
        let (least, most) = (bounds.int_of("MinCapacity")?, bounds.int_of("MaxCapacity")?);
        book.translated(&bounds, format!("{CLUSTER}.*size"));
        Some((least.clamp(0, MOST), most.clamp(0, MOST)))
    });
    book.drop_of(at, "AutoScalingPolicy", "rules by CloudWatch metrics: Databricks scales by load");
    let spot = if is_spot { count } else { 0 };
    let bid = bid(book, at, is_spot);
    Some(RoleMachines {
        role,
        node,
        node_at,
        weight: 1,
        on_demand: count - spot,
        spot,
        is_spot,
        fallback: true,
        bid,
        volumes: volumes(book, at),
        scaling,
        at: at.clone(),
    })
}

/// The share of the on-demand price that is paid at most. A bid of nothing is EMR's word for the whole.
fn bid(book: &mut Book, at: &At<'_>, spot: bool) -> Option<i64> {
    if !spot {
        for key in ["BidPrice", "BidPriceAsPercentageOfOnDemandPrice"] {
            book.drop_of(at, key, "none of these machines is a spot instance");
        }
        return None;
    }
    if let Some(price) = at.get("BidPrice").filter(|p| p.text().is_some_and(|t| !t.is_empty())) {
        let why = "a price in USD: Databricks bids a share of the on-demand price, all of it unless it is told less";
        book.dropped(&price, why);
    }
    let percent = at.get("BidPriceAsPercentageOfOnDemandPrice")?;
    // Clusters API: 10000 at most.
    let value = percent.value.as_f64().or_else(|| percent.text()?.parse().ok()).filter(|v| v.is_finite())?;
    #[allow(clippy::cast_possible_truncation)]
    let value = value.clamp(1.0, 10_000.0).ceil() as i64;
    book.translated(&percent, format!("{CLUSTER}.aws_attributes"));
    Some(value)
}

fn volumes(book: &mut Book, at: &At<'_>) -> Vec<Volume> {
    let mut volumes = Vec::new();
    // What a listing returns, and what RunJobFlow takes.
    let mut devices = at.list("EbsBlockDevices");
    devices.extend(at.path("EbsConfiguration").map(|c| c.list("EbsBlockDeviceConfigs")).unwrap_or_default());
    for device in devices {
        let times = device.int_of("VolumesPerInstance").unwrap_or(1).clamp(1, 25);
        if let Some(spec) = device.get("VolumeSpecification") {
            let volume = Volume {
                kind: spec.text_of("VolumeType").unwrap_or_else(|| "gp2".into()),
                gigabytes: spec.int_of("SizeInGB").unwrap_or_default().clamp(0, 65_536),
                iops: spec.int_of("Iops"),
                throughput: spec.int_of("Throughput"),
            };
            volumes.extend((0..times).map(|_| volume.clone()));
        }
        book.drop_of(&device, "Device", "Databricks names the devices");
    }
    volumes
}

fn fleet<'a>(book: &mut Book, at: &At<'a>, answer: Option<SpotAnswer>) -> Option<RoleMachines<'a>> {
    let role = role(at, "InstanceFleetType")?;
    let key = if at.get("InstanceTypeSpecifications").is_some() {
        "InstanceTypeSpecifications"
    } else {
        "InstanceTypeConfigs"
    };
    let types = at.list(key);
    // Of several types the one that is to be taken first; EMR tells by priority, or by the order.
    let first = types.iter().filter(|t| t.text_of("InstanceType").is_some()).min_by_key(|t| {
        t.get("Priority")
            .and_then(|p| p.value.as_f64())
            .map_or(i64::MAX, |p| (p * 1000.0).clamp(0.0, 1e15).round() as i64)
    })?;
    let (node_at, node) = (first.get("InstanceType")?, first.text_of("InstanceType")?);
    history(book, at);
    book.drop_of(at, "InstanceFleetType", "says which member the rest goes to");
    let weight = first.int_of("WeightedCapacity").unwrap_or(1).clamp(1, MOST);
    let machines = |key: &str| {
        let units = at.int_of(key).unwrap_or_default().clamp(0, MOST);
        units / weight + i64::from(units % weight > 0)
    };
    let (mut on_demand, mut spot) = (machines("TargetOnDemandCapacity"), machines("TargetSpotCapacity"));
    if answer == Some(SpotAnswer::Never) {
        (on_demand, spot) = (on_demand + spot, 0);
    }
    for key in ["TargetOnDemandCapacity", "TargetSpotCapacity"] {
        if let Some(at) = at.get(key) {
            match role {
                NodeRole::Master => book.dropped(&at, DRIVER),
                _ => book.translated(&at, format!("{CLUSTER}.*size")),
            }
        }
    }
    let spot_spec = at.path("LaunchSpecifications.SpotSpecification");
    let action = spot_spec.as_ref().and_then(|s| s.get("TimeoutAction"));
    let ends = action.as_ref().and_then(At::text).as_deref() == Some("TERMINATE_CLUSTER");
    let fallback = !ends || answer == Some(SpotAnswer::WithFallback);
    if let Some(action) = action.filter(|_| role != NodeRole::Master) {
        match answer {
            Some(SpotAnswer::Never) => book.dropped(&action, NEVER),
            Some(SpotAnswer::WithFallback) if ends => {
                book.dropped(
                    &action,
                    "`answers.spot` of plumb.yaml: on-demand machines where no spot ones are to be had",
                );
            }
            _ => book.translated(&action, format!("{CLUSTER}.aws_attributes")),
        }
    }
    book.drop_of(at, "LaunchSpecifications", "how EMR allocates machines, and how long it waits for them");
    let bid = bid(book, first, spot > 0 && role != NodeRole::Master);
    let volumes = volumes(book, first);
    let instead =
        nodes::fleet(&node).map_or_else(String::new, |fleet| format!("; `{fleet}` would be Databricks' own fleet"));
    for other in types.iter().filter(|t| t.field != first.field) {
        let why = format!("a cluster has one type for its workers: `{node}`, which EMR was to take first{instead}");
        book.dropped(other, why);
    }
    for key in ["WeightedCapacity", "Priority", "EbsOptimized"] {
        book.drop_of(first, key, "machines are counted one by one");
    }
    Some(RoleMachines {
        role,
        node,
        node_at,
        weight,
        on_demand,
        spot,
        is_spot: spot > 0 && role != NodeRole::Master,
        fallback,
        bid,
        volumes,
        scaling: None,
        at: first.clone(),
    })
}
