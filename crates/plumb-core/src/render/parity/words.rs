//! Numbers and causes in words.

use crate::parity::result::{Report, Verdict};

/// The causes, by their names in reports, as people call them.
const CAUSES: [(&str, &str); 47] = [
    ("null_vs_empty", "null or empty"),
    ("value_to_null", "values became null"),
    ("null_to_value", "nulls became values"),
    ("whitespace", "blanks"),
    ("case", "upper or lower case"),
    ("unicode_normalisation", "normal form of Unicode"),
    ("generated", "generated values"),
    ("truncated", "truncated text"),
    ("number_format", "format of numbers"),
    ("week_year", "week-based year (YYYY for yyyy)"),
    ("float_noise", "order of floating-point sums"),
    ("float32", "single precision"),
    ("rounding", "rounding (half up, half even)"),
    ("sign", "sign"),
    ("overflow", "overflow of a 32-bit integer"),
    ("last_place", "last decimal place"),
    ("precision_lost", "lost precision"),
    ("calendar_rebase", "calendar (Julian, Gregorian)"),
    ("day_shift", "shift by whole days"),
    ("array_order", "order within arrays"),
    ("constant_offset", "constant offset"),
    ("constant_factor", "constant factor: a unit?"),
    ("constant_shift", "constant shift: a time zone?"),
    ("timezone", "time zone"),
    ("permuted", "values swapped between rows: ties"),
    ("duplicated_rows", "duplicated rows: a repeated append?"),
    ("missing_partition", "missing partition"),
    ("late_data", "late data"),
    ("key_whitespace", "blanks in keys"),
    ("key_case", "upper or lower case of keys"),
    ("column_renamed", "renamed column"),
    ("type_widened", "wider type"),
    ("type_changed", "changed type"),
    ("column_case", "case of a column's name"),
    ("column_missing", "missing column"),
    ("column_order", "order of columns"),
    ("nullability", "nullability"),
    ("nothing_compared", "nothing to compare"),
    ("old_is_empty", "old is empty"),
    ("new_is_empty", "new is empty"),
    ("too_few_rows", "too few rows"),
    ("unreadable", "unreadable"),
    ("not_finished", "not finished"),
    ("not_settled", "too early"),
    ("changed_meanwhile", "changed meanwhile"),
    ("delta_folder", "a folder of Delta"),
    ("missing", "missing"),
];

/// The cause as people call it. One that is not known yet keeps its name, with blanks.
pub(super) fn cause_title(name: &str) -> String {
    CAUSES.iter().find(|(known, _)| *known == name).map_or_else(|| name.replace('_', " "), |(_, title)| (*title).into())
}

/// `9,999,870`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `9,999,870`, or `not known`.
pub(super) fn known(number: Option<u64>) -> String {
    number.map_or_else(|| "not known".to_owned(), thousands)
}

/// `38 %`, `0.4 %`; never 0 % of some nor 100 % of fewer than all.
pub(super) fn percent(part: u64, of: u64) -> String {
    if of == 0 {
        return "0 %".into();
    }
    #[allow(clippy::cast_precision_loss)] // Rounded anyway.
    let share = part as f64 / of as f64 * 100.0;
    if part == 0 || part >= of {
        format!("{share:.0} %")
    } else if share < 0.01 {
        "under 0.01 %".into()
    } else if share < 1.0 {
        format!("{share:.2} %")
    } else if share > 99.0 {
        let down = (share * 100.0).floor() / 100.0;
        format!("{down:.2} %")
    } else {
        format!("{share:.0} %")
    }
}

/// `0.4 s`, `41 s`, `3 min 05 s`, `2 h 10 min`.
pub(in crate::render) fn took(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "not known".into();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Neither negative nor larger than a u64 by the clamp.
    let whole = seconds.round().min(1e15) as u64;
    match whole {
        ..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `1.2 GB`, in powers of a thousand.
pub(super) fn size(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss)] // Rounded anyway.
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["kB", "MB", "GB", "TB", "PB"] {
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// A verdict in words: `equal`, `differs`, `no verdict`.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Equal => "equal",
        Verdict::Differs => "differs",
        Verdict::None => "no verdict",
    }
}

/// The same where it has to be seen: only what is not equal is in capitals.
pub(super) fn loud(of: Verdict) -> String {
    if of == Verdict::Equal { verdict(of).to_owned() } else { verdict(of).to_uppercase() }
}

/// `2 of 3 outputs equal`.
pub(super) fn score(report: &Report) -> String {
    let equal = super::count(report, Verdict::Equal);
    let outputs = if report.outputs.len() == 1 { "output" } else { "outputs" };
    format!("{equal} of {} {outputs} equal", report.outputs.len())
}

/// `1 row`, `3 rows`.
pub(super) fn rows(count: u64) -> String {
    format!("{} {}", thousands(count), if count == 1 { "row" } else { "rows" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_thousands() {
        for (number, wanted) in [(0, "0"), (999, "999"), (1_000, "1,000"), (9_999_870, "9,999,870")] {
            assert_eq!(thousands(number), wanted);
        }
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(known(None), "not known", "what was not counted is not zero");
    }

    #[test]
    fn a_share_is_nothing_only_of_nothing_and_all_only_of_all() {
        for (part, of, wanted) in [
            (0, 0, "0 %"),
            (0, 5, "0 %"),
            (5, 5, "100 %"),
            (1, 1_000_000, "under 0.01 %"),
            (4, 1_000, "0.40 %"),
            (38, 100, "38 %"),
            (999_999, 1_000_000, "99.99 %"),
        ] {
            assert_eq!(percent(part, of), wanted, "{part} of {of}");
        }
    }

    #[test]
    fn lengths_and_sizes_are_short() {
        for (seconds, wanted) in [
            (0.42, "0.4 s"),
            (9.96, "10 s"),
            (41.2, "41 s"),
            (185.0, "3 min 05 s"),
            (7_800.0, "2 h 10 min"),
            (f64::NAN, "not known"),
        ] {
            assert_eq!(took(seconds), wanted);
        }
        for (bytes, wanted) in [(912, "912 B"), (1_000, "1.0 kB"), (2_911_440_532, "2.9 GB"), (u64::MAX, "18446.7 PB")]
        {
            assert_eq!(size(bytes), wanted);
        }
    }

    #[test]
    fn every_cause_has_one_title() {
        let names: std::collections::BTreeSet<&str> = CAUSES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), CAUSES.len());
        assert_eq!(cause_title("timezone"), "time zone");
        assert_eq!(cause_title("not_known_yet"), "not known yet");
    }
}
