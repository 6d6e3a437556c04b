//! What happens between the plan and the call, and calls that go wrong.

use super::account::{Account, FIRST, LATER, legacy};
use crate::trouble::{Trouble, Troubled};
use plumb_core::plan::Action;
use plumb_core::plan::outcome::Ended;
use plumb_model::call::{Call, Sending, Service};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The manifest of the clusters without gates but the day.
fn plain() -> Value {
    let mut manifest = legacy();
    manifest["spec"]["teardown"] = json!({ "notBefore": "2024-06-01" });
    manifest
}

async fn marked(names: &[&str], protected: bool) -> (Account, Vec<String>) {
    let account = Account::with(&[plain()]).await;
    let mut ids = Vec::new();
    for name in names {
        ids.push(account.cluster(name, protected).await);
    }
    account.apply(FIRST, true).await;
    (account, ids)
}

/// Every TerminateJobFlows of the log is for one cluster; the ids of those.
pub async fn terminated(account: &Account) -> Vec<String> {
    let sent = account.sent().await.into_iter().filter(|r| r["path"] == "/elasticmapreduce/TerminateJobFlows");
    sent.map(|r| {
        let ids = r["body"]["JobFlowIds"].as_array().unwrap();
        assert_eq!(ids.len(), 1, "{r}");
        ids[0].as_str().unwrap().to_owned()
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_before_the_calls_keeps_its_cluster_and_no_other() {
    for protected in [false, true] {
        let (account, ids) = marked(&["bau-audience-1", "bau-audience-2"], protected).await;
        let (desired, live, decision) = account.plan(LATER, true).await;
        assert!(decision.plan.changes.iter().filter(|c| c.action == Action::Terminate).count() == 2);
        account.add_step(&ids[0]).await;
        account.world.forget_requests().await;
        let outcome = account.carry_out(&account.world.services(), &desired, &live, decision).await;
        assert_eq!(terminated(&account).await, [ids[1].clone()]);
        for (address, ended) in &outcome.changes {
            match address.name.ends_with(&ids[0]) {
                true => {
                    let Ended::Stale { differences, .. } = ended else { panic!("{ended:?}") };
                    assert!(differences[0].ends_with("\"by hand\" is RUNNING"), "{differences:?}");
                }
                false => assert!(ended.is_done(), "{ended:?}"),
            }
        }
        let still = account.describe(&ids[0]).await;
        assert_eq!((&still["Status"]["State"], &still["TerminationProtected"]), (&json!("RUNNING"), &json!(protected)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_before_the_calls_is_left_alone() {
    let edits: [(&str, Value); 4] = [
        ("AddTags", json!({ "Tags": [{ "Key": "hands", "Value": "off" }] })),
        ("RemoveTags", json!({ "TagKeys": ["plumb_teardown_marked"] })),
        ("RemoveTags", json!({ "TagKeys": ["plumb"] })),
        ("SetTerminationProtection", json!({ "TerminationProtected": true })),
    ];
    for (operation, mut body) in edits {
        let (account, ids) = marked(&["bau-audience-1"], false).await;
        let (desired, live, decision) = account.plan(LATER, true).await;
        let key = if operation == "SetTerminationProtection" { "JobFlowIds" } else { "ResourceId" };
        body[key] = if key == "ResourceId" { json!(ids[0]) } else { json!(ids) };
        account.emr(operation, body).await;
        account.world.forget_requests().await;
        let outcome = account.carry_out(&account.world.services(), &desired, &live, decision).await;
        assert!(matches!(outcome.changes.values().next(), Some(Ended::Stale { .. })), "{operation}: {outcome:?}");
        assert_eq!(account.writes().await, [""; 0], "{operation}");
    }
}

/// Does something to a cluster once its protection is off.
struct Meddler {
    account: Arc<Account>,
    id: String,
    what: &'static str,
}

impl Service for Meddler {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let answer = self.account.world.direct().send(call).await;
            if call.path.ends_with("/SetTerminationProtection") {
                match self.what {
                    "step" => self.account.add_step(&self.id).await,
                    "unmark" => {
                        let body = json!({ "ResourceId": self.id, "TagKeys": ["plumb"] });
                        self.account.emr("RemoveTags", body).await;
                    }
                    "protect" => {
                        let body = json!({ "JobFlowIds": [self.id], "TerminationProtected": true });
                        self.account.emr("SetTerminationProtection", body).await;
                    }
                    _ => {
                        self.account.emr("TerminateJobFlows", json!({ "JobFlowIds": [self.id] })).await;
                    }
                }
            }
            answer
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_once_the_protection_is_off_is_seen() {
    for (what, says) in [
        (
            "step",
            Some("is RUNNING; nothing was terminated, its protection is off, and the next apply goes on from there"),
        ),
        ("unmark", Some("its tags are not what they were; nothing was terminated, its protection is off")),
        ("protect", Some("its protection is still on")),
        ("terminate", None),
    ] {
        let (account, ids) = marked(&["bau-audience-1"], true).await;
        let account = Arc::new(account);
        let (desired, live, decision) = account.plan(LATER, true).await;
        let meddler = Arc::new(Meddler { account: account.clone(), id: ids[0].clone(), what });
        let services = account.world.through(meddler);
        account.world.forget_requests().await;
        let outcome = account.carry_out(&services, &desired, &live, decision).await;
        match (outcome.changes.values().next().unwrap(), says) {
            (Ended::Failed { why, sent }, Some(says)) => {
                assert!(why.contains(says), "{what}: {why}");
                assert_eq!(sent.len(), 1, "{what}: {sent:?}");
                assert!(terminated(&account).await.is_empty(), "{what}");
                assert!(["RUNNING", "WAITING"].contains(&account.state(&ids[0]).await.as_str()));
            }
            (ended, None) => assert!(ended.is_done(), "{what}: {ended:?}"),
            (ended, _) => panic!("{what}: {ended:?}"),
        }
        // The next apply goes on from what is true then.
        let (_, outcome) = account.apply(LATER, true).await;
        let writes = account.writes().await;
        assert!(outcome.changes.values().all(Ended::is_done), "{what}: {outcome:?}");
        match what {
            "step" | "terminate" => assert_eq!(writes, [""; 0], "{what}"),
            "unmark" => assert_eq!(writes, ["AddTags"]),
            _ => assert_eq!(writes, ["SetTerminationProtection", "TerminateJobFlows"]),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_the_next_apply_goes_on() {
    use Trouble::*;
    let mut account = Account::new().await;
    let application = json!({ "apiVersion": "plumb/v1", "kind": "EmrServerlessApplication", "metadata": { "name": "a" },
        "spec": { "match": { "name": "bau-*" }, "desired": "teardown", "teardown": { "notBefore": "2024-06-01" } } });
    let mut lock = application.clone();
    lock["kind"] = json!("EmrSecurityConfiguration");
    account.declare(&[plain(), application, lock]);
    let seed = json!({
        "security_configurations": [{ "name": "bau-lock", "configuration": {} }],
        "applications": [{ "state": "STARTED", "created": "2023-11-02T04:00:00Z", "create": { "name": "bau-adhoc", "type": "SPARK", "releaseLabel": "emr-7.1.0" } }],
    });
    let ids = account.seed(seed).await;
    let app = ids["applications"]["bau-adhoc"].as_str().unwrap().to_owned();
    let old = account.cluster("bau-audience-1", true).await;
    let other = account.cluster("somebody-elses", false).await;
    let begin = account.world.state().await;
    let marks = trouble_at(&account, FIRST, &begin, CALM).await;
    assert!(marks.len() >= 6, "{marks:?}");
    account.world.put_state(&begin).await;
    account.apply(FIRST, false).await;
    let due = account.world.state().await;
    let calls = trouble_at(&account, LATER, &due, CALM).await;
    assert!(calls.iter().any(|c| c.path.ends_with("TerminateJobFlows")) && calls.len() >= 10, "{calls:?}");
    let mut failed = BTreeMap::new();
    for (now, state, calls) in [(FIRST, &begin, &marks), (LATER, &due, &calls)] {
        for (n, call) in calls.iter().enumerate() {
            let line = call.line();
            let is_read =
                call.method == plumb_model::call::Method::Get || line.contains("/List") || line.contains("/Describe");
            let troubles: &[Trouble] = match is_read {
                true => &[FailsBefore, Truncates],
                false => {
                    &[FailsBefore, Busy, BreaksBefore, FailsAfter, BreaksAfter, Truncates, KilledBefore, KilledAfter]
                }
            };
            for trouble in troubles {
                let what = format!("{now}: {trouble:?} at {n}, {line}");
                trouble_at(&account, now, state, (*trouble, n)).await;
                let first = terminated(&account).await;
                // What is due is never sent before it is due, whatever goes wrong.
                assert!(now == LATER || first.is_empty(), "{what}");
                let (_, mut outcome) = account.apply(now, true).await;
                if outcome.changes.values().any(|e| matches!(e, Ended::Stale { .. })) {
                    // It was on its way when plumb was killed, and got there between the plan and the call.
                    outcome = account.apply(now, true).await.1;
                }
                if !outcome.changes.values().all(Ended::is_done) {
                    failed.insert(what.clone(), format!("{outcome:?}"));
                    continue;
                }
                let plan = account.plan(now, true).await.2.plan;
                assert!(plan.changes.is_empty(), "{what}: {}", crate::world::text(&plan));
                assert_eq!(account.state(&other).await, "WAITING", "{what}");
                if now == LATER {
                    // Nobody is left to wait for it when plumb was killed just then.
                    assert!(account.state(&old).await.starts_with("TERMINAT"), "{what}");
                    assert!(plan.teardown.is_empty(), "{what}: {app}");
                }
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_already_is_done_and_nothing_is_sent() {
    let mut account = Account::new().await;
    let lock = json!({ "apiVersion": "plumb/v1", "kind": "EmrSecurityConfiguration", "metadata": { "name": "a" },
        "spec": { "match": { "name": "bau-*" }, "desired": "teardown", "teardown": { "notBefore": "2024-06-01" } } });
    account.declare(&[plain(), lock]);
    account.seed(json!({ "security_configurations": [{ "name": "bau-lock", "configuration": {} }] })).await;
    let id = account.cluster("bau-audience-1", true).await;
    account.apply(FIRST, false).await;
    let state = account.world.state().await;
    let (desired, live, decision) = account.plan(LATER, true).await;
    let actions: Vec<Action> = decision.plan.changes.iter().map(|c| c.action).collect();
    assert_eq!(actions, [Action::Terminate, Action::Terminate]);
    // EMR has forgotten both of them.
    let mut empty = state.clone();
    for region in empty["emr"]["regions"].as_object_mut().unwrap().values_mut() {
        region["clusters"] = json!({});
        region["security"] = json!({});
    }
    account.world.put_state(&empty).await;
    account.world.forget_requests().await;
    let outcome = account.carry_out(&account.world.services(), &desired, &live, decision).await;
    assert!(outcome.changes.len() == 2 && outcome.changes.values().all(Ended::is_done), "{outcome:?}");
    assert_eq!(account.writes().await, [""; 0]);

    // The answer to the delete is lost, and by the second one it is gone.
    account.world.put_state(&state).await;
    let lost = json!({ "path": "*/DeleteSecurityConfiguration", "status": 500, "when": "after" });
    account.world.control("POST", "faults", lost).await;
    let (_, outcome) = account.apply(LATER, true).await;
    assert!(outcome.changes.len() == 2 && outcome.changes.values().all(Ended::is_done), "{outcome:?}");
    assert_eq!(account.state(&id).await, "TERMINATED");
}

/// Nothing goes wrong.
const CALM: (Trouble, usize) = (Trouble::None, usize::MAX);

/// Plans in peace and applies with one call going wrong. Answers the calls of the apply.
async fn trouble_at(account: &Account, now: &str, state: &Value, trouble: (Trouble, usize)) -> Vec<Call> {
    account.world.put_state(state).await;
    let (desired, live, decision) = account.plan(now, true).await;
    account.world.forget_requests().await;
    let troubled = Troubled::new(account.world.clone(), trouble.0, trouble.1);
    let services = account.world.through(troubled.clone());
    tokio::select! {
        _ = account.carry_out(&services, &desired, &live, decision) => {}
        () = troubled.was_killed() => {}
    }
    account.world.control("DELETE", "faults", Value::Null).await;
    troubled.calls.lock().unwrap().clone()
}
