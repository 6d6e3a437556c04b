//! A whole pipeline: what it is translated to, what ties the old to the new, and what an account alone cannot answer.

use super::account::TranslationDecision;
use super::outputs::{self, CompareQuestion};
use super::{
    PipelineSource, TranslatedManifest, Translation, TranslationOptions, address, dates, escape, places, translate,
};
use crate::detect;
use crate::inventory::choose::ClusterSelector;
use crate::kinds::airflow::dag::AirflowDag;
use crate::kinds::databricks::job::DatabricksJob;
use crate::kinds::emr::application::EmrServerlessApplication;
use crate::kinds::emr::cluster::EmrCluster;
use crate::kinds::emr::migration::Migration;
use serde_json::{Value, json};

/// What is on EMR.
#[derive(Clone, Debug)]
pub enum EmrSource {
    /// Clusters, and what selects them.
    Clusters(ClusterSelector),
    /// An application of EMR Serverless, by its id.
    Application(String),
}

/// Translates a pipeline, and writes what ties the old to the new: manifests of what is on EMR and of the migration.
pub fn pipeline(source: &PipelineSource, options: &TranslationOptions, name: &str) -> Translation {
    let PipelineSource { input, old, unread, .. } = source;
    let mut options = options.clone();
    options.name = Some(name.to_owned());
    let mut translation = translate(input, &options);
    // The id of a cluster would make every manifest another one each month.
    if let Some(title) = input.pointer("/Cluster/Name").and_then(Value::as_str) {
        translation.source = format!("EMR pipeline {}", detect::masked(title));
    }
    let first =
        translation.documents.iter().find(|d| d.address.kind == DatabricksJob::NAME).map(|d| d.address.to_string());
    for unknown in unread {
        translation.decisions.push(TranslationDecision {
            field: unknown.what.clone(),
            what: format!("what `{}` would have said", unknown.what),
            why: format!("AWS refused to say it: {}", detect::masked(&unknown.why)),
            options: vec!["allow it, and import again".into(), "there is none".into()],
            default: "as if there were none".into(),
            document: first.clone().unwrap_or_default(),
            place: String::new(),
        });
    }
    dates::recover(&mut translation, source, &options);
    for document in translation.documents.clone() {
        let mut ask = Places { document: &document, decisions: &mut translation.decisions };
        ask.value(&document.spec, "");
    }
    let legacy = tie(&mut translation, input, name, old);
    dates::period(&mut translation);
    // What is said of all jobs of an application stands in the first; where there is none, with what is on EMR.
    let addresses: Vec<String> = translation.documents.iter().map(|d| d.address.to_string()).collect();
    for decision in translation.decisions.iter_mut().filter(|d| !addresses.contains(&d.document)) {
        match &first {
            Some(job) => decision.document.clone_from(job),
            None => (decision.document, decision.place) = (legacy.clone(), String::new()),
        }
    }
    translation
}

/// Asks about values of a manifest that are not what the job needs in the long run.
struct Places<'a> {
    document: &'a TranslatedManifest,
    decisions: &'a mut Vec<TranslationDecision>,
}

impl Places<'_> {
    fn value(&mut self, value: &Value, place: &str) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                    self.value(value, &place);
                }
            }
            Value::Array(items) => {
                for item in items {
                    let key = ["task_key", "job_cluster_key", "id"].iter().find_map(|key| item.get(key)?.as_str());
                    let place = key.map_or_else(|| place.to_owned(), |key| format!("{place}[{key}]"));
                    self.value(item, &place);
                }
            }
            Value::String(text) => self.text(text, place),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, place: &str) {
        let credential = format!("how the job gets the credential in `{text}`");
        // One question a value, and not the same one twice.
        if text.contains(detect::HIDDEN) && !self.decisions.iter().any(|d| d.what == credential) {
            self.ask(
                place,
                credential,
                "credentials do not belong into manifests",
                ["a secret scope, read in the code or by reference", "an instance profile or Unity Catalog instead"],
                "hidden: the value is not whole",
            );
        }
    }

    fn ask(&mut self, place: &str, what: String, why: &str, options: [&str; 2], default: &str) {
        self.decisions.push(TranslationDecision {
            field: String::new(),
            what,
            why: why.to_owned(),
            options: options.map(str::to_owned).to_vec(),
            default: default.to_owned(),
            document: self.document.address.to_string(),
            place: place.to_owned(),
        });
    }
}

/// Adds the manifests of what is on EMR and of the migration; the address of the first.
fn tie(translation: &mut Translation, input: &Value, name: &str, old: &EmrSource) -> String {
    let of = |kind: &str| -> Vec<String> {
        let documents = translation.documents.iter().filter(|d| d.address.kind == kind);
        documents.map(|d| d.address.to_string()).collect()
    };
    let (jobs, dags) = (of(DatabricksJob::NAME), of(AirflowDag::NAME));
    let (kind, what, matches) = match old {
        EmrSource::Clusters(ClusterSelector::Name(glob)) => {
            (EmrCluster::NAME, "the old clusters", json!({ "name": glob }))
        }
        EmrSource::Clusters(ClusterSelector::Ids(ids, _)) => {
            (EmrCluster::NAME, "the old clusters", json!({ "ids": ids }))
        }
        EmrSource::Application(id) => (EmrServerlessApplication::NAME, "the old application", json!({ "ids": [id] })),
    };
    let legacy = address(kind, &format!("legacy-{name}"));
    let mut teardown = json!({ "grace": "14d" });
    if !jobs.is_empty() {
        teardown["replacedBy"] = json!(jobs);
        teardown["requires"] = json!({ "greenRuns": 2, "parity": { "passes": 2 } });
    }
    let mut spec = json!({ "match": matches, "desired": "keep", "teardown": teardown });
    escape(&mut spec);
    let decision =
        |document: String, place: &str, what: String, why: &str, options: &[&str], default: &str| TranslationDecision {
            field: String::new(),
            what,
            why: why.to_owned(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            default: default.to_owned(),
            document,
            place: place.to_owned(),
        };
    translation.decisions.push(decision(
        legacy.to_string(),
        "desired",
        format!("when {} may go", what),
        "only people know when the new jobs have proved themselves, and which DAG starts what is on EMR",
        &[
            "add that DAG as an AirflowDag with `source: external` and to `requires.dagPaused`, set `teardown.notBefore` \
             and `desired: teardown`",
            "it stays: leave `keep`",
        ],
        "it is kept, and nothing is done to it",
    ));
    if let EmrSource::Clusters(ClusterSelector::Ids(_, why)) = old {
        translation.decisions.push(decision(
            legacy.to_string(),
            "match",
            "which clusters are the old ones".into(),
            why,
            &[
                "a pattern or tags that select them and no others",
                "these ids, and those of new clusters by another import",
            ],
            "those that live now, by their ids: new ones are not among them",
        ));
    }
    translation.documents.push(TranslatedManifest { address: legacy.clone(), spec });
    if jobs.is_empty() {
        return legacy.to_string();
    }
    // It stays paused until it is cut over: the migration says so, and nothing else does.
    for document in translation.documents.iter_mut().filter(|d| dags.contains(&d.address.to_string())) {
        if let Some(spec) = document.spec.as_object_mut() {
            spec.remove("paused");
        }
    }
    let migration = address(Migration::NAME, name);
    translation.decisions.push(decision(
        migration.to_string(),
        "",
        "when it is cut over, and with which others".into(),
        "pipelines that read each other's outputs have to be cut over together",
        &[
            "`wave`, a name that they share, `from.dags`, the DAGs that start it now, and `cutover`, a day: on it the old \
             DAGs are paused and the new ones switched on",
            "later",
        ],
        "no day is set, and the new DAG stays paused",
    ));
    let mut spec = json!({ "from": { "emr": [legacy.to_string()] }, "to": { "jobs": jobs, "dags": dags } });
    let (reads, writes) = places::of(input);
    for (member, places) in [("reads", reads), ("writes", writes)] {
        if !places.is_empty() {
            spec[member] = json!(places);
        }
    }
    if let Some(owner) = places::owner(input) {
        spec["owner"] = json!(owner);
    }
    escape(&mut spec);
    if let Some((compare, questions)) = outputs::compare(input) {
        spec["compare"] = compare;
        for CompareQuestion { place, what, why, options, default } in questions {
            let place = format!("compare.{place}");
            translation.decisions.push(decision(migration.to_string(), &place, what, why, &options, default));
        }
    }
    translation.documents.push(TranslatedManifest { address: migration, spec });
    legacy.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::supported;
    use super::*;
    use crate::inventory::FailedRead;

    fn made(old: &EmrSource, args: &[&str]) -> Translation {
        let steps = match args {
            [] => json!([]),
            _ => json!([{ "Name": "load", "Config": { "Jar": "command-runner.jar", "Args": args } }]),
        };
        let input = json!({
            "Cluster": { "Name": "sales", "ReleaseLabel": "emr-7.1.0" },
            "InstanceGroups": [{ "InstanceGroupType": "CORE", "InstanceType": "m5d.xlarge", "RequestedInstanceCount": 2 }],
            "Steps": steps,
        });
        let unread = vec![FailedRead { what: "ListBootstrapActions".into(), of: "j-1".into(), why: "403 no".into() }];
        let source = PipelineSource { unread, ..PipelineSource::of(input, old.clone()) };
        pipeline(&source, &TranslationOptions::new(supported(jiff::civil::date(2026, 11, 22))), "sales")
    }

    fn addresses(translation: &Translation) -> Vec<String> {
        translation.documents.iter().map(|d| d.address.to_string()).collect()
    }

    fn asked(translation: &Translation, what: &str) -> Vec<String> {
        let about = translation.decisions.iter().filter(|d| d.what.contains(what));
        about.map(|d| format!("{} {}", d.document, d.place)).collect()
    }

    #[test]
    fn old_and_new_are_tied() {
        let args = [
            "spark-submit",
            "s3://a/b.py",
            "--month",
            "2026-10",
            "--out",
            "s3://x/out/2026-10/",
            "--input",
            "s3://y/raw",
            "(secret)",
        ];
        let translation = made(&EmrSource::Clusters(ClusterSelector::Name("sales-*".into())), &args);
        let all = ["DatabricksJob/sales", "AirflowDag/sales", "EmrCluster/legacy-sales", "Migration/sales"];
        assert_eq!(addresses(&translation), all);
        assert_eq!(
            translation.documents[2].spec,
            json!({ "match": { "name": "sales-*" }, "desired": "keep", "teardown": { "grace": "14d",
                "replacedBy": ["DatabricksJob/sales"], "requires": { "greenRuns": 2, "parity": { "passes": 2 } } } })
        );
        assert!(translation.documents[1].spec.get("paused").is_none(), "the migration says it");
        assert_eq!(
            translation.documents[3].spec,
            json!({ "from": { "emr": ["EmrCluster/legacy-sales"] },
                    "to": { "jobs": ["DatabricksJob/sales"], "dags": ["AirflowDag/sales"] },
                    "reads": ["s3://y/raw"], "writes": ["s3://x/out"],
                    "compare": { "period": "month", "outputs": [{ "name": "out", "keys": [],
                        "old": { "path": "s3://x/out/{period}/", "format": "parquet" },
                        "new": { "path": "s3://x/databricks/out/{period}/", "format": "parquet" } }] } })
        );
        let parameters = "DatabricksJob/sales tasks[load].spark_python_task.parameters";
        // Nothing tells when the run was, so that its month may be any.
        let months = [format!("{parameters}[1]"), format!("{parameters}[3]")];
        assert_eq!(asked(&translation, "a date, period, month, day or serial"), months);
        assert_eq!(asked(&translation, "credential"), [parameters]);
        assert_eq!(asked(&translation, "may go"), ["EmrCluster/legacy-sales desired"]);
        assert_eq!(asked(&translation, "ListBootstrapActions"), ["DatabricksJob/sales "]);
        assert!(asked(&translation, "which clusters").is_empty());
    }

    #[test]
    fn what_has_nothing_to_run_is_kept_and_not_migrated() {
        let translation = made(&EmrSource::Clusters(ClusterSelector::Ids(vec!["j-1".into()], "why")), &[]);
        assert_eq!(addresses(&translation), ["EmrCluster/legacy-sales"]);
        assert_eq!(translation.documents[0].spec["match"], json!({ "ids": ["j-1"] }));
        assert_eq!(asked(&translation, "which clusters"), ["EmrCluster/legacy-sales match"]);
        assert_eq!(asked(&translation, "anything to run"), ["EmrCluster/legacy-sales "]);
        let translation = made(&EmrSource::Application("00a".into()), &["spark-submit", "s3://a/b.py"]);
        assert_eq!(addresses(&translation)[2], "EmrServerlessApplication/legacy-sales");
    }
}
