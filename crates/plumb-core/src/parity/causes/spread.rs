//! Where the differences are: by the values of a column.

use super::cell::{Cell, ColumnHolds};
use super::differences::{Differences, ONLY_NEW, ONLY_OLD};
use super::shown;
use crate::parity::plan::{ComparedColumn, Relation};
use crate::parity::result::{DifferenceSpread, SpreadPart};
use crate::parity::sql::{JoinCounts, Joined, SqlRow, Statement, Writer, number};
use std::collections::BTreeSet;

/// As many values as a page can show.
const VALUES: u64 = 50;
/// Columns whose values are counted on both sides: each is read once.
const CANDIDATES: usize = 4;

/// A column by whose values differences are counted; of times, by their days.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub is_key: bool,
    pub at: usize,
    pub holds: ColumnHolds,
    pub name: String,
    /// Whether folders are named after it.
    pub is_partition: bool,
    pub is_hidden: bool,
    /// How many values it has among all differences, and among the rows that one side has alone.
    pub distinct: u64,
    pub distinct_old: u64,
    pub distinct_new: u64,
}

impl Candidate {
    /// Its value in a row of the differences: that of old, where old has the row.
    pub fn value(&self, w: &Writer<'_>) -> String {
        let at = self.at;
        let value = if self.is_key {
            format!("coalesce(ok{at}, nk{at})")
        } else {
            format!("CASE WHEN op THEN ov{at} ELSE nv{at} END")
        };
        self.of(w, &value)
    }

    /// Its value in a row of one side.
    fn value_of_side(&self, w: &Writer<'_>) -> String {
        self.of(w, &format!("{}{}", if self.is_key { "k" } else { "v" }, self.at))
    }

    fn of(&self, w: &Writer<'_>, value: &str) -> String {
        match self.holds {
            ColumnHolds::Time => {
                Cell { w, holds: self.holds, a: String::new(), b: String::new() }.day(&format!("({value})"))
            }
            _ => value.to_owned(),
        }
    }

    /// How reports name it.
    pub fn by(&self) -> String {
        if self.holds == ColumnHolds::Time { format!("day of {}", self.name) } else { self.name.clone() }
    }

    /// Whether it has few values, each of them often enough that a value says more than a row. `rows` may be part of them.
    fn is_coarse(&self, distinct: u64, rows: u64) -> bool {
        rows > 0 && distinct <= VALUES && (self.is_partition || rows >= 2 * distinct.max(1))
    }

    /// Whether the rows that one side has alone have few of its values.
    pub fn is_coarse_in(&self, old: bool, counts: &JoinCounts) -> bool {
        if old {
            self.is_coarse(self.distinct_old, counts.only_old)
        } else {
            self.is_coarse(self.distinct_new, counts.only_new)
        }
    }

    fn is_for_spread(&self, counts: &JoinCounts) -> bool {
        // Not the sum: a row that both sides have under different keys is there twice.
        let rows = counts.differing_rows.max(counts.only_old).max(counts.only_new);
        !self.is_hidden && self.is_coarse(self.distinct, rows)
    }

    fn is_for_rows(&self, counts: &JoinCounts) -> bool {
        self.is_coarse_in(true, counts) || self.is_coarse_in(false, counts)
    }
}

/// The columns that may be one.
pub(super) fn candidates(joined: &Joined<'_>) -> Vec<Candidate> {
    let plan = joined.plan;
    let mut folders = BTreeSet::new();
    for side in [&plan.old, &plan.new] {
        if let Relation::Files(files) = &side.relation {
            folders.extend(
                files.files.iter().flat_map(|file| file.partitions.iter().map(|(name, _)| name.to_lowercase())),
            );
        }
    }
    let candidate = |is_key: bool, at: usize, column: &ComparedColumn| Candidate {
        is_key,
        at,
        holds: ColumnHolds::of(joined.form_of(is_key, at)),
        name: column.name.clone(),
        is_partition: folders.contains(&column.old.to_lowercase()) || folders.contains(&column.new.to_lowercase()),
        is_hidden: column.sensitive,
        distinct: 0,
        distinct_old: 0,
        distinct_new: 0,
    };
    let keys = plan.keys.iter().enumerate().map(|(at, column)| candidate(true, at, column));
    let cells = plan.cells.iter().enumerate().map(|(at, column)| candidate(false, at, column));
    keys.chain(cells).filter(|candidate| candidate.holds.is_category()).collect()
}

/// What is counted of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpreadValue {
    /// The place of its column among the candidates.
    pub candidate: usize,
    pub value: Option<String>,
    /// Rows of each side that have it.
    pub old: u64,
    pub new: u64,
    pub only_old: u64,
    pub only_new: u64,
    pub differing: u64,
}

/// The values of all candidates that were counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Values(pub Vec<SpreadValue>);

/// The candidates that are counted: folders first, then by how few values they have.
fn chosen(candidates: &[Candidate], counts: &JoinCounts) -> Vec<usize> {
    let few = |candidate: &Candidate| match candidate.is_for_rows(counts) {
        true if counts.only_old + counts.only_new > 0 => candidate.distinct_old + candidate.distinct_new,
        _ => candidate.distinct,
    };
    let mut chosen: Vec<usize> = (0..candidates.len())
        .filter(|at| candidates[*at].is_for_spread(counts) || candidates[*at].is_for_rows(counts))
        .collect();
    chosen.sort_by_key(|at| (!candidates[*at].is_partition, few(&candidates[*at]), *at));
    chosen.truncate(CANDIDATES);
    chosen
}

/// The statement that counts values on both sides.
pub(super) fn statement(
    differences: &Differences<'_>,
    candidates: &[Candidate],
    counts: &JoinCounts,
) -> Option<Statement> {
    let w = Writer::new(differences.dialect);
    let d = differences.dialect;
    let (mut groups, mut parts) = (Vec::new(), Vec::new());
    for at in chosen(candidates, counts) {
        let candidate = &candidates[at];
        // Where values of all differences are too many, those of missing rows are counted alone.
        let among =
            if candidate.is_for_spread(counts) { String::new() } else { format!(" WHERE {ONLY_OLD} OR {ONLY_NEW}") };
        let sum = |condition: &str| crate::parity::sql::count_if(condition);
        let group = format!(
            "SELECT v, {} AS lo, {} AS ln, {} AS df FROM (SELECT {} AS v, op, np FROM x{among}) GROUP BY v",
            sum(ONLY_OLD),
            sum(ONLY_NEW),
            sum("op AND np"),
            candidate.value(&w),
        );
        groups.push(format!("g{at} AS ({group})"));
        let side = |is_old: bool| {
            let side = differences.joined.side(&w, is_old);
            let values = format!("SELECT {} AS v FROM ({side})", candidate.value_of_side(&w));
            // An engine that keeps the differences reads them again for nothing.
            let few = match differences.are_kept() {
                true => format!(" SEMI JOIN g{at} AS f ON {}", d.same("s.v", "f.v")),
                false => String::new(),
            };
            format!("(SELECT s.v AS v, count(*) AS n FROM ({values}) s{few} GROUP BY s.v)")
        };
        let text = |value: &str| d.to_text(&format!("coalesce({value}, 0)"));
        parts.push(format!(
            "SELECT '{at}' AS c, {} AS v, {} AS o, {} AS n, {} AS lo, {} AS ln, {} AS df FROM g{at} \
             LEFT JOIN {} o ON {} LEFT JOIN {} n ON {}",
            d.to_text(&format!("g{at}.v")),
            text("o.n"),
            text("n.n"),
            text("lo"),
            text("ln"),
            text("df"),
            side(true),
            d.same(&format!("g{at}.v"), "o.v"),
            side(false),
            d.same(&format!("g{at}.v"), "n.v"),
        ));
    }
    if parts.is_empty() {
        return None;
    }
    let text = format!("{}, {} {}", differences.with(&w), groups.join(", "), parts.join(" UNION ALL "));
    Some(w.statement("where", text))
}

/// Reads the answer of [`statement`].
pub(super) fn read(values: &mut Values, candidates: &[Candidate], answer: &[SqlRow]) -> Result<(), String> {
    for row in answer {
        let at = number(row, 0)?;
        let candidate = usize::try_from(at).ok().filter(|at| *at < candidates.len());
        let candidate = candidate.ok_or_else(|| format!("the engine answered column {at}"))?;
        let value = row.get(1).cloned().flatten();
        let value = match candidates[candidate].holds {
            ColumnHolds::Time => value.map(|days| shown::day(&days)),
            _ => value,
        };
        values.0.push(SpreadValue {
            candidate,
            value,
            old: number(row, 2)?,
            new: number(row, 3)?,
            only_old: number(row, 4)?,
            only_new: number(row, 5)?,
            differing: number(row, 6)?,
        });
    }
    values.0.sort_by(|a, b| (a.candidate, &a.value).cmp(&(b.candidate, &b.value)));
    Ok(())
}

/// How the differences spread over the column in which they gather most, and over the days in which they do.
pub(super) fn spread(counts: &JoinCounts, candidates: &[Candidate], values: &Values) -> Vec<DifferenceSpread> {
    let mut best: Vec<(f64, usize)> = Vec::new();
    for (at, candidate) in candidates.iter().enumerate().filter(|(_, candidate)| candidate.is_for_spread(counts)) {
        let own: Vec<&SpreadValue> = values.0.iter().filter(|value| value.candidate == at).collect();
        if let Some(gathered) = gathered(counts, &own) {
            let is_day = candidate.holds.is_day_or_time();
            let place = best.iter().position(|(_, other)| candidates[*other].holds.is_day_or_time() == is_day);
            match place {
                Some(place) if best[place].0 >= gathered => {}
                Some(place) => best[place] = (gathered, at),
                None => best.push((gathered, at)),
            }
        }
    }
    best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let part = |value: &SpreadValue| SpreadPart {
        value: value.value.clone(),
        rows: value.old.max(value.new),
        only_old: value.only_old,
        only_new: value.only_new,
        differing: value.differing,
    };
    best.into_iter()
        .map(|(_, at)| DifferenceSpread {
            by: candidates[at].by(),
            parts: values.0.iter().filter(|value| value.candidate == at).map(part).collect(),
        })
        .collect()
}

/// How far the differences gather in some values: 0 when each has as many as its rows make expect, toward 1 when few rows have
/// all of them. `None` where all rows have one value.
fn gathered(counts: &JoinCounts, values: &[&SpreadValue]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
    let rows = counts.matched + counts.only_old.max(counts.only_new);
    let all = |value: &SpreadValue| value.only_old + value.only_new + value.differing;
    let differences: u64 = values.iter().map(|value| all(value)).sum();
    let is_one = values.len() == 1 && values[0].old.max(values[0].new) >= rows;
    if values.is_empty() || is_one {
        return None;
    }
    let excess = values.iter().map(|value| share(all(value), differences) - share(value.old.max(value.new), rows));
    Some(excess.filter(|excess| *excess > 0.0).sum())
}
