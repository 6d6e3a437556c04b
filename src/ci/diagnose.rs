//! The issues that tell of causes: one a fingerprint, for as long as it comes back. Pure.

use super::issues::IssueChange;
use crate::services::github::Issue;
use plumb_core::diagnose::Diagnosis;
use plumb_core::diagnose::months::RunOfMonths;
use plumb_core::diagnose::result::RunOutcome;
use plumb_core::render::code;
use plumb_core::render::diagnosis::{self, DiagnosisContext};
use plumb_core::render::value::{fitted, visible};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The label by which the issues are found.
pub const LABEL: &str = "plumb-diagnose";
/// How many runs in a row of everything that failed of a cause have to be green for its issue to be closed.
pub const GREEN_RUNS: usize = 2;
/// How many runs an issue lists.
const MOST_LISTED: usize = 20;

/// A cause that came up, with all its runs.
pub struct CauseOfRuns<'a> {
    pub fingerprint: &'a str,
    /// The runs that failed of it, the newest first.
    pub failed: Vec<&'a RunOfMonths>,
    /// Whether everything that failed of it has since been green, [`GREEN_RUNS`] times in a row.
    pub is_over: bool,
}

/// The causes of runs, the newest first.
pub fn causes(runs: &[RunOfMonths]) -> Vec<CauseOfRuns<'_>> {
    let mut ordered: Vec<&RunOfMonths> = runs.iter().filter(|run| run.diagnosis.run.is_some()).collect();
    ordered.sort_by_key(|run| std::cmp::Reverse((run.diagnosis.started, run.diagnosis.run.as_deref())));
    let mut by: BTreeMap<&str, Vec<&RunOfMonths>> = BTreeMap::new();
    for run in ordered.iter().filter(|run| run.diagnosis.outcome == RunOutcome::Failed) {
        if let (Some(fingerprint), Some(_)) = (&run.diagnosis.fingerprint, &run.diagnosis.cause) {
            by.entry(fingerprint).or_default().push(run);
        }
    }
    let green_since = |name: &str| {
        let of_name = ordered.iter().filter(|run| run.diagnosis.name == name);
        of_name.take_while(|run| run.diagnosis.outcome == RunOutcome::Succeeded).count()
    };
    let mut causes: Vec<CauseOfRuns<'_>> = by
        .into_iter()
        .map(|(fingerprint, failed)| {
            let names: BTreeSet<&str> = failed.iter().map(|run| run.diagnosis.name.as_str()).collect();
            let is_over = names.iter().all(|name| green_since(name) >= GREEN_RUNS);
            CauseOfRuns { fingerprint, failed, is_over }
        })
        .collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.failed.first().and_then(|run| run.diagnosis.started)));
    causes
}

/// What is to be done. `mine` are issues with the label that one's own account wrote, open and closed. An issue whose text
/// somebody else has changed is left as it is, whatever becomes of its cause. Without a whole look nothing is closed.
pub fn steps(
    [project, target]: [&str; 2],
    causes: &[CauseOfRuns<'_>],
    is_whole: bool,
    link: Option<&str>,
    mine: &[Issue],
) -> Vec<IssueChange> {
    let start = format!("<!-- plumb:diagnose {project}/{target} ");
    let mut steps = Vec::new();
    for cause in causes {
        let about = format!("{start}{} ", cause.fingerprint);
        let mut of: Vec<&Issue> = mine.iter().filter(|issue| text(issue).starts_with(&about)).collect();
        of.sort_by_key(|issue| issue.number);
        let body = body(&about, cause, link);
        // The oldest open one tells; where none is open, the newest that was closed is opened again.
        let told = of.iter().find(|issue| issue.state == "open").or(of.last());
        let Some(told) = told else {
            if !cause.is_over {
                steps.push(IssueChange::Open { title: title(cause, target), body });
            }
            continue;
        };
        let is_open = told.state == "open";
        let is_same = newest_of(&text(told)) == newest_of(&body);
        if is_open {
            for other in of.iter().filter(|issue| issue.state == "open" && issue.number != told.number) {
                let why = "An older issue tells of the same cause.".to_owned();
                steps.push(IssueChange::Close { number: other.number, why });
            }
        }
        if !is_ours(&text(told)) {
            continue;
        }
        match (is_open, cause.is_over) {
            (true, true) if !is_whole => {}
            (true, true) => {
                let why = format!(
                    "It did not come back: the last {GREEN_RUNS} runs of everything that failed of it were green."
                );
                steps.push(IssueChange::Close { number: told.number, why });
            }
            (true, false) if !is_same => steps.push(IssueChange::Edit { number: told.number, body }),
            // Closed by hand or by plumb: opened again when it failed once more after that.
            (false, false) if !is_same => steps.push(IssueChange::Reopen { number: told.number, body }),
            _ => {}
        }
    }
    let is_known =
        |issue: &Issue| causes.iter().any(|cause| text(issue).starts_with(&format!("{start}{} ", cause.fingerprint)));
    let gone =
        mine.iter().filter(|issue| issue.state == "open" && text(issue).starts_with(&start) && is_ours(&text(issue)));
    for issue in gone.filter(|issue| is_whole && !is_known(issue)) {
        let why = "It did not come back: none of the runs that were looked at failed of it.".to_owned();
        steps.push(IssueChange::Close { number: issue.number, why });
    }
    steps
}

fn text(issue: &Issue) -> String {
    issue.body.clone().unwrap_or_default().replace("\r\n", "\n")
}

/// What the first line says: the newest run that it tells of, and the hash of what follows.
fn marker(body: &str) -> Option<[String; 2]> {
    let line = body.lines().next()?.strip_suffix(" -->")?;
    let mut words = line.rsplit(' ').map(str::to_owned);
    let (hash, newest) = (words.next()?, words.next()?);
    Some([newest, hash])
}

/// The newest run that a text tells of.
fn newest_of(body: &str) -> Option<String> {
    marker(body).map(|[newest, _]| newest)
}

/// Whether a text is as plumb wrote it.
fn is_ours(body: &str) -> bool {
    let rest = body.split_once('\n').map_or("", |(_, rest)| rest);
    marker(body).is_some_and(|[_, hash]| hash == digest(rest.trim_end()))
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn title(cause: &CauseOfRuns<'_>, target: &str) -> String {
    let newest = cause.failed.first().map(|run| &run.diagnosis);
    let says = newest.and_then(|one| one.cause.as_ref()).map(|cause| cause.title.as_str()).unwrap_or_default();
    fitted(&visible(&format!("{says} (target {target}, {})", cause.fingerprint)), 200)
}

fn body(about: &str, cause: &CauseOfRuns<'_>, link: Option<&str>) -> String {
    let mut out = String::new();
    let count = cause.failed.len();
    let runs = if count == 1 { "run".to_owned() } else { format!("{count} runs") };
    out.push_str(&format!("The same cause failed {}{runs}:\n\n", if count == 1 { "one " } else { "" }));
    for run in cause.failed.iter().take(MOST_LISTED) {
        out.push_str(&format!("- {}\n", row(&run.diagnosis)));
    }
    if count > MOST_LISTED {
        out.push_str(&format!("- and {} before\n", count - MOST_LISTED));
    }
    if let Some(newest) = cause.failed.first() {
        out.push_str("\nThe newest of them:\n\n");
        out.push_str(&diagnosis::markdown(
            &newest.diagnosis,
            &DiagnosisContext { all: true, ..DiagnosisContext::default() },
        ));
    }
    out.push_str(&format!(
        "\nThis text is updated when another run fails of it. The issue is closed when the last {GREEN_RUNS} runs of everything \
         that failed of it were green, unless somebody wrote in it.\n"
    ));
    // Older runs fall out of what is looked at with time: only the newest makes another text.
    let newest = cause.failed.first().and_then(|run| run.diagnosis.run.as_deref()).unwrap_or_default();
    if let Some(link) = link {
        out.push_str(&format!("Seen by {link}.\n"));
    }
    let out = out.trim_end();
    format!("{about}{} {} -->\n{out}\n", digest(newest), digest(out))
}

fn row(one: &Diagnosis) -> String {
    let when = one.started.map(|at| at.strftime("%-d %b %Y, %H:%M UTC").to_string()).unwrap_or_default();
    let run = one.run.as_deref().unwrap_or_default();
    let period = one.period.as_ref().map(|period| format!(" for {}", code(&fitted(period, 40)))).unwrap_or_default();
    format!("{when}: {}{period}, run {}", code(&fitted(&one.name, 120)), code(&fitted(run, 120)))
}

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;
