//! What DuckDB writes differently. Tried on 1.5.5.

use super::{Dialect, SqlParameter, same_name};
use crate::kinds::emr::compare::{CsvOptions, FileFormat};
use crate::parity::plan::{FilePart, FileRelation, Relation};
use crate::parity::types::DataType;
use std::collections::BTreeMap;

/// The dialect of the `duckdb` program.
pub struct Duckdb;

/// A text as a literal. NUL cannot stand in one.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Dialect for Duckdb {
    fn name(&self) -> &'static str {
        "duckdb"
    }
    fn quote(&self, name: &str) -> String {
        identifier(name)
    }
    fn text(&self, text: &str, _parameters: &mut Vec<SqlParameter>) -> String {
        literal(text)
    }
    fn type_name(&self, of_type: &DataType) -> String {
        match of_type {
            DataType::Boolean => "BOOLEAN".into(),
            DataType::Integer(8) => "TINYINT".into(),
            DataType::Integer(16) => "SMALLINT".into(),
            DataType::Integer(32) => "INTEGER".into(),
            DataType::Integer(_) => "BIGINT".into(),
            DataType::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
            DataType::Float => "FLOAT".into(),
            DataType::Double => "DOUBLE".into(),
            DataType::String => "VARCHAR".into(),
            DataType::Binary => "BLOB".into(),
            DataType::Date => "DATE".into(),
            DataType::Timestamp => "TIMESTAMP WITH TIME ZONE".into(),
            DataType::TimestampNtz => "TIMESTAMP".into(),
            DataType::Array(item) => format!("{}[]", self.type_name(item)),
            DataType::Map(key, value) => format!("MAP({}, {})", self.type_name(key), self.type_name(value)),
            DataType::Struct(members) => {
                let members: Vec<String> =
                    members.iter().map(|(name, of)| format!("{} {}", identifier(name), self.type_name(of))).collect();
                format!("STRUCT({})", members.join(", "))
            }
            DataType::Other(name) => name.clone(),
        }
    }
    fn to_text(&self, expression: &str) -> String {
        format!("CAST({expression} AS VARCHAR)")
    }
    fn differ(&self, a: &str, b: &str) -> String {
        format!("({a} IS DISTINCT FROM {b})")
    }
    fn same(&self, a: &str, b: &str) -> String {
        format!("({a} IS NOT DISTINCT FROM {b})")
    }
    fn micros(&self, expression: &str, of_type: &DataType) -> String {
        match of_type {
            DataType::TimestampNtz => format!("epoch_us(CAST({expression} AS TIMESTAMP))"),
            _ => format!("epoch_us({expression})"),
        }
    }
    fn micros_in_zone(&self, expression: &str, zone: &str) -> String {
        format!("epoch_us(timezone({zone}, CAST({expression} AS TIMESTAMP)))")
    }
    fn modulo(&self, a: &str, b: &str) -> String {
        format!("((({a}) % {b} + {b}) % {b})")
    }
    fn whole(&self, expression: &str) -> String {
        format!("trunc({expression})")
    }
    fn entries(&self, map: &str) -> String {
        format!("map_entries({map})")
    }
    fn sorted(&self, array: &str) -> String {
        format!("list_sort({array})")
    }
    fn each(&self, array: &str, variable: &str, body: &str) -> String {
        format!("list_transform({array}, lambda {variable}: {body})")
    }
    fn structure(&self, members: &[(String, String)]) -> String {
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("{} := {value}", identifier(name))).collect();
        format!("struct_pack({})", members.join(", "))
    }
    fn trimmed(&self, expression: &str, both: bool) -> String {
        let function = if both { "trim" } else { "rtrim" };
        format!("{function}({expression}, ' ')")
    }
    fn composed(&self, expression: &str) -> String {
        format!("nfc_normalize({expression})")
    }
    fn attempt_subtract(&self, a: &str, b: &str, _of: (u8, u8)) -> String {
        format!("TRY({a} - {b})")
    }
    fn attempt_multiply(&self, (a, _): (&str, u8), (b, _, _): (&str, u8, u8)) -> Option<String> {
        Some(format!("TRY({a} * {b})"))
    }
    fn attempt_at_most(&self, a: &str, b: &str) -> String {
        format!("TRY({a} <= {b})")
    }
    fn repeated(&self, count: &str) -> String {
        format!("unnest(range(1, CAST({count} AS BIGINT) + 1))")
    }
    fn bucket(&self, values: &[String], buckets: u64) -> String {
        format!("hash({}) % {buckets}", values.join(", "))
    }
    fn big(&self, expression: &str) -> String {
        format!("CAST({expression} AS HUGEINT)")
    }
    fn inline_cte(&self, name: &str, body: &str) -> String {
        format!("{name} AS NOT MATERIALIZED ({body})")
    }
    fn limit_is_free(&self) -> bool {
        true
    }
    fn relation(&self, relation: &Relation) -> String {
        match relation {
            Relation::Files(files) => files_of(self, files),
            Relation::Table { name, .. } => name.iter().map(|part| identifier(part)).collect::<Vec<_>>().join("."),
        }
    }
    fn describe(&self, query: &str) -> String {
        format!("SELECT column_name, column_type FROM (DESCRIBE {query})")
    }
    fn read_type(&self, text: &str) -> DataType {
        DataType::from_duckdb(text)
    }
    fn keep(&self, name: &str, query: &str) -> Option<String> {
        Some(format!("CREATE OR REPLACE TEMP TABLE {name} AS {query}"))
    }
    fn only(&self, columns: &str, from: &str, condition: &str) -> String {
        format!("SELECT {columns}, unnest(CASE WHEN {condition} THEN [1] ELSE [] END) AS u FROM {from}")
    }
    fn without(&self, text: &str, pattern: &str) -> String {
        format!("regexp_replace({text}, {pattern}, '', 'g')")
    }
    fn matches(&self, text: &str, pattern: &str) -> String {
        format!("regexp_matches({text}, {pattern})")
    }
    fn begins_with(&self, text: &str, start: &str) -> String {
        format!("starts_with({text}, {start})")
    }
    fn same_composed(&self, a: &str, b: &str) -> String {
        format!("nfc_normalize({a}) = nfc_normalize({b})")
    }
    fn split(&self, text: &str) -> String {
        format!("string_split({text}, ',')")
    }
    fn length(&self, array: &str) -> String {
        format!("len({array})")
    }
    fn days(&self, date: &str) -> String {
        format!("date_diff('day', DATE '1970-01-01', {date})")
    }
    fn date(&self, days: &str) -> String {
        format!("(DATE '1970-01-01' + CAST({days} AS INTEGER))")
    }
    fn divided(&self, a: &str, b: &str) -> String {
        format!("((({a}) - {}) // {b})", self.modulo(a, b))
    }
}

/// No rows: Spark writes a file of no bytes for a result without rows, and no such file is read.
fn no_rows(dialect: &Duckdb, relation: &FileRelation) -> String {
    let columns: Vec<String> = relation
        .columns
        .iter()
        .chain(&relation.partition_types)
        .map(|(name, of_type)| format!("CAST(NULL AS {}) AS {}", dialect.type_name(of_type), identifier(name)))
        .collect();
    format!("(SELECT {} WHERE false)", columns.join(", "))
}

/// Files with the same partition values and calendar are read by one call, and the calls are put together by name.
fn files_of(dialect: &Duckdb, relation: &FileRelation) -> String {
    if relation.files.is_empty() {
        return no_rows(dialect, relation);
    }
    type FileGroup<'p> = (&'p [(String, Option<String>)], bool);
    let mut groups: BTreeMap<FileGroup<'_>, Vec<&FilePart>> = BTreeMap::new();
    for file in &relation.files {
        groups.entry((&file.partitions, file.julian)).or_default().push(file);
    }
    let parts: Vec<String> = groups
        .into_iter()
        .map(|((partitions, julian), files)| {
            let paths: Vec<String> = files.iter().map(|file| literal(&file.path)).collect();
            let call = reader(dialect, relation, &paths.join(", "));
            let values: Vec<String> = partitions
                .iter()
                .map(|(name, value)| {
                    let value = value.as_deref().map_or_else(|| "NULL".to_owned(), literal);
                    let of_type = relation.partition_types.iter().find(|(own, _)| same_name(own, name));
                    let of_type = of_type.map_or_else(|| "VARCHAR".into(), |(_, of_type)| dialect.type_name(of_type));
                    format!("CAST({value} AS {of_type}) AS {}", identifier(name))
                })
                .collect();
            let star = if julian { julian_days(relation) } else { "*".to_owned() };
            let select: Vec<String> = [star].into_iter().chain(values).collect();
            format!("SELECT {} FROM {call}", select.join(", "))
        })
        .collect();
    match parts.as_slice() {
        // Nothing to union: the planner sees through it either way.
        [one] => format!("({one})"),
        many => format!("({})", many.join(" UNION ALL BY NAME ")),
    }
}

/// Every column, the days that a Julian calendar wrote read as the days of the same name: Spark rebases them, DuckDB does
/// not (the same file is 1582-10-04 in Spark and 1582-10-14 in DuckDB).
fn julian_days(relation: &FileRelation) -> String {
    let days: Vec<String> = relation
        .columns
        .iter()
        .filter(|(_, of_type)| *of_type == DataType::Date)
        .map(|(name, _)| format!("{} AS {}", julian(&identifier(name)), identifier(name)))
        .collect();
    if days.is_empty() { "*".to_owned() } else { format!("* REPLACE ({})", days.join(", ")) }
}

/// A day number before 1582-10-15, read in the Julian calendar, as the day of the same name in the proleptic Gregorian one.
fn julian(day: &str) -> String {
    let c = format!("(date_diff('day', DATE '1970-01-01', {day}) + 32082 + 2440588)");
    let dd = format!("((4 * {c} + 3) // 1461)");
    let e = format!("({c} - (1461 * {dd}) // 4)");
    let m = format!("((5 * {e} + 2) // 153)");
    format!(
        "CASE WHEN {day} < DATE '1582-10-15' THEN make_date({dd} - 4800 + {m} // 10, {m} + 3 - 12 * ({m} // 10), \
         {e} - (153 * {m} + 2) // 5 + 1) ELSE {day} END"
    )
}

fn reader(dialect: &Duckdb, relation: &FileRelation, paths: &str) -> String {
    match relation.format {
        // DuckDB 2.0 takes floats for free of NaN unless told, and folds `isnan` away; 1.5.5 knows the option too.
        FileFormat::Parquet => {
            format!("read_parquet([{paths}], union_by_name=true, hive_partitioning=false, can_have_nan=true)")
        }
        FileFormat::Delta => format!("delta_scan({paths})"),
        FileFormat::Json => {
            let columns = columns(dialect, relation);
            format!(
                "read_json([{paths}], format='newline_delimited', hive_partitioning=false, ignore_errors=false, \
                 maximum_object_size=134217728, columns={columns})"
            )
        }
        FileFormat::Csv => {
            let CsvOptions { header, sep, quote, escape, null_value, encoding } = &relation.csv;
            let text = |value: &Option<String>, default: &str| literal(value.as_deref().unwrap_or(default));
            let (escape, null) = (escape.as_deref().unwrap_or("\\"), null_value.as_deref().unwrap_or_default());
            // DuckDB refuses a null that has the escape in it, like Hive's `\N`; Spark's escapes count within quotes only.
            let is_clash = !escape.is_empty() && null.contains(escape);
            let read = if is_clash { all_texts(relation) } else { columns(dialect, relation) };
            let call = format!(
                "read_csv([{paths}], auto_detect=false, hive_partitioning=false, strict_mode=true, null_padding=false, \
                 ignore_errors=false, allow_quoted_nulls=false, header={}, delim={}, quote={}, escape={}, nullstr={}, \
                 encoding={}, columns={})",
                header.unwrap_or(false),
                text(sep, ","),
                text(quote, "\""),
                literal(escape),
                literal(if is_clash { "\u{1}" } else { null }),
                literal(encoding_of(encoding.as_deref())),
                read,
            );
            if is_clash { nulls_replaced(dialect, relation, &call, null) } else { call }
        }
    }
}

/// An encoding by DuckDB's name for it; Spark has Java's.
fn encoding_of(name: Option<&str>) -> &str {
    match name.map(str::to_ascii_lowercase).as_deref() {
        None | Some("utf-8" | "utf8" | "us-ascii") => "utf-8",
        Some("iso-8859-1" | "latin1" | "latin-1" | "iso8859_1") => "latin-1",
        // Of DuckDB 1.5.5 this is little-endian only, and of a big-endian file it answers no rows.
        Some("utf-16le") => "utf-16",
        Some(_) => name.unwrap_or_default(),
    }
}

fn all_texts(relation: &FileRelation) -> String {
    let columns: Vec<String> =
        relation.columns.iter().map(|(name, _)| format!("{}: 'VARCHAR'", literal(name))).collect();
    format!("{{{}}}", columns.join(", "))
}

/// Columns that were read as texts, as what they are; a text that stands for null is null.
fn nulls_replaced(dialect: &Duckdb, relation: &FileRelation, call: &str, null: &str) -> String {
    let columns: Vec<String> = relation
        .columns
        .iter()
        .map(|(name, of_type)| {
            let name = identifier(name);
            format!("CAST(nullif({name}, {}) AS {}) AS {name}", literal(null), dialect.type_name(of_type))
        })
        .collect();
    format!("(SELECT {} FROM {call})", columns.join(", "))
}

fn columns(dialect: &Duckdb, relation: &FileRelation) -> String {
    let columns: Vec<String> = relation
        .columns
        .iter()
        .map(|(name, of_type)| format!("{}: {}", literal(name), literal(&dialect.type_name(of_type))))
        .collect();
    format!("{{{}}}", columns.join(", "))
}
