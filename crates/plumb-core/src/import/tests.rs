//! What becomes of each file: people's stay, what was deleted stays away, and nothing that was generated is forgotten.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::translate::{TranslationOptions, supported, translate};
use serde_json::json;

const FOLDER: &str = "emr/nightly";

/// A pipeline of one cluster whose steps are called so.
fn pipeline(steps: &[&str]) -> TranslatedPipeline {
    let step = |name: &&str| json!({"Name": name, "Config": {"Jar": "command-runner.jar", "Args": ["spark-submit", format!("s3://b/{name}.py")]}});
    let input = json!({
        "Cluster": {"Name": "nightly", "ReleaseLabel": "emr-7.1.0"},
        "InstanceGroups": [{"InstanceGroupType": "CORE", "InstanceType": "m5d.xlarge", "RequestedInstanceCount": 2}],
        "Steps": steps.iter().map(step).collect::<Vec<Value>>(),
    });
    let translation = translate(&input, &TranslationOptions::new(supported(jiff::civil::date(2026, 11, 22))));
    let record = ImportRecord::new("nightly", "pipeline nightly", Vec::new());
    TranslatedPipeline { folder: FOLDER.into(), record, translation, notes: Vec::new() }
}

fn merged(pipeline: TranslatedPipeline, project: &ImportProject) -> Result<ImportOutcome, String> {
    outcome(pipeline, project, &|_| "schema.json".into())
}

/// The project after an import was written.
fn written(mut project: ImportProject, pipeline: &TranslatedPipeline, outcome: &ImportOutcome) -> ImportProject {
    project.texts.extend(outcome.texts.clone());
    for document in &pipeline.translation.documents {
        let path = path(FOLDER, "nightly", &document.address);
        if project.texts.contains_key(&path) {
            project.homes.insert(document.address.clone(), path);
        }
    }
    project
}

fn state_of(outcome: &ImportOutcome, name: &str) -> Option<ImportState> {
    outcome.files.iter().find(|(_, path)| path.ends_with(name)).map(|(state, _)| *state)
}

#[test]
fn a_file_that_is_there_is_somebodys() {
    let fresh = merged(pipeline(&["load"]), &ImportProject::default()).unwrap();
    let manifests: Vec<&String> = fresh.texts.keys().filter(|path| path.ends_with(".yaml")).collect();
    assert!(manifests.len() >= 2 && manifests.contains(&&format!("{FOLDER}/job.yaml")), "{manifests:?}");
    assert!(fresh.files.iter().all(|(state, _)| *state == ImportState::New));
    for file in manifests {
        for text in ["# mine\n", ""] {
            let project =
                ImportProject { texts: BTreeMap::from([(file.clone(), text.to_owned())]), ..ImportProject::default() };
            let refused = merged(pipeline(&["load"]), &project).unwrap_err();
            assert!(refused.contains(file.as_str()) && refused.contains("is there"), "{refused}");
        }
    }
}

#[test]
fn what_was_generated_once_is_remembered_as_that() {
    let (first, again) = (pipeline(&["load"]), pipeline(&["load"]));
    let made = merged(first.clone(), &ImportProject::default()).unwrap();
    let project = written(ImportProject::default(), &first, &made);
    // The same again writes nothing.
    let same = merged(again, &project).unwrap();
    assert_eq!((same.texts.len(), state_of(&same, "job.yaml")), (0, Some(ImportState::Unchanged)));
    // People deleted a manifest: it does not come back, however often it is imported.
    let mut without = project.clone();
    let job = first.translation.documents.iter().find(|d| d.address.kind == "DatabricksJob").unwrap().address.clone();
    let file = without.homes.remove(&job).unwrap();
    without.texts.remove(&file);
    for _ in 0..2 {
        let after = merged(pipeline(&["load"]), &without).unwrap();
        assert_eq!(state_of(&after, "job.yaml"), Some(ImportState::Deleted));
        assert!(!after.texts.contains_key(&file));
        without = written(without, &first, &after);
        without.homes.remove(&job);
    }
    // It is no longer generated, and later it is again: what stands in it is still known to be generated.
    let mut fewer = pipeline(&["load"]);
    fewer.translation.documents.retain(|d| d.address != job);
    let after = merged(fewer.clone(), &project).unwrap();
    assert_eq!(state_of(&after, "job.yaml"), Some(ImportState::Old));
    let mut later = project.clone();
    later.texts.extend(after.texts.clone());
    let record = ImportRecord::read(&later.texts[&format!("{FOLDER}/{}", record::FILE)]).unwrap();
    assert!(record.made(&job).is_some(), "it was forgotten");
    let back = merged(pipeline(&["load", "clean"]), &later).unwrap();
    assert_eq!(state_of(&back, "job.yaml"), Some(ImportState::Updated));
    assert_eq!(back.kept, [], "what was generated was taken for people's");
}

#[test]
fn what_people_changed_is_kept_and_told() {
    let first = pipeline(&["load"]);
    let made = merged(first.clone(), &ImportProject::default()).unwrap();
    let mut project = written(ImportProject::default(), &first, &made);
    let file = format!("{FOLDER}/job.yaml");
    let text = project.texts[&file].clone();
    let edited = text.replace("num_workers: 2", "num_workers: 7");
    assert_ne!(edited, text);
    project.texts.insert(file.clone(), edited.clone());
    let mut larger = pipeline(&["load"]);
    for document in &mut larger.translation.documents {
        if let Some(workers) = document.spec.pointer_mut("/job_clusters/0/new_cluster/num_workers") {
            *workers = json!(4);
        }
    }
    let after = merged(larger, &project).unwrap();
    assert_eq!(after.texts.get(&file), None);
    assert_eq!(state_of(&after, "job.yaml"), Some(ImportState::Kept));
    let told: Vec<String> = after.kept.iter().map(|kept| kept.differs.way.to_string()).collect();
    assert!(told.len() == 1 && told[0].contains("num_workers"), "{told:?}");
    // A record that cannot be read says nothing of what is whose.
    project.texts.insert(format!("{FOLDER}/{}", record::FILE), "{}".into());
    assert!(merged(pipeline(&["load"]), &project).is_err());
}

#[test]
fn names_are_the_first_that_fit() {
    let taken = ["sales", "sales-2"];
    assert_eq!(name("Sales", &|name| !taken.contains(&name)).as_deref(), Some("sales-3"));
    assert_eq!(name("Sales", &|_| true).as_deref(), Some("sales"));
    assert_eq!(name("???", &|_| true).as_deref(), Some("emr"));
    let long = name(&"a-".repeat(60), &|_| true).unwrap();
    assert!(long.len() <= 40 && !long.ends_with('-'), "{long}");
    let job = |name: &str| Address { kind: "DatabricksJob".into(), name: name.into() };
    for (address, wanted) in [
        ("sales", "f/job.yaml"),
        ("sales-load", "f/job-load.yaml"),
        // It only begins like it.
        ("salesman", "f/job-of-salesman.yaml"),
        ("other", "f/job-of-other.yaml"),
    ] {
        assert_eq!(path("f", "sales", &job(address)), wanted);
    }
}
