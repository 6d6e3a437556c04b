//! `plumb cost` without `--keep`: what is kept, priced and compared. Offline.

use super::CostArgs;
use crate::cli::output::Forms;
use crate::cli::session::{Project, kept_runs_in};
use crate::disk::Disk;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::ValueEnum;
use jiff::tz::TimeZone;
use plumb_core::cost::Prices;
use plumb_core::cost::facts::RUNS_FOLDER;
use plumb_core::cost::report::{CostQuestion, check_facts, cost_report};
use plumb_core::kinds::emr::migration::Migration;
use plumb_core::manifest::price_book_warnings;
use plumb_core::render::cost::{CostBy, CostView, cost_csv, cost_html, cost_json, cost_markdown, cost_text};
use plumb_core::render::{self, Style};
use plumb_model::yaml::{Problem, nearest};
use std::collections::BTreeSet;

/// The forms of a report on costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CostForm {
    #[default]
    Text,
    Markdown,
    Json,
    Html,
    Csv,
}

impl Forms for CostForm {}

/// What a line is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ByChoice {
    /// A period of a pipeline: old against new
    #[default]
    Period,
    /// A pipeline
    Pipeline,
    /// A run
    Run,
    /// What failed runs failed of
    Cause,
}

/// Shows what is kept.
pub fn run(project: &Project, args: &CostArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let (now, _) = settings::now().map_err(Failure::error)?;
    let today = now.to_zoned(TimeZone::UTC).date();
    let since = match &args.since {
        Some(since) => Some(since.from(now).map_err(Failure::usage)?.to_zoned(TimeZone::UTC).date()),
        None => None,
    };
    let warnings: Vec<Problem> =
        price_book_warnings(&project.desired, today).into_iter().map(|(_, problem)| problem).collect();
    if !warnings.is_empty() {
        ui.laid_out(&render::warnings(&project.desired.files, &warnings, ui.stderr_style()));
    }
    let prices = Prices::of_target(&project.desired).map_err(|why| {
        Failure::error(why)
            .hint("amounts of two regions or currencies are never added up: give the target a book of its own")
    })?;
    let failed = |e: String| Failure::error(format!("{RUNS_FOLDER}: {e}"));
    let disk = Disk::new(&project.dir).map_err(|e| failed(e.to_string()))?;
    let kept = kept_runs_in(&disk, RUNS_FOLDER).map_err(failed)?;
    for note in kept.notes() {
        ui.warn(&note);
    }
    check_facts(&kept.files).map_err(|mistakes| {
        Failure::error("facts that were kept cannot be used together; nothing is priced")
            .detail(mistakes.join("\n") + "\n")
    })?;
    let mut known: BTreeSet<&str> = kept.files.iter().map(|(_, kept)| kept.migration.as_str()).collect();
    let manifests = project.desired.resources.iter().filter(|r| r.address.kind == Migration::NAME);
    known.extend(manifests.map(|r| r.address.name.as_str()));
    let only = wanted(&args.migrations, &known)?;
    let question = CostQuestion { target: &project.desired.target.name, only: &only, since, explain: args.explain };
    let report = cost_report(&kept.files, prices.as_ref(), question);
    let by = match args.by {
        ByChoice::Period => CostBy::Period,
        ByChoice::Pipeline => CostBy::Pipeline,
        ByChoice::Run => CostBy::Run,
        ByChoice::Cause => CostBy::Cause,
    };
    let view = CostView { by, explain: args.explain };
    let text = match args.output.output {
        CostForm::Text => {
            let style = Style { colour: ui.colour && args.output.out.is_none(), width: ui.width };
            cost_text(&report, view, style)
        }
        CostForm::Markdown => cost_markdown(&report, view),
        CostForm::Json => cost_json(&report).map_err(|e| Failure::error(e.to_string()))?,
        CostForm::Html => cost_html(&report, view),
        CostForm::Csv => cost_csv(&report, by),
    };
    args.output.write(&text, ui)?;
    Ok(ExitCode::Ok)
}

/// The names of migrations, with or without their kind.
fn wanted(names: &[String], known: &BTreeSet<&str>) -> Result<Vec<String>, Failure> {
    let mut wanted = Vec::new();
    for name in names {
        let bare = name.strip_prefix(Migration::NAME).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
        if !known.contains(bare) {
            let failure = Failure::usage(format!("there is no migration `{bare}`, and nothing of one is kept"));
            return Err(match nearest(bare, known.iter().copied()) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure,
            });
        }
        wanted.push(bare.to_owned());
    }
    Ok(wanted)
}
