//! Amounts, shares and times as people read them. An interval's ends are rounded outwards: what is said holds.

use crate::cost::extra::percent;
use crate::cost::price::{CostSum, between_thousandths, node_hours};
use plumb_model::stats::{Interval, Money};

/// `412 – 466`, `4.20`: fewer digits behind the point the more there are before it.
pub(in crate::render) fn amount(of: Interval<Money>) -> String {
    let digits = match of.high.nanos().max(-of.low.nanos()) / 1_000_000_000 {
        0..=9 => 2,
        10..=99 => 1,
        _ => 0,
    };
    if of.is_exact() {
        return decimal(of.low, digits, 0);
    }
    let (low, high) = (decimal(of.low, digits, -1), decimal(of.high, digits, 1));
    if low == high { low } else { format!("{low} – {high}") }
}

/// A difference with its signs: `+18 to +24`.
pub fn signed_range(of: Interval<Money>) -> String {
    let digits = if of.high.nanos().abs().max(of.low.nanos().abs()) < 10_000_000_000 { 2 } else { 0 };
    let signed = |money: Money, way: i128| {
        let text = decimal(money, digits, way);
        if money > Money::ZERO { format!("+{text}") } else { text }
    };
    let (low, high) = (signed(of.low, if of.is_exact() { 0 } else { -1 }), signed(of.high, i128::from(!of.is_exact())));
    if low == high { low } else { format!("{low} to {high}") }
}

/// With so many digits behind the point, rounded to the nearest (0), down (-1) or up (1).
fn decimal(money: Money, digits: u32, way: i128) -> String {
    let unit = 10_i128.pow(9 - digits);
    let nanos = money.nanos();
    let steps = match way {
        0 => (nanos + if nanos < 0 { -unit / 2 } else { unit / 2 }) / unit,
        way if way < 0 => nanos.div_euclid(unit),
        _ => -(-nanos).div_euclid(unit),
    };
    let scale = 10_i128.pow(digits);
    let (sign, steps) = if steps < 0 { ("-", -steps) } else { ("", steps) };
    let whole = steps / scale;
    if digits == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{:0width$}", steps % scale, width = digits as usize)
    }
}

/// What is priced, and beside it what is not, in its own measure.
pub(super) fn sum(cost: &CostSum) -> String {
    let mut parts = Vec::new();
    if cost.priced.high > Money::ZERO || cost.unpriced.is_empty() {
        parts.push(amount(cost.priced));
    }
    let used = |of: Vec<Interval<u64>>| of.into_iter().reduce(|all, one| all + one);
    // EC2 and EMR of one node are two prices and one node-hour.
    let by_node: Vec<(&str, Interval<u64>)> =
        cost.unpriced.iter().filter_map(|one| Some((one.what.split(' ').nth(1)?, one.node_seconds?))).collect();
    let mut nodes: Vec<(&str, Interval<u64>)> = Vec::new();
    for (name, seconds) in by_node {
        match nodes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => {
                *known = Interval { low: known.low.max(seconds.low), high: known.high.max(seconds.high) }
            }
            None => nodes.push((name, seconds)),
        }
    }
    if let Some(seconds) = used(nodes.into_iter().map(|(_, seconds)| seconds).collect()) {
        parts.push(format!("{} unpriced node-hours", node_hours(seconds)));
    }
    if let Some(millidbu) = used(cost.unpriced.iter().filter_map(|one| one.millidbu).collect()) {
        parts.push(format!("{} unpriced DBU", between_thousandths(millidbu)));
    }
    if cost.unpriced.iter().any(|one| one.node_seconds.is_none() && one.millidbu.is_none()) {
        parts.push("what is not known".to_owned());
    }
    parts.join(" + ")
}

/// `18 % to 35 %`, one share where both are one.
pub(super) fn shares(permille: Interval<u64>) -> String {
    // Outwards: the least is rounded down already, the most up.
    let up = if permille.high < 100 { permille.high } else { permille.high.div_ceil(10) * 10 };
    let (low, high) = (percent(permille.low), percent(up));
    if low == high || permille.is_exact() { low } else { format!("{low} to {high}") }
}

/// `1.23`, or `1.10 to 2.90`, of hundredths.
pub(super) fn factor(hundredths: Interval<u64>) -> String {
    let one = |number: u64| format!("{}.{:02}", number / 100, number % 100);
    let (low, high) = (one(hundredths.low), one(hundredths.high));
    if hundredths.high - hundredths.low <= 1 { high } else { format!("{low} to {high}") }
}

/// `5 h 52 min`.
pub(super) fn took(seconds: Option<u64>) -> String {
    let Some(seconds) = seconds else { return "–".to_owned() };
    let minutes = (seconds + 30) / 60;
    match (minutes / 60, minutes % 60) {
        (0, _) if seconds < 60 => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}
