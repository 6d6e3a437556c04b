#![allow(clippy::unwrap_used)]

use super::*;
use crate::cost::break_even::break_even;
use crate::cost::extra::{by_cause, extra, is_cheaper, percent};
use crate::cost::facts::{Market, RUNS_FORMAT, RunSystem};
use crate::cost::price::tests::{book, nodes, run, used};
use crate::kinds::prices::PriceRange;
use proptest::prelude::*;

fn kept(period: &str, runs: Vec<KeptRun>) -> KeptRuns {
    KeptRuns {
        format: RUNS_FORMAT.into(),
        target: "prod".into(),
        migration: "audience".into(),
        period: period.into(),
        runs,
    }
}

/// A run of so many hours of an m5.xlarge on demand: 0.2875 an hour on EMR, 0.3335 on Databricks.
fn hours(system: RunSystem, id: &str, hours: u64) -> KeptRun {
    let mut run = run(system);
    run.id = id.into();
    run.nodes = vec![nodes("m5.xlarge", Market::OnDemand, hours * 3600, hours * 3600)];
    run.databricks = (system == RunSystem::Databricks).then(|| used(None));
    run
}

fn old(id: &str, of: u64) -> KeptRun {
    hours(RunSystem::Emr, id, of)
}

fn new(id: &str, of: u64) -> KeptRun {
    hours(RunSystem::Databricks, id, of)
}

fn compared(kept: &[KeptRuns]) -> (Vec<PeriodCost>, Vec<PricedRun>) {
    let all: Vec<&KeptRuns> = kept.iter().collect();
    let runs = priced_runs(&all, Some(&book()), true);
    (periods(&all, &runs), runs)
}

#[test]
fn only_pairs_of_one_period_are_compared() {
    let (periods, _) = compared(&[kept("2026-08", vec![old("a", 100)]), kept("2026-09", vec![new("b", 1)])]);
    assert_eq!(periods.iter().map(|one| one.verdict.clone()).collect::<Vec<_>>(), [None, None]);
    assert!(pairs(&periods).is_empty() && break_even(&periods).is_none());
    let (periods, _) = compared(&[kept("2026-09", vec![old("a", 100), new("b", 60)])]);
    // 28.75 against 20.01
    let saved = Interval::exactly("8.74".parse().unwrap());
    let permille = Interval { low: 304, high: 304 };
    assert_eq!(periods[0].verdict, Some(CostVerdict::Cheaper { permille: Interval { high: 304, ..permille }, saved }));
    let (periods, _) = compared(&[kept("2026-09", vec![old("a", 100), new("b", 100)])]);
    let Some(CostVerdict::Dearer { permille, .. }) = &periods[0].verdict else { panic!("{periods:?}") };
    assert_eq!((permille.low, permille.high), (160, 160));
}

#[test]
fn a_verdict_needs_a_gap_prices_and_a_run_that_ended_well() {
    let because = |kept: KeptRuns| match compared(&[kept]).0.remove(0).verdict {
        Some(CostVerdict::CannotBeTold { because }) => because,
        other => panic!("{other:?}"),
    };
    let mut spot = old("a", 1);
    spot.nodes = vec![nodes("m5.2xlarge", Market::Spot, 3600, 3600)];
    assert_eq!(because(kept("2026-09", vec![spot, new("b", 1)])), ["spot price"]);
    let mut unpriced = old("a", 1);
    unpriced.nodes = vec![nodes("r9.xlarge", Market::OnDemand, 1, 1)];
    let told = because(kept("2026-09", vec![unpriced, new("b", 1)]));
    assert_eq!(told, ["EC2 r9.xlarge on demand has no price", "EMR r9.xlarge has no price"]);
    // A table has no room for each of them; what is no price is named.
    assert_eq!(in_few_words(&told), "2 parts have no price");
    assert_eq!(in_few_words(&told[..1]), "EC2 r9.xlarge on demand has no price");
    let more = [&["no run of the old one ended well".to_owned()], &told[..]].concat();
    assert_eq!(in_few_words(&more), "no run of the old one ended well, 2 parts have no price");
    let mut failed = new("b", 1);
    failed.outcome = RunResult::Failed;
    assert_eq!(because(kept("2026-09", vec![old("a", 100), failed])), ["no run of the new one ended well"]);
}

#[test]
fn replays_count_only_where_nothing_else_ran_and_failed_runs_always_do() {
    let replay = |id: &str, of: u64| KeptRun { trigger: RunTrigger::Replay, ..new(id, of) };
    let (periods, _) = compared(&[kept("2026-09", vec![old("a", 100), new("b", 10), replay("c", 20)])]);
    let side = periods[0].new.clone().unwrap();
    assert_eq!((side.cost.node_seconds.low, side.apart.unwrap().node_seconds.low), (36_000, 72_000));
    let failed = KeptRun { outcome: RunResult::Failed, ..replay("d", 5) };
    let (periods, runs) = compared(&[kept("2026-09", vec![old("a", 100), replay("c", 20), failed])]);
    let side = periods[0].new.clone().unwrap();
    assert_eq!((side.cost.node_seconds.low, side.replayed, side.runs), (72_000, true, 1));
    assert_eq!(extra(&periods, &runs).unwrap().cost.node_seconds.low, 90_000, "both replays were paid for");
    let broken = KeptRun { outcome: RunResult::Failed, cause: Some("SPOT_RECLAIM".into()), ..old("e", 50) };
    let (periods, runs) = compared(&[kept("2026-09", vec![old("a", 100), broken])]);
    assert_eq!(periods[0].old.as_ref().unwrap().cost.node_seconds.low, 150 * 3600);
    let named: Vec<(&str, &PricedRun)> = runs.iter().map(|run| ("audience", run)).collect();
    let causes = by_cause(&named);
    assert_eq!((causes.len(), causes[0].cause.as_deref(), causes[0].runs), (1, Some("SPOT_RECLAIM"), 1));
    assert_eq!(causes[0].cost.priced.low.to_string(), "14.375");
}

#[test]
fn how_long_something_ran_counts_what_overlaps_once() {
    let at = |run: KeptRun, from: &str, to: &str| KeptRun {
        started: Some(format!("2026-09-02T{from}:00Z").parse().unwrap()),
        ended: Some(format!("2026-09-02T{to}:00Z").parse().unwrap()),
        ..run
    };
    let runs =
        vec![at(old("a", 1), "04:00", "06:00"), at(old("b", 1), "05:00", "05:30"), at(old("c", 1), "07:00", "08:00")];
    let (periods, _) = compared(&[kept("2026-09", runs)]);
    assert_eq!(periods[0].old.as_ref().unwrap().seconds, Some(3 * 3600));
    let (periods, _) = compared(&[kept("2026-09", vec![at(old("a", 1), "04:00", "06:00"), old("b", 1)])]);
    assert_eq!(periods[0].old.as_ref().unwrap().seconds, None, "of one it is not known");
}

#[test]
fn break_even_and_the_extra_cost_follow_from_the_pairs() {
    let all = [kept("2026-09", vec![old("a", 100), new("b", 60)]), kept("2026-10", vec![old("c", 120), new("d", 60)])];
    let (periods, runs) = compared(&all);
    let even = break_even(&periods).unwrap();
    assert_eq!((even.old_hour.low.to_string(), even.new_hour.low.to_string()), ("0.2875".into(), "0.3335".into()));
    assert_eq!(even.has_to, Interval { low: 116, high: 116 });
    let used: Vec<u64> = even.used.iter().map(|one| one.factor.low).collect();
    assert_eq!(used, [166, 200]);
    let extra = extra(&periods, &runs).unwrap();
    assert_eq!(extra.cost.priced.low.to_string(), "40.02");
    let saved = extra.saved.unwrap();
    assert_eq!((saved.low.to_string(), saved.high.to_string()), ("8.74".into(), "14.49".into()));
    assert_eq!(extra.periods, Some(Interval { low: 3, high: 5 }));
}

#[test]
fn a_median_needs_six_pairs_and_is_between_values_that_were_seen() {
    let of = |count: u64| -> Vec<KeptRuns> {
        (1..=count)
            .map(|month| {
                kept(
                    &format!("2026-{month:02}"),
                    vec![old(&format!("o{month}"), 100), new(&format!("n{month}"), 40 + month)],
                )
            })
            .collect()
    };
    assert_eq!(median_ratio(&compared(&of(5)).0), None);
    let six = median_ratio(&compared(&of(6)).0).unwrap();
    assert_eq!((six.pairs, six.between), (6, Interval { low: 475, high: 534 }), "of six all are needed");
    // Known ranks for 95 % (e.g. Conover, Practical Nonparametric Statistics): the second of 9, the third of 12, the sixth of 20.
    let ranks: Vec<_> = [5, 6, 8, 9, 11, 12, 15, 20].iter().map(|n| order_rank(*n)).collect();
    assert_eq!(ranks, [None, Some(0), Some(0), Some(1), Some(1), Some(2), Some(3), Some(5)]);
}

#[test]
fn the_gate_wants_every_priced_period_cheaper_and_one_at_least() {
    let prices = book();
    let gate = |kept: &[KeptRuns]| is_cheaper(kept, "prod", "audience", Ok(Some(&prices)));
    let good = kept("2026-09", vec![old("a", 100), new("b", 60)]);
    let told = gate(std::slice::from_ref(&good));
    assert_eq!(
        (told.holds, told.says.as_str()),
        (true, "1 of 1 compared periods were cheaper, the last one of 2026-09")
    );
    let bad = kept("2026-10", vec![old("c", 100), new("d", 90)]);
    let told = gate(&[good.clone(), bad]);
    assert_eq!((told.holds, told.says.as_str()), (false, "2026-10 was dearer, by 4.4 % at least"));
    assert!(!gate(&[]).holds && !gate(&[kept("2026-08", vec![old("a", 1)])]).holds);
    let other = KeptRuns { target: "test".into(), ..good.clone() };
    assert!(!gate(&[other]).holds, "of another target");
    assert!(!is_cheaper(std::slice::from_ref(&good), "prod", "audience", Ok(None)).holds);
    let why = is_cheaper(&[good], "prod", "audience", Err("two books")).says;
    assert_eq!(why, "not known: two books");
    assert_eq!((percent(44), percent(40), percent(184)), ("4.4 %".into(), "4 %".into(), "18 %".into()));
}

fn any_run() -> impl Strategy<Value = KeptRun> {
    let node = ("m5\\.(x|2x)large", 0_u64..90_000, 0_u64..9_000, 0_u8..3);
    let machines = prop::collection::vec(node, 0..3);
    (any::<bool>(), machines, prop::option::of(0_u64..50_000), any::<bool>(), 0_u8..4, any::<bool>()).prop_map(
        |(is_old, machines, measured, failed, sort, replay)| {
            let system = match (is_old, sort) {
                (true, 3) => RunSystem::EmrServerless,
                (true, _) => RunSystem::Emr,
                (false, _) => RunSystem::Databricks,
            };
            let mut one = run(system);
            one.nodes = machines
                .into_iter()
                .map(|(node_type, low, more, market)| {
                    let market = [Market::OnDemand, Market::Spot, Market::Unknown][usize::from(market)];
                    nodes(&node_type, market, low, low + more)
                })
                .collect();
            one.databricks = (system == RunSystem::Databricks).then(|| used(measured));
            one.normalized_instance_hours = measured.filter(|_| sort == 2);
            one.outcome = if failed { RunResult::Failed } else { RunResult::Succeeded };
            one.trigger = if replay { RunTrigger::Replay } else { RunTrigger::Scheduled };
            one
        },
    )
}

fn any_kept() -> impl Strategy<Value = Vec<KeptRuns>> {
    let numbered = |period: usize, mut runs: Vec<KeptRun>| {
        runs.iter_mut().enumerate().for_each(|(at, run)| run.id = format!("{period}-{at}"));
        kept(&format!("2026-{:02}", period + 1), runs)
    };
    prop::collection::vec(prop::collection::vec(any_run(), 0..5), 1..4)
        .prop_map(move |all| all.into_iter().enumerate().map(|(at, runs)| numbered(at, runs)).collect())
}

fn holds(outer: &Interval<Money>, inner: &Interval<Money>) -> bool {
    outer.low <= inner.low && inner.high <= outer.high
}

proptest! {
    /// Widening any input widens every amount, and never makes a verdict of none.
    #[test]
    fn widening_any_input_widens_the_output(facts in any_kept(), less in 0_u64..4000, more in 0_u64..4000, spread in 0_i128..40) {
        let narrow = compared(&facts).0;
        let mut wide = facts.clone();
        for nodes in wide.iter_mut().flat_map(|kept| &mut kept.runs).flat_map(|run| &mut run.nodes) {
            nodes.seconds = Interval { low: nodes.seconds.low.saturating_sub(less), high: nodes.seconds.high + more };
        }
        let mut prices = book();
        for node in &mut prices.spec.nodes {
            if let Some(PriceRange(spot)) = &mut node.ec2_spot {
                let by = Money::of_micros(spread * 1000);
                *spot = Interval { low: (spot.low - by).max(Money::ZERO), high: spot.high + by };
            }
        }
        let all: Vec<&KeptRuns> = wide.iter().collect();
        let wide = periods(&all, &priced_runs(&all, Some(&prices), false));
        for (narrow, wide) in narrow.iter().zip(&wide) {
            for (narrow, wide) in [(&narrow.old, &wide.old), (&narrow.new, &wide.new)] {
                let (Some(narrow), Some(wide)) = (narrow, wide) else { continue };
                prop_assert!(holds(&wide.cost.priced, &narrow.cost.priced), "{narrow:?} {wide:?}");
                prop_assert!(wide.cost.millidbu.low <= narrow.cost.millidbu.low);
                prop_assert!(wide.cost.millidbu.high >= narrow.cost.millidbu.high);
            }
            if let (Some(CostVerdict::Cheaper { permille: n, .. }), Some(CostVerdict::Cheaper { permille: w, .. })) = (&narrow.verdict, &wide.verdict) {
                prop_assert!(w.low <= n.low && w.high >= n.high);
            }
            if matches!(narrow.verdict, Some(CostVerdict::CannotBeTold { .. })) {
                prop_assert!(matches!(wide.verdict, Some(CostVerdict::CannotBeTold { .. })), "{wide:?}");
            }
        }
    }

    /// What runs cost is what the sides of periods cost, and that is what the pipeline costs.
    #[test]
    fn the_sum_of_runs_is_the_sum_of_periods(facts in any_kept()) {
        let (periods, runs) = compared(&facts);
        let of_runs = CostSum::of(runs.iter().map(|run| &run.cost));
        let sides = periods.iter().flat_map(|one| [&one.old, &one.new]).flatten();
        let of_sides = CostSum::of(sides.flat_map(|side| std::iter::once(&side.cost).chain(&side.apart)));
        prop_assert_eq!(of_runs.priced, of_sides.priced);
        prop_assert_eq!(of_runs.node_seconds, of_sides.node_seconds);
        prop_assert_eq!(of_runs.unpriced.is_empty(), of_sides.unpriced.is_empty());
        let terms: Interval<Money> = runs.iter().flat_map(|run| &run.terms).map(|term| term.amount).sum();
        prop_assert_eq!(terms, of_runs.priced);
        let (total, _) = (super::super::price::by_key(runs.iter().map(|run| (0, &run.cost))), 0);
        prop_assert!(runs.is_empty() || total[&0].priced == of_runs.priced);
    }

    /// Taking a price away makes an amount unknown, and never smaller with a verdict.
    #[test]
    fn what_has_no_price_never_counts_as_nothing(facts in any_kept(), which in 0_usize..2) {
        let mut prices = book();
        let gone = prices.spec.nodes[which].node_type.clone();
        prices.spec.nodes[which].ec2_on_demand = None;
        prices.spec.nodes[which].ec2_spot = None;
        let all: Vec<&KeptRuns> = facts.iter().collect();
        for run in all.iter().flat_map(|kept| &kept.runs).filter(|run| run.system != RunSystem::EmrServerless) {
            let cost = crate::cost::price::price_run(run, Some(&prices)).sum;
            if run.nodes.iter().any(|nodes| nodes.node_type == gone) {
                prop_assert!(cost.known().is_none(), "{cost:?}");
            }
        }
        for one in periods(&all, &priced_runs(&all, Some(&prices), false)) {
            let is_unpriced = [&one.old, &one.new].into_iter().flatten().any(|side| !side.cost.unpriced.is_empty());
            if is_unpriced && let Some(verdict) = one.verdict {
                let is_told = !matches!(verdict, CostVerdict::CannotBeTold { .. });
                prop_assert!(!is_told, "{verdict:?}");
            }
        }
    }
}
