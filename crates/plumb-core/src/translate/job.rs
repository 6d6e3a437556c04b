//! The job that takes the place of a cluster and its steps.

use super::account::{Ask, At, Book};
use super::application::{SparkTask, parameter};
use super::conf::{TargetPaths, Wants, object};
use super::dates::wire::default_of;
use super::flow::chain;
use super::library;
use super::line::{CommandLine, CommandOutcome, command};
use super::nodes::node;
use super::parts::CLUSTER;
use super::pins::{NodeZone, join_java_options, pins, set_zone};
use super::recurring::{PipelineStep, recurring};
use super::runtime::{Choice, Minor};
use super::shape::{ClusterCapacity, Size};
use crate::detect::masked;
use plumb_model::address::slug;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A job takes that many tasks (Jobs API 2.2).
const MOST_TASKS: usize = 1000;

/// A step that came to a task.
pub(super) struct StepTask<'a> {
    pub key: String,
    pub at: At<'a>,
    pub stops: bool,
    pub application: SparkTask,
}

/// What is the same for all tasks of a job.
pub(super) struct Common<'a> {
    pub shape: ClusterCapacity<'a>,
    pub base: Wants,
    /// The chosen runtime, with the Spark that the release has.
    pub runtime: Option<(Choice, Minor)>,
    /// `run_as` of the job.
    pub run_as: Option<Value>,
    pub cluster: Map<String, Value>,
    pub aws: Map<String, Value>,
    /// The zone of the nodes, where the application sets none.
    pub zone: NodeZone,
}

/// A key that no other task has: 100 characters at most (Jobs API 2.2).
pub(super) fn key(name: &str, taken: &mut BTreeSet<String>) -> String {
    let base = slug(name).unwrap_or_else(|| "step".into());
    let mut key = base.clone();
    let mut n = 2;
    while !taken.insert(key.clone()) {
        key = format!("{base}-{n}");
        n += 1;
    }
    key
}

/// The tasks of EMR's steps, in the order in which they were submitted (ListSteps has the newest first).
pub(super) fn steps<'a>(book: &mut Book, root: &At<'a>, base: &Wants, of: &TargetPaths<'_>) -> Vec<StepTask<'a>> {
    let mut steps = root.list("Steps");
    steps.reverse();
    let steps = recurring(book, root, steps);
    let mut taken = BTreeSet::new();
    let mut made = Vec::new();
    for PipelineStep { at, name } in &steps {
        let key = key(name, &mut taken);
        let task = format!("tasks[{key}]");
        let place = TargetPaths { task: &task, ..*of };
        for (member, why) in [
            ("Id", "of this one step"),
            ("Status", "how this one step fared"),
            ("AdditionalInfo", "of this one step"),
            ("LogUri", "logs are the cluster's"),
            ("EncryptionKeyArn", "logs are the cluster's"),
        ] {
            book.drop_of(at, member, why);
        }
        if made.len() >= MOST_TASKS {
            let what = format!("what becomes of the step `{}`", masked(name));
            let why = "a job has 1000 tasks at most";
            book.ask(at, Ask { what, why, options: &["a second job"], default: "left out", place: "tasks".into() });
            continue;
        }
        let Some(application) = step(book, at, &place, base) else {
            taken.remove(&key);
            continue;
        };
        if let Some(name) = at.get("Name") {
            book.translated(&name, format!("{task}.task_key"));
        }
        let action = at.get("ActionOnFailure");
        let stops = action.as_ref().and_then(At::text).as_deref() != Some("CONTINUE");
        if let Some(action) = action {
            // What the next tasks wait for says it; the task itself is what they name.
            book.translated(&action, task.clone());
        }
        made.push(StepTask { key, at: at.clone(), stops, application });
    }
    made
}

/// The application of one step.
fn step(book: &mut Book, at: &At<'_>, place: &TargetPaths<'_>, base: &Wants) -> Option<SparkTask> {
    let config = at.get("Config")?;
    let args = config.list("Args");
    let line = CommandLine::of(&args);
    let jar = config.text_of("Jar").unwrap_or_default();
    let file = jar.rsplit('/').next().unwrap_or_default().to_owned();
    let outcome = match file.as_str() {
        "command-runner.jar" => command(book, at, &line, place, base, 0),
        // What it runs is mostly a script in S3; EMR's own programs are called this way, too.
        "script-runner.jar" => match line.words.first().map(String::as_str) {
            Some(first) if first.ends_with("/spark-submit") || first.contains("elasticmapreduce/libs/") => {
                let first = if first.contains("state-pusher") { "state-pusher-script" } else { first };
                let mut line = line.clone();
                line.words[0] = first.to_owned();
                command(book, at, &line, place, base, 0)
            }
            _ => {
                let why = "plumb does not run or read shell scripts: what it does is for a person to see";
                let options = ["a task of its own for each spark-submit in it", "a task of Airflow", "retire it"];
                super::line::without(book, at, &line, place, why, &options)
            }
        },
        _ => {
            let class = config.text_of("MainClass").unwrap_or_default();
            let mut line = line.clone();
            line.words.splice(0..0, [jar.clone(), class].into_iter().filter(|w| !w.is_empty()));
            if file.starts_with("s3-dist-cp") || file.contains("s3distcp") {
                line.words[0] = "s3-dist-cp".into();
            }
            match line.program() {
                "s3-dist-cp" => {
                    line.ats = vec![config.clone(); line.words.len()];
                    command(book, at, &line, place, base, 0)
                }
                _ => {
                    let why = "MapReduce and streaming do not run on Databricks";
                    super::line::without(book, at, &line, place, why, &["rewrite it for Spark", "retire it"])
                }
            }
        }
    };
    let CommandOutcome::Task(application) = outcome else { return None };
    book.drop_of(&config, "Jar", "EMR's runner of commands");
    book.drop_of(&config, "MainClass", "EMR's runner of commands has a class of its own");
    if let Some(properties) = config.get("Properties").filter(|p| !p.leaves().is_empty()) {
        let name = at.text_of("Name").unwrap_or_default();
        let what = format!("whether the Java system properties of the step `{}` are needed", masked(&name));
        let why = "they were those of EMR's runner, not Spark's";
        let options = ["no", "`-D` in spark.driver.extraJavaOptions"];
        book.ask(&properties, Ask { what, why, options: &options, default: "left out", place: place.task.to_owned() });
    }
    if let Some(role) = at.get("ExecutionRoleArn") {
        let what =
            format!("with whose rights a step of the role `{}` reads and writes", role.text().unwrap_or_default());
        let why = "it has a role of its own; a job runs as one user or service principal";
        let options = ["run_as of the job, and grants in Unity Catalog", "an instance profile of its own cluster"];
        book.ask(
            &role,
            Ask { what, why, options: &options, default: "as all tasks of the job", place: place.task.to_owned() },
        );
    }
    Some(*application)
}

/// What tasks have to have in common to share a cluster.
struct SharedCluster {
    key: String,
    conf: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    /// Whether the driver of one of them ran on the master.
    client: bool,
}

/// The spec of the job; `None` when there is nothing to run.
pub(super) fn job(
    book: &mut Book,
    root: &At<'_>,
    name: &str,
    made: &[StepTask<'_>],
    common: &Common<'_>,
    tags: Map<String, Value>,
) -> Option<Value> {
    let level = root.path("Cluster.StepConcurrencyLevel");
    if made.is_empty() {
        if let Some(level) = level {
            book.dropped(&level, "there are no steps that could run beside each other");
        }
        return None;
    }
    let parallel = level.as_ref().and_then(At::int).unwrap_or(1) > 1 && made.len() > 1;
    if let Some(level) = level {
        if parallel {
            book.ask(
                &level,
                Ask {
                    what: "whether the steps depend on each other".into(),
                    why: "EMR ran several at a time, in the order in which they were submitted",
                    options: &["no: all start together", "yes: name what each waits for in depends_on"],
                    default: "all start together, on one cluster",
                    place: "tasks".into(),
                },
            )
        } else {
            book.dropped(&level, "one step after the other: tasks wait for each other")
        }
    }
    if !parallel {
        goes_on(book, made);
    }
    let order: Vec<(String, bool)> = made.iter().map(|m| (m.key.clone(), m.stops)).collect();
    let chain = if parallel { vec![super::flow::TaskDependencies::default(); made.len()] } else { chain(&order) };
    let mut clusters: Vec<SharedCluster> = Vec::new();
    let mut tasks = Vec::new();
    let mut parameters = BTreeMap::new();
    for (made, after) in made.iter().zip(chain) {
        let wants = &made.application.wants;
        let (mut conf, mut env) = (common.base.conf.clone(), common.base.env.clone());
        conf.extend(wants.conf.clone());
        env.extend(wants.env.clone());
        join_java_options(&mut conf);
        let asked = book.decisions.len();
        set_zone(book, &made.at, &mut conf, (&common.base, wants), &common.zone);
        let found = clusters.iter_mut().find(|c| c.conf == conf && c.env == env);
        let cluster = match found {
            Some(cluster) => {
                cluster.client |= !wants.cluster_mode;
                cluster.key.clone()
            }
            None => {
                let n = clusters.len() + 1;
                let key = if n == 1 { "main".to_owned() } else { format!("main-{n}") };
                clusters.push(SharedCluster { key: key.clone(), conf, env, client: !wants.cluster_mode });
                key
            }
        };
        // A question about the zone is about the cluster of this task.
        for decision in book.decisions.iter_mut().skip(asked) {
            decision.place = decision.place.replace("[*]", &format!("[{cluster}]"));
        }
        let mut task = json!({ "task_key": made.key, "job_cluster_key": cluster });
        after.put(&mut task);
        for (member, value) in &made.application.task {
            task[member] = value.clone();
        }
        let libraries = library::all(wants, &common.base);
        if !libraries.is_empty() {
            task["libraries"] = Value::Array(libraries);
        }
        if let Some(retries) = wants.max_retries.or(common.base.max_retries).filter(|n| *n > 0) {
            task["max_retries"] = json!(retries);
        }
        if let Some(seconds) = made.application.timeout {
            task["timeout_seconds"] = json!(seconds);
        }
        for expression in &made.application.templates {
            parameters.insert(parameter(expression), expression.clone());
        }
        tasks.push(task);
    }
    let all: Vec<&Wants> = made.iter().map(|m| &m.application.wants).collect();
    library::about_nothing(book, &common.base, &all);
    common.base.hidden(book, &all);
    if clusters.len() > 1 {
        let ask = Ask {
            what: format!("whether the tasks need {} clusters", clusters.len()),
            why: "their Spark properties differ, and those of a cluster hold for all that runs on it",
            options: &["a cluster each", "one cluster, with the properties set in the code"],
            default: "a cluster for each set of properties; each starts again",
            place: "job_clusters".into(),
        };
        let at = root.get("Steps").unwrap_or_else(|| root.clone());
        book.note(&at, ask);
    }
    memory(book, root, made, common);
    if let Some(master) = &common.shape.master {
        if clusters.iter().any(|c| c.client) {
            book.translated(master, format!("{CLUSTER}.driver_node_type_id"))
        } else {
            book.dropped(master, "every step ran in cluster mode: its driver was on a worker")
        }
    }
    let clusters: Vec<Value> =
        clusters.iter().map(|c| json!({ "job_cluster_key": c.key, "new_cluster": new_cluster(common, c) })).collect();
    let mut job = json!({ "name": name, "job_clusters": clusters, "tasks": tasks, "max_concurrent_runs": 1 });
    if let Some(run_as) = &common.run_as {
        job["run_as"] = run_as.clone();
    }
    if !tags.is_empty() {
        job["tags"] = Value::Object(tags);
    }
    if !parameters.is_empty() {
        // The DAG gives them; a run by hand has those of its own start, where they are known.
        let default =
            |(name, expression): (&String, &String)| json!({ "name": name, "default": default_of(expression) });
        job["parameters"] = parameters.iter().map(default).collect();
    }
    Some(job)
}

/// Steps after whose failure EMR went on: the DAG that waited for them may not have.
fn goes_on(book: &mut Book, made: &[StepTask<'_>]) {
    let followed = made.iter().take(made.len().saturating_sub(1)).filter(|m| !m.stops);
    let keys: Vec<&str> = followed.map(|m| m.key.as_str()).collect();
    let Some(first) = made.iter().find(|m| keys.first() == Some(&m.key.as_str())) else { return };
    let ask = Ask {
        what: format!("whether the job goes on when these tasks fail: {}", keys.join(", ")),
        why: "EMR went on (ActionOnFailure is CONTINUE), but a sensor in the old DAG may have failed it there",
        options: &["go on", "stop: take run_if out of the tasks behind them"],
        default: "goes on, as EMR did",
        place: "tasks".into(),
    };
    let at = first.at.get("ActionOnFailure").unwrap_or_else(|| first.at.clone());
    book.note(&at, ask);
}

fn new_cluster(common: &Common<'_>, own: &SharedCluster) -> Value {
    let shape = &common.shape;
    let mut cluster = common.cluster.clone();
    let mut conf = own.conf.clone();
    if let Some((choice, from)) = &common.runtime {
        conf.extend(pins(*from, choice.runtime.spark, &conf));
        cluster.insert("spark_version".into(), json!(choice.runtime.key));
    }
    cluster.insert("node_type_id".into(), json!(shape.node));
    if let Some(master) = shape.driver.as_ref().filter(|_| own.client) {
        cluster.insert("driver_node_type_id".into(), json!(master));
    }
    match shape.size {
        // Alone, the driver does the work. Needs the simple form (Clusters API).
        Size::Fixed(0) => {
            cluster.insert("kind".into(), json!("CLASSIC_PREVIEW"));
            cluster.insert("is_single_node".into(), json!(true));
        }
        Size::Fixed(n) => {
            cluster.insert("num_workers".into(), json!(n));
        }
        Size::Between(least, most) => {
            cluster.insert("autoscale".into(), json!({ "min_workers": least, "max_workers": most }));
        }
    }
    let mut aws = shape.aws.clone();
    aws.extend(common.aws.clone());
    if !aws.is_empty() {
        cluster.insert("aws_attributes".into(), Value::Object(aws));
    }
    if shape.elastic_disk {
        cluster.insert("enable_elastic_disk".into(), json!(true));
    }
    cluster.insert("data_security_mode".into(), json!("SINGLE_USER"));
    if !conf.is_empty() {
        cluster.insert("spark_conf".into(), object(&conf));
    }
    if !own.env.is_empty() {
        cluster.insert("spark_env_vars".into(), object(&own.env));
    }
    Value::Object(cluster)
}

/// Databricks gives Spark about seven tenths of a machine's memory; an executor took its own and a tenth on top. Asks once,
/// for the step that wants the most.
fn memory(book: &mut Book, root: &At<'_>, made: &[StepTask<'_>], common: &Common<'_>) {
    let (base, shape) = (&common.base.sizing, &common.shape);
    let Some(worker) = node(&shape.node) else { return };
    let too_much = |asked: i64, has: i64| asked.saturating_mul(11) / 10 > has.saturating_mul(7) / 10;
    let executors = made.iter().filter_map(|m| {
        let own = &m.application.wants.sizing;
        let cores = own.cores.or(base.cores).unwrap_or(1).max(1);
        let memory = own.executor_memory.or(base.executor_memory)?;
        too_much(memory / cores, worker.memory / worker.cores).then_some((memory / cores, memory, cores))
    });
    if let Some((_, memory, cores)) = executors.max().filter(|_| shape.is_given) {
        let ask = Ask {
            what: format!(
                "whether `{}` has the memory that the executors had: {memory} MiB for {cores} cores",
                shape.node
            ),
            why: "a worker's executor uses all its cores, so each has less memory than before",
            options: &["a type with more memory a core", "leave it: try it in the parallel run"],
            default: "the same type as before",
            place: format!("{CLUSTER}.node_type_id"),
        };
        book.note(root, ask);
    }
    let drivers = made.iter().filter_map(|m| {
        let client = !m.application.wants.cluster_mode;
        let driver = shape.driver.as_ref().filter(|_| client).unwrap_or(&shape.node);
        let memory = m.application.wants.sizing.driver_memory.or(base.driver_memory)?;
        too_much(memory, node(driver)?.memory).then_some(memory)
    });
    if let Some(memory) = drivers.max() {
        let ask = Ask {
            what: format!("which machine has the {memory} MiB that the driver had"),
            why: "the driver's machine is too small for it",
            options: &["a larger driver_node_type_id", "leave it: try it in the parallel run"],
            default: "the type as before",
            place: format!("{CLUSTER}.driver_node_type_id"),
        };
        book.note(root, ask);
    }
}

/// Keeps the accounts of sizes true: which member they went to is known only now.
pub(super) fn sizes(book: &mut Book, size: Size) {
    let member = match size {
        Size::Between(..) => "autoscale",
        Size::Fixed(0) => "is_single_node",
        Size::Fixed(_) => "num_workers",
    };
    book.moved("", |to| Some(to.replace(".*size", &format!(".{member}"))), "");
}
