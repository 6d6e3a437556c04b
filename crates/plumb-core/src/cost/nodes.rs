//! Sums of nodes by type and market, with why their ends differ.

use super::facts::{Market, NodeSeconds};
use plumb_model::stats::Interval;
use std::collections::{BTreeMap, BTreeSet};

/// How long nodes of one type and market were there together.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeTotal {
    pub millis: Interval<u64>,
    pub why: BTreeSet<&'static str>,
}

/// The same of all types and markets.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeTotals(pub BTreeMap<(String, Market), NodeTotal>);

impl NodeTotals {
    /// Adds time, and why its ends differ if they do.
    pub fn add(&mut self, node_type: &str, market: Market, millis: Interval<u64>, why: &'static str) {
        let total = self.0.entry((node_type.to_owned(), market)).or_default();
        total.millis = Interval {
            low: total.millis.low.saturating_add(millis.low),
            high: total.millis.high.saturating_add(millis.high),
        };
        if !millis.is_exact() {
            total.why.insert(why);
        }
    }

    /// In seconds, without what was not there.
    pub fn listed(self) -> Vec<NodeSeconds> {
        let seconds = |millis: u64| millis.saturating_add(500) / 1000;
        let mut all = Vec::new();
        for ((node_type, market), total) in self.0 {
            let seconds = Interval { low: seconds(total.millis.low), high: seconds(total.millis.high) };
            let why = total.why.into_iter().collect::<Vec<_>>().join("; ");
            let why = Some(why).filter(|_| !seconds.is_exact());
            if seconds.high > 0 {
                all.push(NodeSeconds { node_type, market, seconds, why });
            }
        }
        all
    }
}
