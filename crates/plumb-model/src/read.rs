//! A read of one page or many, as data: which call, and how it goes on.

use crate::call::Call;
use serde_json::Value;

/// A read of one or more pages.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub call: Call,
    pub paging: Paging,
}

/// How a read goes on after its first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// There is one page.
    Single,
    /// The answer's `next` (a JSON pointer) goes into the query parameter `param`, until it is absent or empty.
    Token { param: &'static str, next: &'static str },
    /// Pages of at most `limit` rows are asked for by `limit` and `offset`. The rows are the answer's member `items`, told
    /// apart by their member `id`, and `total_entries` says how many there are on all pages.
    Offset { limit: usize, items: &'static str, id: &'static str },
}

impl Read {
    /// A read of one page.
    pub fn single(call: Call) -> Self {
        Read { call, paging: Paging::Single }
    }

    /// A read by offset, as all of Airflow's listings: 100 rows are the most that a page may have unless the server was
    /// set up otherwise, and asking for more silently gives 100.
    pub fn offsets(call: Call, items: &'static str, id: &'static str) -> Self {
        Read { call, paging: Paging::Offset { limit: 100, items, id } }
    }

    /// A read that follows `next_page_token`, as all of Databricks does.
    pub fn tokens(call: Call) -> Self {
        Read { call, paging: Paging::Token { param: "page_token", next: "/next_page_token" } }
    }
}

/// The page bodies of one [`Read`].
pub type Pages = Vec<Value>;
