//! What the schema of a comparison cannot say: every mistake at its place, without reading any data.

use super::compare::{Compare, CompareOutput, EngineChoice};
use super::compare_rules;
use super::compare_side::{self, SideContext};
use crate::kinds::Findings;
use jiff::tz::TimeZone;
use plumb_model::text::seconds;
use plumb_model::types::DataType;
use plumb_model::yaml::{is_deferred, nearest};
use std::collections::BTreeMap;

/// The longest name of an output.
const LONGEST_NAME: usize = 100;

/// Checks `compare` of a migration.
pub(super) fn check(compare: &Compare, findings: &mut Findings) {
    if compare.outputs.is_empty() && findings.is_whole("compare.outputs") {
        findings.at("compare.outputs", "no output is named", "name every data set that both pipelines write");
    }
    if let Some(zone) = &compare.zone {
        time_zone(zone, "compare.zone", findings);
    }
    if let Some(text) =
        compare.settles.as_deref().filter(|text| *text != "0s" && !is_deferred(text) && seconds(text).is_none())
    {
        findings.at("compare.settles", format!("`{text}` is no duration"), "expected one like `6h` or `1d`");
    }
    let tables = compare.outputs.iter().any(|output| output.old.table.is_some() || output.new.table.is_some());
    if is_on_warehouse(compare.engine, tables) && compare.warehouse.as_deref().is_none_or(str::is_empty) {
        let why = if tables { "a table is read by a SQL warehouse" } else { "engine `databricks` is a SQL warehouse" };
        let place = if compare.warehouse.is_some() { "compare.warehouse" } else { "compare" };
        if findings.is_whole("compare.warehouse") {
            findings.at(place, "`warehouse` is missing", format!("{why}: name it, by its name or id"));
        }
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (i, output) in compare.outputs.iter().enumerate() {
        let at = format!("compare.outputs[{i}]");
        name(&output.name, &at, &mut names, i, findings);
        check_output(compare, output, &at, findings);
    }
}

/// Whether a SQL warehouse compares.
fn is_on_warehouse(engine: EngineChoice, tables: bool) -> bool {
    match engine {
        EngineChoice::Databricks => true,
        EngineChoice::Auto => tables,
        EngineChoice::Duckdb => false,
    }
}

fn name(name: &str, at: &str, names: &mut BTreeMap<String, usize>, i: usize, findings: &mut Findings) {
    if is_deferred(name) {
        return;
    }
    let is_safe = name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if !is_safe {
        let label =
            format!("expected letters, digits, `.`, `_` and `-`, {LONGEST_NAME} at most, a letter or digit first");
        findings.at(format!("{at}.name"), format!("`{name}` cannot stand in the name of a file"), label);
    }
    match names.get(&name.to_lowercase()) {
        Some(first) => {
            let label = format!("outputs[{first}] has that name, and case does not count: give it another one");
            findings.at(format!("{at}.name"), format!("output `{name}` is there twice"), label);
        }
        None => drop(names.insert(name.to_lowercase(), i)),
    }
}

fn check_output(compare: &Compare, output: &CompareOutput, at: &str, findings: &mut Findings) {
    let tables = output.old.table.is_some() || output.new.table.is_some();
    let context = SideContext {
        unit: compare.period,
        engine: compare.engine,
        on_warehouse: is_on_warehouse(compare.engine, tables),
    };
    compare_side::check(&output.old, &format!("{at}.old"), context, findings);
    compare_side::check(&output.new, &format!("{at}.new"), context, findings);
    keys(output, at, findings);
    map(output, at, findings);
    for (i, ignored) in output.ignore.iter().flatten().enumerate() {
        let at = format!("{at}.ignore[{i}]");
        column(&ignored.column, &format!("{at}.column"), findings);
        reason(&ignored.reason, &at, "why is it not compared?", findings);
    }
    let ignored: Vec<&str> = output.ignore.iter().flatten().map(|ignored| ignored.column.as_str()).collect();
    twice(&ignored, |i| format!("{at}.ignore[{i}].column"), findings);
    if let Some(previous) = output.rows.as_ref().and_then(|rows| rows.against.as_ref()).map(|against| &against.previous)
    {
        let number = previous.strip_suffix('%').filter(|number| number.starts_with(|c: char| c.is_ascii_digit()));
        let is_share = number.and_then(|number| number.parse::<f64>().ok()).is_some_and(f64::is_finite);
        if !is_share && !is_deferred(previous) {
            findings.at(
                format!("{at}.rows.against.previous"),
                format!("`{previous}` is no share"),
                "expected one like `40%`",
            );
        }
    }
    compare_rules::check(output, at, context, findings);
    for (i, name) in output.sensitive.iter().flatten().enumerate() {
        column(name, &format!("{at}.sensitive[{i}]"), findings);
    }
    let sensitive: Vec<&str> = output.sensitive.iter().flatten().map(String::as_str).collect();
    twice(&sensitive, |i| format!("{at}.sensitive[{i}]"), findings);
}

fn keys(output: &CompareOutput, at: &str, findings: &mut Findings) {
    let keys: Vec<&str> = output.keys.iter().flatten().map(String::as_str).collect();
    twice(&keys, |i| format!("{at}.keys[{i}]"), findings);
    for (i, key) in keys.into_iter().enumerate() {
        let place = format!("{at}.keys[{i}]");
        column(key, &place, findings);
        renamed(output, key, &place, findings);
        if output.ignore.iter().flatten().any(|ignored| same(&ignored.column, key)) {
            findings.at(
                &place,
                format!("key `{key}` is ignored as well"),
                "a key names a row: take it out of `ignore`",
            );
        }
        if type_of(output, key).is_some_and(|of_type| of_type.is_floating()) {
            let label = "two of the same value may differ in their last bits: name another key, or none";
            findings.at(&place, format!("key `{key}` is a floating-point number"), label);
        }
    }
}

fn map(output: &CompareOutput, at: &str, findings: &mut Findings) {
    let mut targets: BTreeMap<String, &str> = BTreeMap::new();
    for (old, new) in output.map.iter().flatten() {
        let place = format!("{at}.map.{old}");
        column(old, &place, findings);
        column(new, &place, findings);
        if same(old, new) {
            findings.at(&place, format!("`{old}` has the same name in `new`"), "case does not count: take it out");
        }
        match targets.get(&new.to_lowercase()) {
            Some(first) => {
                let message = format!("`{first}` and `{old}` both become `{new}`");
                findings.at(&place, message, "a column of `new` has one of `old`");
            }
            None => drop(targets.insert(new.to_lowercase(), old)),
        }
    }
}

/// Reports a name of `old` where one of `new` has to be.
pub(super) fn renamed(output: &CompareOutput, name: &str, place: &str, findings: &mut Findings) {
    let renamed = output.map.iter().flatten().find(|(old, _)| same(old, name));
    let is_there = output.map.iter().flatten().any(|(_, new)| same(new, name));
    if let Some((_, new)) = renamed.filter(|_| !is_there) {
        findings.at(place, format!("`{name}` is called `{new}` in `new`"), "columns are named as `new` has them");
    }
}

/// The type of a column of `new`, where the manifest says it.
pub(super) fn type_of(output: &CompareOutput, name: &str) -> Option<DataType> {
    let old = output.map.iter().flatten().find(|(_, new)| same(new, name)).map_or(name, |(old, _)| old.as_str());
    let of_side = |side: &super::compare::CompareSide, name: &str| {
        let column = side.columns.iter().flat_map(|columns| &columns.0).find(|(column, _)| same(column, name));
        column.and_then(|(_, of_type)| DataType::from_spark(of_type).ok())
    };
    of_side(&output.new, name).or_else(|| of_side(&output.old, old))
}

/// Whether two columns have the same name: as Spark compares names, without case.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// Reports each name that is there before.
pub(super) fn twice(names: &[&str], place: impl Fn(usize) -> String, findings: &mut Findings) {
    let mut seen = std::collections::BTreeSet::new();
    for (i, name) in names.iter().enumerate() {
        if !seen.insert(name.to_lowercase()) && !is_deferred(name) {
            findings.at(place(i), format!("`{name}` is there twice"), "take one out: case does not count");
        }
    }
}

pub(super) fn column(name: &str, place: &str, findings: &mut Findings) {
    if name.trim().is_empty() {
        findings.at(place, "this names no column", "expected the name of a column");
    }
}

pub(super) fn reason(reason: &str, at: &str, question: &str, findings: &mut Findings) {
    if reason.trim().is_empty() {
        findings.at(format!("{at}.reason"), "the reason is empty", question);
    }
}

pub(super) fn time_zone(zone: &str, place: &str, findings: &mut Findings) {
    if is_deferred(zone) || TimeZone::get(zone).is_ok() {
        return;
    }
    let known = jiff::tz::db().available().map(|name| name.to_string()).collect::<Vec<_>>();
    let near = nearest(zone, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
    let label = near.unwrap_or_else(|| "expected a name of the IANA database: `Europe/London`".into());
    findings.at(place, format!("there is no time zone `{zone}`"), label);
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
