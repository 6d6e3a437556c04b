//! What code is kept for a target.

use crate::services::code_store::{CodeStore, StoredEntry, StoredSort, WIDTH, each};
use crate::services::{PageReader, Services};
use jiff::civil::Date;
use plumb_core::code::{CodeFile, CodeFolder, CodeForm, CodeStock, CodeSummary, CodeTree, StoredTree, TreeState};
use plumb_core::manifest::Desired;
use plumb_core::plan::Live;
use plumb_model::call::{Call, ServiceError, System};
use plumb_model::read::Read;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// Looks which trees of code there are, and whether those that manifests name are whole. One listing of the folder, and one of
/// each folder of a tree that a manifest names; nothing where no manifest names code and no live object does.
pub async fn stock(services: &Services, desired: &Desired, live: &Live, today: Date) -> CodeStock {
    let code = &desired.code;
    if code.folder.path().is_empty() || !is_asked_for(desired, live) {
        return CodeStock::default();
    }
    let unread = |why: String| CodeStock { unread: Some(why), ..CodeStock::default() };
    let service = match services.for_system(System::Databricks) {
        Ok(service) => service,
        Err(fault) => return unread(fault.to_string()),
    };
    let store = CodeStore::new(service, &code.folder);
    let entries = match store.list(code.folder.path()).await {
        Ok(entries) => entries.unwrap_or_default(),
        Err(fault) => return unread(fault.to_string()),
    };
    let mut stock = CodeStock { trees: trees(&code.folder, &entries), ..CodeStock::default() };
    let named: Vec<CodeTree> =
        code.trees.values().filter(|tree| stock.trees.contains_key(&tree.hash)).cloned().collect();
    let state = |tree: CodeTree| {
        let (store, folder) = (store.clone(), code.folder.clone());
        async move {
            let state = match look(&store, &folder, &tree).await {
                Ok(seen) => seen.state,
                Err(fault) => TreeState { unread: Some(fault.to_string()), ..TreeState::default() },
            };
            Ok::<_, Infallible>((tree.hash, state))
        }
    };
    let Ok(states) = each(named, WIDTH, state).await;
    for (hash, state) in states {
        if let Some(stored) = stock.trees.get_mut(&hash) {
            stored.state = Some(state);
        }
    }
    let is_over = |day: Date| day.saturating_add(jiff::Span::new().days(i64::from(code.keep_days))) <= today;
    let idle = |(hash, tree): (&String, &StoredTree)| {
        (tree.unused_since.is_some_and(is_over) && !code.trees.contains_key(hash)).then(|| hash.clone())
    };
    let idle: BTreeSet<String> = stock.trees.iter().filter_map(idle).collect();
    if !idle.is_empty() && !idle.is_subset(&named_by(live, &code.folder)) {
        stock.runs = Some(named_by_runs(services, &code.folder).await);
    }
    stock
}

/// Whether there can be code of this target.
fn is_asked_for(desired: &Desired, live: &Live) -> bool {
    let target = desired.target.databricks.as_ref();
    !desired.code.trees.is_empty()
        || desired.project.code.keep.is_some()
        || target.is_some_and(|databricks| databricks.code.is_some())
        || !named_by(live, &desired.code.folder).is_empty()
}

/// The trees that live objects name.
pub(crate) fn named_by(live: &Live, folder: &CodeFolder) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for found in live.kinds.values().flatten() {
        named_in(&found.seen.spec(), folder, &mut named);
    }
    named
}

/// The trees that any text of a value names.
fn named_in(value: &Value, folder: &CodeFolder, named: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => named.extend(folder.named_in(text)),
        Value::Array(list) => list.iter().for_each(|value| named_in(value, folder, named)),
        Value::Object(members) => members.values().for_each(|value| named_in(value, folder, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The trees that are there or of which a note is, and what is noted.
pub(crate) fn trees(folder: &CodeFolder, entries: &[StoredEntry]) -> BTreeMap<String, StoredTree> {
    let mut trees: BTreeMap<String, StoredTree> = BTreeMap::new();
    let folders = entries.iter().filter(|entry| matches!(entry.sort, Some(StoredSort::Folder) | None));
    for entry in folders {
        if folder.place(&folder.tree(&entry.name)).is_some_and(|place| place.rest.is_empty()) {
            trees.entry(entry.name.clone()).or_default();
        }
    }
    // What is noted of a tree that is gone already is left of a pruning that did not come to its end.
    for (hash, day) in entries.iter().filter_map(|entry| CodeFolder::read_unused(&entry.name)) {
        let tree = trees.entry(hash.to_owned()).or_default();
        tree.unused_since = tree.unused_since.max(Some(day));
    }
    trees
}

/// The folder that Python keeps for itself.
const PYTHON_CACHE: &str = "__pycache__";

/// What is in a tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenTree {
    pub state: TreeState,
    /// Nothing of it is there, not even its folder.
    pub missing_all: bool,
    /// What stands where a file or a folder of the tree belongs and is none, by its path in the tree.
    pub in_the_way: BTreeSet<String>,
    /// Of all that is foreign or in the way, the folders.
    pub folders: BTreeSet<String>,
}

/// Looks into a tree: one listing of each of its folders.
pub(crate) async fn look(store: &CodeStore, folder: &CodeFolder, tree: &CodeTree) -> Result<SeenTree, ServiceError> {
    let root = folder.tree(&tree.hash);
    let list = |at: String| {
        let (store, root) = (store.clone(), root.clone());
        async move {
            let path = if at.is_empty() { root } else { format!("{root}/{at}") };
            store.list(&path).await.map(|entries| (at, entries.unwrap_or_default()))
        }
    };
    let listed = each(folders(tree).into_iter().collect(), WIDTH, list).await?;
    Ok(compare(tree, listed.into_iter().collect()))
}

/// The folders of a tree by their paths in it; the tree itself is the empty one.
pub(crate) fn folders(tree: &CodeTree) -> BTreeSet<String> {
    let mut folders = BTreeSet::from([String::new()]);
    for (path, file) in &tree.files {
        let stored = file.form.stored(path);
        folders.extend(stored.match_indices('/').map(|(end, _)| stored[..end].to_owned()));
    }
    folders
}

/// Holds what the folders of a tree show against what should be there. What a listing does not say is no difference.
fn compare(tree: &CodeTree, listed: BTreeMap<String, Vec<StoredEntry>>) -> SeenTree {
    let mut seen = SeenTree::default();
    let folders = folders(tree);
    let wanted: BTreeMap<&str, (&String, &CodeFile)> =
        tree.files.iter().map(|(path, file)| (file.form.stored(path), (path, file))).collect();
    let mut found = BTreeMap::new();
    let mut whole_since = None;
    for (at, entry) in listed.iter().flat_map(|(at, entries)| entries.iter().map(move |entry| (at, entry))) {
        let path = if at.is_empty() { entry.name.clone() } else { format!("{at}/{}", entry.name) };
        let is_folder = entry.sort == Some(StoredSort::Folder);
        // Python writes there what it made of the files beside it, whenever a run may write.
        if entry.name == PYTHON_CACHE && is_folder && !folders.contains(&path) {
            continue;
        }
        if at.is_empty() && CodeFolder::is_marker(&entry.name) && !is_folder {
            seen.state.markers.insert(path);
            whole_since = whole_since.max(entry.modified);
        } else if folders.contains(&path) {
            if !is_folder && entry.sort.is_some() {
                seen.in_the_way.insert(path);
            }
        } else if let Some((name, file)) = wanted.get(path.as_str()) {
            found.insert((*name).clone(), entry.modified);
            let is_sort = entry.sort.is_none_or(|sort| sort == sort_of(file.form));
            // Of an archive the entries count, and those of another build may take another size.
            let is_size = file.form != CodeForm::File || entry.bytes.is_none_or(|bytes| bytes == file.bytes);
            if !is_sort {
                seen.folders.extend(is_folder.then(|| path.clone()));
                seen.in_the_way.insert(path);
            }
            if !is_sort || !is_size {
                seen.state.missing.insert((*name).clone());
            }
        } else {
            seen.folders.extend(is_folder.then(|| path.clone()));
            seen.state.foreign.insert(path);
        }
    }
    for path in tree.files.keys() {
        match found.get(path) {
            None => seen.state.missing.insert(path.clone()),
            Some(Some(modified)) if whole_since.is_some_and(|since| *modified > since) => {
                !seen.state.missing.contains(path) && seen.state.changed.insert(path.clone())
            }
            Some(_) => false,
        };
    }
    seen
}

fn sort_of(form: CodeForm) -> StoredSort {
    match form {
        CodeForm::Notebook(_) => StoredSort::Notebook,
        CodeForm::File | CodeForm::Archive => StoredSort::File,
    }
}

/// The trees that active runs name. The error says why that is not known.
pub(crate) async fn named_by_runs(services: &Services, folder: &CodeFolder) -> Result<BTreeSet<String>, String> {
    // "limit: greater than 0 and less than 25" (Jobs API 2.2, runs/list).
    let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/list")
        .query("active_only", "true")
        .query("expand_tasks", "true")
        .query("limit", "24");
    let service = services.for_system(System::Databricks).map_err(|e| e.to_string())?;
    let (read, mut named) = (Read::tokens(call), BTreeSet::new());
    let mut reader = PageReader::new(&*service, &read);
    while let Some(page) = reader.next().await.map_err(|e| e.to_string())? {
        named_in(&page, folder, &mut named);
        let runs = page["runs"].as_array().into_iter().flatten();
        for run in runs.filter(|run| run["has_more"] == Value::Bool(true)) {
            // A listing shows 100 tasks of a run.
            let id = match &run["run_id"] {
                Value::Number(id) => id.to_string(),
                Value::String(id) => id.clone(),
                _ => return Err("a run is listed without an id, and not all of its tasks".into()),
            };
            let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/get").query("run_id", id);
            let pages = crate::services::read(&*service, &Read::tokens(call)).await.map_err(|e| e.to_string())?;
            pages.iter().for_each(|page| named_in(page, folder, &mut named));
        }
    }
    Ok(named)
}

/// What the index of a tree is called, so that a reader can refuse those it does not know.
const FORMAT: &str = "plumb.code/v1";

/// The content of a tree's marker: every file with its hash.
pub(crate) fn index_text(tree: &CodeTree) -> String {
    let file = |(path, file): (&String, &CodeFile)| {
        (path.clone(), serde_json::json!({ "hash": file.hash, "bytes": file.bytes, "form": file.form.label() }))
    };
    let files: serde_json::Map<String, Value> = tree.files.iter().map(file).collect();
    let index = serde_json::json!({ "format": FORMAT, "hash": tree.hash, "files": files });
    format!("{index}\n")
}

/// Reads the index of a tree: what its files were when it was written. The error says why that is not known.
pub async fn index(
    services: &Services,
    folder: &CodeFolder,
    hash: &str,
) -> Result<BTreeMap<String, CodeSummary>, String> {
    let service = services.for_system(System::Databricks).map_err(|e| e.to_string())?;
    let store = CodeStore::new(service, folder);
    let entries = store.list(&folder.tree(hash)).await.map_err(|e| e.to_string())?;
    let markers = entries.iter().flatten().filter(|entry| CodeFolder::is_marker(&entry.name));
    let newest = markers.max_by_key(|entry| entry.modified).ok_or("it is not there, or not whole")?;
    let mut bytes = Vec::new();
    let path = folder.file(hash, &newest.name);
    store.read(&path, CodeForm::File, &mut bytes).await.map_err(|e| e.to_string())?;
    read_index(&bytes).ok_or_else(|| format!("{path} is no index of code"))
}

fn read_index(bytes: &[u8]) -> Option<BTreeMap<String, CodeSummary>> {
    let index: Value = serde_json::from_slice(bytes).ok()?;
    let files = index["files"].as_object().filter(|_| index["format"] == FORMAT)?;
    let file = |(path, file): (&String, &Value)| {
        let summary = CodeSummary { hash: file["hash"].as_str()?.to_owned(), bytes: file["bytes"].as_u64()? };
        Some((path.clone(), summary))
    };
    files.iter().map(file).collect()
}

#[cfg(test)]
#[path = "code_tests.rs"]
mod tests;
