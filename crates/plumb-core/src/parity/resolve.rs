//! A manifest's comparison for one period: its outputs, with all placeholders filled in.

use super::period::Period;
use crate::kinds::emr::compare::{Compare, CompareOutput, CompareSide};
use crate::kinds::emr::compare_text::fill;
use crate::kinds::emr::migration::Migration;
use crate::manifest::Resource;
use plumb_model::yaml::{Problems, read};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a migration's manifest says of its comparison. It is read from the nodes of the manifest, which keep the order of
/// columns: [`Resource::spec`] does not.
///
/// # Errors
/// That it cannot be read. A manifest that was checked can.
pub fn compare_of(resource: &Resource) -> Result<Option<Compare>, String> {
    match resource.node().get("compare").filter(|_| resource.kind.name() == Migration::NAME) {
        None => Ok(None),
        Some(node) => read(node, &mut Problems::default()).ok_or_else(|| "it has mistakes".to_owned()),
    }
}

/// The outputs of a comparison, for one period: the placeholders of paths, of `where` and of `expect` are filled in.
///
/// # Errors
/// Which output has a placeholder that the period does not give. A manifest that was checked has none.
pub fn resolve(compare: &Compare, period: &Period) -> Result<Vec<CompareOutput>, String> {
    let outputs = compare.outputs.iter();
    outputs.map(|output| filled(output, period).map_err(|why| format!("output `{}`: {why}", output.name))).collect()
}

fn filled(output: &CompareOutput, period: &Period) -> Result<CompareOutput, String> {
    let mut output = output.clone();
    for side in [&mut output.old, &mut output.new] {
        let CompareSide { path, filter, .. } = side;
        if let Some(path) = path {
            *path = text(path, period)?;
        }
        conditions(filter, period)?;
    }
    for expected in output.expect.iter_mut().flatten() {
        conditions(&mut expected.filter, period)?;
    }
    Ok(output)
}

fn conditions(filter: &mut Option<BTreeMap<String, Value>>, period: &Period) -> Result<(), String> {
    filter.iter_mut().flat_map(BTreeMap::values_mut).try_for_each(|value| texts(value, period))
}

fn texts(value: &mut Value, period: &Period) -> Result<(), String> {
    match value {
        Value::String(inner) => *inner = text(inner, period)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| texts(item, period))?,
        Value::Object(map) => map.values_mut().try_for_each(|value| texts(value, period))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

fn text(text: &str, period: &Period) -> Result<String, String> {
    fill(text, |name| period.placeholder(name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kinds::emr::compare::PeriodUnit;
    use serde_json::json;

    #[test]
    fn every_placeholder_is_filled_in() {
        let compare: Compare = serde_json::from_value(json!({"outputs": [{
            "name": "segments {period}",
            "old": {"path": "s3://bau/{year}/{month}/", "format": "csv", "columns": {"{period}": "int"}},
            "new": {"table": "a.b.c", "where": {"day": {"ge": "{start}", "lt": "{end}"}, "month": {"in": ["{period}", 7]}, "n": 1}},
            "expect": [{"column": "x", "where": {"month": "{period}"}, "atMost": 1, "until": "2024-12-31", "reason": "{period}"}],
        }]}))
        .unwrap();
        let outputs = resolve(&compare, &Period::parse(PeriodUnit::Month, "2024-12").unwrap()).unwrap();
        assert_eq!(
            serde_json::to_value(&outputs[0]).unwrap(),
            json!({
                "name": "segments {period}", "schema": "compatible",
                "old": {"path": "s3://bau/2024/12/", "format": "csv", "columns": {"{period}": "int"}},
                "new": {"table": "a.b.c", "where": {"day": {"ge": "2024-12-01", "lt": "2025-01-01"}, "month": {"in": ["2024-12", 7]}, "n": 1}},
                "expect": [{"column": "x", "where": {"month": "2024-12"}, "atMost": 1, "until": "2024-12-31", "reason": "{period}"}],
            })
        );
        let why = resolve(&compare, &Period::parse(PeriodUnit::None, "x").unwrap()).unwrap_err();
        assert_eq!(why, "output `segments {period}`: `{year}` stands for nothing");
    }
}
