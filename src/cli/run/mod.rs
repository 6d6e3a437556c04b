//! `plumb run JOB`.

mod follow;

use super::output::{Output, PlainForm};
use super::session::{Project, Session};
use super::show::{address, kind};
use super::{Global, Selected, Targeted, interrupt};
use crate::observe;
use crate::services;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use clap_complete::ArgValueCandidates;
use follow::{Followed, Stops};
use plumb_core::kinds::Kind;
use plumb_core::kinds::databricks::job::DatabricksJob;
use plumb_core::plan::Selection;
use plumb_core::render::run::{StartedRun, ended_text, run_json, started_text};
use plumb_core::runs::{FollowedRun, RunParameters, RunVerdict, run_parameters};
use plumb_model::address::Address;
use plumb_model::call::{Call, Method, Service, System};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::pin::pin;

/// Start a run of a job, and follow it
///
/// The job is the live one that this project owns in the target, as it was applied last; the files of the repository are not
/// looked at. A paused job runs, too. Nothing of the job is changed, and no lease is taken.
///
/// With --wait the exit code is that of the run: 0 it succeeded, 1 it failed, was cancelled, skipped or timed out, 6 it is not known.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb run load
  plumb run DatabricksJob/load --param day=2026-12-01 --wait --target prod
  plumb run load --wait --output json | jq .state")]
pub struct RunArgs {
    /// Address (DatabricksJob/NAME) or name of the job
    #[arg(add = ArgValueCandidates::new(super::complete::jobs))]
    job: String,
    /// Give the run a parameter that the job declares (`parameters`); a job that declares none gives it to its notebook, SQL and
    /// wheel tasks
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = super::pair)]
    parameters: Vec<(String, String)>,
    /// Wait for its end. Ctrl-C stops waiting; the run goes on
    #[arg(long, short)]
    wait: bool,
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<PlainForm>,
}

/// A job to run.
struct LiveJob {
    address: Address,
    id: String,
    settings: Value,
}

/// Starts a run, and follows it.
pub async fn run(global: &Global, args: RunArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let session = Session::open(global, &args.targeted, ui).await?;
    session.check_clock()?;
    let (address, kind) = job(&session.project, &args.job)?;
    let found = interrupt::stoppable(&session, live(&session, &address, kind, ui)).await?;
    let parameters = run_parameters(&found.settings, &args.parameters)
        .map_err(|fault| Failure::usage(format!("{address}: {fault}; nothing was started")).hint(fault.hint))?;
    parameters.notes.iter().for_each(|note| ui.warn(note));
    let mut stops = Stops::listen();
    let service = session.services.for_system(System::Databricks).map_err(|e| Failure::error(e.to_string()))?;
    let mut run = start(&*service, &session, kind, &found, parameters, &mut stops, ui).await?;
    let is_text = args.output.output == PlainForm::Text;
    let mut looked = None;
    if !stops.heard() {
        looked = stops.unless(follow::look(&*service, run.run_id)).await;
    }
    let first = match looked {
        Some(Ok(seen)) => {
            // What an emulator inside of this command would answer is gone with the command.
            run.url = seen.url.clone().filter(|_| run.url.is_some()).or(run.url);
            Some(seen)
        }
        Some(Err(fault)) => {
            ui.warn(&format!("run {} was started, and could not be read: {fault}", run.run_id));
            None
        }
        None => None,
    };
    if is_text && (args.output.out.is_none() || !args.wait) {
        args.output.write(&started_text(&run), ui)?;
    } else if args.wait {
        // A file gets the result alone.
        ui.status(started_text(&run).trim_end());
    }
    let followed = if !args.wait {
        if stops.heard() { Followed::Left } else { Followed::NotWaitedFor }
    } else {
        follow::to_its_end(&*service, &run, first.clone(), &mut stops, ui).await
    };
    let told = |seen: Option<&FollowedRun>, said: &BTreeMap<String, String>| {
        if is_text { Ok(()) } else { args.output.write(&run_json(&run, seen, said), ui) }
    };
    match followed {
        Followed::NotWaitedFor => {
            told(first.as_ref(), &BTreeMap::new())?;
            Ok(ExitCode::Ok)
        }
        Followed::Left => {
            told(first.as_ref(), &BTreeMap::new())?;
            Err(left(&session, &run))
        }
        Followed::Unknown { why, seen } => {
            told(seen.as_ref(), &BTreeMap::new())?;
            let failure = format!("how run {} of {address} ends is not known: {why}; it may go on", run.run_id);
            Err(hinted(Failure::new(ExitCode::Partial, failure), &session, &run))
        }
        Followed::Ended { end, said } => {
            if is_text {
                args.output.write(&ended_text(&run, &end, &said), ui)?;
            } else {
                told(Some(&end), &said)?;
            }
            ended(&session, &run, &end, ui)
        }
    }
}

/// The job that somebody means, by its address or by its name alone.
fn job(project: &Project, text: &str) -> Result<(Address, &'static dyn Kind), Failure> {
    // A name that several kinds have is a job's here.
    let own = Address { kind: DatabricksJob::NAME.to_owned(), name: text.to_owned() };
    let is_own = project.desired.resources.iter().any(|r| r.address == own);
    let address = if is_own { own } else { address(project, text)? };
    let kind = kind(&address)?;
    if address.kind != DatabricksJob::NAME {
        let failure = Failure::usage(format!("{address} is no Databricks job; nothing was started"));
        return Err(failure.hint("`plumb open` shows where an object can be looked at, and started by hand"));
    }
    Ok((address, kind))
}

/// The live job that carries the mark.
async fn live(session: &Session, address: &Address, kind: &dyn Kind, ui: &Ui) -> Result<LiveJob, Failure> {
    let desired = &session.project.desired;
    let target = &desired.target.name;
    let resource = desired.resources.iter().find(|r| r.address == *address);
    if resource.is_some_and(|resource| resource.is_external()) {
        let failure =
            Failure::error(format!("{address} is a job of others, which plumb only reads; nothing was started"));
        return Err(failure);
    }
    let (live, differs) = if resource.is_some() {
        let only = Selected { only: vec![address.to_string()], ..Selected::default() };
        let decided = session.decide(&only, None, ui).await?;
        let differs = decided.decision.plan.changes.iter().any(|change| change.address == *address);
        (decided.live, differs)
    } else {
        (session.observe(&Selection::default(), ui).await?, false)
    };
    if let Some(unread) = observe::unread(&live, desired, address).first() {
        return Err(Failure::error(format!("{address} could not be read: {unread}; nothing was started")));
    }
    let found = match observe::carrying(&live, desired, address).as_slice() {
        [one] => (*one).clone(),
        [] => {
            let missing = format!("no live job carries the mark of {address} in target {target}; nothing was started");
            return Err(Failure::error(missing).hint(if resource.is_some() {
                format!("apply it first: `plumb apply --target {target}`")
            } else {
                "no manifest has that address, either".to_owned()
            }));
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|f| f.seen.id.as_str()).collect();
            let failure =
                Failure::error(format!("{} carry the mark of {address}; nothing was started", ids.join(" and ")));
            return Err(failure.hint(format!("`plumb plan --target {target}` says what to do about it")));
        }
    };
    if let Some(why) = &found.seen.unread {
        return Err(Failure::error(format!("{address} could not be read whole: {why}; nothing was started")));
    }
    if resource.is_none() {
        ui.warn(&format!("no manifest has {address} any more: the next apply deletes the {}", kind.noun()));
    } else if differs {
        ui.warn(&format!(
            "the live job differs from the manifests, and runs as it is: `plumb plan --target {target} --only {address}`"
        ));
    }
    Ok(LiveJob { address: address.clone(), id: found.seen.id.clone(), settings: found.seen.spec().into_owned() })
}

/// Starts a run. The token makes one of however many times it is sent.
async fn start(
    service: &dyn Service,
    session: &Session,
    kind: &dyn Kind,
    job: &LiveJob,
    parameters: RunParameters,
    stops: &mut Stops,
    ui: &Ui,
) -> Result<StartedRun, Failure> {
    let LiveJob { address, id, .. } = job;
    let number: u64 =
        id.parse().map_err(|_| Failure::error(format!("{address} has the id `{id}`, which is no number")))?;
    let token = services::fresh_id().map_err(Failure::error)?;
    let mut body = Value::Object(parameters.members);
    body["job_id"] = json!(number);
    body["idempotency_token"] = json!(token);
    let call = Call::set(System::Databricks, Method::Post, "/api/2.2/jobs/run-now", body);
    let links = session.links();
    let look = match links.live(kind, id) {
        Some(page) => format!("its runs are at {page}"),
        None => "`plumb status` shows the job".to_owned(),
    };
    let unknown = |exit: ExitCode, why: &str| {
        let failure = Failure::new(exit, format!("whether a run of {address} was started is not known: {why}"));
        failure.hint(format!("look before you start another: {look}"))
    };
    let mut sending = pin!(service.send(&call));
    let mut is_told = false;
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut sending => break answer,
            () = stops.next() => {
                if is_told {
                    return Err(unknown(ExitCode::Interrupted, "stopped before the answer came"));
                }
                is_told = true;
                ui.warn("interrupted: waiting for the answer to what was sent; Ctrl-C again stops at once");
            }
        }
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) if fault.may_have_happened() => return Err(unknown(ExitCode::Partial, &fault.to_string())),
        Err(fault) => return Err(Failure::error(format!("no run of {address} was started: {fault}"))),
    };
    let run_id = answer.body["run_id"].as_u64();
    let run_id = run_id.ok_or_else(|| unknown(ExitCode::Partial, "the answer has no `run_id`"))?;
    let url = links.job_run(kind, id, run_id);
    Ok(StartedRun { address: address.clone(), job_id: id.clone(), run_id, url })
}

/// The exit code of a run that ended.
fn ended(session: &Session, run: &StartedRun, end: &FollowedRun, ui: &Ui) -> Result<ExitCode, Failure> {
    match end.verdict() {
        Some(RunVerdict::Well) => Ok(ExitCode::Ok),
        Some(RunVerdict::WellWithFailures) => {
            let failed: Vec<&str> = end.failed().map(|task| task.key.as_str()).collect();
            ui.warn(&format!("the service calls the run a success; tasks that failed: {}", failed.join(", ")));
            Ok(ExitCode::Ok)
        }
        Some(RunVerdict::Badly) | None => {
            let failure = Failure::error(format!("run {} of {}: {}", run.run_id, run.address, end.standing.word));
            let target = &session.project.desired.target.name;
            Err(failure.hint(format!("`plumb diagnose {} --target {target}` says why", run.run_id)))
        }
    }
}

/// Somebody stopped waiting.
fn left(session: &Session, run: &StartedRun) -> Failure {
    let failure = format!("interrupted; run {} of {} goes on", run.run_id, run.address);
    hinted(Failure::new(ExitCode::Interrupted, failure), session, run)
}

/// Where a run that may go on can be looked at, and how it is cancelled (databricks/cli, `cmd/workspace/jobs`).
fn hinted(failure: Failure, session: &Session, run: &StartedRun) -> Failure {
    let target = &session.project.desired.target.name;
    let failure = match &run.url {
        Some(url) => failure.hint(format!("it is at {url}")),
        None => failure,
    };
    failure
        .hint(format!("`databricks jobs cancel-run {}` cancels it", run.run_id))
        .hint(format!("`plumb diagnose {} --target {target}` says how it stands", run.run_id))
}
