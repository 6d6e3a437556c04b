use super::*;
use plumb_model::schema::Path;

fn told(read: Read, answer: Answered) -> AnsweredRead {
    AnsweredRead { read, answer }
}

fn listed(rows: Value) -> Vec<AnsweredRead> {
    let read = Listing.first(&Scope::default()).remove(0);
    vec![told(read, Answered::Pages(vec![json!({ "statuses": rows })]))]
}

fn pipeline(id: &str) -> Value {
    json!({ "pipeline_id": id, "name": id, "state": "IDLE", "spec": { "id": id, "name": id } })
}

/// What is found: an id each, or what could not be read and why.
fn found(first: &[AnsweredRead], then: &[AnsweredRead]) -> Vec<String> {
    let found = Listing.parse(&Scope::default(), first, then);
    found.into_iter().map(|one| one.map_or_else(|unread| unread.to_string(), |seen| seen.id)).collect()
}

#[test]
fn each_pipeline_of_the_list_is_read_once() {
    let first = listed(json!([
        { "pipeline_id": "b", "state": "IDLE" }, { "pipeline_id": "a" }, { "pipeline_id": "b" },
        { "pipeline_id": "c", "state": "DELETED" }, { "name": "odd" },
    ]));
    let then = Listing.then(&Scope::default(), &first);
    let paths: Vec<&str> = then.iter().map(|read| read.call.path.as_str()).collect();
    assert_eq!(paths, ["/api/2.0/pipelines/a", "/api/2.0/pipelines/b"]);
    // What has no id may be any of them.
    assert_eq!(found(&first, &[]), ["a pipeline: it has no pipeline_id"]);
}

#[test]
fn a_pipeline_that_may_not_be_read_is_known_by_its_id_and_one_that_is_gone_is_gone() {
    let first = listed(json!([{ "pipeline_id": "a", "name": "one" }, { "pipeline_id": "b" }, { "pipeline_id": "c" }]));
    let then = vec![
        told(get("a"), Answered::Refused("403".into())),
        told(get("b"), Answered::Gone),
        told(get("c"), Answered::Pages(vec![pipeline("c")])),
    ];
    assert_eq!(found(&first, &then), ["pipeline a \"one\": 403", "c"]);
    let refused = Listing.parse(&Scope::default(), &first, &then).remove(0).unwrap_err();
    assert_eq!((refused.id.as_deref(), refused.title.as_deref()), (Some("a"), Some("one")));
    assert_eq!(refused.whose, crate::kinds::Whose::Unknown);
    let no_list = vec![told(Listing.first(&Scope::default()).remove(0), Answered::Refused("403".into()))];
    assert_eq!(found(&no_list, &[]), ["the list of pipelines: 403"]);
}

#[test]
fn what_stands_beside_the_spec_is_read_into_it() {
    let mut one = pipeline("a");
    one["parameters"] = json!({ "month": "05" });
    one["run_as_user_name"] = json!("ann@example.com");
    one["spec"]["clusters"] = json!([{ "num_workers": 1 }, { "label": "updates" }]);
    let mut seen = seen(&one).unwrap();
    assert_eq!(seen.spec["parameters"], json!({ "month": "05" }));
    assert_eq!(seen.spec["clusters"][0]["label"], "default", "the API takes an unset label for it");
    assert_eq!(seen.spec["clusters"][1]["label"], "updates");
    assert_eq!(seen.spec.get("run_as"), None, "nobody asked");
    let wanted = json!({ "run_as": { "user_name": "ann@example.com" } });
    DatabricksPipeline.complete(&mut seen, Some(&wanted), &[]).unwrap();
    assert_eq!(seen.spec["run_as"], wanted["run_as"]);
    // Whom it was told to run as says more than who it runs as.
    one["run_as"] = json!({ "service_principal_name": "x" });
    assert_eq!(super::seen(&one).unwrap().facts["run_as"], json!({ "service_principal_name": "x" }));
}

fn live(spec: Value, active_runs: usize) -> Observed {
    let whole = json!({ "pipeline_id": "p-1", "spec": spec });
    Observed { active_runs, ..seen(&whole).unwrap() }
}

fn step<'s>(verb: Verb, live: Option<&'s Observed>, body: &'s Value, changed: &'s [Path]) -> Step<'s> {
    Step { verb, live, body, changed, now: jiff::Timestamp::UNIX_EPOCH }
}

#[test]
fn a_delete_leaves_the_tables_unless_the_object_says_that_they_may_go() {
    let owner = json!({ "plumb": "bau/prod/DatabricksPipeline/a" });
    let mut forced = owner.clone();
    forced["plumb_force_destroy"] = json!("true");
    for (tags, cascade, class) in [
        (json!({}), "false", None),
        (owner, "false", None),
        (forced, "true", Some(ImpactClass::LosesData)),
        // A tag that nobody's mark stands beside is not plumb's.
        (json!({ "plumb_force_destroy": "true" }), "false", None),
    ] {
        let live = live(json!({ "catalog": "main", "tags": tags }), 0);
        let step = step(Verb::Delete, Some(&live), &Value::Null, &[]);
        let calls = DatabricksPipeline.calls(&step).unwrap();
        assert_eq!(calls[0].query, [("cascade".to_owned(), cascade.to_owned())], "{tags}");
        let (words, classes) = Impact::split(DatabricksPipeline.impact(&step));
        assert_eq!(classes.contains(&ImpactClass::LosesData), class.is_some(), "{words:?}");
        assert!(words.iter().any(|says| says.contains("its tables and views stay")) != class.is_some(), "{words:?}");
    }
    // Without a catalog nothing is said of tables: the service's words are about Unity Catalog.
    let hive = live(json!({ "storage": "dbfs:/x" }), 0);
    let (words, _) = Impact::split(DatabricksPipeline.impact(&step(Verb::Delete, Some(&hive), &Value::Null, &[])));
    assert_eq!(words, ["loses its updates and events"]);
}

#[test]
fn an_update_that_runs_is_told_of() {
    let pages = vec![json!({ "updates": [
        { "update_id": "3", "state": "RUNNING" }, { "update_id": "2", "state": "COMPLETED" },
        { "update_id": "1", "state": "FAILED" }, { "update_id": "0", "state": "CANCELED" },
    ]})];
    assert_eq!(DatabricksPipeline.active_runs(&pages), 1);
    let says = |verb, runs, body: &Value, changed: &str| {
        let (live, changed) = (live(json!({ "name": "a", "catalog": "main" }), runs), [Path::default().key(changed)]);
        Impact::split(DatabricksPipeline.impact(&step(verb, Some(&live), body, &changed))).0
    };
    assert_eq!(says(Verb::Update, 1, &json!({}), "schema"), ["its active update may be restarted"]);
    assert!(says(Verb::Update, 1, &json!({}), "permissions").is_empty());
    assert!(says(Verb::Update, 0, &json!({}), "schema").is_empty());
    assert_eq!(says(Verb::Delete, 1, &json!({}), "name")[0], "cancels its active update");
    let on = json!({ "continuous": true });
    assert_eq!(says(Verb::Update, 0, &on, "continuous"), ["updates begin at once, and go on without end"]);
}

#[test]
fn an_edit_sends_all_settings_and_the_id() {
    let (live, changed) = (live(json!({ "name": "a" }), 0), [Path::default().key("name")]);
    let body = json!({ "name": "b", "of_tomorrow": { "a": 1 }, "permissions": [] });
    let calls = DatabricksPipeline.calls(&step(Verb::Update, Some(&live), &body, &changed)).unwrap();
    assert_eq!((calls[0].method, calls[0].path.as_str()), (Method::Put, "/api/2.0/pipelines/p-1"));
    assert_eq!(calls[0].body, Some(json!({ "name": "b", "of_tomorrow": { "a": 1 }, "id": "p-1" })));
}

#[test]
fn nothing_starts_by_itself_in_development() {
    let developed = |mut spec: Value| {
        DatabricksPipeline.develop(&mut spec);
        spec
    };
    assert_eq!(
        developed(json!({ "continuous": true, "trigger": { "cron": { "quartz_cron_schedule": "0 0 4 * * ?" } } })),
        json!({ "continuous": false, "trigger": {}, "development": true })
    );
    assert_eq!(developed(json!({ "development": false })), json!({ "development": false }), "the manifest said so");
}

#[test]
fn a_catalog_is_changed_in_place_but_neither_added_nor_taken_away() {
    use crate::plan::compare::{Context, Undeclared, compare};
    use crate::plan::normal::normal;
    let kind: &dyn Kind = &DatabricksPipeline;
    let rules = kind.rules();
    let context = Context { supplied: &BTreeMap::new(), ignored: &[], undeclared: Undeclared::Remove };
    let replaces = |want: Value, live: Value| -> Vec<bool> {
        let found = compare(rules, &normal(rules, &want), &normal(rules, &live), &context);
        found.differences.iter().map(|difference| difference.replaces).collect()
    };
    let with = |catalog: &str| json!({ "name": "a", "catalog": catalog });
    assert_eq!(replaces(with("MAIN"), with("main")), [false; 0], "a create writes it in small letters");
    assert_eq!(replaces(with("other"), with("main")), [false]);
    assert_eq!(replaces(with("main"), json!({ "name": "a" })), [true]);
    assert_eq!(replaces(json!({ "name": "a" }), with("main")), [true]);
    let gateway = json!({ "name": "a", "gateway_definition": {
        "connection_name": "c", "gateway_storage_catalog": "main", "gateway_storage_schema": "s" } });
    assert_eq!(replaces(gateway.clone(), json!({ "name": "a" })), [true]);
    assert_eq!(replaces(json!({ "name": "a" }), gateway), [true]);
}
