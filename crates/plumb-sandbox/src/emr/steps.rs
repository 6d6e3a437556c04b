//! Steps of EMR clusters: AddJobFlowSteps, ListSteps, DescribeStep, CancelSteps.

use super::cluster::{EmrCluster, STEP_STATES, Step, StepState};
use super::replies::{AwsResult, invalid, validation};
use super::{check, clusters, life, paged};
use crate::{answer::Answer, store::Store};
use serde_json::{Value, json};

/// How many steps of a cluster may be pending or running (EMR management guide).
const MOST_ACTIVE: usize = 256;

/// Whether steps can be added to such a cluster.
pub fn fit(steps: &[Value], concurrency: i64, active: usize) -> Result<(), Answer> {
    if steps.len() + active > MOST_ACTIVE {
        return Err(validation("Maximum number of active steps(State: PENDING, RUNNING) for cluster exceeded."));
    }
    for (place, step) in steps.iter().enumerate() {
        let at = |name: &str| format!("steps.{}.member.{name}", place + 1);
        check::text(step, &at("Name"))?;
        check::object(step, &at("HadoopJarStep"))?;
        check::text(&step["HadoopJarStep"], &at("HadoopJarStep.Jar"))?;
        check::texts(&step["HadoopJarStep"], &at("HadoopJarStep.Args"))?;
        if let Some(action) = check::maybe_text(step, &at("ActionOnFailure"))? {
            let known = ["TERMINATE_JOB_FLOW", "TERMINATE_CLUSTER", "CANCEL_AND_WAIT", "CONTINUE"];
            check::one_of(action, &at("ActionOnFailure"), &known)?;
        }
        // "if you specify StepConcurrencyLevel greater than 1, ActionOnFailure should be CONTINUE" (StepConfig).
        if concurrency > 1 && step["ActionOnFailure"] != "CONTINUE" {
            return Err(validation(
                "ActionOnFailure must be CONTINUE when the StepConcurrencyLevel is greater than 1.",
            ));
        }
    }
    Ok(())
}

/// Puts steps at the end of what a cluster has to do.
pub fn push(cluster: &mut EmrCluster, steps: &[Value], role: Option<&str>, at: i64) -> Vec<String> {
    let mut ids = Vec::new();
    for asked in steps {
        let id = cluster.part("s-", 13);
        ids.push(id.clone());
        let role = role.map(str::to_owned);
        cluster.steps.push(Step { id, asked: asked.clone(), role, created: at, ..Step::default() });
    }
    ids
}

pub fn add(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let now = store.now();
    let id = check::text(body, "JobFlowId")?;
    let steps = check::list(body, "Steps")?;
    let role = check::maybe_text(body, "ExecutionRoleArn")?;
    let cluster = store.emr.region(region).clusters.get_mut(id).ok_or_else(clusters::no_job_flow)?;
    if !cluster.phase.is_active() {
        return Err(clusters::over());
    }
    let active = cluster.steps.iter().filter(|step| step.phase.is_active()).count();
    fit(steps, cluster.concurrency, active)?;
    let ids = push(cluster, steps, role, now);
    life::settle(cluster, now);
    Ok(json!({ "StepIds": ids }))
}

pub fn cancel(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let now = store.now();
    let (ids, option) = (check::texts(body, "StepIds")?, check::maybe_text(body, "StepCancellationOption")?);
    check::list(body, "StepIds")?;
    if let Some(option) = option {
        check::one_of(option, "StepCancellationOption", &["SEND_INTERRUPT", "TERMINATE_PROCESS"])?;
    }
    if ids.is_empty() || ids.len() > MOST_ACTIVE {
        return Err(invalid(None, format!("Between 1 and {MOST_ACTIVE} step ids may be given.")));
    }
    let cluster = clusters::known(store, region, body)?;
    // "Available only in Amazon EMR versions 4.8.0 and later, excluding 5.0.0"; running steps since 5.28 (CancelSteps).
    let takes_running = cluster.release() >= (5, 28);
    if let Some(unknown) = ids.iter().find(|id| cluster.steps.iter().all(|step| step.id != **id)) {
        return Err(no_step(unknown));
    }
    let mut told = Vec::new();
    for step in cluster.steps.iter_mut().filter(|step| ids.contains(&step.id)) {
        let (status, reason) = match step.phase {
            StepState::Pending => {
                step.phase = StepState::Cancelled;
                ("SUBMITTED", "")
            }
            StepState::Running if takes_running => {
                step.phase = StepState::CancelPending;
                // It ends in its own time, not in that of what it was doing.
                step.seconds = None;
                ("SUBMITTED", "")
            }
            StepState::Running => ("FAILED", "A running step can be cancelled in EMR 5.28.0 and later only."),
            _ => ("FAILED", "The step is not in a state that can be cancelled."),
        };
        told.push(json!({ "StepId": step.id, "Status": status, "Reason": reason }));
    }
    life::settle(cluster, now);
    Ok(json!({ "CancelStepsInfoList": told }))
}

fn no_step(id: &str) -> Answer {
    invalid(None, format!("Step id '{id}' is not valid."))
}

pub fn list(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let (now, settings) = (store.now(), store.settings.emr.clone());
    let (states, ids) = (check::texts(body, "StepStates")?, check::texts(body, "StepIds")?);
    for state in &states {
        check::one_of(state, "StepStates", &STEP_STATES)?;
    }
    if ids.len() > 10 {
        return Err(invalid(None, "At most 10 step ids may be given."));
    }
    let cluster = clusters::known(store, region, body)?;
    if let Some(unknown) = ids.iter().find(|id| cluster.steps.iter().all(|step| step.id != **id)) {
        return Err(no_step(unknown));
    }
    let wanted = |step: &&Step| {
        (states.is_empty() || states.iter().any(|state| state == step.phase.name()))
            && (ids.is_empty() || ids.contains(&step.id))
    };
    // "The results are in reverse order" (ListSteps).
    let all: Vec<Value> = cluster.steps.iter().rev().filter(wanted).map(Step::shown).collect();
    let answer = paged(&all, body, "Steps")?;
    // The pages of one listing are one look.
    if body["Marker"].is_null() {
        life::look(cluster, &settings, now);
    }
    Ok(answer)
}

pub fn describe(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let (now, settings) = (store.now(), store.settings.emr.clone());
    let id = check::text(body, "StepId")?;
    let cluster = clusters::known(store, region, body)?;
    let step = cluster.steps.iter().find(|step| step.id == id).ok_or_else(|| no_step(id))?;
    let mut shown = step.shown();
    if let Some(info) = crate::failure::emr::additional_info(cluster, step) {
        shown["AdditionalInfo"] = info;
    }
    if let Some(role) = &step.role {
        shown["ExecutionRoleArn"] = json!(role);
    }
    life::look(cluster, &settings, now);
    Ok(json!({ "Step": shown }))
}
