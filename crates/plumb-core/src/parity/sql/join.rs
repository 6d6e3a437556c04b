//! The join of both sides, and what it counts.

use super::side::{Forms, view};
use super::value::{Form, distance};
use super::{Dialect, SqlRow, Statement, Writer, count_if, number};
use crate::parity::plan::{ExpectAbout, OutputPlan};

/// How rows find each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinPath {
    /// By a key that no side has twice. More than `limit` rows prove that one has.
    Unique { limit: u64 },
    /// By a key that may occur twice: equal rows first, then by rank.
    Duplicates,
    /// Without a key: every column without a tolerance is one, and any of them may occur twice.
    Bag,
}

/// The join as a relation: `op` and `np` say whether a row is in old and in new; `ok0…`, `nk0…` are keys, `ov0…`, `nv0…`
/// cells, `d0…` whether a cell differs, `w0…` whether it does within the tolerance, `a0…` by how much.
pub struct Joined<'p> {
    pub plan: &'p OutputPlan,
    pub path: JoinPath,
    forms: Forms,
}

impl<'p> Joined<'p> {
    /// The join of a plan. A plan without keys is joined as a bag.
    pub fn new(plan: &'p OutputPlan, path: JoinPath) -> Joined<'p> {
        Joined { plan, path, forms: Forms::of(plan) }
    }

    /// The rows of a side: keys `k0…`, cells `v0…`.
    pub fn side(&self, w: &Writer<'_>, is_old: bool) -> String {
        view(w, self.plan, &self.forms, is_old)
    }

    /// In which form a key is compared, and a cell.
    pub fn form_of(&self, is_key: bool, at: usize) -> &Form {
        if is_key { &self.forms.keys[at] } else { &self.forms.cells[at] }
    }

    /// The common table expressions, of which the last is `j`.
    pub fn with(&self, w: &Writer<'_>) -> String {
        match self.path {
            JoinPath::Unique { limit } => {
                let old = view(w, self.plan, &self.forms, true);
                let new = view(w, self.plan, &self.forms, false);
                let limit = if w.dialect.limit_is_free() { format!(" LIMIT {limit}") } else { String::new() };
                format!("WITH j AS ({}{limit})", self.select(w, &format!("({old})"), &format!("({new})"), &[]))
            }
            JoinPath::Duplicates | JoinPath::Bag => self.with_duplicates(w),
        }
    }

    /// Rows whose key occurs twice are told apart by a rank `rn`; that of all others is 0.
    fn with_duplicates(&self, w: &Writer<'_>) -> String {
        let d = w.dialect;
        let numbers = |n: usize, prefix: &str| (0..n).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
        let keys = numbers(self.plan.keys.len(), "k");
        let cells = numbers(self.plan.cells.len(), "v");
        let expect = numbers(self.plan.expect.len(), "e");
        let all: Vec<String> = keys.iter().chain(&cells).cloned().collect();
        let list = |names: &[String]| names.join(", ");
        let columns: Vec<String> = all.iter().chain(&expect).cloned().collect();
        let mut ctes = vec![
            d.inline_cte("o0", &view(w, self.plan, &self.forms, true)),
            d.inline_cte("n0", &view(w, self.plan, &self.forms, false)),
        ];
        let is_bag = self.path == JoinPath::Bag;
        let among = |side: &str| {
            if is_bag {
                return String::new();
            }
            let same: Vec<String> = keys.iter().map(|k| d.same(&format!("dup.{k}"), &format!("{side}.{k}"))).collect();
            format!("EXISTS (SELECT 1 FROM dup WHERE {})", same.join(" AND "))
        };
        if !is_bag {
            let twice = |side: &str| format!("SELECT {0} FROM {side} GROUP BY {0} HAVING count(*) > 1", list(&keys));
            ctes.push(format!("dup AS ({} UNION {})", twice("o0"), twice("n0")));
        }
        let side = |number: u8, name: &str| {
            let whose = if is_bag { String::new() } else { format!(" WHERE {}", among(name)) };
            format!("SELECT {number} AS side, {} FROM {name}{whose}", list(&columns))
        };
        ctes.push(d.inline_cte("sides", &format!("{} UNION ALL {}", side(0, "o0"), side(1, "n0"))));
        let flags: Vec<String> = (0..expect.len())
            .flat_map(|i| {
                [("oe", 0), ("ne", 1)].map(|(name, side)| {
                    format!("max(CASE WHEN side = {side} AND e{i} THEN 1 ELSE 0 END) = 1 AS {name}{i}")
                })
            })
            .collect();
        let mut bag: Vec<String> = all.clone();
        bag.push("sum(CASE WHEN side = 0 THEN 1 ELSE 0 END) AS co".into());
        bag.push("sum(CASE WHEN side = 1 THEN 1 ELSE 0 END) AS cn".into());
        bag.extend(flags);
        ctes.push(format!("bag AS (SELECT {} FROM sides GROUP BY {})", list(&bag), list(&all)));
        let exact = |tolerant: bool| {
            let cells = self.plan.cells.iter().zip(&cells);
            cells.filter(move |(cell, _)| cell.rule.is_tolerant() == tolerant).map(|(_, name)| name.clone())
        };
        let order: Vec<String> = exact(false).chain(exact(true)).map(|name| format!("{name} NULLS FIRST")).collect();
        let partition = if keys.is_empty() { String::new() } else { format!("PARTITION BY {}", list(&keys)) };
        let order = if order.is_empty() { "ORDER BY i".to_owned() } else { format!("ORDER BY {}", list(&order)) };
        let surplus = |more: &str, less: &str, flag: &str| {
            let flags: Vec<String> = (0..expect.len()).map(|i| format!("{flag}{i} AS e{i}")).collect();
            let inner: Vec<String> = all.iter().cloned().chain(flags).collect();
            let comma = if inner.is_empty() { "" } else { ", " };
            format!(
                "SELECT *, row_number() OVER ({partition} {order}) AS rn FROM (SELECT {}{comma}{} AS i FROM bag \
                 WHERE {more} > {less})",
                list(&inner),
                d.repeated(&format!("({more} - {less})"))
            )
        };
        ctes.push(format!("xo AS ({})", surplus("co", "cn", "oe")));
        ctes.push(format!("xn AS ({})", surplus("cn", "co", "ne")));
        let rest = |own: &str, surplus: &str| {
            let mut parts = Vec::new();
            let comma = if columns.is_empty() { "" } else { ", " };
            if !is_bag {
                let apart = among(own);
                parts.push(format!("SELECT {}{comma}0 AS rn, true AS p FROM {own} WHERE NOT {apart}", list(&columns)));
            }
            parts.push(format!("SELECT {}{comma}rn, true AS p FROM {surplus}", list(&columns)));
            parts.join(" UNION ALL ")
        };
        let old = format!("({})", rest("o0", "xo"));
        let new = format!("({})", rest("n0", "xn"));
        let rank = [d.same("o.rn", "n.rn")];
        ctes.push(format!("j AS ({})", self.select(w, &old, &new, &rank)));
        format!("WITH {}", ctes.join(", "))
    }

    fn select(&self, w: &Writer<'_>, old: &str, new: &str, also: &[String]) -> String {
        let d = w.dialect;
        let mut columns = vec!["o.p AS op".to_owned(), "n.p AS np".to_owned()];
        for i in 0..self.plan.keys.len() {
            columns.push(format!("o.k{i} AS ok{i}, n.k{i} AS nk{i}"));
        }
        for (i, (column, form)) in self.plan.cells.iter().zip(&self.forms.cells).enumerate() {
            let (a, b) = (format!("o.v{i}"), format!("n.v{i}"));
            let differs = d.differ(&a, &b);
            columns.push(format!("{a} AS ov{i}, {b} AS nv{i}"));
            match distance(w, column, form, &a, &b) {
                Some((apart, within)) => columns.push(format!(
                    "({differs} AND NOT {within}) AS d{i}, ({differs} AND {within}) AS w{i}, {apart} AS a{i}"
                )),
                None => columns.push(format!("{differs} AS d{i}")),
            }
        }
        for i in 0..self.plan.expect.len() {
            columns.push(format!("o.e{i} AS oe{i}, n.e{i} AS ne{i}"));
        }
        let mut on: Vec<String> =
            (0..self.plan.keys.len()).map(|i| d.same(&format!("o.k{i}"), &format!("n.k{i}"))).collect();
        on.extend_from_slice(also);
        // Never a WHERE over the outer join: DuckDB's simplification of outer joins was wrong with IS NOT DISTINCT FROM
        // (duckdb #23688).
        format!("SELECT {} FROM {old} o FULL OUTER JOIN {new} n ON {}", columns.join(", "), on.join(" AND "))
    }

    /// Whether some cell of a row differs.
    pub fn some_cell_differs(&self) -> String {
        let cells: Vec<String> = (0..self.plan.cells.len()).map(|i| format!("d{i}")).collect();
        if cells.is_empty() { "false".into() } else { format!("({})", cells.join(" OR ")) }
    }

    /// Which differences an expectation covers: those that no earlier one covers.
    fn covers(&self, at: usize) -> String {
        let expect = &self.plan.expect;
        let holds = |i: usize| match expect[i].about {
            ExpectAbout::Cell(_) => format!("oe{i} AND ne{i}"),
            ExpectAbout::OnlyOld => format!("oe{i}"),
            ExpectAbout::OnlyNew => format!("ne{i}"),
        };
        let what = match expect[at].about {
            ExpectAbout::Cell(cell) => format!("op AND np AND d{cell}"),
            ExpectAbout::OnlyOld => "op AND np IS NULL".to_owned(),
            ExpectAbout::OnlyNew => "np AND op IS NULL".to_owned(),
        };
        let before = (0..at).filter(|i| expect[*i].about == expect[at].about);
        let before: Vec<String> = before.map(|i| format!(" AND NOT ({})", holds(i))).collect();
        format!("{what} AND {}{}", holds(at), before.concat())
    }

    /// The counts.
    pub fn counts(&self, dialect: &dyn Dialect) -> Statement {
        let w = Writer::new(dialect);
        let d = dialect;
        let mut sums = vec![
            count_if("op AND np"),
            count_if("op AND np IS NULL"),
            count_if("np AND op IS NULL"),
            count_if(&format!("op AND np AND {}", self.some_cell_differs())),
        ];
        // Rows of a bag that are equal never reach the join.
        sums.push(match self.path {
            JoinPath::Unique { .. } => "0".to_owned(),
            JoinPath::Duplicates | JoinPath::Bag => "(SELECT sum(least(co, cn)) FROM bag)".to_owned(),
        });
        for (i, cell) in self.plan.cells.iter().enumerate() {
            sums.push(count_if(&format!("op AND np AND d{i}")));
            if cell.rule.is_tolerant() && self.has_distance(&w, i) {
                sums.push(count_if(&format!("op AND np AND w{i}")));
                sums.push(format!("max(CASE WHEN op AND np AND w{i} THEN a{i} END)"));
            }
        }
        for i in 0..self.plan.expect.len() {
            sums.push(count_if(&self.covers(i)));
            sums.push(count_if(&format!("oe{i} OR ne{i}")));
        }
        let columns: Vec<String> =
            sums.iter().enumerate().map(|(i, sum)| format!("{} AS c{i}", d.to_text(sum))).collect();
        let text = format!("{} SELECT {} FROM j", self.with(&w), columns.join(", "));
        w.statement("join", text)
    }

    fn has_distance(&self, w: &Writer<'_>, cell: usize) -> bool {
        distance(w, &self.plan.cells[cell], &self.forms.cells[cell], "a", "b").is_some()
    }
}

/// What [`Joined::counts`] answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinCounts {
    /// Rows that both sides have.
    pub matched: u64,
    pub only_old: u64,
    pub only_new: u64,
    /// Rows that both have, of which some cell differs.
    pub differing_rows: u64,
    /// For each cell of the plan.
    pub cells: Vec<CellCounts>,
    /// For each expectation of the plan: how many differences it covers, and how many rows its `where` matches.
    pub expect: Vec<(u64, u64)>,
}

/// What is counted of one column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellCounts {
    pub differing: u64,
    pub within: u64,
    /// The largest difference within the tolerance.
    pub largest: Option<String>,
}

impl JoinCounts {
    /// Reads the answer of a join's counts.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn read(joined: &Joined<'_>, dialect: &dyn Dialect, rows: &[SqlRow]) -> Result<JoinCounts, String> {
        let [row] = rows else { return Err(format!("the engine answered {} rows where counts belong", rows.len())) };
        let w = Writer::new(dialect);
        let mut counts = JoinCounts {
            matched: number(row, 0)? + number(row, 4)?,
            only_old: number(row, 1)?,
            only_new: number(row, 2)?,
            differing_rows: number(row, 3)?,
            ..JoinCounts::default()
        };
        let mut at = 5;
        for (i, cell) in joined.plan.cells.iter().enumerate() {
            let mut cells = CellCounts { differing: number(row, at)?, ..CellCounts::default() };
            at += 1;
            if cell.rule.is_tolerant() && joined.has_distance(&w, i) {
                (cells.within, cells.largest) = (number(row, at)?, row.get(at + 1).cloned().flatten().map(plain));
                at += 2;
            }
            counts.cells.push(cells);
        }
        for _ in &joined.plan.expect {
            counts.expect.push((number(row, at)?, number(row, at + 1)?));
            at += 2;
        }
        if row.len() != at {
            return Err(format!("the engine answered {} columns in place of {at}", row.len()));
        }
        Ok(counts)
    }

    /// Whether each row of both sides is accounted for. After a join by unique keys it holds if and only if no key that
    /// both sides have occurs twice: Σ oₖnₖ = Σ oₖ forces every nₖ to be 1.
    pub fn account_for(&self, old: u64, new: u64) -> bool {
        self.matched + self.only_old == old && self.matched + self.only_new == new
    }
}

/// A distance as one engine and the other writes it: `1e-07` of DuckDB and `1.0E-7` of Spark are `1e-7`. Decimals keep their
/// digits.
fn plain(text: String) -> String {
    match text.parse::<f64>() {
        Ok(value) if text.contains(['e', 'E']) => format!("{value:?}"),
        _ => text,
    }
}

/// How many pairs of rows a join by these keys makes at most, where a LIMIT cannot say. `None` where it can.
pub fn may_explode(plan: &OutputPlan, dialect: &dyn Dialect, rows: u64) -> Option<Statement> {
    if dialect.limit_is_free() || plan.keys.is_empty() {
        return None;
    }
    let w = Writer::new(dialect);
    let forms = Forms::of(plan);
    let keys: Vec<String> = (0..plan.keys.len()).map(|i| format!("k{i}")).collect();
    let bucket = dialect.bucket(&keys, buckets(rows));
    let text = format!(
        "SELECT {} AS n FROM (SELECT b, sum(o) AS o, sum(n) AS n FROM (SELECT {bucket} AS b, 1 AS o, 0 AS n FROM ({}) \
         UNION ALL SELECT {bucket} AS b, 0 AS o, 1 AS n FROM ({})) GROUP BY b)",
        dialect.to_text(&format!("coalesce(sum({} * n), 0)", dialect.big("o"))),
        view(&w, plan, &forms, true),
        view(&w, plan, &forms, false),
    );
    Some(w.statement("keys", text))
}

/// One bucket for four rows, so that a bucket's share of chance pairs stays small.
fn buckets(rows: u64) -> u64 {
    (rows / 4).clamp(1024, 1 << 24)
}

/// Whether the answer of [`may_explode`] is more than unique keys can be: a hash decides here how the rows are joined, and
/// nothing else.
///
/// # Errors
/// What is wrong with the answer.
pub fn read_explosion(rows: &[SqlRow], old: u64, new: u64) -> Result<bool, String> {
    let [row] = rows else { return Err("the engine did not answer how often keys occur".to_owned()) };
    let text = row.first().and_then(Option::as_deref).unwrap_or("0");
    let pairs: f64 = text.parse().map_err(|_| format!("the engine answered `{text}` where a count belongs"))?;
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let (old, new) = (old as f64, new as f64);
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let chance = old * new / buckets(old.max(new) as u64) as f64 + old.min(new);
    Ok(pairs > 4.0 * chance)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_distance_is_written_in_one_way() {
        for (text, wanted) in
            [("1e-07", "1e-7"), ("1.0E-7", "1e-7"), ("5.551115123125783E-17", "5.551115123125783e-17")]
        {
            assert_eq!(plain(text.into()), wanted);
        }
        for text in ["0.000000000000000001", "12345678901234567890.5", "0.5"] {
            assert_eq!(plain(text.into()), text);
        }
    }
}
