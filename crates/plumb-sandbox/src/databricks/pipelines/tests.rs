use super::super::route;
use super::*;
use crate::settings::UpdateOutcome;
use crate::store::Clock;

fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
    route(store, &Request::internal(method, &format!("/api/2.0/pipelines{path}"), "Me@example.com", body))
}

fn look(store: &mut Store, path: &str) -> Value {
    ask(store, "GET", path, Value::Null).unwrap()
}

/// Settings with a library, and these.
fn settings(name: &str, rest: Value) -> Value {
    let mut spec = json!({ "name": name, "libraries": [{ "file": { "path": "/Shared/a.py" } }] });
    spec.as_object_mut().unwrap().extend(rest.as_object().cloned().unwrap_or_default());
    spec
}

fn made(store: &mut Store, body: Value) -> String {
    ask(store, "POST", "", body).unwrap()["pipeline_id"].as_str().unwrap().to_owned()
}

fn refused(store: &mut Store, method: &str, path: &str, body: Value) -> (u16, String, String) {
    let error = ask(store, method, path, body.clone()).expect_err(&body.to_string());
    let text = |member: &str| error.body[member].as_str().unwrap_or_default().to_owned();
    (error.status, text("error_code"), text("message"))
}

#[test]
fn a_pipeline_is_shown_as_recorded_ones_are() {
    let mut store = Store::new(Clock::Fixed(5));
    let sent = settings("p", json!({ "channel": "CURRENT", "edition": "ADVANCED", "photon": false, "sparkle": 1 }));
    let id = made(&mut store, sent.clone());
    let mut spec = sent;
    spec.as_object_mut().unwrap().remove("sparkle");
    spec["id"] = json!(id);
    spec["storage"] = json!(format!("dbfs:/pipelines/{id}"));
    let expected = json!({
        "creator_user_name": "Me@example.com", "effective_publishing_mode": "DEFAULT_PUBLISHING_MODE", "last_modified": 5,
        "name": "p", "pipeline_id": id, "run_as_user_name": "Me@example.com", "spec": spec, "state": "IDLE",
    });
    assert_eq!(look(&mut store, &format!("/{id}")), expected);
    ask(&mut store, "DELETE", &format!("/{id}?cascade=false"), Value::Null).unwrap();
    let gone = (404, "RESOURCE_DOES_NOT_EXIST".to_owned(), format!("The specified pipeline {id} was not found."));
    for (method, path) in
        [("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/updates"), ("POST", "/stop"), ("GET", "/events")]
    {
        assert_eq!(
            refused(&mut store, method, &format!("/{id}{path}"), settings("p", json!({}))),
            gone,
            "{method} {path}"
        );
    }
    assert!(store.databricks.permissions.is_empty());
}

#[test]
fn what_is_beside_the_spec_stays_out_of_it() {
    let mut store = Store::new(Clock::Fixed(5));
    let id = made(
        &mut store,
        settings(
            "p",
            json!({
                "catalog": "Main", "schema": "s", "allow_duplicate_names": true, "parameters": { "a": "b" },
                "run_as": { "service_principal_name": "sp" }, "event_log": { "name": "log" },
                "clusters": [{ "num_workers": 0, "apply_policy_default_values": true }], "tags": { "t": "" },
            }),
        ),
    );
    let seen = look(&mut store, &format!("/{id}"));
    assert_eq!((&seen["parameters"], &seen["run_as_user_name"]), (&json!({ "a": "b" }), &json!("sp")));
    let spec = &seen["spec"];
    assert_eq!((&spec["catalog"], spec.get("storage")), (&json!("main"), None));
    assert_eq!(spec["event_log"], json!({ "name": "log", "catalog": "main", "schema": "s" }));
    assert_eq!(spec["clusters"], json!([{ "num_workers": 0 }]));
    for member in ["allow_duplicate_names", "parameters", "run_as"] {
        assert!(spec.get(member).is_none(), "{member}");
    }
    // An edit replaces all but who it runs as.
    ask(&mut store, "PUT", &format!("/{id}"), settings("q", json!({ "catalog": "other" }))).unwrap();
    let seen = look(&mut store, &format!("/{id}"));
    assert_eq!((&seen["name"], seen.get("parameters"), seen["spec"].get("tags")), (&json!("q"), None, None));
    assert_eq!((&seen["run_as"], &seen["last_modified"]), (&json!({ "service_principal_name": "sp" }), &json!(6)));
    assert_eq!(seen["spec"]["catalog"], "other", "a catalog can be changed");
}

#[test]
fn a_delete_takes_the_datasets_along_unless_it_is_told_otherwise() {
    let mut store = Store::new(Clock::Fixed(0));
    for (name, query, left) in
        [("kept", "?cascade=false", 1), ("gone", "", 1), ("forced", "?cascade=true&force=true", 1)]
    {
        let id = made(&mut store, settings(name, json!({ "catalog": "main", "schema": "default" })));
        let table = json!({ "catalog_name": "main", "schema_name": "default", "name": name, "pipeline_id": id });
        super::super::seed::add(&mut store, &json!({ "tables": [table] })).unwrap();
        ask(&mut store, "DELETE", &format!("/{id}{query}"), Value::Null).unwrap();
        assert_eq!(store.databricks.tables.len(), left, "{name}");
    }
    assert!(store.databricks.tables.contains_key("main.default.kept"));
    let id = made(&mut store, settings("p", json!({})));
    assert_eq!(refused(&mut store, "DELETE", &format!("/{id}?cascade=perhaps"), Value::Null).0, 400);
}

#[test]
fn a_dry_run_makes_nothing() {
    let mut store = Store::new(Clock::Fixed(0));
    let seen = ask(&mut store, "POST", "", settings("p", json!({ "dry_run": true }))).unwrap();
    assert_eq!((seen.get("pipeline_id"), &seen["effective_settings"]["name"]), (None, &json!("p")));
    assert!(store.databricks.pipelines.is_empty());
}

#[test]
fn a_name_is_had_once_unless_the_request_says_so() {
    let mut store = Store::new(Clock::Fixed(0));
    made(&mut store, settings("p", json!({})));
    let (status, code, message) = refused(&mut store, "POST", "", settings("p", json!({})));
    assert_eq!((status, code.as_str()), (409, "RESOURCE_CONFLICT"));
    assert!(message.starts_with("The pipeline name 'p' is already used by another pipeline."), "{message}");
    let twin = made(&mut store, settings("p", json!({ "allow_duplicate_names": true })));
    // "If name has changed": one that has a twin can be edited under its name.
    ask(&mut store, "PUT", &format!("/{twin}"), settings("p", json!({ "photon": true }))).unwrap();
    ask(&mut store, "PUT", &format!("/{twin}"), settings("q", json!({}))).unwrap();
    assert_eq!(refused(&mut store, "PUT", &format!("/{twin}"), settings("p", json!({}))).0, 409);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut store = Store::new(Clock::Fixed(0));
    for (rest, part) in [
        (json!({ "libraries": [] }), "at least one library"),
        (json!({ "libraries": [{}] }), "exactly one of"),
        (json!({ "libraries": [{ "jar": "a", "whl": "b" }] }), "exactly one of"),
        (json!({ "target": "a.b" }), "CreatePipeline target_schema_name \"a.b\" is not a valid name."),
        (json!({ "target": "a", "schema": "b" }), "target and schema"),
        (json!({ "storage": "/a", "catalog": "b" }), "storage and catalog"),
        (json!({ "clusters": [{ "label": "updates" }] }), "clusters must have exactly 1 default cluster"),
        (json!({ "clusters": [{}, { "label": "default" }] }), "clusters must have exactly 1 default cluster"),
        (json!({ "clusters": [{ "policy_id": "none" }] }), "Cluster policy none"),
        (json!({ "serverless": true, "clusters": [{}] }), "serverless"),
        (json!({ "parameters": { "a": "x".repeat(10_000) } }), "10,000"),
    ] {
        let (status, code, message) = refused(&mut store, "POST", "", settings("p", rest));
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"));
        assert!(message.contains(part), "{part}: {message}");
    }
    let tags: Map<String, Value> = (0..26).map(|n| (format!("t{n}"), json!(""))).collect();
    assert_eq!(refused(&mut store, "POST", "", settings("p", json!({ "tags": tags }))).0, 400);
    made(&mut store, json!({ "name": "ingest", "ingestion_definition": { "connection_name": "c", "objects": [] } }));
}

#[test]
fn what_a_pipeline_has_for_life_cannot_be_edited() {
    let mut store = Store::new(Clock::Fixed(0));
    let stored = made(&mut store, settings("stored", json!({ "storage": "/a" })));
    let (_, code, message) =
        refused(&mut store, "PUT", &format!("/{stored}"), settings("stored", json!({ "storage": "/b" })));
    assert_eq!(code, "INVALID_PARAMETER_VALUE");
    assert_eq!(
        message,
        "Cannot modify storage of an existing pipeline. Existing storage: '/a'. Requested storage: '/b'"
    );
    ask(&mut store, "PUT", &format!("/{stored}"), settings("stored", json!({}))).unwrap();
    assert_eq!(look(&mut store, &format!("/{stored}"))["spec"]["storage"], "/a");
    let catalog = made(&mut store, settings("catalog", json!({ "catalog": "main" })));
    for (id, rest, part) in [
        (&stored, json!({ "catalog": "main" }), "catalog"),
        (&catalog, json!({}), "catalog"),
        (&stored, json!({ "ingestion_definition": {} }), "ingestion_definition"),
    ] {
        let (_, _, message) = refused(&mut store, "PUT", &format!("/{id}"), settings("x", rest));
        assert!(message.contains(&format!("Cannot modify {part} of")), "{message}");
    }
    let ingest = |connection: &str| json!({ "name": "i", "ingestion_definition": { "connection_name": connection } });
    let id = made(&mut store, ingest("c"));
    let (_, _, message) = refused(&mut store, "PUT", &format!("/{id}"), ingest("d"));
    assert!(message.contains("Cannot modify ingestion_definition.connection_name"), "{message}");
    let modified = look(&mut store, &format!("/{id}"))["last_modified"].as_i64().unwrap();
    let mut stale = ingest("c");
    stale["expected_last_modified"] = json!(modified);
    ask(&mut store, "PUT", &format!("/{id}"), stale.clone()).unwrap();
    stale["expected_last_modified"] = json!(modified.max(1));
    store.databricks.pipelines.get_mut(&id).unwrap()["last_modified"] = json!(modified + 9);
    assert_eq!(refused(&mut store, "PUT", &format!("/{id}"), stale).0, 409);
}

#[test]
fn a_listing_has_rows_without_specs_in_pages() {
    let mut store = Store::new(Clock::Fixed(0));
    for n in 0..5 {
        made(&mut store, settings(&format!("shop {n}"), json!({})));
    }
    made(&mut store, json!({ "name": "night", "libraries": [{ "notebook": { "path": "/n" } }] }));
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let page = look(&mut store, &format!("?filter=name%20LIKE%20'%25shop%25'&max_results=2&page_token={token}"));
        for row in page["statuses"].as_array().unwrap() {
            assert!(row.get("spec").is_none() && row["state"] == "IDLE", "{row}");
            seen.push(row["pipeline_id"].as_str().unwrap().to_owned());
        }
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((seen.len(), seen.is_sorted()), (5, true));
    let down = look(&mut store, "?order_by=id%20desc&max_results=4");
    let next =
        look(&mut store, &format!("?order_by=id%20desc&page_token={}", down["next_page_token"].as_str().unwrap()));
    let ids =
        |page: &Value| page["statuses"].as_array().unwrap().iter().map(|row| row["pipeline_id"].to_string()).collect();
    let mut all: Vec<String> = ids(&down);
    all.extend::<Vec<String>>(ids(&next));
    assert_eq!((all.len(), all.is_sorted_by(|a, b| a > b)), (6, true));
    assert_eq!(look(&mut store, "?filter=notebook='/n'")["statuses"][0]["name"], "night");
    assert_eq!(look(&mut store, "?filter=name%20LIKE%20'none'"), json!({}));
    for query in ["max_results=101", "filter=state='IDLE'", "order_by=name", "page_token=x"] {
        assert!(ask(&mut store, "GET", &format!("?{query}"), Value::Null).is_err(), "{query}");
    }
}

#[test]
fn an_update_goes_through_its_states_and_leaves_events() {
    let mut store = Store::new(Clock::Fixed(1_000));
    let id = made(&mut store, settings("p", json!({})));
    let update =
        ask(&mut store, "POST", &format!("/{id}/updates"), json!({ "full_refresh": true })).unwrap()["update_id"]
            .clone();
    let update = update.as_str().unwrap().to_owned();
    let (status, _, message) = refused(&mut store, "POST", &format!("/{id}/updates"), json!({}));
    assert_eq!((status, message), (409, format!("An active update {update} already exists.")));
    let mut states = Vec::new();
    for _ in 0..7 {
        let seen = look(&mut store, &format!("/{id}/updates/{update}"));
        states.push(seen["update"]["state"].as_str().unwrap().to_owned());
    }
    let all = [
        "WAITING_FOR_RESOURCES",
        "INITIALIZING",
        "RESETTING",
        "SETTING_UP_TABLES",
        "RUNNING",
        "COMPLETED",
        "COMPLETED",
    ];
    assert_eq!(states, all);
    let seen = look(&mut store, &format!("/{id}"));
    assert_eq!((&seen["state"], &seen["health"]), (&json!("IDLE"), &json!("HEALTHY")));
    let latest = json!([{ "update_id": update, "state": "COMPLETED", "creation_time": "1970-01-01T00:00:01.000Z" }]);
    assert_eq!(seen["latest_updates"], latest);
    let events = look(&mut store, &format!("/{id}/events?max_results=100"));
    let said = |page: &Value| -> Vec<String> {
        page["events"].as_array().unwrap().iter().map(|e| e["message"].as_str().unwrap().to_owned()).collect()
    };
    let short = &update[..6];
    assert_eq!(said(&events).first().unwrap(), &format!("Update {short} is COMPLETED."));
    assert_eq!(said(&events).last().unwrap(), &format!("Update {short} started by API_CALL."));
    let first = look(&mut store, &format!("/{id}/events?max_results=3&order_by=timestamp%20asc"));
    assert_eq!(said(&first)[0], format!("Update {short} started by API_CALL."));
    let rest = look(
        &mut store,
        &format!("/{id}/events?order_by=timestamp%20asc&page_token={}", first["next_page_token"].as_str().unwrap()),
    );
    assert_eq!(said(&first).len() + said(&rest).len(), 7);
    let unknown = refused(&mut store, "GET", &format!("/{id}/updates/none"), Value::Null);
    assert_eq!(unknown.2, "The specified update none was not found.");
    for filter in [
        "level='INFO'",
        "level%20in%20('INFO','ERROR')%20AND%20timestamp%20>%20'1969'",
        "timestamp<='1970-01-01T00:00:01.000Z'",
    ] {
        let page = look(&mut store, &format!("/{id}/events?max_results=50&filter={filter}"));
        assert_eq!(said(&page).len(), 7, "{filter}");
    }
    assert_eq!(look(&mut store, &format!("/{id}/events?filter=level='ERROR'")), json!({}));
    assert!(ask(&mut store, "GET", &format!("/{id}/events?filter=color='red'"), Value::Null).is_err());
    ask(&mut store, "POST", &format!("/{id}/updates"), json!({ "validate_only": true })).unwrap();
    let updates = look(&mut store, &format!("/{id}/updates?max_results=1"));
    assert_eq!(
        (updates["updates"][0]["validate_only"].clone(), updates["updates"][0].get("config")),
        (json!(true), None)
    );
    let next = updates["next_page_token"].as_str().unwrap();
    assert_eq!(look(&mut store, &format!("/{id}/updates?page_token={next}"))["updates"][0]["update_id"], update);
}

#[test]
fn the_clock_moves_updates_and_the_settings_say_how_they_end() {
    let mut store = Store::new(Clock::Fixed(0));
    store.settings.pipeline_seconds = Some(60);
    let outcome = UpdateOutcome { fails: true, message: Some("no table".to_owned()) };
    store.settings.pipelines.insert("bad".to_owned(), outcome);
    let id = made(&mut store, settings("bad", json!({})));
    ask(&mut store, "POST", &format!("/{id}/updates"), Value::Null).unwrap();
    let state = |store: &mut Store| look(store, &format!("/{id}"))["state"].as_str().unwrap().to_owned();
    let mut seen = vec![state(&mut store)];
    for _ in 0..5 {
        store.advance(60);
        seen.push(state(&mut store));
    }
    assert_eq!(seen, ["DEPLOYING", "DEPLOYING", "STARTING", "STARTING", "RUNNING", "FAILED"]);
    let shown = look(&mut store, &format!("/{id}"));
    assert_eq!((&shown["cause"], &shown["health"]), (&json!("no table"), &json!("UNHEALTHY")));
    let events = look(&mut store, &format!("/{id}/events?filter=level='ERROR'"));
    assert_eq!(events["events"][0]["error"]["exceptions"][0]["message"], "no table");
    // In one leap it comes as far as in many.
    let good = made(&mut store, settings("good", json!({})));
    ask(&mut store, "POST", &format!("/{good}/updates"), Value::Null).unwrap();
    store.advance(3600);
    let shown = look(&mut store, &format!("/{good}"));
    assert_eq!((&shown["state"], &shown["latest_updates"][0]["state"]), (&json!("IDLE"), &json!("COMPLETED")));
}

#[test]
fn a_continuous_pipeline_starts_by_itself_and_runs_until_it_is_stopped() {
    let mut store = Store::new(Clock::Fixed(0));
    store.settings.pipeline_seconds = Some(1);
    let id = made(&mut store, settings("c", json!({ "continuous": true })));
    store.advance(3600);
    assert_eq!(look(&mut store, &format!("/{id}"))["state"], "RUNNING");
    ask(&mut store, "POST", &format!("/{id}/stop"), Value::Null).unwrap();
    assert_eq!(look(&mut store, &format!("/{id}"))["state"], "STOPPING");
    store.advance(1);
    let shown = look(&mut store, &format!("/{id}"));
    assert_eq!((&shown["state"], &shown["latest_updates"][0]["state"]), (&json!("IDLE"), &json!("CANCELED")));
    ask(&mut store, "POST", &format!("/{id}/stop"), Value::Null).unwrap();
    ask(&mut store, "PUT", &format!("/{id}"), settings("c", json!({ "continuous": true }))).unwrap();
    store.advance(60);
    assert_eq!(look(&mut store, &format!("/{id}"))["state"], "RUNNING");
}

#[test]
fn a_job_runs_its_pipeline() {
    let mut store = Store::new(Clock::Fixed(0));
    store.settings.pipeline_seconds = Some(60);
    let id = made(&mut store, settings("p", json!({})));
    let mut run = |pipeline: &str| {
        let task = json!({ "task_key": "t", "pipeline_task": { "pipeline_id": pipeline } });
        let body = json!({ "tasks": [task] });
        let request = Request::internal("POST", "/api/2.2/jobs/runs/submit", "me@example.com", body);
        let run = route(&mut store, &request).unwrap()["run_id"].as_i64().unwrap();
        (store.databricks.runs[&run].life.active(), store.databricks.runs[&run].message.clone())
    };
    assert_eq!(run(&id), (true, String::new()));
    assert!(run("none").1.contains("none"), "{:?}", run("none"));
    let shown = look(&mut store, &format!("/{id}"));
    assert_eq!(shown["latest_updates"].as_array().unwrap().len(), 1);
    assert_eq!(store.databricks.pipeline_updates[&id][0].cause, "JOB_TASK");
}

#[test]
fn a_pipeline_has_one_owner_and_runs_as_it() {
    let mut store = Store::new(Clock::Fixed(0));
    let id = made(&mut store, settings("p", json!({})));
    let mut grants = |method: &str, acl: Value| {
        let path = format!("/api/2.0/permissions/pipelines/{id}");
        route(&mut store, &Request::internal(method, &path, "Me@example.com", json!({ "access_control_list": acl })))
    };
    let seen = grants("GET", json!([])).unwrap();
    assert_eq!((&seen["object_id"], &seen["object_type"]), (&json!(format!("/pipelines/{id}")), &json!("pipelines")));
    let owner = &seen["access_control_list"][0];
    assert_eq!(
        (&owner["user_name"], &owner["all_permissions"][0]["permission_level"]),
        (&json!("me@example.com"), &json!("IS_OWNER"))
    );
    let viewer = json!({ "group_name": "g", "permission_level": "CAN_RUN" });
    let error = grants("PUT", json!([viewer])).unwrap_err();
    assert_eq!(error.body["message"], "The pipeline must have exactly one owner.");
    grants("PUT", json!([viewer, { "service_principal_name": "sp", "permission_level": "IS_OWNER" }])).unwrap();
    assert!(grants("PATCH", json!([{ "group_name": "g", "permission_level": "CAN_USE" }])).is_err());
    assert_eq!(look(&mut store, &format!("/{id}"))["run_as_user_name"], "sp");
}
