//! The verdict of an output, from what was counted.

use super::plan::{ExpectAbout, OutputPlan};
use super::result::{ExpectedResult, OutputResult, SchemaNote, Verdict, WithinTolerance};
use super::sql::JoinCounts;
use crate::kinds::emr::compare::{CompareRows, CompareSide};
use jiff::civil::Date;

/// What the rows of both sides say before they are compared. `None` lets the comparison go on.
///
/// `previous` are the rows of `new` in the last period that passed.
pub fn rows_first(
    rows: Option<&CompareRows>,
    old: u64,
    new: u64,
    previous: Option<u64>,
) -> Option<(&'static str, String)> {
    let rows = rows.cloned().unwrap_or_default();
    let min = rows.min.unwrap_or(1);
    let fewer = |side: &str, has: u64| format!("{side} has {has} rows, and `rows.min` is {min}");
    if min > 0 && old == 0 && new == 0 {
        let says = "both sides are empty, and nothing was compared; if they may be, say `rows: {min: 0}`";
        return Some(("nothing_compared", says.into()));
    }
    if min > 0 && (old == 0 || new == 0) {
        let (cause, side) = if old == 0 { ("old_is_empty", "old") } else { ("new_is_empty", "new") };
        return Some((cause, format!("{side} is empty; if it may be, say `rows: {{min: 0}}`")));
    }
    for (side, has) in [("old", old), ("new", new)] {
        if has < min {
            return Some(("too_few_rows", fewer(side, has)));
        }
    }
    let against = rows.against?.previous;
    let percent: f64 = against.trim_end_matches('%').trim().parse().ok()?;
    let previous = previous?;
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let off = 100.0 * (new as f64 - previous as f64).abs() / previous.max(1) as f64;
    (off > percent).then(|| {
        let says = format!(
            "new has {new} rows, {off:.0} % off the {previous} of the last period that passed; {against} is allowed"
        );
        ("rows_off_previous", says)
    })
}

/// The source of a side, as reports name it.
pub fn source(side: &CompareSide) -> String {
    side.table.clone().or_else(|| side.path.clone()).unwrap_or_default()
}

/// Fills in what schemas say.
pub fn schemas(result: &mut OutputResult, notes: &[SchemaNote]) {
    result.schema = notes.to_vec();
    let named = notes
        .iter()
        .find(|note| note.fails)
        .or_else(|| notes.iter().find(|note| matches!(note.cause.as_str(), "type_widened" | "column_case")));
    if let Some(note) = named {
        result.causes.insert("schema".into(), note.cause.clone());
    }
}

/// Fills in the counts, and says whether the output is equal.
///
/// The schemas' notes have to be there. An output whose expectations are over and match nothing any more has no verdict: its
/// manifest says what is not true.
pub fn count(result: &mut OutputResult, plan: &OutputPlan, counts: &JoinCounts, today: Date) {
    result.only_old = Some(counts.only_old);
    result.only_new = Some(counts.only_new);
    result.differing_rows = Some(counts.differing_rows);
    result.matched = Some(counts.matched);
    for (cell, counted) in plan.cells.iter().zip(&counts.cells) {
        if counted.differing > 0 {
            result.differing_cells.insert(cell.name.clone(), counted.differing);
        }
        if counted.within > 0 {
            let reason = cell.rule.tolerance_reason.clone().unwrap_or_default();
            let largest = counted.largest.clone().filter(|_| !cell.sensitive);
            result
                .within_tolerance
                .insert(cell.name.clone(), WithinTolerance { cells: counted.within, largest, reason });
        }
    }
    let mut unexplained: Vec<u64> = counts.cells.iter().map(|cell| cell.differing).collect();
    let (mut only_old, mut only_new) = (counts.only_old, counts.only_new);
    let mut stale = None;
    for (expect, (found, rows)) in plan.expect.iter().zip(&counts.expect) {
        let column = match expect.about {
            ExpectAbout::Cell(cell) => plan.cells[cell].name.clone(),
            ExpectAbout::OnlyOld | ExpectAbout::OnlyNew => "rows".into(),
        };
        let is_over = today > expect.until;
        let holds = !is_over && *found <= expect.at_most;
        if holds {
            match expect.about {
                ExpectAbout::Cell(cell) => unexplained[cell] -= found,
                ExpectAbout::OnlyOld => only_old -= found,
                ExpectAbout::OnlyNew => only_new -= found,
            }
        }
        if *rows == 0 {
            let says = format!("the `expect` of `{column}` until {} matches no row: take it out", expect.until);
            if is_over {
                stale = Some(says);
            } else {
                result.notes.push(says);
            }
        } else if is_over {
            result.notes.push(format!("the `expect` of `{column}` was only until {}", expect.until));
        } else if !holds {
            let says = format!(
                "the `expect` of `{column}` covers {found} differences, and {} are expected at most",
                expect.at_most
            );
            result.notes.push(says);
        }
        result.expected.push(ExpectedResult {
            column,
            found: *found,
            at_most: expect.at_most,
            until: expect.until.to_string(),
            reason: expect.reason.clone(),
            holds,
        });
    }
    let differs =
        only_old + only_new + unexplained.iter().sum::<u64>() > 0 || result.schema.iter().any(|note| note.fails);
    result.verdict = if differs {
        Verdict::Differs
    } else if let Some(says) = stale {
        result.because = Some(says);
        Verdict::None
    } else {
        Verdict::Equal
    };
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
