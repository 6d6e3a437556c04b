//! Of how many differing cells each hypothesis holds.

use super::Column;
use super::cell::Cell;
use super::differences::{Differences, ONLY_NEW, ONLY_OLD};
use super::spread::Candidate;
use super::table::HYPOTHESES;
use crate::parity::sql::{SqlRow, Statement, Writer, count_if, number};
use crate::parity::types::DataType;

/// Columns that are compared with each other for the rows in which they differ.
const PAIRS: usize = 300;

/// The aggregates over one column, each with its name.
struct Sums {
    counts: Vec<(String, String)>,
    values: Vec<(&'static str, String)>,
}

fn sums(w: &Writer<'_>, column: &Column) -> Sums {
    let (holds, d) = (column.facts.holds, format!("d{}", column.at));
    let cell = Cell::of(w, holds, column.at);
    let (mut counts, mut values) = (Vec::new(), Vec::new());
    for hypothesis in HYPOTHESES.iter().filter(|hypothesis| (hypothesis.fits)(holds)) {
        for (name, test) in (hypothesis.tests)(&cell) {
            counts.push((name, count_if(&format!("{d} AND ({test})"))));
        }
        for (name, function, value) in (hypothesis.measures)(&cell) {
            values.push((name, format!("{function}(CASE WHEN {d} THEN {value} END)")));
        }
    }
    Sums { counts, values }
}

/// Pairs of columns that may differ in the same rows: as many of their cells differ.
fn pairs(columns: &[Column]) -> Vec<(usize, usize)> {
    let all = (0..columns.len()).flat_map(|i| (i + 1..columns.len()).map(move |j| (i, j)));
    all.filter(|(i, j)| columns[*i].result.differing == columns[*j].result.differing).take(PAIRS).collect()
}

/// The statement that counts, over some columns and what else is known by one look at all differences.
pub(super) fn statement(differences: &Differences<'_>, columns: &[Column], candidates: &[Candidate]) -> Statement {
    let w = Writer::new(differences.dialect);
    let d = differences.dialect;
    let mut all = Vec::new();
    for column in columns {
        all.push(count_if(&format!("d{}", column.at)));
        let sums = sums(&w, column);
        all.extend(sums.counts.into_iter().map(|(_, sum)| sum));
        all.extend(sums.values.into_iter().map(|(_, value)| value));
    }
    for (i, j) in pairs(columns) {
        all.push(count_if(&format!("d{} AND d{}", columns[i].at, columns[j].at)));
    }
    for candidate in candidates {
        let value = candidate.value(&w);
        all.push(format!("count(DISTINCT {value})"));
        all.push(format!("count(DISTINCT CASE WHEN {ONLY_OLD} THEN {value} END)"));
        all.push(format!("count(DISTINCT CASE WHEN {ONLY_NEW} THEN {value} END)"));
    }
    let all: Vec<String> = all.iter().enumerate().map(|(i, sum)| format!("{} AS c{i}", d.to_text(sum))).collect();
    let all = if all.is_empty() { "'0' AS c0".to_owned() } else { all.join(", ") };
    let text = format!("{} SELECT {all} FROM x", differences.with(&w));
    w.statement("causes", text)
}

/// Reads the answer of [`statement`].
pub(super) fn read(
    differences: &Differences<'_>,
    columns: &mut [Column],
    candidates: &mut [Candidate],
    answer: &[SqlRow],
) -> Result<(), String> {
    let [row] = answer else { return Err(format!("the engine answered {} rows to the causes", answer.len())) };
    let w = Writer::new(differences.dialect);
    let mut at = 0..;
    let mut next = || at.next().unwrap_or_default();
    for column in columns.iter_mut() {
        column.facts.of = number(row, next())?;
        let sums = sums(&w, column);
        for (name, _) in sums.counts {
            column.facts.counts.push((name, number(row, next())?));
        }
        for (name, _) in sums.values {
            if let Some(value) = row.get(next()).cloned().flatten() {
                column.facts.values.push((name, value));
            }
        }
    }
    let mut twins = Vec::new();
    for (i, j) in pairs(columns) {
        let both = number(row, next())?;
        // Of a part of the rows only this is certain: both differ in all.
        let is_known = !differences.is_sampled() || differences.differs_everywhere(columns[i].result.differing);
        if is_known && both == columns[i].facts.of && both == columns[j].facts.of {
            twins.push((i, j));
        }
    }
    for (i, j) in twins {
        let first = columns[i].same_as;
        columns[j].same_as = columns[j].same_as.min(first);
    }
    for candidate in candidates {
        candidate.distinct = number(row, next())?;
        candidate.distinct_old = number(row, next())?;
        candidate.distinct_new = number(row, next())?;
    }
    Ok(())
}

/// Groups of columns that differ in the same rows.
pub(super) fn same_rows(columns: &[Column]) -> Vec<Vec<String>> {
    let mut groups: Vec<(usize, Vec<String>)> = Vec::new();
    for column in columns {
        match groups.iter_mut().find(|(same_as, _)| *same_as == column.same_as) {
            Some((_, names)) => names.push(column.result.name.clone()),
            None => groups.push((column.same_as, vec![column.result.name.clone()])),
        }
    }
    groups.into_iter().map(|(_, names)| names).filter(|names| names.len() > 1).collect()
}

/// What [`statement`] leaves open: how many cells have the usual offset where not all do, and whether both sides hold the same
/// values.
pub(super) fn again(differences: &Differences<'_>, columns: &[Column]) -> Option<Statement> {
    let w = Writer::new(differences.dialect);
    let d = differences.dialect;
    let mut parts = Vec::new();
    for column in columns {
        let (i, holds) = (column.at, column.facts.holds);
        let cell = Cell::of(&w, holds, i);
        for what in ["shift", "offset"] {
            if let Some(value) = column.facts.unconfirmed(what) {
                let value = if holds.is_exact() {
                    w.cast(&w.text(value), &DataType::Decimal { precision: 38, scale: scale(value) })
                } else {
                    w.cast(&w.text(value), &DataType::Integer(64))
                };
                let count = d.to_text(&count_if(&format!("d{i} AND {} = {value}", cell.apart())));
                parts.push(format!("SELECT '{what}' AS what, '{i}' AS at, {count} AS n FROM x"));
            }
        }
        // Of a part of the rows nothing could be said: the other cells may be in the rest.
        if column.facts.may_be_permuted() && !differences.is_sampled() {
            let side = |value: &str, sign: i8| format!("SELECT {value} AS v, {sign} AS s FROM x WHERE d{i}");
            let balance = format!(
                "SELECT abs(sum(s)) AS n FROM ({} UNION ALL {}) GROUP BY v",
                side(&format!("ov{i}"), 1),
                side(&format!("nv{i}"), -1)
            );
            let unmatched = d.to_text("coalesce(sum(n), 0)");
            parts.push(format!("SELECT 'permuted' AS what, '{i}' AS at, {unmatched} AS n FROM ({balance})"));
        }
    }
    if parts.is_empty() {
        return None;
    }
    let text = format!("{} {}", differences.with(&w), parts.join(" UNION ALL "));
    Some(w.statement("causes again", text))
}

/// The digits behind the point of a decimal's text.
fn scale(text: &str) -> u8 {
    text.split_once('.').and_then(|(_, rest)| u8::try_from(rest.len()).ok()).unwrap_or(0).min(37)
}

/// Reads the answer of [`again`].
pub(super) fn read_again(columns: &mut [Column], answer: &[SqlRow]) -> Result<(), String> {
    for row in answer {
        let [Some(what), Some(at), _] = row.as_slice() else { return Err("the engine answered no count".into()) };
        let n = number(row, 2)?;
        let Some(column) = columns.iter_mut().find(|column| column.at.to_string() == *at) else { continue };
        match what.as_str() {
            "shift" => column.facts.usual.push(("shift", n)),
            "offset" => column.facts.usual.push(("offset", n)),
            // A value too many here is one too few there.
            _ => column.facts.permuted = Some(column.facts.of.saturating_sub(n.div_ceil(2))),
        }
    }
    Ok(())
}
