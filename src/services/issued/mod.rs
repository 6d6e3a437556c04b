//! Bearer tokens that somebody else issues, again and again: a command prints one, or a file holds it.
//!
//! Both are named in the environment alone. A project file may come from anybody's pull request: what it named would be run
//! as whoever checks it.

mod command;
mod expiry;

pub(crate) use expiry::{lasts, renewal};

use super::secret::{Redactor, Secret};
use std::path::PathBuf;
use std::time::Duration;

/// How long a token is taken for good that does not say how long it lasts. The tools that print such tokens hand on one that
/// is held, until 3 minutes and 45 seconds before it expires (google-auth, `_helpers.py`, `REFRESH_THRESHOLD`): so long it
/// is good, however late it was asked for. A longer time would only save a run of the command now and then.
pub(crate) const OPAQUE: Duration = Duration::from_secs(180);

/// How long a command may take, unless `PLUMB_TOKEN_TIMEOUT` says otherwise: some wait for somebody to touch a key.
const PATIENCE: Duration = Duration::from_secs(60);

/// A token is short: who names a large file by mistake gets no header of it.
const LARGEST: usize = 64 << 10;

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSource {
    /// The variable that named it, for messages: `AIRFLOW_TOKEN_COMMAND`.
    pub variable: &'static str,
    pub from: TokenOrigin,
}

/// What issues a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenOrigin {
    /// A line for the shell, which prints the token. Not shown: a password may stand in it.
    Command { line: Secret, patience: Duration },
    /// A file that is written again before its token expires.
    File(PathBuf),
}

impl TokenSource {
    /// A command that a variable names.
    ///
    /// # Errors
    /// `PLUMB_TOKEN_TIMEOUT` is no time.
    pub fn command(
        variable: &'static str,
        line: String,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, TimeoutError> {
        let patience = match env(TIMEOUT) {
            None => PATIENCE,
            Some(text) => seconds(&text).ok_or(TimeoutError(text))?,
        };
        Ok(TokenSource { variable, from: TokenOrigin::Command { line: Secret::new(line), patience } })
    }

    /// A file that a variable names.
    pub fn file(variable: &'static str, path: String) -> Self {
        TokenSource { variable, from: TokenOrigin::File(path.into()) }
    }

    /// Whether reading it again costs nothing, so that it is read for each request.
    pub(crate) fn is_cheap(&self) -> bool {
        matches!(self.from, TokenOrigin::File(_))
    }

    /// The token of now. What it was is known to the redactor from then on.
    ///
    /// # Errors
    /// There is none; the text says why, and holds nothing of what the command printed.
    pub(crate) async fn token(&self, redactor: &Redactor) -> Result<String, String> {
        let text = match &self.from {
            TokenOrigin::Command { line, patience } => command::run(line.expose(), *patience, redactor).await,
            TokenOrigin::File(path) => read(path.clone()).await,
        };
        let token = text.and_then(|text| only_token(&text, redactor).map_err(|why| self.said(&why)));
        token.map_err(|why| match &self.from {
            TokenOrigin::Command { .. } => format!("the command of {} {why}", self.variable),
            TokenOrigin::File(path) => format!("{} ({}) {why}", path.display(), self.variable),
        })
    }

    /// What is wrong with what was printed or read.
    fn said(&self, why: &str) -> String {
        match &self.from {
            TokenOrigin::Command { .. } => {
                format!("printed {why}; expected the token alone, in one line, and everything else on stderr")
            }
            TokenOrigin::File(_) => format!("holds {why}; expected the token alone, in one line"),
        }
    }
}

const TIMEOUT: &str = "PLUMB_TOKEN_TIMEOUT";

/// `PLUMB_TOKEN_TIMEOUT` is no time.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("PLUMB_TOKEN_TIMEOUT is `{0}`; expected the seconds that a token command may take, from 1 to 3600")]
pub struct TimeoutError(String);

fn seconds(text: &str) -> Option<Duration> {
    let seconds: u64 = text.trim().trim_end_matches('s').parse().ok()?;
    (1..=3600).contains(&seconds).then(|| Duration::from_secs(seconds))
}

async fn read(path: PathBuf) -> Result<Vec<u8>, String> {
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Read;
        let mut text = Vec::new();
        std::fs::File::open(path)?.take(LARGEST as u64 + 1).read_to_end(&mut text)?;
        Ok(text)
    });
    let text: std::io::Result<Vec<u8>> = read.await.map_err(|e| e.to_string())?;
    text.map_err(|e| format!("cannot be read: {e}"))
}

/// The token, when there is nothing else (RFC 6750, section 2.1: letters, digits, `-._~+/` and `=` at the end). Otherwise, why
/// it is none.
fn only_token(text: &[u8], redactor: &Redactor) -> Result<String, String> {
    if text.len() > LARGEST {
        return Err(format!("more than {} KiB", LARGEST >> 10));
    }
    // Whatever it is, it came from where tokens come from.
    let shown = String::from_utf8_lossy(text);
    for line in shown.lines().map(str::trim).filter(|line| !line.is_empty()) {
        redactor.learn(&Secret::new(line));
    }
    let token = shown.trim();
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    match token.lines().count() {
        0 => Err("nothing".to_owned()),
        1 if token.chars().all(is_part) => Ok(token.to_owned()),
        1 if token.starts_with('{') => Err("JSON".to_owned()),
        1 => Err("what is no token".to_owned()),
        lines => Err(format!("{lines} lines")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word() {
        let redactor = Redactor::default();
        for (text, token) in [
            ("abc\n", Ok("abc")),
            ("  eyJh.eyJl.c2ln-_~+/==\r\n\n", Ok("eyJh.eyJl.c2ln-_~+/==")),
            ("", Err("nothing")),
            (" \n\n", Err("nothing")),
            ("one\ntwo\n", Err("2 lines")),
            ("please log in", Err("what is no token")),
            ("t\u{1b}[0m", Err("what is no token")),
            ("tök", Err("what is no token")),
            ("{\"access_token\": \"x\"}", Err("JSON")),
        ] {
            assert_eq!(only_token(text.as_bytes(), &redactor).as_deref().map_err(String::as_str), token, "{text:?}");
        }
        assert!(only_token(&vec![b'a'; LARGEST + 1], &redactor).is_err());
        // Also what was refused is not repeated.
        assert_eq!(redactor.clean("it said: please log in"), "it said: (secret)");
    }

    #[test]
    fn a_time_limit_is_a_number_of_seconds() {
        let with = |text: &'static str| {
            let env = move |name: &str| (name == TIMEOUT && !text.is_empty()).then(|| text.to_owned());
            TokenSource::command("X", "true".into(), &env).map(|source| match source.from {
                TokenOrigin::Command { patience, .. } => patience.as_secs(),
                TokenOrigin::File(_) => 0,
            })
        };
        assert_eq!((with(""), with("5"), with("90s")), (Ok(60), Ok(5), Ok(90)));
        for wrong in ["0", "soon", "3601", "-1"] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_command_does_not_show_itself() {
        let source = TokenSource::command("X", "login --password hunter22".into(), &|_| None).unwrap();
        assert!(!format!("{source:?}").contains("hunter22"));
    }
}
