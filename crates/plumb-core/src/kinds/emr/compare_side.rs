//! Checks of one side of a comparison: where its rows come from, and which of them.

use super::compare::{CompareSide, CsvOptions, EngineChoice, FileFormat, PeriodUnit};
use super::compare_check::{column, twice};
use super::compare_text::unknown_placeholder;
use crate::kinds::Findings;
use plumb_model::types::DataType;
use plumb_model::yaml::{is_deferred, nearest};
use serde_json::Value;
use std::collections::BTreeMap;

/// What of a comparison matters to one side of it.
#[derive(Clone, Copy)]
pub(super) struct SideContext {
    pub unit: PeriodUnit,
    pub engine: EngineChoice,
    /// Whether a SQL warehouse compares this output.
    pub on_warehouse: bool,
}

/// The conditions of a `where` on one value, beside a value and null.
const CONDITIONS: [&str; 5] = ["in", "lt", "le", "gt", "ge"];
/// The encodings of CSV that DuckDB reads without an extension, by Spark's names. Tried with 1.5.5: its `utf-16` is
/// little-endian, and of a big-endian file, as Spark writes `UTF-16`, it reads no row and reports nothing.
const DUCKDB_ENCODINGS: [&str; 4] = ["UTF-8", "US-ASCII", "ISO-8859-1", "UTF-16LE"];
/// Those that Spark reads (`CharsetProvider`, Spark 4).
const SPARK_ENCODINGS: [&str; 7] = ["UTF-8", "US-ASCII", "ISO-8859-1", "UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32"];
/// DuckDB: "The delimiter option cannot exceed a size of 4 bytes." Spark takes any.
const LONGEST_SEP: usize = 4;

pub(super) fn check(side: &CompareSide, at: &str, context: SideContext, findings: &mut Findings) {
    match (&side.path, &side.table) {
        (None, None) if findings.is_whole(&format!("{at}.path")) && findings.is_whole(&format!("{at}.table")) => {
            findings.at(at, "neither `path` nor `table` is given", "say where its rows are");
        }
        (None, None) => {}
        (Some(_), Some(_)) => {
            findings.at(format!("{at}.table"), "`path` and `table` are both given", "keep one of them");
        }
        (Some(text), None) => {
            path(text, &format!("{at}.path"), context, findings);
            if side.format.is_none() && findings.is_whole(&format!("{at}.format")) {
                let label = "add `format`: `parquet`, `csv`, `json` or `delta`";
                findings.at(at, "`format` is missing: it is never guessed", label);
            }
        }
        (None, Some(name)) => {
            table(name, &format!("{at}.table"), context, findings);
            for (member, is_given) in [
                ("format", side.format.is_some()),
                ("done", side.done.is_some()),
                ("csv", side.csv.is_some()),
                ("columns", side.columns.is_some()),
            ] {
                if is_given {
                    let message = format!("`{member}` is of files, and this is a table");
                    findings.at(format!("{at}.{member}"), message, "take it out");
                }
            }
        }
    }
    if side.table.is_none() {
        file_members(side, at, context, findings);
    }
    if let Some(filter) = &side.filter {
        conditions(filter, &format!("{at}.where"), context.unit, findings);
    }
}

fn file_members(side: &CompareSide, at: &str, context: SideContext, findings: &mut Findings) {
    if let Some(done) = side.done.as_deref().filter(|done| !is_deferred(done)) {
        let is_name =
            !done.is_empty() && done != "." && done != ".." && !done.contains(['/', '\\', '*', '?', '[', '{', '}']);
        if !is_name {
            let label = "expected the name of a file in the folder of `path`: `_SUCCESS`";
            findings.at(format!("{at}.done"), format!("`{done}` is no name of a file"), label);
        }
    }
    if let Some(csv) = &side.csv {
        if side.format.is_some_and(|format| format != FileFormat::Csv) {
            findings.at(format!("{at}.csv"), "`csv` is of `format: csv`", "take it out, or correct `format`");
        } else {
            csv_options(csv, &format!("{at}.csv"), context, findings);
        }
    }
    let needs_columns = matches!(side.format, Some(FileFormat::Csv | FileFormat::Json));
    match &side.columns {
        None if needs_columns && findings.is_whole(&format!("{at}.columns")) => {
            let label = "add `columns` with the type of each: types are never guessed";
            findings.at(at, "`columns` is missing", label);
        }
        // Those of Parquet are partitions: which ones they are, only the folders say.
        Some(_) if side.format == Some(FileFormat::Delta) => {
            findings.at(
                format!("{at}.columns"),
                "these files say the types of their columns themselves",
                "take it out",
            );
        }
        Some(columns) => {
            if columns.0.is_empty() && findings.is_whole(&format!("{at}.columns")) {
                findings.at(format!("{at}.columns"), "no column is named", "name each with its type: `id: bigint`");
            }
            let names: Vec<&str> = columns.0.iter().map(|(name, _)| name.as_str()).collect();
            twice(&names, |i| format!("{at}.columns.{}", names[i]), findings);
            for (name, of_type) in &columns.0 {
                column_type(name, of_type, side.format, &format!("{at}.columns.{name}"), findings);
            }
        }
        None => {}
    }
}

fn column_type(name: &str, of_type: &str, format: Option<FileFormat>, place: &str, findings: &mut Findings) {
    column(name, place, findings);
    if is_deferred(of_type) {
        return;
    }
    match DataType::from_spark(of_type) {
        Err(why) => {
            let near = nearest(
                of_type,
                ["boolean", "int", "bigint", "decimal", "double", "float", "string", "date", "timestamp"],
            );
            let label = near
                .map_or("expected one of Spark SQL: `bigint`, `decimal(18,2)`, `timestamp_ntz`".into(), |near| {
                    format!("did you mean `{near}`?")
                });
            findings.at(place, format!("the type of `{name}` cannot be read: {why}"), label);
        }
        // Spark's CSV source refuses them (UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE).
        Ok(read) if format == Some(FileFormat::Csv) && (read.is_nested() || read == DataType::Binary) => {
            findings.at(place, format!("CSV has no `{read}`"), "expected a plain type: read it as `string`");
        }
        Ok(_) => {}
    }
}

fn path(text: &str, place: &str, context: SideContext, findings: &mut Findings) {
    if is_deferred(text) {
        return;
    }
    let supported = "expected `s3://BUCKET/FOLDER/` or a local path";
    if text.trim().is_empty() {
        findings.at(place, "the path is empty", supported);
        return;
    }
    if let Some((why, label)) = unknown_placeholder(text, context.unit) {
        findings.at(place, why, label);
    }
    let scheme = text
        .split_once(':')
        .map(|(scheme, _)| scheme)
        .filter(|scheme| scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b)));
    match scheme {
        Some("s3") => {
            let rest = text.strip_prefix("s3://").unwrap_or_default();
            if rest.split_once('/').is_none_or(|(bucket, key)| bucket.is_empty() || key.trim_matches('/').is_empty()) {
                findings.at(place, format!("`{text}` names no folder of a bucket"), "expected `s3://BUCKET/FOLDER/`");
            }
        }
        Some(scheme @ ("s3a" | "s3n")) => {
            findings.at(place, format!("`{scheme}://` is Hadoop's name for `s3://`"), "write `s3://`");
        }
        Some("file") => findings.at(place, "`file:` is not read", "write the local path itself"),
        Some(scheme) => {
            let help = "what only Databricks reaches is compared as a `table` of Unity Catalog";
            findings.at_with_help(place, format!("`{scheme}:` is not read"), supported, help);
        }
        None if context.on_warehouse => {
            let label = "a SQL warehouse reads `s3://` and tables: use engine `duckdb`, or upload it";
            findings.at(place, "a SQL warehouse cannot read this local path", label);
        }
        None if text.starts_with('~') => findings.at(place, "`~` is not expanded", "write the whole path"),
        None => {}
    }
    if text.split(['/', '\\']).any(|part| part == "..") {
        findings.at(place, "`..` leads out of the folder", "write the path without it");
    }
    if let Some(wildcard) = text.chars().find(|c| "*?[]".contains(*c)) {
        let label = "name the folder: every file in it is read, but for those that begin with `_` or `.`";
        findings.at(place, format!("`{wildcard}` is a wildcard, and none is expanded"), label);
    }
    if text.chars().any(char::is_control) {
        findings.at(place, "a control character is in the path", "take it out");
    }
}

fn table(name: &str, place: &str, context: SideContext, findings: &mut Findings) {
    if is_deferred(name) {
        return;
    }
    // Unity Catalog: no dots, blanks, slashes or control characters in a name, 255 characters at most.
    let is_name = |part: &str| {
        (1..=255).contains(&part.chars().count())
            && !part.chars().any(|c| c.is_control() || c.is_whitespace() || "/`{}".contains(c))
    };
    let parts: Vec<&str> = name.split('.').collect();
    if name.contains(['{', '}']) {
        let label = "placeholders stand in `path` and `where`: say by `where` which rows are of the period";
        findings.at(place, "the name of a table has no placeholders", label);
    } else if parts.len() != 3 || !parts.iter().all(|part| is_name(part)) {
        findings.at(place, format!("`{name}` is no table of Unity Catalog"), "expected `CATALOG.SCHEMA.TABLE`");
    }
    if context.engine == EngineChoice::Duckdb {
        findings.at(place, "engine `duckdb` cannot read a table", "use engine `databricks` or `auto`");
    }
}

fn csv_options(csv: &CsvOptions, at: &str, context: SideContext, findings: &mut Findings) {
    let breaks = |text: &str| text.contains(['\n', '\r']);
    if let Some(sep) = csv.sep.as_deref() {
        if sep == "\\t" {
            findings.at(format!("{at}.sep"), "this is a backslash and a `t`", "a tab is `\"\\t\"`, in double quotes");
        } else if sep.is_empty() || breaks(sep) {
            findings.at(format!("{at}.sep"), "nothing stands between the values", "expected a character like `;`");
        } else if sep.len() > LONGEST_SEP && !context.on_warehouse {
            let message = format!("{} bytes stand between the values", sep.len());
            findings.at(format!("{at}.sep"), message, format!("DuckDB reads {LONGEST_SEP} at most"));
        }
    }
    for (member, value) in [("quote", &csv.quote), ("escape", &csv.escape)] {
        let is_wrong = |text: &&str| text.chars().count() > 1 || text.len() > 1 || breaks(text);
        if let Some(text) = value.as_deref().filter(is_wrong) {
            let label = "expected one character of ASCII, or an empty text for none";
            findings.at(format!("{at}.{member}"), format!("`{text}` is no single character"), label);
        }
    }
    let quote = csv.quote.as_deref().unwrap_or("\"");
    if !quote.is_empty() && csv.sep.as_deref().unwrap_or(",").contains(quote) {
        let place = if csv.quote.is_some() { "quote" } else { "sep" };
        findings.at(
            format!("{at}.{place}"),
            "`sep` and `quote` are the same",
            "a value could not be told from the next",
        );
    }
    if csv.null_value.as_deref().is_some_and(breaks) {
        findings.at(format!("{at}.nullValue"), "a line break is in it", "a value ends with its line");
    }
    if let Some(encoding) = csv.encoding.as_deref().filter(|encoding| !is_deferred(encoding)) {
        let known = if context.on_warehouse { &SPARK_ENCODINGS[..] } else { &DUCKDB_ENCODINGS[..] };
        if !known.iter().any(|name| name.eq_ignore_ascii_case(encoding)) {
            let engine = if context.on_warehouse { "Spark" } else { "DuckDB" };
            let listed = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            findings.at(
                format!("{at}.encoding"),
                format!("{engine} does not read `{encoding}`"),
                format!("expected one of {listed}"),
            );
        }
    }
}

/// Checks a `where`. Nothing in it is SQL: it means the same to every engine.
pub(super) fn conditions(filter: &BTreeMap<String, Value>, at: &str, unit: PeriodUnit, findings: &mut Findings) {
    if filter.is_empty() && findings.is_whole(at) {
        findings.at(at, "this says nothing of any row", "take it out, or add `column: value`");
    }
    for (name, value) in filter {
        let place = format!("{at}.{name}");
        column(name, &place, findings);
        match value {
            Value::Object(tests) => condition(tests, &place, unit, findings),
            Value::Array(_) => {
                findings.at(&place, "a list is no condition", "write `{in: […]}` for one of several values");
            }
            scalar => placeholders(scalar, &place, unit, findings),
        }
    }
}

fn condition(tests: &serde_json::Map<String, Value>, place: &str, unit: PeriodUnit, findings: &mut Findings) {
    if tests.is_empty() {
        findings.at(place, "this is no condition", "expected a value, null, or `{in: […]}`, `{lt: …}`, `{ge: …}`");
    }
    for (test, value) in tests {
        let at = format!("{place}.{test}");
        match (test.as_str(), value) {
            ("in", Value::Array(values)) if values.is_empty() => {
                findings.at(&at, "no value is one of none", "name at least one");
            }
            ("in", Value::Array(values)) => {
                for (i, value) in values.iter().enumerate() {
                    let at = format!("{at}[{i}]");
                    if value.is_null() || value.is_array() || value.is_object() {
                        findings.at(&at, "this is no value", "expected a text, a number, `true` or `false`");
                    }
                    placeholders(value, &at, unit, findings);
                }
            }
            ("in", _) => findings.at(&at, "this is no list", "expected `{in: [a, b]}`"),
            ("lt" | "le" | "gt" | "ge", Value::String(_) | Value::Number(_)) => {
                placeholders(value, &at, unit, findings)
            }
            ("lt" | "le" | "gt" | "ge", _) => findings.at(&at, "this has no order", "expected a text or a number"),
            (other, _) => {
                let meant = match other {
                    "gte" => Some("ge"),
                    "lte" => Some("le"),
                    other => nearest(other, CONDITIONS),
                };
                let label = meant.map_or_else(
                    || "expected `in`, `lt`, `le`, `gt` or `ge`".to_owned(),
                    |meant| format!("did you mean `{meant}`?"),
                );
                findings.at(&at, format!("there is no condition `{other}`"), label);
            }
        }
    }
    let given = |names: &[&str]| names.iter().filter(|name| tests.contains_key(**name)).count();
    if given(&["lt", "le"]) > 1 || given(&["gt", "ge"]) > 1 || (given(&["in"]) > 0 && tests.len() > 1) {
        findings.at(place, "two of these conditions say the same", "keep one bound on each side, or `in` alone");
    }
}

fn placeholders(value: &Value, place: &str, unit: PeriodUnit, findings: &mut Findings) {
    let text = value.as_str().filter(|text| !is_deferred(text));
    if let Some((why, label)) = text.and_then(|text| unknown_placeholder(text, unit)) {
        findings.at(place, why, label);
    }
}
