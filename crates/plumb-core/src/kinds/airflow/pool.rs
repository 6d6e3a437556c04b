//! Airflow pools.

use super::check;
use crate::kinds::{
    Findings, Impact, ImpactClass, Kind, MarkPlace, Observed, SpecType, Step, UnknownSettings, Unreadable, Unsupported,
    Verb, reading,
};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::{Pages, Read};
use plumb_model::text::percent_encoded;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A pool: what the REST API takes to create one.
///
/// `default_pool` is Airflow's own: nobody may change its description, where the mark would be, nor delete it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-plumb" = {
    "read_only": {
        "deferred_slots": "REST API, PoolResponse: in answers, in no request",
        "occupied_slots": "REST API, PoolResponse: in answers, in no request",
        "open_slots": "REST API, PoolResponse: in answers, in no request",
        "queued_slots": "REST API, PoolResponse: in answers, in no request",
        "running_slots": "REST API, PoolResponse: in answers, in no request",
        "scheduled_slots": "REST API, PoolResponse: in answers, in no request",
    },
    "why": "an answer says more than a request",
}))]
pub struct AirflowPoolSpec {
    /// The pool's name, by which tasks name it: 256 characters at most.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "REST API, PATCH pools: 400 when it differs from the path's"}))]
    pub name: String,
    /// How many slots it has; -1 for any number.
    pub slots: i64,
    /// What the pool is for.
    #[schemars(extend("x-plumb" = {"why": "it describes; a live description that nobody declared does no harm"}))]
    pub description: Option<String>,
    /// Whether deferred tasks take a slot.
    #[schemars(extend("x-plumb" = {"default": false, "why": "REST API, POST pools: default"}))]
    pub include_deferred: Option<bool>,
    /// The team that it belongs to, on a deployment of several teams.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "Airflow 3.1 and later, and only with [core] multi_team"}))]
    pub team_name: Option<String>,
}

/// A pool: REST API, `/pools`.
pub struct AirflowPool;

const PATH: &str = "/api/v2/pools";
/// The pool of tasks that name none.
const DEFAULT: &str = "default_pool";

fn path(name: &str) -> String {
    format!("{PATH}/{}", percent_encoded(name))
}

fn seen(raw: &Value) -> Result<Observed, Unreadable> {
    let name = raw.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Unreadable::of(&AirflowPool, None, Some(raw), "it has no name"))?;
    Ok(Observed { id: name.to_owned(), spec: raw.clone(), ..Observed::default() })
}

/// The whole pool: Airflow 3 wants the name, the slots and `include_deferred` whatever changes, even with a mask.
fn update(step: &Step<'_>) -> Call {
    let or = |member: &str, value: Value| step.body.get(member).filter(|v| !v.is_null()).cloned().unwrap_or(value);
    let mut body = json!({
        "pool": step.id(),
        "slots": step.body["slots"],
        "description": or("description", Value::Null),
        "include_deferred": or("include_deferred", json!(false)),
    });
    if step.changes("team_name") {
        body["team_name"] = step.body["team_name"].clone();
    }
    Call::set(System::Airflow, Method::Patch, path(step.id()), body)
}

impl Kind for AirflowPool {
    fn name(&self) -> &'static str {
        "AirflowPool"
    }
    fn system(&self) -> System {
        System::Airflow
    }
    fn noun(&self) -> &'static str {
        "Airflow pool"
    }
    fn title(&self) -> &'static str {
        "name"
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
        vec![Read::offsets(Call::get(System::Airflow, PATH), "pools", "name")]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        // The default pool is Airflow's own; it cannot be taken over.
        reading::rows(self, listed, "pools", |row| (row["name"] != DEFAULT).then(|| seen(row)))
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(Call::get(System::Airflow, path(id)))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        seen(pages.iter().flatten().next().unwrap_or(&Value::Null))
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        Ok(vec![match step.verb {
            Verb::Create => Call::create(System::Airflow, PATH, step.body.clone(), "/name"),
            Verb::Update => update(step),
            Verb::Delete if step.id() == DEFAULT => {
                return Err(Unsupported(format!("`{DEFAULT}` is Airflow's own, and cannot be deleted")));
            }
            Verb::Delete => Call::delete(System::Airflow, path(step.id())),
        }])
    }

    /// A PATCH changes the members that it has, and one that Airflow does not know is refused.
    fn unknown_settings(&self) -> UnknownSettings {
        UnknownSettings::Untouched
    }

    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        match step.verb {
            Verb::Delete => {
                vec![ImpactClass::BreaksUsers.says("tasks that name it are not scheduled while it is gone")]
            }
            _ => Vec::new(),
        }
    }
}

/// What the schema cannot say.
fn check(spec: &AirflowPoolSpec, findings: &mut Findings) {
    check::name(&spec.name, 256, "name", findings);
    if spec.name == DEFAULT {
        let label = "Airflow lets nobody write plumb's mark on it: set its slots in Airflow itself";
        findings.at("name", format!("`{DEFAULT}` is Airflow's own pool"), label);
    }
    if spec.slots < -1 {
        findings.at("slots", format!("{} slots", spec.slots), "expected a number of slots, or -1 for any number");
    }
    check::description(spec.description.as_deref(), findings);
}
