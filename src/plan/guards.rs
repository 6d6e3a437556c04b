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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{DatabricksTarget, GitTarget};

    fn names(blocked: &[Blocked]) -> Vec<&'static str> {
        blocked.iter().filter_map(|b| b.guard.map(Guard::name)).collect()
    }

    #[test]
    fn each_way_to_do_too_much_is_counted() {
        let none = Counts::default();
        let limits =
            |deletes, percent| Guards { max_deletes: deletes, max_change_percent: percent, ..Guards::default() };
        for (what, counts, deletes, changes) in [
            ("create", Counts { create: 9, ..none }, false, false),
            ("update", Counts { update: 9, ..none }, false, true),
            ("replace", Counts { replace: 9, ..none }, true, true),
            ("delete", Counts { delete: 9, ..none }, true, true),
            ("terminate", Counts { terminate: 9, ..none }, true, true),
            ("adopt", Counts { adopt: 9, ..none }, false, false),
            ("move", Counts { moved: 9, ..none }, false, false),
            ("mark", Counts { mark: 9, ..none }, false, false),
        ] {
            assert_eq!(names(&of_counts(&counts, 10, &limits(Some(8), None))).len(), usize::from(deletes), "{what}");
            assert_eq!(names(&of_counts(&counts, 10, &limits(Some(9), None))), [""; 0], "{what}");
            assert_eq!(names(&of_counts(&counts, 10, &limits(None, Some(89)))).len(), usize::from(changes), "{what}");
            assert_eq!(names(&of_counts(&counts, 10, &limits(None, Some(90)))), [""; 0], "{what}");
            assert_eq!(names(&of_counts(&counts, 10, &limits(None, None))), [""; 0], "{what}");
        }
        // A percentage is not rounded in anybody's favour, and sums count.
        let some = Counts { update: 1, delete: 1, replace: 1, ..none };
        assert_eq!(names(&of_counts(&some, 200, &limits(None, Some(1)))), ["max-change-percent"]);
        assert_eq!(names(&of_counts(&some, 300, &limits(None, Some(1)))), [""; 0]);
        assert_eq!(names(&of_counts(&some, 299, &limits(Some(1), Some(1)))), ["max-deletes", "max-change-percent"]);
        // Of nothing that is owned there is no share.
        assert_eq!(names(&of_counts(&Counts { create: 3, ..none }, 0, &limits(None, Some(0)))), [""; 0]);
    }

    #[test]
    fn a_target_is_applied_from_its_own_place_only() {
        let whole = Target {
            git: Some(GitTarget { branch: Some("main".into()), clean: true }),
            databricks: Some(DatabricksTarget { workspace_id: Some("1".into()), ..Default::default() }),
            ..Target::default()
        };
        let here = |branch: Option<&str>, dirty, workspace: Option<&str>| Place {
            branch: branch.map(str::to_owned),
            dirty,
            workspace_id: workspace.map(str::to_owned),
        };
        for (place, wanted) in [
            (here(Some("main"), false, Some("1")), &[][..]),
            (here(Some("main2"), false, Some("1")), &["branch"]),
            // A detached head is no branch, and a host that says nothing is no workspace.
            (here(None, false, Some("1")), &["branch"]),
            (here(Some("main"), true, Some("1")), &["clean"]),
            (here(Some("main"), false, Some("2")), &["workspace"]),
            (here(Some("main"), false, None), &["workspace"]),
            (here(None, true, None), &["branch", "clean", "workspace"]),
        ] {
            assert_eq!(names(&of_place(&place, &whole)), wanted, "{place:?}");
            assert_eq!(names(&of_place(&place, &Target::default())), [""; 0], "{place:?}");
        }
    }
}
