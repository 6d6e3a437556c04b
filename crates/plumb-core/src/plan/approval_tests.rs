//! What an approval covers, table by table: each part of an effect, what is disrupted, the key, and what waits for what.

#![allow(clippy::unwrap_used)]

use super::super::{FieldChange, Op};
use super::*;
use crate::cost::expected_end::{DeadlineOutlook, ExpectedEnd};
use crate::kinds::airflow::dag_deadline::DeadlineStart;
use serde_json::json;

const KEY: Option<&str> = Some("a key of the repository");

fn address(name: &str) -> Address {
    Address { kind: "DatabricksJob".into(), name: name.into() }
}

fn change(name: &str) -> Change {
    Change {
        id: Some("1".into()),
        title: name.into(),
        fields: vec![FieldChange {
            from: Some(json!(100)),
            to: Some(json!(200)),
            ..FieldChange::new("timeout_seconds", Op::Change)
        }],
        read: Some("what was read".into()),
        ..Change::new(address(name), Action::Update)
    }
}

fn disrupting(name: &str, classes: &[ImpactClass]) -> Change {
    Change { disrupts: classes.iter().copied().collect(), ..change(name) }
}

fn plan_in(workspace: &str, key: Option<&str>, changes: Vec<Change>) -> Plan {
    let mut plan = Plan {
        format: PlanFormat::V1,
        project: "bau".into(),
        target: "prod".into(),
        base: None,
        head: None,
        workspace: Some(workspace.into()),
        partial: None,
        digest: String::new(),
        changes,
        blocked: Vec::new(),
        teardown: Vec::new(),
        cutovers: Vec::new(),
        notes: Vec::new(),
        unchanged: 0,
        decisions: None,
        estimate: None,
        links: Default::default(),
    };
    for change in &mut plan.changes {
        change.digest = digest::of_change(change, Some(workspace), key);
        change.shown_read = change.read.as_deref().map(|read| digest::of_read(read, key));
    }
    plan.digest = digest::of_plan(&plan, key.is_some());
    plan
}

fn plan(changes: Vec<Change>) -> Plan {
    plan_in("1", None, changes)
}

/// As somebody saved it.
fn saved(plan: &Plan) -> Saved {
    Saved::parse(&serde_json::to_string(plan).unwrap()).unwrap()
}

#[test]
fn the_order_of_a_plan_is_no_part_of_its_digest() {
    let (one, other) = (plan(vec![change("b"), change("a")]), plan(vec![change("a"), change("b")]));
    assert_eq!(one.digest, other.digest);
    // A saved one is read in the order of addresses.
    assert_eq!((saved(&one).digest, saved(&other).digest), (one.digest, other.digest));
}

#[test]
fn a_digest_names_the_whole_effect_and_nothing_else() {
    let of = |edit: &dyn Fn(&mut Change)| {
        let mut change = change("a");
        edit(&mut change);
        digest::of_change(&change, Some("1"), None)
    };
    let first = of(&|_| {});
    let effects: [&dyn Fn(&mut Change); 12] = [
        &|c| c.address = address("b"),
        &|c| c.address.kind = "DatabricksCluster".into(),
        &|c| c.action = Action::Replace,
        // Approved for one object, done to another.
        &|c| c.id = Some("2".into()),
        &|c| c.id = None,
        &|c| c.moved_from = Some(address("old")),
        &|c| c.fields[0].path = "max_concurrent_runs".into(),
        &|c| c.fields[0].op = Op::Add,
        &|c| c.fields[0].from = Some(json!(150)),
        &|c| c.fields[0].from = None,
        &|c| c.fields[0].to = Some(json!(300)),
        &|c| c.fields.clear(),
    ];
    let mut digests: BTreeSet<String> = effects.iter().map(|edit| of(*edit)).collect();
    assert_eq!(digests.len(), effects.len());
    digests.insert(digest::of_change(&change("a"), Some("2"), None));
    digests.insert(digest::of_change(&change("a"), None, None));
    digests.insert(digest::of_change(&change("a"), Some("1"), KEY));
    digests.insert(digest::of_change(&change("a"), Some("1"), Some("another key")));
    assert!(digests.len() == effects.len() + 4 && !digests.contains(&first), "{digests:?}");
    // What is only for reading, or is named beside it.
    let same: [&dyn Fn(&mut Change); 7] = [
        &|c| c.title = "other".into(),
        &|c| c.reason = Some("why".into()),
        &|c| c.impacts = vec!["restarts the cluster".into()],
        &|c| c.disrupts = BTreeSet::from([ImpactClass::RestartsCluster]),
        &|c| c.next_run = Some("tomorrow".into()),
        &|c| {
            let expected = ExpectedEnd::Unknown { why: "no finished run yet".into() };
            let counts_from = DeadlineStart::Queued;
            let of = DeadlineOutlook { deadline: "6h".into(), counts_from, expected, is_missed: false };
            c.deadline = Some(Box::new(of));
        },
        &|c| c.fields[0].note = Some("note".into()),
    ];
    same.iter().for_each(|edit| assert_eq!(of(*edit), first));
}

#[test]
fn fewer_changes_and_fewer_disruptions_are_less_and_one_more_is_more() {
    use ImpactClass::{CancelsRuns, RestartsCluster};
    let approval = Approval::of(&plan(vec![change("a"), disrupting("b", &[RestartsCluster])]));
    let more = |changes: &[&str], disrupts: &[(&str, ImpactClass)]| ApprovalVerdict::More {
        changes: changes.iter().map(|name| address(name)).collect(),
        disrupts: disrupts.iter().map(|(name, class)| (address(name), *class)).collect(),
    };
    for (changes, wanted) in [
        (vec![change("a"), disrupting("b", &[RestartsCluster])], ApprovalVerdict::Same),
        (vec![change("a")], ApprovalVerdict::Less(1)),
        (vec![], ApprovalVerdict::Less(2)),
        // The cluster was stopped meanwhile.
        (vec![change("a"), change("b")], ApprovalVerdict::Less(0)),
        // It was started meanwhile; runs began.
        (vec![disrupting("a", &[RestartsCluster])], more(&["a"], &[("a", RestartsCluster)])),
        (vec![disrupting("b", &[RestartsCluster, CancelsRuns])], more(&["b"], &[("b", CancelsRuns)])),
        (vec![change("c")], more(&["c"], &[])),
        // One more is more, however many of the others were approved.
        (vec![change("a"), change("c")], more(&["c"], &[])),
        (vec![change("a"), disrupting("b", &[RestartsCluster]), change("c")], more(&["c"], &[])),
        (vec![change("a"), disrupting("b", &[CancelsRuns])], more(&["b"], &[("b", CancelsRuns)])),
        (vec![disrupting("c", &[RestartsCluster])], more(&["c"], &[])),
        (vec![Change { id: Some("2".into()), ..change("a") }], more(&["a"], &[])),
    ] {
        assert_eq!(approval.covers(&plan(changes)), wanted);
    }
    // Another workspace under the same names.
    assert_eq!(approval.covers(&plan_in("2", None, vec![change("a")])), more(&["a"], &[]));
    // By its digest alone, it is that plan or nothing; what it disrupts is a part of it.
    let by_digest = Approval::of_digest(&plan(vec![change("b")]).digest);
    assert_eq!(by_digest.covers(&plan(vec![change("b")])), ApprovalVerdict::Same);
    assert_eq!(by_digest.covers(&plan(vec![])), ApprovalVerdict::Less(0));
    assert_eq!(by_digest.covers(&plan(vec![disrupting("b", &[RestartsCluster])])), more(&["b"], &[]));
    assert_eq!(by_digest.covers(&plan_in("2", None, vec![change("b")])), more(&["b"], &[]));
}

#[test]
fn with_a_key_and_without_one_are_told_apart() {
    let (plain, keyed) = (plan(vec![change("a")]), plan_in("1", KEY, vec![change("a")]));
    assert!(keyed.digest.starts_with("k:") && keyed.changes[0].digest.starts_with("k:"), "{keyed:?}");
    assert!(is_digest(&plain.digest) && is_digest(&keyed.digest) && !is_digest("x:0123456789abcdef"));
    for (approved, now, wanted) in [
        (&plain, &plain, ApprovalVerdict::Same),
        (&keyed, &keyed, ApprovalVerdict::Same),
        (&plain, &keyed, ApprovalVerdict::OtherKey(OtherKey::Missing)),
        (&keyed, &plain, ApprovalVerdict::OtherKey(OtherKey::Unset)),
    ] {
        assert_eq!(Approval::of(approved).covers(now), wanted);
        assert_eq!(Approval::of_digest(&approved.digest).covers(now), wanted);
        assert_eq!(Approval::of_saved(&saved(approved)).covers(now), wanted);
    }
    // Nothing is left to do: there is nothing that a key would have to vouch for.
    assert_eq!(Approval::of(&plain).covers(&plan_in("1", KEY, vec![])), ApprovalVerdict::Less(1));
    // What a digest of an unkeyed plan can be guessed from says nothing without the key.
    assert_eq!(plain.changes[0].shown_read.as_deref(), Some("what was read"));
    assert_ne!(keyed.changes[0].shown_read, plain.changes[0].shown_read);
    // Another key is another approval.
    let other = plan_in("1", Some("another key"), vec![change("a")]);
    assert!(matches!(Approval::of(&other).covers(&keyed), ApprovalVerdict::More { .. }));
}

#[test]
fn a_saved_plan_keeps_what_is_as_it_was_and_holds_what_waits_for_the_rest() {
    let after = |name: &str, first: &[&str]| Change {
        depends_on: first.iter().map(|name| address(name)).collect(),
        ..change(name)
    };
    let chain = || vec![change("a"), after("b", &["a"]), after("c", &["b"]), after("d", &["c", "other"]), change("e")];
    let before = saved(&plan(chain()));
    let left = |mut now: Plan| {
        let kept = keep(&mut now, &before);
        let names: Vec<String> = now.changes.iter().map(|c| c.address.name.clone()).collect();
        (names.join(" "), kept)
    };
    let (names, kept) = left(plan(chain()));
    assert_eq!((names.as_str(), kept), ("a b c d e", KeptChanges::default()));
    // One is another: all that waits for it is held, link by link, and nothing else.
    let mut now = chain();
    now[0].fields[0].to = Some(json!(300));
    let (names, kept) = left(plan(now));
    assert_eq!(names, "e");
    let pair = |name: &str, first: &str| (address(name), address(first));
    assert_eq!(kept.held, [pair("b", "a"), pair("c", "b"), pair("d", "c")]);
    assert_eq!(kept.stale[0].1, ["timeout_seconds: planned 100 -> 200, now 100 -> 300"]);
    // One that was not saved and that another needs.
    let mut now = chain();
    now[4].depends_on = vec![address("f")];
    now.push(change("f"));
    let (names, kept) = left(plan(now));
    assert_eq!(
        (names.as_str(), &kept.new[..], &kept.held[..]),
        ("a b c d", &[address("f")][..], &[pair("e", "f")][..])
    );
    // It disrupts what it did not, or what was read of it is not what is live.
    let mut now = chain();
    now[4].disrupts = BTreeSet::from([ImpactClass::RestartsCluster]);
    let (names, kept) = left(plan(now));
    assert_eq!(names, "a b c d");
    assert_eq!(kept.stale[0].1, ["it would disrupt what it did not when the plan was made: `restarts-cluster`"]);
    let mut now = chain();
    now[4].read = Some("something else".into());
    assert_eq!(left(plan(now)).0, "a b c d");
    // Less disruption is less.
    let stopped = saved(&plan(vec![disrupting("e", &[ImpactClass::RestartsCluster])]));
    assert_eq!(keep(&mut plan(vec![change("e")]), &stopped), KeptChanges::default());
}

#[test]
fn a_saved_plan_that_was_edited_is_none() {
    let text = serde_json::to_string(&plan_in("1", KEY, vec![disrupting("a", &[ImpactClass::CancelsRuns])])).unwrap();
    let parsed = Saved::parse(&text).unwrap();
    assert_eq!((parsed.workspace.as_deref(), parsed.changes.len()), (Some("1"), 1));
    for (from, to) in [
        ("\"workspace\":\"1\"", "\"workspace\":\"2\""),
        ("cancels-runs", "restarts-cluster"),
        ("\"target\":\"prod\"", "\"target\":\"test\""),
        ("\"digest\":\"k:", "\"digest\":\""),
    ] {
        let edited = text.replace(from, to);
        assert_ne!(edited, text, "{from}");
        assert!(Saved::parse(&edited).unwrap_err().contains("it was edited or is damaged"), "{from}");
    }
    // What cannot be read is not quoted.
    for secret in
        ["s3cr3t", "{\"format\": \"s3cr3t\"}", "{\"format\": \"plumb.plan/v1\", \"project\": {\"s3cr3t\": 1}}"]
    {
        let error = Saved::parse(secret).unwrap_err();
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}

#[test]
fn a_part_is_approved_as_a_part_and_saved_as_one() {
    let part = |only: &str| {
        let mut plan = plan(vec![change("a")]);
        plan.partial = Some(Partial { only: vec![only.into()], selected: 1, total: 2, ..Partial::default() });
        plan.digest = digest::of_plan(&plan, false);
        plan
    };
    let (whole, of_a, of_all) = (plan(vec![change("a")]), part("a"), part("*"));
    assert_eq!(Approval::of_digest(&of_a.digest).covers(&of_a), ApprovalVerdict::Same);
    for (approved, now) in [(&whole, &of_a), (&of_a, &whole), (&of_a, &of_all)] {
        let verdict = Approval::of_digest(&approved.digest).covers(now);
        assert!(matches!(verdict, ApprovalVerdict::More { .. }), "{verdict:?}");
    }
    // Who approved each change approved it in any plan.
    assert_eq!(Approval::of(&whole).covers(&of_a), ApprovalVerdict::Less(0));
    assert_eq!(saved(&of_a).partial, of_a.partial);
    let selection = saved(&of_a).partial.unwrap().selection();
    assert_eq!((selection.only, selection.labels), (vec!["a".to_owned()], vec![]));
    // A file of a part is none of the whole, however it is edited.
    let mut file = serde_json::to_value(&of_a).unwrap();
    file["partial"]["only"] = json!(["*"]);
    assert!(Saved::parse(&file.to_string()).unwrap_err().contains("edited"));
    file.as_object_mut().unwrap().remove("partial");
    assert!(Saved::parse(&file.to_string()).unwrap_err().contains("edited"));
}
