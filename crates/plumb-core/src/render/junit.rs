//! Findings as JUnit XML, which every CI system shows as test results.

use super::markup::xml as escaped;
use super::{Level, ReportedFinding};

/// Renders findings as one suite: a case each, errors and warnings failed, notes passed. A suite without findings has
/// one passed case, since CI systems take an empty suite for a mistake.
pub fn junit(suite: &str, findings: &[ReportedFinding]) -> String {
    let failed = findings.iter().filter(|finding| finding.level > Level::Note).count();
    let counts = format!("tests=\"{}\" failures=\"{failed}\" errors=\"0\"", findings.len().max(1));
    let suite = escaped(suite);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"{suite}\" {counts}>\n"
    );
    if findings.is_empty() {
        out.push_str(&format!("    <testcase classname=\"{suite}\" name=\"nothing found\"/>\n"));
    }
    for finding in findings {
        out.push_str(&case(finding));
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn case(finding: &ReportedFinding) -> String {
    let message = escaped(&finding.message);
    let rule = escaped(&finding.rule);
    let file = finding.file.as_deref().map(escaped);
    let mut place = String::new();
    if let Some(file) = &file {
        place.push_str(&format!(" file=\"{file}\""));
        if let Some(line) = finding.line {
            place.push_str(&format!(" line=\"{line}\""));
        }
    }
    let class = file.as_deref().unwrap_or("plumb");
    let open = format!("    <testcase classname=\"{class}\" name=\"{rule}: {message}\"{place}");
    if finding.level == Level::Note {
        return format!("{open}/>\n");
    }
    let at = match (&file, finding.line, finding.column) {
        (Some(file), Some(line), Some(column)) => format!("{file}:{line}:{column}: "),
        (Some(file), Some(line), None) => format!("{file}:{line}: "),
        (Some(file), None, _) => format!("{file}: "),
        (None, ..) => String::new(),
    };
    format!("{open}>\n      <failure type=\"{rule}\" message=\"{message}\">{at}{message}</failure>\n    </testcase>\n")
}
