//! Findings as SARIF 2.1.0 (OASIS standard), which GitHub and editors show beside the lines.

use super::json::shown;
use super::{Level, ReportedFinding};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Renders findings as SARIF. Columns count characters; files are relative to the repository.
pub fn sarif(findings: &[ReportedFinding]) -> Result<String, serde_json::Error> {
    let rules: BTreeSet<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "plumb",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules.iter().map(|rule| json!({"id": rule})).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    });
    let mut text = shown(&serde_json::to_string_pretty(&log)?);
    text.push('\n');
    Ok(text)
}

fn result(finding: &ReportedFinding) -> Value {
    let level = match finding.level {
        Level::Note => "note",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    let mut result = json!({"ruleId": finding.rule, "level": level, "message": {"text": finding.message}});
    if let Some(file) = &finding.file {
        let mut place = json!({"artifactLocation": {"uri": uri(file)}});
        if let Some(line) = finding.line {
            let mut region = Map::from_iter([("startLine".to_owned(), json!(line))]);
            region.extend(finding.column.map(|column| ("startColumn".to_owned(), json!(column))));
            place["region"] = Value::Object(region);
        }
        result["locations"] = json!([{"physicalLocation": place}]);
    }
    result
}

/// The path as a relative URI (RFC 3986): all but unreserved characters and slashes percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
