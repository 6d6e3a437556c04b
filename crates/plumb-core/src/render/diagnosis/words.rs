//! What every form says in the same words.

use crate::diagnose::Diagnosis;
use crate::diagnose::result::{Confidence, EvidenceLine, ReadAccount, RetryAdvice, RunOutcome};
use crate::render::parity::thousands;
use jiff::{SignedDuration, Timestamp};

pub(super) fn confidence(of: Confidence) -> &'static str {
    match of {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    }
}

/// `failed on 2 Nov 2026, 04:51 UTC, after 2 h 38 min`.
pub(super) fn ended(diagnosis: &Diagnosis) -> String {
    let word = match diagnosis.outcome {
        RunOutcome::Failed => "failed",
        RunOutcome::Succeeded => "succeeded",
        RunOutcome::Running => return "is still running".to_owned(),
        RunOutcome::Unknown => return "ended, how is not known".to_owned(),
    };
    let mut out = word.to_owned();
    if let Some(end) = diagnosis.ended {
        out.push_str(&format!(" on {}", moment(end)));
    }
    if let (Some(start), Some(end)) = (diagnosis.started, diagnosis.ended)
        && end >= start
    {
        out.push_str(&format!(", after {}", length(end.duration_since(start))));
    }
    out
}

/// `2 Nov 2026, 04:51 UTC`.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// `2 h 38 min`, `4 min`, `12 s`.
pub(super) fn length(of: SignedDuration) -> String {
    let seconds = of.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}

/// `(run 88120, for 2026-10)`.
pub(super) fn ids(diagnosis: &Diagnosis) -> Option<String> {
    let run = diagnosis.run.as_ref().filter(|run| **run != diagnosis.name).map(|run| format!("run {run}"));
    let period = diagnosis.period.as_ref().map(|period| format!("for {period}"));
    let parts: Vec<String> = run.into_iter().chain(period).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `driver.log:48210`, `api/clusters/events`.
pub(super) fn place(line: &EvidenceLine) -> String {
    match line.line {
        Some(number) => format!("{}:{number}", line.file),
        None => line.file.clone(),
    }
}

pub(super) fn retry(of: RetryAdvice) -> &'static str {
    match of {
        RetryAdvice::Never => "does not help: it fails again until something is changed",
        RetryAdvice::Now => "may help: what failed was a machine",
        RetryAdvice::Backoff => "may help later",
        RetryAdvice::Bigger => "helps with more memory or disk only",
    }
}

/// `1 run, 3 tasks, 41 events, 6.2 MB of logs in 12 files, 31 requests`.
pub(super) fn read(account: &ReadAccount) -> String {
    let mut parts = Vec::new();
    let mut add = |count: u64, one: &str, many: &str| {
        if count > 0 {
            parts.push(format!("{} {}", thousands(count), if count == 1 { one } else { many }));
        }
    };
    add(account.runs, "run", "runs");
    add(account.tasks, "task", "tasks");
    add(account.events, "event", "events");
    add(account.requests, "request", "requests");
    if account.files > 0 {
        let files = if account.files == 1 { "file" } else { "files" };
        parts.push(format!("{} of logs in {} {files}", size(account.bytes), thousands(account.files)));
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

/// `6.2 MB`, `800 bytes`.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit / (unit / 10)),
        None => format!("{bytes} bytes"),
    }
}

/// `spot reclaim → node lost → fetch failures`.
pub(super) fn chain(diagnosis: &Diagnosis) -> Option<String> {
    let words: Vec<&str> = diagnosis.chain.iter().map(|link| link.words.as_str()).collect();
    (words.len() > 1).then(|| words.join(" → "))
}

/// Why there is no cause.
pub(super) fn without_cause(diagnosis: &Diagnosis) -> &'static str {
    match diagnosis.outcome {
        RunOutcome::Succeeded => "none: the run succeeded",
        RunOutcome::Running => "none yet: the run is still going",
        _ if diagnosis.look_at.is_empty() => "not known: nothing that was read says why",
        _ => "not known: what was read says that it failed, and not why",
    }
}

/// `and 2 attempts before it failed too`.
pub(super) fn attempts(diagnosis: &Diagnosis) -> Option<String> {
    match diagnosis.attempts_before {
        0 => None,
        1 => Some("one attempt before it failed too".to_owned()),
        n => Some(format!("{n} attempts before it failed too")),
    }
}
