//! The lease's folder in a Databricks workspace: one file a generation, and a file that is written to learn the time.
//!
//! All that is asked of the workspace is that importing a file with `overwrite: false` fails when the file is there
//! (`RESOURCE_ALREADY_EXISTS`, Workspace API), which is also what Databricks Asset Bundles build their lock on, and that
//! a listing shows what was written before it.

use super::protocol::{Generation, Millis, Record, StoreRequest, StoreResponse, Terms};
use base64::{Engine, engine::general_purpose::STANDARD};
use plumb_model::call::{Call, Method, Service, ServiceError, System};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The name of the file that tells the time.
const CLOCK: &str = "clock.json";
/// What the files are called, so that a reader can refuse those it does not know.
const FORMAT: &str = "plumb.lease/v1";
/// No lease lasts longer, whatever its file says: a file with a wrong number must not lock a target for a year.
const LONGEST: Millis = 3_600_000;

/// Who holds a lease, as its file says it. Written by others: not fit to be shown as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Names the process.
    pub id: String,
    /// The person or the pipeline.
    pub who: String,
    /// Where its output can be read, for a run of a pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// The command.
    pub command: String,
    /// When it took the lease, by its own clock: `2026-08-01T12:00:00Z`.
    pub since: String,
}

/// A file of the folder.
#[derive(Serialize, Deserialize)]
struct File {
    format: String,
    #[serde(flatten)]
    holder: Holder,
    lasts_seconds: u64,
    released: bool,
}

/// What is known of the newest generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    pub holder: Holder,
    pub released: bool,
}

/// The folder.
#[derive(Clone)]
pub struct Store {
    service: Arc<dyn Service>,
    folder: String,
    holder: Holder,
    terms: Terms,
    /// Whether what is created is a lease that is free: to break somebody's.
    frees: bool,
}

impl Store {
    /// The folder, for one process.
    pub fn new(service: Arc<dyn Service>, folder: String, holder: Holder, terms: Terms) -> Store {
        Store { service, folder, holder, terms, frees: false }
    }

    /// The same, but the generations that it creates are free from the beginning.
    pub fn freeing(self) -> Store {
        Store { frees: true, ..self }
    }

    /// Asks the workspace. A fault is one that asking again will not fix; what may have been done is [`StoreResponse::Unclear`].
    pub async fn ask(&self, ask: &StoreRequest) -> Result<StoreResponse, ServiceError> {
        match ask {
            StoreRequest::List => self.list().await.map(StoreResponse::Listed),
            StoreRequest::Read(generation) => {
                let file = self.file(*generation).await?;
                Ok(StoreResponse::Read(file.map(|f| Record {
                    id: f.holder.id,
                    released: f.released,
                    lasts: f.lasts_seconds.saturating_mul(1000).min(LONGEST),
                })))
            }
            StoreRequest::Create(generation) => {
                let call = self.import(*generation, self.frees, false);
                match self.service.send(&call).await {
                    Ok(_) => Ok(StoreResponse::Done),
                    Err(fault) if exists(&fault) => Ok(StoreResponse::Exists),
                    Err(fault) if fault.may_have_happened() => Ok(StoreResponse::Unclear),
                    Err(fault) => Err(fault),
                }
            }
            StoreRequest::Renew(generation) => self.write(*generation, false).await,
            StoreRequest::Release(generation) => self.write(*generation, true).await,
            StoreRequest::Clock => self.time().await.map(StoreResponse::Time),
            StoreRequest::Remove(generation) => {
                let body = json!({"path": self.path(&name(*generation))});
                let call = Call::set(System::Databricks, Method::Post, "/api/2.0/workspace/delete", body);
                // Another one may have deleted it meanwhile; or it stays, and the next holder tries again.
                self.service.send(&call).await.map_or(Ok(StoreResponse::Unclear), |_| Ok(StoreResponse::Done))
            }
        }
    }

    /// Who made a generation, if it is there.
    pub async fn newest(&self, generation: Generation) -> Result<Option<Newest>, ServiceError> {
        Ok(self.file(generation).await?.map(|f| Newest { holder: f.holder, released: f.released }))
    }

    async fn write(&self, generation: Generation, released: bool) -> Result<StoreResponse, ServiceError> {
        match self.service.send(&self.import(generation, released, true)).await {
            Ok(_) => Ok(StoreResponse::Done),
            Err(fault) if fault.may_have_happened() => Ok(StoreResponse::Unclear),
            Err(fault) => Err(fault),
        }
    }

    async fn list(&self) -> Result<Vec<(Generation, Millis)>, ServiceError> {
        let call = Call::get(System::Databricks, "/api/2.0/workspace/list").query("path", &self.folder);
        let answer = match self.service.send(&call).await {
            Ok(answer) => answer.body,
            Err(fault) if fault.is_gone() => {
                self.mkdirs().await?;
                return Ok(Vec::new());
            }
            Err(fault) => return Err(fault),
        };
        let mut list = Vec::new();
        for object in answer["objects"].as_array().into_iter().flatten() {
            let path = object["path"].as_str().unwrap_or_default();
            if let Some(generation) = generation(path.rsplit('/').next().unwrap_or_default()) {
                let written = match object["modified_at"].as_u64() {
                    Some(written) => Some(written),
                    None => self.written(&name(generation)).await?,
                };
                // What went away since the listing is not there.
                list.extend(written.map(|written| (generation, written)));
            }
        }
        Ok(list)
    }

    async fn mkdirs(&self) -> Result<(), ServiceError> {
        let body = json!({"path": self.folder});
        let call = Call::set(System::Databricks, Method::Post, "/api/2.0/workspace/mkdirs", body);
        self.service.send(&call).await.map(drop)
    }

    async fn file(&self, generation: Generation) -> Result<Option<File>, ServiceError> {
        let call = Call::get(System::Databricks, "/api/2.0/workspace/export")
            .query("path", self.path(&name(generation)))
            .query("format", "AUTO");
        let answer = match self.service.send(&call).await {
            Ok(answer) => answer.body,
            Err(fault) if fault.is_gone() => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let text = answer["content"].as_str().and_then(|c| STANDARD.decode(c).ok()).unwrap_or_default();
        // Whatever is in it, it is somebody's claim: it counts for as long as a lease does.
        Ok(Some(serde_json::from_slice(&text).unwrap_or_else(|_| File {
            format: String::new(),
            holder: Holder { who: "(the file cannot be read)".into(), ..Holder::default() },
            lasts_seconds: self.terms.lasts / 1000,
            released: false,
        })))
    }

    /// The time by the service's clock: when it wrote a file just now, or a rival's a moment later.
    async fn time(&self) -> Result<Millis, ServiceError> {
        let call = self.file_call(CLOCK, "{}\n", true);
        self.service.send(&call).await?;
        let odd = || ServiceError::Lost { line: call.line(), why: "the file that was written cannot be seen".into() };
        self.written(CLOCK).await?.ok_or_else(odd)
    }

    /// When a file was written; `None` when there is none. An answer that leaves out the time says nothing: a lease whose
    /// file's age is not known has not run out.
    async fn written(&self, name: &str) -> Result<Option<Millis>, ServiceError> {
        let call = Call::get(System::Databricks, "/api/2.0/workspace/get-status").query("path", self.path(name));
        let odd = || ServiceError::Lost {
            line: call.line(),
            why: "the answer does not say when the file was written".into(),
        };
        match self.service.send(&call).await {
            Ok(answer) => answer.body["modified_at"].as_u64().map(Some).ok_or_else(odd),
            Err(fault) if fault.is_gone() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn import(&self, generation: Generation, released: bool, overwrite: bool) -> Call {
        let file = File {
            format: FORMAT.into(),
            holder: self.holder.clone(),
            lasts_seconds: self.terms.lasts / 1000,
            released,
        };
        let text = serde_json::to_string_pretty(&file).unwrap_or_default();
        self.file_call(&name(generation), &text, overwrite)
    }

    fn file_call(&self, name: &str, text: &str, overwrite: bool) -> Call {
        let body: Value = json!({
            "path": self.path(name), "format": "AUTO", "content": STANDARD.encode(text), "overwrite": overwrite,
        });
        let call = Call::set(System::Databricks, Method::Post, "/api/2.0/workspace/import", body);
        // Sent twice, a create would find its own file and take it for a rival's. It is read, then, and told apart; but
        // a lost answer is better known at once.
        Call { repeatable: overwrite, ..call }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }
}

fn exists(fault: &ServiceError) -> bool {
    match fault {
        ServiceError::Refused { status, code, .. } => *status == 409 || code == "RESOURCE_ALREADY_EXISTS",
        _ => false,
    }
}

/// `0000000042.json`: in the order of names they are in the order of numbers.
fn name(generation: Generation) -> String {
    format!("{generation:010}.json")
}

fn generation(name: &str) -> Option<Generation> {
    let digits = name.strip_suffix(".json")?;
    (digits.len() == 10 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
        .filter(|g| *g > 0)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
