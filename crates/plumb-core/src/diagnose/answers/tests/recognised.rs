//! Which call an answer is of, and times and periods in it.

use super::*;
use crate::parity::dates::{period_between, period_in, period_of, time};
use serde_json::json;

#[test]
fn answers_are_recognised_by_their_members() {
    use AnswerKind as K;
    let step = json!({"Id": "s-1", "Name": "x", "Status": {"State": "FAILED"}});
    let run = json!({"run_id": 1, "state": {"life_cycle_state": "TERMINATED"}});
    let table = [
        (json!({"Cluster": {"Id": "j-1", "Status": {"State": "RUNNING"}}}), Some(K::DescribeCluster)),
        (json!({"Id": "j-1", "Status": {"State": "RUNNING"}}), Some(K::DescribeCluster)),
        (
            json!({"Cluster": {"Status": {}, "ReleaseLabel": "emr-7.0.0"}, "ResponseMetadata": {"RetryAttempts": 0}}),
            Some(K::DescribeCluster),
        ),
        (json!({"Step": step}), Some(K::DescribeStep)),
        (step.clone(), Some(K::DescribeStep)),
        (json!({"Steps": []}), Some(K::ListSteps)),
        (json!([step]), Some(K::ListSteps)),
        (json!({"response": {"Steps": [step]}}), Some(K::ListSteps)),
        (json!({"Instances": []}), Some(K::ListInstances)),
        (json!([{"Ec2InstanceId": "i-1"}]), Some(K::ListInstances)),
        (json!({"BootstrapActions": []}), Some(K::ListBootstrapActions)),
        (json!({"jobRun": {"jobRunId": "1", "state": "FAILED"}}), Some(K::GetJobRun)),
        (run.clone(), Some(K::Run)),
        (json!({"status": {"termination_details": {}}}), Some(K::Run)),
        (json!({"metadata": run, "error": "x"}), Some(K::RunOutput)),
        (json!({"error_trace": "x"}), Some(K::RunOutput)),
        (json!({"error": "x"}), Some(K::RunOutput)),
        (json!({"events": [{"timestamp": 1, "type": "RUNNING"}]}), Some(K::ClusterEvents)),
        (json!([null, {"cluster_id": "c", "timestamp": 1, "type": "RUNNING"}]), Some(K::ClusterEvents)),
        (json!({"events": [], "total_count": 0}), Some(K::ClusterEvents)),
        (json!({"cluster_id": "c", "spark_version": "x"}), Some(K::Cluster)),
        (json!({"cluster_id": "c", "library_statuses": []}), Some(K::LibraryStatus)),
        (json!({"dag_runs": []}), Some(K::DagRun)),
        (json!({"dag_id": "d", "dag_run_id": "r", "state": "failed"}), Some(K::DagRun)),
        (json!({"task_instances": []}), Some(K::TaskInstances)),
        (
            json!({"dag_id": "d", "dag_run_id": "r", "task_id": "t", "state": "failed", "try_number": 1}),
            Some(K::TaskInstances),
        ),
        (json!({"import_errors": []}), Some(K::ImportErrors)),
        (json!({"event_logs": []}), Some(K::EventLogs)),
        (json!({"Events": [{"EventName": "CancelSteps"}]}), Some(K::LookupEvents)),
        (json!({"Records": [{"eventName": "CancelSteps"}]}), Some(K::LookupEvents)),
        // Errors of services, other calls, other files.
        (json!({"error_code": "INVALID_PARAMETER_VALUE", "message": "x"}), None),
        (json!({"error": "invalid_client", "error_description": "x"}), None),
        (json!({"Clusters": [{"Id": "j-1", "Name": "x"}]}), None),
        (json!({"runs": [{"run_id": 1, "job_id": 1}]}), None),
        (json!({"metadata": {"kernelspec": {}}, "cells": [], "nbformat": 4}), None),
        (json!({"timestamp": "2026-10-02T00:00:00Z", "event": "x", "level": "info"}), None),
        (json!({"status": {"phase": "Failed"}, "metadata": {"name": "pod"}}), None),
        (json!([]), None),
        (json!({}), None),
        (json!("x"), None),
        (json!(null), None),
    ];
    for (answer, expected) in table {
        assert_eq!(kind_of(&answer), expected, "{answer}");
    }
}

#[test]
fn times_are_told_by_their_size() {
    let table = [
        (json!(1_790_910_600), Some("2026-10-02T03:10:00Z")),
        (json!(1_790_910_600.25), Some("2026-10-02T03:10:00.25Z")),
        (json!(1_790_910_600_250_u64), Some("2026-10-02T03:10:00.25Z")),
        (json!(1_790_910_600_250_000_u64), Some("2026-10-02T03:10:00.25Z")),
        (json!("1790910600250"), Some("2026-10-02T03:10:00.25Z")),
        (json!("2026-10-02T05:10:00+02:00"), Some("2026-10-02T03:10:00Z")),
        (json!("2026-10-02 03:10:00.250000+00:00"), Some("2026-10-02T03:10:00.25Z")),
        (json!("2026-10-02T03:10:00"), Some("2026-10-02T03:10:00Z")),
        (json!(0), None),
        (json!(-5), None),
        (json!(f64::MAX), None),
        (json!("soon"), None),
        (json!(true), None),
    ];
    for (value, expected) in table {
        let found = time(&value).filter(|at| at.as_second() > 0).map(|at| at.to_string());
        assert_eq!(found.as_deref(), expected, "{value}");
    }
}

#[test]
fn periods_are_told_from_names_and_parameters() {
    let named = [
        ("mart 2026-10", Some("2026-10")),
        ("audience_2026-10-05_full", Some("2026-10-05")),
        ("etl-2026-10", Some("2026-10")),
        ("scheduled__2026-10-01T02:00:00+00:00", None),
        ("from 2026-09 to 2026-10", None),
        ("mart 2026-13", None),
        ("mart 202610", None),
        ("10.61.2.14 2026", None),
        ("ä 2026-10 ö", Some("2026-10")),
        ("", None),
    ];
    for (name, expected) in named {
        assert_eq!(period_in(name).as_deref(), expected, "{name}");
    }
    type Named<'a> = &'a [(&'a str, &'a str)];
    let table: [(Named<'_>, Option<&str>); 6] = [
        (&[("--month", "202610")], Some("2026-10")),
        (&[("run_date", "20261105"), ("month", "2026-10")], Some("2026-10")),
        (&[("from_month", "2026-09"), ("to_month", "2026-10")], None),
        (&[("week", "2026-W40")], Some("2026-W40")),
        (&[("table", "2026-10")], None),
        (&[("date", "2026-02-30")], None),
    ];
    for (parameters, expected) in table {
        assert_eq!(period_of(parameters.iter().copied()).as_deref(), expected, "{parameters:?}");
    }
    let at = |text: &str| text.parse().unwrap();
    let month = period_between(at("2026-09-30T22:00:00Z"), at("2026-10-31T23:00:00Z"));
    assert_eq!(month.as_deref(), Some("2026-10"));
    assert_eq!(period_between(at("2026-10-04T22:00:00Z"), at("2026-10-05T22:00:00Z")).as_deref(), Some("2026-10-05"));
    assert_eq!(period_between(at("2026-10-04T22:00:00Z"), at("2026-10-04T22:00:00Z")), None);
}
