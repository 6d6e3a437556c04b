//! Settings of the emulated S3, for tests and demos: what is refused.

use plumb_model::text::glob;
use serde::{Deserialize, Serialize};

/// The settings, read and merged through `/_sandbox/settings` under `s3`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Settings {
    /// What callers may not do; the first one that fits is what the refusal names.
    pub denied: Vec<S3Denial>,
}

/// One action that is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Denial {
    /// `s3:ListBucket`, `s3:GetObject` or `kms:Decrypt`, which an object's bytes take where they are encrypted.
    pub action: String,
    /// The bucket, or the bucket and the key (`logs/audience/*`), where `*` stands for any text.
    pub path: String,
    /// The key that `kms:Decrypt` would take, as an ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

impl S3Denial {
    /// Whether it refuses this.
    pub(crate) fn strikes(&self, action: &str, bucket: &str, key: &str) -> bool {
        let path = if key.is_empty() { bucket.to_owned() } else { format!("{bucket}/{key}") };
        self.action == action && glob(&self.path, &path)
    }
}
