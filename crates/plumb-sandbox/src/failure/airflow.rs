//! DAG runs of Airflow that fail: the task that failed, its tries and their logs, what it pushed, and the run of Databricks
//! or the step of EMR that it started.
//!
//! Log lines are those of Airflow 2.11 and of its providers for Databricks and Amazon; Airflow 3 has the same lines as
//! objects (see [`crate::airflow`]).

use super::data;
use super::databricks::RunScenario;
use super::emr::StepScenario;
use super::template::{self, Scene};
use crate::airflow::definition::Task;
use crate::airflow::evidence::{LogLine, PlayedTask, PlayedTry};
use crate::airflow::pyjson::repr;
use crate::airflow::runs::DagRun;
use crate::airflow::work::StartedThing;
use crate::databricks::runs;
use crate::emr::{REGION, cluster::EmrCluster, seed as emr};
use crate::settings::RunOutcome;
use crate::store::{Store, WORKSPACE};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Why a DAG run fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DagScenario {
    /// The run of Databricks that a task started fails.
    DatabricksRun,
    /// The step of EMR that a task started fails.
    EmrStep,
    /// The scheduler loses sight of a task, whose run of Databricks ends well.
    Zombie,
    /// A sensor waits for a key that does not come.
    SensorTimeout,
}

/// How the runs of a DAG fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DagScript {
    /// Why.
    pub scenario: DagScenario,
    /// The task that fails; the one whose operator fits when absent, else the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The job that it runs, by id or name; the first one of the workspace when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Value>,
    /// Why the run of the job fails: `spot-lost` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunScenario>,
    /// Why the step fails: `container-memory` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepScenario>,
    /// The request of the cluster that the step runs on (RunJobFlow), with one step; one is made up when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Value>,
    /// The region of that cluster; `eu-central-1` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The key that a sensor waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What a task leaves for others, by key.
type Pushed = Vec<(String, Value)>;

/// Tells the story of every run that has ended with one and has not been told.
pub fn deliver(store: &mut Store) {
    let due = |run: &DagRun| run.script.is_some() && run.ended.is_some() && run.tasks.is_empty();
    let due: Vec<usize> = (0..store.airflow.runs.len()).filter(|at| due(&store.airflow.runs[*at])).collect();
    for at in due {
        tell(store, at);
    }
}

fn tell(store: &mut Store, at: usize) {
    let run = store.airflow.runs[at].clone();
    let (Some(script), Some(end)) = (run.script.clone(), run.ended) else { return };
    let Some(dag) = store.airflow.dags.get(&run.dag_id).cloned() else { return };
    let tasks = dag.definition.tasks;
    let wanted = match script.scenario {
        DagScenario::DatabricksRun | DagScenario::Zombie => "Databricks",
        DagScenario::EmrStep => "Emr",
        DagScenario::SensorTimeout => "Sensor",
    };
    let named = tasks.iter().find(|task| script.task.as_ref() == Some(&task.task_id));
    let fitting = || tasks.iter().find(|task| task.operator.contains(wanted));
    let Some(failing) = named.or_else(fitting).or(tasks.last()) else { return };
    let begin = run.started.unwrap_or(run.queued);
    let first = begin + (end - begin) / 20;
    // What waits for the task, and what waits for that.
    let mut behind: BTreeSet<&str> = failing.downstream.iter().map(String::as_str).collect();
    for _ in 0..tasks.len() {
        let more: Vec<&str> = tasks
            .iter()
            .filter(|t| behind.contains(t.task_id.as_str()))
            .flat_map(|t| t.downstream.iter().map(String::as_str))
            .collect();
        behind.extend(more);
    }
    // A sensor whose time is up is not tried again.
    let retries = if script.scenario == DagScenario::SensorTimeout { 0 } else { failing.retries.unwrap_or(0) };
    let tries = usize::try_from(retries).unwrap_or(0).min(4) + 1;
    let mut told = BTreeMap::new();
    for task in &tasks {
        let id = task.task_id.as_str();
        let mut scene = Scene { begin, end: first, ..Scene::default() };
        scene.set("operator", if task.operator.is_empty() { "BaseOperator" } else { &task.operator });
        for (name, value) in [("dag", run.dag_id.as_str()), ("task", id), ("run", &run.run_id), ("hostname", HOST)] {
            scene.set(name, value);
        }
        scene.set("logical", time(run.logical.unwrap_or(begin)));
        let mut played = PlayedTask::default();
        if id == failing.task_id {
            let delay = failing.retry_delay_seconds.unwrap_or(300) * 1000;
            let each = (end - first) / i64::try_from(tries).unwrap_or(1);
            for number in 1..=tries {
                scene.begin = first + each * i64::try_from(number - 1).unwrap_or(0);
                // The last try ends with the run; before another one there is the delay, as far as there is room.
                scene.end = if number == tries { end } else { scene.begin + each - delay.min(each / 4) };
                scene.set("try", number);
                scene.set("tries", tries);
                scene.set("marked", if number == tries { "FAILED" } else { "UP_FOR_RETRY" });
                scene.set("seconds", (scene.end - scene.begin) / 1000);
                let Some(pushed) = started(store, &script, &mut scene) else { return };
                played.xcom = pushed;
                let template = match script.scenario {
                    DagScenario::DatabricksRun => "airflow/databricks-run",
                    DagScenario::EmrStep => "airflow/emr-step",
                    DagScenario::Zombie => "airflow/zombie",
                    DagScenario::SensorTimeout => "airflow/sensor-timeout",
                };
                played.tries.push(one(number, "failed", template, &scene));
            }
        } else if behind.contains(id) {
            played.state = Some("upstream_failed".to_owned());
        } else {
            scene.set("try", 1);
            scene.set("tries", 1);
            played.tries.push(one(1, "success", "airflow/success", &scene));
        }
        told.insert(id.to_owned(), played);
    }
    if let Some(run) = store.airflow.runs.get_mut(at) {
        run.state = "failed".to_owned();
        run.tasks = told;
    }
}

pub const HOST: &str = "airflow-worker-1";

fn one(number: usize, state: &str, template: &str, scene: &Scene) -> PlayedTry {
    PlayedTry {
        number,
        state: state.to_owned(),
        started: scene.begin,
        ended: scene.end,
        hostname: HOST.to_owned(),
        log: LogLine::all(&template::lines(data::named(template), scene)),
    }
}

fn time(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    at.strftime("%Y-%m-%d %H:%M:%S+00:00").to_string()
}

/// Runs what a try starts, within its time, and answers what it pushes; nothing where it cannot start.
fn started(store: &mut Store, script: &DagScript, scene: &mut Scene) -> Option<Pushed> {
    scene.set("zombie", zombie(store.settings.airflow.version, scene));
    scene.set("key", script.key.as_deref().unwrap_or("s3://acme-lake/raw/events/_SUCCESS"));
    match script.scenario {
        DagScenario::DatabricksRun => {
            databricks(store, script, scene, Some(script.run.unwrap_or(RunScenario::SpotLost)))
        }
        DagScenario::Zombie => databricks(store, script, scene, None),
        DagScenario::EmrStep => step(store, script, scene),
        DagScenario::SensorTimeout => Some(Vec::new()),
    }
}

/// What the scheduler says of a task that no longer reports (SchedulerJobRunner of 2.11 and 3.1).
fn zombie(version: u8, scene: &Scene) -> String {
    let slot = |name: &str| scene.slots.get(name).map(String::as_str).unwrap_or_default();
    let (dag, task, run, host) = (slot("dag"), slot("task"), slot("run"), slot("hostname"));
    if version == 2 {
        let inner = format!("{{'DAG Id': '{dag}', 'Task Id': '{task}', 'Run Id': '{run}', 'Hostname': '{host}'}}");
        return format!(
            "Detected zombie job: {{'full_filepath': '/opt/airflow/dags/{dag}.py', 'processor_subdir': '/opt/airflow/dags', \
             'msg': \"{inner}\", 'simple_task_instance': <airflow.models.taskinstance.SimpleTaskInstance object at \
             0x7f1c2d3e4f50>, 'is_failure_callback': True}} (See https://airflow.apache.org/docs/apache-airflow/stable/\
             core-concepts/tasks.html#zombie-undead-tasks)"
        );
    }
    format!(
        "Detected a task instance without a heartbeat: {{'DAG Id': '{dag}', 'Task Id': '{task}', 'Run Id': '{run}', \
         'Hostname': '{host}'}} (See https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/tasks.html\
         #task-instance-heartbeat-timeout)"
    )
}

/// A run of a job, shortly after the try began, until shortly before it ended.
fn databricks(
    store: &mut Store,
    script: &DagScript,
    scene: &mut Scene,
    scenario: Option<RunScenario>,
) -> Option<Pushed> {
    let job = script.job.as_ref().and_then(|job| runs::job_called(store, job));
    let job = job.or_else(|| store.databricks.jobs.keys().next().copied())?;
    let outcome = RunOutcome { scenario, ..RunOutcome::default() };
    // A task that is lost is lost while its run goes on; by the end of the DAG run that is over.
    let span = (scene.at(0.003), scene.at(0.997));
    let run_id = runs::past(store, job, outcome, json!({}), span).ok()?;
    Some(of_run(store, scene, job, run_id))
}

/// What a task says and pushes of the run that it started.
fn of_run(store: &Store, scene: &mut Scene, job: i64, run_id: i64) -> Pushed {
    let url = format!("{WORKSPACE}/#job/{job}/run/{run_id}");
    scene.set("run_id", run_id);
    scene.set("run_page_url", &url);
    if let Some(run) = store.databricks.runs.get(&run_id) {
        let life = json!(run.life);
        scene.set("life", life.as_str().unwrap_or_default());
        scene.set("result", run.result.as_deref().unwrap_or_default());
        scene.set("state_message", repr(&json!(run.message)));
        let failed = run.ending.as_ref();
        let at = failed.and_then(|ending| {
            let tasks = run.settings["tasks"].as_array()?;
            tasks.iter().position(|task| task["task_key"] == ending.task.as_str())
        });
        scene.set("failed_task", failed.map(|ending| ending.task.as_str()).unwrap_or_default());
        scene.set("failed_run_id", at.and_then(|at| run.task_run_ids.get(at)).copied().unwrap_or(run_id));
        scene.set("error", repr(&json!(failed.and_then(|ending| ending.rest.error.as_deref()).unwrap_or_default())));
    }
    let mut pushed = vec![("run_id".to_owned(), json!(run_id)), ("run_page_url".to_owned(), json!(url))];
    if store.settings.airflow.version != 2 {
        pushed.insert(0, ("_link_DatabricksJobRunLink".to_owned(), json!(url)));
    }
    pushed
}

/// A cluster with one step, which fails.
fn step(store: &mut Store, script: &DagScript, scene: &mut Scene) -> Option<Pushed> {
    let at = |part: f64| jiff::Timestamp::from_millisecond(scene.at(part)).unwrap_or_default().to_string();
    let run = script.cluster.clone().unwrap_or_else(request);
    let region = script.region.as_deref().unwrap_or(REGION);
    let seed = json!({ "region": region, "clusters": [{ "run": run, "state": "TERMINATED", "created": at(0.001), "ready": at(0.06), "ended": at(0.999),
        "reason": { "Message": "Steps completed with errors" },
        "steps": [{ "scenario": script.step.unwrap_or(StepScenario::ContainerMemory), "started": at(0.06), "ended": at(0.99) }] }] });
    let ids = emr::add(store, &seed).ok()?;
    let id =
        ids["clusters"].as_object().and_then(|all| all.values().next()).and_then(Value::as_str).unwrap_or_default();
    let (region, id) = (region.to_owned(), id.to_owned());
    let cluster = store.emr.region(&region).clusters.get(&id)?;
    Some(of_cluster(scene, &region, cluster))
}

/// What a task says and pushes of the cluster that it started.
fn of_cluster(scene: &mut Scene, region: &str, cluster: &EmrCluster) -> Pushed {
    let failed = cluster.steps.iter().find(|step| step.failure.is_some());
    let step = failed.or(cluster.steps.first());
    let failure = step.and_then(|step| step.failure.clone()).unwrap_or_default();
    let message = failure["Message"].as_str().unwrap_or_default();
    let application = message.split_whitespace().find(|word| word.starts_with("application_")).unwrap_or_default();
    scene.set("cluster", &cluster.id);
    scene.set("step", step.map(|step| step.id.as_str()).unwrap_or_default());
    scene.set("application", application);
    scene.set("log_file", failure["LogFile"].as_str().unwrap_or_default());
    vec![
        (
            "emr_cluster".to_owned(),
            json!({ "region_name": region, "aws_domain": "aws.amazon.com", "aws_partition": "aws",
            "job_flow_id": cluster.id }),
        ),
        ("return_value".to_owned(), json!([step.map(|step| &step.id)])),
    ]
}

/// The log of a task that started something and waited for it, and what it pushed.
pub fn played(
    store: &mut Store,
    run: &DagRun,
    task: &Task,
    what: &StartedThing,
    (begin, end): (i64, i64),
    is_well: bool,
) -> (Vec<LogLine>, Pushed) {
    let mut scene = Scene { begin, end, ..Scene::default() };
    scene.set("operator", if task.operator.is_empty() { "BaseOperator" } else { &task.operator });
    let names = [("dag", run.dag_id.as_str()), ("task", &task.task_id), ("run", &run.run_id), ("hostname", HOST)];
    for (name, value) in names {
        scene.set(name, value);
    }
    scene.set("logical", time(run.logical.unwrap_or(begin)));
    for (name, value) in [("try", "1"), ("tries", "1"), ("marked", "FAILED")] {
        scene.set(name, value);
    }
    scene.set("seconds", (end - begin) / 1000);
    let (pushed, template) = match what {
        StartedThing::JobRun(id) => {
            let job = store.databricks.runs.get(id).map_or(0, |run| run.job_id);
            (of_run(store, &mut scene, job, *id), "airflow/databricks-run")
        }
        StartedThing::Cluster { region, id } => {
            let cluster = store.emr.region(region).clusters.get(id);
            let pushed = cluster.map(|cluster| of_cluster(&mut scene, region, cluster)).unwrap_or_default();
            (pushed, "airflow/emr-step")
        }
    };
    let template = if is_well { "airflow/success" } else { template };
    (LogLine::all(&template::lines(data::named(template), &scene)), pushed)
}

/// A cluster as any.
fn request() -> Value {
    json!({ "Name": "monthly-scores", "ReleaseLabel": "emr-6.15.0", "LogUri": "s3://acme-emr-logs/monthly-scores/",
        "JobFlowRole": "EMR_EC2_DefaultRole", "ServiceRole": "EMR_DefaultRole", "Applications": [{ "Name": "Spark" }],
        "Instances": { "KeepJobFlowAliveWhenNoSteps": false, "InstanceGroups": [
            { "Name": "Primary", "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 },
            { "Name": "Core", "InstanceRole": "CORE", "InstanceType": "r5.2xlarge", "InstanceCount": 4 }] },
        "Steps": [{ "Name": "score", "ActionOnFailure": "CONTINUE", "HadoopJarStep": { "Jar": "command-runner.jar",
            "Args": ["spark-submit", "--deploy-mode", "cluster", "s3://acme-artifacts/scores/score.py",
                "--input", "s3://acme-lake/curated/features/", "--output", "s3://acme-lake/marts/scores/"] } }] })
}
