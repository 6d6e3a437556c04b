//! `plumb init --ci`: what runs plumb in a pipeline.
//!
//! The workflows of GitHub are those of plumb's own repository, which its tests lint and run. Only `build.yml` is another one: it
//! takes a release in place of building plumb.

use super::files::NewFiles;
use super::next::NextSteps;
use crate::git::Repo;
use crate::ui::{Failure, Ui};
use clap::ValueEnum;
use plumb_core::render::value::visible;
use std::path::Path;

/// Where the pipelines run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CiService {
    Github,
    Gitlab,
}

/// The branch that the workflows are for.
const MAIN: &str = "main";

/// What is written for GitHub, by its path in the repository.
const GITHUB: [(&str, &str); 9] = [
    (".github/actions/plumb/action.yml", include_str!("../../../.github/actions/plumb/action.yml")),
    (".github/workflows/build.yml", include_str!("build.yml")),
    (".github/workflows/plan.yml", include_str!("../../../.github/workflows/plan.yml")),
    (".github/workflows/apply.yml", include_str!("../../../.github/workflows/apply.yml")),
    (".github/workflows/drift.yml", include_str!("../../../.github/workflows/drift.yml")),
    (".github/workflows/diagnose.yml", include_str!("../../../.github/workflows/diagnose.yml")),
    (".github/workflows/parity.yml", include_str!("../../../.github/workflows/parity.yml")),
    (".github/workflows/cost.yml", include_str!("../../../.github/workflows/cost.yml")),
    (".github/workflows/board.yml", include_str!("../../../.github/workflows/board.yml")),
];

/// What is written for GitLab.
const GITLAB: [(&str, &str); 1] = [(".gitlab-ci.yml", include_str!("gitlab-ci.yml"))];

impl CiService {
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            CiService::Github => &GITHUB,
            CiService::Gitlab => &GITLAB,
        }
    }

    /// What is to be done before they run, a step each. `target`: the one that they are for, where it is known.
    fn next(self, target: Option<&str>) -> Vec<String> {
        match self {
            CiService::Github => vec![
                format!(
                    "set the repository's variables:\n\
                     PLUMB_TARGET    {}: without it CI sees the sandbox alone\n\
                     PLUMB_VERSION   a release, without its v\n\
                     PLUMB_SHA256    the hash of its archive for Linux on x86-64\n\
                     and those that .github/workflows/plan.yml lists",
                    target.unwrap_or("the target")
                ),
                "let a role and a principal trust the environment of each workflow".to_owned(),
            ],
            CiService::Gitlab => vec![
                format!(
                    "set PLUMB_TARGET ({}) and PLUMB_VERSION in .gitlab-ci.yml,\n\
                     and the project's CI/CD variables that it lists",
                    target.unwrap_or("the target")
                ),
                "make a pipeline schedule for drift".to_owned(),
            ],
        }
    }
}

/// Refuses a project that is not at the root of its repository.
///
/// # Errors
/// It is in a folder.
pub fn check_place(dir: &Path) -> Result<(), Failure> {
    if let Ok(Some(repo)) = Repo::open(dir)
        && !repo.prefix().is_empty()
    {
        let failure =
            Failure::error("the workflows run at the root of a repository, and plumb.yaml is in a folder of it");
        return Err(failure.hint("copy them from a project of their own, and set PLUMB_PROJECT in each"));
    }
    Ok(())
}

/// Writes what is not there yet. Nothing is overwritten. `next` gets what is to be done with what was written, for `target`.
///
/// # Errors
/// A file cannot be written; those before it are.
pub(super) fn write(
    dir: &Path,
    service: CiService,
    target: Option<&str>,
    next: &mut NextSteps,
    ui: &Ui,
) -> Result<(), Failure> {
    let mut new = NewFiles::new(dir, ui);
    for (path, text) in service.files() {
        new.write(path, text)?;
    }
    if new.tell()? > 0 {
        service.next(target).into_iter().for_each(|step| next.add(step));
    }
    if let Some(said) = other_branch(dir, service) {
        ui.warn(&said);
    }
    Ok(())
}

/// Where the files are for another branch than the repository has: that, and the lines to change. GitLab says itself which branch
/// is the default.
fn other_branch(dir: &Path, service: CiService) -> Option<String> {
    let repo = Repo::open(dir).ok()??;
    let branch = repo.branch()?;
    if branch == MAIN || repo.has_branch(MAIN) {
        return None;
    }
    let mut places = Vec::new();
    for (path, _) in service.files() {
        // As it is there: somebody may have changed it already.
        let Ok(text) = std::fs::read_to_string(dir.join(path)) else { continue };
        let named = text.lines().enumerate().filter(|(_, line)| names_main(line));
        let lines: Vec<String> = named.map(|(at, _)| (at + 1).to_string()).collect();
        if !lines.is_empty() {
            places.push(format!("\n  {path}:{}", lines.join(",")));
        }
    }
    (!places.is_empty()).then(|| {
        format!(
            "the workflows run on the branch {MAIN}, and this one is {}: rename it (`git branch -m {MAIN}`), or change these lines:{}",
            visible(&branch),
            places.concat()
        )
    })
}

/// Whether a line of a workflow says which branch it is for.
fn names_main(line: &str) -> bool {
    let line = line.trim_start();
    !line.starts_with('#')
        && [format!("[{MAIN}]"), format!("refs/heads/{MAIN}"), format!("base={MAIN}")]
            .iter()
            .any(|name| line.contains(name))
}
