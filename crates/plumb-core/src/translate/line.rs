//! Command lines of steps: what they run, and what becomes of that.

use super::account::{Ask, At, Book, Fate};
use super::conf::{TargetPaths, Wants};
use super::{application, words};
use crate::detect::masked;
use serde_json::json;

/// A command line, each word with the value of the input that it comes from.
#[derive(Clone, Debug)]
pub(super) struct CommandLine<'a> {
    pub words: Vec<String>,
    pub ats: Vec<At<'a>>,
}

impl<'a> CommandLine<'a> {
    /// One word each of a list of arguments.
    pub fn of(items: &[At<'a>]) -> CommandLine<'a> {
        CommandLine { words: items.iter().map(|at| at.text().unwrap_or_default()).collect(), ats: items.to_vec() }
    }

    /// The words of one value.
    pub fn within(at: &At<'a>, words: Vec<String>) -> CommandLine<'a> {
        CommandLine { ats: vec![at.clone(); words.len()], words }
    }

    /// What is left behind the first words.
    pub fn from(&self, first: usize) -> CommandLine<'a> {
        let first = first.min(self.words.len());
        CommandLine { words: self.words[first..].to_vec(), ats: self.ats[first..].to_vec() }
    }

    /// The program, without its folder.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", |w| w.rsplit('/').next().unwrap_or(w))
    }

    /// All of it, fit to be shown.
    pub fn shown(&self) -> String {
        masked(&self.words.join(" "))
    }
}

/// What a command line came to.
pub(super) enum CommandOutcome {
    /// A task, but for when it runs; one that fails where a person has to say what it does.
    Task(Box<application::SparkTask>),
    /// It is not needed.
    Nothing,
}

/// The task of a command line. `at` is the whole step.
pub(super) fn command(
    book: &mut Book,
    at: &At<'_>,
    line: &CommandLine<'_>,
    place: &TargetPaths<'_>,
    base: &Wants,
    depth: usize,
) -> CommandOutcome {
    let (line, timeout) = wrapped(book, line);
    let one_word = line.words.len() == 1 && line.words[0].trim().contains(char::is_whitespace);
    if one_word && depth == 0 {
        // Some clients write the whole command as one argument.
        if let (Ok(words), Some(one)) = (words::split(&line.words[0], true), line.ats.first()) {
            return command(book, at, &CommandLine::within(one, words), place, base, 1);
        }
    }
    match line.program() {
        "spark-submit" => match application::submit(book, at, &line, place, base) {
            Ok(mut application) => {
                application.timeout = timeout;
                CommandOutcome::Task(Box::new(application))
            }
            Err(failing) => CommandOutcome::Task(failing),
        },
        "bash" | "sh" => shell(book, at, &line, place),
        "state-pusher-run" | "state-pusher-script" => drop(book, at, "EMR's own debugging"),
        program
            if program.contains("lzo")
                || program == "hadoop" && line.words.iter().any(|w| w.contains("hadoop-lzo")) =>
        {
            drop(book, at, "Databricks reads no LZO, so its index is of no use")
        }
        "s3-dist-cp" | "s3distcp" => copy(book, at, &line, place),
        "hive-script" | "hive" | "beeline" => without(
            book,
            at,
            &line,
            place,
            "Hive does not run on Databricks, and its dialect differs from Spark's",
            &["a SQL task with the file, after a check of its dialect", "`spark.sql` in a Python file", "retire it"],
        ),
        "spark-sql" => without(
            book,
            at,
            &line,
            place,
            "a SQL task needs a warehouse, and a file in the workspace or in git",
            &["a SQL task with the file", "`spark.sql` in a Python file", "retire it"],
        ),
        "spark-shell" | "pyspark" | "run-example" | "spark-example" | "sparkR" => without(
            book,
            at,
            &line,
            place,
            "a shell, or one of Spark's examples, is no job",
            &["a Python file or a JAR that does the same", "retire it"],
        ),
        "aws" | "sleep" | "hdfs" | "hadoop" | "curl" | "wget" | "python" | "python3" | "pip" | "pip3" | "true"
        | "echo" => without(
            book,
            at,
            &line,
            place,
            "it is no Spark application: it ran on the master",
            &["a task of Airflow", "a Python file with the same effect", "retire it"],
        ),
        _ => without(
            book,
            at,
            &line,
            place,
            "Databricks has nothing that runs it",
            &["rewrite it for Spark", "a task of Airflow", "retire it"],
        ),
    }
}

fn drop(book: &mut Book, at: &At<'_>, why: &str) -> CommandOutcome {
    book.dropped(at, why);
    CommandOutcome::Nothing
}

/// Where the tasks are that stand for steps which were not translated: nothing is there, so they fail.
pub(super) const UNTRANSLATED: &str = "/Workspace/plumb/untranslated/";
/// What the job does until a person has decided about a step.
pub(super) const FAILS: &str = "a task in its place that fails, and says so";
/// The longest description of a task, in characters: the Jobs API takes 1000 bytes.
const LONGEST_DESCRIPTION: usize = 300;

/// A task that fails where a step was: nothing may run as if the step had done its work. `why` is shown to who opens it.
pub(super) fn failing(place: &TargetPaths<'_>, step: &str, why: &str) -> application::SparkTask {
    let key = place.task.trim_start_matches("tasks[").trim_end_matches(']');
    let said = format!("Fails until a person says what takes the place of the step `{step}`: {why}");
    let said: String = said.chars().take(LONGEST_DESCRIPTION).collect();
    let path = format!("{UNTRANSLATED}{key}-needs-a-person");
    let mut task = application::SparkTask::default();
    task.task.insert("description".into(), json!(said));
    task.task.insert("notebook_task".into(), json!({ "notebook_path": path }));
    task
}

/// A step that plumb cannot translate.
pub(super) fn without(
    book: &mut Book,
    at: &At<'_>,
    line: &CommandLine<'_>,
    place: &TargetPaths<'_>,
    why: &str,
    options: &[&str],
) -> CommandOutcome {
    let name = at.text_of("Name").or_else(|| at.text_of("name")).unwrap_or_else(|| line.program().to_owned());
    let what = format!("what takes the place of the step `{}`: {}", masked(&name), line.shown());
    let goes_on = at.text_of("ActionOnFailure").as_deref() == Some("CONTINUE");
    let told = if goes_on {
        format!("{why}; EMR went on when it failed (ActionOnFailure is CONTINUE)")
    } else {
        why.to_owned()
    };
    book.ask(at, Ask { what, why: &told, options, default: FAILS, place: place.task.to_owned() });
    CommandOutcome::Task(Box::new(failing(place, &masked(&name), why)))
}

/// Takes off what only calls another command: `sudo -u x`, `nohup`, `timeout 3h`, `env A=b`. The seconds are those of
/// `timeout`.
pub(super) fn wrapped<'a>(book: &mut Book, line: &CommandLine<'a>) -> (CommandLine<'a>, Option<i64>) {
    let (mut line, mut timeout) = (line.clone(), None);
    loop {
        let mut take = 1;
        let word = |i: usize| line.words.get(i).map_or("", String::as_str);
        match line.program() {
            "sudo" => {
                while word(take).starts_with('-') {
                    take += if matches!(word(take), "-u" | "-g") { 2 } else { 1 };
                }
            }
            "nohup" | "exec" | "time" => {}
            "timeout" => {
                while word(take).starts_with('-') {
                    take += if matches!(word(take), "-k" | "-s") { 2 } else { 1 };
                }
                let Some(seconds) = seconds(word(take)) else { return (line, timeout) };
                timeout = Some(seconds);
                take += 1;
            }
            _ => return (line, timeout),
        }
        if line.words.len() <= take {
            return (line, timeout);
        }
        for at in line.ats[..take].iter().filter(|at| line.ats.last().is_none_or(|last| last.field != at.field)) {
            book.dropped(at, "it only calls another command; a time limit is the task's own");
        }
        line = line.from(take);
    }
}

/// `3h`, `90m`, `30`: the durations of `timeout`, in seconds.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: i64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(unit).filter(|s| (1..=31_536_000).contains(s))
}

/// `bash FILE`.
fn shell(book: &mut Book, at: &At<'_>, line: &CommandLine<'_>, place: &TargetPaths<'_>) -> CommandOutcome {
    let why = "the script lies on the node, where plumb cannot read it: what it does is for a person to see";
    let options = ["a task of its own for each spark-submit in it", "a task of Airflow", "an init script", "retire it"];
    without(book, at, line, place, why, &options)
}

/// `s3-dist-cp`: files staged between S3 and HDFS need no staging any more.
fn copy(book: &mut Book, at: &At<'_>, line: &CommandLine<'_>, place: &TargetPaths<'_>) -> CommandOutcome {
    let option = |name: &str| {
        let inline = line.words.iter().find_map(|w| w.strip_prefix(name)?.strip_prefix('='));
        let next = || line.words.iter().position(|w| w == name).and_then(|i| line.words.get(i + 1)).map(String::as_str);
        inline.or_else(next).unwrap_or_default().to_owned()
    };
    let is_s3 = |text: &str| super::library::s3(text).starts_with("s3://");
    let (from, to) = (option("--src"), option("--dest"));
    let staging = !from.is_empty() && !to.is_empty() && is_s3(&from) != is_s3(&to);
    let (why, options): (&str, &[&str]) = if staging {
        (
            "it stages files between S3 and HDFS, and no argument of a task tells what reads or writes all of them",
            &["nothing, where the code reads and writes S3 itself: delete the task", "a task that copies the files"],
        )
    } else {
        (
            "Databricks has no s3-dist-cp",
            &["`dbutils.fs.cp` or `aws s3 sync` in a task", "COPY INTO or Auto Loader", "a task of Airflow"],
        )
    };
    without(book, at, line, place, why, options)
}

/// The fate of a flag is that of its value.
pub(super) fn same_fate(book: &mut Book, flag: &At<'_>, value: &At<'_>) {
    if let Some(fate) = book.account.fates.get(&value.field).cloned() {
        book.account.put(flag, &fate);
    }
}

/// A word that means nothing by itself.
pub(super) fn task_fate(place: &TargetPaths<'_>) -> Fate {
    Fate::Translated { to: place.task.to_owned() }
}
