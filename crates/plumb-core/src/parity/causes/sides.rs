//! What both sides hold as a whole: how far values span, and their histograms.

use super::Column;
use super::cell::{Cell, ColumnHolds};
use super::differences::Differences;
use super::shown;
use crate::parity::result::Histogram;
use crate::parity::sql::{JoinCounts, Joined, SqlRow, Statement, Writer, number};
use crate::parity::types::DataType;

/// Columns of days or times by which late rows are looked for.
const TIMES: usize = 3;
/// Columns that get a histogram.
const HISTOGRAMS: usize = 8;
const BINS: usize = 20;

/// The columns of days or times: keys first.
pub(super) fn times(joined: &Joined<'_>) -> Vec<(bool, usize)> {
    let keys = (0..joined.plan.keys.len()).map(|at| (true, at));
    let all = keys.chain((0..joined.plan.cells.len()).map(|at| (false, at)));
    all.filter(|(is_key, at)| ColumnHolds::of(joined.form_of(*is_key, *at)).is_day_or_time()).take(TIMES).collect()
}

/// What is known of a column of both sides.
#[derive(Clone, Debug)]
struct KnownEnds {
    is_key: bool,
    at: usize,
    holds: ColumnHolds,
    /// The least and the largest finite value: numbers, days, microseconds.
    range: Option<(String, String)>,
    values_of_old: u64,
}

/// What is known of some columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile(Vec<KnownEnds>);

impl Profile {
    fn of(&self, is_key: bool, at: usize) -> Option<&KnownEnds> {
        self.0.iter().find(|known| known.is_key == is_key && known.at == at)
    }

    /// How many cells of a column have a value in old.
    pub fn values_of_old(&self, cell: usize) -> Option<u64> {
        self.of(false, cell).map(|known| known.values_of_old)
    }

    /// The first and the last day or time of a column.
    pub fn span(&self, is_key: bool, at: usize) -> Option<(i64, i64)> {
        let (least, most) = self.of(is_key, at)?.range.as_ref()?;
        Some((least.parse().ok()?, most.parse().ok()?))
    }
}

/// The columns that are profiled: those that get a histogram, the times that differ, and those by which late rows are found.
fn profiled(joined: &Joined<'_>, columns: &[Column], counts: &JoinCounts) -> Vec<(bool, usize, ColumnHolds)> {
    let differing =
        columns.iter().filter(|column| column.facts.holds.is_number() || column.facts.holds.is_day_or_time());
    let shown =
        differing.clone().filter(|column| !column.facts.is_hidden).take(HISTOGRAMS).map(|column| (false, column.at));
    let shifted = differing.filter(|column| column.facts.holds == ColumnHolds::Time).map(|column| (false, column.at));
    let late = if counts.only_old.max(counts.only_new) > 1 { times(joined) } else { Vec::new() };
    let mut all: Vec<(bool, usize)> = shown.chain(shifted).chain(late).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(|(is_key, at)| (is_key, at, ColumnHolds::of(joined.form_of(is_key, at)))).collect()
}

/// A value of a side as something that has an order and a difference: a number, days or microseconds, and finite.
fn measured(w: &Writer<'_>, holds: ColumnHolds, value: &str) -> String {
    let cell = Cell { w, holds, a: value.to_owned(), b: value.to_owned() };
    match holds {
        ColumnHolds::Date => w.dialect.days(value),
        ColumnHolds::Floating { .. } => format!("CASE WHEN {} THEN {} END", cell.is_finite(), cell.number(value)),
        ColumnHolds::Split { .. } => cell.number(value),
        _ => value.to_owned(),
    }
}

/// The statement that asks for least and largest values.
pub(super) fn profile(differences: &Differences<'_>, columns: &[Column], counts: &JoinCounts) -> Option<Statement> {
    let profiled = profiled(differences.joined, columns, counts);
    if profiled.is_empty() {
        return None;
    }
    let w = Writer::new(differences.dialect);
    let d = differences.dialect;
    let mut all = Vec::new();
    for i in 0..profiled.len() {
        all.push(format!("min(m{i})"));
        all.push(format!("max(m{i})"));
        all.push(format!("sum(CASE WHEN side = 0 AND h{i} THEN 1 ELSE 0 END)"));
    }
    let side = |number: u8, is_old: bool| {
        let values: Vec<String> = profiled
            .iter()
            .enumerate()
            .map(|(i, (is_key, at, holds))| {
                let value = format!("{}{at}", if *is_key { "k" } else { "v" });
                format!("{} AS m{i}, {value} IS NOT NULL AS h{i}", measured(&w, *holds, &value))
            })
            .collect();
        format!("SELECT {number} AS side, {} FROM ({})", values.join(", "), differences.joined.side(&w, is_old))
    };
    let all: Vec<String> = all.iter().enumerate().map(|(i, sum)| format!("{} AS c{i}", d.to_text(sum))).collect();
    let text = format!("SELECT {} FROM ({} UNION ALL {})", all.join(", "), side(0, true), side(1, false));
    Some(w.statement("profile", text))
}

/// Reads the answer of [`profile`].
pub(super) fn read_profile(
    profile: &mut Profile,
    differences: &Differences<'_>,
    columns: &[Column],
    counts: &JoinCounts,
    answer: &[SqlRow],
) -> Result<(), String> {
    let [row] = answer else { return Err(format!("the engine answered {} rows to the profile", answer.len())) };
    for (i, (is_key, at, holds)) in profiled(differences.joined, columns, counts).into_iter().enumerate() {
        let value = |at: usize| row.get(at).cloned().flatten();
        let range = value(3 * i).zip(value(3 * i + 1));
        profile.0.push(KnownEnds { is_key, at, holds, range, values_of_old: number(row, 3 * i + 2)? });
    }
    Ok(())
}

/// The columns that get a histogram, each with its range.
fn binned<'p>(profile: &'p Profile, columns: &[Column]) -> Vec<(usize, ColumnHolds, &'p str, &'p str)> {
    let shown = columns.iter().filter(|column| !column.facts.is_hidden).filter_map(|column| {
        let known = profile.of(false, column.at)?;
        let (least, most) = known.range.as_ref()?;
        let (from, to): (f64, f64) = (least.parse().ok()?, most.parse().ok()?);
        let has_width = to > from && (to - from).is_finite();
        has_width.then_some((column.at, known.holds, least.as_str(), most.as_str()))
    });
    shown.take(HISTOGRAMS).collect()
}

/// The statement that counts bins.
pub(super) fn histogram(differences: &Differences<'_>, profile: &Profile, columns: &[Column]) -> Option<Statement> {
    let w = Writer::new(differences.dialect);
    let d = differences.dialect;
    let mut parts = Vec::new();
    for (at, holds, least, most) in binned(profile, columns) {
        let (Ok(from), Ok(to)) = (least.parse::<f64>(), most.parse::<f64>()) else { continue };
        #[expect(clippy::cast_precision_loss, reason = "twenty")]
        let width = (to - from) / BINS as f64;
        for (side, is_old) in [("old", true), ("new", false)] {
            let value = w.cast(&format!("({})", measured(&w, holds, &format!("v{at}"))), &DataType::Double);
            let bin = format!("floor((m - {}) / {})", w.double(from), w.double(width));
            let bin = w.cast(&bin, &DataType::Integer(64));
            let rows = format!(
                "SELECT least({}, greatest(0, {bin})) AS b FROM (SELECT {value} AS m FROM ({})) WHERE m IS NOT NULL",
                BINS - 1,
                differences.joined.side(&w, is_old)
            );
            parts.push(format!(
                "SELECT '{at}' AS c, '{side}' AS side, {} AS b, {} AS n FROM ({rows}) GROUP BY b",
                d.to_text("b"),
                d.to_text("count(*)")
            ));
        }
    }
    if parts.is_empty() {
        return None;
    }
    Some(w.statement("histogram", parts.join(" UNION ALL ")))
}

/// Reads the answer of [`histogram`].
pub(super) fn read_histogram(profile: &Profile, columns: &mut [Column], answer: &[SqlRow]) -> Result<(), String> {
    for (at, holds, least, most) in binned(profile, columns) {
        let mut bins = [[0; BINS]; 2];
        for row in answer.iter().filter(|row| row.first().and_then(Option::as_deref) == Some(&at.to_string())) {
            let side = usize::from(row.get(1).and_then(Option::as_deref) == Some("new"));
            let bin = usize::try_from(number(row, 2)?).ok().filter(|bin| *bin < BINS);
            let bin = bin.ok_or("the engine answered a bin that there is not")?;
            bins[side][bin] = number(row, 3)?;
        }
        let Some(column) = columns.iter_mut().find(|column| column.at == at) else { continue };
        let is_wall = column.result.old_type == "timestamp_ntz" && column.result.new_type == "timestamp_ntz";
        let text = |value: &str| match holds {
            ColumnHolds::Time => shown::instant(value, is_wall),
            ColumnHolds::Date => shown::day(value),
            _ => shown::number(value),
        };
        let [old, new] = bins.map(|bins| bins.to_vec());
        column.result.histogram = Some(Histogram { from: text(least), to: text(most), old, new });
    }
    Ok(())
}
