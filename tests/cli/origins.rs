//! Why there is a difference: the manifest, somebody in the UI, or both; by git.

use crate::shows;
use crate::world::{World, job};
use serde_json::json;

const FIELDS: &str = "  timeout_seconds: 100\n  max_concurrent_runs: 2\n  description: first\n";

fn applied() -> World {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", FIELDS), "Add etl");
    world.plumb("apply --yes").code(0);
    world
}

#[test]
fn each_field_says_who_changed_it() {
    let world = applied();
    // In git: the timeout and the description. In the UI: the runs and the description.
    world.edit("manifests/etl.yaml", "timeout_seconds: 100", "timeout_seconds: 200");
    world.edit("manifests/etl.yaml", "description: first", "description: second");
    world.commit("Raise the timeout");
    world.sandbox.edit_job("etl", json!({"max_concurrent_runs": 9, "description": "by hand"}));
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Raise the timeout>

    Note: DatabricksJob/etl: 2 fields were changed live since the last apply

      ~ update in place

      # DatabricksJob/etl will be updated in place
      # manifests/etl.yaml:1
      ~ DatabricksJob/etl "etl" (id <job etl>)
          ~ timeout_seconds = 100 -> 200
                # manifests/etl.yaml:11, manifest <Raise the timeout> by Ada: Raise the timeout
          ~ max_concurrent_runs = 9 -> 2
                # manifests/etl.yaml:12, changed live; wanted since <Add etl> by Ada: Add etl
          ~ description = "by hand" -> "second"
                # manifests/etl.yaml:13, changed live, and manifest <Raise the timeout> by Ada: Raise the
                # timeout

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    --- exit 0
    "#);
    shows!(world.plumb("drift -q --output markdown"), @r#"
    ### Plan of `demo` for target `dev`

    **1 to update**

    #### Changes

    <details><summary>~ <code>DatabricksJob/etl</code> will be updated in place: 2 fields</summary>

    [live job `<job etl>`](<<host>/jobs/<job etl>?o=7474001122334455>)

    ```diff
    # "etl" (id <job etl>)
    # manifests/etl.yaml:1
    - timeout_seconds = 100
    + timeout_seconds = 200
    #     manifests/etl.yaml:11, manifest <Raise the timeout> by Ada: Raise the timeout
    - description = "by hand"
    + description = "second"
    #     manifests/etl.yaml:13, changed live, and manifest <Raise the timeout> by Ada: Raise the
    #       timeout
    ```

    </details>

    #### What had already drifted

    <details><summary>~ <code>DatabricksJob/etl</code> will be updated in place: 1 field</summary>

    [live job `<job etl>`](<<host>/jobs/<job etl>?o=7474001122334455>)

    ```diff
    # "etl" (id <job etl>)
    # manifests/etl.yaml:1
    - max_concurrent_runs = 9
    + max_concurrent_runs = 2
    #     manifests/etl.yaml:12, changed live; wanted since <Add etl> by Ada: Add etl
    ```

    </details>

    Digest `<digest>`, manifests at `<Raise the timeout>`
    --- exit 2
    "#);
    let plan = world.plumb("plan --output json").json();
    let fields = plan["changes"][0]["fields"].as_array().unwrap();
    let origins: Vec<_> = fields.iter().map(|f| (f["path"].as_str().unwrap(), f["origin"].as_str().unwrap())).collect();
    // In the order in which the manifest has them.
    assert_eq!(origins, [("timeout_seconds", "manifest"), ("max_concurrent_runs", "drift"), ("description", "both")]);
}

#[test]
fn files_that_are_not_committed_are_said_to_be_so() {
    let world = applied();
    world.edit("manifests/etl.yaml", "timeout_seconds: 100", "timeout_seconds: 200");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Add etl>-dirty

      ~ update in place

      # DatabricksJob/etl will be updated in place
      # manifests/etl.yaml:1
      ~ DatabricksJob/etl "etl" (id <job etl>)
          ~ timeout_seconds = 100 -> 200   # manifests/etl.yaml:11, manifest changed

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    // What was applied was never committed: nobody can say who changed what since, and nobody is blamed.
    world.edit("manifests/etl.yaml", "timeout_seconds: 200", "timeout_seconds: 300");
    world.commit("Raise the timeout");
    world.sandbox.edit_job("etl", json!({"max_concurrent_runs": 9}));
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Raise the timeout>

    Note: DatabricksJob/etl: what was applied is not what commit <Add etl> has (files were not
      committed, or variables had other values), so it cannot be told who changed what

      ~ update in place

      # DatabricksJob/etl will be updated in place
      # manifests/etl.yaml:1
      ~ DatabricksJob/etl "etl" (id <job etl>)
          ~ timeout_seconds = 200 -> 300
                # manifests/etl.yaml:11, wanted since <Raise the timeout> by Ada: Raise the timeout
          ~ max_concurrent_runs = 9 -> 2
                # manifests/etl.yaml:12, wanted since <Add etl> by Ada: Add etl

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    --- exit 0
    "#);
}

#[test]
fn without_git_a_plan_does_the_same_and_says_less() {
    let world = applied();
    std::fs::remove_dir_all(world.dir().join(".git")).unwrap();
    world.sandbox.edit_job("etl", json!({"max_concurrent_runs": 9}));
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev

    Note: DatabricksJob/etl: 1 field was changed live since the last apply

      ~ update in place

      # DatabricksJob/etl will be updated in place
      # manifests/etl.yaml:1
      ~ DatabricksJob/etl "etl" (id <job etl>)
          ~ max_concurrent_runs = 9 -> 2   # manifests/etl.yaml:12, changed live

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    --- exit 0
    "#);
    shows!(world.plumb("plan --base main"), @"
    --- stderr
    error: --base main: this is no git repository
    --- exit 1
    ");
}

#[test]
fn a_branch_is_told_apart_from_what_had_drifted() {
    let world = World::new();
    world.write("manifests/other.yaml", &job("other", FIELDS));
    world.commit_file("manifests/etl.yaml", &job("etl", FIELDS), "Add jobs");
    world.plumb("apply --yes").code(0);
    world.git(&["switch", "--quiet", "--create", "faster"]);
    world.edit("manifests/etl.yaml", "max_concurrent_runs: 2", "max_concurrent_runs: 4");
    world.commit_file("manifests/new.yaml", &job("new", ""), "Run more at once");
    // Meanwhile, main went on, and somebody was in the UI.
    world.git(&["switch", "--quiet", "main"]);
    world.edit("manifests/other.yaml", "description: first", "description: second");
    world.commit("Describe other");
    world.git(&["switch", "--quiet", "faster"]);
    world.sandbox.edit_job("etl", json!({"timeout_seconds": 9}));
    world.sandbox.edit_job("other", json!({"timeout_seconds": 9}));
    shows!(world.plumb("plan --base main"), @r#"
    Plan of demo for target dev, manifests at <Run more at once>, against main

    Note: DatabricksJob/etl: 1 field was changed live since the last apply
    Note: DatabricksJob/other: 1 field was changed live since the last apply

      + create
      ~ update in place

      # DatabricksJob/etl will be updated in place
      # manifests/etl.yaml:1
      ~ DatabricksJob/etl "etl" (id <job etl>)
          ~ timeout_seconds = 9 -> 100
                # manifests/etl.yaml:11, changed live; wanted since <Add jobs> by Ada: Add jobs
          ~ max_concurrent_runs = 2 -> 4
                # manifests/etl.yaml:12, manifest <Run more at once> by Ada: Run more at once

      # DatabricksJob/new will be created
      # manifests/new.yaml:1, <Run more at once> by Ada: Run more at once
      + DatabricksJob/new "new"
          + name: "new"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/new"

      # DatabricksJob/other will be updated in place
      # manifests/other.yaml:1
      ~ DatabricksJob/other "other" (id <job other>)
          ~ timeout_seconds = 9 -> 100
                # manifests/other.yaml:11, changed live; wanted since <Add jobs> by Ada: Add jobs

    Plan: 1 to create, 2 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 2 objects with 5 requests in <time>
    --- exit 0
    "#);
    shows!(world.plumb("plan --base main --output markdown -q"), @r#"
    ### Plan of `demo` for target `dev`

    **2 to update · 1 to create**

    #### What this branch changes

    <details><summary>~ <code>DatabricksJob/etl</code> will be updated in place: 1 field</summary>

    [live job `<job etl>`](<<host>/jobs/<job etl>?o=7474001122334455>)

    ```diff
    # "etl" (id <job etl>)
    # manifests/etl.yaml:1
    - max_concurrent_runs = 2
    + max_concurrent_runs = 4
    #     manifests/etl.yaml:12, manifest <Run more at once> by Ada: Run more at once
    ```

    </details>

    <details><summary>+ <code>DatabricksJob/new</code> will be created</summary>

    ```diff
    # "new"
    # manifests/new.yaml:1, <Run more at once> by Ada: Run more at once
    + name: "new"
    + tasks:
    +   - task_key: "main"
    +     existing_cluster_id: "0101-000000-abcdefgh"
    +     notebook_task:
    +       notebook_path: "/Shared/new"
    ```

    </details>

    #### What had already drifted

    <details><summary>~ <code>DatabricksJob/etl</code> will be updated in place: 1 field</summary>

    [live job `<job etl>`](<<host>/jobs/<job etl>?o=7474001122334455>)

    ```diff
    # "etl" (id <job etl>)
    # manifests/etl.yaml:1
    - timeout_seconds = 9
    + timeout_seconds = 100
    #     manifests/etl.yaml:11, changed live; wanted since <Add jobs> by Ada: Add jobs
    ```

    </details>

    <details><summary>~ <code>DatabricksJob/other</code> will be updated in place: 1 field</summary>

    [live job `<job other>`](<<host>/jobs/<job other>?o=7474001122334455>)

    ```diff
    # "other" (id <job other>)
    # manifests/other.yaml:1
    - timeout_seconds = 9
    + timeout_seconds = 100
    #     manifests/other.yaml:11, changed live; wanted since <Add jobs> by Ada: Add jobs
    ```

    </details>

    To apply it: `plumb apply --target dev --approved <digest>`

    Digest `<digest>`, manifests at `<Run more at once>`, against `main`
    --- exit 0
    "#);
    // Nothing was checked out for it.
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.git(&["branch", "--show-current"]), "faster");
    world.sandbox.requests();
    shows!(world.plumb("plan --base mian"), @"
    --- stderr
    error: --base: there is no revision `mian`; fetch it, or check its spelling
    --- exit 1
    ");
    assert_eq!(world.sandbox.writes(), [""; 0]);
}

#[test]
fn a_shallow_clone_says_that_it_cannot_tell() {
    let world = applied();
    world.edit("manifests/etl.yaml", "timeout_seconds: 100", "timeout_seconds: 200");
    world.commit("Raise the timeout");
    world.sandbox.edit_job("etl", json!({"max_concurrent_runs": 9}));
    let clone = world.dir().parent().unwrap().join("clone");
    let from = format!("file://{}", world.dir().display());
    world.git(&["clone", "--quiet", "--depth", "1", &from, clone.to_str().unwrap()]);
    shows!(world.plumb_in(&clone, &["plan"]), @r#"
    Plan of demo for target dev, manifests at <Raise the timeout>

    Note: commit <Add etl> is not in this repository, so it cannot be told who changed what was
      applied from it; fetch the whole history to know

      ~ update in place

      # DatabricksJob/etl will be updated in place
      # manifests/etl.yaml:1
      ~ DatabricksJob/etl "etl" (id <job etl>)
          ~ timeout_seconds = 100 -> 200   # manifests/etl.yaml:11
          ~ max_concurrent_runs = 9 -> 2   # manifests/etl.yaml:12

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    --- exit 0
    "#);
    shows!(world.plumb_in(&clone, &["plan", "--base", "HEAD~1"]), @"
    --- stderr
    error: --base: there is no revision `HEAD~1`; fetch it, or check its spelling. This clone has only part of the history: `git fetch --unshallow`, or `fetch-depth: 0` in actions/checkout, gets the rest
    --- exit 1
    ");
    assert_eq!(world.plumb_in(&clone, &["apply", "--yes"]).code, 0);
}

#[test]
fn a_project_in_a_folder_of_the_repository() {
    let world = World::new();
    let text = world.read("plumb.yaml");
    world.remove("plumb.yaml");
    world.write("data/plumb.yaml", &text);
    world.commit_file("data/manifests/etl.yaml", &job("etl", FIELDS), "Add etl");
    world.plumb("-C data apply --yes").code(0);
    world.edit("data/manifests/etl.yaml", "timeout_seconds: 100", "timeout_seconds: 200");
    world.commit("Raise the timeout");
    shows!(world.plumb_in(&world.dir().join("data/manifests"), &["plan"]), @r#"
    Plan of demo for target dev, manifests at <Raise the timeout>

      ~ update in place

      # DatabricksJob/etl will be updated in place
      # data/manifests/etl.yaml:1
      ~ DatabricksJob/etl "etl" (id <job etl>)
          ~ timeout_seconds = 100 -> 200
                # data/manifests/etl.yaml:11, manifest <Raise the timeout> by Ada: Raise the timeout

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    --- exit 0
    "#);
    shows!(world.plumb("plan"), @"
    --- stderr
    error: no plumb.yaml in <dir>/repo or above
    hint: `plumb init` writes one
    --- exit 1
    ");
    shows!(world.plumb("-C elsewhere plan"), @"
    --- stderr
    error: elsewhere holds no plumb.yaml
    hint: `plumb init` writes one
    --- exit 1
    ");
}

#[test]
fn a_reference_that_goes_with_what_it_names_is_no_drift() {
    let world = World::new();
    let calls = "    - {task_key: child, run_job_task: {job_id: \"${resources.DatabricksJob.child}\"}}\n";
    world.write("manifests/child.yaml", &job("child", ""));
    world.commit_file("manifests/etl.yaml", &job("etl", calls), "Add etl and its child");
    world.plumb("apply --yes").code(0);
    world.remove("manifests/child.yaml");
    world.write("manifests/etl.yaml", &job("etl", ""));
    world.commit("Drop the child");
    let plan = world.plumb("plan").code(0).shown;
    assert!(plan.contains("- tasks[child]") && !plan.contains("changed live"), "{plan}");
}
