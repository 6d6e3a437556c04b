//! SQL of a plan, in two dialects: statements and what their rows mean.
//!
//! A statement is complete in itself: an engine needs no session. Every column of an answer is a text, so that no engine's
//! own way to print a number decides anything.

pub mod cloud;
mod databricks;
mod duckdb;
mod join;
mod side;
pub mod tables;
mod value;

pub use databricks::Databricks;
pub(crate) use duckdb::identifier as duckdb_identifier;
pub use duckdb::{Duckdb, literal as duckdb_literal};
pub use join::{CellCounts, JoinCounts, JoinPath, Joined, may_explode, read_explosion};
pub use side::{count, describe, read_count, read_description};
pub(crate) use value::same_name;
pub use value::{Form, form};

use crate::parity::plan::FilterValue;
use crate::parity::types::DataType;
use std::cell::RefCell;

/// A statement, complete in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Which step it is: `schema`, `count`, `join`, …; for progress and `--explain`.
    pub step: &'static str,
    /// One SQL statement without a semicolon at its end.
    pub text: String,
    /// The values of `:name` in it. DuckDB's statements have none: values stand in them as literals.
    pub parameters: Vec<SqlParameter>,
}

/// A typed value of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlParameter {
    pub name: String,
    /// `STRING`: whatever has another type is cast in the statement.
    pub of_type: String,
    pub value: Option<String>,
}

/// One row of an answer: every column as text, `None` is null.
pub type SqlRow = Vec<Option<String>>;

/// What the two engines write differently.
pub trait Dialect {
    /// `duckdb`, `databricks`.
    fn name(&self) -> &'static str;
    /// An identifier.
    fn quote(&self, name: &str) -> String;
    /// A text as a value of the statement.
    fn text(&self, text: &str, parameters: &mut Vec<SqlParameter>) -> String;
    /// A type's name.
    fn type_name(&self, of_type: &DataType) -> String;
    /// Any value as text.
    fn to_text(&self, expression: &str) -> String;
    /// Whether two values differ: null equals null.
    fn differ(&self, a: &str, b: &str) -> String;
    /// Whether two values are the same: null equals null.
    fn same(&self, a: &str, b: &str) -> String;
    /// Microseconds since 1970 of an instant, or of a wall time as if it were UTC.
    fn micros(&self, expression: &str, of_type: &DataType) -> String;
    /// Microseconds since 1970 of a wall time in a zone, which is an expression too.
    fn micros_in_zone(&self, expression: &str, zone: &str) -> String;
    /// The remainder that is never negative.
    fn modulo(&self, a: &str, b: &str) -> String;
    /// The whole part of a decimal, and the rest.
    fn whole(&self, expression: &str) -> String;
    /// An array of a map's entries, each a struct of `key` and `value`.
    fn entries(&self, map: &str) -> String;
    /// An array in order.
    fn sorted(&self, array: &str) -> String;
    /// An array of what `body` makes of each element, which it calls `variable`.
    fn each(&self, array: &str, variable: &str, body: &str) -> String;
    /// A struct of these members.
    fn structure(&self, members: &[(String, String)]) -> String;
    /// Without the spaces at the end, or at both.
    fn trimmed(&self, expression: &str, both: bool) -> String;
    /// Composed, where the engine can.
    fn composed(&self, expression: &str) -> String;
    /// The difference of decimals of one type, given as precision and scale, to the last digit; null in place of an error.
    fn attempt_subtract(&self, a: &str, b: &str, of: (u8, u8)) -> String;
    /// The product of two decimals, each with its precision, the second with its scale, too: to the last digit; null in place
    /// of an error. `None` where there is no room for any.
    fn attempt_multiply(&self, a: (&str, u8), b: (&str, u8, u8)) -> Option<String>;
    /// Whether a decimal is at most another one; null where no decimal has room for the digits of both.
    fn attempt_at_most(&self, a: &str, b: &str) -> String;
    /// `expression`, once for each of 1 to `count`, as a column of a SELECT.
    fn repeated(&self, count: &str) -> String;
    /// A number below `buckets` that depends on these values only.
    fn bucket(&self, values: &[String], buckets: u64) -> String;
    /// Sums of large counts.
    fn big(&self, expression: &str) -> String;
    /// `name AS (body)`, evaluated each time that it is used.
    fn inline_cte(&self, name: &str, body: &str) -> String;
    /// Whether a LIMIT within a statement ends its input early and costs nothing. On Spark it would bring all rows to one
    /// task.
    fn limit_is_free(&self) -> bool;
    /// Rows of files or of a table, as a relation of a FROM.
    fn relation(&self, relation: &crate::parity::plan::Relation) -> String;
    /// The names and types of a query's columns.
    fn describe(&self, query: &str) -> String;
    /// A type as [`Dialect::describe`] says it.
    fn read_type(&self, text: &str) -> DataType;
    /// Keeps the rows of a query for the statements that follow, under a name. `None` where an engine has no session: there
    /// each statement makes them again.
    fn keep(&self, name: &str, query: &str) -> Option<String>;
    /// The rows of an outer join of which something holds. DuckDB must not see a WHERE there (duckdb #23688).
    fn only(&self, columns: &str, from: &str, condition: &str) -> String;
    /// A text without what a regular expression matches, which both RE2 and Java know.
    fn without(&self, text: &str, pattern: &str) -> String;
    /// Whether a regular expression matches somewhere in a text.
    fn matches(&self, text: &str, pattern: &str) -> String;
    /// Whether a text begins with another.
    fn begins_with(&self, text: &str, start: &str) -> String;
    /// Whether two texts are the same once composed, as far as the engine can tell.
    fn same_composed(&self, a: &str, b: &str) -> String;
    /// An array of what stands between commas.
    fn split(&self, text: &str) -> String;
    /// How many elements an array has.
    fn length(&self, array: &str) -> String;
    /// How many days a date is after 1970-01-01.
    fn days(&self, date: &str) -> String;
    /// The date that is so many days after 1970-01-01.
    fn date(&self, days: &str) -> String;
    /// A whole number divided by one, rounded down.
    fn divided(&self, a: &str, b: &str) -> String;
}

/// A statement while it is written: the dialect, and the values so far.
pub struct Writer<'d> {
    pub dialect: &'d dyn Dialect,
    parameters: RefCell<Vec<SqlParameter>>,
}

impl<'d> Writer<'d> {
    /// An empty one.
    pub fn new(dialect: &'d dyn Dialect) -> Writer<'d> {
        Writer { dialect, parameters: RefCell::default() }
    }

    /// The statement.
    pub fn statement(self, step: &'static str, text: String) -> Statement {
        Statement { step, text, parameters: self.parameters.into_inner() }
    }

    /// A text as a value.
    pub fn text(&self, text: &str) -> String {
        self.dialect.text(text, &mut self.parameters.borrow_mut())
    }

    /// A value of a manifest, as a type.
    pub fn value(&self, value: &FilterValue, of_type: &DataType) -> String {
        let text = match value {
            FilterValue::Bool(value) => value.to_string(),
            FilterValue::Integer(value) => value.to_string(),
            FilterValue::Number(text) | FilterValue::Text(text) => text.clone(),
        };
        self.cast(&self.text(&text), of_type)
    }

    /// A number that plumb computed, as a double.
    pub fn double(&self, value: f64) -> String {
        self.cast(&format!("'{value:e}'"), &DataType::Double)
    }

    /// A cast that is null where there is no such value.
    pub fn try_cast(&self, expression: &str, of_type: &DataType) -> String {
        format!("TRY_CAST({expression} AS {})", self.dialect.type_name(of_type))
    }

    /// A cast.
    pub fn cast(&self, expression: &str, of_type: &DataType) -> String {
        format!("CAST({expression} AS {})", self.dialect.type_name(of_type))
    }
}

/// How many rows hold something.
pub(crate) fn count_if(condition: &str) -> String {
    format!("sum(CASE WHEN {condition} THEN 1 ELSE 0 END)")
}

/// A number of an answer.
pub(crate) fn number(row: &SqlRow, at: usize) -> Result<u64, String> {
    let text = row.get(at).and_then(Option::as_deref).unwrap_or("0");
    text.parse().map_err(|_| format!("the engine answered `{text}` where a count belongs"))
}
