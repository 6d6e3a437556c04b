//! Reading how long runs of DAGs took that have a deadline and are changed by a plan: one request a DAG.

use super::{read_each, refusal};
use crate::services::Services;
use plumb_core::cost::expected_end::{EndedRun, ended_runs};
use plumb_core::cost::sla::deadline_of;
use plumb_core::kinds::airflow::dag::AirflowDag;
use plumb_core::manifest::Desired;
use plumb_core::plan::{Action, Live, Plan};
use plumb_model::call::{Call, System};
use plumb_model::read::Read;
use plumb_model::text::percent_encoded;
use std::collections::BTreeSet;

/// How many runs of a DAG are looked at: the newest.
const RUNS: usize = 25;

/// Reads the newest runs that ended well of each DAG with a deadline that a plan changes, and answers whether it asked for any.
/// What cannot be read is said to be not known: a plan is of use without it.
pub async fn ended(services: &Services, desired: &Desired, live: &mut Live, plan: &Plan) -> bool {
    let with_deadline: BTreeSet<_> = desired
        .resources
        .iter()
        .filter(|one| one.kind.name() == AirflowDag::NAME && deadline_of(&one.spec).is_some())
        .map(|one| &one.address)
        .collect();
    let is_asked = |action: Action| !matches!(action, Action::Create | Action::Delete | Action::Release);
    let changes = plan.changes.iter().filter(|one| is_asked(one.action) && with_deadline.contains(&one.address));
    let ids: Vec<String> = changes.filter_map(|change| change.id.clone()).collect();
    if ids.is_empty() {
        return false;
    }
    let read = |id: &String| {
        let runs = Call::get(System::Airflow, format!("/api/v2/dags/{}/dagRuns", percent_encoded(id)));
        let newest = runs.query("state", "success").query("order_by", "-run_after");
        Read::single(newest.query("limit", RUNS.to_string()))
    };
    let answers = read_each(services, ids.iter().map(read).collect(), &|pages| {
        Ok(match pages {
            Ok(pages) => Ok(pages.iter().flat_map(ended_runs).collect::<Vec<EndedRun>>()),
            // Airflow has yet to meet it.
            Err(fault) if fault.is_gone() => Ok(Vec::new()),
            Err(fault) => Err(refusal(fault)),
        })
    })
    .await;
    let answers = answers.unwrap_or_else(|fault| ids.iter().map(|_| Err(fault.to_string())).collect());
    live.ended_runs = ids.into_iter().zip(answers).collect();
    true
}
