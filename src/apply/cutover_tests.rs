//! A wave's change, phase by phase, against an Airflow that refuses, loses answers or starts a run in between.

#![allow(clippy::unwrap_used)]

use super::super::{ApplyOptions, UnwatchedApply, apply};
use super::*;
use crate::plan_world::{World, manifest};
use crate::services::fake::{Fake, FakeAnswer, lost, not_sent, nothing, refused};
use crate::services::{Requests, Services};
use plumb_core::plan::Selection;
use plumb_model::call::System;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, atomic::AtomicBool};
use std::time::Duration;

/// An Airflow with two old DAGs that are on and two new ones that are paused, all of other people's code.
#[derive(Default)]
struct State {
    on: BTreeSet<String>,
    running: BTreeSet<String>,
    /// The files that were written.
    files: Vec<String>,
    /// At every write, which DAGs were on after it.
    seen: Vec<String>,
}

struct Fleet {
    state: Arc<Mutex<State>>,
    fake: Arc<Fake>,
}

/// What goes wrong, at which call of the writes, and whether the call was carried out all the same.
type Wrong = Option<(&'static str, fn() -> ServiceFault, bool)>;
type ServiceFault = plumb_model::call::ServiceError;

impl Fleet {
    /// `wrong`: what is answered to writes whose line holds the text.
    fn new(on: &[&str], running: &[&str], wrong: Vec<Wrong>) -> Fleet {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let state = Arc::new(Mutex::new(State { on: set(on), running: set(running), ..State::default() }));
        let shared = state.clone();
        let fake = Fake::new(move |call: &Call| answer(&mut shared.lock().unwrap(), call, &wrong));
        Fleet { state, fake }
    }

    fn services(&self) -> Services {
        let services = Services::default();
        let all = [System::Airflow, System::DagFiles];
        all.into_iter().fold(services, |all, system| all.with(system, self.fake.clone(), Requests::default()))
    }

    fn on(&self) -> Vec<String> {
        self.state.lock().unwrap().on.iter().cloned().collect()
    }
}

fn answer(state: &mut State, call: &Call, wrong: &[Wrong]) -> FakeAnswer {
    let parts: Vec<&str> = call.path.trim_start_matches("/api/v2/").split('/').collect();
    let row = |state: &State, id: &str| {
        json!({ "dag_id": id, "is_paused": !state.on.contains(id), "is_stale": false,
        "fileloc": "/dags/theirs.py", "relative_fileloc": "theirs.py", "tags": [] })
    };
    if call.method == Method::Get {
        return Ok(match parts.as_slice() {
            ["dags"] => {
                let all = ["new_a", "new_b", "old_a", "old_b"];
                json!({ "dags": all.map(|id| row(state, id)), "total_entries": 4 })
            }
            ["dags", id, "dagRuns"] => {
                let runs: Vec<Value> =
                    state.running.iter().filter(|dag| dag == id).map(|_| json!({ "dag_run_id": "r1" })).collect();
                json!({ "dag_runs": runs, "total_entries": runs.len() })
            }
            ["importErrors"] => json!({ "import_errors": [], "total_entries": 0 }),
            ["", "dags"] => json!({ "files": [], "dag_id": call.query.first().map(|(_, id)| id) }),
            other => panic!("{other:?}"),
        });
    }
    let line = format!("{} {}", call.line(), call.body.as_ref().unwrap());
    let fault = wrong.iter().flatten().find(|(text, ..)| line.contains(text));
    if fault.is_none_or(|(.., done)| *done) {
        match parts.as_slice() {
            ["dags", id] => {
                if call.body.as_ref().unwrap()["is_paused"] == true {
                    state.on.remove(*id);
                } else {
                    state.on.insert((*id).to_owned());
                }
            }
            ["", "dags", file] => state.files.push((*file).to_owned()),
            other => panic!("{other:?}"),
        }
        state.seen.push(state.on.iter().cloned().collect::<Vec<_>>().join(" "));
    }
    match fault {
        Some((_, fault, _)) => Err(fault()),
        None => nothing(),
    }
}

fn pause(id: &str, paused: bool) -> Call {
    Call::set(System::Airflow, Method::Patch, format!("/api/v2/dags/{id}"), json!({ "is_paused": paused }))
}

fn put(id: &str) -> Call {
    Call::set(System::DagFiles, Method::Put, format!("/dags/{id}.py"), json!({ "text": "", "dag_id": id }))
}

fn still(id: &str) -> (String, Call) {
    (id.to_owned(), Call::get(System::Airflow, format!("/api/v2/dags/{id}/dagRuns")).query("state", "running"))
}

fn cut_over() -> CutoverCalls {
    CutoverCalls {
        pause: vec![pause("old_a", true), pause("old_b", true)],
        still: vec![still("old_a"), still("old_b")],
        switch: vec![put("new_a"), put("new_b")],
        start: vec![pause("new_a", false), pause("new_b", false)],
        back: vec![pause("old_a", false), pause("old_b", false)],
    }
}

fn go_back() -> CutoverCalls {
    CutoverCalls {
        pause: vec![pause("new_a", true), pause("new_b", true)],
        switch: vec![put("new_a"), put("new_b")],
        start: vec![pause("old_a", false), pause("old_b", false)],
        ..CutoverCalls::default()
    }
}

fn project() -> World {
    let mut text = String::new();
    for name in ["old_a", "old_b", "new_a", "new_b"] {
        text += &manifest("AirflowDag", name, "", &json!({ "dag_id": name, "source": "external" }));
    }
    text += &manifest("EmrCluster", "legacy", "", &json!({ "match": { "name": "legacy" }, "desired": "keep" }));
    text += &manifest("DatabricksJob", "job", "", &json!({ "name": "job" }));
    let migration = json!({ "wave": "1", "cutover": "2024-05-03",
        "from": { "emr": ["EmrCluster/legacy"], "dags": ["AirflowDag/old_a", "AirflowDag/old_b"] },
        "to": { "jobs": ["DatabricksJob/job"], "dags": ["AirflowDag/new_a", "AirflowDag/new_b"] } });
    World::of(text + &manifest("Migration", "audience", "", &migration))
}

/// Carries a wave's change out that was decided on what `decided` has: how it ended, in a word and in its own, and the writes.
async fn ends(fleet: &Fleet, decided: &Fleet, action: Action, calls: CutoverCalls) -> (&'static str, String) {
    let mut world = project();
    let desired = world.desired();
    let dags = [plumb_core::kinds::find("AirflowDag").unwrap()];
    let deaf = observe::UnwatchedRead;
    let all = Selection::default();
    world.live = observe::observe(&decided.services(), &dags, &desired, &all, &deaf).await.unwrap();
    let mut decision = world.decision(&desired);
    let address = Address { kind: "Wave".into(), name: "1".into() };
    decision.plan.changes = vec![Change { cutover: Some(Box::new(calls)), ..Change::new(address, action) }];
    let short = Duration::from_millis(1);
    let options = ApplyOptions { patience: short, poll: short, outage: short, ..ApplyOptions::default() };
    let stop = Arc::new(AtomicBool::new(false));
    let outcome =
        apply(&fleet.services(), &desired, &world.live, decision, options, &UnwatchedApply, stop).await.changes;
    let ended = outcome.into_values().next().unwrap();
    let said = format!("{ended:?}");
    let word = match ended {
        Ended::Done { left, unverified, .. } if left.is_empty() && unverified.is_none() => "done",
        Ended::Done { .. } => "left",
        Ended::Failed { .. } => "failed",
        Ended::Unknown { .. } => "unknown",
        Ended::Stale { .. } => "stale",
        Ended::Skipped { .. } | Ended::NotStarted => "not begun",
    };
    (word, said)
}

const OLD: [&str; 2] = ["old_a", "old_b"];
const NEW: [&str; 2] = ["new_a", "new_b"];

/// No old and new DAG were on together after any write.
fn assert_never_both(fleet: &Fleet, what: &str) {
    for on in &fleet.state.lock().unwrap().seen {
        assert!(!(on.contains("old") && on.contains("new")), "{what}: on together: {on}");
    }
}

#[tokio::test(start_paused = true)]
async fn old_rests_before_new_runs_and_the_other_way_round() {
    let fleet = Fleet::new(&OLD, &[], vec![]);
    let (word, said) = ends(&fleet, &fleet, Action::CutOver, cut_over()).await;
    assert_eq!((word, fleet.on()), ("done", NEW.map(str::to_owned).to_vec()), "{said}");
    assert_eq!(fleet.state.lock().unwrap().seen, ["old_b", "", "", "", "new_a", "new_a new_b"]);
    let fleet = Fleet::new(&NEW, &["new_a"], vec![]);
    let (word, said) = ends(&fleet, &fleet, Action::Rollback, go_back()).await;
    assert_eq!((word, fleet.on()), ("done", OLD.map(str::to_owned).to_vec()), "{said}");
    assert_eq!(fleet.state.lock().unwrap().seen, ["new_b", "", "", "", "old_a", "old_a old_b"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_began_meanwhile_ends_the_cutover_before_anything_is_switched() {
    for running in ["old_a", "old_b"] {
        let fleet = Fleet::new(&OLD, &[running], vec![]);
        let (word, said) = ends(&fleet, &fleet, Action::CutOver, cut_over()).await;
        assert_eq!((word, fleet.on()), ("failed", OLD.map(str::to_owned).to_vec()), "{said}");
        assert!(said.contains(&format!("a run of {running} goes on: r1")), "{said}");
        assert!(said.contains("what had been paused is on again"), "{said}");
        assert!(fleet.state.lock().unwrap().files.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_unless_every_dag_is_as_it_was_decided_on() {
    let decided = Fleet::new(&OLD, &[], vec![]);
    for on in [&["old_a"][..], &["old_a", "old_b", "new_b"], &NEW] {
        let fleet = Fleet::new(on, &[], vec![]);
        let (word, said) = ends(&fleet, &decided, Action::CutOver, cut_over()).await;
        assert_eq!((word, fleet.state.lock().unwrap().seen.len()), ("stale", 0), "{said}");
        assert!(said.contains(".paused: it was"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cutover_goes_back_until_something_new_may_be_on_and_forward_from_then() {
    let (old, new): (&[&str], &[&str]) = (&OLD, &NEW);
    let refusal = || refused(403, "FORBIDDEN");
    let rows: Vec<(&str, Vec<Wrong>, &str, &[&str])> = vec![
        ("the first pause is refused", vec![Some(("old_a {\"is_paused\":true", refusal, false))], "failed", old),
        ("the second is refused", vec![Some(("old_b {\"is_paused\":true", refusal, false))], "failed", old),
        ("its answer is lost, and it was done", vec![Some(("old_b {\"is_paused\":true", lost, true))], "failed", old),
        ("its answer is lost, and it was not", vec![Some(("old_b {\"is_paused\":true", lost, false))], "failed", old),
        ("a file is refused", vec![Some(("new_b.py", refusal, false))], "failed", old),
        ("a file is not known to be written", vec![Some(("new_b.py", lost, true))], "failed", old),
        ("the first start is refused", vec![Some(("new_a {\"is_paused\":false", refusal, false))], "failed", old),
        // It may be on: the old ones stay paused, and the others of its side are tried.
        ("its answer is lost, and it is on", vec![Some(("new_a {\"is_paused\":false", lost, true))], "unknown", new),
        (
            "its answer is lost, and it is not",
            vec![Some(("new_a {\"is_paused\":false", lost, false))],
            "unknown",
            &["new_b"],
        ),
        ("the second is refused", vec![Some(("new_b {\"is_paused\":false", refusal, false))], "failed", &["new_a"]),
        // Nothing gets through any more.
        (
            "a file is refused, and so is the way back",
            vec![Some(("new_a.py", refusal, false)), Some(("old_a {\"is_paused\":false", refusal, false))],
            "failed",
            &["old_b"],
        ),
        (
            "a file is refused, and the way back is lost",
            vec![Some(("new_a.py", refusal, false)), Some(("\"is_paused\":false", lost, false))],
            "unknown",
            &[],
        ),
        ("never sent", vec![Some(("old_b {\"is_paused\":true", not_sent, false))], "failed", old),
    ];
    for (what, wrong, word, on) in rows {
        let fleet = Fleet::new(&OLD, &[], wrong);
        let (ended, said) = ends(&fleet, &fleet, Action::CutOver, cut_over()).await;
        let on: Vec<String> = on.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!((ended, fleet.on()), (word, on), "{what}: {said}");
        assert_never_both(&fleet, what);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_starts_the_old_once_the_new_rests_whatever_becomes_of_parameters() {
    let refusal = || refused(403, "FORBIDDEN");
    let rows: Vec<(&str, Vec<Wrong>, &str, &[&str])> = vec![
        ("a new one cannot be paused", vec![Some(("new_b {\"is_paused\":true", refusal, false))], "failed", &["new_b"]),
        ("it may be paused", vec![Some(("new_b {\"is_paused\":true", lost, false))], "unknown", &["new_b"]),
        ("a file is refused", vec![Some(("new_b.py", refusal, false))], "failed", &OLD),
        ("a file is lost", vec![Some(("new_a.py", lost, true))], "unknown", &OLD),
        ("an old one is refused", vec![Some(("old_a {\"is_paused\":false", refusal, false))], "failed", &["old_b"]),
    ];
    for (what, wrong, word, on) in rows {
        let fleet = Fleet::new(&NEW, &[], wrong);
        let (ended, said) = ends(&fleet, &fleet, Action::Rollback, go_back()).await;
        let on: Vec<String> = on.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!((ended, fleet.on()), (word, on), "{what}: {said}");
        assert_never_both(&fleet, what);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_on_together_before_is_not_switched_on_again() {
    // Somebody switched an old DAG on after the cutover: forward is the only way, even if that fails.
    let fleet = Fleet::new(&["old_a", "new_a", "new_b"], &["old_a"], vec![]);
    let (word, said) = ends(&fleet, &fleet, Action::CutOver, cut_over()).await;
    assert_eq!((word, fleet.on()), ("failed", NEW.map(str::to_owned).to_vec()), "{said}");
}
