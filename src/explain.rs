//! Why there are differences: the manifests as they were, and who wrote the lines that are wanted, out of git.
//!
//! It explains and decides nothing: without git, or where a commit was not fetched, a plan does the same and says less.

use crate::git::{IsSpent, Repo};
use plumb_core::code::{Code, CodeFolder, first_new_line};
use plumb_core::cutover::wave::sides;
use plumb_core::kinds::{Mark, Rev};
use plumb_core::manifest::{Desired, InMemory, ManifestSource, OtherTexts};
use plumb_core::plan::{
    Action, Baseline, Baselines, Change, ChangeOrigin, Decision, FieldChange, Live, LiveObject, Note, Plan,
    SourceLine as Line, is_apart, normal,
};
use plumb_core::{kinds, manifest};
use plumb_model::address::Address;
use plumb_model::secrets::Vault;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many different commits are read, at most, to explain one plan.
const MOST_COMMITS: usize = 64;
/// How many states of the manifests since those commits are read, at most, for the same.
const MOST_STATES: usize = 64;

/// How manifests are loaded from somewhere else than the folder: with the same target and values.
pub type Load<'a> = &'a dyn Fn(&dyn ManifestSource) -> Result<Desired, manifest::Failure>;

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
    pub bases: Baselines,
    pub notes: Vec<Note>,
    /// The commits that the manifests in `bases` are of.
    pub commits: BTreeMap<Address, String>,
}

/// The manifests of a commit, by address: each as it is written, and where a wave sets a part of it, as it is on either side of
/// the cutover.
type Specs = BTreeMap<Address, Vec<Value>>;

/// An object whose earlier manifest is wanted.
struct Asked<'m> {
    address: &'m Address,
    mark: &'m Mark,
    /// Whether it differs in something that is written by calls of its own.
    apart: bool,
    /// What is live of it, where a commit may not have all of its code.
    live: Option<&'m LiveObject>,
}

/// What is asked of one commit: the address now and then, and the hash in the mark.
struct Wanted<'m> {
    address: &'m Address,
    was: &'m Address,
    hash: &'m str,
    apart: bool,
    live: Option<&'m LiveObject>,
}

impl History<'_> {
    /// The manifests at a commit, by address, the secrets that they could use, and the code that they named.
    fn specs(&self, commit: &str) -> Result<(Specs, Vault, Code), String> {
        let files = self.repo.files_at(commit, self.paths).map_err(|e| e.to_string())?;
        let code = self.repo.files_of(commit).map_err(|e| e.to_string())?;
        let desired = (self.load)(&OtherTexts { manifests: InMemory(files), code: &code }).map_err(|failure| {
            let first = failure.problems.first().map(|p| p.message.clone()).unwrap_or_default();
            format!("the manifests there have mistakes: {first}")
        })?;
        Ok((specs_of(&desired), desired.vault, desired.code))
    }

    /// The manifests at the point where this branch left a revision, for every address that a plan may speak of.
    pub fn at(&self, rev: &str, addresses: &[Address]) -> Result<Known, String> {
        let tip = self.repo.resolve(rev).map_err(|e| e.to_string())?;
        // What the other branch did meanwhile is not this branch's doing.
        let fork = self.repo.merge_base(&tip, "HEAD").map_err(|e| e.to_string())?.unwrap_or(tip);
        let (specs, vault, code) = self.specs(&fork)?;
        let mut bases: Baselines = addresses.iter().map(|address| (address.clone(), Baseline::Nothing)).collect();
        specs.iter().for_each(|(address, forms)| forms.iter().for_each(|spec| bases.hide(address, spec)));
        bases.learn(&vault);
        bases.learn_code(code.trees.values());
        let written =
            |(address, forms): (Address, Vec<Value>)| Some((address, Baseline::Spec(forms.into_iter().next()?)));
        bases.extend(specs.into_iter().filter_map(written));
        let commits = addresses.iter().map(|address| (address.clone(), fork.clone())).collect();
        Ok(Known { bases, notes: Vec::new(), commits })
    }

    /// For each change, the manifest at the commit that the live object's mark names; and for resources of which nothing
    /// but that tells whether they once declared what stays live.
    pub fn at_marks(&self, live: &Live, decision: &Decision) -> Known {
        let plan = &decision.plan;
        // A field whose origin is told already needs no git: the mark's hash says that the manifest is what it was.
        let untold = |c: &&Change| c.fields.iter().any(|f| f.origin.is_none());
        let changes = plan.changes.iter().filter(|c| !matches!(c.action, Action::Create | Action::Delete));
        let by_id: HashMap<(&str, &str), &LiveObject> = live
            .kinds
            .iter()
            .flat_map(|(kind, found)| found.iter().rev().map(move |one| ((*kind, one.seen.id.as_str()), one)))
            .collect();
        let planned: Vec<Asked<'_>> = changes
            .filter(untold)
            .filter_map(|change| {
                let found = by_id.get(&(change.address.kind.as_str(), change.id.as_deref()?))?;
                let rules = kinds::find(&change.address.kind)?.rules();
                let top = |path: &str| path.split(['.', '[']).next().is_some_and(|member| is_apart(rules, member));
                let apart = change.fields.iter().any(|f| f.origin.is_none() && top(&f.path));
                Some(Asked { address: &change.address, mark: found.mark.as_ref()?, apart, live: Some(found) })
            })
            .collect();
        let told: BTreeSet<&Address> = planned.iter().map(|asked| asked.address).collect();
        let mut chosen = Vec::new();
        for (kind, found) in &live.kinds {
            let mine = found.iter().filter_map(|found| found.mark.as_ref()).filter(|mark| {
                let owner = &mark.owner;
                owner.project == plan.project && owner.address.kind == *kind && !told.contains(&owner.address)
            });
            chosen.extend(mine.filter_map(|mark| {
                let address = decision.chosen.get(&mark.owner.address)?;
                Some(Asked { address, mark, apart: false, live: None })
            }));
        }
        self.read(planned, chosen)
    }

    /// For each address, the manifest at the commit that a mark names.
    pub fn of_marks<'m>(&self, marks: impl Iterator<Item = (&'m Address, &'m Mark)>) -> Known {
        self.read(marks.map(|(address, mark)| Asked { address, mark, apart: false, live: None }).collect(), Vec::new())
    }

    /// The manifests that marks name. Of the second list nothing is said that cannot be told: nothing changes of it.
    fn read(&self, planned: Vec<Asked<'_>>, unchanged: Vec<Asked<'_>>) -> Known {
        let mut commits: BTreeMap<&str, Vec<Wanted<'_>>> = BTreeMap::new();
        for Asked { address, mark, apart, live } in planned.iter().chain(&unchanged) {
            if let Some(rev) = mark.rev.as_ref().filter(|rev| rev.commit != Rev::NO_COMMIT) {
                let was = &mark.owner.address;
                let wanted = Wanted { address, was, hash: &rev.hash, apart: *apart, live: *live };
                commits.entry(&rev.commit).or_default().push(wanted);
            }
        }
        let planned: BTreeSet<&Address> = planned.iter().map(|asked| asked.address).collect();
        let mut known = Known::default();
        let mut missing = BTreeSet::new();
        for (commit, wanted) in commits.iter().take(MOST_COMMITS) {
            if !self.repo.has_commit(commit) {
                // Of what does not change there is nothing to explain.
                if wanted.iter().any(|one| planned.contains(one.address)) {
                    missing.insert(*commit);
                }
                continue;
            }
            match self.specs(commit) {
                Ok((specs, vault, code)) => {
                    known.bases.learn(&vault);
                    known.bases.learn_code(code.trees.values());
                    for Wanted { address, was, hash, live, .. } in wanted {
                        // Its secrets are hidden even where it is not quite what was applied: the hash of one that is
                        // not set now is another.
                        for spec in specs.get(*was).into_iter().flatten() {
                            known.bases.hide(address, spec);
                        }
                        if let Some(spec) = that(specs.get(*was), address, hash) {
                            known.bases.insert((*address).clone(), Baseline::Spec(spec.clone()));
                            known.commits.insert((*address).clone(), (*commit).to_owned());
                        } else if let Some(spec) = with_code_of(&code.folder, specs.get(*was), address, hash, *live) {
                            known.bases.insert((*address).clone(), Baseline::Spec(spec));
                            known.commits.insert((*address).clone(), (*commit).to_owned());
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
        self.since(&commits, &mut known.bases);
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

    /// What the manifests since each commit said of what is written by calls of its own: such a call leaves the mark as it
    /// was, so any of them may have been applied. Where that cannot be told, nothing is known of it.
    fn since(&self, commits: &BTreeMap<&str, Vec<Wanted<'_>>>, bases: &mut Baselines) {
        let mut asked: Vec<(&str, Vec<&Wanted<'_>>)> = Vec::new();
        for (commit, wanted) in commits.iter().take(MOST_COMMITS) {
            let is_known = |one: &&Wanted<'_>| one.apart && matches!(bases.get(one.address), Some(Baseline::Spec(_)));
            let wanted: Vec<&Wanted<'_>> = wanted.iter().filter(is_known).collect();
            if !wanted.is_empty() {
                asked.push((commit, wanted));
            }
        }
        let of: Vec<&str> = asked.iter().map(|(commit, _)| *commit).collect();
        if of.is_empty() {
            return;
        }
        let Ok(since) = self.repo.states_since(&of, self.paths, MOST_STATES) else { return };
        let mut states = States::default();
        for ((_, wanted), commits) in asked.into_iter().zip(since) {
            if let Some(commits) = commits {
                self.said(&wanted, &commits, bases, &mut states);
            }
        }
    }

    /// What the manifests at some commits said of it.
    fn said(&self, wanted: &[&Wanted<'_>], commits: &[String], bases: &mut Baselines, states: &mut States) {
        let mut said: Vec<Vec<Value>> = wanted.iter().map(|_| Vec::new()).collect();
        for commit in commits {
            let Some(specs) = states.at(self, commit) else { return };
            for (one, said) in wanted.iter().zip(&mut said) {
                // One that said anything else of the object would have been written with a mark of its own.
                let forms = specs.get(one.address).or_else(|| specs.get(one.was));
                let spec = that(forms, one.address, one.hash);
                said.extend(spec.map(|spec| apart(one.address, spec)));
            }
        }
        for (one, said) in wanted.iter().zip(said) {
            bases.set_since(one.address.clone(), said);
        }
    }

    /// Adds, to each wanted line, who wrote it last. `commits` are those of the manifests that differences were told by.
    /// Without a budget nobody is looked up; what a budget leaves out is said in a note.
    pub fn blame(&self, plan: &mut Plan, commits: &BTreeMap<Address, String>, budget: Option<&HistoryBudget<'_>>) {
        if let Some(budget) = budget {
            self.name_writers(plan, commits, budget);
        }
        let prefix = self.repo.prefix();
        for source in plan
            .changes
            .iter_mut()
            .flat_map(|c| c.source.iter_mut().chain(c.fields.iter_mut().filter_map(|f| f.source.as_mut())))
        {
            source.file = format!("{prefix}{}", source.file);
        }
        for decision in plan.changes.iter_mut().flat_map(|change| &mut change.decisions) {
            decision.file = format!("{prefix}{}", decision.file);
        }
    }

    fn name_writers(&self, plan: &mut Plan, commits: &BTreeMap<Address, String>, budget: &HistoryBudget<'_>) {
        let prefix = self.repo.prefix().to_owned();
        let code: Vec<(usize, String, String, usize)> = plan
            .changes
            .iter()
            .enumerate()
            .flat_map(|(at, change)| {
                let lines = asked_code_lines(change, &prefix);
                lines.map(move |(path, file, line)| (at, path, file, line))
            })
            .collect();
        let of_code = code.iter().map(|(_, _, file, line)| (file.as_str(), *line));
        let of_fields = plan.changes.iter().flat_map(asked_lines).map(|line| (line.file.as_str(), line.line));
        let lines: BTreeSet<(&str, usize)> = of_fields.chain(of_code).collect();
        let blames = self.repo.blame(lines.iter().copied(), budget.is_spent);
        let mut unread: BTreeSet<(String, usize)> = lines
            .into_iter()
            .filter(|(file, line)| blames.is_unread(file, *line))
            .map(|(file, line)| (file.to_owned(), line))
            .collect();
        let last = |source: &Line| blames.of(&source.file, source.line).cloned();
        let mut pairs = BTreeSet::new();
        for change in &plan.changes {
            let Some(base) = commits.get(&change.address).filter(|_| asks_of_fields(change)) else { continue };
            let of_manifest = change.fields.iter().filter(|field| is_of_manifest(field));
            let named = of_manifest.filter_map(asked_line).filter_map(last);
            pairs.extend(named.map(|commit| (commit.id, base.clone())));
        }
        let ancestry = self.repo.ancestry(&pairs, budget.is_spent);
        for (at, path, file, line) in code {
            if let Some(commit) = blames.of(&file, line) {
                plan.changes[at].file_commits.insert(path, commit.clone());
            }
        }
        for change in &mut plan.changes {
            if asks_of_source(change)
                && let Some(source) = change.source.as_mut().filter(|source| !source.nearest)
            {
                source.commit = last(source);
            }
            if !asks_of_fields(change) {
                continue;
            }
            let base = commits.get(&change.address);
            for field in &mut change.fields {
                let is_of_manifest = is_of_manifest(field);
                let Some(source) = field.source.as_mut().filter(|source| !source.nearest) else { continue };
                source.commit = last(source);
                let (Some(commit), Some(base), true) = (&source.commit, base, is_of_manifest) else { continue };
                match ancestry.is_part_of(&commit.id, base) {
                    // A line that is older than what was applied is not what changed the manifest.
                    Some(true) => {
                        source.commit = None;
                        field.explanation.get_or_insert_with(|| {
                            "its line is what it was: what changed is a value that it uses".into()
                        });
                    }
                    Some(false) => {}
                    None => {
                        source.commit = None;
                        unread.insert((source.file.clone(), source.line));
                    }
                }
            }
        }
        if !unread.is_empty() {
            let (count, lines) = (unread.len(), if unread.len() == 1 { "line" } else { "lines" });
            let message = format!(
                "who wrote {count} {lines} was not looked up: the history took longer than {} (`spec.history.budget`)",
                budget.text
            );
            plan.notes.push(Note { address: None, message });
        }
    }
}

/// How long the writers of lines are looked up.
pub struct HistoryBudget<'a> {
    pub is_spent: IsSpent<'a>,
    /// As the project says it.
    pub text: &'a str,
}

/// The lines of a change of which is asked who wrote them.
fn asked_lines(change: &Change) -> impl Iterator<Item = &Line> {
    let source = change.source.as_ref().filter(|source| asks_of_source(change) && !source.nearest);
    let fields = change.fields.iter().filter(|_| asks_of_fields(change)).filter_map(asked_line);
    source.into_iter().chain(fields)
}

/// Of how many files of a change is asked who wrote them.
const MOST_FILES: usize = 20;

/// The first new line of each file of code that a change brings, with the file's path in the repository and in the project.
fn asked_code_lines<'c>(change: &'c Change, prefix: &'c str) -> impl Iterator<Item = (String, String, usize)> + 'c {
    change.files.iter().take(MOST_FILES).filter_map(move |file| {
        let line = match (&file.from, &file.diff) {
            (_, Some(diff)) => first_new_line(diff)?,
            (None, None) => 1,
            (Some(_), None) => return None,
        };
        Some((file.path.clone(), file.path.strip_prefix(prefix)?.to_owned(), line))
    })
}

/// Whether a change is explained by its own line: a new object by its first one, a teardown without any fields by the line
/// that asks for it, and a wave by that of its day, whose commit somebody approved.
fn asks_of_source(change: &Change) -> bool {
    let is_teardown = matches!(change.action, Action::Mark | Action::Terminate | Action::Release);
    change.action == Action::Create || change.cutover.is_some() || is_teardown && change.fields.is_empty()
}

/// Whether a change is explained by the lines of its fields.
fn asks_of_fields(change: &Change) -> bool {
    !matches!(change.action, Action::Create | Action::Delete)
}

fn asked_line(field: &FieldChange) -> Option<&Line> {
    field.source.as_ref().filter(|source| !source.nearest)
}

fn is_of_manifest(field: &FieldChange) -> bool {
    matches!(field.origin, Some(ChangeOrigin::Manifest | ChangeOrigin::Both))
}

/// The manifests of the states that were read, so that each is read once.
#[derive(Default)]
struct States {
    known: BTreeMap<String, Option<Specs>>,
}

impl States {
    /// The manifests at a commit; none of those that have mistakes, for they were never applied. `None` when they cannot
    /// be read, or are too many.
    fn at(&mut self, history: &History<'_>, commit: &str) -> Option<&Specs> {
        if !self.known.contains_key(commit) {
            let files = || history.repo.files_at(commit, history.paths).ok();
            let load = |files| {
                let code = history.repo.files_of(commit).ok()?;
                (history.load)(&OtherTexts { manifests: InMemory(files), code: &code }).ok()
            };
            let of = |desired: Desired| specs_of(&desired);
            let specs = if self.known.len() < MOST_STATES {
                files().map(|files| load(files).map(of).unwrap_or_default())
            } else {
                None
            };
            self.known.insert(commit.to_owned(), specs);
        }
        self.known.get(commit)?.as_ref()
    }
}

/// What a spec says of what is written by calls of its own.
fn apart(address: &Address, spec: &Value) -> Value {
    let rules = kinds::find(&address.kind).map(|kind| kind.rules());
    let is_apart = |member: &String| rules.is_some_and(|rules| is_apart(rules, member));
    let members = spec.as_object().into_iter().flatten().filter(|(member, _)| is_apart(member));
    members.map(|(member, value)| (member.clone(), value.clone())).collect()
}

/// The manifests, by address.
fn specs_of(desired: &Desired) -> Specs {
    let mut specs: Specs = desired.resources.iter().map(|r| (r.address.clone(), vec![r.spec.to_value()])).collect();
    for (address, forms) in sides(desired) {
        specs.entry(address).or_default().extend(forms);
    }
    specs
}

/// The form of a manifest that the mark's hash is of. There is none when the apply came from files that were never committed,
/// and then that commit explains nothing.
fn that<'s>(forms: Option<&'s Vec<Value>>, address: &Address, hash: &str) -> Option<&'s Value> {
    let rules = kinds::find(&address.kind)?.rules();
    forms?.iter().find(|spec| normal::identity(rules, spec) == hash)
}

/// The same of a manifest whose code the commit has not all of (a wheel that CI built): where only the place of code is not known,
/// what is live has it.
fn with_code_of(
    folder: &CodeFolder,
    forms: Option<&Vec<Value>>,
    address: &Address,
    hash: &str,
    live: Option<&LiveObject>,
) -> Option<Value> {
    let unknown = |spec: &&Value| Vault::has_unknown(spec);
    let forms: Vec<&Value> = forms?.iter().filter(unknown).collect();
    let live = live.filter(|_| !forms.is_empty())?.seen.spec();
    let filled: Vec<Value> = forms.into_iter().map(|spec| filled(folder, spec, Some(&live))).collect();
    that(Some(&filled), address, hash).cloned()
}

/// A spec with the places of code that a live one has in the place of those that are not known.
fn filled(folder: &CodeFolder, spec: &Value, live: Option<&Value>) -> Value {
    match spec {
        Value::String(text) if text == Vault::UNKNOWN => {
            let is_code = |live: &&Value| live.as_str().is_some_and(|live| !folder.named_in(live).is_empty());
            live.filter(is_code).unwrap_or(spec).clone()
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.map(|(at, item)| filled(folder, item, live.and_then(|live| live.get(at)))).collect()
        }
        Value::Object(map) => {
            let members = map.iter();
            members
                .map(|(key, value)| (key.clone(), filled(folder, value, live.and_then(|live| live.get(key)))))
                .collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
