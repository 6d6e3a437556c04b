#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

fn job(spec: Value) -> Compact {
    let facts = json!({ "run_as": { "user_name": "ann@example.com" } });
    Observed { id: "7".into(), spec, facts, partial: true, ..Observed::default() }.into()
}

fn kind() -> &'static dyn Kind {
    crate::kinds::find("DatabricksJob").unwrap()
}

#[test]
fn what_is_packed_is_given_back_to_the_last_digit() {
    let mut deep = json!("end");
    for _ in 0..126 {
        deep = json!([deep]);
    }
    let settings =
        json!({ "timeout_seconds": u64::MAX, "a": i64::MIN, "name": "ü \"\\\u{1}", "tasks": [{}, [], null] });
    for (spec, is_packed) in [
        (settings, true),
        (Value::Null, true),
        // A fraction may be read as its neighbour, and what is nested too deep is not read at all.
        (json!({ "x": [{ "y": 0.1 }] }), false),
        (json!({ "x": deep }), false),
    ] {
        let mut seen = job(spec.clone());
        let before = seen.whole();
        seen.pack(kind());
        assert_eq!(matches!(seen.body, Body::Packed(_)), is_packed, "{spec}");
        assert_eq!(seen.whole(), before);
        assert_eq!((seen.spec().into_owned(), seen.facts().into_owned()), (before.spec.clone(), before.facts.clone()));
        seen.edit(|seen| seen.active_runs = 2);
        assert_eq!(seen.whole(), Observed { active_runs: 2, ..before });
    }
}

#[test]
fn what_is_asked_of_every_object_is_answered_without_its_text() {
    let secret = json!({ "job_clusters": [{ "new_cluster": { "spark_conf": { "db.password": "hunter2" } } }] });
    let tagged = json!({ "name": "etl", "tags": { "managed_by": "terraform" } });
    for spec in [secret, tagged, json!({ "name": 3 }), json!({ "deployment": { "kind": "SYSTEM_MANAGED" } })] {
        let mut seen = job(spec.clone());
        let asked = |seen: &Compact| (seen.title(kind()).to_owned(), seen.has_secrets(kind()), seen.managed_by(kind()));
        let whole = asked(&seen);
        assert_eq!(whole.2, kind().managed_by(&seen.whole()), "{spec}");
        seen.pack(kind());
        let (packed, unpacked) = worked::counted(Work::Unpacked, || asked(&seen));
        assert_eq!((packed, unpacked), (whole, 0), "{spec}");
    }
    assert!(
        job(json!({ "job_clusters": [{ "new_cluster": { "spark_conf": { "a.token": "x" } } }] })).has_secrets(kind())
    );
    assert!(!job(json!({ "name": "etl", "tags": { "a": "b" } })).has_secrets(kind()));
}
