//! What an engine has to show before it may compare anything: it counts two small files right, on this machine.
//!
//! `tests/peers/parity/selftest.py` made the two. Each of their rows is something that an engine has got wrong: NaN in a
//! column whose statistics know of none (DuckDB 2.0 folds `isnan` away unless `can_have_nan` is said: duckdb issue 25521), a
//! null key, -0.0, the key 2^53 + 1, the last digit of decimal(38,18), a key that is there twice.

use super::EngineFault;
use plumb_core::parity::sql::{SqlRow, Statement, duckdb_literal};
use std::path::Path;

/// The files, by their names.
pub(super) const FILES: [(&str, &[u8]); 2] =
    [("old.parquet", include_bytes!("selftest/old.parquet")), ("new.parquet", include_bytes!("selftest/new.parquet"))];

/// What there is to count, and how often it is there.
const EXPECTED: [(&str, &str); 6] = [
    ("rows on both sides", "5"),
    ("rows only in old", "2"),
    ("rows only in new", "1"),
    ("NaN that became 3.0", "1"),
    ("last digits that differ", "1"),
    ("NaN in old", "2"),
];

/// The statement that counts, over the files in a folder.
pub(super) fn statement(folder: &Path) -> Statement {
    let file = |name: &str| duckdb_literal(&folder.join(name).to_string_lossy());
    let (old, new) = (file(FILES[0].0), file(FILES[1].0));
    let side = |file: &str| {
        format!(
            "(SELECT *, row_number() OVER (PARTITION BY k ORDER BY d) AS rn, true AS p \
             FROM read_parquet({file}, can_have_nan=true))"
        )
    };
    let count = |what: &str, name: &str| format!("CAST(sum(CASE WHEN {what} THEN 1 ELSE 0 END) AS VARCHAR) AS {name}");
    let counts = [
        count("op AND np", "matched"),
        count("op AND np IS NULL", "only_old"),
        count("np AND op IS NULL", "only_new"),
        count("op AND np AND dd", "d"),
        count("op AND np AND dm", "m"),
        count("isnan(od)", "nan"),
    ];
    let text = format!(
        "SELECT {} FROM (SELECT o.p AS op, n.p AS np, o.d AS od, (o.m IS DISTINCT FROM n.m) AS dm, \
         ((o.d IS DISTINCT FROM n.d) AND NOT coalesce(abs(o.d) < CAST('inf' AS DOUBLE) AND abs(n.d) < CAST('inf' AS DOUBLE) \
         AND abs(o.d - n.d) <= 1e-9 * greatest(abs(o.d), abs(n.d)), false)) AS dd \
         FROM {} AS o FULL OUTER JOIN {} AS n ON (o.k IS NOT DISTINCT FROM n.k) AND o.rn = n.rn) AS j",
        counts.join(", "),
        side(&old),
        side(&new),
    );
    Statement { step: "self test", text, parameters: Vec::new() }
}

/// Whether the engine counted right.
pub(super) fn check(rows: &[SqlRow]) -> Result<(), EngineFault> {
    let counted: Vec<&str> = match rows {
        [row] => row.iter().map(|value| value.as_deref().unwrap_or("null")).collect(),
        _ => Vec::new(),
    };
    if counted.len() != EXPECTED.len() {
        return Err(EngineFault::Failed(format!("duckdb answered {} rows to a count", rows.len())));
    }
    let wrong: Vec<String> = EXPECTED
        .iter()
        .zip(&counted)
        .filter(|((_, expected), counted)| expected != *counted)
        .map(|((what, expected), counted)| format!("{what}: {counted}, not {expected}"))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let wrong = wrong.join("; ");
    Err(EngineFault::Failed(format!(
        "this duckdb counts two files wrong that plumb knows ({wrong}); nothing is compared with it: `plumb parity setup` \
         installs one that is known to be right"
    )))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_an_engine_that_counts_everything_right_may_compare() {
        let row = |counts: [&str; 6]| vec![counts.map(|count| Some(count.to_owned())).to_vec()];
        assert_eq!(check(&row(["5", "2", "1", "1", "1", "2"])), Ok(()));
        // What duckdb 2.0 counts where nobody says that there may be NaN.
        let why = check(&row(["5", "2", "1", "0", "1", "0"])).unwrap_err().to_string();
        assert!(why.contains("NaN that became 3.0: 0, not 1; NaN in old: 0, not 2"), "{why}");
        for rows in [Vec::new(), vec![Vec::new()], [row(["5"; 6]), row(["5"; 6])].concat()] {
            assert!(check(&rows).is_err(), "{rows:?}");
        }
    }
}
