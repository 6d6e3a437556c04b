//! From manifests to a DAG that runs, and back when somebody meddled: what only DAGs have, beside the laws
//! (`tests/laws/`), against the emulated Airflow over a folder.

use super::cases;
use super::files;
use super::moto::moto;
use super::world::{self, Direct, World};
use plumb::apply::{self, ApplyOptions, UnwatchedApply};
use plumb::services::DagFiles;
use plumb_core::kinds::airflow::python;
use plumb_core::manifest::Desired;
use plumb_core::plan::outcome::{ApplyOutcome, Ended};
use plumb_core::plan::{Guard, Plan};
use plumb_model::call::{Call, Method, Ready, Sending, Service, System};
use serde_json::{Value, json};
use std::fs;
use std::sync::{Arc, atomic::AtomicBool};
use std::time::Duration;

const TASKS: &str = "tasks: [{id: load, run: '7'}]";

async fn new() -> World {
    World::of(System::Airflow).await
}

/// A project of these documents.
fn project(documents: &[&str]) -> Desired {
    let text = format!("# nothing\n{}", documents.join("\n---\n"));
    world::load(&world::Files::from([("dag.yaml".to_owned(), text)]))
}

fn dag(name: &str, spec: &str) -> String {
    format!("apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {{name: {name}}}\nspec: {{{spec}}}")
}

fn one(spec: &str) -> Desired {
    project(&[&dag("one", spec)])
}

fn fields(plan: &Plan) -> Vec<String> {
    let show = |v: &Option<Value>| v.as_ref().map_or_else(|| "-".into(), |v| v.to_string());
    plan.changes
        .iter()
        .flat_map(|c| c.fields.iter().map(move |f| format!("{}: {} → {}", f.path, show(&f.from), show(&f.to))))
        .collect()
}

/// Applies, and fails unless all was done and nothing is left to do.
async fn settle(world: &World, desired: &Desired) -> Plan {
    let plan = world.settle(desired, "an apply").await;
    world.assert_settled(desired, "the plan after it").await;
    plan
}

async fn plan(world: &World, desired: &Desired) -> Plan {
    world.plan(desired).await.1.plan
}

/// Applies without the patience to wait for Airflow.
async fn apply_in_haste(world: &World, desired: &Desired) -> ApplyOutcome {
    let (live, decision) = world.plan(desired).await;
    let options = ApplyOptions { patience: Duration::from_millis(50), ..world::options() };
    let stop = Arc::new(AtomicBool::new(false));
    apply::apply(&world.services(), desired, &live, decision, options, &UnwatchedApply, stop).await
}

/// Applies, while Airflow reads its folder now and then.
async fn apply_while_it_parses(world: &World, desired: &Desired) -> ApplyOutcome {
    notices_after(world, json!(30)).await;
    let clock = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            world.control("POST", "clock", json!({ "advance_seconds": 10 })).await;
        }
    };
    let outcome = tokio::select! {
        (_, outcome) = world.apply(desired) => outcome,
        () = clock => unreachable!("the clock goes on"),
    };
    notices_after(world, Value::Null).await;
    outcome
}

/// How long Airflow takes to notice a change of its folder: `null` is until the second look.
async fn notices_after(world: &World, seconds: Value) {
    change_settings(world, "parse_seconds", seconds).await;
}

async fn change_settings(world: &World, name: &str, value: Value) {
    let mut airflow = world.control("GET", "settings", Value::Null).await["airflow"].clone();
    airflow[name] = value;
    world.settings(json!({ "airflow": airflow })).await;
}

/// Changes what the emulated Airflow knows.
async fn edit(world: &World, change: impl FnOnce(&mut Value)) {
    let mut state = world.state().await;
    change(&mut state["airflow"]);
    world.put_state(&state).await;
}

/// Looks often enough that Airflow has read its folder.
async fn parsed(world: &World) {
    for _ in 0..2 {
        world.person(Call::get(System::Airflow, "/api/v2/importErrors")).await;
    }
}

async fn is_paused(world: &World, id: &str) -> Option<bool> {
    world.state().await["airflow"]["dags"].get(id)?["is_paused"].as_bool()
}

/// What was written to Airflow since this was last asked for: methods and paths.
async fn writes(world: &World) -> Vec<String> {
    let log = world.requests().await;
    world.forget_requests().await;
    let writes = log.iter().filter(|r| r["method"] != "GET" && r["path"] != "/auth/token");
    writes.map(|r| format!("{} {}", r["method"].as_str().unwrap(), r["path"].as_str().unwrap())).collect()
}

/// A DAG that other people's code defines.
async fn add_foreign(world: &World, id: &str) {
    let dag = json!({ "dag_id": id, "file": "legacy/emr.py", "tags": ["emr"] });
    world.control("POST", "seed", json!({ "airflow": { "dags": [dag] } })).await;
}

fn why_failed(outcome: &ApplyOutcome) -> &str {
    match outcome.changes.values().next().unwrap() {
        Ended::Failed { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

/// A bucket instead of the folder, whose files are brought to the folder after each call.
struct Synced {
    bucket: DagFiles,
    prefix: String,
    folder: std::path::PathBuf,
    others: Arc<Direct>,
}

impl Service for Synced {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        if call.system != System::DagFiles {
            return self.others.send(call);
        }
        Box::pin(async move {
            let answer = self.bucket.send(call).await;
            let below = format!("{}/", self.prefix);
            for file in fs::read_dir(&self.folder).unwrap() {
                fs::remove_file(file.unwrap().path()).unwrap();
            }
            for key in moto().keys(&below) {
                fs::write(self.folder.join(&key[below.len()..]), moto().get(&key).unwrap()).unwrap();
            }
            answer
        })
    }
}

#[tokio::test]
async fn a_bucket_converges_as_a_folder_does() {
    let (world, prefix) = (new().await, files::prefix());
    let bucket = files::s3(&prefix);
    let synced = Synced { bucket, prefix: prefix.clone(), folder: world.file(""), others: world.direct() };
    let services = world.through(Arc::new(synced));
    let settle = async |desired: &Desired| {
        let (live, decision) = world.plan_through(&services, desired).await.unwrap();
        let plan = decision.plan.clone();
        let outcome = world.carry_out(&services, desired, &live, decision).await;
        world::assert_done(&outcome, "a bucket");
        let again = world.plan_through(&services, desired).await.unwrap().1.plan;
        assert!(again.is_empty(), "{}", world::text(&again));
        plan
    };
    settle(&one(TASKS)).await;
    let plan = settle(&one(&format!("description: more, {TASKS}"))).await;
    assert_eq!(fields(&plan), ["description: - → \"more\""]);
    assert_eq!(is_paused(&world, "one").await, Some(false));
    settle(&project(&[])).await;
    assert_eq!(is_paused(&world, "one").await, None);
    assert_eq!(moto().keys(&prefix), Vec::<String>::new());
}

#[tokio::test]
async fn a_dag_is_switched_on_when_its_very_version_is_parsed() {
    let world = new().await;
    notices_after(&world, json!(3600)).await;
    let outcome = apply_in_haste(&world, &one(TASKS)).await;
    assert!(why_failed(&outcome).contains("Airflow has not parsed one.py yet"), "{outcome:?}");
    assert_eq!(writes(&world).await, Vec::<String>::new());
    notices_after(&world, Value::Null).await;
    settle(&world, &one(TASKS)).await;
    assert_eq!(is_paused(&world, "one").await, Some(false));
    assert_eq!(writes(&world).await, ["PATCH /api/v2/dags/one"]);
    let source = world.state().await["airflow"]["dags"]["one"]["source"].clone();
    assert_eq!(source, fs::read_to_string(world.file("one.py")).unwrap());
    // And one that is to be paused never runs.
    settle(&world, &one(&format!("paused: true, {TASKS}"))).await;
    assert_eq!(is_paused(&world, "one").await, Some(true));
    // The version before is not the one that is waited for.
    notices_after(&world, json!(3600)).await;
    writes(&world).await;
    let outcome = apply_in_haste(&world, &one("tasks: [{id: load, run: '8'}]")).await;
    assert!(why_failed(&outcome).contains("Airflow still has another version of one.py"), "{outcome:?}");
    assert_eq!(writes(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_file_that_cannot_be_imported_is_never_switched_on() {
    let world = new().await;
    change_settings(&world, "missing", json!(["airflow.providers.databricks"])).await;
    let outcome = apply_while_it_parses(&world, &one(TASKS)).await;
    let text = fs::read_to_string(world.file("one.py")).unwrap();
    let line = 1 + text.lines().position(|l| l.starts_with("from airflow.providers.databricks")).unwrap();
    let why = why_failed(&outcome);
    assert!(why.contains(&format!("No module named 'airflow.providers.databricks' in line {line} of one.py")), "{why}");
    assert!(why.contains("(manifests/dag.yaml:2)"), "{why}");
    assert_eq!(is_paused(&world, "one").await, None);
    // The plan says so too, until it is mended.
    let found = fields(&plan(&world, &one(TASKS)).await);
    assert!(found[1].contains("cannot be imported by Airflow: ModuleNotFoundError"), "{found:?}");
    let installed = async |missing: Value| {
        change_settings(&world, "missing", missing).await;
        // The processor reads every file again, now and then.
        edit(&world, |airflow| airflow["files"]["one.py"]["parsed"] = Value::Null).await;
        parsed(&world).await;
    };
    installed(json!([])).await;
    settle(&world, &one(TASKS)).await;
    assert_eq!(is_paused(&world, "one").await, Some(false));
    // A DAG that ran well and breaks stays as it was, and is no longer listed as a sound one.
    installed(json!(["airflow.providers.databricks"])).await;
    let found = fields(&plan(&world, &one(TASKS)).await);
    assert!(found.iter().any(|f| f.contains("cannot be imported by Airflow")), "{found:?}");
    let outcome = apply_while_it_parses(&world, &one("tasks: [{id: load, run: '8'}]")).await;
    assert!(why_failed(&outcome).contains("No module named"), "{outcome:?}");
    assert_eq!(is_paused(&world, "one").await, Some(false));
}

#[test]
fn an_error_is_told_with_the_place_in_the_manifest() {
    let text = cases::written(&cases::load(&dag("one", TASKS)));
    let line = 1 + text.lines().position(|l| l.contains("run[\"load\"]")).unwrap();
    let trace = format!("  File \"/opt/dags/one.py\", line {line}, in <module>\n    x\nValueError: pool is missing\n");
    let error = json!({ "filename": "one.py", "timestamp": "2024-05-01T00:00:00Z", "stack_trace": trace });
    let (expect, mut memory) = (json!({ "parsed": text, "file": "one.py" }), Value::Null);
    let looks = |errors: Value| [Value::Null, Value::Null, json!({ "import_errors": errors })];
    let clean = cases::kind().settled(&expect, &looks(json!([])), &mut memory);
    assert!(matches!(clean, Ready::NotYet(_)), "{clean:?}");
    let broken = cases::kind().settled(&expect, &looks(json!([error])), &mut memory);
    let Ready::Never(why) = broken else { panic!("{broken:?}") };
    assert!(why.contains("ValueError: pool is missing") && why.contains("written for spec.tasks[load]"), "{why}");
}

#[tokio::test]
async fn what_somebody_did_shows_and_heals() {
    let world = new().await;
    let desired = one(&format!("tags: [a], {TASKS}"));
    settle(&world, &desired).await;
    let good = fs::read_to_string(world.file("one.py")).unwrap();
    // Paused in the UI.
    let pause = Call::set(System::Airflow, Method::Patch, "/api/v2/dags/one", json!({ "is_paused": true }));
    world.person(pause).await;
    assert_eq!(fields(&settle(&world, &desired).await), ["paused: true → false"]);
    // The code edited. Airflow has read each edit: one that it reads between plan and apply would be a change of its own.
    fs::write(world.file("one.py"), good.replace("catchup=False", "catchup=True")).unwrap();
    parsed(&world).await;
    assert_eq!(fields(&settle(&world, &desired).await), ["source: \"changed by hand\" → \"plumb\""]);
    assert_eq!(fs::read_to_string(world.file("one.py")).unwrap(), good);
    // A value edited.
    fs::write(world.file("one.py"), good.replace("\"run\": \"7\"", "\"run\": \"8\"")).unwrap();
    parsed(&world).await;
    assert_eq!(fields(&settle(&world, &desired).await), ["tasks[load].run: \"8\" → \"7\""]);
    // The data broken altogether.
    fs::write(world.file("one.py"), good.replace("\"tasks\"", "tasks")).unwrap();
    parsed(&world).await;
    let healed = fields(&settle(&world, &desired).await);
    assert!(healed.iter().any(|f| f.starts_with("source: ") && f.contains("changed by hand")), "{healed:?}");
    // A tag from elsewhere.
    let before = world.state().await;
    edit(&world, |airflow| airflow["dags"]["one"]["definition"]["tags"] = json!(["plumb", "b"])).await;
    assert_eq!(fields(&plan(&world, &desired).await), ["tags[a]: - → \"a\"", "tags[b]: \"b\" → -"]);
    world.put_state(&before).await;
    // The file gone: made anew, and the DAG keeps its history.
    fs::remove_file(world.file("one.py")).unwrap();
    parsed(&world).await;
    assert_eq!(settle(&world, &desired).await.counts().create, 1);
    // Unknown to Airflow, until it reads the folder again: the history is gone then.
    notices_after(&world, json!(3600)).await;
    let forget = Call::set(System::Airflow, Method::Delete, "/api/v2/dags/one", Value::Null);
    world.person(Call { body: None, ..forget }).await;
    let found = fields(&plan(&world, &desired).await);
    assert_eq!(found, ["paused: true → false", "source: \"not known to Airflow\" → \"plumb\""]);
    notices_after(&world, Value::Null).await;
    settle(&world, &desired).await;
    assert_eq!(is_paused(&world, "one").await, Some(false));
}

#[tokio::test]
async fn a_second_file_with_the_same_id_is_refused() {
    let world = new().await;
    let desired = one(TASKS);
    settle(&world, &desired).await;
    fs::write(world.file("copy.py"), "DAG(dag_id='one')\n").unwrap();
    let refused = plan(&world, &desired).await;
    assert!(refused.changes.is_empty());
    assert!(refused.blocked[0].reason.contains("copy.py"), "{}", refused.blocked[0].reason);
    // A copy of plumb's own file, mark and all.
    fs::copy(world.file("one.py"), world.file("copy.py")).unwrap();
    let refused = plan(&world, &desired).await;
    assert!(refused.blocked[0].reason.contains("2 DAGs carry the mark"), "{}", refused.blocked[0].reason);
    // A DAG of others under that name.
    let world = new().await;
    add_foreign(&world, "one").await;
    let refused = plan(&world, &desired).await;
    assert!(refused.blocked[0].reason.contains("is live already"), "{}", refused.blocked[0].reason);
    let adopt = dag("one", TASKS).replace("{name: one}", "{name: one, adopt: one}");
    let refused = plan(&world, &project(&[&adopt])).await;
    assert!(refused.blocked[0].reason.contains("legacy/emr.py defines the DAG"), "{}", refused.blocked[0].reason);
}

#[tokio::test]
async fn a_delete_takes_the_file_and_the_dag_and_nothing_else() {
    let world = new().await;
    add_foreign(&world, "legacy").await;
    fs::write(world.file("helper.py"), "# of an airflow DAG of others\n").unwrap();
    settle(&world, &one(TASKS)).await;
    writes(&world).await;
    settle(&world, &project(&[])).await;
    assert_eq!(writes(&world).await, ["PATCH /api/v2/dags/one", "DELETE /api/v2/dags/one"]);
    assert_eq!(world.files(), ["helper.py".to_owned()].into());
    parsed(&world).await;
    assert_eq!(is_paused(&world, "one").await, None);
    assert_eq!(is_paused(&world, "legacy").await, Some(false));
}

#[tokio::test]
async fn a_delete_waits_until_nothing_runs_any_more() {
    let world = new().await;
    let spec = format!("schedule: {{cron: '@once'}}, start_date: 2024-01-01, {TASKS}");
    change_settings(&world, "run_seconds", json!(60)).await;
    settle(&world, &one(&spec)).await;
    world.control("POST", "clock", json!({ "advance_seconds": 61 })).await;
    let state = async || world.state().await["airflow"]["runs"][0]["state"].clone();
    parsed(&world).await;
    assert_eq!(state().await, "running");
    let nothing = project(&[]);
    let outcome = apply_in_haste(&world, &nothing).await;
    assert!(why_failed(&outcome).contains("are still running"), "{outcome:?}");
    assert_eq!((is_paused(&world, "one").await, state().await), (Some(true), json!("running")));
    world.control("POST", "clock", json!({ "advance_seconds": 61 })).await;
    settle(&world, &nothing).await;
    world.assert_one_of_each(&nothing, "after the delete").await;
}

#[tokio::test]
async fn a_run_that_would_start_at_once_is_said_and_has_to_be_meant() {
    run_now(new().await).await;
    run_now(World::airflow_2().await).await;
}

async fn run_now(world: World) {
    let schedule = "schedule: {cron: '0 4 2 * *', timezone: Europe/London}, start_date: 2024-01-01";
    let guard = |plan: &Plan| plan.blocked.iter().map(|b| (b.guard, b.reason.clone())).collect::<Vec<_>>();
    let tick = "2024-04-02 04:00 Europe/London, for 2024-03-02 04:00 to 2024-04-02 04:00 (ds 2024-03-02)";
    let on = one(&format!("{schedule}, {TASKS}"));
    let found = plan(&world, &on).await;
    let says = format!("starts a run now: the tick of {tick} has passed");
    assert_eq!(guard(&found), [(Some(Guard::RunNow), format!("DAG one {says}"))]);
    assert_eq!(found.changes[0].impacts, std::slice::from_ref(&says));
    let next = "2024-05-02 04:00 Europe/London, for 2024-04-02 04:00 to 2024-05-02 04:00 (ds 2024-04-02)";
    assert_eq!(found.changes[0].next_run.as_deref(), Some(next));
    // All of them are made up for with `catchup`.
    let found = plan(&world, &one(&format!("{schedule}, catchup: true, {TASKS}"))).await;
    assert!(found.changes[0].impacts[0].starts_with("starts 3 runs now"), "{:?}", found.changes[0].impacts);
    // It is meant, or nothing is switched on, or no tick has passed yet.
    for harmless in ["catchUpNow: true, ", "paused: true, "] {
        assert_eq!(guard(&plan(&world, &one(&format!("{harmless}{schedule}, {TASKS}"))).await), []);
    }
    let later = schedule.replace("2024-01-01", "2024-04-01");
    assert_eq!(guard(&plan(&world, &one(&format!("{later}, {TASKS}"))).await), []);
    // Of a DAG that it knows, Airflow itself says which tick it is waiting with.
    let off = one(&format!("paused: true, {schedule}, {TASKS}"));
    settle(&world, &off).await;
    assert_eq!(guard(&plan(&world, &on).await), [(Some(Guard::RunNow), format!("DAG one {says}"))]);
    // What was said comes true, and only once.
    let runs = async || world.state().await["airflow"]["runs"].as_array().unwrap().len();
    assert_eq!(runs().await, 0);
    settle(&world, &on).await;
    assert_eq!(runs().await, 1);
    settle(&world, &off).await;
    assert_eq!(guard(&plan(&world, &on).await), []);
    settle(&world, &on).await;
    assert_eq!(runs().await, 1);
}

#[tokio::test]
async fn of_a_dag_of_others_only_paused_is_set() {
    let world = new().await;
    add_foreign(&world, "legacy_emr").await;
    let external = |more: &str| project(&[&dag("legacy-emr", &format!("source: external{more}"))]);
    settle(&world, &external(", tags: [emr]")).await;
    assert_eq!(writes(&world).await, Vec::<String>::new());
    let paused = settle(&world, &external(", paused: true")).await;
    assert_eq!(fields(&paused), ["paused: false → true"]);
    assert_eq!(writes(&world).await, ["PATCH /api/v2/dags/legacy_emr"]);
    // Its tags are looked at.
    let refused = plan(&world, &external(", paused: true, tags: [databricks]")).await;
    let text = world::text(&refused);
    assert!(refused.changes.is_empty() && refused.blocked[0].reason.contains("only `paused` can be set"), "{text}");
    // Without its manifest it is left as it is, and one that is not there is not made.
    settle(&world, &project(&[])).await;
    assert_eq!(is_paused(&world, "legacy_emr").await, Some(true));
    let refused = plan(&new().await, &external("")).await;
    let text = world::text(&refused);
    assert!(
        refused.changes.is_empty() && refused.blocked[0].reason.contains("no DAG is called \"legacy_emr\""),
        "{text}"
    );
    // One of plumb's own is nobody else's.
    let world = new().await;
    settle(&world, &one(TASKS)).await;
    let refused = plan(&world, &one("source: external")).await;
    let text = world::text(&refused);
    assert!(refused.changes.is_empty(), "{text}");
    assert!(refused.blocked[0].reason.contains("it is laws/test/AirflowDag/one"), "{text}");
}

#[tokio::test]
async fn a_secret_never_reaches_a_file() {
    let spec = "tasks: [{id: a, run: '1', params: {job_parameters: {k: '${env.SECRET}'}}}]";
    let refused = plan(&new().await, &one(spec)).await;
    let text = world::text(&refused);
    assert!(refused.changes.is_empty() && refused.blocked[0].reason.contains("everybody can read it"), "{text}");
}

#[test]
fn a_released_dag_keeps_its_file_without_the_mark() {
    let spec = cases::load(&cases::all()["minimal"]);
    let file = python::released(&serde_json::from_value(spec).unwrap());
    assert_eq!(python::mark_of(&file), None);
    assert!(file.contains("with DAG("));
}
