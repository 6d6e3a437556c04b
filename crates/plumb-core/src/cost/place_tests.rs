use super::*;
use serde_json::json;

fn rules(unit: PeriodUnit, run: Option<(&str, Option<&str>)>) -> PeriodRules {
    let run =
        run.map(|(parameter, format)| RunPeriod { parameter: parameter.into(), format: format.map(str::to_owned) });
    PeriodRules { unit, zone: TimeZone::UTC, run }
}

fn months() -> PeriodRules {
    rules(PeriodUnit::Month, None)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn dag_run(kind: &str) -> DagRunFacts {
    let row = json!({"dag_run_id": "r", "run_type": kind, "start_date": "2026-10-02T04:00:10Z", "end_date": "2026-10-02T10:00:00Z",
        "run_after": "2026-10-02T04:00:00Z", "logical_date": "2026-09-02T04:00:00Z",
        "data_interval_start": "2026-09-02T04:00:00Z", "data_interval_end": "2026-10-02T04:00:00Z"});
    DagRunFacts::read("dag", &row).unwrap()
}

#[test]
fn arguments_say_a_period_by_options_then_paths_then_themselves() {
    for (arguments, wanted) in [
        (&["spark-submit", "x.py", "--month", "2026-09"][..], Some("2026-09")),
        (&["x", "--run-month", "202609"], Some("2026-09")),
        (&["-d", "MONTH=2026-09", "-d", "OUTPUT=hdfs:///x"], Some("2026-09")),
        (&["--input", "s3://a/month=2026-09/", "--output", "s3://b/month=2026-09/x"], Some("2026-09")),
        (&["--history", "s3://a/month=2026-08/", "--output", "s3://b/month=2026-09/"], None),
        (&["--history", "s3://a/month=2026-08/", "--month", "2026-09"], Some("2026-09")),
        (&["s3://notify.sh", "2026-09"], Some("2026-09")),
        (&["--month", "2026-09", "--compare-month", "2026-08"], None),
        // A day is no month: which one it is for is not written.
        (&["--closing-date", "2026-09-28"], None),
        (&["--seed", "20260101", "--limit", "100000"], None),
        (&[], None),
    ] {
        assert_eq!(said_by_arguments(&months(), arguments).as_deref(), wanted, "{arguments:?}");
    }
    let days = rules(PeriodUnit::Day, None);
    assert_eq!(said_by_arguments(&days, &["--ds", "2026-09-28"]).as_deref(), Some("2026-09-28"));
    assert_eq!(said_by_arguments(&days, &["--month", "2026-09"]), None);
}

#[test]
fn of_an_old_run_what_is_written_comes_first_and_the_schedule_last() {
    let run = dag_run("scheduled");
    let started = Some(at("2026-10-02T04:01:00Z"));
    let of = |arguments: Option<&str>, name: &str, dag: Option<&DagRunFacts>| {
        of_old(&months(), arguments, name, dag, started)
    };
    let said = |said: SaidPeriod| (said.period.unwrap(), said.note.unwrap_or_default());
    assert_eq!(said(of(Some("2026-09"), "etl-2026-09", Some(&run))), ("2026-09".into(), String::new()));
    assert_eq!(
        said(of(Some("2026-08"), "etl-2026-09", None)),
        ("2026-08".into(), "its steps say 2026-08 and its name 2026-09".into())
    );
    assert_eq!(
        said(of(None, "etl-2026-08", Some(&run))),
        ("2026-08".into(), "its name says 2026-08 and its DAG's run 2026-09".into())
    );
    assert_eq!(said(of(None, "etl", Some(&run))).0, "2026-09");
    let (period, note) = said(of(None, "etl-2026-10-02", None));
    assert_eq!(period, "2026-09");
    assert!(note.contains("2026-09 was the last one over when it started"), "{note}");
    // Without a unit there is no last one.
    assert_eq!(of_old(&rules(PeriodUnit::None, None), None, "etl", None, started).period, None);
}

#[test]
fn of_a_new_run_nothing_is_guessed() {
    let named = |value: &str| vec![("month".to_owned(), value.to_owned())];
    let by_month = rules(PeriodUnit::Month, Some(("month", None)));
    let run = dag_run("scheduled");
    assert_eq!(of_new(&by_month, &named("2026-09"), None).period.as_deref(), Some("2026-09"));
    assert_eq!(of_new(&by_month, &named("none"), Some(&run)).period.as_deref(), Some("2026-09"));
    let other = of_new(&by_month, &named("2026-07"), Some(&run));
    assert_eq!(
        (other.period.as_deref(), other.note.as_deref()),
        (Some("2026-07"), Some("its parameter says 2026-07 and its DAG's run 2026-09"))
    );
    let unknown = of_new(&by_month, &named("none"), None);
    assert_eq!(unknown.period, None);
    assert_eq!(
        unknown.note.unwrap(),
        "the value of its parameter `month` is no period, and no run of a DAG started it"
    );
    assert!(of_new(&by_month, &[], None).note.unwrap().starts_with("it has no parameter `month`"));
    // Another parameter does not stand in for the one that is named.
    assert_eq!(of_new(&by_month, &[("run_month".into(), "2026-09".into())], None).period, None);
    assert_eq!(of_new(&months(), &[("run_month".into(), "2026-09".into())], None).period.as_deref(), Some("2026-09"));
    for (unit, format, value, wanted) in [
        (PeriodUnit::Month, "%Y%m", "202609", "2026-09"),
        (PeriodUnit::Month, "%Y-%m-%d", "2026-09-01", "2026-09"),
        (PeriodUnit::Day, "%d.%m.%Y", "28.09.2026", "2026-09-28"),
        (PeriodUnit::Week, "%Y-%m-%d", "2026-09-28", "2026-W40"),
    ] {
        let rules = rules(unit, Some(("month", Some(format))));
        assert_eq!(of_new(&rules, &named(value), None).period.as_deref(), Some(wanted), "{format}");
        assert_eq!(of_new(&rules, &named("soon"), None).period, None);
    }
}

#[test]
fn a_run_belongs_to_the_one_run_of_a_dag_that_it_fell_into() {
    let run = dag_run("scheduled");
    assert_eq!((run.trigger, run.tick), (RunTrigger::Scheduled, Some(at("2026-10-02T04:00:00Z"))));
    let by_hand = dag_run("manual");
    assert_eq!((by_hand.trigger, by_hand.tick), (RunTrigger::Manual, None));
    // Airflow 2 has no `run_after`, and says times otherwise.
    let two = json!({"dag_run_id": "r", "run_type": "scheduled", "start_date": "2026-10-02T04:00:10+00:00", "end_date": null,
        "data_interval_start": "2026-09-02T04:00:00+00:00", "data_interval_end": "2026-10-02T04:00:00+00:00"});
    assert_eq!(DagRunFacts::read("dag", &two).unwrap().tick, Some(at("2026-10-02T04:00:00Z")));
    assert_eq!(DagRunFacts::read("dag", &json!({"dag_run_id": "r", "start_date": null})), None);
    let one = [run.clone()];
    assert_eq!(dag_run_at(&one, at("2026-10-02T05:00:00Z")), Some(&run));
    assert_eq!(dag_run_at(&one, at("2026-10-02T04:00:10Z")), Some(&run));
    assert_eq!(dag_run_at(&one, at("2026-10-02T10:00:01Z")), None);
    assert_eq!(dag_run_at(&[run.clone(), by_hand], at("2026-10-02T05:00:00Z")), None, "of two nobody knows");
}
