//! What commands cost at fifty jobs and at two hundred, counted in requests and in what of git's history they need: never in
//! seconds. `benches/run` measures the same at a thousand and ten thousand.

use crate::world::{World, job};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const SMALL: usize = 50;
const LARGE: usize = 200;
/// The jobs that a page of the list holds at most.
const PAGE: usize = 100;
/// What a command asks once: who it is, the lease, the folder that it lies in.
const ONCE: usize = 30;
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
fn an_apply_of_creates_makes_one_call_an_object_and_verifies_by_pages() {
    let [small, large] = [SMALL, LARGE].map(|count| {
        let asked = asks(&jobs(count), APPLY);
        assert_eq!(asked.get("POST /api/2.2/jobs/create"), Some(&count), "{asked:?}");
        assert!(total(&asked) <= count + 2 * pages(count) + ONCE, "{count} jobs: {asked:?}");
        total(&asked)
    });
    assert!(growth(small, large) <= 1.1, "{small} requests for {SMALL} jobs, {large} for {LARGE}");
}

#[test]
fn a_change_is_a_read_and_a_write_and_the_rest_comes_by_pages() {
    let [small, large] = [SMALL, LARGE].map(|count| {
        let world = jobs(count);
        world.plumb(APPLY).code(0);
        for n in 0..count {
            world.write(&path(n), &job(&format!("job-{n:03}"), "  timeout_seconds: 600\n"));
        }
        world.commit("Set a timeout");
        let asked = asks(&world, "plan");
        assert!(total(&asked) <= 3 * pages(count) + 10, "a plan of {count} jobs: {asked:?}");
        let asked = asks(&world, APPLY);
        let written: usize = asked.iter().filter(|(call, _)| is_write(call)).map(|(_, times)| times).sum();
        assert_eq!(written, count, "{asked:?}");
        // The read just before a write is a promise, which nothing may make cheaper.
        assert!(asked.get("GET /api/2.2/jobs/get").is_some_and(|times| *times >= count), "{asked:?}");
        // The list before, the list after, and the runs that are under way.
        assert!(total(&asked) <= 2 * count + 3 * pages(count) + ONCE, "{count} jobs: {asked:?}");
        total(&asked)
    });
    assert!(growth(small, large) <= 1.1, "{small} requests for {SMALL} jobs, {large} for {LARGE}");
}

fn is_write(call: &str) -> bool {
    ["POST /api/2.2/jobs/reset", "POST /api/2.2/jobs/update"].contains(&call)
}

#[test]
fn a_delete_is_a_read_and_a_write_and_the_rest_comes_by_pages() {
    let [small, large] = [SMALL, LARGE].map(|count| {
        let world = jobs(count);
        world.plumb(APPLY).code(0);
        (0..count).for_each(|n| world.remove(&path(n)));
        world.write("manifests/kept.yaml", &job("kept", ""));
        world.commit("Remove the jobs");
        let asked = asks(&world, APPLY);
        assert_eq!(asked.get("POST /api/2.2/jobs/delete"), Some(&count), "{asked:?}");
        assert!(total(&asked) <= 2 * count + 3 * pages(count) + ONCE, "{count} jobs: {asked:?}");
        total(&asked)
    });
    assert!(growth(small, large) <= 1.1, "{small} requests for {SMALL} jobs, {large} for {LARGE}");
}

/// How many pipelines the clusters are of.
const PIPELINES: usize = 6;

/// Clusters of six pipelines that ended, one every hour until yesterday.
fn ended(count: usize) -> Value {
    let yesterday = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
    let group = |role: &str| json!({"InstanceRole": role, "InstanceType": "m5.xlarge", "InstanceCount": 1, "Market": "ON_DEMAND"});
    let step = json!({"Name": "work", "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit", "s3://acme-code/work.py"]}});
    let clusters = (0..count).map(|n| {
        let created = yesterday - jiff::SignedDuration::from_hours(i64::try_from(n).unwrap());
        let later = |minutes| (created + jiff::SignedDuration::from_mins(minutes)).to_string();
        let name = format!("pipeline-{}-{}", ["a", "b", "c", "d", "e", "f"][n % PIPELINES], created.strftime("%Y%m%dT%H%M"));
        json!({
            "run": {"Name": name, "ReleaseLabel": "emr-6.15.0", "Applications": [{"Name": "Spark"}],
                "ServiceRole": "EMR_DefaultRole", "JobFlowRole": "EMR_EC2_DefaultRole", "Steps": [step],
                "Instances": {"InstanceGroups": [group("MASTER"), group("CORE")], "KeepJobFlowAliveWhenNoSteps": false}},
            "state": "TERMINATED", "created": created.to_string(), "ready": later(5), "ended": later(50),
            "reason": {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"},
        })
    });
    json!({"emr": {"region": "eu-central-1", "clusters": clusters.collect::<Vec<_>>()}})
}

#[test]
fn an_inventory_asks_by_pipeline_and_not_by_cluster() {
    let [small, large] = [SMALL, LARGE].map(|count| {
        let world = World::with_emr(&ended(count));
        world.write("manifests/kept.yaml", &job("kept", ""));
        let asked = asks(&world, "emr inventory");
        assert!(total(&asked) <= 150, "{count} clusters: {asked:?}");
        total(&asked)
    });
    // A page of the list holds fifty clusters. Beside the newest six runs of a pipeline one more may be asked about, of the day
    // or month before: whether it is among the six depends on the time of day.
    let most = small + (LARGE - SMALL) / 50 + PIPELINES;
    assert!(large <= most, "{small} requests for {SMALL} clusters, {large} for {LARGE}");
}

/// Takes out of the repository's store what neither HEAD's last commits have nor the one before them, and says how much it was.
fn forget_before(world: &World, commits: usize) -> usize {
    let mut kept = BTreeSet::new();
    for back in 0..=commits {
        let commit = format!("HEAD~{back}");
        let of_commit = world.git(&["rev-parse", &commit, &format!("{commit}^{{tree}}")]);
        let of_tree = world.git(&["ls-tree", "-r", "-t", "--format=%(objectname)", &commit]);
        kept.extend([of_commit, of_tree].iter().flat_map(|ids| ids.lines()).map(str::to_owned));
    }
    let all = world.git(&["rev-list", "--objects", "--no-object-names", "HEAD"]);
    let old: Vec<&str> = all.lines().filter(|id| !kept.contains(*id)).collect();
    for id in &old {
        std::fs::remove_file(world.dir().join(".git/objects").join(&id[..2]).join(&id[2..])).unwrap();
    }
    old.len()
}

#[test]
fn history_before_the_commits_that_a_plan_tells_of_is_not_read() {
    let world = jobs(20);
    world.git(&["config", "gc.auto", "0"]);
    let change = |n: usize, round: usize| {
        world.write(&path(n), &job(&format!("job-{n:03}"), &format!("  timeout_seconds: {}\n", 600 + round)));
        world.commit(&format!("Change {n}, {round}"));
    };
    (0..60).for_each(|round| change(round % 20, round));
    world.plumb(APPLY).code(0);
    (0..20).for_each(|n| change(n, 100));
    let before = world.plumb("plan").code(0).says("by Ada: Change 7, 100");
    // Left are the twenty, and the commit that was applied.
    assert!(forget_before(&world, 20) > 60);
    let after = world.plumb("plan").code(0);
    assert_eq!(before.out, after.out);
}
