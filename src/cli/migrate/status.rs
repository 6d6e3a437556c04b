//! `plumb migrate status`.

use super::board::make;
use crate::cli::output::{Forms, Output};
use crate::cli::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, ValueEnum};
use plumb_core::kinds::emr::migration::Migration;
use plumb_core::migrate::board::Board;
use plumb_core::render::board as render;

/// Show where each pipeline stands: its stage, its health, and what is next
///
/// Every stage is read off git, live state, runs and evidence; none is typed in. It is the highest whose own and all earlier
/// conditions hold. What could not be read is said to be not known.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb migrate status --target prod
  plumb migrate status --target prod --output html --out board.html
  plumb migrate status audience --output json | jq '.pipelines[].conditions'
  plumb migrate status --at v1.2          as it stood at that commit

Exit codes: 0 shown, 1 a service could not be read: what it would tell is not known")]
pub struct MigrateStatus {
    /// Names of Migrations [default: all]
    #[arg(value_name = "MIGRATION")]
    migrations: Vec<String>,
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<BoardForm>,
    /// Show it as git and the evidence had it at a commit. What was live then is not known
    #[arg(long, value_name = "COMMIT")]
    at: Option<String>,
    /// Ask no service: stages after `decided` are then not known
    #[arg(long)]
    offline: bool,
}

/// The forms of a board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BoardForm {
    #[default]
    Text,
    Markdown,
    Json,
    Html,
}

impl Forms for BoardForm {}

/// Shows the board.
pub async fn run(global: &Global, mut args: MigrateStatus, ui: &Ui) -> Result<ExitCode, Failure> {
    args.targeted.at = args.at.take();
    let made = make(global, &args.targeted, args.offline, ui).await?;
    let board = chosen(made.board, &args.migrations)?;
    let text = match args.output.output {
        BoardForm::Text => render::text(&board),
        BoardForm::Markdown => render::markdown(&board, None),
        BoardForm::Json => render::json(&board).map_err(|e| Failure::error(e.to_string()))?,
        BoardForm::Html => render::html(&board),
    };
    args.output.write(&text, ui)?;
    Ok(if made.is_partial { ExitCode::Error } else { ExitCode::Ok })
}

/// The board of the migrations that were named.
fn chosen(board: Board, names: &[String]) -> Result<Board, Failure> {
    if names.is_empty() {
        return Ok(board);
    }
    let kind = format!("{}/", Migration::NAME);
    let names: Vec<String> = names.iter().map(|name| name.strip_prefix(&kind).unwrap_or(name).to_owned()).collect();
    let known = || board.pipelines.iter().map(|row| row.name.as_str());
    if let Some(name) = names.iter().find(|name| known().all(|one| one != *name)) {
        let near = plumb_model::yaml::nearest(name, known());
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known().collect::<Vec<_>>().join(", ")),
        };
        return Err(Failure::usage(format!("no pipeline is called `{name}`")).hint(hint));
    }
    Ok(board.only(&names))
}
