//! What a signature covers: everything, and nothing of how it is written.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::parity::result::{FORMAT, OutputResult, SideResult, Verdict};
use serde_json::json;

fn report() -> Report {
    let side = SideResult { source: "s3://bau/old/".into(), rows: Some(17), ..SideResult::default() };
    let output = OutputResult {
        verdict: Verdict::Equal,
        duration_s: 0.1 + 0.2,
        ..OutputResult::blank("segments", side.clone(), side)
    };
    Report {
        format: FORMAT.into(),
        migration: "audience".into(),
        period: "2024-05".into(),
        passed: true,
        checked_at: "2024-06-03T01:00:00Z".parse().unwrap(),
        rules: Some("ab".repeat(32)),
        outputs: vec![output],
        engine: None,
        plumb: None,
        commit: None,
        dirty: false,
        by: None,
        duration_s: Some(1e-7 / 3.0),
        clock: None,
        signature: None,
    }
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_file_is_verified_by_the_key_that_signed_it() {
    let text = signed_text(&report(), Some("key")).unwrap();
    assert!(text.starts_with("{\n") && text.ends_with("}\n"), "{text}");
    assert_eq!(verify(&read(&text), Some("key")), EvidenceSignature::Valid);
    assert_eq!(verify(&read(&text), Some("other")), EvidenceSignature::Wrong);
    assert_eq!(verify(&read(&text), None), EvidenceSignature::Unverified);
    let unsigned = signed_text(&report(), None).unwrap();
    assert_eq!(verify(&read(&unsigned), Some("key")), EvidenceSignature::Missing);
    assert_eq!(verify(&read(&unsigned), None), EvidenceSignature::Missing);
    // Signing again, what is signed is the same: no signature is in it.
    let again: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(signed_text(&again, Some("key")).unwrap(), text);
}

#[test]
fn whatever_is_edited_the_signature_is_wrong() {
    let text = signed_text(&report(), Some("key")).unwrap();
    let file = read(&text);
    let is_valid = |file: &Value| verify(file, Some("key")) == EvidenceSignature::Valid;
    // How it is written is not what it says.
    assert!(is_valid(&read(&file.to_string())));
    let edits: [(&str, Value); 7] = [
        ("/passed", json!(false)),
        ("/period", json!("2024-06")),
        ("/checked_at", json!("2024-06-04T01:00:00Z")),
        ("/outputs/0/old/rows", json!(18)),
        ("/outputs/0/verdict", json!("differs")),
        ("/dirty", Value::Null),
        ("/signature", json!("AAAA")),
    ];
    for (place, edit) in edits {
        let mut edited = file.clone();
        *edited.pointer_mut(place).unwrap() = edit;
        assert_eq!(verify(&edited, Some("key")), EvidenceSignature::Wrong, "{place}");
    }
    // A member that this plumb does not know, and one that is gone.
    let mut more = file.clone();
    more["approved"] = json!(true);
    assert!(!is_valid(&more));
    let mut less = file.clone();
    less.as_object_mut().unwrap().remove("clock").or_else(|| less.as_object_mut().unwrap().remove("commit")).unwrap();
    assert!(!is_valid(&less));
    for odd in [json!(7), json!("no base64!"), json!("")] {
        let mut odd_one = file.clone();
        odd_one["signature"] = odd;
        assert_eq!(verify(&odd_one, Some("key")), EvidenceSignature::Wrong, "{odd_one}");
    }
}

#[test]
fn canonical_json_has_one_text() {
    let text = r#"{ "b" : [1, 2.50, "x\"y"], "a": { "d": null, "c": true } }"#;
    assert_eq!(canonical(&read(text)), r#"{"a":{"c":true,"d":null},"b":[1,2.5,"x\"y"]}"#);
}
