//! The embedded emulator: stateful fakes of Databricks, Airflow, EMR and Google Cloud Storage, with the habits of the real services.
//!
//! `plumb sandbox`, `plumb demo` and the tests all use it. The frame (log, faults, latency, state, clock) knows no
//! service; a service is a folder beside it whose handlers are pure functions of the [`Store`] and a [`Request`].

#![warn(missing_docs)]

pub mod airflow;
mod answer;
mod callers;
pub mod code_runner;
mod control;
pub mod databricks;
pub mod emr;
pub mod errors;
mod failure;
mod faults;
pub mod gcs;
mod log;
mod play;
#[cfg(test)]
mod play_tests;
pub mod request;
pub mod s3;
mod saving;
pub mod settings;
pub mod store;
mod wire;

use answer::Answer;
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, State as Injected},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};
use callers::Callers;
use errors::{ApiError, Error};
use faults::{Fault, When};
use request::Request;
use saving::{Due, Snapshot, StateFile};
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use store::{Clock, Store};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use wire::Scissors;

/// How the sandbox is to run.
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Objects to begin with, in the shape of the APIs: `{"jobs": […], "clusters": […], "policies": […],
    /// "instance_pools": […], "warehouses": […], "pipelines": […], "airflow": {"dags": […], "connections": […],
    /// "variables": […], "pools": […]}, "emr": {"clusters": […], "security_configurations": […], "applications": […]}, "s3":
    /// {"buckets": {…}}, "gcs": {"buckets": {…}}}`. `"emr": "monthly"` is a ready-made account.
    pub seed: Option<Value>,
    /// How long every answer takes.
    pub latency: Duration,
    /// A file that keeps the state from one run to the next. A seed is only added when it does not exist yet.
    pub state: Option<PathBuf>,
    /// Whether it may listen where other machines can reach it.
    pub allow_remote: bool,
    /// The only bearer token to accept, beside those it issues itself; any when `None`.
    pub token: Option<String>,
    /// Emulates Airflow as well, at an address of its own.
    pub airflow: Option<airflow::AirflowOptions>,
    /// Emulates EMR as well, at an address of its own.
    pub emr: Option<emr::EmrOptions>,
    /// Puts Amazon MWAA in front of Airflow, with its API at the address of EMR, which is emulated then, too.
    pub mwaa: Option<airflow::MwaaOptions>,
    /// Emulates Google Cloud Storage as well, at an address of its own.
    pub gcs: Option<gcs::GcsOptions>,
    /// Runs the code of job runs, in place of simulating them. The code runs as whoever started this process.
    pub run_code: Option<code_runner::CodeOptions>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        SandboxOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: None,
            latency: Duration::ZERO,
            state: None,
            allow_remote: false,
            token: None,
            airflow: None,
            emr: None,
            mwaa: None,
            gcs: None,
            run_code: None,
        }
    }
}

/// The services that are emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Databricks,
    Airflow,
    /// EMR, EMR Serverless, STS and S3.
    Emr,
    /// Google Cloud Storage, and where its tokens come from.
    Gcs,
}

/// A running sandbox. It stops when it is dropped, and what is not on the disk yet is written then.
pub struct Running {
    /// Where the Databricks workspace is.
    pub addr: SocketAddr,
    /// Where Airflow is, if it is emulated.
    pub airflow: Option<SocketAddr>,
    /// Where EMR is, if it is emulated.
    pub emr: Option<SocketAddr>,
    /// Where the API of MWAA is, if it is emulated.
    pub mwaa: Option<SocketAddr>,
    /// Where Google Cloud Storage is, if it is emulated.
    pub gcs: Option<SocketAddr>,
    servers: Vec<Server>,
    frame: Frame,
}

#[derive(Debug)]
struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// The address to put where a workspace's URL goes.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The address to put where Airflow's URL goes.
    pub fn airflow_url(&self) -> Option<String> {
        self.airflow.map(|addr| format!("http://{addr}"))
    }

    /// The address to put where an endpoint of AWS goes (`AWS_ENDPOINT_URL`).
    pub fn emr_url(&self) -> Option<String> {
        self.emr.map(|addr| format!("http://{addr}"))
    }

    /// The address to put where MWAA's endpoint goes (`AWS_ENDPOINT_URL_MWAA`).
    pub fn mwaa_url(&self) -> Option<String> {
        self.mwaa.map(|addr| format!("http://{addr}"))
    }

    /// The address to put where that of Google Cloud Storage goes (`STORAGE_EMULATOR_HOST`).
    pub fn gcs_url(&self) -> Option<String> {
        self.gcs.map(|addr| format!("http://{addr}"))
    }

    /// The address of every emulated system: the one line that `plumb sandbox` prints.
    pub fn addresses(&self) -> Value {
        let mut addresses = json!({ "databricks": self.url() });
        if let Some(url) = self.airflow_url() {
            addresses["airflow"] = json!(url);
        }
        if let Some(url) = self.emr_url() {
            addresses["emr"] = json!(url);
        }
        if let Some(url) = self.mwaa_url() {
            addresses["mwaa"] = json!(url);
        }
        if let Some(url) = self.gcs_url() {
            addresses["gcs"] = json!(url);
        }
        addresses
    }

    /// Writes what is not in the state file yet. The error says which file and why.
    pub fn save(&self) -> Result<(), String> {
        let rest = lock(&self.frame).rest();
        rest.map_or(Ok(()), Snapshot::write)
    }

    /// How often the state file was written.
    pub fn writes(&self) -> u64 {
        lock(&self.frame).state.as_ref().map_or(0, StateFile::writes)
    }

    /// Stops listening, waits until the answers under way have been given, and writes the state file. The error says why it
    /// could not be written.
    pub async fn stop(mut self) -> Result<(), String> {
        for mut server in std::mem::take(&mut self.servers) {
            let _ = server.stop.send(());
            // A client that keeps its connection open must not keep the sandbox from stopping.
            if tokio::time::timeout(Duration::from_millis(500), &mut server.task).await.is_err() {
                server.task.abort();
            }
        }
        code_runner::end_all(&self.frame).await;
        self.save()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever wants to know whether it worked calls `save` or `stop` before.
        let _ = self.save();
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// What all connections share.
pub(crate) struct Shared {
    store: Store,
    faults: Vec<Fault>,
    log: log::Log,
    /// What DAG files were found to say.
    parsed: airflow::parse::ParseCache,
    /// The processes of job runs, where code runs.
    code: Option<code_runner::CodeRunner>,
    options: SandboxOptions,
    serial: u64,
    /// The file of `options.state`.
    state: Option<StateFile>,
    /// What the times of `state` are counted from.
    began: Instant,
}

impl Shared {
    /// What is to be written now, if anything is.
    fn snapshot(&mut self) -> Option<Snapshot> {
        let Shared { state, store, began, .. } = self;
        state.as_mut()?.snapshot(began.elapsed(), |bytes| store.serialize(bytes))
    }

    /// What is not on the disk yet.
    fn rest(&mut self) -> Option<Snapshot> {
        let Shared { state, store, began, .. } = self;
        state.as_mut()?.rest(began.elapsed(), |bytes| store.serialize(bytes))
    }
}

type Frame = Arc<Mutex<Shared>>;

/// Starts the sandbox by the machine's clock.
pub async fn start(options: SandboxOptions) -> Result<Running, Error> {
    start_at(options, Clock::Real).await
}

/// Starts the sandbox by a clock of one's own: with [`Clock::Fixed`], ids and times are the same in every run.
pub async fn start_at(options: SandboxOptions, clock: Clock) -> Result<Running, Error> {
    let airflow = options.airflow.as_ref().map(|a| a.listen);
    let mwaa = options.mwaa.clone().filter(|_| airflow.is_some());
    // The API of MWAA is where EMR is.
    let beside = mwaa.as_ref().map(|_| SocketAddr::new(options.listen.ip(), 0));
    let (is_emr, emr) = (options.emr.is_some(), options.emr.as_ref().map(|e| e.listen).or(beside));
    let gcs = options.gcs.as_ref().map(|gcs| gcs.listen);
    let addresses = [Some(options.listen), airflow, emr, gcs];
    if let Some(open) = addresses.into_iter().flatten().find(|a| !a.ip().is_loopback() && !options.allow_remote) {
        return Err(Error::NotLoopback(open));
    }
    let mut store = Store::new(clock);
    store.runs_code = options.run_code.is_some();
    if let Some(airflow) = &options.airflow {
        store.settings.airflow.version = airflow.version;
    }
    let known = options.state.as_ref().is_some_and(|path| path.exists());
    if let Some(path) = &options.state {
        make_room(path)?;
        store.load(path)?;
    }
    if let Some(folder) = options.airflow.as_ref().and_then(|airflow| airflow.dags.as_ref()) {
        let bucket = folder.to_string_lossy().starts_with("gs://");
        store.airflow.folder = if bucket { gcs::MOUNTED.to_owned() } else { folder.display().to_string() };
    }
    if let Some(emr) = &options.emr {
        store.emr.account.clone_from(&emr.account);
    }
    if let Some(seed) = options.seed.as_ref().filter(|_| !known) {
        control::seed(&mut store, seed).map_err(Error::Seed)?;
    }
    if let Some(path) = &options.state {
        store.save(path)?;
    }
    let state = options.state.clone().map(StateFile::new);
    let listen = options.listen;
    let (log, parsed) = (log::Log::default(), airflow::parse::ParseCache::default());
    let (faults, began) = (Vec::new(), Instant::now());
    let code = options.run_code.clone().map(code_runner::CodeRunner::new);
    let shared = Shared { store, faults, log, parsed, code, options, serial: 0, state, began };
    let frame: Frame = Arc::new(Mutex::new(shared));
    let (addr, server) = listen_at(listen, System::Databricks, frame.clone()).await?;
    lock(&frame).store.workspace = format!("http://{addr}");
    let mut running =
        Running { addr, airflow: None, emr: None, mwaa: None, gcs: None, servers: vec![server], frame: frame.clone() };
    if let Some(listen) = airflow {
        let (addr, server) = listen_at(listen, System::Airflow, frame.clone()).await?;
        running.airflow = Some(addr);
        lock(&frame).store.mwaa = mwaa.as_ref().map(|mwaa| airflow::mwaa::MwaaServed::new(&mwaa.name, addr));
        running.servers.push(server);
    }
    if let Some(listen) = emr {
        let (addr, server) = listen_at(listen, System::Emr, frame.clone()).await?;
        running.emr = Some(addr).filter(|_| is_emr);
        running.mwaa = Some(addr).filter(|_| mwaa.is_some());
        running.servers.push(server);
    }
    if let Some(listen) = gcs {
        let (addr, server) = listen_at(listen, System::Gcs, frame).await?;
        running.gcs = Some(addr);
        running.servers.push(server);
    }
    Ok(running)
}

/// Makes the folder of a state file: that of a target is not there before its first command.
fn make_room(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), std::fs::create_dir_all);
    made.map_err(|e| Error::State { path: path.to_owned(), why: e.to_string() })
}

/// Adds objects to a state file without serving it, and answers their ids: what a target with `sandbox: true` begins with,
/// when the file is `.plumb/sandbox-TARGET.json` of the project's folder.
pub fn seed_state(path: &Path, seed: &Value) -> Result<Value, Error> {
    make_room(path)?;
    let mut store = Store::new(Clock::Real);
    store.load(path)?;
    let ids = control::seed(&mut store, seed).map_err(Error::Seed)?;
    store.save(path)?;
    Ok(ids)
}

async fn listen_at(addr: SocketAddr, system: System, frame: Frame) -> Result<(SocketAddr, Server), Error> {
    let failed = |source| Error::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let callers = if bound.ip().is_loopback() { Callers::Local } else { Callers::Anybody };
    let served = Router::new().fallback(serve).with_state((frame, system, callers));
    let service = served.into_make_service_with_connect_info::<Scissors>();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let ended = async move {
            // An error means that the handle was dropped, which ends the server as well.
            let _ = stopped.await;
        };
        // `axum::serve` never fails: accepting is retried inside the listener.
        let _ = axum::serve(wire::Listener(listener), service).with_graceful_shutdown(ended).await;
    });
    Ok((bound, Server { stop, task }))
}

/// What a request that is answered with an error or cut is logged with.
const DROPPED: u16 = 0;

async fn serve(
    Injected((frame, system, callers)): Injected<(Frame, System, Callers)>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let began = Instant::now();
    if let Some(refusal) = callers.refuse(&uri, &headers) {
        // Nothing of it is read, and no fault or log is spent on it.
        return response(refusal.into(), system, "", 0);
    }
    let path = request::decode(uri.path());
    let own = path.starts_with("/_sandbox/");
    let path = if system == System::Emr && !own { emr::place(&headers, &uri) } else { path };
    let (latency, fault) = {
        let mut shared = lock(&frame);
        let fault = if own { None } else { faults::strike(&mut shared.faults, method.as_str(), &path) };
        (if own { Duration::ZERO } else { shared.options.latency }, fault)
    };
    let wait = latency + Duration::from_millis(fault.as_ref().map_or(0, |f| f.delay_ms));
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let bare = system == System::Databricks && !own && databricks::takes_bytes(method.as_str(), uri.path());
    let most = if bare { MAX_FILE } else { MAX_BODY };
    let bytes = axum::body::to_bytes(body, most).await;
    let length = bytes.as_ref().map_or(0, axum::body::Bytes::len);
    let header = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let query = request::pairs(uri.query().unwrap_or_default());
    let read = match bytes {
        // The body of an upload is opaque: it may be JSON, and broken JSON.
        Ok(ref bytes) if bare => Ok(json!({ "bytes": bytes.len() })),
        // S3 is not asked in JSON.
        Ok(_) if system == System::Emr && path.starts_with("/s3") && !own => Ok(Value::Null),
        // An object is whatever it is.
        Ok(_) if system == System::Gcs && path.starts_with("/upload/") && !own => Ok(Value::Null),
        // JSON of AWS has a type of its own; it is read as JSON under any media type.
        Ok(ref bytes) => request::read_body(header(header::CONTENT_TYPE), bytes),
        Err(_) => {
            let message = format!("The request is larger than {} MB", most >> 20);
            Err(ApiError::new(413, "MAX_REQUEST_SIZE_EXCEEDED", message))
        }
    };
    let raw = match (system, &bytes) {
        (_, Ok(bytes)) if bare || (matches!(system, System::Emr | System::Gcs) && !own) => {
            request::Raw::of(&method, &uri, &headers, bytes.clone())
        }
        _ => request::Raw::default(),
    };
    let (body, read) = match read {
        Ok(body) => (body, Ok(())),
        Err(error) => (Value::Null, Err(error)),
    };
    let mut request = Request {
        method: method.as_str().to_owned(),
        path,
        query,
        body,
        user: String::new(),
        authorization: headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).map(str::to_owned),
        cookie: headers.get(header::COOKIE).and_then(|v| v.to_str().ok()).map(str::to_owned),
        accept: headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).map(str::to_owned),
        base: format!("http://{}", header(header::HOST)),
        id: String::new(),
        raw,
    };
    let inner = (system == System::Emr && !own).then(|| airflow::mwaa::inner(&lock(&frame).store, &request)).flatten();
    if system == System::Airflow && !own || inner.is_some() {
        parse_dags(&frame, airflow::looks(inner.as_ref().unwrap_or(&request))).await;
    }
    let dropped = fault.as_ref().is_some_and(|f| f.drop);
    let (mut answer, id, n, workspace, snapshot) = {
        let mut shared = lock(&frame);
        shared.serial += 1;
        let id = match system {
            System::Emr => emr_id(shared.serial),
            _ => format!("{}-{:04}", Store::scrambled(shared.serial), shared.serial),
        };
        request.id.clone_from(&id);
        let (answer, changed) = match (own, system) {
            (true, _) => own_endpoint(&mut shared, &request, read),
            (false, system) => answer(&mut shared, system, &mut request, fault.as_ref(), read),
        };
        // Any request may have started or ended a run: those of Airflow's tasks, and the clock's.
        code_runner::pump(&frame, &mut shared);
        let entry = log::LoggedRequest {
            n: 0,
            method: request.method,
            path: request.path,
            query: request.query,
            body: request.body,
            status: if dropped { DROPPED } else { answer.status },
            user_agent: header(header::USER_AGENT).to_owned(),
            ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            length,
        };
        let n = if own { None } else { Some(shared.log.add(entry)) };
        let snapshot = if changed { due(&frame, &mut shared) } else { None };
        (answer, id, n, shared.store.settings.workspace_id, snapshot)
    };
    let failed = match snapshot {
        Some(snapshot) => written(snapshot).await.err(),
        None => None,
    };
    if let Some(words) = failed.filter(|_| !dropped) {
        answer = ApiError::new(500, "INTERNAL_ERROR", words).into();
        lock(&frame).log.answered(n, answer.status);
    }
    if dropped {
        scissors.drop_answer();
    } else if let Some(bytes) = fault.as_ref().and_then(|f| f.truncate) {
        scissors.truncate_body(bytes);
    }
    response(answer, system, &id, workspace)
}

/// What has to be written before a change is answered; what may come later is seen to.
fn due(frame: &Frame, shared: &mut Shared) -> Option<Snapshot> {
    let now = shared.began.elapsed();
    match shared.state.as_mut()?.changed(now) {
        Due::Now => shared.snapshot(),
        Due::Soon => None,
        Due::In(rest) => {
            // The sandbox may be gone by then: whoever ended it has written everything.
            let frame = Arc::downgrade(frame);
            tokio::spawn(async move {
                tokio::time::sleep(rest).await;
                let snapshot = frame.upgrade().and_then(|frame| lock(&frame).snapshot());
                if let Some(snapshot) = snapshot {
                    // A failure is told to whoever changes something next.
                    let _ = written(snapshot).await;
                }
            });
            None
        }
    }
}

/// Writes the state file without holding up other requests.
async fn written(snapshot: Snapshot) -> Result<(), String> {
    // It only fails when the runtime ends, and then there is no caller left.
    tokio::task::spawn_blocking(|| snapshot.write()).await.unwrap_or(Ok(()))
}

/// A request's id as AWS makes them.
fn emr_id(serial: u64) -> String {
    let (a, b) = (Store::scrambled(serial), Store::scrambled(!serial));
    format!("{}-{}-4{}-8{}-{}", &a[..8], &a[8..12], &a[13..], &b[1..4], &b[4..])
}

/// An uploaded file may have 500 MB (databricks/cli, pull request 1795). A volume takes 5 GB, which no test needs.
const MAX_FILE: usize = 500 << 20;

/// Another request body may have 10 MB (Jobs API documentation).
const MAX_BODY: usize = 10 << 20;

fn lock(frame: &Frame) -> std::sync::MutexGuard<'_, Shared> {
    // A handler that panicked leaves a state that is still the best there is.
    frame.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the DAG folder, and parses what has been noticed. Parsing waits for another process, so it holds no lock.
async fn parse_dags(frame: &Frame, look: bool) {
    let folder = lock(frame).options.airflow.as_ref().and_then(|airflow| airflow.dags.clone());
    let Some(folder) = folder else { return };
    let parsing = frame.clone();
    let parsed = tokio::task::spawn_blocking(move || {
        let bucket = gcs::dag_texts(&lock(&parsing).store, &folder.to_string_lossy());
        let found = bucket.unwrap_or_else(|| airflow::files::scan(&folder));
        let absolute = |root: &str, path: &String| format!("{}/{path}", root.trim_end_matches('/'));
        let (due, root, at, mut texts, mut parsed) = {
            let mut shared = lock(&parsing);
            let due = airflow::files::notice(&mut shared.store, &found, look);
            let settings = &shared.store.settings.airflow;
            let at = airflow::parse::Deployment { major: settings.version, missing: settings.missing.clone() };
            let root = shared.store.airflow.folder.clone();
            let mut texts = due.iter().map(|(path, text)| (absolute(&root, path), text.clone())).collect();
            let known = shared.parsed.recall(&mut texts, &at);
            (due, root, at, texts, known)
        };
        if !texts.is_empty() {
            parsed.extend(airflow::parse::parse(&texts, &at));
        }
        let mut shared = lock(&parsing);
        for (path, text) in &due {
            let path_of = absolute(&root, path);
            if let Some(one) = parsed.remove(&path_of) {
                if texts.remove(&path_of).is_some() {
                    shared.parsed.keep(&path_of, text, &at, &one);
                }
                airflow::files::take(&mut shared.store, path, text, one);
            }
        }
    });
    // It only fails when the runtime ends, and then there is no caller left.
    let _ = parsed.await;
}

/// Answers the sandbox's own endpoints, which no fault strikes; and whether the store may have changed.
fn own_endpoint(shared: &mut Shared, request: &Request, read: Result<(), ApiError>) -> (Answer, bool) {
    let answer: Answer = read.and_then(|()| control::handle(shared, request)).into();
    let changed = changes(System::Databricks, request, &answer);
    (answer, changed)
}

/// Lets the fault strike before or after the effect. Answers as well whether the store may have changed.
fn answer(
    shared: &mut Shared,
    system: System,
    request: &mut Request,
    fault: Option<&Fault>,
    read: Result<(), ApiError>,
) -> (Answer, bool) {
    let instead = fault.and_then(|f| {
        let status = f.status.or(f.drop.then_some(502))?;
        let mut answer = match f.body.clone() {
            Some(body) => ApiError { status, body, retry_after: None }.into(),
            None => answer::made_up(system, request, status),
        };
        answer.retry_after = f.retry_after;
        Some((f.when, answer))
    });
    if let Some((When::Before, answer)) = instead {
        return (answer, false);
    }
    let handled: Answer = match (system, read) {
        (System::Databricks, Err(error)) => error.into(),
        (System::Databricks, Ok(())) => {
            let required = shared.options.token.clone();
            databricks::handle(&mut shared.store, request, required.as_deref()).into()
        }
        (System::Airflow, read) => {
            let access = shared.options.airflow.as_ref().map(|airflow| airflow.access.clone()).unwrap_or_default();
            airflow::handle(&mut shared.store, &access, request, read.is_err())
        }
        (System::Emr, read) => {
            let airflow = shared.options.airflow.as_ref();
            emr::handle(&mut shared.store, airflow, request, read.is_err())
        }
        (System::Gcs, _) => gcs::handle(&mut shared.store, request),
    };
    let changed = changes(system, request, &handled);
    (instead.map_or(handled, |(_, answer)| answer), changed)
}

/// Whether a request that was answered so may have changed the store.
fn changes(system: System, request: &Request, answer: &Answer) -> bool {
    // A look at Airflow or EMR may change it too: the DAG processor, the scheduler, clusters move on with the clock.
    let looked = match system {
        System::Databricks | System::Gcs => false,
        System::Airflow => airflow::looks(request),
        System::Emr => true,
    };
    (request.method != "GET" || looked) && answer.is_ok()
}

fn response(answer: Answer, system: System, id: &str, workspace: u64) -> Response {
    let (status, retry_after, error) = (answer.status, answer.retry_after, answer.content.error().map(str::to_owned));
    let (modified, part) = (answer.content.modified(), answer.content.part());
    let own: Option<Vec<(&'static str, String)>> = answer.content.headers().map(<[_]>::to_vec);
    let (kind, body) = answer.encode();
    let mut builder =
        Response::builder().status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if own.is_none() {
        builder = builder.header(if system == System::Emr { "x-amzn-requestid" } else { "x-request-id" }, id);
    }
    for (name, value) in own.into_iter().flatten() {
        builder = builder.header(name, value);
    }
    if matches!(system, System::Databricks | System::Airflow) {
        builder = builder.header("x-databricks-org-id", workspace);
    }
    if let Some(error) = error {
        builder = builder.header("x-amzn-errortype", error);
    }
    if let Some(kind) = kind {
        builder = builder.header(header::CONTENT_TYPE, kind.as_ref());
    }
    if let Some(at) = modified {
        builder = builder.header(header::LAST_MODIFIED, at);
    }
    if let Some(part) = part {
        builder = builder.header(header::CONTENT_RANGE, part);
    }
    if let Some(seconds) = retry_after {
        builder = builder.header(header::RETRY_AFTER, seconds);
    }
    builder.body(body).unwrap_or_default()
}
