//! Applications that spark-submit runs, as tasks.

use super::account::{Ask, At, Book, Fate};
use super::conf::{self, TargetPaths, Wants, mebibytes};
use super::library::{self, reachable, s3};
use super::line::{CommandLine, CommandOutcome, UNTRANSLATED, same_fate, task_fate};
use super::paths::{PathKind, slashed};
use super::submit::{Opt, Submit, parse};
use crate::detect::{self, holds_secret, masked};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A task, but for its key and what it depends on.
#[derive(Clone, Debug, Default)]
pub(super) struct SparkTask {
    /// `spark_jar_task` or `spark_python_task`.
    pub task: Map<String, Value>,
    pub wants: Wants,
    /// In seconds.
    pub timeout: Option<i64>,
    /// Airflow's expressions among the arguments.
    pub templates: Vec<String>,
}

impl SparkTask {
    /// Whether it only holds the place of a step that a person has to translate.
    pub fn fails(&self) -> bool {
        self.task.contains_key("notebook_task")
    }
}

/// The task of `spark-submit …`. `at` is the whole step.
pub(super) fn submit(
    book: &mut Book,
    at: &At<'_>,
    line: &CommandLine<'_>,
    place: &TargetPaths<'_>,
    base: &Wants,
) -> Result<SparkTask, Box<SparkTask>> {
    let rest = line.from(1);
    let parsed = match parse(&rest.words) {
        Ok(parsed)
            if !parsed
                .options
                .iter()
                .any(|o| ["--kill", "--status", "--help", "--version"].contains(&o.name.as_str())) =>
        {
            parsed
        }
        other => {
            let why = match &other {
                Err(refused) => refused.to_string(),
                Ok(_) => "it submits nothing".to_owned(),
            };
            return Err(refused(super::line::without(book, at, line, place, &why, &["correct it", "retire it"])));
        }
    };
    let name = parsed.application.as_ref().map(|a| a.text.clone()).unwrap_or_default();
    if name.ends_with(".R") || name.ends_with(".r") {
        let options = ["a notebook in R", "rewrite it", "retire it"];
        return Err(refused(super::line::without(book, at, line, place, "jobs run no R files", &options)));
    }
    // Of a line inside one value, the value itself is what is accounted for.
    let shared = line.ats.windows(2).any(|pair| pair[0].field == pair[1].field);
    if shared && let Some(one) = line.ats.first() {
        book.account.put(one, &task_fate(place));
    }
    let mut made =
        SparkTask { wants: Wants { cluster_mode: base.cluster_mode, ..Wants::default() }, ..SparkTask::default() };
    if let Some(first) = line.ats.first() {
        book.account.put(first, &task_fate(place));
    }
    // Of options that share one value each is accounted for by itself.
    let texts: Vec<Value> = rest.words.iter().map(|word| json!(word)).collect();
    let is_part = |at: &At<'_>| book.account.fates.contains_key(&at.field);
    let parts: Vec<bool> = rest.ats.iter().map(is_part).collect();
    let part = |i: usize, at: &At<'_>| At { field: format!("{}\u{0}{i}", at.field), value: &texts[i] };
    let ats = rest.ats.iter().enumerate().map(|(i, at)| if parts[i] { part(i, at) } else { at.clone() });
    let own = CommandLine { words: rest.words.clone(), ats: ats.collect() };
    for opt in &parsed.options {
        let (flag, value) = (&own.ats[opt.words.0], &own.ats[opt.words.1]);
        option(book, opt, value, &parsed, place, &mut made);
        same_fate(book, flag, value);
    }
    without_packages(book, &own, &parsed, base, &made);
    for opt in parsed.options.iter().filter(|opt| parts[opt.words.1]) {
        let (first, last) = opt.words;
        let whole = &rest.ats[last];
        if first != last {
            book.account.fates.remove(&own.ats[first].field);
        }
        book.part_of(&own.ats[last].field, whole, &detect::masked_arguments(&rest.words[first..=last]).join(" "));
        made.wants.part_of(&own.ats[last].field, &whole.field);
    }
    let parameters = arguments(book, &rest, &parsed, place, &mut made);
    main(book, &rest, &parsed, parameters, place, &mut made);
    Ok(made)
}

/// The task that fails in the place of one.
fn refused(outcome: CommandOutcome) -> Box<SparkTask> {
    match outcome {
        CommandOutcome::Task(task) => task,
        CommandOutcome::Nothing => Box::default(),
    }
}

fn option(book: &mut Book, opt: &Opt, at: &At<'_>, parsed: &Submit, place: &TargetPaths<'_>, made: &mut SparkTask) {
    let (value, wants) = (opt.value.as_str(), &mut made.wants);
    let count = || value.trim().parse::<i64>().ok().filter(|n| *n > 0);
    let conf_place = format!("{}.spark_conf", place.cluster);
    let list = |name: &str| -> Vec<String> {
        let all = parsed.options.iter().filter(|o| o.name == name).flat_map(|o| o.value.split(','));
        all.map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect()
    };
    match opt.name.as_str() {
        "--class" if is_python(parsed) => book.dropped(at, "a Python file has no class"),
        "--class" => book.translated(at, format!("{}.spark_jar_task.main_class_name", place.task)),
        "--name" => book.dropped(at, "the task is named after the step"),
        "--conf" => match value.split_once('=') {
            Some((key, value)) => conf::property(book, at, key.trim(), value, place, wants),
            None => {
                let what = format!("what `--conf {}` is to set", masked(value));
                let why = "it has no `=`, and spark-submit refuses it";
                book.ask(
                    at,
                    Ask { what, why, options: &["correct it", "leave it out"], default: "left out", place: conf_place },
                );
            }
        },
        "--deploy-mode" => conf::property(book, at, "spark.submit.deployMode", value, place, wants),
        "--num-executors" => sized(book, at, &mut wants.sizing.executors, count()),
        "--executor-cores" => sized(book, at, &mut wants.sizing.cores, count()),
        "--total-executor-cores" => sized(book, at, &mut wants.sizing.total_cores, count()),
        "--executor-memory" => sized(book, at, &mut wants.sizing.executor_memory, mebibytes(value)),
        "--driver-memory" => sized(book, at, &mut wants.sizing.driver_memory, mebibytes(value)),
        "--driver-cores" => book.dropped(at, "the driver's machine type decides"),
        "--jars" => {
            let code = |jar: &str| book.paths.code(jar).unwrap_or_else(|| jar.to_owned());
            let jars: Vec<String> = value.split(',').map(str::trim).map(code).collect();
            library::jars(book, at, &jars.join(","), place, wants);
        }
        "--packages" => {
            library::packages(book, at, value, &list("--repositories"), &list("--exclude-packages"), place, wants);
        }
        "--repositories" => conf::property(book, at, "spark.jars.repositories", value, place, wants),
        "--exclude-packages" => conf::property(book, at, "spark.jars.excludes", value, place, wants),
        "--py-files" => {
            for file in value.split(',').map(str::trim).filter(|f| !f.is_empty()) {
                let file = book.paths.code(file).unwrap_or_else(|| file.to_owned());
                library::python(book, at, &file, place, wants);
            }
        }
        "--files" | "--archives" => book.ask(
            at,
            Ask {
                what: format!("where the application finds `{}`", masked(value)),
                why: "jobs copy no files beside the application (`SparkFiles.get`)",
                options: &["read them from S3 or a volume by their path", "build them into the JAR or wheel"],
                default: "left out",
                place: place.task.to_owned(),
            },
        ),
        "--properties-file" => book.ask(
            at,
            Ask {
                what: format!("which properties `{}` sets", masked(value)),
                why: "plumb reads no files of S3",
                options: &["add its properties to the cluster's spark_conf"],
                default: "left out",
                place: conf_place,
            },
        ),
        "--driver-java-options" => conf::property(book, at, "spark.driver.extraJavaOptions", value, place, wants),
        "--driver-class-path" => conf::property(book, at, "spark.driver.extraClassPath", value, place, wants),
        "--driver-library-path" => conf::property(book, at, "spark.driver.extraLibraryPath", value, place, wants),
        "--queue" => conf::property(book, at, "spark.yarn.queue", value, place, wants),
        "--proxy-user" => book.ask(
            at,
            Ask {
                what: format!("whether the job's run_as has the rights of the user `{}`", masked(value)),
                why: "spark-submit was to run as that user; a job runs as one user or service principal",
                options: &["it has", "set the job's run_as"],
                default: "as the other jobs run",
                place: "run_as".into(),
            },
        ),
        "--master" | "--remote" => book.dropped(at, "the cluster's own Spark is used"),
        "--principal" | "--keytab" => book.dropped(at, "Databricks uses no Kerberos"),
        _ => book.dropped(at, "a switch of spark-submit itself"),
    }
}

/// Repositories and exclusions are about packages: where there are none, they are about nothing.
fn without_packages(book: &mut Book, rest: &CommandLine<'_>, parsed: &Submit, base: &Wants, made: &SparkTask) {
    let has = |wants: &Wants| wants.packages.as_ref().is_some_and(|list| !list.is_empty());
    if has(base) && made.wants.packages.is_none() || has(&made.wants) {
        return;
    }
    let is_about_them = |opt: &&Opt| {
        let key = opt.value.split('=').next().unwrap_or_default().trim();
        ["--repositories", "--exclude-packages"].contains(&opt.name.as_str())
            || opt.name == "--conf" && ["spark.jars.repositories", "spark.jars.excludes"].contains(&key)
    };
    for opt in parsed.options.iter().filter(is_about_them) {
        for position in [opt.words.0, opt.words.1] {
            book.withdrawn(&rest.ats[position].field, library::NO_PACKAGES);
        }
    }
}

fn sized(book: &mut Book, at: &At<'_>, to: &mut Option<i64>, value: Option<i64>) {
    *to = value.or(*to);
    book.dropped(at, "a hint at the size: the machine type and the number of workers decide, one executor a worker");
}

/// The application's own arguments, without credentials, with Airflow's expressions as parameters of the job.
fn arguments(
    book: &mut Book,
    rest: &CommandLine<'_>,
    parsed: &Submit,
    place: &TargetPaths<'_>,
    made: &mut SparkTask,
) -> Vec<String> {
    let kind = if is_python(parsed) { "spark_python_task" } else { "spark_jar_task" };
    let to = format!("{}.{kind}.parameters", place.task);
    if let Some(first) = parsed.misplaced().first() {
        let at = &rest.ats[first.position];
        let ask = Ask {
            what: format!("whether `{}` and what follows were meant for spark-submit", masked(&first.text)),
            why: "they stand behind the application, so they were its arguments and never had that effect",
            options: &["keep them, if the application reads them", "remove them"],
            default: "kept as arguments",
            place: to.clone(),
        };
        book.note(at, ask);
    }
    let mut parameters = Vec::new();
    let texts: Vec<&str> = parsed.arguments.iter().map(|word| word.text.as_str()).collect();
    let taken = detect::taken(&texts);
    let mut named = BTreeMap::new();
    for (number, (word, taken)) in parsed.arguments.iter().zip(&taken).enumerate() {
        let (at, text) = (&rest.ats[word.position], word.text.as_str());
        let flag = number.checked_sub(1).map(|i| texts[i]).filter(|word| word.starts_with('-') && !word.contains('='));
        if !taken.is_empty() {
            let option = number.checked_sub(1).map_or("", |before| texts[before]);
            let mut references = Vec::new();
            for spot in taken {
                // Two `--token` are two secrets.
                let times: &mut usize = named.entry(spot.name.trim_start_matches('-')).or_default();
                *times += 1;
                let again = if *times == 1 { String::new() } else { format!(" {times}") };
                references.push(place.secret(&format!("{}{again}", spot.name)));
                let within = if detect::is_option(option) && option != spot.name {
                    format!(" in `{}`", masked(option))
                } else {
                    String::new()
                };
                let times = if *times == 1 { String::new() } else { format!(" (number {times} of that name)") };
                let ask = Ask {
                    what: format!("how the application gets the credential `{}`{times}{within}", spot.name),
                    why: "credentials do not belong into manifests, and arguments of tasks do not resolve references to secrets",
                    options: &[
                        "read it in the code: `dbutils.secrets.get`",
                        "an instance profile or Unity Catalog instead",
                    ],
                    default: "names a secret in place of the value; the code has to look it up",
                    place: to.clone(),
                };
                book.ask(at, ask);
            }
            // They are replaced from the last one on.
            parameters.push(detect::instead(text, taken, &mut |_| references.pop().unwrap_or_default()));
            continue;
        }
        // Hadoop has given up `s3n://`; `s3a://` is another word for the same.
        let text = text.replace("s3n://", "s3://").replace("s3a://", "s3://");
        let (text, found) = templates(&text);
        if !found.is_empty() {
            made.templates.extend(found);
            let ask = Ask {
                what: format!("what fills in `{}`", masked(&word.text)),
                why: "Airflow fills in what stands between braces, and Databricks would take it for its own",
                options: &["the DAG gives it to the job's run", "the job's own parameters"],
                default: "a parameter of the job, which the DAG fills in",
                place: to.clone(),
            };
            book.note(at, ask);
        }
        let text = on_emr(book, at, &text, flag, &to);
        data(book, at, &text, &to);
        book.translated(at, to.clone());
        parameters.push(text);
    }
    if !book.paths.unsure.is_empty() {
        let list: Vec<String> = std::mem::take(&mut book.paths.unsure).into_iter().map(|p| masked(&p)).collect();
        let ask = Ask {
            what: format!("whether these are paths in HDFS: `{}`", list.join("`, `")),
            why: "in Spark on EMR a path without a scheme is one in HDFS, which job clusters do not have",
            options: &["they are: a path in S3 or a volume", "they are not: leave them"],
            default: "left as they are",
            place: to,
        };
        let at = rest.ats.first().cloned().unwrap_or_else(|| At::root(&serde_json::Value::Null));
        book.note(&at, ask);
    }
    parameters
}

/// An argument with EMR's own paths replaced by those that take their place.
fn on_emr(book: &mut Book, at: &At<'_>, text: &str, flag: Option<&str>, to: &str) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for span in book.paths.spans(text, flag) {
        let old = &text[span.range.clone()];
        let new = match span.kind {
            PathKind::Hdfs(path) => Some(book.paths.argument(&path)),
            PathKind::Local(path) => {
                let known = book.paths.local(&path);
                if known.is_none() && book.paths.asked.insert(path.clone()) {
                    let ask = Ask {
                        what: format!("where the file `{}` comes from", masked(&path)),
                        why: "it lay on EMR's nodes: a bootstrap action, an earlier step or the code itself has put it there",
                        options: &[
                            "its address in S3 or in a volume",
                            "a folder of the node, as `/local_disk0/tmp`, for what one task writes and reads itself",
                        ],
                        default: "left as it is: the task will not find it",
                        place: to.to_owned(),
                    };
                    book.ask(at, ask);
                }
                known
            }
            PathKind::Unsure(path) => {
                if book.paths.asked.insert(path.clone()) {
                    book.paths.unsure.insert(path);
                }
                None
            }
        };
        out.push_str(&text[from..span.range.start]);
        out.push_str(&new.map_or_else(|| old.to_owned(), |new| slashed(new, old)));
        from = span.range.end;
    }
    out + &text[from..]
}

/// Addresses in another HDFS are asked about.
fn data(book: &mut Book, at: &At<'_>, text: &str, to: &str) {
    if text.contains("hdfs://") {
        let ask = Ask {
            what: format!("where `{}` is kept", masked(text)),
            why: "job clusters have no HDFS, and it is none of the cluster's own",
            options: &["a path in S3", "a volume", "nothing: pass it on inside one task"],
            default: "left as it is: the task will not find it",
            place: to.to_owned(),
        };
        book.ask(at, ask);
    }
}

/// `{{ ds }}` is `{{job.parameters.ds}}`; the expressions that were found come with it.
pub(super) fn templates(text: &str) -> (String, Vec<String>) {
    let (mut out, mut rest, mut found) = (String::new(), text, Vec::new());
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        let inner = rest[start + 2..start + length].trim();
        out.push_str(&rest[..start]);
        out.push_str(&format!("{{{{job.parameters.{}}}}}", parameter(inner)));
        found.push(inner.to_owned());
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    (out, found)
}

/// A name for an expression: `macros.ds_add(ds, -1)` is `macros_ds_add_ds_1`.
pub(super) fn parameter(expression: &str) -> String {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let name: String = words.collect::<Vec<_>>().join("_").chars().take(60).collect();
    if name.is_empty() { "value".into() } else { name }
}

fn is_python(parsed: &Submit) -> bool {
    parsed.application.as_ref().is_some_and(|a| a.text.ends_with(".py"))
}

/// The application itself.
fn main(
    book: &mut Book,
    rest: &CommandLine<'_>,
    parsed: &Submit,
    parameters: Vec<String>,
    place: &TargetPaths<'_>,
    made: &mut SparkTask,
) {
    let Some(word) = &parsed.application else { return };
    let address = book.paths.code(&word.text).unwrap_or_else(|| s3(&word.text));
    let at = &rest.ats[word.position];
    let python = is_python(parsed);
    let place_of_file = if python {
        format!("{}.spark_python_task.python_file", place.task)
    } else {
        format!("{}.libraries", place.task)
    };
    if !reachable(&address) || holds_secret(&address) {
        let default = if python {
            "a path in the workspace, where nothing is: the run fails"
        } else {
            "left out: the run will not find the class"
        };
        let ask = Ask {
            what: format!("where the application `{}` comes from", masked(&address)),
            why: "it is no file in S3: a bootstrap action, an earlier step or EMR's image has put it on the nodes",
            options: &["put it into S3 or a volume, and name it here"],
            default,
            place: place_of_file.clone(),
        };
        book.ask(at, ask);
    }
    let mut body = Map::new();
    if !parameters.is_empty() {
        body.insert("parameters".into(), json!(parameters));
    }
    if python {
        // A path of EMR's nodes would be one in the workspace, and a relative one none at all.
        let file = if reachable(&address) {
            masked(&address)
        } else {
            format!("{UNTRANSLATED}{}", masked(address.rsplit('/').next().unwrap_or_default()))
        };
        body.insert("python_file".into(), json!(file));
        made.task.insert("spark_python_task".into(), Value::Object(body));
    } else {
        if reachable(&address) && !holds_secret(&address) {
            library::jar(book, at, &address, place, &mut made.wants);
        }
        match parsed.last("--class") {
            Some(class) => {
                body.insert("main_class_name".into(), json!(class));
            }
            None => {
                let ask = Ask {
                    what: format!("which class of `{}` is run", masked(&address)),
                    why: "spark-submit reads it from the JAR's manifest; a task has to name it",
                    options: &["set main_class_name to the JAR's Main-Class"],
                    default: "none: the run will fail",
                    place: format!("{}.spark_jar_task", place.task),
                };
                book.note(at, ask);
            }
        }
        made.task.insert("spark_jar_task".into(), Value::Object(body));
    }
    book.account.put(at, &Fate::Translated { to: place_of_file });
}
