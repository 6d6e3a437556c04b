//! What the schema of a DAG cannot say, for random ones (see [`crate::specs`]).

use crate::specs::{elements, number, only_one, remove};
use serde_json::{Value, json};

/// Makes a DAG valid.
pub fn mend(spec: &mut Value) {
    // One of others cannot be made.
    remove(spec, "source");
    if let Some(tags) = spec.get_mut("tags").and_then(Value::as_array_mut) {
        tags.retain(|tag| tag != "" && tag != "plumb");
    }
    schedule(spec);
    match spec.get("deadline").is_some_and(Value::is_string) {
        true if spec.get("deadline_callback").is_some_and(Value::is_object) => {
            spec["deadline_callback"]["path"] = json!("asyncio.sleep");
        }
        _ => remove(spec, "deadline_callback"),
    }
    for member in ["max_active_runs", "max_active_tasks"] {
        at_least_one(spec, member);
    }
    if let Some(defaults) = spec.get_mut("defaults").filter(|d| d.is_object()) {
        of_tasks(defaults);
    }
    tasks(spec);
    notify(spec);
}

/// Somebody is named, whom Python and a mail server could reach; and there is something to tell.
fn notify(spec: &mut Value) {
    if spec.get("onFailure").is_none_or(|told| !told.is_string()) {
        return remove(spec, "notify");
    }
    let Some(notify) = spec.get_mut("notify").filter(|n| n.is_object()) else { return };
    for (n, address) in elements(notify, "email").iter_mut().enumerate() {
        *address = json!(format!("a{n}@example.com"));
    }
    for callback in elements(notify, "callbacks") {
        callback["path"] = json!("company.alerts.page");
        if let Some(arguments) = callback.get_mut("arguments").filter(|a| a.is_object()) {
            *arguments = json!({ "team": arguments });
        }
    }
    for member in ["email", "callbacks"] {
        if elements(notify, member).is_empty() {
            remove(notify, member);
        }
    }
    if elements(notify, "email").is_empty() && elements(notify, "callbacks").is_empty() {
        remove(spec, "notify");
    }
}

fn schedule(spec: &mut Value) {
    let Some(schedule) = spec.get_mut("schedule").filter(|s| s.is_object()) else { return };
    only_one(schedule, &["cron", "assets"]);
    let by_clock = schedule["cron"].is_string();
    if by_clock {
        remove(schedule, "when");
        spec["start_date"] = json!("2024-05-01");
    } else if schedule["assets"].as_array().is_some_and(|assets| !assets.is_empty()) {
        remove(schedule, "data_interval");
    } else {
        remove(spec, "schedule");
    }
}

fn at_least_one(value: &mut Value, member: &str) {
    if value[member] == 0 {
        value[member] = json!(1);
    }
}

/// What tasks and their defaults have in common.
fn of_tasks(value: &mut Value) {
    for (member, text) in [("pool", "default_pool"), ("timeout", "2h")] {
        if value.get(member).is_some_and(Value::is_string) {
            value[member] = json!(text);
        }
    }
    // A task that does not wait cannot repair.
    if value["wait"] == false {
        remove(value, "repair");
    }
    if let Some(repair) = value.get_mut("repair").filter(|r| r.is_object()) {
        repair["maxRepairs"] = json!(repair["maxRepairs"].as_i64().unwrap_or(0).rem_euclid(10) + 1);
    }
}

fn tasks(spec: &mut Value) {
    if elements(spec, "tasks").is_empty() {
        spec["tasks"] = json!([{}]);
    }
    let ids = number(spec, "tasks", "id");
    for (i, task) in elements(spec, "tasks").iter_mut().enumerate() {
        of_tasks(task);
        at_least_one(task, "pool_slots");
        only_one(task, &["run", "job"]);
        match task.get("run").is_some_and(Value::is_string) {
            true => task["run"] = json!("123"),
            false if task["job"].as_str().is_none_or(str::is_empty) => task["job"] = json!("x"),
            false => {}
        }
        // Only what comes earlier: so there is no circle.
        if let Some(after) = task.get_mut("after").and_then(Value::as_array_mut) {
            for (n, before) in after.iter_mut().enumerate() {
                *before = json!(ids[..i].get(n));
            }
            after.retain(Value::is_string);
        }
        if let Some(params) = task.get_mut("params").and_then(Value::as_object_mut)
            && params.get("job_parameters").is_some_and(Value::is_object)
        {
            params.retain(|name, _| name == "job_parameters");
        }
    }
}
