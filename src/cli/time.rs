//! Times on the command line, and what day it is.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::time::Duration;

/// The day of a moment, in UTC: what a plan says must not depend on where it is made.
pub fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// Reads `50ms`, `90`, `90s`, `10m`, `1h`: a day at most.
pub fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let milliseconds = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("expected a number and `ms`, `s`, `m` or `h`".into()),
    };
    let number: u64 = number.parse().map_err(|_| "expected a time such as 50ms, 90s or 10m".to_owned())?;
    let time = number.checked_mul(milliseconds).map(Duration::from_millis);
    time.filter(|time| *time <= Duration::from_secs(24 * 3600)).ok_or_else(|| "expected at most 24h".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_that_of_utc() {
        let day = |text: &str| day(text.parse().unwrap()).to_string();
        assert_eq!(day("2026-12-31T23:59:59Z"), "2026-12-31");
        assert_eq!(day("2026-12-31T23:59:59-10:00"), "2027-01-01");
        assert_eq!(day("2027-01-01T00:30:00+14:00"), "2026-12-31");
    }

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        let ms = |text: &str| time(text).map(|t| t.as_millis());
        for (text, expected) in
            [("50ms", 50), ("0s", 0), ("90", 90_000), ("90s", 90_000), ("10m", 600_000), ("24h", 86_400_000)]
        {
            assert_eq!(ms(text), Ok(expected), "{text}");
        }
        for wrong in ["", "s", "-1s", "1d", "1.5s", "25h", "99999999999999999999s", "18446744073709551615h"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
