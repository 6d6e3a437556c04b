//! What stays the same in the names of a pipeline's clusters: `sales-2026-09` and `sales-2026-10` are both `sales-{date}`.

use std::collections::{BTreeMap, BTreeSet};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Where at least so many names differ in one small number or month alone, it counts as a serial: with fewer, `etl-1` and
/// `etl-2` may be two pipelines.
const SERIES: usize = 3;

/// A part of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NamePart {
    /// A word of letters and digits.
    Word(String),
    /// What is between words.
    Gap(String),
    /// What changes from run to run: `date`, `n`, `id`.
    Changing(&'static str),
}

/// The name with `{date}`, `{n}` and `{id}` for what changes from run to run.
pub fn of(name: &str) -> String {
    shown(&parts(name))
}

/// What stays of the name by itself: unlike [`group`] it keeps small numbers.
pub fn undated(name: &str) -> String {
    lasting(&parts(name))
}

/// Which pipeline each of these names belongs to, by name. `sales` and `sales-2026-09` are one: both are called `sales`.
pub fn group<'n>(names: impl IntoIterator<Item = &'n str>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<&str, Vec<NamePart>> = names.into_iter().map(|name| (name, parts(name))).collect();
    let mut values: BTreeMap<Vec<NamePart>, BTreeSet<String>> = BTreeMap::new();
    let open = |parts: &[NamePart], at: usize| {
        let mut parts = parts.to_vec();
        parts[at] = NamePart::Changing("n");
        parts
    };
    for parts in all.values() {
        for at in serials(parts) {
            if let NamePart::Word(word) = &parts[at] {
                values.entry(open(parts, at)).or_default().insert(word.to_lowercase());
            }
        }
    }
    for parts in all.values_mut() {
        for at in serials(parts) {
            if values.get(&open(parts, at)).is_some_and(|values| values.len() >= SERIES) {
                *parts = open(parts, at);
                break;
            }
        }
    }
    all.into_iter().map(|(name, parts)| (name.to_owned(), lasting(&parts))).collect()
}

/// Places of words that may be a serial: small numbers, months.
fn serials(parts: &[NamePart]) -> Vec<usize> {
    let small = |word: &str| word.len() <= 2 && is_digits(word);
    let is = |part: &NamePart| matches!(part, NamePart::Word(word) if small(word) || is_month(word));
    (0..parts.len()).filter(|at| is(&parts[*at])).collect()
}

fn shown(parts: &[NamePart]) -> String {
    let text = |part: &NamePart| match part {
        NamePart::Word(text) | NamePart::Gap(text) => text.clone(),
        NamePart::Changing(what) => format!("{{{what}}}"),
    };
    parts.iter().map(text).collect()
}

/// What stays, and the gaps between it; all of the name where nothing does. Brackets around what stays do, too.
fn lasting(parts: &[NamePart]) -> String {
    let mut out = String::new();
    let mut gap = "";
    for (at, part) in parts.iter().enumerate() {
        match part {
            NamePart::Gap(text) => gap = if gap.trim().is_empty() { text } else { gap },
            NamePart::Changing(_) => {}
            NamePart::Word(word) => {
                out.push_str(if out.is_empty() && at > 1 { "" } else { gap });
                out.push_str(word);
                gap = "";
            }
        }
    }
    if out.is_empty() {
        return shown(parts);
    }
    if let [.., NamePart::Word(_), NamePart::Gap(last)] = parts {
        out.push_str(last);
    }
    out
}

fn parts(name: &str) -> Vec<NamePart> {
    let mut split = Vec::new();
    let mut word = String::new();
    let mut gap = String::new();
    for c in name.chars() {
        // `sales20260901`: a long number is a word of its own.
        let breaks = c.is_ascii_digit() && word.ends_with(char::is_alphabetic) && !word.starts_with("20") && {
            let from = name.len() - remaining(name, &split, &word, &gap);
            name[from..].bytes().take_while(u8::is_ascii_digit).count() >= 6
        };
        if !c.is_alphanumeric() || breaks {
            if !word.is_empty() {
                split.push(NamePart::Word(std::mem::take(&mut word)));
            }
        } else if !gap.is_empty() {
            split.push(NamePart::Gap(std::mem::take(&mut gap)));
        }
        if c.is_alphanumeric() { word.push(c) } else { gap.push(c) }
    }
    split.extend((!word.is_empty()).then_some(NamePart::Word(word)));
    split.extend((!gap.is_empty()).then_some(NamePart::Gap(gap)));
    let mut out = Vec::new();
    let mut at = 0;
    while at < split.len() {
        let words: Vec<&str> = split[at..]
            .iter()
            .filter_map(|part| match part {
                NamePart::Word(word) => Some(word.as_str()),
                _ => None,
            })
            .take(8)
            .collect();
        let before = out.iter().rev().find_map(|part| match part {
            NamePart::Word(word) => Some(word.to_lowercase()),
            _ => None,
        });
        let (what, count) = match &split[at] {
            NamePart::Word(_) => changing(&words, before.as_deref()),
            _ => ("", 0),
        };
        if count == 0 {
            out.push(split[at].clone());
            at += 1;
            continue;
        }
        out.push(NamePart::Changing(what));
        let mut left = count;
        while left > 0 && at < split.len() {
            left -= usize::from(matches!(split[at], NamePart::Word(_)));
            at += 1;
        }
    }
    out
}

/// How many bytes of the name are not in these parts yet.
fn remaining(name: &str, split: &[NamePart], word: &str, gap: &str) -> usize {
    let length = |part: &NamePart| match part {
        NamePart::Word(text) | NamePart::Gap(text) => text.len(),
        NamePart::Changing(_) => 0,
    };
    name.len() - split.iter().map(length).sum::<usize>() - word.len() - gap.len()
}

/// What the first of these words are that change from run to run, and how many words of it there are.
fn changing(words: &[&str], before: Option<&str>) -> (&'static str, usize) {
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let short = |text: &str, most: u32| text.len() <= 2 && text.parse::<u32>().is_ok_and(|n| n <= most);
    let first = word(0);
    if [8, 4, 4, 4, 12].iter().enumerate().all(|(at, length)| word(at).len() == *length && is_hex(word(at))) {
        return ("id", 5);
    }
    if is_year(first) {
        let second = word(1).to_lowercase();
        let quarter = |start: char| second.strip_prefix(start).is_some_and(|rest| short(rest, 53));
        if quarter('q') || quarter('w') {
            return ("date", 2);
        }
        if !short(&second, 12) && !is_month(&second) {
            return ("date", 1);
        }
        let mut count = 2;
        if short(word(2), 31) || is_time(word(2)) {
            count = 3;
            while count < 7 && (short(word(count).trim_end_matches('Z'), 59) || is_time(word(count))) {
                count += 1;
            }
        }
        return ("date", count);
    }
    // `2026Q3`
    let (year, quarter) = first.split_at_checked(4).unwrap_or_default();
    if is_year(year) && quarter.strip_prefix(['Q', 'q']).is_some_and(|rest| short(rest, 4)) {
        return ("date", 1);
    }
    if is_month(first) && is_year(word(1)) {
        return ("date", 2);
    }
    if short(first, 31) && is_year(word(1)) {
        return ("date", 2);
    }
    if short(first, 31) && (short(word(1), 12) || is_month(word(1))) && is_year(word(2)) {
        return ("date", 3);
    }
    let lower = first.to_lowercase();
    if MONTHS.iter().any(|month| lower.strip_prefix(month).is_some_and(is_year)) {
        return ("date", 1);
    }
    if is_date(first) {
        let more = usize::from(is_digits(word(1)) && matches!(word(1).len(), 4 | 6));
        return ("date", 1 + more);
    }
    if is_digits(first) && (first.len() >= 3 || matches!(before, Some("run" | "attempt" | "try" | "retry"))) {
        return ("n", 1);
    }
    if first.len() >= 8 && is_hex(first) && first.bytes().any(|b| b.is_ascii_digit()) && !is_digits(first) {
        return ("id", 1);
    }
    ("", 0)
}

fn is_digits(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

fn is_hex(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && is_digits(word) && (word.starts_with("19") || word.starts_with("20"))
}

fn is_month(word: &str) -> bool {
    let lower = word.to_lowercase();
    let long = ["january", "february", "march", "april", "june", "july", "august", "september", "october", "november"];
    MONTHS.contains(&lower.as_str()) || lower == "december" || lower == "sept" || long.contains(&lower.as_str())
}

/// `01T04`, `01T040000Z`.
fn is_time(word: &str) -> bool {
    let Some((day, time)) = word.split_once(['T', 't']) else { return false };
    is_digits(day) && day.len() == 2 && is_digits(time.trim_end_matches('Z')) && time.len() <= 7
}

/// `202609`, `20260901`, `20260901T0400`, `20260901040000`.
fn is_date(word: &str) -> bool {
    let (date, time) = word.split_once(['T', 't']).unwrap_or((word, "0"));
    let number = |from: usize| date.get(from..from + 2).and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    is_digits(date)
        && is_digits(time.trim_end_matches('Z'))
        && is_year(date.get(..4).unwrap_or_default())
        && (1..=12).contains(&number(4))
        && (date.len() == 6 || (matches!(date.len(), 8 | 12 | 14) && (1..=31).contains(&number(6))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_from_run_to_run_is_found() {
        for (name, pattern) in [
            ("monthly-sales-etl-2026-09", "monthly-sales-etl-{date}"),
            ("monthly-sales-etl", "monthly-sales-etl"),
            ("sales_202609", "sales_{date}"),
            ("sales20260901", "sales{date}"),
            ("2026/09/01 sales", "{date} sales"),
            ("sales-2026-09-01T04:00:00Z-v2", "sales-{date}-v2"),
            ("sales 20260901T040000", "sales {date}"),
            ("sales-20260901-040000-x", "sales-{date}-x"),
            ("Sales Sep 2026", "Sales {date}"),
            ("sales-sep2026", "sales-{date}"),
            ("sales-09-2026", "sales-{date}"),
            ("sales 2026-Q3", "sales {date}"),
            ("sales-2026Q3", "sales-{date}"),
            ("sales-2026Q7", "sales-2026Q7"),
            ("sales-2026W35", "sales-2026W35"),
            ("sales-2026-w35", "sales-{date}"),
            ("sales-run-3", "sales-run-{n}"),
            ("sales #1043", "sales #{n}"),
            ("sales-1767225600", "sales-{n}"),
            ("sales-0b3e9f1c", "sales-{id}"),
            ("sales-123e4567-e89b-12d3-a456-426614174000", "sales-{id}"),
            // What does not change stays.
            ("etl-2", "etl-2"),
            ("emr-6.15-m5-v2", "emr-6.15-m5-v2"),
            ("deadbeef-facade", "deadbeef-facade"),
            ("sales-etl-2.4.1.jar", "sales-etl-2.4.1.jar"),
            ("Zürich-数据-2026-09", "Zürich-数据-{date}"),
            ("", ""),
            ("---", "---"),
        ] {
            assert_eq!(of(name), pattern, "{name}");
        }
    }

    fn groups(names: &[&str]) -> Vec<Vec<String>> {
        let mut by: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, pipeline) in group(names.iter().copied()) {
            by.entry(pipeline).or_default().push(name);
        }
        by.into_values().collect()
    }

    #[test]
    fn months_of_one_pipeline_are_together_and_pipelines_apart() {
        let names = ["sales-2026-09", "sales-2026-10", "sales", "risk-2026-09", "sales-eu-2026-09", "Oct 2026 sales"];
        let grouped = group(names);
        for (name, pipeline) in [
            ("sales-2026-09", "sales"),
            ("sales-2026-10", "sales"),
            ("sales", "sales"),
            ("Oct 2026 sales", "sales"),
            ("risk-2026-09", "risk"),
            ("sales-eu-2026-09", "sales-eu"),
        ] {
            assert_eq!(grouped[name], pipeline);
        }
        assert_eq!(group(["2026-09"])["2026-09"], "{date}");
        assert_eq!(group(["[bau] sales (2026-09)"])["[bau] sales (2026-09)"], "[bau] sales");
        assert_eq!(group(["sales (eu)"])["sales (eu)"], "sales (eu)");
        assert_eq!(group(["a-2026-09-b"])["a-2026-09-b"], "a-b");
    }

    #[test]
    fn small_numbers_are_a_serial_only_when_there_are_several() {
        assert_eq!(groups(&["etl-1", "etl-2"]).len(), 2);
        assert_eq!(groups(&["etl-1", "etl-2", "etl-3"]).len(), 1);
        assert_eq!(groups(&["etl-jan", "etl-feb", "etl-mar"]).len(), 1);
        assert_eq!(groups(&["etl-1", "load-2", "mart-3"]).len(), 3);
        assert_eq!(groups(&["mayday", "marble", "junk"]).len(), 3);
    }

    #[test]
    fn the_order_of_names_means_nothing() {
        let names = ["a-1", "a-2", "a-3", "b-2026-01", "b-2026-02"];
        let mut other = names;
        other.reverse();
        assert_eq!(group(names), group(other));
    }
}
