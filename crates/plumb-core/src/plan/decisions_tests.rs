//! What waits for open decisions: that which would make their manifests live, what has to come after it, and nothing else.

#![allow(clippy::unwrap_used)]

use super::plan_world::*;
use super::*;
use crate::render::{self, MarkdownOptions, Style};
use serde_json::json;

/// A manifest in which so many decisions are open.
fn open(document: &str, decisions: usize) -> String {
    let comments: String = (1..=decisions).map(|n| format!("# DECISION: question {n} @team\n")).collect();
    document.replacen("---\n", &format!("---\n{comments}"), 1)
}

const OWN: &str = "bau/prod/DatabricksInstancePool/a";

fn of_guard(plan: &Plan) -> Vec<&Blocked> {
    plan.blocked.iter().filter(|blocked| blocked.guard == Some(Guard::Decisions)).collect()
}

#[test]
fn what_makes_an_undecided_manifest_live_is_held_and_nothing_else() {
    let a = |metadata: &str| open(&pool("a", metadata), 1);
    let other = json!({"max_capacity": 3});
    let rows: Vec<(&str, World, &[&str])> = vec![
        ("created", World::of(a("")), &["blocked a", "create a"]),
        ("updated", World::of(a("")).applied(POOL, "a", "p-1", other), &["blocked a", "update a"]),
        (
            "replaced",
            World::of(a("")).applied(POOL, "a", "p-1", json!({"node_type_id": "x"})),
            &["blocked a", "replace a"],
        ),
        ("adopted", World::of(a(", adopt: p-1")).with_pool("p-1", "x", ""), &["adopt a", "blocked a"]),
        (
            "renamed",
            World::of(a(", previousNames: [old]")).with_pool("p-1", "a", &OWN.replace("/a", "/old")),
            &["blocked a", "move a"],
        ),
        ("up to date", World::of(a("")).applied(POOL, "a", "p-1", json!({})), &[]),
        ("not selected", World::of(a("") + &pool("b", "")).only(&["b"]), &["create b"]),
        ("another is decided", World::of(a("") + &pool("b", "")), &["blocked a", "create a", "create b"]),
        (
            "another goes",
            World::of(a("")).with_pool("p-2", "b", &OWN.replace("/a", "/b")),
            &["blocked a", "create a", "delete b"],
        ),
    ];
    assert_eq!(World::of(pool("a", "")).says(), ["create a"], "what is decided");
    for (what, world, wanted) in rows {
        assert_eq!(world.says(), wanted, "{what}");
        let mut plan = world.plan();
        let (digest, before) = (plan.digest.clone(), plan.changes.len());
        let held = hold_back(&mut plan);
        assert_eq!(held.len(), of_guard(&plan).len(), "{what}");
        assert!(plan.changes.iter().all(|change| change.address.name != "a"), "{what}");
        assert_eq!((plan.changes.len() + held.len(), &plan.digest), (before, &digest), "{what}");
        // Where it is only warned of, the same is done, and the same is what is approved.
        let mut warned = World { guards: json!({"decisions": "warn"}), ..world };
        let plan = warned.plan();
        assert!(of_guard(&plan).is_empty() && hold_back(&mut plan.clone()).is_empty(), "{what}");
        assert_eq!(plan.digest, digest, "{what}");
        assert_eq!(
            plan.notes.iter().any(|note| note.message.contains("decisions are open")),
            !held.is_empty(),
            "{what}"
        );
        // And what is open is part of no digest.
        warned.manifests = warned.manifests.replace("# DECISION: ", "# decided: ");
        assert_eq!(warned.plan().digest, digest, "{what}");
    }
}

#[test]
fn what_has_to_come_after_it_waits_with_it() {
    let cluster = |name: &str, pool: &str| {
        let id = format!("${{resources.{POOL}.{pool}}}");
        manifest(
            CLUSTER,
            name,
            "",
            &json!({"cluster_name": name, "spark_version": "15.4.x-scala2.12", "num_workers": 1,
            "instance_pool_id": id}),
        )
    };
    let all = open(&pool("a", ""), 2) + &pool("b", "") + &cluster("of-a", "a") + &cluster("of-b", "b");
    let mut plan = World::of(all.clone()).plan();
    let reasons: Vec<String> =
        of_guard(&plan).iter().map(|b| format!("{}: {}", b.address.as_ref().unwrap(), b.reason)).collect();
    let wanted = [
        "DatabricksCluster/of-a: it comes after DatabricksInstancePool/a, which waits for decisions",
        "DatabricksInstancePool/a: 2 decisions are open in its manifest, the first: question 1 @team",
    ];
    assert_eq!(reasons, wanted);
    let names = |list: Vec<plumb_model::address::Address>| list.into_iter().map(|a| a.name).collect::<Vec<_>>();
    assert_eq!(names(hold_back(&mut plan)), ["a", "of-a"]);
    assert_eq!(names(plan.changes.iter().map(|c| c.address.clone()).collect()), ["b", "of-b"]);
    // Once it is live, what refers to it has nothing to wait for.
    let world = World::of(all).applied(POOL, "a", "p-1", json!({}));
    assert!(of_guard(&world.plan()).is_empty());
}

#[test]
fn what_another_guard_has_against_it_does_not_matter_meanwhile() {
    let mut plan = World::of(open(&pool("a", ""), 1)).plan();
    for (guard, address) in
        [(Guard::RunNow, Some(address("a"))), (Guard::RunNow, Some(address("b"))), (Guard::Branch, None)]
    {
        plan.blocked.push(Blocked { guard: Some(guard), address, reason: "no".into(), remedy: None });
    }
    hold_back(&mut plan);
    let left: Vec<_> = plan.blocked.iter().map(|b| (b.guard, b.address.as_ref().map(|a| a.name.as_str()))).collect();
    let wanted = [(Some(Guard::Decisions), Some("a")), (Some(Guard::RunNow), Some("b")), (Some(Guard::Branch), None)];
    assert_eq!(left, wanted);
}

#[test]
fn drift_is_what_it_is() {
    let applied = |manifests: String| World::of(manifests).applied(POOL, "a", "p-1", json!({"max_capacity": 3}));
    let (decided, undecided) = (applied(pool("a", "")), applied(open(&pool("a", ""), 4)));
    let of = |world: &World| drift::drift(&world.plan());
    let (wanted, found) = (of(&decided), of(&undecided));
    assert_eq!(wanted.digest, found.digest);
    assert!(!found.changes.is_empty() && found.blocked.is_empty() && found.decisions.is_none());
    // But for the lines of its manifest, which the comments move.
    let text = |plan: &Plan| render::text(plan, Style::default());
    let moved = text(&wanted).replace("all.yaml:2", "all.yaml:6").replace("all.yaml:5", "all.yaml:9");
    assert_eq!(moved, text(&found));
    // Where it is only warned of, that is no part of it either.
    let mut warned = World { guards: json!({"decisions": "warn"}), ..applied(open(&pool("a", ""), 4)) }.plan();
    assert_eq!(warned.notes.len(), 1);
    forget_decisions(&mut warned);
    assert!(warned.notes.is_empty() && warned.changes[0].decisions.is_empty());
    // And so it is healed.
    let desired = undecided.desired();
    let mut decision = undecided.decision(&desired);
    let field = &mut decision.plan.changes[0].fields[0];
    field.origin = Some(ChangeOrigin::Drift);
    assert_eq!(drift::heal(&mut decision, &desired, &undecided.live, &|_| true), []);
    assert!(decision.plan.changes.len() == 1 && decision.plan.blocked.is_empty());
}

#[test]
fn a_plan_says_what_is_open_where() {
    let manifests = open(&pool("a", ""), 5) + &open(&pool("b", ""), 1);
    let plan = World::of(manifests).applied(POOL, "b", "p-2", json!({})).plan();
    // A long line goes on below itself.
    let text = render::text(&plan, Style::default()).split_whitespace().collect::<Vec<_>>().join(" ");
    let markdown = render::markdown(&plan, &MarkdownOptions::default()).replace("\n!   ", " ");
    let markdown = markdown.split_whitespace().collect::<Vec<_>>().join(" ");
    for says in [
        "! to decide: question 1 @team (manifests/all.yaml:2)",
        "! to decide: question 3 @team (manifests/all.yaml:4)",
        "! to decide: 2 more",
        "! DatabricksInstancePool/a: 5 decisions are open in its manifest, the first: question 1 @team",
        "to allow it: decide, and delete each `# DECISION:` comment; or `plumb apply --override decisions`",
        // Those of what is up to date count too.
        "6 decisions open in 1 pipeline; `plumb validate` lists them.",
    ] {
        assert!(text.contains(says), "{says}\n{text}");
        assert!(markdown.contains(says), "{says}\n{markdown}");
    }
    assert!(!text.contains("question 4") && !markdown.contains("question 4"));
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["decisions"], json!({"open": 6, "pipelines": 1}));
    assert_eq!(json["changes"][0]["decisions"].as_array().unwrap().len(), 5);
    assert_eq!(
        json["changes"][0]["decisions"][4],
        json!({"what": "question 5 @team", "file": "manifests/all.yaml", "line": 6})
    );
    assert_eq!(json["blocked"][0]["guard"], "decisions");
}
