//! Random valid specs, made from each kind's own schema. What a schema cannot say (a graph of tasks without circles,
//! either-ors, names that have to be there) is mended afterwards.

use plumb_core::kinds::Kind;
use plumb_model::schema::{Field, Rules, Shape};
use proptest::prelude::*;
use proptest::strategy::Union;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What stands for a secret of the environment.
pub const SECRET: &str = "a secret of the environment";

/// Specs of a kind. They are valid, but for the name, which has to differ from that of every other.
pub fn of(kind: &'static dyn Kind) -> BoxedStrategy<Value> {
    let maker = Maker { root: kind.schema() };
    let spec = maker.value(kind.schema(), "", 0);
    spec.prop_map(move |mut spec| {
        mend(kind, &mut spec);
        spec
    })
    .boxed()
}

struct Maker {
    root: &'static Value,
}

/// Types of which exactly one member is set.
const ONE_OF: [&str; 11] = [
    "Library",
    "InitScript",
    "LogDestination",
    "Subscriber",
    "RunAs",
    "Trigger",
    "AnyTrigger",
    "CloneFrom",
    "PipelineLibrary",
    "PipelineTrigger",
    "IngestedObject",
];

impl Maker {
    fn value(&self, schema: &'static Value, name: &str, depth: usize) -> BoxedStrategy<Value> {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.root.pointer(reference.trim_start_matches('#')).unwrap();
            let title = reference.rsplit('/').next().unwrap();
            return match target.get("properties") {
                Some(_) if ONE_OF.contains(&title) => self.one_member(target, depth),
                _ => self.value(target, name, depth),
            };
        }
        if let Some(any) = schema["anyOf"].as_array() {
            let inner = any.iter().find(|s| s["type"] != "null").unwrap();
            return self.value(inner, name, depth);
        }
        if let Some(cases) = schema["oneOf"].as_array() {
            return Union::new(cases.iter().map(|s| self.value(s, name, depth))).boxed();
        }
        if let Some(only) = schema.get("const") {
            return Just(only.clone()).boxed();
        }
        if let Some(values) = schema["enum"].as_array() {
            let values: Vec<Value> = values.iter().filter(|v| !v.is_null()).cloned().collect();
            return proptest::sample::select(values).boxed();
        }
        if schema.get("properties").is_some() {
            return self.object(schema, depth);
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(name) => vec![name.as_str()],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        match types.iter().find(|t| **t != "null") {
            Some(&"object") if schema["additionalProperties"] == false => Just(json!({})).boxed(),
            Some(&"object") => {
                let entry = match &schema["additionalProperties"] {
                    entry @ Value::Object(_) => self.value(entry, "entry", depth + 1),
                    _ => text("entry"),
                };
                proptest::collection::btree_map(key(), entry, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect()))
                    .boxed()
            }
            Some(&"array") => {
                let most = if name == "tasks" { 6 } else { 3 };
                proptest::collection::vec(self.value(&schema["items"], name, depth + 1), 0..=most)
                    .prop_map(Value::Array)
                    .boxed()
            }
            Some(&"boolean") => any::<bool>().prop_map(Value::from).boxed(),
            Some(&"integer") => {
                proptest::sample::select(vec![0, 1, 2, 3, 7, 10, 60, 100, 600]).prop_map(Value::from).boxed()
            }
            Some(&"number") => proptest::sample::select(vec![-1.0, 0.0, 0.5, 8.0]).prop_map(Value::from).boxed(),
            _ => text(name),
        }
    }

    fn object(&self, schema: &'static Value, depth: usize) -> BoxedStrategy<Value> {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut members = Vec::new();
        for (name, inner) in schema["properties"].as_object().unwrap() {
            // A loop runs a task, which is no loop.
            if name == "for_each_task" && depth > 2 {
                continue;
            }
            let name = name.clone();
            let value = self.value(inner, &name, depth + 1);
            let member = if required.contains(&name.as_str()) {
                value.prop_map(Some).boxed()
            } else {
                let often = if depth == 0 { 40 } else { 20 };
                prop_oneof![
                    (100 - often) => Just(None),
                    often => value.prop_map(Some),
                    1 => Just(Some(Value::Null)),
                ]
                .boxed()
            };
            members.push(member.prop_map(move |value| value.map(|v| (name.clone(), v))).boxed());
        }
        members.prop_map(|members| Value::Object(members.into_iter().flatten().collect())).boxed()
    }

    fn one_member(&self, schema: &'static Value, depth: usize) -> BoxedStrategy<Value> {
        let members = schema["properties"].as_object().unwrap();
        let names: Vec<&String> = members.keys().filter(|k| *k != "pause_status").collect();
        let cases = names.into_iter().map(|name| {
            let (name, value) = (name.clone(), self.value(&members[name], name, depth + 1));
            value.prop_map(move |value| json!({ name.clone(): value })).boxed()
        });
        Union::new(cases).boxed()
    }
}

fn key() -> BoxedStrategy<String> {
    prop_oneof![
        6 => "[a-z][a-z0-9_]{0,6}",
        2 => "[a-z]{1,4}\\.[a-z]{1,4}\\.[A-Z]{1,3}",
        1 => Just("with space/and:more".to_owned()),
        1 => Just("ключ".to_owned()),
        1 => Just("spark.master".to_owned()),
        1 => Just("db_password".to_owned()),
    ]
    .boxed()
}

fn text(name: &str) -> BoxedStrategy<Value> {
    let fixed: Option<&[&str]> = match name {
        "quartz_cron_expression" | "quartz_cron_schedule" => {
            Some(&["0 0 4 * * ?", "0 30 6 2 * ?", "0 0/15 8-18 ? * MON-FRI"])
        }
        "timezone_id" => Some(&["UTC", "Europe/London", "America/New_York", "Asia/Kolkata"]),
        "user_name" => Some(&["a@example.com", "B.C@Example.com", "someone.else@example.com"]),
        // An application id.
        "service_principal_name" => Some(&["7A5D3B9C-0000-4000-8000-0123456789AB"]),
        "cron" => Some(&["0 4 2 * *", "*/15 9-17 * * MON-FRI", "@daily", "@once"]),
        "timezone" => Some(&["UTC", "Europe/London", "America/New_York"]),
        "start_date" => Some(&["2024-05-01", "2024-04-01T06:30"]),
        "end_date" => Some(&["2034-05-01", "2024-04-02"]),
        "dagrun_timeout" | "deadline" | "retry_delay" | "max_retry_delay" | "poll" => Some(&["45s", "10m", "1d2h"]),
        "assets" | "outlets" => Some(&["s3://lake/a", "s3://lake/b?c=d#e", "x"]),
        // What is relative has nothing that it could start from.
        "notebook_path"
        | "python_file"
        | "path"
        | "project_directory"
        | "training_script_path"
        | "egg"
        | "jar"
        | "requirements"
        | "whl"
        | "java_dependencies" => Some(&["/Workspace/a b", "dbfs:/x/Ünï", "s3://b/k", "{{job.parameters.path}}"]),
        "outcome" => Some(&["true", "false"]),
        "zone_id" => Some(&["auto", "us-east-1a", "HA"]),
        "data_security_mode" => Some(&["SINGLE_USER", "USER_ISOLATION"]),
        _ => None,
    };
    if let Some(values) = fixed {
        return proptest::sample::select(values).prop_map(Value::from).boxed();
    }
    prop_oneof![
        8 => "[a-z][a-z0-9-]{0,8}",
        1 => "[ -~]{1,12}",
        1 => "\\PC{1,8}",
        1 => Just(String::new()),
        1 => proptest::sample::select(vec![
            "007", "true", "null", "~", "1e3", "2024-05-01", " leading", "trailing ", "two\nlines\n", "${not.ours}",
            "{{secrets/scope/key}}", "{{job.parameters.month}}", "#no comment", "- x", "a: b", "Ünï", "'\"",
        ]).prop_map(str::to_owned),
    ]
    .prop_map(Value::from)
    .boxed()
}

/// Makes a spec valid where its schema could not.
fn mend(kind: &'static dyn Kind, spec: &mut Value) {
    let rules = kind.rules();
    required_texts(kind.schema(), kind.schema(), spec);
    match kind.name() {
        "DatabricksJob" => job(spec),
        "DatabricksCluster" => {
            if spec["autotermination_minutes"].as_i64().is_some_and(|m| m < 10) {
                spec["autotermination_minutes"] = json!(10);
            }
            cluster(spec);
            if spec.get("instance_pool_id").is_none() {
                spec["node_type_id"] = json!("i3.xlarge");
            }
        }
        "DatabricksPipeline" => pipeline(spec),
        "DatabricksSqlWarehouse" => warehouse(spec),
        "AirflowConnection" => {
            remove(spec, "team_name");
            plain_secrets(spec);
        }
        "AirflowVariable" => {
            remove(spec, "team_name");
            // A value is anything that JSON can say.
            let text = spec["value"].clone();
            let kind = spec["value"].as_str().map_or(0, str::len) % 5;
            spec["value"] = match kind {
                0 => json!({ "text": text, "list": [1, 2.5, null, {}, []], "db_password": "x" }),
                1 => json!(kind),
                2 => json!([text, true]),
                _ => text,
            };
            plain_secrets(spec);
        }
        "AirflowPool" => remove(spec, "team_name"),
        "AirflowDag" => crate::dags::mend(spec),
        other => panic!("say here what the schema of {other} cannot"),
    }
    grants(spec);
    unique(rules, &rules.root, spec);
}

/// Writes secrets as what they have to be.
fn plain_secrets(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map.iter_mut() {
                match inner {
                    Value::String(text) if name.contains("password") && !text.is_empty() => *inner = json!(SECRET),
                    other => plain_secrets(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain_secrets),
        _ => {}
    }
}

/// A required text is never empty.
fn required_texts(root: &Value, schema: &Value, value: &mut Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        return required_texts(root, root.pointer(reference.trim_start_matches('#')).unwrap(), value);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        if let Some(inner) = any.iter().find(|s| s["type"] != "null") {
            required_texts(root, inner, value);
        }
        return;
    }
    match value {
        Value::Object(map) => {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if map.get(name).and_then(Value::as_str).is_some_and(str::is_empty) {
                    map.insert(name.to_owned(), json!("x"));
                }
            }
            for (name, inner) in map.iter_mut() {
                let known = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
                required_texts(root, known, inner);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| required_texts(root, &schema["items"], item)),
        _ => {}
    }
}

/// Takes out all but the first of some members that are set.
pub fn only_one(value: &mut Value, members: &[&str]) {
    let Some(map) = value.as_object_mut() else { return };
    let mut found = false;
    for member in members {
        if map.get(*member).is_some_and(|v| !v.is_null()) && std::mem::replace(&mut found, true) {
            map.remove(*member);
        }
    }
}

pub fn remove(value: &mut Value, member: &str) {
    value.as_object_mut().map(|map| map.remove(member));
}

pub fn elements<'v>(value: &'v mut Value, member: &str) -> &'v mut [Value] {
    value.get_mut(member).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

/// Numbers the elements of a list, and answers their keys.
pub fn number(value: &mut Value, list: &str, key: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for (i, element) in elements(value, list).iter_mut().enumerate() {
        let name = format!("{}{i}", &key[..1]);
        element[key] = json!(name);
        keys.push(name);
    }
    keys
}

fn job(spec: &mut Value) {
    only_one(spec, &["schedule", "trigger", "triggers", "continuous"]);
    if spec.get("triggers") == Some(&json!([])) {
        remove(spec, "triggers");
    }
    if let Some(git) = spec.get_mut("git_source").filter(|g| g.is_object()) {
        only_one(git, &["git_branch", "git_tag", "git_commit"]);
    }
    let clusters = number(spec, "job_clusters", "job_cluster_key");
    let environments = number(spec, "environments", "environment_key");
    let variables = number(spec, "environment_variables", "environment_variables_key");
    number(spec, "parameters", "name");
    for shared in elements(spec, "job_clusters") {
        if let Some(new) = shared.get_mut("new_cluster") {
            cluster(new);
        }
    }
    let keys = number(spec, "tasks", "task_key");
    for (i, one) in elements(spec, "tasks").iter_mut().enumerate() {
        // Only what comes earlier: so there is no circle.
        let mut used = BTreeSet::new();
        if let Some(list) = one.get_mut("depends_on").and_then(Value::as_array_mut) {
            list.retain_mut(|dependency| {
                let Some(earlier) = keys[..i].get(dependency.to_string().len() % i.max(1)) else { return false };
                dependency["task_key"] = json!(earlier);
                used.insert(earlier.clone())
            });
        }
        task(one, &clusters, &environments, &variables);
        if let Some(inner) = one.pointer_mut("/for_each_task/task") {
            inner["task_key"] = json!("inner");
            remove(inner, "depends_on");
            task(inner, &clusters, &environments, &variables);
        }
    }
}

fn task(task: &mut Value, clusters: &[String], environments: &[String], variables: &[String]) {
    let Some(map) = task.as_object_mut() else { return };
    // Which of several is kept has to change with the task, or the first would always win.
    let does: Vec<String> =
        map.iter().filter(|(k, v)| k.ends_with("_task") && !v.is_null()).map(|(k, _)| k.clone()).collect();
    let kept = does.get(map.len() % does.len().max(1)).cloned();
    map.retain(|k, _| !k.ends_with("_task") || Some(k) == kept.as_ref());
    if kept.is_none() {
        map.insert("notebook_task".into(), json!({ "notebook_path": "/n" }));
    }
    if let Some(sql) = task.get_mut("sql_task") {
        only_one(sql, &["alert", "dashboard", "file", "query"]);
    }
    for (member, known) in
        [("job_cluster_key", clusters), ("environment_key", environments), ("environment_variables_key", variables)]
    {
        if task.get(member).is_some() {
            match known.first() {
                Some(name) => task[member] = json!(name),
                None => remove(task, member),
            }
        }
    }
    only_one(task, &["existing_cluster_id", "job_cluster_key", "new_cluster"]);
    if let Some(new) = task.get_mut("new_cluster") {
        cluster(new);
    }
}

fn cluster(new: &mut Value) {
    only_one(new, &["autoscale", "num_workers"]);
    // Of one node the service fills it in, and takes an empty one for none.
    if new.pointer("/spark_conf/spark.master").is_some_and(|master| master == "") {
        new["spark_conf"]["spark.master"] = json!("local[*]");
    }
    if let Some(scale) = new.get_mut("autoscale").filter(|s| s.is_object()) {
        let least = scale["min_workers"].as_i64().unwrap_or(0);
        scale["max_workers"] = json!(least + scale["max_workers"].as_i64().unwrap_or(0));
    }
    if new["autotermination_minutes"].as_i64().is_some_and(|m| m < 10) {
        remove(new, "autotermination_minutes");
    }
    if new.get("instance_pool_id").is_some_and(|p| p.as_str().is_some_and(|p| !p.is_empty())) {
        remove(new, "node_type_id");
        remove(new, "driver_node_type_id");
    } else {
        remove(new, "instance_pool_id");
    }
}

fn warehouse(spec: &mut Value) {
    let is_serverless = spec["enable_serverless_compute"] == true;
    if spec["auto_stop_mins"].as_i64().is_some_and(|minutes| minutes < 10) && !is_serverless {
        spec["auto_stop_mins"] = json!(0);
    }
    if is_serverless && spec["warehouse_type"] == "CLASSIC" {
        spec["warehouse_type"] = json!("PRO");
    }
    for (member, most) in [("min_num_clusters", 30), ("max_num_clusters", 40)] {
        if let Some(number) = spec[member].as_i64() {
            spec[member] = json!(number.clamp(1, most));
        }
    }
    let least = spec["min_num_clusters"].as_i64().unwrap_or(1);
    if spec["max_num_clusters"].as_i64().is_some_and(|most| most < least) {
        spec["max_num_clusters"] = json!(least);
    }
    if spec["reyden_cluster_size_multiplier"].as_f64().is_some_and(|times| times < 1.0) {
        spec["reyden_cluster_size_multiplier"] = json!(1.5);
    }
    if let Some(channel) = spec.get_mut("channel").filter(|channel| channel.is_object()) {
        if channel["name"] == "CHANNEL_NAME_CUSTOM" {
            channel["dbsql_version"] = json!("2026.20");
        } else {
            remove(channel, "dbsql_version");
        }
    }
    if let Some(tags) = spec.get_mut("tags").filter(|tags| tags.is_object()) {
        number(tags, "custom_tags", "key");
    }
}

fn pipeline(spec: &mut Value) {
    only_one(spec, &["target", "schema"]);
    if spec["target"].as_str().is_some_and(|target| target.contains('.')) {
        spec["target"] = json!("target");
    }
    only_one(spec, &["storage", "catalog"]);
    if spec.get("continuous") == Some(&json!(true)) {
        remove(spec, "trigger");
    }
    for (member, usual) in [("channel", "preview"), ("edition", "CORE")] {
        if spec[member].is_string() {
            spec[member] = json!(usual);
        }
    }
    // What is ingested is not what is run. The kept one has to change with the spec.
    let sources = ["libraries", "ingestion_definition", "gateway_definition"];
    let kept = spec.as_object().map_or(0, Map::len) % 3;
    for (i, member) in sources.into_iter().enumerate() {
        if i != kept || spec[member] == json!([]) || spec[member].is_null() {
            remove(spec, member);
        }
    }
    if sources.iter().all(|member| spec.get(*member).is_none()) {
        spec["libraries"] = json!([{ "notebook": { "path": "/Workspace/n" } }]);
    }
    for library in elements(spec, "libraries") {
        if let Some(glob) = library.get_mut("glob") {
            glob["include"] = json!("/Workspace/src/**");
        }
    }
    if let Some(ingestion) = spec.get_mut("ingestion_definition") {
        only_one(ingestion, &["connection_name", "ingestion_gateway_id"]);
        if elements(ingestion, "objects").is_empty() {
            let table = json!({ "destination_catalog": "main", "destination_schema": "s", "source_table": "t" });
            ingestion["objects"] = json!([{ "table": table }]);
        }
        hours(&mut ingestion["full_refresh_window"]);
    }
    hours(&mut spec["restart_window"]);
    if spec["restart_window"].is_null() {
        remove(spec, "restart_window");
    }
    for notification in elements(spec, "notifications") {
        *notification = json!({ "alerts": ["on-flow-failure"], "email_recipients": notification["email_recipients"] });
        if elements(notification, "email_recipients").is_empty() {
            notification["email_recipients"] = json!(["a@example.com"]);
        }
    }
    if spec["serverless"] == true {
        remove(spec, "clusters");
    }
    for (i, cluster) in elements(spec, "clusters").iter_mut().enumerate() {
        cluster["label"] = json!(["default", "updates", "maintenance"][i % 3]);
        self::cluster(cluster);
        remove(cluster, "policy_id");
        if let Some(scale) = cluster.get_mut("autoscale").filter(|scale| scale.is_object()) {
            scale["max_workers"] = json!(scale["min_workers"].as_i64().unwrap_or(0) + 2);
        }
    }
    // Texts of a path, or of a package.
    if let Some(root) = spec["root_path"].as_str().map(str::to_owned) {
        spec["root_path"] = json!(format!("/Workspace/{}", root.trim()));
    }
    for line in spec.pointer_mut("/environment/dependencies").and_then(Value::as_array_mut).into_iter().flatten() {
        *line = json!(format!("package=={}", line.to_string().len()));
    }
}

/// An hour of a day, and days once each.
fn hours(window: &mut Value) {
    if window.is_object() {
        window["start_hour"] = json!(window["start_hour"].as_i64().unwrap_or(0) % 24);
        if let Some(days) = window.get_mut("days_of_week").and_then(Value::as_array_mut) {
            let mut seen = BTreeSet::new();
            days.retain(|day| seen.insert(day.to_string()));
        }
    }
}

/// One principal a grant, and one owner of a job at most.
fn grants(spec: &mut Value) {
    let mut owned = false;
    for (i, grant) in elements(spec, "permissions").iter_mut().enumerate() {
        let level = grant["permission_level"].clone();
        let owner = level == "IS_OWNER";
        let level = if owner && std::mem::replace(&mut owned, true) { json!("CAN_VIEW") } else { level };
        let (member, name) = match i % 3 {
            0 => ("user_name", format!("User{i}@Example.com")),
            1 if !owner => ("group_name", format!("Group {i}")),
            _ => ("service_principal_name", format!("0000-{i}")),
        };
        *grant = json!({ member: name, "permission_level": level });
    }
}

/// Takes out the elements of keyed lists and sets that are there twice.
fn unique(rules: &Rules, field: &Field, value: &mut Value) {
    match (&field.shape, value) {
        (Shape::Object(object), Value::Object(map)) => members(rules, *object, map),
        (Shape::Map(entry), Value::Object(map)) => map.values_mut().for_each(|v| unique(rules, entry, v)),
        (Shape::List(item), Value::Array(items)) => {
            items.iter_mut().for_each(|v| unique(rules, item, v));
            let mut seen = BTreeSet::new();
            if let Some(by) = &field.rule.key {
                items.retain(|e| by.of(e).is_some_and(|key| seen.insert(key)));
            } else if field.rule.set {
                items.retain(|e| seen.insert(e.to_string()));
            }
        }
        _ => {}
    }
}

fn members(rules: &Rules, object: usize, map: &mut Map<String, Value>) {
    for (key, member) in &rules.of(object).members {
        if let Some(value) = map.get_mut(key) {
            unique(rules, member, value);
        }
    }
}
