//! Clusters go through their states.

use super::super::route;
use crate::{
    errors::Handled,
    request::Request,
    store::{Clock, Store},
};
use serde_json::{Value, json};

fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
    route(store, &Request::internal(method, &format!("/api/2.1/clusters/{path}"), "me@example.com", body))
}

fn make(store: &mut Store, extra: Value) -> Value {
    let mut body = json!({ "cluster_name": "c", "spark_version": "16.4.x-scala2.12", "node_type_id": "r6id.xlarge", "num_workers": 2 });
    for (name, value) in extra.as_object().unwrap() {
        body[name] = value.clone();
    }
    json!({ "cluster_id": ask(store, "POST", "create", body).unwrap()["cluster_id"] })
}

fn state(store: &mut Store, id: &Value) -> String {
    let path = format!("get?cluster_id={}", id["cluster_id"].as_str().unwrap());
    ask(store, "GET", &path, Value::Null).unwrap()["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_cluster_goes_through_its_states() {
    let mut store = Store::new(Clock::Fixed(0));
    store.settings.cluster_seconds = Some(60);
    let id = make(&mut store, json!({}));
    assert_eq!(state(&mut store, &id), "PENDING");
    let mut edited = id.clone();
    edited["spark_version"] = json!("x");
    assert_eq!(ask(&mut store, "POST", "edit", edited).unwrap_err().body["error_code"], "INVALID_STATE");
    store.advance(60);
    assert_eq!(state(&mut store, &id), "RUNNING");
    for (verb, passing, end) in
        [("restart", "RESTARTING", "RUNNING"), ("delete", "TERMINATING", "TERMINATED"), ("start", "PENDING", "RUNNING")]
    {
        ask(&mut store, "POST", verb, id.clone()).unwrap();
        assert_eq!(state(&mut store, &id), passing);
        store.advance(60);
        assert_eq!(state(&mut store, &id), end);
    }
    let mut resize = id.clone();
    resize["autoscale"] = json!({ "min_workers": 1, "max_workers": 4 });
    ask(&mut store, "POST", "resize", resize.clone()).unwrap();
    assert_eq!(state(&mut store, &id), "RESIZING");
    assert_eq!(ask(&mut store, "POST", "resize", resize).unwrap_err().body["message"], "Cluster is not running");
}

#[test]
fn without_a_count_of_time_the_first_get_finds_it_running() {
    let mut store = Store::new(Clock::Fixed(0));
    let id = make(&mut store, json!({ "apply_policy_default_values": true, "data_security_mode": "SINGLE_USER" }));
    let path = format!("get?cluster_id={}", id["cluster_id"].as_str().unwrap());
    let seen = ask(&mut store, "GET", &path, Value::Null).unwrap();
    assert_eq!(seen["state"], "RUNNING");
    assert_eq!(
        (&seen["single_user_name"], &seen["driver_node_type_id"]),
        (&json!("me@example.com"), &json!("r6id.xlarge"))
    );
    assert!(seen.get("apply_policy_default_values").is_none());
    assert_eq!(seen["spec"]["apply_policy_default_values"], true);
    assert_eq!(seen["aws_attributes"]["availability"], "SPOT_WITH_FALLBACK");
}

#[test]
fn a_pinned_cluster_is_not_deleted_for_good() {
    let mut store = Store::new(Clock::Fixed(0));
    let id = make(&mut store, json!({}));
    ask(&mut store, "POST", "pin", id.clone()).unwrap();
    let pinned = ask(&mut store, "GET", "list?filter_by.is_pinned=true", Value::Null).unwrap();
    assert_eq!(pinned["clusters"].as_array().unwrap().len(), 1);
    let error = ask(&mut store, "POST", "permanent-delete", id.clone()).unwrap_err();
    assert!(error.body["message"].as_str().unwrap().contains("unpin the cluster first"));
    ask(&mut store, "POST", "unpin", id.clone()).unwrap();
    ask(&mut store, "POST", "permanent-delete", id.clone()).unwrap();
    let error = ask(&mut store, "POST", "start", id).unwrap_err();
    assert!(error.body["message"].as_str().unwrap().contains("does not exist"));
}

#[test]
fn idle_clusters_end_and_are_forgotten_after_a_month() {
    let mut store = Store::new(Clock::Fixed(0));
    let id = make(&mut store, json!({ "autotermination_minutes": 10 }));
    assert_eq!(state(&mut store, &id), "RUNNING");
    store.advance(600);
    assert_eq!(state(&mut store, &id), "TERMINATED");
    store.advance(31 * 24 * 3600);
    let path = format!("get?cluster_id={}", id["cluster_id"].as_str().unwrap());
    let error = ask(&mut store, "GET", &path, Value::Null).unwrap_err();
    assert!(error.body["message"].as_str().unwrap().contains("more than 30 days ago"));
    assert!(ask(&mut store, "GET", "list", Value::Null).unwrap().get("clusters").is_none());
}
