//! Teardown: what is done to something that others made, by what is true now.
//!
//! `active → marked → due → ended`. Marking writes tags and nothing else. Something is due when it is marked and every gate
//! holds. It is ended when it is due and `--allow-teardown` was given. No stage is skipped: what is not marked when a plan
//! is made is at most marked by it. What only looks marked ([`belief`]) is marked again, and its grace starts again.

pub mod belief;
pub mod compared;
pub mod evidence;
pub mod gates;
pub mod parity_status;
pub mod stages;
#[cfg(test)]
mod tests;

pub use crate::kinds::teardown::RunEnd;
pub use belief::{Belief, Commits};
pub use compared::{ComparedMigration, ComparedRules, ManifestRules};
pub use evidence::{Evidence, EvidenceFile};
pub use gates::{Clock, Gate, Known, Starts, Successor, gates, starts};
pub use parity_status::{
    MigrationStatus, ParityMigration, PeriodStatus, PeriodVerdict, parity_migrations, parity_status,
};

use crate::kinds::Owner;
use crate::kinds::old::{Marked, Old, TAG_BY, TAG_MARKED, TAG_NOT_BEFORE, marked_value, tag_value};
use crate::kinds::teardown_spec::{Outcome, TeardownSpec};
use jiff::civil::Date;
use plumb_model::address::Address;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// How far the teardown of something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Nothing was done to it.
    Active,
    /// It is marked, and waits.
    Marked,
    /// Every gate holds.
    Due,
}

/// A teardown that waits: of which thing, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PendingTeardown {
    /// `EmrCluster/legacy-audience/j-2A7Q4M1N9KPLF`.
    pub address: Address,
    pub id: String,
    /// What people call it.
    pub title: String,
    /// As the service says it: `WAITING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(rename = "rung")]
    pub stage: Stage,
    /// Every gate, in the order in which they are asked.
    pub gates: Vec<Gate>,
    /// What is done next, or has to be.
    pub next: String,
    /// When it was started and by whom, if that was after the day on which there were to be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<String>,
}

/// What is done to something old.
#[derive(Clone, Debug, PartialEq)]
pub enum TeardownStep {
    Nothing,
    /// These tags are set; those that are null are taken off.
    Tag {
        tags: Value,
        because: TagReason,
    },
    End,
}

/// Why tags are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagReason {
    /// It is to be terminated or deleted.
    Marked,
    /// What its mark says is no longer true.
    Amended,
    /// Its tags are not the mark of this.
    Foreign,
    /// It is to stay after all.
    Kept,
}

/// What a decision on one thing depends on.
pub struct TeardownQuestion<'a> {
    pub old: &'a Old,
    pub spec: &'a TeardownSpec,
    pub known: &'a Known,
    pub owner: &'a Owner,
    /// What its mark is to say of the manifest: `COMMIT12-HASH8`.
    pub rev: &'a str,
    /// Who asks.
    pub who: &'a str,
    pub clock: Clock,
    /// Whether such things have tags, and so can be marked.
    pub has_tags: bool,
    /// Whether what is due is ended: `--allow-teardown`.
    pub allow_teardown: bool,
    /// Which commits the repository has.
    pub commits: &'a Commits,
}

/// What is decided on one thing.
#[derive(Clone, Debug)]
pub struct TeardownDecision {
    pub stage: Stage,
    pub gates: Vec<Gate>,
    pub next: TeardownStep,
    /// The mark of somebody else is on it: nothing may be done.
    pub foreign: Option<Owner>,
    /// Why its mark does not count, or cannot be known to.
    pub doubt: Option<String>,
}

/// Decides what is done to one thing. The only place that says [`TeardownStep::End`].
pub fn decide(question: &TeardownQuestion<'_>) -> TeardownDecision {
    let TeardownQuestion { old, spec, known, clock, .. } = question;
    let mark = old.marked();
    if let Some(other) = mark.as_ref().map(|m| &m.mark.owner).filter(|owner| *owner != question.owner) {
        return TeardownDecision {
            stage: Stage::Active,
            gates: Vec::new(),
            next: TeardownStep::Nothing,
            foreign: Some(other.clone()),
            doubt: None,
        };
    }
    if spec.desired == Outcome::Keep {
        let next = match &mark {
            Some(_) => TeardownStep::Tag { tags: unmarked(old), because: TagReason::Kept },
            None => TeardownStep::Nothing,
        };
        let stage = if mark.is_some() { Stage::Marked } else { Stage::Active };
        return TeardownDecision { stage, gates: Vec::new(), next, foreign: None, doubt: None };
    }
    let rules = spec.gates();
    // Without a time there is nothing to believe: it is marked again in any case.
    let belief = mark.as_ref().and_then(|m| Some(belief::of(m, m.at?, old, clock.now, question.commits)));
    let counts = mark.as_ref().filter(|_| !matches!(belief, Some(Belief::Foreign(_))));
    let mut gates = gates(old, counts, question.has_tags, &rules, known, *clock);
    let doubt = match &belief {
        Some(Belief::Unknown(why) | Belief::Foreign(why)) => Some(why.clone()),
        Some(Belief::Ours) | None => None,
    };
    if let Some(why) = &doubt {
        gates.insert(0, Gate { name: "mark", holds: false, says: why.clone() });
    }
    let wanted = rules.not_before.as_deref().and_then(|day| day.parse::<Date>().ok());
    let (stage, next) = match &mark {
        None if question.has_tags => {
            (Stage::Active, TeardownStep::Tag { tags: marks(question, wanted), because: TagReason::Marked })
        }
        Some(_) if matches!(belief, Some(Belief::Foreign(_))) => {
            (Stage::Active, TeardownStep::Tag { tags: remarked(question, wanted), because: TagReason::Foreign })
        }
        // To correct such a mark would make it ours.
        Some(_) if doubt.is_some() => (Stage::Marked, TeardownStep::Nothing),
        Some(mark) if mark.at.is_none() || mark.not_before != wanted => {
            (Stage::Marked, TeardownStep::Tag { tags: amended(question, mark, wanted), because: TagReason::Amended })
        }
        _ if gates.iter().all(|gate| gate.holds) => {
            (Stage::Due, if question.allow_teardown { TeardownStep::End } else { TeardownStep::Nothing })
        }
        _ => (if mark.is_some() { Stage::Marked } else { Stage::Active }, TeardownStep::Nothing),
    };
    TeardownDecision { stage, gates, next, foreign: None, doubt }
}

fn marks(question: &TeardownQuestion<'_>, not_before: Option<Date>) -> Value {
    let mut tags = json!({
        "plumb": question.owner.to_string(),
        "plumb_rev": question.rev,
        TAG_MARKED: marked_value(question.clock.now, &question.old.id),
        TAG_BY: tag_value(question.who),
    });
    if let Some(day) = not_before {
        tags[TAG_NOT_BEFORE] = json!(day.to_string());
    }
    tags
}

/// The mark, corrected. When it was made stays, if that is known: otherwise the grace starts again.
fn amended(question: &TeardownQuestion<'_>, mark: &Marked, not_before: Option<Date>) -> Value {
    let mut tags = marks(question, not_before);
    if let (Some(map), Some(_)) = (tags.as_object_mut(), mark.at) {
        map.remove(TAG_MARKED);
        map.remove("plumb");
    }
    if not_before.is_none() && question.old.tags.contains_key(TAG_NOT_BEFORE) {
        tags[TAG_NOT_BEFORE] = Value::Null;
    }
    tags
}

/// The mark in place of tags that are not its: nothing of them is left.
fn remarked(question: &TeardownQuestion<'_>, not_before: Option<Date>) -> Value {
    let mut tags = unmarked(question.old);
    if let (Some(tags), Value::Object(new)) = (tags.as_object_mut(), marks(question, not_before)) {
        tags.extend(new);
    }
    tags
}

fn unmarked(old: &Old) -> Value {
    let is_mark = |key: &&String| *key == "plumb" || key.starts_with("plumb_");
    let off: Map<String, Value> = old.tags.keys().filter(is_mark).map(|key| (key.clone(), Value::Null)).collect();
    Value::Object(off)
}

/// What a change of something old is decided on: its tags where only those are written, and all of it where it ends.
pub fn basis(old: &Old, ends: bool) -> Value {
    if ends { json!(old) } else { json!([old.id, old.tags]) }
}

/// That something came back: when it was started and by whom, if that was on or after the day on which it may be taken
/// down.
pub fn returned(old: &Old, spec: &TeardownSpec) -> Option<String> {
    let day = spec.gates().not_before?.parse::<Date>().ok()?;
    let started = old.created?.to_zoned(jiff::tz::TimeZone::UTC).date();
    (spec.desired == Outcome::Teardown && started >= day).then(|| {
        let by = starter(old).map_or_else(String::new, |by| format!(" {by}"));
        format!("started {started}{by}, although there were to be none from {day} on")
    })
}

/// Who started it, as far as its tags say. EMR's own answers do not name anybody; CloudTrail's `RunJobFlow` events do.
fn starter(old: &Old) -> Option<String> {
    const NAMES: [&str; 8] =
        ["created-by", "created_by", "createdby", "creator", "launched-by", "owner", "dag_id", "airflow_dag_id"];
    let found = NAMES
        .iter()
        .find_map(|name| old.tags.iter().find(|(key, value)| key.to_ascii_lowercase() == *name && !value.is_empty()));
    let stack = || old.tags.get_key_value("aws:cloudformation:stack-name");
    found.or_else(stack).map(|(key, value)| format!("({key}: {value})"))
}
