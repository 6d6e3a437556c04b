//! Files of a folder on disk. Apart from reading them, nothing of the project touches the file system.

use super::source::{Found, FoundKind, MOST_BYTES_A_FILE, MOST_FILES, Source, is_yaml};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// How many entries of folders are looked at before a listing gives up.
const MOST_ENTRIES: usize = 300_000;

/// The files below a folder. What a symbolic link reaches outside of it is not read: the manifests of a pull request
/// must not be able to show other files of the machine that plans them.
#[derive(Clone, Debug)]
pub struct Disk {
    /// Without symbolic links, so that whatever is inside starts with it.
    root: PathBuf,
}

impl Disk {
    /// The folder that holds `plumb.yaml`.
    pub fn new(root: impl AsRef<Path>) -> io::Result<Disk> {
        Ok(Disk { root: fs::canonicalize(root)? })
    }

    /// The folder, without symbolic links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What stands at a path, and where it really is.
    fn look(&self, path: &str) -> Result<Entry, String> {
        let at = self.root.join(path);
        let told = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => format!("there is no `{path}`"),
            _ => format!("`{path}` cannot be read: {e}"),
        };
        let is_link = fs::symlink_metadata(&at).map_err(told)?.is_symlink();
        let real = match fs::canonicalize(&at) {
            Ok(real) => real,
            Err(_) if is_link => return Ok(Entry::Found(self.found(path, FoundKind::SymlinkBroken, 0))),
            Err(e) => return Err(told(e)),
        };
        if !real.starts_with(&self.root) {
            return Ok(Entry::Found(self.found(path, FoundKind::SymlinkOutside, 0)));
        }
        let about = fs::metadata(&real).map_err(told)?;
        if about.is_dir() {
            return Ok(Entry::Folder(real));
        }
        let kind = match about.len() {
            _ if !about.is_file() => FoundKind::Special,
            size if size > MOST_BYTES_A_FILE => FoundKind::TooLarge,
            _ => FoundKind::File,
        };
        Ok(Entry::Found(self.found(path, kind, about.len())))
    }

    fn found(&self, path: &str, kind: FoundKind, size: u64) -> Found {
        Found { path: path.to_owned(), kind, size }
    }
}

enum Entry {
    Found(Found),
    Folder(PathBuf),
}

impl Source for Disk {
    fn list(&self, path: &str) -> Result<Vec<Found>, String> {
        let mut found = Vec::new();
        // Links inside the project may form circles: each real folder is entered once.
        let mut entered = BTreeSet::new();
        let mut seen = 0;
        let mut folders = match self.look(path)? {
            Entry::Found(file) => return Ok(vec![file]),
            Entry::Folder(real) => vec![(path.to_owned(), real)],
        };
        while let Some((folder, real)) = folders.pop() {
            if !entered.insert(real.clone()) {
                continue;
            }
            let told = |e: io::Error| format!("`{folder}` cannot be read: {e}");
            let mut names = Vec::new();
            for entry in fs::read_dir(&real).map_err(told)? {
                seen += 1;
                if seen > MOST_ENTRIES {
                    return Err(format!("`{path}` has more than {MOST_ENTRIES} files and folders below it"));
                }
                let entry = entry.map_err(told)?;
                let plain_file = entry.file_type().is_ok_and(|t| t.is_file());
                // `.git`, `.venv` and the like hold no manifests. A name that is not UTF-8 cannot end well either.
                if let Some(name) = entry.file_name().to_str().filter(|n| !n.starts_with('.'))
                    && (!plain_file || is_yaml(name))
                {
                    names.push(name.to_owned());
                }
            }
            names.sort();
            // The last in, the first out: reversed, so that the walk itself is in order.
            for name in names.into_iter().rev() {
                let inner = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                match self.look(&inner)? {
                    Entry::Folder(real) => folders.push((inner, real)),
                    Entry::Found(file) if is_yaml(&name) || file.kind == FoundKind::SymlinkOutside => found.push(file),
                    Entry::Found(_) => {}
                }
            }
            if found.len() > MOST_FILES {
                break;
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let told = |e: io::Error| format!("`{path}` cannot be read: {e}");
        // Looked at once more: it may have changed since it was listed.
        match self.look(path)? {
            Entry::Found(Found { kind: FoundKind::File, .. }) => {}
            _ => return Err(format!("`{path}` is not a file of the project")),
        }
        let file = fs::File::open(self.root.join(path)).map_err(told)?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES_A_FILE + 1).read_to_end(&mut bytes).map_err(told)?;
        if bytes.len() as u64 > MOST_BYTES_A_FILE {
            return Err(format!("`{path}` is larger than {} MB", MOST_BYTES_A_FILE / 1_000_000));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_in_order_and_stays_inside() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.yaml"), "a: 1").unwrap();
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("m/b/.git")).unwrap();
        for name in ["m/z.yaml", "m/b/a.yml", "m/b/.git/x.yaml", "m/notes.txt", "other.yaml"] {
            fs::write(root.path().join(name), "a: 1").unwrap();
        }
        fs::write(root.path().join("m/large.yaml"), vec![b' '; MOST_BYTES_A_FILE as usize + 1]).unwrap();
        #[cfg(unix)]
        for (to, name) in [
            (outside.path().join("secret.yaml"), "m/out.yaml"),
            (outside.path().to_owned(), "m/outdir"),
            (root.path().join("other.yaml"), "m/inside.yaml"),
            (root.path().join("m"), "m/b/circle"),
            (root.path().join("nothing"), "m/broken.yaml"),
        ] {
            std::os::unix::fs::symlink(to, root.path().join(name)).unwrap();
        }
        let disk = Disk::new(root.path()).unwrap();
        let list: Vec<_> = disk.list("m").unwrap().into_iter().map(|f| (f.path, f.kind)).collect();
        let want = [
            ("m/b/a.yml", FoundKind::File),
            ("m/broken.yaml", FoundKind::SymlinkBroken),
            ("m/inside.yaml", FoundKind::File),
            ("m/large.yaml", FoundKind::TooLarge),
            ("m/out.yaml", FoundKind::SymlinkOutside),
            ("m/outdir", FoundKind::SymlinkOutside),
            ("m/z.yaml", FoundKind::File),
        ];
        #[cfg(unix)]
        assert_eq!(list, want.map(|(p, k)| (p.to_owned(), k)));
        assert_eq!(disk.read("m/inside.yaml").unwrap(), b"a: 1");
        assert!(disk.read("m/out.yaml").is_err());
        assert_eq!(disk.list("nowhere"), Err("there is no `nowhere`".to_owned()));
    }
}
