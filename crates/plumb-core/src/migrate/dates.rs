//! When the stages that files tell of were reached, out of the states that the files went through.

use super::files::{FileStage, StageFile, StageFiles, file_stage};
use super::stage::{MigrationStage, StageDates};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The stages that files tell of.
const OF_FILES: [MigrationStage; 3] =
    [MigrationStage::Inventoried, MigrationStage::Translated, MigrationStage::Decided];

/// Walks a project's states from the newest to the oldest, and keeps since when each stage holds without a break.
pub struct DatesOfFiles {
    files: StageFiles,
    migrations: Vec<DatedMigration>,
}

struct DatedMigration {
    dates: StageDates,
    stage: FileStage,
    /// The stages that held at every state so far.
    unbroken: BTreeSet<MigrationStage>,
    /// The states before its manifest was there tell nothing.
    is_over: bool,
    /// When each stage stopped to hold that had held before.
    lost: BTreeMap<MigrationStage, Timestamp>,
}

/// What the files of earlier commits tell of a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlierFiles {
    pub dates: StageDates,
    /// A stage that held before and does not now, and since when.
    pub lost: BTreeMap<MigrationStage, Timestamp>,
}

/// Whether a stage holds, by files.
fn holds(stage: &FileStage, of: MigrationStage) -> bool {
    match of {
        MigrationStage::Inventoried => stage.inventoried,
        MigrationStage::Translated => stage.translated,
        _ => stage.translated && stage.decisions.is_empty(),
    }
}

impl DatesOfFiles {
    /// A walk for migrations, each with its wave.
    pub fn of(migrations: impl IntoIterator<Item = (String, Option<String>)>) -> DatesOfFiles {
        let one = |(migration, wave)| DatedMigration {
            dates: StageDates { migration, wave, reached: BTreeMap::new() },
            stage: FileStage::default(),
            unbroken: OF_FILES.into_iter().collect(),
            is_over: false,
            lost: BTreeMap::new(),
        };
        DatesOfFiles { files: BTreeMap::new(), migrations: migrations.into_iter().map(one).collect() }
    }

    /// Takes the next older state: what is different in it, and when it came about. `newer` is when the state after it did.
    /// Answers whether an older state could tell more.
    pub fn state(
        &mut self,
        at: Timestamp,
        newer: Option<Timestamp>,
        changed: Vec<(String, Option<Arc<StageFile>>)>,
    ) -> bool {
        let folder = |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let touched: BTreeSet<String> = changed.iter().map(|(path, _)| folder(path)).collect();
        // One that names other manifests, or another home of one, may have become another's.
        let is_wide = newer.is_none() || changed.iter().any(|(path, file)| self.moves(path, file.as_deref()));
        for (path, file) in changed {
            match file {
                Some(file) => drop(self.files.insert(path, file)),
                None => drop(self.files.remove(&path)),
            }
        }
        let mut goes_on = false;
        for one in self.migrations.iter_mut().filter(|one| !one.is_over) {
            if is_wide || one.stage.files.iter().any(|path| touched.contains(&folder(path))) {
                one.stage = file_stage(&self.files, &one.dates.migration);
            }
            one.is_over = one.stage.files.is_empty();
            goes_on |= !one.is_over;
            for stage in OF_FILES {
                let held = holds(&one.stage, stage);
                if held && one.unbroken.contains(&stage) {
                    one.dates.reached.insert(stage, at);
                } else if held && !one.dates.reached.contains_key(&stage) {
                    one.lost.entry(stage).or_insert(newer.unwrap_or(at));
                } else if !held {
                    one.unbroken.remove(&stage);
                }
            }
        }
        goes_on
    }

    /// Whether a file has other manifests, or other migrations, in the older state.
    fn moves(&self, path: &str, older: Option<&StageFile>) -> bool {
        let nothing = StageFile::default();
        let newer = self.files.get(path).map_or(&nothing, |file| &**file);
        let older = older.unwrap_or(&nothing);
        newer.addresses != older.addresses || newer.migrations != older.migrations
    }

    /// What was found. Where the history was cut off, what held up to there began at some time before: its date is not known.
    pub fn ended(self, is_cut_off: bool) -> Vec<EarlierFiles> {
        let end = |mut one: DatedMigration| {
            if is_cut_off && !one.is_over {
                one.dates.reached.retain(|stage, _| !one.unbroken.contains(stage));
            }
            EarlierFiles { dates: one.dates, lost: one.lost }
        };
        self.migrations.into_iter().map(end).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::files::stage_file;
    use super::*;

    const MIGRATION: &str = "kind: Migration\nmetadata: {name: churn}\nspec: {from: {emr: [EmrCluster/old]}, to: {jobs: [DatabricksJob/new]}}\n";
    const OLD: &str = "kind: EmrCluster\nmetadata: {name: old}\n";
    const OPEN: &str = "kind: DatabricksJob\nmetadata: {name: new}\n# DECISION: a\n";
    const DONE: &str = "kind: DatabricksJob\nmetadata: {name: new}\n";

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + day * 86_400).unwrap()
    }

    fn changed(files: &[(&str, Option<&str>)]) -> Vec<(String, Option<Arc<StageFile>>)> {
        let one = |(path, text): &(&str, Option<&str>)| {
            ((*path).to_owned(), text.map(|text| Arc::new(stage_file(path, text))))
        };
        files.iter().map(one).collect()
    }

    #[test]
    fn each_stage_has_the_day_since_which_it_holds() {
        let mut dates = DatesOfFiles::of([("churn".to_owned(), Some("1".to_owned()))]);
        let all = [("m/migration.yaml", Some(MIGRATION)), ("m/legacy.yaml", Some(OLD)), ("m/job.yaml", Some(DONE))];
        assert!(dates.state(at(9), None, changed(&all)));
        assert!(dates.state(at(8), Some(at(9)), changed(&[])));
        assert!(dates.state(at(5), Some(at(8)), changed(&[("m/job.yaml", Some(OPEN))])));
        assert!(dates.state(at(3), Some(at(5)), changed(&[("m/job.yaml", None)])));
        assert!(!dates.state(at(1), Some(at(3)), changed(&[("m/migration.yaml", None)])));
        let found = dates.ended(false).remove(0);
        let want = [
            (MigrationStage::Inventoried, at(3)),
            (MigrationStage::Translated, at(5)),
            (MigrationStage::Decided, at(8)),
        ];
        assert_eq!((found.dates.reached, found.lost), (want.into(), BTreeMap::new()));
    }

    #[test]
    fn a_stage_that_held_before_was_lost_on_a_day() {
        let mut dates = DatesOfFiles::of([("churn".to_owned(), None)]);
        let all = [("m/migration.yaml", Some(MIGRATION)), ("m/legacy.yaml", Some(OLD)), ("m/job.yaml", Some(OPEN))];
        dates.state(at(9), None, changed(&all));
        dates.state(at(7), Some(at(9)), changed(&[("m/job.yaml", Some(DONE))]));
        dates.state(at(6), Some(at(7)), changed(&[("m/job.yaml", Some(OPEN))]));
        let found = dates.ended(true).remove(0);
        assert_eq!(found.lost, [(MigrationStage::Decided, at(9))].into());
        assert_eq!(found.dates.reached, BTreeMap::new(), "the history was cut off: it may have begun before");
    }
}
