//! What the files of manifests tell of a migration's first stages, by their texts alone: so it can be asked of every commit.

use crate::kinds::emr::migration::{Migration, MigrationSpec};
use crate::manifest::decision_lines;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What `import emr` keeps beside manifests: the account of every value.
pub const RECORD: &str = "translation.json";

/// What one file tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageFile {
    /// The addresses of its manifests: `DatabricksJob/audience`.
    pub addresses: BTreeSet<String>,
    /// The migrations in it, with what each names.
    pub migrations: BTreeMap<String, BTreeSet<String>>,
    /// The lines on which a decision is open.
    pub decisions: Vec<usize>,
    /// Of the account of a translation: whether it can be read.
    pub record: Option<bool>,
}

/// The files of a project at one moment, by their paths.
pub type StageFiles = BTreeMap<String, Arc<StageFile>>;

/// Where a migration stands, by files alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileStage {
    /// Its manifest is there, and those of what is old.
    pub inventoried: bool,
    /// The manifests of what is new are there, and the account of the translation can be read where there is one.
    pub translated: bool,
    /// Open decisions: file and line.
    pub decisions: Vec<(String, usize)>,
    /// The files that were looked at.
    pub files: BTreeSet<String>,
}

/// Reads a file. What makes no sense in it tells nothing: loading the manifests says that much better.
pub fn stage_file(path: &str, text: &str) -> StageFile {
    if folder(path).1 == RECORD {
        let is_record =
            |v: serde_json::Value| v.get("manifests").is_some_and(serde_json::Value::is_array) && v["version"].is_u64();
        return StageFile { record: Some(serde_json::from_str(text).is_ok_and(is_record)), ..StageFile::default() };
    }
    let mut file = StageFile { decisions: decision_lines(text), ..StageFile::default() };
    for document in documents(text) {
        let (Some(kind), Some(name)) = (top(document, "kind:"), name(document)) else { continue };
        if kind == Migration::NAME {
            file.migrations.insert(name.clone(), names(document));
        }
        file.addresses.insert(format!("{kind}/{name}"));
    }
    file
}

/// The documents of a text.
fn documents(text: &str) -> Vec<&str> {
    let (mut all, mut from, mut at) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            all.push(&text[from..at]);
            from = at + line.len();
        }
        at += line.len();
    }
    all.push(&text[from..]);
    all
}

/// The plain value of a key at the top of a document.
fn top(document: &str, key: &str) -> Option<String> {
    document.lines().find_map(|line| plain(line.strip_prefix(key)?))
}

/// `metadata.name`.
fn name(document: &str) -> Option<String> {
    let mut lines = document.lines().skip_while(|line| !line.starts_with("metadata:"));
    let head = lines.next()?;
    if let Some((_, rest)) = head.split_once('{') {
        let part = rest.split([',', '}']).find_map(|part| part.trim().strip_prefix("name:"))?;
        return plain(part);
    }
    lines
        .take_while(|line| line.is_empty() || line.starts_with([' ', '#']))
        .find_map(|line| plain(line.strip_prefix("  name:")?))
}

/// A value as it is meant: without quotes and comment.
fn plain(text: &str) -> Option<String> {
    let text = text.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// The addresses that a migration names.
fn names(document: &str) -> BTreeSet<String> {
    #[derive(Deserialize)]
    struct Whole {
        spec: MigrationSpec,
    }
    let Ok(Whole { spec }) = serde_yaml::from_str(document) else { return BTreeSet::new() };
    let dags = [spec.from.dags, spec.to.dags].into_iter().flatten().flatten();
    spec.from.emr.into_iter().chain(spec.to.jobs).chain(dags).collect()
}

/// A path's folder and its last part.
fn folder(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Where a migration stands in these files.
///
/// Its files are those of its folder if no other migration is there, and else those that have a manifest that it names: a
/// decision of a neighbour is not its own.
pub fn file_stage(files: &StageFiles, migration: &str) -> FileStage {
    let Some((home, of)) = files.iter().find_map(|(path, file)| Some((path, file.migrations.get(migration)?))) else {
        return FileStage::default();
    };
    let own = folder(home).0;
    let inside = || {
        let start = if own.is_empty() { String::new() } else { format!("{own}/") };
        let all = files.range(start.clone()..).take_while(move |(path, _)| path.starts_with(&start));
        all.filter(|(path, _)| folder(path).0 == own)
    };
    let is_alone = inside().map(|(_, file)| file.migrations.len()).sum::<usize>() == 1;
    let missing = |kinds: &dyn Fn(&str) -> bool| {
        of.iter().filter(|address| kinds(address)).any(|one| !files.values().any(|f| f.addresses.contains(one)))
    };
    let is_old =
        |address: &str| address.split('/').next().is_some_and(|kind| crate::kinds::teardown::find(kind).is_some());
    let mut chosen: BTreeSet<String> = BTreeSet::from([home.clone()]);
    if is_alone {
        chosen.extend(inside().map(|(path, _)| path.clone()));
    } else {
        let named = files.iter().filter(|(_, file)| file.addresses.iter().any(|address| of.contains(address)));
        chosen.extend(named.map(|(path, _)| path.clone()));
    }
    let looked = || chosen.iter().filter_map(|path| Some((path, files.get(path)?)));
    let decisions = looked().flat_map(|(path, file)| file.decisions.iter().map(|line| (path.clone(), *line))).collect();
    let inventoried = !of.is_empty() && !missing(&is_old);
    FileStage {
        inventoried,
        translated: inventoried && !missing(&|one| !is_old(one)) && looked().all(|(_, f)| f.record != Some(false)),
        decisions,
        files: chosen,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MIGRATION: &str = "apiVersion: plumb/v1\nkind: Migration\nmetadata: {name: churn}\nspec:\n  from: {emr: [EmrCluster/old]}\n  to: {jobs: [DatabricksJob/churn]}\n";
    const JOB: &str = "kind: DatabricksJob\nmetadata:\n  # DECISION: which name\n  name: churn   # short\nspec:\n  tasks:\n    - # DECISION: how many\n      x: 1\n";
    const OLD: &str = "kind: EmrCluster\nmetadata:\n  labels: {a: b}\n  name: \"old\"\n";

    fn files(all: &[(&str, &str)]) -> StageFiles {
        all.iter().map(|(path, text)| ((*path).to_owned(), Arc::new(stage_file(path, text)))).collect()
    }

    #[test]
    fn a_folder_tells_how_far_its_migration_is() {
        let at = |all: &[(&str, &str)]| {
            let stage = file_stage(&files(all), "churn");
            (stage.inventoried, stage.translated, stage.decisions.len())
        };
        assert_eq!(at(&[]), (false, false, 0));
        assert_eq!(at(&[("m/c/migration.yaml", MIGRATION)]), (false, false, 0));
        let (migration, legacy) = (("m/c/migration.yaml", MIGRATION), ("m/c/legacy.yaml", OLD));
        assert_eq!(at(&[migration, legacy]), (true, false, 0));
        let job = ("m/c/job.yaml", JOB);
        assert_eq!(at(&[migration, legacy, job]), (true, true, 2));
        assert_eq!(at(&[migration, legacy, job, ("m/c/translation.json", "{")]), (true, false, 2));
        let record = ("m/c/translation.json", "{\"version\":1,\"manifests\":[]}");
        assert_eq!(at(&[migration, legacy, job, record]), (true, true, 2));
        let decided = JOB.replace("DECISION", "decided");
        assert_eq!(at(&[migration, legacy, ("m/c/job.yaml", &decided), record]), (true, true, 0));
        // What stands in a folder below or beside is not its own.
        assert_eq!(at(&[migration, legacy, ("m/c/job.yaml", &decided), ("m/c/x/a.yaml", JOB)]), (true, true, 0));
    }

    #[test]
    fn a_neighbours_decision_is_not_its_own() {
        let other = MIGRATION.replace("churn", "sales").replace("EmrCluster/old", "EmrCluster/older");
        let all = format!("{MIGRATION}---\n{other}");
        let job = JOB.replace("DECISION", "done");
        let sales = JOB.replace("churn", "sales");
        let older = OLD.replace("old", "older");
        let all = files(&[
            ("m/all.yaml", &all),
            ("m/a.yaml", &job),
            ("m/b.yaml", &sales),
            ("m/c.yaml", OLD),
            ("m/d.yaml", &older),
        ]);
        assert_eq!(file_stage(&all, "churn").decisions, []);
        assert_eq!(file_stage(&all, "sales").decisions, [("m/b.yaml".into(), 3), ("m/b.yaml".into(), 7)]);
        assert!(file_stage(&all, "churn").translated && !file_stage(&all, "nobody").inventoried);
    }

    #[test]
    fn whatever_a_text_holds_it_is_read() {
        for text in [
            "",
            "---",
            "---\n---\n",
            "kind: Migration\nmetadata: {name: x}\nspec: 3\n",
            "\u{0}\u{ff}",
            "kind:\nmetadata:\n",
        ] {
            stage_file("a.yaml", text);
        }
        assert_eq!(stage_file("a.yaml", "# DECISION: a\nx: '# DECISION: no'\n").decisions, [1]);
    }
}
