//! A price book out of what AWS's price list and Databricks' list prices answer: what is asked, how an answer is read, and the
//! text that people review.
//!
//! Facts: botocore's model `pricing/2017-10-15` (`GetProducts`: a page is a list of texts, each a product in JSON); the
//! attributes of products are those of answers that others published (`productFamily` "Compute Instance" and "Elastic Map
//! Reduce Instance", the latter also for software that EMR no longer has, so `softwareType` is asked for).

use super::facts::{KeptRuns, RunSystem};
use crate::kinds::databricks::own_clusters::own_clusters;
use crate::kinds::prices::{DbuPrices, EmrPrices, NodePrice, PriceBookSpec, PriceSource, SkuPrices};
use crate::manifest::Resource;
use crate::parity::sql::{SqlParameter, Statement};
use plumb_model::call::{Call, Method, System};
use plumb_model::stats::Money;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The ids of the sources that are written.
pub const AWS: &str = "aws";
const DATABRICKS: &str = "databricks";
const MEASURED: &str = "measured";
/// The only currency that the price list of AWS has outside of China.
pub const CURRENCY: &str = "USD";
/// How far measured DBUs of runs may be apart to be one rate, in percent.
const SPREAD_PERCENT: u128 = 3;

/// The node types that runs had or that jobs ask for.
pub fn types_in_use(kept: &[KeptRuns], resources: &[Resource]) -> BTreeSet<String> {
    let of_runs = kept.iter().flat_map(|kept| &kept.runs).flat_map(|run| &run.nodes).map(|n| n.node_type.clone());
    let mut types: BTreeSet<String> = of_runs.collect();
    for job in resources {
        for (_, cluster) in own_clusters(&job.spec) {
            let named = ["node_type_id", "driver_node_type_id"].into_iter();
            types.extend(named.filter_map(|member| cluster[member].as_str()).map(str::to_owned));
        }
    }
    // What is not known yet, and types of other clouds, AWS has no price of.
    types.retain(|name| name.contains('.') && !name.contains(['$', '_', ' ']));
    types
}

/// The question what a node costs on demand.
pub fn ec2_query(node_type: &str, region: &str) -> Call {
    let filters = [
        ("instanceType", node_type),
        ("regionCode", region),
        ("operatingSystem", "Linux"),
        ("tenancy", "Shared"),
        ("preInstalledSw", "NA"),
        ("capacitystatus", "Used"),
    ];
    products("AmazonEC2", &filters)
}

/// The question what EMR adds to a node.
pub fn emr_query(node_type: &str, region: &str) -> Call {
    let filters = [
        ("instanceType", node_type),
        ("regionCode", region),
        ("productFamily", "Elastic Map Reduce Instance"),
        ("softwareType", "EMR"),
    ];
    products("ElasticMapReduce", &filters)
}

fn products(service: &str, filters: &[(&str, &str)]) -> Call {
    let filters: Vec<Value> =
        filters.iter().map(|(field, value)| json!({"Type": "TERM_MATCH", "Field": field, "Value": value})).collect();
    let body = json!({"ServiceCode": service, "Filters": filters, "FormatVersion": "aws_v1", "MaxResults": 100});
    Call::set(System::Emr, Method::Post, "/pricing/GetProducts", body)
}

/// The price of an hour, out of the products of all pages.
///
/// # Errors
/// Why there is none: no product, or several prices.
pub fn hourly(products: &[Value]) -> Result<Money, String> {
    let mut prices = BTreeSet::new();
    for product in products {
        // The model says that products are texts; some tools hand them on as they are.
        let read;
        let product = match product {
            Value::String(text) => {
                read = serde_json::from_str::<Value>(text).map_err(|e| format!("a product is no JSON: {e}"))?;
                &read
            }
            other => other,
        };
        let terms = product.pointer("/terms/OnDemand").and_then(Value::as_object);
        let dimensions = terms.into_iter().flatten().filter_map(|(_, term)| term["priceDimensions"].as_object());
        for (_, dimension) in dimensions.flatten() {
            let Some(price) = dimension["pricePerUnit"][CURRENCY].as_str() else { continue };
            if dimension["unit"].as_str().is_some_and(|unit| unit != "Hrs") {
                continue;
            }
            let price = price_of(price)?;
            // Reserved capacity is listed as a product of its own that costs nothing.
            if price > Money::ZERO {
                prices.insert(price);
            }
        }
    }
    match prices.iter().collect::<Vec<_>>().as_slice() {
        [] => Err("AWS lists no hourly price".to_owned()),
        [price] => Ok(**price),
        several => {
            let all: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(format!("AWS lists several hourly prices: {}", all.join(", ")))
        }
    }
}

/// A decimal with zeros at its end, of which AWS writes ten digits: `0.0575000000`.
fn price_of(text: &str) -> Result<Money, String> {
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    if short.is_empty() { Ok(Money::ZERO) } else { short.parse() }
}

/// The question what a DBU costs, of `system.billing.list_prices`.
pub fn list_prices() -> Statement {
    let parameter = |name: &str, value: &str| SqlParameter {
        name: name.to_owned(),
        of_type: "STRING".to_owned(),
        value: Some(value.to_owned()),
    };
    Statement {
        step: "list prices",
        text: "SELECT sku_name, currency_code, CAST(pricing.effective_list.default AS STRING) FROM \
               system.billing.list_prices WHERE cloud = :cloud AND usage_unit = :unit AND price_end_time IS NULL AND \
               sku_name LIKE :plan ORDER BY sku_name"
            .to_owned(),
        parameters: vec![parameter("cloud", "AWS"), parameter("unit", "DBU"), parameter("plan", "%COMPUTE%")],
    }
}

/// The prices of a plan out of the rows of [`list_prices`], and what is left for people to say.
pub fn sku_prices(rows: &[Vec<Option<String>>], plan: &str) -> (SkuPrices, Vec<String>) {
    let plan = plan.to_ascii_uppercase();
    let mut found: BTreeMap<&str, BTreeSet<Money>> = BTreeMap::new();
    for row in rows {
        let [Some(sku), Some(currency), Some(price)] = row.as_slice() else { continue };
        let Some(sku) = sku.strip_prefix(&plan).and_then(|rest| rest.strip_prefix('_')) else { continue };
        let field = match sku {
            "JOBS_COMPUTE" => "jobs",
            "JOBS_COMPUTE_(PHOTON)" => "jobsPhoton",
            "ALL_PURPOSE_COMPUTE" => "allPurpose",
            "ALL_PURPOSE_COMPUTE_(PHOTON)" => "allPurposePhoton",
            // One a region, whose names are no codes: they count where all are one.
            _ if sku.starts_with("JOBS_SERVERLESS_COMPUTE") => "jobsServerless",
            _ => continue,
        };
        if let (CURRENCY, Ok(price)) = (currency.as_str(), price_of(price)) {
            found.entry(field).or_default().insert(price);
        }
    }
    let mut left = Vec::new();
    let mut one = |field: &str| match found.get(field).map(|prices| prices.iter().copied().collect::<Vec<_>>()) {
        Some(prices) if prices.len() == 1 => prices.first().copied(),
        Some(prices) => {
            let all: Vec<String> = prices.iter().map(ToString::to_string).collect();
            left.push(format!("{field}: one of {}, by region", all.join(", ")));
            None
        }
        None => None,
    };
    let skus = SkuPrices {
        jobs: one("jobs"),
        jobs_photon: one("jobsPhoton"),
        jobs_serverless: one("jobsServerless"),
        all_purpose: one("allPurpose"),
        all_purpose_photon: one("allPurposePhoton"),
    };
    (skus, left)
}

/// What Databricks runs on one node type used an hour, by type and whether with Photon: measured DBUs over node-hours, where
/// several runs agree. No API has these rates.
pub fn measured_rates(kept: &[KeptRuns]) -> BTreeMap<(String, bool), Money> {
    let mut seen: BTreeMap<(String, bool), Vec<u128>> = BTreeMap::new();
    for run in kept.iter().flat_map(|kept| &kept.runs).filter(|run| run.system == RunSystem::Databricks) {
        let Some((used, milli)) = run.databricks.as_ref().and_then(|used| Some((used, used.measured_millidbu?))) else {
            continue;
        };
        let types: BTreeSet<&str> = run.nodes.iter().map(|nodes| nodes.node_type.as_str()).collect();
        let seconds: plumb_model::stats::Interval<u64> = run.nodes.iter().map(|nodes| nodes.seconds).sum();
        if let (Some(node_type), 1, true) = (types.first(), types.len(), seconds.is_exact() && seconds.low > 0) {
            let micros = u128::from(milli) * 3600 * 1000 / u128::from(seconds.low);
            seen.entry(((*node_type).to_owned(), used.photon)).or_default().push(micros);
        }
    }
    let agreed = |(of, rates): ((String, bool), Vec<u128>)| {
        let (least, most) = (*rates.iter().min()?, *rates.iter().max()?);
        let middle = (least + most) / 2;
        let rounded = (middle + 500) / 1000 * 1000;
        ((most - least) * 100 <= middle * SPREAD_PERCENT)
            .then(|| i128::try_from(rounded).ok().map(|micros| (of, Money::of_micros(micros))))
            .flatten()
    };
    seen.into_iter().filter_map(agreed).collect()
}

/// What was found of a node type; what was not, with why.
#[derive(Clone, Debug)]
pub struct FetchedNode {
    pub node_type: String,
    pub ec2: Result<Money, String>,
    pub emr: Result<Money, String>,
}

/// All that was found.
#[derive(Clone, Debug, Default)]
pub struct FetchedPrices {
    pub region: String,
    /// The day: `2026-11-30`.
    pub today: String,
    pub plan: String,
    pub nodes: Vec<FetchedNode>,
    /// What a DBU costs; why that was not read.
    pub skus: Option<Result<(SkuPrices, Vec<String>), String>>,
    pub rates: BTreeMap<(String, bool), Money>,
}

/// The manifest of a price book, for people to review. `kept` is what the file says so far: what people said and no service
/// says stays.
pub fn book_text(found: &FetchedPrices, kept: Option<&PriceBookSpec>) -> String {
    let merged = merged(found, kept);
    let left = left_open(found, &merged);
    let spec = &merged;
    let mut out = format!(
        "# Written by `plumb prices fetch` on {}. Review it: a contract's prices win, and `# PRICE:` asks for what no API says.\n\
         # Storage and data transfer are not in a book: what is compared is compute.\n\
         apiVersion: plumb/v1\nkind: PriceBook\nmetadata: {{name: {}}}\nspec:\n  region: {}\n  currency: {}\n  asOf: {}\n  sources:\n",
        found.today, found.region, spec.region, spec.currency, spec.as_of
    );
    for source in &spec.sources {
        let mut parts = vec![format!("id: {}", flow(&source.id))];
        parts.extend(source.url.as_ref().map(|url| format!("url: {}", flow(url))));
        parts.extend(source.fetched.as_ref().map(|day| format!("fetched: {day}")));
        parts.extend(source.note.as_ref().map(|note| format!("note: {}", flow(note))));
        out.push_str(&format!("    - {{{}}}\n", parts.join(", ")));
    }
    out.push_str("  databricks:\n");
    for line in &left.databricks {
        out.push_str(&format!("    # PRICE: {line}\n"));
    }
    let databricks = spec.databricks.clone().unwrap_or_default();
    out.push_str(&format!("    plan: {}\n", flow(databricks.plan.as_deref().unwrap_or("premium"))));
    let skus = &databricks.skus;
    let skus: Vec<String> = [
        ("jobs", skus.jobs),
        ("jobsPhoton", skus.jobs_photon),
        ("jobsServerless", skus.jobs_serverless),
        ("allPurpose", skus.all_purpose),
        ("allPurposePhoton", skus.all_purpose_photon),
    ]
    .into_iter()
    .filter_map(|(name, price)| Some(format!("{name}: {}", price?)))
    .collect();
    out.push_str(&format!("    skus: {{{}}}\n", skus.join(", ")));
    out.push_str(&format!("    discountPercent: {}\n", plain(databricks.discount_percent.unwrap_or_default())));
    if let Some(src) = &databricks.src {
        out.push_str(&format!("    src: {}\n", flow(src)));
    }
    let emr = spec.emr.clone().unwrap_or_default();
    let mut parts: Vec<String> = Vec::new();
    parts.extend(emr.uplift_percent.map(|percent| format!("upliftPercent: {}", plain(percent))));
    parts.push(format!("minimumSeconds: {}", emr.minimum_seconds.unwrap_or(60)));
    parts.extend(emr.src.as_ref().map(|src| format!("src: {}", flow(src))));
    out.push_str(&format!("  emr: {{{}}}\n", parts.join(", ")));
    if let Some(serverless) = &spec.emr_serverless {
        let src = serverless.src.as_ref().map_or_else(String::new, |src| format!(", src: {}", flow(src)));
        out.push_str(&format!(
            "  emrServerless: {{vcpuHour: {}, memoryGbHour: {}, storageGbHour: {}{src}}}\n",
            serverless.vcpu_hour, serverless.memory_gb_hour, serverless.storage_gb_hour
        ));
    }
    out.push_str(if spec.nodes.is_empty() { "  nodes: []\n" } else { "  nodes:\n" });
    for node in &spec.nodes {
        for line in left.nodes.get(&node.node_type).into_iter().flatten() {
            out.push_str(&format!("    # PRICE: {}: {line}\n", node.node_type));
        }
        let mut parts = vec![format!("type: {}", flow(&node.node_type))];
        let mut add = |name: &str, price: Option<Money>| parts.extend(price.map(|price| format!("{name}: {price}")));
        add("ec2OnDemand", node.ec2_on_demand);
        if let Some(spot) = node.ec2_spot {
            let range = spot.0;
            parts.push(if range.is_exact() {
                format!("ec2Spot: {}", range.low)
            } else {
                format!("ec2Spot: [{}, {}]", range.low, range.high)
            });
        }
        let mut add = |name: &str, price: Option<Money>| parts.extend(price.map(|price| format!("{name}: {price}")));
        add("emr", node.emr);
        add("dbu", node.dbu);
        add("dbuPhoton", node.dbu_photon);
        parts.extend(node.src.as_ref().map(|src| format!("src: {}", flow(src))));
        parts.extend(node.dbu_src.as_ref().map(|src| format!("dbuSrc: {}", flow(src))));
        out.push_str(&format!("    - {{{}}}\n", parts.join(", ")));
    }
    out
}

/// What was found over what the file says: prices that were looked up are new, all else stays.
fn merged(found: &FetchedPrices, kept: Option<&PriceBookSpec>) -> PriceBookSpec {
    let mut spec = kept.cloned().unwrap_or_default();
    spec.region.clone_from(&found.region);
    spec.currency = CURRENCY.to_owned();
    spec.as_of.clone_from(&found.today);
    let mut source = |id: &str, url: Option<&str>, note: Option<&str>| {
        let new = PriceSource {
            id: id.to_owned(),
            url: url.map(str::to_owned),
            fetched: Some(found.today.clone()),
            note: note.map(str::to_owned),
        };
        match spec.sources.iter_mut().find(|known| known.id == id) {
            Some(known) => *known = new,
            None => spec.sources.push(new),
        }
    };
    source(AWS, Some("https://api.pricing.us-east-1.amazonaws.com"), Some("GetProducts: on demand, Linux, shared"));
    if matches!(found.skus, Some(Ok(_))) {
        source(DATABRICKS, None, Some("system.billing.list_prices"));
    }
    if !found.rates.is_empty() {
        source(MEASURED, None, Some("DBU of runs (system.billing.usage) over their node-hours"));
    }
    let databricks = spec.databricks.get_or_insert_with(DbuPrices::default);
    databricks.plan.get_or_insert_with(|| found.plan.clone());
    if let Some(Ok((skus, _))) = &found.skus {
        let known = &mut databricks.skus;
        for (known, new) in [
            (&mut known.jobs, skus.jobs),
            (&mut known.jobs_photon, skus.jobs_photon),
            (&mut known.jobs_serverless, skus.jobs_serverless),
            (&mut known.all_purpose, skus.all_purpose),
            (&mut known.all_purpose_photon, skus.all_purpose_photon),
        ] {
            *known = new.or(*known);
        }
        databricks.src = Some(DATABRICKS.to_owned());
    }
    spec.emr.get_or_insert_with(|| EmrPrices { minimum_seconds: Some(60), ..EmrPrices::default() });
    for node in &found.nodes {
        let at = spec.nodes.iter().position(|known| known.node_type == node.node_type);
        let at = at.unwrap_or_else(|| {
            spec.nodes.push(NodePrice { node_type: node.node_type.clone(), ..NodePrice::default() });
            spec.nodes.len() - 1
        });
        let Some(known) = spec.nodes.get_mut(at) else { continue };
        if let Ok(price) = &node.ec2 {
            known.ec2_on_demand = Some(*price);
            known.src = Some(AWS.to_owned());
        }
        if let Ok(price) = &node.emr {
            known.emr = Some(*price);
        }
        for (field, photon) in [(&mut known.dbu, false), (&mut known.dbu_photon, true)] {
            // What somebody wrote stays: a table or a contract says it better than a few runs.
            if let (None, Some(rate)) = (*field, found.rates.get(&(node.node_type.clone(), photon))) {
                *field = Some(*rate);
                known.dbu_src.get_or_insert_with(|| MEASURED.to_owned());
            }
        }
    }
    spec.nodes.sort_by(|a, b| a.node_type.cmp(&b.node_type));
    spec
}

/// What people are asked for.
struct LeftOpen {
    databricks: Vec<String>,
    nodes: BTreeMap<String, Vec<String>>,
}

fn left_open(found: &FetchedPrices, spec: &PriceBookSpec) -> LeftOpen {
    let mut databricks = match &found.skus {
        Some(Ok((_, left))) => left.clone(),
        Some(Err(why)) => vec![format!("list prices were not read: {}", in_line(why))],
        None => vec!["the target names no SQL warehouse, so `system.billing.list_prices` was not read".to_owned()],
    };
    if spec.databricks.as_ref().is_none_or(|databricks| databricks.skus == SkuPrices::default()) {
        databricks.push("what a DBU costs: `skus: {jobs: …}`".to_owned());
    }
    let mut nodes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in &found.nodes {
        let known = spec.nodes.iter().find(|known| known.node_type == node.node_type);
        let mut add = |text: String| nodes.entry(node.node_type.clone()).or_default().push(text);
        if let Err(why) = &node.ec2 {
            add(format!("`ec2OnDemand`: {}", in_line(why)));
        }
        if let Err(why) = &node.emr {
            add(format!("`emr`: {}", in_line(why)));
        }
        if known.is_some_and(|known| known.dbu.is_none()) {
            add("`dbu`, DBU an hour: no API says it; Databricks' pricing page does".to_owned());
        }
    }
    LeftOpen { databricks, nodes }
}

/// A text in one line: what a service says ends no comment.
fn in_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

fn plain(number: Money) -> String {
    number.to_string().trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A text as a scalar of a flow mapping; in quotes where it could mean something else.
fn flow(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if is_plain { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
