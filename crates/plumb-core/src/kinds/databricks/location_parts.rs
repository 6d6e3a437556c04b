//! The parts of an external location.

use super::undeclared::is_absent;
use crate::kinds::Findings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether all workspaces of the metastore may use an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IsolationMode {
    /// Only workspaces that it is bound to.
    IsolationModeIsolated,
    /// All of them.
    IsolationModeOpen,
}

/// How files are encrypted.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct EncryptionDetails {
    /// Encryption on the side of S3.
    pub sse_encryption_details: Option<SseEncryptionDetails>,
}

/// Encryption on the side of S3.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SseEncryptionDetails {
    /// By whose key.
    pub algorithm: Option<SseAlgorithm>,
    /// The key, as an ARN: for `AWS_SSE_KMS`.
    pub aws_kms_key_arn: Option<String>,
}

/// By whose key S3 encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SseAlgorithm {
    /// By a key of KMS.
    AwsSseKms,
    /// By a key of S3's own.
    AwsSseS3,
}

/// The queue of file events: exactly one member. The `managed_` ones Databricks makes, the `provided_` ones are yours.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct FileEventQueue {
    /// A queue of Azure that Databricks makes.
    pub managed_aqs: Option<AzureQueueStorage>,
    /// A subscription of Google Cloud that Databricks makes.
    pub managed_pubsub: Option<GcpPubsub>,
    /// A queue of AWS that Databricks makes.
    pub managed_sqs: Option<AwsSqsQueue>,
    /// A queue of Azure of your own.
    pub provided_aqs: Option<AzureQueueStorage>,
    /// A subscription of Google Cloud of your own.
    pub provided_pubsub: Option<GcpPubsub>,
    /// A queue of AWS of your own.
    pub provided_sqs: Option<AwsSqsQueue>,
}

/// A queue of Azure.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
#[schemars(extend("x-plumb" = {
    "read_only": { "managed_resource_id": "Terraform provider resource_external_location.go: read-only, and never sent" },
    "why": "an answer says more than a request",
}))]
pub struct AzureQueueStorage {
    /// The address of your own queue: `https://ACCOUNT.queue.core.windows.net/QUEUE`.
    pub queue_url: Option<String>,
    /// The resource group, where a service principal gives access.
    pub resource_group: Option<String>,
    /// The subscription, where a service principal gives access.
    pub subscription_id: Option<String>,
}

/// A subscription of Google Cloud.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
#[schemars(extend("x-plumb" = {
    "read_only": { "managed_resource_id": "Terraform provider resource_external_location.go: read-only, and never sent" },
    "why": "an answer says more than a request",
}))]
pub struct GcpPubsub {
    /// Your own subscription: `projects/PROJECT/subscriptions/SUBSCRIPTION`.
    pub subscription_name: Option<String>,
}

/// A queue of AWS.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
#[schemars(extend("x-plumb" = {
    "read_only": { "managed_resource_id": "Terraform provider resource_external_location.go: read-only, and never sent" },
    "why": "an answer says more than a request",
}))]
pub struct AwsSqsQueue {
    /// The address of your own queue: `https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE`.
    pub queue_url: Option<String>,
}

impl FileEventQueue {
    /// Checks that there is one queue, and what it has to say (Terraform provider, resource_external_location.go).
    pub fn check(&self, at: &str, findings: &mut Findings) {
        let azure = |queue: &Option<AzureQueueStorage>| queue.as_ref().map(|queue| queue.queue_url.is_some());
        let all = [
            ("managed_aqs", self.managed_aqs.as_ref().map(|_| true), ""),
            ("managed_pubsub", self.managed_pubsub.as_ref().map(|_| true), ""),
            ("managed_sqs", self.managed_sqs.as_ref().map(|_| true), ""),
            ("provided_aqs", azure(&self.provided_aqs), "queue_url"),
            (
                "provided_pubsub",
                self.provided_pubsub.as_ref().map(|queue| queue.subscription_name.is_some()),
                "subscription_name",
            ),
            ("provided_sqs", self.provided_sqs.as_ref().map(|queue| queue.queue_url.is_some()), "queue_url"),
        ];
        let set: Vec<_> = all.iter().filter(|(_, queue, _)| queue.is_some()).collect();
        match set.as_slice() {
            [] if findings.is_whole(at) => findings.at(at, "no queue is named", "expected exactly one of its members"),
            [_, (second, ..), ..] => {
                findings.at(
                    format!("{at}.{second}"),
                    "a location has one queue",
                    "expected exactly one of the members",
                );
            }
            _ => {}
        }
        for (member, queue, needs) in all {
            let path = format!("{at}.{member}");
            if queue == Some(false) && findings.is_whole(&format!("{path}.{needs}")) {
                findings.at(path, format!("`{member}` has no `{needs}`"), format!("add `{needs}`"));
            }
        }
    }
}

impl EncryptionDetails {
    /// Checks that a key is named where one is used, and only there.
    pub fn check(&self, at: &str, findings: &mut Findings) {
        let Some(details) = &self.sse_encryption_details else { return };
        let path = format!("{at}.sse_encryption_details.aws_kms_key_arn");
        if details.algorithm == Some(SseAlgorithm::AwsSseS3) && details.aws_kms_key_arn.is_some() {
            findings.at(path, "`AWS_SSE_S3` uses no key of yours", "remove it, or set `algorithm: AWS_SSE_KMS`");
        }
    }
}
