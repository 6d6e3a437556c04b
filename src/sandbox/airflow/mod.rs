//! An Airflow server: connections, variables, pools, DAGs out of a folder, runs by the clock. REST v2 when it is
//! Airflow 3, REST v1 when it is Airflow 2; each with the habits recorded from 3.3.2 and 2.11.2.

pub mod auth;
mod body;
mod bulk;
mod connections;
mod dags;
pub mod definition;
pub mod files;
mod listing;
mod masking;
pub mod parse;
mod pools;
mod pyjson;
pub mod replies;
mod runs;
mod schedule;
pub mod seed;
pub mod settings;
mod variables;
mod view;

use super::{answer::Answer, request::Request, store::Store};
use definition::Definition;
use replies::{Replied, endpoint, ok};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// How Airflow is to be emulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The major version, 3 or 2. A state file remembers another one.
    pub version: u8,
    /// The DAG folder, which is looked at with every request. It need not be there yet.
    pub dags: Option<PathBuf>,
    pub access: auth::Access,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            version: 3,
            dags: None,
            access: auth::Access::default(),
        }
    }
}

/// Which of the two APIs a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    V1,
    V2,
}

impl Api {
    /// A time as this API writes it.
    fn time(self, ms: i64) -> String {
        let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
        let text = if ms % 1000 == 0 { format!("{at:.0}") } else { format!("{at:.6}") };
        match self {
            Api::V2 => text,
            Api::V1 => text.replace('Z', "+00:00"),
        }
    }

    fn maybe_time(self, ms: Option<i64>) -> Value {
        ms.map_or(Value::Null, |ms| json!(self.time(ms)))
    }
}

/// A variable. Its value is always a text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Variable {
    pub key: String,
    pub value: String,
    pub description: Option<String>,
}

/// A pool of task slots.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pool {
    pub name: String,
    pub slots: i64,
    pub description: Option<String>,
    pub include_deferred: bool,
}

/// A DAG that the server has parsed at least once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dag {
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
pub struct Version {
    pub number: u32,
    pub created_ms: i64,
}

/// Everything that the server knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Members as they were written, secrets included; rows are listed in the order in which they were made.
    pub connections: Vec<Map<String, Value>>,
    pub variables: Vec<Variable>,
    pub pools: Vec<Pool>,
    pub dags: BTreeMap<String, Dag>,
    pub runs: Vec<runs::Run>,
    pub files: BTreeMap<String, files::File>,
    pub errors: BTreeMap<String, files::ImportError>,
    /// The DAG folder, which file names begin with.
    pub folder: String,
}

impl Default for State {
    fn default() -> Self {
        let pool = Pool {
            name: pools::DEFAULT.to_owned(),
            slots: 128,
            description: Some("Default pool".to_owned()),
            include_deferred: false,
        };
        State {
            connections: Vec::new(),
            variables: Vec::new(),
            pools: vec![pool],
            dags: BTreeMap::new(),
            runs: Vec::new(),
            files: BTreeMap::new(),
            errors: BTreeMap::new(),
            folder: "/opt/airflow/dags".to_owned(),
        }
    }
}

/// Whether a request looks at the DAGs: two looks and a changed file is noticed.
pub fn looks(request: &Request) -> bool {
    let rest = request.path.split('/').nth(3).unwrap_or_default();
    request.method == "GET" && ["dags", "dagSources", "importErrors"].contains(&rest)
}

/// Answers one request. The folder has been dealt with before (see [`files`]).
pub fn handle(store: &mut Store, access: &auth::Access, request: &mut Request, malformed: bool) -> Answer {
    let answered = answer(store, access, request, malformed);
    answered.unwrap_or_else(|refused| refused)
}

fn answer(store: &mut Store, access: &auth::Access, request: &mut Request, malformed: bool) -> Replied {
    let api = if store.settings.airflow.version == 2 { Api::V1 } else { Api::V2 };
    let path = request.path.clone();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let rest = match (api, segments.as_slice()) {
        (Api::V2, ["auth", "token"] | ["auth", "token", "cli"]) if request.method == "POST" => {
            return match malformed {
                true => Err(replies::malformed(api)),
                false => auth::token(store, access, request),
            };
        }
        (Api::V2, ["api", "v2", rest @ ..]) | (Api::V1, ["api", "v1", rest @ ..]) => rest,
        (Api::V1, ["health"]) => &["health"],
        _ => return Err(endpoint(api, &path, false)),
    };
    // These two need nobody to sign in.
    match (request.method.as_str(), api, rest) {
        ("GET", _, ["version"]) => {
            let git = if api == Api::V2 { json!(".release:sandbox") } else { json!("") };
            let version = parse::version(store.settings.airflow.version);
            return ok(json!({ "version": version, "git_version": git }));
        }
        ("GET", Api::V2, ["monitor", "health"]) | ("GET", Api::V1, ["health"]) => return ok(health(store, api)),
        _ => {}
    }
    request.user = auth::authenticate(store, access, api, request)?;
    auth::authorise(api, request, rest)?;
    if malformed {
        return Err(replies::malformed(api));
    }
    runs::tick(store, looks(request));
    let replied = match rest {
        [kind @ ("connections" | "variables" | "pools")] if api == Api::V2 && request.method == "PATCH" => {
            Some(bulk::handle(store, request, kind))
        }
        ["connections", rest @ ..] => connections::handle(store, api, request, rest),
        ["variables", rest @ ..] => variables::handle(store, api, request, rest),
        ["pools", rest @ ..] => pools::handle(store, api, request, rest),
        ["dags", dag, "dagRuns", rest @ ..] => runs::handle(store, api, request, dag, rest),
        _ => dags::handle(store, api, request, rest),
    };
    let known = rest.len() < 3 && rest.first().is_some_and(|first| KNOWN.contains(first));
    replied.unwrap_or_else(|| Err(endpoint(api, &path, known)))
}

/// What paths may begin with: on these a wrong method is another error than an unknown path.
const KNOWN: [&str; 11] = [
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
];

fn health(store: &Store, api: Api) -> Value {
    let now = Api::V1.time(store.now());
    let healthy = |beat: &str| json!({ "status": "healthy", beat: now });
    let processor = match api {
        Api::V2 => healthy("latest_dag_processor_heartbeat"),
        // The scheduler parses in Airflow 2.
        Api::V1 => json!({ "status": null, "latest_dag_processor_heartbeat": null }),
    };
    json!({
        "metadatabase": { "status": "healthy" },
        "scheduler": healthy("latest_scheduler_heartbeat"),
        "triggerer": healthy("latest_triggerer_heartbeat"),
        "dag_processor": processor,
    })
}
