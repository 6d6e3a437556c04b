//! The DAG folder: which files there are, when they are noticed, and what becomes of the DAGs they define.

use super::{AirflowState, Dag, Version, definition::Definition, parse::Parsed};
use crate::store::Store;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

/// One file as the DAG processor knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct File {
    /// What is in the folder; `None` when the file is gone.
    pub text: Option<String>,
    /// What was parsed last.
    pub parsed: Option<String>,
    /// When the folder changed.
    pub changed_ms: i64,
    /// How many looks at the DAGs there were since.
    pub looks: u32,
    /// Whether a request wants it parsed at once.
    pub asked: bool,
}

/// An import error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportError {
    pub id: u64,
    pub timestamp_ms: i64,
    pub stack_trace: String,
}

/// The Python files of a folder, by their paths inside it. A folder that is not there is empty.
pub fn scan(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    gather(folder, "", 0, &mut found);
    found
}

/// How deep folders are followed: a link to a folder above must not go on for ever.
const DEEPEST: usize = 8;

fn gather(folder: &Path, prefix: &str, depth: usize, found: &mut BTreeMap<String, String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') || name == "__pycache__" {
            continue;
        }
        let path = entry.path();
        let inner = format!("{prefix}{name}");
        if path.is_dir() {
            if depth < DEEPEST {
                gather(&path, &format!("{inner}/"), depth + 1, found);
            }
        } else if name.ends_with(".py")
            && let Ok(text) = std::fs::read_to_string(&path)
            && seems_to_define_dags(&text)
        {
            found.insert(inner, text);
        }
    }
}

/// Airflow passes over files that do not seem to define a DAG (`[core] dag_discovery_safe_mode`).
pub fn seems_to_define_dags(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("dag") && text.contains("airflow")
}

/// Compares the folder with what is known of it, and names the files that are to be parsed now. Those that are gone
/// are dealt with at once.
pub fn notice(store: &mut Store, found: &BTreeMap<String, String>, look: bool) -> BTreeMap<String, String> {
    let now = store.now();
    let wait = store.settings.airflow.parse_seconds;
    let state = &mut store.airflow;
    for (path, text) in found {
        let file = state.files.entry(path.clone()).or_default();
        if file.text.as_ref() != Some(text) {
            (file.text, file.changed_ms, file.looks) = (Some(text.clone()), now, 0);
        }
    }
    for (path, file) in &mut state.files {
        if !found.contains_key(path) && file.text.is_some() {
            (file.text, file.changed_ms, file.looks) = (None, now, 0);
        }
    }
    let (mut due, mut gone) = (BTreeMap::new(), Vec::new());
    for (path, file) in &mut state.files {
        // Airflow reads every file again and again; of those that are in order nothing would come of it.
        if file.text == file.parsed && !file.asked && !state.errors.contains_key(path) {
            continue;
        }
        file.looks += u32::from(look);
        let noticed = match wait {
            Some(seconds) => now >= file.changed_ms + seconds * 1000,
            None => file.looks > 1,
        };
        // A requested file waits for the processor, too.
        if !(noticed || file.asked && look) {
            continue;
        }
        match &file.text {
            Some(text) => {
                due.insert(path.clone(), text.clone());
            }
            None => gone.push(path.clone()),
        }
    }
    for path in gone {
        state.files.remove(&path);
        state.errors.remove(&path);
        for dag in state.dags.values_mut().filter(|dag| dag.file == path) {
            dag.is_stale = true;
            dag.has_import_errors = false;
        }
    }
    due
}

/// Takes in what parsing found.
pub fn take(store: &mut Store, path: &str, text: &str, parsed: Parsed) {
    let now = store.now();
    let serial = store.serial();
    let state = &mut store.airflow;
    let Some(file) = state.files.get_mut(path) else { return };
    file.parsed = Some(text.to_owned());
    (file.asked, file.changed_ms, file.looks) = (false, now, 0);
    match parsed {
        Parsed::Error(stack_trace) => {
            let id = state.errors.get(path).map_or(serial, |error| error.id);
            state.errors.insert(path.to_owned(), ImportError { id, timestamp_ms: now, stack_trace });
            // The old definition stays, and the time at which it was parsed.
            for dag in state.dags.values_mut().filter(|dag| dag.file == path) {
                dag.is_stale = true;
                dag.has_import_errors = true;
            }
        }
        Parsed::Dags(definitions) => {
            state.errors.remove(path);
            for dag in state.dags.values_mut().filter(|dag| dag.file == path) {
                dag.is_stale = !definitions.iter().any(|d| d.dag_id == dag.definition.dag_id);
                dag.has_import_errors = false;
            }
            for definition in definitions {
                define(state, path, text, definition, now);
            }
        }
    }
}

/// Adds a DAG or takes over its new definition. Of two files with one id, the one parsed last counts.
pub fn define(state: &mut AirflowState, path: &str, text: &str, definition: Definition, now: i64) {
    let id = definition.dag_id.clone();
    let ran =
        |state: &AirflowState, version: u32| state.runs.iter().any(|run| run.dag_id == id && run.version == version);
    let Some(known) = state.dags.get(&id) else {
        let dag = Dag {
            // New DAGs are paused (`[core] dags_are_paused_at_creation`) unless their file says otherwise.
            is_paused: definition.is_paused_upon_creation.unwrap_or(true),
            is_stale: false,
            has_import_errors: false,
            file: path.to_owned(),
            source: text.to_owned(),
            parsed_ms: now,
            versions: vec![Version { number: 1, created_ms: now }],
            last_end: None,
            definition,
        };
        state.dags.insert(id, dag);
        return;
    };
    // A version that has run is kept; one that has not is overwritten.
    let number = known.versions.last().map_or(0, |v| v.number);
    let another = known.definition != definition && ran(state, number);
    let Some(dag) = state.dags.get_mut(&id) else { return };
    if another {
        dag.versions.push(Version { number: number + 1, created_ms: now });
    }
    (dag.is_stale, dag.has_import_errors, dag.parsed_ms) = (false, false, now);
    (dag.file, dag.source, dag.definition) = (path.to_owned(), text.to_owned(), definition);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Clock;

    fn dag(schedule: &str) -> Parsed {
        let mut definition = Definition { dag_id: "a".to_owned(), ..Definition::default() };
        definition.schedule.cron = Some(schedule.to_owned());
        Parsed::Dags(vec![definition])
    }

    fn folder(text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("a.py".to_owned(), text.to_owned())])
    }

    #[test]
    fn a_file_is_noticed_at_the_second_look() {
        let mut store = Store::new(Clock::Fixed(0));
        let found = folder("one");
        assert!(notice(&mut store, &found, true).is_empty());
        assert!(notice(&mut store, &found, false).is_empty(), "not every request is a look");
        assert_eq!(notice(&mut store, &found, true), found);
        take(&mut store, "a.py", "one", dag("@daily"));
        assert!(notice(&mut store, &found, true).is_empty());
        assert!(store.airflow.dags["a"].is_paused);
    }

    #[test]
    fn or_after_a_time() {
        let mut store = Store::new(Clock::Fixed(0));
        store.settings.airflow.parse_seconds = Some(30);
        assert!(notice(&mut store, &folder("one"), true).is_empty());
        store.advance(30);
        assert_eq!(notice(&mut store, &folder("one"), false).len(), 1);
    }

    #[test]
    fn a_broken_file_keeps_the_old_definition_and_a_deleted_one_leaves_a_stale_dag() {
        let mut store = Store::new(Clock::Fixed(0));
        store.settings.airflow.parse_seconds = Some(0);
        notice(&mut store, &folder("one"), true);
        take(&mut store, "a.py", "one", dag("@daily"));
        store.advance(5);
        notice(&mut store, &folder("two"), true);
        take(&mut store, "a.py", "two", Parsed::Error("Traceback".to_owned()));
        // It is read again, and the error keeps its id and gets a new time.
        let first = store.airflow.errors["a.py"].clone();
        store.advance(5);
        assert_eq!(notice(&mut store, &folder("two"), true), folder("two"));
        take(&mut store, "a.py", "two", Parsed::Error("Traceback".to_owned()));
        let again = &store.airflow.errors["a.py"];
        assert!(again.id == first.id && again.timestamp_ms == first.timestamp_ms + 5000);
        let broken = &store.airflow.dags["a"];
        assert!(broken.is_stale && broken.has_import_errors && broken.parsed_ms == 0);
        assert_eq!((broken.source.as_str(), store.airflow.errors["a.py"].stack_trace.as_str()), ("one", "Traceback"));
        notice(&mut store, &folder("three"), true);
        take(&mut store, "a.py", "three", dag("@weekly"));
        assert!(!store.airflow.dags["a"].is_stale && store.airflow.errors.is_empty());
        assert_eq!(store.airflow.dags["a"].versions.len(), 1, "the first version never ran");
        notice(&mut store, &BTreeMap::new(), true);
        assert!(store.airflow.dags["a"].is_stale && store.airflow.files.is_empty());
    }

    #[test]
    fn only_python_files_that_could_define_a_dag_are_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        for (name, text) in [("a.py", "from airflow import DAG"), ("sub/b.py", "import airflow # dag"), ("c.py", "x")] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        std::fs::write(dir.path().join("d.txt"), "airflow dag").unwrap();
        assert_eq!(scan(dir.path()).into_keys().collect::<Vec<_>>(), ["a.py", "sub/b.py"]);
        assert!(scan(&dir.path().join("none")).is_empty());
    }
}
