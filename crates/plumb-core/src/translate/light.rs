//! How much of a translation is left to people.

use super::line::{FAILS, UNTRANSLATED};
use super::{Fate, Translation, TranslationDecision};
use crate::kinds::databricks::job::DatabricksJob;
use serde::Serialize;
use serde_json::Value;

/// What people have to do before the new pipeline runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LightEffort {
    /// Nothing.
    Automatic,
    /// Answer questions.
    Questions,
    /// Rewrite what one of its steps runs.
    Rewrite,
}

/// A step to rewrite, or a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LightReason {
    pub what: String,
    pub why: String,
}

/// How much of a translation is left to people, and what. What a team answers once for all pipelines does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Light {
    pub effort: LightEffort,
    /// `rewrite: 1 step, 3 questions`.
    pub says: String,
    /// The steps that have no task that works.
    pub rewrite: Vec<LightReason>,
    pub questions: Vec<LightReason>,
}

/// The light of a translation: by what became of its steps, not by the words of its questions.
pub fn light_of(translation: &Translation) -> Light {
    let failing = failing(translation);
    let is_whole_step = |at: usize, decision: &TranslationDecision| {
        let inside = |name: &str| format!("{}.{name}", decision.field);
        let parts = [inside("Config"), inside("jobDriver")];
        is_step(&decision.field)
            && translation.account.fates.iter().any(|(field, fate)| {
                *fate == Fate::Decision(at) && parts.iter().any(|part| field.starts_with(part.as_str()))
            })
    };
    let (mut rewrite, mut questions) = (Vec::new(), Vec::new());
    let mut told = vec![false; failing.len()];
    for (at, decision) in translation.decisions.iter().enumerate() {
        let task = failing.iter().position(|(place, _)| *place == decision.place);
        let is_of_step = is_step(&decision.field) || decision.default == FAILS;
        let first = task.is_some_and(|task| is_of_step && !std::mem::replace(&mut told[task], true));
        let reason = LightReason { what: decision.what.clone(), why: decision.why.clone() };
        if first || is_whole_step(at, decision) { rewrite.push(reason) } else { questions.push(reason) }
    }
    // A task that fails is one whether or not somebody is asked about it.
    for ((place, says), _) in failing.into_iter().zip(told).filter(|(_, told)| !told) {
        rewrite.push(LightReason { what: format!("what `{place}` does"), why: says });
    }
    let effort = match (rewrite.is_empty(), questions.is_empty()) {
        (false, _) => LightEffort::Rewrite,
        (true, false) => LightEffort::Questions,
        (true, true) => LightEffort::Automatic,
    };
    let asked = counted(questions.len(), "question");
    let says = match effort {
        LightEffort::Automatic => "automatic".to_owned(),
        LightEffort::Questions => asked,
        LightEffort::Rewrite if questions.is_empty() => format!("rewrite: {}", counted(rewrite.len(), "step")),
        LightEffort::Rewrite => format!("rewrite: {}, {asked}", counted(rewrite.len(), "step")),
    };
    Light { effort, says, rewrite, questions }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `Steps[3]`, `jobRuns[0]`: a step as a whole.
fn is_step(field: &str) -> bool {
    let number = ["Steps[", "jobRuns["].iter().find_map(|list| field.strip_prefix(list)?.strip_suffix(']'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// The tasks that fail because nothing was translated for them: their places, and what they say.
fn failing(translation: &Translation) -> Vec<(String, String)> {
    let jobs = translation.documents.iter().filter(|document| document.address.kind == DatabricksJob::NAME);
    let tasks = jobs.flat_map(|job| job.spec["tasks"].as_array().into_iter().flatten());
    let fails = |task: &&Value| {
        task.pointer("/notebook_task/notebook_path")
            .and_then(Value::as_str)
            .is_some_and(|path| path.starts_with(UNTRANSLATED))
    };
    let text = |task: &Value, member: &str| task[member].as_str().unwrap_or_default().to_owned();
    tasks.filter(fails).map(|task| (format!("tasks[{}]", text(task, "task_key")), text(task, "description"))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{TranslatedManifest, TranslationOptions, address, supported, translate};
    use super::*;
    use serde_json::json;

    fn of(steps: &[(&str, &str, &[&str])]) -> Light {
        let step =
            |(name, jar, args): &(&str, &str, &[&str])| json!({ "Name": name, "Config": { "Jar": jar, "Args": args } });
        let input = json!({
            "Cluster": { "Name": "nightly", "ReleaseLabel": "emr-7.1.0" },
            "InstanceGroups": [{ "InstanceGroupType": "MASTER", "InstanceType": "m5d.xlarge", "RequestedInstanceCount": 1 }],
            "Steps": steps.iter().rev().map(step).collect::<Vec<_>>(),
        });
        light_of(&translate(&input, &TranslationOptions::new(supported("2026-11-22".parse().unwrap()))))
    }

    #[test]
    fn a_step_that_nothing_runs_is_a_rewrite() {
        let spark: (&str, &str, &[&str]) = ("load", "command-runner.jar", &["spark-submit", "s3://code/load.py"]);
        let light = of(&[spark]);
        assert!(light.effort < LightEffort::Rewrite && light.rewrite.is_empty(), "{light:?}");
        let light = of(&[spark, ("count", "s3://code/wordcount.jar", &["s3://a", "s3://b"])]);
        assert_eq!(light.effort, LightEffort::Rewrite);
        assert_eq!(light.rewrite.len(), 1);
        assert!(light.rewrite[0].what.contains("`count`"), "{light:?}");
        assert!(light.says.starts_with("rewrite: 1 step"), "{light:?}");
        let light = of(&[("a", "s3://code/a.jar", &[]), ("b", "s3://code/b.jar", &[])]);
        assert_eq!(light.rewrite.len(), 2, "{light:?}");
    }

    #[test]
    fn a_task_that_fails_is_a_rewrite_whoever_asks() {
        let task = json!({
            "task_key": "count", "description": "MapReduce",
            "notebook_task": { "notebook_path": format!("{UNTRANSLATED}count-needs-a-person") },
        });
        let spec =
            json!({ "tasks": [{ "task_key": "load", "notebook_task": { "notebook_path": "/Workspace/x" } }, task] });
        let job = TranslatedManifest { address: address(DatabricksJob::NAME, "nightly"), spec };
        let mut translation = Translation { documents: vec![job], ..Translation::default() };
        let light = light_of(&translation);
        assert_eq!((light.effort, light.says.as_str()), (LightEffort::Rewrite, "rewrite: 1 step"));
        assert_eq!(light.rewrite[0].why, "MapReduce");
        // Asked about: still one step, and each other question is a question.
        let ask = |field: &str, what: &str| TranslationDecision {
            field: field.into(),
            what: what.into(),
            why: String::new(),
            options: Vec::new(),
            default: String::new(),
            document: "DatabricksJob/nightly".into(),
            place: "tasks[count]".into(),
        };
        translation.decisions = vec![ask("Steps[1].Config.Args[0]", "a path"), ask("Steps[1]", "count")];
        let light = light_of(&translation);
        assert_eq!(light.says, "rewrite: 1 step, 1 question");
        assert_eq!(light.rewrite[0].what, "count");
        // Asked about by a part of the step, as a command within a script.
        translation.decisions = vec![ask("Steps[1].Config.Args[0]", "a command")];
        translation.decisions[0].default = FAILS.into();
        assert_eq!(light_of(&translation).says, "rewrite: 1 step");
        assert_eq!(light_of(&Translation::default()).effort, LightEffort::Automatic);
    }
}
