//! How long an apply takes, at least: its requests at the rates that the services are sent.
//!
//! For reading only: it is no part of any digest, and decides nothing.

use super::Change;
use plumb_model::call::{Call, System};
use plumb_model::limits::Pace;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A plan whose apply takes no longer has no estimate: nobody waits for it.
const SHORT: f64 = 60.0;

/// How long an apply takes, at the rate of the calls that take longest.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Estimate {
    pub seconds: u64,
    /// What the calls are: "creates of jobs".
    pub calls: String,
    /// How many of them there are.
    pub count: usize,
    /// How many are sent a second.
    pub per_second: f64,
}

/// Estimates an apply. `pace` says how fast each system is sent requests. `None` where it takes a minute or less, or nothing
/// limits it.
///
/// Calls of different families go side by side, so the family that takes longest counts. Beside its calls each change of an
/// object that exists reads it once, just before. Clusters that are waited for are not in it.
pub fn estimate(changes: &[Change], pace: impl Fn(System) -> Pace) -> Option<Estimate> {
    let mut families: BTreeMap<(System, &str), (usize, f64)> = BTreeMap::new();
    let mut count = |call: &Call| {
        if let Some((family, rate)) = pace(call.system).rate(call) {
            families.entry((call.system, family)).or_insert((0, rate)).0 += 1;
        }
    };
    for change in changes {
        change.calls.heads().for_each(&mut count);
        if let (Some(_), Some(call)) = (&change.id, change.calls.heads().next()) {
            count(&Call::get(call.system, "/"));
        }
    }
    let lasting = |(count, rate): (usize, f64)| count as f64 / rate;
    let longest = families.into_iter().max_by(|(_, a), (_, b)| lasting(*a).total_cmp(&lasting(*b)))?;
    let ((_, calls), (count, per_second)) = longest;
    let seconds = lasting((count, per_second));
    (seconds > SHORT).then(|| Estimate { seconds: seconds.ceil() as u64, calls: calls.to_owned(), count, per_second })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;
    use plumb_model::address::Address;
    use plumb_model::call::Method;
    use serde_json::Value;

    fn changes(count: usize, id: Option<&str>, calls: &[Call]) -> Vec<Change> {
        let address = |n: usize| Address { kind: "DatabricksJob".into(), name: format!("j{n}") };
        let one = |n| Change {
            id: id.map(str::to_owned),
            calls: calls.to_vec().into(),
            ..Change::new(address(n), if id.is_some() { Action::Update } else { Action::Create })
        };
        (0..count).map(one).collect()
    }

    fn create() -> Call {
        Call::create(System::Databricks, "/api/2.2/jobs/create", Value::Null, "/job_id")
    }

    fn write(path: &str, method: Method) -> Call {
        Call::set(System::Databricks, method, path, Value::Null)
    }

    fn normal(_: System) -> Pace {
        Pace::Normal
    }

    #[test]
    fn ten_thousand_creates_take_as_long_as_the_documentation_makes_them() {
        let plan = changes(10_000, None, &[create()]);
        let wanted = Estimate { seconds: 500, calls: "creates of jobs".into(), count: 10_000, per_second: 20.0 };
        assert_eq!(estimate(&plan, normal), Some(wanted));
        assert_eq!(estimate(&plan, |_| Pace::None), None);
        let slow = estimate(&plan, |_| Pace::PerSecond(10.0)).unwrap();
        assert_eq!((slow.seconds, slow.calls.as_str()), (1_000, "requests"));
    }

    #[test]
    fn a_minute_or_less_is_worth_no_line() {
        let of = |count: usize| estimate(&changes(count, None, &[create()]), normal);
        assert_eq!((of(0), of(1), of(1_200)), (None, None, None));
        assert_eq!(of(1_201).map(|estimate| estimate.seconds), Some(61));
    }

    #[test]
    fn the_family_that_takes_longest_counts_and_each_object_is_read_before() {
        let permissions = write("/api/2.0/permissions/jobs/1", Method::Put);
        let calls = [write("/api/2.2/jobs/reset", Method::Post), permissions.clone(), permissions];
        let plan = changes(3_000, Some("1"), &calls);
        let found = estimate(&plan, normal).unwrap();
        // 6,000 at 30 a second, and not 3,000 at 20.
        assert_eq!((found.seconds, found.calls.as_str(), found.count), (200, "writes of permissions", 6_000));
        let all = estimate(&plan, |_| Pace::PerSecond(100.0)).unwrap();
        assert_eq!((all.seconds, all.count), (120, 12_000), "the read as well");
    }
}
