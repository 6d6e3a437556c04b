//! Dates in texts, and how they are written.

use crate::inventory::pattern;
use jiff::civil::{Date, DateTime};

/// What a date names: a quarter, a month or a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::translate) enum DateUnit {
    Quarter,
    Month,
    Day,
}

/// A date in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::translate) struct DateSpot {
    /// In bytes.
    pub start: usize,
    pub end: usize,
    pub unit: DateUnit,
    /// As strftime writes it: `%Y-%m`; `%q` is a quarter's number, which Airflow's strftime does not know.
    pub form: String,
    /// Of a month or a quarter its first day.
    pub date: Date,
    /// The time of day behind it.
    pub time: Option<TimeSpot>,
}

/// A time of day right behind a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::translate) struct TimeSpot {
    pub end: usize,
    /// Of date and time together.
    pub form: String,
    pub at: DateTime,
}

/// All dates of a text. A folder as `year=2026/month=10` begins with its first key.
pub(in crate::translate) fn dates(text: &str) -> Vec<DateSpot> {
    let mut found: Vec<DateSpot> = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let is_start = !text[..at].ends_with(|c: char| c.is_ascii_digit());
        match date_at(&text[at..]).filter(|_| is_start) {
            Some(spot) => {
                let key = if spot.form.contains('=') { key_before(&text[..at]) } else { "" };
                found.push(DateSpot {
                    start: at - key.len(),
                    end: at + spot.end,
                    form: format!("{key}{}", spot.form),
                    time: spot.time.map(|time| TimeSpot { end: at + time.end, ..time }),
                    ..spot
                });
                at += spot.end;
            }
            None => at += c.len_utf8(),
        }
    }
    found
}

/// `year=` at the end of a text.
fn key_before(text: &str) -> &str {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text.strip_suffix('=').map(|key| key.trim_end_matches(is_word).len()) {
        Some(start) if start + 1 < text.len() => &text[start..],
        _ => "",
    }
}

/// A date at the beginning of a text: `2026-10`, `2026-10-05`, `202610`, `20261005`, `2026/10`, `2026/10/05`,
/// `2026/month=10`, `2026/month=10/day=05`, and quarters: `2026Q3`, `2026-Q3`.
pub(in crate::translate) fn date_at(text: &str) -> Option<DateSpot> {
    let number = |from: usize, length: usize, least: i16, most: i16| -> Option<i16> {
        let digits = text.get(from..from + length).filter(|part| part.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|part| part.parse().ok()).filter(|n| (least..=most).contains(n))
    };
    let ends = |at: usize| !text[at..].starts_with(|c: char| c.is_ascii_digit());
    let two = |from: usize, most: i16| number(from, 2, 1, most).and_then(|n| i8::try_from(n).ok());
    let year = number(0, 4, 1990, 2099)?;
    let made = |form: String, month: i8, day: Option<i8>, end: usize| {
        let unit = if day.is_some() { DateUnit::Day } else { DateUnit::Month };
        let date = Date::new(year, month, day.unwrap_or(1)).ok()?;
        let time = day.and_then(|_| time_at(text, end, date, &form));
        Some(DateSpot { start: 0, end, unit, form, date, time })
    };
    if let Some((gap, letter, quarter)) = quarter_at(&text[4..]) {
        let end = 4 + gap.len() + 2;
        let date = Date::new(year, 3 * quarter - 2, 1).ok()?;
        let form = format!("%Y{gap}{letter}%q");
        let ends = !text[end..].starts_with(|c: char| c.is_ascii_alphanumeric());
        return ends.then_some(DateSpot { start: 0, end, unit: DateUnit::Quarter, form, date, time: None });
    }
    for gap in ["-", "_"] {
        if let Some(month) = text[4..].strip_prefix(gap).and_then(|_| two(5, 12)).filter(|_| ends(7)) {
            let day = text[7..].strip_prefix(gap).and_then(|_| two(8, 31)).filter(|_| ends(10));
            let form = format!("%Y{gap}%m");
            return match day {
                Some(day) => made(format!("{form}{gap}%d"), month, Some(day), 10),
                None if gap == "-" => made(form, month, None, 7),
                None => None,
            };
        }
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if let Some(month) = two(4, 12) {
        return match digits {
            6 => made("%Y%m".into(), month, None, 6),
            // With fourteen, the time stands behind the day without a gap.
            8 | 14 => two(6, 31).and_then(|day| made("%Y%m%d".into(), month, Some(day), 8)),
            _ => None,
        };
    }
    let folder = |from: usize| -> Option<usize> {
        let rest = text.get(from..)?.strip_prefix('/')?;
        let length = rest.find(|c: char| c.is_ascii_digit())?;
        let key = &rest[..length];
        let is_key = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        (key.is_empty() || key.strip_suffix('=').is_some_and(is_key)).then_some(from + 1 + length)
    };
    let after = folder(4)?;
    let month = two(after, 12).filter(|_| ends(after + 2))?;
    let form = format!("%Y{}%m", &text[4..after]);
    // What is below a month and is named otherwise is an hour, or no date at all.
    let below = folder(after + 2)
        .filter(|at| matches!(text.as_bytes().get(after + 3), Some(b'd' | b'0'..=b'9')) || *at == after + 3);
    let day = below.and_then(|at| two(at, 31)).zip(below).filter(|(_, at)| ends(at + 2));
    match day {
        Some((day, at)) => made(format!("{form}{}%d", &text[after + 2..at]), month, Some(day), at + 2),
        None => made(form, month, None, after + 2),
    }
}

/// What stands between a year and its quarter, the letter, and which quarter it is.
fn quarter_at(text: &str) -> Option<(&'static str, char, i8)> {
    let gap = ["-", "_"].into_iter().find(|gap| text.starts_with(gap)).unwrap_or_default();
    let mut chars = text[gap.len()..].chars();
    let letter = chars.next().filter(|c| matches!(c, 'Q' | 'q'))?;
    let quarter = chars.next()?.to_digit(10).and_then(|n| i8::try_from(n).ok())?;
    (1..=4).contains(&quarter).then_some((gap, letter, quarter))
}

/// `T03:05:12`, ` 03:05:12`, `T030512`, `-030512` and `030512` behind a date.
fn time_at(text: &str, from: usize, date: Date, form: &str) -> Option<TimeSpot> {
    let rest = &text[from..];
    for (gap, between) in [("T", ":"), (" ", ":"), ("T", ""), ("-", ""), ("_", ""), ("", "")] {
        let Some(time) = rest.strip_prefix(gap) else { continue };
        let parts: Vec<&str> = if between.is_empty() {
            [0, 2, 4].iter().filter_map(|at| time.get(*at..at + 2)).collect()
        } else {
            time.get(..8).map(|time| time.split(between).collect()).unwrap_or_default()
        };
        let numbers: Vec<i8> = parts
            .iter()
            .filter(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
            .filter_map(|part| part.parse().ok())
            .collect();
        let length = gap.len() + 6 + 2 * between.len();
        let ends = rest.get(length..).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
        if let (&[hour, minute, second], true) = (numbers.as_slice(), ends)
            && let Ok(time) = jiff::civil::Time::new(hour, minute, second, 0)
        {
            let form = format!("{form}{gap}%H{between}%M{between}%S");
            return Some(TimeSpot { end: from + length, form, at: date.to_datetime(time) });
        }
    }
    None
}

/// Whether a date is in a text in a form that [`dates`] does not read: `2026-W45`, `Sep 2026`.
pub(in crate::translate) fn has_odd_date(text: &str) -> bool {
    let mut rest = text.to_owned();
    for spot in dates(text).iter().rev() {
        let end = spot.time.as_ref().map_or(spot.end, |time| time.end);
        rest.replace_range(spot.start..end, "*");
    }
    pattern::of(&rest).contains("{date}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, String)> {
        let shown = |spot: DateSpot| (text[spot.start..spot.end].to_owned(), spot.form, spot.date.to_string());
        dates(text).into_iter().map(shown).collect()
    }

    #[test]
    fn every_form_is_read_and_written_the_same() {
        for (text, part, form, date) in [
            ("s3://x/2026-10/a", "2026-10", "%Y-%m", "2026-10-01"),
            ("dt=2026-10-05", "2026-10-05", "%Y-%m-%d", "2026-10-05"),
            ("202610", "202610", "%Y%m", "2026-10-01"),
            ("load_20261005.csv", "20261005", "%Y%m%d", "2026-10-05"),
            ("load_2026_10_05", "2026_10_05", "%Y_%m_%d", "2026-10-05"),
            ("s3://x/2026/10/", "2026/10", "%Y/%m", "2026-10-01"),
            ("s3://x/2026/10/05/", "2026/10/05", "%Y/%m/%d", "2026-10-05"),
            ("s3://x/year=2026/month=10", "year=2026/month=10", "year=%Y/month=%m", "2026-10-01"),
            ("s3://x/y=2026/m=10/d=05/z", "y=2026/m=10/d=05", "y=%Y/m=%m/d=%d", "2026-10-05"),
            ("s3://x/year=2026/month=10/hour=05", "year=2026/month=10", "year=%Y/month=%m", "2026-10-01"),
            ("-Dday=2026-10-05T00:00:00Z", "2026-10-05", "%Y-%m-%d", "2026-10-05"),
            ("2026Q3", "2026Q3", "%YQ%q", "2026-07-01"),
            ("s3://x/quarter=2026-q4/", "2026-q4", "%Y-q%q", "2026-10-01"),
        ] {
            assert_eq!(read(text), [(part.to_owned(), form.to_owned(), date.to_owned())], "{text}");
            let spot = &dates(text)[0];
            assert_eq!(spot.date.strftime(&spot.form).to_string(), part, "{text}");
        }
        for text in [
            "2026",
            "12026-10",
            "v2026-13",
            "20261305",
            "123456789012",
            "2026-02-31",
            "2026_10",
            "m5d.2xlarge",
            "2026Q5",
            "2026Q33",
            "2026Q",
        ] {
            assert_eq!(dates(text), [], "{text}");
        }
        assert_eq!(read("s3://ä/2026-10-01_2026-10-31").len(), 2);
    }

    #[test]
    fn a_time_behind_a_date_is_read_with_it() {
        for (text, form) in [
            ("2026-10-05T03:05:12Z", "%Y-%m-%dT%H:%M:%S"),
            ("2026-10-05 03:05:12", "%Y-%m-%d %H:%M:%S"),
            ("20261005T030512", "%Y%m%dT%H%M%S"),
            ("20261005-030512", "%Y%m%d-%H%M%S"),
            ("20261005030512", "%Y%m%d%H%M%S"),
        ] {
            let time = dates(text)[0].time.clone().unwrap();
            assert_eq!((time.form.as_str(), time.at.to_string().as_str()), (form, "2026-10-05T03:05:12"), "{text}");
        }
        assert_eq!(dates("2026-10-05/a")[0].time, None);
    }

    #[test]
    fn odd_forms_are_known_for_dates() {
        assert!(has_odd_date("s3://x/2026-W45/") && has_odd_date("sep2026") && !has_odd_date("s3://x/2026-10/05x"));
        assert!(!has_odd_date("2026-10-05T03:05:12Z") && !has_odd_date("plain"));
    }
}
