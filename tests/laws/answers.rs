//! What a single answer is taken for: creates that may have been done, looks that failed, and what is said of them.

use crate::fixtures;
use crate::world::{self, Files, World};
use plumb::apply::{self, UnwatchedApply};
use plumb_core::manifest::Desired;
use plumb_core::plan::outcome::{ApplyOutcome, Ended};
use plumb_model::call::{Answer, Call, Doubt, Method, Sending, Service, ServiceError};
use serde_json::{Value, json};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

/// What becomes of a call.
enum Becomes {
    /// What the service says.
    Itself,
    /// It does not reach the service.
    Before(ServiceError),
    /// The service does it, and this is answered.
    After(ServiceError),
    /// The service does it, and answers this body.
    Answer(Value),
}
use Becomes::{After, Before, Itself};

/// What becomes of a call, and the how manieth to its path it is, from 0.
type Script = dyn Fn(&Call, usize) -> Becomes + Send + Sync;

/// A service by a script.
struct Scripted {
    world: Arc<World>,
    script: Box<Script>,
    lines: Mutex<Vec<String>>,
}

impl Service for Scripted {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        let nth = {
            let mut lines = self.lines.lock().unwrap();
            let line = format!("{} {}", call.method.name(), call.path);
            lines.push(line.clone());
            lines.iter().filter(|l| **l == line).count() - 1
        };
        Box::pin(async move {
            match (self.script)(call, nth) {
                Itself => self.world.direct().send(call).await,
                Before(fault) => Err(fault),
                After(fault) => {
                    self.world.direct().send(call).await.unwrap();
                    Err(fault)
                }
                Becomes::Answer(body) => {
                    self.world.direct().send(call).await.unwrap();
                    Ok(Answer { status: 200, body, request_id: None })
                }
            }
        })
    }
}

fn refused(status: u16, code: &str, doubt: Option<Doubt>) -> ServiceError {
    let (line, message) = ("the call".to_owned(), "says the test".to_owned());
    ServiceError::Refused { line, status, code: code.to_owned(), message, request_id: None, retry_after: None, doubt }
}

fn status(status: u16) -> ServiceError {
    refused(status, "CODE", None)
}

fn foreign(status: u16) -> ServiceError {
    refused(status, "CODE", Some(Doubt::Foreign))
}

fn lost() -> ServiceError {
    ServiceError::Lost { line: "the call".into(), why: "reset".into() }
}

fn not_sent() -> ServiceError {
    ServiceError::NotSent { line: "the call".into(), why: "no connection".into() }
}

fn job() -> Files {
    let fixtures = fixtures::all().into_iter();
    fixtures.filter(|f| f.name() == "DatabricksJob/minimal").flat_map(|f| f.files()).collect()
}

const CREATE: &str = "/api/2.2/jobs/create";
const LIST: &str = "/api/2.2/jobs/list";
const GET: &str = "/api/2.2/jobs/get";
const DELETE: &str = "/api/2.2/jobs/delete";

/// Plans in peace and applies by a script. How the one change ended, and the lines that were sent.
async fn apply(
    world: &Arc<World>,
    desired: &Desired,
    script: impl Fn(&Call, usize) -> Becomes + Send + Sync + 'static,
) -> (Ended, Vec<String>) {
    let (live, decision) = world.plan(desired).await;
    let scripted = Arc::new(Scripted { world: world.clone(), script: Box::new(script), lines: Mutex::default() });
    let options = apply::ApplyOptions {
        outage: Duration::from_millis(600),
        patience: Duration::from_secs(1),
        ..world::options()
    };
    let stop = Arc::new(AtomicBool::new(false));
    let services = world.through(scripted.clone());
    let outcome: ApplyOutcome = apply::apply(&services, desired, &live, decision, options, &UnwatchedApply, stop).await;
    assert_eq!(outcome.changes.len(), 1, "{outcome:?}");
    let lines = scripted.lines.lock().unwrap().clone();
    (outcome.changes.into_values().next().unwrap(), lines)
}

async fn jobs(world: &World) -> usize {
    world.state().await["databricks"]["jobs"].as_object().unwrap().len()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    Done,
    Failed,
    Unknown,
}

fn ends(ended: &Ended) -> Ends {
    match ended {
        Ended::Done { unverified: None, left, .. } if left.is_empty() => Ends::Done,
        Ended::Failed { sent, .. } if sent.is_empty() => Ends::Failed,
        Ended::Unknown { sent, .. } if sent.is_empty() => Ends::Unknown,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_to_a_create_but_a_documented_refusal_is_looked_up() {
    type Case = (&'static str, Box<Script>, Ends, usize, usize);
    fn case(
        name: &'static str,
        script: impl Fn(&Call, usize) -> Becomes + Send + Sync + 'static,
        ends: Ends,
        creates: usize,
        live: usize,
    ) -> Case {
        (name, Box::new(script), ends, creates, live)
    }
    let on_create =
        |becomes: fn(usize) -> Becomes| move |call: &Call, nth| if call.path == CREATE { becomes(nth) } else { Itself };
    let cases = vec![
        // It was done although the answer says otherwise: found, and not sent again.
        case("503 after", on_create(|_| After(status(503))), Ends::Done, 1, 1),
        case("501 after", on_create(|_| After(status(501))), Ends::Done, 1, 1),
        case("502 after", on_create(|_| After(status(502))), Ends::Done, 1, 1),
        case("408 after", on_create(|_| After(status(408))), Ends::Done, 1, 1),
        case("a proxy's 403 after", on_create(|_| After(foreign(403))), Ends::Done, 1, 1),
        case("an undecided code after", on_create(|_| After(refused(400, "INTERNAL_ERROR", None))), Ends::Done, 1, 1),
        case("a redirect after", on_create(|_| After(status(302))), Ends::Done, 1, 1),
        case("no id", on_create(|_| Becomes::Answer(json!({}))), Ends::Done, 1, 1),
        // It was not done: looked for, and sent again where that may help.
        case("503 before", on_create(|nth| if nth == 0 { Before(status(503)) } else { Itself }), Ends::Done, 2, 1),
        case("503 for ever", on_create(|_| Before(status(503))), Ends::Unknown, 3, 0),
        case("lost for ever", on_create(|_| Before(lost())), Ends::Unknown, 3, 0),
        case("501", on_create(|_| Before(status(501))), Ends::Unknown, 1, 0),
        case("a proxy's 403", on_create(|_| Before(foreign(403))), Ends::Unknown, 1, 0),
        // Known to have done nothing.
        case("400", on_create(|_| Before(status(400))), Ends::Failed, 1, 0),
        case("401", on_create(|_| Before(status(401))), Ends::Failed, 1, 0),
        // A refusal of the second attempt says nothing of the first.
        case(
            "lost, then refused",
            on_create(|nth| if nth == 0 { Before(lost()) } else { Before(status(400)) }),
            Ends::Unknown,
            2,
            0,
        ),
        // The look fails for a while, and is repeated.
        case(
            "lost, and lists fail twice",
            |call, nth| match call.path.as_str() {
                CREATE => After(lost()),
                LIST if nth < 2 => Before(status(500)),
                _ => Itself,
            },
            Ends::Done,
            1,
            1,
        ),
        case(
            "lost, and lists fail longer than they lag",
            |call, nth| match call.path.as_str() {
                CREATE => After(lost()),
                LIST if nth < 9 => Before(foreign(404)),
                _ => Itself,
            },
            Ends::Done,
            1,
            1,
        ),
        // It fails for ever, or is refused: nobody knows, and it is not sent again.
        case(
            "lost, and lists fail",
            |call, _| match call.path.as_str() {
                CREATE => After(lost()),
                LIST => Before(status(500)),
                _ => Itself,
            },
            Ends::Unknown,
            1,
            1,
        ),
        case(
            "lost, and lists are refused",
            |call, _| match call.path.as_str() {
                CREATE => After(lost()),
                LIST => Before(status(403)),
                _ => Itself,
            },
            Ends::Unknown,
            1,
            1,
        ),
    ];
    let desired = world::load(&job());
    let world = Arc::new(World::of(plumb_model::call::System::Databricks).await);
    for (name, script, expected, creates, live) in cases {
        world.reset().await;
        let (ended, lines) = apply(&world, &desired, script).await;
        assert_eq!(ends(&ended), expected, "{name}: {ended:?}");
        assert_eq!(lines.iter().filter(|l| l.ends_with(CREATE)).count(), creates, "{name}: creates sent");
        assert_eq!(jobs(&world).await, live, "{name}: jobs live");
        world.settle(&desired, name).await;
        assert_eq!(jobs(&world).await, 1, "{name}: jobs live after the next apply");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_fails_before_a_write_is_no_absence() {
    let world = Arc::new(World::of(plumb_model::call::System::Databricks).await);
    let nothing = world::load(&Files::new());
    for fault in [status(403), status(500), status(503), foreign(404), lost(), not_sent()] {
        world.reset().await;
        world.settle(&world::load(&job()), "a job").await;
        world.forget_requests().await;
        let what = fault.to_string();
        let script = move |call: &Call, _| if call.path == GET { Before(fault.clone()) } else { Itself };
        let (ended, lines) = apply(&world, &nothing, script).await;
        assert_eq!(ends(&ended), Ends::Failed, "{what}: {ended:?}");
        assert!(!lines.iter().any(|l| l.ends_with(DELETE)), "{what}");
        assert_eq!((jobs(&world).await, world.writes().await), (1, 0), "{what}");
    }
    // The service's own word for it is another matter.
    let gone = |call: &Call, _| if call.path == GET { Before(status(404)) } else { Itself };
    let (ended, _) = apply(&world, &nothing, gone).await;
    assert_eq!(ends(&ended), Ends::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_not_answered_is_not_known_to_be_done() {
    let world = Arc::new(World::of(plumb_model::call::System::Databricks).await);
    let nothing = world::load(&Files::new());
    for (becomes, expected, live) in [
        (Before as fn(ServiceError) -> Becomes, Ends::Unknown, 1),
        (After as fn(ServiceError) -> Becomes, Ends::Unknown, 0),
    ] {
        for fault in [status(500), status(501), foreign(404), foreign(400), lost()] {
            world.reset().await;
            world.settle(&world::load(&job()), "a job").await;
            let what = fault.to_string();
            let script = move |call: &Call, _| if call.path == DELETE { becomes(fault.clone()) } else { Itself };
            let (ended, _) = apply(&world, &nothing, script).await;
            assert_eq!((ends(&ended), jobs(&world).await), (expected, live), "{what}: {ended:?}");
        }
    }
    world.reset().await;
    world.settle(&world::load(&job()), "a job").await;
    let refuses = |call: &Call, _| if call.path == DELETE { Before(status(400)) } else { Itself };
    assert_eq!(ends(&apply(&world, &nothing, refuses).await.0), Ends::Failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_verified_is_said_to_be_done_and_not_verified() {
    let world = Arc::new(World::of(plumb_model::call::System::Databricks).await);
    let desired = world::load(&job());
    for fault in [status(500), status(403), status(404), foreign(404), lost()] {
        world.reset().await;
        let what = fault.to_string();
        let wrote = AtomicBool::new(false);
        let script = move |call: &Call, _| {
            let after = wrote.fetch_or(call.method != Method::Get, Ordering::SeqCst);
            if after && call.path == GET { Before(fault.clone()) } else { Itself }
        };
        let (ended, _) = apply(&world, &desired, script).await;
        let Ended::Done { unverified: Some(_), left, .. } = &ended else { panic!("{what}: {ended:?}") };
        assert!(left.is_empty(), "{what}: {left:?}");
        assert_eq!(jobs(&world).await, 1);
    }
}
