//! Differences by example: cells and rows, in the order of their keys.

use super::Column;
use super::cell::ColumnHolds;
use super::differences::{Differences, ONLY_NEW, ONLY_OLD};
use super::shown;
use crate::parity::plan::ComparedColumn;
use crate::parity::result::{CellExample, RowExample};
use crate::parity::sql::{JoinCounts, SqlRow, Statement, Writer};
use crate::parity::types::DataType;

/// Examples of a column, and of rows.
const EXAMPLES: usize = 20;
/// Columns that get examples.
const COLUMNS: usize = 100;

/// A value as a text that can be read in any engine's answer.
fn text(w: &Writer<'_>, holds: ColumnHolds, value: &str) -> String {
    let d = w.dialect;
    match holds {
        ColumnHolds::Split { scale } => {
            let part = |name: &str| format!("{value}.{}", d.quote(name));
            // The rest has the sign of the whole; both are shown with one.
            let sign = format!("CASE WHEN {} < 0 OR {} < 0 THEN '-' ELSE '' END", part("whole"), part("rest"));
            // As narrow as it can be: Spark cuts the last place of a sum that could need more than 38 digits.
            let rest = w.cast(&part("rest"), &of_unit(scale));
            let digits =
                format!("substr({}, 3)", d.to_text(&format!("abs({rest}) + {}", w.cast("1", &of_unit(scale)))));
            format!("concat({sign}, {}, '.', {digits})", d.to_text(&format!("abs({})", part("whole"))))
        }
        _ => d.to_text(value),
    }
}

/// The type of one as a decimal of that scale: added to a rest below one, it keeps the engine from writing an exponent.
fn of_unit(scale: u8) -> DataType {
    DataType::Decimal { precision: scale.saturating_add(1).min(38), scale: scale.min(37) }
}

/// The keys of a row of one side, or of both.
fn keys(differences: &Differences<'_>, w: &Writer<'_>) -> Vec<String> {
    let joined = differences.joined;
    let keys = 0..joined.plan.keys.len();
    keys.map(|at| text(w, ColumnHolds::of(joined.form_of(true, at)), &format!("coalesce(ok{at}, nk{at})"))).collect()
}

/// The order of examples: by the keys, then by values, so that the same ones are shown by either engine.
fn order(differences: &Differences<'_>, then: &[String]) -> String {
    let keys = 0..differences.joined.plan.keys.len();
    let all: Vec<String> = keys
        .map(|at| format!("coalesce(ok{at}, nk{at})"))
        .chain(then.iter().cloned())
        .map(|value| format!("{value} NULLS FIRST"))
        .collect();
    all.join(", ")
}

/// The statement that asks for examples of cells.
pub(super) fn cells(differences: &Differences<'_>, columns: &[Column]) -> Option<Statement> {
    if columns.is_empty() {
        return None;
    }
    let w = Writer::new(differences.dialect);
    let of = |column: &Column| {
        let at = column.at;
        let values = [format!("ov{at}"), format!("nv{at}")];
        let shown = values.iter().map(|value| text(&w, column.facts.holds, value));
        let all: Vec<String> = [format!("'{at}'")].into_iter().chain(keys(differences, &w)).chain(shown).collect();
        (all, values)
    };
    let columns = columns.iter().take(COLUMNS);
    let named = |all: &[String]| -> String {
        all.iter().enumerate().map(|(i, value)| format!("{value} AS c{i}")).collect::<Vec<_>>().join(", ")
    };
    let select = if differences.are_kept() {
        let parts = columns.map(|column| {
            let (all, values) = of(column);
            format!(
                "SELECT * FROM (SELECT {} FROM x WHERE d{} ORDER BY {} LIMIT {EXAMPLES})",
                named(&all),
                column.at,
                order(differences, &values)
            )
        });
        parts.collect::<Vec<_>>().join(" UNION ALL ")
    } else {
        // One look at the differences for all columns: each numbers its own.
        let mut numbers = Vec::new();
        let mut parts = Vec::new();
        for column in columns {
            let (all, values) = of(column);
            let at = column.at;
            let order = order(differences, &values);
            numbers.push(format!(
                "CASE WHEN d{at} THEN row_number() OVER (PARTITION BY d{at} ORDER BY {order}) END AS r{at}"
            ));
            let members: Vec<(String, String)> =
                all.iter().enumerate().map(|(i, v)| (format!("c{i}"), v.clone())).collect();
            parts.push(format!("CASE WHEN r{at} <= {EXAMPLES} THEN {} END", w.dialect.structure(&members)));
        }
        format!(
            "SELECT e.* FROM (SELECT explode(array({})) AS e FROM (SELECT *, {} FROM x)) WHERE e IS NOT NULL",
            parts.join(", "),
            numbers.join(", ")
        )
    };
    let text = format!("{} {select}", differences.with(&w));
    Some(w.statement("examples", text))
}

/// Reads the answer of [`cells`].
pub(super) fn read_cells(
    differences: &Differences<'_>,
    columns: &mut [Column],
    answer: &[SqlRow],
) -> Result<(), String> {
    let plan = differences.joined.plan;
    let n = plan.keys.len();
    for row in answer {
        if row.len() != n + 3 {
            return Err(format!("the engine answered {} columns in place of {}", row.len(), n + 3));
        }
        let at = row[0].as_deref().unwrap_or_default();
        let Some(column) = columns.iter_mut().find(|column| column.at.to_string() == at) else { continue };
        let cell = &plan.cells[column.at];
        let holds = column.facts.holds;
        let example = CellExample {
            key: read_keys(differences, &row[1..=n]),
            old: shown_value(holds, cell, row[n + 1].as_deref()),
            new: shown_value(holds, cell, row[n + 2].as_deref()),
        };
        column.result.examples.push(example);
    }
    for column in columns {
        column.result.examples.sort_by(by_key);
        column.result.examples.truncate(EXAMPLES);
    }
    Ok(())
}

/// Engines answer the rows of a UNION in any order.
fn by_key(a: &CellExample, b: &CellExample) -> std::cmp::Ordering {
    (&a.key, &a.old, &a.new).cmp(&(&b.key, &b.old, &b.new))
}

/// The statement that asks for examples of rows that one side has alone.
pub(super) fn rows(differences: &Differences<'_>, counts: &JoinCounts) -> Option<Statement> {
    if counts.only_old + counts.only_new == 0 {
        return None;
    }
    let w = Writer::new(differences.dialect);
    let mut parts = Vec::new();
    for (side, only, n) in [("old", ONLY_OLD, counts.only_old), ("new", ONLY_NEW, counts.only_new)] {
        if n == 0 {
            continue;
        }
        let all: Vec<String> = [format!("'{side}'")].into_iter().chain(keys(differences, &w)).collect();
        let all: Vec<String> = all.iter().enumerate().map(|(i, value)| format!("{value} AS c{i}")).collect();
        let own = if side == "old" { "ov" } else { "nv" };
        let cells = (0..differences.joined.plan.cells.len()).filter(|at| differences.has(*at));
        let cells: Vec<String> = cells.map(|at| format!("{own}{at}")).collect();
        let order = order(differences, &cells);
        let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {order}") };
        parts.push(format!("SELECT * FROM (SELECT {} FROM x WHERE {only}{order} LIMIT {EXAMPLES})", all.join(", ")));
    }
    let text = format!("{} {}", differences.with(&w), parts.join(" UNION ALL "));
    Some(w.statement("examples", text))
}

/// Reads the answer of [`rows`]: as many of either side as have room.
pub(super) fn read_rows(differences: &Differences<'_>, answer: &[SqlRow]) -> Vec<RowExample> {
    let side = |name: &str| -> Vec<RowExample> {
        let rows = answer.iter().filter(|row| row.first().and_then(Option::as_deref) == Some(name));
        let mut rows: Vec<RowExample> = rows
            .map(|row| RowExample {
                only_in: name.to_owned(),
                key: read_keys(differences, row.get(1..).unwrap_or_default()),
            })
            .collect();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows
    };
    let (mut old, mut new) = (side("old"), side("new"));
    old.truncate(EXAMPLES.saturating_sub(new.len().min(EXAMPLES / 2)));
    new.truncate(EXAMPLES - old.len());
    old.into_iter().chain(new).collect()
}

fn read_keys(differences: &Differences<'_>, values: &[Option<String>]) -> Vec<(String, Option<String>)> {
    let joined = differences.joined;
    let keys = joined.plan.keys.iter().enumerate().zip(values);
    keys.map(|((at, key), value)| {
        let holds = ColumnHolds::of(joined.form_of(true, at));
        (key.name.clone(), shown_value(holds, key, value.as_deref()))
    })
    .collect()
}

/// A value of an answer as people read it.
fn shown_value(holds: ColumnHolds, column: &ComparedColumn, value: Option<&str>) -> Option<String> {
    let value = value?;
    let is_wall = column.old_type == DataType::TimestampNtz && column.new_type == DataType::TimestampNtz;
    Some(match holds {
        ColumnHolds::Time => shown::instant(value, is_wall),
        ColumnHolds::Floating { .. } => match value.parse::<f64>() {
            Ok(number) => format!("{number:?}"),
            Err(_) => value.to_owned(),
        },
        _ => value.to_owned(),
    })
}
