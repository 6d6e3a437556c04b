//! `plumb init --ci github`: the workflows of plumb's own repository, which its tests lint and run.
//!
//! They are written as they are. Only `build.yml` is another one: it takes a release in place of building plumb.

use crate::git::Repo;
use crate::ui::{Failure, Ui};
use clap::ValueEnum;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;

/// Where the workflows run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CiService {
    Github,
}

/// What is written, by its path in the repository.
const FILES: [(&str, &str); 9] = [
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

/// Writes the workflows that are not there yet. Nothing is overwritten.
///
/// # Errors
/// The project is not at the root of its repository, or a file cannot be written; those before it are.
pub fn write(dir: &Path, ui: &Ui) -> Result<(), Failure> {
    if let Ok(Some(repo)) = Repo::open(dir)
        && !repo.prefix().is_empty()
    {
        let failure =
            Failure::error("the workflows run at the root of a repository, and plumb.yaml is in a folder of it");
        return Err(failure.hint("copy them from a project of their own, and set PLUMB_PROJECT in each"));
    }
    let (mut told, mut there) = (String::new(), 0);
    for (path, text) in FILES {
        let at = dir.join(path);
        let failed = |e: std::io::Error| Failure::error(format!("{path} was not written: {e}"));
        if let Some(folder) = at.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        // It is made new or not at all: also a link that leads elsewhere is left as it is.
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&at) {
            Ok(mut file) => {
                std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
                let _ = writeln!(told, "{path}");
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                let same = std::fs::read(&at).is_ok_and(|known| known == text.as_bytes());
                let what = if same { "is there" } else { "is there and differs; it stays as it is" };
                ui.status(&format!("{path} {what}"));
                there += 1;
            }
            Err(e) => return Err(failed(e)),
        }
    }
    ui.data(&told)?;
    if there < FILES.len() {
        ui.status(
            "Next: set the repository's variables PLUMB_VERSION and PLUMB_SHA256 (a release and the hash of its archive), and those \
             that plan.yml lists; then let a role and a principal trust the environments of each workflow.",
        );
    }
    Ok(())
}
