//! Where logs are kept: S3, volumes of Unity Catalog, DBFS. They are listed by pages up to a bound, and read piece by piece.
//!
//! Facts: S3 API reference, `ListObjectsV2` and `GetObject`; Databricks REST reference, Files API (`/api/2.0/fs`) and DBFS API
//! (`/api/2.0/dbfs`: a read answers with at most 1 MB, in base64).

use crate::services::databricks::Databricks;
use crate::services::s3::{S3Client, S3Download};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use plumb_model::call::{Call, Service, ServiceError, System};
use plumb_model::text::percent_encoded;
use serde_json::Value;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What a store does, some time.
pub type Storing<'a, T> = Pin<Box<dyn Future<Output = Result<T, ServiceError>> + Send + 'a>>;

/// What one read of DBFS answers at most, in bytes.
const DBFS_BLOCK: u64 = 1 << 20;
/// How many folders of a listing are looked into at most.
const MOST_FOLDERS: usize = 2_000;

/// A file of logs that a listing shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLog {
    /// The whole key, or the whole path.
    pub key: String,
    /// In bytes, as it is kept: packed, where it is.
    pub size: u64,
}

/// A listing, or the beginning of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogListing {
    pub logs: Vec<StoredLog>,
    /// Whether there was more than was asked for.
    pub cut: bool,
    /// How many requests it took.
    pub requests: u64,
}

/// The bytes of a file, piece by piece.
pub trait LogBytes: Send {
    /// The next piece; `None` at the end.
    fn next(&mut self) -> Storing<'_, Option<Bytes>>;
    /// How many requests it took so far.
    fn requests(&self) -> u64 {
        1
    }
}

/// A place where logs are kept.
pub trait LogStore: Send + Sync {
    /// The files whose key begins so, `most` of them at most.
    fn list<'a>(&'a self, prefix: &'a str, most: usize) -> Storing<'a, LogListing>;
    /// Opens a file.
    fn open<'a>(&'a self, log: &'a StoredLog) -> Storing<'a, Box<dyn LogBytes>>;
    /// How messages call a key: `s3://bucket/key`.
    fn place(&self, key: &str) -> String;
    /// What reading takes: `s3:GetObject on arn:aws:s3:::bucket/prefix*`.
    fn right(&self, key: &str, listing: bool) -> String;
}

/// A bucket.
pub struct S3Logs {
    client: Arc<S3Client>,
    bucket: String,
}

impl S3Logs {
    pub(crate) fn new(client: S3Client, bucket: String) -> S3Logs {
        S3Logs { client: Arc::new(client), bucket }
    }

    fn call(&self, key: &str) -> Call {
        // Only for messages: the client forms its own requests.
        Call::get(System::Emr, self.place(key))
    }
}

impl LogStore for S3Logs {
    fn list<'a>(&'a self, prefix: &'a str, most: usize) -> Storing<'a, LogListing> {
        Box::pin(async move {
            let listed = self.client.list_most(&self.call(prefix), prefix, most).await?;
            let logs = listed.objects.into_iter().map(|object| StoredLog { key: object.key, size: object.size });
            // A key that ends with a slash is how consoles make folders.
            let logs = logs.filter(|log| !log.key.ends_with('/')).collect();
            Ok(LogListing { logs, cut: listed.cut, requests: listed.pages })
        })
    }

    fn open<'a>(&'a self, log: &'a StoredLog) -> Storing<'a, Box<dyn LogBytes>> {
        Box::pin(async move {
            let download = self.client.download(&self.call(&log.key), &log.key).await?;
            Ok(Box::new(download) as Box<dyn LogBytes>)
        })
    }

    fn place(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    fn right(&self, key: &str, listing: bool) -> String {
        if listing {
            format!("s3:ListBucket on arn:aws:s3:::{}", self.bucket)
        } else {
            format!("s3:GetObject on arn:aws:s3:::{}/{key}", self.bucket)
        }
    }
}

impl LogBytes for S3Download {
    fn next(&mut self) -> Storing<'_, Option<Bytes>> {
        Box::pin(self.chunk())
    }

    fn requests(&self) -> u64 {
        self.sent()
    }
}

/// `/Volumes/CATALOG/SCHEMA/VOLUME/…`, through the Files API.
pub struct VolumeLogs {
    pub service: Arc<dyn Service>,
    /// `None` in tests and where the service is no workspace itself: files cannot be read then.
    pub workspace: Option<Arc<Databricks>>,
}

/// A path as the Files API has it in an address: each part encoded.
fn files_path(kind: &str, path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(percent_encoded).collect();
    format!("/api/2.0/fs/{kind}{}", parts.join("/"))
}

impl LogStore for VolumeLogs {
    fn list<'a>(&'a self, prefix: &'a str, most: usize) -> Storing<'a, LogListing> {
        let list = move |folder: &str, token: Option<String>| {
            let call = Call::get(System::Databricks, files_path("directories", folder));
            let call = token.iter().fold(call, |call, token| call.query("page_token", token));
            let service = self.service.clone();
            async move { service.send(&call).await.map(|answer| answer.body) }
        };
        Box::pin(walk(prefix, most, list, "contents", |entry| {
            let path = entry["path"].as_str()?.to_owned();
            Some((path, entry["is_directory"] == true, entry["file_size"].as_u64().unwrap_or(0)))
        }))
    }

    fn open<'a>(&'a self, log: &'a StoredLog) -> Storing<'a, Box<dyn LogBytes>> {
        Box::pin(async move {
            let path = files_path("files", &log.key);
            let call = Call::get(System::Databricks, path);
            let why = || "its files can only be read from a workspace itself".to_owned();
            let workspace = self.workspace.as_ref();
            let workspace = workspace.ok_or_else(|| ServiceError::NotSent { line: call.line(), why: why() })?;
            let body = workspace.download(&call).await?;
            Ok(Box::new(body) as Box<dyn LogBytes>)
        })
    }

    fn place(&self, key: &str) -> String {
        key.to_owned()
    }

    fn right(&self, key: &str, _listing: bool) -> String {
        let volume: Vec<&str> = key.split('/').skip(2).take(3).collect();
        format!("READ VOLUME on {}", volume.join("."))
    }
}

impl LogBytes for crate::services::databricks::Download {
    fn next(&mut self) -> Storing<'_, Option<Bytes>> {
        Box::pin(self.chunk())
    }
}

/// `dbfs:/…`, through the DBFS API. Keys are without `dbfs:`.
pub struct DbfsLogs {
    pub service: Arc<dyn Service>,
}

impl LogStore for DbfsLogs {
    fn list<'a>(&'a self, prefix: &'a str, most: usize) -> Storing<'a, LogListing> {
        let list = move |folder: &str, _token: Option<String>| {
            let call = Call::get(System::Databricks, "/api/2.0/dbfs/list").query("path", folder);
            let service = self.service.clone();
            async move { service.send(&call).await.map(|answer| answer.body) }
        };
        Box::pin(walk(prefix, most, list, "files", |entry| {
            let path = entry["path"].as_str()?.to_owned();
            Some((path, entry["is_dir"] == true, entry["file_size"].as_u64().unwrap_or(0)))
        }))
    }

    fn open<'a>(&'a self, log: &'a StoredLog) -> Storing<'a, Box<dyn LogBytes>> {
        Box::pin(async move {
            let bytes = DbfsBytes { service: self.service.clone(), path: log.key.clone(), at: 0, over: false, sent: 0 };
            Ok(Box::new(bytes) as Box<dyn LogBytes>)
        })
    }

    fn place(&self, key: &str) -> String {
        format!("dbfs:{key}")
    }

    fn right(&self, _key: &str, _listing: bool) -> String {
        "access to DBFS, which the workspace's administrators can switch off".to_owned()
    }
}

struct DbfsBytes {
    service: Arc<dyn Service>,
    path: String,
    at: u64,
    over: bool,
    sent: u64,
}

impl DbfsBytes {
    async fn block(&mut self) -> Result<Option<Bytes>, ServiceError> {
        if self.over {
            return Ok(None);
        }
        let call = Call::get(System::Databricks, "/api/2.0/dbfs/read")
            .query("path", &*self.path)
            .query("offset", self.at.to_string())
            .query("length", DBFS_BLOCK.to_string());
        self.sent += 1;
        let answer = self.service.send(&call).await?;
        let data = BASE64_STANDARD.decode(answer.body["data"].as_str().unwrap_or_default());
        let data = data.map_err(|e| crate::services::odd_answer(&call, answer.status, &format!("no base64: {e}")))?;
        self.at += data.len() as u64;
        self.over = (data.len() as u64) < DBFS_BLOCK;
        Ok((!data.is_empty()).then(|| Bytes::from(data)))
    }
}

impl LogBytes for DbfsBytes {
    fn next(&mut self) -> Storing<'_, Option<Bytes>> {
        Box::pin(self.block())
    }

    fn requests(&self) -> u64 {
        self.sent
    }
}

/// Walks folders from a prefix down. `entry` reads one: path, whether it is a folder, size.
async fn walk<F, A>(
    prefix: &str,
    most: usize,
    list: F,
    items: &'static str,
    entry: impl Fn(&Value) -> Option<(String, bool, u64)> + Send,
) -> Result<LogListing, ServiceError>
where
    F: Fn(&str, Option<String>) -> A + Send,
    A: Future<Output = Result<Value, ServiceError>> + Send,
{
    let mut listing = LogListing::default();
    let mut folders = VecDeque::from([prefix.trim_end_matches('/').to_owned()]);
    let mut seen = 0;
    while let Some(folder) = folders.pop_front() {
        seen += 1;
        if seen > MOST_FOLDERS {
            listing.cut = true;
            break;
        }
        let mut token = None;
        loop {
            listing.requests += 1;
            let page = list(&folder, token.take()).await?;
            let mut entries: Vec<(String, bool, u64)> =
                page[items].as_array().into_iter().flatten().filter_map(&entry).collect();
            entries.sort();
            for (path, is_folder, size) in entries {
                if !path.starts_with(&folder) || path.len() <= folder.len() {
                    continue;
                }
                if is_folder {
                    folders.push_back(path.trim_end_matches('/').to_owned());
                } else if listing.logs.len() >= most {
                    listing.cut = true;
                    return Ok(listing);
                } else {
                    listing.logs.push(StoredLog { key: path, size });
                }
            }
            token = page["next_page_token"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
    }
    Ok(listing)
}
