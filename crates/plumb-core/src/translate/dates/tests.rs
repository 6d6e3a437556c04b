use super::super::{EmrSource, PipelineSource, pipeline, supported};
use super::*;
use crate::inventory::choose::ClusterSelector;

const SUBMIT: [&str; 2] = ["spark-submit", "s3://code/load.py"];

fn cluster(conf: &Value, args: &[&str]) -> Value {
    let args: Vec<&str> = SUBMIT.iter().copied().chain(args.iter().copied()).collect();
    json!({
        "Cluster": { "Name": "sales", "ReleaseLabel": "emr-7.1.0", "AutoTerminate": true,
            "Configurations": [{ "Classification": "spark-defaults", "Properties": conf }] },
        "InstanceGroups": [{ "InstanceGroupType": "CORE", "InstanceType": "m5d.xlarge", "RequestedInstanceCount": 2 }],
        "Steps": [{ "Name": "load", "Config": { "Jar": "command-runner.jar", "Args": args } }],
    })
}

fn at(day: &str) -> RunTime {
    RunTime { created: format!("{day}T03:10:00Z").parse().ok(), ..RunTime::default() }
}

/// A pipeline of these runs, the newest first: the day of each, its properties and arguments.
fn of(runs: &[(&str, Value, &[&str])]) -> Translation {
    let (day, conf, args) = &runs[0];
    let mut source =
        PipelineSource::of(cluster(conf, args), EmrSource::Clusters(ClusterSelector::Name("sales-*".into())));
    source.run = at(day);
    let earlier = |(day, conf, args): &(&str, Value, &[&str])| EarlierRun { run: at(day), input: cluster(conf, args) };
    source.earlier = runs[1..].iter().map(earlier).collect();
    made(&source)
}

fn made(source: &PipelineSource) -> Translation {
    pipeline(source, &TranslationOptions::new(supported(jiff::civil::date(2026, 11, 22))), "sales")
}

fn spec<'t>(translation: &'t Translation, kind: &str) -> &'t Value {
    &translation.documents.iter().find(|d| d.address.kind == kind).unwrap().spec
}

fn args(translation: &Translation) -> &Value {
    &spec(translation, "DatabricksJob")["tasks"][0]["spark_python_task"]["parameters"]
}

fn given(translation: &Translation) -> &Value {
    &spec(translation, "AirflowDag")["tasks"][0]["params"]["job_parameters"]
}

/// The places of the questions about dates.
fn asked(translation: &Translation) -> Vec<&str> {
    let about = ["a date, period, month, day or serial", "which date `"];
    let decisions = translation.decisions.iter().filter(|d| about.iter().any(|about| d.what.contains(about)));
    decisions.map(|decision| decision.place.as_str()).collect()
}

const NONE: Value = Value::Null;

#[test]
fn two_runs_prove_a_month_and_all_texts_share_it() {
    let translation = of(&[
        ("2026-11-02", NONE, &["--month", "2026-10", "--out", "s3://lake/out/2026-10/", "--since", "2024-01"]),
        ("2026-10-02", NONE, &["--month", "2026-09", "--out", "s3://lake/out/2026-09/", "--since", "2024-01"]),
    ]);
    let month = "{{job.parameters.month}}";
    let out = format!("{{{{job.parameters.output}}}}/out/{month}/");
    assert_eq!(*args(&translation), json!(["--month", month, "--out", out, "--since", "2024-01"]));
    let job = spec(&translation, "DatabricksJob");
    assert_eq!(
        job["parameters"],
        json!([{ "name": "month", "default": "{{job.start_time.year}}-{{job.start_time.month}}" },
               { "name": "output", "default": "s3://lake" }])
    );
    let expression = "{{ data_interval_end.subtract(months=1).strftime('%Y-%m') }}";
    assert_eq!(*given(&translation), json!({ "month": expression }));
    assert_eq!(asked(&translation), [""; 0]);
    assert_eq!(spec(&translation, "Migration")["period"], json!({ "parameter": "month" }));
    assert!(!job.to_string().contains("2026-10"), "{job}");
}

#[test]
fn a_quarter_is_proven_by_two_runs_and_has_no_value_of_databricks() {
    let translation = of(&[
        ("2026-10-03", NONE, &["--quarter", "2026Q3", "--out", "s3://lake/closing/quarter=2026-Q3/"]),
        ("2026-07-03", NONE, &["--quarter", "2026Q2", "--out", "s3://lake/closing/quarter=2026-Q2/"]),
    ]);
    let out = "{{job.parameters.output}}/closing/quarter={{job.parameters.quarter_dash}}/";
    assert_eq!(*args(&translation), json!(["--quarter", "{{job.parameters.quarter}}", "--out", out]));
    let quarter = "{{ data_interval_end.subtract(months=3).quarter }}";
    let year = |gap: &str| format!("{{{{ data_interval_end.subtract(months=3).strftime('%Y{gap}Q') }}}}{quarter}");
    assert_eq!(*given(&translation), json!({ "quarter": year(""), "quarter_dash": year("-") }));
    let parameters = &spec(&translation, "DatabricksJob")["parameters"];
    assert_eq!(parameters[1], json!({ "name": "quarter", "default": "" }));
    assert!(
        translation.recovered.iter().all(|one| one.meaning.contains("a run by hand has to") && one.period.is_none())
    );
    assert_eq!(asked(&translation), [""; 0]);
    let migration = spec(&translation, "Migration");
    assert_eq!((migration.get("period"), &migration["writes"]), (None, &json!(["s3://lake/closing"])));
    // One run suggests it, and the DAG's line asks.
    let alone = of(&[("2026-10-03", NONE, &["--quarter", "2026Q3"])]);
    assert_eq!(asked(&alone), ["tasks[sales].params.job_parameters.quarter"]);
}

#[test]
fn each_setting_with_a_date_is_asked_about_at_its_own_line() {
    let conf = |day: &str| json!({ "spark.a.day": day, "spark.b.day": day });
    let translation = of(&[("2026-10-06", conf("2026-10-05"), &[]), ("2026-10-05", conf("2026-10-04"), &[])]);
    let place = |name: &str| format!("job_clusters[main].new_cluster.spark_conf.{name}");
    assert_eq!(asked(&translation), [place("spark.a.day"), place("spark.b.day")]);
}

#[test]
fn what_runs_of_one_month_have_in_common_is_not_proven_constant() {
    let args = ["--month", "2026-10"];
    let translation = of(&[("2026-11-03", NONE, &args), ("2026-11-02", NONE, &args)]);
    assert_eq!(asked(&translation), ["tasks[sales].params.job_parameters.month"]);
}

#[test]
fn one_run_asks_once_for_what_is_near_and_at_its_line_for_what_is_not() {
    let given_args =
        ["--day", "2026-11-01", "--out", "s3://lake/dt=2026-11-01/", "--from", "2020-01-01", "-Dx.week=2026-W44"];
    let translation = of(&[("2026-11-02", NONE, &given_args)]);
    let parameters = "tasks[load].spark_python_task.parameters";
    let (from, week) = (format!("{parameters}[5]"), format!("{parameters}[6]"));
    let mut places = asked(&translation);
    places.sort();
    assert_eq!(places, [from.as_str(), &week, "tasks[sales].params.job_parameters.day"]);
    assert_eq!(given(&translation)["day"], "{{ data_interval_end.subtract(days=1).strftime('%Y-%m-%d') }}");
    assert_eq!(args(&translation)[3], "{{job.parameters.output}}/dt={{job.parameters.day}}/");
    assert!(super::super::find(spec(&translation, "DatabricksJob"), &from).1);
}

#[test]
fn a_clusters_own_properties_are_asked_about() {
    let conf = |month: &str| json!({ "spark.app.month": month, "spark.driver.extraJavaOptions": format!("-Dday={month}-05 -Dx=1") });
    let translation = of(&[("2026-11-02", conf("2026-10"), &[]), ("2026-10-02", conf("2026-09"), &[])]);
    let place = |key: &str| format!("job_clusters[main].new_cluster.spark_conf.{key}");
    let wanted = [place("spark.app.month"), place("spark.driver.extraJavaOptions")];
    assert_eq!(asked(&translation), wanted.iter().map(String::as_str).collect::<Vec<_>>());
    let job = spec(&translation, "DatabricksJob");
    assert_eq!(job["job_clusters"][0]["new_cluster"]["spark_conf"]["spark.app.month"], "2026-10");
    assert!(job.get("parameters").is_none());
    // The same in two runs of two months: a constant.
    let translation = of(&[("2026-11-02", conf("2026-10"), &[]), ("2026-10-02", conf("2026-10"), &[])]);
    assert_eq!(asked(&translation), [""; 0]);
}

#[test]
fn serials_are_the_runs_own() {
    let id = "123e4567-e89b-12d3-a456-42661417400";
    let run = |n: usize| {
        vec![
            "--run-id".into(),
            format!("{}", 1040 + n),
            "--trace".into(),
            format!("{id}{n}"),
            format!("s3://x/{}/", 1040 + n),
        ]
    };
    let texts: Vec<Vec<String>> = (0..3).rev().map(run).collect();
    let texts: Vec<Vec<&str>> = texts.iter().map(|run| run.iter().map(String::as_str).collect()).collect();
    let translation =
        of(&[("2026-11-02", NONE, &texts[0]), ("2026-11-01", NONE, &texts[1]), ("2026-10-31", NONE, &texts[2])]);
    let (run, trace) = ("{{job.parameters.run_id}}", "{{job.parameters.trace}}");
    assert_eq!(*args(&translation), json!(["--run-id", run, "--trace", trace, format!("s3://x/{run}/")]));
    let of_run = |name: &str| json!({ "name": name, "default": "{{job.run_id}}" });
    assert_eq!(spec(&translation, "DatabricksJob")["parameters"], json!([of_run("run_id"), of_run("trace")]));
    assert_eq!(*given(&translation), NONE);
    // What is another figure since some day is a setting.
    let translation = of(&[
        ("2026-11-02", NONE, &["--parallel", "800"]),
        ("2026-11-01", NONE, &["--parallel", "400"]),
        ("2026-10-31", NONE, &["--parallel", "400"]),
    ]);
    assert_eq!((args(&translation), asked(&translation).len()), (&json!(["--parallel", "800"]), 0));
    let translation = of(&[
        ("2026-11-02", NONE, &["--commit", "0b3e9f1c"]),
        ("2026-11-01", NONE, &["--commit", "1a2b3c4d"]),
        ("2026-10-31", NONE, &["--commit", "1a2b3c4d"]),
    ]);
    assert_eq!((args(&translation), asked(&translation).len()), (&json!(["--commit", "0b3e9f1c"]), 0));
}

#[test]
fn an_offset_that_no_two_runs_share_is_asked_once() {
    let translation = of(&[
        ("2026-11-02", NONE, &["--day", "2026-11-01", "s3://x/2026-11-01/", "s3://y/20261101/"]),
        ("2026-10-20", NONE, &["--day", "2026-10-02", "s3://x/2026-10-02/", "s3://y/20261002/"]),
    ]);
    assert_eq!(
        asked(&translation),
        ["tasks[sales].params.job_parameters.day", "tasks[sales].params.job_parameters.date"]
    );
    assert_eq!(args(&translation)[3], "s3://y/{{job.parameters.date}}/");
}

#[test]
fn an_interval_of_airflow_proves_more_than_a_clusters_birth() {
    let run = |day: &str, end: &str, created: &str| {
        let interval = Some((format!("{day}T23:30:00Z").parse().unwrap(), format!("{end}T23:30:00Z").parse().unwrap()));
        RunTime { created: format!("{created}T00:10:00Z").parse().ok(), logical: None, interval }
    };
    let mut source =
        PipelineSource::of(cluster(&NONE, &["2026-11-01"]), EmrSource::Clusters(ClusterSelector::Name("s-*".into())));
    source.run = run("2026-10-31", "2026-11-01", "2026-11-02");
    let earlier = cluster(&NONE, &["2026-10-31"]);
    source.earlier = vec![EarlierRun { run: run("2026-10-30", "2026-10-31", "2026-11-01"), input: earlier }];
    let translation = made(&source);
    assert_eq!(given(&translation)["date"], "{{ data_interval_end.strftime('%Y-%m-%d') }}");
    assert_eq!(asked(&translation), [""; 0]);
}

#[test]
fn rounds_of_a_cluster_that_stays_up_are_runs() {
    let step = |name: &str, made: &str, day: &str| {
        json!({ "Name": format!("{name} {made}"), "Status": { "Timeline": { "CreationDateTime": format!("{made}T04:00:00Z") } },
                "Config": { "Jar": "command-runner.jar", "Args": ["spark-submit", format!("s3://a/{name}.py"), "--day", day] } })
    };
    let input = json!({
        "Cluster": { "Name": "shared", "ReleaseLabel": "emr-7.1.0", "AutoTerminate": false },
        "Steps": [
            step("daily", "2026-11-03", "2026-11-02"), step("weekly", "2026-11-02", "2026-11-01"),
            step("daily", "2026-11-02", "2026-11-01"), step("weekly", "2026-10-26", "2026-10-25"),
        ],
    });
    let source = PipelineSource::of(input, EmrSource::Clusters(ClusterSelector::Name("shared".into())));
    let translation = made(&source);
    let tasks = spec(&translation, "DatabricksJob")["tasks"].as_array().unwrap();
    let keys: Vec<&str> = tasks.iter().filter_map(|task| task["task_key"].as_str()).collect();
    assert_eq!(keys, ["weekly", "daily"]);
    // Each by the time of its own step, and so one parameter.
    assert_eq!(*given(&translation), json!({ "day": "{{ data_interval_end.subtract(days=1).strftime('%Y-%m-%d') }}" }));
    assert_eq!(asked(&translation), [""; 0]);
}

#[test]
fn jobs_of_an_application_share_names_and_the_migration_says_the_period() {
    let input = |month: &str, created: &str| {
        let run = |name: &str| {
            json!({ "name": name, "createdAt": format!("{created}T03:00:00Z"), "jobDriver": { "sparkSubmit": {
                "entryPoint": "s3://a/x.py", "entryPointArguments": ["--month", month, "--output", format!("s3://o/{name}/{month}/")] } } })
        };
        json!({ "application": { "name": "app", "releaseLabel": "emr-7.1.0" }, "jobRuns": [run("load"), run("reload")] })
    };
    let mut source = PipelineSource::of(input("202610", "2026-11-02"), EmrSource::Application("00a".into()));
    source.earlier = vec![EarlierRun { run: RunTime::default(), input: input("202609", "2026-10-02") }];
    let translation = made(&source);
    for job in translation.documents.iter().filter(|d| d.address.kind == "DatabricksJob") {
        assert_eq!(job.spec["parameters"][0]["name"], "month");
        assert_eq!(job.spec["tasks"][0]["spark_python_task"]["parameters"][1], "{{job.parameters.month}}");
    }
    assert_eq!(spec(&translation, "Migration")["period"], json!({ "parameter": "month", "format": "%Y%m" }));
    assert_eq!(translation.recovered.len(), 1);
    assert_eq!(translation.recovered[0].jobs.len(), 2);
    let dag = spec(&translation, "AirflowDag");
    assert_eq!(dag["tasks"][1]["params"], dag["tasks"][0]["params"]);
}

#[test]
fn an_argument_more_hides_no_date() {
    let translation = of(&[
        ("2026-11-02", NONE, &["--new", "--month", "2026-10", "--out=s3://x/2026-10/"]),
        ("2026-10-02", NONE, &["--month", "2026-09", "--out=s3://x/2026-09/"]),
    ]);
    let month = "{{job.parameters.month}}";
    assert_eq!(
        *args(&translation),
        json!(["--new", "--month", month, format!("--out={{{{job.parameters.output}}}}/{month}/")])
    );
    assert_eq!(asked(&translation), [""; 0]);
}

#[test]
fn a_month_later_nothing_changes() {
    let run = |month: &'static str| -> Vec<String> {
        vec!["--month".into(), month.into(), "--out".into(), format!("s3://lake/year=2026/month={}/", &month[5..])]
    };
    let texts: Vec<Vec<String>> = ["2026-11", "2026-10", "2026-09"].map(run).into();
    let texts: Vec<Vec<&str>> = texts.iter().map(|run| run.iter().map(String::as_str).collect()).collect();
    let before = of(&[("2026-11-02", NONE, &texts[1]), ("2026-10-02", NONE, &texts[2])]);
    let after =
        of(&[("2026-12-02", NONE, &texts[0]), ("2026-11-02", NONE, &texts[1]), ("2026-10-02", NONE, &texts[2])]);
    assert_eq!(before.documents, after.documents);
    assert_eq!(asked(&before), asked(&after));
    assert_eq!(args(&after)[3], "{{job.parameters.output}}/{{job.parameters.month_partition}}/");
}
