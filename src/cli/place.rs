//! Where the emulator inside a command keeps its state and its DAG files.
//!
//! At a desk that is `.plumb/` of the project, which is never committed. A branch that has one all the same, or a link there,
//! would say what the emulator holds and where it writes. In continuous integration the checkout is anybody's, and the state
//! is outside of it.

use crate::git::Repo;
use crate::settings;
use crate::ui::Failure;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folder's name.
const NAME: &str = ".plumb";
/// How many entries are looked at for links.
const MOST_ENTRIES: usize = 100_000;

/// A folder for the state.
pub struct StateFolder {
    pub folder: PathBuf,
    /// Removed with the place.
    _fresh: Option<TempDir>,
}

/// The place of a project: made, and looked through.
pub fn of(project: &Path) -> Result<StateFolder, Failure> {
    let (folder, fresh) = match (settings::in_ci(), settings::runner_temp()) {
        (false, _) => {
            untracked(project)?;
            (project.join(NAME), None)
        }
        // The commands of one job see the same one, and no other job does.
        (true, Some(temporary)) => (temporary.join(format!("plumb-sandbox-{}", id(project))), None),
        (true, None) => {
            let fresh = tempfile::Builder::new().prefix("plumb-sandbox-").tempdir();
            let fresh = fresh.map_err(|e| failed(Path::new("a temporary folder"), &e))?;
            (fresh.path().to_owned(), Some(fresh))
        }
    };
    without_links(&folder)?;
    fs::create_dir_all(&folder).map_err(|e| failed(&folder, &e))?;
    // The state is nobody else's business, and no difference of the repository.
    let ignore = folder.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").map_err(|e| failed(&ignore, &e))?;
    }
    Ok(StateFolder { folder, _fresh: fresh })
}

/// Tells projects apart.
fn id(project: &Path) -> String {
    let path = project.canonicalize().unwrap_or_else(|_| project.to_owned());
    let digest = Sha256::digest(path.to_string_lossy().as_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Refuses a folder that came with the branch.
fn untracked(project: &Path) -> Result<(), Failure> {
    // Without git there is no branch that it could have come with. What else is wrong with git was said before.
    let Ok(Some(repo)) = Repo::open(project) else { return Ok(()) };
    let tracked = repo.tracked(NAME).map_err(|e| Failure::error(e.to_string()))?;
    match tracked {
        None => Ok(()),
        Some(file) => {
            Err(refused(format!("{file} is tracked by git, so that a branch would say what the sandbox holds"))
                .hint(format!("`git rm -r --cached {NAME}`, commit, and delete the folder")))
        }
    }
}

/// Refuses links: what is written below the folder stays there, and what is read is from there.
fn without_links(folder: &Path) -> Result<(), Failure> {
    let (mut left, mut seen) = (vec![folder.to_owned()], 0);
    while let Some(path) = left.pop() {
        seen += 1;
        if seen > MOST_ENTRIES {
            return Err(refused(format!("{} has more than {MOST_ENTRIES} files", folder.display())));
        }
        let about = match fs::symlink_metadata(&path) {
            Ok(about) => about,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(failed(&path, &e)),
        };
        if about.is_symlink() {
            return Err(refused(format!("{} is a symbolic link", path.display())).hint("remove it"));
        }
        if about.is_dir() {
            for entry in fs::read_dir(&path).map_err(|e| failed(&path, &e))? {
                left.push(entry.map_err(|e| failed(&path, &e))?.path());
            }
        }
    }
    Ok(())
}

fn refused(why: String) -> Failure {
    Failure::error(format!("the embedded sandbox cannot start: {why}"))
}

fn failed(path: &Path, why: &std::io::Error) -> Failure {
    refused(format!("{}: {why}", path.display()))
}
