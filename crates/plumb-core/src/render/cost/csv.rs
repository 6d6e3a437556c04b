//! A report for spreadsheets: a line a period and side, a pipeline, a run or a cause. RFC 4180.

use super::super::value::visible;
use super::CostBy;
use crate::cost::facts::RunSide;
use crate::cost::price::CostSum;
use crate::cost::report::CostReport;
use serde::Serialize;

/// The report, ending in a newline. Amounts have all their digits.
pub fn cost_csv(report: &CostReport, by: CostBy) -> String {
    let currency = report.book.as_ref().map_or("", |book| book.currency.as_str());
    let mut out = String::new();
    let mut line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        out.push_str(&format!("{}\r\n", cells.join(",")));
    };
    let heads = |names: &[&str]| -> Vec<String> {
        let amounts =
            ["low", "high", "currency", "unpriced", "node_seconds_low", "node_seconds_high", "dbu_low", "dbu_high"];
        names.iter().chain(&amounts).map(|name| (*name).to_owned()).collect()
    };
    let with = |cells: Vec<String>, cost: &CostSum| -> Vec<String> { [cells, amounts(cost, currency)].concat() };
    let side = |side: RunSide| if side == RunSide::Old { "old" } else { "new" }.to_owned();
    match by {
        CostBy::Period => {
            line(&heads(&["migration", "period", "side", "runs", "seconds"]));
            for one in &report.pipelines {
                for period in &one.periods {
                    for (of, cost) in [(RunSide::Old, &period.old), (RunSide::New, &period.new)] {
                        let Some(cost) = cost else { continue };
                        let seconds = cost.seconds.map_or_else(String::new, |s| s.to_string());
                        let cells = vec![
                            one.migration.clone(),
                            period.period.clone(),
                            side(of),
                            cost.runs.to_string(),
                            seconds,
                        ];
                        line(&with(cells, &cost.cost));
                    }
                }
            }
        }
        CostBy::Pipeline => {
            line(&heads(&["migration", "side"]));
            for one in &report.pipelines {
                for of in [RunSide::Old, RunSide::New] {
                    let cost = CostSum::of(one.runs.iter().filter(|run| run.facts.side == of).map(|run| &run.cost));
                    line(&with(vec![one.migration.clone(), side(of)], &cost));
                }
            }
        }
        CostBy::Run => {
            line(&heads(&["migration", "period", "side", "run", "name", "trigger", "outcome", "cause", "seconds"]));
            for one in &report.pipelines {
                for run in &one.runs {
                    let facts = &run.facts;
                    let seconds = facts.seconds.map_or_else(String::new, |s| s.to_string());
                    let cells = vec![
                        one.migration.clone(),
                        run.period.clone(),
                        side(facts.side),
                        facts.id.clone(),
                        facts.name.clone(),
                        word(&facts.trigger),
                        word(&facts.outcome),
                        facts.cause.clone().unwrap_or_default(),
                        seconds,
                    ];
                    line(&with(cells, &run.cost));
                }
            }
        }
        CostBy::Cause => {
            line(&heads(&["cause", "side", "runs", "seconds", "migrations"]));
            for one in &report.causes {
                let names: Vec<&str> = one.migrations.iter().map(String::as_str).collect();
                let cause = one.cause.clone().unwrap_or_default();
                let cells = vec![cause, side(one.side), one.runs.to_string(), one.seconds.to_string(), names.join(" ")];
                line(&with(cells, &one.cost));
            }
        }
    }
    out
}

fn amounts(cost: &CostSum, currency: &str) -> Vec<String> {
    let unpriced: Vec<&str> = cost.unpriced.iter().map(|one| one.what.as_str()).collect();
    // Of what has no price an amount would be read as the whole.
    let amount = |of: fn(&CostSum) -> String| if unpriced.is_empty() { of(cost) } else { String::new() };
    vec![
        amount(|cost| cost.priced.low.to_string()),
        amount(|cost| cost.priced.high.to_string()),
        currency.to_owned(),
        unpriced.join("; "),
        cost.node_seconds.low.to_string(),
        cost.node_seconds.high.to_string(),
        crate::cost::price::thousandths(cost.millidbu.low),
        crate::cost::price::thousandths(cost.millidbu.high),
    ]
}

/// A value as JSON has it, without quotes.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A cell. What a spreadsheet would take for a formula gets an apostrophe before it.
fn quoted(cell: &str) -> String {
    let is_number = cell.parse::<f64>().is_ok();
    let cell =
        if !is_number && cell.starts_with(['=', '+', '-', '@', '\t']) { format!("'{cell}") } else { cell.to_owned() };
    let cell = visible(&cell);
    if cell.contains(['"', ',', '\r', '\n', ';']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}
