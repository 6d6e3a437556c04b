//! The story, step by step. A step tells, acts, and then checks facts: exit codes, what is live, the plan as data.

use super::project::{self, AGGREGATE, CLEANSE, CLUSTER, INSIGHTS, MONTHLY, POLICY, POOL};
use super::stage::{BY_HAND, Stage, must};
use crate::ui::Failure;
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;

/// What a step is while it runs.
pub type Playing<'s> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 's>>;

/// One step of the story. It relies on those before it and on nothing else.
pub struct Step {
    pub title: &'static str,
    /// What happens, in plain words.
    pub words: &'static str,
    /// Acts and checks.
    pub play: for<'s> fn(&'s Stage<'_>) -> Playing<'s>,
}

/// All steps, in order.
pub const STORY: &[Step] = &[
    Step {
        title: "A workspace, and a repository",
        words: "An emulated Databricks workspace runs in this process. Three jobs are in it: one that Carol made by \
                hand, and two that belong to other people. Ann has begun a repository with an instance pool, a policy \
                and a cluster, and applies it.",
        play: |stage| Box::pin(begin(stage)),
    },
    Step {
        title: "validate: every mistake, offline",
        words: "Ben writes the manifests of three monthly jobs. A key is misspelt. `validate` says where, and what was \
                meant, before anything is sent anywhere.",
        play: |stage| Box::pin(validate(stage)),
    },
    Step {
        title: "plan: what would an apply do?",
        words: "The key is mended. Two jobs are new. The third is the one that Carol made: `metadata.adopt` names its \
                id, so that it is taken over, history and all, instead of made twice. And the pool may grow.",
        play: |stage| Box::pin(plan(stage)),
    },
    Step {
        title: "apply: make it so",
        words: "What refers to something is made after it. What plumb makes is marked as its own in the very call that \
                makes it: there is no state file to lose.",
        play: |stage| Box::pin(apply(stage)),
    },
    Step {
        title: "plan again: nothing to do",
        words: "The service has filled in defaults, sorted lists and added a policy's tags. None of that is a \
                difference. With --detailed-exitcode a pipeline can ask.",
        play: |stage| Box::pin(nothing_to_do(stage)),
    },
    Step {
        title: "a schedule: when would it start?",
        words: "Ann writes the schedule of the three jobs for Airflow: once a month, one after the other. Switching it \
                on would start a run at once, because this month's tick has passed. The plan says so, with the month \
                that the run is for, and refuses until somebody says that it is meant.",
        play: |stage| Box::pin(schedule(stage)),
    },
    Step {
        title: "apply: written, parsed, switched on",
        words: "`catchUpNow: true` says that it is meant. plumb writes the DAG file, waits until Airflow has parsed that \
                very file, and only then switches the DAG on. A file that Airflow cannot import is never switched on.",
        play: |stage| Box::pin(switch_on(stage)),
    },
    Step {
        title: "somebody edits a job in the UI",
        words: "Erin is on call and shortens a timeout by hand. Whatever the UI does, it comes to this request:",
        play: |stage| Box::pin(edit(stage)),
    },
    Step {
        title: "drift: which field, and who wanted what",
        words: "Made for cron: the exit code is 2 when something is not as git says. The mark names the commit of the \
                last apply, so plumb knows that the manifest did not change and the live job did; and git knows who \
                wrote the line.",
        play: |stage| Box::pin(drift(stage)),
    },
    Step { title: "apply: heal it", words: "Applying puts back that one field.", play: |stage| Box::pin(heal(stage)) },
    Step {
        title: "a manifest is removed",
        words: "Ben deletes the file of a job, and takes its task out of the schedule. Its live job carries the \
                project's mark and no manifest asks for it any more, so the plan deletes it: that one, and nothing \
                that belongs to others.",
        play: |stage| Box::pin(removal(stage)),
    },
    Step {
        title: "apply, and all is as git says",
        words: "Guards in plumb.yaml limit what one apply may delete; one of seven is within them.",
        play: |stage| Box::pin(end(stage)),
    },
];

const TARGET: [&str; 2] = ["--target", "demo"];

async fn begin(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.write("plumb.yaml", &project::with_target(project::file("plumb.yaml")?, &stage.airflow())?)?;
    for path in [POLICY, CLUSTER] {
        stage.write(path, project::file(path)?)?;
    }
    stage.write(POOL, &project::edited(project::file(POOL)?, "max_capacity: 50", "max_capacity: 20")?)?;
    stage.commit("Ann Lee", "Begin with a pool, a policy and a cluster")?;
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

async fn validate(stage: &Stage<'_>) -> Result<(), Failure> {
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
    stage.proven("with the key mended all manifests are valid; exit code 0")?;
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

async fn plan(stage: &Stage<'_>) -> Result<(), Failure> {
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

async fn apply(stage: &Stage<'_>) -> Result<(), Failure> {
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

async fn nothing_to_do(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.requests().await?;
    stage.plumb(&["plan", TARGET[0], TARGET[1], "--detailed-exitcode"]).await?.exits(0)?;
    let sent = stage.requests().await?.len();
    let plan = stage.plan("plan").await?;
    nothing_planned(&plan, 6)?;
    stage.proven(&format!("no change, six resources as they should be, exit code 0; it took {sent} requests"))
}

/// What the manifest says of a run that starts at once.
const MEANT: &str = "  catchUpNow: true            # the tick of this month may have passed when the DAG is switched on: it is run then\n";
const DAG: &str = "bau_insights_monthly";

async fn schedule(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.write(MONTHLY, &project::edited(project::file(MONTHLY)?, MEANT, "")?)?;
    stage.commit("Ann Lee", "Schedule the monthly jobs")?;
    stage.plumb(&["plan", TARGET[0], TARGET[1]]).await?.exits(0)?;
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

async fn switch_on(stage: &Stage<'_>) -> Result<(), Failure> {
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
    stage.proven("seven resources are as they should be")
}

const SHORTENED: u64 = 600;

async fn edit(stage: &Stage<'_>) -> Result<(), Failure> {
    let id = marked_job(stage, "audience-aggregate").await?["job_id"].clone();
    let body = json!({ "job_id": id, "new_settings": { "timeout_seconds": SHORTENED } });
    stage.edit("/api/2.2/jobs/update", &body).await?;
    let live = marked_job(stage, "audience-aggregate").await?["settings"]["timeout_seconds"].clone();
    must(live == SHORTENED, || format!("its timeout is {live}"))?;
    stage.proven(&format!("the live job's timeout is {SHORTENED} seconds now"))
}

const WANTED: u64 = 21_600;

async fn drift(stage: &Stage<'_>) -> Result<(), Failure> {
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

async fn heal(stage: &Stage<'_>) -> Result<(), Failure> {
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

async fn removal(stage: &Stage<'_>) -> Result<(), Failure> {
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

async fn end(stage: &Stage<'_>) -> Result<(), Failure> {
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

/// The settings of a job without the mark, which names the commit of the last apply.
fn without_mark(settings: &Value) -> Value {
    let mut settings = settings.clone();
    if let Some(tags) = settings["tags"].as_object_mut() {
        tags.remove("plumb_rev");
    }
    settings
}

/// Address and action of each change.
fn actions(plan: &Value) -> Vec<(&str, &str)> {
    plan["changes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| (c["address"].as_str().unwrap_or_default(), c["action"].as_str().unwrap_or_default()))
        .collect()
}

fn only_field(change: &Value) -> Result<&Value, Failure> {
    match change["fields"].as_array().map(Vec::as_slice) {
        Some([one]) => Ok(one),
        _ => Err(Failure::error(format!("not one field but {}", change["fields"]))),
    }
}

fn nothing_refused(plan: &Value) -> Result<(), Failure> {
    must(plan["blocked"].as_array().is_some_and(Vec::is_empty), || format!("refused: {}", plan["blocked"]))
}

fn nothing_planned(plan: &Value, unchanged: u64) -> Result<(), Failure> {
    nothing_refused(plan)?;
    must(plan["changes"].as_array().is_some_and(Vec::is_empty), || format!("the plan is {:?}", actions(plan)))?;
    must(plan["unchanged"] == unchanged, || format!("{} resources are as they should be", plan["unchanged"]))
}

/// Every job that is live.
async fn jobs(stage: &Stage<'_>) -> Result<Vec<Value>, Failure> {
    let list = stage.ask("/api/2.2/jobs/list?expand_tasks=true&limit=100").await?;
    Ok(list["jobs"].as_array().cloned().unwrap_or_default())
}

/// The one job that carries the mark of a manifest.
async fn marked_job(stage: &Stage<'_>, name: &str) -> Result<Value, Failure> {
    owned(stage, "/api/2.2/jobs/list?expand_tasks=true&limit=100", "jobs", &format!("DatabricksJob/{name}")).await
}

/// The one object of a listing that carries the mark of an address: in its tags, or at the end of its description.
async fn owned(stage: &Stage<'_>, path: &str, list: &str, address: &str) -> Result<Value, Failure> {
    let mark = format!("bau-insights/demo/{address}");
    let listing = stage.ask(path).await?;
    let carries = |object: &&Value| {
        [&object["settings"]["tags"]["plumb"], &object["custom_tags"]["plumb"]].into_iter().any(|tag| *tag == mark)
            || object["description"].as_str().is_some_and(|text| text.contains(&format!("[plumb {mark} ")))
    };
    let found: Vec<&Value> = listing[list].as_array().into_iter().flatten().filter(carries).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        _ => Err(Failure::error(format!("{} live objects carry the mark {mark}, not one", found.len()))),
    }
}
