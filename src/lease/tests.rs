//! The lease against the emulated workspace, in a time that only passes when somebody waits.

use super::*;
use plumb_model::call::System;
use plumb_sandbox::{
    databricks,
    request::Request,
    store::{Clock, Store as Emulated},
};
use serde_json::json;
use std::sync::Mutex;

struct Workspace {
    store: Mutex<Emulated>,
    began: Instant,
    /// Writes to other things than the lease.
    written: Mutex<Vec<String>>,
    /// The lease's folder cannot be reached.
    cut: std::sync::atomic::AtomicBool,
}

impl Workspace {
    fn new() -> Arc<Workspace> {
        let store = Mutex::new(Emulated::new(Clock::Fixed(0)));
        Arc::new(Workspace { store, began: Instant::now(), written: Mutex::default(), cut: false.into() })
    }

    async fn answer(&self, call: &Call) -> Result<Answer, ServiceError> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if !call.path.contains("/workspace/") {
            self.written.lock().unwrap().push(call.line());
            tokio::time::sleep(Duration::from_secs(600)).await;
            return Ok(Answer { status: 200, body: json!({}), request_id: None });
        }
        if self.cut.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(ServiceError::Lost { line: call.line(), why: "cut".into() });
        }
        let mut store = self.store.lock().unwrap();
        let now = i64::try_from(self.began.elapsed().as_secs()).unwrap();
        let passed = now - store.now() / 1000;
        store.advance(passed);
        let mut path = call.path.clone();
        for (i, (name, value)) in call.query.iter().enumerate() {
            path.push_str(&format!("{}{name}={value}", if i == 0 { '?' } else { '&' }));
        }
        let body = call.body.clone().unwrap_or_default();
        let request = Request::internal(call.method.name(), &path, "me@example.com", body);
        match databricks::route(&mut store, &request) {
            Ok(body) => Ok(Answer { status: 200, body, request_id: None }),
            Err(error) => Err(ServiceError::Refused {
                line: call.line(),
                status: error.status,
                code: error.body["error_code"].as_str().unwrap_or_default().to_owned(),
                message: String::new(),
                request_id: None,
                retry_after: None,
                doubt: None,
            }),
        }
    }
}

impl Service for Workspace {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(self.answer(call))
    }
}

fn store(workspace: &Arc<Workspace>, who: &str) -> Store {
    let holder = Holder { id: who.into(), who: who.into(), ..Holder::default() };
    Store::new(workspace.clone(), "/Shared/.plumb/p/t".into(), holder, Terms::USUAL)
}

async fn take(workspace: &Arc<Workspace>, who: &str, patience: u64) -> Result<Lease, LeaseError> {
    Lease::take(store(workspace, who), who, Terms::USUAL, Duration::from_secs(patience), &|_| {}).await
}

fn write() -> Call {
    Call::set(System::Databricks, Method::Post, "/api/2.2/jobs/reset", json!({}))
}

#[tokio::test(start_paused = true)]
async fn it_is_kept_alive_and_goes_to_the_next_when_released() {
    let workspace = Workspace::new();
    let first = take(&workspace, "ada", 0).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(first.gate().is_open());
    let Err(LeaseError::Held(held)) = take(&workspace, "bo", 0).await else { panic!("it is held") };
    assert_eq!(held.holder.who, "ada");
    assert!(held.left > Duration::from_secs(120) && held.left <= Duration::from_secs(180), "{held:?}");
    assert_eq!(look(&store(&workspace, "bo"), Terms::USUAL).await.unwrap().unwrap().holder.who, "ada");
    let waiting = tokio::spawn({
        let workspace = workspace.clone();
        async move { take(&workspace, "bo", 600).await }
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!waiting.is_finished());
    let gate = first.gate();
    first.release().await.unwrap();
    assert!(!gate.is_open());
    let second = waiting.await.unwrap().unwrap();
    assert!(second.gate().is_open());
    second.release().await.unwrap();
    assert_eq!(look(&store(&workspace, "bo"), Terms::USUAL).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_died_is_waited_out() {
    let workspace = Workspace::new();
    let mut dead = Process::new("ada", Terms::USUAL);
    assert!(matches!(asked(&store(&workspace, "ada"), &mut dead, Instant::now()).await, Ok(LeaseStatus::Holds(_))));
    let began = Instant::now();
    take(&workspace, "bo", 600).await.unwrap();
    let took = began.elapsed();
    assert!(took > Duration::from_secs(170) && took < Duration::from_secs(200), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_broken_closes_the_gate_and_ends_what_is_under_way() {
    let workspace = Workspace::new();
    let lease = take(&workspace, "ada", 0).await.unwrap();
    let fenced = lease.gate().before(workspace.clone());
    let began = Instant::now();
    let under_way = tokio::spawn({
        let fenced = fenced.clone();
        async move { fenced.send(&write()).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    unlock(store(&workspace, "bo"), "bo", Terms::USUAL).await.unwrap();
    assert!(matches!(under_way.await.unwrap(), Err(ServiceError::Lost { .. })));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let refused = fenced.send(&write()).await.unwrap_err();
    assert!(matches!(&refused, ServiceError::Refused { code, .. } if code == "LEASE_LOST"), "{refused}");
    assert!(!crate::services::retry::may_be_sent_again(&write(), &refused));
    let refused = fenced.send_bytes(&write(), &bytes::Bytes::new()).await.unwrap_err();
    assert!(matches!(&refused, ServiceError::Refused { code, .. } if code == "LEASE_LOST"), "{refused}");
    assert_eq!(workspace.written.lock().unwrap().len(), 1);
    // It was left free, and giving back what was lost does not make it anybody's.
    lease.release().await.unwrap();
    assert_eq!(look(&store(&workspace, "bo"), Terms::USUAL).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_it_stops_before_others_may_take_it() {
    let workspace = Workspace::new();
    let lease = take(&workspace, "ada", 0).await.unwrap();
    let began = Instant::now();
    workspace.cut.store(true, std::sync::atomic::Ordering::Relaxed);
    lease.gate().closed().await;
    let stopped = began.elapsed();
    assert!(stopped > Duration::from_secs(100) && stopped < Duration::from_secs(140), "{stopped:?}");
    workspace.cut.store(false, std::sync::atomic::Ordering::Relaxed);
    let second = take(&workspace, "bo", 600).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(175), "{:?}", began.elapsed());
    assert!(second.gate().is_open() && !lease.gate().is_open());
}

/// A workspace whose answers leave out when a file was written.
struct Timeless(Arc<Workspace>);

impl Service for Timeless {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let mut answer = self.0.answer(call).await?;
            let without = |value: &mut serde_json::Value| {
                if let Some(members) = value.as_object_mut() {
                    members.remove("modified_at");
                }
            };
            without(&mut answer.body);
            answer.body["objects"].as_array_mut().into_iter().flatten().for_each(without);
            Ok(answer)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_age_is_not_known_has_not_run_out() {
    let workspace = Workspace::new();
    let first = take(&workspace, "ada", 0).await.unwrap();
    let timeless = Arc::new(Timeless(workspace.clone()));
    let holder = Holder { id: "bo".into(), who: "bo".into(), ..Holder::default() };
    let store = Store::new(timeless, "/Shared/.plumb/p/t".into(), holder, Terms::USUAL);
    let taken = Lease::take(store, "bo", Terms::USUAL, Duration::ZERO, &|_| {}).await;
    assert!(matches!(taken, Err(LeaseError::ServiceError(_))), "it was taken from its holder");
    assert!(first.gate().is_open());
}

/// A workspace in front of which a gateway answers 503 to every write, done or not.
struct Gateway {
    workspace: Arc<Workspace>,
    done: bool,
    writes: std::sync::atomic::AtomicUsize,
}

impl Service for Gateway {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            if !call.path.ends_with("/import") {
                return self.workspace.answer(call).await;
            }
            self.writes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if self.done {
                self.workspace.answer(call).await?;
            }
            Err(ServiceError::Refused {
                line: call.line(),
                status: 503,
                code: "TEMPORARILY_UNAVAILABLE".into(),
                message: String::new(),
                request_id: None,
                retry_after: None,
                doubt: None,
            })
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_file_may_have_been_written_is_looked_at() {
    for done in [true, false] {
        let workspace = Workspace::new();
        let gateway = Arc::new(Gateway { workspace: workspace.clone(), done, writes: Default::default() });
        let holder = Holder { id: "ada".into(), who: "ada".into(), ..Holder::default() };
        let store = Store::new(gateway.clone(), "/Shared/.plumb/p/t".into(), holder, Terms::USUAL);
        let began = Instant::now();
        let taken = Lease::take(store, "ada", Terms::USUAL, Duration::ZERO, &|_| {}).await;
        let writes = gateway.writes.load(std::sync::atomic::Ordering::Relaxed);
        if done {
            assert!(taken.is_ok_and(|lease| lease.gate().is_open()));
            assert_eq!(writes, 1, "it found its own file");
        } else {
            assert!(matches!(taken, Err(LeaseError::Unclear)));
            // It does not hammer on a service in trouble.
            assert!(began.elapsed() >= Duration::from_secs(writes as u64), "{writes} writes in {:?}", began.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_that_create_one_generation_one_is_told_that_it_exists() {
    let workspace = Workspace::new();
    let (ada, bo) = (store(&workspace, "ada"), store(&workspace, "bo"));
    assert_eq!(ada.ask(&protocol::StoreRequest::List).await.unwrap(), StoreResponse::Listed(Vec::new()));
    assert_eq!(ada.ask(&protocol::StoreRequest::Create(1)).await.unwrap(), StoreResponse::Done);
    assert_eq!(bo.ask(&protocol::StoreRequest::Create(1)).await.unwrap(), StoreResponse::Exists);
    let StoreResponse::Read(Some(record)) = bo.ask(&protocol::StoreRequest::Read(1)).await.unwrap() else {
        panic!("it is there")
    };
    assert_eq!((record.id.as_str(), record.released), ("ada", false));
}

#[tokio::test(start_paused = true)]
async fn a_gate_closes_by_the_clock_whoever_keeps_it() {
    let until = |seconds| Some(Instant::now() + Duration::from_secs(seconds));
    let (keeper, state) = watch::channel(until(10));
    let gate = Gate(state);
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(gate.is_open());
    // The keeper is stalled: it neither renews nor closes.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!gate.is_open());
    gate.closed().await;
    // It renews late, and then it dies: what is left of the time is left, and no more.
    keeper.send(until(10)).unwrap();
    assert!(gate.is_open());
    drop(keeper);
    let began = Instant::now();
    gate.closed().await;
    assert_eq!((began.elapsed().as_secs(), gate.is_open()), (10, false));
    // It closes at once when it is given back.
    let (keeper, state) = watch::channel(until(10));
    let gate = Gate(state);
    keeper.send(None).unwrap();
    assert!(!gate.is_open());
    gate.closed().await;
}
