//! What a team answers once, for all of its pipelines: `spec.answers` of plumb.yaml.

use super::Records;
use crate::ui::{Failure, Ui};
use plumb_core::import::{ImportOutcome, ImportState, team};
use plumb_core::manifest::PROJECT_FILE;
use plumb_core::render::counted;
use plumb_core::translate::{OUTPUT_ROOT, TeamQuestion};
use std::collections::{BTreeMap, BTreeSet};

/// Adds to plumb.yaml the questions that no import asked before. Where its text cannot take them, they are told instead.
pub(super) fn ask(
    outcome: &mut ImportOutcome,
    texts: &BTreeMap<String, String>,
    records: &Records,
    questions: &[TeamQuestion],
    ui: &Ui,
) {
    let asked: BTreeSet<String> = records.values().flat_map(|(_, record)| record.asked.clone()).collect();
    let Some(text) = outcome.texts.get(PROJECT_FILE).or_else(|| texts.get(PROJECT_FILE)).cloned() else { return };
    match team::ask(&text, questions, &asked) {
        Ok(now) if now == text => {}
        Ok(now) => {
            updated(outcome, now);
            let keys: Vec<&str> = questions.iter().map(|question| question.answer.key()).collect();
            ui.status(&format!(
                "{PROJECT_FILE} asks under `spec.answers` what is the same for all pipelines: {}.",
                keys.join(", ")
            ));
        }
        Err(why) => {
            ui.warn(&format!(
                "{PROJECT_FILE} could not be asked {}: {why}",
                counted(questions.len(), "question", "questions")
            ));
            for question in questions {
                let (key, what, default) = (question.answer.key(), &question.what, &question.default);
                ui.warn(&format!("`spec.answers.{key}`: {what}; until then: {default}"));
            }
        }
    }
}

/// Adds to plumb.yaml the variable for where new pipelines write until they are cut over.
pub(super) fn output_root(
    outcome: &mut ImportOutcome,
    texts: &BTreeMap<String, String>,
    place: Option<&String>,
) -> Result<(), Failure> {
    let (Some(text), Some(place)) = (texts.get(PROJECT_FILE), place) else { return Ok(()) };
    let now = team::output_root(text, place).map_err(|why| {
        Failure::error(format!(
            "{PROJECT_FILE} cannot be given the variable `{OUTPUT_ROOT}`: {why}; nothing was written"
        ))
        .hint(format!("add it under `spec.variables`: `{OUTPUT_ROOT}: {place}`"))
    })?;
    if now != *text {
        updated(outcome, now);
    }
    Ok(())
}

fn updated(outcome: &mut ImportOutcome, text: String) {
    if outcome.texts.insert(PROJECT_FILE.to_owned(), text).is_none() {
        outcome.files.push((ImportState::Updated, PROJECT_FILE.to_owned()));
    }
}
