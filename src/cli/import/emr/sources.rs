//! What is translated: pipelines as EMR's API has them.

use super::super::super::reading::counted_by;
use super::EmrImport;
use crate::cli::emr::{InventoryProgress, connect, failed};
use crate::cli::session::Project;
use crate::observe::inventory as reading;
use crate::ui::{Failure, Ui};
use plumb_core::detect;
use plumb_core::inventory::choose::{PipelineFilter, chosen, groups, is_named, selector};
use plumb_core::inventory::{self, EmrAccount};
use plumb_core::render::counted;
use plumb_core::render::value::visible;
use plumb_core::translate::{EmrSource, PipelineSource};
use serde_json::Value;

/// Something to translate.
pub(super) struct TranslationSource {
    /// What it is recorded as: it stays the same from run to run.
    pub of: String,
    pub title: String,
    pub pipeline: PipelineSource,
    /// Sentences for the report.
    pub notes: Vec<String>,
}

/// The chosen clusters and applications, as AWS has them.
pub(super) async fn sources(project: &Project, args: &EmrImport, ui: &Ui) -> Result<Vec<TranslationSource>, Failure> {
    let connected = connect(project, ui).await?;
    let service = connected.emr.clone();
    let seam: reading::Seam = service;
    let wanted = match (&args.name, &args.cluster) {
        (_, Some(id)) => PipelineFilter::Cluster(id.clone()),
        (Some(name), None) => PipelineFilter::Named(name.clone()),
        (None, None) => PipelineFilter::All,
    };
    let progress = ui.progress();
    let watch = InventoryProgress(&*progress);
    let read = async {
        let listing: Vec<Value> =
            reading::list(&seam, None, jiff::Timestamp::now(), &watch).await?.into_values().collect();
        let groups = groups(&listing);
        let meant: Vec<(inventory::choose::Group, inventory::choose::Listed)> =
            chosen(&groups, &wanted).into_iter().map(|(group, cluster)| (group.clone(), cluster.clone())).collect();
        let mut account = EmrAccount::default();
        let ids: Vec<(String, bool)> = meant.iter().map(|(_, cluster)| (cluster.id.clone(), true)).collect();
        reading::clusters(&seam, ids.into_iter(), &mut account).await?;
        if args.cluster.is_none() {
            reading::applications(&seam, None, &mut account, &watch).await?;
        }
        Ok((groups, meant, account))
    };
    let read = counted_by(&connected.emr.requests(), &*progress, read).await;
    let (groups, meant, account) = read.map_err(failed)?;
    let unread = |of: &str| account.unknown.iter().filter(|unknown| unknown.of == of).cloned().collect();
    let mut sources = Vec::new();
    for (group, listed) in &meant {
        let Some(cluster) = account.clusters.iter().find(|cluster| cluster.id() == listed.id) else {
            let (id, name) = (&listed.id, visible(&group.name));
            ui.warn(&format!("AWS forgot cluster {id} while it was read: pipeline {name} is left as it is"));
            continue;
        };
        let count = group.clusters.len();
        sources.push(TranslationSource {
            of: format!("pipeline {}", group.name),
            title: group.name.clone(),
            pipeline: PipelineSource {
                unread: unread(&listed.id),
                ..PipelineSource::of(
                    inventory::input::cluster(cluster, &group.name),
                    EmrSource::Clusters(selector(group, &groups)),
                )
            },
            notes: vec![format!(
                "From cluster {} ({}), of {} that AWS still knows.",
                listed.id,
                listed.name,
                counted(count, "cluster", "clusters")
            )],
        });
    }
    let applications = account.serverless.iter().map(|application| {
        let text = |member: &str| detect::masked(application.described[member].as_str().unwrap_or_default());
        (text("applicationId"), text("name"), application)
    });
    for (id, name, application) in applications {
        if args.name.as_ref().is_some_and(|pattern| !is_named(&name, std::iter::empty(), pattern)) {
            continue;
        }
        let runs = application.runs.as_ref().map_or(0, Vec::len);
        sources.push(TranslationSource {
            of: format!("application {id}"),
            title: if name.is_empty() { id.clone() } else { name.clone() },
            pipeline: PipelineSource {
                unread: unread(&id),
                ..PipelineSource::of(inventory::input::application(application), EmrSource::Application(id.clone()))
            },
            notes: vec![format!(
                "From application {id}: the newest run of each job, of {} that AWS still knows.",
                counted(runs, "run", "runs")
            )],
        });
    }
    sources.sort_by(|a, b| (&a.title, &a.of).cmp(&(&b.title, &b.of)));
    match (&wanted, sources.is_empty()) {
        (PipelineFilter::Named(name), true) => {
            let all = groups.iter().map(|group| group.name.clone());
            let mut all: Vec<String> = all.collect();
            all.extend(account.serverless.iter().filter_map(|a| Some(detect::masked(a.described["name"].as_str()?))));
            let failure = Failure::error(format!("nothing on EMR is called `{name}`; nothing was written"));
            Err(if all.is_empty() {
                failure.hint("the account has no cluster and no application that AWS still knows")
            } else {
                failure.hint(format!("there are: {}", all.join(", ")))
            })
        }
        (PipelineFilter::Cluster(id), true) => {
            Err(Failure::error(format!("the account has no cluster {id} in this region; nothing was written"))
                .hint("AWS forgets terminated clusters after about two months"))
        }
        _ => Ok(sources),
    }
}
