//! Who brought a difference about: the manifest as it was, beside the one that is wanted and what is live.

use super::Origin;
use super::compare::masked_alike;
use plumb_model::schema::{self, Path, Rules};
use serde_json::Value;

/// What a manifest was.
pub(super) struct Was {
    pub spec: Value,
    /// Whether it is what the mark's commit has. A write of what stands apart (a resize, a grant) leaves the mark as it
    /// was: where the manifest changed since that commit, it cannot be told whether the change was applied before.
    pub by_mark: bool,
}

impl Was {
    /// Who brought a difference about; `None` where it cannot be told.
    pub fn origin(&self, rules: &Rules, path: &Path, want: &Value, live: &Value) -> Option<Origin> {
        let at = |spec: &Value| schema::find(rules, spec, path).cloned();
        let (base, want, live) = (at(&self.spec), at(want), at(live));
        // What the service masks, and what was a secret that is not known any more, is taken for what it was: nobody can
        // tell.
        let live = match (&base, live) {
            (Some(base), Some(live)) if masked_alike(base, &live) || masked_alike(&live, base) => Some(base.clone()),
            (_, live) => live,
        };
        let apart = match path.0.first() {
            Some(schema::Segment::Key(member)) => self.by_mark && is_apart(rules, member),
            _ => false,
        };
        match () {
            () if want == base && live != base && !(apart && base.is_none()) => Some(Origin::Drift),
            () if apart => None,
            () if live == base => Some(Origin::Manifest),
            () => Some(Origin::Both),
        }
    }
}

/// Whether a member of a spec is written by calls of its own, and so is not in the mark's hash.
pub(super) fn is_apart(rules: &Rules, member: &str) -> bool {
    match &rules.root.shape {
        schema::Shape::Object(object) => rules.of(*object).members.get(member).is_some_and(|f| f.rule.apart),
        _ => false,
    }
}
