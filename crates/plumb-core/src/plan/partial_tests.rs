//! What a plan of a part says of what it leaves out.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds::{self, Mark, Observed, Owner, Unreadable};
use crate::manifest::{Desired, InMemory, Request, load};
use crate::plan::{Baselines, Input, Live, LiveObject, Plan, decide};

const POOL: &str = "0123-456789-pool1";

/// A project with a pool of that machine type, and jobs: `(name, what its cluster's pool is)`.
fn desired(jobs: &[(&str, &str)]) -> Desired {
    let project =
        "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: bau}\nspec: {targets: {prod: {databricks: {}}}}\n";
    let mut text =
        "apiVersion: plumb/v1\nkind: DatabricksInstancePool\nmetadata: {name: workers, labels: {part: pools}}\n\
                    spec: {instance_pool_name: workers, node_type_id: i3.xlarge}\n"
            .to_owned();
    for (name, pool) in jobs {
        text.push_str(&format!(
            "---\napiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: {name}}}\nspec:\n  name: {name}\n  tasks:\n  - \
             task_key: main\n    notebook_task: {{notebook_path: /x}}\n    new_cluster: {{spark_version: \
             15.4.x-scala2.12, num_workers: 1, instance_pool_id: \"{pool}\"}}\n"
        ));
    }
    let files = [("plumb.yaml", project.to_owned()), ("manifests/all.yaml", text)];
    let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect();
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    load(&InMemory(files), &request, kinds::all()).unwrap_or_else(|e| panic!("{:?}", e.problems))
}

fn owner(project: &str, kind: &str, name: &str) -> Mark {
    let address = Address { kind: kind.into(), name: name.into() };
    Mark {
        owner: Owner { project: project.into(), target: "prod".into(), address },
        rev: None,
        protect: false,
        force_destroy: false,
    }
}

fn pool() -> LiveObject {
    // Another machine type: that cannot be changed in place.
    let spec = json!({"instance_pool_name": "workers", "node_type_id": "i3.2xlarge"});
    let mark = Some(owner("bau", "DatabricksInstancePool", "workers"));
    LiveObject { seen: Observed { id: POOL.into(), spec, ..Observed::default() }.into(), mark, released: None }
}

fn job(id: &str, mark: Mark, pool: &str) -> LiveObject {
    let cluster = json!({"spark_version": "15.4.x-scala2.12", "num_workers": 1, "instance_pool_id": pool});
    let task = json!({"task_key": "main", "notebook_task": {"notebook_path": "/x"}, "new_cluster": cluster});
    let spec = json!({"name": mark.owner.address.name, "tasks": [task]});
    LiveObject {
        seen: Observed { id: id.into(), spec, ..Observed::default() }.into(),
        mark: Some(mark),
        released: None,
    }
}

fn mine(name: &str) -> Mark {
    owner("bau", "DatabricksJob", name)
}

fn only(pattern: &str) -> Selection {
    Selection { only: vec![pattern.to_owned()], labels: Vec::new() }
}

fn plan(desired: &Desired, live: &Live, selection: &Selection) -> Plan {
    decide(&Input {
        desired,
        live,
        baselines: &Baselines::new(),
        selection,
        head: None,
        base: None,
        today: jiff::civil::date(2024, 5, 1),
        now: jiff::Timestamp::UNIX_EPOCH,
        who: "",
        allow_teardown: false,
        kinds: kinds::objects(),
        approval_key: None,
        absent: &[],
    })
    .plan
}

fn live(jobs: Vec<LiveObject>) -> Live {
    let kinds = BTreeMap::from([("DatabricksInstancePool", vec![pool()]), ("DatabricksJob", jobs)]);
    Live { kinds, ..Live::default() }
}

const REFERENCE: &str = "${resources.DatabricksInstancePool.workers}";

#[test]
fn what_would_keep_an_id_that_goes_is_named_and_refused() {
    let jobs = [
        ("a", REFERENCE),
        // Not live: it gets the new id when it is made.
        ("b", REFERENCE),
        // The id written out.
        ("c", POOL),
        ("other", "9999-000000-pool9"),
        // Its manifest refers to it, and what is live of it was not read.
        ("unread", REFERENCE),
    ];
    let desired = desired(&jobs);
    let mut live = live(vec![
        job("1", mine("a"), POOL),
        job("3", mine("c"), POOL),
        // Its manifest is gone, and a selection deletes nothing.
        job("4", mine("orphan"), POOL),
        job("5", mine("other"), "9999-000000-pool9"),
        job("6", owner("theirs", "DatabricksJob", "a"), POOL),
    ]);
    live.cannot_read(
        kinds::find("DatabricksJob").unwrap(),
        Unreadable {
            whose: Whose::Marked(Box::new(mine("unread"))),
            ..Unreadable::unknown("job 7", "its settings are no object")
        },
    );
    let partial = plan(&desired, &live, &only("workers"));
    let actions: Vec<_> = partial.changes.iter().map(|c| (c.address.name.as_str(), c.action)).collect();
    assert_eq!(actions, [("workers", Action::Replace)]);
    let of = partial.partial.as_ref().unwrap();
    let names: Vec<&str> = of.dangling.iter().map(|d| d.address.name.as_str()).collect();
    assert_eq!(names, ["a", "c", "orphan", "unread"]);
    assert!(of.dangling.iter().all(|d| d.id == POOL && d.refers_to.name == "workers"));
    assert_eq!((of.selected, of.total, of.only.as_slice()), (1, 6, &["workers".to_owned()][..]));
    let [blocked] = partial.blocked.as_slice() else { panic!("{:?}", partial.blocked) };
    assert_eq!(blocked.guard, Some(Guard::Dangling));
    assert_eq!(blocked.address.as_ref().unwrap().name, "workers");
    assert_eq!(
        blocked.reason,
        "it is replaced, and 4 resources refer to it that the selection leaves out and that would keep its old id \
         0123-456789-pool1: DatabricksJob/a, DatabricksJob/c, DatabricksJob/orphan, DatabricksJob/unread"
    );
}

#[test]
fn nothing_is_left_behind_by_a_plan_that_has_it_all_or_that_lets_nothing_go() {
    let desired = desired(&[("a", REFERENCE)]);
    let old = live(vec![job("1", mine("a"), POOL)]);
    // The whole plan has both, and so has a selection of both.
    let whole = plan(&desired, &old, &Selection::default());
    assert_eq!((whole.partial, whole.blocked.len(), whole.changes.len()), (None, 0, 2));
    let both = plan(&desired, &old, &only("*"));
    assert_eq!((both.partial.unwrap().dangling, both.blocked.len(), both.changes.len()), (vec![], 0, 2));
    // An update keeps the id.
    let mut kept = old.clone();
    let pool = &mut kept.kinds.get_mut("DatabricksInstancePool").unwrap()[0].seen;
    let changed = json!({"instance_pool_name": "workers", "node_type_id": "i3.xlarge", "max_capacity": 3});
    pool.edit(|seen| seen.spec = changed);
    let part = plan(&desired, &kept, &only("workers"));
    assert_eq!(part.changes[0].action, Action::Update);
    assert_eq!((part.partial.unwrap().dangling, part.blocked.len()), (vec![], 0));
}

#[test]
fn a_selection_by_label_is_a_part_too() {
    let desired = desired(&[("a", REFERENCE)]);
    let by_label = Selection { labels: vec![("part".into(), "pools".into())], only: Vec::new() };
    let part = plan(&desired, &live(vec![job("1", mine("a"), POOL)]), &by_label).partial.unwrap();
    assert_eq!((part.labels.as_slice(), part.dangling.len()), (&["part=pools".to_owned()][..], 1));
    assert_eq!(part.selection().labels, by_label.labels);
}

#[test]
fn many_are_counted_and_not_all_named() {
    let names: Vec<String> = (0..12).map(|n| format!("j{n:02}")).collect();
    let jobs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), REFERENCE)).collect();
    let found = names.iter().enumerate().map(|(n, name)| job(&n.to_string(), mine(name), POOL)).collect();
    let part = plan(&desired(&jobs), &live(found), &only("DatabricksInstancePool"));
    assert!(part.blocked[0].reason.contains("12 resources refer to it"), "{}", part.blocked[0].reason);
    assert!(part.blocked[0].reason.ends_with("DatabricksJob/j09, 2 more"), "{}", part.blocked[0].reason);
    assert_eq!(part.partial.unwrap().dangling.len(), 12);
}

#[test]
fn the_digest_names_the_selection_whatever_its_order() {
    let desired = desired(&[("a", REFERENCE)]);
    let live = live(vec![job("1", mine("a"), POOL)]);
    let digest = |only: &[&str]| {
        let only = only.iter().map(|text| (*text).to_owned()).collect();
        plan(&desired, &live, &Selection { only, labels: Vec::new() }).digest
    };
    let (whole, part) = (digest(&[]), digest(&["*"]));
    assert_ne!(whole, part, "the same changes, and not the same plan");
    assert_ne!(part, digest(&["*", "a"]));
    assert_eq!(digest(&["a", "workers"]), digest(&["workers", "a"]));
}
