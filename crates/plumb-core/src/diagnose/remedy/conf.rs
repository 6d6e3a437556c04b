//! Properties of Spark that a message names.

use super::compute::set;
use super::memory::{driver, several};
use super::site::ClusterSite;
use super::{Remedy, RemedyCase, say};
use serde_json::json;

/// Sets a property of the one cluster of which `next` gives a value that is not there yet.
fn property<'a>(
    case: &RemedyCase<'a>,
    key: &'static str,
    why: &str,
    next: impl Fn(&ClusterSite<'a>) -> Option<String>,
) -> Vec<Remedy<'a>> {
    match case.only(|site| next(site).is_some_and(|value| site.conf(key) != Some(&value))) {
        Ok(site) => {
            let Some(value) = next(site) else { return Vec::new() };
            vec![set(site, &[(["spark_conf", key], json!(value))], why)]
        }
        Err(names) => several(&names, &format!("{why} Set {key}")),
    }
}

/// Bytes of `4.1 GiB`, `64m`, `1024.0 MB`: Spark's units are binary whatever they are called.
fn bytes(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text.get(..end)?.parse().ok()?;
    let unit = text.get(end..)?.trim().to_ascii_lowercase();
    let power = match unit.chars().next() {
        None | Some('b') => 0,
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        Some(_) => return None,
    };
    Some(number * 1024f64.powi(power))
}

const MIB: f64 = 1_048_576.0;
const MAX_RESULT: &str = "spark.driver.maxResultSize";

/// The limit is raised to twice what it was, or what was needed if that is more; a result of many gigabytes belongs in a table.
pub(super) fn max_result<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    const MOST_GIB: f64 = 16.0;
    let needed = case.slot("used").and_then(bytes);
    let why =
        "The message names the limit. The driver needs memory for what it lets through; writing the result needs none.";
    property(case, MAX_RESULT, why, |site| {
        let limit =
            site.conf(MAX_RESULT).or_else(|| case.slot("limit")).and_then(bytes).filter(|limit| *limit > 0.0)?;
        let gib = (limit * 2.0).max(needed? * 1.25) / (1024.0 * MIB);
        (gib <= MOST_GIB).then(|| format!("{}g", gib.ceil().max(1.0)))
    })
}

pub(super) fn broadcast<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let key = "spark.sql.autoBroadcastJoinThreshold";
    if case.sites.iter().any(|site| site.conf(key) == Some("-1")) {
        let text =
            "Broadcasts by size are off already: the code asks for this one (a broadcast hint). Take the hint out.";
        return vec![Remedy::Say(say(text))];
    }
    if case.shows(&["Not enough memory to build and broadcast", "DRIVER_BROADCAST_JOIN_OOM"]) && case.sites.is_empty() {
        return driver(case);
    }
    let why = "Joins sort instead of broadcasting a table that is too large or too slow; small joins get slower, and a hint in \
               the code still broadcasts.";
    property(case, key, why, |_| Some("-1".to_owned()))
}

pub(super) fn kryo<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    const KEY: &str = "spark.kryoserializer.buffer.max";
    // Under 2 GiB (Spark configuration: "must be less than 2048m"); 64m where nothing is set.
    const MOST: f64 = 2047.0;
    let required = case.slot("required").and_then(bytes).unwrap_or_default();
    let why = "The message names the buffer. It grows to this only for objects that need it.";
    property(case, KEY, why, |site| {
        let now = site.conf(KEY).map_or(Some(64.0 * MIB), |text| match text.trim().parse::<f64>() {
            // A bare number is of mebibytes.
            Ok(mib) => Some(mib * MIB),
            Err(_) => bytes(text),
        })?;
        if now >= MOST * MIB {
            return None;
        }
        let mut next = now * 2.0;
        while next < now + required && next < MOST * MIB {
            next *= 2.0;
        }
        Some(format!("{}m", (next / MIB).min(MOST).ceil()))
    })
}

pub(super) fn ansi<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let why = "As older Spark did. It hides mistakes: what cannot be cast, divided or added becomes null or wraps around without \
               a word, for all queries of the cluster. Fix the data, or use try_cast and its like, and take this out again.";
    property(case, "spark.sql.ansi.enabled", why, |_| Some("false".to_owned()))
}

/// Properties that Spark's message names, and what their old meaning hides.
const LEGACY: [(&str, &[&str], &str); 5] = [
    (
        "spark.sql.legacy.timeParserPolicy",
        &[
            "timeParserPolicy",
            "PARSE_DATETIME_BY_NEW_PARSER",
            "DATETIME_PATTERN_RECOGNITION",
            "FORMAT_DATETIME_BY_NEW_PARSER",
        ],
        "The parser of Spark 2. It hides patterns and texts that the new one refuses: some of them it reads as another day.",
    ),
    ("spark.sql.parquet.datetimeRebaseModeInRead", &["parquet.datetimeRebaseModeInRead"], READ),
    ("spark.sql.parquet.int96RebaseModeInRead", &["parquet.int96RebaseModeInRead"], READ),
    ("spark.sql.parquet.datetimeRebaseModeInWrite", &["parquet.datetimeRebaseModeInWrite"], WRITE),
    ("spark.sql.parquet.int96RebaseModeInWrite", &["parquet.int96RebaseModeInWrite"], WRITE),
];
const READ: &str = "Files are read as Spark 2 and Hive wrote them. It hides which ones those are: dates before 1582 of files by \
                    Spark 3 move by days.";
const WRITE: &str = "Dates are written as Spark 2 and Hive read them. It hides that other readers take dates before 1582 for \
                     other days.";

pub(super) fn datetime<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let named: Vec<_> = LEGACY.iter().filter(|(_, words, _)| case.shows(words)).collect();
    // One is sure only where the message names one.
    let [(key, _, hides)] = named.as_slice() else { return Vec::new() };
    property(case, key, hides, |_| Some("LEGACY".to_owned()))
}
