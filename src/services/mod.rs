//! Services over HTTPS: authentication, transport, paging and the meaning of errors; nothing else.
//!
//! Everything above talks to [`Service`], so that a test can put its own in a service's place.

pub mod airflow;
pub mod aws;
pub mod dag_files;
pub mod databricks;
pub mod emr;
mod failed;
#[cfg(test)]
pub(crate) mod fake;
pub mod github;
pub mod http;
pub mod profiles;
pub mod rate_limiter;
pub mod retry;
pub(crate) mod s3;
pub mod secret;
pub mod webhook;

pub use airflow::Airflow;
pub use aws::Aws;
pub use dag_files::DagFiles;
pub use databricks::{Databricks, Identity};
pub use emr::Emr;
pub use github::GitHub;
pub use secret::Secret;

use plumb_core::kinds::Kind;
use plumb_model::call::{Call, Service, ServiceError, System};
use plumb_model::read::{Pages, Paging, Read};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// No listing has more pages: 10,000 jobs are 100 of them.
const MOST_PAGES: usize = 10_000;

/// Counts requests. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<AtomicU64>);

impl Requests {
    /// The count so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The services of a target.
#[derive(Clone, Default)]
pub struct Services {
    all: BTreeMap<System, ConnectedService>,
    workspace: Option<Arc<Databricks>>,
}

#[derive(Clone)]
struct ConnectedService {
    service: Arc<dyn Service>,
    requests: Requests,
}

impl Services {
    /// Adds a Databricks workspace.
    pub fn with_databricks(mut self, databricks: Databricks) -> Self {
        let databricks = Arc::new(databricks);
        let requests = databricks.requests();
        self.workspace = Some(databricks.clone());
        self.all.insert(System::Databricks, ConnectedService { service: databricks, requests });
        self
    }

    /// Adds an Airflow deployment.
    pub fn with_airflow(self, airflow: Airflow) -> Self {
        let requests = airflow.requests();
        self.with(System::Airflow, Arc::new(airflow), requests)
    }

    /// Adds the place of an Airflow deployment's DAG files.
    pub fn with_dag_files(self, files: DagFiles) -> Self {
        let requests = files.requests();
        self.with(System::DagFiles, Arc::new(files), requests)
    }

    /// Adds any other service. It counts its requests with `requests`, if at all.
    pub fn with(mut self, system: System, service: Arc<dyn Service>, requests: Requests) -> Self {
        if system == System::Databricks {
            self.workspace = None;
        }
        self.all.insert(system, ConnectedService { service, requests });
        self
    }

    /// The same services, some of them behind one of one's own.
    pub fn wrapped(mut self, wrap: impl Fn(System, Arc<dyn Service>) -> Arc<dyn Service>) -> Self {
        for (system, connected) in &mut self.all {
            connected.service = wrap(*system, connected.service.clone());
        }
        self
    }

    /// The service of a system, or why there is none.
    pub fn for_system(&self, system: System) -> Result<Arc<dyn Service>, ServiceError> {
        self.all.get(&system).map(|connected| connected.service.clone()).ok_or_else(|| ServiceError::NotSent {
            line: system.name().to_owned(),
            why: format!("the target has no {}: add `{}` to it in plumb.yaml", system.name(), system.setting()),
        })
    }

    /// Whether the target has a system.
    pub fn has(&self, system: System) -> bool {
        self.all.contains_key(&system)
    }

    /// Whether the target has every system that a kind is read from.
    pub fn serve(&self, kind: &dyn Kind) -> bool {
        kind.systems().iter().all(|system| self.has(*system))
    }

    /// How many requests a system was sent, repetitions included.
    pub fn requests(&self, system: System) -> u64 {
        self.all.get(&system).map_or(0, |connected| connected.requests.count())
    }

    /// How many requests all systems together were sent, repetitions included.
    pub fn requests_of_all(&self) -> u64 {
        self.all.values().map(|connected| connected.requests.count()).sum()
    }

    /// The Databricks workspace itself, for files that are read piece by piece. `None` where there is none, or one's own service
    /// stands in its place.
    pub fn workspace(&self) -> Option<Arc<Databricks>> {
        self.workspace.clone()
    }

    /// The id of the Databricks workspace, as the last answer named it: after a reading it is known without a request.
    pub fn workspace_id(&self) -> Option<String> {
        self.workspace.as_ref()?.workspace_id()
    }

    /// Who is signed in to Databricks, and to which workspace.
    pub async fn identity(&self) -> Result<Identity, ServiceError> {
        let service = self.for_system(System::Databricks)?;
        let mut identity = match &self.workspace {
            Some(databricks) => databricks.identity().await?,
            None => Identity { user: me(&*service).await?, workspace_id: None },
        };
        if identity.workspace_id.is_none() {
            identity.workspace_id = workspace_id(&*service).await?;
        }
        Ok(identity)
    }
}

/// How many rows a listing by offset has on all its pages.
const TOTAL: &str = "total_entries";

/// How often a listing by offset begins again because its length changed meanwhile.
const LISTINGS: usize = 4;

/// Reads all pages. A page that fails fails the read: a partial reading must never pass for absence.
pub async fn read(service: &dyn Service, read: &Read) -> Result<Pages, ServiceError> {
    if let Paging::Offset { limit, items, id } = read.paging {
        return by_offset(service, &read.call, Offsets { limit, items, id }).await;
    }
    let mut pages = Vec::new();
    let mut reader = PageReader::new(read);
    while let Some(page) = reader.next(service).await? {
        pages.push(page);
    }
    Ok(pages)
}

/// Reads the pages of a listing by tokens one by one: for those who may know enough before the last one. What was not read
/// is not absent.
pub struct PageReader {
    /// The call of the next page; `None` after the last one.
    next: Option<Call>,
    paging: Paging,
    tokens: HashSet<String>,
    pages: usize,
}

impl PageReader {
    /// A reader that begins at the first page. A listing by offset is read as its first page alone.
    pub fn new(read: &Read) -> PageReader {
        PageReader { next: Some(read.call.clone()), paging: read.paging, tokens: HashSet::new(), pages: 0 }
    }

    /// Whether every page was read.
    pub fn is_over(&self) -> bool {
        self.next.is_none()
    }

    /// How many pages were asked for, the failing one included.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// The next page; `None` when there are no more. A page that fails is asked for again by the next call.
    pub async fn next(&mut self, service: &dyn Service) -> Result<Option<Value>, ServiceError> {
        let Some(mut call) = self.next.clone() else { return Ok(None) };
        self.pages += 1;
        let answer = service.send(&call).await?;
        let (status, page) = (answer.status, answer.body);
        let odd = |why: &str| odd_answer(&call, status, why);
        if !page.is_object() {
            return Err(odd("the answer is empty or no object, so it cannot be told from an empty listing"));
        }
        let Paging::Token { param, next } = self.paging else {
            self.next = None;
            return Ok(Some(page));
        };
        let token = match page.pointer(next) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(token)) => token.clone(),
            Some(Value::Number(token)) => token.to_string(),
            Some(_) => return Err(odd("the token of the next page is neither text nor number")),
        };
        if token.is_empty() {
            if page.get("has_more") == Some(&Value::Bool(true)) {
                return Err(odd("it says that there is more, but not where"));
            }
            self.next = None;
            return Ok(Some(page));
        }
        if self.pages >= MOST_PAGES {
            return Err(odd(&format!("there are more than {MOST_PAGES} pages")));
        }
        let repeated = odd("the token of the next page came before, so the listing would never end");
        call.query.retain(|(name, _)| name != param);
        call.query.push((param.to_owned(), token.clone()));
        if !self.tokens.insert(token) {
            return Err(repeated);
        }
        self.next = Some(call);
        Ok(Some(page))
    }
}

/// Where the parts of a page are, for reading by offset.
struct Offsets {
    limit: usize,
    items: &'static str,
    id: &'static str,
}

/// Reads pages by their offset. An object that is deleted meanwhile moves those behind it forward, past the page that is
/// read next. So each page begins with the last row of the one before it; where it does not, or the total changes, the
/// listing begins again.
async fn by_offset(service: &dyn Service, first: &Call, by: Offsets) -> Result<Pages, ServiceError> {
    let mut call = first.clone();
    'again: for _ in 0..LISTINGS {
        let mut pages: Pages = Vec::new();
        let (mut rows, mut last, mut length) = (0, None, None);
        loop {
            call.query.retain(|(name, _)| name != "limit" && name != "offset");
            call.query.push(("limit".to_owned(), by.limit.to_string()));
            call.query.push(("offset".to_owned(), (rows as usize).saturating_sub(1).to_string()));
            let mut answer = service.send(&call).await?;
            let odd = |why: &str| odd_answer(&call, answer.status, why);
            let entries = answer.body.get(TOTAL).and_then(Value::as_u64);
            let entries = entries.ok_or_else(|| odd(&format!("the answer has no number `{TOTAL}`")))?;
            let missing = odd(&format!("the answer has no list `{}`", by.items));
            let list = answer.body.get_mut(by.items).and_then(Value::as_array_mut).ok_or(missing)?;
            if last.is_some() {
                let overlap = (!list.is_empty()).then(|| list.remove(0));
                if overlap.as_ref().and_then(|row| row.get(by.id)) != last.as_ref() {
                    continue 'again;
                }
            }
            rows += list.len() as u64;
            let stuck = list.is_empty() && rows < entries;
            last = list.last().and_then(|row| row.get(by.id)).cloned().or(last);
            pages.push(answer.body);
            if stuck || rows > entries || *length.get_or_insert(entries) != entries {
                continue 'again;
            }
            if rows == entries {
                return Ok(pages);
            }
            if pages.len() >= MOST_PAGES {
                return Err(odd_answer(&call, answer.status, &format!("there are more than {MOST_PAGES} pages")));
            }
        }
    }
    Err(odd_answer(&call, 200, "it changed again and again while its pages were read"))
}

pub(crate) fn odd_answer(call: &Call, status: u16, why: &str) -> ServiceError {
    ServiceError::Refused {
        line: call.line(),
        status,
        code: "UNEXPECTED_ANSWER".to_owned(),
        message: why.to_owned(),
        request_id: None,
        retry_after: None,
        doubt: None,
    }
}

/// The name of whoever is signed in: a user's mail address, a service principal's application id.
pub async fn me(service: &dyn Service) -> Result<String, ServiceError> {
    // Leaving out what may be long (databricks-sdk-go, `CurrentWorkspaceID`).
    let call = Call::get(System::Databricks, "/api/2.0/preview/scim/v2/Me").query("excludedAttributes", "entitlements");
    let answer = service.send(&call).await?;
    match answer.body["userName"].as_str() {
        Some(name) => Ok(name.to_owned()),
        None => Err(odd_answer(&call, answer.status, "the answer has no `userName`")),
    }
}

/// The workspace's id, out of the host's metadata; `None` when it does not say (older hosts have no metadata).
pub async fn workspace_id(service: &dyn Service) -> Result<Option<String>, ServiceError> {
    let call = Call::get(System::Databricks, "/.well-known/databricks-config");
    match service.send(&call).await {
        Ok(answer) => Ok(match &answer.body["workspace_id"] {
            Value::String(id) if !id.is_empty() => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        }),
        Err(ServiceError::Refused { status: 400..500, .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A number from 0 to 1, for spreading retries; in the middle where the system gives no random bits.
fn random() -> f64 {
    // 53 bits are what a double holds.
    getrandom::u64().map_or(0.5, |bits| (bits >> 11) as f64 / (1u64 << 53) as f64)
}

/// 32 digits that nobody can guess and no other process has. The error says why the system gives no random bits.
pub fn fresh_id() -> Result<String, String> {
    let bits = || getrandom::u64().map_err(|e| format!("the system gives no random numbers: {e}"));
    Ok(format!("{:016x}{:016x}", bits()?, bits()?))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod read_tests;
