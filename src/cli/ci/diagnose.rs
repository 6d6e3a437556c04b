//! `plumb ci diagnose`.

use super::issues::IssueKeeper;
use crate::ci::Runner;
use crate::ci::diagnose::{LABEL, causes, steps};
use crate::cli::diagnose::keep::{FOLDER, KeptDiagnoses};
use crate::cli::diagnose::months::LookingBack;
use crate::cli::diagnose::{LookBack, MOST_OF_EACH, catalogue, connect, look_back};
use crate::cli::session::Project;
use crate::cli::{Global, Targeted};
use crate::observe::failure::FailureOptions;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use jiff::tz::TimeZone;
use plumb_core::render::Style;
use plumb_core::render::diagnosis::months_text;
use std::sync::Arc;

/// Diagnose what failed from cron: keep one issue a cause
///
/// With GITHUB_REPOSITORY and GITHUB_TOKEN in the environment, as GitHub Actions sets them, an issue is opened when runs fail of a
/// cause, edited when another one does, and closed when the last two runs of everything that failed of it were green. One that
/// somebody wrote in, or whose text somebody changed, is never closed. A cause that is not known has no issue.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb ci diagnose --target prod
  plumb ci diagnose --target prod --since 6mo --keep

Exit codes: 0 all runs were looked at, whether or not some failed, 1 some could not be")]
pub struct CiDiagnoseArgs {
    #[command(flatten)]
    targeted: Targeted,
    /// All runs since then: `6mo`, `12w`, `90d`, `2026-05-01`
    #[arg(long, value_name = "WHEN", default_value = "3mo", value_parser = look_back)]
    since: LookBack,
    /// Keep each diagnosis as a small file of the project
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = FOLDER)]
    keep: Option<String>,
    /// Keep no issues
    #[arg(long)]
    no_issue: bool,
    /// The account that the token writes as, where GitHub does not say [default: github-actions[bot] for GITHUB_TOKEN]
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,
}

/// Looks, and keeps the issues.
pub async fn run(global: &Global, args: CiDiagnoseArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let project = Project::load(global, &args.targeted, ui)?;
    let reached = connect::reach(&project, ui).await?;
    let (now, _) = settings::now().map_err(Failure::error)?;
    let since = args.since.from(now).map_err(Failure::usage)?;
    let options = FailureOptions { all: false, most: MOST_OF_EACH, zone: TimeZone::UTC, now, failed: false };
    let target = project.desired.target.name.clone();
    let kept = KeptDiagnoses::read(&project.dir, args.keep.as_deref().unwrap_or(FOLDER), &target, ui)?;
    let catalogue = Arc::new(catalogue(global)?);
    let work = LookingBack { project: &project, reached: &reached, options, catalogue, kept: &kept, ui };
    let found = work.look(since, &[]).await?;
    if args.keep.is_some() {
        kept.write(&found.fresh, ui)?;
    }
    ui.data(&months_text(&found.report, Style { colour: ui.colour, width: ui.width }))?;
    let runner = Runner::read(&settings::env);
    if !args.no_issue {
        let failed = |why: String| Failure::error(format!("the issues were not kept: {why}"));
        if let Some(keeper) = IssueKeeper::of(&runner, LABEL, args.login.as_deref(), ui).map_err(failed)? {
            let causes = causes(&found.runs);
            let of = [project.desired.project.name.as_str(), target.as_str()];
            let mut work = |mine: &[crate::services::github::Issue], run: Option<&str>| {
                steps(of, &causes, !found.is_partial, run, mine)
            };
            keeper.keep(false, &mut work).await.map_err(failed)?;
        }
    }
    Ok(if found.is_partial { ExitCode::Error } else { ExitCode::Ok })
}
