//! Files of a folder on disk. Whatever of a checkout is read is read here: manifests, reports of comparisons, records of
//! imports, saved plans. A checkout may be a stranger's.

mod code;

use code::CodeRoot;
use plumb_core::code::{CodeReading, FoundCode, HashedCode, hash_code};
use plumb_core::manifest::{
    self, MOST_BYTES, MOST_BYTES_A_FILE, MOST_FILES, ManifestFile, ManifestFileKind, ManifestSource, is_yaml,
};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fs, io};

/// How many entries of folders are looked at before a listing gives up.
const MOST_ENTRIES: usize = 300_000;

/// The files below a folder. What a symbolic link reaches outside of it is not read: the manifests of a pull request
/// must not be able to show other files of the machine that plans them.
#[derive(Clone, Debug)]
pub struct Disk {
    /// Without symbolic links, so that whatever is inside starts with it.
    root: PathBuf,
    /// Where code is: found out when a manifest names some.
    code: Arc<OnceLock<Result<CodeRoot, String>>>,
}

impl Disk {
    /// The folder that holds `plumb.yaml`.
    pub fn new(root: impl AsRef<Path>) -> io::Result<Disk> {
        Ok(Disk { root: fs::canonicalize(root)?, code: Arc::default() })
    }

    /// The folder, without symbolic links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn code(&self) -> Result<&CodeRoot, String> {
        self.code.get_or_init(|| CodeRoot::open(&self.root)).as_ref().map_err(String::clone)
    }

    /// What stands at a path, and where it really is.
    fn look(&self, path: &str) -> Result<DiskEntry, String> {
        let at = self.root.join(path);
        let told = |e| not_there(path, &e);
        let real = match fs::canonicalize(&at) {
            Ok(real) => real,
            Err(_) if fs::symlink_metadata(&at).map_err(told)?.is_symlink() => {
                return Ok(DiskEntry::Found(self.found(path, ManifestFileKind::SymlinkBroken, 0)));
            }
            Err(e) => return Err(told(e)),
        };
        self.look_at(path, real)
    }

    /// The same of what is known to be there, without a link.
    fn look_at(&self, path: &str, real: PathBuf) -> Result<DiskEntry, String> {
        let Ok(inside) = real.strip_prefix(&self.root) else {
            return Ok(DiskEntry::Found(self.found(path, ManifestFileKind::SymlinkOutside, 0)));
        };
        if is_hidden(inside, Path::new(path)) {
            return Ok(DiskEntry::Found(self.found(path, ManifestFileKind::Hidden, 0)));
        }
        let about = fs::metadata(&real).map_err(|e| not_there(path, &e))?;
        if about.is_dir() {
            return Ok(DiskEntry::Folder(real));
        }
        let kind = match about.len() {
            _ if !about.is_file() => ManifestFileKind::Special,
            size if size > MOST_BYTES_A_FILE => ManifestFileKind::TooLarge,
            _ => ManifestFileKind::File,
        };
        Ok(DiskEntry::Found(self.found(path, kind, about.len())))
    }

    fn found(&self, path: &str, kind: ManifestFileKind, size: u64) -> ManifestFile {
        ManifestFile { path: path.to_owned(), kind, size }
    }
}

fn not_there(path: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no `{path}`"),
        _ => format!("`{path}` cannot be read: {error}"),
    }
}

/// Whether something that may be a folder of manifests is not looked into: that has to be said, or they would seem deleted.
fn leads_away(kind: &ManifestFileKind) -> bool {
    matches!(kind, ManifestFileKind::SymlinkOutside | ManifestFileKind::Hidden)
}

/// Whether a path leads, by a link, to something hidden, or in any way to what is git's own. `.git/config` has the token of
/// actions/checkout in it, `.env` what its name says; an error would quote them.
fn is_hidden(real: &Path, asked: &Path) -> bool {
    let hidden = |path: &Path| {
        path.components().any(|c| c.as_os_str().to_string_lossy().starts_with('.') && c.as_os_str() != ".")
    };
    real.components().any(|c| c.as_os_str() == ".git") || (hidden(real) && !hidden(asked))
}

impl Disk {
    /// The files of a folder whose names end so, not those of folders in it; none when there is no such folder.
    pub fn files(&self, folder: &str, ending: &str) -> Result<Vec<ManifestFile>, String> {
        if fs::symlink_metadata(self.root.join(folder)).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            return Ok(Vec::new());
        }
        let real = match self.look(folder)? {
            DiskEntry::Folder(real) => real,
            DiskEntry::Found(file) => return Ok(vec![file]),
        };
        let told = |e: io::Error| format!("`{folder}` cannot be read: {e}");
        let (mut found, mut bytes) = (Vec::new(), 0);
        for (seen, entry) in fs::read_dir(&real).map_err(told)?.enumerate() {
            let name = entry.map_err(told)?.file_name().to_string_lossy().into_owned();
            if seen > MOST_ENTRIES || found.len() > MOST_FILES {
                return Err(format!("`{folder}` has too many files: {MOST_FILES} are the most"));
            }
            if name.ends_with(ending) {
                match self.look(&format!("{folder}/{name}"))? {
                    DiskEntry::Found(file) => {
                        bytes += file.size;
                        found.push(file);
                    }
                    DiskEntry::Folder(_) => {}
                }
            }
        }
        if bytes > MOST_BYTES {
            return Err(format!("the files of `{folder}` are larger than {} MB together", MOST_BYTES / 1_000_000));
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// The text of a file of the project; why it cannot be read, without any of it.
    pub fn text(&self, file: &ManifestFile) -> Result<String, String> {
        match file.refused() {
            Some(why) => Err(why),
            None => String::from_utf8(self.read(&file.path)?).map_err(|_| format!("`{}` is not UTF-8", file.path)),
        }
    }

    /// The same of a path; `None` when there is nothing.
    pub fn text_at(&self, path: &str) -> Result<Option<String>, String> {
        let is_nothing = |e: io::Error| matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        if fs::symlink_metadata(self.root.join(path)).is_err_and(is_nothing) {
            return Ok(None);
        }
        match self.look(path)? {
            DiskEntry::Found(file) => self.text(&file).map(Some),
            DiskEntry::Folder(_) => Err(format!("`{path}` is a folder")),
        }
    }
}

/// The text of a file that the command line names: anywhere, `most` bytes at most. One that stands in the project may not be
/// a link out of it, because whoever wrote the branch may have put it there.
pub fn named(project: Option<&Path>, path: &Path, most: u64) -> Result<String, String> {
    let told = |e: io::Error| e.to_string();
    let real = fs::canonicalize(path).map_err(told)?;
    if let Some(root) = project.and_then(|dir| fs::canonicalize(dir).ok()) {
        // Where it stands, its own link not followed.
        let whole = std::path::absolute(path).map_err(told)?;
        let parent = whole.parent().and_then(|dir| fs::canonicalize(dir).ok()).unwrap_or_default();
        let is_inside = parent.starts_with(&root)
            || project.is_some_and(|dir| std::path::absolute(dir).is_ok_and(|dir| whole.starts_with(dir)));
        if is_inside && !real.strip_prefix(&root).is_ok_and(|inside| !is_hidden(inside, Path::new(""))) {
            return Err("it is a link that leaves the project, or leads to a hidden file".into());
        }
    }
    if !fs::metadata(&real).map_err(told)?.is_file() {
        return Err("it is not a regular file".into());
    }
    let mut bytes = Vec::new();
    fs::File::open(&real).map_err(told)?.take(most + 1).read_to_end(&mut bytes).map_err(told)?;
    if bytes.len() as u64 > most {
        return Err(format!("it is larger than {} MB", most / 1_000_000));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
}

/// Writes a file in one go: whoever reads it sees the old one or the new one, whole.
pub fn replace(path: &Path, text: &str) -> Result<(), String> {
    let written = beside(path, text.as_bytes()).and_then(|file| file.persist(path).map(drop).map_err(|e| e.error));
    written.map_err(|e| e.to_string())
}

/// Writes a new file in one go; what is there already is left and is an error.
pub fn create(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    beside(path, bytes)?.persist_noclobber(path).map(drop).map_err(|e| e.error)
}

/// These bytes in a file beside a path, to be brought there.
fn beside(path: &Path, bytes: &[u8]) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    #[cfg(unix)]
    {
        // Others read it: the collector runs as somebody else.
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    Ok(file)
}

enum DiskEntry {
    Found(ManifestFile),
    Folder(PathBuf),
}

impl ManifestSource for Disk {
    fn list(&self, path: &str) -> Result<Vec<ManifestFile>, String> {
        let mut found = Vec::new();
        // Links inside the project may form circles: each real folder is entered once.
        let mut entered = BTreeSet::new();
        let mut seen = 0;
        let mut folders = match self.look(path)? {
            DiskEntry::Found(file) => return Ok(vec![file]),
            DiskEntry::Folder(real) => vec![(path.to_owned(), real)],
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
                    names.push((name.to_owned(), plain_file));
                }
            }
            names.sort();
            // The last in, the first out: reversed, so that the walk itself is in order.
            for (name, plain_file) in names.into_iter().rev() {
                let inner = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                // What is no link is where it is: that need not be found out once for every file.
                let entry = if plain_file { self.look_at(&inner, real.join(&name)) } else { self.look(&inner) };
                match entry? {
                    DiskEntry::Folder(real) => folders.push((inner, real)),
                    DiskEntry::Found(file) if is_yaml(&name) || leads_away(&file.kind) => found.push(file),
                    DiskEntry::Found(_) => {}
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
        let size = match self.look(path)? {
            DiskEntry::Found(ManifestFile { kind: ManifestFileKind::File, size, .. }) => size,
            _ => return Err(format!("`{path}` is not a file of the project")),
        };
        let file = fs::File::open(self.root.join(path)).map_err(told)?;
        // With one more than there is, the end is seen without making room for more.
        let mut bytes = Vec::with_capacity(size as usize + 1);
        file.take(MOST_BYTES_A_FILE + 1).read_to_end(&mut bytes).map_err(told)?;
        if bytes.len() as u64 > MOST_BYTES_A_FILE {
            return Err(format!("`{path}` is larger than {} MB", MOST_BYTES_A_FILE / 1_000_000));
        }
        Ok(bytes)
    }

    fn read_many(&self, paths: &[&str]) -> Vec<Result<Vec<u8>, String>> {
        manifest::on_threads(self.threads(), paths, |path| self.read(path))
    }

    fn repository_folder(&self) -> Result<String, String> {
        Ok(self.code()?.folder.clone())
    }

    fn code_at(&self, path: &str) -> Result<FoundCode, String> {
        self.code()?.at(path)
    }

    fn code_names(&self, folder: &str) -> Result<Vec<String>, String> {
        self.code()?.names(folder)
    }

    fn open_code(&self, path: &str) -> Result<Box<dyn CodeReading + '_>, String> {
        Ok(code::reading(self.code()?.open_file(path)?))
    }

    fn hash_code(&self, files: &[&FoundCode]) -> Vec<Result<HashedCode, String>> {
        manifest::on_threads(self.threads(), files, |file| hash_code(file, &mut *self.open_code(&file.path)?))
    }

    fn threads(&self) -> NonZeroUsize {
        std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
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
            ("m/b/a.yml", ManifestFileKind::File),
            ("m/broken.yaml", ManifestFileKind::SymlinkBroken),
            ("m/inside.yaml", ManifestFileKind::File),
            ("m/large.yaml", ManifestFileKind::TooLarge),
            ("m/out.yaml", ManifestFileKind::SymlinkOutside),
            ("m/outdir", ManifestFileKind::SymlinkOutside),
            ("m/z.yaml", ManifestFileKind::File),
        ];
        #[cfg(unix)]
        assert_eq!(list, want.map(|(p, k)| (p.to_owned(), k)));
        assert_eq!(disk.read("m/inside.yaml").unwrap(), b"a: 1");
        assert!(disk.read("m/out.yaml").is_err());
        assert_eq!(disk.list("nowhere"), Err("there is no `nowhere`".to_owned()));
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_hides_is_not_read() {
        use std::os::unix::fs::symlink;
        const SECRET: &str = "{\"s3cr3t\": \"hunter2\"}";
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), SECRET).unwrap();
        let root = tempfile::tempdir().unwrap();
        for (path, text) in
            [(".git/config", SECRET), (".env", SECRET), ("evidence/a.json", "{}"), ("evidence/b.txt", "")]
        {
            fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
            fs::write(root.path().join(path), text).unwrap();
        }
        fs::create_dir_all(root.path().join("evidence/folder.json")).unwrap();
        fs::write(root.path().join("evidence/large.json"), vec![b' '; MOST_BYTES_A_FILE as usize + 1]).unwrap();
        for (to, name) in [
            (outside.path().join("secret"), "out.json"),
            ("/etc/passwd".into(), "passwd.json"),
            (root.path().join(".git/config"), "git.json"),
            (root.path().join(".env"), "env.json"),
            ("/dev/zero".into(), "zero.json"),
            ("nothing".into(), "broken.json"),
            ("a.json".into(), "inside.json"),
        ] {
            symlink(to, root.path().join("evidence").join(name)).unwrap();
        }
        let disk = Disk::new(root.path()).unwrap();
        let texts: Vec<_> =
            disk.files("evidence", ".json").unwrap().iter().map(|f| (f.path.clone(), disk.text(f))).collect();
        let refused =
            |name: &str, why: &str| (format!("evidence/{name}.json"), Err(format!("`evidence/{name}.json` {why}")));
        let (leaves, hidden) =
            ("is a symbolic link that leaves the project", "leads to a hidden file, such as those of git");
        let wanted = [
            ("evidence/a.json".to_owned(), Ok("{}".to_owned())),
            refused("broken", "is a symbolic link to nothing"),
            refused("env", hidden),
            refused("git", hidden),
            ("evidence/inside.json".to_owned(), Ok("{}".to_owned())),
            refused("large", "is too large: 5.0 MB, and 5 MB is the most"),
            refused("out", leaves),
            refused("passwd", leaves),
            refused("zero", leaves),
        ];
        assert_eq!(texts, wanted);
        assert_eq!(disk.files("nowhere", ".json"), Ok(Vec::new()));
        assert_eq!(disk.text_at("nowhere.json"), Ok(None));
        assert_eq!(disk.text_at("evidence/a.json/b.json"), Ok(None), "below a file there is nothing");
        assert!(disk.read(".git/config").is_err() && disk.text_at("evidence/out.json").is_err());
        // A folder that is a link.
        symlink(outside.path(), root.path().join("linked")).unwrap();
        assert_eq!(disk.files("linked", "").unwrap()[0].kind, ManifestFileKind::SymlinkOutside);
        // A file that the command line names may be anywhere, but not be a trap in the project.
        let named = |path: &str| named(Some(root.path()), &root.path().join(path), 100);
        assert_eq!(named("evidence/inside.json").unwrap(), "{}");
        assert_eq!(super::named(Some(root.path()), &outside.path().join("secret"), 100).unwrap(), SECRET);
        assert_eq!(
            super::named(Some(root.path()), &outside.path().join("secret"), 5).unwrap_err(),
            "it is larger than 0 MB"
        );
        for trap in ["evidence/out.json", "evidence/git.json", "linked/secret", "evidence/env.json", ".git/config"] {
            assert!(named(trap).unwrap_err().contains("leaves the project, or leads to a hidden file"), "{trap}");
        }
        assert_eq!(named("evidence").unwrap_err(), "it is not a regular file");
    }
}
