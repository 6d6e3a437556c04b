//! What the JSON answers of services say: recognised by their content, whether they were asked for or lie in a folder.

mod airflow;
mod databricks;
mod emr;
mod events;
mod locate;
mod reader;
mod recognise;
mod says;
#[cfg(test)]
mod tests;
mod trail;

use super::catalogue::Catalogue;
use super::facts::RunFacts;
use super::result::RunOutcome;
use databricks::TaskAttempt;
use jiff::Timestamp;
use locate::{AnswerMember, spans};
use reader::AnswerReader;
use says::CodeMeaning;
use serde_json::Value;
use std::collections::BTreeSet;

/// Which call answers so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnswerKind {
    /// EMR: `DescribeCluster`, and so on.
    DescribeCluster,
    DescribeStep,
    ListSteps,
    ListInstances,
    ListBootstrapActions,
    /// EMR Serverless: `GetJobRun`.
    GetJobRun,
    /// Databricks: `GET /api/2.2/jobs/runs/get`.
    Run,
    /// `GET /api/2.2/jobs/runs/get-output`.
    RunOutput,
    /// `POST /api/2.1/clusters/events`.
    ClusterEvents,
    /// `GET /api/2.1/clusters/get`.
    Cluster,
    /// `GET /api/2.0/libraries/cluster-status`.
    LibraryStatus,
    /// Airflow: a run, its task instances, the tries of one, import errors, the event log.
    DagRun,
    TaskInstances,
    ImportErrors,
    EventLogs,
    /// CloudTrail: `LookupEvents`, or the records of a trail's file.
    LookupEvents,
}

/// An answer, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct ServiceAnswer<'a> {
    pub answer: &'a Value,
    /// The file, or `api/CALL`.
    pub file: &'a str,
    /// The file's text, for the lines of its members; `None` for an answer that was asked for.
    pub text: Option<&'a str>,
}

/// Which call answers so, by the members that it has. `None`: something else. Command lines wrap some answers
/// (`{"Cluster": …}`) and print the items of others as a bare list.
pub fn recognised(answer: &Value) -> Option<AnswerKind> {
    recognise::unwrapped(answer).map(|(kind, _)| kind)
}

/// What an answer says of the run: its outcome, clues with [`Strength::Service`](super::clue::Strength) or those that the
/// catalogue finds in its texts, names that belong together.
///
/// `file` is where it stands; `text` is its text where it is a file with lines: clues then have the line of the member that
/// says it, and quote it as it stands there.
pub fn read(catalogue: &Catalogue, kind: AnswerKind, answer: &Value, file: &str, text: Option<&str>) -> RunFacts {
    let answer = ServiceAnswer { answer, file, text };
    read_kinds(catalogue, &[(kind, answer)])
}

/// What answers about one run say together: outputs, events and libraries belong to the tasks of a run that lies beside them,
/// and what is of another run or cluster is left out, and said to be missing. Answers that nobody recognises are passed over.
/// Their order means nothing. The outcome of the lowest layer is the last one.
pub fn read_together(catalogue: &Catalogue, answers: &[ServiceAnswer<'_>]) -> RunFacts {
    let known = answers.iter().filter_map(|answer| recognised(answer.answer).map(|kind| (kind, *answer)));
    read_kinds(catalogue, &known.collect::<Vec<_>>())
}

/// What other answers say of whom an answer is about.
#[derive(Debug, Default)]
struct Beside {
    emr_cluster: Option<String>,
    /// Steps that are described by themselves.
    steps: BTreeSet<String>,
    /// The names and paths of bootstrap actions, in their order.
    bootstrap: Vec<String>,
    runs: BTreeSet<String>,
    attempts: Vec<TaskAttempt>,
    /// When the events of the run were.
    window: Option<(Timestamp, Timestamp)>,
    dags: BTreeSet<String>,
    dag_runs: BTreeSet<String>,
    /// The nodes of EMR's cluster, if all of them are told.
    instances: BTreeSet<String>,
}

impl Beside {
    fn of(answers: &[AnswerFacts<'_>]) -> Beside {
        let mut beside = Beside::default();
        let text = databricks::id;
        let mut windows = Vec::new();
        for AnswerFacts { kind, member, .. } in answers {
            match kind {
                AnswerKind::DescribeCluster => {
                    beside.emr_cluster = text(member.get("Id")).or(beside.emr_cluster.take())
                }
                AnswerKind::DescribeStep => beside.steps.extend(text(member.get("Id"))),
                AnswerKind::ListBootstrapActions => {
                    let actions = if member.value.is_array() { *member } else { member.get("BootstrapActions") };
                    let paths = actions.items().map(|action| text(action.first_of(&["ScriptPath", "Name"])));
                    beside.bootstrap.extend(paths.map(Option::unwrap_or_default));
                }
                AnswerKind::Run => {
                    for name in ["run_id", "job_run_id", "original_attempt_run_id"] {
                        beside.runs.extend(text(member.get(name)));
                    }
                    beside.attempts.extend(databricks::attempts(*member));
                    windows.push(databricks::window(*member));
                }
                AnswerKind::DagRun | AnswerKind::TaskInstances => {
                    let listed = member.first_of(&["task_instances", "dag_runs"]);
                    for item in listed.items().chain([*member]) {
                        beside.dags.extend(text(item.get("dag_id")));
                        beside.dag_runs.extend(text(item.first_of(&["dag_run_id", "run_id"])));
                    }
                }
                AnswerKind::ListInstances => {
                    let listed = if member.value.is_array() { *member } else { member.get("Instances") };
                    beside.instances.extend(listed.items().filter_map(|item| text(item.get("Ec2InstanceId"))));
                }
                _ => {}
            }
        }
        // Of several runs, the widest; a run that does not say its times allows any.
        let windows: Option<Vec<_>> = windows.into_iter().collect();
        let windows = windows.unwrap_or_default();
        beside.window = windows.iter().map(|w| w.0).min().zip(windows.iter().map(|w| w.1).max());
        beside
    }

    fn has_tasks(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.run.is_some())
    }

    fn is_run(&self, id: Option<&str>) -> bool {
        id.is_some_and(|id| self.runs.contains(id))
    }

    fn attempt_of(&self, run: Option<&str>) -> Option<&TaskAttempt> {
        let run = run?;
        self.attempts.iter().find(|attempt| attempt.run.as_deref() == Some(run))
    }

    /// Whether a cluster can be this run's. It cannot if every task of the run names another one.
    fn is_cluster(&self, id: Option<&str>) -> bool {
        let Some(id) = id else { return true };
        let names_other = |attempt: &TaskAttempt| attempt.cluster.as_deref().is_some_and(|other| other != id);
        self.attempts.is_empty() || !self.attempts.iter().all(names_other)
    }

    /// The attempt that a cluster was for, where it was for one.
    fn attempt_on(&self, cluster: Option<&str>) -> Option<&TaskAttempt> {
        let cluster = cluster?;
        let mut on = self.attempts.iter().filter(|attempt| attempt.cluster.as_deref() == Some(cluster));
        let first = on.next()?;
        on.next().is_none().then_some(first)
    }

    /// The one task that failed, for an output that does not say whose it is.
    fn failed_task(&self) -> Option<String> {
        let failed: BTreeSet<&String> = self
            .attempts
            .iter()
            .filter(|a| a.outcome == RunOutcome::Failed && !a.recovered)
            .filter_map(|a| a.task.as_ref())
            .collect();
        failed.first().filter(|_| failed.len() == 1).map(|task| (*task).clone())
    }
}

/// An answer without what is wrapped around it.
struct AnswerFacts<'a> {
    kind: AnswerKind,
    member: AnswerMember<'a>,
    file: &'a str,
    text: Option<&'a str>,
}

fn read_kinds(says: &dyn CodeMeaning, answers: &[(AnswerKind, ServiceAnswer<'_>)]) -> RunFacts {
    let spans: Vec<_> = answers.iter().map(|(_, answer)| answer.text.and_then(spans)).collect();
    let mut told: Vec<AnswerFacts<'_>> = Vec::new();
    for ((kind, answer), span) in answers.iter().zip(&spans) {
        let mut member = AnswerMember::root(answer.answer, span.as_ref());
        if let Some((found, path)) = recognise::unwrapped(answer.answer)
            && found == *kind
        {
            member = path.into_iter().fold(member, AnswerMember::get);
        }
        told.push(AnswerFacts { kind: *kind, member, file: answer.file, text: answer.text });
    }
    // In an order of their own: that in which they come means nothing.
    let text = |told: &AnswerFacts<'_>| told.member.value.to_string();
    told.sort_by(|a, b| (a.kind, a.file).cmp(&(b.kind, b.file)).then_with(|| text(a).cmp(&text(b))));
    let beside = Beside::of(&told);
    let mut read: Vec<(Precedence, RunFacts)> = Vec::new();
    let mut event = 0;
    for answer in &told {
        let mut reader = AnswerReader::new(says, answer.file, answer.text, event);
        let member = answer.member;
        match answer.kind {
            AnswerKind::DescribeCluster => emr::cluster(&mut reader, member),
            AnswerKind::DescribeStep => emr::step(&mut reader, member, &beside),
            AnswerKind::ListSteps => emr::steps(&mut reader, member, &beside),
            AnswerKind::ListInstances => emr::instances(&mut reader, member),
            AnswerKind::ListBootstrapActions => {}
            AnswerKind::GetJobRun => emr::job_run(&mut reader, member),
            AnswerKind::Run => databricks::run(&mut reader, member),
            AnswerKind::RunOutput => databricks::output(&mut reader, member, &beside),
            AnswerKind::ClusterEvents => events::events(&mut reader, member, &beside),
            AnswerKind::Cluster => events::cluster(&mut reader, member, &beside),
            AnswerKind::LibraryStatus => databricks::libraries(&mut reader, member, &beside),
            AnswerKind::DagRun => airflow::dag_run(&mut reader, member),
            AnswerKind::TaskInstances => airflow::task_instances(&mut reader, member),
            AnswerKind::ImportErrors => airflow::import_errors(&mut reader, member, &beside),
            AnswerKind::EventLogs => airflow::event_logs(&mut reader, member, &beside),
            AnswerKind::LookupEvents => trail::events(&mut reader, member, &beside),
        }
        // Pages of one call may have one name: no two messages are one.
        event = reader.next_event();
        read.push((Precedence::of(answer, &reader.facts), reader.facts));
    }
    read.sort_by_key(|(precedence, _)| *precedence);
    let mut facts = RunFacts::default();
    for (_, lower) in read {
        join(&mut facts, lower);
    }
    emr::name_bootstrap_actions(&mut facts.clues, &beside.bootstrap);
    facts
}

/// Adds the facts of an answer of a lower layer: what it says of the run wins.
fn join(facts: &mut RunFacts, mut lower: RunFacts) {
    let own = std::mem::take(&mut lower.subject);
    let above = std::mem::take(&mut facts.subject);
    facts.extend(lower);
    let is_named = !own.name.is_empty() || own.run.is_some();
    facts.subject = above;
    if is_named {
        let above = std::mem::replace(&mut facts.subject, own);
        let subject = &mut facts.subject;
        subject.period = subject.period.take().or(above.period);
        if subject.name.is_empty() {
            subject.name = above.name;
        }
    }
}

/// Which answer decides: the later of two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Precedence {
    /// The layer, from the top.
    layer: u8,
    /// A job's run decides over the runs of its tasks.
    is_whole: bool,
    /// Of several steps, or pages of tasks, one that failed decides.
    outcome: u8,
    /// Of runs the latest, of steps the first.
    began: i64,
}

impl Precedence {
    fn of(told: &AnswerFacts<'_>, facts: &RunFacts) -> Precedence {
        let layer = match told.kind {
            AnswerKind::TaskInstances => 0,
            AnswerKind::DagRun => 1,
            AnswerKind::ImportErrors | AnswerKind::EventLogs => 2,
            AnswerKind::LookupEvents => 3,
            AnswerKind::LibraryStatus | AnswerKind::ClusterEvents => 4,
            AnswerKind::Cluster => 5,
            AnswerKind::DescribeCluster | AnswerKind::ListBootstrapActions | AnswerKind::ListInstances => 6,
            AnswerKind::ListSteps => 7,
            AnswerKind::DescribeStep | AnswerKind::GetJobRun => 8,
            AnswerKind::RunOutput => 9,
            AnswerKind::Run => 10,
        };
        let outcome = match facts.outcomes.last().map(|said| said.outcome) {
            None | Some(RunOutcome::Unknown) => 0,
            Some(RunOutcome::Succeeded) => 1,
            Some(RunOutcome::Running) => 2,
            Some(RunOutcome::Failed) => 3,
        };
        let is_of_parts =
            matches!(told.kind, AnswerKind::TaskInstances | AnswerKind::ListSteps | AnswerKind::DescribeStep);
        let began = facts.subject.started.map(Timestamp::as_millisecond);
        Precedence {
            layer,
            is_whole: !databricks::is_of_task(told.member),
            outcome: if is_of_parts { outcome } else { 0 },
            began: if is_of_parts { began.map_or(i64::MIN, |at| -at) } else { began.unwrap_or(i64::MIN) },
        }
    }
}
