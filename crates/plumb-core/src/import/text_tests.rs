//! Texts before and after, and a property: what people edit survives any number of imports.

use super::super::record::{DecisionComment, GeneratedManifest};
use super::*;
use plumb_model::yaml::edit::Step;
use proptest::prelude::*;
use serde_json::json;

fn address() -> Address {
    Address { kind: "DatabricksJob".into(), name: "sales".into() }
}

fn question(place: &str, what: &str) -> DecisionComment {
    let lines = vec![format!("# DECISION: {what}"), format!("#   why: about {place}; until then: this")];
    DecisionComment { place: place.into(), why: format!("about {place}"), lines }
}

fn made(workers: i64, node: &str, month: &str) -> GeneratedManifest {
    let spec = json!({
        "cluster": { "node": node, "workers": workers },
        "tasks": [{ "task_key": "load", "args": ["--month", month], "timeout": 60 }],
    });
    let questions = vec![
        question("cluster.workers", &format!("whether {workers} are enough")),
        question("tasks[load]", "where it writes to"),
        question("run_as", "as whom it runs"),
    ];
    GeneratedManifest { address: address(), spec, questions }
}

const TEXT: &str = "\
# as we agreed on Monday
apiVersion: plumb/v1
kind: DatabricksJob
metadata:
  name: sales
# DECISION: as whom it runs
#   why: about run_as; until then: this
spec:
  cluster:
    node: m5   # small
    # DECISION: whether 4 are enough
    #   why: about cluster.workers; until then: this
    workers: 4
  tasks:
    # DECISION: where it writes to
    #   why: about tasks[load]; until then: this
    - task_key: load
      args: [--month, '2026-09']
      # an hour is a minute here
      timeout: 60
";

/// The lines that a merge takes away and adds, and the questions that are open.
fn lines(text: &str, base: Option<&GeneratedManifest>, now: &GeneratedManifest) -> (String, Vec<bool>) {
    let merged = merged(text, base, now).unwrap();
    let diff = similar::TextDiff::from_lines(text, &merged.text);
    let changed = diff.iter_all_changes().filter(|c| c.tag() != similar::ChangeTag::Equal);
    let told = changed.map(|c| format!("{}{}", c.tag(), c.value())).collect();
    let again = super::merged(&merged.text, Some(now), now).unwrap();
    assert_eq!((&again.text, &again.open), (&merged.text, &merged.open), "the same again changes nothing");
    (told, merged.open)
}

#[test]
fn what_emr_says_anew_is_written_and_nothing_else() {
    let base = made(4, "m5", "2026-09");
    assert_eq!(lines(TEXT, Some(&base), &base), (String::new(), vec![true; 3]));
    let (told, open) = lines(TEXT, Some(&base), &made(6, "r5", "2026-10"));
    insta::assert_snapshot!(told, @r#"
    -    node: m5   # small
    -    # DECISION: whether 4 are enough
    +    node: r5   # small
    +    # DECISION: whether 6 are enough
    -    workers: 4
    +    workers: 6
    -      args: [--month, '2026-09']
    +      args:
    +        - "--month"
    +        - "2026-10"
    "#);
    assert_eq!(open, [true; 3]);
}

#[test]
fn a_question_about_an_element_stands_above_it_also_when_the_list_is_another_one() {
    let of = |month: &str, words: &str| {
        let mut made = made(4, "m5", month);
        made.questions =
            vec![question("tasks[load].args[1]", words), question("tasks[load].args[0]", "whether it stays")];
        made
    };
    let (first, second) = (of("2026-09", "whether 2026-09 stays"), of("2026-10", "whether 2026-10 stays"));
    let text = TEXT.replace("args: [--month, '2026-09']", "args:\n        - --month\n        - '2026-09'");
    let without =
        text.lines().filter(|line| !line.trim_start().starts_with("# DECISION") && !line.contains("until then"));
    let without: String = without.map(|line| format!("{line}\n")).collect();
    let none = GeneratedManifest { questions: Vec::new(), ..first.clone() };
    let begun = merged(&without, Some(&none), &first).unwrap().text;
    let above = |text: &str, item: &str, asked: &str| {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let at = lines.iter().position(|line| line.trim_matches(|c| "- \"'".contains(c)) == item).unwrap();
        assert_eq!(lines[at - 2], format!("# DECISION: {asked}"), "{text}");
    };
    above(&begun, "2026-09", "whether 2026-09 stays");
    let (told, open) = lines(&begun, Some(&first), &second);
    assert_eq!(open, [true, true], "{told}");
    let after = merged(&begun, Some(&first), &second).unwrap().text;
    above(&after, "2026-10", "whether 2026-10 stays");
    above(&after, "month", "whether it stays");
    assert_eq!(after.matches("# DECISION").count(), 2, "{after}");
}

#[test]
fn what_was_decided_does_not_come_back() {
    let base = made(4, "m5", "2026-09");
    let now = made(6, "m5", "2026-09");
    // By its value; the comment is for people to take away.
    let text = TEXT.replace("workers: 4", "workers: 5");
    assert_eq!(lines(&text, Some(&base), &now), (String::new(), vec![false, true, true]));
    // By its comment: the value was found right, and follows.
    let text = TEXT
        .replace("    # DECISION: whether 4 are enough\n    #   why: about cluster.workers; until then: this\n", "");
    assert_eq!(lines(&text, Some(&base), &now), ("-    workers: 4\n+    workers: 6\n".into(), vec![false, true, true]));
    // By a value that was not there, and by other words.
    let text =
        TEXT.replace("spec:\n", "spec:\n  run_as: etl\n").replace("where it writes to", "where it writes to: /tmp");
    assert_eq!(lines(&text, Some(&base), &base), (String::new(), vec![true, false, false]));
    // For another reason.
    let mut other = base.clone();
    other.questions[1].why = "about another thing".into();
    other.questions[1].lines[1] = "#   why: about another thing; until then: this".into();
    assert_eq!(lines(&text, Some(&base), &other), (String::new(), vec![true, false, false]));
    // What nobody knows to have been asked is not asked again either.
    let text = TEXT.replace("  # DECISION: whether 4 are enough\n", "");
    assert_eq!(lines(&text, None, &base).1, [false, true, true]);
}

#[test]
fn questions_come_and_go() {
    let base = made(4, "m5", "2026-09");
    let mut now = base.clone();
    now.questions[1] = question("tasks[load].args", "which month");
    now.questions.push(question("cluster", "which network"));
    let (told, open) = lines(TEXT, Some(&base), &now);
    insta::assert_snapshot!(told, @"
    +  # DECISION: which network
    +  #   why: about cluster; until then: this
    -    # DECISION: where it writes to
    -    #   why: about tasks[load]; until then: this
    +      # DECISION: which month
    +      #   why: about tasks[load].args; until then: this
    ");
    assert_eq!(open, [true; 4]);
}

#[test]
fn a_text_in_another_form_is_merged_too() {
    let base = made(4, "m5", "2026-09");
    let windows = TEXT.replace('\n', "\r\n");
    let after = merged(&windows, Some(&base), &made(6, "r5", "2026-10")).unwrap();
    assert!(!after.text.replace("\r\n", "").contains('\n') && after.text.contains("workers: 6\r\n"), "{}", after.text);
    // Two manifests in a file, this one in braces.
    let flow = format!(
        "a: 1\n---\nkind: DatabricksJob\nmetadata: {{name: sales}}\nspec: {}\n---\nb: 2\n",
        made(4, "m5", "2026-09").spec
    );
    let after = merged(&flow, Some(&base), &made(6, "m5", "2026-09")).unwrap();
    assert_eq!(after.text, flow.replace("\"workers\":4", "\"workers\": 6"));
    // What an anchor shares is not edited, but told.
    let shared = TEXT.replace("workers: 4", "workers: &n 4\n  more: *n");
    let after = merged(&shared, Some(&base), &made(6, "m5", "2026-09")).unwrap();
    assert_eq!(after.text.replace("whether 6", "whether 4"), shared);
    assert_eq!(after.differs.iter().map(|d| d.way.to_string()).collect::<Vec<_>>(), ["cluster.workers"]);
    assert!(merged("kind: Other\n", Some(&base), &base).is_none());
}

/// Every place of a value, but for the names of elements.
fn places(value: &Value, at: &[Step], out: &mut Vec<Vec<Step>>) {
    let mut below = |step: Step, value: &Value| {
        let path: Vec<Step> = at.iter().cloned().chain([step]).collect();
        out.push(path.clone());
        places(value, &path, out);
    };
    match value {
        Value::Object(map) => {
            map.iter().filter(|(k, _)| *k != "task_key").for_each(|(k, v)| below(Step::Key(k.clone()), v));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| below(Step::Index(i), v)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    /// Whatever people change, add, remove and comment on stays as it is, through imports of other answers of EMR; and
    /// what they did not touch is as EMR says.
    #[test]
    fn edits_survive(
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            Just(None), Just(Some(json!("mine"))), Just(Some(json!(7))), Just(Some(json!({ "a": [1] }))), Just(Some(json!([])))
        ]), 0..4),
        comments in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        months in prop::collection::vec((1_i64..4, prop::sample::select(vec!["m5", "r5"]), prop::sample::select(vec!["2026-09", "2026-10"])), 1..4),
    ) {
        let mut base = made(4, "m5", "2026-09");
        let mut text = TEXT.to_owned();
        for (at, value) in edits {
            let mut all = Vec::new();
            places(&spec(&text, &address()).unwrap(), &[Step::Key("spec".into())], &mut all);
            if all.is_empty() {
                break;
            }
            let path = &all[at.index(all.len())];
            let edited = match &value {
                Some(value) => edit::set(&text, 0, path, value),
                None => edit::remove(&text, 0, path),
            };
            // An edit that leaves no manifest is another matter.
            if let Ok(edited) = edited && spec(&edited, &address()).is_some_and(|spec| spec.is_object()) {
                text = edited;
            }
        }
        for (number, at) in comments.iter().enumerate() {
            let lines: Vec<&str> = text.lines().collect();
            let at = at.index(lines.len());
            // People's comments do not stand inside of questions.
            if !lines[at].trim().starts_with("#   why") {
                text = [&lines[..at], &[&format!("# mine {number}")], &lines[at..]].concat().join("\n") + "\n";
            }
        }
        let people = spec(&text, &address()).unwrap();
        let ours = base.spec.clone();
        for (workers, node, month) in months {
            let now = made(workers, node, month);
            let after = merged(&text, Some(&base), &now).unwrap();
            let said = spec(&after.text, &address()).unwrap();
            // A place at which people's text differs from the first one is as they had it.
            let mut all = Vec::new();
            places(&ours, &[], &mut all);
            places(&people, &[], &mut all);
            for path in all.iter().filter(|path| path.iter().all(|step| matches!(step, Step::Key(_)))) {
                let of = |spec: &Value| path.iter().try_fold(spec.clone(), |at, step| match step {
                    Step::Key(key) => at.get(key).cloned(),
                    Step::Index(index) => at.get(*index).cloned(),
                });
                let scalar = |value: &Option<Value>| !value.as_ref().is_some_and(|v| v.is_object() || v.is_array());
                if scalar(&of(&ours)) && scalar(&of(&people)) {
                    let wanted = if of(&people) == of(&ours) { of(&now.spec) } else { of(&people) };
                    prop_assert_eq!(of(&said), wanted, "{:?} of\n{}", path, after.text);
                }
            }
            for number in 0..comments.len() {
                let mine = format!("# mine {number}");
                prop_assert_eq!(text.matches(&mine).count(), after.text.matches(&mine).count(), "{}", after.text);
            }
            (text, base) = (after.text, now);
        }
    }
}
