//! What steps run, read before any of it is translated: commands of their own, those of scripts, and copies between them.

use super::account::{At, Book};
use super::application::templates;
use super::library::s3;
use super::line::{CommandLine, wrapped};
use super::paths::{KnownPaths, Mention, PathLocation, StagedCopy, location};
use super::shell::{self, ShellLine, pip};
use super::{Script, submit, words};
use crate::detect::masked;
use std::collections::BTreeMap;

/// What a step runs.
pub(super) enum StepRun<'a> {
    /// One command.
    Command { line: CommandLine<'a>, form: StepForm, copy: Option<usize> },
    /// A script whose text is known.
    Script(ScriptRun<'a>),
    /// A script whose text is not known, and why.
    Unread { line: CommandLine<'a>, why: String },
}

/// By which JAR a command is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepForm {
    Runner,
    /// Hadoop's own: MapReduce, streaming.
    Hadoop,
}

/// A script and its commands.
pub(super) struct ScriptRun<'a> {
    /// The argument that names it, or that is its text.
    pub at: At<'a>,
    /// What it is called in questions.
    pub name: String,
    /// Of `timeout` before it, in seconds.
    pub timeout: Option<i64>,
    pub parts: Vec<ScriptPart<'a>>,
}

/// A part of a script.
pub(super) enum ScriptPart<'a> {
    Submit { line: CommandLine<'a>, env: BTreeMap<String, String>, stops: bool },
    Copy { index: usize, shown: String },
    Packages(Vec<(String, Option<String>)>),
    Quoted(String),
}

/// All steps, with the copies that they make and which of those are followed.
pub(super) struct StepPlans<'a> {
    pub steps: Vec<StepRun<'a>>,
    pub copies: Vec<StagedCopy>,
    pub followed: Vec<bool>,
    pub known: KnownPaths,
}

/// The addresses of the scripts in S3 that the steps and bootstrap actions of a cluster run.
pub(super) fn addresses(root: &At<'_>) -> Vec<String> {
    let of_steps = root.list("Steps").into_iter().filter_map(|at| {
        let (line, jar) = line_of(&at)?;
        let first = line.words.first().map(|word| s3(word))?;
        (jar.ends_with("script-runner.jar") && is_script(&first)).then_some(first)
    });
    let of_actions = root.list("BootstrapActions").into_iter().map(|at| {
        let inner = at.get("ScriptBootstrapAction").unwrap_or_else(|| at.clone());
        s3(&inner.text_of("ScriptPath").or_else(|| inner.text_of("Path")).unwrap_or_default())
    });
    let mut all: Vec<String> = of_steps.chain(of_actions.filter(|path| is_script(path))).collect();
    all.sort();
    all.dedup();
    all
}

/// Whether an address is that of a script of somebody's own.
fn is_script(address: &str) -> bool {
    let is_emrs = address.contains("elasticmapreduce/");
    address.starts_with("s3://") && !is_emrs && !address.ends_with("/spark-submit")
}

fn line_of<'a>(at: &At<'a>) -> Option<(CommandLine<'a>, String)> {
    let config = at.get("Config")?;
    Some((CommandLine::of(&config.list("Args")), config.text_of("Jar").unwrap_or_default()))
}

/// Reads all steps; `fetched` are files that bootstrap actions put on the nodes.
pub(super) fn plans<'a>(
    steps: &[At<'a>],
    scripts: &BTreeMap<String, Script>,
    fetched: &[(String, String)],
) -> StepPlans<'a> {
    let mut reader = Plans { scripts, copies: Vec::new(), mentions: Vec::new(), position: 0 };
    let steps = steps.iter().map(|at| reader.step(at)).collect();
    let (known, followed) = KnownPaths::of(&reader.copies, &reader.mentions, fetched);
    StepPlans { steps, copies: reader.copies, followed, known }
}

struct Plans<'s> {
    scripts: &'s BTreeMap<String, Script>,
    copies: Vec<StagedCopy>,
    mentions: Vec<Mention>,
    position: usize,
}

impl Plans<'_> {
    fn step<'a>(&mut self, at: &At<'a>) -> StepRun<'a> {
        let (mut line, jar) = line_of(at).unwrap_or_else(|| (CommandLine::of(&[]), String::new()));
        let file = jar.rsplit('/').next().unwrap_or_default();
        if file == "script-runner.jar" {
            let first = line.words.first().cloned().unwrap_or_default();
            if let Some(script) = Some(s3(&first)).filter(|path| is_script(path)) {
                return match self.scripts.get(&script) {
                    Some(Script::Text(text)) => StepRun::Script(ScriptRun {
                        at: line.ats[0].clone(),
                        name: masked(&script),
                        timeout: None,
                        parts: self.script(&line.ats[0], text, &line.words[1..], 0),
                    }),
                    Some(Script::Unread(why)) => {
                        StepRun::Unread { line, why: format!("the script could not be read: {}", masked(why)) }
                    }
                    None => {
                        let why = "nobody has read the script: `plumb import emr --read-scripts` does";
                        StepRun::Unread { line, why: why.into() }
                    }
                };
            }
            if first.contains("state-pusher") {
                line.words[0] = "state-pusher-script".into();
            }
        } else if file != "command-runner.jar" {
            let class = at.path("Config.MainClass").and_then(|c| c.text()).unwrap_or_default();
            let config = at.get("Config").unwrap_or_else(|| at.clone());
            let own: Vec<String> = [jar.clone(), class].into_iter().filter(|w| !w.is_empty()).collect();
            line.words.splice(0..0, own);
            line.ats = vec![config; line.words.len()];
            if file.starts_with("s3-dist-cp") || file.contains("s3distcp") {
                line.words[0] = "s3-dist-cp".into();
            } else {
                self.mention(&line, true);
                return StepRun::Command { line, form: StepForm::Hadoop, copy: None };
            }
        }
        if let Some((at, text, args)) = shell_of(&line) {
            let timeout = wrapped(&mut Book::default(), &line).1;
            let parts = self.script(&at, &text, &args, 0);
            return StepRun::Script(ScriptRun { at, name: String::new(), timeout, parts });
        }
        let copy = self.line(&line);
        StepRun::Command { line, form: StepForm::Runner, copy }
    }

    /// Takes a command in; the index of the copy that it makes.
    fn line(&mut self, line: &CommandLine<'_>) -> Option<usize> {
        self.position += 1;
        let mut bare = wrapped(&mut Book::default(), line).0;
        if bare.words.len() == 1
            && let (Ok(words), Some(at)) = (words::split(&bare.words[0], true), bare.ats.first())
        {
            bare = CommandLine::within(at, words);
        }
        if let Some((from, to, is_plain)) = copy(&bare.words) {
            self.copies.push(StagedCopy { position: self.position, from, to, is_plain });
            return Some(self.copies.len() - 1);
        }
        self.mention(&bare, bare.program() != "spark-submit");
        None
    }

    /// Notes the words of a command. Code that an application brings along has no scheme where it lies on the node.
    fn mention(&mut self, line: &CommandLine<'_>, is_opaque: bool) {
        let parsed = line.words.get(1..).and_then(|rest| submit::parse(rest).ok()).filter(|_| !is_opaque);
        let parsed =
            parsed.filter(|p| p.application.as_ref().is_some_and(|a| !a.text.to_ascii_lowercase().ends_with(".r")));
        let is_opaque = parsed.is_none();
        let mut push = |text: &str, flag: Option<&str>| {
            let (text, flag) = (templates(text).0, flag.map(str::to_owned));
            self.mentions.push(Mention { position: self.position, text, flag, is_opaque });
        };
        let Some(parsed) = parsed else {
            let mut before: Option<&str> = None;
            for word in &line.words {
                push(word, before.filter(|b| b.starts_with('-')));
                before = Some(word);
            }
            return;
        };
        for option in &parsed.options {
            for piece in option.value.split(',') {
                push(&if piece.starts_with('/') { format!("file:{piece}") } else { piece.to_owned() }, None);
            }
        }
        if let Some(main) = &parsed.application {
            push(&if main.text.starts_with('/') { format!("file:{}", main.text) } else { main.text.clone() }, None);
        }
        let mut before: Option<&str> = None;
        for word in &parsed.arguments {
            push(&word.text, before.filter(|b| b.starts_with('-') && !b.contains('=')));
            before = Some(&word.text);
        }
    }

    fn script<'a>(&mut self, at: &At<'a>, text: &str, args: &[String], depth: usize) -> Vec<ScriptPart<'a>> {
        let mut parts = Vec::new();
        for read in shell::read(text, args) {
            parts.push(match read {
                ShellLine::Quoted(text) => {
                    self.position += 1;
                    let mention = Mention { position: self.position, text: text.clone(), flag: None, is_opaque: true };
                    self.mentions.push(mention);
                    ScriptPart::Quoted(text)
                }
                ShellLine::Command(command) => {
                    let line = CommandLine::within(at, command.words);
                    let bare = wrapped(&mut Book::default(), &line).0;
                    let shown = shell::with_env(&command.env, &line.words.join(" "));
                    if let (Some((_, text, args)), true) = (shell_of(&line), depth < 3) {
                        parts.extend(self.script(at, &text, &args, depth + 1));
                        continue;
                    }
                    match (bare.program(), pip(&bare.words), self.line(&line)) {
                        ("spark-submit", ..) => ScriptPart::Submit { line, env: command.env, stops: command.stops },
                        (_, Some(packages), _) => ScriptPart::Packages(packages),
                        (_, None, Some(index)) => ScriptPart::Copy { index, shown },
                        (_, None, None) => ScriptPart::Quoted(shown),
                    }
                }
            });
        }
        parts
    }
}

/// The text and the arguments of `bash -c TEXT NAME ARGS…`.
fn shell_of<'a>(line: &CommandLine<'a>) -> Option<(At<'a>, String, Vec<String>)> {
    let bare = wrapped(&mut Book::default(), line).0;
    let flags = bare.words.get(1).filter(|w| w.starts_with('-') && !w.starts_with("--") && w.ends_with('c'))?;
    if !matches!(bare.program(), "bash" | "sh") || bare.words.len() < 3 {
        return None;
    }
    let text = bare.words[2].clone();
    let text = if flags.contains('e') { format!("set -e\n{text}") } else { text };
    Some((bare.ats[2].clone(), text, bare.words.get(4..).unwrap_or_default().to_vec()))
}

/// What a command copies: from where, to where, and whether all of it, as it is.
pub(super) fn copy(words: &[String]) -> Option<(PathLocation, PathLocation, bool)> {
    let program = words.first()?.rsplit('/').next()?;
    let by_jar = words.iter().position(|w| w.ends_with("s3-dist-cp.jar"));
    let rest = match (program, by_jar) {
        ("s3-dist-cp" | "s3distcp", _) => &words[1..],
        ("hadoop", Some(at)) => &words[at + 1..],
        ("aws", _) => return aws(words),
        ("hadoop" | "hdfs", None) => return fetched(words),
        _ => return None,
    };
    let (mut from, mut to, mut is_plain, mut moves) = (String::new(), String::new(), true, false);
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        let (name, inline) = word.split_once('=').map_or((word.as_str(), None), |(n, v)| (n, Some(v.to_owned())));
        match name {
            "--src" => from = inline.or_else(|| words.next().cloned()).unwrap_or_default(),
            "--dest" => to = inline.or_else(|| words.next().cloned()).unwrap_or_default(),
            "--s3Endpoint" | "--multipartUploadChunkSize" if inline.is_none() => drop(words.next()),
            "--s3Endpoint" | "--multipartUploadChunkSize" | "--disableMultipartUpload" | "--s3ServerSideEncryption" => {
            }
            "--deleteOnSuccess" => moves = true,
            _ => is_plain = false,
        }
    }
    let (from, to) = (location(&from, true), location(&to, true));
    // What is moved out of S3 is not there for the next run.
    is_plain &= !(moves && matches!(from, PathLocation::S3(_)));
    Some((from, to, is_plain))
}

/// `aws s3 cp FROM TO`.
fn aws(words: &[String]) -> Option<(PathLocation, PathLocation, bool)> {
    if words.get(1)? != "s3" || !matches!(words.get(2)?.as_str(), "cp" | "sync") {
        return None;
    }
    let (mut places, mut is_plain, mut is_folder) = (Vec::new(), true, words[2] == "sync");
    let mut rest = words[3..].iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--recursive" => is_folder = true,
            "--quiet" | "--only-show-errors" | "--no-progress" => {}
            "--region" => drop(rest.next()),
            flag if flag.starts_with("--region=") => {}
            flag if flag.starts_with("--") => is_plain = false,
            place => places.push(place),
        }
    }
    let [from, to] = places.as_slice() else { return None };
    let (source, mut target) = (location(from, false), location(to, false));
    if let (false, true, PathLocation::Local(folder), Some(file)) =
        (is_folder, to.ends_with('/'), &target, from.rsplit('/').next())
    {
        target = PathLocation::Local(format!("{}/{file}", folder.trim_end_matches('/')));
    }
    Some((source, target, is_plain))
}

/// `hadoop fs -copyToLocal FROM TO`, `hdfs dfs -get FROM TO`.
fn fetched(words: &[String]) -> Option<(PathLocation, PathLocation, bool)> {
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "fs" | "dfs", "-get" | "-copyToLocal", from, to] => {
            Some((location(from, true), location(to, false), !to.ends_with('/')))
        }
        [_, "fs" | "dfs", "-put" | "-copyFromLocal", from, to] => {
            Some((location(from, false), location(to, true), false))
        }
        [_, "fs" | "dfs", "-cp", from, to] | [_, "distcp", from, to] => {
            Some((location(from, true), location(to, true), false))
        }
        _ => None,
    }
}

/// A place of a copy, to be shown.
pub(super) fn shown(end: &PathLocation) -> String {
    match end {
        PathLocation::S3(address) => masked(address),
        PathLocation::Hdfs(path) => masked(&format!("hdfs://{path}")),
        PathLocation::Local(path) => masked(path),
        PathLocation::Elsewhere => "elsewhere".into(),
    }
}
