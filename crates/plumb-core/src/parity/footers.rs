//! What the footers of Parquet files say: calendars, types, how many rows.
//!
//! Spark chooses by a file's footer how it reads days and timestamps (`DataSourceUtils.datetimeRebaseSpec` and
//! `int96RebaseSpec`), and DuckDB does not look: what it would read differently is found here.

use super::files::SideFault;
use super::plan::FilePart;
use super::sql::{SqlRow, Statement, duckdb_identifier, duckdb_literal};
use super::types::DataType;
use std::collections::BTreeSet;

/// What stands between the members of a field, and between fields: names do not hold these.
const MEMBER: char = '\u{1f}';
const FIELD: char = '\u{1e}';
/// Before this day, time zones in Java and in DuckDB are not the same, and neither are two calendars' instants.
const SAFE_TIMES: &str = "TIMESTAMP '1900-01-01'";
/// The first day of the Gregorian calendar.
const SAFE_DAYS: &str = "DATE '1582-10-15'";

/// The files whose days or timestamps mean something else than they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendars {
    /// Days are in the Julian calendar before 1582-10-15: `FilePart::julian`.
    pub julian: BTreeSet<String>,
    /// Timestamps before 1900 are not what they seem. All of `julian`, and INT96 of Spark 3.0.
    pub old_times: BTreeSet<String>,
}

/// Asks for what Spark wrote into the footers.
pub fn calendars(files: &[FilePart]) -> Statement {
    let has = |key: &str| format!("CAST(max(CASE WHEN key = CAST('{key}' AS BLOB) THEN 1 ELSE 0 END) AS VARCHAR)");
    let text = format!(
        "SELECT CAST(file_name AS VARCHAR) AS f, max(CASE WHEN key = CAST('org.apache.spark.version' AS BLOB) THEN \
         decode(value) END) AS v, {} AS d, {} AS t FROM parquet_kv_metadata({}) WHERE starts_with(CAST(key AS VARCHAR), \
         'org.apache.spark.') GROUP BY file_name",
        has("org.apache.spark.legacyDateTime"),
        has("org.apache.spark.legacyINT96"),
        paths(files),
    );
    Statement { step: "footers", text, parameters: Vec::new() }
}

/// Reads the answer to [`calendars`]. A file that Spark did not write is taken as it is, as Spark does.
///
/// # Errors
/// The answer has another shape.
pub fn read_calendars(rows: &[SqlRow]) -> Result<Calendars, String> {
    let mut found = Calendars::default();
    for row in rows {
        let [Some(file), version, Some(dates), Some(times)] = &row[..] else {
            return Err(format!("the footers were answered with {} columns", row.len()));
        };
        // Spark compares with what it writes itself: without a version the other keys mean nothing.
        let Some(version) = version else { continue };
        let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
        let release = (numbers.next().flatten().unwrap_or(0), numbers.next().flatten().unwrap_or(0));
        if release < (3, 0) || dates == "1" {
            found.julian.insert(file.clone());
        }
        if release < (3, 1) || dates == "1" || times == "1" {
            found.old_times.insert(file.clone());
        }
    }
    Ok(found)
}

/// Asks how many rows the footers declare.
pub fn declared_rows(files: &[FilePart]) -> Statement {
    let text = format!("SELECT CAST(sum(num_rows) AS VARCHAR) AS n FROM parquet_file_metadata({})", paths(files));
    Statement { step: "footers", text, parameters: Vec::new() }
}

/// Asks for the schemas: a row for each that occurs, not one a file.
pub fn schemas(files: &[FilePart]) -> Statement {
    let member = |name: &str| format!("coalesce(CAST({name} AS VARCHAR), '')");
    let members = ["name", "num_children", "type", "duckdb_type", "converted_type", "logical_type", "repetition_type"];
    let text = format!(
        "SELECT min(f) AS f, CAST(count(*) AS VARCHAR) AS n, s FROM (SELECT CAST(file_name AS VARCHAR) AS f, \
         string_agg(concat_ws(chr(31), {}), chr(30) ORDER BY column_id) AS s FROM parquet_schema({}) GROUP BY file_name) AS x \
         GROUP BY s ORDER BY f",
        members.map(member).join(", "),
        paths(files),
    );
    Statement { step: "footers", text, parameters: Vec::new() }
}

/// What the files of a side have for columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParquetSchema {
    pub columns: Vec<ParquetColumn>,
    /// Columns that only a part of the files has, each with a file that lacks it: they are null there.
    pub uneven: Vec<(String, String)>,
}

/// One column, as the footers have it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParquetColumn {
    pub name: String,
    /// INT96 is an instant, which DuckDB's DESCRIBE does not show.
    pub of_type: DataType,
    /// Whether it cannot be null, in every file.
    pub is_required: bool,
    node: FooterType,
}

#[derive(Clone, Debug, PartialEq)]
enum FooterType {
    Leaf { of_type: DataType, nanos: bool },
    List(Box<FooterType>),
    Map(Box<FooterType>, Box<FooterType>),
    Struct(Vec<(String, FooterType)>),
}

impl FooterType {
    fn data_type(&self) -> DataType {
        match self {
            FooterType::Leaf { of_type, .. } => of_type.clone(),
            FooterType::List(item) => DataType::Array(Box::new(item.data_type())),
            FooterType::Map(key, value) => DataType::Map(Box::new(key.data_type()), Box::new(value.data_type())),
            FooterType::Struct(members) => {
                DataType::Struct(members.iter().map(|(name, node)| (name.clone(), node.data_type())).collect())
            }
        }
    }

    /// A condition that holds of a value in which some leaf is so.
    fn any(
        &self,
        value: &str,
        depth: usize,
        leaf: &dyn Fn(&str, &DataType, bool, usize) -> Option<String>,
    ) -> Option<String> {
        let element = format!("e{depth}");
        let within = |node: &FooterType, list: &str| {
            let inner = node.any(&element, depth + 1, leaf)?;
            Some(format!("len(list_filter({list}, lambda {element}: {inner})) > 0"))
        };
        let some = |conditions: Vec<Option<String>>| {
            let conditions: Vec<String> = conditions.into_iter().flatten().collect();
            (!conditions.is_empty()).then(|| format!("({})", conditions.join(" OR ")))
        };
        match self {
            FooterType::Leaf { of_type, nanos } => leaf(value, of_type, *nanos, depth),
            FooterType::List(item) => within(item, value),
            FooterType::Map(key, item) => {
                some(vec![within(key, &format!("map_keys({value})")), within(item, &format!("map_values({value})"))])
            }
            FooterType::Struct(members) => some(
                members
                    .iter()
                    .map(|(name, node)| {
                        node.any(&format!("struct_extract({value}, {})", duckdb_literal(name)), depth + 1, leaf)
                    })
                    .collect(),
            ),
        }
    }
}

/// Reads the answer to [`schemas`].
///
/// # Errors
/// Files of one side have a column in types that do not fit together, or instants in nanoseconds, of which DuckDB drops the
/// last three digits without a word.
pub fn read_schemas(source: &str, rows: &[SqlRow]) -> Result<ParquetSchema, SideFault> {
    let fault = |says: String| SideFault { cause: "unreadable", says: format!("{source}: {says}") };
    let mut found = ParquetSchema::default();
    let mut first_file: Option<&str> = None;
    for row in rows {
        let [Some(file), _, Some(text)] = &row[..] else { return Err(fault("no schema was answered".into())) };
        let columns = columns(text).ok_or_else(|| fault(format!("the schema of {file} cannot be understood")))?;
        for column in &columns {
            let instants = |_: &str, of_type: &DataType, nanos: bool, _: usize| {
                (nanos && *of_type == DataType::Timestamp).then(String::new)
            };
            if column.node.any("", 0, &instants).is_some() {
                let says = format!(
                    "`{}` of {file} has instants in nanoseconds, which no engine reads to the last digit",
                    column.name
                );
                return Err(fault(says));
            }
        }
        let first = *first_file.get_or_insert(file);
        if first == file {
            found.columns = columns;
            continue;
        }
        let is = |column: &ParquetColumn, other: &ParquetColumn| column.name.eq_ignore_ascii_case(&other.name);
        for column in &mut found.columns {
            match columns.iter().find(|other| is(other, column)) {
                None => {
                    column.is_required = false;
                    found.uneven.push((column.name.clone(), file.clone()));
                }
                Some(other) if !other.of_type.is_like(&column.of_type) => {
                    return Err(fault(format!(
                        "`{}` is {} in {first} and {} in {file}: the files are of different schemas",
                        column.name, column.of_type, other.of_type
                    )));
                }
                Some(other) => column.is_required &= other.is_required,
            }
        }
        for mut column in columns {
            if !found.columns.iter().any(|other| is(other, &column)) {
                column.is_required = false;
                found.uneven.push((column.name.clone(), first.to_owned()));
                found.columns.push(column);
            }
        }
    }
    Ok(found)
}

/// Asks how many rows hold a time before the calendars agree, and how many a time whose last digits would be dropped: none if
/// there cannot be any.
pub fn doubtful_times(files: &[FilePart], schema: &ParquetSchema, calendars: &Calendars) -> Option<Statement> {
    let old = |value: &str, of_type: &DataType, _: bool, depth: usize| match of_type {
        DataType::Timestamp | DataType::TimestampNtz => Some(format!("{value} < {SAFE_TIMES}")),
        // Days of their own columns are read in their calendar.
        DataType::Date if depth > 0 => Some(format!("{value} < {SAFE_DAYS}")),
        _ => None,
    };
    let lost =
        |value: &str, _: &DataType, nanos: bool, _: usize| nanos.then(|| format!("epoch_ns({value}) % 1000 <> 0"));
    let count = |leaf: &dyn Fn(&str, &DataType, bool, usize) -> Option<String>, files: &[FilePart]| {
        let columns =
            schema.columns.iter().filter_map(|column| column.node.any(&duckdb_identifier(&column.name), 0, leaf));
        let conditions: Vec<String> = columns.collect();
        (!conditions.is_empty() && !files.is_empty()).then(|| {
            format!(
                "(SELECT CAST(count(*) AS VARCHAR) FROM read_parquet({}, union_by_name=true, hive_partitioning=false) WHERE {})",
                paths(files),
                conditions.join(" OR ")
            )
        })
    };
    let old_files: Vec<FilePart> =
        files.iter().filter(|file| calendars.old_times.contains(&file.path)).cloned().collect();
    let (old, lost) = (count(&old, &old_files), count(&lost, files));
    if old.is_none() && lost.is_none() {
        return None;
    }
    let or_none = |count: Option<String>| count.unwrap_or_else(|| "'0'".into());
    let text = format!("SELECT {} AS old, {} AS lost", or_none(old), or_none(lost));
    Some(Statement { step: "footers", text, parameters: Vec::new() })
}

/// Reads the answer to [`doubtful_times`].
///
/// # Errors
/// Some rows hold such times: there is no verdict.
pub fn read_doubtful_times(source: &str, rows: &[SqlRow]) -> Result<(), SideFault> {
    let fault = |says: String| Err(SideFault { cause: "unreadable", says: format!("{source}: {says}") });
    match rows {
        [row] => match &row[..] {
            [Some(old), Some(lost)] if old == "0" && lost == "0" => Ok(()),
            [Some(old), Some(lost)] if lost == "0" => fault(format!(
                "{old} rows hold timestamps before 1900, or nested days before 1582, in files that Spark wrote in its old \
                 calendar; only Spark reads them right: `engine: databricks`"
            )),
            [Some(_), Some(lost)] => fault(format!(
                "{lost} rows hold timestamps in nanoseconds that are no whole microseconds, of which no engine reads the last digits"
            )),
            _ => fault("the times could not be counted".into()),
        },
        _ => fault("the times could not be counted".into()),
    }
}

/// The fields of a footer, which come one after the other, each with the number of its children.
fn columns(text: &str) -> Option<Vec<ParquetColumn>> {
    let mut fields = text.split(FIELD).map(Field::read);
    let root = fields.next()??;
    let mut found = Vec::new();
    for _ in 0..root.children {
        let tree = node(&mut fields)?;
        let is_required = tree.field.is_required;
        let (name, node) = tree.named();
        found.push(ParquetColumn { name, of_type: node.data_type(), is_required, node });
    }
    fields.next().is_none().then_some(found)
}

struct Field<'t> {
    name: &'t str,
    children: usize,
    physical: &'t str,
    duckdb: &'t str,
    converted: &'t str,
    logical: &'t str,
    repeated: bool,
    is_required: bool,
}

impl<'t> Field<'t> {
    fn read(text: &'t str) -> Option<Field<'t>> {
        let members: Vec<&str> = text.split(MEMBER).collect();
        let [name, children, physical, duckdb, converted, logical, repetition] = members[..] else { return None };
        let children = if children.is_empty() { 0 } else { children.parse().ok()? };
        let (repeated, is_required) = (repetition == "REPEATED", repetition == "REQUIRED");
        Some(Field { name, children, physical, duckdb, converted, logical, repeated, is_required })
    }

    fn is(&self, kind: &str) -> bool {
        self.converted == kind || self.logical.to_ascii_uppercase().starts_with(&format!("{kind}TYPE"))
    }
}

/// A field with all below it.
struct Tree<'t> {
    field: Field<'t>,
    children: Vec<Tree<'t>>,
}

fn node<'t>(fields: &mut impl Iterator<Item = Option<Field<'t>>>) -> Option<Tree<'t>> {
    let field = fields.next()??;
    let mut children = Vec::new();
    for _ in 0..field.children {
        children.push(node(fields)?);
    }
    Some(Tree { field, children })
}

impl Tree<'_> {
    fn named(self) -> (String, FooterType) {
        (self.field.name.to_owned(), self.into_node())
    }

    /// The rules for lists are those of the Parquet format ("Backward-compatibility rules" in LogicalTypes.md).
    fn into_node(mut self) -> FooterType {
        let field = &self.field;
        if field.is("LIST") && self.children.len() == 1 {
            let mut repeated = self.children.remove(0);
            let is_element = repeated.children.len() != 1
                || repeated.field.name == "array"
                || repeated.field.name == format!("{}_tuple", field.name);
            repeated.field.repeated = false;
            let element = if is_element { repeated } else { repeated.children.remove(0) };
            return FooterType::List(Box::new(element.into_node()));
        }
        let is_map = field.is("MAP") || field.is("MAP_KEY_VALUE");
        if is_map && self.children.len() == 1 && self.children[0].children.len() == 2 {
            let mut entry = self.children.remove(0);
            let value = entry.children.remove(1).into_node();
            return FooterType::Map(Box::new(entry.children.remove(0).into_node()), Box::new(value));
        }
        if field.repeated {
            // A list without a group around it.
            self.field.repeated = false;
            return FooterType::List(Box::new(self.into_node()));
        }
        if field.children > 0 {
            return FooterType::Struct(self.children.into_iter().map(Tree::named).collect());
        }
        // INT96 is an instant for Spark, which alone writes it.
        let of_type = if field.physical == "INT96" { DataType::Timestamp } else { DataType::from_duckdb(field.duckdb) };
        FooterType::Leaf { of_type, nanos: field.logical.contains("NANOS=NanoSeconds") }
    }
}

/// The paths, as a list of DuckDB's.
fn paths(files: &[FilePart]) -> String {
    let paths: Vec<String> = files.iter().map(|file| duckdb_literal(&file.path)).collect();
    format!("[{}]", paths.join(", "))
}

#[cfg(test)]
#[path = "footers_tests.rs"]
mod tests;
