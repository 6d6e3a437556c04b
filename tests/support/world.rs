//! A workspace to try things on, and the way from manifests to an applied plan.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use plumb::apply::{self, ApplyOptions, UnwatchedApply};
use plumb::services::retry::Policy;
use plumb_core::kinds::airflow::python;
use plumb_core::kinds::databricks::secret_mark::{self, ListedKey, ScopeMark};
use plumb_core::kinds::databricks::secret_scope::MARK;
use plumb_core::kinds::{self, Kind, Role};
use plumb_core::manifest::{self, Desired, InMemory, Request};
use plumb_core::plan::outcome::ApplyOutcome;
use plumb_core::plan::{Baselines, Blocked, Decision, Guard, Input, Live, Plan, Selection, decide};
use plumb_core::render;
use plumb_model::call::{ByteSink, Call, Sending, Service, System};
use plumb_sandbox::{Running, store::Clock};

use plumb::services::emr::EmrSettings;
use plumb::services::{Airflow, Aws, DagFiles, Databricks, Emr, Requests, Services, airflow, aws, databricks};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, atomic::AtomicBool};
use std::time::Duration;

/// The name of the project, and so the first part of every mark.
pub const PROJECT: &str = "laws";
/// The name of its target.
pub const TARGET: &str = "test";

/// Files of a project, by path below `manifests/`.
pub type Files = BTreeMap<String, String>;

/// When everything happens, in the sandbox as in plans: the first day of the fixtures' schedules.
const NOW: i64 = 1_714_521_600_000;

/// The kinds of a system.
pub fn kinds_of(system: System) -> Vec<&'static dyn Kind> {
    kinds::objects().iter().copied().filter(|kind| kind.system() == system).collect()
}

/// All services of the sandbox: a call says which one it is for.
pub struct Direct {
    databricks: Databricks,
    airflow: Airflow,
    files: DagFiles,
    emr: Option<Emr>,
}

impl Service for Direct {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        match call.system {
            System::Databricks => self.databricks.send(call),
            System::Airflow => self.airflow.send(call),
            System::DagFiles => self.files.send(call),
            System::Emr if self.emr.is_some() => self.emr.as_ref().unwrap().send(call),
            System::Emr | System::GitHub => panic!("the sandbox has no {}", call.system.name()),
        }
    }

    fn send_bytes<'a>(&'a self, call: &'a Call, body: &'a Bytes) -> Sending<'a> {
        self.databricks.send_bytes(call, body)
    }

    fn receive<'a>(&'a self, call: &'a Call, sink: &'a mut dyn ByteSink) -> Sending<'a> {
        self.databricks.receive(call, sink)
    }
}

impl Direct {
    /// Clients of Databricks, Airflow and EMR at these addresses, that do not wait long.
    fn at([databricks, airflow, emr]: [Option<String>; 3], folder: &std::path::Path) -> Direct {
        let policy = Policy {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(2),
            total: Duration::from_secs(5),
            unanswered: 3,
        };
        let workspace = databricks::DatabricksConfig::with_token(&databricks.unwrap(), "token-of-laws").unwrap();
        let server = airflow::AirflowConfig::local(&airflow.unwrap(), "admin", "password-of-laws").unwrap();
        Direct {
            databricks: Databricks::with(workspace, policy, Box::new(|| 0.5)).unwrap(),
            airflow: Airflow::with(server, policy, Box::new(|| 0.5)).unwrap(),
            files: DagFiles::folder(folder),
            emr: emr.map(|url| emulated_emr(url, policy)),
        }
    }
}

/// A sandbox, and clients that do not wait long.
pub struct World {
    running: Running,
    client: reqwest::Client,
    direct: Arc<Direct>,
    /// The DAG folder, which Airflow reads.
    folder: tempfile::TempDir,
    /// What is read for a plan.
    kinds: Vec<&'static dyn Kind>,
    empty: Value,
}

impl World {
    /// An empty workspace and an empty Airflow 3.
    pub async fn new() -> World {
        World::start(3, kinds::objects().to_vec(), false).await
    }

    /// The same with an empty EMR beside it, all of which is looked at. It is for `tests/laws/teardown/`.
    #[allow(dead_code)]
    pub async fn with_emr() -> World {
        let kinds = kinds::all().iter().copied().filter(|kind| kind.role() != Role::Relation).collect();
        World::start(3, kinds, true).await
    }

    /// The same, of which only one system is looked at: what no manifest speaks of need not be read again and again.
    pub async fn of(system: System) -> World {
        World::start(3, kinds_of(system), false).await
    }

    /// An empty Airflow 2.
    pub async fn airflow_2() -> World {
        World::start(2, kinds_of(System::Airflow), false).await
    }

    async fn start(version: u8, kinds: Vec<&'static dyn Kind>, with_emr: bool) -> World {
        let folder = tempfile::tempdir().unwrap();
        let dags = Some(folder.path().to_owned());
        let airflow = plumb_sandbox::airflow::AirflowOptions { version, dags, ..Default::default() };
        let emr = with_emr.then(plumb_sandbox::emr::EmrOptions::default);
        let options = plumb_sandbox::SandboxOptions { airflow: Some(airflow), emr, ..Default::default() };
        let running = plumb_sandbox::start_at(options, Clock::Fixed(NOW)).await.unwrap();
        let urls = [Some(running.url()), running.airflow_url(), running.emr_url()];
        let direct = Arc::new(Direct::at(urls, folder.path()));
        let client = plumb::services::http::client(true).unwrap();
        let mut world = World { running, client, direct, folder, kinds, empty: Value::Null };
        world.empty = world.state().await;
        world
    }

    /// Where the sandbox's systems are: Databricks, Airflow, and EMR if there is one.
    pub fn urls(&self) -> [Option<String>; 3] {
        [Some(self.running.url()), self.running.airflow_url(), self.running.emr_url()]
    }

    /// The services at other addresses, behind which the same sandbox is.
    pub fn at(&self, urls: [Option<String>; 3]) -> Services {
        self.through(Arc::new(Direct::at(urls, self.folder.path())))
    }

    /// A file of the DAG folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The names of the files of the DAG folder.
    pub fn files(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Empties the workspace, the log and the faults.
    pub async fn reset(&self) {
        self.put_state(&self.empty).await;
        self.control("DELETE", "faults", Value::Null).await;
        self.forget_requests().await;
    }

    /// Asks one of the sandbox's own endpoints.
    pub async fn control(&self, method: &str, what: &str, body: Value) -> Value {
        let url = format!("{}/_sandbox/{what}", self.running.url());
        let request = self.client.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{method} {what}: {status} {body}");
        body
    }

    /// All that is live, as the sandbox keeps it, and under `folder` the files of the DAG folder: the text of each and, if
    /// it is plumb's, the mark.
    pub async fn state(&self) -> Value {
        let mut state = self.control("GET", "state", Value::Null).await;
        state["folder"] = json!({});
        for name in self.files() {
            let text = std::fs::read_to_string(self.file(&name)).unwrap();
            let mut file = json!({ "text": text });
            if let Some(mark) = python::mark_of(&text) {
                file[python::HEADER] = json!(mark);
            }
            state["folder"][name] = file;
        }
        for (name, scope) in scopes(&mut state) {
            let mark = ScopeMark::read(&keys(scope));
            rename(scope, SCOPE_MEMBERS);
            scope["scope"] = json!(name);
            if !mark.words.is_empty() {
                scope[MARK] = json!(mark.words);
            }
        }
        state
    }

    /// Replaces all that is live. A file of plumb's that comes without a mark loses its first line, which is the mark, and a
    /// scope the keys that are it.
    pub async fn put_state(&self, state: &Value) {
        let wanted = state["folder"].as_object().unwrap();
        for name in self.files().iter().filter(|name| !wanted.contains_key(*name)) {
            std::fs::remove_file(self.file(name)).unwrap();
        }
        for (name, file) in wanted {
            let mut text = file["text"].as_str().unwrap();
            if python::mark_of(text).is_some() && file.get(python::HEADER).is_none() {
                text = text.split_once('\n').unwrap().1;
            }
            std::fs::write(self.file(name), text).unwrap();
        }
        let mut state = state.clone();
        for (_, scope) in scopes(&mut state) {
            rename(scope, SCOPE_MEMBERS.map(|(kept, shown)| (shown, kept)));
            let scope = scope.as_object_mut().unwrap();
            scope.remove("scope");
            let words = scope.remove(MARK).and_then(|mark| mark.as_str().map(str::to_owned)).unwrap_or_default();
            let live = ScopeMark::read(&keys(&json!(scope)));
            if live.words == words {
                continue;
            }
            let secrets = scope["secrets"].as_object_mut().unwrap();
            secrets.retain(|key, _| !key.starts_with(secret_mark::PREFIX));
            let new = if words.is_empty() { Vec::new() } else { live.with_words(&words).keys() };
            secrets.extend(new.into_iter().map(|key| (key, json!({ "value": "bWFyaw==", "updated": NOW }))));
        }
        self.control("PUT", "state", state).await;
    }

    /// Changes some settings of the sandbox.
    pub async fn settings(&self, settings: Value) {
        self.control("PATCH", "settings", settings).await;
    }

    /// What was asked of the workspace since the log was last emptied.
    pub async fn requests(&self) -> Vec<Value> {
        self.control("GET", "requests", Value::Null).await.as_array().unwrap().clone()
    }

    /// How many requests of the log were writes.
    pub async fn writes(&self) -> usize {
        self.requests().await.iter().filter(|r| r["method"] != "GET").count()
    }

    /// Empties the log.
    pub async fn forget_requests(&self) {
        self.control("DELETE", "requests", Value::Null).await;
    }

    /// The services as one, to wrap.
    pub fn direct(&self) -> Arc<Direct> {
        self.direct.clone()
    }

    /// The services as plumb sees them.
    pub fn services(&self) -> Services {
        self.through(self.direct())
    }

    /// The same through a service of one's own.
    pub fn through(&self, service: Arc<dyn Service>) -> Services {
        let emr = self.direct.emr.as_ref().map(|_| System::Emr);
        let systems = [System::Databricks, System::Airflow, System::DagFiles].into_iter().chain(emr);
        systems.fold(Services::default(), |all, system| all.with(system, service.clone(), Requests::default()))
    }

    /// Sends one call as a person with a browser would.
    pub async fn person(&self, call: Call) -> Value {
        self.direct.send(&call).await.unwrap().body
    }

    /// Reads what is live, and decides.
    pub async fn plan(&self, desired: &Desired) -> (Live, Decision) {
        self.plan_through(&self.services(), desired).await.unwrap_or_else(|e| panic!("planning failed: {e}"))
    }

    /// The same through a service of one's own.
    pub async fn plan_through(&self, services: &Services, desired: &Desired) -> Result<(Live, Decision), String> {
        let live = self.observe(services, desired).await?;
        let decision = decision(desired, &live);
        Ok((live, decision))
    }

    /// Reads what is live.
    pub async fn observe(&self, services: &Services, desired: &Desired) -> Result<Live, String> {
        let (all, deaf) = (Selection::default(), plumb::observe::UnwatchedRead);
        plumb::observe::observe(services, &self.kinds, desired, &all, &deaf).await.map_err(|e| e.to_string())
    }

    /// Plans and applies.
    pub async fn apply(&self, desired: &Desired) -> (Plan, ApplyOutcome) {
        let (live, decision) = self.plan(desired).await;
        let plan = decision.plan.clone();
        let outcome = self.carry_out(&self.services(), desired, &live, decision).await;
        (plan, outcome)
    }

    /// Applies a decision, one change after the other.
    pub async fn carry_out(
        &self,
        services: &Services,
        desired: &Desired,
        live: &Live,
        decision: Decision,
    ) -> ApplyOutcome {
        apply::apply(services, desired, live, decision, options(), &UnwatchedApply, Arc::new(AtomicBool::new(false)))
            .await
    }

    /// Plans and applies, and fails unless everything was done.
    pub async fn settle(&self, desired: &Desired, what: &str) -> Plan {
        let (plan, outcome) = self.apply(desired).await;
        assert!(blocked(&plan).is_empty(), "{what}: blocked\n{}", text(&plan));
        assert_done(&outcome, what);
        plan
    }

    /// Fails unless there is nothing left to do.
    pub async fn assert_settled(&self, desired: &Desired, what: &str) {
        let (_, decision) = self.plan(desired).await;
        assert!(decision.plan.is_empty(), "{what}: there is something left to do\n{}", text(&decision.plan));
        assert_eq!(decision.plan.unchanged, desired.resources.len(), "{what}: not everything is unchanged");
    }

    /// Fails unless exactly the project's resources carry its marks, one object each, and Airflow knows their DAGs only.
    pub async fn assert_one_of_each(&self, desired: &Desired, what: &str) {
        let wanted: BTreeMap<String, usize> =
            desired.resources.iter().map(|r| (format!("{PROJECT}/{TARGET}/{}", r.address), 1)).collect();
        assert_eq!(self.marks().await, wanted, "{what}: marks of live objects");
        let dags = desired.resources.iter().filter(|r| r.address.kind == "AirflowDag");
        let ids: BTreeSet<&str> = dags.map(|r| r.spec["dag_id"].as_str().unwrap()).collect();
        let state = self.state().await;
        let known: BTreeSet<&str> = state["airflow"]["dags"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(known, ids, "{what}: the DAGs that Airflow knows");
        let files: BTreeSet<String> = ids.iter().map(|id| python::file_name(id)).collect();
        assert_eq!(self.files(), files, "{what}: the DAG folder");
    }

    /// How many live objects carry each mark of the project.
    pub async fn marks(&self) -> BTreeMap<String, usize> {
        let (mut marks, mut state) = (BTreeMap::new(), self.state().await);
        for kind in kinds::objects() {
            for (_, spec) in objects(&mut state, *kind) {
                if let Some(mark) = kind.mark().take(spec) {
                    *marks.entry(mark.owner.to_string()).or_insert(0) += 1;
                }
            }
        }
        marks
    }
}

/// A client of the emulated EMR.
fn emulated_emr(url: String, policy: Policy) -> Emr {
    let env: aws::Env = Arc::new(move |name| match name {
        "AWS_ENDPOINT_URL" => Some(url.clone()),
        "AWS_ACCESS_KEY_ID" => Some(plumb_sandbox::emr::KEY.to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(plumb_sandbox::emr::SECRET.to_owned()),
        _ => None,
    });
    let aws = Aws::new(env.clone(), &aws::Files::read(&env)).unwrap();
    let explicit = EmrSettings { region: Some(plumb_sandbox::emr::REGION.to_owned()), account: None, pace: None };
    Emr::with(aws, &explicit, policy).unwrap()
}

/// One change after the other, and no long waits.
pub fn options() -> ApplyOptions {
    ApplyOptions {
        width: 1,
        // Reading DAG files takes a Python, and on a busy machine that takes its time.
        patience: Duration::from_secs(30),
        grace: [0, 1, 1, 1].map(Duration::from_millis).to_vec(),
        poll: Duration::from_millis(1),
        outage: Duration::ZERO,
        ..ApplyOptions::default()
    }
}

/// Decides about everything, on a fixed day.
pub fn decision(desired: &Desired, live: &Live) -> Decision {
    decision_by(desired, live, &Baselines::new())
}

/// The same, and something is known of earlier manifests.
pub fn decision_by(desired: &Desired, live: &Live, bases: &Baselines) -> Decision {
    decision_at(desired, live, bases, jiff::Timestamp::from_millisecond(NOW).unwrap(), ("", false))
}

/// The same at another time, by somebody, and perhaps with `--allow-teardown`.
pub fn decision_at(
    desired: &Desired,
    live: &Live,
    bases: &Baselines,
    now: jiff::Timestamp,
    by: (&str, bool),
) -> Decision {
    let mut decision = decide(&Input {
        desired,
        live,
        baselines: bases,
        selection: &Selection::default(),
        head: Some("0123456789ab"),
        base: None,
        today: now.to_zoned(jiff::tz::TimeZone::UTC).date(),
        now,
        who: by.0,
        allow_teardown: by.1,
        approval_key: None,
        kinds: kinds::all(),
        absent: &[],
    });
    // As with `--override restart`: whatever is live is taken over.
    decision.plan.blocked.retain(|blocked| blocked.guard != Some(Guard::Restart));
    decision
}

/// What stands in a plan's way, without what is allowed here as by `--allow-run-now`: that runs start.
pub fn blocked(plan: &Plan) -> Vec<&Blocked> {
    plan.blocked.iter().filter(|blocked| blocked.guard != Some(Guard::RunNow)).collect()
}

/// Fails unless every change was done and left nothing behind.
pub fn assert_done(outcome: &ApplyOutcome, what: &str) {
    for (address, ended) in &outcome.changes {
        match ended {
            plumb_core::plan::outcome::Ended::Done { left, .. } if left.is_empty() => {}
            other => panic!("{what}: {address} ended as {other:#?}"),
        }
    }
}

/// The plan as a person reads it.
pub fn text(plan: &Plan) -> String {
    render::text(plan, render::Style::default())
}

/// The plan in every form that it is shown in.
pub fn every_form(plan: &Plan) -> String {
    [
        render::text(plan, render::Style::default()),
        render::text(plan, render::Style { colour: true, width: 80 }),
        render::markdown(plan, &render::MarkdownOptions::default()),
        render::json(plan).unwrap(),
    ]
    .join("\n")
}

/// What stands for `${env.NAME}` in these tests; in base64 where the name says so.
pub fn secret(name: &str) -> String {
    let plain = format!("plain-{name}-0f9d");
    if name.contains("_BASE64") { STANDARD.encode(plain) } else { plain }
}

/// Reads a project of these files.
pub fn load(files: &Files) -> Desired {
    try_load(files).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Reads a project of these files, or says what is wrong with it.
pub fn try_load(files: &Files) -> Result<Desired, String> {
    load_with(files, &secret)
}

/// Reads a project of these files, with another environment.
pub fn load_with(files: &Files, env: &dyn Fn(&str) -> String) -> Result<Desired, String> {
    load_as(PROJECT, TARGET, files, env)
}

/// Reads another project, or for another target.
pub fn load_as(project: &str, target: &str, files: &Files, env: &dyn Fn(&str) -> String) -> Result<Desired, String> {
    let mut names: Vec<&str> = files
        .values()
        .flat_map(|text| text.split("${env.").skip(1))
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
        .collect();
    names.sort_unstable();
    names.dedup();
    let project = json!({
        "apiVersion": "plumb/v1",
        "kind": "Project",
        "metadata": { "name": project },
        "spec": {
            "manifests": ["manifests"],
            // What the last manifest of a kind made is found where the target says that there may be any.
            "targets": { target: { "sandbox": true, "default": true, "databricks": { "catalogs": ["main"] } } },
            "env": names,
        },
    });
    let mut all: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, text)| (format!("manifests/{path}"), text.clone().into_bytes())).collect();
    all.entry("manifests/.empty.yaml".into()).or_default();
    all.insert("plumb.yaml".into(), project.to_string().into_bytes());
    let request = Request {
        target: None,
        variables: Default::default(),
        env: &|name| Some(env(name)),
        user: Some("laws".into()),
    };
    manifest::load(&InMemory(all), &request, kinds::all())
        .map_err(|failure| render::problems(&failure.files, &failure.problems, render::Style::default()))
}

/// The live objects of a kind inside a state: each id and its spec as the service keeps it.
pub fn objects<'s>(state: &'s mut Value, kind: &dyn Kind) -> Vec<(String, &'s mut Value)> {
    let (folder, member) = match kind.name() {
        "AirflowConnection" => return rows(state, "connections", "connection_id"),
        "AirflowVariable" => return rows(state, "variables", "key"),
        "AirflowPool" => return rows(state, "pools", "name"),
        // The object is plumb's file; what Airflow makes of it is looked at apart.
        "AirflowDag" => {
            let files = state["folder"].as_object_mut().unwrap().iter_mut();
            let mine = files.filter(|(_, file)| file.get(python::HEADER).is_some());
            return mine.map(|(name, file)| (name.trim_end_matches(".py").to_owned(), file)).collect();
        }
        "DatabricksJob" => ("jobs", "settings"),
        "DatabricksCluster" => ("clusters", "effective"),
        "DatabricksClusterPolicy" => ("policies", ""),
        "DatabricksInstancePool" => ("instance_pools", ""),
        "DatabricksPipeline" => ("pipelines", "spec"),
        "DatabricksSqlWarehouse" => ("warehouses", ""),
        "DatabricksSchema" => ("schemas", ""),
        "DatabricksVolume" => ("volume_objects", ""),
        "DatabricksExternalLocation" => ("external_locations", ""),
        "DatabricksSecretScope" => ("secrets", ""),
        other => panic!("say here where the sandbox keeps the objects of {other}"),
    };
    let folder = state["databricks"][folder].as_object_mut().unwrap();
    folder
        .iter_mut()
        .map(|(id, object)| (id.clone(), if member.is_empty() { object } else { &mut object[member] }))
        .collect()
}

/// What the sandbox keeps of a scope under other names than the spec has.
const SCOPE_MEMBERS: [(&str, &str); 4] = [
    ("backend_type", "scope_backend_type"),
    ("keyvault", "backend_azure_keyvault"),
    ("secrets", "kept_secrets"),
    ("acls", "kept_acls"),
];

fn rename(object: &mut Value, names: [(&str, &str); 4]) {
    let object = object.as_object_mut().unwrap();
    for (from, to) in names {
        let value = object.remove(from);
        object.remove(to);
        object.extend(value.map(|value| (to.to_owned(), value)));
    }
}

/// The secret scopes of a state, by name.
fn scopes(state: &mut Value) -> impl Iterator<Item = (String, &mut Value)> {
    let scopes = state["databricks"].get_mut("secrets").and_then(Value::as_object_mut);
    scopes.into_iter().flatten().map(|(name, scope)| (name.clone(), scope))
}

/// The keys of a scope as the sandbox keeps it.
fn keys(scope: &Value) -> Vec<ListedKey> {
    let key =
        |(key, secret): (&String, &Value)| ListedKey { key: key.clone(), updated: secret["updated"].as_i64().unwrap() };
    scope["secrets"].as_object().unwrap().iter().map(key).collect()
}

/// The rows of a table of Airflow, without its own pool.
fn rows<'s>(state: &'s mut Value, table: &str, id: &str) -> Vec<(String, &'s mut Value)> {
    let rows = state["airflow"][table].as_array_mut().unwrap().iter_mut();
    rows.map(|row| (row[id].as_str().unwrap().to_owned(), row)).filter(|(id, _)| id != "default_pool").collect()
}

/// Runs cases, each on a workspace of its own, a few at the same time, and fails with the names and reasons of all that
/// failed.
pub async fn each<F>(cases: impl IntoIterator<Item = (String, F)>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut waiting = cases.into_iter();
    let mut running = tokio::task::JoinSet::new();
    let mut names = BTreeMap::new();
    let (mut count, mut failed) = (0, Vec::new());
    loop {
        while running.len() < 4
            && let Some((name, case)) = waiting.next()
        {
            names.insert(running.spawn(case).id(), name);
            count += 1;
        }
        match running.join_next().await {
            None => break,
            Some(Ok(())) => {}
            Some(Err(e)) => {
                let name = names[&e.id()].clone();
                let why = e.into_panic();
                let why = why.downcast_ref::<String>().map(String::as_str).or(why.downcast_ref::<&str>().copied());
                failed.push(format!("{name}:\n{}", why.unwrap_or("a panic without a message")));
            }
        }
    }
    assert!(count > 0, "there are no cases");
    assert!(failed.is_empty(), "{} of {count} cases failed\n\n{}", failed.len(), failed.join("\n\n"));
}
