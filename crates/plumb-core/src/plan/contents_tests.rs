//! What may be deleted or replaced of what holds data.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::plan::plan_world::{POOL, World, manifest, pool, pool_spec};
use proptest::prelude::*;

const OWN: &str = "bau/prod/DatabricksInstancePool";

fn thing(noun: &'static str, id: &str) -> Contained {
    Contained { noun, kind: None, id: id.into() }
}

fn table(id: &str) -> Contained {
    thing("table", id)
}

/// A pool that stands for what a manifest of its own could be about.
fn inner(id: &str) -> Contained {
    Contained { noun: "volume", kind: Some(POOL), id: id.into() }
}

fn holds(things: &[Contained]) -> Contents {
    Contents::of(Ok(things.to_vec()), false)
}

fn unknown() -> Contents {
    Contents::Unknown("403 PERMISSION_DENIED".into())
}

/// A pool without a manifest.
fn orphan() -> World {
    World::of("").with_pool("p-1", "a", &format!("{OWN}/a"))
}

/// One in another.
fn nested(things: &[Contained]) -> World {
    orphan()
        .with_pool("p-2", "b", &format!("{OWN}/b"))
        .holding("p-1", holds(&[inner("p-2")]))
        .holding("p-2", holds(things))
}

#[test]
fn an_object_is_deleted_with_its_data_only_where_its_live_mark_says_so() {
    let tables = || holds(&[table("s.c"), table("s.a"), table("s.b"), thing("volume", "s.v")]);
    let none = "no manifest asks for it any more";
    let forced = "bring the manifest back with `lifecycle.forceDestroy: true`, apply, and remove it then; or empty it; or `plumb \
                  release DatabricksInstancePool/a`";
    for (what, world, wanted) in [
        ("empty", orphan().holding("p-1", holds(&[])), Ok((format!("{none}; it is empty"), vec![]))),
        (
            "full",
            orphan().holding("p-1", tables()),
            Err((
                "instance pool p-1 holds 3 tables and 1 volume (s.a, s.b, s.c, …), which a delete would destroy",
                forced,
            )),
        ),
        (
            "full, and its mark lets it go",
            orphan().holding("p-1", tables()).forced("p-1"),
            Ok((none.to_owned(), vec!["destroys 3 tables and 1 volume (s.a, s.b, s.c, …)".to_owned()])),
        ),
        (
            "empty, and its mark lets it go",
            orphan().holding("p-1", holds(&[])).forced("p-1"),
            Ok((format!("{none}; it is empty"), vec![])),
        ),
        (
            "it cannot be told",
            orphan().holding("p-1", unknown()).forced("p-1"),
            Err((
                "what is in instance pool p-1 cannot be told: 403 PERMISSION_DENIED",
                "let plumb read it, and plan again; or `plumb release DatabricksInstancePool/a`",
            )),
        ),
        (
            "a part of what it holds was read",
            orphan().holding("p-1", Contents::of(Ok(vec![table("a")]), true)).forced("p-1"),
            Ok((none.to_owned(), vec!["destroys at least 1 table (a, …)".to_owned()])),
        ),
    ] {
        let plan = world.plan();
        let of_data = |c: &Change| c.impacts.iter().filter(|says| says.starts_with("destroys")).cloned().collect();
        let done = plan.changes.first().map(|c| (c.reason.clone().unwrap(), of_data(c)));
        let refused = plan.blocked.first().map(|b| (b.reason.clone(), b.remedy.clone().unwrap()));
        let wanted = wanted.map_err(|(reason, remedy): (&str, &str)| (reason.to_owned(), remedy.to_owned()));
        match wanted {
            Ok(wanted) => {
                let loses = plan.changes[0].disrupts.contains(&ImpactClass::LosesData);
                assert_eq!((done.as_ref(), refused, loses), (Some(&wanted), None, !wanted.1.is_empty()), "{what}");
            }
            Err(wanted) => assert_eq!((done, refused), (None, Some(wanted)), "{what}"),
        }
    }
}

#[test]
fn protection_wins_over_a_forced_delete() {
    let world = orphan().holding("p-1", holds(&[])).forced("p-1").protected("p-1");
    let plan = world.plan();
    assert!(plan.changes.is_empty() && plan.blocked[0].reason.contains("it is protected"), "{:?}", plan.blocked);
}

#[test]
fn what_the_plan_deletes_before_is_not_counted_and_what_it_does_not_is() {
    for (what, world, wanted) in [
        ("both are empty", nested(&[]), &["delete a", "delete b"][..]),
        ("the inner one keeps its data, so the outer one holds it", nested(&[table("t")]), &["blocked a", "blocked b"]),
        ("the data of the inner one may go", nested(&[table("t")]).forced("p-2"), &["delete a", "delete b"]),
        // Whoever let the outer one go said nothing of what is managed by itself.
        ("the data of the outer one may go", nested(&[table("t")]).forced("p-1"), &["blocked a", "blocked b"]),
        ("the inner one is protected", nested(&[]).forced("p-1").protected("p-2"), &["blocked a", "blocked b"]),
        (
            "the inner one is not known",
            nested(&[]).forced("p-1").holding("p-2", unknown()),
            &["blocked a", "blocked b"],
        ),
    ] {
        assert_eq!(world.says(), wanted, "{what}");
    }
    let plan = nested(&[]).plan();
    let names: Vec<&str> = plan.changes.iter().map(|c| c.address.name.as_str()).collect();
    assert_eq!(names, ["b", "a"], "what is held goes first");
    assert_eq!(plan.changes[1].depends_on, [plan.changes[0].address.clone()]);
    let reasons: Vec<&str> = plan.changes.iter().filter_map(|c| c.reason.as_deref()).collect();
    assert!(reasons[0].ends_with("; it is empty"), "{reasons:?}");
    assert!(reasons[1].ends_with("; it is empty once what it holds is deleted"), "{reasons:?}");
}

#[test]
fn what_somebody_manages_is_not_destroyed_with_what_holds_it() {
    let reason = |world: &World| world.plan().blocked.first().map(|b| b.reason.clone()).unwrap_or_default();
    let outer = |manifests: &str| World::of(manifests).with_pool("p-1", "a", &format!("{OWN}/a")).forced("p-1");
    for (what, world, why) in [
        (
            "a manifest",
            outer(&pool("b", "")).with_pool("p-2", "b", &format!("{OWN}/b")),
            "which the manifest of DatabricksInstancePool/b asks for",
        ),
        (
            "another project",
            outer("").with_pool("p-2", "b", "other/prod/DatabricksInstancePool/b"),
            "which belongs to other/prod/DatabricksInstancePool/b",
        ),
    ] {
        let world = world.holding("p-1", holds(&[inner("p-2")]));
        let wanted = format!("instance pool p-1 holds volume p-2, {why}: a delete would destroy it");
        assert_eq!(reason(&world), wanted, "{what}");
    }
    let nobodys = outer("").with_pool("p-2", "b", "").holding("p-1", holds(&[inner("p-2")]));
    assert_eq!(nobodys.says(), ["delete a"], "nobody's");
}

#[test]
fn a_replacement_asks_both_the_mark_and_the_manifest() {
    for (manifest_says, mark_says, contents, wanted) in [
        (false, false, holds(&[]), "replace a"),
        (false, false, holds(&[table("t")]), "blocked a"),
        // Nobody applied it yet.
        (true, false, holds(&[table("t")]), "blocked a"),
        // Somebody takes it back.
        (false, true, holds(&[table("t")]), "blocked a"),
        (true, true, holds(&[table("t")]), "replace a"),
        (true, true, unknown(), "blocked a"),
    ] {
        let force = if manifest_says { ", lifecycle: {forceDestroy: true}" } else { "" };
        let other = serde_json::json!({"node_type_id": "i3.2xlarge"});
        let mut world = World::of(pool("a", force)).applied(POOL, "a", "p-1", other).holding("p-1", contents.clone());
        if mark_says {
            world = world.forced("p-1");
        }
        let what = format!("manifest {manifest_says}, mark {mark_says}, {contents:?}");
        assert_eq!(world.says(), [wanted], "{what}");
        let plan = world.plan();
        if let Some(blocked) = plan.blocked.first() {
            let why = "it would have to be replaced, because node_type_id cannot be changed in place, and ";
            assert!(blocked.reason.starts_with(why), "{what}: {}", blocked.reason);
            let keep = "to keep the data, take the change of node_type_id back, or move it to a new object first";
            assert!(contents == unknown() || blocked.remedy.as_ref().unwrap().starts_with(keep), "{what}: {blocked:?}");
        }
    }
}

#[test]
fn who_needs_an_object_that_is_not_replaced_waits() {
    let cluster = serde_json::json!({"cluster_name": "c", "spark_version": "15.4.x-scala2.12", "num_workers": 1,
        "instance_pool_id": "${resources.DatabricksInstancePool.a.id}", "autotermination_minutes": 10});
    let text = pool("a", "") + &manifest("DatabricksCluster", "c", "", &cluster);
    let other = serde_json::json!({"node_type_id": "i3.2xlarge"});
    let world = World::of(text).applied(POOL, "a", "p-1", other);
    assert_eq!(world.says(), ["create c", "replace a"]);
    let world = world.holding("p-1", holds(&[table("t")]));
    assert_eq!(world.says(), ["blocked a", "blocked c"]);
}

#[test]
fn an_approval_is_of_what_is_destroyed() {
    let digest =
        |things: &[Contained]| orphan().holding("p-1", holds(things)).forced("p-1").plan().changes[0].digest.clone();
    let of_one = digest(&[table("a")]);
    assert_eq!(of_one, digest(&[table("a")]));
    for (what, other) in [("another", &[table("b")][..]), ("one more", &[table("a"), table("b")]), ("none", &[])] {
        assert_ne!(of_one, digest(other), "{what}");
    }
    // Nothing in it, or nobody asked: the same effect.
    assert_eq!(digest(&[]), orphan().plan().changes[0].digest);
}

#[test]
fn a_plan_shows_how_much_goes_as_data() {
    let things: Vec<Contained> = (0..1200).map(|n| thing("file", &format!("f{n:04}"))).collect();
    let world = orphan().holding("p-1", Contents::of(Ok(things), true)).forced("p-1");
    let plan = world.plan();
    let contents = serde_json::to_value(&plan.changes[0]).unwrap()["contents"].clone();
    assert_eq!((&contents["counts"], &contents["at_least"]), (&json!({"file": 1200}), &json!(true)));
    assert_eq!(contents["names"].as_array().unwrap().len(), MOST_LISTED);
    assert_eq!(plan.changes[0].impacts[0], "destroys at least 1,200 files (f0000, f0001, f0002, …)");
    let empty = orphan().holding("p-1", holds(&[])).plan();
    assert_eq!(serde_json::to_value(&empty.changes[0]).unwrap()["contents"], json!({"counts": {}}));
    let said = plan.changes[0].contents.as_ref().unwrap().says();
    assert_eq!(plan.changes[0].impacts[0], format!("destroys {said}"));
}

#[test]
fn what_came_in_since_the_plan_is_not_destroyed() {
    let one = |things: &[Contained]| holds(things);
    let deleted = Deleted::from([(POOL.to_owned(), "p-2".to_owned())]);
    let new = "it holds 1 table (b), new since the plan";
    for (what, before, now, forced, wanted) in [
        ("nothing", one(&[]), vec![], false, None),
        ("the same", one(&[table("a")]), vec![table("a")], true, None),
        ("less", one(&[table("a"), table("b")]), vec![table("a")], true, None),
        ("more", one(&[table("a")]), vec![table("a"), table("b")], true, Some(new)),
        ("some at last", one(&[]), vec![table("b")], false, Some(new)),
        ("another of that name", one(&[thing("view", "b")]), vec![table("b")], true, Some(new)),
        // The service may still list it.
        ("what this plan deletes", one(&[]), vec![inner("p-2")], false, None),
        (
            "nobody looked",
            Contents::Unasked,
            vec![table("b")],
            true,
            Some("it holds 1 table (b), which the plan did not look for"),
        ),
        ("nobody looked, and there is nothing", Contents::Unasked, vec![], false, None),
        (
            "the mark says so no more",
            one(&[table("b")]),
            vec![table("b")],
            false,
            Some("it holds 1 table (b), and its mark does not say that they may go"),
        ),
    ] {
        let said = appeared(&before, (&now, false), &deleted, forced);
        assert_eq!(said.first().map(String::as_str), wanted, "{what}");
    }
}

#[test]
fn things_are_counted_by_noun_and_a_few_named() {
    let all = [thing("directory", "x"), thing("directory", "y"), thing("file", "z")];
    let of = |things: &[&Contained], is_more| in_words(things, is_more);
    assert_eq!(of(&[&all[2]], false), "1 file (z)");
    assert_eq!(of(&[&all[0], &all[1], &all[2]], false), "2 directories and 1 file (x, y, z)");
    assert_eq!(of(&[&all[2]], true), "at least 1 file (z, …)");
    let sort = |noun| thing(noun, "n");
    let (a, b, c) = (sort("function"), sort("table"), sort("volume"));
    assert_eq!(of(&[&a, &b, &c], false), "1 function, 1 table and 1 volume (n, n, n)");
    assert_eq!(counted("file", 1_234_567), "1,234,567 files");
}

#[test]
fn a_word_of_the_mark_that_the_manifest_says_otherwise_is_an_update() {
    for (manifest_says, mark_says, wanted) in [
        (false, false, &[][..]),
        (true, false, &["~metadata.lifecycle.forceDestroy"]),
        (false, true, &["~metadata.lifecycle.forceDestroy"]),
        (true, true, &[]),
    ] {
        let force = if manifest_says { ", lifecycle: {forceDestroy: true}" } else { "" };
        let mut world = World::of(pool("a", force)).applied(POOL, "a", "p-1", json!({}));
        if mark_says {
            world = world.forced("p-1");
        }
        assert_eq!(world.fields(), wanted, "manifest {manifest_says}, mark {mark_says}");
        // Of a renamed one too.
        let text = pool("a", &format!(", previousNames: [old]{force}"));
        let mark = crate::plan::plan_world::mark(&format!("{OWN}/old"), "00000000");
        let mut world = World::of(text).with(POOL, "p-1", pool_spec("a"), Some(mark));
        if mark_says {
            world = world.forced("p-1");
        }
        assert_eq!(
            (world.says(), world.fields()),
            (vec!["move a".to_owned()], wanted.iter().map(|f| (*f).to_owned()).collect())
        );
    }
    let both =
        World::of(pool("a", ", lifecycle: {protect: true, forceDestroy: true}")).applied(POOL, "a", "p-1", json!({}));
    assert_eq!(both.fields(), ["~metadata.lifecycle.protect", "~metadata.lifecycle.forceDestroy"]);
}

/// One of several objects that hold one another.
#[derive(Clone, Debug)]
struct Holding {
    /// The one that it is in: one of those before it, if any is.
    inside: usize,
    tables: usize,
    forced: bool,
    protected: bool,
    declared: bool,
}

fn boxes() -> impl Strategy<Value = Vec<Holding>> {
    let one = (0..7usize, 0..3usize, any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.15));
    let one = one.prop_map(|(inside, tables, forced, protected, declared)| Holding {
        inside,
        tables,
        forced,
        protected,
        declared,
    });
    prop::collection::vec(one, 1..7)
}

proptest! {
    #[test]
    fn whatever_holds_what_just_that_goes_whose_data_may_go_and_from_the_inside_out(boxes in boxes()) {
        let name = |at: usize| format!("n{at}");
        let id = |at: usize| format!("p-{at}");
        let parent = |at: usize| (boxes[at].inside < at).then_some(boxes[at].inside);
        let inside = |at: usize| (0..boxes.len()).filter(move |other| parent(*other) == Some(at)).collect::<Vec<_>>();
        let declared = (0..boxes.len()).filter(|at| boxes[*at].declared);
        let mut world = World::of(declared.map(|at| pool(&name(at), "")).collect::<String>());
        // Whose data may go, by hand: from the innermost on.
        let mut goes = vec![false; boxes.len()];
        for at in (0..boxes.len()).rev() {
            let one = &boxes[at];
            goes[at] = !one.declared && !one.protected && (one.tables == 0 || one.forced) && inside(at).iter().all(|o| goes[*o]);
        }
        for (at, one) in boxes.iter().enumerate() {
            world = if one.declared {
                world.applied(POOL, &name(at), &id(at), json!({}))
            } else {
                world.with_pool(&id(at), &name(at), &format!("{OWN}/{}", name(at)))
            };
            let things = (0..one.tables).map(|n| table(&format!("{at}.{n}"))).chain(inside(at).into_iter().map(|o| inner(&id(o))));
            world = world.holding(&id(at), holds(&things.collect::<Vec<_>>()));
            if one.forced && !one.declared {
                world = world.forced(&id(at));
            }
            if one.protected && !one.declared {
                world = world.protected(&id(at));
            }
        }
        let plan = world.plan();
        let order: Vec<usize> =
            plan.changes.iter().map(|c| c.address.name[1..].parse().unwrap()).collect();
        let mut deleted = order.clone();
        deleted.sort_unstable();
        let wanted: Vec<usize> = (0..boxes.len()).filter(|at| goes[*at]).collect();
        prop_assert_eq!(&deleted, &wanted);
        for (place, at) in order.iter().enumerate() {
            let change = &plan.changes[place];
            prop_assert_eq!(change.disrupts.contains(&ImpactClass::LosesData), boxes[*at].tables > 0);
            for other in inside(*at) {
                prop_assert!(order[..place].contains(&other) && change.depends_on.iter().any(|a| a.name == name(other)));
            }
        }
    }
}
