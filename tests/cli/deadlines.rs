//! Deadlines of DAGs: what an Airflow does with them by its release, and when runs are expected to end.

use crate::world::World;
use serde_json::{Value, json};

/// The manifest of a DAG with more in its spec.
fn dag(name: &str, more: &str) -> String {
    format!(
        "apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {{name: {name}}}\nspec:\n  paused: true\n{more}  \
         schedule: {{cron: '0 4 2 * *'}}\n  start_date: 2024-01-01\n  tasks:\n    - {{id: cleanse, job: cleanse}}\n"
    )
}

const SIX: &str = "  deadline: 6h\n";
const CALLED: &str = "  deadline: 6h\n  deadline_callback: {path: a.b}\n";

/// An Airflow that says it is this release.
fn release(world: &World, version: u8, release: &str) {
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"airflow": {"version": version, "release": release}}));
    world.sandbox.requests();
}

/// Finished runs of the DAG `monthly`, each so many minutes long, a day apart.
fn runs(world: &World, minutes: &[i64]) {
    let now = world.sandbox.get("/_sandbox/clock")["now_ms"].as_i64().unwrap();
    let run = |(index, took): (usize, &i64)| {
        let begun = now - (index as i64 + 1) * 86_400_000;
        json!({"dag_id": "monthly", "run_id": format!("run-{index}"), "kind": "scheduled", "state": "success", "run_after": begun,
               "end_interval": begun, "queued": begun, "started": begun, "ended": begun + took * 60_000})
    };
    let mut state = world.sandbox.get("/_sandbox/state");
    state["airflow"]["runs"] = minutes.iter().enumerate().map(run).collect();
    world.sandbox.send("PUT", "/_sandbox/state", &state);
    world.sandbox.requests();
}

/// What was asked about runs that ended.
fn asked(world: &World) -> usize {
    world.sandbox.requests().iter().filter(|line| line.contains("/dagRuns") && !line.contains("/~/")).count()
}

#[test]
fn a_plan_says_what_this_airflow_does_with_a_deadline() {
    let world = World::with_airflow(&Value::Null);
    world.write("manifests/dag.yaml", &dag("monthly", CALLED));
    world.write("manifests/other.yaml", &dag("other", ""));
    world.commit("begin");
    let unknown = "deadline 6h after it is queued; expected end not known: no finished run yet";
    world.plumb("plan").code(0).says(unknown).never_says("Note:");
    release(&world, 3, "3.0.6");
    let nothing = "AirflowDag/monthly: Airflow 3.0.6 knows no deadlines: this one is not watched, and `deadline_callback` is not \
                   called; 3.1 and later do";
    let ran = world.plumb("plan --output json").code(0).json();
    let note = &ran["notes"][0];
    assert_eq!(
        format!("{}: {}", note["address"].as_str().unwrap(), note["message"].as_str().unwrap()),
        nothing,
        "{ran}"
    );
    assert_eq!(ran["notes"].as_array().unwrap().len(), 1, "{ran}");
    let of = |name: &str| {
        let all = ran["changes"].as_array().unwrap();
        all.iter().find(|one| one["address"].as_str().unwrap().ends_with(name)).unwrap().clone()
    };
    let expected = json!({"deadline": "6h", "counts_from": "queued", "is_missed": false,
        "expected": {"of": "unknown", "why": "no finished run yet"}});
    assert_eq!(of("monthly")["deadline"], expected);
    assert!(of("other").get("deadline").is_none());
    for form in ["text", "text --compact", "markdown", "html"] {
        let ran = world.plumb(&format!("plan --output {form}")).code(0);
        ran.says("Airflow 3.0.6 knows no deadlines").says("is not watched");
    }
    release(&world, 2, "2.11.2");
    world
        .plumb("plan")
        .code(0)
        .says("deadline 6h after its data interval ends; expected end not known")
        .says("Airflow 2.11.2 takes the deadline as the SLA of each task")
        .says("`deadline_callback` is called by 3.1 and later");
}

#[test]
fn a_plan_says_when_runs_end_by_one_request_a_changed_dag() {
    let world = World::with_airflow(&Value::Null);
    world.write("manifests/dag.yaml", &dag("monthly", SIX));
    world.write("manifests/more.yaml", &dag("more", SIX));
    world.write("manifests/none.yaml", &dag("none", ""));
    world.commit("begin");
    world.plumb("apply --yes").code(0);
    runs(&world, &[220, 130, 380]);
    world.plumb("plan").code(0).says("No changes");
    assert_eq!(asked(&world), 0, "nothing is asked about what does not change");
    // The runs of all three are looked at because they change, those that ended of the one with a deadline.
    world.edit("manifests/none.yaml", "id: cleanse", "id: clean");
    world.plumb("plan").code(0).says("1 to update").never_says("expected end");
    let without = asked(&world);
    world.edit("manifests/none.yaml", "id: clean,", "id: cleanse,");
    world.edit("manifests/dag.yaml", "id: cleanse", "id: clean");
    let says = "deadline 6h after it is queued; expected end 3:40 (2:10 … 6:20, 3 runs); 2 of 3 in time";
    world.plumb("plan").code(0).says(says).never_says("expected to miss");
    assert_eq!(asked(&world), without + 1);
    world.edit("manifests/more.yaml", "id: cleanse", "id: clean");
    world.plumb("plan").code(0).says("2 to update").says("no finished run yet");
    assert_eq!(asked(&world), 2 * (without + 1));
    // Where the deadline itself changes, it is said beside it, and that it will be missed.
    world.edit("manifests/dag.yaml", "deadline: 6h", "deadline: 3h");
    let missed = "AirflowDag/monthly: its runs are expected to miss the deadline: they end 3:40 after it is queued, and the \
                  deadline is 3h";
    let json = world.plumb("plan --output json").code(0).json();
    let change = json["changes"].as_array().unwrap().iter().find(|one| one["address"] == "AirflowDag/monthly").unwrap();
    assert_eq!(change["deadline"]["is_missed"], true, "{change}");
    assert_eq!(change["deadline"]["expected"]["took"]["longest"], 380 * 60, "{change}");
    let field = change["fields"].as_array().unwrap().iter().find(|one| one["path"] == "deadline").unwrap();
    let says = "deadline 3h after it is queued; expected end 3:40 (2:10 … 6:20, 3 runs); 1 of 3 in time";
    assert_eq!(field["note"], says);
    let note = json["notes"].to_string();
    assert!(note.contains(&missed["AirflowDag/monthly: ".len()..]), "{note}");
    for form in ["text", "text --compact", "markdown", "html"] {
        world.plumb(&format!("plan --output {form}")).code(0).says("expected to miss the deadline");
    }
}

#[test]
fn an_old_airflow_measures_from_the_end_of_the_interval() {
    let world = World::with_airflow(&Value::Null);
    release(&world, 2, "2.9.3");
    world.write("manifests/dag.yaml", &dag("monthly", SIX));
    world.commit("begin");
    world.plumb("apply --yes").code(0);
    runs(&world, &[220, 130, 380]);
    world.edit("manifests/dag.yaml", "id: cleanse", "id: clean");
    world
        .plumb("plan")
        .code(0)
        .says("deadline 6h after its data interval ends; expected end 3:40 (2:10 … 6:20, 3 runs)");
}

#[test]
fn validate_says_it_without_asking_and_a_plan_finds_another_release() {
    let world = World::with_airflow(&Value::Null);
    world.write("manifests/dag.yaml", &dag("monthly", CALLED));
    world.write("manifests/other.yaml", &dag("other", SIX));
    world.write("manifests/none.yaml", &dag("none", ""));
    world.commit("begin");
    // One warning of all of them, and none once it is known.
    let warnings = |world: &World| -> Vec<String> {
        let all = world.plumb("validate --output json").code(0).json()["warnings"].clone();
        all.as_array().unwrap().iter().map(|one| one["message"].as_str().unwrap().to_owned()).collect()
    };
    let all = warnings(&world);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].starts_with("whether a deadline is watched depends on the Airflow: 3.1 and later"), "{all:?}");
    world.plumb("validate").code(0).says("airflow: {version: \"3.1\"}").says("of AirflowDag/monthly and 1 more");
    world.edit("plumb.yaml", "dags: dags", "dags: dags, version: \"3.3\"");
    assert_eq!(warnings(&world), Vec::<String>::new());
    assert_eq!(world.sandbox.requests().len(), 0, "nothing is sent");
    world.plumb("plan").code(0).never_says("airflow.version");
    release(&world, 3, "3.0.6");
    world
        .plumb("plan")
        .code(0)
        .says("target dev says Airflow 3.3, and it is 3.0.6: correct `airflow.version` in plumb.yaml");
    world.edit("plumb.yaml", "\"3.3\"", "\"3.0\"");
    let all = warnings(&world);
    assert!(all.len() == 2 && all[0].starts_with("Airflow 3.0 knows no deadlines: this one is not watched"), "{all:?}");
    world.plumb("plan").code(0).never_says("airflow.version");
    world.edit("plumb.yaml", "version: \"3.0\"", "api: v1");
    let all = warnings(&world);
    assert!(all.len() == 2 && all[0].starts_with("Airflow 2 takes the deadline as the SLA of each task"), "{all:?}");
    // What cannot be.
    world.edit("plumb.yaml", "api: v1", "api: v1, version: \"3.0\"");
    world.plumb("validate").code(1).says("`api: v1` is the REST API of Airflow 2");
    world.edit("plumb.yaml", "api: v1, version: \"3.0\"", "version: newest");
    world.plumb("validate").code(1).says("`newest` is no version of Airflow").says("expected `3.1` or `2.11.2`");
}
