//! What a team answers once, for all of its pipelines: `spec.answers` of plumb.yaml.

use super::Records;
use crate::ui::Ui;
use plumb_core::import::{ImportOutcome, ImportState, team};
use plumb_core::manifest::PROJECT_FILE;
use plumb_core::render::counted;
use plumb_core::translate::TeamQuestion;
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
    let Some(text) = texts.get(PROJECT_FILE) else { return };
    match team::ask(text, questions, &asked) {
        Ok(now) if now == *text => {}
        Ok(now) => {
            outcome.files.push((ImportState::Updated, PROJECT_FILE.to_owned()));
            outcome.texts.insert(PROJECT_FILE.to_owned(), now);
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
