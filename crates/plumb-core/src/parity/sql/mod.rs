//! SQL of a plan, in two dialects: statements and what their rows mean.

/// A statement, complete in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Which step it is: `schema`, `profile`, `join`, …; for progress and `--explain`.
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
    /// `STRING`, `BIGINT`, `DECIMAL(18,2)`, `DATE`, …
    pub of_type: String,
    pub value: Option<String>,
}

/// One row of an answer: every column as text, `None` is null.
pub type SqlRow = Vec<Option<String>>;
