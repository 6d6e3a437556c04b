//! Reports of comparisons: those of `tests/parity-reports/`, and one that is as large as can be.

use plumb_core::parity::result::{
    CellExample, ColumnResult, DifferenceSpread, Explanation, Histogram, OutputResult, Report, SideResult, SpreadPart,
    Verdict,
};
use std::collections::BTreeMap;
use std::{fs, path::PathBuf};

/// Where the reports and what is made of them stand.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity-reports")
}

/// Every report, by the name of its folder.
pub fn reports() -> BTreeMap<String, Report> {
    let folders = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(path.join("report.json")).unwrap();
        let report = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path.file_name().unwrap().to_str().unwrap().to_owned(), report)
    };
    folders.map(read).collect()
}

const MANY: u64 = 1_000_000_000_000;

/// 30 outputs of 10^12 rows, one of them with 200 columns that differ, long names and long values.
pub fn extreme() -> Report {
    let mut report = reports().remove("differs").unwrap();
    report.migration = format!("extreme-{}", "m".repeat(80));
    report.outputs = (0..30).map(output).collect();
    report.outputs[1] = with_columns(output(1));
    report
}

fn output(at: u64) -> OutputResult {
    let side = |rows| SideResult {
        source: format!("s3://bau/{}", "part".repeat(60)),
        rows: Some(rows),
        fingerprint: Some("0123456789abcdef".repeat(4)),
        version: None,
        files: Some(1_234_567),
        bytes: Some(9_000_000_000_000_000),
    };
    let name = format!("output_{at:02}_{}", if at == 3 { "x".repeat(90) } else { "daily".into() });
    let verdict = [Verdict::Equal, Verdict::Differs, Verdict::None][usize::try_from(at % 3).unwrap()];
    let differs = u64::from(verdict == Verdict::Differs);
    OutputResult {
        verdict,
        because: (verdict == Verdict::None).then(|| "a long reason ".repeat(30)),
        only_old: Some(MANY * differs + at * differs),
        only_new: Some(700_000_000_001 * differs),
        differing_rows: Some(123_456_789_012 * differs),
        matched: Some(MANY),
        ..OutputResult::blank(&name, side(MANY + at), side(MANY))
    }
}

fn with_columns(output: OutputResult) -> OutputResult {
    let long = "клиент_имя_очень_длинное_название_колонки_".repeat(6);
    let column = |at: u64| ColumnResult {
        name: if at == 0 { long.clone() } else { format!("col_{at:03}") },
        old_type: if at == 0 {
            format!("struct<{}>", "f:array<map<string,decimal(38,18)>>,".repeat(9))
        } else {
            "double".into()
        },
        new_type: "double".into(),
        differing: MANY / (at + 1),
        explanations: vec![Explanation { cause: "float_noise".into(), explains: 1, of: 3, says: "each ".repeat(20) }],
        sampled: true,
        examples: vec![CellExample {
            key: vec![("k".into(), Some("#aaaaaaaaaaaa".into())), (long.clone(), Some("x".repeat(400)))],
            old: Some(format!("{}b", "a".repeat(5_000))),
            new: Some(format!("{}{}", "a".repeat(5_000), "c".repeat(3_000))),
        }],
        histogram: Some(Histogram { from: "-1e300".into(), to: "1e300".into(), old: vec![MANY; 20], new: vec![1; 20] }),
        sensitive: false,
    };
    let columns: Vec<ColumnResult> = (0..200).map(column).collect();
    let part =
        |at| SpreadPart { value: Some(format!("v{at}")), rows: MANY, only_old: at, only_new: 0, differing: at * at };
    OutputResult {
        differing_cells: columns.iter().map(|column| (column.name.clone(), column.differing)).collect(),
        spread: vec![DifferenceSpread { by: format!("day of {long}"), parts: (0..1_000).map(part).collect() }],
        columns,
        ..output
    }
}
