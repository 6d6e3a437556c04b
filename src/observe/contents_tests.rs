//! What a look into an object says, and how much it asks.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::services::fake::{Fake, FakeAnswer, foreign, lost, not_found, not_sent, refused};
use plumb_core::kinds::find;
use plumb_model::call::Call;
use serde_json::json;

const FILES: &str = "/api/2.0/fs/directories/Volumes/main/sales/landing";

fn schema() -> (&'static dyn Kind, Observed) {
    (find("DatabricksSchema").unwrap(), Observed { id: "main.sales".into(), ..Observed::default() })
}

fn volume() -> (&'static dyn Kind, Observed) {
    let spec = json!({ "volume_type": "MANAGED" });
    (find("DatabricksVolume").unwrap(), Observed { id: "main.sales.landing".into(), spec, ..Observed::default() })
}

fn entry(path: &str, is_directory: bool) -> Value {
    json!({ "path": path, "name": path.rsplit('/').next().unwrap(), "is_directory": is_directory })
}

/// What is in an object of a service that answers so, and how many requests that took.
async fn look(
    (kind, seen): (&'static dyn Kind, Observed),
    answer: impl Fn(&Call) -> FakeAnswer + Send + Sync + 'static,
) -> (Contents, usize) {
    let fake = Fake::new(answer);
    let contents = contents_of(&fake.services(), kind, &seen).await;
    (contents, fake.asked().len())
}

fn known(contents: &Contents) -> (usize, bool) {
    match contents {
        Contents::Known { things, is_more } => (things.len(), *is_more),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_look_that_fails_says_nothing() {
    for (what, fault) in [
        ("no right to see it", refused(403, "PERMISSION_DENIED")),
        ("gone", not_found()),
        ("a proxy's 404", foreign(404)),
        ("too fast", refused(429, "RESOURCE_EXHAUSTED")),
        ("broken", refused(500, "INTERNAL_ERROR")),
        ("no answer", lost()),
        ("not sent", not_sent()),
    ] {
        for listing in ["tables", "volumes", "functions", "models"] {
            let fault = fault.clone();
            let (contents, _) = look(schema(), move |call| match call.path.rsplit('/').next() {
                Some(last) if last == listing => Err(fault.clone()),
                _ => Ok(json!({})),
            })
            .await;
            assert!(matches!(contents, Contents::Unknown(_)), "{what}, {listing}: {contents:?}");
        }
    }
    let (contents, _) = look(schema(), |_| Ok(json!({ "tables": 3 }))).await;
    assert!(matches!(contents, Contents::Unknown(_)), "no list: {contents:?}");
    let (contents, _) = look(schema(), |_| Ok(json!({}))).await;
    assert_eq!(known(&contents), (0, false), "nothing of any sort");
}

#[tokio::test]
async fn folders_are_looked_into_and_one_that_cannot_be_makes_all_unknown() {
    let tree = |call: &Call| {
        Ok(json!({ "contents": match call.path.strip_prefix(FILES).unwrap() {
            "" => vec![entry("/Volumes/main/sales/landing/a b", true), entry("/Volumes/main/sales/landing/x", false)],
            "/a%20b" => vec![entry("/Volumes/main/sales/landing/a b/c/", true)],
            "/a%20b/c" => vec![entry("/Volumes/main/sales/landing/a b/c/y", false)],
            other => panic!("{other}"),
        } }))
    };
    let (contents, asked) = look(volume(), tree).await;
    assert_eq!((known(&contents), asked), ((4, false), 3));
    let (contents, _) =
        look(
            volume(),
            move |call| {
                if call.path.ends_with("/c") { Err(refused(403, "PERMISSION_DENIED")) } else { tree(call) }
            },
        )
        .await;
    assert!(matches!(contents, Contents::Unknown(_)), "{contents:?}");
}

#[tokio::test]
async fn a_long_listing_is_not_read_to_its_end() {
    let page = |size: usize| {
        move |call: &Call| {
            let token = call.query.iter().find(|(name, _)| name == "page_token").map_or(0, |(_, v)| v.parse().unwrap());
            let files: Vec<Value> = (0..size).map(|n| entry(&format!("{FILES}/{token}-{n}"), false)).collect();
            Ok(json!({ "contents": files, "next_page_token": (token + 1usize).to_string() }))
        }
    };
    let (contents, asked) = look(volume(), page(400)).await;
    assert_eq!((known(&contents), asked), ((1200, true), 3));
    // Pages with next to nothing on them end too, and without anything nobody knows.
    let (contents, asked) = look(volume(), page(1)).await;
    assert_eq!((known(&contents), asked), ((MOST_PAGES, true), MOST_PAGES));
    let (contents, _) = look(volume(), page(0)).await;
    assert!(matches!(contents, Contents::Unknown(_)), "{contents:?}");
    // A folder in each folder.
    let deep = |call: &Call| {
        Ok(json!({ "contents": [entry(&format!("{}/d", call.path.replace("/api/2.0/fs/directories", "")), true)] }))
    };
    let (contents, asked) = look(volume(), deep).await;
    assert_eq!((known(&contents), asked), ((MOST_FOLDERS + 1, true), MOST_FOLDERS + 1));
    let wide = |call: &Call| {
        let files = (0..150).map(|n| entry(&format!("{}/{n}", call.path.replace("/api/2.0/fs/directories", "")), true));
        Ok(json!({ "contents": if call.path == FILES { files.collect::<Vec<_>>() } else { Vec::new() } }))
    };
    let (contents, asked) = look(volume(), wide).await;
    assert_eq!((known(&contents), asked), ((150, true), MOST_FOLDERS + 1));
}
