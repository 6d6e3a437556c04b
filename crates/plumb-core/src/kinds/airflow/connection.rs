//! Airflow connections.

use super::{check, secret};
use crate::kinds::{
    Details, Findings, Impact, ImpactClass, Kind, MarkPlace, Observed, SpecType, Step, UnknownSettings, Unreadable,
    Unsupported, Verb, reading,
};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::{Pages, Read};
use plumb_model::secrets::Vault;
use plumb_model::text::percent_encoded;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::{borrow::Cow, collections::BTreeMap};

/// A connection: what the REST API takes to create one.
///
/// Airflow shows neither the password nor what looks like a secret in `extra`. Both are written as `${env.NAME}`, and
/// whether they are still what they were applied as is told by the mark.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ConnectionSpec {
    /// The connection's id, by which DAGs name it: letters, digits, `_`, `.` and `-`, 200 at most.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "REST API, PATCH connections: 400 when it differs from the path's"}))]
    pub connection_id: String,
    /// The type: `databricks`, `aws`, `http`, ….
    pub conn_type: String,
    /// What the connection is for.
    #[schemars(extend("x-plumb" = {"why": "it describes; a live description that nobody declared does no harm"}))]
    pub description: Option<String>,
    /// The host, with or without a scheme as the type wants it.
    #[schemars(extend("x-plumb" = {"unset": "absent", "why": "Airflow fills in nothing by itself"}))]
    pub host: Option<String>,
    /// The user.
    #[schemars(extend("x-plumb" = {"unset": "absent", "why": "Airflow fills in nothing by itself"}))]
    pub login: Option<String>,
    /// The password: `${env.NAME}`, never plain text.
    #[schemars(extend("x-plumb" = {"unset": "absent", "replace_to_clear": true, "why": "REST API, PATCH connections: null and an empty text leave the password as it is (v2) or are refused (v1)"}))]
    pub password: Option<String>,
    /// The schema, or the scheme of the host's address.
    #[schemars(extend("x-plumb" = {"unset": "absent", "why": "Airflow fills in nothing by itself"}))]
    pub schema: Option<String>,
    /// The port.
    #[schemars(extend("x-plumb" = {"unset": "absent", "why": "Airflow fills in nothing by itself"}))]
    pub port: Option<i64>,
    /// Whatever else the type wants: JSON text in the API, YAML here.
    #[schemars(extend("x-plumb" = {"unset": "absent", "why": "Airflow fills in nothing by itself"}))]
    pub extra: Option<Extra>,
    /// The team that it belongs to, on a deployment of several teams.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "Airflow 3.1 and later, and only with [core] multi_team"}))]
    pub team_name: Option<String>,
}

/// Settings with free keys, in which an entry that is not declared is not to be there.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Extra(pub BTreeMap<String, Value>);

impl JsonSchema for Extra {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Extra".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let rule = json!({"unset": "absent", "why": "Airflow fills in nothing by itself"});
        json_schema!({"type": "object", "additionalProperties": {"x-plumb": rule}})
    }
}

/// A connection: REST API, `/connections`.
pub struct AirflowConnection;

const PATH: &str = "/api/v2/connections";

/// What the mark's line ends with when plumb has set a password: Airflow 2 does not even show whether there is one, and
/// Airflow 3 not whose it is. A password that plumb did not set is left alone.
const WITH_PASSWORD: &str = " password]";

fn path(id: &str) -> String {
    format!("{PATH}/{}", percent_encoded(id))
}

fn seen(raw: &Value) -> Result<Observed, Unreadable> {
    let id = raw.get("connection_id").and_then(Value::as_str).filter(|id| !id.is_empty());
    let refuse = |why: String| Unreadable::of(&AirflowConnection, id, Some(raw), why);
    let id = id.ok_or_else(|| refuse("it has no connection_id".into()))?;
    reading::text(raw, "password").map_err(refuse)?;
    let mut spec = raw.clone();
    if let Some(text) = reading::text(raw, "extra").map_err(refuse)? {
        // A text that is no JSON (Airflow 2 allows it) is compared as it is.
        let extra = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        spec["extra"] = if text.is_empty() { Value::Null } else { secret::unmasked("extra", &extra) };
    }
    let shown = raw.get("password");
    let ours = raw.get("description").and_then(Value::as_str).is_some_and(|d| d.ends_with(WITH_PASSWORD));
    let is_set = shown.is_none_or(|password| !password.is_null());
    spec["password"] = if ours && is_set { Vault::UNKNOWN.into() } else { Value::Null };
    // Airflow 2's listing leaves `extra` out, and none of its answers has a password.
    let facts = json!({ "shows_password": shown.is_some(), "others_password": !ours && is_set });
    Ok(Observed { id: id.to_owned(), spec, partial: raw.get("extra").is_none(), facts, ..Observed::default() })
}

/// The description, with a note in the mark's line that plumb has set a password.
fn noted(body: &Value, description: &Value) -> Value {
    let has_password = body.get("password").is_some_and(|p| p.as_str().is_some_and(|p| !p.is_empty()));
    let marked = description.as_str().filter(|d| d.rsplit('\n').next().is_some_and(|line| line.starts_with("[plumb ")));
    match marked.and_then(|d| d.strip_suffix(']')) {
        Some(start) if has_password => json!(format!("{start}{WITH_PASSWORD}")),
        _ => description.clone(),
    }
}

fn create(body: &Value) -> Result<Call, Unsupported> {
    if Vault::has_unknown(body) {
        return Err(Unsupported(
            "it would have to be created again, and Airflow does not show all of its secrets: write them into the manifest \
             as `${env.NAME}`, or take them off the connection"
                .into(),
        ));
    }
    let mut body = body.clone();
    body["description"] = noted(&body, &body["description"]);
    Ok(Call::create(System::Airflow, PATH, body, "/connection_id"))
}

/// Sends what changes and the mark. Airflow 3 wants the id and the type whatever changes, and ignores names in the mask
/// that it does not know.
fn update(step: &Step<'_>) -> Result<Call, Unsupported> {
    let live = step.live.map(|seen| &seen.facts);
    let keeps_masked = live.is_some_and(|facts| facts["shows_password"] == true);
    let mut members: Vec<&str> = step.changed.iter().filter_map(|path| path.top()).collect();
    members.push("description");
    members.sort_unstable();
    members.dedup();
    let mut body = json!({ "connection_id": step.id(), "conn_type": step.body["conn_type"] });
    let mut call = Call::set(System::Airflow, Method::Patch, path(step.id()), Value::Null);
    for member in members {
        let value = step.body.get(member).cloned().unwrap_or_default();
        body[member] = match member {
            "description" => noted(step.body, &value),
            "password" if value.is_null() || Vault::has_unknown(&value) => {
                return Err(Unsupported("Airflow cannot take a password off a connection".into()));
            }
            "extra" if Vault::has_unknown(&value) && !keeps_masked => {
                return Err(Unsupported(
                    "`extra` would be written, and this Airflow shows its secrets only as `***`, which would take their \
                     place: write them into the manifest as `${env.NAME}`"
                        .into(),
                ));
            }
            _ => secret::masked(&value),
        };
        call = call.query("update_mask", member);
    }
    call.body = Some(body);
    Ok(call)
}

impl Kind for AirflowConnection {
    fn name(&self) -> &'static str {
        "AirflowConnection"
    }
    fn system(&self) -> System {
        System::Airflow
    }
    fn noun(&self) -> &'static str {
        "Airflow connection"
    }
    fn title(&self) -> &'static str {
        "connection_id"
    }
    fn title_is_free(&self) -> bool {
        false
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::LastLine("description")
    }
    /// Airflow 2 takes any text, JSON or not.
    fn loose(&self) -> &'static [&'static str] {
        &["extra"]
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(check));
        &SPEC
    }

    fn list(&self) -> Vec<Read> {
        vec![Read::offsets(Call::get(System::Airflow, PATH), "connections", "connection_id")]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        reading::rows(self, listed, "connections", |row| Some(seen(row)))
    }

    fn details(&self, seen: &Observed, _wanted: Option<&Value>) -> Vec<Read> {
        if seen.partial { self.read_one(&seen.id) } else { Vec::new() }
    }

    fn complete(&self, seen: &mut Observed, _wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        if seen.partial {
            let pages = reading::next(&mut details.iter(), "what its listing leaves out")?;
            *seen = self.parse_one(std::slice::from_ref(pages)).map_err(|e| e.why)?;
        }
        Ok(())
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(Call::get(System::Airflow, path(id)))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        let seen = seen(pages.iter().flatten().next().unwrap_or(&Value::Null))?;
        Ok(Observed { partial: false, ..seen })
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
        let mut impacts = Vec::new();
        if step.verb == Verb::Delete {
            impacts.push(ImpactClass::BreaksUsers.says("tasks that look it up while it is gone fail"));
            let fact = |name: &str| step.live.is_some_and(|seen| seen.facts[name] == true);
            if fact("others_password") {
                let known = if fact("shows_password") { "" } else { " (if it has one: Airflow 2 does not say)" };
                let says = format!("its password{known}, which plumb did not set and cannot read, is lost");
                impacts.push(ImpactClass::LosesSecret.says(says));
            }
        }
        impacts
    }
}

/// What the schema cannot say.
fn check(spec: &ConnectionSpec, findings: &mut Findings) {
    check::name(&spec.connection_id, 200, "connection_id", findings);
    let odd = |c: char| !(c.is_alphanumeric() || "_.-".contains(c));
    if !plumb_model::yaml::is_deferred(&spec.connection_id) && spec.connection_id.contains(odd) {
        let label = "expected letters, digits, `_`, `.` and `-` only";
        findings.at("connection_id", "Airflow does not accept this connection id", label);
    }
    if let Some(password) = &spec.password {
        secret::check("password", &json!(password), "password", findings);
    }
    for (key, value) in spec.extra.iter().flat_map(|extra| &extra.0) {
        let path = format!("extra.{key}");
        if value.is_null() {
            findings.at(&path, "an entry of `extra` without a value", "leave it out, or give it one");
        }
        secret::check(key, value, &path, findings);
    }
    check::description(spec.description.as_deref(), findings);
}
