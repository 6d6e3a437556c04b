//! Reports of comparisons, in every form. The reports stand in `tests/parity-reports/CASE/report.json`, what is made of them
//! beside them; `PLUMB_BLESS=1 cargo test --test offline parity_reports` writes those again.

use plumb_core::parity::mask::{MaskKey, mask};
use plumb_core::parity::result::{CellExample, OutputResult, Report, RowExample, SpreadPart, Verdict};
use plumb_core::render::parity::{self, ParityContext};
use plumb_core::render::{Style, value};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::{fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity-reports")
}

/// Every report, by the name of its folder.
fn reports() -> BTreeMap<String, Report> {
    let folders = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    folders
        .map(|path| {
            let text = fs::read_to_string(path.join("report.json")).unwrap();
            let report = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            (path.file_name().unwrap().to_str().unwrap().to_owned(), report)
        })
        .collect()
}

fn context() -> ParityContext {
    ParityContext {
        gates: vec!["EmrCluster/legacy-audience".into()],
        page: Some("evidence/audience-2026-10.html".into()),
        void: None,
    }
}

/// All forms of a report, by the names of their files.
fn forms(report: &Report) -> Vec<(&'static str, String)> {
    let text = |width| parity::text(report, &context(), Style { colour: false, width });
    vec![
        ("80.txt", text(80)),
        ("160.txt", text(160)),
        ("report.md", parity::markdown(report, &context())),
        ("report.xml", parity::junit(report)),
        ("report.html", parity::html(report, &context())),
        ("report.json", parity::json(report).unwrap()),
    ]
}

#[test]
fn golden() {
    let mut failures = Vec::new();
    for (case, report) in reports() {
        for (file, got) in forms(&report) {
            let path = folder().join(&case).join(file);
            if std::env::var_os("PLUMB_BLESS").is_some_and(|v| v == "1") {
                fs::write(&path, got).unwrap();
            } else {
                let want = fs::read_to_string(&path).unwrap_or_default();
                if want != got {
                    let diff = similar::TextDiff::from_lines(want.as_str(), got.as_str());
                    failures.push(format!("{case}/{file} differs:\n{}", diff.unified_diff()));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
