//! Which task runs after which: what EMR's ActionOnFailure means for the tasks of a job.

use serde_json::{Value, json};

/// What a task waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TaskDependencies {
    pub depends_on: Vec<String>,
    /// `None` is ALL_SUCCESS, the default.
    pub run_if: Option<&'static str>,
}

impl TaskDependencies {
    /// The members of the task.
    pub fn put(&self, task: &mut Value) {
        if !self.depends_on.is_empty() {
            task["depends_on"] = self.depends_on.iter().map(|key| json!({ "task_key": key })).collect();
        }
        if let Some(run_if) = self.run_if {
            task["run_if"] = json!(run_if);
        }
    }
}

/// A task of the chain.
#[derive(Clone, Debug)]
pub(super) struct TaskLink {
    pub key: String,
    /// Whether its failure stops all that come after it.
    pub stops: bool,
    /// Whether its failure stops the next one only: both are of one script, which ends when a command fails.
    pub binds: bool,
}

/// A chain of tasks in the order of the steps.
///
/// Behind a step that may fail, a task waits for that step to end however (ALL_DONE) — but a failure further up has to
/// stop it still. It therefore waits for the last stopping step, too, and runs when one or more of both succeeded: had
/// the stopping one failed, the other would not have run. (Databricks, Run if: evaluated after all dependencies ended.)
pub(super) fn chain(steps: &[TaskLink]) -> Vec<TaskDependencies> {
    let mut stopper: Option<&str> = None;
    let mut before: Option<(&str, bool)> = None;
    let mut after = Vec::new();
    for TaskLink { key, stops, binds } in steps {
        after.push(match (before, stopper) {
            (None, _) => TaskDependencies::default(),
            (Some((last, true)), _) => TaskDependencies { depends_on: vec![last.to_owned()], run_if: None },
            (Some((last, false)), None) => {
                TaskDependencies { depends_on: vec![last.to_owned()], run_if: Some("ALL_DONE") }
            }
            (Some((last, false)), Some(stopper)) => TaskDependencies {
                depends_on: vec![stopper.to_owned(), last.to_owned()],
                run_if: Some("AT_LEAST_ONE_SUCCESS"),
            },
        });
        before = Some((key, *stops || *binds));
        if *stops {
            stopper = Some(key);
        }
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which steps EMR runs, given which would fail.
    fn emr(stops: &[bool], fails: &[bool]) -> Vec<bool> {
        let mut stopped = false;
        let mut ran = Vec::new();
        for (stop, fail) in stops.iter().zip(fails) {
            ran.push(!stopped);
            stopped |= *stop && *fail;
        }
        ran
    }

    /// Which tasks Databricks runs: `None` of a task that did not run, else whether it succeeded.
    fn databricks(after: &[TaskDependencies], fails: &[bool]) -> Vec<Option<bool>> {
        let mut ended: Vec<Option<bool>> = Vec::new();
        for (i, after) in after.iter().enumerate() {
            let before: Vec<Option<bool>> =
                after.depends_on.iter().map(|key| ended[key.parse::<usize>().unwrap()]).collect();
            let runs = match after.run_if {
                None => before.iter().all(|b| *b == Some(true)),
                Some("ALL_DONE") => true,
                Some(_) => before.contains(&Some(true)),
            };
            ended.push(runs.then(|| !fails[i]));
        }
        ended
    }

    #[test]
    fn every_failure_has_the_effect_that_it_had_on_emr() {
        const N: usize = 6;
        let bits = |n: usize| (0..N).map(|i| n >> i & 1 == 1).collect::<Vec<bool>>();
        for stops in (0..1 << N).map(bits) {
            let link = |(i, stops): (usize, &bool)| TaskLink { key: i.to_string(), stops: *stops, binds: false };
            let steps: Vec<TaskLink> = stops.iter().enumerate().map(link).collect();
            let after = chain(&steps);
            for fails in (0..1 << N).map(bits) {
                let ran: Vec<bool> = databricks(&after, &fails).iter().map(Option::is_some).collect();
                assert_eq!(ran, emr(&stops, &fails), "{stops:?} {fails:?} {after:?}");
            }
        }
    }

    /// Tasks 1 and 2 are of a script that ends when a command fails; its step may fail.
    #[test]
    fn a_script_that_fails_stops_what_is_left_of_it() {
        let link = |i: usize| TaskLink { key: i.to_string(), stops: i == 0, binds: i == 1 };
        let after = chain(&(0..4).map(link).collect::<Vec<_>>());
        let ran = |fails: [bool; 4]| databricks(&after, &fails).iter().map(Option::is_some).collect::<Vec<_>>();
        assert_eq!(ran([false; 4]), [true; 4]);
        assert_eq!(ran([false, true, false, false]), [true, true, false, true]);
        assert_eq!(ran([false, false, true, false]), [true; 4]);
        assert_eq!(ran([true, false, false, false]), [true, false, false, false]);
    }
}
