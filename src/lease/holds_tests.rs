//! What the folder of holds' answers mean, answer by answer.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::services::fake::{Fake, FakeAnswer, lost, not_found, nothing, refused};
use serde_json::Value;
use std::sync::Mutex;

fn hold() -> Hold {
    Hold {
        format: HOLD_FORMAT.into(),
        wave: "1".into(),
        cutover: "2026-11-02".into(),
        by: "ada".into(),
        at: "2026-11-02T05:00:00Z".into(),
        reason: "late".into(),
        members: vec!["Migration/audience".into()],
    }
}

fn store(answer: impl Fn(&Call) -> FakeAnswer + Send + Sync + 'static) -> (HoldStore, Arc<Fake>) {
    let fake = Fake::new(answer);
    (HoldStore::beside(fake.clone(), "/f"), fake)
}

fn exported(text: &str) -> FakeAnswer {
    Ok(json!({ "content": STANDARD.encode(text) }))
}

fn text(edit: impl Fn(&mut Value)) -> String {
    let mut text = serde_json::to_value(hold()).unwrap();
    edit(&mut text);
    text.to_string()
}

fn waves() -> BTreeSet<(String, String)> {
    BTreeSet::from([("1".to_owned(), "2026-11-02".to_owned())])
}

/// Reads the wave's holds from a folder with its file, which is answered so.
async fn read(said: FakeAnswer) -> Holds {
    let (store, _) = store(move |call: &Call| match call.path.rsplit('/').next() {
        Some("list") => Ok(json!({ "objects": [{ "path": "/f/holds/1-2026-11-02.json" }, { "path": "/f/holds/x" }] })),
        Some("export") => said.clone(),
        other => panic!("{other:?}"),
    });
    store.read(&waves()).await
}

#[test]
fn a_file_has_its_waves_name_whatever_is_in_it_and_no_other_waves() {
    for (wave, name) in [
        ("1", "1-2026-11-02.json"),
        ("first.wave-a", "first.wave-a-2026-11-02.json"),
        ("a/b", "a_2fb-2026-11-02.json"),
        ("a_2fb", "a_5f2fb-2026-11-02.json"),
        ("Früh", "Fr_c3_bch-2026-11-02.json"),
        ("..", "..-2026-11-02.json"),
    ] {
        assert_eq!(file_name(wave, "2026-11-02"), name);
    }
}

#[tokio::test]
async fn a_hold_is_read_where_there_is_one_of_that_day() {
    assert_eq!(read(exported(&text(|_| {}))).await, Holds { holds: vec![hold()], unread: None });
    // A folder that nobody made has none, and asks for nothing more.
    for said in [Err(not_found()), Ok(json!({})), Ok(json!({ "objects": [{ "path": "/f/holds/1-2026-10-02.json" }] }))]
    {
        let (store, fake) = store(move |_| said.clone());
        assert_eq!(store.read(&waves()).await, Holds::default());
        assert_eq!(fake.asked().len(), 1);
    }
    // Removed since the listing.
    assert_eq!(read(Err(not_found())).await, Holds::default());
}

#[tokio::test]
async fn a_hold_that_cannot_be_read_is_not_known_to_be_absent() {
    for (what, said) in [
        ("half a file", exported("{\"format\"")),
        ("another format", exported(&text(|hold| hold["format"] = json!("plumb.hold/v2")))),
        ("another wave's", exported(&text(|hold| hold["wave"] = json!("2")))),
        ("another day's", exported(&text(|hold| hold["cutover"] = json!("2026-12-02")))),
        ("no content", nothing()),
        ("no right to see it", Err(refused(403, "PERMISSION_DENIED"))),
        ("no answer", Err(lost())),
    ] {
        let holds = read(said).await;
        assert!(holds.unread.is_some() && holds.holds.is_empty(), "{what}: {holds:?}");
    }
    for fault in [refused(403, "PERMISSION_DENIED"), refused(500, "INTERNAL_ERROR"), lost()] {
        let (store, _) = store(move |_| Err(fault.clone()));
        assert!(store.read(&waves()).await.unread.is_some());
    }
}

#[tokio::test]
async fn a_hold_is_left_once_and_never_over_another() {
    let earlier = || Hold { by: "bob".into(), ..hold() };
    let as_text = |hold: &Hold| serde_json::to_string(hold).unwrap();
    let exists = || Err(refused(400, "RESOURCE_ALREADY_EXISTS"));
    let made = Some(HoldLeft::Made);
    let rows: Vec<(&str, FakeAnswer, FakeAnswer, Option<HoldLeft>)> = vec![
        ("made", nothing(), Err(not_found()), made.clone()),
        ("there was one", exists(), exported(&as_text(&earlier())), Some(HoldLeft::Earlier(earlier()))),
        ("the answer was lost, and it was made", Err(lost()), exported(&text(|_| {})), made),
        ("the answer was lost, and it was not made", Err(lost()), Err(not_found()), None),
        ("the answer was lost, and nobody can look", Err(lost()), Err(lost()), None),
        ("refused", Err(refused(403, "PERMISSION_DENIED")), exported(&text(|_| {})), None),
        ("there is something else", exists(), exported("hello"), None),
    ];
    for (what, imported, there, wanted) in rows {
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let seen = bodies.clone();
        let (store, fake) = store(move |call: &Call| match call.path.rsplit('/').next() {
            Some("mkdirs") => nothing(),
            Some("import") => {
                seen.lock().unwrap().push(call.body.clone().unwrap());
                imported.clone()
            }
            _ => there.clone(),
        });
        assert_eq!(store.leave(&hold()).await.ok(), wanted, "{what}");
        let bodies = bodies.lock().unwrap();
        assert_eq!((bodies.len(), &bodies[0]["overwrite"]), (1, &json!(false)), "{what}");
        assert!(fake.asked().iter().filter(|call| call.path.ends_with("import")).all(|call| !call.repeatable));
    }
}
