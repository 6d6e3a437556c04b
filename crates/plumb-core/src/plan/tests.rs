//! What is decided, table by table: which live object is a manifest's own, what may be deleted or replaced, what waits for
//! what, and how long an ignore rule holds.

#![allow(clippy::unwrap_used)]

use super::plan_world::*;
use super::*;
use crate::kinds::airflow::dag_deadline::AirflowRelease;
use crate::kinds::{Unreadable, Whose};
use serde_json::{Value, json};

const OWN: &str = "bau/prod/DatabricksInstancePool/a";

#[test]
fn a_manifests_own_object_is_told_by_its_mark_and_never_guessed() {
    let rows: Vec<(&str, World, &[&str])> = vec![
        ("nothing is live", World::of(pool("a", "")), &["create a"]),
        ("its own", World::of(pool("a", "")).with_pool("p-1", "a", OWN), &[]),
        ("its own under another name", World::of(pool("a", "")).with_pool("p-1", "x", OWN), &["update a"]),
        // Marks of others say nothing about this one, and what is not its own is not touched.
        (
            "another target's",
            World::of(pool("a", "")).with_pool("p-1", "x", "bau/test/DatabricksInstancePool/a"),
            &["create a"],
        ),
        (
            "another project's",
            World::of(pool("a", "")).with_pool("p-1", "x", "other/prod/DatabricksInstancePool/a"),
            &["create a"],
        ),
        (
            "a mark that was passed on from another kind",
            World::of(pool("a", "")).with_pool("p-1", "x", "bau/prod/DatabricksJob/a"),
            &["create a"],
        ),
        (
            "two with one mark",
            World::of(pool("a", "")).with_pool("p-1", "a", OWN).with_pool("p-2", "a", OWN),
            &["blocked a"],
        ),
        // Renamed: the former name counts while no manifest has it any more.
        (
            "renamed",
            World::of(pool("a", ", previousNames: [old]")).with_pool("p-1", "a", &OWN.replace("/a", "/old")),
            &["move a"],
        ),
        (
            "of two former names the first that is live",
            World::of(pool("a", ", previousNames: [old, older]"))
                .with_pool("p-1", "old", &OWN.replace("/a", "/old"))
                .with_pool("p-2", "older", &OWN.replace("/a", "/older")),
            &["delete older", "move a"],
        ),
        (
            "two with the former name's mark",
            World::of(pool("a", ", previousNames: [old]"))
                .with_pool("p-1", "old", &OWN.replace("/a", "/old"))
                .with_pool("p-2", "old", &OWN.replace("/a", "/old")),
            &["blocked a", "blocked old"],
        ),
        // Taken over by its id, and by nothing else.
        ("adopted", World::of(pool("a", ", adopt: p-1")).with_pool("p-1", "x", ""), &["adopt a"]),
        (
            "what is to be adopted is not live",
            World::of(pool("a", ", adopt: p-9")).with_pool("p-1", "a", ""),
            &["blocked a"],
        ),
        ("it is its own already", World::of(pool("a", ", adopt: p-1")).with_pool("p-1", "a", OWN), &[]),
        (
            "another one is its own already",
            World::of(pool("a", ", adopt: p-2")).with_pool("p-1", "a", OWN).with_pool("p-2", "x", ""),
            &["blocked a"],
        ),
        // A name is no proof.
        ("the name is nobody's", World::of(pool("a", "")).with_pool("p-1", "a", ""), &["blocked a"]),
        (
            "the name is somebody else's",
            World::of(pool("a", "")).with_pool("p-1", "a", "other/prod/DatabricksInstancePool/z"),
            &["blocked a"],
        ),
        (
            "the name is that of an object whose manifest is gone",
            World::of(pool("a", "")).with_pool("p-1", "a", &OWN.replace("/a", "/gone")),
            &["blocked a", "blocked gone"],
        ),
    ];
    for (what, world, wanted) in rows {
        assert_eq!(world.says(), wanted, "{what}");
    }
    // A former name that another manifest has is that manifest's. Loading refuses it; so does whoever gets past that.
    let world = World::of(pool("a", "") + &pool("old", "")).with_pool("p-1", "old", &OWN.replace("/a", "/old"));
    let mut desired = world.desired();
    desired.resources[0].previous_names.push("old".into());
    let plan = world.decision(&desired).plan;
    assert_eq!(
        plan.changes.iter().map(|c| (c.address.name.as_str(), c.action)).collect::<Vec<_>>(),
        [("a", Action::Create)]
    );
}

#[test]
fn what_no_manifest_asks_for_is_deleted_only_where_that_is_certain() {
    let orphan = || World::of(pool("a", "")).with_pool("p-1", "a", OWN).with_pool("p-2", "b", &OWN.replace("/a", "/b"));
    let mut rows: Vec<(&str, World, &[&str])> = vec![
        ("nobody asks for it", orphan(), &["delete b"]),
        // What is not selected may have a manifest that was not looked at.
        ("a part is selected", orphan().only(&["a"]), &[]),
        ("its own name is selected", orphan().only(&["b"]), &[]),
        ("its mark protects it", orphan().protected("p-2"), &["blocked b"]),
        ("two with its mark", orphan().with_pool("p-3", "b", &OWN.replace("/a", "/b")), &["blocked b"]),
        ("nobody's", World::of(pool("a", "")).with_pool("p-1", "a", OWN).with_pool("p-2", "b", ""), &[]),
        ("another target's", World::of("").with_pool("p-2", "b", "bau/test/DatabricksInstancePool/b"), &[]),
        ("another project's", World::of("").with_pool("p-2", "b", "other/prod/DatabricksInstancePool/b"), &[]),
        ("a mark that was passed on", World::of("").with_pool("p-2", "b", "bau/prod/DatabricksJob/b"), &[]),
    ];
    let mut not_read = orphan();
    not_read.kinds.retain(|kind| kind.name() != POOL);
    // Of a kind that was not read nothing is known, so its manifest waits and its orphans stay.
    rows.push(("its kind was not read", not_read, &["blocked a"]));
    let mut labelled = orphan();
    labelled.selection.labels = vec![("team".into(), "x".into())];
    rows.push(("a label is selected", labelled, &[]));
    for (what, world, wanted) in rows {
        assert_eq!(world.says(), wanted, "{what}");
    }
}

#[test]
fn what_is_protected_on_either_side_is_not_replaced() {
    for (manifest_says, mark_says, node, wanted) in [
        (false, false, "i3.2xlarge", &["replace a"][..]),
        (true, false, "i3.2xlarge", &["blocked a"]),
        // Turning the protection off and replacing it are two applies.
        (false, true, "i3.2xlarge", &["blocked a"]),
        (true, true, "i3.2xlarge", &["blocked a"]),
        (true, true, "i3.xlarge", &[]),
        // The mark has to follow.
        (true, false, "i3.xlarge", &["update a"]),
        (false, true, "i3.xlarge", &["update a"]),
    ] {
        let protect = if manifest_says { ", lifecycle: {protect: true}" } else { "" };
        let mut world = World::of(pool("a", protect)).applied(POOL, "a", "p-1", json!({"node_type_id": node}));
        if mark_says {
            world = world.protected("p-1");
        }
        assert_eq!(world.says(), wanted, "manifest {manifest_says}, mark {mark_says}, {node}");
    }
}

#[test]
fn an_ignore_rule_holds_through_its_last_day() {
    for (until, today, holds) in [
        ("", "2024-06-15", true),
        ("2024-06-16", "2024-06-15", true),
        ("2024-06-15", "2024-06-15", true),
        ("2024-06-14", "2024-06-15", false),
        ("2024-12-31", "2024-12-31", true),
        ("2024-12-31", "2025-01-01", false),
        // A later month or day of an earlier year is over; an earlier one of a later year is not.
        ("2023-12-31", "2024-01-01", false),
        ("2025-01-01", "2024-12-31", true),
        ("2024-02-29", "2024-02-29", true),
        ("2024-02-29", "2024-03-01", false),
    ] {
        let until = if until.is_empty() { String::new() } else { format!(", until: {until}") };
        let ignore = format!(", lifecycle: {{ignore: [{{path: max_capacity, reason: others set it{until}}}]}}");
        let mut world = World::of(pool("a", &ignore)).applied(POOL, "a", "p-1", json!({"max_capacity": 99}));
        world.today = today.parse().unwrap();
        let wanted: &[&str] = if holds { &[] } else { &["~max_capacity"] };
        assert_eq!(world.fields(), wanted, "until {until} on {today}");
        let told = world.plan().notes.iter().any(|note| note.message.contains("has expired"));
        assert_eq!(told, !holds, "until {until} on {today}");
    }
}

#[test]
fn what_a_manifest_never_mentioned_stays_and_what_it_may_have_dropped_goes() {
    let spec = json!({"instance_pool_name": "a", "node_type_id": "i3.xlarge"});
    let set_live = json!({"instance_pool_name": "a", "node_type_id": "i3.xlarge", "max_capacity": 30});
    let manifest = |metadata: &str| World::of(manifest(POOL, "a", metadata, &spec));
    let applied = manifest("").applied(POOL, "a", "p-1", json!({"max_capacity": 30}));
    assert_eq!(applied.says(), [""; 0], "the manifest is the one that was applied last");
    // The same hash in a mark of somebody else's says nothing about what this manifest asked for.
    let rules = crate::kinds::find(POOL).unwrap().rules();
    let hash = normal::identity(rules, &spec);
    for (what, metadata, mark) in [
        ("the manifest changed", "", mark(OWN, "00000000")),
        ("adopted from another project with the same hash", ", adopt: p-1", mark(&OWN.replace("bau", "other"), &hash)),
        ("moved, and changed", ", previousNames: [old]", mark(&OWN.replace("/a", "/old"), "00000000")),
    ] {
        let world = manifest(metadata).with(POOL, "p-1", set_live.clone(), Some(mark));
        assert_eq!(world.fields(), ["-max_capacity"], "{what}");
    }
    let moved = mark(&OWN.replace("/a", "/old"), &hash);
    let world = manifest(", previousNames: [old]").with(POOL, "p-1", set_live, Some(moved));
    assert_eq!((world.says(), world.fields()), (vec!["move a".to_owned()], Vec::new()), "moved, and not changed");
}

/// A cluster that uses a pool by reference, and another one that names the first in its tags.
fn chain(pool_metadata: &str) -> String {
    let spec = json!({"cluster_name": "c", "spark_version": "15.4.x-scala2.12", "num_workers": 1,
        "instance_pool_id": "${resources.DatabricksInstancePool.a}"});
    let other = json!({"cluster_name": "d", "spark_version": "15.4.x-scala2.12", "num_workers": 1,
        "node_type_id": "i3.xlarge", "custom_tags": {"beside": "${resources.DatabricksCluster.c}"}});
    pool("a", pool_metadata) + &manifest(CLUSTER, "c", "", &spec) + &manifest(CLUSTER, "d", "", &other)
}

#[test]
fn what_refers_to_what_is_not_there_and_not_made_waits() {
    let rows: Vec<(&str, World, &[&str])> = vec![
        ("all are made", World::of(chain("")), &["create a", "create c", "create d"]),
        (
            "the first is refused",
            World::of(chain("")).with_pool("p-1", "a", ""),
            &["blocked a", "blocked c", "blocked d"],
        ),
        ("the first is not selected and not live", World::of(chain("")).only(&["c", "d"]), &["blocked c", "blocked d"]),
        (
            "the first is not selected and live",
            World::of(chain("")).with_pool("p-1", "a", OWN).only(&["c", "d"]),
            &["create c", "create d"],
        ),
        (
            "the first is refused and has an id",
            World::of(chain(", lifecycle: {protect: true}")).with(
                POOL,
                "p-1",
                json!({"instance_pool_name": "a", "node_type_id": "other"}),
                Some(mark(OWN, "00000000")),
            ),
            &["blocked a", "create c", "create d"],
        ),
    ];
    for (what, world, wanted) in rows {
        assert_eq!(world.says(), wanted, "{what}");
    }
}

#[test]
fn what_is_needed_comes_first_and_what_is_used_goes_last() {
    let plan = World::of(chain("")).plan();
    let needs = |plan: &Plan, name: &str| {
        let change = plan.changes.iter().find(|c| c.address.name == name).unwrap();
        change.depends_on.iter().map(|a| a.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((needs(&plan, "a"), needs(&plan, "c"), needs(&plan, "d")), ("".into(), "a".into(), "c".into()));
    // The cluster still uses the pool that goes: it has to let go of it first.
    let mut live = json!({"cluster_name": "c", "spark_version": "15.4.x-scala2.12", "num_workers": 1,
        "instance_pool_id": "p-9"});
    let cluster_mark = || Some(mark("bau/prod/DatabricksCluster/c", "00000000"));
    let orphan = |live: &Value| {
        World::of(chain("")).with(CLUSTER, "c-1", live.clone(), cluster_mark()).with_pool(
            "p-9",
            "old",
            &OWN.replace("/a", "/old"),
        )
    };
    let plan = orphan(&live).plan();
    assert_eq!((needs(&plan, "old"), needs(&plan, "c")), ("c".into(), "a".into()));
    // However deep the id stands, and as a number too; but not as a part of a longer one.
    for (place, wanted) in [(json!({"x": {"y": ["p-9"]}}), "c"), (json!({"x": "p-99"}), ""), (json!({"x": "cp-9"}), "")]
    {
        live["instance_pool_id"] = json!("p-1");
        live["custom_tags"] = place.clone();
        assert_eq!(needs(&orphan(&live).plan(), "old"), wanted, "{place}");
    }
    let job = |task: &Value| json!({"name": "j", "max_concurrent_runs": 2, "tasks": [task]});
    let run = |id: &Value| json!({"task_key": "t", "run_job_task": {"job_id": id}});
    let notebook = json!({"task_key": "t", "notebook_task": {"notebook_path": "/n"}});
    let jobs = World::of(manifest("DatabricksJob", "j", "", &job(&notebook)))
        .with("DatabricksJob", "7", job(&run(&json!(12))), Some(mark("bau/prod/DatabricksJob/j", "00000000")))
        .with("DatabricksJob", "12", json!({"name": "k"}), Some(mark("bau/prod/DatabricksJob/k", "00000000")));
    assert_eq!(needs(&jobs.plan(), "k"), "j");
}

fn unread(id: Option<&str>, title: Option<&str>, whose: Whose) -> Unreadable {
    let (id, title) = (id.map(str::to_owned), title.map(str::to_owned));
    Unreadable { what: "an instance pool".into(), why: "it is odd".into(), id, title, whose }
}

#[test]
fn what_could_not_be_read_is_neither_made_again_nor_deleted() {
    let marked = |owner: &str| Whose::Marked(Box::new(mark(owner, "00000000")));
    let replaced = json!({"instance_pool_name": "b", "node_type_id": "other", "max_capacity": 10});
    // One to create, one to update, one to replace, one to delete.
    let world = |one: Unreadable| {
        let manifests = pool("a", "") + &pool("b", "") + &pool("u", "");
        let mut world = World::of(manifests)
            .with(POOL, "p-2", replaced.clone(), Some(mark(&OWN.replace("/a", "/b"), "00000000")))
            .with_pool("p-3", "other name", &OWN.replace("/a", "/u"))
            .with_pool("p-4", "gone", &OWN.replace("/a", "/gone"));
        world.live.unreadable.insert(POOL, vec![one]);
        world.says()
    };
    let all = ["create a", "delete gone", "replace b", "update u"];
    let rows: [(&str, Unreadable, &[&str]); 9] = [
        ("somebody else's", unread(Some("p-1"), Some("x"), marked("other/prod/DatabricksInstancePool/a")), &all),
        ("nobody's, of another name", unread(Some("p-1"), Some("x"), Whose::Nobody), &all),
        ("nobody's, without a name", unread(Some("p-1"), Some(""), Whose::Nobody), &all),
        // Its own, by the mark or by its name.
        (
            "its own",
            unread(Some("p-1"), Some("x"), marked(OWN)),
            &["blocked a", "delete gone", "replace b", "update u"],
        ),
        (
            "nobody's, of its name",
            unread(Some("p-1"), Some("a"), Whose::Nobody),
            &["blocked a", "delete gone", "replace b", "update u"],
        ),
        (
            "nobody's, of a name that cannot be told",
            unread(Some("p-1"), None, Whose::Nobody),
            &["blocked a", "delete gone", "replace b", "update u"],
        ),
        // Anybody's: it may be what is not found, and a copy of what is.
        (
            "anybody's",
            unread(Some("p-1"), Some("x"), Whose::Unknown),
            &["blocked a", "blocked b", "blocked gone", "update u"],
        ),
        (
            "anybody's, of which nothing is known",
            unread(None, None, Whose::Unknown),
            &["blocked a", "blocked b", "blocked gone", "update u"],
        ),
        (
            "an orphan",
            unread(Some("p-1"), Some("x"), marked(&OWN.replace("/a", "/lost"))),
            &["blocked lost", "create a", "delete gone", "replace b", "update u"],
        ),
    ];
    for (what, one, wanted) in rows {
        assert_eq!(world(one), wanted, "{what}");
    }
    let adopts = |one: Unreadable| {
        let mut world = World::of(pool("a", ", adopt: p-1"));
        world.live.unreadable.insert(POOL, vec![one]);
        world.plan().blocked.iter().map(|b| b.reason.clone()).collect::<Vec<_>>().join("; ")
    };
    assert!(adopts(unread(Some("p-1"), Some("x"), Whose::Nobody)).contains("could not be read"));
    assert!(adopts(unread(None, Some("x"), Whose::Nobody)).contains("cannot be told"));
    assert!(adopts(unread(Some("p-7"), Some("x"), Whose::Nobody)).contains("is not live"));
}

#[test]
fn a_part_that_could_not_be_read_holds_up_its_object() {
    let with = |edit: &dyn Fn(&mut crate::kinds::Observed), manifests: &str| {
        let mut world = World::of(manifests).with_pool("p-1", "x", OWN);
        world.live.kinds.get_mut(POOL).unwrap().iter_mut().for_each(|found| found.seen.edit(edit));
        world.says()
    };
    for (what, edit, is_read) in [
        ("all is well", &(|_: &mut crate::kinds::Observed| {}) as &dyn Fn(&mut crate::kinds::Observed), true),
        ("a detail was refused", &|seen| seen.unread = Some("its permissions cannot be read".into()), false),
        ("a map is a list", &|seen| seen.spec["aws_attributes"] = json!([1]), false),
        ("a list is a number", &|seen| seen.spec["preloaded_spark_versions"] = json!(3), false),
        ("a map is null", &|seen| seen.spec["aws_attributes"] = Value::Null, true),
        ("a list is an empty text", &|seen| seen.spec["preloaded_spark_versions"] = json!(""), true),
    ] {
        let (update, delete) = if is_read { ("update a", "delete a") } else { ("blocked a", "blocked a") };
        assert_eq!(with(edit, &pool("a", "")), [update], "{what}");
        assert_eq!(with(edit, ""), [delete], "{what}");
    }
}

#[test]
fn a_secret_that_is_only_live_is_not_shown_wherever_it_stands() {
    let cluster = |conf: Value, tag: &str| {
        json!({"cluster_name": "c", "spark_version": "15.4.x-scala2.12", "num_workers": 1, "node_type_id": "i3.xlarge",
            "spark_conf": conf, "custom_tags": {"uses": tag}})
    };
    let job = |conf: Value, tag: &str| {
        let new_cluster = json!({"spark_version": "15.4.x-scala2.12", "num_workers": 1, "node_type_id": "i3.xlarge", "spark_conf": conf});
        json!({"name": "j", "tags": {"uses": tag}, "tasks": [{"task_key": "t", "notebook_task": {"notebook_path": "/n"},
            "new_cluster": new_cluster}]})
    };
    let (plain, secret) = (json!({"a": "b"}), json!({"db.password": "hunter2"}));
    let manifests = manifest(CLUSTER, "c", "", &cluster(plain.clone(), "x"))
        + &manifest("DatabricksJob", "j", "", &job(plain.clone(), "x"));
    // What one of them keeps secret stands in the other's tag in clear: in the one that is decided on before it, too.
    for (of_cluster, of_job) in [
        (cluster(secret.clone(), "x"), job(plain.clone(), "hunter2")),
        (cluster(plain.clone(), "hunter2"), job(secret.clone(), "x")),
        (cluster(secret.clone(), "hunter2"), job(secret.clone(), "hunter2")),
    ] {
        let world = World::of(manifests.clone())
            .with(CLUSTER, "c-1", of_cluster, Some(mark("bau/prod/DatabricksCluster/c", "0")))
            .with("DatabricksJob", "1", of_job, Some(mark("bau/prod/DatabricksJob/j", "0")));
        let shown = serde_json::to_string(&world.plan()).unwrap();
        assert!(shown.matches("(secret #1)").count() >= 2 && !shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn guards_count_what_is_done_to_what_is_owned() {
    let guarded = |guards: Value| {
        let mut world = World::of(pool("a", "") + &pool("b", "") + &pool("n", ""))
            .with_pool("p-1", "other", OWN)
            .with_pool("p-2", "b", &OWN.replace("/a", "/b"))
            .with_pool("p-3", "gone", &OWN.replace("/a", "/gone"))
            .with_pool("p-4", "gone too", &OWN.replace("/a", "/gone2"));
        world.guards = guards;
        let plan = world.plan();
        let guards = plan.blocked.iter().filter_map(|b| b.guard.map(Guard::name));
        guards.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    // One update, two deletes and a create, of four that are owned.
    for (guards, wanted) in [
        (json!({}), ""),
        (json!({"maxDeletes": 2}), ""),
        (json!({"maxDeletes": 1}), "max-deletes"),
        (json!({"maxDeletes": 0}), "max-deletes"),
        (json!({"maxChangePercent": 75}), ""),
        (json!({"maxChangePercent": 74}), "max-change-percent"),
        (json!({"maxDeletes": 1, "maxChangePercent": 50}), "max-change-percent max-deletes"),
    ] {
        let mut said: Vec<String> = guarded(guards.clone()).split(' ').map(str::to_owned).collect();
        said.sort();
        assert_eq!(said.join(" "), wanted, "{guards}");
    }
}

#[test]
fn a_deadline_is_told_with_what_was_kept_and_approved_without() {
    let dag = manifest(
        "AirflowDag",
        "monthly",
        "",
        &json!({
        "schedule": {"cron": "0 4 2 * *"}, "start_date": "2024-01-01", "deadline": "6h",
        "tasks": [{"id": "a", "run": "${resources.DatabricksJob.new}"}]}),
    );
    let migration = json!({"from": {"emr": ["EmrCluster/old"]},
        "to": {"jobs": ["DatabricksJob/new"], "dags": ["AirflowDag/monthly"]}});
    let old = manifest("EmrCluster", "old", "", &json!({"match": {"name": "old"}, "desired": "keep"}));
    let new = manifest("DatabricksJob", "new", "", &json!({"name": "new"}));
    let mut world = World::of(dag + &old + &new + &manifest("Migration", "audience", "", &migration));
    let deadline = |plan: &Plan| {
        let change = plan.changes.iter().find(|change| change.address.kind == "AirflowDag").unwrap();
        let field = change.fields.iter().find(|field| field.path == "deadline").unwrap();
        (field.note.clone(), change.digest.clone(), plan.digest.clone())
    };
    let (note, digest, of_plan) = deadline(&world.plan());
    assert_eq!(note.as_deref(), Some("deadline 6h after it is queued; expected end not known: no finished run yet"));
    let kept = json!({"format": "plumb.runs/v1", "target": "prod", "migration": "audience", "period": "2024-05", "runs": [
        {"side": "new", "system": "databricks", "id": "1", "name": "new", "trigger": "scheduled", "outcome": "succeeded",
         "tick": "2024-06-02T04:00:00Z", "started": "2024-06-02T04:10:00Z", "ended": "2024-06-02T09:12:00Z"}]});
    world.live.kept_runs = std::sync::Arc::new(vec![serde_json::from_value(kept).unwrap()]);
    let says = "deadline 6h after it is queued; expected end 5:12 (1 kept run); 1 of 1 in time";
    assert_eq!(deadline(&world.plan()), (Some(says.to_owned()), digest.clone(), of_plan.clone()));
    assert_eq!(world.plan().notes, []);
    // What its Airflow does with it, and that it will be missed, are notes, and no part of what is approved.
    world.manifests = world.manifests.replace("\"6h\"", "\"5h\"");
    let (_, digest, of_plan) = deadline(&world.plan());
    for (version, more) in [
        ("3.1.0", None),
        ("3.0.6", Some("Airflow 3.0.6 knows no deadlines: this one is not watched; 3.1 and later do")),
    ] {
        world.live.airflow = AirflowRelease::read(version);
        let plan = world.plan();
        assert_eq!((deadline(&plan).1, deadline(&plan).2), (digest.clone(), of_plan.clone()), "{version}");
        let missed = "its runs are expected to miss the deadline: they end 5:12 after it is queued, and the deadline is 5h; \
                      allow more, or make them faster";
        let told: Vec<&str> = plan.notes.iter().map(|note| note.message.as_str()).collect();
        assert_eq!(told, more.into_iter().chain([missed]).collect::<Vec<_>>(), "{version}");
        assert!(plan.notes.iter().all(|note| note.address.as_ref().unwrap().name == "monthly"));
        let change = plan.changes.iter().find(|change| change.address.kind == "AirflowDag").unwrap();
        assert!(change.deadline.as_ref().unwrap().is_missed);
    }
}
