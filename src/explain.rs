//! Why there are differences: the manifests as they were, and who wrote the lines that are wanted, out of git.
//!
//! It explains and decides nothing: without git, or where a commit was not fetched, a plan does the same and says less.

use crate::git::Repo;
use crate::kinds::{self, Mark};
use crate::manifest::{self, Address, Desired, InMemory, Source, Vault};
use crate::plan::{Action, Base, Bases, Change, Decision, Live, Note, Plan, normal};
use std::collections::{BTreeMap, BTreeSet};

/// How many different commits are read, at most, to explain one plan.
const MOST_COMMITS: usize = 64;
/// The commit in the mark of an object that was made without one.
const NO_COMMIT: &str = "000000000000";

/// How manifests are loaded from somewhere else than the folder: with the same target and values.
pub type Load<'a> = &'a dyn Fn(&dyn Source) -> Result<Desired, manifest::Failure>;

/// The manifests of a repository at its commits.
pub struct History<'a> {
    pub repo: &'a Repo,
    /// The paths that the manifests come from.
    pub paths: &'a [String],
    pub load: Load<'a>,
}

/// What is known of earlier manifests.
#[derive(Default)]
pub struct Known {
    pub bases: Bases,
    pub notes: Vec<Note>,
}

impl History<'_> {
    /// The manifests at a commit, by address, and the secrets that they could use.
    fn specs(&self, commit: &str) -> Result<(BTreeMap<Address, serde_json::Value>, Vault), String> {
        let files = self.repo.files_at(commit, self.paths).map_err(|e| e.to_string())?;
        let desired = (self.load)(&InMemory(files)).map_err(|failure| {
            let first = failure.problems.first().map(|p| p.message.clone()).unwrap_or_default();
            format!("the manifests there have mistakes: {first}")
        })?;
        Ok((desired.resources.into_iter().map(|r| (r.address, r.spec)).collect(), desired.vault))
    }

    /// The manifests at the point where this branch left a revision, for every address that a plan may speak of.
    pub fn at(&self, rev: &str, addresses: &[Address]) -> Result<Known, String> {
        let tip = self.repo.resolve(rev).map_err(|e| e.to_string())?;
        // What the other branch did meanwhile is not this branch's doing.
        let fork = self.repo.merge_base(&tip, "HEAD").map_err(|e| e.to_string())?.unwrap_or(tip);
        let (specs, vault) = self.specs(&fork)?;
        let mut bases: Bases = addresses.iter().map(|address| (address.clone(), Base::Nothing)).collect();
        specs.iter().for_each(|(address, spec)| bases.hide(address, spec));
        bases.learn(&vault);
        bases.extend(specs.into_iter().map(|(address, spec)| (address, Base::Spec(spec))));
        Ok(Known { bases, notes: Vec::new() })
    }

    /// For each change, the manifest at the commit that the live object's mark names; and for resources of which nothing
    /// but that tells whether they once declared what stays live.
    pub fn at_marks(&self, live: &Live, decision: &Decision) -> Known {
        let plan = &decision.plan;
        // A field whose origin is told already needs no git: the mark's hash says that the manifest is what it was.
        let untold = |c: &&Change| c.fields.iter().any(|f| f.origin.is_none());
        let changes = plan.changes.iter().filter(|c| !matches!(c.action, Action::Create | Action::Delete));
        let planned: Vec<(&Address, &Mark)> = changes
            .filter(untold)
            .filter_map(|change| {
                let found = live.of(&change.address.kind).iter().find(|f| change.id.as_ref() == Some(&f.seen.id))?;
                Some((&change.address, found.mark.as_ref()?))
            })
            .collect();
        let told: BTreeSet<&Address> = planned.iter().map(|(address, _)| *address).collect();
        let mut chosen = Vec::new();
        for address in decision.chosen.iter().filter(|address| !told.contains(address)) {
            let owned = live.of(&address.kind).iter().filter_map(|found| found.mark.as_ref());
            let mine = owned.filter(|mark| mark.owner.address == *address && mark.owner.project == plan.project);
            chosen.extend(mine.map(|mark| (address, mark)));
        }
        self.read(planned, chosen)
    }

    /// For each address, the manifest at the commit that a mark names.
    pub fn of_marks<'m>(&self, marks: impl Iterator<Item = (&'m Address, &'m Mark)>) -> Known {
        self.read(marks.collect(), Vec::new())
    }

    /// The manifests that marks name. Of the second list nothing is said that cannot be told: nothing changes of it.
    fn read(&self, planned: Vec<(&Address, &Mark)>, unchanged: Vec<(&Address, &Mark)>) -> Known {
        let mut commits: BTreeMap<&str, Vec<(&Address, &Address, &str)>> = BTreeMap::new();
        for (address, mark) in planned.iter().chain(&unchanged) {
            if let Some(rev) = mark.rev.as_ref().filter(|rev| rev.commit != NO_COMMIT) {
                commits.entry(&rev.commit).or_default().push((address, &mark.owner.address, &rev.hash));
            }
        }
        let planned: BTreeSet<&Address> = planned.iter().map(|(address, _)| *address).collect();
        let mut known = Known::default();
        let mut missing = BTreeSet::new();
        for (commit, wanted) in commits.iter().take(MOST_COMMITS) {
            if !self.repo.has_commit(commit) {
                // Of what does not change there is nothing to explain.
                if wanted.iter().any(|(address, ..)| planned.contains(address)) {
                    missing.insert(*commit);
                }
                continue;
            }
            match self.specs(commit) {
                Ok((specs, vault)) => {
                    known.bases.learn(&vault);
                    for (address, was, hash) in wanted {
                        // Its secrets are hidden even where it is not quite what was applied: the hash of one that is
                        // not set now is another.
                        if let Some(spec) = specs.get(was) {
                            known.bases.hide(address, spec);
                        }
                        if let Some(spec) = specs.get(was).filter(|spec| is_that(address, spec, hash)) {
                            known.bases.insert((*address).clone(), Base::Spec(spec.clone()));
                        } else if planned.contains(address) {
                            known.notes.push(Note {
                                address: Some((*address).clone()),
                                message: format!(
                                    "what was applied is not what commit {commit} has (files were not committed, or \
                                     variables had other values), so it cannot be told who changed what"
                                ),
                            });
                        }
                    }
                }
                Err(why) => known.notes.push(Note { address: None, message: format!("commit {commit}: {why}") }),
            }
        }
        if !missing.is_empty() {
            let list: Vec<&str> = missing.into_iter().collect();
            let how = if self.repo.is_shallow() { "; fetch the whole history to know" } else { "" };
            known.notes.push(Note {
                address: None,
                message: format!(
                    "commit {} is not in this repository, so it cannot be told who changed what was applied from it{how}",
                    list.join(", ")
                ),
            });
        }
        known
    }

    /// Adds, to each wanted line, who wrote it last.
    pub fn blame(&self, plan: &mut Plan) {
        let prefix = self.repo.prefix().to_owned();
        let sources = plan.changes.iter_mut().filter(|c| c.action != Action::Delete).flat_map(|c| {
            // A change that lists its fields is explained by them; a new object by its first line.
            let whole = if c.fields.iter().all(|f| f.source.is_none()) || c.action == Action::Create { 1 } else { 0 };
            c.source
                .iter_mut()
                .take(whole)
                .chain(c.fields.iter_mut().filter(|_| c.action != Action::Create).filter_map(|f| f.source.as_mut()))
        });
        for source in sources {
            source.commit = self.repo.blame(&source.file, source.line).ok().flatten();
        }
        for source in plan
            .changes
            .iter_mut()
            .flat_map(|c| c.source.iter_mut().chain(c.fields.iter_mut().filter_map(|f| f.source.as_mut())))
        {
            source.file = format!("{prefix}{}", source.file);
        }
    }
}

/// Whether a spec is the one that the mark's hash is of. It is not when the apply came from files that were never
/// committed, and then that commit explains nothing.
fn is_that(address: &Address, spec: &serde_json::Value, hash: &str) -> bool {
    kinds::find(&address.kind).is_some_and(|kind| normal::identity(kind.rules(), spec) == hash)
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
