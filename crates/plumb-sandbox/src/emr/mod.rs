//! An AWS account's EMR, EMR Serverless and STS at one address: JSON 1.1, REST with JSON, query with XML. S3 is behind
//! the same address, see [`crate::s3`].
//!
//! Requests have to be signed (Signature Version 4) with the access key [`KEY`] and the secret [`SECRET`], and the region
//! that they are signed for is the region that they see. Shapes and errors are those of botocore's models; a text
//! that was recorded from AWS names its source.

mod check;
pub(crate) mod cluster;
mod clusters;
mod instance_types;
pub(crate) mod instances;
pub(crate) mod launch;
pub mod life;
pub(crate) mod monthly;
mod policies;
mod releases;
pub(crate) mod replies;
mod scaling;
mod security;
pub mod seed;
mod serverless;
mod settings;
mod sign;
mod steps;
#[cfg(test)]
mod tests;

pub use settings::EmrSettings;

use super::{airflow::AirflowOptions, answer::Answer, request::Request, store::Store};
use axum::http::{HeaderMap, Uri};
use replies::{AwsResult, AwsService};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
};

/// The access key that requests have to be signed with.
pub const KEY: &str = "plumb";
/// Its secret.
pub const SECRET: &str = "sandbox";
/// The account, unless the options name another one.
pub const ACCOUNT: &str = "123456789012";
/// The region of what is seeded, unless the seed names another one.
pub const REGION: &str = "eu-central-1";

/// How EMR is to be emulated.
#[derive(Clone, Debug, PartialEq)]
pub struct EmrOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The account's twelve digits.
    pub account: String,
}

impl Default for EmrOptions {
    fn default() -> Self {
        EmrOptions { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), account: ACCOUNT.to_owned() }
    }
}

/// All that the account has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EmrState {
    pub account: String,
    pub regions: BTreeMap<String, Region>,
}

impl Default for EmrState {
    fn default() -> Self {
        EmrState { account: ACCOUNT.to_owned(), regions: BTreeMap::new() }
    }
}

/// What a region of the account has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Region {
    pub clusters: BTreeMap<String, cluster::EmrCluster>,
    pub security: BTreeMap<String, security::Configuration>,
    pub applications: BTreeMap<String, serverless::Application>,
    /// What requests with a client token made: the token, what was asked, the answer.
    pub tokens: BTreeMap<String, (Value, Value)>,
}

impl EmrState {
    /// A region, which is empty at first.
    pub fn region(&mut self, name: &str) -> &mut Region {
        self.regions.entry(name.to_owned()).or_default()
    }

    fn arn(&self, service: &str, region: &str, rest: &str) -> String {
        let partition = match region {
            r if r.starts_with("cn-") => "aws-cn",
            r if r.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        format!("arn:{partition}:{service}:{region}:{}:{rest}", self.account)
    }
}

/// What the log and faults call the place of a request: `/elasticmapreduce/ListClusters`, `/emr-serverless/applications`,
/// `/sts`, `/s3/BUCKET/KEY`, `/mwaa/environments/NAME`. On the wire EMR has one address for all its operations.
pub(crate) fn place(headers: &HeaderMap, uri: &Uri) -> String {
    let signed = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if signed.contains("/s3/aws4_request") {
        return format!("/s3{}", super::request::decode(uri.path()));
    }
    if signed.contains("/airflow/aws4_request") {
        return format!("/mwaa{}", super::request::decode(uri.path()));
    }
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    match target {
        Some(target) => format!("/elasticmapreduce/{}", target.rsplit('.').next().unwrap_or(target)),
        None if uri.path() == "/" => "/sts".to_owned(),
        None => format!("/emr-serverless{}", super::request::decode(uri.path())),
    }
}

/// The service of such a place.
fn api_of(place: &str) -> AwsService {
    match place {
        "/sts" => AwsService::Identity,
        place if place.starts_with("/s3/") => AwsService::Objects,
        place if place.starts_with("/mwaa/") => AwsService::Mwaa,
        place if place.starts_with("/elasticmapreduce/") => AwsService::Clusters,
        _ => AwsService::Serverless,
    }
}

/// Answers one request.
pub(crate) fn handle(
    store: &mut Store,
    airflow: Option<&AirflowOptions>,
    request: &Request,
    malformed: bool,
) -> Answer {
    let api = api_of(&request.path);
    let region = match sign::verify(api, &request.raw) {
        Ok(region) => region,
        Err((code, message)) => return api.refused(403, code, &message, &request.id),
    };
    if malformed {
        return api.refused(400, "SerializationException", "the body is not JSON", &request.id);
    }
    life::tick(store);
    serverless::tick(store);
    let replied = match api {
        AwsService::Identity => return identity(store, request),
        AwsService::Objects => return crate::s3::handle(store, request),
        AwsService::Mwaa => return crate::airflow::mwaa::handle(store, airflow, &region, request),
        AwsService::Serverless => serverless::handle(store, &region, request),
        AwsService::Clusters => operation(store, &region, request),
    };
    replied.map_or_else(|refused| refused, |body| api.ok(&body))
}

fn identity(store: &Store, request: &Request) -> Answer {
    match request.body["Action"].as_str() {
        Some("GetCallerIdentity") => {
            let account = &store.emr.account;
            replies::caller(account, &format!("arn:aws:iam::{account}:user/{KEY}"), &request.id)
        }
        action => {
            let action = action.unwrap_or_default();
            let words = format!("Could not find operation {action} for version 2011-06-15");
            AwsService::Identity.refused(400, "InvalidAction", &words, &request.id)
        }
    }
}

fn operation(store: &mut Store, region: &str, request: &Request) -> AwsResult {
    let body = &request.body;
    let name = request.path.rsplit('/').next().unwrap_or_default();
    match name {
        "RunJobFlow" => launch::run_job_flow(store, region, body),
        "ListClusters" => clusters::list(store, region, body),
        "DescribeCluster" => clusters::describe(store, region, body),
        "ModifyCluster" => clusters::modify(store, region, body),
        "TerminateJobFlows" => clusters::terminate(store, region, body),
        "SetTerminationProtection" => clusters::set(store, region, body, "TerminationProtected"),
        "SetKeepJobFlowAliveWhenNoSteps" => clusters::set(store, region, body, "KeepJobFlowAliveWhenNoSteps"),
        "SetUnhealthyNodeReplacement" => clusters::set(store, region, body, "UnhealthyNodeReplacement"),
        "SetVisibleToAllUsers" => clusters::set(store, region, body, "VisibleToAllUsers"),
        "AddTags" => clusters::add_tags(store, region, body),
        "RemoveTags" => clusters::remove_tags(store, region, body),
        "ListBootstrapActions" => clusters::bootstrap_actions(store, region, body),
        "AddJobFlowSteps" => steps::add(store, region, body),
        "CancelSteps" => steps::cancel(store, region, body),
        "ListSteps" => steps::list(store, region, body),
        "DescribeStep" => steps::describe(store, region, body),
        "ListInstanceGroups" => instances::groups(store, region, body),
        "ListInstanceFleets" => instances::fleets(store, region, body),
        "ListInstances" => instances::list(store, region, body),
        "ModifyInstanceGroups" => instances::modify_groups(store, region, body),
        "ModifyInstanceFleet" => instances::modify_fleet(store, region, body),
        "GetManagedScalingPolicy" => policies::get(store, region, body, "ManagedScalingPolicy"),
        "PutManagedScalingPolicy" => policies::put_scaling(store, region, body),
        "RemoveManagedScalingPolicy" => policies::remove(store, region, body, "ManagedScalingPolicy"),
        "GetAutoTerminationPolicy" => policies::get(store, region, body, "AutoTerminationPolicy"),
        "PutAutoTerminationPolicy" => policies::put_idle(store, region, body),
        "RemoveAutoTerminationPolicy" => policies::remove(store, region, body, "AutoTerminationPolicy"),
        "CreateSecurityConfiguration" => security::create(store, region, body),
        "ListSecurityConfigurations" => security::list(store, region, body),
        "DescribeSecurityConfiguration" => security::describe(store, region, body),
        "DeleteSecurityConfiguration" => security::delete(store, region, body),
        "ListReleaseLabels" => releases::list(body),
        "DescribeReleaseLabel" => releases::describe(body),
        "ListSupportedInstanceTypes" => instance_types::list(body),
        _ => Err(AwsService::Clusters.refused(400, "UnknownOperationException", "", &request.id)),
    }
}

/// A page of a listing and the marker of the next one. A marker is where the next page begins.
fn page<T: Clone>(all: &[T], marker: Option<&str>, size: usize) -> Result<(Vec<T>, Option<String>), Answer> {
    let from = match marker {
        None => 0,
        Some(text) => {
            let number = text.strip_prefix("page-").and_then(|n| n.parse().ok()).filter(|n| *n <= all.len());
            number.ok_or_else(|| replies::invalid(None, format!("Marker '{text}' is not valid.")))?
        }
    };
    let to = all.len().min(from.saturating_add(size));
    Ok((all[from..to].to_vec(), (to < all.len()).then(|| format!("page-{to}"))))
}

/// How many entries a page of EMR has.
const PAGE: usize = 50;

/// An answer with one page of a listing.
fn paged(all: &[Value], body: &Value, items: &str) -> AwsResult {
    let (entries, marker) = page(all, check::maybe_text(body, "Marker")?, PAGE)?;
    let mut answer = serde_json::Map::new();
    answer.insert(items.to_owned(), entries.into());
    if let Some(marker) = marker {
        answer.insert("Marker".to_owned(), marker.into());
    }
    Ok(answer.into())
}

/// An id as AWS makes them: a prefix and capital letters and digits, never the same twice.
fn id(prefix: &str, seed: u64, length: usize) -> String {
    const LETTERS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let hex = Store::scrambled(seed) + &Store::scrambled(seed ^ 0x5bd1_e995_5bd1_e995);
    let mut rest = u128::from_str_radix(&hex, 16).unwrap_or_default();
    let mut out = prefix.to_owned();
    for _ in 0..length {
        out.push(char::from(LETTERS[usize::try_from(rest % 36).unwrap_or_default()]));
        rest /= 36;
    }
    out
}
