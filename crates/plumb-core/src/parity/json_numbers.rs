//! Decimals in JSON, which DuckDB reads through doubles: 12345678901234.5678 becomes ….5680 without a word (1.5.5, also as a text
//! and as JSON). Fifteen digits survive that; what may have more has no verdict. Decimals that stand in quotes are read to the
//! last digit, and whole numbers of up to 64 bits, too.

use super::files::SideFault;
use super::plan::{FileRelation, Relation};
use super::sql::{Dialect, SqlRow, Statement, Writer};
use super::types::DataType;

/// So many significant digits come back from a double as they went in.
const SAFE_DIGITS: u8 = 15;

/// Asks how many numbers are so large that digits may be lost. None if there cannot be any.
///
/// # Errors
/// There may be some within arrays, maps or structs, where they are not looked for.
pub fn doubtful_decimals(
    source: &str,
    relation: &FileRelation,
    dialect: &dyn Dialect,
) -> Result<Option<Statement>, SideFault> {
    let (mut conditions, mut columns) = (Vec::new(), Vec::new());
    for (name, of_type) in &relation.columns {
        match of_type {
            DataType::Decimal { precision, scale } if *precision > SAFE_DIGITS => {
                let column = dialect.quote(name);
                let number = Writer::new(dialect).cast(&column, &DataType::Double);
                // A scale that large leaves no digit before the point.
                let is_long = match SAFE_DIGITS.checked_sub(*scale) {
                    Some(whole) => format!("abs({number}) >= 1{}", "0".repeat(usize::from(whole))),
                    None => format!("{number} <> 0"),
                };
                conditions.push(format!("(json_type({column}) = 'DOUBLE' AND {is_long})"));
                columns.push((name.clone(), DataType::Other("JSON".into())));
            }
            DataType::Decimal { .. } => {}
            nested if has_long_decimal(nested) => return Err(fault(source, &format!("`{name}` is {nested}, and"))),
            _ => {}
        }
    }
    if conditions.is_empty() {
        return Ok(None);
    }
    let raw = FileRelation { columns, ..relation.clone() };
    let rows = dialect.relation(&Relation::Files(raw));
    let count = dialect.to_text("count(*)");
    let text = format!("SELECT {count} AS n FROM {rows} WHERE {}", conditions.join(" OR "));
    Ok(Some(Writer::new(dialect).statement("numbers", text)))
}

/// Reads the answer to [`doubtful_decimals`].
///
/// # Errors
/// Some numbers may have lost digits: there is no verdict.
pub fn read_doubtful_decimals(source: &str, rows: &[SqlRow]) -> Result<(), SideFault> {
    match rows {
        [row] if row.first().is_some_and(|n| n.as_deref() == Some("0")) => Ok(()),
        [row] => {
            let rows = row.first().cloned().flatten().unwrap_or_else(|| "some".into());
            Err(fault(source, &format!("{rows} rows have numbers of which")))
        }
        _ => Err(fault(source, "it could not be counted how many numbers there are of which")),
    }
}

fn fault(source: &str, what: &str) -> SideFault {
    let says = format!(
        "{source}: {what} DuckDB reads {SAFE_DIGITS} digits at most out of JSON: write Parquet or CSV, or compare with \
         `engine: databricks`"
    );
    SideFault { cause: "unreadable", says }
}

fn has_long_decimal(of_type: &DataType) -> bool {
    match of_type {
        DataType::Decimal { precision, .. } => *precision > SAFE_DIGITS,
        DataType::Array(item) => has_long_decimal(item),
        DataType::Map(key, value) => has_long_decimal(key) || has_long_decimal(value),
        DataType::Struct(members) => members.iter().any(|(_, of_type)| has_long_decimal(of_type)),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kinds::emr::compare::{CsvOptions, FileFormat};
    use crate::parity::plan::FilePart;
    use crate::parity::sql::Duckdb;

    fn asked(of_type: &str) -> Result<Option<String>, String> {
        let relation = FileRelation {
            format: FileFormat::Json,
            files: vec![FilePart { path: "/a.json".into(), ..FilePart::default() }],
            csv: CsvOptions::default(),
            columns: vec![("m".into(), DataType::from_spark(of_type).unwrap())],
            partition_types: Vec::new(),
        };
        let asked = doubtful_decimals("a", &relation, &Duckdb).map_err(|fault| fault.says)?;
        Ok(asked.map(|statement| statement.text.rsplit(" WHERE ").next().unwrap().to_owned()))
    }

    #[test]
    fn only_what_a_double_may_cut_is_looked_for() {
        let wanted = |long: &str| format!("(json_type(\"m\") = 'DOUBLE' AND {long})");
        assert_eq!(asked("decimal(15,2)"), Ok(None));
        assert_eq!(asked("double"), Ok(None));
        assert_eq!(asked("decimal(18,4)"), Ok(Some(wanted("abs(CAST(\"m\" AS DOUBLE)) >= 100000000000"))));
        assert_eq!(asked("decimal(38,0)"), Ok(Some(wanted("abs(CAST(\"m\" AS DOUBLE)) >= 1000000000000000"))));
        assert_eq!(asked("decimal(38,18)"), Ok(Some(wanted("CAST(\"m\" AS DOUBLE) <> 0"))));
        assert_eq!(asked("array<decimal(15,2)>"), Ok(None));
        assert!(asked("map<string,struct<a:decimal(16,2)>>").unwrap_err().contains("15 digits at most"));
    }

    #[test]
    fn one_such_number_is_enough() {
        let row = |n: &str| vec![vec![Some(n.to_owned())]];
        assert_eq!(read_doubtful_decimals("a", &row("0")), Ok(()));
        assert!(read_doubtful_decimals("a", &row("1")).unwrap_err().says.contains("a: 1 rows have numbers"));
        assert!(read_doubtful_decimals("a", &[]).is_err());
    }
}
