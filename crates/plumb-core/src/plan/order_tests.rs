//! What has to be done before what, and how much is looked at to tell.

use super::*;
use crate::kinds::{Observed, ThingKind};
use crate::plan::worked::counted;
use serde_json::{Value, json};

fn address(index: usize) -> Address {
    Address { kind: "DatabricksJob".into(), name: format!("job-{index:05}") }
}

/// Changes by their places, each of which uses others: deletes, but for those of `kept`.
fn linked(uses: &[Vec<usize>], kept: &[usize]) -> (Vec<Vec<usize>>, usize) {
    let live: Vec<LiveObject> = uses
        .iter()
        .enumerate()
        .map(|(index, uses)| {
            // An id is a number where a job runs another, and a text where it runs on a pool.
            let tasks: Vec<_> = uses.iter().map(|id| json!({ "run_job_task": { "job_id": 1000 + id } })).collect();
            let spec = json!({ "tasks": tasks, "name": format!("job {index}") });
            let seen = Observed { id: (1000 + index).to_string(), spec, ..Observed::default() };
            LiveObject { seen: seen.into(), mark: None, released: None }
        })
        .collect();
    let mut changes: Vec<Change> = (0..uses.len())
        .map(|index| {
            let action = if kept.contains(&index) { Action::Update } else { Action::Delete };
            Change { id: Some((1000 + index).to_string()), ..Change::new(address(index), action) }
        })
        .collect();
    let touched = live.iter().enumerate().map(|(index, live)| (address(index), live)).collect();
    let ((), work) = counted(Work::Links, || link(&mut changes, &touched));
    let place = |of: &Address| (0..uses.len()).find(|index| address(*index) == *of);
    (changes.iter().map(|c| c.depends_on.iter().filter_map(place).collect()).collect(), work)
}

/// The same as it was told at first: each delete against each change, and each way looked for from the start.
fn plainly(uses: &[Vec<usize>], kept: &[usize]) -> Vec<Vec<usize>> {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); uses.len()];
    for deleted in (0..uses.len()).filter(|index| !kept.contains(index)) {
        for user in (0..uses.len()).filter(|user| *user != deleted && uses[*user].contains(&deleted)) {
            let (mut seen, mut stack) = (BTreeSet::new(), vec![user]);
            while let Some(at) = stack.pop() {
                if seen.insert(at) {
                    stack.extend(&before[at]);
                }
            }
            if !seen.contains(&deleted) {
                before[deleted].push(user);
            }
        }
    }
    before
}

#[test]
fn what_uses_a_thing_goes_before_it_and_of_a_circle_one_goes_first() {
    for (uses, kept, wanted) in [
        (vec![vec![1], vec![]], vec![], vec![vec![], vec![0]]),
        (vec![vec![1], vec![0]], vec![], vec![vec![1], vec![]]),
        (vec![vec![0], vec![1, 1]], vec![], vec![vec![], vec![]]),
        (vec![vec![1], vec![2], vec![0]], vec![], vec![vec![2], vec![0], vec![]]),
        (vec![vec![1], vec![]], vec![0], vec![vec![], vec![0]]),
        (vec![vec![1], vec![]], vec![1], vec![vec![], vec![]]),
    ] {
        assert_eq!(linked(&uses, &kept).0, wanted, "{uses:?}");
    }
}

#[test]
fn any_net_of_uses_is_ordered_as_if_each_way_had_been_looked_for() {
    // A few thousand nets, dense and sparse, out of a fixed row of numbers.
    let mut state = 7u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    for _ in 0..3000 {
        let count = 2 + next(7);
        let uses: Vec<Vec<usize>> = (0..count).map(|_| (0..next(4)).map(|_| next(count)).collect()).collect();
        let kept: Vec<usize> = (0..count).filter(|_| next(5) == 0).collect();
        assert_eq!(linked(&uses, &kept).0, plainly(&uses, &kept), "{uses:?} but {kept:?}");
    }
}

/// By each of so many deletes, those that it is used by.
type Net<'a> = &'a dyn Fn(usize) -> Vec<Vec<usize>>;

#[test]
fn the_work_grows_with_the_changes() {
    let alone = |count: usize| vec![Vec::new(); count];
    let chain =
        |count: usize| (0..count).map(|index| if index + 1 < count { vec![index + 1] } else { vec![] }).collect();
    let star = |count: usize| (0..count).map(|index| if index == 0 { vec![] } else { vec![0] }).collect();
    let pairs = |count: usize| (0..count).map(|index| vec![index ^ 1]).collect();
    let nets: [(&str, Net<'_>); 4] = [("alone", &alone), ("a chain", &chain), ("a star", &star), ("pairs", &pairs)];
    for (what, net) in nets {
        let work = |count: usize| linked(&net(count), &[]).1;
        assert!(work(2000) <= 8 * 2000, "{what}: {} visits for 2000 deletes", work(2000));
    }
}

#[test]
fn a_plan_is_read_in_the_order_in_which_it_is_done() {
    let change = |index: usize, needs: &[usize]| Change {
        depends_on: needs.iter().map(|need| address(*need)).collect(),
        ..Change::new(address(index), Action::Update)
    };
    let sorted = |mut changes: Vec<Change>| {
        sort(&mut changes);
        changes.iter().map(|c| c.address.name.trim_start_matches("job-").parse().unwrap()).collect::<Vec<usize>>()
    };
    assert_eq!(sorted(vec![change(0, &[2]), change(1, &[]), change(2, &[3]), change(3, &[])]), [3, 2, 0, 1]);
    // What is not planned is not waited for, and a circle is left as it is met.
    assert_eq!(sorted(vec![change(0, &[9]), change(1, &[])]), [0, 1]);
    assert_eq!(sorted(vec![change(0, &[1]), change(1, &[0])]), [1, 0]);
    // A chain as long as the plan: each link is looked at once.
    for count in [100, 1_000] {
        let mut changes: Vec<Change> =
            (0..count).map(|at| change(at, if at + 1 < count { vec![at + 1] } else { vec![] }.as_slice())).collect();
        let ((), work) = counted(Work::Links, || sort(&mut changes));
        assert_eq!(changes.first().map(|c| c.address.clone()), Some(address(count - 1)));
        assert!(work <= 5 * count, "{work} for {count}");
    }
}

/// Volumes and jobs by their places: the live spec of each, and what is done to it.
fn by_names(all: &[(Action, Value)]) -> (Vec<Vec<usize>>, usize) {
    let of = |index: usize| LiveObject {
        seen: Observed { id: format!("x{index}"), spec: all[index].1.clone(), ..Observed::default() }.into(),
        mark: None,
        released: None,
    };
    let live: Vec<LiveObject> = (0..all.len()).map(of).collect();
    let change = |(index, (action, spec)): (usize, &(Action, Value))| {
        let after = spec["after"].as_u64().map(|after| address(after as usize));
        Change {
            id: Some(format!("x{index}")),
            depends_on: after.into_iter().collect(),
            ..Change::new(address(index), *action)
        }
    };
    let mut changes: Vec<Change> = all.iter().enumerate().map(change).collect();
    let touched = live.iter().enumerate().map(|(index, live)| (address(index), live)).collect();
    let things = |spec: &Value, member: &str| -> Vec<NamedThing> {
        let name = spec[member].as_str();
        let kind = |name: &str| if name.matches('.').count() == 2 { ThingKind::Volume } else { ThingKind::Schema };
        name.map(|name| NamedThing::new(kind(name), name)).into_iter().collect()
    };
    let names = |_: &str, live: &LiveObject| {
        let spec = live.seen.spec();
        ObjectNames { provides: things(&spec, "is"), needs: things(&spec, "in") }
    };
    let ((), work) = counted(Work::Links, || link_by(&mut changes, &touched, &names));
    let place = |of: &Address| (0..all.len()).find(|index| address(*index) == *of);
    (changes.iter().map(|c| c.depends_on.iter().filter_map(place).collect()).collect(), work)
}

#[test]
fn who_names_a_thing_goes_before_it() {
    let (schema, volume) = (json!({ "is": "m.s" }), json!({ "is": "m.s.v", "in": "m.s" }));
    let job = json!({ "path": ["--in=/Volumes/m/s/v/in"] });
    let (delete, update, replace) = (Action::Delete, Action::Update, Action::Replace);
    for (what, all, wanted) in [
        (
            "all of them go",
            vec![(delete, schema.clone()), (delete, volume.clone()), (delete, job.clone())],
            vec![vec![1], vec![2], vec![]],
        ),
        ("the job lets go of it", vec![(delete, volume.clone()), (update, job.clone())], vec![vec![1], vec![]]),
        (
            "a job goes, and what it read is replaced",
            vec![(replace, volume.clone()), (delete, job.clone())],
            vec![vec![1], vec![]],
        ),
        (
            "a job that reads the new one comes after it",
            vec![(replace, volume.clone()), (update, json!({ "path": "/Volumes/m/s/v", "after": 0 }))],
            vec![vec![], vec![0]],
        ),
        (
            "what stays is waited for by nobody",
            vec![(update, volume.clone()), (delete, job.clone())],
            vec![vec![], vec![]],
        ),
        (
            "a comment of the schema about its volume",
            vec![(delete, json!({ "is": "m.s", "comment": "/Volumes/m/s/v" })), (delete, volume.clone())],
            vec![vec![1], vec![]],
        ),
        (
            "another volume of the schema",
            vec![(delete, schema.clone()), (delete, json!({ "path": "/Volumes/m/s/w" }))],
            vec![vec![1], vec![]],
        ),
        (
            "of another schema",
            vec![(delete, schema), (delete, json!({ "path": "/Volumes/m/t/v" }))],
            vec![vec![], vec![]],
        ),
        ("itself", vec![(delete, json!({ "is": "m.s.v", "comment": "/Volumes/m/s/v" }))], vec![vec![]]),
    ] {
        assert_eq!(by_names(&all).0, wanted, "{what}");
    }
}

#[test]
fn the_work_grows_with_the_names() {
    for count in [100, 1_000] {
        let jobs = (0..count).map(|at| (Action::Delete, json!({ "path": format!("/Volumes/m/s/v{at}") })));
        let volumes = (0..count).map(|at| (Action::Delete, json!({ "is": format!("m.s.v{at}"), "in": "m.s" })));
        let all: Vec<(Action, Value)> = jobs.chain(volumes).chain([(Action::Delete, json!({ "is": "m.s" }))]).collect();
        let (order, work) = by_names(&all);
        assert_eq!(order.last().map(Vec::len), Some(count));
        assert!(work <= 16 * all.len(), "{work} for {}", all.len());
    }
}
