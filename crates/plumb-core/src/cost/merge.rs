//! What is kept, and what a new look found, as one: a look that knows less takes nothing away.

use super::facts::{KeptRun, KeptRuns, RunResult, RunTrigger};

/// Facts after a look, and what it added.
#[derive(Clone, Debug, PartialEq)]
pub struct MergedRuns {
    pub kept: KeptRuns,
    /// How many runs are in it that were not.
    pub new: usize,
    /// How many it says more of.
    pub changed: usize,
}

/// Adds the runs of a look. What was kept stays where nothing newer is known.
pub fn merge(mut kept: KeptRuns, looked: Vec<KeptRun>) -> MergedRuns {
    let (mut new, mut changed) = (0, 0);
    for run in looked {
        match kept.runs.iter_mut().find(|known| (known.system, &known.id) == (run.system, &run.id)) {
            Some(known) => {
                let both = of_both(known, run);
                changed += usize::from(both != *known);
                *known = both;
            }
            None => {
                kept.runs.push(run);
                new += 1;
            }
        }
    }
    kept.sort();
    MergedRuns { kept, new, changed }
}

/// What two looks at one run say.
fn of_both(kept: &KeptRun, looked: KeptRun) -> KeptRun {
    let takes_over = knows_as_much(&looked, kept);
    let (mut run, other) = if takes_over { (looked, kept.clone()) } else { (kept.clone(), looked) };
    // What one of them alone knows stays known.
    run.tick = run.tick.or(other.tick);
    run.dag_run = run.dag_run.or(other.dag_run);
    run.started = run.started.or(other.started);
    run.ended = run.ended.or(if run.outcome == other.outcome { other.ended } else { None });
    if run.stages.len() < other.stages.len() && run.outcome == other.outcome {
        run.stages = other.stages;
    }
    if run.nodes.is_empty() {
        run.nodes = other.nodes;
    }
    run.serverless = run.serverless.or(other.serverless);
    run.databricks = match (run.databricks, other.databricks) {
        (Some(mut one), Some(two)) => {
            one.measured_millidbu = one.measured_millidbu.or(two.measured_millidbu);
            one.sku = one.sku.or(two.sku);
            Some(one)
        }
        (one, two) => one.or(two),
    };
    if run.nodes.is_empty() {
        run.normalized_instance_hours = run.normalized_instance_hours.or(other.normalized_instance_hours);
    } else {
        run.normalized_instance_hours = None;
    }
    if run.trigger == RunTrigger::Unknown {
        run.trigger = other.trigger;
    }
    if run.name.is_empty() {
        run.name = other.name;
    }
    // A cause is read again as its logs are, and better known later; both may be what was kept.
    run.cause = if takes_over { run.cause.or(other.cause) } else { other.cause.or(run.cause) };
    if run.outcome == RunResult::Succeeded {
        run.cause = None;
    }
    run
}

/// How much a run is over: one that went on is replaced by its end.
fn over(run: &KeptRun) -> u8 {
    match run.outcome {
        RunResult::Unknown => 0,
        RunResult::Running => 1,
        RunResult::Succeeded | RunResult::Failed | RunResult::Cancelled => 2,
    }
}

/// Whether a look knows no less than what was kept.
fn knows_as_much(looked: &KeptRun, kept: &KeptRun) -> bool {
    if over(looked) != over(kept) {
        return over(looked) > over(kept);
    }
    // A run that was repaired, or a cluster that was given more to do, ends later.
    if looked.ended.zip(kept.ended).is_some_and(|(looked, kept)| looked > kept) {
        return true;
    }
    if looked.nodes.is_empty() != kept.nodes.is_empty() {
        return !looked.nodes.is_empty();
    }
    let (new, old) = (looked.node_seconds(), kept.node_seconds());
    if new.high < old.low {
        return false;
    }
    if new.low > old.high {
        return true;
    }
    let (width, was) = (new.high - new.low, old.high - old.low);
    if width != was {
        return width < was;
    }
    looked.unknown.len() <= kept.unknown.len()
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
