//! `plumb cost --keep`: the facts of runs as files of the project, before the services forget them.

use crate::cli::diagnose::keep::{FOLDER as DIAGNOSES, checked};
use crate::cli::diagnose::{LookBack, connect};
use crate::cli::reading;
use crate::cli::session::{Project, kept_runs_in};
use crate::disk::{Disk, replace};
use crate::observe::billing::measure;
use crate::observe::cost::{AlreadyKnown, CostReading, PlacedRun, RunsFound, migrations};
use crate::services::Services;
use crate::services::databricks::statements::{StatementError, Statements};
use crate::services::databricks::warehouse::Warehouse;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumb_core::cost::billing::{to_measure, unread};
use plumb_core::cost::facts::{
    KeptFiles, KeptRun, KeptRuns, NOT_READ, RUNS_FOLDER, RunResult, RunSide, RunSystem, RunTrigger,
};
use plumb_core::cost::merge::merge;
use plumb_core::cost::place::{DagRunFacts, belongs_to, dag_run_at};
use plumb_core::diagnose::kept::read_kept;
use plumb_core::diagnose::result::RunOutcome;
use plumb_core::kinds::emr::migration::Migration;
use plumb_core::manifest::read_json;
use plumb_core::parity::replay::{REPLAY_FORMAT, ReplayRecord, ReplayRun};
use plumb_model::call::System;
use plumb_model::secrets::Vault;
use plumb_model::yaml::nearest;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

/// How far back is looked where nobody says it: as long as EMR remembers clusters.
const USUAL: LookBack = LookBack::Days(60);
/// Where `plumb parity replay` keeps which runs it started.
const REPLAYS: &str = "evidence/replays";

/// Reads the runs of migrations and keeps what is new.
pub async fn run(
    project: &Project,
    folder: &str,
    since: Option<&LookBack>,
    names: &[String],
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let folder = checked(folder, RUNS_FOLDER)?;
    let names = wanted(project, names)?;
    let (now, _) = settings::now().map_err(Failure::error)?;
    let since = since.unwrap_or(&USUAL).from(now).map_err(Failure::usage)?;
    let desired = &project.desired;
    let chosen = migrations(desired, &names).map_err(Failure::error)?;
    if chosen.is_empty() {
        let failure = Failure::error("the project has no Migration, so there are no runs to keep");
        return Err(failure.hint("`plumb import emr` writes one for each pipeline"));
    }
    let failed = |e: String| Failure::error(format!("{folder}: {e}"));
    let disk = Disk::new(&project.dir).map_err(|e| failed(e.to_string()))?;
    let files = kept_runs_in(&disk, &folder).map_err(failed)?;
    for note in files.notes() {
        ui.warn(&note);
    }
    let target = &desired.target.name;
    let of_target = files.files.iter().map(|(_, kept)| kept).filter(|kept| kept.target == *target);
    let known = AlreadyKnown::new(of_target, replays(&disk, target, ui)?, warehouse(project).is_some());
    let reached = connect::reach(project, ui).await?;
    let services = &reached.services.services;
    let look = CostReading { services, absent: &reached.services.absent, desired, known: &known, since, now };
    let progress = ui.progress();
    let read = reading::counted(&|| services.requests_of_all(), &*progress, look.read(&chosen)).await;
    let mut found = read.map_err(|fault| Failure::error(format!("reading the runs failed: {fault}")))?;
    measured(project, services, &mut found, since, now, ui).await;
    for placed in &mut found.runs {
        hide(&mut placed.run, &desired.vault);
    }
    let is_whole = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
    let mut keeping = Keeping { disk, folder, target: target.clone(), files, causes: BTreeMap::new(), ui };
    keeping.causes = causes(&keeping.disk, target, ui)?;
    let told = keeping.keep(&mut found, &is_whole)?;
    report(&found, &told, &keeping, ui)
}

/// The SQL warehouse that the target names.
fn warehouse(project: &Project) -> Option<&String> {
    project.desired.target.databricks.as_ref()?.warehouse.as_ref()
}

/// Fills in the DBUs that Databricks measured, where the target names a warehouse. Without them they follow from the nodes.
async fn measured(
    project: &Project,
    services: &Services,
    found: &mut RunsFound,
    since: Timestamp,
    now: Timestamp,
    ui: &Ui,
) {
    let Some(warehouse) = warehouse(project) else { return };
    let mut runs: Vec<&mut KeptRun> = found.runs.iter_mut().map(|placed| &mut placed.run).collect();
    if to_measure(runs.iter().map(|run| &**run)).is_empty() {
        return;
    }
    let read = async {
        let service = services.for_system(System::Databricks).map_err(StatementError::from)?;
        let statements = Statements::new(service.clone(), Warehouse::find(&*service, warehouse).await?);
        measure(&statements, &mut runs, since.to_zoned(TimeZone::UTC).date(), now).await
    };
    match read.await {
        Ok(count) => ui.detail(&format!("system.billing.usage has the DBUs of {count} runs")),
        Err(error) => {
            let help = error.help().map_or_else(String::new, |help| format!("; {help}"));
            ui.warn(&format!("measured DBUs were not read: {error}{help}"));
            unread(runs);
        }
    }
}

/// The names of migrations, with or without their kind.
fn wanted(project: &Project, names: &[String]) -> Result<Vec<String>, Failure> {
    let all = project.desired.resources.iter().filter(|r| r.address.kind == Migration::NAME);
    let known: Vec<&str> = all.map(|r| r.address.name.as_str()).collect();
    let mut wanted = Vec::new();
    for name in names {
        let bare = name.strip_prefix(Migration::NAME).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
        if !known.contains(&bare) {
            let failure = Failure::usage(format!("there is no migration `{bare}`"));
            return Err(match nearest(bare, known.iter().copied()) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure,
            });
        }
        wanted.push(bare.to_owned());
    }
    Ok(wanted)
}

/// Hides what is a secret of the project in the texts of a run: they come from outside.
fn hide(run: &mut KeptRun, vault: &Vault) {
    let stages = run.stages.iter_mut().map(|stage| &mut stage.name);
    for text in [&mut run.name].into_iter().chain(stages).chain(&mut run.unknown).chain(&mut run.dag_run) {
        *text = vault.hide_in(text);
    }
}

/// Which runs were replays: the migration, the period, the run's id.
fn replays(disk: &Disk, target: &str, ui: &Ui) -> Result<Vec<(String, String, String)>, Failure> {
    let mut all = Vec::new();
    let files = disk.files(REPLAYS, ".json").map_err(|e| Failure::error(format!("{REPLAYS}: {e}")))?;
    for file in files {
        match disk.text(&file).and_then(|text| read_json::<ReplayRecord>(&text)) {
            Ok(replay) if replay.format != REPLAY_FORMAT => {
                ui.warn(&format!("{} is not read: it is no `{REPLAY_FORMAT}`", file.path));
            }
            // The ids of two workspaces are two worlds.
            Ok(replay) if replay.target != target => {}
            Ok(replay) => {
                let of = |run: &ReplayRun| (replay.migration.clone(), replay.period.clone(), run.run_id.to_string());
                all.extend(replay.runs.iter().map(of));
            }
            Err(why) => ui.warn(&format!("{} is not read: {why}", file.path)),
        }
    }
    Ok(all)
}

/// The causes that kept diagnoses found, by the system's family and the run's id.
type Causes = BTreeMap<(&'static str, String), String>;

fn causes(disk: &Disk, target: &str, ui: &Ui) -> Result<Causes, Failure> {
    let mut causes = Causes::new();
    let files = disk.files(DIAGNOSES, ".json").map_err(|e| Failure::error(format!("{DIAGNOSES}: {e}")))?;
    for file in files {
        let kept = match disk.text(&file).and_then(|text| read_kept(&text)) {
            Ok(kept) => kept,
            Err(why) => {
                ui.warn(&format!("{} is no kept diagnosis: {why}", file.path));
                continue;
            }
        };
        let diagnosis = kept.diagnosis;
        if kept.target != target || diagnosis.outcome != RunOutcome::Failed {
            continue;
        }
        let family = if diagnosis.system == "databricks" { "databricks" } else { "emr" };
        if let (Some(run), Some(cause)) = (diagnosis.run, diagnosis.cause) {
            // `j-…/s-…` is of the cluster, `APPLICATION/JOBRUN` of the job run: both parts name it.
            for part in run.split('/') {
                causes.entry((family, part.to_owned())).or_insert_with(|| cause.class.clone());
            }
        }
    }
    Ok(causes)
}

/// The runs of DAGs by migration and side.
type DagRunsOfSides = BTreeMap<(String, RunSide), Vec<DagRunFacts>>;

/// What became of one file.
struct KeptFile {
    migration: String,
    period: String,
    path: String,
    runs: usize,
    new: usize,
    changed: usize,
    unknown: Vec<String>,
}

/// Whether the facts of a migration and period have a file.
enum KeptOrNot {
    Kept(KeptFile),
    /// What stands at its path is not understood.
    Occupied(String),
}

/// The folder that facts are kept in.
struct Keeping<'a> {
    disk: Disk,
    folder: String,
    target: String,
    files: KeptFiles,
    causes: Causes,
    ui: &'a Ui,
}

impl Keeping<'_> {
    /// Writes what is new of each migration and period.
    fn keep(&self, found: &mut RunsFound, is_wanted: &dyn Fn(&str) -> bool) -> Result<Vec<KeptFile>, Failure> {
        self.stay(&mut found.runs);
        let mut groups: BTreeMap<(String, String), Vec<KeptRun>> = BTreeMap::new();
        // Files that are there already get the causes that were found since.
        for (_, kept) in self.files.files.iter().filter(|(_, kept)| kept.target == self.target) {
            if is_wanted(&kept.migration) {
                groups.entry((kept.migration.clone(), kept.period.clone())).or_default();
            }
        }
        for placed in &found.runs {
            let key = (placed.migration.clone(), placed.period.clone());
            groups.entry(key).or_default().push(placed.run.clone());
        }
        let mut told = Vec::new();
        for ((migration, period), runs) in groups {
            match self.keep_one((&migration, &period), runs, &found.dag_runs)? {
                KeptOrNot::Kept(file) => told.push(file),
                KeptOrNot::Occupied(path) => {
                    let what = format!("the runs of {migration} for {period}");
                    found.unread.push((what, format!("{path} is there and does not count; put it right first")));
                }
            }
        }
        Ok(told)
    }

    /// A run that is kept for a period stays there: what was merged is not moved by a look that finds another one.
    fn stay(&self, runs: &mut [PlacedRun]) {
        let mut periods: BTreeMap<(String, RunSystem, String), BTreeSet<String>> = BTreeMap::new();
        let key = |migration: &str, run: &KeptRun| (migration.to_owned(), run.system, run.id.clone());
        for placed in runs.iter() {
            periods.entry(key(&placed.migration, &placed.run)).or_default().insert(placed.period.clone());
        }
        for placed in runs {
            let of = key(&placed.migration, &placed.run);
            // A cluster that worked for several periods is in several files.
            if periods.get(&of).is_some_and(|found| found.len() > 1) {
                continue;
            }
            let has = |kept: &KeptRuns| {
                kept.target == self.target
                    && kept.migration == of.0
                    && kept.runs.iter().any(|run| run.system == of.1 && run.id == of.2)
            };
            let mut before = self.files.files.iter().filter(|(_, kept)| has(kept));
            if let (Some((path, kept)), None) = (before.next(), before.next())
                && kept.period != placed.period
            {
                self.ui.warn(&format!(
                    "run {} is kept for {} in {path}, and now seems to be for {}: delete it there to have it moved",
                    of.2, kept.period, placed.period
                ));
                placed.period.clone_from(&kept.period);
            }
        }
    }

    fn keep_one(
        &self,
        (migration, period): (&str, &str),
        mut runs: Vec<KeptRun>,
        dag_runs: &DagRunsOfSides,
    ) -> Result<KeptOrNot, Failure> {
        let is_its =
            |kept: &KeptRuns| kept.target == self.target && kept.migration == migration && kept.period == period;
        let before = self.files.files.iter().find(|(_, kept)| is_its(kept));
        let mut kept = before.map_or_else(|| KeptRuns::new(&self.target, migration, period), |(_, kept)| kept.clone());
        let was = before.map(|(_, kept)| kept.clone());
        for run in runs.iter_mut().chain(&mut kept.runs) {
            run.cause = self.cause(run).or(run.cause.take());
        }
        for run in kept.runs.iter_mut().filter(|run| run.dag_run.is_none() && run.trigger != RunTrigger::Replay) {
            let known = dag_runs.get(&(migration.to_owned(), run.side)).map_or(&[][..], Vec::as_slice);
            if let Some(dag_run) = run.started.and_then(|at| dag_run_at(known, at)) {
                belongs_to(run, dag_run);
            }
        }
        let merged = merge(kept, runs);
        let path = match before {
            Some((path, _)) => path.clone(),
            None => match self.free(&merged.kept) {
                Ok(path) => path,
                Err(path) => return Ok(KeptOrNot::Occupied(path)),
            },
        };
        let mut changed = merged.changed;
        if was.as_ref() != Some(&merged.kept) {
            changed = changed.max(usize::from(merged.new == 0));
            let text = merged.kept.text().map_err(Failure::error)?;
            let failed = |e: String| Failure::error(format!("{path} was not written: {e}"));
            let name = path.rsplit('/').next().unwrap_or_default();
            replace(&self.place()?.join(name), &text).map_err(failed)?;
        }
        let unknown = merged.kept.runs.iter().flat_map(|run| {
            let called = if run.name.is_empty() { run.id.clone() } else { format!("{} ({})", run.name, run.id) };
            run.unknown.iter().map(move |why| format!("{called}: {why}"))
        });
        Ok(KeptOrNot::Kept(KeptFile {
            migration: migration.to_owned(),
            period: period.to_owned(),
            path,
            runs: merged.kept.runs.len(),
            new: merged.new,
            changed,
            unknown: unknown.collect(),
        }))
    }

    fn cause(&self, run: &KeptRun) -> Option<String> {
        if run.outcome != RunResult::Failed {
            return None;
        }
        let family = if run.system == RunSystem::Databricks { "databricks" } else { "emr" };
        self.causes.get(&(family, run.id.clone())).cloned()
    }

    /// A path that no file stands at; the one that is taken by what is not understood, which is not overwritten.
    fn free(&self, kept: &KeptRuns) -> Result<String, String> {
        let names = [kept.file_name(), kept.file_name_of_target()];
        let mut taken = String::new();
        for name in &names {
            let path = format!("{}/{name}", self.folder);
            if !self.disk.root().join(&path).exists() {
                return Ok(path);
            }
            taken = path;
            // Of another target's facts is known what they are; of this file not.
            if self.files.broken.iter().any(|(broken, _)| *broken == taken) {
                break;
            }
        }
        Err(taken)
    }

    /// The folder, made where it is not there. A link that leads out of the project is none.
    fn place(&self) -> Result<PathBuf, Failure> {
        let failed = |e: String| Failure::error(format!("{}: {e}", self.folder));
        let path = self.disk.root().join(&self.folder);
        std::fs::create_dir_all(&path).map_err(|e| failed(e.to_string()))?;
        let real = std::fs::canonicalize(&path).map_err(|e| failed(e.to_string()))?;
        if real.starts_with(self.disk.root()) { Ok(real) } else { Err(failed("it leads out of the project".into())) }
    }
}

/// Says what was kept, what not, and what it means for scripts.
fn report(found: &RunsFound, told: &[KeptFile], keeping: &Keeping<'_>, ui: &Ui) -> Result<ExitCode, Failure> {
    let mut text = String::new();
    for file in told {
        let runs = if file.runs == 1 { "1 run".to_owned() } else { format!("{} runs", file.runs) };
        let what = match (file.new, file.changed) {
            (0, 0) => "nothing new".to_owned(),
            (0, _) => "more is known".to_owned(),
            (new, _) if new == file.runs => "new".to_owned(),
            (new, _) => format!("{new} new"),
        };
        let _ = writeln!(text, "{} {}  {runs}, {what}  {}", file.migration, file.period, file.path);
        for why in file.unknown.iter().filter(|_| file.new + file.changed > 0) {
            let _ = writeln!(text, "    not known of {why}");
        }
    }
    if told.is_empty() {
        text.push_str("no runs were found\n");
    }
    ui.data(&text)?;
    for (migration, run, why) in &found.unplaced {
        ui.warn(&format!("{run} of {migration} is not kept, because its period is not known: {why}"));
    }
    for (what, why) in &found.unread {
        ui.warn(&format!("{what} cannot be kept: {why}"));
    }
    if found.settled > 0 {
        let runs = if found.settled == 1 { "1 run is".to_owned() } else { format!("{} runs are", found.settled) };
        ui.status(&format!("{runs} kept whole and not asked for again"));
    }
    let is_part = |placed: &PlacedRun| placed.run.unknown.iter().any(|why| why.starts_with(NOT_READ));
    let nothing = found.runs.is_empty() && found.settled == 0;
    Ok(match (found.unread.is_empty(), nothing) {
        (false, true) => ExitCode::Error,
        (false, false) => ExitCode::Partial,
        (true, _) if !keeping.files.broken.is_empty() || found.runs.iter().any(is_part) => ExitCode::Partial,
        (true, _) => ExitCode::Ok,
    })
}
