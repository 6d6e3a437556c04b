//! The relation `x`: rows that differ, and rows that one side lacks.

use super::cell::ColumnHolds;
use super::table::BLANKS;
use crate::parity::sql::{Dialect, JoinCounts, Joined, Statement, Writer};

/// How many rows of a kind are looked at: a cause decides nothing.
const AT_MOST: u64 = 250_000;
/// The table in which DuckDB keeps them.
const KEPT: &str = "plumb_differences";

/// The differences of a join: `op`, `np`, `ok0…`, `nk0…`, `ov0…`, `nv0…` as there, of the cells that matter, and `d0…` of
/// those that differ, which here is true of differing cells only and never null.
pub(super) struct Differences<'e> {
    pub joined: &'e Joined<'e>,
    pub dialect: &'e dyn Dialect,
    counts: &'e JoinCounts,
}

/// Rows that only one side has.
pub(super) const ONLY_OLD: &str = "np IS NULL";
pub(super) const ONLY_NEW: &str = "op IS NULL";

impl<'e> Differences<'e> {
    pub fn new(joined: &'e Joined<'e>, dialect: &'e dyn Dialect, counts: &'e JoinCounts) -> Differences<'e> {
        Differences { joined, dialect, counts }
    }

    /// Whether only a part of the rows that both sides have is looked at.
    pub fn is_sampled(&self) -> bool {
        self.counts.differing_rows > AT_MOST
    }

    /// Whether all rows of all kinds are looked at.
    pub fn is_whole(&self) -> bool {
        self.counts.differing_rows.max(self.counts.only_old).max(self.counts.only_new) <= AT_MOST
    }

    /// Whether so many differing cells are one in each row that differs.
    pub fn differs_everywhere(&self, cells: u64) -> bool {
        cells == self.counts.differing_rows
    }

    /// Whether statements find them kept, and so may read them often.
    pub fn are_kept(&self) -> bool {
        self.dialect.keep(KEPT, "").is_some()
    }

    /// Keeps them, where the engine can.
    pub fn keep(&self) -> Option<Statement> {
        let w = Writer::new(self.dialect);
        let query = format!("{} {}", self.joined.with(&w), self.query(&w));
        let text = self.dialect.keep(KEPT, &query)?;
        Some(w.statement("differences", text))
    }

    /// The common table expressions before a statement that reads `x`.
    pub fn with(&self, w: &Writer<'_>) -> String {
        if self.are_kept() {
            let x = self.dialect.inline_cte("x", &format!("SELECT * FROM {KEPT}"));
            return format!("WITH {x}");
        }
        format!("{}, x AS ({})", self.joined.with(w), self.query(w))
    }

    fn query(&self, w: &Writer<'_>) -> String {
        let plan = self.joined.plan;
        let mut columns = vec!["op".to_owned(), "np".to_owned()];
        columns.extend((0..plan.keys.len()).map(|i| format!("ok{i}, nk{i}")));
        for i in 0..plan.cells.len() {
            if self.has(i) {
                // Where both are equal, new's is read only for rows that old lacks.
                let nv = if self.differs(i) || self.counts.only_new > 0 { "" } else { "CASE WHEN false THEN " };
                let end = if nv.is_empty() { "" } else { " END" };
                columns.push(format!("ov{i}, {nv}nv{i}{end} AS nv{i}"));
            }
            if self.differs(i) {
                columns.push(format!("coalesce(op AND np AND d{i}, false) AS d{i}"));
            }
        }
        let of_each = |condition: String, n: u64| match self.sample(w, n) {
            Some(sample) => format!("({condition} AND {sample})"),
            None => format!("({condition})"),
        };
        let condition = [
            of_each(format!("op AND np AND {}", self.some_cell_differs()), self.counts.differing_rows),
            of_each(ONLY_OLD.to_owned(), self.counts.only_old),
            of_each(ONLY_NEW.to_owned(), self.counts.only_new),
        ];
        let query =
            self.dialect.only(&columns.join(", "), "j", &format!("coalesce({}, false)", condition.join(" OR ")));
        if self.is_whole() || !self.sampled_by().is_empty() {
            return query;
        }
        // No key has a text that both engines write alike: any rows will do.
        format!("{query} LIMIT {}", 3 * AT_MOST)
    }

    /// Whether a cell differs somewhere.
    fn differs(&self, cell: usize) -> bool {
        self.counts.cells.get(cell).is_some_and(|counted| counted.differing > 0)
    }

    /// Whether a cell is in `x`: one that differs nowhere, and has no values to count differences by, need not be read.
    pub fn has(&self, cell: usize) -> bool {
        self.differs(cell) || ColumnHolds::of(self.joined.form_of(false, cell)).is_category()
    }

    fn some_cell_differs(&self) -> String {
        let cells: Vec<String> =
            (0..self.counts.cells.len()).filter(|i| self.differs(*i)).map(|i| format!("d{i}")).collect();
        if cells.is_empty() { "false".into() } else { format!("({})", cells.join(" OR ")) }
    }

    /// The keys whose texts are the same in every engine.
    fn sampled_by(&self) -> Vec<usize> {
        let keys = 0..self.joined.plan.keys.len();
        keys.filter(|at| ColumnHolds::of(self.joined.form_of(true, *at)).is_category()).collect()
    }

    /// A condition that holds of about as many of `n` rows as are looked at, and of the same rows in every engine. Keys that
    /// differ in blanks or case only are in or out together. A hash orders here, and decides nothing.
    fn sample(&self, w: &Writer<'_>, n: u64) -> Option<String> {
        let keys = self.sampled_by();
        if n <= AT_MOST || keys.is_empty() {
            return None;
        }
        let texts: Vec<String> = keys
            .iter()
            .map(|at| {
                let text = self.dialect.to_text(&format!("coalesce(ok{at}, nk{at})"));
                match ColumnHolds::of(self.joined.form_of(true, *at)) {
                    ColumnHolds::Text => format!("coalesce({}, '')", folded(w, &text)),
                    _ => format!("coalesce({text}, '')"),
                }
            })
            .collect();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share"
        )]
        let bound = ((AT_MOST as f64 / n as f64) * f64::from(1 << 24)) as u32;
        Some(format!("substr(md5(concat({})), 1, 6) < '{bound:06x}'", texts.join(", '|', ")))
    }
}

/// A text without blanks and case.
pub(super) fn folded(w: &Writer<'_>, text: &str) -> String {
    format!("lower({})", w.dialect.without(text, &w.text(BLANKS)))
}
