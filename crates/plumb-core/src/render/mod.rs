//! Showing: pure functions of a [`Plan`] or of findings. Nothing here reads a file, the environment or a clock, and
//! the same input gives the same bytes.
//!
//! Whatever comes from manifests or live objects goes through [`value`], which leaves nothing hidden or active in it.

mod applied;
pub mod board;
mod body;
mod code;
pub mod compact;
pub mod cost;
mod cutover;
mod decisions;
pub mod diagnosis;
mod drift;
pub mod emr;
mod findings;
pub mod forecast;
pub mod graph;
mod json;
mod junit;
mod manifest;
mod markdown;
mod markup;
pub mod metrics;
pub mod notice;
pub mod outcome;
pub mod page;
pub mod parity;
mod partial;
mod problems;
pub mod run;
mod sarif;
pub mod status;
mod taken;
mod teardown;
mod text;
mod translation;
pub mod value;

pub use applied::{Applied, applied, applied_json};
pub use code::{differs as code_differs, readable};
pub use decisions::{decision_findings, decisions, decisions_json};
pub use drift::drift_text;
pub use findings::{Level, ReportedFinding, drift};
pub use json::{json, shown};
pub use junit::junit;
pub use manifest::{Manifest, manifest};
pub use markdown::{MarkdownOptions, by_hand, code, code_block, markdown, safe_link};
pub use plumb_model::text::counted;
pub use problems::{problems, problems_json, warnings};
pub use sarif::sarif;
pub use taken::Taken;
pub use text::{compact_text, text, write_back_text};
pub use translation::{Since, question, report, translated, translation};

use crate::plan::{Action, ChangeOrigin, Estimate, Plan};
use plumb_model::address::Address;
use value::visible;

/// No line is laid out for less than this many columns.
pub const NARROWEST: usize = 40;

/// How text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether escape sequences may be used. The ui decides it: only it knows of terminals and `NO_COLOR`.
    pub colour: bool,
    /// Columns of the terminal. A narrow one moves things to lines of their own; it never cuts a changed value.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Style { colour: false, width: 100 }
    }
}

/// What plan this is: project, target, commit, base.
fn head(plan: &Plan) -> String {
    // Nobody is to take it for the whole.
    headed(if plan.partial.is_some() { "PARTIAL plan" } else { "Plan" }, plan)
}

/// The same for what is called otherwise.
fn headed(sort: &str, plan: &Plan) -> String {
    let mut out = format!("{sort} of {} for target {}", visible(&plan.project), visible(&plan.target));
    if let Some(head) = &plan.head {
        out.push_str(&format!(", manifests at {}", visible(head)));
    }
    if let Some(base) = &plan.base {
        out.push_str(&format!(", against {}", visible(base)));
    }
    out
}

/// `2 to create, 1 to update, 3 to adopt (2 with changes), 0 to delete. 5 unchanged.` The rarer actions are only named when there are
/// any; what creates, updates and deletes always is.
fn summary(plan: &Plan) -> String {
    let counts = plan.counts();
    let mut parts = vec![format!("{} to create", counts.create), format!("{} to update", counts.update)];
    for (count, what) in [
        (counts.replace, "replace"),
        (counts.adopt, "adopt"),
        (counts.moved, "move"),
        (counts.other, "release"),
        (counts.mark, "mark for teardown"),
        (counts.terminate, "terminate"),
        (counts.cut_over, "cut over or take back"),
        (counts.upload, "upload"),
        (counts.retire, "retire"),
        (counts.prune, "prune"),
    ] {
        let with_changes = plan.adopted_with_changes();
        match count {
            0 => {}
            _ if what == "adopt" && with_changes > 0 => {
                parts.push(format!("{count} to adopt ({with_changes} with changes)"));
            }
            _ => parts.push(format!("{count} to {what}")),
        }
    }
    parts.push(format!("{} to delete", counts.delete));
    let mut out = format!("{}. {} unchanged.", parts.join(", "), plan.unchanged);
    if !plan.blocked.is_empty() {
        out.push_str(&format!(" {} blocked.", plan.blocked.len()));
    }
    out
}

/// That nothing but marks is written, in a sentence.
fn only_marks(plan: &Plan) -> Option<&'static str> {
    plan.only_marks().then_some("An apply changes nothing but the marks.")
}

/// How many decisions are open, in a sentence.
fn undecided(plan: &Plan) -> Option<String> {
    plan.decisions.map(|count| format!("{count}; `plumb validate` lists them."))
}

/// How long an apply takes, in a sentence.
fn lasting(plan: &Plan) -> Option<String> {
    let Estimate { seconds, calls, count, per_second } = plan.estimate.as_ref()?;
    let minutes = seconds.div_ceil(60);
    let time = match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    };
    // Two digits: a limit of 255 a minute is 4.25 a second.
    let rate = (per_second * 100.0).round() / 100.0;
    Some(format!("An apply takes about {time}: {count} {calls}, {rate} a second."))
}

/// That there is nothing to do, in a sentence.
fn nothing_to_do(plan: &Plan) -> &'static str {
    match (plan.teardown.is_empty(), plan.cutovers.is_empty(), &plan.partial) {
        (false, ..) => "Pending teardowns wait for their gates.",
        (true, false, _) => "Waves wait for their gates.",
        (true, true, None) => "The workspace equals the manifests.",
        (true, true, Some(_)) => "What is selected equals its manifests; nothing else was compared.",
    }
}

/// What the line of the counts begins with.
fn sort(plan: &Plan) -> &'static str {
    if plan.partial.is_some() { "Partial plan" } else { "Plan" }
}

/// The resources that were changed live since the last apply, with how many of their fields were.
fn drifted(plan: &Plan) -> Vec<(&Address, usize)> {
    // What came back says so itself.
    let changes = plan.changes.iter().filter(|change| change.action != Action::Mark);
    changes
        .map(|change| {
            let live = |origin| matches!(origin, Some(ChangeOrigin::Drift | ChangeOrigin::Both));
            (&change.address, change.fields.iter().filter(|field| live(field.origin)).count())
        })
        .filter(|(_, fields)| *fields > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::ImpactClass;
    use crate::plan::{Change, FieldChange, Op, Partial, PlanFormat};
    use plumb_model::address::Address;

    fn empty() -> Plan {
        Plan {
            format: PlanFormat::V1,
            project: "bau".into(),
            target: "prod".into(),
            base: None,
            head: None,
            workspace: None,
            partial: None,
            digest: "9c1f0e6a2b7d".into(),
            changes: Vec::new(),
            blocked: Vec::new(),
            teardown: Vec::new(),
            cutovers: Vec::new(),
            notes: Vec::new(),
            unchanged: 1,
            decisions: None,
            estimate: None,
            links: Default::default(),
        }
    }

    #[test]
    fn an_adoption_says_whether_it_changes_anything() {
        let change = |name: &str, action: Action| {
            Change::new(Address { kind: "DatabricksJob".into(), name: name.into() }, action)
        };
        let marked = |name: &str| change(name, Action::Adopt);
        let changed = |name: &str| Change { fields: vec![FieldChange::new("a", Op::Add)], ..marked(name) };
        let restarts = Change { disrupts: [ImpactClass::RestartsCluster].into(), ..marked("r") };
        let only = "An apply changes nothing but the marks.";
        for (changes, wanted) in [
            (vec![], "0 to create, 0 to update, 0 to delete. 1 unchanged.".to_owned()),
            (vec![marked("a")], "0 to create, 0 to update, 1 to adopt, 0 to delete. 1 unchanged.".to_owned()),
            (
                vec![marked("a"), changed("b"), changed("c")],
                "0 to create, 0 to update, 3 to adopt (2 with changes), 0 to delete. 1 unchanged.".to_owned(),
            ),
            (vec![marked("a"), restarts], "0 to create, 0 to update, 2 to adopt, 0 to delete. 1 unchanged.".to_owned()),
            (
                vec![marked("a"), change("d", Action::Create)],
                "1 to create, 0 to update, 1 to adopt, 0 to delete. 1 unchanged.".to_owned(),
            ),
        ] {
            let plan = Plan { changes, ..empty() };
            assert_eq!(summary(&plan), wanted);
            let is_said = wanted.contains(" 1 to adopt") && wanted.starts_with('0');
            for shown in [text(&plan, Style::default()), markdown(&plan, &MarkdownOptions::default())] {
                assert_eq!(shown.contains(&format!("{only}\n")), is_said, "{shown}");
            }
        }
    }

    #[test]
    fn no_changes_of_a_part_says_nothing_of_the_rest() {
        let mut plan = empty();
        let whole = "The workspace equals the manifests.";
        for (seconds, wanted) in [(61, "2 min"), (500, "9 min"), (3_600, "1 h"), (7_501, "2 h 6 min")] {
            let estimate = Estimate { seconds, calls: "creates of jobs".into(), count: 7, per_second: 1100.0 / 60.0 };
            let plan = Plan { estimate: Some(estimate), ..plan.clone() };
            let line = format!("An apply takes about {wanted}: 7 creates of jobs, 18.33 a second.\n");
            for shown in [text(&plan, Style::default()), markdown(&plan, &MarkdownOptions::default())] {
                assert!(shown.contains(&line), "{shown}");
            }
        }
        for shown in [text(&plan, Style::default()), markdown(&plan, &MarkdownOptions::default())] {
            assert!(!shown.contains("An apply takes"), "{shown}");
            assert!(shown.contains(whole) && !shown.to_lowercase().contains("partial"), "{shown}");
        }
        plan.partial = Some(Partial { only: vec!["etl".into()], selected: 1, total: 3, ..Partial::default() });
        for shown in [text(&plan, Style::default()), markdown(&plan, &MarkdownOptions::default())] {
            assert!(!shown.contains(whole), "{shown}");
            assert!(shown.contains("nothing else was compared"), "{shown}");
            // In the first line, where it is said what is selected, and beside the digest.
            assert!(shown.lines().next().unwrap_or_default().to_lowercase().contains("partial plan of"), "{shown}");
            assert!(
                shown.contains("--only etl") && shown.contains("selects 1 of 3 resources; the 2 others"),
                "{shown}"
            );
            assert!(shown.lines().last().unwrap_or_default().contains("partial plan"), "{shown}");
        }
        assert!(json(&plan).unwrap_or_default().contains("\"partial\""));
    }
}
