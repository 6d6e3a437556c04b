//! What a pipeline depends on, as far as its arguments and configurations tell: paths in S3, metastores, databases.
//!
//! Whether a path is read or written is told by the name that stands before it (`--input`, `output=`) or by the program
//! (`s3-dist-cp`). Where neither says, it is only mentioned. What the code itself has in it is not known.

use super::pattern;
use crate::detect;
use serde::Serialize;
use std::collections::BTreeSet;

/// What a pipeline depends on. Dates in paths are `{date}`, so that each month's path is the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depends {
    /// Jars, scripts and files that are run or shipped.
    pub code: BTreeSet<String>,
    pub reads: BTreeSet<String>,
    pub writes: BTreeSet<String>,
    pub logs: BTreeSet<String>,
    /// Paths of which it is not known what is done with them.
    pub mentions: BTreeSet<String>,
    /// What else is talked to: metastores, databases, the cluster's own HDFS.
    pub services: BTreeSet<String>,
}

/// What is done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Code,
    Read,
    Written,
    Logged,
    Mentioned,
}

/// Options of spark-submit that stand alone (spark-submit `--help`); every other one has a value.
const ALONE: [&str; 6] = ["--verbose", "-v", "--supervise", "--version", "--help", "-h"];

impl Depends {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Depends::default()
    }

    /// Adds what the arguments of a step say. `jar` is the step's own.
    pub fn step(&mut self, jar: &str, args: &[String]) {
        self.text(jar, Use::Code);
        for (arg, usage) in args.iter().zip(usages(jar, args)) {
            self.text(arg, usage);
        }
    }

    /// Adds what a property of a configuration says.
    pub fn property(&mut self, name: &str, value: &str) {
        if value.contains("AWSGlueDataCatalog") {
            self.services.insert("AWS Glue Data Catalog".to_owned());
        }
        self.text(value, of_name(name));
    }

    /// Adds a script and its arguments.
    pub fn script(&mut self, path: &str, args: &[String]) {
        self.text(path, Use::Code);
        for arg in args {
            self.text(arg, named(arg).map_or(Use::Mentioned, |(name, _)| of_name(name)));
        }
    }

    /// Adds where logs are written.
    pub fn log(&mut self, path: &str) {
        self.text(path, Use::Logged);
    }

    fn text(&mut self, text: &str, usage: Use) {
        for found in addresses(text) {
            if found.starts_with("jdbc:") {
                let address = found.split(['?', '&']).next().unwrap_or(found);
                self.services.insert(address.to_owned());
            } else if found.starts_with("hdfs://") {
                self.services.insert("HDFS of the cluster".to_owned());
            } else if let Some((_, rest)) = found.split_once("://") {
                self.set(usage).insert(format!("s3://{}", pattern::of(rest)));
            }
        }
    }

    fn set(&mut self, usage: Use) -> &mut BTreeSet<String> {
        match usage {
            Use::Code => &mut self.code,
            Use::Read => &mut self.reads,
            Use::Written => &mut self.writes,
            Use::Logged => &mut self.logs,
            Use::Mentioned => &mut self.mentions,
        }
    }

    /// Takes out of `mentions` what is known better, once all is added.
    pub fn settled(mut self) -> Self {
        for known in [&self.code, &self.reads, &self.writes, &self.logs] {
            self.mentions.retain(|path| !known.contains(path));
        }
        self
    }
}

/// What is done with the path in each argument of a step.
fn usages(jar: &str, args: &[String]) -> Vec<Use> {
    let runs_script = jar.contains("script-runner");
    let program = args.iter().position(|arg| arg.ends_with("spark-submit"));
    let application = program.map(|at| application(args, at + 1));
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let copies = match words.as_slice() {
        ["aws", "s3", "cp" | "sync" | "mv", ..] | ["hadoop", "distcp", ..] | ["hdfs", "distcp", ..] => {
            let places: Vec<usize> = (0..args.len()).filter(|at| is_place(&args[*at])).collect();
            places.iter().rev().nth(1).copied().zip(places.last().copied())
        }
        _ => None,
    };
    let mut found = Vec::with_capacity(args.len());
    for (at, arg) in args.iter().enumerate() {
        let named = named(arg).or_else(|| {
            let before = args.get(at.checked_sub(1)?)?;
            Some((before.as_str(), arg.as_str())).filter(|(name, _)| name.starts_with('-') && !name.contains('='))
        });
        let usage = match (named, application, copies) {
            (_, _, Some((from, _))) if from == at => Use::Read,
            (_, _, Some((_, to))) if to == at => Use::Written,
            (_, Some(main), _) if main == at => Use::Code,
            (Some((name, _)), Some(main), _) if at < main && !arg.contains('=') && name != "--conf" => of_option(name),
            (Some((name, _)), ..) => of_name(name),
            (None, ..) if at == 0 && runs_script => Use::Code,
            _ => Use::Mentioned,
        };
        found.push(usage);
    }
    found
}

/// What is done with the path in each argument of an application.
pub(crate) fn uses(arguments: &[String]) -> Vec<Use> {
    let line: Vec<String> =
        ["spark-submit", "application"].map(str::to_owned).into_iter().chain(arguments.iter().cloned()).collect();
    usages("", &line).split_off(2)
}

/// The addresses in S3 that a step's arguments say are written, as they stand there.
pub fn written(jar: &str, args: &[String]) -> Vec<String> {
    let writes = args.iter().zip(usages(jar, args)).filter(|(_, usage)| *usage == Use::Written);
    let in_s3 = writes.flat_map(|(arg, _)| addresses(arg)).filter_map(|found| {
        let rest = SCHEMES_OF_S3.iter().find_map(|scheme| found.strip_prefix(scheme))?;
        Some(format!("s3://{rest}"))
    });
    in_s3.collect()
}

/// How addresses in S3 begin, of whatever program.
const SCHEMES_OF_S3: [&str; 3] = ["s3://", "s3a://", "s3n://"];

/// The addresses in a text that a pipeline may depend on.
pub(crate) fn addresses(text: &str) -> Vec<&str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | ')' | ']' | '}' | '|' | '<' | '>');
    // What stands for a secret ends with a bracket, and does not end an address.
    let end = |found: &str| {
        let mut places =
            found.char_indices().filter(|(at, c)| ends(*c) && !(*c == ')' && found[..=*at].ends_with(detect::HIDDEN)));
        places.next().map_or(found.len(), |(at, _)| at)
    };
    let mut all = Vec::new();
    for start in SCHEMES_OF_S3.into_iter().chain(["jdbc:", "hdfs://"]) {
        for (at, _) in text.match_indices(start) {
            // `jdbc:hive2://hdfs://` has no end; a word that only ends like a scheme is none.
            if !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
                all.push(&text[at..at + end(&text[at..])]);
            }
        }
    }
    all
}

fn is_place(arg: &str) -> bool {
    !arg.starts_with('-') && (arg.contains("://") || arg.starts_with('/'))
}

/// `name=value`, `--name=value`.
fn named(arg: &str) -> Option<(&str, &str)> {
    arg.split_once('=').filter(|(name, _)| !name.contains(['/', ':', ' ']))
}

/// Where the application is among the arguments of spark-submit: the first word that is neither option nor value.
pub(super) fn application(args: &[String], from: usize) -> usize {
    let mut at = from;
    while let Some(arg) = args.get(at) {
        match arg.as_str() {
            option if ALONE.contains(&option) => at += 1,
            option if option.starts_with('-') && option.contains('=') && option.starts_with("--") => at += 1,
            option if option.starts_with('-') => at += 2,
            _ => break,
        }
    }
    at
}

/// What spark-submit does with the value of one of its own options.
fn of_option(name: &str) -> Use {
    match name {
        "--jars" | "--py-files" | "--files" | "--archives" | "--properties-file" | "--driver-class-path" => Use::Code,
        other => of_name(other),
    }
}

/// What a name says is done with the path that it names.
pub(crate) fn of_name(name: &str) -> Use {
    let mut lower = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            lower.push('-');
        }
        lower.push(c.to_ascii_lowercase());
        before = c;
    }
    let parts: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let any = |words: &[&str]| parts.iter().any(|part| words.contains(part));
    if any(&["log", "logs", "eventlog"]) || parts.ends_with(&["event", "log", "dir"]) {
        Use::Logged
    } else if any(&["jar", "jars", "libjars", "pyfiles", "archives", "files", "script", "mapper", "reducer", "f"]) {
        Use::Code
    } else if any(&[
        "output",
        "out",
        "dest",
        "destination",
        "target",
        "to",
        "write",
        "sink",
        "result",
        "results",
        "checkpoint",
        "staging",
    ]) {
        Use::Written
    } else if any(&["input", "inputs", "in", "src", "source", "sources", "from", "read"]) {
        Use::Read
    } else {
        Use::Mentioned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &[&str]) -> Depends {
        let mut depends = Depends::default();
        depends.step("command-runner.jar", &args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>());
        depends.settled()
    }

    fn set(paths: &[&str]) -> BTreeSet<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn spark_submit_is_read_word_by_word() {
        let depends = of(&[
            "spark-submit",
            "--deploy-mode",
            "cluster",
            "--verbose",
            "--jars",
            "s3://j/a.jar,s3://j/b.jar",
            "--conf",
            "spark.eventLog.dir=s3a://logs/x",
            "--py-files=s3://j/lib.zip",
            "s3://j/main-2.4.1.py",
            "--input",
            "s3://lake/raw/2026-10/",
            "--outputPath=s3://lake/gold/202610",
            "s3://lake/ref",
            "--month",
            "2026-10",
        ]);
        assert_eq!(depends.code, set(&["s3://j/a.jar", "s3://j/b.jar", "s3://j/lib.zip", "s3://j/main-2.4.1.py"]));
        assert_eq!(depends.reads, set(&["s3://lake/raw/{date}/"]));
        assert_eq!(depends.writes, set(&["s3://lake/gold/{date}"]));
        assert_eq!(depends.mentions, set(&["s3://lake/ref"]));
        assert_eq!(depends.logs, set(&["s3://logs/x"]));
    }

    #[test]
    fn programs_that_copy_say_where_from_and_where_to() {
        let depends = of(&["s3-dist-cp", "--src", "hdfs:///gl", "--dest=s3://lake/gl/"]);
        assert_eq!((depends.writes, depends.services), (set(&["s3://lake/gl/"]), set(&["HDFS of the cluster"])));
        let depends = of(&["aws", "s3", "cp", "--recursive", "s3://a/x", "s3://b/y"]);
        assert_eq!((depends.reads, depends.writes), (set(&["s3://a/x"]), set(&["s3://b/y"])));
        let depends = of(&["hive-script", "--run-hive-script", "--args", "-f", "s3://q/a.q", "-d", "INPUT=s3://a/in"]);
        assert_eq!((depends.code, depends.reads), (set(&["s3://q/a.q"]), set(&["s3://a/in"])));
        let depends = of(&["sh", "-c", "x --from 's3://a/b'; psql jdbc:postgresql://a:(secret)@db/x?user=a"]);
        assert_eq!(
            (depends.mentions, depends.services),
            (set(&["s3://a/b"]), set(&["jdbc:postgresql://a:(secret)@db/x"]))
        );
    }
}
