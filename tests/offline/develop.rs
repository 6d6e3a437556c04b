//! A target in development mode: whatever a manifest says, nothing starts by itself.

use plumb_core::kinds::{find, objects};
use serde_json::{Value, json};
use std::path::Path;

/// Members of a spec that start something by themselves, and whose `pause_status` says whether they do.
const STARTERS: [&str; 4] = ["schedule", "trigger", "continuous", "triggers"];

fn fixtures(kind: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds").join(kind);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let documents = files.flat_map(|file| {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.display().to_string();
        let documents: Vec<Value> = serde_yaml::Deserializer::from_str(&text)
            .filter_map(|document| serde::Deserialize::deserialize(document).ok())
            .collect();
        documents.into_iter().map(move |document| (name.clone(), document))
    });
    documents.filter(|(_, document)| document["kind"] == kind).map(|(name, d)| (name, d["spec"].clone())).collect()
}

#[test]
fn nothing_of_any_kind_starts_by_itself() {
    let mut started = 0;
    for kind in objects() {
        let fixtures = fixtures(kind.name());
        assert!(!fixtures.is_empty(), "{}", kind.name());
        for (file, mut spec) in fixtures {
            kind.develop(&mut spec);
            match kind.name() {
                "DatabricksJob" => {
                    for member in STARTERS.iter().filter_map(|member| spec.get(member)) {
                        for one in member.as_array().map_or(std::slice::from_ref(member), Vec::as_slice) {
                            started += 1;
                            assert_eq!(one["pause_status"], "PAUSED", "{file}: {one}");
                        }
                    }
                }
                "DatabricksPipeline" => {
                    started += 1;
                    assert!(spec["continuous"].is_null() || spec["continuous"] == false, "{file}");
                    assert!(spec["trigger"]["cron"].is_null(), "{file}");
                    assert!(spec["development"] == true, "{file}");
                }
                "AirflowDag" => {
                    let is_external = spec["source"] == "external";
                    started += 1;
                    assert!(is_external || spec["paused"] == true, "{file}");
                }
                // Clusters, pools, policies and the rest have nothing that starts runs.
                _ => {
                    let text = spec.to_string();
                    assert!(!text.contains("pause_status") && !text.contains("\"schedule\""), "{file}");
                }
            }
        }
    }
    assert!(started > 15, "{started}");
}

#[test]
fn several_triggers_are_paused_each() {
    let job = find("DatabricksJob").unwrap();
    let mut spec = json!({ "triggers": [
        { "periodic": { "interval": 1, "unit": "DAYS" } },
        { "continuous": {}, "pause_status": "UNPAUSED" },
        "${resources.DatabricksJob.x}",
    ]});
    job.develop(&mut spec);
    assert_eq!(
        spec["triggers"],
        json!([
            { "periodic": { "interval": 1, "unit": "DAYS" }, "pause_status": "PAUSED" },
            { "continuous": {}, "pause_status": "PAUSED" },
            "${resources.DatabricksJob.x}",
        ])
    );
}
