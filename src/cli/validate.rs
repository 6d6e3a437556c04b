//! `plumb validate`.

use super::output::{Output, ProblemForm, sarif};
use super::session::{self, Project};
use super::{Global, Targeted};
use crate::git::Repo;
use crate::manifest;
use crate::render::{self, Finding, Level};
use crate::ui::{ExitCode, Failure, Ui};
use crate::yaml::{Files, Problem};
use crate::{kinds, settings};
use clap::Args;
use std::collections::BTreeMap;

/// Check the manifests offline, and report every mistake
///
/// Nothing is sent anywhere. With --output json, sarif or junit the mistakes are the result; otherwise they go to
/// stderr.
#[derive(Args)]
#[command(after_help = "Examples:\n  plumb validate --target prod\n  plumb validate --output sarif --out plumb.sarif")]
pub struct Validate {
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<ProblemForm>,
}

/// Checks the manifests.
pub fn run(global: &Global, args: Validate, ui: &Ui) -> Result<ExitCode, Failure> {
    if args.output.output == ProblemForm::Text {
        let project = Project::load(global, &args.targeted, ui)?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for resource in &project.desired.resources {
            *counts.entry(resource.kind.name()).or_default() += 1;
        }
        let list: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let target = &project.desired.target.name;
        let all = if list.is_empty() { "no resources".into() } else { list.join(", ") };
        args.output.write(&format!("The manifests are valid for target {target}: {all}.\n"), ui)?;
        return Ok(ExitCode::Ok);
    }
    let (files, problems) = mistakes(global, &args.targeted)?;
    let code = if problems.is_empty() { ExitCode::Ok } else { ExitCode::Error };
    let findings = findings(&files, &problems);
    let text = match args.output.output {
        ProblemForm::Junit => render::junit("plumb validate", &findings),
        ProblemForm::Sarif => sarif(&findings)?,
        ProblemForm::Text | ProblemForm::Json => format!("{}\n", render::problems_json(&files, &problems)),
    };
    args.output.write(&text, ui)?;
    Ok(code)
}

/// Every mistake in the manifests, and the texts that it is in.
pub fn mistakes(global: &Global, targeted: &Targeted) -> Result<(Files, Vec<Problem>), Failure> {
    let dir = settings::project_dir(global.project.as_deref()).map_err(Failure::error)?;
    let repo = session::at(Repo::open(&dir).ok().flatten(), targeted)?;
    session::with_source(&dir, repo.as_ref(), targeted, |source| {
        match manifest::load(source, &session::request(targeted, repo.as_ref()), kinds::all()) {
            Ok(desired) => (desired.files, Vec::new()),
            Err(failure) => (failure.files, failure.problems),
        }
    })
}

/// The mistakes as findings.
pub fn findings(files: &Files, problems: &[Problem]) -> Vec<Finding> {
    let one = |p: &Problem| {
        let place = p.span.map(|s| (files.get(s.file).path.clone(), files.position(s)));
        Finding {
            file: place.as_ref().map(|(file, _)| file.clone()),
            line: place.as_ref().map(|(_, (line, _))| *line),
            column: place.as_ref().map(|(_, (_, column))| *column),
            level: Level::Error,
            rule: "manifest".into(),
            message: in_one_line(p),
        }
    };
    problems.iter().map(one).collect()
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
