//! Leaving EMR: what is there, translated, deployed beside it, terminated behind gates, and noticed when it comes back.

use super::super::project;
use super::super::stage::{Stage, must};
use super::facts::{actions, nothing_refused};
use super::{TARGET, workspace};
use crate::cli::time::day;
use crate::ui::Failure;
use jiff::{Timestamp, ToSpan, civil::Date};
use plumb_core::manifest::PROJECT_FILE;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The pipeline whose clusters the story terminates: its cluster is protected and waits for steps.
pub(super) const PIPELINE: &str = "bau-insights";
pub(super) const MANIFEST: &str = "manifests/bau-insights/legacy.yaml";
/// The DAG of other people that starts its clusters.
const LEGACY_DAG: &str = "manifests/airflow/legacy-insights.yaml";

pub(super) async fn inventory(stage: &Stage<'_>) -> Result<(), Failure> {
    // Something is live already, so that it can be seen that nothing of it changes.
    stage.begin_lately();
    workspace::first_commit(stage)?;
    stage.apply_quietly().await?;
    let dag = json!({ "airflow": { "dags": [{ "dag_id": "legacy_insights", "tags": ["emr"] }] } });
    stage.post("/_sandbox/seed", &dag).await?;
    // What runs goes on for hours; the story does not.
    stage.post("/_sandbox/settings", &json!({ "emr": { "step_seconds": 7200 } })).await?;
    let before = clusters(stage).await?;
    stage.plumb(&["emr", "inventory", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let ran = stage.quietly(&["emr", "inventory", TARGET[0], TARGET[1], "--output", "json"]).await?;
    let found: Value = serde_json::from_str(&ran.out).unwrap_or_default();
    let pipelines = found["pipelines"].as_array().map_or(0, Vec::len);
    must(pipelines == 6 && found["clusters"] == 10, || format!("it found {pipelines} pipelines"))?;
    stage.proven("ten clusters are six pipelines: a cluster that is recreated each month is one")?;
    must(clusters(stage).await? == before, || "a cluster changed".into())?;
    stage.proven("nothing of EMR changed")
}

pub(super) async fn translate(stage: &Stage<'_>) -> Result<(), Failure> {
    let ran = stage.plumb(&["import", "emr", TARGET[0], TARGET[1]]).await?;
    ran.exits(0)?;
    must(ran.err.contains(", 0 without an account"), || format!("it lost something: {}", ran.err))?;
    stage.proven("every value that EMR's API gave is translated, dropped with a reason, or asked about")?;
    let files: Vec<&str> =
        ran.out.lines().filter_map(|line| line.split_whitespace().nth(1)).filter(|f| f.ends_with(".yaml")).collect();
    let mut asked = 0;
    for file in &files {
        // What plumb.yaml is asked stands for all pipelines, and is counted apart.
        if *file != PROJECT_FILE {
            asked += stage.read(file)?.matches("# DECISION: ").count();
        }
    }
    let said = number_before(&ran.err, " decisions to take");
    must(asked > 0 && said == Some(asked), || format!("{asked} comments, and it says {said:?}"))?;
    stage.proven(&format!(
        "{asked} decisions are left to people, each at its line in one of {} manifests",
        files.len()
    ))?;
    stage.plumb(&["validate", TARGET[0], TARGET[1]]).await?.exits(0)?;
    stage.proven("all of it is valid")?;
    let again = stage.quietly(&["import", "emr", TARGET[0], TARGET[1]]).await?;
    again.exits(0)?;
    let rewritten = again.out.lines().any(|line| line.starts_with("new") || line.starts_with("updated"));
    must(!rewritten, || format!("a second import wrote again: {}", again.out))?;
    stage.proven("a second import has nothing to write")
}

/// The number that stands right before some words.
fn number_before(text: &str, words: &str) -> Option<usize> {
    text.split_once(words)?.0.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

pub(super) async fn deploy(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.commit("Ann Lee", "Translate the pipelines of EMR")?;
    let before = clusters(stage).await?;
    let plan = stage.plan("plan").await?;
    nothing_refused(&plan)?;
    let made = actions(&plan);
    must(!made.is_empty() && made.iter().all(|(_, action)| *action == "create"), || format!("the plan is {made:?}"))?;
    let (jobs, dags) = (count(&made, "DatabricksJob/"), count(&made, "AirflowDag/"));
    must(jobs + dags == made.len(), || format!("the plan is {made:?}"))?;
    stage.proven(&format!("the plan makes {jobs} jobs and {dags} DAGs, and changes nothing else"))?;
    stage.apply().await?;
    for (address, _) in made.iter().filter(|(address, _)| address.starts_with("AirflowDag/")) {
        let id = address.trim_start_matches("AirflowDag/").replace('-', "_");
        let dag = stage.ask_airflow(&format!("/api/v2/dags/{id}")).await?;
        must(dag["is_paused"] == true, || format!("the DAG {id} is not paused"))?;
    }
    stage.proven("their DAGs are there and paused: when they run is for people to decide")?;
    let plan = stage.plan("plan").await?;
    must(actions(&plan).is_empty(), || format!("the plan is {:?}", actions(&plan)))?;
    must(clusters(stage).await? == before, || "a cluster changed".into())?;
    stage.proven("nothing is left to do, and nothing of EMR changed")
}

fn count(made: &[(&str, &str)], kind: &str) -> usize {
    made.iter().filter(|(address, _)| address.starts_with(kind)).count()
}

pub(super) async fn mark(stage: &Stage<'_>) -> Result<(), Failure> {
    let dag = "\
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: legacy-insights}
spec: {dag_id: legacy_insights, source: external}      # others wrote it: it is only paused
";
    stage.write(LEGACY_DAG, dag)?;
    let text = stage.read(MANIFEST)?;
    let text = project::edited(&text, "desired: keep", "desired: teardown")?;
    let not_before = format!("  teardown:\n    notBefore: {}\n", today() + 1.day());
    let text = project::edited(&text, "  teardown:\n", &not_before)?;
    let text =
        project::edited(&text, "    requires:\n", "    requires:\n      dagPaused: [AirflowDag/legacy-insights]\n")?;
    stage.write(MANIFEST, &text)?;
    stage.commit("Ann Lee", "Take the old insights clusters down")?;
    let id = cluster(stage).await?;
    // An analyst works on it.
    let step = json!({ "Name": "ad-hoc-report", "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": { "Jar": "command-runner.jar", "Args": ["spark-submit", "s3://acme-artifacts/adhoc.py"] } });
    stage.emr("AddJobFlowSteps", json!({ "JobFlowId": id, "Steps": [step] })).await?;
    let before = described(stage, &id).await?;
    stage.plumb(&["plan", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let plan = stage.plan("plan").await?;
    let address = format!("EmrCluster/legacy-{PIPELINE}/{id}");
    must(actions(&plan) == [(address.as_str(), "mark")], || format!("the plan is {:?}", actions(&plan)))?;
    stage.proven("the plan marks one cluster, and does nothing else to it")?;
    stage.apply_with(&["--allow-teardown"]).await?;
    let after = described(stage, &id).await?;
    let tags = tags(&after);
    let mark = format!("bau-insights/demo/EmrCluster/legacy-{PIPELINE}");
    must(tags.get("plumb").is_some_and(|tag| *tag == mark), || format!("its tags are {tags:?}"))?;
    let untagged = |mut cluster: Value| {
        for member in ["Tags", "NormalizedInstanceHours", "Status"] {
            cluster[member] = Value::Null;
        }
        cluster
    };
    must(untagged(after) == untagged(before), || "more than its tags changed".into())?;
    let (by, day) = (&tags["plumb_teardown_by"], &tags["plumb_teardown_not_before"]);
    stage.proven(&format!(
        "its tags say whose mark it is, when, at which commit, by whom ({by}), and not before {day}"
    ))?;
    stage.proven("although --allow-teardown was given: what is not marked yet is at most marked")
}

pub(super) async fn gates(stage: &Stage<'_>) -> Result<(), Failure> {
    let id = cluster(stage).await?;
    stage.plumb(&["plan", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let mut waits = waiting(stage).await?;
    let all = ["busy", "dags", "date", "grace", "parity", "successors"];
    must(waits.iter().map(String::as_str).eq(all), || format!("{waits:?} wait"))?;
    stage.proven("six gates wait")?;
    for gate in ["date", "grace", "successors", "dags", "busy"] {
        let what = open(stage, gate, &id).await?;
        let now = waiting(stage).await?;
        waits.remove(gate);
        must(now == waits, || format!("after {gate}, {now:?} wait, not {waits:?}"))?;
        stage.quietly(&["apply", TARGET[0], TARGET[1], "--yes", "--allow-teardown"]).await?.exits(0)?;
        must(described(stage, &id).await?["TerminationProtected"] == true, || "its protection is off".into())?;
        stage.proven(&format!("{gate}: {what}; {} still in the way", left(&waits)))?;
    }
    let state = described(stage, &id).await?["Status"]["State"].clone();
    must(state == "WAITING", || format!("the cluster is {state}"))?;
    stage.proven("each time an apply with --allow-teardown left the cluster as it was")
}

fn left(waits: &BTreeSet<String>) -> String {
    if waits.is_empty() {
        "nothing is".to_owned()
    } else {
        format!(
            "{} {}",
            waits.iter().cloned().collect::<Vec<_>>().join(", "),
            if waits.len() == 1 { "is" } else { "are" }
        )
    }
}

/// Does what a gate waits for, and says what.
async fn open(stage: &Stage<'_>, gate: &str, id: &str) -> Result<&'static str, Failure> {
    let text = stage.read(MANIFEST)?;
    match gate {
        "date" => {
            let (then, now) = (format!("notBefore: {}", today() + 1.day()), format!("notBefore: {}", today()));
            stage.write(MANIFEST, &project::edited(&text, &then, &now)?)?;
            stage.commit("Ann Lee", "The old insights clusters may go today")?;
            stage.apply_quietly().await?;
            Ok("`notBefore` is today")
        }
        "grace" => {
            stage.write(MANIFEST, &project::edited(&text, "grace: \"14d\"", "grace: 0d")?)?;
            stage.commit("Ann Lee", "Everybody knows: no grace is needed")?;
            Ok("a reviewed commit does without it")
        }
        "successors" => {
            for _ in 0..2 {
                run_to_the_end(stage).await?;
            }
            Ok("two runs of the new job ended well")
        }
        "dags" => {
            let dag = stage.read(LEGACY_DAG)?;
            stage.write(LEGACY_DAG, &project::edited(&dag, "source: external}", "source: external, paused: true}")?)?;
            stage.commit("Ann Lee", "Pause the old DAG")?;
            stage.apply_quietly().await?;
            Ok("the old DAG is paused, by a manifest too")
        }
        _ => {
            let steps =
                stage.emr("ListSteps", json!({ "ClusterId": id, "StepStates": ["PENDING", "RUNNING"] })).await?;
            let open: Vec<&Value> = steps["Steps"].as_array().into_iter().flatten().map(|step| &step["Id"]).collect();
            let how = json!({ "ClusterId": id, "StepIds": open, "StepCancellationOption": "TERMINATE_PROCESS" });
            stage.emr("CancelSteps", how).await?;
            // What is to be cancelled ends with the next look.
            stage.post("/_sandbox/settings", &json!({ "emr": { "step_seconds": 0 } })).await?;
            Ok("the analyst's step was cancelled by the analyst")
        }
    }
}

/// Runs the new job once, and waits until the run has ended.
async fn run_to_the_end(stage: &Stage<'_>) -> Result<(), Failure> {
    let job = super::facts::marked_job(stage, PIPELINE).await?["job_id"].clone();
    let run = stage.post("/api/2.2/jobs/run-now", &json!({ "job_id": job })).await?["run_id"].clone();
    for _ in 0..50 {
        let state = stage.ask(&format!("/api/2.2/jobs/runs/get?run_id={run}")).await?["state"].clone();
        match state["life_cycle_state"].as_str() {
            Some("TERMINATED") if state["result_state"] == "SUCCESS" => return Ok(()),
            Some("PENDING" | "QUEUED" | "RUNNING" | "TERMINATING") => {}
            _ => return Err(Failure::error(format!("the run ended as {state}"))),
        }
    }
    Err(Failure::error("the run does not end"))
}

pub(super) async fn take_down(stage: &Stage<'_>) -> Result<(), Failure> {
    let id = cluster(stage).await?;
    let before = clusters(stage).await?;
    stage.plumb(&["apply", TARGET[0], TARGET[1], "--yes"]).await?.exits(0)?;
    must(clusters(stage).await? == before, || "a cluster changed".into())?;
    stage.proven("every gate holds, and an apply without --allow-teardown does nothing")?;
    stage.plumb(&["apply", TARGET[0], TARGET[1], "--yes", "--allow-teardown"]).await?.exits(0)?;
    let ended = described(stage, &id).await?;
    must(ended["Status"]["State"] == "TERMINATED" && ended["TerminationProtected"] == false, || {
        format!("the cluster is {}", ended["Status"])
    })?;
    stage.proven(&format!("{id} is terminated: its protection was taken off, it was looked at again, and it ended"))?;
    let rest: Vec<Value> = before.into_iter().filter(|cluster| cluster["Id"] != id.as_str()).collect();
    must(clusters(stage).await? == rest, || "another cluster changed".into())?;
    stage.proven(&format!("the other {} clusters are as they were", rest.len()))?;
    let plan = stage.plan("plan").await?;
    must(actions(&plan).is_empty() && plan["teardown"].is_null(), || format!("the plan is {:?}", actions(&plan)))?;
    stage.proven("the manifest stays, as a tombstone, and has nothing to do")
}

pub(super) async fn comes_back(stage: &Stage<'_>) -> Result<(), Failure> {
    let request = json!({
        "Name": "bau-insights-again", "ReleaseLabel": "emr-6.9.0", "Applications": [{ "Name": "Spark" }],
        "ServiceRole": "EMR_DefaultRole", "JobFlowRole": "EMR_EC2_DefaultRole",
        "Tags": [{ "Key": "owner", "Value": "erin@acme.example" }],
        "Instances": { "MasterInstanceType": "m5.xlarge", "SlaveInstanceType": "m5.xlarge", "InstanceCount": 3,
            "KeepJobFlowAliveWhenNoSteps": true },
    });
    let id = stage.emr("RunJobFlow", request).await?["JobFlowId"].clone();
    stage.plumb(&["drift", TARGET[0], TARGET[1]]).await?.exits(2)?;
    let plan = stage.plan("drift").await?;
    let address = format!("EmrCluster/legacy-{PIPELINE}/{}", id.as_str().unwrap_or_default());
    must(actions(&plan) == [(address.as_str(), "mark")], || format!("it found {:?}", actions(&plan)))?;
    let why = plan["changes"][0]["reason"].as_str().unwrap_or_default();
    must(why.starts_with("returned: ") && why.contains("erin@acme.example"), || format!("it says {why}"))?;
    stage.proven("drift names the new cluster, when it was started, and whose tag it has; exit code 2")
}

pub(super) fn today() -> Date {
    day(Timestamp::now())
}

/// The gates that wait, of the one cluster whose teardown waits.
pub(super) async fn waiting(stage: &Stage<'_>) -> Result<BTreeSet<String>, Failure> {
    let plan = stage.plan("plan").await?;
    let waiting = plan["teardown"].as_array().map(Vec::as_slice).unwrap_or_default();
    must(waiting.len() == 1, || format!("{} clusters wait for their teardown", waiting.len()))?;
    let gates = waiting[0]["gates"].as_array().into_iter().flatten();
    let waits = gates.filter(|gate| gate["holds"] == false).filter_map(|gate| gate["name"].as_str());
    Ok(waits.map(str::to_owned).collect())
}

/// The clusters that have not ended, each as EMR describes it, without what changes by itself.
pub(super) async fn clusters(stage: &Stage<'_>) -> Result<Vec<Value>, Failure> {
    let states = json!({ "ClusterStates": ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"] });
    let listed = stage.emr("ListClusters", states).await?;
    let mut all = Vec::new();
    for row in listed["Clusters"].as_array().into_iter().flatten() {
        let mut cluster = described(stage, row["Id"].as_str().unwrap_or_default()).await?;
        cluster["NormalizedInstanceHours"] = Value::Null;
        all.push(cluster);
    }
    all.sort_by_key(|cluster| cluster["Id"].to_string());
    Ok(all)
}

async fn described(stage: &Stage<'_>, id: &str) -> Result<Value, Failure> {
    Ok(stage.emr("DescribeCluster", json!({ "ClusterId": id })).await?["Cluster"].clone())
}

/// The id of the pipeline's one cluster that has not ended.
async fn cluster(stage: &Stage<'_>) -> Result<String, Failure> {
    let name = |cluster: &Value| cluster["Name"].as_str().unwrap_or_default().to_owned();
    let all = clusters(stage).await?;
    let found: Vec<&Value> = all.iter().filter(|c| name(c).starts_with(&format!("{PIPELINE}-"))).collect();
    match found.as_slice() {
        [one] => Ok(one["Id"].as_str().unwrap_or_default().to_owned()),
        _ => Err(Failure::error(format!("{} clusters of {PIPELINE} are live, not one", found.len()))),
    }
}

fn tags(cluster: &Value) -> std::collections::BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = cluster["Tags"].as_array().into_iter().flatten();
    rows.map(|tag| (text(&tag["Key"]), text(&tag["Value"]))).collect()
}
