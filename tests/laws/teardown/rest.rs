//! What is no cluster: applications of EMR Serverless, and security configurations.

use super::account::{Account, FIRST, LATER, assert_done, cluster, legacy, migration, open, pending};
use crate::world;
use plumb_core::plan::Action;
use plumb_core::teardown::Stage;
use plumb_model::call::{Call, System};
use serde_json::{Value, json};

/// The manifest of all of a kind whose names begin with `bau-`, with no other gates than a day.
fn manifest(kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": "plumb/v1", "kind": kind, "metadata": { "name": name },
        "spec": { "match": { "name": "bau-*" }, "desired": "teardown", "teardown": { "notBefore": "2024-06-01" } },
    })
}

async fn application(account: &Account, id: &str) -> Value {
    let call = Call::get(System::Emr, format!("/emr-serverless/applications/{id}"));
    account.world.person(call).await["application"].clone()
}

fn seed(runs: Value) -> Value {
    json!({ "applications": [{ "state": "STARTED", "created": "2023-11-02T04:00:00Z", "runs": runs, "create": { "name": "bau-adhoc", "type": "SPARK",
        "releaseLabel": "emr-7.1.0", "tags": { "team": "b/a u" } } }] })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_goes_after_the_clusters_of_its_migration() {
    let manifests = [
        legacy(),
        manifest("EmrServerlessApplication", "adhoc"),
        migration(&["EmrCluster/legacy", "EmrServerlessApplication/adhoc"]),
    ];
    let mut account = Account::with(&manifests).await;
    let ids = account.seed(seed(json!([]))).await;
    let id = ids["applications"]["bau-adhoc"].as_str().unwrap().to_owned();
    let old = account.cluster("bau-audience-2023", false).await;

    // Marked by the tags of its ARN, which is one part of a path.
    let (plan, outcome) = account.apply(FIRST, true).await;
    assert_done(&outcome, 2);
    assert!(plan.changes.iter().all(|c| c.action == Action::Mark), "{}", world::text(&plan));
    let sent = account.sent().await;
    let tagged = sent.iter().find(|r| r["path"].as_str().unwrap().contains("/tags/")).unwrap();
    assert_eq!((&tagged["method"], &tagged["status"]), (&json!("POST"), &json!(200)));
    let live = application(&account, &id).await;
    assert_eq!(tagged["path"], format!("/emr-serverless/tags/{}", live["arn"].as_str().unwrap()));
    assert_eq!(live["tags"]["plumb"], "laws/test/EmrServerlessApplication/adhoc");
    assert_eq!(
        (&live["tags"]["plumb_teardown_not_before"], &live["tags"]["team"]),
        (&json!("2024-06-01"), &json!("b/a u"))
    );

    // The cluster goes first, the application with the apply behind it.
    let (plan, outcome) = account.apply(LATER, true).await;
    assert_eq!(open(&plan, &id), [("order".to_owned(), format!("has to go first: {old} \"bau-audience-2023\""))]);
    assert_done(&outcome, 1);
    assert_eq!(account.writes().await, ["TerminateJobFlows"]);
    let (plan, _) = account.apply(LATER, false).await;
    assert_eq!(pending(&plan, &id).stage, Stage::Due);
    assert_eq!(account.writes().await, [""; 0]);
    let (_, outcome) = account.apply(LATER, true).await;
    assert_done(&outcome, 1);
    let path = format!("/emr-serverless/applications/{id}");
    assert_eq!(account.writes().await, [format!("POST {path}/stop"), format!("DELETE {path}")]);
    assert_eq!(application(&account, &id).await["state"], "TERMINATED");
    let (_, _, decision) = account.plan(LATER, true).await;
    assert!(decision.plan.is_empty() && decision.plan.teardown.is_empty(), "{}", world::text(&decision.plan));

    // Another one that waits for a job run; kept after all, its mark goes and its own tags stay.
    let run = json!({ "state": "RUNNING", "start": { "name": "forecast", "executionRoleArn": "arn:aws:iam::1:role/x",
        "jobDriver": { "sparkSubmit": { "entryPoint": "s3://b/x.py" } } } });
    let ids = account.seed(seed(json!([run]))).await;
    let id = ids["applications"]["bau-adhoc"].as_str().unwrap().to_owned();
    account.apply(FIRST, true).await;
    let (plan, outcome) = account.apply(LATER, true).await;
    assert_done(&outcome, 0);
    let open = open(&plan, &id);
    assert!(open.len() == 1 && open[0].0 == "busy", "{open:?}");
    assert!(open[0].1.starts_with("job run ") && open[0].1.ends_with("\"forecast\" is RUNNING"), "{open:?}");
    let mut kept = manifest("EmrServerlessApplication", "adhoc");
    kept["spec"]["desired"] = json!("keep");
    account.declare(&[kept]);
    let (plan, outcome) = account.apply(LATER, true).await;
    assert_eq!(plan.changes[0].action, Action::Release);
    assert_done(&outcome, 1);
    assert_eq!(application(&account, &id).await["tags"], json!({ "team": "b/a u" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_run_that_begins_before_the_stop_keeps_the_application() {
    let account = Account::with(&[manifest("EmrServerlessApplication", "adhoc")]).await;
    let ids = account.seed(seed(json!([]))).await;
    let id = ids["applications"]["bau-adhoc"].as_str().unwrap().to_owned();
    account.apply(FIRST, true).await;
    let (desired, live, decision) = account.plan(LATER, true).await;
    assert_eq!(decision.plan.changes[0].action, Action::Terminate);
    let body = json!({ "clientToken": "x", "executionRoleArn": "arn:aws:iam::123456789012:role/x", "name": "late",
        "jobDriver": { "sparkSubmit": { "entryPoint": "s3://b/x.py" } } });
    let path = format!("/emr-serverless/applications/{id}/jobruns");
    account.world.person(Call::set(System::Emr, plumb_model::call::Method::Post, path, body)).await;
    account.world.forget_requests().await;
    let outcome = account.carry_out(&account.world.services(), &desired, &live, decision).await;
    let plumb_core::plan::outcome::Ended::Stale { differences, .. } = outcome.changes.values().next().unwrap() else {
        panic!("{outcome:?}")
    };
    assert!(differences[0].contains("\"late\" is "), "{differences:?}");
    assert_eq!(account.writes().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_security_configuration_goes_after_the_clusters_that_use_it() {
    let account = Account::with(&[manifest("EmrSecurityConfiguration", "locks")]).await;
    let lock = |name: &str| json!({ "name": name, "configuration": { "EncryptionConfiguration": {} } });
    account.seed(json!({ "security_configurations": [lock("bau-lock"), lock("their-lock")] })).await;
    let mut user = cluster("somebody-elses", json!({}), false, json!([]));
    user["run"]["SecurityConfiguration"] = json!("bau-lock");
    let user = account.seeded(user).await;

    let (plan, outcome) = account.apply(LATER, true).await;
    assert_done(&outcome, 0);
    assert_eq!(open(&plan, "bau-lock"), [("order".to_owned(), format!("has to go first: {user} \"somebody-elses\""))]);
    account.emr("TerminateJobFlows", json!({ "JobFlowIds": [user] })).await;
    let (plan, _) = account.apply("2024-05-31T12:00:00Z", true).await;
    assert_eq!(open(&plan, "bau-lock"), [("date".to_owned(), "not before 2024-06-01".to_owned())]);
    let (plan, outcome) = account.apply(LATER, false).await;
    assert!(outcome.changes.is_empty() && pending(&plan, "bau-lock").stage == Stage::Due);
    let (_, outcome) = account.apply(LATER, true).await;
    assert_done(&outcome, 1);
    assert_eq!(account.writes().await, ["DeleteSecurityConfiguration"]);
    let left = account.emr("ListSecurityConfigurations", json!({})).await;
    assert_eq!(left["SecurityConfigurations"][0]["Name"], "their-lock");
    assert!(account.plan(LATER, true).await.2.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_that_are_not_read_are_not_taken_for_gone() {
    let manifests = [
        manifest("EmrServerlessApplication", "adhoc"),
        manifest("EmrSecurityConfiguration", "locks"),
        legacy(),
        migration(&["EmrCluster/legacy", "EmrServerlessApplication/adhoc"]),
    ];
    let account = Account::with(&manifests).await;
    account.seed(json!({ "security_configurations": [{ "name": "bau-lock", "configuration": {} }] })).await;
    let ids = account.seed(seed(json!([]))).await;
    let id = ids["applications"]["bau-adhoc"].as_str().unwrap().to_owned();
    account.apply(FIRST, true).await;
    // A project may leave kinds out.
    let kinds: Vec<_> = plumb_core::kinds::all().iter().copied().filter(|kind| kind.name() != "EmrCluster").collect();
    let (desired, mut live, _) = account.plan(LATER, true).await;
    live.kinds.remove("EmrCluster");
    let decision = plumb_core::plan::decide(&plumb_core::plan::Input {
        desired: &desired,
        live: &live,
        baselines: &Default::default(),
        selection: &Default::default(),
        head: None,
        base: None,
        today: jiff::civil::date(2024, 6, 20),
        now: LATER.parse().unwrap(),
        approval_key: None,
        who: "ann",
        allow_teardown: true,
        kinds: &kinds,
        absent: &[],
    });
    for id in [id.as_str(), "bau-lock"] {
        let says = "has to go first: EMR clusters, which were not read".to_owned();
        assert_eq!(open(&decision.plan, id), [("order".to_owned(), says)]);
    }
    assert!(decision.plan.changes.iter().all(|c| c.action != Action::Terminate), "{}", world::text(&decision.plan));
}
