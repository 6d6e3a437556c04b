//! `plumb parity run`.

use super::engines::{EngineArgs, Engines, failed};
use super::explain;
use super::jobs::{Job, JobSelection, jobs};
use super::report::{ReportForm, evidence, of_manifests};
use crate::cli::output::Output;
use crate::cli::session::Project;
use crate::cli::{Global, Targeted};
use crate::engines::EngineFault;
use crate::engines::compare::{CompareContext, CompareFault, compare};
use crate::engines::files::SideError;
use crate::engines::pin::Pins;
use crate::engines::tables::PinnedSource;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use clap_complete::ArgValueCandidates;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumb_core::kinds::emr::compare::CompareOutput;
use plumb_core::parity::engine::OutputEngine;
use plumb_core::parity::mask::{MaskKey, mask};
use plumb_core::parity::result::{ComparedBy, EngineName, FORMAT, OutputResult, Report, SideResult, Verdict};
use plumb_core::parity::rules::rules_hash;
use plumb_core::parity::signature::{EvidenceSignature, signed_text};
use plumb_core::parity::verdict::source;
use plumb_core::render::Style;
use plumb_core::render::parity::{self, ParityContext};
use plumb_core::teardown::EvidenceFile;
use std::path::Path;
use std::time::Instant;

/// Compare what the old and the new pipeline of a migration wrote for a period
///
/// Every output of `spec.compare` is compared, row by row and cell by cell, and evidence/MIGRATION-PERIOD.json is written
/// with a page beside it, also when they differ. Without --period it is the last period that is over. A run that is
/// interrupted, fails, or is narrowed by --only writes nothing. Local data needs no server, and no repository.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb parity run audience --period 2026-10
  plumb parity run                          every migration, its last period
  plumb parity run audience --only segments --output html --out segments.html
  plumb parity run audience --explain       every statement; nothing is compared

Exit codes:
    0  equal
    2  some output differs
    3  no verdict: data is missing, empty, unreadable or not finished
    1  the manifest, the engine or a right is wrong; nothing was written")]
pub struct ParityRun {
    /// Names of Migrations, `*` for any characters [default: every one with `compare`]
    #[arg(value_name = "MIGRATION", add = ArgValueCandidates::new(crate::cli::complete::migrations))]
    migrations: Vec<String>,
    /// Period to compare: `2026-10`, `2026-W42`, `2026-10-06` [default: the last one that is over]
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    /// Only these outputs; may be repeated. No evidence is written
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    #[command(flatten)]
    engines: EngineArgs,
    /// Show every statement and what would be read, and compare nothing
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<ReportForm>,
}

/// Compares.
pub async fn run(global: &Global, args: ParityRun, ui: &Ui) -> Result<ExitCode, Failure> {
    let project = Project::load(global, &args.targeted, ui)?;
    let (now, clock) = settings::now().map_err(Failure::error)?;
    let selection = JobSelection { migrations: &args.migrations, only: &args.only, period: args.period.as_deref() };
    let jobs = jobs(&project, &selection, now)?;
    if jobs.len() > 1 && matches!(args.output.output, ReportForm::Html | ReportForm::Junit) {
        let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
        let failure = Failure::usage("this form holds the report of one migration");
        return Err(failure.hint(format!("name one of {}", names.join(", "))));
    }
    let engines = Engines::new(&project, ui, args.engines.limits());
    let run = Comparisons { project: &project, engines: &args.engines, only: &args.only, ui, now, clock };
    let work = async |engines: &mut Engines<'_>| {
        if args.explain {
            let text = explain::explained(&run, &jobs, engines).await?;
            args.output.write(&text, ui)?;
            return Ok(ExitCode::Ok);
        }
        let show = |report: &Report, context: &ParityContext| shown(report, context, &args.output, ui);
        run.all(&jobs, engines, &show).await
    };
    let done = engines.until_interrupted(work).await;
    done.unwrap_or_else(|| {
        Err(Failure::new(ExitCode::Interrupted, "interrupted; no evidence was written for what was being compared"))
    })
}

/// A run over some migrations.
pub struct Comparisons<'a> {
    pub project: &'a Project,
    pub engines: &'a EngineArgs,
    /// Only these outputs, and no evidence; none: all of them.
    pub only: &'a [String],
    pub ui: &'a Ui,
    pub now: Timestamp,
    /// What `PLUMB_NOW` said.
    pub clock: Option<String>,
}

/// Shows a report that was made, and kept where it is whole.
pub type ShowReport<'a> = &'a dyn Fn(&Report, &ParityContext) -> Result<(), Failure>;

/// An output with both sides pinned, or what is said of it already.
enum Ready {
    Sides(Box<(PinnedSource, PinnedSource)>),
    Result(Box<OutputResult>),
}

impl Comparisons<'_> {
    /// Compares migrations, writes their evidence and shows their reports. The exit code is of the worst verdict.
    pub async fn all(
        &self,
        jobs: &[Job],
        engines: &mut Engines<'_>,
        show: ShowReport<'_>,
    ) -> Result<ExitCode, Failure> {
        let mut pins = Pins::new(&self.project.dir, self.engines.cache);
        let mut pinned = Vec::new();
        for job in jobs {
            pinned.push(self.pinned(&mut pins, engines, job).await);
        }
        let key = random()?;
        let mut worst = ExitCode::Ok;
        let mut errors = Vec::new();
        for (job, ready) in jobs.iter().zip(pinned) {
            let done = match ready {
                Ok(ready) => self.one(engines, &pins, job, ready, &key, show).await,
                Err(failure) => Err(failure),
            };
            match done {
                Ok(verdict) => worst = worse(worst, verdict),
                Err(failure) => errors.push((&job.name, failure)),
            }
        }
        // One that fails keeps no other from being compared.
        let Some((_, last)) = errors.pop() else { return Ok(worst) };
        for (_, failure) in &errors {
            self.ui.failure(failure);
        }
        Err(last)
    }

    /// Compares one migration, writes its evidence and shows its report.
    async fn one(
        &self,
        engines: &mut Engines<'_>,
        pins: &Pins,
        job: &Job,
        ready: Vec<Ready>,
        key: &MaskKey,
        show: ShowReport<'_>,
    ) -> Result<Verdict, Failure> {
        let started = Instant::now();
        let mut results = Vec::new();
        let mut names: Vec<EngineName> = Vec::new();
        for (output, ready) in job.outputs.iter().zip(ready) {
            let sensitive: Vec<&str> = output.sensitive.iter().flatten().map(String::as_str).collect();
            let mut result = match ready {
                Ready::Result(result) => *result,
                Ready::Sides(sides) => {
                    let (result, name) = self.compared(engines, pins, job, output, *sides).await?;
                    if !names.contains(&name) {
                        names.push(name);
                    }
                    result
                }
            };
            mask(&mut result, &sensitive, key);
            results.push(result);
        }
        let report = self.report(job, results, one_name(names), started);
        let context = self.keep(job, &report)?;
        show(&report, &context)?;
        Ok(report.verdict())
    }

    async fn pinned(&self, pins: &mut Pins, engines: &mut Engines<'_>, job: &Job) -> Result<Vec<Ready>, Failure> {
        let mut ready = Vec::new();
        for output in &job.outputs {
            ready.push(self.pinned_output(pins, engines, job, output).await?);
        }
        Ok(ready)
    }

    /// What compares an output.
    pub fn engine_of<'j>(&self, job: &'j Job, output: &CompareOutput) -> Result<OutputEngine<'j>, Failure> {
        self.engines.engine_of(job, output)
    }

    async fn pinned_output(
        &self,
        pins: &mut Pins,
        engines: &mut Engines<'_>,
        job: &Job,
        output: &CompareOutput,
    ) -> Result<Ready, Failure> {
        let at = job.at(output);
        let side = |side| SideResult { source: source(side), ..SideResult::default() };
        let none = |cause: &str, because: String| {
            let (old, new) = (side(&output.old), side(&output.new));
            Ready::Result(Box::new(OutputResult::without_verdict(&output.name, old, new, cause, because)))
        };
        if let Some(early) = &job.early {
            return Ok(none("not_finished", early.clone()));
        }
        let wanted = self.engine_of(job, output)?;
        let failed =
            |name: &str, why: String| Failure::error(format!("{at}, {name}: {why}")).hint("no evidence was written");
        let old = engines.pin(pins, wanted, &output.old, &at).await?;
        let new = engines.pin(pins, wanted, &output.new, &at).await?;
        match (old, new) {
            (Ok(old), Ok(new)) => Ok(Ready::Sides(Box::new((old, new)))),
            (Err(SideError::Failed(why)), _) => Err(failed("old", why)),
            (_, Err(SideError::Failed(why))) => Err(failed("new", why)),
            (Err(SideError::NoVerdict(old)), Err(SideError::NoVerdict(new))) if old.is_empty() && new.is_empty() => {
                Ok(none("nothing_compared", format!("both sides are empty: {}, and {}", old.says, new.says)))
            }
            (Err(SideError::NoVerdict(fault)), _) => Ok(none(fault.cause_of("old"), format!("old: {}", fault.says))),
            (_, Err(SideError::NoVerdict(fault))) => Ok(none(fault.cause_of("new"), format!("new: {}", fault.says))),
        }
    }

    async fn compared(
        &self,
        engines: &mut Engines<'_>,
        pins: &Pins,
        job: &Job,
        output: &CompareOutput,
        (old, new): (PinnedSource, PinnedSource),
    ) -> Result<(OutputResult, EngineName), Failure> {
        let at = job.at(output);
        let started = Instant::now();
        let wanted = self.engine_of(job, output)?;
        let previous = self.previous(job, output)?;
        let waiting = engines.waiting();
        let engine = engines.get(wanted, || (pins.inputs(), pins.has_delta()), &at).await?;
        let name = EngineName { name: engine.name().into(), version: engine.version().into() };
        let context = CompareContext {
            output,
            zone: &job.zone,
            today: self.now.to_zoned(TimeZone::UTC).date(),
            previous,
            progress: &|step, rows| {
                waiting.begins(&output.name, step, rows);
                self.ui.detail(&waiting.what());
            },
        };
        let sides = (old.source().clone(), new.source().clone());
        let (mut result, mut doubt) = match waiting.shown(self.ui, compare(engine, &context, sides.0, sides.1)).await {
            Ok(result) => (result, None),
            // Answers that contradict each other are a bug, or of data that was changed between them.
            Err(fault @ CompareFault::Answer(_)) => {
                let (old, new) = (old.source().result.clone(), new.source().result.clone());
                (OutputResult::blank(&output.name, old, new), Some(fault))
            }
            Err(fault) => {
                if matches!(&fault, CompareFault::Engine(error) if matches!(error.fault, EngineFault::Gone(_))) {
                    engines.forget(wanted);
                }
                return Err(failed(&at, fault));
            }
        };
        for (name, pinned) in [("old", &old), ("new", &new)] {
            match waiting.shown(self.ui, pinned.look_again(pins, engine)).await {
                Ok(()) => {}
                Err(SideError::NoVerdict(fault)) => {
                    let because = format!("{name}: {}", fault.says);
                    let (old, new) = (result.old, result.new);
                    result = OutputResult::without_verdict(&output.name, old, new, fault.cause, because);
                    doubt = None;
                    break;
                }
                Err(SideError::Failed(why)) => {
                    return Err(Failure::error(format!("{at}, {name}: {why}")).hint("no evidence was written"));
                }
            }
        }
        if let Some(fault) = doubt {
            return Err(failed(&at, fault));
        }
        result.duration_s = tenths(started);
        Ok((result, name))
    }

    /// The rows of `new` in the last period before this one that passed.
    fn previous(&self, job: &Job, output: &CompareOutput) -> Result<Option<u64>, Failure> {
        if output.rows.as_ref().is_none_or(|rows| rows.against.is_none()) {
            return Ok(None);
        }
        let evidence = evidence(&self.project.dir, self.ui)?;
        let before = evidence.files.iter().map(|file| &file.report).filter(|report| {
            report.migration == job.name && report.passed && report.period.as_str() < job.period.name()
        });
        let last = before.max_by(|a, b| (&a.period, a.checked_at).cmp(&(&b.period, b.checked_at)));
        Ok(last.and_then(|report| report.output(&output.name)?.new.rows))
    }

    fn report(&self, job: &Job, outputs: Vec<OutputResult>, engine: Option<EngineName>, started: Instant) -> Report {
        let passed = !outputs.is_empty() && outputs.iter().all(|output| output.verdict == Verdict::Equal);
        let head = self.project.head.as_deref();
        Report {
            format: FORMAT.into(),
            migration: job.name.clone(),
            period: job.period.name().to_owned(),
            passed,
            checked_at: self.now,
            rules: Some(rules_hash(&job.compare)),
            outputs,
            engine,
            plumb: Some(env!("CARGO_PKG_VERSION").into()),
            commit: head.map(|head| head.trim_end_matches("-dirty").to_owned()),
            // Without a repository there is nothing that files could differ from.
            dirty: self.project.dirty && head.is_some(),
            by: Some(ComparedBy { who: self.project.who(), run: settings::run().url }),
            duration_s: Some(tenths(started)),
            clock: self.clock.clone(),
            signature: None,
        }
    }

    /// Writes the evidence, where the run was whole; answers what the manifests add to the report.
    fn keep(&self, job: &Job, report: &Report) -> Result<ParityContext, Failure> {
        let stem = format!("{}-{}", job.name, job.period.name());
        let path = format!("evidence/{stem}.json");
        let key = settings::evidence_key();
        let signature = key.as_ref().map_or(EvidenceSignature::Missing, |_| EvidenceSignature::Valid);
        let mut context =
            of_manifests(self.project, &EvidenceFile { path: path.clone(), report: report.clone(), signature });
        if self.only.is_empty() {
            let page = format!("evidence/{stem}.html");
            context.page = Some(page.clone());
            let evidence = signed_text(report, key.as_deref()).map_err(Failure::error)?;
            write(&self.project.dir, &page, &parity::html(report, &context))?;
            write(&self.project.dir, &path, &evidence)?;
        } else {
            context.void = Some("the run was narrowed by --only".into());
        }
        Ok(context)
    }
}

/// Shows a report in the form that is asked for.
fn shown(report: &Report, context: &ParityContext, output: &Output<ReportForm>, ui: &Ui) -> Result<(), Failure> {
    let text = match output.output {
        ReportForm::Text => {
            let style = Style { colour: ui.colour && output.out.is_none(), width: ui.width };
            parity::text(report, context, style)
        }
        ReportForm::Markdown => parity::markdown(report, context),
        ReportForm::Html => parity::html(report, context),
        ReportForm::Json => parity::json(report).map_err(|e| Failure::error(e.to_string()))?,
        ReportForm::Junit => parity::junit(report),
    };
    output.write(&text, ui)
}

/// The engines of one report: more than one where outputs lie in different places.
fn one_name(names: Vec<EngineName>) -> Option<EngineName> {
    let join = |text: fn(&EngineName) -> &str| names.iter().map(text).collect::<Vec<_>>().join(" and ");
    (!names.is_empty()).then(|| EngineName { name: join(|one| &one.name), version: join(|one| &one.version) })
}

fn worse(so_far: ExitCode, verdict: Verdict) -> ExitCode {
    match (so_far, verdict) {
        (_, Verdict::Differs) | (ExitCode::Changes, _) => ExitCode::Changes,
        (_, Verdict::None) => ExitCode::Guard,
        (so_far, Verdict::Equal) => so_far,
    }
}

/// Seconds since then, to the tenth.
fn tenths(started: Instant) -> f64 {
    (started.elapsed().as_secs_f64() * 10.0).round() / 10.0
}

fn random() -> Result<MaskKey, Failure> {
    let mut key = MaskKey::default();
    getrandom::fill(&mut key).map_err(|e| Failure::error(format!("the system gives no random numbers: {e}")))?;
    Ok(key)
}

/// Writes a file beside its place first, so that it is there whole or not at all.
pub fn write(dir: &Path, path: &str, text: &str) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::error(format!("{path}: {e}")).hint("no evidence was written");
    let at = dir.join(path);
    let folder = at.parent().unwrap_or(dir);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::Builder::new().prefix(".plumb-").tempfile_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    #[cfg(unix)]
    std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).map_err(failed)?;
    file.persist(&at).map_err(|e| failed(e.error))?;
    Ok(())
}
