//! A workspace to try things on, and the way from manifests to an applied plan.

use plumb::apply::{self, Options, Outcome, Unwatched};
use plumb::call::{Call, Service, System};
use plumb::kinds::{self, AnyKind};
use plumb::manifest::{self, Desired, InMemory, Request};
use plumb::plan::{Bases, Decision, Input, Live, Plan, Selection, decide};
use plumb::render;
use plumb::sandbox::{self, Running};
use plumb::services::databricks::Config;
use plumb::services::retry::Policy;
use plumb::services::{Databricks, Requests, Services};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, atomic::AtomicBool};
use std::time::Duration;

/// The name of the project, and so the first part of every mark.
pub const PROJECT: &str = "laws";
/// The name of its target.
pub const TARGET: &str = "test";

/// Files of a project, by path below `manifests/`.
pub type Files = BTreeMap<String, String>;

/// The kinds that the sandbox serves.
pub fn served() -> &'static [&'static dyn AnyKind] {
    static SERVED: std::sync::OnceLock<Vec<&'static dyn AnyKind>> = std::sync::OnceLock::new();
    SERVED.get_or_init(|| kinds::all().iter().copied().filter(|k| k.system() == System::Databricks).collect())
}

/// A sandbox, and a client that does not wait long.
pub struct World {
    running: Running,
    client: reqwest::Client,
    direct: Arc<Databricks>,
    empty: Value,
}

impl World {
    /// An empty workspace.
    pub async fn new() -> World {
        let running = sandbox::start(sandbox::Options::default()).await.unwrap();
        let config = Config::with_token(&running.url(), "token-of-laws").unwrap();
        let policy = Policy {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(2),
            total: Duration::from_secs(5),
            unanswered: 3,
        };
        let direct = Arc::new(Databricks::with(config, policy, Box::new(|| 0.5)).unwrap());
        let client = plumb::services::http::client(true).unwrap();
        let mut world = World { running, client, direct, empty: Value::Null };
        world.empty = world.state().await;
        world
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

    /// All that is live, as the sandbox keeps it.
    pub async fn state(&self) -> Value {
        self.control("GET", "state", Value::Null).await
    }

    /// Replaces all that is live.
    pub async fn put_state(&self, state: &Value) {
        self.control("PUT", "state", state.clone()).await;
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

    /// The workspace's service, to wrap.
    pub fn direct(&self) -> Arc<Databricks> {
        self.direct.clone()
    }

    /// The workspace as plumb sees it.
    pub fn services(&self) -> Services {
        self.through(self.direct())
    }

    /// The same through a service of one's own.
    pub fn through(&self, service: Arc<dyn Service>) -> Services {
        Services::default().with(System::Databricks, service, Requests::default())
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
        let live =
            plumb::observe::observe(services, served(), desired, &Selection::default(), &plumb::observe::Unwatched)
                .await
                .map_err(|e| e.to_string())?;
        let decision = decision(desired, &live);
        Ok((live, decision))
    }

    /// Plans and applies.
    pub async fn apply(&self, desired: &Desired) -> (Plan, Outcome) {
        let (live, decision) = self.plan(desired).await;
        let plan = decision.plan.clone();
        let outcome = self.carry_out(&self.services(), desired, &live, decision).await;
        (plan, outcome)
    }

    /// Applies a decision, one change after the other.
    pub async fn carry_out(&self, services: &Services, desired: &Desired, live: &Live, decision: Decision) -> Outcome {
        apply::apply(services, desired, live, decision, options(), &Unwatched, Arc::new(AtomicBool::new(false))).await
    }

    /// Plans and applies, and fails unless everything was done.
    pub async fn settle(&self, desired: &Desired, what: &str) -> Plan {
        let (plan, outcome) = self.apply(desired).await;
        assert!(plan.blocked.is_empty(), "{what}: blocked\n{}", text(&plan));
        assert_done(&outcome, what);
        plan
    }

    /// Fails unless there is nothing left to do.
    pub async fn assert_settled(&self, desired: &Desired, what: &str) {
        let (_, decision) = self.plan(desired).await;
        assert!(decision.plan.is_empty(), "{what}: there is something left to do\n{}", text(&decision.plan));
        assert_eq!(decision.plan.unchanged, desired.resources.len(), "{what}: not everything is unchanged");
    }

    /// Fails unless exactly the project's resources carry its marks, one object each.
    pub async fn assert_one_of_each(&self, desired: &Desired, what: &str) {
        let wanted: BTreeMap<String, usize> =
            desired.resources.iter().map(|r| (format!("{PROJECT}/{TARGET}/{}", r.address), 1)).collect();
        assert_eq!(self.marks().await, wanted, "{what}: marks of live objects");
    }

    /// How many live objects carry each mark of the project.
    pub async fn marks(&self) -> BTreeMap<String, usize> {
        let (mut marks, mut state) = (BTreeMap::new(), self.state().await);
        for kind in served() {
            for (_, spec) in objects(&mut state, *kind) {
                if let Some(mark) = kind.mark().take(spec) {
                    *marks.entry(mark.owner.to_string()).or_insert(0) += 1;
                }
            }
        }
        marks
    }
}

/// One change after the other, and no long waits.
pub fn options() -> Options {
    Options {
        width: 1,
        patience: Duration::from_secs(2),
        grace: [0, 1, 1, 1].map(Duration::from_millis).to_vec(),
        poll: Duration::from_millis(1),
        outage: Duration::ZERO,
    }
}

/// Decides about everything, on a fixed day.
pub fn decision(desired: &Desired, live: &Live) -> Decision {
    decision_by(desired, live, &Bases::new())
}

/// The same, and something is known of earlier manifests.
pub fn decision_by(desired: &Desired, live: &Live, bases: &Bases) -> Decision {
    decide(&Input {
        desired,
        live,
        bases,
        selection: &Selection::default(),
        head: Some("0123456789ab"),
        base: None,
        today: jiff::civil::date(2024, 5, 1),
        now: jiff::Timestamp::UNIX_EPOCH,
        kinds: served(),
        absent: &[],
    })
}

/// Fails unless every change was done and left nothing behind.
pub fn assert_done(outcome: &Outcome, what: &str) {
    for (address, ended) in &outcome.changes {
        match ended {
            apply::Ended::Done { left, .. } if left.is_empty() => {}
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
        render::markdown(plan, &render::Options::default()),
        render::json(plan).unwrap(),
    ]
    .join("\n")
}

/// What stands for `${env.NAME}` in these tests.
pub fn secret(name: &str) -> String {
    format!("plain-{name}-0f9d")
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
            "targets": { target: { "sandbox": true, "default": true } },
            "env": names,
        },
    });
    let mut all: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, text)| (format!("manifests/{path}"), text.clone().into_bytes())).collect();
    all.entry("manifests/.empty.yaml".into()).or_default();
    all.insert("plumb.yaml".into(), project.to_string().into_bytes());
    let request =
        Request { target: None, variables: BTreeMap::new(), env: &|name| Some(env(name)), user: Some("laws".into()) };
    manifest::load(&InMemory(all), &request, kinds::all())
        .map_err(|failure| render::problems(&failure.files, &failure.problems, false))
}

/// The live objects of a kind inside a state: each id and its spec as the service keeps it.
pub fn objects<'s>(state: &'s mut Value, kind: &dyn AnyKind) -> Vec<(String, &'s mut Value)> {
    let (folder, member) = match kind.name() {
        "DatabricksJob" => ("jobs", "settings"),
        "DatabricksCluster" => ("clusters", "effective"),
        "DatabricksClusterPolicy" => ("policies", ""),
        "DatabricksInstancePool" => ("instance_pools", ""),
        other => panic!("say here where the sandbox keeps the objects of {other}"),
    };
    let folder = state["databricks"][folder].as_object_mut().unwrap();
    folder
        .iter_mut()
        .map(|(id, object)| (id.clone(), if member.is_empty() { object } else { &mut object[member] }))
        .collect()
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
