//! Which engine compares an output.

use crate::kinds::emr::compare::{CompareOutput, CompareSide, EngineChoice};

/// What compares an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputEngine<'c> {
    /// The `duckdb` program on this machine.
    Duckdb,
    /// A SQL warehouse, by its name or id.
    Warehouse(&'c str),
}

/// Chooses.
///
/// # Errors
/// Why no engine can: what is wrong, and what to do.
pub fn engine_of<'c>(
    choice: EngineChoice,
    warehouse: Option<&'c str>,
    output: &CompareOutput,
) -> Result<OutputEngine<'c>, (String, &'static str)> {
    let sides = [("old", &output.old), ("new", &output.new)];
    let table = sides.iter().find_map(|(_, side)| side.table.as_deref());
    match (choice, table) {
        (EngineChoice::Duckdb, Some(table)) => {
            let what = format!("engine duckdb cannot read the table {table}");
            return Err((what, "a table is compared on a SQL warehouse: `engine: databricks`, or `auto`"));
        }
        (EngineChoice::Duckdb | EngineChoice::Auto, None) => return Ok(OutputEngine::Duckdb),
        (EngineChoice::Auto, Some(_)) | (EngineChoice::Databricks, _) => {}
    }
    if let Some((name, side)) = sides.iter().find(|(_, side)| is_local(side)) {
        let path = side.path.as_deref().unwrap_or_default();
        let what = format!("{name}: a SQL warehouse cannot read the local path {path}");
        return Err((what, "upload it to `s3://`, or make a table of it"));
    }
    match warehouse.filter(|name| !name.is_empty()) {
        Some(name) => Ok(OutputEngine::Warehouse(name)),
        None => {
            let what = "no SQL warehouse is named for engine databricks".to_owned();
            Err((what, "name one in `compare.warehouse`, by its name or id"))
        }
    }
}

/// Whether a side lies on this machine.
fn is_local(side: &CompareSide) -> bool {
    side.path.as_deref().is_some_and(|path| !path.starts_with("s3://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use EngineChoice::{Auto, Databricks, Duckdb};

    fn side(text: &str) -> CompareSide {
        let text = Some(text.to_owned());
        if text.as_deref().is_some_and(|text| text.contains('/')) {
            CompareSide { path: text, ..CompareSide::default() }
        } else {
            CompareSide { table: text, ..CompareSide::default() }
        }
    }

    #[test]
    fn a_table_needs_a_warehouse_and_a_local_path_duckdb() {
        let warehouse = Ok(OutputEngine::Warehouse("small"));
        for (choice, old, new, wanted) in [
            (Auto, "out/old", "out/new", Ok(OutputEngine::Duckdb)),
            (Auto, "s3://b/x/", "out/new", Ok(OutputEngine::Duckdb)),
            (Auto, "s3://b/x/", "a.b.c", warehouse),
            (Auto, "a.b.c", "a.b.d", warehouse),
            (Auto, "out/old", "a.b.c", Err("old: a SQL warehouse cannot read the local path out/old")),
            (Databricks, "a.b.c", "/out/new", Err("new: a SQL warehouse cannot read the local path /out/new")),
            (Databricks, "s3://b/x/", "s3://b/y/", warehouse),
            (Duckdb, "s3://b/x/", "a.b.c", Err("engine duckdb cannot read the table a.b.c")),
            (Duckdb, "s3://b/x/", "s3://b/y/", Ok(OutputEngine::Duckdb)),
        ] {
            let output = CompareOutput { old: side(old), new: side(new), ..CompareOutput::default() };
            let found = engine_of(choice, Some("small"), &output);
            assert_eq!(found.map_err(|(what, _)| what), wanted.map_err(str::to_owned), "{choice:?} {old} {new}");
            for none in [None, Some("")] {
                let found = engine_of(choice, none, &output);
                let is_missing = found.is_err_and(|(what, _)| what.starts_with("no SQL warehouse"));
                assert_eq!(is_missing, wanted == warehouse, "{choice:?} {old} {new}");
            }
        }
    }
}
