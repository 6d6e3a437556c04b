//! Numbers for Prometheus' textfile collector.

use crate::migrate::board::{Board, BoardRow};
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
    text(&[
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
    ])
}

/// The stage and the health of each pipeline: the stage's place among all (0: seen, 9: torn down), and 1 for the health that it
/// has.
pub fn board_metrics(board: &Board) -> String {
    let labels = |row: &BoardRow| {
        let wave = row.wave.as_deref().unwrap_or_default();
        format!("{},{},{}", label("pipeline", &row.name), label("target", &board.target), label("wave", wave))
    };
    let health =
        |row: &BoardRow| (format!("{},{}", label("health", row.health.state.word()), labels(row)), "1".to_owned());
    let stage = |row: &BoardRow| (labels(row), row.stage.ordinal().to_string());
    text(&[
        (
            "plumb_migration_health",
            "Which health a pipeline's migration has.",
            board.pipelines.iter().map(health).collect(),
        ),
        (
            "plumb_migration_last_success_timestamp_seconds",
            "As of when the board is, in seconds since 1970.",
            vec![(label("target", &board.target), board.at.as_second().to_string())],
        ),
        (
            "plumb_migration_stage",
            "How far a pipeline's migration is: 0 seen, 4 deployed, 6 parity, 7 cut over, 9 torn down.",
            board.pipelines.iter().map(stage).collect(),
        ),
    ])
}

/// A metric: its name, its help, and its values by labels.
type Metric<'a> = (&'a str, &'a str, Vec<(String, String)>);

fn text(metrics: &[Metric<'_>]) -> String {
    let mut out = String::new();
    for (name, help, values) in metrics {
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
