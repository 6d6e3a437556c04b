//! `plumb parity report`.

use crate::cli::output::{Forms, Output};
use crate::cli::session::Project;
use crate::cli::{Global, Targeted};
use crate::disk::Disk;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, ValueEnum};
use plumb_core::kinds::emr::migration::Migration;
use plumb_core::manifest::read_json;
use plumb_core::parity::result::{FORMAT, Report};
use plumb_core::parity::status::{counts, is_by_hand, migrations};
use plumb_core::render::Style;
use plumb_core::render::parity::{self, ParityContext};
use std::path::Path;

/// Show what a comparison found, from its file in evidence/
///
/// No data is read again. Without --period the newest period is shown.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb parity report audience
  plumb parity report audience --period 2026-10 --output html --out audience.html
  plumb parity report audience --output json | jq '.outputs[] | {name, verdict, causes}'")]
pub struct ParityReport {
    /// Name of the Migration
    #[arg(value_name = "MIGRATION")]
    migration: String,
    /// Period of the report [default: the newest]
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<ReportForm>,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    #[default]
    Text,
    Markdown,
    Html,
    Json,
    Junit,
}

impl Forms for ReportForm {}

/// Shows a report.
pub fn run(global: &Global, args: ParityReport, ui: &Ui) -> Result<ExitCode, Failure> {
    let dir = settings::project_dir(global.project.as_deref())
        .map_err(|e| Failure::error(e).hint("`plumb init` writes one"))?;
    let kind = format!("{}/", Migration::NAME);
    let name = args.migration.strip_prefix(&kind).unwrap_or(&args.migration);
    let report = pick(reports(&dir, ui)?, name, args.period.as_deref())?;
    if let Some(why) = is_by_hand(&report) {
        let failure = Failure::error(format!("the report of {name} for {} shows nothing: {why}", report.period));
        return Err(
            failure.hint(format!("`plumb parity run {name} --period {}` compares and writes one", report.period))
        );
    }
    let context = context(global, &args.targeted, &dir, &report, ui);
    let error = |e: serde_json::Error| Failure::error(e.to_string());
    let text = match args.output.output {
        ReportForm::Text => {
            let style = Style { colour: ui.colour && args.output.out.is_none(), width: ui.width };
            parity::text(&report, &context, style)
        }
        ReportForm::Markdown => parity::markdown(&report, &context),
        ReportForm::Html => parity::html(&report, &context),
        ReportForm::Json => parity::json(&report).map_err(error)?,
        ReportForm::Junit => parity::junit(&report),
    };
    args.output.write(&text, ui)?;
    Ok(ExitCode::Ok)
}

/// Every report in evidence/. A file that is none is warned of.
pub fn reports(dir: &Path, ui: &Ui) -> Result<Vec<Report>, Failure> {
    let failed = |e: String| Failure::error(format!("evidence/: {e}")).hint("nothing was changed");
    let disk = Disk::new(dir).map_err(|e| failed(e.to_string()))?;
    let mut reports = Vec::new();
    for file in disk.files("evidence", ".json").map_err(failed)? {
        match disk.text(&file).and_then(|text| read_json::<Report>(&text)) {
            Ok(report) if report.format == FORMAT => reports.push(report),
            Ok(_) => ui.warn(&format!("{}: its `format` is not `{FORMAT}`, which this plumb reads", file.path)),
            Err(why) => ui.warn(&format!("{} is no report: {why}", file.path)),
        }
    }
    Ok(reports)
}

/// The report of a period, or of the newest; of several the last one.
fn pick(reports: Vec<Report>, migration: &str, period: Option<&str>) -> Result<Report, Failure> {
    let mut of: Vec<Report> = reports.into_iter().filter(|report| report.migration == migration).collect();
    of.sort_by(|a, b| (&a.period, a.checked_at).cmp(&(&b.period, b.checked_at)));
    let periods: Vec<String> = of.iter().map(|report| report.period.clone()).collect();
    let found = of.into_iter().rfind(|report| period.is_none_or(|period| report.period == period));
    found.ok_or_else(|| {
        let (for_period, of_period) = match period {
            Some(period) => (format!(" for {period}"), format!(" --period {period}")),
            None => (String::new(), " --period PERIOD".into()),
        };
        let failure = Failure::error(format!("evidence/ has no report of {migration}{for_period}"));
        let failure = match periods.last() {
            Some(last) => failure.hint(format!("the newest is of {last}")),
            None => failure,
        };
        failure.hint(format!("`plumb parity run {migration}{of_period}` compares and writes one"))
    })
}

/// What the manifests add to a report. With mistakes in them they add nothing: what was found stands in the report.
fn context(global: &Global, targeted: &Targeted, dir: &Path, report: &Report, ui: &Ui) -> ParityContext {
    let page = format!("evidence/{}-{}.html", report.migration, report.period);
    let page = Some(page).filter(|page| dir.join(page).is_file());
    let project = match Project::load(global, targeted, ui) {
        Ok(project) => project,
        Err(failure) => {
            ui.warn(&format!("whether the report counts is not known: {}", failure.message));
            return ParityContext { page, ..ParityContext::default() };
        }
    };
    let known = migrations(&project.desired);
    let manifest = known.iter().find(|migration| migration.name == report.migration);
    ParityContext {
        gates: manifest.into_iter().flat_map(|m| &m.gates).map(|gate| gate.address.clone()).collect(),
        page,
        void: match manifest {
            Some(manifest) => counts(report, manifest).err(),
            None => Some(format!("no Migration is named {}", report.migration)),
        },
    }
}
