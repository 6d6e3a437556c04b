//! What is true of a case, and how a report is held to it.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// A cause that may have any name, or none.
const ANY: &str = "?";

/// What `make.py` tells of its cases.
pub struct Table {
    pub cases: Vec<Truth>,
    /// The names of those that were not written, as there is no Java.
    pub left_out: Vec<String>,
    /// The names of the hypotheses.
    pub hypotheses: BTreeSet<String>,
}

/// One case.
pub struct Truth {
    pub name: String,
    /// `none`, `month`, `day`.
    pub unit: String,
    pub period: String,
    /// The output in the manifest, as JSON. `@DATA@` is where the data is.
    pub output: String,
    /// What has to be shown nowhere.
    pub canaries: Vec<String>,
    pub truth: Value,
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

impl Table {
    pub fn read(path: &Path) -> Table {
        let told: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let text = |case: &Value, name: &str| case[name].as_str().unwrap().to_owned();
        let cases = told["cases"].as_array().unwrap().iter().map(|case| Truth {
            name: text(case, "name"),
            unit: text(case, "unit"),
            period: text(case, "period"),
            output: text(case, "output"),
            canaries: texts(&case["canaries"]),
            truth: case["truth"].clone(),
        });
        Table {
            cases: cases.collect(),
            left_out: texts(&told["left_out"]),
            hypotheses: texts(&told["hypotheses"]).into_iter().collect(),
        }
    }

    pub fn case(&self, name: &str) -> &Truth {
        self.cases.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case is called {name}"))
    }

    /// Each unit and period that some case has.
    pub fn periods(&self) -> BTreeSet<(String, String)> {
        self.cases.iter().map(|case| (case.unit.clone(), case.period.clone())).collect()
    }
}

/// What a report says otherwise than the truth.
pub fn differences(case: &Truth, report: &Value, hypotheses: &BTreeSet<String>) -> Vec<String> {
    let (truth, mut wrong) = (&case.truth, Vec::new());
    let [output] = report["outputs"].as_array().map(Vec::as_slice).unwrap_or_default() else {
        return vec![format!("the report has not exactly one output: {report}")];
    };
    let mut compare = |what: &str, wanted: &Value, found: &Value| {
        if wanted != found {
            wrong.push(format!("{what}: {wanted} is true, {found} is said"));
        }
    };
    if truth["or_none"] == true && output["verdict"] == "none" {
        compare("passed", &Value::Bool(false), &report["passed"]);
        return wrong;
    }
    compare("verdict", &truth["verdict"], &output["verdict"]);
    compare("passed", &Value::Bool(truth["verdict"] == "equal"), &report["passed"]);
    // Schemas that fail may end a comparison before a row is read.
    let unread =
        truth["causes"].get("schema").is_some() && truth["verdict"] == "differs" && output["only_old"].is_null();
    if truth["verdict"] != "none" && output["verdict"] != "none" && !unread {
        compare("only_old", &truth["only_old"], &output["only_old"]);
        compare("only_new", &truth["only_new"], &output["only_new"]);
        compare("differing_rows", &truth["rows"], &output["differing_rows"]);
        compare("differing_cells", &truth["cells"], &output["differing_cells"]);
        compare("matched", &truth["matched"], &output["matched"]);
        compare("rows of old", &truth["old_rows"], &output["old"]["rows"]);
        compare("rows of new", &truth["new_rows"], &output["new"]["rows"]);
        let within = output["within_tolerance"].as_object().into_iter().flatten();
        let within: Map<String, Value> = within.map(|(column, of)| (column.clone(), of["cells"].clone())).collect();
        compare("within_tolerance", &truth["within"], &Value::Object(within));
    }
    // Without a verdict there may be nothing that causes could be of.
    if output["verdict"] == truth["verdict"] {
        wrong.extend(wrong_causes(&truth["causes"], &output["causes"], hypotheses));
    } else {
        wrong.push(format!("causes: {}; because: {}", output["causes"], output["because"]));
    }
    wrong
}

/// Causes that are missing, wrong, or said of what has none.
fn wrong_causes(wanted: &Value, found: &Value, hypotheses: &BTreeSet<String>) -> Vec<String> {
    // Random tables say nothing of causes.
    let Some(wanted) = wanted.as_object() else { return Vec::new() };
    let none = Map::new();
    let found = found.as_object().unwrap_or(&none);
    let mut wrong = Vec::new();
    for (of, cause) in wanted {
        let said = found.get(of).and_then(Value::as_str);
        let right = match cause.as_str() {
            Some(ANY) => true,
            Some(name) => said == Some(name),
            None => said.is_none_or(|said| !hypotheses.contains(said)),
        };
        if !right {
            wrong.push(format!("cause of {of}: {cause} is true, {said:?} is said"));
        }
    }
    for (of, cause) in found.iter().filter(|(of, _)| !wanted.contains_key(*of)) {
        // What the schemas differ in, and what nobody minds.
        if !(of == "schema" && (cause == "column_order" || cause == "nullability")) {
            wrong.push(format!("cause of {of}: there is none, {cause} is said"));
        }
    }
    wrong
}

/// A case of one column that differs, and a report that tells of it.
fn example() -> (Truth, Value, BTreeSet<String>) {
    let truth = json!({
        "verdict": "differs", "only_old": 0, "only_new": 1, "rows": 2, "cells": {"v": 2}, "within": {"w": 3}, "matched": 9,
        "old_rows": 9, "new_rows": 10, "or_none": false, "causes": {"v": "case", "rows": null, "key": "?"},
    });
    let report = json!({ "passed": false, "outputs": [{
        "verdict": "differs", "only_old": 0, "only_new": 1, "differing_rows": 2, "differing_cells": {"v": 2}, "matched": 9,
        "old": {"rows": 9}, "new": {"rows": 10}, "within_tolerance": {"w": {"cells": 3, "reason": "x"}},
        "causes": {"v": "case"},
    }]});
    let text = String::new;
    let case = Truth { name: text(), unit: text(), period: text(), output: text(), canaries: Vec::new(), truth };
    (case, report, ["case", "sign"].map(str::to_owned).into())
}

#[test]
fn a_report_that_is_right_has_no_differences() {
    let (mut case, mut report, hypotheses) = example();
    assert_eq!(differences(&case, &report, &hypotheses), [""; 0]);
    report["outputs"][0]["causes"]["key"] = json!("sign");
    assert_eq!(differences(&case, &report, &hypotheses), [""; 0], "any cause is right there");
    case.truth["or_none"] = json!(true);
    assert_eq!(differences(&case, &json!({"passed": false, "outputs": [{"verdict": "none"}]}), &hypotheses), [""; 0]);
}

#[test]
fn every_member_of_a_report_is_held_to_the_truth() {
    for (pointer, value, says) in [
        ("/passed", json!(true), "passed: false is true, true is said"),
        ("/outputs", json!([]), "not exactly one output"),
        ("/outputs/0/verdict", json!("equal"), "verdict: \"differs\" is true, \"equal\" is said"),
        ("/outputs/0/verdict", json!("none"), "verdict: \"differs\" is true, \"none\" is said"),
        ("/outputs/0/only_old", json!(1), "only_old: 0 is true, 1 is said"),
        ("/outputs/0/only_new", Value::Null, "only_new: 1 is true, null is said"),
        ("/outputs/0/differing_rows", json!(3), "differing_rows: 2 is true"),
        ("/outputs/0/differing_cells", json!({"v": 2, "w": 0}), "differing_cells: {\"v\":2} is true"),
        ("/outputs/0/matched", json!(8), "matched: 9 is true"),
        ("/outputs/0/old/rows", json!(8), "rows of old: 9 is true"),
        ("/outputs/0/new/rows", json!(8), "rows of new: 10 is true"),
        ("/outputs/0/within_tolerance", json!({}), "within_tolerance: {\"w\":3} is true, {} is said"),
        ("/outputs/0/causes/v", json!("sign"), "cause of v: \"case\" is true, Some(\"sign\") is said"),
        ("/outputs/0/causes", json!({}), "cause of v: \"case\" is true, None is said"),
        ("/outputs/0/causes", json!({"v": "case", "rows": "sign"}), "cause of rows: null is true"),
        ("/outputs/0/causes", json!({"v": "case", "w": "sign"}), "cause of w: there is none"),
    ] {
        let (case, mut report, hypotheses) = example();
        *report.pointer_mut(pointer).unwrap() = value;
        let found = differences(&case, &report, &hypotheses);
        assert!(found.iter().any(|text| text.contains(says)), "{pointer}: {found:?}");
    }
}
