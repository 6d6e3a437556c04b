//! Paging of list endpoints by page token, and listings that leave out new objects for a while.

use super::placed::{Created, Placed};
use crate::{errors::ApiError, request::Request, store::Store};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt::Display;
use std::ops::Bound;
use std::str::FromStr;

/// One page.
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
    pub prev: Option<String>,
}

/// Which page of a listing.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub token: Option<&'a str>,
    pub limit: usize,
    /// How many elements the first page leaves out.
    pub offset: usize,
}

/// Reads a page: of what there is only the elements that `keep` takes. Tokens name the element they stand beside, so that
/// what is created or deleted while a client pages neither repeats nor hides any other element.
pub fn page<'a, K, V>(
    all: &'a Placed<K, V>,
    wanted: Wanted<'_>,
    mut keep: impl FnMut(&V) -> bool,
) -> Result<Page<&'a V>, ApiError>
where
    K: Ord + Clone + Display + FromStr,
    V: Created,
{
    let Wanted { token, limit, offset } = wanted;
    let token = token.filter(|t| !t.is_empty()).map(open).transpose()?;
    let mut kept = |(_, value): &(&'a (i64, K), &'a V)| keep(value);
    let (rows, earlier, later) = match &token {
        None => {
            let mut below = all.below(Bound::Unbounded).filter(&mut kept).skip(offset);
            let rows: Vec<_> = below.by_ref().take(limit).collect();
            (rows, false, below.next().is_some())
        }
        Some(PageToken::After(place)) => {
            let mut below = all.below(Bound::Excluded(place)).filter(&mut kept);
            let rows: Vec<_> = below.by_ref().take(limit).collect();
            let later = below.next().is_some();
            drop(below);
            (rows, all.above(Bound::Included(place)).any(|row| kept(&row)), later)
        }
        Some(PageToken::Before(place)) => {
            let mut above = all.above(Bound::Excluded(place)).filter(&mut kept);
            let mut rows: Vec<_> = above.by_ref().take(limit).collect();
            let earlier = above.next().is_some();
            drop(above);
            rows.reverse();
            (rows, earlier, all.below(Bound::Included(place)).any(|row| kept(&row)))
        }
    };
    let next = rows.last().filter(|_| later).map(|(at, _)| seal(&format!("after:{}", text(at))));
    let prev = rows.first().filter(|_| earlier).map(|(at, _)| seal(&format!("before:{}", text(at))));
    Ok(Page { items: rows.into_iter().map(|(_, value)| value).collect(), next, prev })
}

/// A place as tokens have it.
fn text<K: Display>((time, id): &(i64, K)) -> String {
    format!("{time}:{id}")
}

enum PageToken<K> {
    After((i64, K)),
    Before((i64, K)),
}

fn seal(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn open<K: FromStr>(token: &str) -> Result<PageToken<K>, ApiError> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let read = |text: &str| {
        let (side, place) = text.split_once(':')?;
        let (time, id) = place.split_once(':')?;
        let place = (time.parse().ok()?, id.parse().ok()?);
        match side {
            "after" => Some(PageToken::After(place)),
            "before" => Some(PageToken::Before(place)),
            _ => None,
        }
    };
    text.as_deref().and_then(read).ok_or_else(|| ApiError::invalid(format!("Invalid page token: {token}")))
}

/// Reads a page of what is ordered by its key, up or down: its rows, and the token of the next page.
pub fn keyed_page<'a, V>(
    all: impl Iterator<Item = (&'a String, &'a V)>,
    token: Option<&str>,
    limit: usize,
    is_descending: bool,
) -> Result<(Vec<&'a V>, Option<String>), ApiError> {
    let invalid = |token: &str| ApiError::invalid(format!("Invalid page token: {token}"));
    let after = match token.filter(|token| !token.is_empty()) {
        None => None,
        Some(token) => {
            let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let key = text.as_deref().and_then(|text| text.strip_prefix("key:")).map(str::to_owned);
            Some(key.ok_or_else(|| invalid(token))?)
        }
    };
    let is_passed =
        |key: &String| after.as_ref().is_some_and(|after| if is_descending { key >= after } else { key <= after });
    let mut rows = all.skip_while(|(key, _)| is_passed(key));
    let page: Vec<_> = rows.by_ref().take(limit).collect();
    let next = page.last().filter(|_| rows.next().is_some()).map(|(key, _)| seal(&format!("key:{key}")));
    Ok((page.into_iter().map(|(_, value)| value).collect(), next))
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

    impl Created for i64 {
        fn created(&self) -> i64 {
            *self / 3
        }
    }

    fn objects(n: i64) -> Placed<i64, i64> {
        (0..n).map(|i| (i, i)).collect()
    }

    /// A page, and how many objects were looked at for it.
    fn three<'a>(all: &'a Placed<i64, i64>, token: &Option<String>) -> (Vec<i64>, Page<&'a i64>, usize) {
        let mut visits = 0;
        let wanted = Wanted { token: token.as_deref(), limit: 3, offset: 0 };
        let page = page(all, wanted, |_| {
            visits += 1;
            true
        });
        let page = page.unwrap();
        (page.items.iter().map(|i| **i).collect(), page, visits)
    }

    #[test]
    fn pages_follow_one_another_both_ways() {
        let all = objects(7);
        let (items, first, _) = three(&all, &None);
        assert_eq!((items, first.prev.is_none()), (vec![6, 5, 4], true));
        let (items, second, _) = three(&all, &first.next);
        assert_eq!(items, [3, 2, 1]);
        let (items, back, _) = three(&all, &second.prev);
        assert_eq!((items, back.prev.is_none()), (vec![6, 5, 4], true));
        assert_eq!(three(&all, &back.next).0, [3, 2, 1]);
        let (items, last, _) = three(&all, &second.next);
        assert_eq!((items, last.next.is_none()), (vec![0], true));
        assert_eq!(three(&all, &last.prev).0, [3, 2, 1]);
    }

    #[test]
    fn deleting_while_paging_hides_nothing_else() {
        let mut all = objects(7);
        let next = three(&all, &None).1.next;
        for gone in [6, 4] {
            all.remove(&gone);
        }
        assert_eq!(three(&all, &next).0, [3, 2, 1]);
    }

    #[test]
    fn a_page_costs_what_is_on_it_however_many_objects_there_are() {
        for n in [10, 1_000, 10_000] {
            let all = objects(n);
            let (mut token, mut pages, mut seen) = (None, 0, 0);
            loop {
                let (items, page, visits) = three(&all, &token);
                // One more to see whether there is another page, one to see whether there was one before.
                assert!(visits <= 3 + 2, "{visits} visits for a page of {n}");
                (pages, seen) = (pages + 1, seen + items.len());
                match page.next {
                    Some(next) if pages < 50 => token = Some(next),
                    _ => break,
                }
            }
            assert_eq!(seen, usize::try_from(n).unwrap().min(150));
        }
    }

    #[test]
    fn what_is_not_kept_is_on_no_page_and_counts_for_none() {
        let all = objects(9);
        let even =
            |token: Option<&str>, offset| page(&all, Wanted { token, limit: 2, offset }, |i| i % 2 == 0).unwrap();
        let first = even(None, 0);
        assert_eq!((first.items, first.prev), (vec![&8, &6], None));
        let second = even(first.next.as_deref(), 0);
        assert_eq!(second.items, [&4, &2]);
        let third = even(second.next.as_deref(), 0);
        assert_eq!((third.items, third.next), (vec![&0], None));
        assert_eq!(even(None, 3).items, [&2, &0]);
        assert_eq!(even(second.prev.as_deref(), 0).items, [&8, &6]);
    }

    #[test]
    fn a_token_that_was_never_given_out_is_refused() {
        for token in ["nonsense", &seal("after:1"), &seal("after:x:1"), &seal("beside:1:1")] {
            assert!(
                page(&objects(7), Wanted { token: Some(token), limit: 3, offset: 0 }, |_| true).is_err(),
                "{token}"
            );
        }
        assert!(page_number(Some("nonsense")).is_err());
    }
}
