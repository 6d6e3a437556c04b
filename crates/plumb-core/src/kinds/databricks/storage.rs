//! Where clusters find scripts and images, and leave logs.

use super::undeclared::is_absent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a cluster's logs are delivered. Exactly one member is set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct LogDestination {
    /// A folder of DBFS.
    pub dbfs: Option<Location>,
    /// A folder of an S3 bucket.
    pub s3: Option<S3Location>,
    /// A folder of a volume.
    pub volumes: Option<Location>,
}

/// A script that runs on each node before Spark starts. Exactly one member is set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct InitScript {
    /// A file of Azure Data Lake Storage: `abfss://…`.
    pub abfss: Option<Location>,
    /// A file of DBFS. The service advises against it: workspace files and volumes have replaced it.
    pub dbfs: Option<Location>,
    /// A file that the image already has: `file:/…`.
    pub file: Option<Location>,
    /// A file of Google Cloud Storage: `gs://…`.
    pub gcs: Option<Location>,
    /// A file of an S3 bucket.
    pub s3: Option<S3Location>,
    /// A file of a volume: `/Volumes/…`; or, where the target keeps code in a volume, of the repository: `./init/tools.sh`.
    #[schemars(extend("x-plumb" = {"code": "file", "why": "databricks-sdk-py compute.VolumesStorageInfo: a path of a volume"}))]
    pub volumes: Option<Location>,
    /// A file of the workspace: `/Users/…` or `/Shared/…`; or of the repository: `./init/tools.sh`.
    #[schemars(extend("x-plumb" = {"code": "file", "why": "databricks-sdk-py compute.WorkspaceStorageInfo: a path of the workspace"}))]
    pub workspace: Option<Location>,
}

/// A path.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Location {
    /// The path, with its scheme where the storage has one.
    pub destination: String,
}

/// A path in an S3 bucket, and how to write there.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct S3Location {
    /// `s3://bucket/prefix`.
    pub destination: String,
    /// The canned ACL for what is written: `bucket-owner-full-control`.
    pub canned_acl: Option<String>,
    /// Whether what is written is encrypted.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java compute.S3StorageInfo: an optional flag"}))]
    pub enable_encryption: Option<bool>,
    /// `sse-s3` or `sse-kms`; used when `enable_encryption` is true.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": ["sse-s3"], "why": "databricks-sdk-java compute.S3StorageInfo: sse-s3 is the type unless another is set"}))]
    pub encryption_type: Option<String>,
    /// The S3 endpoint. Either this or `region` is set.
    pub endpoint: Option<String>,
    /// The key for `sse-kms`.
    pub kms_key: Option<String>,
    /// The bucket's region. Either this or `endpoint` is set.
    pub region: Option<String>,
}

/// A container image.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DockerImage {
    /// How to sign in to the registry.
    pub basic_auth: Option<DockerBasicAuth>,
    /// The image with its tag.
    pub url: Option<String>,
}

/// A login at a container registry.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DockerBasicAuth {
    /// The password or token. A `{{secrets/scope/key}}` reference keeps it out of the cluster's settings.
    #[schemars(extend("x-plumb" = {"secret": "value", "write_only": true, "why": "Terraform provider clusters: sensitive, never read back"}))]
    pub password: Option<String>,
    /// The user's name.
    pub username: Option<String>,
}
