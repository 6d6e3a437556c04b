//! Reading what is live, and deciding what to change.

use super::{Session, learnt};
use crate::ci::Runner;
use crate::cli::select::selection;
use crate::cli::time::day;
use crate::cli::{Selected, lease, reading, select};
use crate::explain::{History, HistoryBudget, Known};
use crate::observe::Scopes;
use crate::ui::{Failure, Ui};
use crate::{observe, settings};
use plumb_core::code::CodeSummary;
use plumb_core::kinds::{Kind, Mark};
use plumb_core::manifest::Desired;
use plumb_core::plan::{
    Baselines, Decision, Earlier, Input, Live, Plan, PlanLinks, Selection, WorkspacePages, asked_code, decide, estimate,
};
use plumb_model::address::Address;
use plumb_model::call::ServiceError;
use plumb_model::secrets::Vault;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A plan and all that it was made of.
pub struct Decided {
    pub live: Live,
    pub decision: Decision,
}

impl Session {
    /// Reads what is live.
    pub async fn observe(&self, selection: &Selection, ui: &Ui) -> Result<Live, Failure> {
        reading::counted_of(&self.services, ui, async |watch| self.read(selection, watch).await).await
    }

    async fn read(&self, selection: &Selection, watch: &dyn observe::ReadWatch) -> Result<Live, Failure> {
        let live = observe::observe(&self.services, &self.kinds(), &self.project.desired, selection, watch).await;
        let evidence = Arc::new(self.project.evidence()?);
        let kept = self.project.kept_runs()?;
        let workspace = self.services.workspace_id();
        let mut live = live.map_err(|fault| self.unread(&fault))?;
        live.notes.extend(kept.notes());
        live.kept_runs = Arc::new(kept.runs());
        live.airflow = self.services.airflow_release();
        self.waves(&mut live).await?;
        let today = day(self.now());
        live.code = observe::code::stock(&self.services, &self.project.desired, &live, today).await;
        Ok(Live { evidence, commits: self.project.commits(&live), workspace, ..live })
    }

    /// Reads what waves ask for: of those without a day nothing, before their day whether they are held.
    async fn waves(&self, live: &mut Live) -> Result<(), Failure> {
        let desired = &self.project.desired;
        live.holds = lease::read_holds(self).await?;
        if let Some(hold) = self.hold.as_ref().filter(|hold| live.holds.of(&hold.wave, &hold.cutover).is_none()) {
            live.holds.holds.push(hold.clone());
        }
        live.waves.by_hand = self.by_hand.clone();
        live.waves.committed = self.project.committed(live, self.now());
        observe::waves::runs(&self.services, desired, live, self.now()).await.map_err(|fault| self.unread(&fault))
    }

    /// Reads what the listings show, and which kinds a service refuses to list. Kinds that are asked for are read also where
    /// no manifest has any, and wherever their objects are.
    pub async fn listed(
        &self,
        is_asked: &dyn Fn(&'static dyn Kind) -> bool,
        ui: &Ui,
    ) -> Result<(Live, observe::RefusedKinds), Failure> {
        let read: BTreeSet<&str> = self.kinds().iter().map(|kind| kind.name()).collect();
        let mut kinds = self.project.all_kinds();
        kinds.retain(|kind| self.services.serve(*kind) && (is_asked(*kind) || read.contains(kind.name())));
        let scopes = Scopes::everywhere(&self.project.desired, is_asked);
        let read =
            async |watch: &reading::ReadProgress<'_>| observe::listed(&self.services, &kinds, &scopes, watch).await;
        reading::counted_of(&self.services, ui, read).await.map_err(|fault| self.unread(&fault))
    }

    /// Reads what listings show, system by system: one that fails is left out. Answers why each kind is not known that was not
    /// read, and whether a system failed that should have answered.
    pub async fn listed_by_system(&self, ui: &Ui) -> Result<(Live, BTreeMap<String, String>, bool), Failure> {
        let mut live = Live::default();
        let (mut unread, mut is_partial) = (BTreeMap::new(), false);
        let kinds = self.kinds();
        for kind in self.project.kinds() {
            let name = kind.name().to_owned();
            if kinds.iter().all(|served| served.name() != name) {
                let target = &self.project.desired.target.name;
                unread.insert(name, format!("target {target} has no `{}`", kind.system().setting()));
            }
        }
        let scopes = Scopes::of(&self.project.desired);
        let systems: BTreeSet<&str> = kinds.iter().map(|kind| kind.system().setting()).collect();
        for system in systems {
            let of: Vec<_> = kinds.iter().copied().filter(|kind| kind.system().setting() == system).collect();
            let read =
                async |watch: &reading::ReadProgress<'_>| observe::listed(&self.services, &of, &scopes, watch).await;
            match reading::counted_of(&self.services, ui, read).await {
                Ok((part, refused)) => {
                    live.kinds.extend(part.kinds);
                    live.unreadable.extend(part.unreadable);
                    live.notes.extend(part.notes);
                    unread.extend(refused.into_iter().map(|(kind, why)| (kind.name().to_owned(), why.to_string())));
                }
                Err(fault) => {
                    is_partial = true;
                    let why = format!("reading {system} failed: {fault}");
                    ui.warn(&why);
                    unread.extend(of.iter().map(|kind| (kind.name().to_owned(), why.clone())));
                }
            }
        }
        live.evidence = Arc::new(self.project.evidence()?);
        live.commits = self.project.commits(&live);
        live.workspace = self.services.workspace_id();
        live.sort_unreadable();
        let today = day(self.now());
        live.code = observe::code::stock(&self.services, &self.project.desired, &live, today).await;
        if let Err(failure) = self.waves(&mut live).await {
            is_partial = true;
            let why = format!("what waves wait for: {}", failure.message);
            ui.warn(&why);
            live.holds.unread = Some(failure.message);
            live.notes.push(why);
        }
        Ok((live, unread, is_partial))
    }

    /// Decides by what listings show. Of kinds that were not read nothing is decided.
    pub fn decide_listed(&self, live: &Live, unread: &BTreeMap<String, String>) -> Decision {
        let mut kinds = self.kinds();
        kinds.retain(|kind| !unread.contains_key(kind.name()));
        self.decision_by(&self.project.desired, live, &kinds, (&Baselines::new(), None), &Selection::default())
    }

    /// Reads the tags of what is old, of the manifests that are selected.
    pub async fn read_old(&self, selection: &Selection, live: &mut Live) -> Result<(), ServiceError> {
        observe::old(&self.services, &self.kinds(), &self.project.desired, selection, live).await
    }

    fn unread(&self, fault: &ServiceError) -> Failure {
        let failure = Failure::error(format!("reading what is live failed: {fault}")).hint("nothing was changed");
        match &self.workspace {
            Some(workspace) => failure.hint(format!("the workspace is {workspace}")),
            None => failure,
        }
    }

    /// Reads what is live, and decides. With `base`, differences are told apart by that revision.
    pub async fn decide(&self, selected: &Selected, base: Option<&str>, ui: &Ui) -> Result<Decided, Failure> {
        let selection = selection(selected);
        select::check(&selection, &self.project.desired.resources, ui)?;
        self.check_base(base)?;
        if let Some(set) = self.clock.set_to() {
            ui.status(&format!("as of {set}, which PLUMB_NOW says"));
        }
        let (mut live, first, is_told) = reading::counted_of(&self.services, ui, async |watch| {
            let mut live = self.read(&selection, watch).await?;
            let first = self.decision(&live, &Baselines::new(), &selection, None);
            let before = live.notes.len();
            observe::activity(&self.services, &mut live, &first.plan).await;
            let is_asked = observe::contents(&self.services, &mut live, &first.plan).await;
            let desired = &self.project.desired;
            let is_timed = observe::deadlines::ended(&self.services, desired, &mut live, &first.plan).await;
            let is_told = is_asked || is_timed || learnt::activity_tells(&live, before);
            Ok::<_, Failure>((live, first, is_told))
        })
        .await?;
        let known = self.known(&live, &first, base)?;
        live.code.indexes = self.code_indexes(&live, &first.plan, &known.bases).await;
        let is_told = is_told || base.is_some() || !known.bases.is_empty() || !live.code.indexes.is_empty();
        let mut decision = learnt::decided(first, is_told, || self.decision(&live, &known.bases, &selection, base));
        decision.plan.notes.extend(known.notes);
        if let Some(repo) = &self.project.repo {
            self.project.history(repo, |history| self.blame(history, &mut decision.plan, &known.commits));
        }
        decision.plan.estimate = estimate(&decision.plan.changes, |system| self.pace(system));
        decision.plan.links = self.links();
        Ok(Decided { live, decision })
    }

    /// Reads what was in trees of code that the history does not know, where a plan could say how they differ.
    async fn code_indexes(
        &self,
        live: &Live,
        plan: &Plan,
        bases: &Baselines,
    ) -> BTreeMap<String, Result<BTreeMap<String, CodeSummary>, String>> {
        let (desired, mut indexes) = (&self.project.desired, BTreeMap::new());
        for hash in asked_code(desired, live, plan, bases) {
            let index = observe::code::index(&self.services, &desired.code.folder, &hash).await;
            indexes.insert(hash, index);
        }
        indexes
    }

    /// Where what a plan speaks of can be looked at: the forge by the runner's environment, the services by the target.
    pub fn links(&self) -> PlanLinks {
        let runner = Runner::read(&settings::env);
        let project = &self.project;
        let read = project.head.as_ref().filter(|_| !project.dirty).zip(project.repo.as_ref());
        let commit = read.and_then(|(head, repo)| repo.resolve(head).ok());
        let id = self.services.workspace_id();
        let workspace = self.links.workspace.clone().map(|workspace| WorkspacePages { id, ..workspace });
        PlanLinks { run: runner.run_url(), repository: runner.pages(commit), workspace, ..self.links.clone() }
    }

    /// Names who wrote the lines of a plan, as long as the project wants to wait for it.
    fn blame(&self, history: &History<'_>, plan: &mut Plan, commits: &BTreeMap<Address, String>) {
        let settings = &self.project.desired.project.history;
        let limit = Duration::from_secs(settings.budget_seconds().unwrap_or_default());
        let began = Instant::now();
        let budget = HistoryBudget { is_spent: &|| began.elapsed() > limit, text: settings.budget() };
        history.blame(plan, commits, Some(&budget).filter(|_| !limit.is_zero()));
    }

    fn known(&self, live: &Live, first: &Decision, base: Option<&str>) -> Result<Known, Failure> {
        match (&self.project.repo, base) {
            (None, _) => Ok(Known::default()),
            (Some(repo), None) => Ok(self.project.history(repo, |history| history.at_marks(live, first))),
            (Some(repo), Some(rev)) => {
                let resources = self.project.desired.resources.iter().map(|r| r.address.clone());
                let addresses: Vec<_> = resources.chain(first.plan.changes.iter().map(|c| c.address.clone())).collect();
                self.project
                    .history(repo, |history| {
                        let mut known = history.at(rev, &addresses)?;
                        // What is live was applied from the mark's commit, which may have had secrets that the base has not.
                        known.bases.hide_like(&history.at_marks(live, first).bases);
                        Ok(known)
                    })
                    .map_err(|e: String| Failure::error(format!("--base {rev}: {e}")).hint("nothing was sent"))
            }
        }
    }

    /// A revision that is not there is better known before anything is read.
    fn check_base(&self, base: Option<&str>) -> Result<(), Failure> {
        match (&self.project.repo, base) {
            (_, None) => Ok(()),
            (None, Some(rev)) => Err(Failure::error(format!("--base {rev}: this is no git repository"))),
            (Some(repo), Some(rev)) => repo.resolve(rev).map(drop).map_err(|e| Failure::error(format!("--base: {e}"))),
        }
    }

    /// Decides by other texts of the same files, against what was live.
    pub fn decide_by(
        &self,
        live: &Live,
        bases: &Baselines,
        texts: BTreeMap<String, Vec<u8>>,
    ) -> Result<(Desired, Decision), String> {
        let desired = self.project.reload(texts).map_err(|failure| {
            let first = failure.problems.first().map(|p| p.message.clone()).unwrap_or_default();
            format!("the manifests would have mistakes: {first}")
        })?;
        let decision = self.decision_of(&desired, live, bases, &Selection::default(), None);
        Ok((desired, decision))
    }

    /// What of live objects of an address is a secret by the manifests that they were made from.
    pub fn earlier<'m>(&self, address: &'m Address, marks: impl Iterator<Item = &'m Mark>, vault: &Vault) -> Earlier {
        let of = |history: &History<'_>| history.of_marks(marks.map(|mark| (address, mark))).bases;
        let bases = self.project.repo.as_ref().map(|repo| self.project.history(repo, of)).unwrap_or_default();
        bases.hiding(address, vault)
    }

    /// What is known of earlier manifests, to tell who changed what.
    pub fn bases(&self, live: &Live) -> Result<Baselines, Failure> {
        // Of a plan that is explained already, git would be asked nothing.
        let first = self.decision(live, &Baselines::new(), &Selection::default(), None);
        Ok(self.known(live, &first, None)?.bases)
    }

    fn decision(&self, live: &Live, bases: &Baselines, selection: &Selection, base: Option<&str>) -> Decision {
        self.decision_of(&self.project.desired, live, bases, selection, base)
    }

    fn decision_of(
        &self,
        desired: &Desired,
        live: &Live,
        bases: &Baselines,
        selection: &Selection,
        base: Option<&str>,
    ) -> Decision {
        self.decision_by(desired, live, &self.kinds(), (bases, base), selection)
    }

    fn decision_by(
        &self,
        desired: &Desired,
        live: &Live,
        kinds: &[&'static dyn Kind],
        (baselines, base): (&Baselines, Option<&str>),
        selection: &Selection,
    ) -> Decision {
        let now = self.clock.now();
        decide(&Input {
            desired,
            live,
            baselines,
            selection,
            head: self.project.head.as_deref(),
            base,
            today: day(now),
            now,
            who: &self.project.who(),
            allow_teardown: self.allow_teardown,
            kinds,
            approval_key: settings::approval_key().as_deref(),
            absent: &self.absent,
        })
    }
}
