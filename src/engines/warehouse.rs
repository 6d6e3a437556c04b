//! Databricks SQL: the statements of a comparison, run on a warehouse.

use super::{EngineError, EngineFault};
use crate::services::databricks::statements::{StatementError, Statements, Uncancelled};
use plumb_core::parity::sql::{SqlRow, Statement};
use plumb_model::call::ServiceError;
use std::sync::Arc;

/// Which version a warehouse has: Databricks' documentation, "current_version function". Null where it is no warehouse.
const VERSION: &str = "SELECT current_version().dbsql_version";

/// A warehouse that answers.
pub struct WarehouseEngine {
    statements: Arc<Statements>,
    version: String,
}

impl WarehouseEngine {
    /// Asks a warehouse for its version, which starts one that is stopped.
    ///
    /// # Errors
    /// What is wrong with the warehouse, or with rights.
    pub async fn start(statements: Arc<Statements>) -> Result<WarehouseEngine, EngineError> {
        let mut engine = WarehouseEngine { statements, version: "of unknown version".to_owned() };
        let statement = Statement { step: "start", text: VERSION.to_owned(), parameters: Vec::new() };
        match engine.rows(&statement).await?.as_slice() {
            [row] => {
                if let Some(version) = row.first().and_then(Clone::clone) {
                    engine.version = version;
                }
                Ok(engine)
            }
            rows => Err(EngineFault::Failed(format!("the warehouse answers {} versions", rows.len())).at("start")),
        }
    }

    /// `2026.25`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Runs one statement and returns all rows of its answer. It is cancelled when this is dropped.
    ///
    /// # Errors
    /// Why there is no whole answer.
    pub async fn rows(&self, statement: &Statement) -> Result<Vec<SqlRow>, EngineError> {
        match self.statements.run(statement).await {
            Ok(answer) => Ok(answer.rows),
            Err(error) => Err(fault(&error).at(statement.step)),
        }
    }

    /// Waits until nothing is under way that a dropped run left behind; returns the statements that may still run.
    pub async fn settled(&self) -> Vec<Uncancelled> {
        self.statements.settled().await
    }
}

/// Error classes that say that something is missing. Databricks' documentation, "Error conditions"; so are all below.
const MISSING: [&str; 4] =
    ["TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "NO_SUCH_CATALOG_EXCEPTION", "CATALOG_NOT_FOUND"];
/// Those of what has no versions.
const UNPINNED: [&str; 8] = [
    "EXPECT_TABLE_NOT_VIEW",
    "DELTA_ONLY_OPERATION",
    "DELTA_TABLE_ONLY_OPERATION",
    "DELTA_MISSING_DELTA_TABLE",
    "DELTA_NOT_A_DELTA_TABLE",
    "MATERIALIZED_VIEW_OPERATION_NOT_ALLOWED",
    "STREAMING_TABLE_OPERATION_NOT_ALLOWED",
    "UNSUPPORTED_FEATURE.TIME_TRAVEL",
];
/// Those of rights.
const RIGHTS: [&str; 4] =
    ["INSUFFICIENT_PERMISSIONS", "INSUFFICIENT_PRIVILEGES", "PERMISSION_DENIED", "UNAUTHORIZED_ACCESS"];
/// Those of data, beside all whose SQLSTATE begins with `KD` (errors of data sources).
const DATA: [&str; 15] = [
    "CANNOT_READ_FILE",
    "CANNOT_READ_FILE_FOOTER",
    "FAILED_READ_FILE",
    "CAST_INVALID_INPUT",
    "CAST_OVERFLOW",
    "MALFORMED_CSV_RECORD",
    "MALFORMED_RECORD_IN_PARSING",
    "CANNOT_MERGE_SCHEMAS",
    "FAILED_MERGE_FIELDS",
    "PARQUET_TYPE_ILLEGAL",
    "PATH_NOT_FOUND",
    "UNABLE_TO_INFER_SCHEMA",
    "CF_EMPTY_DIR_FOR_SCHEMA_INFERENCE",
    "DELTA_FILE_NOT_FOUND_DETAILED",
    "INCONSISTENT_BEHAVIOR_CROSS_VERSION",
];

/// What an error says of the comparison.
///
/// Messages of data's errors quote the data, so only their class is told: what is sensitive stays on the warehouse.
fn fault(error: &StatementError) -> EngineFault {
    let with_help = |what: String| match error.help() {
        Some(help) => format!("{what}; {help}"),
        None => what,
    };
    match error {
        StatementError::Service(ServiceError::Refused { status: 401 | 403, .. }) => {
            EngineFault::Refused(error.to_string())
        }
        StatementError::Service(_) | StatementError::Unusable { .. } => {
            EngineFault::Failed(with_help(error.to_string()))
        }
        StatementError::Warehouse(_) | StatementError::Canceled { .. } | StatementError::Closed { .. } => {
            EngineFault::Gone(with_help(error.to_string()))
        }
        StatementError::Failed { id, code, message, sql_state } => {
            let state = sql_state.as_deref().unwrap_or_default();
            failed(id, code, message, state)
        }
    }
}

fn failed(id: &str, code: &str, message: &str, state: &str) -> EngineFault {
    let class = class(message);
    let is_of = |classes: &[&str]| {
        let name = class.unwrap_or_default();
        classes.iter().any(|class| name == *class || name.strip_prefix(class).is_some_and(|rest| rest.starts_with('.')))
    };
    let told = match (class, state) {
        (Some(class), "") => class.to_owned(),
        (Some(class), state) => format!("{class}, SQLSTATE {state}"),
        (None, "") => code.to_owned(),
        (None, state) => format!("{code}, SQLSTATE {state}"),
    };
    let more = format!("statement {id} in the query history of the warehouse says more");
    if state == "42501" || is_of(&RIGHTS) || code == "PERMISSION_DENIED" {
        return EngineFault::Refused(first_line(message));
    }
    if is_of(&MISSING) {
        let ask = "has the pipeline run, is its name right, and may whoever runs plumb see it?";
        return EngineFault::Unreadable(format!("it is not there: {ask} ({told})"));
    }
    if is_of(&UNPINNED) {
        let ask = "what it holds may change while it is compared: name a Delta table";
        return EngineFault::Unreadable(format!(
            "it is a view, or no Delta table, and has no versions; {ask} ({told})"
        ));
    }
    if is_of(&DATA) || state.starts_with("KD") {
        return EngineFault::Unreadable(format!("the warehouse cannot read it ({told}); {more}"));
    }
    // Of syntax and names: these quote statements, which hold no data.
    let quotes_sql = class.is_some() && (state.starts_with("42") || state.starts_with("0A"));
    // Of the service itself. Without a class these may hold what a program of the warehouse said of a value.
    let is_of_service = class.is_none() && !matches!(code, "BAD_REQUEST" | "UNKNOWN" | "INTERNAL_ERROR" | "");
    if quotes_sql || is_of_service {
        let what = format!("the warehouse says: {} ({code}); {more}", first_line(message));
        return if is_of_service { EngineFault::Gone(what) } else { EngineFault::Failed(what) };
    }
    EngineFault::Failed(format!("the warehouse failed ({told}); {more}"))
}

/// `CAST_INVALID_INPUT` of `[CAST_INVALID_INPUT] The value …`; with a dot and a second part where it has one.
fn class(message: &str) -> Option<&str> {
    let (class, _) = message.trim_start().strip_prefix('[')?.split_once(']')?;
    let is_class = class.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"._".contains(&b));
    (is_class && !class.is_empty()).then_some(class)
}

/// What follows is a piece of the statement.
fn first_line(message: &str) -> String {
    message.trim().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
#[path = "warehouse_tests.rs"]
mod tests;
