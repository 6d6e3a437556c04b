//! A diagnosis for a terminal: the cause first.

use super::super::Style;
use super::super::value::{fitted, visible, wrapped};
use super::DiagnosisContext;
use super::words::{attempts, chain, confidence, ended, ids, place, read, retry, without_cause};
use crate::diagnose::Diagnosis;
use crate::diagnose::result::{DiagnosedCause, EvidenceLine, RunOutcome};
use anstyle::{AnsiColor, Style as Ink};

const GOOD: Ink = AnsiColor::Green.on_default();
const BAD: Ink = AnsiColor::Red.on_default();
const WARN: Ink = AnsiColor::Yellow.on_default();
const SOFT: Ink = Ink::new().dimmed();
/// How far the words stand in from the left: behind `  Missing `.
const INDENT: usize = 10;
/// How much of a line of a log is shown, beside its place.
const QUOTE: usize = 160;

/// Renders a diagnosis for people to read. Deterministic; without colour there is no escape sequence in it.
pub fn text(diagnosis: &Diagnosis, context: &DiagnosisContext, style: Style) -> String {
    let mut page = DiagnosisText { out: String::new(), style };
    page.head(diagnosis);
    page.cause(diagnosis);
    page.change(diagnosis, context);
    page.foot(diagnosis, context);
    page.out
}

struct DiagnosisText {
    out: String,
    style: Style,
}

impl DiagnosisText {
    fn ink(&self, ink: Ink, text: &str) -> String {
        if self.style.colour { format!("{ink}{text}{ink:#}") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// A label and words behind it, wrapped below one another.
    fn said(&mut self, label: &str, words: &str) {
        let width = self.style.width.saturating_sub(INDENT).max(30);
        for (at, part) in wrapped(words, width).iter().enumerate() {
            let label = if at == 0 { self.ink(Ink::new().bold(), &format!("{label:<8}")) } else { " ".repeat(8) };
            self.line(&format!("  {label}{part}"));
        }
    }

    fn head(&mut self, diagnosis: &Diagnosis) {
        let ink = match diagnosis.outcome {
            RunOutcome::Failed => BAD,
            RunOutcome::Succeeded => GOOD,
            _ => WARN,
        };
        let ended = self.ink(ink, &ended(diagnosis));
        let ids = ids(diagnosis).map(|ids| format!(" ({})", visible(&ids))).unwrap_or_default();
        let line = format!("{} {ended}{ids}", visible(&diagnosis.name));
        self.line(&line);
        self.line("");
    }

    fn cause(&mut self, diagnosis: &Diagnosis) {
        let Some(cause) = &diagnosis.cause else {
            self.said("Cause", without_cause(diagnosis));
            if diagnosis.outcome != RunOutcome::Succeeded {
                self.quotes("Look at", &diagnosis.look_at);
            }
            return;
        };
        self.one("Cause", cause);
        if let Some(chain) = chain(diagnosis) {
            self.said("Chain", &visible(&chain));
        }
        if let Some(attempts) = attempts(diagnosis) {
            self.said("Tries", &attempts);
        }
        self.line("");
        self.evidence(&cause.evidence);
        for other in &diagnosis.also {
            self.line("");
            self.one("Or", other);
            self.evidence(&other.evidence);
        }
    }

    fn one(&mut self, label: &str, cause: &DiagnosedCause) {
        self.said(label, &visible(&cause.title));
        let sure = format!("{} · {} ({})", visible(&cause.class), confidence(cause.confidence), visible(&cause.reason));
        let width = self.style.width.saturating_sub(INDENT).max(30);
        for part in wrapped(&sure, width) {
            let part = self.ink(SOFT, &part);
            self.line(&format!("{:INDENT$}{part}", ""));
        }
    }

    fn evidence(&mut self, lines: &[EvidenceLine]) {
        for line in lines {
            let at = line.at.map_or("        ".to_owned(), |at| at.strftime("%H:%M:%S").to_string());
            let more = if line.more > 0 { format!("   + {} like it", line.more) } else { String::new() };
            let head = format!("  {at}  {}{more}", visible(&place(line)));
            let head = self.ink(SOFT, &head);
            self.line(&head);
            self.line(&format!("{:INDENT$}{}", "", fitted(&visible(&line.text), QUOTE)));
        }
    }

    fn quotes(&mut self, label: &str, lines: &[EvidenceLine]) {
        for (at, line) in lines.iter().enumerate() {
            self.said(if at == 0 { label } else { "" }, &visible(&place(line)));
            self.line(&format!("{:INDENT$}{}", "", fitted(&visible(&line.text), QUOTE)));
        }
    }

    fn change(&mut self, diagnosis: &Diagnosis, context: &DiagnosisContext) {
        if !diagnosis.change.is_empty() || !diagnosis.advice.is_empty() {
            self.line("");
        }
        for change in &diagnosis.change {
            let how = context.patch_with.as_ref().map(|with| format!("   ({} writes it)", visible(with)));
            self.said("Change", &format!("{}:{}{}", visible(&change.file), change.line, how.unwrap_or_default()));
            for line in change.patch.lines() {
                let ink = match line.as_bytes().first() {
                    Some(b'-') => BAD,
                    Some(b'+') => GOOD,
                    _ => SOFT,
                };
                let line = self.ink(ink, &visible(line));
                self.line(&format!("{:INDENT$}{line}", ""));
            }
            self.said("", &visible(&change.why));
        }
        for advice in &diagnosis.advice {
            self.said("Do", &visible(&advice.text));
            for line in advice.snippet.iter().flat_map(|snippet| snippet.lines()) {
                self.line(&format!("{:INDENT$}  {}", "", visible(line)));
            }
        }
    }

    fn foot(&mut self, diagnosis: &Diagnosis, context: &DiagnosisContext) {
        self.line("");
        if let Some(advice) = diagnosis.retry {
            self.said("Retry", retry(advice));
        }
        if let Some(fingerprint) = &diagnosis.fingerprint {
            let before = context.before.as_ref().map(|before| format!(": {}", visible(before))).unwrap_or_default();
            self.said("", &format!("fingerprint {fingerprint}{before}"));
        }
        self.said("Read", &read(&diagnosis.read));
        for missing in &diagnosis.missing {
            let remedy = missing.remedy.as_ref().map(|remedy| format!(": {}", visible(remedy))).unwrap_or_default();
            self.said("Missing", &format!("{}: {}{remedy}", visible(&missing.what), visible(&missing.why)));
        }
        let unclear = diagnosis.cause.is_none() && diagnosis.outcome == RunOutcome::Failed;
        if unclear && !context.all {
            self.said("Next", "`--all` reads everything that is there");
        }
    }
}
