//! What came of an apply: a line for each change that a person should know of, and the counts.
//!
//! Nothing is said that is not known. "Nothing of it was done" stands only where the service refused in its own words, or
//! nothing left; what was sent and not answered so is said to be not known.

use super::{Level, counted};
use crate::plan::outcome::{ApplyOutcome, Ended};
use crate::plan::unknown;
use plumb_model::address::Address;

/// What is said of a change at the end of an apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub level: Level,
    pub text: String,
}

/// The lines of all changes, in the order of their addresses. Of what was done as wanted there is none; what had not its
/// turn is one line, however much it is.
pub fn lines(outcome: &ApplyOutcome) -> Vec<Said> {
    let mut lines: Vec<Said> =
        outcome.changes.iter().flat_map(|(address, ended)| of_change(outcome, address, ended)).collect();
    match outcome.count(|e| *e == Ended::NotStarted) {
        0 => {}
        count => {
            let text = format!(
                "{} not started; `plumb plan` shows what is left",
                counted(count, "change was", "changes were")
            );
            lines.push(Said { level: Level::Warning, text });
        }
    }
    lines
}

/// `17 done, 3 not known, 2 failed, 1 not started, 1 blocked`, and how many of those that were done could not be verified.
///
/// `blocked` says how many were refused before anything was sent.
pub fn counts(outcome: &ApplyOutcome, blocked: usize) -> String {
    let done = outcome.count(Ended::is_done);
    let unknown = outcome.count(|e| matches!(e, Ended::Unknown { .. }));
    let failed = outcome.count(|e| matches!(e, Ended::Failed { .. }));
    let stale = outcome.count(|e| matches!(e, Ended::Stale { .. }));
    let skipped = outcome.count(|e| matches!(e, Ended::Skipped { .. } | Ended::NotStarted));
    let unverified = outcome.count(|e| matches!(e, Ended::Done { unverified: Some(_), .. }));
    let mut line = format!("{done} done");
    if unverified > 0 {
        line.push_str(&format!(" ({unverified} could not be verified)"));
    }
    let rest = [(unknown, "not known"), (failed, "failed"), (stale, "stale"), (skipped, "not started")];
    for (number, what) in rest.into_iter().chain([(blocked, "blocked")]) {
        if number > 0 {
            line.push_str(&format!(", {number} {what}"));
        }
    }
    line
}

/// Why a change was not started that depends on another; `unknown` says that nobody knows whether that one was done.
pub fn held_by(because: &Address, unknown: bool) -> String {
    format!("{because} {}", if unknown { "is not known to be done" } else { "was not done" })
}

fn of_change(all: &ApplyOutcome, address: &Address, ended: &Ended) -> Vec<Said> {
    let warning = |text: String| Said { level: Level::Warning, text: format!("{address}: {text}") };
    match ended {
        Ended::Done { left, unverified, .. } => {
            let left = left.iter().map(|line| {
                if unknown::is_about(line) {
                    return warning(format!("the service accepted the change, but {line}"));
                }
                let path = line.split(": ").next().unwrap_or_default();
                warning(format!(
                    "the service accepted the change but {line}. If it never will be, add to \
                     `metadata.lifecycle.ignore`: {{path: \"{path}\", reason: \"…\"}}"
                ))
            });
            let unverified = unverified.iter().map(|why| {
                warning(format!(
                    "the service accepted the change, and it could not be verified that it is now as wanted: {why}"
                ))
            });
            left.chain(unverified).collect()
        }
        Ended::Skipped { .. } => error(all, ended).into_iter().map(warning).collect(),
        // All of them are one line.
        Ended::NotStarted => Vec::new(),
        Ended::Failed { .. } | Ended::Unknown { .. } | Ended::Stale { .. } => {
            let said = |text: String| Said { level: Level::Error, text: format!("{address}: {text}") };
            error(all, ended).into_iter().map(said).collect()
        }
    }
}

/// Why a change was not done, or is not known to be, and what of it was; `None` for one that was done.
pub fn error(all: &ApplyOutcome, ended: &Ended) -> Option<String> {
    Some(match ended {
        Ended::Done { .. } => return None,
        Ended::Failed { why, sent } => match sent.as_slice() {
            [] => format!("{why} (nothing of it was done)"),
            sent => format!("{why} (done so far: {})", sent.join(", ")),
        },
        Ended::Unknown { why, sent } => match sent.as_slice() {
            [] => format!("{why} (sent, and whether it was done is not known)"),
            sent => format!("{why} (sent, and whether it was done is not known; done before it: {})", sent.join(", ")),
        },
        Ended::Stale { differences, sent } => {
            let done = match sent.as_slice() {
                [] => "nothing was sent".to_owned(),
                sent => format!("it was not gone on with (done so far: {})", sent.join(", ")),
            };
            format!("it changed since the plan was made, so {done}: {}; plan again", differences.join("; "))
        }
        Ended::Skipped { because } => {
            let unknown = matches!(all.changes.get(because), Some(Ended::Unknown { .. }));
            format!("not started, because {}", held_by(because, unknown))
        }
        Ended::NotStarted => "not started".to_owned(),
    })
}

/// What to do about changes that are not known; `None` when all are.
pub fn hint(outcome: &ApplyOutcome) -> Option<String> {
    match outcome.count(|e| matches!(e, Ended::Unknown { .. })) {
        0 => None,
        count => Some(format!(
            "{} not known to be done or not: `plumb plan` shows what is live, and the next apply makes nothing twice",
            counted(count, "change is", "changes are")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(name: &str) -> Address {
        Address::try_from(format!("DatabricksJob/{name}")).unwrap()
    }

    fn of(ended: Vec<(&str, Ended)>) -> ApplyOutcome {
        ApplyOutcome { changes: ended.into_iter().map(|(name, ended)| (address(name), ended)).collect() }
    }

    #[test]
    fn nothing_is_said_that_is_not_known() {
        let post = || vec!["POST /x".to_owned()];
        let all = of(vec![
            ("a", Ended::Done { id: None, left: Vec::new(), unverified: None }),
            ("b", Ended::Done { id: None, left: Vec::new(), unverified: Some("GET /x: 500".into()) }),
            ("c", Ended::Failed { why: "POST /x: 400".into(), sent: Vec::new() }),
            ("d", Ended::Failed { why: "POST /y: 400".into(), sent: post() }),
            ("e", Ended::Unknown { why: "POST /x: 503".into(), sent: Vec::new() }),
            ("f", Ended::Unknown { why: "POST /y: 503".into(), sent: post() }),
            ("g", Ended::Skipped { because: address("c") }),
            ("h", Ended::Skipped { because: address("e") }),
            ("i", Ended::Stale { differences: vec!["name: it was 1, it is now 2".into()], sent: Vec::new() }),
            ("j", Ended::NotStarted),
            ("k", Ended::NotStarted),
        ]);
        let said: Vec<String> = lines(&all)
            .iter()
            .map(|said| format!("{}: {}", if said.level == Level::Error { "error" } else { "warning" }, said.text))
            .collect();
        assert_eq!(
            said,
            [
                "warning: DatabricksJob/b: the service accepted the change, and it could not be verified that it is now \
                 as wanted: GET /x: 500",
                "error: DatabricksJob/c: POST /x: 400 (nothing of it was done)",
                "error: DatabricksJob/d: POST /y: 400 (done so far: POST /x)",
                "error: DatabricksJob/e: POST /x: 503 (sent, and whether it was done is not known)",
                "error: DatabricksJob/f: POST /y: 503 (sent, and whether it was done is not known; done before it: \
                 POST /x)",
                "warning: DatabricksJob/g: not started, because DatabricksJob/c was not done",
                "warning: DatabricksJob/h: not started, because DatabricksJob/e is not known to be done",
                "error: DatabricksJob/i: it changed since the plan was made, so nothing was sent: name: it was 1, it is \
                 now 2; plan again",
                "warning: 2 changes were not started; `plumb plan` shows what is left",
            ]
        );
        let line = "2 done (1 could not be verified), 2 not known, 2 failed, 1 stale, 4 not started";
        assert_eq!(counts(&all, 0), line);
        assert_eq!(counts(&all, 2), format!("{line}, 2 blocked"));
        assert!(hint(&all).unwrap().starts_with("2 changes are not known"));
        assert_eq!(counts(&of(vec![]), 0), "0 done");
        assert_eq!(hint(&of(vec![])), None);
    }
}
