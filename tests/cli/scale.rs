//! What commands cost at fifty jobs and at two hundred, counted in requests: never in seconds. `benches/run` measures the same
//! at a thousand and ten thousand.

use crate::world::{World, job};
use std::collections::BTreeMap;

const SMALL: usize = 50;
const LARGE: usize = 200;
/// The jobs that a page of the list holds at most.
const PAGE: usize = 100;
const APPLY: &str = "apply --yes --override max-deletes --override max-change-percent -q";

/// A world with so many jobs, committed and not yet applied.
fn jobs(count: usize) -> World {
    let world = World::new();
    for n in 0..count {
        world.write(&path(n), &job(&format!("job-{n:03}"), ""));
    }
    world.commit("Add jobs");
    world.sandbox.requests();
    world
}

fn path(n: usize) -> String {
    format!("manifests/job-{n:03}.yaml")
}

/// What a command asks for, by method and path; without ids.
fn asks(world: &World, command: &str) -> BTreeMap<String, usize> {
    world.sandbox.requests();
    world.plumb(command).code(0);
    let mut asked = BTreeMap::new();
    for line in world.sandbox.requests() {
        let call = line.rsplit_once(' ').unwrap().0.to_owned();
        *asked.entry(call).or_default() += 1;
    }
    asked
}

fn total(asked: &BTreeMap<String, usize>) -> usize {
    asked.values().sum()
}

/// How a count grows from [`SMALL`] to [`LARGE`]: 1 is in proportion, 2 quadratic.
#[expect(clippy::cast_precision_loss, reason = "counts of a test")]
fn growth(small: usize, large: usize) -> f64 {
    (large as f64 / small.max(1) as f64).ln() / (LARGE as f64 / SMALL as f64).ln()
}

fn pages(count: usize) -> usize {
    count.div_ceil(PAGE)
}

#[test]
fn a_plan_with_nothing_to_do_asks_for_pages_and_not_for_objects() {
    for count in [SMALL, LARGE] {
        let world = jobs(count);
        world.plumb(APPLY).code(0);
        let asked = asks(&world, "plan --detailed-exitcode");
        assert_eq!(asked.get("GET /api/2.2/jobs/list"), Some(&pages(count)), "{asked:?}");
        assert_eq!(asked.get("GET /api/2.2/jobs/get"), None, "{asked:?}");
        assert!(total(&asked) <= pages(count) + 10, "{count} jobs: {asked:?}");
    }
}

#[test]
fn a_plan_of_creates_asks_for_nothing_an_object() {
    let [small, large] = [SMALL, LARGE].map(|count| total(&asks(&jobs(count), "plan")));
    assert_eq!(small, large);
}

#[test]
fn deletes_ask_in_proportion() {
    let [small, large] = [SMALL, LARGE].map(|count| {
        let world = jobs(count);
        world.plumb(APPLY).code(0);
        (0..count).for_each(|n| world.remove(&path(n)));
        world.write("manifests/kept.yaml", &job("kept", ""));
        world.commit("Remove the jobs");
        let asked = asks(&world, APPLY);
        assert_eq!(asked.get("POST /api/2.2/jobs/delete"), Some(&count), "{asked:?}");
        total(&asked)
    });
    assert!(growth(small, large) <= 1.1, "{small} requests for {SMALL} jobs, {large} for {LARGE}");
}
