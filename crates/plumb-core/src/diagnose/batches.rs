//! The steps of a cluster that are one run of a pipeline.

use crate::kinds::emr::api::time;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// How long after the end of a step another one still goes on with the same run.
const GAP: SignedDuration = SignedDuration::from_hours(6);

/// The steps of a cluster, as `ListSteps` tells them in any order, in the runs that they make, oldest first. A cluster that
/// lives for one run has all its steps in one; on a cluster that lives on, steps that were added long after the others ended are
/// another run, and so are those that were added after one failed: they try again.
pub fn batches(steps: &[Value]) -> Vec<Vec<&Value>> {
    let made = |step: &Value| time(step, "/Status/Timeline/CreationDateTime");
    let mut ordered: Vec<&Value> = steps.iter().collect();
    ordered.sort_by_key(|step| (made(step), time(step, "/Status/Timeline/StartDateTime"), step["Id"].as_str()));
    let mut all: Vec<Vec<&Value>> = Vec::new();
    let mut failed: Option<Timestamp> = None;
    let mut ended: Option<Timestamp> = None;
    for step in ordered {
        let made = made(step);
        let after = |end: Option<Timestamp>, gap: SignedDuration| {
            made.zip(end).is_some_and(|(made, end)| made.duration_since(end) > gap)
        };
        if all.is_empty() || after(failed, SignedDuration::ZERO) || after(ended, GAP) {
            all.push(Vec::new());
            (failed, ended) = (None, None);
        }
        let end = time(step, "/Status/Timeline/EndDateTime");
        ended = ended.max(end);
        if matches!(step.pointer("/Status/State").and_then(Value::as_str), Some("FAILED" | "CANCELLED" | "INTERRUPTED"))
        {
            failed = failed.max(end);
        }
        if let Some(batch) = all.last_mut() {
            batch.push(step);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(id: &str, state: &str, made: &str, ended: &str) -> Value {
        let at = |text: &str| format!("2026-06-{text}:00Z");
        json!({"Id": id, "Status": {"State": state, "Timeline": {
            "CreationDateTime": at(made), "StartDateTime": at(made), "EndDateTime": at(ended)}}})
    }

    fn ids(steps: &[Value]) -> Vec<Vec<&str>> {
        batches(steps).into_iter().map(|batch| batch.into_iter().filter_map(|s| s["Id"].as_str()).collect()).collect()
    }

    #[test]
    fn steps_of_one_run_are_together_and_tries_and_months_apart() {
        let steps = [
            step("c", "COMPLETED", "01T02:10", "01T03:00"),
            step("b", "FAILED", "01T00:00", "01T02:00"),
            step("a", "COMPLETED", "01T00:00", "01T01:00"),
            step("d", "COMPLETED", "01T03:05", "01T04:00"),
            step("e", "COMPLETED", "28T00:00", "28T01:00"),
        ];
        assert_eq!(ids(&steps), [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
        assert_eq!(ids(&[]), Vec::<Vec<&str>>::new());
    }

    #[test]
    fn steps_that_were_given_together_stay_together_after_a_failure() {
        let steps = [step("a", "FAILED", "01T00:00", "01T09:00"), step("b", "CANCELLED", "01T00:00", "01T09:00")];
        assert_eq!(ids(&steps), [vec!["a", "b"]]);
    }
}
