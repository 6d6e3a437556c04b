//! What the duckdb program writes: rows as lines of JSON, errors as text.

use super::EngineFault;
use plumb_core::parity::sql::SqlRow;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// The rows of an answer. The program writes an empty line where there is none.
pub(super) fn rows(lines: &[String]) -> Result<Vec<SqlRow>, EngineFault> {
    let read = |line: &String| {
        let row: Result<InOrder, _> = serde_json::from_str(line);
        row.map(|row| row.0).map_err(|e| EngineFault::Failed(format!("duckdb answered what is no row in JSON: {e}")))
    };
    lines.iter().filter(|line| !line.is_empty()).map(read).collect()
}

/// The values of an object in the order in which they are written.
struct InOrder(SqlRow);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = InOrder;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut row = Vec::new();
                while let Some((_, value)) = map.next_entry::<String, Value>()? {
                    row.push(match value {
                        Value::Null => None,
                        Value::String(text) => Some(text),
                        other => Some(other.to_string()),
                    });
                }
                Ok(InOrder(row))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// What an error means, by the name that DuckDB gives to its kind (`src/common/exception.cpp` of DuckDB has them all).
pub(super) fn fault(text: &str) -> EngineFault {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    let said = without_values(rest.trim_start());
    match kind.trim() {
        "Out of Memory Error" => EngineFault::OutOfMemory(format!("duckdb ran out of memory: {said}")),
        "Permission Error" => EngineFault::Refused(said),
        "IO Error" if text.contains("Permission denied") => EngineFault::Refused(said),
        // The disk that it spills to is full: that says nothing of the data.
        "IO Error" if text.contains("No space left") || text.contains("temporary file") => EngineFault::Failed(said),
        "IO Error" | "Invalid Input Error" | "Invalid Error" | "Conversion Error" | "Serialization Error" => {
            EngineFault::Unreadable(said)
        }
        // The folder may be all right: it is this program that cannot read its log.
        "Catalog Error" if text.contains("delta_scan") => EngineFault::Unreadable(
            "this duckdb has no extension for Delta folders: `plumb parity setup` installs it, or `engine: databricks` reads \
             the table"
                .into(),
        ),
        "FATAL Error" | "INTERNAL Error" | "INTERRUPT Error" => {
            EngineFault::Gone(format!("duckdb cannot go on: {}: {said}", kind.trim()))
        }
        // The numbers that overflowed stand in brackets.
        "Out of Range Error" => EngineFault::Failed(said.split('(').next().unwrap_or_default().trim_end().to_owned()),
        kind => EngineFault::Failed(format!("{kind}: {said}")),
    }
}

/// The first line of an error, and the column that a later one names, without what is quoted: values of the data may be
/// sensitive. What is quoted as the name of a file or of a column stays.
fn without_values(text: &str) -> String {
    const NAMED: [&str; 5] = ["file ", "column ", "Column ", "Parquet file ", "pattern "];
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut kept = 0;
    let said = loop {
        let Some(open) = first[kept..].find(['"', '\'']).map(|at| kept + at) else { break first.to_owned() };
        let quote = &first[open..=open];
        if quote == "'" && first[..open].ends_with('n') && first[open + 1..].starts_with("t ") {
            // "don't know what type": Thrift, of a damaged page.
            kept = open + 1;
            continue;
        }
        let is_path = first[open + 1..].starts_with('/') && !first[open + 1..].contains('\u{0}');
        let closes = first[open + 1..].find(quote).map(|at| open + 1 + at);
        match closes {
            Some(close) if is_path || NAMED.iter().any(|word| first[..open].ends_with(word)) => kept = close + 1,
            _ => break format!("{}…", &first[..open]),
        }
    };
    let column = rest.lines().next().and_then(|line| line.strip_prefix("Error when converting column \""));
    // Of CSV the line comes between: the original one, which is data.
    let column = column.or_else(|| rest.lines().find_map(|line| line.strip_prefix("Error when converting column \"")));
    match column.and_then(|line| line.split_once("\". Could not convert")) {
        Some((name, _)) => format!("{said}: a value of `{name}` is not of its type"),
        None => said,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_the_order_of_their_columns_and_every_character() {
        let lines =
            [r#"{"b":"1","a":null,"c":"x\n\u0000\"é"}"#.to_owned(), String::new(), r#"{"b":2,"a":true,"c":""}"#.into()];
        let text = |text: &str| Some(text.to_owned());
        let wanted = vec![vec![text("1"), None, text("x\n\0\"é")], vec![text("2"), text("true"), text("")]];
        assert_eq!(rows(&lines).unwrap(), wanted);
        for broken in [r#"{"a":"1"#, r#"{"a":nan}"#, "[1]", "END"] {
            let EngineFault::Failed(why) = rows(&[broken.to_owned()]).unwrap_err() else { panic!("{broken}") };
            assert!(why.contains("no row in JSON"), "{why}");
        }
    }

    /// Each text is one that duckdb 1.5.5 wrote, shortened.
    #[test]
    fn an_error_is_what_it_means_and_quotes_no_value() {
        let unreadable = |text: &str| EngineFault::Unreadable(text.to_owned());
        for (text, wanted) in [
            (
                "Invalid Input Error: No magic bytes found at end of file '/d/a.parquet'\n\nLINE 1: SELECT",
                unreadable("No magic bytes found at end of file '/d/a.parquet'"),
            ),
            ("Invalid Error: TProtocolException: Invalid data", unreadable("TProtocolException: Invalid data")),
            (
                "Catalog Error: Table Function with name \"delta_scan\" is not in the catalog, but it exists in the delta",
                unreadable(
                    "this duckdb has no extension for Delta folders: `plumb parity setup` installs it, or `engine: \
                     databricks` reads the table",
                ),
            ),
            ("Invalid Error: don't know what type: '\u{f}canary'", unreadable("don't know what type: …")),
            (
                "IO Error: No files found that match the pattern \"/d/gone.parquet\"",
                unreadable("No files found that match the pattern \"/d/gone.parquet\""),
            ),
            (
                "Conversion Error: Error while reading file \"/d/c.parquet\": failed to cast column \"k\" from type VARCHAR to \
                 BIGINT: : Could not convert string 'canary' to INT64\n\nIn file",
                unreadable(
                    "Error while reading file \"/d/c.parquet\": failed to cast column \"k\" from type VARCHAR to BIGINT: : \
                     Could not convert string …",
                ),
            ),
            (
                "Conversion Error: CSV Error on Line: 2\nOriginal Line: canary,3\nError when converting column \"a\". Could not \
                 convert string \"canary\" to 'BIGINT'\n",
                unreadable("CSV Error on Line: 2: a value of `a` is not of its type"),
            ),
            (
                "Out of Memory Error: failed to allocate data of size 16.0 MiB (82.2 MiB/95.3 MiB used)\n\nPossible",
                EngineFault::OutOfMemory(
                    "duckdb ran out of memory: failed to allocate data of size 16.0 MiB (82.2 MiB/95.3 MiB used)"
                        .into(),
                ),
            ),
            (
                "Permission Error: Cannot access file \"/etc/passwd\" - file system operations are disabled by configuration",
                EngineFault::Refused(
                    "Cannot access file \"/etc/passwd\" - file system operations are disabled by configuration".into(),
                ),
            ),
            (
                "IO Error: Cannot open file \"/d/a.parquet\": Permission denied",
                EngineFault::Refused("Cannot open file \"/d/a.parquet\": Permission denied".into()),
            ),
            (
                "IO Error: Could not write file \"/t/x.tmp\": No space left on device",
                EngineFault::Failed("Could not write file \"/t/x.tmp\": No space left on device".into()),
            ),
            (
                "Out of Range Error: Overflow in multiplication of INT64 (4711 * 4712)!",
                EngineFault::Failed("Overflow in multiplication of INT64".into()),
            ),
            (
                "INTERRUPT Error: Interrupted!",
                EngineFault::Gone("duckdb cannot go on: INTERRUPT Error: Interrupted!".into()),
            ),
            (
                "Catalog Error: Table with name nope does not exist!\nDid you mean",
                EngineFault::Failed("Catalog Error: Table with name nope does not exist!".into()),
            ),
            ("something else", EngineFault::Failed("something else: ".into())),
        ] {
            assert_eq!(fault(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_value_with_quotes_in_it_is_not_shown_either() {
        for value in ["O'canary", "a\" column \"canary", "canary", "/canary' canary"] {
            let shown = fault(&format!("Conversion Error: Could not convert string '{value}' to INT32")).to_string();
            assert!(!shown.contains("canary") || value.starts_with('/'), "{shown}");
        }
    }
}
