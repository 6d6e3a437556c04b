//! A diagnosis as text, Markdown, JSON and HTML.
//!
//! What logs and services say is foreign text: [`hidden`] takes secrets out of the whole diagnosis before any of the forms is
//! made, and each form escapes what could act on a terminal, in a comment or on a page.

mod safe;

pub use safe::{displayed, hidden};

use super::counted;
use crate::diagnose::Diagnosis;
use crate::diagnose::result::{Confidence, EvidenceLine, RunOutcome};

/// As JSON, `plumb.diagnosis/v1`.
///
/// # Errors
/// None in practice: it serializes.
pub fn json(diagnosis: &Diagnosis) -> Result<String, serde_json::Error> {
    Ok(format!("{}\n", super::shown(&serde_json::to_string_pretty(diagnosis)?)))
}

/// Several as a JSON list.
///
/// # Errors
/// As [`json`].
pub fn json_list(diagnoses: &[Diagnosis]) -> Result<String, serde_json::Error> {
    Ok(format!("{}\n", super::shown(&serde_json::to_string_pretty(diagnoses)?)))
}

/// As text.
pub fn text(diagnosis: &Diagnosis) -> String {
    let shown = displayed(diagnosis);
    let run = shown.run.as_ref().map(|run| format!(" ({run})")).unwrap_or_default();
    let mut out = format!("{} {}{run}\n\n", shown.name, outcome(shown.outcome));
    match &shown.cause {
        Some(cause) => {
            out.push_str(&format!("  Cause   {}    {} · {}\n", cause.title, cause.class, word(cause.confidence)));
            cause.evidence.iter().for_each(|line| out.push_str(&evidence(line)));
        }
        None if shown.outcome == RunOutcome::Succeeded => {}
        None => out.push_str("  Cause   not known\n"),
    }
    shown.look_at.iter().for_each(|line| out.push_str(&evidence(line)));
    let read = &shown.read;
    out.push_str(&format!(
        "  Read    {}, {}, {} bytes of logs\n",
        counted(usize::try_from(read.requests).unwrap_or(usize::MAX), "request", "requests"),
        counted(usize::try_from(read.files).unwrap_or(usize::MAX), "file", "files"),
        read.bytes
    ));
    for missing in &shown.missing {
        let remedy = missing.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        out.push_str(&format!("  Missing {}: {}{remedy}\n", missing.what, missing.why));
    }
    out
}

/// In one line.
pub fn line(diagnosis: &Diagnosis) -> String {
    let shown = displayed(diagnosis);
    let why = match (&shown.cause, shown.outcome) {
        (Some(cause), _) => format!("{}  {}", cause.class, cause.title),
        (None, RunOutcome::Succeeded) => "succeeded".to_owned(),
        (None, RunOutcome::Running) => "still running".to_owned(),
        (None, _) => "not known".to_owned(),
    };
    let run = shown.run.map(|run| format!("  {run}")).unwrap_or_default();
    format!("{}{run}  {why}\n", shown.name)
}

/// As Markdown.
pub fn markdown(diagnosis: &Diagnosis) -> String {
    super::code_block(&text(diagnosis))
}

/// As a page.
pub fn html(diagnosis: &Diagnosis) -> String {
    let text = text(diagnosis).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<!doctype html>\n<meta charset=\"utf-8\">\n<title>plumb diagnose</title>\n<pre>{text}</pre>\n")
}

fn evidence(line: &EvidenceLine) -> String {
    let place = line.line.map_or_else(|| line.file.clone(), |number| format!("{}:{number}", line.file));
    let more = if line.more > 0 { format!("    + {} like it", line.more) } else { String::new() };
    format!("          {place}    {}{more}\n", line.text)
}

fn outcome(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Unknown => "ended, and how is not known",
        RunOutcome::Running => "is still running",
        RunOutcome::Succeeded => "succeeded",
        RunOutcome::Failed => "failed",
    }
}

fn word(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Possible => "possible",
        Confidence::Likely => "likely",
        Confidence::Certain => "certain",
    }
}
