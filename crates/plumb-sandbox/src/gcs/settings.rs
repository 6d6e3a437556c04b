//! Settings of the emulated Google Cloud Storage, for tests and demos: who is let in, what is refused.

use plumb_model::text::glob;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// How Google Cloud Storage is to be emulated.
#[derive(Clone, Debug)]
pub struct GcsOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
}

impl Default for GcsOptions {
    fn default() -> Self {
        GcsOptions { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) }
    }
}

/// The settings, read and merged through `/_sandbox/settings` under `gcs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GcsSettings {
    /// The only token to accept, beside those that the sandbox issues itself; any when absent.
    pub token: Option<String>,
    /// Seconds that a token lives that the sandbox issues (`/token`, and the metadata server's).
    pub token_seconds: i64,
    /// Whether callers without a token are let in, as by emulators that Google's clients find by `STORAGE_EMULATOR_HOST`.
    pub anonymous: bool,
    /// What callers may not do; the first one that fits is what the refusal names.
    pub denied: Vec<GcsDenial>,
}

impl Default for GcsSettings {
    fn default() -> Self {
        GcsSettings { token: None, token_seconds: 3600, anonymous: false, denied: Vec::new() }
    }
}

/// One permission that is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GcsDenial {
    /// `storage.objects.list`, `.get`, `.create` or `.delete`.
    pub permission: String,
    /// The bucket, or the bucket and the object (`dags-prod/dags/*`), where `*` stands for any text.
    pub path: String,
}

impl GcsDenial {
    /// Whether it refuses this.
    pub(crate) fn strikes(&self, permission: &str, bucket: &str, object: &str) -> bool {
        let path = if object.is_empty() { bucket.to_owned() } else { format!("{bucket}/{object}") };
        self.permission == permission && glob(&self.path, &path)
    }
}
