//! Unity Catalog as its callers see it.

use super::super::{route, seed};
use crate::{
    errors::Handled,
    request::Request,
    store::{Clock, Store},
};
use serde_json::{Value, json};

const ME: &str = "me@example.com";

fn new() -> Store {
    Store::new(Clock::Fixed(1_714_600_000_000))
}

fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
    route(store, &Request::internal(method, &format!("/api/2.1/unity-catalog/{path}"), ME, body))
}

fn get(store: &mut Store, path: &str) -> Value {
    ask(store, "GET", path, Value::Null).unwrap_or_else(|e| panic!("{path}: {e:?}"))
}

/// The status, code and words of a refusal.
fn refusal(answer: Handled) -> (u16, String, String) {
    let error = answer.unwrap_err();
    let word = |name: &str| error.body[name].as_str().unwrap_or_default().to_owned();
    (error.status, word("error_code"), word("message"))
}

fn names(answer: &Value, list: &str) -> Vec<String> {
    let rows = answer[list].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

fn files(store: &mut Store, method: &str, path: &str) -> u16 {
    let path = format!("/api/2.0/fs/{path}");
    let mut request = Request::internal(method, &path, ME, Value::Null);
    request.raw.path = path;
    let answer = route(store, &request).map(super::super::reply::answer);
    answer.map_or_else(|e| e.status, |answer| answer.status)
}

#[test]
fn the_platforms_own_objects_are_there_from_the_start() {
    let mut store = new();
    assert_eq!(names(&get(&mut store, "catalogs"), "catalogs"), ["main", "samples", "system"]);
    assert_eq!(names(&get(&mut store, "schemas?catalog_name=main"), "schemas"), ["default", "information_schema"]);
    let own = get(&mut store, "schemas/main.information_schema");
    assert_eq!((&own["owner"], &own["securable_kind"]), (&json!("System user"), &json!("SCHEMA_SYSTEM")));
    assert!(own.get("enable_predictive_optimization").is_none());
    assert_eq!(get(&mut store, "schemas/system.billing")["catalog_type"], "SYSTEM_CATALOG");
    assert_eq!(names(&get(&mut store, "storage-credentials"), "storage_credentials"), ["default"]);
    // They are none of those that somebody made.
    let state = store.dump();
    for list in ["catalogs", "schemas", "storage_credentials"] {
        assert_eq!(state["databricks"][list], json!({}), "{list}");
    }
    for (method, path, body) in [
        ("DELETE", "schemas/main.information_schema?force=true", Value::Null),
        ("PATCH", "schemas/system.billing", json!({ "comment": "c" })),
        ("POST", "schemas", json!({ "catalog_name": "samples", "name": "s" })),
        ("DELETE", "catalogs/system?force=true", Value::Null),
    ] {
        assert_eq!(refusal(ask(&mut store, method, path, body)).0, 403, "{method} {path}");
    }
}

#[test]
fn the_platforms_schema_can_be_changed_and_deleted() {
    let mut store = new();
    ask(&mut store, "PATCH", "schemas/main.default", json!({ "comment": "ours" })).unwrap();
    assert_eq!(get(&mut store, "schemas/main.default")["comment"], "ours");
    ask(&mut store, "DELETE", "schemas/main.default", Value::Null).unwrap();
    assert_eq!(refusal(ask(&mut store, "GET", "schemas/main.default", Value::Null)).0, 404);
    let body = json!({ "catalog_name": "main", "name": "default" });
    ask(&mut store, "POST", "schemas", body).unwrap();
    ask(&mut store, "PATCH", "schemas/main.default", json!({ "new_name": "other" })).unwrap();
    assert_eq!(names(&get(&mut store, "schemas?catalog_name=main"), "schemas"), ["information_schema", "other"]);
}

#[test]
fn a_catalog_has_a_schema_and_is_deleted_by_force() {
    let mut store = new();
    let made = ask(&mut store, "POST", "catalogs", json!({ "name": "Lake", "comment": "c", "unknown": 1 })).unwrap();
    assert_eq!(
        (&made["name"], &made["catalog_type"], made.get("unknown")),
        (&json!("lake"), &json!("MANAGED_CATALOG"), None)
    );
    let schemas = names(&get(&mut store, "schemas?catalog_name=lake"), "schemas");
    assert_eq!(schemas, ["default", "information_schema"]);
    assert_eq!(refusal(ask(&mut store, "POST", "catalogs", json!({ "name": "LAKE" }))).1, "CATALOG_ALREADY_EXISTS");
    let said = refusal(ask(&mut store, "POST", "catalogs", json!({}))).2;
    assert!(said.contains("name \"\" is not a valid name"), "{said}");
    ask(&mut store, "PATCH", "catalogs/lake", json!({ "enable_predictive_optimization": "DISABLE" })).unwrap();
    let schema = ask(&mut store, "POST", "schemas", json!({ "catalog_name": "lake", "name": "s" })).unwrap();
    assert_eq!(
        schema["effective_predictive_optimization_flag"],
        json!({ "value": "DISABLE", "inherited_from_type": "CATALOG", "inherited_from_name": "lake" })
    );
    assert_eq!(refusal(ask(&mut store, "DELETE", "catalogs/lake", Value::Null)).1, "CATALOG_NOT_EMPTY");
    ask(&mut store, "DELETE", "catalogs/lake?force=true", Value::Null).unwrap();
    assert_eq!(refusal(ask(&mut store, "GET", "schemas/lake.default", Value::Null)).1, "SCHEMA_DOES_NOT_EXIST");
}

#[test]
fn a_schema_is_filled_in_changed_renamed_and_deleted() {
    let mut store = new();
    let body = json!({ "catalog_name": "main", "name": "Sales", "comment": "", "properties": { "a": "b" } });
    let made = ask(&mut store, "POST", "schemas", body.clone()).unwrap();
    assert_eq!(made, get(&mut store, "schemas/main.SALES"));
    for (member, value) in [
        ("full_name", json!("main.sales")),
        ("owner", json!(ME)),
        ("created_by", json!(ME)),
        ("created_at", json!(1_714_600_000_000_i64)),
        ("browse_only", json!(false)),
        ("catalog_type", json!("MANAGED_CATALOG")),
        ("enable_predictive_optimization", json!("INHERIT")),
    ] {
        assert_eq!(made[member], value, "{member}");
    }
    assert_eq!(made["effective_predictive_optimization_flag"]["inherited_from_type"], "METASTORE");
    for absent in ["comment", "storage_location"] {
        assert!(made.get(absent).is_none(), "{absent}");
    }
    let taken = refusal(ask(&mut store, "POST", "schemas", body));
    assert_eq!(taken, (400, "SCHEMA_ALREADY_EXISTS".to_owned(), "Schema 'sales' already exists".to_owned()));
    store.advance(5);
    let change = json!({ "comment": "c", "owner": "ann@example.com", "properties": { "x": "y" }, "custom_max_retention_hours": 240 });
    let changed = ask(&mut store, "PATCH", "schemas/main.sales", change).unwrap();
    assert_eq!((&changed["owner"], &changed["properties"]), (&json!("ann@example.com"), &json!({ "x": "y" })));
    assert_eq!(changed["updated_at"], 1_714_600_005_000_i64);
    let cleared =
        ask(&mut store, "PATCH", "schemas/main.sales", json!({ "comment": "", "custom_max_retention_hours": 0 }));
    let cleared = cleared.unwrap();
    assert_eq!((cleared.get("comment"), &cleared["custom_max_retention_hours"]), (None, &json!(0)));
    let renamed = ask(&mut store, "PATCH", "schemas/main.sales", json!({ "new_name": "Sold" })).unwrap();
    assert_eq!((&renamed["full_name"], &renamed["schema_id"]), (&json!("main.sold"), &made["schema_id"]));
    assert_eq!(
        refusal(ask(&mut store, "GET", "schemas/main.sales", Value::Null)).2,
        "Schema 'main.sales' does not exist."
    );
    ask(&mut store, "DELETE", "schemas/main.sold", Value::Null).unwrap();
    assert_eq!(refusal(ask(&mut store, "DELETE", "schemas/main.sold", Value::Null)).0, 404);
}

#[test]
fn a_change_of_nothing_is_refused() {
    let mut store = new();
    let seed = json!({ "schemas": ["main.s"], "volumes": ["main.s.v"], "external_locations": ["l"] });
    seed::add(&mut store, &seed).unwrap();
    for (path, call) in [
        ("schemas/main.s", "UpdateSchema"),
        ("volumes/main.s.v", "UpdateVolume"),
        ("external-locations/l", "UpdateExternalLocation"),
        ("catalogs/main", "UpdateCatalog"),
    ] {
        for body in [json!({}), json!({ "properties": {} }), json!({ "unknown": 1 }), json!({ "force": true })] {
            let said = refusal(ask(&mut store, "PATCH", path, body));
            assert_eq!(said, (400, "INVALID_PARAMETER_VALUE".to_owned(), format!("{call} Nothing to update.")));
        }
    }
    ask(&mut store, "PATCH", "schemas/main.s", json!({ "properties": { "a": "b" } })).unwrap();
    let kept = ask(&mut store, "PATCH", "schemas/main.s", json!({ "comment": "c", "properties": {} })).unwrap();
    assert_eq!(kept["properties"], json!({ "a": "b" }), "no call takes the last property away");
}

#[test]
fn what_is_not_valid_is_refused_with_the_services_words() {
    let mut store = new();
    seed::add(&mut store, &json!({ "schemas": ["main.s"] })).unwrap();
    for (method, path, body, status, said) in [
        ("POST", "schemas", json!({ "catalog_name": "main" }), 400, "CreateSchema Missing required field: name"),
        ("POST", "schemas", json!({ "name": "s" }), 400, "CreateSchema Missing required field: catalog_name"),
        ("POST", "schemas", json!({ "catalog_name": "no", "name": "s" }), 404, "Catalog 'no' does not exist."),
        ("POST", "schemas", json!({ "catalog_name": "main", "name": "a.b" }), 400, "is not a valid name"),
        ("POST", "schemas", json!({ "catalog_name": "main", "name": [] }), 400, "Expected string for field name"),
        ("POST", "schemas", json!({ "catalog_name": "main", "name": "t", "properties": 1 }), 400, "Expected object"),
        ("PATCH", "schemas/main.s", json!({ "enable_predictive_optimization": "MAYBE" }), 400, "MAYBE"),
        ("GET", "schemas", Value::Null, 400, "catalog_name"),
        ("GET", "schemas?catalog_name=no", Value::Null, 404, "Catalog 'no' does not exist."),
        ("GET", "schemas?catalog_name=main&max_results=-1", Value::Null, 400, "max_results"),
        ("GET", "schemas?catalog_name=main&page_token=x", Value::Null, 400, "Invalid page token"),
        (
            "POST",
            "volumes",
            json!({ "catalog_name": "main", "schema_name": "no", "name": "v", "volume_type": "MANAGED" }),
            404,
            "Schema 'main.no' does not exist.",
        ),
        (
            "POST",
            "volumes",
            json!({ "catalog_name": "main", "schema_name": "s", "name": "v", "volume_type": "OTHER" }),
            400,
            "CreateVolume Missing required field: volume_type",
        ),
        ("GET", "volumes/main.s.v", Value::Null, 404, "Volume 'main.s.v' does not exist."),
        ("GET", "volumes?catalog_name=no&schema_name=s", Value::Null, 404, "Catalog 'no' does not exist."),
        ("GET", "volumes?catalog_name=main&schema_name=no", Value::Null, 404, "Schema 'main.no' does not exist."),
        ("GET", "nothing/main", Value::Null, 404, "No API found"),
    ] {
        let (got, _, words) = refusal(ask(&mut store, method, path, body));
        assert!(got == status && words.contains(said), "{method} {path}: {got} {words}");
    }
}

#[test]
fn a_schema_that_is_not_empty_is_deleted_by_force_only() {
    let mut store = new();
    let seed = json!({
        "schemas": ["main.s", "main.s2"],
        "volumes": ["main.s.v"],
        "tables": ["main.s.a", "main.s.b", { "catalog_name": "main", "schema_name": "s", "name": "c", "columns": [{ "name": "x" }] }],
        "functions": ["main.s.f"],
        "registered_models": ["main.s.m"],
    });
    let ids = seed::add(&mut store, &seed).unwrap();
    assert_eq!(ids["tables"], json!(["main.s.a", "main.s.b", "main.s.c"]));
    assert_eq!(files(&mut store, "PUT", "files/Volumes/main/s/v/x"), 204);
    let said = refusal(ask(&mut store, "DELETE", "schemas/main.s", Value::Null));
    let words = "Schema 'main.s' is not empty. The schema has 3 tables(s), 2 functions(s), 1 volumes(s)";
    assert_eq!(said, (400, "SCHEMA_NOT_EMPTY".to_owned(), words.to_owned()));
    let tables = get(&mut store, "tables?catalog_name=main&schema_name=s&omit_columns=true");
    assert_eq!(
        (names(&tables, "tables"), tables["tables"][2].get("columns")),
        (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], None)
    );
    assert_eq!(names(&get(&mut store, "functions?catalog_name=main&schema_name=s"), "functions"), ["f"]);
    assert_eq!(names(&get(&mut store, "models"), "registered_models"), ["m"]);
    assert_eq!(get(&mut store, "tables/main.s.b/exists")["table_exists"], true);
    ask(&mut store, "DELETE", "tables/main.s.b", Value::Null).unwrap();
    ask(&mut store, "DELETE", "schemas/main.s?force=true", Value::Null).unwrap();
    let state = store.dump()["databricks"].clone();
    for list in ["tables", "functions", "registered_models", "volume_objects", "volumes"] {
        assert!(!state[list].to_string().contains("main"), "{list}: {}", state[list]);
    }
    ask(&mut store, "DELETE", "schemas/main.s2", Value::Null).unwrap();
    // Nothing is known of the schema any more: what is in it is there when it is named.
    assert_eq!(files(&mut store, "GET", "directories/Volumes/main/s/v"), 200);
}

#[test]
fn volumes_have_their_files_and_their_place() {
    let mut store = new();
    let seed = json!({
        "schemas": ["main.s"],
        "external_locations": [{ "name": "lake", "url": "s3://lake/raw/", "credential_name": "default" }],
    });
    seed::add(&mut store, &seed).unwrap();
    let volume = |name: &str, more: Value| {
        let mut body = json!({ "catalog_name": "main", "schema_name": "s", "name": name });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        body
    };
    let managed = ask(&mut store, "POST", "volumes", volume("M", json!({ "volume_type": "MANAGED" }))).unwrap();
    let place = format!("/volumes/{}", managed["volume_id"].as_str().unwrap());
    assert!(managed["storage_location"].as_str().unwrap().ends_with(&place), "{managed}");
    let external = json!({ "volume_type": "EXTERNAL", "storage_location": "s3://lake/raw/in/" });
    let made = ask(&mut store, "POST", "volumes", volume("e", external)).unwrap();
    assert_eq!((&made["storage_location"], &made["owner"]), (&json!("s3://lake/raw/in"), &json!(ME)));
    for (more, said) in [
        (
            json!({ "volume_type": "MANAGED", "storage_location": "s3://lake/raw/x" }),
            "storage_location can not be provided",
        ),
        (json!({ "volume_type": "EXTERNAL" }), "Missing required field: storage_location"),
        (json!({ "volume_type": "EXTERNAL", "storage_location": "s3://lake/rawer" }), "No parent external location"),
        (
            json!({ "volume_type": "EXTERNAL", "storage_location": "s3://lake/raw/in/deep" }),
            "Conflicting tables/volumes: main.s.e.",
        ),
        (
            json!({ "volume_type": "EXTERNAL", "storage_location": "s3://lake/raw" }),
            "Conflicting tables/volumes: main.s.e.",
        ),
    ] {
        let words = refusal(ask(&mut store, "POST", "volumes", volume("x", more))).2;
        assert!(words.contains(said), "{words}");
    }
    assert_eq!(
        refusal(ask(&mut store, "POST", "volumes", volume("e", json!({ "volume_type": "MANAGED" })))).1,
        "RESOURCE_ALREADY_EXISTS"
    );
    // The schema is known, so a volume has to be there; elsewhere it is enough to name it.
    assert_eq!(files(&mut store, "PUT", "files/Volumes/main/s/none/x"), 404);
    assert_eq!(files(&mut store, "GET", "directories/Volumes/main/S/M"), 200);
    assert_eq!(files(&mut store, "PUT", "files/Volumes/main/ops/none/x"), 204);
    for name in ["m", "e"] {
        assert_eq!(files(&mut store, "PUT", &format!("files/Volumes/main/s/{name}/x")), 204);
    }
    let renamed = ask(&mut store, "PATCH", "volumes/main.s.m", json!({ "new_name": "n", "comment": "" })).unwrap();
    assert_eq!((&renamed["full_name"], &renamed["comment"]), (&json!("main.s.n"), &json!("")));
    assert_eq!(files(&mut store, "HEAD", "files/Volumes/main/s/n/x"), 200);
    assert_eq!(names(&get(&mut store, "volumes?catalog_name=main&schema_name=s"), "volumes"), ["e", "n"]);
    for name in ["n", "e"] {
        ask(&mut store, "DELETE", &format!("volumes/main.s.{name}"), Value::Null).unwrap();
        assert_eq!(files(&mut store, "HEAD", &format!("files/Volumes/main/s/{name}/x")), 404, "its volume is gone");
    }
    let again = json!({ "volume_type": "EXTERNAL", "storage_location": "s3://lake/raw/in" });
    ask(&mut store, "POST", "volumes", volume("e", again)).unwrap();
    ask(&mut store, "POST", "volumes", volume("n", json!({ "volume_type": "MANAGED" }))).unwrap();
    assert_eq!(files(&mut store, "HEAD", "files/Volumes/main/s/e/x"), 200, "files of an external volume stay");
    assert_eq!(files(&mut store, "HEAD", "files/Volumes/main/s/n/x"), 404, "those of a managed one are gone");
}

#[test]
fn a_strict_workspace_knows_no_volume_that_nobody_made() {
    let mut store = new();
    store.settings.volumes_by_name = false;
    assert_eq!(files(&mut store, "PUT", "files/Volumes/main/ops/none/x"), 404);
    assert_eq!(refusal(ask(&mut store, "GET", "permissions/volume/main.ops.v", Value::Null)).0, 404);
    assert_eq!(refusal(ask(&mut store, "GET", "permissions/catalog/no", Value::Null)).1, "CATALOG_DOES_NOT_EXIST");
    assert_eq!(get(&mut store, "permissions/schema/main.default"), json!({}));
}

#[test]
fn locations_do_not_overlap_and_keep_what_stands_in_them() {
    let mut store = new();
    let body = json!({ "name": "Lake", "url": "s3://lake/raw/", "credential_name": "Default", "comment": "c" });
    let made = ask(&mut store, "POST", "external-locations", body).unwrap();
    for (member, value) in [
        ("name", json!("lake")),
        ("url", json!("s3://lake/raw")),
        ("read_only", json!(false)),
        ("fallback", json!(false)),
        ("enable_file_events", json!(true)),
        ("effective_enable_file_events", json!(true)),
        ("isolation_mode", json!("ISOLATION_MODE_OPEN")),
    ] {
        assert_eq!(made[member], value, "{member}");
    }
    assert!(made["effective_file_event_queue"]["managed_sqs"].is_object() && made.get("skip_validation").is_none());
    assert_eq!(made["credential_id"], get(&mut store, "storage-credentials/default")["id"]);
    for (url, credential, said) in [
        (
            "s3://lake/raw/in",
            "default",
            "overlaps with an existing external location within 'CreateExternalLocation' call. Conflicting location: lake.",
        ),
        ("s3://lake", "default", "Conflicting location: lake."),
        ("s3://lake/raw", "default", "Conflicting location: lake."),
        ("s3://other", "no", "Storage Credential 'no' does not exist."),
        ("other", "default", "Invalid url"),
        ("", "default", "CreateExternalLocation Missing required field: url"),
        ("s3://other", "", "CreateExternalLocation Missing required field: credential_name"),
    ] {
        let body = json!({ "name": "x", "url": url, "credential_name": credential });
        let words = refusal(ask(&mut store, "POST", "external-locations", body)).2;
        assert!(words.contains(said), "{words}");
    }
    let beside = json!({ "name": "rawer", "url": "s3://lake/rawer", "credential_name": "default" });
    ask(&mut store, "POST", "external-locations", beside).unwrap();
    let off = json!({ "enable_file_events": false, "read_only": true, "new_name": "pond" });
    let off = ask(&mut store, "PATCH", "external-locations/rawer", off).unwrap();
    assert_eq!(
        (&off["name"], &off["read_only"], off.get("effective_file_event_queue")),
        (&json!("pond"), &json!(true), None)
    );

    let seed =
        json!({ "schemas": ["main.s", { "catalog_name": "main", "name": "r", "storage_root": "s3://lake/raw/r" }] });
    seed::add(&mut store, &seed).unwrap();
    let location = get(&mut store, "schemas/main.r")["storage_location"].clone();
    assert!(location.as_str().unwrap().starts_with("s3://lake/raw/r/__unitystorage/schemas/"), "{location}");
    let volume = json!({ "catalog_name": "main", "schema_name": "s", "name": "v", "volume_type": "EXTERNAL", "storage_location": "s3://lake/raw/in" });
    ask(&mut store, "POST", "volumes", volume).unwrap();
    let table = json!({ "catalog_name": "main", "schema_name": "s", "name": "t", "table_type": "EXTERNAL", "data_source_format": "DELTA", "storage_location": "s3://lake/raw/t" });
    ask(&mut store, "POST", "tables", table).unwrap();
    let words = refusal(ask(&mut store, "DELETE", "external-locations/lake", Value::Null)).2;
    let counted = "has 0 dependent metastores, 0 dependent catalogs, 1 dependent schemas, 0 dependent managed tables, 1 dependent external tables, 1 dependent external volumes, 0";
    assert!(words.contains(counted), "{words}");
    let moved = json!({ "url": "s3://else" });
    let words = refusal(ask(&mut store, "PATCH", "external-locations/lake", moved)).2;
    assert!(words.contains("use force option to update url anyway"), "{words}");
    ask(&mut store, "PATCH", "external-locations/lake", json!({ "url": "s3://else", "force": true })).unwrap();
    assert!(get(&mut store, "external-locations/lake").get("force").is_none());
    ask(&mut store, "PATCH", "external-locations/lake", json!({ "url": "s3://lake/raw" })).unwrap();
    ask(&mut store, "DELETE", "external-locations/lake?force=true", Value::Null).unwrap();
    assert_eq!(names(&get(&mut store, "external-locations"), "external_locations"), ["pond"]);
}

#[test]
fn a_location_is_looked_at_unless_it_skips_validation() {
    let mut store = new();
    store.settings.unreadable_urls = vec!["s3://locked/*".to_owned()];
    let mut body = json!({ "name": "l", "url": "s3://locked/x", "credential_name": "default" });
    let (status, _, words) = refusal(ask(&mut store, "POST", "external-locations", body.clone()));
    assert!(status == 403 && words.contains("does not have READ permissions on url s3://locked/x"), "{words}");
    body["skip_validation"] = json!(true);
    ask(&mut store, "POST", "external-locations", body).unwrap();
    store.settings.check_references = false;
    let body = json!({ "name": "m", "url": "s3://m", "credential_name": "nobody" });
    assert_eq!(ask(&mut store, "POST", "external-locations", body).unwrap()["credential_name"], "nobody");
}

#[test]
fn credentials_have_one_means_and_are_kept_while_locations_name_them() {
    let mut store = new();
    let role = json!({ "role_arn": "arn:aws:iam::1:role/x" });
    let made = ask(&mut store, "POST", "storage-credentials", json!({ "name": "Own", "aws_iam_role": role })).unwrap();
    assert_eq!((&made["name"], &made["aws_iam_role"]["role_arn"]), (&json!("own"), &role["role_arn"]));
    assert!(made["aws_iam_role"]["external_id"].is_string());
    assert_eq!(refusal(ask(&mut store, "POST", "storage-credentials", json!({ "name": "x" }))).0, 400);
    let secret = json!({ "name": "z", "azure_service_principal": { "application_id": "a", "client_secret": "hush" } });
    assert!(!ask(&mut store, "POST", "storage-credentials", secret).unwrap().to_string().contains("hush"));
    let location = json!({ "name": "l", "url": "s3://l", "credential_name": "own" });
    ask(&mut store, "POST", "external-locations", location).unwrap();
    let words = refusal(ask(&mut store, "DELETE", "storage-credentials/own", Value::Null)).2;
    assert!(words.contains("and 1 dependent storage location(s)"), "{words}");
    ask(&mut store, "DELETE", "storage-credentials/own?force=true", Value::Null).unwrap();
    ask(&mut store, "DELETE", "storage-credentials/default", Value::Null).unwrap();
    assert_eq!(names(&get(&mut store, "storage-credentials"), "storage_credentials"), ["z"]);
}

/// All pages of a listing: the names, and how many were on each.
fn pages(store: &mut Store, path: &str, list: &str) -> (Vec<String>, Vec<usize>) {
    let (mut all, mut sizes, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = get(store, &format!("{path}&page_token={token}"));
        let found = names(&page, list);
        sizes.push(found.len());
        all.extend(found);
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => return (all, sizes),
        }
    }
}

#[test]
fn listings_come_in_pages_of_which_the_first_may_be_empty() {
    let mut store = new();
    store.settings.catalog_page_size = 3;
    let schemas: Vec<String> = (0..5).map(|i| format!("main.s{i}")).collect();
    let volumes: Vec<String> = (0..4).map(|i| format!("main.s0.v{i}")).collect();
    seed::add(&mut store, &json!({ "schemas": schemas, "volumes": volumes })).unwrap();
    let path = "schemas?catalog_name=main&max_results=0";
    assert_eq!(pages(&mut store, path, "schemas").1, [3, 3, 1]);
    assert_eq!(pages(&mut store, "schemas?catalog_name=main&max_results=2", "schemas").1, [2, 2, 2, 1]);
    assert_eq!(
        names(&get(&mut store, "schemas?catalog_name=main"), "schemas").len(),
        7,
        "without max_results all come"
    );
    let volumes = "volumes?catalog_name=main&schema_name=s0";
    assert_eq!(names(&get(&mut store, volumes), "volumes").len(), 3, "volumes always come in pages");
    store.settings.empty_first_page = true;
    let (all, sizes) = pages(&mut store, path, "schemas");
    assert_eq!((all.len(), sizes), (7, vec![0, 3, 3, 1]));
    // What is new is listed late, as everywhere.
    store.settings.empty_first_page = false;
    store.settings.list_delay_reads = 1;
    ask(&mut store, "POST", "schemas", json!({ "catalog_name": "main", "name": "late" })).unwrap();
    assert!(!names(&get(&mut store, "schemas?catalog_name=main"), "schemas").contains(&"late".to_owned()));
    assert!(names(&get(&mut store, "schemas?catalog_name=main"), "schemas").contains(&"late".to_owned()));
}

fn grant(who: &str, add: &[&str], remove: &[&str]) -> Value {
    json!({ "changes": [{ "principal": who, "add": add, "remove": remove }] })
}

#[test]
fn grants_are_those_that_the_object_takes_and_go_with_it() {
    let mut store = new();
    let seed =
        json!({ "schemas": ["main.s"], "volumes": ["main.s.v"], "external_locations": ["l"], "tables": ["main.s.t"] });
    seed::add(&mut store, &seed).unwrap();
    for (path, privilege) in [
        ("catalog/main", "USE CATALOG"),
        ("schema/main.s", "CREATE_MATERIALIZED_VIEW"),
        ("volume/main.s.v", "WRITE_VOLUME"),
        ("table/main.s.t", "SELECT"),
        ("external_location/l", "READ_FILES"),
        ("storage_credential/default", "CREATE_EXTERNAL_LOCATION"),
    ] {
        let path = format!("permissions/{path}");
        let answer = ask(&mut store, "PATCH", &path, grant("Team", &[privilege, "ALL PRIVILEGES"], &[])).unwrap();
        let mut expected = [privilege.replace(' ', "_"), "ALL_PRIVILEGES".to_owned()];
        expected.sort();
        assert_eq!(answer["privilege_assignments"], json!([{ "principal": "Team", "privileges": expected }]), "{path}");
        assert_eq!(get(&mut store, &path), answer);
        let odd = refusal(ask(&mut store, "PATCH", &path, grant("Team", &["ABC"], &[])));
        assert!(odd.0 == 400 && odd.2.contains("Privilege ABC is not applicable to this entity"), "{odd:?}");
    }
    for (path, privilege) in
        [("schema/main.s", "USE_CATALOG"), ("volume/main.s.v", "SELECT"), ("external_location/l", "READ_VOLUME")]
    {
        let said =
            refusal(ask(&mut store, "PATCH", &format!("permissions/{path}"), grant("Team", &[privilege], &[]))).2;
        assert!(said.contains(privilege), "{said}");
    }
    for missing in ["volume/main.s.no", "table/main.s.no", "external_location/no", "storage_credential/no"] {
        for method in ["GET", "PATCH"] {
            assert_eq!(
                refusal(ask(&mut store, method, &format!("permissions/{missing}"), Value::Null)).0,
                404,
                "{missing}"
            );
        }
    }
    let both = refusal(ask(&mut store, "PATCH", "permissions/schema/main.s", grant("a", &["SELECT"], &["SELECT"])));
    assert_eq!(both.2, "Duplicate privileges to add and delete for principal a.");
    let none = ask(&mut store, "PATCH", "permissions/schema/main.s", grant("Team", &[], &["ALL_PRIVILEGES"])).unwrap();
    assert_eq!(none, json!({}), "who loses all has none left");
    ask(&mut store, "PATCH", "permissions/schema/main.s", grant("Ann@Example.com", &["SELECT"], &[])).unwrap();
    ask(&mut store, "PATCH", "schemas/main.s", json!({ "new_name": "z" })).unwrap();
    let kept = get(&mut store, "permissions/schema/main.z?principal=ANN@example.com");
    assert_eq!(kept["privilege_assignments"][0]["principal"], "ann@example.com");
    assert_eq!(get(&mut store, "permissions/volume/main.z.v")["privilege_assignments"][0]["principal"], "Team");
    ask(&mut store, "DELETE", "schemas/main.z?force=true", Value::Null).unwrap();
    assert!(!store.dump()["databricks"]["grants"].to_string().contains("main.z"));
}

#[test]
fn grants_go_to_those_that_there_are() {
    let mut store = new();
    seed::add(&mut store, &json!({ "schemas": ["main.s"] })).unwrap();
    let path = "permissions/schema/main.s";
    let to = |store: &mut Store, who: &str| ask(store, "PATCH", path, grant(who, &["SELECT"], &[]));
    to(&mut store, "whoever").unwrap();
    let said = refusal(to(&mut store, "admins"));
    assert_eq!(
        said,
        (404, "PRINCIPAL_DOES_NOT_EXIST".to_owned(), "Could not find principal with name admins".to_owned())
    );
    let scim = |store: &mut Store, kind: &str, body: Value| {
        let path = format!("/api/2.0/preview/scim/v2/{kind}");
        route(store, &Request::internal("POST", &path, ME, body)).unwrap();
    };
    scim(&mut store, "Groups", json!({ "displayName": "Team" }));
    scim(&mut store, "Users", json!({ "userName": "Ann@example.com" }));
    for who in ["Team", "ann@EXAMPLE.com", ME, "account users"] {
        to(&mut store, who).unwrap_or_else(|e| panic!("{who}: {e:?}"));
    }
    for who in ["team", "whoever", "bo@example.com"] {
        let (status, _, words) = refusal(to(&mut store, who));
        assert_eq!((status, words), (404, format!("Could not find principal with name {who}")));
    }
}

#[test]
fn grants_come_in_pages_and_may_be_late() {
    let mut store = new();
    store.settings.catalog_page_size = 2;
    seed::add(&mut store, &json!({ "schemas": ["main.s"] })).unwrap();
    let path = "permissions/schema/main.s";
    for who in ["a", "b", "c"] {
        ask(&mut store, "PATCH", path, grant(who, &["SELECT", "MODIFY"], &[])).unwrap();
    }
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let page = get(&mut store, &format!("{path}?max_results=0&page_token={token}"));
        all.push(page["privilege_assignments"].as_array().unwrap().len());
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(all, [1, 1, 1], "an entry is never divided");
    assert_eq!(get(&mut store, path)["privilege_assignments"].as_array().unwrap().len(), 3);
    assert_eq!(
        get(&mut store, "privilege-assignments/schema/main.s")["privilege_assignments"].as_array().unwrap().len(),
        1
    );
    assert_eq!(refusal(ask(&mut store, "GET", &format!("{path}?max_results=149"), Value::Null)).0, 400);

    store.settings.grants_delay_reads = 2;
    let answer = ask(&mut store, "PATCH", path, grant("d", &["SELECT"], &[])).unwrap();
    assert_eq!(answer["privilege_assignments"].as_array().unwrap().len(), 4, "the call itself answers what it made");
    let mut again = new();
    again.restore(store.dump()).unwrap();
    for seen in [3, 3, 4, 4] {
        assert_eq!(get(&mut again, path)["privilege_assignments"].as_array().unwrap().len(), seen);
    }
}

#[test]
fn a_newer_workspace_keeps_members_that_are_not_known() {
    let mut store = new();
    store.settings.keeps_unknown = true;
    let body = json!({ "catalog_name": "main", "name": "s", "newer": { "a": 1 }, "full_name": "x" });
    ask(&mut store, "POST", "schemas", body).unwrap();
    ask(&mut store, "PATCH", "schemas/main.s", json!({ "comment": "c", "metastore_id": "x" })).unwrap();
    let seen = get(&mut store, "schemas/main.s");
    assert_eq!((&seen["newer"], &seen["full_name"]), (&json!({ "a": 1 }), &json!("main.s")));
    assert_ne!(seen["metastore_id"], "x");
}

#[test]
fn a_seed_says_what_is_wrong_with_it() {
    let mut store = new();
    for (seed, said) in [
        (json!({ "tables": ["main.s"] }), "tables[0]: \"main.s\" is no full name of a table"),
        (json!({ "tables": ["main.no.t"] }), "tables[0]: Schema 'main.no' does not exist."),
        (json!({ "schemas": [7] }), "schemas[0]: it must be an object"),
    ] {
        let why = seed::add(&mut store, &seed).unwrap_err();
        assert!(why.contains(said), "{why}");
    }
    let seed = json!({ "schemas": [{ "catalog_name": "main", "name": "s", "owner": "ann@example.com",
        "grants": [{ "principal": "Team", "privileges": ["SELECT"] }] }] });
    seed::add(&mut store, &seed).unwrap();
    assert_eq!(store.databricks.schemas["main.s"]["owner"], "ann@example.com");
    assert!(store.databricks.grants["schema main.s"]["Team"].contains("SELECT"));
}
