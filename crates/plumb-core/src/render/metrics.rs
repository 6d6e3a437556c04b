//! Numbers for Prometheus' textfile collector.

use crate::plan::Plan;
use std::collections::BTreeMap;

/// What was measured of one look at a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// When it ended, in seconds since 1970.
    pub at: i64,
    /// How long reading and deciding took, in seconds.
    pub seconds: f64,
    /// Requests by system, repetitions included.
    pub requests: BTreeMap<String, u64>,
    /// The kinds that were looked at: one without drift has a 0.
    pub kinds: Vec<String>,
}

/// The metrics of a target in Prometheus' text format, in the order of their names. `drift` is the part of a plan that
/// is drift.
pub fn metrics(drift: &Plan, measured: &Measured) -> String {
    let target = label("target", &drift.target);
    let count = |kind: &String| drift.changes.iter().filter(|c| c.address.kind == *kind).count();
    let by_kind =
        measured.kinds.iter().map(|kind| (format!("{},{target}", label("kind", kind)), count(kind).to_string()));
    let by_system = measured.requests.iter().map(|(s, n)| (format!("{},{target}", label("system", s)), n.to_string()));
    let one = |value: String| vec![(target.clone(), value)];
    let mut out = String::new();
    for (name, help, values) in [
        ("plumb_drift_api_requests", "Requests that the last look took, repetitions included.", by_system.collect()),
        (
            "plumb_drift_last_success_timestamp_seconds",
            "When a look last ended well, in seconds since 1970.",
            one(measured.at.to_string()),
        ),
        (
            "plumb_drift_plan_seconds",
            "How long the last look took to read and to decide.",
            one(format!("{:.3}", measured.seconds)),
        ),
        (
            "plumb_drift_refused_resources",
            "Resources of which plumb could not decide.",
            one(drift.blocked.len().to_string()),
        ),
        ("plumb_drift_resources", "Resources that are not as git says.", by_kind.collect::<Vec<_>>()),
    ] {
        out.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
        for (labels, value) in values {
            out.push_str(&format!("{name}{{{labels}}} {value}\n"));
        }
    }
    out
}

/// `name="value"`, escaped as the text format asks.
fn label(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_whatever_a_name_holds() {
        assert_eq!(label("kind", "a\"b\\c\nd"), r#"kind="a\"b\\c\nd""#);
    }
}
