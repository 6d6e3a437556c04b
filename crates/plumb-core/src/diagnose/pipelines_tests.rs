use super::{PipelineManifest, PipelineMember, once_each, pipelines};
use crate::diagnose::months::RunOfMonths;
use crate::diagnose::result::RunOutcome::{self, Failed, Succeeded};
use crate::diagnose::{Catalogue, RunFacts, diagnose};
use plumb_model::address::Address;
use serde_json::{Value, json};

fn address(text: &str) -> Address {
    Address::try_from(text.to_owned()).unwrap()
}

#[test]
fn a_migration_names_both_sides_and_a_dag_what_it_starts() {
    let manifests: Vec<(Address, Value, Vec<Address>)> = [
        (
            "Migration/audience",
            json!({"from": {"emr": ["EmrCluster/legacy"]}, "to": {"jobs": ["DatabricksJob/new"]}}),
            vec![],
        ),
        ("EmrCluster/legacy", json!({}), vec![]),
        ("DatabricksJob/new", json!({}), vec![]),
        ("AirflowDag/monthly", json!({}), vec![address("DatabricksJob/a"), address("DatabricksJob/new")]),
        ("DatabricksJob/a", json!({}), vec![]),
        ("DatabricksJob/alone", json!({}), vec![]),
        ("AirflowDag/old", json!({}), vec![]),
        ("DatabricksCluster/c", json!({}), vec![]),
    ]
    .into_iter()
    .map(|(name, spec, references)| (address(name), spec, references))
    .collect();
    let manifests: Vec<PipelineManifest<'_>> =
        manifests.iter().map(|(address, spec, references)| PipelineManifest { address, spec, references }).collect();
    let found = pipelines(&manifests);
    let of = |name: &str| found.get(&address(name)).map(|m: &PipelineMember| (m.pipeline.as_str(), m.is_new));
    assert_eq!(of("EmrCluster/legacy"), Some(("audience", false)));
    assert_eq!(of("DatabricksJob/new"), Some(("audience", true)));
    assert_eq!(of("DatabricksJob/a"), Some(("monthly", true)));
    assert_eq!(of("AirflowDag/monthly"), Some(("monthly", true)));
    assert_eq!(of("AirflowDag/old"), Some(("old", false)));
    assert_eq!(of("DatabricksJob/alone"), Some(("alone", true)));
    assert_eq!(of("DatabricksCluster/c"), None);
}

fn run(system: &str, hours: std::ops::Range<u8>, outcome: RunOutcome) -> RunOfMonths {
    let mut diagnosis = diagnose(&Catalogue::builtin().unwrap(), &RunFacts::default());
    let at = |hour: u8| Some(format!("2026-06-02T{hour:02}:00:00Z").parse().unwrap());
    (diagnosis.system, diagnosis.outcome) = (system.to_owned(), outcome);
    (diagnosis.started, diagnosis.ended) = (at(hours.start), at(hours.end));
    diagnosis.run = Some(format!("{system}-{}", hours.start));
    RunOfMonths { pipeline: "p".into(), is_new: true, diagnosis }
}

fn left(runs: Vec<RunOfMonths>) -> Vec<String> {
    once_each(runs).into_iter().filter_map(|run| run.diagnosis.run).collect()
}

#[test]
fn a_dag_does_not_tell_again_what_its_job_tells() {
    let runs = vec![
        run("airflow", 1..5, Failed),
        run("databricks", 2..4, Failed),
        run("airflow", 6..9, Succeeded),
        run("databricks", 7..8, Succeeded),
    ];
    assert_eq!(left(runs), ["databricks-2", "databricks-7"]);
}

#[test]
fn a_failure_of_airflow_alone_stays_with_what_made_good_for_it() {
    let runs = vec![
        run("databricks", 7..8, Succeeded),
        run("airflow", 6..9, Succeeded),
        run("airflow", 1..5, Failed),
        run("databricks", 2..4, Succeeded),
        run("airflow", 10..12, Succeeded),
        run("databricks", 11..12, Succeeded),
    ];
    assert_eq!(left(runs), ["airflow-1", "airflow-6", "databricks-7", "databricks-2", "databricks-11"]);
    // Nothing below is known: the DAG tells it itself.
    assert_eq!(left(vec![run("airflow", 6..9, Succeeded)]), ["airflow-6"]);
}
