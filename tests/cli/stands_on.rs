//! What a job stands on: made before it and removed behind it, by the names that it is known by; told where it is not there.

use crate::world::{Ran, World};

const SCHEMA: &str = "\
apiVersion: plumb/v1
kind: DatabricksSchema
metadata: {name: sales}
spec: {catalog_name: main, name: sales}
";

const VOLUME: &str = "\
apiVersion: plumb/v1
kind: DatabricksVolume
metadata: {name: landing}
spec:
  catalog_name: main
  schema_name: sales
  name: landing
  volume_type: MANAGED
";

const SCOPE: &str = "\
apiVersion: plumb/v1
kind: DatabricksSecretScope
metadata: {name: lake}
spec:
  scope: lake
  secrets:
    - {key: password, string_value: \"${env.LAKE_PASSWORD}\"}
";

/// A job that names a volume and a secret, and refers to neither; `a` comes before what it stands on.
const JOB: &str = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: a-report}
spec:
  name: a-report
  tasks:
    - task_key: main
      spark_python_task:
        python_file: /Workspace/Shared/report.py
        parameters: [--in, /Volumes/main/sales/landing/in]
      new_cluster:
        spark_version: 15.4.x-scala2.12
        node_type_id: m5.xlarge
        num_workers: 1
        spark_conf: {spark.password: \"{{secrets/lake/password}}\"}
        cluster_log_conf: {dbfs: {destination: dbfs:/logs}}
";

fn world(manifests: &[(&str, &str)]) -> World {
    let mut world = World::new();
    world.env("LAKE_PASSWORD", Some("a-long-password-of-the-lake"));
    world.edit("plumb.yaml", "spec:\n", "spec:\n  env: [LAKE_PASSWORD]\n");
    for (name, text) in manifests {
        world.write(&format!("manifests/{name}.yaml"), text);
    }
    world.commit("Begin");
    world
}

fn whole() -> World {
    world(&[("a", JOB), ("landing", VOLUME), ("lake", SCOPE), ("sales", SCHEMA)])
}

/// The place of the first write that has a text.
fn at(writes: &[String], text: &str) -> usize {
    writes.iter().position(|write| write.contains(text)).unwrap_or_else(|| panic!("no {text} in {writes:#?}"))
}

/// The changes of a plan, each with what it waits for: `create a-report after landing lake`.
fn changes(ran: &Ran) -> Vec<String> {
    let name = |address: &serde_json::Value| {
        let text = address.as_str().unwrap_or_default();
        text.rsplit('/').next().unwrap_or_default().to_owned()
    };
    let plan = ran.json();
    let all = plan["changes"].as_array().unwrap().iter();
    let told = |change: &serde_json::Value| {
        let after: Vec<String> = change["depends_on"].as_array().into_iter().flatten().map(name).collect();
        let after = if after.is_empty() { String::new() } else { format!(" after {}", after.join(" ")) };
        format!("{} {}{after}", change["action"].as_str().unwrap(), name(&change["address"]))
    };
    all.map(told).collect()
}

#[test]
fn what_a_job_stands_on_is_made_before_it_and_goes_behind_it() {
    let world = whole();
    let plan = world.plumb("plan --output json");
    assert_eq!(
        changes(&plan),
        ["create lake", "create sales", "create landing after sales", "create a-report after lake landing"]
    );
    world.sandbox.requests();
    world.plumb("apply --yes").code(0);
    let writes = world.sandbox.writes();
    let (job, volume) = (at(&writes, "/jobs/create"), at(&writes, "POST /api/2.1/unity-catalog/volumes"));
    assert!(at(&writes, "POST /api/2.1/unity-catalog/schemas") < volume, "{writes:#?}");
    assert!(volume < job && at(&writes, "/secrets/scopes/create") < job, "{writes:#?}");
    world.plumb("plan --detailed-exitcode").code(0);
    for file in ["a", "landing", "lake", "sales"] {
        world.remove(&format!("manifests/{file}.yaml"));
    }
    world.commit("Remove it all");
    let plan = world.plumb("plan --output json");
    assert_eq!(
        changes(&plan),
        [
            "delete a-report",
            "delete landing after a-report",
            "delete sales after landing",
            "delete lake after a-report"
        ]
    );
    // Its own secrets go with it; what is in no way empty is not said to be.
    world.plumb("plan").says("no secret of others is in it");
    world.sandbox.requests();
    world.plumb("apply --yes --override max-deletes --override max-change-percent").code(0);
    let writes = world.sandbox.writes();
    let (job, volume) = (at(&writes, "/jobs/delete"), at(&writes, "DELETE /api/2.1/unity-catalog/volumes"));
    assert!(job < volume && job < at(&writes, "/secrets/scopes/delete"), "{writes:#?}");
    assert!(volume < at(&writes, "DELETE /api/2.1/unity-catalog/schemas"), "{writes:#?}");
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn a_job_lets_go_of_a_volume_before_that_goes() {
    let world = whole();
    world.plumb("apply --yes").code(0);
    world.edit("manifests/a.yaml", "/Volumes/main/sales/landing/in", "/Workspace/in");
    world.remove("manifests/landing.yaml");
    world.commit("No volume any more");
    let plan = world.plumb("plan --output json");
    assert_eq!(changes(&plan), ["update a-report", "delete landing after a-report"]);
}

#[test]
fn a_part_of_the_project_needs_what_it_names_to_be_there() {
    let world = whole();
    let only = "plan --only DatabricksJob/a-report";
    world
        .plumb(only)
        .code(3)
        .says("it names DatabricksVolume/landing, which is not live and will not be made by this plan");
    world.plumb("apply --yes --only DatabricksSchema/sales --only DatabricksVolume/landing").code(0);
    world.plumb(only).code(3).says("it names DatabricksSecretScope/lake, which is not live");
    world.plumb("apply --yes --only DatabricksSecretScope/lake").code(0);
    world.plumb(only).code(0).says("1 to create");
    // Somebody else's volume of that name is there, and that is all that the job needs.
    let world = whole();
    world.plumb("apply --yes --only DatabricksSecretScope/lake").code(0);
    world.sandbox.post("/api/2.1/unity-catalog/schemas", serde_json::json!({"catalog_name": "main", "name": "sales"}));
    let volume = serde_json::json!({
        "catalog_name": "main", "schema_name": "sales", "name": "landing", "volume_type": "MANAGED",
    });
    world.sandbox.post("/api/2.1/unity-catalog/volumes", volume);
    world.plumb(only).code(0).says("1 to create");
}

#[test]
fn a_reference_to_the_path_of_a_volume_is_filled_in() {
    let job = JOB.replace("/Volumes/main/sales/landing/in", "\"${resources.DatabricksVolume.landing.path}/in\"");
    let world = world(&[("a", &job), ("landing", VOLUME), ("lake", SCOPE), ("sales", SCHEMA)]);
    world.plumb("plan").says("/Volumes/main/sales/landing/in");
    world.edit("manifests/a.yaml", "landing.path", "landing.paht");
    world
        .plumb("validate")
        .code(1)
        .says("DatabricksVolume/landing has no `paht`")
        .says("did you mean `path`?")
        .says("and `id`, `path`");
    let explained =
        world.plumb("explain DatabricksVolume").says("REFERENCES: ${resources.DatabricksVolume.NAME.ATTRIBUTE}");
    explained.says("the folder of its files, `/Volumes/CATALOG/SCHEMA/NAME`");
    world
        .plumb("explain DatabricksVolume.path")
        .code(64)
        .says("others refer to it by `${resources.DatabricksVolume.NAME.path}`");
    world.edit("manifests/a.yaml", "landing.paht", "landing.path");
    world.plumb("schema --references --out editor");
    assert!(world.read("editor/DatabricksJob.json").contains("resources.DatabricksVolume.landing.path"));
}

#[test]
fn names_that_no_manifest_declares_are_warned_of() {
    let job = JOB.replace("lake/password", "lake/pasword").replace("landing/in", "landign/in");
    let world = world(&[("a", &job), ("landing", VOLUME), ("lake", SCOPE), ("sales", SCHEMA)]);
    world
        .plumb("validate")
        .code(0)
        .says("warning: DatabricksSecretScope/lake declares no secret `pasword`")
        .says("did you mean `password`?")
        .says("warning: no manifest declares the volume `main.sales.landign`")
        .says("did you mean `landing`?")
        .says("manifests/a.yaml:10:")
        .says("2 warnings");
    world.plumb("validate --output sarif").says("undeclared-secret").says("undeclared-volume");
    // Others write to it too.
    world.edit("manifests/lake.yaml", "  secrets:\n    - ", "  secrets:\n    mode: additive\n    entries:\n    - ");
    world.plumb("validate").code(0).never_says("pasword");
}

#[test]
fn what_is_not_there_and_nobody_makes_is_refused_at_plan() {
    let volume = VOLUME.replace("schema_name: sales", "schema_name: slaes");
    let schema = SCHEMA.replace("main", "nowhere").replace("{name: sales}", "{name: lost}");
    let world = world(&[("landing", &volume), ("sales", SCHEMA), ("lost", &schema)]);
    world.sandbox.requests();
    world
        .plumb("plan")
        .code(3)
        .says("DatabricksVolume/landing: schema main.slaes is not there, and no manifest makes it (manifests/landing.yaml:6)")
        .says("did you mean `main.sales`?")
        .says("DatabricksSchema/lost: catalog nowhere is not there, and no manifest makes it (manifests/lost.yaml:4)");
    assert_eq!(world.sandbox.writes(), Vec::<String>::new());
    // Once it is there it is nobody's business who made it.
    world.sandbox.post("/api/2.1/unity-catalog/schemas", serde_json::json!({"catalog_name": "main", "name": "slaes"}));
    world.remove("manifests/lost.yaml");
    world.plumb("plan").code(0).says("2 to create");
}
