//! Answers that duckdb 1.5.5 gave to these statements, of files that PySpark's and pyarrow's writers made.

#![allow(clippy::unwrap_used)]

use super::*;

fn row(values: &[Option<&str>]) -> SqlRow {
    values.iter().map(|value| value.map(str::to_owned)).collect()
}

fn file(path: &str) -> FilePart {
    FilePart { path: path.to_owned(), ..FilePart::default() }
}

const LIST: &str = "l|1|||LIST|ListType()|OPTIONAL,list|1|||||REPEATED,element|2|||||OPTIONAL,\
                    t|0|INT96|TIMESTAMP|||OPTIONAL,d|0|INT32|DATE|DATE|DateType()|OPTIONAL";
const MAP: &str = "m|1|||MAP|MapType()|OPTIONAL,key_value|2|||||REPEATED,key|0|BYTE_ARRAY|VARCHAR|UTF8|StringType()|REQUIRED,\
                   value|0|INT96|TIMESTAMP|||OPTIONAL";
const KEY: &str = "k|0|INT64|BIGINT|||OPTIONAL";
const WALL: &str = "ns|0|INT64|TIMESTAMP_NS||TimestampType(isAdjustedToUTC=0; unit=TimeUnit(MILLIS=<null>; MICROS=<null>; \
                    NANOS=NanoSeconds()))|OPTIONAL";
const INSTANT: &str = "nsu|0|INT64|TIMESTAMP WITH TIME ZONE||TimestampType(isAdjustedToUTC=1; unit=TimeUnit(MILLIS=<null>; \
                       MICROS=<null>; NANOS=NanoSeconds()))|OPTIONAL";

/// A schema of these columns, as it is answered.
fn schema(file: &str, columns: &[&str]) -> SqlRow {
    let fields = [&[&*format!("schema|{}|||||REQUIRED", columns.len())], columns].concat().join(",");
    let text = fields.replace('|', "\u{1f}").replace(',', "\u{1e}").replace(';', ",");
    row(&[Some(file), Some("1"), Some(&text)])
}

#[test]
fn a_file_is_in_the_calendar_that_spark_takes_it_to_be_in() {
    let rows = [
        row(&[Some("2.4"), Some("2.4.3"), Some("0"), Some("0")]),
        row(&[Some("3.0"), Some("3.0.2"), Some("0"), Some("0")]),
        row(&[Some("3.5"), Some("3.5.1"), Some("0"), Some("0")]),
        row(&[Some("4.0"), Some("4.0.0-SNAPSHOT"), Some("0"), Some("0")]),
        row(&[Some("10"), Some("10.1.0"), Some("0"), Some("0")]),
        row(&[Some("days"), Some("3.5.1"), Some("1"), Some("0")]),
        row(&[Some("times"), Some("3.5.1"), Some("0"), Some("1")]),
        // Not written by Spark: taken as it is.
        row(&[Some("none"), None, Some("1"), Some("1")]),
    ];
    let found = read_calendars(&rows).unwrap();
    let names = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(names(&found.julian), "2.4 days");
    assert_eq!(names(&found.old_times), "2.4 3.0 days times");
    assert!(read_calendars(&[row(&[Some("f")])]).is_err());
}

#[test]
fn types_are_those_of_the_footers() {
    let read = read_schemas("old", &[schema("a", &[KEY, LIST, MAP, WALL])]).unwrap();
    let types: Vec<String> = read.columns.iter().map(|column| format!("{} {}", column.name, column.of_type)).collect();
    // DESCRIBE says TIMESTAMP of INT96, which is an instant.
    let wanted = ["k bigint", "l array<struct<t:timestamp,d:date>>", "m map<string,timestamp>", "ns timestamp_ntz"];
    assert_eq!(types, wanted);
    // Lists as parquet-avro, Hive and parquet-mr wrote them once.
    for (list, wanted) in [
        ("a|1|||LIST||OPTIONAL,bag|1|||||REPEATED,array_element|0|INT64|BIGINT|||OPTIONAL", "array<bigint>"),
        ("a|1|||LIST||OPTIONAL,array|0|INT64|BIGINT|||REPEATED", "array<bigint>"),
        ("a|1|||LIST||OPTIONAL,array|1|||||REPEATED,x|0|INT64|BIGINT|||OPTIONAL", "array<struct<x:bigint>>"),
        ("a|0|INT64|BIGINT|||REPEATED", "array<bigint>"),
    ] {
        assert_eq!(
            read_schemas("old", &[schema("a", &[list])]).unwrap().columns[0].of_type.to_string(),
            wanted,
            "{list}"
        );
    }
}

#[test]
fn mixed_schemas_are_no_side() {
    let text = "k|0|BYTE_ARRAY|VARCHAR|UTF8|StringType()|OPTIONAL";
    let fault = read_schemas("old", &[schema("a", &[KEY]), schema("b", &[text])]).unwrap_err();
    assert_eq!(fault.cause, "unreadable");
    assert_eq!(fault.says, "old: `k` is bigint in a and string in b: the files are of different schemas");
    // INT96 and micros are both instants; the order of columns and of members, and case, mean nothing.
    let micros = "TS|0|INT64|TIMESTAMP WITH TIME ZONE|||OPTIONAL";
    let read =
        read_schemas("old", &[schema("a", &[KEY, "ts|0|INT96|TIMESTAMP|||OPTIONAL"]), schema("b", &[micros, KEY])]);
    assert_eq!(read.unwrap().uneven, []);
    let read =
        read_schemas("old", &[schema("a", &[KEY, WALL]), schema("b", &[KEY]), schema("c", &[KEY, MAP])]).unwrap();
    let uneven: Vec<String> = read.uneven.iter().map(|(column, file)| format!("{column} not in {file}")).collect();
    assert_eq!(uneven, ["ns not in b", "ns not in c", "m not in a"]);
    assert_eq!(read.columns.len(), 3);
    for broken in ["", "schema|2|||||REQUIRED", "schema|x|||||REQUIRED"] {
        let text = broken.replace('|', "\u{1f}");
        assert!(read_schemas("old", &[row(&[Some("a"), Some("1"), Some(&text)])]).is_err(), "{broken}");
    }
}

#[test]
fn nanoseconds_are_never_dropped_in_silence() {
    let fault = read_schemas("old", &[schema("a", &[KEY, INSTANT])]).unwrap_err();
    assert!(fault.says.contains("`nsu` of a has instants in nanoseconds"), "{fault}");
    let read = read_schemas("old", &[schema("a", &[KEY, WALL])]).unwrap();
    let asked = doubtful_times(&[file("/d/a")], &read, &Calendars::default()).unwrap().text;
    assert_eq!(
        asked,
        "SELECT '0' AS old, (SELECT CAST(count(*) AS VARCHAR) FROM read_parquet(['/d/a'], union_by_name=true, \
         hive_partitioning=false) WHERE epoch_ns(\"ns\") % 1000 <> 0) AS lost"
    );
}

#[test]
fn old_times_are_looked_for_in_old_files_only_and_at_any_depth() {
    let read = read_schemas("old", &[schema("a", &[KEY, LIST, MAP, "d|0|INT32|DATE|DATE||OPTIONAL"])]).unwrap();
    let files = [file("/d/a"), file("/d/it's")];
    assert_eq!(doubtful_times(&files, &read, &Calendars::default()), None);
    let old = Calendars { old_times: ["/d/it's".to_owned()].into(), ..Calendars::default() };
    let asked = doubtful_times(&files, &read, &old).unwrap().text;
    assert_eq!(
        asked,
        "SELECT (SELECT CAST(count(*) AS VARCHAR) FROM read_parquet(['/d/it''s'], union_by_name=true, hive_partitioning=false) \
         WHERE len(list_filter(\"l\", lambda e0: (struct_extract(e0, 't') < TIMESTAMP '1900-01-01' OR struct_extract(e0, 'd') \
         < DATE '1582-10-15'))) > 0 OR (len(list_filter(map_values(\"m\"), lambda e0: e0 < TIMESTAMP '1900-01-01')) > 0)) AS old, \
         '0' AS lost"
    );
    assert_eq!(read_doubtful_times("old", &[row(&[Some("0"), Some("0")])]), Ok(()));
    for (answer, wanted) in [
        (row(&[Some("3"), Some("0")]), "3 rows hold timestamps before 1900"),
        (row(&[Some("0"), Some("4")]), "4 rows hold timestamps in nanoseconds"),
        (row(&[None, Some("0")]), "could not be counted"),
        (row(&[]), "could not be counted"),
    ] {
        assert!(read_doubtful_times("old", &[answer]).unwrap_err().says.contains(wanted));
    }
    assert!(read_doubtful_times("old", &[]).is_err());
}
