//! DBUs as Databricks measured them, by statements on the target's SQL warehouse.

use crate::services::databricks::statements::{StatementError, Statements};
use jiff::Timestamp;
use jiff::civil::Date;
use plumb_core::cost::billing::{RUNS_A_STATEMENT, fill, to_measure, usage_of, usage_rows};
use plumb_core::cost::facts::KeptRun;

/// Reads what was measured of runs since a day, and fills it in. Returns how many were measured.
///
/// # Errors
/// Why the usage was not read: what is known of the runs stays as it is.
pub async fn measure(
    statements: &Statements,
    runs: &mut [&mut KeptRun],
    since: Date,
    now: Timestamp,
) -> Result<usize, StatementError> {
    let asked: Vec<String> = to_measure(runs.iter().map(|run| &**run)).into_iter().collect();
    let mut usage = Vec::new();
    for part in asked.chunks(RUNS_A_STATEMENT) {
        let ids: Vec<&str> = part.iter().map(String::as_str).collect();
        let answer = statements.run(&usage_of(&ids, since)).await?;
        let id = answer.id;
        usage.extend(usage_rows(&answer.rows).map_err(|why| StatementError::Unusable { id, why })?);
    }
    fill(runs.iter_mut().map(|run| &mut **run), &usage, now);
    let left = to_measure(runs.iter().map(|run| &**run));
    Ok(asked.iter().filter(|id| !left.contains(*id)).count())
}
