//! The issue that tells of a target's drift: there is one as long as there is drift. Pure.

use super::issues::IssueChange;
use crate::services::github::Issue;
use plumb_core::plan::Plan;
use plumb_core::render::notice::News;
use plumb_core::render::{self, MarkdownOptions};

/// The label by which the issues are found.
pub const LABEL: &str = "plumb-drift";

/// GitHub takes 65,536 characters; the markers of other tools may be added.
const BUDGET: usize = 60_000;

/// What is to be done, and what has become of the drift since the last look. `mine` are issues with the label that one's
/// own account wrote, the newest first; those of other targets and those that others wrote into are left alone.
pub fn steps(drift: &Plan, link: Option<&str>, mine: &[Issue]) -> (Vec<IssueChange>, Option<News>) {
    let start = format!("<!-- plumb:drift {}/{} ", drift.project, drift.target);
    let text = |issue: &Issue| issue.body.clone().unwrap_or_default();
    let mut open: Vec<&Issue> = mine.iter().filter(|i| i.state == "open" && text(i).starts_with(&start)).collect();
    open.sort_by_key(|issue| issue.number);
    if drift.is_empty() {
        let news = (!open.is_empty()).then_some(News::Gone);
        let why = || "What is live is as git says again.".to_owned();
        return (open.iter().map(|i| IssueChange::Close { number: i.number, why: why() }).collect(), news);
    }
    let marker = format!("{start}{} -->", drift.digest);
    let Some((first, others)) = open.split_first() else {
        let title = format!("Drift of {} on target {}", drift.project, drift.target);
        return (vec![IssueChange::Open { title, body: body(drift, &marker, link) }], Some(News::Appeared));
    };
    // Two can come of two looks at the same time, or of an answer that was lost.
    let why = || "An older issue tells of the same target.".to_owned();
    let mut steps: Vec<IssueChange> =
        others.iter().map(|i| IssueChange::Close { number: i.number, why: why() }).collect();
    let same = text(first).starts_with(&marker);
    if !same {
        steps.push(IssueChange::Edit { number: first.number, body: body(drift, &marker, link) });
    }
    (steps, (!same).then_some(News::Changed))
}

fn body(drift: &Plan, marker: &str, link: Option<&str>) -> String {
    let head = format!(
        "{marker}\nWhat is live is not what git says. An apply makes it so again; `plumb drift --write` takes what is live \
         into the manifests instead. This text is updated when the drift changes, and the issue closed when it is \
         gone.\n\n"
    );
    let options =
        MarkdownOptions { budget: BUDGET - head.len(), link: link.map(str::to_owned), ..MarkdownOptions::default() };
    head + &render::markdown(drift, &options)
}
