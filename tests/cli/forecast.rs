//! `plumb migrate forecast` with the real binary: what it says, where it cannot, and how an earlier one stands today.

use crate::world::World;

const PROJECT: &str = "\
apiVersion: plumb/v1
kind: Project
metadata: {name: demo}
spec:
  targets:
    dev: {default: true, databricks: {}}
  forecast:
    people: 2
    by: 2026-12-18
    holidays: [2026-12-25, 2027-01-01]
    replaysAtOnce: 2
    days:
      inventory: [1, 1, 2]
      translate: [1, 2, 4]
      decide: [1, 3, 10]
      deploy: [1, 1, 3]
      parity: [1, 3, 10]
      teardown: [1, 1, 2]
";

/// The manifests of a pipeline, by what is done of it: its migration, its jobs, its decisions.
fn pipeline(world: &World, name: &str, stage: u8) {
    let folder = format!("manifests/{name}");
    world.write(
        &format!("{folder}/legacy.yaml"),
        &format!(
            "apiVersion: plumb/v1\nkind: EmrCluster\nmetadata: {{name: legacy-{name}}}\nspec: {{match: {{name: bau-{name}-*}}, desired: keep}}\n"
        ),
    );
    world.write(
        &format!("{folder}/migration.yaml"),
        &format!(
            "apiVersion: plumb/v1\nkind: Migration\nmetadata: {{name: {name}}}\nspec:\n  from: {{emr: [EmrCluster/legacy-{name}]}}\n  \
             to: {{jobs: [DatabricksJob/{name}], dags: [AirflowDag/{name}]}}\n  period: {{parameter: month}}\n  \
             shadow: {{parameters: {{output: \"s3://acme-shadow/{name}\"}}}}\n  requires: {{parity: {{passes: 3}}}}\n"
        ),
    );
    let open = if stage == 1 { "  # DECISION: which runtime?\n" } else { "" };
    world.write(
        &format!("{folder}/job.yaml"),
        &format!(
            "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: {name}}}\nspec:\n{open}  name: {name}\n  \
             parameters: [{{name: month, default: \"\"}}, {{name: output, default: \"\"}}]\n"
        ),
    );
    world.write(
        &format!("{folder}/dag.yaml"),
        &format!(
            "apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {{name: {name}}}\nspec:\n  schedule: {{cron: \"0 4 2 * *\"}}\n  \
             start_date: \"2026-01-01\"\n  paused: true\n  tasks: [{{key: run, job: DatabricksJob/{name}}}]\n"
        ),
    );
}

/// A commit of a day.
fn commit(world: &World, day: &str, message: &str) {
    let date = format!("{day}T12:00:00Z");
    world.git(&["add", "--all"]);
    world.git_on(&date, &["commit", "--quiet", "--message", message]);
}

/// Six pipelines of which all are translated, five are decided, and one is not.
fn six() -> World {
    let mut world = World::new();
    world.write("plumb.yaml", PROJECT);
    let all = ["audience", "churn", "revenue", "export", "ranking", "spend"];
    for (at, name) in all.iter().enumerate() {
        pipeline(&world, name, 1);
        commit(&world, &format!("2026-10-{:02}", 5 + at), "inventory and translate");
    }
    for (at, name) in all.iter().take(5).enumerate() {
        pipeline(&world, name, 2);
        commit(&world, &format!("2026-10-{:02}", 19 + 2 * at), "decide");
    }
    world.env("PLUMB_NOW", Some("2026-11-09T09:00:00Z"));
    world
}

#[test]
fn too_little_is_said_to_be_too_little() {
    let world = six();
    let none = world.plumb("migrate forecast --offline").code(0);
    none.says("Percentages cannot be said: they take 10 finished stages");
    world.edit("plumb.yaml", "      deploy: [1, 1, 3]\n", "");
    world
        .plumb("migrate forecast --offline")
        .code(1)
        .says("there is no forecast: too little is known")
        .says("nothing was seen of `deploy`: write `forecast: {days: {deploy: [least, most likely, most]}}` into plumb.yaml")
        .says("`forecast.days` stands at plumb.yaml:13:7");
}
