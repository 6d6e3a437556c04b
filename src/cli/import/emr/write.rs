//! Files of an import: all are written, or none.

use crate::ui::Failure;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Writes every file or none: each beside its place first, and then all into their places.
pub(super) fn write(
    dir: &Path,
    texts: &BTreeMap<String, String>,
    before: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let mut staged: Vec<(PathBuf, PathBuf, &String)> = Vec::new();
    let undo = |staged: &[(PathBuf, PathBuf, &String)]| {
        for (beside, ..) in staged {
            let _ = std::fs::remove_file(beside);
        }
    };
    for (path, text) in texts {
        let at = dir.join(path);
        // A link stays one.
        let at = std::fs::canonicalize(&at).unwrap_or(at);
        let name = at.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = at.with_file_name(format!(".{name}.{}", std::process::id()));
        let made = at.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&beside, text));
        staged.push((beside, at, path));
        if let Err(e) = made {
            undo(&staged);
            return Err(Failure::error(format!("{path}: {e}")).hint("nothing was written"));
        }
    }
    for (number, (beside, at, path)) in staged.iter().enumerate() {
        let Err(e) = std::fs::rename(beside, at) else { continue };
        let failure = Failure::error(format!("{path}: {e}"));
        let mut left = Vec::new();
        for (_, at, path) in &staged[..number] {
            let back = match before.get(*path) {
                Some(text) => std::fs::write(at, text),
                None => std::fs::remove_file(at),
            };
            left.extend(back.err().map(|_| path.as_str()));
        }
        undo(&staged[number..]);
        return Err(if left.is_empty() {
            failure.hint("nothing was written")
        } else {
            failure.hint(format!("these were written and could not be put back: {}", left.join(", ")))
        });
    }
    Ok(())
}
