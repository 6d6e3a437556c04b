//! From manifests to a DAG that runs, and back when somebody meddled: against a folder and an Airflow that reads late.

use super::cases;
use super::fake::{Airflow, Cut};
use super::files;
use super::moto::moto;
use plumb::apply::{self, Ended, Options, Outcome, Unwatched};
use plumb::call::{Call, Sending, Service, System};
use plumb::kinds::airflow::python;
use plumb::manifest::{self, Desired, InMemory, Request};
use plumb::plan::{Bases, Decision, Guard, Input, Live, Plan, Selection, decide};
use plumb::services::{DagFiles, Requests, Services};
use plumb::{observe, render};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, atomic::AtomicBool};
use std::time::Duration;

const NOW: &str = "2024-05-10T00:00:00Z";
const TASKS: &str = "tasks: [{id: load, run: '7'}]";

/// A bucket, whose files are brought to Airflow's folder after each call.
struct Synced(DagFiles, String, PathBuf);

impl Service for Synced {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let answer = self.0.send(call).await;
            let below = format!("{}/", self.1);
            for file in fs::read_dir(&self.2).unwrap() {
                fs::remove_file(file.unwrap().path()).unwrap();
            }
            for key in moto().keys(&below) {
                fs::write(self.2.join(&key[below.len()..]), moto().get(&key).unwrap()).unwrap();
            }
            answer
        })
    }
}

/// A folder and an Airflow over it.
struct World {
    folder: tempfile::TempDir,
    airflow: Airflow,
    /// The prefix that plumb writes to instead, and that Airflow's folder is filled from.
    bucket: Option<String>,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let airflow = Airflow::over(folder.path().to_owned());
        World { folder, airflow, bucket: None }
    }

    fn files(&self) -> Arc<dyn Service> {
        match &self.bucket {
            Some(prefix) => Arc::new(Synced(files::s3(prefix), prefix.clone(), self.folder.path().to_owned())),
            None => Arc::new(DagFiles::folder(self.folder.path())),
        }
    }

    fn services(&self) -> Services {
        self.through(|service| service)
    }

    fn through(&self, wrap: impl Fn(Arc<dyn Service>) -> Arc<dyn Service>) -> Services {
        Services::default().with(System::Airflow, wrap(Arc::new(self.airflow.clone())), Requests::default()).with(
            System::DagFiles,
            wrap(self.files()),
            Requests::default(),
        )
    }

    async fn plan(&self, desired: &Desired) -> (Live, Decision) {
        let kinds = [cases::kind()];
        let selection = Selection::default();
        let live = observe::observe(&self.services(), &kinds, desired, &selection, &observe::Unwatched).await.unwrap();
        let decision = decide(&Input {
            desired,
            live: &live,
            bases: &Bases::new(),
            selection: &selection,
            head: Some("0123456789ab"),
            base: None,
            today: jiff::civil::date(2024, 5, 10),
            now: NOW.parse().unwrap(),
            kinds: &kinds,
            absent: &[],
        });
        (live, decision)
    }

    async fn apply_through(&self, services: &Services, desired: &Desired) -> (Plan, Outcome) {
        let (live, decision) = self.plan(desired).await;
        let plan = decision.plan.clone();
        let options = Options {
            width: 1,
            patience: Duration::from_millis(400),
            grace: vec![Duration::ZERO],
            poll: Duration::from_millis(2),
            outage: Duration::ZERO,
        };
        let stop = Arc::new(AtomicBool::new(false));
        (plan, apply::apply(services, desired, &live, decision, options, &Unwatched, stop).await)
    }

    async fn apply(&self, desired: &Desired) -> (Plan, Outcome) {
        self.apply_through(&self.services(), desired).await
    }

    /// Applies, and fails unless all was done and nothing is left to do.
    async fn settle(&self, desired: &Desired) -> Plan {
        let (plan, outcome) = self.apply(desired).await;
        for (address, ended) in &outcome.changes {
            assert!(matches!(ended, Ended::Done { left, .. } if left.is_empty()), "{address}: {ended:?}");
        }
        self.assert_settled(desired).await;
        plan
    }

    async fn assert_settled(&self, desired: &Desired) {
        let (_, decision) = self.plan(desired).await;
        assert!(decision.plan.is_empty(), "{}", text(&decision.plan));
        assert_eq!(decision.plan.unchanged, desired.resources.len());
    }

    fn is_paused(&self, id: &str) -> Option<bool> {
        self.airflow.state.lock().unwrap().dags.get(id)?["is_paused"].as_bool()
    }

    fn writes(&self) -> Vec<String> {
        std::mem::take(&mut self.airflow.state.lock().unwrap().writes)
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

fn text(plan: &Plan) -> String {
    render::text(plan, render::Style::default())
}

/// A project of these documents.
fn project(documents: &[&str]) -> Desired {
    let project = json!({
        "apiVersion": "plumb/v1", "kind": "Project", "metadata": {"name": "dags"},
        "spec": {"targets": {"test": {"sandbox": true, "default": true}}, "env": ["SECRET"]},
    });
    let files = BTreeMap::from([
        ("plumb.yaml".to_owned(), project.to_string().into_bytes()),
        ("manifests/dag.yaml".to_owned(), format!("# nothing\n{}", documents.join("\n---\n")).into_bytes()),
    ]);
    let request = Request { target: None, variables: BTreeMap::new(), env: &|_| Some("s3cret".to_owned()), user: None };
    manifest::load(&InMemory(files), &request, &[cases::kind()])
        .unwrap_or_else(|failure| panic!("{}", render::problems(&failure.files, &failure.problems, false)))
}

fn dag(name: &str, spec: &str) -> String {
    format!("apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {{name: {name}}}\nspec: {{{spec}}}")
}

fn one(spec: &str) -> Desired {
    project(&[&dag("one", spec)])
}

fn fields(plan: &Plan) -> Vec<String> {
    let show = |v: &Option<serde_json::Value>| v.as_ref().map_or_else(|| "-".into(), |v| v.to_string());
    plan.changes
        .iter()
        .flat_map(|c| c.fields.iter().map(move |f| format!("{}: {} → {}", f.path, show(&f.from), show(&f.to))))
        .collect()
}

#[tokio::test]
async fn after_an_apply_there_is_nothing_to_do() {
    for (name, text) in cases::all() {
        let world = World::new();
        let desired = project(&[&text]);
        world.settle(&desired).await;
        world.writes();
        world.settle(&desired).await;
        assert_eq!(world.writes(), Vec::<String>::new(), "{name}: a second apply wrote something");
    }
}

#[tokio::test]
async fn a_bucket_converges_as_a_folder_does() {
    let world = World { bucket: Some(files::prefix()), ..World::new() };
    world.settle(&one(TASKS)).await;
    let plan = world.settle(&one(&format!("description: more, {TASKS}"))).await;
    assert_eq!(fields(&plan), ["description: - → \"more\""]);
    assert_eq!(world.is_paused("one"), Some(false));
    world.settle(&project(&[])).await;
    assert_eq!(world.is_paused("one"), None);
    assert_eq!(moto().keys(world.bucket.as_ref().unwrap()), Vec::<String>::new());
}

#[tokio::test]
async fn from_each_case_to_the_next() {
    let texts: Vec<String> = cases::all().values().cloned().collect();
    let same = |text: &str| {
        let spec = cases::load(text);
        let mut document =
            json!({"apiVersion": "plumb/v1", "kind": "AirflowDag", "metadata": {"name": "same"}, "spec": spec});
        document["spec"]["dag_id"] = json!("same");
        // Loading once filled in what stands for a `${`.
        project(&[&document.to_string().replace("${", "$${")])
    };
    for (before, after) in texts.iter().zip(texts.iter().cycle().skip(1)) {
        let world = World::new();
        world.settle(&same(before)).await;
        world.settle(&same(after)).await;
    }
}

#[tokio::test]
async fn a_dag_is_switched_on_when_its_very_version_is_parsed() {
    let world = World::new();
    world.airflow.state.lock().unwrap().delay = 9;
    world.settle(&one(TASKS)).await;
    assert_eq!(world.is_paused("one"), Some(false));
    assert_eq!(world.writes(), ["PATCH /api/v2/dags/one"]);
    let source = world.airflow.state.lock().unwrap().sources["one"].clone();
    assert_eq!(source, fs::read_to_string(world.file("one.py")).unwrap());
    // And one that is to be paused never runs.
    world.settle(&one(&format!("paused: true, {TASKS}"))).await;
    assert_eq!(world.is_paused("one"), Some(true));
}

#[tokio::test]
async fn a_file_that_cannot_be_imported_is_never_switched_on() {
    let world = World::new();
    let said = "line 7, in <module>\n    from airflow.providers.databricks import x\nModuleNotFoundError: No module named 'airflow.providers.databricks'";
    world.airflow.state.lock().unwrap().broken.insert("one.py".to_owned(), said.to_owned());
    let (_, outcome) = world.apply(&one(TASKS)).await;
    let ended = outcome.changes.values().next().unwrap();
    let Ended::Failed { why, .. } = ended else { panic!("{ended:?}") };
    assert!(why.contains("No module named 'airflow.providers.databricks' in line 7 of one.py"), "{why}");
    assert!(why.contains("(manifests/dag.yaml:2)"), "{why}");
    assert_eq!(world.is_paused("one"), None);
    // The plan says so too, until it is mended.
    let (_, decision) = world.plan(&one(TASKS)).await;
    assert!(
        fields(&decision.plan)[1].contains("cannot be imported by Airflow: ModuleNotFoundError"),
        "{:?}",
        fields(&decision.plan)
    );
    world.airflow.state.lock().unwrap().broken.clear();
    world.airflow.parse();
    world.settle(&one(TASKS)).await;
    assert_eq!(world.is_paused("one"), Some(false));
    // A DAG that ran well and breaks with an update stays as it was.
    let line =
        fs::read_to_string(world.file("one.py")).unwrap().lines().position(|l| l.contains("run[\"load\"]")).unwrap()
            + 1;
    let said = format!("line {line}, in <module>\n    x\nValueError: pool is missing");
    world.airflow.state.lock().unwrap().broken.insert("one.py".to_owned(), said);
    let (_, outcome) = world.apply(&one("tasks: [{id: load, run: '8'}]")).await;
    let ended = outcome.changes.values().next().unwrap();
    let Ended::Failed { why, .. } = ended else { panic!("{ended:?}") };
    assert!(why.contains("ValueError: pool is missing") && why.contains("written for spec.tasks[load]"), "{why}");
}

#[tokio::test]
async fn what_somebody_did_shows_and_heals() {
    let world = World::new();
    let desired = one(&format!("tags: [a], {TASKS}"));
    world.settle(&desired).await;
    let good = fs::read_to_string(world.file("one.py")).unwrap();
    // Paused in the UI.
    world.airflow.state.lock().unwrap().dags.get_mut("one").unwrap()["is_paused"] = json!(true);
    assert_eq!(fields(&world.settle(&desired).await), ["paused: true → false"]);
    // The code edited.
    fs::write(world.file("one.py"), good.replace("catchup=False", "catchup=True")).unwrap();
    assert_eq!(fields(&world.settle(&desired).await), ["source: \"changed by hand\" → \"plumb\""]);
    assert_eq!(fs::read_to_string(world.file("one.py")).unwrap(), good);
    // A value edited.
    fs::write(world.file("one.py"), good.replace("\"run\": \"7\"", "\"run\": \"8\"")).unwrap();
    assert_eq!(fields(&world.settle(&desired).await), ["tasks[load].run: \"8\" → \"7\""]);
    // The data broken altogether.
    fs::write(world.file("one.py"), good.replace("\"tasks\"", "tasks")).unwrap();
    let plan = world.settle(&desired).await;
    assert!(fields(&plan).iter().any(|f| f.starts_with("source: \"changed by hand")), "{:?}", fields(&plan));
    // A tag from elsewhere.
    world.airflow.state.lock().unwrap().dags.get_mut("one").unwrap()["tags"] =
        json!([{"name": "plumb"}, {"name": "b"}]);
    world.airflow.state.lock().unwrap().delay = 1000;
    let (_, decision) = world.plan(&desired).await;
    assert_eq!(fields(&decision.plan), ["tags[a]: - → \"a\"", "tags[b]: \"b\" → -"]);
    world.airflow.state.lock().unwrap().delay = 3;
    world.airflow.parse();
    // The file gone: made anew, and the DAG keeps its history.
    fs::remove_file(world.file("one.py")).unwrap();
    let plan = world.settle(&desired).await;
    assert_eq!(plan.counts().create, 1);
    // Unknown to Airflow.
    world.airflow.state.lock().unwrap().dags.clear();
    world.airflow.state.lock().unwrap().delay = 1000;
    let (_, decision) = world.plan(&desired).await;
    assert_eq!(fields(&decision.plan), ["paused: true → false", "source: \"not known to Airflow\" → \"plumb\""]);
    world.airflow.state.lock().unwrap().delay = 3;
    world.airflow.parse();
    world.settle(&desired).await;
    assert_eq!(world.is_paused("one"), Some(false));
}

#[tokio::test]
async fn a_second_file_with_the_same_id_is_refused() {
    let world = World::new();
    let desired = one(TASKS);
    world.settle(&desired).await;
    fs::write(world.file("copy.py"), "DAG(dag_id='one')\n").unwrap();
    let (_, decision) = world.plan(&desired).await;
    assert!(decision.plan.changes.is_empty());
    assert!(decision.plan.blocked[0].reason.contains("copy.py"), "{}", decision.plan.blocked[0].reason);
    // A copy of plumb's own file, mark and all.
    fs::copy(world.file("one.py"), world.file("copy.py")).unwrap();
    let (_, decision) = world.plan(&desired).await;
    assert!(decision.plan.blocked[0].reason.contains("2 DAGs carry the mark"), "{}", decision.plan.blocked[0].reason);
    // A DAG of others under that name.
    let world = World::new();
    world.airflow.add_foreign("one", false);
    let (_, decision) = world.plan(&desired).await;
    assert!(decision.plan.blocked[0].reason.contains("is live already"), "{}", decision.plan.blocked[0].reason);
    let (_, decision) =
        world.plan(&project(&[&dag("one", TASKS).replace("{name: one}", "{name: one, adopt: one}")])).await;
    assert!(
        decision.plan.blocked[0].reason.contains("/opt/dags/legacy/emr.py defines the DAG"),
        "{}",
        decision.plan.blocked[0].reason
    );
}

#[tokio::test]
async fn a_delete_takes_the_file_and_the_dag_and_nothing_else() {
    let world = World::new();
    world.airflow.add_foreign("legacy", false);
    fs::write(world.file("legacy.py"), "DAG('legacy')\n").unwrap();
    world.settle(&one(TASKS)).await;
    world.writes();
    world.settle(&project(&[])).await;
    assert_eq!(world.writes(), ["PATCH /api/v2/dags/one", "DELETE /api/v2/dags/one"]);
    assert!(!world.file("one.py").exists() && world.file("legacy.py").exists());
    world.airflow.parse();
    assert_eq!(world.is_paused("one"), None);
    assert_eq!(world.is_paused("legacy"), Some(false));
}

#[tokio::test]
async fn another_id_is_another_dag() {
    let world = World::new();
    world.settle(&one(TASKS)).await;
    let plan = world.settle(&one(&format!("dag_id: other, {TASKS}"))).await;
    assert_eq!(plan.counts().replace, 1);
    assert!(!world.file("one.py").exists());
    assert_eq!((world.is_paused("one"), world.is_paused("other")), (None, Some(false)));
}

#[tokio::test]
async fn however_it_is_cut_off_the_next_apply_ends_it() {
    let (none, first) = (project(&[]), one(TASKS));
    let second = one(&format!("description: changed, paused: true, {TASKS}"));
    let other = one(&format!("dag_id: other, {TASKS}"));
    for (what, before, after) in [
        ("create", &none, &first),
        ("update", &first, &second),
        ("switch on", &second, &first),
        ("replace", &first, &other),
        ("delete", &first, &none),
    ] {
        for done in [false, true] {
            let mut reached = 0;
            for writes in 1.. {
                let world = World::new();
                world.settle(before).await;
                let left = Arc::new(Mutex::new(writes));
                let services = world.through(|inner| Arc::new(Cut { inner, left: left.clone(), done }));
                world.apply_through(&services, after).await;
                if *left.lock().unwrap() > 0 {
                    break;
                }
                reached += 1;
                world.airflow.parse();
                world.settle(after).await;
                let ids: Vec<String> = world.airflow.state.lock().unwrap().dags.keys().cloned().collect();
                let wanted: Vec<String> =
                    after.resources.iter().map(|r| r.spec["dag_id"].as_str().unwrap().to_owned()).collect();
                assert_eq!(ids, wanted, "{what}, cut at write {writes}");
                assert_eq!(fs::read_dir(world.folder.path()).unwrap().count(), wanted.len(), "{what}, cut at {writes}");
            }
            assert!(reached > 1, "{what}: only {reached} writes");
        }
    }
}

#[tokio::test]
async fn a_run_that_would_start_at_once_is_said_and_has_to_be_meant() {
    let world = World::new();
    let schedule = "schedule: {cron: '0 4 2 * *', timezone: Europe/London}, start_date: 2024-01-01";
    let guard = |plan: &Plan| plan.blocked.iter().map(|b| (b.guard, b.reason.clone())).collect::<Vec<_>>();
    let tick = "2024-05-02 04:00 Europe/London, for 2024-04-02 04:00 to 2024-05-02 04:00 (ds 2024-04-02)";
    let plan = world.plan(&one(&format!("{schedule}, {TASKS}"))).await.1.plan;
    assert_eq!(
        guard(&plan),
        [(Some(Guard::RunNow), format!("DAG one starts a run now: the tick of {tick} has passed"))]
    );
    assert_eq!(plan.changes[0].impacts, [format!("starts a run now: the tick of {tick} has passed")]);
    let next =
        "the next run is due 2024-06-02 04:00 Europe/London, for 2024-05-02 04:00 to 2024-06-02 04:00 (ds 2024-05-02)";
    assert_eq!(plan.notes.iter().map(|n| n.message.as_str()).collect::<Vec<_>>(), [next]);
    // All of them are made up for with `catchup`.
    let plan = world.plan(&one(&format!("{schedule}, catchup: true, {TASKS}"))).await.1.plan;
    assert!(plan.changes[0].impacts[0].starts_with("starts 4 runs now"), "{:?}", plan.changes[0].impacts);
    // It is meant, or nothing is switched on, or no tick has passed yet.
    for harmless in ["catchUpNow: true, ", "paused: true, "] {
        assert_eq!(guard(&world.plan(&one(&format!("{harmless}{schedule}, {TASKS}"))).await.1.plan), []);
    }
    let later = schedule.replace("2024-01-01", "2024-05-01");
    assert_eq!(guard(&world.plan(&one(&format!("{later}, {TASKS}"))).await.1.plan), []);
    // Of a DAG that it knows, Airflow itself says which tick it is waiting with.
    let paused = one(&format!("paused: true, {schedule}, {TASKS}"));
    world.airflow.state.lock().unwrap().due.insert("one".into(), "2024-04-02T03:00:00Z".into());
    world.settle(&paused).await;
    let plan = world.plan(&one(&format!("{schedule}, {TASKS}"))).await.1.plan;
    assert!(guard(&plan)[0].1.contains("the tick of 2024-04-02 04:00"), "{:?}", guard(&plan));
    world.airflow.state.lock().unwrap().due.insert("one".into(), "2024-06-02T03:00:00Z".into());
    world.airflow.parse();
    assert_eq!(guard(&world.plan(&one(&format!("{schedule}, {TASKS}"))).await.1.plan), []);
}

#[tokio::test]
async fn of_a_dag_of_others_only_paused_is_set() {
    let world = World::new();
    world.airflow.add_foreign("legacy_emr", false);
    let external = |more: &str| project(&[&dag("legacy-emr", &format!("source: external{more}"))]);
    world.settle(&external(", tags: [emr]")).await;
    assert_eq!(world.writes(), Vec::<String>::new());
    let plan = world.settle(&external(", paused: true")).await;
    assert_eq!(fields(&plan), ["paused: false → true"]);
    assert_eq!(world.writes(), ["PATCH /api/v2/dags/legacy_emr"]);
    // Its tags are looked at.
    let plan = world.plan(&external(", paused: true, tags: [databricks]")).await.1.plan;
    assert!(plan.changes.is_empty() && plan.blocked[0].reason.contains("only `paused` can be set"), "{}", text(&plan));
    // Without its manifest it is left as it is, and one that is not there is not made.
    world.settle(&project(&[])).await;
    assert_eq!(world.is_paused("legacy_emr"), Some(true));
    let plan = World::new().plan(&external("")).await.1.plan;
    assert!(
        plan.changes.is_empty() && plan.blocked[0].reason.contains("no DAG is called \"legacy_emr\""),
        "{}",
        text(&plan)
    );
    // One of plumb's own is nobody else's.
    let world = World::new();
    world.settle(&one(TASKS)).await;
    let plan = world.plan(&one("source: external")).await.1.plan;
    assert!(plan.changes.is_empty(), "{}", text(&plan));
    assert!(plan.blocked[0].reason.contains("it is dags/test/AirflowDag/one"), "{}", text(&plan));
}

#[tokio::test]
async fn a_secret_never_reaches_a_file() {
    let world = World::new();
    let plan =
        world.plan(&one("tasks: [{id: a, run: '1', params: {job_parameters: {k: '${env.SECRET}'}}}]")).await.1.plan;
    assert!(plan.changes.is_empty() && plan.blocked[0].reason.contains("everybody can read it"), "{}", text(&plan));
}

#[tokio::test]
async fn a_released_dag_keeps_its_file_without_the_mark() {
    let spec = cases::load(&cases::all()["minimal"]);
    let file = python::released(&serde_json::from_value(spec).unwrap());
    assert_eq!(python::mark_of(&file), None);
    assert!(file.contains("with DAG("));
}
