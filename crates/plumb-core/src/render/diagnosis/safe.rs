//! Taking out of a diagnosis what must not be shown: secrets, whatever form follows, and what acts where a form is shown.

use super::super::value::visible;
use crate::detect::masked;
use crate::diagnose::Diagnosis;
use serde_json::Value;

/// The diagnosis with every secret in every text of it hidden: those that a text shows by form or name, and those that `known`
/// hides (a project's own).
pub fn hidden(diagnosis: &Diagnosis, known: &dyn Fn(&str) -> String) -> Diagnosis {
    texts(diagnosis, &|_, text| masked(&known(text)))
}

/// The diagnosis with nothing in it that could move a cursor, reverse a line or start a command of a runner. Patches keep their
/// lines. Twice is as once.
pub fn displayed(diagnosis: &Diagnosis) -> Diagnosis {
    texts(diagnosis, &|member, text| {
        if matches!(member, "patch" | "snippet") {
            let lines: Vec<String> = text.split('\n').map(visible).collect();
            return lines.join("\n");
        }
        visible(text)
    })
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
    use super::*;
    use crate::diagnose::result::{DiagnosedCause, EvidenceLine, MissingEvidence, ProposedChange};
    use crate::diagnose::{Catalogue, RunFacts, diagnose};

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
        let text = format!("spark-submit --password {secret} AKIAIOSFODNN7EXAMPLE s3://b/k");
        let known = |text: &str| text.replace("own-secret", "(known)");
        let shown = hidden(&diagnosis(&format!("{text} own-secret")), &known);
        let forms = [super::super::json(&shown).unwrap(), super::super::text(&shown), super::super::html(&shown)];
        for form in forms.iter().chain([&super::super::markdown(&shown), &super::super::line(&shown)]) {
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
        let shown = displayed(&diagnosis("\u{1b}[2J\u{202e}x\n##[error]y\r"));
        let text = super::super::text(&shown);
        for acts in ["\u{1b}", "\u{202e}", "\n##[error]", "\r"] {
            assert!(!text.contains(acts), "{text}");
        }
        assert!(shown.change[0].patch.contains("\n+"));
        assert_eq!(displayed(&shown), shown);
        let html = super::super::html(&diagnosis("<script>alert(1)</script>"));
        assert!(!html.contains("<script>"), "{html}");
    }
}
