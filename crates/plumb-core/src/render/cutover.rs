//! Waves that are not cut over yet, for text and markdown.

use super::markdown::{gate_line, laid_out};
use super::value::visible;
use crate::cutover::{PendingCutover, Standing, WaveGate};

/// The line that names a wave: its day, where it stands, and who is in it.
pub(super) fn head(pending: &PendingCutover) -> String {
    let stands = match pending.standing {
        Standing::Old => "not cut over",
        Standing::Between => "between old and new",
        Standing::New => "cut over",
        Standing::Unknown => "not known where it stands",
    };
    let members: Vec<String> = pending.members.iter().map(|member| visible(&member.to_string())).collect();
    let day = visible(&pending.cutover);
    format!("{} of {day}, {stands}: {}", visible(&pending.address.to_string()), members.join(", "))
}

/// What a gate says, and of whom.
pub(super) fn says(gate: &WaveGate) -> String {
    let member = gate.member.as_ref().map(|member| format!("{}: ", visible(&member.to_string()))).unwrap_or_default();
    format!("{member}{}", visible(&gate.gate.says))
}

/// What is said below the gates.
pub(super) fn tail(pending: &PendingCutover) -> [String; 2] {
    [
        format!("next: {}", visible(&pending.next)),
        format!("digest: {}, the same until it is cut over", visible(&pending.digest)),
    ]
}

/// One wave with its gates, as lines of a diff: what holds is unmarked, what does not has a `!`.
pub(super) fn lines(pending: &PendingCutover) -> String {
    let mut out = laid_out('#', 0, &head(pending));
    for gate in &pending.gates {
        let (sign, word) = if gate.gate.holds { (' ', "holds") } else { ('!', "waits") };
        out.push_str(&gate_line(sign, word, gate.gate.name, &says(gate)));
    }
    tail(pending).iter().for_each(|line| out.push_str(&laid_out(' ', 0, line)));
    out
}
