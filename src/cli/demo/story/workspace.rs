//! Keeping a workspace and its schedule: from the first pool to a job that is retired.

use super::super::project::{self, AGGREGATE, CLEANSE, CLUSTER, INSIGHTS, MONTHLY, POLICY, POOL};
use super::super::stage::{BY_HAND, Stage, must};
use super::TARGET;
use super::facts::{actions, jobs, marked_job, nothing_planned, nothing_refused, only_field, owned, without_mark};
use crate::ui::Failure;
use serde_json::{Value, json};

/// Ann's repository is applied, and three jobs that are not hers are there.
async fn begin(stage: &Stage<'_>) -> Result<(), Failure> {
    write_first(stage)?;
    stage.commit_quietly("Ann Lee", FIRST)?;
    stage.apply_quietly().await?;
    let pool =
        owned(stage, "/api/2.0/instance-pools/list", "instance_pools", "DatabricksInstancePool/bau-workers").await?;
    must(pool["max_capacity"] == 20, || format!("the pool's capacity is {}", pool["max_capacity"]))?;
    owned(stage, "/api/2.1/clusters/list", "clusters", "DatabricksCluster/analysts").await?;
    owned(stage, "/api/2.0/policies/clusters/list", "policies", "DatabricksClusterPolicy/bau-jobs").await?;
    must(jobs(stage).await?.len() == 3, || "there are not three jobs".into())
}

const FIRST: &str = "Begin with a pool, a policy and a cluster";

/// Writes and commits what every story begins with.
pub(super) fn first_commit(stage: &Stage<'_>) -> Result<(), Failure> {
    write_first(stage)?;
    stage.commit("Ann Lee", FIRST).map(drop)
}

fn write_first(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.write("plumb.yaml", &project::with_target(project::file("plumb.yaml")?, &stage.airflow())?)?;
    for path in [POLICY, CLUSTER] {
        stage.write(path, project::file(path)?)?;
    }
    stage.write(POOL, &project::edited(project::file(POOL)?, "max_capacity: 50", "max_capacity: 20")?)
}

pub(super) async fn validate(stage: &Stage<'_>) -> Result<(), Failure> {
    begin(stage).await?;
    stage.write(POOL, project::file(POOL)?)?;
    for (path, text) in project::FILES.iter().filter(|(path, _)| path.starts_with("manifests/")) {
        stage.write(path, text)?;
    }
    stage.write(CLEANSE, &project::adopting(project::file(CLEANSE)?, BY_HAND)?)?;
    let wrong = project::edited(project::file(INSIGHTS)?, "max_concurrent_runs:", "max_concurent_runs:")?;
    stage.write(INSIGHTS, &wrong)?;
    stage.requests().await?;
    stage.plumb_briefly(&["validate", TARGET[0], TARGET[1]]).await?.exits(1)?;
    let found = stage.quietly(&["validate", TARGET[0], TARGET[1], "--output", "json"]).await?;
    let line = project::line_of(&wrong, "max_concurent_runs");
    let named = serde_json::from_str::<Value>(&found.out)
        .ok()
        .is_some_and(|found| line.is_some_and(|line| names_place(&found, INSIGHTS, line)));
    must(named, || format!("the mistake is not found in line {line:?} of {INSIGHTS}: {}", found.out))?;
    stage.held();
    stage.write(INSIGHTS, project::file(INSIGHTS)?)?;
    stage.quietly(&["validate", TARGET[0], TARGET[1]]).await?.exits(0)?;
    stage.held();
    let sent = stage.requests().await?;
    must(sent.is_empty(), || format!("requests were sent: {sent:?}"))?;
    stage.proven("no request was sent; with the key fixed all manifests are valid")
}

/// Whether some object in a value has this file and this line.
fn names_place(value: &Value, file: &str, line: u64) -> bool {
    match value {
        Value::Object(map) => {
            map.get("file").and_then(Value::as_str) == Some(file)
                && map.get("line").and_then(Value::as_u64) == Some(line)
                || map.values().any(|v| names_place(v, file, line))
        }
        Value::Array(items) => items.iter().any(|v| names_place(v, file, line)),
        _ => false,
    }
}

pub(super) async fn plan(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.commit_quietly("Ben Okafor", "Add the monthly jobs")?;
    stage.requests().await?;
    stage.plumb_briefly(&["plan", TARGET[0], TARGET[1], "--compact"]).await?.exits(0)?;
    let plan = stage.plan("plan").await?;
    let mut planned = actions(&plan);
    planned.sort_unstable();
    let expected = [
        ("AirflowDag/bau-insights-monthly", "create"),
        ("DatabricksInstancePool/bau-workers", "update"),
        ("DatabricksJob/audience-aggregate", "create"),
        ("DatabricksJob/audience-cleanse", "adopt"),
        ("DatabricksJob/audience-insights", "create"),
    ];
    must(planned == expected, || format!("the plan is {planned:?}"))?;
    nothing_refused(&plan)?;
    stage.held();
    let field = only_field(change(&plan, "DatabricksInstancePool/bau-workers"))?;
    must(
        field["path"] == "max_capacity" && field["from"] == 20 && field["to"] == 50 && field["origin"] == "manifest",
        || format!("the pool's difference is {field}"),
    )?;
    stage.held();
    let adopted = &change(&plan, "DatabricksJob/audience-cleanse")["id"];
    must(adopted.as_str() == Some(BY_HAND.to_string().as_str()), || format!("it adopts {adopted}"))?;
    stage.held();
    // Signing in to Airflow writes nothing.
    let reads = |(method, path): &(String, String)| method == "GET" || path == "/auth/token";
    let wrote = stage.requests().await?.into_iter().filter(|request| !reads(request)).collect::<Vec<_>>();
    must(wrote.is_empty(), || format!("planning wrote: {wrote:?}"))?;
    let known = stage.ask_airflow("/api/v2/dags").await?;
    must(known["total_entries"] == 0, || "Airflow knows a DAG already".into())?;
    stage.proven("planning only read")
}

pub(super) async fn apply(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.apply_briefly().await?;
    let pool =
        owned(stage, "/api/2.0/instance-pools/list", "instance_pools", "DatabricksInstancePool/bau-workers").await?;
    must(pool["max_capacity"] == 50, || format!("the pool's capacity is {}", pool["max_capacity"]))?;
    stage.held();
    let all = jobs(stage).await?;
    must(all.len() == 5, || format!("there are {} jobs, not 5", all.len()))?;
    for name in ["audience-aggregate", "audience-insights"] {
        let job = marked_job(stage, name).await?;
        let uses = &job["settings"]["job_clusters"][0]["new_cluster"]["instance_pool_id"];
        must(*uses == pool["instance_pool_id"], || format!("{name} runs on pool {uses}"))?;
    }
    stage.held();
    let adopted = marked_job(stage, "audience-cleanse").await?;
    must(adopted["job_id"] == BY_HAND, || format!("audience-cleanse is job {}", adopted["job_id"]))?;
    must(adopted["settings"]["timeout_seconds"] == 14_400, || "the adopted job is not what the manifest says".into())?;
    let uses = &adopted["settings"]["job_clusters"][0]["new_cluster"]["instance_pool_id"];
    must(*uses == pool["instance_pool_id"], || format!("the adopted job runs on pool {uses}"))?;
    stage.held();
    is_scheduled(stage).await?;
    stage.requests().await?;
    stage.plumb_briefly(&["plan", TARGET[0], TARGET[1], "--detailed-exitcode"]).await?.exits(0)?;
    let sent = stage.requests().await?.len();
    nothing_planned(&stage.plan("plan").await?, 7)?;
    stage.proven(&format!("Carol's job is kept, the rest runs on the pool; {sent} requests a plan"))
}

const DAG: &str = "bau_insights_monthly";

/// The DAG file is what Airflow parsed, runs the jobs by the ids that the workspace gave them, and is on.
async fn is_scheduled(stage: &Stage<'_>) -> Result<(), Failure> {
    let file = stage.dag_file(&format!("{DAG}.py"))?;
    let source = stage.ask_airflow(&format!("/api/v2/dagSources/{DAG}")).await?;
    must(source["content"] == file, || "Airflow has parsed another file".into())?;
    let first = file.lines().next().unwrap_or_default();
    must(first.starts_with("# plumb: bau-insights/demo/AirflowDag/bau-insights-monthly "), || {
        format!("the file begins with {first}")
    })?;
    stage.held();
    for name in ["audience-cleanse", "audience-aggregate", "audience-insights"] {
        let id = marked_job(stage, name).await?["job_id"].to_string();
        must(file.contains(&format!("\"run\": \"{id}\"")), || format!("the file does not run job {id}, {name}"))?;
    }
    stage.held();
    let dag = stage.ask_airflow(&format!("/api/v2/dags/{DAG}")).await?;
    must(dag["is_paused"] == false, || "the DAG is paused".into())?;
    let runs = stage.ask_airflow(&format!("/api/v2/dags/{DAG}/dagRuns")).await?;
    must(runs["total_entries"] == 1, || format!("{} runs have started", runs["total_entries"]))?;
    stage.held();
    Ok(())
}

const SHORTENED: u64 = 600;
const WANTED: u64 = 21_600;

pub(super) async fn drift(stage: &Stage<'_>) -> Result<(), Failure> {
    let before = marked_job(stage, "audience-aggregate").await?;
    let body = json!({ "job_id": before["job_id"], "new_settings": { "timeout_seconds": SHORTENED } });
    stage.post("/api/2.2/jobs/update", &body).await?;
    let live = marked_job(stage, "audience-aggregate").await?["settings"]["timeout_seconds"].clone();
    must(live == SHORTENED, || format!("its timeout is {live}"))?;
    stage.held();
    stage.plumb_briefly(&["drift", TARGET[0], TARGET[1]]).await?.exits(2)?;
    let plan = stage.plan("drift").await?;
    must(actions(&plan) == [("DatabricksJob/audience-aggregate", "update")], || {
        format!("it found {:?}", actions(&plan))
    })?;
    nothing_refused(&plan)?;
    let field = only_field(&plan["changes"][0])?;
    let what = (&field["path"], &field["from"], &field["to"]);
    must(what == (&json!("timeout_seconds"), &json!(SHORTENED), &json!(WANTED)), || format!("it found {field}"))?;
    stage.held();
    must(field["origin"] == "drift", || format!("it blames {}", field["origin"]))?;
    stage.held();
    let (file, line) = (&field["source"]["file"], &field["source"]["line"]);
    let stands = project::line_of(project::file(AGGREGATE)?, "timeout_seconds: 21600");
    must(*file == AGGREGATE && line.as_u64() == stands && stands.is_some(), || format!("it names {file}:{line}"))?;
    let commit = &field["source"]["commit"];
    must(commit["author"] == "Ben Okafor" && commit["id"].as_str().is_some_and(|id| id.len() == 12), || {
        format!("it names the commit {commit}")
    })?;
    stage.held();
    stage.apply_quietly().await?;
    let after = marked_job(stage, "audience-aggregate").await?;
    must(without_mark(&after["settings"]) == without_mark(&before["settings"]), || {
        "the job is not what it was".into()
    })?;
    stage.quietly(&["drift", TARGET[0], TARGET[1]]).await?.exits(0)?;
    stage.proven("an apply put that one field back, and nothing else")
}

pub(super) async fn removal(stage: &Stage<'_>) -> Result<(), Failure> {
    let before = jobs(stage).await?;
    let gone = marked_job(stage, "audience-insights").await?["job_id"].clone();
    stage.remove(INSIGHTS)?;
    stage.write(MONTHLY, &project::without_task(project::file(MONTHLY)?, "insights")?)?;
    stage.commit_quietly("Ben Okafor", "Retire the insights report")?;
    let plan = stage.plan("plan").await?;
    let expected = [("AirflowDag/bau-insights-monthly", "update"), ("DatabricksJob/audience-insights", "delete")];
    must(actions(&plan) == expected, || format!("the plan is {:?}", actions(&plan)))?;
    nothing_refused(&plan)?;
    must(plan["changes"][1]["id"].as_str() == Some(gone.to_string().as_str()), || {
        format!("it deletes {}", plan["changes"][1]["id"])
    })?;
    stage.held();
    stage.apply_briefly().await?;
    let expected: Vec<Value> = before.into_iter().filter(|job| job["job_id"] != gone).collect();
    must(jobs(stage).await? == expected, || "more changed than that job".into())?;
    must(!stage.dag_file(&format!("{DAG}.py"))?.contains("insights\"]"), || "the schedule still has the task".into())?;
    nothing_planned(&stage.plan("plan").await?, 6)?;
    stage.proven("every other job is byte for byte what it was; guards limit deletes")
}

/// The change of an address.
fn change<'p>(plan: &'p Value, address: &str) -> &'p Value {
    plan["changes"].as_array().into_iter().flatten().find(|one| one["address"] == address).unwrap_or(&Value::Null)
}
