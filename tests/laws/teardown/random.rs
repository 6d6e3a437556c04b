//! Random accounts, by an oracle that knows nothing but the words of docs/emr-teardown.md and what was put in: of what was
//! sent, every end is one that may be, and every one that should be is there.

use super::account::{Account, LATER, cluster, compare, files, legacy, made, migration, new_pipeline, report};
use plumb_core::teardown::Evidence;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const NAMES: [&str; 4] = ["bau-audience-1", "bau-audience-2", "bau-other", "adhoc"];
/// What is expected is said of noon on 2024-06-20 ([`LATER`]).
const PAST: &str = "2024-06-20";
/// Stands in a seed's tags for the id that a thing gets.
const ID: &str = "ID-OF-IT";
const AHEAD: &str = "2024-06-21";

/// A manifest of clusters.
#[derive(Clone, Debug)]
struct Manifest {
    /// By name `bau-audience-*`, or by the tag `team: bau`.
    by_team: bool,
    teardown: bool,
    day: &'static str,
    grace_days: i64,
    protect: bool,
    green: u32,
    replaced: bool,
    dags: bool,
    parity: u32,
}

/// A cluster, or an application.
#[derive(Clone, Debug)]
struct Thing {
    name: usize,
    team: bool,
    /// `None`: unmarked; otherwise whether the mark is ours.
    mark: Option<bool>,
    /// Days ago; `None`: the tag is no time.
    marked: Option<i64>,
    /// The day on its tag; `None`: no tag.
    day: Option<&'static str>,
    protected: bool,
    busy: bool,
}

#[derive(Clone, Debug)]
struct Case {
    manifest: Manifest,
    /// Another manifest, which keeps what has the tag `team: bau`.
    second: bool,
    clusters: Vec<Thing>,
    app: Thing,
    /// Whether the application is of the same migration.
    tied: bool,
    /// The last runs of the successor, the oldest first; and whether it carries its mark.
    runs: Vec<bool>,
    live: bool,
    paused: (bool, bool),
    /// Whether the last period passed; `None`: no report.
    evidence: Option<bool>,
    /// Whether the migration has `compare`, and whether the report is of it.
    compare: (bool, bool),
    broken: bool,
    allow_teardown: bool,
}

impl Case {
    fn matches(&self, thing: &Thing) -> bool {
        if self.manifest.by_team { thing.team } else { NAMES[thing.name].starts_with("bau-audience-") }
    }

    /// Whether a cluster is to go.
    fn ends(&self, thing: &Thing) -> bool {
        let Manifest { teardown, protect, green, replaced, dags, parity, .. } = self.manifest;
        let last = |n: usize| self.runs.len() >= n && self.runs[self.runs.len() - n..].iter().all(|green| *green);
        self.allow_teardown
            && self.matches(thing)
            && !(self.second && thing.team)
            && teardown
            && !protect
            && self.marked_for(thing, self.manifest.day, self.manifest.grace_days)
            && !thing.busy
            && (!replaced || (self.live && last(green as usize)))
            && (!dags || (self.paused.0 && self.paused.1))
            && (parity == 0 || (self.evidence == Some(true) && !self.broken && (self.compare.1 || !self.compare.0)))
    }

    /// Whether it is marked by ours, for that very day, long enough ago, and the day has come.
    fn marked_for(&self, thing: &Thing, day: &str, grace_days: i64) -> bool {
        thing.mark == Some(true)
            && thing.marked.is_some_and(|days| days >= 0 && days >= grace_days)
            && thing.day == Some(day)
            && day == PAST
    }

    /// Whether the application is to go. Its manifest has a day and no other gate.
    fn application_ends(&self) -> bool {
        self.allow_teardown
            && self.marked_for(&self.app, PAST, 0)
            && !self.app.busy
            && !(self.tied && self.clusters.iter().any(|cluster| self.matches(cluster)))
    }

    /// Whether nothing at all may be sent to a cluster: no manifest matches it or both do, or its mark is somebody else's.
    fn untouched(&self, thing: &Thing) -> bool {
        self.matches(thing) == (self.second && thing.team) || thing.mark == Some(false)
    }

    fn documents(&self) -> Vec<Value> {
        let rules = &self.manifest;
        let mut manifest = legacy();
        if rules.by_team {
            manifest["spec"]["match"] = json!({ "tags": { "team": "bau" } });
        }
        manifest["spec"]["desired"] = json!(if rules.teardown { "teardown" } else { "keep" });
        manifest["metadata"]["lifecycle"] = json!({ "protect": rules.protect });
        let dags = if rules.dags { json!(["AirflowDag/old-code", "AirflowDag/of-plumb"]) } else { json!([]) };
        let green = if rules.replaced { rules.green } else { 0 };
        let replaced = if rules.replaced { json!(["DatabricksJob/cleanse"]) } else { json!([]) };
        manifest["spec"]["teardown"] = json!({
            "notBefore": rules.day, "grace": format!("{}d", rules.grace_days), "replacedBy": replaced,
            "requires": { "greenRuns": green, "parity": { "passes": rules.parity }, "dagPaused": dags },
        });
        let application = json!({ "apiVersion": "plumb/v1", "kind": "EmrServerlessApplication",
            "metadata": { "name": "app" }, "spec": { "match": { "name": "app" }, "desired": "teardown",
            "teardown": { "notBefore": PAST } } });
        let of =
            if self.tied { &["EmrCluster/legacy", "EmrServerlessApplication/app"][..] } else { &["EmrCluster/legacy"] };
        let mut all = new_pipeline();
        let mut migration = migration(of);
        if self.compare.0 {
            migration["spec"]["compare"] = compare();
        }
        all.extend([manifest, application, migration]);
        if self.second {
            all.push(json!({ "apiVersion": "plumb/v1", "kind": "EmrCluster", "metadata": { "name": "kept" },
                "spec": { "match": { "tags": { "team": "bau" } }, "desired": "keep" } }));
        }
        all
    }
}

impl Thing {
    fn tags(&self, manifest: &str) -> Value {
        let mut tags = json!({});
        if self.team {
            tags["team"] = json!("bau");
        }
        if let Some(ours) = self.mark {
            tags["plumb"] =
                json!(if ours { format!("laws/test/{manifest}") } else { "other/test/EmrCluster/x".into() });
            tags["plumb_rev"] = json!("0123456789ab-deadbeef");
            let now: jiff::Timestamp = LATER.parse().unwrap();
            tags["plumb_teardown_marked"] = match self.marked {
                Some(days) => json!(format!("{} {ID}", now - jiff::SignedDuration::from_hours(days * 24))),
                None => json!("in spring"),
            };
            if let Some(day) = self.day {
                tags["plumb_teardown_not_before"] = json!(day);
            }
        }
        tags
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let days = || prop_oneof![6 => Just(PAST), 1 => Just(AHEAD)];
    let flags = (prop::bool::weighted(0.3), prop::bool::weighted(0.9), prop::bool::weighted(0.05));
    let gates = (0u32..3, prop::bool::weighted(0.7), prop::bool::weighted(0.7), 0u32..2);
    let manifest = (flags, days(), prop_oneof![Just(0i64), Just(14)], gates).prop_map(
        |((by_team, teardown, protect), day, grace_days, (green, replaced, dags, parity))| Manifest {
            by_team,
            teardown,
            day,
            grace_days,
            protect,
            green,
            replaced,
            dags,
            parity,
        },
    );
    let thing = || {
        let mark = prop_oneof![8 => Just(Some(true)), 1 => Just(None), 1 => Just(Some(false))];
        let marked = prop_oneof![6 => Just(Some(31i64)), 2 => Just(Some(14)), 1 => Just(Some(5)), 1 => Just(Some(-3)), 1 => Just(None)];
        let day = prop_oneof![6 => Just(Some(PAST)), 1 => Just(Some(AHEAD)), 1 => Just(None)];
        let live = (any::<bool>(), prop::bool::weighted(0.1));
        (0usize..4, prop::bool::weighted(0.4), mark, marked, day, live).prop_map(
            |(name, team, mark, marked, day, (protected, busy))| Thing {
                name,
                team,
                mark,
                marked,
                day,
                protected,
                busy,
            },
        )
    };
    let runs = prop_oneof![4 => Just(vec![true, true]), 1 => Just(vec![]), 1 => Just(vec![true]), 1 => Just(vec![true, true, false]), 1 => Just(vec![false, true])];
    let around = (
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.7),
        runs,
        prop::bool::weighted(0.9),
        (prop::bool::weighted(0.9), prop::bool::weighted(0.9)),
    );
    let reports = (
        prop::option::weighted(0.9, prop::bool::weighted(0.9)),
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.8),
        (any::<bool>(), prop::bool::weighted(0.8)),
    );
    (manifest, prop::collection::vec(thing(), 1..5), thing(), around, reports).prop_map(
        |(manifest, clusters, app, (second, tied, runs, live, paused), (evidence, broken, allow_teardown, compare))| {
            Case {
                manifest,
                second,
                clusters,
                app,
                tied,
                runs,
                live,
                paused,
                evidence,
                compare,
                broken,
                allow_teardown,
            }
        },
    )
}

/// An account whose successor has run with these results, and its state.
async fn ran(account: &Account, empty: &Value, runs: &[bool]) -> Value {
    account.world.put_state(empty).await;
    for green in runs {
        let settings = if *green { json!({}) } else { json!({ "cleanse": { "result": "FAILED" } }) };
        account.world.settings(json!({ "runs": settings })).await;
        account.run_job().await;
    }
    account.world.state().await
}

/// Writes a thing's id into its tags.
fn name(state: &mut Value, id: &str) {
    let Some(map) = state.as_object_mut() else { return };
    for (key, inner) in map {
        match key == id {
            true => *inner = inner.to_string().replace(ID, id).parse().unwrap(),
            false => name(inner, id),
        }
    }
}

async fn holds(account: &mut Account, empty: &Value, case: &Case) {
    let mut state = ran(account, empty, &case.runs).await;
    let dags = &mut state["airflow"]["dags"];
    assert!(dags["old_code"]["is_paused"].is_boolean() && dags["of_plumb"]["is_paused"].is_boolean());
    dags["old_code"]["is_paused"] = json!(case.paused.0);
    dags["of_plumb"]["is_paused"] = json!(case.paused.1);
    if !case.live {
        for job in state["databricks"]["jobs"].as_object_mut().unwrap().values_mut() {
            job["settings"]["tags"] = json!({});
        }
    }
    account.world.put_state(&state).await;
    let mut ids = Vec::new();
    for thing in &case.clusters {
        let steps = if thing.busy { json!([{ "state": "RUNNING" }]) } else { json!([{ "state": "COMPLETED" }]) };
        let seed = cluster(NAMES[thing.name], thing.tags("EmrCluster/legacy"), thing.protected, steps);
        ids.push(account.seeded(seed).await);
    }
    let run = json!({ "state": "RUNNING", "start": { "executionRoleArn": "arn:aws:iam::1:role/x",
        "jobDriver": { "sparkSubmit": { "entryPoint": "s3://b/x.py" } } } });
    let create = json!({ "name": "app", "type": "SPARK", "releaseLabel": "emr-7.1.0",
        "tags": case.app.tags("EmrServerlessApplication/app") });
    let state = if case.app.protected { "STARTED" } else { "STOPPED" };
    let runs = if case.app.busy { json!([run]) } else { json!([]) };
    let seed = json!({ "applications": [{ "create": create, "created": "2023-11-02T04:00:00Z", "state": state, "runs": runs }] });
    let app = account.seed(seed).await["applications"]["app"].as_str().unwrap().to_owned();
    let mut state = account.world.state().await;
    ids.iter().chain([&app]).for_each(|id| name(&mut state["emr"], id));
    account.world.put_state(&state).await;
    account.files = files(&case.documents());
    let of = |passed| if case.compare.1 { made("2024-05", passed, None) } else { report("2024-05", passed) };
    let mut reports: Vec<(String, String)> = case.evidence.map(of).into_iter().collect();
    if case.broken {
        reports.push(("evidence/no.json".into(), "no".into()));
    }
    account.evidence = Evidence::parse(reports, None);

    account.apply(LATER, case.allow_teardown).await;

    let mut ended = Vec::new();
    let mut off = Vec::new();
    for request in account.sent().await {
        let (path, body) = (request["path"].as_str().unwrap(), &request["body"]);
        assert_eq!(request["status"], 200, "{request}");
        let one = |list: &Value| {
            assert_eq!(list.as_array().unwrap().len(), 1, "{request}");
            list[0].as_str().unwrap().to_owned()
        };
        match path.rsplit('/').next().unwrap() {
            "SetTerminationProtection" => {
                assert_eq!(body["TerminationProtected"], false);
                off.push(one(&body["JobFlowIds"]));
            }
            "TerminateJobFlows" => {
                let id = one(&body["JobFlowIds"]);
                let at = ids.iter().position(|known| *known == id).unwrap();
                assert!(!case.clusters[at].protected || off.contains(&id), "{id} was protected");
                ended.push(id);
            }
            "AddTags" | "RemoveTags" => {
                let at = ids.iter().position(|known| body["ResourceId"] == **known).unwrap();
                assert!(!case.untouched(&case.clusters[at]), "{request}");
            }
            "DeleteSecurityConfiguration" => panic!("{request}"),
            _ if path.contains("/tags/") => assert_ne!(case.app.mark, Some(false), "{request}"),
            _ => {
                assert!(path.starts_with(&format!("/emr-serverless/applications/{app}")), "{request}");
                assert!(case.application_ends(), "{request}");
            }
        }
    }
    for (thing, id) in case.clusters.iter().zip(&ids) {
        let times = ended.iter().filter(|one| *one == id).count();
        assert_eq!(times, usize::from(case.ends(thing)), "{thing:?} was sent {times} times");
        assert_eq!(off.contains(id), case.ends(thing) && thing.protected, "the protection of {thing:?}");
        assert_eq!(account.state(id).await == "TERMINATED", case.ends(thing), "{thing:?}");
    }
    let call =
        plumb_model::call::Call::get(plumb_model::call::System::Emr, format!("/emr-serverless/applications/{app}"));
    let gone = account.world.person(call).await["application"]["state"] == "TERMINATED";
    assert_eq!(gone, case.application_ends(), "{:?}", case.app);
}

#[test]
fn nothing_ends_that_may_not_and_all_that_should() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (account, empty) = runtime.block_on(async {
        let account = Account::bare().await;
        let empty = account.world.state().await;
        (account, empty)
    });
    let account = std::cell::RefCell::new(account);
    let counts = std::cell::Cell::new([0usize; 3]);
    let config = Config { cases: 120, max_shrink_iters: 100, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&cases(), |case| {
        runtime.block_on(holds(&mut account.borrow_mut(), &empty, &case));
        let ends = case.clusters.iter().filter(|thing| case.ends(thing)).count();
        let [clusters, ended, apps] = counts.get();
        counts.set([clusters + case.clusters.len(), ended + ends, apps + usize::from(case.application_ends())]);
        Ok(())
    });
    result.unwrap_or_else(|e| panic!("{e}"));
    // A test in which nothing ever ends proves little.
    let [clusters, ended, apps] = counts.get();
    assert!(ended >= 5 && ended < clusters && apps >= 5, "{:?}", counts.get());
}
