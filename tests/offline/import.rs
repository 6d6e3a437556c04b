//! Imports into files that are there, over all cases of the translation: what is not touched becomes what is generated,
//! whatever was there; what people did stays, byte by byte.

use crate::translations as cases;

use plumb_core::import::{self, ImportOutcome, ImportProject, ImportRecord, ImportState, TranslatedPipeline, outcome};
use plumb_core::inventory::choose::{self, ClusterSelector};
use plumb_core::inventory::{FailedRead, RawCluster, input};
use plumb_core::manifest::{Desired, Resource};
use plumb_core::translate::{EarlierRun, EmrSource, PipelineSource, RunTime, Translation, pipeline};
use plumb_model::address::Address;
use plumb_model::yaml::edit::{Step, remove, set};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The translations of all cases, as if they were of one pipeline.
fn translations() -> Vec<(String, Translation)> {
    let old = EmrSource::Clusters(ClusterSelector::Name("x-*".into()));
    let one = |(name, case): (String, Value)| {
        let (input, options) = cases::case(&case);
        (name, pipeline(&PipelineSource::of(input, old.clone()), &options, "x"))
    };
    cases::files("clusters").into_iter().map(one).collect()
}

/// A project's files.
#[derive(Clone, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, String>);

impl Files {
    fn manifests(&self) -> BTreeMap<String, String> {
        let yaml = self.0.iter().filter(|(path, _)| path.ends_with(".yaml"));
        yaml.map(|(path, text)| (path.strip_prefix("manifests/").unwrap().to_owned(), text.clone())).collect()
    }

    pub(crate) fn load(&self) -> Result<Desired, String> {
        cases::load(&self.manifests())
    }

    /// The file of each manifest.
    pub(crate) fn homes(&self) -> BTreeMap<Address, String> {
        let desired = self.load().unwrap();
        let home = |r: &Resource| (r.address.clone(), desired.files.get(r.span.file).path.clone());
        desired.resources.iter().map(home).collect()
    }

    pub(crate) fn import(&mut self, translation: &Translation) -> ImportOutcome {
        let done = self.imported(self.homes(), translation);
        self.0.extend(done.texts.clone());
        done
    }

    /// What an import would come to.
    pub(crate) fn imported(&self, homes: BTreeMap<Address, String>, translation: &Translation) -> ImportOutcome {
        let project = ImportProject { homes, texts: self.0.clone() };
        let (folder, translation) = ("manifests/x".into(), translation.clone());
        let record = ImportRecord::new("x", "pipeline x", Vec::new());
        outcome(TranslatedPipeline { folder, record, translation, notes: Vec::new() }, &project, &|_| "schema".into())
            .unwrap()
    }

    /// What the manifest of an address says.
    fn spec(&self, address: &str) -> Value {
        let mut documents = self.0.iter().filter(|(path, _)| path.ends_with(".yaml")).map(|(_, text)| {
            let read: Value = serde_yaml::from_str(text).unwrap();
            let of = format!("{}/{}", read["kind"].as_str().unwrap(), read["metadata"]["name"].as_str().unwrap());
            (of, read["spec"].clone())
        });
        documents.find(|(of, _)| of == address).unwrap_or_else(|| panic!("no {address}")).1
    }

    fn questions(&self) -> usize {
        self.0.iter().filter(|(path, _)| path.ends_with(".yaml")).map(|(_, t)| t.matches("# DECISION: ").count()).sum()
    }
}

/// The same with what has no order in an order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(sorted).collect();
            let named =
                |item: &Value| ["task_key", "job_cluster_key", "id", "name"].iter().any(|k| item[*k].is_string());
            if items.iter().all(named) {
                items.sort_by_key(ToString::to_string);
            }
            Value::Array(items)
        }
        other => other.clone(),
    }
}

#[test]
fn what_nobody_touched_becomes_what_is_generated_from_any_case_to_another() {
    let all = translations();
    assert!(all.len() >= 25);
    for (at, (from, first)) in all.iter().enumerate() {
        for (to, second) in [&all[at], &all[(at + 1) % all.len()], &all[(at + 11) % all.len()]] {
            let mut files = Files::default();
            let begun = files.import(first);
            assert!(begun.files.iter().all(|(state, _)| *state == ImportState::New), "{from}");
            let after = files.import(second);
            assert_eq!(after.kept, [], "{from} to {to}: nobody did anything");
            assert_eq!((after.open, after.answered), (second.decisions.len(), 0), "{from} to {to}");
            for document in &second.documents {
                let (said, wanted) = (files.spec(&document.address.to_string()), &document.spec);
                assert_eq!(sorted(&said), sorted(wanted), "{from} to {to}: {}", document.address);
            }
            let old = after.files.iter().filter(|(state, _)| *state == ImportState::Old).count();
            if old == 0 {
                let addresses: Vec<String> = second.documents.iter().map(|d| d.address.to_string()).collect();
                let asked = second.decisions.iter().filter(|d| addresses.contains(&d.document)).count();
                assert_eq!(files.questions(), asked, "{from} to {to}");
            }
            files.load().unwrap_or_else(|problems| panic!("{from} to {to}: {problems}"));
            let before = files.0.clone();
            let again = files.import(second);
            assert!(again.texts.is_empty() && files.0 == before, "{from} to {to}: the same again is no change");
        }
    }
}

/// A run of a monthly pipeline: when its cluster was made, and of which month it is.
fn monthly(created: &str, month: &str) -> EarlierRun {
    let (year, only) = month.split_once('-').unwrap();
    let args = [
        "spark-submit",
        "--conf",
        &format!("spark.app.month={month}"),
        "s3://code/load.py",
        "--month",
        month,
        "--output",
        &format!("s3://lake/out/year={year}/month={only}/"),
        "--since",
        "2020-01-01",
    ];
    let step = json!({ "Name": "load", "Config": { "Jar": "command-runner.jar", "Args": args } });
    let input = json!({
        "Cluster": { "Name": "sales", "ReleaseLabel": "emr-7.1.0", "AutoTerminate": true },
        "InstanceGroups": [{ "InstanceGroupType": "CORE", "InstanceType": "m5d.xlarge", "RequestedInstanceCount": 2 }],
        "Steps": [step],
    });
    let created = format!("{created}T03:10:00Z").parse().ok();
    EarlierRun { run: RunTime { created, ..RunTime::default() }, input }
}

/// The translation of runs, the newest first.
fn translation_of(runs: &[EarlierRun]) -> Translation {
    let old = EmrSource::Clusters(ClusterSelector::Name("sales-*".into()));
    let mut source = PipelineSource::of(runs[0].input.clone(), old);
    (source.run, source.earlier) = (runs[0].run, runs[1..].to_vec());
    pipeline(&source, &cases::options(), "x")
}

#[test]
fn a_month_later_only_what_could_not_be_a_parameter_is_another_one() {
    let runs = [monthly("2026-12-02", "2026-11"), monthly("2026-11-02", "2026-10"), monthly("2026-10-02", "2026-09")];
    let mut files = Files::default();
    files.import(&translation_of(&runs[1..]));
    files.load().unwrap();
    let before = files.clone();
    files.import(&translation_of(&runs));
    let yaml = |files: &Files| -> String { files.manifests().into_values().collect() };
    let (was, is) = (yaml(&before), yaml(&files));
    let diff = similar::TextDiff::from_lines(&was, &is);
    let changed: Vec<String> = diff
        .iter_all_changes()
        .filter(|change| change.tag() != similar::ChangeTag::Equal)
        .map(|change| format!("{}{}", change.tag(), change.value().trim()))
        .collect();
    // A property of the cluster stays EMR's, and so does the question above it.
    assert_eq!(changed.len(), 4, "{changed:?}");
    assert!(
        changed.iter().all(|line| line.contains("spark.app.month") || line.contains("# DECISION: what `2026-1")),
        "{changed:?}"
    );
    assert!(
        is.contains("- \"{{job.parameters.month}}\"")
            && is.contains("{{job.parameters.output}}/out/{{job.parameters.month_partition}}/")
    );
    assert!(is.contains("{{ data_interval_end.subtract(months=1).strftime('%Y-%m') }}"), "{is}");
    // What is the same in both months is a constant.
    assert!(is.contains("2020-01-01") && !is.contains("what `2020-01-01`"), "{is}");
    let (bytes, again) = (files.0.clone(), files.import(&translation_of(&runs)));
    assert!(again.texts.is_empty() && files.0 == bytes, "the same again is no change");
}

#[test]
fn a_date_that_is_not_understood_is_asked_about_right_above_its_line() {
    let mut files = Files::default();
    files.import(&translation_of(&[monthly("2026-11-02", "2026-10")]));
    let job = files.manifests().into_iter().find(|(path, _)| path.ends_with("job.yaml")).unwrap().1;
    let lines: Vec<&str> = job.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| *line == "- \"2020-01-01\"").unwrap();
    assert!(lines[at - 2].starts_with("# DECISION: what `2020-01-01` is"), "{job}");
    for word in ["date", "period", "month", "day", "serial"] {
        assert!(lines[at - 2].contains(word), "{job}");
    }
}

/// Names and arguments that want to be something else than text.
#[test]
fn outside_text_stays_text() {
    for text in [
        "<script>alert(1)</script>",
        "a\u{1b}[31mred\u{7}\r\nb",
        "\n::error::fails\n##[error]x",
        "\u{202e}gnp.exe\u{200b}",
        "${resources.DatabricksJob.x} {{y}} ${env.HOME}",
        "x: [&a *a !b] # c",
        "'\"\\ --- ...",
        "2026-10",
        "***",
        "legacy-",
        &"long-".repeat(60),
        "",
    ] {
        let listing = [json!({ "Id": "j-1", "Name": text, "Status": { "State": "WAITING" } })];
        let groups = choose::groups(&listing);
        let args = ["spark-submit", "s3://a/b.py", text, "--month", "2026-10"];
        let step = json!({ "Name": text, "Config": { "Jar": "command-runner.jar", "Args": args } });
        let tags = json!([{ "Key": "k", "Value": text }]);
        let described = json!({ "Id": "j-1", "Name": text, "ReleaseLabel": "emr-7.1.0", "Tags": tags });
        let read = RawCluster::whole(described, vec![step], None);
        let unread = vec![FailedRead { what: "ListBootstrapActions".into(), of: "j-1".into(), why: text.to_owned() }];
        let name = import::name(&groups[0].name, &|_| true).unwrap();
        let old = EmrSource::Clusters(choose::selector(&groups[0], &groups));
        let input = input::cluster(&read, &groups[0].name);
        let source = PipelineSource { unread, ..PipelineSource::of(input.clone(), old) };
        let translation = pipeline(&source, &cases::options(), &name);
        assert_eq!(import::unaccounted(&input, &translation), 0);
        let mut files = Files::default();
        let done = files.import(&translation);
        assert_eq!(done.open, translation.decisions.len());
        files.load().unwrap_or_else(|problems| panic!("{text:?}: {problems}"));
        for (path, shown) in &files.0 {
            let lines: Vec<&str> = shown.lines().collect();
            let hidden = |c: char| c != '\n' && plumb_core::render::value::is_hidden(c);
            assert!(!shown.contains(hidden), "{text:?}: {path}: {shown}");
            assert!(!lines.iter().any(|line| line.starts_with("::") || line.starts_with("##[")), "{path}: {shown}");
        }
        assert!(files.import(&translation).texts.is_empty(), "{text:?}: the same again is no change");
    }
}

/// The places of a spec at which people may edit.
pub(crate) fn places(value: &Value, at: &[Step], out: &mut Vec<Vec<Step>>) {
    let below: Vec<(Step, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(k, v)| (Step::Key(k.clone()), v)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (Step::Index(i), v)).collect(),
        _ => return,
    };
    for (step, value) in below {
        let path: Vec<Step> = at.iter().cloned().chain([step]).collect();
        places(value, &path, out);
        out.push(path);
    }
}

#[test]
fn whatever_people_edit_stays_byte_by_byte_while_emr_says_the_same() {
    let all = translations();
    let value = prop_oneof![
        Just(None),
        Just(Some(json!("mine"))),
        Just(Some(json!(7))),
        Just(Some(json!(["a", "b"]))),
        Just(Some(json!({ "a": { "b": 1 } }))),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), value), 1..6);
    let comment = any::<prop::sample::Index>();
    let mut runner = TestRunner::new(Config { failure_persistence: None, cases: 120, ..Config::default() });
    runner
        .run(&(0..all.len(), edits, comment), |(which, edits, comment)| {
            let (name, translation) = &all[which];
            let mut files = Files::default();
            files.import(translation);
            let homes = files.homes();
            let paths: Vec<String> = homes.values().cloned().collect();
            for (file, place, value) in edits {
                let path = &paths[file.index(paths.len())];
                let text = files.0[path].clone();
                let read: Value = serde_yaml::from_str(&text).unwrap();
                let mut all = Vec::new();
                places(&read["spec"], &[Step::Key("spec".into())], &mut all);
                if all.is_empty() {
                    continue;
                }
                let at = &all[place.index(all.len())];
                let edited = match &value {
                    Some(value) => set(&text, 0, at, value),
                    None => remove(&text, 0, at),
                };
                if let Ok(edited) = edited {
                    files.0.insert(path.clone(), edited);
                }
            }
            let path = &paths[comment.index(paths.len())];
            let text = format!("# people were here\n{}# and here\n", files.0[path]);
            files.0.insert(path.clone(), text);
            // What people wrote need not be valid: that is for `plumb validate` to say.
            let done = files.imported(homes, translation);
            let changed: Vec<&String> = done.texts.keys().filter(|path| path.ends_with(".yaml")).collect();
            prop_assert!(changed.is_empty(), "{name}: {changed:?}");
            prop_assert!(!done.texts.contains_key("manifests/x/translation.json"), "{name}: EMR says the same");
            Ok(())
        })
        .unwrap();
}
