//! What a plan says of the deadlines of DAGs: when their runs are expected to end, and what this Airflow does with them.

use super::context::PlanContext;
use super::{Action, Change, Note};
use crate::cost::expected_end::{DeadlineOutlook, outlook};
use crate::kinds::airflow::dag::AirflowDag;
use crate::kinds::airflow::dag_deadline::{AirflowRelease, DeadlineStart};
use crate::kinds::airflow::dag_spec::DagSpec;

/// Says it of every DAG that is changed and has a deadline. No part of any digest.
pub(super) fn say(context: &PlanContext<'_>, changes: &mut [Change], notes: &mut Vec<Note>) {
    let (desired, live) = (context.input.desired, context.input.live);
    notes.extend(live.airflow.as_ref().and_then(|is| another(context, is)).map(Note::general));
    for change in changes.iter_mut().filter(|change| change.address.kind == AirflowDag::NAME) {
        if matches!(change.action, Action::Delete | Action::Release) {
            continue;
        }
        let Some(resource) = context.lookup.resource(&change.address) else { continue };
        let from = live.airflow.as_ref().map_or(DeadlineStart::Queued, AirflowRelease::counts_from);
        let ended = change.id.as_ref().and_then(|id| live.ended_runs.get(id));
        let of = outlook((desired, resource), from, ended, &live.kept_runs, context.input.now);
        let Some(of) = of else { continue };
        let dag: Option<DagSpec> = serde_json::from_value(resource.spec.to_value()).ok();
        let unwatched = live.airflow.as_ref().zip(dag).and_then(|(airflow, dag)| airflow.warns(&dag));
        notes.extend(unwatched.into_iter().chain(of.warns()).map(|says| Note::new(&change.address, says)));
        for field in change.fields.iter_mut().filter(|field| field.path == "deadline" && field.note.is_none()) {
            field.note = field.to.as_ref().map(|_| DeadlineOutlook::says(&of));
        }
        change.deadline = Some(Box::new(of));
    }
}

/// That the target's Airflow is not the release that plumb.yaml says.
fn another(context: &PlanContext<'_>, is: &AirflowRelease) -> Option<String> {
    let target = &context.input.desired.target;
    let said = AirflowRelease::read(target.airflow.as_ref()?.version.as_deref()?)?;
    // Only the major version may be known.
    let differs = if is.minor.is_some() { !is.is_said_by(&said) } else { is.major != said.major };
    differs.then(|| {
        format!(
            "target {} says Airflow {}, and it is {}: correct `airflow.version` in plumb.yaml",
            target.name,
            said.text(),
            is.text()
        )
    })
}
