//! Teardown in front of an EMR that cannot be relied on: a look that fails proves nothing, and whatever is said of a
//! cluster is true.

use super::account::{Account, LATER, cluster, legacy};
use crate::unfaithful_proxy::{Proxy, Tricks};
use crate::world;
use plumb_core::plan::Action;
use plumb_core::plan::outcome::Ended;
use plumb_core::render::outcome;
use plumb_model::call::{Call, Sending, Service, ServiceError};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Clusters of the old pipeline that are marked, protected every other one, and due by [`LATER`].
async fn due(count: usize) -> (Account, Vec<String>) {
    let mut manifest = legacy();
    manifest["spec"]["teardown"] = json!({ "notBefore": "2024-06-01" });
    let account = Account::with(&[manifest]).await;
    let mut ids = Vec::new();
    for i in 0..count {
        let name = format!("bau-audience-{i}");
        ids.push(account.seeded(cluster(&name, json!({ "team": "bau" }), i % 2 == 0, json!([]))).await);
    }
    let (_, outcome) = account.apply(super::account::FIRST, false).await;
    assert!(outcome.changes.len() == count && outcome.changes.values().all(Ended::is_done), "{outcome:?}");
    (account, ids)
}

/// An EMR that takes the cluster down and cannot describe it for so many looks afterwards.
struct Blind {
    account: Arc<Account>,
    fault: ServiceError,
    looks: AtomicUsize,
    ends: std::sync::atomic::AtomicBool,
}

impl Service for Blind {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let looks = call.path.ends_with("/DescribeCluster") && self.ends.load(Ordering::SeqCst);
            let left = |n: usize| n.checked_sub(1);
            if looks && self.looks.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok() {
                return Err(self.fault.clone());
            }
            let answer = self.account.world.direct().send(call).await;
            self.ends.fetch_or(call.path.ends_with("/TerminateJobFlows"), Ordering::SeqCst);
            answer
        })
    }
}

fn refused(status: u16, doubt: Option<plumb_model::call::Doubt>) -> ServiceError {
    let (line, code, message) = ("DescribeCluster".into(), "InternalFailure".into(), "oops".into());
    ServiceError::Refused { line, status, code, message, request_id: None, retry_after: None, doubt }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_fails_is_no_end() {
    let faults = [
        refused(500, None),
        refused(503, None),
        refused(404, Some(plumb_model::call::Doubt::Foreign)),
        ServiceError::Lost { line: "DescribeCluster".into(), why: "reset".into() },
    ];
    for fault in faults {
        for (looks, is_seen) in [(1, true), (3, true), (usize::MAX, false)] {
            let what = format!("{fault}, {looks} times");
            let (account, ids) = due(1).await;
            let account = Arc::new(account);
            let (desired, live, decision) = account.plan(LATER, true).await;
            let blind = Blind {
                account: account.clone(),
                fault: fault.clone(),
                looks: AtomicUsize::new(looks),
                ends: Default::default(),
            };
            let services = account.world.through(Arc::new(blind));
            let outcome = account.carry_out(&services, &desired, &live, decision).await;
            match outcome.changes.values().next().unwrap() {
                ended if is_seen => {
                    assert!(ended.is_done(), "{what}: {ended:?}");
                    assert_eq!(account.state(&ids[0]).await, "TERMINATED", "{what}");
                }
                Ended::Failed { why, sent } => {
                    assert!(why.contains("it cannot be seen"), "{what}: {why}");
                    assert!(sent.iter().any(|line| line.ends_with("/TerminateJobFlows")), "{what}: {sent:?}");
                }
                ended => panic!("{what}: {ended:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_emr_answers_what_is_said_of_a_teardown_is_true() {
    for seed in 0..4 {
        let (account, ids) = due(6).await;
        let stranger = account.cluster("another-team", false).await;
        let proxy = Proxy::new(seed);
        let mut urls = account.world.urls();
        urls[2] = Some(proxy.before(urls[2].as_ref().unwrap()).await);
        let services = account.world.at(urls);
        let mut rounds = 0;
        loop {
            let what = format!("seed {seed}, round {rounds}");
            let (desired, live, decision) = account.plan(LATER, true).await;
            let plan = decision.plan.clone();
            if plan.changes.is_empty() {
                break;
            }
            rounds += 1;
            assert!(rounds < 40, "{what}\n{}", world::text(&plan));
            let mut before = std::collections::BTreeMap::new();
            for id in &ids {
                before.insert(id.clone(), described(&account, id).await);
            }
            proxy.log();
            proxy.tricks(Tricks { writes: 40, reads: 45, ..Tricks::default() });
            let outcome = account.carry_out(&services, &desired, &live, decision).await;
            proxy.tricks(Tricks::default());
            let log = proxy.log();
            let lines = outcome::lines(&outcome);
            for change in &plan.changes {
                let id = change.id.as_ref().unwrap();
                let now = described(&account, id).await;
                let prefix = format!("{}: ", change.address);
                let said = lines.iter().find_map(|said| said.text.strip_prefix(&prefix)).unwrap_or_default();
                let what = format!("{what}, {:?} of {id}, {now:?}, said: {said}", change.action);
                match &outcome.changes[&change.address] {
                    Ended::Done { .. } if change.action == Action::Terminate => {
                        assert_eq!(now.0, "TERMINATED", "{what}");
                    }
                    Ended::Done { .. } => {}
                    Ended::Failed { sent, .. } if sent.is_empty() => {
                        assert!(said.contains("(nothing of it was done)"), "{what}");
                        assert_eq!(before[id], now, "{what}");
                    }
                    Ended::Failed { sent, .. } => {
                        assert!(said.contains("done so far"), "{what}");
                        let ends = sent.iter().any(|line| line.ends_with("/TerminateJobFlows"));
                        assert_eq!(ends, now.0.starts_with("TERMINAT"), "{what}: {sent:?}");
                    }
                    Ended::Unknown { .. } => {
                        assert!(said.contains("whether it was done is not known"), "{what}");
                        assert!(log.iter().any(|p| p.write && !p.faithful), "{what}");
                    }
                    Ended::Stale { .. } => assert_eq!(before[id], now, "{what}"),
                    other => panic!("{what}: {other:?}"),
                }
            }
        }
        assert!(rounds > 0);
        for id in &ids {
            assert!(account.state(id).await.starts_with("TERMINAT"), "seed {seed}: {id} is left");
        }
        assert_eq!(account.state(&stranger).await, "WAITING", "seed {seed}: another team's");
    }
}

/// State, protection and tags of a cluster: what a teardown changes.
async fn described(account: &Account, id: &str) -> (String, bool, String) {
    let cluster = account.describe(id).await;
    let state = cluster["Status"]["State"].as_str().unwrap().to_owned();
    (state, cluster["TerminationProtected"] == true, cluster["Tags"].to_string())
}
