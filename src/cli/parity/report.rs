//! `plumb parity report`.

use crate::cli::output::{Forms, Output};
use crate::cli::session::Project;
use crate::cli::{Global, Targeted};
use crate::disk::Disk;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;
use jiff::Timestamp;
use plumb_core::kinds::emr::migration::Migration;
use plumb_core::render::Style;
use plumb_core::render::parity::{self, ParityContext};
use plumb_core::teardown::compared::void;
use plumb_core::teardown::{Evidence, EvidenceFile, parity_migrations};
use std::path::Path;

/// Show what a comparison found, from its file in evidence/
///
/// No data is read again. Without --period the newest period is shown.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb parity report audience
  plumb parity report audience --period 2026-10 --output html --out report.html
  plumb parity report audience --output json | jq '.outputs[] | {name, verdict}'")]
pub struct ParityReport {
    /// Name of the Migration
    #[arg(value_name = "MIGRATION", add = ArgValueCandidates::new(crate::cli::complete::migrations))]
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
    let file = pick(evidence(&dir, ui)?, name, args.period.as_deref())?;
    let report = &file.report;
    if report.outputs.is_empty() {
        let why = "it was typed by hand, and has no outputs";
        let failure = Failure::error(format!("the report of {name} for {} shows nothing: {why}", report.period));
        return Err(
            failure.hint(format!("`plumb parity run {name} --period {}` compares and writes one", report.period))
        );
    }
    let context = context(global, &args.targeted, &dir, &file, ui);
    let error = |e: serde_json::Error| Failure::error(e.to_string());
    let text = match args.output.output {
        ReportForm::Text => {
            let style = Style { colour: ui.colour && args.output.out.is_none(), width: ui.width };
            parity::text(report, &context, style)
        }
        ReportForm::Markdown => parity::markdown(report, &context),
        ReportForm::Html => parity::html(report, &context),
        ReportForm::Json => parity::json(report).map_err(error)?,
        ReportForm::Junit => parity::junit(report),
    };
    args.output.write(&text, ui)?;
    Ok(ExitCode::Ok)
}

/// Every report in evidence/. A file that is none is warned of.
pub fn evidence(dir: &Path, ui: &Ui) -> Result<Evidence, Failure> {
    let failed = |e: String| Failure::error(format!("evidence/: {e}")).hint("nothing was changed");
    let disk = Disk::new(dir).map_err(|e| failed(e.to_string()))?;
    let files = disk.files("evidence", ".json").map_err(failed)?;
    let texts = files.into_iter().map(|file| (file.path.clone(), disk.text(&file)));
    let evidence = Evidence::read(texts, settings::evidence_key().as_deref());
    for (path, why) in &evidence.broken {
        ui.warn(&format!("{path} is no report: {why}"));
    }
    Ok(evidence)
}

/// The report of a period, or of the newest; of several the last one.
fn pick(evidence: Evidence, migration: &str, period: Option<&str>) -> Result<EvidenceFile, Failure> {
    let mut of: Vec<EvidenceFile> = evidence.files.into_iter().filter(|f| f.report.migration == migration).collect();
    of.sort_by(|a, b| (&a.report.period, a.report.checked_at).cmp(&(&b.report.period, b.report.checked_at)));
    let periods: Vec<String> = of.iter().map(|file| file.report.period.clone()).collect();
    let found = of.into_iter().rfind(|file| period.is_none_or(|period| file.report.period == period));
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
fn context(global: &Global, targeted: &Targeted, dir: &Path, file: &EvidenceFile, ui: &Ui) -> ParityContext {
    let page = format!("evidence/{}-{}.html", file.report.migration, file.report.period);
    let page = Some(page).filter(|page| dir.join(page).is_file());
    match Project::load(global, targeted, ui) {
        Ok(project) => ParityContext { page, ..of_manifests(&project, file) },
        Err(failure) => {
            ui.warn(&format!("whether the report counts is not known: {}", failure.message));
            let void = Some("whether it counts is not known, as the manifests have mistakes".into());
            ParityContext { page, void, ..ParityContext::default() }
        }
    }
}

/// Which gates wait for a report, and whether it counts for them.
pub fn of_manifests(project: &Project, file: &EvidenceFile) -> ParityContext {
    let known = parity_migrations(&project.desired);
    let name = &file.report.migration;
    let Some(manifest) = known.iter().find(|one| one.migration.address.name == *name) else {
        let void = Some(format!("no Migration is named {name}"));
        return ParityContext { void, ..ParityContext::default() };
    };
    // A report may be a moment newer than the clock was read.
    let now = Timestamp::now().max(file.report.checked_at);
    let asked = manifest.gates.iter().map(|(_, parity)| parity);
    let strictest = asked.max_by_key(|parity| parity.signed).cloned().unwrap_or_default();
    ParityContext {
        gates: manifest.gates.iter().map(|(address, _)| address.to_string()).collect(),
        page: None,
        void: void(file, &manifest.migration, &strictest, now),
    }
}
