//! Shell scripts, read and never run: the commands in them that are plain enough to be sure of, and the rest as it stands.
//!
//! What is read: simple commands one after the other, variables that the script or its arguments set literally, quotes,
//! comments, line ends behind a backslash, `set -e`. What is not: conditions, loops, functions, here-documents, pipes, and
//! whatever another command prints. Source: POSIX.1-2017, Shell Command Language.

mod lex;

use lex::{RawCommand, RawWord, WordPiece, commands};
use std::collections::BTreeMap;

/// What a script comes to, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ShellLine {
    Command(ShellCommand),
    /// What is not understood, in one line.
    Quoted(String),
}

/// A command whose words are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShellCommand {
    pub words: Vec<String>,
    /// The variables that the script has exported until then, and those before the command.
    pub env: BTreeMap<String, String>,
    /// Whether the script ends when it fails.
    pub stops: bool,
}

/// Programs that do nothing which a job needs.
const HARMLESS: [&str; 17] = [
    "echo", "printf", ":", "true", "date", "hostname", "whoami", "pwd", "ls", "which", "sleep", "cd", "mkdir", "chmod",
    "ulimit", "umask", "wait",
];
/// The most that is quoted of one command.
const LONGEST_QUOTE: usize = 200;

/// What is known while a script is read.
struct ScriptReader<'a> {
    /// `None` is a variable whose value nobody knows.
    variables: BTreeMap<String, Option<String>>,
    exported: BTreeMap<String, String>,
    args: Vec<String>,
    errexit: bool,
    lines: Vec<ShellLine>,
    text: &'a str,
}

/// Reads a script with its arguments: `$1` and those that follow.
pub(super) fn read(text: &str, args: &[String]) -> Vec<ShellLine> {
    let mut variables = BTreeMap::new();
    // Steps and bootstrap actions run as this user (EMR management guide, "Create bootstrap actions").
    variables.insert("HOME".to_owned(), Some("/home/hadoop".to_owned()));
    variables.insert("USER".to_owned(), Some("hadoop".to_owned()));
    let first = text.lines().next().unwrap_or_default();
    let errexit = first.starts_with("#!") && first.split(' ').skip(1).any(|w| w.starts_with('-') && w.contains('e'));
    let exported = BTreeMap::new();
    let mut reader = ScriptReader { variables, exported, args: args.to_vec(), errexit, lines: Vec::new(), text };
    let all = commands(text);
    let mut at = 0;
    while at < all.len() {
        if let Some(length) = compound(&all[at..]) {
            reader.block(&all[at..at + length]);
            at += length;
            continue;
        }
        // What `|`, `&&` and `||` tie together is read together.
        let (start, mut has_block) = (at, false);
        at += 1;
        while at < all.len() && matches!(all[at - 1].joined, Some("|" | "||" | "&&")) {
            let length = compound(&all[at..]);
            has_block |= length.is_some();
            at += length.unwrap_or(1);
        }
        if reader.chain(&all[start..at], has_block) {
            break;
        }
    }
    reader.lines
}

/// The first word that is no keyword or bracket around commands.
fn first(command: &RawCommand) -> String {
    let mut words = command.words.iter().map(RawWord::literal);
    words.find(|w| !["then", "else", "{", "}", "fi"].contains(&w.as_str())).unwrap_or_default()
}

fn is_test(command: &RawCommand) -> bool {
    let words: Vec<String> = command.words.iter().map(RawWord::literal).filter(|w| w != "if").take(1).collect();
    words.first().is_some_and(|w| ["[", "[[", "test"].contains(&w.as_str()))
        && !command.has_unknown()
        && !command.is_odd
}

/// Whether a command only says something and ends the script with an error.
fn is_end(command: &RawCommand) -> bool {
    let words: Vec<String> = command.words.iter().map(RawWord::literal).collect();
    match first(command).as_str() {
        "" | "echo" | "printf" => !command.has_unknown(),
        "exit" => words.iter().skip_while(|w| *w != "exit").nth(1).is_some_and(|code| code != "0"),
        _ => false,
    }
}

fn has_exit(all: &[RawCommand]) -> bool {
    all.iter().any(|c| first(c) == "exit")
}

/// What closes a compound command.
fn closer(word: &str) -> Option<&'static str> {
    match word {
        "if" => Some("fi"),
        "for" | "while" | "until" | "select" => Some("done"),
        "case" => Some("esac"),
        "{" => Some("}"),
        _ => None,
    }
}

/// How many commands a compound one is made of; `None` where none begins.
fn compound(all: &[RawCommand]) -> Option<usize> {
    let mut open: Vec<&'static str> = Vec::new();
    for (i, command) in all.iter().enumerate() {
        let words: Vec<String> = command.words.iter().map(RawWord::literal).collect();
        let mut words = words.iter().map(String::as_str);
        let mut first = words.next();
        while let Some("then" | "do" | "else" | "elif" | "!" | "time") = first {
            first = words.next();
        }
        match first {
            Some(word) if open.last() == Some(&word) => {
                open.pop();
            }
            Some(word) if open.last() != Some(&"esac") => open.extend(closer(word)),
            _ => {}
        }
        // `name() {` and `function name {`.
        let ends_open = command.words.last().is_some_and(|w| w.literal() == "{") && command.words.len() > 1;
        if ends_open && (command.is_odd || first == Some("function")) {
            open.push("}");
        }
        if open.is_empty() {
            return (i > 0 || first == Some("function")).then_some(i + 1);
        }
    }
    // It is not closed: the rest belongs to it.
    (!open.is_empty()).then_some(all.len())
}

impl ScriptReader<'_> {
    fn quote(&mut self, from: usize, to: usize) {
        let text = self.text.get(from..to).unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "\\").collect();
        let mut shown: String = words.join(" ");
        if shown.chars().count() > LONGEST_QUOTE {
            shown = shown.chars().take(LONGEST_QUOTE).collect::<String>() + "…";
        }
        if !shown.is_empty() {
            let shown = with_env(&self.exported, &shown);
            self.lines.push(ShellLine::Quoted(shown));
        }
    }

    /// A condition, a loop or a function. One that only ends the script with an error is passed over.
    fn block(&mut self, all: &[RawCommand]) {
        let starts = all.first().is_some_and(|c| c.words.first().is_some_and(|w| w.literal() == "if") && is_test(c));
        let is_guard = starts && all.iter().skip(1).all(is_end);
        let ends = has_exit(all);
        if is_guard && ends {
            let asks_status = all.first().is_some_and(|c| c.words.iter().any(|w| w.names("?")));
            if let (true, Some(ShellLine::Command(before))) = (asks_status, self.lines.last_mut()) {
                before.stops = true;
            }
            return;
        }
        if let (Some(first), Some(last)) = (all.first(), all.last()) {
            // What it sets is not known any more.
            for command in all {
                let set = command.words.iter().filter_map(|word| Some(word.literal().split_once('=')?.0.to_owned()));
                self.variables.extend(set.map(|name| (name, None)));
            }
            self.quote(first.range.0, last.range.1);
        }
    }

    /// Commands of which one follows the other, or the other's failure. Whether the script ends with them.
    fn chain(&mut self, all: &[RawCommand], has_block: bool) -> bool {
        let [command, rest @ ..] = all else { return false };
        let Some(last) = rest.last() else { return self.one(command) };
        let alone = RawCommand { joined: None, ..command.clone() };
        let joins: Vec<&str> = all[..all.len() - 1].iter().filter_map(|c| c.joined).collect();
        let only_ends = rest.iter().all(is_end) && has_exit(rest);
        if is_test(command) && only_ends {
            return false;
        }
        let is_or = joins.first() == Some(&"||");
        if is_or && only_ends || is_or && rest.len() == 1 && ["true", ":"].contains(&first(last).as_str()) {
            self.one(&alone);
            if let Some(ShellLine::Command(command)) = self.lines.last_mut() {
                command.stops = only_ends;
            }
            return false;
        }
        let is_plain = !has_block && !has_exit(all) && !all.iter().any(is_test);
        if is_plain && joins.iter().all(|join| *join == "&&") {
            for command in all {
                self.one(command);
            }
            return false;
        }
        // What a run says on its output is kept with its logs.
        if is_plain && joins.iter().all(|join| *join == "|") && rest.iter().all(|c| first(c) == "tee") {
            return self.one(&alone);
        }
        self.quote(command.range.0, last.range.1);
        false
    }

    /// A simple command. Whether the script ends with it.
    fn one(&mut self, command: &RawCommand) -> bool {
        let end = command.range.1;
        let (assigned, words) = command.split();
        let known = words.iter().map(|word| self.words(word)).collect::<Option<Vec<_>>>().map(|w| w.concat());
        let program = words.first().map(|w| w.literal()).unwrap_or_default();
        let acts = command.acts_inside();
        if words.is_empty() {
            if acts {
                self.quote(command.range.0, end);
            }
            // A variable that another command fills in is unknown, and that is told where it is used.
            for (name, value) in assigned {
                let value = self.words(&value.quoted()).map(|w| w.concat());
                if let (Some(value), true) = (&value, self.exported.contains_key(&name)) {
                    self.exported.insert(name.clone(), value.clone());
                }
                self.variables.insert(name, value);
            }
            return false;
        }
        let mut handled = !command.is_odd && command.joined != Some("&");
        match program.as_str() {
            "exit" => return true,
            "set" if handled => {
                let flags: String = words.iter().skip(1).map(RawWord::literal).collect::<Vec<_>>().join(" ");
                if flags.contains("--") {
                    self.quote(command.range.0, end);
                }
                let is_on = |w: &str| w.starts_with('-') && w.contains('e') || w == "errexit";
                let is_off = |w: &str| w.starts_with('+') && w.contains('e');
                self.errexit = flags.split(' ').fold(self.errexit, |on, w| (on || is_on(w)) && !is_off(w));
                return false;
            }
            "shift" => {
                if !self.args.is_empty() {
                    self.args.remove(0);
                }
                return false;
            }
            "export" | "readonly" | "declare" | "typeset" | "local" => {
                if acts {
                    self.quote(command.range.0, end);
                }
                for word in words.iter().skip(1) {
                    let (name, value) = match word.assignment() {
                        Some((name, value)) => (name, self.words(&value.quoted()).map(|w| w.concat())),
                        None => (word.literal(), self.variables.get(&word.literal()).cloned().flatten()),
                    };
                    if let (Some(value), "export") = (&value, program.as_str()) {
                        self.exported.insert(name.clone(), value.clone());
                    }
                    self.variables.insert(name, value);
                }
                return false;
            }
            name if HARMLESS.contains(&name) && handled && !command.writes && !acts => return false,
            // What another file sets is not known.
            "source" | "." | "eval" | "read" => self.variables.values_mut().for_each(|value| *value = None),
            _ => {}
        }
        let mut env = self.exported.clone();
        for (name, value) in assigned {
            match self.words(&value.quoted()) {
                Some(value) => drop(env.insert(name, value.concat())),
                None => handled = false,
            }
        }
        match known.filter(|_| handled) {
            Some(words) => {
                let stops = self.errexit || command.joined == Some("&&");
                self.lines.push(ShellLine::Command(ShellCommand { words, env, stops }));
            }
            None => self.quote(command.range.0, end),
        }
        false
    }

    /// The words that a word becomes; `None` where a part of it is not known.
    fn words(&self, word: &RawWord) -> Option<Vec<String>> {
        let (mut all, mut current): (Vec<String>, Option<String>) = (Vec::new(), None);
        for piece in &word.pieces {
            match piece {
                WordPiece::Text(text) => match text.strip_prefix("~/").filter(|_| current.is_none()) {
                    Some(rest) => current = Some(format!("/home/hadoop/{rest}")),
                    None => current.get_or_insert_default().push_str(text),
                },
                WordPiece::Unknown(_) => return None,
                WordPiece::Variable { name, default, quoted } => {
                    if name == "@" || name == "*" && !quoted {
                        let mut args = self.args.iter();
                        if let (Some(current), Some(first)) = (&mut current, args.next()) {
                            current.push_str(first);
                            all.push(std::mem::take(current));
                        }
                        all.extend(self.args.iter().skip(usize::from(current.is_some())).cloned());
                        current = None;
                        continue;
                    }
                    let value = self.value(name, default.as_deref())?;
                    if *quoted {
                        current.get_or_insert_default().push_str(&value);
                    } else {
                        let mut parts = value.split_whitespace();
                        if let Some(first) = parts.next() {
                            current.get_or_insert_default().push_str(first);
                        }
                        for part in parts {
                            all.extend(current.replace(part.to_owned()));
                        }
                    }
                }
            }
        }
        all.extend(current);
        Some(all)
    }

    fn value(&self, name: &str, default: Option<&str>) -> Option<String> {
        let known = match name.parse::<usize>() {
            Ok(0) => None,
            // An argument that is not there is empty.
            Ok(n) => Some(self.args.get(n - 1).cloned().unwrap_or_default()),
            Err(_) => match self.variables.get(name) {
                Some(value) => Some(value.clone()?),
                None => None,
            },
        };
        match (known, default) {
            (Some(value), default) if !value.is_empty() || default.is_none() => Some(value),
            // A variable that the script does not set may still come from the node: its default is not certain.
            (None, Some(_)) if name.parse::<usize>().is_err() => None,
            (_, Some(default)) => Some(default.to_owned()),
            (_, None) => None,
        }
    }
}

/// A command as it is shown: with the variables that it gets.
pub(super) fn with_env(env: &BTreeMap<String, String>, command: &str) -> String {
    let env: String = env.iter().map(|(name, value)| format!("{name}={value} ")).collect();
    format!("{env}{command}")
}

/// The packages that `pip install` installs, by the words behind it; `None` where they are not all that it says.
pub(super) fn pip(words: &[String]) -> Option<Vec<(String, Option<String>)>> {
    let mut words = words.iter().map(|w| w.rsplit('/').next().filter(|_| w.starts_with('/')).unwrap_or(w));
    let mut program = words.next()?;
    while program == "sudo" || program.starts_with('-') && program != "-m" {
        program = words.next()?;
    }
    let is_pip =
        |word: &str| word.strip_prefix("pip").is_some_and(|v| v.chars().all(|c| c.is_ascii_digit() || c == '.'));
    if program.starts_with("python") {
        if words.next()? != "-m" {
            return None;
        }
        program = words.next()?;
    }
    if !is_pip(program) || words.next()? != "install" {
        return None;
    }
    let (mut packages, mut repository) = (Vec::new(), None);
    while let Some(word) = words.next() {
        let (name, inline) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
        match name {
            "-i" | "--index-url" => repository = inline.or_else(|| words.next().map(str::to_owned)),
            "-U"
            | "--upgrade"
            | "-q"
            | "--quiet"
            | "--user"
            | "--no-cache-dir"
            | "--ignore-installed"
            | "-I"
            | "--no-warn-script-location"
            | "--disable-pip-version-check"
            | "--force-reinstall"
            | "-qq" => {}
            _ if word.starts_with('-') => return None,
            _ if word.contains(['/', ':', '@', '*']) || word.ends_with(".whl") => return None,
            _ => packages.push(word.to_owned()),
        }
    }
    // The runtime has its own.
    packages
        .retain(|p| !["pip", "setuptools", "wheel"].contains(&p.split(['=', '<', '>', '~', '!']).next().unwrap_or(p)));
    Some(packages.into_iter().map(|p| (p, repository.clone())).collect())
}

#[cfg(test)]
mod tests;
