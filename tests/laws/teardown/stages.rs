//! The stages, one after the other, of long-running clusters.

use super::account::{
    Account, FIRST, LATER, MARK, assert_done, compare, legacy, made, migration, new_pipeline, open, pending, report,
};
use crate::world;
use plumb_core::plan::Action;
use plumb_core::plan::drift::drift;
use plumb_core::teardown::{Evidence, Stage};
use plumb_model::call::{Call, Method, System};
use serde_json::json;

async fn account() -> Account {
    Account::with(&[legacy(), migration(&["EmrCluster/legacy"])]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protected_cluster_ends_stage_by_stage() {
    let account = account().await;
    let id = account.cluster("bau-audience-2023", true).await;
    let other = account.cluster("somebody-elses", false).await;

    // Marked: tags are written and nothing else, also with --allow-teardown and after the day.
    let (plan, outcome) = account.apply(FIRST, true).await;
    assert_eq!(plan.changes.len(), 1, "{}", world::text(&plan));
    assert_eq!((plan.changes[0].action, pending(&plan, &id).stage), (Action::Mark, Stage::Active));
    assert_done(&outcome, 1);
    assert_eq!(account.writes().await, ["AddTags"]);
    let tags = account.tags(&id).await;
    assert_eq!(tags["plumb"], MARK);
    assert_eq!(
        (&tags["plumb_teardown_marked"], &tags["plumb_teardown_by"]),
        (&json!(format!("2024-05-20T12:00:00Z {id}")), &json!("ann"))
    );
    assert_eq!((&tags["plumb_teardown_not_before"], &tags["team"]), (&json!("2024-06-01"), &json!("bau")));

    // It waits for the day and the grace; --allow-teardown changes nothing.
    for allow_teardown in [false, true] {
        let (plan, _) = account.apply("2024-05-25T12:00:00Z", allow_teardown).await;
        assert!(plan.changes.is_empty(), "{}", world::text(&plan));
        let open: Vec<String> = open(&plan, &id).into_iter().map(|(name, _)| name).collect();
        assert_eq!(open, ["date", "grace"]);
        assert_eq!(account.writes().await, [""; 0]);
    }

    // Due: said, and not done without --allow-teardown.
    let (plan, _) = account.apply(LATER, false).await;
    assert!(plan.changes.is_empty() && pending(&plan, &id).stage == Stage::Due, "{}", world::text(&plan));
    assert_eq!(pending(&plan, &id).next, "`plumb apply --allow-teardown` terminates it");
    assert_eq!(account.writes().await, [""; 0]);

    // Terminated: protection off, looked at again, terminated, waited for.
    let (plan, outcome) = account.apply(LATER, true).await;
    assert_eq!(plan.changes[0].action, Action::Terminate);
    assert_done(&outcome, 1);
    assert_eq!(account.writes().await, ["SetTerminationProtection", "TerminateJobFlows"]);
    let log = account.world.requests().await;
    let place = |path: &str| log.iter().position(|r| r["path"] == format!("/elasticmapreduce/{path}")).unwrap();
    let (off, gone) = (place("SetTerminationProtection"), place("TerminateJobFlows"));
    let between: Vec<&str> = log[off + 1..gone].iter().map(|r| r["path"].as_str().unwrap()).collect();
    assert_eq!(between, ["/elasticmapreduce/DescribeCluster", "/elasticmapreduce/ListSteps"]);
    assert_eq!(log[off]["body"], json!({ "JobFlowIds": [id], "TerminationProtected": false }));
    assert_eq!(account.state(&id).await, "TERMINATED");

    // What was not matched lives on, untouched, and there is nothing left to do.
    assert_eq!(
        (account.state(&other).await.as_str(), account.tags(&other).await),
        ("WAITING", json!({ "team": "bau" }))
    );
    let (_, live, decision) = account.plan(LATER, true).await;
    assert!(decision.plan.is_empty() && decision.plan.teardown.is_empty(), "{}", world::text(&decision.plan));
    assert!(live.runs.is_empty(), "a tombstone reads no runs");

    // One that matches and starts now has come back: it is drift, and it is only marked.
    let again = super::account::cluster("bau-audience-2024-06", json!({ "Owner": "eve" }), false, json!([]));
    let again = json!({ "run": again["run"], "created": "2024-06-19T04:00:00Z" });
    let again = account.seeded(again).await;
    let (plan, outcome) = account.apply(LATER, true).await;
    let back = pending(&plan, &again).returned.clone().unwrap();
    assert_eq!(back, "started 2024-06-19 (Owner: eve), although there were to be none from 2024-06-01 on");
    let drifted = drift(&plan);
    assert_eq!(drifted.changes.len(), 1, "{}", world::text(&drifted));
    assert!(drifted.changes[0].reason.as_ref().unwrap().starts_with("returned: started 2024-06-19"));
    assert_done(&outcome, 1);
    assert_eq!(account.writes().await, ["AddTags"]);
    assert_eq!(account.state(&again).await, "WAITING");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gate_blocks_by_itself_and_says_why() {
    let mut account = account().await;
    let id = account.cluster("bau-audience-2023", false).await;
    account.apply(FIRST, false).await;
    let well = account.world.state().await;
    let (plan, _) = account.apply(LATER, false).await;
    assert_eq!(open(&plan, &id), [], "{}", world::text(&plan));

    // The day, and the grace from the mark on.
    let says = |plan: &plumb_core::plan::Plan| open(plan, &id);
    let blocked = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
    let mut manifest = legacy();
    manifest["spec"]["teardown"]["grace"] = json!("5d");
    account.declare(&[manifest]);
    assert_eq!(says(&account.apply("2024-05-31T23:59:59Z", true).await.0), blocked("date", "not before 2024-06-01"));
    let mut manifest = legacy();
    manifest["spec"]["teardown"]["grace"] = json!("14d");
    account.declare(&[manifest]);
    assert_eq!(
        says(&account.apply("2024-06-03T11:59:59Z", true).await.0),
        blocked("grace", "14d from 2024-05-20 12:00 UTC end 2024-06-03 12:00 UTC")
    );
    assert_eq!(says(&account.apply("2024-06-03T12:00:00Z", false).await.0), []);

    // Protected by its manifest.
    let mut manifest = legacy();
    manifest["metadata"]["lifecycle"] = json!({ "protect": true });
    account.declare(&[manifest]);
    assert_eq!(
        says(&account.apply(LATER, true).await.0),
        blocked("protect", "its manifest has `metadata.lifecycle.protect`")
    );
    account.declare(&[legacy()]);

    // The successor is not live: its mark is gone.
    let mut state = well.clone();
    for job in state["databricks"]["jobs"].as_object_mut().unwrap().values_mut() {
        job["settings"]["tags"] = json!({});
    }
    account.world.put_state(&state).await;
    let plan = account.plan(LATER, true).await.2.plan;
    assert_eq!(says(&plan), blocked("successors", "DatabricksJob/cleanse is not live"));
    assert!(plan.changes.iter().all(|c| c.action != Action::Terminate));
    account.world.put_state(&well).await;

    // Its last run failed, and it takes two good ones again.
    account.world.settings(json!({ "runs": { "cleanse": { "result": "FAILED" } } })).await;
    account.run_job().await;
    let (plan, _) = account.apply(LATER, true).await;
    let open_now = says(&plan);
    assert!(open_now.len() == 1 && open_now[0].0 == "successors", "{open_now:?}");
    assert!(open_now[0].1.contains("0 good runs of 2, since run ") && open_now[0].1.ends_with(" ended FAILED"));
    account.world.settings(json!({ "runs": {} })).await;
    account.run_job().await;
    assert!(says(&account.apply(LATER, true).await.0)[0].1.contains("1 good run of 2"));
    account.run_job().await;
    assert_eq!(says(&account.apply(LATER, false).await.0), []);

    // A DAG that may start clusters: of other people's code, and of plumb's own.
    for (dag, name) in [("old_code", "old-code"), ("of_plumb", "of-plumb")] {
        let switch = |paused: bool| {
            Call::set(System::Airflow, Method::Patch, format!("/api/v2/dags/{dag}"), json!({ "is_paused": paused }))
        };
        account.world.person(switch(false)).await;
        let (_, _, decision) = account.plan(LATER, true).await;
        let text = format!("AirflowDag/{name} is not paused and may start clusters");
        assert_eq!(says(&decision.plan), blocked("dags", &text));
        assert!(decision.plan.changes.iter().all(|c| c.action != Action::Terminate));
        account.world.person(switch(true)).await;
    }

    // Paused by hand, and the same apply would switch it on, or make it and switch it on.
    let mut on = new_pipeline();
    on[2]["spec"]["paused"] = json!(false);
    account.declare(&on);
    let text = "AirflowDag/of-plumb: its manifest does not have `paused: true`, so an apply switches it on";
    let (_, live, decision) = account.plan(LATER, true).await;
    assert_eq!(says(&decision.plan), blocked("dags", text));
    assert!(
        live.of("AirflowDag").iter().any(|f| f.seen.spec()["dag_id"] == "of_plumb" && f.seen.spec()["paused"] == true)
    );
    on[2]["metadata"]["name"] = json!("yet-to-come");
    let mut manifest = legacy();
    manifest["spec"]["teardown"]["requires"]["dagPaused"] = json!(["AirflowDag/yet-to-come"]);
    account.declare(&[on[2].clone(), manifest]);
    let plan = account.plan(LATER, true).await.2.plan;
    assert_eq!(says(&plan), blocked("dags", &text.replace("of-plumb", "yet-to-come")));
    // The id of a DAG of others is mistyped: it must not read as gone.
    let mistyped = json!({ "dag_id": "old_kode", "source": "external" });
    let mut dag = on[2].clone();
    dag["spec"] = mistyped;
    account.declare(&[dag]);
    let (_, _, decision) = account.plan(LATER, true).await;
    let text = "AirflowDag/yet-to-come: Airflow has no DAG of its `dag_id`: fix that, or take it out of `dagPaused`";
    assert_eq!(says(&decision.plan), blocked("dags", text));
    assert!(decision.plan.changes.iter().all(|c| c.action != Action::Terminate));
    account.files.remove("AirflowDag-yet-to-come.yaml");
    account.declare(&new_pipeline());
    account.declare(&[legacy()]);

    // Reports of comparisons: none, one that failed, a file that is none.
    let of = |files: Vec<(String, String)>| Evidence::parse(files, None);
    for (evidence, text) in [
        (of(vec![]), "Migration/audience: 0 of 1 periods compared equal, no report in evidence/"),
        (
            of(vec![report("2024-04", true), report("2024-05", false)]),
            "Migration/audience: 0 of 1 periods compared equal, 2024-05 failed, typed by hand: the migration has no `compare`",
        ),
        (
            of(vec![report("2024-04", true), ("evidence/x.json".into(), "{".into())]),
            "evidence/x.json cannot be read: it is no JSON: it ends too early, at line 1, column 1",
        ),
    ] {
        account.evidence = evidence;
        assert_eq!(says(&account.apply(LATER, true).await.0), blocked("parity", text));
    }

    // Of a migration with `compare` reports of its rules count, and where that is asked for, signed ones alone.
    let mut compared = migration(&["EmrCluster/legacy"]);
    compared["spec"]["compare"] = compare();
    account.declare(&[compared]);
    let signed = |signed: bool| {
        let mut manifest = legacy();
        manifest["spec"]["teardown"]["requires"]["parity"]["signed"] = json!(signed);
        manifest
    };
    let none = "Migration/audience: 0 of 1 periods compared equal, no report in evidence/ counts, \
                evidence/2024-05.json does not count: ";
    for (is_signed, file, key, text) in [
        (false, report("2024-05", true), None, format!("{none}it does not say by which rules, as if typed by hand")),
        (
            false,
            made("2024-05", false, None),
            None,
            "Migration/audience: 0 of 1 periods compared equal, 2024-05 differs in `segments`".to_owned(),
        ),
        (
            true,
            made("2024-05", true, Some("key")),
            None,
            format!("{none}its signature cannot be verified: PLUMB_EVIDENCE_KEY is not set"),
        ),
        (
            true,
            made("2024-05", true, None),
            Some("key"),
            format!("{none}it is not signed, and `requires.parity.signed` asks for it"),
        ),
    ] {
        account.declare(&[signed(is_signed)]);
        account.evidence = Evidence::parse([file], key);
        assert_eq!(says(&account.apply(LATER, true).await.0), blocked("parity", &text));
    }
    for (is_signed, file) in [(false, made("2024-05", true, None)), (true, made("2024-05", true, Some("key")))] {
        account.declare(&[signed(is_signed)]);
        account.evidence = Evidence::parse([file], Some("key"));
        assert_eq!(says(&account.plan(LATER, false).await.2.plan), [], "every gate holds");
    }
    account.declare(&[migration(&["EmrCluster/legacy"]), legacy()]);
    account.evidence = of(vec![report("2024-04", true)]);

    // A step that runs.
    account.add_step(&id).await;
    let (plan, _) = account.apply(LATER, true).await;
    let open_now = says(&plan);
    assert!(open_now.len() == 1 && open_now[0].0 == "busy", "{open_now:?}");
    assert!(open_now[0].1.starts_with("step s-") && open_now[0].1.ends_with("\"by hand\" is RUNNING"), "{open_now:?}");
    assert_eq!(account.writes().await, [""; 0]);
    assert_eq!(account.state(&id).await, "RUNNING");
}
