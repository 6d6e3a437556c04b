//! Taking secrets out of a diagnosis, whatever form follows.

use crate::detect::masked;
use crate::diagnose::Diagnosis;
use serde_json::Value;

/// The diagnosis with every secret in every text of it hidden: those that a text shows by form or name, and those that `known`
/// hides (a project's own).
pub fn hidden(diagnosis: &Diagnosis, known: &dyn Fn(&str) -> String) -> Diagnosis {
    texts(diagnosis, &|_, text| masked(&known(text)))
}

/// The diagnosis with each of its texts replaced, by the name of the member that it is in. Classes, times and the words of
/// enumerations are no texts of others, and come through as they are.
fn texts(diagnosis: &Diagnosis, change: &dyn Fn(&str, &str) -> String) -> Diagnosis {
    let Ok(mut value) = serde_json::to_value(diagnosis) else { return withheld(diagnosis) };
    walk("", &mut value, change);
    // What was changed into no diagnosis is not shown at all.
    serde_json::from_value(value).unwrap_or_else(|_| withheld(diagnosis))
}

fn walk(member: &str, value: &mut Value, change: &dyn Fn(&str, &str) -> String) {
    match value {
        Value::String(text) if !FIXED.contains(&member) => *text = change(member, text),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(member, item, change)),
        Value::Object(members) => members.iter_mut().for_each(|(name, value)| walk(name, value, change)),
        _ => {}
    }
}

/// Members whose values are plumb's own words.
const FIXED: [&str; 9] =
    ["format", "system", "started", "ended", "at", "outcome", "confidence", "retry", "fingerprint"];

/// The bare outcome.
fn withheld(diagnosis: &Diagnosis) -> Diagnosis {
    Diagnosis {
        name: String::new(),
        run: None,
        period: None,
        cause: None,
        chain: Vec::new(),
        also: Vec::new(),
        look_at: Vec::new(),
        change: Vec::new(),
        advice: Vec::new(),
        missing: Vec::new(),
        ..diagnosis.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DiagnosisContext, html, json, markdown, overview, text};
    use super::*;
    use crate::diagnose::result::{DiagnosedCause, EvidenceLine, MissingEvidence, ProposedChange};
    use crate::diagnose::{Catalogue, RunFacts, diagnose};
    use crate::render::Style;

    fn diagnosis(text: &str) -> Diagnosis {
        let catalogue = Catalogue::builtin().unwrap();
        let mut one = diagnose(&catalogue, &RunFacts::default());
        let line = EvidenceLine { file: "a.log".into(), line: Some(1), at: None, text: text.into(), more: 0 };
        one.cause = Some(DiagnosedCause {
            class: "S3_403".into(),
            title: text.into(),
            confidence: crate::diagnose::result::Confidence::Likely,
            reason: text.into(),
            evidence: vec![line.clone()],
            slots: Default::default(),
        });
        one.look_at = vec![line];
        one.name = text.into();
        one.missing = vec![MissingEvidence { what: text.into(), why: text.into(), remedy: Some(text.into()) }];
        one.change = vec![ProposedChange {
            file: "a.yaml".into(),
            line: 1,
            what: text.into(),
            why: text.into(),
            patch: format!("-{text}\n+{text}\n"),
        }];
        one
    }

    #[test]
    fn no_secret_is_in_any_form() {
        let secret = "hunter2hunter2";
        let says = format!("spark-submit --password {secret} AKIAIOSFODNN7EXAMPLE s3://b/k");
        let known = |text: &str| text.replace("own-secret", "(known)");
        let shown = hidden(&diagnosis(&format!("{says} own-secret")), &known);
        let context = DiagnosisContext::default();
        let all = std::slice::from_ref(&shown);
        let forms = [
            json(&shown).unwrap(),
            text(&shown, &context, Style::default()),
            markdown(&shown, &context),
            html(all, &context),
            overview(all, "", Style::default()),
        ];
        for form in forms {
            assert!(!form.contains(secret) && !form.contains("own-secret"), "{form}");
        }
        assert_eq!(shown.cause.unwrap().class, "S3_403");
    }

    #[test]
    fn names_of_runs_are_no_secrets() {
        for name in [
            "j-2A7Q4M1N9KPLF/s-1K2LABCDEFGHI",
            "application_1700176509758_0001",
            "container_1700176509758_0001_02_000011",
            "00f1abcdefgh1234/00g2abcdefgh1234",
            "1002-031500-abcdef12/driver/log4j-active.log",
            "scheduled__2026-10-01T00:00:00+00:00",
            "i-0feed0123456789ab",
        ] {
            assert_eq!(hidden(&diagnosis(name), &str::to_owned).name, name);
        }
    }

    #[test]
    fn nothing_of_a_log_acts_on_a_terminal() {
        let odd = diagnosis("\u{1b}[2J\u{202e}x\n##[error]y\r");
        let shown = text(&odd, &DiagnosisContext::default(), Style::default());
        for acts in ["\u{1b}", "\u{202e}", "\n##[error]", "\r"] {
            assert!(!shown.contains(acts), "{shown}");
        }
        let page = html(&[diagnosis("<script>alert(1)</script>")], &DiagnosisContext::default());
        assert!(!page.contains("<script>"), "{page}");
    }
}
