//! Durations as manifests write them.

/// The seconds of a duration: `45s`, `10m`, `6h`, `1d`, `1h30m`. `None` when it is none.
pub fn seconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit = match rest.as_bytes()[end] {
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        if unit >= last {
            return None;
        }
        last = unit;
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[end + 1..];
    }
    (total > 0 && total < 100 * 366 * 86_400).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations() {
        for (text, wanted) in [
            ("45s", Some(45)),
            ("10m", Some(600)),
            ("1h30m", Some(5400)),
            ("1d", Some(86_400)),
            ("1d2h3m4s", Some(93_784)),
            ("0s", None),
            ("", None),
            ("10", None),
            ("m", None),
            ("30m1h", None),
            ("1h1h", None),
            ("-1h", None),
            ("1 h", None),
            ("99999999999999999999d", None),
            ("1µ", None),
        ] {
            assert_eq!(seconds(text), wanted, "{text}");
        }
    }
}
