//! Readings as Airflow 3.3.2 and 2.11.2 answered, over DAGs with the operators of apache-airflow-providers-amazon 9.39.0.

use super::*;
use crate::detect;
use crate::kinds::airflow::dag_spec::DataInterval;
use crate::translate::{Translation, TranslationOptions, pipeline, supported};

fn task(id: &str, class: &str, fields: &[&str], below: &[&str]) -> Value {
    json!({ "task_id": id, "operator_name": class, "template_fields": fields, "downstream_task_ids": below,
        "retries": 2.0, "retry_delay": { "__type": "TimeDelta", "days": 0, "seconds": 600, "microseconds": 0 },
        "class_ref": { "module_path": "airflow.providers.amazon.aws.operators.emr", "class_name": class } })
}

fn create(below: &[&str]) -> Value {
    task("create", "EmrCreateJobFlowOperator", &["emr_conn_id", "job_flow_overrides"], below)
}

fn steps(id: &str, below: &[&str]) -> Value {
    task(id, "EmrAddStepsOperator", &["job_flow_id", "job_flow_name", "steps", "execution_role_arn"], below)
}

fn flow(day: &str) -> Value {
    json!({ "Name": format!("sales-{day}"), "ReleaseLabel": "emr-7.1.0", "Applications": [{ "Name": "Spark" }],
        "LogUri": "s3://logs/emr/", "Instances": { "KeepJobFlowAliveWhenNoSteps": true, "InstanceGroups": [
            { "InstanceRole": "MASTER", "InstanceType": "m5d.xlarge", "InstanceCount": 1 },
            { "InstanceRole": "CORE", "InstanceType": "m5d.xlarge", "InstanceCount": 3 } ] } })
}

fn step(name: &str, day: &str, more: &[&str]) -> Value {
    let args: Vec<&str> = ["spark-submit", "s3://code/load.py", "--day", day].iter().chain(more).copied().collect();
    json!({ "Name": format!("{name} {day}"), "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": { "Jar": "command-runner.jar", "Args": args } })
}

fn ran(task: &str, fields: Value) -> Value {
    json!({ "task_id": task, "map_index": -1, "state": "success", "rendered_fields": fields })
}

/// The run of a day: the cluster is of that day, and the XCom names it.
fn run(day: &str, cluster: &str) -> AirflowRun {
    // At three in Berlin, in summer and in winter.
    let at = format!("{day}T0{}:00:00Z", if day < "2026-10-25" { 1 } else { 2 });
    AirflowRun {
        run: json!({ "dag_run_id": format!("scheduled__{day}"), "run_type": "scheduled", "logical_date": at,
            "data_interval_start": at, "data_interval_end": at, "start_date": at }),
        instances: vec![
            ran("more", json!({ "job_flow_id": cluster, "steps": [step("mart", day, &[])] })),
            ran("create", json!({ "emr_conn_id": "emr_default", "job_flow_overrides": flow(day) })),
            ran("steps", json!({ "job_flow_id": cluster, "steps": [step("load", day, &["--api-token", "***"])] })),
        ],
        returned: BTreeMap::from([("create".to_owned(), json!(cluster))]),
    }
}

fn sales() -> AirflowReading {
    AirflowReading {
        listed: json!({ "dag_id": "sales", "owners": ["bi"] }),
        details: json!({ "dag_id": "sales", "timetable_summary": "0 3 2 * *", "catchup": false, "max_active_runs": 1,
            "start_date": "2025-12-31T23:00:00Z", "description": "Sales", "tags": [{ "name": "bi" }],
            "next_dagrun_data_interval_start": "2026-12-02T02:00:00Z",
            "next_dagrun_data_interval_end": "2026-12-02T02:00:00Z",
            "default_args": { "email": ["bi@example.com"], "email_on_failure": true, "email_on_retry": false } }),
        tasks: vec![
            task("check", "PythonOperator", &["op_args"], &["create"]),
            create(&["steps", "end"]),
            task("end", "EmrTerminateJobFlowOperator", &["job_flow_id"], &[]),
            steps("more", &["end"]),
            steps("steps", &["more", "watch"]),
            task("watch", "EmrStepSensor", &["job_flow_id", "step_id"], &["end"]),
        ]
        .into_iter()
        .map(|mut task| {
            if task["task_id"] == "check" {
                task["class_ref"]["module_path"] = json!("airflow.providers.standard.operators.python");
            }
            task
        })
        .collect(),
        runs: vec![run("2026-11-02", "j-NOV"), run("2026-10-02", "j-OCT")],
        source: Some("tz=\"Europe/Berlin\"".into()),
        unread: Vec::new(),
    }
}

fn one(reading: AirflowReading) -> AirflowPipeline {
    let all = pipelines(&[reading]);
    let [one] = <[AirflowPipeline; 1]>::try_from(all).unwrap_or_else(|all| panic!("{all:#?}"));
    one
}

fn translated(source: &PipelineSource) -> Translation {
    pipeline(source, &TranslationOptions::new(supported(jiff::civil::date(2026, 11, 22))), "sales")
}

fn names(input: &Value) -> Vec<&str> {
    input["Steps"].as_array().into_iter().flatten().filter_map(|step| step["Name"].as_str()).collect()
}

#[test]
fn a_cluster_and_what_it_was_fed_are_one_pipeline() {
    let made = one(sales());
    assert_eq!((made.of.as_str(), made.title.as_str()), ("dag sales task create", "sales"));
    let input = &made.source.input;
    assert_eq!(input["Cluster"]["Name"], "sales");
    // As ListSteps has them, the newest first: `more` runs after `steps`, whatever the listing says.
    assert_eq!(names(input), ["mart", "load"]);
    assert_eq!(input["Steps"][1]["Config"]["Args"][5], detect::HIDDEN, "what Airflow masked is a secret");
    assert_eq!(input["InstanceGroups"][1]["RequestedInstanceCount"], 3);
    // The id of the cluster is what joins them, and no value.
    assert!(!input.to_string().contains("j-NOV"), "{input:#}");
    let EmrSource::Clusters(selector) = &made.source.old else { panic!("{:?}", made.source.old) };
    assert_eq!(*selector, ClusterSelector::Name("sales-*".into()));
}

#[test]
fn runs_tell_what_varies_and_when_they_were() {
    let source = one(sales()).source;
    let days = |run: &RunTime| run.logical.map(|at| at.to_string());
    assert_eq!(days(&source.run).as_deref(), Some("2026-11-02T02:00:00Z"));
    let [earlier] = source.earlier.as_slice() else { panic!("{:?}", source.earlier) };
    assert_eq!(days(&earlier.run).as_deref(), Some("2026-10-02T01:00:00Z"));
    assert_eq!(earlier.input["Steps"][1]["Config"]["Args"][3], "2026-10-02");
    assert_eq!(earlier.input["Cluster"]["Name"], source.input["Cluster"]["Name"]);
}

#[test]
fn the_old_dag_comes_along() {
    let made = one(sales());
    let old = made.source.dag.clone().unwrap();
    assert_eq!(old.schedule.as_deref(), Some("0 3 2 * *"));
    assert_eq!((old.timezone.as_deref(), old.data_interval), (Some("Europe/Berlin"), Some(DataInterval::Tick)));
    assert_eq!((old.retries, old.retry_delay_seconds, old.owner.as_deref()), (Some(2), Some(600), Some("bi")));
    assert_eq!(old.others, ["`check` (PythonOperator)"]);
    let translation = translated(&made.source);
    let spec = |address: &str| {
        let found = translation.documents.iter().find(|d| d.address.to_string() == address);
        found.unwrap_or_else(|| panic!("no {address}")).spec.clone()
    };
    let dag = spec("AirflowDag/sales");
    assert_eq!(dag["schedule"], json!({ "cron": "0 3 2 * *", "timezone": "Europe/Berlin", "data_interval": "tick" }));
    assert_eq!(dag["start_date"], "2026-12-02T03:00", "where the old one would go on, in its zone");
    assert_eq!(dag["defaults"], json!({ "retries": 2, "retry_delay": "10m" }));
    assert_eq!(spec("DatabricksJob/sales")["email_notifications"], json!({ "on_failure": ["bi@example.com"] }));
    assert_eq!(spec("AirflowDag/legacy-sales"), json!({ "dag_id": "sales", "source": "external" }));
    assert_eq!(
        spec("EmrCluster/legacy-sales")["teardown"]["requires"]["dagPaused"],
        json!(["AirflowDag/legacy-sales"])
    );
    assert_eq!(spec("Migration/sales")["from"]["dags"], json!(["AirflowDag/legacy-sales"]));
    assert_eq!(spec("Migration/sales")["to"]["dags"], json!(["AirflowDag/sales"]));
    let asked = |what: &str| translation.decisions.iter().filter(|d| d.what.contains(what)).count();
    assert_eq!((asked("when the DAG runs"), asked("`check` (PythonOperator)"), asked("time zone")), (0, 1, 0));
    assert!(made.notes.iter().any(|note| note.contains("end (EmrTerminateJobFlowOperator)")), "{:?}", made.notes);
}

#[test]
fn what_airflow_cut_is_asked_about_and_not_used() {
    let mut reading = sales();
    let cut =
        "Truncated. You can change this behaviour in [core]max_templated_field_length. [{'Name': 'lo', 'Args': ['x";
    reading.runs[0].instances[2]["rendered_fields"]["steps"] = json!(cut);
    reading.runs[0].instances[1]["rendered_fields"]["job_flow_overrides"] = json!("***");
    let made = one(reading);
    assert_eq!(names(&made.source.input), ["mart"]);
    assert!(!made.source.input.to_string().contains("Truncated"), "{}", made.source.input);
    let translation = translated(&made.source);
    let asked: Vec<&str> = translation
        .decisions
        .iter()
        .map(|d| d.what.as_str())
        .filter(|what| what.contains("of the old DAG says"))
        .collect();
    assert_eq!(
        asked,
        ["what `create.job_flow_overrides` of the old DAG says", "what `steps.steps` of the old DAG says"]
    );
}

#[test]
fn a_run_that_goes_on_says_less_than_the_pipeline_is() {
    let mut reading = sales();
    let mut going = run("2026-12-02", "j-DEC");
    for one in going.instances.iter_mut().filter(|one| one["task_id"] == "more") {
        one["rendered_fields"] = json!({});
    }
    reading.runs.insert(0, going.clone());
    let made = one(reading.clone());
    assert_eq!(names(&made.source.input), ["mart", "load"], "of November, which was whole");
    assert_eq!(made.source.earlier.len(), 1);
    // Where no run was whole, the task that is missing is asked about.
    reading.runs = vec![going];
    let made = one(reading);
    let unreadable = &made.source.dag.as_ref().unwrap().unreadable;
    assert!(unreadable.len() == 1 && unreadable[0].starts_with("`more`"), "{unreadable:?}");
}

#[test]
fn what_comes_from_a_connection_is_asked_about() {
    let mut reading = sales();
    reading.runs[0].instances[1]["rendered_fields"]["job_flow_overrides"] = json!({ "Name": "sales-2026-11-02" });
    let unreadable = one(reading).source.dag.unwrap().unreadable;
    assert!(unreadable.len() == 1 && unreadable[0].contains("`emr_default`"), "{unreadable:?}");
}

#[test]
fn a_cluster_that_others_started_is_a_pipeline_of_its_own() {
    let mut reading = sales();
    reading.tasks.retain(|task| task["task_id"] != "create");
    for run in &mut reading.runs {
        run.returned.clear();
        run.instances.retain(|one| one["task_id"] != "create");
        for one in &mut run.instances {
            one["rendered_fields"]["job_flow_id"] = json!("j-STAYS");
        }
    }
    let made = one(reading);
    assert_eq!(made.of, "dag sales cluster j-STAYS");
    let EmrSource::Clusters(ClusterSelector::Ids(ids, _)) = &made.source.old else { panic!("{:?}", made.source.old) };
    assert_eq!(ids, &["j-STAYS"]);
    let unreadable = &made.source.dag.as_ref().unwrap().unreadable;
    assert!(unreadable.iter().any(|said| said.contains("j-STAYS")), "{unreadable:?}");
    assert_eq!(names(&made.source.input).len(), 2);
}

#[test]
fn without_xcoms_a_step_is_for_the_only_cluster_that_there_is() {
    let mut reading = sales();
    reading.runs.iter_mut().for_each(|run| run.returned.clear());
    let made = one(reading.clone());
    assert_eq!((made.of.as_str(), names(&made.source.input).len()), ("dag sales task create", 2));
    let EmrSource::Clusters(selector) = &made.source.old else { panic!("{:?}", made.source.old) };
    assert_eq!(*selector, ClusterSelector::Name("sales-*".into()), "its names are known");
    // The same id in two runs is of a cluster that stays up, and not the one that this DAG starts.
    for one in reading.runs.iter_mut().flat_map(|run| &mut run.instances) {
        one["rendered_fields"]["job_flow_id"] = json!("j-STAYS");
    }
    let of: Vec<String> = pipelines(&[reading]).into_iter().map(|made| made.of).collect();
    assert_eq!(of, ["dag sales task create", "dag sales cluster j-STAYS"]);
}

#[test]
fn clusters_of_one_name_are_told_apart_by_their_dag() {
    let mut other = sales();
    (other.listed["dag_id"], other.details["dag_id"]) = (json!("risk"), json!("risk"));
    for (run, id) in other.runs.iter_mut().zip(["j-N2", "j-O2"]) {
        run.returned.insert("create".into(), json!(id));
        for one in &mut run.instances {
            one["rendered_fields"]["job_flow_id"] = json!(id);
        }
    }
    let all = pipelines(&[sales(), other]);
    let of: Vec<&str> = all.iter().map(|made| made.of.as_str()).collect();
    assert_eq!(of, ["dag risk task create", "dag sales task create"]);
    for (made, id) in all.iter().zip(["j-N2", "j-NOV"]) {
        let EmrSource::Clusters(ClusterSelector::Ids(ids, _)) = &made.source.old else {
            panic!("{:?}", made.source.old)
        };
        assert_eq!(ids, &[id], "a pattern would take the other's too");
    }
}

fn serverless(day: &str) -> AirflowReading {
    let fields = ["application_id", "config", "execution_role_arn", "job_driver", "configuration_overrides", "name"];
    let start = |task: &str, name: &str| {
        ran(
            task,
            json!({ "application_id": "00abc", "name": name, "execution_role_arn": "arn:aws:iam::123456789012:role/x",
            "config": { "executionTimeoutMinutes": 90 }, "configuration_overrides": null,
            "job_driver": format!("{{'sparkSubmit': {{'entryPoint': 's3://a/b.py', 'entryPointArguments': ['{day}']}}}}") }),
        )
    };
    AirflowReading {
        listed: json!({ "dag_id": "lone" }),
        tasks: vec![
            task("start", "OurServerlessOperator", &fields, &[]),
            task("other", "OurServerlessOperator", &fields, &[]),
        ],
        runs: vec![AirflowRun {
            run: json!({ "dag_run_id": "m1", "run_type": "manual", "logical_date": format!("{day}T00:00:00Z") }),
            instances: vec![start("start", &format!("lone-{day}")), start("other", "emr_serverless_job_airflow")],
            returned: BTreeMap::new(),
        }],
        ..AirflowReading::default()
    }
}

#[test]
fn jobs_of_serverless_are_runs_of_its_application() {
    let made = one(serverless("2026-09-15"));
    assert_eq!(made.of, "dag lone application 00abc");
    let input = &made.source.input;
    assert_eq!(input["application"], json!({ "applicationId": "00abc" }));
    let names: Vec<&Value> = input["jobRuns"].as_array().unwrap().iter().map(|run| &run["name"]).collect();
    assert_eq!(names, ["other", "start"], "one has only the operator's own name, so both are called after their tasks");
    let run = &input["jobRuns"][1];
    assert_eq!(run["jobDriver"]["sparkSubmit"]["entryPointArguments"], json!(["2026-09-15"]), "a text that held it");
    assert_eq!(
        (&run["executionRole"], &run["executionTimeoutMinutes"]),
        (&json!("arn:aws:iam::123456789012:role/x"), &json!(90))
    );
    let translation = translated(&made.source);
    let jobs: Vec<String> =
        translation.documents.iter().map(|d| d.address.to_string()).filter(|a| a.starts_with("Databricks")).collect();
    assert_eq!(jobs, ["DatabricksJob/sales-other", "DatabricksJob/sales-start"]);
    assert_eq!(crate::import::unaccounted(input, &translation), 0);
}

#[test]
fn what_is_on_emr_is_not_guessed() {
    let mut reading = serverless("2026-09-15");
    for one in &mut reading.runs[0].instances {
        one["rendered_fields"]["application_id"] = json!("***");
    }
    let made = one(reading);
    let addresses: Vec<String> = translated(&made.source).documents.iter().map(|d| d.address.kind.clone()).collect();
    assert_eq!(addresses, ["DatabricksJob", "DatabricksJob", "AirflowDag", "AirflowDag"], "nothing to tear down");
    let asked =
        translated(&made.source).decisions.iter().filter(|d| d.what == "which clusters are the old ones").count();
    assert_eq!(asked, 1);
}

#[test]
fn runs_on_the_schedule_come_first() {
    let run = |kind: &str, day: u32| json!({ "run_type": kind, "logical_date": format!("2026-11-{day:02}T00:00:00Z"), "day": day });
    let days = |runs: &[Value]| worth_reading(runs).iter().filter_map(|run| run["day"].as_u64()).collect::<Vec<_>>();
    assert_eq!(days(&[run("manual", 9), run("scheduled", 7), run("scheduled", 8)]), [8, 7]);
    assert_eq!(days(&[run("manual", 9), run("scheduled", 7)]), [7, 9], "one is not enough to compare");
    let many: Vec<Value> = (1..20).map(|day| run("scheduled", day)).collect();
    assert_eq!(days(&many), [19, 18, 17, 16, 15, 14]);
}

#[test]
fn operators_are_known_by_what_they_take() {
    assert_eq!(role(&task("a", "OurOwnCluster", &["job_flow_overrides"], &[])), TaskRole::Cluster);
    assert_eq!(role(&task("a", "EmrStepSensor", &["job_flow_id", "step_id"], &[])), TaskRole::Around);
    assert_eq!(role(&task("a", "EmrContainerOperator", &["job_driver", "virtual_cluster_id"], &[])), TaskRole::Other);
    let foreign = json!({ "task_id": "a", "class_ref": { "class_name": "BashOperator", "module_path": "x" } });
    assert_eq!(role(&foreign), TaskRole::Foreign);
    let empty = json!({ "task_id": "a", "class_ref": { "class_name": "EmptyOperator", "module_path": "x" } });
    assert_eq!(role(&empty), TaskRole::Nothing);
}

#[test]
fn nothing_that_airflow_answers_breaks_it() {
    for odd in [json!(null), json!("x"), json!([1]), json!({ "dag_id": 3 })] {
        let mut reading = sales();
        (reading.listed, reading.details) = (odd.clone(), odd.clone());
        reading.tasks.push(odd.clone());
        reading.runs[0].run = odd.clone();
        reading.runs[0].instances.push(odd.clone());
        reading.runs[1].instances[1]["rendered_fields"]["job_flow_overrides"] = odd.clone();
        reading.runs[1].instances[2]["rendered_fields"]["steps"] = odd;
        for made in pipelines(&[reading]) {
            translated(&made.source);
        }
    }
}
