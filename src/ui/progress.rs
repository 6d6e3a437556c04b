//! How far a reading or an apply has got.

use super::escape::seconds;
use plumb_core::kinds::teardown::ending;
use plumb_core::plan::Action;
use plumb_core::render::counted;
use plumb_model::address::Address;
use std::time::Duration;

/// A change that is being carried out.
#[derive(Clone, Copy, Debug)]
pub struct ChangeStep<'a> {
    pub address: &'a Address,
    pub action: Action,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was done, in that time.
    Done(Duration),
    /// It failed after that time. An empty reason is said elsewhere.
    Failed { why: String, after: Duration },
    /// It was sent, and after that time it is not known whether it was done. Why is said elsewhere.
    Unknown { after: Duration },
    /// It was not started: something that it depends on failed, or the user interrupted.
    Skipped { why: String },
}

/// Hears how far things have got. Called from many tasks at once.
pub trait Progress: Send + Sync {
    /// A page of a listing was read, with so many objects.
    fn page(&self, _objects: usize) {}
    /// A listing was read, with so many objects.
    fn listed(&self, _objects: usize) {}
    /// So many requests were sent so far, each page and each repetition counted. Told now and then, and at the end.
    fn requests(&self, _sent: u64) {}
    /// All is read.
    fn read(&self, _took: Duration) {}
    /// So many changes will be carried out.
    fn total(&self, _changes: usize) {}
    /// A change is begun.
    fn started(&self, _step: ChangeStep<'_>) {}
    /// A change waits: "it is PENDING". Told at each look.
    fn waiting(&self, _step: ChangeStep<'_>, _what: &str) {}
    /// A change is done, has failed, or is skipped.
    fn ended(&self, _step: ChangeStep<'_>, _end: &End) {}
    /// So many objects that were written are looked at together: "340 jobs".
    fn verifying(&self, _what: &str) {}
    /// Nothing more will come.
    fn finished(&self) {}
}

/// Says nothing.
pub struct Silent;

impl Progress for Silent {}

/// `creating DatabricksJob/x`.
pub(super) fn doing(step: ChangeStep<'_>) -> String {
    let verb = match step.action {
        Action::Create => "creating",
        Action::Update => "updating",
        Action::Replace => "replacing",
        Action::Delete => "deleting",
        Action::Adopt => "adopting",
        Action::Move => "moving",
        Action::Release => "releasing",
        Action::Mark => "marking",
        Action::CutOver => "cutting over",
        Action::Rollback => "rolling back",
        Action::Upload => "uploading",
        Action::Retire => "retiring",
        Action::Prune => "pruning",
        Action::Terminate => ending(&step.address.kind).doing(),
    };
    format!("{verb} {}", step.address)
}

/// `creating DatabricksJob/x: waiting: it is PENDING`, `uploading Code/3f2a…: 120 of 500 files`.
pub(super) fn stands(step: ChangeStep<'_>, what: &str) -> String {
    match step.action {
        // It does not wait, it has much to do.
        Action::Upload => format!("{}: {what}", doing(step)),
        _ => format!("{}: waiting: {what}", doing(step)),
    }
}

/// `created DatabricksJob/x in 0.4 s`, or why not.
pub(super) fn did(step: ChangeStep<'_>, end: &End) -> String {
    let verb = match step.action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        Action::Adopt => "adopted",
        Action::Move => "moved",
        Action::Release => "released",
        Action::Mark => "marked",
        Action::CutOver => "cut over",
        Action::Rollback => "rolled back",
        Action::Upload => "uploaded",
        Action::Retire => "retired",
        Action::Prune => "pruned",
        Action::Terminate => ending(&step.address.kind).done(),
    };
    match end {
        End::Done(took) => format!("{verb} {} in {}", step.address, seconds(*took)),
        End::Failed { why, after } if why.is_empty() => format!("failed {} after {}", doing(step), seconds(*after)),
        End::Failed { why, after } => format!("failed {} after {}: {why}", doing(step), seconds(*after)),
        End::Unknown { after } => {
            format!("{}: sent, and after {} not known whether it was done", doing(step), seconds(*after))
        }
        End::Skipped { why } => format!("skipped {}: {why}", doing(step)),
    }
}

/// What was read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReadCounts {
    pub requests: u64,
    /// In listings that were read to their ends.
    pub objects: usize,
    pub pages: usize,
    /// On the pages that were read.
    pub on_pages: usize,
}

impl ReadCounts {
    /// Adds a page with so many objects.
    pub fn page(&mut self, objects: usize) {
        self.pages += 1;
        self.on_pages += objects;
    }

    /// `340 objects with 12 requests`.
    pub fn line(self) -> String {
        format!("{} with {}", counted(self.objects, "object", "objects"), self.sent())
    }

    /// `340 objects on 4 pages with 12 requests`: while listings are still under way.
    pub fn so_far(self) -> String {
        if self.pages == 0 {
            return self.line();
        }
        let objects = counted(self.objects.max(self.on_pages), "object", "objects");
        format!("{objects} on {} with {}", counted(self.pages, "page", "pages"), self.sent())
    }

    fn sent(self) -> String {
        counted(usize::try_from(self.requests).unwrap_or(usize::MAX), "request", "requests")
    }
}
