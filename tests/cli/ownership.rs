//! Whose a live object is: marks, clones, strangers, protection, adopting and releasing.

use crate::shows;
use crate::world::{PROJECT, World, job};
use serde_json::{Value, json};

fn seed() -> Value {
    json!({"jobs": [{"name": "etl", "tasks": [{
        "task_key": "main",
        "notebook_task": {"notebook_path": "/Shared/etl"},
        "existing_cluster_id": "0101-000000-abcdefgh",
    }]}]})
}

#[test]
fn two_objects_with_one_mark_are_refused() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    world.plumb("apply --yes").code(0);
    // Cloned in the UI, tags and all.
    let mut copy = world.sandbox.job("etl")["settings"].clone();
    copy["name"] = json!("copy of etl");
    world.sandbox.post("/api/2.2/jobs/create", copy);
    world.sandbox.requests();
    shows!(world.plumb("plan"), @"
    Plan of demo for target dev, manifests at <Add etl>

    Blocked:
      ! DatabricksJob/etl: 2 jobs carry the mark of DatabricksJob/etl: <job etl> and
        <job copy of etl>
        to allow it: delete the copy, or take the `plumb` mark off it (a job that is cloned in the UI
          keeps its tags)

    Plan: 0 to create, 0 to update, 0 to delete. 0 unchanged. 1 blocked.
    Digest: <digest>
    --- stderr
    read 2 objects with 4 requests in <time>
    --- exit 3
    ");
    world.plumb("apply --yes -q").code(3);
    world.plumb("drift -q").code(2);
    shows!(world.plumb("status -q"), @"
    ADDRESS            STATUS   ID                               APPLIED FROM
    DatabricksJob/etl  blocked  <job etl> <job copy of etl>  <Add etl>

    1 resource: 1 blocked.
    --- exit 0
    ");
    shows!(world.plumb("release etl --yes -q"), @"
    --- stderr
    error: <job etl> and <job copy of etl> carry the mark of DatabricksJob/etl; take it off by hand
    --- exit 1
    ");
    assert_eq!(world.sandbox.writes(), [""; 0]);
    // As the remedy says: take the mark off the copy.
    world.sandbox.edit_job("copy of etl", json!({"tags": {"plumb": "", "plumb_rev": ""}}));
    let id = world.sandbox.job("copy of etl")["job_id"].clone();
    world.sandbox.post("/api/2.2/jobs/update", json!({"job_id": id, "fields_to_remove": ["tags"]}));
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn an_object_without_a_mark_is_taken_over_by_one_line() {
    let world = World::seeded(&seed());
    world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: 60\n"), "Add etl");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Add etl>

    Blocked:
      ! DatabricksJob/etl: a job named "etl" is live already (id <job etl>) and carries no mark
        to allow it: to take it over, add `metadata.adopt: "<job etl>"`

    Plan: 0 to create, 0 to update, 0 to delete. 0 unchanged. 1 blocked.
    Digest: <digest>
    --- stderr
    read 1 object with 4 requests in <time>
    --- exit 3
    "#);
    world.sandbox.requests();
    world.plumb("apply --yes").code(3);
    assert_eq!(world.sandbox.writes(), [""; 0]);
    let id = world.sandbox.job("etl")["job_id"].clone();
    world.edit("manifests/etl.yaml", "  name: etl\nspec", &format!("  name: etl\n  adopt: \"{id}\"\nspec"));
    world.commit("Adopt etl");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Adopt etl>

      <= take over an existing object

      # DatabricksJob/etl will take over the existing object (id <job etl>)
      # manifests/etl.yaml:1
      <= DatabricksJob/etl "etl" (id <job etl>)
          ~ timeout_seconds = 0 -> 60
                # manifests/etl.yaml:12, wanted since <Add etl> by Ada: Add etl

    Plan: 0 to create, 0 to update, 1 to adopt (1 with changes), 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.job("etl")["settings"]["timeout_seconds"], 60);
    assert_eq!(world.sandbox.job("etl")["job_id"], id);
    // The line may stay, and may go.
    world.plumb("plan --detailed-exitcode").code(0);
    world.edit("manifests/etl.yaml", &format!("  adopt: \"{id}\"\n"), "");
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn another_projects_object_is_left_to_it() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    world.plumb("apply --yes").code(0);
    world.write("plumb.yaml", &PROJECT.replace("name: demo", "name: other"));
    world.commit("Be another project");
    shows!(world.plumb("plan"), @r#"
    Plan of other for target dev, manifests at <Be another project>

    Blocked:
      ! DatabricksJob/etl: a job named "etl" is live already (id <job etl>) and belongs to
        demo/dev/DatabricksJob/etl
        to allow it: to take it over, add `metadata.adopt: "<job etl>"`

    Plan: 0 to create, 0 to update, 0 to delete. 0 unchanged. 1 blocked.
    Digest: <digest>
    --- stderr
    read 1 object with 4 requests in <time>
    --- exit 3
    "#);
    // Without the manifest there is nothing to do: what another project owns is never pruned.
    world.remove("manifests/etl.yaml");
    world.plumb("plan --detailed-exitcode").code(0);
    world.write("manifests/etl.yaml", &job("etl", ""));
    let id = world.sandbox.job("etl")["job_id"].clone();
    world.edit("manifests/etl.yaml", "  name: etl\nspec", &format!("  name: etl\n  adopt: \"{id}\"\nspec"));
    shows!(world.plumb("plan -q"), @r#"
    Plan of other for target dev, manifests at <Be another project>-dirty

      <= take over an existing object

      # DatabricksJob/etl will take over the existing object (id <job etl>)
      # (it belonged to demo/dev/DatabricksJob/etl)
      # manifests/etl.yaml:1
      <= DatabricksJob/etl "etl" (id <job etl>)

    Plan: 0 to create, 0 to update, 1 to adopt, 0 to delete. 0 unchanged.
    An apply changes nothing but the marks.
    Digest: <digest>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn protection_outlives_the_manifest() {
    let world = World::new();
    let text = job("etl", "").replace("  name: etl\nspec", "  name: etl\n  lifecycle: {protect: true}\nspec");
    world.commit_file("manifests/etl.yaml", &text, "Add etl");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
    world.remove("manifests/etl.yaml");
    world.commit("Remove etl");
    shows!(world.plumb("plan"), @"
    Plan of demo for target dev, manifests at <Remove etl>

    Blocked:
      ! DatabricksJob/etl: no manifest asks for job <job etl> any more, but it is protected
        to allow it: bring the manifest back with `protect: false`, apply, and remove it then; or `plumb
          release DatabricksJob/etl`

    Plan: 0 to create, 0 to update, 0 to delete. 0 unchanged. 1 blocked.
    Digest: <digest>
    --- stderr
    read 1 object with 4 requests in <time>
    --- exit 3
    ");
    world.sandbox.requests();
    world.plumb("apply --yes -q").code(3);
    assert_eq!(world.sandbox.writes(), [""; 0]);
    // The way out that it names.
    world.commit_file("manifests/etl.yaml", &text.replace("protect: true", "protect: false"), "Let go of etl");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Let go of etl>

      ~ update in place

      # DatabricksJob/etl will be updated in place
      # manifests/etl.yaml:1
      ~ DatabricksJob/etl "etl" (id <job etl>)
          ~ metadata.lifecycle.protect = true -> false
                # manifests/etl.yaml:5, wanted since <Let go of etl> by Ada: Let go of etl

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    world.remove("manifests/etl.yaml");
    world.plumb("apply --yes").code(0);
    assert!(!world.sandbox.has_job("etl"));
}

#[test]
fn release_takes_the_marks_off_and_leaves_the_object() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", "  tags: {team: red}\n"), "Add etl");
    world.plumb("apply --yes").code(0);
    let before = world.sandbox.job("etl");
    world.sandbox.requests();
    shows!(world.plumb("release etl"), @"
    --- stderr
    read 1 object with 4 requests in <time>
    error: Take the mark of DatabricksJob/etl off job <job etl>?: nobody to ask, this is no terminal
    hint: give --yes to go on without being asked
    --- exit 64
    ");
    shows!(world.plumb("release elt --yes"), @"
    --- stderr
    error: no resource is called `elt`
    hint: did you mean `etl`?
    --- exit 64
    ");
    shows!(world.plumb("release DatabricksJob/elt --yes"), @"
    --- stderr
    read 1 object with 4 requests in <time>
    error: no live object carries the mark of DatabricksJob/elt
    --- exit 1
    ");
    assert_eq!(world.sandbox.writes(), [""; 0]);
    shows!(world.plumb("release etl --yes"), @"
    --- stderr
    read 1 object with 4 requests in <time>
    releasing DatabricksJob/etl
    [1/1] released DatabricksJob/etl in <time>
    Apply: 1 done.
    --- exit 0
    ");
    let after = world.sandbox.job("etl");
    assert_eq!(after["settings"]["tags"], json!({"team": "red"}));
    assert_eq!(after["job_id"], before["job_id"]);
    let without = |mut job: Value| {
        job["settings"]["tags"] = Value::Null;
        job["settings"].clone()
    };
    assert_eq!(without(after), without(before));
    world.plumb("plan").says("carries no mark").says("adopt");
    world.plumb("release etl --yes").code(1);
    world.remove("manifests/etl.yaml");
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn ignored_places_are_left_to_others_by_plan_and_by_apply() {
    let world = World::new();
    let text = job("etl", "  tags: {team: red}\n").replace(
        "  name: etl\nspec",
        "  name: etl\n  lifecycle:\n    ignore:\n      - {path: tags.cost_centre, reason: the finance bot writes it}\nspec",
    );
    world.commit_file("manifests/etl.yaml", &text, "Add etl");
    world.plumb("apply --yes").code(0);
    let tags = world.sandbox.job("etl")["settings"]["tags"].clone();
    let mut more = tags.clone();
    more["cost_centre"] = json!("4711");
    world.sandbox.edit_job("etl", json!({"tags": more}));
    world.plumb("plan --detailed-exitcode").code(0);
    // An update of something else keeps it, too.
    world.edit("manifests/etl.yaml", "/Shared/etl", "/Shared/etl2");
    world.commit("Move the notebook");
    world.plumb("plan").never_says("cost_centre");
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.job("etl")["settings"]["tags"]["cost_centre"], "4711");
    world.plumb("plan --detailed-exitcode").code(0);
    // A rule that has expired no longer holds, and says so.
    world.edit("manifests/etl.yaml", "writes it}", "writes it, until: 2020-01-01}");
    world.commit("Set an end to it");
    shows!(world.plumb("plan"), @"
    Plan of demo for target dev, manifests at <Set an end to it>

    Note: DatabricksJob/etl: set live, not declared here, left alone: tags.cost_centre
    Note: DatabricksJob/etl: the ignore rule for `tags.cost_centre` has expired and no longer holds

    No changes. The workspace equals the manifests.
    1 resource up to date.
    Digest: <digest>
    --- stderr
    read 1 object with 4 requests in <time>
    --- exit 0
    ");
    world.edit("manifests/etl.yaml", "reason: the finance bot writes it, ", "");
    world.plumb("validate").code(1).says("reason");
}

const METADATA: &str = "/Workspace/Users/ann/.bundle/etl/prod/state/metadata.json";

/// A job as a bundle deploys it (databricks/cli, acceptance tests of `bundle deploy`).
fn of_bundle(name: &str) -> Value {
    json!({"name": name, "edit_mode": "UI_LOCKED", "format": "MULTI_TASK",
        "deployment": {"kind": "BUNDLE", "metadata_file_path": METADATA},
        "tasks": [{"task_key": "main", "notebook_task": {"notebook_path": "/Shared/etl"},
            "existing_cluster_id": "0101-000000-abcdefgh"}]})
}

#[test]
fn a_job_of_a_bundle_is_taken_over_only_when_the_manifest_names_the_bundle() {
    let mut tagged = of_bundle("by hand");
    tagged["deployment"] = Value::Null;
    let mut terraform = tagged.clone();
    (terraform["name"], terraform["tags"]) = (json!("of terraform"), json!({"managed_by": "Terraform"}));
    let world = World::seeded(&json!({"jobs": [of_bundle("etl"), tagged, terraform]}));
    world.commit("Begin");
    // Listed apart and not written; asked for by its id, with a warning.
    let ran = world.plumb("import --all -q").code(0);
    assert_eq!(ran.out, "manifests/jobs/by-hand.yaml\n");
    ran.says("warning: 2 objects are managed by other tools and not imported:")
        .says(&format!(
            "job <job etl> \"etl\": a Databricks bundle manages it (deployment.metadata_file_path = {METADATA})"
        ))
        .says("job <job of terraform> \"of terraform\": Terraform manages it (tag managed_by = Terraform)");
    world.remove("manifests/jobs/by-hand.yaml");
    let id = world.sandbox.job("etl")["job_id"].to_string();
    let asked = world.plumb(&format!("import job {id} -q")).code(0);
    asked.says("a plan of its manifest is refused until that says `metadata.takeFrom: bundle`");
    world.commit("Import etl");
    shows!(world.plumb("plan -q"), @"
    Plan of demo for target dev, manifests at <Import etl>

    Blocked:
      ! DatabricksJob/etl: `adopt` names job <job etl>, and a Databricks bundle manages it
        (deployment.metadata_file_path = /Workspace/Users/ann/.bundle/etl/prod/state/metadata.json)
        to allow it: `metadata.takeFrom: bundle`; take it out of the bundle first, or the next `bundle
          deploy` overwrites it

    Plan: 0 to create, 0 to update, 0 to delete. 0 unchanged. 1 blocked.
    Digest: <digest>
    --- exit 3
    ");
    world.plumb("apply --yes -q").code(3);
    // Another tool than it is taken from.
    let path = "manifests/jobs/etl.yaml";
    let take = |tool: &str| world.edit(path, "metadata:\n", &format!("metadata:\n  takeFrom: {tool}\n"));
    take("terraform");
    world.plumb("apply --yes -q").code(3).says("takeFrom: bundle");
    world.edit(path, "  takeFrom: terraform\n", "");
    // Nor by its name, without `adopt`.
    let adopt = format!("  adopt:\n    dev: '{id}'\n");
    world.edit(path, &adopt, "");
    world
        .plumb("plan -q")
        .says("and carries no mark; a\n    Databricks bundle manages it")
        .says("`metadata.takeFrom:\n      bundle`");
    world.edit(path, "metadata:\n", &format!("metadata:\n{adopt}"));
    assert_eq!(world.sandbox.writes(), [""; 0]);
    take("bundle");
    world.commit("Take it from the bundle");
    world.plumb("apply --yes -q").code(0).says("1 to adopt");
    world.plumb("plan --detailed-exitcode -q").code(0);
    world.edit(path, "metadata:\n", "metadata:\n  takeFrom: chef\n");
    world.plumb("validate").code(1);
}

#[test]
fn a_job_that_a_bundle_took_is_not_written_to_and_not_deleted() {
    let world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: 100\n"), "Add etl");
    world.plumb("apply --yes -q").code(0);
    // `bundle deployment bind` and `bundle deploy`, of what `bundle generate` wrote: the tags are still there.
    world.sandbox.edit_job(
        "etl",
        json!({"edit_mode": "UI_LOCKED", "timeout_seconds": 200,
        "deployment": {"kind": "BUNDLE", "metadata_file_path": METADATA}}),
    );
    world.sandbox.requests();
    shows!(world.plumb("plan -q"), @"
    Plan of demo for target dev, manifests at <Add etl>

    Blocked:
      ! DatabricksJob/etl: job <job etl> carries plumb's mark, and a Databricks bundle manages it
        (deployment.metadata_file_path = /Workspace/Users/ann/.bundle/etl/prod/state/metadata.json):
        nothing is done to it
        to allow it: `metadata.takeFrom: bundle`; take it out of the bundle first, or the next `bundle
          deploy` overwrites it; or remove the manifest and `plumb release DatabricksJob/etl`

    Plan: 0 to create, 0 to update, 0 to delete. 0 unchanged. 1 blocked.
    Digest: <digest>
    --- exit 3
    ");
    world.plumb("drift -q").code(2).says("a Databricks bundle manages it");
    world.plumb("apply --yes -q").code(3);
    // Without a manifest it would be deleted.
    let manifest = world.read("manifests/etl.yaml");
    world.remove("manifests/etl.yaml");
    world.write("manifests/.keep", "");
    let ran = world.plumb("apply --yes -q").code(3);
    ran.says("nothing is done to it").says("`plumb release DatabricksJob/etl` leaves it to a Databricks bundle");
    assert_eq!(world.sandbox.writes(), [""; 0]);
    // Taken back.
    world.write("manifests/etl.yaml", &manifest.replace("metadata:\n", "metadata:\n  takeFrom: bundle\n"));
    world.commit("Take it back");
    world.plumb("apply --yes -q").code(0).says("1 to update");
}

#[test]
fn the_last_day_of_an_ignore_rule_does_not_depend_on_the_time_zone() {
    let mut world = World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    world.plumb("apply --yes").code(0);
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    // Unless the day changes while this test runs, these are the last day that holds and the first that does not.
    for (until, has_expired) in [(now.date(), false), (now.yesterday().unwrap().date(), true)] {
        let rule = format!("    ignore: [{{path: tags.team, reason: x, until: {until}}}]");
        let text = job("etl", "").replace("  name: etl\nspec", &format!("  name: etl\n  lifecycle:\n{rule}\nspec"));
        world.write("manifests/etl.yaml", &text);
        world.commit("Set the day");
        // At any hour the day differs from that of UTC in one of them.
        for zone in ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"] {
            world.env("TZ", Some(zone));
            let ran = world.plumb("plan");
            assert_eq!(ran.code(0).out.contains("has expired"), has_expired, "{zone}: {until}");
        }
    }
}
