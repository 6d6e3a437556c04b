//! Listings, page by page: a part never passes for the whole.

#![allow(clippy::unwrap_used)]

use super::super::fake::{Fake, FakeAnswer, lost, refused};
use super::*;
use plumb_model::call::System;
use serde_json::json;
use std::sync::Mutex;

/// What comes of a listing by tokens whose pages are answered one after the other.
async fn by_token(pages: Vec<FakeAnswer>) -> (Result<usize, String>, Vec<String>) {
    let left = Mutex::new(pages.into_iter());
    let fake =
        Fake::new(move |_| left.lock().unwrap().next().unwrap_or_else(|| panic!("one page too many is requested")));
    let list = Read::tokens(Call::get(System::Databricks, "/list").query("limit", "2"));
    let read = read(&*fake, &list).await.map(|pages| pages.len()).map_err(|fault| fault.to_string());
    (read, fake.asked().iter().map(Call::line).collect())
}

#[tokio::test]
async fn every_page_is_read_by_the_token_of_the_one_before() {
    let (pages, asked) = by_token(vec![
        Ok(json!({"rows": [1], "next_page_token": "a"})),
        Ok(json!({"rows": [2], "next_page_token": 7})),
        Ok(json!({"rows": [3], "next_page_token": ""})),
    ])
    .await;
    assert_eq!(pages, Ok(3));
    assert_eq!(asked, ["GET /list?limit=2", "GET /list?limit=2&page_token=a", "GET /list?limit=2&page_token=7"]);
    for (what, pages, wanted) in [
        ("one page", vec![Ok(json!({"rows": [1]}))], Ok(1)),
        ("null", vec![Ok(json!({"next_page_token": null}))], Ok(1)),
        ("has_more is off", vec![Ok(json!({"has_more": false}))], Ok(1)),
        ("an empty answer", vec![Ok(Value::Null)], Err("cannot be told from an empty listing")),
        ("a list", vec![Ok(json!([]))], Err("cannot be told from an empty listing")),
        ("more, but not where", vec![Ok(json!({"has_more": true}))], Err("not where")),
        ("a token that is a list", vec![Ok(json!({"next_page_token": ["a"]}))], Err("neither text nor number")),
        (
            "a circle",
            vec![
                Ok(json!({"next_page_token": "a"})),
                Ok(json!({"next_page_token": "b"})),
                Ok(json!({"next_page_token": "a"})),
            ],
            Err("would never end"),
        ),
        ("the second page is refused", vec![Ok(json!({"next_page_token": "a"})), Err(refused(403, "NO"))], Err("403")),
        ("the second page is lost", vec![Ok(json!({"next_page_token": "a"})), Err(lost())], Err("no answer came")),
    ] {
        let (read, _) = by_token(pages).await;
        match (read, wanted) {
            (Ok(pages), Ok(wanted)) => assert_eq!(pages, wanted, "{what}"),
            (Err(why), Err(wanted)) => assert!(why.contains(wanted), "{what}: {why}"),
            (read, _) => panic!("{what}: {read:?}"),
        }
    }
}

/// Reads rows by their offset from a list that may change before each page: the rows, or that it was given up.
async fn by_offset_of(lists: Vec<Vec<u32>>) -> Option<Vec<u64>> {
    let left = Mutex::new(lists.into_iter().peekable());
    let fake = Fake::new(move |call| {
        let number = |name: &str| call.query.iter().find(|(n, _)| n == name).unwrap().1.parse::<usize>().unwrap();
        let mut left = left.lock().unwrap();
        let now = left.peek().unwrap().clone();
        let page: Vec<Value> =
            now.iter().skip(number("offset")).take(number("limit")).map(|id| json!({"id": id})).collect();
        let answer = json!({"rows": page, "total_entries": now.len()});
        if left.clone().count() > 1 {
            left.next();
        }
        Ok(answer)
    });
    let paging = Paging::Offset { limit: 3, items: "rows", id: "id" };
    let pages = read(&*fake, &Read { call: Call::get(System::Airflow, "/list"), paging }).await.ok()?;
    Some(
        pages.iter().flat_map(|page| page["rows"].as_array().unwrap()).map(|row| row["id"].as_u64().unwrap()).collect(),
    )
}

#[tokio::test]
async fn what_moves_between_pages_is_noticed() {
    let all: Vec<u32> = (1..=7).collect();
    let whole: Vec<u64> = (1..=7).collect();
    let without = |gone: u32| all.iter().copied().filter(|id| *id != gone).collect::<Vec<u32>>();
    assert_eq!(by_offset_of(vec![Vec::new()]).await, Some(Vec::new()));
    assert_eq!(by_offset_of(vec![vec![1, 2, 3]]).await, Some(vec![1, 2, 3]), "just one page");
    assert_eq!(by_offset_of(vec![all.clone()]).await, Some(whole.clone()));
    // One is deleted, and all behind it move forward past the page that is read next.
    assert_eq!(by_offset_of(vec![all.clone(), without(1)]).await, Some((2..=7).collect()));
    assert_eq!(by_offset_of(vec![all.clone(), all.clone(), without(2)]).await.map(|rows| rows.len()), Some(6));
    // One goes and another one comes: the number of them says nothing.
    let mut other = without(1);
    other.push(8);
    assert_eq!(by_offset_of(vec![all.clone(), other]).await, Some((2..=8).collect()));
    // One comes before them: what was read last comes once more.
    let mut more = vec![0];
    more.extend(&all);
    assert_eq!(by_offset_of(vec![all.clone(), more]).await, Some((0..=7).collect()));
    // It changes at every look: that is said, and no part is taken for the whole.
    let turns = (0..40).map(|turn| if turn % 2 == 0 { all.clone() } else { without(1) }).collect();
    assert_eq!(by_offset_of(turns).await, None);
}
