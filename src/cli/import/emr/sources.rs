//! What is translated: pipelines as EMR's API has them.

use super::super::super::reading::counted_by;
use super::EmrImport;
use crate::cli::emr::{InventoryProgress, connect, failed};
use crate::cli::session::Project;
use crate::observe::inventory as reading;
use crate::ui::{Failure, Ui};
use plumb_core::detect;
use plumb_core::inventory::choose::{Group, Listed, PipelineFilter, chosen, groups, is_named, selector, two_before};
use plumb_core::inventory::questions::ClusterQuestions;
use plumb_core::inventory::{self, EmrAccount, RawCluster};
use plumb_core::render::counted;
use plumb_core::render::value::visible;
use plumb_core::translate::{EarlierRun, EmrSource, PipelineSource, RunTime};
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

/// What was read of earlier runs.
struct Earlier {
    clusters: Vec<RawCluster>,
    unread: Vec<reading::UnreadRun>,
}

impl Earlier {
    /// The earlier runs of a pipeline, and sentences about them.
    fn of(&self, group: &Group, cluster: &Listed) -> (Vec<EarlierRun>, Vec<String>) {
        let ids = earlier(group, cluster);
        let find = |id: &String| self.clusters.iter().find(|cluster| cluster.id() == *id);
        let read: Vec<&RawCluster> = ids.iter().filter_map(find).collect();
        let names: Vec<String> = read.iter().map(|cluster| cluster.id()).collect();
        let compared = format!("What changes from run to run is told by comparing it with {}.", names.join(" and "));
        let notes = (!read.is_empty()).then_some(compared).into_iter();
        let notes = notes.chain(ids.iter().filter_map(|id| self.unread(id))).collect();
        let run = |cluster: &RawCluster| EarlierRun {
            run: RunTime { created: cluster.created(), ..RunTime::default() },
            input: inventory::input::cluster(cluster, &group.name),
        };
        (read.into_iter().map(run).collect(), notes)
    }

    /// A sentence about an earlier run that could not be read.
    fn unread(&self, id: &str) -> Option<String> {
        let (id, why) = self.unread.iter().find(|(unread, _)| unread == id)?;
        Some(format!(
            "The earlier run {id} could not be read ({}): what changes from run to run is told by fewer runs.",
            detect::masked(why)
        ))
    }
}

/// The clusters that show best what changes from run to run: two of those before the one that is translated.
fn earlier(group: &Group, cluster: &Listed) -> Vec<String> {
    let end = group.clusters.iter().position(|other| other.id == cluster.id).map_or(0, |at| at + 1);
    let until = &group.clusters[..end];
    let times: Vec<_> = until.iter().map(|cluster| cluster.created).collect();
    two_before(&times).into_iter().map(|at| until[at].id.clone()).collect()
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
        let listing = reading::list(&seam, None, jiff::Timestamp::now(), &watch).await?;
        let groups = groups(&listing.values().cloned().collect::<Vec<Value>>());
        let meant: Vec<(Group, Listed)> =
            chosen(&groups, &wanted).into_iter().map(|(group, cluster)| (group.clone(), cluster.clone())).collect();
        let mut account = EmrAccount::default();
        let entry = |id: &String| listing.get(id).cloned();
        let newest = meant.iter().filter_map(|(_, cluster)| Some((entry(&cluster.id)?, ClusterQuestions::ALL)));
        reading::clusters(&seam, newest, &mut account).await?;
        let before = meant.iter().flat_map(|(group, cluster)| earlier(group, cluster));
        let before = before.filter_map(|id| entry(&id)).collect();
        let (before, mut unread) = reading::earlier_clusters(&seam, before).await;
        if args.cluster.is_none() {
            reading::applications(&seam, None, &mut account, &watch).await?;
            unread.extend(reading::earlier_runs(&seam, &mut account).await);
        }
        Ok((groups, meant, account, Earlier { clusters: before, unread }))
    };
    let read = counted_by(&connected.emr.requests(), &*progress, read).await;
    let (groups, meant, account, before) = read.map_err(failed)?;
    let unread = |of: &str| account.unknown.iter().filter(|unknown| unknown.of == of).cloned().collect();
    let mut sources = Vec::new();
    for (group, listed) in &meant {
        let Some(cluster) = account.clusters.iter().find(|cluster| cluster.id() == listed.id) else {
            let (id, name) = (&listed.id, visible(&group.name));
            ui.warn(&format!("AWS forgot cluster {id} while it was read: pipeline {name} is left as it is"));
            continue;
        };
        let count = group.clusters.len();
        let (earlier, compared) = before.of(group, listed);
        sources.push(TranslationSource {
            of: format!("pipeline {}", group.name),
            title: group.name.clone(),
            pipeline: PipelineSource {
                unread: unread(&listed.id),
                run: RunTime { created: cluster.created(), ..RunTime::default() },
                earlier,
                ..PipelineSource::of(
                    inventory::input::cluster(cluster, &group.name),
                    EmrSource::Clusters(selector(group, &groups)),
                )
            },
            notes: std::iter::once(format!(
                "From cluster {} ({}), of {} that AWS still knows.",
                listed.id,
                listed.name,
                counted(count, "cluster", "clusters")
            ))
            .chain(compared)
            .collect(),
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
        let known = application.runs.iter().flatten().filter_map(|run| run.listed["id"].as_str());
        let unread_runs: Vec<String> = known.filter_map(|id| before.unread(id)).collect();
        let earlier = [1, 2].into_iter().map(|number| EarlierRun {
            run: RunTime::default(),
            input: inventory::input::application_before(application, number),
        });
        sources.push(TranslationSource {
            of: format!("application {id}"),
            title: if name.is_empty() { id.clone() } else { name.clone() },
            pipeline: PipelineSource {
                unread: unread(&id),
                earlier: earlier.filter(|run| run.input["jobRuns"] != Value::Array(Vec::new())).collect(),
                ..PipelineSource::of(inventory::input::application(application), EmrSource::Application(id.clone()))
            },
            notes: std::iter::once(format!(
                "From application {id}: the newest run of each job, of {} that AWS still knows.",
                counted(runs, "run", "runs")
            ))
            .chain(unread_runs)
            .collect(),
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
