//! What is known of a migration without asking a service: git, reports, kept runs and kept diagnoses, as they are in the
//! project's folder or were at a commit.

use crate::cli::session::Project;
use crate::disk::Disk;
use crate::git::{Repo, WalkedFiles};
use crate::settings;
use crate::ui::{Failure, Ui};
use jiff::Timestamp;
use plumb_core::cost::facts::KeptRuns;
use plumb_core::diagnose::Diagnosis;
use plumb_core::diagnose::kept::read_kept;
use plumb_core::kinds::emr::migration::MigrationSpec;
use plumb_core::manifest::{is_yaml, tidy};
use plumb_core::migrate::dates::{DatesOfFiles, EarlierFiles};
use plumb_core::migrate::files::{RECORD, StageFiles, stage_file};
use plumb_core::migrate::manifests::{board_manifests, compared_by};
use plumb_core::migrate::periods::{PeriodsSeen, periods_seen, wanted};
use plumb_core::migrate::stage::{MigrationStage, StageDates};
use plumb_core::teardown::{Evidence, MigrationStatus, parity_status};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where diagnoses are kept.
const DIAGNOSES: &str = "evidence/diagnoses";
/// Where reports of comparisons are kept.
const REPORTS: &str = "evidence";

/// What is known without asking a service.
pub struct Sources {
    /// As of when: now, or when the commit was made that is looked at.
    pub now: Timestamp,
    /// The files that stages are read off.
    pub files: StageFiles,
    /// What earlier commits tell, by migration.
    pub earlier: BTreeMap<String, EarlierFiles>,
    /// The comparisons.
    pub compared: Vec<MigrationStatus>,
    /// The runs of the target that were kept.
    pub kept: Vec<KeptRuns>,
    /// The diagnoses of the target that were kept.
    pub diagnoses: Vec<Diagnosis>,
    /// What of all this could not be read.
    pub unread: Vec<String>,
}

/// Reads all of it.
///
/// # Errors
/// The evidence or the repository cannot be read. A file that makes no sense is warned of, and passed over.
pub fn sources(project: &Project, ui: &Ui) -> Result<Sources, Failure> {
    let (now, _) = settings::now().map_err(Failure::error)?;
    let (mut unread, mut earlier) = (Vec::new(), BTreeMap::new());
    let now = match (&project.repo, &project.targeted.at) {
        (Some(repo), Some(_)) => repo.head_time().ok().flatten().unwrap_or(now),
        _ => now,
    };
    if let Some(repo) = &project.repo {
        match history(project, repo) {
            Ok((found, read)) => {
                earlier = found.into_iter().map(|one| (one.dates.migration.clone(), one)).collect();
                ui.detail(&format!("read {read} commits, trees and files of git"));
            }
            Err(why) => unread.push(format!("since when stages hold: git: {why}")),
        }
    } else {
        unread.push("since when stages hold: this is no git repository".into());
    }
    let key = settings::evidence_key();
    let reports = texts(project, REPORTS)?;
    let evidence = Evidence::read(reports, key.as_deref());
    for (path, why) in &evidence.broken {
        ui.warn(&format!("{path} is no report: {why}"));
        unread.push(format!("{path} is no report: {why}"));
    }
    let compared = parity_status(&compared_by(&project.desired), &evidence, now);
    let target = &project.desired.target.name;
    let kept_files = project.kept_runs()?;
    kept_files.notes().iter().for_each(|note| ui.warn(note));
    unread.extend(kept_files.notes());
    let mut kept = kept_files.runs();
    kept.retain(|one| one.target == *target);
    kept.sort_by(|a, b| (&a.migration, &a.period).cmp(&(&b.migration, &b.period)));
    let mut diagnoses = Vec::new();
    for (path, text) in texts(project, DIAGNOSES)? {
        match text.and_then(|text| read_kept(&text)) {
            Ok(one) if one.target == *target => diagnoses.push(one.diagnosis),
            Ok(_) => {}
            Err(why) => {
                ui.warn(&format!("{path} is no kept diagnosis: {why}"));
                unread.push(format!("{path} is no kept diagnosis: {why}"));
            }
        }
    }
    Ok(Sources { now, files: files(project)?, earlier, compared, kept, diagnoses, unread })
}

impl Sources {
    /// The comparisons of a migration.
    pub fn compared(&self, migration: &str) -> Option<&MigrationStatus> {
        self.compared.iter().find(|one| one.migration == migration)
    }

    /// The kept runs of a migration, by period.
    pub fn kept(&self, migration: &str) -> &[KeptRuns] {
        let from = self.kept.partition_point(|one| one.migration.as_str() < migration);
        let of = self.kept.get(from..).unwrap_or_default();
        of.get(..of.partition_point(|one| one.migration == migration)).unwrap_or_default()
    }

    /// What is known of the periods of a migration.
    pub fn periods(&self, migration: &str, spec: &MigrationSpec) -> PeriodsSeen {
        let compared = self.compared(migration);
        periods_seen(wanted(spec, compared), self.kept(migration), compared)
    }

    /// When a migration reached its stages, as far as git and evidence tell.
    pub fn dates(&self, migration: &str, spec: &MigrationSpec) -> StageDates {
        let mut dates = self.earlier.get(migration).map(|one| one.dates.clone()).unwrap_or_default();
        migration.clone_into(&mut dates.migration);
        dates.wave.clone_from(&spec.wave);
        let periods = self.periods(migration, spec);
        let runs = self.kept(migration).iter().flat_map(|one| &one.runs).filter_map(|run| run.started).min();
        let first = runs.into_iter().chain(dates.reached.get(&MigrationStage::Inventoried).copied()).min();
        for (stage, at) in [
            (MigrationStage::Seen, first),
            (MigrationStage::InParallel, periods.first_parallel()),
            (MigrationStage::Parity, periods.enough),
        ] {
            dates.reached.extend(at.map(|at| (stage, at)));
        }
        dates
    }
}

/// What the commits up to the present one tell.
fn history(project: &Project, repo: &Repo) -> Result<(Vec<EarlierFiles>, usize), String> {
    let migrations = board_manifests(&project.desired);
    let mut dates = DatesOfFiles::of(migrations.iter().map(|one| (one.name().to_owned(), one.spec.wave.clone())));
    let paths: Vec<String> =
        project.manifests().iter().map(|path| tidy(path).unwrap_or_else(|_| path.clone())).collect();
    let files = WalkedFiles { paths: &paths, is_wanted: &is_wanted, read: &stage_file, without_first: false };
    let mut newer = None;
    let end = repo.walk_files(&files, &mut |step| {
        let goes_on = dates.state(step.at, newer, step.changed);
        newer = Some(step.at);
        goes_on
    });
    let end = end.map_err(|e| e.to_string())?;
    Ok((dates.ended(end.is_cut_off), end.objects))
}

fn is_wanted(path: &str) -> bool {
    is_yaml(path) || path.rsplit('/').next() == Some(RECORD)
}

/// The files that stages are read off, as the manifests were read.
fn files(project: &Project) -> Result<StageFiles, Failure> {
    let failed = |e: String| Failure::error(e);
    let mut found = StageFiles::new();
    let paths = project.manifests();
    if let (Some(repo), Some(rev)) = (&project.repo, &project.targeted.at) {
        let texts = repo.files_at("HEAD", &paths).map_err(|e| failed(format!("--at {rev}: {e}")))?;
        for (path, text) in texts.into_iter().filter(|(path, _)| is_wanted(path)) {
            let file = stage_file(&path, &String::from_utf8_lossy(&text));
            found.insert(path, Arc::new(file));
        }
        return Ok(found);
    }
    let texts = project.texts()?;
    let disk = Disk::new(&project.dir).map_err(|e| failed(e.to_string()))?;
    for (path, text) in texts {
        let record = path.rsplit_once('/').map(|(folder, _)| format!("{folder}/{RECORD}"));
        for record in record.into_iter().filter(|record| !found.contains_key(record)).collect::<Vec<_>>() {
            if let Some(text) = disk.text_at(&record).map_err(failed)? {
                found.insert(record.clone(), Arc::new(stage_file(&record, &text)));
            }
        }
        let file = stage_file(&path, &String::from_utf8_lossy(&text));
        found.insert(path, Arc::new(file));
    }
    Ok(found)
}

/// The path of a file, and its text or why there is none.
type ReadText = (String, Result<String, String>);

/// The JSON files of a folder, in the project's folder or at the commit that is looked at.
fn texts(project: &Project, folder: &str) -> Result<Vec<ReadText>, Failure> {
    let failed = |e: String| Failure::error(format!("{folder}/: {e}"));
    if let (Some(repo), Some(_)) = (&project.repo, &project.targeted.at) {
        let files = repo.files_of("HEAD").and_then(|files| files.folder(folder, ".json"));
        let files = files.map_err(|e| failed(e.to_string()))?;
        return Ok(files.into_iter().map(|(path, text)| (path, Ok(text))).collect());
    }
    let disk = Disk::new(&project.dir).map_err(|e| failed(e.to_string()))?;
    let files = disk.files(folder, ".json").map_err(failed)?;
    Ok(files.into_iter().map(|file| (file.path.clone(), disk.text(&file))).collect())
}
