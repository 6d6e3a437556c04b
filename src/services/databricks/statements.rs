//! SQL statements on a warehouse: the Statement Execution API.
//!
//! Facts: databricks-sdk-py 0.156, `service/sql.py` (`StatementExecutionAPI`, "Limits and limitations"), unless a comment
//! names another source:
//! - A text may have 16 MiB, an inline result 25 MiB (it fails beyond that), a result by links 100 GiB (it is cut beyond
//!   that, which `manifest.truncated` says). Results are kept for an hour, whatever is asked meanwhile.
//! - Parameters are named (`:name`), have a SQL type and a text that can be cast to it; without a value they are null.
//!   `ARRAY`, `MAP` and `STRUCT` are no types of parameters.
//! - A statement goes on when nobody looks at it: a cancel is the only way to end it. A cancel may come too late.

use super::errors::is_bad_token;
use super::statement_answer::{self as answer, Chunk, ChunkRows, Ended, Link, Looked};
use super::warehouse::{Warehouse, WarehouseError};
use crate::services::http::{self, Broken};
use plumb_core::parity::sql::Statement;
use plumb_model::call::{Call, Method, Service, ServiceError, System};
use plumb_model::text::is_loopback;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const PATH: &str = "/api/2.0/sql/statements";
/// The longest text of a statement, in bytes.
const LONGEST_TEXT: usize = 16 << 20;
/// The most bytes that the values of one result may have. Inline results are at most a tenth of it.
const LARGEST_RESULT: usize = 256 << 20;
/// How often a chunk is fetched by a link, each time by a new one: a link lives for 15 minutes at most.
const FETCHES: u32 = 3;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementColumn {
    pub name: String,
    /// The whole SQL type, as the service writes it: `DECIMAL(18,2)`, `ARRAY<STRING>`.
    pub type_text: String,
}

/// A whole result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRows {
    /// The service's id of the statement, by which its query history has it.
    pub id: String,
    pub columns: Vec<StatementColumn>,
    /// Each row has a value a column; `None` is null.
    pub rows: Vec<Vec<Option<String>>>,
}

/// Why there is no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StatementError {
    /// A request was refused, not answered or not sent.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The warehouse takes no statements.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The statement was run, and failed.
    #[error("statement {id} failed: {code}: {message}{}", sql_state.as_ref().map(|s| format!(" (SQLSTATE {s})")).unwrap_or_default())]
    Failed {
        id: String,
        /// The service's code: `BAD_REQUEST` for what is wrong with the SQL, too.
        code: String,
        /// Begins with Spark's own error class where it is one: `[TABLE_OR_VIEW_NOT_FOUND] …`.
        message: String,
        sql_state: Option<String>,
    },
    /// It was cancelled, by somebody or something else.
    #[error("statement {id} was cancelled on the warehouse: by somebody, or because the warehouse was stopped")]
    Canceled { id: String },
    /// It succeeded, and its result is not there any more.
    #[error("the result of statement {id} is gone: it is kept for one hour")]
    Closed { id: String },
    /// It succeeded, and what came is not its whole result.
    #[error("the result of statement {id} cannot be used: {why}")]
    Unusable { id: String, why: String },
}

impl StatementError {
    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            StatementError::Warehouse(error) => Some(error.help.clone()),
            StatementError::Canceled { .. } => Some("start the warehouse, and run it again".to_owned()),
            StatementError::Closed { .. } | StatementError::Unusable { .. } => Some("run it again".to_owned()),
            StatementError::Service(fault) if fault.may_have_happened() => {
                Some("a statement may still run on the warehouse: its query history shows it".to_owned())
            }
            StatementError::Service(_) | StatementError::Failed { .. } => None,
        }
    }
}

/// How long is waited for a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementPatience {
    /// How long the submitting call waits for the end: zero, or from 5 to 50 seconds.
    ///
    /// Zero by default. Only an answer has the statement's id, and without it nothing can be cancelled: what is
    /// interrupted meanwhile, or whose answer is lost, runs on at the warehouse's cost. So does databricks/cli (`wait_timeout`
    /// `0s`, "so the caller can wire up cancellation", `libs/testserver/testsql`). It costs one more request.
    pub submit: Duration,
    /// The pause before the first look, which grows by half with each.
    pub first: Duration,
    /// The longest pause. The service wants a look at least every 15 minutes.
    pub longest: Duration,
    /// How long a statement may wait for its warehouse. The SDKs wait as long for one to start.
    pub start: Duration,
}

impl Default for StatementPatience {
    fn default() -> Self {
        StatementPatience {
            submit: Duration::ZERO,
            first: Duration::from_millis(250),
            longest: Duration::from_secs(5),
            start: Duration::from_secs(20 * 60),
        }
    }
}

/// A statement that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementProgress<'a> {
    pub id: &'a str,
    /// Whether it waits for its warehouse, which starts or is busy.
    pub is_pending: bool,
    /// Since it was submitted.
    pub elapsed: Duration,
}

/// Told at each look at a statement that is under way.
pub type OnProgress = dyn Fn(StatementProgress<'_>) + Send + Sync;

/// What runs statements on one warehouse.
///
/// A run that is dropped cancels its statement. Whoever ends the process after that waits for [`Statements::settled`].
pub struct Statements {
    service: Arc<dyn Service>,
    warehouse: Warehouse,
    patience: StatementPatience,
    on_progress: Option<Box<OnProgress>>,
    background: Background,
}

/// A statement that may still run, and why it could not be cancelled.
pub type Uncancelled = (String, ServiceError);

/// What goes on after a run was dropped: calls under way, and cancels.
#[derive(Clone, Default)]
struct Background(Arc<Mutex<Vec<JoinHandle<Option<Uncancelled>>>>>);

impl Background {
    fn add(&self, task: JoinHandle<Option<Uncancelled>>) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    fn take(&self) -> Vec<JoinHandle<Option<Uncancelled>>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A statement on the warehouse, which is cancelled unless it is known to have ended.
struct Running {
    service: Arc<dyn Service>,
    background: Background,
    id: String,
    has_ended: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without a runtime the process ends, and nothing can be sent.
        let Some(runtime) = Handle::try_current().ok().filter(|_| !self.has_ended) else { return };
        let (service, id) = (self.service.clone(), std::mem::take(&mut self.id));
        self.background.add(runtime.spawn(async move {
            // Cancelling twice is cancelling.
            let call = Call::set(System::Databricks, Method::Post, format!("{PATH}/{id}/cancel"), json!({}));
            service.send(&call).await.err().map(|fault| (id, fault))
        }));
    }
}

impl Statements {
    /// Runs statements on a warehouse.
    pub fn new(service: Arc<dyn Service>, warehouse: Warehouse) -> Self {
        Statements {
            service,
            warehouse,
            patience: Default::default(),
            on_progress: None,
            background: Default::default(),
        }
    }

    /// The same with another patience.
    pub fn patience(mut self, patience: StatementPatience) -> Self {
        self.patience = patience;
        self
    }

    /// Lets somebody know at each look how a statement is.
    pub fn on_progress(mut self, tell: Box<OnProgress>) -> Self {
        self.on_progress = Some(tell);
        self
    }

    /// Where the statements run.
    pub fn warehouse(&self) -> &Warehouse {
        &self.warehouse
    }

    /// Runs a statement and reads its whole result.
    ///
    /// Fails unless each row that the service counted is there, each as wide as the columns: a result that was cut, or of
    /// which a chunk is missing, is none.
    pub async fn run(&self, statement: &Statement) -> Result<StatementRows, StatementError> {
        let call = self.submitting(statement)?;
        let (running, body) = self.submit(call).await?;
        let id = running.id.clone();
        let body = self.ended(running, body).await?;
        self.rows(id, &body).await
    }

    /// Waits until nothing is under way that a dropped run left behind; returns the statements that may still run.
    pub async fn settled(&self) -> Vec<Uncancelled> {
        let mut left = Vec::new();
        loop {
            // A call that is answered now may add the cancel of its statement.
            let tasks = self.background.take();
            if tasks.is_empty() {
                return left;
            }
            for task in tasks {
                left.extend(task.await.ok().flatten());
            }
        }
    }

    fn submitting(&self, statement: &Statement) -> Result<Call, ServiceError> {
        let not_sent = |why: String| ServiceError::NotSent { line: format!("POST {PATH}"), why };
        if statement.text.len() > LONGEST_TEXT {
            let (has, most) = (statement.text.len() >> 20, LONGEST_TEXT >> 20);
            return Err(not_sent(format!("the statement has {has} MiB, {most} MiB at most are taken")));
        }
        let parameters = statement.parameters.iter().map(|parameter| {
            let mut given = json!({ "name": parameter.name, "type": parameter.of_type });
            if let Some(value) = &parameter.value {
                given["value"] = json!(value);
            }
            given
        });
        let body = json!({
            "statement": statement.text,
            "warehouse_id": self.warehouse.id,
            "wait_timeout": format!("{}s", self.patience.submit.as_secs()),
            "on_wait_timeout": "CONTINUE",
            "disposition": "INLINE",
            "format": "JSON_ARRAY",
            "parameters": parameters.collect::<Vec<_>>(),
        });
        // Sent again where its answer is lost, although it may have started: it only reads, so running twice does no harm.
        // The first one runs to its end, and nobody fetches its result.
        Ok(Call::set(System::Databricks, Method::Post, PATH, body))
    }

    /// Submits a statement; its id, and what was answered.
    async fn submit(&self, call: Call) -> Result<(Running, Value), StatementError> {
        let (sender, receiver) = oneshot::channel();
        let (service, background) = (self.service.clone(), self.background.clone());
        // A task of its own: a caller that is gone by the time of the answer must not lose the id. Then the guard is dropped
        // here or in the channel, and cancels.
        self.background.add(tokio::spawn(async move {
            let sent = service.send(&call).await.and_then(|answer| {
                let id = answer::id(&answer.body)
                    .map_err(|why| crate::services::odd_answer(&call, answer.status, &why))?
                    .to_owned();
                let has_ended = matches!(answer::look(&answer.body), Ok(Looked::Ended(_)));
                Ok((Running { service: service.clone(), background, id, has_ended }, answer.body))
            });
            let _ = sender.send(sent);
            None
        }));
        match receiver.await {
            Ok(sent) => sent.map_err(|fault| self.refused(fault)),
            Err(_) => {
                let (line, why) = (format!("POST {PATH}"), "plumb is ending".to_owned());
                Err(ServiceError::Lost { line, why }.into())
            }
        }
    }

    /// What a refused submission says of the warehouse.
    fn refused(&self, fault: ServiceError) -> StatementError {
        match &fault {
            ServiceError::Refused { status: 403, message, doubt: None, .. } if !is_bad_token(403, message) => {
                self.warehouse.without_right(message).into()
            }
            // The words with which an id that is none was seen to be refused; what another refusal of the warehouse says
            // is not documented, so the rest is shown as it is.
            ServiceError::Refused { status: 400, message, .. } if message.contains("is not a valid endpoint id") => {
                self.warehouse.gone().into()
            }
            _ if fault.is_gone() => self.warehouse.gone().into(),
            _ => fault.into(),
        }
    }

    /// Looks at a statement until it has succeeded; the answer that says so.
    async fn ended(&self, mut running: Running, mut body: Value) -> Result<Value, StatementError> {
        let began = Instant::now();
        let (mut pause, id) = (self.patience.first, running.id.clone());
        loop {
            let unusable = |why| StatementError::Unusable { id: id.clone(), why };
            if answer::id(&body).map_err(unusable)? != id {
                return Err(unusable("the answer is about another statement".to_owned()));
            }
            let is_pending = match answer::look(&body).map_err(unusable)? {
                Looked::Ended(end) => {
                    running.has_ended = true;
                    return end.result(id.clone()).map(|()| body);
                }
                Looked::Pending => true,
                Looked::Running => false,
            };
            let elapsed = began.elapsed();
            if let Some(tell) = &self.on_progress {
                tell(StatementProgress { id: &id, is_pending, elapsed });
            }
            if is_pending && elapsed >= self.patience.start {
                let error = self.warehouse.never_started(&*self.service, elapsed).await;
                return Err(error.into());
            }
            tokio::time::sleep(pause).await;
            pause = (pause + pause / 2).min(self.patience.longest);
            let call = Call::get(System::Databricks, format!("{PATH}/{id}"));
            body = self.service.send(&call).await?.body;
        }
    }

    /// Reads every chunk of a result.
    async fn rows(&self, id: String, body: &Value) -> Result<StatementRows, StatementError> {
        let unusable = |why| StatementError::Unusable { id: id.clone(), why };
        let manifest = answer::manifest(body).map_err(unusable)?;
        let mut rows: Vec<Vec<Option<String>>> = Vec::new();
        let mut size = 0;
        let mut result = body.get("result").cloned();
        let mut number = 0;
        while let Some(value) = result.take() {
            let chunks = answer::chunks(&value).map_err(unusable)?;
            let mut next = None;
            for chunk in chunks {
                let row = rows.len() as u64;
                chunk.check_place(number, row).map_err(unusable)?;
                let part = match chunk.rows {
                    ChunkRows::Inline(value) => value,
                    ChunkRows::Linked(_) => self.linked(&id, number, row, chunk.clone()).await?,
                };
                let part = answer::rows(&part, manifest.columns.len(), chunk.row_count).map_err(unusable)?;
                size += part.iter().flatten().map(|value| value.as_ref().map_or(0, String::len)).sum::<usize>();
                if size > LARGEST_RESULT {
                    return Err(unusable(format!("it has more than {} MiB", LARGEST_RESULT >> 20)));
                }
                rows.extend(part);
                number += 1;
                next = chunk.next;
            }
            match next {
                Some(next) if next == number => result = Some(self.chunk(&id, number).await?),
                Some(next) => return Err(unusable(format!("after chunk {} comes chunk {next}", number - 1))),
                None => {}
            }
        }
        if rows.len() as u64 != manifest.rows {
            return Err(unusable(format!("{} rows came of the {} that it has", rows.len(), manifest.rows)));
        }
        Ok(StatementRows { id, columns: manifest.columns, rows })
    }

    async fn chunk(&self, id: &str, number: u64) -> Result<Value, StatementError> {
        // By its number: the link beside it (`next_chunk_internal_link`) says the same.
        let call = Call::get(System::Databricks, format!("{PATH}/{id}/result/chunks/{number}"));
        Ok(self.service.send(&call).await?.body)
    }

    /// The rows of a chunk that came as a link: fetched without credentials, by a new link where one does not work.
    async fn linked(&self, id: &str, number: u64, row: u64, mut chunk: Chunk) -> Result<Value, StatementError> {
        let mut pause = self.patience.first;
        let unusable = |why: String| StatementError::Unusable { id: id.to_owned(), why };
        for attempt in 1.. {
            let ChunkRows::Linked(link) = &chunk.rows else {
                return Err(unusable(format!("chunk {number} came as a link at first, and then did not")));
            };
            match fetch(link).await {
                Ok(rows) => return Ok(rows),
                Err(why) if attempt == FETCHES => {
                    return Err(unusable(format!("chunk {number} cannot be fetched by its link: {why}")));
                }
                Err(_) => tokio::time::sleep(pause).await,
            }
            pause *= 2;
            let fresh = answer::chunks(&self.chunk(id, number).await?).map_err(unusable)?;
            let same = fresh.into_iter().next();
            chunk = same.ok_or_else(|| unusable(format!("chunk {number} is gone")))?;
            chunk.check_place(number, row).map_err(unusable)?;
        }
        Err(unusable("it was given up".to_owned()))
    }
}

impl Ended {
    fn result(self, id: String) -> Result<(), StatementError> {
        match self {
            Ended::Succeeded => Ok(()),
            Ended::Failed { code, message, sql_state } => Err(StatementError::Failed { id, code, message, sql_state }),
            Ended::Canceled => Err(StatementError::Canceled { id }),
            Ended::Closed => Err(StatementError::Closed { id }),
        }
    }
}

/// Fetches rows by a link. Neither the link nor its headers may be shown: they are the credentials.
///
/// The log has the store's host and path, which open nothing without the query. No `Authorization` goes along: the link
/// leads out of the workspace ("must be removed").
async fn fetch(link: &Link) -> Result<Value, String> {
    let url = reqwest::Url::parse(&link.url).map_err(|_| "the link is no address".to_owned())?;
    let is_here = url.scheme() == "http" && url.host_str().is_some_and(is_loopback);
    if !is_here && url.scheme() != "https" {
        return Err("the link is not encrypted".to_owned());
    }
    let why = |broken: Broken| broken.why;
    let client = http::client(is_here).map_err(|e| e.to_string())?;
    let mut request = client.get(url);
    for (name, value) in &link.headers {
        request = request.header(name, value);
    }
    let response = http::send(request, 0).await.map_err(why)?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("the store answers {}", status.as_u16()));
    }
    let body = http::body(response).await.map_err(why)?;
    serde_json::from_slice(&body).map_err(|_| "it is not JSON".to_owned())
}
