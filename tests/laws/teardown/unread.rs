//! What cannot be read of EMR is neither marked nor ended, and nothing goes that it may be using.

use super::account::{Account, FIRST, LATER, legacy, migration, open};
use crate::world;
use plumb_model::call::{Answer, Call, Sending, Service, ServiceError};
use serde_json::{Value, json};
use std::sync::Arc;

type Edit = dyn Fn(&Call, &mut Value) -> Result<(), ServiceError> + Send + Sync;

struct Edited {
    inner: Arc<dyn Service>,
    edit: Box<Edit>,
}

impl Service for Edited {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let mut answer = self.inner.send(call).await?;
            (self.edit)(call, &mut answer.body)?;
            Ok(Answer { ..answer })
        })
    }
}

/// Replaces a part of what an operation answers.
fn with(operation: &'static str, pointer: &'static str, value: Value) -> Box<Edit> {
    Box::new(move |call, body| {
        if call.path.ends_with(operation) {
            *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{operation} has no {pointer}")) = value.clone();
        }
        Ok(())
    })
}

fn denied(operation: &'static str) -> Box<Edit> {
    Box::new(move |call, _| match call.path.ends_with(operation) {
        false => Ok(()),
        true => Err(ServiceError::Refused {
            line: call.line(),
            status: 400,
            code: "AccessDeniedException".into(),
            message: "not authorized".into(),
            request_id: None,
            retry_after: None,
            doubt: None,
        }),
    })
}

/// Every way in which a cluster cannot be read.
fn ways() -> Vec<(String, Box<Edit>)> {
    let mut ways: Vec<(String, Box<Edit>)> = Vec::new();
    for value in [json!(null), json!(5), json!("x"), json!([]), json!({})] {
        ways.push((format!("row {value}"), with("/ListClusters", "/Clusters/0", value.clone())));
        ways.push((format!("cluster {value}"), with("/DescribeCluster", "/Cluster", value.clone())));
        ways.push((format!("status {value}"), with("/DescribeCluster", "/Cluster/Status", value.clone())));
        if !value.is_array() {
            ways.push((format!("steps {value}"), with("/ListSteps", "/Steps", value.clone())));
        }
        if !value.is_null() && !value.is_array() {
            ways.push((format!("list {value}"), with("/ListClusters", "/Clusters", value.clone())));
            ways.push((format!("tags {value}"), with("/DescribeCluster", "/Cluster/Tags", value.clone())));
        }
    }
    for value in [json!(5), json!(["x"])] {
        ways.push((format!("row's id {value}"), with("/ListClusters", "/Clusters/0/Id", value.clone())));
        ways.push((format!("row's name {value}"), with("/ListClusters", "/Clusters/0/Name", value.clone())));
        ways.push((format!("id {value}"), with("/DescribeCluster", "/Cluster/Id", value.clone())));
        ways.push((format!("tag's key {value}"), with("/DescribeCluster", "/Cluster/Tags/0/Key", value.clone())));
    }
    ways.push(("denied".to_owned(), denied("/DescribeCluster")));
    ways.push(("denied steps".to_owned(), denied("/ListSteps")));
    ways
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_cannot_be_read_is_neither_marked_nor_ended() {
    let account = Account::with(&[legacy(), migration(&["EmrCluster/legacy"])]).await;
    let id = account.cluster("bau-audience-2023", false).await;
    for is_marked in [false, true] {
        if is_marked {
            account.apply(FIRST, false).await;
        }
        for (what, edit) in ways() {
            let services = account.world.through(Arc::new(Edited { inner: account.world.direct(), edit }));
            let (.., decision) =
                account.try_plan(&services, LATER, true).await.unwrap_or_else(|e| panic!("{what}: {e}"));
            let plan = decision.plan;
            assert!(plan.changes.is_empty(), "{what}: something would be done\n{}", world::text(&plan));
            let is_it = |b: &&plumb_core::plan::Blocked| {
                b.address.as_ref().is_some_and(|a| a.name == "legacy" || a.name == format!("legacy/{id}"))
            };
            let blocked = plan.blocked.iter().find(is_it);
            let reason = &blocked.unwrap_or_else(|| panic!("{what}: not said\n{}", world::text(&plan))).reason;
            assert!(reason.contains("could not be read"), "{what}: {reason}");
        }
    }
    assert_eq!(account.state(&id).await, "WAITING");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_that_a_cluster_may_be_using() {
    let strict = json!({
        "apiVersion": "plumb/v1", "kind": "EmrSecurityConfiguration", "metadata": { "name": "strict" },
        "spec": { "match": { "name": "strict" }, "desired": "teardown", "teardown": { "notBefore": "2024-06-01" } },
    });
    let account = Account::with(&[strict]).await;
    account.seed(json!({ "security_configurations": [{ "name": "strict", "configuration": {} }] })).await;
    account.cluster("somebody-elses", false).await;
    let (.., decision) = account.plan(LATER, true).await;
    assert_eq!(decision.plan.changes.len(), 1, "{}", world::text(&decision.plan));
    for edit in [with("/ListClusters", "/Clusters/0", json!({})), denied("/DescribeCluster")] {
        let services = account.world.through(Arc::new(Edited { inner: account.world.direct(), edit }));
        let plan = account.try_plan(&services, LATER, true).await.unwrap().2.plan;
        assert!(plan.changes.is_empty(), "{}", world::text(&plan));
        assert!(open(&plan, "strict").iter().any(|(gate, says)| gate == "order" && says.contains("could not be read")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dag_that_cannot_be_read_is_not_taken_for_gone_or_paused() {
    let account = Account::with(&[legacy(), migration(&["EmrCluster/legacy"])]).await;
    let id = account.cluster("bau-audience-2023", false).await;
    account.apply(FIRST, false).await;
    assert_eq!(account.plan(LATER, true).await.2.plan.changes.len(), 1, "it is due");
    for dag in ["old_code", "of_plumb"] {
        for (member, value) in [("dag_id", json!(5)), ("is_paused", json!("yes")), ("is_paused", json!(null))] {
            let edit: Box<Edit> = Box::new(move |call, body| {
                let rows = if call.path == "/api/v2/dags" { body["dags"].as_array_mut() } else { None };
                rows.into_iter().flatten().filter(|r| r["dag_id"] == dag).for_each(|r| r[member] = value.clone());
                Ok(())
            });
            let services = account.world.through(Arc::new(Edited { inner: account.world.direct(), edit }));
            let plan = account.try_plan(&services, LATER, true).await.unwrap().2.plan;
            assert!(plan.changes.is_empty(), "{dag} {member}: {}", world::text(&plan));
            assert!(open(&plan, &id).iter().any(|(_, says)| says.contains("read")), "{}", world::text(&plan));
        }
    }
}
