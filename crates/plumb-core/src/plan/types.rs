//! The plan: what will be done, with a reason each, and the calls that do it.

use super::links::PlanLinks;
use super::{Calls, DecisionPlace, DestroyedContents, Estimate, Partial};
use crate::code::{CodeChange, CodeOverview, CodeStep};
use crate::cost::change::RunCostChange;
use crate::cost::expected_end::DeadlineOutlook;
use crate::cutover::{CutoverCalls, PendingCutover};
use crate::kinds::ImpactClass;
use crate::manifest::DecisionCount;
use crate::teardown::PendingTeardown;
use plumb_model::address::Address;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a plan's JSON form is called, so that a reader can refuse one it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum PlanFormat {
    #[serde(rename = "plumb.plan/v1")]
    V1,
}

/// Everything one apply would do to a target.
///
/// Values in it are fit to be shown: a secret is `(secret #1)`, equal secrets have the same number.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Plan {
    pub format: PlanFormat,
    pub project: String,
    pub target: String,
    /// The revision that the branch is compared with, for `plan --base`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The commit that the manifests were read at; `-dirty` is added when files differ from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// The id of the Databricks workspace that was read, where there is one and it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// What the plan is of, when it is not of every manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
    /// Names what would be done, in which workspace, and what that disrupts as things are now: a cluster that was started
    /// since makes another digest, and so does a selection. Independent of commits and times. `k:` before it: keyed with
    /// `PLUMB_APPROVAL_KEY`.
    pub digest: String,
    /// Each after those that have to be done first, otherwise in the order of addresses.
    pub changes: Vec<Change>,
    /// What may not be done, and why: guards, protection, ambiguous or foreign objects.
    pub blocked: Vec<Blocked>,
    /// Pending teardowns, and the gates before each. For reading only: it is no part of the digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teardown: Vec<PendingTeardown>,
    /// Waves that are not cut over yet, and the gates before each. For reading only: it is no part of the digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cutovers: Vec<PendingCutover>,
    /// What is worth knowing and needs no action.
    pub notes: Vec<Note>,
    /// How many resources are up to date.
    pub unchanged: usize,
    /// How many decisions are open in the manifests that the plan is of, those up to date included. For reading only: it is no
    /// part of the digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decisions: Option<DecisionCount>,
    /// How long an apply takes at the pace of the services, where it is more than a minute. For reading only: it is no part of
    /// the digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Where what it speaks of can be looked at. For reading only: it is no part of the digest.
    #[serde(skip)]
    pub links: PlanLinks,
}

/// How many changes of each sort a plan has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    pub adopt: usize,
    pub moved: usize,
    pub other: usize,
    pub mark: usize,
    pub terminate: usize,
    /// Waves that are cut over or go back.
    pub cut_over: usize,
    /// Trees of code that are written.
    pub upload: usize,
    /// Trees of code that fall out of use.
    pub retire: usize,
    /// Trees of code that are deleted.
    pub prune: usize,
}

/// What is done to one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Create,
    Update,
    /// Deleted and created again: a field changed that cannot be changed in place.
    Replace,
    Delete,
    /// An existing object is taken over.
    Adopt,
    /// The manifest was renamed; the object stays.
    Move,
    /// The marks are taken off; the object stays.
    Release,
    /// It is marked for teardown; nothing else happens to it.
    Mark,
    /// Its teardown ends: a cluster is terminated, anything else deleted.
    Terminate,
    /// A wave's old DAGs are paused and its new ones run.
    CutOver,
    /// A wave's new DAGs are paused and its old ones run again.
    Rollback,
    /// Code of jobs is written where they find it.
    Upload,
    /// That nothing names some code any more is noted beside it.
    Retire,
    /// Code that nothing names any more is deleted.
    Prune,
}

/// What will be done to one resource.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Change {
    pub address: Address,
    pub action: Action,
    /// The live object's id; `None` when there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What people call the object: a job's name.
    pub title: String,
    /// Why, in one line, where the fields do not say it: "no manifest asks for it any more".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who brought it about that the object is to be made or deleted, where git can tell. For other actions the fields
    /// say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<ChangeOrigin>,
    /// What it disrupts: "restarts the cluster", "cancels 1 active run".
    pub impacts: Vec<String>,
    /// The same as classes, without how much. An approval of the change is one of these, or of fewer.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub disrupts: BTreeSet<ImpactClass>,
    /// What goes with the object that it deletes or replaces, where somebody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<DestroyedContents>,
    /// When its schedule starts the object next, once the change is made: `2024-05-02 04:00 Europe/London`. For reading
    /// only: it is no part of the digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_run: Option<String>,
    /// Its deadline, and when its runs are expected to end. For reading only: it is no part of the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Box<DeadlineOutlook>>,
    /// What is open in its manifest, if it would make that live. For reading only: it is no part of the digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<DecisionPlace>,
    /// What it costs a run, where that is known. For reading only: it is no part of the digest.
    #[serde(skip)]
    pub cost: Option<RunCostChange>,
    /// In the order in which the manifest has them, then those that no line of it has.
    pub fields: Vec<FieldChange>,
    /// The lists among what changes of which the manifest only says some entries: what others added to them stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additive: Vec<String>,
    /// Changes that have to be done first.
    pub depends_on: Vec<Address>,
    /// The former address, of a move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<Address>,
    /// Where the manifest is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLine>,
    /// Names this change but for what it disrupts; the plan's digest is made of these. `k:` before it: keyed.
    pub digest: String,
    /// The requests, as method and path.
    #[serde(serialize_with = "as_lines")]
    #[schemars(with = "Vec<String>")]
    pub calls: Calls,
    /// The same requests phase by phase, of a wave.
    #[serde(skip)]
    pub cutover: Option<Box<CutoverCalls>>,
    /// What is done to a tree of code: of an upload, a retirement or a pruning.
    #[serde(skip)]
    pub code: Option<Box<CodeStep>>,
    /// How the files differ that the object runs. For reading only: the digest has the hash that names them all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<CodeChange>,
    /// Who wrote last what is new in those files, by path, where git can tell. For reading only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub file_commits: BTreeMap<String, Commit>,
    /// The code that the object runs, or that is uploaded. For reading only, as `files`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<CodeOverview>,
    /// A hash of what was read of the live object; a different one before the write means that the plan is stale.
    #[serde(skip)]
    pub read: Option<String>,
    /// A hash of what was read of the live object, keyed like the digest.
    #[serde(rename = "read", skip_serializing_if = "Option::is_none")]
    pub shown_read: Option<String>,
}

impl Change {
    /// A change of nothing yet: what it says and calls is to be filled in.
    pub fn new(address: Address, action: Action) -> Change {
        Change {
            address,
            action,
            id: None,
            title: String::new(),
            reason: None,
            origin: None,
            impacts: Vec::new(),
            disrupts: BTreeSet::new(),
            contents: None,
            next_run: None,
            deadline: None,
            decisions: Vec::new(),
            cost: None,
            fields: Vec::new(),
            additive: Vec::new(),
            depends_on: Vec::new(),
            moved_from: None,
            source: None,
            digest: String::new(),
            calls: Calls::default(),
            cutover: None,
            code: None,
            files: Vec::new(),
            file_commits: BTreeMap::new(),
            tree: None,
            read: None,
            shown_read: None,
        }
    }

    /// Whether anything of the object differs from what is wanted: a field, or the code that it runs.
    pub fn has_differences(&self) -> bool {
        !self.fields.is_empty() || self.tree.is_some()
    }

    /// Whether it takes an object over and leaves it as it is and what runs on it alone, but for the marks.
    fn only_marks(&self) -> bool {
        self.action == Action::Adopt && !self.has_differences() && self.disrupts.is_empty()
    }
}

fn as_lines<S: serde::Serializer>(calls: &Calls, s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(calls.lines())
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FieldChange {
    /// `tasks[aggregate].timeout_seconds`.
    pub path: String,
    pub op: Op,
    /// The live value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// The value that the manifest wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// Who brought the difference about, where git can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<ChangeOrigin>,
    /// Whether this field forces the object to be replaced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaces: bool,
    /// What a reader should know of who brought it about, where a commit cannot say it: a default, a reference, or that
    /// it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// Anything a reader should know of it: "the service never shows this field".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where the wanted value stands, or the nearest line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLine>,
}

impl FieldChange {
    /// A field without its values: they are to be filled in.
    pub fn new(path: impl Into<String>, op: Op) -> FieldChange {
        FieldChange {
            path: path.into(),
            op,
            from: None,
            to: None,
            origin: None,
            replaces: false,
            explanation: None,
            note: None,
            source: None,
        }
    }
}

/// What happens to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Add,
    Change,
    Remove,
}

/// Who brought a difference about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeOrigin {
    /// The manifest changed since the last apply.
    Manifest,
    /// The live object changed since the last apply.
    Drift,
    /// Both did.
    Both,
}

/// A line of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceLine {
    /// Relative to the repository, with forward slashes.
    pub file: String,
    pub line: usize,
    /// Whether it is only the line nearest to where the value would stand. Nobody is named for such a line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nearest: bool,
    /// Who wrote the line last, where git can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
}

/// A commit, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Commit {
    /// The first 12 characters of its id.
    pub id: String,
    pub author: String,
    /// The day, as `2024-05-01`.
    pub date: String,
    /// The first line of its message.
    pub summary: String,
}

/// Something that may not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Blocked {
    /// The guard that refuses it; `None` where none can be overridden. All but `decisions` and `restart` refuse the whole plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// What it is about; `None` when it is the whole plan (a guard).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// What was refused, and why.
    pub reason: String,
    /// The one line that would allow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Blocked {
    /// Something that may not be done to one resource.
    pub fn new(address: &Address, reason: impl Into<String>) -> Blocked {
        Blocked { guard: None, address: Some(address.clone()), reason: reason.into(), remedy: None }
    }

    /// A guard that refuses the whole plan.
    pub fn by_guard(guard: Guard, reason: impl Into<String>) -> Blocked {
        Blocked { guard: Some(guard), address: None, reason: reason.into(), remedy: None }
    }

    /// The same with the one line that would allow it.
    pub fn with_remedy(self, remedy: impl Into<String>) -> Blocked {
        Blocked { remedy: Some(remedy.into()), ..self }
    }
}

/// A limit on what one apply may do, or on from where. `--override` names one to go past it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// `guards.maxDeletes`.
    MaxDeletes,
    /// `guards.maxChangePercent`.
    MaxChangePercent,
    /// The target's `git.branch`.
    Branch,
    /// The target's `git.clean`.
    Clean,
    /// The target's `databricks.workspaceId`.
    Workspace,
    /// Nothing is to start at once that its manifest did not mean to start.
    RunNow,
    /// Nothing that a selection leaves out is to keep the id of what goes.
    Dangling,
    /// `guards.decisions`: no manifest is to become live in which a decision is open. It holds those changes, and no others.
    Decisions,
    /// Nothing that is taken over is to be restarted by that. It holds those changes, and no others.
    Restart,
}

impl Guard {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Guard::MaxDeletes => "max-deletes",
            Guard::MaxChangePercent => "max-change-percent",
            Guard::Branch => "branch",
            Guard::Clean => "clean",
            Guard::Workspace => "workspace",
            Guard::RunNow => "run-now",
            Guard::Dangling => "dangling",
            Guard::Decisions => "decisions",
            Guard::Restart => "restart",
        }
    }
}

/// Something worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Note {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    pub message: String,
}

impl Note {
    /// A note on one resource.
    pub fn new(address: &Address, message: impl Into<String>) -> Note {
        Note { address: Some(address.clone()), message: message.into() }
    }

    /// A note on the whole plan.
    pub fn general(message: impl Into<String>) -> Note {
        Note { address: None, message: message.into() }
    }
}

impl Plan {
    /// Whether an apply would do nothing and nothing is refused.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.blocked.is_empty()
    }

    /// How many of the objects that are taken over are changed by it, and do not only get marks.
    pub fn adopted_with_changes(&self) -> usize {
        self.changes.iter().filter(|change| change.action == Action::Adopt && change.has_differences()).count()
    }

    /// Whether all that is done is to put marks on objects that are taken over.
    pub fn only_marks(&self) -> bool {
        !self.changes.is_empty() && self.changes.iter().all(Change::only_marks)
    }

    /// How many changes of each sort there are.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            *match change.action {
                Action::Create => &mut counts.create,
                Action::Update => &mut counts.update,
                Action::Replace => &mut counts.replace,
                Action::Delete => &mut counts.delete,
                Action::Adopt => &mut counts.adopt,
                Action::Move => &mut counts.moved,
                Action::Release => &mut counts.other,
                Action::Mark => &mut counts.mark,
                Action::Terminate => &mut counts.terminate,
                Action::CutOver | Action::Rollback => &mut counts.cut_over,
                Action::Upload => &mut counts.upload,
                Action::Retire => &mut counts.retire,
                Action::Prune => &mut counts.prune,
            } += 1;
        }
        counts
    }
}
