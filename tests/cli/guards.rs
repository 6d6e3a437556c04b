//! Guards: what an apply refuses, and the override that each names.

use crate::shows;
use crate::world::{World, job};

fn project(world: &World, guards: &str, target: &str) {
    world.write(
        "plumb.yaml",
        &format!(
            "\
apiVersion: plumb/v1
kind: Project
metadata: {{name: demo}}
spec:
  guards: {guards}
  targets:
    dev:
      default: true
      databricks: {{}}
{target}"
        ),
    );
}

fn ten_jobs(world: &World) {
    for n in 0..10 {
        world.write(&format!("manifests/job{n}.yaml"), &job(&format!("job{n}"), ""));
    }
    world.commit("Add ten jobs");
    world.plumb("apply --yes").code(0);
    world.sandbox.requests();
}

#[test]
fn too_many_deletes() {
    let world = World::new();
    project(&world, "{maxDeletes: 2}", "");
    ten_jobs(&world);
    for n in 0..3 {
        world.remove(&format!("manifests/job{n}.yaml"));
    }
    world.commit("Remove three");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Remove three>

      - delete

      # DatabricksJob/job0 will be deleted
      # (no manifest asks for it any more)
      ! loses run history
      - DatabricksJob/job0 "job0" (id <job job0>)

      # DatabricksJob/job1 will be deleted
      # (no manifest asks for it any more)
      ! loses run history
      - DatabricksJob/job1 "job1" (id <job job1>)

      # DatabricksJob/job2 will be deleted
      # (no manifest asks for it any more)
      ! loses run history
      - DatabricksJob/job2 "job2" (id <job job2>)

    Blocked:
      ! 3 objects would be deleted, terminated or replaced; `guards.maxDeletes` allows 2
        to allow it: check that it is meant, then `plumb apply --override max-deletes`

    Plan: 0 to create, 0 to update, 3 to delete. 7 unchanged. 1 blocked.
    Digest: <digest>
    --- stderr
    read 10 objects with 5 requests in <time>
    --- exit 3
    "#);
    world.plumb("apply --yes").code(3).says("a guard refused; nothing was sent");
    world.plumb("apply --yes --override max-change-percent").code(3);
    assert_eq!(world.sandbox.writes(), [""; 0]);
    world.plumb("apply --yes --override max-deletes").code(0).says("warning: overridden: 3 objects would be deleted");
    assert!(!world.sandbox.has_job("job0") && world.sandbox.has_job("job3"));
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn too_much_at_once() {
    let world = World::new();
    project(&world, "{maxChangePercent: 30}", "");
    ten_jobs(&world);
    for n in 0..4 {
        world.edit(&format!("manifests/job{n}.yaml"), "/Shared/", "/Moved/");
    }
    world.commit("Move four notebooks");
    world.plumb("plan").code(3).says(
        "  ! 4 of 10 owned objects would change, 40 %; `guards.maxChangePercent` allows 30 %, which is 3 of\n    10\n",
    );
    world.plumb("apply --yes").code(3);
    assert_eq!(world.sandbox.writes(), [""; 0]);
    // A part of it may be done.
    world.plumb("apply --yes --only DatabricksJob/job0").code(0);
    world.edit("manifests/job9.yaml", "/Shared/", "/Moved/");
    world.plumb("apply --yes --override max-change-percent").code(0).says("warning: overridden: 4 of 10");
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn only_from_the_right_branch_and_a_clean_tree() {
    let world = World::new();
    project(&world, "{}", "      git: {branch: main, clean: true}\n");
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    world.git(&["switch", "--quiet", "--create", "feature"]);
    world.edit("manifests/etl.yaml", "/Shared/etl", "/Shared/etl2");
    // Anybody may look.
    world.plumb("plan").code(0).never_says("Blocked");
    shows!(world.plumb("apply --yes -q"), @r#"
    Plan of demo for target dev, manifests at <Add etl>-dirty

      + create

      # DatabricksJob/etl will be created
      # manifests/etl.yaml:1, <Add etl> by Ada: Add etl
      + DatabricksJob/etl "etl"
          + name: "etl"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/etl2"

    Blocked:
      ! target dev is applied from branch main only; this is branch feature
        to allow it: check that it is meant, then `plumb apply --override branch`
      ! target dev is applied from a clean tree only; files differ from the commit
        to allow it: check that it is meant, then `plumb apply --override clean`

    Plan: 1 to create, 0 to update, 0 to delete. 0 unchanged. 2 blocked.
    Digest: <digest>
    --- stderr
    error: a guard refused; nothing was sent
    --- exit 3
    "#);
    world
        .plumb("apply --yes --override clean")
        .code(3)
        .says("warning: overridden: target dev is applied from a clean tree");
    assert_eq!(world.sandbox.writes(), [""; 0]);
    world.plumb("apply --yes --override clean,branch").code(0);
    world.commit("Move the notebook");
    world.git(&["switch", "--quiet", "main"]);
    world.git(&["merge", "--quiet", "feature"]);
    world.plumb("apply --yes").code(0);
    // A file that is no manifest makes no difference.
    world.write("notes.txt", "later");
    world.plumb("apply --yes").code(0);
    world.write("manifests/new.yaml", &job("new", ""));
    world.plumb("apply --yes").code(3).says("clean tree");
    world.git(&["checkout", "--quiet", "--detach"]);
    world.plumb("apply --yes --override clean").code(3).says("this is no branch");
}

#[test]
fn only_into_the_right_workspace() {
    let world = World::new();
    let target = |id: &str| format!("      databricks: {{workspaceId: \"{id}\"}}\n");
    project(&world, "{}", "");
    let text = world.read("plumb.yaml");
    world.write("plumb.yaml", &text.replace("      databricks: {}\n", &target("42")));
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    shows!(world.plumb("apply --yes -q"), @r#"
    Plan of demo for target dev, manifests at <Add etl>

      + create

      # DatabricksJob/etl will be created
      # manifests/etl.yaml:1, <Add etl> by Ada: Add etl
      + DatabricksJob/etl "etl"
          + name: "etl"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/etl"

    Blocked:
      ! target dev is workspace 42; the host is 7474001122334455
        to allow it: check that it is meant, then `plumb apply --override workspace`

    Plan: 1 to create, 0 to update, 0 to delete. 0 unchanged. 1 blocked.
    Digest: <digest>
    --- stderr
    error: a guard refused; nothing was sent
    --- exit 3
    "#);
    assert_eq!(world.sandbox.writes(), [""; 0]);
    world.write("plumb.yaml", &text.replace("      databricks: {}\n", &target("7474001122334455")));
    world.plumb("apply --yes").code(0);
    world.write("plumb.yaml", &text.replace("      databricks: {}\n", &target("42")));
    world.edit("manifests/etl.yaml", "/Shared/etl", "/Shared/etl2");
    world.plumb("apply --yes --override workspace").code(0).says("warning: overridden: target dev is workspace 42");
}

#[test]
fn the_old_name_of_the_workspace_s_id_is_read_and_said_to_be_old() {
    let world = World::new();
    project(&world, "{}", "");
    let text = world.read("plumb.yaml");
    let named = |name: &str| text.replace("      databricks: {}\n", &format!("      databricks: {{{name}: \"42\"}}\n"));
    world.write("plumb.yaml", &named("workspace_id"));
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    world.plumb("validate").code(0).says("`workspace_id` is called `workspaceId` now").says("plumb.yaml:");
    world.plumb("apply --yes").code(3).says("is workspace 42");
    world.write("plumb.yaml", &named("workspaceId"));
    world.plumb("validate").code(0).never_says("workspace_id");
    let both =
        text.replace("      databricks: {}\n", "      databricks: {workspaceId: \"42\", workspace_id: \"42\"}\n");
    world.write("plumb.yaml", &both);
    world.plumb("validate").code(1).says("workspaceId");
}
