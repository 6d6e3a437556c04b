//! Diagnoses that were kept as files: what the services forget stays known.

use super::result::{Confidence, Diagnosis, FORMAT, ReadAccount, RunOutcome};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The longest part of a file's name that is a run's own id.
const MOST_NAME: usize = 80;

/// A diagnosis in a file, with the target whose run it was: the ids of two workspaces are two worlds.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct KeptDiagnosis {
    pub target: String,
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
}

/// The name of the file of a diagnosis, by system and run: `databricks-88120.json`. `None`: it has no id, or has not ended.
pub fn file_name(diagnosis: &Diagnosis) -> Option<String> {
    if !matches!(diagnosis.outcome, RunOutcome::Failed | RunOutcome::Succeeded) {
        return None;
    }
    let run = diagnosis.run.as_deref().filter(|run| !run.is_empty())?;
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let system: String = diagnosis.system.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut name: String = run.chars().map(plain).take(MOST_NAME).collect();
    // What was changed could be two runs' name.
    if name != run {
        let hash = Sha256::digest(run.as_bytes());
        name.push('-');
        name.extend(hash.iter().take(4).map(|byte| format!("{byte:02x}")));
    }
    Some(format!("{system}-{name}.json"))
}

/// What is kept of a diagnosis: what does not differ between two looks at the same run. What to change depends on the
/// manifests of a day, and what was read on how far the reading had to go.
pub fn to_keep(diagnosis: &Diagnosis) -> Diagnosis {
    Diagnosis { change: Vec::new(), advice: Vec::new(), read: ReadAccount::default(), ..diagnosis.clone() }
}

/// Whether a newer look at a run takes the place of the kept one: not if it knows less, because logs are gone meanwhile.
pub fn replaces(newer: &Diagnosis, kept: &Diagnosis) -> bool {
    let known = |one: &Diagnosis| one.cause.as_ref().map(|cause| cause.confidence);
    newer.outcome != kept.outcome || known(newer) >= known(kept)
}

/// Reads a kept diagnosis.
///
/// # Errors
/// It is none; why, without any of its text.
pub fn read_kept(text: &str) -> Result<KeptDiagnosis, String> {
    let told = |e: serde_json::Error| {
        let kind = match e.classify() {
            serde_json::error::Category::Data => "it has not the members of a diagnosis",
            _ => "it is no JSON",
        };
        kind.to_owned()
    };
    let value: serde_json::Value = serde_json::from_str(text).map_err(told)?;
    match value.get("format").and_then(serde_json::Value::as_str) {
        Some(FORMAT) => {}
        Some(_) => return Err(format!("its format is not {FORMAT}")),
        None => return Err(format!("it has no `format`: {FORMAT}")),
    }
    let kept: KeptDiagnosis = serde_json::from_value(value).map_err(told)?;
    if kept.diagnosis.run.is_none() || kept.diagnosis.name.is_empty() {
        return Err("it names no run".to_owned());
    }
    Ok(kept)
}

/// Of the earlier failures that were kept, how many had this cause: `3 of 8 earlier failures since May 2026`. `None`: it has
/// no cause, or nothing earlier is known of what failed.
pub fn before(diagnosis: &Diagnosis, kept: &[Diagnosis]) -> Option<String> {
    let fingerprint = diagnosis.fingerprint.as_deref()?;
    let earlier: Vec<&Diagnosis> = kept
        .iter()
        .filter(|one| one.outcome == RunOutcome::Failed && one.name == diagnosis.name)
        .filter(|one| (&one.system, &one.run) != (&diagnosis.system, &diagnosis.run))
        .filter(|one| one.started.is_some() && one.started < diagnosis.started)
        .collect();
    let first = earlier.iter().filter_map(|one| one.started).min()?;
    let alike = earlier.iter().filter(|one| one.fingerprint.as_deref() == Some(fingerprint)).count();
    let failures = if earlier.len() == 1 { "failure" } else { "failures" };
    Some(format!("{alike} of {} earlier {failures} since {}", earlier.len(), month(first)))
}

/// `May 2026`.
fn month(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%b %Y").to_string()
}

/// How sure a kept cause has to be for its run not to be read again.
pub fn is_settled(kept: &Diagnosis) -> bool {
    let sure = kept.cause.as_ref().is_some_and(|cause| cause.confidence >= Confidence::Likely);
    kept.outcome == RunOutcome::Failed && sure
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
