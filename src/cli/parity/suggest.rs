//! `plumb parity suggest`.

use super::engines::{EngineArgs, Engines, failed};
use super::jobs::{Job, JobSelection, jobs};
use crate::cli::session::Project;
use crate::cli::{Global, Targeted};
use crate::engines::compare::CompareContext;
use crate::engines::files::SideError;
use crate::engines::pin::Pins;
use crate::engines::suggest::{SuggestFault, suggest};
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use clap_complete::ArgValueCandidates;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumb_core::kinds::emr::compare::CompareOutput;
use plumb_core::kinds::emr::migration::Migration;
use plumb_core::parity::engine::OutputEngine;
use plumb_core::render::parity::suggestion;

/// Propose keys, columns to ignore and rules, from what both pipelines wrote for a period
///
/// Reads the period on both sides, and prints YAML to paste into the outputs of `spec.compare`, with what is to be decided above
/// each member. Nothing is written: people give the reasons. Without --period it is the last period that is over.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb parity suggest audience
  plumb parity suggest audience segments --period 2026-10

Exit codes:
    0  something was read, whatever it suggests
    3  data is missing, empty, unreadable or not finished
    1  the manifest, the engine or a right is wrong")]
pub struct ParitySuggest {
    /// Name of the Migration
    #[arg(value_name = "MIGRATION", add = ArgValueCandidates::new(crate::cli::complete::migrations))]
    migration: String,
    /// Only this output
    #[arg(value_name = "OUTPUT")]
    only: Option<String>,
    /// Period to read: `2026-10`, `2026-W42`, `2026-10-06` [default: the last one that is over]
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    #[command(flatten)]
    engines: EngineArgs,
    #[command(flatten)]
    targeted: Targeted,
}

/// Looks, and prints.
pub async fn run(global: &Global, args: ParitySuggest, ui: &Ui) -> Result<ExitCode, Failure> {
    let project = Project::load(global, &args.targeted, ui)?;
    let (now, _) = settings::now().map_err(Failure::error)?;
    let selection = JobSelection {
        migrations: std::slice::from_ref(&args.migration),
        only: args.only.as_slice(),
        period: args.period.as_deref(),
    };
    let jobs = jobs(&project, &selection, now)?;
    let engines = Engines::new(&project, ui, args.engines.limits());
    let suggesting = Suggesting { project: &project, args: &args, ui, now };
    let done = engines.until_interrupted(async |engines| suggesting.all(&jobs, engines).await).await;
    done.unwrap_or_else(|| Err(Failure::new(ExitCode::Interrupted, "interrupted")))
}

struct Suggesting<'a> {
    project: &'a Project,
    args: &'a ParitySuggest,
    ui: &'a Ui,
    now: Timestamp,
}

impl Suggesting<'_> {
    async fn all(&self, jobs: &[Job], engines: &mut Engines<'_>) -> Result<ExitCode, Failure> {
        for job in jobs {
            if let Some(early) = &job.early {
                return Err(Failure::new(ExitCode::Guard, format!("{}/{}: {early}", Migration::NAME, job.name)));
            }
            for output in &job.outputs {
                // As the manifest has it, with its placeholders.
                let written = job.compare.outputs.iter().find(|written| written.name == output.name);
                let text = self.one(job, output, written.unwrap_or(output), engines).await?;
                self.ui.data(&text)?;
            }
        }
        Ok(ExitCode::Ok)
    }

    async fn one(
        &self,
        job: &Job,
        output: &CompareOutput,
        written: &CompareOutput,
        engines: &mut Engines<'_>,
    ) -> Result<String, Failure> {
        let at = job.at(output);
        let nothing = |why: String| {
            let hint = "name another period with --period, or correct the paths";
            Failure::new(ExitCode::Guard, format!("{at}: {why}")).hint(hint)
        };
        let wanted = self.args.engines.engine_of(job, output)?;
        let mut pins = Pins::new(&self.project.dir, self.args.engines.cache);
        let mut sides = Vec::new();
        for (name, side) in [("old", &output.old), ("new", &output.new)] {
            match engines.pin(&mut pins, wanted, side, &at).await? {
                Ok(pinned) => sides.push(pinned.source().clone()),
                Err(SideError::NoVerdict(fault)) => return Err(nothing(format!("{name}: {}", fault.says))),
                Err(SideError::Failed(why)) => return Err(Failure::error(format!("{at}, {name}: {why}"))),
            }
        }
        let [old, new] = <[_; 2]>::try_from(sides).map_err(|_| Failure::error("an output has two sides"))?;
        let context = CompareContext {
            output,
            zone: &job.zone,
            today: self.now.to_zoned(TimeZone::UTC).date(),
            previous: None,
            progress: &|step, _| self.ui.detail(&format!("{}: {step}", output.name)),
        };
        // One of its own: DuckDB may read what this output has, and nothing else.
        if wanted == OutputEngine::Duckdb {
            engines.forget(wanted);
        }
        let waiting = engines.waiting();
        let engine = engines.get(wanted, || (pins.inputs(), pins.has_delta()), &at).await?;
        match waiting.shown(self.ui, suggest(engine, &context, old, new)).await {
            Ok(found) => Ok(suggestion(&job.name, job.period.name(), written, &found)),
            Err(SuggestFault::NoVerdict(why)) => Err(nothing(why)),
            Err(SuggestFault::Fault(fault)) => Err(failed(&at, fault)),
        }
    }
}
