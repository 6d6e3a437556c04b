//! Writing a proposed change into the manifest's file.

use crate::ui::{Failure, Ui};
use plumb_core::diagnose::remedy::FilePatch;
use plumb_core::render::value::visible;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes the patches, all or none as far as that can be checked before: each file is below the project's folder, and has the text
/// that its change was made to. Nothing live changes.
///
/// # Errors
/// What is not so, or could not be written; the hint says what was written before.
pub(super) fn write(project: &Path, patches: &[FilePatch], ui: &Ui) -> Result<(), Failure> {
    let mut ready = Vec::new();
    for patch in patches {
        let file = checked(project, patch).map_err(|e| Failure::error(e).hint("nothing was written"))?;
        ready.push((patch, file));
    }
    let mut done: Vec<&str> = Vec::new();
    for (patch, file) in ready {
        let name = visible(&patch.shown.file);
        replace(&file, &patch.text).map_err(|e| {
            let before = if done.is_empty() {
                "nothing was written".to_owned()
            } else {
                format!("written before: {}", done.join(", "))
            };
            Failure::error(format!("{name}: {e}")).hint(before)
        })?;
        ui.status(&format!("wrote {name}: {}", visible(&patch.shown.what)));
        done.push(&patch.shown.file);
    }
    Ok(())
}

/// Where the file really is.
fn checked(project: &Path, patch: &FilePatch) -> Result<PathBuf, String> {
    let name = visible(&patch.shown.file);
    let told = |e: std::io::Error| format!("{name}: {e}");
    let root = project.canonicalize().map_err(told)?;
    let file = root.join(&patch.shown.file).canonicalize().map_err(told)?;
    let Ok(inside) = file.strip_prefix(&root) else {
        return Err(format!("{name} leads out of the project's folder"));
    };
    if inside.components().any(|part| part.as_os_str() == ".git") {
        return Err(format!("{name} leads into git's own folder"));
    }
    if std::fs::read(&file).map_err(told)? != patch.before.as_bytes() {
        return Err(format!("{name} changed since it was read"));
    }
    Ok(file)
}

/// Whoever reads the file sees the old text or the new one, whole.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let permissions = std::fs::metadata(file)?.permissions();
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(text.as_bytes())?;
    beside.as_file().set_permissions(permissions)?;
    beside.as_file().sync_all()?;
    beside.persist(file).map(drop).map_err(|e| e.error)
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
