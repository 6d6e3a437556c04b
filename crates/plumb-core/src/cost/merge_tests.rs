use super::*;
use crate::cost::facts::{
    DatabricksCompute, DatabricksUse, Market, NodeSeconds, RunSide, RunSystem, STILL_UP, StageSeconds,
};
use plumb_model::stats::Interval;
use proptest::prelude::*;

fn at(hour: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_790_000_000 + hour * 3600).unwrap()
}

fn run(outcome: RunResult, ended: Option<i64>, nodes: &[(u64, u64)], unknown: usize) -> KeptRun {
    let node = |&(low, high): &(u64, u64)| NodeSeconds {
        node_type: "m5.xlarge".into(),
        market: Market::OnDemand,
        seconds: Interval { low, high },
        why: None,
    };
    KeptRun {
        side: RunSide::Old,
        system: RunSystem::Emr,
        id: "j-1".into(),
        name: "etl".into(),
        trigger: RunTrigger::Scheduled,
        outcome,
        cause: None,
        tick: None,
        dag_run: None,
        started: Some(at(0)),
        ended: ended.map(at),
        stages: Vec::new(),
        nodes: nodes.iter().map(node).collect(),
        serverless: None,
        databricks: None,
        normalized_instance_hours: None,
        unknown: (0..unknown).map(|n| format!("why {n}")).collect(),
    }
}

fn merged(kept: &KeptRun, looked: &KeptRun) -> KeptRun {
    let mut file = KeptRuns::new("prod", "etl", "2026-09");
    file.runs.push(kept.clone());
    let mut all = merge(file, vec![looked.clone()]).kept.runs;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn the_look_that_knows_more_is_kept() {
    use RunResult::{Failed, Running, Succeeded, Unknown};
    let exact = run(Succeeded, Some(2), &[(95, 100)], 0);
    for (name, kept, looked, takes_over) in [
        ("an end replaces what went on", run(Running, None, &[(50, 50)], 1), exact.clone(), true),
        ("what went on does not come back", exact.clone(), run(Running, None, &[(500, 500)], 0), false),
        ("a repaired run ends later", run(Failed, Some(1), &[(50, 50)], 0), exact.clone(), true),
        ("forgotten nodes stay known", exact.clone(), run(Succeeded, Some(2), &[], 1), false),
        ("some forgotten nodes too", exact.clone(), run(Succeeded, Some(2), &[(76, 80)], 0), false),
        ("wider is less", exact.clone(), run(Succeeded, Some(2), &[(0, 200)], 0), false),
        ("narrower is more", run(Succeeded, Some(2), &[(0, 200)], 0), exact.clone(), true),
        ("nodes are more than none", run(Succeeded, Some(2), &[], 0), exact.clone(), true),
        ("more nodes than were thought", run(Succeeded, Some(2), &[(10, 10)], 0), exact.clone(), true),
        ("more that is not known", exact.clone(), run(Succeeded, Some(2), &[(95, 100)], 2), false),
        ("less that is not known", run(Succeeded, Some(2), &[(95, 100)], 2), exact.clone(), true),
        ("a state that is not known says nothing", exact.clone(), run(Unknown, Some(3), &[(95, 96)], 0), false),
    ] {
        let both = merged(&kept, &looked);
        let wanted = if takes_over { looked } else { kept };
        assert_eq!(
            (both.outcome, &both.nodes, &both.ended, &both.unknown),
            (wanted.outcome, &wanted.nodes, &wanted.ended, &wanted.unknown),
            "{name}"
        );
    }
}

#[test]
fn what_one_look_alone_knew_stays_known() {
    let mut kept = run(RunResult::Failed, Some(2), &[], 1);
    kept.cause = Some("STEP_FAILED".into());
    kept.dag_run = Some("dag/run".into());
    kept.tick = Some(at(0));
    kept.normalized_instance_hours = Some(16);
    kept.databricks = Some(DatabricksUse {
        compute: DatabricksCompute::Jobs,
        photon: false,
        measured_millidbu: Some(7),
        sku: Some("S".into()),
    });
    kept.stages = vec![StageSeconds { name: "run".into(), seconds: 5 }];
    let mut looked = run(RunResult::Failed, Some(2), &[(1, 1)], 0);
    looked.trigger = RunTrigger::Unknown;
    looked.cause = Some("SPOT_RECLAIM".into());
    looked.databricks =
        Some(DatabricksUse { compute: DatabricksCompute::Jobs, photon: false, measured_millidbu: None, sku: None });
    let both = merged(&kept, &looked);
    assert_eq!(both.cause.as_deref(), Some("SPOT_RECLAIM"));
    assert_eq!(
        (both.tick, both.dag_run.as_deref(), both.trigger),
        (Some(at(0)), Some("dag/run"), RunTrigger::Scheduled)
    );
    assert_eq!((both.stages.len(), both.nodes.len(), both.normalized_instance_hours), (1, 1, None));
    assert_eq!(both.databricks.unwrap().measured_millidbu, Some(7));
}

#[test]
fn a_look_adds_what_is_new_and_counts_it() {
    let mut file = KeptRuns::new("prod", "etl", "2026-09");
    file.runs.push(run(RunResult::Succeeded, Some(2), &[(1, 1)], 0));
    let mut other = run(RunResult::Succeeded, Some(2), &[(1, 1)], 0);
    other.id = "j-0".into();
    let done = merge(file.clone(), vec![file.runs[0].clone(), other]);
    assert_eq!((done.new, done.changed), (1, 0));
    assert_eq!(done.kept.runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["j-0", "j-1"]);
    // The same id of another system is another run.
    let mut serverless = file.runs[0].clone();
    serverless.system = RunSystem::EmrServerless;
    assert_eq!(merge(file, vec![serverless]).new, 1);
}

fn any_run() -> impl Strategy<Value = KeptRun> {
    use RunResult::{Cancelled, Failed, Running, Succeeded, Unknown};
    let outcome = prop::sample::select(vec![Succeeded, Failed, Cancelled, Running, Unknown]);
    let nodes = prop::collection::vec((0_u64..50, 0_u64..50), 0..3);
    (outcome, prop::option::of(1_i64..4), nodes, 0_usize..3, any::<bool>()).prop_map(
        |(outcome, ended, nodes, unknown, is_up)| {
            let nodes: Vec<(u64, u64)> = nodes.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
            let mut run = run(outcome, ended, &nodes, unknown);
            if is_up {
                run.unknown.push(STILL_UP.into());
            }
            run
        },
    )
}

proptest! {
    /// A second look that is the same changes nothing, and no look takes an end or all nodes away.
    #[test]
    fn looking_again_changes_nothing(kept in any_run(), looked in any_run()) {
        let once = merged(&kept, &looked);
        prop_assert_eq!(&merged(&once, &once), &once);
        prop_assert_eq!(&merged(&once, &looked), &once, "{:?} then {:?}", kept, looked);
        prop_assert!(over(&once) >= over(&kept).max(over(&looked)));
        prop_assert!(once.nodes.is_empty() <= (kept.nodes.is_empty() && looked.nodes.is_empty()));
    }
}
