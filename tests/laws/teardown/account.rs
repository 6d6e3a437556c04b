//! An account with an old pipeline on EMR and its successor on Databricks, and somebody who tears it down.

use crate::world::{self, Files, World, options};
use plumb::apply::{self, UnwatchedApply};
use plumb::services::Services;
use plumb_core::manifest::Desired;
use plumb_core::parity::result::{OutputResult, Report, SideResult, Verdict};
use plumb_core::parity::rules::rules_hash;
use plumb_core::parity::signature::signed_text;
use plumb_core::plan::outcome::{ApplyOutcome, Ended};
use plumb_core::plan::{Baselines, Decision, Live, Plan};
use plumb_core::teardown::{Commits, Evidence, PendingTeardown};
use plumb_model::call::{Call, Method, System};
use serde_json::{Value, json};
use std::sync::{Arc, atomic::AtomicBool};

/// A day that is past for manifests of `notBefore: 2024-06-01`.
pub const LATER: &str = "2024-06-20T12:00:00Z";
/// The day on which things are marked.
pub const FIRST: &str = "2024-05-20T12:00:00Z";
/// Whose mark is on what these tests mark.
pub const MARK: &str = "laws/test/EmrCluster/legacy";

/// A world, what is seeded in it, and the manifests of its teardown.
pub struct Account {
    pub world: Arc<World>,
    pub files: Files,
    pub evidence: Evidence,
}

/// The manifest of the clusters whose names begin with `bau-audience-`, with every gate that there is.
pub fn legacy() -> Value {
    json!({
        "apiVersion": "plumb/v1", "kind": "EmrCluster", "metadata": { "name": "legacy" },
        "spec": {
            "match": { "name": "bau-audience-*" },
            "desired": "teardown",
            "teardown": {
                "notBefore": "2024-06-01",
                "grace": "14d",
                "replacedBy": ["DatabricksJob/cleanse"],
                "requires": {
                    "greenRuns": 2, "parity": { "passes": 1 },
                    "dagPaused": ["AirflowDag/old-code", "AirflowDag/of-plumb"],
                },
            },
        },
    })
}

/// The migration of it.
pub fn migration(emr: &[&str]) -> Value {
    json!({
        "apiVersion": "plumb/v1", "kind": "Migration", "metadata": { "name": "audience" },
        "spec": { "from": { "emr": emr }, "to": { "jobs": ["DatabricksJob/cleanse"] } },
    })
}

/// What took over, and the DAGs that started the old: one of other people's code, one of plumb's own.
pub fn new_pipeline() -> Vec<Value> {
    vec![
        json!({ "apiVersion": "plumb/v1", "kind": "DatabricksJob", "metadata": { "name": "cleanse" },
            "spec": { "name": "cleanse", "tasks": [{ "task_key": "t",
                "notebook_task": { "notebook_path": "/Shared/x" } }] } }),
        json!({ "apiVersion": "plumb/v1", "kind": "AirflowDag", "metadata": { "name": "old-code" },
            "spec": { "source": "external", "paused": true } }),
        json!({ "apiVersion": "plumb/v1", "kind": "AirflowDag", "metadata": { "name": "of-plumb" },
            "spec": { "paused": true, "tasks": [{ "id": "only", "job": "etl" }] } }),
    ]
}

/// Manifests as files.
pub fn files(documents: &[Value]) -> Files {
    let named = |d: &Value| format!("{}-{}.yaml", d["kind"].as_str().unwrap(), d["metadata"]["name"].as_str().unwrap());
    documents.iter().map(|d| (named(d), d.to_string())).collect()
}

/// A long-running cluster of a seed.
pub fn cluster(name: &str, tags: Value, protected: bool, steps: Value) -> Value {
    let asked: Vec<Value> = steps
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(i, _)| {
            json!({ "Name": format!("step {i}"), "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": { "Jar": "command-runner.jar", "Args": ["true"] } })
        })
        .collect();
    let tags: Vec<Value> = tags.as_object().unwrap().iter().map(|(k, v)| json!({ "Key": k, "Value": v })).collect();
    let is_busy = steps.as_array().unwrap().iter().any(|s| s["state"] == "RUNNING" || s["state"] == "PENDING");
    json!({
        "run": {
            "Name": name, "ReleaseLabel": "emr-6.15.0", "JobFlowRole": "EMR_EC2_DefaultRole",
            "ServiceRole": "EMR_DefaultRole", "Tags": tags, "Steps": asked,
            "Instances": {
                "KeepJobFlowAliveWhenNoSteps": true, "TerminationProtected": protected,
                "InstanceGroups": [{ "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 }],
            },
        },
        "created": "2023-11-02T04:00:00Z", "steps": steps,
        "state": if is_busy { "RUNNING" } else { "WAITING" },
    })
}

/// A report of a comparison, as a file.
pub fn report(period: &str, passed: bool) -> (String, String) {
    let text = json!({ "format": "plumb.parity/v1", "migration": "audience", "period": period, "passed": passed,
        "checked_at": "2024-05-03T08:00:00Z" });
    (format!("evidence/{period}.json"), text.to_string())
}

/// How the outputs of [`migration`] are compared.
pub fn compare() -> Value {
    json!({ "outputs": [{ "name": "segments", "old": { "path": "s3://bau/{period}/", "format": "parquet" },
        "new": { "table": "prod.bau.segments", "where": { "month": "{period}" } } }], "warehouse": "small" })
}

/// A report that plumb made of [`compare`], as a file.
pub fn made(period: &str, passed: bool, key: Option<&str>) -> (String, String) {
    let rules = rules_hash(&serde_json::from_value(compare()).unwrap());
    let side = SideResult { rows: Some(17), fingerprint: Some("ab".into()), ..SideResult::default() };
    let output = OutputResult {
        verdict: if passed { Verdict::Equal } else { Verdict::Differs },
        only_old: Some(u64::from(!passed)),
        only_new: Some(0),
        differing_rows: Some(0),
        ..OutputResult::blank("segments", side.clone(), side)
    };
    let (path, typed) = report(period, passed);
    let typed: Report = serde_json::from_str(&typed).unwrap();
    let checked_at = "2024-06-03T08:00:00Z".parse().unwrap();
    let made =
        Report { rules: Some(rules), outputs: vec![output], commit: Some("0123456789ab".into()), checked_at, ..typed };
    (path, signed_text(&made, key).unwrap())
}

impl Account {
    /// An account with the new pipeline in place, all of its gates holding but for those of time, and nothing of EMR.
    pub async fn new() -> Account {
        let account = Account::bare().await;
        account.run_job().await;
        account.run_job().await;
        account
    }

    /// The same, and the new pipeline has not run.
    pub async fn bare() -> Account {
        let world = Arc::new(World::with_emr().await);
        let dags = json!([{ "dag_id": "old_code", "is_paused": true }]);
        world.control("POST", "seed", json!({ "airflow": { "dags": dags } })).await;
        // Steps run until they are cancelled, clusters take a look to end; jobs are done at once.
        let settings = json!({ "run_pending_seconds": 0, "run_seconds": 0, "emr": { "step_seconds": 100_000_000 } });
        world.settings(settings).await;
        let new = new_pipeline();
        let first = world::load(&files(&new));
        world.settle(&first, "the new pipeline").await;
        Account { world, files: files(&new), evidence: Evidence::parse([report("2024-04", true)], None) }
    }

    /// The same, with the teardown's manifests.
    pub async fn with(documents: &[Value]) -> Account {
        let mut account = Account::new().await;
        account.declare(documents);
        account
    }

    /// Adds manifests, or replaces them.
    pub fn declare(&mut self, documents: &[Value]) {
        self.files.extend(files(documents));
    }

    /// Runs the new job once.
    pub async fn run_job(&self) {
        let state = self.world.state().await;
        let id = state["databricks"]["jobs"].as_object().unwrap().keys().next().unwrap().parse::<i64>().unwrap();
        let run = Call::set(System::Databricks, Method::Post, "/api/2.2/jobs/run-now", json!({ "job_id": id }));
        self.world.person(run).await;
    }

    /// Adds things to EMR, and answers their ids by name.
    pub async fn seed(&self, emr: Value) -> Value {
        self.world.control("POST", "seed", json!({ "emr": emr })).await["emr"].clone()
    }

    /// Adds a cluster, and answers its id.
    pub async fn cluster(&self, name: &str, protected: bool) -> String {
        self.seeded(cluster(name, json!({ "team": "bau" }), protected, json!([]))).await
    }

    /// Adds one cluster of a seed.
    pub async fn seeded(&self, cluster: Value) -> String {
        let name = cluster["run"]["Name"].as_str().unwrap().to_owned();
        let ids = self.seed(json!({ "clusters": [cluster] })).await;
        ids["clusters"][&name].as_str().unwrap().to_owned()
    }

    /// Asks EMR as a person would.
    pub async fn emr(&self, operation: &str, body: Value) -> Value {
        let path = format!("/elasticmapreduce/{operation}");
        self.world.person(Call::set(System::Emr, Method::Post, path, body)).await
    }

    /// A cluster as EMR describes it.
    pub async fn describe(&self, id: &str) -> Value {
        self.emr("DescribeCluster", json!({ "ClusterId": id })).await["Cluster"].clone()
    }

    /// The tags of a cluster.
    pub async fn tags(&self, id: &str) -> Value {
        let cluster = self.describe(id).await;
        let rows = cluster["Tags"].as_array().unwrap().iter();
        rows.map(|row| (row["Key"].as_str().unwrap().to_owned(), row["Value"].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// The state of a cluster.
    pub async fn state(&self, id: &str) -> String {
        self.describe(id).await["Status"]["State"].as_str().unwrap().to_owned()
    }

    /// Adds a step that runs and runs.
    pub async fn add_step(&self, id: &str) {
        let step = json!({ "Name": "by hand", "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": { "Jar": "command-runner.jar", "Args": ["true"] } });
        self.emr("AddJobFlowSteps", json!({ "JobFlowId": id, "Steps": [step] })).await;
    }

    /// What the manifests ask for.
    pub fn desired(&self) -> Desired {
        world::load(&self.files)
    }

    /// Decides at a time.
    pub async fn plan(&self, now: &str, allow_teardown: bool) -> (Desired, Live, Decision) {
        self.try_plan(&self.world.services(), now, allow_teardown)
            .await
            .unwrap_or_else(|e| panic!("planning failed: {e}"))
    }

    /// The same through services of one's own.
    pub async fn try_plan(
        &self,
        services: &Services,
        now: &str,
        allow_teardown: bool,
    ) -> Result<(Desired, Live, Decision), String> {
        let desired = self.desired();
        let mut live = self.world.observe(services, &desired).await?;
        live.evidence = Arc::new(self.evidence.clone());
        // The head of these plans.
        let known = ["0123456789ab".to_owned()].into();
        live.commits = Commits::Repository { known, shallow: false };
        let by = ("ann", allow_teardown);
        let decision = world::decision_at(&desired, &live, &Baselines::new(), now.parse().unwrap(), by);
        Ok((desired, live, decision))
    }

    /// Decides and applies.
    pub async fn apply(&self, now: &str, allow_teardown: bool) -> (Plan, ApplyOutcome) {
        let (desired, live, decision) = self.plan(now, allow_teardown).await;
        let plan = decision.plan.clone();
        self.world.forget_requests().await;
        (plan, self.carry_out(&self.world.services(), &desired, &live, decision).await)
    }

    /// Applies a decision.
    pub async fn carry_out(
        &self,
        services: &Services,
        desired: &Desired,
        live: &Live,
        decision: Decision,
    ) -> ApplyOutcome {
        let stop = Arc::new(AtomicBool::new(false));
        let options = apply::ApplyOptions { patience: std::time::Duration::from_millis(200), ..options() };
        apply::apply(services, desired, live, decision, options, &UnwatchedApply, stop).await
    }

    /// The writes to EMR of the log: the operation, or the method and path.
    pub async fn writes(&self) -> Vec<String> {
        self.sent().await.iter().map(short).collect()
    }

    /// The writes to EMR of the log.
    pub async fn sent(&self) -> Vec<Value> {
        let is_read = |r: &Value| {
            let path = r["path"].as_str().unwrap();
            r["method"] == "GET" || path.contains("/List") || path.contains("/Describe") || path == "/sts"
        };
        let is_emr = |r: &Value| {
            ["/elasticmapreduce", "/emr-serverless"].iter().any(|p| r["path"].as_str().unwrap().starts_with(p))
        };
        self.world.requests().await.into_iter().filter(|r| is_emr(r) && !is_read(r)).collect()
    }
}

fn short(request: &Value) -> String {
    let path = request["path"].as_str().unwrap();
    match path.strip_prefix("/elasticmapreduce/") {
        Some(operation) => operation.to_owned(),
        None => format!("{} {path}", request["method"].as_str().unwrap()),
    }
}

/// The pending teardown of one thing.
pub fn pending<'p>(plan: &'p Plan, id: &str) -> &'p PendingTeardown {
    plan.teardown.iter().find(|d| d.id == id).unwrap_or_else(|| panic!("{id} is not in:\n{}", world::text(plan)))
}

/// The gates of something that do not hold, each with what it says.
pub fn open(plan: &Plan, id: &str) -> Vec<(String, String)> {
    let gates = pending(plan, id).gates.iter().filter(|gate| !gate.holds);
    gates.map(|gate| (gate.name.to_owned(), gate.says.clone())).collect()
}

/// Fails unless everything was done.
pub fn assert_done(outcome: &ApplyOutcome, changes: usize) {
    assert_eq!(outcome.changes.len(), changes, "{outcome:#?}");
    assert!(outcome.changes.values().all(Ended::is_done), "{outcome:#?}");
}
