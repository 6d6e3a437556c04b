//! A server that answers by a script and remembers what it was sent.

#![allow(clippy::unwrap_used)]

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Response},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A request as it came.
#[derive(Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: String,
    headers: HeaderMap,
}

impl Seen {
    /// A header's value, empty when there is none.
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }
}

/// What to answer.
#[derive(Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    after: Duration,
}

impl Reply {
    pub fn json(body: serde_json::Value) -> Self {
        Self::text(200, &body.to_string())
    }

    pub fn text(status: u16, body: &str) -> Self {
        Reply { status, headers: Vec::new(), body: body.to_owned(), after: Duration::ZERO }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

/// Decides by the request and how many came to its path, itself included.
type Script = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

pub struct Server {
    pub url: String,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    seen: Mutex<Vec<Seen>>,
    counts: Mutex<HashMap<String, usize>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Server {
    /// Starts on a free port of this machine; ends with the test's runtime.
    pub fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let log = Arc::new(Log::default());
        let script: Arc<Script> = Arc::new(script);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let router = Router::new().fallback(answer).with_state((script, log.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { url, log }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    /// The requests to a path.
    pub fn at(&self, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.path == path).collect()
    }

    pub fn count(&self) -> usize {
        self.seen().len()
    }

    pub fn most_at_once(&self) -> usize {
        self.log.most.load(Ordering::SeqCst)
    }
}

async fn answer(State((script, log)): State<(Arc<Script>, Arc<Log>)>, request: Request) -> Response<Body> {
    log.most.fetch_max(log.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    let seen = Seen {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap(),
        headers: head.headers,
    };
    let nth = {
        let mut counts = log.counts.lock().unwrap();
        let count = counts.entry(seen.path.clone()).or_default();
        *count += 1;
        *count
    };
    log.seen.lock().unwrap().push(seen.clone());
    let reply = script(&seen, nth);
    tokio::time::sleep(reply.after).await;
    log.now.fetch_sub(1, Ordering::SeqCst);
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

/// A server that reads every request, writes these bytes and hangs up.
pub async fn broken_server(bytes: &'static str) -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let log = Arc::new(Log::default());
    let kept = log.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; 1 << 16];
            let mut length = 0;
            // Whole requests fit into the buffer: a head, and a body as long as it says.
            loop {
                length += stream.read(&mut buffer[length..]).await.unwrap();
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let expected = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= expected.unwrap_or(0) {
                    break;
                }
            }
            kept.seen.lock().unwrap().push(Seen {
                method: String::new(),
                path: String::new(),
                query: String::new(),
                body: String::new(),
                headers: HeaderMap::new(),
            });
            stream.write_all(bytes.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    Server { url, log }
}
