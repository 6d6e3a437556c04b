use super::*;

fn parse(text: &str) -> Result<DiagnoseInput, Failure> {
    DiagnoseInput::parse(text, &|path| ["logs/driver.log", "00folderofours/00fileofours1", "logs"].contains(&path))
}

fn run_of(
    dag: &str,
    run: Option<&str>,
    task: Option<&str>,
    try_number: Option<u32>,
    at: Option<&str>,
) -> DiagnoseInput {
    let own = |text: Option<&str>| text.map(str::to_owned);
    DiagnoseInput::Airflow { dag: dag.into(), run: own(run), task: own(task), try_number, at: own(at) }
}

#[test]
fn what_is_asked_is_told_from_its_form() {
    let databricks =
        |run_id, host: Option<&str>| DiagnoseInput::Databricks { run_id, task: None, host: host.map(str::to_owned) };
    let run = "scheduled__2026-10-01T00:00:00+00:00";
    let (two, three) = ("https://air.example/prod", "https://air.example");
    for (text, expected) in [
        ("DatabricksJob/a", DiagnoseInput::Manifest(Address { kind: "DatabricksJob".into(), name: "a".into() })),
        ("Migration/a", DiagnoseInput::Manifest(Address { kind: "Migration".into(), name: "a".into() })),
        ("88120", databricks(88120, None)),
        ("https://x.cloud.databricks.com/#job/1/run/2", databricks(2, Some("x.cloud.databricks.com"))),
        ("https://x.cloud.databricks.com/jobs/1/runs/2?o=3", databricks(2, Some("x.cloud.databricks.com"))),
        ("airflow:d", run_of("d", None, None, None, None)),
        ("airflow:d/r/t/2", run_of("d", Some("r"), Some("t"), Some(2), None)),
        (
            "https://air.example/prod/dags/d/grid?dag_run_id=scheduled__2026-10-01T00%3A00%3A00%2B00%3A00&task_id=t&tab=logs",
            run_of("d", Some(run), Some("t"), None, Some(two)),
        ),
        (
            "https://air.example/dags/d/runs/scheduled__2026-10-01T00:00:00+00:00/tasks/t?try_number=3",
            run_of("d", Some(run), Some("t"), Some(3), Some(three)),
        ),
        ("https://air.example/dags/d/runs/r", run_of("d", Some("r"), None, None, Some(three))),
        ("https://air.example/dags/d/grid", run_of("d", None, None, None, Some(three))),
        ("j-2A7Q4M1N9KPLF", DiagnoseInput::Emr { cluster: "j-2A7Q4M1N9KPLF".into(), step: None }),
        (
            "j-2A7Q4M1N9KPLF/s-1K2LABCDE",
            DiagnoseInput::Emr { cluster: "j-2A7Q4M1N9KPLF".into(), step: Some("s-1K2LABCDE".into()) },
        ),
        (
            "https://eu-west-1.console.aws.amazon.com/emr/home?region=eu-west-1#/clusterDetails/j-2A7Q4M1N9KPLF",
            DiagnoseInput::Emr { cluster: "j-2A7Q4M1N9KPLF".into(), step: None },
        ),
        (
            "00f1abcdefgh1234/00g2abcdefgh1234",
            DiagnoseInput::Serverless { application: "00f1abcdefgh1234".into(), job_run: "00g2abcdefgh1234".into() },
        ),
        ("s3://b/logs/j-1/", DiagnoseInput::S3 { bucket: "b".into(), prefix: "logs/j-1/".into() }),
        ("s3n://b", DiagnoseInput::S3 { bucket: "b".into(), prefix: String::new() }),
        ("logs/driver.log", DiagnoseInput::Path("logs/driver.log".into())),
        ("00folderofours/00fileofours1", DiagnoseInput::Path("00folderofours/00fileofours1".into())),
        ("-", DiagnoseInput::Stream),
    ] {
        assert_eq!(parse(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_is_nothing_of_it_is_a_usage_error_with_the_forms() {
    for (text, says) in [
        ("", "nothing that can be diagnosed"),
        ("audience", "nothing that can be diagnosed"),
        ("logs/missing.log", "no file or folder"),
        ("DatabricksJob/", "nothing that can be diagnosed"),
        ("DatabricksJobs/a", "nothing that can be diagnosed"),
        ("https://x.example/jobs/1", "the address of no run"),
        ("ftp://x/y", "nothing that can be diagnosed"),
        ("s3://", "names no bucket"),
        ("airflow:", "an empty one"),
        ("airflow:d/r/t/0", "the number of no try"),
        ("airflow:d/r/t/1/x", "a part too many"),
        ("99999999999999999999999", "too long"),
        ("j-lower", "nothing that can be diagnosed"),
    ] {
        let failure = parse(text).unwrap_err();
        assert_eq!(failure.exit, crate::ui::ExitCode::Usage, "{text}");
        assert!(failure.message.contains(says), "{text}: {}", failure.message);
    }
    let hints = parse("DatabricksJobs/a").unwrap_err().hints;
    assert_eq!(hints[0], "did you mean `DatabricksJob/a`?");
    assert!(hints[1].contains("j-ID/s-ID"));
    let known = [Address { kind: "DatabricksJob".into(), name: "audience-aggregate".into() }];
    let failure = near(parse("audience-agregate").unwrap_err(), "audience-agregate", &known);
    assert_eq!(failure.hints[0], "did you mean `DatabricksJob/audience-aggregate`?");
}

#[test]
fn sizes_and_zones() {
    for (text, expected) in [("2GiB", 2 << 30), ("500MB", 500_000_000), ("12", 12), ("1kib", 1024)] {
        assert_eq!(size(text), Ok(expected), "{text}");
    }
    for wrong in ["", "GB", "2 TB", "-1", "99999999999999999999", "18446744073709551615GiB"] {
        assert!(size(wrong).is_err(), "{wrong}");
    }
    assert!(zone("Europe/Berlin").is_ok() && zone("UTC").is_ok() && zone("+02:00").is_ok() && zone("-0530").is_err());
    assert!(zone("Mars/Base").is_err() && zone("+25:00").is_err());
}

#[test]
fn a_time_to_look_back_to() {
    let now: Timestamp = "2026-11-30T08:00:00Z".parse().unwrap();
    for (text, from) in [
        ("6mo", "2026-05-30T00:00:00Z"),
        ("90d", "2026-09-01T00:00:00Z"),
        ("2w", "2026-11-16T00:00:00Z"),
        ("1y", "2025-11-30T00:00:00Z"),
        ("2026-05-01", "2026-05-01T00:00:00Z"),
    ] {
        assert_eq!(look_back(text).unwrap().from(now), Ok(from.parse().unwrap()), "{text}");
    }
    for text in ["6", "mo", "0d", "6m", "-3d", "99999999999d", "2026-13-01", ""] {
        assert!(look_back(text).is_err(), "{text}");
    }
    assert!(look_back("2027-01-01").unwrap().from(now).is_err());
}
