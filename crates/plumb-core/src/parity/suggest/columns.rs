//! What the causes of a comparison suggest for the columns that differ.

use super::OutputSuggestion;
use crate::kinds::emr::compare::{AnyOf, CompareRule, IgnoredColumn, Trim, TruncateTo};
use crate::parity::result::{CellExample, ColumnResult, OutputResult};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Microseconds of a quarter of an hour: time zones are so far apart.
const QUARTER: i64 = 900_000_000;

/// What is suggested for one column.
enum ColumnSuggestion {
    Ignore,
    Rule(CompareRule),
    /// Nothing; it looks like a mistake of a pipeline.
    Nothing,
}

/// Adds what the columns that differ suggest.
pub fn propose(suggestion: &mut OutputSuggestion, result: &OutputResult) {
    let matched = result.matched.unwrap_or(0);
    for column in &result.columns {
        let seen = seen(column, matched);
        match suggested(column, result.causes.get(&column.name).map(String::as_str), matched) {
            ColumnSuggestion::Ignore => {
                let reason = format!("{seen}; each run writes another value");
                suggestion.ignore.push(IgnoredColumn { column: column.name.clone(), reason });
            }
            ColumnSuggestion::Rule(rule) => {
                suggestion.rules.push(CompareRule { column: Some(column.name.clone()), reason: seen, ..rule });
            }
            ColumnSuggestion::Nothing => suggestion.notes.push(unexplained(column, matched)),
        }
    }
    for (rows, side, other) in [(result.only_old, "old", "new"), (result.only_new, "new", "old")] {
        if let Some(rows) = rows.filter(|rows| *rows > 0) {
            suggestion.notes.push(format!("{rows} rows are in {side} only: no rule helps, {other} has to have them"));
        }
    }
}

/// Takes out what does not help: rules after which a column differs as before.
pub fn still(suggestion: &mut OutputSuggestion, before: &OutputResult, after: &OutputResult) {
    let differing = |result: &OutputResult, name: &str| result.differing_cells.get(name).copied().unwrap_or(0);
    let mut kept = Vec::new();
    for rule in std::mem::take(&mut suggestion.rules) {
        let name = rule.column.clone().unwrap_or_default();
        let (was, is) = (differing(before, &name), differing(after, &name));
        if is == 0 {
            kept.push(rule);
        } else if is * 2 < was {
            suggestion.notes.push(format!("with its rule {is} cells of `{name}` differ still, of {was}"));
            kept.push(rule);
        } else if let Some(column) = before.columns.iter().find(|column| column.name == name) {
            suggestion.notes.push(unexplained(column, before.matched.unwrap_or(0)));
        }
    }
    suggestion.rules = kept;
}

/// `60 of 2,000 rows: each is 0.01, one unit of the last place`.
fn seen(column: &ColumnResult, matched: u64) -> String {
    let says = column.explanations.first().map(|best| format!(": {}", best.says)).unwrap_or_default();
    format!("differs in {} of {matched} rows{says}", column.differing)
}

fn unexplained(column: &ColumnResult, matched: u64) -> String {
    format!("`{}` {}; no rule is suggested: it looks like a mistake of a pipeline", column.name, seen(column, matched))
}

fn suggested(column: &ColumnResult, cause: Option<&str>, matched: u64) -> ColumnSuggestion {
    let differs_nearly_everywhere = u128::from(column.differing) * 100 >= u128::from(matched) * 95;
    let both = |is: fn(&str) -> bool| is(&column.old_type) && is(&column.new_type);
    let is_decimal = both(|of| of.starts_with("decimal"));
    let is_time = both(|of| of.starts_with("timestamp"));
    let rule = |rule: CompareRule| ColumnSuggestion::Rule(rule);
    let says = column.explanations.first().map_or("", |best| best.says.as_str());
    match cause {
        Some("generated") if differs_nearly_everywhere => ColumnSuggestion::Ignore,
        Some("float_noise") => rule(CompareRule { rel: Some(1e-9), ..CompareRule::default() }),
        // Half a unit of the last place of 24 bits, rounded up.
        Some("float32") => rule(CompareRule { rel: Some(6e-8), ..CompareRule::default() }),
        Some("truncated") if is_time => match says.rsplit(' ').next() {
            Some("milliseconds") => rule(CompareRule { truncate: Some(TruncateTo::Ms), ..CompareRule::default() }),
            Some("seconds") => rule(CompareRule { truncate: Some(TruncateTo::S), ..CompareRule::default() }),
            Some("days") => rule(CompareRule { truncate: Some(TruncateTo::Day), ..CompareRule::default() }),
            _ => ColumnSuggestion::Nothing,
        },
        Some("rounding") if is_decimal => match places(says) {
            Some(places) => rule(CompareRule { scale: Some(places), ..CompareRule::default() }),
            None => ColumnSuggestion::Nothing,
        },
        Some("rounding" | "truncated" | "last_place") if both(is_number) => match unit(&column.examples) {
            Some(abs) => rule(CompareRule { abs: Some(abs), ..CompareRule::default() }),
            None => ColumnSuggestion::Nothing,
        },
        Some("whitespace") => match spaces(&column.examples) {
            Some(trim) => rule(CompareRule { trim: Some(trim), ..CompareRule::default() }),
            None => ColumnSuggestion::Nothing,
        },
        Some("array_order") if both(|of| of.starts_with("array")) => {
            rule(CompareRule { order: Some(AnyOf::Any), ..CompareRule::default() })
        }
        Some("null_vs_empty") if both(|of| of == "string") => {
            rule(CompareRule { empty_is_null: Some(true), ..CompareRule::default() })
        }
        None | Some("constant_shift" | "day_shift") if is_time && differs_nearly_everywhere => {
            if is_now(&column.examples) { ColumnSuggestion::Ignore } else { ColumnSuggestion::Nothing }
        }
        None | Some("constant_shift" | "day_shift")
            if both(|of| of == "date") && differs_nearly_everywhere && is_named_after_a_run(&column.name) =>
        {
            ColumnSuggestion::Ignore
        }
        _ => ColumnSuggestion::Nothing,
    }
}

fn is_number(of: &str) -> bool {
    of.starts_with("decimal") || matches!(of, "double" | "float")
}

/// `2` of `new is rounded to 2 places`.
fn places(says: &str) -> Option<u8> {
    says.strip_suffix(" places").or_else(|| says.strip_suffix(" place"))?.rsplit(' ').next()?.parse().ok()
}

/// The unit by which examples are apart at most: a power of ten.
fn unit(examples: &[CellExample]) -> Option<f64> {
    let number = |text: &Option<String>| text.as_deref()?.parse::<f64>().ok();
    let apart = examples.iter().filter_map(|one| Some((number(&one.old)? - number(&one.new)?).abs()));
    let most = apart.fold(0.0, f64::max);
    // What a subtraction of doubles leaves behind its digits is noise.
    (0..=12_i32)
        .map(|places| format!("1e-{places}").parse::<f64>().unwrap_or(1.0))
        .rfind(|unit| most > 0.0 && most <= unit * (1.0 + 1e-6))
}

/// Which spaces make the difference: those that a rule can leave out.
fn spaces(examples: &[CellExample]) -> Option<Trim> {
    let same = |trimmed: fn(&str) -> &str| {
        !examples.is_empty()
            && examples.iter().all(|one| {
                let (old, new) = (one.old.as_deref().map(trimmed), one.new.as_deref().map(trimmed));
                old.is_some() && old == new
            })
    };
    if same(|text| text.trim_end_matches(' ')) {
        Some(Trim::End)
    } else if same(|text| text.trim_matches(' ')) {
        Some(Trim::Both)
    } else {
        None
    }
}

/// Whether times are those of the run that wrote them: no time zone explains how far they are apart.
fn is_now(examples: &[CellExample]) -> bool {
    let micros = |text: &Option<String>| {
        let text = text.as_deref()?;
        let instant = text.parse::<Timestamp>().ok();
        let wall = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        instant.or_else(wall).map(Timestamp::as_microsecond)
    };
    let apart: Vec<i64> = examples.iter().filter_map(|one| Some(micros(&one.new)? - micros(&one.old)?)).collect();
    !apart.is_empty() && apart.iter().all(|apart| apart % QUARTER != 0)
}

/// Whether a day is that of a run, by its name.
fn is_named_after_a_run(name: &str) -> bool {
    let name = name.to_lowercase();
    let words = ["load", "run", "ingest", "process", "insert", "update", "created", "etl", "export", "written"];
    words.iter().any(|word| name.split('_').any(|part| part.starts_with(word)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod column_tests {
    use super::*;

    fn examples(pairs: &[(&str, &str)]) -> Vec<CellExample> {
        let one = |(old, new): &(&str, &str)| CellExample {
            key: Vec::new(),
            old: Some((*old).to_owned()),
            new: Some((*new).to_owned()),
        };
        pairs.iter().map(one).collect()
    }

    #[test]
    fn a_unit_is_the_power_of_ten_that_holds_every_example() {
        for (pairs, wanted) in [
            (&[("17.33", "17.34")][..], Some(0.01)),
            (&[("0.1267", "0.13"), ("5.1267", "5.12")], Some(0.01)),
            (&[("0.30000000000000004", "0.31")], Some(0.01)),
            (&[("0.25", "0.3")], Some(0.1)),
            (&[("1.0", "1.0")], None),
            (&[("1", "17")], None),
            (&[], None),
        ] {
            assert_eq!(unit(&examples(pairs)), wanted, "{pairs:?}");
        }
    }

    #[test]
    fn spaces_are_trimmed_where_that_is_all() {
        for (pairs, wanted) in [
            (&[("r1", "r1   ")][..], Some(Trim::End)),
            (&[("r1", "r1 "), ("r2", " r2")], Some(Trim::Both)),
            (&[("r 1", "r1")], None),
            (&[("r1", "r1\u{a0}")], None),
            (&[], None),
        ] {
            assert_eq!(spaces(&examples(pairs)), wanted, "{pairs:?}");
        }
    }

    #[test]
    fn a_shift_of_a_time_zone_is_no_time_of_a_run() {
        let at = "2026-10-01T10:00:00Z";
        for (new, wanted) in
            [("2026-10-01T11:00:00Z", false), ("2026-10-01T10:15:00Z", false), ("2026-10-01T12:07:33.1Z", true)]
        {
            assert_eq!(is_now(&examples(&[(at, new)])), wanted, "{new}");
        }
        assert!(is_now(&examples(&[("2026-10-01T10:00:00", "2026-10-01T10:00:00.000001")])));
        assert!(!is_now(&examples(&[])) && !is_now(&examples(&[("x", "y")])));
    }
}
