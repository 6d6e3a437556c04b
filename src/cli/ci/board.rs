//! `plumb ci board`.

use super::issues::IssueKeeper;
use crate::ci::Runner;
use crate::ci::board::{LABEL, steps};
use crate::cli::migrate::board::make;
use crate::cli::{Global, Targeted};
use crate::disk::replace;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::render::board::{html, text};
use plumb_core::render::metrics::board_metrics;
use std::path::PathBuf;

/// Keep one issue with the board of the migration
///
/// With GITHUB_REPOSITORY and GITHUB_TOKEN in the environment, as GitHub Actions sets them, an issue is opened with the board of
/// the target, and edited in place when the board changes. It is closed when everything old is torn down.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb ci board --target prod
  plumb ci board --target prod --page board.html --metrics board.prom

Exit codes: 0 the issue has the board, 1 a service could not be read: the issue says what is not known")]
pub struct CiBoard {
    #[command(flatten)]
    targeted: Targeted,
    /// Ask no service: stages after `decided` are then not known
    #[arg(long)]
    offline: bool,
    /// Keep no issue
    #[arg(long)]
    no_issue: bool,
    /// The account that the token writes as, where GitHub does not say [default: github-actions[bot] for GITHUB_TOKEN]
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,
    /// Write the board as a page
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Write metrics for Prometheus' textfile collector
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
}

/// Makes the board, and keeps the issue.
pub async fn run(global: &Global, args: CiBoard, ui: &Ui) -> Result<ExitCode, Failure> {
    let made = make(global, &args.targeted, args.offline, ui).await?;
    let board = &made.board;
    ui.data(&text(board))?;
    let mut failed = Vec::new();
    for (path, text) in [(&args.page, html(board)), (&args.metrics, board_metrics(board))] {
        let Some(path) = path else { continue };
        match replace(path, &text) {
            Ok(()) => ui.status(&format!("wrote {}", path.display())),
            Err(why) => failed.push(format!("{} was not written: {why}", path.display())),
        }
    }
    let runner = Runner::read(&settings::env);
    let not_kept = |why: String| format!("the issue was not kept: {why}");
    if !args.no_issue {
        match IssueKeeper::of(&runner, LABEL, args.login.as_deref(), ui) {
            Err(why) => failed.push(not_kept(why)),
            Ok(None) => {}
            Ok(Some(keeper)) => {
                let kept = keeper.keep(true, &mut |mine, run| steps(board, run, mine)).await;
                failed.extend(kept.err().map(not_kept));
            }
        }
    }
    if !failed.is_empty() {
        return Err(Failure::error(failed.join("; ")));
    }
    Ok(if made.is_partial { ExitCode::Error } else { ExitCode::Ok })
}
