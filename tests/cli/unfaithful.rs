//! The real binary in front of a server that cannot be relied on (tests/unfaithful/proxy.rs): whatever it says at the end
//! is true, and what reads sends nothing.

use crate::unfaithful_proxy::{Proxy, Tricks};
use crate::world::{World, job};
use serde_json::json;

/// The proxy in front of a world's workspace, for as long as the runtime lives.
fn front(world: &mut World, seed: u64) -> (Proxy, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let proxy = Proxy::new(seed);
    let url = runtime.block_on(proxy.before(&world.sandbox.url));
    world.env("DATABRICKS_HOST", Some(&url));
    (proxy, runtime)
}

#[test]
fn an_import_reads_all_or_says_that_it_did_not() {
    let jobs: Vec<_> = (0..4)
        .map(|i| {
            let task = json!({ "task_key": "main", "notebook_task": { "notebook_path": "/Shared/x" },
                "existing_cluster_id": "0101-000000-abcdefgh" });
            json!({ "name": format!("job-{i}"), "max_concurrent_runs": 3, "tasks": [task] })
        })
        .collect();
    let mut world = World::seeded(&json!({ "jobs": jobs }));
    world.commit("Begin");
    let (proxy, _runtime) = front(&mut world, 3);
    let shape = Tricks { leaves_out: true, unknown: true, defaults: true, ..Tricks::default() };
    let (mut read, mut failed) = (0, 0);
    for round in 0..5 {
        // Most readings fail for a moment, the last one does not.
        proxy.tricks(Tricks { reads: if round < 4 { 25 } else { 0 }, ..shape });
        proxy.log();
        let ran = world.plumb("import --all");
        let log = proxy.log();
        assert!(log.iter().all(|passed| !passed.write), "{}: {log:?}", ran.shown);
        if ran.code == 0 {
            read += 1;
            proxy.tricks(shape);
            let plan = world.plumb("plan --output json").code(0).json();
            let changes = plan["changes"].as_array().unwrap();
            assert_eq!(changes.len(), 4, "{plan:#}");
            assert!(changes.iter().all(|c| c["action"] == "adopt" && c["fields"] == json!([])), "{plan:#}");
            std::fs::remove_dir_all(world.dir().join("manifests")).unwrap();
        } else {
            failed += 1;
            ran.code(1).says("failed").never_says("manifests written");
            assert!(!world.dir().join("manifests/jobs").exists());
        }
    }
    assert!(read > 0, "{failed} failed");
}

#[test]
fn an_apply_that_ends_well_has_done_all_and_one_that_does_not_says_what_is_open() {
    let mut world = World::new();
    for i in 0..6 {
        world.write(&format!("manifests/job-{i}.yaml"), &job(&format!("job-{i}"), ""));
    }
    world.commit("Add six jobs");
    let (proxy, _runtime) = front(&mut world, 5);
    let count = |world: &World| {
        let all = world.sandbox.get("/api/2.2/jobs/list?limit=100");
        all["jobs"].as_array().map_or(0, Vec::len)
    };
    for round in 0..6 {
        let before = count(&world);
        // The lease takes its writes from the same server, so not every other one is lost.
        proxy.tricks(Tricks { writes: 15, reads: 4, ..Tricks::default() });
        let ran = world.plumb("apply --yes --parallel 2");
        proxy.tricks(Tricks::default());
        let live = count(&world);
        assert!(live <= 6, "{live} jobs for six: {}", ran.shown);
        // `Apply: 4 done, 1 not known, 1 failed.`
        let line = ran.err.lines().find_map(|line| line.strip_prefix("Apply: ")).unwrap_or_default();
        let counted = |word: &str| {
            let part = line.trim_end_matches('.').split(", ").find(|part| part.contains(word));
            part.map_or(0, |part| part.split(' ').next().unwrap().parse::<usize>().unwrap())
        };
        let (done, unknown) = (counted("done"), counted("not known"));
        assert!((done..=done + unknown).contains(&(live - before)), "{before} before, {live} now: {}", ran.shown);
        match ran.code {
            0 => {
                assert_eq!(live, 6, "{}", ran.shown);
                world.plumb("plan --detailed-exitcode").code(0);
                return;
            }
            code => assert!([1, 5, 6].contains(&code), "round {round}: {}", ran.shown),
        }
    }
    world.plumb("apply --yes").code(0);
    assert_eq!(count(&world), 6);
}
