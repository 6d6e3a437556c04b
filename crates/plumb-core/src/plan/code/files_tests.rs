#![allow(clippy::unwrap_used)]

use super::tests::{JOB, desired, folder, hash, job_address, spec, tree, whole, world};
use crate::code::{CodeChange, CodeSummary, CodeTree};
use crate::manifest::Desired;
use crate::plan::plan_world::World;
use crate::plan::{Baseline, Baselines, Change, ChangeOrigin, Input, Plan, decide};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A job that runs one tree, and whose manifest names another.
fn changed() -> (World, Desired) {
    let jobs = [("a", '2')];
    let mut world = world(&jobs);
    world.live = self::world(&[("a", '1')]).applied(JOB, "a", "7", json!({})).live;
    world.live.code.trees.extend([(hash('1'), whole()), (hash('2'), whole())]);
    let desired = desired(&world, &jobs);
    (world, desired)
}

fn plan(world: &World, desired: &Desired, baselines: &Baselines) -> Plan {
    let input = Input {
        desired,
        live: &world.live,
        baselines,
        selection: &world.selection,
        head: None,
        base: None,
        today: world.today,
        now: world.now,
        who: "",
        allow_teardown: false,
        kinds: &world.kinds,
        approval_key: None,
        absent: &[],
    };
    decide(&input).plan
}

fn of_job(plan: &Plan) -> &Change {
    plan.changes.iter().find(|change| change.address.kind == JOB).unwrap()
}

fn with(trees: &[CodeTree]) -> Baselines {
    let mut bases = Baselines::new();
    bases.insert(job_address("a"), Baseline::Spec(spec("a", '1')));
    bases.learn_code(trees);
    bases
}

#[test]
fn a_change_shows_what_differs_in_its_code() {
    let (world, desired) = changed();
    let plan = plan(&world, &desired, &with(&[tree('1')]));
    let job = of_job(&plan);
    let summary = |digit: char| Some(CodeSummary { hash: digit.to_string().repeat(64), bytes: 200 });
    let file = CodeChange {
        path: "src/load.py".into(),
        from: summary('1'),
        to: summary('2'),
        diff: Some("@@ -1,2 +1,2 @@\n import x\n-x.run('1')\n+x.run('2')\n".into()),
        lines: Some((1, 1)),
    };
    assert_eq!(job.files, [file]);
    let tree = job.tree.as_ref().unwrap();
    assert_eq!((tree.files, tree.unknown.as_deref()), (2, None));
    assert_eq!(tree.path, folder().tree(&hash('2')));
    // Who brought it about is told as of any other field.
    assert_eq!(job.fields.iter().map(|f| f.origin).collect::<Vec<_>>(), [Some(ChangeOrigin::Manifest)]);
}

#[test]
fn what_is_shown_is_no_part_of_the_digest() {
    let (world, desired) = changed();
    let known = plan(&world, &desired, &with(&[tree('1')]));
    let unknown = plan(&world, &desired, &Baselines::new());
    assert_eq!(known.digest, unknown.digest);
}

#[test]
fn code_that_the_history_has_not_is_told_by_what_is_kept_beside_it() {
    let (mut world, desired) = changed();
    let of_job = |world: &World, bases: &Baselines| of_job(&plan(world, &desired, bases)).clone();
    let job = of_job(&world, &with(&[]));
    assert_eq!((job.files.len(), job.tree.unwrap().unknown.as_deref()), (0, Some("the history does not have it")));
    world.live.code.indexes.insert(hash('1'), Err("403".into()));
    let job = of_job(&world, &with(&[]));
    assert_eq!((job.files.len(), job.tree.unwrap().unknown.as_deref()), (0, Some("403")));
    let mut index: BTreeMap<String, CodeSummary> =
        tree('1').files.iter().map(|(path, file)| (path.clone(), file.summary())).collect();
    index.insert("dist/app.whl".into(), CodeSummary { hash: "e".repeat(64), bytes: 5 });
    index.insert("src/old.py".into(), CodeSummary { hash: "d".repeat(64), bytes: 5 });
    world.live.code.indexes.insert(hash('1'), Ok(index));
    // The wheel is not in git, so its tree is another one; the texts are those of the files of the same hashes.
    let mut part = tree('1');
    part.hash = hash('9');
    part.files.remove("dist/app.whl");
    let job = of_job(&world, &with(&[part]));
    let said: Vec<_> = job.files.iter().map(|f| (f.path.as_str(), f.from.is_some(), f.to.is_some(), f.lines)).collect();
    assert_eq!(
        said,
        [
            ("dist/app.whl", true, true, None),
            ("src/load.py", true, true, Some((1, 1))),
            ("src/old.py", true, false, None)
        ]
    );
    assert!(job.files[1].diff.as_ref().unwrap().contains("+x.run('2')"));
}

#[test]
fn secrets_in_code_are_hidden() {
    let (world, mut desired) = changed();
    let secret = "hunter2-of-prod";
    desired.vault.seal_everywhere(secret);
    let text = format!("a = '{secret}'\nimport x\npassword = 'Tr0ub4dor-and-3'\nx.run('2')\n");
    desired.code.trees.get_mut(&hash('2')).unwrap().files.get_mut("src/load.py").unwrap().text =
        Some(Arc::from(text.as_str()));
    let plan = plan(&world, &desired, &with(&[tree('1')]));
    let json = crate::render::json(&plan).unwrap();
    assert!(!json.contains(secret) && !json.contains("Tr0ub4dor"), "{json}");
    let diff = of_job(&plan).files[0].diff.clone().unwrap();
    assert!(diff.contains("+a = '(secret #1)'"), "{diff}");
}

#[test]
fn a_change_that_leaves_the_code_says_nothing_of_it() {
    let jobs = [("a", '1')];
    let mut world = world(&jobs).applied(JOB, "a", "7", json!({"timeout_seconds": 5}));
    world.live.code.trees.insert(hash('1'), whole());
    let plan = plan(&world, &desired(&world, &jobs), &Baselines::new());
    assert_eq!((of_job(&plan).files.len(), of_job(&plan).tree.as_ref()), (0, None));
}
