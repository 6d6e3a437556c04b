//! Waves, decided on a small model of Airflow: every prefix of a cutover's calls, every gate, every standing.

#![allow(clippy::unwrap_used)]

use super::plan_world::{World, manifest, mark};
use super::{Action, Change, LiveObject, Plan, normal};
use crate::cutover::{Hold, Standing, WaveSide, waves};
use crate::kinds::airflow::python;
use crate::kinds::cutover::{NextRun, WaveRuns};
use crate::kinds::emr::migration::Migration;
use crate::kinds::{self, Observed};
use crate::manifest::Desired;
use crate::teardown::RunEnd;
use plumb_model::call::{Call, Method};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DAG: &str = "AirflowDag";
const JOB: &str = "DatabricksJob";
const NAMES: [&str; 2] = ["audience", "churn"];

/// A wave of two pipelines, on the day of its cutover: the old DAGs run monthly on the 2nd at 04:00 in London.
pub(super) fn world() -> World {
    let mut manifests = String::new();
    for name in NAMES {
        manifests += &manifest(
            JOB,
            name,
            "",
            &json!({"name": name, "parameters": [{"name": "output", "default": "s3://real"}],
            "tasks": [{"task_key": "main", "notebook_task": {"notebook_path": "/x"}, "existing_cluster_id": "1-2-3"}]}),
        );
        manifests += &manifest("EmrCluster", name, "", &json!({"match": {"name": name}, "desired": "keep"}));
        manifests +=
            &manifest(DAG, &format!("old-{name}"), "", &json!({"source": "external", "dag_id": format!("old_{name}")}));
        manifests += &manifest(
            DAG,
            name,
            "",
            &json!({"schedule": {"cron": "0 4 2 * *", "timezone": "Europe/London"}, "start_date": "2024-06-02T04:00",
                    "tasks": [{"id": "run", "run": format!("${{resources.DatabricksJob.{name}}}"), "params": {"job_parameters": {"month": "{{ ds }}"}}}]}),
        );
        manifests += &migration(name, &json!({}));
    }
    World { kinds: kinds::all().to_vec(), ..World::of(manifests) }
}

fn migration(name: &str, more: &Value) -> String {
    let mut spec = json!({
        "wave": "1", "cutover": "2024-06-15",
        "from": {"emr": [format!("EmrCluster/{name}")], "dags": [format!("AirflowDag/old-{name}")]},
        "to": {"jobs": [format!("DatabricksJob/{name}")], "dags": [format!("AirflowDag/{name}")]},
        "shadow": {"parameters": {"output": "s3://shadow"}},
        "requires": {"greenRuns": 1},
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    manifest(Migration::NAME, name, "", &spec)
}

fn facts(file: Option<&str>, start: &str, end: &str) -> Value {
    json!({"known": true, "stale": false, "run_after": end, "start": start, "end": end, "file": file, "others": []})
}

/// What is live before the cutover, as applies left it.
pub(super) fn deployed(mut world: World) -> World {
    let desired = world.desired();
    let waves = waves(&desired);
    let dag = kinds::find(DAG).unwrap();
    let mut dags = Vec::new();
    for (index, name) in NAMES.iter().enumerate() {
        let id = format!("{}", 11 + index);
        world = world.applied(JOB, name, &id, json!({}));
        world.live.runs.insert(id.clone(), vec![RunEnd { id: "1".into(), green: true, result: "SUCCESS".into() }]);
        let (start, end) = ("2024-06-02T03:00:00Z", "2024-07-02T03:00:00Z");
        let old = json!({"dag_id": format!("old_{name}"), "source": "external", "paused": false, "tags": []});
        let seen =
            Observed { id: format!("old_{name}"), spec: old, facts: facts(None, start, end), ..Observed::default() };
        dags.push(LiveObject { seen: seen.into(), mark: None, released: None });
        let object = waves.iter().flat_map(|w| w.new_ones()).find(|n| n.resource.address.name == *name);
        let resource = desired.resources.iter().find(|r| r.address.kind == DAG && r.address.name == *name).unwrap();
        let want = object.map_or(resource.spec.to_value(), |object| object.on_side(&resource.spec, WaveSide::Before));
        let hash = normal::identity(dag.rules(), &want);
        let text = want.to_string().replace(&format!("${{resources.DatabricksJob.{name}}}"), &id);
        let mut spec: Value = serde_json::from_str(&text).unwrap();
        spec["source"] = json!("plumb");
        let file = format!("{name}.py");
        let seen = Observed { id: (*name).into(), spec, facts: facts(Some(&file), start, end), ..Observed::default() };
        dags.push(LiveObject {
            seen: seen.into(),
            mark: Some(mark(&format!("bau/prod/AirflowDag/{name}"), &hash)),
            released: None,
        });
    }
    for dag in &dags {
        world.live.waves.runs.insert(dag.seen.id.clone(), Ok(WaveRuns::default()));
    }
    world.live.kinds.insert(dag.name(), dags);
    world
}

fn dag_mut<'w>(world: &'w mut World, id: &str) -> &'w mut LiveObject {
    world.live.kinds.get_mut(DAG).unwrap().iter_mut().find(|dag| dag.seen.id == id).unwrap()
}

fn wave(plan: &Plan) -> Option<&Change> {
    plan.changes.iter().find(|change| change.address.to_string() == "Wave/1")
}

/// Does what a call does, in the model.
fn send(world: &mut World, call: &Call) {
    let body = call.body.clone().unwrap();
    match call.method {
        Method::Patch => {
            let id = call.path.rsplit('/').next().unwrap().to_owned();
            dag_mut(world, &id).seen.edit(|seen| seen.spec["paused"] = body["is_paused"].clone());
        }
        Method::Put => {
            let text = body["text"].as_str().unwrap();
            let dag = dag_mut(world, body["dag_id"].as_str().unwrap());
            let paused = dag.seen.spec()["paused"].clone();
            let mut spec = python::data_of(text).unwrap();
            spec["source"] = json!("plumb");
            spec["paused"] = paused;
            let line = python::mark_of(text).unwrap();
            let mut seen = Observed { spec, ..dag.seen.whole() };
            seen.spec[python::HEADER] = json!(line);
            *dag = LiveObject::of(kinds::find(DAG).unwrap(), seen);
        }
        other => panic!("{other:?}"),
    }
}

/// Whether a DAG of the old and one of the new side are on.
fn both_on(world: &World) -> bool {
    let on = |old: bool| {
        world
            .live
            .of(DAG)
            .iter()
            .any(|dag| dag.seen.id.starts_with("old_") == old && dag.seen.spec()["paused"] == false)
    };
    on(true) && on(false)
}

#[derive(Debug, PartialEq)]
enum End {
    Old,
    New,
    Mixed(String),
}

/// What is live, all of it.
fn end(world: &World) -> End {
    let shadow = |dag: &LiveObject| dag.seen.spec()["tasks"][0]["params"]["job_parameters"].get("output").cloned();
    let all: Vec<(bool, bool, Option<Value>)> = world
        .live
        .of(DAG)
        .iter()
        .map(|dag| (dag.seen.id.starts_with("old_"), dag.seen.spec()["paused"] == true, shadow(dag)))
        .collect();
    if all.iter().all(|(old, paused, shadow)| if *old { !*paused } else { *paused && shadow.is_some() }) {
        End::Old
    } else if all.iter().all(|(old, paused, shadow)| if *old { *paused } else { !*paused && shadow.is_none() }) {
        End::New
    } else {
        End::Mixed(format!("{all:?}"))
    }
}

/// Applies the plan of a world as far as so many calls of its wave. Returns whether there was a wave's change.
fn apply(world: &mut World, most: usize) -> bool {
    let desired = world.desired();
    apply_to(world, &desired, most)
}

/// The same world once more.
fn copy(world: &World) -> World {
    World {
        manifests: world.manifests.clone(),
        guards: world.guards.clone(),
        live: world.live.clone(),
        selection: world.selection.clone(),
        kinds: world.kinds.clone(),
        ..*world
    }
}

fn apply_to(world: &mut World, desired: &Desired, most: usize) -> bool {
    let plan = world.decision(desired).plan;
    let Some(change) = wave(&plan) else { return false };
    let begun_clean = !both_on(world);
    for call in change.calls.iter().take(most) {
        send(world, &call);
        assert!(!both_on(world) || !begun_clean, "both sides are on after {}", call.line());
    }
    true
}

fn hold(world: &mut World) {
    world.live.holds.holds.push(Hold {
        format: "plumb.hold/v1".into(),
        wave: "1".into(),
        cutover: "2024-06-15".into(),
        by: "ann".into(),
        at: "2024-06-15T12:00:00Z".into(),
        reason: "late".into(),
        members: Vec::new(),
    });
}

fn lines(plan: &Plan) -> Vec<String> {
    wave(plan).map_or_else(Vec::new, |change| change.calls.lines().collect())
}

fn open(plan: &Plan) -> Vec<String> {
    let gates = plan.cutovers.iter().flat_map(|pending| &pending.gates);
    gates.filter(|gate| !gate.gate.holds).map(|gate| format!("{}: {}", gate.gate.name, gate.gate.says)).collect()
}

#[test]
fn the_old_rest_before_parameters_change_and_the_new_run_last() {
    let world = deployed(world());
    let plan = world.plan();
    assert_eq!(open(&plan), Vec::<String>::new());
    assert_eq!(
        lines(&plan),
        [
            "PATCH /api/v2/dags/old_audience?update_mask=is_paused",
            "PATCH /api/v2/dags/old_churn?update_mask=is_paused",
            "PUT /dags/audience.py",
            "PUT /dags/churn.py",
            "PATCH /api/v2/dags/audience?update_mask=is_paused",
            "PATCH /api/v2/dags/churn?update_mask=is_paused",
        ]
    );
    let change = wave(&plan).unwrap();
    assert_eq!(change.action, Action::CutOver);
    let calls = change.cutover.as_ref().unwrap();
    assert_eq!(
        (calls.pause.len(), calls.still.len(), calls.switch.len(), calls.start.len(), calls.back.len()),
        (2, 2, 2, 2, 2)
    );
    let fields: Vec<String> = change.fields.iter().map(|f| format!("{} {:?} {:?}", f.path, f.from, f.to)).collect();
    assert!(
        fields.contains(
            &r#"AirflowDag/audience.tasks[run].params.job_parameters.output Some(String("s3://shadow")) None"#.into()
        ),
        "{fields:#?}"
    );
    assert_eq!(fields.len(), 6);
    assert!(plan.changes.iter().all(|change| change.cutover.is_some()), "{:?}", plan.changes);
    assert_eq!(plan.changes[0].digest, plan.cutovers[0].digest);
}

#[test]
fn before_its_day_it_waits_and_nothing_is_sent() {
    let mut world = deployed(world());
    world.now = "2024-06-14T22:59:59Z".parse().unwrap();
    let plan = world.plan();
    assert!(plan.is_empty(), "{:?}", plan.changes);
    assert_eq!(plan.cutovers.len(), 1);
    let says = "date: not before 2024-06-15 (Europe/London), on which nothing is scheduled: the first tick after it is \
                2024-07-02 03:00 UTC";
    assert_eq!(open(&plan), [says]);
    // A day that is one of the schedule says no more than itself.
    let moved = World { manifests: world.manifests.replace("2024-06-15", "2024-07-02"), ..deployed(self::world()) };
    assert_eq!(open(&moved.plan())[0], "date: not before 2024-07-02 (Europe/London)");
    // Midnight in London, an hour before that in UTC.
    world.now = "2024-06-14T23:00:00Z".parse().unwrap();
    assert!(wave(&world.plan()).is_some());
}

#[test]
fn a_gate_that_does_not_hold_in_one_member_holds_all_back() {
    type Spoil = fn(&mut World);
    let spoil: [(&str, Spoil); 12] = [
        ("date", |w| w.now = "2024-06-14T12:00:00Z".parse().unwrap()),
        ("successors", |w| w.live.runs.get_mut("12").unwrap()[0].green = false),
        ("successors", |w| drop(w.live.runs.remove("12"))),
        ("quiet", |w| w.live.waves.runs.get_mut("churn").unwrap().as_mut().unwrap().under_way = vec!["r".into()]),
        ("quiet", |w| drop(w.live.waves.runs.insert("old_churn".into(), Err("refused".into())))),
        ("quiet", |w| drop(w.live.waves.runs.remove("old_churn"))),
        ("quiet", |w| {
            dag_mut(w, "old_churn").seen.edit(|seen| seen.facts["run_after"] = json!("2024-06-15T12:29:59Z"))
        }),
        ("noGap", |w| dag_mut(w, "churn").seen.edit(|seen| seen.facts["start"] = json!("2024-05-02T03:00:00Z"))),
        ("noGap", |w| dag_mut(w, "churn").seen.edit(|seen| seen.facts["start"] = json!("2024-07-02T03:00:00Z"))),
        ("deployed", |w| dag_mut(w, "churn").seen.edit(|seen| seen.spec["description"] = json!("by hand"))),
        ("held", hold),
        ("held", |w| w.live.holds.unread = Some("refused".into())),
    ];
    for (gate, spoil) in spoil {
        let mut world = deployed(world());
        spoil(&mut world);
        let plan = world.plan();
        assert!(wave(&plan).is_none(), "{gate}: {:?}", lines(&plan));
        assert!(open(&plan).iter().any(|open| open.starts_with(gate)), "{gate}: {:?}", open(&plan));
        // What a wave sets is never drift of its own.
        assert!(
            plan.changes.iter().all(|c| c.fields.iter().all(|f| f.path == "description")),
            "{gate}: {:?}",
            plan.changes
        );
    }
    for (gate, more) in [
        ("parity", json!({"requires": {"parity": {"passes": 1}}})),
        ("onTime", json!({"requires": {"onTime": 1}})),
        ("cheaper", json!({"requires": {"cheaper": true}})),
    ] {
        let mut world = world();
        world.manifests = world.manifests.replace(&migration("churn", &json!({})), &migration("churn", &more));
        let plan = deployed(world).plan();
        assert!(wave(&plan).is_none() && open(&plan).iter().any(|open| open.starts_with(gate)), "{gate}");
    }
}

#[test]
fn runs_that_were_kept_open_the_gate_of_the_deadline() {
    let kept = |target: &str, ended: &str| {
        let kept = json!({"format": "plumb.runs/v1", "target": target, "migration": "churn", "period": "2024-04", "runs": [
            {"side": "new", "system": "databricks", "id": "1", "name": "churn", "trigger": "replay", "outcome": "succeeded",
             "started": "2024-06-02T04:00:00Z", "ended": ended}]});
        std::sync::Arc::new(vec![serde_json::from_value(kept).unwrap()])
    };
    let with = |target: &str, ended: &str| {
        let mut world = world();
        let asks = migration("churn", &json!({"requires": {"onTime": 1}}));
        world.manifests = world.manifests.replace(&migration("churn", &json!({})), &asks);
        world.manifests = world.manifests.replace("\"start_date\":", "\"deadline\":\"6h\",\"start_date\":");
        let mut world = deployed(world);
        world.live.kept_runs = kept(target, ended);
        let plan = world.plan();
        (wave(&plan).is_some(), open(&plan).concat())
    };
    assert_eq!(with("prod", "2024-06-02T10:00:00Z"), (true, String::new()));
    let (is_cut, says) = with("prod", "2024-06-02T10:00:01Z");
    assert!(!is_cut && says.contains("0 of the last 1 kept runs ended within 6h; 2024-04 was late"), "{says}");
    assert!(!with("dev", "2024-06-02T10:00:00Z").0, "another target's");
}

#[test]
fn what_is_not_live_or_not_readable_is_left_alone() {
    let mut gone = deployed(world());
    gone.live.kinds.get_mut(DAG).unwrap().retain(|dag| dag.seen.id != "churn");
    let plan = gone.plan();
    assert_eq!(plan.cutovers[0].standing, Standing::Unknown);
    // It is made paused, and with its shadow.
    let made = plan.changes.iter().find(|change| change.address.name == "churn").unwrap();
    assert_eq!(made.action, Action::Create);
    let text = format!("{:?}", made.calls.iter().collect::<Vec<_>>());
    assert!(
        text.contains("s3://shadow") && text.contains("\"is_paused\": Bool(true)") && !text.contains("Bool(false)"),
        "{text}"
    );
    assert!(wave(&plan).is_none());
    let mut broken = deployed(world());
    dag_mut(&mut broken, "old_churn").seen.edit(|seen| seen.facts["stale"] = json!(true));
    assert_eq!(broken.plan().cutovers[0].standing, Standing::Unknown);
    assert!(broken.plan().is_empty());
    let mut unread = deployed(world());
    unread.kinds.retain(|kind| kind.name() != DAG);
    let plan = unread.plan();
    assert!(plan.cutovers[0].next.contains("Airflow was not read"), "{}", plan.cutovers[0].next);
    assert!(wave(&plan).is_none());
}

#[test]
fn from_every_prefix_the_next_apply_ends_all_old_or_all_new() {
    type Then = fn(&mut World);
    let then: [(&str, Then, End); 7] = [
        ("nothing came between", |_| {}, End::New),
        (
            "a run of the new",
            |w| w.live.waves.runs.get_mut("audience").unwrap().as_mut().unwrap().scheduled = vec!["r".into()],
            End::New,
        ),
        (
            "a tick is near",
            |w| dag_mut(w, "old_churn").seen.edit(|seen| seen.facts["run_after"] = json!("2024-06-15T12:20:00Z")),
            End::Old,
        ),
        (
            "a tick has passed",
            |w| dag_mut(w, "old_churn").seen.edit(|seen| seen.facts["run_after"] = json!("2024-06-15T11:00:00Z")),
            End::Old,
        ),
        (
            "a run of the old",
            |w| w.live.waves.runs.get_mut("old_churn").unwrap().as_mut().unwrap().under_way = vec!["r".into()],
            End::Old,
        ),
        ("a job failed", |w| w.live.runs.get_mut("12").unwrap()[0].green = false, End::Old),
        ("it was rolled back", hold, End::Old),
    ];
    let whole = deployed(world());
    let desired = whole.desired();
    let all = lines(&whole.plan()).len();
    for (what, then, wanted) in &then {
        for first in 0..=all {
            for second in 0..=all {
                let mut world = copy(&whole);
                apply_to(&mut world, &desired, first);
                then(&mut world);
                let begun = first > 0;
                apply_to(&mut world, &desired, second);
                // Whoever comes next, comes to the end.
                for _ in 0..3 {
                    if !apply_to(&mut world, &desired, usize::MAX) {
                        break;
                    }
                }
                let end = end(&world);
                let done = first == all;
                let wanted = match *what {
                    "it was rolled back" => &End::Old,
                    // One that has run on both sides of a kill stays where it is.
                    _ if done || first == 0 && second == all && *wanted == End::New => &End::New,
                    "a run of the new" => &End::New,
                    _ => wanted,
                };
                assert_eq!(&end, wanted, "{what}: {first} calls, then {second} (begun: {begun})");
                let plan = world.decision(&desired).plan;
                assert!(plan.changes.is_empty(), "{what}: {:?}", plan.changes);
            }
        }
    }
}

#[test]
fn a_rollback_restores_what_was_byte_for_byte() {
    let before = deployed(world());
    let was: Vec<Value> = before.live.of(DAG).iter().map(|dag| dag.seen.spec().into_owned()).collect();
    let all = lines(&before.plan()).len();
    for first in 0..=all {
        let mut world = deployed(world());
        apply(&mut world, first);
        hold(&mut world);
        while apply(&mut world, usize::MAX) {}
        let is: Vec<Value> = world.live.of(DAG).iter().map(|dag| dag.seen.spec().into_owned()).collect();
        let normal = |specs: &[Value]| -> Vec<Value> {
            specs.iter().map(|spec| normal::normal(kinds::find(DAG).unwrap().rules(), spec)).collect()
        };
        assert_eq!(normal(&is), normal(&was), "{first}");
        // It binds this day only.
        world.manifests = world.manifests.replace("2024-06-15", "2024-06-14");
        assert_eq!(wave(&world.plan()).unwrap().action, Action::CutOver);
    }
}

#[test]
fn the_digest_is_of_the_whole_flip_in_every_standing() {
    let mut world = deployed(world());
    let digest = world.plan().cutovers[0].digest.clone();
    let all = lines(&world.plan()).len();
    world.now = "2024-06-01T00:00:00Z".parse().unwrap();
    assert_eq!(world.plan().cutovers[0].digest, digest, "days before");
    for first in 1..all {
        let mut world = deployed(self::world());
        apply(&mut world, first);
        let plan = world.plan();
        let change = wave(&plan).unwrap();
        assert_eq!((&change.digest, change.action), (&digest, Action::CutOver), "{first}");
        world.live.runs.get_mut("12").unwrap()[0].green = false;
        let plan = world.plan();
        let change = wave(&plan).unwrap();
        assert_eq!((&change.digest, change.action), (&digest, Action::Rollback), "{first}");
    }
    // Another day, other parameters, one member less, another workspace: another digest.
    for (from, to) in [("2024-06-15", "2024-06-14"), ("s3://shadow", "s3://other")] {
        let mut world = self::world();
        world.manifests = world.manifests.replace(from, to);
        assert_ne!(deployed(world).plan().cutovers[0].digest, digest, "{to}");
    }
    let mut smaller = self::world();
    smaller.manifests = smaller.manifests.replace(&migration("churn", &json!({})), "");
    assert_ne!(deployed(smaller).plan().cutovers[0].digest, digest);
    let mut elsewhere = deployed(self::world());
    elsewhere.live.workspace = Some("42".into());
    assert_ne!(elsewhere.plan().cutovers[0].digest, digest);
}

#[test]
fn what_is_cut_over_is_up_to_date_and_stays_so_whatever_its_day_becomes() {
    let mut world = deployed(world());
    while apply(&mut world, usize::MAX) {}
    assert_eq!(end(&world), End::New);
    for (from, to) in [("2024-06-15", "2024-06-15"), ("2024-06-15", "2025-01-01"), ("\"cutover\":\"2024-06-15\",", "")]
    {
        let mut world =
            World { manifests: world.manifests.replace(from, to), live: world.live.clone(), ..self::world() };
        world.now = "2024-06-15T12:00:00Z".parse().unwrap();
        let plan = world.plan();
        assert!(plan.is_empty(), "{to}: {:?}", plan.changes);
    }
    // And without its migration.
    let mut manifests = world.manifests.clone();
    for name in NAMES {
        manifests = manifests.replace(&migration(name, &json!({})), "");
    }
    let world = World { manifests, ..world };
    assert!(world.plan().is_empty(), "{:?}", world.plan().changes);
}

#[test]
fn cleaning_up_what_was_old_pauses_nothing_that_was_cut_over() {
    // The migration stays, and says neither its day nor the old DAGs, which are gone.
    let cleaned = |world: &World| {
        let mut manifests = world.manifests.clone();
        for name in NAMES {
            let left = json!({
                "wave": "1", "from": {"emr": [format!("EmrCluster/{name}")]},
                "to": {"jobs": [format!("DatabricksJob/{name}")], "dags": [format!("AirflowDag/{name}")]},
                "shadow": {"parameters": {"output": "s3://shadow"}},
            });
            let whole = migration(name, &json!({}));
            assert!(manifests.contains(&whole));
            manifests = manifests.replace(&whole, &manifest(Migration::NAME, name, "", &left));
        }
        World { manifests, live: world.live.clone(), ..self::world() }
    };
    let mut world = deployed(world());
    let before = cleaned(&world);
    while apply(&mut world, usize::MAX) {}
    assert_eq!(end(&world), End::New);
    let after = cleaned(&world);
    assert!(after.plan().is_empty(), "{:?}", after.plan().changes);
    // What was not cut over still waits, and is kept from running.
    let mut before = before;
    assert!(before.plan().is_empty(), "{:?}", before.plan().changes);
    dag_mut(&mut before, "churn").seen.edit(|seen| seen.spec["paused"] = json!(false));
    assert_eq!(before.plan().changes.len(), 1);
}

#[test]
fn a_new_dag_that_somebody_switches_on_before_the_day_is_drift() {
    let mut world = deployed(world());
    world.now = "2024-06-10T12:00:00Z".parse().unwrap();
    dag_mut(&mut world, "churn").seen.edit(|seen| seen.spec["paused"] = json!(false));
    let plan = world.plan();
    assert_eq!(plan.changes.len(), 1);
    assert_eq!((plan.changes[0].address.name.as_str(), plan.changes[0].fields[0].path.as_str()), ("churn", "paused"));
    // The old ones are nobody's business.
    let mut world = deployed(self::world());
    world.now = "2024-06-10T12:00:00Z".parse().unwrap();
    dag_mut(&mut world, "old_churn").seen.edit(|seen| seen.spec["paused"] = json!(true));
    assert!(world.plan().is_empty());
}

#[test]
fn changes_of_its_dags_wait_until_the_wave_is_at_rest() {
    let mut world = deployed(world());
    apply(&mut world, 3);
    world.manifests = world.manifests.replace("{{ ds }}", "{{ ds_nodash }}");
    let plan = world.plan();
    assert_eq!(plan.changes.len(), 1, "{:?}", plan.changes);
    assert_eq!(plan.changes[0].action, Action::Rollback);
    assert!(plan.notes.iter().any(|note| note.message.contains("wait until wave 1 has gone back")), "{:?}", plan.notes);
    while apply(&mut world, usize::MAX) {}
    assert_eq!(end(&world), End::Old);
    let plan = world.plan();
    assert_eq!(plan.changes.iter().filter(|change| change.action == Action::Update).count(), 2);
    assert!(wave(&plan).is_none());
}

#[test]
fn a_selection_with_a_part_of_a_wave_says_so_and_sends_nothing() {
    let world = deployed(world()).only(&["AirflowDag/audience", "AirflowDag/old-audience"]);
    let plan = world.plan();
    assert!(plan.is_empty() && plan.cutovers.is_empty());
    assert!(plan.notes[0].message.contains("AirflowDag/churn"), "{:?}", plan.notes);
    let all = ["AirflowDag/*", "DatabricksJob/*"];
    assert!(wave(&deployed(self::world()).only(&all).plan()).is_some());
    let other = deployed(self::world()).only(&["EmrCluster/*"]).plan();
    assert!(other.notes.is_empty() && other.cutovers.is_empty());
}

#[test]
fn a_day_that_was_over_when_it_was_committed_waits_for_a_hand() {
    let mut world = deployed(world());
    let mut committed = |day: &str| {
        world.live.waves.committed = BTreeMap::from([("Migration/churn".to_owned(), day.parse().unwrap())]);
        world.live.waves.by_hand = None;
        let by_itself = wave(&world.plan()).is_some();
        world.live.waves.by_hand = Some("1".into());
        (by_itself, wave(&world.plan()).is_some())
    };
    assert_eq!(committed("2024-06-14"), (true, true));
    assert_eq!(committed("2024-06-15"), (true, true));
    assert_eq!(committed("2024-06-16"), (false, true));
}

#[test]
fn a_new_dag_tells_its_first_tick_after_a_day() {
    let desired = world().desired();
    let waves = waves(&desired);
    let dag = waves[0].new_ones().next().unwrap();
    let at = "2024-06-15T12:00:00Z".parse().unwrap();
    assert!(matches!(dag.kind.first_run_after(&dag.resource.spec, at), NextRun::Tick(_)));
}
