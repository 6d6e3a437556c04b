//! An apply that is of one wave alone: it is cut over by hand, or taken back.

use crate::cli::lease::hold_store;
use crate::cli::session::{Decided, Session};
use crate::lease::holds::HoldLeft;
use crate::observe;
use crate::ui::{ExitCode, Failure, Ui};
use plumb_core::cutover::wave::Wave;
use plumb_core::cutover::{Hold, PendingCutover, Standing, WAVE, rollback};
use plumb_core::manifest::Mode;
use plumb_core::plan::{Guard, Plan};
use plumb_core::render::value::visible;
use plumb_model::address::Address;

/// What is done to the wave.
#[derive(Clone, Debug)]
pub struct WaveWork {
    pub name: String,
    /// Why it is taken back; `None`: it is cut over.
    pub reason: Option<String>,
}

impl WaveWork {
    /// The command that it is.
    pub fn command(&self) -> &'static str {
        if self.reason.is_some() { "plumb migrate rollback" } else { "plumb migrate cutover" }
    }

    /// What is asked before it.
    pub fn question(&self, target: &str) -> String {
        let name = visible(&self.name);
        if self.reason.is_some() {
            format!("Take wave {name} back in target {target}?")
        } else {
            format!("Cut wave {name} over in target {target}?")
        }
    }

    /// Makes sure that there is such a wave, and what it takes; tells the session what is meant.
    pub fn begin(&self, session: &mut Session) -> Result<(), Failure> {
        let target = &session.project.desired.target;
        if target.mode == Mode::Development {
            return Err(Failure::usage(format!(
                "target {} is in development mode, where nothing is cut over",
                target.name
            )));
        }
        if rollback::dated(&session.project.desired, &self.name).is_none() {
            return Err(self.unknown(session));
        }
        match &self.reason {
            None => session.cut_over_by_hand(&self.name),
            Some(reason) => {
                if hold_store(session)?.is_none() {
                    let name = &session.project.desired.target.name;
                    return Err(Failure::error(format!(
                        "target {name} has no Databricks workspace, and so no place for a hold: the next apply would cut the \
                         wave over again; nothing was sent"
                    ))
                    .hint("commit another `cutover` day first, then pause the new DAGs and switch the old ones on in Airflow"));
                }
                let hold = self.hold(session, reason)?;
                session.assume_hold(hold);
            }
        }
        Ok(())
    }

    fn unknown(&self, session: &Session) -> Failure {
        let names: Vec<String> = rollback::days(&session.project.desired).into_iter().map(|(name, _)| name).collect();
        let failure = Failure::usage(format!("no migration of wave {} has a `cutover`", visible(&self.name)));
        match plumb_model::yaml::nearest(&self.name, names.iter().map(String::as_str)) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None if names.is_empty() => failure.hint("no migration has one"),
            None => failure.hint(format!("there are: {}", names.join(", "))),
        }
    }

    fn hold(&self, session: &Session, reason: &str) -> Result<Hold, Failure> {
        let wave = rollback::dated(&session.project.desired, &self.name).ok_or_else(|| self.unknown(session))?;
        rollback::hold(&wave, &session.project.who(), session.now(), reason).ok_or_else(|| self.unknown(session))
    }

    fn address(&self) -> Address {
        Address { kind: WAVE.to_owned(), name: self.name.clone() }
    }

    /// Leaves nothing in a plan but the wave.
    pub fn only(&self, plan: &mut Plan) {
        let address = self.address();
        plan.changes.retain(|change| change.address == address);
        plan.changes.iter_mut().for_each(|change| change.depends_on.clear());
        plan.blocked.retain(|blocked| blocked.address.as_ref() == Some(&address));
        plan.cutovers.retain(|pending| pending.address == address);
        plan.notes.retain(|note| note.address.as_ref() == Some(&address));
        plan.teardown.clear();
        plan.unchanged = 0;
        plan.decisions = None;
        // It is approved by the digest that the plan shows beside the wave.
        let change = plan.changes.first().map(|change| &change.digest);
        if let Some(digest) = change.or(plan.cutovers.first().map(|pending| &pending.digest)) {
            plan.digest = digest.clone();
        }
    }

    /// Whether a guard of the place stands in its way. The way back asks for no clean git and no branch.
    pub fn heeds(&self, guard: Guard) -> bool {
        self.reason.is_none() || guard == Guard::Workspace
    }

    /// What an empty plan means.
    pub fn nothing(&self, plan: &Plan, ui: &Ui) -> Result<ExitCode, Failure> {
        let (name, pending) = (visible(&self.name), plan.cutovers.first());
        let unknown = |pending: &PendingCutover| {
            let failure = Failure::error(format!("where wave {name} stands is not known; nothing was sent"));
            open(pending).into_iter().fold(failure, Failure::hint)
        };
        match (pending, &self.reason) {
            (None, _) => {
                let says = if self.reason.is_some() { "nothing is left to take back" } else { "it is cut over" };
                ui.status(&format!("wave {name}: {says}"));
                Ok(ExitCode::Ok)
            }
            (Some(pending), _) if pending.standing == Standing::Unknown => Err(unknown(pending)),
            (Some(_), Some(_)) => {
                ui.status(&format!("wave {name} is not cut over: there is nothing to take back; nothing was sent"));
                Ok(ExitCode::Ok)
            }
            (Some(pending), None) => {
                let open = open(pending);
                let many = if open.len() == 1 {
                    "1 gate does not hold".to_owned()
                } else {
                    format!("{} gates do not hold", open.len())
                };
                let failure =
                    Failure::new(ExitCode::Guard, format!("wave {name} was not cut over: {many}; nothing was sent"));
                let failure = open.into_iter().fold(failure, Failure::hint);
                Err(failure.hint(visible(&pending.next).to_string()))
            }
        }
    }

    /// Says what going back cannot undo.
    pub async fn warn(&self, session: &Session, decided: &Decided, ui: &Ui) {
        if self.reason.is_none() {
            return;
        }
        let Some(wave) = rollback::dated(&session.project.desired, &self.name) else { return };
        let (runs, unread) = runs(session, decided, &wave).await;
        for line in rollback::cannot_undo(&wave, &runs, &unread) {
            ui.warn(&format!("cannot be undone: {}", visible(&line)));
        }
    }

    /// Leaves the hold, before anything is sent. Without it, nothing is.
    pub async fn leave_hold(&self, session: &Session, ui: &Ui) -> Result<(), Failure> {
        let Some(reason) = &self.reason else { return Ok(()) };
        let hold = self.hold(session, reason)?;
        let Some(store) = hold_store(session)? else { return Ok(()) };
        let left = store.leave(&hold).await.map_err(|why| {
            Failure::error(format!("the hold could not be left: {why}; nothing else was sent"))
                .hint("without it the next apply would cut the wave over again")
        })?;
        match left {
            HoldLeft::Made => ui.status(&format!(
                "wave {} is held: no apply cuts it over until its `cutover` is another day than {}",
                visible(&hold.wave),
                visible(&hold.cutover)
            )),
            HoldLeft::Earlier(earlier) => ui.status(&format!(
                "wave {} is held already, by {} at {}: {}; what is left of that rollback is done now",
                visible(&earlier.wave),
                visible(&earlier.by),
                visible(&earlier.at),
                visible(&earlier.reason)
            )),
        }
        Ok(())
    }
}

/// What each gate says that does not hold.
fn open(pending: &PendingCutover) -> Vec<String> {
    let gates = pending.gates.iter().filter(|gate| !gate.gate.holds);
    let member = |gate: &plumb_core::cutover::WaveGate| {
        gate.member.as_ref().map_or_else(String::new, |member| format!("{member}: "))
    };
    gates.map(|gate| format!("{}{}: {}", member(gate), gate.gate.name, visible(&gate.gate.says))).collect()
}

/// The runs of a wave's new DAGs since its day, and of which they are not known.
async fn runs(session: &Session, decided: &Decided, wave: &Wave<'_>) -> (Vec<rollback::NewRun>, Vec<(String, String)>) {
    let (mut runs, mut unread) = (Vec::new(), Vec::new());
    let since = wave.begins().unwrap_or_default();
    for object in wave.new_ones() {
        let address = object.resource.address.to_string();
        match observe::waves::live_of(&decided.live, &session.project.desired, object) {
            None => unread.push((address, "it is not live".to_owned())),
            Some(found) => match observe::waves::pages(&session.services, object.kind, &found.seen.id, since).await {
                Ok(pages) => runs.extend(rollback::new_runs(&found.seen.id, &pages, since)),
                Err(why) => unread.push((address, why)),
            },
        }
    }
    (runs, unread)
}
