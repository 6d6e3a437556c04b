//! Pipelines as the target's Airflow knows them: without a call to AWS.

use super::super::super::reading::counted_by;
use super::EmrImport;
use super::sources::TranslationSource;
use crate::cli::embedded;
use crate::cli::session::Project;
use crate::observe::dags::{self, DagFilter, ReadDags};
use crate::services::Requests;
use crate::ui::{Failure, Ui};
use plumb_core::render::counted;
use plumb_core::render::value::visible;
use plumb_core::translate::airflow::{AirflowPipeline, pipelines};
use plumb_model::call::{Service, ServiceError, System};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The pipelines that DAGs of the target's Airflow start on EMR.
pub(super) async fn sources(
    project: &Project,
    args: &EmrImport,
    dag: Option<&str>,
    ui: &Ui,
) -> Result<Vec<TranslationSource>, Failure> {
    let (airflow, _running) = connect(project, ui).await?;
    let wanted = match (dag, &args.name) {
        (Some(id), _) => DagFilter::One(id.to_owned()),
        (None, Some(pattern)) => DagFilter::Named(pattern.clone()),
        (None, None) => DagFilter::All,
    };
    let progress = ui.progress();
    let (service, requests) = airflow;
    let read = counted_by(&requests, &*progress, dags::read(service, &wanted)).await.map_err(failed)?;
    let found = pipelines(&read.readings);
    tell(&read, &found, ui);
    if found.is_empty()
        && let Some(id) = dag
    {
        return Err(Failure::error(format!(
            "DAG {} starts nothing on EMR that plumb can read; nothing was written",
            visible(id)
        ))
        .hint("--from airflow says what it finds in all of them"));
    }
    Ok(found.into_iter().map(source).collect())
}

fn source(found: AirflowPipeline) -> TranslationSource {
    TranslationSource { of: found.of, title: found.title, pipeline: found.source, notes: found.notes }
}

type Connected = (Arc<dyn Service>, Requests);

/// The target's Airflow, emulated or not.
async fn connect(project: &Project, ui: &Ui) -> Result<(Connected, Option<embedded::Emulator>), Failure> {
    let target = &project.desired.target;
    if target.sandbox {
        let (services, running) = embedded::start(project, target).await?;
        ui.detail(&running.describe(target));
        let service = services.for_system(System::Airflow).map_err(failed)?;
        return Ok(((service, Requests::default()), Some(running)));
    }
    let Some(named) = &target.airflow else {
        let failure = Failure::error(format!("the target {} has no Airflow; nothing was sent", target.name));
        return Err(failure.hint("add `airflow: {url: ADDRESS}` or `airflow: {mwaa: ENVIRONMENT}` to it in plumb.yaml"));
    };
    let airflow = project.airflow(named, ui).await?;
    let requests = airflow.requests();
    Ok(((Arc::new(airflow), requests), None))
}

fn failed(fault: ServiceError) -> Failure {
    Failure::error(format!("reading Airflow failed: {fault}")).hint("nothing was changed or written")
}

/// Says what is not among the pipelines, and why.
fn tell(read: &ReadDags, found: &[AirflowPipeline], ui: &Ui) {
    if read.skipped > 0 {
        let are = counted(read.skipped, "DAG starts", "DAGs start");
        ui.status(&format!("{are} nothing on EMR."));
    }
    for (dag, why) in &read.refused {
        ui.warn(&format!("DAG {} is left out: its tasks may not be read: {}", visible(dag), visible(why)));
    }
    let with: BTreeSet<&str> = found.iter().filter_map(|one| Some(one.source.dag.as_ref()?.dag_id.as_str())).collect();
    for reading in &read.readings {
        let id = reading.listed["dag_id"].as_str().unwrap_or_default();
        if !with.contains(id) {
            ui.warn(&format!(
                "DAG {} is left out: it has operators of EMR, and Airflow has no rendered fields of a run of it{}",
                visible(id),
                match reading.unread.first() {
                    Some(unread) => format!(": {} was refused ({})", visible(&unread.what), visible(&unread.why)),
                    None => String::new(),
                }
            ));
        }
    }
}
