//! `plumb parity replay`.

use super::engines::{EngineArgs, Engines};
use super::jobs::{JobSelection, jobs};
use super::replay_runs::{PeriodEnd, PeriodRuns, ReplayRuns, run_all};
use super::report::{evidence, of_manifests};
use super::run::Comparisons;
use crate::cli::output::{Output, PlainForm};
use crate::cli::session::{Decided, Project, Session};
use crate::cli::{Global, Selected, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use crate::{observe, services, settings};
use clap::Args;
use clap_complete::ArgValueCandidates;
use jiff::Timestamp;
use plumb_core::cost::replay_use::replay_use;
use plumb_core::kinds::emr::migration::{Migration, MigrationSpec, RunPeriod};
use plumb_core::manifest::Resource;
use plumb_core::parity::engine::OutputEngine;
use plumb_core::parity::period::{Period, PeriodState, settles, zone};
use plumb_core::parity::replay::{
    REPLAYS_FORMAT, ReplayState, ReplayStep, ReplayedPeriod, Replays, period_value, refusals, replay_periods,
    replay_steps,
};
use plumb_core::parity::resolve::compare_of;
use plumb_core::parity::result::{Report, Verdict};
use plumb_core::render::parity::{replays_json, replays_text};
use plumb_model::address::Address;
use plumb_model::call::System;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Run the new pipeline for past periods and compare them
///
/// Each job of `to.jobs` is run for each period, told so by `period.parameter` and given `shadow.parameters`, so that it writes
/// beside the old. What ended well is compared as `plumb parity run` does, and evidence/ gets the reports. It costs money: how
/// many runs and node-hours is said before, and asked. A period that passed is not run again.
///
/// Ctrl-C starts nothing more and says what still runs. The same command goes on with it, and starts nothing twice.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb parity replay audience --periods 2026-07..2026-09 --target prod
  plumb parity replay audience --periods 2026-08 --again --yes
  plumb parity replay audience --periods 2026-W30..2026-W35 --output json

Exit codes:
    0  every period is equal
    2  some output differs
    3  no verdict: data is missing, empty, unreadable or not finished
    1  a run failed, or nothing could be started or compared; what ended well was compared all the same")]
pub struct ParityReplay {
    /// Name of the Migration
    #[arg(value_name = "MIGRATION", add = ArgValueCandidates::new(crate::cli::complete::migrations))]
    migration: String,
    /// Periods to replay, both ends included: `2026-07..2026-09`, or one of them
    #[arg(long, value_name = "FIRST..LAST")]
    periods: String,
    /// Replay what has passed already, too
    #[arg(long)]
    again: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    engines: EngineArgs,
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<PlainForm>,
}

/// What is to be replayed, as the manifests have it.
struct WantedReplay {
    name: String,
    spec: MigrationSpec,
    told: RunPeriod,
    steps: Vec<ReplayStep>,
    periods: Vec<Period>,
}

/// Run the new pipeline for past periods and compare them.
pub async fn run(global: &Global, args: ParityReplay, ui: &Ui) -> Result<ExitCode, Failure> {
    let project = Project::load(global, &args.targeted, ui)?;
    let (now, _) = settings::now().map_err(Failure::error)?;
    let wanted = wanted(&project, &args, now)?;
    let (passed, compared) = compared(&project, &wanted.name, ui)?;
    let is_skipped = |period: &Period| !args.again && passed.contains(period.name());
    let (skipped, open): (Vec<Period>, Vec<Period>) = wanted.periods.iter().cloned().partition(is_skipped);
    let mut done: BTreeMap<String, ReplayedPeriod> =
        skipped.iter().map(|one| (one.name().to_owned(), passed_before(one))).collect();
    let mut interrupted = false;
    if !open.is_empty() {
        let mut session = project.connect(ui).await?;
        let runs = Arc::new(prepared(&mut session, &wanted, &args, (compared, now), ui).await?);
        asked(&session.project, &wanted, &runs, &open, &args, ui)?;
        let at_once = at_once(&session.project, &wanted.steps);
        let (ended, broken) = run_all(&runs, &open, at_once, ui).await;
        interrupted = broken;
        let well: Vec<&Period> = ended.iter().filter(|one| one.end == PeriodEnd::Well).map(|one| &one.period).collect();
        // What ended well is compared by the next command, where this one is to end.
        let reports =
            if broken { Vec::new() } else { compare_all(&session.project, &args, &wanted.name, &well, ui).await? };
        for one in ended {
            let report = reports.iter().find(|(period, _)| *period == one.period).map(|(_, report)| report);
            done.insert(one.period.name().to_owned(), ended_as(&wanted.name, one, report));
        }
        return finish(&session.project, &wanted, done, interrupted, &args, ui);
    }
    finish(&project, &wanted, done, interrupted, &args, ui)
}

/// Reads the manifests: all that speaks against a replay, before anything is asked of a server.
fn wanted(project: &Project, args: &ParityReplay, now: Timestamp) -> Result<WantedReplay, Failure> {
    let desired = &project.desired;
    let kind = format!("{}/", Migration::NAME);
    let name = args.migration.strip_prefix(&kind).unwrap_or(&args.migration);
    let resource = migration(&desired.resources, name)?;
    let at = |why: String| Failure::error(format!("{}: {why}", resource.address));
    let compare = compare_of(resource).map_err(at)?;
    let compare = compare.ok_or_else(|| {
        at("it has no `compare`, so what a replay writes could not be compared".into())
            .hint("docs/parity.md shows how it is written")
    })?;
    let spec: MigrationSpec = serde_json::from_value(resource.spec.to_value()).map_err(|e| at(e.to_string()))?;
    let periods =
        replay_periods(compare.period, &args.periods).map_err(|why| Failure::usage(format!("--periods: {why}")))?;
    let steps = replay_steps(desired, &spec);
    let mut refused = refusals(name, &spec, &steps);
    let (zone, settles) = (zone(&compare).map_err(at)?, settles(&compare).map_err(at)?);
    for period in &periods {
        let when = |instant: Timestamp| instant.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string();
        let why = match period.state(&zone, settles, now) {
            PeriodState::Settled => continue,
            PeriodState::Running(end) => format!("{period} is not over before {}", when(end)),
            PeriodState::Settling(end) => format!("{period} may be compared from {} on (`settles`)", when(end)),
        };
        refused.push((why, "name periods that are over".into()));
        break;
    }
    if let (Some(told), Some(first)) = (&spec.period, periods.first())
        && let Err(why) = period_value(told, first)
    {
        refused.push((format!("{}: {why}", resource.address), "correct it".into()));
    }
    match (refusal(refused), spec.period.clone()) {
        (Some(failure), _) => Err(failure),
        (None, Some(told)) => Ok(WantedReplay { name: name.to_owned(), spec, told, steps, periods }),
        (None, None) => Err(at("it has no `period`".into())),
    }
}

fn migration<'r>(resources: &'r [Resource], name: &str) -> Result<&'r Resource, Failure> {
    let all = || resources.iter().filter(|one| one.kind.name() == Migration::NAME);
    all().find(|one| one.address.name == name).ok_or_else(|| {
        let names: Vec<&str> = all().map(|one| one.address.name.as_str()).collect();
        let there =
            if names.is_empty() { "there is none".to_owned() } else { format!("there are {}", names.join(", ")) };
        Failure::error(format!("no Migration is named `{name}`")).hint(there)
    })
}

/// All that speaks against it, in one failure.
fn refusal(refused: Vec<(String, String)>) -> Option<Failure> {
    let whats: Vec<&str> = refused.iter().map(|(what, _)| what.as_str()).collect();
    let message = format!("{}; nothing was started", whats.join("; "));
    let mut helps: Vec<&String> = Vec::new();
    for (_, help) in &refused {
        if !helps.contains(&help) {
            helps.push(help);
        }
    }
    let failure = helps.into_iter().fold(Failure::new(ExitCode::Error, message), |failure, help| failure.hint(help));
    (!refused.is_empty()).then_some(failure)
}

/// The periods that passed and count, and when the last comparison of each period was made.
fn compared(
    project: &Project,
    name: &str,
    ui: &Ui,
) -> Result<(BTreeSet<String>, BTreeMap<String, Timestamp>), Failure> {
    let (mut passed, mut last) = (BTreeSet::new(), BTreeMap::<String, (Timestamp, bool)>::new());
    for file in evidence(&project.dir, ui)?.files.iter().filter(|file| file.report.migration == name) {
        let counts = file.report.passed && of_manifests(project, file).void.is_none();
        let (period, at) = (file.report.period.clone(), file.report.checked_at);
        if last.get(&period).is_none_or(|(known, _)| *known <= at) {
            last.insert(period, (at, counts));
        }
    }
    passed.extend(last.iter().filter(|(_, (_, counts))| *counts).map(|(period, _)| period.clone()));
    Ok((passed, last.into_iter().map(|(period, (at, _))| (period, at)).collect()))
}

fn passed_before(period: &Period) -> ReplayedPeriod {
    let says = Some("it passed before; --again replays it".to_owned());
    let name = period.name().to_owned();
    ReplayedPeriod { period: name, state: ReplayState::Skipped, runs: Vec::new(), evidence: None, says }
}

/// Reads what is live, and refuses jobs that are not as their manifests and DAGs of which a run is under way.
async fn prepared(
    session: &mut Session,
    wanted: &WantedReplay,
    args: &ParityReplay,
    (compared, now): (BTreeMap<String, Timestamp>, Timestamp),
    ui: &Ui,
) -> Result<ReplayRuns, Failure> {
    let jobs: BTreeSet<String> = wanted.steps.iter().map(|step| step.job.to_string()).collect();
    let selected = Selected { labels: Vec::new(), only: jobs.into_iter().collect() };
    let decided = session.decide(&selected, None, ui).await?;
    let desired = &session.project.desired;
    let (mut refused, mut steps) = (Vec::new(), Vec::new());
    for step in &wanted.steps {
        match live_job(session, &decided, &step.job) {
            Ok(id) => steps.push((step.clone(), id)),
            Err(why) => refused.push((why, "apply first: `plumb apply`".to_owned())),
        }
    }
    refused.dedup();
    let dags = [&wanted.spec.from.dags, &wanted.spec.to.dags].into_iter().flatten().flatten();
    for dag in dags.filter_map(|dag| Address::try_from(dag.clone()).ok()) {
        refused.extend(under_way(session, &decided, &dag).await);
    }
    if let Some(failure) = refusal(refused) {
        return Err(failure);
    }
    let service = session.services.for_system(System::Databricks).map_err(|e| Failure::error(e.to_string()))?;
    Ok(ReplayRuns {
        service,
        dir: session.project.dir.clone(),
        project: desired.project.name.clone(),
        target: desired.target.name.clone(),
        migration: wanted.name.clone(),
        steps,
        told: wanted.told.clone(),
        shadow: wanted.spec.shadow.as_ref().map(|shadow| shadow.parameters.clone()).unwrap_or_default(),
        vault: desired.vault.clone(),
        again: args.again,
        compared,
        since: now,
    })
}

/// The id of a job that is live and as its manifest has it.
fn live_job(session: &Session, decided: &Decided, address: &Address) -> Result<String, String> {
    let plan = &decided.decision.plan;
    if let Some(blocked) = plan.blocked.iter().find(|one| one.address.as_ref() == Some(address)) {
        return Err(format!("{address}: {}", blocked.reason));
    }
    let live = observe::of(&decided.live, &session.project.desired, address);
    let id = match live.as_slice() {
        [one] => one.seen.id.clone(),
        [] => return Err(format!("{address} is not live")),
        several => return Err(format!("{} live objects are {address}", several.len())),
    };
    match plan.changes.iter().find(|change| change.address == *address) {
        Some(change) => {
            let fields: Vec<&str> = change.fields.iter().map(|field| field.path.as_str()).collect();
            let fields = if fields.is_empty() { String::new() } else { format!(": {}", fields.join(", ")) };
            Err(format!("{address} is not as its manifest has it{fields}"))
        }
        None => Ok(id),
    }
}

/// Why a DAG keeps a replay from being started.
async fn under_way(session: &Session, decided: &Decided, dag: &Address) -> Option<(String, String)> {
    let kind = plumb_core::kinds::find(&dag.kind)?;
    let desired = &session.project.desired;
    let unknown = |why: String| {
        let help = "a replay beside a run would mix what they write; make it readable first".to_owned();
        Some((format!("whether a run of {dag} is under way is not known: {why}"), help))
    };
    if let Some(unread) = observe::unread(&decided.live, desired, dag).first() {
        return unknown(unread.to_string());
    }
    for found in observe::of(&decided.live, desired, dag) {
        let Some(read) = kind.activity(&found.seen.whole()) else { continue };
        let service = match session.services.for_system(read.call.system) {
            Ok(service) => service,
            Err(fault) => return unknown(fault.to_string()),
        };
        match services::read(&*service, &read).await {
            Ok(pages) if kind.active_runs(&pages) == 0 => {}
            Ok(_) => return Some((format!("a run of {dag} is under way"), "wait until it has ended".into())),
            Err(fault) => return unknown(fault.to_string()),
        }
    }
    None
}

/// Says what it costs, and asks.
fn asked(
    project: &Project,
    wanted: &WantedReplay,
    runs: &ReplayRuns,
    open: &[Period],
    args: &ParityReplay,
    ui: &Ui,
) -> Result<(), Failure> {
    let desired = &project.desired;
    let name_of = |job: &Address| {
        let spec = desired.resources.iter().find(|one| one.address == *job).map(|one| &one.spec);
        spec.and_then(|spec| spec["name"].as_str()).unwrap_or(&job.name).to_owned()
    };
    let names: Vec<String> = wanted.steps.iter().map(|step| name_of(&step.job)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let kept = project.kept_runs()?;
    let used = replay_use(&kept.runs(), (&runs.target, &wanted.name), &names, open.len() as u64);
    kept.notes().iter().for_each(|note| ui.warn(note));
    let periods: Vec<&str> = open.iter().map(Period::name).collect();
    ui.status(&format!("{} for {}: {}", wanted.name, periods.join(", "), used.says()));
    let mut shadow: Vec<String> = runs.shadow.iter().map(|(name, value)| format!("{name}={value}")).collect();
    shadow.insert(0, format!("{}=…", wanted.told.parameter));
    // A secret stands there as its token.
    ui.status(&format!("each run is given {}", shadow.join(", ")));
    for step in &wanted.steps {
        let is_left = |name: &&String| **name != wanted.told.parameter && !runs.shadow.contains_key(*name);
        let left: Vec<&str> = step.filled.iter().filter(is_left).map(String::as_str).collect();
        if !left.is_empty() {
            let (task, names) = (step.task.as_deref().unwrap_or_default(), left.join(", "));
            ui.warn(&format!("task {task} has Airflow fill in {names}; a replay leaves the default of {}", step.job));
        }
    }
    if !args.yes && !ui.confirm(&format!("Start them in target {}?", runs.target))? {
        return Err(Failure::cancelled("nothing was started"));
    }
    Ok(())
}

/// How many periods run at once: as plumb.yaml has it, and no more than a job without a queue lets.
fn at_once(project: &Project, steps: &[ReplayStep]) -> usize {
    let desired = &project.desired;
    let forecast = desired.project.forecast.as_ref();
    let wanted = forecast.and_then(|forecast| forecast.replays_at_once).unwrap_or(1);
    let jobs = steps.iter().filter_map(|step| desired.resources.iter().find(|one| one.address == step.job));
    let limits = jobs.filter(|job| job.spec["queue"]["enabled"] == false);
    let most = limits.map(|job| job.spec["max_concurrent_runs"].as_u64().unwrap_or(1)).min().unwrap_or(u64::MAX);
    usize::try_from(u64::from(wanted).min(most)).unwrap_or(1).max(1)
}

/// Compares the periods, and writes their evidence.
async fn compare_all(
    project: &Project,
    args: &ParityReplay,
    name: &str,
    periods: &[&Period],
    ui: &Ui,
) -> Result<Vec<(Period, Result<Report, String>)>, Failure> {
    // The runs took a while.
    let (now, clock) = settings::now().map_err(Failure::error)?;
    let comparing = Comparisons { project, engines: &args.engines, only: &[], ui, now, clock };
    let names = [name.to_owned()];
    let engines = Engines::new(project, ui, args.engines.limits());
    let work = async |engines: &mut Engines<'_>| {
        let mut all = Vec::new();
        for period in periods {
            ui.status(&format!("{period}: comparing"));
            let made = RefCell::new(None);
            let show = |report: &Report, _: &_| {
                *made.borrow_mut() = Some(report.clone());
                Ok(())
            };
            let selection = JobSelection { migrations: &names, only: &[], period: Some(period.name()) };
            let done = match jobs(project, &selection, now) {
                Ok(jobs) => comparing.all(&jobs, engines, &show).await,
                Err(failure) => Err(failure),
            };
            // DuckDB may read what this period has, and nothing else.
            engines.forget(OutputEngine::Duckdb);
            let why = done.err().map(|failure| failure.message).unwrap_or_default();
            all.push(((*period).clone(), made.take().ok_or(why)));
        }
        all
    };
    let done = engines.until_interrupted(work).await;
    done.ok_or_else(|| {
        let message =
            "interrupted while comparing; every run had ended, and `plumb parity replay` compares what is left";
        Failure::new(ExitCode::Interrupted, message)
    })
}

/// What became of a period.
fn ended_as(migration: &str, runs: PeriodRuns, report: Option<&Result<Report, String>>) -> ReplayedPeriod {
    let name = runs.period.name().to_owned();
    let (state, says) = match (&runs.end, report) {
        (PeriodEnd::Badly(why), _) => (ReplayState::Failed, Some(why.clone())),
        (PeriodEnd::StillRunning, _) => (ReplayState::StillRunning, None),
        (PeriodEnd::NotStarted, _) => (ReplayState::NotStarted, None),
        (PeriodEnd::Well, Some(Ok(report))) => match report.verdict() {
            Verdict::Equal => (ReplayState::Equal, None),
            Verdict::Differs => (ReplayState::Differs, None),
            Verdict::None => (ReplayState::NoVerdict, None),
        },
        (PeriodEnd::Well, Some(Err(why))) => (ReplayState::NotCompared, Some(why.clone())),
        (PeriodEnd::Well, None) => {
            let says = format!("`plumb parity run {migration} --period {name}` compares it");
            (ReplayState::NotCompared, Some(says))
        }
    };
    let evidence = report.and_then(|report| report.as_ref().ok()).map(|_| format!("evidence/{migration}-{name}.json"));
    ReplayedPeriod { period: name, state, runs: runs.runs, evidence, says }
}

/// Shows what became of all periods, and says what still runs.
fn finish(
    project: &Project,
    wanted: &WantedReplay,
    mut done: BTreeMap<String, ReplayedPeriod>,
    interrupted: bool,
    args: &ParityReplay,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let periods: Vec<ReplayedPeriod> = wanted.periods.iter().filter_map(|period| done.remove(period.name())).collect();
    let target = project.desired.target.name.clone();
    let replays = Replays { format: REPLAYS_FORMAT.into(), target, migration: wanted.name.clone(), periods };
    let text = match args.output.output {
        PlainForm::Json => replays_json(&replays).map_err(|e| Failure::error(e.to_string()))?,
        PlainForm::Text => replays_text(&replays),
    };
    args.output.write(&text, ui)?;
    let states: BTreeSet<&str> = replays.periods.iter().map(|one| one.state.word()).collect();
    let has = |state: ReplayState| states.contains(state.word());
    if interrupted {
        let failure = Failure::new(ExitCode::Interrupted, "interrupted");
        let running = replays.periods.iter().filter(|one| one.state == ReplayState::StillRunning);
        let running: Vec<String> = running
            .filter_map(|one| one.runs.last())
            .map(|run| format!("run {} of {} {}", run.run_id, run.job, run.url.as_deref().unwrap_or_default()))
            .collect();
        let failure = match running.as_slice() {
            [] => failure.hint("no run goes on"),
            all => all.iter().fold(failure, |failure, run| failure.hint(format!("{} goes on", run.trim_end()))),
        };
        return Err(failure.hint("the same command goes on from there, and starts nothing twice"));
    }
    Ok(if has(ReplayState::Failed) || has(ReplayState::NotCompared) {
        ExitCode::Error
    } else if has(ReplayState::Differs) {
        ExitCode::Changes
    } else if has(ReplayState::NoVerdict) {
        ExitCode::Guard
    } else {
        ExitCode::Ok
    })
}
