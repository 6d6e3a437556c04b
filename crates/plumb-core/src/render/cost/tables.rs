//! A report as tables: one a pipeline by period and by run, one for all by pipeline and by cause.

use super::amounts::{amount, shares, sum, took};
use super::sentences;
use super::{CostBy, CostView};
use crate::cost::compare::{CostVerdict, PeriodCost, PricedRun, SideCost, in_few_words, pairs};
use crate::cost::facts::{RunResult, RunSide, RunSystem, RunTrigger};
use crate::cost::price::{CostSum, node_hours, thousandths};
use crate::cost::report::{CostReport, PipelineCost};
use plumb_model::stats::Interval;
use std::collections::BTreeSet;

/// A table with what is said below it.
#[derive(Debug, Default)]
pub(super) struct CostTable {
    pub title: String,
    pub heads: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
    pub sentences: Vec<String>,
    /// Notes that cells have marks of.
    pub notes: Vec<String>,
    /// Each term, a line.
    pub explained: Vec<String>,
}

const SUPERSCRIPTS: [&str; 10] = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"];

/// The mark of a note: `¹` of the first.
pub(super) fn mark(number: usize) -> String {
    (number + 1).to_string().bytes().map(|digit| SUPERSCRIPTS[usize::from(digit - b'0')]).collect()
}

/// Notes, each once.
#[derive(Default)]
struct Footnotes(Vec<String>);

impl Footnotes {
    /// Marks a cell with a note.
    fn on(&mut self, cell: &mut String, note: String) {
        let number = match self.0.iter().position(|known| *known == note) {
            Some(number) => number,
            None => {
                self.0.push(note);
                self.0.len() - 1
            }
        };
        cell.push(' ');
        cell.push_str(&mark(number));
    }

    /// What a sum is, with marks of why it is not exact and of what has no price.
    fn cost(&mut self, cost: &CostSum) -> String {
        let mut cell = sum(cost);
        if !cost.priced.is_exact() {
            for reason in &cost.reasons {
                self.on(&mut cell, reason.says.clone());
            }
        }
        for one in &cost.unpriced {
            self.on(&mut cell, format!("{}: {}", one.what, one.why));
        }
        cell
    }
}

/// The tables of a report.
pub(super) fn tables(report: &CostReport, view: CostView) -> Vec<CostTable> {
    let mut all = match view.by {
        CostBy::Period => report.pipelines.iter().map(|one| by_period(report, one)).collect(),
        CostBy::Run => report.pipelines.iter().map(|one| by_run(report, one)).collect(),
        CostBy::Pipeline => vec![by_pipeline(report)],
        CostBy::Cause => vec![by_cause(report)],
    };
    if report.pipelines.is_empty() {
        let since = report.since.as_ref().map_or_else(String::new, |day| format!(" since {day}"));
        let title = format!("No facts of runs of target {} are kept{since}.", report.target);
        let sentence = "`plumb cost --keep evidence/runs` keeps them, before the services forget them.".to_owned();
        all = vec![CostTable { title, sentences: vec![sentence], ..CostTable::default() }];
    }
    if let Some(last) = all.last_mut() {
        last.sentences.extend(report.notes.iter().map(|note| format!("Note: {note}.")));
        if !report.pipelines.is_empty() {
            let more = if view.explain { "" } else { " `--explain` shows each term with its source." };
            last.sentences.push(format!("Not in it: storage, data transfer, people.{more}"));
        }
        if view.explain {
            last.explained = report.pipelines.iter().flat_map(explained).collect();
        }
    }
    all
}

fn prices(report: &CostReport) -> String {
    match &report.book {
        Some(book) => format!("prices of {}, {}; {}", book.name, book.as_of, book.currency),
        None => "no prices".to_owned(),
    }
}

/// What a side ran on: `EMR`.
fn system(one: &PipelineCost, side: RunSide) -> &'static str {
    let systems: BTreeSet<RunSystem> =
        one.runs.iter().filter(|run| run.facts.side == side).map(|run| run.facts.system).collect();
    match (systems.first(), systems.len(), side) {
        (Some(RunSystem::EmrServerless), 1, _) => "EMR Serverless",
        (Some(RunSystem::Databricks), 1, _) => "Databricks",
        (Some(RunSystem::Emr), _, _) | (None, _, RunSide::Old) => "EMR",
        (None, _, RunSide::New) => "Databricks",
        _ => "old",
    }
}

fn by_period(report: &CostReport, one: &PipelineCost) -> CostTable {
    let (old, new) = (system(one, RunSide::Old), system(one, RunSide::New));
    let unit = sentences::unit(&one.periods);
    let mut notes = Footnotes::default();
    let rows = one.periods.iter().map(|period| period_row(period, &mut notes)).collect();
    CostTable {
        title: format!("{}: {old} against {new}, by {unit} ({})", one.migration, prices(report)),
        heads: vec!["period", old, new, "difference", "ran for"],
        rows,
        sentences: sentences::of_pipeline(report, one, [old, new]),
        notes: notes.0,
        explained: Vec::new(),
    }
}

fn period_row(period: &PeriodCost, notes: &mut Footnotes) -> Vec<String> {
    let mut side = |side: &Option<SideCost>| match side {
        None => ("–".to_owned(), "–".to_owned()),
        Some(side) => {
            let mut cost = if side.runs == 0 { "–".to_owned() } else { notes.cost(&side.cost) };
            let mut ran = took(side.seconds);
            if side.replayed {
                notes.on(&mut cost, "a replay".to_owned());
            } else if let Some(apart) = &side.apart {
                notes.on(&mut cost, format!("beside replays, which cost {} more", sum(apart)));
            }
            for failed in &side.failed {
                let cause = failed.cause.as_deref().unwrap_or("not diagnosed");
                notes.on(&mut ran, format!("includes a failed run of {} ({cause})", took(failed.seconds)));
            }
            (cost, ran)
        }
    };
    let ((old, old_ran), (new, new_ran)) = (side(&period.old), side(&period.new));
    let difference = period.verdict.as_ref().map_or_else(String::new, difference);
    vec![period.period.clone(), old, new, difference, format!("{old_ran} → {new_ran}")]
}

/// `18 % to 35 % less`.
fn difference(verdict: &CostVerdict) -> String {
    match verdict {
        CostVerdict::Cheaper { permille, .. } => format!("{} less", shares(*permille)),
        CostVerdict::Dearer { permille, .. } => format!("{} more", shares(*permille)),
        CostVerdict::Same => "the same".to_owned(),
        CostVerdict::CannotBeTold { because } => format!("cannot be told, because: {}", in_few_words(because)),
    }
}

fn by_pipeline(report: &CostReport) -> CostTable {
    let mut notes = Footnotes::default();
    let row = |one: &PipelineCost| {
        let pairs = pairs(&one.periods);
        let old = pairs.iter().map(|(_, old, _)| *old).sum::<Interval<_>>();
        let new = pairs.iter().map(|(_, _, new)| *new).sum::<Interval<_>>();
        let of_side = |side: RunSide| CostSum::of(one.runs.iter().filter(|r| r.facts.side == side).map(|r| &r.cost));
        let failed = one.runs.iter().filter(|run| run.facts.outcome == RunResult::Failed);
        let failed = CostSum::of(failed.map(|run| &run.cost));
        let compared = if pairs.is_empty() { "–".to_owned() } else { format!("{} → {}", amount(old), amount(new)) };
        vec![
            one.migration.clone(),
            one.periods.len().to_string(),
            pairs.len().to_string(),
            compared,
            notes.cost(&of_side(RunSide::Old)),
            notes.cost(&of_side(RunSide::New)),
            if failed == CostSum::default() { "–".to_owned() } else { notes.cost(&failed) },
        ]
    };
    let rows: Vec<Vec<String>> = report.pipelines.iter().map(row).collect();
    let all = notes.cost(&report.total);
    CostTable {
        title: format!("What pipelines of target {} cost ({})", report.target, prices(report)),
        heads: vec![
            "pipeline",
            "periods",
            "compared",
            "old → new, compared",
            "all of old",
            "all of new",
            "failed runs",
        ],
        rows,
        sentences: vec![format!("All runs together: {all}.")],
        notes: notes.0,
        explained: Vec::new(),
    }
}

fn by_run(report: &CostReport, one: &PipelineCost) -> CostTable {
    let mut notes = Footnotes::default();
    let row = |run: &PricedRun| {
        let facts = &run.facts;
        let side = if facts.side == RunSide::Old { "old" } else { "new" };
        let mut outcome = match facts.outcome {
            RunResult::Succeeded => "succeeded".to_owned(),
            RunResult::Failed => format!("failed: {}", facts.cause.as_deref().unwrap_or("not diagnosed")),
            RunResult::Cancelled => "cancelled".to_owned(),
            RunResult::Running => "still ran".to_owned(),
            RunResult::Unknown => "not known".to_owned(),
        };
        if facts.trigger == RunTrigger::Replay {
            outcome.push_str(", a replay");
        }
        let dbu = run.cost.millidbu;
        let dbu = if dbu.high == 0 { String::new() } else { crate::cost::price::between_thousandths(dbu) };
        vec![
            run.period.clone(),
            side.to_owned(),
            facts.id.clone(),
            facts.name.clone(),
            outcome,
            notes.cost(&run.cost),
            node_hours(run.cost.node_seconds),
            dbu,
            took(facts.seconds),
        ]
    };
    let rows = one.runs.iter().map(row).collect();
    let mut all = Footnotes(notes.0);
    let total = all.cost(&one.total);
    CostTable {
        title: format!("{}, by run ({})", one.migration, prices(report)),
        heads: vec!["period", "side", "run", "name", "ended", "cost", "node-hours", "DBU", "took"],
        rows,
        sentences: vec![format!("All together: {total}.")],
        notes: all.0,
        explained: Vec::new(),
    }
}

fn by_cause(report: &CostReport) -> CostTable {
    let mut notes = Footnotes::default();
    let row = |one: &crate::cost::extra::CauseCost| {
        let names: Vec<&str> = one.migrations.iter().map(String::as_str).collect();
        vec![
            one.cause.clone().unwrap_or_else(|| "not diagnosed".to_owned()),
            if one.side == RunSide::Old { "old" } else { "new" }.to_owned(),
            one.runs.to_string(),
            took(Some(one.seconds)),
            notes.cost(&one.cost),
            names.join(", "),
        ]
    };
    let rows: Vec<Vec<String>> = report.causes.iter().map(row).collect();
    let total = CostSum::of(report.causes.iter().map(|one| &one.cost));
    let sentence =
        if rows.is_empty() { "No run failed.".to_owned() } else { format!("All together: {}.", notes.cost(&total)) };
    CostTable {
        title: format!("What failed runs of target {} cost ({})", report.target, prices(report)),
        heads: vec!["cause", "side", "runs failed", "ran for", "cost", "pipelines"],
        rows,
        sentences: vec![sentence],
        notes: notes.0,
        explained: Vec::new(),
    }
}

/// Each term of each run, a line, and what has no price.
fn explained(one: &PipelineCost) -> Vec<String> {
    let mut lines = Vec::new();
    for run in &one.runs {
        lines.push(format!("{} {} {} {}", one.migration, run.period, run.facts.id, run.facts.name));
        for term in &run.terms {
            let source = term.source.as_ref().map_or_else(String::new, |source| format!(" [{source}]"));
            let why = term.why.as_ref().map_or_else(String::new, |why| format!(": {}", why.says));
            lines.push(format!("  {} = {}{source}: {}{why}", term.what, term.how, amount(term.amount)));
        }
        for part in &run.cost.unpriced {
            let used = match (part.node_seconds, part.millidbu) {
                (Some(seconds), _) => format!("{} node-hours, ", node_hours(seconds)),
                (None, Some(milli)) => format!("{} DBU, ", thousandths(milli.high)),
                (None, None) => String::new(),
            };
            lines.push(format!("  {}: {used}unpriced: {}", part.what, part.why));
        }
    }
    lines
}
