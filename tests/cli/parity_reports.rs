//! `plumb parity report` and `plumb parity status`: what is shown of the files in evidence/, and what counts.

use crate::shows;
use crate::world::World;
use serde_json::{Value, json};

const MANIFEST: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: legacy}
spec:
  match: {name: \"bau-*\"}
  desired: teardown
  teardown: {notBefore: 2024-06-01, requires: {parity: {passes: 2}}}
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
    period: none
    outputs:
      - name: segments
        old: {path: old, format: parquet}
        new: {path: new, format: parquet}
";

/// The hash of the rules in [`MANIFEST`].
fn rules(manifest: &str) -> String {
    let migration: Value = serde_yaml::from_str(manifest.rsplit("---\n").next().unwrap()).unwrap();
    plumb_core::parity::rules::rules_hash(&serde_json::from_value(migration["spec"]["compare"].clone()).unwrap())
}

fn report(period: &str, verdict: &str) -> Value {
    let differs = u64::from(verdict == "differs");
    let side = |source: &str| json!({"source": source, "rows": 1_234_567, "fingerprint": "f00d"});
    let mut segments = json!({
        "name": "segments", "verdict": verdict, "old": side("old"), "new": side("new"),
        "only_old": 0, "only_new": 0, "differing_rows": 60 * differs, "matched": 1_234_567,
        "differing_cells": {}, "causes": {},
    });
    if verdict == "differs" {
        segments["differing_cells"] = json!({"amount": 60});
        segments["causes"] = json!({"amount": "rounding"});
    }
    json!({
        "format": "plumb.parity/v1", "migration": "audience", "period": period, "passed": verdict == "equal",
        "checked_at": "2024-06-03T06:00:00Z", "rules": rules(MANIFEST), "outputs": [segments],
        "engine": {"name": "duckdb", "version": "1.5.5"}, "commit": "3f2a91c0b1d2", "dirty": false, "duration_s": 41.2,
    })
}

fn world(reports: &[Value]) -> World {
    let world = World::with_emr(&Value::Null);
    world.write("manifests/audience.yaml", MANIFEST);
    for report in reports {
        let period = report["period"].as_str().unwrap();
        world.write(&format!("evidence/audience-{period}.json"), &report.to_string());
    }
    world.commit("Compare");
    world
}

#[test]
fn the_newest_report_is_shown_in_every_form() {
    let world = world(&[report("2024-04", "equal"), report("2024-05", "differs")]);
    shows!(world.plumb("parity report audience"), @"
    audience 2024-05: DIFFERS   0 of 1 output equal, 41 s, duckdb 1.5.5
      segments  DIFFERS     old 1,234,567, new 1,234,567 rows
          amount  60   -> rounding (half up, half even)
    No evidence of equality: the gate `parity` of EmrCluster/legacy waits.
    Correct the pipeline, or add a rule with its reason to `spec.compare`; then compare again: plumb
    parity run audience --period 2024-05
    --- exit 0
    ");
    shows!(world.plumb("parity report Migration/audience --period 2024-04"), @"
    audience 2024-04: equal   1 of 1 output equal, 41 s, duckdb 1.5.5
      segments  equal       1,234,567 rows
    Evidence of equality for 2024-04: it counts for the gate `parity` of EmrCluster/legacy.
    --- exit 0
    ");
    world
        .plumb("parity report audience --output markdown")
        .code(0)
        .says("### Parity of `audience` for `2024-05`: differs");
    world.plumb("parity report audience --output junit").code(0).says("failures=\"1\" errors=\"0\"");
    assert_eq!(world.plumb("parity report audience --output json").code(0).json(), {
        // What is not known is said.
        let mut report = report("2024-05", "differs");
        report["outputs"][0]["duration_s"] = json!(0.0);
        report
    });
    world.plumb("parity report audience --output html --out page.html").code(0).says("wrote page.html");
    let page = world.read("page.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("rounding (half up, half even)"), "{page}");
    assert_eq!(world.sandbox.requests(), [""; 0], "nothing is sent");
}

#[test]
fn a_report_that_is_not_there_or_typed_by_hand_is_an_error_with_the_way_on() {
    let mut typed = report("2024-06", "equal");
    for name in ["rules", "outputs"] {
        typed.as_object_mut().unwrap().remove(name);
    }
    let world = world(&[report("2024-05", "equal"), typed]);
    shows!(world.plumb("parity report other"), @"
    --- stderr
    error: evidence/ has no report of other
    hint: `plumb parity run other --period PERIOD` compares and writes one
    --- exit 1
    ");
    shows!(world.plumb("parity report audience --period 2024-01"), @"
    --- stderr
    error: evidence/ has no report of audience for 2024-01
    hint: the newest is of 2024-06
    hint: `plumb parity run audience --period 2024-01` compares and writes one
    --- exit 1
    ");
    shows!(world.plumb("parity report audience"), @"
    --- stderr
    error: the report of audience for 2024-06 shows nothing: it was typed by hand, and has no outputs
    hint: `plumb parity run audience --period 2024-06` compares and writes one
    --- exit 1
    ");
    world.write("evidence/broken.json", "{\"format\": \"s3cr3t");
    let shown = world.plumb("parity report audience --period 2024-05").code(0);
    shown.says("evidence/broken.json is no report: it is no JSON").never_says("s3cr3t");
    // Mistakes in the manifests hide no report.
    world.write("manifests/wrong.yaml", "kind: Nothing\n");
    world.plumb("parity report audience --period 2024-05").code(0).says("whether the report counts is not known");
}

#[test]
fn the_status_lists_every_period_and_exits_with_2_while_a_gate_waits() {
    let mut other = report("2024-03", "equal");
    other["rules"] = json!("other");
    let mut dirty = report("2024-06", "equal");
    dirty["dirty"] = json!(true);
    let mut world = world(&[other, report("2024-04", "equal"), report("2024-05", "differs"), dirty]);
    world.env("PLUMB_NOW", Some("2024-06-10T06:00:00Z"));
    shows!(world.plumb("parity status"), @"
    MIGRATION  PERIOD   STATUS   OUTPUTS EQUAL  COMPARED              WHY
    audience   2024-03  void     1 of 1         2024-06-03 06:00 UTC  it was made under other rules: run `plumb parity run` again
    audience   2024-04  equal    1 of 1         2024-06-03 06:00 UTC
    audience   2024-05  differs  0 of 1         2024-06-03 06:00 UTC  differs in `segments`
    audience   2024-06  void     1 of 1         2024-06-03 06:00 UTC  the manifests differed from their commit: commit them and run it again

    audience: the last period is not equal; the gate `parity` of EmrCluster/legacy wants 2 and waits
    --- exit 2
    ");
    world.write("evidence/audience-2024-05.json", &report("2024-05", "equal").to_string());
    world.remove("evidence/audience-2024-06.json");
    let shown = world.plumb("parity status").code(0);
    shown.says("audience: the last 2 periods are equal; the gate `parity` of EmrCluster/legacy wants 2 and has them");
    let list = world.plumb("parity status --output json").code(0).json();
    assert_eq!(list[0]["passes"], 2);
    let states: Vec<&Value> = list[0]["periods"].as_array().unwrap().iter().map(|period| &period["state"]).collect();
    assert_eq!(states, ["void", "equal", "equal"]);
    world.plumb("parity status --output markdown").code(0).says("| `audience` | `2024-03` | **void** | 1 of 1 |");
    // Whoever changes the rules has to compare again.
    world.edit("manifests/audience.yaml", "period: none", "period: month");
    world.plumb("parity status").code(2).says("it was made under other rules: run `plumb parity run` again");
    assert_eq!(world.sandbox.requests(), [""; 0], "nothing is sent");
}
