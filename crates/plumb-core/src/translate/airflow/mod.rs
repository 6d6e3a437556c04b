//! Pipelines as Airflow's runs of them show: what operators were given, which cluster each of them meant, and the DAG around.
//!
//! Pure: what the REST API answered goes in, in v2's words. Airflow says rendered fields and no templates: what a template
//! filled in shows by comparing runs, whose times are told along. XComs say which cluster a step was for; the ids that they
//! hold are nobody's values.

mod fields;
mod literal;
mod schedule;

use super::context::{EarlierRun, PipelineSource, RunTime};
use super::pipeline::EmrSource;
use crate::inventory::choose::{self, ClusterSelector};
use crate::inventory::{FailedRead, pattern, request};
use fields::{RenderedField, field};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How many runs of a DAG are looked at: what differs between them are dates, and a year of months says it well.
pub const RUNS: usize = 6;

/// What Airflow said of a DAG, as it said it, in the words of REST API v2.
#[derive(Clone, Debug, Default)]
pub struct AirflowReading {
    /// The DAG's entry in the list, and its details.
    pub listed: Value,
    pub details: Value,
    pub tasks: Vec<Value>,
    /// The newest first.
    pub runs: Vec<AirflowRun>,
    /// The text of its file, where it may be read.
    pub source: Option<String>,
    /// What could not be read.
    pub unread: Vec<FailedRead>,
}

/// A run of a DAG, with the instances of its tasks.
#[derive(Clone, Debug, Default)]
pub struct AirflowRun {
    pub run: Value,
    pub instances: Vec<Value>,
    /// What tasks returned (the XCom `return_value`), by their ids.
    pub returned: BTreeMap<String, Value>,
}

/// A pipeline that a DAG starts.
#[derive(Clone, Debug)]
pub struct AirflowPipeline {
    /// What it is recorded as: it stays the same from run to run.
    pub of: String,
    pub title: String,
    pub source: PipelineSource,
    /// Sentences for the report.
    pub notes: Vec<String>,
}

/// What a task is to EMR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskRole {
    /// It starts a cluster.
    Cluster,
    /// It gives a cluster steps.
    Steps,
    /// It starts a job on EMR Serverless.
    Serverless,
    /// It starts a job on EMR on EKS, or a notebook: plumb does not translate those.
    Other,
    /// It waits for what others started, ends it, or makes and removes what they need.
    Around,
    /// It does nothing.
    Nothing,
    /// It has nothing to do with EMR.
    Foreign,
}

/// What a task is to EMR: by its template fields, which the subclasses that people write have too, and its class.
pub fn role(task: &Value) -> TaskRole {
    let has = |name: &str| task["template_fields"].as_array().is_some_and(|all| all.iter().any(|field| field == name));
    let class = class(task);
    let is = |names: &[&str]| names.contains(&class);
    if has("job_flow_overrides") || is(&["EmrCreateJobFlowOperator"]) {
        TaskRole::Cluster
    } else if has("steps") && has("job_flow_id") || is(&["EmrAddStepsOperator"]) {
        TaskRole::Steps
    } else if has("job_driver") && has("application_id") || is(&["EmrServerlessStartJobOperator"]) {
        TaskRole::Serverless
    } else if has("job_driver") || is(&["EmrContainerOperator", "EmrStartNotebookExecutionOperator"]) {
        TaskRole::Other
    } else if is(&["EmptyOperator", "DummyOperator", "_EmptyOperator", "LatestOnlyOperator"]) {
        TaskRole::Nothing
    } else if class.starts_with("Emr")
        || task["class_ref"]["module_path"]
            .as_str()
            .is_some_and(|module| module.starts_with("airflow.providers.amazon.aws") && module.ends_with(".emr"))
    {
        TaskRole::Around
    } else {
        TaskRole::Foreign
    }
}

/// Whether what a task returned says which cluster or application others mean.
pub fn returns_an_id(task: &Value) -> bool {
    role(task) == TaskRole::Cluster || class(task).contains("CreateApplication")
}

/// The runs of a listing that are worth reading, the newest first: those on the schedule, and others where these are too few
/// to compare.
pub fn worth_reading(listed: &[Value]) -> Vec<&Value> {
    let is_planned = |run: &&Value| matches!(run["run_type"].as_str(), Some("scheduled" | "backfill"));
    let (mut planned, by_hand): (Vec<&Value>, Vec<&Value>) = listed.iter().partition(is_planned);
    newest_first(&mut planned);
    if planned.len() < 2 {
        let mut more = by_hand;
        newest_first(&mut more);
        planned.extend(more);
    }
    planned.truncate(RUNS);
    planned
}

fn newest_first(runs: &mut [&Value]) {
    let at = |run: &Value| fields::time(run, "logical_date").or_else(|| fields::time(run, "run_after"));
    runs.sort_by_key(|run| std::cmp::Reverse(at(run)));
}

fn class(task: &Value) -> &str {
    task["class_ref"]["class_name"].as_str().or_else(|| task["operator_name"].as_str()).unwrap_or_default()
}

fn id(task: &Value) -> &str {
    task["task_id"].as_str().unwrap_or_default()
}

/// The pipelines that DAGs start, in the order of their titles.
pub fn pipelines(readings: &[AirflowReading]) -> Vec<AirflowPipeline> {
    let clusters = started(readings);
    let mut all: Vec<AirflowPipeline> =
        readings.iter().flat_map(|reading| DagReader::of(reading).pipelines(&clusters)).collect();
    all.sort_by(|a, b| (&a.title, &a.of).cmp(&(&b.title, &b.of)));
    all
}

/// What stands for the id of what a step or a run was for, where it could not be read.
const UNKNOWN: &str = "unknown";

/// What stands for the id of a cluster that no XCom names; no id begins so.
const NO_ID: &str = "of task ";

/// The clusters that all runs started, as entries of ListClusters, and the task that started each.
struct StartedClusters {
    groups: Vec<choose::Group>,
    starters: BTreeMap<String, (String, String)>,
}

fn started(readings: &[AirflowReading]) -> StartedClusters {
    let (mut listing, mut starters) = (Vec::new(), BTreeMap::new());
    for reading in readings {
        let dag = DagReader::of(reading);
        for (run, task, cluster) in reading.runs.iter().flat_map(|run| {
            let of = |task| {
                // One without an id has a name still.
                let id = run.returned.get(task).and_then(Value::as_str).map(str::to_owned);
                (run, task, id.unwrap_or_else(|| format!("{NO_ID}{task} {}", run.run["dag_run_id"])))
            };
            dag.with(TaskRole::Cluster).into_iter().map(of).collect::<Vec<_>>()
        }) {
            let overrides = instances(run, task).first().map(|one| field(one, "job_flow_overrides"));
            let Some(RenderedField::Read(overrides)) = overrides else { continue };
            let Some(name) = overrides["Name"].as_str() else { continue };
            let created = fields::time(&run.run, "start_date").map(|at| at.as_second());
            listing.push(json!({ "Id": cluster, "Name": name, "Status": { "State": "TERMINATED",
                "Timeline": { "CreationDateTime": created } } }));
            starters.insert(cluster, (dag.dag_id.clone(), task.to_owned()));
        }
    }
    StartedClusters { groups: choose::groups(&listing), starters }
}

impl StartedClusters {
    /// What selects the clusters of a task, and what they are called without their dates.
    fn of(&self, dag: &str, task: &str, newest: Option<&str>) -> (ClusterSelector, Option<String>) {
        let is_theirs =
            |cluster: &choose::Listed| self.starters.get(&cluster.id).is_some_and(|(d, t)| d == dag && t == task);
        let ids = |why| ClusterSelector::Ids(newest.iter().map(|id| (*id).to_owned()).collect(), why);
        let mut groups = self.groups.iter().filter(|group| group.clusters.iter().any(is_theirs));
        match (groups.next(), groups.next()) {
            (Some(group), None) if group.clusters.iter().all(is_theirs) => {
                let selector = match choose::selector(group, &self.groups) {
                    ClusterSelector::Ids(of, why) => {
                        ClusterSelector::Ids(of.into_iter().filter(|id| !id.starts_with(NO_ID)).collect(), why)
                    }
                    name => name,
                };
                (selector, Some(group.name.clone()))
            }
            (Some(group), None) => {
                (ids("another DAG, or another task, starts clusters of the same name"), Some(group.name.clone()))
            }
            (Some(_), Some(_)) => (ids("its clusters have had names that have nothing in common"), None),
            (None, _) => (ids("what Airflow tells does not say what its clusters are called"), None),
        }
    }
}

/// The instances of a task in a run: several where it is mapped.
fn instances<'r>(run: &'r AirflowRun, task: &str) -> Vec<&'r Value> {
    let mut all: Vec<&Value> = run.instances.iter().filter(|one| id(one) == task).collect();
    all.sort_by_key(|one| one["map_index"].as_i64());
    all
}

/// What a pipeline of a DAG is told by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PipelineKey {
    /// The task that starts its cluster.
    Task(String),
    /// The id, or the name, of a cluster that something else started.
    Standing(String),
    /// The id of an application of EMR Serverless, or the task that makes one for each run.
    Application(String),
}

/// What a run says of a pipeline.
struct RunInput {
    input: Value,
    /// What could not be read of it, each as the field and why.
    unreadable: Vec<String>,
    /// The id of its cluster or application.
    id: Option<String>,
    /// How many tasks of the DAG gave EMR something in this run.
    given: usize,
}

/// What a run started on an application of EMR Serverless.
#[derive(Default)]
struct ApplicationRuns {
    id: String,
    /// Each with what its task is called.
    runs: Vec<(String, Value)>,
    unreadable: Vec<String>,
}

struct DagReader<'r> {
    reading: &'r AirflowReading,
    dag_id: String,
    /// The tasks, each before those behind it.
    order: Vec<&'r Value>,
}

impl<'r> DagReader<'r> {
    fn of(reading: &'r AirflowReading) -> Self {
        let dag_id = [&reading.details, &reading.listed].iter().find_map(|dag| dag["dag_id"].as_str());
        DagReader { reading, dag_id: dag_id.unwrap_or_default().to_owned(), order: ordered(&reading.tasks) }
    }

    fn with(&self, wanted: TaskRole) -> Vec<&'r str> {
        self.order.iter().filter(|task| role(task) == wanted).map(|task| id(task)).collect()
    }

    fn pipelines(&self, clusters: &StartedClusters) -> Vec<AirflowPipeline> {
        let mut by: BTreeMap<PipelineKey, Vec<(&AirflowRun, RunInput)>> = BTreeMap::new();
        for run in &self.reading.runs {
            for (key, input) in self.inputs(run) {
                by.entry(key).or_default().push((run, input));
            }
        }
        let count = by.len();
        by.into_iter().filter_map(|(key, runs)| self.pipeline(key, runs, count, clusters)).collect()
    }

    fn pipeline(
        &self,
        key: PipelineKey,
        runs: Vec<(&AirflowRun, RunInput)>,
        count: usize,
        clusters: &StartedClusters,
    ) -> Option<AirflowPipeline> {
        // One that goes on, or failed before its last step, says less than the pipeline is.
        let most = runs.iter().map(|(_, input)| input.given).max()?;
        let mut runs = runs.into_iter().filter(|(_, input)| input.given == most);
        let (newest, RunInput { mut input, mut unreadable, id, .. }) = runs.next()?;
        for task in self.silent(newest) {
            unreadable.push(format!("`{task}`: Airflow has no rendered fields of it of the run that was read"));
        }
        let shown = id.clone().unwrap_or_else(|| "of an unknown id".to_owned());
        let (of, short, old, name) = match &key {
            PipelineKey::Task(task) => {
                let (selector, name) = clusters.of(&self.dag_id, task, id.as_deref());
                (format!("task {task}"), task, EmrSource::Clusters(selector), name)
            }
            PipelineKey::Standing(cluster) => {
                let selector = if cluster == UNKNOWN {
                    ClusterSelector::Ids(Vec::new(), "the field with the cluster's id could not be read")
                } else if cluster.starts_with("j-") {
                    ClusterSelector::Ids(vec![cluster.clone()], "the DAG feeds a cluster that it did not start")
                } else {
                    ClusterSelector::Name(cluster.clone())
                };
                (format!("cluster {cluster}"), cluster, EmrSource::Clusters(selector), None)
            }
            PipelineKey::Application(application) if application == UNKNOWN => {
                let why = "the field with the application's id could not be read";
                let old = EmrSource::Clusters(ClusterSelector::Ids(Vec::new(), why));
                (format!("application {application}"), application, old, None)
            }
            PipelineKey::Application(application) => {
                (format!("application {application}"), application, EmrSource::Application(shown.clone()), None)
            }
        };
        let is_serverless = matches!(key, PipelineKey::Application(_));
        let name = name.unwrap_or_else(|| self.dag_id.clone());
        let mut earlier: Vec<EarlierRun> =
            runs.map(|(run, input)| EarlierRun { run: run_time(&run.run), input: input.input }).collect();
        if !is_serverless {
            input = request::named(input, &name);
            for run in &mut earlier {
                run.input = request::named(run.input.take(), &name);
            }
        }
        let mut notes = vec![format!(
            "From the run {} of DAG {}, as Airflow rendered its fields, on {} {shown}; {} compared with it.",
            newest.run["dag_run_id"].as_str().unwrap_or_default(),
            self.dag_id,
            if is_serverless { "application" } else { "cluster" },
            match earlier.len() {
                0 => "no earlier run could be".to_owned(),
                1 => "1 earlier run was".to_owned(),
                n => format!("{n} earlier runs were"),
            }
        )];
        notes.extend(self.said());
        if count > 1 {
            notes.push(format!("DAG {} starts {count} pipelines: each gets a DAG of its own.", self.dag_id));
        }
        let mut dag = schedule::old_dag(self.reading, &self.dag_id, &self.order);
        if dag.email_on_retry == Some(true) && dag.retries.is_some_and(|n| n > 0) {
            notes.push(format!(
                "{} heard of each retry too; the new job writes when it fails for good.",
                dag.email.join(", ")
            ));
        }
        dag.others = self.others();
        dag.unreadable = unreadable;
        dag.pipelines = count;
        Some(AirflowPipeline {
            of: format!("dag {} {of}", self.dag_id),
            title: if count > 1 { format!("{}-{short}", self.dag_id) } else { self.dag_id.clone() },
            source: PipelineSource {
                input,
                old,
                unread: self.reading.unread.clone(),
                run: run_time(&newest.run),
                earlier,
                dag: Some(dag),
                written_by_others: Vec::new(),
            },
            notes,
        })
    }

    /// Tasks that give EMR something, and of which a run has nothing: a branch that it did not take.
    fn silent(&self, run: &AirflowRun) -> Vec<&'r str> {
        let all =
            [TaskRole::Cluster, TaskRole::Steps, TaskRole::Serverless].into_iter().flat_map(|role| self.with(role));
        all.filter(|task| !instances(run, task).into_iter().any(fields::is_rendered)).collect()
    }

    /// What a run says of each pipeline, and nothing of those of which it says too little.
    fn inputs(&self, run: &AirflowRun) -> BTreeMap<PipelineKey, RunInput> {
        let mut inputs = BTreeMap::new();
        let makers = self.with(TaskRole::Cluster);
        let feeders: Vec<(&str, &Value)> = self
            .with(TaskRole::Steps)
            .into_iter()
            .flat_map(|t| instances(run, t).into_iter().map(move |i| (t, i)))
            .collect();
        for maker in &makers {
            let Some(instance) = instances(run, maker).into_iter().find(|one| fields::is_rendered(one)) else {
                continue;
            };
            let fed = feeders.iter().filter(|(_, one)| self.maker_of(run, one) == Some(*maker));
            let id = run.returned.get(*maker).and_then(Value::as_str).map(str::to_owned);
            let mut made = RunInput { input: json!({}), unreadable: Vec::new(), id, given: 0 };
            let request = cluster_request(maker, instance, &mut made.unreadable);
            made.input = request::run_job_flow(&fed_with(request, fed, &mut made.unreadable));
            inputs.insert(PipelineKey::Task((*maker).to_owned()), made);
        }
        let mut standing: BTreeMap<String, Vec<&(&str, &Value)>> = BTreeMap::new();
        for feeder in feeders.iter().filter(|(_, one)| fields::is_rendered(one) && self.maker_of(run, one).is_none()) {
            let said = ["job_flow_id", "job_flow_name"].iter().find_map(|name| match field(feeder.1, name) {
                RenderedField::Read(Value::String(text)) if !text.is_empty() && text != "None" => Some(text),
                _ => None,
            });
            standing.entry(said.unwrap_or_else(|| UNKNOWN.to_owned())).or_default().push(feeder);
        }
        for (cluster, fed) in standing {
            let mut made = RunInput { input: json!({}), unreadable: Vec::new(), id: Some(cluster.clone()), given: 0 };
            made.input = request::run_job_flow(&fed_with(Map::new(), fed.into_iter(), &mut made.unreadable));
            made.unreadable.push(format!(
                "cluster {cluster}: the DAG did not start it, and Airflow knows of it no more than its name"
            ));
            inputs.insert(PipelineKey::Standing(cluster), made);
        }
        self.serverless(run, &mut inputs);
        let all = [TaskRole::Cluster, TaskRole::Steps, TaskRole::Serverless];
        let given = all.iter().map(|role| self.with(*role).len()).sum::<usize>() - self.silent(run).len();
        inputs.values_mut().for_each(|input: &mut RunInput| input.given = given);
        inputs
    }

    /// The task that started the cluster which a step was for.
    fn maker_of(&self, run: &AirflowRun, feeder: &Value) -> Option<&'r str> {
        let RenderedField::Read(Value::String(cluster)) = field(feeder, "job_flow_id") else { return None };
        let makers = self.with(TaskRole::Cluster);
        let joined = makers.iter().find(|maker| run.returned.get(**maker).is_some_and(|id| *id == cluster.as_str()));
        // Without its XCom it can only be the one that there is; an id that another run has too is of a cluster that stays.
        let other = |one: &AirflowRun| {
            let is_this = one.run["dag_run_id"] == run.run["dag_run_id"];
            !is_this
                && one
                    .instances
                    .iter()
                    .any(|i| matches!(field(i, "job_flow_id"), RenderedField::Read(Value::String(o)) if o == cluster))
        };
        let only = || match makers.as_slice() {
            [one] if !run.returned.contains_key(*one) && !self.reading.runs.iter().any(other) => Some(one),
            _ => None,
        };
        joined.or_else(only).copied()
    }

    fn serverless(&self, run: &AirflowRun, inputs: &mut BTreeMap<PipelineKey, RunInput>) {
        let mut by: BTreeMap<PipelineKey, ApplicationRuns> = BTreeMap::new();
        for task in self.with(TaskRole::Serverless) {
            let all: Vec<&Value> = instances(run, task).into_iter().filter(|one| fields::is_rendered(one)).collect();
            let many = all.len() > 1;
            for instance in all {
                let mut unreadable = Vec::new();
                let request = run_request(task, instance, &mut unreadable);
                let application = request.get("applicationId").and_then(Value::as_str).unwrap_or(UNKNOWN).to_owned();
                let maker = run.returned.iter().find(|(_, returned)| **returned == application.as_str());
                let key = maker.map_or(&application, |(maker, _)| maker).clone();
                let called = match instance["map_index"].as_i64() {
                    Some(index) if many => format!("{task}-{index}"),
                    _ => task.to_owned(),
                };
                let of = by.entry(PipelineKey::Application(key)).or_default();
                of.id = application;
                of.runs.push((called, request::start_job_run(&Value::Object(request))));
                of.unreadable.extend(unreadable);
            }
        }
        for (key, ApplicationRuns { id: application, mut runs, unreadable }) in by {
            let given: Vec<String> =
                runs.iter().filter_map(|(_, run)| Some(run["name"].as_str()?.to_owned())).collect();
            let grouped = pattern::group(given.iter().map(String::as_str));
            let names: BTreeSet<&String> = grouped.values().collect();
            let told_apart = names.len() == runs.len();
            for (task, run) in &mut runs {
                let own = run["name"].as_str().and_then(|name| grouped.get(name)).filter(|_| told_apart);
                run["name"] = json!(own.cloned().unwrap_or_else(|| task.clone()));
            }
            let runs: Vec<Value> = runs.into_iter().map(|(_, run)| run).collect();
            let input = request::serverless(&json!({ "applicationId": application }), &runs);
            inputs.insert(key, RunInput { input, unreadable, id: Some(application), given: 0 });
        }
    }

    /// Sentences on the tasks that only stand around EMR.
    fn said(&self) -> Vec<String> {
        let around: Vec<String> =
            self.order.iter().filter(|task| role(task) == TaskRole::Around).map(|task| named(task)).collect();
        if around.is_empty() {
            return Vec::new();
        }
        // The report shows the sentences of notes as they are, without code in them.
        let them = around.join(", ").replace('`', "");
        vec![format!("{them}: a job starts its cluster, waits for its tasks and ends it by itself.")]
    }

    /// Tasks that something has to take the place of.
    fn others(&self) -> Vec<String> {
        let is_other = |task: &&&Value| matches!(role(task), TaskRole::Foreign | TaskRole::Other);
        self.order.iter().filter(is_other).map(|task| named(task)).collect()
    }
}

fn named(task: &Value) -> String {
    format!("`{}` ({})", id(task), class(task))
}

fn run_time(run: &Value) -> RunTime {
    let time = |name: &str| fields::time(run, name);
    RunTime {
        created: time("start_date").or_else(|| time("queued_at")),
        logical: time("logical_date"),
        interval: time("data_interval_start").zip(time("data_interval_end")),
    }
}

/// The request of an `EmrCreateJobFlowOperator`.
fn cluster_request(task: &str, instance: &Value, unreadable: &mut Vec<String>) -> Map<String, Value> {
    let request = match fields::read(task, instance, "job_flow_overrides", unreadable) {
        Some(Value::Object(request)) => request,
        Some(Value::Null) | None => return Map::new(),
        Some(_) => {
            unreadable.push(format!("`{task}.job_flow_overrides`: it is neither an object nor a text that holds one"));
            return Map::new();
        }
    };
    let missing: Vec<&str> = ["ReleaseLabel", "Instances"]
        .into_iter()
        .filter(|name| request.get(*name).is_none_or(Value::is_null))
        .collect();
    if !missing.is_empty() {
        let connection = match field(instance, "emr_conn_id") {
            RenderedField::Read(Value::String(name)) => format!("`{name}`"),
            _ => "of the operator".to_owned(),
        };
        unreadable.push(format!(
            "`{task}.job_flow_overrides`: it has no {}, which come from the extra of the connection {connection}",
            missing.join(" and no ")
        ));
    }
    request
}

/// The request with the steps that tasks gave the cluster later.
fn fed_with<'f>(
    mut request: Map<String, Value>,
    fed: impl Iterator<Item = &'f (&'f str, &'f Value)>,
    unreadable: &mut Vec<String>,
) -> Value {
    let mut steps = match request.remove("Steps") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(steps)) => steps,
        Some(odd) => {
            request.insert("Steps".into(), odd);
            return Value::Object(request);
        }
    };
    for (task, instance) in fed {
        let role = match field(instance, "execution_role_arn") {
            RenderedField::Read(role @ Value::String(_)) => Some(role),
            _ => None,
        };
        match fields::read(task, instance, "steps", unreadable) {
            Some(Value::Array(more)) => steps.extend(more.into_iter().map(|mut step| {
                if let (Some(members), Some(role)) = (step.as_object_mut(), &role) {
                    members.entry("ExecutionRoleArn").or_insert_with(|| role.clone());
                }
                step
            })),
            Some(Value::Null) | None => {}
            Some(_) => unreadable.push(format!("`{task}.steps`: it is neither a list nor a text that holds one")),
        }
    }
    request.insert("Steps".into(), Value::from(steps));
    Value::Object(request)
}

/// The StartJobRun request of an `EmrServerlessStartJobOperator`.
fn run_request(task: &str, instance: &Value, unreadable: &mut Vec<String>) -> Map<String, Value> {
    // `config` are further members of the request (the operator's `execute`).
    let mut request = match fields::read(task, instance, "config", unreadable) {
        Some(Value::Object(config)) => config,
        _ => Map::new(),
    };
    for (member, name) in [
        ("applicationId", "application_id"),
        ("executionRoleArn", "execution_role_arn"),
        ("jobDriver", "job_driver"),
        ("configurationOverrides", "configuration_overrides"),
        ("name", "name"),
    ] {
        match fields::read(task, instance, name, unreadable) {
            None | Some(Value::Null) => {}
            // The operator's own default says nothing.
            Some(Value::String(name)) if member == "name" && name == "emr_serverless_job_airflow" => {}
            Some(value) => _ = request.insert(member.to_owned(), value),
        }
    }
    request
}

/// Tasks in an order in which they may run: each after those before it, and by their ids where either may be first.
fn ordered(tasks: &[Value]) -> Vec<&Value> {
    let mut waits: BTreeMap<&str, usize> = tasks.iter().map(|task| (id(task), 0)).collect();
    let below = |task: &'_ Value| -> Vec<String> {
        let ids = task["downstream_task_ids"].as_array().into_iter().flatten();
        ids.filter_map(|id| id.as_str().map(str::to_owned)).collect()
    };
    for next in tasks.iter().flat_map(below) {
        if let Some(count) = waits.get_mut(next.as_str()) {
            *count += 1;
        }
    }
    let mut order: Vec<&Value> = Vec::new();
    while let Some(next) = waits.iter().find(|(_, count)| **count == 0).map(|(next, _)| *next) {
        waits.remove(next);
        let Some(task) = tasks.iter().find(|task| id(task) == next) else { continue };
        order.push(task);
        for after in below(task) {
            if let Some(count) = waits.get_mut(after.as_str()) {
                *count = count.saturating_sub(1);
            }
        }
    }
    // Airflow has no circles; whatever is left is not lost for that.
    order.extend(tasks.iter().filter(|task| waits.contains_key(id(task))));
    order
}

#[cfg(test)]
mod tests;
