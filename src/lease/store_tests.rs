//! What the folder's answers mean, answer by answer.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::services::fake::{Fake, FakeAnswer, foreign, lost, not_found, not_sent, nothing, refused};

const TERMS: Terms = Terms::USUAL;

fn store(answer: impl Fn(&Call) -> FakeAnswer + Send + Sync + 'static) -> (Store, Arc<Fake>) {
    let fake = Fake::new(answer);
    let holder = Holder { id: "me".into(), who: "ada".into(), ..Holder::default() };
    (Store::new(fake.clone(), "/f".into(), holder, TERMS), fake)
}

/// A file as the workspace exports it.
fn exported(text: &str) -> FakeAnswer {
    Ok(json!({ "content": STANDARD.encode(text) }))
}

fn file(edit: impl Fn(&mut Value)) -> String {
    let mut file = json!({"format": FORMAT, "id": "p1", "who": "ada", "command": "apply", "since": "now",
        "lasts_seconds": 180, "released": false});
    edit(&mut file);
    file.to_string()
}

#[test]
fn names_are_told_from_other_files() {
    assert_eq!(generation(&name(42)), Some(42));
    for other in [CLOCK, "42.json", "0000000000.json", "+000000001.json", "0000000042", "notes.txt"] {
        assert_eq!(generation(other), None, "{other}");
    }
}

#[tokio::test]
async fn whatever_is_in_a_file_it_is_a_claim_and_no_longer_one_than_an_hour() {
    let millis = |seconds: u64| seconds * 1000;
    let record = |id: &str, released: bool, lasts: Millis| Some(Record { id: id.into(), released, lasts });
    for (what, said, wanted) in [
        ("a lease", exported(&file(|_| {})), Ok(record("p1", false, millis(180)))),
        (
            "a lease that was released",
            exported(&file(|f| f["released"] = json!(true))),
            Ok(record("p1", true, millis(180))),
        ),
        ("a long one", exported(&file(|f| f["lasts_seconds"] = json!(3600))), Ok(record("p1", false, LONGEST))),
        (
            "one of a year",
            exported(&file(|f| f["lasts_seconds"] = json!(31_536_000))),
            Ok(record("p1", false, LONGEST)),
        ),
        (
            "one without end",
            exported(&file(|f| f["lasts_seconds"] = json!(u64::MAX))),
            Ok(record("p1", false, LONGEST)),
        ),
        // Half written, something else, empty: somebody's all the same, for as long as a lease is.
        ("half a file", exported("{\"format\": \"plumb"), Ok(record("", false, TERMS.lasts))),
        ("another file", exported("hello"), Ok(record("", false, TERMS.lasts))),
        ("an empty one", exported(""), Ok(record("", false, TERMS.lasts))),
        ("without its end", exported(&file(|f| f["lasts_seconds"] = Value::Null)), Ok(record("", false, TERMS.lasts))),
        ("no base64", Ok(json!({"content": "***"})), Ok(record("", false, TERMS.lasts))),
        ("no content", nothing(), Ok(record("", false, TERMS.lasts))),
        ("gone", Err(not_found()), Ok(None)),
        // What cannot be read is not gone.
        ("a proxy's 404", Err(foreign(404)), Err(())),
        ("no right", Err(refused(403, "PERMISSION_DENIED")), Err(())),
        ("away", Err(refused(503, "X")), Err(())),
        ("no answer", Err(lost()), Err(())),
    ] {
        let (store, _) = store(move |_| said.clone());
        let told = store.ask(&StoreRequest::Read(1)).await.map_err(|_| ());
        assert_eq!(told, wanted.map(StoreResponse::Read), "{what}");
    }
}

#[tokio::test]
async fn one_creates_a_file_and_every_other_hears_that_it_is_there() {
    for (what, said, wanted) in [
        ("done", nothing(), Ok(StoreResponse::Done)),
        ("there", Err(refused(400, "RESOURCE_ALREADY_EXISTS")), Ok(StoreResponse::Exists)),
        ("there, by its status", Err(refused(409, "ALREADY_EXISTS")), Ok(StoreResponse::Exists)),
        ("no answer", Err(lost()), Ok(StoreResponse::Unclear)),
        ("away", Err(refused(503, "TEMPORARILY_UNAVAILABLE")), Ok(StoreResponse::Unclear)),
        ("a gateway's refusal", Err(foreign(403)), Ok(StoreResponse::Unclear)),
        ("no right", Err(refused(403, "PERMISSION_DENIED")), Err(())),
        ("never sent", Err(not_sent()), Err(())),
    ] {
        let (store, fake) = store(move |_| said.clone());
        assert_eq!(store.ask(&StoreRequest::Create(7)).await.map_err(|_| ()), wanted, "{what}");
        let [call] = &fake.asked()[..] else { panic!("{what}: one call") };
        let body = call.body.clone().unwrap();
        assert_eq!((&body["path"], &body["overwrite"]), (&json!("/f/0000000007.json"), &json!(false)), "{what}");
        assert!(!call.repeatable, "{what}: the transport must not send it again");
    }
    // What is its own it writes over.
    for (ask, released) in [(StoreRequest::Renew(7), false), (StoreRequest::Release(7), true)] {
        let (store, fake) = store(|_| nothing());
        assert_eq!(store.ask(&ask).await.unwrap(), StoreResponse::Done);
        let body = fake.asked()[0].body.clone().unwrap();
        let text = STANDARD.decode(body["content"].as_str().unwrap()).unwrap();
        let written: File = serde_json::from_slice(&text).unwrap();
        assert_eq!((&body["overwrite"], written.released, written.holder.id.as_str()), (&json!(true), released, "me"));
    }
}

#[tokio::test]
async fn a_listing_has_every_generation_and_when_it_was_written() {
    let object = |name: &str, written: Value| json!({"path": format!("/f/{name}"), "modified_at": written});
    let objects = json!([
        object("clock.json", json!(9)),
        object("0000000002.json", json!(5)),
        object("notes.txt", json!(1)),
        object("0000000010.json", Value::Null)
    ]);
    for (what, status, wanted) in [
        ("asked for", Ok(json!({"modified_at": 8})), Ok(vec![(2, 5), (10, 8)])),
        ("gone since", Err(not_found()), Ok(vec![(2, 5)])),
        // A lease whose age is not known has not run out, and is not gone either.
        ("left out again", nothing(), Err(())),
        ("no answer", Err(lost()), Err(())),
    ] {
        let objects = objects.clone();
        let (store, _) = store(move |call| match call.path.rsplit('/').next() {
            Some("list") => Ok(json!({ "objects": objects })),
            _ => status.clone(),
        });
        assert_eq!(store.ask(&StoreRequest::List).await.map_err(|_| ()), wanted.map(StoreResponse::Listed), "{what}");
    }
    let (empty, fake) = store(|call| if call.method == Method::Get { Err(not_found()) } else { nothing() });
    assert_eq!(empty.ask(&StoreRequest::List).await.unwrap(), StoreResponse::Listed(Vec::new()));
    assert_eq!(fake.written(), ["POST /api/2.0/workspace/mkdirs"]);
}
