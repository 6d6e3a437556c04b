//! What a file of logs is, told from its path.

/// What wrote a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// EMR's controller of a step: `steps/s-…/controller`.
    StepController,
    /// `steps/s-…/stderr`: the driver in client mode, the launcher in cluster mode.
    StepStderr,
    StepStdout,
    StepSyslog,
    /// The driver's log: `…_000001/stderr`, Databricks' `driver/log4j-active.log` and `driver/stderr`, `driver.log`.
    Driver,
    /// The driver's standard output: where PySpark's tracebacks are in cluster mode.
    DriverStdout,
    /// An executor's log or standard error.
    Executor,
    ExecutorStdout,
    NodeManager,
    ResourceManager,
    /// EMR's `daemons/instance-state`, with the kernel's messages.
    InstanceState,
    /// A bootstrap action of EMR.
    Bootstrap,
    /// An init script of Databricks.
    InitScript,
    /// A try of an Airflow task.
    AirflowTask,
    /// Airflow's scheduler.
    AirflowScheduler,
    /// The answer of a service, in JSON.
    Answer,
    #[default]
    Unknown,
}

/// What the path of a file says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPlace {
    pub kind: FileKind,
    /// `j-…` of EMR, or a cluster's id of Databricks.
    pub cluster: Option<String>,
    pub step: Option<String>,
    /// `application_…`, or `app-…` of a Databricks executor.
    pub application: Option<String>,
    /// `container_…`.
    pub container: Option<String>,
    /// The attempt: YARN's of the application, or Airflow's try.
    pub attempt: Option<u32>,
    /// The executor's number.
    pub executor: Option<String>,
    /// `i-…`, or the address of a node.
    pub host: Option<String>,
    /// `DAG/RUN/TASK` of Airflow, as far as the path says it.
    pub task: Option<String>,
}

/// Reads a path, relative or absolute, with `/`; `.gz` at its end means nothing.
pub fn place_of(_path: &str) -> LogPlace {
    LogPlace::default()
}
