//! The embedded emulator: stateful fakes of the services, with the habits of the real ones.
//!
//! `plumb sandbox`, `plumb demo` and the tests all use it. The frame (log, faults, latency, state, clock) knows no
//! service; a service is a folder beside it whose handlers are pure functions of the [`Store`] and a [`Request`].

mod control;
pub mod databricks;
pub mod errors;
pub mod faults;
pub mod log;
pub mod request;
pub mod settings;
pub mod store;
mod wire;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, State as Injected},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};
use errors::{ApiError, Error, Handled};
use faults::{Fault, When};
use request::Request;
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use store::{Clock, Store};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use wire::Scissors;

/// How the sandbox is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Objects to begin with, in the shape of the APIs: `{"jobs": […], "clusters": […], "policies": […],
    /// "instance_pools": […]}`.
    pub seed: Option<Value>,
    /// How long every answer takes.
    pub latency: Duration,
    /// A file that keeps the state from one run to the next. A seed is only added when it does not exist yet.
    pub state: Option<PathBuf>,
    /// Whether it may listen where other machines can reach it.
    pub allow_remote: bool,
    /// The only bearer token to accept, beside those it issues itself; any when `None`.
    pub token: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: None,
            latency: Duration::ZERO,
            state: None,
            allow_remote: false,
            token: None,
        }
    }
}

/// A running sandbox. It stops when it is dropped.
#[derive(Debug)]
pub struct Running {
    pub addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Running {
    /// The address to put where a workspace's URL goes.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The address of every emulated system: the one line that `plumb sandbox` prints.
    pub fn addresses(&self) -> Value {
        json!({ "databricks": self.url() })
    }

    /// Stops listening and waits until the answers under way have been given.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        // A client that keeps its connection open must not keep the sandbox from stopping.
        if tokio::time::timeout(Duration::from_millis(500), &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

/// What all connections share.
pub(crate) struct Shared {
    store: Store,
    faults: Vec<Fault>,
    log: log::Log,
    options: Options,
    serial: u64,
}

type Frame = Arc<Mutex<Shared>>;

/// Starts the sandbox by the machine's clock.
pub async fn start(options: Options) -> Result<Running, Error> {
    start_at(options, Clock::Real).await
}

/// Starts the sandbox by a clock of one's own: with [`Clock::Fixed`], ids and times are the same in every run.
pub async fn start_at(options: Options, clock: Clock) -> Result<Running, Error> {
    if !options.listen.ip().is_loopback() && !options.allow_remote {
        return Err(Error::NotLoopback(options.listen));
    }
    let mut store = Store::new(clock);
    let known = options.state.as_ref().is_some_and(|path| path.exists());
    if let Some(path) = &options.state {
        store.load(path)?;
    }
    if let Some(seed) = options.seed.as_ref().filter(|_| !known) {
        control::seed(&mut store, seed).map_err(Error::Seed)?;
    }
    if let Some(path) = &options.state {
        store.save(path).map_err(|e| Error::State { path: path.clone(), why: e.to_string() })?;
    }
    let failed = |source| Error::Listen { addr: options.listen, source };
    let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let frame: Frame =
        Arc::new(Mutex::new(Shared { store, faults: Vec::new(), log: log::Log::default(), options, serial: 0 }));
    let service = Router::new().fallback(serve).with_state(frame).into_make_service_with_connect_info::<Scissors>();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let ended = async move {
            // An error means that the handle was dropped, which ends the server as well.
            let _ = stopped.await;
        };
        // `axum::serve` never fails: accepting is retried inside the listener.
        let _ = axum::serve(wire::Listener(listener), service).with_graceful_shutdown(ended).await;
    });
    Ok(Running { addr, stop: Some(stop), server })
}

/// What a request that is answered with an error or cut is logged with.
const DROPPED: u16 = 0;

async fn serve(
    Injected(frame): Injected<Frame>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let began = Instant::now();
    let path = request::decode(uri.path());
    let own = path.starts_with("/_sandbox/");
    let (latency, fault) = {
        let mut shared = lock(&frame);
        let fault = if own { None } else { faults::strike(&mut shared.faults, method.as_str(), &path) };
        (if own { Duration::ZERO } else { shared.options.latency }, fault)
    };
    let wait = latency + Duration::from_millis(fault.as_ref().map_or(0, |f| f.delay_ms));
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let bytes = axum::body::to_bytes(body, MAX_BODY).await;
    let header = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let query = request::pairs(uri.query().unwrap_or_default());
    let read = match bytes {
        Ok(bytes) => request::read_body(header(header::CONTENT_TYPE), &bytes),
        Err(_) => Err(ApiError::new(413, "MAX_REQUEST_SIZE_EXCEEDED", "The request is larger than 10 MB")),
    };
    let mut request = Request {
        method: method.as_str().to_owned(),
        path,
        query,
        body: read.as_ref().map_or(Value::Null, Clone::clone),
        user: String::new(),
        authorization: headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).map(str::to_owned),
        base: format!("http://{}", header(header::HOST)),
    };
    let mut shared = lock(&frame);
    shared.serial += 1;
    let handled = match read {
        Err(error) => Err(error),
        Ok(_) => answer(&mut shared, &mut request, fault.as_ref(), own),
    };
    let dropped = fault.as_ref().is_some_and(|f| f.drop);
    let status = handled.as_ref().map_or_else(|e| e.status, |_| 200);
    if !own {
        shared.log.add(log::Entry {
            n: 0,
            method: request.method,
            path: request.path,
            query: request.query,
            body: request.body,
            status: if dropped { DROPPED } else { status },
            user_agent: header(header::USER_AGENT).to_owned(),
            ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
    }
    if dropped {
        scissors.drop_answer();
    } else if let Some(bytes) = fault.as_ref().and_then(|f| f.truncate) {
        scissors.truncate_body(bytes);
    }
    let id = format!("{}-{:04}", Store::scrambled(shared.serial), shared.serial);
    response(handled, &id, shared.store.settings.workspace_id)
}

/// A request body may have 10 MB (Jobs API documentation).
const MAX_BODY: usize = 10 << 20;

fn lock(frame: &Frame) -> std::sync::MutexGuard<'_, Shared> {
    // A handler that panicked leaves a state that is still the best there is.
    frame.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets the fault strike before or after the effect, and keeps the state file in step.
fn answer(shared: &mut Shared, request: &mut Request, fault: Option<&Fault>, own: bool) -> Handled {
    let instead = fault.and_then(|f| {
        let status = f.status.or(f.drop.then_some(502))?;
        let body = f.body.clone().unwrap_or_else(|| made_up(status));
        Some((f.when, ApiError { status, body, retry_after: f.retry_after }))
    });
    if let Some((When::Before, error)) = instead {
        return Err(error);
    }
    let handled = if own {
        control::handle(shared, request)
    } else {
        let required = shared.options.token.clone();
        databricks::handle(&mut shared.store, request, required.as_deref())
    };
    if let Some(path) = shared.options.state.as_ref().filter(|_| request.method != "GET" && handled.is_ok()) {
        shared.store.save(path).map_err(|e| {
            ApiError::new(500, "INTERNAL_ERROR", format!("the sandbox cannot write {}: {e}", path.display()))
        })?;
    }
    match instead {
        Some((_, error)) => Err(error),
        None => handled,
    }
}

fn made_up(status: u16) -> Value {
    let code = match status {
        429 => "REQUEST_LIMIT_EXCEEDED",
        503 => "TEMPORARILY_UNAVAILABLE",
        _ => "INTERNAL_ERROR",
    };
    json!({ "error_code": code, "message": format!("A fault of the sandbox: {status}") })
}

fn response(handled: Handled, id: &str, workspace: u64) -> Response {
    let (status, body, retry_after) = match handled {
        Ok(body) => (200, body, None),
        Err(error) => (error.status, error.body, error.retry_after),
    };
    // A download is its bytes, not JSON; `workspace::export` marks it so.
    let (kind, bytes) = match databricks::workspace::download(&body) {
        Some(bytes) => ("application/octet-stream", Bytes::from(bytes)),
        // A fault may want an answer that is no JSON at all.
        None => match body {
            Value::String(text) => ("text/html", Bytes::from(text)),
            body => ("application/json", Bytes::from(body.to_string())),
        },
    };
    let mut builder = Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, kind)
        .header("x-request-id", id)
        .header("x-databricks-org-id", workspace);
    if let Some(seconds) = retry_after {
        builder = builder.header(header::RETRY_AFTER, seconds);
    }
    builder.body(Body::from(bytes)).unwrap_or_default()
}
