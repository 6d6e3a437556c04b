//! Folders that a warehouse reads.

#![allow(clippy::unwrap_used)]

use super::super::Duckdb;
use super::*;
use crate::kinds::emr::compare::{CsvOptions, FileFormat};
use crate::parity::plan::FilePart;
use crate::parity::types::DataType;

fn relation(format: FileFormat, columns: &[(&str, DataType)], partitions: &[(&str, DataType)]) -> FileRelation {
    let named = |all: &[(&str, DataType)]| all.iter().map(|(name, of)| ((*name).to_owned(), of.clone())).collect();
    FileRelation {
        format,
        files: vec![FilePart { path: "s3://bau/it's/".into(), ..FilePart::default() }],
        csv: CsvOptions { sep: Some("\\".into()), ..CsvOptions::default() },
        columns: named(columns),
        partition_types: named(partitions),
    }
}

#[test]
fn what_is_not_of_its_type_is_counted_and_kept_out_of_the_columns() {
    let text = |relation: FileRelation| Databricks.relation(&Relation::Files(relation));
    // Before its columns are known.
    let parquet = relation(FileFormat::Parquet, &[], &[("month", DataType::String)]);
    assert_eq!(
        text(parquet.clone()),
        "(SELECT * EXCEPT (`_rescued_data`) FROM read_files('s3://bau/it\\'s/', format => 'parquet', schemaHints => \
         '`month` string', rescuedDataColumn => '_rescued_data'))"
    );
    // A partition is a column of the schema, once.
    let known = [("k", DataType::Integer(64)), ("month", DataType::String)];
    let described = relation(FileFormat::Parquet, &known, &[("month", DataType::String)]);
    assert_eq!(
        text(described),
        "(SELECT `k`, `month` FROM read_files('s3://bau/it\\'s/', format => 'parquet', schema => '`k` bigint, `month` string', \
         rescuedDataColumn => '_rescued_data'))"
    );
    let csv =
        relation(FileFormat::Csv, &[("a", DataType::String), ("b", DataType::Integer(32))], &[("m", DataType::Date)]);
    let text = text(csv.clone());
    assert!(text.starts_with("(SELECT CASE WHEN `a` = '\\u0001' THEN '' ELSE `a` END AS `a`, `b`, `m` FROM"), "{text}");
    assert!(text.contains("schema => '`a` string, `b` int, `m` date', header => false, sep => '\\\\'"), "{text}");
    assert!(text.contains("multiLine => true, mode => 'FAILFAST'"), "{text}");
    let side = |relation: FileRelation| SidePlan { relation: Relation::Files(relation), filter: Vec::new() };
    let statement = rescued(&Databricks, &side(csv)).unwrap();
    assert!(statement.text.starts_with("SELECT CAST(count(*) AS STRING) AS n FROM read_files("), "{}", statement.text);
    assert!(statement.text.ends_with("rescuedDataColumn => '_rescued_data') WHERE `_rescued_data` IS NOT NULL"));
    assert_eq!(rescued(&Duckdb, &side(parquet)), None);
    let table = Relation::Table { name: vec!["a".into()], version: None };
    assert_eq!(rescued(&Databricks, &SidePlan { relation: table, filter: Vec::new() }), None);
}

fn row(values: &[&str]) -> SqlRow {
    values.iter().map(|value| Some((*value).to_owned())).collect()
}

#[test]
fn a_listing_has_the_files_and_what_says_that_they_are_all() {
    assert_eq!(
        files("s3://b/x/").text,
        "SELECT path, CAST(length AS STRING) AS size, CAST(unix_micros(modificationTime) AS STRING) AS written FROM \
         read_files('s3://b/x/', format => 'binaryFile')"
    );
    assert_eq!(list("s3://b/x/").text, "LIST 's3://b/x/' LIMIT 1001");
    let files = [row(&["s3://b/x/m=1/part-0", "12", "77"]), row(&["s3://b/x/m=2/part-0", "13", "78"])];
    let listed = [
        row(&["s3://b/x/_SUCCESS", "_SUCCESS", "0", "1"]),
        row(&["s3://b/x/m=1/", "m=1/", "0", "1"]),
        row(&["s3://b/x/_delta_log", "_delta_log", "0", "1"]),
    ];
    let read = |done, files: &[SqlRow], listed: &[SqlRow]| read_listing("s3://b/x/", "s3://b/x/", done, files, listed);
    let found = read(Some("_SUCCESS"), &files, &listed).unwrap();
    let paths: Vec<&str> = found.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, ["m=1/part-0", "m=2/part-0", "_SUCCESS", "_delta_log/"]);
    assert_eq!((found[0].size, &*found[0].version), (12, "77"));
    let fault = read(None, &[row(&["s3://other/part-0", "12", "77"])], &[]).unwrap_err();
    assert!(fault.says.contains("lists a file elsewhere: s3://other/part-0"), "{fault}");
    assert!(read(None, &[vec![Some("s3://b/x/p".into()), None, None]], &[]).is_err());
    // A listing that was cut may have lost what is looked for.
    let many: Vec<SqlRow> =
        (0..MOST_LISTED).map(|i| row(&[&format!("s3://b/x/p{i}"), &format!("p{i}"), "1", "1"])).collect();
    let fault = read(Some("_SUCCESS"), &files, &many).unwrap_err();
    assert_eq!(fault.cause, "not_finished");
    assert!(fault.says.contains("whether _SUCCESS is there is not known"), "{fault}");
    assert!(read(None, &files, &many).is_ok());
    let fault = read(Some("_SUCCESS"), &files, &listed[1..]).unwrap_err();
    assert_eq!(fault.says, "s3://b/x/ has no _SUCCESS: its writer has not finished");
    assert!(finished("s", "_SUCCESS", &listed).is_ok() && finished("s", "_SUCCES", &listed).is_err());
}
