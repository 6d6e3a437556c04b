//! Migrations by periods, in every form.

use super::super::json::shown;
use super::super::markdown::code;
use super::super::value::{columns, visible};
use crate::teardown::{MigrationStatus, PeriodStatus, PeriodVerdict};

const HEAD: [&str; 6] = ["MIGRATION", "PERIOD", "STATUS", "OUTPUTS EQUAL", "COMPARED", "WHY"];

/// A table for a terminal, and below it what the gates wait for.
pub fn status_text(all: &[MigrationStatus]) -> String {
    let mut table = vec![HEAD.map(str::to_owned)];
    for one in all {
        table.extend(one.periods.iter().map(|period| row(one, period).map(|cell| visible(&cell))));
    }
    let mut out = String::new();
    if table.len() > 1 {
        let widths: Vec<usize> =
            (0..HEAD.len()).map(|at| table.iter().map(|row| columns(&row[at])).max().unwrap_or(0)).collect();
        for row in &table {
            let cells =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell}{}", " ".repeat(width - columns(cell))));
            out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
    if all.is_empty() {
        out.push_str("No Migration has `compare`, and evidence/ has no report.\n");
    }
    for one in all {
        out.push_str(&format!("{}\n", visible(&summary(one))));
    }
    out
}

/// The same for a pull request or a run's summary.
pub fn status_markdown(all: &[MigrationStatus]) -> String {
    let mut out = String::from("### Parity\n\n");
    if all.iter().any(|one| !one.periods.is_empty()) {
        out.push_str("| migration | period | status | outputs equal | compared | why |\n|---|---|---|---|---|---|\n");
    }
    let cell = |text: &str| if text.is_empty() { String::new() } else { code(text).replace('|', "\\|") };
    for one in all {
        for period in &one.periods {
            let [migration, name, state, equal, at, why] = row(one, period);
            let state = if period.state == PeriodVerdict::Equal { state } else { format!("**{state}**") };
            out.push_str(&format!(
                "| {} | {} | {state} | {equal} | {at} | {} |\n",
                cell(&migration),
                cell(&name),
                cell(&why)
            ));
        }
    }
    out.push('\n');
    for one in all {
        out.push_str(&format!("- {}\n", cell(&summary(one))));
    }
    out
}

/// The same for programs.
pub fn status_json(all: &[MigrationStatus]) -> Result<String, serde_json::Error> {
    Ok(shown(&format!("{}\n", serde_json::to_string_pretty(all)?)))
}

fn row(one: &MigrationStatus, period: &PeriodStatus) -> [String; 6] {
    let equal = if period.checked_at.is_some() && period.outputs > 0 {
        format!("{} of {}", period.equal, period.outputs)
    } else {
        String::new()
    };
    [
        one.migration.clone(),
        period.period.clone(),
        period.state.word().to_owned(),
        equal,
        period.checked_at.map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default(),
        period.says.clone(),
    ]
}

/// `audience: the last 1 period is equal; the gate parity of EmrCluster/legacy wants 2 and waits`.
fn summary(one: &MigrationStatus) -> String {
    let equal = match one.passes {
        0 => "the last period is not equal".to_owned(),
        1 => "the last period is equal".to_owned(),
        passes => format!("the last {passes} periods are equal"),
    };
    let mut says = vec![format!("{}: {equal}", one.migration)];
    for gate in &one.gates {
        let ends = if gate.holds { "and has them" } else { "and waits" };
        says.push(format!("the gate `parity` of {} wants {} {ends}", gate.address, gate.passes));
    }
    says.join("; ")
}
