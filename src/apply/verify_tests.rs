//! Looking what came of many jobs: what a listing says counts only where a read of the job would say it too, and how many
//! requests it takes.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::plan_world::{World, manifest, mark};
use crate::services::fake::{Fake, FakeAnswer, not_found, nothing, refused};
use plumb_core::kinds::MarkPlace;
use plumb_model::call::Call;
use serde_json::json;
use std::sync::atomic::AtomicUsize;

const JOB: &str = "DatabricksJob";
/// How many jobs a page of the fake listing has.
const ROWS: usize = 100;

fn spec(name: &str) -> Value {
    json!({"name": name, "timeout_seconds": 60, "tasks": [{"task_key": "t", "notebook_task": {"notebook_path": "/n"}}]})
}

fn name(number: usize) -> String {
    format!("j{number:03}")
}

/// The rows of a page, as the service has them. `look` and `page` are counted from 0.
type Listing = Box<dyn Fn(usize, usize, Vec<Value>) -> FakeAnswer + Send + Sync>;
/// What is answered to a read of a job.
type Get = Box<dyn Fn(&str, Value) -> FakeAnswer + Send + Sync>;

/// A workspace of jobs that lists and shows them as a case says.
struct Case {
    jobs: usize,
    /// They are there with another timeout, and not yet to be made.
    live: bool,
    list: Listing,
    get: Get,
    verify: Verification,
    /// Stops the apply at the write of so many.
    stop_at: usize,
}

impl Case {
    fn new(jobs: usize) -> Case {
        let list: Listing = Box::new(|_, _, rows| Ok(json!({ "jobs": rows })));
        let get: Get = Box::new(|_, job| Ok(job));
        Case { jobs, live: false, list, get, verify: Verification::Fewest, stop_at: usize::MAX }
    }

    fn live(jobs: usize) -> Case {
        Case { live: true, ..Case::new(jobs) }
    }

    fn list(self, list: impl Fn(usize, usize, Vec<Value>) -> FakeAnswer + Send + Sync + 'static) -> Case {
        Case { list: Box::new(list), ..self }
    }

    /// `get` is asked once every job was written.
    fn get(self, get: impl Fn(&str, Value) -> FakeAnswer + Send + Sync + 'static) -> Case {
        Case { get: Box::new(get), ..self }
    }

    async fn run(self) -> Came {
        let Case { jobs, live, list, get, verify, stop_at } = self;
        let text: String = (0..jobs).map(|n| manifest(JOB, &name(n), "", &spec(&name(n)))).collect();
        let mut world = World::of(text);
        let mut store: BTreeMap<usize, Value> = BTreeMap::new();
        if live {
            let before = json!({"timeout_seconds": 5});
            for number in 0..jobs {
                world = world.applied(JOB, &name(number), &(number + 1).to_string(), before.clone());
            }
            for found in &world.live.kinds[JOB] {
                let mut settings = found.seen.spec().into_owned();
                MarkPlace::Tags("tags").put(&mut settings, found.mark.as_ref().unwrap());
                store.insert(found.seen.id.parse().unwrap(), settings);
            }
        }
        let (store, looks, writes) = (Mutex::new(store), AtomicUsize::new(0), AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let fake = Fake::new(move |call: &Call| {
            let asked = |name: &str| call.query.iter().find(|(param, _)| param == name).map(|(_, value)| value.clone());
            let mut store = store.lock().unwrap();
            let job = |id: usize, settings: &Value| json!({"job_id": id, "settings": settings});
            if call.method != plumb_model::call::Method::Get && writes.fetch_add(1, Ordering::Relaxed) + 1 >= stop_at {
                stopped.store(true, Ordering::Relaxed);
            }
            match call.path.rsplit('/').next() {
                Some("create") => {
                    let id = store.len() + 1;
                    store.insert(id, call.body.clone().unwrap());
                    Ok(json!({ "job_id": id }))
                }
                Some("reset") => {
                    let body = call.body.as_ref().unwrap();
                    store.insert(body["job_id"].as_u64().unwrap() as usize, body["new_settings"].clone());
                    nothing()
                }
                Some("get") => {
                    let id = asked("job_id").unwrap();
                    let settings = &store[&id.parse::<usize>().unwrap()];
                    let is_written = !live || settings["timeout_seconds"] == 60;
                    let job = job(id.parse().unwrap(), settings);
                    if is_written { get(settings["name"].as_str().unwrap(), job) } else { Ok(job) }
                }
                Some("list") => {
                    let page = asked("page_token").map_or(0, |token| token.parse().unwrap());
                    let look = if page == 0 {
                        looks.fetch_add(1, Ordering::Relaxed)
                    } else {
                        looks.load(Ordering::Relaxed) - 1
                    };
                    let rows: Vec<Value> =
                        store.iter().skip(page * ROWS).take(ROWS).map(|(id, settings)| job(*id, settings)).collect();
                    let more = store.len() > (page + 1) * ROWS;
                    list(look, page, rows).map(|mut answer| {
                        if more {
                            answer["next_page_token"] = json!((page + 1).to_string());
                        }
                        answer
                    })
                }
                _ => Err(not_found()),
            }
        });
        let short = Duration::from_millis(1);
        let options = ApplyOptions {
            width: 4,
            patience: short,
            grace: vec![Duration::ZERO, short, short],
            poll: short,
            outage: short,
            verify,
            ..ApplyOptions::default()
        };
        let desired = world.desired();
        let decision = world.decision(&desired);
        assert_eq!(decision.plan.changes.len(), jobs);
        let watch = Told::default();
        let outcome = apply(&fake.services(), &desired, &world.live, decision, options, &watch, stop).await;
        let lines: Vec<String> = fake.asked().iter().map(|call| call.path.clone()).collect();
        let count = |what: &str| lines.iter().filter(|path| path.ends_with(what)).count();
        // The look before a write is not what is counted here.
        let gets = count("/jobs/get") - count("/jobs/reset");
        Came { outcome, lists: count("/jobs/list"), gets, told: watch.0.into_inner().unwrap() }
    }
}

/// What was told of each change, in order.
#[derive(Default)]
struct Told(Mutex<Vec<(String, &'static str)>>);

impl ApplyWatch for Told {
    fn written(&self, change: &Change, ended: &Ended, _took: Duration) {
        assert!(matches!(ended, Ended::Done { unverified: Some(_), .. }), "nobody has looked yet: {ended:?}");
        self.0.lock().unwrap().push((change.address.name.clone(), "written"));
    }
    fn ended(&self, change: &Change, _ended: &Ended, _took: Duration) {
        self.0.lock().unwrap().push((change.address.name.clone(), "ended"));
    }
}

struct Came {
    outcome: ApplyOutcome,
    lists: usize,
    gets: usize,
    told: Vec<(String, &'static str)>,
}

impl Came {
    /// The jobs that were not simply done: what is left, or why it is not known.
    fn odd(&self) -> Vec<String> {
        let odd = self.outcome.changes.iter().filter_map(|(address, ended)| {
            Some(match ended {
                Ended::Done { left, unverified: None, .. } if left.is_empty() => return None,
                Ended::Done { left, unverified: None, .. } => format!("{}: {}", address.name, left.join("; ")),
                Ended::Done { unverified: Some(why), .. } => format!("{}: unverified: {why}", address.name),
                other => format!("{}: {other:?}", address.name),
            })
        });
        odd.collect()
    }

    fn requests(&self) -> (usize, usize) {
        (self.lists, self.gets)
    }
}

fn called(row: &Value, number: usize) -> bool {
    row["settings"]["name"] == json!(name(number))
}

#[tokio::test(start_paused = true)]
async fn many_are_verified_by_pages_and_few_by_themselves() {
    for live in [false, true] {
        for (jobs, verify, requests) in [
            (1, Verification::Fewest, (0, 1)),
            (2, Verification::Fewest, (1, 0)),
            (250, Verification::Fewest, (3, 0)),
            (8, Verification::Singly, (0, 8)),
            (1, Verification::Pages, (1, 0)),
        ] {
            let came = Case { verify, live, ..Case::new(jobs) }.run().await;
            assert_eq!((came.odd(), came.requests()), (vec![], requests), "{jobs} jobs, {verify:?}, live: {live}");
            for number in 0..jobs {
                let told: Vec<&str> =
                    came.told.iter().filter(|(of, _)| *of == name(number)).map(|(_, what)| *what).collect();
                let looked_at_together = requests.0 > 0;
                assert_eq!(told, if looked_at_together { vec!["written", "ended"] } else { vec!["ended"] });
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_only_ever_says_that_all_is_well() {
    // Somebody else did it, and the listing and the job itself tell.
    let meddled = |job: &mut Value| job["settings"]["timeout_seconds"] = json!(7);
    let wanted: Vec<String> = vec!["j003: timeout_seconds: wanted 60, is 7".into()];
    let changed = Case::live(8).list(move |_, _, mut rows| {
        rows.iter_mut().filter(|row| called(row, 3)).for_each(meddled);
        Ok(json!({ "jobs": rows }))
    });
    let changed = changed.get(move |of, mut job| {
        if of == name(3) {
            meddled(&mut job);
        }
        Ok(job)
    });
    let came = changed.run().await;
    assert_eq!((came.odd(), came.requests()), (wanted, (1, 1)), "changed meanwhile");

    // The listing has them as they were before the write.
    let stale = Case::live(8).list(|_, _, mut rows| {
        rows.iter_mut().for_each(|row| row["settings"]["timeout_seconds"] = json!(5));
        Ok(json!({ "jobs": rows }))
    });
    let came = stale.run().await;
    assert_eq!((came.odd(), came.gets), (vec![], 8), "a stale listing");
    assert!(came.lists <= 3);

    // It shows a job twice, and the second time somebody has changed it.
    let twice = Case::live(150).list(move |_, page, mut rows| {
        if page == 1 {
            let mut again = rows[0].clone();
            (again["job_id"], again["settings"]["name"]) = (json!(4), json!(name(3)));
            meddled(&mut again);
            rows.push(again);
        }
        Ok(json!({ "jobs": rows }))
    });
    let came = twice.run().await;
    assert_eq!((came.odd(), came.requests()), (vec![], (2, 1)), "on two pages");

    type Change = fn(&mut Value);
    let spoilt: [(&str, Change); 4] = [
        ("more than is shown", |row| row["has_more"] = json!(true)),
        ("no settings", |row| row["settings"] = json!(null)),
        ("odd tags", |row| row["settings"]["tags"] = json!("odd")),
        ("no id", |row| row["job_id"] = json!(null)),
    ];
    for (what, spoil) in spoilt {
        for case in [Case::new(8), Case::live(8)] {
            let case = case.list(move |_, _, mut rows| {
                rows.iter_mut().filter(|row| called(row, 3)).for_each(spoil);
                Ok(json!({ "jobs": rows }))
            });
            let came = case.run().await;
            assert_eq!((came.odd(), came.requests()), (vec![], (1, 1)), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_listing_does_not_show_is_looked_for_and_never_said_to_be_gone() {
    // Lists lag: at the second look all are there.
    let late = Case::new(8).list(|look, _, rows| Ok(json!({ "jobs": if look == 0 { vec![] } else { rows } })));
    let came = late.run().await;
    assert_eq!((came.odd(), came.requests()), (vec![], (2, 0)), "late");

    // At no look are they there.
    let never = Case::new(8).list(|_, _, _| Ok(json!({})));
    let came = never.run().await;
    assert_eq!((came.odd(), came.requests()), (vec![], (3, 8)), "never");

    // One is left out: another look at all of them would be no bargain.
    let without = |_: usize, _: usize, mut rows: Vec<Value>| {
        rows.retain(|row| !called(row, 3));
        Ok(json!({ "jobs": rows }))
    };
    let came = Case::new(8).list(without).run().await;
    assert_eq!((came.odd(), came.requests()), (vec![], (1, 1)), "left out");

    // It was deleted as soon as it was made, and the job itself says so.
    let gone = Case::new(8).list(without).get(|of, job| if of == name(3) { Err(not_found()) } else { Ok(job) });
    let came = gone.run().await;
    assert_eq!(came.odd(), ["j003: unverified: job 4 is not found"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_listed_is_read_singly_or_said_to_be_unverified() {
    for (status, code) in [(500, "INTERNAL_ERROR"), (429, "RESOURCE_EXHAUSTED"), (403, "PERMISSION_DENIED")] {
        let fails = move |from: usize| {
            move |_: usize, page: usize, rows: Vec<Value>| {
                if page >= from { Err(refused(status, code)) } else { Ok(json!({ "jobs": rows })) }
            }
        };
        let lists = |came: &Came| if status == 429 { came.lists >= 1 } else { came.lists == 1 };
        let came = Case::new(8).list(fails(0)).run().await;
        assert_eq!((came.odd(), came.gets), (vec![], 8), "{status}");
        assert!(lists(&came), "{status}: {} listings", came.lists);
        // The pages before it have said what they have said.
        let came = Case::new(250).list(fails(1)).run().await;
        assert_eq!((came.odd(), came.gets), (vec![], 150), "{status} in the middle");
        // The service is away: nobody waits for it at each of the jobs.
        let away = Case::new(250).list(fails(1)).get(|_, _| Err(refused(502, "BAD_GATEWAY")));
        let came = away.run().await;
        assert_eq!(came.odd().len(), 150, "{status}, and away");
        assert!(came.odd().iter().all(|said| said.contains(": unverified: ")), "{:?}", came.odd());
        let asked_of: usize = came.odd().iter().filter(|said| said.contains("BAD_GATEWAY")).count();
        assert!(asked_of <= 4, "{status}, and away: {asked_of} were asked for");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_done_before_a_stop_is_verified() {
    let came = Case { stop_at: 40, ..Case::new(100) }.run().await;
    let not_started = came.outcome.count(|ended| *ended == Ended::NotStarted);
    let done = came.outcome.count(|ended| matches!(ended, Ended::Done { unverified: None, .. }));
    assert_eq!((done + not_started, came.requests()), (100, (1, 0)));
    assert!((40..44).contains(&done), "{done}");
    assert!(mark("a/b/c/d", "0").rev.is_some());
}
