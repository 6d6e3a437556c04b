//! `plumb validate`.

use super::output::{Output, ProblemForm, sarif};
use super::session::{self, Project};
use super::{Global, Targeted};
use crate::git::Repo;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plumb_core::kinds;
use plumb_core::manifest::{self, CutoverCommit, Desired, Warning};
use plumb_core::render::{self, Level, ReportedFinding};
use plumb_model::yaml::{Files, Problem};
use serde_json::Value;
use std::collections::BTreeMap;

/// Check the manifests offline, and report every mistake
///
/// Nothing is sent anywhere. Decisions that are open are counted and listed; they fail nothing. Secrets in plain text, characters
/// that do not show, what the service takes although its type is another, old prices, and cutovers whose day was over before it
/// was committed, are warned of. With --output json, sarif or junit the mistakes are the result; otherwise they go to stderr.
#[derive(Args)]
#[command(after_help = "Examples:\n  plumb validate --target prod\n  plumb validate --output sarif --out plumb.sarif")]
pub struct Validate {
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<ProblemForm>,
}

/// Who develops, where nobody knows it: names are as long as they would be for somebody.
const SOMEBODY: &str = "USER";

/// That a target in development mode was checked for nobody in particular.
fn unknown_developer(desired: &Desired, repo: Option<&Repo>) -> Option<String> {
    let is_unknown = desired.developer.is_some() && settings::user(repo.and_then(Repo::user)).is_none();
    is_unknown.then(|| {
        format!(
            "who develops is not known: names were checked with `[dev {SOMEBODY}] ` before them. A plan of target {} needs \
             PLUMB_USER, or `git config --global user.name`",
            desired.target.name
        )
    })
}

/// Checks the manifests.
pub fn run(global: &Global, args: Validate, ui: &Ui) -> Result<ExitCode, Failure> {
    if args.output.output == ProblemForm::Text {
        let project = Project::load_as(global, &args.targeted, Some(SOMEBODY), ui)?;
        if let Some(said) = unknown_developer(&project.desired, project.repo.as_ref()) {
            ui.warn(&said);
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for resource in &project.desired.resources {
            *counts.entry(resource.kind.name()).or_default() += 1;
        }
        let warnings = warnings(&project.desired, project.repo.as_ref());
        if !warnings.is_empty() {
            let problems: Vec<Problem> = warnings.into_iter().map(|(_, problem)| problem).collect();
            ui.laid_out(&render::warnings(&project.desired.files, &problems, ui.stderr_style()));
        }
        let list: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let target = &project.desired.target.name;
        let all = if list.is_empty() { "no resources".into() } else { list.join(", ") };
        let open = render::decisions(&project.desired);
        let valid = format!("The manifests are valid for target {target}: {all}.");
        let valid = render::value::hung("", &valid, ui.width, 2).join("\n");
        args.output.write(&format!("{valid}\n{open}"), ui)?;
        return Ok(ExitCode::Ok);
    }
    let read = read(global, &args.targeted, Some(SOMEBODY))?;
    if let Some(said) = &read.unknown_developer {
        ui.warn(said);
    }
    let code = if read.problems.is_empty() { ExitCode::Ok } else { ExitCode::Error };
    let mut all = findings(&read.files, &read.problems);
    // A suite knows passed and failed; what exits with 0 has failed nothing.
    let level = if args.output.output == ProblemForm::Junit { Level::Note } else { Level::Warning };
    all.extend(read.warnings.iter().map(|(rule, problem)| finding(&read.files, problem, rule, level)));
    all.extend(read.open);
    let text = match args.output.output {
        ProblemForm::Junit => render::junit("plumb validate", &all),
        ProblemForm::Sarif => sarif(&all)?,
        ProblemForm::Text | ProblemForm::Json => {
            let warnings: Vec<Problem> = read.warnings.into_iter().map(|(_, problem)| problem).collect();
            let mut json = render::problems_json(&read.files, &read.problems);
            // Where there are mistakes it is not known what is open.
            if read.problems.is_empty() {
                json["decisions"] = read.decisions;
            }
            json["warnings"] = render::problems_json(&read.files, &warnings)["problems"].take();
            render::shown(&format!("{json}\n"))
        }
    };
    args.output.write(&text, ui)?;
    Ok(code)
}

/// What is wrong with the manifests, and what is worth knowing of them when nothing is.
struct Validation {
    files: Files,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    /// The decisions that are open, when there are no mistakes: for programs, and as findings.
    decisions: Value,
    open: Vec<ReportedFinding>,
    unknown_developer: Option<String>,
}

/// What is worth knowing of manifests without mistakes. Where the time cannot be told no prices are old and no day is over.
fn warnings(desired: &Desired, repo: Option<&Repo>) -> Vec<Warning> {
    let mut all = manifest::warnings(desired, &settings::env);
    if let Ok((now, _)) = settings::now() {
        let today = now.to_zoned(TimeZone::UTC).date();
        all.extend(manifest::price_book_warnings(desired, today));
        all.extend(manifest::late_cutover_warnings(desired, &cutover_commits(desired, repo, today), today));
    }
    all
}

/// When the cutovers whose days are over were committed, by the addresses of their migrations. Without the history nothing is
/// known of a line that it does not tell of.
fn cutover_commits(desired: &Desired, repo: Option<&Repo>, today: Date) -> BTreeMap<String, CutoverCommit> {
    let past = manifest::past_cutovers(desired, today);
    let Some(repo) = repo.filter(|_| !past.is_empty()) else { return BTreeMap::new() };
    let place = |one: &manifest::PastCutover<'_>| {
        (desired.files.get(one.span.file).path.clone(), desired.files.position(one.span).0)
    };
    let places: Vec<(String, usize)> = past.iter().map(place).collect();
    let blames = repo.blame(places.iter().map(|(file, line)| (file.as_str(), *line)), &|| false);
    let commit = |file: &str, line: usize| match blames.of(file, line) {
        Some(commit) => Some(CutoverCommit::On(commit.date.parse().ok()?)),
        None => (!repo.is_shallow()).then_some(CutoverCommit::Missing),
    };
    let told = past.iter().zip(&places);
    told.filter_map(|(one, (file, line))| Some((one.resource.address.to_string(), commit(file, *line)?))).collect()
}

fn read(global: &Global, targeted: &Targeted, stand_in: Option<&str>) -> Result<Validation, Failure> {
    let dir = settings::project_dir(global.project.as_deref()).map_err(Failure::error)?;
    let repo = session::at(Repo::open(&dir).ok().flatten(), targeted)?;
    let read = session::with_source(&dir, repo.as_ref(), targeted, |source| {
        match manifest::load(source, &session::request_as(targeted, repo.as_ref(), stand_in), kinds::all()) {
            Ok(desired) => {
                let warnings = warnings(&desired, repo.as_ref());
                let (decisions, open) = (render::decisions_json(&desired), render::decision_findings(&desired));
                let unknown_developer = unknown_developer(&desired, repo.as_ref());
                let (files, problems) = (desired.files, Vec::new());
                Ok(Validation { files, problems, warnings, decisions, open, unknown_developer })
            }
            Err(failure) => match session::usage(&failure) {
                Some(usage) => Err(usage),
                None => Ok(Validation {
                    files: failure.files,
                    problems: failure.problems,
                    warnings: Vec::new(),
                    decisions: Value::Null,
                    open: Vec::new(),
                    unknown_developer: None,
                }),
            },
        }
    });
    read?
}

/// Every mistake in the manifests, and the texts that it is in.
pub fn mistakes(global: &Global, targeted: &Targeted) -> Result<(Files, Vec<Problem>), Failure> {
    read(global, targeted, None).map(|read| (read.files, read.problems))
}

/// The mistakes as findings.
pub fn findings(files: &Files, problems: &[Problem]) -> Vec<ReportedFinding> {
    problems.iter().map(|problem| finding(files, problem, "manifest", Level::Error)).collect()
}

fn finding(files: &Files, problem: &Problem, rule: &str, level: Level) -> ReportedFinding {
    let place = problem.span.map(|s| (files.get(s.file).path.clone(), files.position(s)));
    ReportedFinding {
        file: place.as_ref().map(|(file, _)| file.clone()),
        line: place.as_ref().map(|(_, (line, _))| *line),
        column: place.as_ref().map(|(_, (_, column))| *column),
        level,
        rule: rule.into(),
        message: in_one_line(problem),
    }
}

/// A mistake without its picture: unknown field `x`: did you mean `y`?
fn in_one_line(problem: &Problem) -> String {
    let mut text = problem.message.clone();
    for more in [Some(problem.label.as_str()), problem.help.as_deref()].into_iter().flatten() {
        if !more.is_empty() && !text.contains(more) {
            text.push_str(if text.ends_with(['?', '.']) { " " } else { ": " });
            text.push_str(more);
        }
    }
    text
}
