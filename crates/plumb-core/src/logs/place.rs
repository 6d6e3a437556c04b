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

impl FileKind {
    /// The words of the catalogue's `in`.
    pub const NAMES: &'static [(&'static str, FileKind)] = &[
        ("controller", FileKind::StepController),
        ("step-stderr", FileKind::StepStderr),
        ("step-stdout", FileKind::StepStdout),
        ("syslog", FileKind::StepSyslog),
        ("driver", FileKind::Driver),
        ("driver-stdout", FileKind::DriverStdout),
        ("executor", FileKind::Executor),
        ("executor-stdout", FileKind::ExecutorStdout),
        ("nodemanager", FileKind::NodeManager),
        ("resourcemanager", FileKind::ResourceManager),
        ("instance-state", FileKind::InstanceState),
        ("bootstrap", FileKind::Bootstrap),
        ("init-script", FileKind::InitScript),
        ("airflow", FileKind::AirflowTask),
        ("scheduler", FileKind::AirflowScheduler),
        ("answer", FileKind::Answer),
    ];
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
    /// Another name of that node, where the path has two: `ip-10-0-1-2` of `…nodemanager-ip-10-0-1-2.log` below `node/i-…/`.
    pub host_name: Option<String>,
    /// `DAG/RUN/TASK` of Airflow, as far as the path says it.
    pub task: Option<String>,
}

/// Reads a path, relative or absolute, with `/`; `.gz` at its end means nothing. Sources: where EMR, Databricks and Airflow
/// put their logs; what is named by hand (`driver.log`, `executor-3.log`) is told by the words in its name.
pub fn place_of(path: &str) -> LogPlace {
    let path = path.replace('\\', "/");
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let Some((file, folders)) = parts.split_last() else { return LogPlace::default() };
    let file = file.strip_suffix(".gz").unwrap_or(file);
    let mut place = LogPlace::default();
    for part in folders.iter().chain([&file]) {
        place.name_part(part);
    }
    let after = |name: &str| folders.iter().rposition(|part| *part == name).map(|at| &folders[at + 1..]);
    let of_file = place.kind_in_container(file);
    if of_file != FileKind::Unknown {
        place.kind = of_file;
    } else if let Some([step, ..]) = after("steps") {
        place.step = Some((*step).to_owned());
        place.kind = step_file(file);
    } else if let Some([instance, rest @ ..]) = after("node") {
        place.host = Some((*instance).to_owned());
        place.kind = node_file(rest, file);
        place.host_name = host_in_name(file);
    } else if let Some([job, rest @ ..]) = after("jobs") {
        place.step = Some((*job).to_owned());
        place.kind = serverless_file(rest, file);
        place.executor = rest.iter().skip_while(|part| **part != "SPARK_EXECUTOR").nth(1).map(|n| (*n).to_owned());
    } else if folders.last() == Some(&"driver") {
        place.kind = if is_stdout(file) { FileKind::DriverStdout } else { FileKind::Driver };
    } else if let Some([application, number]) = after("executor") {
        place.application = Some((*application).to_owned());
        place.executor = Some((*number).to_owned());
        place.kind = if is_stdout(file) { FileKind::ExecutorStdout } else { FileKind::Executor };
    } else if let Some(rest) = after("init_scripts") {
        place.kind = FileKind::InitScript;
        // `CLUSTER_ADDRESS`: of the node that ran the script.
        place.host = rest.first().and_then(|part| part.split_once('_')).map(|(_, host)| host.replace('_', "."));
    } else if let Some(task) = airflow_task(folders, file) {
        place.kind = FileKind::AirflowTask;
        place.task = Some(task).filter(|task| !task.is_empty());
        place.attempt = number_behind(file, "attempt=").or_else(|| file.strip_suffix(".log")?.parse().ok());
    } else {
        place.kind = loose_file(folders, file);
        place.attempt = number_behind(file, "attempt=").or(place.attempt);
        if matches!(place.kind, FileKind::Executor | FileKind::ExecutorStdout) {
            place.executor = place.executor.or_else(|| first_number(file));
        }
        if matches!(place.kind, FileKind::NodeManager | FileKind::InstanceState) {
            place.host = place.host.or_else(|| host_in_name(file));
        }
    }
    place
}

impl LogPlace {
    /// Takes the ids that a part of a path is, or that stand in it.
    fn name_part(&mut self, part: &str) {
        if is_id(part, "j-") || is_databricks_cluster(part) {
            self.cluster = Some(part.to_owned());
        } else if is_id(part, "s-") {
            self.step = Some(part.to_owned());
        } else if is_id(part, "i-") {
            self.host = Some(part.to_owned());
        }
        let word = |start: &str| {
            let from = part.find(start)?;
            let rest = &part[from..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            Some(rest[..end].trim_end_matches('_').to_owned())
        };
        if let Some(container) = word("container_") {
            if let Some((application, attempt, _)) = container_parts(&container) {
                self.application = Some(application);
                self.attempt = Some(attempt);
                self.container = Some(container);
            }
        } else if let Some(application) = word("application_") {
            self.application = Some(application);
        }
    }

    /// What a file of a container is: the first container of an attempt is the driver, the others are executors.
    fn kind_in_container(&self, file: &str) -> FileKind {
        let Some((_, _, number)) = self.container.as_deref().and_then(container_parts) else {
            return FileKind::Unknown;
        };
        match (number, is_stdout(file)) {
            (1, false) => FileKind::Driver,
            (1, true) => FileKind::DriverStdout,
            (_, false) => FileKind::Executor,
            (_, true) => FileKind::ExecutorStdout,
        }
    }
}

/// The application, attempt and number of a container: `container_1700176509758_0001_02_000001`, or with an epoch,
/// `container_e17_1700176509758_0001_02_000001`.
pub fn container_parts(container: &str) -> Option<(String, u32, u64)> {
    let mut parts: Vec<&str> = container.strip_prefix("container_")?.split('_').collect();
    if parts.first().is_some_and(|first| first.starts_with('e')) {
        parts.remove(0);
    }
    let [cluster, application, attempt, number] = parts[..] else { return None };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(cluster) || !digits(application) {
        return None;
    }
    Some((format!("application_{cluster}_{application}"), attempt.parse().ok()?, number.parse().ok()?))
}

/// `j-2A7Q4M1N9KPLF`, `s-1K2L…`, and with small hexadecimal digits `i-0feed…`.
fn is_id(part: &str, prefix: &str) -> bool {
    let fits = |b: u8| match prefix {
        "i-" => b.is_ascii_hexdigit() && !b.is_ascii_uppercase(),
        _ => b.is_ascii_digit() || b.is_ascii_uppercase(),
    };
    part.strip_prefix(prefix).is_some_and(|id| id.len() >= 4 && id.bytes().all(fits))
}

/// `1002-091717-abcd1234`.
fn is_databricks_cluster(part: &str) -> bool {
    let parts: Vec<&str> = part.split('-').collect();
    let digits = |text: &str, most: usize| text.len() == most && text.bytes().all(|b| b.is_ascii_digit());
    matches!(parts[..], [day, time, id] if digits(day, 4) && digits(time, 6)
        && id.len() >= 5 && id.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_stdout(file: &str) -> bool {
    file.contains("stdout")
}

fn step_file(file: &str) -> FileKind {
    match file.split(['.', '-', '_']).next().unwrap_or_default() {
        "controller" => FileKind::StepController,
        "stderr" => FileKind::StepStderr,
        "stdout" => FileKind::StepStdout,
        "syslog" => FileKind::StepSyslog,
        _ => FileKind::Unknown,
    }
}

/// Below `node/i-…/`.
fn node_file(rest: &[&str], file: &str) -> FileKind {
    if rest.contains(&"bootstrap-actions") {
        FileKind::Bootstrap
    } else if file.contains("instance-state") {
        FileKind::InstanceState
    } else if file.contains("resourcemanager") {
        FileKind::ResourceManager
    } else if file.contains("nodemanager") {
        FileKind::NodeManager
    } else {
        FileKind::Unknown
    }
}

/// Below `jobs/JOBRUN/` of EMR Serverless (`SPARK_DRIVER/stderr`, `SPARK_EXECUTOR/3/stderr`) and of EMR on EKS
/// (`containers/…-driver/stderr`, `…-exec-3/stderr`).
fn serverless_file(rest: &[&str], file: &str) -> FileKind {
    let is_driver = rest.iter().any(|part| *part == "SPARK_DRIVER" || part.ends_with("-driver"));
    let is_executor = rest.iter().any(|part| *part == "SPARK_EXECUTOR" || part.contains("-exec-"));
    match (is_driver, is_executor, is_stdout(file)) {
        (true, _, false) => FileKind::Driver,
        (true, _, true) => FileKind::DriverStdout,
        (_, true, false) => FileKind::Executor,
        (_, true, true) => FileKind::ExecutorStdout,
        _ => FileKind::Unknown,
    }
}

/// `DAG/RUN/TASK` of `dag_id=…/run_id=…/task_id=…/attempt=1.log`.
fn airflow_task(folders: &[&str], file: &str) -> Option<String> {
    let of = |key: &str| folders.iter().find_map(|part| part.strip_prefix(key));
    if !file.starts_with("attempt=") && of("task_id=").is_none() {
        return None;
    }
    let named = [of("dag_id="), of("run_id="), of("task_id=")];
    Some(named.into_iter().flatten().collect::<Vec<_>>().join("/"))
}

/// A file that was named by hand, or lies outside of its layout.
fn loose_file(folders: &[&str], file: &str) -> FileKind {
    let name = file.to_ascii_lowercase();
    let has = |word: &str| name.contains(word);
    let below = |word: &str| {
        let rest = folders.last().and_then(|folder| folder.strip_prefix(word));
        rest.is_some_and(|rest| rest.trim_start_matches(['s', '-', '_']).bytes().all(|b| b.is_ascii_digit()))
    };
    let out = is_stdout(&name);
    if has("instance-state") || has("instance_state") {
        FileKind::InstanceState
    } else if has("nodemanager") || has("node-manager") {
        FileKind::NodeManager
    } else if has("resourcemanager") || has("resource-manager") {
        FileKind::ResourceManager
    } else if has("bootstrap") || below("bootstrap") {
        FileKind::Bootstrap
    } else if has("init_script") || has("init-script") {
        FileKind::InitScript
    } else if has("scheduler") || has("dag_processor") || folders.contains(&"scheduler") {
        FileKind::AirflowScheduler
    } else if has("airflow") {
        FileKind::AirflowTask
    } else if has("driver") || has("log4j") || below("driver") {
        if out { FileKind::DriverStdout } else { FileKind::Driver }
    } else if has("executor") || below("executor") {
        if out { FileKind::ExecutorStdout } else { FileKind::Executor }
    } else if has("controller") {
        FileKind::StepController
    } else if has("step") && has("stderr") {
        FileKind::StepStderr
    } else if has("step") && out {
        FileKind::StepStdout
    } else if has("syslog") {
        FileKind::StepSyslog
    } else {
        FileKind::Unknown
    }
}

/// `ip-10-0-1-2` in a file's name.
fn host_in_name(file: &str) -> Option<String> {
    let from = file.find("ip-")?;
    let rest = &file[from + 3..];
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(rest.len());
    let name = rest[..end].trim_end_matches('-');
    (name.split('-').count() == 4).then(|| format!("ip-{name}"))
}

fn number_behind(file: &str, word: &str) -> Option<u32> {
    let rest = &file[file.find(word)? + word.len()..];
    rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
}

/// The first number behind `executor` in a name: `executor-3.log`, `executor_3_stdout`.
fn first_number(file: &str) -> Option<String> {
    let rest = &file[file.find("executor")? + "executor".len()..];
    let rest = rest.trim_start_matches(['-', '_', '=']);
    let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
    (!digits.is_empty()).then(|| digits.to_owned())
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
