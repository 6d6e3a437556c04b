//! Answers that are whole, and those that must not pass for it.

use super::*;
use serde_json::json;

/// An answer with a result of two columns and two rows, changed by a merge.
fn answer(change: impl Fn(&mut Value)) -> Value {
    let mut body = json!({
        "statement_id": "01f0-a", "status": { "state": "SUCCEEDED" }, "novelty": 1,
        "manifest": {
            "format": "JSON_ARRAY", "total_row_count": 2, "total_chunk_count": 1, "truncated": false,
            "schema": { "column_count": 2, "columns": [
                { "name": "n", "position": 0, "type_name": "LONG", "type_text": "BIGINT", "novelty": 1 },
                { "name": "s", "position": 1, "type_name": "STRING", "type_text": "STRING" },
            ] },
        },
        "result": { "chunk_index": 0, "row_offset": 0, "row_count": 2, "data_array": [["1", ""], [null, "ä"]], "novelty": 1 },
    });
    change(&mut body);
    body
}

/// Rows as they are handed on.
type Rows = Vec<Vec<Option<String>>>;

/// What comes of the first chunk: the columns' types, the rows, or why there is no result.
fn read(body: &Value) -> Result<(Vec<String>, Rows), String> {
    id(body)?;
    let manifest = manifest(body)?;
    let chunk = chunks(&body["result"])?.remove(0);
    chunk.check_place(0, 0)?;
    let ChunkRows::Inline(array) = &chunk.rows else { return Err("a link".to_owned()) };
    let rows = rows(array, manifest.columns.len(), chunk.row_count)?;
    let types = manifest.columns.into_iter().map(|column| column.type_text).collect();
    if rows.len() as u64 == manifest.rows { Ok((types, rows)) } else { Err("other rows".to_owned()) }
}

#[test]
fn a_whole_answer_is_read_with_nulls_and_members_that_nobody_knows() {
    let text = |value: &str| Some(value.to_owned());
    let wanted =
        (vec!["BIGINT".to_owned(), "STRING".to_owned()], vec![vec![text("1"), text("")], vec![None, text("ä")]]);
    assert_eq!(read(&answer(|_| {})), Ok(wanted.clone()));
    // What is zero or false may be left out, and counts may be written as text.
    let sparse = answer(|body| {
        for (place, member) in [
            ("/manifest", "truncated"),
            ("/manifest", "format"),
            ("/manifest/schema", "column_count"),
            ("/manifest/schema/columns/0", "position"),
            ("/result", "chunk_index"),
            ("/result", "row_offset"),
            ("/result", "row_count"),
        ] {
            body.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(member).unwrap();
        }
        body["manifest"]["total_row_count"] = json!("2");
    });
    assert_eq!(read(&sparse), Ok(wanted));
    let none = answer(|body| {
        body["manifest"].as_object_mut().unwrap().remove("total_row_count");
        body["result"] = Value::Null;
    });
    assert_eq!(read(&none).map(|(_, rows)| rows.len()), Ok(0));
}

#[test]
fn what_is_missing_or_contradicts_itself_is_no_result() {
    for (place, value, why) in [
        ("/statement_id", json!(null), "no `statement_id`"),
        ("/statement_id", json!("../jobs"), "is none"),
        ("/manifest", json!(null), "no `manifest`"),
        ("/manifest/truncated", json!(true), "has cut it"),
        ("/manifest/truncated", json!("true"), "neither true nor false"),
        ("/manifest/format", json!("CSV"), "format CSV"),
        ("/manifest/total_row_count", json!(3), "other rows"),
        ("/manifest/total_row_count", json!(null), "other rows"),
        ("/manifest/total_row_count", json!(-1), "no count"),
        ("/manifest/schema/columns", json!([]), "no columns"),
        ("/manifest/schema/column_count", json!(3), "another number of columns"),
        ("/manifest/schema/columns/1/position", json!(0), "out of order"),
        ("/manifest/schema/columns/1/type_text", json!(null), "no `type_text`"),
        ("/result/chunk_index", json!(1), "chunk 1 came in place of chunk 0"),
        ("/result/row_offset", json!(2), "begins at row 2"),
        ("/result/row_count", json!(3), "says that it has 3"),
        ("/result/data_array", json!({}), "no list"),
        ("/result/data_array/1", json!(["1"]), "1 values, there are 2 columns"),
        ("/result/data_array/1", json!(["1", "2", "3"]), "3 values"),
        ("/result/data_array/1", json!({ "n": "1" }), "a row is no list"),
        ("/result/data_array/0/0", json!(1), "neither text nor null"),
        ("/result/external_links", json!([{ "external_link": "https://a" }]), "rows and links"),
        ("/result/external_links", json!([]), "no list of links"),
    ] {
        let body = answer(|body| match body.pointer_mut(place) {
            Some(member) => *member = value.clone(),
            None => body["result"]["external_links"] = value.clone(),
        });
        let said = read(&body).unwrap_err();
        assert!(said.contains(why), "{place} {value}: {said}");
    }
}

#[test]
fn every_state_is_told_apart() {
    let state = |status: Value| look(&json!({ "status": status }));
    let ended = |ended| Ok(Looked::Ended(ended));
    assert_eq!(state(json!({ "state": "PENDING" })), Ok(Looked::Pending));
    assert_eq!(state(json!({ "state": "RUNNING" })), Ok(Looked::Running));
    assert_eq!(state(json!({ "state": "SUCCEEDED" })), ended(Ended::Succeeded));
    assert_eq!(state(json!({ "state": "CANCELED" })), ended(Ended::Canceled));
    assert_eq!(state(json!({ "state": "CLOSED" })), ended(Ended::Closed));
    let failed =
        json!({ "state": "FAILED", "sql_state": "42P01", "error": { "error_code": "BAD_REQUEST", "message": "m" } });
    let (code, message) = ("BAD_REQUEST".to_owned(), "m".to_owned());
    assert_eq!(state(failed), ended(Ended::Failed { code, message, sql_state: Some("42P01".to_owned()) }));
    assert!(matches!(state(json!({ "state": "FAILED" })), Ok(Looked::Ended(Ended::Failed { .. }))));
    for odd in [json!({ "state": "DONE" }), json!({}), json!(null)] {
        assert!(state(odd.clone()).is_err(), "{odd}");
    }
}

#[test]
fn the_next_chunk_is_named_by_its_number_or_by_a_link() {
    let next = |members: Value| chunks(&members).map(|chunks| chunks[0].next);
    assert_eq!(next(json!({ "next_chunk_index": 1, "next_chunk_internal_link": "/x/7" })), Ok(Some(1)));
    let link = "/api/2.0/sql/statements/a/result/chunks/2?row_offset=9";
    assert_eq!(next(json!({ "next_chunk_internal_link": link })), Ok(Some(2)));
    assert_eq!((next(json!({})), next(json!({ "next_chunk_internal_link": "" }))), (Ok(None), Ok(None)));
    assert!(next(json!({ "next_chunk_internal_link": "/elsewhere" })).is_err());
    let links = json!({ "external_links": [
        { "external_link": "https://a?hush", "http_headers": { "k": "hush" }, "row_count": 1, "next_chunk_index": 1 },
        { "external_link": "https://b?hush", "chunk_index": 1 },
    ] });
    let read = chunks(&links).unwrap();
    assert_eq!((read.len(), read[0].next, read[1].next), (2, Some(1), None));
    assert!(!format!("{read:?}").contains("hush"), "{read:?}");
}
