//! The summary of an account. Pure: the same reading gives the same inventory.

use super::pattern;
use super::pipeline::{Pipeline, pipeline};
use super::raw::{EmrAccount, RawCluster};
use super::serverless::{EmrApplication, application};
use crate::detect;
use jiff::Timestamp;
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
        version: 1,
        account: account.to_owned(),
        region: region.to_owned(),
        read_at,
        since,
        clusters: read.clusters.len(),
        security_configurations: security.collect(),
        pipelines,
        serverless,
        unread: unread
            .into_iter()
            .map(|((what, why), of)| UnreadPart { what, why, of: of.into_iter().collect() })
            .collect(),
    }
}
