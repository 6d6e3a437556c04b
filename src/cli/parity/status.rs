//! `plumb parity status`.

use super::report::evidence;
use crate::cli::output::{Forms, Output};
use crate::cli::session::Project;
use crate::cli::{Global, Targeted};
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, ValueEnum};
use plumb_core::render::parity::{status_json, status_markdown, status_text};
use plumb_core::teardown::{MigrationStatus, parity_migrations, parity_status};

/// List the periods of every migration: equal, differs, no verdict, void or missing
///
/// A report is void when it does not count: it was made under other rules, from manifests that were not committed, or typed
/// by hand. Nothing is sent anywhere. The exit code is 2 while a gate `parity` waits.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb parity status
  plumb parity status --output json | jq '.[] | select(.passes < 2)'")]
pub struct ParityStatus {
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<ParityStatusForm>,
}

/// The forms of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ParityStatusForm {
    #[default]
    Text,
    Json,
    Markdown,
}

impl Forms for ParityStatusForm {}

/// Lists the periods.
pub fn run(global: &Global, args: ParityStatus, ui: &Ui) -> Result<ExitCode, Failure> {
    let project = Project::load_as(global, &args.targeted, None, ui)?;
    let (now, _) = settings::now().map_err(Failure::error)?;
    let evidence = evidence(&project.dir, ui)?;
    let all = parity_status(&parity_migrations(&project.desired), &evidence, now);
    let text = match args.output.output {
        ParityStatusForm::Text => status_text(&all),
        ParityStatusForm::Markdown => status_markdown(&all),
        ParityStatusForm::Json => status_json(&all).map_err(|e| Failure::error(e.to_string()))?,
    };
    args.output.write(&text, ui)?;
    let waits = all.iter().any(|one: &MigrationStatus| one.waiting().next().is_some());
    Ok(if waits { ExitCode::Changes } else { ExitCode::Ok })
}
