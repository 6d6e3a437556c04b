//! What explains rows that only one side has.

use super::cell::ColumnHolds;
use super::differences::{Differences, ONLY_NEW, ONLY_OLD};
use super::facts::choose;
use super::sides::{Profile, times};
use super::spread::{Candidate, SpreadValue, Values};
use super::table::BLANKS;
use crate::parity::result::Explanation;
use crate::parity::sql::{JoinCounts, JoinPath, Joined, SqlRow, Statement, Writer, count_if, number};

/// What was counted of the rows that one side has alone; each of `[old, new]`.
#[derive(Clone, Debug, Default)]
pub(super) struct RowFacts {
    of: [u64; 2],
    duplicated: [u64; 2],
    whitespace: [u64; 2],
    case: [u64; 2],
    /// The earliest and the latest of each column of days or times.
    times: Vec<[Option<(i64, i64)>; 2]>,
}

/// The statement that counts. `None` where no row is missing.
pub(super) fn statement(differences: &Differences<'_>, counts: &JoinCounts) -> Option<Statement> {
    if counts.only_old + counts.only_new == 0 {
        return None;
    }
    let w = Writer::new(differences.dialect);
    let (d, joined) = (differences.dialect, differences.joined);
    let plan = joined.plan;
    let mut all = vec![count_if(ONLY_OLD), count_if(ONLY_NEW)];
    let keys = 0..plan.keys.len();
    // Rows of a key that no side has twice are surplus of nothing.
    let may_be_twice = !matches!(joined.path, JoinPath::Unique { .. }) && !plan.keys.is_empty();
    for (is_old, only) in [(true, ONLY_OLD), (false, ONLY_NEW)] {
        if !may_be_twice {
            all.push("0".into());
            continue;
        }
        let own = if is_old { "ok" } else { "nk" };
        let same: Vec<String> = keys.clone().map(|i| d.same(&format!("s.k{i}"), &format!("x.{own}{i}"))).collect();
        let other = joined.side(&w, !is_old);
        all.push(format!(
            "(SELECT count(*) FROM x WHERE {only} AND EXISTS (SELECT 1 FROM ({other}) s WHERE {}))",
            same.join(" AND ")
        ));
    }
    let texts: Vec<bool> =
        keys.clone().map(|i| ColumnHolds::of(joined.form_of(true, i)) == ColumnHolds::Text).collect();
    let can_fold = texts.contains(&true) && counts.only_old > 0 && counts.only_new > 0;
    let blanks = if can_fold { w.text(BLANKS) } else { String::new() };
    let fold = |value: String, is_text: bool, whitespace: bool| match (is_text, whitespace) {
        (true, true) => d.without(&value, &blanks),
        (true, false) => format!("lower({value})"),
        (false, _) => value,
    };
    for whitespace in [true, false] {
        for is_old in [true, false] {
            if !can_fold {
                all.push("0".into());
                continue;
            }
            let (own, other) = if is_old { ("ok", "nk") } else { ("nk", "ok") };
            let (only, only_other) = if is_old { (ONLY_OLD, ONLY_NEW) } else { (ONLY_NEW, ONLY_OLD) };
            let list = |prefix: &str| -> String {
                let folded =
                    keys.clone().map(|i| format!("{} AS f{i}", fold(format!("{prefix}{i}"), texts[i], whitespace)));
                folded.collect::<Vec<_>>().join(", ")
            };
            let same: Vec<String> = keys.clone().map(|i| d.same(&format!("s.f{i}"), &format!("t.f{i}"))).collect();
            all.push(format!(
                "(SELECT count(*) FROM (SELECT {} FROM x WHERE {only}) t WHERE EXISTS (SELECT 1 FROM (SELECT {} FROM x \
                 WHERE {only_other}) s WHERE {}))",
                list(own),
                list(other),
                same.join(" AND ")
            ));
        }
    }
    for (is_key, at) in times(joined) {
        for (only, side) in [(ONLY_OLD, 'o'), (ONLY_NEW, 'n')] {
            let value = format!("{side}{}{at}", if is_key { "k" } else { "v" });
            let value = match ColumnHolds::of(joined.form_of(is_key, at)) {
                ColumnHolds::Date => d.days(&value),
                _ => value,
            };
            all.extend(["min", "max"].map(|function| format!("{function}(CASE WHEN {only} THEN {value} END)")));
        }
    }
    let all: Vec<String> = all.iter().enumerate().map(|(i, sum)| format!("{} AS c{i}", d.to_text(sum))).collect();
    let text = format!("{} SELECT {} FROM x", differences.with(&w), all.join(", "));
    Some(w.statement("rows", text))
}

/// Reads the answer of [`statement`].
pub(super) fn read(facts: &mut RowFacts, answer: &[SqlRow]) -> Result<(), String> {
    let [row] = answer else { return Err(format!("the engine answered {} rows where counts belong", answer.len())) };
    let pair = |at: usize| -> Result<[u64; 2], String> { Ok([number(row, at)?, number(row, at + 1)?]) };
    facts.of = pair(0)?;
    facts.duplicated = pair(2)?;
    facts.whitespace = pair(4)?;
    facts.case = pair(6)?;
    let time = |at: usize| row.get(at).and_then(|value| value.as_deref()?.parse::<i64>().ok());
    let range = |at: usize| Some((time(at)?, time(at + 1)?));
    facts.times = (8..row.len()).step_by(4).map(|at| [range(at), range(at + 2)]).collect();
    Ok(())
}

/// What is said of the rows that one side has alone.
#[derive(Default)]
pub(super) struct ExplainedRows {
    /// Under `rows` or `key`, and its name.
    pub cause: Option<(&'static str, &'static str)>,
    pub explanations: Vec<Explanation>,
    /// Where the rows lie, when nothing explains them.
    pub notes: Vec<String>,
}

/// Chooses the cause, as for cells.
pub(super) fn explain(
    joined: &Joined<'_>,
    counts: &JoinCounts,
    facts: &RowFacts,
    candidates: &[Candidate],
    values: &Values,
    profile: &Profile,
) -> ExplainedRows {
    let of = facts.of[0] + facts.of[1];
    if of == 0 {
        return ExplainedRows::default();
    }
    let both = |counts: [u64; 2]| counts[0] + counts[1];
    let mut tried = vec![
        ("key_whitespace", both(facts.whitespace), "the same keys but for whitespace".to_owned()),
        ("key_case", both(facts.case), "the same keys but for upper and lower case".to_owned()),
        ("duplicated_rows", both(facts.duplicated), duplicated(joined, facts)),
    ];
    // A day without rows at the end of the period is a partition where a column of days says so. That of an instant is late.
    tried.extend(missing_partition(counts, candidates, values, false));
    tried.extend(late_data(joined, facts, profile));
    tried.extend(missing_partition(counts, candidates, values, true));
    let (cause, explanations) = choose(of, tried);
    let under = |cause: &str| if cause.starts_with("key_") { "key" } else { "rows" };
    let notes = if cause.is_none() { concentrated(counts, candidates, values) } else { Vec::new() };
    ExplainedRows { cause: cause.map(|cause| (under(cause), cause)), explanations, notes }
}

/// That all rows that one side has alone have one value of a column, of which there are others: no partition is missing, and
/// yet it says where to look.
fn concentrated(counts: &JoinCounts, candidates: &[Candidate], values: &Values) -> Vec<String> {
    let mut notes = Vec::new();
    for (is_old, lonely) in [(true, counts.only_old), (false, counts.only_new)] {
        let side = if is_old { "old" } else { "new" };
        let of = |value: &SpreadValue| if is_old { (value.old, value.only_old) } else { (value.new, value.only_new) };
        let rows = counts.matched + lonely;
        let found = candidates.iter().enumerate().filter(|(_, candidate)| !candidate.is_hidden).find_map(|(at, by)| {
            let mut all = values.0.iter().filter(|value| value.candidate == at && of(value).1 > 0);
            let (one, more) = (all.next()?, all.next());
            let (has, only) = of(one);
            (more.is_none() && only == lonely && has < rows)
                .then(|| (by.by(), one.value.as_deref().unwrap_or("null"), has))
        });
        if let Some((by, value, has)) = found.filter(|_| lonely > 1) {
            notes.push(format!("all {lonely} rows that only {side} has are of the {has} with {by}={value}"));
        }
    }
    notes
}

fn duplicated(joined: &Joined<'_>, facts: &RowFacts) -> String {
    let (side, other) = if facts.duplicated[1] >= facts.duplicated[0] { ("new", "old") } else { ("old", "new") };
    let what = if joined.path == JoinPath::Bag { "rows" } else { "keys" };
    format!("{side} has them more often: {other} has the same {what} too")
}

/// Whether what is missing is all that a column has of some values.
fn missing_partition(
    counts: &JoinCounts,
    candidates: &[Candidate],
    values: &Values,
    by_instant: bool,
) -> Option<(&'static str, u64, String)> {
    let mut best: Option<(u64, usize, String)> = None;
    let is_by = |candidate: &Candidate| (candidate.holds == ColumnHolds::Time) == by_instant;
    for (at, candidate) in candidates.iter().enumerate().filter(|(_, candidate)| is_by(candidate)) {
        let missing: Vec<(&SpreadValue, u64, bool)> = values
            .0
            .iter()
            .filter(|value| value.candidate == at)
            .flat_map(|value| {
                let in_old = candidate.is_coarse_in(true, counts) && value.new == 0 && value.only_old > 0;
                let in_new = candidate.is_coarse_in(false, counts) && value.old == 0 && value.only_new > 0;
                [in_old.then_some((value, value.only_old, true)), in_new.then_some((value, value.only_new, false))]
            })
            .flatten()
            .collect();
        let rows: u64 = missing.iter().map(|(_, rows, _)| rows).sum();
        let is_better =
            best.as_ref().is_none_or(|(most, few, _)| rows > *most || (rows == *most && missing.len() < *few));
        if rows > 0 && is_better {
            best = Some((rows, missing.len(), missing_says(candidate, &missing)));
        }
    }
    best.map(|(rows, _, says)| ("missing_partition", rows, says))
}

fn missing_says(candidate: &Candidate, missing: &[(&SpreadValue, u64, bool)]) -> String {
    let by = candidate.by();
    let side = match (missing.iter().any(|(_, _, in_old)| *in_old), missing.iter().any(|(_, _, in_old)| !in_old)) {
        (true, false) => "new",
        (false, _) => "old",
        _ => "the other side",
    };
    if candidate.is_hidden {
        return format!("all in values of {by} of which {side} has no row");
    }
    let shown: Vec<String> = missing
        .iter()
        .take(3)
        .map(|(value, _, _)| format!("{by}={}", value.value.as_deref().unwrap_or("null")))
        .collect();
    let more = if missing.len() > 3 { format!(" and {} more", missing.len() - 3) } else { String::new() };
    format!("all in {}{more}, of which {side} has no row", shown.join(", "))
}

/// Whether what is missing lies in the first or the last twentieth of what a column of days or times spans.
fn late_data(joined: &Joined<'_>, facts: &RowFacts, profile: &Profile) -> Option<(&'static str, u64, String)> {
    let mut best: Option<(u64, String)> = None;
    for ((is_key, at), ranges) in times(joined).into_iter().zip(&facts.times) {
        let Some((first, last)) = profile.span(is_key, at) else { continue };
        let edge = (last - first) / 20;
        let (mut rows, mut ends) = (0, Vec::new());
        for (range, of) in ranges.iter().zip(facts.of) {
            let Some((least, most)) = range.filter(|_| of > 1) else { continue };
            let end = if least >= last - edge { "last" } else { "first" };
            if least >= last - edge || most <= first + edge {
                rows += of;
                ends.push(end);
            }
        }
        ends.dedup();
        let column = if is_key { &joined.plan.keys[at] } else { &joined.plan.cells[at] };
        if rows > 0 && last > first && best.as_ref().is_none_or(|(most, _)| rows > *most) {
            best = Some((rows, format!("all within the {} 5 % of {}", ends.join(" and "), column.name)));
        }
    }
    best.map(|(rows, says)| ("late_data", rows, says))
}
