//! An Airflow server: connections, variables, pools, DAGs out of a folder, runs by the clock. REST v2 when it is
//! Airflow 3, REST v1 when it is Airflow 2; each with the habits recorded from 3.3.2 and 2.11.2.

mod audit;
pub(crate) mod auth;
mod body;
mod bulk;
mod child;
mod connections;
mod dags;
pub(crate) mod definition;
pub(crate) mod evidence;
pub(crate) mod files;
mod jinja;
mod listing;
mod masking;
pub(crate) mod mwaa;
pub(crate) mod parse;
mod pools;
pub(crate) mod pyjson;
mod rendered;
pub(crate) mod replies;
pub(crate) mod runs;
mod schedule;
pub(crate) mod seed;
mod settings;
mod variables;
mod view;
pub(crate) mod work;

pub use auth::Access;
pub use mwaa::{MwaaOptions, MwaaSettings};
pub use settings::AirflowSettings;

use super::{answer::Answer, request::Request, store::Store};
use definition::Definition;
use replies::{AirflowResult, endpoint, ok};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// How Airflow is to be emulated.
#[derive(Clone, Debug, PartialEq)]
pub struct AirflowOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The major version, 3 or 2. A state file remembers another one.
    pub version: u8,
    /// The DAG folder, which is looked at with every request. It need not be there yet.
    /// A bucket of the emulated Google Cloud Storage (`gs://BUCKET/PREFIX`) is one too, as Composer has it.
    pub dags: Option<PathBuf>,
    /// Who may sign in.
    pub access: auth::Access,
}

impl Default for AirflowOptions {
    fn default() -> Self {
        AirflowOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            version: 3,
            dags: None,
            access: auth::Access::default(),
        }
    }
}

/// Which of the two APIs a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiVersion {
    V1,
    V2,
}

impl ApiVersion {
    /// A time as this API writes it.
    fn time(self, ms: i64) -> String {
        let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
        let text = if ms % 1000 == 0 { format!("{at:.0}") } else { format!("{at:.6}") };
        match self {
            ApiVersion::V2 => text,
            ApiVersion::V1 => text.replace('Z', "+00:00"),
        }
    }

    fn maybe_time(self, ms: Option<i64>) -> Value {
        ms.map_or(Value::Null, |ms| json!(self.time(ms)))
    }
}

/// A variable. Its value is always a text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Variable {
    pub key: String,
    pub value: String,
    pub description: Option<String>,
    /// Members of a newer Airflow, which only a state can bring in: requests may not have them.
    #[serde(flatten)]
    pub newer: Map<String, Value>,
}

/// A pool of task slots.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pool {
    pub name: String,
    pub slots: i64,
    pub description: Option<String>,
    pub include_deferred: bool,
    /// Members of a newer Airflow, which only a state can bring in: requests may not have them.
    #[serde(flatten)]
    pub newer: Map<String, Value>,
}

/// A DAG that the server has parsed at least once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dag {
    pub definition: Definition,
    /// The path inside of the DAG folder.
    pub file: String,
    /// The text that was parsed last without an error.
    pub source: String,
    pub is_paused: bool,
    pub is_stale: bool,
    pub has_import_errors: bool,
    pub parsed_ms: i64,
    pub versions: Vec<Version>,
    /// The end of the interval of the latest scheduled run.
    pub last_end: Option<i64>,
}

/// A version of a DAG: Airflow keeps those that have run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub number: u32,
    pub created_ms: i64,
}

/// Everything that the server knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AirflowState {
    /// Members as they were written, secrets included; rows are listed in the order in which they were made.
    pub connections: Vec<Map<String, Value>>,
    pub variables: Vec<Variable>,
    pub pools: Vec<Pool>,
    pub dags: BTreeMap<String, Dag>,
    pub runs: Vec<runs::DagRun>,
    pub files: BTreeMap<String, files::File>,
    pub errors: BTreeMap<String, files::ImportError>,
    /// The DAG folder, which file names begin with.
    pub folder: String,
    /// What people and programs did to DAGs.
    pub audit: Vec<audit::AuditRow>,
}

impl Default for AirflowState {
    fn default() -> Self {
        let pool = Pool {
            name: pools::DEFAULT.to_owned(),
            slots: 128,
            description: Some("Default pool".to_owned()),
            include_deferred: false,
            newer: Map::new(),
        };
        AirflowState {
            connections: Vec::new(),
            variables: Vec::new(),
            pools: vec![pool],
            dags: BTreeMap::new(),
            runs: Vec::new(),
            files: BTreeMap::new(),
            errors: BTreeMap::new(),
            folder: "/opt/airflow/dags".to_owned(),
            audit: Vec::new(),
        }
    }
}

/// Whether a request looks at the DAGs: two looks and a changed file is noticed.
pub(crate) fn looks(request: &Request) -> bool {
    let rest = request.path.split('/').nth(3).unwrap_or_default();
    request.method == "GET" && ["dags", "dagSources", "importErrors"].contains(&rest)
}

/// Answers one request. The folder has been dealt with before (see [`files`]).
pub(crate) fn handle(store: &mut Store, access: &auth::Access, request: &mut Request, malformed: bool) -> Answer {
    let answered = answer(store, access, request, malformed);
    answered.unwrap_or_else(|refused| refused)
}

fn answer(store: &mut Store, access: &auth::Access, request: &mut Request, malformed: bool) -> AirflowResult {
    let api = if store.settings.airflow.version == 2 { ApiVersion::V1 } else { ApiVersion::V2 };
    let path = request.path.clone();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let rest = match (api, segments.as_slice()) {
        (ApiVersion::V2, ["pluginsv2", "aws_mwaa", "login"]) | (ApiVersion::V1, ["aws_mwaa", "login"])
            if request.method == "POST" && store.mwaa.is_some() =>
        {
            return Ok(mwaa::login(store, api, request));
        }
        // MWAA takes no passwords.
        (ApiVersion::V2, ["auth", "token"] | ["auth", "token", "cli"])
            if request.method == "POST" && store.mwaa.is_none() =>
        {
            return if malformed { Err(replies::malformed(api)) } else { auth::token(store, access, request) };
        }
        (ApiVersion::V2, ["api", "v2", rest @ ..]) | (ApiVersion::V1, ["api", "v1", rest @ ..]) => rest,
        (ApiVersion::V1, ["health"]) => &["health"],
        _ => return Err(endpoint(api, &path, false)),
    };
    // These two need no sign-in.
    match (request.method.as_str(), api, rest) {
        ("GET", _, ["version"]) => {
            let git = if api == ApiVersion::V2 { json!(".release:sandbox") } else { json!("") };
            let settings = &store.settings.airflow;
            let version = settings.release.as_deref().unwrap_or_else(|| parse::version(settings.version));
            return ok(json!({ "version": version, "git_version": git }));
        }
        ("GET", ApiVersion::V2, ["monitor", "health"]) | ("GET", ApiVersion::V1, ["health"]) => {
            return ok(health(store, api));
        }
        _ => {}
    }
    request.user = auth::authenticate(store, access, api, request)?;
    auth::authorise(api, request, rest)?;
    if malformed {
        return Err(replies::malformed(api));
    }
    runs::tick(store, looks(request));
    audit::note(store, api, request, rest);
    let replied = match rest {
        [kind @ ("connections" | "variables" | "pools")] if api == ApiVersion::V2 && request.method == "PATCH" => {
            Some(bulk::handle(store, request, kind))
        }
        ["connections", rest @ ..] => connections::handle(store, api, request, rest),
        ["variables", rest @ ..] => variables::handle(store, api, request, rest),
        ["pools", rest @ ..] => pools::handle(store, api, request, rest),
        ["dags", dag, "dagRuns", rest @ ..] => runs::handle(store, api, request, dag, rest),
        ["eventLogs"] if request.method == "GET" => Some(audit::events(store, api, request)),
        _ => dags::handle(store, api, request, rest),
    };
    let known = rest.len() < 3 && rest.first().is_some_and(|first| KNOWN.contains(first));
    replied.unwrap_or_else(|| Err(endpoint(api, &path, known)))
}

/// What paths may begin with: on these a wrong method is another error than an unknown path.
const KNOWN: [&str; 12] = [
    "version",
    "monitor",
    "health",
    "connections",
    "variables",
    "pools",
    "dags",
    "dagSources",
    "dagTags",
    "importErrors",
    "parseDagFile",
    "eventLogs",
];

fn health(store: &Store, api: ApiVersion) -> Value {
    let now = ApiVersion::V1.time(store.now());
    let healthy = |beat: &str| json!({ "status": "healthy", beat: now });
    let processor = match api {
        ApiVersion::V2 => healthy("latest_dag_processor_heartbeat"),
        // The scheduler parses in Airflow 2.
        ApiVersion::V1 => json!({ "status": null, "latest_dag_processor_heartbeat": null }),
    };
    json!({
        "metadatabase": { "status": "healthy" },
        "scheduler": healthy("latest_scheduler_heartbeat"),
        "triggerer": healthy("latest_triggerer_heartbeat"),
        "dag_processor": processor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Clock;
    use proptest::prelude::*;

    const CALLS: &[(&str, &str)] = &[
        ("GET", "connections"),
        ("POST", "connections"),
        ("PATCH", "connections"),
        ("PATCH", "connections/c"),
        ("DELETE", "connections/c"),
        ("GET", "variables"),
        ("POST", "variables"),
        ("PATCH", "variables"),
        ("PATCH", "variables/c"),
        ("GET", "pools"),
        ("POST", "pools"),
        ("PATCH", "pools"),
        ("PATCH", "pools/c"),
        ("PATCH", "pools/default_pool"),
        ("GET", "dags"),
        ("PATCH", "dags"),
        ("PATCH", "dags/c"),
        ("DELETE", "dags/c"),
        ("GET", "dags/c/details"),
        ("POST", "dags/c/dagRuns"),
        ("PATCH", "dags/c/dagRuns/c"),
        ("GET", "dags/~/dagRuns/~/taskInstances"),
        ("PUT", "parseDagFile/c"),
        ("GET", "importErrors"),
    ];

    const NAMES: &[&str] = &[
        "connection_id",
        "conn_type",
        "password",
        "extra",
        "port",
        "key",
        "value",
        "description",
        "name",
        "pool",
        "slots",
        "include_deferred",
        "is_paused",
        "logical_date",
        "dag_run_id",
        "conf",
        "state",
        "note",
        "actions",
        "action",
        "entities",
        "odd",
    ];

    fn nonsense() -> impl Strategy<Value = Value> {
        let texts = ["c", "", "{}", "[1]", "***", "2026-10-01T00:00:00Z", "queued", "create", "delete", "true", "%"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(|on| json!(on)),
            any::<i64>().prop_map(|n| json!(n)),
            prop::sample::select(texts.to_vec()).prop_map(|text| json!(text)),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            let member = (prop::sample::select(NAMES), inner.clone());
            let object = prop::collection::vec(member, 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(n, v)| (n.to_owned(), v)).collect::<Map<_, _>>().into());
            prop_oneof![3 => object, 1 => prop::collection::vec(inner, 0..3).prop_map(Value::Array)]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nonsense_is_answered_and_leaves_a_state_that_can_be_saved(
            version in 2_u8..4,
            calls in prop::collection::vec((prop::sample::select(CALLS), "[a-z_]{0,6}=-?[0-9a-z]{0,3}", nonsense()), 1..12),
        ) {
            let mut store = Store::new(Clock::Fixed(1_795_345_200_000));
            store.settings.airflow.version = version;
            let dag = json!({ "dag_id": "c", "schedule": { "cron": "@daily" }, "tasks": [{ "task_id": "t" }] });
            super::seed::add(&mut store, &json!({ "dags": [dag] })).unwrap();
            let access = auth::Access { token: Some("t".to_owned()), ..auth::Access::default() };
            for ((method, path), query, body) in calls {
                let path = format!("/api/v{}/{path}?{query}", version - 1);
                let mut request = Request::internal(method, &path, "", body);
                request.authorization = Some("Bearer t".to_owned());
                let answer = handle(&mut store, &access, &mut request, false);
                let page = (version, answer.status) == (2, 500);
                prop_assert!((200..500).contains(&answer.status) || page, "{path}: {answer:?}");
            }
            let dump = store.dump();
            let mut again = Store::new(Clock::Fixed(0));
            again.restore(dump.clone()).unwrap();
            prop_assert_eq!(again.dump(), dump);
        }
    }
}
