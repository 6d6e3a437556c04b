//! Several diagnoses, a line each.

use super::super::Style;
use super::super::value::{columns, fitted, visible};
use super::words::{confidence, moment};
use crate::diagnose::Diagnosis;
use crate::diagnose::result::RunOutcome;

/// The longest name that is laid out whole.
const NAME: usize = 40;

/// One line a run: its name, when it ended, the cause and how sure it is. `more` tells how to see one whole.
pub fn overview(diagnoses: &[Diagnosis], more: &str, style: Style) -> String {
    let mut out = String::new();
    let name = |one: &Diagnosis| fitted(&visible(&one.name), NAME);
    let width = diagnoses.iter().map(|one| columns(&name(one))).max().unwrap_or(0);
    for one in diagnoses {
        let name = name(one);
        let when = one.ended.map(moment).unwrap_or_default();
        let head = format!("{name}{}  {when:<22}  ", " ".repeat(width - columns(&name)));
        let says = match (&one.cause, one.outcome) {
            (Some(cause), _) => {
                format!("{} · {}: {}", visible(&cause.class), confidence(cause.confidence), visible(&cause.title))
            }
            (None, RunOutcome::Succeeded) => "succeeded".to_owned(),
            (None, RunOutcome::Running) => "still running".to_owned(),
            (None, _) => "not known".to_owned(),
        };
        let room = style.width.saturating_sub(columns(&head)).max(30);
        out.push_str(&format!("{head}{}\n", fitted(&says, room)));
    }
    if diagnoses.is_empty() {
        out.push_str("Every last run is green.\n");
    } else {
        out.push_str(&format!("\n{more}\n"));
    }
    out
}
