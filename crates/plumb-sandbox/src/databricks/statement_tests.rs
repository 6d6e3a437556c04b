//! Statements as the settings script them.

use super::super::{handle as workspace, route};
use super::*;
use crate::store::Clock;

const HOUR: i64 = 3600;

/// A workspace with a warehouse `w`, whose statements these rules answer.
fn scripted(rules: Value) -> Store {
    let mut store = Store::new(Clock::Fixed(1_000_000));
    store.databricks.warehouses.insert("w".into(), json!({ "id": "w", "name": "small", "state": "RUNNING" }));
    store.settings.statements = serde_json::from_value(rules).unwrap();
    store
}

fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
    route(store, &Request::internal(method, &format!("/api/2.0/sql/statements{path}"), "me@example.com", body))
}

fn run(store: &mut Store, more: Value) -> Handled {
    let mut body = json!({ "statement": "SELECT count(*) AS n FROM t", "warehouse_id": "w", "wait_timeout": "50s" });
    script::merge(&mut body, &more);
    ask(store, "POST", "", body)
}

fn state(answer: &Value) -> &str {
    answer["status"]["state"].as_str().unwrap()
}

fn look(store: &mut Store, answer: &Value) -> Value {
    ask(store, "GET", &format!("/{}", answer["statement_id"].as_str().unwrap()), Value::Null).unwrap()
}

#[test]
fn a_scripted_statement_is_answered_and_any_other_fails() {
    let rule = json!([{ "contains": ["count(*)"], "columns": [["n", "BIGINT"], ["d", "DECIMAL(18, 4)"]],
                        "rows": [["7", null]] }]);
    let mut store = scripted(rule);
    let answer = run(&mut store, json!({})).unwrap();
    assert_eq!(
        answer["result"],
        json!({ "chunk_index": 0, "row_offset": 0, "row_count": 1, "data_array": [["7", null]] })
    );
    let manifest = &answer["manifest"];
    let decimal = json!({ "name": "d", "position": 1, "type_name": "DECIMAL", "type_text": "DECIMAL(18, 4)",
                          "type_precision": 18, "type_scale": 4 });
    assert_eq!((&manifest["schema"]["columns"][1], &manifest["total_row_count"]), (&decimal, &json!(1)));
    let other = run(&mut store, json!({ "statement": "SELECT 1" })).unwrap();
    assert_eq!((state(&other), other.get("manifest")), ("FAILED", None));
    assert!(other["status"]["error"]["message"].as_str().unwrap().contains("runs no SQL"), "{other}");
}

#[test]
fn a_statement_takes_its_looks_or_its_seconds() {
    let mut store = scripted(json!([{ "looks": 3 }]));
    let first = run(&mut store, json!({})).unwrap();
    let states: Vec<String> = (0..3).map(|_| state(&look(&mut store, &first)).to_owned()).collect();
    assert_eq!((state(&first), states.join(" ")), ("PENDING", "RUNNING RUNNING SUCCEEDED".to_owned()));

    let mut store = scripted(json!([{ "seconds": 60 }]));
    let first = run(&mut store, json!({})).unwrap();
    store.advance(9);
    assert_eq!((state(&first), state(&look(&mut store, &first))), ("PENDING", "RUNNING"), "50 of 60 s were waited");
    store.advance(1);
    assert_eq!(state(&look(&mut store, &first)), "SUCCEEDED");

    let mut store = scripted(json!([{ "seconds": 50 }]));
    assert_eq!(state(&run(&mut store, json!({})).unwrap()), "SUCCEEDED");
    assert_eq!(
        state(&run(&mut store, json!({ "wait_timeout": "49s", "on_wait_timeout": "CANCEL" })).unwrap()),
        "CANCELED"
    );
    assert_eq!(state(&run(&mut store, json!({ "wait_timeout": null })).unwrap()), "PENDING", "10 s are the default");
    let mut store = scripted(json!([{}]));
    let first = run(&mut store, json!({ "wait_timeout": "0s", "on_wait_timeout": "CANCEL" })).unwrap();
    assert_eq!((state(&first), state(&look(&mut store, &first))), ("PENDING", "SUCCEEDED"));
}

#[test]
fn a_cancel_ends_what_runs_and_nothing_else() {
    let mut store = scripted(json!([{ "looks": 2, "times": 1 }, {}]));
    for wanted in ["CANCELED", "SUCCEEDED"] {
        let first = run(&mut store, json!({})).unwrap();
        let path = format!("/{}/cancel", first["statement_id"].as_str().unwrap());
        assert_eq!(ask(&mut store, "POST", &path, json!({})).unwrap(), json!({}));
        assert_eq!(state(&look(&mut store, &first)), wanted);
    }
    assert_eq!(ask(&mut store, "POST", "/nobody/cancel", json!({})).unwrap_err().status, 404);
    assert_eq!(ask(&mut store, "GET", "/nobody", Value::Null).unwrap_err().status, 404);
}

#[test]
fn chunks_follow_one_another_and_expire() {
    let mut store = scripted(json!([{ "columns": [["n", "INT"]], "rows": [["1"], ["2"], ["3"]], "chunk_rows": 2 }]));
    let answer = run(&mut store, json!({})).unwrap();
    assert_eq!(
        (&answer["result"]["data_array"], &answer["result"]["next_chunk_index"]),
        (&json!([["1"], ["2"]]), &json!(1))
    );
    assert_eq!(answer["manifest"]["chunks"][1], json!({ "chunk_index": 1, "row_offset": 2, "row_count": 1 }));
    let link = answer["result"]["next_chunk_internal_link"].as_str().unwrap();
    let path = link.strip_prefix("/api/2.0/sql/statements").unwrap().to_owned();
    let last = ask(&mut store, "GET", &path, Value::Null).unwrap();
    assert_eq!(last, json!({ "chunk_index": 1, "row_offset": 2, "row_count": 1, "data_array": [["3"]] }));
    assert_eq!(ask(&mut store, "GET", &path.replace("chunks/1", "chunks/2"), Value::Null).unwrap_err().status, 404);
    store.advance(HOUR - 1);
    assert!(ask(&mut store, "GET", &path, Value::Null).is_ok());
    store.advance(1);
    assert_eq!(ask(&mut store, "GET", &path, Value::Null).unwrap_err().status, 404);
    let closed = look(&mut store, &answer);
    assert_eq!((state(&closed), closed.get("result")), ("CLOSED", None));
    store.advance(11 * HOUR);
    let id = format!("/{}", answer["statement_id"].as_str().unwrap());
    assert_eq!(ask(&mut store, "GET", &id, Value::Null).unwrap_err().status, 404);
}

#[test]
fn a_link_takes_no_credentials_and_lives_for_a_quarter_of_an_hour() {
    let mut store = scripted(json!([{ "columns": [["n", "INT"]], "rows": [["1"], ["2"]], "chunk_rows": 1 }]));
    let answer = run(&mut store, json!({ "disposition": "EXTERNAL_LINKS" })).unwrap();
    let link = &answer["result"]["external_links"][0];
    assert_eq!((link["next_chunk_index"].as_i64(), answer["result"].get("data_array")), (Some(1), None));
    let path = link["external_link"].as_str().unwrap().strip_prefix("http://127.0.0.1").unwrap().to_owned();
    let mut fetch = |credentials: bool, header: bool, later: i64| {
        store.advance(later);
        let mut request = Request::internal("GET", &path, "", Value::Null);
        request.authorization = credentials.then(|| "Bearer t".to_owned());
        if header {
            let (name, value) = LINK_HEADER;
            request.raw.headers.push((name.to_owned(), value.to_owned()));
        }
        workspace(&mut store, &mut request, Some("t")).map_err(|error| error.status)
    };
    assert_eq!(fetch(false, true, 0), Ok(json!([["1"]])));
    assert_eq!((fetch(true, true, 0), fetch(false, false, 0)), (Err(400), Err(403)));
    assert_eq!((fetch(false, true, 899), fetch(false, true, 1)), (Ok(json!([["1"]])), Err(403)));
}

#[test]
fn a_warehouse_that_is_stopped_starts_and_one_that_stops_fails_its_statements() {
    let mut store = scripted(json!([{}]));
    let go = |store: &mut Store, verb: &str| {
        let path = format!("/api/2.0/sql/warehouses/w/{verb}");
        route(store, &Request::internal("POST", &path, "me@example.com", Value::Null)).unwrap();
    };
    go(&mut store, "stop");
    let first = run(&mut store, json!({})).unwrap();
    assert_eq!((state(&first), &store.databricks.warehouses["w"]["state"]), ("PENDING", &json!("RUNNING")));
    assert_eq!(state(&look(&mut store, &first)), "SUCCEEDED");

    go(&mut store, "stop");
    store.settings.warehouses_start = false;
    let first = run(&mut store, json!({})).unwrap();
    assert_eq!((state(&look(&mut store, &first)), state(&look(&mut store, &first))), ("PENDING", "PENDING"));
    assert_eq!(store.databricks.warehouses["w"]["health"]["status"], "FAILED");
    go(&mut store, "start");
    assert_eq!(state(&look(&mut store, &first)), "SUCCEEDED");

    store.settings.statements =
        serde_json::from_value(json!([{ "looks": 1, "stops_warehouse": true, "times": 1 }, { "looks": 9 }])).unwrap();
    let first = run(&mut store, json!({})).unwrap();
    assert_eq!(
        (state(&look(&mut store, &first)), &store.databricks.warehouses["w"]["state"]),
        ("FAILED", &json!("STOPPED"))
    );
    let first = run(&mut store, json!({})).unwrap();
    go(&mut store, "stop");
    assert_eq!(look(&mut store, &first)["status"]["error"]["error_code"], "ABORTED");
}

#[test]
fn what_is_wrong_with_a_request_is_refused() {
    let mut store = scripted(json!([{}]));
    for (what, more) in [
        ("a warehouse that is none", json!({ "warehouse_id": "nobody" })),
        ("no statement", json!({ "statement": null })),
        ("too short a wait", json!({ "wait_timeout": "4s" })),
        ("too long a wait", json!({ "wait_timeout": "51s" })),
        ("a wait without its unit", json!({ "wait_timeout": "10" })),
        ("another format", json!({ "format": "CSV", "disposition": "EXTERNAL_LINKS" })),
        ("an odd disposition", json!({ "disposition": "INLINED" })),
        ("a parameter without a name", json!({ "parameters": [{ "value": "1" }] })),
        ("a complex parameter", json!({ "parameters": [{ "name": "a", "type": "ARRAY<INT>", "value": "1" }] })),
        ("a bare number", json!({ "parameters": [{ "name": "a", "type": "INT", "value": 1 }] })),
    ] {
        let error = run(&mut store, more).unwrap_err();
        assert_eq!((error.status, &error.body["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{what}");
    }
    assert!(store.databricks.statements.is_empty());
}

#[test]
fn an_inline_result_has_25_mib_at_most() {
    let mut store = scripted(json!([{ "columns": [["s", "STRING"]] }]));
    store.settings.statements[0].rows = vec![vec![Some("x".repeat(INLINE_BYTES))]];
    assert_eq!(state(&run(&mut store, json!({})).unwrap()), "SUCCEEDED");
    store.settings.statements[0].rows.push(vec![Some("x".to_owned())]);
    let failed = run(&mut store, json!({})).unwrap();
    assert!(failed["status"]["error"]["message"].as_str().unwrap().contains("at most 26214400 bytes"));
    assert_eq!(state(&run(&mut store, json!({ "disposition": "EXTERNAL_LINKS" })).unwrap()), "SUCCEEDED");
}

#[test]
fn answers_may_leave_out_what_is_empty_and_have_what_nobody_knows() {
    let patch = json!({ "manifest": { "truncated": true, "total_row_count": null }, "novelty": { "a": 1 } });
    let mut store = scripted(json!([
        { "columns": [["n", "INT"]], "leaves_out_empty": true, "times": 1 },
        { "columns": [["n", "INT"]], "rows": [["1"]], "patch": patch },
    ]));
    let empty = run(&mut store, json!({})).unwrap();
    assert_eq!((empty.get("result"), empty["manifest"].get("total_row_count")), (None, None));
    let odd = run(&mut store, json!({})).unwrap();
    assert_eq!((&odd["manifest"]["truncated"], odd["manifest"].get("total_row_count")), (&json!(true), None));
    assert_eq!((&odd["novelty"]["a"], &odd["result"]["data_array"]), (&json!(1), &json!([["1"]])));
}
