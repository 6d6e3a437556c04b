//! Two years of a schedule, with summer times in them: a wave is cut over, taken back and cut over again at instants of any
//! kind, and no period is skipped. One is run twice only where a rollback says that it cannot be undone: the new side had
//! run it.

use crate::world::{self, Files, World, options};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned, civil::Date};
use plumb::apply::{self, UnwatchedApply};
use plumb_core::cutover::{Hold, Holds, PendingCutover, rollback};
use plumb_core::manifest::Desired;
use plumb_core::plan::{Baselines, Decision, Live};
use plumb_model::stats::draw::SeededDraws;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, atomic::AtomicBool};

/// Sundays at half past two, when clocks change in most of these zones.
const CRON: &str = "30 2 * * 0";

fn manifests(zone: &str, day: Date, start: &str) -> Files {
    let document = |kind: &str, name: &str, spec: Value| json!({ "apiVersion": "plumb/v1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    let all = [
        document("EmrCluster", "legacy", json!({ "match": { "name": "bau-*" }, "desired": "keep" })),
        document(
            "DatabricksJob",
            "job",
            json!({ "name": "job", "parameters": [{ "name": "output", "default": "s3://bau/audience" }],
                "tasks": [{ "task_key": "t", "notebook_task": { "notebook_path": "/Shared/x" } }] }),
        ),
        document("AirflowDag", "old", json!({ "dag_id": "old", "source": "external" })),
        document(
            "AirflowDag",
            "new",
            json!({ "schedule": { "cron": CRON, "timezone": zone }, "start_date": start, "max_active_runs": 1,
                "tasks": [{ "id": "run", "run": "${resources.DatabricksJob.job}" }] }),
        ),
        document(
            "Migration",
            "m",
            json!({ "wave": "1", "cutover": day.to_string(), "shadow": { "parameters": { "output": "s3://shadow/audience" } },
                "from": { "emr": ["EmrCluster/legacy"], "dags": ["AirflowDag/old"] },
                "to": { "jobs": ["DatabricksJob/job"], "dags": ["AirflowDag/new"] } }),
        ),
    ];
    all.iter()
        .map(|d| (format!("{}-{}.yaml", d["kind"], d["metadata"]["name"]).replace('"', ""), d.to_string()))
        .collect()
}

/// One migration, on the sandbox's clock.
struct TwoYears {
    world: World,
    zone: TimeZone,
    name: &'static str,
    day: Date,
    start: String,
    holds: Holds,
}

impl TwoYears {
    async fn new(name: &'static str) -> TwoYears {
        let world = World::with_emr().await;
        let dag = |id: &str| {
            json!({ "dag_id": id, "is_paused": false, "catchup": false, "max_active_runs": 1,
                "start_date": "2020-01-01T00:00:00+00:00",
                "schedule": { "cron": CRON, "timezone": name, "interval": true }, "tasks": [{ "task_id": "run" }] })
        };
        // The second one is never touched: what it ran is what there was to run.
        world.control("POST", "seed", json!({ "airflow": { "dags": [dag("old"), dag("witness")] } })).await;
        let settings = json!({ "airflow": { "parse_seconds": 0, "run_seconds": 2400 } });
        world.settings(settings).await;
        let zone = TimeZone::get(name).unwrap();
        let day = Date::constant(2024, 1, 1);
        TwoYears { world, zone, name, day, start: "2020-01-01".into(), holds: Holds::default() }
    }

    fn desired(&self) -> Desired {
        world::load(&manifests(self.name, self.day, &self.start))
    }

    async fn now(&self) -> Timestamp {
        let clock = self.world.control("GET", "clock", Value::Null).await;
        Timestamp::from_millisecond(clock["now_ms"].as_i64().unwrap()).unwrap()
    }

    async fn pass(&self, seconds: i64) {
        self.world.control("POST", "clock", json!({ "advance_seconds": seconds })).await;
    }

    async fn until(&self, then: Timestamp) {
        let seconds = then.as_second() - self.now().await.as_second();
        self.pass(seconds.max(0)).await;
    }

    async fn plan(&self, desired: &Desired) -> (Live, Decision) {
        let (services, now) = (self.world.services(), self.now().await);
        let mut live = self.world.observe(&services, desired).await.unwrap();
        live.holds = self.holds.clone();
        plumb::observe::waves::runs(&services, desired, &mut live, now).await.unwrap();
        let decision = world::decision_at(desired, &live, &Baselines::new(), now, ("", false));
        (live, decision)
    }

    /// Plans and applies; what was in it: whether the wave was, how many changes, and the waves that wait.
    async fn apply(&self) -> (bool, usize, Vec<PendingCutover>) {
        let desired = self.desired();
        let (live, decision) = self.plan(&desired).await;
        let (changes, text) = (&decision.plan.changes, world::text(&decision.plan));
        let wave = changes.iter().any(|change| change.address.kind == "Wave");
        let told = (wave, changes.len(), decision.plan.cutovers.clone());
        let services = self.world.services();
        let stop = Arc::new(AtomicBool::new(false));
        let outcome = apply::apply(&services, &desired, &live, decision, options(), &UnwatchedApply, stop).await;
        world::assert_done(&outcome, &text);
        told
    }

    /// Has the wave cut over at a day, by what its plans say: waits where something runs, and takes the start that is named.
    async fn cut_over(&mut self, day: Date, hour: i64) {
        self.day = day;
        self.apply().await;
        let begins: Zoned = day.to_zoned(self.zone.clone()).unwrap();
        self.until((begins.timestamp() + hour.hours()).max(self.now().await)).await;
        for _ in 0..60 {
            let (done, _, waits) = self.apply().await;
            if done {
                return;
            }
            let gap = waits[0].gates.iter().find(|gate| gate.gate.name == "noGap" && !gate.gate.holds);
            let named = gap.and_then(|gap| gap.gate.says.split_once("`start_date: "));
            match named.and_then(|(_, rest)| rest.split_once('`')) {
                Some((start, _)) if start != self.start => self.start = start.to_owned(),
                _ => self.pass(1800).await,
            }
        }
        panic!("{} of {day} is never cut over: {:?}", self.name, self.plan(&self.desired()).await.1.plan.cutovers);
    }

    async fn roll_back(&mut self) {
        let desired = self.desired();
        let wave = rollback::dated(&desired, "1").unwrap();
        let hold: Hold = rollback::hold(&wave, "ada", self.now().await, "late").unwrap();
        self.holds.holds.push(hold);
        let (was_in_it, ..) = self.apply().await;
        assert!(was_in_it, "it was not taken back");
        assert_eq!(self.apply().await.1, 0, "something is left to do");
    }

    /// How often each period was run, by a DAG.
    async fn periods(&self, dag: &str) -> BTreeMap<i64, usize> {
        let state = self.world.state().await;
        let runs = state["airflow"]["runs"].as_array().unwrap().iter().filter(|run| run["dag_id"] == dag);
        runs.fold(BTreeMap::new(), |mut all, run| {
            *all.entry(run["logical"].as_i64().unwrap()).or_default() += 1;
            all
        })
    }
}

async fn holds(zone: &'static str, seed: u64) {
    let mut draws = SeededDraws::of(["two years", &seed.to_string()]);
    let mut upto = |most: u64| i64::try_from(draws.bits() % most).unwrap();
    let mut years = TwoYears::new(zone).await;
    let end = (years.now().await.to_zoned(TimeZone::UTC) + 2.years()).timestamp();
    let first = (years.now().await.to_zoned(years.zone.clone()) + (20 + upto(300)).days()).date();
    let (hour, hours_on) = (upto(24), upto(24 * 40));
    years.cut_over(first, hour).await;
    years.pass(hours_on * 3600 + upto(3600)).await;
    let ran: BTreeSet<i64> = years.periods("new").await.into_keys().collect();
    years.roll_back().await;
    years.pass((1 + upto(60)) * 86_400 + upto(86_400)).await;
    let second = (years.now().await.to_zoned(years.zone.clone()) + (1 + upto(20)).days()).date();
    let hour = upto(24);
    years.cut_over(second, hour).await;
    years.until(end).await;
    let (old, new) = (years.periods("old").await, years.periods("new").await);
    let what = format!("{zone} {seed}: {first} {hour} {hours_on} {second}");
    for (period, times) in years.periods("witness").await {
        let at = Timestamp::from_millisecond(period).unwrap();
        let both = old.get(&period).copied().unwrap_or(0) + new.get(&period).copied().unwrap_or(0);
        let most = if ran.contains(&period) { 2 } else { 1 };
        assert!(times == 1 && (1..=most).contains(&both), "{what}: the period from {at} was run {both} times");
    }
    let witness = years.periods("witness").await;
    for period in old.keys().chain(new.keys()) {
        assert!(witness.contains_key(period), "{what}: {period} is no period");
    }
    assert!(witness.len() > 90 && new.len() > 10, "{what}: {} {}", witness.len(), new.len());
}

#[tokio::test]
async fn no_period_is_skipped_and_none_is_run_twice_that_was_not_told() {
    for (seed, zone) in
        (1_u64..).zip(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Europe/Berlin"])
    {
        holds(zone, seed).await;
    }
}
