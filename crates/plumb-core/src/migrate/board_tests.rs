//! The laws of stages and boards.

use super::board::{Board, BoardInput, board};
use super::facts::{CutoverAsks, LastRun, PipelineFacts, conditions};
use super::health::HealthState;
use super::live::{LiveDag, OldSeen, PipelineLive};
use super::stage::{ConditionState, MigrationStage, StageCondition, stage};
use crate::cost::facts::{RunResult, RunSide};
use crate::cutover::{PendingCutover, Standing, WaveGate};
use crate::teardown::{Gate, PeriodVerdict};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers without a pattern, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn often(&mut self) -> bool {
        self.below(4) > 0
    }
}

pub fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_793_620_800 + day * 86_400).unwrap()
}

/// A pipeline that is cut over, with all evidence.
pub fn whole(name: &str) -> PipelineFacts {
    let mut facts = PipelineFacts::new(name);
    facts.files.inventoried = true;
    facts.files.translated = true;
    facts.files.files.insert(format!("manifests/{name}/job.yaml"));
    facts.periods.has_runs = true;
    facts.periods.wanted = 3;
    facts.periods.equal = 3;
    facts.periods.parallel = ["2026-08", "2026-09", "2026-10"].map(|period| (period.to_owned(), Some(at(0)))).into();
    facts.cutover = Some("2026-11-02".parse().unwrap());
    facts.asks = CutoverAsks { parity: true, green: true };
    let dag = |name: &str, dag| BTreeMap::from([(format!("AirflowDag/{name}"), dag)]);
    facts.live = Ok(PipelineLive {
        old: dag("old", LiveDag::Paused),
        new: dag("new", LiveDag::On),
        teardown: Ok(OldSeen { is_wanted: true, live: 1, marked: 1, next: Some("9 days grace".into()) }),
        ..PipelineLive::default()
    });
    facts
}

/// Some pipeline.
fn some(numbers: &mut Numbers) -> PipelineFacts {
    let mut facts = whole("a");
    facts.files.inventoried = numbers.often();
    facts.files.translated = facts.files.inventoried && numbers.often();
    facts.files.decisions =
        (0..numbers.below(3).saturating_sub(1)).map(|n| ("a.yaml".to_owned(), n as usize)).collect();
    facts.periods.equal = numbers.below(5) as usize;
    facts.periods.has_runs = numbers.often();
    let periods = numbers.below(4);
    facts.periods.parallel = (0..periods).map(|n| (format!("2026-0{n}"), Some(at(n as i64)))).collect();
    if !numbers.often() {
        facts.live = Err("Airflow was not read".into());
    } else if let Ok(live) = &mut facts.live {
        let dag = |n: u64| match n {
            0 => LiveDag::Gone,
            1 => LiveDag::Unknown("why".into()),
            2 => LiveDag::Paused,
            _ => LiveDag::On,
        };
        live.missing = (0..numbers.below(3).saturating_sub(1)).map(|n| n.to_string()).collect();
        live.differing = (0..numbers.below(3).saturating_sub(1)).map(|n| n.to_string()).collect();
        live.unknown = (0..numbers.below(3).saturating_sub(1)).map(|n| n.to_string()).collect();
        live.old.values_mut().for_each(|one| *one = dag(numbers.below(4)));
        live.new.values_mut().for_each(|one| *one = dag(numbers.below(4)));
        let count = numbers.below(3) as usize;
        live.teardown = Ok(OldSeen { is_wanted: numbers.often(), live: count, marked: count.min(1), next: None });
    }
    facts
}

fn reached(facts: &PipelineFacts) -> Option<MigrationStage> {
    stage(&conditions(facts)).stage
}

#[test]
fn evidence_that_did_not_fail_lowers_no_stage() {
    let mut numbers = Numbers(7);
    for _ in 0..4_000 {
        let before = some(&mut numbers);
        let was = reached(&before);
        let add: [fn(&mut PipelineFacts); 6] = [
            |facts| facts.periods.equal += 1,
            |facts| facts.periods.parallel.extend([("2027-01".to_owned(), None)]),
            |facts| facts.periods.has_runs = true,
            |facts| drop(facts.files.decisions.pop()),
            |facts| facts.files.inventoried = true,
            |facts| facts.files.translated = true,
        ];
        for add in add {
            let mut after = before.clone();
            add(&mut after);
            assert!(reached(&after) >= was, "{before:?}\n{after:?}");
        }
    }
}

#[test]
fn what_is_removed_or_not_read_raises_no_stage() {
    let mut numbers = Numbers(11);
    for _ in 0..4_000 {
        let before = some(&mut numbers);
        let was = reached(&before);
        let live = |facts: &mut PipelineFacts, change: fn(&mut PipelineLive)| drop(facts.live.as_mut().map(change));
        let remove: [&dyn Fn(&mut PipelineFacts); 12] = [
            &|facts| facts.periods.equal = facts.periods.equal.saturating_sub(1),
            &|facts| drop(facts.periods.parallel.pop_first()),
            &|facts| facts.periods.has_runs = false,
            &|facts| facts.files.translated = false,
            &|facts| facts.files.inventoried = false,
            &|facts| facts.live = Err("it was not read".into()),
            &|facts| live(facts, |live| live.missing.push("DatabricksJob/a".into())),
            &|facts| live(facts, |live| live.unknown.push("DatabricksJob/a".into())),
            &|facts| live(facts, |live| live.old.values_mut().for_each(|one| *one = LiveDag::Unknown("why".into()))),
            &|facts| live(facts, |live| live.new.values_mut().for_each(|one| *one = LiveDag::Unknown("why".into()))),
            &|facts| live(facts, |live| live.new.clear()),
            &|facts| live(facts, |live| live.teardown = Err("why".into())),
        ];
        for (number, remove) in remove.iter().enumerate() {
            let mut after = before.clone();
            remove(&mut after);
            assert!(reached(&after) <= was, "{number}: {before:?}\n{after:?}");
        }
    }
}

#[test]
fn the_stage_is_the_highest_before_which_nothing_is_open() {
    let of = |states: &[ConditionState]| {
        let one = |(stage, state): (&MigrationStage, &ConditionState)| StageCondition {
            stage: *stage,
            state: *state,
            says: format!("{} is not so", stage.word()),
        };
        stage(&MigrationStage::ALL.iter().zip(states).map(one).collect::<Vec<_>>())
    };
    use ConditionState::{Holds, Missing, Unknown};
    assert_eq!(of(&[]).stage, None);
    assert_eq!(of(&[Holds; 10]).stage, Some(MigrationStage::TornDown));
    assert_eq!(of(&[Holds; 10]).open, None);
    let gap = of(&[Holds, Holds, Holds, Holds, Missing, Holds, Holds, Missing, Missing, Missing]);
    assert_eq!(gap.stage, Some(MigrationStage::Decided));
    assert_eq!(gap.oddity.as_deref(), Some("parity, but deployed is not so"));
    let unread = of(&[Holds, Holds, Holds, Holds, Unknown, Holds, Holds, Unknown, Unknown, Unknown]);
    assert_eq!((unread.stage, unread.oddity), (Some(MigrationStage::Decided), None));
    assert_eq!(unread.open.map(|open| open.state), Some(Unknown));
    // What is gone of itself is no deed.
    let gone = of(&[Holds, Holds, Missing, Missing, Missing, Missing, Missing, Missing, Holds, Holds]);
    assert_eq!(gone.oddity, None);
}

static NOBODY: BTreeSet<String> = BTreeSet::new();

fn input(pipelines: &[PipelineFacts], day: i64) -> BoardInput<'_> {
    BoardInput {
        project: "bau",
        target: "prod",
        commit: Some("0123456789ab"),
        at: at(day),
        pipelines,
        periods: BTreeMap::new(),
        strangers: &NOBODY,
        cutovers: &[],
        ties: Vec::new(),
        causes: Vec::new(),
        forecast: None,
        unread: Vec::new(),
    }
}

fn made(pipelines: &[PipelineFacts], day: i64) -> Board {
    board(input(pipelines, day))
}

/// The pipelines of the design's example.
pub fn example() -> Vec<PipelineFacts> {
    let before = |facts: &mut PipelineFacts| {
        if let Ok(live) = &mut facts.live {
            live.old.values_mut().for_each(|one| *one = LiveDag::On);
            live.new.values_mut().for_each(|one| *one = LiveDag::Paused);
        }
    };
    let mut audience = whole("audience");
    before(&mut audience);
    (audience.wave, audience.has_wave, audience.can_replay) = ("1".into(), true, true);
    audience.periods.equal = 2;
    audience.periods.last_equal = Some(at(-3));
    let mut churn = whole("churn");
    before(&mut churn);
    (churn.wave, churn.has_wave) = ("1".into(), true);
    churn.periods.equal = 0;
    churn.periods.parallel = [("2026-10".to_owned(), Some(at(-4)))].into();
    churn.place = Some("manifests/churn/job.yaml:8".into());
    let failed = LastRun {
        id: "88120".into(),
        result: RunResult::Failed,
        cause: Some("LIB_INSTALL".into()),
        started: Some(at(-1)),
        ended: Some(at(-1)),
    };
    churn.last.insert(RunSide::New, failed);
    let mut revenue = whole("revenue");
    (revenue.wave, revenue.has_wave, revenue.owner) = ("2".into(), true, Some("data-platform".into()));
    revenue.files.decisions = [12, 31, 40, 77].map(|line| ("manifests/revenue/job.yaml".to_owned(), line)).into();
    revenue.dates.reached.insert(MigrationStage::Translated, at(-11));
    revenue.live = Ok(PipelineLive { missing: vec!["DatabricksJob/revenue".into()], ..PipelineLive::default() });
    revenue.periods = super::periods::PeriodsSeen { wanted: 3, ..Default::default() };
    let export = whole("export");
    vec![revenue, export, churn, audience]
}

#[test]
fn a_board_says_where_each_pipeline_stands_and_what_is_next() {
    let board = made(&example(), 0);
    let rows: Vec<String> = board
        .pipelines
        .iter()
        .map(|row| {
            let wave = row.wave.as_deref().unwrap_or("-");
            let since = row.since.map(|at| at.strftime("%d").to_string()).unwrap_or_default();
            let health = format!("{} {}", row.health.state.word(), row.health.says);
            format!("{wave} | {} | {} | {since} | {health} | {}", row.name, row.label, row.next)
        })
        .collect();
    let want = [
        "1 | audience | parity 2 of 3 | 30 | ok  | plumb parity replay audience, or wait for the next period",
        "1 | churn | in parallel 1 of 3 | 29 | failing LIB_INSTALL (manifests/churn/job.yaml:8) | fix it, and run it again",
        "2 | revenue | 4 decisions open | 22 | waiting for data-platform, 11 days | manifests/revenue/job.yaml:12,31,40,77",
        "- | export | cut over, marked |  | ok  | 9 days grace",
    ];
    assert_eq!(rows, want);
    assert_eq!(board.summary(), "4 pipelines: 1 cut over, 2 in parallel, 1 before.");
    let waits = [
        "Wave 1 can cut over when: audience 1 more period; churn green, 3 more periods.",
        "Wave 2 can cut over when: revenue 4 decisions, 3 more periods.",
    ];
    assert_eq!(board.waits(), waits);
}

/// A wave whose cutover waits for these gates.
fn waits_for(gates: &[(&'static str, bool, &str)]) -> PendingCutover {
    let gate = |(name, holds, says): &(&'static str, bool, &str)| WaveGate {
        member: None,
        gate: Gate { name, holds: *holds, says: (*says).to_owned() },
    };
    PendingCutover {
        address: "Wave/1".to_owned().try_into().unwrap(),
        cutover: "2026-11-02".into(),
        members: Vec::new(),
        standing: Standing::Old,
        gates: gates.iter().map(gate).collect(),
        digest: String::new(),
        next: "it waits".into(),
    }
}

#[test]
fn what_no_gate_asks_for_is_no_condition_of_a_cutover() {
    let mut all = example();
    all.retain(|facts| facts.wave == "1");
    for facts in &mut all {
        facts.asks = CutoverAsks::default();
        facts.cutover = Some("2026-11-20".parse().unwrap());
    }
    let says = "Wave 1 has all that it needs, and cuts over on 2026-11-20. Not asked for by `requires`: audience 1 more \
                period; churn green, 3 more periods.";
    assert_eq!(made(&all, 0).waits(), [says]);
    assert!(made(&all, 30).waits()[0].starts_with("Wave 1 has all that it needs: `plumb plan` shows its cutover."));
}

#[test]
fn what_only_the_day_tells_is_no_need_before_it() {
    let mut audience = example().remove(3);
    audience.periods.equal = 3;
    let told = [
        ("quiet", false, "whether a run of AirflowDag/old is under way is looked at on the day"),
        ("noGap", false, "told on the day: AirflowDag/old runs before it"),
        ("closed", false, "tied to another wave"),
    ];
    let waits = |is_reached: bool, gates: &[(&'static str, bool, &str)]| {
        let date = ("date", is_reached, "");
        let pending = [waits_for(&[&[date], gates].concat())];
        board(BoardInput { cutovers: &pending, ..input(&[audience.clone()], 0) }).waits()
    };
    assert_eq!(waits(false, &told), ["Wave 1 can cut over when: tied to another wave."]);
    let skipped = [("noGap", false, "it would be skipped")];
    assert_eq!(waits(false, &skipped), ["Wave 1 can cut over when: it would be skipped."]);
    assert!(waits(true, &told)[0].contains("is under way is looked at on the day"));
}

#[test]
fn a_gate_that_no_member_speaks_of_is_said_in_its_own_words() {
    let waits = |equal: usize, gates: &[(&'static str, bool, &str)]| {
        let mut audience = example().remove(3);
        audience.periods.equal = equal;
        let mut pending = waits_for(gates);
        pending
            .gates
            .iter_mut()
            .for_each(|gate| gate.member = Some("Migration/audience".to_owned().try_into().unwrap()));
        board(BoardInput { cutovers: &[pending], ..input(&[audience], 0) }).waits()
    };
    // Nothing failed, and yet too few runs were seen; the reports are too old to count.
    let runs = [("successors", false, "DatabricksJob/audience: 1 of 3 runs so far")];
    assert_eq!(waits(3, &runs), ["Wave 1 can cut over when: DatabricksJob/audience: 1 of 3 runs so far."]);
    let old = [("parity", false, "the last report is too old")];
    assert_eq!(waits(3, &old), ["Wave 1 can cut over when: audience: the last report is too old."]);
    // What the pipeline needs says it already.
    assert_eq!(waits(2, &old), ["Wave 1 can cut over when: audience 1 more period."]);
}

#[test]
fn of_what_is_cut_over_no_cutover_is_announced() {
    let mut facts = whole("audience");
    (facts.can_replay, facts.periods.equal) = (true, 0);
    facts.periods.parallel.clear();
    let made = made(&[facts.clone()], 0);
    assert_eq!((made.waits(), made.waves[0].is_cut_over), (Vec::new(), true));
    assert_eq!(made.pipelines[0].oddity.as_deref(), Some("cut over, but no period was finished by both sides"));
    assert_eq!(made.pipelines[0].next, "plumb parity replay audience");
    // One that is not makes it none of the wave.
    let mut other = example().remove(3);
    other.wave = "audience".into();
    assert!(!board(input(&[facts, other], 0)).waves[0].is_cut_over);
}

#[test]
fn the_order_of_what_is_given_means_nothing() {
    let mut other = example();
    other.reverse();
    assert_eq!(made(&example(), 0), made(&other, 0));
}

#[test]
fn what_is_not_known_is_said_and_lowers_nothing_silently() {
    let mut facts = whole("a");
    facts.live = Err("reading failed".into());
    let row = made(&[facts], 0).pipelines.remove(0);
    assert_eq!((row.stage, row.or_later, row.label.as_str()), (MigrationStage::Decided, true, "decided or later"));
    assert_eq!((row.health.state, row.health.says.as_str()), (HealthState::Unknown, "reading failed"));
}

#[test]
fn a_stage_that_was_lost_went_back() {
    let mut facts = whole("a");
    facts.files.decisions.push(("a.yaml".into(), 3));
    facts.lost.insert(MigrationStage::Decided, at(-2));
    let row = made(&[facts.clone()], 0).pipelines.remove(0);
    assert_eq!(
        (row.health.state, row.health.says.as_str()),
        (HealthState::WentBack, "it was decided until 2026-10-31")
    );
    assert_eq!(row.oddity.as_deref(), Some("cut over, but 1 decision is open"));
    facts.files.decisions.clear();
    assert_eq!(made(&[facts], 0).pipelines.remove(0).health.state, HealthState::Ok);
}

#[test]
fn an_old_run_after_the_day_is_no_cutover() {
    let mut facts = whole("a");
    facts.last_old = Some("2026-11-02T23:00:00Z".parse().unwrap());
    assert_eq!(reached(&facts), Some(MigrationStage::Marked));
    facts.last_old = Some("2026-11-03T00:00:00Z".parse().unwrap());
    assert_eq!(reached(&facts), Some(MigrationStage::Parity));
}

#[test]
fn a_failed_comparison_is_next_to_be_looked_at() {
    let mut facts = example().remove(3);
    facts.periods.equal = 0;
    facts.periods.broken = Some(("2026-10".into(), PeriodVerdict::Differs));
    let row = made(&[facts], 0).pipelines.remove(0);
    assert_eq!(row.next, "plumb parity report audience --period 2026-10");
}

#[test]
fn no_secret_is_on_the_board() {
    let secret = concat!("dap", "i0123456789abcdef0123456789abcdef");
    let mut facts = whole("a");
    facts.owner = Some(secret.to_owned());
    facts.live = Ok(PipelineLive { unknown: vec![format!("token={secret}")], ..PipelineLive::default() });
    let text = serde_json::to_string(&made(&[facts], 0)).unwrap();
    assert!(!text.contains(secret), "{text}");
}
