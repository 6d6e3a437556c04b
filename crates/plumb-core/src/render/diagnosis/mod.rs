//! Diagnoses in every form. All are made of the [`Diagnosis`] alone.
//!
//! What logs and services say is foreign text: [`hidden`] takes secrets out of the whole diagnosis before any form is made, and
//! each form escapes what could act on a terminal, in a comment or on a page.

mod html;
mod markdown;
mod months;
mod overview;
mod safe;
mod text;
mod words;

pub use html::html;
pub use markdown::markdown;
pub use months::{months_html, months_json, months_markdown, months_text};
pub use overview::overview;
pub use safe::hidden;
pub use text::text;

use super::json::shown;
use crate::diagnose::Diagnosis;
use crate::diagnose::kept::KeptDiagnosis;

/// What is known beside the diagnosis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiagnosisContext {
    /// The command that writes the proposed change: `plumb diagnose DatabricksJob/x --patch`.
    pub patch_with: Option<String>,
    /// Of earlier failures, as far as they were kept: how many had this cause, of how many, since when.
    pub before: Option<String>,
    /// Whether everything below the place was read: then `--all` is not offered.
    pub all: bool,
}

/// The text of a file of `--keep`.
pub fn kept_json(kept: &KeptDiagnosis) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(kept).map(|text| shown(&text) + "\n")
}

/// The diagnosis itself, indented, hidden characters escaped, ending in a newline.
///
/// # Errors
/// None in practice: it serializes.
pub fn json(diagnosis: &Diagnosis) -> Result<String, serde_json::Error> {
    Ok(shown(&serde_json::to_string_pretty(diagnosis)?) + "\n")
}

/// Several, as a list.
///
/// # Errors
/// As [`json`].
pub fn json_list(diagnoses: &[Diagnosis]) -> Result<String, serde_json::Error> {
    Ok(shown(&serde_json::to_string_pretty(diagnoses)?) + "\n")
}

#[cfg(test)]
mod tests;
