//! Files of the repository: what stands at a path, and what is in it.

use super::archive;
use super::notebook::{self, MOST_BYTES_A_NOTEBOOK};
use super::{CodeForm, NotebookFormat};
use sha2::{Digest, Sha256};
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

/// The most bytes of a file whose text is kept.
pub const MOST_TEXT: u64 = 256_000;

/// Bytes that can be read in any order.
pub trait CodeReading: Read + Seek {}

impl<R: Read + Seek> CodeReading for R {}

/// What a checkout has in the place of a file whose content is elsewhere (Git LFS, `docs/spec.md`).
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// What stands at a path of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCode {
    /// From the top of the repository: `src/load.py`.
    pub path: String,
    pub kind: FoundCodeKind,
    /// How many bytes it has.
    pub bytes: u64,
    /// Whether git ignores it. There may be nothing yet.
    pub is_ignored: bool,
    /// Where it really is, when a link is on the way.
    pub leads_to: Option<String>,
}

/// Whether something is there, and of which sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundCodeKind {
    File,
    Folder,
    Nothing,
    /// It is not taken: why, as the end of a sentence that begins with its path.
    Refused(&'static str),
}

impl FoundCodeKind {
    /// A link that leads out of the repository.
    pub const OUTSIDE: FoundCodeKind = FoundCodeKind::Refused("is a symbolic link that leaves the repository");
    /// A link to nothing.
    pub const BROKEN: FoundCodeKind = FoundCodeKind::Refused("is a symbolic link to nothing");
    /// Something hidden, or a link to it: credentials stand in such files (`.git/config`, `.env`).
    pub const HIDDEN: FoundCodeKind = FoundCodeKind::Refused("is hidden, or leads to a hidden file");
    /// A pipe, a socket or a device.
    pub const SPECIAL: FoundCodeKind = FoundCodeKind::Refused("is not a regular file");
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashedCode {
    pub form: CodeForm,
    /// See [`super::CodeFile::hash`].
    pub hash: String,
    /// How many bytes were read.
    pub bytes: u64,
    /// What is in it, where that is text and not much, and git has it: what git ignores is nobody's to show.
    pub text: Option<Arc<str>>,
}

/// Whether a name in a folder is not taken along: it is hidden, or what Python keeps for itself.
pub fn is_left_out(name: &str) -> bool {
    name.starts_with('.') || name == "__pycache__"
}

/// Reads a file, piece by piece.
pub fn hash_code(file: &FoundCode, reading: &mut dyn CodeReading) -> Result<HashedCode, String> {
    let told = |e: std::io::Error| format!("`{}` cannot be read: {e}", file.path);
    if archive::is_archive_name(&file.path) {
        if let Some(hash) = archive::hash(reading) {
            return Ok(HashedCode { form: CodeForm::Archive, hash, bytes: file.bytes, text: None });
        }
        reading.seek(SeekFrom::Start(0)).map_err(told)?;
    }
    let format = notebook::by_name(&file.path);
    let most = match format {
        Some(NotebookFormat::Jupyter) => MOST_BYTES_A_NOTEBOOK,
        _ => MOST_TEXT,
    };
    let (mut hash, mut bytes, mut start) = (Sha256::new(), 0_u64, Vec::new());
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = match reading.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(told(e)),
        };
        hash.update(&piece[..read]);
        bytes += read as u64;
        if bytes > file.bytes {
            return Err(format!("`{}` grows while it is read", file.path));
        }
        let room = (most - (start.len() as u64).min(most)) as usize;
        start.extend_from_slice(&piece[..read.min(room)]);
    }
    if start.starts_with(POINTER) {
        return Err(format!("`{}` is a pointer of Git LFS and not the file: run `git lfs pull` first", file.path));
    }
    let form =
        format.filter(|format| notebook::is_notebook(*format, &start)).map_or(CodeForm::File, CodeForm::Notebook);
    let is_shown = bytes <= MOST_TEXT && !file.is_ignored && !start.contains(&0);
    let text = if is_shown { String::from_utf8(start).ok().map(Arc::from) } else { None };
    Ok(HashedCode { form, hash: hex(&hash.finalize()), bytes, text })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn hashed(path: &str, bytes: &[u8], is_ignored: bool) -> HashedCode {
        let kind = FoundCodeKind::File;
        let file = FoundCode { path: path.to_owned(), kind, bytes: bytes.len() as u64, is_ignored, leads_to: None };
        hash_code(&file, &mut Cursor::new(bytes)).unwrap()
    }

    #[test]
    fn a_file_is_hashed_by_its_bytes_and_its_text_is_kept_where_git_has_it() {
        let plain = hashed("a/load.py", b"x = 1\n", false);
        // `printf 'x = 1\n' | sha256sum`.
        assert_eq!(plain.hash, "9e26bf369911c45c243c684147b23fc9e1dcfcf257d299a1c632016a6fcd33f4");
        assert_eq!((plain.form, plain.bytes, plain.text.as_deref()), (CodeForm::File, 6, Some("x = 1\n")));
        assert_ne!(hashed("a/load.py", b"x = 2\n", false).hash, plain.hash);
        assert_eq!(hashed("a/load.py", b"x = 1\n", true).text, None);
        assert_eq!(hashed("a/load.py", b"x = \xff\n", false).text, None);
        assert_eq!(hashed("a/load.py", b"x = \0\n", false).text, None);
        let (large, larger) = (vec![b'a'; MOST_TEXT as usize], vec![b'a'; MOST_TEXT as usize + 1]);
        assert!(hashed("a.txt", &large, false).text.is_some() && hashed("a.txt", &larger, false).text.is_none());
        assert_ne!(hashed("a.txt", &large, false).hash, hashed("a.txt", &larger, false).hash);
        assert_eq!(hashed("a.py", b"", false).form, CodeForm::File);
        // What cannot be read as an archive is a file of these bytes.
        let broken = hashed("a.whl", b"x = 1\n", false);
        assert_eq!((broken.form, &broken.hash), (CodeForm::File, &plain.hash));
    }

    #[test]
    fn a_pointer_is_not_taken_for_the_file() {
        let text = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        let kind = FoundCodeKind::File;
        let path = "dist/app.whl".to_owned();
        let file = FoundCode { path, kind, bytes: text.len() as u64, is_ignored: false, leads_to: None };
        let why = hash_code(&file, &mut Cursor::new(text)).unwrap_err();
        assert_eq!(why, "`dist/app.whl` is a pointer of Git LFS and not the file: run `git lfs pull` first");
    }

    #[test]
    fn a_file_that_grows_meanwhile_is_not_taken() {
        let file =
            FoundCode { path: "a".into(), kind: FoundCodeKind::File, bytes: 2, is_ignored: false, leads_to: None };
        assert_eq!(hash_code(&file, &mut Cursor::new(b"abc")), Err("`a` grows while it is read".into()));
    }
}
