//! The job that takes the place of a cluster and its steps.

use super::Script;
use super::account::{Ask, At, Book, Fate};
use super::application::{self, SparkTask, parameter};
use super::conf::{self, TargetPaths, Wants, object};
use super::dates::wire::default_of;
use super::flow::{TaskLink, chain};
use super::library;
use super::line::{CommandOutcome, FAILS, command, failing, wrapped};
use super::nodes::node;
use super::parts::CLUSTER;
use super::paths::{PathLocation, SCRATCH, SCRATCH_ROOT, StagedCopy};
use super::pins::{NodeZone, join_java_options, pins, set_zone};
use super::recurring::{RecurringStep, recurring};
use super::runtime::{Choice, Minor};
use super::shape::{ClusterCapacity, Size};
use super::steps::{self, ScriptPart, ScriptRun, StepForm, StepPlans, StepRun, plans};
use crate::detect::{masked, masked_value};
use plumb_model::address::slug;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A job takes that many tasks (Jobs API 2.2).
const MOST_TASKS: usize = 1000;

/// A step that came to a task.
pub(super) struct StepTask<'a> {
    pub key: String,
    pub at: At<'a>,
    /// Whether its failure stops all behind it.
    pub stops: bool,
    /// Whether its failure stops the next one only: see [`TaskLink`].
    pub binds: bool,
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

/// What stands around the steps while they become tasks.
pub(super) struct StepsContext<'c> {
    pub base: &'c Wants,
    /// Where tasks go to; each has its own place.
    pub of: TargetPaths<'c>,
    pub scripts: &'c BTreeMap<String, Script>,
    /// Files that bootstrap actions put on the nodes, each with where it came from.
    pub fetched: &'c [(String, String)],
}

/// The tasks of EMR's steps, in the order in which they were submitted (ListSteps has the newest first).
pub(super) fn steps<'a>(book: &mut Book, root: &At<'a>, context: &StepsContext<'_>) -> Vec<StepTask<'a>> {
    let mut steps = root.list("Steps");
    steps.reverse();
    let steps = recurring(book, root, steps);
    let ats: Vec<At<'a>> = steps.iter().map(|step| step.at.clone()).collect();
    let StepPlans { steps: planned, copies, followed, known } = plans(&ats, context.scripts, context.fetched);
    book.paths = known;
    let staged = Staged { copies, followed };
    let mut taken = BTreeSet::new();
    let mut made: Vec<StepTask<'a>> = Vec::new();
    let mut installed: Vec<(At<'a>, usize, Vec<Value>)> = Vec::new();
    for (RecurringStep { at, name }, run) in steps.iter().zip(&planned) {
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
        let before = made.len();
        match run {
            StepRun::Command { copy: Some(index), .. } if staged.needs_none(*index).is_some() => {
                book.dropped(at, staged.needs_none(*index).unwrap_or_default());
                continue;
            }
            StepRun::Script(script) => {
                let packages = of_script(book, (at, name), script, context, &mut taken, &mut made, &staged);
                if !packages.is_empty() {
                    installed.push((at.clone(), before, packages));
                }
            }
            StepRun::Command { .. } | StepRun::Unread { .. } => {
                let key = key(name, &mut taken);
                let task = format!("tasks[{key}]");
                let place = TargetPaths { task: &task, ..context.of };
                match step(book, at, run, &place, context.base) {
                    Some(application) => made.push(StepTask::of(key, at, application)),
                    None => drop(taken.remove(&key)),
                }
            }
        }
        let Some(task) = made.get(before..).and_then(<[_]>::last).map(|last| format!("tasks[{}]", last.key)) else {
            continue;
        };
        if let Some(name) = at.get("Name") {
            book.translated(&name, format!("{task}.task_key"));
        }
        if let Some(action) = at.get("ActionOnFailure") {
            // What the next tasks wait for says it; the task itself is what they name.
            book.translated(&action, task.clone());
        }
    }
    for (at, before, libraries) in installed {
        let mut is_used = false;
        for task in made.iter_mut().skip(before).filter(|task| !task.application.fails()) {
            is_used = true;
            let own = &mut task.application.wants.libraries;
            own.extend(libraries.iter().filter(|l| !own.contains(l)).cloned().collect::<Vec<_>>());
        }
        if is_used {
            book.translated(&at, "tasks[*].libraries");
        } else {
            book.dropped(&at, "it installs packages, and no task comes after it");
        }
    }
    made
}

impl<'a> StepTask<'a> {
    /// The task of a step. What a person has to translate stops all behind it: they cannot run as if it had run.
    fn of(key: String, at: &At<'a>, application: SparkTask) -> Self {
        let goes_on = at.text_of("ActionOnFailure").as_deref() == Some("CONTINUE");
        StepTask { key, at: at.clone(), stops: !goes_on || application.fails(), binds: false, application }
    }
}

/// The copies of all steps, and which of them are followed.
struct Staged {
    copies: Vec<StagedCopy>,
    followed: Vec<bool>,
}

impl Staged {
    /// Why a copy needs no task; `None` where it needs one.
    fn needs_none(&self, index: usize) -> Option<String> {
        let copy = self.copies.get(index).filter(|_| self.followed.get(index) == Some(&true))?;
        let (from, to) = (steps::shown(&copy.from), steps::shown(&copy.to));
        Some(match copy.from {
            PathLocation::S3(_) => format!("the tasks read {from} themselves, of which it made a copy in {to}"),
            _ => format!(
                "the tasks write {to} themselves, to which it copied {from}; it added files, so a task that overwrites \
                 replaces what older runs have left there"
            ),
        })
    }
}

/// The tasks of a script, and the libraries that it installs.
fn of_script<'a>(
    book: &mut Book,
    (at, name): (&At<'a>, &str),
    script: &ScriptRun<'a>,
    context: &StepsContext<'_>,
    taken: &mut BTreeSet<String>,
    made: &mut Vec<StepTask<'a>>,
    staged: &Staged,
) -> Vec<Value> {
    let (mut quoted, mut quoted_from, mut libraries, mut told) = (Vec::new(), None, Vec::new(), Vec::new());
    let submits = script.parts.iter().filter(|p| matches!(p, ScriptPart::Submit { .. })).count();
    let before = made.len();
    for part in &script.parts {
        match part {
            ScriptPart::Submit { line, env, stops } => {
                let (line, timeout) = wrapped(book, line);
                let own = if submits > 1 { format!("{name} {}", made.len() - before + 1) } else { name.to_owned() };
                let key = key(&own, taken);
                let task = format!("tasks[{key}]");
                let place = TargetPaths { task: &task, ..context.of };
                match application::submit(book, at, &line, &place, context.base) {
                    Ok(mut application) => {
                        application.timeout = timeout.or(script.timeout);
                        for (variable, value) in env {
                            conf::variable(book, &script.at, variable, value, &place, &mut application.wants);
                        }
                        let mut task = StepTask::of(key, at, application);
                        // The last one's failure is the step's.
                        (task.stops, task.binds) = (task.stops && *stops, *stops);
                        made.push(task);
                    }
                    Err(failing) => made.push(StepTask::of(key, at, *failing)),
                }
            }
            ScriptPart::Copy { index, .. } if staged.needs_none(*index).is_some() => {
                told.extend(staged.needs_none(*index));
            }
            ScriptPart::Packages(packages) => {
                libraries.extend(packages.iter().map(|(name, repository)| match repository {
                    Some(repository) => json!({ "pypi": { "package": name, "repo": masked(repository) } }),
                    None => json!({ "pypi": { "package": name } }),
                }))
            }
            ScriptPart::Copy { shown: text, .. } | ScriptPart::Quoted(text) => {
                quoted_from.get_or_insert(made.len());
                quoted.push(masked(text));
            }
        }
    }
    if let Some(last) = made.get_mut(before..).and_then(<[_]>::last_mut) {
        let goes_on = at.text_of("ActionOnFailure").as_deref() == Some("CONTINUE");
        (last.stops, last.binds) = (!goes_on || last.application.fails(), false);
    }
    for task in made.iter().skip(before) {
        // The words around it, and what its arguments fill in.
        if let Some(args) = at.path("Config.Args") {
            book.translated(&args, format!("tasks[{}]", task.key));
        }
    }
    if let (Some(from), [_, ..]) = (quoted_from, quoted.as_slice()) {
        let own = if made.len() > before { format!("{name} rest") } else { name.to_owned() };
        let key = key(&own, taken);
        let task = format!("tasks[{key}]");
        let place = TargetPaths { task: &task, ..context.of };
        let of = if script.name.is_empty() { String::new() } else { format!(" ({})", script.name) };
        let goes_on = at.text_of("ActionOnFailure").as_deref() == Some("CONTINUE");
        let why = "plumb reads scripts and runs none, and this is no spark-submit, pip or copy that it is sure of";
        let told = if goes_on {
            format!("{why}; EMR went on when it failed (ActionOnFailure is CONTINUE)")
        } else {
            why.into()
        };
        let ask = Ask {
            what: format!("what takes the place of this in the step `{}`{of}: `{}`", masked(name), quoted.join("`; `")),
            why: &told,
            options: &["nothing: delete the task", "a task that does the same", "a task of Airflow", "an init script"],
            default: FAILS,
            place: place.task.to_owned(),
        };
        book.ask(at, ask);
        let said = format!("{}{of}", masked(name));
        made.insert(from, StepTask::of(key, at, failing(&place, &said, &quoted.join("; "))));
    }
    if made.len() > before {
        around_command(book, at, made.last().map_or("tasks", |t| t.key.as_str()));
    } else if libraries.is_empty() {
        let told = if told.is_empty() { "it does nothing that a job needs".into() } else { told.join("; ") };
        book.dropped(at, told);
    }
    libraries
}

/// The application of one step.
fn step(book: &mut Book, at: &At<'_>, run: &StepRun<'_>, place: &TargetPaths<'_>, base: &Wants) -> Option<SparkTask> {
    let outcome = match run {
        StepRun::Command { line, form: StepForm::Runner, .. } => command(book, at, line, place, base, 0),
        StepRun::Command { line, .. } => {
            let why = "MapReduce and streaming do not run on Databricks";
            super::line::without(book, at, line, place, why, &["rewrite it for Spark", "retire it"])
        }
        StepRun::Unread { line, why } => {
            let options = ["a task of its own for each spark-submit in it", "a task of Airflow", "retire it"];
            super::line::without(book, at, line, place, why, &options)
        }
        StepRun::Script(_) => return None,
    };
    let CommandOutcome::Task(application) = outcome else { return None };
    if application.fails() {
        with_properties(book, at);
    } else {
        let key = place.task.trim_start_matches("tasks[").trim_end_matches(']');
        around_command(book, at, key);
    }
    Some(*application)
}

/// Whoever translates a step by hand has to know its properties too.
fn with_properties(book: &mut Book, at: &At<'_>) {
    let properties = at.path("Config.Properties").map(|at| at.members()).unwrap_or_default();
    let shown =
        |(key, at): &(&str, At<'_>)| format!("{}={}", masked(key), masked_value(key, &at.text().unwrap_or_default()));
    let shown: Vec<String> = properties.iter().map(shown).collect();
    let asked = book.decisions.iter_mut().rev().find(|decision| decision.field == at.field);
    if let (Some(asked), [_, ..]) = (asked, shown.as_slice()) {
        asked.why.push_str(&format!("; its properties were {}", shown.join(", ")));
    }
}

/// What else a step says beside its command.
fn around_command(book: &mut Book, at: &At<'_>, key: &str) {
    let Some(config) = at.get("Config") else { return };
    book.drop_of(&config, "Jar", "EMR's runner of commands");
    book.drop_of(&config, "MainClass", "EMR's runner of commands has a class of its own");
    let open = |book: &Book, at: &At<'_>| at.leaves().iter().any(|leaf| !book.account.fates.contains_key(leaf));
    if let Some(properties) = config.get("Properties").filter(|p| open(book, p)) {
        let name = at.text_of("Name").unwrap_or_default();
        let what = format!("whether the Java system properties of the step `{}` are needed", masked(&name));
        let why = "they were those of EMR's runner, not Spark's";
        let options = ["no", "`-D` in spark.driver.extraJavaOptions"];
        let place = format!("tasks[{key}]");
        book.ask(&properties, Ask { what, why, options: &options, default: "left out", place });
    }
    if let Some(role) = at.get("ExecutionRoleArn").filter(|r| open(book, r)) {
        let what =
            format!("with whose rights a step of the role `{}` reads and writes", role.text().unwrap_or_default());
        let why = "it has a role of its own; a job runs as one user or service principal";
        let options = ["run_as of the job, and grants in Unity Catalog", "an instance profile of its own cluster"];
        let place = format!("tasks[{key}]");
        book.ask(&role, Ask { what, why, options: &options, default: "as all tasks of the job", place });
    }
}

/// What tasks have to have in common to share a cluster.
struct SharedCluster {
    key: String,
    conf: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    /// Whether the driver of one of them ran on the master.
    client: bool,
}

/// The spec of the job; `None` when no step is left. Where a person has to translate all of them, the job has their tasks,
/// which fail, and the cluster that they had.
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
    without_followers(book, made, parallel);
    let link = |m: &StepTask<'_>| TaskLink { key: m.key.clone(), stops: m.stops, binds: m.binds };
    let order: Vec<TaskLink> = made.iter().map(link).collect();
    let chain = if parallel { vec![super::flow::TaskDependencies::default(); made.len()] } else { chain(&order) };
    let mut clusters: Vec<SharedCluster> = Vec::new();
    let mut tasks = Vec::new();
    let mut parameters = BTreeMap::new();
    for (made, after) in made.iter().zip(chain) {
        let wants = &made.application.wants;
        if made.application.fails() {
            // It runs nothing, on the cluster of those that do.
            let mut task = json!({ "task_key": made.key, "job_cluster_key": "main" });
            after.put(&mut task);
            for (member, value) in &made.application.task {
                task[member] = value.clone();
            }
            limits(&mut task, &made.application, None);
            tasks.push(task);
            continue;
        }
        let cluster = shared(book, &mut clusters, &made.at, wants, common);
        let mut task = json!({ "task_key": made.key, "job_cluster_key": cluster });
        after.put(&mut task);
        for (member, value) in &made.application.task {
            task[member] = value.clone();
        }
        let libraries = library::all(wants, &common.base);
        if !libraries.is_empty() {
            task["libraries"] = Value::Array(libraries);
        }
        limits(&mut task, &made.application, common.base.max_retries);
        for expression in &made.application.templates {
            parameters.insert(parameter(expression), expression.clone());
        }
        tasks.push(task);
    }
    if let (true, Some(first)) = (clusters.is_empty(), made.first()) {
        // Whatever takes the place of a step finds the cluster that it had, with what was there for all of them.
        let wants = Wants { cluster_mode: common.base.cluster_mode, ..Wants::default() };
        shared(book, &mut clusters, &first.at, &wants, common);
        let libraries = library::all(&wants, &common.base);
        for (task, made) in tasks.iter_mut().zip(made) {
            if !libraries.is_empty() {
                task["libraries"] = Value::Array(libraries.clone());
            }
            limits(task, &made.application, common.base.max_retries);
        }
    }
    // What holds the place of a step runs on no cluster of its own.
    let real = made.iter().filter(|m| !m.application.fails());
    let all: Vec<&Wants> = real.map(|m| &m.application.wants).collect();
    library::about_nothing(book, &common.base, &all);
    // What is set for all tasks is hidden where those that run set it otherwise: one that fails has no settings.
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
    // The DAG gives them; a run by hand has those of its own start, where they are known.
    let default = |(name, expression): (&String, &String)| json!({ "name": name, "default": default_of(expression) });
    let mut parameters: Vec<Value> = parameters.iter().map(default).collect();
    parameters.extend(scratch(book, root));
    if !parameters.is_empty() {
        job["parameters"] = Value::Array(parameters);
    }
    Some(job)
}

/// How long a task runs, and how often it is tried again.
fn limits(task: &mut Value, application: &SparkTask, usual: Option<i64>) {
    if let Some(retries) = application.wants.max_retries.or(usual).filter(|n| *n > 0) {
        task["max_retries"] = json!(retries);
    }
    if let Some(seconds) = application.timeout {
        task["timeout_seconds"] = json!(seconds);
    }
}

/// The key of the cluster that a task runs on: one with the same settings, or a new one.
fn shared(
    book: &mut Book,
    clusters: &mut Vec<SharedCluster>,
    at: &At<'_>,
    wants: &Wants,
    common: &Common<'_>,
) -> String {
    let (mut conf, mut env) = (common.base.conf.clone(), common.base.env.clone());
    conf.extend(wants.conf.clone());
    env.extend(wants.env.clone());
    join_java_options(&mut conf);
    let asked = book.decisions.len();
    set_zone(book, at, &mut conf, (&common.base, wants), &common.zone);
    in_hdfs(book, &mut conf, "spark_conf", [wants, &common.base]);
    in_hdfs(book, &mut env, "spark_env_vars", [wants, &common.base]);
    let found = clusters.iter_mut().find(|c| c.conf == conf && c.env == env);
    let key = match found {
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
        decision.place = decision.place.replace("[*]", &format!("[{key}]"));
    }
    key
}

/// Settings of a cluster that name its HDFS: they name S3 instead where a copy ties them to it, else the folder that takes
/// its place.
fn in_hdfs(book: &mut Book, settings: &mut BTreeMap<String, String>, member: &str, of: [&Wants; 2]) {
    for (name, value) in settings {
        let place = format!("{CLUSTER}.{member}");
        let Some(new) = book.paths.setting(&format!("{member}.{name}"), value) else { continue };
        *value = new;
        let key = format!("{place}.{name}");
        if let Some(field) = of.iter().find_map(|wants| wants.set_by.get(&key)).cloned() {
            book.account.fates.insert(field, Fate::Translated { to: place });
        }
    }
}

/// The parameter for what was in HDFS, and the question where that is now.
fn scratch(book: &mut Book, root: &At<'_>) -> Option<Value> {
    if book.paths.scratch.is_empty() {
        return None;
    }
    let list = |set: &BTreeSet<String>| set.iter().map(|p| masked(p)).collect::<Vec<_>>().join("`, `");
    let settings = list(&book.paths.settings);
    let addresses: BTreeSet<String> = book.paths.scratch.iter().map(|path| format!("hdfs://{path}")).collect();
    let also = match (book.paths.is_parameter, settings.is_empty()) {
        (true, false) => format!("; change with it what takes no parameter: `{settings}`"),
        _ => String::new(),
    };
    let stays = root.path("Cluster.AutoTerminate").is_some_and(|at| at.value == &Value::Bool(false));
    let default = match (stays, book.paths.is_parameter) {
        (false, true) => format!("{SCRATCH_ROOT}/{{{{job.run_id}}}}"),
        _ => SCRATCH_ROOT.to_owned(),
    };
    let kept = if stays { "the HDFS of this cluster outlived its runs" } else { "each run had an empty one" };
    let place = match (book.paths.is_parameter, book.paths.settings.first()) {
        (false, Some(setting)) => format!("{CLUSTER}.{setting}"),
        _ => format!("parameters[{SCRATCH}].default"),
    };
    let ask = Ask {
        what: format!("where the tasks keep what was in the cluster's HDFS: `{}`{also}", list(&addresses)),
        why: &format!("job clusters have no HDFS; {kept}"),
        options: &["a volume", "a folder in S3, which its rules empty"],
        default: &format!("`{default}`, a volume that somebody has to make"),
        place,
    };
    book.note(root, ask);
    book.paths.is_parameter.then(|| json!({ "name": SCRATCH, "default": default }))
}

/// Steps after whose failure EMR went on: the DAG that waited for them may not have.
fn goes_on(book: &mut Book, made: &[StepTask<'_>]) {
    let followed = made.iter().take(made.len().saturating_sub(1)).filter(|m| !m.stops && !m.binds);
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

/// What EMR did after a failure has no effect where nothing waits for the step.
fn without_followers(book: &mut Book, made: &[StepTask<'_>], parallel: bool) {
    let last = made.last().map(|task| task.at.field.as_str());
    for task in made {
        let why = if parallel {
            "all tasks start together: none waits for another"
        } else if Some(task.at.field.as_str()) == last {
            "nothing comes after the last step: its failure is the run's"
        } else {
            continue;
        };
        if let Some(action) = task.at.get("ActionOnFailure") {
            book.withdrawn(&action.field, why);
        }
    }
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
    let executors = made.iter().filter(|m| !m.application.fails()).filter_map(|m| {
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
    let drivers = made.iter().filter(|m| !m.application.fails()).filter_map(|m| {
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
