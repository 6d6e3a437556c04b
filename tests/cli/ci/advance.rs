//! A cutover that was approved in advance: the merge sets its day, and a scheduled apply does it.

use super::{Host, job};
use crate::cutover::{BEFORE, ON_THE_DAY, PIPELINES, migration, on};
use crate::world::World;
use serde_json::json;

/// Pull request 7 sets the day of the wave of a pipeline that is deployed.
fn host() -> Host {
    let mut world = World::with_airflow(&json!({ "airflow": { "dags": [{ "dag_id": "old_code" }] } }));
    world.env("PLUMB_NOW", Some(BEFORE));
    world.write("manifests/pipelines.yaml", PIPELINES);
    world.commit_file("manifests/migration.yaml", &migration(""), "Deploy");
    let mut host = Host::of(world);
    assert_eq!(on(&host.world), ["old_code"]);
    host.world.git(&["checkout", "--quiet", "-B", "feature", "main"]);
    host.world.commit_file("manifests/migration.yaml", &migration("2030-02-01"), "Set the day");
    host.open(super::REPOSITORY);
    host.preview("").code(0);
    host
}

#[test]
fn what_a_merge_approved_is_done_on_its_day_and_nothing_else() {
    let mut host = host();
    let comment = host.comment();
    assert!(
        comment.contains("Merging also approves in advance that wave `1` is cut over from `2030-02-01` on"),
        "{comment}"
    );
    host.merge();
    host.apply("").code(0);
    // Before its day a scheduled run does nothing, and asks no pull request.
    host.scheduled().code(0).says("Wave/1: it waits");
    assert_eq!(on(&host.world), ["old_code"]);
    // On its day it is done, and whatever else there is waits.
    host.world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: 300\n"), "By no pull request");
    host.world.env("PLUMB_NOW", Some(ON_THE_DAY));
    host.scheduled()
        .code(0)
        .says("pull request #7 approved 1 wave in advance")
        .says("DatabricksJob/etl: waits, because only waves that were approved in advance")
        .says("Apply: 1 done.");
    assert_eq!(on(&host.world), ["new"]);
    assert_eq!(host.timeout(), 100);
    let comment = host.comment();
    assert!(comment.contains("**Applied.**") && comment.contains("plumb:approval v1"), "{comment}");
    // And from then on there is nothing to do.
    host.scheduled().code(0).never_says("Apply:");
}

#[test]
fn a_wave_that_grew_since_is_another_one() {
    let mut host = host();
    host.merge();
    let more = PIPELINES.replace("name: audience", "name: churn").replace("name: new", "name: newer");
    let more =
        more.split("---\n").filter(|d| d.contains("churn") || d.contains("newer")).collect::<Vec<_>>().join("---\n");
    let more = more.replace("DatabricksJob.audience", "DatabricksJob.churn");
    let joined = migration("2030-02-01")
        .replace("name: audience", "name: churn")
        .replace("DatabricksJob/audience", "DatabricksJob/churn")
        .replace("AirflowDag/new", "AirflowDag/newer")
        .replace(", dags: [AirflowDag/old]", "");
    host.world.commit_file("manifests/churn.yaml", &format!("{more}---\n{joined}"), "Join the wave");
    host.world.plumb("apply --yes").code(0);
    host.world.env("PLUMB_NOW", Some(ON_THE_DAY));
    let ran = host.scheduled().code(0).says("Wave/1").never_says("Apply:");
    assert_eq!(on(&host.world), ["old_code"], "{}", ran.shown);
}
