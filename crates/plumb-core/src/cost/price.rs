//! Facts of a run times a price book: terms with both ends, each with its reason and its source.

use super::book::Prices;
use super::facts::{DatabricksCompute, DatabricksUse, KeptRun, Market, NodeSeconds, RunResult, RunSystem};
use crate::kinds::prices::{NodePrice, PriceRange};
use plumb_model::stats::{Interval, Money};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How many billionths one has.
const ONE: i128 = 1_000_000_000;
/// How many seconds an hour has.
const HOUR: i128 = 3600;
/// The least that spot capacity is taken to cost where a book does not say, in percent of on demand.
const LEAST_SPOT_PERCENT: i128 = 30;
/// What a node of a size counts for in EMR's normalised hours (EMR management guide, "Cluster summary": m1.small is 1).
const NORMALIZED: [(&str, i128); 13] = [
    ("small", 1),
    ("medium", 2),
    ("large", 4),
    ("xlarge", 8),
    ("2xlarge", 16),
    ("3xlarge", 24),
    ("4xlarge", 32),
    ("8xlarge", 64),
    ("9xlarge", 72),
    ("10xlarge", 80),
    ("12xlarge", 96),
    ("16xlarge", 128),
    ("24xlarge", 192),
];

/// Why the ends of an amount differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostReason {
    /// In a few words: `spot price`.
    pub short: String,
    /// In a sentence.
    pub says: String,
}

/// A part of what a run cost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostTerm {
    /// `EC2 m5.xlarge spot`.
    pub what: String,
    pub amount: Interval<Money>,
    /// The formula: `12.4 node-hours × 0.07 to 0.09`.
    pub how: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<CostReason>,
    /// The id of the price's source in the book; that of the facts where nothing is priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What was used and has no price. It is never taken for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unpriced {
    /// `EC2 r5.2xlarge on demand`.
    pub what: String,
    /// Node-seconds, where nodes are what has no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_seconds: Option<Interval<u64>>,
    /// Thousandths of a DBU, where these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millidbu: Option<Interval<u64>>,
    pub why: String,
}

/// What runs cost: the sum of what is priced, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostSum {
    /// The sum of all that has a price.
    pub priced: Interval<Money>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unpriced: Vec<Unpriced>,
    /// Why the ends of the sum differ.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reasons: BTreeSet<CostReason>,
    pub node_seconds: Interval<u64>,
    /// Thousandths of a DBU: as measured, or from the nodes.
    pub millidbu: Interval<u64>,
}

/// What a run cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunCost {
    pub sum: CostSum,
    pub terms: Vec<CostTerm>,
}

impl CostSum {
    /// The amount, where everything has a price.
    pub fn known(&self) -> Option<Interval<Money>> {
        self.unpriced.is_empty().then_some(self.priced)
    }

    /// Adds what another cost.
    pub fn add(&mut self, other: &CostSum) {
        self.priced = self.priced + other.priced;
        self.node_seconds = self.node_seconds + other.node_seconds;
        self.millidbu = self.millidbu + other.millidbu;
        self.reasons.extend(other.reasons.iter().cloned());
        other.unpriced.iter().for_each(|one| self.add_unpriced(one));
    }

    fn add_unpriced(&mut self, one: &Unpriced) {
        let plus = |a: Option<Interval<u64>>, b: Option<Interval<u64>>| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        match self.unpriced.iter_mut().find(|known| (&known.what, &known.why) == (&one.what, &one.why)) {
            Some(known) => {
                known.node_seconds = plus(known.node_seconds, one.node_seconds);
                known.millidbu = plus(known.millidbu, one.millidbu);
            }
            None => self.unpriced.push(one.clone()),
        }
    }

    /// The sum of several.
    pub fn of<'a>(all: impl IntoIterator<Item = &'a CostSum>) -> CostSum {
        let mut sum = CostSum::default();
        all.into_iter().for_each(|one| sum.add(one));
        sum
    }
}

/// What a run cost by a price book; without one nothing has a price.
pub fn price_run(run: &KeptRun, prices: Option<&Prices>) -> RunCost {
    let mut bill = Bill { prices, run: RunCost::default() };
    match run.system {
        RunSystem::Emr => bill.emr(run),
        RunSystem::EmrServerless => bill.serverless(run),
        RunSystem::Databricks => bill.databricks(run),
    }
    if run.outcome == RunResult::Running {
        let why = "it had not ended when its facts were kept";
        bill.unpriced("what it used after that", None, None, why);
    }
    bill.run
}

/// What an hour of a node of a job's cluster costs: EC2 and DBUs. `None` where a price of it is missing.
pub fn node_hour(prices: &Prices, node_type: &str, market: Market, photon: bool) -> Option<Interval<Money>> {
    let bill = Bill { prices: Some(prices), run: RunCost::default() };
    let node = prices.node(node_type)?;
    let ec2 = bill.ec2_price(node, market).ok()?.price;
    let used = DatabricksUse { compute: DatabricksCompute::Jobs, photon, measured_millidbu: None, sku: None };
    let price = bill.dbu_price(&used).ok()?.price;
    let rate = if photon { node.dbu_photon } else { node.dbu }?;
    let dbus = |price: Money| price.times(rate.nanos(), ONE);
    Some(Interval { low: ec2.low + dbus(price.low)?, high: ec2.high + dbus(price.high)? })
}

struct Bill<'a> {
    prices: Option<&'a Prices>,
    run: RunCost,
}

/// A price with its ends, why they differ, and where it is from.
struct UnitPrice {
    price: Interval<Money>,
    why: Option<CostReason>,
    source: Option<String>,
}

impl Bill<'_> {
    fn emr(&mut self, run: &KeptRun) {
        if run.nodes.is_empty() {
            match run.normalized_instance_hours {
                Some(hours) => self.normalized(hours),
                None => self.nothing_known(run, "the machines"),
            }
            return;
        }
        for nodes in &run.nodes {
            self.node_time(nodes);
            self.ec2(nodes);
            let uplift = match self.node(&nodes.node_type) {
                Ok(node) => self.uplift(&node),
                Err(why) => Err(why),
            };
            self.node_term(format!("EMR {}", nodes.node_type), nodes, uplift);
        }
    }

    fn serverless(&mut self, run: &KeptRun) {
        let Some(used) = &run.serverless else { return self.nothing_known(run, "what EMR Serverless billed") };
        let Some(prices) = self.prices.and_then(|prices| prices.spec.emr_serverless.clone()) else {
            let hours = format!(
                "{} vCPU-hours, {} GB-hours",
                thousandths(used.vcpu_millihours),
                thousandths(used.memory_gb_millihours)
            );
            let why = self.no_price("`emrServerless`");
            return self.unpriced(&format!("EMR Serverless: {hours}"), None, None, &why);
        };
        for (what, used, price) in [
            ("vCPU-hours", used.vcpu_millihours, prices.vcpu_hour),
            ("GB-hours of memory", used.memory_gb_millihours, prices.memory_gb_hour),
            ("GB-hours of storage", used.storage_gb_millihours, prices.storage_gb_hour),
        ] {
            let priced = UnitPrice { price: Interval::exactly(price), why: None, source: prices.src.clone() };
            let how = format!("{} {what} × {price}", thousandths(used));
            self.term(format!("EMR Serverless {what}"), Interval::exactly(i128::from(used)), 1000, how, priced, None);
        }
    }

    fn databricks(&mut self, run: &KeptRun) {
        let Some(used) = &run.databricks else { return self.nothing_known(run, "what Databricks bills") };
        for nodes in &run.nodes {
            self.node_time(nodes);
            // The price of a DBU has the machines in it there.
            if used.compute != DatabricksCompute::JobsServerless {
                self.ec2(nodes);
            }
        }
        if let Some(measured) = used.measured_millidbu {
            return self.dbus(used, "DBU, measured".to_owned(), Interval::exactly(measured), None, None);
        }
        if used.compute == DatabricksCompute::JobsServerless || run.nodes.is_empty() {
            return self.nothing_known(run, "DBU");
        }
        for nodes in &run.nodes {
            let field = if used.photon { "dbuPhoton" } else { "dbu" };
            let node = self.node(&nodes.node_type);
            let rate = node.and_then(|node| {
                let rate = if used.photon { node.dbu_photon } else { node.dbu };
                rate.map(|rate| (rate, node.dbu_src.or(node.src))).ok_or_else(|| self.no_price(&format!("`{field}`")))
            });
            let what = format!("DBU of {}", nodes.node_type);
            match rate {
                Err(why) => self.unpriced(&what, Some(nodes.seconds), None, &why),
                Ok((rate, source)) => {
                    // Rounded down and up: what lies between is possible.
                    let milli = |seconds: u64, up: i128| {
                        let (product, unit) = (i128::from(seconds) * rate.nanos(), HOUR * ONE / 1000);
                        u64::try_from((product + up * (unit - 1)) / unit).unwrap_or(u64::MAX)
                    };
                    let used_up = Interval { low: milli(nodes.seconds.low, 0), high: milli(nodes.seconds.high, 1) };
                    self.dbus(used, what, used_up, uncertain(nodes), Some((nodes, rate, source)));
                }
            }
        }
    }

    /// DBUs times their price: of a count, or of node-seconds times a rate.
    fn dbus(
        &mut self,
        used: &DatabricksUse,
        what: String,
        millidbu: Interval<u64>,
        why: Option<CostReason>,
        of_nodes: Option<(&NodeSeconds, Money, Option<String>)>,
    ) {
        self.run.sum.millidbu = self.run.sum.millidbu + millidbu;
        match self.dbu_price(used) {
            Err(no_price) => self.unpriced(&what, None, Some(millidbu), &no_price),
            Ok(priced) => {
                let (amount, divisor, how) = match of_nodes {
                    None => {
                        let amount = Interval { low: i128::from(millidbu.low), high: i128::from(millidbu.high) };
                        (amount, 1000, format!("{} DBU × {}", between_thousandths(millidbu), range(priced.price)))
                    }
                    Some((nodes, rate, source)) => {
                        let of = |seconds: u64| i128::from(seconds) * rate.nanos();
                        let amount = Interval { low: of(nodes.seconds.low), high: of(nodes.seconds.high) };
                        let from = source.map_or_else(String::new, |source| format!(" [{source}]"));
                        let how = format!(
                            "{} node-hours × {rate} DBU{from} × {}",
                            node_hours(nodes.seconds),
                            range(priced.price)
                        );
                        (amount, HOUR * ONE, how)
                    }
                };
                self.term(what, amount, divisor, how, priced, why);
            }
        }
    }

    fn dbu_price(&self, used: &DatabricksUse) -> Result<UnitPrice, String> {
        let Some(book) = self.prices.and_then(|prices| prices.spec.databricks.as_ref()) else {
            return Err(self.no_price("`databricks.skus`"));
        };
        let skus = &book.skus;
        let plain = |with: Option<Money>, without: Option<Money>| if used.photon { with.or(without) } else { without };
        let jobs = plain(skus.jobs_photon, skus.jobs);
        let all_purpose = plain(skus.all_purpose_photon, skus.all_purpose);
        let (price, why) = match used.compute {
            DatabricksCompute::Jobs => (jobs.map(Interval::exactly), None),
            DatabricksCompute::AllPurpose => (all_purpose.map(Interval::exactly), None),
            DatabricksCompute::JobsServerless => (skus.jobs_serverless.map(Interval::exactly), None),
            DatabricksCompute::Unknown => {
                let says = "whether it is billed as a job's cluster or as an all-purpose one is not known";
                let why = CostReason { short: "SKU".to_owned(), says: says.to_owned() };
                (jobs.zip(all_purpose).map(|(jobs, all)| Interval::between(jobs, all)), Some(why))
            }
        };
        let price = price.ok_or_else(|| self.no_price(&format!("`databricks.skus.{}`", sku_field(used.compute))))?;
        let left = 100 * ONE - book.discount_percent.unwrap_or_default().nanos();
        let discounted = |price: Money| price.times(left, 100 * ONE).unwrap_or(price);
        Ok(UnitPrice {
            price: Interval { low: discounted(price.low), high: discounted(price.high) },
            why,
            source: book.src.clone(),
        })
    }

    fn ec2(&mut self, nodes: &NodeSeconds) {
        let market = match nodes.market {
            Market::OnDemand => "on demand",
            Market::Spot => "spot",
            Market::Unknown => "of an unknown market",
        };
        let priced = self.node(&nodes.node_type).and_then(|node| self.ec2_price(&node, nodes.market));
        self.node_term(format!("EC2 {} {market}", nodes.node_type), nodes, priced);
    }

    fn ec2_price(&self, node: &NodePrice, market: Market) -> Result<UnitPrice, String> {
        let on_demand = node.ec2_on_demand;
        let no_price = || self.no_price("`ec2OnDemand`");
        let spot = || match (node.ec2_spot, on_demand) {
            (Some(PriceRange(spot)), _) => Some((spot, "the price book has the least and the most of it".to_owned())),
            (None, Some(price)) => {
                let least = price.times(LEAST_SPOT_PERCENT, 100).unwrap_or_default();
                let says = "what was paid is not known, so from 0.3 × on demand to on demand".to_owned();
                Some((Interval { low: least, high: price }, says))
            }
            (None, None) => None,
        };
        let (price, why) = match market {
            Market::OnDemand => (Interval::exactly(on_demand.ok_or_else(no_price)?), None),
            Market::Spot => {
                let (price, says) = spot().ok_or_else(no_price)?;
                let why = CostReason { short: "spot price".to_owned(), says: format!("spot: {says}") };
                (price, (!price.is_exact()).then_some(why))
            }
            Market::Unknown => {
                let (price, _) = spot().ok_or_else(no_price)?;
                let says = "whether a node was spot or on demand is not known";
                let why = CostReason { short: "market".to_owned(), says: says.to_owned() };
                (price.hull(&Interval::exactly(on_demand.ok_or_else(no_price)?)), Some(why))
            }
        };
        Ok(UnitPrice { price, why, source: node.src.clone() })
    }

    fn uplift(&self, node: &NodePrice) -> Result<UnitPrice, String> {
        if let Some(price) = node.emr {
            return Ok(UnitPrice { price: Interval::exactly(price), why: None, source: node.src.clone() });
        }
        let book = self.prices.and_then(|prices| prices.spec.emr.as_ref());
        let percent = book.and_then(|emr| emr.uplift_percent);
        let price =
            percent.zip(node.ec2_on_demand).and_then(|(percent, price)| price.times(percent.nanos(), 100 * ONE));
        let price = price.ok_or_else(|| self.no_price("`emr`"))?;
        let source = book.and_then(|emr| emr.src.clone()).or_else(|| node.src.clone());
        Ok(UnitPrice { price: Interval::exactly(price), why: None, source })
    }

    /// Only EMR's own count is known. It is rounded up to whole hours, and says nothing of types.
    fn normalized(&mut self, hours: u64) {
        let mut rates: Option<Interval<Money>> = None;
        for node in self.prices.map(|prices| prices.spec.nodes.clone()).unwrap_or_default() {
            let size = node.node_type.rsplit('.').next().unwrap_or_default();
            let Some((_, weight)) = NORMALIZED.iter().find(|(name, _)| *name == size) else { continue };
            let (Ok(ec2), Ok(emr)) = (self.ec2_price(&node, Market::Unknown), self.uplift(&node)) else { continue };
            let an_hour = |price: Money| price.times(1, *weight).unwrap_or_default();
            let sum = ec2.price + emr.price;
            let rate = Interval { low: an_hour(sum.low), high: an_hour(sum.high) };
            rates = Some(rates.map_or(rate, |known| known.hull(&rate)));
        }
        let what = "EMR by NormalizedInstanceHours";
        let Some(price) = rates else {
            let why = self.no_price("`nodes`");
            return self.unpriced(&format!("{what}: {hours}"), None, None, &why);
        };
        let says = "of a cluster only NormalizedInstanceHours is known: it is rounded up, so from half of it to all of \
                    it, at the least and the most that a node of the price book costs";
        let why = CostReason { short: "NormalizedInstanceHours".to_owned(), says: says.to_owned() };
        let amount = Interval { low: i128::from(hours), high: 2 * i128::from(hours) };
        let how = format!("{} to {hours} normalised hours × {}", thousandths(hours * 500), range(price));
        self.term(what.to_owned(), amount, 2, how, UnitPrice { price, why: None, source: None }, Some(why));
    }

    fn node_time(&mut self, nodes: &NodeSeconds) {
        self.run.sum.node_seconds = self.run.sum.node_seconds + nodes.seconds;
    }

    fn node_term(&mut self, what: String, nodes: &NodeSeconds, priced: Result<UnitPrice, String>) {
        match priced {
            Err(why) => self.unpriced(&what, Some(nodes.seconds), None, &why),
            Ok(priced) => {
                let seconds = Interval { low: i128::from(nodes.seconds.low), high: i128::from(nodes.seconds.high) };
                let how = format!("{} node-hours × {}", node_hours(nodes.seconds), range(priced.price));
                self.term(what, seconds, HOUR, how, priced, uncertain(nodes));
            }
        }
    }

    /// Adds a term: a quantity over a divisor, times a price. Each end is rounded once.
    fn term(
        &mut self,
        what: String,
        quantity: Interval<i128>,
        divisor: i128,
        how: String,
        priced: UnitPrice,
        of_quantity: Option<CostReason>,
    ) {
        let low = priced.price.low.times(quantity.low, divisor);
        let high = priced.price.high.times(quantity.high, divisor);
        let (Some(low), Some(high)) = (low, high) else {
            return self.unpriced(&what, None, None, "the amount is too large to be counted");
        };
        let amount = Interval { low, high };
        for why in [&priced.why, &of_quantity].into_iter().flatten().filter(|_| !amount.is_exact()) {
            self.run.sum.reasons.insert(why.clone());
        }
        self.run.sum.priced = self.run.sum.priced + amount;
        let why = priced.why.or(of_quantity).filter(|_| !amount.is_exact());
        self.run.terms.push(CostTerm { what, amount, how, why, source: priced.source });
    }

    fn unpriced(&mut self, what: &str, seconds: Option<Interval<u64>>, millidbu: Option<Interval<u64>>, why: &str) {
        let one = Unpriced { what: what.to_owned(), node_seconds: seconds, millidbu, why: why.to_owned() };
        self.run.sum.add_unpriced(&one);
    }

    fn nothing_known(&mut self, run: &KeptRun, what: &str) {
        let why = match run.unknown.first() {
            Some(why) => why.trim_end_matches('.').to_owned(),
            None => "it is not in the facts".to_owned(),
        };
        self.unpriced(what, None, None, &why);
    }

    fn node(&self, node_type: &str) -> Result<NodePrice, String> {
        let Some(prices) = self.prices else { return Err(NO_BOOK.to_owned()) };
        let node = prices.node(node_type).cloned();
        node.ok_or_else(|| format!("price book {} has no node of this type", prices.name))
    }

    fn no_price(&self, field: &str) -> String {
        self.prices
            .map_or_else(|| NO_BOOK.to_owned(), |prices| format!("price book {} has no {field} for it", prices.name))
    }
}

const NO_BOOK: &str = "there is no price book";

fn uncertain(nodes: &NodeSeconds) -> Option<CostReason> {
    let says = nodes.why.clone().unwrap_or_else(|| "how long nodes were there is not known exactly".to_owned());
    (!nodes.seconds.is_exact()).then(|| CostReason { short: "node time".to_owned(), says })
}

fn sku_field(compute: DatabricksCompute) -> &'static str {
    match compute {
        DatabricksCompute::Jobs => "jobs",
        DatabricksCompute::AllPurpose => "allPurpose",
        DatabricksCompute::JobsServerless => "jobsServerless",
        DatabricksCompute::Unknown => "jobs` and `allPurpose",
    }
}

/// `0.07 to 0.09`; one number where it is one.
pub fn range(price: Interval<Money>) -> String {
    if price.is_exact() { price.low.to_string() } else { format!("{} to {}", price.low, price.high) }
}

/// `12.4`, or `10.0 to 12.4`: hours of seconds.
pub fn node_hours(seconds: Interval<u64>) -> String {
    let tenths = |seconds: u64| {
        let tenths = (u128::from(seconds) + 180) / 360;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    if seconds.is_exact() {
        tenths(seconds.low)
    } else {
        format!("{} to {}", tenths(seconds.low), tenths(seconds.high))
    }
}

/// Thousandths as a decimal, without zeros at the end: `12.4`.
pub fn thousandths(number: u64) -> String {
    let text = format!("{}.{:03}", number / 1000, number % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The same of both ends.
pub fn between_thousandths(number: Interval<u64>) -> String {
    if number.is_exact() {
        thousandths(number.low)
    } else {
        format!("{} to {}", thousandths(number.low), thousandths(number.high))
    }
}

/// What runs cost, by a key of theirs.
pub fn by_key<'a, K: Ord>(all: impl IntoIterator<Item = (K, &'a CostSum)>) -> BTreeMap<K, CostSum> {
    let mut sums: BTreeMap<K, CostSum> = BTreeMap::new();
    for (key, cost) in all {
        sums.entry(key).or_default().add(cost);
    }
    sums
}

#[cfg(test)]
#[path = "price_tests.rs"]
pub(crate) mod tests;
