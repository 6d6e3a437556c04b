//! `plumb init --ci`: what runs plumb in a pipeline.
//!
//! The workflows of GitHub are those of plumb's own repository, which its tests lint and run. Only `build.yml` is another one: it
//! takes a release in place of building plumb.

use super::files::NewFiles;
use crate::git::Repo;
use crate::ui::{Failure, Ui};
use clap::ValueEnum;
use std::path::Path;

/// Where the pipelines run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CiService {
    Github,
    Gitlab,
}

/// What is written for GitHub, by its path in the repository.
const GITHUB: [(&str, &str); 8] = [
    (".github/actions/plumb/action.yml", include_str!("../../../.github/actions/plumb/action.yml")),
    (".github/workflows/build.yml", include_str!("build.yml")),
    (".github/workflows/plan.yml", include_str!("../../../.github/workflows/plan.yml")),
    (".github/workflows/apply.yml", include_str!("../../../.github/workflows/apply.yml")),
    (".github/workflows/drift.yml", include_str!("../../../.github/workflows/drift.yml")),
    (".github/workflows/diagnose.yml", include_str!("../../../.github/workflows/diagnose.yml")),
    (".github/workflows/parity.yml", include_str!("../../../.github/workflows/parity.yml")),
    (".github/workflows/cost.yml", include_str!("../../../.github/workflows/cost.yml")),
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

    /// What is to be done before they run.
    fn next(self) -> &'static str {
        match self {
            CiService::Github => {
                "Next: set the repository's variables PLUMB_VERSION and PLUMB_SHA256 (a release and the hash of its archive), and \
                 those that plan.yml lists; then let a role and a principal trust the environments of each workflow."
            }
            CiService::Gitlab => {
                "Next: set the project's CI/CD variables that .gitlab-ci.yml lists, and make a pipeline schedule for drift."
            }
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

/// Writes what is not there yet. Nothing is overwritten.
///
/// # Errors
/// A file cannot be written; those before it are.
pub fn write(dir: &Path, service: CiService, ui: &Ui) -> Result<(), Failure> {
    let mut new = NewFiles::new(dir, ui);
    for (path, text) in service.files() {
        new.write(path, text)?;
    }
    if new.tell()? > 0 {
        ui.status(service.next());
    }
    Ok(())
}
