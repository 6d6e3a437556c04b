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
        let found = find_marked(&fake.services(), kind, &owner).await;
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
    let (part, refused) = listed(&fake.services(), &kinds, &UnwatchedRead).await.unwrap();
    assert_eq!((part.kinds.len(), refused.len()), (0, 1), "a part of a listing is none of it");
}
