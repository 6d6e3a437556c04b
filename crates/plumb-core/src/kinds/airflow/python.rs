//! The DAG file: one small Python file a DAG, written from the manifest alone, and read back.
//!
//! Everything that the manifest says stands in it as one JSON text that the file loads, so that no string of a manifest
//! can ever be taken for code. The code around it depends only on which features the manifest uses. Reading the JSON
//! back gives the live spec; writing the file again from it and comparing tells whether somebody edited the code.

use super::dag_spec::{DagSpec, DagTask, DataInterval, Defaults, OnFailure, Repair, TriggerRule, When};
use crate::kinds::{Mark, MarkPlace};
use plumb_model::text::seconds;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The member of a live spec that holds the file's mark.
pub const HEADER: &str = "header";
const FIRST: &str = "# plumb: ";
const SECOND: &str = "# Written by plumb (format ";
/// Raised when files that were written before have to be written again although their manifests did not change.
const FORMAT: u32 = 1;
const OPEN: &str = "SPEC = json.loads(r\"\"\"\n";
const CLOSE: &str = "\n\"\"\")\n";
/// Airflow 2 wants every DAG to have a start; one that only people or assets start is given this.
const EPOCH: &str = "2020-01-01";

/// What tasks call when they failed. Facts: Airflow 2 and 3 call it in the task's process, with its log; before Airflow notes
/// that the task failed, hence `--failed`. Up to 2.9 `try_number` of a task that has ended is that of the next try, and
/// `_try_number` what it counts from; later there is no `_try_number` (airflow/models/taskinstance.py).
const DIAGNOSE: &str = include_str!("diagnose.py");

/// What is called instead where others are told of the diagnosis. Facts: both majors give every callback of a task the same
/// context, in their order, and log what one raises. Airflow 2 mails before it calls them (airflow/models/taskinstance.py,
/// `_handle_failure`), 3 after (airflow/sdk/execution_time/task_runner.py, `finalize`), so that the mail of Airflow's own can
/// not hold a diagnosis on 2: it is a mail of this file's, sent in the same way.
const NOTIFY: &str = include_str!("notify.py");

/// The operator of tasks whose runs are repaired. Facts: `repair_run` of the provider's own operator fails without being
/// deferrable in 6.8.0 (`hook.repair_run(operator, …)` takes one argument), repairs once at most, repairs what was cancelled,
/// and fails the task after a repair that went well up to 7.23.0 (`raise` stands behind the waiting); of the parameters it
/// sends none, and `job_parameters` alone in newer ones (apache/airflow#64828). The service takes no parameters over from the
/// run by itself (apache/airflow#46704).
const REPAIR: &str = include_str!("repair.py");

/// The name of a DAG's file.
pub fn file_name(dag_id: &str) -> String {
    format!("{dag_id}.py")
}

/// Whether a file is plumb's: the first line says whose it is.
pub fn mark_of(text: &str) -> Option<&str> {
    let mark = text.lines().next()?.strip_prefix(FIRST)?;
    is_mark(mark).then_some(mark)
}

fn is_mark(text: &str) -> bool {
    let mut probe = json!({ HEADER: text });
    MarkPlace::Line(HEADER).take(&mut probe).is_some()
}

/// The mark of a file, read.
pub fn owner_of(text: &str) -> Option<Mark> {
    MarkPlace::Line(HEADER).take(&mut json!({ HEADER: mark_of(text)? }))
}

/// The data that a file of plumb's holds. `None` when it cannot be made out: somebody edited it.
pub fn data_of(text: &str) -> Option<Value> {
    let (_, rest) = text.split_once(OPEN)?;
    let (data, _) = rest.split_once(CLOSE)?;
    serde_json::from_str::<Value>(data).ok().filter(Value::is_object)
}

/// What a file of plumb's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// As plumb writes it.
    Intact,
    /// Written by an older plumb, in a form that is not to stay.
    Old,
    /// Changed by somebody else.
    Edited,
    /// A file that defines no DAG any more, on its way out.
    Leaving,
}

/// Tells what has become of a file of plumb's.
pub fn condition(text: &str) -> Condition {
    let format =
        text.lines().nth(1).and_then(|l| l.strip_prefix(SECOND)?.split([')', ',']).next()?.parse::<u32>().ok());
    if format.is_some_and(|f| f < FORMAT) {
        return Condition::Old;
    }
    let Some(mark) = mark_of(text) else { return Condition::Edited };
    if text == tombstone(mark) {
        return Condition::Leaving;
    }
    match data_of(text).and_then(|data| serde_json::from_value::<DagSpec>(data).ok()) {
        Some(spec) if write(&spec, mark) == text => Condition::Intact,
        _ => Condition::Edited,
    }
}

/// A file that keeps the mark and defines no DAG: Airflow lets go of the DAG, and until that is done everybody can see
/// whose it was.
pub fn tombstone(mark: &str) -> String {
    format!(
        "{FIRST}{mark}\n{SECOND}{FORMAT}). The DAG that Airflow had from this file is being deleted; the file goes last.\n"
    )
}

/// Writes the file of a DAG that `plumb` is the source of. `spec.dag_id` has to be set.
pub fn write(spec: &DagSpec, mark: &str) -> String {
    let mut out = PythonText::default();
    out.line(0, format!("{FIRST}{mark}"));
    out.line(0, format!("{SECOND}{FORMAT}). Change the manifest instead: an edit here is drift, and is taken back."));
    out.imports(spec);
    out.line(0, "# What the manifest says. It is data: no string in it is ever run.");
    out.text.push_str(OPEN);
    out.text.push_str(&data(spec));
    out.text.push_str(CLOSE);
    if spec.tasks.is_some() {
        out.line(0, "TASKS = {task[\"id\"]: task for task in SPEC[\"tasks\"]}");
    }
    out.deadline(spec);
    let helpers = helpers(spec);
    if !helpers.is_empty() {
        out.line(0, "");
        out.text.push_str(&helpers);
    }
    out.line(0, "");
    out.dag(spec);
    let tasks = in_order(spec.tasks.as_deref().unwrap_or_default());
    if tasks.is_empty() {
        out.line(1, "pass");
    } else {
        out.line(1, "run = {}");
    }
    for task in &tasks {
        out.task(task, spec);
    }
    for task in &tasks {
        for before in sorted(task.after.as_deref()) {
            out.line(1, format!("run[{}] >> run[{}]", literal(&before), literal(&task.id)));
        }
    }
    out.text
}

/// The file of a DAG that is no longer plumb's: the same without the mark.
pub fn released(spec: &DagSpec) -> String {
    let text = write(spec, "");
    let body = text.splitn(3, '\n').nth(2).unwrap_or_default();
    format!("# plumb wrote this file once; it is yours now.\n{body}")
}

/// The manifest's place that a line of the file (from 1) was written for: `tasks[load]`.
pub fn place_of(text: &str, line: usize) -> Option<String> {
    let before = text.lines().take(line).collect::<Vec<_>>();
    let start = before
        .iter()
        .rposition(|l| l.starts_with("    run[") || l.starts_with("with DAG(") || l.starts_with("SPEC ="))?;
    let id = before[start].strip_prefix("    run[\"")?.split("\"]").next()?;
    Some(format!("tasks[{id}]"))
}

/// The manifest as JSON text: in the order of the type's members, tasks and sets in one order, without what the file
/// does not decide.
fn data(spec: &DagSpec) -> String {
    let mut spec = spec.clone();
    spec.paused = None;
    spec.catch_up_now = None;
    let set = |list: &mut Option<Vec<String>>| {
        if let Some(list) = list {
            list.sort();
            list.dedup();
        }
    };
    set(&mut spec.tags);
    if let Some(schedule) = &mut spec.schedule {
        set(&mut schedule.assets);
    }
    if let Some(notify) = &mut spec.notify {
        set(&mut notify.email);
    }
    for task in spec.tasks.iter_mut().flatten() {
        set(&mut task.after);
        set(&mut task.outlets);
    }
    spec.tasks = spec.tasks.as_deref().map(|tasks| in_order(tasks).into_iter().cloned().collect());
    // Serializing these types cannot fail: their maps have strings for keys.
    plain(&serde_json::to_string_pretty(&spec).unwrap_or_default())
}

/// JSON text in which nothing can be mistaken: letters and digits of all scripts stay, every other character that is not
/// ASCII is escaped (a file must not read other than it is), and so is a `${` that plumb itself would fill in.
fn plain(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for (at, c) in json.char_indices() {
        let is_reference = || json[at..].starts_with("${resources.");
        match c {
            '$' if json[at..].starts_with("${") && !is_reference() => out.push_str("\\u0024"),
            '\u{7f}' => out.push_str("\\u007f"),
            c if c.is_ascii() || c.is_alphanumeric() => out.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    out
}

/// A string as a Python literal. Only ids are written so, and they hold nothing that needs it.
fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out + "\""
}

fn sorted(list: Option<&[String]>) -> BTreeSet<String> {
    list.unwrap_or_default().iter().cloned().collect()
}

/// The tasks, each behind those it waits for, and otherwise by id. Tasks in a circle come last.
fn in_order(tasks: &[DagTask]) -> Vec<&DagTask> {
    let mut left: BTreeMap<&str, &DagTask> = tasks.iter().map(|t| (t.id.as_str(), t)).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let ready =
            |task: &DagTask| !task.after.iter().flatten().any(|id| *id != task.id && left.contains_key(id.as_str()));
        let mut next: Vec<&str> = left.iter().filter(|(_, t)| ready(t)).map(|(id, _)| *id).collect();
        if next.is_empty() {
            next = left.keys().copied().collect();
        }
        order.extend(next.iter().filter_map(|id| left.remove(id)));
    }
    order
}

/// The text, line by line.
#[derive(Default)]
struct PythonText {
    text: String,
}

impl PythonText {
    fn line(&mut self, indent: usize, line: impl AsRef<str>) {
        if !line.as_ref().is_empty() {
            self.text.push_str(&"    ".repeat(indent));
            self.text.push_str(line.as_ref());
        }
        self.text.push('\n');
    }

    fn imports(&mut self, spec: &DagSpec) {
        let any =
            spec.schedule.as_ref().is_some_and(|s| s.when == Some(When::Any) && s.assets.iter().flatten().count() > 1);
        let repairs = spec.tasks.iter().flatten().any(|task| repair(task, spec).is_some());
        let modules = [
            (notifies(spec), "asyncio"),
            (any, "functools"),
            (notifies(spec), "html"),
            (notifies(spec), "importlib"),
            (repairs, "inspect"),
            (true, "json"),
            (diagnoses(spec), "logging"),
            (any, "operator"),
            (diagnoses(spec), "shutil"),
            (diagnoses(spec), "subprocess"),
            (repairs, "time"),
        ];
        for (_, module) in modules.iter().filter(|(on, _)| *on) {
            self.line(0, format!("import {module}"));
        }
        if uses_durations(spec) {
            self.line(0, "from datetime import timedelta");
        }
        self.line(0, "");
        self.line(0, "import pendulum");
        self.line(0, "from airflow import DAG");
        if spec.tasks.iter().flatten().next().is_some() {
            self.line(0, "from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator");
        }
        if repairs {
            self.line(0, "from airflow.providers.databricks.triggers.databricks import DatabricksExecutionTrigger");
        }
        if let Some(module) = timetable(spec) {
            self.line(0, format!("from airflow.timetables.{} import {}", module.0, module.1));
        }
        let assets = spec.schedule.as_ref().is_some_and(|s| s.assets.is_some());
        if assets || spec.tasks.iter().flatten().any(|t| t.outlets.is_some()) {
            self.line(0, "");
            self.line(0, "try:");
            self.line(1, "from airflow.sdk import Asset");
            self.line(0, "except ImportError:  # Airflow 2");
            self.line(1, "from airflow.datasets import Dataset as Asset");
        }
        self.line(0, "");
    }

    /// A deadline is an alert of its own on Airflow 3.1 and later, and the tasks' SLA on Airflow 2.
    fn deadline(&mut self, spec: &DagSpec) {
        if spec.deadline.is_none() {
            return;
        }
        let callback = match &spec.deadline_callback {
            Some(callback) if callback.arguments.is_some() => {
                "AsyncCallback(SPEC[\"deadline_callback\"][\"path\"], kwargs=SPEC[\"deadline_callback\"][\"arguments\"])"
            }
            Some(_) => "AsyncCallback(SPEC[\"deadline_callback\"][\"path\"])",
            // It has to call something; the miss itself is what counts.
            None => "AsyncCallback(\"asyncio.sleep\", kwargs={\"delay\": 0})",
        };
        self.line(0, "");
        self.line(0, format!("DUE = {}", delta(spec.deadline.as_deref())));
        self.line(0, "try:");
        self.line(1, "from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference");
        self.line(0, "except ImportError:  # before Airflow 3.1");
        self.line(1, "LATE, SLA = {}, {\"sla\": DUE}");
        self.line(0, "else:");
        self.line(1, format!("NOTED = {callback}"));
        self.line(
            1,
            "ALERT = DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=DUE, callback=NOTED)",
        );
        self.line(1, "LATE, SLA = {\"deadline\": ALERT}, {}");
    }

    fn dag(&mut self, spec: &DagSpec) {
        self.line(0, "with DAG(");
        self.line(1, "dag_id=SPEC[\"dag_id\"],");
        for (on, argument, member) in [
            (spec.display_name.is_some(), "dag_display_name", "display_name"),
            (spec.description.is_some(), "description", "description"),
            (spec.doc.is_some(), "doc_md", "doc"),
        ] {
            if on {
                self.line(1, format!("{argument}=SPEC[\"{member}\"],"));
            }
        }
        self.line(1, format!("schedule={},", schedule(spec)));
        let zone = match spec.schedule.as_ref().and_then(|s| s.timezone.as_ref()) {
            Some(_) => "SPEC[\"schedule\"][\"timezone\"]",
            None => "\"UTC\"",
        };
        let start = if spec.start_date.is_some() { "SPEC[\"start_date\"]".to_owned() } else { literal(EPOCH) };
        self.line(1, format!("start_date=pendulum.parse({start}, tz={zone}),"));
        if spec.end_date.is_some() {
            self.line(1, format!("end_date=pendulum.parse(SPEC[\"end_date\"], tz={zone}),"));
        }
        self.line(1, format!("catchup={},", truth(spec.catchup.unwrap_or(false))));
        self.line(1, "is_paused_upon_creation=True,  # plumb switches it on when this very version is parsed");
        for (member, value) in [("max_active_runs", spec.max_active_runs), ("max_active_tasks", spec.max_active_tasks)]
        {
            if value.is_some() {
                self.line(1, format!("{member}=SPEC[\"{member}\"],"));
            }
        }
        if spec.dagrun_timeout.is_some() {
            self.line(1, format!("dagrun_timeout={},", delta(spec.dagrun_timeout.as_deref())));
        }
        if spec.params.is_some() {
            self.line(1, "params=SPEC[\"params\"],");
        }
        self.line(1, if spec.tags.is_some() { "tags=[\"plumb\", *SPEC[\"tags\"]]," } else { "tags=[\"plumb\"]," });
        self.default_args(spec);
        if spec.deadline.is_some() {
            self.line(1, "**LATE,");
        }
        self.line(0, ") as dag:");
    }

    fn default_args(&mut self, spec: &DagSpec) {
        let mut args = Vec::new();
        if spec.owner.is_some() {
            args.push("\"owner\": SPEC[\"owner\"]".to_owned());
        }
        if let Some(defaults) = &spec.defaults {
            let Defaults {
                connection,
                retries,
                retry_delay,
                retry_exponential_backoff,
                max_retry_delay,
                timeout,
                pool,
                deferrable,
                poll,
                // Each task says it: what is default here is no argument of the provider's operator.
                repair: _,
            } = defaults;
            let mut plain = |on: bool, argument: &str, member: &str| {
                if on {
                    args.push(format!("\"{argument}\": SPEC[\"defaults\"][\"{member}\"]"));
                }
            };
            plain(connection.is_some(), "databricks_conn_id", "connection");
            plain(retries.is_some(), "retries", "retries");
            plain(retry_exponential_backoff.is_some(), "retry_exponential_backoff", "retry_exponential_backoff");
            plain(pool.is_some(), "pool", "pool");
            plain(deferrable.is_some(), "deferrable", "deferrable");
            for (argument, text) in
                [("retry_delay", retry_delay), ("max_retry_delay", max_retry_delay), ("execution_timeout", timeout)]
            {
                if text.is_some() {
                    args.push(format!("\"{argument}\": {}", delta(text.as_deref())));
                }
            }
            if let Some(poll) = poll.as_deref().and_then(seconds) {
                args.push(format!("\"polling_period_seconds\": {poll}"));
            }
        }
        if diagnoses(spec) {
            let called = if notifies(spec) { "tell" } else { "diagnose" };
            args.push(format!("\"on_failure_callback\": {called}"));
        }
        if spec.deadline.is_some() {
            args.push("**SLA".to_owned());
        }
        if args.is_empty() {
            return;
        }
        self.line(1, "default_args={");
        for arg in args {
            self.line(2, format!("{arg},"));
        }
        self.line(1, "},");
    }

    fn task(&mut self, task: &DagTask, spec: &DagSpec) {
        let id = literal(&task.id);
        let repair = repair(task, spec);
        let operator = if repair.is_some() { "RepairingRunNow" } else { "DatabricksRunNowOperator" };
        self.line(1, format!("run[{id}] = {operator}("));
        self.line(2, format!("task_id={id},"));
        let mut lines = Vec::new();
        let mut plain = |on: bool, argument: &str, member: &str| {
            if on {
                lines.push(format!("{argument}=TASKS[{id}][\"{member}\"],"));
            }
        };
        plain(task.run.is_some(), "job_id", "run");
        plain(task.job.is_some(), "job_name", "job");
        plain(task.connection.is_some(), "databricks_conn_id", "connection");
        plain(task.depends_on_past.is_some(), "depends_on_past", "depends_on_past");
        plain(task.retries.is_some(), "retries", "retries");
        plain(task.retry_exponential_backoff.is_some(), "retry_exponential_backoff", "retry_exponential_backoff");
        plain(task.pool.is_some(), "pool", "pool");
        plain(task.pool_slots.is_some(), "pool_slots", "pool_slots");
        plain(task.priority_weight.is_some(), "priority_weight", "priority_weight");
        plain(task.deferrable.is_some(), "deferrable", "deferrable");
        plain(task.wait.is_some(), "wait_for_termination", "wait");
        plain(task.doc.is_some(), "doc_md", "doc");
        plain(task.trigger_rule.is_some_and(|r| r != TriggerRule::AllSuccess), "trigger_rule", "trigger_rule");
        let has_parameters = has_parameters(task);
        // Not by arguments of their own: `job_parameters` is none in providers of the time of Airflow 2.9.
        if has_parameters {
            lines.push(format!("json=dict(TASKS[{id}][\"params\"]),"));
        }
        for (argument, text) in [
            ("retry_delay", &task.retry_delay),
            ("max_retry_delay", &task.max_retry_delay),
            ("execution_timeout", &task.timeout),
        ] {
            if text.is_some() {
                lines.push(format!("{argument}={},", delta(text.as_deref())));
            }
        }
        if let Some(poll) = task.poll.as_deref().and_then(seconds) {
            lines.push(format!("polling_period_seconds={poll},"));
        }
        if task.outlets.is_some() {
            lines.push(format!("outlets=[Asset(uri) for uri in TASKS[{id}][\"outlets\"]],"));
        }
        if let Some((of, Repair { keep_parameters, .. })) = repair {
            let place = if of == RepairPlace::Task { format!("TASKS[{id}]") } else { "SPEC[\"defaults\"]".to_owned() };
            lines.push(format!("max_repairs={place}[\"repair\"][\"maxRepairs\"],"));
            if keep_parameters.is_some() {
                lines.push(format!("keep_parameters={place}[\"repair\"][\"keepParameters\"],"));
            }
        }
        // A request to run the job that is sent again, because its answer was lost, then starts nothing twice.
        lines.push("idempotency_token=\"{{ macros.uuid.uuid4() }}\",".to_owned());
        for line in lines {
            self.line(2, line);
        }
        self.line(1, ")");
        if !has_parameters && spec.params.is_some() {
            self.line(
                1,
                format!("run[{id}].forward_dag_params = False  # some versions would pass the DAG's params on"),
            );
        }
    }
}

/// Whether tasks that failed are diagnosed.
fn diagnoses(spec: &DagSpec) -> bool {
    spec.on_failure == Some(OnFailure::Diagnose) && spec.tasks.iter().flatten().next().is_some()
}

/// Whether others are told of the diagnosis.
fn notifies(spec: &DagSpec) -> bool {
    diagnoses(spec) && spec.notify.as_ref().is_some_and(|n| n.email.is_some() || n.callbacks.is_some())
}

/// The function that diagnoses, with a log that it is given.
fn diagnose_into() -> String {
    DIAGNOSE.replacen("def diagnose(context):", "def diagnose(context, log):", 1).replacen(
        "    log = logging.getLogger(\"airflow.task\")\n",
        "",
        1,
    )
}

/// The functions and the class that the tasks need.
fn helpers(spec: &DagSpec) -> String {
    let mut text = String::new();
    if notifies(spec) {
        text = diagnose_into() + NOTIFY;
    } else if diagnoses(spec) {
        text.push_str(DIAGNOSE);
    }
    if spec.tasks.iter().flatten().any(|task| repair(task, spec).is_some()) {
        text.push_str(REPAIR);
    }
    text
}

/// Where the repair of a task is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RepairPlace {
    Task,
    Defaults,
}

/// How failed runs of a task are repaired. A task that does not wait for its run cannot know how that ended.
fn repair<'s>(task: &'s DagTask, spec: &'s DagSpec) -> Option<(RepairPlace, &'s Repair)> {
    let own = task.repair.as_ref().map(|repair| (RepairPlace::Task, repair));
    let of_all = || Some((RepairPlace::Defaults, spec.defaults.as_ref()?.repair.as_ref()?));
    own.or_else(of_all).filter(|_| task.wait != Some(false))
}

/// Whether the run is given anything.
fn has_parameters(task: &DagTask) -> bool {
    task.params.as_ref().is_some_and(|params| json!(params) != json!({}))
}

/// The timetable that a cron expression is written out as, so that it means the same on every Airflow.
fn timetable(spec: &DagSpec) -> Option<(&'static str, &'static str)> {
    match spec.cron()? {
        "@once" | "@continuous" => None,
        _ if spec.data_interval() == DataInterval::Tick => Some(("trigger", "CronTriggerTimetable")),
        _ => Some(("interval", "CronDataIntervalTimetable")),
    }
}

fn schedule(spec: &DagSpec) -> String {
    if let Some((_, class)) = timetable(spec) {
        let zone = match spec.schedule.as_ref().and_then(|s| s.timezone.as_ref()) {
            Some(_) => "SPEC[\"schedule\"][\"timezone\"]",
            None => "\"UTC\"",
        };
        return format!("{class}(SPEC[\"schedule\"][\"cron\"], timezone={zone})");
    }
    let assets = spec.schedule.as_ref().and_then(|s| Some((s.assets.as_ref()?.len(), s.when)));
    match (spec.cron(), assets) {
        (Some(_), _) => "SPEC[\"schedule\"][\"cron\"]".to_owned(),
        (None, Some((2.., Some(When::Any)))) => {
            "functools.reduce(operator.or_, [Asset(uri) for uri in SPEC[\"schedule\"][\"assets\"]])".to_owned()
        }
        (None, Some(_)) => "[Asset(uri) for uri in SPEC[\"schedule\"][\"assets\"]]".to_owned(),
        (None, None) => "None".to_owned(),
    }
}

fn uses_durations(spec: &DagSpec) -> bool {
    let of_defaults = spec.defaults.iter().flat_map(|d| [&d.retry_delay, &d.max_retry_delay, &d.timeout]);
    let of_tasks = spec.tasks.iter().flatten().flat_map(|t| [&t.retry_delay, &t.max_retry_delay, &t.timeout]);
    [&spec.deadline, &spec.dagrun_timeout].into_iter().chain(of_defaults).chain(of_tasks).any(Option::is_some)
}

/// A duration as Python. The check of the kind has seen to it that it is one.
fn delta(text: Option<&str>) -> String {
    format!("timedelta(seconds={})", text.and_then(seconds).unwrap_or_default())
}

fn truth(on: bool) -> &'static str {
    if on { "True" } else { "False" }
}
