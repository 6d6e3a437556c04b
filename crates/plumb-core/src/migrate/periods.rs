//! Which periods both sides of a migration finished, which of them were found equal, and since when that is enough.

use crate::cost::facts::{KeptRuns, RunResult, RunSide};
use crate::kinds::emr::migration::MigrationSpec;
use crate::teardown::{MigrationStatus, PeriodVerdict};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What is known of a migration's periods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeriodsSeen {
    /// The periods that both sides finished well, and when the later of them did, where that is known.
    pub parallel: BTreeMap<String, Option<Timestamp>>,
    /// How many of the last periods were found equal, one after the other.
    pub equal: usize,
    /// How many have to be.
    pub wanted: usize,
    /// When there were as many as wanted.
    pub enough: Option<Timestamp>,
    /// When the last of the equal ones was compared.
    pub last_equal: Option<Timestamp>,
    /// The newest period that was compared and is not equal, and how it stands.
    pub broken: Option<(String, PeriodVerdict)>,
    /// Whether any run of it is kept.
    pub has_runs: bool,
}

impl PeriodsSeen {
    /// Whether as many periods are equal as wanted.
    pub fn is_enough(&self) -> bool {
        self.equal >= self.wanted
    }

    /// When the first period was finished by both.
    pub fn first_parallel(&self) -> Option<Timestamp> {
        self.parallel.values().flatten().min().copied()
    }
}

/// How many periods a migration wants to be equal: what it says, what a teardown of what it leaves waits for, or 1.
pub fn wanted(spec: &MigrationSpec, status: Option<&MigrationStatus>) -> usize {
    let own = spec.requires.as_ref().and_then(|requires| Some(requires.parity.as_ref()?.passes));
    let gates = || status.into_iter().flat_map(|status| &status.gates).map(|gate| gate.passes).max();
    usize::try_from(own.or_else(gates).unwrap_or(1)).unwrap_or(usize::MAX)
}

/// Looks at the periods of a migration: its kept runs, which are of one target, and its comparisons. What both wrote and was
/// found equal, both finished, whether or not runs were kept.
pub fn periods_seen(wanted: usize, kept: &[KeptRuns], status: Option<&MigrationStatus>) -> PeriodsSeen {
    let mut seen =
        PeriodsSeen { wanted, has_runs: kept.iter().any(|one| !one.runs.is_empty()), ..PeriodsSeen::default() };
    for one in kept {
        let good = |side: RunSide| {
            one.runs
                .iter()
                .filter(move |run| run.side == side && run.outcome == RunResult::Succeeded)
                .map(|run| run.ended)
        };
        // The first good run of each is what finished it.
        let first = |side| good(side).min_by_key(|ended| ended.unwrap_or(Timestamp::MAX));
        if let (Some(old), Some(new)) = (first(RunSide::Old), first(RunSide::New)) {
            seen.parallel.insert(one.period.clone(), old.zip(new).map(|(old, new)| old.max(new)));
        }
    }
    let Some(status) = status else { return seen };
    for period in status.periods.iter().filter(|period| period.state == PeriodVerdict::Equal) {
        seen.parallel.entry(period.period.clone()).or_insert(period.checked_at);
    }
    seen.equal = status.passes;
    let is_other = |state| !matches!(state, PeriodVerdict::Equal | PeriodVerdict::Missing);
    let broken = status.periods.iter().rev().find(|period| is_other(period.state));
    seen.broken = broken.map(|period| (period.period.clone(), period.state));
    let equal = status.periods.iter().filter(|period| period.state == PeriodVerdict::Equal);
    let mut at: Vec<Timestamp> = equal.rev().take(status.passes).filter_map(|period| period.checked_at).collect();
    at.sort_unstable();
    seen.last_equal = at.last().copied();
    seen.enough = at.get(wanted.saturating_sub(1)).copied().filter(|_| seen.is_enough());
    seen
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cost::facts::RUNS_FORMAT;
    use crate::teardown::PeriodStatus;
    use serde_json::json;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + day * 86_400).unwrap()
    }

    fn kept(period: &str, runs: &[(&str, &str, i64)]) -> KeptRuns {
        let one = |(side, outcome, day): &(&str, &str, i64)| {
            json!({"side": side, "system": "emr", "id": day.to_string(), "name": "a", "trigger": "scheduled",
                "outcome": outcome, "ended": at(*day).to_string()})
        };
        let runs: Vec<_> = runs.iter().map(one).collect();
        let whole = json!({"format": RUNS_FORMAT, "target": "prod", "migration": "a", "period": period, "runs": runs});
        serde_json::from_value(whole).unwrap()
    }

    fn status(periods: &[(&str, PeriodVerdict, i64)], passes: usize) -> MigrationStatus {
        let one = |(period, state, day): &(&str, PeriodVerdict, i64)| PeriodStatus {
            period: (*period).to_owned(),
            state: *state,
            equal: 0,
            outputs: 0,
            checked_at: Some(at(*day)),
            says: String::new(),
        };
        let periods = periods.iter().map(one).collect();
        MigrationStatus { migration: "a".into(), passes, gates: Vec::new(), periods }
    }

    #[test]
    fn a_period_is_parallel_once_both_sides_finished_it() {
        let a = kept(
            "2026-08",
            &[("old", "failed", 1), ("old", "succeeded", 2), ("new", "succeeded", 3), ("new", "succeeded", 9)],
        );
        let b = kept("2026-09", &[("old", "succeeded", 4), ("new", "failed", 5)]);
        let seen = periods_seen(3, &[a, b.clone()], None);
        assert_eq!(seen.parallel, [("2026-08".to_owned(), Some(at(3)))].into());
        assert_eq!((seen.equal, seen.is_enough(), seen.first_parallel(), seen.has_runs), (0, false, Some(at(3)), true));
        let compared = status(&[("2026-09", PeriodVerdict::Equal, 7)], 1);
        assert_eq!(periods_seen(3, &[b], Some(&compared)).parallel, [("2026-09".to_owned(), Some(at(7)))].into());
    }

    #[test]
    fn parity_is_reached_with_the_last_of_those_that_are_wanted() {
        use PeriodVerdict::{Differs, Equal};
        let all = [
            ("2026-05", Equal, 1),
            ("2026-06", Differs, 2),
            ("2026-07", Equal, 3),
            ("2026-08", Equal, 8),
            ("2026-09", Equal, 5),
        ];
        let of = |wanted| periods_seen(wanted, &[], Some(&status(&all, 3)));
        assert_eq!((of(2).enough, of(3).enough, of(4).enough), (Some(at(5)), Some(at(8)), None));
        assert_eq!((of(4).last_equal, of(4).equal), (Some(at(8)), 3));
        assert_eq!(of(1).broken, Some(("2026-06".into(), Differs)));
    }
}
