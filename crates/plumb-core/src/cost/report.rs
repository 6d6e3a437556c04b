//! What `plumb cost` says, as data: kept facts times a price book, with what was left out and why.

use super::book::Prices;
use super::break_even::{BreakEven, break_even, of_node_type};
use super::compare::{MedianRatio, PeriodCost, PricedRun, median_ratio, periods, priced_runs};
use super::extra::{CauseCost, ExtraCost, by_cause, extra};
use super::facts::{KeptRuns, Market, RUNS_FORMAT};
use super::price::CostSum;
use crate::kinds::emr::compare::PeriodUnit;
use crate::parity::period::Period;
use jiff::civil::Date;
use plumb_model::stats::Money;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the report is called, so that a reader can refuse those it does not know.
pub const COST_FORMAT: &str = "plumb.cost/v1";

/// What the old and the new pipelines of a target cost.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostReport {
    /// `plumb.cost/v1`.
    pub format: String,
    pub target: String,
    /// Periods that ended before this day are not in the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The price book, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book: Option<BookUsed>,
    /// By name.
    pub pipelines: Vec<PipelineCost>,
    /// What failed runs cost, by their cause.
    pub causes: Vec<CauseCost>,
    /// All runs of all pipelines.
    pub total: CostSum,
    /// What else there is to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The price book of a report: all amounts are in its currency.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BookUsed {
    pub name: String,
    pub region: String,
    pub currency: String,
    pub as_of: String,
}

/// One migration.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineCost {
    pub migration: String,
    /// The earliest first.
    pub periods: Vec<PeriodCost>,
    pub runs: Vec<PricedRun>,
    /// All its runs.
    pub total: CostSum,
    /// From six compared periods on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<MedianRatio>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_even: Option<BreakEven>,
    /// By the price book alone, where there is no pair yet: of each node type of the old pipeline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_book: Vec<NodeBreakEven>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<ExtraCost>,
}

/// What an hour of a node on demand costs on both sides, by the price book. The factor is in hundredths.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeBreakEven {
    #[serde(rename = "type")]
    pub node_type: String,
    pub old_hour: Money,
    pub new_hour: Money,
    pub has_to: u64,
}

/// What is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct CostQuestion<'a> {
    pub target: &'a str,
    /// Names of migrations; none: all.
    pub only: &'a [String],
    /// Periods that ended before it are left out.
    pub since: Option<Date>,
    /// Whether each term is told.
    pub explain: bool,
}

/// Facts that cannot be used together: two files of one migration and period, a run in two of them, another format.
///
/// # Errors
/// What is wrong, with both places.
pub fn check_facts(files: &[(String, KeptRuns)]) -> Result<(), Vec<String>> {
    let mut mistakes = Vec::new();
    let (mut periods, mut runs) = (BTreeMap::new(), BTreeMap::new());
    for (path, kept) in files {
        if kept.format != RUNS_FORMAT {
            let format = kept.format.escape_debug();
            mistakes.push(format!("{path}: its format is `{format}`; plumb reads `{RUNS_FORMAT}`"));
        }
        let of = (&kept.target, &kept.migration, &kept.period);
        if let Some(first) = periods.insert(of, path) {
            let (target, migration, period) = of;
            mistakes.push(format!(
                "{path}: the facts of {migration} for {period} (target {target}) are in {first} too; delete one of the two"
            ));
            continue;
        }
        for run in &kept.runs {
            if let Some(first) = runs.insert((&kept.target, run.side, run.system, &run.id), path) {
                mistakes.push(format!("{path}: run {} is in {first} too; it would be counted twice", run.id));
            }
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// The report on facts that were checked.
pub fn cost_report(files: &[(String, KeptRuns)], prices: Option<&Prices>, question: CostQuestion<'_>) -> CostReport {
    let is_asked = |kept: &&KeptRuns| {
        kept.target == question.target
            && (question.only.is_empty() || question.only.contains(&kept.migration))
            && question.since.is_none_or(|since| is_in_reach(&kept.period, since))
    };
    let mut by_migration: BTreeMap<&str, Vec<&KeptRuns>> = BTreeMap::new();
    for kept in files.iter().map(|(_, kept)| kept).filter(is_asked) {
        by_migration.entry(&kept.migration).or_default().push(kept);
    }
    let pipelines: Vec<PipelineCost> = by_migration
        .into_iter()
        .map(|(migration, kept)| pipeline(migration, &kept, prices, question.explain))
        .collect();
    let named: Vec<(&str, &PricedRun)> =
        pipelines.iter().flat_map(|one| one.runs.iter().map(|run| (one.migration.as_str(), run))).collect();
    let causes = by_cause(&named);
    let others: BTreeSet<&str> =
        files.iter().map(|(_, kept)| kept.target.as_str()).filter(|target| *target != question.target).collect();
    let mut notes = Vec::new();
    if !others.is_empty() {
        let names: Vec<&str> = others.into_iter().collect();
        notes.push(format!("facts of other targets are left out: {}", names.join(", ")));
    }
    if prices.is_none() && !pipelines.is_empty() {
        notes.push("there is no price book, so nothing has a price: `plumb prices fetch` writes one".to_owned());
    }
    CostReport {
        format: COST_FORMAT.to_owned(),
        target: question.target.to_owned(),
        since: question.since.map(|day| day.to_string()),
        book: prices.map(|prices| BookUsed {
            name: prices.name.clone(),
            region: prices.spec.region.clone(),
            currency: prices.spec.currency.clone(),
            as_of: prices.spec.as_of.clone(),
        }),
        total: CostSum::of(pipelines.iter().map(|one| &one.total)),
        pipelines,
        causes,
        notes,
    }
}

/// Whether a period ends after a day. Of a name that says no days nobody knows it: it is.
fn is_in_reach(period: &str, since: Date) -> bool {
    days_of(period).is_none_or(|(_, next)| next > since)
}

/// The unit that a period's name is of, as people call one: `month`.
pub fn unit_of(period: &str) -> Option<PeriodUnit> {
    [PeriodUnit::Month, PeriodUnit::Week, PeriodUnit::Day].into_iter().find(|unit| Period::parse(*unit, period).is_ok())
}

fn days_of(period: &str) -> Option<(Date, Date)> {
    Period::parse(unit_of(period)?, period).ok()?.days()
}

fn pipeline(migration: &str, kept: &[&KeptRuns], prices: Option<&Prices>, explain: bool) -> PipelineCost {
    let runs = priced_runs(kept, prices, explain);
    let periods = periods(kept, &runs);
    let break_even = break_even(&periods);
    let by_book = match (&break_even, prices) {
        (None, Some(prices)) => by_book(kept, prices),
        _ => Vec::new(),
    };
    PipelineCost {
        migration: migration.to_owned(),
        total: CostSum::of(runs.iter().map(|run| &run.cost)),
        median: median_ratio(&periods),
        extra: extra(&periods, &runs),
        periods,
        runs,
        break_even,
        by_book,
    }
}

fn by_book(kept: &[&KeptRuns], prices: &Prices) -> Vec<NodeBreakEven> {
    let nodes = kept.iter().flat_map(|kept| &kept.runs).flat_map(|run| &run.nodes);
    let types: BTreeSet<&str> =
        nodes.filter(|node| node.market != Market::Unknown).map(|node| node.node_type.as_str()).collect();
    let one = |node_type: &str| {
        let (old_hour, new_hour, has_to) = of_node_type(prices, node_type, false)?;
        Some(NodeBreakEven { node_type: node_type.to_owned(), old_hour, new_hour, has_to })
    };
    types.into_iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::facts::RunSystem;
    use crate::cost::price::tests::{book, run};

    fn file(path: &str, migration: &str, period: &str, ids: &[&str]) -> (String, KeptRuns) {
        let runs =
            ids.iter().map(|id| crate::cost::facts::KeptRun { id: (*id).into(), ..run(RunSystem::Emr) }).collect();
        let (format, target) = (RUNS_FORMAT.to_owned(), "prod".to_owned());
        let kept = KeptRuns { format, target, migration: migration.into(), period: period.into(), runs };
        (path.into(), kept)
    }

    #[test]
    fn facts_that_would_count_twice_are_refused_with_both_places() {
        let good = [file("a.json", "audience", "2026-09", &["j-1"]), file("b.json", "audience", "2026-10", &["j-2"])];
        assert_eq!(check_facts(&good), Ok(()));
        let mut bad = good.to_vec();
        bad.push(file("c.json", "audience", "2026-10", &["j-3"]));
        bad.push(file("d.json", "churn", "2026-10", &["j-1"]));
        bad.push(file("e.json", "churn", "2026-11", &[]));
        bad[4].1.format = "plumb.runs/v2".into();
        let expected = [
            "c.json: the facts of audience for 2026-10 (target prod) are in b.json too; delete one of the two",
            "d.json: run j-1 is in a.json too; it would be counted twice",
            "e.json: its format is `plumb.runs/v2`; plumb reads `plumb.runs/v1`",
        ];
        assert_eq!(check_facts(&bad).unwrap_err(), expected);
    }

    #[test]
    fn a_report_is_of_what_was_asked_and_says_what_it_leaves_out() {
        let mut files = vec![
            file("a.json", "audience", "2026-08", &["j-0"]),
            file("b.json", "audience", "2026-09", &["j-1"]),
            file("c.json", "churn", "2026-09", &["j-2"]),
            file("d.json", "churn", "2026-09", &["j-3"]),
        ];
        files[3].1.target = "test".into();
        let asked = |only: &[String], since| {
            let question = CostQuestion { target: "prod", only, since, explain: false };
            let report = cost_report(&files, Some(&book()), question);
            report.pipelines.iter().map(|one| (one.migration.clone(), one.periods.len())).collect::<Vec<_>>()
        };
        assert_eq!(asked(&[], None), [("audience".to_owned(), 2), ("churn".to_owned(), 1)]);
        assert_eq!(asked(&["audience".into()], Some("2026-09-01".parse().unwrap())), [("audience".to_owned(), 1)]);
        let whole = cost_report(&files, None, CostQuestion { target: "prod", ..CostQuestion::default() });
        assert_eq!(whole.notes.len(), 2, "{:?}", whole.notes);
        assert_eq!(whole.total.unpriced.len(), 1);
        let json = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<CostReport>(&json).unwrap(), whole);
    }
}
