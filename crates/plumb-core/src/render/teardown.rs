//! Teardowns that wait, for text and markdown.

use super::markdown::{gate_line, laid_out};
use super::value::{quoted, visible};
use crate::teardown::{Gate, PendingTeardown, Stage};

/// The line that names one thing: which it is, and how far its teardown is.
pub(super) fn head(pending: &PendingTeardown) -> String {
    let stage = match pending.stage {
        Stage::Active => "not marked",
        Stage::Marked => "marked",
        Stage::Due => "due: every gate holds",
    };
    let state = pending.state.as_deref().map(|state| format!(" {}", visible(state))).unwrap_or_default();
    format!("{} {}{state}, {stage}", visible(&pending.address.to_string()), quoted(&pending.title))
}

/// One thing with its gates, as lines of a diff: what holds is unmarked, what does not has a `!`.
pub(super) fn lines(pending: &PendingTeardown) -> String {
    let mut out = laid_out('#', 0, &head(pending));
    if let Some(back) = &pending.returned {
        out.push_str(&laid_out('!', 0, &format!("returned: {}", visible(back))));
    }
    for gate in &pending.gates {
        let (sign, word) = if gate.holds { (' ', "holds") } else { ('!', "waits") };
        out.push_str(&gate_line(sign, word, gate.name, &says(gate)));
    }
    out.push_str(&laid_out(' ', 0, &format!("next: {}", visible(&pending.next))));
    out
}

/// What a gate says.
pub(super) fn says(gate: &Gate) -> String {
    visible(&gate.says)
}
