//! Whom a plan names: what was changed live, what a commit did, and what nobody did.

use crate::world::{Ran, World, job};
use serde_json::{Value, json};

const GRANTS: &str = "  permissions:\n    - {user_name: ann@example.com, permission_level: CAN_VIEW}\n";

fn grant(world: &World, who: &str, level: &str) {
    let id = world.sandbox.job("etl")["job_id"].to_string();
    let list = json!([{ "user_name": who, "permission_level": level }]);
    world.sandbox.send("PATCH", &format!("/api/2.0/permissions/jobs/{id}"), &json!({ "access_control_list": list }));
}

/// The only field of a plan that stands below a path.
fn field(plan: &Ran, path: &str) -> Value {
    let plan = plan.json();
    let fields = plan["changes"][0]["fields"].as_array().unwrap();
    let mut found = fields.iter().filter(|f| f["path"].as_str().unwrap().starts_with(path));
    found.next().unwrap_or_else(|| panic!("no {path} in {plan}")).clone()
}

#[test]
fn a_live_grant_is_put_down_to_no_commit() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", GRANTS), "Add etl");
    world.plumb("apply --yes").code(0);
    grant(&world, "bob@example.com", "CAN_MANAGE_RUN");
    let plan = world.plumb("plan").code(0);
    let plan = plan.says("permissions[bob@example.com]").says("changed live").says("1 field was changed live");
    plan.never_says("by Ada");
    world.plumb("plan --output markdown").says("What had already drifted").says("changed live").never_says("by Ada");
    assert_eq!(field(&world.plumb("plan --output json -q"), "permissions")["origin"], "drift");
    world.plumb("drift -q").code(2).says("changed live").never_says("by Ada");
    world.plumb("ci drift --no-issue -q").code(2).says("changed live").never_says("by Ada");
    world.plumb("ci drift --no-issue --heal DatabricksJob").code(0).says("healing DatabricksJob/etl: permissions[bob");
    world.plumb("plan --detailed-exitcode").code(0);
    // A level that the manifest does have: the commit is who wants it, not who changed it.
    grant(&world, "ann@example.com", "CAN_MANAGE_RUN");
    world.plumb("plan").says("changed live; wanted since <Add etl> by Ada");
}

#[test]
fn a_grant_that_only_a_call_of_its_own_wrote_is_told_by_the_history() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", GRANTS), "Add etl");
    world.plumb("apply --yes").code(0);
    // Merged and not applied: it may as well have been applied and taken back.
    world.edit("manifests/etl.yaml", "CAN_VIEW", "CAN_MANAGE_RUN");
    world.commit("Let Ann run it");
    let path = "permissions[ann@example.com].permission_level";
    let waits = field(&world.plumb("plan --output json -q"), path);
    assert_eq!(waits["origin"], Value::Null);
    world.plumb("plan").says("not applied yet, or undone live; wanted since <Let Ann run it>");
    let against = field(&world.plumb("plan --base HEAD~1 --output json -q"), path);
    assert_eq!(against["origin"], "manifest");
    // The apply writes no mark. What is live then is of no manifest that there was.
    world.plumb("apply --yes").code(0);
    grant(&world, "ann@example.com", "CAN_MANAGE");
    let both = field(&world.plumb("plan --output json -q"), path);
    assert_eq!(both["origin"], "both");
    assert_eq!(both["explanation"], "whether the manifest's change was applied before that cannot be told");
    // What only a manifest of the meantime said was its doing, or not: that cannot be told.
    world.plumb("apply --yes").code(0);
    world.edit("manifests/etl.yaml", "CAN_MANAGE_RUN", "CAN_VIEW");
    world.commit("Let Ann look at it");
    assert_eq!(field(&world.plumb("plan --output json -q"), path)["origin"], Value::Null);
    world.plumb("ci drift --no-issue --heal all -q").code(2);
    grant(&world, "bob@example.com", "CAN_VIEW");
    assert_eq!(field(&world.plumb("plan --output json -q"), "permissions[bob")["origin"], "drift");
}

#[test]
fn without_the_history_a_grant_is_said_to_be_anybodys() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", GRANTS), "Add etl");
    world.plumb("apply --yes").code(0);
    world.commit_file("README.md", "words", "Say more");
    grant(&world, "bob@example.com", "CAN_MANAGE_RUN");
    let clone = world.dir().parent().unwrap().join("clone");
    let from = format!("file://{}", world.dir().display());
    world.git(&["clone", "--quiet", "--depth", "1", &from, clone.to_str().unwrap()]);
    let plan = world.plumb_in(&clone, &["plan"]).code(0);
    plan.says("changed live or in the manifest: which of them cannot be told").never_says("by Ada");
    std::fs::remove_dir_all(world.dir().join(".git")).unwrap();
    world.plumb("plan").says("which of them cannot be told");
}

#[test]
fn a_line_that_is_older_than_the_apply_changed_nothing() {
    let world = World::new();
    let text = world.read("plumb.yaml");
    world.write("plumb.yaml", &format!("{text}  variables:\n    limit: {{default: 100}}\n"));
    world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: ${var.limit}\n"), "Add etl");
    world.plumb("apply --yes").code(0);
    world.edit("plumb.yaml", "default: 100", "default: 200");
    world.commit("Raise the limit");
    let plan = world.plumb("plan").code(0).says("timeout_seconds = 100 -> 200");
    plan.says("its line is what it was: what changed is a value that it uses").never_says("Add etl by Ada");
    world.plumb("plan --base HEAD~1").says("what changed is a value that it uses");
}

#[test]
fn a_teardown_is_put_down_to_whoever_asked_for_it() {
    let cluster = json!({ "run": {
        "Name": "bau-old", "ReleaseLabel": "emr-6.15.0", "JobFlowRole": "R", "ServiceRole": "S",
        "Instances": { "KeepJobFlowAliveWhenNoSteps": true,
            "InstanceGroups": [{ "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 }] },
    }, "created": "2023-11-02T04:00:00Z" });
    let world = World::with_emr(&json!({ "emr": { "clusters": [cluster] } }));
    let text = "apiVersion: plumb/v1\nkind: EmrCluster\nmetadata: {name: legacy}\nspec:\n  match: {name: \"bau-*\"}\n  \
                desired: keep\n  teardown: {notBefore: 2024-06-01, grace: 0d}\n";
    world.commit_file("manifests/legacy.yaml", text, "Look after it");
    world.edit("manifests/legacy.yaml", "desired: keep", "desired: teardown");
    world.commit("Take it down");
    let marked = world.plumb("plan").says("will be marked for teardown").says("# manifests/legacy.yaml:6\n");
    marked.says("manifests/legacy.yaml:6, manifest <Take it down> by Ada: Take it down");
    world.plumb("apply --yes").code(0);
    let down = world.plumb("apply --allow-teardown --yes").code(0).says("will be terminated for good");
    down.says("manifests/legacy.yaml:6, <Take it down> by Ada: Take it down").never_says("by Ada: Look after it");
}

#[test]
fn what_was_released_is_not_taken_over_again() {
    let world = World::seeded(&json!({ "jobs": [{ "name": "etl", "tags": { "team": "red" }, "tasks": [{
        "task_key": "main", "notebook_task": { "notebook_path": "/Shared/etl" },
        "existing_cluster_id": "0101-000000-abcdefgh" }] }] }));
    let id = world.sandbox.job("etl")["job_id"].clone();
    let adopted = format!("  name: etl\n  adopt: \"{id}\"\nspec");
    let text = job("etl", "  tags: {team: red}\n").replace("  name: etl\nspec", &adopted);
    world.commit_file("manifests/etl.yaml", &text, "Adopt etl");
    world.plumb("apply --yes").code(0).says("1 to adopt");
    world.plumb("release etl --yes").code(0);
    let tags = world.sandbox.job("etl")["settings"]["tags"].clone();
    assert_eq!(tags, json!({ "team": "red", "plumb_released": "demo/dev/DatabricksJob/etl" }));
    world.sandbox.requests();
    for command in ["plan --detailed-exitcode", "apply --yes", "drift"] {
        world.plumb(command).code(0).says("was released, and nothing is done to it although `adopt` names it");
    }
    assert_eq!(world.sandbox.writes(), [""; 0]);
    // As the note says.
    let tags = json!({ "team": "red", "plumb_released": "" });
    world.sandbox.edit_job("etl", json!({ "tags": tags }));
    world.plumb("apply --yes").code(0).says("1 to adopt");
    world.plumb("plan --detailed-exitcode").code(0);
    assert!(world.sandbox.job("etl")["settings"]["tags"]["plumb_released"].is_null());
}

#[test]
fn runs_that_cannot_be_listed_are_not_known_and_keep_nothing_else_from_being_told() {
    let world = World::new();
    world.write("manifests/other.yaml", &job("other", ""));
    world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: 60\n"), "Add jobs");
    world.plumb("apply --yes").code(0);
    world.sandbox.edit_job("etl", json!({ "timeout_seconds": 5 }));
    world.remove("manifests/other.yaml");
    world.commit("Remove other");
    let refused = json!({ "error_code": "INTERNAL_ERROR", "message": "no" });
    let fault = json!({ "path": "/api/2.2/jobs/runs/list", "status": 400, "body": refused, "times": 1000 });
    world.sandbox.fault(fault);
    let drift = world.plumb("drift").code(2);
    let drift =
        drift.says("timeout_seconds = 5 -> 60").says("changed live").says("DatabricksJob/other will be deleted");
    let drift = drift.says("cancels its active runs; whether there are any is not known");
    let drift = drift.says("active runs will end with the old settings; whether there are any is not known");
    drift.says("what runs on job <job etl> cannot be read").says("what runs on job <job other> cannot be read");
    world.plumb("ci drift --no-issue -q").code(2).says("whether there are any is not known");
    // A plan that may cancel runs was approved of by nobody who saw one that cancels none.
    let plan = world.plumb("plan --output json -q").json();
    let other = plan["changes"].as_array().unwrap().iter().find(|c| c["address"] == "DatabricksJob/other").unwrap();
    assert_eq!(other["disrupts"], json!(["cancels-runs", "loses-history"]));
    world.plumb("apply --yes").code(0);
}

#[test]
fn a_project_may_have_nobody_looked_up_and_its_plans_stay_the_same() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: 100\n"), "Add etl");
    let named = world.plumb("plan --output json -q").code(0).json();
    assert_eq!(named["changes"][0]["source"]["commit"]["summary"], "Add etl");
    let text = world.read("plumb.yaml");
    world.write("plumb.yaml", &format!("{text}  history: {{budget: 0s}}\n"));
    world.commit("Ask git nothing");
    let unnamed = world.plumb("plan --output json -q").code(0).json();
    assert_eq!(unnamed["changes"][0]["source"]["commit"], Value::Null);
    assert_eq!(unnamed["changes"][0]["source"]["file"], named["changes"][0]["source"]["file"]);
    assert_eq!((&unnamed["digest"], &unnamed["notes"]), (&named["digest"], &named["notes"]));
}
