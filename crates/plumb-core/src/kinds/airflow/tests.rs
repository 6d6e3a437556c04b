//! Tests of the Airflow kinds: rules, what recorded answers mean, and the calls of each step. Every trap of the REST API
//! that concerns connections, variables and pools is one.

use super::{connection::AirflowConnection, pool::AirflowPool, variable::AirflowVariable};
use crate::kinds::{self, Kind, Observed, Step, Verb};
use crate::plan::compare::{Comparison, Context, Undeclared, compare};
use crate::plan::normal::normal;
use plumb_model::call::{Call, Method};
use plumb_model::read::Pages;
use plumb_model::schema::Path;
use plumb_model::secrets::Vault;
use serde_json::{Value, json};

const TOKEN: &str = "${secret.0123456789abcdef}";
const MARK: &str = "[plumb p/t/AirflowConnection/x 0123456789ab-deadbeef]";

fn kinds() -> [&'static dyn Kind; 3] {
    [&AirflowConnection, &AirflowPool, &AirflowVariable]
}

fn only(kind: &dyn Kind, member: &str, raw: &Value) -> Observed {
    let pages: Pages = vec![json!({ (member): [raw], "total_entries": 1 })];
    kind.observe(&[pages]).remove(0).unwrap()
}

fn connection(raw: Value) -> Observed {
    only(&AirflowConnection, "connections", &raw)
}

fn variable(raw: Value) -> Observed {
    only(&AirflowVariable, "variables", &raw)
}

/// What a manifest's spec differs in from what is live.
fn compared(kind: &dyn Kind, want: &Value, live: &Value) -> Comparison {
    let supplied = Default::default();
    let context = Context { supplied: &supplied, ignored: &[], undeclared: Undeclared::Keep };
    compare(kind.rules(), &normal(kind.rules(), want), &normal(kind.rules(), live), &context)
}

fn differing(kind: &dyn Kind, want: Value, live: &Value) -> Vec<String> {
    compared(kind, &want, live).differences.iter().map(|d| d.path.to_string()).collect()
}

fn changed(paths: &[&str]) -> Vec<Path> {
    paths.iter().map(|path| Path::default().key(path)).collect()
}

/// The call that changes these members of a live object.
fn update(kind: &dyn Kind, live: &Observed, body: Value, paths: &[&str]) -> Result<Call, String> {
    let step = Step {
        verb: Verb::Update,
        live: Some(live),
        body: &body,
        changed: &changed(paths),
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    kind.calls(&step).map(|mut calls| calls.remove(0)).map_err(|e| e.to_string())
}

fn create(kind: &dyn Kind, body: Value) -> Result<Call, String> {
    let step = Step { verb: Verb::Create, live: None, body: &body, changed: &[], now: jiff::Timestamp::UNIX_EPOCH };
    kind.calls(&step).map(|mut calls| calls.remove(0)).map_err(|e| e.to_string())
}

fn delete(kind: &dyn Kind, id: &str) -> Result<Call, String> {
    let live = Observed { id: id.into(), ..Observed::default() };
    let step = Step {
        verb: Verb::Delete,
        live: Some(&live),
        body: &Value::Null,
        changed: &[],
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    kind.calls(&step).map(|mut calls| calls.remove(0)).map_err(|e| e.to_string())
}

#[test]
fn every_rule_says_why() {
    for kind in kinds() {
        let root = match &kind.rules().root.shape {
            plumb_model::schema::Shape::Object(object) => kind.rules().of(*object),
            other => panic!("{}: {other:?}", kind.name()),
        };
        for (name, field) in &root.members {
            let required = kind.schema()["required"].as_array().unwrap().contains(&json!(name));
            assert!(required || !field.rule.why.is_empty(), "{}.{name}", kind.name());
        }
        assert!(!kind.title_is_free(), "{}: DAGs look it up by its name", kind.name());
        assert!(kinds::find(kind.name()).is_some());
    }
}

// ---- connections -------------------------------------------------------------------------------------------------

/// As Airflow 3.3 shows it (recorded).
fn shown(description: &str) -> Value {
    json!({"connection_id": "dbx_prod", "conn_type": "databricks", "description": description,
        "host": "http://127.0.0.1:18090", "login": null, "schema": null, "port": null, "password": "***",
        "extra": "{\"token\": \"***\", \"timeout_seconds\": 60, \"nested\": {\"client_secret\": \"***\", \"region\": \"eu\"}}",
        "team_name": null})
}

fn wanted() -> Value {
    json!({"connection_id": "dbx_prod", "conn_type": "databricks", "host": "http://127.0.0.1:18090", "password": TOKEN,
        "extra": {"token": TOKEN, "timeout_seconds": 60, "nested": {"client_secret": TOKEN, "region": "eu"}}})
}

#[test]
fn masked_values_are_compared_by_the_mark_alone() {
    let kind: &dyn Kind = &AirflowConnection;
    let ours = connection(shown(&format!("{} password]", &MARK[..MARK.len() - 1])));
    let comparison = compared(kind, &wanted(), &ours.spec);
    assert_eq!(comparison.differences, []);
    let unseen: Vec<String> = comparison.unseen.iter().map(Path::to_string).collect();
    assert_eq!(unseen, ["extra.nested", "extra.token", "password"]);
    // What is not masked is compared, beside the masks too.
    let mut want = wanted();
    want["extra"]["nested"]["region"] = json!("us");
    want["extra"]["timeout_seconds"] = json!(90);
    assert_eq!(differing(kind, want, &ours.spec), ["extra.nested", "extra.timeout_seconds"]);
}

#[test]
fn a_password_is_compared_by_whether_it_is_set_and_by_whom() {
    let kind: &dyn Kind = &AirflowConnection;
    let noted = format!("{} password]", &MARK[..MARK.len() - 1]);
    let mut gone = shown(&noted);
    gone["password"] = Value::Null;
    assert_eq!(differing(kind, wanted(), &connection(gone).spec), ["password"], "somebody took it off");
    // Somebody else's is not plumb's to compare or to take off.
    let others = connection(shown(MARK));
    let mut without = wanted();
    without.as_object_mut().unwrap().remove("password");
    assert_eq!(differing(kind, without.clone(), &others.spec), [""; 0]);
    assert_eq!(differing(kind, wanted(), &others.spec), ["password"]);
    assert_eq!(others.facts["others_password"], true);
    // plumb's own is taken off by recreating the connection.
    let ours = connection(shown(&noted));
    let comparison = compared(kind, &without, &ours.spec);
    let replaces: Vec<bool> = comparison.differences.iter().map(|d| d.replaces).collect();
    assert_eq!(replaces, [true]);
}

#[test]
fn airflow_2_shows_neither_passwords_nor_extra_in_its_listing() {
    let kind: &dyn Kind = &AirflowConnection;
    let listed = json!({"conn_type": "databricks", "connection_id": "dbx_prod", "host": "http://127.0.0.1:18090",
        "description": format!("{} password]", &MARK[..MARK.len() - 1]), "login": null, "port": null, "schema": null});
    let mut seen = connection(listed.clone());
    assert!(seen.partial);
    let reads = AirflowConnection.details(&seen, None);
    assert_eq!(reads[0].call.line(), "GET /api/v2/connections/dbx_prod");
    let mut one = listed;
    one["extra"] = shown("")["extra"].clone();
    AirflowConnection.complete(&mut seen, None, &[Ok(vec![one])]).unwrap();
    assert!(!seen.partial);
    assert_eq!(differing(kind, wanted(), &seen.spec), [""; 0]);
    assert_eq!(AirflowConnection.details(&connection(shown("")), None), []);
}

#[test]
fn a_connection_is_made_with_a_note_of_its_password() {
    let mut body = wanted();
    body["description"] = json!(format!("what for\n{MARK}"));
    let call = create(&AirflowConnection, body.clone()).unwrap();
    assert_eq!((call.line().as_str(), call.creates), ("POST /api/v2/connections", Some("/connection_id")));
    let sent = call.body.unwrap();
    let description = "what for\n[plumb p/t/AirflowConnection/x 0123456789ab-deadbeef password]";
    assert_eq!((&sent["description"], &sent["password"]), (&json!(description), &json!(TOKEN)));
    // The note is no part of the mark.
    let mut spec = sent;
    let mark = AirflowConnection.mark().take(&mut spec).unwrap();
    assert_eq!((mark.owner.to_string().as_str(), mark.protect), ("p/t/AirflowConnection/x", false));
    assert_eq!(spec["description"], "what for");
    body.as_object_mut().unwrap().remove("password");
    let sent = create(&AirflowConnection, body).unwrap().body.unwrap();
    assert_eq!(sent["description"], format!("what for\n{MARK}"));
}

#[test]
fn an_update_names_what_it_changes_and_always_the_id_and_the_type() {
    let live = connection(shown(MARK));
    let mut body = wanted();
    body["description"] = json!(MARK);
    let call = update(&AirflowConnection, &live, body.clone(), &["login", "host"]).unwrap();
    assert_eq!(
        call.line(),
        "PATCH /api/v2/connections/dbx_prod?update_mask=description&update_mask=host&update_mask=login"
    );
    let noted = format!("{} password]", &MARK[..MARK.len() - 1]);
    let sent = json!({"connection_id": "dbx_prod", "conn_type": "databricks", "login": null,
        "host": "http://127.0.0.1:18090", "description": noted});
    assert_eq!(call.body, Some(sent));
    assert_eq!((call.method, call.repeatable), (Method::Patch, true));
    let password = update(&AirflowConnection, &live, body, &["password"]).unwrap();
    assert_eq!(password.body.unwrap()["password"], TOKEN);
}

#[test]
fn a_mask_is_written_back_only_where_airflow_keeps_the_secret_for_it() {
    let mut body = wanted();
    body["extra"]["token"] = json!(Vault::UNKNOWN);
    let three = connection(shown(MARK));
    let call = update(&AirflowConnection, &three, body.clone(), &["extra"]).unwrap();
    assert_eq!(call.body.unwrap()["extra"]["token"], "***");
    // Airflow 2 would store the mask itself.
    let mut raw = shown(MARK);
    raw.as_object_mut().unwrap().remove("password");
    let two = connection(raw);
    assert!(update(&AirflowConnection, &two, body.clone(), &["extra"]).unwrap_err().contains("***"));
    let call = update(&AirflowConnection, &two, body.clone(), &["login"]).unwrap();
    assert_eq!(call.body.unwrap().get("extra"), None);
    assert!(create(&AirflowConnection, body).is_err());
    let mut body = wanted();
    body["password"] = json!(Vault::UNKNOWN);
    assert!(update(&AirflowConnection, &three, body, &["password"]).is_err());
}

#[test]
fn a_password_that_is_lost_is_said() {
    let lost = |raw: Value| {
        let live = connection(raw);
        let step = Step {
            verb: Verb::Delete,
            live: Some(&live),
            body: &Value::Null,
            changed: &[],
            now: jiff::Timestamp::UNIX_EPOCH,
        };
        AirflowConnection.impact(&step).into_iter().map(|impact| impact.says).collect::<Vec<_>>().join("; ")
    };
    assert!(lost(shown(MARK)).contains("its password, which plumb did not set"));
    assert!(!lost(shown(&format!("{} password]", &MARK[..MARK.len() - 1]))).contains("password"));
    let mut none = shown(MARK);
    none["password"] = Value::Null;
    assert!(!lost(none.clone()).contains("password"));
    none.as_object_mut().unwrap().remove("password");
    assert!(lost(none).contains("if it has one: Airflow 2 does not say"));
}

#[test]
fn releasing_a_connection_takes_the_note_off_too() {
    let live = connection(shown(&format!("{} password]", &MARK[..MARK.len() - 1])));
    let mut spec = live.spec.clone();
    AirflowConnection.mark().take(&mut spec).unwrap();
    let body = normal(&AirflowConnection.spec().rules, &spec);
    let call = update(&AirflowConnection, &live, body, &["description"]).unwrap();
    assert_eq!(call.line(), "PATCH /api/v2/connections/dbx_prod?update_mask=description");
    let sent = json!({"connection_id": "dbx_prod", "conn_type": "databricks", "description": null});
    assert_eq!(call.body, Some(sent));
}

// ---- variables ---------------------------------------------------------------------------------------------------

#[test]
fn a_value_is_what_it_says_however_airflow_writes_it() {
    let kind: &dyn Kind = &AirflowVariable;
    for (want, live) in [
        (json!(3), "3"),
        (json!(true), "true"),
        (json!("3.10"), "3.1"),
        (json!("1e3"), "1000.0"),
        (json!("{\"b\": 2,\n \"a\": 1}"), "{\"b\": 2, \"a\": 1}"),
        (json!({"a": 1, "password": TOKEN, "l": [1, 2]}), "{\"a\": 1, \"password\": \"***\", \"l\": [1, 2]}"),
        (json!({"a": null}), "{\"a\": null}"),
        (json!(TOKEN), "{\"a\": 1, \"password\": \"***\"}"),
        (json!({}), "{}"),
        (json!("[]"), "[]"),
        (json!(""), ""),
        (json!("007"), "007"),
        (json!("\"é\""), "\"\\u00e9\""),
    ] {
        let seen = variable(json!({"key": "k", "value": live, "description": null}));
        assert_eq!(differing(kind, json!({"key": "k", "value": want}), &seen.spec), [""; 0], "{want} as {live}");
    }
    for (want, live) in [
        (json!("3.10"), "3.11"),
        (json!("abc"), "\"abc\""),
        (json!({"a": 1}), "{\"a\": 2}"),
        (json!({"a": 1}), "{\"a\": 1, \"b\": 1}"),
        (json!([1]), "[1, 1]"),
        (json!(""), "x"),
        (json!({}), "x"),
        (json!("x"), ""),
        (json!(TOKEN), "x"),
    ] {
        let seen = variable(json!({"key": "k", "value": live}));
        assert_eq!(differing(kind, json!({"key": "k", "value": want}), &seen.spec), ["value"], "{want} as {live}");
    }
}

#[test]
fn a_new_way_to_write_a_value_is_told_by_the_mark() {
    let rules = &AirflowVariable.spec().rules;
    let hash = |value: Value| crate::plan::normal::identity(rules, &json!({"key": "k", "value": value}));
    assert_ne!(hash(json!("3.10")), hash(json!("3.1")));
    assert_ne!(hash(json!(TOKEN)), hash(json!("${secret.fedcba9876543210}")));
}

#[test]
fn the_value_of_a_secret_is_hidden_even_where_airflow_shows_it() {
    let two = variable(json!({"key": "db_password", "value": "hunter22", "description": null}));
    let three = variable(json!({"key": "db_password", "value": "***", "description": null}));
    assert_eq!((&two.spec, &two.spec["value"]), (&three.spec, &json!(Vault::UNKNOWN)));
    let inner = variable(json!({"key": "cfg", "value": "{\"api_key\": \"hunter22\"}"}));
    assert!(!inner.spec.to_string().contains("hunter22"));
}

#[test]
fn a_variable_is_updated_by_what_changes() {
    let live = variable(json!({"key": "a/b c", "value": "***"}));
    let body = json!({"key": "a/b c", "value": Vault::UNKNOWN, "description": MARK});
    let call = update(&AirflowVariable, &live, body.clone(), &["description"]).unwrap();
    assert_eq!(call.line(), "PATCH /api/v2/variables/a%2Fb%20c?update_mask=description");
    // A value has to be there, and the mask keeps Airflow from storing it.
    assert_eq!(call.body, Some(json!({"key": "a/b c", "value": "", "description": MARK})));
    assert!(update(&AirflowVariable, &live, body.clone(), &["value"]).unwrap_err().contains("${env.NAME}"));
    assert!(create(&AirflowVariable, body).is_err());
    let body = json!({"key": "a/b c", "value": {"a": TOKEN}, "description": MARK});
    let call = update(&AirflowVariable, &live, body, &["value"]).unwrap();
    assert_eq!(call.line(), "PATCH /api/v2/variables/a%2Fb%20c?update_mask=value&update_mask=description");
    assert_eq!(call.body.unwrap()["value"], json!({"a": TOKEN}));
    let call = create(&AirflowVariable, json!({"key": "k", "value": 3})).unwrap();
    assert_eq!((call.line().as_str(), call.creates), ("POST /api/v2/variables", Some("/key")));
}

// ---- pools -------------------------------------------------------------------------------------------------------

#[test]
fn a_pool_is_updated_whole() {
    let raw = json!({"name": "dbx", "slots": 8, "description": MARK, "include_deferred": true, "open_slots": 8});
    let live = only(&AirflowPool, "pools", &raw);
    assert_eq!(differing(&AirflowPool, json!({"name": "dbx", "slots": 8}), &live.spec), ["include_deferred"]);
    let body = json!({"name": "dbx", "slots": 9, "description": MARK});
    let call = update(&AirflowPool, &live, body, &["slots"]).unwrap();
    assert_eq!(call.line(), "PATCH /api/v2/pools/dbx");
    let sent = json!({"pool": "dbx", "slots": 9, "description": MARK, "include_deferred": false});
    assert_eq!(call.body, Some(sent));
}

#[test]
fn the_default_pool_is_left_alone() {
    let pages = vec![json!({"pools": [{"name": "default_pool", "slots": 64, "description": "Default pool"}]})];
    assert_eq!(AirflowPool.parse(&[pages]).len(), 0);
    assert!(delete(&AirflowPool, "default_pool").unwrap_err().contains("cannot be deleted"));
}

#[test]
fn what_is_gone_is_deleted() {
    for call in [
        delete(&AirflowConnection, "a.b").unwrap(),
        delete(&AirflowVariable, "a/b").unwrap(),
        delete(&AirflowPool, "ä").unwrap(),
    ] {
        assert!(call.gone_is_done && call.repeatable && call.body.is_none(), "{}", call.line());
    }
    assert_eq!(delete(&AirflowVariable, "a/b?c#d%").unwrap().path, "/api/v2/variables/a%2Fb%3Fc%23d%25");
}

/// What is live of one DAG of plumb's, by what Airflow says of it and by the other files there are.
fn observed(row: Option<Value>, others: Value, error: bool) -> Observed {
    let text = "# plumb\ndata = 1\n";
    let mut files = vec![json!({ "path": "d.py", "text": text, "mine": true })];
    files.extend(others.as_array().cloned().unwrap_or_default());
    let errors = if error { json!([{ "filename": "d.py", "stack_trace": "Boom" }]) } else { json!([]) };
    let listed: Vec<Pages> = vec![
        vec![json!({ "files": files })],
        vec![json!({ "dags": row.into_iter().collect::<Vec<_>>() })],
        vec![json!({ "import_errors": errors })],
    ];
    super::dag_live::observe(&listed).remove(0).unwrap()
}

#[test]
fn a_dag_that_airflow_no_longer_sees_or_that_two_files_define_is_not_fine() {
    let row = |more: Value| {
        let mut row = json!({ "dag_id": "d", "is_paused": false, "fileloc": "/dags/d.py" });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(row)
    };
    let (stale, unknown) = ("no longer seen by Airflow", "not known to Airflow");
    let none = json!([]);
    let other = json!([{ "path": "old/x.py", "text": "DAG('d')", "mine": false }]);
    let stranger = json!([{ "path": "x.py", "text": "DAG('dd')", "mine": false }]);
    // Airflow 2 says `is_active`, Airflow 3 `is_stale`; either one may be missing.
    type Case<'a> = (Option<Value>, &'a Value, bool, &'a [&'a str], &'a [&'a str]);
    let cases: [Case<'_>; 10] = [
        (row(json!({ "is_active": false })), &none, false, &[stale], &[unknown]),
        (row(json!({ "is_stale": true })), &none, false, &[stale], &[unknown]),
        (row(json!({ "is_active": true })), &none, false, &[], &[stale, unknown, "as well"]),
        (row(json!({ "is_stale": false })), &none, false, &[], &[stale, unknown, "as well"]),
        (row(json!({})), &none, false, &[], &[stale, unknown, "as well"]),
        // Why Airflow does not see it is said once.
        (row(json!({ "is_active": false })), &none, true, &["cannot be imported by Airflow: Boom"], &[stale]),
        (None, &none, false, &[unknown], &[stale]),
        // Airflow's row is of another file, and another file speaks of the DAG.
        (row(json!({ "fileloc": "/dags/old/x.py" })), &none, false, &["defined by x.py as well"], &[stale]),
        (row(json!({})), &other, false, &["defined by x.py as well"], &[stale]),
        (row(json!({})), &stranger, false, &[], &["as well"]),
    ];
    for (at, (row, others, error, said, unsaid)) in cases.into_iter().enumerate() {
        let is_stale = row.as_ref().is_some_and(|r| r["is_active"] == false || r["is_stale"] == true);
        let seen = observed(row.clone(), others.clone(), error);
        let source = seen.spec["source"].as_str().unwrap();
        for words in said {
            assert!(source.contains(words), "{at}: {words} is not in {source}");
        }
        for words in unsaid {
            assert!(!source.contains(words), "{at}: {words} is in {source}");
        }
        assert_eq!(source.matches("as well").count(), said.iter().filter(|w| w.ends_with("as well")).count(), "{at}");
        if row.is_some() {
            assert_eq!(seen.facts["stale"], is_stale, "{at}");
        }
    }
}
