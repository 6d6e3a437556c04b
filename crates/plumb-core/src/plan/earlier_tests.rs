use super::*;
use crate::kinds;
use serde_json::json;

/// What is left of a live value of a job at a place, when a manifest of it was `was`.
fn hidden(was: &Value, path: &str, live: &Value) -> Value {
    let rules = kinds::find("DatabricksJob").unwrap().rules();
    let mut bases = Baselines::new();
    let address = Address { kind: "DatabricksJob".into(), name: "j".into() };
    bases.hide(&address, was);
    let mut shown = live.clone();
    let path = crate::manifest::path(rules, path).unwrap_or_default();
    let hides = bases.hiding(&address, &Vault::new("p", "t")).hide(rules, &path, &mut shown);
    assert_eq!(hides, shown != *live);
    named(&shown)
}

/// With a word for each token.
fn named(value: &Value) -> Value {
    match value {
        Value::String(text) if text.contains("${secret.") => "hidden".into(),
        Value::Array(items) => items.iter().map(named).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), named(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn what_was_a_secret_is_hidden_wherever_it_went() {
    let secret = Vault::UNKNOWN;
    let task = |key: &str, parameters: Value| json!({"task_key": key, "spark_python_task": {"python_file": "/a.py", "parameters": parameters}});
    let was = json!({
        "name": "j", "tags": {"a": secret, "b": "plain"}, "description": secret,
        "tasks": [task("x", json!(["-v", secret])), task("y", json!(["-v"]))],
        "parameters": [{"name": "p", "default": secret}],
    });
    for (path, live, shown) in [
        // A value, a literal or gone on the branch: the same, nothing of it says so.
        ("description", json!("hunter22"), json!("hidden")),
        ("tags.a", json!("hunter22"), json!("hidden")),
        ("tags.b", json!("seen"), json!("seen")),
        ("tags.new", json!("seen"), json!("seen")),
        // A map and an object as a whole.
        ("tags", json!({"a": "hunter22", "b": "seen"}), json!({"a": "hidden", "b": "seen"})),
        // A list without keys: what stood there just so is none, all else may be the secret.
        ("tasks[x].spark_python_task.parameters", json!(["hunter22", "-v"]), json!(["hidden", "-v"])),
        ("tasks[x].spark_python_task.parameters[0]", json!("hunter22"), json!("hidden")),
        ("tasks[y].spark_python_task.parameters", json!(["seen"]), json!(["seen"])),
        // A whole task that was removed, and one that somebody renamed.
        ("tasks[x]", task("x", json!(["hunter22"])), task("x", json!(["hidden"]))),
        ("tasks[z]", task("z", json!(["hunter22"])), task("z", json!(["hidden"]))),
        ("tasks[y]", task("y", json!(["seen"])), task("y", json!(["seen"]))),
        ("parameters[p]", json!({"name": "p", "default": "hunter22"}), json!({"name": "p", "default": "hidden"})),
        // Other things than the manifest had: a number, a list.
        ("description", json!(12345), json!("hidden")),
        ("tags", json!(["hunter22"]), json!("hidden")),
        // All of it, as `show` has it. A switch is no secret.
        ("", json!({"name": "j", "description": "hunter22"}), json!({"name": "j", "description": "hidden"})),
        ("description", json!(true), json!(true)),
    ] {
        assert_eq!(hidden(&was, path, &live), shown, "{path} {live}");
    }
}

#[test]
fn what_looks_like_a_secret_is_hidden_without_a_manifest() {
    let parameters = "tasks[x].spark_python_task.parameters";
    assert_eq!(hidden(&json!({}), parameters, &json!(["--password", "hunter22"])), json!(["--password", "hidden"]));
    assert_eq!(hidden(&json!({}), "tags.db_password", &json!("hunter22")), json!("hidden"));
    assert_eq!(hidden(&json!({}), "tags.s3_key", &json!("raw/x.csv")), json!("raw/x.csv"));
}

#[test]
fn a_known_secret_is_hidden_at_any_place() {
    let mut vault = Vault::new("old", "t");
    vault.seal_everywhere("hunter2222");
    let mut bases = Baselines::new();
    bases.learn(&vault);
    let (mut other, rules) = (Baselines::new(), kinds::find("DatabricksJob").unwrap().rules());
    other.hide_like(&bases);
    let address = Address { kind: "DatabricksJob".into(), name: "j".into() };
    let now = Vault::new("p", "t");
    for bases in [bases, other] {
        let mut live = json!("x hunter2222 y");
        assert!(bases.hiding(&address, &now).hide(rules, &Path::default().key("name"), &mut live));
        // Under the name that this plan has for it.
        assert_eq!(live, json!(format!("x {} y", now.token("hunter2222"))));
    }
}
