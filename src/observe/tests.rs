//! What a look that fails says: nothing, and certainly not that something is gone.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::plan_world::{POOL, World, address, mark, pool, pool_spec};
use crate::services::fake::{Fake, foreign, lost, not_found, not_sent, refused};
use plumb_model::call::Call;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const OWN: &str = "bau/prod/DatabricksInstancePool/a";

fn live_pool(id: &str, name: &str, owner: &str) -> Value {
    let mut pool = pool_spec(name);
    pool["instance_pool_id"] = json!(id);
    if !owner.is_empty() {
        plumb_core::kinds::MarkPlace::Tags("custom_tags").put(&mut pool, &mark(owner, "00000000"));
    }
    pool
}

#[tokio::test]
async fn only_the_services_own_word_says_that_something_is_gone() {
    let kind = plumb_core::kinds::find(POOL).unwrap();
    let mut unnamed = live_pool("p-1", "a", OWN);
    unnamed.as_object_mut().unwrap().remove("instance_pool_id");
    for (what, said, wanted) in [
        ("there", Ok(live_pool("p-1", "a", OWN)), "there"),
        ("gone", Err(not_found()), "gone"),
        ("a proxy's 404", Err(foreign(404)), "a fault"),
        ("an endpoint that is not there", Err(refused(404, "ENDPOINT_NOT_FOUND")), "a fault"),
        ("no right to see it", Err(refused(403, "PERMISSION_DENIED")), "a fault"),
        ("a bad request", Err(refused(400, "INVALID_PARAMETER_VALUE")), "a fault"),
        ("too fast", Err(refused(429, "RESOURCE_EXHAUSTED")), "a fault"),
        ("broken", Err(refused(500, "INTERNAL_ERROR")), "a fault"),
        ("away", Err(refused(503, "TEMPORARILY_UNAVAILABLE")), "a fault"),
        ("no answer", Err(lost()), "a fault"),
        ("not sent", Err(not_sent()), "a fault"),
        ("an empty answer", Ok(json!({})), "a fault"),
        ("without its id", Ok(unnamed), "a fault"),
    ] {
        let fake = Fake::new(move |_| said.clone());
        let read = read_again(&fake.services(), kind, "p-1", None, &Value::Null).await;
        let found = match &read {
            Ok(Some(found)) if found.mark.is_some() => "there",
            Ok(Some(_)) => "without its mark",
            Ok(None) => "gone",
            Err(_) => "a fault",
        };
        assert_eq!(found, wanted, "{what}");
    }
}

#[tokio::test]
async fn a_page_that_fails_fails_the_reading() {
    for fault in [refused(403, "NO"), not_found(), refused(500, "X"), lost(), not_sent()] {
        let world = World::of(pool("a", ""));
        let failing = fault.clone();
        let fake = Fake::new(move |_| Err(failing.clone()));
        let kinds = [plumb_core::kinds::find(POOL).unwrap()];
        let read = observe(&fake.services(), &kinds, &world.desired(), &Selection::default(), &UnwatchedRead).await;
        assert!(read.is_err(), "{fault}");
    }
}

#[tokio::test]
async fn what_a_lost_create_made_is_found_by_its_mark_or_not_at_all() {
    let kind = plumb_core::kinds::find(POOL).unwrap();
    let owner = mark(OWN, "00000000").owner;
    let mut odd = live_pool("p-9", "x", "");
    odd["custom_tags"] = json!([1]);
    let mut odd_own = live_pool("p-9", "x", OWN);
    odd_own["instance_pool_name"] = json!(3);
    for (what, rows, wanted) in [
        ("nothing", json!([]), Ok(0)),
        ("its own", json!([live_pool("p-1", "a", OWN)]), Ok(1)),
        ("two", json!([live_pool("p-1", "a", OWN), live_pool("p-2", "a", OWN)]), Ok(2)),
        // Of the same name, of another target, of another address: none of them is it.
        ("a namesake", json!([live_pool("p-1", "a", "")]), Ok(0)),
        ("another target's", json!([live_pool("p-1", "a", &OWN.replace("prod", "test"))]), Ok(0)),
        ("another manifest's", json!([live_pool("p-1", "a", &OWN.replace("/a", "/b"))]), Ok(0)),
        // What cannot be read may be it, unless it was found besides.
        ("an odd one", json!([odd]), Err(())),
        ("an odd one beside it", json!([odd, live_pool("p-1", "a", OWN)]), Ok(1)),
        ("its own, and odd", json!([odd_own]), Err(())),
        ("no list", json!({}), Err(())),
    ] {
        let page = json!({ "instance_pools": rows });
        let fake = Fake::new(move |_| Ok(page.clone()));
        let found = find_marked(&fake.services(), kind, &Scopes::default(), (&owner, "")).await;
        assert_eq!(found.map(|found| found.len()).map_err(|_| ()), wanted, "{what}");
    }
}

/// The reads of single objects that a reading sends.
async fn singly(world: World, rows: Value) -> Vec<String> {
    let page = json!({ "instance_pools": rows });
    let fake = Fake::new(move |call: &Call| match call.path.as_str() {
        "/api/2.0/instance-pools/list" => Ok(page.clone()),
        "/api/2.0/preview/scim/v2/Me" => Ok(json!({"userName": "me@x.org"})),
        _ => Ok(json!({"access_control_list": []})),
    });
    let kinds = [plumb_core::kinds::find(POOL).unwrap()];
    observe(&fake.services(), &kinds, &world.desired(), &world.selection, &UnwatchedRead).await.unwrap();
    let single = fake.asked().into_iter().filter(|call| call.path.starts_with("/api/2.0/permissions/"));
    single.map(|call| call.path.rsplit('/').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_a_listing_leaves_out_is_read_of_what_is_this_projects_however_it_is_known() {
    let mut spec = pool_spec("a");
    spec["permissions"] = json!([{"group_name": "g", "permission_level": "CAN_ATTACH_TO"}]);
    let declares = |metadata: &str| World::of(crate::plan_world::manifest(POOL, "a", metadata, &spec));
    let moved = OWN.replace("/a", "/old");
    for (what, world, owner, wanted) in [
        ("by its mark", declares(""), OWN, &["p-1"][..]),
        ("by its former name", declares(", previousNames: [old]"), &moved, &["p-1"]),
        ("by adopt", declares(", adopt: p-1"), "", &["p-1"]),
        ("a manifest that declares none", World::of(pool("a", "")), OWN, &[]),
        ("nobody's", declares(""), "", &[]),
        ("another target's", declares(""), "bau/test/DatabricksInstancePool/a", &[]),
        ("not selected", declares("").only(&["other"]), OWN, &[]),
    ] {
        assert_eq!(singly(world, json!([live_pool("p-1", "a", owner)])).await, wanted, "{what}");
    }
    assert_eq!(address("a").to_string(), "DatabricksInstancePool/a");
}

/// Counts the pages that were taken in, and the objects on them.
#[derive(Default)]
struct Taken {
    pages: AtomicUsize,
    objects: AtomicUsize,
}

impl ReadWatch for Arc<Taken> {
    fn page(&self, _kind: &dyn Kind, objects: usize) {
        self.pages.fetch_add(1, Ordering::SeqCst);
        self.objects.fetch_add(objects, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn pages_are_taken_in_as_they_come_and_few_are_there_at_once() {
    const PAGES: usize = 60;
    let taken = Arc::new(Taken::default());
    let (watch, sent, most) = (taken.clone(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let highest = most.clone();
    let fake = Fake::new(move |call: &Call| {
        let number = sent.fetch_add(1, Ordering::SeqCst);
        highest.fetch_max(number - taken.pages.load(Ordering::SeqCst), Ordering::SeqCst);
        let asked = call.query.iter().find(|(name, _)| name == "page_token").map_or("0", |(_, token)| token);
        assert_eq!(asked, number.to_string(), "pages are asked for in their order");
        // The last row of each page is the first of the next: the job changed meanwhile, and is still one.
        let row =
            |id: usize, name: String| json!({ "job_id": id, "settings": { "name": name, "max_concurrent_runs": 1 } });
        let rows = json!([row(number, format!("new {number}")), row(number + 1, format!("old {}", number + 1))]);
        let next = if number + 1 < PAGES { json!((number + 1).to_string()) } else { Value::Null };
        Ok(json!({ "jobs": rows, "next_page_token": next }))
    });
    let kind = plumb_core::kinds::find("DatabricksJob").unwrap();
    let world = World::of(pool("a", ""));
    let live = observe(&fake.services(), &[kind], &world.desired(), &world.selection, &watch).await.unwrap();
    assert_eq!((watch.pages.load(Ordering::SeqCst), watch.objects.load(Ordering::SeqCst)), (PAGES, 2 * PAGES));
    assert_eq!(live.of(kind.name()).len(), PAGES + 1, "each object once");
    let names =
        |word: &str| live.of(kind.name()).iter().filter(|found| found.seen.title(kind).starts_with(word)).count();
    assert_eq!((names("new"), names("old")), (PAGES, 1), "as it was read last");
    // What waits, what is in hand on either side, and the one that is asked for.
    let most = most.load(Ordering::SeqCst);
    assert!(most <= 4, "{most} pages at once");
}

#[tokio::test]
async fn a_later_page_that_fails_fails_the_reading() {
    let fake = Fake::new(|call: &Call| match call.query.iter().any(|(name, _)| name == "page_token") {
        true => Err(refused(403, "NO")),
        false => Ok(json!({ "jobs": [{ "job_id": 1, "settings": { "name": "a" } }], "next_page_token": "2" })),
    });
    let kinds = [plumb_core::kinds::find("DatabricksJob").unwrap()];
    let world = World::of(pool("a", ""));
    let whole = observe(&fake.services(), &kinds, &world.desired(), &world.selection, &UnwatchedRead).await;
    assert!(whole.is_err());
    let (part, refused) = listed(&fake.services(), &kinds, &Scopes::default(), &UnwatchedRead).await.unwrap();
    assert_eq!((part.kinds.len(), refused.len()), (0, 1), "a part of a listing is none of it");
}

/// Asks what runs on so many jobs that are to change. What is listed of all: a page each, or a fault. How each job was found,
/// and how many listings of all and of one were asked for.
async fn running(jobs: usize, pages: Vec<crate::services::fake::FakeAnswer>) -> (Vec<String>, usize, usize) {
    let spec = |name: &str| json!({"name": name, "timeout_seconds": 60});
    let names: Vec<String> = (1..=jobs).map(|number| format!("j{number}")).collect();
    let mut world = World::of(
        names
            .iter()
            .map(|name| crate::plan_world::manifest("DatabricksJob", name, "", &spec(name)))
            .collect::<String>(),
    );
    for (index, name) in names.iter().enumerate() {
        world = world.applied("DatabricksJob", name, &(index + 1).to_string(), json!({"timeout_seconds": 5}));
    }
    let plan = world.plan();
    assert_eq!(plan.changes.len(), jobs);
    let last = pages.len();
    let fake = Fake::new(move |call: &Call| {
        let asked = |name: &str| call.query.iter().find(|(param, _)| param == name).map(|(_, value)| value.clone());
        assert_eq!((call.path.as_str(), asked("active_only").as_deref()), ("/api/2.2/jobs/runs/list", Some("true")));
        if let Some(job) = asked("job_id") {
            return if job == "1" { Ok(json!({"runs": [{"job_id": 1, "run_id": 10}]})) } else { Ok(json!({})) };
        }
        let page = asked("page_token").map_or(0, |token| token.parse().unwrap());
        pages[page].clone().map(|mut answer| {
            if page + 1 < last {
                answer["next_page_token"] = json!((page + 1).to_string());
            }
            answer
        })
    });
    let mut live = world.live.clone();
    activity(&fake.services(), &mut live, &plan).await;
    let said = live.of("DatabricksJob").iter().map(|found| match (found.seen.unknown_runs, found.seen.active_runs) {
        (true, _) => format!("{}: not known", found.seen.id),
        (false, runs) => format!("{}: {runs}", found.seen.id),
    });
    let asked = fake.asked();
    let alone = asked.iter().filter(|call| call.query.iter().any(|(name, _)| name == "job_id")).count();
    (said.filter(|said| !said.ends_with(": 0")).collect(), asked.len() - alone, alone)
}

#[tokio::test]
async fn what_runs_is_listed_for_all_where_that_takes_fewer_requests_than_asking_about_each() {
    let runs = |of: &[(u64, u64)]| {
        let runs: Vec<Value> = of.iter().map(|(job, run)| json!({"job_id": job, "run_id": run})).collect();
        Ok(json!({ "runs": runs }))
    };
    let none = || Ok(json!({}));
    let odd = |run: Value| Ok(json!({ "runs": [run] }));
    let busy: Vec<_> = (0..9).map(|_| runs(&[(99, 1)])).collect();
    let rows = vec![
        ("one job", 1, vec![none()], vec!["1: 1"], (0, 1)),
        ("none runs", 8, vec![none()], vec![], (1, 0)),
        // Run 20 is on two pages, and job 99 is somebody else's.
        (
            "some run",
            8,
            vec![runs(&[(2, 20), (3, 30), (99, 1)]), runs(&[(2, 20), (2, 21)])],
            vec!["2: 2", "3: 1"],
            (2, 0),
        ),
        // So much runs that asking about each takes fewer: what was read so far is no count.
        ("more pages than jobs", 8, busy.clone(), vec!["1: 1"], (8, 8)),
        ("as many pages as jobs", 9, busy, vec![], (9, 0)),
        ("a run of nobody", 4, vec![odd(json!({"run_id": 1}))], vec!["1: 1"], (1, 4)),
        ("a run that is no object", 4, vec![odd(json!(7))], vec!["1: 1"], (1, 4)),
        ("a list that is none", 4, vec![Ok(json!({"runs": {}}))], vec!["1: 1"], (1, 4)),
        ("refused", 4, vec![Err(refused(403, "PERMISSION_DENIED"))], vec!["1: 1"], (1, 4)),
        ("it fails in the middle", 4, vec![runs(&[(2, 20)]), Err(refused(500, "X"))], vec!["1: 1"], (2, 4)),
    ];
    for (what, jobs, pages, found, requests) in rows {
        let found: Vec<String> = found.into_iter().map(str::to_owned).collect();
        assert_eq!(running(jobs, pages).await, (found, requests.0, requests.1), "{what}");
    }
}
