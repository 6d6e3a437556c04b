//! Looking what came of many changes by pages says nothing else than reading each object does: whatever a listing leaves
//! out, shows late, cuts short or shows twice, whoever changes or deletes an object as soon as it is written, and whichever
//! reads fail.

use crate::world::{self, Files, World};
use plumb::apply::{self, UnwatchedApply, Verification};
use plumb_core::manifest::Desired;
use plumb_core::plan::outcome::Ended;
use plumb_model::call::{Answer, Call, Method, Sending, Service, ServiceError, System};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, atomic::AtomicBool};
use std::time::Duration;

const JOBS: u64 = 12;
/// How often a listing is looked at, at most.
const LOOKS: usize = 4;

fn chance(seed: u64, what: &str, name: &str, of: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, what, name).hash(&mut hasher);
    hasher.finish() % of
}

/// A workspace in which somebody meddles with jobs as soon as they are written, and whose listing cannot be relied on.
struct Meddled {
    world: Arc<World>,
    seed: u64,
    /// Whether some jobs cannot be read once they are written.
    fails: bool,
    /// The jobs as they were shown last before they were written.
    before: Mutex<HashMap<String, Value>>,
    looks: Mutex<u64>,
    calls: Mutex<Vec<Call>>,
}

fn failed(call: &Call, status: u16) -> ServiceError {
    ServiceError::Refused {
        line: call.line(),
        status,
        code: "INTERNAL_ERROR".into(),
        message: "says the test".into(),
        request_id: None,
        retry_after: None,
        doubt: None,
    }
}

impl Meddled {
    async fn meddle(&self, name: &str, id: &Value) {
        let body = match chance(self.seed, "meddle", name, 12) {
            0 => json!({"job_id": id, "new_settings": {"timeout_seconds": 999}}),
            1 => json!({"job_id": id, "new_settings": {"max_concurrent_runs": 5, "description": "mine"}}),
            2 => {
                let delete = Call::set(System::Databricks, Method::Post, "/api/2.2/jobs/delete", json!({"job_id": id}));
                self.world.person(delete).await;
                return;
            }
            _ => return,
        };
        self.world.person(Call::set(System::Databricks, Method::Post, "/api/2.2/jobs/update", body)).await;
    }

    fn list(&self, call: &Call, answer: &mut Answer) -> Result<(), ServiceError> {
        let look = {
            let mut looks = self.looks.lock().unwrap();
            *looks += 1;
            *looks
        };
        if chance(self.seed, "listing", "fails", 5) == 0 {
            return Err(failed(call, 500));
        }
        let rows = std::mem::take(answer.body["jobs"].as_array_mut().unwrap());
        let mut shown = Vec::new();
        for mut row in rows {
            let name = row["settings"]["name"].as_str().unwrap().to_owned();
            match chance(self.seed, "row", &name, 16) {
                0 => {}
                1 if look == 1 => {}
                2 => {
                    row["has_more"] = json!(true);
                    shown.push(row);
                }
                3 => {
                    // As it was before the write; what was made just now is not there yet.
                    shown.extend(self.before.lock().unwrap().get(&name).cloned());
                }
                4 => {
                    shown.push(row.clone());
                    shown.push(row);
                }
                5 => {
                    row["settings"]["tags"] = json!(["odd"]);
                    shown.push(row);
                }
                _ => shown.push(row),
            }
        }
        answer.body["jobs"] = json!(shown);
        Ok(())
    }
}

impl Service for Meddled {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            self.calls.lock().unwrap().push(call.clone());
            let mut answer = self.world.direct().send(call).await?;
            let settings =
                |member: &str| call.body.as_ref().map(|body| body.pointer(member).cloned().unwrap_or_default());
            match call.path.rsplit('/').next() {
                Some("create") => {
                    let (name, id) = (settings("/name").unwrap(), answer.body["job_id"].clone());
                    self.meddle(name.as_str().unwrap(), &id).await;
                }
                Some("reset") => {
                    let (name, id) = (settings("/new_settings/name").unwrap(), settings("/job_id").unwrap());
                    self.meddle(name.as_str().unwrap(), &id).await;
                }
                Some("get") => {
                    let name = answer.body["settings"]["name"].as_str().unwrap().to_owned();
                    let was_written = answer.body["settings"]["timeout_seconds"] != json!(1);
                    if !was_written {
                        self.before.lock().unwrap().insert(name, answer.body);
                        return self.world.direct().send(call).await;
                    }
                    if self.fails && chance(self.seed, "get", &name, 8) == 0 {
                        return Err(failed(call, 500));
                    }
                }
                Some("list") => self.list(call, &mut answer)?,
                _ => {}
            }
            Ok(answer)
        })
    }
}

fn files(count: u64, timeout: u32) -> Files {
    let document = |i| {
        format!(
            "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: j{i}}}\nspec:\n  name: job {i}\n  timeout_seconds: \
             {timeout}\n  tasks: [{{task_key: only, notebook_task: {{notebook_path: /n}}}}]\n"
        )
    };
    Files::from([("all.yaml".to_owned(), (0..count).map(document).collect::<Vec<_>>().join("---\n"))])
}

/// How each change ended, without the ids of anything, and how many requests were sent.
async fn ends(
    world: &Arc<World>,
    desired: &Desired,
    (seed, fails): (u64, bool),
    verify: Verification,
) -> (BTreeMap<String, String>, usize) {
    let (live, decision) = world.plan(desired).await;
    let meddled = Arc::new(Meddled {
        world: world.clone(),
        seed,
        fails,
        before: Mutex::default(),
        looks: Mutex::default(),
        calls: Mutex::default(),
    });
    let options = apply::ApplyOptions { verify, width: 3, outage: Duration::ZERO, ..world::options() };
    let stop = Arc::new(AtomicBool::new(false));
    let services = world.through(meddled.clone());
    let outcome = apply::apply(&services, desired, &live, decision, options, &UnwatchedApply, stop).await;
    let said = |ended: &Ended| match ended {
        Ended::Done { id: Some(id), left, unverified } => {
            let why = unverified.as_ref().map(|why| why.split(" (request id ").next().unwrap_or_default());
            format!("left {left:?}, unverified {why:?}").replace(id.as_str(), "ID")
        }
        other => panic!("{other:?}"),
    };
    let ends = outcome.changes.iter().map(|(address, ended)| (address.name.clone(), said(ended))).collect();
    let calls = meddled.calls.lock().unwrap().len();
    (ends, calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_say_what_reading_each_object_says() {
    let world = Arc::new(World::of(System::Databricks).await);
    let is_hidden = |said: &str| said.contains("says the test");
    let (mut left, mut unverified, mut hidden, mut fewer) = (0, 0, 0, 0);
    for seed in 0..12 {
        for is_update in [false, true] {
            use Verification::{Fewest, Pages, Singly};
            let mut all = Vec::new();
            // What a read of each says when all of them are answered, then the same and pages with reads that fail.
            for (fails, verify) in [(false, Singly), (true, Singly), (true, Pages), (true, Fewest), (false, Pages)] {
                world.reset().await;
                if is_update {
                    world.settle(&world::load(&files(JOBS, 1)), "before").await;
                }
                all.push(ends(&world, &world::load(&files(JOBS, 2)), (seed, fails), verify).await);
            }
            let what = format!("seed {seed}, update: {is_update}");
            let [(truth, requests), (singly, _), (pages, _), (fewest, _), (calm, least)] = &all[..] else {
                panic!("five ways")
            };
            assert_eq!(truth, calm, "{what}, by pages");
            for said in [singly, pages, fewest] {
                for (name, said) in said {
                    // A page may show what a read that fails does not, and never less than it.
                    let may_hide = is_hidden(&singly[name]);
                    assert!(
                        said == &truth[name] || may_hide && is_hidden(said),
                        "{what}, {name}: {said}, is {}",
                        truth[name]
                    );
                }
            }
            left += truth.values().filter(|said| !said.starts_with("left []")).count();
            unverified += truth.values().filter(|said| said.contains("Some")).count();
            hidden += pages.values().filter(|said| is_hidden(said)).count();
            fewer += usize::from(least < requests);
            assert!(*least <= requests + LOOKS, "{what}: {least} requests, and {requests} one by one");
        }
    }
    let seen = format!("{left} left, {unverified} unverified, {hidden} hidden, {fewer} with fewer requests");
    assert!(left > 10 && unverified > 5 && hidden > 2 && fewer > 5, "{seen}");
}
