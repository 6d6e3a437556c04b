//! The gates before a teardown: each holds or does not, and says why.

use super::compared::{ComparedMigration, compared};
use super::evidence::Evidence;
use crate::kinds::old::{Marked, Old};
use crate::kinds::teardown::{RunEnd, StarterKind};
use crate::kinds::teardown_spec::{Teardown, grace_seconds};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// Something that has to hold before a teardown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gate {
    /// `date`, `grace`, `successors`, `parity`, `dags`, `busy`, …
    pub name: &'static str,
    pub holds: bool,
    /// What holds, or what is missing and when it will be there.
    pub says: String,
}

/// What the gates of one manifest look at, apart from the thing itself. Nothing else decides whether they hold.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The jobs that took over.
    pub successors: Vec<Successor>,
    /// The DAGs that are to start nothing.
    pub dags: Vec<(String, Starts)>,
    /// The migrations that name the manifest.
    pub migrations: Vec<ComparedMigration>,
    pub evidence: Arc<Evidence>,
    /// What has to go first, each in a few words. `None`: nothing has to.
    pub before: Option<Vec<String>>,
    /// `metadata.lifecycle.protect`.
    pub protect: bool,
}

/// A job that took over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Successor {
    /// `DatabricksJob/audience-cleanse`.
    pub address: String,
    /// How its last runs ended, the newest first; `None` when it is not live, or its runs were not read.
    pub runs: Option<Vec<RunEnd>>,
    /// Why its runs could not be read.
    pub unread: Option<String>,
}

/// Whether a DAG starts runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starts {
    Paused,
    /// Airflow does not have it.
    Gone,
    Runs,
    /// It was not read; why.
    Unknown(String),
}

/// Whether something starts runs, by what its manifest wants and by what is live. What the same apply may do to it counts as
/// well: it ends things too.
pub fn starts(kind: &dyn StarterKind, wanted: &Value, live: Option<&Value>, is_external: bool) -> Starts {
    let switched_on = kind.is_paused(wanted) == Some(false);
    match live.map(|live| kind.is_paused(live)) {
        None | Some(Some(true)) if switched_on => {
            Starts::Unknown("its manifest does not have `paused: true`, so an apply switches it on".into())
        }
        // A mistyped id must not read as gone: whoever took the DAG away can take it out of the gate as well.
        None if is_external => {
            Starts::Unknown("Airflow has no DAG of its `dag_id`: fix that, or take it out of `dagPaused`".into())
        }
        None => Starts::Gone,
        Some(Some(true)) => Starts::Paused,
        Some(Some(false)) => Starts::Runs,
        Some(None) => Starts::Unknown("Airflow does not say whether it is paused".into()),
    }
}

/// What an instant is measured by.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The day, in UTC.
    pub today: Date,
    pub now: Timestamp,
}

impl Clock {
    /// That of an instant.
    pub fn at(now: Timestamp) -> Clock {
        Clock { today: now.to_zoned(jiff::tz::TimeZone::UTC).date(), now }
    }
}

/// Every gate of a teardown, in the order in which they are asked.
pub fn gates(
    old: &Old,
    marked: Option<&Marked>,
    has_tags: bool,
    rules: &Teardown,
    known: &Known,
    clock: Clock,
) -> Vec<Gate> {
    let mut gates = Vec::new();
    let mut gate = |name: &'static str, holds: bool, says: String| gates.push(Gate { name, holds, says });
    if known.protect {
        gate("protect", false, "its manifest has `metadata.lifecycle.protect`".into());
    }
    let (holds, says) = date(rules, marked, clock);
    gate("date", holds, says);
    if has_tags {
        let (holds, says) = grace(rules, marked, clock);
        gate("grace", holds, says);
    }
    let requires = rules.requires.clone().unwrap_or_default();
    for successor in &known.successors {
        let (holds, says) = green(successor, requires.green_runs.unwrap_or(0));
        gate("successors", holds, says);
    }
    for (dag, starts) in &known.dags {
        let (holds, says) = match starts {
            Starts::Paused => (true, format!("{dag} is paused")),
            Starts::Gone => (true, format!("{dag} is not in Airflow any more")),
            Starts::Runs => (false, format!("{dag} is not paused and may start clusters")),
            Starts::Unknown(why) => (false, format!("{dag}: {why}")),
        };
        gate("dags", holds, says);
    }
    if let Some(parity) = requires.parity.as_ref().filter(|parity| parity.passes > 0) {
        let (holds, says) = compared(parity, &known.migrations, &known.evidence, clock.now);
        gate("parity", holds, says);
    }
    if let Some(before) = &known.before {
        if before.is_empty() {
            gate("order", true, "nothing has to go first".into());
        } else {
            gate("order", false, format!("has to go first: {}", before.join(", ")));
        }
    }
    if old.busy.is_empty() {
        gate("busy", true, "nothing runs".into());
    } else {
        gate("busy", false, old.busy.join(", "));
    }
    gates
}

fn date(rules: &Teardown, marked: Option<&Marked>, clock: Clock) -> (bool, String) {
    let manifest = rules.not_before.as_deref().and_then(|day| day.parse::<Date>().ok());
    // What people read on the cluster is a promise: the later day counts.
    let day = manifest.max(marked.and_then(|m| m.not_before));
    match day {
        None => (false, "no `notBefore` is set".into()),
        Some(day) if day > clock.today => (false, format!("not before {day}")),
        Some(day) => (manifest.is_some(), format!("not before {day}, reached")),
    }
}

fn grace(rules: &Teardown, marked: Option<&Marked>, clock: Clock) -> (bool, String) {
    let Some(marked) = marked else { return (false, "it is not marked yet".into()) };
    let Some(at) = marked.at else {
        return (false, "the tag that says when it was marked is gone or no time".into());
    };
    let text = rules.grace.as_deref().unwrap_or("0d");
    let Some(wait) = grace_seconds(text).and_then(|s| i64::try_from(s).ok()).map(SignedDuration::from_secs) else {
        return (false, format!("`{text}` is no duration"));
    };
    let Ok(over) = at.checked_add(wait) else { return (false, format!("`{text}` is too long")) };
    let day = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC").to_string();
    if at > clock.now {
        (false, format!("it was marked in the future, {}", day(at)))
    } else if over > clock.now {
        (false, format!("{text} from {} end {}", day(at), day(over)))
    } else if wait.is_zero() {
        (true, format!("marked {}, and no grace is wanted", day(at)))
    } else {
        (true, format!("marked {}, {text} ago or longer", day(at)))
    }
}

/// Whether a job's last runs ended well, so many one after the other.
pub fn green(successor: &Successor, wanted: u32) -> (bool, String) {
    let address = &successor.address;
    if let Some(why) = &successor.unread {
        return (false, format!("how the runs of {address} ended is not known: {why}"));
    }
    let Some(runs) = &successor.runs else { return (false, format!("{address} is not live")) };
    let wanted = wanted as usize;
    if wanted == 0 {
        return (true, format!("{address} is live"));
    }
    let green = runs.iter().take_while(|run| run.green).count();
    let broken = runs.iter().take(wanted).find(|run| !run.green);
    let s = if wanted == 1 { "" } else { "s" };
    match broken {
        _ if green >= wanted => (true, format!("{address}: its last {wanted} run{s} ended well")),
        Some(run) => {
            let after = if green == 1 { "1 good run".to_owned() } else { format!("{green} good runs") };
            (false, format!("{address}: {after} of {wanted}, since run {} ended {}", run.id, run.result))
        }
        None => (false, format!("{address}: {green} of {wanted} run{s} so far")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kinds::{Mark, Owner};
    use plumb_model::address::Address;

    #[test]
    fn runs_that_could_not_be_read_hold_nothing() {
        let ended = |green| RunEnd { id: "1".into(), green, result: "SUCCESS".into() };
        let of = |runs: Option<Vec<RunEnd>>, unread: Option<&str>| {
            let successor = Successor { address: "DatabricksJob/a".into(), runs, unread: unread.map(str::to_owned) };
            green(&successor, 1)
        };
        assert_eq!(of(Some(vec![ended(true)]), None), (true, "DatabricksJob/a: its last 1 run ended well".into()));
        assert_eq!(of(None, None), (false, "DatabricksJob/a is not live".into()));
        let says = "how the runs of DatabricksJob/a ended is not known: refused";
        assert_eq!(of(None, Some("refused")), (false, says.into()));
    }

    #[test]
    fn the_grace_counts_from_a_mark_of_the_past() {
        let clock = Clock::at("2024-06-15T12:00:00Z".parse().unwrap());
        let address = Address { kind: "EmrCluster".into(), name: "legacy".into() };
        let owner = Owner { project: "bau".into(), target: "prod".into(), address };
        let holds = |at: &str, text: Option<&str>| {
            let mark = Mark { owner: owner.clone(), rev: None, protect: false, force_destroy: false };
            let marked = Marked { mark, at: at.parse().ok(), of: None, by: None, not_before: None };
            let rules = Teardown { grace: text.map(str::to_owned), ..Teardown::default() };
            grace(&rules, Some(&marked), clock).0
        };
        for (at, grace, wanted) in [
            ("2024-06-15T12:00:00Z", Some("0d"), true),
            ("2024-06-15T12:00:00Z", None, true),
            // In the future, by however little: with no grace there is nothing else to wait for.
            ("2024-06-15T12:00:01Z", Some("0d"), false),
            ("2024-06-15T12:00:01Z", None, false),
            ("2024-07-15T12:00:00Z", Some("0d"), false),
            ("2024-06-14T12:00:00Z", Some("1d"), true),
            ("2024-06-14T12:00:01Z", Some("1d"), false),
            ("2024-06-01T12:00:00Z", Some("14d"), true),
            ("no time", Some("0d"), false),
            ("2024-06-01T12:00:00Z", Some("soon"), false),
            ("2024-06-01T12:00:00Z", Some("99999999999d"), false),
        ] {
            assert_eq!(holds(at, grace), wanted, "{at} {grace:?}");
        }
        assert!(!grace(&Teardown::default(), None, clock).0, "what is not marked waits");
    }

    fn marked(not_before: Option<&str>) -> Marked {
        let address = Address { kind: "EmrCluster".into(), name: "legacy".into() };
        let owner = Owner { project: "bau".into(), target: "prod".into(), address };
        let mark = Mark { owner, rev: None, protect: false, force_destroy: false };
        let not_before = not_before.map(|day| day.parse().unwrap());
        Marked { mark, at: "2024-05-01T12:00:00Z".parse().ok(), of: None, by: None, not_before }
    }

    #[test]
    fn of_two_days_the_later_one_counts() {
        let at = |text: &str| Clock::at(text.parse().unwrap());
        let noon = at("2024-06-15T12:00:00Z");
        for (manifest, tag, clock, wanted) in [
            (Some("2024-06-15"), Some("2024-06-15"), noon, true),
            (Some("2024-06-16"), Some("2024-06-16"), noon, false),
            (Some("2024-06-14"), None, noon, true),
            // What people read on the cluster is a promise, and so is what the manifest says now.
            (Some("2024-06-14"), Some("2024-06-16"), noon, false),
            (Some("2024-06-16"), Some("2024-06-14"), noon, false),
            // A day that only the tag has is nobody's wish any more.
            (None, Some("2024-06-14"), noon, false),
            (None, None, noon, false),
            (Some("soon"), Some("2024-06-14"), noon, false),
            // The day begins at midnight in UTC, wherever the machine stands.
            (Some("2024-06-15"), None, at("2024-06-14T23:59:59Z"), false),
            (Some("2024-06-15"), None, at("2024-06-15T00:00:00Z"), true),
            (Some("2024-06-15"), None, at("2024-06-14T20:00:00-05:00"), true),
        ] {
            let rules = Teardown { not_before: manifest.map(str::to_owned), ..Teardown::default() };
            assert_eq!(date(&rules, Some(&marked(tag)), clock).0, wanted, "{manifest:?} {tag:?} {clock:?}");
        }
    }

    #[test]
    fn what_has_to_go_first_holds_the_rest_up() {
        let clock = Clock::at("2024-06-15T12:00:00Z".parse().unwrap());
        let rules = Teardown { not_before: Some("2024-06-01".into()), ..Teardown::default() };
        for (before, wanted) in [
            (None, None),
            (Some(Vec::new()), Some(true)),
            (Some(vec!["j-1".to_owned()]), Some(false)),
            (Some(vec!["j-1".to_owned(), "j-2".to_owned()]), Some(false)),
        ] {
            let known = Known { before: before.clone(), ..Known::default() };
            // Of what has no tags no grace is wanted: it cannot be marked.
            let all = gates(&Old::default(), None, false, &rules, &known, clock);
            let order = all.iter().find(|gate| gate.name == "order");
            assert_eq!(order.map(|gate| gate.holds), wanted, "{before:?}");
            assert!(before.iter().flatten().all(|one| order.is_some_and(|gate| gate.says.contains(one.as_str()))));
            let names: Vec<&str> = all.iter().filter(|g| g.name != "order").map(|g| g.name).collect();
            assert_eq!(names, ["date", "busy"]);
        }
    }
}
