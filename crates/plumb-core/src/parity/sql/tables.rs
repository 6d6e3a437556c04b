//! Tables of a SQL warehouse: which version is compared, and what their columns are.
//!
//! Facts: Databricks' documentation, "DESCRIBE HISTORY" (a row a version, the latest first, `version` and `timestamp` in
//! front) and "Work with table history" (`VERSION AS OF`; a version is never written again, and VACUUM may remove it).

use super::databricks::identifier;
use super::{Databricks, Dialect, SqlRow, Statement, Writer};
use crate::parity::files::SideFault;
use crate::parity::plan::SidePlan;
use crate::parity::types::DataType;

/// A version of a Delta table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableVersion {
    pub version: u64,
    /// When it was committed, as the warehouse writes it.
    pub committed: String,
}

/// The parts of a table's name: catalog, schema, table. Unity Catalog has no dots within a part.
///
/// # Errors
/// What is wrong with it.
pub fn table_name(text: &str) -> Result<Vec<String>, String> {
    let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    if parts.len() == 3 && parts.iter().all(|part| !part.trim().is_empty()) {
        Ok(parts)
    } else {
        Err(format!("`{text}` is no table: expected `CATALOG.SCHEMA.TABLE`"))
    }
}

/// The last versions of a table, the latest first.
pub fn history(name: &[String], versions: u64) -> Statement {
    let name: Vec<String> = name.iter().map(|part| identifier(part)).collect();
    let text = format!("DESCRIBE HISTORY {} LIMIT {versions}", name.join("."));
    Writer::new(&Databricks).statement("pin", text)
}

/// What [`history`] answered.
///
/// # Errors
/// What is wrong with the answer.
pub fn read_history(rows: &[SqlRow]) -> Result<Vec<TableVersion>, String> {
    let versions = rows.iter().map(|row| match row.as_slice() {
        [Some(version), Some(committed), ..] => {
            let version = version.parse().map_err(|_| format!("the warehouse calls a version `{version}`"))?;
            Ok(TableVersion { version, committed: committed.clone() })
        }
        _ => Err("the warehouse did not say the version of a table".to_owned()),
    });
    let versions: Vec<TableVersion> = versions.collect::<Result<_, String>>()?;
    if versions.is_empty() { Err("the table has no version".to_owned()) } else { Ok(versions) }
}

/// How many versions have to be read to see `pinned` again, once `latest` is known.
///
/// # Errors
/// That the table was replaced: its versions were counted anew.
pub fn versions_since(source: &str, pinned: &TableVersion, latest: &TableVersion) -> Result<u64, SideFault> {
    match latest.version.checked_sub(pinned.version) {
        Some(since) => Ok(since.saturating_add(1)),
        None => Err(replaced(source, pinned)),
    }
}

/// Whether the pinned version is still the one that was pinned: a table that was dropped and made again counts from zero.
///
/// # Errors
/// That it is not.
pub fn same_version(source: &str, pinned: &TableVersion, history: &[TableVersion]) -> Result<(), SideFault> {
    if history.contains(pinned) { Ok(()) } else { Err(replaced(source, pinned)) }
}

fn replaced(source: &str, pinned: &TableVersion) -> SideFault {
    let version = pinned.version;
    SideFault::changed(format!(
        "{source} was replaced while it was compared: its version {version} is not there any more"
    ))
}

/// The whole types of those columns whose type [`super::describe`] did not say whole: Spark cuts a struct of more than 25
/// members (`spark.sql.debug.maxToStringFields`; tried on 4.3), and `typeof` does not.
pub fn whole_types(dialect: &dyn Dialect, side: &SidePlan, columns: &[(String, DataType)]) -> Option<Statement> {
    let cut: Vec<String> = cut(columns).map(|(name, _)| format!("typeof({})", dialect.quote(name))).collect();
    if dialect.name() != Databricks.name() || cut.is_empty() {
        return None;
    }
    let relation = dialect.relation(&side.relation);
    // One row, whether the table has any or not.
    let none = format!("(SELECT 1) LEFT JOIN (SELECT * FROM {relation} LIMIT 0) ON true");
    Some(Writer::new(dialect).statement("schema", format!("SELECT {} FROM {none}", cut.join(", "))))
}

/// Puts the answer of [`whole_types`] in its place.
///
/// # Errors
/// What is wrong with the answer.
pub fn read_whole_types(
    dialect: &dyn Dialect,
    columns: &mut [(String, DataType)],
    rows: &[SqlRow],
) -> Result<(), String> {
    let [row] = rows else { return Err(format!("the engine answered {} rows where types belong", rows.len())) };
    let mut types = row.iter();
    for (name, of_type) in columns.iter_mut().filter(|(_, of_type)| is_cut(of_type)) {
        let Some(Some(text)) = types.next() else { return Err(format!("the engine did not say the type of `{name}`")) };
        *of_type = dialect.read_type(text);
    }
    Ok(())
}

fn cut(columns: &[(String, DataType)]) -> impl Iterator<Item = &(String, DataType)> {
    columns.iter().filter(|(_, of_type)| is_cut(of_type))
}

fn is_cut(of_type: &DataType) -> bool {
    of_type.other().is_some_and(|text| text.contains("... ") && text.contains(" more fields"))
}

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
