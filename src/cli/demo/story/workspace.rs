//! Keeping a workspace and its schedule: from the first pool to a job that is retired.

use super::super::project::{self, AGGREGATE, CLEANSE, CLUSTER, INSIGHTS, MONTHLY, POLICY, POOL};
use super::super::stage::{BY_HAND, Stage, must};
use super::TARGET;
use super::facts::{actions, jobs, marked_job, nothing_planned, nothing_refused, only_field, owned, without_mark};
use crate::ui::Failure;
use serde_json::{Value, json};

pub(super) async fn begin(stage: &Stage<'_>) -> Result<(), Failure> {
    first_commit(stage)?;
    stage.apply().await?;
    let pool =
        owned(stage, "/api/2.0/instance-pools/list", "instance_pools", "DatabricksInstancePool/bau-workers").await?;
    must(pool["max_capacity"] == 20, || format!("the pool's capacity is {}", pool["max_capacity"]))?;
    owned(stage, "/api/2.1/clusters/list", "clusters", "DatabricksCluster/analysts").await?;
    owned(stage, "/api/2.0/policies/clusters/list", "policies", "DatabricksClusterPolicy/bau-jobs").await?;
    stage.proven("a pool, a policy and a cluster are live, each with the project's mark")?;
    must(jobs(stage).await?.len() == 3, || "there are not three jobs".into())?;
    stage.proven("the three jobs that were there are still all there is")
}

/// Writes and commits what every story begins with.
pub(super) fn first_commit(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.write("plumb.yaml", &project::with_target(project::file("plumb.yaml")?, &stage.airflow())?)?;
    for path in [POLICY, CLUSTER] {
        stage.write(path, project::file(path)?)?;
    }
    stage.write(POOL, &project::edited(project::file(POOL)?, "max_capacity: 50", "max_capacity: 20")?)?;
    stage.commit("Ann Lee", "Begin with a pool, a policy and a cluster").map(drop)
}

pub(super) async fn validate(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.write(POOL, project::file(POOL)?)?;
    for (path, text) in project::FILES.iter().filter(|(path, _)| path.starts_with("manifests/") && *path != MONTHLY) {
        stage.write(path, text)?;
    }
    stage.write(CLEANSE, &project::adopting(project::file(CLEANSE)?, BY_HAND)?)?;
    let wrong = project::edited(project::file(INSIGHTS)?, "max_concurrent_runs:", "max_concurent_runs:")?;
    stage.write(INSIGHTS, &wrong)?;
    stage.requests().await?;
    let ran = stage.plumb(&["validate", TARGET[0], TARGET[1]]).await?;
    ran.exits(1)?;
    let found = stage.quietly(&["validate", TARGET[0], TARGET[1], "--output", "json"]).await?;
    let line = project::line_of(&wrong, "max_concurent_runs");
    let named = serde_json::from_str::<Value>(&found.out)
        .ok()
        .is_some_and(|found| line.is_some_and(|line| names_place(&found, INSIGHTS, line)));
    must(named, || format!("the mistake is not found in line {line:?} of {INSIGHTS}: {}", found.out))?;
    stage.proven(&format!("the mistake was found in line {} of {INSIGHTS}; exit code 1", line.unwrap_or_default()))?;
    stage.write(INSIGHTS, project::file(INSIGHTS)?)?;
    stage.plumb(&["validate", TARGET[0], TARGET[1]]).await?.exits(0)?;
    stage.proven("with the key fixed all manifests are valid; exit code 0")?;
    let sent = stage.requests().await?;
    must(sent.is_empty(), || format!("requests were sent: {sent:?}"))?;
    stage.proven("no request was sent")
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
    stage.commit("Ben Okafor", "Add the monthly jobs")?;
    stage.requests().await?;
    stage.plumb(&["plan", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let plan = stage.plan("plan").await?;
    let expected = [
        ("DatabricksInstancePool/bau-workers", "update"),
        ("DatabricksJob/audience-aggregate", "create"),
        ("DatabricksJob/audience-cleanse", "adopt"),
        ("DatabricksJob/audience-insights", "create"),
    ];
    must(actions(&plan) == expected, || format!("the plan is {:?}", actions(&plan)))?;
    nothing_refused(&plan)?;
    stage.proven("two creates, one update, one adopt, and nothing else")?;
    let field = only_field(&plan["changes"][0])?;
    must(
        field["path"] == "max_capacity" && field["from"] == 20 && field["to"] == 50 && field["origin"] == "manifest",
        || format!("the pool's difference is {field}"),
    )?;
    stage.proven("the update is of one field, max_capacity from 20 to 50, and the manifest brought it about")?;
    let id = BY_HAND.to_string();
    must(plan["changes"][2]["id"] == *id, || format!("it adopts {}", plan["changes"][2]["id"]))?;
    stage.proven(&format!("the adopted job is Carol's, id {BY_HAND}"))?;
    // Signing in to Airflow writes nothing.
    let reads = |(method, path): &(String, String)| method == "GET" || path == "/auth/token";
    let wrote = stage.requests().await?.into_iter().filter(|request| !reads(request)).collect::<Vec<_>>();
    must(wrote.is_empty(), || format!("planning wrote: {wrote:?}"))?;
    stage.proven("planning only read")
}

pub(super) async fn apply(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.apply().await?;
    let pool =
        owned(stage, "/api/2.0/instance-pools/list", "instance_pools", "DatabricksInstancePool/bau-workers").await?;
    must(pool["max_capacity"] == 50, || format!("the pool's capacity is {}", pool["max_capacity"]))?;
    stage.proven("the pool's capacity is 50")?;
    let all = jobs(stage).await?;
    must(all.len() == 5, || format!("there are {} jobs, not 5", all.len()))?;
    for name in ["audience-aggregate", "audience-insights"] {
        let job = marked_job(stage, name).await?;
        let uses = &job["settings"]["job_clusters"][0]["new_cluster"]["instance_pool_id"];
        must(*uses == pool["instance_pool_id"], || format!("{name} runs on pool {uses}"))?;
    }
    stage.proven("two jobs are new, and run on that pool by the id that the workspace gave it")?;
    let adopted = marked_job(stage, "audience-cleanse").await?;
    must(adopted["job_id"] == BY_HAND, || format!("audience-cleanse is job {}", adopted["job_id"]))?;
    must(adopted["settings"]["timeout_seconds"] == 14_400, || "the adopted job is not what the manifest says".into())?;
    let uses = &adopted["settings"]["job_clusters"][0]["new_cluster"]["instance_pool_id"];
    must(*uses == pool["instance_pool_id"], || format!("the adopted job runs on pool {uses}"))?;
    stage.proven(&format!("job {BY_HAND} is Carol's still, and is what the manifest says"))
}

pub(super) async fn nothing_to_do(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.requests().await?;
    stage.plumb(&["plan", TARGET[0], TARGET[1], "--detailed-exitcode"]).await?.exits(0)?;
    let sent = stage.requests().await?.len();
    let plan = stage.plan("plan").await?;
    nothing_planned(&plan, 6)?;
    stage.proven(&format!("no change, six resources up to date, exit code 0; it took {sent} requests"))
}

/// What the manifest says of a run that starts at once.
const MEANT: &str = "  catchUpNow: true            # the tick of this month may have passed when the DAG is switched on: it is run then\n";
const DAG: &str = "bau_insights_monthly";

pub(super) async fn schedule(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.write(MONTHLY, &project::edited(project::file(MONTHLY)?, MEANT, "")?)?;
    stage.commit("Ann Lee", "Schedule the monthly jobs")?;
    stage.plumb(&["plan", TARGET[0], TARGET[1]]).await?.exits(3)?;
    let plan = stage.plan("plan").await?;
    must(actions(&plan) == [("AirflowDag/bau-insights-monthly", "create")], || {
        format!("the plan is {:?}", actions(&plan))
    })?;
    let guards = plan["blocked"].as_array().map(Vec::as_slice).unwrap_or_default();
    must(guards.len() == 1 && guards[0]["guard"] == "run-now", || format!("refused: {}", plan["blocked"]))?;
    stage.proven("one create, and one guard: it would start a run now")?;
    stage.quietly(&["apply", TARGET[0], TARGET[1], "--yes"]).await?.exits(3)?;
    let known = stage.ask_airflow("/api/v2/dags").await?;
    must(known["total_entries"] == 0 && stage.dag_file(&format!("{DAG}.py")).is_err(), || {
        "something was written".into()
    })?;
    stage.proven("an apply is refused with exit code 3; no file was written, and Airflow knows no DAG")
}

pub(super) async fn switch_on(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.write(MONTHLY, project::file(MONTHLY)?)?;
    stage.commit("Ann Lee", "Let the first run start at once")?;
    stage.apply().await?;
    let file = stage.dag_file(&format!("{DAG}.py"))?;
    let source = stage.ask_airflow(&format!("/api/v2/dagSources/{DAG}")).await?;
    must(source["content"] == file, || "Airflow has parsed another file".into())?;
    let first = file.lines().next().unwrap_or_default();
    must(first.starts_with("# plumb: bau-insights/demo/AirflowDag/bau-insights-monthly "), || {
        format!("the file begins with {first}")
    })?;
    let lines = file.lines().count();
    stage.proven(&format!("{DAG}.py, {lines} lines with the mark in the first, is what Airflow has parsed"))?;
    let ids = ["audience-cleanse", "audience-aggregate", "audience-insights"];
    for name in ids {
        let id = marked_job(stage, name).await?["job_id"].to_string();
        must(file.contains(&format!("\"run\": \"{id}\"")), || format!("the file does not run job {id}, {name}"))?;
    }
    stage.proven("its three tasks run the three jobs, by the ids that the workspace gave them")?;
    let dag = stage.ask_airflow(&format!("/api/v2/dags/{DAG}")).await?;
    must(dag["is_paused"] == false, || "the DAG is paused".into())?;
    let runs = stage.ask_airflow(&format!("/api/v2/dags/{DAG}/dagRuns")).await?;
    must(runs["total_entries"] == 1, || format!("{} runs have started", runs["total_entries"]))?;
    stage.proven("the DAG is on, and the one run that was meant has started")?;
    nothing_planned(&stage.plan("plan").await?, 7)?;
    stage.proven("seven resources are up to date")
}

const SHORTENED: u64 = 600;

pub(super) async fn edit(stage: &Stage<'_>) -> Result<(), Failure> {
    let id = marked_job(stage, "audience-aggregate").await?["job_id"].clone();
    let body = json!({ "job_id": id, "new_settings": { "timeout_seconds": SHORTENED } });
    stage.edit("/api/2.2/jobs/update", &body).await?;
    let live = marked_job(stage, "audience-aggregate").await?["settings"]["timeout_seconds"].clone();
    must(live == SHORTENED, || format!("its timeout is {live}"))?;
    stage.proven(&format!("the live job's timeout is {SHORTENED} seconds now"))
}

const WANTED: u64 = 21_600;

pub(super) async fn drift(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.plumb(&["drift", TARGET[0], TARGET[1]]).await?.exits(2)?;
    let plan = stage.plan("drift").await?;
    must(actions(&plan) == [("DatabricksJob/audience-aggregate", "update")], || {
        format!("it found {:?}", actions(&plan))
    })?;
    nothing_refused(&plan)?;
    let field = only_field(&plan["changes"][0])?;
    let what = (&field["path"], &field["from"], &field["to"]);
    must(what == (&json!("timeout_seconds"), &json!(SHORTENED), &json!(WANTED)), || format!("it found {field}"))?;
    stage.proven("one field of one job, its live and its wanted value; exit code 2")?;
    must(field["origin"] == "drift", || format!("it blames {}", field["origin"]))?;
    stage.proven("it was changed live: the manifest is what it was at the last apply")?;
    let (file, line) = (&field["source"]["file"], &field["source"]["line"]);
    let stands = project::line_of(project::file(AGGREGATE)?, "timeout_seconds: 21600");
    must(*file == AGGREGATE && line.as_u64() == stands && stands.is_some(), || format!("it names {file}:{line}"))?;
    let commit = &field["source"]["commit"];
    must(commit["author"] == "Ben Okafor" && commit["id"].as_str().is_some_and(|id| id.len() == 12), || {
        format!("it names the commit {commit}")
    })?;
    let (id, by) = (commit["id"].as_str().unwrap_or_default(), commit["author"].as_str().unwrap_or_default());
    stage.proven(&format!("{WANTED} was wanted by {by} in commit {id}, {AGGREGATE} line {line}"))
}

pub(super) async fn heal(stage: &Stage<'_>) -> Result<(), Failure> {
    let before = marked_job(stage, "audience-aggregate").await?;
    stage.apply().await?;
    let after = marked_job(stage, "audience-aggregate").await?;
    let timeout = &after["settings"]["timeout_seconds"];
    must(*timeout == WANTED, || format!("its timeout is {timeout}"))?;
    let mut expected = before["settings"].clone();
    expected["timeout_seconds"] = json!(WANTED);
    must(without_mark(&after["settings"]) == without_mark(&expected), || "something else changed too".into())?;
    stage.proven(&format!("the timeout is {WANTED} again, and all else of the job is as it was"))?;
    stage.quietly(&["drift", TARGET[0], TARGET[1]]).await?.exits(0)?;
    stage.proven("there is no drift any more; exit code 0")
}

pub(super) async fn removal(stage: &Stage<'_>) -> Result<(), Failure> {
    let id = marked_job(stage, "audience-insights").await?["job_id"].clone();
    stage.remove(INSIGHTS)?;
    stage.write(MONTHLY, &project::without_task(project::file(MONTHLY)?, "insights")?)?;
    stage.commit("Ben Okafor", "Retire the insights report")?;
    stage.plumb(&["plan", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let plan = stage.plan("plan").await?;
    let expected = [("AirflowDag/bau-insights-monthly", "update"), ("DatabricksJob/audience-insights", "delete")];
    must(actions(&plan) == expected, || format!("the plan is {:?}", actions(&plan)))?;
    nothing_refused(&plan)?;
    let text = id.to_string();
    must(plan["changes"][1]["id"] == *text, || format!("it deletes {}, not {id}", plan["changes"][1]["id"]))?;
    stage.proven(&format!("one delete, of job {id}, which is audience-insights, and one update of the schedule"))
}

pub(super) async fn end(stage: &Stage<'_>) -> Result<(), Failure> {
    let before = jobs(stage).await?;
    let gone = marked_job(stage, "audience-insights").await?["job_id"].clone();
    stage.apply().await?;
    let after = jobs(stage).await?;
    let expected: Vec<Value> = before.into_iter().filter(|job| job["job_id"] != gone).collect();
    must(after == expected, || "more changed than that job".into())?;
    stage.proven(&format!("job {gone} is gone, and every other job is byte for byte what it was"))?;
    stage.plumb(&["status", TARGET[0], TARGET[1]]).await?.exits(0)?;
    must(!stage.dag_file(&format!("{DAG}.py"))?.contains("insights\"]"), || "the schedule still has the task".into())?;
    nothing_planned(&stage.plan("plan").await?, 6)?;
    stage.proven("six resources, all as git says")
}
