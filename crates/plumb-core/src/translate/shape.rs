//! The shape of the new cluster: machines, how many, of what market, with which disks.

use super::TranslationOptions;
use super::account::{Ask, At, Book};
use super::nodes::{self, node};
use super::parts::{CLUSTER, NodeRole, RoleMachines, Volume, parts};
use serde_json::{Map, Value, json};

/// A cluster's shape.
#[derive(Clone, Debug)]
pub(super) struct ClusterCapacity<'a> {
    pub node: String,
    /// The driver's type when the driver ran on the master.
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
    let parts = parts(book, root);
    let master = parts.iter().find(|p| p.role == NodeRole::Master);
    let workers: Vec<&RoleMachines<'_>> = parts.iter().filter(|p| p.role != NodeRole::Master).collect();
    let main = main_part(&workers);
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
    types(book, main, &workers, master, options);
    let size = size(book, root, &workers, main, &node_name);
    let mut aws = market(root, &workers, main, &node_name);
    let disks = main.or(master).map(|p| p.volumes.clone()).unwrap_or_default();
    volumes(book, &parts, main.or(master), &disks, &mut aws);
    ClusterCapacity {
        elastic_disk: disks.is_empty() && !node(&node_name).is_some_and(|n| n.disks),
        master: master.filter(|m| main.is_some() && m.node != node_name).map(|m| m.node_at.clone()),
        node: node_name,
        size,
        aws,
        is_given: given.is_some(),
    }
}

/// The part with the most cores: its type is the workers'.
fn main_part<'p, 'a>(workers: &[&'p RoleMachines<'a>]) -> Option<&'p RoleMachines<'a>> {
    let cores = |p: &RoleMachines<'_>| {
        let most = p.scaling.map_or(0, |(_, most)| most).max(p.on_demand + p.spot);
        node(&p.node).map_or(1, |n| n.cores) * most
    };
    // Of equals the first in the order core, task, and then that of the listing.
    workers
        .iter()
        .copied()
        .enumerate()
        .max_by_key(|(i, p)| (cores(p), p.role == NodeRole::Core, usize::MAX - i))
        .map(|(_, p)| p)
}

fn types(
    book: &mut Book,
    main: Option<&RoleMachines<'_>>,
    workers: &[&RoleMachines<'_>],
    master: Option<&RoleMachines<'_>>,
    options: &TranslationOptions,
) {
    let to = format!("{CLUSTER}.node_type_id");
    for part in workers {
        if main.is_some_and(|m| m.node != part.node) {
            let (what, mine) =
                (format!("whether `{}` may be replaced", part.node), main.map_or("", |m| m.node.as_str()));
            let why = "a cluster has one type for all its workers";
            let default = "the type with the most cores is taken for all, as many machines as before";
            book.ask(
                &part.node_at,
                Ask { what, why, options: &[mine, part.node.as_str()], default, place: to.clone() },
            );
        }
        book.translated(&part.node_at, to.clone());
    }
    if let Some(master) = master {
        let alone = main.is_none();
        let same = main.is_some_and(|m| m.node == master.node);
        match (alone, same) {
            (true, _) => book.translated(&master.node_at, to),
            (_, true) => book.dropped(&master.node_at, "the driver's type is the workers', unless it is said"),
            // Steps in cluster mode had their driver on a worker: the tasks decide.
            _ => {}
        }
    }
    for part in workers.iter().copied().chain(master) {
        let offered = options.node_types.as_ref().is_none_or(|list| list.contains(&part.node));
        if !offered || nodes::is_previous(&part.node) {
            let what = format!("which machine type takes the place of `{}`", part.node);
            let why = "Databricks does not offer it here";
            let ask = Ask {
                what,
                why,
                options: &["a newer type of the same class and size"],
                default: "left as it is: creating the cluster will be refused",
                place: format!("{CLUSTER}.node_type_id"),
            };
            book.note(&part.node_at, ask);
        }
    }
}

/// How many workers: scaling bounds where there are any, else the sum of what was asked for.
fn size(
    book: &mut Book,
    root: &At<'_>,
    workers: &[&RoleMachines<'_>],
    main: Option<&RoleMachines<'_>>,
    node_name: &str,
) -> Size {
    let total = |f: fn(&RoleMachines<'_>) -> i64| workers.iter().fold(0_i64, |sum, p| sum.saturating_add(f(p)));
    if let Some(limits) = root.path("ManagedScalingPolicy.ComputeLimits") {
        let unit = limits.text_of("UnitType").unwrap_or_default();
        let each = self::unit(&limits, main, node_name);
        if each.is_none() {
            let what = format!("how many workers {unit} units are");
            let why = "plumb does not know how many cores the machine type has";
            let ask = Ask {
                what,
                why,
                options: &["count them"],
                default: "one unit is one worker",
                place: format!("{CLUSTER}.autoscale"),
            };
            book.note(&limits, ask);
        }
        let each = each.unwrap_or(1).max(1);
        let units =
            |key: &str| limits.int_of(key).map(|n| n.clamp(0, 1_000_000)).map(|n| n / each + i64::from(n % each > 0));
        if let (Some(least), Some(most)) = (units("MinimumCapacityUnits"), units("MaximumCapacityUnits")) {
            book.drop_of(&limits, "MaximumCoreCapacityUnits", "workers are not told apart into core and task");
            book.translated(&limits, format!("{CLUSTER}.*size"));
            return between(least, most);
        }
    }
    if workers.iter().any(|p| p.scaling.is_some()) {
        let least = total(|p| p.scaling.map_or(p.on_demand + p.spot, |(least, _)| least));
        let most = total(|p| p.scaling.map_or(p.on_demand + p.spot, |(_, most)| most));
        return between(least, most);
    }
    Size::Fixed(total(|p| p.on_demand + p.spot))
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

fn market(
    root: &At<'_>,
    workers: &[&RoleMachines<'_>],
    main: Option<&RoleMachines<'_>>,
    node_name: &str,
) -> Map<String, Value> {
    let mut aws = Map::new();
    let spot: Vec<&&RoleMachines<'_>> = workers.iter().filter(|p| p.spot > 0).collect();
    if spot.is_empty() {
        if !workers.is_empty() {
            aws.insert("availability".into(), json!("ON_DEMAND"));
        }
        return aws;
    }
    let fallback = spot.iter().all(|p| p.fallback);
    let available = if fallback { "SPOT_WITH_FALLBACK" } else { "SPOT" };
    aws.insert("availability".into(), json!(available));
    let scaled = root.path("ManagedScalingPolicy.ComputeLimits").and_then(|limits| {
        let each = unit(&limits, main, node_name).unwrap_or(1).max(1);
        limits.int_of("MaximumOnDemandCapacityUnits").map(|n| n.clamp(0, 1_000_000) / each)
    });
    let on_demand = workers.iter().fold(0_i64, |sum, p| sum.saturating_add(p.on_demand));
    // The driver is the first machine.
    aws.insert("first_on_demand".into(), json!(scaled.unwrap_or(on_demand).clamp(0, 99_999) + 1));
    if let Some(bid) = spot.iter().filter_map(|p| p.bid).max() {
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
            if part.volumes == disks {
                book.translated(&at, to.clone())
            } else {
                book.dropped(&at, "all machines of a cluster have the volumes of its workers")
            }
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
        let what = format!("whether general purpose volumes are as good as `{}`", first.kind);
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
