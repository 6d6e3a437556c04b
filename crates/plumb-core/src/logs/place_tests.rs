//! Paths of the layouts of EMR, Databricks and Airflow, and those that people make.

use super::*;
use FileKind::*;

#[test]
fn every_layout_says_what_a_file_is() {
    let c = "containers/application_1700176509758_0001/container_1700176509758_0001";
    for (path, kind) in [
        ("steps/s-1K2LABCDEF/controller.gz", StepController),
        ("j-2A7Q4M1N9KPLF/steps/s-1K2LABCDEF/stderr.gz", StepStderr),
        ("s3://acme-logs/emr/j-2A7Q4M1N9KPLF/steps/s-1K2LABCDEF/stdout.gz", StepStdout),
        ("steps/s-1K2LABCDEF/syslog", StepSyslog),
        (&format!("{c}_01_000001/stderr.gz"), Driver),
        (&format!("{c}_02_000001/stdout"), DriverStdout),
        (&format!("{c}_01_000004/stderr"), Executor),
        (&format!("{c}_01_000004/stdout.gz"), ExecutorStdout),
        ("node/i-0feed00000000002/applications/hadoop-yarn/yarn-yarn-nodemanager-ip-10-0-1-2.log.gz", NodeManager),
        (
            "node/i-0feed00000000001/applications/hadoop-yarn/hadoop-yarn-resourcemanager-ip-10-0-1-1.log.2026-10-02-09.gz",
            ResourceManager,
        ),
        ("node/i-0feed00000000002/daemons/instance-state/instance-state.log-2026-10-02-09-15.gz", InstanceState),
        ("node/i-0feed00000000002/bootstrap-actions/1/stderr.gz", Bootstrap),
        ("node/i-0feed00000000002/applications/hadoop-hdfs/hadoop-hdfs-datanode-ip-10-0-1-2.log.gz", Unknown),
        ("applications/00abc/jobs/00def/SPARK_DRIVER/stderr.gz", Driver),
        ("applications/00abc/jobs/00def/SPARK_EXECUTOR/3/stdout.gz", ExecutorStdout),
        ("1002-091717-abcd1234/driver/log4j-active.log", Driver),
        ("1002-091717-abcd1234/driver/log4j-2026-10-02-09.log.gz", Driver),
        ("1002-091717-abcd1234/driver/stdout", DriverStdout),
        ("1002-091717-abcd1234/driver/stderr--2026-10-02--09-00", Driver),
        ("1002-091717-abcd1234/executor/app-20261002091717-0000/5/stderr", Executor),
        (
            "1002-091717-abcd1234/init_scripts/1002-091717-abcd1234_10_61_2_14/20261002_091717_00_setup.sh.stderr.log",
            InitScript,
        ),
        ("dag_id=audience/run_id=scheduled__2026-10-02T00:00:00+00:00/task_id=aggregate/attempt=2.log", AirflowTask),
        ("attempt=1.log", AirflowTask),
        ("logs/scheduler/2026-10-02/audience.py.log", AirflowScheduler),
        ("driver.log", Driver),
        ("driver-stdout.log", DriverStdout),
        ("case/executor-3.log", Executor),
        ("executor_3_stdout.txt", ExecutorStdout),
        ("nodemanager.log", NodeManager),
        ("yarn-resourcemanager.log", ResourceManager),
        ("controller", StepController),
        ("step-stderr.log", StepStderr),
        ("stderr", Unknown),
        ("all.log", Unknown),
        ("", Unknown),
        ("/", Unknown),
    ] {
        assert_eq!(place_of(path).kind, kind, "{path}");
    }
}

#[test]
fn ids_in_a_path_are_taken() {
    let place = place_of(
        "j-2A7Q4M1N9KPLF/containers/application_1700176509758_0001/container_e17_1700176509758_0001_02_000004/stderr.gz",
    );
    assert_eq!(place.cluster.as_deref(), Some("j-2A7Q4M1N9KPLF"));
    assert_eq!(place.application.as_deref(), Some("application_1700176509758_0001"));
    assert_eq!(place.container.as_deref(), Some("container_e17_1700176509758_0001_02_000004"));
    assert_eq!(place.attempt, Some(2));
    let node = place_of("node/i-0feed00000000002/applications/hadoop-yarn/yarn-yarn-nodemanager-ip-10-0-1-2.log");
    assert_eq!((node.host.as_deref(), node.host_name.as_deref()), (Some("i-0feed00000000002"), Some("ip-10-0-1-2")));
    let executor = place_of("1002-091717-abcd1234/executor/app-20261002091717-0000/5/stderr");
    assert_eq!(executor.cluster.as_deref(), Some("1002-091717-abcd1234"));
    assert_eq!(executor.application.as_deref(), Some("app-20261002091717-0000"));
    assert_eq!(executor.executor.as_deref(), Some("5"));
    assert_eq!(place_of("executor-3.log").executor.as_deref(), Some("3"));
    let script = place_of("init_scripts/1002-091717-abcd1234_10_61_2_14/x.stderr.log");
    assert_eq!(script.host.as_deref(), Some("10.61.2.14"));
    let task = place_of("dag_id=a/run_id=b/task_id=c/map_index=3/attempt=2.log");
    assert_eq!((task.task.as_deref(), task.attempt), (Some("a/b/c"), Some(2)));
}
