//! Passwords in the command lines of programs that take them in a way of their own: `curl -u user:password`,
//! `mysql -ppassword`, `sshpass -p password`.

use super::looks::is_reference;
use std::ops::Range;

/// Reads the words of a command line one by one.
#[derive(Default)]
pub(super) struct Command {
    program: Option<Program>,
    /// Whether the next word is the value of the option that may hold a password.
    awaits: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Program {
    Curl,
    Mysql,
    Sshpass,
}

impl Command {
    /// Where in the next word a password is.
    pub(super) fn next(&mut self, word: &str) -> Option<Range<usize>> {
        let awaits = std::mem::take(&mut self.awaits);
        match word.rsplit('/').next() {
            Some("curl") => self.program = Some(Program::Curl),
            Some("mysql" | "mysqldump" | "mysqlimport") => self.program = Some(Program::Mysql),
            Some("sshpass") => self.program = Some(Program::Sshpass),
            _ if matches!(word, "&&" | "||" | "|" | ";") => self.program = None,
            _ => {}
        }
        let start = match self.program? {
            Program::Curl if awaits => word.find(':')? + 1,
            Program::Sshpass if awaits => 0,
            Program::Curl => {
                self.awaits = matches!(word, "-u" | "--user");
                return None;
            }
            Program::Sshpass => {
                self.awaits = word == "-p";
                word.strip_prefix("-p").filter(|rest| !rest.is_empty())?;
                2
            }
            Program::Mysql => {
                word.strip_prefix("-p").filter(|rest| !rest.is_empty())?;
                2
            }
        };
        let secret = &word[start..];
        (!secret.contains(super::HIDDEN) && !is_reference(secret)).then_some(start..word.len())
    }
}

/// The passwords of the command lines in a text.
pub(super) fn passwords(text: &str) -> Vec<Range<usize>> {
    let (mut command, mut found, mut at) = (Command::default(), Vec::new(), 0);
    for part in text.split(|c: char| c.is_whitespace()) {
        let (start, word) = (at, part.trim_matches(['"', '\'', ';']));
        at += part.len() + text[at + part.len()..].chars().next().map_or(0, char::len_utf8);
        if word.is_empty() {
            continue;
        }
        let from = start + part.find(word).unwrap_or(0);
        found.extend(command.next(word).map(|range| from + range.start..from + range.end));
        if part.ends_with(';') {
            command = Command::default();
        }
    }
    found
}
