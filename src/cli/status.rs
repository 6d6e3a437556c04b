//! `plumb status`.

use super::output::{Output, PlainForm};
use super::session::Session;
use super::{Global, Selected, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use crate::{observe, settings};
use clap::Args;
use plumb_core::plan::{Action, Plan};
use plumb_core::render::value::{columns, visible};
use plumb_core::teardown::Stage;
use serde_json::json;

/// List every resource with its live object and whether the two are equal
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

struct Row {
    address: String,
    status: &'static str,
    id: String,
    state: String,
    commit: String,
    /// When its runs under way end.
    runs: Vec<String>,
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
    let mut rows: Vec<Row> = desired
        .resources
        .iter()
        .filter(|r| selection.has(r))
        .map(|r| (r.address.clone(), status(plan, &r.address)))
        .chain(plan.changes.iter().filter(|c| c.action == Action::Delete).map(|c| (c.address.clone(), "orphan")))
        .map(|(address, status)| {
            let found = observe::of(&decided.live, desired, &address);
            // What is not marked yet is nobody's; what a teardown waits for is listed all the same.
            let ids: Vec<&str> = if plan.teardown.iter().any(|d| d.address.is_of(&address)) {
                plan.teardown.iter().filter(|d| d.address.is_of(&address)).map(|d| d.id.as_str()).collect()
            } else {
                let unread = observe::unread(&decided.live, desired, &address);
                let ids = found.iter().map(|f| f.seen.id.as_str());
                ids.chain(unread.into_iter().filter_map(|one| one.id.as_deref())).collect()
            };
            let one = found.first();
            Row {
                id: ids.join(" "),
                state: one.and_then(|f| f.seen.state.clone()).unwrap_or_default(),
                commit: one.and_then(|f| Some(f.mark.as_ref()?.rev.as_ref()?.commit.clone())).unwrap_or_default(),
                runs: ends.as_mut().ok().and_then(|ends| ends.remove(&address)).unwrap_or_default(),
                address: address.to_string(),
                status,
            }
        })
        .collect();
    rows.sort_by(|a, b| a.address.cmp(&b.address));
    args.output.write(&shown(&rows, args.output.output), ui)?;
    Ok(ExitCode::Ok)
}

fn status(plan: &Plan, address: &plumb_model::address::Address) -> &'static str {
    if plan.blocked.iter().any(|b| b.address.as_ref().is_some_and(|a| a.is_of(address))) {
        return "blocked";
    }
    let lowest = plan.teardown.iter().filter(|d| d.address.is_of(address)).map(|d| d.stage).min();
    match plan.changes.iter().find(|c| c.address.is_of(address)).map(|c| c.action) {
        None => match lowest {
            Some(Stage::Due) => "due",
            Some(_) => "waits",
            None => "in sync",
        },
        Some(Action::Create) => "missing",
        Some(Action::Adopt) => "to adopt",
        Some(Action::Move) => "to move",
        Some(_) => "differs",
    }
}

fn shown(rows: &[Row], form: PlainForm) -> String {
    if form == PlainForm::Json {
        let list: Vec<_> = rows
            .iter()
            .map(|r| {
                let mut row =
                    json!({"address": r.address, "status": r.status, "id": r.id, "state": r.state, "commit": r.commit});
                if !r.runs.is_empty() {
                    row["runs"] = json!(r.runs);
                }
                row
            })
            .collect();
        return plumb_core::render::shown(&format!("{:#}\n", json!(list)));
    }
    let cells = |r: &Row| [&r.address, r.status, &r.id, &r.state, &r.commit].map(visible);
    let mut table = vec![["ADDRESS", "STATUS", "ID", "STATE", "APPLIED FROM"].map(str::to_owned)];
    table.extend(rows.iter().map(cells));
    let width = |column: usize| table.iter().map(|row| columns(&row[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let mut text = String::new();
    for row in &table {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - columns(cell))))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    for (row, run) in rows.iter().flat_map(|row| row.runs.iter().map(move |run| (row, run))) {
        text.push_str(&format!("{}, {}\n", visible(&row.address), visible(run)));
    }
    text
}
