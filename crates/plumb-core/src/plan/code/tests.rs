#![allow(clippy::unwrap_used)]

use crate::code::{
    Code, CodeAct, CodeFile, CodeFolder, CodeForm, CodeReader, CodeTree, CodeUser, StoredTree, TreeState,
};
use crate::manifest::Desired;
use crate::plan::plan_world::{World, manifest};
use crate::plan::{Action, Change, ChangeOrigin, Plan};
use jiff::civil::{Date, date};
use plumb_model::address::Address;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) const JOB: &str = "DatabricksJob";

/// The hash of a tree that is called by a digit.
pub(super) fn hash(digit: char) -> String {
    digit.to_string().repeat(32)
}

pub(super) fn job_address(name: &str) -> Address {
    Address { kind: JOB.into(), name: name.into() }
}

pub(super) fn folder() -> CodeFolder {
    CodeFolder::new(None, "bau", "prod")
}

/// The spec of a job that runs `src/load.py` of a tree.
pub(super) fn spec(name: &str, digit: char) -> Value {
    let file = folder().file(&hash(digit), "src/load.py");
    json!({"name": name, "tasks": [{"task_key": "a", "existing_cluster_id": "c-1", "spark_python_task": {"python_file": file}}]})
}

/// A tree of two files, of which the second is what its digit says.
pub(super) fn tree(digit: char) -> CodeTree {
    let file = |hash: &str, bytes, text: Option<&str>| CodeFile {
        form: CodeForm::File,
        hash: hash.repeat(64),
        bytes,
        text: text.map(Arc::from),
        place: String::new(),
    };
    let text = format!("import x\nx.run('{digit}')\n");
    let files = BTreeMap::from([
        ("dist/app.whl".to_owned(), file("f", 2_300_000, None)),
        ("src/load.py".to_owned(), file(&digit.to_string(), 200, Some(&text))),
    ]);
    CodeTree { hash: hash(digit), files }
}

/// A world of jobs, each with the digit of the tree that its manifest names.
pub(super) fn world(jobs: &[(&str, char)]) -> World {
    World::of(jobs.iter().map(|(name, digit)| manifest(JOB, name, "", &spec(name, *digit))).collect::<String>())
}

/// What the manifests want, with the code that they name.
pub(super) fn desired(world: &World, jobs: &[(&str, char)]) -> Desired {
    let user = |digit: char| CodeUser { hash: hash(digit), reader: None };
    let code = Code {
        folder: folder(),
        keep_days: 30,
        trees: jobs.iter().map(|(_, digit)| (hash(*digit), tree(*digit))).collect(),
        users: jobs.iter().map(|(name, digit)| (job_address(name), user(*digit))).collect(),
    };
    Desired { code, ..world.desired() }
}

/// A tree that is there and as it should be, for nobody else to read.
pub(super) fn whole() -> StoredTree {
    let state = TreeState { markers: BTreeSet::from([CodeFolder::marker(&BTreeSet::new())]), ..TreeState::default() };
    StoredTree { unused_since: None, state: Some(state) }
}

/// A tree that no manifest names, noted as unused since a day or not.
fn left(since: Option<Date>) -> StoredTree {
    StoredTree { unused_since: since, state: None }
}

fn put(world: &mut World, digit: char, stored: StoredTree) {
    world.live.code.trees.insert(hash(digit), stored);
}

type SaidOfCode = (Action, char, String, Option<ChangeOrigin>, Vec<String>);

/// The changes of code in a plan: action, the first digit of the tree, reason, origin, and what they wait for.
fn of_code(plan: &Plan) -> Vec<SaidOfCode> {
    let changes = plan.changes.iter().filter(|change| change.code.is_some());
    let said = changes.map(|change| {
        let after = change.depends_on.iter().map(Address::to_string).collect();
        let digit = change.address.name.chars().next().unwrap();
        (change.action, digit, change.reason.clone().unwrap_or_default(), change.origin, after)
    });
    said.collect()
}

fn find<'p>(plan: &'p Plan, address: &str) -> &'p Change {
    plan.changes.iter().find(|change| change.address.to_string() == address).unwrap()
}

fn notes(plan: &Plan) -> Vec<String> {
    plan.notes.iter().map(|note| note.message.clone()).collect()
}

fn refused(plan: &Plan) -> Vec<String> {
    let said = plan.blocked.iter().map(|b| {
        let about = b.address.as_ref().map(Address::to_string).unwrap_or_default();
        format!("{about}: {}", b.reason)
    });
    said.collect()
}

#[test]
fn code_that_is_not_there_is_uploaded_before_what_uses_it() {
    let jobs = [("a", '1'), ("b", '1')];
    let world = world(&jobs);
    let plan = world.decision(&desired(&world, &jobs)).plan;
    assert_eq!(of_code(&plan), [(Action::Upload, '1', String::new(), None, vec![])]);
    let upload = &plan.changes[0];
    assert_eq!(upload.address.to_string(), "Code/111111111111");
    assert_eq!(upload.id.as_deref(), Some(folder().tree(&hash('1')).as_str()));
    assert_eq!(upload.title, "code of DatabricksJob/a, DatabricksJob/b");
    let overview = upload.tree.clone().unwrap();
    assert_eq!((overview.files, overview.bytes, overview.written), (2, 2_300_200, Some(2)));
    for job in ["a", "b"] {
        let made = find(&plan, &format!("DatabricksJob/{job}"));
        assert_eq!(made.depends_on, std::slice::from_ref(&upload.address));
        assert_eq!(made.tree.as_ref().unwrap().files, 2);
        assert!(made.files.is_empty());
    }
    assert_eq!((plan.counts().upload, plan.counts().create), (1, 2));
}

#[test]
fn a_plan_after_its_apply_is_empty() {
    let jobs = [("a", '1')];
    let mut world = world(&jobs).applied(JOB, "a", "7", json!({}));
    put(&mut world, '1', whole());
    // What fell out of use and is not kept long enough is nothing to do.
    put(&mut world, '2', left(Some(date(2024, 6, 15))));
    put(&mut world, '3', left(Some(date(2024, 5, 17))));
    let plan = world.decision(&desired(&world, &jobs)).plan;
    assert!(plan.is_empty(), "{:#?}", plan.changes);
    assert_eq!(plan.unchanged, 1);
    assert_eq!(notes(&plan), [""; 0]);
}

#[test]
fn what_somebody_did_to_code_is_drift_and_is_healed() {
    let jobs = [("a", '1')];
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let state = |edit: &dyn Fn(&mut TreeState)| {
        let mut stored = whole();
        edit(stored.state.as_mut().unwrap());
        Some(stored)
    };
    let readers = BTreeSet::from([CodeReader::ServicePrincipal("svc-etl".into())]);
    let drift = Some(ChangeOrigin::Drift);
    for (stored, reason, origin, written) in [
        (None, "it was deleted in the workspace", drift, 2),
        (state(&|s| s.changed = set(&["src/load.py"])), "src/load.py was changed in the workspace", drift, 1),
        (
            state(&|s| s.missing = set(&["src/load.py"])),
            "src/load.py was deleted or replaced in the workspace",
            drift,
            1,
        ),
        (state(&|s| s.foreign = set(&["x.py"])), "x.py does not belong there", drift, 0),
        (state(&|s| s.foreign = set(&["a", "b", "c", "d"])), "a, b, c and 1 more do not belong there", drift, 0),
        (state(&|s| s.markers.clear()), "what says that it is whole was deleted in the workspace", drift, 0),
        (
            state(&|s| s.markers = BTreeSet::from([CodeFolder::marker(&readers)])),
            "nobody but who applies has to read it any more",
            None,
            0,
        ),
        (
            Some(StoredTree { unused_since: Some(date(2024, 6, 1)), ..whole() }),
            "it is in use again; it was not since 2024-06-01",
            None,
            0,
        ),
    ] {
        let mut world = world(&jobs).applied(JOB, "a", "7", json!({}));
        if let Some(stored) = stored {
            put(&mut world, '1', stored);
        }
        let plan = world.decision(&desired(&world, &jobs)).plan;
        assert_eq!(of_code(&plan), [(Action::Upload, '1', reason.to_owned(), origin, vec![])]);
        assert_eq!(plan.changes[0].tree.as_ref().unwrap().written, Some(written), "{reason}");
        assert_eq!(plan.changes.len(), 1);
        let drifted = crate::plan::drift::drift(&plan);
        assert_eq!(drifted.changes.len(), usize::from(origin.is_some()), "{reason}");
    }
}

#[test]
fn what_was_never_whole_and_who_else_reads_it_is_no_drift() {
    let jobs = [("a", '1')];
    let mut world = world(&jobs);
    put(&mut world, '1', StoredTree { state: Some(TreeState::default()), ..StoredTree::default() });
    let plan = world.decision(&desired(&world, &jobs)).plan;
    assert_eq!(
        of_code(&plan),
        [(Action::Upload, '1', "an earlier upload of it was not finished".to_owned(), None, vec![])]
    );
    put(&mut world, '1', whole());
    let mut desired = desired(&world, &jobs);
    desired.code.users.get_mut(&job_address("a")).unwrap().reader =
        Some(CodeReader::ServicePrincipal("svc-etl".into()));
    let plan = world.decision(&desired).plan;
    assert_eq!(of_code(&plan), [(Action::Upload, '1', "svc-etl may read it".to_owned(), None, vec![])]);
    let CodeAct::Upload { readers, .. } = &plan.changes[0].code.as_ref().unwrap().does else { panic!() };
    assert_eq!(readers, &desired.code.readers(&hash('1')));
}

#[test]
fn code_falls_out_of_use_after_the_change_that_ends_it() {
    let jobs = [("a", '2'), ("b", '2')];
    let was = |name: &str| {
        let old = world(&[(name, '1')]);
        old.applied(JOB, name, &format!("id-{name}"), json!({})).live
    };
    let mut world = world(&jobs);
    for name in ["a", "b"] {
        world.live.kinds.entry(JOB).or_default().extend(was(name).kinds.remove(JOB).unwrap());
    }
    put(&mut world, '1', left(None));
    put(&mut world, '2', whole());
    // Left over by a crash: nothing names it.
    put(&mut world, '3', left(None));
    let wanted = desired(&world, &jobs);
    let plan = world.decision(&wanted).plan;
    let reason = "nothing names it after this; it is kept for 30 days".to_owned();
    let ends = vec!["DatabricksJob/a".to_owned(), "DatabricksJob/b".to_owned()];
    let mut said = of_code(&plan);
    said.sort_by_key(|one| one.1);
    assert_eq!(said, [(Action::Retire, '1', reason.clone(), None, ends), (Action::Retire, '3', reason, None, vec![])]);
    let day = find(&plan, "Code/111111111111").code.as_ref().unwrap().does.clone();
    assert_eq!(day, CodeAct::Retire { day: date(2024, 6, 15) });
    // One of its jobs is not of the selection: it stays in use, and so does what is left over.
    let part = World { selection: crate::plan::Selection { only: vec!["a".into()], labels: vec![] }, ..world };
    assert_eq!(of_code(&part.decision(&wanted).plan), []);
    // Somebody's copy of a job names it.
    let mut world = World { selection: Default::default(), ..part };
    let copy = spec("copy", '1');
    world = world.with(JOB, "copy", copy, None);
    let plan = world.decision(&wanted).plan;
    assert_eq!(of_code(&plan).iter().map(|one| one.1).collect::<Vec<_>>(), ['3']);
    // A note of another time does not count: it is used until now.
    world.live.kinds.get_mut(JOB).unwrap().pop();
    put(&mut world, '1', left(Some(date(2024, 1, 1))));
    let plan = world.decision(&wanted).plan;
    assert!(of_code(&plan).iter().any(|one| (one.0, one.1) == (Action::Retire, '1')), "{:?}", of_code(&plan));
}

#[test]
fn what_another_hand_keeps_goes_on_naming_its_code() {
    let ignoring = ", lifecycle: {ignore: [{path: \"tasks[a].spark_python_task.python_file\", reason: theirs}]}";
    let mut world = World::of(manifest(JOB, "a", ignoring, &json!({"name": "a", "tasks": spec("a", '2')["tasks"]})));
    let changed = json!({"tasks": spec("a", '1')["tasks"], "timeout_seconds": 5});
    world = world.applied(JOB, "a", "7", changed);
    put(&mut world, '1', left(None));
    put(&mut world, '2', whole());
    let plan = world.decision(&desired(&world, &[("a", '2')])).plan;
    assert_eq!(of_code(&plan), [], "{:#?}", plan.changes);
}

#[test]
fn code_is_pruned_when_it_was_unused_long_enough_and_nothing_runs_it() {
    let jobs = [("a", '1')];
    let mut world = world(&jobs).applied(JOB, "a", "7", json!({}));
    put(&mut world, '1', whole());
    put(&mut world, '2', left(Some(date(2024, 5, 16))));
    let plan = |world: &World| world.decision(&desired(world, &jobs)).plan;
    let stays = |why: &str| vec![format!("Code/222222222222 stays as it is: {why}")];
    assert_eq!(
        (of_code(&plan(&world)), notes(&plan(&world))),
        (vec![], stays("nobody looked which code active runs use"))
    );
    world.live.code.runs = Some(Err("403".into()));
    assert_eq!(notes(&plan(&world)), stays("which code active runs use is not known: 403"));
    world.live.code.runs = Some(Ok(BTreeSet::from([hash('2')])));
    assert!(plan(&world).is_empty());
    world.live.code.runs = Some(Ok(BTreeSet::new()));
    let reason = "nothing names it since 2024-05-16, and `spec.code.keep` is 30 days".to_owned();
    assert_eq!(of_code(&plan(&world)), [(Action::Prune, '2', reason, None, vec![])]);
    assert_eq!(plan(&world).counts().prune, 1);
    // A day earlier it is not due.
    world.today = date(2024, 6, 14);
    assert!(plan(&world).is_empty());
    world.today = date(2024, 6, 15);
    // Some object could not be read: it may name it.
    let unread = crate::kinds::Unreadable::unknown("job 9", "no JSON");
    world.live.unreadable.entry(JOB).or_default().push(unread);
    assert_eq!(of_code(&plan(&world)), []);
    assert!(
        notes(&plan(&world)).contains(&stays("job 9 could not be read and may name it")[0]),
        "{:?}",
        notes(&plan(&world))
    );
    world.live.unreadable.clear();
    // What is live and names it keeps it, whosever it is.
    let world = world.with(JOB, "copy", spec("copy", '2'), None);
    assert!(plan(&world).is_empty());
}

#[test]
fn where_code_cannot_be_looked_at_only_what_needs_other_code_is_refused() {
    let jobs = [("a", '1'), ("b", '2'), ("c", '1')];
    let mut world = world(&jobs).applied(JOB, "a", "7", json!({"timeout_seconds": 5}));
    world = world.applied(JOB, "c", "9", json!({}));
    let old = self::world(&[("b", '1')]).applied(JOB, "b", "8", json!({})).live;
    world.live.kinds.get_mut(JOB).unwrap().extend(old.kinds[JOB].clone());
    world.live.code.unread = Some("403: no rights".into());
    let wanted = desired(&world, &jobs);
    let plan = world.decision(&wanted).plan;
    assert_eq!(refused(&plan), ["DatabricksJob/b: whether its code is there is not known: 403: no rights"]);
    assert_eq!(plan.changes.iter().map(|c| c.address.to_string()).collect::<Vec<_>>(), ["DatabricksJob/a"]);
    let folder = folder().path().to_owned();
    assert_eq!(
        notes(&plan),
        [format!("what code is kept in {folder} is not known: 403: no rights; none is retired or pruned")]
    );
    // One tree that cannot be looked into is only about those that use it.
    world.live.code.unread = None;
    put(&mut world, '2', whole());
    let state = Some(TreeState { unread: Some("500".into()), ..TreeState::default() });
    put(&mut world, '1', StoredTree { state, unused_since: None });
    let plan = world.decision(&wanted).plan;
    assert_eq!(refused(&plan), [""; 0]);
    assert_eq!(plan.notes.iter().map(|n| n.address.clone().unwrap().name).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn the_digest_names_the_tree_and_who_reads_it_and_no_day() {
    let jobs = [("a", '2')];
    let digests = |edit: &dyn Fn(&mut World, &mut Desired)| {
        let mut world = world(&jobs);
        let old = self::world(&[("a", '1')]).applied(JOB, "a", "8", json!({})).live;
        world.live.kinds = old.kinds;
        put(&mut world, '1', left(None));
        let mut wanted = desired(&world, &jobs);
        edit(&mut world, &mut wanted);
        let plan = world.decision(&wanted).plan;
        let of = |action: Action| plan.changes.iter().find(|c| c.action == action).unwrap().digest.clone();
        (plan.digest.clone(), of(Action::Upload), of(Action::Retire))
    };
    let first = digests(&|_, _| {});
    assert_eq!(digests(&|world, _| world.today = date(2024, 6, 16)), first);
    let part = StoredTree { state: Some(TreeState::default()), ..StoredTree::default() };
    let crashed = digests(&|world, _| put(world, '2', part.clone()));
    assert_eq!(crashed, first, "an upload that was cut off goes on with the approval that it had");
    let readers = digests(&|_, wanted| {
        wanted.code.users.get_mut(&job_address("a")).unwrap().reader = Some(CodeReader::User("ann".into()));
    });
    assert_ne!(readers.0, first.0);
    assert_ne!(readers.1, first.1);
    assert_eq!(readers.2, first.2);
    let elsewhere = digests(&|_, wanted| wanted.code.folder = CodeFolder::new(Some("/Workspace/ops"), "bau", "prod"));
    assert_ne!(elsewhere.1, first.1);
}
