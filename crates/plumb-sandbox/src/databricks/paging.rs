//! Paging of list endpoints by page token, and listings that leave out new objects for a while.

use crate::{errors::ApiError, request::Request, store::Store};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// One element of a list with its place in the order; lists run from the largest place to the smallest.
pub struct Item<T> {
    pub place: String,
    pub value: T,
}

/// A place by time and id: the newest first, ids breaking ties.
pub fn place(time: i64, id: impl std::fmt::Display) -> String {
    format!("{time:020}:{id:>24}")
}

/// One page.
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
    pub prev: Option<String>,
}

/// Cuts a page out of a list. Tokens name the element they stand beside, so that what is created or deleted while
/// a client pages neither repeats nor hides any other element.
pub fn cut<T>(mut items: Vec<Item<T>>, token: Option<&str>, limit: usize) -> Result<Page<T>, ApiError> {
    items.sort_by(|a, b| b.place.cmp(&a.place));
    let (mut from, mut to) = (0, items.len());
    match token.filter(|t| !t.is_empty()).map(open).transpose()? {
        Some(PageToken::After(place)) => from = items.partition_point(|i| i.place >= place),
        Some(PageToken::Before(place)) => {
            to = items.partition_point(|i| i.place > place);
            from = to.saturating_sub(limit);
        }
        None => {}
    }
    to = to.min(from.saturating_add(limit));
    let next = (to < items.len() && to > from).then(|| seal(&format!("after:{}", items[to - 1].place)));
    let prev = (from > 0 && from < items.len()).then(|| seal(&format!("before:{}", items[from].place)));
    let items = items.drain(from..to.max(from)).map(|i| i.value).collect();
    Ok(Page { items, next, prev })
}

enum PageToken {
    After(String),
    Before(String),
}

fn seal(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn open(token: &str) -> Result<PageToken, ApiError> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match text.as_deref().and_then(|t| t.split_once(':')) {
        Some(("after", place)) => Ok(PageToken::After(place.to_owned())),
        Some(("before", place)) => Ok(PageToken::Before(place.to_owned())),
        _ => Err(ApiError::invalid(format!("Invalid page token: {token}"))),
    }
}

/// The limit of a page: between 1 and `most`, `usual` when it is not given.
pub fn limit(request: &Request, name: &str, usual: i64, most: i64) -> Result<usize, ApiError> {
    let limit = request.number(name)?.unwrap_or(usual);
    if !(1..=most).contains(&limit) {
        return Err(ApiError::invalid(format!("Invalid {name}: {limit}. It must be between 1 and {most}.")));
    }
    Ok(usize::try_from(limit).unwrap_or(1))
}

/// A list answer. The services leave an empty list out (proto3's JSON form), rather than answer `[]`.
pub fn listing(name: &str, items: Vec<Value>) -> Map<String, Value> {
    let mut answer = Map::new();
    if !items.is_empty() {
        answer.insert(name.to_owned(), Value::Array(items));
    }
    answer
}

/// Elements shown of each array of one object (Jobs API 2.2).
pub const ELEMENTS: usize = 100;

/// Cuts arrays of an object down to page `number`; answers whether there are more.
// On later pages an array that is exhausted is empty, it does not repeat (databricks/cli testserver, jobs/get).
pub fn cut_arrays(object: &mut Value, names: &[&str], number: usize) -> bool {
    let mut more = false;
    for name in names {
        if let Some(list) = object.get_mut(*name).and_then(Value::as_array_mut) {
            more |= list.len() > (number + 1) * ELEMENTS;
            *list = list.drain(..).skip(number * ELEMENTS).take(ELEMENTS).collect();
        }
    }
    more
}

/// The number of a page of [`cut_arrays`], from its token.
pub fn page_number(token: Option<&str>) -> Result<usize, ApiError> {
    let Some(token) = token.filter(|t| !t.is_empty()) else { return Ok(0) };
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.as_deref()
        .and_then(|t| t.strip_prefix("elements:"))
        .and_then(|n| n.parse().ok())
        .ok_or_else(|| ApiError::invalid(format!("Invalid page token: {token}")))
}

/// The token of a page of [`cut_arrays`].
pub fn page_token(number: usize) -> Value {
    json!(seal(&format!("elements:{number}")))
}

/// A new object that listings still leave out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unlisted {
    pub reads: u64,
    pub until_ms: i64,
}

/// Hides a new object from listings for as long as the settings say.
pub fn created(store: &mut Store, kind: &str, id: impl std::fmt::Display) {
    let (reads, seconds) = (store.settings.list_delay_reads, store.settings.list_delay_seconds);
    if reads > 0 || seconds > 0 {
        let until_ms = store.now() + seconds * 1000;
        store.databricks.unlisted.insert(format!("{kind}/{id}"), Unlisted { reads, until_ms });
    }
}

/// The ids of a kind that this listing leaves out. A listing's first page counts as a read.
pub fn unlisted(store: &mut Store, kind: &str, first_page: bool) -> Vec<String> {
    let now = store.now();
    let prefix = format!("{kind}/");
    let mut hidden = Vec::new();
    for (key, entry) in &mut store.databricks.unlisted {
        let Some(id) = key.strip_prefix(&prefix) else { continue };
        if entry.reads > 0 || entry.until_ms > now {
            hidden.push(id.to_owned());
        }
        if first_page {
            entry.reads = entry.reads.saturating_sub(1);
        }
    }
    store.databricks.unlisted.retain(|_, entry| entry.reads > 0 || entry.until_ms > now);
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(n: i64) -> Vec<Item<i64>> {
        (0..n).map(|i| Item { place: place(i / 3, i), value: i }).collect()
    }

    #[test]
    fn pages_follow_one_another_both_ways() {
        let first = cut(items(7), None, 3).unwrap();
        assert_eq!((first.items, first.prev.is_none()), (vec![6, 5, 4], true));
        let second = cut(items(7), first.next.as_deref(), 3).unwrap();
        assert_eq!(second.items, [3, 2, 1]);
        assert_eq!(cut(items(7), second.prev.as_deref(), 3).unwrap().items, [6, 5, 4]);
        let last = cut(items(7), second.next.as_deref(), 3).unwrap();
        assert_eq!((last.items, last.next.is_none()), (vec![0], true));
    }

    #[test]
    fn deleting_while_paging_hides_nothing_else() {
        let first = cut(items(7), None, 3).unwrap();
        let without: Vec<_> = items(7).into_iter().filter(|i| ![6, 4].contains(&i.value)).collect();
        assert_eq!(cut(without, first.next.as_deref(), 3).unwrap().items, [3, 2, 1]);
    }

    #[test]
    fn a_token_that_was_never_given_out_is_refused() {
        assert!(cut(items(7), Some("nonsense"), 3).is_err());
        assert!(page_number(Some("nonsense")).is_err());
    }
}
