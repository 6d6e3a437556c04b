//! What is said of a plan that is not of every manifest.

use super::counted;
use super::value::visible;
use crate::plan::{Dangling, Partial};

/// The options of a selection, as they are typed: `--only 'etl-*' --label team=bau`.
pub(super) fn options(partial: &Partial) -> String {
    let only = partial.only.iter().map(|pattern| format!("--only {}", typed(pattern)));
    let labels = partial.labels.iter().map(|label| format!("--label {}", typed(label)));
    only.chain(labels).collect::<Vec<_>>().join(" ")
}

fn typed(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:".contains(c);
    let shown = visible(text);
    if !shown.is_empty() && shown.chars().all(plain) { shown } else { format!("'{shown}'") }
}

/// How much is selected, and what is not said of the rest.
pub(super) fn says(partial: &Partial) -> String {
    let (selected, total) = (partial.selected, partial.total);
    let rest = match total.saturating_sub(selected) {
        0 => "none is left out".to_owned(),
        1 => "the other was not compared".to_owned(),
        count => format!("the {count} others were not compared"),
    };
    let all = counted(total, "resource", "resources");
    format!("selects {selected} of {all}; {rest}, and nothing is deleted whose manifest is gone")
}

/// What becomes of a resource outside the selection.
pub(super) fn left_behind(one: &Dangling) -> String {
    let (address, first) = (visible(&one.address.to_string()), visible(&one.refers_to.to_string()));
    format!("{address} is not selected and keeps the id {} of {first}, which will be gone", visible(&one.id))
}
