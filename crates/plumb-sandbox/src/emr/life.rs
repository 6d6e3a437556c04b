//! State changes of clusters and their steps: by the sandbox's clock, or one with each request that reads them.
//!
//! STARTING, BOOTSTRAPPING, RUNNING while there are steps, WAITING while there are none, TERMINATING, TERMINATED. What
//! EMR says of each is from recorded answers (`StateChangeReason`).

use super::cluster::{EmrCluster, EmrClusterState, Reason, Step, StepState};
use super::settings::{EmrSettings, Failure};
use super::{instances, scaling};
use crate::failure::emr as failing;
use crate::store::Store;
use serde_json::json;

const DAY: i64 = 86_400_000;

/// Something that happens to a cluster by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    /// The state is left for the next one.
    Phase,
    /// The step at this place ends.
    Step(usize),
    /// The resize is done: as many instances run as were requested.
    Resized,
    /// It has been idle for too long.
    Idle,
    /// No spot instance came in time.
    SpotTimeout,
}

/// Moves every cluster to where the clock says it is, and forgets those that ended long ago.
pub fn tick(store: &mut Store) {
    let (now, settings) = (store.now(), store.settings.emr.clone());
    for region in store.emr.regions.values_mut() {
        for cluster in region.clusters.values_mut() {
            catch_up(cluster, &settings, now);
        }
        let horizon = now.saturating_sub(settings.forget_days.saturating_mul(DAY));
        region.clusters.retain(|_, cluster| cluster.ended.is_none_or(|ended| ended > horizon));
    }
    failing::deliver(store);
}

/// When next something happens to a cluster by the clock, after a time.
pub fn due(store: &Store, after: i64) -> Option<i64> {
    let clusters = store.emr.regions.values().flat_map(|region| region.clusters.values());
    let all = clusters.filter(|cluster| !cluster.phase.has_ended());
    all.flat_map(|cluster| pending(cluster, &store.settings.emr))
        .filter_map(|(due, _)| due)
        .filter(|at| *at > after)
        .min()
}

/// Lets everything happen that is due.
fn catch_up(cluster: &mut EmrCluster, settings: &EmrSettings, now: i64) {
    loop {
        let due = pending(cluster, settings).into_iter().filter_map(|(due, event)| Some((due?, event)));
        let Some((at, event)) = due.filter(|(due, _)| *due <= now).min_by_key(|(due, _)| *due) else { return };
        happen(cluster, settings, event, at);
    }
}

/// A request read the cluster: one event that waits for that happens.
pub(crate) fn look(cluster: &mut EmrCluster, settings: &EmrSettings, now: i64) {
    let waiting = pending(cluster, settings).into_iter().find(|(due, _)| due.is_none());
    if let Some((_, event)) = waiting {
        happen(cluster, settings, event, now);
    }
}

/// The events to come, and when; one without a time waits for a request that reads the cluster.
fn pending(cluster: &EmrCluster, settings: &EmrSettings) -> Vec<(Option<i64>, Event)> {
    let after =
        |from: i64, seconds: Option<i64>| seconds.map(|seconds| from.saturating_add(seconds.saturating_mul(1000)));
    let mut events = Vec::new();
    match cluster.phase {
        EmrClusterState::Starting => {
            if let Some(minutes) = instances::spot_timeout(cluster, settings) {
                return vec![(after(cluster.since, Some(minutes * 60)), Event::SpotTimeout)];
            }
            events.push((after(cluster.since, settings.cluster_seconds), Event::Phase));
        }
        EmrClusterState::Bootstrapping | EmrClusterState::Terminating => {
            events.push((after(cluster.since, settings.cluster_seconds), Event::Phase));
        }
        EmrClusterState::Running | EmrClusterState::Waiting => {
            for (at, step) in cluster.steps.iter().enumerate() {
                if matches!(step.phase, StepState::Running | StepState::CancelPending) {
                    let outcome = settings.steps.get(step.name());
                    let seconds = step.seconds.or_else(|| outcome?.seconds).or(settings.step_seconds);
                    events.push((after(step.started.unwrap_or(cluster.since), seconds), Event::Step(at)));
                }
            }
            if let Some(from) = instances::resizing(cluster) {
                events.push((after(from, settings.cluster_seconds), Event::Resized));
            }
            let idle = cluster.idle.as_ref().and_then(|policy| policy["IdleTimeout"].as_i64());
            if let (EmrClusterState::Waiting, Some(seconds)) = (cluster.phase, idle) {
                events.push((after(cluster.idle_from, Some(seconds)), Event::Idle));
            }
        }
        EmrClusterState::Terminated | EmrClusterState::TerminatedWithErrors => {}
    }
    events
}

fn happen(cluster: &mut EmrCluster, settings: &EmrSettings, event: Event, at: i64) {
    match event {
        Event::Phase => next_phase(cluster, settings, at),
        Event::Step(place) => {
            end_step(cluster, settings, place, at);
            settle(cluster, at);
        }
        Event::Resized => instances::resized(cluster, at),
        // Termination protection is about calls, users and errors (`TerminationProtected`, JobFlowInstancesConfig), none
        // of which an idle cluster is. What EMR says here is not recorded, and its codes have none for it.
        Event::Idle => end(cluster, at, Reason::said("Terminated by the auto-termination policy"), false),
        Event::SpotTimeout => {
            if instances::spot_ends_it(cluster) {
                let words = "Instance fleet provisioning timed out: no spot capacity was available";
                end(cluster, at, Reason::coded("INSTANCE_FLEET_TIMEOUT", words), true);
            } else {
                instances::switch_to_on_demand(cluster);
            }
        }
    }
}

fn next_phase(cluster: &mut EmrCluster, settings: &EmrSettings, at: i64) {
    match cluster.phase {
        EmrClusterState::Starting => {
            cluster.phase = EmrClusterState::Bootstrapping;
            cluster.since = at;
            instances::provision(cluster, at);
            cluster.reason = Reason::said("Running bootstrap actions");
        }
        EmrClusterState::Bootstrapping => match settings.failures.get(cluster.name()) {
            Some(Failure { scenario: Some(scenario), .. }) => {
                let reason = failing::fail_to_start(cluster, *scenario);
                end(cluster, at, reason, true);
            }
            Some(failure) => {
                cluster.errors = vec![json!({ "ErrorCode": failure.code, "ErrorMessage": failure.message })];
                end(cluster, at, Reason::coded(&failure.code, &failure.message), true);
            }
            None => {
                cluster.ready = Some(at);
                instances::ready(cluster, at);
                cluster.phase = EmrClusterState::Running;
                cluster.since = at;
                settle(cluster, at);
            }
        },
        EmrClusterState::Terminating => {
            cluster.phase = cluster.ending.unwrap_or(EmrClusterState::Terminated);
            cluster.since = at;
            cluster.ended = Some(at);
            instances::end(cluster, at);
        }
        EmrClusterState::Running
        | EmrClusterState::Waiting
        | EmrClusterState::Terminated
        | EmrClusterState::TerminatedWithErrors => {}
    }
}

/// Starts what can start, and waits or ends where there is nothing to do.
pub(crate) fn settle(cluster: &mut EmrCluster, at: i64) {
    if !matches!(cluster.phase, EmrClusterState::Running | EmrClusterState::Waiting) {
        return;
    }
    let running = |step: &Step| matches!(step.phase, StepState::Running | StepState::CancelPending);
    let slots = usize::try_from(cluster.concurrency).unwrap_or(1);
    let mut free = slots.saturating_sub(cluster.steps.iter().filter(|step| running(step)).count());
    for step in cluster.steps.iter_mut().filter(|step| step.phase == StepState::Pending) {
        if free == 0 {
            break;
        }
        free -= 1;
        step.phase = StepState::Running;
        step.started = Some(at);
    }
    if cluster.steps.iter().any(running) {
        if cluster.phase != EmrClusterState::Running {
            cluster.phase = EmrClusterState::Running;
            cluster.since = at;
        }
        cluster.reason = Reason::said("Running step");
        scaling::scale(cluster, true, at);
        return;
    }
    let failed = cluster.steps.iter().any(|step| step.phase == StepState::Failed);
    if !cluster.keep_alive {
        // EMR ends a cluster after its last step whether it is protected or not (management guide, "Using termination
        // protection"). One whose steps failed without ending it is TERMINATED with no code (snowplow/dataflow-runner#103).
        let reason = if failed {
            Reason::said("Steps completed with errors")
        } else {
            Reason::coded("ALL_STEPS_COMPLETED", "Steps completed")
        };
        return end(cluster, at, reason, false);
    }
    if cluster.phase != EmrClusterState::Waiting {
        cluster.phase = EmrClusterState::Waiting;
        cluster.since = at;
        cluster.idle_from = at;
        let last = cluster.steps.iter().rev().find(|step| !step.phase.is_active());
        cluster.reason = Reason::said(match last.map(|step| step.phase) {
            None => "Cluster ready to run steps.",
            Some(StepState::Failed) => "Cluster ready after last step failed.",
            Some(StepState::Cancelled) => "Cluster ready after last step cancelled.",
            Some(_) => "Cluster ready after last step completed.",
        });
    }
    scaling::scale(cluster, false, at);
}

fn end_step(cluster: &mut EmrCluster, settings: &EmrSettings, place: usize, at: i64) {
    let log = cluster.asked["LogUri"].as_str().map(|uri| uri.trim_end_matches('/').to_owned());
    let id = cluster.id.clone();
    let Some(step) = cluster.steps.get_mut(place) else { return };
    step.ended = Some(at);
    if step.phase == StepState::CancelPending {
        step.phase = StepState::Cancelled;
        return;
    }
    let outcome = settings.steps.get(step.name());
    if let Some(scenario) = outcome.and_then(|outcome| outcome.scenario) {
        let action = step.on_failure().to_owned();
        failing::end_step(cluster, place, scenario, at);
        // Cancelling a step is no failure of it.
        if cluster.steps[place].phase == StepState::Failed {
            failed(cluster, &action, at);
        }
        return;
    }
    let outcome = outcome.filter(|outcome| outcome.fails);
    let Some(outcome) = outcome else {
        step.phase = StepState::Completed;
        return;
    };
    step.phase = StepState::Failed;
    let mut details = json!({ "Reason": outcome.reason.as_deref().unwrap_or("Unknown Error.") });
    if let Some(message) = &outcome.message {
        details["Message"] = json!(message);
    }
    if let Some(log) = log {
        details["LogFile"] = json!(format!("{log}/{id}/steps/{}/stderr.gz", step.id));
    }
    step.failure = Some(details);
    let action = step.on_failure().to_owned();
    failed(cluster, &action, at);
}

/// What a failed step does to the rest (EMR management guide, `ActionOnFailure`).
fn failed(cluster: &mut EmrCluster, action: &str, at: i64) {
    let cancels = action != "CONTINUE";
    if cancels {
        for step in cluster.steps.iter_mut().filter(|step| step.phase == StepState::Pending) {
            step.phase = StepState::Cancelled;
        }
    }
    // Protection is also against errors of steps; then it is as if the step had said CANCEL_AND_WAIT.
    let guarded = cluster.protected && cluster.keep_alive;
    if matches!(action, "TERMINATE_CLUSTER" | "TERMINATE_JOB_FLOW") && !guarded {
        end(cluster, at, Reason::coded("STEP_FAILURE", "Shut down as step failed"), true);
    }
}

/// Begins the end of a cluster.
pub(crate) fn end(cluster: &mut EmrCluster, at: i64, reason: Reason, with_errors: bool) {
    cluster.phase = EmrClusterState::Terminating;
    cluster.since = at;
    cluster.reason = reason;
    cluster.ending =
        Some(if with_errors { EmrClusterState::TerminatedWithErrors } else { EmrClusterState::Terminated });
    for step in cluster.steps.iter_mut().filter(|step| step.phase.is_active()) {
        if step.phase != StepState::Pending {
            step.ended = Some(at);
        }
        step.phase = StepState::Cancelled;
    }
}
