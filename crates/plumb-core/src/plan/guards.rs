//! Guards: limits on what one apply may do, and from where.

use super::{Blocked, Counts, Guard};
use crate::manifest::{Guards, Target};

/// The guards on how much one apply may do. `owned` is how many objects the project has now.
pub fn of_counts(counts: &Counts, owned: usize, guards: &Guards) -> Vec<Blocked> {
    let mut blocked = Vec::new();
    let deletes = counts.delete + counts.replace + counts.terminate;
    if let Some(limit) = guards.max_deletes
        && deletes > limit as usize
    {
        let reason =
            format!("{deletes} objects would be deleted, taken down or made anew; `guards.maxDeletes` allows {limit}");
        blocked.push(refuse(Guard::MaxDeletes, reason));
    }
    let touched = deletes + counts.update;
    if let Some(limit) = guards.max_change_percent
        && owned > 0
        && touched * 100 > limit as usize * owned
    {
        let percent = touched * 100 / owned;
        let reason = format!(
            "{touched} of {owned} owned objects would change, {percent} %; `guards.maxChangePercent` allows {limit} %"
        );
        blocked.push(refuse(Guard::MaxChangePercent, reason));
    }
    blocked
}

/// From where an apply is tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// `None` on a detached head, or without git.
    pub branch: Option<String>,
    /// Whether files differ from the commit, or there is no commit.
    pub dirty: bool,
    /// The workspace that was reached, where it says so.
    pub workspace_id: Option<String>,
}

/// The guards on from where, and to where, an apply goes.
pub fn of_place(place: &Place, target: &Target) -> Vec<Blocked> {
    let mut blocked = Vec::new();
    if let Some(git) = &target.git {
        if let Some(wanted) = git.branch.as_ref().filter(|b| place.branch.as_ref() != Some(b)) {
            let here = place.branch.as_deref().map_or("no branch".into(), |b| format!("branch {b}"));
            let reason = format!("target {} is applied from branch {wanted} only; this is {here}", target.name);
            blocked.push(refuse(Guard::Branch, reason));
        }
        if git.clean && place.dirty {
            let reason =
                format!("target {} is applied from a clean tree only; files differ from the commit", target.name);
            blocked.push(refuse(Guard::Clean, reason));
        }
    }
    let wanted = target.databricks.as_ref().and_then(|d| d.workspace_id.as_ref());
    if let Some(wanted) = wanted.filter(|w| place.workspace_id.as_ref() != Some(w)) {
        let here = place.workspace_id.as_deref().unwrap_or("one that does not tell its id");
        let reason = format!("target {} is workspace {wanted}; the host is {here}", target.name);
        blocked.push(refuse(Guard::Workspace, reason));
    }
    blocked
}

fn refuse(guard: Guard, reason: String) -> Blocked {
    let remedy = Some(format!("look well, then `plumb apply --override {}`", guard.name()));
    Blocked { guard: Some(guard), address: None, reason, remedy }
}
