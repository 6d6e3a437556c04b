//! What can be said of a pipeline's cost, in sentences that count instead of averaging.

use super::amounts::{amount, factor, shares, sum};
use crate::cost::break_even::BreakEven;
use crate::cost::compare::{CostVerdict, MedianRatio, PeriodCost, pairs};
use crate::cost::extra::{ExtraCost, percent};
use crate::cost::report::{CostReport, PipelineCost, unit_of};
use crate::parity::period::noun;
use plumb_model::stats::Money;
use std::collections::BTreeSet;

/// How many shares or factors a sentence lists.
const LISTED: usize = 6;
const NUMBERS: [&str; 6] = ["No", "One", "Two", "Three", "Four", "Five"];

/// What the periods are: `month`; `period` where they are of several units.
pub(super) fn unit(periods: &[PeriodCost]) -> &'static str {
    let units: BTreeSet<&'static str> = periods.iter().map(|one| unit_of(&one.period).map_or("period", noun)).collect();
    match (units.first(), units.len()) {
        (Some(unit), 1) => unit,
        _ => "period",
    }
}

/// What there is to say of a pipeline; `systems` are what its sides run on.
pub(super) fn of_pipeline(report: &CostReport, one: &PipelineCost, systems: [&str; 2]) -> Vec<String> {
    let unit = unit(&one.periods);
    let currency = report.book.as_ref().map_or("", |book| book.currency.as_str());
    let mut says = counted(&one.periods, unit);
    says.extend(one.median.as_ref().map(|ratio| median(ratio, unit)));
    says.extend(one.break_even.as_ref().map(|even| break_even(even, currency, systems)));
    for node in &one.by_book {
        says.push(format!(
            "By the price book an hour of a {} on demand is {} {currency} on EMR and {} on a job's cluster: that pays \
             below 1/{} of the node-hours.",
            node.node_type,
            node.old_hour,
            node.new_hour,
            factor(plumb_model::stats::Interval::exactly(node.has_to))
        ));
    }
    says.extend(one.extra.as_ref().map(|extra| beside(extra, unit)));
    says
}

/// `2 of 2 compared months were cheaper, by at least 18 % and 27 %.`
fn counted(periods: &[PeriodCost], unit: &str) -> Vec<String> {
    let verdicts: Vec<&CostVerdict> = periods.iter().filter_map(|one| one.verdict.as_ref()).collect();
    if verdicts.is_empty() {
        return vec![format!("Nothing is compared yet: no {unit} has facts of both.")];
    }
    let shares_of =
        |is: fn(&CostVerdict) -> Option<u64>| verdicts.iter().filter_map(|one| is(one)).collect::<Vec<u64>>();
    let cheaper =
        shares_of(|one| if let CostVerdict::Cheaper { permille, .. } = one { Some(permille.low) } else { None });
    let dearer =
        shares_of(|one| if let CostVerdict::Dearer { permille, .. } = one { Some(permille.low) } else { None });
    let count = verdicts.len();
    let units = if count == 1 { unit.to_owned() } else { format!("{unit}s") };
    let were = |count: usize| if count == 1 { "was" } else { "were" };
    let mut says = Vec::new();
    if !cheaper.is_empty() {
        let by = listed(cheaper.iter().map(|share| percent(*share)));
        says.push(format!(
            "{} of {count} compared {units} {} cheaper, by at least {by}.",
            cheaper.len(),
            were(cheaper.len())
        ));
    }
    if !dearer.is_empty() {
        let by = listed(dearer.iter().map(|share| percent(*share)));
        says.push(format!(
            "{} of {count} compared {units} {} dearer, by at least {by}.",
            dearer.len(),
            were(dearer.len())
        ));
    }
    let rest = count - cheaper.len() - dearer.len();
    if rest > 0 {
        says.push(format!("Of {rest} of {count} compared {units} it cannot be told which is cheaper."));
    }
    if let Some(number) = NUMBERS.get(pairs(periods).len()).filter(|_| !pairs(periods).is_empty()) {
        let are = if pairs(periods).len() == 1 { format!("{unit} is") } else { format!("{unit}s are") };
        says.push(format!("{number} {are} no trend."));
    }
    vec![says.join(" ")]
}

fn listed(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    match all.as_slice() {
        [only] => only.clone(),
        [first, second] => format!("{first} and {second}"),
        many if many.len() <= LISTED => many.join(", "),
        many => format!("{}, and {} more", many[many.len() - LISTED..].join(", "), many.len() - LISTED),
    }
}

fn median(ratio: &MedianRatio, unit: &str) -> String {
    format!(
        "Over {} compared {unit}s the middle of new to old is {} (with 95 % between {}, values that were seen).",
        ratio.pairs,
        shares(ratio.permille),
        shares(ratio.between)
    )
}

fn break_even(even: &BreakEven, currency: &str, [old, new]: [&str; 2]) -> String {
    let used = listed(even.used.iter().map(|one| factor(one.factor)));
    let hours = format!("({} against {} {currency})", amount(even.new_hour), amount(even.old_hour));
    if even.old_hour.is_below(&even.new_hour) {
        let has_to = factor(even.has_to);
        format!(
            "Break-even: {new} is dearer per node-hour {hours}: it has to use {has_to} × fewer node-hours; it used {used} × fewer."
        )
    } else if even.new_hour.is_below(&even.old_hour) {
        format!("Break-even: {new} is cheaper per node-hour than {old} {hours}; it used {used} × fewer node-hours.")
    } else {
        format!(
            "Break-even: which is dearer per node-hour cannot be told {hours}; {new} used {used} × fewer node-hours."
        )
    }
}

fn beside(extra: &ExtraCost, unit: &str) -> String {
    let costs = format!("Running both so far costs {} extra", sum(&extra.cost));
    match (extra.periods, extra.saved) {
        (Some(periods), Some(saved)) => {
            let (low, high) = (periods.low, periods.high);
            let when = if low == high { low.to_string() } else { format!("{low} to {high}") };
            let units = if high == 1 { unit.to_owned() } else { format!("{unit}s") };
            format!("{costs}; at {} saved a {unit} that is earned back in {when} {units}.", amount(saved))
        }
        (None, Some(saved)) if saved.high <= Money::ZERO => format!("{costs}; no {unit} earned anything back."),
        _ => format!("{costs}; when that is earned back cannot be told."),
    }
}
