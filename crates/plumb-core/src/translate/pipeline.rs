//! A whole pipeline: what it is translated to, what ties the old to the new, and what an account alone cannot answer.

use super::account::TranslationDecision;
use super::outputs::{self, CompareQuestion};
use super::shadow::{self, ShadowPlaces};
use super::{
    OldDag, PipelineSource, TranslatedManifest, Translation, TranslationOptions, address, credential, dates, escape,
    place, places, translate,
};
use crate::detect;
use crate::inventory::choose::ClusterSelector;
use crate::inventory::depends::written;
use crate::kinds::airflow::dag::AirflowDag;
use crate::kinds::databricks::job::DatabricksJob;
use crate::kinds::emr::application::EmrServerlessApplication;
use crate::kinds::emr::cluster::EmrCluster;
use crate::kinds::emr::migration::Migration;
use serde_json::{Value, json};
use std::collections::BTreeSet;

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
    let PipelineSource { input, unread, .. } = source;
    let mut options = options.clone();
    options.name = Some(name.to_owned());
    options.dag.clone_from(&source.dag);
    let (mut translation, shadow) = one_run(input, source, &options);
    // The id of a cluster would make every manifest another one each month.
    if let Some(title) = input.pointer("/Cluster/Name").and_then(Value::as_str) {
        translation.source = format!("EMR pipeline {}", detect::masked(title));
    }
    let first =
        translation.documents.iter().find(|d| d.address.kind == DatabricksJob::NAME).map(|d| d.address.to_string());
    let who = if source.dag.is_some() { "Airflow" } else { "AWS" };
    for unknown in unread {
        translation.decisions.push(TranslationDecision {
            field: unknown.what.clone(),
            what: format!("what `{}` would have said", unknown.what),
            why: format!("{} refused to say it: {}", who, detect::masked(&unknown.why)),
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
    let legacy = tie(&mut translation, source, name, &shadow);
    dates::period(&mut translation);
    // What is said of all jobs of an application stands in the first; where there is none, with what is on EMR.
    let addresses: Vec<String> = translation.documents.iter().map(|d| d.address.to_string()).collect();
    for decision in translation.decisions.iter_mut().filter(|d| !addresses.contains(&d.document)) {
        match &first {
            Some(job) => decision.document.clone_from(job),
            None => (decision.document, decision.place) = (legacy.clone(), String::new()),
        }
    }
    once(&mut translation);
    translation
}

/// Takes out what was asked before. Fates only refer to the questions of the translation itself, which come first and are
/// all different.
fn once(translation: &mut Translation) {
    let mut asked = BTreeSet::new();
    translation.decisions.retain(|decision| asked.insert(decision.what.clone()));
}

/// The jobs of one run of a pipeline, with the places that they write to until the cutover.
pub(super) fn one_run(
    input: &Value,
    source: &PipelineSource,
    options: &TranslationOptions,
) -> (Translation, ShadowPlaces) {
    let mut translation = translate(input, options);
    let others: Vec<String> = source.written_by_others.iter().map(|(place, _)| place.clone()).collect();
    let written: Vec<String> = places::lines(input).iter().flat_map(|(jar, args)| written(jar, args)).collect();
    let shadow = shadow::wire(&mut translation, &written, &others);
    (translation, shadow)
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
                    self.value(value, &place::of_member(place, key));
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.value(item, &place::of_item(place, item));
                }
            }
            Value::String(text) => self.text(text, place),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, place: &str) {
        let credential = credential(text, place);
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

/// The manifest of the old DAG, as others write it: it is made, unless there is one already.
fn starter(translation: &mut Translation, old: &OldDag, name: &str) -> String {
    if let Some(known) = &old.known_as {
        return known.clone();
    }
    let starter = address(AirflowDag::NAME, &format!("legacy-{name}"));
    let mut spec = json!({ "dag_id": old.dag_id, "source": "external" });
    escape(&mut spec);
    translation.documents.push(TranslatedManifest { address: starter.clone(), spec });
    starter.to_string()
}

/// Nothing says what is on EMR: there is nothing to be torn down, and nothing to migrate from.
fn unknown(translation: &mut Translation, old: &EmrSource, job: Option<&String>) {
    let why = match old {
        EmrSource::Clusters(ClusterSelector::Ids(_, why)) => *why,
        _ => "nothing says it",
    };
    translation.decisions.push(TranslationDecision {
        field: String::new(),
        what: "which clusters are the old ones".into(),
        why: why.into(),
        options: vec![
            "add an EmrCluster that selects them, and a Migration".into(),
            "import the pipeline from EMR, which knows them".into(),
        ],
        default: "neither is written: the new job and the old clusters are not tied".into(),
        document: job.cloned().unwrap_or_default(),
        place: String::new(),
    });
}

/// Adds the manifests of what is on EMR and of the migration; the address of the first.
fn tie(translation: &mut Translation, source: &PipelineSource, name: &str, shadow: &ShadowPlaces) -> String {
    let PipelineSource { input, old, dag: old_dag, .. } = source;
    let of = |kind: &str| -> Vec<String> {
        let documents = translation.documents.iter().filter(|d| d.address.kind == kind);
        documents.map(|d| d.address.to_string()).collect()
    };
    let (jobs, dags) = (of(DatabricksJob::NAME), of(AirflowDag::NAME));
    let (kind, matches) = match old {
        EmrSource::Clusters(ClusterSelector::Name(glob)) => (EmrCluster::NAME, json!({ "name": glob })),
        EmrSource::Clusters(ClusterSelector::Ids(ids, _)) => (EmrCluster::NAME, json!({ "ids": ids })),
        EmrSource::Application(id) => (EmrServerlessApplication::NAME, json!({ "ids": [id] })),
    };
    let legacy = address(kind, &format!("legacy-{name}"));
    let starter = old_dag.as_ref().map(|old| starter(translation, old, name));
    if matches == json!({ "ids": [] }) {
        unknown(translation, old, jobs.first());
        return jobs.first().cloned().unwrap_or_else(|| legacy.to_string());
    }
    let mut teardown = json!({ "grace": "14d" });
    if !jobs.is_empty() {
        teardown["replacedBy"] = json!(jobs);
        teardown["requires"] = json!({ "greenRuns": 2, "parity": { "passes": 2 } });
    }
    if let Some(starter) = &starter {
        teardown["requires"]["dagPaused"] = json!([starter]);
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
    let mut spec = json!({ "from": { "emr": [legacy.to_string()] }, "to": { "jobs": jobs, "dags": dags } });
    if let Some(starter) = starter {
        spec["from"]["dags"] = json!([starter]);
    }
    let (reads, writes) = places::of(input);
    for (member, places) in [("reads", reads), ("writes", writes)] {
        if !places.is_empty() {
            spec[member] = json!(places);
        }
    }
    if let Some(owner) = places::owner(input).or_else(|| old_dag.as_ref().and_then(|old| old.owner.clone())) {
        spec["owner"] = json!(owner);
    }
    escape(&mut spec);
    let serials: Vec<String> =
        translation.recovered.iter().filter(|one| one.period.is_none()).map(|one| one.was.clone()).collect();
    let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
    let compared = outputs::compare(input, shadow, &serials);
    // Which place takes that of an output is the same question, and a narrower one.
    let is_asked =
        compared.iter().flat_map(|(_, questions)| questions).any(|question| question.place.ends_with(".new"));
    match shadow.spec() {
        Some(parameters) => spec["shadow"] = parameters,
        None if shadow.unknown && !is_asked => translation.decisions.push(decision(
            migration.to_string(),
            "",
            "where the new jobs write until the cutover".into(),
            "no argument says where they write: a parallel run may write over what the old pipeline wrote",
            &[
                "a parameter of the jobs that says where they write, set in `shadow` until the cutover",
                "they write nothing that the old ones write",
            ],
            "as on EMR: the new DAG stays paused until it is cut over",
        )),
        None => {}
    }
    if let Some((compare, questions)) = compared {
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
                    "shadow": { "parameters": { "output": "${var.output_root}/x" } },
                    "compare": { "period": "month", "outputs": [{ "name": "out", "keys": [],
                        "old": { "path": "s3://x/out/{period}/", "format": "parquet" },
                        "new": { "path": "${var.output_root}/x/out/{period}/", "format": "parquet" } }] } })
        );
        let parameters = "DatabricksJob/sales tasks[load].spark_python_task.parameters";
        // Nothing tells when the run was, so that its month may be any.
        let months = [format!("{parameters}[1]"), format!("{parameters}[3]")];
        assert_eq!(asked(&translation, "a date, period, month, day or serial"), months);
        assert_eq!(asked(&translation, "credential"), [parameters]);
        assert_eq!(asked(&translation, "ListBootstrapActions"), ["DatabricksJob/sales "]);
        assert!(asked(&translation, "which clusters").is_empty());
    }

    #[test]
    fn a_credential_is_asked_about_once_and_named() {
        let spec = json!({ "a": { "b": "(secret)", "c": "(secret)" }, "d": "k (secret)", "e": "k (secret)" });
        let document = TranslatedManifest { address: address(DatabricksJob::NAME, "sales"), spec };
        let mut decisions = Vec::new();
        Places { document: &document, decisions: &mut decisions }.value(&document.spec, "");
        let asked: Vec<&str> = decisions.iter().map(|d| d.what.as_str()).collect();
        let of = ["of `a.b`", "of `a.c`", "in `k (secret)`"].map(|of| format!("how the job gets the credential {of}"));
        assert_eq!(asked, of);
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
