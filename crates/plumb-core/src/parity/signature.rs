//! Signatures of evidence: HMAC-SHA256 over the canonical JSON of a whole file, so that they cover members too that this
//! plumb does not know.

use super::result::Report;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use plumb_model::signature;
use serde_json::Value;

/// What the signed text begins with: a signature of something else under the same key is none of evidence.
const PURPOSE: &str = "plumb:evidence v1\n";

/// What is known of the signature of a file of evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvidenceSignature {
    /// It has none.
    #[default]
    Missing,
    /// It has one, and there is no key to verify it with.
    Unverified,
    /// It has one, and it is not that of the file under the key.
    Wrong,
    /// It is that of the file under the key.
    Valid,
}

/// The text of a report as it is kept, signed where there is a key: JSON, indented, with a line break at its end.
///
/// # Errors
/// That a number of it cannot be written as JSON.
pub fn signed_text(report: &Report, key: Option<&str>) -> Result<String, String> {
    let mut report = Report { signature: None, ..report.clone() };
    let text = |report: &Report| serde_json::to_string_pretty(report).map_err(|e| e.to_string());
    if let Some(key) = key {
        // What is signed is what a reader gets: a number may be another one once it was written and read.
        let read = serde_json::from_str(&text(&report)?).map_err(|e| e.to_string())?;
        report.signature = Some(BASE64.encode(signature::sign(key, &signed(&read))));
    }
    Ok(text(&report)? + "\n")
}

/// What is known of the signature of a file.
pub fn verify(file: &Value, key: Option<&str>) -> EvidenceSignature {
    let claimed = match file.get("signature") {
        None | Some(Value::Null) => return EvidenceSignature::Missing,
        Some(claimed) => claimed.as_str().and_then(|text| BASE64.decode(text).ok()),
    };
    match (key, claimed) {
        (None, _) => EvidenceSignature::Unverified,
        (Some(key), Some(claimed)) if signature::is_signed(key, &signed(file), &claimed) => EvidenceSignature::Valid,
        (Some(_), _) => EvidenceSignature::Wrong,
    }
}

/// What is signed of a file: all of it but its signature.
fn signed(file: &Value) -> String {
    let mut file = file.clone();
    if let Some(members) = file.as_object_mut() {
        members.remove("signature");
    }
    format!("{PURPOSE}{}", canonical(&file))
}

/// JSON of which there is one text: the keys of objects sorted, no blanks.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let mut members: Vec<(&String, &Value)> = map.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            let texts =
                members.into_iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)));
            format!("{{{}}}", texts.collect::<Vec<_>>().join(","))
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
