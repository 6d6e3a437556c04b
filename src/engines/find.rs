//! Where the duckdb program is.

use super::setup;
use crate::settings;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A duckdb program, and the extension that may be beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuckdbProgram {
    pub path: PathBuf,
    /// The `delta` extension of the same version.
    pub delta: Option<PathBuf>,
}

/// Where it is looked for.
#[derive(Clone, Debug, Default)]
pub struct DuckdbPlaces {
    /// What `PLUMB_DUCKDB` names: then nothing else is looked at.
    pub named: Option<PathBuf>,
    /// plumb's own cache.
    pub cache: Option<PathBuf>,
    /// The folders of PATH.
    pub folders: Vec<PathBuf>,
}

impl DuckdbPlaces {
    /// As the environment has them.
    pub fn of_environment() -> DuckdbPlaces {
        DuckdbPlaces {
            named: settings::duckdb(),
            cache: settings::cache_folder(),
            folders: settings::program_folders(),
        }
    }
}

/// The program: the one that is named, that of `plumb parity setup`, one on PATH, that of Python's package `duckdb_cli`.
///
/// # Errors
/// There is none, and how to get it.
pub fn find(places: &DuckdbPlaces) -> Result<DuckdbProgram, String> {
    if let Some(named) = &places.named {
        // A child has another current folder.
        let named = std::path::absolute(named).map_err(|e| format!("PLUMB_DUCKDB names {}: {e}", named.display()))?;
        return if named.is_file() {
            let delta = beside(&named);
            Ok(DuckdbProgram { path: named, delta })
        } else {
            Err(format!("PLUMB_DUCKDB names {}, which is no file", named.display()))
        };
    }
    if let Some(program) = places.cache.as_deref().and_then(setup::installed) {
        return Ok(program);
    }
    let name = format!("duckdb{}", std::env::consts::EXE_SUFFIX);
    let on_path = places.folders.iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(&name));
    if let Some(path) = on_path.into_iter().find(|path| is_program(path)) {
        return Ok(DuckdbProgram { delta: beside(&path), path });
    }
    of_python(&places.folders).ok_or_else(|| {
        "there is no duckdb program: not in PLUMB_DUCKDB, plumb's cache, on PATH or in Python's package duckdb_cli"
            .to_owned()
    })
}

/// What to do where there is no program.
pub const HINT: &str = "`plumb parity setup` installs it";

/// The extension in the same folder.
fn beside(program: &Path) -> Option<PathBuf> {
    program.parent().map(|folder| folder.join(setup::DELTA_FILE)).filter(|path| path.is_file())
}

/// Whether a path is a program, and no script: Python's package puts one on PATH, which starts the program as a child of its
/// own, and that would outlive it.
fn is_program(path: &Path) -> bool {
    let mut start = [0; 2];
    let mut read = |path| std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok();
    path.is_file() && read(path) && start != *b"#!" && is_executable(path)
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    true
}

/// The program in Python's package. `-I` keeps modules of the current folder, which may be a stranger's checkout, out.
fn of_python(folders: &[PathBuf]) -> Option<DuckdbProgram> {
    const ASK: &str = "import importlib.util as u, os\n\
        for name in ('duckdb_cli', 'duckdb_extension_delta'):\n    \
        spec = u.find_spec(name)\n    \
        print(os.path.dirname(spec.origin) if spec and spec.origin else '')";
    let done = setup::python(folders).map(|python| {
        Command::new(python).args(["-I", "-c", ASK]).stdin(Stdio::null()).stderr(Stdio::null()).output()
    })?;
    let text = String::from_utf8(done.ok()?.stdout).ok()?;
    let mut lines = text.lines();
    let (package, extension) = (lines.next()?, lines.next()?);
    let path = Path::new(package).join(format!("duckdb{}", std::env::consts::EXE_SUFFIX));
    let delta = Path::new(extension).join("extensions").join(format!("v{}", setup::VERSION)).join(setup::DELTA_FILE);
    let delta = Some(delta).filter(|path| !extension.is_empty() && path.is_file());
    (!package.is_empty() && is_program(&path)).then_some(DuckdbProgram { path, delta })
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_named_one_comes_first_then_plumbs_own_then_one_on_path() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        let on_path = vec![at("scripts"), PathBuf::from("bin"), at("data"), at("bin")];
        let mut places = DuckdbPlaces { named: None, cache: Some(at("cache")), folders: on_path };
        let none = find(&places).unwrap_err();
        assert!(none.contains("PLUMB_DUCKDB, plumb's cache, on PATH"), "{none}");
        // A script, and a file that cannot be run, are none.
        write(&at("scripts/duckdb"), "#!/usr/bin/env python3", 0o755);
        write(&at("data/duckdb"), "\u{7f}ELF", 0o644);
        assert!(find(&places).is_err());
        write(&at("bin/duckdb"), "\u{7f}ELF", 0o755);
        assert_eq!(find(&places), Ok(DuckdbProgram { path: at("bin/duckdb"), delta: None }));
        write(&at("bin/delta.duckdb_extension"), "x", 0o644);
        assert_eq!(find(&places).unwrap().delta, Some(at("bin/delta.duckdb_extension")));
        let own = setup::folder(&at("cache"));
        write(&own.join("duckdb"), "\u{7f}ELF", 0o755);
        assert_eq!(find(&places), Ok(DuckdbProgram { path: own.join("duckdb"), delta: None }));
        places.named = Some(at("named"));
        assert!(find(&places).unwrap_err().contains("which is no file"));
        write(&at("named"), "#!/bin/sh", 0o755);
        assert_eq!(find(&places).unwrap().path, at("named"));
    }
}
