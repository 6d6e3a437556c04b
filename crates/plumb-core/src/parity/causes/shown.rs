//! Values as people read them: the same text from either engine.

use super::cell::{ColumnHolds, DAY};
use jiff::{SignedDuration, Timestamp};

/// A number without zeros at its end: `0.0100` is `0.01`, `1.0E2` is `100`.
pub(super) fn number(text: &str) -> String {
    let is_plain = !text.contains(['e', 'E', 'N', 'I', 'n', 'i']);
    if !is_plain {
        return match text.parse::<f64>() {
            Ok(value) => double(value),
            Err(_) => text.to_owned(),
        };
    }
    match text.split_once('.') {
        Some((whole, rest)) => {
            let rest = rest.trim_end_matches('0');
            if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") }
        }
        None => text.to_owned(),
    }
}

/// A double with twelve digits that count: what a subtraction leaves behind them is noise.
pub(super) fn double(value: f64) -> String {
    let rounded: f64 = format!("{value:.11e}").parse().unwrap_or(value);
    let size = rounded.abs();
    if size != 0.0 && !(1e-6..1e15).contains(&size) { format!("{rounded:e}") } else { format!("{rounded}") }
}

/// A distance of days or times with its sign: `+1 h`, `-5 h 30 min`, `+1 day`.
pub(super) fn span(holds: ColumnHolds, apart: i64) -> String {
    let sign = if apart < 0 { '-' } else { '+' };
    let mut rest = apart.unsigned_abs();
    let day = if holds == ColumnHolds::Time { DAY.unsigned_abs() } else { 1 };
    let days = rest / day;
    let mut parts = Vec::new();
    if days > 0 {
        parts.push(format!("{days} {}", if days == 1 { "day" } else { "days" }));
    }
    rest %= day;
    for (size, name) in [(3_600_000_000, "h"), (60_000_000, "min")] {
        if rest >= size {
            parts.push(format!("{} {name}", rest / size));
        }
        rest %= size;
    }
    if rest > 0 {
        let seconds = number(&format!("{}.{:06}", rest / 1_000_000, rest % 1_000_000));
        parts.push(if rest < 1_000_000 && rest.is_multiple_of(1_000) {
            format!("{} ms", rest / 1_000)
        } else {
            format!("{seconds} s")
        });
    }
    if parts.is_empty() {
        parts.push("0".into());
    }
    format!("{sign}{}", parts.join(" "))
}

/// Microseconds since 1970 as an instant: `2024-05-01T00:00:00Z`. A wall time reads the same, without the `Z`.
pub(super) fn instant(micros: &str, is_wall: bool) -> String {
    let instant = micros.parse::<i64>().ok().and_then(|micros| Timestamp::from_microsecond(micros).ok());
    let text = instant.map_or_else(|| micros.to_owned(), |instant| instant.to_string());
    if is_wall { text.trim_end_matches('Z').to_owned() } else { text }
}

/// The day that is so many days after 1970-01-01.
pub(super) fn day(days: &str) -> String {
    let parsed = days.parse::<i64>().ok();
    let instant = parsed.and_then(|days| Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_hours(24 * days)).ok());
    instant.map_or_else(|| days.to_owned(), |instant| instant.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_the_same_from_either_engine() {
        for (text, wanted) in [
            ("0.0100", "0.01"),
            ("-5", "-5"),
            ("100.00", "100"),
            ("1.0E2", "100"),
            ("1e+20", "1e20"),
            ("1.0E20", "1e20"),
            ("1.0000000000000002E-2", "0.01"),
            ("0", "0"),
            ("NaN", "NaN"),
        ] {
            assert_eq!(number(text), wanted, "{text}");
        }
    }

    #[test]
    fn distances_are_said_in_the_units_of_a_clock() {
        for (micros, wanted) in [
            (3_600_000_000, "+1 h"),
            (-19_800_000_000, "-5 h 30 min"),
            (DAY, "+1 day"),
            (2 * DAY + 1_500_000, "+2 days 1.5 s"),
            (1_000, "+1 ms"),
            (1, "+0.000001 s"),
            (0, "+0"),
        ] {
            assert_eq!(span(ColumnHolds::Time, micros), wanted);
        }
        assert_eq!(span(ColumnHolds::Date, -7), "-7 days");
    }

    #[test]
    fn instants_are_iso_with_their_zone() {
        assert_eq!(instant("1714525200000000", false), "2024-05-01T01:00:00Z");
        assert_eq!(instant("1714525200000001", true), "2024-05-01T01:00:00.000001");
        assert_eq!(day("-141427"), "1582-10-15");
    }
}
