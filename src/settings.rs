//! What the command line, the environment and the project's folder say. The only reader of the environment.

use crate::ui::TerminalEnvironment;
use icu_normalizer::DecomposingNormalizerBorrowed;
use std::path::{Path, PathBuf};

/// The environment, as a function of names.
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What the environment says of colour and terminals.
pub fn terminal() -> TerminalEnvironment {
    TerminalEnvironment {
        no_color: env("NO_COLOR"),
        clicolor_force: env("CLICOLOR_FORCE"),
        term: env("TERM"),
        columns: env("COLUMNS").and_then(|c| c.parse().ok()),
    }
}

/// Who works here, for a target in development mode: `PLUMB_USER`, the name that git has, the user of the system. The first
/// that has a letter or a digit; `None` where there is none.
pub fn user(git: Option<String>) -> Option<String> {
    let names = [env("PLUMB_USER"), git, env("USER"), env("USERNAME")];
    names.into_iter().flatten().find_map(|name| in_marks(&name))
}

/// A person's name as it may stand in marks, where a slash divides, and in tags, which AWS keeps in Latin 1: ASCII letters,
/// digits, `.`, `_` and `-`. Accents are taken off; whatever else stands between becomes one `-`. `None` when nothing is left.
fn in_marks(name: &str) -> Option<String> {
    let plain = DecomposingNormalizerBorrowed::new_nfkd().normalize(name);
    let is_accent = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    let mut out = String::new();
    for c in plain.chars().filter(|c| !is_accent(c)) {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            out.push(c);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_matches(['-', '.', '_']);
    (!out.is_empty()).then(|| out.to_owned())
}

/// The key of approvals: a secret of the repository, which signs comments and keys digests.
pub fn approval_key() -> Option<String> {
    env("PLUMB_APPROVAL_KEY")
}

/// The duckdb program that `PLUMB_DUCKDB` names.
pub fn duckdb() -> Option<PathBuf> {
    env("PLUMB_DUCKDB").map(PathBuf::from)
}

/// The key that signs evidence: a secret of the pipeline that compares.
pub fn evidence_key() -> Option<String> {
    env("PLUMB_EVIDENCE_KEY")
}

/// The present time, and what `PLUMB_NOW` sets it to where it does.
///
/// # Errors
/// `PLUMB_NOW` is no time.
pub fn now() -> Result<(jiff::Timestamp, Option<String>), String> {
    let clock = Clock::read()?;
    Ok((clock.now(), clock.set.map(|(_, text)| text)))
}

/// Tells the time: the present, or what `PLUMB_NOW` sets it to.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    set: Option<(jiff::Timestamp, String)>,
}

impl Clock {
    /// Reads the environment.
    ///
    /// # Errors
    /// `PLUMB_NOW` is no time.
    pub fn read() -> Result<Clock, String> {
        let Some(text) = env("PLUMB_NOW") else { return Ok(Clock::default()) };
        match text.parse() {
            Ok(now) => Ok(Clock { set: Some((now, text)) }),
            Err(_) => Err(format!("PLUMB_NOW: `{text}` is no time: expected one like `2024-06-03T06:00:00Z`")),
        }
    }

    /// The time now.
    pub fn now(&self) -> jiff::Timestamp {
        self.set.as_ref().map_or_else(jiff::Timestamp::now, |(now, _)| *now)
    }

    /// What `PLUMB_NOW` says, where it says something.
    pub fn set_to(&self) -> Option<&str> {
        self.set.as_ref().map(|(_, text)| text.as_str())
    }
}

/// The folders of `PATH`.
pub fn program_folders() -> Vec<PathBuf> {
    env("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// Where plumb keeps what it can get again: `PLUMB_CACHE`, or `plumb` in the user's cache folder (XDG Base Directory
/// Specification; `LOCALAPPDATA` on Windows).
pub fn cache_folder() -> Option<PathBuf> {
    let own = env("PLUMB_CACHE").map(PathBuf::from);
    // A relative XDG_CACHE_HOME is invalid by that specification.
    let xdg = env("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let user = xdg.or_else(|| env("LOCALAPPDATA").filter(|_| cfg!(windows)).map(PathBuf::from));
    own.or_else(|| {
        user.or_else(|| env("HOME").map(|home| PathBuf::from(home).join(".cache"))).map(|dir| dir.join("plumb"))
    })
}

/// The variable that a shell's script sets to the shell's name when it asks how to complete a line.
pub const COMPLETING: &str = "PLUMB_COMPLETE";

/// The shell that asks how to complete a line, where one does.
pub fn completing() -> Option<String> {
    env(COMPLETING)
}

/// Whether this runs in continuous integration, on files that may be anybody's.
pub fn in_ci() -> bool {
    ["CI", "GITHUB_ACTIONS"].iter().any(|name| env(name).is_some_and(|v| v != "false"))
}

/// The folder that the runner empties before and after each job, outside of the checkout: `RUNNER_TEMP` of GitHub Actions.
pub fn runner_temp() -> Option<PathBuf> {
    env("RUNNER_TEMP").map(PathBuf::from)
}

/// Where the output of this run can be read, and who began it: GitHub Actions and GitLab say so.
pub fn run() -> Run {
    let github = env("GITHUB_SERVER_URL").zip(env("GITHUB_REPOSITORY")).zip(env("GITHUB_RUN_ID"));
    let url = github.map(|((server, repository), id)| format!("{server}/{repository}/actions/runs/{id}"));
    Run { url: url.or(env("CI_JOB_URL")), who: env("GITHUB_ACTOR").or(env("GITLAB_USER_LOGIN")) }
}

/// A run of a pipeline; empty at a desk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub url: Option<String>,
    pub who: Option<String>,
}

/// The nearest folder, from here upwards, that holds `plumb.yaml`.
pub fn project_dir(given: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(dir) = given {
        return if dir.join("plumb.yaml").is_file() {
            Ok(dir.to_owned())
        } else {
            Err(format!("{} holds no plumb.yaml", dir.display()))
        };
    }
    let here = std::env::current_dir().map_err(|e| format!("the current folder cannot be read: {e}"))?;
    here.ancestors()
        .find(|dir| dir.join("plumb.yaml").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| format!("no plumb.yaml in {} or above", here.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_as_far_as_marks_and_tags_can_have_it() {
        for (name, kept) in [
            ("ann", Some("ann")),
            ("Ann Lee", Some("Ann-Lee")),
            ("  Ann   (Data)  Lee. ", Some("Ann-Data-Lee")),
            ("José Núñez", Some("Jose-Nunez")),
            ("a/b_c.d-e", Some("a-b_c.d-e")),
            ("Søren", Some("S-ren")),
            ("山田", None),
            (" - ", None),
            ("", None),
        ] {
            assert_eq!(in_marks(name).as_deref(), kept, "{name}");
        }
    }
}
