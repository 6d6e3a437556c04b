//! The light of a pipeline in the inventory, against every case: what has no task that works is a rewrite, and nothing else is.

use super::cases::{case, files};
use plumb_core::translate::{LightEffort, light_of, translate};
use serde_json::Value;

#[test]
fn a_light_tells_what_the_manifests_are() {
    let mut rewrites = Vec::new();
    for (name, value) in files("clusters") {
        let (input, options) = case(&value);
        let translation = translate(&input, &options);
        let light = light_of(&translation);
        let fails = |task: &&Value| {
            task["notebook_task"]["notebook_path"].as_str().is_some_and(|p| p.contains("/untranslated/"))
        };
        let tasks = |document: &plumb_core::translate::TranslatedManifest| {
            document.spec["tasks"].as_array().into_iter().flatten().filter(fails).count()
        };
        let failing: usize = translation.documents.iter().map(tasks).sum();
        assert!(light.rewrite.len() >= failing, "{name}: {light:?}");
        assert!(light.rewrite.len() + light.questions.len() >= translation.decisions.len(), "{name}: {light:?}");
        let effort = match (light.rewrite.len(), light.questions.len()) {
            (0, 0) => LightEffort::Automatic,
            (0, _) => LightEffort::Questions,
            _ => LightEffort::Rewrite,
        };
        assert_eq!(light.effort, effort, "{name}");
        if effort == LightEffort::Rewrite {
            rewrites.push((name, light.rewrite.len()));
        }
    }
    let of = |case: &str| rewrites.iter().find(|(name, _)| name == case).map(|(_, steps)| *steps);
    assert_eq!(
        (of("untranslated-in-chain").is_some(), of("untranslated-only").is_some()),
        (true, true),
        "{rewrites:?}"
    );
    assert_eq!(of("core-and-spot-task"), None);
}
