//! `plumb plan`.

use super::apply::{Override, pass_guards};
use super::interrupt::stoppable;
use super::output::{Detail, Form, Output};
use super::select::Dangling;
use super::session::Session;
use super::{Global, Irreversible, Selected, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::plan::{Blocked, Plan};
use std::path::Path;

/// Show what an apply would do, field by field
///
/// Reads the manifests and what is live, and changes nothing. With a selection the plan is partial, and says so: nothing
/// else is compared or deleted.
#[derive(Args)]
#[command(mut_arg("out", |out| out.help("Write the plan to a file instead of stdout: FILE.json is for `plumb apply`, FILE.html a page")))]
#[command(after_help = "Examples:
  plumb plan --target prod
  plumb plan --base origin/main --output markdown --out comment.md
  plumb plan --out plan.json            for `plumb apply plan.json`
  plumb plan --out plan.html            a page to open, print and forward
  plumb plan --only 'DatabricksJob/audience-*' --detailed-exitcode

Exit codes: 0 planned, 1 error, 2 there are changes (--detailed-exitcode), 3 something is blocked")]
pub struct PlanArgs {
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    selected: Selected,
    /// Tell apart what this branch changes since it left REV from what had drifted before
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Exit with 2 when there are changes (and with 3 when something is blocked, as ever)
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    dangling: Dangling,
    #[command(flatten)]
    irreversible: Irreversible,
    #[command(flatten)]
    detail: Detail,
    #[command(flatten)]
    output: Output,
}

/// Shows the plan.
pub async fn run(global: &Global, args: PlanArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    args.output.check(args.detail)?;
    let mut session = Session::open(global, &args.targeted, ui).await?;
    session.allow_teardown(args.irreversible.allow_teardown);
    let deciding = session.decide(&args.selected, args.base.as_deref(), ui);
    let mut plan = stoppable(&session, deciding).await?.decision.plan;
    if args.dangling.allow_dangling {
        pass_guards(&mut plan, &[Override::Dangling], ui);
    }
    args.output.plan(&session.page(&plan), args.detail, true, ui)?;
    if let Some(path) = args.output.out.as_deref().filter(|_| args.output.form() == Form::Text)
        && !is_named_a_text(path)
    {
        ui.status("that is a text for people: to apply the plan later, write it with `--output json`");
    }
    Ok(ended(&plan, args.detailed_exitcode))
}

/// Whether a file's name says that a text is in it.
fn is_named_a_text(path: &Path) -> bool {
    path.extension().is_some_and(|end| ["json", "html", "md", "txt"].iter().any(|text| end.eq_ignore_ascii_case(text)))
}

/// The exit code of a plan: that something is blocked comes before that there are changes.
pub fn ended(plan: &Plan, detailed: bool) -> ExitCode {
    code_of(!plan.changes.is_empty(), &plan.blocked, detailed)
}

fn code_of(has_changes: bool, blocked: &[Blocked], detailed: bool) -> ExitCode {
    if !blocked.is_empty() {
        ExitCode::Guard
    } else if detailed && has_changes {
        ExitCode::Changes
    } else {
        ExitCode::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_core::plan::Guard;
    use plumb_model::address::Address;

    #[test]
    fn a_text_is_told_by_its_name() {
        for (name, is) in [("p.plan", false), ("plan", false), ("plan.txt", true), ("PLAN.MD", true), (".md", false)] {
            assert_eq!(is_named_a_text(Path::new(name)), is, "{name}");
        }
    }

    #[test]
    fn what_is_blocked_comes_before_what_changes() {
        let job = Address { kind: "DatabricksJob".into(), name: "a".into() };
        let blocked = |guard: Option<Guard>, address: Option<Address>| {
            vec![Blocked { guard, address, reason: "no".into(), remedy: None }]
        };
        let refused = blocked(None, Some(job));
        let cases = [
            (vec![], false, false, ExitCode::Ok),
            (vec![], true, false, ExitCode::Ok),
            (vec![], false, true, ExitCode::Ok),
            (vec![], true, true, ExitCode::Changes),
            (refused.clone(), false, false, ExitCode::Guard),
            (refused.clone(), true, true, ExitCode::Guard),
            (refused, true, false, ExitCode::Guard),
            (blocked(Some(Guard::MaxDeletes), None), true, true, ExitCode::Guard),
        ];
        for (number, (blocked, has_changes, detailed, code)) in cases.into_iter().enumerate() {
            assert_eq!(code_of(has_changes, &blocked, detailed), code, "case {number}");
        }
    }
}
