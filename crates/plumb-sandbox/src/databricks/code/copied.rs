//! The copy of the files around a task's code that its process gets.

use super::super::tree::clean;
use crate::store::Store;

/// More files than this are no code.
const MOST_FILES: usize = 5_000;
/// More bytes than this are not copied for one task.
const MOST_BYTES: usize = 100 << 20;

/// Files, by their paths below a folder of the workspace.
#[derive(Debug, Default)]
pub struct Copied {
    /// The folder, as tracebacks show it.
    pub root: String,
    pub files: Vec<(String, Vec<u8>)>,
}

/// Where a path is.
#[derive(Debug, PartialEq)]
enum CodePlace {
    Workspace,
    Volume,
    Dbfs,
}

/// The place of a path, and the path as that keeps it.
fn placed(path: &str) -> (CodePlace, String) {
    let bare = path.strip_prefix("dbfs:").unwrap_or(path);
    if bare.starts_with("/Volumes/") {
        return (CodePlace::Volume, clean(bare));
    }
    if bare.len() != path.len() {
        return (CodePlace::Dbfs, clean(bare));
    }
    let bare = bare.strip_prefix("/Workspace/").map_or_else(|| bare.to_owned(), |rest| format!("/{rest}"));
    (CodePlace::Workspace, clean(&bare))
}

/// The bytes of a file.
pub fn file(store: &Store, path: &str) -> Option<Vec<u8>> {
    let state = &store.databricks;
    match placed(path) {
        (CodePlace::Workspace, path) => {
            state.workspace.get(&path).filter(|node| node.object_type == "FILE").map(|node| node.bytes())
        }
        (CodePlace::Volume, path) => state.volumes.get(&path)?.bytes(),
        (CodePlace::Dbfs, path) => state.dbfs.get(&path)?.bytes(),
    }
}

/// The folder whose files go with a file: the whole tree of code that plumb wrote, or the folder that the file is in.
fn folder(path: &str) -> (&str, bool) {
    // …/.plumb/PROJECT/TARGET/code/HASH/…
    if let Some(at) = path.find("/.plumb/") {
        let below = &path[at + 8..];
        let parts: Vec<&str> = below.splitn(5, '/').collect();
        if let [project, target, "code", hash, _] = parts.as_slice() {
            let length = project.len() + target.len() + hash.len() + "code".len() + 3;
            return (&path[..at + 8 + length], true);
        }
    }
    (path.rfind('/').map_or("", |at| &path[..at]), false)
}

/// Copies the files around a file or a notebook. Answers them, and the path of the file below their folder.
pub fn around(store: &Store, path: &str) -> Result<(Copied, String), String> {
    let (place, path) = placed(path);
    let (root, is_tree) = folder(&path);
    let below = format!("{root}/");
    // What plumb keeps beside other files is not around them.
    let wanted = |path: &str| is_tree || !path[below.len()..].split('/').any(|part| part == ".plumb");
    let mut copied = Copied { root: shown(&place, root), files: Vec::new() };
    let mut total = 0;
    let mut add = |path: &str, bytes: Vec<u8>| {
        let name = &path[below.len()..];
        // Such a name would lead out of the copy.
        if name.contains(['\\', '\0']) || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(format!("{path}: a file of this name cannot be copied"));
        }
        total += bytes.len();
        if copied.files.len() >= MOST_FILES || total > MOST_BYTES {
            let limits = format!("{MOST_FILES} files or {} MB", MOST_BYTES >> 20);
            return Err(format!("{root} has more than {limits}: put the code into a folder of its own"));
        }
        copied.files.push((name.to_owned(), bytes));
        Ok(())
    };
    let state = &store.databricks;
    match place {
        CodePlace::Workspace => {
            let inside = state.workspace.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
            let mut files = inside.filter(|(path, node)| node.object_type != "DIRECTORY" && wanted(path));
            files.try_for_each(|(path, node)| add(path, node.bytes()))?;
        }
        CodePlace::Volume | CodePlace::Dbfs => {
            let tree = if place == CodePlace::Volume { &state.volumes } else { &state.dbfs };
            for (path, entry) in tree.below(&below).filter(|(path, _)| wanted(path)) {
                if let Some(bytes) = entry.bytes() {
                    add(path, bytes)?;
                }
            }
        }
    }
    let relative = path[below.len()..].to_owned();
    Ok((copied, relative))
}

fn shown(place: &CodePlace, root: &str) -> String {
    match place {
        CodePlace::Workspace => format!("/Workspace{root}"),
        CodePlace::Volume => root.to_owned(),
        CodePlace::Dbfs => format!("/dbfs{root}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_tree_goes_with_its_files_and_else_the_folder() {
        let tree = "/Users/me/.plumb/shop/dev/code/0f0f";
        assert_eq!(folder(&format!("{tree}/shop/src/load.py")), (tree, true));
        assert_eq!(folder("/Shared/etl/load.py"), ("/Shared/etl", false));
        assert_eq!(folder("/load.py"), ("", false));
        assert_eq!(folder("/Users/me/.plumb/notes.py"), ("/Users/me/.plumb", false));
        assert_eq!(placed("/Workspace/Shared//a.py"), (CodePlace::Workspace, "/Shared/a.py".to_owned()));
        assert_eq!(placed("dbfs:/Volumes/a/b/c/d.py"), (CodePlace::Volume, "/Volumes/a/b/c/d.py".to_owned()));
        assert_eq!(placed("dbfs:/x.py"), (CodePlace::Dbfs, "/x.py".to_owned()));
    }
}
