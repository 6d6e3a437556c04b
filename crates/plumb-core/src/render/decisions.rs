//! The decisions that are open in manifests, with their places: what `plumb validate` says of them.

use super::value::{fitted, visible};
use super::{Level, ReportedFinding};
use crate::manifest::{DecisionGuard, Desired, OpenDecision};
use crate::plan::DecisionPlace;
use crate::plan::secrets::Numbers;
use serde::Serialize;
use serde_json::{Value, json};

/// How many places a text lists.
const MOST_LISTED: usize = 20;
/// How many columns of what is asked it shows.
const QUESTION: usize = 160;

/// An open decision, and whose it is.
#[derive(Serialize)]
pub(super) struct ListedDecision {
    pipeline: String,
    pub address: String,
    #[serde(flatten)]
    pub place: DecisionPlace,
}

/// Every open decision of the manifests, pipeline by pipeline.
pub(super) fn listed(desired: &Desired) -> Vec<ListedDecision> {
    let mut all: Vec<ListedDecision> = Vec::new();
    for (pipeline, resource) in desired.undecided() {
        let one = |decision: &OpenDecision| ListedDecision {
            pipeline: pipeline.clone(),
            address: resource.address.to_string(),
            place: place(desired, decision),
        };
        all.extend(resource.decisions.iter().map(one));
    }
    all.sort_by(|a, b| (&a.pipeline, &a.place.file, a.place.line).cmp(&(&b.pipeline, &b.place.file, b.place.line)));
    all
}

/// Where a decision is open. What the environment keeps secret is not shown of it.
pub(super) fn place(desired: &Desired, decision: &OpenDecision) -> DecisionPlace {
    let what = Numbers::default().show_text(&desired.vault.seal_text(&decision.what));
    let (file, line) = (&desired.files.get(decision.span.file).path, desired.files.position(decision.span).0);
    DecisionPlace { what, file: file.clone(), line }
}

fn line(place: &DecisionPlace) -> String {
    format!("{}:{}: {}", visible(&place.file), place.line, fitted(&visible(&place.what), QUESTION))
}

/// How many decisions are open and where, for people; empty when none is.
pub fn decisions(desired: &Desired) -> String {
    let mut out = String::new();
    if let Some(count) = desired.count_decisions(|_| true) {
        let says = match desired.decision_guard() {
            DecisionGuard::Block => "an apply makes no manifest live in which a `# DECISION:` comment stands",
            DecisionGuard::Warn => "an apply to this target only warns of them",
        };
        out.push_str(&format!("{count}; {says}.\n"));
        let all = listed(desired);
        let mut pipeline = None;
        for one in all.iter().take(MOST_LISTED) {
            if pipeline.replace(&one.pipeline) != Some(&one.pipeline) {
                out.push_str(&format!("  {}\n", visible(&one.pipeline)));
            }
            out.push_str(&format!("    {}\n", line(&one.place)));
        }
        if all.len() > MOST_LISTED {
            out.push_str(&format!("  and {} more; `--output json` lists all\n", all.len() - MOST_LISTED));
        }
    }
    if !desired.questions.is_empty() {
        let questions = super::counted(desired.questions.len(), "question is", "questions are");
        out.push_str(&format!("{questions} open in plumb.yaml for all pipelines; nothing waits for them.\n"));
        for question in desired.questions.iter().take(MOST_LISTED) {
            out.push_str(&format!("    {}\n", line(&place(desired, question))));
        }
    }
    out
}

/// The same for programs, all of it.
pub fn decisions_json(desired: &Desired) -> Value {
    let count = desired.count_decisions(|_| true).unwrap_or_default();
    let project: Vec<DecisionPlace> = desired.questions.iter().map(|question| place(desired, question)).collect();
    json!({ "open": count.open, "pipelines": count.pipelines, "list": listed(desired), "project": project })
}

/// The same for tools that show findings beside lines of code.
pub fn decision_findings(desired: &Desired) -> Vec<ReportedFinding> {
    let finding = |one: ListedDecision| ReportedFinding {
        file: Some(one.place.file),
        line: Some(one.place.line),
        column: None,
        level: Level::Note,
        rule: "open-decision".to_owned(),
        message: visible(&format!("{}: to decide: {}", one.address, one.place.what)),
    };
    listed(desired).into_iter().map(finding).collect()
}
