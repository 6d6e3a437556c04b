//! Every statement of a comparison, before any is sent.

use super::plan::{Relation, SidePlan};
use super::schema::{DescribedSide, PlannedOutput};
use super::sql::{self, Dialect, JoinPath, Joined, Statement, same_name, tables};
use super::types::DataType;
use crate::kinds::emr::compare::{CompareOutput, CompareRule, RuleType};
use std::fmt::Write;

/// The statement that pins a side, where it is a table.
pub fn pin(relation: &Relation) -> Option<Statement> {
    match relation {
        Relation::Table { name, .. } => Some(tables::history(name, 1)),
        Relation::Files(_) => None,
    }
}

/// The statement that asks for the columns of a side.
pub fn describe(dialect: &dyn Dialect, relation: &Relation) -> Statement {
    sql::describe(dialect, &SidePlan { relation: relation.clone(), filter: Vec::new() })
}

/// The statements of a plan, in the order of a run: those that count, and those that join.
pub fn statements(dialect: &dyn Dialect, output: &CompareOutput, planned: &PlannedOutput) -> Vec<Statement> {
    let plan = &planned.plan;
    let mut all = vec![sql::count(dialect, &plan.old), sql::count(dialect, &plan.new)];
    if !planned.has_keys {
        return all;
    }
    // How many rows there are is not known; the statements of a run have its numbers in the place of these.
    let is_bag = output.keys.as_ref().is_none_or(Vec::is_empty);
    let paths = if is_bag {
        vec![JoinPath::Bag]
    } else {
        all.extend(sql::may_explode(plan, dialect, 0));
        vec![JoinPath::Unique { limit: 0 }, JoinPath::Duplicates]
    };
    all.extend(paths.into_iter().map(|path| Joined::new(plan, path).counts(dialect)));
    all
}

/// The columns of a side that only the manifest tells of: those that it names, with the types that its rules are about.
pub fn named_columns(output: &CompareOutput, relation: Relation, is_old: bool) -> DescribedSide {
    let side = if is_old { &output.old } else { &output.new };
    let mut columns: Vec<(String, DataType)> = Vec::new();
    let mut add = |name: &str, of_type: Option<DataType>| {
        let known = columns.iter_mut().find(|(own, _)| same_name(own, name));
        match (known, of_type) {
            (Some((_, known)), Some(of_type)) => *known = of_type,
            (Some(_), None) => {}
            (None, of_type) => columns.push((name.to_owned(), of_type.unwrap_or(DataType::String))),
        }
    };
    let map = output.map.clone().unwrap_or_default();
    let own = |name: &str| {
        let old = map.iter().find(|(_, to)| is_old && same_name(to, name));
        old.map_or(name, |(from, _)| from).to_owned()
    };
    for key in output.keys.iter().flatten() {
        add(&own(key), None);
    }
    for (from, to) in &map {
        add(if is_old { from } else { to }, None);
    }
    for rule in output.rules.iter().flatten() {
        if let Some(column) = &rule.column {
            add(&own(column), type_of(rule));
        }
    }
    for expect in output.expect.iter().flatten() {
        let filter = expect.filter.iter().flatten().map(|(name, _)| name);
        for name in expect.column.iter().chain(filter) {
            add(&own(name), None);
        }
    }
    let plain = output.ignore.iter().flatten().map(|ignored| &ignored.column).chain(output.sensitive.iter().flatten());
    for name in plain {
        add(&own(name), None);
    }
    for name in side.filter.iter().flatten().map(|(name, _)| name) {
        add(name, None);
    }
    for (name, of_type) in side.columns.iter().flat_map(|columns| &columns.0) {
        add(name, DataType::from_spark(of_type).ok());
    }
    DescribedSide { relation, columns, required: None }
}

/// A type that a rule says something of.
fn type_of(rule: &CompareRule) -> Option<DataType> {
    let decimal = DataType::Decimal { precision: 38, scale: 18 };
    match rule.of_type {
        Some(RuleType::Double) => return Some(DataType::Double),
        Some(RuleType::Float) => return Some(DataType::Float),
        Some(RuleType::Decimal) => return Some(decimal),
        Some(RuleType::Timestamp) => return Some(DataType::Timestamp),
        Some(RuleType::Array) => return Some(DataType::Array(Box::new(DataType::String))),
        Some(RuleType::String) => return Some(DataType::String),
        None => {}
    }
    if rule.scale.is_some() {
        Some(decimal)
    } else if rule.abs.is_some() || rule.rel.is_some() {
        Some(DataType::Double)
    } else if rule.truncate.is_some() || rule.zone.is_some() {
        Some(DataType::Timestamp)
    } else if rule.order.is_some() {
        Some(DataType::Array(Box::new(DataType::String)))
    } else {
        None
    }
}

/// Statements as text: each with its step and its parameters before it.
pub fn text(statements: &[Statement]) -> String {
    let mut text = String::new();
    for statement in statements {
        let _ = writeln!(text, "-- {}", statement.step);
        for parameter in &statement.parameters {
            let value = parameter.value.as_deref().map_or("NULL".to_owned(), |value| format!("{value:?}"));
            let _ = writeln!(text, "-- :{} {} = {value}", parameter.name, parameter.of_type);
        }
        let _ = writeln!(text, "{};\n", statement.text);
    }
    text
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
