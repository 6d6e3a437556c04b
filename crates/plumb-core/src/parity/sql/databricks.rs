//! What Databricks SQL writes differently. Tried on Spark 4.3 with ANSI on, which has the same functions.

use super::{Dialect, SqlParameter};
use crate::kinds::emr::compare::{CsvOptions, FileFormat};
use crate::parity::plan::{FileRelation, Relation};
use crate::parity::types::DataType;

/// The dialect of a SQL warehouse.
pub struct Databricks;

pub(super) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text that plumb itself made: a path or an option, no value of a manifest's predicate.
fn literal(text: &str) -> String {
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
    fn attempt_subtract(&self, a: &str, b: &str) -> String {
        format!("try_subtract({a}, {b})")
    }
    fn attempt_multiply(&self, a: &str, b: &str) -> String {
        format!("try_multiply({a}, {b})")
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
            Relation::Files(files) => read_files(files),
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

/// `read_files`: a folder each, types given, and what a file holds in another type is an error.
fn read_files(relation: &FileRelation) -> String {
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
    if !relation.columns.is_empty() {
        let schema: Vec<String> =
            relation.columns.iter().map(|(name, of_type)| format!("{} {of_type}", identifier(name))).collect();
        option("schema", literal(&schema.join(", ")));
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
            option("mode", literal("FAILFAST"));
        }
        FileFormat::Json => option("mode", literal("FAILFAST")),
        FileFormat::Parquet | FileFormat::Delta => {}
    }
    let path = relation.files.first().map(|file| file.path.as_str()).unwrap_or_default();
    let call = format!("read_files({}, {})", literal(path), options.join(", "));
    let texts = relation.columns.iter().filter(|(_, of_type)| *of_type == DataType::String);
    let restored: Vec<String> = texts
        .filter(|_| relation.format == FileFormat::Csv)
        .map(|(name, _)| {
            let name = identifier(name);
            format!("CASE WHEN {name} = '\\u0001' THEN '' ELSE {name} END AS {name}")
        })
        .collect();
    if restored.is_empty() {
        return call;
    }
    let names: Vec<String> = relation
        .columns
        .iter()
        .filter(|(_, of_type)| *of_type == DataType::String)
        .map(|(name, _)| identifier(name))
        .collect();
    format!("(SELECT * EXCEPT ({}), {} FROM {call})", names.join(", "), restored.join(", "))
}
