//! Plans with their manifests, for those who look at the page: one with something of everything, and one that is large.

// Not all of it is needed everywhere.
#![allow(clippy::unwrap_used, dead_code)]

use crate::plan_world::{World, manifest};
use plumb_core::cutover::{PendingCutover, Standing, WaveGate};
use plumb_core::manifest::Desired;
use plumb_core::plan::{
    Action, Blocked, Change, ChangeOrigin, Commit, Decision, FieldChange, Guard, Note, Op, Plan, SourceLine,
};
use plumb_core::teardown::{Gate, PendingTeardown, Stage};
use plumb_model::address::Address;
use serde_json::{Value, json};

/// When the pages are of: a week before clocks go forward in Europe.
pub const NOW: &str = "2026-03-22T10:30:00Z";

fn address(text: &str) -> Address {
    Address::try_from(text.to_owned()).unwrap()
}

fn job(name: &str, more: &Value) -> String {
    let mut whole = json!({ "name": name, "tasks": [{ "task_key": "main", "job_cluster_key": "main", "notebook_task": { "notebook_path": "/jobs/main" } }],
        "job_clusters": [{ "job_cluster_key": "main", "new_cluster": { "spark_version": "15.4.x-scala2.12", "num_workers": 4,
            "instance_pool_id": "${resources.DatabricksInstancePool.workers}", "policy_id": "${resources.DatabricksClusterPolicy.jobs}" } }] });
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    manifest("DatabricksJob", name, "", &whole)
}

fn schedule(cron: &str, zone: &str, status: &str) -> Value {
    json!({ "schedule": { "quartz_cron_expression": cron, "timezone_id": zone, "pause_status": status } })
}

fn dag(name: &str, cron: &str, jobs: &[&str]) -> String {
    let tasks: Vec<Value> = jobs
        .iter()
        .map(|job| json!({ "id": job.replace('-', "_"), "run": format!("${{resources.DatabricksJob.{job}}}"), "pool": "nightly" }))
        .collect();
    let spec = json!({ "schedule": { "cron": cron, "timezone": "Europe/London" }, "start_date": "2024-05-01", "tasks": tasks });
    manifest("AirflowDag", name, "", &spec)
}

fn source(file: &str, line: usize) -> Option<SourceLine> {
    let commit = Commit {
        id: "3f2a91c0b1d2".into(),
        author: "Ann Ames".into(),
        date: "2026-03-19".into(),
        summary: "Give the monthly audience run more time and memory".into(),
    };
    Some(SourceLine { file: format!("manifests/{file}.yaml"), line, nearest: false, commit: Some(commit) })
}

fn field(path: &str, from: Value, to: Value) -> FieldChange {
    let mut field = FieldChange::new(path, Op::Change);
    (field.from, field.to) = (Some(from), Some(to));
    field
}

fn change(name: &str, action: Action, fields: Vec<FieldChange>) -> Change {
    let address = address(name);
    let short = address.name.clone();
    let id = (action != Action::Create).then(|| "620178".to_owned());
    let source = source(&short.replace('/', "-"), 14).filter(|_| action != Action::Delete);
    Change { title: format!("[bau] {}", short.replace('-', " ")), id, fields, source, ..Change::new(address, action) }
}

/// A migration in the middle: something of every action, gates, decisions, schedules in three zones.
pub fn rich() -> (Desired, Plan) {
    let pool = json!({ "instance_pool_name": "workers", "node_type_id": "r6id.xlarge", "max_capacity": 40 });
    let manifests = [
        manifest("DatabricksInstancePool", "workers", "", &pool),
        manifest("DatabricksClusterPolicy", "jobs", "", &json!({ "name": "jobs", "definition": {} })),
        job("audience-cleanse", &json!({})),
        job("audience-aggregate", &schedule("0 30 6 ? * 2-6", "Europe/London", "UNPAUSED")),
        job("audience-report", &schedule("0 0 7 1 * ?", "America/New_York", "UNPAUSED")),
        job("churn-score", &schedule("0 0 22 ? * 1", "UTC", "PAUSED")),
        job("clicks-stream", &json!({ "continuous": {} })),
        job("partner-files", &json!({ "trigger": { "file_arrival": { "url": "s3://acme-partners/incoming/" } } })),
        job("heartbeat", &schedule("0 0/10 * * * ?", "UTC", "UNPAUSED")),
        manifest("AirflowPool", "nightly", "", &json!({ "name": "nightly", "slots": 4 })),
        dag("audience-monthly", "0 4 2 * *", &["audience-cleanse", "audience-aggregate", "audience-report"]),
        dag("churn-nightly", "15 2 * * *", &["churn-score"]),
        manifest("AirflowDag", "legacy-audience", "", &json!({ "source": "external" })),
        manifest(
            "EmrCluster",
            "legacy-audience",
            "",
            &json!({ "match": { "name": "bau-audience-*" }, "desired": "teardown", "teardown": { "notBefore": "2026-04-12",
                "replacedBy": ["DatabricksJob/audience-cleanse"], "requires": { "dagPaused": ["AirflowDag/legacy-audience"] } } }),
        ),
        manifest(
            "Migration",
            "audience",
            "",
            &json!({ "from": { "emr": ["EmrCluster/legacy-audience"], "dags": ["AirflowDag/legacy-audience"] },
                "to": { "jobs": ["DatabricksJob/audience-cleanse"], "dags": ["AirflowDag/audience-monthly"] },
                "wave": "1", "cutover": "2026-04-02" }),
        ),
    ];
    // A comment that asks something of whoever reads the manifest.
    let text = manifests.join("\n") + "# DECISION: is the pool of 40 nodes enough for the first run of the month?\n";
    let desired = World::of(text).desired();
    let mut disk = field("node_type_id", json!("r6id.xlarge"), json!("r6id.2xlarge"));
    (disk.replaces, disk.origin, disk.source) = (true, Some(ChangeOrigin::Manifest), source("workers", 6));
    let mut replaced = change("DatabricksInstancePool/workers", Action::Replace, vec![disk]);
    replaced.reason = Some("a pool's node type cannot be changed".into());
    replaced.impacts = vec!["idle nodes of the old pool end".into()];
    let mut timeout = field("tasks[main].timeout_seconds", json!(3600), json!(7200));
    (timeout.origin, timeout.source) = (Some(ChangeOrigin::Manifest), source("audience-aggregate", 22));
    let mut live = field("schedule.pause_status", json!("PAUSED"), json!("UNPAUSED"));
    (live.origin, live.source) = (Some(ChangeOrigin::Drift), source("audience-aggregate", 31));
    let query =
        |from: &str| json!(format!("SELECT id, max(seen)\nFROM {from}\nWHERE seen > current_date - 30\nGROUP BY id\n"));
    let mut updated = change(
        "DatabricksJob/audience-aggregate",
        Action::Update,
        vec![timeout, live, field("tasks[main].sql_task.query.query", query("audience"), query("curated.audience"))],
    );
    updated.next_run = Some("2026-03-23 06:30 Europe/London".into());
    updated.depends_on = vec![replaced.address.clone()];
    updated.impacts = vec!["1 active run will end with the old settings".into()];
    let added = |path: &str, to: Value| FieldChange { to: Some(to), ..FieldChange::new(path, Op::Add) };
    let mut created = change(
        "DatabricksJob/audience-report",
        Action::Create,
        vec![
            added("name", json!("audience-report")),
            added(
                "tasks",
                json!([{ "task_key": "main", "notebook_task": { "notebook_path": "/jobs/report" }, "timeout_seconds": 3600 }]),
            ),
        ],
    );
    created.next_run = Some("2026-04-01 07:00 America/New_York".into());
    let mut gone = change("DatabricksJob/audience-adhoc", Action::Delete, Vec::new());
    gone.reason = Some("no manifest asks for it any more".into());
    (gone.impacts, gone.origin) = (vec!["loses run history".into()], Some(ChangeOrigin::Manifest));
    let secret = field("password", json!("(secret #1)"), json!("(secret #2)"));
    let mut adopted = change("AirflowDag/churn-nightly", Action::Adopt, vec![secret]);
    adopted.reason = Some("metadata.adopt names it".into());
    let mut marked = change("EmrCluster/legacy-audience/j-2A7Q4M1N9KPLF", Action::Mark, Vec::new());
    marked.title = "bau-audience-2026-03".into();
    let changes = vec![adopted, replaced, updated, created, gone, marked];
    let mut plan = Decision::of(&desired, desired.vault.clone(), changes).plan;
    (plan.head, plan.workspace, plan.digest) =
        (Some("3f2a91c0b1d2".into()), Some("7405612498173021".into()), "9c1f0e6a2b7d".into());
    plan.unchanged = 9;
    plan.decisions = desired.count_decisions(|_| true);
    plan.blocked = vec![
        Blocked::by_guard(Guard::RunNow, "starts a run now: the tick of 2026-03-02 04:00 has passed")
            .with_remedy("write `catchUpNow: true` if it is meant"),
    ];
    plan.notes =
        vec![Note::general("git does not have commit 0a1b2c3d4e5f: who changed what before it cannot be told")];
    let gate = |name: &'static str, holds: bool, says: &str| Gate { name, holds, says: says.into() };
    plan.cutovers = vec![PendingCutover {
        address: address("Wave/1"),
        cutover: "2026-04-02".into(),
        members: vec![address("Migration/audience")],
        standing: Standing::Old,
        gates: vec![
            WaveGate { member: None, gate: gate("date", false, "not before 2026-04-02") },
            WaveGate {
                member: Some(address("Migration/audience")),
                gate: gate("parity", true, "2 of 2 periods were equal, the last 2026-02"),
            },
        ],
        digest: "77aa01b2c3d4".into(),
        next: "it waits for 1 of 2 gates".into(),
    }];
    plan.teardown = vec![PendingTeardown {
        address: address("EmrCluster/legacy-audience/j-2A7Q4M1N9KPLF"),
        id: "j-2A7Q4M1N9KPLF".into(),
        title: "bau-audience-2026-03".into(),
        state: Some("WAITING".into()),
        stage: Stage::Active,
        gates: vec![
            gate("date", false, "not before 2026-04-12"),
            gate("successors", true, "DatabricksJob/audience-cleanse: 2 good runs of 2"),
            gate("dags", false, "AirflowDag/legacy-audience is not paused"),
        ],
        next: "it is marked; then it waits for 2 of 3 gates".into(),
        returned: None,
    }];
    (desired, plan)
}

/// So many jobs on one pool, each created, and each with a schedule.
pub fn many(count: usize) -> (Desired, Plan) {
    let names: Vec<String> = (0..count).map(|at| format!("job-{at:04}")).collect();
    let jobs = names.iter().enumerate().map(|(at, name)| {
        job(name, &schedule(&format!("0 {} {} * * ?", at % 60, at % 24), "Europe/London", "UNPAUSED"))
    });
    let shared = [
        manifest(
            "DatabricksInstancePool",
            "workers",
            "",
            &json!({ "instance_pool_name": "workers", "node_type_id": "r6id.xlarge" }),
        ),
        manifest("DatabricksClusterPolicy", "jobs", "", &json!({ "name": "jobs", "definition": {} })),
    ];
    let desired = World::of(jobs.chain(shared).collect::<Vec<_>>().join("\n")).desired();
    let changes = names.iter().map(|name| {
        let spec = desired.resources.iter().find(|r| r.address.name == *name).unwrap().spec.to_value();
        let fields = spec
            .as_object()
            .unwrap()
            .iter()
            .map(|(path, to)| FieldChange { to: Some(to.clone()), ..FieldChange::new(path.as_str(), Op::Add) });
        change(&format!("DatabricksJob/{name}"), Action::Create, fields.collect())
    });
    let plan = Decision::of(&desired, desired.vault.clone(), changes.collect()).plan;
    (desired, plan)
}
