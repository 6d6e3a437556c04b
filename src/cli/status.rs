//! `plumb status`.

use super::output::{Output, PlainForm};
use super::session::Session;
use super::{Global, Selected, Targeted};
use crate::observe::{self, LiveIndex};
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::plan::Action;
use plumb_core::render;
use plumb_core::render::status::{PlanStatus, ResourceStatus, StatusRow};
use plumb_model::address::Address;

/// List every resource with its live object and whether the two are equal
///
/// What was changed live is `drifted`, what was changed in the manifests and is not applied yet is `pending`; where nobody can
/// tell it `differs`. A narrow terminal leaves columns out; `--output json` has all of them.
///
/// Of DAGs with a `deadline` it also says when a run under way will end, from what the same tasks took before.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  plumb status --target prod\n  plumb status --output json | jq '.[] | select(.status != \"in sync\")'"
)]
pub struct Status {
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    selected: Selected,
    #[command(flatten)]
    output: Output<PlainForm>,
}

/// Lists the resources.
pub async fn run(global: &Global, args: Status, ui: &Ui) -> Result<ExitCode, Failure> {
    let session = Session::open(global, &args.targeted, ui).await?;
    let mut decided = session.decide(&args.selected, None, ui).await?;
    // A list of what is selected leaves nothing behind.
    super::select::forget(&mut decided.decision.plan);
    let plan = &decided.decision.plan;
    let desired = &session.project.desired;
    let selection = super::select::selection(&args.selected);
    let (now, _) = settings::now().map_err(Failure::error)?;
    let mut ends = observe::under_way::ends_of_runs(&session.services, desired, &decided.live, &selection, now).await;
    if let Err(fault) = &ends {
        ui.warn(&format!("when runs under way end is not known: {fault}"));
    }
    let (stands, index) = (PlanStatus::of(plan), LiveIndex::of(&decided.live, desired));
    let wanted = desired.resources.iter().filter(|r| selection.has(r));
    let wanted = wanted.map(|r| (&r.address, stands.status(&r.address)));
    let orphans = plan.changes.iter().filter(|c| c.action == Action::Delete);
    let orphans = orphans.map(|c| (&c.address, ResourceStatus::Orphan));
    let row = |(address, status): (&Address, ResourceStatus)| {
        let found = index.objects(address);
        // What is not marked yet is nobody's; what a teardown waits for is listed all the same.
        let mut ids = stands.teardown(address).to_vec();
        if ids.is_empty() {
            let unread = index.unread(address).into_iter().filter_map(|one| one.id.clone());
            ids = found.iter().map(|f| f.seen.id.clone()).chain(unread).collect();
        }
        let one = found.first();
        StatusRow {
            address: address.clone(),
            status,
            ids,
            state: one.and_then(|f| f.seen.state.clone()).unwrap_or_default(),
            commit: one.and_then(|f| Some(f.mark.as_ref()?.rev.as_ref()?.commit.clone())).unwrap_or_default(),
            runs: ends.as_mut().ok().and_then(|ends| ends.remove(address)).unwrap_or_default(),
        }
    };
    let mut rows: Vec<StatusRow> = wanted.chain(orphans).map(row).collect();
    rows.sort_by_cached_key(|row| row.address.to_string());
    match args.output.output {
        PlainForm::Json => {
            let text = format!("{:#}\n", render::status::status_json(&rows));
            args.output.write(&render::shown(&text), ui)?;
        }
        PlainForm::Text => args.output.show(&render::status::status_text(&rows, ui.width), ui)?,
    }
    Ok(ExitCode::Ok)
}
