//! Applications of EMR Serverless: each run of a job, by its name, becomes a job.

use super::account::{Ask, At, Book};
use super::application::{SparkTask, submit};
use super::conf::{TargetPaths, Wants};
use super::job::{Common, StepTask, key};
use super::line::{CommandLine, CommandOutcome};
use super::parts::CLUSTER;
use super::sizing::{ApplicationSizing, sized};
use super::{
    TranslatedManifest, TranslationOptions, classes, cluster, dag, finish, fits, job, name_of, nothing_runs,
    runtime_of, tag_map, team, words,
};
use crate::detect;
use crate::kinds::databricks::job::DatabricksJob;
use crate::manifest::RightsAnswer;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How the application and its runs fare, and what Databricks decides itself.
const HISTORY: &str = "of this one run";
const DELIVERY: &str = "EMR Serverless' own delivery of logs: clusters write theirs where `cluster_log_conf` says";
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
    let mut sizing = ApplicationSizing::default();
    if let Some(at) = &application {
        sizing = ApplicationSizing::of(book, at);
        of_application(book, at, &mut tags);
    }
    let logs = application.as_ref().and_then(|a| a.path("monitoringConfiguration"));
    let label = application.as_ref().and_then(|a| a.get("releaseLabel"));
    // What is only written down may not say it.
    let runtime = runtime_of(book, &label.unwrap_or_else(|| root.clone()), None, options);
    let chosen = runtime.as_ref().map(|(choice, _)| choice.runtime.clone());
    let place = TargetPaths::of_job(&name, chosen.as_ref(), &options.answers);
    // The driver is a worker of its own size: as if it had run on a master.
    let mut base = Wants::default();
    if let Some(list) = application.as_ref().and_then(|a| a.get("runtimeConfiguration")) {
        classes::take(book, &list.items(), &place, &mut base);
    }
    let region = |at: &At<'_>| at.text_of("arn")?.split(':').nth(3).filter(|r| !r.is_empty()).map(str::to_owned);
    let region = application.as_ref().and_then(region).or_else(|| root.list("jobRuns").iter().find_map(region));
    let region = region.or_else(|| options.region.clone());
    let common = ApplicationBase { base: &base, runtime, tags: &tags, sizing, logs: logs.clone(), region, options };
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
            None => book.moved(&format!("{}.", at.field), |_| None, "the run came to no task"),
        }
    }
    let mut documents = Vec::new();
    if let Some(at) = &logs {
        book.dropped(at, DELIVERY);
    }
    if jobs.is_empty() {
        nothing_runs(book);
        let what = "whether there is anything to run".to_owned();
        let why = "it has no run that shows what it runs";
        book.note(
            root,
            Ask { what, why, options: &["nothing: tear it down"], default: "no manifest", place: String::new() },
        );
        book.moved("", |_| None, "no job is written, as there is no run");
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
    book.drop_of(at, "networkConfiguration", cluster::NETWORK);
    if let Some(at) = at.get("tags") {
        tag_map(book, &at, tags);
    }
    for (member, what, why, options) in [
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
    sizing: ApplicationSizing,
    /// `monitoringConfiguration` of the application: that of runs which have none.
    logs: Option<At<'a>>,
    region: Option<String>,
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
    ] {
        book.drop_of(at, member, HISTORY);
    }
    book.drop_of(at, "networkConfiguration", cluster::NETWORK);
    let policy = "it narrowed the run's role: on Databricks rights are those that `answers.rights` of plumb.yaml says";
    book.drop_of(at, "executionIamPolicy", policy);
    let mut taken = BTreeSet::new();
    let key = key(called, &mut taken);
    let task = format!("tasks[{key}]");
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
    let chosen = runtime.as_ref().map(|(choice, _)| choice.runtime.clone());
    let place =
        TargetPaths { cluster: CLUSTER, task: &task, scope, runtime: chosen.as_ref(), answers: &options.answers };
    let mut base = of.base.clone();
    let overrides = at.path("configurationOverrides.applicationConfiguration").map(|c| c.items()).unwrap_or_default();
    classes::take(book, &overrides, &place, &mut base);
    let mut cluster = Map::new();
    let monitoring = at.path("configurationOverrides.monitoringConfiguration");
    const LOGS: &str = "s3MonitoringConfiguration.logUri";
    let own = monitoring.as_ref().and_then(|at| at.path(LOGS));
    let uri = own.or_else(|| of.logs.as_ref().and_then(|at| at.path(LOGS)));
    if let Some(conf) = cluster::log_conf(book, uri.as_ref(), of.region.as_deref(), options) {
        cluster.insert("cluster_log_conf".into(), conf);
    }
    if let Some(at) = &monitoring {
        book.dropped(at, DELIVERY);
    }
    if let Some(role) = at.get("executionRole") {
        rights(book, &role, options);
    }
    let mut tags = of.tags.clone();
    if let Some(at) = at.get("tags") {
        tag_map(book, &at, &mut tags);
    }
    let mut application = spark(book, at, &place, &base)?;
    let run_as = team::run_as(book, &options.answers);
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
    let shape = sized(book, at, &detect::masked(called), &application.wants, &base, &of.sizing, options);
    let size = shape.size;
    let made = [StepTask { key, at: at.clone(), stops: true, binds: false, application }];
    fits(book, at, runtime.as_ref(), &base, &made);
    let zone = super::pins::NodeZone::of_answers(options);
    let common = Common { shape, base, runtime, run_as, cluster, aws: Map::new(), zone };
    let spec = job::job(book, at, &detect::masked(called), &made, &common, tags)?;
    job::sizes(book, size);
    let [made] = made;
    Some((spec, made.application.templates))
}

/// `jobDriver.sparkSubmit`, as the words of a command line.
fn spark(book: &mut Book, at: &At<'_>, place: &TargetPaths<'_>, base: &Wants) -> Option<SparkTask> {
    let driver = at.path("jobDriver.sparkSubmit");
    let entry = driver.as_ref().and_then(|driver| driver.get("entryPoint"));
    let Some((driver, entry)) = driver.clone().zip(entry) else {
        let inner = at.get("jobDriver").unwrap_or_else(|| at.clone());
        let (program, why) = if driver.is_some() {
            ("spark-submit", "it names no application")
        } else {
            ("hive", "only Spark's applications can be translated")
        };
        let words = if driver.is_some() { vec![program.to_owned()] } else { hive(&inner) };
        let line = CommandLine::within(&inner, words);
        let options = ["a SQL task with the query", "rewrite it for Spark", "retire it"];
        return match super::line::without(book, at, &line, place, why, &options) {
            CommandOutcome::Task(failing) => Some(*failing),
            CommandOutcome::Nothing => None,
        };
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
    let made = submit(book, at, &line, place, base).unwrap_or_else(|failing| *failing);
    book.account.fates.remove(&format!("{}.sparkSubmit", at.field));
    Some(made)
}

/// `jobDriver.hive` as the words of the command that does the same.
fn hive(driver: &At<'_>) -> Vec<String> {
    let mut words = vec!["hive".to_owned()];
    let of = |member: &str| driver.path(&format!("hive.{member}")).and_then(|at| at.text());
    for (option, member) in [("--init", "initQueryFile"), ("-f", "query")] {
        words.extend(of(member).into_iter().flat_map(|text| [option.to_owned(), text]));
    }
    words.extend(of("parameters"));
    words
}

/// The role of a run: on Databricks clusters have instance profiles, or rights are those of Unity Catalog.
fn rights(book: &mut Book, role: &At<'_>, options: &TranslationOptions) {
    let name = role.text().unwrap_or_default();
    match options.answers.rights {
        Some(RightsAnswer::InstanceProfile) => {
            let ask = Ask {
                what: format!("which instance profile has the role `{}`", detect::masked(&name)),
                why: "EMR Serverless gives each run a role; clusters have instance profiles, which are registered",
                options: &["the ARN of one that has this role", "none: external locations of Unity Catalog"],
                default: "none is set",
                place: format!("{CLUSTER}.aws_attributes.instance_profile_arn"),
            };
            book.ask(role, ask);
        }
        Some(RightsAnswer::UnityCatalog) => {
            book.dropped(role, "`answers.rights` of plumb.yaml: rights are those that Unity Catalog grants");
        }
        None => {
            team::rights(book);
            book.dropped(
                role,
                "a role of a run: clusters have none, and `answers.rights` of plumb.yaml says whose rights count",
            );
        }
    }
}
