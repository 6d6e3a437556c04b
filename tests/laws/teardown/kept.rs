//! What stays: kept, matched twice, marked by others, and marks that somebody meddled with.

use super::account::{Account, FIRST, LATER, MARK, assert_done, cluster, legacy, open};
use crate::world;
use plumb_core::plan::Action;
use serde_json::{Value, json};

/// The manifest of the clusters without the gates that look elsewhere.
fn plain() -> Value {
    let mut manifest = legacy();
    manifest["spec"]["teardown"] = json!({ "notBefore": "2024-06-01", "grace": "14d" });
    manifest
}

fn with(pointer: &str, value: Value) -> Value {
    let mut manifest = plain();
    *manifest.pointer_mut(pointer).unwrap() = value;
    manifest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_takes_the_mark_off_and_nothing_else() {
    let mut account = Account::with(&[plain()]).await;
    let id = account.cluster("bau-audience-2023", true).await;
    account.apply(FIRST, true).await;
    assert_eq!(account.tags(&id).await["plumb"], MARK);
    account.declare(&[with("/spec/desired", json!("keep"))]);
    let (plan, outcome) = account.apply(LATER, true).await;
    assert_eq!(plan.changes[0].action, Action::Release, "{}", world::text(&plan));
    assert_done(&outcome, 1);
    assert_eq!(account.writes().await, ["RemoveTags"]);
    assert_eq!(account.tags(&id).await, json!({ "team": "bau" }));
    let (_, _, decision) = account.plan(LATER, true).await;
    assert!(decision.plan.is_empty() && decision.plan.teardown.is_empty());
    // Once more, and the grace begins anew.
    account.declare(&[plain()]);
    account.apply(LATER, true).await;
    let (plan, _) = account.apply("2024-07-04T11:59:00Z", true).await;
    assert_eq!(open(&plan, &id)[0].0, "grace");
    assert_eq!(account.state(&id).await, "WAITING");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_manifests_match_is_refused_and_the_rest_goes_on() {
    let mut other = with("/spec/match", json!({ "tags": { "team": "bau" } }));
    other["metadata"]["name"] = json!("by-team");
    other["spec"]["desired"] = json!("keep");
    let account = Account::with(&[plain(), other]).await;
    let both = account.cluster("bau-audience-2023", false).await;
    let one = account.seeded(cluster("bau-audience-2022", json!({}), false, json!([]))).await;
    let (plan, outcome) = account.apply(FIRST, true).await;
    assert_done(&outcome, 1);
    assert_eq!(
        (account.tags(&one).await["plumb"].as_str(), account.tags(&both).await),
        (Some(MARK), json!({ "team": "bau" }))
    );
    let reasons: Vec<&str> = plan.blocked.iter().map(|b| b.reason.as_str()).collect();
    assert_eq!(reasons, ["EmrCluster/legacy matches it too", "EmrCluster/by-team matches it too"], "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mark_of_somebody_else_is_left_alone() {
    for other in ["laws/test/EmrCluster/another", "other/test/EmrCluster/legacy", "laws/prod/EmrCluster/legacy"] {
        let account = Account::with(&[plain()]).await;
        let tags = json!({ "plumb": other, "plumb_rev": "0123456789ab-deadbeef",
            "plumb_teardown_marked": "2024-01-01T00:00:00Z", "plumb_teardown_not_before": "2024-06-01" });
        let id = account.seeded(cluster("bau-audience-2023", tags.clone(), false, json!([]))).await;
        for allow_teardown in [false, true] {
            let (plan, outcome) = account.apply(LATER, allow_teardown).await;
            assert_done(&outcome, 0);
            assert_eq!(plan.blocked[0].reason, format!("it is marked by {other}"));
            assert_eq!(account.writes().await, [""; 0]);
        }
        assert_eq!(account.tags(&id).await, tags);
    }
}

/// What became of a mark that somebody edited, after one more apply with `--allow-teardown`: the tags, and what was sent.
async fn after(edit: Value, off: &[&str]) -> (Value, Vec<String>) {
    let account = Account::with(&[plain()]).await;
    let id = account.cluster("bau-audience-2023", false).await;
    account.apply(FIRST, true).await;
    if let Some(edit) = edit.as_object().filter(|edit| !edit.is_empty()) {
        let rows: Vec<Value> = edit.iter().map(|(k, v)| json!({ "Key": k, "Value": v })).collect();
        account.emr("AddTags", json!({ "ResourceId": id, "Tags": rows })).await;
    }
    if !off.is_empty() {
        account.emr("RemoveTags", json!({ "ResourceId": id, "TagKeys": off })).await;
    }
    let (_, outcome) = account.apply(LATER, true).await;
    assert!(outcome.changes.values().all(plumb_core::plan::outcome::Ended::is_done), "{outcome:?}");
    (account.tags(&id).await, account.writes().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_that_somebody_meddled_with_begins_anew_or_is_mended() {
    const NOW: &str = "2024-06-20T12:00:00Z j-";
    // Gone as a whole, or in the part that says whose it is, when, of what, or at which commit: the grace starts again.
    let all = ["plumb", "plumb_rev", "plumb_teardown_marked", "plumb_teardown_by", "plumb_teardown_not_before"];
    let cases: [(Value, &[&str]); 10] = [
        (json!({}), &all),
        (json!({}), &["plumb"]),
        (json!({ "plumb": "no mark at all" }), &[]),
        (json!({ "plumb": "" }), &[]),
        (json!({}), &["plumb_teardown_marked"]),
        (json!({ "plumb_teardown_marked": "long ago" }), &[]),
        (json!({ "plumb_teardown_marked": "2024-01-01T00:00:00Z" }), &[]),
        (json!({ "plumb_teardown_marked": "2030-01-01T00:00:00Z" }), &[]),
        (json!({ "plumb_teardown_marked": "2024-01-01T00:00:00Z j-OTHER" }), &[]),
        (json!({ "plumb_rev": "x" }), &[]),
    ];
    for (edit, off) in cases {
        let (tags, writes) = after(edit.clone(), off).await;
        assert_eq!(writes, ["AddTags"], "{edit} {off:?}");
        assert_eq!(tags["plumb"], MARK, "{edit} {off:?}");
        assert!(tags["plumb_teardown_marked"].as_str().unwrap().starts_with(NOW), "{edit} {off:?}: {tags}");
    }
    // Another day, or none: the tag follows the manifest, and the grace goes on.
    for (edit, off) in [
        (json!({ "plumb_teardown_not_before": "2030-01-01" }), &[][..]),
        (json!({ "plumb_teardown_not_before": "2020-01-01" }), &[]),
        (json!({}), &["plumb_teardown_not_before"]),
    ] {
        let (tags, writes) = after(edit, off).await;
        assert_eq!(writes, ["AddTags"]);
        assert!(tags["plumb_teardown_marked"].as_str().unwrap().starts_with("2024-05-20T12:00:00Z j-"), "{tags}");
        assert_eq!(tags["plumb_teardown_not_before"], "2024-06-01");
    }
    // Who marked it decides nothing.
    let (_, writes) = after(json!({}), &["plumb_teardown_by"]).await;
    assert_eq!(writes, ["TerminateJobFlows"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_day_in_the_manifest_is_written_before_it_counts() {
    let mut account = Account::with(&[plain()]).await;
    let id = account.cluster("bau-audience-2023", false).await;
    account.apply(FIRST, true).await;
    for day in ["2024-08-01", "2024-05-01"] {
        account.declare(&[with("/spec/teardown/notBefore", json!(day))]);
        let (plan, outcome) = account.apply(LATER, true).await;
        assert_eq!(plan.changes[0].reason.as_deref(), Some("what its mark says is no longer so"));
        assert_done(&outcome, 1);
        assert_eq!(account.writes().await, ["AddTags"]);
        let tags = account.tags(&id).await;
        assert_eq!(
            (&tags["plumb_teardown_not_before"], &tags["plumb_teardown_marked"]),
            (&json!(day), &json!(format!("2024-05-20T12:00:00Z {id}")))
        );
        if day > LATER {
            let (plan, outcome) = account.apply(LATER, true).await;
            assert_done(&outcome, 0);
            assert_eq!(open(&plan, &id)[0].1, format!("not before {day}"));
        }
    }
    let (_, outcome) = account.apply(LATER, true).await;
    assert_done(&outcome, 1);
    assert_eq!(account.writes().await, ["TerminateJobFlows"]);
}
