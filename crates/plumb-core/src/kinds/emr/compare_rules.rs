//! Checks of what counts as equal, and of differences that are expected.

use super::compare::{CompareOutput, CompareRule, ExpectedDifference, RuleType};
use super::compare_check::{column, reason, renamed, same, time_zone, type_of};
use super::compare_side::{SideContext, conditions};
use crate::kinds::Findings;
use plumb_model::types::DataType;
use plumb_model::yaml::is_deferred;

/// The most digits of a decimal.
const MOST_DIGITS: u8 = 38;

pub(super) fn check(output: &CompareOutput, at: &str, context: SideContext, findings: &mut Findings) {
    for (i, rule) in output.rules.iter().flatten().enumerate() {
        check_rule(output, rule, &format!("{at}.rules[{i}]"), context, findings);
    }
    for (i, expected) in output.expect.iter().flatten().enumerate() {
        check_expected(output, expected, &format!("{at}.expect[{i}]"), context, findings);
    }
}

/// What a member of a rule works on, its name and whether the rule has it.
fn effects(rule: &CompareRule) -> [(&'static str, &'static [RuleType], bool); 10] {
    const NUMBERS: &[RuleType] = &[RuleType::Double, RuleType::Float, RuleType::Decimal];
    [
        ("abs", NUMBERS, rule.abs.is_some()),
        ("rel", NUMBERS, rule.rel.is_some()),
        ("scale", &[RuleType::Decimal], rule.scale.is_some()),
        ("truncate", &[RuleType::Timestamp], rule.truncate.is_some()),
        ("zone", &[RuleType::Timestamp], rule.zone.is_some()),
        ("trim", &[RuleType::String], rule.trim.is_some()),
        ("case", &[RuleType::String], rule.letter_case.is_some()),
        ("unicode", &[RuleType::String], rule.unicode.is_some()),
        ("emptyIsNull", &[RuleType::String], rule.empty_is_null.is_some()),
        ("order", &[RuleType::Array], rule.order.is_some()),
    ]
}

fn check_rule(output: &CompareOutput, rule: &CompareRule, at: &str, context: SideContext, findings: &mut Findings) {
    reason(&rule.reason, at, "why does the difference not count?", findings);
    match (&rule.column, rule.of_type) {
        (None, None) if findings.is_whole(&format!("{at}.column")) && findings.is_whole(&format!("{at}.type")) => {
            findings.at(at, "this rule is about nothing", "add `column` or `type`");
        }
        (Some(_), Some(_)) => {
            findings.at(format!("{at}.type"), "`column` and `type` are both given", "keep one of them");
        }
        _ => {}
    }
    let given: Vec<_> = effects(rule).into_iter().filter(|(_, _, is_given)| *is_given).collect();
    if given.is_empty() && findings.is_whole(at) {
        findings.at(
            at,
            "this rule has no effect",
            "say what counts as equal: `rel: 1e-9`, `truncate: ms`, `trim: end`",
        );
    }
    if let Some(name) = &rule.column {
        let place = format!("{at}.column");
        column(name, &place, findings);
        renamed(output, name, &place, findings);
        if output.ignore.iter().flatten().any(|ignored| same(&ignored.column, name)) {
            findings.at(&place, format!("`{name}` is ignored"), "so the rule has no effect: take one of them out");
        }
        let is_key = output.keys.iter().flatten().any(|key| same(key, name));
        for member in ["abs", "rel"].into_iter().filter(|_| is_key) {
            if given.iter().any(|(name, ..)| *name == member) {
                let label =
                    "rows are found by their keys, which have to be the same: take it out of `keys`, or the rule";
                findings.at(format!("{at}.{member}"), format!("key `{name}` cannot have a tolerance"), label);
            }
        }
    }
    // One type that every effect works on; of a column whose type is not known, any.
    let of_type = match (rule.of_type, rule.column.as_ref().and_then(|name| type_of(output, name))) {
        (Some(of_type), _) => Some((name_of(of_type), vec![of_type])),
        (None, Some(known)) => Some((known.to_string(), rule_type(&known).into_iter().collect())),
        (None, None) => given.first().map(|(member, types, _)| (format!("what `{member}` works on"), types.to_vec())),
    };
    if let Some((called, possible)) = of_type {
        for (member, types, _) in &given {
            if !types.iter().any(|of_type| possible.contains(of_type)) {
                let names: Vec<String> = types.iter().map(|of_type| name_of(*of_type)).collect();
                let message = format!("`{member}` has no effect on {called}");
                findings.at(format!("{at}.{member}"), message, format!("it is of: {}", names.join(", ")));
            }
        }
    }
    values(rule, at, findings);
    if rule.unicode.is_some() && context.on_warehouse {
        let label = "Spark SQL has no normal forms: take it out, or compare files with engine `duckdb`";
        findings.at(format!("{at}.unicode"), "a SQL warehouse cannot compose texts", label);
    }
}

fn values(rule: &CompareRule, at: &str, findings: &mut Findings) {
    for (member, value) in [("abs", rule.abs), ("rel", rule.rel)] {
        let Some(value) = value else { continue };
        let place = format!("{at}.{member}");
        if !value.is_finite() || value < 0.0 {
            findings.at(place, format!("`{value}` is no tolerance"), "expected a number, 0 or more");
        } else if member == "rel" && value >= 1.0 {
            let label = "it is a share of the larger number, and any number would equal 0: expected one like `1e-9`";
            findings.at(place, format!("`rel: {value}` allows everything"), label);
        }
    }
    if let Some(scale) = rule.scale.filter(|scale| *scale > MOST_DIGITS) {
        findings.at(
            format!("{at}.scale"),
            format!("{scale} places"),
            format!("a decimal has {MOST_DIGITS} digits at most"),
        );
    }
    if let Some(zone) = &rule.zone {
        time_zone(zone, &format!("{at}.zone"), findings);
    }
}

fn check_expected(
    output: &CompareOutput,
    expected: &ExpectedDifference,
    at: &str,
    context: SideContext,
    findings: &mut Findings,
) {
    reason(&expected.reason, at, "why is it expected?", findings);
    match (&expected.column, expected.rows) {
        (None, None) if findings.is_whole(&format!("{at}.column")) && findings.is_whole(&format!("{at}.rows")) => {
            findings.at(at, "what is expected to differ?", "add `column`, or `rows: onlyOld` or `onlyNew`");
        }
        (Some(_), Some(_)) => {
            findings.at(format!("{at}.rows"), "`column` and `rows` are both given", "keep one of them");
        }
        _ => {}
    }
    if let Some(name) = &expected.column {
        let place = format!("{at}.column");
        column(name, &place, findings);
        renamed(output, name, &place, findings);
        if output.ignore.iter().flatten().any(|ignored| same(&ignored.column, name)) {
            findings.at(&place, format!("`{name}` is ignored"), "nothing of it can differ: take one of them out");
        }
        if output.keys.iter().flatten().any(|key| same(key, name)) {
            let label = "rows of other keys are other rows: expect `rows: onlyOld` and `onlyNew`";
            findings.at(&place, format!("key `{name}` cannot differ"), label);
        }
    }
    let is_day = |text: &str| text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
    if !is_deferred(&expected.until) && !is_day(&expected.until) {
        findings.at(format!("{at}.until"), format!("`{}` is no day", expected.until), "expected one like `2024-12-31`");
    }
    if expected.at_most == 0 && findings.is_whole(&format!("{at}.atMost")) {
        findings.at(format!("{at}.atMost"), "nothing is expected", "expected how many there may be, 1 or more");
    }
    if let Some(filter) = &expected.filter {
        conditions(filter, &format!("{at}.where"), context.unit, findings);
    }
}

fn name_of(of_type: RuleType) -> String {
    format!("{of_type:?}").to_lowercase()
}

/// As rules call a type; `None` where they have no name for it.
fn rule_type(of_type: &DataType) -> Option<RuleType> {
    match of_type {
        DataType::Double => Some(RuleType::Double),
        DataType::Float => Some(RuleType::Float),
        DataType::Decimal { .. } => Some(RuleType::Decimal),
        DataType::Timestamp | DataType::TimestampNtz => Some(RuleType::Timestamp),
        DataType::String => Some(RuleType::String),
        DataType::Array(_) => Some(RuleType::Array),
        _ => None,
    }
}
