//! What Databricks says of runs, their tasks and their outputs. Shapes: `jobs.py` of databricks-sdk. Older answers have `state`,
//! newer ones `status`, most have both; every member may be missing.

use super::Beside;
use super::locate::AnswerMember;
use super::reader::{About, AnswerReader};
use crate::diagnose::clue::{ClueRole, Layer, Strength};
use crate::diagnose::facts::RunSubject;
use crate::diagnose::result::RunOutcome;
use crate::parity::dates::{period_in, period_of};
use jiff::Timestamp;
use serde_json::Value;

/// The class of a run or task that failed, whatever it was.
const RUN_FAILED: &str = "RUN_EXECUTION_ERROR";

/// States and codes that say only that something failed, elsewhere or not.
const BARE: &[&str] = &[
    "FAILED",
    "INTERNAL_ERROR",
    "RUN_EXECUTION_ERROR",
    "UPSTREAM_FAILED",
    "UPSTREAM_CANCELED",
    "CANCELED",
    "SKIPPED",
    "CLUSTER_ERROR",
    "DRIVER_ERROR",
];

/// An attempt at a task of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct TaskAttempt {
    pub task: Option<String>,
    /// From 1: the service's count, or how many of its attempts are told if those are more: a repair may begin anew.
    pub attempt: Option<u32>,
    pub run: Option<String>,
    pub cluster: Option<String>,
    pub outcome: RunOutcome,
    /// Whether a later attempt at this task succeeded: then nobody wants to know why this one failed.
    pub recovered: bool,
}

/// The attempts at the tasks of a run, in the order of [`tasks`]. Members of wrong types are as if they were missing: [`run`]
/// says so.
pub(super) fn attempts(run: AnswerMember<'_>) -> Vec<TaskAttempt> {
    // Which repair ran a task's run: the later, the later.
    let mut repairs: Vec<AnswerMember<'_>> = run.get("repair_history").items().collect();
    repairs.sort_by_key(|repair| repair.get("start_time").value.as_i64());
    let repair_of = |id: &Value| {
        let has = |repair: &AnswerMember<'_>| repair.get("task_run_ids").items().any(|item| item.value == id);
        repairs.iter().rposition(has).map(|at| at + 1).unwrap_or_default()
    };
    let told = tasks(run).map(|task| {
        let number = task.get("attempt_number").value.as_u64().unwrap_or_default();
        let started = task.get("start_time").value.as_i64().filter(|started| *started > 0);
        let order = (started, repair_of(task.get("run_id").value), number);
        let attempt = TaskAttempt {
            task: id(task.get("task_key")),
            attempt: u32::try_from(number).ok().and_then(|number| number.checked_add(1)),
            run: id(task.get("run_id")),
            cluster: id(task.get("cluster_instance").get("cluster_id")).or_else(|| id(task.get("existing_cluster_id"))),
            outcome: State::of(task).outcome(),
            recovered: false,
        };
        (order, attempt)
    });
    let told: Vec<_> = told.collect();
    let is_same = |a: &TaskAttempt, b: &TaskAttempt| a.task.is_some() && a.task == b.task;
    // By time; a retry is in no repair. Without their times, by the repair and the number in it.
    let is_later = |a: &(Option<i64>, usize, u64), b: &(Option<i64>, usize, u64)| match a.0.zip(b.0) {
        Some((a_started, b_started)) if a_started != b_started => a_started > b_started,
        _ => (a.1, a.2) > (b.1, b.2),
    };
    let completed = told.iter().map(|(order, this)| {
        let others = || told.iter().filter(|(_, other)| is_same(this, other));
        let before = others().filter(|(other, _)| is_later(order, other)).count();
        let rank = u32::try_from(before).ok().and_then(|before| before.checked_add(1));
        TaskAttempt {
            attempt: this.attempt.max(rank),
            recovered: others().any(|(other, task)| is_later(other, order) && task.outcome == RunOutcome::Succeeded),
            ..this.clone()
        }
    });
    completed.collect()
}

/// The tasks of a run, or the iterations of one.
fn tasks(run: AnswerMember<'_>) -> impl Iterator<Item = AnswerMember<'_>> {
    let both = run.get("tasks").items().chain(run.get("iterations").items());
    both.filter(|task| task.value.is_object())
}

/// An id, as text.
pub(super) fn id(member: AnswerMember<'_>) -> Option<String> {
    match member.value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Both forms of a state.
struct State<'a> {
    /// `life_cycle_state`, or the newer `status.state`.
    life: AnswerMember<'a>,
    result: AnswerMember<'a>,
    message: AnswerMember<'a>,
    code: AnswerMember<'a>,
    kind: AnswerMember<'a>,
    detail: AnswerMember<'a>,
}

impl<'a> State<'a> {
    fn of(run: AnswerMember<'a>) -> State<'a> {
        let (state, status) = (run.get("state"), run.get("status"));
        let details = status.get("termination_details");
        let life = state.get("life_cycle_state");
        State {
            life: if life.is_absent() { status.get("state") } else { life },
            result: state.get("result_state"),
            message: state.get("state_message"),
            code: details.get("code"),
            kind: details.get("type"),
            detail: details.get("message"),
        }
    }

    /// What decides, and is quoted.
    fn member(&self) -> AnswerMember<'a> {
        let all = [self.result, self.code, self.life];
        all.into_iter().find(|member| member.value.is_string()).unwrap_or(self.life)
    }

    fn outcome(&self) -> RunOutcome {
        let text = |member: AnswerMember<'a>| member.value.as_str().unwrap_or_default();
        let by_life = match text(self.life) {
            "PENDING" | "RUNNING" | "TERMINATING" | "QUEUED" | "BLOCKED" | "WAITING" | "WAITING_FOR_RETRY" => {
                RunOutcome::Running
            }
            "INTERNAL_ERROR" | "SKIPPED" => RunOutcome::Failed,
            _ => RunOutcome::Unknown,
        };
        let by_code = match (text(self.code), text(self.kind)) {
            ("SUCCESS" | "SUCCESS_WITH_FAILURES", _) | ("", "SUCCESS") => RunOutcome::Succeeded,
            ("DISABLED", _) | ("", "") => RunOutcome::Unknown,
            _ => RunOutcome::Failed,
        };
        let by_result = match text(self.result) {
            "SUCCESS" | "SUCCESS_WITH_FAILURES" => RunOutcome::Succeeded,
            "FAILED"
            | "TIMEDOUT"
            | "CANCELED"
            | "MAXIMUM_CONCURRENT_RUNS_REACHED"
            | "UPSTREAM_FAILED"
            | "UPSTREAM_CANCELED" => RunOutcome::Failed,
            // Not wanted, so not run: neither of both.
            "EXCLUDED" | "DISABLED" => return RunOutcome::Unknown,
            _ => RunOutcome::Unknown,
        };
        [by_result, by_code, by_life].into_iter().find(|outcome| *outcome != RunOutcome::Unknown).unwrap_or_default()
    }
}

/// `GET /api/2.2/jobs/runs/get`, of a job's run or of a task's.
pub(super) fn run(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>) {
    let state = State::of(answer);
    reader.facts.subject = subject(reader, answer);
    reader.facts.read.runs = 1;
    let tasks = reader.list(answer.get("tasks"));
    let iterations = reader.list(answer.get("iterations"));
    reader.facts.read.tasks = (tasks.len() + iterations.len()) as u64;
    let attempts = attempts(answer);

    let outcome = told(reader, answer);
    if outcome != RunOutcome::Unknown {
        let member = state.member();
        let said = [state.life, state.result, state.code].map(|part| part.value.as_str().unwrap_or_default()).join(" ");
        reader.outcome(outcome, member, said.trim());
    }
    if outcome == RunOutcome::Succeeded {
        return;
    }
    let about = About::new(Layer::Service, reader.facts.subject.ended);
    // A task's own run has itself as its only task: told once, with the task's name.
    let is_of_task = is_of_task(answer);
    if !is_of_task {
        failed(reader, &state, &about);
    }
    for (task, attempt) in tasks.into_iter().chain(iterations).zip(attempts) {
        let outcome = told(reader, task);
        if attempt.recovered || matches!(outcome, RunOutcome::Succeeded | RunOutcome::Running) {
            continue;
        }
        let mut about = About::new(Layer::Service, reader.time(task.get("end_time")).or(about.at));
        about.subject.task = attempt.task;
        about.subject.attempt = attempt.attempt;
        about.slot("run", attempt.run);
        let own = State::of(task);
        let is_told = !task.get("state").is_absent() || !task.get("status").is_absent();
        failed(reader, if is_told || !is_of_task { &own } else { &state }, &about);
        for stats in reader.list(task.get("for_each_task").get("stats").get("error_message_stats")) {
            reader.message(stats.get("error_message"), &about);
            reader.next_event();
        }
    }
    let more = answer.get("next_page_token");
    reader.is_page(more);
}

/// Whether it is the run of one task.
pub(super) fn is_of_task(run: AnswerMember<'_>) -> bool {
    let id = run.get("run_id");
    let mut tasks = run.get("tasks").items();
    tasks.next().is_some_and(|task| !id.is_absent() && task.get("run_id").value == id.value) && tasks.next().is_none()
}

/// Says which members of a state are of a wrong type, and what the state says.
fn told(reader: &mut AnswerReader<'_>, run: AnswerMember<'_>) -> RunOutcome {
    reader.object(run.get("state"));
    let status = reader.object(run.get("status"));
    reader.object(status.get("termination_details"));
    State::of(run).outcome()
}

fn subject(reader: &mut AnswerReader<'_>, run: AnswerMember<'_>) -> RunSubject {
    let name = reader.text(run.get("run_name"));
    let mut named: Vec<(String, String)> = Vec::new();
    for parameter in reader.list(run.get("job_parameters")) {
        let value = reader.text(parameter.first_of(&["value", "default"]));
        named.extend(reader.text(parameter.get("name")).zip(value));
    }
    let given = reader.object(run.get("overriding_parameters"));
    let tasks = run.get("tasks");
    let base = tasks.items().map(|task| task.get("notebook_task").get("base_parameters"));
    let wheel = tasks.items().map(|task| task.get("python_wheel_task").get("named_parameters"));
    let maps = [given.get("notebook_params"), given.get("python_named_params"), given.get("sql_params")];
    for member in maps.into_iter().chain(base).chain(wheel).flat_map(AnswerMember::members) {
        named.extend(member.value.as_str().map(|value| (member.name.to_owned(), value.to_owned())));
    }
    let spark = tasks.items().flat_map(|task| {
        let lists = ["spark_python_task", "spark_jar_task", "spark_submit_task", "python_wheel_task"];
        lists.into_iter().flat_map(move |kind| task.get(kind).get("parameters").items())
    });
    let args: Vec<&str> = spark.filter_map(|arg| arg.value.as_str()).collect();
    let options = args.windows(2).filter(|pair| pair[0].starts_with('-')).map(|pair| (pair[0], pair[1]));
    let named = named.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(options);
    let period = period_of(named).or_else(|| name.as_deref().and_then(period_in));
    RunSubject {
        name: name.unwrap_or_default(),
        system: "databricks".to_owned(),
        run: reader.text(run.get("run_id")),
        period,
        started: reader.time(run.get("start_time")),
        ended: reader.time(run.get("end_time")),
    }
}

/// The clues of a run or task that did not succeed.
fn failed(reader: &mut AnswerReader<'_>, state: &State<'_>, about: &About) {
    reader.next_event();
    let parts = [("databricks.termination", state.code), ("databricks.result", state.result)];
    let mut any = false;
    for (place, member) in parts {
        let Some(code) = reader.text(member) else { continue };
        if matches!(code.as_str(), "SUCCESS" | "SUCCESS_WITH_FAILURES" | "EXCLUDED" | "DISABLED") {
            continue;
        }
        any = true;
        if reader.code(place, &code, member, &code, about) {
            continue;
        }
        if BARE.contains(&code.as_str()) {
            reader.clue((RUN_FAILED, ClueRole::Wrapper), Strength::Service, member, &code, about);
        } else {
            reader.unknown_code(&code, member, &code, about);
        }
    }
    let life = state.life.value.as_str().unwrap_or_default();
    if !any && matches!(life, "INTERNAL_ERROR" | "SKIPPED") {
        reader.clue((RUN_FAILED, ClueRole::Wrapper), Strength::Service, state.life, life, about);
    }
    reader.message(state.message, about);
    // The newer form mostly repeats the older one.
    if state.detail.value != state.message.value {
        reader.message(state.detail, about);
    }
    reader.next_event();
}

/// `GET /api/2.2/jobs/runs/get-output` of a task's run.
pub(super) fn output(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>, beside: &Beside) {
    let metadata = reader.object(answer.get("metadata"));
    let id = reader.text(metadata.get("run_id"));
    let known = beside.attempt_of(id.as_deref());
    if known.is_none() && id.is_some() && beside.has_tasks() && !beside.is_run(id.as_deref()) {
        let id = id.unwrap_or_default();
        reader.missing(
            reader.file.to_owned(),
            format!("it is the output of run {id}, which is none of this run's tasks"),
        );
        return;
    }
    let mut about = About::new(Layer::Driver, reader.time(metadata.get("end_time")));
    match known {
        Some(attempt) if attempt.recovered || attempt.outcome == RunOutcome::Succeeded => return,
        Some(attempt) => {
            about.subject.task.clone_from(&attempt.task);
            about.subject.attempt = attempt.attempt;
        }
        None if metadata.is_absent() => about.subject.task = beside.failed_task(),
        None => {
            run(reader, metadata);
            let tasks = attempts(metadata);
            if let [task] = &tasks[..] {
                about.subject.task.clone_from(&task.task);
                about.subject.attempt = task.attempt;
            }
        }
    }
    about.slot("run", id);
    if told(reader, metadata) == RunOutcome::Succeeded {
        return;
    }
    reader.next_event();
    let (error, trace) = (answer.get("error"), answer.get("error_trace"));
    reader.message(trace, &about);
    // The trace mostly ends with the error.
    let repeats =
        trace.value.as_str().zip(error.value.as_str()).is_some_and(|(trace, error)| trace.contains(error.trim()));
    if !repeats {
        reader.next_event();
        let any = reader.message(error, &about);
        if !any
            && trace.is_absent()
            && let Some(said) = reader.text(error)
        {
            let role = reader.role(RUN_FAILED).unwrap_or(ClueRole::Wrapper);
            reader.clue((RUN_FAILED, role), Strength::Service, error, &said, &about);
        }
    }
    reader.next_event();
    reader.output(answer.get("logs"), &about);
    for kind in ["sql_output", "dbt_output"] {
        reader.next_event();
        for error in answer.get(kind).members().flat_map(|part| [part.get("error"), part]) {
            if error.value.is_string() && (error.name == "error" || error.name == "message") {
                reader.message(error, &about);
            } else if error.name == "error" {
                reader.message(error.get("message"), &about);
            }
        }
    }
    if answer.get("logs_truncated").value == true {
        reader.missing(reader.file.to_owned(), "the logs in it are cut: Databricks keeps their last 5 MB".to_owned());
    }
}

/// `GET /api/2.0/libraries/cluster-status`.
pub(super) fn libraries(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>, beside: &Beside) {
    let groups = answer.get("statuses");
    let lists = if answer.value.is_array() {
        vec![(answer, None)]
    } else if groups.is_absent() {
        vec![(answer.get("library_statuses"), reader.text(answer.get("cluster_id")))]
    } else {
        let groups = reader.list(groups);
        groups.iter().map(|group| (group.get("library_statuses"), reader.text(group.get("cluster_id")))).collect()
    };
    for (list, cluster) in lists {
        if !beside.is_cluster(cluster.as_deref()) {
            continue;
        }
        let mut about = About::new(Layer::Service, None);
        if let Some(attempt) = beside.attempt_on(cluster.as_deref()) {
            about.subject.task.clone_from(&attempt.task);
        }
        for library in reader.list(list) {
            if reader.text(library.get("status")).as_deref() != Some("FAILED") {
                continue;
            }
            let mut about = about.clone();
            let package = package(library.get("library"));
            about.slot("package", package.clone());
            let said = format!("{}: FAILED", package.unwrap_or_default());
            reader.next_event();
            reader.class("LIB_INSTALL", ClueRole::Cause, library.get("status"), &said, &about);
            for message in library.get("messages").items() {
                reader.message(message, &about);
            }
        }
    }
    reader.next_event();
}

fn package(library: AnswerMember<'_>) -> Option<String> {
    let paths = [
        library.get("pypi").get("package"),
        library.get("maven").get("coordinates"),
        library.get("cran").get("package"),
        library.get("whl"),
        library.get("jar"),
        library.get("egg"),
        library.get("requirements"),
    ];
    paths.into_iter().find_map(|path| path.value.as_str()).map(str::to_owned)
}

/// The time in which a run's events are, with room around it; `None` where the run does not say it.
pub(super) fn window(run: AnswerMember<'_>) -> Option<(Timestamp, Timestamp)> {
    const ROOM: jiff::SignedDuration = jiff::SignedDuration::from_mins(30);
    let started = crate::parity::dates::time(run.get("start_time").value)?;
    let ended = crate::parity::dates::time(run.get("end_time").value).unwrap_or(Timestamp::MAX);
    Some((started.saturating_sub(ROOM).ok()?, ended.saturating_add(ROOM).ok()?))
}
