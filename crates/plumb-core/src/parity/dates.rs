//! Times as services write them, and the periods that names and parameters say.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A time: seconds, milliseconds, microseconds or nanoseconds since 1970, as a number or its text, or a text of ISO 8601. `0`
/// is Databricks' way to say that it has not come yet. Without a zone it is in UTC.
pub(crate) fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => since_1970(number.as_f64()?),
        Value::String(text) => {
            let text = text.trim();
            let number = || text.parse::<f64>().ok().and_then(since_1970);
            text.parse::<Timestamp>().ok().or_else(|| in_utc(text)).or_else(number)
        }
        _ => None,
    }
}

fn in_utc(text: &str) -> Option<Timestamp> {
    Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Which unit it is in is told by its size: 100 milliards of seconds are the year 5138, of milliseconds 1973.
fn since_1970(number: f64) -> Option<Timestamp> {
    let size = number.abs();
    let seconds = match size {
        _ if size.is_nan() || size < 1.0 => return None,
        _ if size < 1e11 => number,
        _ if size < 1e14 => number / 1e3,
        _ if size < 1e17 => number / 1e6,
        _ => number / 1e9,
    };
    // A double has no more than about a microsecond of a time of today.
    let micros = (seconds * 1e6).round();
    (micros.abs() < 9e18).then(|| Timestamp::from_microsecond(micros as i64).ok()).flatten()
}

/// The period that an interval of data is of: its month or its day. In UTC an interval of another zone begins on the day
/// before; its middle is inside it.
pub(crate) fn period_between(from: Timestamp, to: Timestamp) -> Option<String> {
    let length = to.duration_since(from);
    let middle = from.checked_add(length / 2).ok()?.to_zoned(TimeZone::UTC).date();
    let days = length.as_hours() / 24;
    match days {
        28..=31 => Some(middle.strftime("%Y-%m").to_string()),
        _ if length >= SignedDuration::from_hours(23) && length <= SignedDuration::from_hours(25) => {
            Some(middle.to_string())
        }
        _ => None,
    }
}

/// The period that named values say, parameters for one: the value of a name such as `month`, else of one such as `run_date`.
/// Nothing where two disagree.
pub(crate) fn period_of<'a>(named: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    const PERIODS: &[&str] = &["period", "month"];
    const DAYS: &[&str] = &["date", "day", "week", "ds", "as_of", "asof", "partition"];
    let mut found: [Vec<String>; 2] = [Vec::new(), Vec::new()];
    for (name, value) in named {
        let name = name.to_ascii_lowercase();
        let Some(period) = whole_period(value) else { continue };
        if PERIODS.iter().any(|part| name.contains(part)) {
            found[0].push(period);
        } else if DAYS.iter().any(|part| name.contains(part)) {
            found[1].push(period);
        }
    }
    for mut periods in found {
        periods.sort();
        periods.dedup();
        match periods.len() {
            0 => {}
            1 => return periods.pop(),
            _ => return None,
        }
    }
    None
}

/// The period in a name: `mart 2026-10`. Nothing where there are two.
pub(crate) fn period_in(name: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_digit() || c == '-';
    let mut found: Vec<String> = Vec::new();
    let mut before = None;
    for (at, part) in parts(name, is_part) {
        let next = name[at + part.len()..].chars().next();
        // A time of day follows: it says when something ran, not what for.
        let is_time = next == Some('T') || before == Some('T');
        before = next;
        let part = part.trim_matches('-');
        if !is_time
            && part.contains('-')
            && let Some(period) = whole_period(part)
        {
            found.push(period);
        }
    }
    found.dedup();
    (found.len() == 1).then(|| found.pop()).flatten()
}

fn parts(text: &str, is_part: impl Fn(char) -> bool + Copy) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split(move |c: char| !is_part(c)).filter_map(move |part| {
        let here = at;
        at += part.len() + text[here + part.len()..].chars().next().map_or(0, char::len_utf8);
        (!part.is_empty()).then_some((here, part))
    })
}

/// `2026-10`, `2026-10-05`, `2026-W40`, `202610` or `20261005`, as the first three.
pub(crate) fn whole_period(text: &str) -> Option<String> {
    let text = text.trim();
    let is_like = |shape: &str| {
        let fits = |(c, like): (char, char)| if like == '0' { c.is_ascii_digit() } else { c == like };
        text.len() == shape.len() && text.chars().zip(shape.chars()).all(fits)
    };
    let dashed = if is_like("0000-00-00") || is_like("0000-00") || is_like("0000-W00") {
        text.to_owned()
    } else if is_like("00000000") {
        format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])
    } else if is_like("000000") {
        format!("{}-{}", &text[..4], &text[4..])
    } else {
        return None;
    };
    if !dashed.starts_with("20") && !dashed.starts_with("19") {
        return None;
    }
    if let Some((_, week)) = dashed.split_once("-W") {
        return week.parse::<u8>().is_ok_and(|week| (1..=53).contains(&week)).then_some(dashed);
    }
    let day = if dashed.len() == 7 { format!("{dashed}-01") } else { dashed.clone() };
    day.parse::<Date>().is_ok().then_some(dashed)
}
