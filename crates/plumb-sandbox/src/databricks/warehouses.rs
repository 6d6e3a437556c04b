//! SQL warehouses, API 2.0: list, get, create, edit, start, stop and delete. Statements are [`super::statements`].
//!
//! Members and limits: databricks-sdk-py 0.162.0, `service/sql.py` (`WarehousesAPI`). What an answer has beside what was
//! sent: a recorded one (databricks/cli#4972), which shows no `channel` unless one was chosen. Words of refusals are the
//! service's where a source is named; the others are unverified.

use super::{defaults, fields, paging, permissions, statements, text};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde_json::{Map, Value, json};

/// Answers `sql/warehouses`, `sql/warehouses/ID` and `sql/warehouses/ID/VERB`.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => list(store, request),
        ("POST", []) => create(store, request),
        ("GET", [id]) => get(store, id),
        ("DELETE", [id]) => delete(store, id),
        ("POST", [id, "edit"]) => edit(store, request, id),
        ("POST", [id, "start"]) => find(store, id).map(|_| ()).map(|()| {
            // One that cannot come up does so when somebody starts it.
            if state_of(store, id) == "STARTING" && !store.settings.warehouses_start {
                enter(store, id, "RUNNING", store.now());
            }
            start(store, id);
            json!({})
        }),
        ("POST", [id, "stop"]) => find(store, id).map(|_| ()).map(|()| {
            stop(store, id);
            json!({})
        }),
        _ => return None,
    })
}

/// `2X-Small` to `5X-Large`, as the SDK lists them and the Terraform provider checks them (sql/resource_sql_endpoint.go).
const SIZES: [&str; 10] =
    ["2X-Small", "X-Small", "Small", "Medium", "Large", "X-Large", "2X-Large", "3X-Large", "4X-Large", "5X-Large"];

/// Members of a text that can only be one of these.
const CHOICES: [(&str, &[&str]); 3] = [
    ("/spot_instance_policy", &["POLICY_UNSPECIFIED", "COST_OPTIMIZED", "RELIABILITY_OPTIMIZED"]),
    ("/warehouse_type", &["TYPE_UNSPECIFIED", "CLASSIC", "PRO", "REALTIME"]),
    (
        "/channel/name",
        &["CHANNEL_NAME_CURRENT", "CHANNEL_NAME_CUSTOM", "CHANNEL_NAME_PREVIEW", "CHANNEL_NAME_PREVIOUS"],
    ),
];

fn find<'a>(store: &'a Store, id: &str) -> Result<&'a Value, ApiError> {
    let missing = || ApiError::missing(format!("SQL warehouse {id} does not exist"));
    store.databricks.warehouses.get(id).ok_or_else(missing)
}

fn list(store: &mut Store, request: &Request) -> Handled {
    let token = request.param("page_token").filter(|token| !token.is_empty());
    let hidden = paging::unlisted(store, "warehouses", token.is_none());
    // Without a page size there is one page: older clients know of no other.
    let size = request.number("page_size")?.filter(|size| *size > 0);
    let limit = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
    let rows = store.databricks.warehouses.iter().filter(|(id, _)| !hidden.contains(id));
    let (rows, next) = paging::keyed_page(rows, token.as_deref(), limit, false)?;
    let mut answer = paging::listing("warehouses", rows.into_iter().cloned().collect());
    if let Some(next) = next {
        answer.insert("next_page_token".to_owned(), json!(next));
    }
    Ok(answer.into())
}

fn get(store: &mut Store, id: &str) -> Handled {
    find(store, id)?;
    // A look moves it on, unless the clock does.
    if store.settings.warehouse_seconds.is_none() {
        arrive(store, id, store.now());
    }
    find(store, id).cloned()
}

/// Reads the settings of a create or an edit: checked, with what the service fills in.
fn settings(store: &Store, request: &Request, own: Option<&str>) -> Result<Map<String, Value>, ApiError> {
    let mut body = Value::Object(request.object()?);
    defaults::drop_nulls(&mut body);
    fields::read(&mut body, "Warehouse", store.settings.keeps_unknown)?;
    let mut warehouse = body.as_object().cloned().unwrap_or_default();
    if let Some(before) = own.and_then(|id| store.databricks.warehouses.get(id))
        && text(&body, "name").is_none()
    {
        warehouse.insert("name".to_owned(), before["name"].clone());
    }
    let name = warehouse.get("name").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() || name.chars().count() >= 100 {
        return Err(ApiError::invalid("The name of a warehouse must have between 1 and 99 characters."));
    }
    let is_other = |(id, other): (&String, &Value)| own != Some(id.as_str()) && other["name"] == name;
    if store.databricks.warehouses.iter().any(is_other) {
        // databricks-demos/dbdemos#12, terraform-provider-databricks#4750.
        return Err(ApiError::invalid(format!("SQL warehouse with name `{name}` already exists")));
    }
    fill_in(&mut warehouse);
    check(&warehouse)?;
    Ok(warehouse)
}

/// The defaults of the SDK's texts. A serverless warehouse is `PRO` (Terraform provider, docs/resources/sql_endpoint.md) and
/// stops after 10 minutes (terraform-provider-databricks#3695); the rest after 120.
fn fill_in(warehouse: &mut Map<String, Value>) {
    let is_serverless = warehouse.get("enable_serverless_compute") == Some(&json!(true));
    let least = warehouse.get("min_num_clusters").cloned().unwrap_or_else(|| json!(1));
    if warehouse.get("warehouse_type") == Some(&json!("TYPE_UNSPECIFIED")) {
        warehouse.remove("warehouse_type");
    }
    let usual = json!({
        "auto_stop_mins": if is_serverless { 10 } else { 120 },
        "cluster_size": "X-Small",
        "enable_photon": true,
        "enable_serverless_compute": false,
        "min_num_clusters": least.clone(),
        "max_num_clusters": least,
        "spot_instance_policy": "COST_OPTIMIZED",
        "warehouse_type": if is_serverless { "PRO" } else { "CLASSIC" },
    });
    for (name, value) in usual.as_object().into_iter().flatten() {
        warehouse.entry(name.clone()).or_insert_with(|| value.clone());
    }
}

fn check(warehouse: &Map<String, Value>) -> Result<(), ApiError> {
    let whole = Value::Object(warehouse.clone());
    let number = |name: &str| whole[name].as_i64();
    let wrong = |member: &str, value: &Value, rest: &str| {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Err(ApiError::invalid(format!("{shown} is not a valid value for {member}. The value must be {rest}.")))
    };
    let is_serverless = whole["enable_serverless_compute"] == true;
    if is_serverless && whole["warehouse_type"] == "CLASSIC" {
        // terraform-provider-databricks#1765.
        return Err(ApiError::invalid("Invalid warehouseType: Serverless is only available for PRO warehouses."));
    }
    // terraform-provider-databricks#4131: 1 is right for a serverless one, and refused in these words for the rest.
    let least = if is_serverless { 1 } else { 10 };
    if number("auto_stop_mins").is_none_or(|minutes| minutes != 0 && minutes < least) {
        return wrong("auto_stop_mins", &whole["auto_stop_mins"], &format!("greater than or equal to {least}"));
    }
    if !SIZES.iter().any(|size| whole["cluster_size"] == *size) {
        return wrong("cluster_size", &whole["cluster_size"], &format!("one of {}", SIZES.join(", ")));
    }
    let most = number("max_num_clusters");
    if most.is_none_or(|most| !(1..=40).contains(&most)) {
        return wrong("max_num_clusters", &whole["max_num_clusters"], "between 1 and 40");
    }
    if number("min_num_clusters").is_none_or(|least| least < 1 || Some(least) > most.map(|most| most.min(30))) {
        return wrong("min_num_clusters", &whole["min_num_clusters"], "between 1 and min(max_num_clusters, 30)");
    }
    for (member, choices) in CHOICES {
        if let Some(value) = whole.pointer(member).filter(|value| !choices.iter().any(|choice| *value == choice)) {
            return wrong(&member[1..].replace('/', "."), value, &format!("one of {}", choices.join(", ")));
        }
    }
    let is_custom = whole.pointer("/channel/name") == Some(&json!("CHANNEL_NAME_CUSTOM"));
    if is_custom != whole.pointer("/channel/dbsql_version").is_some() {
        return Err(ApiError::invalid("dbsql_version must be set for CHANNEL_NAME_CUSTOM, and for no other channel."));
    }
    let tags = whole.pointer("/tags/custom_tags").and_then(Value::as_array);
    if tags.is_some_and(|tags| tags.len() >= 45) {
        return Err(ApiError::invalid("A warehouse must have fewer than 45 custom tags."));
    }
    if tags.into_iter().flatten().any(|tag| text(tag, "key").is_none() || !tag["value"].is_string()) {
        return Err(ApiError::invalid("Each custom tag must have a key and a value."));
    }
    Ok(())
}

fn create(store: &mut Store, request: &Request) -> Handled {
    let mut warehouse = settings(store, request, None)?;
    let id = Store::scrambled(store.serial());
    let host = request.base.split("://").nth(1).unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    let path = format!("/sql/1.0/warehouses/{id}");
    let own = json!({
        "id": id, "creator_name": request.user, "creator_id": 1_234_567_890_123_456_i64, "auto_resume": true,
        "state": "STOPPED", "num_active_sessions": 0, "num_clusters": 0, "health": { "status": "HEALTHY" },
        "jdbc_url": format!("jdbc:spark://{host}:443/default;transportMode=http;ssl=1;AuthMech=3;httpPath={path};"),
        "odbc_params": { "hostname": host, "path": path, "port": 443, "protocol": "https" },
    });
    warehouse.extend(own.as_object().cloned().unwrap_or_default());
    store.databricks.warehouses.insert(id.clone(), warehouse.into());
    permissions::created(store, &format!("/sql/warehouses/{id}"), &request.user, None)?;
    paging::created(store, "warehouses", &id);
    start(store, &id);
    Ok(json!({ "id": id }))
}

/// Members of an answer that no edit sets.
const OWN: [&str; 10] = [
    "id",
    "creator_name",
    "creator_id",
    "auto_resume",
    "state",
    "num_active_sessions",
    "num_clusters",
    "health",
    "jdbc_url",
    "odbc_params",
];

/// Replaces the settings: what is left out is at its default again, but for the name, and a creator that is sent is
/// passed over (databricks/cli `libs/testserver/sql_warehouses.go` and its rule for `creator_name`). It starts the warehouse
/// (databricks/cli#5864).
fn edit(store: &mut Store, request: &Request, id: &str) -> Handled {
    let before = find(store, id)?.clone();
    let mut warehouse = settings(store, request, Some(id))?;
    for member in OWN {
        if let Some(value) = before.get(member) {
            warehouse.insert(member.to_owned(), value.clone());
        }
    }
    store.databricks.warehouses.insert(id.to_owned(), warehouse.into());
    start(store, id);
    Ok(json!({}))
}

fn delete(store: &mut Store, id: &str) -> Handled {
    find(store, id)?;
    store.databricks.warehouses.remove(id);
    store.databricks.warehouse_since.remove(id);
    store.databricks.permissions.remove(&format!("/sql/warehouses/{id}"));
    statements::warehouse_ended(store, id);
    Ok(json!({}))
}

/// Puts a warehouse into a state, as of a time.
fn enter(store: &mut Store, id: &str, state: &str, since: i64) {
    if let Some(warehouse) = store.databricks.warehouses.get_mut(id) {
        warehouse["state"] = json!(state);
        let least = warehouse["min_num_clusters"].as_i64().unwrap_or(1);
        warehouse["num_clusters"] = json!(if state == "RUNNING" { least } else { 0 });
        if state == "RUNNING" {
            warehouse["health"] = json!({ "status": "HEALTHY" });
        }
        store.databricks.warehouse_since.insert(id.to_owned(), since);
    }
}

fn state_of<'a>(store: &'a Store, id: &str) -> &'a str {
    store.databricks.warehouses.get(id).and_then(|w| w["state"].as_str()).unwrap_or_default()
}

/// Starts a warehouse; one that runs already goes on.
fn start(store: &mut Store, id: &str) {
    if ["RUNNING", "STARTING"].contains(&state_of(store, id)) {
        return;
    }
    enter(store, id, "STARTING", store.now());
    let starts = store.settings.warehouses_start;
    if let Some(warehouse) = store.databricks.warehouses.get_mut(id) {
        warehouse["health"] = if starts {
            json!({ "status": "HEALTHY" })
        } else {
            // The words of terraform-provider-databricks#4496.
            let summary = "Clusters are failing to launch. Cluster launch will be retried.";
            json!({ "status": "FAILED", "summary": summary })
        };
    }
}

fn stop(store: &mut Store, id: &str) {
    if ["RUNNING", "STARTING"].contains(&state_of(store, id)) {
        enter(store, id, "STOPPING", store.now());
    }
    statements::warehouse_ended(store, id);
}

/// Lets a warehouse come into the state that it is on its way to; answers whether it was on its way to one.
fn arrive(store: &mut Store, id: &str, at: i64) -> bool {
    match state_of(store, id) {
        "STARTING" if store.settings.warehouses_start => enter(store, id, "RUNNING", at),
        "STOPPING" => enter(store, id, "STOPPED", at),
        _ => return false,
    }
    true
}

/// Sees to it that a warehouse runs, or will; answers whether a statement has to wait for it.
pub fn wake(store: &mut Store, id: &str) -> bool {
    let now = store.now();
    if state_of(store, id) == "RUNNING" {
        store.databricks.warehouse_since.insert(id.to_owned(), now);
        return false;
    }
    start(store, id);
    if store.settings.warehouse_seconds.is_none() {
        arrive(store, id, now);
    }
    true
}

/// Moves every warehouse to where the clock says it is, where `warehouse_seconds` says that it does: it starts and stops,
/// and one that nobody uses stops after its `auto_stop_mins`.
pub fn tick(store: &mut Store) {
    let Some(seconds) = store.settings.warehouse_seconds else { return };
    let now = store.now();
    let ids: Vec<String> = store.databricks.warehouses.keys().cloned().collect();
    for id in ids {
        let since = *store.databricks.warehouse_since.entry(id.clone()).or_insert(now);
        let due = since.saturating_add(seconds.saturating_mul(1000));
        if now >= due {
            arrive(store, &id, due);
        }
        let minutes = store.databricks.warehouses.get(&id).and_then(|w| w["auto_stop_mins"].as_i64()).unwrap_or(0);
        let used = store.databricks.warehouse_since.get(&id).copied().unwrap_or(now);
        let is_idle = now >= used.saturating_add(minutes.saturating_mul(60_000)) && !statements::is_used(store, &id);
        if minutes > 0 && is_idle && state_of(store, &id) == "RUNNING" {
            enter(store, &id, "STOPPED", now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use super::*;
    use crate::store::Clock;

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/2.0/sql/warehouses{path}"), "me@example.com", body))
    }

    fn made(store: &mut Store, body: Value) -> String {
        ask(store, "POST", "", body).unwrap()["id"].as_str().unwrap().to_owned()
    }

    fn refused(store: &mut Store, path: &str, body: Value) -> String {
        let error = ask(store, "POST", path, body.clone()).expect_err(&body.to_string());
        assert_eq!((error.status, &error.body["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{body}");
        error.body["message"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_warehouse_is_listed_changed_stopped_and_deleted() {
        let mut store = Store::new(Clock::Fixed(0));
        assert_eq!(ask(&mut store, "GET", "", Value::Null).unwrap(), json!({}));
        let id = made(&mut store, json!({ "name": "w", "cluster_size": "Small" }));
        let listed = ask(&mut store, "GET", "", Value::Null).unwrap();
        let row = &listed["warehouses"][0];
        assert_eq!((&row["name"], &row["id"], &row["state"]), (&json!("w"), &json!(id), &json!("STARTING")));
        assert_eq!(ask(&mut store, "GET", &format!("/{id}"), Value::Null).unwrap()["state"], "RUNNING");
        ask(&mut store, "POST", &format!("/{id}/edit"), json!({ "name": "v", "auto_stop_mins": 10 })).unwrap();
        ask(&mut store, "POST", &format!("/{id}/stop"), Value::Null).unwrap();
        assert_eq!(store.databricks.warehouses[&id]["state"], "STOPPING");
        let seen = ask(&mut store, "GET", &format!("/{id}"), Value::Null).unwrap();
        assert_eq!(
            (&seen["name"], &seen["auto_stop_mins"], &seen["state"], &seen["num_clusters"]),
            (&json!("v"), &json!(10), &json!("STOPPED"), &json!(0))
        );
        ask(&mut store, "DELETE", &format!("/{id}"), Value::Null).unwrap();
        assert_eq!(ask(&mut store, "GET", &format!("/{id}"), Value::Null).unwrap_err().status, 404);
        assert!(store.databricks.permissions.is_empty() && store.databricks.warehouse_since.is_empty());
        assert_eq!(ask(&mut store, "POST", "", json!({})).unwrap_err().status, 400);
    }

    #[test]
    fn what_is_left_out_is_filled_in_and_reset_by_an_edit() {
        let mut store = Store::new(Clock::Fixed(0));
        let tags = json!({ "custom_tags": [{ "key": "team", "value": "data" }] });
        let id = made(
            &mut store,
            json!({
                "name": "w", "cluster_size": "Large", "auto_stop_mins": 20, "min_num_clusters": 2, "tags": tags,
                "channel": { "name": "CHANNEL_NAME_PREVIEW" }, "creator_name": "x", "nonsense": 1,
            }),
        );
        let seen = ask(&mut store, "GET", &format!("/{id}"), Value::Null).unwrap();
        assert_eq!((&seen["max_num_clusters"], &seen["num_clusters"], &seen["tags"]), (&json!(2), &json!(2), &tags));
        assert_eq!((&seen["creator_name"], seen.get("nonsense")), (&json!("me@example.com"), None));
        assert_eq!(
            (&seen["warehouse_type"], &seen["spot_instance_policy"]),
            (&json!("CLASSIC"), &json!("COST_OPTIMIZED"))
        );
        ask(&mut store, "POST", &format!("/{id}/stop"), Value::Null).unwrap();
        ask(&mut store, "GET", &format!("/{id}"), Value::Null).unwrap();
        ask(
            &mut store,
            "POST",
            &format!("/{id}/edit"),
            json!({ "enable_serverless_compute": true, "creator_name": "x" }),
        )
        .unwrap();
        assert_eq!(store.databricks.warehouses[&id]["state"], "STARTING", "an edit starts it");
        let seen = ask(&mut store, "GET", &format!("/{id}"), Value::Null).unwrap();
        assert_eq!(
            (&seen["name"], &seen["warehouse_type"], &seen["auto_stop_mins"]),
            (&json!("w"), &json!("PRO"), &json!(10))
        );
        assert_eq!((seen.get("tags"), seen.get("channel"), &seen["max_num_clusters"]), (None, None, &json!(1)));
        assert_eq!((&seen["creator_name"], &seen["id"]), (&json!("me@example.com"), &json!(id)));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_member() {
        let mut store = Store::new(Clock::Fixed(0));
        let first = made(&mut store, json!({ "name": "taken" }));
        let second = made(&mut store, json!({ "name": "other" }));
        for (path, name) in [(String::new(), "taken"), (format!("/{second}/edit"), "taken")] {
            let said = refused(&mut store, &path, json!({ "name": name }));
            assert_eq!(said, "SQL warehouse with name `taken` already exists");
        }
        ask(&mut store, "POST", &format!("/{first}/edit"), json!({ "name": "taken" })).unwrap();
        let said = refused(&mut store, "", json!({ "name": "w", "auto_stop_mins": 1 }));
        assert_eq!(said, "1 is not a valid value for auto_stop_mins. The value must be greater than or equal to 10.");
        let classic = json!({ "name": "w", "enable_serverless_compute": true, "warehouse_type": "CLASSIC" });
        assert!(refused(&mut store, "", classic).contains("Serverless is only available for PRO"));
        for (member, body) in [
            ("cluster_size", json!({ "cluster_size": "Tiny" })),
            ("max_num_clusters", json!({ "max_num_clusters": 41 })),
            ("min_num_clusters", json!({ "min_num_clusters": 3, "max_num_clusters": 2 })),
            ("min_num_clusters", json!({ "min_num_clusters": 31, "max_num_clusters": 40 })),
            ("max_num_clusters", json!({ "min_num_clusters": 0 })),
            ("auto_stop_mins", json!({ "auto_stop_mins": -1, "enable_serverless_compute": true })),
            ("warehouse_type", json!({ "warehouse_type": "SERVERLESS" })),
            ("channel.name", json!({ "channel": { "name": "CURRENT" } })),
            ("dbsql_version", json!({ "channel": { "name": "CHANNEL_NAME_CUSTOM" } })),
            ("custom tag", json!({ "tags": { "custom_tags": [{ "key": "", "value": "v" }] } })),
        ] {
            let mut body = body;
            body["name"] = json!("w");
            let said = refused(&mut store, "", body);
            assert!(said.contains(member), "{member}: {said}");
        }
        for minutes in [0, 1, 5] {
            let name = format!("serverless-{minutes}");
            made(&mut store, json!({ "name": name, "enable_serverless_compute": true, "auto_stop_mins": minutes }));
        }
        made(&mut store, json!({ "name": "always", "auto_stop_mins": 0 }));
    }

    #[test]
    fn a_listing_comes_in_pages_where_they_are_asked_for() {
        let mut store = Store::new(Clock::Fixed(0));
        for n in 0..5 {
            made(&mut store, json!({ "name": format!("w{n}") }));
        }
        let (mut token, mut seen, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let page = ask(&mut store, "GET", &format!("?page_size=2&page_token={token}"), Value::Null).unwrap();
            seen.extend(page["warehouses"].as_array().unwrap().iter().map(|w| w["name"].as_str().unwrap().to_owned()));
            pages += 1;
            match page["next_page_token"].as_str() {
                Some(next) => token = next.to_owned(),
                None => break,
            }
        }
        seen.sort();
        assert_eq!((pages, seen), (3, (0..5).map(|n| format!("w{n}")).collect::<Vec<_>>()));
        let all = ask(&mut store, "GET", "", Value::Null).unwrap();
        assert_eq!((all["warehouses"].as_array().unwrap().len(), all.get("next_page_token")), (5, None));
        assert!(ask(&mut store, "GET", "?page_size=2&page_token=x", Value::Null).is_err());
    }

    #[test]
    fn the_clock_starts_and_stops_it_where_the_settings_say_so() {
        let mut store = Store::new(Clock::Fixed(0));
        store.settings.warehouse_seconds = Some(60);
        let id = made(&mut store, json!({ "name": "w", "auto_stop_mins": 10 }));
        let state = |store: &mut Store| {
            ask(store, "GET", &format!("/{id}"), Value::Null).unwrap()["state"].as_str().unwrap().to_owned()
        };
        assert_eq!((state(&mut store), state(&mut store)), ("STARTING".to_owned(), "STARTING".to_owned()));
        store.advance(60);
        assert_eq!(state(&mut store), "RUNNING");
        store.advance(9 * 60);
        assert_eq!(state(&mut store), "RUNNING");
        store.advance(60);
        assert_eq!(state(&mut store), "STOPPED", "nobody used it for ten minutes");
        ask(&mut store, "POST", &format!("/{id}/start"), Value::Null).unwrap();
        store.advance(60);
        assert_eq!(state(&mut store), "RUNNING");
        ask(&mut store, "POST", &format!("/{id}/stop"), Value::Null).unwrap();
        assert_eq!(state(&mut store), "STOPPING");
        store.advance(60);
        assert_eq!(state(&mut store), "STOPPED");
    }
}
