//! `plumb drift --write`: what is live goes into the manifests, and all else of them stays.

use crate::world::World;
use serde_json::json;

const MANIFEST: &str = "\
# Nightly, owned by the data team.
apiVersion: plumb/v1
kind: DatabricksJob
metadata:
  name: a   # the address
spec:
  name: a
  timeout_seconds: 60        # an hour would be too much
  max_concurrent_runs: ${var.runs}
  tags: {team: data}

  tasks:
    # the only task
    - task_key: main
      notebook_task: {notebook_path: /Shared/a}
      existing_cluster_id: 0101-000000-abcdefgh
";

fn world() -> World {
    let world = World::new();
    world.write("plumb.yaml", &crate::world::PROJECT.replace("spec:\n", "spec:\n  variables: {runs: 2}\n"));
    world.commit_file("manifests/a.yaml", MANIFEST, "Add a");
    world.plumb("apply --yes").code(0);
    world
}

#[test]
fn what_drifted_is_taken_in_and_comments_stay() {
    let world = world();
    let mut tasks = world.sandbox.job("a")["settings"]["tasks"].clone();
    tasks[0]["notebook_task"]["notebook_path"] = json!("/Shared/changed by hand");
    tasks[0]["max_retries"] = json!(3);
    let mut second = tasks[0].clone();
    second["task_key"] = json!("second");
    second["depends_on"] = json!([{"task_key": "main"}]);
    let tasks = json!([tasks[0], second]);
    let tags = json!({"team": "data", "cost centre": "0042"});
    world.sandbox.edit_job("a", json!({"timeout_seconds": 600, "tasks": tasks, "description": "by hand: ${x}"}));
    let mark = world.sandbox.job("a")["settings"]["tags"].clone();
    let mut all = mark.clone();
    all.as_object_mut().unwrap().extend(tags.as_object().unwrap().clone());
    world.sandbox.edit_job("a", json!({"tags": all}));
    world.plumb("drift --write").code(0).says("wrote manifests/a.yaml");
    let text = world.read("manifests/a.yaml");
    for line in [
        "# Nightly, owned by the data team.\n",
        "  name: a   # the address\n",
        "  timeout_seconds: 600        # an hour would be too much\n",
        "  max_concurrent_runs: ${var.runs}\n",
        "    # the only task\n    - task_key: main\n      notebook_task: {notebook_path: \"/Shared/changed by hand\"}\n",
        "  description: \"by hand: $${x}\"\n",
        "    - ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    // Nothing is left to do but to write the mark of the manifest that is committed.
    world.plumb("plan --detailed-exitcode").code(0);
    world.commit("Adopt");
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    // Once more there is nothing to write.
    world.plumb("drift --write").code(0).never_says("wrote");
}

#[test]
fn what_is_said_elsewhere_or_changed_in_git_is_left_and_told() {
    let world = world();
    world.sandbox.edit_job("a", json!({"timeout_seconds": 600, "max_concurrent_runs": 9}));
    let told = "max_concurrent_runs was left as it is: it is written as ${var.runs}";
    world.plumb("drift --write").code(2).says(told).says("1 field as it is live");
    assert!(world.read("manifests/a.yaml").contains("timeout_seconds: 600 "));
    world.write("manifests/a.yaml", MANIFEST);
    world.edit("manifests/a.yaml", "team: data", "team: web");
    world.commit("Another team");
    let ran = world.plumb("drift --write").code(2).says(told);
    ran.says("1 change is no drift and is left to an apply: DatabricksJob/a (`plumb plan`).");
    let text = world.read("manifests/a.yaml");
    assert!(text.contains("timeout_seconds: 600 ") && text.contains("{team: web}"), "{text}");
}

#[test]
fn patches_are_not_written_into_the_manifest() {
    let world = World::new();
    world.write("plumb.yaml", &crate::world::PROJECT.replace("databricks: {}", "databricks: {}, patches: [over]"));
    world.write(
        "over/a.yaml",
        "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: a}\nspec: {timeout_seconds: 90}\n",
    );
    world.commit_file("manifests/a.yaml", &MANIFEST.replace("${var.runs}", "2"), "Add a");
    world.plumb("apply --yes").code(0);
    world.sandbox.edit_job("a", json!({"timeout_seconds": 600, "max_concurrent_runs": 9}));
    world.plumb("drift --write").code(2).says("timeout_seconds was left as it is: it is set in over/a.yaml");
    let text = world.read("manifests/a.yaml");
    assert!(text.contains("timeout_seconds: 60 ") && text.contains("max_concurrent_runs: 9"), "{text}");
}

const SHARED: &str = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: a}
spec:
  name: a
  tasks:
    - task_key: main
      notebook_task: {notebook_path: /Shared/a}
  permissions:
    mode: additive   # others give more
    entries:
      # the analysts
      - {group_name: analysts, permission_level: CAN_VIEW}
      - {user_name: ann@example.com, permission_level: CAN_VIEW}
";

/// What an additive list does not name is no drift; what it names is written where it stands.
#[test]
fn entries_of_an_additive_list_are_taken_in_where_they_stand() {
    let world = World::new();
    world.commit_file("manifests/a.yaml", SHARED, "Add a");
    world.plumb("plan").says("permissions.mode: \"additive\"");
    world.plumb("apply --yes").code(0);
    let path = format!("/api/2.0/permissions/jobs/{}", world.sandbox.job("a")["job_id"]);
    let grant = |method: &str, list: serde_json::Value| {
        world.sandbox.send(method, &path, &json!({ "access_control_list": list }));
    };
    grant("PATCH", json!([{"user_name": "bob@example.com", "permission_level": "CAN_MANAGE"}]));
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    world.plumb("drift -q").code(0);
    grant("PATCH", json!([{"user_name": "ann@example.com", "permission_level": "CAN_MANAGE_RUN"}]));
    world.plumb("drift -q").code(2).says("permissions[ann@example.com].permission_level").never_says("bob@");
    world.plumb("drift --write").code(0).says("wrote manifests/a.yaml");
    let wanted = SHARED
        .replace("ann@example.com, permission_level: CAN_VIEW", "ann@example.com, permission_level: CAN_MANAGE_RUN");
    assert_eq!(world.read("manifests/a.yaml"), wanted);
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    world.commit("As it is live");
    // Exact, in the same form: the plan shows who goes, and that no one drifted; what is live is taken in behind the others.
    world.edit("manifests/a.yaml", "additive ", "exact ");
    world.commit("Nobody else");
    world.plumb("plan").says("permissions[bob@example.com]").says("the list was additive before");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    world.edit("manifests/a.yaml", "exact ", "additive ");
    world.commit("Others again");
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
}
