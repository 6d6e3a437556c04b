//! Server-side defaults: members that the workspace adds to a spec, changes, or accepts and never returns.

use super::{set, text};
use serde_json::{Map, Value, json};

/// Calls `f` on every task, those inside `for_each_task` included.
pub fn each_task(settings: &mut Value, f: &mut dyn FnMut(&mut Value)) {
    for task in settings.get_mut("tasks").and_then(Value::as_array_mut).into_iter().flatten() {
        f(task);
        if let Some(inner) = task.pointer_mut("/for_each_task/task").filter(|t| t.is_object()) {
            f(inner);
        }
    }
}

/// Calls `f` on every cluster that the job describes.
pub fn each_new_cluster(settings: &mut Value, f: &mut dyn FnMut(&mut Value)) {
    for shared in settings.get_mut("job_clusters").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(spec) = shared.get_mut("new_cluster").filter(|s| s.is_object()) {
            f(spec);
        }
    }
    each_task(settings, &mut |task| {
        if let Some(spec) = task.get_mut("new_cluster").filter(|s| s.is_object()) {
            f(spec);
        }
    });
}

fn or_insert(object: &mut Value, name: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        let unset = map.get(name).is_none_or(Value::is_null);
        if unset {
            map.insert(name.to_owned(), value);
        }
    }
}

fn or_insert_text(object: &mut Value, name: &str, value: &str) {
    if text(object, name).is_none()
        && let Some(map) = object.as_object_mut()
    {
        map.insert(name.to_owned(), json!(value));
    }
}

/// Fills in a job's settings as create and reset do.
///
/// Source unless said otherwise: databricks/cli `libs/testserver/jobs.go`, checked there against a real workspace.
pub fn job(settings: &mut Value, version: &str) {
    // Sent as null is the same as not sent (proto3's JSON form).
    drop_nulls(settings);
    or_insert(settings, "name", json!("Untitled"));
    or_insert(settings, "email_notifications", json!({}));
    or_insert(settings, "webhook_notifications", json!({}));
    or_insert(settings, "timeout_seconds", json!(0));
    // The cloud does these three; the test server relies on its client to send them.
    or_insert_text(settings, "format", "MULTI_TASK");
    or_insert(settings, "max_concurrent_runs", json!(1));
    // API 2.2 turns queueing on when unset (Terraform provider, jobs/resource_job.go).
    if version == "2.2" {
        or_insert(settings, "queue", json!({ "enabled": true }));
    }
    for when in ["schedule", "trigger", "continuous"] {
        if let Some(inner) = settings.get_mut(when).filter(|v| v.is_object()) {
            or_insert_text(inner, "pause_status", "UNPAUSED");
        }
    }
    // `table_update.condition` is accepted and forgotten (databricks/cli#6315).
    if let Some(update) = settings.pointer_mut("/trigger/table_update").and_then(Value::as_object_mut) {
        update.remove("condition");
    }
    each_task(settings, &mut |task| {
        or_insert(task, "email_notifications", json!({}));
        or_insert_text(task, "run_if", "ALL_SUCCESS");
        or_insert(task, "timeout_seconds", json!(0));
        if let Some(deps) = task.get_mut("depends_on").and_then(Value::as_array_mut) {
            deps.sort_by(|a, b| text(a, "task_key").cmp(&text(b, "task_key")));
        }
    });
    each_new_cluster(settings, &mut |spec| {
        job_cluster(spec);
    });
}

fn job_cluster(spec: &mut Value) {
    cloud_attributes(spec);
    or_insert_text(spec, "data_security_mode", "SINGLE_USER");
    or_insert(spec, "enable_elastic_disk", json!(false));
    forget_write_only(spec);
}

/// Adds the cloud's attributes that were not given.
// An AWS workspace: SPOT_WITH_FALLBACK in the first zone (databricks/cli testserver, seen on a real one).
fn cloud_attributes(spec: &mut Value) {
    if let Some(gcp) = spec.get_mut("gcp_attributes").filter(|v| v.is_object()) {
        or_insert(gcp, "first_on_demand", json!(1));
        or_insert(gcp, "use_preemptible_executors", json!(false));
    } else if let Some(azure) = spec.get_mut("azure_attributes").filter(|v| v.is_object()) {
        // databricks-sdk-py compute.AzureAttributes: "If not specified, the default value is -1".
        or_insert(azure, "spot_bid_max_price", json!(-1.0));
    } else {
        or_insert(spec, "aws_attributes", json!({ "availability": "SPOT_WITH_FALLBACK", "zone_id": "us-east-1c" }));
    }
}

/// Why a cluster spec is refused: it takes its machines from a pool, and names a node type of its own.
// Terraform provider issue 2141, Nike-Inc/brickflow issue 43: the words.
pub fn beside_a_pool(spec: &Value) -> Option<String> {
    text(spec, "instance_pool_id")?;
    let named = ["node_type_id", "driver_node_type_id"].into_iter().find(|name| text(spec, name).is_some())?;
    Some(format!("The field '{named}' cannot be supplied when an instance pool ID is provided."))
}

/// Takes out what is written but never read back.
pub fn forget_write_only(spec: &mut Value) {
    if let Some(map) = spec.as_object_mut() {
        // Only the `.spec` of a cluster shows it (databricks/cli testserver, clusters.go).
        map.remove("apply_policy_default_values");
        map.remove("idempotency_token");
        map.remove("clone_from");
    }
    if let Some(auth) = spec.pointer_mut("/docker_image/basic_auth").and_then(Value::as_object_mut) {
        auth.remove("password");
    }
}

/// Fills in an all-purpose cluster as create and edit do.
///
/// Source: databricks/cli `libs/testserver/clusters.go`.
pub fn cluster(spec: &mut Value, user: &str) {
    drop_nulls(spec);
    cloud_attributes(spec);
    // Terraform provider, clusters: computed; the driver comes from the workers' pool.
    if let Some(pool) = text(spec, "instance_pool_id").map(str::to_owned) {
        or_insert_text(spec, "driver_instance_pool_id", &pool);
    }
    or_insert(spec, "enable_elastic_disk", json!(false));
    if let Some(node) = text(spec, "node_type_id").map(str::to_owned) {
        or_insert_text(spec, "driver_node_type_id", &node);
    }
    access_mode(spec);
    if text(spec, "data_security_mode") == Some("SINGLE_USER") {
        or_insert_text(spec, "single_user_name", user);
    }
    single_node(spec);
    // Neither size given is a cluster without workers (proto3's default number).
    if set(spec, "autoscale").is_none() {
        or_insert(spec, "num_workers", json!(0));
    }
    forget_write_only(spec);
}

/// The newer names of an access mode are aliases: the cluster shows what they resolve to, and only its `spec` what was
/// requested (databricks/terraform-provider-databricks#4909).
fn access_mode(spec: &mut Value) {
    let resolved = match text(spec, "data_security_mode") {
        Some("DATA_SECURITY_MODE_DEDICATED") => "SINGLE_USER",
        Some("DATA_SECURITY_MODE_STANDARD") => "USER_ISOLATION",
        // "The most appropriate access mode depending on your compute configuration" (Clusters API reference). By what the
        // service chooses is unverified: dedicated is what a named user, the machine-learning runtime and GPUs need.
        Some("DATA_SECURITY_MODE_AUTO") => {
            let runtime = text(spec, "spark_version").unwrap_or_default();
            let dedicated = text(spec, "single_user_name").is_some()
                || spec["use_ml_runtime"] == true
                || ["-ml-", "-gpu-"].iter().any(|word| runtime.contains(word));
            if dedicated { "SINGLE_USER" } else { "USER_ISOLATION" }
        }
        _ => return,
    };
    spec["data_security_mode"] = json!(resolved);
}

/// A cluster of one node gets the tag and the Spark properties of one (Clusters API reference, `is_single_node`: "Databricks
/// will automatically set single node related custom_tags, spark_conf, and num_workers").
fn single_node(spec: &mut Value) {
    if spec["is_single_node"] != true {
        return;
    }
    // Unverified: workers that the spec names all the same stay.
    let properties = [("spark.databricks.cluster.profile", "singleNode"), ("spark.master", "local[*, 4]")];
    for (map, name, value) in properties.map(|(n, v)| ("spark_conf", n, v)).into_iter().chain([(
        "custom_tags",
        "ResourceClass",
        "SingleNode",
    )]) {
        if !spec[map].is_object() {
            spec[map] = json!({});
        }
        or_insert_text(&mut spec[map], name, value);
    }
}

/// Adds to a job's settings what only a read shows.
// `source` follows git_source at the time of reading (databricks/cli testserver; databricks/cli#4000).
pub fn job_on_read(settings: &mut Value) {
    let source = if set(settings, "git_source").is_some() { "GIT" } else { "WORKSPACE" };
    each_task(settings, &mut |task| {
        for kind in ["notebook_task", "spark_python_task", "dbt_task"] {
            if let Some(inner) = task.get_mut(kind).filter(|t| t.is_object()) {
                or_insert_text(inner, "source", source);
            }
        }
        if let Some(file) = task.pointer_mut("/sql_task/file").filter(|t| t.is_object()) {
            or_insert_text(file, "source", source);
        }
    });
}

/// Takes members out that are null, at any depth.
pub fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, inner| !inner.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The members of an object that are among these.
pub fn only(object: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    object.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(n, v)| (n.clone(), v.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_comes_back_with_what_the_workspace_fills_in() {
        let mut settings = json!({
            "tasks": [{
                "task_key": "b",
                "depends_on": [{ "task_key": "z" }, { "task_key": "a" }],
                "notebook_task": { "notebook_path": "/n" },
                "for_each_task": { "inputs": "[]", "task": { "task_key": "i", "new_cluster": { "apply_policy_default_values": true } } },
            }],
            "schedule": { "quartz_cron_expression": "0 0 4 * * ?", "timezone_id": "UTC" },
            "trigger": null,
        });
        job(&mut settings, "2.2");
        assert_eq!(settings["queue"], json!({ "enabled": true }));
        assert_eq!(settings["schedule"]["pause_status"], "UNPAUSED");
        assert!(settings.get("trigger").is_none());
        let task = &settings["tasks"][0];
        assert_eq!(task["depends_on"], json!([{ "task_key": "a" }, { "task_key": "z" }]));
        let inner = &task["for_each_task"]["task"];
        assert_eq!(inner["run_if"], "ALL_SUCCESS");
        assert_eq!(inner["new_cluster"]["data_security_mode"], "SINGLE_USER");
        assert!(inner["new_cluster"].get("apply_policy_default_values").is_none());
        assert!(task["notebook_task"].get("source").is_none(), "source is only there on read");
        job_on_read(&mut settings);
        assert_eq!(settings["tasks"][0]["notebook_task"]["source"], "WORKSPACE");
    }

    #[test]
    fn an_access_mode_is_shown_by_the_name_that_it_resolves_to() {
        let shown = |spec: Value| {
            let mut spec = spec;
            cluster(&mut spec, "me");
            (spec["data_security_mode"].clone(), spec.get("single_user_name").cloned())
        };
        let (mine, nobody) = (Some(json!("me")), None);
        let mode = |name: &str| json!({ "data_security_mode": name });
        assert_eq!(shown(mode("DATA_SECURITY_MODE_DEDICATED")), (json!("SINGLE_USER"), mine.clone()));
        assert_eq!(shown(mode("DATA_SECURITY_MODE_STANDARD")), (json!("USER_ISOLATION"), nobody.clone()));
        assert_eq!(shown(mode("DATA_SECURITY_MODE_AUTO")), (json!("USER_ISOLATION"), nobody.clone()));
        let learning =
            json!({ "data_security_mode": "DATA_SECURITY_MODE_AUTO", "spark_version": "15.4.x-cpu-ml-scala2.12" });
        assert_eq!(shown(learning), (json!("SINGLE_USER"), mine));
        assert_eq!(shown(mode("NONE")), (json!("NONE"), nobody));
    }

    #[test]
    fn one_node_has_the_tag_and_the_properties_of_one() {
        let mut spec = json!({ "is_single_node": true, "custom_tags": { "a": "b" } });
        cluster(&mut spec, "me");
        assert_eq!(spec["custom_tags"], json!({ "a": "b", "ResourceClass": "SingleNode" }));
        assert_eq!(spec["spark_conf"]["spark.databricks.cluster.profile"], "singleNode");
        assert_eq!(spec["num_workers"], 0);
    }

    #[test]
    fn queueing_is_not_turned_on_by_the_older_version() {
        let mut settings = json!({});
        job(&mut settings, "2.1");
        assert!(settings.get("queue").is_none());
    }
}
