//! Making the board: what is known without a service, what is live, and what follows from both.

use super::forecast::of_board;
use super::sources::{Sources, sources};
use crate::cli::session::{Project, Session};
use crate::cli::{Global, Targeted};
use crate::ui::{Failure, Ui};
use jiff::tz::TimeZone;
use plumb_core::cost::Prices;
use plumb_core::cost::facts::KeptRuns;
use plumb_core::inventory::pattern;
use plumb_core::kinds::emr::application::EmrServerlessApplication;
use plumb_core::kinds::emr::cluster::EmrCluster;
use plumb_core::manifest::Desired;
use plumb_core::migrate::board::{Board, BoardInput, board, is_cut_over};
use plumb_core::migrate::facts::{CutoverAsks, PipelineFacts, conditions, last_runs};
use plumb_core::migrate::files::file_stage;
use plumb_core::migrate::live::{BoardLive, PipelineLive, deadline};
use plumb_core::migrate::manifests::{BoardManifest, board_manifests};
use plumb_core::migrate::months::{board_causes, board_periods, side_cost};
use plumb_core::migrate::stage::{MigrationStage, stage};
use plumb_core::migrate::ties::ties;
use plumb_core::plan::{Decision, Live, Selection};
use plumb_core::teardown::PeriodVerdict;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many old things are read singly at most, to know whether they are marked: a board is to cost little.
const MOST_OLD: usize = 24;

/// A board, and whether something that should have been read was not.
pub struct Made {
    pub board: Board,
    pub is_partial: bool,
}

/// Makes the board of a target. With `offline` no service is asked; with `--at` neither, as what is live now is not what was
/// live then.
///
/// # Errors
/// The manifests, the evidence or the repository cannot be read. A service that cannot be read is said on the board.
pub async fn make(global: &Global, targeted: &Targeted, offline: bool, ui: &Ui) -> Result<Made, Failure> {
    let project = Project::load(global, targeted, ui)?;
    let sources = sources(&project, ui)?;
    if offline || targeted.at.is_some() {
        let why = if offline { "no service was asked" } else { "it was not looked at then" };
        return Ok(Made { board: without(&project, &sources, why, Vec::new()), is_partial: false });
    }
    let session = match project.connect(ui).await {
        Ok(session) => session,
        Err(failure) => {
            let project = Project::load(global, targeted, ui)?;
            let why = failure.message;
            ui.warn(&format!("what is live is not known: {why}"));
            return Ok(Made { board: without(&project, &sources, &why, vec![why.clone()]), is_partial: true });
        }
    };
    live(&session, &sources, ui).await
}

/// The board without what is live.
fn without(project: &Project, sources: &Sources, why: &str, unread: Vec<String>) -> Board {
    let desired = &project.desired;
    let all = pipelines(project, sources, &|_| Err(why.to_owned()));
    let whole = Whole { project, sources, unread };
    whole.board(&all, &BTreeSet::new(), &[], &ties(&board_manifests(desired)))
}

/// The board with what is live.
async fn live(session: &Session, sources: &Sources, ui: &Ui) -> Result<Made, Failure> {
    let project = &session.project;
    let desired = &project.desired;
    let (mut live, unread, is_partial) = session.listed_by_system(ui).await?;
    live.kept_runs = Arc::new(sources.kept.clone());
    let mut decision = session.decide_listed(&live, &unread);
    let manifests = board_manifests(desired);
    // Whether what is old is marked is asked of that alone which may be: a listing has no tags.
    let old: Vec<String> = {
        let seen = BoardLive { desired, live: &live, plan: &decision.plan, unread: &unread };
        let all = pipelines(project, sources, &|one| Ok(seen.of(one)));
        let cut = |name: &str| all.iter().any(|facts| facts.name == name && is_cut_over(&stage(&conditions(facts))));
        let of = manifests.iter().filter(|one| cut(one.name())).flat_map(|one| one.spec.from.emr.clone());
        of.filter(|name| seen.only_listed(std::slice::from_ref(name)) > 0).collect()
    };
    let count = BoardLive { desired, live: &live, plan: &decision.plan, unread: &unread }.only_listed(&old);
    let mut said: Vec<String> = unread.values().chain(&live.notes).cloned().collect();
    if count > MOST_OLD {
        said.push(format!("whether what is old is marked: {count} clusters, which are not read one by one"));
    } else if count > 0 {
        let selection = Selection { only: old, labels: Vec::new() };
        match session.read_old(&selection, &mut live).await {
            Ok(()) => decision = session.decide_listed(&live, &unread),
            Err(why) => said.push(format!("whether what is old is marked: {why}")),
        }
    }
    let Decision { plan, vault, .. } = &decision;
    let seen = BoardLive { desired, live: &live, plan, unread: &unread };
    let mut all = pipelines(project, sources, &|one| Ok(seen.of(one)));
    let times = times(project, &live);
    for (facts, manifest) in all.iter_mut().zip(&manifests) {
        let to = manifest.spec.to.jobs.iter().chain(manifest.spec.to.dags.iter().flatten());
        let deployed: Option<Vec<jiff::Timestamp>> = to.map(|name| times.get(name).copied()).collect();
        let deployed = deployed.and_then(|all| all.into_iter().max());
        facts.dates.reached.extend(deployed.map(|at| (MigrationStage::Deployed, at)));
        // The day is the cutover's where it is one; Airflow's log of events is not read.
        let cut = facts.cutover.and_then(|day| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp()));
        facts.dates.reached.extend(cut.filter(|at| *at <= sources.now).map(|at| (MigrationStage::CutOver, at)));
    }
    let names = seen.strangers();
    let strangers: BTreeSet<String> = pattern::group(names.iter().map(String::as_str)).into_values().collect();
    let whole = Whole { project, sources, unread: said };
    let board = whole.board(&all, &strangers, &plan.cutovers, &ties(&manifests));
    Ok(Made { board: sealed(board, &|text| vault.hide_in(text)), is_partial })
}

/// When the commits were made that live objects are marked with: by address, the latest.
fn times(project: &Project, live: &Live) -> BTreeMap<String, jiff::Timestamp> {
    let Some(repo) = &project.repo else { return BTreeMap::new() };
    let mut commits: BTreeMap<&str, Option<jiff::Timestamp>> = BTreeMap::new();
    let mut times = BTreeMap::new();
    for mark in live.kinds.values().flatten().filter_map(|found| found.mark.as_ref()) {
        let Some(rev) = &mark.rev else { continue };
        let at = *commits.entry(&rev.commit).or_insert_with(|| repo.time_of(&rev.commit));
        if let Some(at) = at {
            let latest = times.entry(mark.owner.address.to_string()).or_insert(at);
            *latest = at.max(*latest);
        }
    }
    times
}

/// What is known of every pipeline of the manifests: the migrations first, then what is old and that none names.
fn pipelines(
    project: &Project,
    sources: &Sources,
    live: &dyn Fn(&BoardManifest<'_>) -> Result<PipelineLive, String>,
) -> Vec<PipelineFacts> {
    let desired = &project.desired;
    let manifests = board_manifests(desired);
    let mut all: Vec<PipelineFacts> = manifests.iter().map(|one| facts(desired, sources, one, live(one))).collect();
    let named: BTreeSet<&String> = manifests.iter().flat_map(|one| &one.spec.from.emr).collect();
    let is_pipeline = |kind: &str| [EmrCluster::NAME, EmrServerlessApplication::NAME].contains(&kind);
    for resource in desired.resources.iter().filter(|one| is_pipeline(one.kind.name())) {
        if !named.contains(&resource.address.to_string()) {
            all.push(PipelineFacts::new(&resource.address.name));
        }
    }
    all
}

fn facts(
    desired: &Desired,
    sources: &Sources,
    manifest: &BoardManifest<'_>,
    live: Result<PipelineLive, String>,
) -> PipelineFacts {
    let (name, spec) = (manifest.name(), &manifest.spec);
    let kept = sources.kept(name);
    let cause = |id: &str| {
        let of = sources.diagnoses.iter().find(|one| one.run.as_deref() == Some(id))?;
        of.cause.as_ref().map(|cause| cause.class.clone())
    };
    let (last, last_old) = last_runs(kept, &cause);
    let missing = sources.compared(name).into_iter().flat_map(|status| &status.periods);
    let missing = missing.filter(|period| period.state == PeriodVerdict::Missing);
    let job = spec.to.jobs.first().and_then(|job| {
        let resource = desired.resources.iter().find(|one| one.address.to_string() == *job)?;
        let (line, _) = desired.files.position(resource.span);
        Some(format!("{}:{line}", desired.files.get(resource.span.file).path))
    });
    PipelineFacts {
        wave: manifest.wave().to_owned(),
        has_wave: spec.wave.is_some(),
        owner: spec.owner.clone(),
        cutover: spec.cutover.as_deref().and_then(|day| day.parse().ok()),
        asks: CutoverAsks::of(spec),
        can_replay: spec.shadow.is_some() && spec.period.is_some(),
        files: file_stage(&sources.files, name),
        lost: sources.earlier.get(name).map(|one| one.lost.clone()).unwrap_or_default(),
        dates: sources.dates(name, spec),
        periods: sources.periods(name, spec),
        missing: missing.map(|period| period.period.clone()).collect(),
        last,
        last_old,
        live,
        place: job,
        ..PipelineFacts::new(name)
    }
}

/// What every board is made of, beside pipelines.
struct Whole<'a> {
    project: &'a Project,
    sources: &'a Sources,
    unread: Vec<String>,
}

impl Whole<'_> {
    fn board(
        self,
        pipelines: &[PipelineFacts],
        strangers: &BTreeSet<String>,
        cutovers: &[plumb_core::cutover::PendingCutover],
        ties: &[plumb_core::migrate::ties::BoardTie],
    ) -> Board {
        let (desired, sources) = (&self.project.desired, self.sources);
        let manifests = board_manifests(desired);
        let mut unread = self.unread;
        let prices = Prices::of_target(desired).unwrap_or_else(|why| {
            unread.push(format!("what runs cost: {why}"));
            None
        });
        let priced = |kept: &KeptRuns, side| side_cost(kept, side, prices.as_ref()?);
        let periods = manifests.iter().map(|one| {
            let old = deadline(desired, one.spec.from.dags.as_ref());
            let new = deadline(desired, one.spec.to.dags.as_ref());
            // What the old one does not say is what the new one promises.
            let deadlines = [old.or(new), new];
            (one.name().to_owned(), board_periods(sources.kept(one.name()), deadlines, sources.now, &priced))
        });
        let mut made = board(BoardInput {
            project: &desired.project.name,
            target: &desired.target.name,
            commit: self.project.head.as_deref(),
            at: sources.now,
            pipelines,
            periods: periods.collect(),
            strangers,
            cutovers,
            ties: ties.to_vec(),
            causes: board_causes(&sources.diagnoses),
            forecast: None,
            unread: unread.into_iter().chain(sources.unread.iter().cloned()).collect(),
        });
        made.forecast = of_board(self.project, sources, &made);
        made
    }
}

/// The board with the secrets of the environment hidden in every text of others.
fn sealed(mut board: Board, hide: &dyn Fn(&str) -> String) -> Board {
    let hide = |text: &mut String| *text = hide(text);
    for row in &mut board.pipelines {
        [&mut row.next, &mut row.health.says].into_iter().for_each(hide);
        row.oddity.iter_mut().for_each(hide);
        row.conditions.iter_mut().for_each(|one| hide(&mut one.says));
    }
    board.waves.iter_mut().flat_map(|wave| wave.needs.iter_mut().chain(&mut wave.unasked)).for_each(hide);
    board.unread.iter_mut().for_each(hide);
    board
}
