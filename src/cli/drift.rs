//! `plumb drift`.

use super::interrupt::stoppable;
use super::output::{Detail, Form, Output};
use super::select::selection;
use super::session::{Decided, Session};
use super::{Global, Selected, Targeted};
use crate::observe;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::plan::forget_decisions;
use plumb_core::render;
use plumb_core::render::value::visible;
use plumb_core::writeback::{self, Texts};
use plumb_model::address::Address;
use std::collections::BTreeMap;

/// Compare what is live with what git says, and exit with 2 when they differ
///
/// Made for cron: the same reading as a plan, with an exit code that says whether all is well. Each field says whether
/// it was changed live (drift), in the manifests (not applied yet), or both.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb drift --target prod
  plumb drift --output junit --out drift.xml
  plumb drift --target prod --write && git diff")]
pub struct DriftArgs {
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    selected: Selected,
    /// Write what was changed live into the manifests, comments and layout kept, for a person to review
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    detail: Detail,
    #[command(flatten)]
    output: Output,
}

/// Shows what differs.
pub async fn run(global: &Global, args: DriftArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    args.output.check(args.detail)?;
    let session = Session::open(global, &args.targeted, ui).await?;
    let mut decided = stoppable(&session, session.decide(&args.selected, None, ui)).await?;
    forget_decisions(&mut decided.decision.plan);
    let plan = &decided.decision.plan;
    if args.write && args.output.form() == Form::Text {
        // The other way round: what is live goes into the manifests.
        args.output.write(&render::write_back_text(plan, args.output.style(ui)), ui)?;
    } else {
        args.output.drift(&session.page(plan), args.detail, !args.write, ui)?;
    }
    if args.write {
        return write(&session, &decided, &args.selected, ui);
    }
    Ok(if plan.is_empty() { ExitCode::Ok } else { ExitCode::Changes })
}

/// Writes what is live into the manifests. Exits with 2 when something had to be left as it is.
fn write(session: &Session, decided: &Decided, selected: &Selected, ui: &Ui) -> Result<ExitCode, Failure> {
    let failed = |e: String| Failure::error(e).hint("nothing was written");
    let desired = &session.project.desired;
    let mut ids: BTreeMap<String, Address> = BTreeMap::new();
    let carriers = observe::carriers(&decided.live, desired);
    for resource in &desired.resources {
        for found in carriers.get(&resource.address).into_iter().flatten() {
            ids.insert(found.seen.id.clone(), resource.address.clone());
        }
    }
    let texts = session.project.texts()?;
    let bases = session.bases(&decided.live)?;
    let chosen = selection(selected);
    let decide = |texts: &Texts| {
        let (desired, mut decision) = session.decide_by(&decided.live, &bases, texts.clone())?;
        decision.plan.changes.retain(|c| desired.resources.iter().any(|r| r.address == c.address && chosen.has(r)));
        Ok((desired, decision))
    };
    let written = writeback::write(&texts, &ids, &decide).map_err(failed)?;
    let mut done = Vec::new();
    for (path, text) in &written.texts {
        let before = if done.is_empty() {
            "nothing was written".to_owned()
        } else {
            format!("written before: {}", done.join(", "))
        };
        std::fs::write(session.project.dir.join(path), text)
            .map_err(|e| Failure::error(format!("{path}: {e}")).hint(before))?;
        ui.status(&format!("wrote {}", visible(path)));
        done.push(path.clone());
    }
    for (address, fields) in &written.fields {
        let noun = if *fields == 1 { "field" } else { "fields" };
        ui.status(&format!("{address}: {fields} {noun} as it is live"));
    }
    for kept in &written.kept {
        ui.warn(&format!("{}: {} was left as it is: {}", kept.address, visible(&kept.path), visible(&kept.why)));
    }
    // What could not be read, or may not be touched, was compared with nothing.
    let blocked = decided.decision.plan.blocked.iter().filter(|b| b.guard.is_none());
    let blocked: Vec<_> = blocked.filter_map(|b| Some((b.address.as_ref()?, &b.reason))).collect();
    for (address, reason) in &blocked {
        ui.warn(&format!("{address}: nothing was taken in: {}", visible(reason)));
    }
    if written.fields.is_empty() && written.kept.is_empty() && blocked.is_empty() {
        ui.status("nothing was changed live that the manifests could take in");
    }
    let is_whole = written.kept.is_empty() && blocked.is_empty();
    Ok(if is_whole { ExitCode::Ok } else { ExitCode::Changes })
}
