//! Amounts of memory and disk, as people write them.

/// What the units are in bytes: decimal as in SI, binary as in IEC 80000-13; DuckDB reads them so.
const UNITS: [(&str, u64); 9] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
];

/// Reads `300MB`, `1.5 GB` or `20GiB` as bytes.
///
/// # Errors
/// What is wrong with the text.
pub fn read_bytes(text: &str) -> Result<u64, String> {
    let expected = || format!("`{text}` is no amount: expected a number and a unit, like `300MB`, `1.5GB` or `2GiB`");
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(unit, bytes)| Some((lower.strip_suffix(unit)?.trim_end(), *bytes)))
        .ok_or_else(expected)?;
    let is_plain = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let amount = number.parse::<f64>().ok().filter(|_| is_plain).ok_or_else(expected)? * unit as f64;
    if !(1.0..=1e18).contains(&amount) {
        return Err(expected());
    }
    Ok(amount.round() as u64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_a_unit() {
        for (text, bytes) in [
            ("300MB", 300_000_000),
            ("1.5 gb", 1_500_000_000),
            ("2GiB", 2 << 30),
            ("1b", 1),
            ("20TB", 20_000_000_000_000),
        ] {
            assert_eq!(read_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "1", "1 G", "-1GB", "1e3MB", "0MB", "1..5GB", "infGB", "99999999999TB"] {
            assert!(read_bytes(text).unwrap_err().contains("is no amount"), "{text}");
        }
    }
}
