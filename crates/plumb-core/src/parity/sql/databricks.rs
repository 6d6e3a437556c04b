//! What Databricks SQL writes differently. Tried on Spark 4.3 with ANSI on, which has the same functions.

use super::{Dialect, SqlParameter, same_name};
use crate::kinds::emr::compare::{CsvOptions, FileFormat};
use crate::parity::plan::{FileRelation, Relation};
use crate::parity::types::DataType;

/// The dialect of a SQL warehouse.
pub struct Databricks;

pub(super) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text that plumb itself made: a path or an option, no value of a manifest's predicate.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

impl Dialect for Databricks {
    fn name(&self) -> &'static str {
        "databricks"
    }
    fn quote(&self, name: &str) -> String {
        identifier(name)
    }
    fn text(&self, text: &str, parameters: &mut Vec<SqlParameter>) -> String {
        let known = parameters.iter().find(|parameter| parameter.value.as_deref() == Some(text));
        let name = known.map_or_else(|| format!("p{}", parameters.len()), |parameter| parameter.name.clone());
        if known.is_none() {
            let value = Some(text.to_owned());
            parameters.push(SqlParameter { name: name.clone(), of_type: "STRING".into(), value });
        }
        format!(":{name}")
    }
    fn type_name(&self, of_type: &DataType) -> String {
        of_type.to_string().to_uppercase()
    }
    fn to_text(&self, expression: &str) -> String {
        format!("CAST({expression} AS STRING)")
    }
    fn differ(&self, a: &str, b: &str) -> String {
        format!("(NOT ({a} <=> {b}))")
    }
    fn same(&self, a: &str, b: &str) -> String {
        format!("({a} <=> {b})")
    }
    // The session's time zone is not ours to set, so no wall time goes through it.
    fn micros(&self, expression: &str, of_type: &DataType) -> String {
        match of_type {
            DataType::TimestampNtz => {
                format!("timestampdiff(MICROSECOND, TIMESTAMP_NTZ'1970-01-01 00:00:00', {expression})")
            }
            _ => format!("unix_micros({expression})"),
        }
    }
    fn micros_in_zone(&self, expression: &str, zone: &str) -> String {
        self.micros(&format!("convert_timezone({zone}, 'UTC', {expression})"), &DataType::TimestampNtz)
    }
    fn modulo(&self, a: &str, b: &str) -> String {
        format!("pmod({a}, {b})")
    }
    fn whole(&self, expression: &str) -> String {
        format!("(CASE WHEN {expression} < 0 THEN ceil({expression}) ELSE floor({expression}) END)")
    }
    fn entries(&self, map: &str) -> String {
        format!("map_entries({map})")
    }
    fn sorted(&self, array: &str) -> String {
        format!("array_sort({array})")
    }
    fn each(&self, array: &str, variable: &str, body: &str) -> String {
        format!("transform({array}, {variable} -> {body})")
    }
    fn structure(&self, members: &[(String, String)]) -> String {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("{}, {value}", literal(name))).collect();
        format!("named_struct({})", members.join(", "))
    }
    fn trimmed(&self, expression: &str, both: bool) -> String {
        let which = if both { "BOTH" } else { "TRAILING" };
        format!("trim({which} ' ' FROM {expression})")
    }
    /// Spark SQL cannot compose; a manifest that asks for it is refused.
    fn composed(&self, expression: &str) -> String {
        expression.to_owned()
    }
    // A sum or product that could need more than 38 digits is rounded to what has room by its type (Spark's
    // `DecimalPrecision`; tried on 4.3: 1e-18 apart in DECIMAL(38,18) is no difference). One that is too narrow is null.
    fn attempt_subtract(&self, a: &str, b: &str, (precision, scale): (u8, u8)) -> String {
        if precision < 38 {
            return format!("try_subtract({a}, {b})");
        }
        if scale > 37 {
            return "CAST(NULL AS DECIMAL(38,38))".to_owned();
        }
        format!("try_subtract(try_cast({a} AS DECIMAL(37,{scale})), try_cast({b} AS DECIMAL(37,{scale})))")
    }
    fn attempt_multiply(&self, (a, a_digits): (&str, u8), (b, b_digits, scale): (&str, u8, u8)) -> Option<String> {
        // The product of p and q digits has p + q + 1.
        let room = 37u8.checked_sub(a_digits).filter(|room| *room >= scale && *room > 0)?;
        Some(format!("try_multiply({a}, try_cast({b} AS DECIMAL({},{scale})))", room.min(b_digits)))
    }
    /// Spark keeps the digits before the point and rounds those behind it: nothing overflows.
    fn attempt_at_most(&self, a: &str, b: &str) -> String {
        format!("({a} <= {b})")
    }
    fn repeated(&self, count: &str) -> String {
        format!("explode(sequence(1, CAST({count} AS INT)))")
    }
    fn bucket(&self, values: &[String], buckets: u64) -> String {
        format!("pmod(xxhash64({}), {buckets})", values.join(", "))
    }
    fn big(&self, expression: &str) -> String {
        format!("CAST({expression} AS DECIMAL(38,0))")
    }
    fn inline_cte(&self, name: &str, body: &str) -> String {
        format!("{name} AS ({body})")
    }
    fn limit_is_free(&self) -> bool {
        false
    }
    fn relation(&self, relation: &Relation) -> String {
        match relation {
            Relation::Table { name, version } => {
                let name: Vec<String> = name.iter().map(|part| identifier(part)).collect();
                match version {
                    Some(version) => format!("{} VERSION AS OF {version}", name.join(".")),
                    None => name.join("."),
                }
            }
            Relation::Files(files) => rows_of(files),
        }
    }
    fn describe(&self, query: &str) -> String {
        format!("DESCRIBE QUERY {query}")
    }
    fn read_type(&self, text: &str) -> DataType {
        DataType::from_spark(text).unwrap_or_else(|_| DataType::Other(text.to_owned()))
    }
    /// The Statement Execution API has no session to rely on.
    fn keep(&self, _name: &str, _query: &str) -> Option<String> {
        None
    }
    fn only(&self, columns: &str, from: &str, condition: &str) -> String {
        format!("SELECT {columns} FROM {from} WHERE {condition}")
    }
    fn without(&self, text: &str, pattern: &str) -> String {
        format!("regexp_replace({text}, {pattern}, '')")
    }
    fn matches(&self, text: &str, pattern: &str) -> String {
        format!("({text} RLIKE {pattern})")
    }
    fn begins_with(&self, text: &str, start: &str) -> String {
        format!("startswith({text}, {start})")
    }
    /// Spark SQL cannot compose. Letters of Latin are told apart here: the same letters without their marks, and the same
    /// marks.
    fn same_composed(&self, a: &str, b: &str) -> String {
        let (composed, letters, marks) = composed_letters();
        let plain =
            |text: &str| format!("regexp_replace(translate({text}, '{composed}', '{letters}'), '\\\\p{{M}}', '')");
        let marked =
            |text: &str| format!("regexp_replace(translate({text}, '{composed}', '{marks}'), '\\\\P{{M}}', '')");
        format!("({} = {} AND {} = {})", plain(a), plain(b), marked(a), marked(b))
    }
    fn split(&self, text: &str) -> String {
        format!("split({text}, ',')")
    }
    fn length(&self, array: &str) -> String {
        format!("cardinality({array})")
    }
    fn days(&self, date: &str) -> String {
        format!("unix_date({date})")
    }
    fn date(&self, days: &str) -> String {
        format!("date_from_unix_date(CAST({days} AS INT))")
    }
    fn divided(&self, a: &str, b: &str) -> String {
        format!("((({a}) - pmod({a}, {b})) div {b})")
    }
}

/// The composed letters of Latin-1 and Latin Extended-A with their plain letters and their marks, in the same order (the
/// canonical decompositions of `UnicodeData.txt`).
fn composed_letters() -> (String, String, String) {
    const MARKS: [(char, &str, &str); 12] = [
        ('\u{300}', "ÀÈÌÒÙàèìòùǸǹ", "AEIOUaeiouNn"),
        ('\u{301}', "ÁÉÍÓÚÝáéíóúýĆćĹĺŃńŔŕŚśŹź", "AEIOUYaeiouyCcLlNnRrSsZz"),
        ('\u{302}', "ÂÊÎÔÛâêîôûĈĉĜĝĤĥĴĵŜŝŴŵŶŷ", "AEIOUaeiouCcGgHhJjSsWwYy"),
        ('\u{303}', "ÃÑÕãñõĨĩŨũ", "ANOanoIiUu"),
        ('\u{304}', "ĀāĒēĪīŌōŪū", "AaEeIiOoUu"),
        ('\u{306}', "ĂăĔĕĞğĬĭŎŏŬŭ", "AaEeGgIiOoUu"),
        ('\u{307}', "ĊċĖėĠġİŻż", "CcEeGgIZz"),
        ('\u{308}', "ÄËÏÖÜäëïöüÿŸ", "AEIOUaeiouyY"),
        ('\u{30a}', "ÅåŮů", "AaUu"),
        ('\u{30b}', "ŐőŰű", "OoUu"),
        ('\u{30c}', "ČčĎďĚěŇňŘřŠšŤťŽž", "CcDdEeNnRrSsTtZz"),
        ('\u{327}', "ÇçĢĶķĻļŅņŖŗŞşŢţ", "CcGKkLlNnRrSsTt"),
    ];
    let (mut composed, mut letters, mut marks) = (String::new(), String::new(), String::new());
    for (mark, with, without) in MARKS {
        composed.push_str(with);
        letters.push_str(without);
        marks.extend(with.chars().map(|_| mark));
    }
    (composed, letters, marks)
}

/// What the manifest or the files say of columns; what was put aside is no column, and an empty text of CSV is one again.
fn rows_of(relation: &FileRelation) -> String {
    let call = read_files(relation);
    if relation.columns.is_empty() {
        return format!("(SELECT * EXCEPT (`{RESCUED}`) FROM {call})");
    }
    let columns = schema(relation).map(|(name, of_type)| {
        let name = identifier(name);
        if relation.format == FileFormat::Csv && *of_type == DataType::String {
            format!("CASE WHEN {name} = '\\u0001' THEN '' ELSE {name} END AS {name}")
        } else {
            name
        }
    });
    format!("(SELECT {} FROM {call})", columns.collect::<Vec<_>>().join(", "))
}

/// The column in which `read_files` puts what is not of its column's type.
const RESCUED: &str = "_rescued_data";

/// All columns: those of files, and partitions that are not among them. A partition that is not in the schema is not read.
fn schema(relation: &FileRelation) -> impl Iterator<Item = &(String, DataType)> {
    let is_new = |name: &str| !relation.columns.iter().any(|(own, _)| same_name(own, name));
    let partitions = relation.partition_types.iter().filter(move |(name, _)| is_new(name));
    relation.columns.iter().chain(partitions)
}

/// `read_files`: a folder each, types given where they are known, and what a file holds in another type put aside.
pub(super) fn read_files(relation: &FileRelation) -> String {
    let mut options = Vec::new();
    let mut option = |name: &str, value: String| options.push(format!("{name} => {value}"));
    option(
        "format",
        literal(match relation.format {
            FileFormat::Parquet => "parquet",
            FileFormat::Csv => "csv",
            FileFormat::Json => "json",
            FileFormat::Delta => "delta",
        }),
    );
    let ddl: Vec<String> = schema(relation).map(|(name, of_type)| format!("{} {of_type}", identifier(name))).collect();
    if !relation.columns.is_empty() {
        option("schema", literal(&ddl.join(", ")));
    } else if !ddl.is_empty() {
        option("schemaHints", literal(&ddl.join(", ")));
    }
    match relation.format {
        FileFormat::Csv => {
            let CsvOptions { header, sep, quote, escape, null_value, encoding } = &relation.csv;
            let text = |value: &Option<String>, default: &str| literal(value.as_deref().unwrap_or(default));
            option("header", header.unwrap_or(false).to_string());
            option("sep", text(sep, ","));
            option("quote", text(quote, "\""));
            option("escape", text(escape, "\\"));
            option("nullValue", text(null_value, ""));
            // Spark reads `""` back as null, which would hide '' against null.
            option("emptyValue", literal("\u{1}"));
            option("encoding", text(encoding, "UTF-8"));
            // A text may have line breaks, which Spark writes in quotes and reads only so (tried on 4.3).
            option("multiLine", "true".to_owned());
            option("mode", literal("FAILFAST"));
        }
        FileFormat::Json => option("mode", literal("FAILFAST")),
        FileFormat::Parquet | FileFormat::Delta => {}
    }
    option("rescuedDataColumn", literal(RESCUED));
    let path = relation.files.first().map(|file| file.path.as_str()).unwrap_or_default();
    format!("read_files({}, {})", literal(path), options.join(", "))
}
