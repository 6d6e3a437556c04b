//! Listings, page by page.

use plumb_model::call::{Call, Service, ServiceError};
use plumb_model::read::{Pages, Paging, Read};
use serde_json::Value;
use std::collections::HashSet;

/// No listing has more pages: 10,000 jobs are 100 of them.
const MOST_PAGES: usize = 10_000;

/// How many rows a listing by offset has on all its pages.
const TOTAL: &str = "total_entries";

/// How often a listing by offset begins again because its length changed meanwhile.
const LISTINGS: usize = 4;

/// Reads the pages of a listing one by one. One that fails fails the whole: what was handed out before is then no listing, and
/// must not pass for one.
pub struct PageReader<'s> {
    service: &'s dyn Service,
    read: &'s Read,
    /// The call of the next page; `None` after the last one.
    next: Option<Call>,
    tokens: HashSet<String>,
    count: usize,
    /// The pages of a listing by offset, which are only known to be right once the last one is read.
    whole: std::vec::IntoIter<Value>,
}

impl<'s> PageReader<'s> {
    /// A reader that begins at the first page.
    pub fn new(service: &'s dyn Service, read: &'s Read) -> PageReader<'s> {
        let next = Some(read.call.clone());
        PageReader { service, read, next, tokens: HashSet::new(), count: 0, whole: Vec::new().into_iter() }
    }

    /// Whether every page was handed out.
    pub fn is_over(&self) -> bool {
        self.next.is_none() && self.whole.len() == 0
    }

    /// How many pages were asked for, the failing one included.
    pub fn pages(&self) -> usize {
        self.count
    }

    /// The next page; `None` after the last one. A page that fails is asked for again by the next call.
    pub async fn next(&mut self) -> Result<Option<Value>, ServiceError> {
        let Some(mut call) = self.next.clone() else { return Ok(self.whole.next()) };
        if let Paging::Offset { limit, items, id } = self.read.paging {
            self.whole = by_offset(self.service, &call, Offsets { limit, items, id }).await?.into_iter();
            self.count += self.whole.len();
            self.next = None;
            return Ok(self.whole.next());
        }
        self.count += 1;
        let answer = self.service.send(&call).await?;
        let (status, page) = (answer.status, answer.body);
        let odd = |why: &str| odd_answer(&call, status, why);
        if !page.is_object() {
            return Err(odd("the answer is empty or no object, so it cannot be told from an empty listing"));
        }
        let Paging::Token { param, next } = self.read.paging else {
            self.next = None;
            return Ok(Some(page));
        };
        let token = match page.pointer(next) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(token)) => token.clone(),
            Some(Value::Number(token)) => token.to_string(),
            Some(_) => return Err(odd("the token of the next page is neither text nor number")),
        };
        if token.is_empty() {
            if page.get("has_more") == Some(&Value::Bool(true)) {
                return Err(odd("it says that there is more, but not where"));
            }
            self.next = None;
            return Ok(Some(page));
        }
        if self.count >= MOST_PAGES {
            return Err(odd(&format!("there are more than {MOST_PAGES} pages")));
        }
        let repeated = odd("the token of the next page came before, so the listing would never end");
        call.query.retain(|(name, _)| name != param);
        call.query.push((param.to_owned(), token.clone()));
        if !self.tokens.insert(token) {
            return Err(repeated);
        }
        self.next = Some(call);
        Ok(Some(page))
    }
}

/// Reads all pages. A page that fails fails the read: a partial reading must never pass for absence.
pub async fn read(service: &dyn Service, read: &Read) -> Result<Pages, ServiceError> {
    let mut reader = PageReader::new(service, read);
    let mut pages = Vec::new();
    while let Some(page) = reader.next().await? {
        pages.push(page);
    }
    Ok(pages)
}

/// Where the parts of a page are, for reading by offset.
struct Offsets {
    limit: usize,
    items: &'static str,
    id: &'static str,
}

/// Reads pages by their offset. An object that is deleted meanwhile moves those behind it forward, past the page that is
/// read next. So each page begins with the last row of the one before it; where it does not, or the total changes, the
/// listing begins again.
async fn by_offset(service: &dyn Service, first: &Call, by: Offsets) -> Result<Pages, ServiceError> {
    let mut call = first.clone();
    'again: for _ in 0..LISTINGS {
        let mut pages: Pages = Vec::new();
        let (mut rows, mut last, mut length) = (0, None, None);
        loop {
            call.query.retain(|(name, _)| name != "limit" && name != "offset");
            call.query.push(("limit".to_owned(), by.limit.to_string()));
            call.query.push(("offset".to_owned(), (rows as usize).saturating_sub(1).to_string()));
            let mut answer = service.send(&call).await?;
            let odd = |why: &str| odd_answer(&call, answer.status, why);
            let entries = answer.body.get(TOTAL).and_then(Value::as_u64);
            let entries = entries.ok_or_else(|| odd(&format!("the answer has no number `{TOTAL}`")))?;
            let missing = odd(&format!("the answer has no list `{}`", by.items));
            let list = answer.body.get_mut(by.items).and_then(Value::as_array_mut).ok_or(missing)?;
            if last.is_some() {
                let overlap = (!list.is_empty()).then(|| list.remove(0));
                if overlap.as_ref().and_then(|row| row.get(by.id)) != last.as_ref() {
                    continue 'again;
                }
            }
            rows += list.len() as u64;
            let stuck = list.is_empty() && rows < entries;
            last = list.last().and_then(|row| row.get(by.id)).cloned().or(last);
            pages.push(answer.body);
            if stuck || rows > entries || *length.get_or_insert(entries) != entries {
                continue 'again;
            }
            if rows == entries {
                return Ok(pages);
            }
            if pages.len() >= MOST_PAGES {
                return Err(odd_answer(&call, answer.status, &format!("there are more than {MOST_PAGES} pages")));
            }
        }
    }
    Err(odd_answer(&call, 200, "it changed again and again while its pages were read"))
}

pub(crate) fn odd_answer(call: &Call, status: u16, why: &str) -> ServiceError {
    ServiceError::Refused {
        line: call.line(),
        status,
        code: "UNEXPECTED_ANSWER".to_owned(),
        message: why.to_owned(),
        request_id: None,
        retry_after: None,
        doubt: None,
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
