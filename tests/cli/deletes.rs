//! Deleting and replacing what holds data: counted in the plan, refused unless its live mark lets it go, looked at again.

use crate::shows;
use crate::world::World;
use serde_json::json;

const SCHEMA: &str = "manifests/sales.yaml";
const VOLUME: &str = "manifests/landing.yaml";

fn schema(lifecycle: &str) -> String {
    format!(
        "\
apiVersion: plumb/v1
kind: DatabricksSchema
metadata:
  name: sales{lifecycle}
spec:
  catalog_name: main
  name: sales
"
    )
}

fn volume(lifecycle: &str) -> String {
    format!(
        "\
apiVersion: plumb/v1
kind: DatabricksVolume
metadata:
  name: landing{lifecycle}
spec:
  catalog_name: main
  schema_name: sales
  name: landing
  volume_type: MANAGED
"
    )
}

const FORCED: &str = "\n  lifecycle: {forceDestroy: true}";

fn seed(world: &World, tables: &[&str]) {
    world.sandbox.post("/_sandbox/seed", json!({ "tables": tables }));
    world.sandbox.requests();
}

fn put(world: &World, path: &str) {
    world.sandbox.send("PUT", &format!("/api/2.0/fs/files/Volumes/main/sales/landing/{path}"), &json!("text"));
}

fn is_live(world: &World, path: &str) -> bool {
    world.sandbox.try_send("GET", &format!("/api/2.1/unity-catalog/{path}"), &json!(null)).0 == 200
}

/// Unity Catalog's writes since the last look.
fn writes(world: &World) -> Vec<String> {
    world.sandbox.writes().into_iter().filter(|line| line.contains("unity-catalog")).collect()
}

#[test]
fn a_schema_with_tables_goes_only_once_its_mark_lets_them_go() {
    let world = World::new();
    world.commit_file(SCHEMA, &schema(""), "Add sales");
    world.plumb("apply --yes").code(0);
    seed(&world, &["main.sales.orders", "main.sales.customers", "main.sales.returns"]);
    world.remove(SCHEMA);
    world.commit("Remove sales");
    shows!(world.plumb("plan"), @"
    Plan of demo for target dev, manifests at <Remove sales>

    Blocked:
      ! DatabricksSchema/sales: schema main.sales holds 3 tables (main.sales.customers,
        main.sales.orders, main.sales.returns), which a delete would destroy
        to allow it: bring the manifest back with `lifecycle.forceDestroy: true`, apply, and remove it
          then; or empty it; or `plumb release DatabricksSchema/sales`

    Plan: 0 to create, 0 to update, 0 to delete. 0 unchanged. 1 blocked.
    Digest: <digest>
    --- stderr
    read 3 objects with 9 requests in <time>
    --- exit 3
    ");
    world.plumb("apply --yes -q").code(3);
    assert_eq!(writes(&world), [""; 0]);
    // What its manifest says now counts once it is applied.
    world.commit_file(SCHEMA, &schema(FORCED), "Let the tables of sales go");
    world.plumb("plan").code(0).says("~ metadata.lifecycle.forceDestroy = false -> true\n");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
    world.remove(SCHEMA);
    world.commit("Remove sales again");
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Remove sales again>

      - delete

      # DatabricksSchema/sales will be deleted
      # (no manifest asks for it any more)
      ! destroys 3 tables (main.sales.customers, main.sales.orders, main.sales.returns)
      ! what names it or what is in it fails, and its grants go
      - DatabricksSchema/sales "sales" (id main.sales)

    Plan: 0 to create, 0 to update, 1 to delete. 0 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    let plan = world.plumb("plan --output json").json();
    let counts = json!({ "counts": { "table": 3 } });
    let change = &plan["changes"][0];
    assert_eq!((&change["contents"]["counts"], &change["disrupts"][1]), (&counts["counts"], &json!("loses-data")));
    assert_eq!(change["calls"], json!(["DELETE /api/2.1/unity-catalog/schemas/main.sales?force=true"]));
    world.sandbox.requests();
    for form in ["markdown", "html"] {
        world.plumb(&format!("plan --output {form}")).code(0).says("destroys 3 tables");
    }
    world.plumb("apply --yes").code(0);
    assert_eq!(writes(&world), ["DELETE /api/2.1/unity-catalog/schemas/main.sales"]);
    assert!(!is_live(&world, "schemas/main.sales"));
}

#[test]
fn an_empty_schema_goes_as_anything_else() {
    let world = World::new();
    world.commit_file(SCHEMA, &schema(FORCED), "Add sales");
    world.plumb("apply --yes").code(0);
    world.remove(SCHEMA);
    world.commit("Remove sales");
    let plan = world.plumb("plan --output json").json();
    assert_eq!(
        plan["changes"][0]["calls"],
        json!(["DELETE /api/2.1/unity-catalog/schemas/main.sales"]),
        "the service's own refusal stays"
    );
    world.plumb("plan").code(0).says("# (no manifest asks for it any more; it is empty)").never_says("destroys");
    world.sandbox.requests();
    world.plumb("apply --yes").code(0);
    assert_eq!(writes(&world), ["DELETE /api/2.1/unity-catalog/schemas/main.sales"]);
}

#[test]
fn a_volume_of_the_same_plan_goes_before_its_schema() {
    let world = World::new();
    world.write(SCHEMA, &schema(""));
    world.commit_file(VOLUME, &volume(""), "Add sales and landing");
    world.plumb("apply --yes").code(0);
    world.remove(SCHEMA);
    world.commit("Remove sales");
    // A manifest still asks for the volume.
    world.plumb("plan").code(3).says(
        "schema main.sales holds volume main.sales.landing, which the manifest of DatabricksVolume/landing asks for: a delete",
    );
    world.remove(VOLUME);
    world.commit("Remove landing");
    world.sandbox.requests();
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Remove landing>

      - delete

      # DatabricksVolume/landing will be deleted
      # (no manifest asks for it any more; it is empty)
      ! what opens its path fails, and its grants go
      - DatabricksVolume/landing "landing" (id main.sales.landing)

      # DatabricksSchema/sales will be deleted
      # (no manifest asks for it any more; it is empty once what it holds is deleted)
      # after DatabricksVolume/landing
      ! what names it or what is in it fails, and its grants go
      - DatabricksSchema/sales "sales" (id main.sales)

    Plan: 0 to create, 0 to update, 2 to delete. 0 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    world.sandbox.requests();
    world.plumb("apply --yes").code(0);
    let deletes = ["volumes/main.sales.landing", "schemas/main.sales"];
    assert_eq!(writes(&world), deletes.map(|path| format!("DELETE /api/2.1/unity-catalog/{path}")));
}

#[test]
fn a_volume_with_files_holds_up_its_schema() {
    let world = World::new();
    world.write(SCHEMA, &schema(FORCED));
    world.commit_file(VOLUME, &volume(""), "Add sales and landing");
    world.plumb("apply --yes").code(0);
    put(&world, "2024/06/orders.csv");
    world.remove(SCHEMA);
    world.remove(VOLUME);
    world.commit("Remove both");
    shows!(world.plumb("plan -q"), @"
    Plan of demo for target dev, manifests at <Remove both>

    Blocked:
      ! DatabricksSchema/sales: schema main.sales holds volume main.sales.landing, which is
        DatabricksVolume/landing and is not deleted itself: a delete would destroy it
        to allow it: see first why that is; or `plumb release DatabricksSchema/sales`
      ! DatabricksVolume/landing: volume main.sales.landing holds 1 file and 2 folders
        (/Volumes/main/sales/landing/2024/06/orders.csv, /Volumes/main/sales/landing/2024,
        /Volumes/main/sales/landing/2024/06), which a delete would destroy
        to allow it: bring the manifest back with `lifecycle.forceDestroy: true`, apply, and remove it
          then; or empty it; or `plumb release DatabricksVolume/landing`

    Plan: 0 to create, 0 to update, 0 to delete. 0 unchanged. 2 blocked.
    Digest: <digest>
    --- exit 3
    ");
    world.sandbox.requests();
    world.plumb("apply --yes -q").code(3);
    assert_eq!(writes(&world), [""; 0]);
}

#[test]
fn what_came_in_since_the_plan_is_not_destroyed() {
    let world = World::new();
    world.write(SCHEMA, &schema(""));
    world.commit_file(VOLUME, &volume(FORCED), "Add sales and landing");
    world.plumb("apply --yes").code(0);
    put(&world, "june/a.csv");
    world.remove(VOLUME);
    world.commit("Remove landing");
    // A plan that was saved is of just these files.
    world.plumb("plan --output json --out plan.json").code(0);
    put(&world, "june/b.csv");
    world
        .plumb("apply --yes plan.json")
        .code(4)
        .says("it would destroy 2 files and 1 folder (")
        .says("in the plan 1 file and 1 folder (");
    assert!(is_live(&world, "volumes/main.sales.landing"));
    // The plan is made, and what it deletes is looked at again a little later.
    world.sandbox.requests();
    world.sandbox.fault(json!({"path": "/api/2.1/unity-catalog/volumes/main.sales.landing", "delay_ms": 3000}));
    let mut apply = world.start("apply --yes");
    apply.until("deleting DatabricksVolume/landing");
    put(&world, "june/c.csv");
    apply.wait().code(4).says("it holds 1 file (/Volumes/main/sales/landing/june/c.csv), new since the plan");
    assert_eq!(writes(&world), [""; 0]);
    assert!(is_live(&world, "volumes/main.sales.landing"));
    world.plumb("apply --yes").code(0);
    assert!(!is_live(&world, "volumes/main.sales.landing"));
}

#[test]
fn what_cannot_be_looked_into_is_not_deleted() {
    let world = World::new();
    world.commit_file(SCHEMA, &schema(FORCED), "Add sales");
    world.plumb("apply --yes").code(0);
    seed(&world, &["main.sales.orders"]);
    world.remove(SCHEMA);
    world.commit("Remove sales");
    let refused = |skip: u64, times: u64| {
        let body = json!({"error_code": "PERMISSION_DENIED", "message": "User does not have USE SCHEMA on Schema 'main.sales'."});
        let path = "/api/2.1/unity-catalog/tables";
        world.sandbox.fault(json!({"path": path, "status": 403, "body": body, "skip": skip, "times": times}));
    };
    refused(0, 1);
    shows!(world.plumb("plan -q"), @"
    Plan of demo for target dev, manifests at <Remove sales>

    Blocked:
      ! DatabricksSchema/sales: what is in schema main.sales cannot be told: its tables cannot be read:
        GET
        /api/2.1/unity-catalog/tables?catalog_name=main&schema_name=sales&omit_columns=true&omit_properties=true&max_results=0:
        403 PERMISSION_DENIED: User does not have USE SCHEMA on Schema 'main.sales'.
        to allow it: let plumb read it, and plan again; or `plumb release DatabricksSchema/sales`

    Plan: 0 to create, 0 to update, 0 to delete. 0 unchanged. 1 blocked.
    Digest: <digest>
    --- exit 3
    ");
    // Once it was planned.
    refused(1, 1);
    world.sandbox.requests();
    world.plumb("apply --yes").code(1).says("what is in schema main.sales cannot be told, so that it was not deleted");
    assert_eq!(writes(&world), [""; 0]);
    assert!(is_live(&world, "schemas/main.sales"));
}

#[test]
fn a_replacement_would_destroy_as_much() {
    let world = World::new();
    world.write(SCHEMA, &schema(""));
    world.commit_file(VOLUME, &volume(""), "Add sales and landing");
    world.plumb("apply --yes").code(0);
    put(&world, "a.csv");
    world.edit(VOLUME, "name: landing\n  volume_type", "name: arrivals\n  volume_type");
    world.commit("Rename the volume");
    let why = "because name cannot be changed in place";
    world.plumb("plan").code(3).says(why).says("to keep the data, take the change of name back");
    world.edit(VOLUME, "  name: landing\nspec", "  name: landing\n  lifecycle: {forceDestroy: true}\nspec");
    world.commit("Let its files go");
    // In one commit with what it allows it is not applied yet.
    world.plumb("plan").code(3).says("holds 1 file").says("which that would");
    world.edit(VOLUME, "name: arrivals\n  volume_type", "name: landing\n  volume_type");
    world.commit("First its files");
    world.plumb("apply --yes").code(0);
    world.edit(VOLUME, "name: landing\n  volume_type", "name: arrivals\n  volume_type");
    world.commit("Then the volume");
    world.sandbox.requests();
    world.plumb("apply --yes").code(0).says("! destroys 1 file (/Volumes/main/sales/landing/a.csv)");
    assert!(!is_live(&world, "volumes/main.sales.landing") && is_live(&world, "volumes/main.sales.arrivals"));
}

#[test]
fn a_release_takes_the_word_off_too() {
    let world = World::new();
    world.commit_file(SCHEMA, &schema(FORCED), "Add sales");
    world.plumb("apply --yes").code(0);
    let comment = |world: &World| world.sandbox.get("/api/2.1/unity-catalog/schemas/main.sales")["comment"].to_string();
    assert!(comment(&world).contains("force_destroy]"), "{}", comment(&world));
    world.plumb("release DatabricksSchema/sales --yes").code(0);
    assert!(!comment(&world).contains("force_destroy"), "{}", comment(&world));
    // Whoever takes it over says so anew.
    let adopted = schema("\n  adopt: main.sales");
    world.commit_file(SCHEMA, &adopted, "Take it over");
    world.plumb("apply --yes").code(0);
    assert!(!comment(&world).contains("force_destroy"), "{}", comment(&world));
    seed(&world, &["main.sales.orders"]);
    world.remove(SCHEMA);
    world.commit("Remove it");
    world.plumb("plan").code(3).says("holds 1 table (main.sales.orders), which a delete would destroy");
}
