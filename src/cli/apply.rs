//! `plumb apply`.

use super::lease::{self, LockArgs};
use super::output::Output;
use super::permit::{Permit, Seen};
use super::session::{Decided, Session};
use super::{Global, Keys, Selected, Targeted};
use crate::apply::{self, Options, Watch};
use crate::settings;
use crate::ui::{End, ExitCode, Failure, Progress, Step, Ui};
use clap::{Args, ValueEnum};
use plumb_core::plan::guards::{self, Place};
use plumb_core::plan::outcome::{Ended, Outcome};
use plumb_core::plan::{Change, Guard, Plan};
use plumb_core::render::{Level, outcome};
use plumb_model::address::Address;
use std::collections::BTreeSet;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

/// Make what is live equal to the manifests
///
/// Shows the plan, asks, and carries it out. A change that fails stops only what depends on it. Ctrl-C lets the calls
/// in flight finish, starts no others, and says what was and what was not done.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb apply --target dev
  plumb apply --target prod --yes
  plumb apply --only DatabricksJob/audience-cleanse
  plumb plan --out plan.json && plumb apply plan.json --yes
  plumb apply --yes --approved 9c1f0e6a2b7d4f50
  plumb apply --yes --override max-deletes")]
pub struct ApplyArgs {
    #[command(flatten)]
    pub targeted: Targeted,
    #[command(flatten)]
    selected: Selected,
    #[command(flatten)]
    pub seen: Seen,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Go past a guard; it is said in the log
    #[arg(long = "override", value_enum, value_name = "GUARD", value_delimiter = ',')]
    overrides: Vec<Override>,
    /// Allow that switching a DAG on starts a run at once; short for `--override run-now`
    #[arg(long)]
    allow_run_now: bool,
    #[command(flatten)]
    keys: Keys,
    /// How long to wait for an object that is between two states, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    patience: u64,
    /// How many changes to carry out at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..))]
    parallel: u8,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Override {
    MaxDeletes,
    MaxChangePercent,
    Branch,
    Clean,
    Workspace,
    RunNow,
}

impl Override {
    fn guard(self) -> Guard {
        match self {
            Override::MaxDeletes => Guard::MaxDeletes,
            Override::MaxChangePercent => Guard::MaxChangePercent,
            Override::Branch => Guard::Branch,
            Override::Clean => Guard::Clean,
            Override::Workspace => Guard::Workspace,
            Override::RunNow => Guard::RunNow,
        }
    }
}

/// Shows the plan and carries it out.
pub async fn run(global: &Global, args: ApplyArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let permit = args.seen.permit(settings::project_dir(global.project.as_deref()).ok().as_deref())?;
    run_with(global, args, &permit, ui).await
}

/// Shows the plan and carries out what the permit allows of it.
pub async fn run_with(global: &Global, mut args: ApplyArgs, permit: &Permit, ui: &Ui) -> Result<ExitCode, Failure> {
    permit.name_target(&mut args.targeted)?;
    let mut session = Session::open(global, &args.targeted, ui).await?;
    session.allow_teardown(args.keys.allow_teardown);
    let lock = args.lock.clone();
    let work = async |session: &Session, shown: Option<&Plan>| match review(session, &args, permit, shown, ui).await? {
        Reviewed::Over(code) => Ok(permit.ended(code)),
        Reviewed::Go(decided) => {
            let carried = carry_out(session, *decided, options(&args), ui).await?;
            permit.note(outcome::counts(&carried.outcome));
            Ok(permit.ended(carried.code))
        }
    };
    if args.yes {
        return lease::under(&mut session, &lock, COMMAND, ui, async |session| work(session, None).await).await;
    }
    // Nobody holds up others while making up their mind: the lease is taken after the answer, and the plan made anew.
    let shown = match review(&session, &args, permit, None, ui).await? {
        Reviewed::Over(code) => return Ok(permit.ended(code)),
        Reviewed::Go(decided) => decided.decision.plan,
    };
    if !ui.confirm(&format!("Apply to target {}?", shown.target))? {
        return Err(Failure::error("not confirmed; nothing was sent"));
    }
    lease::under(&mut session, &lock, COMMAND, ui, async |session| work(session, Some(&shown)).await).await
}

/// What the lease says is being done.
const COMMAND: &str = "plumb apply";

/// Whether there is anything to carry out.
enum Reviewed {
    Over(ExitCode),
    Go(Box<Decided>),
}

/// Decides, shows the plan, and lets the guards speak. A plan that was shown before has to be the same.
async fn review(
    session: &Session,
    args: &ApplyArgs,
    permit: &Permit,
    shown: Option<&Plan>,
    ui: &Ui,
) -> Result<Reviewed, Failure> {
    let deciding = session.decide(&args.selected, None, ui);
    let mut decided = match shown.is_some() || args.yes {
        true => stoppable(deciding).await?,
        // Once a signal is listened for it no longer ends the process, not even at the question that comes next.
        false => deciding.await?,
    };
    permit.check(&mut decided.decision.plan, ui)?;
    check_place(session, &mut decided.decision.plan).await?;
    let allowed = args.allow_run_now.then_some(Override::RunNow);
    let overrides: Vec<Override> = args.overrides.iter().copied().chain(allowed).collect();
    pass_guards(&mut decided.decision.plan, &overrides, ui);
    let plan = &decided.decision.plan;
    match shown {
        None => args.output.plan(plan, ui)?,
        Some(shown) if shown.digest == plan.digest => {}
        Some(_) => {
            return Err(Failure::new(ExitCode::Stale, "the plan is not the one that was shown; nothing was sent")
                .hint("what is live changed meanwhile: apply again to see how"));
        }
    }
    if plan.blocked.iter().any(|b| b.guard.is_some()) {
        return Err(Failure::new(ExitCode::Guard, "a guard refused; nothing was sent"));
    }
    if plan.changes.is_empty() {
        return Ok(Reviewed::Over(if plan.blocked.is_empty() { ExitCode::Ok } else { ExitCode::Guard }));
    }
    Ok(Reviewed::Go(Box::new(decided)))
}

/// Lets Ctrl-C end a command that has sent nothing yet, so that its lease is given back.
pub async fn stoppable<R>(work: impl Future<Output = Result<R, Failure>>) -> Result<R, Failure> {
    tokio::select! {
        done = work => done,
        Ok(()) = tokio::signal::ctrl_c() => Err(Failure::new(ExitCode::Interrupted, "interrupted; nothing was sent")),
    }
}

fn options(args: &ApplyArgs) -> Options {
    Options { width: args.parallel.into(), patience: Duration::from_secs(args.patience * 60), ..Options::default() }
}

/// Adds what the guards say of from where, and to where, the apply would go.
pub async fn check_place(session: &Session, plan: &mut Plan) -> Result<(), Failure> {
    let target = &session.project.desired.target;
    let asks_workspace = target.databricks.as_ref().is_some_and(|d| d.workspace_id.is_some());
    let workspace_id = match asks_workspace {
        true => session.services.identity().await.map_err(|e| Failure::error(e.to_string()))?.workspace_id,
        false => None,
    };
    let place = Place { branch: session.project.branch.clone(), dirty: session.project.dirty, workspace_id };
    plan.blocked.extend(guards::of_place(&place, target));
    Ok(())
}

/// Takes out the guards that the command line overrides, and says so.
fn pass_guards(plan: &mut Plan, overrides: &[Override], ui: &Ui) {
    plan.blocked.retain(|blocked| {
        let overridden = blocked.guard.is_some_and(|g| overrides.iter().any(|o| o.guard() == g));
        if overridden {
            ui.warn(&format!("overridden: {}", blocked.reason));
        }
        !overridden
    });
}

/// What came of a decision.
pub struct Carried {
    pub code: ExitCode,
    pub outcome: Outcome,
}

/// Carries out a decision and says what came of it.
pub async fn carry_out(session: &Session, decided: Decided, options: Options, ui: &Ui) -> Result<Carried, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let refused = decided.decision.plan.blocked.len();
    let total = decided.decision.plan.changes.len();
    let progress = ui.progress();
    progress.total(total);
    let watch = Watching { progress: &*progress, unknown: Mutex::default() };
    let desired = &session.project.desired;
    let Decided { live, decision } = decided;
    let outcome = tokio::select! {
        // Ctrl-C is listened for before the first change is begun.
        biased;
        () = interrupted_twice(&stop, ui) => {
            progress.finished();
            let message = "stopped at once: what was in flight may have been done or not";
            return Err(Failure::new(ExitCode::Interrupted, message).hint("`plumb plan` shows what is left to do"));
        }
        outcome = apply::apply(&session.services, desired, &live, decision, options, &watch, stop.clone()) => outcome,
    };
    progress.finished();
    report(&outcome, ui);
    let done = outcome.count(Ended::is_done);
    let unknown = outcome.count(|e| matches!(e, Ended::Unknown { .. }));
    let stale = outcome.count(|e| matches!(e, Ended::Stale { .. }));
    let code = match () {
        () if stop.load(Ordering::Relaxed) && done < total => ExitCode::Interrupted,
        () if done == total && refused > 0 => ExitCode::Guard,
        () if done == total => ExitCode::Ok,
        () if done > 0 || unknown > 0 => ExitCode::Partial,
        () if stale > 0 => ExitCode::Stale,
        () => ExitCode::Error,
    };
    Ok(Carried { code, outcome })
}

/// Hears Ctrl-C: at the first, nothing more is started; it returns at the second.
async fn interrupted_twice(stop: &AtomicBool, ui: &Ui) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.store(true, Ordering::Relaxed);
        // Listened for before the user is told of it: one that comes at once is heard, too.
        let mut again = std::pin::pin!(tokio::signal::ctrl_c());
        tokio::select! {
            biased;
            Ok(()) = &mut again => return,
            () = std::future::ready(()) => {}
        }
        ui.warn("interrupted: finishing what is in flight; Ctrl-C again stops at once");
        if again.await.is_ok() {
            return;
        }
    }
    // Signals cannot be heard here: the apply simply goes on.
    std::future::pending::<()>().await;
}

fn report(outcome: &Outcome, ui: &Ui) {
    for said in outcome::lines(outcome) {
        match said.level {
            Level::Error => ui.error(&said.text),
            Level::Warning => ui.warn(&said.text),
            Level::Note => ui.status(&said.text),
        }
    }
    if let Some(hint) = outcome::hint(outcome) {
        ui.warn(&hint);
    }
    ui.status(&format!("Apply: {}.", outcome::counts(outcome)));
}

struct Watching<'a> {
    progress: &'a dyn Progress,
    /// The changes of which it is not known whether they were done.
    unknown: Mutex<BTreeSet<Address>>,
}

impl Watch for Watching<'_> {
    fn started(&self, change: &Change) {
        self.progress.started(Step { address: &change.address, action: change.action });
    }
    fn waiting(&self, change: &Change, what: &str) {
        self.progress.waiting(Step { address: &change.address, action: change.action }, what);
    }
    fn ended(&self, change: &Change, ended: &Ended, took: Duration) {
        let end = match ended {
            Ended::Done { .. } => End::Done(took),
            // The reason is in the report at the end, where a log's reader looks.
            Ended::Failed { .. } => End::Failed { why: String::new(), after: took },
            Ended::Unknown { .. } => {
                self.unknown.lock().unwrap_or_else(PoisonError::into_inner).insert(change.address.clone());
                End::Unknown { after: took }
            }
            Ended::Stale { .. } => End::Failed { why: "changed since the plan was made".into(), after: took },
            Ended::Skipped { because } => {
                let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner).contains(because);
                End::Skipped { why: outcome::held_by(because, unknown) }
            }
            Ended::NotStarted => End::Skipped { why: "interrupted".into() },
        };
        self.progress.ended(Step { address: &change.address, action: change.action }, &end);
    }
}
