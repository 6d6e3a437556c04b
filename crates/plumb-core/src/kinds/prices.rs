//! Price books: what a node-hour and a DBU cost, in one region and currency, as of a day.

use super::teardown::RelationKind;
use super::{Findings, Kind, MarkPlace, Observed, Role, SpecType, Step, Unreadable, Unsupported};
use plumb_model::call::{Call, System};
use plumb_model::read::{Pages, Read};
use plumb_model::stats::{Interval, Money};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// What nodes and DBUs cost in one region, for `plumb cost`. Storage and data transfer are not in it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct PriceBookSpec {
    /// The AWS region of all its prices: `eu-central-1`.
    pub region: String,
    /// The currency of all its prices, by ISO 4217: `USD`.
    pub currency: String,
    /// The day on which the prices were looked up: `2026-11-01`.
    pub as_of: String,
    /// Where the prices are from. Each price names one by its id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<PriceSource>,
    /// What a DBU costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub databricks: Option<DbuPrices>,
    /// What EMR adds to EC2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emr: Option<EmrPrices>,
    /// What EMR Serverless costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emr_serverless: Option<EmrServerlessPrices>,
    /// The node types, an hour of a node each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodePrice>,
}

/// Where prices are from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PriceSource {
    /// What prices name it by: `aws`.
    pub id: String,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The day on which it was read: `2026-11-01`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<String>,
    /// What else there is to say of it: `contract of 2026, 18 % off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a DBU costs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct DbuPrices {
    /// The plan of the workspace: `premium`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The price of a DBU, by what is billed.
    pub skus: SkuPrices,
    /// What the contract takes off these prices, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount_percent: Option<Money>,
    /// The id of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<String>,
}

/// The price of a DBU, by what is billed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct SkuPrices {
    /// Clusters of jobs: `PREMIUM_JOBS_COMPUTE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<Money>,
    /// Clusters of jobs with Photon. As `jobs` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_photon: Option<Money>,
    /// Jobs without a cluster: `PREMIUM_JOBS_SERVERLESS_COMPUTE_…`. EC2 is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_serverless: Option<Money>,
    /// Clusters that several people and jobs share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_purpose: Option<Money>,
    /// The same with Photon. As `allPurpose` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_purpose_photon: Option<Money>,
}

/// What EMR adds to EC2.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct EmrPrices {
    /// What EMR costs beside a node, in percent of its on-demand price, where the node says no `emr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplift_percent: Option<Money>,
    /// The least that is billed of a node, in seconds. Facts that are kept have it in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_seconds: Option<u32>,
    /// The id of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<String>,
}

/// What EMR Serverless costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct EmrServerlessPrices {
    /// An hour of a vCPU.
    pub vcpu_hour: Money,
    /// An hour of a GB of memory.
    pub memory_gb_hour: Money,
    /// An hour of a GB of storage beyond what is free.
    pub storage_gb_hour: Money,
    /// The id of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<String>,
}

/// What an hour of a node costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct NodePrice {
    /// `m5.xlarge`.
    #[serde(rename = "type")]
    pub node_type: String,
    /// EC2 on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ec2_on_demand: Option<Money>,
    /// EC2 spot: what was paid, or the least and the most. Unset: from 0.3 × on demand to on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ec2_spot: Option<PriceRange>,
    /// What EMR adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emr: Option<Money>,
    /// DBU an hour, without Photon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbu: Option<Money>,
    /// DBU an hour with Photon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbu_photon: Option<Money>,
    /// The id of the source of its prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<String>,
    /// The id of the source of `dbu` and `dbuPhoton`, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbu_src: Option<String>,
}

/// A price, or the least and the most that it was: `0.061` or `[0.058, 0.075]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriceRange(pub Interval<Money>);

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenRange {
    One(Money),
    Both([Money; 2]),
}

impl<'de> Deserialize<'de> for PriceRange {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<PriceRange, D::Error> {
        let expected = "expected a price like `0.061`, or the least and the most: `[0.058, 0.075]`";
        match WrittenRange::deserialize(d).map_err(|_| serde::de::Error::custom(expected))? {
            WrittenRange::One(price) => Ok(PriceRange(Interval::exactly(price))),
            WrittenRange::Both([low, high]) => Ok(PriceRange(Interval { low, high })),
        }
    }
}

impl Serialize for PriceRange {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if self.0.is_exact() { self.0.low.serialize(s) } else { [self.0.low, self.0.high].serialize(s) }
    }
}

impl JsonSchema for PriceRange {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PriceRange".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let money = generator.subschema_for::<Money>();
        schemars::json_schema!({
            "description": "A price, or the least and the most that it was.",
            "anyOf": [money, {"type": "array", "items": money, "minItems": 2, "maxItems": 2}]
        })
    }
}

/// A price book: it makes nothing, it says what things cost.
pub struct PriceBook;

impl PriceBook {
    /// The name in manifests.
    pub const NAME: &'static str = "PriceBook";
}

impl RelationKind for PriceBook {
    /// A price book ends nothing.
    fn old<'s>(&self, _spec: &'s Value) -> Vec<&'s str> {
        Vec::new()
    }
}

impl Kind for PriceBook {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Emr
    }
    fn noun(&self) -> &'static str {
        "price book"
    }
    fn title(&self) -> &'static str {
        "name"
    }
    fn title_is_free(&self) -> bool {
        false
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::Nowhere
    }
    fn role(&self) -> Role {
        Role::Relation
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(check));
        &SPEC
    }

    /// There is nothing live of it.
    fn list(&self) -> Vec<Read> {
        Vec::new()
    }

    fn parse(&self, _listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        Vec::new()
    }

    fn read_one(&self, _id: &str) -> Vec<Read> {
        Vec::new()
    }

    fn parse_one(&self, _reread: &[Pages]) -> Result<Observed, Unreadable> {
        Err(Unreadable::unknown("a price book", "there is nothing live of it"))
    }

    fn calls(&self, _step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        Err(Unsupported("a price book makes nothing".into()))
    }
}

/// What the schema cannot say.
fn check(spec: &PriceBookSpec, findings: &mut Findings) {
    let is_region = !spec.region.is_empty()
        && spec.region.contains('-')
        && spec.region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_region {
        findings.at("region", format!("`{}` is no region", spec.region), "expected one like `eu-central-1`");
    }
    if spec.currency.len() != 3 || !spec.currency.bytes().all(|b| b.is_ascii_uppercase()) {
        findings.at("currency", format!("`{}` is no currency", spec.currency), "expected one like `USD`");
    }
    day(&spec.as_of, "asOf".to_owned(), findings);
    let mut ids = BTreeSet::new();
    for (at, source) in spec.sources.iter().enumerate() {
        if !ids.insert(source.id.as_str()) {
            findings.at(
                format!("sources[{at}].id"),
                format!("two sources have the id `{}`", source.id),
                "the second one",
            );
        }
        if let Some(fetched) = &source.fetched {
            day(fetched, format!("sources[{at}].fetched"), findings);
        }
    }
    for (path, id) in named_sources(spec) {
        if !ids.contains(id) && findings.is_whole("sources") {
            findings.at_with_help(
                path,
                format!("there is no source `{id}`"),
                "no `id` under `sources` is this",
                "add it to `sources` with where the price is from",
            );
        }
    }
    for (path, price) in prices(spec) {
        if price < Money::ZERO {
            findings.at(path, format!("{price} is below 0"), "a price is 0 or more");
        }
    }
    if let Some(percent) = spec.databricks.as_ref().and_then(|d| d.discount_percent)
        && percent > Money::of_micros(100_000_000)
    {
        findings.at("databricks.discountPercent", format!("{percent} is more than 100 percent"), "expected 0 to 100");
    }
    let mut types = BTreeSet::new();
    for (at, node) in spec.nodes.iter().enumerate() {
        if !types.insert(node.node_type.as_str()) {
            findings.at(format!("nodes[{at}].type"), format!("`{}` has two prices", node.node_type), "the second one");
        }
        if let Some(PriceRange(spot)) = node.ec2_spot
            && spot.low > spot.high
        {
            let what = format!("the least, {}, is more than the most, {}", spot.low, spot.high);
            findings.at(format!("nodes[{at}].ec2Spot"), what, "expected `[LEAST, MOST]`");
        }
    }
}

fn day(text: &str, path: String, findings: &mut Findings) {
    if text.len() != 10 || text.parse::<jiff::civil::Date>().is_err() {
        findings.at(path, format!("`{text}` is no day"), "expected one like `2026-11-01`");
    }
}

/// Every source that a price names, and where.
fn named_sources(spec: &PriceBookSpec) -> Vec<(String, &str)> {
    let mut all: Vec<(String, Option<&String>)> = vec![
        ("databricks.src".into(), spec.databricks.as_ref().and_then(|d| d.src.as_ref())),
        ("emr.src".into(), spec.emr.as_ref().and_then(|e| e.src.as_ref())),
        ("emrServerless.src".into(), spec.emr_serverless.as_ref().and_then(|e| e.src.as_ref())),
    ];
    for (at, node) in spec.nodes.iter().enumerate() {
        all.push((format!("nodes[{at}].src"), node.src.as_ref()));
        all.push((format!("nodes[{at}].dbuSrc"), node.dbu_src.as_ref()));
    }
    all.into_iter().filter_map(|(path, id)| Some((path, id?.as_str()))).collect()
}

/// Every number that cannot be below 0, and where.
fn prices(spec: &PriceBookSpec) -> Vec<(String, Money)> {
    let mut all: Vec<(String, Option<Money>)> = Vec::new();
    if let Some(databricks) = &spec.databricks {
        let skus = &databricks.skus;
        all.extend([
            ("databricks.skus.jobs".to_owned(), skus.jobs),
            ("databricks.skus.jobsPhoton".to_owned(), skus.jobs_photon),
            ("databricks.skus.jobsServerless".to_owned(), skus.jobs_serverless),
            ("databricks.skus.allPurpose".to_owned(), skus.all_purpose),
            ("databricks.skus.allPurposePhoton".to_owned(), skus.all_purpose_photon),
            ("databricks.discountPercent".to_owned(), databricks.discount_percent),
        ]);
    }
    all.push(("emr.upliftPercent".to_owned(), spec.emr.as_ref().and_then(|e| e.uplift_percent)));
    if let Some(serverless) = &spec.emr_serverless {
        all.extend([
            ("emrServerless.vcpuHour".to_owned(), Some(serverless.vcpu_hour)),
            ("emrServerless.memoryGbHour".to_owned(), Some(serverless.memory_gb_hour)),
            ("emrServerless.storageGbHour".to_owned(), Some(serverless.storage_gb_hour)),
        ]);
    }
    for (at, node) in spec.nodes.iter().enumerate() {
        let place = |field: &str| format!("nodes[{at}].{field}");
        all.extend([
            (place("ec2OnDemand"), node.ec2_on_demand),
            (place("ec2Spot"), node.ec2_spot.map(|PriceRange(spot)| spot.low.min(spot.high))),
            (place("emr"), node.emr),
            (place("dbu"), node.dbu),
            (place("dbuPhoton"), node.dbu_photon),
        ]);
    }
    all.into_iter().filter_map(|(path, price)| Some((path, price?))).collect()
}

#[cfg(test)]
#[path = "prices_tests.rs"]
mod tests;
