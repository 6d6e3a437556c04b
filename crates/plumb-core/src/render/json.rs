//! A plan for programs.

use super::value::{is_hidden, push_escape, starts_command};
use crate::plan::Plan;

/// Renders the plan as JSON, indented, ending in a newline. `Plan::format` says which form it has.
///
/// Hidden characters are escaped although JSON does not ask for it, so that a plan printed on a terminal does nothing
/// to it.
pub fn json(plan: &Plan) -> Result<String, serde_json::Error> {
    let mut text = shown(&serde_json::to_string_pretty(plan)?);
    text.push('\n');
    Ok(text)
}

/// JSON with hidden characters and runner commands escaped. Outside strings JSON has neither, but for newlines, so this needs no parser.
pub fn shown(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for (at, c) in json.char_indices() {
        if (c != '\n' && is_hidden(c)) || starts_command(json, at) { push_escape(&mut out, c) } else { out.push(c) }
    }
    out
}
