//! One side of a comparison: its rows with keys `k0…`, cells `v0…`, and what is expected of them `e0…`.

use super::value::{Form, form, value};
use super::{Dialect, SqlRow, Statement, Writer, number};
use crate::parity::plan::{ComparedColumn, ConditionTest, FilterCondition, OutputPlan, SidePlan};
use crate::parity::types::DataType;

/// The names and types of a side's columns.
pub fn describe(dialect: &dyn Dialect, side: &SidePlan) -> Statement {
    let query = format!("SELECT * FROM {}", dialect.relation(&side.relation));
    Writer::new(dialect).statement("schema", dialect.describe(&query))
}

/// What [`describe`] answered.
///
/// # Errors
/// What is wrong with the answer.
pub fn read_description(dialect: &dyn Dialect, rows: &[SqlRow]) -> Result<Vec<(String, DataType)>, String> {
    rows.iter()
        .map(|row| match row.as_slice() {
            [Some(name), Some(of_type), ..] => Ok((name.clone(), dialect.read_type(of_type))),
            _ => Err("the engine did not say the name and type of a column".to_owned()),
        })
        .collect()
}

/// How many rows a side has, its filter applied.
pub fn count(dialect: &dyn Dialect, side: &SidePlan) -> Statement {
    let w = Writer::new(dialect);
    let text = format!(
        "SELECT {} AS n FROM {}{}",
        dialect.to_text("count(*)"),
        dialect.relation(&side.relation),
        filter(&w, &side.filter)
    );
    w.statement("count", text)
}

/// What [`count`] answered.
///
/// # Errors
/// What is wrong with the answer.
pub fn read_count(rows: &[SqlRow]) -> Result<u64, String> {
    match rows {
        [row] if matches!(row.as_slice(), [Some(_)]) => number(row, 0),
        [_] => Err("the engine did not answer a count".to_owned()),
        _ => Err(format!("the engine answered {} rows where a count belongs", rows.len())),
    }
}

/// The WHERE of a side.
fn filter(w: &Writer<'_>, conditions: &[FilterCondition]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", all(w, conditions)) }
}

/// Whether every condition holds: never null.
pub(super) fn all(w: &Writer<'_>, conditions: &[FilterCondition]) -> String {
    if conditions.is_empty() {
        return "true".into();
    }
    let tests: Vec<String> = conditions.iter().map(|condition| test(w, condition)).collect();
    format!("coalesce({}, false)", tests.join(" AND "))
}

fn test(w: &Writer<'_>, condition: &FilterCondition) -> String {
    let column = w.dialect.quote(&condition.column);
    let of_type = &condition.of_type;
    match &condition.test {
        ConditionTest::IsNull => format!("{column} IS NULL"),
        ConditionTest::In(values) if values.is_empty() => "false".into(),
        ConditionTest::In(values) => {
            let values: Vec<String> = values.iter().map(|value| w.value(value, of_type)).collect();
            format!("{column} IN ({})", values.join(", "))
        }
        ConditionTest::Order(operator, value) => format!("{column} {operator} {}", w.value(value, of_type)),
    }
}

/// The columns of a plan in the form in which they are compared. A plan has only columns that have one.
pub(super) struct Forms {
    pub keys: Vec<Form>,
    pub cells: Vec<Form>,
}

impl Forms {
    pub fn of(plan: &OutputPlan) -> Forms {
        let all = |columns: &[ComparedColumn]| {
            let forms = columns.iter().map(|column| {
                form(&column.old_type, &column.new_type, &column.rule).unwrap_or(Form::Plain(DataType::String))
            });
            forms.collect()
        };
        Forms { keys: all(&plan.keys), cells: all(&plan.cells) }
    }
}

/// The rows of a side.
pub(super) fn view(w: &Writer<'_>, plan: &OutputPlan, forms: &Forms, is_old: bool) -> String {
    let side = if is_old { &plan.old } else { &plan.new };
    let mut columns: Vec<String> = Vec::new();
    for (i, (column, form)) in plan.keys.iter().zip(&forms.keys).enumerate() {
        columns.push(format!("{} AS k{i}", value(w, column, form, is_old)));
    }
    for (i, (column, form)) in plan.cells.iter().zip(&forms.cells).enumerate() {
        columns.push(format!("{} AS v{i}", value(w, column, form, is_old)));
    }
    for (i, expect) in plan.expect.iter().enumerate() {
        let conditions = if is_old { &expect.old_filter } else { &expect.new_filter };
        columns.push(format!("{} AS e{i}", all(w, conditions)));
    }
    columns.push("true AS p".into());
    let relation = w.dialect.relation(&side.relation);
    format!("SELECT {} FROM {relation}{}", columns.join(", "), filter(w, &side.filter))
}
