//! Law 5: no secret in any rendering, plan, log or message.

use crate::fixtures::{self, Fixture};
use crate::world::{self, Files};
use plumb_core::kinds;
use plumb_core::plan::secrets::is_credential;
use plumb_model::schema::{Field, Rules, Secret, Shape};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Puts a secret of its own into every place that the rules call secret.
struct Planter<'a> {
    rules: &'a Rules,
    tag: &'a str,
    planted: Vec<String>,
}

impl Planter<'_> {
    fn secret(&mut self) -> Value {
        let secret = format!("hunter2-{}-{}", self.tag, self.planted.len());
        self.planted.push(secret.clone());
        json!(secret)
    }

    fn field(&mut self, field: &Field, value: &mut Value) {
        match (field.rule.secret, &field.shape, value) {
            // What may only be written as a reference is one already.
            (Some(Secret::Value), _, Value::String(text)) if !text.is_empty() && field.rule.most_bytes.is_none() => {
                *text = self.secret().as_str().unwrap().into()
            }
            (Some(Secret::ByName), _, Value::Object(map)) => {
                for name in ["db_password", "fs.azure.account.key", "API_TOKEN"] {
                    map.insert(name.to_owned(), self.secret());
                }
                map.insert("harmless".to_owned(), json!("seen by everybody"));
            }
            (_, Shape::Object(object), Value::Object(map)) => {
                let rules = self.rules;
                for (name, member) in &rules.of(*object).members {
                    if let Some(value) = map.get_mut(name) {
                        self.field(member, value);
                    }
                }
            }
            (_, Shape::Map(entry), Value::Object(map)) => map.values_mut().for_each(|v| self.field(entry, v)),
            (_, Shape::List(item), Value::Array(items)) => items.iter_mut().for_each(|v| self.field(item, v)),
            _ => {}
        }
    }
}

/// What `${env.NAME}` stands for in a text, each with the name.
fn of_environment(text: &str) -> Vec<(&str, String)> {
    let names = text.split("${env.").skip(1).filter_map(|rest| rest.split_once('}'));
    names.map(|(name, _)| (name, world::secret(name))).collect()
}

/// The fixture with secrets in every secret place, and one of the environment in the middle of a text.
fn planted(fixture: &Fixture, tag: &str) -> (Files, Vec<String>) {
    // Another name of a secret is another secret.
    let renamed = of_environment(&fixture.text).iter().fold(fixture.text.clone(), |text, (name, _)| {
        text.replace(&format!("${{env.{name}}}"), &format!("${{env.{name}_{tag}}}"))
    });
    let (mut documents, mut planted) = (fixtures::documents(&renamed), Vec::new());
    for (i, document) in documents.iter_mut().enumerate() {
        let rules = kinds::find(document["kind"].as_str().unwrap()).unwrap().rules();
        let tag = format!("{tag}{i}");
        let mut planter = Planter { rules, tag: &tag, planted: Vec::new() };
        planter.field(&rules.root, &mut document["spec"]);
        planted.append(&mut planter.planted);
    }
    match documents[0]["kind"].as_str().unwrap() {
        "DatabricksJob" => documents[0]["spec"]["description"] = json!(format!("before ${{env.{tag}}} after")),
        "DatabricksSecretScope" => {
            let value = json!(format!("before ${{env.{tag}}} after"));
            documents[0]["spec"]["secrets"] = json!([{ "key": "note", "string_value": value }]);
        }
        "DatabricksClusterPolicy" | "AirflowConnection" | "AirflowVariable" | "AirflowPool" => {
            documents[0]["spec"]["description"] = json!(format!("before ${{env.{tag}}} after"))
        }
        "DatabricksPipeline" => documents[0]["spec"]["tags"]["note"] = json!(format!("before ${{env.{tag}}} after")),
        "DatabricksSqlWarehouse" => {
            let note = json!({ "key": "note", "value": format!("before ${{env.{tag}}} after") });
            let mut tags = documents[0]["spec"]["tags"]["custom_tags"].as_array().cloned().unwrap_or_default();
            tags.push(note);
            documents[0]["spec"]["tags"]["custom_tags"] = json!(tags);
        }
        _ => documents[0]["spec"]["custom_tags"]["note"] = json!(format!("before ${{env.{tag}}} after")),
    }
    let text = fixtures::yaml(&documents);
    planted.extend(of_environment(&text).into_iter().map(|(_, secret)| secret));
    (Files::from([("secret.yaml".to_owned(), text)]), planted)
}

fn assert_hidden(text: &str, secrets: &[String], what: &str) {
    for secret in secrets {
        assert!(!text.contains(secret), "{what} shows {secret}:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_shows_a_secret() {
    // A secret in a DAG file is refused (`tests/peers/airflow_dag/converge.rs`): everybody can read it.
    let cases = fixtures::all().into_iter().filter(|f| f.kind.name() != "AirflowDag");
    world::each(cases.map(|f| (f.name(), hides(f)))).await;
}

async fn hides(fixture: Fixture) {
    let world = fixture.world().await;
    let (first, mut secrets) = planted(&fixture, "first");
    let name = fixture.name();

    // A service that quotes what it refuses.
    let desired = world::load(&first);
    let words = format!("cannot take {}", secrets.join(", "));
    let quoting = json!({ "error_code": "INVALID_PARAMETER_VALUE", "message": words, "detail": words });
    world
        .control(
            "POST",
            "faults",
            json!({ "method": "POST", "path": "/api/*", "status": 400, "body": quoting, "times": 99 }),
        )
        .await;
    let (plan, outcome) = world.apply(&desired).await;
    assert_hidden(&world::every_form(&plan), &secrets, &format!("{name}: the plan of a create"));
    assert_hidden(&format!("{plan:?}"), &secrets, &format!("{name}: the debug form of a plan"));
    assert!(format!("{outcome:?}").contains("cannot take"), "{name}: the refusal is not passed on: {outcome:?}");
    assert_hidden(&format!("{outcome:?}"), &secrets, &format!("{name}: the message of a refused create"));
    world.control("DELETE", "faults", Value::Null).await;

    world.settle(&desired, &name).await;
    world.assert_settled(&desired, &name).await;
    // Another hand at every secret.
    let (second, more) = planted(&fixture, "second");
    secrets.extend(more);
    let desired = world::load(&second);
    let (live, decision) = world.plan(&desired).await;
    assert_hidden(&world::every_form(&decision.plan), &secrets, &format!("{name}: the plan of an update"));
    assert_hidden(&format!("{:?}{:?}", decision.plan, decision.vault), &secrets, &format!("{name}: a debug form"));
    // Somebody changes it meanwhile: the differences of a stale change.
    world.settle(&world::load(&fixture.files()), &name).await;
    let outcome = world.carry_out(&world.services(), &desired, &live, decision).await;
    assert_hidden(&format!("{outcome:?}"), &secrets, &format!("{name}: the differences of a stale change"));
    world.settle(&desired, &name).await;
    world.assert_settled(&desired, &name).await;
    let plan = world.settle(&world::load(&Files::new()), &name).await;
    assert_hidden(&world::every_form(&plan), &secrets, &format!("{name}: the plan of a delete"));

    // The sandbox's log knows no manifest: it hides by name.
    let by_name: Vec<String> = secrets.iter().filter(|s| s.starts_with("hunter2")).cloned().collect();
    assert_hidden(&Value::from(world.requests().await).to_string(), &by_name, &format!("{name}: the request log"));
}

#[test]
fn every_secret_place_has_a_fixture() {
    let mut declared = BTreeSet::new();
    let mut all = BTreeSet::new();
    for kind in kinds::objects() {
        let rules = kind.rules();
        for (i, a_type) in rules.types().iter().enumerate() {
            for (name, _) in a_type.members.iter().filter(|(_, m)| m.rule.secret.is_some()) {
                all.insert((kind.name(), i, name.clone()));
            }
        }
        for document in fixtures::of(*kind).iter().flat_map(Fixture::documents).filter(|d| d["kind"] == kind.name()) {
            secret_places(rules, &rules.root, &document["spec"], &mut |object, name| {
                declared.insert((kind.name(), object, name.to_owned()));
            });
        }
    }
    assert!(all.len() > 5, "{all:?}");
    let missed: Vec<_> = all.difference(&declared).collect();
    assert!(missed.is_empty(), "no fixture declares these secret members (kind, type, member): {missed:?}");
    assert!(is_credential("db_password", &json!("x")) && !is_credential("name", &json!("x")));
}

fn secret_places(rules: &Rules, field: &Field, value: &Value, found: &mut impl FnMut(usize, &str)) {
    match (&field.shape, value) {
        (Shape::Object(object), Value::Object(map)) => {
            for (name, member) in &rules.of(*object).members {
                if let Some(value) = map.get(name) {
                    if member.rule.secret.is_some() {
                        found(*object, name);
                    }
                    secret_places(rules, member, value, found);
                }
            }
        }
        (Shape::Map(entry), Value::Object(map)) => map.values().for_each(|v| secret_places(rules, entry, v, found)),
        (Shape::List(item), Value::Array(items)) => items.iter().for_each(|v| secret_places(rules, item, v, found)),
        _ => {}
    }
}
