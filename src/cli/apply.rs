//! `plumb apply`.

use super::interrupt::{self, stoppable};
use super::lease::{self, LockArgs};
use super::migrate::WaveWork;
use super::output::{Detail, Form, Output};
use super::permit::{self, Permit, PermitFindings};
use super::select::Dangling;
use super::session::{Decided, Session};
use super::{Global, Irreversible, Selected, Targeted};
use crate::apply;
use crate::apply::{ApplyOptions, ApplyWatch, Journal};
use crate::settings;
use crate::ui::{ChangeStep, End, ExitCode, Failure, Progress, Ui};
use clap::{Args, ValueEnum};
use plumb_core::kinds::Kind;
use plumb_core::plan::Action;
use plumb_core::plan::guards::ApplyPlace;
use plumb_core::plan::outcome::{ApplyOutcome, Ended};
use plumb_core::plan::{Change, Guard, Plan, guards, hold_back};
use plumb_core::render;
use plumb_core::render::{Level, outcome};
use plumb_model::address::Address;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

/// Make what is live equal to the manifests
///
/// Shows the plan, asks, and carries it out. A change that fails stops only what depends on it. Ctrl-C lets the calls
/// in flight finish, starts no others, and says what was and what was not done. With --output json the result is how each
/// change ended, with its requests, durations and errors (`schemas/apply.json`).
#[derive(Args)]
#[command(after_help = "Examples:
  plumb apply --target dev
  plumb apply --target prod --yes
  plumb apply --only DatabricksJob/audience-cleanse
  plumb plan --out plan.json && plumb apply plan.json --yes
  plumb apply --yes --approved 9c1f0e6a2b7d4f50
  plumb apply --yes --override max-deletes
  plumb apply --yes --output json | jq '.changes[] | select(.outcome != \"done\")'")]
pub struct ApplyArgs {
    #[command(flatten)]
    pub targeted: Targeted,
    #[command(flatten)]
    selected: Selected,
    #[command(flatten)]
    pub seen: permit::PermitArgs,
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
    dangling: Dangling,
    #[command(flatten)]
    irreversible: Irreversible,
    /// How long to wait for an object that is between two states, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    patience: u64,
    /// How many changes to carry out at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..))]
    parallel: u8,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    detail: Detail,
    #[command(flatten)]
    output: Output,
    /// The one wave that it is of.
    #[arg(skip)]
    wave: Option<WaveWork>,
}

impl ApplyArgs {
    /// Those of an apply that is of one wave alone.
    pub fn of_wave(
        wave: WaveWork,
        targeted: Targeted,
        yes: bool,
        patience: u64,
        lock: LockArgs,
        output: Output,
    ) -> ApplyArgs {
        ApplyArgs {
            targeted,
            selected: Selected::default(),
            seen: permit::PermitArgs::default(),
            yes,
            overrides: Vec::new(),
            allow_run_now: false,
            dangling: Dangling::default(),
            irreversible: Irreversible::default(),
            patience,
            parallel: 1,
            lock,
            detail: Detail::default(),
            output,
            wave: Some(wave),
        }
    }

    /// What the lease says is being done.
    fn command(&self) -> &'static str {
        self.wave.as_ref().map_or("plumb apply", WaveWork::command)
    }
}

/// A guard that the command line goes past.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Override {
    MaxDeletes,
    MaxChangePercent,
    Branch,
    Clean,
    Workspace,
    RunNow,
    Dangling,
    Decisions,
    Restart,
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
            Override::Dangling => Guard::Dangling,
            Override::Decisions => Guard::Decisions,
            Override::Restart => Guard::Restart,
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
    if args.output.form() != Form::Json {
        args.output.check(args.detail)?;
    }
    permit.name_target(&mut args.targeted)?;
    permit.name_selection(&mut args.selected);
    let mut session = Session::open(global, &args.targeted, ui).await?;
    session.check_clock()?;
    session.check_airflow()?;
    session.allow_teardown(args.irreversible.allow_teardown);
    if let Some(wave) = &args.wave {
        wave.begin(&mut session)?;
    }
    let lock = args.lock.clone();
    let work = async |session: &Session, shown: Option<&Plan>| match review(session, &args, permit, shown, ui).await? {
        Reviewed::Over(code) => Ok(permit.ended(code)),
        Reviewed::Go(decided, whole) => {
            let teller = Teller { args: &args, permit, ui };
            if let Some(wave) = &args.wave {
                if shown.is_none() {
                    wave.warn(session, &decided, ui).await;
                }
                wave.leave_hold(session, ui).await?;
            }
            let mut carried = carry_out(session, *decided, options(&args), ui).await?;
            permit.note(outcome::counts(&carried.outcome, carried.blocked));
            carried.code = permit.ended(carried.code);
            if teller.is_heard() {
                teller.tell(&whole, &carried)?;
            }
            carried.ended()
        }
    };
    if args.yes {
        return lease::under(&mut session, &lock, args.command(), ui, async |session| work(session, None).await).await;
    }
    // Nobody holds up others while making up their mind: the lease is taken after the answer, and the plan made again.
    let shown = match review(&session, &args, permit, None, ui).await? {
        Reviewed::Over(code) => return Ok(permit.ended(code)),
        Reviewed::Go(decided, _) => {
            if let Some(wave) = &args.wave {
                wave.warn(&session, &decided, ui).await;
            }
            decided.decision.plan
        }
    };
    let question = match &args.wave {
        Some(wave) => wave.question(&shown.target),
        None => format!("Apply to target {}?", shown.target),
    };
    if !ui.confirm(&question)? {
        return Err(Failure::cancelled("nothing was sent"));
    }
    lease::under(&mut session, &lock, args.command(), ui, async |session| work(session, Some(&shown)).await).await
}

/// Whether there is anything to carry out.
enum Reviewed {
    Over(ExitCode),
    /// With the whole plan: what waits for decisions is no longer in what is carried out.
    Go(Box<Decided>, Box<Plan>),
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
    let mut decided = if shown.is_some() || args.yes {
        stoppable(session, deciding).await?
    } else {
        // Once a signal is listened for it no longer ends the process, not even at the question that comes next.
        deciding.await?
    };
    let teller = Teller { args, permit, ui };
    if let Some(wave) = &args.wave {
        wave.only(&mut decided.decision.plan);
    }
    if let Err(failure) = permit.check(&mut decided.decision.plan, &decided.live.holds, ui) {
        return Err(teller.refused(&decided.decision.plan, failure));
    }
    check_place(session, &mut decided.decision.plan).await?;
    if let Some(wave) = &args.wave {
        decided.decision.plan.blocked.retain(|blocked| blocked.guard.is_none_or(|guard| wave.heeds(guard)));
    }
    let allowed = args.allow_run_now.then_some(Override::RunNow);
    let allowed = allowed.into_iter().chain(args.dangling.allow_dangling.then_some(Override::Dangling));
    let overrides: Vec<Override> = args.overrides.iter().copied().chain(allowed).collect();
    pass_guards(&mut decided.decision.plan, &overrides, ui);
    let plan = &decided.decision.plan;
    match shown {
        // The result is what comes of it. Who is asked has to see what of.
        None if teller.is_heard() && args.yes => {}
        // What it waits for would be told as if it were held by now.
        None if plan.changes.is_empty() && args.wave.as_ref().is_some_and(|wave| wave.reason.is_some()) => {}
        None if teller.is_heard() => {
            let style = ui.stderr_style();
            ui.laid_out(&args.detail.text(plan, style, ui.is_interactive()));
        }
        // Without a pager: what is asked next has to stand below what it is about.
        None => args.output.plan(&session.page(plan), args.detail, false, ui)?,
        Some(shown) if shown.digest == plan.digest => {}
        Some(_) => {
            let failure = Failure::new(ExitCode::Stale, "the plan is not the one that was shown; nothing was sent")
                .hint("what is live changed meanwhile: apply again to see how");
            return Err(teller.refused(plan, failure));
        }
    }
    let whole = plan.clone();
    let held = hold_back(&mut decided.decision.plan);
    let plan = &decided.decision.plan;
    if plan.blocked.iter().any(|b| b.guard.is_some_and(|guard| !guard.holds_changes())) {
        let failure = Failure::new(ExitCode::Guard, "a guard refused; nothing was sent");
        return Err(teller.refused(&whole, failure));
    }
    if !held.is_empty() && plan.changes.is_empty() {
        return Err(teller.refused(&whole, all_held(plan)));
    }
    if !held.is_empty() && shown.is_none() {
        for (count, why) in held_for(plan) {
            let count = render::counted(count, "change waits", "changes wait");
            ui.warn(&format!("{count} {why}, and will not be made"));
        }
    }
    if let (true, Some(wave)) = (plan.changes.is_empty() && plan.blocked.is_empty(), &args.wave) {
        let code = wave.nothing(plan, ui).map_err(|failure| teller.refused(plan, failure))?;
        if teller.is_heard() {
            let (outcome, journal) = (ApplyOutcome::default(), Journal::default());
            teller.tell(plan, &FinishedApply { code, outcome, blocked: 0, journal, stopped: None })?;
        }
        return Ok(Reviewed::Over(code));
    }
    if plan.changes.is_empty() {
        let code = if plan.blocked.is_empty() { ExitCode::Ok } else { ExitCode::Guard };
        if teller.is_heard() {
            let (outcome, journal) = (ApplyOutcome::default(), Journal::default());
            teller
                .tell(plan, &FinishedApply { code: permit.ended(code), outcome, blocked: 0, journal, stopped: None })?;
        }
        return Ok(Reviewed::Over(code));
    }
    Ok(Reviewed::Go(Box::new(decided), Box::new(whole)))
}

/// Tells programs what came of an apply.
struct Teller<'a> {
    args: &'a ApplyArgs,
    permit: &'a Permit,
    ui: &'a Ui,
}

impl Teller<'_> {
    /// Whether a program listens.
    fn is_heard(&self) -> bool {
        self.args.output.form() == Form::Json
    }

    fn tell(&self, plan: &Plan, carried: &FinishedApply) -> Result<(), Failure> {
        let found = self.permit.found();
        let error = carried.stopped.as_ref().map(|failure| failure.message.as_str());
        let (outcome, journal, code) = (&carried.outcome, &carried.journal, carried.code.code());
        let told = render::applied(plan, outcome, &journal.records(), &taken_out(&found), (code, error));
        let text = render::applied_json(&told).map_err(|e| Failure::error(e.to_string()))?;
        self.args.output.write(&text, self.ui)
    }

    /// Tells that nothing was carried out, and why; the failure is handed back.
    fn refused(&self, plan: &Plan, failure: Failure) -> Failure {
        if !self.is_heard() {
            return failure;
        }
        let (outcome, journal) = (ApplyOutcome::default(), Journal::default());
        let carried =
            FinishedApply { code: failure.exit, outcome, blocked: 0, journal, stopped: Some(failure.clone()) };
        // The refusal is what matters; where the result cannot be written, that is said beside it.
        match self.tell(plan, &carried) {
            Ok(()) => failure,
            Err(unwritten) => failure.hint(unwritten.message),
        }
    }
}

/// The changes of a saved plan that were taken out of it, and why.
fn taken_out(found: &PermitFindings) -> Vec<(Address, Action, Ended)> {
    let changes = found.plan.iter().flat_map(|plan| &plan.changes);
    let actions: BTreeMap<&Address, Action> = changes.map(|c| (&c.address, c.action)).collect();
    let stale = found.kept.stale.iter().map(|(address, differences)| {
        let differences = differences.clone();
        (address, Ended::Stale { differences, sent: Vec::new() })
    });
    let held = found.kept.held.iter().map(|(address, first)| (address, Ended::Skipped { because: first.clone() }));
    let known = |(address, ended)| Some((Address::clone(address), *actions.get(address)?, ended));
    stale.chain(held).filter_map(known).collect()
}

fn options(args: &ApplyArgs) -> ApplyOptions {
    ApplyOptions {
        width: args.parallel.into(),
        patience: Duration::from_secs(args.patience * 60),
        ..ApplyOptions::default()
    }
}

/// Adds what the guards say of from where, and to where, the apply would go.
pub async fn check_place(session: &Session, plan: &mut Plan) -> Result<(), Failure> {
    let target = &session.project.desired.target;
    let asks_workspace = target.databricks.as_ref().is_some_and(|d| d.workspace_id.is_some());
    let workspace_id = if asks_workspace {
        session.services.identity().await.map_err(|e| Failure::error(e.to_string()))?.workspace_id
    } else {
        None
    };
    let place = ApplyPlace { branch: session.project.branch.clone(), dirty: session.project.dirty, workspace_id };
    plan.blocked.extend(guards::of_place(&place, target));
    Ok(())
}

/// How much of a plan is refused: an address counts once, whatever is said against it.
fn refused(plan: &Plan) -> usize {
    let of: BTreeSet<&Address> = plan.blocked.iter().filter_map(|blocked| blocked.address.as_ref()).collect();
    of.len() + plan.blocked.iter().filter(|blocked| blocked.address.is_none()).count()
}

/// How many changes are held for what.
fn held_for(plan: &Plan) -> Vec<(usize, &'static str)> {
    let held = |guard: Guard| {
        let own = plan.blocked.iter().filter(|blocked| blocked.guard == Some(guard));
        own.filter_map(|blocked| blocked.address.as_ref()).collect::<BTreeSet<_>>()
    };
    let (open, restarts) = (held(Guard::Decisions), held(Guard::Restart));
    // What waits for both is counted once.
    let restarts = restarts.difference(&open).count();
    let counts = [(open.len(), "for open decisions"), (restarts, "because clusters run that adopting would restart")];
    counts.into_iter().filter(|(count, _)| *count > 0).collect()
}

/// That nothing is left of a plan but what waits.
fn all_held(plan: &Plan) -> Failure {
    let why: Vec<&str> = held_for(plan).into_iter().map(|(_, why)| why).collect();
    let failure = Failure::new(ExitCode::Guard, format!("all of it waits {}; nothing was sent", why.join(", and ")));
    let has = |guard: Guard| plan.blocked.iter().any(|blocked| blocked.guard == Some(guard));
    let hints = [
        (Guard::Decisions, "decide, and delete each `# DECISION:` comment; or `--override decisions`"),
        (Guard::Restart, "apply again once they are terminated; or `--override restart`"),
    ];
    hints.into_iter().filter(|(guard, _)| has(*guard)).fold(failure, |failure, (_, hint)| failure.hint(hint))
}

/// Takes out the guards that the command line overrides, and says so.
pub fn pass_guards(plan: &mut Plan, overrides: &[Override], ui: &Ui) {
    plan.blocked.retain(|blocked| {
        let overridden = blocked.guard.is_some_and(|g| overrides.iter().any(|o| o.guard() == g));
        if overridden {
            ui.warn(&format!("overridden: {}", blocked.reason));
        }
        !overridden
    });
}

/// What came of a decision.
pub struct FinishedApply {
    pub code: ExitCode,
    pub outcome: ApplyOutcome,
    /// How much was refused before anything was sent.
    blocked: usize,
    /// What was sent.
    journal: Journal,
    /// Why it ended before everything was done or had failed.
    stopped: Option<Failure>,
}

impl FinishedApply {
    /// The exit code, or why there is none of its own.
    pub fn ended(self) -> Result<ExitCode, Failure> {
        self.stopped.map_or(Ok(self.code), Err)
    }
}

/// Carries out a decision and says what came of it.
pub async fn carry_out(
    session: &Session,
    decided: Decided,
    options: ApplyOptions,
    ui: &Ui,
) -> Result<FinishedApply, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let blocked = refused(&decided.decision.plan);
    let total = decided.decision.plan.changes.len();
    let progress = ui.progress();
    progress.total(total);
    let watch = ChangeProgress { progress: &*progress, seen: Mutex::default() };
    let desired = &session.project.desired;
    let Decided { live, decision } = decided;
    let options = ApplyOptions { code: options.code.clone().or_else(|| session.project.code_bytes()), ..options };
    let journal = options.journal.clone();
    let addresses: Vec<Address> = decision.plan.changes.iter().map(|c| c.address.clone()).collect();
    let of_part = if decision.plan.partial.is_some() { " (a partial plan)" } else { "" };
    let outcome = tokio::select! {
        // Ctrl-C is listened for before the first change is begun.
        biased;
        () = interrupt::twice(&stop, ui) => {
            progress.finished();
            let outcome = watch.cut_off(&addresses, &journal);
            let counts = outcome::counts(&outcome, blocked);
            let message = format!("stopped at once: what was in flight may have been done or not: {counts}");
            let failure = Failure::new(ExitCode::Interrupted, message).hint("`plumb plan` shows what is left to do");
            return Ok(FinishedApply { code: ExitCode::Interrupted, outcome, blocked, journal, stopped: Some(failure) });
        }
        outcome = apply::apply(&session.services, desired, &live, decision, options, &watch, stop.clone()) => outcome,
    };
    progress.finished();
    report(&outcome, blocked, of_part, ui);
    let done = outcome.count(Ended::is_done);
    let unknown = outcome.count(|e| matches!(e, Ended::Unknown { .. }));
    let stale = outcome.count(|e| matches!(e, Ended::Stale { .. }));
    let is_begun = outcome.count(|e| matches!(e, Ended::Stale { sent, .. } if !sent.is_empty())) > 0;
    let code = if stop.load(Ordering::Relaxed) && done < total {
        ExitCode::Interrupted
    } else if done == total && blocked > 0 {
        ExitCode::Guard
    } else if done == total {
        ExitCode::Ok
    } else if done > 0 || unknown > 0 || is_begun {
        ExitCode::Partial
    } else if stale > 0 {
        ExitCode::Stale
    } else {
        ExitCode::Error
    };
    Ok(FinishedApply { code, outcome, blocked, journal, stopped: None })
}

fn report(outcome: &ApplyOutcome, blocked: usize, of_part: &str, ui: &Ui) {
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
    ui.status(&format!("Apply: {}{of_part}.", outcome::counts(outcome, blocked)));
}

struct ChangeProgress<'a> {
    progress: &'a dyn Progress,
    seen: Mutex<ChangeProgressState>,
}

/// How far the changes of an apply have got.
#[derive(Default)]
struct ChangeProgressState {
    running: BTreeSet<Address>,
    ended: BTreeMap<Address, Ended>,
}

impl ChangeProgress<'_> {
    fn seen(&self) -> MutexGuard<'_, ChangeProgressState> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of every change when the apply is dropped now.
    fn cut_off(&self, all: &[Address], journal: &Journal) -> ApplyOutcome {
        let seen = self.seen();
        let ended = |address: &Address| match seen.ended.get(address) {
            Some(ended) => ended.clone(),
            None if seen.running.contains(address) => journal.cut_off(address),
            None => Ended::NotStarted,
        };
        ApplyOutcome { changes: all.iter().map(|address| (address.clone(), ended(address))).collect() }
    }
}

impl ApplyWatch for ChangeProgress<'_> {
    fn started(&self, change: &Change) {
        self.seen().running.insert(change.address.clone());
        self.progress.started(ChangeStep { address: &change.address, action: change.action });
    }
    fn waiting(&self, change: &Change, what: &str) {
        self.progress.waiting(ChangeStep { address: &change.address, action: change.action }, what);
    }
    fn written(&self, change: &Change, ended: &Ended, took: Duration) {
        self.ended(change, ended, took);
    }
    fn verifying(&self, kind: &dyn Kind, changes: usize) {
        self.progress.verifying(&render::counted(changes, kind.noun(), &render::compact::plural(kind.noun())));
    }
    fn ended(&self, change: &Change, ended: &Ended, took: Duration) {
        let end = match ended {
            Ended::Done { .. } => End::Done(took),
            // The reason is in the report at the end, where a log's reader looks.
            Ended::Failed { .. } => End::Failed { why: String::new(), after: took },
            Ended::Unknown { .. } => End::Unknown { after: took },
            Ended::Stale { .. } => End::Failed { why: "changed since the plan was made".into(), after: took },
            Ended::Skipped { because } => {
                let unknown = matches!(self.seen().ended.get(because), Some(Ended::Unknown { .. }));
                End::Skipped { why: outcome::held_by(because, unknown) }
            }
            Ended::NotStarted => End::Skipped { why: "interrupted".into() },
        };
        // What was written was told then; what else is to be said of it is in the report at the end.
        if self.seen().ended.insert(change.address.clone(), ended.clone()).is_none() {
            self.progress.ended(ChangeStep { address: &change.address, action: change.action }, &end);
        }
    }
}
