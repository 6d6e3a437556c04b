//! Listings within the limits of `InvokeRestApi`: one page as several smaller ones. Pure.
//!
//! AWS ends what takes longer than ten seconds, and refuses answers of more than 6 MB (MWAA user guide, "Using the Apache
//! Airflow REST API"). A page that is too much is asked for in parts. An object that is deleted meanwhile moves those behind
//! it forward, so each part begins with the last row of the one before it.

use plumb_model::call::{Call, Method};
use serde_json::{Map, Value};

/// The fewest rows of a part: one to know it by, and a new one.
pub(super) const FEWEST: usize = 2;

/// How many rows a call asks for at once; `None` when it is no listing.
pub(super) fn rows(call: &Call) -> Option<usize> {
    if call.method != Method::Get {
        return None;
    }
    parameter(call, "limit").filter(|rows| *rows > 0)
}

/// How many rows are tried after so many were too much: 100, 25, 6, 2.
pub(super) fn fewer(rows: usize) -> Option<usize> {
    (rows > FEWEST).then(|| (rows / 4).max(FEWEST))
}

fn parameter(call: &Call, name: &str) -> Option<usize> {
    call.query.iter().find(|(known, _)| known == name)?.1.parse().ok()
}

/// A page that is put together.
pub(super) struct Page {
    wanted: usize,
    begin: usize,
    /// What the first part said beside its rows.
    body: Option<(String, Map<String, Value>)>,
    rows: Vec<Value>,
}

/// What a part was.
#[derive(Debug, PartialEq)]
pub(super) enum PagePart {
    /// More is to be read.
    More,
    /// The page is whole.
    Whole(Value),
    /// The listing has changed: the page has to be read again from its beginning.
    Moved,
    /// It is no page of a listing.
    Odd,
}

impl Page {
    /// The page that a call asks for, `wanted` rows of it.
    pub(super) fn new(call: &Call, wanted: usize) -> Self {
        Page { wanted, begin: parameter(call, "offset").unwrap_or(0), body: None, rows: Vec::new() }
    }

    /// The call of the next part, of `most` rows at most.
    pub(super) fn next(&self, call: &Call, most: usize) -> Call {
        let overlap = usize::from(!self.rows.is_empty());
        let mut part = call.clone();
        part.query.retain(|(name, _)| name != "limit" && name != "offset");
        let limit = most.min(self.wanted - self.rows.len() + overlap);
        part.query.push(("limit".to_owned(), limit.to_string()));
        part.query.push(("offset".to_owned(), (self.begin + self.rows.len() - overlap).to_string()));
        part
    }

    /// Takes a part in.
    pub(super) fn take(&mut self, answer: Value) -> PagePart {
        let Value::Object(mut members) = answer else { return PagePart::Odd };
        let Some(total) = members.get("total_entries").and_then(Value::as_u64) else { return PagePart::Odd };
        let name = members.iter().find(|(_, value)| value.is_array()).map(|(name, _)| name.clone());
        let Some(name) = name else { return PagePart::Odd };
        let Some(Value::Array(mut rows)) = members.remove(&name) else { return PagePart::Odd };
        if let Some(last) = self.rows.last()
            && (rows.is_empty() || identity(&rows.remove(0)) != identity(last))
        {
            return PagePart::Moved;
        }
        let is_end = rows.is_empty();
        self.rows.append(&mut rows);
        // The latest total is the true one.
        self.body = Some((name, members));
        let read = self.begin + self.rows.len();
        if is_end || self.rows.len() >= self.wanted || read as u64 >= total { self.whole() } else { PagePart::More }
    }

    fn whole(&mut self) -> PagePart {
        let Some((name, mut members)) = self.body.take() else { return PagePart::Odd };
        members.insert(name, Value::Array(std::mem::take(&mut self.rows)));
        PagePart::Whole(Value::Object(members))
    }
}

/// What a row is known by: states and times of it may change from one look to the next.
fn identity(row: &Value) -> Vec<(&String, &Value)> {
    let is_name = |name: &str| name.ends_with("_id") || matches!(name, "id" | "key" | "name" | "map_index");
    row.as_object().into_iter().flatten().filter(|(name, _)| is_name(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_model::call::System;
    use serde_json::json;

    fn listing(limit: usize, offset: usize) -> Call {
        let call = Call::get(System::Airflow, "/api/v2/dags").query("offset", offset.to_string());
        call.query("limit", limit.to_string()).query("order_by", "dag_id")
    }

    fn answer(all: &[usize], call: &Call) -> Value {
        let (offset, limit) = (parameter(call, "offset").unwrap(), parameter(call, "limit").unwrap());
        let rows: Vec<Value> =
            all.iter().skip(offset).take(limit).map(|id| json!({ "dag_id": id, "state": offset })).collect();
        json!({ "dags": rows, "total_entries": all.len() })
    }

    /// Reads a page in parts; answers the ids and the number of parts.
    fn read(all: &[usize], call: &Call, wanted: usize, most: usize) -> (Vec<usize>, usize) {
        let mut page = Page::new(call, wanted);
        for parts in 1.. {
            let next = page.next(call, most);
            assert!(next.query.contains(&("order_by".to_owned(), "dag_id".to_owned())));
            match page.take(answer(all, &next)) {
                PagePart::More => {}
                PagePart::Whole(whole) => {
                    assert_eq!(whole["total_entries"], all.len());
                    let rows = whole["dags"].as_array().unwrap();
                    return (rows.iter().map(|row| row["dag_id"].as_u64().unwrap() as usize).collect(), parts);
                }
                other => panic!("{other:?}"),
            }
        }
        unreachable!()
    }

    #[test]
    fn a_page_in_parts_is_the_page() {
        let all: Vec<usize> = (0..130).collect();
        for (offset, wanted, most, parts) in
            [(0, 100, 100, 1), (0, 100, 25, 5), (99, 100, 25, 2), (0, 3, 2, 2), (129, 100, 25, 1), (200, 10, 6, 1)]
        {
            let expected: Vec<usize> = all.iter().copied().skip(offset).take(wanted).collect();
            assert_eq!(
                read(&all, &listing(wanted, offset), wanted, most),
                (expected, parts),
                "{offset} {wanted} {most}"
            );
        }
    }

    #[test]
    fn a_row_that_went_away_is_noticed() {
        let (before, after): (Vec<usize>, Vec<usize>) = ((0..10).collect(), (1..10).collect());
        let call = listing(10, 0);
        let mut page = Page::new(&call, 10);
        assert_eq!(page.take(answer(&before, &page.next(&call, 6))), PagePart::More);
        let next = page.next(&call, 6);
        assert_eq!(page.take(answer(&after, &next)), PagePart::Moved);
        assert_eq!(Page::new(&call, 10).take(json!({ "dags": [] })), PagePart::Odd);
    }

    #[test]
    fn fewer_rows_are_tried_until_two() {
        let all: Vec<usize> = std::iter::successors(Some(100), |rows| fewer(*rows)).collect();
        assert_eq!(all, [100, 25, 6, 2]);
        assert_eq!((rows(&listing(100, 0)), rows(&Call::get(System::Airflow, "/api/v2/version"))), (Some(100), None));
    }
}
