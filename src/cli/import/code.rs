//! `plumb import --with-code`: brings the files that imported objects name into the repository.
//!
//! A file that cannot be brought stays where it is: its manifest keeps the absolute path, which is right as it was.

use super::KindRef;
use super::left::Left;
use crate::cli::session::Session;
use crate::disk;
use crate::services::code_store::CodeStore;
use crate::ui::{Failure, Ui};
use plumb_core::code::{
    CodeFolder, CodeForm, MOST_BYTES_A_NOTEBOOK, NotebookFormat, bare_path, header, unfit_code_name,
};
use plumb_core::detect;
use plumb_core::import::brought::{
    BroughtNames, brought_name, imports_of, left_because, named_code, runs_of, stay_beside, with_code, with_header,
};
use plumb_core::kinds::{Kind, Observed};
use plumb_core::plan::LiveObject;
use plumb_core::render::{Manifest, value::visible};
use plumb_model::call::{ByteSink, Call, Service, System};
use plumb_model::schema::CodeRole;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The most bytes of a file: more belongs into a registry of packages, not into git.
const MOST_BYTES: usize = 100_000_000;
/// What is said of what is larger.
const TOO_LARGE: &str = "it is too large to be brought (100 MB, 10 MB for a notebook)";
/// The most bytes of all files together.
const MOST_BYTES_TOGETHER: usize = 1_000_000_000;

/// The files that were read, and what they are called in the repository.
#[derive(Default)]
pub(super) struct BroughtCode {
    folder: PathBuf,
    in_volume: bool,
    files: BTreeMap<String, BroughtFile>,
}

/// A file, by its path in the workspace without `/Workspace`.
struct BroughtFile {
    name: String,
    form: CodeForm,
    bytes: Vec<u8>,
    is_there: bool,
    runs: Vec<String>,
}

/// Bytes up to a limit: of what is larger nothing is kept.
#[derive(Default)]
struct Limited {
    bytes: Vec<u8>,
    is_over: bool,
}

impl ByteSink for Limited {
    fn begin(&mut self) {
        *self = Limited::default();
    }

    fn take(&mut self, bytes: &[u8]) {
        self.is_over |= self.bytes.len() + bytes.len() > MOST_BYTES;
        if self.is_over {
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl BroughtCode {
    /// Reads what these objects name. What cannot be brought is told, and counted as left out.
    pub(super) async fn read(
        session: &Session,
        folder: &Path,
        ready: &[(&'static dyn Kind, LiveObject)],
        left: &mut Left,
        ui: &Ui,
    ) -> Result<BroughtCode, Failure> {
        let desired = &session.project.desired;
        let mut code =
            BroughtCode { folder: folder.to_owned(), in_volume: desired.code.folder.is_volume(), ..Self::default() };
        let mut wanted: Vec<(String, CodeRole)> = Vec::new();
        let mut told = BTreeSet::new();
        for (kind, found) in ready {
            for named in named_code(kind.rules(), &found.seen.whole().spec) {
                let path = bare_path(&named.path).to_owned();
                match left_because(&named, code.in_volume) {
                    Some(why) if told.insert(path.clone()) => ui.warn(&stays(&path, why)),
                    Some(_) => {}
                    None => wanted.push((path, named.role)),
                }
            }
        }
        wanted.reverse();
        if wanted.is_empty() {
            return Ok(code);
        }
        let service = session
            .services
            .for_system(System::Databricks)
            .map_err(|e| Failure::error(e.to_string()).hint("nothing was written"))?;
        let mut names = BroughtNames::default();
        let mut seen = BTreeSet::new();
        let mut together = 0;
        while let Some((path, role)) = wanted.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            match code.bring(&service, &session.project.dir, &path, role, &mut names).await {
                Ok(file) => {
                    together += file.bytes.len();
                    if together > MOST_BYTES_TOGETHER {
                        return Err(Failure::error("the code is larger than 1 GB together")
                            .hint("import fewer objects at once; nothing was written"));
                    }
                    wanted.extend(file.runs.iter().map(|run| (run.clone(), CodeRole::Notebook)));
                    code.files.insert(path, file);
                }
                Err(why) => {
                    left.count += 1;
                    ui.warn(&stays(&path, &why));
                }
            }
        }
        while let Some((path, run)) = code.astray() {
            code.files.remove(&path);
            left.count += 1;
            ui.warn(&stays(&path, &format!("it runs {run}, which it would not find from the repository")));
        }
        code.tell_imports(&service, ui).await;
        Ok(code)
    }

    /// A notebook that runs another one which is not brought, or not to where it looks for it.
    fn astray(&self) -> Option<(String, String)> {
        self.files.iter().find_map(|(path, file)| {
            let is_lost = |run: &&String| !self.files.contains_key(*run) || !stay_beside(path, run);
            Some((path.clone(), file.runs.iter().find(is_lost)?.clone()))
        })
    }

    async fn bring(
        &self,
        service: &Arc<dyn Service>,
        dir: &Path,
        path: &str,
        role: CodeRole,
        names: &mut BroughtNames,
    ) -> Result<BroughtFile, String> {
        if let Some((part, why)) = path.split('/').find_map(|part| Some((part, unfit_code_name(part)?))) {
            return Err(format!("the name `{}` {why}", part.escape_debug()));
        }
        let form = if path.starts_with("/Volumes/") { CodeForm::File } else { form_of(service, path).await? };
        let is_notebook = matches!(form, CodeForm::Notebook(_));
        match role {
            CodeRole::Notebook if !is_notebook => return Err("it is no notebook".to_owned()),
            CodeRole::File | CodeRole::Query if is_notebook => {
                return Err("it is a notebook where a file belongs".to_owned());
            }
            _ => {}
        }
        let name = brought_name(path, form)?;
        let mut sink = Limited::default();
        // Where the file is says which API reads it.
        let store = CodeStore::new(service.clone(), &CodeFolder::new(Some(path), "", ""));
        let full = if path.starts_with("/Volumes/") { path.to_owned() } else { format!("/Workspace{path}") };
        store.read(&full, form, &mut sink).await.map_err(|e| e.to_string())?;
        if sink.is_over || is_notebook && sink.bytes.len() as u64 > MOST_BYTES_A_NOTEBOOK {
            return Err(TOO_LARGE.to_owned());
        }
        let bytes = if is_notebook { with_header(&name, sink.bytes) } else { sink.bytes };
        if !is_notebook && header(&name).is_some_and(|line| bytes.starts_with(line.as_bytes())) {
            return Err("it is a file that begins as a notebook does, and would become one".to_owned());
        }
        let is_there = is_there(dir, &self.folder.join(&name), &bytes)?;
        names.give(&name, form, path).map_err(|other| {
            let file = self.folder.join(&name);
            format!("{} is for {other} already; import its job apart, with another --code-dir", file.display())
        })?;
        let runs = match std::str::from_utf8(&bytes) {
            Ok(text) if is_notebook => runs_of(path, text),
            _ => Vec::new(),
        };
        Ok(BroughtFile { name, form, bytes, is_there, runs })
    }

    /// Names what stands beside Python files and may be imported by them: it is not guessed.
    async fn tell_imports(&self, service: &Arc<dyn Service>, ui: &Ui) {
        let mut folders: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (path, file) in &self.files {
            let is_python = file.name.ends_with(".py") || file.name.ends_with(".ipynb");
            let (Some((folder, _)), Ok(text)) = (path.rsplit_once('/'), std::str::from_utf8(&file.bytes)) else {
                continue;
            };
            if is_python && !path.starts_with("/Volumes/") {
                folders.entry(folder).or_default().extend(imports_of(text));
            }
        }
        let store = CodeStore::new(service.clone(), &CodeFolder::new(None, "", ""));
        for (folder, imports) in folders.into_iter().filter(|(_, imports)| !imports.is_empty()) {
            let Ok(Some(listed)) = store.list(&format!("/Workspace{folder}")).await else {
                ui.warn(&format!("{}: what its files import could not be looked for", visible(folder)));
                continue;
            };
            let is_missing = |name: &String| {
                let module = name.strip_suffix(".py").unwrap_or(name);
                imports.contains(module) && !self.files.contains_key(&format!("{folder}/{name}"))
            };
            let list: Vec<String> = listed.into_iter().map(|entry| entry.name).filter(is_missing).collect();
            if !list.is_empty() {
                ui.warn(&format!(
                    "{}: files from here import {}, which was not brought: copy it into the repository, and name it in \
                     `metadata.code`",
                    visible(folder),
                    visible(&list.join(", "))
                ));
            }
        }
    }

    /// Writes the paths of the repository into a live spec, relative to the manifest's file.
    pub(super) fn rewrite(&self, kind: KindRef, seen: &mut Observed, file: &Path) -> BroughtPaths {
        let mut brought = BroughtPaths::default();
        for named in named_code(kind.rules(), &seen.spec) {
            let path = bare_path(&named.path).to_owned();
            let is_left = left_because(&named, self.in_volume).is_some();
            let Some(found) = self.files.get(&path).filter(|_| !is_left) else { continue };
            let fits = match named.role {
                CodeRole::Notebook => matches!(found.form, CodeForm::Notebook(_)),
                _ => !matches!(found.form, CodeForm::Notebook(_)),
            };
            if let Some(value) = seen.spec.pointer_mut(&named.at).filter(|_| fits) {
                *value = named.with(&self.relative(file, &found.name)).into();
                brought.named.insert(path);
            }
        }
        let mut along = BTreeSet::new();
        let mut next: Vec<&String> = brought.named.iter().collect();
        while let Some(path) = next.pop() {
            for run in self.files.get(path).map_or(&[][..], |file| &file.runs) {
                if !brought.named.contains(run) && self.files.contains_key(run) && along.insert(run.clone()) {
                    next.push(run);
                }
            }
        }
        brought.code = along.iter().map(|path| self.relative(file, &self.files[path].name)).collect();
        brought.named.extend(along);
        brought
    }

    fn relative(&self, file: &Path, name: &str) -> String {
        let up = file.components().count().saturating_sub(1);
        let folder: Vec<_> = self.folder.components().filter_map(|part| part.as_os_str().to_str()).collect();
        let start = if up == 0 { "./".to_owned() } else { "../".repeat(up) };
        format!("{start}{}/{name}", folder.join("/"))
    }

    /// The files that have to be written, of those that manifests name.
    pub(super) fn to_write(&self, used: &BTreeSet<String>) -> Vec<(PathBuf, &[u8])> {
        let files = self.files.iter().filter(|(path, file)| used.contains(*path) && !file.is_there);
        files.map(|(_, file)| (self.folder.join(&file.name), &file.bytes[..])).collect()
    }
}

/// What of a manifest is in the repository now.
#[derive(Default)]
pub(super) struct BroughtPaths {
    /// The paths in the workspace.
    pub named: BTreeSet<String>,
    /// What `metadata.code` has to name.
    code: Vec<String>,
}

impl BroughtPaths {
    pub(super) fn along(&self, manifest: &mut Manifest) {
        manifest.text = with_code(&manifest.text, &self.code);
    }
}

fn stays(path: &str, why: &str) -> String {
    format!("{} stays where it is: {}", visible(path), visible(why))
}

/// What a file of the workspace is. `return_export_info` says how a notebook is kept (databricks/cli, libs/filer).
async fn form_of(service: &Arc<dyn Service>, path: &str) -> Result<CodeForm, String> {
    let call = Call::get(System::Databricks, "/api/2.0/workspace/get-status")
        .query("path", format!("/Workspace{path}"))
        .query("return_export_info", "true");
    let body = service.send(&call).await.map_err(|e| e.to_string())?.body;
    if body["size"].as_u64().is_some_and(|size| size > MOST_BYTES as u64) {
        return Err(TOO_LARGE.to_owned());
    }
    match (body["object_type"].as_str(), body["language"].as_str(), body["repos_export_format"].as_str()) {
        (Some("FILE"), ..) => Ok(CodeForm::File),
        (Some("NOTEBOOK"), _, Some("JUPYTER")) => Ok(CodeForm::Notebook(NotebookFormat::Jupyter)),
        (Some("NOTEBOOK"), Some(language), _) => match language {
            "PYTHON" => Ok(CodeForm::Notebook(NotebookFormat::Python)),
            "SQL" => Ok(CodeForm::Notebook(NotebookFormat::Sql)),
            "SCALA" => Ok(CodeForm::Notebook(NotebookFormat::Scala)),
            "R" => Ok(CodeForm::Notebook(NotebookFormat::R)),
            _ => Err("it is a notebook in a language that plumb does not know".to_owned()),
        },
        (Some(other), ..) => Err(format!("it is no file and no notebook ({other})")),
        _ => Err("the workspace does not say what it is".to_owned()),
    }
}

/// Whether the file is in the repository with just this content.
fn is_there(dir: &Path, file: &Path, bytes: &[u8]) -> Result<bool, String> {
    let mut path = dir.to_owned();
    for part in file.components() {
        path.push(part);
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => return Err(format!("{} is a link, which may lead out", path.display())),
            Ok(found) if path == dir.join(file) => {
                let is_same = found.is_file() && std::fs::read(&path).is_ok_and(|there| there == bytes);
                let why = "is there already with other content; move it away, or choose another folder with --code-dir";
                return if is_same { Ok(true) } else { Err(format!("{} {why}", file.display())) };
            }
            Ok(found) if !found.is_dir() => return Err(format!("{} is no folder", path.display())),
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(format!("{}: {e}", path.display())),
        }
    }
    Ok(false)
}

/// Refuses folders from which no relative path leads to the other.
pub(super) fn may_be(folder: &Path, out: &Path) -> Result<(), Failure> {
    for (option, path) in [("--code-dir", folder), ("--out", out)] {
        let is_plain = path.components().all(|part| matches!(part, Component::Normal(name) if name.to_str().is_some()));
        if !is_plain || path.as_os_str().is_empty() {
            return Err(Failure::usage(format!("{option} {}: it has to be a folder of the project", path.display()))
                .hint("such as `src`: relative, and without `.` and `..`"));
        }
    }
    Ok(())
}

/// Writes the files; none over another.
pub(super) fn write(dir: &Path, files: &[(PathBuf, &[u8])], ui: &Ui) -> Result<(), Failure> {
    for (file, bytes) in files {
        let path = dir.join(file);
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = folder.and_then(|()| disk::create(&path, bytes));
        written.map_err(|e| {
            Failure::error(format!("{}: {e}", path.display())).hint("no manifest was written; run the same again")
        })?;
        ui.data(&format!("{}\n", file.display()))?;
        if std::str::from_utf8(bytes).is_ok_and(detect::holds_secret) {
            ui.warn(&format!(
                "{}: something in it looks like a secret: take it out before you commit the file",
                file.display()
            ));
        }
    }
    Ok(())
}
