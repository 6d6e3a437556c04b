//! Writing, retiring and pruning trees of code.
//!
//! Whatever is written sets a state, so the next apply goes on from wherever this one ended: it looks what is there. The marker
//! comes last and goes first, so a tree that has one was whole; what stands in one that has none is read before it is believed.

use super::code_said::{Tried, said};
use super::send::CallFailure;
use super::{Ended, Shared, send};
use crate::observe::code::{self as seen, SeenTree};
use crate::observe::{self, UnwatchedRead};
use crate::services::code_store::{CodeStore, WIDTH, content_hash, each, is_same, too_large_to_read};
use bytes::Bytes;
use plumb_core::code::{CodeAct, CodeFile, CodeFolder, CodeForm, CodeReader, CodeStep, CodeTree};
use plumb_core::plan::Change;
use plumb_model::call::{Answer, ByteSink, Call, Sending, Service, ServiceError, System};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// How many megabytes of files are held at once, but for one file that is larger.
const HELD: usize = 64;

/// From how many files on an upload is a long one.
const LONG: usize = 40;

/// How many times it is told how far a long upload has got.
const TOLD: usize = 20;

/// Carries out what a change does to a tree of code.
pub(super) async fn run(shared: &Arc<Shared>, index: usize, step: &CodeStep) -> Ended {
    let change = &shared.decision.plan.changes[index];
    let service = match shared.services.for_system(System::Databricks) {
        Ok(service) => service,
        Err(fault) => return Ended::Failed { why: fault.to_string(), sent: Vec::new() },
    };
    let noting: Arc<dyn Service> = Arc::new(Noting { inner: service, shared: shared.clone(), index });
    let folder = shared.code_folder.clone();
    let store = CodeStore::new(noting.clone(), &folder);
    let (hash, unread) = (step.hash.clone(), Arc::default());
    let act = Act { shared: shared.clone(), index, store, service: noting, folder, hash, unread };
    let (mut sent, mut unverified) = (Vec::new(), None);
    let ended = match &step.does {
        CodeAct::Upload { tree, readers } => {
            act.upload(tree, readers, &mut sent).await.map(|granted| unverified = granted)
        }
        CodeAct::Retire { day } => act.retire(*day, &mut sent).await,
        CodeAct::Prune => act.prune(&mut sent).await,
    };
    match ended {
        Ok(()) => {
            let unverified = unverified.map(|why| shared.shown(&why));
            Ended::Done { id: change.id.clone(), left: Vec::new(), unverified }
        }
        Err(Stopped::Stale(differences)) => Ended::Stale { differences, sent },
        Err(Stopped::Failed(failed)) => {
            let why = shared.shown(&failed.why);
            match failed.call {
                send::Stands::NotKnown => Ended::Unknown { why, sent },
                send::Stands::NotDone | send::Stands::Done => Ended::Failed { why, sent },
            }
        }
    }
}

/// Why a change of code did not come to its end.
enum Stopped {
    Stale(Vec<String>),
    Failed(CallFailure),
}

impl Stopped {
    fn unsent(why: String) -> Stopped {
        Stopped::Failed(CallFailure::unsent(why))
    }
}

/// A service that notes what is sent through it for a change.
struct Noting {
    inner: Arc<dyn Service>,
    shared: Arc<Shared>,
    index: usize,
}

impl Noting {
    async fn noted<'a>(
        &'a self,
        call: &'a Call,
        sending: impl FnOnce() -> Sending<'a>,
    ) -> Result<Answer, ServiceError> {
        send::noted(&self.shared, &self.shared.decision.plan.changes[self.index], call, sending).await
    }
}

impl Service for Noting {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(self.noted(call, || self.inner.send(call)))
    }

    fn send_bytes<'a>(&'a self, call: &'a Call, body: &'a Bytes) -> Sending<'a> {
        Box::pin(self.noted(call, || self.inner.send_bytes(call, body)))
    }

    fn receive<'a>(&'a self, call: &'a Call, sink: &'a mut dyn ByteSink) -> Sending<'a> {
        self.inner.receive(call, sink)
    }
}

/// The hash of bytes as they come.
#[derive(Default)]
struct Hashing(Sha256);

impl Hashing {
    fn digits(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl ByteSink for Hashing {
    fn begin(&mut self) {
        self.0 = Sha256::new();
    }

    fn take(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// What is done to one tree.
#[derive(Clone)]
struct Act {
    shared: Arc<Shared>,
    index: usize,
    store: CodeStore,
    service: Arc<dyn Service>,
    folder: CodeFolder,
    hash: String,
    /// The files that are too large to be read back.
    unread: Arc<Mutex<BTreeSet<String>>>,
}

/// What becomes of a file of the tree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Todo {
    Write,
    /// It is there, and nothing vouches for it: it is written unless it turns out to be as it should be.
    Look,
}

impl Act {
    fn change(&self) -> &Change {
        &self.shared.decision.plan.changes[self.index]
    }

    /// The fault of a call, with what it means for code.
    async fn failed(&self, fault: ServiceError, path: &str, tried: Tried) -> Stopped {
        let why = said(&*self.service, &fault, &self.folder, path, tried).await;
        Stopped::Failed(CallFailure { why, ..CallFailure::of(&fault) })
    }

    /// The days that are noted beside the tree.
    async fn notes(&self) -> Result<(bool, Vec<String>), Stopped> {
        let entries = match self.store.list(self.folder.path()).await {
            Ok(entries) => entries.unwrap_or_default(),
            Err(fault) => return Err(self.failed(fault, self.folder.path(), Tried::Read).await),
        };
        let is_there = seen::trees(&self.folder, &entries).contains_key(&self.hash);
        let names = entries.into_iter().map(|entry| entry.name);
        let is_mine = |name: &String| CodeFolder::read_unused(name).is_some_and(|(hash, _)| hash == self.hash);
        Ok((is_there, names.filter(is_mine).map(|name| format!("{}/{name}", self.folder.path())).collect()))
    }

    async fn delete(&self, path: &str, is_folder: bool) -> Result<(), Stopped> {
        let came = match is_folder {
            true => self.store.delete_folder(path).await,
            false => self.store.delete(path).await,
        };
        match came {
            Ok(()) => Ok(()),
            Err(fault) => Err(self.failed(fault, path, Tried::Write).await),
        }
    }

    /// Brings the tree to be whole and readable. Says what could not be known of the readers' rights.
    async fn upload(
        &self,
        tree: &Arc<CodeTree>,
        readers: &BTreeSet<CodeReader>,
        sent: &mut Vec<String>,
    ) -> Result<Option<String>, Stopped> {
        let root = self.folder.tree(&self.hash);
        // While it has a note, another apply may prune it.
        let (is_there, notes) = self.notes().await?;
        for note in &notes {
            self.delete(note, false).await?;
            sent.push(format!("deleted {note}"));
        }
        let found = match is_there {
            true => match seen::look(&self.store, &self.folder, tree).await {
                Ok(found) => found,
                Err(fault) => return Err(self.failed(fault, &root, Tried::Read).await),
            },
            false => SeenTree { missing_all: true, ..SeenTree::default() },
        };
        for path in found.state.foreign.iter().chain(&found.in_the_way) {
            let at = format!("{root}/{path}");
            self.delete(&at, found.folders.contains(path)).await?;
            sent.push(format!("deleted {at}, which does not belong there"));
        }
        let todo = todo(tree, &found);
        if !todo.is_empty() {
            self.make_folders(tree, &root).await?;
        }
        self.write_all(tree, todo, sent).await?;
        let granted = match self.store.grant(&root, readers).await {
            Ok(granted) => granted,
            Err(fault) => return Err(self.failed(fault, &root, Tried::Grant).await),
        };
        let marker = self.folder.file(&self.hash, &CodeFolder::marker(readers));
        let index = Bytes::from(seen::index_text(tree));
        self.write(&marker, &marker, CodeForm::File, &index).await?;
        let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let unread = unread.into_iter().map(|path| {
            format!("{path} was accepted, and cannot be read back: the workspace does not give back files of its size")
        });
        let open: Vec<String> = granted.into_iter().chain(unread).collect();
        Ok((!open.is_empty()).then(|| open.join("; ")))
    }

    /// Makes the folders of the tree. Those in between are made with those below them.
    async fn make_folders(&self, tree: &CodeTree, root: &str) -> Result<(), Stopped> {
        let folders = seen::folders(tree);
        let is_above = |at: &String| folders.iter().any(|other| at.is_empty() && other != at || is_below(other, at));
        for at in folders.iter().filter(|at| !is_above(at)) {
            let path = if at.is_empty() { root.to_owned() } else { format!("{root}/{at}") };
            if let Err(fault) = self.store.make_folder(&path).await {
                return Err(self.failed(fault, &path, Tried::Write).await);
            }
        }
        Ok(())
    }

    async fn write_all(
        &self,
        tree: &Arc<CodeTree>,
        todo: Vec<(String, Todo)>,
        sent: &mut Vec<String>,
    ) -> Result<(), Stopped> {
        let (all, done, written) = (todo.len(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let room = Arc::new(Semaphore::new(HELD));
        let one = |(path, todo): (String, Todo)| {
            let (act, tree, room) = (self.clone(), tree.clone(), room.clone());
            let (done, written) = (done.clone(), written.clone());
            async move {
                let Some(file) = tree.files.get(&path) else { return Ok(()) };
                let megabytes = usize::try_from(file.bytes >> 20).unwrap_or(HELD).clamp(1, HELD);
                // The semaphore is never closed.
                let _held = room.acquire_many(u32::try_from(megabytes).unwrap_or(1)).await.ok();
                if act.file(&path, file, todo).await? {
                    written.fetch_add(1, Ordering::Relaxed);
                }
                let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                if all >= LONG && count * TOLD / all != (count - 1) * TOLD / all {
                    act.shared.waiting(act.change(), &format!("{count} of {all} files"));
                }
                Ok(())
            }
        };
        let came = each(todo, WIDTH, one).await;
        let written = written.load(Ordering::Relaxed);
        if written > 0 {
            sent.push(format!("wrote {written} of {all} files below {}", self.folder.tree(&self.hash)));
        }
        came.map(drop)
    }

    /// Brings one file to be there. Says whether it was written.
    async fn file(&self, path: &str, file: &CodeFile, todo: Todo) -> Result<bool, Stopped> {
        let stored = self.folder.file(&self.hash, file.form.stored(path));
        let is_notebook = matches!(file.form, CodeForm::Notebook(_));
        if todo == Todo::Look && !is_notebook && self.is_as_hashed(&stored, file).await? {
            return Ok(false);
        }
        let Some(code) = self.shared.options.code.clone() else {
            return Err(Stopped::unsent(format!("{path}: the files that are to be uploaded are not at hand here")));
        };
        let place = file.place.clone();
        let read = tokio::task::spawn_blocking(move || code.bytes(&place)).await;
        let bytes = match read {
            Ok(Ok(bytes)) => Bytes::from(bytes),
            Ok(Err(why)) => return Err(Stopped::unsent(format!("{path}: it cannot be read: {why}"))),
            Err(e) => return Err(Stopped::unsent(format!("{path}: reading it was broken off: {e}"))),
        };
        if content_hash(path, &bytes).as_ref() != Ok(&file.hash) {
            return Err(Stopped::Stale(vec![format!("{path} is no longer what was planned")]));
        }
        if todo == Todo::Look && is_notebook && self.is_there(&stored, file.form, &bytes).await? == Some(true) {
            return Ok(false);
        }
        let named = self.folder.file(&self.hash, path);
        self.write(&named, &stored, file.form, &bytes).await?;
        Ok(true)
    }

    /// Whether what stands there has the hash of a file.
    async fn is_as_hashed(&self, stored: &str, file: &CodeFile) -> Result<bool, Stopped> {
        let (mut hashing, mut whole) = (Hashing::default(), Vec::new());
        let came = match file.form {
            CodeForm::Archive => self.store.read(stored, file.form, &mut whole).await,
            CodeForm::File | CodeForm::Notebook(_) => self.store.read(stored, file.form, &mut hashing).await,
        };
        match came {
            Ok(()) if file.form == CodeForm::Archive => Ok(content_hash(stored, &whole).as_ref() == Ok(&file.hash)),
            Ok(()) => Ok(hashing.digits() == file.hash),
            // What cannot be read is not believed.
            Err(fault) if fault.is_gone() || too_large_to_read(&fault).is_some() => Ok(false),
            Err(fault) => Err(self.failed(fault, stored, Tried::Read).await),
        }
    }

    /// Whether these bytes stand there; `None` where so many bytes stand there and are not given back.
    async fn is_there(&self, stored: &str, form: CodeForm, bytes: &Bytes) -> Result<Option<bool>, Stopped> {
        let (mut hashing, mut whole) = (Hashing::default(), Vec::new());
        let is_notebook = matches!(form, CodeForm::Notebook(_));
        let came = match is_notebook {
            true => self.store.read(stored, form, &mut whole).await,
            false => self.store.read(stored, form, &mut hashing).await,
        };
        match came {
            Ok(()) if is_notebook => Ok(Some(is_same(bytes, &whole, form))),
            Ok(()) => {
                let mut wanted = Hashing::default();
                wanted.take(bytes);
                Ok(Some(wanted.digits() == hashing.digits()))
            }
            Err(fault) if fault.is_gone() => Ok(Some(false)),
            Err(fault) => match too_large_to_read(&fault) {
                Some(told) if told.is_none_or(|told| told == bytes.len() as u64) => Ok(None),
                Some(_) => Ok(Some(false)),
                None => Err(self.failed(fault, stored, Tried::Read).await),
            },
        }
    }

    /// Writes a file and reads it back: what it says of itself may not be what was sent, and an answer that was lost may have
    /// been a success.
    async fn write(&self, named: &str, stored: &str, form: CodeForm, bytes: &Bytes) -> Result<(), Stopped> {
        let came = self.store.write(named, bytes).await;
        match came {
            Err(fault) if !fault.may_have_happened() => Err(self.failed(fault, named, Tried::Write).await),
            came => match (self.is_there(stored, form, bytes).await, came) {
                (Ok(Some(true)), _) => Ok(()),
                (Ok(None), Ok(())) => {
                    self.unread.lock().unwrap_or_else(PoisonError::into_inner).insert(stored.to_owned());
                    Ok(())
                }
                (_, Err(fault)) => Err(self.failed(fault, named, Tried::Write).await),
                (Ok(Some(false)), Ok(())) => {
                    let why =
                        format!("{stored} was written and accepted, and what can be read there is something else");
                    Err(Stopped::Failed(CallFailure { why, call: send::Stands::Done }))
                }
                (Err(stopped), Ok(())) => Err(stopped),
            },
        }
    }

    /// Notes since when nothing names the tree.
    async fn retire(&self, day: jiff::civil::Date, sent: &mut Vec<String>) -> Result<(), Stopped> {
        let path = self.folder.unused(&self.hash, day);
        let text = Bytes::from(format!("nothing names {} since {day}\n", self.hash));
        self.write(&path, &path, CodeForm::File, &text).await?;
        sent.push(format!("wrote {path}"));
        Ok(())
    }

    /// Deletes the tree, then its notes: what is left half is never taken for whole, and is deleted by the next apply.
    async fn prune(&self, sent: &mut Vec<String>) -> Result<(), Stopped> {
        let (is_there, notes) = self.notes().await?;
        if is_there {
            let differences = self.in_use(&notes).await?;
            if !differences.is_empty() {
                return Err(Stopped::Stale(differences));
            }
            let root = self.folder.tree(&self.hash);
            let entries = match self.store.list(&root).await {
                Ok(entries) => entries.unwrap_or_default(),
                Err(fault) => return Err(self.failed(fault, &root, Tried::Read).await),
            };
            for entry in entries.iter().filter(|entry| CodeFolder::is_marker(&entry.name)) {
                self.delete(&format!("{root}/{}", entry.name), false).await?;
                sent.push(format!("deleted {root}/{}", entry.name));
            }
            self.delete(&root, true).await?;
            sent.push(format!("deleted {root}"));
        }
        for note in &notes {
            self.delete(note, false).await?;
            sent.push(format!("deleted {note}"));
        }
        Ok(())
    }

    /// What speaks against deleting the tree now, whatever was decided on.
    async fn in_use(&self, notes: &[String]) -> Result<Vec<String>, Stopped> {
        if notes.is_empty() {
            return Ok(vec!["it is used again: it is no longer noted that nothing names it".to_owned()]);
        }
        let services = &self.shared.services;
        let all = self.shared.kinds.iter().copied();
        let kinds: Vec<_> = all.filter(|kind| kind.system() == System::Databricks).collect();
        let unread = |why: String| Stopped::unsent(format!("nothing was deleted: what names it cannot be read: {why}"));
        let (live, refused) = observe::listed(services, &kinds, &self.shared.scopes, &UnwatchedRead)
            .await
            .map_err(|fault| unread(fault.to_string()))?;
        if let Some((_, fault)) = refused.first() {
            return Err(unread(fault.to_string()));
        }
        if seen::named_by(&live, &self.folder).contains(&self.hash) {
            return Ok(vec!["a live object names it again".to_owned()]);
        }
        let runs = seen::named_by_runs(services, &self.folder).await.map_err(unread)?;
        Ok(if runs.contains(&self.hash) { vec!["an active run names it".to_owned()] } else { Vec::new() })
    }
}

/// What is to be done to which files.
fn todo(tree: &CodeTree, found: &SeenTree) -> Vec<(String, Todo)> {
    let is_vouched = !found.state.markers.is_empty();
    let of = |path: &String| {
        if found.missing_all || found.state.missing.contains(path) || found.state.changed.contains(path) {
            Some(Todo::Write)
        } else {
            (!is_vouched).then_some(Todo::Look)
        }
    };
    tree.files.keys().filter_map(|path| Some((path.clone(), of(path)?))).collect()
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
#[path = "code_tests.rs"]
mod tests;
