//! The pipelines of the corpus, as files and as the import knows them.

use super::cases::{self, folder};
use super::independent::{Known, scalars, text};
use plumb_core::inventory::choose::{groups, selector};
use plumb_core::inventory::{ClusterDetails, JobRun, RawCluster, ServerlessApplication, input};
use plumb_core::translate::{EarlierRun, EmrSource, OldDag, PipelineSource, RunTime, Translation, pipeline};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A pipeline of the corpus.
pub struct Case {
    pub name: String,
    pub request: Value,
    /// What EMR's API says of the newest run.
    pub answers: Value,
}

/// All of them, by their names.
pub fn corpus() -> Vec<Case> {
    let read = |path: std::path::PathBuf| -> Value {
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let entries = std::fs::read_dir(folder().join("corpus")).unwrap().map(|entry| entry.unwrap().path());
    let folders: BTreeSet<std::path::PathBuf> = entries.filter(|path| path.is_dir()).collect();
    let case = |path: std::path::PathBuf| Case {
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        request: read(path.join("request.json")),
        answers: read(path.join("input.json")),
    };
    folders.into_iter().map(case).collect()
}

/// Puts other texts into the place of some; where two begin at a place, the longer one counts.
pub fn instead(value: &Value, pairs: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(whole) => {
            let (mut out, mut rest) = (String::new(), whole.as_str());
            while let Some(first) = rest.chars().next() {
                match pairs.iter().filter(|(old, _)| rest.starts_with(old.as_str())).max_by_key(|(old, _)| old.len()) {
                    Some((old, new)) => {
                        out.push_str(new);
                        rest = &rest[old.len()..];
                    }
                    None => {
                        out.push(first);
                        rest = &rest[first.len_utf8()..];
                    }
                }
            }
            Value::String(out)
        }
        Value::Array(items) => items.iter().map(|item| instead(item, pairs)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), instead(value, pairs))).collect(),
        other => other.clone(),
    }
}

/// What a cluster is called, and when it was made.
fn listed(answers: &Value, id: &str) -> Value {
    json!({ "Id": id, "Name": answers["Cluster"]["Name"], "Status": answers["Cluster"]["Status"] })
}

/// EMR's answers in the form that a translation takes.
fn taken(answers: &Value, name: &str) -> Value {
    let list = |member: &str| answers.get(member).and_then(Value::as_array).cloned();
    if let Some(runs) = list("jobRuns") {
        let run = |run: Value| JobRun {
            listed: json!({ "id": run["jobRunId"], "name": run["name"], "createdAt": run["createdAt"] }),
            described: Some(run),
        };
        let runs = Some(runs.into_iter().map(run).collect());
        return input::application(&ServerlessApplication { described: answers["application"].clone(), runs });
    }
    let policy = |member: &str| answers.get(member).map(|policy| json!({ member: policy }));
    let details = ClusterDetails {
        groups: Some(list("InstanceGroups").unwrap_or_default()),
        fleets: Some(list("InstanceFleets").unwrap_or_default()),
        bootstrap: Some(list("BootstrapActions").unwrap_or_default()),
        managed_scaling: policy("ManagedScalingPolicy"),
        auto_termination: policy("AutoTerminationPolicy"),
    };
    let steps = list("Steps").unwrap_or_default().into_iter().rev().collect();
    input::cluster(&RawCluster::whole(answers["Cluster"].clone(), steps, Some(details)), name)
}

impl Case {
    fn time(run: &Value) -> RunTime {
        let time = |value: &Value| value.as_str().map(|text| text.parse().unwrap());
        let interval = &run["interval"];
        RunTime {
            created: time(&run["created"]),
            logical: time(&run["logical"]),
            interval: time(&interval[0]).zip(time(&interval[1])),
        }
    }

    /// What each earlier run had in the place of which texts, the newest first.
    pub fn earlier(&self) -> Vec<(&Value, BTreeMap<String, String>)> {
        let runs = self.request["runs"].as_array().into_iter().flatten();
        runs.map(|run| (run, serde_json::from_value(run["instead"].clone()).unwrap())).collect()
    }

    pub fn known(&self) -> Known {
        let pairs = self.earlier().into_iter().flat_map(|(_, instead)| instead);
        let varying: BTreeSet<String> = pairs.flat_map(|(new, old)| [new, old]).collect();
        let secrets = serde_json::from_value(self.request["secrets"].clone()).unwrap_or_default();
        Known { varying: varying.into_iter().collect(), secrets }
    }

    /// The pipeline as the import knows it, from these answers about the newest run.
    pub fn source(&self, answers: &Value) -> PipelineSource {
        // A cluster that stays has its earlier runs as earlier steps.
        let mut runs = self.earlier();
        if self.request["lasting"] == true {
            runs.clear();
        }
        let at = |answers: &Value, run: &Value| {
            let mut answers = answers.clone();
            if let Some(made) = answers.pointer_mut("/Cluster/Status/Timeline/CreationDateTime") {
                *made = run["created"].clone();
            }
            answers
        };
        let before: Vec<(RunTime, Value)> =
            runs.iter().map(|(run, pairs)| (Case::time(run), at(&instead(answers, pairs), run))).collect();
        let id = text(&self.answers["Cluster"]["Id"]);
        let mut listing = vec![listed(answers, &id)];
        listing.extend(before.iter().enumerate().map(|(i, (_, answers))| listed(answers, &format!("{id}{i}"))));
        let groups = groups(&listing);
        let group = groups.iter().find(|group| group.clusters.iter().any(|cluster| cluster.id == id));
        let (name, old) = match (group, answers["application"]["applicationId"].as_str()) {
            (_, Some(application)) => (String::new(), EmrSource::Application(application.to_owned())),
            (Some(group), None) => (group.name.clone(), EmrSource::Clusters(selector(group, &groups))),
            (None, None) => panic!("{}: neither cluster nor application", self.name),
        };
        let earlier =
            before.into_iter().map(|(run, answers)| EarlierRun { run, input: taken(&answers, &name) }).collect();
        PipelineSource {
            run: Case::time(&self.request["run"]),
            earlier,
            dag: serde_json::from_value::<Option<OldDag>>(self.request["dag"].clone()).unwrap(),
            written_by_others: serde_json::from_value::<Option<_>>(self.request["others"].clone())
                .unwrap()
                .unwrap_or_default(),
            ..PipelineSource::of(taken(answers, &name), old)
        }
    }

    pub fn translated(&self) -> Translation {
        self.translated_from(&self.answers)
    }

    pub fn translated_from(&self, answers: &Value) -> Translation {
        pipeline(&self.source(answers), &cases::options(), &self.name)
    }

    /// Each value of the answers with its place, and the text before it in its list.
    pub fn values(&self) -> Vec<(String, Value, Option<String>)> {
        let all = scalars(&self.answers);
        let list = |place: &str| place.rsplit_once('[').map(|(list, _)| list.to_owned());
        let before = |i: usize| {
            let (place, _) = &all[i];
            let (last, value) = all.get(i.checked_sub(1)?)?;
            (place.ends_with(']') && list(place) == list(last)).then(|| text(value))
        };
        (0..all.len()).map(|i| (all[i].0.clone(), all[i].1.clone(), before(i))).collect()
    }
}
