//! Paging of list endpoints: `limit`, `offset` and `order_by`, and the page that they choose.

use super::{
    ApiVersion,
    replies::{AirflowResult, bad, detail, misfit, ok, problem, unprocessable},
};
use crate::{answer::Answer, request::Request};
use serde_json::{Value, json};
use std::cmp::Ordering;

/// No page holds more, whatever the limit of the request (`[api] maximum_page_limit`).
const MOST: usize = 100;

/// What a listing may be asked.
pub struct Listing {
    /// The member of the answer that holds the rows.
    pub name: &'static str,
    /// The parameters that filter.
    pub filters: &'static [&'static str],
    /// The members that rows can be ordered by.
    pub orders: &'static [&'static str],
}

/// Cuts a page out of all rows that the filters left, and shows them.
pub fn page(api: ApiVersion, request: &Request, listing: &Listing, mut rows: Vec<Value>) -> AirflowResult {
    known(api, request, listing)?;
    let limit = number(api, request, "limit")?;
    let offset = number(api, request, "offset")?.unwrap_or(0);
    // v2 gives no rows for a limit of 0; v1 takes it for no limit.
    let limit = match (api, limit) {
        (ApiVersion::V2, limit) => limit.unwrap_or(50).min(MOST),
        (ApiVersion::V1, None | Some(0)) => MOST,
        (ApiVersion::V1, Some(limit)) => limit.min(MOST),
    };
    order(api, request, listing, &mut rows)?;
    let total = rows.len();
    let rows: Vec<Value> = rows.into_iter().skip(offset).take(limit).collect();
    ok(json!({ listing.name: rows, "total_entries": total }))
}

/// v2 passes over parameters that it does not know; v1 refuses them.
fn known(api: ApiVersion, request: &Request, listing: &Listing) -> Result<(), Answer> {
    let usual = ["limit", "offset", "order_by", "fields"];
    // v1 has no order of them to choose (openapi v1.yaml, get_task_instances).
    let is_fixed = listing.name == "task_instances";
    let odd: Vec<&str> = request
        .query
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !usual.contains(name) && !listing.filters.contains(name) || is_fixed && *name == "order_by")
        .collect();
    match api {
        ApiVersion::V1 if !odd.is_empty() => {
            let words = format!("Extra query parameter(s) {} not in spec", odd.join(", "));
            let mut answer = problem(400, "", json!(words));
            if let crate::answer::Content::Problem(body) = &mut answer.content {
                body["title"] = Value::Null;
            }
            Err(answer)
        }
        _ => Ok(()),
    }
}

fn number(api: ApiVersion, request: &Request, name: &str) -> Result<Option<usize>, Answer> {
    let Some((_, text)) = request.query.iter().find(|(n, _)| n == name) else { return Ok(None) };
    let wrong = |kind, message: &str, context| {
        unprocessable(vec![misfit(kind, &["query", name], message, &json!(text), context)])
    };
    let Ok(number) = text.parse::<i64>() else {
        let unreadable = "Input should be a valid integer, unable to parse string as an integer";
        return Err(match api {
            ApiVersion::V2 => wrong("int_parsing", unreadable, Value::Null),
            ApiVersion::V1 => bad(format!("Wrong type, expected 'integer' for query parameter '{name}'")),
        });
    };
    usize::try_from(number).map(Some).map_err(|_| match api {
        ApiVersion::V2 => wrong("greater_than_equal", "Input should be greater than or equal to 0", json!({ "ge": 0 })),
        ApiVersion::V1 if name == "limit" => problem(400, "Page limit must be a positive integer", Value::Null),
        ApiVersion::V1 => bad(format!("{number} is less than the minimum of 0 - '{name}'")),
    })
}

fn order(api: ApiVersion, request: &Request, listing: &Listing, rows: &mut [Value]) -> Result<(), Answer> {
    let wanted: Vec<&str> = request
        .query
        .iter()
        .filter(|(name, _)| name == "order_by")
        .map(|(_, by)| by.as_str())
        .filter(|by| !by.is_empty())
        .collect();
    for by in wanted.into_iter().rev() {
        let (name, down) = by.strip_prefix('-').map_or((by, false), |name| (name, true));
        if !listing.orders.contains(&name) {
            let words = format!("Ordering with '{name}' is disallowed or the attribute does not exist on the model");
            return Err(match api {
                ApiVersion::V2 => detail(400, words),
                ApiVersion::V1 => bad(words),
            });
        }
        rows.sort_by(|a, b| {
            let order = compare(&a[name], &b[name]);
            if down { order.reverse() } else { order }
        });
    }
    Ok(())
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        // SQL sorts what is null before everything else on SQLite.
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        _ => a.to_string().cmp(&b.to_string()),
    }
}

/// Whether a text fits a filter in which `%` stands for any text. Without one it may stand anywhere.
pub fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    if !pattern.contains('%') {
        return text.contains(&pattern);
    }
    plumb_model::text::glob(&pattern.replace('%', "*"), &text)
}

/// All values of a parameter that may be repeated.
pub fn all<'a>(request: &'a Request, name: &str) -> Vec<&'a str> {
    request.query.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
}

/// Whether a text is what the parameter of that name says, if it is there.
pub fn fits_exactly(request: &Request, name: &str, text: &str) -> bool {
    all(request, name).first().is_none_or(|wanted| *wanted == text)
}

/// Whether a text fits the filter of that name, if it is there.
pub fn fits(request: &Request, filter: &str, text: &str) -> bool {
    all(request, filter).first().is_none_or(|pattern| like(pattern, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THINGS: Listing = Listing { name: "things", filters: &["thing_pattern"], orders: &["key"] };

    fn keys(api: ApiVersion, query: &str) -> Result<Vec<i64>, u16> {
        let rows = (0..150).map(|n| json!({ "key": n })).collect();
        let request = Request::internal("GET", &format!("/things?{query}"), "", Value::Null);
        let answer = page(api, &request, &THINGS, rows).map_err(|a| a.status)?;
        let crate::answer::Content::Json(body) = answer.content else { panic!("no JSON") };
        assert_eq!(body["total_entries"], 150);
        Ok(body["things"].as_array().unwrap().iter().map(|t| t["key"].as_i64().unwrap()).collect())
    }

    #[test]
    fn pages_are_cut_at_a_hundred_without_a_word() {
        assert_eq!(keys(ApiVersion::V2, "").unwrap().len(), 50);
        assert_eq!(keys(ApiVersion::V2, "limit=1000").unwrap().len(), 100);
        assert_eq!(keys(ApiVersion::V2, "limit=0").unwrap().len(), 0);
        assert_eq!(keys(ApiVersion::V1, "limit=0").unwrap().len(), 100);
        assert_eq!(keys(ApiVersion::V2, "limit=100&offset=100").unwrap().len(), 50);
        assert_eq!(keys(ApiVersion::V2, "order_by=-key&limit=2").unwrap(), [149, 148]);
    }

    #[test]
    fn what_is_refused_differs() {
        assert_eq!(keys(ApiVersion::V2, "limit=-1"), Err(422));
        assert_eq!(keys(ApiVersion::V1, "limit=-1"), Err(400));
        assert_eq!(keys(ApiVersion::V2, "order_by=odd"), Err(400));
        assert!(keys(ApiVersion::V2, "odd=1").is_ok());
        assert_eq!(keys(ApiVersion::V1, "odd=1"), Err(400));
    }

    #[test]
    fn a_percent_sign_stands_for_any_text() {
        assert!(like("%month%", "Bau_Monthly") && like("month", "bau_monthly") && like("bau%", "bau_x"));
        assert!(!like("month%", "bau_monthly"));
    }
}
