//! What a team answers once: asked where plumb.yaml does not say it, taken silently where it does.

use super::cases::{files, translated};
use plumb_core::translate::{TeamAnswer, Translation};
use serde_json::{Value, json};

fn case(name: &str) -> Translation {
    translated(&files("clusters")[name])
}

/// The questions about machines, runtime and rights, each with the answer that says its default.
fn asked(translation: &Translation) -> Vec<(&'static str, Value)> {
    let others = [TeamAnswer::TimeZone, TeamAnswer::Catalog];
    let own = translation.team.iter().filter(|q| !others.contains(&q.answer));
    own.map(|q| (q.answer.key(), q.value.clone().unwrap_or_default())).collect()
}

#[test]
fn an_unset_answer_is_one_question_to_the_team() {
    let nodes = json!({ "m3.xlarge": "m5d.xlarge", "m4.2xlarge": "m5d.2xlarge", "c4.2xlarge": "c5d.2xlarge" });
    let all = [
        ("runtime", json!("auto")),
        ("runAs", json!("creator")),
        ("rights", json!("instanceProfile")),
        ("nodeTypes", nodes),
        ("logs", json!("keep")),
        ("spot", json!("keep")),
    ];
    assert_eq!(asked(&case("without-answers")), all);
    // Nothing of it is asked of the pipeline.
    let translation = case("without-answers");
    for word in ["runtime", "rights", "as whom", "spot", "logs", "m3.xlarge"] {
        assert!(!translation.decisions.iter().any(|d| d.what.contains(word)), "{word}: {:?}", translation.decisions);
    }
    for question in &translation.team {
        assert!(!question.what.contains("without") && !question.options.is_empty() && !question.default.is_empty());
    }
}

#[test]
fn a_set_answer_is_taken_and_nothing_is_asked() {
    // `c4.2xlarge` has no answer, and the workspace does not offer it.
    assert_eq!(
        asked(&case("with-answers")),
        [("nodeTypes", json!({ "m3.xlarge": "m5d.xlarge", "c4.2xlarge": "c5d.2xlarge" }))]
    );
    let job = case("with-answers").documents[0].spec.clone();
    let cluster = &job["job_clusters"][0]["new_cluster"];
    assert_eq!(cluster["spark_version"], "15.4.x-scala2.12");
    assert_eq!(job["run_as"], json!({ "service_principal_name": "0f0f0f0f-0000-4000-8000-000000000001" }));
    assert_eq!(cluster["aws_attributes"], json!({ "availability": "ON_DEMAND" }));
    assert_eq!(cluster["cluster_log_conf"], json!({ "volumes": { "destination": "/Volumes/ops/logs/clusters" } }));
}

#[test]
fn a_runtime_that_is_not_to_be_had_is_asked_about_once_more_and_what_does_not_fit_is_the_pipelines_own() {
    let translation = case("other-answers");
    let keys: Vec<&str> = asked(&translation).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["runtime", "nodeTypes"]);
    let runtime = &translation.team[0];
    assert!(runtime.why.contains("13.3.x-scala2.12") && runtime.why.contains("ended"), "{}", runtime.why);
    // Scala 2.11 of the release, and a JAR: that is this pipeline's.
    assert!(translation.decisions.iter().any(|d| d.what.contains("who compiles the JARs")));
    let job = &translation.documents[0].spec;
    assert_eq!(job["run_as"], json!({ "user_name": "ann@acme.example" }));
    let cluster = &job["job_clusters"][0]["new_cluster"];
    assert_eq!(cluster["aws_attributes"]["availability"], "SPOT_WITH_FALLBACK");
    assert_eq!(cluster.get("cluster_log_conf"), None);
}

#[test]
fn nobody_is_asked_about_machines_of_a_pipeline_without_a_job() {
    let translation = case("no-steps");
    assert_eq!(translation.team, []);
    let asked: Vec<&str> = translation.decisions.iter().map(|d| d.what.as_str()).collect();
    assert_eq!(asked, ["whether there is anything to run"]);
}
