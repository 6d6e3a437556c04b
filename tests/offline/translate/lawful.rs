//! What holds for every input: nothing is lost, nothing is claimed that is not so, nothing panics.

use super::cases::{self, all_text, files, load, translated, with_steps, written};
use plumb_core::inventory::choose::ClusterSelector;
use plumb_core::translate::{EmrSource, Fate, PipelineSource, Translation, find, pipeline, translate};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Every scalar of a value by its place, walked here anew: the account has to have the very same.
fn leaves(value: &Value, at: String, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                leaves(item, format!("{at}[{i}]"), out);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
                let place = match (plain, at.is_empty()) {
                    (true, true) => key.clone(),
                    (true, false) => format!("{at}.{key}"),
                    _ => format!("{at}[{}]", json!(key)),
                };
                leaves(item, place, out);
            }
        }
        scalar => {
            out.insert(at, scalar.clone());
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Holds a translation against its input; what is wrong with it.
pub(super) fn faults(input: &Value, translation: &Translation) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut all = BTreeMap::new();
    leaves(input, String::new(), &mut all);
    let fates = &translation.account.fates;
    wrong.extend(all.keys().filter(|k| !fates.contains_key(*k)).map(|k| format!("nothing is said of {k}")));
    wrong.extend(fates.keys().filter(|k| !all.contains_key(*k)).map(|k| format!("{k} is not in the input")));
    for (field, fate) in fates {
        match fate {
            Fate::Decision(i) if translation.decisions.get(*i).is_none() => {
                wrong.push(format!("{field}: no decision {i}"))
            }
            // What is said to be in a manifest is there.
            Fate::Translated { to } => {
                let mut jobs = translation.documents.iter().filter(|d| d.address.kind == "DatabricksJob");
                if !jobs.any(|d| find(&d.spec, to).1) {
                    wrong.push(format!("{field} is said to be at {to}, which is not there"));
                }
            }
            _ => {}
        }
        // A property that is said to be set has the value that was given.
        if let Fate::Translated { to } = fate
            && let Some((_, key)) = to.split_once(".spark_conf.")
            && let Some(given) = all.get(field).map(text)
        {
            if key.ends_with("JavaOptions") {
                wrong.extend(words_lost(field, &given, key, translation));
                continue;
            }
            let clusters = translation.documents.iter().flat_map(|d| d.spec["job_clusters"].as_array().cloned());
            let mut values = clusters.flatten().filter_map(|c| c["new_cluster"]["spark_conf"].get(key).map(text));
            if !["--conf", "-c"].contains(&given.as_str()) && !values.any(|v| given.replace("${", "$${").ends_with(&v))
            {
                wrong.push(format!("{field} is {given:?}, which {to} is not"));
            }
        }
    }
    wrong.extend(repeated(translation));
    wrong.extend(steps_without_a_word(&all, translation));
    for decision in &translation.decisions {
        if decision.what.is_empty()
            || decision.why.is_empty()
            || decision.options.is_empty()
            || decision.default.is_empty()
        {
            wrong.push(format!("not whole: {decision:?}"));
        }
    }
    if let Err(problems) = load(&written(translation)) {
        wrong.push(problems);
    }
    wrong
}

/// Of options of the Java machine each word is in the manifest, or told as left out.
fn words_lost(field: &str, given: &str, key: &str, translation: &Translation) -> Vec<String> {
    let clusters = translation.documents.iter().flat_map(|d| d.spec["job_clusters"].as_array().cloned());
    let values: Vec<String> =
        clusters.flatten().filter_map(|c| c["new_cluster"]["spark_conf"].get(key).map(text)).collect();
    let told: String = translation.account.left_out.get(field).into_iter().flatten().map(|w| w.word.as_str()).collect();
    let options = given.split_once("JavaOptions=").map_or(given, |(_, options)| options);
    let is_there = |word: &&str| {
        let bare = word.replace(['"', '\''], "").replace("${", "$${");
        let plain = bare.replace("$${", "${");
        ["--conf", "-c", "--driver-java-options"].contains(word)
            || values.iter().any(|v| v.contains(&bare))
            || told.contains(&plain)
            || told.contains(&format!("{}=(secret)", plain.split('=').next().unwrap_or_default()))
    };
    let lost = options.split_whitespace().filter(|word| !is_there(word));
    lost.map(|word| format!("{field}: {word} is neither at {key} nor told as left out")).collect()
}

/// Questions that are asked more than once.
fn repeated(translation: &Translation) -> Vec<String> {
    let mut asked = BTreeSet::new();
    let again = translation.decisions.iter().filter(|d| !asked.insert(d.what.as_str()));
    again.map(|d| format!("asked again: {} at {}", d.what, d.field)).collect()
}

/// Steps that have neither a task, one that fails among them, nor a reason why they need none.
fn steps_without_a_word(all: &BTreeMap<String, Value>, translation: &Translation) -> Vec<String> {
    let job = translation.documents.iter().find(|d| d.address.kind == "DatabricksJob");
    let Some(job) = job.filter(|_| all.keys().any(|field| field.starts_with("Steps["))) else { return Vec::new() };
    let steps = (0..).map(|i| format!("Steps[{i}]")).take_while(|step| all.keys().any(|k| k.starts_with(step)));
    let is_told = |step: &String| {
        let own = |field: &String| field == step || field.starts_with(&format!("{step}."));
        let mut fates = translation.account.fates.iter().filter(|(field, _)| own(field)).map(|(_, fate)| fate);
        let has_task = |place: &str| place.starts_with("tasks[") && find(&job.spec, place).1;
        let by_fate = |fate: &Fate| match fate {
            Fate::Translated { to } => has_task(to),
            // Of several runs of one step the newest is the task.
            Fate::Decision(i) => {
                translation.decisions.get(*i).is_some_and(|d| has_task(&d.place) || d.place == "tasks")
            }
            Fate::Dropped { .. } => false,
        };
        fates.clone().any(by_fate) || fates.all(|fate| matches!(fate, Fate::Dropped { .. }))
    };
    steps.filter(|step| !is_told(step)).map(|step| format!("{step} has no task and no reason")).collect()
}

fn holds(input: &Value, translation: &Translation) {
    let wrong = faults(input, translation);
    assert!(wrong.is_empty(), "{}\nof {input}", wrong.join("\n"));
}

#[test]
fn every_value_of_every_case_is_accounted_for() {
    for (name, case) in files("clusters") {
        let (input, _) = cases::case(&case);
        let wrong = faults(&input, &translated(&case));
        assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
    }
    for lines in files("spark-submit").into_values() {
        let lines: Vec<Vec<String>> = serde_json::from_value(lines).unwrap();
        let input = with_steps(&lines);
        holds(&input, &translate(&input, &cases::options()));
    }
}

#[test]
fn no_pipeline_asks_the_same_twice() {
    for (name, case) in files("clusters") {
        let (input, options) = cases::case(&case);
        for old in [
            EmrSource::Clusters(ClusterSelector::Ids(vec!["j-1".into()], "no pattern selects them alone")),
            EmrSource::Application("00app".into()),
        ] {
            let translation = pipeline(&PipelineSource::of(input.clone(), old), &options, "nightly");
            assert_eq!(repeated(&translation), [""; 0], "{name}");
            for fate in translation.account.fates.values() {
                assert!(!matches!(fate, Fate::Decision(i) if translation.decisions.get(*i).is_none()), "{name}");
            }
        }
    }
}

#[test]
fn the_law_can_be_broken() {
    let input = with_steps(&[vec!["spark-submit".into(), "s3://a/b.py".into()]]);
    let whole = translate(&input, &cases::options());
    assert!(faults(&input, &whole).is_empty());
    let mut less = whole.clone();
    less.account.fates.pop_first();
    assert!(!faults(&input, &less).is_empty());
    let mut again = whole.clone();
    again.decisions.extend(whole.decisions.first().cloned());
    assert!(!faults(&input, &again).is_empty());
    let mut moved = whole.clone();
    let fate = Fate::Translated { to: "tasks[nobody]".into() };
    moved.account.fates.insert("Cluster.Name".into(), fate);
    assert!(!faults(&input, &moved).is_empty());
}

/// A field that nobody has heard of, anywhere in the input, is asked about, dropped with its surroundings, or used; it
/// is never without an account.
#[test]
fn new_fields_are_not_lost() {
    fn places(value: &Value, at: &str, out: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                out.push(at.to_owned());
                map.iter()
                    .for_each(|(k, v)| places(v, &format!("{at}/{}", k.replace('~', "~0").replace('/', "~1")), out));
            }
            Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| places(v, &format!("{at}/{i}"), out)),
            _ => {}
        }
    }
    for name in ["every-field", "fleet-weighted", "serverless"] {
        let (input, options) = cases::case(&files("clusters")[name]);
        let mut all = Vec::new();
        places(&input, "", &mut all);
        for place in all {
            let mut changed = input.clone();
            changed.pointer_mut(&place).unwrap()["SomethingNew"] = json!({ "Deep": ["x", 1] });
            let translation = translate(&changed, &options);
            holds(&changed, &translation);
            if place.is_empty() || place == "/Cluster" || place.starts_with("/Steps/0") && place.len() == 8 {
                assert!(translation.decisions.iter().any(|d| d.what.contains("SomethingNew")), "{place}");
            }
        }
    }
}

fn words() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "spark-submit",
        "bash",
        "-c",
        "sudo",
        "timeout",
        "3h",
        "--conf",
        "-c",
        "--class",
        "A",
        "--deploy-mode",
        "cluster",
        "--jars",
        "--packages",
        "a:b:1",
        "--py-files",
        "s3://b/x.jar",
        "s3://b/x.py",
        "s3a://b/y.whl",
        "hdfs:///x",
        "spark.sql.shuffle.partitions=1",
        "spark.executor.memory=999999999999999g",
        "spark.yarn.maxAppAttempts=-5",
        "--num-executors",
        "9223372036854775807",
        "spark.driver.extraJavaOptions=-Dx='",
        "{{ ds }}",
        "{{}}",
        "${a}",
        "--password",
        "x.R",
        "spark-submit --class A x.jar 'b c'",
        "s3-dist-cp",
        "--src",
        "--name",
        "",
        " ",
        "-",
        "--",
        "hive-script",
        "state-pusher-script",
        "--files",
        "--executor-cores",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

#[test]
fn any_steps_become_a_valid_manifest_or_decisions() {
    let jars = prop::sample::select(vec![
        "command-runner.jar",
        "s3://x.elasticmapreduce/libs/script-runner/script-runner.jar",
        "s3://a/b.jar",
        "",
    ]);
    let actions = prop::sample::select(vec!["CONTINUE", "TERMINATE_CLUSTER", "CANCEL_AND_WAIT", "?"]);
    let step = (any::<String>(), jars, actions, prop::collection::vec(words(), 0..9));
    let steps = prop::collection::vec(step, 0..6);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    runner
        .run(&(steps, any::<bool>(), 0..4_i64), |(steps, ends, level)| {
            let steps: Vec<Value> = steps
                .into_iter()
                .map(|(name, jar, action, args)| {
                    json!({ "Name": name, "Config": { "Jar": jar, "Args": args }, "ActionOnFailure": action })
                })
                .collect();
            let input = json!({
                "Cluster": { "Name": "c", "ReleaseLabel": "emr-6.15.0", "AutoTerminate": ends, "StepConcurrencyLevel": level },
                "Steps": steps,
            });
            let translation = translate(&input, &cases::options());
            let wrong = faults(&input, &translation);
            prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            prop_assert_eq!(all_text(&translation), all_text(&translate(&input, &cases::options())));
            Ok(())
        })
        .unwrap();
}

/// Values of the wrong type, of absurd size, or missing, at any place of a real answer.
#[test]
fn broken_answers_never_panic_and_lose_nothing() {
    let cases_of: Vec<(Value, _)> = files("clusters").values().map(cases::case).collect();
    let odd = prop::sample::select(vec![
        json!(null),
        json!(-1),
        json!(i64::MAX),
        json!(1e300),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!([[1]]),
        json!({"a": {"b": null}}),
        json!(true),
        json!("9223372036854775808"),
    ]);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let strategy = (0..cases_of.len(), prop::collection::vec((any::<prop::sample::Index>(), odd), 1..4));
    runner
        .run(&strategy, |(which, changes)| {
            let (mut input, options) = cases_of[which].clone();
            for (index, value) in changes {
                let mut all = Vec::new();
                pointers(&input, "", &mut all);
                if all.is_empty() {
                    break;
                }
                *input.pointer_mut(&all[index.index(all.len())]).unwrap() = value;
            }
            let translation = translate(&input, &options);
            let wrong = faults(&input, &translation);
            prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            Ok(())
        })
        .unwrap();
}

fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.replace('~', "~0").replace('/', "~1"), v)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => return,
    };
    for (key, value) in children {
        let at = format!("{at}/{key}");
        pointers(value, &at, out);
        out.push(at);
    }
}
