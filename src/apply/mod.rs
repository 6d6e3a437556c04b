//! Applying a plan: the calls are in it already, so all that is left is order, pace, staleness and what to do when
//! something goes wrong.
//!
//! A change that fails stops only what depends on it. Nothing is made twice: a create that was not answered, or not with a
//! documented refusal, is looked up by its mark before it is sent again. Nothing is overwritten that changed since the plan
//! was made. What is not known to be done, or not to be, is said to be not known.

mod change;
mod code;
mod code_said;
mod contents;
mod cutover;
mod journal;
mod lost;
mod outage;
mod queue;
mod send;
mod teardown;
mod verify;

use crate::observe::Scopes;
use crate::services::Services;
use change::CarriedOut;
pub use journal::Journal;
use plumb_core::code::{CodeBytes, CodeFolder};
use plumb_core::kinds::{Contents, Kind, Owner};
use plumb_core::manifest::{Desired, KeptSpec};
use plumb_core::plan::compare::Supplied;
use plumb_core::plan::contents::{Deleted, deleted};
use plumb_core::plan::outcome::{ApplyOutcome, Ended};
use plumb_core::plan::secrets::Numbers;
use plumb_core::plan::{Change, Decision, Live, LiveObject, WantedObject};
use plumb_model::address::Address;
use plumb_model::secrets::Hider;
use queue::{Queue, Turn};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
};
use verify::Written;

/// How an apply behaves.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// How many changes are carried out at the same time, at most.
    pub width: usize,
    /// How long to wait for an object that is between two states.
    pub patience: Duration,
    /// The waits before each look for an object whose creation was not answered: lists show new objects late.
    pub grace: Vec<Duration>,
    /// The pause between two looks at a state.
    pub poll: Duration,
    /// How long to wait for a service that goes away meanwhile.
    pub outage: Duration,
    /// How it is looked what came of changes.
    pub verify: Verification,
    /// Where the code is that is uploaded. `None`: none can be.
    pub code: Option<Arc<dyn CodeBytes>>,
    /// Where it is noted what is sent. Whoever keeps a clone can still tell it of an apply that was dropped.
    pub journal: Journal,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        ApplyOptions {
            width: 8,
            patience: Duration::from_secs(30 * 60),
            grace: [0, 2, 5, 10].map(Duration::from_secs).to_vec(),
            poll: Duration::from_secs(5),
            outage: Duration::from_secs(3 * 60),
            verify: Verification::default(),
            code: None,
            journal: Journal::default(),
        }
    }
}

/// How it is looked whether what was written is as wanted, where a listing of the kind shows that too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// By whichever takes fewer requests.
    #[default]
    Fewest,
    /// Each object is read by itself.
    Singly,
    /// By pages, however few objects there are.
    Pages,
}

/// Told how the apply goes on.
pub trait ApplyWatch: Send + Sync {
    /// A change is being carried out.
    fn started(&self, _change: &Change) {}
    /// A change waits: for what, in a few words.
    fn waiting(&self, _change: &Change, _for: &str) {}
    /// Every call of a change was accepted, and what came of it is looked at later, with others. Until [`Self::ended`] is
    /// told, `ended` is how it ends if nobody looks any more.
    fn written(&self, _change: &Change, _ended: &Ended, _took: Duration) {}
    /// So many changes of a kind are looked at together.
    fn verifying(&self, _kind: &dyn Kind, _changes: usize) {}
    /// A change has ended. It took so long until its last call was answered.
    fn ended(&self, _change: &Change, _ended: &Ended, _took: Duration) {}
}

/// A watcher that takes no notice.
pub struct UnwatchedApply;
impl ApplyWatch for UnwatchedApply {}

/// What all changes of one apply share.
struct Shared {
    services: Services,
    decision: Decision,
    /// Hides the secrets of the decision in messages.
    hider: Hider,
    /// The specs of the manifests: which details to read again.
    specs: BTreeMap<Address, KeptSpec>,
    /// The kinds whose objects are read.
    kinds: Vec<&'static dyn Kind>,
    /// Where the kinds' objects are looked for.
    scopes: Scopes,
    /// What the kinds noted of the live objects.
    facts: BTreeMap<Address, Value>,
    /// What the plan knew to be in the objects that it deletes or replaces.
    contents: BTreeMap<Address, Contents>,
    /// The objects that it deletes.
    deleted: Deleted,
    /// What live policies supply; those that this apply makes or changes are added as they are done.
    supplied: Mutex<BTreeMap<String, Supplied>>,
    /// What they supplied when the plan was made.
    planned: BTreeMap<String, Supplied>,
    /// What was done and could not be read afterwards: what it supplies is not known.
    unread: Mutex<BTreeSet<Address>>,
    ids: Mutex<BTreeMap<Address, String>>,
    /// The DAGs of waves that are cut over or go back, as they were when it was decided.
    waves: BTreeMap<Address, Vec<cutover::WaveDag>>,
    /// The kinds whose changes are looked at together, and how many pages their listings are expected to have.
    pages: BTreeMap<&'static str, usize>,
    /// The places of the changes in the plan.
    indices: BTreeMap<Address, usize>,
    /// Who plumb works as, once somebody needed to know.
    me: tokio::sync::OnceCell<String>,
    project: String,
    target: String,
    /// Where the target's code is kept.
    code_folder: CodeFolder,
    options: ApplyOptions,
    /// What changes wait for, for whoever watches.
    waits: mpsc::UnboundedSender<(usize, String)>,
}

impl Shared {
    /// Tells whoever watches what a change waits for.
    fn waiting(&self, change: &Change, what: &str) {
        // Nobody listens any more when the apply was dropped: then there is nobody to tell.
        let _ = self.indices.get(&change.address).map(|index| self.waits.send((*index, self.shown(what))));
    }

    fn ids(&self) -> std::sync::MutexGuard<'_, BTreeMap<Address, String>> {
        // A panic elsewhere leaves the map as it was after its last whole insertion.
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn supplied(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Supplied>> {
        self.supplied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unread(&self) -> std::sync::MutexGuard<'_, BTreeSet<Address>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message without secrets: services like to quote what they refuse.
    fn shown(&self, message: &str) -> String {
        Numbers::default().show_text(&self.hider.hide_in(message))
    }

    fn owner(&self, address: &Address) -> Owner {
        Owner { project: self.project.clone(), target: self.target.clone(), address: address.clone() }
    }

    fn wanted(&self, address: &Address) -> Option<&WantedObject> {
        self.decision.wanted.get(address)
    }
}

/// Carries out a plan. Setting `stop` lets the calls in flight finish and starts no others.
pub async fn apply(
    services: &Services,
    desired: &Desired,
    live: &Live,
    decision: Decision,
    options: ApplyOptions,
    watch: &dyn ApplyWatch,
    stop: Arc<AtomicBool>,
) -> ApplyOutcome {
    let target = desired.mark_target();
    let mut ids = BTreeMap::new();
    let (mut facts, mut contents) = (BTreeMap::new(), BTreeMap::new());
    for kind in plumb_core::kinds::objects() {
        for (address, found) in live.owned(kind.name(), &desired.project.name, &target) {
            if let [one] = found.as_slice() {
                ids.insert(address, one.seen.id.clone());
            }
        }
    }
    let by_id = by_id(live, &decision.plan.changes);
    for change in &decision.plan.changes {
        let found = change.id.as_ref().and_then(|id| by_id.get(&(change.address.kind.as_str(), id.as_str())));
        if let Some(found) = found {
            facts.insert(change.address.clone(), found.seen.facts().into_owned());
            contents.insert(change.address.clone(), found.seen.contents.clone());
            ids.insert(change.address.clone(), found.seen.id.clone());
        }
    }
    let (waits, waiting) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        services: outage::waited_out(services, options.outage),
        waits,
        hider: decision.vault.hider(),
        specs: desired.resources.iter().map(|r| (r.address.clone(), r.spec.clone())).collect(),
        kinds: plumb_core::kinds::objects().iter().copied().filter(|kind| desired.reads(*kind)).collect(),
        scopes: Scopes::of(desired),
        facts,
        contents,
        deleted: deleted(&decision.plan.changes),
        supplied: Mutex::new(live.supplied()),
        planned: live.supplied(),
        unread: Mutex::default(),
        ids: Mutex::new(ids),
        waves: cutover::waves(&decision.plan.changes, desired, live),
        pages: verify::by_pages(&decision.plan.changes, live, options.verify),
        indices: decision.plan.changes.iter().enumerate().map(|(i, c)| (c.address.clone(), i)).collect(),
        me: tokio::sync::OnceCell::new(),
        project: desired.project.name.clone(),
        target,
        code_folder: desired.code.folder.clone(),
        options,
        decision,
    });
    schedule(shared, watch, waiting, stop).await
}

/// The live objects of the kinds that are changed, by kind and id.
fn by_id<'a>(live: &'a Live, changes: &'a [Change]) -> HashMap<(&'a str, &'a str), &'a LiveObject> {
    let kinds: BTreeSet<&str> = changes.iter().map(|change| change.address.kind.as_str()).collect();
    let found = kinds.into_iter().flat_map(|kind| live.of(kind).iter().map(move |found| (kind, found)));
    found.map(|(kind, found)| ((kind, found.seen.id.as_str()), found)).collect()
}

async fn schedule(
    shared: Arc<Shared>,
    watch: &dyn ApplyWatch,
    mut waits: mpsc::UnboundedReceiver<(usize, String)>,
    stop: Arc<AtomicBool>,
) -> ApplyOutcome {
    let changes = &shared.decision.plan.changes;
    let mut outcome = ApplyOutcome::default();
    let mut queue = Queue::new(dependencies(changes));
    let mut running = JoinSet::new();
    let mut begun_at = BTreeMap::new();
    let mut written = Vec::new();
    loop {
        loop {
            let is_stopped = stop.load(Ordering::Relaxed);
            match queue.next(!is_stopped && running.len() < shared.options.width) {
                Some(Turn::Begin(index)) => {
                    watch.started(&changes[index]);
                    let (shared, begun) = (shared.clone(), tokio::time::Instant::now());
                    let run = async move { (change::run(&shared, index).await, begun.elapsed()) };
                    begun_at.insert(running.spawn(run).id(), (index, begun));
                }
                Some(Turn::Skip { index, because }) => {
                    let skipped = Ended::Skipped { because: changes[because].address.clone() };
                    watch.ended(&changes[index], &skipped, Duration::ZERO);
                    outcome.changes.insert(changes[index].address.clone(), skipped);
                }
                None if is_stopped => {
                    not_started(&mut outcome, changes, &mut queue);
                    break;
                }
                None => break,
            }
        }
        let joined = loop {
            tokio::select! {
                biased;
                Some((index, what)) = waits.recv() => watch.waiting(&changes[index], &what),
                joined = running.join_next_with_id() => break joined,
            }
        };
        let (id, ended) = match joined {
            Some(Ok((id, (ended, took)))) => (id, Ok((ended, took))),
            // It ended in the middle of something; what it had sent is noted.
            Some(Err(e)) => (e.id(), Err(e)),
            // Nothing runs, and nothing more can begin.
            None => break,
        };
        if let Some((index, begun)) = begun_at.remove(&id) {
            let address = &changes[index].address;
            let (ran, took) = ended.unwrap_or_else(|e| {
                let broken_off = shared.options.journal.broken_off(address, shared.shown(&broke(e)));
                (CarriedOut::Ended(broken_off), begun.elapsed())
            });
            shared.options.journal.ended(address, took);
            let ended = match ran {
                CarriedOut::Ended(ended) => {
                    watch.ended(&changes[index], &ended, took);
                    ended
                }
                // What depends on it needs its id, and nothing that a look could add.
                CarriedOut::Written { id } => {
                    let one = Written { index, id, took };
                    let ended = one.unseen();
                    watch.written(&changes[index], &ended, took);
                    written.push(one);
                    ended
                }
            };
            queue.ended(index, ended.is_done());
            outcome.changes.insert(address.clone(), ended);
        }
    }
    verify::all(&shared, written, watch, &mut outcome).await;
    not_started(&mut outcome, changes, &mut queue);
    outcome
}

/// What each change depends on, by index.
fn dependencies(changes: &[Change]) -> Vec<Vec<Option<usize>>> {
    let indices: BTreeMap<&Address, usize> = changes.iter().enumerate().map(|(i, c)| (&c.address, i)).collect();
    changes.iter().map(|c| c.depends_on.iter().map(|address| indices.get(address).copied()).collect()).collect()
}

/// Notes that what has not had its turn will have none.
fn not_started(outcome: &mut ApplyOutcome, changes: &[Change], queue: &mut Queue) {
    for index in queue.take_rest() {
        outcome.changes.insert(changes[index].address.clone(), Ended::NotStarted);
    }
}

/// Why the task of a change ended early. A panic is a mistake of plumb's own, and its message is all that tells which.
fn broke(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "carrying it out was broken off".to_owned() };
    let said = panic.downcast_ref::<String>().cloned();
    let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    format!(
        "plumb broke while carrying it out, which is a bug of plumb: {}",
        said.as_deref().unwrap_or("no reason given")
    )
}

#[cfg(test)]
mod contents_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod verify_tests;
