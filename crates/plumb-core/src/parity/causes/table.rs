//! The hypotheses about cells that differ, in the order in which they are tried: what is more specific comes first.

use super::cell::{Cell, ColumnHolds, DAY};
use super::facts::Facts;
use super::shown::{number, span};
use crate::parity::types::DataType;

/// What could explain that the cells of a column differ.
pub(super) struct Hypothesis {
    /// As reports name it.
    pub name: &'static str,
    pub fits: fn(ColumnHolds) -> bool,
    /// Conditions on one cell, each with the name under which those are counted that it holds of.
    pub tests: fn(&Cell<'_, '_>) -> Vec<(String, String)>,
    /// Other aggregates over the differing cells: a name, `min`, `max` or `mode`, and an expression.
    pub measures: fn(&Cell<'_, '_>) -> Vec<(&'static str, &'static str, String)>,
    /// How many cells it explains, and in which words. `None` where it does not hold.
    pub judge: fn(&Facts) -> Option<(u64, String)>,
}

/// What all whitespace is: that of ASCII, and what Unicode has besides, byte order mark and zero-width space among it.
pub(super) const BLANKS: &str =
    r"[\s\x{0b}\x{85}\x{a0}\x{1680}\x{2000}-\x{200d}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]";

/// Digits behind the point for which rounding is tried.
const PLACES: std::ops::RangeInclusive<u8> = 0..=6;

/// What times may have been cut to, in microseconds: the coarsest first.
const UNITS: [(i64, &str); 5] =
    [(DAY, "days"), (3_600_000_000, "hours"), (60_000_000, "minutes"), (1_000_000, "seconds"), (1_000, "milliseconds")];

fn no_measures(_: &Cell<'_, '_>) -> Vec<(&'static str, &'static str, String)> {
    Vec::new()
}

fn no_tests(_: &Cell<'_, '_>) -> Vec<(String, String)> {
    Vec::new()
}

/// A hypothesis of one condition and one sentence.
macro_rules! simple {
    ($name:literal, $fits:expr, $test:expr, $says:literal) => {
        Hypothesis {
            name: $name,
            fits: $fits,
            tests: |cell| {
                let test: fn(&Cell<'_, '_>) -> String = $test;
                vec![($name.to_owned(), test(cell))]
            },
            measures: no_measures,
            judge: |facts| Some((facts.count($name), $says.to_owned())),
        }
    };
}

/// All of them.
pub(super) const HYPOTHESES: &[Hypothesis] = &[
    Hypothesis {
        name: "null_vs_empty",
        fits: |holds| matches!(holds, ColumnHolds::Text | ColumnHolds::List),
        tests: |cell| {
            let empty = |value: &str| match cell.holds {
                ColumnHolds::List => format!("{} = 0", cell.w.dialect.length(value)),
                _ => format!("{value} = ''"),
            };
            let test = format!(
                "({0} IS NULL AND {2}) OR ({1} IS NULL AND {3})",
                cell.a,
                cell.b,
                empty(&cell.b),
                empty(&cell.a)
            );
            vec![("null_vs_empty".into(), test)]
        },
        measures: no_measures,
        judge: |facts| {
            let empty = if facts.holds == ColumnHolds::List { "empty" } else { "''" };
            let says = match (facts.count("null_to_value"), facts.count("value_to_null")) {
                (_, 0) => format!("null in old, {empty} in new"),
                (0, _) => format!("{empty} in old, null in new"),
                _ => format!("null in one, {empty} in the other"),
            };
            Some((facts.count("null_vs_empty"), says))
        },
    },
    simple!("value_to_null", |_| true, |cell| format!("{} IS NULL", cell.b), "a value in old, null in new"),
    simple!("null_to_value", |_| true, |cell| format!("{} IS NULL", cell.a), "null in old, a value in new"),
    simple!(
        "whitespace",
        |holds| holds == ColumnHolds::Text,
        |cell| {
            let blanks = cell.w.text(BLANKS);
            let without = |value: &str| cell.w.dialect.without(value, &blanks);
            format!("{} = {}", without(&cell.a), without(&cell.b))
        },
        "the same but for whitespace"
    ),
    simple!(
        "case",
        |holds| holds == ColumnHolds::Text,
        |cell| format!("lower({}) = lower({})", cell.a, cell.b),
        "the same but for upper and lower case"
    ),
    simple!(
        "unicode_normalisation",
        |holds| holds == ColumnHolds::Text,
        |cell| cell.w.dialect.same_composed(&cell.a, &cell.b),
        "the same letters, composed otherwise (NFC, NFD)"
    ),
    Hypothesis {
        name: "array_order",
        fits: |holds| matches!(holds, ColumnHolds::Text | ColumnHolds::List),
        tests: |cell| {
            let d = cell.w.dialect;
            let sorted = |value: &str| match cell.holds {
                ColumnHolds::List => d.sorted(value),
                // `a,b`, and JSON as well.
                _ => d.sorted(&d.split(&d.without(value, &cell.w.text(r#"[\s\[\]{}"]"#)))),
            };
            let several = match cell.holds {
                ColumnHolds::List => "",
                _ => " AND LIST LIKE '%,%'",
            };
            let several = several.replace("LIST", &cell.a);
            vec![("array_order".into(), format!("{} = {}{several}", sorted(&cell.a), sorted(&cell.b)))]
        },
        measures: no_measures,
        judge: |facts| {
            let what = if facts.holds == ColumnHolds::List { "elements" } else { "parts between commas" };
            Some((facts.count("array_order"), format!("the same {what} in another order")))
        },
    },
    simple!(
        "sign",
        ColumnHolds::is_number,
        |cell| format!("{} = -{}", cell.number(&cell.a), cell.number(&cell.b)),
        "the sign is the other one"
    ),
    Hypothesis {
        name: "permuted",
        fits: |holds| holds != ColumnHolds::Boolean,
        tests: no_tests,
        measures: |cell| {
            let text = |value: &str| match cell.holds {
                ColumnHolds::List | ColumnHolds::Other | ColumnHolds::Split { .. } => cell.w.dialect.to_text(value),
                _ => value.to_owned(),
            };
            vec![
                ("least_old", "min", text(&cell.a)),
                ("least_new", "min", text(&cell.b)),
                ("largest_old", "max", text(&cell.a)),
                ("largest_new", "max", text(&cell.b)),
            ]
        },
        judge: |facts| {
            let says = "both sides hold the same values, in other rows: an order that is not unique";
            Some((facts.permuted?, says.to_owned()))
        },
    },
    simple!(
        "generated",
        |holds| holds == ColumnHolds::Text,
        |cell| {
            let d = cell.w.dialect;
            let uuid = cell.w.text("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$");
            let hex = cell.w.text("^[0-9a-fA-F]{16,}$");
            let letter = cell.w.text("[a-fA-F]");
            let both = |pattern: &str| format!("{} AND {}", d.matches(&cell.a, pattern), d.matches(&cell.b, pattern));
            let long = format!(
                "length({}) = length({}) AND ({} OR {})",
                cell.a,
                cell.b,
                d.matches(&cell.a, &letter),
                d.matches(&cell.b, &letter)
            );
            format!("({}) OR ({} AND {long})", both(&uuid), both(&hex))
        },
        "generated on both sides: hexadecimal digits or UUIDs"
    ),
    simple!(
        "number_format",
        |holds| holds == ColumnHolds::Text,
        |cell| {
            let wide = DataType::Decimal { precision: 38, scale: 12 };
            let test = |with: &str| {
                let plain = |value: &str| format!("replace(trim({value}), ',', '{with}')");
                let (a, b) = (plain(&cell.a), plain(&cell.b));
                let double = |value: &str| cell.w.try_cast(value, &DataType::Double);
                let exact = |value: &str| cell.w.try_cast(value, &wide);
                format!("({} = {} AND coalesce({} = {}, true))", double(&a), double(&b), exact(&a), exact(&b))
            };
            format!("{} OR {}", test(""), test("."))
        },
        "the same number, written otherwise"
    ),
    Hypothesis {
        name: "truncated",
        fits: |holds| holds == ColumnHolds::Text,
        tests: |cell| {
            let test = |a: &str, b: &str| {
                let begins = cell.w.dialect.begins_with(a, b);
                format!("{b} <> '' AND length({b}) < length({a}) AND {begins}")
            };
            vec![("truncated:new".into(), test(&cell.a, &cell.b)), ("truncated:old".into(), test(&cell.b, &cell.a))]
        },
        measures: |cell| {
            let shorter = format!("least(length({}), length({}))", cell.a, cell.b);
            vec![("shortest", "min", shorter.clone()), ("longest", "max", shorter)]
        },
        judge: |facts| {
            let (side, other, count) = facts.larger("truncated")?;
            let says = match (facts.value("shortest"), facts.value("longest")) {
                (Some(least), Some(most)) if least == most => format!("{side} is cut after {least} characters"),
                _ => format!("{side} is the beginning of {other}"),
            };
            Some((count, says))
        },
    },
    simple!(
        "week_year",
        |holds| holds.is_day_or_time() || matches!(holds, ColumnHolds::Text | ColumnHolds::Whole),
        |cell| {
            let d = cell.w.dialect;
            let (a, b) = (cell.digits(&cell.a), cell.digits(&cell.b));
            let year = |digits: &str| cell.w.try_cast(&format!("substr({digits}, 1, 4)"), &DataType::Integer(32));
            // The days around the new year, or their months. American weeks begin on Sunday, and that with 1 January in it is
            // the first: 26 December may be of the next year.
            let turn = d.matches(&format!("substr({a}, 5)"), &cell.w.text("^(12(2[6-9]|3[01])|010[1-3]|12$|01$)"));
            format!("abs({} - {}) = 1 AND substr({a}, 5) = substr({b}, 5) AND {turn}", year(&a), year(&b))
        },
        "the year is off by one around the new year: the year of the week (`YYYY`)"
    ),
    simple!(
        "float_noise",
        |holds| matches!(holds, ColumnHolds::Floating { .. }),
        |cell| {
            let (a, b) = (cell.number(&cell.a), cell.number(&cell.b));
            let bound = format!("{} * greatest(abs({a}), abs({b}))", cell.w.double(1e-9));
            format!("{} AND abs({a} - {b}) <= {bound}", cell.is_finite())
        },
        "apart by 1e-9 of the value at most: the order of sums"
    ),
    simple!(
        "float32",
        |holds| holds == ColumnHolds::Floating { is_double: true },
        |cell| {
            let narrow = |value: &str| cell.w.cast(&cell.w.try_cast(value, &DataType::Float), &DataType::Double);
            format!(
                "{} AND ({} = {b} OR {} = {a})",
                cell.is_finite(),
                narrow(&cell.a),
                narrow(&cell.b),
                a = cell.a,
                b = cell.b
            )
        },
        "one side went through a float of 32 bits"
    ),
    Hypothesis {
        name: "rounding",
        fits: |holds| matches!(holds, ColumnHolds::Floating { .. } | ColumnHolds::Decimal { .. }),
        tests: |cell| {
            let mut tests = Vec::new();
            for (side, cell) in
                [("new", Cell { a: cell.a.clone(), b: cell.b.clone(), ..*cell }), ("old", cell.mirrored())]
            {
                for places in places(cell.holds) {
                    let test = format!(
                        "{} AND {} AND {}",
                        cell.is_finite(),
                        cell.has_places(&cell.b, places),
                        cell.apart_in_halves(places, "<=", 1)
                    );
                    tests.push((format!("rounding:{side}:{places}"), test));
                }
            }
            tests
        },
        measures: no_measures,
        judge: |facts| {
            let (side, places, count) = facts.most("rounding")?;
            let places = if places == "1" { "1 place".to_owned() } else { format!("{places} places") };
            Some((count, format!("{side} is rounded to {places}")))
        },
    },
    Hypothesis {
        name: "truncated",
        fits: |holds| matches!(holds, ColumnHolds::Floating { .. } | ColumnHolds::Decimal { .. } | ColumnHolds::Time),
        tests: |cell| {
            let mut tests = Vec::new();
            for (side, cell) in
                [("new", Cell { a: cell.a.clone(), b: cell.b.clone(), ..*cell }), ("old", cell.mirrored())]
            {
                if cell.holds == ColumnHolds::Time {
                    for (unit, name) in UNITS {
                        let rest = cell.w.dialect.modulo(&cell.a, &unit.to_string());
                        tests.push((format!("truncated:{side}:{name}"), format!("{} - {rest} = {}", cell.a, cell.b)));
                    }
                    continue;
                }
                let (a, b) = (cell.number(&cell.a), cell.number(&cell.b));
                for places in places(cell.holds) {
                    let test = format!(
                        "{} AND {} AND {} AND abs({b}) < abs({a}) AND ({b} = 0 OR ({a} > 0) = ({b} > 0))",
                        cell.is_finite(),
                        cell.has_places(&cell.b, places),
                        cell.apart_in_halves(places, "<", 2)
                    );
                    tests.push((format!("truncated:{side}:{places}"), test));
                }
            }
            tests
        },
        measures: no_measures,
        judge: |facts| {
            let (side, at, count) = facts.most("truncated")?;
            let at = if facts.holds == ColumnHolds::Time { format!("to {at}") } else { format!("after {at} places") };
            Some((count, format!("{side} is cut {at}")))
        },
    },
    simple!(
        "overflow",
        ColumnHolds::is_exact,
        |cell| {
            let (a, b, apart) = (cell.number(&cell.a), cell.number(&cell.b), cell.apart());
            let ends = |x: &str, y: &str| {
                format!("({x} = 2147483647 AND {y} > 2147483647) OR ({x} = -2147483648 AND {y} < -2147483648)")
            };
            format!("({apart}) % 4294967296 = 0 OR {} OR {}", ends(&a, &b), ends(&b, &a))
        },
        "apart by a multiple of 2^32, or at the end of 32 bits"
    ),
    Hypothesis {
        name: "last_place",
        fits: |holds| matches!(holds, ColumnHolds::Floating { .. } | ColumnHolds::Decimal { .. }),
        tests: |cell| {
            let of_type = match cell.holds {
                ColumnHolds::Decimal { scale, .. } if scale < 37 => Some(scale),
                _ => None,
            };
            let mut tests: Vec<String> = PLACES
                .filter(|places| *places > 0 && of_type.is_none_or(|scale| *places < scale))
                .chain(of_type)
                .map(|places| {
                    let is_at = |value: &str| cell.has_places(value, places);
                    let unit = cell.apart_in_halves(places, "=", 2);
                    format!("({} AND {} AND {unit})", is_at(&cell.a), is_at(&cell.b))
                })
                .collect();
            if tests.is_empty() {
                tests.push("false".into());
            }
            vec![("last_place".into(), format!("{} AND ({})", cell.is_finite(), tests.join(" OR ")))]
        },
        measures: |cell| {
            let apart = format!("abs({})", cell.apart());
            vec![("least_apart", "min", apart.clone()), ("most_apart", "max", apart)]
        },
        judge: |facts| {
            let each = match (facts.value("least_apart"), facts.value("most_apart")) {
                (Some(least), Some(most)) if number(least) == number(most) => format!("each is {}, ", number(least)),
                _ => "each is ".into(),
            };
            Some((facts.count("last_place"), format!("{each}one unit of the last place: half-up against half-even")))
        },
    },
    simple!(
        "precision_lost",
        |holds| holds.is_exact() || matches!(holds, ColumnHolds::Split { .. }),
        |cell| format!("{} = {}", cell.double(&cell.a), cell.double(&cell.b)),
        "the same as a double: digits were lost on the way"
    ),
    simple!(
        "calendar_rebase",
        ColumnHolds::is_day_or_time,
        |cell| {
            let d = cell.w.dialect;
            let (a, b) = (cell.day(&cell.a), cell.day(&cell.b));
            // A day of the Julian calendar is so many days later than the day of that name is today. 59 days before the
            // first of March the year is that in which the last 29th of February counts.
            let later = |day: &str| {
                let year = format!("year({})", d.date(&format!("({day} - 59)")));
                format!("{} - {} - 2", d.divided(&year, "100"), d.divided(&year, "400"))
            };
            let whole = match cell.holds {
                ColumnHolds::Time => format!("{} = 0", d.modulo(&cell.apart(), &DAY.to_string())),
                _ => "true".to_owned(),
            };
            // 1582-10-15, the first day of the Gregorian calendar.
            format!(
                "{a} < -141427 AND {b} < -141427 AND {whole} AND ({a} - {b} = {} OR {b} - {a} = {})",
                later(&b),
                later(&a)
            )
        },
        "days before 1582-10-15, once in the Julian and once in the Gregorian calendar"
    ),
    Hypothesis {
        name: "day_shift",
        fits: ColumnHolds::is_day_or_time,
        tests: |cell| vec![("day_shift".into(), format!("abs({}) = {}", cell.apart(), cell.one_day()))],
        measures: |cell| {
            vec![
                ("least_shift", "min", cell.apart()),
                ("most_shift", "max", cell.apart()),
                ("usual_shift", "mode", cell.apart()),
            ]
        },
        judge: |facts| {
            let says = match facts.shifts() {
                Some((least, most)) if least == most && !facts.is_hidden => {
                    format!("each is {}", span(facts.holds, least))
                }
                _ => "each is one day off".into(),
            };
            Some((facts.count("day_shift"), says))
        },
    },
    Hypothesis {
        name: "timezone",
        fits: |holds| holds == ColumnHolds::Time,
        tests: |cell| {
            let apart = cell.apart();
            let quarters = cell.w.dialect.modulo(&apart, "900000000");
            vec![("timezone".into(), format!("abs({apart}) <= 50400000000 AND {quarters} = 0"))]
        },
        measures: no_measures,
        judge: |facts| {
            let (least, most) = facts.shifts()?;
            let says = match (least == most, facts.has_equal_cells) {
                (true, false) => return None,
                _ if facts.is_hidden => "whole quarter hours".to_owned(),
                (true, true) => format!("{} in some rows, equal in others", span(facts.holds, least)),
                _ => format!("whole quarter hours, {} to {}", span(facts.holds, least), span(facts.holds, most)),
            };
            Some((facts.count("timezone"), says))
        },
    },
    Hypothesis {
        name: "constant_shift",
        fits: ColumnHolds::is_day_or_time,
        tests: |cell| vec![("shift".into(), format!("{} IS NOT NULL", cell.apart()))],
        measures: no_measures,
        judge: |facts| {
            let (shift, count) = facts.usual("shift")?;
            let shift: i64 = shift.parse().ok()?;
            let says = if facts.is_hidden {
                "each by the same".into()
            } else {
                format!("each is {}", span(facts.holds, shift))
            };
            Some((count, says))
        },
    },
    Hypothesis {
        name: "constant_offset",
        fits: ColumnHolds::is_number,
        tests: |cell| vec![("offset".into(), format!("{} AND {} IS NOT NULL", cell.is_finite(), cell.apart()))],
        measures: |cell| {
            let apart = format!("CASE WHEN {} THEN {} END", cell.is_finite(), cell.apart());
            let mut measures = vec![("least_offset", "min", apart.clone()), ("most_offset", "max", apart.clone())];
            if cell.holds.is_exact() {
                measures.push(("usual_offset", "mode", apart));
            }
            measures
        },
        judge: |facts| {
            let (offset, count) = facts.usual("offset")?;
            let offset = number(&offset);
            let plus = if offset.starts_with('-') { "" } else { "+" };
            let says = if facts.is_hidden { "each by the same".into() } else { format!("each is {plus}{offset}") };
            Some((count, says)).filter(|(count, _)| *count > 1)
        },
    },
    Hypothesis {
        name: "constant_factor",
        fits: ColumnHolds::is_number,
        tests: |cell| vec![("factor".into(), format!("{} IS NOT NULL", factor(cell)))],
        measures: |cell| vec![("least_factor", "min", factor(cell)), ("most_factor", "max", factor(cell))],
        judge: |facts| {
            let (least, most) = (facts.double("least_factor")?, facts.double("most_factor")?);
            let is_constant = most - least <= 1e-9 * most.abs().max(least.abs());
            let shown = number(&format!("{:e}", f64::midpoint(least, most)));
            let says =
                if facts.is_hidden { "each by the same factor".into() } else { format!("each is {shown} times old") };
            is_constant.then_some((facts.count("factor"), says)).filter(|(count, _)| *count > 1)
        },
    },
];

/// The digits behind the point to which a number of a type may have been rounded.
fn places(holds: ColumnHolds) -> impl Iterator<Item = u8> {
    PLACES.filter(move |places| match holds {
        ColumnHolds::Decimal { scale, .. } => *places < scale,
        _ => true,
    })
}

/// How many times as much `b` is. Null where there is no such number.
fn factor(cell: &Cell<'_, '_>) -> String {
    let (a, b) = (cell.double(&cell.a), cell.double(&cell.b));
    format!("CASE WHEN {} AND {a} <> 0 AND {b} <> 0 THEN {b} / {a} END", cell.is_finite())
}
