//! What becomes of each case, as text.

use super::cases::{self, SECRETS, all_text, files, folder, load, translated, with_steps, written};
use plumb_core::detect::{HIDDEN, masked_arguments};
use plumb_core::render;
use plumb_core::translate::{Fate, Translation, translate};
use serde_json::Value;
use std::path::Path;

pub(super) fn same(path: &Path, text: &str, wrong: &mut Vec<String>) {
    if std::env::var_os("PLUMB_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(path, text).unwrap();
    }
    let before = std::fs::read_to_string(path).unwrap_or_default();
    if before != text {
        let diff = similar::TextDiff::from_lines(before.as_str(), text);
        wrong.push(format!("{}\n{}", path.display(), diff.unified_diff()));
    }
}

/// What became of one command line.
fn shown(args: &[String], translation: &Translation) -> String {
    let mut out = format!("{}\n", Value::from(args));
    let job = translation.documents.iter().find(|d| d.address.kind == "DatabricksJob");
    if let Some(job) = job {
        let mut task = job.spec["tasks"][0].clone();
        for member in ["task_key", "job_cluster_key"] {
            task.as_object_mut().unwrap().remove(member);
        }
        out.push_str(&format!("  task: {task}\n"));
        let cluster = &job.spec["job_clusters"][0]["new_cluster"];
        let mut conf = cluster["spark_conf"].as_object().cloned().unwrap_or_default();
        // Every job has it.
        conf.retain(|key, value| key != "spark.sql.session.timeZone" || value != "UTC");
        for (name, value) in [("spark_conf", &Value::from(conf)), ("spark_env_vars", &cluster["spark_env_vars"])] {
            if value.as_object().is_some_and(|map| !map.is_empty()) {
                out.push_str(&format!("  {name}: {value}\n"));
            }
        }
        if !job.spec["parameters"].is_null() {
            out.push_str(&format!("  parameters: {}\n", job.spec["parameters"]));
        }
    }
    // Those that every job has are shown with the clusters.
    let of_step = |field: &str| field.starts_with("Steps[0]");
    for decision in translation.decisions.iter().filter(|d| of_step(&d.field)) {
        out.push_str(&format!("  decision at {}: {}\n", decision.field, render::value::visible(&decision.what)));
    }
    for (field, words) in translation.account.left_out.iter().filter(|(field, _)| of_step(field)) {
        for gone in words {
            out.push_str(&format!("  left out of {field}: {}: {}\n", gone.word, gone.why));
        }
    }
    for (field, fate) in translation.account.fates.iter().filter(|(field, _)| of_step(field)) {
        if let Fate::Dropped { why } = fate {
            out.push_str(&format!("  dropped {field}: {why}\n"));
        }
    }
    out
}

#[test]
fn command_lines_become_these_tasks() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (topic, lines) in files("spark-submit") {
        let lines: Vec<Vec<String>> = serde_json::from_value(lines).unwrap();
        count += lines.len();
        let mut text = String::new();
        for args in &lines {
            let translation = translate(&with_steps(std::slice::from_ref(args)), &cases::options());
            // The command line itself is the case; what is made of it must not repeat a credential.
            let shown = shown(args, &translation);
            let (_, made) = shown.split_once('\n').unwrap();
            for secret in SECRETS {
                assert!(!made.contains(secret), "{secret} in {made}");
            }
            text.push_str(&shown);
            if let Err(problems) = load(&written(&translation)) {
                wrong.push(format!("{args:?}\n{problems}"));
            }
        }
        same(&folder().join(format!("spark-submit/{topic}.txt")), &text, &mut wrong);
    }
    assert!(count >= 60, "{count} lines");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is no secret stays, whatever it is called; and it makes no difference whether an import hid the secrets before.
#[test]
fn arguments_that_only_sound_like_secrets_stay() {
    let lines: Vec<Vec<String>> = serde_json::from_value(files("spark-submit")["secrets-and-keys"].clone()).unwrap();
    for args in lines {
        let made = |args: &[String]| {
            let translation = translate(&with_steps(&[args.to_vec()]), &cases::options());
            shown(args, &translation).split_once('\n').unwrap().1.to_owned()
        };
        let task = made(&args);
        let plain = |arg: &&String| !SECRETS.iter().any(|s| arg.contains(s)) && *arg != HIDDEN;
        for arg in args.iter().skip_while(|arg| !arg.ends_with(".py")).filter(plain) {
            assert!(task.contains(&Value::from(arg.as_str()).to_string()), "{arg} is not in {task}");
        }
        assert_eq!(made(&masked_arguments(&args)), task);
    }
}

#[test]
fn clusters_become_these_manifests() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (name, case) in files("clusters") {
        count += 1;
        let translation = translated(&case);
        let written = written(&translation);
        let yaml = written.values().map(String::as_str).collect::<Vec<_>>().join("---\n");
        same(&folder().join(format!("clusters/{name}.yaml")), &yaml, &mut wrong);
        same(&folder().join(format!("clusters/{name}.md")), &render::translation(&translation), &mut wrong);
        if let Err(problems) = load(&written) {
            wrong.push(format!("{name}\n{problems}"));
        }
        let all = all_text(&translation);
        for secret in SECRETS {
            assert!(!all.contains(secret), "{name}: {secret} in\n{all}");
        }
        assert_eq!(all, all_text(&translated(&case)), "{name}: two readings differ");
    }
    assert!(count >= 25, "{count} clusters");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_decision_of_a_manifest_stands_in_it() {
    for (name, case) in files("clusters") {
        let translation = translated(&case);
        let texts: String = written(&translation).into_values().collect();
        let addresses: Vec<String> = translation.documents.iter().map(|d| d.address.to_string()).collect();
        let of_manifests = translation.decisions.iter().filter(|d| addresses.contains(&d.document)).count();
        assert_eq!(texts.matches("# DECISION: ").count(), of_manifests, "{name}");
        let report = render::translation(&translation);
        assert_eq!(report.matches("### Decision ").count(), translation.decisions.len(), "{name}");
    }
}
