//! The shape of the new cluster: machines, how many, of what market, with which disks.

use super::TranslationOptions;
use super::account::{Ask, At, Book};
use super::nodes::node;
use super::parts::{CLUSTER, NodeRole, RoleMachines, Volume, parts};
use super::team;
use crate::manifest::SpotAnswer;
use serde_json::{Map, Value, json};

/// A cluster's shape.
#[derive(Clone, Debug)]
pub(super) struct ClusterCapacity<'a> {
    pub node: String,
    /// The driver's type when the driver ran on the master, or has to have more memory than a worker.
    pub driver: Option<String>,
    /// Where the input names it.
    pub master: Option<At<'a>>,
    pub size: Size,
    pub aws: Map<String, Value>,
    pub elastic_disk: bool,
    /// Which of its values the input gave: without any there is nothing to compare hints with.
    pub is_given: bool,
}

/// How many workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Fixed(i64),
    Between(i64, i64),
}

/// The shape that groups or fleets, and their scaling, come to.
pub(super) fn shape<'a>(book: &mut Book, root: &At<'a>, options: &TranslationOptions) -> ClusterCapacity<'a> {
    let mut parts = parts(book, root, options);
    let main = main_part(&parts);
    if let Some(main) = main {
        as_many_cores(book, &mut parts, main);
    }
    let main = main.and_then(|at| parts.get(at));
    let master = parts.iter().find(|p| p.role == NodeRole::Master);
    let workers: Vec<&RoleMachines<'_>> = parts.iter().filter(|p| p.role != NodeRole::Master).collect();
    let given = main.or(master);
    let node_name = given.map_or_else(|| options.node_type.clone(), |p| p.node.clone());
    if given.is_none() {
        let what = "which machines the job runs on".to_owned();
        let why = "the input names none";
        let at = root.get("Cluster").unwrap_or_else(|| root.clone());
        let ask = Ask {
            what,
            why,
            options: &[options.node_type.as_str()],
            default: "the type that the options name",
            place: format!("{CLUSTER}.node_type_id"),
        };
        book.note(&at, ask);
    }
    types(book, main, &workers, master);
    let limits = limits(book, root, main, &node_name);
    let spot = spot(root, &workers, limits.as_ref(), options);
    let size = size(book, &workers, limits.as_ref(), spot, options);
    let mut aws = market(book, &workers, limits.as_ref(), spot, options);
    uncounted(book, root, limits.as_ref(), spot && bound(&workers, limits.as_ref()).is_none());
    let disks = given.map(|p| p.volumes.clone()).unwrap_or_default();
    volumes(book, &parts, given, &disks, &mut aws);
    let apart = master.filter(|m| main.is_some() && m.node != node_name);
    ClusterCapacity {
        elastic_disk: disks.is_empty() && !node(&node_name).is_some_and(|n| n.disks),
        driver: apart.map(|m| m.node.clone()),
        master: apart.map(|m| m.node_at.clone()),
        node: node_name,
        size,
        aws,
        is_given: given.is_some(),
    }
}

/// The workers with the most cores: their type is that of all.
fn main_part(parts: &[RoleMachines<'_>]) -> Option<usize> {
    let cores = |p: &RoleMachines<'_>| {
        let most = p.scaling.map_or(0, |(_, most)| most).max(p.on_demand + p.spot);
        node(&p.node).map_or(1, |n| n.cores) * most
    };
    let workers = parts.iter().enumerate().filter(|(_, p)| p.role != NodeRole::Master);
    // Of equals the first in the order core, task, and then that of the listing.
    workers.max_by_key(|(i, p)| (cores(p), p.role == NodeRole::Core, usize::MAX - i)).map(|(i, _)| i)
}

/// Counts workers of another type than the main part's as so many of its type as have their cores.
fn as_many_cores(book: &mut Book, parts: &mut [RoleMachines<'_>], main: usize) {
    let Some(name) = parts.get(main).map(|p| p.node.clone()) else { return };
    let to = format!("{CLUSTER}.node_type_id");
    for part in parts.iter_mut().filter(|p| p.role != NodeRole::Master && p.node != name) {
        let (old, new) = (node(&part.node), node(&name));
        let richer = old.zip(new).is_none_or(|(old, new)| old.memory * new.cores > new.memory * old.cores);
        if richer {
            let ask = Ask {
                what: format!("whether `{name}` may take the place of `{}`", part.node),
                why: "a cluster has one type for all its workers, and this one has less memory for each core",
                options: &[name.as_str(), part.node.as_str()],
                default: "the type with the most cores is taken for all",
                place: to.clone(),
            };
            book.ask(&part.node_at, ask);
        } else {
            let why =
                format!("a cluster has one type for all its workers: `{name}`, as many as have these machines' cores");
            book.dropped(&part.node_at, why);
        }
        let Some((old, new)) = old.zip(new) else { continue };
        let machines = |n: i64| {
            let cores = n.saturating_mul(old.cores);
            cores / new.cores + i64::from(cores % new.cores > 0)
        };
        (part.on_demand, part.spot) = (machines(part.on_demand), machines(part.spot));
        part.scaling = part.scaling.map(|(least, most)| (machines(least), machines(most)));
    }
}

/// Says where the machine types went to.
fn types(
    book: &mut Book,
    main: Option<&RoleMachines<'_>>,
    workers: &[&RoleMachines<'_>],
    master: Option<&RoleMachines<'_>>,
) {
    let to = format!("{CLUSTER}.node_type_id");
    for part in workers {
        book.translated(&part.node_at, to.clone());
    }
    let Some(master) = master else { return };
    match main {
        None => book.translated(&master.node_at, to),
        Some(main) if main.node == master.node => {
            book.dropped(&master.node_at, "the driver's type is the workers', unless it is said");
        }
        // Steps in cluster mode had their driver on a worker: the tasks decide.
        Some(_) => {}
    }
}

/// Bounds of managed scaling, in workers.
struct ScalingLimits<'a> {
    least: i64,
    most: i64,
    on_demand: Option<i64>,
    core: Option<i64>,
    at: At<'a>,
}

impl ScalingLimits<'_> {
    /// Whether fewer machines than there may be can be on-demand ones.
    fn bounds_on_demand(&self) -> bool {
        self.on_demand.is_some_and(|n| n < self.most)
    }
}

fn limits<'a>(
    book: &mut Book,
    root: &At<'a>,
    main: Option<&RoleMachines<'_>>,
    node_name: &str,
) -> Option<ScalingLimits<'a>> {
    let limits = root.path("ManagedScalingPolicy.ComputeLimits")?;
    for key in ["UtilizationPerformanceIndex", "ScalingStrategy"] {
        let path = format!("ManagedScalingPolicy.{key}");
        book.drop_of(root, &path, "how eagerly EMR scales: Databricks has one way of its own");
    }
    let unit_name = limits.text_of("UnitType").unwrap_or_default();
    let each = unit(&limits, main, node_name);
    if each.is_none() {
        let ask = Ask {
            what: format!("how many workers {unit_name} units are"),
            why: "plumb does not know how many cores the machine type has",
            options: &["count them"],
            default: "one unit is one worker",
            place: format!("{CLUSTER}.autoscale"),
        };
        book.note(&limits, ask);
    }
    let each = each.unwrap_or(1).max(1);
    let units = |key: &str| limits.int_of(key).map(|n| n.clamp(0, 1_000_000));
    let at_least = |key: &str| units(key).map(|n| n / each + i64::from(n % each > 0));
    // A bound is no bound where a part of a machine counts as one.
    let at_most = |key: &str| units(key).map(|n| n / each);
    let (least, most) = (at_least("MinimumCapacityUnits")?, at_least("MaximumCapacityUnits")?);
    let (on_demand, core) = (at_most("MaximumOnDemandCapacityUnits"), at_most("MaximumCoreCapacityUnits"));
    Some(ScalingLimits { least, most: most.max(least).max(1), on_demand, core, at: limits })
}

/// Whether any worker may be a spot machine, by what was requested: by the market of a group, the target of a fleet, or a
/// bound that leaves fleets nothing but spot machines above it.
fn spot(
    root: &At<'_>,
    workers: &[&RoleMachines<'_>],
    limits: Option<&ScalingLimits<'_>>,
    options: &TranslationOptions,
) -> bool {
    let scales = |p: &RoleMachines<'_>| limits.is_some() || p.scaling.is_some_and(|(_, most)| most > 0);
    let by_bound = !root.list("InstanceFleets").is_empty() && limits.is_some_and(ScalingLimits::bounds_on_demand);
    options.answers.spot != Some(SpotAnswer::Never)
        && (by_bound || workers.iter().any(|p| p.spot > 0 || p.is_spot && scales(p)))
}

/// How many workers: scaling bounds where there are any, else the sum of what was asked for.
fn size(
    book: &mut Book,
    workers: &[&RoleMachines<'_>],
    limits: Option<&ScalingLimits<'_>>,
    spot: bool,
    options: &TranslationOptions,
) -> Size {
    let total = |f: fn(&RoleMachines<'_>) -> i64| workers.iter().fold(0_i64, |sum, p| sum.saturating_add(f(p)));
    if let Some(limits) = limits {
        let mut most = limits.most;
        let on_demand = limits.at.get("MaximumOnDemandCapacityUnits");
        match (on_demand, limits.on_demand) {
            (Some(at), Some(_)) if limits.bounds_on_demand() && spot => {
                book.translated(&at, format!("{CLUSTER}.aws_attributes.first_on_demand"));
            }
            (Some(at), _) if limits.bounds_on_demand() && options.answers.spot == Some(SpotAnswer::Never) => {
                book.dropped(
                    &at,
                    "`answers.spot` of plumb.yaml: all workers are on demand, also those above this bound",
                );
            }
            (Some(at), Some(bound)) if limits.bounds_on_demand() => {
                most = bound.max(limits.least).max(1);
                let why =
                    "no worker is a spot machine, and no more than `MaximumOnDemandCapacityUnits` may be on demand";
                book.drop_of(&limits.at, "MaximumCapacityUnits", why);
                book.translated(&at, format!("{CLUSTER}.*size"));
            }
            (Some(at), _) => {
                book.dropped(&at, "no bound of its own: `MaximumCapacityUnits` is no higher");
            }
            (None, _) => {}
        }
        if let Some(at) = limits.at.get("MaximumCoreCapacityUnits") {
            if spot && bound_by_core(workers, limits).is_some() {
                book.translated(&at, format!("{CLUSTER}.aws_attributes.first_on_demand"));
            } else {
                book.dropped(&at, "core machines kept HDFS: the workers of a job cluster are all alike");
            }
        }
        book.translated(&limits.at, format!("{CLUSTER}.*size"));
        return between(limits.least.min(most), most);
    }
    if workers.iter().any(|p| p.scaling.is_some()) {
        let least = total(|p| p.scaling.map_or(p.on_demand + p.spot, |(least, _)| least));
        let most = total(|p| p.scaling.map_or(p.on_demand + p.spot, |(_, most)| most));
        return between(least, most);
    }
    Size::Fixed(total(|p| p.on_demand + p.spot))
}

/// How many workers on demand there are at most where managed scaling bounds only the core machines, and all others are spot
/// machines.
fn bound_by_core(workers: &[&RoleMachines<'_>], limits: &ScalingLimits<'_>) -> Option<i64> {
    let spot_of = |role: NodeRole| workers.iter().filter(move |p| p.role == role).map(|p| p.is_spot);
    let tells = spot_of(NodeRole::Task).next().is_some()
        && spot_of(NodeRole::Task).all(|is_spot| is_spot)
        && !spot_of(NodeRole::Core).any(|is_spot| is_spot);
    limits.core.filter(|n| tells && !limits.bounds_on_demand() && *n < limits.most)
}

/// How many of the policy's units one worker is.
fn unit(limits: &At<'_>, main: Option<&RoleMachines<'_>>, node_name: &str) -> Option<i64> {
    match limits.text_of("UnitType").unwrap_or_default().as_str() {
        "VCPU" => node(node_name).map(|n| n.cores),
        "InstanceFleetUnits" => main.map(|m| m.weight),
        _ => Some(1),
    }
}

fn between(least: i64, most: i64) -> Size {
    let most = most.max(least).max(1);
    if least == most {
        Size::Fixed(most)
    } else {
        // Nothing to do needs no fewer than one worker: a cluster with workers keeps one.
        Size::Between(least.max(1).min(most), most)
    }
}

/// How many workers on demand there are at most, where managed scaling says it.
fn bound(workers: &[&RoleMachines<'_>], limits: Option<&ScalingLimits<'_>>) -> Option<i64> {
    limits.and_then(|l| l.on_demand.filter(|_| l.bounds_on_demand()).or_else(|| bound_by_core(workers, l)))
}

/// Says which counts of machines have no effect, as the bounds of automatic scaling take their place. `first_on_demand` is
/// whether as many machines as were to be on demand still are.
fn uncounted(book: &mut Book, root: &At<'_>, limits: Option<&ScalingLimits<'_>>, first_on_demand: bool) {
    const MANAGED: &str = "managed scaling's limits count; which workers are the most still decides the machine type";
    const BY_RULES: &str = "the limits of its own scaling policy count";
    let mut without_effect = |at: Option<At<'_>>, is_on_demand: bool, why: &str| match at {
        Some(at) if is_on_demand && first_on_demand => {
            book.moved(&at.field, |_| Some(format!("{CLUSTER}.aws_attributes.first_on_demand")), "");
        }
        Some(at) => book.withdrawn(&at.field, why),
        None => {}
    };
    for group in root.list("InstanceGroups") {
        let count = group.get("RequestedInstanceCount");
        let is_on_demand = group.text_of("Market").as_deref() != Some("SPOT");
        if limits.is_some() {
            without_effect(count, is_on_demand, MANAGED);
        } else if group.path("AutoScalingPolicy.Constraints").is_some() {
            without_effect(count, false, BY_RULES);
        }
    }
    for fleet in root.list("InstanceFleets").iter().filter(|_| limits.is_some()) {
        without_effect(fleet.get("TargetOnDemandCapacity"), true, MANAGED);
        without_effect(fleet.get("TargetSpotCapacity"), false, MANAGED);
    }
}

/// Which workers are spot machines, and what is paid for them.
fn market(
    book: &mut Book,
    workers: &[&RoleMachines<'_>],
    limits: Option<&ScalingLimits<'_>>,
    spot: bool,
    options: &TranslationOptions,
) -> Map<String, Value> {
    let mut aws = Map::new();
    if !spot {
        if !workers.is_empty() {
            aws.insert("availability".into(), json!("ON_DEMAND"));
        }
        return aws;
    }
    if options.answers.spot.is_none() {
        team::spot(book);
    }
    let of_spot: Vec<&&RoleMachines<'_>> = workers.iter().filter(|p| p.is_spot).collect();
    // Where only a bound says that there are any, it is those of all fleets.
    let fallback =
        if of_spot.is_empty() { workers.iter().all(|p| p.fallback) } else { of_spot.iter().all(|p| p.fallback) };
    let falls_back = fallback || options.answers.spot == Some(SpotAnswer::WithFallback);
    aws.insert("availability".into(), json!(if falls_back { "SPOT_WITH_FALLBACK" } else { "SPOT" }));
    let bound = bound(workers, limits);
    // Of machines on demand that scale by rules, as many as they may become: no more spot machines than EMR ever had.
    let on_demand = workers.iter().fold(0_i64, |sum, p| {
        let most = p.scaling.filter(|_| !p.is_spot).map_or(p.on_demand, |(_, most)| most);
        sum.saturating_add(most)
    });
    // The driver is the first machine.
    aws.insert("first_on_demand".into(), json!(bound.unwrap_or(on_demand).clamp(0, 99_999) + 1));
    if let Some(bid) = of_spot.iter().filter_map(|p| p.bid).max() {
        aws.insert("spot_bid_price_percent".into(), json!(bid));
    }
    aws
}

/// EBS volumes within Databricks' bounds: 10 at most, of 100 to 4096 GB, hard disks of 500 at least (Clusters API).
fn volumes(
    book: &mut Book,
    parts: &[RoleMachines<'_>],
    main: Option<&RoleMachines<'_>>,
    disks: &[Volume],
    aws: &mut Map<String, Value>,
) {
    let to = format!("{CLUSTER}.aws_attributes");
    for part in parts {
        let is_main = main.is_some_and(|m| m.at.field == part.at.field);
        for key in ["EbsBlockDevices", "EbsConfiguration"] {
            let Some(at) = part.at.get(key).filter(|at| !at.leaves().is_empty()) else { continue };
            if is_main {
                continue;
            }
            book.dropped(&at, "all machines of a cluster have the volumes of those workers whose type it has");
        }
    }
    let (Some(main), Some(first)) = (main, disks.first()) else { return };
    let hard = matches!(first.kind.as_str(), "st1" | "sc1");
    let at =
        main.at.get("EbsBlockDevices").filter(|at| !at.leaves().is_empty()).or_else(|| main.at.get("EbsConfiguration"));
    let Some(at) = at else { return };
    let least = if hard { 500 } else { 100 };
    let largest = disks.iter().map(|v| v.gigabytes).max().unwrap_or(least);
    let even = disks.iter().all(|v| v == first);
    if !even || disks.len() > 10 || largest > 4096 {
        let total: i64 = disks.iter().map(|v| v.gigabytes).sum();
        let what = format!("how {total} GB in {} volumes are to be had", disks.len());
        let why = "all volumes of a machine are alike: 10 of 4096 GB at most";
        let options = ["more or larger volumes", "fewer: Spark only needs them for shuffles"];
        let default = "as many as before up to 10, each as large as the largest up to 4096 GB";
        book.ask(&at, Ask { what, why, options: &options, default, place: to.clone() });
    } else if matches!(first.kind.as_str(), "io1" | "io2" | "standard") {
        let what = format!("whether general purpose volumes are as good as those of type `{}`", first.kind);
        let why = "Databricks has general purpose and throughput-optimised volumes";
        let ask = Ask {
            what,
            why,
            options: &["GENERAL_PURPOSE_SSD", "THROUGHPUT_OPTIMIZED_HDD"],
            default: "GENERAL_PURPOSE_SSD",
            place: to.clone(),
        };
        book.ask(&at, ask);
    }
    book.translated(&at, to);
    let kind = if hard { "THROUGHPUT_OPTIMIZED_HDD" } else { "GENERAL_PURPOSE_SSD" };
    let count = i64::try_from(disks.len().min(10)).unwrap_or(10);
    aws.insert("ebs_volume_type".into(), json!(kind));
    aws.insert("ebs_volume_count".into(), json!(count));
    aws.insert("ebs_volume_size".into(), json!(largest.clamp(least, 4096)));
    // Only gp3 has figures of its own to set; those of io1 are another price.
    if first.kind == "gp3" {
        if let Some(iops) = first.iops.filter(|n| (3000..=16_000).contains(n)) {
            aws.insert("ebs_volume_iops".into(), json!(iops));
        }
        if let Some(throughput) = first.throughput.filter(|n| (125..=1000).contains(n)) {
            aws.insert("ebs_volume_throughput".into(), json!(throughput));
        }
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
