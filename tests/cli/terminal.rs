//! What is shown on a terminal: plans in short, a pager for what is long, and the question below the plan that it is about.

use crate::world::{World, job};
use serde_json::json;

/// More than a plan that is shown whole.
const JOBS: usize = 60;

fn world() -> World {
    let world = World::new();
    for n in 0..JOBS {
        world.write(&format!("manifests/job-{n:03}.yaml"), &job(&format!("job-{n:03}"), ""));
    }
    world.commit("Add jobs");
    world
}

#[test]
fn a_long_plan_is_in_short_on_a_terminal_and_whole_everywhere_else() {
    let world = world();
    let short = "60 jobs will be created";
    let shown = world.on_terminal((24, 80), "plan --no-pager", &[]).code(0).says(short).says("60 changes on 1 line");
    assert!(
        shown.out.lines().count() < 30 && shown.out.lines().all(|line| line.chars().count() <= 80),
        "{}",
        shown.out
    );
    let whole = world.on_terminal((24, 80), "plan --no-pager --full", &[]).code(0).never_says(short);
    assert_eq!(whole.out.matches("will be created").count(), JOBS);
    // A pipe and a file get all of it, unless somebody asks.
    assert_eq!(world.plumb("plan").code(0).never_says(short).out.matches("will be created").count(), JOBS);
    world.plumb("plan --out plan.txt").code(0);
    assert_eq!(world.read("plan.txt").matches("will be created").count(), JOBS);
    world.plumb("plan --compact").code(0).says(short).says("`--full` shows every field");
    world.plumb("drift --compact").code(2).says(short);
    world.plumb("plan --compact --full").code(64);
    world.plumb("plan --compact --output json").code(64).says("the form `json` is always whole");
    world.plumb("apply --yes --compact --override max-change-percent").code(0).says(short);
}

#[test]
fn what_is_long_goes_through_a_pager_and_is_never_lost() {
    let mut world = world();
    world.env("PLUMB_PAGER", Some("sed s/^/paged:/"));
    let plan = "plan --full --detailed-exitcode";
    world.on_terminal((24, 80), plan, &[]).code(2).says("paged:Plan of demo");
    world.on_terminal((24, 80), &format!("{plan} --no-pager"), &[]).code(2).never_says("paged:");
    // What fits is printed, and so is all that no person reads.
    world.on_terminal((24, 80), "plan --detailed-exitcode", &[]).code(2).never_says("paged:");
    world.plumb(plan).code(2).never_says("paged:");
    world.on_terminal((24, 80), "status", &[]).code(0).says("paged:ADDRESS");
    for off in ["cat", ""] {
        world.env("PLUMB_PAGER", Some(off));
        world.env("PAGER", Some("sed s/^/paged:/"));
        world.on_terminal((24, 80), plan, &[]).code(2).never_says("paged:").says("Plan: 60 to create");
    }
    world.env("PLUMB_PAGER", None);
    world.on_terminal((24, 80), plan, &[]).code(2).says("paged:Plan of demo");
    // One that is missing or dies loses nothing, and the exit code is the plan's.
    for broken in ["no-such-pager", "head -n 1; exit 3", "exit 1", "kill -9 $$"] {
        world.env("PLUMB_PAGER", Some(broken));
        let ran = world.on_terminal((24, 80), plan, &[]).code(2).says("Plan: 60 to create");
        assert_eq!(ran.out.matches("will be created").count(), JOBS, "{broken}");
    }
    // Who has seen enough is not told the rest.
    world.env("PLUMB_PAGER", Some("head -n 1"));
    world.on_terminal((24, 80), plan, &[]).code(2).says("Plan of demo").never_says("Plan: 60 to create");
    world.env("PLUMB_PAGER", None);
    world.env("PAGER", None);
    world.on_terminal((24, 80), plan, &[("Plan of demo", "q")]).code(2);
}

#[test]
fn what_is_asked_stands_below_the_plan() {
    let mut world = world();
    world.env("PLUMB_PAGER", Some("sed s/^/paged:/"));
    let ran = world.on_terminal((24, 80), "apply --full", &[("[y/N]", "n\n")]).code(1).never_says("paged:");
    let (plan, question) = (ran.out.find("Plan: 60 to create"), ran.out.find("Apply to target dev?"));
    assert!(plan.is_some() && plan < question, "{}", ran.out);
    world.on_terminal((24, 80), "apply", &[("[y/N]", "n\n")]).code(1).says("60 jobs will be created");
}

#[test]
fn status_tells_drift_from_what_waits_to_be_applied() {
    let world = World::new();
    for name in ["both", "clean", "drifted", "pending"] {
        world.write(&format!("manifests/{name}.yaml"), &job(name, "  timeout_seconds: 60\n"));
    }
    world.commit("Add jobs");
    world.plumb("apply --yes").code(0);
    for name in ["both", "drifted"] {
        world.sandbox.edit_job(name, json!({"timeout_seconds": 600}));
    }
    for name in ["both", "pending"] {
        world.edit(
            &format!("manifests/{name}.yaml"),
            "timeout_seconds: 60",
            "max_concurrent_runs: 3\n  timeout_seconds: 60",
        );
    }
    world.commit("Run three at a time");
    let ran = world.on_terminal((24, 80), "status --quiet", &[]).code(0);
    for (name, status) in
        [("both", "drifted, pending"), ("clean", "in sync"), ("drifted", "drifted"), ("pending", "pending")]
    {
        let line = ran.out.lines().find(|line| line.starts_with(&format!("DatabricksJob/{name} "))).unwrap();
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells[1], status, "{}", ran.out);
    }
    assert!(ran.out.ends_with("4 resources: 1 drifted and pending, 1 drifted, 1 pending, 1 in sync.\n"), "{}", ran.out);
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    let listed = world.plumb("status --output json").code(0).json();
    let status: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|row| row["status"].as_str()).collect();
    assert_eq!(status, ["drifted, pending", "in sync", "drifted", "pending"]);
}
