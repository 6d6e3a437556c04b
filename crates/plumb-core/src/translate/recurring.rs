//! Steps that a cluster is fed again and again: runs of one step are one task.

use super::account::{Ask, At, Book};
use crate::detect::masked;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A cluster that stays up is fed the same steps again and again: the newest of each is the pipeline.
pub(super) fn recurring<'a>(book: &mut Book, root: &At<'a>, steps: Vec<At<'a>>) -> Vec<At<'a>> {
    let stays = root.path("Cluster.AutoTerminate").is_some_and(|at| at.value == &Value::Bool(false));
    if !stays {
        return steps;
    }
    let form = |at: &At<'_>| -> String {
        // Figures tell the runs of one step apart: dates, months, counters.
        let digits = |text: String| text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
        let args = at.path("Config.Args").map(|a| a.value.to_string()).unwrap_or_default();
        let jar = at.path("Config.Jar").map(|a| a.value.to_string()).unwrap_or_default();
        digits(format!("{}\u{0}{jar}\u{0}{args}", at.text_of("Name").unwrap_or_default()))
    };
    let mut newest = BTreeMap::new();
    for (i, at) in steps.iter().enumerate() {
        newest.insert(form(at), i);
    }
    let mut kept = Vec::new();
    let mut told = BTreeSet::new();
    for (i, at) in steps.iter().enumerate() {
        let form = form(at);
        if newest.get(&form) == Some(&i) {
            kept.push(at.clone());
        } else if told.insert(form.clone()) {
            let name = at.text_of("Name").unwrap_or_default();
            let what = format!("whether the steps called `{}` are runs of one step", masked(&name));
            let why = "the cluster stays up, and they differ in figures only";
            let ask = Ask {
                what,
                why,
                options: &["they are: one task", "they are not: a task each"],
                default: "they are: the newest one is taken",
                place: "tasks".into(),
            };
            book.ask(at, ask);
        } else {
            book.dropped(at, "an earlier run of the same step");
        }
    }
    kept
}
