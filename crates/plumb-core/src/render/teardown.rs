//! What is on its way down, for text and markdown.

use super::value::{quoted, visible};
use crate::plan::teardown::{Descent, Gate, Rung};

/// The line that names one thing: which it is, and how far down.
pub(super) fn head(descent: &Descent) -> String {
    let stage = match descent.rung {
        Rung::Active => "not marked",
        Rung::Marked => "marked",
        Rung::Due => "due: every gate holds",
    };
    let state = descent.state.as_deref().map(|state| format!(" {}", visible(state))).unwrap_or_default();
    format!("{} {}{state}, {stage}", visible(&descent.address.to_string()), quoted(&descent.title))
}

/// One thing with its gates, as lines of a diff: what holds is unmarked, what does not has a `!`.
pub(super) fn lines(descent: &Descent) -> String {
    let mut out = format!("# {}\n", head(descent));
    if let Some(back) = &descent.returned {
        out.push_str(&format!("! returned: {}\n", visible(back)));
    }
    for gate in &descent.gates {
        let (sign, word) = if gate.holds { (' ', "holds") } else { ('!', "waits") };
        out.push_str(&format!("{sign} {word}  {:<10} {}\n", gate.name, says(gate)));
    }
    out.push_str(&format!("  next: {}\n", visible(&descent.next)));
    out
}

/// What a gate says.
pub(super) fn says(gate: &Gate) -> String {
    visible(&gate.says)
}
