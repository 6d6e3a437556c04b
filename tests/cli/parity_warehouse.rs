//! Comparisons of tables on a SQL warehouse, whose answers the test scripts: what is asked, and what becomes of a comparison
//! that the warehouse does not answer whole.

use crate::world::{Ran, World};
use serde_json::{Value, json};

const PIPELINES: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: old}
spec: {match: {name: old}, desired: keep}
---
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: new}
spec: {name: new}
";

const MIGRATION: &str = "\
apiVersion: plumb/v1
kind: Migration
metadata: {name: audience}
spec:
  from: {emr: [EmrCluster/old]}
  to: {jobs: [DatabricksJob/new]}
  compare:
    period: none
    warehouse: small
    outputs:
      - name: segments
        old: {table: prod.bau.old, where: {month: \"2026-10\"}}
        new: {table: prod.bau.new}
        keys: [k]
        sensitive: [v]
";

/// A value of a sensitive column.
const CANARY: &str = "ada@example.com";

/// What a warehouse answers of two tables that are equal, by a text of each statement.
fn equal() -> Vec<Value> {
    let rule = |text: &str, rows: Value| {
        let width = rows[0].as_array().unwrap().len();
        let columns: Vec<Value> = (0..width).map(|i| json!([format!("c{i}"), "STRING"])).collect();
        json!({"contains": [text], "columns": columns, "rows": rows})
    };
    vec![
        rule("current_version()", json!([["2026.25"]])),
        rule("DESCRIBE HISTORY", json!([["7", "2026-11-01T03:00:00.000Z", "WRITE"]])),
        rule("DESCRIBE QUERY", json!([["k", "bigint", null], ["v", "string", null], ["month", "string", null]])),
        rule("FULL OUTER JOIN", json!([["3", "0", "0", "0", "0", "0", "0"]])),
        rule("AS b, 1 AS o", json!([["3"]])),
        rule("SELECT CAST(count(*) AS STRING) AS n FROM", json!([["3"]])),
    ]
}

/// A statement that fails.
fn fails(text: &str, state: &str, message: &str) -> Value {
    json!({"contains": [text], "state": "FAILED", "error_code": "BAD_REQUEST", "sql_state": state, "message": message})
}

/// A world with the migration, and a warehouse that answers by these rules before those of two equal tables.
fn world(first: Vec<Value>) -> World {
    let world = World::seeded(&json!({"warehouses": [{"id": "w-1", "name": "small"}]}));
    let rules: Vec<Value> = first.into_iter().chain(equal()).collect();
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"statements": rules}));
    world.write("manifests/pipelines.yaml", PIPELINES);
    world.write("manifests/migration.yaml", MIGRATION);
    world.commit("begin");
    world
}

fn run(world: &World) -> Ran {
    world.plumb("parity run --period p1")
}

/// That nothing was written.
#[track_caller]
fn no_evidence(world: &World) {
    assert!(!world.dir().join("evidence").exists());
}

/// What the evidence says of the output, and the whole of it.
fn evidence(world: &World) -> (Value, Value) {
    let report: Value = serde_json::from_str(&world.read("evidence/audience-p1.json")).unwrap();
    (report["outputs"][0].clone(), report)
}

/// The texts of all statements, in their order.
fn statements(world: &World) -> Vec<String> {
    let log = world.sandbox.get("/_sandbox/requests");
    let submits = log.as_array().unwrap().iter().filter(|one| one["path"] == "/api/2.0/sql/statements");
    submits.map(|one| one["body"]["statement"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn tables_are_compared_at_the_versions_that_they_had_at_the_start() {
    let world = world(Vec::new());
    run(&world).code(0).says("equal");
    let (output, report) = evidence(&world);
    assert_eq!(report["engine"], json!({"name": "databricks", "version": "2026.25"}));
    assert_eq!((&report["passed"], &output["matched"]), (&json!(true), &json!(3)));
    for side in ["old", "new"] {
        let side = &output[side];
        assert_eq!((&side["version"], &side["rows"]), (&json!("7"), &json!(3)));
        assert!(side["fingerprint"].as_str().unwrap().starts_with("sha256:"), "{side}");
    }
    assert_ne!(output["old"]["fingerprint"], output["new"]["fingerprint"], "of two tables");
    let texts = statements(&world);
    let history: Vec<&String> = texts.iter().filter(|text| text.starts_with("DESCRIBE HISTORY")).collect();
    let (old, new) = ("DESCRIBE HISTORY `prod`.`bau`.`old` LIMIT 1", "DESCRIBE HISTORY `prod`.`bau`.`new` LIMIT 1");
    assert_eq!(history, [old, new, old, new], "pinned, and looked at again");
    for text in texts.iter().filter(|text| text.contains("`bau`") && !text.starts_with("DESCRIBE HISTORY")) {
        assert_eq!(text.matches("`bau`").count(), text.matches(" VERSION AS OF 7").count(), "{text}");
    }
    assert_eq!(texts.len(), 11, "{texts:#?}");
    // Nothing else is written, no object is looked at, and a value of the manifest goes as a parameter.
    let log = world.sandbox.get("/_sandbox/requests");
    assert!(log.as_array().unwrap().iter().all(|one| one["path"].as_str().unwrap().starts_with("/api/2.0/sql/")));
    assert!(texts.iter().all(|text| !text.contains("2026-10")), "{texts:#?}");
}

#[test]
fn a_table_that_is_written_to_meanwhile_is_compared_as_it_was() {
    let columns = json!([["version", "BIGINT"], ["timestamp", "TIMESTAMP"]]);
    let (was, is) = (json!(["7", "monday"]), json!(["9", "friday"]));
    let history = |rows: Value, times: u64, text: &str| json!({"contains": [text], "columns": columns, "rows": rows, "times": times});
    let pinned = history(json!([was]), 2, "DESCRIBE HISTORY");
    let latest = history(json!([is]), 1, "`old` LIMIT 1");
    let since = history(json!([is, ["8", "tuesday"], was]), 1, "`old` LIMIT 3");
    let other = history(json!([is, ["8", "friday"], ["7", "friday"]]), 1, "`old` LIMIT 3");
    let unchanged = history(json!([was]), 1, "`new` LIMIT 1");
    let compared = world(vec![pinned.clone(), latest.clone(), since, unchanged]);
    run(&compared).code(0);
    // Dropped and made again, with as many versions.
    let replaced = world(vec![pinned.clone(), latest, other]);
    run(&replaced).code(3).says("prod.bau.old was replaced while it was compared");
    let (output, report) = evidence(&replaced);
    assert_eq!((&report["passed"], &output["causes"]["rows"]), (&json!(false), &json!("changed")));
    let anew = world(vec![pinned, history(json!([["0", "friday"]]), 1, "`old` LIMIT 1")]);
    run(&anew).code(3).says("its version 7 is not there any more");
}

#[test]
fn a_missing_right_ends_the_run_without_evidence() {
    let denied =
        "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have SELECT on Table 'prod.bau.old'.";
    for text in ["DESCRIBE HISTORY", "FULL OUTER JOIN"] {
        let world = world(vec![fails(text, "42501", denied)]);
        run(&world).code(1).says("User does not have SELECT on Table 'prod.bau.old'").says("no evidence was written");
        no_evidence(&world);
    }
}

#[test]
fn a_warehouse_that_stops_or_is_not_there_ends_the_run_without_evidence() {
    let stopping = world(vec![json!({"contains": ["FULL OUTER JOIN"], "stops_warehouse": true})]);
    run(&stopping).code(1).says("The SQL warehouse was stopped").says("no evidence was written");
    no_evidence(&stopping);
    let unknown = world(Vec::new());
    unknown.edit("manifests/migration.yaml", "warehouse: small", "warehouse: smal");
    run(&unknown).code(1).says("SQL warehouse `smal`").says("did you mean `small`?");
    assert_eq!(statements(&unknown), [""; 0]);
    no_evidence(&unknown);
}

#[test]
fn an_answer_that_is_not_whole_is_none() {
    let cut = json!({"contains": ["FULL OUTER JOIN"], "columns": [["c", "STRING"]], "rows": [["3"]],
        "patch": {"manifest": {"truncated": true}}});
    let none = json!({"contains": ["FULL OUTER JOIN"], "columns": [["c", "STRING"]], "rows": []});
    let narrow = json!({"contains": ["FULL OUTER JOIN"], "columns": [["c", "STRING"]], "rows": [["3"]]});
    let null = json!({"contains": ["SELECT CAST(count(*) AS STRING) AS n FROM"], "columns": [["n", "STRING"]], "rows": [[null]]});
    for (rule, says) in [
        (cut, "the service has cut it"),
        (none, "the engine answered 0 rows where counts belong"),
        (narrow, "columns in place of"),
        (null, "the engine did not answer a count"),
    ] {
        let world = world(vec![rule]);
        run(&world).code(1).says(says).says("no evidence was written");
        no_evidence(&world);
    }
}

#[test]
fn data_that_cannot_be_read_and_what_has_no_versions_is_no_verdict() {
    let cast = format!("[CAST_INVALID_INPUT] The value '{CANARY}' of the type STRING cannot be cast to BIGINT");
    let view = "[EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE] 'DESCRIBE HISTORY' expects a table but `v` is a view.";
    let missing = "[TABLE_OR_VIEW_NOT_FOUND] The table or view `prod`.`bau`.`old` cannot be found.";
    for (rule, says) in [
        (fails("FULL OUTER JOIN", "22018", &cast), "CAST_INVALID_INPUT"),
        (fails("DESCRIBE HISTORY", "42809", view), "it is a view, or no Delta table"),
        (fails("DESCRIBE HISTORY", "42P01", missing), "has the pipeline run"),
    ] {
        let world = world(vec![rule]);
        let ran = run(&world).code(3).says(says).never_says(CANARY);
        assert!(!world.read("evidence/audience-p1.json").contains(CANARY), "{}", ran.shown);
        let (output, report) = evidence(&world);
        assert_eq!((&report["passed"], &output["verdict"]), (&json!(false), &json!("none")));
        assert_eq!(output["causes"]["rows"], "unreadable");
    }
    let odd = world(vec![fails("FULL OUTER JOIN", "22012", &format!("[DIVIDE_BY_ZERO] {CANARY}"))]);
    run(&odd).code(1).says("DIVIDE_BY_ZERO").never_says(CANARY);
    no_evidence(&odd);
}

/// Rules for a folder of S3 with two files of one partition.
fn folder() -> Vec<Value> {
    let columns = |n: usize| (0..n).map(|i| json!([format!("c{i}"), "STRING"])).collect::<Vec<_>>();
    let files =
        json!([["s3://bau/agg/month=2026-10/part-0", "12", "77"], ["s3://bau/agg/month=2026-10/part-1", "13", "78"]]);
    let listed = json!([
        ["s3://bau/agg/_SUCCESS", "_SUCCESS", "0", "79"],
        ["s3://bau/agg/month=2026-10/", "month=2026-10/", "0", "0"]
    ]);
    vec![
        json!({"contains": ["binaryFile"], "columns": columns(3), "rows": files}),
        json!({"contains": ["LIST 's3://bau/agg/'"], "columns": columns(4), "rows": listed}),
        json!({"contains": ["`_rescued_data` IS NOT NULL"], "columns": columns(1), "rows": [["0"]]}),
    ]
}

fn of_folder(first: Vec<Value>) -> World {
    let world = world(first.into_iter().chain(folder()).collect());
    let side = "old: {path: \"s3://bau/agg/\", format: parquet, done: _SUCCESS, where: {month: \"2026-10\"}}";
    world.edit("manifests/migration.yaml", "old: {table: prod.bau.old, where: {month: \"2026-10\"}}", side);
    world
}

#[test]
fn a_folder_of_s3_is_listed_by_the_warehouse_that_reads_it() {
    let compared = of_folder(Vec::new());
    run(&compared).code(0);
    let (output, _) = evidence(&compared);
    assert_eq!((&output["old"]["files"], &output["old"]["bytes"]), (&json!(2), &json!(25)));
    assert!(output["old"]["fingerprint"].is_string() && output["old"]["version"].is_null());
    let texts = statements(&compared);
    assert_eq!(texts.iter().filter(|text| text.contains("binaryFile")).count(), 2, "listed, and looked at again");
    let describe = texts.iter().find(|text| text.starts_with("DESCRIBE QUERY") && text.contains("read_files")).unwrap();
    assert!(describe.contains("schemaHints => '`month` string'"), "{describe}");
    let columns = json!([["n", "STRING"]]);
    let rescued = json!({"contains": ["`_rescued_data` IS NOT NULL"], "columns": columns, "rows": [["2"]]});
    run(&of_folder(vec![rescued])).code(3).says("2 rows hold what is not of its column's type");
    let empty = json!({"contains": ["LIST 's3://bau/agg/'"], "columns": columns, "rows": []});
    run(&of_folder(vec![empty])).code(3).says("has no _SUCCESS: its writer has not finished");
    let denied = "[INSUFFICIENT_PERMISSIONS] User does not have READ FILES on External Location 'bau'.";
    let refused = of_folder(vec![fails("binaryFile", "42501", denied)]);
    run(&refused).code(1).says("User does not have READ FILES");
    no_evidence(&refused);
    let rows = json!([["s3://bau/agg/month=2026-10/part-0", "12", "77"]]);
    let columns = json!([["a", "STRING"], ["b", "STRING"], ["c", "STRING"]]);
    let before = json!({"contains": ["binaryFile"], "columns": columns, "rows": rows, "times": 1});
    run(&of_folder(vec![before])).code(3).says("was changed while it was compared (month=2026-10/part-1 is new)");
}

#[test]
fn what_is_interrupted_is_cancelled() {
    let world = world(vec![json!({"contains": ["FULL OUTER JOIN"], "columns": [], "rows": [], "seconds": 3600})]);
    let mut started = world.start("parity run --period p1 --verbose");
    started.until("join of 6 rows");
    // The join is submitted at once, and looked at.
    while statements(&world).iter().all(|text| !text.contains("FULL OUTER JOIN")) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    started.interrupt();
    started.wait().code(130).says("interrupted; no evidence was written");
    no_evidence(&world);
    let state = world.sandbox.get("/_sandbox/state");
    let all = state["databricks"]["statements"].as_object().unwrap();
    assert!(all.values().all(|one| ["SUCCEEDED", "CANCELED"].contains(&one["state"].as_str().unwrap())), "{state}");
    assert_eq!(all.values().filter(|one| one["state"] == "CANCELED").count(), 1);
}

#[test]
fn an_explanation_sends_nothing() {
    let world = world(Vec::new());
    let ran = world.plumb("parity run --period p1 --explain").code(0);
    assert_eq!(world.sandbox.requests(), [""; 0]);
    no_evidence(&world);
    for text in [
        "-- engine databricks, SQL warehouse small",
        "-- old: prod.bau.old: at the version that `pin` answers",
        "DESCRIBE HISTORY `prod`.`bau`.`old` LIMIT 1;",
        "DESCRIBE QUERY SELECT * FROM `prod`.`bau`.`new`;",
        "-- :p0 STRING = \"2026-10\"",
        "-- and every other column that both sides have",
        "FULL OUTER JOIN",
    ] {
        assert!(ran.out.contains(text), "{text}:\n{}", ran.out);
    }
}

#[test]
fn an_output_that_no_engine_can_read_is_refused_before_anything_is_sent() {
    let world = world(Vec::new());
    let ran = world.plumb("parity run --period p1 --engine duckdb");
    ran.code(1).says("engine duckdb cannot read the table prod.bau.old").says("`engine: databricks`, or `auto`");
    world.edit(
        "manifests/migration.yaml",
        "old: {table: prod.bau.old, where: {month: \"2026-10\"}}",
        "old: {path: out/old, format: parquet}",
    );
    world.plumb("parity run --period p1").code(1).says("a SQL warehouse cannot read this local path");
    world.edit("manifests/migration.yaml", "new: {table: prod.bau.new}", "new: {path: out/new, format: parquet}");
    world.edit("manifests/migration.yaml", "    warehouse: small\n", "");
    let ran = world.plumb("parity run --period p1 --engine databricks");
    ran.code(1).says("a SQL warehouse cannot read the local path out/old").says("upload it to `s3://`");
    assert_eq!(world.sandbox.requests(), [""; 0]);
    no_evidence(&world);
}
