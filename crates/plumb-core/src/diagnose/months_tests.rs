use super::{MONTHS_FORMAT, MonthsReport, RunOfMonths, months};
use crate::diagnose::result::{Confidence, DiagnosedCause, Diagnosis, RunOutcome};
use crate::diagnose::verdict::by_hand::catalogue;
use jiff::Timestamp;

fn run(
    pipeline: &str,
    system: &str,
    started: &str,
    hours: i64,
    class: Option<&str>,
    outcome: RunOutcome,
) -> RunOfMonths {
    let started: Timestamp = started.parse().unwrap();
    let cause = class.map(|class| DiagnosedCause {
        class: class.to_owned(),
        title: String::new(),
        confidence: Confidence::Certain,
        reason: String::new(),
        evidence: Vec::new(),
        slots: Default::default(),
    });
    let diagnosis = Diagnosis {
        format: String::new(),
        name: pipeline.to_owned(),
        system: system.to_owned(),
        run: Some(format!("{pipeline}-{started}")),
        period: None,
        started: Some(started),
        ended: Some(Timestamp::from_second(started.as_second() + hours * 3_600).unwrap()),
        outcome,
        fingerprint: class.map(|class| format!("{class:.4}")),
        cause,
        chain: Vec::new(),
        also: Vec::new(),
        look_at: Vec::new(),
        change: Vec::new(),
        advice: Vec::new(),
        retry: None,
        attempts_before: 0,
        read: Default::default(),
        missing: Vec::new(),
    };
    RunOfMonths { pipeline: pipeline.to_owned(), is_new: system == "databricks", diagnosis }
}

fn of(runs: &[RunOfMonths]) -> MonthsReport {
    months(&catalogue(), runs)
}

fn half_a_year() -> Vec<RunOfMonths> {
    use RunOutcome::{Failed, Running, Succeeded};
    vec![
        run("audience", "emr", "2026-06-02T00:00:00Z", 2, Some("SPOT_RECLAIM"), Failed),
        run("audience", "emr", "2026-06-02T03:00:00Z", 2, Some("SPOT_RECLAIM"), Failed),
        run("audience", "emr", "2026-06-02T06:00:00Z", 4, None, Succeeded),
        run("audience", "databricks", "2026-09-02T00:00:00Z", 1, Some("SPOT_RECLAIM"), Failed),
        run("audience", "databricks", "2026-09-02T02:00:00Z", 1, None, Succeeded),
        run("export", "emr", "2026-07-01T00:00:00Z", 3, None, Failed),
        run("export", "databricks", "2026-08-01T00:00:00Z", 3, None, Running),
        run("churn", "databricks", "2026-08-01T00:00:00Z", 3, Some("DISK_FULL"), Failed),
        run("churn", "databricks", "2026-08-01T04:00:00Z", 3, None, Succeeded),
    ]
}

#[test]
fn causes_with_their_cost() {
    let report = of(&half_a_year());
    assert_eq!((report.format.as_str(), report.runs, report.failed), (MONTHS_FORMAT, 8, 5));
    let [spot, disk, unknown] = report.causes.as_slice() else { panic!("{report:#?}") };
    assert_eq!((spot.class.as_deref(), spot.words.as_str(), spot.failed), (Some("SPOT_RECLAIM"), "spot reclaim", 3));
    // 3 h up to the second try, 7 h up to the end of the good run; 3 h on Databricks.
    assert_eq!(spot.seconds_lost, (3 + 7 + 3) * 3_600);
    assert_eq!((spot.on_databricks.failed, spot.on_databricks.runs, spot.moved_along), (1, 4, true));
    assert_eq!(spot.last, Some("2026-09-02T00:00:00Z".parse().unwrap()));
    assert_eq!(spot.fingerprints.len(), 1);
    assert_eq!((disk.class.as_deref(), disk.moved_along, disk.open), (Some("DISK_FULL"), false, 0));
    assert_eq!(disk.seconds_lost, 7 * 3_600);
    // Nothing made good for it: it counts up to its own end.
    assert_eq!((unknown.class.as_deref(), unknown.words.as_str(), unknown.open), (None, "not known", 1));
    assert_eq!(unknown.seconds_lost, 3 * 3_600);
}

#[test]
fn order_and_repetition_mean_nothing() {
    let runs = half_a_year();
    let mut other = runs.clone();
    other.reverse();
    other.extend(runs.iter().take(3).cloned());
    assert_eq!(of(&other), of(&runs));
}

#[test]
fn a_good_run_of_another_period_makes_good_for_nothing() {
    let mut failed = run("audience", "emr", "2026-06-02T00:00:00Z", 2, Some("DISK_FULL"), RunOutcome::Failed);
    let mut good = run("audience", "emr", "2026-06-03T00:00:00Z", 2, None, RunOutcome::Succeeded);
    failed.diagnosis.period = Some("2026-05".to_owned());
    good.diagnosis.period = Some("2026-06".to_owned());
    let report = of(&[failed, good]);
    assert_eq!(report.causes.first().map(|cause| (cause.open, cause.seconds_lost)), Some((1, 7_200)));
}

#[test]
fn nothing_that_moved_the_other_way() {
    let runs = [
        run("a", "databricks", "2026-06-02T00:00:00Z", 2, Some("DISK_FULL"), RunOutcome::Failed),
        run("a", "emr", "2026-07-02T00:00:00Z", 2, Some("DISK_FULL"), RunOutcome::Failed),
        run("b", "databricks", "2026-08-02T00:00:00Z", 2, Some("DISK_FULL"), RunOutcome::Failed),
    ];
    assert!(of(&runs).causes.iter().all(|cause| !cause.moved_along));
}

#[test]
fn it_is_read_back_as_it_was_written() {
    let report = of(&half_a_year());
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<MonthsReport>(&text).unwrap(), report);
    assert_eq!(of(&[]).causes, []);
}

#[test]
fn the_job_beside_it_makes_good_for_nothing() {
    let failed = run("audience", "databricks", "2026-06-02T00:00:00Z", 2, Some("DISK_FULL"), RunOutcome::Failed);
    let mut beside = run("audience", "databricks", "2026-06-02T01:00:00Z", 5, None, RunOutcome::Succeeded);
    beside.diagnosis.name = "DatabricksJob/export".to_owned();
    let report = of(&[failed, beside]);
    assert_eq!(report.causes.first().map(|cause| (cause.open, cause.seconds_lost)), Some((1, 7_200)));
}
