//! What an apply may do: all that it decides, or only what somebody saw before.

use super::select::selected;
use super::{Selected, Targeted};
use crate::disk::named;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::code::CODE;
use plumb_core::cutover::Holds;
use plumb_core::manifest::MOST_BYTES;
use plumb_core::plan::Partial;
use plumb_core::plan::approval::KeptChanges;
use plumb_core::plan::approval::{self, Approval, ApprovalVerdict, OtherKey, Saved};
use plumb_core::plan::{Action, Change, Plan};
use plumb_core::render;
use plumb_model::address::Address;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What was seen before.
#[derive(Args, Clone, Default)]
pub struct PermitArgs {
    /// Saved plan to carry out (`plumb plan --out plan.json`): each change that is still as saved, and no other
    #[arg(value_name = "PLAN", conflicts_with_all = ["labels", "only", "approved"])]
    pub plan: Option<PathBuf>,
    /// Apply nothing but what was approved: a plan's digest (the same plan or an empty one), or a saved plan (it or less)
    #[arg(long, value_name = "DIGEST|FILE")]
    pub approved: Option<String>,
}

impl PermitArgs {
    /// Reads the files that are named; `project` is the folder of the project.
    pub fn permit(&self, project: Option<&Path>) -> Result<Permit, Failure> {
        Ok(match (&self.plan, &self.approved) {
            (Some(path), _) => Permit::new(Leave::Saved(read(project, path)?)),
            (None, Some(text)) if approval::is_digest(text) => Permit::approved(Approval::of_digest(text)),
            (None, Some(text)) if Path::new(text).is_file() => {
                let saved = read(project, Path::new(text))?;
                let target = Some(saved.target.clone());
                Permit { target, partial: saved.partial.clone(), ..Permit::approved(Approval::of_saved(&saved)) }
            }
            (None, Some(text)) => {
                let failure = Failure::usage(format!("--approved {text}: it is neither a digest nor a file"));
                return Err(failure
                    .hint("a digest is the 16 digits at the end of a plan, `k:` before them where there is a key"));
            }
            (None, None) => Permit::new(Leave::Everything),
        })
    }
}

fn read(project: Option<&Path>, path: &Path) -> Result<Saved, Failure> {
    let text = named(project, path, MOST_BYTES)
        .map_err(|e| Failure::error(format!("{}: {e}; nothing was sent", path.display())))?;
    Saved::parse(&text).map_err(|e| Failure::error(format!("{}: {e}; nothing was sent", path.display())))
}

enum Leave {
    Everything,
    Approved(Approval),
    Saved(Saved),
    /// Waves that were approved in advance, and nothing else.
    InAdvance(Approval),
}

/// Leave to apply.
pub struct Permit {
    leave: Leave,
    /// The target that a file is of.
    target: Option<String>,
    /// The selection that a file is of, when it is not of every manifest.
    partial: Option<Partial>,
    found: Mutex<PermitFindings>,
}

/// What a permit was held against.
#[derive(Clone, Default)]
pub struct PermitFindings {
    /// The plan, before anything was left out of it.
    pub plan: Option<Plan>,
    pub verdict: Option<ApprovalVerdict>,
    /// What became of the changes of a saved plan.
    pub kept: KeptChanges,
    /// How many changes ended how, once it was carried out: `17 done, 3 not known`.
    pub ended: Option<String>,
}

impl Permit {
    fn new(leave: Leave) -> Permit {
        let (target, partial) = match &leave {
            Leave::Saved(saved) => (Some(saved.target.clone()), saved.partial.clone()),
            _ => (None, None),
        };
        Permit { leave, target, partial, found: Mutex::default() }
    }

    /// Leave for what was approved.
    pub fn approved(approval: Approval) -> Permit {
        Permit::new(Leave::Approved(approval))
    }

    /// Leave for waves whose cutover was approved in advance. Everything else waits, and is said.
    pub fn in_advance(approval: Approval) -> Permit {
        Permit::new(Leave::InAdvance(approval))
    }

    /// What it was held against last.
    pub fn found(&self) -> PermitFindings {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names the target that the saved plan is of, unless the command line does. They must not differ.
    pub fn name_target(&self, targeted: &mut Targeted) -> Result<(), Failure> {
        match (&self.target, &targeted.target) {
            (Some(saved), Some(given)) if saved != given => {
                Err(Failure::usage(format!("the plan is of target {saved}, and --target says {given}")))
            }
            (Some(saved), None) => {
                targeted.target = Some(saved.clone());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Selects what the saved plan is of, unless the command line selects something itself.
    pub fn name_selection(&self, options: &mut Selected) {
        if let Some(partial) = self.partial.as_ref().filter(|_| options.is_whole()) {
            *options = selected(partial);
        }
    }

    /// Holds a plan against the permit, and leaves in it what may be done. It is refused with exit code 4 when it does what was
    /// not approved, or when nothing of a saved plan is as it was. A rollback that left its hold needs no other approval.
    pub fn check(&self, plan: &mut Plan, holds: &Holds, ui: &Ui) -> Result<(), Failure> {
        let mut found = PermitFindings { plan: Some(plan.clone()), ..PermitFindings::default() };
        let checked = match &self.leave {
            Leave::Everything => Ok(()),
            Leave::InAdvance(approval) => {
                let covered: BTreeSet<String> = approval.changes.union(&taken_back(plan, holds)).cloned().collect();
                wait_with_the_rest(plan, &covered, ui);
                // What waits is no part of what is reported.
                found.plan = Some(plan.clone());
                Ok(())
            }
            Leave::Approved(approval) => {
                let taken_back = Approval { changes: taken_back(plan, holds), ..Approval::default() };
                let verdict = approval.clone().and(taken_back).covers(plan);
                found.verdict = Some(verdict.clone());
                covered(plan, &verdict, ui)
            }
            Leave::Saved(saved) => keep(plan, saved, &mut found.kept, ui),
        };
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
        checked
    }

    /// Notes how many changes ended how.
    pub fn note(&self, counts: String) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).ended = Some(counts);
    }

    /// The exit code of an apply that ended so: a saved plan of which some was refused is not wholly done.
    pub fn ended(&self, code: ExitCode) -> ExitCode {
        if code == ExitCode::Ok && is_refused(&self.found().kept) { ExitCode::Partial } else { code }
    }
}

/// The digests of the changes that take a wave back whose hold says so.
fn taken_back(plan: &Plan, holds: &Holds) -> BTreeSet<String> {
    let is_held = |change: &&Change| {
        let pending = plan.cutovers.iter().find(|pending| pending.address == change.address);
        pending.is_some_and(|pending| holds.of(&change.address.name, &pending.cutover).is_some())
    };
    let back = plan.changes.iter().filter(|change| change.action == Action::Rollback).filter(is_held);
    back.map(|change| change.digest.clone()).collect()
}

/// Leaves in a plan the waves that were approved in advance, and says what waits.
fn wait_with_the_rest(plan: &mut Plan, covered: &BTreeSet<String>, ui: &Ui) {
    let (now, rest): (Vec<Change>, Vec<Change>) = std::mem::take(&mut plan.changes)
        .into_iter()
        .partition(|change| change.cutover.is_some() && covered.contains(&change.digest));
    plan.changes = now;
    // What comes first of a wave's own is one of its gates.
    plan.changes.iter_mut().for_each(|change| change.depends_on.clear());
    for change in &rest {
        let says = if change.cutover.is_some() {
            let name = &change.address.name;
            format!(
                "nobody approved this in advance; by hand: `plumb migrate cutover {name} --approved {}`",
                change.digest
            )
        } else {
            "only waves that were approved in advance are applied on a schedule".to_owned()
        };
        ui.warn(&format!("{}: waits, because {says}", change.address));
    }
    for pending in plan.cutovers.iter().filter(|pending| plan.changes.iter().all(|c| c.address != pending.address)) {
        ui.status(&format!("{}: {}", pending.address, pending.next));
    }
    let is_its = |address: &Address| plan.changes.iter().any(|change| change.address == *address);
    plan.blocked.retain(|blocked| blocked.address.as_ref().is_some_and(is_its));
}

fn covered(plan: &Plan, verdict: &ApprovalVerdict, ui: &Ui) -> Result<(), Failure> {
    match verdict {
        ApprovalVerdict::Same => ui.status("the plan is the one that was approved"),
        ApprovalVerdict::Less(0) => ui.status("all of the plan was approved"),
        ApprovalVerdict::Less(n) => {
            ui.status(&format!("all of the plan was approved; {n} approved changes are no longer needed"))
        }
        ApprovalVerdict::OtherKey(other) => {
            return Err(Failure::new(ExitCode::Stale, format!("{other}; nothing was sent"))
                .hint("plan and apply have to have the same key: plan again with it, and approve that plan"));
        }
        ApprovalVerdict::More { changes: more, disrupts } => {
            let names: Vec<String> = more.iter().map(ToString::to_string).collect();
            let mut message = format!(
                "the plan is not what was approved; nothing was sent: {} of its {} changes were not: {}",
                more.len(),
                plan.changes.len(),
                names.join(", ")
            );
            let disrupts: Vec<String> = disrupts.iter().map(|(address, class)| format!("{address} {class}")).collect();
            if !disrupts.is_empty() {
                message.push_str(&format!("; not approved was what is disrupted now: {}", disrupts.join(", ")));
            }
            let style = ui.stderr_style();
            return Err(Failure::new(ExitCode::Stale, message)
                .detail(render::text(&of_changes(plan, |c| more.contains(&c.address)), style))
                .hint(format!("when that is what is wanted, approve this plan by its digest: {}", plan.digest)));
        }
    }
    Ok(())
}

/// The plan with only some of its changes.
pub fn of_changes(plan: &Plan, which: impl Fn(&Change) -> bool) -> Plan {
    let mut part = plan.clone();
    part.changes.retain(|c| which(c));
    part
}

/// Whether some of a saved plan was refused.
fn is_refused(kept: &KeptChanges) -> bool {
    !kept.stale.is_empty() || !kept.held.is_empty()
}

fn keep(plan: &mut Plan, saved: &Saved, out: &mut KeptChanges, ui: &Ui) -> Result<(), Failure> {
    if (&saved.project, &saved.target) != (&plan.project, &plan.target) {
        return Err(Failure::usage(format!(
            "the plan is of project {}, target {}, and this is project {}, target {}; nothing was sent",
            saved.project, saved.target, plan.project, plan.target
        )));
    }
    if saved.head != plan.head {
        let commit = |head: &Option<String>| head.clone().unwrap_or_else(|| "no commit".into());
        ui.status(&format!("the plan was made at {}, this is {}", commit(&saved.head), commit(&plan.head)));
    }
    let workspace = |id: &Option<String>| id.clone().unwrap_or_else(|| "one that does not tell its id".into());
    if saved.workspace != plan.workspace && !saved.changes.is_empty() {
        let (was, is) = (workspace(&saved.workspace), workspace(&plan.workspace));
        let message = format!("the plan is of workspace {was}, and this is {is}; nothing was sent");
        return Err(Failure::new(ExitCode::Stale, message).hint("make a new one: `plumb plan --out plan.json`"));
    }
    if let Some(other) = OtherKey::between(&saved.digest, &plan.digest).filter(|_| !saved.changes.is_empty()) {
        return Err(Failure::new(ExitCode::Stale, format!("{other}; nothing was sent"))
            .hint("plan and apply have to have the same key: make a new one with it"));
    }
    let kept = approval::keep(plan, saved);
    for (address, differences) in &kept.stale {
        ui.error(&format!("{address}: refused, it is not what the plan was made of: {}", differences.join("; ")));
    }
    for (address, first) in &kept.held {
        ui.warn(&format!("{address}: not started, because {first} is not done"));
    }
    for address in &kept.new {
        ui.warn(&format!("{address}: left alone, because the plan does not have it"));
    }
    for address in &kept.gone {
        // Whether code was uploaded meanwhile or nothing asks for it any more, such as when a file was changed, is not said here.
        let why =
            if address.kind == CODE { "it is not asked for any more, or is there" } else { "nothing is left to do" };
        ui.status(&format!("{address}: {why}"));
    }
    let refused = is_refused(&kept);
    *out = kept;
    if refused && plan.changes.is_empty() {
        return Err(Failure::new(ExitCode::Stale, "nothing of the plan is as it was; nothing was sent")
            .hint("make a new one: `plumb plan --out plan.json`"));
    }
    Ok(())
}
