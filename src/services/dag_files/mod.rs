//! The place that Airflow reads its DAG files from: a folder, or a bucket.
//!
//! The rules stand here once, for every [`FileStore`]: a file is overwritten or removed only if it begins with plumb's mark,
//! and only if it is still what was looked at; a name never leads out of the place; a file that is as wanted is not
//! written again, so that Airflow does not parse it again.

mod folder;
mod gcs;
mod s3;
mod texts;

use super::Requests;
use super::aws::{Aws, AwsError, Env, Files};
use super::gcs::GcsError;
use super::s3::S3Client;
use folder::Folder;
use gcs::GoogleBucket;
use plumb_core::kinds::airflow::destination::{Destination, Unusable};
use plumb_core::kinds::airflow::python;
use plumb_model::call::{Answer, Call, Method, Sending, Service, ServiceError};
use s3::Bucket;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

/// The longest file that is looked into, in bytes: DAG files are text that people can read.
const LONGEST: u64 = 4 * 1024 * 1024;
/// What a bucket is told that a file is.
const MEDIA: &str = "text/x-python; charset=utf-8";
/// The deepest folder that is looked into.
const DEEPEST: usize = 16;
/// How often a write is tried again when it turned out that the file is not what it was, or seemed so.
const ATTEMPTS: usize = 3;

/// Why DAG files cannot be reached.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// `airflow.dags` names no place.
    #[error("`airflow.dags`: {0}")]
    FileStore(#[from] Unusable),
    /// AWS cannot be talked to.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Google Cloud Storage cannot be talked to.
    #[error(transparent)]
    Gcs(#[from] GcsError),
}

/// The DAG files of an Airflow deployment.
#[derive(Clone)]
pub struct DagFiles {
    /// `None` for a target without DAG files.
    place: Option<Arc<dyn FileStore>>,
    requests: Requests,
}

/// What a place does; the future of it.
type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, ServiceError>> + Send + 'a>>;

/// A file as it was found.
struct StoredFile {
    /// `None` when it is no text, or longer than [`LONGEST`].
    text: Option<String>,
    /// What tells this content from any other.
    version: String,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrote {
    Done,
    /// Nothing was written: the file is not, or no longer, what the write was for.
    Changed,
}

/// Keeps files under names. `call` is what is being carried out, for messages.
trait FileStore: Send + Sync {
    /// Every file that Airflow may read, with its text, in any order; `None` for one that is no text, or longer than
    /// [`LONGEST`].
    fn files<'a>(&'a self, call: &'a Call) -> Doing<'a, Vec<(String, Option<String>)>>;
    /// A file; `None` when there is none.
    fn look<'a>(&'a self, call: &'a Call, name: &'a str) -> Doing<'a, Option<StoredFile>>;
    /// Writes a file, whole or not at all: in place of this version, or of nothing.
    fn write<'a>(&'a self, call: &'a Call, name: &'a str, text: &'a str, over: Option<&'a str>) -> Doing<'a, Wrote>;
    /// Removes this version of a file.
    fn remove<'a>(&'a self, call: &'a Call, name: &'a str, version: &'a str) -> Doing<'a, Wrote>;
}

impl DagFiles {
    /// The files of a folder. It has to exist: Airflow would not see one that plumb makes up.
    pub fn folder(folder: impl Into<PathBuf>) -> Self {
        DagFiles { place: Some(Arc::new(Folder::new(folder.into()))), requests: Requests::default() }
    }

    /// What a target without a place for DAG files has: none, and nowhere to write one to.
    pub fn none() -> Self {
        DagFiles { place: None, requests: Requests::default() }
    }

    /// The files of what `airflow.dags` says: a folder, a relative one below `base`, `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`.
    ///
    /// Nothing is asked yet: credentials, which are found as the AWS CLI finds them, or in the environment, are looked for at
    /// the first call.
    pub fn open(
        place: &str,
        base: &Path,
        env: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        match Destination::read(place)? {
            Destination::Folder(folder) => Ok(Self::folder(base.join(folder))),
            Destination::S3 { bucket, prefix } => {
                let env: Env = Arc::new(env);
                let aws = Aws::new(env.clone(), &Files::read(&env))?;
                let requests = Requests::default();
                let bucket = Bucket::new(aws, bucket, prefix, requests.clone())?;
                Ok(DagFiles { place: Some(Arc::new(bucket)), requests })
            }
            Destination::Gcs { bucket, prefix } => {
                let requests = Requests::default();
                let bucket = GoogleBucket::new(&env, bucket, prefix, requests.clone())?;
                Ok(DagFiles { place: Some(Arc::new(bucket)), requests })
            }
        }
    }

    /// The files of a bucket that has to be in this region: `why` says what would go wrong elsewhere.
    pub fn only_in(aws: Aws, place: &str, region: &str, why: String) -> Result<Self, OpenError> {
        let Destination::S3 { bucket, prefix } = Destination::read(place)? else {
            let (what, fix) = (format!("`{place}` is no bucket"), "set `airflow.dags`".to_owned());
            return Err(Unusable { what, fix }.into());
        };
        let requests = Requests::default();
        let s3 = S3Client::new(aws, bucket, prefix, "the MWAA environment", requests.clone())?;
        Ok(DagFiles { place: Some(Arc::new(Bucket::of(s3.only_in(region, why)))), requests })
    }

    /// How many requests have been sent, repetitions included. A folder needs none.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    async fn carry_out(&self, call: &Call) -> Result<Value, ServiceError> {
        let reads = (call.method, call.path.as_str()) == (Method::Get, "/dags");
        let asked = call.query.iter().find(|(name, _)| name == "dag_id").map(|(_, id)| id.as_str());
        let Some(place) = self.place.as_deref() else {
            return if reads {
                Ok(listed(Vec::new(), asked))
            } else {
                Err(not_sent(call, "the target has no folder of DAG files: add `airflow.dags` to it"))
            };
        };
        if reads {
            return Ok(listed(place.files(call).await?, asked));
        }
        let name = call.path.strip_prefix("/dags/");
        let name = name.ok_or_else(|| refused(call, 404, "NOT_FOUND", "no such path"))?;
        if !is_inside(name) {
            return Err(refused(call, 400, "OUTSIDE", &format!("`{name}` is no name of a file inside the folder")));
        }
        match call.method {
            Method::Put => put(place, call, name).await,
            Method::Delete => delete(place, call, name).await,
            _ => Err(refused(call, 405, "METHOD_NOT_ALLOWED", "only PUT and DELETE")),
        }
    }
}

impl Service for DagFiles {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let body = self.carry_out(call).await?;
            Ok(Answer { status: 200, body, request_id: None })
        })
    }
}

async fn put(place: &dyn FileStore, call: &Call, name: &str) -> Result<Value, ServiceError> {
    let body = call.body.as_ref();
    let text = body.and_then(|b| b.get("text")?.as_str());
    let text = text.ok_or_else(|| refused(call, 400, "BAD_BODY", "no `text`"))?;
    let answer = json!({ "path": name, "dag_id": body.and_then(|b| b.get("dag_id")) });
    let mut first = None;
    let mut wrote = false;
    for _ in 0..ATTEMPTS {
        let found = place.look(call, name).await.map_err(|fault| of_look(fault, wrote))?;
        check_owner(call, found.as_ref(), name)?;
        // Also after a write whose answer was lost: it has been done.
        if found.as_ref().and_then(|f| f.text.as_deref()) == Some(text) {
            return Ok(answer);
        }
        let version = found.map(|f| f.version);
        if *first.get_or_insert_with(|| version.clone()) != version {
            break;
        }
        if place.write(call, name, text, version.as_deref()).await? == Wrote::Done {
            return Ok(answer);
        }
        wrote = true;
    }
    Err(changed(call, name))
}

async fn delete(place: &dyn FileStore, call: &Call, name: &str) -> Result<Value, ServiceError> {
    let mut first: Option<String> = None;
    for _ in 0..ATTEMPTS {
        let found = place.look(call, name).await.map_err(|fault| of_look(fault, first.is_some()))?;
        check_owner(call, found.as_ref(), name)?;
        let version = match (found, &first) {
            (Some(found), None) => found.version,
            (Some(found), Some(first)) if found.version == *first => found.version,
            (Some(_), Some(_)) => break,
            (None, None) => return Err(refused(call, 404, "NOT_FOUND", &format!("{name} is not there"))),
            (None, Some(_)) => return Ok(Value::Null),
        };
        if place.remove(call, name, &version).await? == Wrote::Done {
            return Ok(Value::Null);
        }
        first = Some(version);
    }
    Err(changed(call, name))
}

/// A fault of the look at a file, as one of the whole write. Before anything was written, nothing was; after it, what was
/// not the file's version may have been one's own lost write.
fn of_look(fault: ServiceError, wrote: bool) -> ServiceError {
    if wrote {
        return fault.after_an_unclear_attempt();
    }
    if !fault.may_have_happened() {
        return fault;
    }
    let (line, said) = match &fault {
        ServiceError::NotSent { line, .. } | ServiceError::Refused { line, .. } | ServiceError::Lost { line, .. } => {
            (line, fault.to_string())
        }
    };
    let why = said.strip_prefix(&format!("{line}: ")).unwrap_or(&said).to_owned();
    ServiceError::NotSent { line: line.clone(), why: format!("the file could not be looked at first: {why}") }
}

fn not_sent(call: &Call, why: &str) -> ServiceError {
    ServiceError::NotSent { line: call.line(), why: why.to_owned() }
}

fn refused(call: &Call, status: u16, code: &str, message: &str) -> ServiceError {
    ServiceError::Refused {
        line: call.line(),
        status,
        code: code.to_owned(),
        message: message.to_owned(),
        request_id: None,
        retry_after: None,
        doubt: None,
    }
}

fn changed(call: &Call, name: &str) -> ServiceError {
    let message =
        format!("somebody else changed {name} at the same moment, and it is left as they wrote it; plan again");
    refused(call, 409, "CHANGED", &message)
}

/// Whether a name can only be that of a file inside the place: no part of it leads out, on any system.
fn is_inside(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.contains(|c: char| c.is_control() || matches!(c, '\\' | ':'))
            && !part.ends_with([' ', '.'])
    };
    name.split('/').all(plain) && name.ends_with(".py")
}

/// Whether a file or folder of that name is passed over.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name == "__pycache__"
}

/// Whether a file is one that Airflow may read as a DAG file; `path` is relative to the place.
fn is_read(path: &str) -> bool {
    path.ends_with(".py") && !path.split('/').any(is_hidden) && path.split('/').count() <= DEEPEST + 1
}

/// A file's bytes as text, when they are text and not too many.
fn as_text(bytes: Vec<u8>) -> Option<String> {
    (bytes.len() as u64 <= LONGEST).then(|| String::from_utf8(bytes).ok()).flatten()
}

/// Refuses to touch a file that is not plumb's.
fn check_owner(call: &Call, found: Option<&StoredFile>, name: &str) -> Result<(), ServiceError> {
    match found {
        None => Ok(()),
        Some(found) if found.text.as_deref().is_some_and(|text| python::mark_of(text).is_some()) => Ok(()),
        Some(_) => {
            let message = format!("{name} does not begin with plumb's mark, and is left alone");
            Err(refused(call, 409, "NOT_PLUMBS", &message))
        }
    }
}

/// plumb's files, and of the others those that speak of an id of theirs. What is no text may have been plumb's, if it is
/// called as plumb's files are; it is listed with `text: null`.
fn listed(mut files: Vec<(String, Option<String>)>, asked: Option<&str>) -> Value {
    files.sort();
    let id_of = |text: &str| python::data_of(text).and_then(|d| d.get("dag_id")?.as_str().map(str::to_owned));
    let is_mine = |text: &str| python::mark_of(text).is_some();
    let mut ids: BTreeSet<String> = asked.map(str::to_owned).into_iter().collect();
    if asked.is_none() {
        let texts = files.iter().filter_map(|(_, text)| text.as_deref());
        ids.extend(texts.filter(|text| is_mine(text)).filter_map(id_of));
    }
    let speaks =
        |text: &str| ids.iter().any(|id| text.contains(&format!("\"{id}\"")) || text.contains(&format!("'{id}'")));
    let listed: Vec<Value> = files
        .iter()
        .filter_map(|(path, text)| {
            let mine = text.as_deref().is_some_and(is_mine);
            let named = asked.is_some_and(|id| *path == python::file_name(id));
            let wanted = match text {
                Some(text) if asked.is_some() => named || speaks(text),
                Some(text) => mine || speaks(text),
                None => named || asked.is_none() && !path.contains('/'),
            };
            wanted.then(|| json!({ "path": path, "text": text, "mine": mine }))
        })
        .collect();
    json!({ "files": listed, "dag_id": asked })
}
