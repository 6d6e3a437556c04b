//! Guards: limits on what one apply may do, and from where.

use super::{Action, Blocked, Change, Counts, Guard, Live, Plan};
use crate::kinds::{Kind, Role};
use crate::manifest::{Desired, Guards, Target};
use std::collections::BTreeSet;

/// The objects that a project has now, by kind and id: what a share of them is a share of.
pub type Owned<'a> = BTreeSet<(&'a str, &'a str)>;

/// The objects of these kinds that carry the project's mark.
pub fn owned<'a>(kinds: &[&'static dyn Kind], live: &'a Live, desired: &Desired) -> Owned<'a> {
    let (project, target) = (&desired.project.name, desired.mark_target());
    let objects = kinds.iter().filter(|kind| kind.role() == Role::Object);
    let found = objects.flat_map(|kind| {
        let all = live.owned(kind.name(), project, &target).into_values().flatten();
        all.map(|found| (kind.name(), found.seen.id.as_str()))
    });
    found.collect()
}

/// Whether a change changes or deletes one of the objects. What is taken over, what others own and what is terminated or deleted
/// of EMR is none of them; a rename that changes nothing else leaves its object as it is.
fn touches(change: &Change, owned: &Owned<'_>) -> bool {
    let does = match change.action {
        Action::Update | Action::Replace | Action::Delete => true,
        Action::Move => !change.fields.is_empty(),
        Action::Create | Action::Adopt | Action::Release | Action::Mark | Action::Terminate => false,
        // Its DAGs are named one by one, and approved so.
        Action::CutOver | Action::Rollback => false,
        // Code is no object that is owned. Nothing but plumb ever wrote it, nothing that runs names what is pruned, and git has
        // it: neither limit is about that.
        Action::Upload | Action::Retire | Action::Prune => false,
    };
    does && change.id.as_deref().is_some_and(|id| owned.contains(&(change.address.kind.as_str(), id)))
}

/// The guards on how much one apply may do. `owned` are the objects that the project has now.
pub fn of_changes(plan: &Plan, owned: &Owned<'_>, guards: &Guards) -> Vec<Blocked> {
    let touched = plan.changes.iter().filter(|change| touches(change, owned)).count();
    of_counts(&plan.counts(), touched, owned.len(), guards)
}

fn of_counts(counts: &Counts, touched: usize, owned: usize, guards: &Guards) -> Vec<Blocked> {
    let mut blocked = Vec::new();
    let deletes = counts.delete + counts.replace + counts.terminate;
    if let Some(limit) = guards.max_deletes
        && deletes > limit as usize
    {
        let reason =
            format!("{deletes} objects would be deleted, terminated or replaced; `guards.maxDeletes` allows {limit}");
        blocked.push(refuse(Guard::MaxDeletes, reason));
    }
    if let Some(limit) = guards.max_change_percent
        && owned > 0
        && touched * 100 > limit as usize * owned
    {
        let percent = touched * 100 / owned;
        let reason = format!(
            "{touched} of {owned} owned objects would change, {percent} %; `guards.maxChangePercent` allows {limit} %, which is \
             {} of {owned}",
            limit as usize * owned / 100
        );
        blocked.push(refuse(Guard::MaxChangePercent, reason));
    }
    blocked
}

/// From where an apply is tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplyPlace {
    /// `None` on a detached head, or without git.
    pub branch: Option<String>,
    /// Whether files differ from the commit, or there is no commit.
    pub dirty: bool,
    /// The workspace that was reached, where it says so.
    pub workspace_id: Option<String>,
}

/// The guards on from where, and to where, an apply goes.
pub fn of_place(place: &ApplyPlace, target: &Target) -> Vec<Blocked> {
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
    let remedy = format!("check that it is meant, then `plumb apply --override {}`", guard.name());
    Blocked::by_guard(guard, reason).with_remedy(remedy)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kinds;
    use crate::kinds::Observed;
    use crate::manifest;
    use crate::manifest::{DatabricksTarget, GitTarget};
    use crate::manifest::{InMemory, Request};
    use crate::plan::{Decision, LiveObject};
    use plumb_model::address::Address;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn desired() -> Desired {
        let text = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: p}\nspec:\n  guards: {maxChangePercent: 50}\n  \
                    targets: {t: {default: true}}\n  manifests: [plumb.yaml.d]\n";
        let files = BTreeMap::from([
            ("plumb.yaml".to_owned(), text.as_bytes().to_vec()),
            ("plumb.yaml.d/.empty.yaml".to_owned(), Vec::new()),
        ]);
        let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
        manifest::load(&InMemory(files), &request, kinds::all()).map_err(|f| f.problems).unwrap()
    }

    fn change(kind: &str, id: &str, action: Action) -> Change {
        let address = Address { kind: kind.into(), name: id.into() };
        Change {
            id: (action != Action::Create).then(|| id.to_owned()),
            title: id.into(),
            ..Change::new(address, action)
        }
    }

    #[test]
    fn a_share_is_of_the_objects_that_are_counted() {
        let desired = desired();
        let job = |name: &str, owner: &str| {
            let spec = json!({ "name": name, "tags": { "plumb": format!("{owner}/DatabricksJob/{name}") } });
            LiveObject::of(
                kinds::find("DatabricksJob").unwrap(),
                Observed { id: name.into(), spec, ..Observed::default() },
            )
        };
        let mut live = Live::default();
        live.kinds.insert("DatabricksJob", vec![job("a", "p/t"), job("b", "p/t"), job("theirs", "q/t")]);
        let owned = owned(kinds::all(), &live, &desired);
        assert_eq!(owned, BTreeSet::from([("DatabricksJob", "a"), ("DatabricksJob", "b")]));
        let refused = |changes: &[(&str, &str, Action)]| {
            let changes = changes.iter().map(|(kind, id, action)| change(kind, id, *action)).collect();
            let decision = Decision::of(&desired, desired.vault.clone(), changes);
            of_changes(&decision.plan, &owned, &desired.guards).first().map(|b| b.reason.clone())
        };
        let job = "DatabricksJob";
        assert_eq!(refused(&[(job, "a", Action::Update)]), None, "one of two is 50 %");
        let both = refused(&[(job, "a", Action::Update), (job, "b", Action::Delete)]).unwrap();
        assert_eq!(
            both,
            "2 of 2 owned objects would change, 100 %; `guards.maxChangePercent` allows 50 %, which is 1 of 2"
        );
        // What is not among the two is none of them: it is new, somebody else's, or terminated in EMR.
        for other in [
            (job, "theirs", Action::Update),
            (job, "theirs", Action::Adopt),
            (job, "c", Action::Create),
            ("AirflowDag", "a", Action::Update),
            ("EmrCluster", "j-1", Action::Terminate),
            (job, "b", Action::Release),
            // A rename alone.
            (job, "b", Action::Move),
        ] {
            assert_eq!(refused(&[(job, "a", Action::Update), other, other]), None, "{other:?}");
        }
    }

    fn names(blocked: &[Blocked]) -> Vec<&'static str> {
        blocked.iter().filter_map(|b| b.guard.map(Guard::name)).collect()
    }

    #[test]
    fn each_way_to_do_too_much_is_counted() {
        let none = Counts::default();
        let limits =
            |deletes, percent| Guards { max_deletes: deletes, max_change_percent: percent, ..Guards::default() };
        for (what, counts, deletes) in [
            ("create", Counts { create: 9, ..none }, false),
            ("update", Counts { update: 9, ..none }, false),
            ("replace", Counts { replace: 9, ..none }, true),
            ("delete", Counts { delete: 9, ..none }, true),
            ("terminate", Counts { terminate: 9, ..none }, true),
            ("adopt", Counts { adopt: 9, ..none }, false),
            ("move", Counts { moved: 9, ..none }, false),
            ("mark", Counts { mark: 9, ..none }, false),
        ] {
            assert_eq!(names(&of_counts(&counts, 0, 10, &limits(Some(8), None))).len(), usize::from(deletes), "{what}");
            assert_eq!(names(&of_counts(&counts, 0, 10, &limits(Some(9), None))), [""; 0], "{what}");
            assert_eq!(names(&of_counts(&counts, 0, 10, &limits(None, None))), [""; 0], "{what}");
        }
        // A percentage is not rounded in anybody's favour, and sums count.
        let some = Counts { update: 1, delete: 1, replace: 1, ..none };
        assert_eq!(names(&of_counts(&some, 3, 200, &limits(None, Some(1)))), ["max-change-percent"]);
        assert_eq!(names(&of_counts(&some, 3, 300, &limits(None, Some(1)))), [""; 0]);
        assert_eq!(names(&of_counts(&some, 3, 299, &limits(Some(1), Some(1)))), ["max-deletes", "max-change-percent"]);
        // The first object counts as any other.
        assert_eq!(names(&of_counts(&some, 1, 1, &limits(None, Some(99)))), ["max-change-percent"]);
        assert_eq!(names(&of_counts(&some, 1, 1, &limits(None, Some(100)))), [""; 0]);
        // Of nothing that is owned there is no share.
        assert_eq!(names(&of_counts(&some, 0, 0, &limits(None, Some(0)))), [""; 0]);
    }

    #[test]
    fn a_target_is_applied_from_its_own_place_only() {
        let whole = Target {
            git: Some(GitTarget { branch: Some("main".into()), clean: true }),
            databricks: Some(DatabricksTarget { workspace_id: Some("1".into()), ..Default::default() }),
            ..Target::default()
        };
        let here = |branch: Option<&str>, dirty, workspace: Option<&str>| ApplyPlace {
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
