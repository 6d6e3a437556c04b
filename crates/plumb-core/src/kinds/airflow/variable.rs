//! Airflow variables.

use super::{check, secret};
use crate::kinds::{
    Findings, Impact, ImpactClass, Kind, MarkPlace, Observed, SpecType, Step, UnknownSettings, Unreadable, Unsupported,
    Verb, reading,
};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::{Pages, Read};
use plumb_model::secrets::Vault;
use plumb_model::text::percent_encoded;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A variable: what the REST API takes to create one.
///
/// Airflow does not show the value of a variable whose key looks like a secret's, nor such parts of a JSON value. They are
/// written as `${env.NAME}`, and whether they are still what they were applied as is told by the mark.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-plumb" = {
    "read_only": {
        "is_encrypted": "REST API v2, VariableResponse: in answers, in no request",
    },
    "why": "an answer says more than a request",
}))]
pub struct VariableSpec {
    /// The key, by which DAGs look the variable up: 250 characters at most.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "REST API, PATCH variables: 400 when it differs from the path's"}))]
    pub key: String,
    /// The value: a text, or anything that JSON can say, which Airflow keeps as a text.
    #[schemars(extend("x-plumb" = {"json_text": true, "unset": "absent", "why": "Airflow 3 reads a text that is JSON and shows it as it would write it itself"}))]
    pub value: Value,
    /// What the variable is for.
    #[schemars(extend("x-plumb" = {"why": "it describes; a live description that nobody declared does no harm"}))]
    pub description: Option<String>,
    /// The team that it belongs to, on a deployment of several teams.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "Airflow 3.1 and later, and only with [core] multi_team"}))]
    pub team_name: Option<String>,
}

/// A variable: REST API, `/variables`.
pub struct AirflowVariable;

const PATH: &str = "/api/v2/variables";

fn path(key: &str) -> String {
    format!("{PATH}/{}", percent_encoded(key))
}

fn seen(raw: &Value) -> Result<Observed, Unreadable> {
    let key = raw.get("key").and_then(Value::as_str).filter(|key| !key.is_empty());
    let refuse = |why: String| Unreadable::of(&AirflowVariable, key, Some(raw), why);
    let key = key.ok_or_else(|| refuse("it has no key".into()))?;
    let mut spec = raw.clone();
    if let Some(text) = reading::text(raw, "value").map_err(refuse)? {
        let json = serde_json::from_str::<Value>(text).ok().filter(|v| v.is_object() || v.is_array());
        spec["value"] = secret::unmasked(key, &json.unwrap_or_else(|| json!(text)));
    }
    Ok(Observed { id: key.to_owned(), spec, ..Observed::default() })
}

fn create(body: &Value) -> Result<Call, Unsupported> {
    if Vault::has_unknown(body) {
        return Err(Unsupported(
            "it would have to be created again, and Airflow does not show its value: write it into the manifest as \
             `${env.NAME}`"
                .into(),
        ));
    }
    Ok(Call::create(System::Airflow, PATH, body.clone(), "/key"))
}

/// Sends what changes and the mark. Airflow wants a value whatever changes, and takes no notice of one that the mask does
/// not name.
fn update(step: &Step<'_>) -> Result<Call, Unsupported> {
    let value = step.body.get("value").cloned().unwrap_or_else(|| json!(""));
    let mut call = Call::set(System::Airflow, Method::Patch, path(step.id()), Value::Null);
    let mut body = json!({ "key": step.id(), "value": "", "description": step.body.get("description") });
    if step.changes("value") {
        if Vault::has_unknown(&value) {
            return Err(Unsupported(
                "its value would be written, and Airflow does not show all of it: write it into the manifest as \
                 `${env.NAME}`"
                    .into(),
            ));
        }
        body["value"] = value;
        call = call.query("update_mask", "value");
    }
    if step.changes("team_name") {
        body["team_name"] = step.body["team_name"].clone();
        call = call.query("update_mask", "team_name");
    }
    call.body = Some(body);
    Ok(call.query("update_mask", "description"))
}

impl Kind for AirflowVariable {
    fn name(&self) -> &'static str {
        "AirflowVariable"
    }
    fn system(&self) -> System {
        System::Airflow
    }
    fn noun(&self) -> &'static str {
        "Airflow variable"
    }
    fn title(&self) -> &'static str {
        "key"
    }
    fn title_is_free(&self) -> bool {
        false
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::LastLine("description")
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(check));
        &SPEC
    }

    fn list(&self) -> Vec<Read> {
        vec![Read::offsets(Call::get(System::Airflow, PATH), "variables", "key")]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        reading::rows(self, listed, "variables", |row| Some(seen(row)))
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(Call::get(System::Airflow, path(id)))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        seen(pages.iter().flatten().next().unwrap_or(&Value::Null))
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        Ok(vec![match step.verb {
            Verb::Create => create(step.body)?,
            Verb::Update => update(step)?,
            Verb::Delete => Call::delete(System::Airflow, path(step.id())),
        }])
    }

    /// What `update_mask` does not name stays as it is, and a name that Airflow does not know is refused.
    fn unknown_settings(&self) -> UnknownSettings {
        UnknownSettings::Untouched
    }

    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        match step.verb {
            Verb::Delete => vec![ImpactClass::BreaksUsers.says("DAGs that look it up while it is gone fail")],
            _ => Vec::new(),
        }
    }
}

/// What the schema cannot say.
fn check(spec: &VariableSpec, findings: &mut Findings) {
    check::name(&spec.key, 250, "key", findings);
    if spec.value.is_null() {
        findings.at("value", "a variable without a value", "expected a text, or anything that JSON can say");
    }
    secret::check(&spec.key, &spec.value, "value", findings);
    check::description(spec.description.as_deref(), findings);
}
