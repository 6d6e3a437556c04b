//! A diagnosis for a comment or an issue: outside text only stands in code.

use super::super::markdown::{code, code_block};
use super::super::value::fitted;
use super::DiagnosisContext;
use super::words::{attempts, chain, confidence, ended, ids, place, read, retry, without_cause};
use crate::diagnose::Diagnosis;
use crate::diagnose::result::{DiagnosedCause, EvidenceLine};

/// How much of a sentence and of a line of a log is shown.
const SAYS: usize = 400;
const QUOTE: usize = 300;

/// Renders a diagnosis as GitHub-flavoured Markdown.
pub fn markdown(diagnosis: &Diagnosis, context: &DiagnosisContext) -> String {
    let ids = ids(diagnosis).map(|ids| format!(" ({})", span(&ids))).unwrap_or_default();
    let mut out = format!("### {} {}{ids}\n\n", span(&diagnosis.name), ended(diagnosis));
    match &diagnosis.cause {
        None => {
            out.push_str(&format!("**Cause**: {}.\n\n", without_cause(diagnosis)));
            quotes(&mut out, &diagnosis.look_at);
        }
        Some(cause) => {
            one(&mut out, "Cause", cause);
            if let Some(chain) = chain(diagnosis) {
                out.push_str(&format!("**Chain**: {}\n\n", span(&chain)));
            }
            if let Some(attempts) = attempts(diagnosis) {
                out.push_str(&format!("**Tries**: {attempts}.\n\n"));
            }
            quotes(&mut out, &cause.evidence);
            for other in &diagnosis.also {
                one(&mut out, "Or", other);
                quotes(&mut out, &other.evidence);
            }
        }
    }
    for change in &diagnosis.change {
        let how = context.patch_with.as_ref().map(|with| format!(" ({} writes it)", span(with))).unwrap_or_default();
        out.push_str(&format!(
            "**Change** {}{how}: {}\n\n",
            span(&format!("{}:{}", change.file, change.line)),
            span(&change.why)
        ));
        out.push_str(&format!("{}\n", code_block(&change.patch)));
    }
    for advice in &diagnosis.advice {
        out.push_str(&format!("**Do**: {}\n\n", span(&advice.text)));
        if let Some(snippet) = &advice.snippet {
            out.push_str(&format!("{}\n", code_block(snippet)));
        }
    }
    if let Some(advice) = diagnosis.retry {
        out.push_str(&format!("**Retry** {}.\n\n", retry(advice)));
    }
    if let Some(fingerprint) = &diagnosis.fingerprint {
        let before = context.before.as_ref().map(|before| format!(": {}", span(before))).unwrap_or_default();
        out.push_str(&format!("Fingerprint {}{before}. ", span(fingerprint)));
    }
    out.push_str(&format!("Read: {}.\n", read(&diagnosis.read)));
    for missing in &diagnosis.missing {
        let remedy = missing.remedy.as_ref().map(|remedy| format!(": {}", span(remedy))).unwrap_or_default();
        out.push_str(&format!("- Missing {}: {}{remedy}\n", span(&missing.what), span(&missing.why)));
    }
    out
}

fn span(text: &str) -> String {
    code(&fitted(text, SAYS))
}

fn one(out: &mut String, label: &str, cause: &DiagnosedCause) {
    out.push_str(&format!(
        "**{label}**: {}  \n{}, {}: {}\n\n",
        span(&cause.title),
        span(&cause.class),
        confidence(cause.confidence),
        span(&cause.reason)
    ));
}

fn quotes(out: &mut String, lines: &[EvidenceLine]) {
    for line in lines {
        let at = line.at.map(|at| format!("{} ", at.strftime("%H:%M:%S"))).unwrap_or_default();
        let more = if line.more > 0 { format!(", and {} like it", line.more) } else { String::new() };
        out.push_str(&format!("- {at}{}{more}  \n  {}\n", span(&place(line)), code(&fitted(&line.text, QUOTE))));
    }
    if !lines.is_empty() {
        out.push('\n');
    }
}
