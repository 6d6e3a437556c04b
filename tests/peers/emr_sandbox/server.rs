//! A sandbox with EMR, and plumb's own client of it.

use plumb::services::emr::EmrSettings;
use plumb::services::retry::Policy;
use plumb::services::{Aws, Emr, aws};
use plumb_model::call::{Call, Method, Service, ServiceError, System};
use plumb_sandbox::{Running, SandboxOptions, store::Clock};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// 2026-11-22T20:00:00Z.
pub const NOW: i64 = 1_795_377_600_000;
pub const REGION: &str = "eu-central-1";

pub struct Server {
    pub running: Running,
    pub emr: Arc<Emr>,
    http: reqwest::Client,
}

impl Server {
    /// An empty account, the clock standing still.
    pub async fn start() -> Server {
        Self::with(SandboxOptions::default()).await
    }

    /// The ready-made account.
    pub async fn monthly() -> Server {
        Self::with(SandboxOptions { seed: Some(json!({ "emr": "monthly" })), ..SandboxOptions::default() }).await
    }

    pub async fn with(options: SandboxOptions) -> Server {
        // The second of two tests finds a provider installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = SandboxOptions { emr: Some(plumb_sandbox::emr::EmrOptions::default()), ..options };
        let running = plumb_sandbox::start_at(options, Clock::Fixed(NOW)).await.unwrap();
        let emr = Arc::new(client(&running, REGION, &[]).unwrap());
        Server { running, emr, http: reqwest::Client::new() }
    }

    /// One of the sandbox's own endpoints.
    pub async fn control(&self, method: &str, what: &str, body: Value) -> Value {
        let url = format!("{}/_sandbox/{what}", self.running.emr_url().unwrap());
        let request = self.http.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{what}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    pub async fn settings(&self, emr: Value) {
        self.control("POST", "settings", json!({ "emr": emr })).await;
    }

    /// A cluster takes a minute for each of its states, a step ten.
    pub async fn counted(&self) {
        self.settings(json!({ "cluster_seconds": 60, "step_seconds": 600 })).await;
    }

    pub async fn advance(&self, seconds: i64) {
        self.control("POST", "clock", json!({ "advance_seconds": seconds })).await;
    }

    pub async fn ask(&self, operation: &str, body: Value) -> Result<Value, ServiceError> {
        let call = Call::set(System::Emr, Method::Post, format!("/elasticmapreduce/{operation}"), body);
        self.emr.send(&call).await.map(|answer| answer.body)
    }

    /// An operation that is answered well.
    pub async fn get(&self, operation: &str, body: Value) -> Value {
        self.ask(operation, body).await.unwrap_or_else(|fault| panic!("{operation}: {fault}"))
    }

    /// What a refused operation says.
    pub async fn refused(&self, operation: &str, body: Value) -> String {
        match self.ask(operation, body).await {
            Err(fault @ ServiceError::Refused { .. }) => fault.to_string(),
            other => panic!("{operation}: {other:?}"),
        }
    }

    pub async fn run(&self, body: Value) -> String {
        self.get("RunJobFlow", body).await["JobFlowId"].as_str().unwrap().to_owned()
    }

    pub async fn cluster(&self, id: &str) -> Value {
        self.get("DescribeCluster", json!({ "ClusterId": id })).await["Cluster"].take()
    }

    pub async fn state(&self, id: &str) -> String {
        self.cluster(id).await["Status"]["State"].as_str().unwrap().to_owned()
    }

    /// The steps' states, in the order in which they were asked for.
    pub async fn steps(&self, id: &str) -> Vec<String> {
        let listed = self.get("ListSteps", json!({ "ClusterId": id })).await;
        let steps = listed["Steps"].as_array().unwrap();
        steps.iter().rev().map(|step| step["Status"]["State"].as_str().unwrap().to_owned()).collect()
    }
}

/// A client whose environment differs by this much.
pub fn client(running: &Running, region: &str, changes: &[(&str, &str)]) -> Result<Emr, String> {
    let mut environment = std::collections::BTreeMap::from([
        ("AWS_ENDPOINT_URL".to_owned(), running.emr_url().unwrap()),
        ("AWS_ACCESS_KEY_ID".to_owned(), plumb_sandbox::emr::KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), plumb_sandbox::emr::SECRET.to_owned()),
        ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
    ]);
    environment.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let env: aws::Env = Arc::new(move |name| environment.get(name).cloned());
    let aws = Aws::new(env.clone(), &aws::Files::read(&env)).map_err(|e| e.to_string())?;
    let explicit = EmrSettings { region: Some(region.to_owned()), account: None, pace: None };
    let policy = Policy { first: Duration::from_millis(20), ..Policy::default() };
    Emr::with(aws, &explicit, policy).map_err(|e| e.to_string())
}

pub fn step(name: &str, on_failure: &str) -> Value {
    json!({ "Name": name, "ActionOnFailure": on_failure,
        "HadoopJarStep": { "Jar": "command-runner.jar", "Args": ["spark-submit", "s3://b/x.py"] } })
}

pub fn groups(core: i64) -> Value {
    let group =
        |role: &str, count: i64| json!({ "InstanceRole": role, "InstanceType": "m5.xlarge", "InstanceCount": count });
    json!([group("MASTER", 1), group("CORE", core)])
}

/// A request of groups: name, kept alive, protected, steps.
pub fn asked(name: &str, keep: bool, protected: bool, steps: &[Value]) -> Value {
    json!({
        "Name": name, "ReleaseLabel": "emr-6.15.0", "JobFlowRole": "EMR_EC2_DefaultRole", "ServiceRole": "EMR_DefaultRole",
        "LogUri": "s3://logs/x/", "Steps": steps,
        "Instances": { "InstanceGroups": groups(2), "KeepJobFlowAliveWhenNoSteps": keep, "TerminationProtected": protected },
    })
}
