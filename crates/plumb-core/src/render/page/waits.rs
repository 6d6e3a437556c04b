//! What waits: the gates of teardowns and cutovers, and the decisions that are open.

use crate::manifest::Desired;
use crate::plan::Plan;
use crate::render::decisions::{listed, place};
use crate::render::markup::html as safe;
use crate::render::{cutover, teardown};
use std::fmt::Write;

/// How many decisions are listed.
const MOST_DECISIONS: usize = 300;
/// How many pending teardowns are shown with their gates.
const MOST_PENDING: usize = 200;

/// The gates of whatever waits; `None` where nothing does.
pub(super) fn gates(plan: &Plan) -> Option<String> {
    if plan.cutovers.is_empty() && plan.teardown.is_empty() {
        return None;
    }
    let mut out = String::new();
    for pending in &plan.cutovers {
        let gates = pending.gates.iter().map(|gate| (gate.gate.name, gate.gate.holds, cutover::says(gate)));
        one(&mut out, &cutover::head(pending), None, gates, &cutover::tail(pending));
    }
    for pending in plan.teardown.iter().take(MOST_PENDING) {
        let gates = pending.gates.iter().map(|gate| (gate.name, gate.holds, teardown::says(gate)));
        let next = [format!("next: {}", pending.next)];
        one(&mut out, &teardown::head(pending), pending.returned.as_deref(), gates, &next);
    }
    let left = plan.teardown.len().saturating_sub(MOST_PENDING);
    if left > 0 {
        let _ = writeln!(out, "<p class=\"soft\">And {left} more pending teardowns: <code>plumb plan</code>.</p>");
    }
    Some(out)
}

fn one(
    out: &mut String,
    head: &str,
    returned: Option<&str>,
    gates: impl Iterator<Item = (&'static str, bool, String)>,
    tail: &[String],
) {
    let _ = write!(out, "<div class=\"pending\"><h3 class=\"any\">{}</h3>", safe(head));
    if let Some(back) = returned {
        let _ = write!(out, "<p class=\"box none any\">Returned: {}</p>", safe(back));
    }
    out.push_str("<ul class=\"gates any\">");
    for (name, holds, says) in gates {
        let (class, word) = if holds { ("ok", "holds") } else { ("none", "waits") };
        let _ = write!(out, "<li><span class=\"badge {class}\">{word}</span> <b>{name}</b> {}</li>", safe(&says));
    }
    out.push_str("</ul>");
    for line in tail {
        let _ = write!(out, "<p class=\"soft any\">{}</p>", safe(line));
    }
    out.push_str("</div>\n");
}

/// The decisions that are open in all manifests; `None` where none is.
pub(super) fn decisions(desired: &Desired) -> Option<String> {
    let all = listed(desired);
    if all.is_empty() && desired.questions.is_empty() {
        return None;
    }
    let mut rows = String::new();
    let mut row = |whose: &str, place: &crate::plan::DecisionPlace| {
        let _ = writeln!(
            rows,
            "<tr><td class=\"any\"><code>{}:{}</code></td><th scope=\"row\">{}</th><td class=\"any\">{}</td></tr>",
            safe(&place.file),
            place.line,
            safe(whose),
            safe(&place.what)
        );
    };
    all.iter().take(MOST_DECISIONS).for_each(|one| row(&one.address, &one.place));
    desired.questions.iter().for_each(|question| row("all manifests", &place(desired, question)));
    let left = all.len().saturating_sub(MOST_DECISIONS);
    let more = if left > 0 {
        format!("<p class=\"soft\">And {left} more: <code>plumb validate</code>.</p>\n")
    } else {
        String::new()
    };
    Some(format!(
        "<div class=\"rows\"><table><thead><tr><th scope=\"col\">Where</th><th scope=\"col\">Whose</th><th scope=\"col\">To decide</th></tr></thead>\
         <tbody>\n{rows}</tbody></table></div>\n{more}"
    ))
}
