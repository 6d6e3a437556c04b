//! What EMR and EMR Serverless say: of clusters, steps, instances, bootstrap actions, job runs. Shapes: botocore's models of
//! `emr` and `emr-serverless`. Every member may be missing.

use super::Beside;
use super::locate::AnswerMember;
use super::reader::{About, AnswerReader};
use crate::diagnose::clue::{Clue, ClueRole, Layer, Strength};
use crate::diagnose::facts::RunSubject;
use crate::diagnose::result::RunOutcome;
use crate::parity::dates::{period_in, period_of};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The class of a step that failed, whatever it was.
const STEP_FAILED: &str = "STEP_FAILED";
/// That of one that was cancelled: somebody or something else ended it.
const RUN_CANCELED: &str = "RUN_CANCELED";

/// Reasons of clusters and instances that say no failure. `USER_REQUEST` is told by the catalogue.
const NO_FAILURE: &[&str] = &["", "NONE", "None", "ALL_STEPS_COMPLETED", "CLUSTER_TERMINATED"];

/// `DescribeCluster`.
pub(super) fn cluster(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>) {
    let cluster = reader.object(answer.first_of(&["Cluster"]));
    let cluster = if cluster.is_absent() { answer } else { cluster };
    let status = reader.object(cluster.get("Status"));
    let times = reader.object(status.get("Timeline"));
    let reason = reader.object(status.get("StateChangeReason"));
    let (started, ended) = (reader.time(times.get("CreationDateTime")), reader.time(times.get("EndDateTime")));
    let name = reader.text(cluster.get("Name"));
    reader.facts.subject = RunSubject {
        period: name.as_deref().and_then(period_in),
        name: name.unwrap_or_default(),
        system: "emr".to_owned(),
        run: reader.text(cluster.get("Id")),
        started,
        ended,
    };
    reader.facts.read.runs = 1;

    let state = reader.text(status.get("State")).unwrap_or_default();
    let code = reader.text(reason.get("Code")).unwrap_or_default();
    let outcome = match (state.as_str(), code.as_str()) {
        ("TERMINATED_WITH_ERRORS", _) => Some(RunOutcome::Failed),
        // Ended as planned. A cluster that ends without a reason, or by a request, leaves it to its steps.
        ("TERMINATED", "ALL_STEPS_COMPLETED") => Some(RunOutcome::Succeeded),
        ("TERMINATED" | "TERMINATING", "" | "NONE" | "USER_REQUEST" | "ALL_STEPS_COMPLETED") => None,
        ("TERMINATED" | "TERMINATING", _) => Some(RunOutcome::Failed),
        ("STARTING" | "BOOTSTRAPPING" | "RUNNING", _) => Some(RunOutcome::Running),
        _ => None,
    };
    if let Some(outcome) = outcome {
        reader.outcome(outcome, status.get("State"), &format!("{state} {code}"));
    }
    let mut about = About::new(Layer::Service, ended);
    about.slot("state", Some(state));
    reasons(reader, "emr.cluster", reason, &about);
    for error in reader.list(status.get("ErrorDetails")) {
        let mut about = about.clone();
        for data in reader.list(error.get("ErrorData")) {
            for member in data.members() {
                let name = match member.name {
                    "instance-type" => "type".to_owned(),
                    "availability-zone" => "zone".to_owned(),
                    "subnet-id" => "subnet".to_owned(),
                    "bootstrap-action" | "script-path" => "script".to_owned(),
                    other => other.replace('-', "_"),
                };
                let value = reader.text(member);
                about.slot(&name, value);
            }
        }
        reader.next_event();
        if let Some(code) = reader.text(error.get("ErrorCode"))
            && !reader.code("emr.error", &code, error.get("ErrorCode"), &code, &about)
        {
            reader.unknown_code(&code, error.get("ErrorCode"), &code, &about);
        }
        reader.message(error.get("ErrorMessage"), &about);
    }
    reader.next_event();
}

/// A `StateChangeReason`: its code and its message are one event.
fn reasons(reader: &mut AnswerReader<'_>, place: &str, reason: AnswerMember<'_>, about: &About) {
    reader.next_event();
    let code = reader.text(reason.get("Code")).unwrap_or_default();
    let said = said(&code, reason.get("Message"));
    let mut known = reader.code(place, &code, reason.get("Code"), &said, about);
    if !known && let Some(message) = reader.text(reason.get("Message")) {
        known = reader.code(place, &message, reason.get("Message"), &said, about);
    }
    let told = reader.message(reason.get("Message"), about);
    if !known && !told && !NO_FAILURE.contains(&code.as_str()) {
        reader.unknown_code(&code, reason.get("Code"), &said, about);
    }
}

/// `CODE: message`, for a reader who has no file.
fn said(code: &str, message: AnswerMember<'_>) -> String {
    match message.value.as_str() {
        Some(message) if !message.is_empty() => format!("{code}: {message}"),
        _ => code.to_owned(),
    }
}

/// One step, as far as it is needed to tell which failed first.
struct ToldStep<'a> {
    member: AnswerMember<'a>,
    id: Option<String>,
    name: String,
    state: String,
    args: Vec<String>,
    /// When it ran: its start, else its end, else its making.
    when: Option<Timestamp>,
}

fn told<'a>(reader: &mut AnswerReader<'_>, member: AnswerMember<'a>) -> ToldStep<'a> {
    let status = reader.object(member.get("Status"));
    let times = reader.object(status.get("Timeline"));
    let mut when = None;
    for name in ["StartDateTime", "EndDateTime", "CreationDateTime"] {
        when = when.or_else(|| reader.time(times.get(name)));
    }
    let config = reader.object(member.get("Config"));
    let args = config.get("Args").items().filter_map(|arg| arg.value.as_str().map(str::to_owned)).collect();
    ToldStep {
        member,
        id: reader.text(member.get("Id")),
        name: reader.text(member.get("Name")).unwrap_or_default(),
        state: reader.text(status.get("State")).unwrap_or_default(),
        args,
        when,
    }
}

/// `DescribeStep`.
pub(super) fn step(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>, beside: &Beside) {
    let step = reader.object(answer.first_of(&["Step"]));
    let step = if step.is_absent() { answer } else { step };
    let step = told(reader, step);
    subject(reader, &step, beside);
    say_step(reader, &step, beside);
    reader.facts.read.runs = 1;
    if let Some(outcome) = outcome_of(&step.state) {
        reader.outcome(outcome, step.member.get("Status").get("State"), &step.state);
    }
}

fn outcome_of(state: &str) -> Option<RunOutcome> {
    match state {
        "COMPLETED" => Some(RunOutcome::Succeeded),
        "FAILED" | "CANCELLED" | "INTERRUPTED" => Some(RunOutcome::Failed),
        "PENDING" | "RUNNING" | "CANCEL_PENDING" => Some(RunOutcome::Running),
        _ => None,
    }
}

/// What the state of a step or run that is over says.
fn class_of(state: &str) -> &'static str {
    if matches!(state, "CANCELLED" | "INTERRUPTED") { RUN_CANCELED } else { STEP_FAILED }
}

/// `ListSteps`. The service lists the newest first.
pub(super) fn steps(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>, beside: &Beside) {
    let listed = if answer.value.is_array() { answer } else { answer.get("Steps") };
    let members = reader.list(listed);
    let mut steps: Vec<ToldStep<'_>> = members.into_iter().rev().map(|member| told(reader, member)).collect();
    steps.sort_by_key(|step| step.when);
    reader.is_page(answer.first_of(&["Marker", "NextToken"]));
    reader.facts.read.tasks = steps.len() as u64;

    // A step that was run again, and then completed, failed no more.
    let recovered = |at: usize| {
        let same = |later: &ToldStep<'_>| later.name == steps[at].name && later.args == steps[at].args;
        steps[at + 1..].iter().any(|later| later.state == "COMPLETED" && same(later))
    };
    let failed: Vec<usize> = (0..steps.len()).filter(|at| steps[*at].state == "FAILED" && !recovered(*at)).collect();
    let of_state = |outcome: RunOutcome| steps.iter().position(|step| outcome_of(&step.state) == Some(outcome));
    let is_cancelled = |step: &ToldStep<'_>| matches!(step.state.as_str(), "CANCELLED" | "INTERRUPTED");
    let cancelled = steps.iter().position(is_cancelled);
    let (decides, outcome) = match failed.first() {
        Some(first) => (Some(*first), RunOutcome::Failed),
        None if of_state(RunOutcome::Running).is_some() => (of_state(RunOutcome::Running), RunOutcome::Running),
        None if cancelled.is_some() => (cancelled, RunOutcome::Failed),
        None => (steps.iter().rposition(|step| step.state == "COMPLETED"), RunOutcome::Succeeded),
    };
    if let Some(decides) = decides {
        let step = &steps[decides];
        reader.outcome(outcome, step.member.get("Status").get("State"), &format!("{} {}", step.name, step.state));
        subject(reader, step, beside);
    }
    let mut described: BTreeSet<&str> = beside.steps.iter().map(String::as_str).collect();
    for (at, step) in steps.iter().enumerate() {
        let is_new = step.id.as_deref().is_none_or(|id| described.insert(id));
        if is_new && (failed.contains(&at) || is_cancelled(step)) {
            say_step(reader, step, beside);
        }
    }
}

fn subject(reader: &mut AnswerReader<'_>, step: &ToldStep<'_>, beside: &Beside) {
    let times = step.member.get("Status").get("Timeline");
    let (started, ended) = (reader.time(times.get("StartDateTime")), reader.time(times.get("EndDateTime")));
    let options = step.args.iter().zip(step.args.iter().skip(1));
    let options =
        options.filter(|(name, _)| name.starts_with('-')).map(|(name, value)| (name.as_str(), value.as_str()));
    let assigned = step.args.iter().filter_map(|arg| arg.split_once('='));
    let cluster = beside.emr_cluster.clone().or_else(|| of_log(step));
    let run = match (cluster, &step.id) {
        (Some(cluster), Some(step)) => Some(format!("{cluster}/{step}")),
        (None, step) => step.clone(),
        (cluster, None) => cluster,
    };
    reader.facts.subject = RunSubject {
        name: step.name.clone(),
        system: "emr".to_owned(),
        run,
        period: period_of(options.chain(assigned)).or_else(|| period_in(&step.name)),
        started,
        ended,
    };
}

/// The cluster's id in the place of a step's log: `s3://…/j-…/steps/s-…/stderr.gz`.
fn of_log(step: &ToldStep<'_>) -> Option<String> {
    let log = step.member.get("Status").get("FailureDetails").get("LogFile").value.as_str()?;
    log.split('/').find(|part| part.starts_with("j-")).map(str::to_owned)
}

fn say_step(reader: &mut AnswerReader<'_>, step: &ToldStep<'_>, beside: &Beside) {
    if outcome_of(&step.state).is_some_and(|outcome| outcome != RunOutcome::Failed) {
        return;
    }
    let status = step.member.get("Status");
    let times = status.get("Timeline");
    let at = reader.time(times.get("EndDateTime"));
    let mut about = About::new(Layer::Service, at.or(step.when));
    let more = reader.object(step.member.get("AdditionalInfo"));
    let mut applications = more.get("ResourceManagerApplicationIds").items().filter_map(|id| id.value.as_str());
    about.subject.application = applications.next().filter(|_| applications.next().is_none()).map(str::to_owned);
    about.slot("step", step.id.clone());
    about.slot("name", Some(step.name.clone()));
    about.slot("cluster", beside.emr_cluster.clone());
    reader.next_event();
    let failure = reader.object(status.get("FailureDetails"));
    if !step.state.is_empty() {
        let said = format!("{}: {}", step.name, step.state);
        // A cancelled step follows from what ended the cluster or the step before: it says no more than that it did not run.
        reader.clue((class_of(&step.state), ClueRole::Wrapper), Strength::Service, status.get("State"), &said, &about);
    }
    reader.next_event();
    if let Some(code) = reader.text(failure.get("Reason")) {
        let known = reader.code("emr.step", &code, failure.get("Reason"), &code, &about)
            || reader.message(failure.get("Reason"), &about);
        if !known && !code.starts_with("Unknown Error") {
            reader.unknown_code(&code, failure.get("Reason"), &code, &about);
        }
    }
    reader.next_event();
    reader.message(failure.get("Message"), &about);
    let reason = reader.object(status.get("StateChangeReason"));
    reasons(reader, "emr.step", reason, &about);
}

/// `ListInstances`: names of nodes, and why they ended.
pub(super) fn instances(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>) {
    let listed = if answer.value.is_array() { answer } else { answer.get("Instances") };
    for instance in reader.list(listed) {
        let names: Vec<Option<String>> = ["Ec2InstanceId", "PrivateIpAddress", "PrivateDnsName"]
            .into_iter()
            .map(|name| reader.text(instance.get(name)))
            .collect();
        reader.same_host(&names);
        let status = reader.object(instance.get("Status"));
        let times = reader.object(status.get("Timeline"));
        let mut about = About::new(Layer::Node, reader.time(times.get("EndDateTime")));
        about.subject.host = names.into_iter().flatten().next();
        for (slot, name) in [("market", "Market"), ("type", "InstanceType")] {
            let value = reader.text(instance.get(name));
            about.slot(slot, value);
        }
        if reader.text(status.get("State")).as_deref() != Some("TERMINATED") {
            continue;
        }
        let reason = reader.object(status.get("StateChangeReason"));
        // Nodes end with their cluster.
        if reason.get("Code").value.as_str() != Some("CLUSTER_TERMINATED") {
            reasons(reader, "emr.instance", reason, &about);
        }
    }
    reader.is_page(answer.first_of(&["Marker", "NextToken"]));
}

/// `GetJobRun` of EMR Serverless.
pub(super) fn job_run(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>) {
    let run = reader.object(answer.first_of(&["jobRun"]));
    let run = if run.is_absent() { answer } else { run };
    let state = reader.text(run.get("state")).unwrap_or_default();
    let name = reader.text(run.get("name"));
    let ids = (reader.text(run.get("applicationId")), reader.text(run.get("jobRunId")));
    let mut started = None;
    for name in ["startedAt", "createdAt"] {
        started = started.or_else(|| reader.time(run.get(name)));
    }
    let is_over = matches!(state.as_str(), "SUCCESS" | "FAILED" | "CANCELLED");
    let mut ended = reader.time(run.get("endedAt"));
    if is_over {
        ended = ended.or_else(|| reader.time(run.get("updatedAt")));
    }
    let submit = run.get("jobDriver").get("sparkSubmit");
    let args: Vec<String> =
        submit.get("entryPointArguments").items().filter_map(|arg| arg.value.as_str().map(str::to_owned)).collect();
    let options = args.iter().zip(args.iter().skip(1)).map(|(name, value)| (name.as_str(), value.as_str()));
    reader.facts.read.runs = 1;
    reader.facts.subject = RunSubject {
        period: period_of(options.filter(|(name, _)| name.starts_with('-')))
            .or_else(|| name.as_deref().and_then(period_in)),
        name: name.unwrap_or_default(),
        system: "emr".to_owned(),
        run: match ids {
            (Some(application), Some(run)) => Some(format!("{application}/{run}")),
            (None, run) => run,
            (application, None) => application,
        },
        started,
        ended,
    };
    let outcome = match state.as_str() {
        "SUCCESS" => RunOutcome::Succeeded,
        "FAILED" | "CANCELLED" => RunOutcome::Failed,
        "SUBMITTED" | "PENDING" | "SCHEDULED" | "RUNNING" | "CANCELLING" | "QUEUED" => RunOutcome::Running,
        _ => RunOutcome::Unknown,
    };
    if outcome != RunOutcome::Unknown {
        reader.outcome(outcome, run.get("state"), &state);
    }
    if !matches!(outcome, RunOutcome::Failed | RunOutcome::Unknown) {
        return;
    }
    let mut about = About::new(Layer::Service, ended);
    about.subject.attempt = reader.number(run.get("attempt"));
    if !state.is_empty() && !reader.code("emr.serverless", &state, run.get("state"), &state, &about) {
        reader.clue((class_of(&state), ClueRole::Wrapper), Strength::Service, run.get("state"), &state, &about);
    }
    reader.next_event();
    reader.message(run.get("stateDetails"), &about);
    reader.next_event();
}

/// Names the scripts of bootstrap actions that messages only number: `bootstrap action 1 returned …`.
pub(super) fn name_bootstrap_actions(clues: &mut [Clue], paths: &[String]) {
    for clue in clues.iter_mut().filter(|clue| !clue.slots.contains_key("script")) {
        let Some((_, rest)) = clue.text.split_once("bootstrap action ") else { continue };
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let path = digits.parse::<usize>().ok().and_then(|number| paths.get(number.checked_sub(1)?));
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            clue.slots.insert("script".to_owned(), path.clone());
        }
    }
}
