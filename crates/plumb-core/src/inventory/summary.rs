//! The summary of an account. Pure: the same reading gives the same inventory.

use super::pattern;
use super::pipeline::{Pipeline, pipeline};
use super::questions::ReadLimits;
use super::raw::{EmrAccount, RawCluster};
use super::serverless::{EmrApplication, application};
use crate::detect;
use jiff::Timestamp;
use plumb_model::text::counted;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An account's EMR inventory. No secret is in it; texts are as they were given, and are escaped where they are shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inventory {
    /// The version of this form; it grows when a member goes or changes its meaning.
    pub version: u32,
    pub account: String,
    pub region: String,
    /// When the reading began.
    pub read_at: Timestamp,
    /// Clusters created before are left out. `None`: all that AWS still knows.
    pub since: Option<Timestamp>,
    pub clusters: usize,
    /// By name.
    pub pipelines: Vec<Pipeline>,
    pub serverless: Vec<EmrApplication>,
    pub security_configurations: Vec<SecurityConfiguration>,
    /// What could not be read. It is not known to be absent.
    pub unread: Vec<UnreadPart>,
    /// What was not asked, as EMR gives out few requests. It is not known either.
    pub not_asked: NotAsked,
}

/// What was not asked of clusters that the listing has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotAsked {
    pub limits: ReadLimits,
    /// Clusters that were not described.
    pub descriptions: usize,
    /// Clusters whose steps were not read.
    pub steps: usize,
    /// Pipelines of which no steps were read, so that it is not known what they run and what ties them to others.
    pub pipelines: usize,
    /// The same in sentences; none where all was asked.
    pub says: Vec<String>,
}

/// A security configuration and who uses it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecurityConfiguration {
    pub name: String,
    /// What it says; `None` where it could not be read.
    pub says: Option<Value>,
    /// Names of pipelines.
    pub used_by: Vec<String>,
}

/// Something that the service would not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadPart {
    /// The operation: `GetManagedScalingPolicy`.
    pub what: String,
    pub why: String,
    /// Clusters and applications that it was asked of; empty for what the account has.
    pub of: Vec<String>,
}

/// Sums up what was read of an account.
pub fn inventory(
    account: &str,
    region: &str,
    read_at: Timestamp,
    since: Option<Timestamp>,
    read: &EmrAccount,
) -> Inventory {
    let names: Vec<String> = read.clusters.iter().map(|cluster| detect::masked(&cluster.name())).collect();
    let grouped = pattern::group(names.iter().map(String::as_str));
    let mut by: BTreeMap<&str, Vec<&RawCluster>> = BTreeMap::new();
    for (cluster, name) in read.clusters.iter().zip(&names) {
        by.entry(grouped.get(name).map_or(name.as_str(), String::as_str)).or_default().push(cluster);
    }
    let pipelines: Vec<Pipeline> = by
        .into_iter()
        .map(|(name, mut clusters)| {
            clusters.sort_by_key(|cluster| (cluster.created(), cluster.id()));
            pipeline(name, &clusters)
        })
        .collect();
    let used_by = |name: &str| {
        let uses = pipelines.iter().filter(|pipeline| pipeline.security_configuration.as_deref() == Some(name));
        uses.map(|pipeline| pipeline.name.clone()).collect()
    };
    let security = read.security.iter().map(|(name, says)| SecurityConfiguration {
        name: detect::masked(name),
        says: says.as_ref().map(detect::masked_json),
        used_by: used_by(name),
    });
    let mut unread: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for unknown in &read.unknown {
        let of = unread.entry((unknown.what.clone(), detect::masked(&unknown.why))).or_default();
        of.extend((!unknown.of.is_empty()).then(|| unknown.of.clone()));
    }
    let mut serverless: Vec<EmrApplication> = read.serverless.iter().map(application).collect();
    serverless.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Inventory {
        version: 2,
        account: account.to_owned(),
        region: region.to_owned(),
        read_at,
        since,
        clusters: read.clusters.len(),
        security_configurations: security.collect(),
        not_asked: not_asked(read, &pipelines),
        pipelines,
        serverless,
        unread: unread
            .into_iter()
            .map(|((what, why), of)| UnreadPart { what, why, of: of.into_iter().collect() })
            .collect(),
    }
}

fn not_asked(read: &EmrAccount, pipelines: &[Pipeline]) -> NotAsked {
    let count = |is: fn(&RawCluster) -> bool| read.clusters.iter().filter(|cluster| is(cluster)).count();
    let descriptions = count(|cluster| cluster.described.is_none());
    let steps = count(|cluster| cluster.steps.is_none());
    let left_out = pipelines.iter().filter(|one| one.steps_read == 0).count();
    let ReadLimits { runs, pipelines: most } = read.limits;
    let mut says = Vec::new();
    if descriptions > 0 {
        let (ended, were) =
            (counted(descriptions, "ended cluster", "ended clusters"), if descriptions == 1 { "was" } else { "were" });
        says.push(format!(
            "{ended} {were} not described: the names, states, times and normalised instance hours of all clusters are known, and what \
             a pipeline is made of is that of its newest."
        ));
    }
    if steps > 0 {
        let (of, were) = (counted(steps, "cluster", "clusters"), if steps == 1 { "was" } else { "were" });
        says.push(format!(
            "The steps of {of} {were} not read: those of the newest {} a pipeline are, and of up to two runs of other days and months \
             (--runs reads more).",
            counted(runs, "run", "runs")
        ));
    }
    if left_out > 0 {
        let of = counted(left_out, "pipeline", "pipelines");
        says.push(format!(
            "There are more than {}: of {of} it is not known what runs, and what ties them to others (--max-pipelines reads more).",
            counted(most, "pipeline", "pipelines")
        ));
    }
    NotAsked { limits: read.limits, descriptions, steps, pipelines: left_out, says }
}
