//! Evidence from end to end: compared, signed, and held against the gate of a teardown by `plumb plan`.

use super::{rows, with_duckdb};
use crate::world::World;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::Value;

const MANIFEST: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: legacy}
spec:
  match: {name: \"bau-*\"}
  desired: teardown
  teardown: {notBefore: 2024-06-01, requires: {parity: {passes: 2, signed: true}}}
---
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: new}
spec: {name: new, tasks: []}
---
apiVersion: plumb/v1
kind: Migration
metadata: {name: audience}
spec:
  from: {emr: [EmrCluster/legacy]}
  to: {jobs: [DatabricksJob/new]}
  compare:
    period: month
    outputs:
      - name: segments
        old: {path: \"data/old/{period}\", format: json, columns: {id: bigint, name: string}}
        new: {path: \"data/new/{period}\", format: json, columns: {id: bigint, name: string}}
        keys: [id]
";

/// The last months that are over, the latest first.
fn months(count: i32) -> Vec<String> {
    let today: Date = Timestamp::now().to_zoned(TimeZone::UTC).date();
    (1..=count).map(|ago| (today.first_of_month() - ago.months()).strftime("%Y-%m").to_string()).collect()
}

fn gate(world: &World) -> String {
    let plan = world.plumb("plan").code(0);
    plan.shown.lines().filter(|line| line.contains("  parity ")).map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn signed_evidence_opens_the_gate_and_nothing_else_does() {
    let clusters = serde_json::json!([{
        "run": {
            "Name": "bau-old", "ReleaseLabel": "emr-6.15.0", "JobFlowRole": "R", "ServiceRole": "S",
            "Instances": {
                "KeepJobFlowAliveWhenNoSteps": true,
                "InstanceGroups": [{"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}],
            },
        },
        "created": "2023-11-02T04:00:00Z",
    }]);
    let mut world = World::with_emr(&serde_json::json!({"emr": {"clusters": clusters}}));
    with_duckdb(&mut world);
    world.write("manifests/audience.yaml", MANIFEST);
    let months = months(2);
    for month in &months {
        for side in ["old", "new"] {
            world.write(&format!("data/{side}/{month}/part.json"), &rows(20, month));
        }
    }
    world.commit("Compare");
    assert!(gate(&world).starts_with("waits  parity"), "{}", gate(&world));
    let file = |month: &str| format!("evidence/audience-{month}.json");
    let run = |world: &World, month: &str| world.plumb(&format!("parity run --period {month}"));

    // Equal, and not signed.
    for month in &months {
        run(&world, month).code(0).says("Evidence of equality");
    }
    let unsigned: Value = serde_json::from_str(&world.read(&file(&months[0]))).unwrap();
    assert_eq!(
        (&unsigned["signature"], &unsigned["dirty"], &unsigned["clock"]),
        (&Value::Null, &false.into(), &Value::Null)
    );
    assert!(gate(&world).contains("no report in evidence/"), "not committed: {}", gate(&world));
    world.commit("Unsigned evidence");
    assert!(gate(&world).contains("it is not signed, and `requires.parity.signed` asks for it"), "{}", gate(&world));

    world.env("PLUMB_EVIDENCE_KEY", Some("a key that is long enough to be one"));
    for month in &months {
        run(&world, month).code(0);
    }
    world.commit("Evidence");
    assert!(gate(&world).starts_with("holds  parity"), "{}", gate(&world));
    world.plumb("parity status").code(0).says("has them");

    // Edited, in a number that nothing reads.
    let signed = world.read(&file(&months[1]));
    assert!(signed.contains("\"signature\""), "{signed}");
    let edited = signed.replacen("\"rows\": 20", "\"rows\": 21", 1);
    assert_ne!(edited, signed);
    world.write(&file(&months[1]), &edited);
    world.commit("Edit");
    let said = gate(&world);
    assert!(said.starts_with("waits  parity") && said.contains("it was edited, or signed with another key"), "{said}");
    world.write(&file(&months[1]), &signed);
    world.commit("Take it back");
    assert!(gate(&world).starts_with("holds  parity"));

    // Where the key is not known, a signature proves nothing.
    world.env("PLUMB_EVIDENCE_KEY", Some("another key that is long enough too"));
    assert!(gate(&world).starts_with("waits  parity"), "{}", gate(&world));
    world.env("PLUMB_EVIDENCE_KEY", None);
    assert!(gate(&world).starts_with("waits  parity"), "{}", gate(&world));
    world.env("PLUMB_EVIDENCE_KEY", Some("a key that is long enough to be one"));

    // Other rules: what was compared under the earlier ones is void, until it is compared again.
    world.edit(
        "manifests/audience.yaml",
        "        keys: [id]\n",
        "        keys: [id]\n        rules: [{column: name, trim: both, reason: pads}]\n",
    );
    world.commit("Loosen");
    let said = gate(&world);
    assert!(said.starts_with("waits  parity") && said.contains("made under other rules"), "{said}");
    run(&world, &months[0]).code(0);
    world.commit("One again");
    assert!(gate(&world).starts_with("waits  parity"), "one of two: {}", gate(&world));
    run(&world, &months[1]).code(0);
    world.commit("Both again");
    assert!(gate(&world).starts_with("holds  parity"), "{}", gate(&world));

    // A month that differs is written, and closes it.
    world.write(&format!("data/new/{}/part.json", months[0]), &rows(20, "other"));
    run(&world, &months[0]).code(2);
    world.commit("It differs");
    let said = gate(&world);
    assert!(said.starts_with("waits  parity"), "{said}");
}

#[test]
fn what_was_not_committed_or_had_another_clock_does_not_count() {
    let mut world = World::with_emr(&Value::Null);
    with_duckdb(&mut world);
    world.write("manifests/audience.yaml", &MANIFEST.replace("passes: 2, signed: true", "passes: 1"));
    let month = months(1).remove(0);
    for side in ["old", "new"] {
        world.write(&format!("data/{side}/{month}/part.json"), &rows(20, "a"));
    }
    let report = |world: &World| -> Value {
        serde_json::from_str(&world.read(&format!("evidence/audience-{month}.json"))).unwrap()
    };
    // Before the first commit.
    world.plumb("parity run").code(0);
    assert_eq!(report(&world)["commit"], Value::Null);
    assert!(world.plumb("parity status").code(2).shown.contains("void"));
    world.commit("Compare");
    // Committed since, and compared again.
    world.plumb("parity run").code(0);
    assert_eq!((&report(&world)["dirty"], report(&world)["commit"].is_string()), (&false.into(), true));
    world.plumb("parity status").code(0);
    // Edited since.
    world.edit("manifests/audience.yaml", "metadata: {name: new}", "metadata: {name: new, labels: {a: b}}");
    world.plumb("parity run").code(0);
    let dirty = report(&world);
    assert_eq!((&dirty["dirty"], &dirty["passed"]), (&true.into(), &true.into()));
    assert!(!dirty["commit"].as_str().unwrap().contains("dirty"));
    world.plumb("parity status").code(2).says("its manifests were not committed");
    world.commit("Label");
    // A clock of one's own.
    world.env("PLUMB_NOW", Some("2031-06-01T00:00:00Z"));
    world.plumb(&format!("parity run --period {month}")).code(0);
    assert_eq!(
        (&report(&world)["clock"], &report(&world)["checked_at"]),
        (&"2031-06-01T00:00:00Z".into(), &"2031-06-01T00:00:00Z".into())
    );
    world.env("PLUMB_NOW", None);
    world.plumb("parity status").code(2).says("void").says("PLUMB_NOW");
    // A narrowed run writes nothing, whatever it finds.
    world.remove(&format!("evidence/audience-{month}.json"));
    world.plumb("parity run --only segments").code(0).says("narrowed by --only");
    assert_eq!(
        std::fs::read_dir(world.dir().join("evidence"))
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "json") })
            .count(),
        0
    );
}
