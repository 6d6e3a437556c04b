//! Applications of EMR Serverless: each run of a job, by its name, becomes a job.

use super::account::{Ask, At, Book};
use super::application::submit;
use super::conf::{TargetPaths, Wants};
use super::job::{Common, StepTask, key};
use super::line::CommandLine;
use super::nodes::node;
use super::parts::CLUSTER;
use super::shape::{ClusterCapacity, Size};
use super::{TranslatedManifest, TranslationOptions, classes, dag, finish, job, name_of, runtime_of, tag_map, words};
use crate::detect;
use crate::kinds::databricks::job::DatabricksJob;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// How the application and its runs fare, and what Databricks decides itself.
const HISTORY: &str = "of this one run";
const OWN: &str = "EMR Serverless' own: a job cluster starts with its run and ends with it";

pub(super) fn translate(
    book: &mut Book,
    root: &At<'_>,
    options: &TranslationOptions,
) -> (String, Vec<TranslatedManifest>) {
    let application = root.get("application");
    let title = application.as_ref().and_then(|a| a.text_of("name"));
    let name = name_of(title.as_deref(), options);
    let title = detect::masked(title.as_deref().unwrap_or(&name));
    book.document = super::address(DatabricksJob::NAME, &name).to_string();
    let mut tags = Map::new();
    if let Some(at) = &application {
        of_application(book, at, &mut tags);
    }
    let label = application.as_ref().and_then(|a| a.get("releaseLabel"));
    let runtime = label.and_then(|at| runtime_of(book, &at, None, options));
    let place = TargetPaths { cluster: CLUSTER, task: "tasks[*]", scope: &name };
    let mut base = Wants { cluster_mode: true, ..Wants::default() };
    if let Some(list) = application.as_ref().and_then(|a| a.get("runtimeConfiguration")) {
        classes::take(book, &list.items(), &place, &mut base);
    }
    let common = ApplicationBase { base: &base, runtime, tags: &tags, options };
    let mut taken = BTreeSet::new();
    let (mut jobs, mut runs) = (Vec::new(), Vec::new());
    for (i, at) in root.list("jobRuns").iter().enumerate() {
        let called = at.text_of("name").unwrap_or_else(|| format!("run {}", i + 1));
        if !taken.insert(called.clone()) {
            book.dropped(at, "another run of the same name: the first that is listed is the newest");
            continue;
        }
        let mut keys: BTreeSet<String> = jobs.iter().map(|(n, _): &(String, Value)| n.clone()).collect();
        let own = key(&format!("{name} {called}"), &mut keys);
        book.document = super::address(DatabricksJob::NAME, &own).to_string();
        match of_run(book, at, &called, &own, &common) {
            Some((spec, templates)) => {
                runs.push(dag::DagJob { job: own.clone(), templates });
                jobs.push((own, spec));
            }
            None => {
                book.without_tasks();
                book.moved(&format!("{}.", at.field), |_| None, "the run came to no task");
            }
        }
    }
    let mut documents = Vec::new();
    if jobs.is_empty() {
        let what = "whether there is anything to run".to_owned();
        let why = "none of the runs came to a task";
        book.note(
            root,
            Ask { what, why, options: &["nothing: tear it down"], default: "no manifest", place: String::new() },
        );
        book.moved("", |_| None, "no job is written, as none of the runs came to a task");
    } else {
        documents = finish(book, root, &name, jobs, &runs, options);
    }
    (format!("EMR Serverless application {title}"), documents)
}

fn of_application(book: &mut Book, at: &At<'_>, tags: &mut Map<String, Value>) {
    for member in [
        "applicationId",
        "arn",
        "state",
        "stateDetails",
        "type",
        "name",
        "createdAt",
        "updatedAt",
        "autoStartConfiguration",
        "autoStopConfiguration",
        "interactiveConfiguration",
        "schedulerConfiguration",
    ] {
        book.drop_of(at, member, OWN);
    }
    if let Some(at) = at.get("tags") {
        tag_map(book, &at, tags);
    }
    for (member, what, why, options) in [
        (
            "initialCapacity",
            "whether runs have to start at once",
            "EMR Serverless keeps workers warm",
            ["no", "an instance pool"],
        ),
        (
            "maximumCapacity",
            "what limits how much is used",
            "EMR Serverless has a limit for all runs together",
            ["the workers of each job", "a cluster policy"],
        ),
        (
            "networkConfiguration",
            "whether the workspace's network reaches what the job needs",
            "the workspace decides subnets and security groups",
            ["it does", "peer the networks or add endpoints"],
        ),
        (
            "imageConfiguration",
            "what the image brought along",
            "the runtime decides the image",
            ["libraries", "a container image"],
        ),
        (
            "workerTypeSpecifications",
            "what the image brought along",
            "the runtime decides the image",
            ["libraries", "a container image"],
        ),
        (
            "architecture",
            "which processors the job runs on",
            "the machine type decides it",
            ["x86", "arm: a Graviton type"],
        ),
        (
            "monitoringConfiguration",
            "where logs go",
            "job clusters log where `cluster_log_conf` says",
            ["nowhere", "a folder of S3 or a volume"],
        ),
    ] {
        if let Some(at) = at.get(member).filter(|a| !a.leaves().is_empty()) {
            let options: Vec<&str> = options.to_vec();
            book.ask(
                &at,
                Ask { what: what.into(), why, options: &options, default: "nothing is set", place: CLUSTER.into() },
            );
        }
    }
}

/// What all runs of an application begin with.
struct ApplicationBase<'a> {
    base: &'a Wants,
    runtime: Option<(super::runtime::Choice, super::Minor)>,
    tags: &'a Map<String, Value>,
    options: &'a TranslationOptions,
}

fn of_run(
    book: &mut Book,
    at: &At<'_>,
    called: &str,
    scope: &str,
    of: &ApplicationBase<'_>,
) -> Option<(Value, Vec<String>)> {
    let (runtime, options) = (of.runtime.clone(), of.options);
    for member in [
        "applicationId",
        "jobRunId",
        "arn",
        "name",
        "state",
        "stateDetails",
        "createdBy",
        "createdAt",
        "updatedAt",
        "startedAt",
        "endedAt",
        "totalResourceUtilization",
        "totalExecutionDurationSeconds",
        "billedResourceUtilization",
        "queuedDurationMilliseconds",
        "attempt",
        "attemptCreatedAt",
        "attemptUpdatedAt",
        "mode",
        "networkConfiguration",
        "executionIamPolicy",
    ] {
        book.drop_of(at, member, HISTORY);
    }
    let mut taken = BTreeSet::new();
    let key = key(called, &mut taken);
    let task = format!("tasks[{key}]");
    let place = TargetPaths { cluster: CLUSTER, task: &task, scope };
    let mut base = of.base.clone();
    let overrides = at.path("configurationOverrides.applicationConfiguration").map(|c| c.items()).unwrap_or_default();
    classes::take(book, &overrides, &place, &mut base);
    let mut cluster = Map::new();
    if let Some(uri) = at.path("configurationOverrides.monitoringConfiguration.s3MonitoringConfiguration.logUri") {
        let to = super::library::s3(&uri.text().unwrap_or_default());
        if to.starts_with("s3://") {
            cluster.insert("cluster_log_conf".into(), json!({ "s3": { "destination": to } }));
            book.translated(&uri, format!("{CLUSTER}.cluster_log_conf"));
        }
    }
    book.drop_of(at, "configurationOverrides.monitoringConfiguration", "EMR Serverless' own delivery of logs");
    if let Some(role) = at.get("executionRole") {
        let ask = Ask {
            what: "with whose rights the job reads and writes S3".into(),
            why: "EMR Serverless gives each run a role; clusters have instance profiles or Unity Catalog",
            options: &["external locations, and run_as a service principal", "an instance profile for the role"],
            default: "nothing is set",
            place: format!("{CLUSTER}.data_security_mode"),
        };
        book.ask(&role, ask);
    }
    let mut tags = of.tags.clone();
    if let Some(at) = at.get("tags") {
        tag_map(book, &at, &mut tags);
    }
    let own_release = at.get("releaseLabel").and_then(|at| {
        let spark = runtime.as_ref().map(|(_, spark)| *spark);
        match super::runtime::release(&at.text().unwrap_or_default(), None) {
            Some(release) if Some(release.spark) == spark => {
                book.dropped(&at, "the application's");
                None
            }
            _ => runtime_of(book, &at, None, options),
        }
    });
    let runtime = own_release.or(runtime);
    let mut application = spark(book, at, &place, &base)?;
    if let Some(limit) = at.get("executionTimeoutMinutes") {
        application.timeout = limit.int().filter(|n| (1..=525_600).contains(n)).map(|n| n * 60);
        match application.timeout {
            Some(_) => book.translated(&limit, format!("{task}.timeout_seconds")),
            None => book.dropped(&limit, "no limit"),
        }
    }
    if let Some(tries) = at.path("retryPolicy.maxAttempts") {
        application.wants.max_retries = tries.int().map(|n| n.clamp(1, 100) - 1);
        match application.wants.max_retries {
            Some(1..) => book.translated(&tries, format!("{task}.max_retries")),
            _ => book.dropped(&tries, "one attempt, as for every task"),
        }
    }
    book.drop_of(at, "retryPolicy", HISTORY);
    let shape = sized(book, at, &application.wants, &base, options);
    let size = shape.size;
    let made = [StepTask { key, at: at.clone(), stops: true, binds: false, application }];
    let common = Common { shape, base, runtime, cluster, aws: Map::new() };
    let spec = job::job(book, at, &detect::masked(called), &made, &common, tags)?;
    job::sizes(book, size);
    let [made] = made;
    Some((spec, made.application.templates))
}

/// `jobDriver.sparkSubmit`, as the words of a command line.
fn spark(book: &mut Book, at: &At<'_>, place: &TargetPaths<'_>, base: &Wants) -> Option<super::application::SparkTask> {
    let driver = at.path("jobDriver.sparkSubmit");
    let Some(driver) = driver else {
        let inner = at.get("jobDriver").unwrap_or_else(|| at.clone());
        let line = CommandLine::within(&inner, vec!["hive".into()]);
        let why = "only Spark's applications can be translated";
        super::line::without(
            book,
            at,
            &line,
            place,
            why,
            &["a SQL task with the query", "rewrite it for Spark", "retire it"],
        );
        return None;
    };
    let mut line = CommandLine::within(&driver, vec!["spark-submit".into()]);
    if let Some(parameters) = driver.get("sparkSubmitParameters") {
        match words::split(&parameters.text().unwrap_or_default(), false) {
            Ok(words) => {
                // The text as a whole is one value: what it says goes to several places.
                book.translated(&parameters, place.task);
                let more = CommandLine::within(&parameters, words);
                line.words.extend(more.words);
                line.ats.extend(more.ats);
            }
            Err(e) => {
                let what = "what `sparkSubmitParameters` are to set".to_owned();
                let why = e.to_string();
                let ask = Ask {
                    what,
                    why: &why,
                    options: &["correct it"],
                    default: "left out",
                    place: place.task.to_owned(),
                };
                book.ask(&parameters, ask);
            }
        }
    }
    let entry = driver.get("entryPoint")?;
    line.words.push(entry.text().unwrap_or_default());
    line.ats.push(entry);
    for argument in driver.list("entryPointArguments") {
        line.words.push(argument.text().unwrap_or_default());
        line.ats.push(argument);
    }
    // The first word stands for the driver itself, whose values are accounted for one by one.
    if let Some(first) = line.ats.first_mut() {
        first.value = &Value::Null;
        first.field = format!("{}.sparkSubmit", at.field);
    }
    let made = submit(book, at, &line, place, base).ok();
    book.account.fates.remove(&format!("{}.sparkSubmit", at.field));
    made
}

/// As many workers as the executors need, of the type that the options name.
fn sized<'a>(
    book: &mut Book,
    at: &At<'_>,
    own: &Wants,
    base: &Wants,
    options: &TranslationOptions,
) -> ClusterCapacity<'a> {
    let (own, base) = (&own.sizing, &base.sizing);
    let each = own.cores.or(base.cores).unwrap_or(4).clamp(1, 1000);
    let executors = own.executors.or(base.executors);
    let cores =
        own.total_cores.or_else(|| executors.map(|n| n.clamp(1, 100_000) * each)).map(|n| n.clamp(1, 10_000_000));
    let per_worker = node(&options.node_type).map_or(4, |n| n.cores);
    let workers = cores.map_or(2, |c| c / per_worker + i64::from(c % per_worker > 0));
    let ask = Ask {
        what: format!("which machines the job has, and how many: {workers} workers of `{}`", options.node_type),
        why: match cores {
            Some(_) => "EMR Serverless has workers by cores and memory; as many cores are taken as the executors had",
            None => "EMR Serverless scales by itself, and nothing says how many executors there were",
        },
        options: &["this size", "autoscale, after a run has shown what it needs", "serverless compute"],
        default: "this size",
        place: format!("{CLUSTER}.num_workers"),
    };
    book.note(at, ask);
    ClusterCapacity {
        node: options.node_type.clone(),
        master: None,
        size: Size::Fixed(workers),
        aws: Map::new(),
        elastic_disk: !node(&options.node_type).is_some_and(|n| n.disks),
        is_given: true,
    }
}
